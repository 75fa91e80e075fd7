/* Integer expressions as sums: constant + sum of coefficient * atom. Coefficients are polynomials
 * of symbols; an atom is any i64 expression that is not itself a sum or a multiple. In a vector,
 * scalar atoms stand for themselves in all lanes, and the atom ramp(0, 1) for the lane's number. */
#ifndef NNC_IR_LOOP_AFFINE_H
#define NNC_IR_LOOP_AFFINE_H

#include "ir/loop.h"

/* d null: the constant n. */
typedef struct Coef {
    int64_t n;
    Dim d;
} Coef;

typedef struct Term {
    LX atom;
    Coef coef; /* never 0 */
} Term;

enum { AFFINE_TERMS = 24 };

/* Terms in the order of lx_compare. */
typedef struct Affine {
    int lanes;
    Coef constant;
    int nterms;
    Term terms[AFFINE_TERMS];
} Affine;

/* Each returns false where a coefficient overflows or there are too many terms; results are then
 * unspecified. */
bool affine_of(DimContext *dims, LX x, Affine *result);
bool affine_add_scaled(DimContext *dims, Affine *sum, const Affine *x, Coef scale);
bool affine_add_term(DimContext *dims, Affine *sum, LX atom, Coef coef);
bool affine_sub(DimContext *dims, const Affine *x, const Affine *y, Affine *result);
LX affine_build(LBuilder *b, const Affine *x);
/* Whether x >= 0 for every value of variables and symbols within their ranges is proved. */
bool affine_nonnegative(DimContext *dims, const Affine *x);
void affine_range(const Affine *x, int64_t *lo, int64_t *hi);

static inline Coef coef_int(int64_t n) {
    return (Coef){n, 0};
}
static inline bool coef_is(Coef c, int64_t n) {
    return !c.d && c.n == n;
}
bool coef_add(DimContext *dims, Coef a, Coef b, Coef *result);
bool coef_mul(DimContext *dims, Coef a, Coef b, Coef *result);
/* The exact quotient, false if there is none. */
bool coef_divide(DimContext *dims, Coef a, Coef b, Coef *result);
Dim coef_dim(DimContext *dims, Coef c);

/* ---- inside the loop IR ---------------------------------------------------------------------- */

LExpr *lx_new(LBuilder *b, LExprKind kind, LType type, int nargs, LX const *args);
LX lx_new_binary(LBuilder *b, LBinary op, LType type, LX x,
                 LX y); /* as it is, nothing simplified */
LX lx_new_ramp(LBuilder *b, LX base, LX stride, int lanes);
/* A total order that depends on structure only; 0: equal. */
int lx_compare(LX x, LX y);
/* Whether arithmetic on x cannot wrap: made of loop variables and dimensions, or
 * of known bounds. */
bool lx_is_index(LX x);
/* i64 operators; operands have the same lanes. Null: nothing is known to be simpler. */
LX simplify_index(LBuilder *b, LBinary op, LX x, LX y);

#endif
