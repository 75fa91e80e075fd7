/* Which of two dimensions is the greater, for all values of the symbols.
 *
 * A difference is non-negative if interval arithmetic says so. Where that is too coarse, an atom is
 * replaced by a bound in terms of its operands, which can cancel against other terms: 16*floordiv(N
 * + 15, 16) - N >= 0 follows from 16*floordiv(x, 16) >= x - 15. */
#include "ir/dim_private.h"

enum { MOST_STEPS = 60 };

typedef struct Proof {
    DimContext *ctx;
    int steps_left;
} Proof;

static bool prove(Proof *proof, Dim d);

/* The place of an atom in a polynomial: d = rest + cofactor*atom, cofactor = coefficient*(other
 * factors of the term) */
typedef struct Occurrence {
    const DimFactor *atom;
    bool positive; /* the cofactor is >= 0; else <= 0 */
    Dim rest, cofactor;
} Occurrence;

/* Whether the terms's j-th factor is an atom whose cofactor's sign is known; fills in the
 * occurrence. */
static bool occurrence_at(Proof *proof, Dim d, const DimTerm *term, int j, Occurrence *o) {
    DimContext *ctx = proof->ctx;
    if (term->factors[j].atom == ATOM_SYMBOL) return false;
    DimTerm one_atom = {1, 1, NULL}, cofactor;
    DimFactor single = term->factors[j];
    single.power = 1;
    one_atom.factors = &single;
    if (!term_divide(ctx, term, &one_atom, &cofactor)) return false;
    if (interval_of_factors(cofactor.factors, cofactor.nfactors).least < 0) return false;
    *o = (Occurrence){.atom = &term->factors[j],
                      .positive = term->coefficient > 0,
                      .rest = dim_sub(ctx, d, dim_of_term(ctx, term)),
                      .cofactor = dim_of_term(ctx, &cofactor)};
    return o->rest && o->cofactor;
}

/* Proves d >= 0 with the atom replaced by bound/divisor, multiplied out. */
static bool with_bound(Proof *proof, const Occurrence *o, Dim bound, int64_t divisor) {
    DimContext *ctx = proof->ctx;
    Dim scaled = dim_scale(ctx, o->rest, divisor);
    return prove(proof, dim_add(ctx, scaled, dim_mul(ctx, o->cofactor, bound)));
}

static bool with_floordiv(Proof *proof, const Occurrence *o) {
    const DimFactor *f = o->atom;
    int64_t divisor;
    if (dim_is_int(f->b, &divisor)) {
        /* a - (b-1) <= b*floordiv(a, b) <= a */
        Dim low = dim_sub(proof->ctx, f->a, dim_int(proof->ctx, divisor - 1));
        return with_bound(proof, o, o->positive ? low : f->a, divisor);
    }
    /* floordiv(a, b) <= a for a >= 0, b >= 1 */
    return !o->positive && dim_info(f->a)->least >= 0 && dim_info(f->b)->least >= 0 &&
           with_bound(proof, o, f->a, 1);
}

static bool with_mod(Proof *proof, const Occurrence *o) {
    DimContext *ctx = proof->ctx;
    const DimFactor *f = o->atom;
    if (dim_info(f->b)->least < 0) return false;
    if (o->positive) return with_bound(proof, o, dim_int(ctx, 0), 1);
    /* mod(a, b) <= b - 1, and <= a for a >= 0 */
    return with_bound(proof, o, dim_sub(ctx, f->b, dim_int(ctx, 1)), 1) ||
           (dim_info(f->a)->least >= 0 && with_bound(proof, o, f->a, 1));
}

/* max(a, b) is at least either of them, and one of them. */
static bool with_extremum(Proof *proof, const Occurrence *o) {
    bool either_will_do = (o->atom->atom == ATOM_MAX) == o->positive;
    bool with_a = with_bound(proof, o, o->atom->a, 1);
    if (with_a == either_will_do) return with_a;
    return with_bound(proof, o, o->atom->b, 1);
}

static bool with_occurrence(Proof *proof, const Occurrence *o) {
    switch (o->atom->atom) {
    case ATOM_FLOORDIV: return with_floordiv(proof, o);
    case ATOM_MOD: return with_mod(proof, o);
    case ATOM_MIN:
    case ATOM_MAX: return with_extremum(proof, o);
    case ATOM_SYMBOL: break;
    }
    unreachable();
}

/* Tries each atom of the terms with the given sign in turn. */
static bool prove_by_atoms(Proof *proof, Dim d, bool positive) {
    for (int i = 0; i < d->nterms && proof->steps_left > 0; i++) {
        const DimTerm *term = &d->terms[i];
        if ((term->coefficient > 0) != positive) continue;
        for (int j = 0; j < term->nfactors; j++) {
            Occurrence o;
            if (occurrence_at(proof, d, term, j, &o) && with_occurrence(proof, &o)) return true;
        }
    }
    return false;
}

static bool prove(Proof *proof, Dim d) {
    if (!d) return false;
    if (dim_info(d)->least >= 0) return true;
    /* No value reaches 0: nothing weaker will either. */
    if (dim_info(d)->greatest < 0 || proof->steps_left-- <= 0) return false;
    return prove_by_atoms(proof, d, false) || prove_by_atoms(proof, d, true);
}

bool dim_proved_nonnegative(DimContext *ctx, Dim d) {
    Proof proof = {.ctx = ctx, .steps_left = MOST_STEPS};
    return prove(&proof, d);
}

int dim_le(DimContext *ctx, Dim a, Dim b) {
    if (!a || !b) return -1;
    Dim difference = dim_sub(ctx, b, a);
    if (!difference) return -1;
    if (dim_proved_nonnegative(ctx, difference)) return 1;
    Dim opposite = dim_sub(ctx, dim_sub(ctx, a, b), dim_int(ctx, 1));
    return opposite && dim_proved_nonnegative(ctx, opposite) ? 0 : -1;
}
