/* Inside the transcendentals: formulas over one float type, f32 or f64, named step by step so that
 * nothing is computed twice. */
#ifndef NNC_IR_LOOP_MATH_H
#define NNC_IR_LOOP_MATH_H

#include "ir/loop.h"

typedef struct Math {
    LBuilder *b;
    LType type; /* f32 or f64 */
    DType bits; /* the integer of the same width */
    bool f64;
} Math;

/* A value hi + lo with |lo| at most half a unit in the last place of hi. */
typedef struct Pair {
    LX hi, lo;
} Pair;

/* Coefficients of both types, lowest power first. */
typedef struct Poly {
    int count32, count64;
    const double *c32, *c64;
} Poly;

/* For the tables name_f32 and name_f64. */
#define POLY(name) {COUNT_OF(name##_f32), COUNT_OF(name##_f64), name##_f32, name##_f64}

LX math_const(const Math *m, double f32, double f64);
LX math_poly(const Math *m, LX z, const Poly *p);
LX math_abs_with_sign(const Math *m, LX magnitude,
                      LX sign); /* |magnitude| with the sign of `sign` */

/* e**(hi + lo) for |lo| tiny; lo null: 0. */
LX math_exp(const Math *m, LX hi, LX lo);

/* y + 2**-64 * e**x (f64: 2**-512), for x from -42 to 104 (-340 to 746), or NaN. */
LX math_add_scaled_exp(const Math *m, LX y, LX x);

/* The formula in f64 for f64 and in f32 for the other floats; y may be null. */
LX math_by_type(LBuilder *b, LX x, LX y, LX (*formula)(const Math *m, LX x, LX y));

#endif
