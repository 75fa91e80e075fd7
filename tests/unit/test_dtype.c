/* Element types; 16-bit floats against definitions that share nothing with the conversion. */
#include "ir/dtype.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static float float_of(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static uint32_t bits_of(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

Test(dtype, names_and_sizes) {
    for (int i = 0; i < DTYPE_COUNT; i++) {
        DType found;
        cr_assert(dtype_from_name(dtype_name((DType)i), &found));
        cr_assert_eq((int)found, i);
    }
    DType none;
    cr_assert_not(dtype_from_name("f8", &none));
    cr_assert_str_eq(dtype_name(DT_bool), "bool");
    cr_assert_eq(dtype_bytes(DT_bf16), 2);
    cr_assert_eq(dtype_bytes(DT_i4), 1);
    cr_assert_eq(dtype_bits(DT_i4), 4);
    cr_assert(dtype_is_int(DT_u4) && !dtype_is_int(DT_bool) && !dtype_is_float(DT_bool));
}

Test(dtype, limits) {
    cr_assert(dtype_min(DT_i8) == -128 && dtype_max(DT_i8) == 127);
    cr_assert(dtype_min(DT_u8) == 0 && dtype_max(DT_u8) == 255);
    cr_assert(dtype_min(DT_i4) == -8 && dtype_max(DT_i4) == 7);
    cr_assert(dtype_min(DT_u4) == 0 && dtype_max(DT_u4) == 15);
    cr_assert(dtype_min(DT_i64) == INT64_MIN && dtype_max(DT_i64) == INT64_MAX);
    cr_assert(dtype_min(DT_i32) == INT32_MIN && dtype_max(DT_i32) == INT32_MAX);
    cr_assert(dtype_min(DT_bool) == 0 && dtype_max(DT_bool) == 1);
}

Test(dtype, represents) {
    cr_assert(dtype_represents(DT_i8, -128) && !dtype_represents(DT_i8, 128));
    cr_assert(!dtype_represents(DT_i8, -129) && !dtype_represents(DT_i8, 0.5));
    cr_assert(!dtype_represents(DT_u8, -1) && dtype_represents(DT_u8, -0.0));
    cr_assert(dtype_represents(DT_i64, -0x1p63) && !dtype_represents(DT_i64, 0x1p63));
    cr_assert(!dtype_represents(DT_i32, (double)INFINITY) &&
              !dtype_represents(DT_i32, (double)NAN));
    cr_assert(dtype_represents(DT_bool, 1) && !dtype_represents(DT_bool, 2));
    cr_assert(dtype_represents(DT_f16, 65519) && !dtype_represents(DT_f16, 65520));
    cr_assert(dtype_represents(DT_f16, 0.1) && dtype_represents(DT_f16, (double)INFINITY));
    cr_assert(dtype_represents(DT_f32, 0x1.fffffefp127) &&
              !dtype_represents(DT_f32, 0x1.ffffffp127));
    cr_assert(dtype_represents(DT_bf16, 0x1.fep127) && !dtype_represents(DT_bf16, 0x1.ffp127));
    cr_assert(dtype_represents(DT_f64, 1e308));
}

/* Value of the bits by the formula of the format. */
static double by_formula(uint16_t bits, int exponent_bits) {
    int mantissa_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    int exponent = (bits & 0x7FFF) >> mantissa_bits, mantissa = bits & ((1 << mantissa_bits) - 1);
    double sign = bits & 0x8000 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return mantissa ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0) return sign * ldexp(mantissa, 1 - bias - mantissa_bits);
    return sign * ldexp((1 << mantissa_bits) + mantissa, exponent - bias - mantissa_bits);
}

/* All 65536 values widen to what the formula says and narrow back to themselves. */
Test(dtype, every_16_bit_float_survives) {
    for (unsigned i = 0; i < 0x10000; i++) {
        uint16_t bits = (uint16_t)i;
        double half = by_formula(bits, 5), brain = by_formula(bits, 8);
        if (isnan(half)) {
            cr_assert(isnan(f16_to_f32(bits)));
            cr_assert(isnan(f16_to_f32(f32_to_f16(f16_to_f32(bits)))));
        } else {
            cr_assert_eq(bits_of(f16_to_f32(bits)), bits_of((float)half));
            cr_assert_eq(f32_to_f16((float)half), bits);
            cr_assert_eq(f64_to_f16(half), bits);
        }
        if (isnan(brain)) {
            cr_assert(isnan(bf16_to_f32(bits)));
            cr_assert(isnan(bf16_to_f32(f32_to_bf16(bf16_to_f32(bits)))));
        } else {
            cr_assert_eq(bits_of(bf16_to_f32(bits)), i << 16);
            cr_assert_eq(f32_to_bf16((float)brain), bits);
            cr_assert_eq(f64_to_bf16(brain), bits);
        }
    }
}

/* Between any two neighbours: just below, at and just above the middle. One rounding, half to even;
 * the step above the greatest finite value leads to infinity. */
static void check_neighbours(int exponent_bits, uint16_t (*narrow)(double)) {
    unsigned infinity = ((1u << exponent_bits) - 1) << (15 - exponent_bits);
    for (unsigned i = 0; i < infinity; i++) {
        double low = by_formula((uint16_t)i, exponent_bits);
        double high = i + 1 < infinity ? by_formula((uint16_t)(i + 1), exponent_bits)
                                       : 2 * low - by_formula((uint16_t)(i - 1), exponent_bits);
        double middle = low + (high - low) / 2; /* exact: a 16-bit float and one more bit */
        unsigned even = i % 2 == 0 ? i : i + 1;
        cr_assert_eq(narrow(middle), even);
        cr_assert_eq(narrow(-middle), even | 0x8000);
        cr_assert_eq(narrow(nextafter(middle, 0)), i);
        cr_assert_eq(narrow(nextafter(middle, (double)INFINITY)), i + 1);
    }
}

Test(dtype, narrowing_rounds_once_half_to_even) {
    check_neighbours(5, f64_to_f16);
    check_neighbours(8, f64_to_bf16);
}

Test(dtype, narrowing_extremes) {
    cr_assert_eq(f32_to_f16(INFINITY), 0x7C00);
    cr_assert_eq(f32_to_bf16(-INFINITY), 0xFF80);
    cr_assert_eq(f64_to_f16(1e300), 0x7C00);
    cr_assert_eq(f64_to_f16(-1e300), 0xFC00);
    cr_assert_eq(f64_to_bf16(1e300), 0x7F80);
    cr_assert_eq(f64_to_f16(0x1p-1074), 0);
    cr_assert_eq(f64_to_bf16(-0x1p-1074), 0x8000);
    cr_assert_eq(f64_to_f16(0x1p-25), 0); /* half of the least: to even */
    cr_assert_eq(f64_to_f16(0x1.8p-25), 1);
    cr_assert_eq(f32_to_f16(-0.0f), 0x8000);
    /* A NaN whose payload has only low bits must not become infinity. */
    cr_assert(isnan(f16_to_f32(f32_to_f16(float_of(0x7F800001)))));
    cr_assert(isnan(bf16_to_f32(f32_to_bf16(float_of(0xFF800001)))));
    uint64_t low_payload = UINT64_C(0x7FF0000000000001);
    double nan;
    memcpy(&nan, &low_payload, sizeof(nan));
    cr_assert(isnan(f16_to_f32(f64_to_f16(nan))) && isnan(bf16_to_f32(f64_to_bf16(nan))));
    cr_assert_eq(f32_to_bf16(float_of(0xFFC00000)) & 0x8000, 0x8000);
}

/* bf16 is the upper half of f32: rounding by integer addition, on a sample of all f32. */
Test(dtype, bf16_agrees_with_integer_rounding) {
    for (uint64_t i = 0; i < UINT64_C(1) << 32; i += 997) {
        uint32_t bits = (uint32_t)i;
        if (isnan(float_of(bits))) continue;
        uint32_t expected = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
        cr_assert_eq(f32_to_bf16(float_of(bits)), expected);
    }
}
