/* One element of a value: recursion through the body, each element emitted once. */
#include "codegen/lower/kernel.h"

#include <string.h>

static const Memo *find_memo(const Kernel *k, const Value *value, LX const *index) {
    for (size_t i = k->memo.len; i-- > 0;) {
        const Memo *m = &k->memo.data[i];
        if (m->value != value || m->scalar_guard != k->scalar_guard ||
            m->vector_guard != k->vector_guard)
            continue;
        if (memcmp(m->index, index, (size_t)value->type.rank * sizeof(LX)) == 0) return m;
    }
    return NULL;
}

static void add_memo(Kernel *k, const Value *value, LX const *index, LX result) {
    Memo m = {.value = value,
              .scalar_guard = k->scalar_guard,
              .vector_guard = k->vector_guard,
              .result = result};
    memcpy(m.index, index, (size_t)value->type.rank * sizeof(LX));
    vec_push(k->l->arena, &k->memo, m);
}

static LX emit_immediate(Kernel *k, const Tensor *data) {
    LType type = ltype(compute_dtype(data->dtype), 1);
    if (dtype_is_float(data->dtype)) return lx_const(k->b, type, tensor_get(data, 0));
    return lx_const_int(k->b, type, tensor_int(data, 0));
}

/* Index of an operand that is broadcast to the node's result. */
static void broadcast_index(Kernel *k, const TensorType *to, LX const *index,
                            const TensorType *from, LX *result) {
    int shift = to->rank - from->rank;
    for (int i = 0; i < from->rank; i++) {
        bool stretched = dim_is(from->dims[i], 1) && !dim_is(to->dims[shift + i], 1);
        result[i] = stretched ? lx_int(k->b, 0) : index[shift + i];
    }
}

static LX emit_operation(Kernel *k, const Value *value, LX const *index) {
    const Node *node = value->def;
    LX operands[MAX_OPERANDS], at[MAX_RANK];
    for (int i = 0; i < node->noperands; i++) {
        const Value *operand = node->operands[i];
        broadcast_index(k, &value->type, index, &operand->type, at);
        operands[i] = emit_element(k, operand, at);
    }
    return round_to(k, emit_pointwise(k, node, operands), value->type.dtype);
}

static bool is_trivial(LX x) {
    return x->kind == LX_VAR || x->kind == LX_INT || x->kind == LX_FLOAT || x->kind == LX_BROADCAST;
}

LX emit_element(Kernel *k, const Value *value, LX const *index) {
    if (value == k->anchor && k->anchor_value) return k->anchor_value;
    for (size_t i = 0; i < k->known.len; i++)
        if (k->known.data[i].value == value) return k->known.data[i].element;
    const Tensor *constant = k->l->immediates[value->id];
    if (constant) return emit_immediate(k, constant);
    const Memo *memo = find_memo(k, value, index);
    if (memo) return memo->result;
    LX result;
    if (kernel_is_leaf(k, value))
        result = load_leaf(k, value, index);
    else if (value->def && op_info(value->def->op)->family == FAMILY_MOVEMENT)
        result = emit_movement(k, value, index);
    else if (value->def && pointwise_known(value->def->op))
        result = emit_operation(k, value, index);
    else
        die("'%s' has no place in a kernel's body", value->path);
    bool shared = k->uses && k->uses[value->id] > 1;
    if (shared && !k->probing && !is_trivial(result)) result = lb_let(k->b, "v", result);
    add_memo(k, value, index, result);
    return result;
}
