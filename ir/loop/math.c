/* Transcendentals without a library: range reduction, a polynomial, and the scale put back, in
 * plain arithmetic.
 *
 * Largest errors, in units of the last place of the result, which the tests hold (f32: every bit
 * pattern, of which the usual tests take a sample; f64: dense samples):
 *
 *               f32    f64
 *   exp         1.1    1.0
 *   log         1.0    1.0
 *   tanh        1.5    1.5
 *   sigmoid     2.5    2.5
 *   erf         1.5    1.5
 *   gelu        2.5    2      of the last place of x
 *   pow         1.25   1.25   without an instruction for fma 1.75 in f32
 *
 * f16 and bf16 are computed in f32 and rounded. Denormal inputs and results count like others; 0,
 * infinity and NaN give what IEEE 754 (section 9.2) lists. The reductions are those of W. Cody and
 * W. Waite, Software Manual for the Elementary Functions (1980); log follows the form of fdlibm's
 * e_log.c. Polynomials interpolate at Chebyshev nodes. */
#include "ir/loop/math.h"

#include <math.h>

static LX name(const Math *m, const char *label, LX x) {
    return lb_let(m->b, label, x);
}

LX math_const(const Math *m, double f32, double f64) {
    return lx_const(m->b, m->type, m->f64 ? f64 : f32);
}

static LX both(const Math *m, double value) {
    return math_const(m, value, value);
}

static LX bits_const(const Math *m, int64_t i32, int64_t i64) {
    return lx_const_int(m->b, ltype(m->bits, m->type.lanes), m->f64 ? i64 : i32);
}

LX math_poly(const Math *m, LX z, const Poly *p) {
    int count = m->f64 ? p->count64 : p->count32;
    const double *c = m->f64 ? p->c64 : p->c32;
    LX sum = both(m, c[count - 1]);
    for (int i = count - 2; i >= 0; i--) sum = lx_fma(m->b, sum, z, both(m, c[i]));
    return sum;
}

LX math_abs_with_sign(const Math *m, LX magnitude, LX sign) {
    LX clear = bits_const(m, INT32_MAX, INT64_MAX), only = bits_const(m, INT32_MIN, INT64_MIN);
    LX value = lx_binary(m->b, LB_AND, lx_bitcast(m->b, m->bits, magnitude), clear);
    LX s = lx_binary(m->b, LB_AND, lx_bitcast(m->b, m->bits, sign), only);
    return lx_bitcast(m->b, m->type.dtype, lx_binary(m->b, LB_OR, value, s));
}

/* log(2) in two parts; the first has so few bits that its product with an exponent is exact, on
 * machines without fma too. */
static LX ln2_high(const Math *m) {
    return math_const(m, 0.693359375, 6.93147180369123816490e-01);
}
static LX ln2_low(const Math *m) {
    return math_const(m, -2.12194440054690582e-4, 1.90821492927058770002e-10);
}

/* ---- exp ------------------------------------------------------------------------------------- */

/* (e**r - 1 - r) / r**2 on [-0.35, 0.35]; relative error of e**r below 1e-8 and 2e-19. */
static const double exp_f32[] = {0.5, 0.166665734, 0.0416665502, 0.00836376702, 0.00139269181};
static const double exp_f64[] = {
    0.5,
    0.16666666666666671,
    0.041666666666666671,
    0.0083333333333255512,
    0.0013888888888883455,
    0.00019841269876840357,
    2.4801587326757946e-05,
    2.7557252863367322e-06,
    2.7557272021007835e-07,
    2.5106262550890878e-08,
    2.0915377354156553e-09,
};
static const Poly exp_poly = POLY(exp);

/* 2**k for a whole k whose exponent is in the normal range. */
static LX power_of_two(const Math *m, LX k) {
    LX biased = lx_add(m->b, k, bits_const(m, 127, 1023));
    LX bits = lx_binary(m->b, LB_SHL, biased, bits_const(m, 23, 52));
    return lx_bitcast(m->b, m->type.dtype, bits);
}

LX math_exp(const Math *m, LX hi, LX lo) {
    LBuilder *b = m->b;
    /* Beyond these the result is 0 or infinity, and the exponent below still fits. */
    hi = lx_binary(b, LB_MAX, hi, math_const(m, -104, -746));
    hi = name(m, "x", lx_binary(b, LB_MIN, hi, math_const(m, 89, 710)));
    /* Adding 1.5 * 2**23 (2**52) rounds to a whole number and leaves it in the low bits. */
    LX magic = math_const(m, 12582912.0, 6755399441055744.0);
    LX shifted = name(m, "k", lx_fma(b, hi, both(m, 1.4426950408889634), magic));
    LX n = name(m, "n", lx_sub(b, shifted, magic));
    LX k =
        lx_sub(b, lx_bitcast(b, m->bits, shifted), bits_const(m, 0x4b400000, 0x4338000000000000));
    LX r = lx_fma(b, n, lx_unary(b, LU_NEG, ln2_high(m)), hi);
    r = lx_fma(b, n, lx_unary(b, LU_NEG, ln2_low(m)), r);
    r = name(m, "r", lo ? lx_add(b, r, lo) : r);
    LX p = lx_fma(b, lx_mul(b, r, r), math_poly(m, r, &exp_poly), r);
    p = name(m, "p", lx_add(b, p, both(m, 1)));
    /* In two steps, so that neither factor leaves the range and a denormal result
     * is rounded once. */
    k = name(m, "e", k);
    LX half = name(m, "h", lx_binary(b, LB_SHR, k, bits_const(m, 1, 1)));
    LX rest = lx_sub(b, k, half);
    return name(m, "exp", lx_mul(b, lx_mul(b, p, power_of_two(m, half)), power_of_two(m, rest)));
}

LX math_add_scaled_exp(const Math *m, LX y, LX x) {
    LBuilder *b = m->b;
    /* The number that rounds also adds the exponent's bias less the scale. */
    LX magic = math_const(m, 12582912.0 + 127 - 64, 6755399441055744.0 + 1023 - 512);
    LX shifted = name(m, "k", lx_fma(b, x, both(m, 1.4426950408889634), magic));
    LX n = name(m, "n", lx_sub(b, shifted, magic));
    LX r = lx_fma(b, n, lx_unary(b, LU_NEG, ln2_high(m)), x);
    r = name(m, "r", lx_fma(b, n, lx_unary(b, LU_NEG, ln2_low(m)), r));
    LX p = lx_fma(b, lx_mul(b, r, r), math_poly(m, r, &exp_poly), r);
    p = name(m, "p", lx_add(b, p, both(m, 1)));
    /* The shift leaves of it an exponent, and a sign that is 0. */
    LX power = lx_binary(b, LB_SHL, lx_bitcast(b, m->bits, shifted), bits_const(m, 23, 52));
    return lx_fma(b, p, lx_bitcast(b, m->type.dtype, power), y);
}

/* ---- log ------------------------------------------------------------------------------------- */

/* (log(1 + f) - f + f**2/2) / f**3 on [sqrt(1/2) - 1, sqrt(2) - 1]. */
static const double log_f32[] = {
    0.333333312,  -0.24999997, 0.200007157,  -0.166678023, 0.142490576,
    -0.124256873, 0.116854199, -0.114797338, 0.0697161147,
};
/* (log((1 + s)/(1 - s))/s - 2) / z with z = s**2 up to 0.0295. */
static const double log_f64[] = {
    0.66666666666666696, 0.39999999999898889, 0.28571428626253836, 0.22222211089379496,
    0.18182892432536871, 0.15331611722055008, 0.14617807153417325,
};
static const Poly log_poly = POLY(log);

/* x = 2**e * mantissa, mantissa in [sqrt(1/2), sqrt(2)), for positive finite x. */
static void split_exponent(const Math *m, LX x, LX *e, LX *mantissa) {
    LBuilder *b = m->b;
    LX least = math_const(m, 0x1p-126, 0x1p-1022);
    LX tiny = name(m, "tiny", lx_binary(b, LB_LT, x, least));
    LX normal = lx_select(b, tiny, lx_mul(b, x, math_const(m, 0x1p25, 0x1p54)), x);
    LX bits = name(m, "bits", lx_bitcast(b, m->bits, normal));
    LX width = bits_const(m, 23, 52);
    LX root = bits_const(m, 0x3f3504f3, 0x3fe6a09e667f3bcd);
    LX whole = name(m, "k", lx_binary(b, LB_SHR, lx_sub(b, bits, root), width));
    LX scaled = lx_sub(b, bits, lx_binary(b, LB_SHL, whole, width));
    *mantissa = name(m, "m", lx_bitcast(b, m->type.dtype, scaled));
    LX shift = lx_select(b, tiny, math_const(m, 25, 54), both(m, 0));
    *e = name(m, "e", lx_sub(b, lx_cast(b, CAST_VALUE, m->type.dtype, whole), shift));
}

static LX log_by_difference(const Math *m, LX e, LX f) {
    LBuilder *b = m->b;
    LX z = name(m, "z", lx_mul(b, f, f));
    LX y = lx_mul(b, lx_mul(b, f, z), math_poly(m, f, &log_poly));
    y = lx_fma(b, e, ln2_low(m), y);
    y = lx_fma(b, z, both(m, -0.5), y);
    return lx_fma(b, e, ln2_high(m), lx_add(b, f, y));
}

static LX log_by_quotient(const Math *m, LX e, LX f) {
    LBuilder *b = m->b;
    LX s = name(m, "s", lx_binary(b, LB_DIV, f, lx_add(b, f, both(m, 2))));
    LX z = name(m, "z", lx_mul(b, s, s));
    LX half_square = name(m, "q", lx_mul(b, lx_mul(b, f, f), both(m, 0.5)));
    LX r = lx_mul(b, z, math_poly(m, z, &log_poly));
    LX low = lx_fma(b, s, lx_add(b, half_square, r), lx_mul(b, e, ln2_low(m)));
    LX inner = lx_sub(b, lx_sub(b, half_square, low), f);
    return lx_sub(b, lx_mul(b, e, ln2_high(m)), inner);
}

static LX math_log(const Math *m, LX x) {
    LBuilder *b = m->b;
    LX e, mantissa;
    split_exponent(m, x, &e, &mantissa);
    LX f = name(m, "f", lx_sub(b, mantissa, both(m, 1)));
    LX r = m->f64 ? log_by_quotient(m, e, f) : log_by_difference(m, e, f);
    LX zero = both(m, 0), infinite = both(m, HUGE_VAL);
    r = lx_select(b, lx_binary(b, LB_EQ, x, infinite), x, r);
    r = lx_select(b, lx_binary(b, LB_EQ, x, zero), both(m, -HUGE_VAL), r);
    /* Not >= 0 holds for NaN too. */
    LX valid = lx_binary(b, LB_GE, x, zero);
    return name(m, "log", lx_select(b, valid, r, both(m, NAN)));
}

/* ---- pow ------------------------------------------------------------------------------------- */

/* (log((1 + s)/(1 - s))/s - 2 - 2/3 z) / z**2 with z = s**2 up to 0.0295. */
static const double pow_f32[] = {0.400000151, 0.285622192, 0.230490028};
static const double pow_f64[] = {
    0.40000000000000002, 0.28571428571429369, 0.22222222221652765, 0.18181818336099848,
    0.1538459488700718,  0.13334808798812339, 0.11706126464563398, 0.11724327060846747,
};
static const Poly pow_poly = POLY(pow);

/* hi + lo exactly as a + b, for |a| >= |b| or a = 0. */
static Pair fast_sum(const Math *m, LX a, LX b) {
    LX hi = name(m, "hi", lx_add(m->b, a, b));
    return (Pair){hi, name(m, "lo", lx_add(m->b, lx_sub(m->b, a, hi), b))};
}

/* x * y - hi, where hi is that product rounded: exact, with or without an instruction for fma,
 * because half as many digits multiply without rounding. */
static LX product_rest(const Math *m, LX x, LX y, LX hi) {
    LBuilder *b = m->b;
    LX mask = bits_const(m, -0x1000, -0x8000000);
    LX xh = lx_bitcast(b, m->type.dtype, lx_binary(b, LB_AND, lx_bitcast(b, m->bits, x), mask));
    LX yh = lx_bitcast(b, m->type.dtype, lx_binary(b, LB_AND, lx_bitcast(b, m->bits, y), mask));
    LX x_head = name(m, "xh", xh), y_head = name(m, "yh", yh);
    LX x_tail = name(m, "xl", lx_sub(b, x, x_head)), y_tail = name(m, "yl", lx_sub(b, y, y_head));
    LX rest = lx_fma(b, x_head, y_head, lx_unary(b, LU_NEG, hi));
    rest = lx_fma(b, x_tail, y_head, lx_fma(b, x_head, y_tail, rest));
    return name(m, "rest", lx_fma(b, x_tail, y_tail, rest));
}

static Pair with_cross_terms(const Math *m, Pair x, Pair y, LX hi, LX rest) {
    LX lo = lx_fma(m->b, x.lo, y.hi, lx_fma(m->b, x.hi, y.lo, rest));
    return (Pair){hi, name(m, "lo", lo)};
}

static Pair product(const Math *m, Pair x, Pair y) {
    LX hi = name(m, "hi", lx_mul(m->b, x.hi, y.hi));
    return with_cross_terms(m, x, y, hi, product_rest(m, x.hi, y.hi, hi));
}

/* The same for factors of a small term, whose last digits do not count: on a machine without fma
 * they are lost. */
static Pair small_product(const Math *m, Pair x, Pair y) {
    LBuilder *b = m->b;
    LX hi = name(m, "hi", lx_mul(b, x.hi, y.hi));
    return with_cross_terms(m, x, y, hi, lx_fma(b, x.hi, y.hi, lx_unary(b, LU_NEG, hi)));
}

/* (mantissa - 1) / (mantissa + 1). */
static Pair quotient(const Math *m, LX mantissa) {
    LBuilder *b = m->b;
    LX one = both(m, 1);
    LX f = name(m, "f", lx_sub(b, mantissa, one));
    LX d = name(m, "d", lx_add(b, mantissa, one));
    /* Exact: both differences are between neighbours in size. */
    LX d_lo = name(m, "d_lo", lx_sub(b, mantissa, lx_sub(b, d, one)));
    LX hi = name(m, "s", lx_binary(b, LB_DIV, f, d));
    LX back = name(m, "sd", lx_mul(b, hi, d));
    LX rest = lx_sub(b, lx_sub(b, f, back), product_rest(m, hi, d, back));
    rest = lx_fma(b, lx_unary(b, LU_NEG, hi), d_lo, rest);
    return (Pair){hi, name(m, "s_lo", lx_binary(b, LB_DIV, rest, d))};
}

/* log(x) to about one and a half times the precision, for positive finite x: e*log(2) + s*(2 +
 * z*(2/3 + z*Q(z))). */
static Pair log_pair(const Math *m, LX x) {
    LBuilder *b = m->b;
    LX e, mantissa;
    split_exponent(m, x, &e, &mantissa);
    Pair s = quotient(m, mantissa), z = small_product(m, s, s);
    LX tail = lx_mul(b, z.hi, math_poly(m, z.hi, &pow_poly));
    Pair p = fast_sum(m, math_const(m, 0.666666686534881592, 0.66666666666666663), tail);
    LX third_lo = math_const(m, -1.98682149251302083e-08, 3.7007434154171886e-17);
    p.lo = name(m, "p_lo", lx_add(b, p.lo, third_lo));
    Pair t = small_product(m, z, p);
    Pair u = fast_sum(m, both(m, 2), t.hi);
    u.lo = name(m, "u_lo", lx_add(b, u.lo, t.lo));
    Pair l = product(m, s, u);
    Pair r = fast_sum(m, lx_mul(b, e, ln2_high(m)), l.hi);
    LX low = lx_fma(b, e, ln2_low(m), lx_add(b, r.lo, l.lo));
    return fast_sum(m, r.hi, name(m, "lo", low));
}

/* |x|**y for finite positive |x|. */
static LX pow_positive(const Math *m, LX ax, LX y) {
    LBuilder *b = m->b;
    Pair l = log_pair(m, ax);
    LX hi = name(m, "w", lx_mul(b, y, l.hi));
    LX lo = lx_fma(b, y, l.lo, product_rest(m, y, l.hi, hi));
    /* Where the product overflows the low part is NaN, and means nothing. */
    LX in_range = lx_binary(b, LB_LT, lx_unary(b, LU_ABS, hi), both(m, 1000));
    return math_exp(m, hi, name(m, "w_lo", lx_select(b, in_range, lo, both(m, 0))));
}

static LX whole(const Math *m, LX y) {
    return lx_binary(m->b, LB_EQ, lx_unary(m->b, LU_TRUNC, y), y);
}

/* The magnitude where |x| or |y| is 0 or infinite. */
static LX pow_extremes(const Math *m, LX ax, LX y, LX r) {
    LBuilder *b = m->b;
    LX zero = both(m, 0), infinite = both(m, HUGE_VAL), one = both(m, 1);
    LX negative = lx_binary(b, LB_LT, y, zero);
    LX of_zero = lx_select(b, negative, infinite, zero);
    LX of_infinity = lx_select(b, negative, zero, infinite);
    LX grows = lx_binary(b, LB_XOR, lx_binary(b, LB_GT, ax, one), negative);
    LX by_infinity = lx_select(b, grows, infinite, zero);
    by_infinity = lx_select(b, lx_binary(b, LB_EQ, ax, one), one, by_infinity);
    r = lx_select(b, lx_binary(b, LB_EQ, ax, zero), of_zero, r);
    r = lx_select(b, lx_binary(b, LB_EQ, ax, infinite), of_infinity, r);
    LX y_infinite = lx_binary(b, LB_EQ, lx_unary(b, LU_ABS, y), infinite);
    return name(m, "r", lx_select(b, y_infinite, by_infinity, r));
}

static LX math_pow(const Math *m, LX x, LX y) {
    LBuilder *b = m->b;
    LX zero = both(m, 0), one = both(m, 1);
    LX ax = name(m, "ax", lx_unary(b, LU_ABS, x));
    LX r = pow_extremes(m, ax, y, pow_positive(m, ax, y));
    LX is_whole = name(m, "whole", whole(m, y));
    LX half_whole = whole(m, lx_mul(b, y, both(m, 0.5)));
    LX odd = lx_binary(b, LB_AND, is_whole, lx_unary(b, LU_NOT, half_whole));
    r = lx_select(b, odd, math_abs_with_sign(m, r, x), r);
    LX negative = lx_binary(b, LB_AND, lx_binary(b, LB_LT, x, zero),
                            lx_binary(b, LB_NE, ax, both(m, HUGE_VAL)));
    LX invalid = lx_binary(b, LB_AND, negative, lx_unary(b, LU_NOT, is_whole));
    LX infinite_y = lx_binary(b, LB_EQ, lx_unary(b, LU_ABS, y), both(m, HUGE_VAL));
    invalid = lx_binary(b, LB_AND, invalid, lx_unary(b, LU_NOT, infinite_y));
    LX any_nan = lx_unary(b, LU_IS_NAN, lx_add(b, ax, lx_unary(b, LU_ABS, y)));
    r = lx_select(b, lx_binary(b, LB_OR, invalid, any_nan), both(m, NAN), r);
    LX is_one = lx_binary(b, LB_OR, lx_binary(b, LB_EQ, x, one), lx_binary(b, LB_EQ, y, zero));
    return name(m, "pow", lx_select(b, is_one, one, r));
}

/* ---- by type --------------------------------------------------------------------------------- */

LX math_by_type(LBuilder *b, LX x, LX y, LX (*formula)(const Math *m, LX x, LX y)) {
    DType dtype = x->type.dtype;
    require(dtype_is_float(dtype) && x->type.rows == 0);
    bool f64 = dtype == DT_f64;
    DType inner = f64 ? DT_f64 : DT_f32;
    int lanes = y && y->type.lanes > 1 ? y->type.lanes : x->type.lanes;
    Math m = {b, ltype(inner, lanes), f64 ? DT_i64 : DT_i32, f64};
    x = lx_broadcast(b, lb_let(b, "x", lx_cast(b, CAST_VALUE, inner, x)), lanes);
    if (y) y = lx_broadcast(b, lb_let(b, "y", lx_cast(b, CAST_VALUE, inner, y)), lanes);
    return lx_cast(b, CAST_VALUE, dtype, formula(&m, x, y));
}

static LX exp_formula(const Math *m, LX x, LX y) {
    (void)y;
    return math_exp(m, x, 0);
}

static LX log_formula(const Math *m, LX x, LX y) {
    (void)y;
    return math_log(m, x);
}

LX lm_exp(LBuilder *b, LX x) {
    return math_by_type(b, x, 0, exp_formula);
}
LX lm_log(LBuilder *b, LX x) {
    return math_by_type(b, x, 0, log_formula);
}
LX lm_pow(LBuilder *b, LX x, LX y) {
    return math_by_type(b, x, y, math_pow);
}
