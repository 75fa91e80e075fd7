/* Pointwise operators that ONNX spells with other operators. */
#include "frontend/onnx/export.h"

#include <math.h>
#include <string.h>

bool export_plain(ExportCall *c) {
    const OpInfo *info = op_info(c->node->op);
    int count;
    OnnxAttr **attrs = export_attrs(c, 0, &count);
    export_node(c, info->onnx, c->node->noperands, c->in, c->node->nresults, c->out, attrs);
    return true;
}

static const char *binary(ExportCall *c, const char *to, const char *op, const char *a,
                          const char *b) {
    return export_to(c, to, op, NAMES(a, b), NULL);
}

static const char *unary(ExportCall *c, const char *to, const char *op, const char *x) {
    return export_to(c, to, op, NAMES(x), NULL);
}

static const char *number(ExportCall *c, const char *what, double value) {
    return export_scalar(c, what, c->type, value);
}

/* ---- activations ----------------------------------------------------------------------------- */

/* Relu is there for few integers. */
bool export_relu(ExportCall *c) {
    if (dtype_is_float(c->type)) return export_plain(c);
    binary(c, c->out[0], "Max", c->in[0], number(c, "zero", 0));
    return true;
}

bool export_relu6(ExportCall *c) {
    export_to(c, c->out[0], "Clip",
              NAMES(c->in[0], number(c, "least", 0), number(c, "greatest", 6)), NULL);
    return true;
}

/* onnxruntime's Clip without one of its bounds takes the greatest finite number for it. */
bool export_clip(ExportCall *c) {
    double low = node_float(c->node, "low"), high = node_float(c->node, "high");
    const char *least = low == -INFINITY ? NULL : number(c, "least", low);
    const char *greatest = high == INFINITY ? NULL : number(c, "greatest", high);
    const char *op = least && greatest ? "Clip" : least ? "Max" : greatest ? "Min" : "Identity";
    const char *inputs[3] = {c->in[0]};
    int count = 1;
    if (least) inputs[count++] = least;
    if (greatest) inputs[count++] = greatest;
    export_to(c, c->out[0], op, count, inputs, NULL);
    return true;
}

bool export_hardsigmoid(ExportCall *c) {
    Arena *arena = c->e->arena;
    export_to(
        c, c->out[0], "HardSigmoid", NAMES(c->in[0]),
        ATTRIBUTES(onnx_attr_float(arena, "alpha", 1.0 / 6), onnx_attr_float(arena, "beta", 0.5)));
    return true;
}

bool export_silu(ExportCall *c) {
    binary(c, c->out[0], "Mul", c->in[0], unary(c, NULL, "Sigmoid", c->in[0]));
    return true;
}

bool export_rsqrt(ExportCall *c) {
    unary(c, c->out[0], "Reciprocal", unary(c, NULL, "Sqrt", c->in[0]));
    return true;
}

/* sqrt(2 / pi) * (x + 0.044715 * x^3), of which the tanh is taken */
static const char *tanh_argument(ExportCall *c, const char *x) {
    const char *cube = binary(c, NULL, "Mul", binary(c, NULL, "Mul", x, x), x);
    const char *bent = binary(c, NULL, "Mul", cube, number(c, "cubic", 0.044715));
    const char *sum = binary(c, NULL, "Add", x, bent);
    return binary(c, NULL, "Mul", sum, number(c, "scale", sqrt(2 / acos(-1))));
}

/* x / 2 * (1 + curve) */
bool export_gelu(ExportCall *c) {
    const char *x = c->in[0];
    bool exact = strcmp(node_attr(c->node, "approximate")->s, "none") == 0;
    const char *curve =
        exact ? unary(c, NULL, "Erf", binary(c, NULL, "Div", x, number(c, "root", sqrt(2))))
              : unary(c, NULL, "Tanh", tanh_argument(c, x));
    const char *share = binary(c, NULL, "Add", curve, number(c, "one", 1));
    const char *product = binary(c, NULL, "Mul", x, share);
    binary(c, c->out[0], "Mul", product, number(c, "half", 0.5));
    return true;
}

bool export_not_equal(ExportCall *c) {
    unary(c, c->out[0], "Not", binary(c, NULL, "Equal", c->in[0], c->in[1]));
    return true;
}

/* ---- from float to integer ------------------------------------------------------------------- */

static const char *without_nan(ExportCall *c, const char *x, DType type) {
    const char *is_nan = unary(c, NULL, "IsNaN", x);
    return export_to(c, NULL, "Where", NAMES(is_nan, export_scalar(c, "nan", type, 0), x), NULL);
}

/* 2^63 is a float, and the greatest i64, one less, is none: what reaches it is chosen apart. */
static void saturate_i64(ExportCall *c, const char *x, DType type) {
    const char *bound = export_scalar(c, "bound", type, 0x1p63);
    const char *above = binary(c, NULL, "GreaterOrEqual", x, bound);
    const char *zero = export_scalar(c, "zero", type, 0);
    const char *below = export_to(c, NULL, "Where", NAMES(above, zero, x), NULL);
    const char *held = binary(c, NULL, "Max", below, export_scalar(c, "least", type, -0x1p63));
    const char *whole = export_cast(c, NULL, held, DT_i64);
    const char *greatest = export_scalar(c, "greatest", DT_i64, 0x1p63);
    export_to(c, c->out[0], "Where", NAMES(above, greatest, whole), NULL);
}

bool export_saturate(ExportCall *c, const char *x, DType from, DType to) {
    /* Every bound of i32 is an f64, every bound of narrower types an f32. */
    DType type = from == DT_f64 || to == DT_i32 ? DT_f64 : DT_f32;
    if (type != from) x = export_cast(c, NULL, x, type);
    x = without_nan(c, x, type);
    if (to == DT_i64) {
        saturate_i64(c, x, type);
        return true;
    }
    const char *least = export_scalar(c, "least", type, (double)dtype_min(to));
    const char *greatest = export_scalar(c, "greatest", type, (double)dtype_max(to));
    x = export_to(c, NULL, "Clip", NAMES(x, least, greatest), NULL);
    export_cast(c, c->out[0], x, to);
    return true;
}

bool export_cast_op(ExportCall *c) {
    DType to = node_attr(c->node, "to")->dtype;
    if (dtype_is_float(c->type) && dtype_is_int(to))
        return export_saturate(c, c->in[0], c->type, to);
    export_cast(c, c->out[0], c->in[0], to);
    return true;
}

bool export_quantize(ExportCall *c) {
    const char *x = c->type == DT_f32 ? c->in[0] : export_cast(c, NULL, c->in[0], DT_f32);
    const char *delta = export_scalar(c, "delta", DT_f32, node_float(c->node, "delta"));
    const char *steps = unary(c, NULL, "Round", binary(c, NULL, "Div", x, delta));
    return export_saturate(c, steps, DT_f32, node_attr(c->node, "to")->dtype);
}

bool export_dequantize(ExportCall *c) {
    DType to = node_attr(c->node, "to")->dtype;
    const char *steps = export_cast(c, NULL, c->in[0], DT_f32);
    const char *delta = export_scalar(c, "delta", DT_f32, node_float(c->node, "delta"));
    const char *x = binary(c, to == DT_f32 ? c->out[0] : NULL, "Mul", steps, delta);
    if (to != DT_f32) export_cast(c, c->out[0], x, to);
    return true;
}

/* ---- division -------------------------------------------------------------------------------- */

/* Whether a constant has no element 0 and none -1. */
static bool divides_plainly(const Value *divisor) {
    if (!value_is_op(divisor, OP_const) || !divisor->def->data) return false;
    const Tensor *data = divisor->def->data;
    for (int64_t i = 0; i < tensor_elements(data); i++) {
        int64_t value = tensor_int(data, i);
        if (value == 0 || value == -1) return false;
    }
    return true;
}

/* ONNX says nothing about dividing by 0, or the least integer by -1; programs die of it. Such
 * divisors become 1 first, and the quotient is replaced. */
bool export_div(ExportCall *c) {
    const char *a = c->in[0], *b = c->in[1];
    if (dtype_is_float(c->type) || divides_plainly(c->node->operands[1])) return export_plain(c);
    const char *zero = number(c, "zero", 0), *one = number(c, "one", 1);
    const char *is_zero = binary(c, NULL, "Equal", b, zero);
    const char *is_minus = binary(c, NULL, "Equal", b, number(c, "minus", -1));
    const char *special = binary(c, NULL, "Or", is_zero, is_minus);
    const char *divisor = export_to(c, NULL, "Where", NAMES(special, one, b), NULL);
    const char *quotient = binary(c, NULL, "Div", a, divisor);
    const char *negative = unary(c, NULL, "Neg", a);
    quotient = export_to(c, NULL, "Where", NAMES(is_minus, negative, quotient), NULL);
    export_to(c, c->out[0], "Where", NAMES(is_zero, zero, quotient), NULL);
    return true;
}
