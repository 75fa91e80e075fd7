/* Transcendentals that are built on exp: tanh, sigmoid, erf. Bounds: see math.c. */
#include "ir/loop/math.h"

static LX both(const Math *m, double value) {
    return math_const(m, value, value);
}

/* ---- tanh ------------------------------------------------------------------------------------ */

/* (tanh(x)/x - 1) / z with z = x**2, |x| <= 0.625. */
static const double tanh_f32[] = {-0.333333289, 0.133327697, -0.0538509096, 0.020997179,
                                  -0.00609671417};
static const double tanh_f64[] = {
    -0.3333333333333332,    0.13333333333326658,     -0.053968253961395568,
    0.021869488260559115,   -0.0088632298309257087,  0.0035920589774734554,
    -0.001455309297534642,  0.00058743728600943815,  -0.00023077616269519857,
    7.9599557352648078e-05, -1.7244874494844329e-05,
};
static const Poly tanh_poly = POLY(tanh);

/* Near 0 an odd polynomial; elsewhere 1 - 2/(e**2|x| + 1), which loses nothing because the quotient
 * is below 1/2. */
static LX tanh_formula(const Math *m, LX x, LX y) {
    LBuilder *b = m->b;
    (void)y;
    LX ax = lb_let(b, "ax", lx_unary(b, LU_ABS, x));
    LX z = lb_let(b, "z", lx_mul(b, x, x));
    LX near = lx_fma(b, lx_mul(b, ax, z), math_poly(m, z, &tanh_poly), ax);
    LX e = math_exp(m, lx_mul(b, ax, both(m, 2)), 0);
    LX part = lx_binary(b, LB_DIV, both(m, 2), lx_add(b, e, both(m, 1)));
    LX far = lx_sub(b, both(m, 1), part);
    LX is_near = lx_binary(b, LB_LT, ax, both(m, 0.625));
    LX r = lb_let(b, "r", lx_select(b, is_near, near, far));
    return math_abs_with_sign(m, r, x);
}

LX lm_tanh(LBuilder *b, LX x) {
    return math_by_type(b, x, 0, tanh_formula);
}

/* ---- sigmoid --------------------------------------------------------------------------------- */

/* 1/(1 + e**-x) as s/(s + s * e**-x) with s = 2**-64 (2**-512): neither overflows where the quotient
 * is a number still, be it denormal, and there is nothing to choose between. Beyond the bounds the
 * result is 1 or 0. */
static LX sigmoid_formula(const Math *m, LX x, LX y) {
    LBuilder *b = m->b;
    (void)y;
    x = lx_binary(b, LB_MAX, x, math_const(m, -104, -746));
    x = lb_let(b, "x", lx_binary(b, LB_MIN, x, math_const(m, 42, 340)));
    LX scale = math_const(m, 0x1p-64, 0x1p-512);
    LX sum = math_add_scaled_exp(m, scale, lx_unary(b, LU_NEG, x));
    return lx_binary(b, LB_DIV, scale, sum);
}

LX lm_sigmoid(LBuilder *b, LX x) {
    return math_by_type(b, x, 0, sigmoid_formula);
}

/* ---- erf ------------------------------------------------------------------------------------- */

/* erf(x)/x - 1 in z = x**2, for |x| < 0.9 (f32) and < 1 (f64). */
static const double near_f32[] = {0.128379155,   -0.376125288,  0.112821941,
                                  -0.0267807191, 0.00501448415, -0.000610268704};
static const double near_f64[] = {
    0.12837916709551258,     -0.37612638903183754,    0.11283791670955121,
    -0.02686617064512984,    0.0052239776254232985,   -0.00085483270219348297,
    0.00012055332902888736,  -1.4925647567519332e-05, 1.6462045441468418e-06,
    -1.6364642158167616e-07, 1.4792401209404813e-08,  -1.216456005728345e-09,
    8.7090451290531062e-11,  -4.2309458242953377e-12,
};
static const Poly near_poly = POLY(near);

/* f32: log(erfc(x)) in x for 0.9 <= x <= 4, beyond which erf rounds to 1.
 * f64: e**(x**2) * erfc(x) in t = (x - 2)/(x + 2) for 1 <= x <= 6. */
static const double far_f32[] = {
    0.000318539662, -1.13023106,   -0.631823918,    -0.110087166,   0.0264276372,
    -0.00476262583, 0.00059758577, -4.61638586e-05, 1.64306366e-06,
};
static const double far_f64[] = {
    0.25539567631050575,     -0.42718584741395838,    0.24165819424246635,
    -0.078978581015733115,   0.0037328924043450165,   0.0069974617392940574,
    -0.00084714325201339308, -0.00098197703026027213, 4.3555637774879728e-05,
    0.00017436123530124899,  2.7524819609205997e-05,  -2.7580465027982318e-05,
    -1.3960863250756434e-05, 1.393439667993715e-06,   3.7443735332653078e-06,
    1.1995052231035317e-06,  -3.9035732044924444e-07, -5.4941441041245587e-07,
    -1.632065834667942e-07,  1.8927635062490269e-07,
};
static const Poly far_poly = POLY(far);

/* erfc of x where erf is near 1, so that its own error counts little. */
static LX erfc_far(const Math *m, LX ax) {
    LBuilder *b = m->b;
    LX x = lb_let(b, "far", lx_binary(b, LB_MIN, ax, math_const(m, 4, 6)));
    if (!m->f64) return math_exp(m, math_poly(m, x, &far_poly), 0);
    LX t = lx_binary(b, LB_DIV, lx_sub(b, x, both(m, 2)), lx_add(b, x, both(m, 2)));
    LX square = lb_let(b, "square", lx_unary(b, LU_NEG, lx_mul(b, x, x)));
    LX low = lx_unary(b, LU_NEG, lx_fma(b, x, x, square));
    return lx_mul(b, math_exp(m, square, low), math_poly(m, lb_let(b, "t", t), &far_poly));
}

static LX erf_formula(const Math *m, LX x, LX y) {
    LBuilder *b = m->b;
    (void)y;
    LX ax = lb_let(b, "ax", lx_unary(b, LU_ABS, x));
    LX z = lb_let(b, "z", lx_mul(b, x, x));
    LX near = lx_fma(b, ax, math_poly(m, z, &near_poly), ax);
    LX far = lx_sub(b, both(m, 1), erfc_far(m, ax));
    LX is_near = lx_binary(b, LB_LT, ax, math_const(m, 0.9, 1));
    LX r = lb_let(b, "r", lx_select(b, is_near, near, far));
    return math_abs_with_sign(m, r, x);
}

LX lm_erf(LBuilder *b, LX x) {
    return math_by_type(b, x, 0, erf_formula);
}
