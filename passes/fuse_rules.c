/* What may share a kernel with what, and at what price. */
#include <string.h>

#include "passes/fuse_rules.h"

FuseRole fuse_role(const Node *node) {
    if (node->nresults != 1) return ROLE_NONE;
    switch (op_info(node->op)->family) {
    case FAMILY_POINTWISE: return ROLE_POINTWISE;
    case FAMILY_REDUCTION:
    case FAMILY_CONTRACTION:
    case FAMILY_SCAN:
    case FAMILY_WINDOW: return ROLE_ANCHOR;
    case FAMILY_MOVEMENT: break;
    default: return ROLE_NONE;
    }
    switch (node->op) {
    case OP_reshape:
    case OP_flatten: return ROLE_VIEW;
    case OP_gather: return ROLE_PICK;
    case OP_concat: return ROLE_NONE;
    default: return ROLE_MOVEMENT;
    }
}

bool view_only_splits(const Node *node) {
    DimContext *dims = node->graph->module->dims;
    const TensorType *from = &node->operands[0]->type, *to = &node->results[0]->type;
    int next = 0;
    for (int i = 0; i < from->rank; i++) {
        Dim product = dim_int(dims, 1);
        while (product && product != from->dims[i] && next < to->rank)
            product = dim_mul(dims, product, to->dims[next++]);
        if (product != from->dims[i]) return false;
    }
    while (next < to->rank && dim_is(to->dims[next], 1)) next++;
    return next == to->rank;
}

bool writes_borders(const Node *anchor) {
    OpFamily family = op_info(anchor->op)->family;
    return family == FAMILY_CONTRACTION || family == FAMILY_WINDOW;
}

bool pad_keeps_all(const Node *node) {
    if (node->op != OP_pad) return false;
    const Attr *pads = node_attr(node, "pads");
    for (int i = 0; i < pads->count; i++)
        if (pads->ints[i] < 0) return false;
    return true;
}

int element_cost(const Node *node) {
    switch (node->op) {
    case OP_exp:
    case OP_log:
    case OP_tanh:
    case OP_sigmoid:
    case OP_erf:
    case OP_gelu:
    case OP_silu:
    case OP_pow: return 16;
    case OP_rsqrt:
    case OP_sqrt: return 4;
    case OP_resize: return strcmp(node_attr(node, "mode")->s, "linear") == 0 ? 8 : 1;
    case OP_div: {
        double divisor;
        return value_is_literal(node->operands[1], &divisor) ? 2 : 4;
    }
    default: return 1;
    }
}

/* A conversion from a narrower type: the loads save what the conversion costs. */
static bool is_widening(const Value *value) {
    if (!value_is_op(value, OP_cast)) return false;
    return dtype_bits(value->def->operands[0]->type.dtype) < dtype_bits(value->type.dtype);
}

static bool is_narrowing(const Value *value) {
    if (!value_is_op(value, OP_cast)) return false;
    return dtype_bits(value->def->operands[0]->type.dtype) > dtype_bits(value->type.dtype);
}

static FuseRead window_reading(const Node *node) {
    const Attr *kernel = node_attr(node, "kernel"), *stride = node_attr(node, "stride");
    for (int i = 0; i < stride->count; i++) {
        if (stride->ints[i] < kernel->ints[i]) return READ_OFTEN;
    }
    return READ_ONCE;
}

bool undoes_narrowing(const Node *node) {
    return is_widening(node->results[0]) && is_narrowing(node->operands[0]);
}

FuseRead operand_reading(const Node *node, int operand) {
    const Value *x = node->operands[operand];
    switch (op_info(node->op)->family) {
    case FAMILY_POINTWISE:
        return type_same_shape(&x->type, &node->results[0]->type) ? READ_ONCE : READ_OFTEN;
    case FAMILY_MOVEMENT:
        if (node->op == OP_gather || node->op == OP_concat) return READ_MEMORY;
        return node->op == OP_broadcast_to || node->op == OP_resize ? READ_OFTEN : READ_ONCE;
    case FAMILY_REDUCTION: return node->op == OP_softmax ? READ_OFTEN : READ_ONCE;
    case FAMILY_SCAN: return READ_ONCE;
    case FAMILY_WINDOW: return window_reading(node);
    case FAMILY_CONTRACTION: return operand < 2 && is_widening(x) ? READ_OFTEN : READ_MEMORY;
    default: return READ_MEMORY;
    }
}
