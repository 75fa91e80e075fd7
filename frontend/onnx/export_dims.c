/* Shapes that depend on symbols, computed where the model runs.
 *
 * A symbol is read from the shape of an input; a polynomial over symbols and atoms becomes
 * arithmetic on tensors i64[1]. Each dimension is computed once. */
#include "frontend/onnx/export.h"

static const char *dim_name(ExportCall *c, Dim dim);

static const char *arithmetic(ExportCall *c, const char *op, const char *a, const char *b) {
    return export_to(c, NULL, op, NAMES(a, b), NULL);
}

static const char *int_name(ExportCall *c, int64_t value) {
    return export_ints(c, "size", 1, &value);
}

/* The first input that has the symbol alone as a dimension. */
static const char *symbol_name(ExportCall *c, int symbol) {
    Exporter *e = c->e;
    const char *name = dim_symbol_name(e->dims, symbol);
    Dim dim = dim_symbol(e->dims, name);
    for (int i = 0; i < e->graph->ninputs; i++) {
        const Value *input = e->graph->inputs[i];
        for (int axis = 0; axis < input->type.rank; axis++) {
            if (input->type.dims[axis] != dim) continue;
            return export_to(c, NULL, "Shape", NAMES(e->value_names[input->id]),
                             ATTRIBUTES(onnx_attr_int(e->arena, "start", axis),
                                        onnx_attr_int(e->arena, "end", axis + 1)));
        }
    }
    export_refuse(c, arena_printf(e->arena,
                                  "no input has the symbol %s alone as a dimension, "
                                  "so that a model cannot learn its value; give it with "
                                  "-bind",
                                  name));
    return NULL;
}

/* ONNX divides integers toward zero; below zero the remainder, which has the divisor's sign, is
 * taken away first. */
static const char *floordiv_name(ExportCall *c, Dim dividend, const char *a, const char *b) {
    int64_t least, greatest;
    dim_range(dividend, &least, &greatest);
    if (least < 0) a = arithmetic(c, "Sub", a, arithmetic(c, "Mod", a, b));
    return arithmetic(c, "Div", a, b);
}

static const char *factor_name(ExportCall *c, const DimFactor *factor) {
    if (factor->atom == ATOM_SYMBOL)
        return dim_name(c, dim_symbol(c->e->dims, dim_symbol_name(c->e->dims, factor->symbol)));
    const char *a = dim_name(c, factor->a), *b = dim_name(c, factor->b);
    if (!a || !b) return NULL;
    switch (factor->atom) {
    case ATOM_FLOORDIV: return floordiv_name(c, factor->a, a, b);
    case ATOM_MOD: return arithmetic(c, "Mod", a, b);
    case ATOM_MIN: return arithmetic(c, "Min", a, b);
    case ATOM_MAX: return arithmetic(c, "Max", a, b);
    case ATOM_SYMBOL: break;
    }
    unreachable();
}

static const char *term_name(ExportCall *c, const DimTerm *term) {
    const char *product = NULL;
    for (int f = 0; f < term->nfactors; f++) {
        const char *factor = factor_name(c, &term->factors[f]);
        if (!factor) return NULL;
        for (int p = 0; p < term->factors[f].power; p++)
            product = product ? arithmetic(c, "Mul", product, factor) : factor;
    }
    if (!product) return int_name(c, term->coefficient);
    if (term->coefficient == 1) return product;
    return arithmetic(c, "Mul", product, int_name(c, term->coefficient));
}

static const char *sum_name(ExportCall *c, Dim dim) {
    const char *sum = NULL;
    int64_t value;
    if (dim_is_int(dim, &value)) return int_name(c, value);
    for (int t = 0; t < dim->nterms; t++) {
        const DimTerm *term = &dim->terms[t];
        bool is_symbol = dim->nterms == 1 && term->coefficient == 1 && term->nfactors == 1 &&
                         term->factors[0].power == 1 && term->factors[0].atom == ATOM_SYMBOL;
        const char *name = is_symbol ? symbol_name(c, term->factors[0].symbol) : term_name(c, term);
        if (!name) return NULL;
        sum = sum ? arithmetic(c, "Add", sum, name) : name;
    }
    return sum;
}

static const char *dim_name(ExportCall *c, Dim dim) {
    Exporter *e = c->e;
    for (size_t i = 0; i < e->dim_names.len; i++) {
        if (e->dim_names.data[i].dim == dim) return e->dim_names.data[i].name;
    }
    const char *name = sum_name(c, dim);
    if (name) vec_push(e->arena, &e->dim_names, (DimName){dim, name});
    return name;
}

const char *export_dims(ExportCall *c, const char *what, int count, const Dim *dims) {
    const char *parts[MAX_RANK];
    int64_t values[MAX_RANK];
    int known = 0;
    require(count <= MAX_RANK);
    while (known < count && dim_is_int(dims[known], &values[known])) known++;
    if (known == count) return export_ints(c, what, count, values);
    for (int i = 0; i < count; i++) {
        parts[i] = dim_name(c, dims[i]);
        if (!parts[i]) return NULL;
    }
    if (count == 1) return parts[0];
    return export_to(c, NULL, "Concat", count, parts,
                     ATTRIBUTES(onnx_attr_int(c->e->arena, "axis", 0)));
}
