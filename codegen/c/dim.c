/* Dimensions: polynomials of the symbols, which are parameters of the function. */
#include "codegen/c/printer.h"

static bool never_negative(Dim dim) {
    int64_t least, most;
    dim_range(dim, &least, &most);
    return least >= 0;
}

static bool positive(Dim dim) {
    int64_t least, most;
    dim_range(dim, &least, &most);
    return least >= 1;
}

static Text symbol_value(Printer *p, int symbol) {
    if (!p->symbol_used[symbol]) {
        p->symbol_used[symbol] = true;
        p->symbol_names[symbol] = c_unique_name(p, dim_symbol_name(p->dims, symbol));
    }
    return c_text_atom(p->symbol_names[symbol]);
}

static Text typed(Printer *p, Dim dim) {
    int64_t value;
    return dim_is_int(dim, &value) ? c_literal_int(p, ltype(DT_i64, 1), value)
                                   : c_dim_value(p, dim);
}

static Text quotient(Printer *p, const DimFactor *factor) {
    const LType i64 = ltype(DT_i64, 1);
    bool is_div = factor->atom == ATOM_FLOORDIV;
    Text a = c_dim_value(p, factor->a), b = c_dim_value(p, factor->b);
    if (!positive(factor->b))
        b = c_call(p, CALL_MAX, i64, i64,
                   arena_printf(p->arena, "%s, 1%s", b.s, p->dialect->i64_suffix));
    if (never_negative(factor->a)) return c_text_binary(p, BIND_PRODUCT, is_div ? "/" : "%", a, b);
    HelperKind kind = is_div ? HELPER_FLOOR_DIV : HELPER_FLOOR_MOD;
    const char *name = helper(p->helpers, kind, i64, SPACE_PRIVATE);
    return c_text_printf(p, BIND_ATOM, "%s(%s, %s)", name, a.s, b.s);
}

static Text factor_value(Printer *p, const DimFactor *factor) {
    if (factor->atom == ATOM_SYMBOL) return symbol_value(p, factor->symbol);
    if (factor->atom == ATOM_FLOORDIV || factor->atom == ATOM_MOD) return quotient(p, factor);
    const LType i64 = ltype(DT_i64, 1);
    const char *args =
        arena_printf(p->arena, "%s, %s", typed(p, factor->a).s, typed(p, factor->b).s);
    return c_call(p, factor->atom == ATOM_MIN ? CALL_MIN : CALL_MAX, i64, i64, args);
}

static Text term_value(Printer *p, const DimTerm *term, int64_t coefficient) {
    Text product = {0};
    if (coefficient != 1 || term->nfactors == 0) {
        product = c_literal_int(p, ltype(DT_i64, 1), coefficient);
        product.s = arena_printf(p->arena, "%lld%s", (long long)coefficient,
                                 coefficient == (int32_t)coefficient ? "" : p->dialect->i64_suffix);
    }
    for (int i = 0; i < term->nfactors; i++) {
        Text value = factor_value(p, &term->factors[i]);
        for (int n = 0; n < term->factors[i].power; n++) {
            product = product.s ? c_text_binary(p, BIND_PRODUCT, "*", product, value) : value;
        }
    }
    return product;
}

Text c_dim_value(Printer *p, Dim dim) {
    Text sum = {0};
    for (int t = 0; t < dim->nterms; t++) {
        const DimTerm *term = &dim->terms[t];
        bool minus = sum.s && term->coefficient < 0 && term->coefficient != INT64_MIN;
        Text value = term_value(p, term, minus ? -term->coefficient : term->coefficient);
        sum = sum.s ? c_text_binary(p, BIND_SUM, minus ? "-" : "+", sum, value) : value;
    }
    return sum.s ? sum : c_text_atom("0");
}
