/* A hand-built program that is compiled for this processor, or for another target, and run; shared by
 * the tests of targets. */
#ifndef NNC_TESTS_CPU_FIXTURE_H
#define NNC_TESTS_CPU_FIXTURE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/target.h"

enum { CPU_MAX_PORTS = 16 };

typedef struct CpuFixture {
    Arena *arena;
    Diag *diag;
    Module *module;
    DimContext *dims;
    Graph *graph;
    LProgram *program;
    LBuilder b;
    LTensor *args[CPU_MAX_PORTS * 2];
    Value *outputs[CPU_MAX_PORTS];
    const char *output_names[CPU_MAX_PORTS];
    int nargs, noutputs;
    const Target *target;
    TargetOptions options;
    TargetDesc desc;
    LoadedNetwork loaded;
} CpuFixture;

static inline CpuFixture cpu_start(void) {
    CpuFixture f = {.arena = arena_create(), .target = &target_cpu};
    f.diag = diag_create(f.arena, stderr);
    f.module = module_create(f.arena, f.diag);
    f.dims = f.module->dims;
    f.graph = f.module->graph = graph_create(f.module, "net");
    f.program = lprogram_create(f.module, f.graph);
    lkernel_create(f.program, "kernel", "layer", &f.b);
    f.options = (TargetOptions){.prefix = "net", .opt_level = 2};
    return f;
}

static inline Dim cpu_dim(CpuFixture *f, const char *text) {
    Dim dim = dim_parse(f->dims, &text, true);
    cr_assert(dim, "%s", text);
    return dim;
}

static inline TensorType cpu_type(CpuFixture *f, DType dtype, int rank, const char *const *dims) {
    TensorType type = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++) type.dims[i] = cpu_dim(f, dims[i]);
    return type;
}

static inline LBuffer *cpu_param(CpuFixture *f, const char *name, LTensor *tensor,
                                 const TensorType *type, LAccess access) {
    LSpace space = tensor->role == TENSOR_WEIGHT ? SPACE_CONSTANT : SPACE_GLOBAL;
    f->args[f->nargs++] = tensor;
    LBuffer *buffer = lb_param(&f->b, name, space, type->dtype, type->rank, type->dims, access);
    buffer->no_alias = true;
    return buffer;
}

/* An input or output of the network that is a parameter of the kernel. */
static inline LBuffer *cpu_input(CpuFixture *f, const char *name, DType dtype, int rank,
                                 const char *const *dims) {
    TensorType type = cpu_type(f, dtype, rank, dims);
    Value *value = graph_add_input(f->graph, name, &type, (Span){0});
    LTensor *tensor =
        lprogram_tensor(f->program, name, TENSOR_INPUT, dtype, type_elements(f->dims, &type));
    tensor->io = value->index;
    return cpu_param(f, name, tensor, &type, ACCESS_READ);
}

static inline LBuffer *cpu_output(CpuFixture *f, const char *name, DType dtype, int rank,
                                  const char *const *dims) {
    TensorType type = cpu_type(f, dtype, rank, dims);
    Value *value = arena_new(f->arena, Value);
    *value = (Value){.type = type, .path = name};
    LTensor *tensor =
        lprogram_tensor(f->program, name, TENSOR_OUTPUT, dtype, type_elements(f->dims, &type));
    tensor->io = f->noutputs;
    f->output_names[f->noutputs] = name;
    f->outputs[f->noutputs++] = value;
    return cpu_param(f, name, tensor, &type, ACCESS_READ_WRITE);
}

static inline LBuffer *cpu_input1(CpuFixture *f, const char *name, DType dtype, const char *dim) {
    return cpu_input(f, name, dtype, 1, &dim);
}

static inline LBuffer *cpu_output1(CpuFixture *f, const char *name, DType dtype, const char *dim) {
    return cpu_output(f, name, dtype, 1, &dim);
}

/* Adds the kernel built so far and its call. */
static inline void cpu_call(CpuFixture *f) {
    f->graph->noutputs = f->noutputs;
    f->graph->outputs = arena_array(f->arena, Value *, CPU_MAX_PORTS);
    const char **names = arena_array(f->arena, const char *, CPU_MAX_PORTS);
    for (int i = 0; i < f->noutputs; i++) {
        f->graph->outputs[i] = f->outputs[i];
        names[i] = f->output_names[i];
    }
    f->graph->output_names = names;
    lprogram_call(f->program, f->b.kernel, f->args, "layer", (Span){0});
}

static inline void cpu_describe_target(CpuFixture *f) {
    cr_assert(f->target->describe(&f->options, &f->desc, f->arena, f->diag));
    f->program->alignment = f->desc.buffer_alignment;
}

/* Compiles and loads; the fixture must have options set before. */
static inline void cpu_load_network(CpuFixture *f) {
    cpu_describe_target(f);
    cr_assert(f->target->load(f->program, &f->desc, &f->options, &f->loaded, f->diag));
}

/* A context in memory of its own, for the given limits (null where there are no symbols). */
static inline nn_context *cpu_context(CpuFixture *f, const int64_t *limits) {
    const nn_network *network = f->loaded.network;
    nn_options options = {.struct_bytes = sizeof options, .limits = limits};
    size_t bytes = network->context_bytes(limits);
    cr_assert(bytes != SIZE_MAX);
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    nn_context *context;
    cr_assert(network->init(memory, bytes, &options, &context) == NN_OK);
    return context;
}

static inline void cpu_end(CpuFixture *f) {
    if (f->loaded.handle) f->loaded.unload(f->loaded.handle);
    arena_destroy(f->arena);
}

/* Files of one emit kind, in memory. */
static inline Artifacts cpu_emit(CpuFixture *f, const char *kind) {
    Artifacts artifacts = {.arena = f->arena};
    cpu_describe_target(f);
    cr_assert(
        f->target->emit(f->program, &f->desc, &f->options, kind, "dir/net.o", &artifacts, f->diag));
    for (size_t i = 0; i < artifacts.files.len; i++)
        artifacts.files.data[i] = output_joined(f->arena, &artifacts.files.data[i]);
    return artifacts;
}

/* ---- generated code against the evaluator ------------------------------------------------------
 */

static inline Tensor cpu_tensor(CpuFixture *f, const TensorType *type, const int64_t *symbols) {
    int64_t dims[MAX_RANK];
    for (int i = 0; i < type->rank; i++) cr_assert(dim_eval(type->dims[i], symbols, &dims[i]));
    return tensor_new(f->arena, type->dtype, type->rank, dims);
}

/* Small numbers, exact in every type, that make sums exact too. */
static inline void cpu_fill(Tensor *t, uint64_t seed) {
    for (int64_t i = 0; i < tensor_elements(t); i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int64_t value = (int64_t)(seed >> 59);
        if (t->dtype == DT_bool) value &= 1;
        if (dtype_class(t->dtype) == DCLASS_SIGNED || dtype_is_float(t->dtype)) value -= 16;
        tensor_set_int(t, i, value);
    }
}

typedef struct CpuRun {
    Tensor tensors[CPU_MAX_PORTS]; /* inputs, then outputs */
    Tensor expected[CPU_MAX_PORTS];
    uint64_t io[2 * CPU_MAX_PORTS];
    LMemory memory[CPU_MAX_PORTS];
    int count;
} CpuRun;

/* Tensors for the symbols' values: random inputs, and outputs that start equal on both sides. */
static inline CpuRun cpu_prepare(CpuFixture *f, const int64_t *symbols) {
    CpuRun r = {.count = f->graph->ninputs + f->noutputs};
    int nsymbols = dim_symbol_count(f->dims);
    memcpy(r.io, symbols, sizeof(int64_t) * (size_t)nsymbols);
    for (int i = 0; i < r.count; i++) {
        int output = i - f->graph->ninputs;
        Value *value = output < 0 ? f->graph->inputs[i] : f->outputs[output];
        r.tensors[i] = cpu_tensor(f, &value->type, symbols);
        r.expected[i] = cpu_tensor(f, &value->type, symbols);
        cpu_fill(&r.tensors[i], (uint64_t)i + 1);
        memcpy(r.expected[i].data, r.tensors[i].data, r.tensors[i].bytes);
        r.io[nsymbols + i] = (uint64_t)(uintptr_t)r.tensors[i].data;
    }
    for (int k = 0; k < f->nargs; k++) {
        LTensor *tensor = f->args[k];
        int i = tensor->role == TENSOR_INPUT ? tensor->io : f->graph->ninputs + tensor->io;
        r.memory[k] =
            (LMemory){.data = r.expected[i].data, .elements = tensor_elements(&r.expected[i])};
    }
    return r;
}

static inline void cpu_evaluate(CpuFixture *f, CpuRun *r, const int64_t *symbols) {
    LEvalOptions options = {.symbols = symbols};
    LFault fault = lkernel_eval(f->program->kernels.data[0], f->dims, r->memory, &options, f->diag);
    cr_assert(fault == LFAULT_NONE, "%s", diag_text(f->diag));
}

static inline void cpu_expect_equal(CpuFixture *f, const CpuRun *r, const char *what) {
    for (int i = f->graph->ninputs; i < r->count; i++) {
        const Tensor *got = &r->tensors[i], *expected = &r->expected[i];
        for (int64_t k = 0; k < tensor_elements(got); k++) {
            size_t size = dtype_bytes(got->dtype);
            const char *a = (const char *)got->data + (size_t)k * size;
            const char *b = (const char *)expected->data + (size_t)k * size;
            cr_assert(memcmp(a, b, size) == 0, "%s: output %d, element %lld is %g, expected %g",
                      what, i, (long long)k, tensor_get(got, k), tensor_get(expected, k));
        }
    }
}

/* Runs the loaded network for these symbols and holds it against the evaluator, bit for bit. */
static inline void cpu_compare(CpuFixture *f, const int64_t *symbols, const char *what) {
    static const int64_t none[1];
    const int64_t *values = symbols ? symbols : none;
    CpuRun r = cpu_prepare(f, values);
    cpu_evaluate(f, &r, values);
    nn_context *context = cpu_context(f, values);
    nn_status status = f->loaded.network->run(context, r.io);
    cr_assert(status == NN_OK, "%s: %s", what, f->loaded.network->message(context));
    cpu_expect_equal(f, &r, what);
    f->loaded.network->destroy(context);
    free(context);
}

#endif
