/* Constant folding: operators on small constants are evaluated by the reference interpreter.
 *
 * Only literals take part, no parameters: what depends on weights stays an expression, so that
 * dumps stay small and passes run without the weights; materialize computes it at the end. */
#include "passes/support.h"

enum { MAX_ELEMENTS = 64 }; /* of every result and operand */

static bool is_small(DimContext *dims, const TensorType *type) {
    int64_t elements;
    Dim count = type_elements(dims, type);
    return count && !type->layout && dim_is_int(count, &elements) && elements <= MAX_ELEMENTS;
}

static bool is_foldable(const Node *node, DimContext *dims, ConstantMarks constant) {
    bool source = op_info(node->op)->family == FAMILY_SOURCE;
    if (source || node->nresults != 1 || node->op == OP_fused) return false;
    if (!is_constant(constant, node->results[0]) || !is_small(dims, &node->results[0]->type))
        return false;
    for (int i = 0; i < node->noperands; i++) {
        const Value *x = node->operands[i];
        if (!value_is_op(x, OP_const) || !x->def->data || !is_small(dims, &x->type)) return false;
    }
    return true;
}

bool pass_fold_constants(PassContext *context, Graph *graph) {
    ConstantMarks constant = constant_marks(graph, context->scratch);
    Substitution s = {.arena = context->scratch};
    bool changed = false, whole = true;
    graph_each_safe(graph, node) {
        Tensor tensor;
        resolve_operands(&s, node);
        if (!is_foldable(node, context->module->dims, constant)) continue;
        whole = interp_constant(node->results[0], &tensor, context->module->arena, context->diag);
        if (!whole) break;
        Builder b = builder_before(node);
        replace_node(&s, node, build_const(&b, &tensor, false));
        changed = true;
    }
    resolve_graph(&s, graph);
    if (changed && whole) remove_dead(graph, context->scratch);
    return changed;
}
