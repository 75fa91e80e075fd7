/* One kernel that applies many operators to all kinds of values, run by generated code and by the
 * evaluator. */
#ifndef NNC_TESTS_CPU_OPERATORS_H
#define NNC_TESTS_CPU_OPERATORS_H

#include "cpu_fixture.h"

#include <math.h>
#include <stdio.h>

enum { COUNT = 48, ROWS = 40, LEVEL_COUNT = 5 };

/* Levels of x86 that this test can compile for and run; null: this machine. */
static const char *const levels[LEVEL_COUNT] = {NULL, "x86-64", "x86-64-v2", "x86-64-v3",
                                                "x86-64-v4"};

static inline bool level_runs_here(const char *cpu) {
#if defined(__x86_64__)
    if (cpu && strcmp(cpu, "x86-64-v4") == 0)
        return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    if (cpu && strcmp(cpu, "x86-64-v3") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (cpu && strcmp(cpu, "x86-64-v2") == 0) return __builtin_cpu_supports("sse4.1");
    return true;
#else
    return !cpu;
#endif
}

typedef struct Operators {
    CpuFixture f;
    DType dtype;
    int lanes;
    LX x, y, z, index; /* values of the lanes and where they stand */
    LBuffer *out[DTYPE_COUNT];
    int rows[DTYPE_COUNT];
    const char *names[DTYPE_COUNT][ROWS];
    bool zero_signs[DTYPE_COUNT][ROWS]; /* the sign of a zero is free */
} Operators;

/* ---- values --------------------------------------------------------------------------------- */

static const double interesting[] = {0.0,       -0.0,
                                     1.0,       -1.0,
                                     0.5,       -0.5,
                                     1.5,       2.5,
                                     -2.5,      0x1p-24,
                                     0x1p-25,   0x3p-25,
                                     6.1e-5,    65504.0,
                                     65519.0,   65520.0,
                                     -65536.0,  127.5,
                                     128.49,    -128.5,
                                     255.5,     256.5,
                                     32767.5,   1e-40,
                                     -32769.0,  2.147e9,
                                     2.148e9,   -2.2e9,
                                     1e19,      -1e30,
                                     1e300,     1e-300,
                                     INFINITY,  -INFINITY,
                                     NAN,       8388607.5,
                                     4194303.5, 4503599627370495.5,
                                     -0.2,      0.3};

static inline uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 11;
}

static inline void fill_operand(Tensor *t, int which, bool finite_ints) {
    uint64_t state = (uint64_t)which * 77 + (uint64_t)t->dtype;
    for (int i = 0; i < COUNT; i++) {
        int k = which == 0 ? i : which == 1 ? (i * 7 + 3) % COUNT : (i * 11 + 5) % COUNT;
        double random = ((double)next_random(&state) * 0x1p-52 - 1) * 100;
        if (dtype_is_float(t->dtype)) {
            tensor_set(t, i, k < (int)COUNT_OF(interesting) ? interesting[k] : random);
            continue;
        }
        int64_t lo = dtype_min(t->dtype), hi = dtype_max(t->dtype);
        int64_t edges[] = {lo, hi, 0, 1, lo + 1, hi - 1, 2, 3};
        int64_t value = k < 8 ? edges[k] : (int64_t)(next_random(&state) << 11);
        if (k >= 8 && t->dtype != DT_i64)
            value = lo + (int64_t)((uint64_t)value % (uint64_t)(hi - lo + 1));
        tensor_set_int(t, i, finite_ints && value == 0 ? 1 : value);
    }
}

/* ---- building ------------------------------------------------------------------------------- */

static inline LX operand_index(Operators *o, LX i) {
    LBuilder *b = &o->f.b;
    LX base = lx_muli(b, i, o->lanes);
    return o->lanes == 1 ? base : lx_ramp(b, base, 1, o->lanes);
}

/* Stores value as the next row of the output of its type. */
static inline void result(Operators *o, const char *name, LX value) {
    LBuilder *b = &o->f.b;
    DType dtype = value->type.dtype;
    int row = o->rows[dtype]++;
    cr_assert(row < ROWS);
    o->names[dtype][row] = name;
    LX index[] = {lx_int(b, row), o->index};
    lb_store(b, o->out[dtype], index, value, NULL);
}

static inline Operators operators_start(DType dtype, int lanes, const char *cpu) {
    Operators o = {.f = cpu_start(), .dtype = dtype, .lanes = lanes};
    static const char *const dims[] = {"40", "48"};
    LBuffer *x = cpu_input1(&o.f, "x", dtype, "48"), *y = cpu_input1(&o.f, "y", dtype, "48");
    LBuffer *z = cpu_input1(&o.f, "z", dtype, "48");
    for (int t = 0; t < DTYPE_COUNT; t++) {
        o.out[t] = cpu_output(&o.f, dtype_name((DType)t), (DType)t, 2, dims);
    }
    o.f.options.cpu = cpu;
    LBuilder *b = &o.f.b;
    LStmt *loop = lb_for(b, LOOP_SERIAL, "i", lx_int(b, 0), lx_int(b, COUNT / lanes));
    o.index = operand_index(&o, lb_loop_var(b, loop));
    o.x = lx_load(b, x, &o.index);
    o.y = lx_load(b, y, &o.index);
    o.z = lx_load(b, z, &o.index);
    return o;
}

/* ---- running and comparing ------------------------------------------------------------------ */

static inline bool same_value(const Tensor *a, const Tensor *b, int64_t i, bool any_zero) {
    if (!dtype_is_float(a->dtype)) return tensor_int(a, i) == tensor_int(b, i);
    double x = tensor_get(a, i), y = tensor_get(b, i);
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
    return x == y && (any_zero || signbit(x) == signbit(y));
}

static inline void compare_rows(const Operators *o, DType dtype, const Tensor *got,
                                const Tensor *expected) {
    for (int row = 0; row < o->rows[dtype]; row++) {
        for (int i = 0; i < COUNT; i++) {
            int64_t at = row * COUNT + i;
            cr_expect(same_value(got, expected, at, o->zero_signs[dtype][row]),
                      "%s of %s, %d lanes, %s: element %d is %g, expected %g", o->names[dtype][row],
                      dtype_name(o->dtype), o->lanes,
                      o->f.options.cpu ? o->f.options.cpu : "native", i, tensor_get(got, at),
                      tensor_get(expected, at));
        }
    }
}

static inline void operators_check(Operators *o, LStmt *loop, bool finite_ints) {
    CpuFixture *f = &o->f;
    lb_end(&f->b, loop);
    cpu_call(f);
    cpu_load_network(f);
    Tensor in[3], got[DTYPE_COUNT], expected[DTYPE_COUNT];
    LMemory memory[3 + DTYPE_COUNT] = {0};
    const void *io[3 + DTYPE_COUNT];
    int64_t shape[] = {ROWS, COUNT};
    for (int i = 0; i < 3; i++) {
        in[i] = tensor_new(f->arena, o->dtype, 1, &shape[1]);
        fill_operand(&in[i], i, finite_ints && i == 1);
        memory[i] = (LMemory){.data = in[i].data, .elements = COUNT};
        io[i] = in[i].data;
    }
    for (int t = 0; t < DTYPE_COUNT; t++) {
        got[t] = tensor_new(f->arena, (DType)t, 2, shape);
        expected[t] = tensor_new(f->arena, (DType)t, 2, shape);
        memory[3 + t] = (LMemory){.data = expected[t].data, .elements = ROWS * COUNT};
        io[3 + t] = got[t].data;
    }
    LEvalOptions options = {0};
    cr_assert(lkernel_eval(f->program->kernels.data[0], f->dims, memory, &options, f->diag) ==
              LFAULT_NONE);
    nn_context *context = cpu_context(f, NULL);
    nn_status status = f->loaded.network->run(context, io);
    cr_assert(status == NN_OK, "%s", f->loaded.network->message(context));
    for (int t = 0; t < DTYPE_COUNT; t++) compare_rows(o, (DType)t, &got[t], &expected[t]);
    f->loaded.network->destroy(context);
    free(context);
    cpu_end(f);
}

#endif
