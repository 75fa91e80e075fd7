/* Transcendentals as compiled, at every x86 level that runs here, against the C library in f64: the worst error, in units of the
 * last place of an f32, is within the stated bound (docs/ir.md).
 *
 *   transcendentals              a sample: every sign and exponent with its first and last mantissas and random ones, and the
 *                                neighbours of every place where a formula changes
 *   transcendentals -all [NAME]  all 2**32 bit patterns; of the pairs of pow 2**28
 *
 * Prints the worst error of each function at each level. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"
#include "tests/differential/harness.h"

enum { CHUNK = 1 << 18, RANDOM_MANTISSAS = 1000, EDGE_MANTISSAS = 12, NEIGHBOURS = 100 };

/* What an error is measured in. */
typedef enum Unit {
    UNIT_RESULT,   /* the last place of the result */
    UNIT_SHARE,    /* the same; but the result is x times a share of 0 to 1 that may be denormal */
    UNIT_ARGUMENT, /* the last place of x: near the function's zero the result has few digits */
} Unit;

typedef struct FunctionCase {
    const char *name, *expression;
    double (*reference)(double x, double y);
    double bound;
    Unit unit;
    double without_fma; /* the bound where there is no such instruction; 0: the same */
    bool two;           /* operands */
} FunctionCase;

static double ref_exp(double x, double y) {
    (void)y;
    return exp(x);
}
static double ref_log(double x, double y) {
    (void)y;
    return log(x);
}
static double ref_tanh(double x, double y) {
    (void)y;
    return tanh(x);
}
static double ref_sigmoid(double x, double y) {
    (void)y;
    return 1 / (1 + exp(-x));
}
static double ref_erf(double x, double y) {
    (void)y;
    return erf(x);
}
static double ref_silu(double x, double y) {
    (void)y;
    return x / (1 + exp(-x));
}
static double ref_gelu(double x, double y) {
    (void)y;
    return x * 0.5 * erfc(-x * sqrt(0.5));
}
static double ref_gelu_tanh(double x, double y) {
    (void)y;
    return x / (1 + exp(-2 * sqrt(M_2_PI) * (x + 0.044715 * x * x * x)));
}
static double ref_sqrt(double x, double y) {
    (void)y;
    return sqrt(x);
}
static double ref_rsqrt(double x, double y) {
    (void)y;
    return 1 / sqrt(x);
}

static const FunctionCase functions[] = {
    {"exp", "exp(x)", ref_exp, 1.1, UNIT_RESULT, 0, false},
    {"log", "log(x)", ref_log, 1.0, UNIT_RESULT, 0, false},
    {"tanh", "tanh(x)", ref_tanh, 1.5, UNIT_RESULT, 0, false},
    {"sigmoid", "sigmoid(x)", ref_sigmoid, 2.5, UNIT_RESULT, 0, false},
    {"erf", "erf(x)", ref_erf, 1.5, UNIT_RESULT, 0, false},
    {"silu", "silu(x)", ref_silu, 3.5, UNIT_SHARE, 0, false},
    {"gelu", "gelu(x)", ref_gelu, 2.5, UNIT_ARGUMENT, 0, false},
    {"gelu_tanh", "gelu(x, approximate=\"tanh\")", ref_gelu_tanh, 3.0, UNIT_ARGUMENT, 0, false},
    {"sqrt", "sqrt(x)", ref_sqrt, 0.5001, UNIT_RESULT, 0, false},
    {"rsqrt", "rsqrt(x)", ref_rsqrt, 1.5, UNIT_RESULT, 0, false},
    {"pow", "pow(x, y)", pow, 1.25, UNIT_RESULT, 1.75, true},
};

/* Where formulas change, results leave the range, or a function has its zero. */
static const float places[] = {
    0,         1,         0.625f,    0.70710678f, 1.41421356f, 2,       3,         4,
    5.5f,      0.84375f,  1.25f,     3.9f,        6,           8.3178f, 9.01f,     10.06f,
    12.9f,     16.63553f, 17.33f,    22,          44,          64,      87.33654f, 88.3762f,
    88.72284f, 89,        103.2789f, 103.9721f,   104,         126,     127,       149,
    0.5f,      0.25f,     0x1p-12f,  0x1p-24f,    0x1p-126f,   0x1p23f, 0x1p24f,   3.4e38f,
};

/* ---- samples ------------------------------------------------------------------------------------ */

static uint64_t next_word(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = (*state ^ (*state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t to_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

typedef struct Source {
    const FunctionCase *f;
    bool all;
    uint64_t at, end, state; /* number of the next value */
} Source;

enum { PER_EXPONENT = RANDOM_MANTISSAS + EDGE_MANTISSAS, OF_EXPONENTS = 512 * PER_EXPONENT };
enum { OF_PLACES = (int)COUNT_OF(places) * 2 * (2 * NEIGHBOURS + 1) };

static uint32_t sample_bits(Source *s, uint64_t number) {
    if (number < OF_EXPONENTS) {
        uint32_t high = (uint32_t)(number / PER_EXPONENT) << 23;
        uint32_t within = (uint32_t)(number % PER_EXPONENT);
        if (within < EDGE_MANTISSAS / 2) return high | within;
        if (within < EDGE_MANTISSAS) return high | (0x7fffff - (within - EDGE_MANTISSAS / 2));
        return high | (uint32_t)(next_word(&s->state) >> 41);
    }
    number -= OF_EXPONENTS;
    uint32_t place = (uint32_t)(number / (2 * NEIGHBOURS + 1));
    uint32_t offset = (uint32_t)(number % (2 * NEIGHBOURS + 1)) - NEIGHBOURS;
    return (to_bits(places[place / 2]) + offset) ^ (place % 2 ? UINT32_C(1) << 31 : 0);
}

/* The base has any bits, or lies near 1; the result is within, or a little beyond, the range. */
static void sample_pair(Source *s, float *x, float *y) {
    uint64_t word = next_word(&s->state), kind = word & 7;
    double unit = (double)(next_word(&s->state) >> 11) * 0x1p-53;
    *x = from_bits((uint32_t)(word >> 32) & (kind < 6 ? 0x7fffffff : 0xffffffff));
    if (kind == 0) *x = (float)exp((unit - 0.5) * 1e-3);
    if (kind == 1) *x = places[(word >> 8) % COUNT_OF(places)];
    double reach = 110 / fabs(log(fabs((double)*x)));
    *y = (float)((2 * (double)(next_word(&s->state) >> 11) * 0x1p-53 - 1) *
                 (isfinite(reach) ? reach : 10));
    if (kind == 2) *y = (float)((int)(word >> 8 & 31) - 16);
    if (kind == 3) *y = from_bits((uint32_t)next_word(&s->state));
    if (kind == 7) *y = (float)(int)*y;
}

static Source source_of(const FunctionCase *f, bool all) {
    Source s = {.f = f, .all = all, .end = all ? UINT64_C(1) << 32 : OF_EXPONENTS + OF_PLACES};
    if (f->two) s.end = UINT64_C(1) << (all ? 28 : 19);
    return s;
}

/* Fills both operands with the next values; behind the last one follow zeros. */
static void source_fill(Source *s, float *x, float *y) {
    for (int i = 0; i < CHUNK; i++) {
        x[i] = y[i] = 0;
        if (s->at + (uint64_t)i >= s->end) continue;
        uint64_t number = s->at + (uint64_t)i;
        if (s->f->two)
            sample_pair(s, &x[i], &y[i]);
        else
            x[i] = from_bits(s->all ? (uint32_t)number : sample_bits(s, number));
    }
    s->at += CHUNK;
}

/* ---- errors ------------------------------------------------------------------------------------- */

/* Distance of an f32 of that size from the next. */
static double last_place(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff) - 1022;
    exponent = exponent < -125 ? -125 : exponent > 128 ? 128 : exponent;
    bits = (uint64_t)(exponent - 24 + 1023) << 52;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double error_of(const FunctionCase *f, double x, double wanted, double result) {
    if (isnan(wanted) || isnan(result)) return isnan(wanted) && isnan(result) ? 0 : HUGE_VAL;
    if (isinf(x) && isinf(wanted)) return result == wanted ? 0 : HUGE_VAL;
    /* What is too large for an f32 counts as the first number that is. */
    double unit = last_place(wanted);
    if (f->unit == UNIT_SHARE && fabs(x) * 0x1p-149 > unit) unit = fabs(x) * 0x1p-149;
    if (f->unit == UNIT_ARGUMENT && last_place(x) > unit) unit = last_place(x);
    wanted = fmin(fmax(wanted, -0x1p128), 0x1p128);
    result = fmin(fmax(result, -0x1p128), 0x1p128);
    return fabs(result - wanted) / unit;
}

typedef struct Worst {
    double error;
    float x, y, result;
} Worst;

static void find_worst(const FunctionCase *f, const float *x, const float *y, const double *wanted,
                       const float *result, Worst *worst) {
    for (int i = 0; i < CHUNK; i++) {
        double error = error_of(f, (double)x[i], wanted[i], (double)result[i]);
        if (error > worst->error) *worst = (Worst){error, x[i], y[i], result[i]};
    }
}

/* ---- running ------------------------------------------------------------------------------------ */

static const char *network_text(const FunctionCase *f, Arena *arena) {
    return arena_printf(arena, "network net(x: f32[%d]%s) -> (y%s: f32[%d]) {\n  y%s = %s\n}\n",
                        CHUNK, f->two ? arena_printf(arena, ", y: f32[%d]", CHUNK) : "",
                        f->two ? "2" : "", CHUNK, f->two ? "2" : "", f->expression);
}

typedef struct Level {
    const Way *way;
    Compiled compiled;
    Worst worst;
} Level;

typedef struct Levels {
    Level list[WAY_COUNT];
    size_t count;
} Levels;

static bool run_level(const FunctionCase *f, Level *level, const Tensor *in, const double *wanted,
                      Arena *arena) {
    int64_t count = CHUNK;
    Tensor out = tensor_new(arena, DT_f32, 1, &count);
    RunOptions options = {.symbols = &count, .threads = 1, .placement = AT_END};
    const char *fault = compiled_run(&level->compiled, in, &out, arena, &options);
    if (fault) printf("%s, %s: %s\n", f->name, level->way->name, fault);
    if (!fault) find_worst(f, in[0].data, in[1].data, wanted, out.data, &level->worst);
    return !fault;
}

static bool run_all(const FunctionCase *f, Levels *levels, bool all) {
    Source source = source_of(f, all);
    bool ok = true;
    while (source.at < source.end && ok) {
        Arena *arena = arena_create();
        int64_t count = CHUNK;
        Tensor in[2] = {tensor_new(arena, DT_f32, 1, &count), tensor_new(arena, DT_f32, 1, &count)};
        float *x = in[0].data, *y = in[1].data;
        double *wanted = arena_array(arena, double, CHUNK);
        source_fill(&source, x, y);
        for (int i = 0; i < CHUNK; i++) wanted[i] = f->reference((double)x[i], (double)y[i]);
        for (size_t l = 0; l < levels->count && ok; l++)
            ok = run_level(f, &levels->list[l], in, wanted, arena);
        arena_destroy(arena);
    }
    return ok;
}

static bool report(const FunctionCase *f, const Level *level) {
    const Worst *worst = &level->worst;
    double bound = f->without_fma > 0 && !level->compiled.desc.fma ? f->without_fma : f->bound;
    bool ok = worst->error <= bound;
    printf("%-10s %-16s %7.3f of %5.2f at %a", f->name, level->way->name, worst->error, bound,
           (double)worst->x);
    if (f->two) printf(", %a", (double)worst->y);
    printf("%s\n", ok ? "" : "  FAILED");
    if (!ok) printf("  is %a\n", (double)worst->result);
    return ok;
}

static bool check(const FunctionCase *f, bool all) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    const char *text = network_text(f, arena);
    FrontendOptions options = {0};
    Module *module = frontend_load_text("net.nn", text, strlen(text), &options, arena, diag);
    Levels levels = {0};
    bool ok = module;
    for (size_t w = WAY_NATIVE; w < WAY_COUNT && ok; w++) {
        if (!way_runs_here(&ways[w])) continue;
        Level *level = &levels.list[levels.count++];
        level->way = &ways[w];
        ok = compiled_make(&level->compiled, module->graph, level->way, arena, diag);
    }
    if (!ok) printf("%s does not compile:\n%s\n", f->name, diag_text(diag));
    ok = ok && run_all(f, &levels, all);
    for (size_t l = 0; l < levels.count; l++) {
        ok = ok && report(f, &levels.list[l]);
        compiled_free(&levels.list[l].compiled);
    }
    arena_destroy(arena);
    return ok;
}

int main(int argc, char **argv) {
    bool all = argc > 1 && strcmp(argv[1], "-all") == 0;
    const char *only = argc > 1 + all ? argv[1 + all] : NULL;
    int failures = 0;
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        if (only && strcmp(only, functions[i].name) != 0) continue;
        failures += !check(&functions[i], all);
    }
    printf("%d failures\n", failures);
    return failures != 0;
}
