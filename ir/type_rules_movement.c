/* Type rules of data movement: the same elements in another place, shape or layout. */
#include "ir/type_rules.h"

#include <string.h>

/* ---- reshaping ------------------------------------------------------------------------------- */

static bool needs_shape(TypeQuery *q, const Attr *shape, bool may_infer) {
    if (shape->count > MAX_RANK) {
        return rule_fail_attr(q, shape->name, "'%s' would yield rank %d, and the limit is %d",
                              rule_op_name(q), shape->count, MAX_RANK);
    }
    for (int i = 0; i < shape->count; i++) {
        int64_t least, greatest;
        dim_range(shape->dims[i], &least, &greatest);
        if (greatest >= 0 || (may_infer && dim_is(shape->dims[i], -1))) continue;
        return rule_fail_attr(q, shape->name, "'%s': dimension %d of %s is negative",
                              rule_op_name(q), i,
                              dims_text(q->dims, q->arena, shape->count, shape->dims));
    }
    return true;
}

static bool fail_element_counts(TypeQuery *q, const Attr *shape, Dim have, Dim want,
                                const char *why) {
    return rule_fail_attr(
        q, "shape", "'reshape' cannot turn %s into %s: %s elements %s %s", rule_type_text(q, 0),
        dims_text(q->dims, q->arena, shape->count, shape->dims), dim_text(q->dims, q->arena, have),
        why, dim_text(q->dims, q->arena, want));
}

bool type_reshape(TypeQuery *q) {
    const Attr *shape = rule_attr(q, "shape");
    if (!needs_shape(q, shape, true)) return false;
    Dim dims[MAX_RANK];
    Dim have = type_elements(q->dims, &q->operands[0]), known = dim_int(q->dims, 1);
    int open = -1;
    for (int i = 0; i < shape->count; i++) {
        dims[i] = shape->dims[i];
        if (!dim_is(dims[i], -1)) {
            known = dim_mul(q->dims, known, dims[i]);
        } else if (open < 0) {
            open = i;
        } else {
            return rule_fail_attr(q, "shape",
                                  "'reshape' can infer one dimension, and %s has two -1",
                                  dims_text(q->dims, q->arena, shape->count, shape->dims));
        }
    }
    if (!have || !known) return rule_fail(q, "'reshape': the number of elements overflows");
    if (open < 0) {
        if (have != known) return fail_element_counts(q, shape, have, known, "are not");
        return rule_result(q, q->operands[0].dtype, shape->count, dims, NULL);
    }
    if (dim_is(known, 0)) {
        return rule_fail_attr(q, "shape",
                              "'reshape' cannot infer -1 in %s: the others make 0 elements",
                              dims_text(q->dims, q->arena, shape->count, shape->dims));
    }
    dims[open] = dim_divide_exact(q->dims, have, known);
    if (!dims[open]) return fail_element_counts(q, shape, have, known, "are not a multiple of");
    return rule_result(q, q->operands[0].dtype, shape->count, dims, NULL);
}

bool type_flatten(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    int64_t axis = rule_attr(q, "axis")->i;
    if (axis < 0) axis += x->rank;
    if (axis < 0 || axis > x->rank) {
        return rule_fail_attr(q, "axis", "'flatten': axis %lld does not exist in %s",
                              (long long)rule_attr(q, "axis")->i, rule_type_text(q, 0));
    }
    Dim dims[2] = {dim_int(q->dims, 1), dim_int(q->dims, 1)};
    for (int i = 0; i < x->rank; i++) {
        dims[i >= axis] = dim_mul(q->dims, dims[i >= axis], x->dims[i]);
    }
    return rule_result(q, x->dtype, 2, dims, NULL);
}

bool type_transpose(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    const Attr *perm = rule_attr(q, "perm");
    Dim dims[MAX_RANK];
    uint32_t seen = 0;
    if (perm->count && perm->count != x->rank) {
        return rule_fail_attr(q, "perm", "'transpose' needs %d axes for %s, found %d", x->rank,
                              rule_type_text(q, 0), perm->count);
    }
    for (int i = 0; i < x->rank; i++) {
        int axis = x->rank - 1 - i;
        if (perm->count && !rule_axis(q, "perm", perm->ints[i], x->rank, &axis)) return false;
        if (seen >> axis & 1) {
            return rule_fail_attr(q, "perm", "'transpose' names axis %d twice", axis);
        }
        seen |= 1u << axis;
        dims[i] = x->dims[axis];
    }
    return rule_result(q, x->dtype, x->rank, dims, NULL);
}

bool type_broadcast_to(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    const Attr *shape = rule_attr(q, "shape");
    if (!needs_shape(q, shape, false)) return false;
    bool fits = x->rank <= shape->count;
    for (int i = 1; fits && i <= x->rank; i++) {
        Dim from = x->dims[x->rank - i], to = shape->dims[shape->count - i];
        fits = from == to || dim_is(from, 1);
    }
    if (!fits) {
        return rule_fail_attr(q, "shape", "'broadcast_to' cannot broadcast %s to %s",
                              rule_type_text(q, 0),
                              dims_text(q->dims, q->arena, shape->count, shape->dims));
    }
    return rule_result(q, x->dtype, shape->count, shape->dims, NULL);
}

bool type_relayout(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    LayoutRef layout = rule_attr(q, "layout")->layout;
    if (layout && !layout_valid(layout, x->rank)) {
        return rule_fail_attr(q, "layout", "'relayout': the layout does not fit %s",
                              rule_type_text(q, 0));
    }
    return rule_result(q, x->dtype, x->rank, x->dims, layout);
}

/* ---- numbers --------------------------------------------------------------------------------- */

bool type_range(TypeQuery *q) {
    DType dtype = rule_attr(q, "dtype")->dtype;
    Dim start = rule_attr(q, "start")->dims[0], stop = rule_attr(q, "stop")->dims[0];
    if (dtype == DT_bool) return rule_fail_attr(q, "dtype", "'range' yields numbers, not bool");
    Dim length = dim_max(q->dims, dim_sub(q->dims, stop, start), dim_int(q->dims, 0));
    if (!length) return rule_fail(q, "'range': the number of elements overflows");
    return rule_result(q, dtype, 1, &length, NULL);
}

/* ---- joining and cutting --------------------------------------------------------------------- */

/* Whether b can be joined to a along the axis. */
static bool needs_joinable(TypeQuery *q, int b, int axis) {
    const TensorType *first = &q->operands[0], *other = &q->operands[b];
    if (!rule_needs_same_dtype(q, 0, b)) return false;
    if (first->rank != other->rank) {
        return rule_fail_operand(q, b, "'concat' needs tensors of one rank, found %s and %s",
                                 rule_type_text(q, 0), rule_type_text(q, b));
    }
    for (int i = 0; i < first->rank; i++) {
        if (i == axis || first->dims[i] == other->dims[i]) continue;
        return rule_fail_operand(
            q, b, "'concat' along axis %d cannot join %s with %s: %s and %s differ in dimension %d",
            axis, rule_type_text(q, 0), rule_type_text(q, b),
            dim_text(q->dims, q->arena, first->dims[i]),
            dim_text(q->dims, q->arena, other->dims[i]), i);
    }
    return true;
}

bool type_concat(TypeQuery *q) {
    if (q->noperands == 0) return rule_fail(q, "'concat' needs at least one tensor");
    TensorType type = q->operands[0];
    int axis;
    if (!rule_axis(q, "axis", rule_attr(q, "axis")->i, type.rank, &axis)) return false;
    for (int i = 1; i < q->noperands; i++) {
        if (!needs_joinable(q, i, axis)) return false;
        type.dims[axis] = dim_add(q->dims, type.dims[axis], q->operands[i].dims[axis]);
        if (q->operands[i].layout != type.layout) type.layout = NULL;
    }
    return rule_result(q, type.dtype, type.rank, type.dims, type.layout);
}

bool type_split(TypeQuery *q) {
    TensorType type = q->operands[0];
    int64_t parts = rule_attr(q, "parts")->i;
    int axis;
    if (!rule_axis(q, "axis", rule_attr(q, "axis")->i, type.rank, &axis)) return false;
    if (parts < 1 || parts > MAX_RESULTS) {
        return rule_fail_attr(q, "parts", "'split' makes 1 to %d parts, not %lld", MAX_RESULTS,
                              (long long)parts);
    }
    Dim part = dim_divide_exact(q->dims, type.dims[axis], dim_int(q->dims, parts));
    if (!part) {
        return rule_fail_attr(q, "parts",
                              "'split' cannot cut dimension %d of %s into %lld equal parts", axis,
                              rule_type_text(q, 0), (long long)parts);
    }
    type.dims[axis] = part;
    for (int64_t i = 0; i < parts; i++) {
        if (!rule_result(q, type.dtype, type.rank, type.dims, type.layout)) return false;
    }
    return true;
}

/* ---- slices ---------------------------------------------------------------------------------- */

/* Ends beyond any real size, as ONNX writes them. */
static bool is_far(int64_t v) {
    return v >= INT32_MAX;
}
static bool is_far_below(int64_t v) {
    return v <= INT32_MIN;
}

static int64_t clamp(int64_t v, int64_t least, int64_t greatest) {
    return v < least ? least : v > greatest ? greatest : v;
}

static void slice_static(int64_t n, int64_t start, int64_t end, int64_t step, int64_t *first,
                         int64_t *count) {
    /* n is a size, so adding it to a negative index cannot overflow. */
    if (start < 0) start += n;
    if (end < 0 && !is_far_below(end)) end += n;
    int64_t least = step > 0 ? 0 : -1, greatest = step > 0 ? n : n - 1;
    start = clamp(start, least, greatest);
    end = clamp(end, least, greatest);
    uint64_t distance = step > 0 ? (end > start ? (uint64_t)(end - start) : 0)
                                 : (start > end ? (uint64_t)(start - end) : 0);
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    *first = start;
    *count = (int64_t)(distance / stride + (distance % stride != 0));
}

/* Number of indices start <= i < end of a symbolic size n, or null where the cases below do not
 * decide it. */
static Dim slice_length(DimContext *ctx, Dim n, int64_t start, int64_t end) {
    Dim zero = dim_int(ctx, 0);
    bool to_end = is_far(end);
    if (start >= 0 && (end >= 0 || to_end)) {
        if (!to_end && end <= start) return zero;
        Dim stop = to_end ? n : dim_min(ctx, dim_int(ctx, end), n);
        if (start == 0) return stop;
        if (to_end) return dim_max(ctx, dim_sub(ctx, n, dim_int(ctx, start)), zero);
        return dim_sub(ctx, stop, dim_min(ctx, dim_int(ctx, start), n));
    }
    if (start >= 0) { /* [start : -k] */
        Dim rest = dim_add(ctx, n, dim_int(ctx, end));
        return dim_max(ctx, dim_sub(ctx, rest, dim_int(ctx, start)), zero);
    }
    if (to_end) return dim_min(ctx, dim_int(ctx, -start), n); /* [-k :] */
    if (end >= 0) return NULL;
    if (end <= start) return zero;
    return dim_sub(ctx, dim_max(ctx, dim_add(ctx, n, dim_int(ctx, end)), zero),
                   dim_max(ctx, dim_add(ctx, n, dim_int(ctx, start)), zero));
}

bool slice_axis(DimContext *ctx, Dim n, int64_t start, int64_t end, int64_t step, Dim *first,
                Dim *count) {
    int64_t size, at, length;
    require(step != 0);
    if (dim_is_int(n, &size)) {
        slice_static(size, start, end, step, &at, &length);
        *first = dim_int(ctx, at);
        *count = dim_int(ctx, length);
        return true;
    }
    if (step < 0) { /* only the whole axis, reversed */
        if ((start != -1 && !is_far(start)) || !is_far_below(end) || is_far_below(step))
            return false;
        *first = dim_sub(ctx, n, dim_int(ctx, 1));
        *count = dim_ceildiv(ctx, n, dim_int(ctx, -step));
        return *first && *count;
    }
    if (is_far_below(start)) start = 0;
    if (is_far_below(end) || is_far(start)) {
        *first = *count = dim_int(ctx, 0);
        return true;
    }
    Dim span = slice_length(ctx, n, start, end);
    *first = start >= 0 ? dim_int(ctx, start)
                        : dim_max(ctx, dim_add(ctx, n, dim_int(ctx, start)), dim_int(ctx, 0));
    *count = step == 1 ? span : dim_ceildiv(ctx, span, dim_int(ctx, step));
    return *first && *count;
}

static bool slice_one(TypeQuery *q, TensorType *type, int i, uint32_t *seen) {
    const Attr *axes = rule_attr(q, "axes"), *steps = rule_attr(q, "steps");
    int64_t start = rule_attr(q, "starts")->ints[i], end = rule_attr(q, "ends")->ints[i];
    int64_t step = steps->count ? steps->ints[i] : 1;
    int axis;
    if (!rule_axis(q, "axes", axes->count ? axes->ints[i] : i, type->rank, &axis)) return false;
    if (*seen >> axis & 1) return rule_fail_attr(q, "axes", "'slice' names axis %d twice", axis);
    *seen |= 1u << axis;
    if (step == 0) return rule_fail_attr(q, "steps", "'slice' needs steps other than 0");
    Dim first;
    if (!slice_axis(q->dims, type->dims[axis], start, end, step, &first, &type->dims[axis])) {
        return rule_fail_attr(
            q, "starts",
            "'slice' of dimension %d of %s from %lld to %lld with step %lld depends "
            "on a symbol's value; give it with -bind",
            axis, rule_type_text(q, 0), (long long)start, (long long)end, (long long)step);
    }
    return true;
}

bool type_slice(TypeQuery *q) {
    TensorType type = q->operands[0];
    int count = rule_attr(q, "starts")->count;
    uint32_t seen = 0;
    static const char *const lists[] = {"ends", "axes", "steps"};
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const Attr *list = rule_attr(q, lists[i]);
        if (list->count == count || (i > 0 && list->count == 0)) continue;
        return rule_fail_attr(q, lists[i], "'slice' has %d starts but %d %s", count, list->count,
                              lists[i]);
    }
    if (count > type.rank) {
        return rule_fail_attr(q, "starts", "'slice' cuts %d axes, and %s has %d", count,
                              rule_type_text(q, 0), type.rank);
    }
    for (int i = 0; i < count; i++) {
        if (!slice_one(q, &type, i, &seen)) return false;
    }
    return rule_result(q, type.dtype, type.rank, type.dims, type.layout);
}

/* ---- padding, indexing, images --------------------------------------------------------------- */

bool type_pad(TypeQuery *q) {
    TensorType type = q->operands[0];
    const Attr *pads = rule_attr(q, "pads");
    if (pads->count != 2 * type.rank) {
        return rule_fail_attr(q, "pads", "'pad' needs %d numbers for %s, found %d", 2 * type.rank,
                              rule_type_text(q, 0), pads->count);
    }
    if (!dtype_represents(type.dtype, rule_attr(q, "value")->f)) {
        return rule_fail_attr(q, "value", "'pad': the value cannot be represented in %s",
                              dtype_name(type.dtype));
    }
    for (int i = 0; i < pads->count; i++) {
        if (is_far_below(pads->ints[i])) {
            return rule_fail_attr(q, "pads", "'pad' needs numbers above %lld, found %lld",
                                  (long long)INT32_MIN, (long long)pads->ints[i]);
        }
        Dim *dim = &type.dims[i % type.rank];
        *dim = dim_add(q->dims, *dim, dim_int(q->dims, pads->ints[i]));
    }
    return rule_result(q, type.dtype, type.rank, type.dims, type.layout);
}

bool type_gather(TypeQuery *q) {
    const TensorType *x = &q->operands[0], *indices = &q->operands[1];
    int axis, rank = x->rank + indices->rank - 1;
    if (!rule_axis(q, "axis", rule_attr(q, "axis")->i, x->rank, &axis)) return false;
    if (indices->dtype != DT_i32 && indices->dtype != DT_i64) {
        return rule_fail_operand(q, 1, "'gather' expects i32 or i64 indices, found %s",
                                 rule_type_text(q, 1));
    }
    if (dim_is(x->dims[axis], 0)) {
        return rule_fail_operand(q, 0, "'gather' cannot pick from dimension %d of %s: it is empty",
                                 axis, rule_type_text(q, 0));
    }
    if (rank > MAX_RANK) {
        return rule_fail(q, "'gather' of %s by %s would yield rank %d, and the limit is %d",
                         rule_type_text(q, 0), rule_type_text(q, 1), rank, MAX_RANK);
    }
    Dim dims[MAX_RANK];
    for (int i = 0; i < rank; i++) {
        dims[i] = i < axis                   ? x->dims[i]
                  : i < axis + indices->rank ? indices->dims[i - axis]
                                             : x->dims[i - indices->rank + 1];
    }
    return rule_result(q, x->dtype, rank, dims, NULL);
}

bool type_resize(TypeQuery *q) {
    TensorType type = q->operands[0];
    const Attr *size = rule_attr(q, "size"), *mode = rule_attr(q, "mode");
    if (!rule_needs_rank(q, 0, 2, MAX_RANK)) return false;
    if (size->count != 2) {
        return rule_fail_attr(q, "size", "'resize' needs a size of 2 dimensions, found %d",
                              size->count);
    }
    bool linear = !strcmp(mode->s, "linear");
    if (!linear && strcmp(mode->s, "nearest") != 0) {
        return rule_fail_attr(q, "mode", "'resize' knows the modes nearest and linear, not '%s'",
                              mode->s);
    }
    if (linear && !rule_needs_float(q, 0)) return false;
    for (int i = 0; i < 2; i++) {
        Dim *dim = &type.dims[type.rank - 2 + i];
        int64_t least, greatest;
        dim_range(size->dims[i], &least, &greatest);
        if (greatest < 1) {
            return rule_fail_attr(q, "size", "'resize' needs sizes greater than 0, found %s",
                                  dims_text(q->dims, q->arena, 2, size->dims));
        }
        if (dim_is(*dim, 0)) {
            return rule_fail_operand(q, 0, "'resize' needs an image, found %s, which has no pixels",
                                     rule_type_text(q, 0));
        }
        *dim = size->dims[i];
    }
    return rule_result(q, type.dtype, type.rank, type.dims, type.layout);
}
