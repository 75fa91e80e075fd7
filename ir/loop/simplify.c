/* Index arithmetic: floordiv, mod, min, max and comparisons of sums, resolved from ranges. */
#include "ir/loop/affine.h"

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a < 0 ? -a : a;
}

/* An empty sum of the shape of x. */
static Affine zero_like(const Affine *x) {
    return (Affine){.lanes = x->lanes, .constant = coef_int(0)};
}

/* Whether 0 <= x < limit is proved. */
static bool is_within(DimContext *dims, const Affine *x, Coef limit) {
    if (!affine_nonnegative(dims, x)) return false;
    Affine rest = zero_like(x);
    rest.constant = limit;
    if (!affine_add_scaled(dims, &rest, x, coef_int(-1))) return false;
    if (!coef_add(dims, rest.constant, coef_int(-1), &rest.constant)) return false;
    return affine_nonnegative(dims, &rest);
}

/* x = c * quotient + rest, whole terms only. */
static bool split_multiples(DimContext *dims, const Affine *x, Coef c, Affine *quotient,
                            Affine *rest) {
    *quotient = zero_like(x);
    *rest = zero_like(x);
    Coef q;
    if (coef_divide(dims, x->constant, c, &q)) {
        quotient->constant = q;
    } else if (!x->constant.d && !c.d) {
        quotient->constant = coef_int(floor_div(x->constant.n, c.n));
        rest->constant = coef_int(floor_mod(x->constant.n, c.n));
    } else {
        rest->constant = x->constant;
    }
    for (int i = 0; i < x->nterms; i++) {
        const Term *t = &x->terms[i];
        bool whole = coef_divide(dims, t->coef, c, &q);
        if (!affine_add_term(dims, whole ? quotient : rest, t->atom, whole ? q : t->coef))
            return false;
    }
    return true;
}

/* Finds g > 1 that divides c with x = g * high + low and 0 <= low < g. */
static bool split_by_divisor(DimContext *dims, const Affine *x, int64_t c, int64_t *g, Affine *high,
                             Affine *low) {
    for (int i = 0; i < x->nterms; i++) {
        if (x->terms[i].coef.d) continue;
        *g = gcd(x->terms[i].coef.n, c);
        if (*g <= 1 || !split_multiples(dims, x, coef_int(*g), high, low)) continue;
        if (is_within(dims, low, coef_int(*g))) return true;
    }
    return false;
}

static bool all_index(const Affine *x) {
    for (int i = 0; i < x->nterms; i++)
        if (!lx_is_index(x->terms[i].atom)) return false;
    return true;
}

/* The same quotient for the whole range of x by c. */
static bool same_quotient(const Affine *x, Coef c, int64_t *quotient) {
    int64_t lo, hi;
    affine_range(x, &lo, &hi);
    if (c.d || lo == INT64_MIN || hi == INT64_MAX) return false;
    *quotient = floor_div(lo, c.n);
    return *quotient == floor_div(hi, c.n);
}

/* Whether x is the same in all lanes. */
static bool is_uniform(const Affine *x) {
    for (int i = 0; i < x->nterms; i++)
        if (x->terms[i].atom->type.lanes > 1) return false;
    return true;
}

/* What is the same in all lanes is divided once, as a scalar: a vector that lies within one block
 * of a layout is then seen to be consecutive. */
static LX division(LBuilder *b, LBinary op, const Affine *x, Coef c) {
    Affine divisor = {.lanes = 1, .constant = c}, scalar;
    if (x->lanes > 1 && is_uniform(x)) {
        scalar = *x;
        scalar.lanes = 1;
        return lx_broadcast(b, division(b, op, &scalar, c), x->lanes);
    }
    LX value = affine_build(b, x);
    LX by = lx_broadcast(b, affine_build(b, &divisor), x->lanes);
    return lx_new_binary(b, op, value->type, value, by);
}

/* The single atom x consists of, if it is a division by a positive integer. */
static LX sole_division(const Affine *x, LBinary op, int64_t *by) {
    if (x->nterms != 1 || !coef_is(x->constant, 0) || !coef_is(x->terms[0].coef, 1)) return 0;
    LX atom = x->terms[0].atom;
    if (atom->kind != LX_BINARY || atom->binary != op) return 0;
    return lx_is_int(atom->args[1], by) && *by > 0 ? atom : 0;
}

static LX simplify_floordiv(LBuilder *b, const Affine *x, Coef c) {
    DimContext *dims = b->program->module->dims;
    if (x->nterms == 0 && (x->constant.d || c.d)) {
        Dim d = dim_floordiv(dims, coef_dim(dims, x->constant), coef_dim(dims, c));
        return d ? lx_broadcast(b, lx_dim(b, d), x->lanes) : 0;
    }
    Affine quotient, rest, high, low;
    if (!split_multiples(dims, x, c, &quotient, &rest)) return 0;
    if (is_within(dims, &rest, c)) return affine_build(b, &quotient);
    int64_t q, g, by;
    if (same_quotient(&rest, c, &q)) {
        if (!coef_add(dims, quotient.constant, coef_int(q), &quotient.constant)) return 0;
        return affine_build(b, &quotient);
    }
    LX atom;
    if (!c.d && split_by_divisor(dims, &rest, c.n, &g, &high, &low)) {
        rest = high;
        c = coef_int(c.n / g);
    }
    LX inner = sole_division(&rest, LB_FLOORDIV, &by);
    Coef product;
    if (coef_is(c, 1))
        atom = affine_build(b, &rest);
    else if (inner && coef_mul(dims, c, coef_int(by), &product) &&
             affine_of(dims, inner->args[0], &rest))
        atom = division(b, LB_FLOORDIV, &rest, product);
    else
        atom = division(b, LB_FLOORDIV, &rest, c);
    if (!affine_of(dims, atom, &rest)) return 0;
    return affine_add_scaled(dims, &quotient, &rest, coef_int(1)) ? affine_build(b, &quotient) : 0;
}

static LX simplify_mod(LBuilder *b, const Affine *x, Coef c) {
    DimContext *dims = b->program->module->dims;
    if (x->nterms == 0 && (x->constant.d || c.d)) {
        Dim d = dim_mod(dims, coef_dim(dims, x->constant), coef_dim(dims, c));
        return d ? lx_broadcast(b, lx_dim(b, d), x->lanes) : 0;
    }
    Affine quotient, rest, high, low;
    if (!split_multiples(dims, x, c, &quotient, &rest)) return 0;
    if (is_within(dims, &rest, c)) return affine_build(b, &rest);
    int64_t q, g, by;
    Coef shift;
    if (same_quotient(&rest, c, &q)) {
        if (!coef_mul(dims, c, coef_int(q), &shift) || !coef_mul(dims, shift, coef_int(-1), &shift))
            return 0;
        if (!coef_add(dims, rest.constant, shift, &rest.constant)) return 0;
        return affine_build(b, &rest);
    }
    if (!c.d && split_by_divisor(dims, &rest, c.n, &g, &high, &low) && g < c.n) {
        LX m = division(b, LB_MOD, &high, coef_int(c.n / g));
        if (!affine_of(dims, m, &high)) return 0;
        if (!affine_add_scaled(dims, &low, &high, coef_int(g))) return 0;
        return affine_build(b, &low);
    }
    LX inner = sole_division(&rest, LB_MOD, &by);
    if (inner && !c.d && by % c.n == 0 && affine_of(dims, inner->args[0], &rest))
        return division(b, LB_MOD, &rest, c);
    return division(b, LB_MOD, &rest, c);
}

static LX simplify_division(LBuilder *b, LBinary op, const Affine *x, const Affine *y) {
    if (y->nterms != 0) return 0;
    Coef c = y->constant;
    if (!c.d && c.n <= 0) return 0; /* a fault when it is evaluated */
    if (coef_is(c, 1))
        return op == LB_FLOORDIV ? affine_build(b, x) : lx_broadcast(b, lx_int(b, 0), x->lanes);
    if (!all_index(x)) return 0;
    return op == LB_FLOORDIV ? simplify_floordiv(b, x, c) : simplify_mod(b, x, c);
}

static LX simplify_product(LBuilder *b, const Affine *x, const Affine *y) {
    DimContext *dims = b->program->module->dims;
    const Affine *factor = x->nterms == 0 ? x : y->nterms == 0 ? y : 0;
    if (!factor) return 0;
    Affine r = zero_like(x);
    if (!affine_add_scaled(dims, &r, factor == x ? y : x, factor->constant)) return 0;
    return affine_build(b, &r);
}

static LX simplify_extreme(LBuilder *b, LBinary op, const Affine *x, const Affine *y, LX ex,
                           LX ey) {
    DimContext *dims = b->program->module->dims;
    Affine d;
    if (x->nterms == 0 && y->nterms == 0 && (x->constant.d || y->constant.d)) {
        Dim p = coef_dim(dims, x->constant), q = coef_dim(dims, y->constant);
        Dim r = op == LB_MIN ? dim_min(dims, p, q) : dim_max(dims, p, q);
        if (r) return lx_broadcast(b, lx_dim(b, r), x->lanes);
    }
    if (!all_index(x) || !all_index(y)) return lx_compare(ex, ey) == 0 ? ex : 0;
    if (affine_sub(dims, x, y, &d) && affine_nonnegative(dims, &d)) return op == LB_MAX ? ex : ey;
    if (affine_sub(dims, y, x, &d) && affine_nonnegative(dims, &d)) return op == LB_MAX ? ey : ex;
    return 0;
}

/* 1: x < y always; 0: never; -1: not known. */
static int is_less(DimContext *dims, const Affine *x, const Affine *y) {
    Affine d;
    if (affine_sub(dims, x, y, &d) && affine_nonnegative(dims, &d)) return 0;
    if (affine_sub(dims, y, x, &d) && coef_add(dims, d.constant, coef_int(-1), &d.constant) &&
        affine_nonnegative(dims, &d))
        return 1;
    return -1;
}

static LX simplify_comparison(LBuilder *b, LBinary op, const Affine *x, const Affine *y) {
    DimContext *dims = b->program->module->dims;
    Affine d;
    int known = -1;
    if (!all_index(x) || !all_index(y)) return 0;
    switch (op) {
    case LB_LT: known = is_less(dims, x, y); break;
    case LB_GT: known = is_less(dims, y, x); break;
    case LB_GE: known = is_less(dims, x, y); break;
    case LB_LE: known = is_less(dims, y, x); break;
    default:
        if (!affine_sub(dims, x, y, &d)) return 0;
        if (d.nterms == 0 && coef_is(d.constant, 0)) known = 1;
        if (is_less(dims, x, y) == 1 || is_less(dims, y, x) == 1) known = 0;
    }
    if (known < 0) return 0;
    bool value = (op == LB_GE || op == LB_LE || op == LB_NE) ? !known : known;
    return lx_const_int(b, ltype(DT_bool, x->lanes), value);
}

LX simplify_index(LBuilder *b, LBinary op, LX ex, LX ey) {
    DimContext *dims = b->program->module->dims;
    Affine x, y;
    if (!affine_of(dims, ex, &x) || !affine_of(dims, ey, &y)) return 0;
    switch (op) {
    case LB_ADD:
    case LB_SUB:
        if (!affine_add_scaled(dims, &x, &y, coef_int(op == LB_ADD ? 1 : -1))) return 0;
        return affine_build(b, &x);
    case LB_MUL: return simplify_product(b, &x, &y);
    case LB_FLOORDIV:
    case LB_MOD: return simplify_division(b, op, &x, &y);
    case LB_MIN:
    case LB_MAX: return simplify_extreme(b, op, &x, &y, ex, ey);
    default: return op >= LB_EQ && op <= LB_GE ? simplify_comparison(b, op, &x, &y) : 0;
    }
}
