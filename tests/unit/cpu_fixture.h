/* A hand-built program that is compiled for this processor and run, shared by the tests of the cpu
 * target. */
#ifndef NNC_TESTS_CPU_FIXTURE_H
#define NNC_TESTS_CPU_FIXTURE_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/target.h"

enum { CPU_MAX_PORTS = 8 };

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
    TargetOptions options;
    TargetDesc desc;
    LoadedNetwork loaded;
} CpuFixture;

static inline CpuFixture cpu_start(void) {
    CpuFixture f = {.arena = arena_create()};
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
    f->graph->outputs = f->outputs;
    f->graph->output_names = f->output_names;
    lprogram_call(f->program, f->b.kernel, f->args, "layer", (Span){0});
}

static inline void cpu_describe_target(CpuFixture *f) {
    cr_assert(target_cpu.describe(&f->options, &f->desc, f->arena, f->diag));
}

/* Compiles and loads; the fixture must have options set before. */
static inline void cpu_load_network(CpuFixture *f) {
    cpu_describe_target(f);
    cr_assert(target_cpu.load(f->program, &f->desc, &f->options, &f->loaded, f->diag));
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
        target_cpu.emit(f->program, &f->desc, &f->options, kind, "dir/net.o", &artifacts, f->diag));
    return artifacts;
}

#endif
