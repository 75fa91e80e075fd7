/* The canonical order of factors, terms and dimensions, and arithmetic on single terms. */
#include "ir/dim_private.h"

#include <string.h>

static int factor_compare(const DimContext *ctx, const DimFactor *a, const DimFactor *b) {
    if (a->atom != b->atom) return a->atom < b->atom ? -1 : 1;
    if (a->atom == ATOM_SYMBOL) {
        if (a->symbol == b->symbol) return 0;
        return strcmp(ctx->names.data[a->symbol], ctx->names.data[b->symbol]);
    }
    int order = dim_compare(ctx, a->a, b->a);
    return order ? order : dim_compare(ctx, a->b, b->b);
}

static int term_degree(const DimTerm *term) {
    int degree = 0;
    for (int i = 0; i < term->nfactors; i++) degree += term->factors[i].power;
    return degree;
}

/* Graded lexicographic: an order that multiplication by a term preserves, as
 * exact division needs. */
int term_compare(const DimContext *ctx, const DimTerm *a, const DimTerm *b) {
    int degree_a = term_degree(a), degree_b = term_degree(b);
    if (degree_a != degree_b) return degree_a > degree_b ? -1 : 1;
    for (int i = 0; i < a->nfactors && i < b->nfactors; i++) {
        int order = factor_compare(ctx, &a->factors[i], &b->factors[i]);
        if (order) return order;
        if (a->factors[i].power != b->factors[i].power)
            return a->factors[i].power > b->factors[i].power ? -1 : 1;
    }
    return 0; /* of one degree, so neither is longer */
}

int dim_compare(const DimContext *ctx, Dim a, Dim b) {
    if (a == b) return 0;
    for (int i = 0; i < a->nterms && i < b->nterms; i++) {
        int order = term_compare(ctx, &a->terms[i], &b->terms[i]);
        if (order) return order;
        if (a->terms[i].coefficient != b->terms[i].coefficient)
            return a->terms[i].coefficient < b->terms[i].coefficient ? -1 : 1;
    }
    return a->nterms > b->nterms ? -1 : 1;
}

bool term_multiply(DimContext *ctx, const DimTerm *a, const DimTerm *b, DimTerm *product) {
    if (!checked_mul(a->coefficient, b->coefficient, &product->coefficient)) return false;
    if (term_degree(a) + term_degree(b) > DIM_MAX_DEGREE) return false;
    DimFactor *factors = arena_array(ctx->arena, DimFactor, (size_t)(a->nfactors + b->nfactors));
    int i = 0, j = 0, n = 0;
    while (i < a->nfactors || j < b->nfactors) {
        int order = i == a->nfactors   ? 1
                    : j == b->nfactors ? -1
                                       : factor_compare(ctx, &a->factors[i], &b->factors[j]);
        factors[n] = order <= 0 ? a->factors[i] : b->factors[j];
        if (order == 0) factors[n].power += b->factors[j].power;
        i += order <= 0;
        j += order >= 0;
        n++;
    }
    product->factors = factors;
    product->nfactors = n;
    return true;
}

bool term_divide(DimContext *ctx, const DimTerm *a, const DimTerm *b, DimTerm *quotient) {
    if (a->coefficient % b->coefficient != 0) return false;
    DimFactor *factors = arena_array(ctx->arena, DimFactor, (size_t)a->nfactors);
    int j = 0, n = 0;
    for (int i = 0; i < a->nfactors; i++) {
        factors[n] = a->factors[i];
        if (j < b->nfactors && factor_compare(ctx, &a->factors[i], &b->factors[j]) == 0)
            factors[n].power -= b->factors[j++].power;
        if (factors[n].power < 0) return false;
        n += factors[n].power > 0;
    }
    if (j < b->nfactors) return false;
    *quotient = (DimTerm){a->coefficient / b->coefficient, n, factors};
    return true;
}
