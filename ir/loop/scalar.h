/* What the operators of the loop IR do to one lane: the single definition that constant folding and
 * the evaluator share. */
#ifndef NNC_IR_LOOP_SCALAR_H
#define NNC_IR_LOOP_SCALAR_H

#include "ir/loop.h"

/* One lane. f: f32, and f16 and bf16 as the f32 of the same value; d: f64; i: integers and bool,
 * extended to 64 bits by the sign of their type. */
typedef union Scalar {
    int64_t i;
    double d;
    float f;
} Scalar;

/* Rounded to nearest even; integers must be whole and in range. */
Scalar scalar_from_double(DType type, double value);
double scalar_to_double(DType type, Scalar value);
int64_t scalar_wrap(DType type, int64_t value); /* to an integer type, modulo its width */

Scalar scalar_unary(LUnary op, DType type, Scalar x);
/* False where the operation is an arithmetic fault: division by zero, a divisor of floordiv or mod
 * that is not positive, a shift by less than 0 or by the width or more. Comparisons yield a
 * bool. */
bool scalar_binary(LBinary op, DType type, Scalar x, Scalar y, Scalar *result);
Scalar scalar_fma(DType type, Scalar x, Scalar y, Scalar z);
Scalar scalar_cast(LCast mode, DType from, DType to, Scalar x);
Scalar scalar_bitcast(DType from, DType to, Scalar x);
bool scalar_same(DType type, Scalar x, Scalar y); /* bit for bit; all NaNs are one */

static inline bool binary_is_comparison(LBinary op) {
    return op >= LB_EQ && op <= LB_GE;
}

/* Lane type as memory holds it (dtype_bytes each). */
Scalar scalar_load(DType type, const void *memory, int64_t index);
void scalar_store(DType type, void *memory, int64_t index, Scalar value);

#endif
