/* Facts about element types, from the table, and the conversions of 16-bit floats. */
#include "ir/dtype.h"

#include <math.h>
#include <string.h>

typedef struct DTypeFacts {
    const char *name;
    DTypeClass class;
    int bits;
    size_t bytes;
} DTypeFacts;

static const DTypeFacts facts[] = {
#define DTYPE(name, bits, class, ctype) [DT_##name] = {#name, DCLASS_##class, bits, sizeof(ctype)},
#include "ir/dtypes.def"
#undef DTYPE
};

static const DTypeFacts *facts_of(DType type) {
    require((unsigned)type < COUNT_OF(facts));
    return &facts[type];
}

const char *dtype_name(DType type) {
    return facts_of(type)->name;
}
DTypeClass dtype_class(DType type) {
    return facts_of(type)->class;
}
int dtype_bits(DType type) {
    return facts_of(type)->bits;
}
size_t dtype_bytes(DType type) {
    return facts_of(type)->bytes;
}

bool dtype_from_name(const char *name, DType *type) {
    for (size_t i = 0; i < COUNT_OF(facts); i++) {
        if (strcmp(facts[i].name, name) != 0) continue;
        *type = (DType)i;
        return true;
    }
    return false;
}

int64_t dtype_min(DType type) {
    require(!dtype_is_float(type));
    if (dtype_class(type) != DCLASS_SIGNED) return 0;
    return INT64_MIN >> (64 - dtype_bits(type));
}

int64_t dtype_max(DType type) {
    require(!dtype_is_float(type));
    if (dtype_class(type) == DCLASS_BOOL) return 1;
    int value_bits = dtype_bits(type) - (dtype_class(type) == DCLASS_SIGNED);
    return INT64_MAX >> (63 - value_bits);
}

/* ---- 16-bit floats ---- */

/* The two 16-bit formats: a sign, exponent bits, and the rest mantissa, as IEEE 754 orders them. */
typedef struct Small {
    int exponent_bits, mantissa_bits;
} Small;

static const Small f16_format = {5, 10}, bf16_format = {8, 7};

/* Rounds half to even; the mantissa's carry into the exponent is the right next value, infinity
 * included. */
static uint16_t round_to_small(double value, Small format) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    const int m = format.mantissa_bits;
    const unsigned infinity = ((1u << format.exponent_bits) - 1) << m;
    const unsigned sign = (unsigned)(bits >> 63) << 15;
    const int exponent_field = (int)(bits >> 52 & 0x7FF);
    const uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent_field == 0x7FF) {
        /* A NaN keeps the top of its payload and becomes quiet. */
        unsigned payload = (unsigned)(mantissa >> (52 - m)) | 1u << (m - 1);
        return (uint16_t)(sign | infinity | (mantissa ? payload : 0));
    }
    if (exponent_field == 0) return (uint16_t)sign; /* far below the least subnormal of both */

    const int bias = (1 << (format.exponent_bits - 1)) - 1;
    const int exponent = exponent_field - 1023, least_normal = 1 - bias;
    int shift = 52 - m;
    if (exponent < least_normal) shift += least_normal - exponent;
    if (shift > 53) return (uint16_t)sign; /* less than half the least subnormal */
    const uint64_t significand = mantissa | UINT64_C(1) << 52;
    const uint64_t rest = significand & ((UINT64_C(1) << shift) - 1);
    const uint64_t half = UINT64_C(1) << (shift - 1);
    uint64_t result = significand >> shift;
    result += rest > half || (rest == half && (result & 1));
    /* The hidden bit counts as one step of the exponent, hence the 1 less. */
    if (exponent >= least_normal) result += (uint64_t)(exponent - least_normal) << m;
    return (uint16_t)(sign | (result < infinity ? (unsigned)result : infinity));
}

static float small_to_f32(uint16_t bits, Small format) {
    const int m = format.mantissa_bits;
    const int bias = (1 << (format.exponent_bits - 1)) - 1;
    const uint32_t sign = (uint32_t)(bits >> 15) << 31;
    const int exponent = bits >> m & ((1 << format.exponent_bits) - 1);
    const uint32_t mantissa = bits & ((1u << m) - 1);
    uint32_t result;
    if (exponent == (1 << format.exponent_bits) - 1) {
        result = sign | 0x7F800000u | mantissa << (23 - m);
    } else if (exponent != 0) {
        result = sign | (uint32_t)(exponent - bias + 127) << 23 | mantissa << (23 - m);
    } else {
        float magnitude = ldexpf((float)mantissa, 1 - bias - m);
        return sign ? -magnitude : magnitude;
    }
    float value;
    memcpy(&value, &result, sizeof(value));
    return value;
}

float f16_to_f32(uint16_t bits) {
    return small_to_f32(bits, f16_format);
}
uint16_t f32_to_f16(float value) {
    return round_to_small((double)value, f16_format);
}
float bf16_to_f32(uint16_t bits) {
    return small_to_f32(bits, bf16_format);
}
uint16_t f32_to_bf16(float value) {
    return round_to_small((double)value, bf16_format);
}
uint16_t f64_to_f16(double value) {
    return round_to_small(value, f16_format);
}
uint16_t f64_to_bf16(double value) {
    return round_to_small(value, bf16_format);
}

/* ---- literals ---- */

static bool is_infinite_small(uint16_t bits, Small format) {
    return (bits & 0x7FFF) == ((1 << format.exponent_bits) - 1) << format.mantissa_bits;
}

static bool float_represents(DType type, double value) {
    if (isnan(value) || isinf(value)) return true;
    switch (type) {
    case DT_f16: return !is_infinite_small(f64_to_f16(value), f16_format);
    case DT_bf16: return !is_infinite_small(f64_to_bf16(value), bf16_format);
    case DT_f32:
        /* From halfway between the greatest f32 and 2^128 on, rounding gives infinity. */
        return fabs(value) < 0x1.ffffffp127;
    default: return true;
    }
}

bool dtype_represents(DType type, double value) {
    if (dtype_is_float(type)) return float_represents(type, value);
    if (!(value == floor(value))) return false;
    /* The greatest i64 is no double; one past every integer type's maximum is a power of two, which
     * is. */
    double past = ldexp(1, dtype_class(type) == DCLASS_BOOL
                               ? 1
                               : dtype_bits(type) - (dtype_class(type) == DCLASS_SIGNED));
    return value >= (double)dtype_min(type) && value < past;
}
