/* Bounds of dimensions by interval arithmetic, and their values for given symbols. */
#include "ir/dim_private.h"

static const int64_t no_least = INT64_MIN, no_greatest = INT64_MAX;

/* ---- interval arithmetic: bounds that do not fit become weaker ones -------------------------- */

static bool is_infinite(int64_t v) {
    return v == no_least || v == no_greatest;
}

/* A least value too large to be written is bounded by the largest one that is, and the other way
 * round. */
static Interval interval(int64_t least, int64_t greatest) {
    if (least == no_greatest) least--;
    if (greatest == no_least) greatest++;
    return (Interval){least, greatest};
}

static int64_t bound_mul(int64_t a, int64_t b) {
    int64_t product;
    if (a == 0 || b == 0) return 0;
    if (!is_infinite(a) && !is_infinite(b) && checked_mul(a, b, &product)) return product;
    return (a < 0) == (b < 0) ? no_greatest : no_least;
}

/* No bound wins over the other summand: infinity is the bound's own side here. */
static int64_t bound_add(int64_t a, int64_t b, int64_t infinity) {
    int64_t sum;
    if (a == infinity || b == infinity) return infinity;
    if (checked_add(a, b, &sum)) return sum;
    return a < 0 ? no_least : no_greatest;
}

static Interval interval_add(Interval a, Interval b) {
    return interval(bound_add(a.least, b.least, no_least),
                    bound_add(a.greatest, b.greatest, no_greatest));
}

static int64_t lesser(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t greater(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static Interval interval_mul(Interval a, Interval b) {
    int64_t p = bound_mul(a.least, b.least), q = bound_mul(a.least, b.greatest);
    int64_t r = bound_mul(a.greatest, b.least), s = bound_mul(a.greatest, b.greatest);
    return interval(lesser(lesser(p, q), lesser(r, s)), greater(greater(p, q), greater(r, s)));
}

/* Quotient of bounds rounded down, for b >= 1; b may be no bound, a too. */
static int64_t bound_div(int64_t a, int64_t b) {
    if (is_infinite(a)) return a;
    if (is_infinite(b)) return a < 0 ? -1 : 0;
    return floor_div(a, b);
}

/* Divisors are at least 1 wherever the quotient has a value, if they cannot be negative. */
static Interval interval_floordiv(Interval a, Interval b) {
    if (b.least < 0 || b.greatest < 1) return interval(no_least, no_greatest);
    if (b.least == 0) b.least = 1;
    return interval(bound_div(a.least, a.least >= 0 ? b.greatest : b.least),
                    bound_div(a.greatest, a.greatest >= 0 ? b.least : b.greatest));
}

static Interval interval_mod(Interval a, Interval b) {
    if (b.least < 0) return interval(no_least, no_greatest);
    int64_t greatest = is_infinite(b.greatest) ? no_greatest : b.greatest - 1;
    if (a.least >= 0) greatest = lesser(greatest, a.greatest);
    return interval(0, greater(greatest, 0));
}

/* ---- ranges ---- */

static Interval range_of(Dim d) {
    return (Interval){dim_info(d)->least, dim_info(d)->greatest};
}

static Interval interval_of_atom(const DimFactor *f) {
    if (f->atom == ATOM_SYMBOL) return interval(0, no_greatest);
    Interval a = range_of(f->a), b = range_of(f->b);
    switch (f->atom) {
    case ATOM_FLOORDIV: return interval_floordiv(a, b);
    case ATOM_MOD: return interval_mod(a, b);
    case ATOM_MIN: return interval(lesser(a.least, b.least), lesser(a.greatest, b.greatest));
    case ATOM_MAX: return interval(greater(a.least, b.least), greater(a.greatest, b.greatest));
    case ATOM_SYMBOL: break;
    }
    unreachable();
}

Interval interval_of_factors(const DimFactor *factors, int count) {
    Interval product = {1, 1};
    for (int i = 0; i < count; i++) {
        Interval base = interval_of_atom(&factors[i]), power = base;
        for (int p = 1; p < factors[i].power; p++) power = interval_mul(power, base);
        if (factors[i].power % 2 == 0) power.least = greater(power.least, 0);
        product = interval_mul(product, power);
    }
    return product;
}

Interval interval_of_terms(const DimTerm *terms, int count) {
    Interval sum = {0, 0};
    for (int i = 0; i < count; i++) {
        Interval coefficient = {terms[i].coefficient, terms[i].coefficient};
        Interval factors = interval_of_factors(terms[i].factors, terms[i].nfactors);
        sum = interval_add(sum, interval_mul(coefficient, factors));
    }
    return sum;
}

void dim_range(Dim d, int64_t *least, int64_t *greatest) {
    *least = dim_info(d)->least;
    *greatest = dim_info(d)->greatest;
}

/* ---- values ---- */

static bool eval_atom(const DimFactor *f, const int64_t *symbols, int64_t *value) {
    if (f->atom == ATOM_SYMBOL) {
        *value = symbols[f->symbol];
        return true;
    }
    int64_t a, b;
    if (!dim_eval(f->a, symbols, &a) || !dim_eval(f->b, symbols, &b)) return false;
    switch (f->atom) {
    case ATOM_FLOORDIV:
        if (b == 0 || (a == INT64_MIN && b == -1)) return false;
        *value = floor_div(a, b);
        return true;
    case ATOM_MOD:
        if (b == 0) return false;
        *value = floor_mod(a, b);
        return true;
    case ATOM_MIN: *value = lesser(a, b); return true;
    case ATOM_MAX: *value = greater(a, b); return true;
    case ATOM_SYMBOL: break;
    }
    unreachable();
}

bool dim_eval(Dim d, const int64_t *symbols, int64_t *value) {
    int64_t sum = 0;
    for (int i = 0; i < d->nterms; i++) {
        int64_t product = d->terms[i].coefficient;
        for (int j = 0; j < d->terms[i].nfactors; j++) {
            const DimFactor *f = &d->terms[i].factors[j];
            int64_t base;
            if (!eval_atom(f, symbols, &base)) return false;
            for (int p = 0; p < f->power; p++)
                if (!checked_mul(product, base, &product)) return false;
        }
        if (!checked_add(sum, product, &sum)) return false;
    }
    *value = sum;
    return true;
}
