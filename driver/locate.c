#include "driver/locate.h"

#include <stdio.h>

#include "codegen/lower/lower.h"
#include "driver/execute.h"
#include "driver/setup.h"
#include "ir/interp.h"

/* A value late in a network is held to what a whole network is. */
static bool outputs_agree(const Compilation *c, const Graph *graph, const Tensor *a,
                          const Tensor *b) {
    for (int i = 0; i < graph->noutputs; i++) {
        if (!tensor_agreement(&a[i], &b[i], compilation_tolerance(c, &a[i])).agrees) return false;
    }
    return true;
}

static bool interpret(Compilation *c, const Graph *graph, const Tensor *inputs,
                      const int64_t *symbols, Tensor *outputs, Arena *arena) {
    InterpOptions options = {.symbols = symbols};
    return interp_run(graph, inputs, outputs, arena, &options, c->diag);
}

/* Interprets the graph after each pass; true and a line if one changes the result. */
static bool blame_pass(Compilation *c, const Tensor *inputs, const int64_t *symbols,
                       const Tensor *reference, Arena *arena) {
    const Pass **passes;
    size_t count;
    StrBuf report = {0};
    PassContext context = {
        .module = c->module, .target = &c->desc, .diag = c->diag, .report = &report};
    Tensor *outputs = arena_array(arena, Tensor, (size_t)c->source->noutputs + 1);
    bool found = false;
    if (!setup_pass_options(c, &context.options) || !compilation_passes(c, &passes, &count))
        return false;
    Graph *graph = graph_clone(compilation_reference(c), NULL);
    for (size_t i = 0; i < count && !found; i++) {
        PassInspector none = {0};
        if (!passes_run(&context, graph, &passes[i], 1, &none) ||
            !interpret(c, graph, inputs, symbols, outputs, arena))
            break;
        found = !outputs_agree(c, graph, outputs, reference);
        if (found)
            printf("  the pass '%s' changes the result: the graph after it disagrees with the one "
                   "before\n",
                   passes[i]->name);
    }
    str_free(&report);
    return found;
}

/* The optimized graph with every kernel's result as an output of its own, in default layout. */
static Graph *graph_with_all_outputs(Compilation *c, Arena *arena) {
    Graph *graph = graph_clone(c->graph, NULL);
    VEC(Value *) kept = {0};
    VEC(const char *) names = {0};
    graph_each(graph, node) {
        for (int i = 0; i < node->nresults && node->op != OP_const; i++)
            vec_push(arena, &kept, node->results[i]);
    }
    for (size_t i = 0; i < kept.len; i++) {
        if (kept.data[i]->type.layout) {
            Builder b = {.graph = graph, .path = kept.data[i]->path, .span = kept.data[i]->span};
            kept.data[i] = build1(&b, OP_relayout, kept.data[i], attr_layout("layout", NULL));
        }
        vec_push(arena, &names, arena_printf(arena, "v%zu", i));
    }
    graph_set_outputs(graph, (int)kept.len, kept.data, names.data);
    return graph;
}

static void print_index(const Tensor *tensor, int64_t flat) {
    int64_t index[MAX_RANK];
    for (int axis = tensor->rank - 1; axis >= 0; axis--) {
        index[axis] = flat % tensor->dims[axis];
        flat /= tensor->dims[axis];
    }
    printf("[");
    for (int axis = 0; axis < tensor->rank; axis++)
        printf("%s%lld", axis ? ", " : "", (long long)index[axis]);
    printf("]");
}

static void print_wrong(const Graph *graph, const Value *value, const Tensor *found,
                        const Tensor *expected, double tolerance) {
    Agreement a = tensor_agreement(found, expected, tolerance);
    StrBuf type = {0};
    type_print(graph->module->dims, &value->type, &type);
    printf("  first wrong value: %s, %s", value->path, str_text(&type));
    if (value->span.source)
        printf(", from %s:%d:%d", source_name(value->span.source), span_line(value->span),
               span_column(value->span));
    printf("\n  relative error %.2e, largest %.2e", a.relative_l2, a.max_error);
    if (a.worst >= 0) {
        printf(", worst at ");
        print_index(found, a.worst);
        printf(": found %.9g, expected %.9g", tensor_get(found, a.worst),
               tensor_get(expected, a.worst));
    }
    printf("\n");
    str_free(&type);
}

/* Compiles the graph with all values kept and compares them in order. */
static void blame_kernel(Compilation *c, const Tensor *inputs, const int64_t *symbols,
                         Arena *arena) {
    Compilation probe = *c;
    probe.graph = graph_with_all_outputs(c, arena);
    probe.program = lower_graph(probe.graph, &c->desc, c->diag);
    Tensor *expected = arena_array(arena, Tensor, (size_t)probe.graph->noutputs + 1);
    Executable executable = {0};
    if (probe.program && plan_memory(probe.program, c->diag) &&
        interpret(c, probe.graph, inputs, symbols, expected, arena) &&
        executable_compile(&probe, &executable) &&
        executable_bind(&executable, inputs, symbols, 1, c->diag) &&
        executable_run(&executable, c->diag)) {
        int wrong = 0;
        const Tensor *found = executable.outputs;
        while (wrong < probe.graph->noutputs &&
               tensor_agreement(&found[wrong], &expected[wrong],
                                compilation_tolerance(c, &found[wrong]))
                   .agrees) {
            wrong++;
        }
        if (wrong < probe.graph->noutputs) {
            print_wrong(probe.graph, probe.graph->outputs[wrong], &found[wrong], &expected[wrong],
                        compilation_tolerance(c, &found[wrong]));
        } else {
            printf("  every kernel's result is right when all are kept: buffers that share memory "
                   "may overlap in time\n");
        }
    }
    executable_close(&executable);
}

void locate_first_wrong(Compilation *c, const Tensor *inputs, const int64_t *symbols,
                        Arena *arena) {
    Tensor *reference = arena_array(arena, Tensor, (size_t)c->source->noutputs + 1);
    const Graph *graph = compilation_reference(c);
    if (!graph || !interpret(c, graph, inputs, symbols, reference, arena)) return;
    if (!blame_pass(c, inputs, symbols, reference, arena)) blame_kernel(c, inputs, symbols, arena);
}
