/* The values of symbols from the shapes of inputs. */
#include "ir/interp.h"
#include "ir/interp/eval.h"

/* The symbol of d = coefficient * symbol + constant, if that is its form; -1 otherwise. */
static int linear_symbol(Dim d, int64_t *coefficient, int64_t *constant) {
    if (d->nterms < 1 || d->nterms > 2) return -1;
    const DimTerm *term = &d->terms[0];
    if (term->nfactors != 1 || term->factors[0].atom != ATOM_SYMBOL || term->factors[0].power != 1)
        return -1;
    if (d->nterms == 2 && d->terms[1].nfactors != 0) return -1;
    *coefficient = term->coefficient;
    *constant = d->nterms == 2 ? d->terms[1].coefficient : 0;
    return term->factors[0].symbol;
}

/* Gives a symbol its value if it is the only unknown of an input's dimension and stands there
 * linearly; true if so. Contradictions are left for the check that follows. */
static bool bind_dim(DimContext *dims, Dim d, int64_t size, int64_t *symbols) {
    for (int i = 0; i < dim_symbol_count(dims) && d; i++)
        if (symbols[i] >= 0) d = dim_bind(dims, d, i, symbols[i]);
    if (!d) return false;
    int64_t coefficient, constant, product;
    int symbol = linear_symbol(d, &coefficient, &constant);
    if (symbol < 0 || !checked_sub(size, constant, &product)) return false;
    if (product % coefficient != 0 || product / coefficient < 0) return false;
    symbols[symbol] = product / coefficient;
    return true;
}

/* One pass over all dimensions; true if it learned something. */
static bool bind_round(const Graph *graph, const Tensor *inputs, int64_t *symbols) {
    bool learned = false;
    for (int i = 0; i < graph->ninputs; i++) {
        const TensorType *type = &graph->inputs[i]->type;
        for (int k = 0; k < type->rank; k++)
            learned |= bind_dim(graph->module->dims, type->dims[k], inputs[i].dims[k], symbols);
    }
    return learned;
}

/* `N = 4, H = 28`, or nothing where no symbol is known. */
static const char *known_symbols(const Module *module, const int64_t *symbols) {
    StrBuf text = {0};
    for (int i = 0; i < dim_symbol_count(module->dims); i++)
        if (symbols[i] >= 0)
            str_printf(&text, "%s%s = %lld", text.len ? ", " : " with ",
                       dim_symbol_name(module->dims, i), (long long)symbols[i]);
    const char *copy = arena_strdup(module->arena, str_text(&text));
    str_free(&text);
    return copy;
}

static bool input_error(const Graph *graph, int i, const Tensor *tensor, const int64_t *symbols,
                        Diag *diag) {
    Module *m = graph->module;
    if (!diag) return false;
    diag_error(diag, graph->inputs[i]->span, "input '%s' has the type %s%s, found %s",
               graph->input_names[i], type_text(m->dims, m->arena, &graph->inputs[i]->type),
               symbols ? known_symbols(m, symbols) : "", tensor_type_text(m->arena, tensor));
    return false;
}

static bool check_kind(const Graph *graph, const Tensor *inputs, Diag *diag) {
    bool ok = true;
    for (int i = 0; i < graph->ninputs; i++) {
        const TensorType *type = &graph->inputs[i]->type;
        if (inputs[i].dtype != type->dtype || inputs[i].rank != type->rank)
            ok = input_error(graph, i, &inputs[i], 0, diag);
    }
    return ok;
}

static bool has_size(Dim d, const int64_t *symbols, int64_t size) {
    int64_t value;
    return dim_eval(d, symbols, &value) && value == size;
}

bool interp_check_inputs(const Graph *graph, const Tensor *inputs, const int64_t *symbols,
                         Diag *diag) {
    bool ok = check_kind(graph, inputs, diag);
    for (int i = 0; ok && i < graph->ninputs; i++) {
        const TensorType *type = &graph->inputs[i]->type;
        for (int k = 0; ok && k < type->rank; k++)
            if (!has_size(type->dims[k], symbols, inputs[i].dims[k]))
                ok = input_error(graph, i, &inputs[i], symbols, diag);
    }
    return ok;
}

bool interp_bind_inputs(const Graph *graph, const Tensor *inputs, int64_t *symbols, Diag *diag) {
    for (int i = 0; i < dim_symbol_count(graph->module->dims); i++) symbols[i] = -1;
    if (!check_kind(graph, inputs, diag)) return false;
    while (bind_round(graph, inputs, symbols)) continue;
    return interp_check_inputs(graph, inputs, symbols, diag);
}
