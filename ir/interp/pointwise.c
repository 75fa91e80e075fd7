/* Pointwise operators: one row of scalar functions each, applied along broadcast operands.
 *
 * A row has a function on doubles, one on 64-bit integers, or both; which one is used depends on
 * the operands' type. The result is rounded (or wrapped) once to the type of the node's result. */
#include <math.h>
#include <string.h>

#include "ir/interp/eval.h"

typedef double FloatFunction(const double *x);
typedef int64_t IntFunction(const int64_t *x);

typedef struct PointwiseRow {
    FloatFunction *on_floats;
    IntFunction *on_ints;
} PointwiseRow;

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* x[0], x[1], x[2] are the operands' elements; after them come the operator's attributes, in the
 * table's order; a name counts 0 if it is "none" and 1 if it is another. */
#define FLOAT(name, expression)                                                                    \
    static double name##_float(const double *x) {                                                  \
        return (expression);                                                                       \
    }
#define INT(name, expression)                                                                      \
    static int64_t name##_int(const int64_t *x) {                                                  \
        return (expression);                                                                       \
    }

FLOAT(neg, -x[0])
INT(neg, wrap_sub(0, x[0]))
FLOAT(abs, fabs(x[0]))
INT(abs, x[0] < 0 ? wrap_sub(0, x[0]) : x[0])
FLOAT(relu, nan_max(x[0], 0))
INT(relu, x[0] > 0 ? x[0] : 0)
FLOAT(leaky_relu, x[0] < 0 ? x[1] * x[0] : x[0])
FLOAT(relu6, nan_min(nan_max(x[0], 0), 6))
FLOAT(clip, nan_min(nan_max(x[0], x[1]), x[2]))
INT(clip, smaller(larger(x[0], x[1]), x[2]))
FLOAT(hardsigmoid, nan_min(nan_max(x[0] / 6 + 0.5, 0), 1))
FLOAT(hardswish, x[0] * hardsigmoid_float(x))
FLOAT(silu, x[0] / (1 + exp(-x[0])))
FLOAT(gelu, x[1] == 0
                ? x[0] * erfc(-x[0] / sqrt(2)) / 2
                : x[0] * (1 + tanh(sqrt(M_2_PI) * (x[0] + 0.044715 * x[0] * x[0] * x[0]))) / 2)
FLOAT(sigmoid, 1 / (1 + exp(-x[0])))
FLOAT(tanh, tanh(x[0]))
FLOAT(exp, exp(x[0]))
FLOAT(log, log(x[0]))
FLOAT(sqrt, sqrt(x[0]))
FLOAT(rsqrt, 1 / sqrt(x[0]))
FLOAT(erf, erf(x[0]))
FLOAT(floor, floor(x[0]))
FLOAT(ceil, ceil(x[0]))
FLOAT(round, rint(x[0]))
INT(not, !x[0])

FLOAT(add, x[0] + x[1])
INT(add, wrap_add(x[0], x[1]))
FLOAT(sub, x[0] - x[1])
INT(sub, wrap_sub(x[0], x[1]))
FLOAT(mul, x[0] * x[1])
INT(mul, wrap_mul(x[0], x[1]))
FLOAT(div, x[0] / x[1])
INT(div, x[1] == 0 ? 0 : x[1] == -1 ? wrap_sub(0, x[0]) : x[0] / x[1])
FLOAT(pow, pow(x[0], x[1]))
FLOAT(minimum, nan_min(x[0], x[1]))
INT(minimum, smaller(x[0], x[1]))
FLOAT(maximum, nan_max(x[0], x[1]))
INT(maximum, larger(x[0], x[1]))
FLOAT(eq, x[0] == x[1])
INT(eq, x[0] == x[1])
FLOAT(ne, x[0] != x[1])
INT(ne, x[0] != x[1])
FLOAT(lt, x[0] < x[1])
INT(lt, x[0] < x[1])
FLOAT(le, x[0] <= x[1])
INT(le, x[0] <= x[1])
FLOAT(gt, x[0] > x[1])
INT(gt, x[0] > x[1])
FLOAT(ge, x[0] >= x[1])
INT(ge, x[0] >= x[1])
INT(and, x[0] && x[1])
INT(or, x[0] || x[1])
FLOAT(where, x[0] != 0 ? x[1] : x[2])
INT(where, x[0] != 0 ? x[1] : x[2])

#define ON_FLOATS(name) [OP_##name] = {name##_float, 0}
#define ON_INTS(name)   [OP_##name] = {0, name##_int}
#define ON_BOTH(name)   [OP_##name] = {name##_float, name##_int}

static const PointwiseRow rows[OP_COUNT] = {
    ON_BOTH(neg),         ON_BOTH(abs),     ON_BOTH(relu),    ON_FLOATS(leaky_relu),
    ON_FLOATS(sigmoid),   ON_FLOATS(relu6), ON_BOTH(clip),    ON_FLOATS(hardsigmoid),
    ON_FLOATS(hardswish), ON_FLOATS(silu),  ON_FLOATS(gelu),  ON_FLOATS(rsqrt),
    ON_FLOATS(tanh),      ON_FLOATS(exp),   ON_FLOATS(log),   ON_FLOATS(sqrt),
    ON_FLOATS(erf),       ON_FLOATS(floor), ON_FLOATS(ceil),  ON_FLOATS(round),
    ON_INTS(not),         ON_BOTH(add),     ON_BOTH(sub),     ON_BOTH(mul),
    ON_BOTH(div),         ON_FLOATS(pow),   ON_BOTH(minimum), ON_BOTH(maximum),
    ON_BOTH(eq),          ON_BOTH(ne),      ON_BOTH(lt),      ON_BOTH(le),
    ON_BOTH(gt),          ON_BOTH(ge),      ON_INTS(and),     ON_INTS(or),
    ON_BOTH(where),
};

bool pointwise_has(OpKind op) {
    return rows[op].on_floats || rows[op].on_ints;
}

/* ---- applying a row -------------------------------------------------------------------------- */

enum { BLOCK = 512, MAX_ARITY = 3 };

static double attr_number(const Attr *attr) {
    return attr->kind == ATTR_STRING ? strcmp(attr->s, "none") != 0 : attr->f;
}

/* The same for integers: whole, or infinite. */
static int64_t attr_integer(const Attr *attr) {
    double value = attr_number(attr);
    if (value >= 0x1p63) return INT64_MAX;
    return value <= -0x1p63 ? INT64_MIN : (int64_t)value;
}

static void run_floats(const Eval *e, FloatFunction *f, const Walk *w, int64_t begin, int64_t n,
                       int64_t to) {
    double in[MAX_ARITY][BLOCK], out[BLOCK], x[MAX_ARITY + MAX_ATTRS];
    int arity = e->node->noperands;
    for (int k = 0; k < e->node->nattrs; k++) x[arity + k] = attr_number(&e->node->attrs[k]);
    for (int k = 0; k < arity; k++)
        load_f64(&e->operands[k], w->at[k] + begin * w->step[k], w->step[k], n, in[k]);
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < arity; k++) x[k] = in[k][i];
        out[i] = f(x);
    }
    store_f64(&e->results[0], to, n, out);
}

static void run_ints(const Eval *e, IntFunction *f, const Walk *w, int64_t begin, int64_t n,
                     int64_t to) {
    int64_t in[MAX_ARITY][BLOCK], out[BLOCK], x[MAX_ARITY + MAX_ATTRS];
    int arity = e->node->noperands;
    for (int k = 0; k < e->node->nattrs; k++) x[arity + k] = attr_integer(&e->node->attrs[k]);
    for (int k = 0; k < arity; k++)
        load_i64(&e->operands[k], w->at[k] + begin * w->step[k], w->step[k], n, in[k]);
    for (int64_t i = 0; i < n; i++) {
        for (int k = 0; k < arity; k++) x[k] = in[k][i];
        out[i] = f(x);
    }
    store_i64(&e->results[0], to, n, out);
}

bool eval_pointwise(const Eval *e) {
    const PointwiseRow *row = &rows[e->node->op];
    const Tensor *result = &e->results[0];
    int arity = e->node->noperands;
    require(arity >= 1 && arity <= MAX_ARITY);
    /* The last operand decides: `where` has a condition before its values. */
    bool floats = computes_in_f64(&e->operands[arity - 1]);
    require(floats ? row->on_floats != 0 : row->on_ints != 0);
    int64_t strides[MAX_ARITY][MAX_RANK];
    for (int k = 0; k < arity; k++)
        broadcast_strides(&e->operands[k], result->rank, result->dims, strides[k]);
    Walk w = walk_begin(result->rank, result->dims, arity, strides, 0);
    for (int64_t to = 0; walk_next(&w); to += w.length) {
        for (int64_t i = 0; i < w.length; i += BLOCK) {
            int64_t n = w.length - i < BLOCK ? w.length - i : BLOCK;
            if (floats)
                run_floats(e, row->on_floats, &w, i, n, to + i);
            else
                run_ints(e, row->on_ints, &w, i, n, to + i);
        }
    }
    return true;
}

/* ---- conversions: the element types are part of the meaning ---------------------------------- */

/* Float to integer truncates, then saturates as stores do; NaN gives 0. Integer
 * to integer wraps. */
bool eval_cast(const Eval *e) {
    const Tensor *x = &e->operands[0];
    Tensor *y = &e->results[0];
    int64_t count = tensor_elements(y);
    bool from_float = computes_in_f64(x), truncates = from_float && dtype_is_int(y->dtype);
    for (int64_t i = 0; i < count; i += BLOCK) {
        int64_t n = count - i < BLOCK ? count - i : BLOCK;
        if (from_float) {
            double values[BLOCK];
            load_f64(x, i, 1, n, values);
            for (int64_t k = 0; truncates && k < n; k++) values[k] = trunc(values[k]);
            store_f64(y, i, n, values);
        } else {
            int64_t values[BLOCK];
            load_i64(x, i, 1, n, values);
            store_i64(y, i, n, values);
        }
    }
    return true;
}

/* Quantized networks agree bit for bit on every target, so both conversions are defined by the
 * arithmetic of the float type at hand (f64, else f32): the step is rounded to it, and so is the
 * quotient or product. */
bool eval_quantize(const Eval *e) {
    const Tensor *x = &e->operands[0];
    double delta = node_float(e->node, "delta");
    int64_t count = tensor_elements(x);
    for (int64_t i = 0; i < count; i++) {
        double value = tensor_get(x, i);
        double steps = x->dtype == DT_f64 ? value / delta : (double)((float)value / (float)delta);
        tensor_set(&e->results[0], i, steps);
    }
    return true;
}

bool eval_dequantize(const Eval *e) {
    const Tensor *x = &e->operands[0];
    Tensor *y = &e->results[0];
    double delta = node_float(e->node, "delta");
    int64_t count = tensor_elements(x);
    for (int64_t i = 0; i < count; i++) {
        double value = tensor_get(x, i);
        tensor_set(y, i,
                   y->dtype == DT_f64 ? value * delta : (double)((float)value * (float)delta));
    }
    return true;
}
