/* gelu, exactly: x times the normal distribution's share below x. Bounds: see math.c. */
#include "ir/loop/math.h"

#include <math.h>

/* The share less 1/2 is odd and within 2**-25 of 1/2 from EDGE on.
 * Below: over x, in t = 2 (x/EDGE)**2 - 1; a little above 1/2 at the edge, where it is cut. */
#define EDGE 5.5
static const double share_f32[] = {
    0.12855193,     -0.064172402,    0.0477374569,   -0.0387901925,   0.0320734046,  -0.02607801,
    0.0203430038,   -0.0148491533,   0.0102971308,   -0.00720631145,  0.00450883107, -0.00188698608,
    0.000810479221, -0.000900673156, 0.000603386608, -0.000132804736,
};
static const Poly share_poly = {COUNT_OF(share_f32), 0, share_f32, NULL};

static LX within(const Math *m, LX x, double bound) {
    x = lx_binary(m->b, LB_MAX, x, math_const(m, -bound, -bound));
    return lx_binary(m->b, LB_MIN, x, math_const(m, bound, bound));
}

/* Only what the share lacks of 1/2 absolutely counts here. So one polynomial does, where erf, which
 * is right relatively too, takes two and an exponential. */
static LX share_less_half(const Math *m, LX x) {
    LX near = lb_let(m->b, "near", within(m, x, EDGE));
    LX scale = math_const(m, 2 / (EDGE * EDGE), 0), one = math_const(m, -1, 0);
    LX t = lb_let(m->b, "t", lx_fma(m->b, lx_mul(m->b, near, near), scale, one));
    return within(m, lx_mul(m->b, near, math_poly(m, t, &share_poly)), 0.5);
}

static LX gelu_formula(const Math *m, LX x, LX y) {
    LBuilder *b = m->b;
    (void)y;
    LX half = lx_mul(b, x, math_const(m, 0.5, 0.5));
    if (!m->f64) return lx_fma(b, x, share_less_half(m, x), half);
    half = lb_let(b, "half", half);
    return lx_fma(b, half, lm_erf(b, lx_mul(b, x, math_const(m, 0, M_SQRT1_2))), half);
}

LX lm_gelu(LBuilder *b, LX x) {
    return math_by_type(b, x, 0, gelu_formula);
}
