/* Hand-written kernels in the manner of each target, against plain C: matrix tiles, dot products,
 * work-groups, line buffers, narrow types. */
#include "loop_fixture.h"

#include <math.h>

static LKernel *read_kernel(Fixture *f, const char *text) {
    const Source *source = diag_add_source(f->diag, "k.loops", text, strlen(text));
    LProgram *p = lprogram_parse(source, f->module, f->diag);
    cr_assert(p && p->kernels.len == 1, "%s", diag_text(f->diag));
    return p->kernels.data[0];
}

static void run_text(Fixture *f, const char *text, LMemory *params) {
    *f = start();
    LKernel *k = read_kernel(f, text);
    cr_assert_eq(run(f, k, params), LFAULT_NONE, "%s", diag_text(f->diag));
}

static int small(int i) {
    return i * 37 % 19 - 9;
}

/* ---- matrix tiles ---------------------------------------------------------------------------- */

/* 32x32 result in 2x2 tiles; B interleaved by q. */
#define TILE_LOOP(type, acc, q, k, zero)                                                           \
    "kernel k(a: global " type "[32, " k "] read, b: global " type                                 \
    "[16, 128] read, c: global " acc "[32, 32] write) {\n"                                         \
    "declare t: private tile<16x16," acc ">[2, 2]\n"                                               \
    "unroll i in 0..2 { unroll j in 0..2 { t[i, j] = tile_zero(tile<16x16," acc ">) } }\n"         \
    "unroll i in 0..2 { unroll j in 0..2 { t[i, j] = tile_dot(t[i, j], tile_load(tile<16x" k       \
    "," type ">, a[16 * i, 0], " k "), "                                                           \
    "tile_load(tile<16x" k "," type ">, b[0, " k " * j], 128)) } }\n"                              \
    "unroll i in 0..2 { unroll j in 0..2 { tile_store c[16 * i, 16 * j] stride 32 = t[i, j] } } "  \
    "}\n"

Test(loop_machines, int8_tiles) {
    static int8_t a[32 * 64], b[16 * 128];
    static int32_t c[32 * 32];
    for (int i = 0; i < 32 * 64; i++) a[i] = (int8_t)(small(i) * 13);
    for (int i = 0; i < 16 * 128; i++) b[i] = (int8_t)(small(i + 5) * 14);
    LMemory params[3] = {memory(a, 32 * 64), memory(b, 16 * 128), memory(c, 32 * 32)};
    Fixture f;
    run_text(&f, TILE_LOOP("i8", "i32", "4", "64", "0"), params);
    for (int m = 0; m < 32; m++)
        for (int n = 0; n < 32; n++) {
            int32_t sum = 0;
            for (int k = 0; k < 64; k++) sum += a[m * 64 + k] * b[k / 4 * 128 + n * 4 + k % 4];
            cr_assert_eq(c[m * 32 + n], sum);
        }
    finish(&f);
}

Test(loop_machines, bf16_tiles) {
    static uint16_t a[32 * 32], b[16 * 128];
    static float c[32 * 32];
    for (int i = 0; i < 32 * 32; i++) a[i] = f32_to_bf16((float)small(i));
    for (int i = 0; i < 16 * 128; i++) b[i] = f32_to_bf16((float)small(i + 5) / 4);
    LMemory params[3] = {memory(a, 32 * 32), memory(b, 16 * 128), memory(c, 32 * 32)};
    Fixture f;
    run_text(&f, TILE_LOOP("bf16", "f32", "2", "32", "0"), params);
    for (int m = 0; m < 32; m++)
        for (int n = 0; n < 32; n++) {
            float sum = 0;
            for (int k = 0; k < 32; k++)
                sum += bf16_to_f32(a[m * 32 + k]) * bf16_to_f32(b[k / 2 * 128 + n * 2 + k % 2]);
            cr_assert_eq(c[m * 32 + n], sum);
        }
    finish(&f);
}

Test(loop_machines, dot_products) {
    static uint8_t x[64];
    static int8_t w[64];
    static int32_t y[16];
    for (int i = 0; i < 64; i++) x[i] = (uint8_t)(i * 41), w[i] = (int8_t)(small(i) * 14);
    for (int i = 0; i < 16; i++) y[i] = 1000 * i;
    LMemory params[3] = {memory(x, 64), memory(w, 64), memory(y, 16)};
    Fixture f;
    run_text(
        &f,
        "kernel k(x: global u8[64] read, w: global i8[64] read, y: global i32[16] readwrite) {\n"
        "y[ramp(0, 1, 16)] = dot(y[ramp(0, 1, 16)], x[ramp(0, 1, 64)], w[ramp(0, 1, 64)]) }",
        params);
    for (int i = 0; i < 16; i++) {
        int32_t sum = 1000 * i;
        for (int k = 0; k < 4; k++) sum += x[4 * i + k] * w[4 * i + k];
        cr_assert_eq(y[i], sum);
    }
    finish(&f);
    static uint16_t p[16], q[16];
    static float z[8];
    for (int i = 0; i < 16; i++)
        p[i] = f32_to_bf16((float)small(i)), q[i] = f32_to_bf16(0.5f * (float)i);
    LMemory halves[3] = {memory(p, 16), memory(q, 16), memory(z, 8)};
    run_text(
        &f,
        "kernel k(p: global bf16[16] read, q: global bf16[16] read, z: global f32[8] write) {\n"
        "z[ramp(0, 1, 8)] = dot(f32x8(1.0), p[ramp(0, 1, 16)], q[ramp(0, 1, 16)]) }",
        halves);
    for (int i = 0; i < 8; i++) {
        float first = bf16_to_f32(p[2 * i]) * bf16_to_f32(q[2 * i]);
        cr_assert_eq(z[i], 1 + first + bf16_to_f32(p[2 * i + 1]) * bf16_to_f32(q[2 * i + 1]));
    }
    finish(&f);
}

/* ---- work-groups ----------------------------------------------------------------------------- */

Test(loop_machines, transpose_through_local_memory) {
    static float x[24 * 16], y[16 * 24];
    for (int i = 0; i < 24 * 16; i++) x[i] = (float)i;
    LMemory params[2] = {memory(x, 24 * 16), memory(y, 16 * 24)};
    Fixture f;
    run_text(&f,
             "kernel k(x: global f32[24, 16] read, y: global f32[16, 24] write) {\n"
             "grid(1) a in 0..3 { grid(0) b in 0..2 {\n"
             "declare t: local f32[8, 9]\n"
             "item(1) i in 0..8 { item(0) j in 0..8 {\n"
             "t[i, j] = x[8 * a + i, 8 * b + j]\n"
             "barrier\n"
             "y[8 * b + i, 8 * a + j] = t[j, i] } } } } }",
             params);
    for (int i = 0; i < 24; i++)
        for (int j = 0; j < 16; j++) cr_assert_eq(y[j * 24 + i], x[i * 16 + j]);
    finish(&f);
}

Test(loop_machines, product_in_tiles_of_local_memory) {
    enum { M = 16, N = 24, K = 32 };
    static float a[M * K], b[K * N], c[M * N];
    for (int i = 0; i < M * K; i++) a[i] = (float)small(i);
    for (int i = 0; i < K * N; i++) b[i] = (float)small(i + 3);
    LMemory params[3] = {memory(a, M * K), memory(b, K * N), memory(c, M * N)};
    Fixture f;
    run_text(&f,
             "kernel k(a: global f32[16, 32] read, b: global f32[32, 24] read, c: global f32[16, "
             "24] write) {\n"
             "grid(1) g in 0..2 { grid(0) h in 0..3 {\n"
             "item(1) i in 0..8 { item(0) j in 0..8 {\n"
             "declare ta: local f32[8, 8] declare tb: local f32[8, 8] declare s: private f32[1]\n"
             "s[0] = 0.0\n"
             "serial t in 0..4 {\n"
             "copy ta[i, j] = a[8 * g + i, 8 * t + j] count 1\n"
             "copy tb[i, j] = b[8 * t + i, 8 * h + j] count 1\n"
             "wait\nbarrier\n"
             "serial k in 0..8 { s[0] = fma(ta[i, k], tb[k, j], s[0]) }\n"
             "barrier }\n"
             "c[8 * g + i, 8 * h + j] = s[0] } } } } }",
             params);
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            float sum = 0;
            for (int k = 0; k < K; k++) sum += a[m * K + k] * b[k * N + n];
            cr_assert_eq(c[m * N + n], sum);
        }
    finish(&f);
}

/* ---- line buffers ---------------------------------------------------------------------------- */

Test(loop_machines, a_sliding_window_keeps_three_lines) {
    enum { H = 12, W = 9 };
    static float x[H * W], y[(H - 2) * W];
    for (int i = 0; i < H * W; i++) x[i] = (float)small(i);
    LMemory params[2] = {memory(x, H * W), memory(y, (H - 2) * W)};
    Fixture f;
    run_text(&f,
             "kernel k(x: global f32[12, 9] read, y: global f32[10, 9] write) {\n"
             "declare line: private f32[12, 9] fold(3, 0)\n"
             "serial h in 0..12 {\n"
             "pipeline w in 0..9 interval 1 {\n"
             "line[h, w] = x[h, w] * 2.0\n"
             "if h >= 2 { y[h - 2, w] = line[h - 2, w] + line[h - 1, w] + line[h, w] } } } }",
             params);
    for (int i = 0; i < (H - 2) * W; i++)
        cr_assert_eq(y[i], 2 * x[i] + 2 * x[i + W] + 2 * x[i + 2 * W]);
    finish(&f);
}

/* ---- narrow types ---------------------------------------------------------------------------- */

Test(loop_machines, saturating_and_rounding) {
    static float x[8] = {0.5f, 1.5f, -2.5f, 127.5f, -1e9f, 3e9f, NAN, -0.4f};
    static int8_t near[8], zero[8], sum[8];
    static uint8_t bytes[8];
    LMemory params[5] = {memory(x, 8), memory(near, 8), memory(zero, 8), memory(sum, 8),
                         memory(bytes, 8)};
    Fixture f;
    run_text(&f,
             "kernel k(x: global f32[8] read, a: global i8[8] write, b: global i8[8] write, c: "
             "global i8[8] write, d: global u8[8] write) {\n"
             "serial i in 0..8 {\n"
             "let r = cast_round<i8>(x[i])\nlet t = cast_sat<i8>(x[i])\n"
             "a[i] = r b[i] = t c[i] = add_sat(r, sub_sat(t, i8(100)))\n"
             "d[i] = cast_sat<u8>(cast_sat<i32>(x[i])) } }",
             params);
    static const int8_t want_near[8] = {0, 2, -2, 127, -128, 127, 0, 0};
    static const int8_t want_zero[8] = {0, 1, -2, 127, -128, 127, 0, 0};
    static const uint8_t want_bytes[8] = {0, 1, 0, 127, 0, 255, 0, 0};
    for (int i = 0; i < 8; i++) {
        int t = want_zero[i] - 100 < -128 ? -128 : want_zero[i] - 100, s = want_near[i] + t;
        cr_assert_eq(near[i], want_near[i]);
        cr_assert_eq(zero[i], want_zero[i]);
        cr_assert_eq(sum[i], s < -128 ? -128 : s > 127 ? 127 : s);
        cr_assert_eq(bytes[i], want_bytes[i]);
    }
    finish(&f);
}

Test(loop_machines, small_floats_and_nibbles) {
    static uint16_t h[4], b[4];
    static int8_t n[4] = {-8, 7, 3, -1};
    static float y[4];
    static const float values[4] = {1.0009765625f, 65504, 3.14159f, -1e-7f};
    for (int i = 0; i < 4; i++) h[i] = f32_to_f16(values[i]), b[i] = f32_to_bf16(values[i]);
    LMemory params[4] = {memory(h, 4), memory(b, 4), memory(n, 4), memory(y, 4)};
    Fixture f;
    run_text(&f,
             "kernel k(h: global f16[4] readwrite, b: global bf16[4] readwrite, n: global i4[4] "
             "readwrite, y: global f32[4] write) {\n"
             "vector i in 0..4 width 4 tail none {\n"
             "y[i] = cast<f32>(h[i]) * cast<f32>(b[i])\n"
             "h[i] = h[i] + h[i] b[i] = b[i] * b[i] n[i] = n[i] + i4(1) } }",
             params);
    for (int i = 0; i < 4; i++) {
        float fh = f16_to_f32(f32_to_f16(values[i])), fb = bf16_to_f32(f32_to_bf16(values[i]));
        cr_assert_eq(y[i], fh * fb);
        cr_assert_eq(h[i], f32_to_f16(fh + fh));
        cr_assert_eq(b[i], f32_to_bf16(fb * fb));
    }
    static const int8_t wanted[4] = {-7, -8, 4, 0};
    cr_assert(memcmp(n, wanted, 4) == 0);
    finish(&f);
}

Test(loop_machines, reductions_pair_halves) {
    static float x[8] = {1e8f, 1, 2, 3, -1e8f, 5, 6, 7}, y[3];
    LMemory params[2] = {memory(x, 8), memory(y, 3)};
    Fixture f;
    run_text(&f,
             "kernel k(x: global f32[8] read, y: global f32[3] write) {\n"
             "let v = x[ramp(0, 1, 8)]\n"
             "y[0] = reduce(+, v) y[1] = reduce(max, v)\n"
             "y[2] = extract(shuffle(v, v, [15, 0]), 0) }",
             params);
    float s[4] = {x[0] + x[4], x[1] + x[5], x[2] + x[6], x[3] + x[7]};
    cr_assert_eq(y[0], (s[0] + s[2]) + (s[1] + s[3]));
    cr_assert_eq(y[1], 1e8f);
    cr_assert_eq(y[2], 7);
    finish(&f);
}

/* ---- programs
 * ------------------------------------------------------------------------------------------------
 */

static const char two_calls[] =
    "symbols N\n"
    "tensor \"x\" input 0 f32[4*N]\n"
    "tensor \"t\" temp f32[4*N]\n"
    "tensor \"y\" output 0 f32[4*N]\n"
    "kernel twice(x: global f32[N, 4] read, y: global f32[N, 4] write) {\n"
    "parallel n in 0..N { serial i in 0..%d { y[n, i] = x[n, i] * 2.0 } } }\n"
    "call twice(\"x\", \"t\") path \"a\"\n"
    "call twice(\"t\", \"y\") path \"b\"\n";

static LFault run_program(Fixture *f, int columns, Tensor *output) {
    *f = start();
    char *text = arena_printf(f->arena, two_calls, columns);
    const Source *source = diag_add_source(f->diag, "p.loops", text, strlen(text));
    LProgram *p = lprogram_parse(source, f->module, f->diag);
    cr_assert(p, "%s", diag_text(f->diag));
    int64_t rows = 3, elements = 12;
    Tensor input = tensor_new(f->arena, DT_f32, 1, &elements);
    for (int i = 0; i < 12; i++) tensor_set(&input, i, i);
    LEvalOptions options = {&rows, 0};
    return lprogram_eval(p, &input, output, f->arena, &options, f->diag);
}

Test(loop_machines, programs_run_call_by_call) {
    Fixture f;
    Tensor y;
    cr_assert_eq(run_program(&f, 4, &y), LFAULT_NONE, "%s", diag_text(f.diag));
    for (int i = 0; i < 12; i++) cr_assert_eq(tensor_get(&y, i), 4 * i);
    finish(&f);
    cr_assert_eq(run_program(&f, 3, &y), LFAULT_UNINITIALIZED);
    finish(&f);
}

Test(loop_machines, weights_without_data_are_a_fault) {
    Fixture f = start();
    const char *text = "tensor \"w\" weight f32[4]\n"
                       "kernel k(w: constant f32[4] read) { let a = w[0] }\n"
                       "call k(\"w\") path \"a\"\n";
    const Source *source = diag_add_source(f.diag, "p.loops", text, strlen(text));
    LProgram *p = lprogram_parse(source, f.module, f.diag);
    cr_assert(p, "%s", diag_text(f.diag));
    cr_assert_eq(lprogram_eval(p, 0, 0, f.arena, 0, f.diag), LFAULT_BOUNDS);
    cr_assert(strstr(diag_text(f.diag), "no data"));
    finish(&f);
}
