/* Movement operators: elements keep their value and change their place. resize, whose linear mode
 * mixes neighbours, is in resize.c. */
#include <string.h>

#include "ir/interp/eval.h"

static char *bytes_at(const Tensor *tensor, int64_t element) {
    return (char *)tensor->data + (size_t)element * dtype_bytes(tensor->dtype);
}

static void copy_elements(const Tensor *destination, int64_t to, const Tensor *source, int64_t from,
                          int64_t count) {
    if (count > 0)
        memcpy(bytes_at(destination, to), bytes_at(source, from),
               (size_t)count * dtype_bytes(source->dtype));
}

bool eval_range(const Eval *e) {
    Tensor *y = &e->results[0];
    int64_t start;
    if (!dim_eval(node_attr(e->node, "start")->dims[0], e->symbols, &start))
        return eval_error(e, "the first number overflows");
    for (int64_t i = 0; i < y->dims[0]; i++) {
        int64_t number = wrap_add(start, i);
        double real = (double)number;
        if (computes_in_f64(y))
            store_f64(y, i, 1, &real);
        else
            store_i64(y, i, 1, &number);
    }
    return true;
}

/* reshape, flatten, relayout: the same elements in the same order. */
bool eval_copy(const Eval *e) {
    const Tensor *x = &e->operands[0], *y = &e->results[0];
    if (x->bytes != y->bytes)
        return eval_error(e, "%s cannot become %s: the numbers of elements differ",
                          tensor_type_text(e->scratch, x), tensor_type_text(e->scratch, y));
    copy_elements(y, 0, x, 0, tensor_elements(x));
    return true;
}

bool eval_transpose(const Eval *e) {
    const Tensor *x = &e->operands[0];
    Tensor *y = &e->results[0];
    const Attr *perm = node_attr(e->node, "perm");
    int64_t own[MAX_RANK], strides[MAX_RANK];
    row_major_strides(x->rank, x->dims, own);
    for (int i = 0; i < x->rank; i++) {
        int64_t from = perm->count > 0 ? perm->ints[i] : x->rank - 1 - i;
        if (from < 0) from += x->rank;
        strides[i] = own[from];
    }
    copy_strided(y, 0, x, 0, y->rank, y->dims, strides);
    return true;
}

bool eval_broadcast_to(const Eval *e) {
    Tensor *y = &e->results[0];
    int64_t strides[MAX_RANK];
    broadcast_strides(&e->operands[0], y->rank, y->dims, strides);
    copy_strided(y, 0, &e->operands[0], 0, y->rank, y->dims, strides);
    return true;
}

bool eval_concat(const Eval *e) {
    const Tensor *y = &e->results[0];
    int64_t axis = node_int(e->node, "axis"), at = 0;
    AxisView whole = axis_view(y, axis);
    for (int k = 0; k < e->node->noperands; k++) {
        AxisView part = axis_view(&e->operands[k], axis);
        int64_t run = part.size * part.inner;
        for (int64_t o = 0; o < whole.outer; o++)
            copy_elements(y, (o * whole.size + at) * whole.inner, &e->operands[k], o * run, run);
        at += part.size;
    }
    require(at == whole.size);
    return true;
}

bool eval_split(const Eval *e) {
    const Tensor *x = &e->operands[0];
    int64_t axis = node_int(e->node, "axis"), at = 0;
    AxisView whole = axis_view(x, axis);
    if (whole.size % e->node->nresults != 0)
        return eval_error(e, "axis %lld of %s cannot be split into %d equal parts", (long long)axis,
                          tensor_type_text(e->scratch, x), e->node->nresults);
    for (int k = 0; k < e->node->nresults; k++) {
        AxisView part = axis_view(&e->results[k], axis);
        int64_t run = part.size * part.inner;
        for (int64_t o = 0; o < whole.outer; o++)
            copy_elements(&e->results[k], o * run, x, (o * whole.size + at) * whole.inner, run);
        at += part.size;
    }
    return true;
}

static int64_t clamp(int64_t value, int64_t least, int64_t greatest) {
    return value < least ? least : value > greatest ? greatest : value;
}

/* First index of a slice of an axis: negative counts from the end; clamped to what a step in that
 * direction can start at. */
static int64_t slice_start(int64_t start, int64_t step, int64_t size) {
    if (start < 0) start = start < -size ? -1 : start + size;
    return step > 0 ? clamp(start, 0, size) : clamp(start, 0, size - 1);
}

bool eval_slice(const Eval *e) {
    const Tensor *x = &e->operands[0];
    Tensor *y = &e->results[0];
    const Attr *starts = node_attr(e->node, "starts"), *axes = node_attr(e->node, "axes");
    const Attr *steps = node_attr(e->node, "steps");
    int64_t strides[MAX_RANK], from = 0;
    row_major_strides(x->rank, x->dims, strides);
    for (int i = 0; i < starts->count; i++) {
        int64_t axis = axes->count > 0 ? axes->ints[i] : i;
        if (axis < 0) axis += x->rank;
        int64_t step = steps->count > 0 ? steps->ints[i] : 1;
        int64_t first = slice_start(starts->ints[i], step, x->dims[axis]);
        int64_t count = y->dims[axis];
        if (count == 0) continue;
        int64_t last; /* the type rule and the clamping above must tell the same story */
        require(checked_mul(count - 1, step, &last) && checked_add(first, last, &last));
        require(first >= 0 && first < x->dims[axis] && last >= 0 && last < x->dims[axis]);
        from += first * strides[axis];
        strides[axis] = count > 1 ? strides[axis] * step : 0;
    }
    copy_strided(y, 0, x, from, y->rank, y->dims, strides);
    return true;
}

/* Copies what stays of x to where the begins of the padding put it. */
static void copy_inside(Tensor *y, const Tensor *x, const int64_t *begins) {
    int64_t strides[2][MAX_RANK], offsets[2] = {0, 0}, dims[MAX_RANK];
    row_major_strides(x->rank, x->dims, strides[0]);
    row_major_strides(y->rank, y->dims, strides[1]);
    for (int i = 0; i < y->rank; i++) {
        int64_t first = begins[i] < 0 ? -begins[i] : 0, last; /* indices of x; last is excluded */
        if (!checked_sub(y->dims[i], begins[i], &last) || last > x->dims[i]) last = x->dims[i];
        if (last <= first) return;
        dims[i] = last - first;
        offsets[0] += first * strides[0][i];
        offsets[1] += (first + begins[i]) * strides[1][i];
    }
    Walk w = walk_begin(x->rank, dims, 2, strides, offsets);
    while (walk_next(&w))
        for (int64_t i = 0; i < w.length; i++)
            copy_elements(y, w.at[1] + i * w.step[1], x, w.at[0] + i * w.step[0], 1);
}

bool eval_pad(const Eval *e) {
    Tensor *y = &e->results[0];
    const Attr *pads = node_attr(e->node, "pads");
    double value = node_float(e->node, "value");
    int64_t count = tensor_elements(y);
    for (int64_t i = 0; value != 0 && i < count; i++) tensor_set(y, i, value);
    copy_inside(y, &e->operands[0], pads->ints);
    return true;
}

bool eval_gather(const Eval *e) {
    const Tensor *x = &e->operands[0], *indices = &e->operands[1], *y = &e->results[0];
    AxisView view = axis_view(x, node_int(e->node, "axis"));
    int64_t count = tensor_elements(indices);
    if (view.size == 0 && tensor_elements(y) > 0)
        return eval_error(e, "nothing can be gathered from an axis of size 0 of %s",
                          tensor_type_text(e->scratch, x));
    for (int64_t o = 0; view.size > 0 && o < view.outer; o++) {
        for (int64_t i = 0; i < count; i++) {
            int64_t index = tensor_int(indices, i);
            if (index < 0) index += view.size;
            index = clamp(index, 0, view.size - 1);
            copy_elements(y, (o * count + i) * view.inner, x, (o * view.size + index) * view.inner,
                          view.inner);
        }
    }
    return true;
}
