/* Kernels as tasks: whatever the mode of a parameter, the streamed kernel computes what the kernel
 * computes, reads each element once and in order, and keeps what it reports. */
#include "ir/loop/build.h"
#include "ir/loop/stream.h"
#include "loop_fixture.h"

typedef struct Case {
    const char *text; /* parameters: read ones first, f32 */
    LStreamMode modes[3];
    int64_t stored[3];
} Case;

/* k(x: 6x5x2, y: 30): its body. */
#define KERNEL(sizes, out, body)                                                                   \
    "kernel k(x: global f32[" sizes "] read, w: constant f32[8] read, y: global f32[" out          \
    "] write) {\n" body "\n}\n"
#define MODES(x, y) {STREAM_##x, STREAM_KEPT, STREAM_##y}

static LKernel *read_kernel(Fixture *f, const char *text) {
    const Source *source = diag_add_source(f->diag, "k.loops", text, strlen(text));
    LProgram *p = lprogram_parse(source, f->module, f->diag);
    cr_assert(p && p->kernels.len >= 1, "%s", diag_text(f->diag));
    f->program = p;
    return p->kernels.data[0];
}

static int64_t elements_of(const LBuffer *buffer) {
    int64_t n = 1, size;
    for (int i = 0; i < buffer->rank; i++) {
        cr_assert(dim_is_int(buffer->dims[i], &size));
        n *= size;
    }
    return n;
}

/* Runs a kernel of x, w, y on the same noise each time; y is returned. */
static float *run_on_noise(Fixture *f, const LKernel *k, const LKernel *sizes) {
    LMemory params[3];
    for (int i = 0; i < 3; i++) {
        int64_t n = elements_of(sizes->params[i]);
        float *data = arena_array(f->arena, float, (size_t)n + 1);
        for (int64_t e = 0; i < 2 && e < n; e++) data[e] = (float)((e * 37 + i * 11) % 101) - 50;
        params[i] = i < 2 ? memory(data, n) : fresh(f, data, n);
    }
    cr_assert_eq(run(f, k, params), LFAULT_NONE, "%s", diag_text(f->diag));
    for (int64_t e = 0; e < params[2].elements; e++) cr_assert(params[2].written[e]);
    return params[2].data;
}

static const char *text_of(Fixture *f, const LKernel *k) {
    StrBuf text = {0};
    lkernel_print(k, f->module->dims, &text);
    const char *copy = arena_strdup(f->arena, str_text(&text));
    str_free(&text);
    return copy;
}

static void check_case(const Case *c) {
    static const char *const channels[] = {"cx", 0, "cy"};
    Fixture f = start();
    LStreamReport report[3];
    LKernel *k = read_kernel(&f, c->text);
    LKernel *s = lkernel_stream(f.program, k, "task", channels, report);
    const char *text = text_of(&f, s);
    cr_assert(lkernel_verify(s, f.module->dims, f.diag), "%s%s", text, diag_text(f.diag));
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(report[i].mode, c->modes[i], "%s", text);
        cr_assert_eq(report[i].stored, c->stored[i], "%s: %lld", text, (long long)report[i].stored);
    }
    int64_t n = elements_of(k->params[2]);
    float *expected = run_on_noise(&f, k, k), *got = run_on_noise(&f, s, k);
    cr_assert_eq(memcmp(expected, got, (size_t)n * sizeof *got), 0, "%s", text);
    LExpandOptions expand = {.unroll = true};
    got = run_on_noise(&f, lkernel_expand(f.program, s, &expand), k);
    cr_assert_eq(memcmp(expected, got, (size_t)n * sizeof *got), 0, "%s", text);
    finish(&f);
}

static void check_cases(const Case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) check_case(&cases[i]);
}
#define CHECK(cases) check_cases(cases, COUNT_OF(cases))

Test(loop_stream, direct) {
    static const Case cases[] = {
        {KERNEL("6, 4", "6, 4",
                "parallel i in 0..6 { serial j in 0..4 { y[i, j] = x[i, j] * 2.0 "
                "+ w[j] } }"),
         MODES(DIRECT, DIRECT),
         {0}},
        /* One variable for two axes, through a name. */
        {KERNEL("6, 4", "24",
                "serial n in 0..24 { let i = floordiv(n, 4) y[n] = x[i, mod(n, 4)] * "
                "x[i, mod(n, 4)] }"),
         MODES(DIRECT, DIRECT),
         {0}},
        /* One read for all lanes, above them; loops of one iteration. */
        {KERNEL("1, 3, 2", "3, 2, 4",
                "serial b in 0..1 { serial i in 0..3 { serial k in 0..2 { "
                "unroll u in 0..4 { y[i, k, u] = x[b, i, k] * w[u] } } } }"),
         MODES(DIRECT, DIRECT),
         {0}},
        /* A read in each unrolled lane. */
        {KERNEL("3, 8", "3",
                "serial i in 0..3 { declare acc: private f32[1] acc[0] = 0.0 serial "
                "k in 0..4 { unroll u in 0..2 { acc[0] = acc[0] + x[i, 2 * k + u] * "
                "w[2 * k + u] } } y[i] = acc[0] }"),
         MODES(DIRECT, DIRECT),
         {0}},
        /* Under a mask and a condition the element is read all the same. */
        {KERNEL("8", "8",
                "serial i in 0..8 { declare t: private f32[1] t[0] = 1.0 if w[i] > 0.0 { "
                "t[0] = x[i; i < 5, 7.0] } y[i] = t[0] }"),
         MODES(DIRECT, DIRECT),
         {0}},
        /* Several stores and nests that follow each other. */
        {KERNEL("4", "12",
                "serial i in 0..4 { y[2 * i] = x[i] y[2 * i + 1] = 1.0 } serial i in "
                "0..4 { y[i + 8] = w[i] }"),
         MODES(DIRECT, DIRECT),
         {0}},
        {KERNEL("1", "4", "serial i in 0..4 { y[i] = x[0] }"), MODES(DIRECT, DIRECT), {0}},
    };
    CHECK(cases);
}

Test(loop_stream, whole) {
    static const Case cases[] = {
        /* Transposed: read in another order than it comes. */
        {KERNEL("4, 6", "6, 4", "serial i in 0..6 { serial j in 0..4 { y[i, j] = x[j, i] } }"),
         MODES(WHOLE, DIRECT),
         {24, 0, 0}},
        {KERNEL("4, 6", "6, 4", "serial j in 0..4 { serial i in 0..6 { y[i, j] = x[j, i] } }"),
         MODES(DIRECT, WHOLE),
         {0, 0, 24}},
        /* Twice, backwards, by value. */
        {KERNEL("8", "2",
                "serial t in 0..2 { declare m: private f32[1] m[0] = 0.0 serial i in "
                "0..8 { m[0] = m[0] + x[i] } y[t] = m[0] }"),
         MODES(WHOLE, DIRECT),
         {8, 0, 0}},
        {KERNEL("8", "8", "serial i in 0..8 { y[i] = x[7 - i] }"), MODES(WHOLE, DIRECT), {8, 0, 0}},
        {KERNEL("8", "8", "serial i in 0..8 { y[i] = x[min(cast_sat<i64>(abs(w[i])), 7)] }"),
         MODES(WHOLE, DIRECT),
         {8, 0, 0}},
        /* Stores under a mask or a condition, read again, in another order, one after its turn. */
        {KERNEL("8", "8", "serial i in 0..8 { y[i; i < 4] = x[i] y[i; i >= 4] = 0.0 }"),
         MODES(DIRECT, WHOLE),
         {0, 0, 8}},
        {KERNEL("8", "8", "serial i in 0..8 { if i < 4 { y[i] = x[i] } else { y[i] = 1.0 } }"),
         MODES(DIRECT, WHOLE),
         {0, 0, 8}},
        {KERNEL("4", "8", "serial i in 0..4 { y[2 * i + 1] = x[i] y[2 * i] = 1.0 }"),
         MODES(DIRECT, WHOLE),
         {0, 0, 8}},
        /* Never read. */
        {KERNEL("8", "4", "serial i in 0..4 { y[i] = w[i] }"), MODES(WHOLE, DIRECT), {8, 0, 0}},
        /* Part of it. */
        {KERNEL("8", "4", "serial i in 0..2 { y[i] = x[i] } serial i in 0..2 { y[i + 2] = x[i] }"),
         MODES(WHOLE, DIRECT),
         {8, 0, 0}},
    };
    CHECK(cases);
}

/* A sum over a window: x[H, W, 2] at (sh*h + a - p, sw*w + b - p). */
#define CONV(H, W, P, Q, rows, columns, K)                                                         \
    KERNEL(#H ", " #W ", 2", #P ", " #Q,                                                           \
           "serial h in 0.." #P " { serial v in 0.." #Q                                            \
           " { declare acc: private f32[1] acc[0] = 0.0 serial a in 0.." #K                        \
           " { serial b in 0.." #K " { serial c in 0..2 { acc[0] = acc[0] + x[" rows ", " columns  \
           ", c; (((" rows ") >= 0) & ((" rows ") < " #H ")) & (((" columns ") >= 0) & ((" columns \
           ") < " #W ")), 0.0] * w[c + 2 * b] } } } y[h, v] = acc[0] } }")

Test(loop_stream, window) {
    static const Case cases[] = {
        /* No padding; padding; strides; a window smaller than its stride; one that lies behind. */
        {CONV(7, 6, 5, 4, "h + a", "v + b", 3), MODES(WINDOW, DIRECT), {4 * 6 * 2, 0, 0}},
        {CONV(7, 6, 7, 6, "h + a - 1", "v + b - 1", 3), MODES(WINDOW, DIRECT), {48, 0, 0}},
        {CONV(9, 6, 5, 3, "2 * h + a - 1", "2 * v + b - 1", 3), MODES(WINDOW, DIRECT), {48, 0, 0}},
        {CONV(11, 7, 4, 2, "3 * h + a", "3 * v + b", 2), MODES(WINDOW, DIRECT), {28, 0, 0}},
        {CONV(8, 6, 4, 3, "2 * h", "2 * v", 1), MODES(WINDOW, DIRECT), {1, 0, 0}},
        {CONV(9, 6, 6, 6, "h + a - 3", "v + b - 4", 2), MODES(WINDOW, DIRECT), {24, 0, 0}},
        {CONV(6, 6, 3, 3, "h + a + 2", "v + b + 2", 2), MODES(WINDOW, DIRECT), {24, 0, 0}},
        /* A pixel of all channels, used more than once. */
        {KERNEL("5, 4, 2", "5, 4, 3",
                "serial h in 0..5 { serial v in 0..4 { serial o in 0..3 { "
                "y[h, v, o] = x[h, v, 0] * w[o] + x[h, v, 1] } } }"),
         MODES(WINDOW, DIRECT),
         {2, 0, 0}},
        /* In order, but not from the first element on. */
        {KERNEL("8", "8", "serial i in 0..8 { y[i] = x[i - 1; i >= 1, 3.0] }"),
         MODES(WINDOW, DIRECT),
         {1, 0, 0}},
        /* A row at a time: softmax. */
        {KERNEL("5, 8", "5, 8",
                "serial i in 0..5 { declare m: private f32[1] m[0] = 0.0 serial j "
                "in 0..8 { m[0] = m[0] + x[i, j] } serial j in 0..8 { y[i, j] = "
                "x[i, j] - m[0] } }"),
         MODES(WINDOW, DIRECT),
         {8, 0, 0}},
        /* An axis of one in between. */
        {KERNEL("5, 1, 4", "4, 4",
                "serial i in 0..4 { serial j in 0..4 { y[i, j] = x[i, 0, j] - "
                "x[i + 1, 0, j] } }"),
         MODES(WINDOW, DIRECT),
         {8, 0, 0}},
    };
    CHECK(cases);
}

/* A window that is folded too tightly is found out. */
Test(loop_stream, folds_are_as_small_as_they_can_be) {
    static const char *const channels[] = {"cx", 0, "cy"};
    static const char text[] = CONV(9, 6, 6, 4, "h + a", "v + b", 4);
    for (int64_t fold = 3; fold <= 4; fold++) {
        Fixture f = start();
        LKernel *s = lkernel_stream(f.program, read_kernel(&f, text), "t", channels, 0);
        for (size_t i = 0; i < s->buffers.len; i++)
            if (s->buffers.data[i]->fold[0]) s->buffers.data[i]->fold[0] = fold;
        float x[108] = {0}, w[8] = {0}, y[24];
        LMemory params[3] = {memory(x, 108), memory(w, 8), fresh(&f, y, 24)};
        cr_assert_eq(run(&f, s, params), fold == 4 ? LFAULT_NONE : LFAULT_UNINITIALIZED);
        finish(&f);
    }
}

/* ---- forks and delays ------------------------------------------------------------------------ */

Test(loop_stream, forks_copy_and_delays_hold) {
    static const char *const out[] = {"a", "b"};
    float x[8] = {1, 2, 3, 4, 5, 6, 7, 8}, a[8], b[8];
    Fixture f = start();
    LKernel *fork = lkernel_fork(f.program, "fork", DT_f32, 8, "in", out, 2);
    cr_assert(lkernel_verify(fork, f.module->dims, f.diag), "%s", diag_text(f.diag));
    LMemory forked[3] = {memory(x, 8), fresh(&f, a, 8), fresh(&f, b, 8)};
    cr_assert_eq(run(&f, fork, forked), LFAULT_NONE, "%s", diag_text(f.diag));
    cr_assert(memcmp(x, a, sizeof x) == 0 && memcmp(x, b, sizeof x) == 0);
    for (int64_t depth = 1; depth <= 9; depth++) {
        LKernel *delay = lkernel_delay(f.program, "delay", DT_f32, 8, depth, "in", "out");
        cr_assert(lkernel_verify(delay, f.module->dims, f.diag), "%s", diag_text(f.diag));
        LMemory delayed[2] = {memory(x, 8), fresh(&f, a, 8)};
        memset(a, 0, sizeof a);
        cr_assert_eq(run(&f, delay, delayed), LFAULT_NONE, "%s", diag_text(f.diag));
        cr_assert_eq(memcmp(x, a, sizeof x), 0);
    }
    finish(&f);
}

/* ---- banks ----------------------------------------------------------------------------------- */

/* w[8, 4] in banks: 4 by the lanes of i, 2 by the unrolled j; x in 4; acc stays. */
#define LANES                                                                                      \
    "kernel k(w: constant f32[8, 4] read, x: global f32[8] read, y: global f32[4] write) {\n"      \
    "  declare t: private f32[8] serial i in 0..8 { t[i] = x[i] }\n"                               \
    "  serial q in 0..2 { declare acc: private f32[2] acc[0] = 0.0 acc[1] = 0.0\n"                 \
    "  serial i in 0..2 { unroll u in 0..4 { let k = 4 * i + u unroll v in 0..2 {\n"               \
    "  acc[v] = acc[v] + w[k, 2 * q + v] * t[4 * i + u] } } }\n"                                   \
    "  unroll v in 0..2 { y[2 * q + v] = acc[v] } } }\n"

Test(loop_stream, lanes_get_banks) {
    Fixture f = start();
    LKernel *k = read_kernel(&f, LANES);
    LExpandOptions expand = {.unroll = true};
    LPartition how[3];
    LKernel *s = lkernel_partition(f.program, lkernel_expand(f.program, k, &expand), how);
    const char *text = text_of(&f, s);
    cr_assert(lkernel_verify(s, f.module->dims, f.diag), "%s%s", text, diag_text(f.diag));
    cr_assert(how[0].banks[0] == 4 && how[0].banks[1] == 2 && how[1].banks[0] == 1, "%s", text);
    cr_assert(strstr(text, "w: constant f32[4, 2, 2, 2]"), "%s", text);
    cr_assert(strstr(text, "w[3, 1, i, q]"), "%s", text);
    /* Its other access goes through all of it. */
    cr_assert(strstr(text, "t: private f32[8]") && strstr(text, "acc: private f32[2]"), "%s", text);
    float w[32], moved[32], x[8], y[4], z[4];
    for (int i = 0; i < 32; i++) w[i] = (float)(i * i % 17);
    for (int i = 0; i < 32; i++)
        moved[lpartition_place(&how[0], (const int64_t[]){8, 4}, i)] = w[i];
    for (int i = 0; i < 8; i++) x[i] = (float)i - 3;
    cr_assert_eq(run(&f, k, (LMemory[]){memory(w, 32), memory(x, 8), fresh(&f, y, 4)}),
                 LFAULT_NONE);
    cr_assert_eq(run(&f, s, (LMemory[]){memory(moved, 32), memory(x, 8), fresh(&f, z, 4)}),
                 LFAULT_NONE, "%s", diag_text(f.diag));
    cr_assert_eq(memcmp(y, z, sizeof y), 0);
    finish(&f);
}

/* A folded axis: banks divide the fold. */
Test(loop_stream, folds_are_split_too) {
    Fixture f = start();
    LKernel *k = read_kernel(
        &f, "kernel k(x: global f32[24] read, y: global f32[24] write) { declare t: private f32[24]"
            " fold(6) serial i in 0..6 { unroll u in 0..4 { t[4 * i + u] = x[4 * i + u] } unroll u "
            "in 0..4 { y[4 * i + u] = t[4 * i + u] } } }");
    LExpandOptions expand = {.unroll = true};
    LKernel *s = lkernel_partition(f.program, lkernel_expand(f.program, k, &expand), 0);
    const char *text = text_of(&f, s);
    cr_assert(strstr(text, "t: private f32[2, 12] fold(0, 3)"), "%s", text);
    float x[24], y[24];
    for (int i = 0; i < 24; i++) x[i] = (float)i;
    LMemory params[2] = {memory(x, 24), fresh(&f, y, 24)};
    cr_assert_eq(run(&f, s, params), LFAULT_NONE, "%s%s", diag_text(f.diag), text);
    cr_assert_eq(memcmp(x, y, sizeof x), 0);
    finish(&f);
}

/* ---- depths ---------------------------------------------------------------------------------- */

/* fork -> (a -> slow -> b), c -> join: slow holds `skew` elements back. */
#define DIAMOND                                                                                    \
    "kernel fork(x: fifo f32[] read, a: fifo f32[] write, c: fifo f32[] write) { serial i in "     \
    "0..64 { let v = fifo_read(x) fifo_write a = v fifo_write c = v } }\n"                         \
    "kernel slow(a: fifo f32[] read, b: fifo f32[] write) { declare t: private f32[64] serial i "  \
    "in 0..%d { let v = fifo_read(a) t[i] = v } serial i in 0..64 { if i < %d { let v = "          \
    "fifo_read(a) t[i + %d] = v } fifo_write b = t[i] } }\n"                                       \
    "kernel join(b: fifo f32[] read, c: fifo f32[] read, y: fifo f32[] write) { serial i in "      \
    "0..64 { let v = fifo_read(b) let u = fifo_read(c) fifo_write y = u + v } }\n"

static bool find_depths(Fixture *f, const char *text, int64_t base, LDepths *depths) {
    read_kernel(f, text);
    return ltasks_depths(f->program->kernels.data, f->program->kernels.len, f->program, base, 3,
                         f->arena, depths, f->diag);
}

Test(loop_stream, depths_let_a_skew_pass) {
    for (int skew = 0; skew <= 64; skew += 16) {
        Fixture f = start();
        LDepths d;
        const char *text = arena_printf(f.arena, DIAMOND, skew, 64 - skew, skew);
        cr_assert(find_depths(&f, text, 2, &d), "%s", diag_text(f.diag));
        cr_assert_eq(d.channels.len, 3);
        cr_assert_str_eq(d.channels.data[1].name, "c");
        cr_assert(d.channels.data[1].writer == 0 && d.channels.data[1].reader == 2);
        /* a takes some of it in. */
        int64_t most = d.channels.data[1].depth;
        cr_assert(most >= (skew > 2 ? skew - 2 : 2) && most <= skew + skew / 8 + 2, "%lld at %d",
                  (long long)most, skew);
        cr_assert_eq(d.channels.data[2].depth, 2);
        cr_assert_eq(d.starts[0], 1);
        cr_assert_eq(d.starts[1], skew == 64 ? 64 : skew + 1);
        cr_assert_eq(d.starts[2], 2);
        finish(&f);
    }
}

/* Padding: what an inner loop reads depends on the outer one. Its reader waits for two rows first. */
Test(loop_stream, depths_with_conditions_in_loops) {
    Fixture f = start();
    LDepths d;
    const char *text =
        "kernel fork(x: fifo f32[] read, a: fifo f32[] write, c: fifo f32[] write) { serial i in "
        "0..32 { let v = fifo_read(x) fifo_write a = v fifo_write c = v } }\n"
        "kernel pad(a: fifo f32[] read, b: fifo f32[] write) { declare t: private f32[1] serial i "
        "in 0..6 { serial j in 0..8 { if (i - 1 >= 0) & (i - 1 < 4) { let v = fifo_read(a) t[0] = "
        "v } "
        "else { t[0] = 0.0 } if j < 4 { fifo_write b = t[0] } } } }\n"
        "kernel join(b: fifo f32[] read, c: fifo f32[] read, y: fifo f32[] write) { serial i in "
        "0..8 { let v = fifo_read(b) } serial i in 0..16 { let v = fifo_read(b) let u = "
        "fifo_read(c) let w = fifo_read(c) fifo_write y = u + v + w } }\n";
    cr_assert(find_depths(&f, text, 2, &d), "%s", diag_text(f.diag));
    cr_assert_eq(d.channels.len, 3);
    cr_assert_str_eq(d.channels.data[1].name, "c");
    cr_assert(d.channels.data[1].depth >= 7 && d.channels.data[1].depth <= 12, "%lld",
              (long long)d.channels.data[1].depth);
    cr_assert_eq(d.starts[1], 0, "rows of zeros come first");
    finish(&f);
}

Test(loop_stream, depths_of_what_cannot_end) {
    static const char *const faults[][2] = {
        {"kernel p(c: fifo f32[] write) { serial i in 0..8 { fifo_write c = 1.0 } } kernel q(c: "
         "fifo f32[] read) { serial i in 0..9 { let v = fifo_read(c) } }",
         "task q waits for good to read from channel c"},
        {"kernel p(c: fifo f32[] write) { serial i in 0..8 { fifo_write c = 1.0 } } kernel q(c: "
         "fifo f32[] read) { serial i in 0..3 { let v = fifo_read(c) } }",
         "task p waits for good to write to channel c"},
        {"kernel p(c: fifo f32[] write) { serial i in 0..8 { fifo_write c = 1.0 } } kernel q(c: "
         "fifo f32[] read) { serial i in 0..7 { let v = fifo_read(c) } }",
         "3 elements of channel c are never read"},
        {"kernel p(c: fifo f32[] write, d: fifo f32[] read) { let v = fifo_read(d) fifo_write c = "
         "v } kernel q(c: fifo f32[] read, d: fifo f32[] write) { let v = fifo_read(c) fifo_write "
         "d = v }",
         "waits for good to read from"},
        {"kernel p(c: fifo f32[] write) { fifo_write c = 1.0 } kernel q(c: fifo f32[] write) { "
         "fifo_write c = 2.0 }",
         "two tasks at the same end"},
        {"kernel p(c: fifo f32[] read, d: fifo f32[] write) { let v = fifo_read(c) if v > 0.0 { "
         "fifo_write d = v } }",
         "depends on data"},
    };
    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        Fixture f = start();
        LDepths d;
        cr_assert(!find_depths(&f, faults[i][0], 4, &d), "%s", faults[i][0]);
        cr_assert(strstr(diag_text(f.diag), faults[i][1]), "%s", diag_text(f.diag));
        finish(&f);
    }
}

/* Of two channels that are both too small the lesser grows. */
Test(loop_stream, depths_grow_in_turn) {
    Fixture f = start();
    LDepths d;
    cr_assert(find_depths(&f,
                          "kernel p(c: fifo f32[] write, d: fifo f32[] read) { serial i in 0..8 { "
                          "fifo_write c = 1.0 } serial i in 0..8 { let v = fifo_read(d) } } "
                          "kernel q(d: fifo f32[] write, c: fifo f32[] read) { serial i in 0..8 { "
                          "fifo_write d = 1.0 } serial i in 0..8 { let v = fifo_read(c) } }",
                          2, &d),
              "%s", diag_text(f.diag));
    cr_assert_eq(d.channels.len, 2);
    int64_t a = d.channels.data[0].depth, b = d.channels.data[1].depth;
    cr_assert((a == 8 && b >= 7) || (b == 8 && a >= 7), "%lld %lld", (long long)a, (long long)b);
    finish(&f);
}

/* All accesses to one bank: the array stays as it is. */
Test(loop_stream, one_lane_gets_no_banks) {
    Fixture f = start();
    LKernel *k = read_kernel(&f, "kernel k(w: constant f32[16] read, y: global f32[4] write) { "
                                 "serial i in 0..4 { y[i] = w[4 * i + 1] } }");
    LPartition how[2];
    lkernel_partition(f.program, k, how);
    cr_assert_eq(how[0].banks[0], 1);
    finish(&f);
}
