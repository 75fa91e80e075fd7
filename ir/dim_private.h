/* Shared by the files that implement dim.h: the context, polynomials under construction, and their
 * order. */
#ifndef NNC_IR_DIM_PRIVATE_H
#define NNC_IR_DIM_PRIVATE_H

#include "ir/dim.h"

/* Beyond these a dimension is no size that anyone meant; they bound every recursion
 * and every loop. */
enum {
    DIM_MAX_TERMS = 64,
    DIM_MAX_DEGREE = 64,
    DIM_MAX_SIZE = 4096 /* factors and terms, nested ones included as often as they are printed */
};

/* What a node carries beyond its public part. Every Dim points to the first member of one. */
typedef struct DimInfo {
    struct DimNode node;
    int64_t least, greatest; /* as dim_range */
    int size;
    uint64_t hash;
} DimInfo;

static inline const DimInfo *dim_info(Dim d) {
    return (const DimInfo *)d;
}

struct DimContext {
    Arena *arena;
    VEC(const char *) names;
    /* Open addressing, a power of two of slots, at most half of them used. */
    DimInfo **slots;
    size_t nslots, nnodes;
};

/* A polynomial under construction, its terms in canonical order. Coefficients never are INT64_MIN,
 * so that all can be negated. Once failed it stays so. */
typedef struct Poly {
    DimTerm terms[DIM_MAX_TERMS];
    int nterms;
    bool failed;
} Poly;

void poly_add_term(const DimContext *ctx, Poly *p, const DimTerm *term);
/* Null if the polynomial failed or is too large. */
Dim poly_finish(DimContext *ctx, const Poly *p);

/* scale * d, and one term as a polynomial; null as the public operations. */
Dim dim_scale(DimContext *ctx, Dim d, int64_t scale);
Dim dim_of_term(DimContext *ctx, const DimTerm *term);
/* The atom itself, with no simplification. */
Dim dim_of_atom(DimContext *ctx, DimAtom atom, Dim a, Dim b);

/* Structural order, the same whatever was made first: negative, zero or positive. */
int term_compare(const DimContext *ctx, const DimTerm *a, const DimTerm *b); /* by factors only */
int dim_compare(const DimContext *ctx, Dim a, Dim b);
/* False where the product overflows or its degree is too high. */
bool term_multiply(DimContext *ctx, const DimTerm *a, const DimTerm *b, DimTerm *product);
/* False where a is no multiple of b. */
bool term_divide(DimContext *ctx, const DimTerm *a, const DimTerm *b, DimTerm *quotient);

/* Bounds of values, INT64_MIN and INT64_MAX standing for no bound. */
typedef struct Interval {
    int64_t least, greatest;
} Interval;

Interval interval_of_terms(const DimTerm *terms, int count);
Interval interval_of_factors(const DimFactor *factors, int count);

/* The constant term. */
int64_t dim_constant(Dim d);
/* Whether d >= 0 for all values of the symbols was proved. */
bool dim_proved_nonnegative(DimContext *ctx, Dim d);
uint64_t dim_gcd(uint64_t a, uint64_t b);

#endif
