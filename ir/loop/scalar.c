/* One lane of every operator. */
#include "ir/loop/scalar.h"

#include <math.h>
#include <string.h>

static float scalar_round(DType type, float value) {
    switch (type) {
    case DT_f16: return f16_to_f32(f32_to_f16(value));
    case DT_bf16: return bf16_to_f32(f32_to_bf16(value));
    default: return value;
    }
}

int64_t scalar_wrap(DType type, int64_t value) {
    if (type == DT_bool) return value != 0;
    int unused = 64 - dtype_bits(type);
    uint64_t high = (uint64_t)value << unused;
    if (dtype_class(type) == DCLASS_UNSIGNED) return (int64_t)(high >> unused);
    return (int64_t)high >> unused;
}

Scalar scalar_from_double(DType type, double value) {
    switch (type) {
    case DT_f64: return (Scalar){.d = value};
    case DT_f32: return (Scalar){.f = (float)value};
    case DT_f16: return (Scalar){.f = f16_to_f32(f64_to_f16(value))};
    case DT_bf16: return (Scalar){.f = bf16_to_f32(f64_to_bf16(value))};
    default: return (Scalar){.i = (int64_t)value};
    }
}

double scalar_to_double(DType type, Scalar value) {
    if (type == DT_f64) return value.d;
    return dtype_is_float(type) ? (double)value.f : (double)value.i;
}

bool scalar_same(DType type, Scalar x, Scalar y) {
    if (!dtype_is_float(type)) return x.i == y.i;
    double a = scalar_to_double(type, x), b = scalar_to_double(type, y);
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

/* ---- unary ----------------------------------------------------------------------------------- */

static double unary_f64(LUnary op, double x) {
    switch (op) {
    case LU_NEG: return -x;
    case LU_ABS: return fabs(x);
    case LU_SQRT: return sqrt(x);
    case LU_FLOOR: return floor(x);
    case LU_CEIL: return ceil(x);
    case LU_ROUND_EVEN: return nearbyint(x);
    case LU_TRUNC: return trunc(x);
    case LU_NOT:
    case LU_IS_NAN: break;
    }
    unreachable();
}

Scalar scalar_unary(LUnary op, DType type, Scalar x) {
    if (op == LU_IS_NAN)
        return (Scalar){.i = dtype_is_float(type) && isnan(scalar_to_double(type, x))};
    if (type == DT_f64) return (Scalar){.d = unary_f64(op, x.d)};
    /* The square root of an f32 rounded in f64 first is still correctly rounded
     * (53 >= 2*24 + 2). */
    if (dtype_is_float(type))
        return (Scalar){.f = scalar_round(type, (float)unary_f64(op, (double)x.f))};
    switch (op) {
    case LU_NEG: return (Scalar){.i = scalar_wrap(type, (int64_t)(0 - (uint64_t)x.i))};
    case LU_ABS:
        return (Scalar){.i = scalar_wrap(type, x.i < 0 ? (int64_t)(0 - (uint64_t)x.i) : x.i)};
    case LU_NOT: return (Scalar){.i = type == DT_bool ? !x.i : scalar_wrap(type, ~x.i)};
    default: return x;
    }
}

/* ---- binary ---------------------------------------------------------------------------------- */

#define COMPARE(op, x, y)                                                                          \
    ((op) == LB_EQ   ? (x) == (y)                                                                  \
     : (op) == LB_NE ? (x) != (y)                                                                  \
     : (op) == LB_LT ? (x) < (y)                                                                   \
     : (op) == LB_LE ? (x) <= (y)                                                                  \
     : (op) == LB_GT ? (x) > (y)                                                                   \
                     : (x) >= (y))

/* As IEEE 754-2019 maximum and minimum: NaN wins, -0 is less than +0. */
static double float_extreme(bool greatest, double x, double y) {
    if (isnan(x)) return x;
    if (isnan(y)) return y;
    if (x == y) return (signbit(x) != 0) == greatest ? y : x;
    return (x > y) == greatest ? x : y;
}

static double binary_f64(LBinary op, double x, double y) {
    switch (op) {
    case LB_ADD: return x + y;
    case LB_SUB: return x - y;
    case LB_MUL: return x * y;
    case LB_DIV: return x / y;
    case LB_MIN: return float_extreme(false, x, y);
    case LB_MAX: return float_extreme(true, x, y);
    default: unreachable();
    }
}

static float binary_f32(LBinary op, float x, float y) {
    switch (op) {
    case LB_ADD: return x + y;
    case LB_SUB: return x - y;
    case LB_MUL: return x * y;
    case LB_DIV: return x / y;
    default: return (float)binary_f64(op, (double)x, (double)y);
    }
}

static int64_t saturate(DType type, int64_t value, bool overflow, bool negative) {
    if (overflow) return negative ? dtype_min(type) : dtype_max(type);
    if (value < dtype_min(type)) return dtype_min(type);
    return value > dtype_max(type) ? dtype_max(type) : value;
}

static bool binary_int(LBinary op, DType type, int64_t x, int64_t y, int64_t *r) {
    uint64_t ux = (uint64_t)x, uy = (uint64_t)y;
    switch (op) {
    case LB_ADD: *r = (int64_t)(ux + uy); break;
    case LB_SUB: *r = (int64_t)(ux - uy); break;
    case LB_MUL: *r = (int64_t)(ux * uy); break;
    case LB_DIV:
        if (y == 0) return false;
        *r = y == -1 ? (int64_t)(0 - ux) : x / y;
        break;
    case LB_FLOORDIV:
        if (y <= 0) return false;
        *r = floor_div(x, y);
        break;
    case LB_MOD:
        if (y <= 0) return false;
        *r = floor_mod(x, y);
        break;
    case LB_MIN: *r = x < y ? x : y; break;
    case LB_MAX: *r = x > y ? x : y; break;
    case LB_AND: *r = x & y; break;
    case LB_OR: *r = x | y; break;
    case LB_XOR: *r = x ^ y; break;
    case LB_SHL:
        if (y < 0 || y >= dtype_bits(type)) return false;
        *r = (int64_t)(ux << y);
        break;
    case LB_SHR:
        if (y < 0 || y >= dtype_bits(type)) return false;
        *r = x >> y;
        break;
    case LB_ADD_SAT: {
        bool over = !checked_add(x, y, r);
        *r = saturate(type, *r, over, y < 0);
        break;
    }
    case LB_SUB_SAT: {
        bool over = !checked_sub(x, y, r);
        *r = saturate(type, *r, over, y > 0);
        break;
    }
    default: unreachable();
    }
    *r = scalar_wrap(type, *r);
    return true;
}

bool scalar_binary(LBinary op, DType type, Scalar x, Scalar y, Scalar *result) {
    if (!dtype_is_float(type)) {
        if (!binary_is_comparison(op)) return binary_int(op, type, x.i, y.i, &result->i);
        result->i = COMPARE(op, x.i, y.i);
    } else if (binary_is_comparison(op)) {
        double a = scalar_to_double(type, x), b = scalar_to_double(type, y);
        result->i = COMPARE(op, a, b);
    } else if (type == DT_f64) {
        result->d = binary_f64(op, x.d, y.d);
    } else {
        result->f = scalar_round(type, binary_f32(op, x.f, y.f));
    }
    return true;
}

Scalar scalar_fma(DType type, Scalar x, Scalar y, Scalar z) {
    if (type == DT_f64) return (Scalar){.d = fma(x.d, y.d, z.d)};
    if (dtype_is_float(type)) return (Scalar){.f = scalar_round(type, fmaf(x.f, y.f, z.f))};
    uint64_t r = (uint64_t)x.i * (uint64_t)y.i + (uint64_t)z.i;
    return (Scalar){.i = scalar_wrap(type, (int64_t)r)};
}

/* ---- casts ----------------------------------------------------------------------------------- */

static int64_t float_to_int(DType to, double x) {
    if (isnan(x)) return 0;
    /* 2^63 is the least f64 beyond every i64. */
    if (x >= 9223372036854775808.0) return dtype_max(to);
    if (x < -9223372036854775808.0) return dtype_min(to);
    return saturate(to, (int64_t)x, false, false);
}

Scalar scalar_cast(LCast mode, DType from, DType to, Scalar x) {
    if (from == to) return x;
    if (to == DT_bool) {
        bool set = dtype_is_float(from) ? scalar_to_double(from, x) != 0 : x.i != 0;
        return (Scalar){.i = set};
    }
    if (dtype_is_float(from)) {
        double value = scalar_to_double(from, x);
        if (dtype_is_float(to)) return scalar_from_double(to, value);
        if (mode == CAST_SATURATE_ROUND) value = nearbyint(value);
        return (Scalar){.i = float_to_int(to, value)};
    }
    if (dtype_is_float(to)) {
        /* f32 straight from i64: by way of f64 it would be rounded twice. */
        if (to == DT_f32) return (Scalar){.f = (float)x.i};
        return scalar_from_double(to, (double)x.i);
    }
    if (mode == CAST_VALUE) return (Scalar){.i = scalar_wrap(to, x.i)};
    return (Scalar){.i = saturate(to, x.i, false, false)};
}

Scalar scalar_load(DType type, const void *memory, int64_t index) {
    Scalar r = {0};
    switch (type) {
    case DT_f32: r.f = ((const float *)memory)[index]; break;
    case DT_f16: r.f = f16_to_f32(((const uint16_t *)memory)[index]); break;
    case DT_bf16: r.f = bf16_to_f32(((const uint16_t *)memory)[index]); break;
    case DT_f64: r.d = ((const double *)memory)[index]; break;
    case DT_i16: r.i = ((const int16_t *)memory)[index]; break;
    case DT_i32: r.i = ((const int32_t *)memory)[index]; break;
    case DT_i64: r.i = ((const int64_t *)memory)[index]; break;
    case DT_i8:
    case DT_i4: r.i = ((const int8_t *)memory)[index]; break;
    case DT_u8:
    case DT_u4:
    case DT_bool: r.i = ((const uint8_t *)memory)[index]; break;
    case DTYPE_COUNT: unreachable();
    }
    return r;
}

void scalar_store(DType type, void *memory, int64_t index, Scalar value) {
    switch (type) {
    case DT_f32: ((float *)memory)[index] = value.f; break;
    case DT_f16: ((uint16_t *)memory)[index] = f32_to_f16(value.f); break;
    case DT_bf16: ((uint16_t *)memory)[index] = f32_to_bf16(value.f); break;
    case DT_f64: ((double *)memory)[index] = value.d; break;
    case DT_i16: ((int16_t *)memory)[index] = (int16_t)value.i; break;
    case DT_i32: ((int32_t *)memory)[index] = (int32_t)value.i; break;
    case DT_i64: ((int64_t *)memory)[index] = value.i; break;
    case DT_i8:
    case DT_i4: ((int8_t *)memory)[index] = (int8_t)value.i; break;
    case DT_u8:
    case DT_u4:
    case DT_bool: ((uint8_t *)memory)[index] = (uint8_t)value.i; break;
    case DTYPE_COUNT: unreachable();
    }
}

Scalar scalar_bitcast(DType from, DType to, Scalar x) {
    int64_t bits[1] = {0};
    scalar_store(from, bits, 0, x);
    Scalar r = scalar_load(to, bits, 0);
    if (dtype_bits(to) < 8) r.i = scalar_wrap(to, r.i);
    return r;
}
