/* Lowering against the reference: a graph is lowered for many targets, plain and expanded,
 * evaluated with all checks of the loop IR evaluator, and compared with the interpreter. */
#ifndef NNC_TESTS_UNIT_LOWER_FIXTURE_H
#define NNC_TESTS_UNIT_LOWER_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "codegen/lower/lower.h"
#include "ir/interp.h"
#include "passes/pass.h"
#include "tests/unit/graph_fixture.h"

static const TargetDesc test_targets[] = {
    {.name = "scalar", .vector_registers = 16, .fma_ports = 1, .multi_stage = true, .cores = 1},
    {.name = "neon",
     .vector_bits = 128,
     .vector_registers = 32,
     .fma = true,
     .fma_ports = 2,
     .multi_stage = true,
     .cores = 4},
    {.name = "avx2",
     .vector_bits = 256,
     .vector_registers = 16,
     .fma = true,
     .fma_ports = 2,
     .multi_stage = true,
     .cores = 4},
    {.name = "avx512",
     .vector_bits = 512,
     .vector_registers = 32,
     .fma = true,
     .fma_ports = 2,
     .masked_tails = true,
     .broadcast_operand = true,
     .multi_stage = true,
     .cores = 2},
    /* Small, so that small shapes have tails, chunks and several groups. */
    {.name = "groups",
     .fma = true,
     .cores = 2,
     .group_items = 16,
     .group_width = 4,
     .item_registers = 64,
     .load_bits = 128,
     .local_bytes = 16 << 10},
    {.name = "streams", .cores = 1, .streams = true, .task_cycles = 50, .float_latency = 4},
};

/* ---- values ---------------------------------------------------------------------------------- */

static inline double noise(uint64_t seed, int64_t i) {
    uint64_t key[2] = {seed, (uint64_t)i};
    return (double)(hash_bytes(key, sizeof key, 7) >> 11) / (double)(UINT64_C(1) << 53);
}

/* Floats in -2..2, integers -9..9 (unsigned 0..9), booleans. */
static inline void fill_noise(Tensor *t, uint64_t seed) {
    for (int64_t i = 0; i < tensor_elements(t); i++) {
        double x = noise(seed, i);
        switch (dtype_class(t->dtype)) {
        case DCLASS_FLOAT: tensor_set(t, i, 4 * x - 2); break;
        case DCLASS_SIGNED: tensor_set_int(t, i, (int64_t)(19 * x) - 9); break;
        case DCLASS_UNSIGNED: tensor_set_int(t, i, (int64_t)(10 * x)); break;
        case DCLASS_BOOL: tensor_set_int(t, i, x > 0.5); break;
        }
    }
}

static inline Value *fixture_weight(Fixture *f, const char *type) {
    TensorType parsed = fixture_type(f, type);
    int64_t dims[MAX_RANK];
    cr_assert(type_static_dims(&parsed, dims));
    Tensor t = tensor_new(f->arena, parsed.dtype, parsed.rank, dims);
    fill_noise(&t, f->module->value_count + 77);
    return build_const(&f->b, &t, true);
}

static inline void fixture_outputs(Fixture *f, int count, Value *const *values) {
    const char *names[8];
    for (int i = 0; i < count; i++) names[i] = arena_printf(f->arena, "y%d", i);
    graph_set_outputs(f->module->graph, count, values, names);
}

/* ---- one run --------------------------------------------------------------------------------- */

static inline double tolerance(const Tensor *t) {
    return t->dtype == DT_f16 || t->dtype == DT_bf16 ? 1e-2 : t->dtype == DT_f64 ? 1e-10 : 1e-5;
}

static inline const LProgram *expanded(LProgram *program, const TargetDesc *target) {
    LProgram *copy = arena_new(program->module->arena, LProgram);
    LExpandOptions options = {
        .vectors = true, .unroll = true, .masked_tails = target->masked_tails};
    *copy = *program;
    memset(&copy->calls, 0, sizeof copy->calls);
    for (size_t i = 0; i < program->calls.len; i++) {
        LCall call = program->calls.data[i];
        call.kernel = lkernel_expand(program, call.kernel, &options);
        vec_push(program->module->arena, &copy->calls, call);
    }
    return copy;
}

static inline void show(const LProgram *program) {
    StrBuf text = {0};
    if (!getenv("NNC_TEST_SHOW")) return;
    lprogram_print(program, &text);
    fprintf(stderr, "%s\n", str_text(&text));
    str_free(&text);
}

static inline void expect_program(Fixture *f, const LProgram *program, const char *what,
                                  const Tensor *inputs, const Tensor *reference) {
    const Graph *g = program->graph;
    Tensor *outputs = arena_array(f->arena, Tensor, (size_t)g->noutputs + 1);
    cr_assert(lprogram_verify(program, f->diag), "%s: %s", what, diag_text(f->diag));
    LFault fault = lprogram_eval(program, inputs, outputs, f->arena, NULL, f->diag);
    cr_assert_eq(fault, LFAULT_NONE, "%s: fault %d: %s", what, (int)fault, diag_text(f->diag));
    for (int i = 0; i < g->noutputs; i++) {
        Agreement a = tensor_agreement(&outputs[i], &reference[i], tolerance(&reference[i]));
        cr_assert(a.agrees, "%s: output %d is off: l2 %g, max %g at %lld: %g, expected %g", what, i,
                  a.relative_l2, a.max_error, (long long)a.worst,
                  a.worst < 0 ? 0 : tensor_get(&outputs[i], a.worst),
                  a.worst < 0 ? 0 : tensor_get(&reference[i], a.worst));
    }
}

static inline void expect_lowered(Fixture *f, const Graph *graph, const TargetDesc *target,
                                  const char *what, const Tensor *inputs, const Tensor *reference) {
    LProgram *program = lower_graph(graph, target, f->diag);
    cr_assert_not_null(program, "%s: %s", what, diag_text(f->diag));
    show(program);
    expect_program(f, program, arena_printf(f->arena, "%s, %s", what, target->name), inputs,
                   reference);
    expect_program(f, expanded(program, target),
                   arena_printf(f->arena, "%s, %s, expanded", what, target->name), inputs,
                   reference);
}

/* The graph as the passes leave it for a target at -O2. */
static inline const Graph *optimized(Fixture *f, const TargetDesc *target) {
    const Pass *passes[64];
    Graph *graph = graph_clone(f->module->graph, NULL);
    size_t count = passes_default(2, passes);
    PassContext context = {
        .module = f->module, .target = target, .diag = f->diag, .scratch = f->arena};
    cr_assert(passes_run(&context, graph, passes, count, NULL), "%s", diag_text(f->diag));
    return graph;
}

/* An input for each of the graph's, at these values of the module's symbols. */
static inline Tensor *noise_inputs(Fixture *f, const Graph *g, const int64_t *sizes) {
    Tensor *inputs = arena_array(f->arena, Tensor, (size_t)g->ninputs + 1);
    for (int i = 0; i < g->ninputs; i++) {
        int64_t dims[MAX_RANK];
        const TensorType *type = &g->inputs[i]->type;
        for (int a = 0; a < type->rank; a++) cr_assert(dim_eval(type->dims[a], sizes, &dims[a]));
        inputs[i] = tensor_new(f->arena, type->dtype, type->rank, dims);
        fill_noise(&inputs[i], (uint64_t)i + 1);
    }
    return inputs;
}

/* sizes: value of each symbol of the module. */
static inline void expect_agreement(Fixture *f, const int64_t *sizes) {
    const Graph *g = f->module->graph;
    const Tensor *inputs = noise_inputs(f, g, sizes);
    Tensor *reference = arena_array(f->arena, Tensor, (size_t)g->noutputs + 1);
    InterpOptions options = {.symbols = sizes};
    cr_assert(interp_run(g, inputs, reference, f->arena, &options, f->diag), "%s",
              diag_text(f->diag));
    const char *size = dim_symbol_count(f->module->dims)
                           ? arena_printf(f->arena, " N=%lld", (long long)sizes[0])
                           : "";
    for (size_t t = 0; t < COUNT_OF(test_targets); t++) {
        expect_lowered(f, g, &test_targets[t], arena_printf(f->arena, "as it is%s", size), inputs,
                       reference);
        const Graph *best = optimized(f, &test_targets[t]);
        expect_lowered(f, best, &test_targets[t], arena_printf(f->arena, "optimized%s", size),
                       inputs, reference);
    }
}

#endif
