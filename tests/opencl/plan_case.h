/* A launch plan written by hand: a symbol, weights, two temps whose place depends on the symbol, four launches.
 *
 *   t[i] = x[i] + w[i % 4]    u[i] = 2 t[i]    y[i] = x[i] u[i] + t[i]    tail[i] = u[i + 2], N - 2 of them
 */
#ifndef PLAN_CASE_H
#define PLAN_CASE_H

#include <string.h>

#include "nn/plan.h"

#define EXPR(name) {sizeof name##_code / sizeof name##_code[0], name##_code}

enum { CASE_ALIGNMENT = 512 };

/* clang-format off */
static const int64_t n_code[] = {NN_EXPR_SYMBOL, 0};
static const int64_t tail_code[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, -2, NN_EXPR_ADD, 0};
static const int64_t bytes_code[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, 4, NN_EXPR_MUL, 0};
static const int64_t tail_bytes_code[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, -2, NN_EXPR_ADD, 0,
                                          NN_EXPR_CONST, 4, NN_EXPR_MUL, 0};
static const int64_t zero_code[] = {NN_EXPR_CONST, 0};
static const int64_t weight_offset_code[] = {NN_EXPR_CONST, CASE_ALIGNMENT};
static const int64_t weight_bytes_code[] = {NN_EXPR_CONST, 16};
/* 4 N rounded up to the alignment, and twice that. */
static const int64_t u_offset_code[] = {
    NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, 4, NN_EXPR_MUL, 0, NN_EXPR_CONST, CASE_ALIGNMENT - 1, NN_EXPR_ADD, 0,
    NN_EXPR_CONST, CASE_ALIGNMENT, NN_EXPR_FLOORDIV, 0, NN_EXPR_CONST, CASE_ALIGNMENT, NN_EXPR_MUL, 0};
static const int64_t arena_code[] = {
    NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, 4, NN_EXPR_MUL, 0, NN_EXPR_CONST, CASE_ALIGNMENT - 1, NN_EXPR_ADD, 0,
    NN_EXPR_CONST, CASE_ALIGNMENT, NN_EXPR_FLOORDIV, 0, NN_EXPR_CONST, 2 * CASE_ALIGNMENT, NN_EXPR_MUL, 0};
static const int64_t groups_code[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, 7, NN_EXPR_ADD, 0,
                                      NN_EXPR_CONST, 8, NN_EXPR_FLOORDIV, 0};
static const int64_t tail_groups_code[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, 5, NN_EXPR_ADD, 0,
                                           NN_EXPR_CONST, 8, NN_EXPR_FLOORDIV, 0};
/* clang-format on */

static const char case_source[] =
    "__kernel void nn_add(__global const float *x, __global const float *w, __global float *t,\n"
    "                     long n) {\n"
    "    long i = get_global_id(0);\n"
    "    if (i < n) t[i] = x[i] + w[i % 4];\n"
    "}\n"
    "__kernel void nn_double(__global const float *t, __global float *u, long n) {\n"
    "    long i = get_global_id(0);\n"
    "    if (i < n) u[i] = 2 * t[i];\n"
    "}\n"
    "__kernel void nn_fma(__global const float *x, __global const float *u,\n"
    "                     __global const float *t, __global float *y, long n) {\n"
    "    long i = get_global_id(0);\n"
    "    if (i < n) y[i] = x[i] * u[i] + t[i];\n"
    "}\n"
    "__kernel void nn_tail(__global const float *u, __global float *tail, long n) {\n"
    "    long i = get_global_id(0);\n"
    "    if (i < n - 2) tail[i] = u[i + 2];\n"
    "}\n";

static _Alignas(64) float case_weights[CASE_ALIGNMENT / 4 + 4];

typedef struct CaseIo {
    int64_t n;
    const float *x;
    float *y, *tail;
} CaseIo;

enum { BUFFER_X, BUFFER_W, BUFFER_T, BUFFER_U, BUFFER_Y, BUFFER_TAIL, CASE_BUFFERS };
enum { CASE_LAUNCHES = 4, CASE_NEEDS = 2 };

typedef struct Case {
    nn_network network;
    nn_plan plan;
    nn_tensor input, outputs[2];
    nn_plan_buffer buffers[CASE_BUFFERS];
    nn_plan_launch launches[CASE_LAUNCHES];
    nn_plan_need needs[CASE_NEEDS];
} Case;

static const char *const case_symbols[] = {"N"};
static const uint32_t case_symbol[] = {0};
static const uint32_t add_buffers[] = {BUFFER_X, BUFFER_W, BUFFER_T};
static const uint32_t double_buffers[] = {BUFFER_T, BUFFER_U};
static const uint32_t fma_buffers[] = {BUFFER_X, BUFFER_U, BUFFER_T, BUFFER_Y};
static const uint32_t tail_buffers[] = {BUFFER_U, BUFFER_TAIL};

static inline void case_fill_network(nn_network *network, Case *c) {
    *network = (nn_network){.magic = {0},
                            .abi_version = NN_ABI_VERSION,
                            .struct_bytes = sizeof *network,
                            .name = "case",
                            .target = "opencl",
                            .precision = "f32",
                            .symbol_count = 1,
                            .input_count = 1,
                            .output_count = 2,
                            .kernel_count = CASE_LAUNCHES,
                            .symbols = case_symbols,
                            .inputs = &c->input,
                            .outputs = c->outputs,
                            .arena_bytes = EXPR(arena),
                            .weights_bytes = sizeof case_weights};
    memcpy(network->magic, "nn-net\0\1", 8);
}

static inline nn_plan_launch case_launch(const char *kernel, const uint32_t *buffers,
                                         uint32_t count) {
    return (nn_plan_launch){.kernel = kernel,
                            .path = "layer",
                            .buffer_count = count,
                            .symbol_count = 1,
                            .buffers = buffers,
                            .symbols = case_symbol,
                            .dimensions = 1,
                            .groups = {EXPR(groups)},
                            .items = {8}};
}

/* The plan and its network, whole and valid; they point into *c. */
static inline void case_make(Case *c) {
    memset(c, 0, sizeof *c);
    for (int i = 0; i < 4; i++) case_weights[CASE_ALIGNMENT / 4 + i] = 1 + 2 * (float)i;
    c->input = (nn_tensor){.name = "x", .type = NN_F32, .rank = 1, .dims = {EXPR(n)}};
    c->outputs[0] = (nn_tensor){.name = "y", .type = NN_F32, .rank = 1, .dims = {EXPR(n)}};
    c->outputs[1] = (nn_tensor){.name = "tail", .type = NN_F32, .rank = 1, .dims = {EXPR(tail)}};
    case_fill_network(&c->network, c);
    const nn_plan_buffer buffers[] = {
        {"x", NN_PLAN_INPUT, 0, EXPR(bytes), EXPR(zero)},
        {"w", NN_PLAN_WEIGHT, 0, EXPR(weight_bytes), EXPR(weight_offset)},
        {"t", NN_PLAN_TEMP, 0, EXPR(bytes), EXPR(zero)},
        {"u", NN_PLAN_TEMP, 0, EXPR(bytes), EXPR(u_offset)},
        {"y", NN_PLAN_OUTPUT, 0, EXPR(bytes), EXPR(zero)},
        {"tail", NN_PLAN_OUTPUT, 1, EXPR(tail_bytes), EXPR(zero)}};
    memcpy(c->buffers, buffers, sizeof buffers);
    c->launches[0] = case_launch("nn_add", add_buffers, 3);
    c->launches[1] = case_launch("nn_double", double_buffers, 2);
    c->launches[2] = case_launch("nn_fma", fma_buffers, 4);
    c->launches[3] = case_launch("nn_tail", tail_buffers, 2);
    c->launches[3].groups[0] = (nn_expr)EXPR(tail_groups);
    const nn_plan_need needs[] = {{"layer", "4*N", EXPR(bytes), EXPR(zero)},
                                  {"layer", "N", EXPR(n), EXPR(n)}};
    memcpy(c->needs, needs, sizeof needs);
    c->plan = (nn_plan){.version = NN_PLAN_VERSION,
                        .struct_bytes = sizeof c->plan,
                        .language = "opencl-c",
                        .options = "-cl-std=CL1.2",
                        .source = case_source,
                        .source_bytes = sizeof case_source - 1,
                        .alignment = CASE_ALIGNMENT,
                        .buffer_count = CASE_BUFFERS,
                        .launch_count = CASE_LAUNCHES,
                        .need_count = CASE_NEEDS,
                        .buffers = c->buffers,
                        .launches = c->launches,
                        .needs = c->needs,
                        .arena_bytes = EXPR(arena),
                        .weights = case_weights,
                        .weights_bytes = sizeof case_weights};
    c->plan.source_hash = nn_plan_source_hash(case_source, sizeof case_source - 1, c->plan.options);
    c->plan.plan_hash = nn_plan_hash(&c->plan);
}

/* Whether the outputs are those of the inputs. */
static inline int case_is_right(const CaseIo *io) {
    for (int64_t i = 0; i < io->n; i++) {
        float t = io->x[i] + (1 + 2 * (float)(i % 4)), u = 2 * t, y = io->x[i] * u + t;
        float d = io->y[i] - y, bound = 1e-5f * (y < 0 ? -y : y) + 1e-6f;
        if (!(d <= bound && d >= -bound)) return 0;
        if (i >= 2 && io->tail[i - 2] != u) return 0;
    }
    return 1;
}

#endif
