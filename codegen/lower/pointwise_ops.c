/* Pointwise operators on loop IR expressions: one row each. */
#include <math.h>
#include <string.h>

#include "codegen/lower/kernel.h"

typedef LX PointwiseFunction(Kernel *k, const Node *node, LX const *x);

typedef struct PointwiseRow {
    PointwiseFunction *emit;
    bool costly; /* more than a few instructions: worth computing once */
} PointwiseRow;

#define UNARY(name, op)                                                                            \
    static LX emit_##name(Kernel *k, const Node *node, LX const *x) {                              \
        (void)node;                                                                                \
        return lx_unary(k->b, op, x[0]);                                                           \
    }
#define BINARY(name, op)                                                                           \
    static LX emit_##name(Kernel *k, const Node *node, LX const *x) {                              \
        (void)node;                                                                                \
        return lx_binary(k->b, op, x[0], x[1]);                                                    \
    }
#define FUNCTION(name, function)                                                                   \
    static LX emit_##name(Kernel *k, const Node *node, LX const *x) {                              \
        (void)node;                                                                                \
        return function(k->b, x[0]);                                                               \
    }

UNARY(neg, LU_NEG)
UNARY(abs, LU_ABS)
UNARY(sqrt, LU_SQRT)
UNARY(floor, LU_FLOOR)
UNARY(ceil, LU_CEIL)
UNARY(round, LU_ROUND_EVEN)
UNARY(not, LU_NOT)
FUNCTION(sigmoid, lm_sigmoid)
FUNCTION(tanh, lm_tanh)
FUNCTION(exp, lm_exp)
FUNCTION(log, lm_log)
FUNCTION(erf, lm_erf)
BINARY(add, LB_ADD)
BINARY(sub, LB_SUB)
BINARY(mul, LB_MUL)
BINARY(minimum, LB_MIN)
BINARY(maximum, LB_MAX)
BINARY(eq, LB_EQ)
BINARY(ne, LB_NE)
BINARY(and, LB_AND)
BINARY(or, LB_OR)

/* Loop IR does not order bools: false < true is said by logic. */
static LX ordered(Kernel *k, LBinary op, LX x, LX y) {
    if (x->type.dtype != DT_bool) return lx_binary(k->b, op, x, y);
    bool less = op == LB_LT || op == LB_LE, strict = op == LB_LT || op == LB_GT;
    LX low = lx_unary(k->b, LU_NOT, less ? x : y), high = less ? y : x;
    return lx_binary(k->b, strict ? LB_AND : LB_OR, low, high);
}

#define ORDER(name, op)                                                                            \
    static LX emit_##name(Kernel *k, const Node *node, LX const *x) {                              \
        (void)node;                                                                                \
        return ordered(k, op, x[0], x[1]);                                                         \
    }
ORDER(lt, LB_LT)
ORDER(le, LB_LE)
ORDER(gt, LB_GT)
ORDER(ge, LB_GE)

static LX emit_relu(Kernel *k, const Node *node, LX const *x) {
    (void)node;
    return lx_binary(k->b, LB_MAX, x[0], zero_of(k, x[0]->type));
}

static LX emit_leaky_relu(Kernel *k, const Node *node, LX const *x) {
    LX alpha = lx_const(k->b, ltype(x[0]->type.dtype, 1), node_float(node, "alpha"));
    LX below = lx_binary(k->b, LB_LT, x[0], zero_of(k, x[0]->type));
    return lx_select(k->b, below, lx_binary(k->b, LB_MUL, x[0], alpha), x[0]);
}

static LX number(Kernel *k, LX like, double value) {
    return lx_const(k->b, ltype(like->type.dtype, 1), value);
}

/* x * scale + shift, held between 0 and most. */
static LX ramp(Kernel *k, LX x, double scale, double shift, double most) {
    if (scale != 1) x = lx_binary(k->b, LB_MUL, x, number(k, x, scale));
    if (shift != 0) x = lx_binary(k->b, LB_ADD, x, number(k, x, shift));
    x = lx_binary(k->b, LB_MAX, x, number(k, x, 0));
    return lx_binary(k->b, LB_MIN, x, number(k, x, most));
}

static LX emit_relu6(Kernel *k, const Node *node, LX const *x) {
    (void)node;
    return ramp(k, x[0], 1, 0, 6);
}

static LX emit_clip(Kernel *k, const Node *node, LX const *x) {
    double low = node_float(node, "low"), high = node_float(node, "high");
    LX y = low == -INFINITY ? x[0] : lx_binary(k->b, LB_MAX, x[0], number(k, x[0], low));
    return high == INFINITY ? y : lx_binary(k->b, LB_MIN, y, number(k, x[0], high));
}

static LX emit_hardsigmoid(Kernel *k, const Node *node, LX const *x) {
    (void)node;
    return ramp(k, x[0], 1.0 / 6, 0.5, 1);
}

static LX emit_hardswish(Kernel *k, const Node *node, LX const *x) {
    LX value = lb_let(k->b, "v", x[0]);
    return lx_binary(k->b, LB_MUL, value, emit_hardsigmoid(k, node, &value));
}

static LX emit_silu(Kernel *k, const Node *node, LX const *x) {
    (void)node;
    LX value = lb_let(k->b, "v", x[0]);
    return lx_binary(k->b, LB_MUL, value, lm_sigmoid(k->b, value));
}

/* The tanh form after 1 + tanh(z) = 2 sigmoid(2 z), which loses nothing where tanh is near -1. */
static LX gelu_tanh(Kernel *k, LX x) {
    double slope = 2 * sqrt(M_2_PI);
    LX square = lx_binary(k->b, LB_MUL, x, x);
    LX z = lx_binary(k->b, LB_MUL, square, number(k, x, slope * 0.044715));
    z = lx_binary(k->b, LB_MUL, lx_binary(k->b, LB_ADD, z, number(k, x, slope)), x);
    return lx_binary(k->b, LB_MUL, x, lm_sigmoid(k->b, z));
}

static LX emit_gelu(Kernel *k, const Node *node, LX const *x) {
    LX value = lb_let(k->b, "v", x[0]);
    if (strcmp(node_attr(node, "approximate")->s, "tanh") == 0) return gelu_tanh(k, value);
    return lm_gelu(k->b, value);
}

static LX emit_rsqrt(Kernel *k, const Node *node, LX const *x) {
    (void)node;
    return lx_binary(k->b, LB_DIV, number(k, x[0], 1), lx_unary(k->b, LU_SQRT, x[0]));
}

/* Division by 0 gives 0, and by -1 it is a negation, which wraps; the machine's division sees
 * neither. */
static LX divide_integers(Kernel *k, LX x, LX y) {
    LX zero = lx_const_int(k->b, ltype(y->type.dtype, 1), 0);
    LX one = lx_const_int(k->b, ltype(y->type.dtype, 1), 1);
    LX by_zero = lx_binary(k->b, LB_EQ, y, zero);
    if (dtype_class(y->type.dtype) != DCLASS_SIGNED) {
        LX quotient = lx_binary(k->b, LB_DIV, x, lx_select(k->b, by_zero, one, y));
        return lx_select(k->b, by_zero, zero, quotient);
    }
    LX minus_one = lx_const_int(k->b, ltype(y->type.dtype, 1), -1);
    LX by_minus_one = lx_binary(k->b, LB_EQ, y, minus_one);
    LX special = lx_binary(k->b, LB_OR, by_zero, by_minus_one);
    LX quotient = lx_binary(k->b, LB_DIV, x, lx_select(k->b, special, one, y));
    LX negated = lx_unary(k->b, LU_NEG, x);
    return lx_select(k->b, by_zero, zero, lx_select(k->b, by_minus_one, negated, quotient));
}

static LX emit_div(Kernel *k, const Node *node, LX const *x) {
    (void)node;
    if (dtype_is_float(x[0]->type.dtype)) return lx_binary(k->b, LB_DIV, x[0], x[1]);
    return divide_integers(k, x[0], x[1]);
}

static LX emit_pow(Kernel *k, const Node *node, LX const *x) {
    (void)node;
    int lanes = x[0]->type.lanes > 1 ? x[0]->type.lanes : x[1]->type.lanes;
    return lm_pow(k->b, lx_broadcast(k->b, x[0], lanes), lx_broadcast(k->b, x[1], lanes));
}

static LX emit_where(Kernel *k, const Node *node, LX const *x) {
    (void)node;
    return lx_select(k->b, x[0], x[1], x[2]);
}

static LX emit_cast(Kernel *k, const Node *node, LX const *x) {
    DType to = node_attr(node, "to")->dtype;
    bool truncates = dtype_is_float(x[0]->type.dtype) && dtype_is_int(to);
    return lx_cast(k->b, truncates ? CAST_SATURATE : CAST_VALUE, to, x[0]);
}

/* Both conversions are arithmetic of the float type at hand: f64, else f32. */
static LX emit_quantize(Kernel *k, const Node *node, LX const *x) {
    LX delta = lx_const(k->b, ltype(x[0]->type.dtype, 1), node_float(node, "delta"));
    LX steps = lx_binary(k->b, LB_DIV, x[0], delta);
    return lx_cast(k->b, CAST_SATURATE_ROUND, node_attr(node, "to")->dtype, steps);
}

static LX emit_dequantize(Kernel *k, const Node *node, LX const *x) {
    DType type = compute_dtype(node_attr(node, "to")->dtype);
    LX delta = lx_const(k->b, ltype(type, 1), node_float(node, "delta"));
    return lx_binary(k->b, LB_MUL, lx_cast(k->b, CAST_VALUE, type, x[0]), delta);
}

#define CHEAP(name)  [OP_##name] = {emit_##name, false}
#define COSTLY(name) [OP_##name] = {emit_##name, true}

static const PointwiseRow rows[OP_COUNT] = {
    CHEAP(neg),         CHEAP(abs),       CHEAP(relu),       CHEAP(leaky_relu), COSTLY(sigmoid),
    COSTLY(tanh),       COSTLY(exp),      COSTLY(log),       COSTLY(sqrt),      COSTLY(erf),
    CHEAP(floor),       CHEAP(ceil),      CHEAP(round),      CHEAP(not),        CHEAP(cast),
    COSTLY(quantize),   CHEAP(add),       CHEAP(sub),        CHEAP(mul),        COSTLY(div),
    COSTLY(pow),        CHEAP(minimum),   CHEAP(maximum),    CHEAP(eq),         CHEAP(ne),
    CHEAP(lt),          CHEAP(le),        CHEAP(gt),         CHEAP(ge),         CHEAP(and),
    CHEAP(or),          CHEAP(where),     CHEAP(dequantize), CHEAP(relu6),      CHEAP(clip),
    CHEAP(hardsigmoid), CHEAP(hardswish), COSTLY(silu),      COSTLY(gelu),      COSTLY(rsqrt),
};

bool pointwise_known(OpKind op) {
    return rows[op].emit != NULL;
}
bool pointwise_is_costly(OpKind op) {
    return rows[op].costly;
}

LX emit_pointwise(Kernel *k, const Node *node, LX const *x) {
    return rows[node->op].emit(k, node, x);
}
