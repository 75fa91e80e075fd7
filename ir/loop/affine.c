/* Sums of coefficients times atoms. */
#include "ir/loop/affine.h"

/* ---- coefficients ---------------------------------------------------------------------------- */

Dim coef_dim(DimContext *dims, Coef c) {
    return c.d ? c.d : dim_int(dims, c.n);
}

static Coef coef_of_dim(Dim d) {
    int64_t n;
    return dim_is_int(d, &n) ? coef_int(n) : (Coef){0, d};
}

static bool coef_result(Dim d, Coef *result) {
    if (!d) return false;
    *result = coef_of_dim(d);
    return true;
}

bool coef_add(DimContext *dims, Coef a, Coef b, Coef *result) {
    if (a.d || b.d) return coef_result(dim_add(dims, coef_dim(dims, a), coef_dim(dims, b)), result);
    result->d = 0;
    return checked_add(a.n, b.n, &result->n);
}

bool coef_mul(DimContext *dims, Coef a, Coef b, Coef *result) {
    if (a.d || b.d) return coef_result(dim_mul(dims, coef_dim(dims, a), coef_dim(dims, b)), result);
    result->d = 0;
    return checked_mul(a.n, b.n, &result->n);
}

bool coef_divide(DimContext *dims, Coef a, Coef b, Coef *result) {
    if (a.d || b.d)
        return coef_result(dim_divide_exact(dims, coef_dim(dims, a), coef_dim(dims, b)), result);
    if (b.n == 0 || b.n == -1 || a.n % b.n != 0) return false;
    *result = coef_int(a.n / b.n);
    return true;
}

/* ---- sums ------------------------------------------------------------------------------------ */

static void remove_term(Affine *sum, int at) {
    for (int i = at + 1; i < sum->nterms; i++) sum->terms[i - 1] = sum->terms[i];
    sum->nterms--;
}

bool affine_add_term(DimContext *dims, Affine *sum, LX atom, Coef coef) {
    if (coef_is(coef, 0)) return true;
    int at = 0, order = 1;
    while (at < sum->nterms && (order = lx_compare(sum->terms[at].atom, atom)) < 0) at++;
    if (at < sum->nterms && order == 0) {
        if (!coef_add(dims, sum->terms[at].coef, coef, &sum->terms[at].coef)) return false;
        if (coef_is(sum->terms[at].coef, 0)) remove_term(sum, at);
        return true;
    }
    if (sum->nterms == AFFINE_TERMS) return false;
    for (int i = sum->nterms; i > at; i--) sum->terms[i] = sum->terms[i - 1];
    sum->terms[at] = (Term){atom, coef};
    sum->nterms++;
    return true;
}

/* The value of an expression that is a coefficient: an integer or a dimension, in all lanes. */
static bool coef_of(LX x, Coef *coef) {
    if (x->kind == LX_BROADCAST) x = x->args[0];
    if (x->kind == LX_INT) *coef = coef_int(x->i);
    if (x->kind == LX_DIM) *coef = coef_of_dim(x->dim);
    return x->kind == LX_INT || x->kind == LX_DIM;
}

static bool accumulate(DimContext *dims, LX x, Coef scale, Affine *sum);

static bool accumulate_binary(DimContext *dims, LX x, Coef scale, Affine *sum) {
    Coef c;
    if (x->binary == LB_ADD)
        return accumulate(dims, x->args[0], scale, sum) && accumulate(dims, x->args[1], scale, sum);
    if (x->binary == LB_SUB)
        return accumulate(dims, x->args[0], scale, sum) &&
               coef_mul(dims, scale, coef_int(-1), &c) && accumulate(dims, x->args[1], c, sum);
    if (x->binary == LB_MUL) {
        for (int i = 0; i < 2; i++)
            if (coef_of(x->args[i], &c))
                return coef_mul(dims, c, scale, &c) && accumulate(dims, x->args[1 - i], c, sum);
    }
    return affine_add_term(dims, sum, x, scale);
}

static bool is_iota(LX x) {
    return x->kind == LX_RAMP && lx_is_int(x->args[0], 0) && x->args[0]->i == 0 &&
           lx_is_int(x->args[1], 0) && x->args[1]->i == 1;
}

static bool accumulate(DimContext *dims, LX x, Coef scale, Affine *sum) {
    Coef c;
    if (coef_of(x, &c))
        return coef_mul(dims, c, scale, &c) && coef_add(dims, sum->constant, c, &sum->constant);
    switch (x->kind) {
    case LX_BINARY: return accumulate_binary(dims, x, scale, sum);
    case LX_BROADCAST: return accumulate(dims, x->args[0], scale, sum);
    case LX_RAMP:
        if (is_iota(x) || !coef_of(x->args[1], &c)) return affine_add_term(dims, sum, x, scale);
        /* base + stride * iota; args[2] is the ramp(0, 1) of the same lanes. */
        return accumulate(dims, x->args[0], scale, sum) && coef_mul(dims, c, scale, &c) &&
               affine_add_term(dims, sum, x->args[2], c);
    default: return affine_add_term(dims, sum, x, scale);
    }
}

bool affine_of(DimContext *dims, LX x, Affine *result) {
    result->lanes = x->type.lanes;
    result->constant = coef_int(0);
    result->nterms = 0;
    return accumulate(dims, x, coef_int(1), result);
}

/* c*floordiv(x, c) + mod(x, c) = x, for one pair at a time. */
static bool join_quotient(DimContext *dims, Affine *sum) {
    for (int i = 0; i < sum->nterms; i++) {
        Term m = sum->terms[i];
        Coef divisor, wanted;
        if (m.atom->kind != LX_BINARY || m.atom->binary != LB_MOD) continue;
        if (!coef_of(m.atom->args[1], &divisor) || !coef_mul(dims, m.coef, divisor, &wanted))
            continue;
        for (int k = 0; k < sum->nterms; k++) {
            Term q = sum->terms[k];
            if (q.atom->kind != LX_BINARY || q.atom->binary != LB_FLOORDIV) continue;
            if (q.coef.n != wanted.n || q.coef.d != wanted.d) continue;
            if (lx_compare(q.atom->args[0], m.atom->args[0]) != 0) continue;
            if (lx_compare(q.atom->args[1], m.atom->args[1]) != 0) continue;
            remove_term(sum, i > k ? i : k);
            remove_term(sum, i > k ? k : i);
            return accumulate(dims, m.atom->args[0], m.coef, sum) && join_quotient(dims, sum);
        }
    }
    return true;
}

bool affine_add_scaled(DimContext *dims, Affine *sum, const Affine *x, Coef scale) {
    Coef c;
    if (!coef_mul(dims, x->constant, scale, &c)) return false;
    if (!coef_add(dims, sum->constant, c, &sum->constant)) return false;
    for (int i = 0; i < x->nterms; i++)
        if (!coef_mul(dims, x->terms[i].coef, scale, &c) ||
            !affine_add_term(dims, sum, x->terms[i].atom, c))
            return false;
    return join_quotient(dims, sum);
}

bool affine_sub(DimContext *dims, const Affine *x, const Affine *y, Affine *result) {
    *result = *x;
    return affine_add_scaled(dims, result, y, coef_int(-1));
}

/* ---- back to expressions --------------------------------------------------------------------- */

static LX coef_expr(LBuilder *b, Coef c) {
    return c.d ? lx_dim(b, c.d) : lx_int(b, c.n);
}

static LX scaled(LBuilder *b, LX atom, Coef c) {
    if (coef_is(c, 1)) return atom;
    LX factor = lx_broadcast(b, coef_expr(b, c), atom->type.lanes);
    return lx_new_binary(b, LB_MUL, atom->type, factor, atom);
}

static LX plus(LBuilder *b, LX sum, LX x) {
    return sum ? lx_new_binary(b, LB_ADD, x->type, sum, x) : x;
}

static bool is_negative(Coef c) {
    return !c.d && c.n < 0 && c.n != INT64_MIN;
}

static LX plus_constant(LBuilder *b, LX sum, Coef c) {
    if (coef_is(c, 0)) return sum;
    if (sum && is_negative(c)) return lx_new_binary(b, LB_SUB, sum->type, sum, lx_int(b, -c.n));
    return plus(b, sum, coef_expr(b, c));
}

/* Terms with positive coefficients come first, so that `5 - i` has no factor -1. lanes: of the
 * atoms taken. */
static LX sum_of_terms(LBuilder *b, const Affine *x, int lanes, Coef constant) {
    LX sum = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < x->nterms; i++) {
            const Term *t = &x->terms[i];
            if (t->atom->type.lanes != lanes || is_iota(t->atom)) continue;
            if (is_negative(t->coef) != (pass == 1)) continue;
            if (pass == 0 || !sum)
                sum = plus(b, sum, scaled(b, t->atom, t->coef));
            else
                sum = lx_new_binary(b, LB_SUB, sum->type, sum,
                                    scaled(b, t->atom, coef_int(-t->coef.n)));
        }
        if (pass == 0 && !sum) {
            sum = plus_constant(b, sum, constant);
            constant = coef_int(0);
        }
    }
    return plus_constant(b, sum, constant);
}

LX affine_build(LBuilder *b, const Affine *x) {
    LX base = sum_of_terms(b, x, 1, x->constant);
    if (x->lanes == 1) return base ? base : lx_int(b, 0);
    LX sum = sum_of_terms(b, x, x->lanes, coef_int(0));
    for (int i = 0; i < x->nterms; i++)
        if (is_iota(x->terms[i].atom)) {
            LX stride = coef_expr(b, x->terms[i].coef);
            LX ramp = lx_new_ramp(b, base ? base : lx_int(b, 0), stride, x->lanes);
            return plus(b, sum, ramp);
        }
    if (base) return plus(b, sum, lx_broadcast(b, base, x->lanes));
    return sum ? sum : lx_broadcast(b, lx_int(b, 0), x->lanes);
}
