/* Rules of simplification for pointwise operators. */
#include <math.h>

#include "passes/simplify.h"

/* ---- literals -------------------------------------------------------------------------------- */

/* The integer that all elements of a constant are. */
static bool uniform_int(const Value *value, int64_t *number) {
    if (!value_is_op(value, OP_const) || !value->def->data) return false;
    const Tensor *data = value->def->data;
    int64_t count = tensor_elements(data);
    if (count < 1 || count > 64 || dtype_is_float(data->dtype)) return false;
    *number = tensor_int(data, 0);
    for (int64_t i = 1; i < count; i++) {
        if (tensor_int(data, i) != *number) return false;
    }
    return true;
}

/* The float that all elements of a constant are, -0 told from 0. */
static bool uniform_float(const Value *value, double *number) {
    if (!value_is_op(value, OP_const) || !value->def->data) return false;
    const Tensor *data = value->def->data;
    int64_t count = tensor_elements(data);
    if (count < 1 || count > 64 || !dtype_is_float(data->dtype)) return false;
    *number = tensor_get(data, 0);
    for (int64_t i = 1; i < count; i++) {
        double other = tensor_get(data, i);
        if (other != *number || signbit(other) != signbit(*number)) return false;
    }
    return true;
}

/* Whether `x op value` is x for every x. */
static bool is_neutral(const Rewriter *r, OpKind op, const Value *value) {
    int64_t whole;
    double number;
    bool additive = op == OP_add || op == OP_sub;
    if (uniform_int(value, &whole)) return whole == (additive ? 0 : 1);
    if (!uniform_float(value, &number)) return false;
    if (!additive) return number == 1;
    /* -0 + 0 is 0, but -0 + (-0) and -0 - 0 are -0. */
    return number == 0 && (r->fp_fast || (signbit(number) != 0) == (op == OP_add));
}

/* ---- rules ----------------------------------------------------------------------------------- */

/* x + (-0), x - 0, x * 1, x / 1 and for integers x + 0. */
Value *rule_neutral_operand(const Rewriter *r, Node *node) {
    bool commutes = node->op == OP_add || node->op == OP_mul;
    for (int side = 0; side < (commutes ? 2 : 1); side++) {
        Value *x = node->operands[side];
        if (type_equal(&x->type, &node->results[0]->type) &&
            is_neutral(r, node->op, node->operands[1 - side]))
            return x;
    }
    return NULL;
}

/* max(x, x), and(x, x), where(c, x, x). */
Value *rule_same_operands(const Rewriter *r, Node *node) {
    (void)r;
    Value *x = node->operands[node->noperands - 1];
    bool same = node->operands[node->noperands - 2] == x;
    return same && type_equal(&x->type, &node->results[0]->type) ? x : NULL;
}

/* x / 2^k is x * 2^-k: the exact quotient is the exact product, so both round alike. */
Value *rule_divisor_power_of_two(const Rewriter *r, Node *node) {
    (void)r;
    double divisor;
    int exponent;
    Value *c = node->operands[1];
    if (!uniform_float(c, &divisor) || !isfinite(divisor) || divisor == 0) return NULL;
    if (fabs(frexp(divisor, &exponent)) != 0.5) return NULL;
    const Tensor *data = c->def->data;
    Tensor inverse = tensor_new(r->module->arena, data->dtype, data->rank, data->dims);
    for (int64_t i = 0; i < tensor_elements(&inverse); i++) tensor_set(&inverse, i, 1 / divisor);
    if (tensor_get(&inverse, 0) != 1 / divisor) return NULL;
    Builder b = builder_before(node);
    Value *product = build2(&b, OP_mul, node->operands[0], build_const(&b, &inverse, false));
    carry_annotations(node, product);
    return product;
}

/* The constant operand of a commutative operator, the other one in *x. */
static Value *literal_operand(const Node *node, Value **x) {
    for (int side = 0; side < 2; side++) {
        Value *c = node->operands[side];
        *x = node->operands[1 - side];
        if (value_is_op(c, OP_const) && c->def->data && !value_is_op(*x, OP_const)) return c;
    }
    return NULL;
}

/* (x * a) * b is x * (a * b) and (x + a) + b is x + (a + b) for integers, which wrap; for floats
 * each rounds otherwise. */
Value *rule_literal_chain(const Rewriter *r, Node *node) {
    Value *inner, *x;
    if (dtype_is_float(node->results[0]->type.dtype) && !r->fp_fast) return NULL;
    Value *outer_literal = literal_operand(node, &inner);
    if (!outer_literal || !value_is_op(inner, node->op)) return NULL;
    Value *inner_literal = literal_operand(inner->def, &x);
    if (!inner_literal) return NULL;
    Builder b = builder_before(node);
    Value *both = build2(&b, node->op, inner_literal, outer_literal);
    Value *result = build2(&b, node->op, x, both);
    carry_annotations(node, result);
    return result;
}

/* neg(neg(x)), not(not(x)). */
Value *rule_double_unary(const Rewriter *r, Node *node) {
    (void)r;
    Value *x = node->operands[0];
    return value_is_op(x, node->op) ? x->def->operands[0] : NULL;
}

/* relu(relu(x)) is relu(x), and so on. */
Value *rule_idempotent(const Rewriter *r, Node *node) {
    (void)r;
    return value_is_op(node->operands[0], node->op) ? node->operands[0] : NULL;
}
