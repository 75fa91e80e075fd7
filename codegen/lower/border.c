/* What no element of the anchor reaches: the border of a pad on the way from anchor to root, and the
 * layout's padding. Border elements are one number, or what pointwise operators behind the pad make
 * of it. */
#include <string.h>

#include "codegen/lower/kernel.h"

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

/* The lanes in which a box is written: along the axis that lies in memory element by element. */
typedef struct BoxLanes {
    int axis; /* -1: none */
    int64_t
        part; /* the axis lies in parts of so many, which are the lanes; 0: it lies as a whole */
    int lanes;
} BoxLanes;

static bool in_parts(const Kernel *k, Dim begin, Dim extent, int64_t part) {
    return dim_divide_exact(k->dims, begin, dim_int(k->dims, part)) &&
           dim_divide_exact(k->dims, extent, dim_int(k->dims, part));
}

static BoxLanes box_lanes(const Kernel *k, const Dim *begin, const Dim *extents) {
    const TensorType *type = &k->root->type;
    BoxLanes none = {.axis = -1}, box = none;
    Dim physical[MAX_AXES];
    int64_t extent;
    int last = layout_physical_dims(k->dims, type->layout, type->rank, type->dims, physical) - 1;
    int most = target_lanes(k->l->target, dtype_bits(type->dtype));
    if (k->l->target->streams || dtype_bits(type->dtype) < 8) return none;
    for (int a = 0; a < type->rank; a++) {
        int outer, inner;
        if (last < 0 || layout_sources(type, last) != 1u << a) continue;
        box.axis = a;
        box.part = layout_split_of(type, a, &outer, &inner);
        if (box.part && !in_parts(k, begin[a], extents[a], box.part)) return none;
    }
    if (box.axis < 0) return none;
    box.lanes = box.part ? (int)box.part : most;
    if (box.part > most) return none;
    bool known = dim_is_int(extents[box.axis], &extent);
    while (!box.part && known && box.lanes > extent) box.lanes /= 2;
    return box.lanes > 1 ? box : none;
}

/* Opens the loop over one axis of a box. */
static Loop box_loop(Kernel *k, const BoxLanes *box, int axis, Dim begin, Dim extent, LX *at) {
    LBuilder *b = k->b;
    bool parts = axis == box->axis && box->part;
    Dim count = parts ? dim_divide_exact(k->dims, extent, dim_int(k->dims, box->part)) : extent;
    LX first = parts ? lx_int(b, 0) : lx_dim(b, begin);
    Loop loop = loop_open(k, LOOP_SERIAL, "e", first, lx_dim(b, count));
    *at = loop.var;
    if (parts)
        *at =
            lx_ramp(b, lx_add(b, lx_dim(b, begin), lx_muli(b, loop.var, box->part)), 1, box->lanes);
    if (axis != box->axis || parts || !loop.loop) return loop;
    loop.loop->loop = LOOP_VECTOR;
    loop.loop->width = box->lanes;
    loop.loop->tail = k->l->target->masked_tails ? TAIL_MASK : TAIL_OVERLAP;
    return loop;
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
    BoxLanes box = box_lanes(k, begin, extents);
    for (int i = 0; i < rank; i++) loops[i] = box_loop(k, &box, i, begin[i], extents[i], &at[i]);
    LX value = emit_element(k, k->root, at);
    if (box.axis >= 0 && box.part && value->type.lanes == 1)
        value = lx_broadcast(k->b, value, box.lanes);
    store_root(k, at, value);
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
