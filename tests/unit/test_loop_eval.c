/* The loop IR's evaluator: every fault has kernels that trip it and neighbours that do not;
 * constructs of all targets compute what plain C does. Kernels are written as text. */
#include "loop_fixture.h"

#include <math.h>

static LKernel *read_kernel(Fixture *f, const char *text) {
    const Source *source = diag_add_source(f->diag, "k.loops", text, strlen(text));
    LProgram *p = lprogram_parse(source, f->module, f->diag);
    cr_assert(p && p->kernels.len >= 1, "%s", diag_text(f->diag));
    f->program = p;
    return p->kernels.data[0];
}

/* ---- faults ---------------------------------------------------------------------------------- */

/* Three arrays of 64: x (f32, read), n (i64: 0, 1, 2 ...), y (f32, written only by the kernel). */
#define KERNEL(body)                                                                               \
    "kernel k(x: global f32[64] read, n: global i64[64] read, y: global f32[64] readwrite) "       \
    "{\n" body "\n}\n"

typedef struct Example {
    const char *text;
    LFault fault;
    const char *message;
} Example;

static void check_example(const Example *e) {
    Fixture f = start();
    LKernel *k = read_kernel(&f, e->text);
    float x[64], y[64];
    int64_t n[64];
    for (int i = 0; i < 64; i++) x[i] = (float)i, y[i] = 0, n[i] = i;
    LMemory params[3] = {memory(x, 64), memory(n, 64), fresh(&f, y, 64)};
    LEvalOptions options = {0, 100000};
    LFault fault = lkernel_eval(k, f.module->dims, params, &options, f.diag);
    cr_assert_eq(fault, e->fault, "%s%s", e->text, diag_text(f.diag));
    cr_assert_eq(diag_error_count(f.diag), e->fault != LFAULT_NONE);
    if (e->message) cr_assert(strstr(diag_text(f.diag), e->message), "%s", diag_text(f.diag));
    finish(&f);
}

static void check_examples(const Example *examples, size_t count) {
    for (size_t i = 0; i < count; i++) check_example(&examples[i]);
}
#define CHECK(examples) check_examples(examples, COUNT_OF(examples))

Test(loop_eval, bounds) {
    static const Example examples[] = {
        {KERNEL("serial i in 0..64 { y[i] = x[i] }"), LFAULT_NONE, 0},
        {KERNEL("serial i in 0..65 { y[i] = 1.0 }"), LFAULT_BOUNDS,
         "y[64] is outside of its buffer"},
        {KERNEL("serial i in 0..4 { y[i] = x[i - 1] }"), LFAULT_BOUNDS, "x[-1]"},
        {KERNEL("serial i in 0..4 { y[i] = x[n[i] * 30] }"), LFAULT_BOUNDS, "(i=3)"},
        {KERNEL("y[ramp(56, 1, 8)] = x[ramp(56, 1, 8)]"), LFAULT_NONE, 0},
        {KERNEL("y[ramp(57, 1, 8)] = x[ramp(56, 1, 8)]"), LFAULT_BOUNDS, "y[64]"},
        {KERNEL("y[ramp(0, 1, 8)] = x[ramp(57, 1, 8)]"), LFAULT_BOUNDS, "x[64]"},
        {KERNEL("y[ramp(0, 1, 8)] = x[ramp(57, 1, 8); ramp(0, 1, 8) < i64x8(7), f32x8(0.0)]"),
         LFAULT_NONE, 0},
        {KERNEL("y[ramp(60, 1, 8); ramp(0, 1, 8) < i64x8(4)] = f32x8(1.0)"), LFAULT_NONE, 0},
        {KERNEL("y[ramp(60, 1, 8); ramp(0, 1, 8) < i64x8(5)] = f32x8(1.0)"), LFAULT_BOUNDS,
         "y[64]"},
        {KERNEL("y[ramp(0, 9, 8)] = f32x8(1.0)"), LFAULT_NONE, 0},
        {KERNEL("y[ramp(0, 10, 8)] = f32x8(1.0)"), LFAULT_BOUNDS, "y[70]"},
        {KERNEL("y[0] = x[70; false, 1.0]"), LFAULT_NONE, 0},
        {KERNEL("prefetch x[100]"), LFAULT_NONE, 0},
        {KERNEL("declare t: private f32[64] copy t[60] = x[0] count 5 wait"), LFAULT_BOUNDS,
         "copy of 5"},
        {KERNEL("tile_store y[0] stride 16 = tile_load(tile<4x16,f32>, x[0], 16)"), LFAULT_NONE, 0},
        {KERNEL("tile_store y[0] stride 16 = tile_load(tile<4x16,f32>, x[1], 16)"), LFAULT_BOUNDS,
         "row 3"},
    };
    CHECK(examples);
}

Test(loop_eval, uninitialized) {
    static const Example examples[] = {
        {KERNEL("let a = y[0]"), LFAULT_UNINITIALIZED, "y[0] is read before it is written"},
        {KERNEL("y[0] = 1.0 let a = y[0]"), LFAULT_NONE, 0},
        {KERNEL("declare t: private f32[4] y[0] = t[2]"), LFAULT_UNINITIALIZED, "t[2]"},
        {KERNEL(
             "serial i in 0..2 { declare t: private f32[1] if i > 0 { y[i] = t[0] } t[0] = 1.0 }"),
         LFAULT_UNINITIALIZED, "(i=1)"},
        {KERNEL("declare t: private f32x4[1] t[0; ramp(0, 1, 4) < i64x4(3)] = f32x4(1.0) y[ramp(0, "
                "1, 4)] = t[0]"),
         LFAULT_UNINITIALIZED, "t[0]"},
        {KERNEL("declare t: private f32x4[1] t[0; ramp(0, 1, 4) < i64x4(3)] = f32x4(1.0) y[ramp(0, "
                "1, 4)] = t[0; ramp(0, 1, 4) < i64x4(3), f32x4(2.0)]"),
         LFAULT_NONE, 0},
        {KERNEL("declare t: private f32[8] fold(2) serial i in 0..8 { t[i] = x[i] } y[0] = t[6] + "
                "t[7]"),
         LFAULT_NONE, 0},
        {KERNEL("declare t: private f32[8] fold(2) serial i in 0..8 { t[i] = x[i] } y[0] = t[5]"),
         LFAULT_UNINITIALIZED, "another index took its place"},
        {KERNEL("declare t: private f32[8] fold(2) t[0] = 1.0 y[0] = t[2]"), LFAULT_UNINITIALIZED,
         "t[2]"},
        {KERNEL("declare t: private f32[8] copy t[0] = x[0] count 8 y[0] = t[0] wait"),
         LFAULT_UNINITIALIZED, "t[0]"},
        {KERNEL("declare t: private f32[8] copy t[0] = x[0] count 8 wait y[0] = t[0]"), LFAULT_NONE,
         0},
        {KERNEL("declare t: private f32[8] copy t[0] = x[0] count 8"), LFAULT_UNINITIALIZED,
         "never waited for"},
    };
    CHECK(examples);
}

Test(loop_eval, races) {
    static const Example examples[] = {
        {KERNEL("parallel i in 0..8 { y[i] = x[0] + x[i] }"), LFAULT_NONE, 0},
        {KERNEL("parallel i in 0..8 { y[0] = x[i] }"), LFAULT_RACE, "y[0]"},
        {KERNEL("serial i in 0..8 { y[0] = x[i] }"), LFAULT_NONE, 0},
        {KERNEL("y[0] = 1.0 parallel i in 1 +: 7 { y[i] = y[0] }"), LFAULT_NONE, 0},
        {KERNEL("y[0] = 1.0 parallel i in 0..7 { y[i + 1] = y[i] }"), LFAULT_RACE, "y[1]"},
        {KERNEL("serial i in 0..9 { y[i] = 1.0 } parallel i in 0..7 { y[i] = y[i + 1] }"),
         LFAULT_RACE, "y[1]"},
        {KERNEL("serial i in 0..9 { y[i] = 1.0 } vector i in 0..7 width 4 tail peel { y[i] = y[i + "
                "1] }"),
         LFAULT_RACE, 0},
        {KERNEL("serial i in 0..9 { y[i] = 1.0 } serial i in 0..7 { y[i] = y[i + 1] }"),
         LFAULT_NONE, 0},
        {KERNEL("parallel i in 0..4 { serial j in 0..4 { y[4 * i] = 1.0 } y[4 * i] = y[4 * i] + "
                "1.0 }"),
         LFAULT_NONE, 0},
        {KERNEL("parallel i in 0..4 { vector j in 0..4 width 4 tail none { y[j] = 1.0 } }"),
         LFAULT_RACE, "(i=1, j=0)"},
        {KERNEL("parallel i in 0..4 { vector j in 0..4 width 4 tail none { y[4 * i + j] = 1.0 } }"),
         LFAULT_NONE, 0},
        {KERNEL("parallel i in 0..4 { vector j in 0..4 width 4 tail none { y[4 * i] = 1.0 } }"),
         LFAULT_RACE, "(i=0, j=1)"},
        /* One iteration after the other of a serial loop, each with an independent one inside. */
        {KERNEL("serial i in 0..4 { vector j in 0..4 width 4 tail none { y[j] = x[i] } }"),
         LFAULT_NONE, 0},
        {KERNEL("declare t: private f32[1] parallel i in 0..4 { t[0] = x[i] y[i] = t[0] }"),
         LFAULT_RACE, "t[0]"},
        {KERNEL("parallel i in 0..4 { declare t: private f32[1] t[0] = x[i] y[i] = t[0] }"),
         LFAULT_NONE, 0},
        {KERNEL("grid(0) g in 0..4 { item(0) i in 0..4 { y[4 * g + i] = 1.0 } }"), LFAULT_NONE, 0},
        {KERNEL("grid(0) g in 0..4 { item(0) i in 0..4 { y[g + i] = 1.0 } }"), LFAULT_RACE, "y[1]"},
        {KERNEL("grid(0) g in 0..2 { item(0) i in 0..8 { declare t: local f32[8] t[i] = x[i] "
                "barrier y[8 * g + i] = t[7 - i] } }"),
         LFAULT_NONE, 0},
        {KERNEL("grid(0) g in 0..2 { item(0) i in 0..8 { declare t: local f32[8] t[i] = x[i] "
                "barrier t[i] = 1.0 y[8 * g + i] = t[7 - i] } }"),
         LFAULT_RACE, 0},
        {KERNEL("grid(0) g in 0..2 { item(0) i in 0..8 { declare t: local f32[8] serial r in 0..2 "
                "{ t[i] = x[i] barrier y[8 * g + i] = t[7 - i] } } }"),
         LFAULT_RACE, 0},
        {KERNEL("grid(0) g in 0..2 { item(0) i in 0..8 { declare t: local f32[8] serial r in 0..2 "
                "{ t[i] = x[i] barrier y[8 * g + i] = t[7 - i] barrier } } }"),
         LFAULT_NONE, 0},
        {KERNEL("grid(0) g in 0..2 { item(0) i in 0..8 { declare t: local f32[8] t[i] = x[i] "
                "barrier y[i] = t[7 - i] } }"),
         LFAULT_RACE, "y[0]"},
        {KERNEL("declare a: private f32[4] declare t: private f32[4] a[0] = 1.0 copy t[0] = a[0] "
                "count 1 a[0] = 2.0 wait"),
         LFAULT_RACE, "changes before the wait"},
    };
    CHECK(examples);
}

Test(loop_eval, barriers) {
    static const Example examples[] = {
        {KERNEL("grid(0) g in 0..2 { item(0) i in 0..8 { if g == 1 { barrier } y[8 * g + i] = 1.0 "
                "} }"),
         LFAULT_NONE, 0},
        {KERNEL("grid(0) g in 0..2 { item(0) i in 0..8 { if i == 1 { barrier } y[8 * g + i] = 1.0 "
                "} }"),
         LFAULT_BARRIER, "same barrier"},
        {KERNEL("item(0) i in 0..8 { if i == 1 { barrier } else { barrier } }"), LFAULT_BARRIER,
         "same barrier"},
        {KERNEL("item(0) i in 0..8 { serial j in 0..i { barrier } }"), LFAULT_BARRIER,
         "same barrier"},
        {KERNEL("item(1) i in 0..4 { item(0) j in 0..4 { y[4 * i + j] = x[j] barrier let a = y[4 * "
                "j + i] } }"),
         LFAULT_NONE, 0},
    };
    CHECK(examples);
}

Test(loop_eval, arithmetic_and_limits) {
    static const Example examples[] = {
        {KERNEL("let a = 5 / n[0]"), LFAULT_ARITHMETIC, "division by zero"},
        {KERNEL("let a = floordiv(5, n[0])"), LFAULT_ARITHMETIC, "division by zero"},
        {KERNEL("let a = mod(5, n[0] - 3)"), LFAULT_ARITHMETIC, "division by zero"},
        {KERNEL("let a = 1 << (n[1] * 64)"), LFAULT_ARITHMETIC, "shift"},
        {KERNEL("let a = 5 / n[1] + floordiv(-5, n[2])"), LFAULT_NONE, 0},
        {KERNEL("let a = n[1] * 9223372036854775807 + n[2]"), LFAULT_NONE, 0},
        {KERNEL("y[n[2] * 9223372036854775807] = 1.0"), LFAULT_ARITHMETIC, "index arithmetic"},
        {KERNEL("serial i in 0..1000000 { y[0] = 1.0 }"), LFAULT_LIMIT, "more steps"},
    };
    CHECK(examples);
}

/* ---- channels -------------------------------------------------------------------------------- */

#define PRODUCER                                                                                   \
    "kernel producer(x: global f32[16] read, c: fifo f32[] write depth 2, d: fifo f32[] write "    \
    "depth 2) {\n"
#define CONSUMER                                                                                   \
    "kernel consumer(c: fifo f32[] read, d: fifo f32[] read, y: global f32[16] write) {\n"

static LFault run_tasks(const char *text, const char *message) {
    Fixture f = start();
    read_kernel(&f, text);
    float x[16], y[16];
    for (int i = 0; i < 16; i++) x[i] = (float)(3 * i + 1);
    LMemory producer[3] = {memory(x, 16), {0}, {0}};
    LMemory consumer[3] = {{0}, {0}, fresh(&f, y, 16)};
    LMemory *params[2] = {producer, consumer};
    LEvalOptions options = {0, 100000};
    LFault fault =
        ltasks_eval(f.program->kernels.data, 2, f.module->dims, params, &options, f.diag);
    if (message) cr_assert(strstr(diag_text(f.diag), message), "%s", diag_text(f.diag));
    for (int i = 0; i < 16 && fault == LFAULT_NONE; i++) cr_assert_eq(y[i], 2 * x[i] + x[i]);
    finish(&f);
    return fault;
}

Test(loop_eval, tasks_meet_at_channels) {
    const char *together =
        PRODUCER "pipeline i in 0..16 interval 1 { fifo_write c = x[i] * 2.0 fifo_write d = x[i] } "
                 "}\n" CONSUMER "pipeline i in 0..16 interval 1 { let a = fifo_read(c) let b = "
                 "fifo_read(d) y[i] = a + b } }\n";
    cr_assert_eq(run_tasks(together, 0), LFAULT_NONE);
    /* The consumer wants d two elements later than it comes: what depth 2 just holds, and 3 does
     * not. */
    const char *skewed =
        PRODUCER "serial i in 0..16 { fifo_write c = x[i] * 2.0 fifo_write d = x[i] } }\n" CONSUMER
                 "declare t: private f32[4] serial i in 0..%d { let a = fifo_read(c) t[i] = a "
                 "}\nserial i in 0..16 { let b = fifo_read(d) y[i] = t[mod(i, 4)] + b if i < "
                 "dim(16 - %d) { let a = fifo_read(c) t[mod(i + %d, 4)] = a } } }\n";
    Arena *arena = arena_create();
    cr_assert_eq(run_tasks(arena_printf(arena, skewed, 2, 2, 2), 0), LFAULT_NONE);
    cr_assert_eq(run_tasks(arena_printf(arena, skewed, 3, 3, 3), 0), LFAULT_NONE);
    cr_assert_eq(run_tasks(arena_printf(arena, skewed, 4, 4, 4), "waits for good"), LFAULT_FIFO);
    arena_destroy(arena);
}

Test(loop_eval, channels_are_emptied) {
    const char *one_less =
        PRODUCER "serial i in 0..16 { fifo_write c = x[i] * 2.0 fifo_write d = x[i] } }\n" CONSUMER
                 "serial i in 0..15 { let a = fifo_read(c) let b = fifo_read(d) y[i] = a + b } }\n";
    cr_assert_eq(run_tasks(one_less, "never read"), LFAULT_FIFO);
    const char *one_more =
        PRODUCER "serial i in 0..15 { fifo_write c = x[i] * 2.0 fifo_write d = x[i] } }\n" CONSUMER
                 "serial i in 0..16 { let a = fifo_read(c) let b = fifo_read(d) y[i] = a + b } }\n";
    cr_assert_eq(run_tasks(one_more, "read from empty channel c"), LFAULT_FIFO);
}

Test(loop_eval, a_task_alone_uses_memory_for_channels) {
    Fixture f = start();
    LKernel *k = read_kernel(&f, "kernel k(c: fifo i8[] read, o: fifo i8[] write) { serial i in "
                                 "0..4 { let a = fifo_read(c) fifo_write o = a + a } }");
    int8_t in[5] = {1, 2, 3, -70, 9}, out[4];
    LMemory params[2] = {memory(in, 4), memory(out, 4)};
    cr_assert_eq(run(&f, k, params), LFAULT_NONE);
    cr_assert(out[0] == 2 && out[2] == 6 && out[3] == 116);
    params[0].elements = 5;
    cr_assert_eq(run(&f, k, params), LFAULT_FIFO);
    params[0].elements = 3;
    cr_assert_eq(run(&f, k, params), LFAULT_FIFO);
    finish(&f);
}
