/* From the anchor to the root: a chain of operators that keep a one to one relation between the
 * elements.
 *
 * The nest runs over the anchor's elements; the chain tells which element of the root each one
 * becomes. A pad in the chain leaves elements that no anchor element reaches: emit_border writes
 * them. Every operand that depends on the anchor must do so along the same index, e.g. x *
 * sigmoid(x). */
#include "codegen/lower/kernel.h"

#include <string.h>

/* ---- finding the path ------------------------------------------------------------------------ */

typedef struct Search {
    Lowering *l;
    const Value *anchor;
    const Node **path;
    int length, capacity;
} Search;

/* No element of the operand is cut off. */
static bool keeps_all(const Node *pad) {
    const Attr *pads = node_attr(pad, "pads");
    for (int i = 0; i < pads->count; i++)
        if (pads->ints[i] < 0) return false;
    return true;
}

/* Operators through which an element can be followed upwards. */
static bool is_traceable(const Node *node) {
    switch (node->op) {
    case OP_transpose:
    case OP_reshape:
    case OP_flatten:
    case OP_relayout: return true;
    case OP_pad: return keeps_all(node);
    default: return pointwise_known(node->op);
    }
}

static bool keeps_index(const Node *node) {
    return pointwise_known(node->op) || node->op == OP_relayout;
}

/* The number of index-changing operators between anchor and value, along which all ways agree; -1
 * where value does not depend on the anchor; -2 where it cannot be traced. */
static int trace(Search *s, const Value *value) {
    if (value == s->anchor) return 0;
    if (!value->def || lowering_tensor(s->l, value)) return -1;
    int *known = lowering_note(s->l, value); /* what was said before, plus 4 */
    if (*known) return *known - 4;
    const Node *node = value->def;
    int result = -1;
    for (int i = 0; i < node->noperands; i++) {
        const Value *x = node->operands[i];
        int depth = trace(s, x);
        if (depth == -1) continue;
        bool fits = depth != -2 && is_traceable(node) && (result == -1 || result == depth);
        if (fits && keeps_index(node)) fits = type_same_shape(&x->type, &value->type);
        result = fits ? depth : -2;
        if (!fits) break;
    }
    if (result >= 0 && !keeps_index(node)) {
        if (result == s->length && s->length < s->capacity)
            s->path[s->length++] = node;
        else if (result >= s->length || s->path[result] != node)
            result = -2; /* another way round */
        result = result == -2 ? -2 : result + 1;
    }
    *known = result + 4;
    return result;
}

bool epilogue_path(Lowering *l, const Value *anchor, const Value *root, const Node ***path,
                   int *length) {
    enum { LONGEST = 16 };
    Search s = {.l = l, .anchor = anchor, .capacity = LONGEST};
    s.path = arena_array(l->arena, const Node *, LONGEST);
    lowering_walk(l);
    LTensor *own = lowering_tensor(l, root);
    if (own) lowering_set_tensor(l, root, NULL);
    int depth = trace(&s, root);
    if (own) lowering_set_tensor(l, root, own);
    *path = s.path;
    *length = s.length;
    /* One pad at most, and no reshape above it, so that its border is a border of the root. */
    int pads = 0;
    for (int i = 0; i < s.length; i++) {
        bool is_pad = s.path[i]->op == OP_pad;
        if (pads && s.path[i]->op != OP_transpose) return false;
        pads += is_pad;
    }
    return depth >= 0 && depth == s.length;
}

/* ---- following it ---------------------------------------------------------------------------- */

static void step_up(Kernel *k, const Node *node, LX *index) {
    const TensorType *from = &node->operands[0]->type, *to = &node->results[0]->type;
    LX old[MAX_RANK];
    memcpy(old, index, (size_t)from->rank * sizeof(LX));
    switch (node->op) {
    case OP_transpose: {
        const Attr *perm = node_attr(node, "perm");
        for (int i = 0; i < to->rank; i++)
            index[i] =
                old[perm->count ? normalize_axis(perm->ints[i], from->rank) : from->rank - 1 - i];
        break;
    }
    case OP_pad:
        for (int i = 0; i < to->rank; i++)
            index[i] = lx_addi(k->b, old[i], node_attr(node, "pads")->ints[i]);
        break;
    default: reshape_index(k, from->rank, from->dims, old, to->rank, to->dims, index); break;
    }
}

void epilogue_index(Kernel *k, LX const *anchor_index, LX *root_index) {
    memcpy(root_index, anchor_index, (size_t)k->anchor->type.rank * sizeof(LX));
    for (int i = 0; i < k->path_length; i++) step_up(k, k->path[i], root_index);
}

void emit_result(Kernel *k, LX const *anchor_index, LX value) {
    LX at[MAX_RANK] = {NULL};
    size_t scope = scope_begin(k);
    value = round_to(k, value, k->anchor->type.dtype);
    bool shared = k->uses && k->uses[k->anchor->id] > 1 && k->root != k->anchor;
    if (shared && !k->probing) value = lb_let(k->b, "r", value);
    epilogue_index(k, anchor_index, at);
    k->anchor_value = value;
    store_root(k, at, emit_element(k, k->root, at));
    k->anchor_value = NULL;
    scope_end(k, scope);
}
