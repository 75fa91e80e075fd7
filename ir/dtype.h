/* Element types of tensors and of loop IR scalars. */
#ifndef NNC_IR_DTYPE_H
#define NNC_IR_DTYPE_H

#include "ir/base/base.h"

typedef enum DType {
#define DTYPE(name, bits, class, ctype) DT_##name,
#include "ir/dtypes.def"
#undef DTYPE
    DTYPE_COUNT
} DType;

typedef enum DTypeClass { DCLASS_FLOAT, DCLASS_SIGNED, DCLASS_UNSIGNED, DCLASS_BOOL } DTypeClass;

const char *dtype_name(DType type);
bool dtype_from_name(const char *name, DType *type);
DTypeClass dtype_class(DType type);
int dtype_bits(DType type);
size_t dtype_bytes(DType type); /* of one element in a host tensor; at least 1 */
static inline bool dtype_is_float(DType type) {
    return dtype_class(type) == DCLASS_FLOAT;
}
static inline bool dtype_is_int(DType type) {
    return dtype_class(type) == DCLASS_SIGNED || dtype_class(type) == DCLASS_UNSIGNED;
}
/* Least and greatest value of an integer type (bool: 0 and 1). */
int64_t dtype_min(DType type);
int64_t dtype_max(DType type);

/* Conversions of 16-bit floats; to_* round to nearest even, overflow to infinity, keep NaN. */
float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value);
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value);
uint16_t f64_to_f16(double value);  /* one rounding */
uint16_t f64_to_bf16(double value); /* one rounding */

/* The value of a literal as stored in type, or false where it is not representable: an integer type
 * takes whole numbers in its range; a float type takes what does not overflow (rounding is
 * allowed). */
bool dtype_represents(DType type, double value);

#endif
