#include "driver/inputs.h"

#include <string.h>

#include "driver/setup.h"

bool input_random(const Graph *graph, int index, const int64_t *symbols, uint64_t seed,
                  Arena *arena, Tensor *tensor, Diag *diag) {
    const TensorType *type = &graph->inputs[index]->type;
    int64_t dims[MAX_RANK];
    Tensor shape;
    for (int axis = 0; axis < type->rank; axis++) {
        if (!dim_eval(type->dims[axis], symbols, &dims[axis]) || dims[axis] < 0) {
            diag_error(diag, (Span){0}, "input '%s' has no valid size for these symbols",
                       graph->input_names[index]);
            return false;
        }
    }
    if (!tensor_shape(&shape, type->dtype, type->rank, dims, (size_t)1 << 34)) {
        diag_error(diag, (Span){0}, "input '%s' is too large to generate",
                   graph->input_names[index]);
        return false;
    }
    *tensor = tensor_new(arena, type->dtype, type->rank, dims);
    tensor_random(tensor, seed, graph->input_names[index]);
    return true;
}

static int find_input(const Graph *graph, const char *name) {
    for (int i = 0; i < graph->ninputs; i++) {
        if (strcmp(graph->input_names[i], name) == 0) return i;
    }
    return -1;
}

/* Every -input names an input once; given[i] is its text or null. */
static bool collect(Compilation *c, const Graph *graph, const char **given) {
    for (size_t i = 0; i < c->options->inputs.len; i++) {
        const NamedText *option = &c->options->inputs.data[i];
        int index = find_input(graph, option->name);
        if (index < 0 || given[index]) {
            const char *near =
                index < 0 ? diag_suggest(option->name, graph->input_names, (size_t)graph->ninputs)
                          : NULL;
            diag_error(c->diag, (Span){0},
                       index < 0 ? "network '%s' has no input '%s'%s%s%s"
                                 : "network '%s': input '%s' is given twice%s%s%s",
                       graph->name, option->name, near ? "; did you mean '" : "", near ? near : "",
                       near ? "'?" : "");
            return fail(c, EXIT_INPUT);
        }
        given[index] = option->text;
    }
    StrBuf missing = {0};
    for (int i = 0; i < graph->ninputs; i++) {
        if (given[i]) continue;
        str_printf(&missing, "%s -input %s=FILE.npy (", missing.len ? "," : "",
                   graph->input_names[i]);
        type_print(graph->module->dims, &graph->inputs[i]->type, &missing);
        str_putc(&missing, ')');
    }
    bool complete = missing.len == 0;
    if (!complete) diag_error(c->diag, (Span){0}, "inputs are missing:%s", str_text(&missing));
    str_free(&missing);
    return complete || fail(c, EXIT_INPUT);
}

static bool is_random(const char *text) {
    return strncmp(text, "random", 6) == 0 && (text[6] == 0 || text[6] == ':');
}

/* Symbols that stand alone as a dimension of a file's tensor get its size; interp_bind_inputs
 * checks the rest. */
static void take_symbols(const Graph *graph, int index, const Tensor *tensor, int64_t *symbols) {
    const TensorType *type = &graph->inputs[index]->type;
    for (int axis = 0; axis < type->rank && axis < tensor->rank; axis++) {
        for (int s = 0; s < dim_symbol_count(graph->module->dims); s++) {
            if (type->dims[axis] ==
                dim_symbol(graph->module->dims, dim_symbol_name(graph->module->dims, s))) {
                symbols[s] = tensor->dims[axis];
            }
        }
    }
}

bool inputs_from_options(Compilation *c, const Graph *graph, Tensor *inputs, int64_t *symbols) {
    const char **given = arena_array(c->arena, const char *, (size_t)graph->ninputs + 1);
    int count = dim_symbol_count(graph->module->dims);
    if (!collect(c, graph, given)) return false;
    for (int s = 0; s < count; s++) symbols[s] = 1;
    for (int i = 0; i < graph->ninputs; i++) {
        if (is_random(given[i])) continue;
        if (!npy_read(c->arena, given[i], &inputs[i], c->diag)) return fail(c, EXIT_INPUT);
        take_symbols(graph, i, &inputs[i], symbols);
    }
    for (int i = 0; i < graph->ninputs; i++) {
        if (!is_random(given[i])) continue;
        int64_t seed = 0;
        if (given[i][6] && !setup_integer(given[i] + 7, "-input NAME=random:SEED", &seed))
            return fail(c, EXIT_USAGE);
        if (!input_random(graph, i, symbols, (uint64_t)seed, c->arena, &inputs[i], c->diag))
            return fail(c, EXIT_INPUT);
    }
    int64_t *bound = arena_array(c->arena, int64_t, (size_t)count + 1);
    if (!interp_bind_inputs(graph, inputs, bound, c->diag)) return fail(c, EXIT_INPUT);
    return true;
}
