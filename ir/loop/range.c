/* What is known about the values of integer expressions. */
#include "ir/loop/affine.h"

/* INT64_MIN and INT64_MAX stand for unbounded on their side and absorb what is added to them. */
static int64_t bound_add(int64_t a, int64_t b, int64_t infinity) {
    int64_t r;
    if (a == INT64_MIN || a == INT64_MAX || b == INT64_MIN || b == INT64_MAX) return infinity;
    return checked_add(a, b, &r) ? r : infinity;
}

static int64_t bound_mul(int64_t a, int64_t b) {
    int64_t r;
    if (a == 0 || b == 0) return 0;
    bool infinite = a == INT64_MIN || a == INT64_MAX || b == INT64_MIN || b == INT64_MAX;
    if (!infinite && checked_mul(a, b, &r)) return r;
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

typedef struct Range {
    int64_t lo, hi;
} Range;

static const Range everything = {INT64_MIN, INT64_MAX};

static Range range_add(Range a, Range b) {
    return (Range){bound_add(a.lo, b.lo, INT64_MIN), bound_add(a.hi, b.hi, INT64_MAX)};
}

static Range range_mul(Range a, Range b) {
    int64_t p[4] = {bound_mul(a.lo, b.lo), bound_mul(a.lo, b.hi), bound_mul(a.hi, b.lo),
                    bound_mul(a.hi, b.hi)};
    Range r = {p[0], p[0]};
    for (int i = 1; i < 4; i++) {
        if (p[i] < r.lo) r.lo = p[i];
        if (p[i] > r.hi) r.hi = p[i];
    }
    return r;
}

static Range range_negate(Range a) {
    return range_mul(a, (Range){-1, -1});
}

static Range range_union(Range a, Range b) {
    return (Range){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}

static Range range_floordiv(Range a, Range b) {
    if (b.lo != b.hi || b.lo <= 0) {
        /* By something positive the value moves towards 0 (or -1). */
        return (Range){a.lo < 0 ? a.lo : 0, a.hi > 0 ? a.hi : a.hi < 0 ? -1 : 0};
    }
    return (Range){a.lo == INT64_MIN ? a.lo : floor_div(a.lo, b.lo),
                   a.hi == INT64_MAX ? a.hi : floor_div(a.hi, b.lo)};
}

static Range range_of(LX x);

static Range range_of_binary(LX x) {
    Range a = range_of(x->args[0]), b = range_of(x->args[1]);
    switch (x->binary) {
    case LB_ADD: return range_add(a, b);
    case LB_SUB: return range_add(a, range_negate(b));
    case LB_MUL: return range_mul(a, b);
    case LB_FLOORDIV: return range_floordiv(a, b);
    case LB_MOD:
        if (a.lo >= 0 && b.lo > 0 && a.hi < b.lo) return a;
        return (Range){0, b.hi == INT64_MAX ? b.hi : b.hi > 0 ? b.hi - 1 : 0};
    case LB_MIN: return (Range){a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi};
    case LB_MAX: return (Range){a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
    case LB_AND:
        if (b.lo >= 0) return (Range){0, b.hi};
        return a.lo >= 0 ? (Range){0, a.hi} : everything;
    default: return everything;
    }
}

static Range range_of_any(LX x) {
    Range r = everything;
    switch (x->kind) {
    case LX_INT: return (Range){x->i, x->i};
    case LX_VAR: return (Range){x->var->lo, x->var->hi};
    case LX_DIM: dim_range(x->dim, &r.lo, &r.hi); return r;
    case LX_BINARY: return x->type.dtype == DT_i64 ? range_of_binary(x) : everything;
    case LX_SELECT: return range_union(range_of(x->args[1]), range_of(x->args[2]));
    case LX_CAST:
        if (x->type.dtype != DT_i64 || !dtype_is_int(x->args[0]->type.dtype)) return everything;
        return range_of(x->args[0]);
    case LX_BROADCAST:
    case LX_EXTRACT: return range_of(x->args[0]);
    case LX_RAMP:
        return range_add(range_of(x->args[0]),
                         range_mul(range_of(x->args[1]), (Range){0, x->type.lanes - 1}));
    default: return everything;
    }
}

static Range range_of(LX x) {
    DType type = x->type.dtype;
    if (dtype_is_float(type)) return everything;
    Range r = range_of_any(x);
    /* The type bounds it too, and values computed in it wrap rather than leave it. */
    if (r.lo < dtype_min(type)) r.lo = dtype_min(type);
    if (r.hi > dtype_max(type)) r.hi = dtype_max(type);
    return r;
}

void lx_range(LX x, int64_t *lo, int64_t *hi) {
    Range r = range_of(x);
    *lo = r.lo;
    *hi = r.hi;
}

static bool is_bounded(LX x) {
    Range r = range_of(x);
    /* Far enough from the ends that sums of a few such do not wrap. */
    return r.lo > -((int64_t)1 << 53) && r.hi < ((int64_t)1 << 53);
}

bool lx_is_index(LX x) {
    switch (x->kind) {
    case LX_INT:
    case LX_DIM: return true;
    case LX_VAR: return x->var->is_index || is_bounded(x);
    case LX_BINARY:
        if (x->binary > LB_MAX || x->binary == LB_DIV) return is_bounded(x);
        return lx_is_index(x->args[0]) && lx_is_index(x->args[1]);
    case LX_BROADCAST:
    case LX_EXTRACT: return lx_is_index(x->args[0]);
    case LX_RAMP: return lx_is_index(x->args[0]) && lx_is_index(x->args[1]);
    default: return is_bounded(x);
    }
}

/* ---- of sums --------------------------------------------------------------------------------- */

void affine_range(const Affine *x, int64_t *lo, int64_t *hi) {
    Range sum = {x->constant.n, x->constant.n};
    if (x->constant.d) dim_range(x->constant.d, &sum.lo, &sum.hi);
    for (int i = 0; i < x->nterms; i++) {
        Range c = {x->terms[i].coef.n, x->terms[i].coef.n};
        if (x->terms[i].coef.d) dim_range(x->terms[i].coef.d, &c.lo, &c.hi);
        sum = range_add(sum, range_mul(c, range_of(x->terms[i].atom)));
    }
    *lo = sum.lo;
    *hi = sum.hi;
}

/* A bound of the atom as a polynomial of symbols; null: unknown. */
static Dim atom_bound(DimContext *dims, LX atom, bool upper) {
    if (atom->kind == LX_VAR) {
        Dim d = upper ? atom->var->most : atom->var->least;
        if (d) return d;
    }
    if (atom->kind == LX_BINARY && atom->binary == LB_MOD) {
        LX c = atom->args[1]->kind == LX_BROADCAST ? atom->args[1]->args[0] : atom->args[1];
        if (!upper) return dim_int(dims, 0);
        if (c->kind == LX_DIM) return dim_sub(dims, c->dim, dim_int(dims, 1));
    }
    Range r = range_of(atom);
    int64_t bound = upper ? r.hi : r.lo;
    return bound == INT64_MIN || bound == INT64_MAX ? 0 : dim_int(dims, bound);
}

/* The least value of x as a polynomial of symbols, or null. */
static Dim least_value(DimContext *dims, const Affine *x) {
    Dim sum = coef_dim(dims, x->constant);
    for (int i = 0; sum && i < x->nterms; i++) {
        Range c = {x->terms[i].coef.n, x->terms[i].coef.n};
        if (x->terms[i].coef.d) dim_range(x->terms[i].coef.d, &c.lo, &c.hi);
        if (c.lo < 0 && c.hi > 0) return 0;
        Dim bound = atom_bound(dims, x->terms[i].atom, c.hi <= 0 && c.lo < 0);
        sum = dim_add(dims, sum, dim_mul(dims, coef_dim(dims, x->terms[i].coef), bound));
    }
    return sum;
}

bool affine_nonnegative(DimContext *dims, const Affine *x) {
    int64_t lo, hi;
    affine_range(x, &lo, &hi);
    if (lo >= 0) return true;
    if (hi < 0) return false;
    Dim least = least_value(dims, x);
    if (!least) return false;
    dim_range(least, &lo, &hi);
    return lo >= 0;
}
