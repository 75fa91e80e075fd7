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

/* ---- the border ------------------------------------------------------------------------------ */

/* First and one past last index of the root along each of its axes that comes from inside the
 * pad. */
static bool inner_bounds(const Kernel *k, Dim *begin, Dim *end) {
    const Node *pad = NULL;
    for (int i = 0; i < k->path_length; i++) {
        const Node *node = k->path[i];
        if (node->op == OP_pad) {
            pad = node;
            for (int a = 0; a < pad->results[0]->type.rank; a++) {
                begin[a] = dim_int(k->dims, node_attr(pad, "pads")->ints[a]);
                end[a] = dim_add(k->dims, begin[a], pad->operands[0]->type.dims[a]);
            }
        } else if (pad) {
            Dim old[2][MAX_RANK];
            const Attr *perm = node_attr(node, "perm");
            int rank = node->results[0]->type.rank;
            memcpy(old[0], begin, sizeof old[0]);
            memcpy(old[1], end, sizeof old[1]);
            for (int a = 0; a < rank; a++) {
                int from = perm->count ? normalize_axis(perm->ints[a], rank) : rank - 1 - a;
                begin[a] = old[0][from];
                end[a] = old[1][from];
            }
        }
    }
    return pad != NULL;
}

/* The same by work-items. */
static void emit_box_items(Kernel *k, const Dim *begin, const Dim *extents) {
    static const char *const names[MAX_RANK] = {"e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7"};
    LX at[MAX_RANK] = {NULL};
    int rank = k->root->type.rank;
    Collapsed loops = loops_open(k, rank, extents, names, 0, at);
    for (int i = 0; i < rank; i++) at[i] = lx_add(k->b, at[i], lx_dim(k->b, begin[i]));
    store_root(k, at, emit_element(k, k->root, at));
    loops_close(k, loops);
}

/* Stores the root over a box, begin <= index < end. */
static void emit_box(Kernel *k, const Dim *begin, const Dim *end) {
    int rank = k->root->type.rank;
    LX at[MAX_RANK] = {NULL};
    Loop loops[MAX_RANK];
    Dim extents[MAX_RANK] = {NULL};
    for (int i = 0; i < rank; i++) {
        extents[i] = dim_sub(k->dims, end[i], begin[i]);
        require(extents[i]);
        if (dim_is(extents[i], 0)) return;
    }
    if (k->l->target->group_items > 0) {
        emit_box_items(k, begin, extents);
        return;
    }
    size_t scope = scope_begin(k);
    for (int i = 0; i < rank; i++) {
        loops[i] = loop_open(k, LOOP_SERIAL, "e", lx_dim(k->b, begin[i]), lx_dim(k->b, extents[i]));
        at[i] = loops[i].var;
    }
    store_root(k, at, emit_element(k, k->root, at));
    for (int i = rank; i-- > 0;) loop_close(k, &loops[i]);
    scope_end(k, scope);
}

void emit_border(Kernel *k) {
    Dim begin[MAX_RANK], end[MAX_RANK], from[MAX_RANK], to[MAX_RANK];
    const TensorType *type = &k->root->type;
    k->at_border = true;
    if (inner_bounds(k, begin, end)) {
        /* Slab by slab: axes before the cut one keep to the inside, those after it run over
         * everything. */
        for (int axis = 0; axis < type->rank; axis++) {
            for (int i = 0; i < type->rank; i++) {
                from[i] = i < axis ? begin[i] : dim_int(k->dims, 0);
                to[i] = i < axis ? end[i] : type->dims[i];
            }
            to[axis] = begin[axis];
            emit_box(k, from, to);
            from[axis] = end[axis];
            to[axis] = type->dims[axis];
            emit_box(k, from, to);
        }
    }
    k->at_border = false;
    fill_padding(k);
}
