/* The atoms floordiv, mod, min and max, brought to a canonical form as far as that can be proved.
 *
 * Each rule rewrites to operands on which it does not apply again; an atom is made only of operands
 * on which none does. So building an atom from the operands of an atom gives that atom. */
#include "ir/dim_private.h"

static Dim make_floordiv(DimContext *ctx, Dim a, int64_t b);
static Dim make_mod(DimContext *ctx, Dim a, int64_t b);

/* Greatest divisor of b and of all coefficients of a but the constant. */
static int64_t common_divisor(Dim a, int64_t b) {
    uint64_t gcd = (uint64_t)b;
    for (int i = 0; i < a->nterms; i++) {
        int64_t c = a->terms[i].coefficient;
        if (a->terms[i].nfactors > 0) gcd = dim_gcd(gcd, (uint64_t)(c < 0 ? -c : c));
    }
    return (int64_t)gcd;
}

/* Every coefficient c of a replaced by floor(c / b) or by the remainder of that in [0, b). */
static Dim quotients(DimContext *ctx, Dim a, int64_t b) {
    Poly p = {.nterms = 0};
    for (int i = 0; i < a->nterms; i++) {
        DimTerm term = a->terms[i];
        term.coefficient = floor_div(term.coefficient, b);
        poly_add_term(ctx, &p, &term);
    }
    return poly_finish(ctx, &p);
}

static Dim remainders(DimContext *ctx, Dim a, int64_t b) {
    Poly p = {.nterms = 0};
    for (int i = 0; i < a->nterms; i++) {
        DimTerm term = a->terms[i];
        term.coefficient = floor_mod(term.coefficient, b);
        poly_add_term(ctx, &p, &term);
    }
    return poly_finish(ctx, &p);
}

/* The atom that a term consists of, but for its coefficient, where its divisor is a constant; else
 * null. */
static const DimFactor *sole_atom(const DimTerm *term, DimAtom atom, int64_t *divisor) {
    if (term->nfactors != 1) return NULL;
    const DimFactor *f = &term->factors[0];
    return f->atom == atom && f->power == 1 && dim_is_int(f->b, divisor) ? f : NULL;
}

/* a with the i-th term replaced by a polynomial. */
static Dim replace_term(DimContext *ctx, Dim a, int i, Dim by) {
    return dim_add(ctx, dim_sub(ctx, a, dim_of_term(ctx, &a->terms[i])), by);
}

/* floor((floor(x/c) + y) / b) = floor((x + c*y) / (b*c)); null where a is no such sum. */
static Dim merge_nested_floordiv(DimContext *ctx, Dim a, int64_t b) {
    for (int i = 0; i < a->nterms; i++) {
        int64_t inner, both;
        const DimFactor *f = sole_atom(&a->terms[i], ATOM_FLOORDIV, &inner);
        if (!f || a->terms[i].coefficient != 1 || !checked_mul(b, inner, &both)) continue;
        Dim rest = replace_term(ctx, a, i, dim_int(ctx, 0));
        Dim dividend = dim_add(ctx, f->a, dim_scale(ctx, rest, inner));
        if (dividend) return make_floordiv(ctx, dividend, both);
    }
    return NULL;
}

/* a reduced to coefficients in [0, b), none of them with a divisor in common with b. */
static Dim make_floordiv(DimContext *ctx, Dim a, int64_t b) {
    if (!a) return NULL;
    if (b == 1) return a;
    Dim whole = quotients(ctx, a, b);
    if (!whole) return NULL;
    if (whole->nterms > 0) return dim_add(ctx, whole, make_floordiv(ctx, remainders(ctx, a, b), b));
    int64_t common = common_divisor(a, b);
    if (common > 1) return make_floordiv(ctx, quotients(ctx, a, common), b / common);
    Dim merged = merge_nested_floordiv(ctx, a, b);
    if (merged) return merged;
    int64_t least, greatest;
    dim_range(a, &least, &greatest);
    if (least != INT64_MIN && greatest != INT64_MAX &&
        floor_div(least, b) == floor_div(greatest, b))
        return dim_int(ctx, floor_div(least, b));
    return dim_of_atom(ctx, ATOM_FLOORDIV, a, dim_int(ctx, b));
}

/* mod(c*mod(x, k*b) + y, b) = mod(c*x + y, b); null where a is no such sum. */
static Dim drop_nested_mod(DimContext *ctx, Dim a, int64_t b) {
    for (int i = 0; i < a->nterms; i++) {
        int64_t inner;
        const DimFactor *f = sole_atom(&a->terms[i], ATOM_MOD, &inner);
        if (!f || inner % b != 0) continue;
        Dim flat = replace_term(ctx, a, i, dim_scale(ctx, f->a, a->terms[i].coefficient));
        if (flat) return make_mod(ctx, flat, b);
    }
    return NULL;
}

static Dim make_mod(DimContext *ctx, Dim a, int64_t b) {
    if (!a) return NULL;
    if (b == 1) return dim_int(ctx, 0);
    a = remainders(ctx, a, b);
    if (!a) return NULL;
    int64_t common = common_divisor(a, b);
    if (common > 1) {
        /* mod(g*x + r, g*c) = g*mod(x + floor(r/g), c) + mod(r, g) */
        Dim inner = make_mod(ctx, quotients(ctx, a, common), b / common);
        return dim_add(ctx, dim_scale(ctx, inner, common),
                       dim_int(ctx, floor_mod(dim_constant(a), common)));
    }
    Dim flat = drop_nested_mod(ctx, a, b);
    if (flat) return flat;
    int64_t least, greatest;
    dim_range(a, &least, &greatest);
    if (least >= 0 && greatest < b) return a;
    return dim_of_atom(ctx, ATOM_MOD, a, dim_int(ctx, b));
}

/* ---- divisors that are no constants ---- */

/* Splits a = whole*b + rest, taking out the terms of a that the single term b divides. */
static void split_by_term(DimContext *ctx, Dim a, const DimTerm *b, Dim *whole, Dim *rest) {
    Poly quotient = {.nterms = 0}, remainder = {.nterms = 0};
    for (int i = 0; i < a->nterms; i++) {
        DimTerm q;
        if (term_divide(ctx, &a->terms[i], b, &q))
            poly_add_term(ctx, &quotient, &q);
        else
            poly_add_term(ctx, &remainder, &a->terms[i]);
    }
    *whole = poly_finish(ctx, &quotient);
    *rest = poly_finish(ctx, &remainder);
}

/* Whether 0 <= a < b was proved. */
static bool proved_below(DimContext *ctx, Dim a, Dim b) {
    Dim gap = dim_sub(ctx, dim_sub(ctx, b, a), dim_int(ctx, 1));
    return gap && dim_proved_nonnegative(ctx, a) && dim_proved_nonnegative(ctx, gap);
}

Dim dim_floordiv(DimContext *ctx, Dim a, Dim b) {
    if (!a || !b) return NULL;
    int64_t constant;
    if (dim_is_int(b, &constant)) return constant > 0 ? make_floordiv(ctx, a, constant) : NULL;
    Dim exact = dim_divide_exact(ctx, a, b);
    if (exact) return exact;
    if (proved_below(ctx, a, b)) return dim_int(ctx, 0);
    if (b->nterms == 1) {
        Dim whole, rest;
        split_by_term(ctx, a, &b->terms[0], &whole, &rest);
        if (!whole || !rest) return NULL;
        if (whole->nterms > 0) return dim_add(ctx, whole, dim_floordiv(ctx, rest, b));
    }
    return dim_of_atom(ctx, ATOM_FLOORDIV, a, b);
}

Dim dim_mod(DimContext *ctx, Dim a, Dim b) {
    if (!a || !b) return NULL;
    int64_t constant;
    if (dim_is_int(b, &constant)) return constant > 0 ? make_mod(ctx, a, constant) : NULL;
    if (dim_divide_exact(ctx, a, b)) return dim_int(ctx, 0);
    if (proved_below(ctx, a, b)) return a;
    if (b->nterms == 1) {
        Dim whole, rest;
        split_by_term(ctx, a, &b->terms[0], &whole, &rest);
        if (!whole || !rest) return NULL;
        if (whole->nterms > 0) return dim_mod(ctx, rest, b);
    }
    return dim_of_atom(ctx, ATOM_MOD, a, b);
}

Dim dim_ceildiv(DimContext *ctx, Dim a, Dim b) {
    if (!a || !b) return NULL;
    int64_t constant;
    if (!dim_is_int(b, &constant)) {
        Dim exact = dim_divide_exact(ctx, a, b);
        if (exact) return exact;
    }
    return dim_floordiv(ctx, dim_sub(ctx, dim_add(ctx, a, b), dim_int(ctx, 1)), b);
}

/* ---- min and max ---- */

static int64_t coefficient_of(const DimContext *ctx, Dim d, const DimTerm *term) {
    for (int i = 0; i < d->nterms; i++)
        if (term_compare(ctx, &d->terms[i], term) == 0) return d->terms[i].coefficient;
    return 0;
}

/* What a and b have in common: of each term the lesser of their coefficients. */
static Dim common_part(DimContext *ctx, Dim a, Dim b) {
    Poly p = {.nterms = 0};
    for (int i = 0; i < a->nterms; i++) {
        DimTerm term = a->terms[i];
        int64_t other = coefficient_of(ctx, b, &term);
        if (other < term.coefficient) term.coefficient = other;
        poly_add_term(ctx, &p, &term);
    }
    for (int i = 0; i < b->nterms; i++)
        if (b->terms[i].coefficient < 0 && coefficient_of(ctx, a, &b->terms[i]) == 0)
            poly_add_term(ctx, &p, &b->terms[i]);
    return poly_finish(ctx, &p);
}

/* max(a, b) as g*max(a', b') + c, with a' and b' free of negative coefficients, of terms in common
 * and of a divisor in common; min alike. */
static Dim extremum(DimContext *ctx, DimAtom atom, Dim a, Dim b) {
    if (!a || !b) return NULL;
    if (a == b) return a;
    Dim common = common_part(ctx, a, b);
    if (!common) return NULL;
    a = dim_sub(ctx, a, common);
    b = dim_sub(ctx, b, common);
    if (!a || !b) return NULL;
    int64_t content_a, content_b;
    dim_primitive(ctx, a, &content_a);
    dim_primitive(ctx, b, &content_b);
    int64_t scale = (int64_t)dim_gcd((uint64_t)content_a, (uint64_t)content_b);
    a = quotients(ctx, a, scale);
    b = quotients(ctx, b, scale);
    if (!a || !b) return NULL;
    if (dim_compare(ctx, a, b) > 0) {
        Dim first = b;
        b = a;
        a = first;
    }
    Dim result;
    if (dim_le(ctx, a, b) == 1)
        result = atom == ATOM_MAX ? b : a;
    else if (dim_le(ctx, b, a) == 1)
        result = atom == ATOM_MAX ? a : b;
    else
        result = dim_of_atom(ctx, atom, a, b);
    return dim_add(ctx, dim_scale(ctx, result, scale), common);
}

Dim dim_min(DimContext *ctx, Dim a, Dim b) {
    return extremum(ctx, ATOM_MIN, a, b);
}
Dim dim_max(DimContext *ctx, Dim a, Dim b) {
    return extremum(ctx, ATOM_MAX, a, b);
}

/* ---- substitution ---- */

static Dim bind_factor(DimContext *ctx, const DimFactor *f, int symbol, int64_t value) {
    if (f->atom == ATOM_SYMBOL)
        return f->symbol == symbol ? dim_int(ctx, value)
                                   : dim_symbol(ctx, dim_symbol_name(ctx, f->symbol));
    Dim a = dim_bind(ctx, f->a, symbol, value), b = dim_bind(ctx, f->b, symbol, value);
    switch (f->atom) {
    case ATOM_FLOORDIV: return dim_floordiv(ctx, a, b);
    case ATOM_MOD: return dim_mod(ctx, a, b);
    case ATOM_MIN: return dim_min(ctx, a, b);
    case ATOM_MAX: return dim_max(ctx, a, b);
    case ATOM_SYMBOL: break;
    }
    unreachable();
}

Dim dim_bind(DimContext *ctx, Dim a, int symbol, int64_t value) {
    if (!a) return NULL;
    Dim sum = dim_int(ctx, 0);
    for (int i = 0; i < a->nterms; i++) {
        Dim product = dim_int(ctx, a->terms[i].coefficient);
        for (int j = 0; j < a->terms[i].nfactors; j++) {
            Dim factor = bind_factor(ctx, &a->terms[i].factors[j], symbol, value);
            for (int p = 0; p < a->terms[i].factors[j].power; p++)
                product = dim_mul(ctx, product, factor);
        }
        sum = dim_add(ctx, sum, product);
    }
    return sum;
}
