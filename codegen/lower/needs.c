/* What the symbols must leave for a run to have a meaning: gather and resize take elements from
 * axes that have some. Their kernels clamp indices into the axis and do not test for it. */
#include "codegen/lower/kernel.h"

static void need(Lowering *l, const Value *result, Dim extent) {
    int64_t least, greatest;
    dim_range(extent, &least, &greatest);
    if (least > 0) return;
    LNeed need = {extent, type_elements(l->dims, &result->type), result->path};
    if (need.elements) vec_push(l->arena, &l->program->needs, need);
}

void lowering_needs(Lowering *l, const Graph *graph) {
    graph_each(graph, node) {
        if (node->body) lowering_needs(l, node->body);
        if (node->op != OP_gather && node->op != OP_resize) continue;
        const TensorType *type = &node->operands[0]->type;
        int64_t axis = node->op == OP_gather ? node_int(node, "axis") : type->rank - 1;
        need(l, node_result(node), type->dims[axis < 0 ? axis + type->rank : axis]);
        if (node->op == OP_resize) need(l, node_result(node), type->dims[axis - 1]);
    }
}
