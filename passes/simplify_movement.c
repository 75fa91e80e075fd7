/* Rules of simplification for data movement. */
#include <string.h>

#include "passes/simplify.h"

/* The operand, where it has the result's type. */
static Value *if_same_type(const Node *node) {
    Value *x = node->operands[0];
    return type_equal(&x->type, &node->results[0]->type) ? x : NULL;
}

/* Operators that do nothing if they keep the type: cast, reshape, broadcast_to, relayout. */
Value *rule_same_type(const Rewriter *r, Node *node) {
    (void)r;
    return if_same_type(node);
}

/* Steps of 1 that keep every size start at 0. */
Value *rule_whole_slice(const Rewriter *r, Node *node) {
    (void)r;
    const Attr *steps = node_attr(node, "steps");
    for (int i = 0; i < steps->count; i++) {
        if (steps->ints[i] != 1) return NULL;
    }
    return if_same_type(node);
}

Value *rule_no_padding(const Rewriter *r, Node *node) {
    (void)r;
    const Attr *pads = node_attr(node, "pads");
    for (int i = 0; i < pads->count; i++) {
        if (pads->ints[i] != 0) return NULL;
    }
    return if_same_type(node);
}

/* Nearest neighbours at the same size are the pixels themselves. Linear interpolation would turn an
 * infinite neighbour into NaN, so it stays. */
Value *rule_same_size(const Rewriter *r, Node *node) {
    bool nearest = !strcmp(node_attr(node, "mode")->s, "nearest");
    return nearest || r->fp_fast ? if_same_type(node) : NULL;
}

Value *rule_lone_concat(const Rewriter *r, Node *node) {
    (void)r;
    return node->noperands == 1 ? if_same_type(node) : NULL;
}

/* ---- transposes ------------------------------------------------------------------------------ */

static int source_axis(const Node *transpose, int axis) {
    const Attr *perm = node_attr(transpose, "perm");
    int rank = transpose->operands[0]->type.rank;
    return perm->count ? normalize_axis(perm->ints[axis], rank) : rank - 1 - axis;
}

Value *rule_identity_transpose(const Rewriter *r, Node *node) {
    (void)r;
    for (int i = 0; i < node->operands[0]->type.rank; i++) {
        if (source_axis(node, i) != i) return NULL;
    }
    return if_same_type(node);
}

Value *rule_double_transpose(const Rewriter *r, Node *node) {
    (void)r;
    Value *inner = node->operands[0];
    int64_t perm[MAX_RANK];
    if (!value_is_op(inner, OP_transpose)) return NULL;
    for (int i = 0; i < inner->type.rank; i++)
        perm[i] = source_axis(inner->def, source_axis(node, i));
    Builder b = builder_before(node);
    Value *value = build1(&b, OP_transpose, inner->def->operands[0],
                          attr_ints("perm", inner->type.rank, perm));
    carry_annotations(node, value);
    return value;
}

/* ---- reshapes -------------------------------------------------------------------------------- */

Value *rule_double_reshape(const Rewriter *r, Node *node) {
    (void)r;
    Value *inner = node->operands[0];
    const TensorType *type = &node->results[0]->type;
    if (!value_is_op(inner, OP_reshape) && !value_is_op(inner, OP_flatten)) return NULL;
    Builder b = builder_before(node);
    Value *value =
        build1(&b, OP_reshape, inner->def->operands[0], attr_dims("shape", type->rank, type->dims));
    carry_annotations(node, value);
    return value;
}
