/* Transcendentals against the C library in higher precision, with their bounds in units of the last
 * place. */
#include "loop_fixture.h"

#include <math.h>

enum { CHUNK = 4096 };

typedef LX Function(LBuilder *b, LX x);

typedef struct Case {
    Function *function;
    double (*reference)(double);
    long double (*precise)(long double);
    double bound32, bound64;
} Case;

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static long double sigmoidl(long double x) {
    return 1 / (1 + expl(-x));
}

static const Case exp_case = {lm_exp, exp, expl, 1.1, 1};
static const Case log_case = {lm_log, log, logl, 1, 1};
static const Case tanh_case = {lm_tanh, tanh, tanhl, 1.5, 1.5};
static const Case sigmoid_case = {lm_sigmoid, sigmoid, sigmoidl, 2.5, 2.5};
static const Case erf_case = {lm_erf, erf, erfl, 1.5, 1.5};

/* A kernel y = f(x) on CHUNK elements in vectors of 64. */
static LKernel *kernel_of(Fixture *f, DType dtype, Function *function) {
    *f = start();
    LBuffer *x = param1(f, "x", dtype, ACCESS_READ, CHUNK),
            *y = param1(f, "y", dtype, ACCESS_WRITE, CHUNK);
    LStmt *s = loop(f, LOOP_VECTOR, "i", CHUNK);
    s->width = 64;
    LX i = lb_loop_var(&f->b, s);
    put1(f, y, i, function(&f->b, at1(f, x, i)));
    lb_end(&f->b, s);
    LExpandOptions options = {true, true, true};
    return lkernel_expand(f->program, f->kernel, &options);
}

static void apply(Fixture *f, const LKernel *k, void *x, void *y) {
    LMemory params[2] = {memory(x, CHUNK), memory(y, CHUNK)};
    cr_assert_eq(run(f, k, params), LFAULT_NONE, "%s", diag_text(f->diag));
}

/* Distance in units of the last place of a float of `digits` bits with least exponent `least`. */
static double ulps(long double result, long double wanted, int digits, int least) {
    if (isnan(wanted) || isnan(result)) return isnan(wanted) && isnan(result) ? 0 : INFINITY;
    if (isinf(wanted) || isinf(result)) return result == wanted ? 0 : INFINITY;
    int exponent;
    frexpl(wanted, &exponent);
    if (exponent < least || wanted == 0) exponent = least;
    return (double)(fabsl(result - wanted) / ldexpl(1, exponent - digits));
}

static double error32(float result, double wanted) {
    /* What rounds to infinity must be infinity. */
    if (isinf((float)wanted)) return result == (float)wanted ? 0 : INFINITY;
    if (isinf(result)) return fabs(wanted) > 3.4e38 ? 0 : INFINITY;
    return ulps((long double)result, (long double)wanted, 24, -125);
}

static double error64(double result, long double wanted) {
    if (isinf((double)wanted)) return result == (double)wanted ? 0 : INFINITY;
    return ulps((long double)result, wanted, 53, -1021);
}

static void check_f32(const Case *c) {
    Fixture f;
    const LKernel *k = kernel_of(&f, DT_f32, c->function);
    static float x[CHUNK], y[CHUNK];
    double worst = 0;
    float where = 0;
    for (uint64_t bits = 0; bits < (UINT64_C(1) << 32);) {
        for (int i = 0; i < CHUNK; i++, bits += 2003) {
            uint32_t b = (uint32_t)bits;
            memcpy(&x[i], &b, sizeof b);
        }
        apply(&f, k, x, y);
        for (int i = 0; i < CHUNK; i++) {
            double e = error32(y[i], c->reference((double)x[i]));
            if (e > worst) where = x[i], worst = e;
        }
    }
    cr_log_info("f32: %.3f ulp at %a", worst, (double)where);
    cr_assert_leq(worst, c->bound32, "%g ulp at %a", worst, (double)where);
    finish(&f);
}

static uint64_t next_random(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = (*state ^ (*state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Every other sample is of moderate size, the rest any bit pattern. */
static double any_f64(uint64_t *state, int i) {
    uint64_t bits = next_random(state);
    double x;
    if (i % 2)
        return ((double)(bits >> 11) * 0x1p-53 - 0.5) * ((bits & 1) ? 4 : (bits & 2) ? 40 : 1500);
    memcpy(&x, &bits, sizeof x);
    return x;
}

static void check_f64(const Case *c) {
    Fixture f;
    const LKernel *k = kernel_of(&f, DT_f64, c->function);
    static double x[CHUNK], y[CHUNK];
    static const double special[] = {0.0,
                                     -0.0,
                                     INFINITY,
                                     -INFINITY,
                                     NAN,
                                     1,
                                     -1,
                                     5e-324,
                                     -5e-324,
                                     2.2250738585072014e-308,
                                     1.7976931348623157e308,
                                     709.78,
                                     709.79,
                                     -745.1,
                                     -745.2,
                                     -708.5,
                                     0.625,
                                     1e-10,
                                     6,
                                     7};
    uint64_t state = 1;
    double worst = 0, where = 0;
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < CHUNK; i++)
            x[i] = round == 0 && i < (int)COUNT_OF(special) ? special[i] : any_f64(&state, i);
        apply(&f, k, x, y);
        for (int i = 0; i < CHUNK; i++) {
            double e = error64(y[i], c->precise((long double)x[i]));
            if (e > worst) where = x[i], worst = e;
        }
    }
    cr_log_info("f64: %.3f ulp at %a", worst, where);
    cr_assert_leq(worst, c->bound64, "%g ulp at %a", worst, where);
    finish(&f);
}

Test(loop_math, exp_f32) {
    check_f32(&exp_case);
}
Test(loop_math, exp_f64) {
    check_f64(&exp_case);
}
Test(loop_math, log_f32) {
    check_f32(&log_case);
}
Test(loop_math, log_f64) {
    check_f64(&log_case);
}
Test(loop_math, tanh_f32) {
    check_f32(&tanh_case);
}
Test(loop_math, tanh_f64) {
    check_f64(&tanh_case);
}
Test(loop_math, sigmoid_f32) {
    check_f32(&sigmoid_case);
}
Test(loop_math, sigmoid_f64) {
    check_f64(&sigmoid_case);
}
Test(loop_math, erf_f32) {
    check_f32(&erf_case);
}
Test(loop_math, erf_f64) {
    check_f64(&erf_case);
}

/* Zeros keep their sign where the function is odd; compared as bits because == does not see it. */
static void check_odd(Function *function) {
    Fixture f;
    const LKernel *k = kernel_of(&f, DT_f32, function);
    static float x[CHUNK], y[CHUNK];
    x[0] = -0.0f;
    apply(&f, k, x, y);
    cr_assert(y[0] == 0 && signbit(y[0]) && y[1] == 0 && !signbit(y[1]));
    finish(&f);
}

Test(loop_math, odd_functions_keep_the_sign_of_zero) {
    check_odd(lm_tanh);
    check_odd(lm_erf);
}

Test(loop_math, half_is_computed_in_f32_and_rounded) {
    Fixture f;
    const LKernel *k = kernel_of(&f, DT_f16, lm_exp);
    static uint16_t x[CHUNK], y[CHUNK];
    for (int start_bits = 0; start_bits < 65536; start_bits += CHUNK) {
        for (int i = 0; i < CHUNK; i++) x[i] = (uint16_t)(start_bits + i);
        apply(&f, k, x, y);
        for (int i = 0; i < CHUNK; i++) {
            float wanted = f16_to_f32(f64_to_f16(exp((double)f16_to_f32(x[i]))));
            float got = f16_to_f32(y[i]);
            /* One f16 step of slack for what lies next to the middle of two. */
            double step = fmax(fabs((double)wanted) * 0x1p-10, 0x1p-24);
            cr_assert((isnan(wanted) && isnan(got)) || got == wanted ||
                      fabs((double)got - (double)wanted) <= step);
        }
    }
    finish(&f);
}

/* ---- pow ------------------------------------------------------------------------------------- */

static LKernel *pow_kernel(Fixture *f, DType dtype) {
    *f = start();
    LBuffer *x = param1(f, "x", dtype, ACCESS_READ, CHUNK),
            *y = param1(f, "y", dtype, ACCESS_READ, CHUNK);
    LBuffer *z = param1(f, "z", dtype, ACCESS_WRITE, CHUNK);
    LStmt *s = loop(f, LOOP_SERIAL, "i", CHUNK);
    LX i = lb_loop_var(&f->b, s);
    put1(f, z, i, lm_pow(&f->b, at1(f, x, i), at1(f, y, i)));
    lb_end(&f->b, s);
    return f->kernel;
}

static const double pow_special[] = {0.0,  -0.0,   1,        -1,    2,        -2,
                                     3,    -3,     0.5,      -0.5,  INFINITY, -INFINITY,
                                     NAN,  1e-310, -1e-310,  1e-45, 16777217, 4503599627370497.0,
                                     1e30, -1e30,  1.0000001};

static double worst_pow(DType dtype, const double *x, const double *y, const double *z) {
    double worst = 0;
    for (int i = 0; i < CHUNK; i++) {
        long double wanted = powl((long double)x[i], (long double)y[i]);
        double e = dtype == DT_f64 ? error64(z[i], wanted) : error32((float)z[i], (double)wanted);
        if (wanted == 0 && !signbit(wanted) != !signbit(z[i])) e = INFINITY;
        if (e > 5) cr_log_error("pow(%a, %a) = %a", x[i], y[i], z[i]);
        worst = e > worst ? e : worst;
    }
    return worst;
}

static double pow_round(Fixture *f, const LKernel *k, DType dtype, double *x, double *y) {
    static double z[CHUNK];
    static float xs[CHUNK], ys[CHUNK], zs[CHUNK];
    for (int i = 0; i < CHUNK; i++) {
        xs[i] = (float)x[i];
        ys[i] = (float)y[i];
        if (dtype == DT_f32) x[i] = (double)xs[i], y[i] = (double)ys[i];
    }
    LMemory params32[3] = {memory(xs, CHUNK), memory(ys, CHUNK), memory(zs, CHUNK)};
    LMemory params64[3] = {memory(x, CHUNK), memory(y, CHUNK), memory(z, CHUNK)};
    cr_assert_eq(run(f, k, dtype == DT_f64 ? params64 : params32), LFAULT_NONE);
    for (int i = 0; i < CHUNK && dtype == DT_f32; i++) z[i] = (double)zs[i];
    return worst_pow(dtype, x, y, z);
}

static void check_pow(DType dtype, double bound) {
    Fixture f;
    const LKernel *k = pow_kernel(&f, dtype);
    static double x[CHUNK], y[CHUNK];
    uint64_t state = 7;
    int n = (int)COUNT_OF(pow_special);
    double worst = 0;
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < CHUNK; i++) {
            x[i] = exp((double)(next_random(&state) >> 11) * 0x1p-53 * (round % 3 ? 8 : 160) -
                       (round % 3 ? 4 : 80));
            y[i] = ((double)(next_random(&state) >> 11) * 0x1p-53 - 0.5) * (round % 2 ? 6 : 80);
            if (round == 0) x[i] = pow_special[i % n], y[i] = pow_special[i / n % n];
        }
        double e = pow_round(&f, k, dtype, x, y);
        worst = e > worst ? e : worst;
    }
    cr_log_info("pow: %.3f ulp", worst);
    cr_assert_leq(worst, bound, "%g ulp", worst);
    finish(&f);
}

Test(loop_math, pow_f32) {
    check_pow(DT_f32, 1.25);
}
Test(loop_math, pow_f64) {
    check_pow(DT_f64, 1.25);
}
