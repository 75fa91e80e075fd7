/* Hints for what a tile needs when its sums are done: the places of its results, and the elements
 * that the epilogue adds to them. A reduction takes long enough to bring them near meanwhile; at its
 * end they would be waited for. */
#include "codegen/lower/prefetch.h"

static void prefetch_memory(Kernel *k, LBuffer *buffer, const TensorType *type, LX const *index) {
    LX physical[MAX_AXES], at[MAX_AXES];
    physical_index(k, type, index, physical);
    int count = memory_index(k, type, physical, at);
    for (int i = 0; i < count; i++) {
        if (at[i]->type.lanes == 1) continue;
        if (i + 1 < count || !lx_is_consecutive(at[i], &at[i])) return;
    }
    lb_prefetch(k->b, buffer, at);
}

/* Operands in memory with an element for each of the root's, as far as the same index leads to
 * them. */
static void prefetch_operands(Kernel *k, const Value *value, LX const *index) {
    if (value == k->anchor || k->l->immediates[value->id]) return;
    if (kernel_is_leaf(k, value)) {
        const Leaf *leaf = kernel_leaf(k, value);
        if (!leaf->direct) prefetch_memory(k, leaf->buffer, &value->type, index);
        return;
    }
    int *seen = lowering_note(k->l, value);
    bool keeps_index =
        value->def && (pointwise_known(value->def->op) || value->def->op == OP_relayout);
    if (*seen || !keeps_index) return;
    *seen = true;
    for (int i = 0; i < value->def->noperands; i++) {
        const Value *operand = value->def->operands[i];
        if (type_same_shape(&operand->type, &value->type)) prefetch_operands(k, operand, index);
    }
}

void prefetch_result(Kernel *k, LX const *anchor_index) {
    LX at[MAX_RANK] = {NULL};
    epilogue_index(k, anchor_index, at);
    prefetch_memory(k, kernel_output(k), &k->root->type, at);
    lowering_walk(k->l);
    prefetch_operands(k, k->root, at);
}
