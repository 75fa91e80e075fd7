/* Movement operators: where the element of a result comes from. One row each. */
#include "codegen/lower/kernel.h"

#include <string.h>

/* ---- reshapes -------------------------------------------------------------------------------- */

static LX linearize(Kernel *k, int count, const Dim *dims, LX const *index) {
    LX at = lx_int(k->b, 0);
    for (int i = 0; i < count; i++)
        at = lx_add(k->b, lx_mul(k->b, at, lx_dim(k->b, dims[i])), index[i]);
    return at;
}

static void delinearize(Kernel *k, LX at, int count, const Dim *dims, LX *index) {
    int first = 0; /* the first axis that is not trivial needs no remainder */
    while (first < count && dim_is(dims[first], 1)) index[first++] = lx_int(k->b, 0);
    for (int i = count - 1; i >= first; i--) {
        LX extent = lx_dim(k->b, dims[i]);
        if (i == first) {
            index[i] = at;
        } else if (dim_is(dims[i], 1)) {
            index[i] = lx_int(k->b, 0);
        } else {
            index[i] = lx_binary(k->b, LB_MOD, at, extent);
            at = lx_binary(k->b, LB_FLOORDIV, at, extent);
        }
    }
}

/* Whether a group whose product is p should grow before the one whose product is q. */
static bool grows_first(DimContext *ctx, Dim p, Dim q) {
    if (dim_divide_exact(ctx, q, p)) return true;
    return !dim_divide_exact(ctx, p, q) && dim_le(ctx, p, q) == 1;
}

/* Runs of axes with equal products are reshaped on their own: [N, 8, 8] to [N, 64] leaves N
 * alone. */
void reshape_index(Kernel *k, int from_rank, const Dim *from_dims, LX const *from, int to_rank,
                   const Dim *to_dims, LX *to) {
    DimContext *ctx = k->dims;
    int i = 0, j = 0;
    while (i < from_rank || j < to_rank) {
        int i0 = i, j0 = j;
        Dim p = i < from_rank ? from_dims[i++] : dim_int(ctx, 1);
        Dim q = j < to_rank ? to_dims[j++] : dim_int(ctx, 1);
        while (p != q) {
            if (i < from_rank && (j == to_rank || grows_first(ctx, p, q)))
                p = dim_mul(ctx, p, from_dims[i++]);
            else if (j < to_rank)
                q = dim_mul(ctx, q, to_dims[j++]);
            else
                break;
            require(p && q);
        }
        if (i - i0 == 1 && j - j0 == 1)
            to[j0] = from[i0];
        else
            delinearize(k, linearize(k, i - i0, from_dims + i0, from + i0), j - j0, to_dims + j0,
                        to + j0);
    }
}

static LX emit_reshape(Kernel *k, const Value *value, LX const *index) {
    const Value *x = value->def->operands[0];
    LX at[MAX_RANK] = {NULL};
    reshape_index(k, value->type.rank, value->type.dims, index, x->type.rank, x->type.dims, at);
    return emit_element(k, x, at);
}

/* ---- permutations, copies -------------------------------------------------------------------- */

static LX emit_transpose(Kernel *k, const Value *value, LX const *index) {
    const Value *x = value->def->operands[0];
    const Attr *perm = node_attr(value->def, "perm");
    LX at[MAX_RANK] = {NULL};
    for (int i = 0; i < x->type.rank; i++) {
        int from = perm->count ? normalize_axis(perm->ints[i], x->type.rank) : x->type.rank - 1 - i;
        at[from] = index[i];
    }
    return emit_element(k, x, at);
}

static LX emit_broadcast_to(Kernel *k, const Value *value, LX const *index) {
    const Value *x = value->def->operands[0];
    int shift = value->type.rank - x->type.rank;
    LX at[MAX_RANK] = {NULL};
    for (int i = 0; i < x->type.rank; i++) {
        bool stretched = dim_is(x->type.dims[i], 1) && !dim_is(value->type.dims[shift + i], 1);
        at[i] = stretched ? lx_int(k->b, 0) : index[shift + i];
    }
    return emit_element(k, x, at);
}

static LX emit_relayout(Kernel *k, const Value *value, LX const *index) {
    return emit_element(k, value->def->operands[0], index);
}

static LX emit_range(Kernel *k, const Value *value, LX const *index) {
    LX number = lx_add(k->b, index[0], lx_dim(k->b, node_attr(value->def, "start")->dims[0]));
    LX element = lx_cast(k->b, CAST_VALUE, compute_dtype(value->type.dtype), number);
    return round_to(k, element, value->type.dtype);
}

/* ---- joining and cutting --------------------------------------------------------------------- */

/* x under a condition, which guards its loads; null: always. */
static LX emit_where_valid(Kernel *k, const Value *x, LX const *index, LX condition) {
    Guards before = guard_push(k, condition);
    LX result = emit_element(k, x, index);
    guard_pop(k, before);
    return result;
}

static bool is_false(LX condition) {
    int64_t value;
    return condition && lx_is_int(condition, &value) && !value;
}

static LX emit_concat(Kernel *k, const Value *value, LX const *index) {
    const Node *node = value->def;
    int axis = normalize_axis(node_int(node, "axis"), value->type.rank);
    Dim begin = dim_int(k->dims, 0);
    LX result = NULL, at[MAX_RANK];
    memcpy(at, index, (size_t)value->type.rank * sizeof(LX));
    for (int i = 0; i < node->noperands; i++) {
        const Value *x = node->operands[i];
        at[axis] = lx_sub(k->b, index[axis], lx_dim(k->b, begin));
        LX inside = within(k, at[axis], x->type.dims[axis]);
        begin = dim_add(k->dims, begin, x->type.dims[axis]);
        if (is_false(inside) || dim_is(x->type.dims[axis], 0)) continue;
        LX element = emit_where_valid(k, x, at, inside);
        result = result && inside ? lx_select(k->b, inside, element, result) : element;
    }
    return result ? result : zero_of(k, ltype(compute_dtype(value->type.dtype), 1));
}

static LX emit_split(Kernel *k, const Value *value, LX const *index) {
    const Value *x = value->def->operands[0];
    int axis = normalize_axis(node_int(value->def, "axis"), x->type.rank);
    LX at[MAX_RANK] = {NULL};
    memcpy(at, index, (size_t)x->type.rank * sizeof(LX));
    Dim first = dim_mul(k->dims, dim_int(k->dims, value->index), value->type.dims[axis]);
    at[axis] = lx_add(k->b, index[axis], lx_dim(k->b, first));
    return emit_element(k, x, at);
}

static LX emit_slice(Kernel *k, const Value *value, LX const *index) {
    const Node *node = value->def;
    const Value *x = node->operands[0];
    const Attr *starts = node_attr(node, "starts"), *ends = node_attr(node, "ends");
    const Attr *axes = node_attr(node, "axes"), *steps = node_attr(node, "steps");
    LX at[MAX_RANK] = {NULL};
    memcpy(at, index, (size_t)x->type.rank * sizeof(LX));
    for (int i = 0; i < starts->count; i++) {
        int axis = normalize_axis(axes->count ? axes->ints[i] : i, x->type.rank);
        int64_t step = steps->count ? steps->ints[i] : 1;
        Dim first, count;
        bool known = slice_axis(k->dims, x->type.dims[axis], starts->ints[i], ends->ints[i], step,
                                &first, &count);
        require(known);
        at[axis] = lx_add(k->b, lx_muli(k->b, index[axis], step), lx_dim(k->b, first));
    }
    return emit_element(k, x, at);
}

static bool on_path(const Kernel *k, const Node *node) {
    for (int i = 0; i < k->path_length; i++)
        if (k->path[i] == node) return true;
    return false;
}

static LX border_value(Kernel *k, const Value *value) {
    LType type = ltype(compute_dtype(value->type.dtype), 1);
    double border = node_float(value->def, "value");
    LX x = dtype_is_float(type.dtype) ? lx_const(k->b, type, border)
                                      : lx_const_int(k->b, type, (int64_t)border);
    return round_to(k, x, value->type.dtype);
}

/* A pad on the way from the anchor to the root is either not left by the nest or known to be left:
 * see epilogue.c. */
static LX emit_pad(Kernel *k, const Value *value, LX const *index) {
    const Node *node = value->def;
    const Value *x = node->operands[0];
    const Attr *pads = node_attr(node, "pads");
    LX at[MAX_RANK] = {NULL}, inside = NULL;
    bool decided = on_path(k, node);
    if (decided && k->at_border) return border_value(k, value);
    for (int i = 0; i < x->type.rank; i++) {
        at[i] = lx_addi(k->b, index[i], -pads->ints[i]);
        if (decided || (pads->ints[i] <= 0 && pads->ints[x->type.rank + i] <= 0)) continue;
        inside = both(k, inside, within(k, at[i], x->type.dims[i]));
    }
    if (!inside) return emit_element(k, x, at);
    LX border = border_value(k, value);
    if (is_false(inside)) return border;
    return lx_select(k->b, inside, emit_where_valid(k, x, at, inside), border);
}

/* ---- indexing -------------------------------------------------------------------------------- */

LX clamp_index(Kernel *k, LX i, Dim extent) {
    LX last = lx_addi(k->b, lx_dim(k->b, extent), -1);
    return lx_binary(k->b, LB_MAX, lx_binary(k->b, LB_MIN, i, last), lx_int(k->b, 0));
}

static LX emit_gather(Kernel *k, const Value *value, LX const *index) {
    const Value *x = value->def->operands[0], *indices = value->def->operands[1];
    int axis = normalize_axis(node_int(value->def, "axis"), x->type.rank);
    int middle = indices->type.rank;
    LX picked = lx_cast(k->b, CAST_VALUE, DT_i64, emit_element(k, indices, index + axis));
    LX size = lx_dim(k->b, x->type.dims[axis]);
    LX negative = lx_binary(k->b, LB_LT, picked, lx_int(k->b, 0));
    picked = lx_select(k->b, negative, lx_add(k->b, picked, size), picked);
    LX at[MAX_RANK] = {NULL};
    for (int i = 0; i < axis; i++) at[i] = index[i];
    at[axis] = clamp_index(k, picked, x->type.dims[axis]);
    if (!k->probing) at[axis] = lb_let(k->b, "at", at[axis]);
    for (int i = axis + 1; i < x->type.rank; i++) at[i] = index[i - 1 + middle];
    LX some = within(k, lx_int(k->b, 0), x->type.dims[axis]);
    return emit_where_valid(k, x, at, some);
}

/* ---------------------------------------------------------------------------------------------- */

typedef LX MovementFunction(Kernel *k, const Value *value, LX const *index);

static MovementFunction *const rows[OP_COUNT] = {
    [OP_reshape] = emit_reshape,     [OP_flatten] = emit_reshape,
    [OP_transpose] = emit_transpose, [OP_broadcast_to] = emit_broadcast_to,
    [OP_concat] = emit_concat,       [OP_split] = emit_split,
    [OP_slice] = emit_slice,         [OP_pad] = emit_pad,
    [OP_gather] = emit_gather,       [OP_resize] = emit_resize,
    [OP_relayout] = emit_relayout,   [OP_range] = emit_range,
};

LX emit_movement(Kernel *k, const Value *value, LX const *index) {
    MovementFunction *emit = rows[value->def->op];
    require(emit);
    return emit(k, value, index);
}
