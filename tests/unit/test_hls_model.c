/* How often a pipeline starts, what a task takes by the model, perfect nests, parts, and lanes. */
#include <stdio.h>
#include <unistd.h>

#include "codegen/hls/design.h"
#include "codegen/lower/lower.h"
#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "ir/loop/build.h"
#include "loop_fixture.h"
#include "passes/pass.h"

static LKernel *read_kernel(Fixture *f, const char *body) {
    const char *text = arena_printf(
        f->arena,
        "kernel k(x: global f32[64] read, n: global i32[64] read, y: global f32[64] write,\n"
        "         i: fifo f32[] read, o: fifo f32[] write) {\n%s\n}\n",
        body);
    const Source *source = diag_add_source(f->diag, "k.loops", text, strlen(text));
    LProgram *p = lprogram_parse(source, f->module, f->diag);
    cr_assert(p && p->kernels.len == 1, "%s", diag_text(f->diag));
    f->program = p;
    return p->kernels.data[0];
}

/* ---- intervals ------------------------------------------------------------------------------- */

static const LStmt *innermost(const LBlock *block) {
    const LStmt *found = NULL;
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i], *inner = innermost(&s->body);
        if (s->kind == LS_FOR) found = inner ? inner : s;
    }
    return found;
}

/* Of the last innermost loop. */
static int interval_of(const char *body) {
    Fixture f = start();
    LKernel *k = read_kernel(&f, body);
    hls_pipeline(f.module->dims, k);
    cr_expect_null(hls_too_fast(f.module->dims, k));
    const LStmt *loop = innermost(&k->body);
    cr_assert(loop && loop->loop == LOOP_PIPELINE, "%s", body);
    int interval = loop->interval;
    arena_destroy(f.arena);
    return interval;
}

Test(hls_pipeline, sums_wait_for_their_last_value) {
    /* A float addition takes 5 cycles. */
    cr_expect_eq(interval_of("declare a: private f32[1]\n a[0] = 0.0\n"
                             "serial v in 0..64 { a[0] = a[0] + x[v] }\n y[0] = a[0]"),
                 5);
    cr_expect_eq(interval_of("declare a: private i32[1]\n a[0] = n[0]\n"
                             "serial v in 0..64 { a[0] = a[0] + n[v] }"),
                 1);
    /* A comparison and a choice: 2 cycles. */
    cr_expect_eq(interval_of("declare a: private f32[1]\n a[0] = 0.0\n"
                             "serial v in 0..64 { a[0] = max(a[0], x[v]) }"),
                 2);
    /* Through a named value as well: a product of 4 cycles, then the sum. */
    cr_expect_eq(interval_of("declare a: private f32[1]\n a[0] = 0.0\n"
                             "serial v in 0..64 { let t = a[0] * x[v]\n a[0] = t + 1.0 }"),
                 9);
}

Test(hls_pipeline, sums_side_by_side) {
    static const char nest[] = "declare a: private f32[8]\n"
                               "serial k in 0..16 { serial o in 0..%d { a[o] = a[o] + x[k] } }";
    static const int cases[][2] = {{8, 1}, {5, 1}, {4, 2}, {2, 3}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, nest, cases[i][0]);
        cr_expect_eq(interval_of(text), cases[i][1], "%d sums", cases[i][0]);
    }
    /* Each sum is another one: nothing to wait for. */
    cr_expect_eq(interval_of("declare a: private f32[64]\n"
                             "serial v in 0..64 { a[v] = a[v] + x[v] }"),
                 1);
    /* Arrays in banks are arrays of their own. */
    cr_expect_eq(interval_of("declare a: private f32[2, 8]\nserial k in 0..9 { serial o in 0..8 {\n"
                             "a[0, o] = a[0, o] + x[k]\n a[1, o] = a[1, o] + x[k] } }"),
                 1);
    /* Two variables that lead to one element: the next step may be there already. */
    cr_expect_eq(interval_of("declare a: private f32[64]\nserial v in 0..8 { serial w in 0..8 {\n"
                             "a[v + w] = a[v + w] + x[v] } }"),
                 5);
    cr_expect_eq(interval_of("declare a: private f32[64]\nserial v in 0..8 { serial w in 0..8 {\n"
                             "a[8 * v + w] = a[8 * v + w] + x[v] } }"),
                 1);
    /* Elements that may be the same are taken to be. */
    cr_expect_eq(interval_of("declare a: private f32[64]\n"
                             "serial v in 0..63 { a[v + 1] = a[v] + x[v] }"),
                 5);
}

Test(hls_pipeline, ports) {
    cr_expect_eq(
        interval_of("declare a: private f32[70]\nserial v in 0..60 { y[v] = a[v] + a[v + 1] }"), 1);
    cr_expect_eq(interval_of("declare a: private f32[70]\n"
                             "serial v in 0..60 { y[v] = a[v] + a[v + 1] + a[v + 2] }"),
                 2);
    /* The same element is loaded once. */
    cr_expect_eq(interval_of("declare a: private f32[70]\n"
                             "serial v in 0..60 { y[v] = a[v] + a[v + 1]\n let t = a[v] * a[v]\n"
                             "if t > 0.0 { y[v] = t } }"),
                 1);
    cr_expect_eq(interval_of("serial v in 0..60 { fifo_write o = x[v]\n fifo_write o = 1.0 }"), 2);
    /* Elements at constant places are variables. */
    cr_expect_eq(interval_of("declare a: private f32[4]\nserial v in 0..60 {\n"
                             "y[v] = a[0] + a[1] + a[2] + a[3] }"),
                 1);
}

Test(hls_pipeline, claims_are_checked) {
    Fixture f = start();
    LKernel *k = read_kernel(&f, "declare a: private f32[1]\n a[0] = 0.0\n"
                                 "serial v in 0..64 { a[0] = a[0] + x[v] }\n y[0] = a[0]");
    hls_pipeline(f.module->dims, k);
    LStmt *loop = (LStmt *)(uintptr_t)innermost(&k->body);
    loop->interval = 4;
    cr_expect_eq(hls_too_fast(f.module->dims, k), loop);
    arena_destroy(f.arena);
}

/* ---- the model ------------------------------------------------------------------------------- */

static HlsEstimate estimate(const char *body) {
    Fixture f = start();
    LKernel *k = read_kernel(&f, body);
    hls_pipeline(f.module->dims, k);
    HlsEstimate e = hls_estimate(k);
    arena_destroy(f.arena);
    return e;
}

Test(hls_model, cycles) {
    /* A load of 2 and a store of 1 cycle: full after 3, and one to begin; then 63 more. */
    cr_expect_eq(estimate("serial v in 0..64 { y[v] = x[v] }").cycles, 4 + 63);
    /* Loops with nothing else in them are one pipeline of 8 * 8 steps; the index takes a product
     * and a sum. */
    cr_expect_eq(
        estimate("serial v in 0..8 { serial w in 0..8 { y[8 * v + w] = x[8 * v + w] } }").cycles,
        4 + 2 + 63);
    /* The statement between them, 3 cycles, makes it 8 pipelines, each filled anew. */
    cr_expect_eq(
        estimate("serial v in 0..8 { y[v] = x[v]\n serial w in 0..8 { y[w] = x[w] } }").cycles,
        8 * (3 + (4 + 7) + 2));
    /* One step in five. */
    cr_expect_eq(estimate("declare a: private f32[1]\n"
                          "serial v in 0..64 { a[0] = a[0] + x[v] }")
                     .cycles,
                 (2 + 5 + 1) + 1 + 5 * 63);
}

Test(hls_model, multipliers) {
    /* 3 DSPs for a product of floats, 2 for a sum. */
    HlsEstimate e = estimate("serial v in 0..64 { y[v] = x[v] * 3.0 + x[0] }");
    cr_expect(e.dsps == 5 && e.multiplies == 1 && e.interval == 1, "%lld", (long long)e.dsps);
    /* Two steps share them. */
    e = estimate("declare a: private f32[70]\n"
                 "serial v in 0..60 { y[v] = (a[v] + a[v + 1]) * (a[v + 2] + a[v + 3]) }");
    cr_expect(e.dsps == 4 && e.interval == 2, "%lld", (long long)e.dsps);
    e = estimate("serial v in 0..64 { y[v] = cast<f32>(cast<i8>(n[v]) * cast<i8>(n[v])) }");
    cr_expect_eq(e.dsps, 1);
    /* Arithmetic on indices is none of theirs. */
    e = estimate("serial v in 0..8 { serial w in 0..7 { y[v] = x[8 * v + w] } }");
    cr_expect(e.dsps == 0 && e.multiplies == 0);
}

/* Without those of the parameters x, n and y. */
static int64_t memories_of(const char *body) {
    return estimate(body).brams - 3;
}

Test(hls_model, memories) {
    cr_expect_eq(memories_of("declare a: private f32[63]\n serial v in 0..63 { a[v] = x[v] }"), 0);
    /* 512 words of 36 bits a memory; of 9 bits four times as many. */
    cr_expect_eq(memories_of("declare a: private f32[513]\n serial v in 0..64 { a[v] = x[v] }"), 2);
    cr_expect_eq(memories_of("declare a: private i8[2048]\n"
                             "serial v in 0..64 { a[v] = cast<i8>(n[v]) }"),
                 1);
    /* A memory each for two banks. */
    cr_expect_eq(memories_of("declare a: private f32[2, 128]\n"
                             "serial v in 0..64 { a[0, v] = x[v]\n a[1, v] = x[v] }"),
                 2);
}

/* ---- perfect nests --------------------------------------------------------------------------- */

static const LStmt *only_loop(const LBlock *block) {
    const LStmt *loop = NULL;
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_FOR) {
            cr_expect_null(loop, "two loops");
            loop = s;
        } else {
            cr_expect(s->kind == LS_DECLARE || s->kind == LS_STORE);
        }
    }
    return loop;
}

Test(hls_sink, reads_happen_once_and_in_order) {
    enum { ROWS = 5, COLUMNS = 3 };
    Fixture f = start();
    LKernel *k = read_kernel(&f, "declare s: private f32[3]\n"
                                 "serial c in 0..3 { s[c] = 0.0 }\n"
                                 "serial r in 0..5 {\n"
                                 "  let v = fifo_read(i)\n"
                                 "  let a = x[r]\n"
                                 "  serial c in 0..3 { s[c] = s[c] + v * a * x[c] }\n"
                                 "}\n"
                                 "serial c in 0..3 { fifo_write o = s[c] }");
    float x[64], in[ROWS], out[2][COLUMNS];
    for (int i = 0; i < 64; i++) x[i] = (float)(i * i % 17) / 4;
    for (int i = 0; i < ROWS; i++) in[i] = (float)i + 0.5f;
    for (int pass = 0; pass < 2; pass++) {
        int32_t n[64] = {0};
        float y[64] = {0};
        LMemory params[] = {memory(x, 64), memory(n, 64), memory(y, 64), memory(in, ROWS),
                            memory(out[pass], COLUMNS)};
        if (pass == 1) hls_sink(f.program, k);
        cr_assert(lkernel_verify(k, f.module->dims, f.diag), "%s", diag_text(f.diag));
        cr_assert_eq(run(&f, k, params), LFAULT_NONE, "%s", diag_text(f.diag));
    }
    cr_expect_eq(memcmp(out[0], out[1], sizeof out[0]), 0);
    const LStmt *rows = k->body.stmts.data[k->body.stmts.len - 2];
    cr_assert_eq(rows->kind, LS_FOR);
    cr_expect_not_null(only_loop(&rows->body));
    cr_expect_eq(rows->body.stmts.len, 1);
    arena_destroy(f.arena);
}

/* What the loop changes is not read anew inside it. */
Test(hls_sink, loads_that_the_loop_changes_stay) {
    Fixture f = start();
    LKernel *k = read_kernel(&f, "declare s: private f32[3]\n"
                                 "serial c in 0..3 { s[c] = 1.0 }\n"
                                 "serial r in 0..5 {\n"
                                 "  let a = s[0]\n"
                                 "  serial c in 0..3 { s[c] = s[c] + a }\n"
                                 "}\n"
                                 "y[0] = s[1]");
    hls_sink(f.program, k);
    const LStmt *rows = k->body.stmts.data[2];
    cr_expect_eq(rows->body.stmts.data[0]->kind, LS_LET);
    arena_destroy(f.arena);
}

/* What stands before it is done the first time only, so that it must not change what is loaded. */
Test(hls_sink, loads_that_come_before_a_change_stay) {
    Fixture f = start();
    LKernel *k = read_kernel(&f, "declare s: private f32[1]\n"
                                 "s[0] = 1.0\n"
                                 "serial r in 0..4 {\n"
                                 "  let a = s[0]\n"
                                 "  s[0] = a + 1.0\n"
                                 "  serial c in 0..2 { y[2 * r + c] = a }\n"
                                 "}");
    hls_sink(f.program, k);
    float y[64] = {0};
    LMemory params[] = {memory(y, 64), memory(y, 64), memory(y, 64), memory(y, 0), memory(y, 0)};
    cr_assert_eq(run(&f, k, params), LFAULT_NONE, "%s", diag_text(f.diag));
    for (int i = 0; i < 8; i++) cr_expect_eq(y[i], (float)(1 + i / 2), "%d: %g", i, y[i]);
    arena_destroy(f.arena);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static const HlsPart *part_from(const char *text, Arena *arena, Diag *diag) {
    char path[] = "/tmp/nnc-part-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    TargetOptions options = {.device = path};
    const HlsPart *part = hls_part(&options, arena, diag);
    unlink(path);
    return part;
}

Test(hls_part, files) {
    static const char *const bad[] = {
        "",
        "part = xc7z045ffg900-2\nclock = 10\ndsps = 900\n",
        "part = xc7z045ffg900-2\nclock = 0\ndsps = 900\nbrams = 1\n",
        "part = xc7z045ffg900-2\nclock = ten\ndsps = 900\nbrams = 1\n",
        "part = xc7z045ffg900-2\nclock = 10\ndsps = 1.5\nbrams = 1\n",
        "part = xc7z045ffg900-2\nclock = 10\ndsps = -1\nbrams = 1\n",
        "part = xc7z045ffg900-2\nclock = 10\ndsps = 1e300\nbrams = 1\n",
        "part = $(reboot)\nclock = 10\ndsps = 900\nbrams = 1\n",
        "part = \nclock = 10\ndsps = 900\nbrams = 1\n",
        "port = xc7z045ffg900-2\n",
        "part = xc7z045ffg900-2\nclock = 10\ndsps # = 5\nbrams = 1\n",
        "= 3\n",
        "\x7f\x45\x4c\x46\x02\x01",
    };
    Fixture f = start();
    const HlsPart *part = part_from("# a board\n\n part = xc7z045ffg900-2  # the chip\n"
                                    "clock=8\ndsps = 900\r\nbrams = 1090",
                                    f.arena, f.diag);
    cr_assert(part, "%s", diag_text(f.diag));
    cr_expect_str_eq(part->vitis, "xc7z045ffg900-2");
    cr_expect(part->clock == 8 && part->dsps == 900 && part->brams == 1090);
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        size_t errors = (size_t)diag_error_count(f.diag);
        cr_expect_null(part_from(bad[i], f.arena, f.diag), "%s", bad[i]);
        cr_expect_gt((size_t)diag_error_count(f.diag), errors, "%s", bad[i]);
    }
    TargetOptions options = {.device = "xc9"};
    cr_expect_null(hls_part(&options, f.arena, f.diag));
    cr_expect(strstr(diag_text(f.diag), "xc7z020"));
    arena_destroy(f.arena);
}

/* ---- lanes ----------------------------------------------------------------------------------- */

typedef struct Outcome {
    int64_t goal, cycles, dsps;
} Outcome;

static Outcome tune(const char *device) {
    static const char network[] = "network net(a: f32[1, 1, 14, 14]) -> (y: f32[1, 10]) {\n"
                                  "  b = conv2d(a, 12, kernel=3) |> relu\n"
                                  "  c = conv2d(b, 24, kernel=3) |> max_pool2d(2)\n"
                                  "  y = dense(flatten(c), 10)\n"
                                  "}\n";
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    FrontendOptions frontend = {0};
    TargetOptions options = {.prefix = "net", .device = device};
    TargetDesc desc;
    const Pass *passes[64];
    Module *module = frontend_load_text("net.nn", network, strlen(network), &frontend, arena, diag);
    cr_assert(module, "%s", diag_text(diag));
    params_random(module->graph, 1);
    cr_assert(target_hls.describe(&options, &desc, arena, diag), "%s", diag_text(diag));
    PassContext context = {.module = module, .target = &desc, .diag = diag};
    cr_assert(passes_run(&context, module->graph, passes, passes_default(2, passes), NULL));
    cr_assert(target_hls.tune(module->graph, &options, &desc, diag), "%s", diag_text(diag));
    LProgram *program = lower_graph(module->graph, &desc, diag);
    HlsDesign *design = hls_design(program, &options, arena, diag);
    cr_assert(design, "%s", diag_text(diag));
    Outcome outcome = {.goal = desc.task_cycles};
    for (size_t i = 0; i < design->tasks.len; i++) {
        const HlsEstimate *e = &design->tasks.data[i].estimate;
        if (e->cycles > outcome.cycles) outcome.cycles = e->cycles;
        outcome.dsps += e->dsps;
    }
    arena_destroy(arena);
    return outcome;
}

Test(hls_tune, more_multipliers_take_no_longer) {
    static const char *const devices[] = {"xc7a35t", "xc7z020", "xc7z045", "xczu9eg"};
    static const int64_t dsps[] = {90, 220, 900, 2520};
    int64_t before = INT64_MAX;
    for (size_t i = 0; i < COUNT_OF(devices); i++) {
        Outcome o = tune(devices[i]), again = tune(devices[i]);
        cr_expect_leq(o.dsps, dsps[i], "%s: %lld", devices[i], (long long)o.dsps);
        cr_expect_leq(o.cycles, before, "%s: %lld cycles", devices[i], (long long)o.cycles);
        cr_expect(o.goal == again.goal && o.cycles == again.cycles && o.dsps == again.dsps);
        before = o.cycles;
    }
    cr_expect_lt(tune("xczu9eg").cycles, tune("xc7a35t").cycles);
}
