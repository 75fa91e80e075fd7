#include "driver/samples.h"

#include "driver/inputs.h"
#include "ir/interp.h"

/* Enough that tasks of several frames overlap; one where a run takes the reference seconds. */
static size_t sample_count(const LProgram *program) {
    enum { MOST = 8 };
    const int64_t budget = 400 * 1000 * 1000;
    int64_t operations = 0, own;
    for (size_t i = 0; i < program->calls.len; i++) {
        const LKernel *kernel = program->calls.data[i].kernel;
        if (!kernel->flops || !dim_is_int(kernel->flops, &own)) continue;
        if (!checked_add(operations, own, &operations)) return 1;
    }
    int64_t count = budget / (operations + 1);
    return count < 1 ? 1 : count > MOST ? MOST : (size_t)count;
}

static bool make_sample(Compilation *c, const Graph *graph, uint64_t seed, Tensor **inputs,
                        Tensor **outputs) {
    int64_t none = 0;
    *inputs = arena_array(c->arena, Tensor, (size_t)graph->ninputs + 1);
    *outputs = arena_array(c->arena, Tensor, (size_t)graph->noutputs + 1);
    for (int i = 0; i < graph->ninputs; i++) {
        if (!input_random(graph, i, &none, seed, c->arena, &(*inputs)[i], c->diag)) return false;
    }
    InterpOptions options = {.symbols = &none};
    return interp_run(graph, *inputs, *outputs, c->arena, &options, c->diag);
}

bool samples_make(Compilation *c) {
    const Graph *graph = compilation_reference(c);
    if (!graph) return false;
    require(dim_symbol_count(c->module->dims) == 0);
    size_t count = sample_count(c->program);
    Tensor **inputs = arena_array(c->arena, Tensor *, count);
    Tensor **outputs = arena_array(c->arena, Tensor *, count);
    for (size_t i = 0; i < count; i++) {
        if (!make_sample(c, graph, i + 1, &inputs[i], &outputs[i])) return fail(c, EXIT_INPUT);
    }
    Samples *samples = arena_new(c->arena, Samples);
    *samples = (Samples){count, inputs, outputs};
    c->target_options.samples = samples;
    return true;
}
