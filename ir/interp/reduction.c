/* Reductions along whole axes. */
#include <math.h>

#include "ir/interp/eval.h"

/* ---- reduce_*: one row each ------------------------------------------------------------------ */

typedef struct Reducer {
    double first_float; /* the value over nothing */
    double (*float_step)(double total, double x);
    int64_t (*int_step)(int64_t total, int64_t x);
    int64_t first_int;
    bool is_mean;
    bool from_least, from_greatest; /* over nothing, an integer is that one of its type */
} Reducer;

static double sum_floats(double total, double x) {
    return total + x;
}
static int64_t sum_ints(int64_t total, int64_t x) {
    return wrap_add(total, x);
}
static double multiply_floats(double total, double x) {
    return total * x;
}
static int64_t multiply_ints(int64_t total, int64_t x) {
    return wrap_mul(total, x);
}
static int64_t larger_int(int64_t total, int64_t x) {
    return x > total ? x : total;
}
static int64_t smaller_int(int64_t total, int64_t x) {
    return x < total ? x : total;
}

static const Reducer reducers[OP_COUNT] = {
    [OP_reduce_sum] = {.float_step = sum_floats, .int_step = sum_ints},
    [OP_reduce_mean] = {.float_step = sum_floats, .is_mean = true},
    [OP_reduce_max] = {-INFINITY, nan_max, larger_int, .from_least = true},
    [OP_reduce_min] = {INFINITY, nan_min, smaller_int, .from_greatest = true},
    [OP_reduce_prod] = {1, multiply_floats, multiply_ints, .first_int = 1},
    [OP_global_avg_pool] = {.float_step = sum_floats, .is_mean = true},
    [OP_global_max_pool] = {-INFINITY, nan_max, larger_int, .from_least = true},
};

static Cell first_total(const Reducer *r, const Tensor *x) {
    if (computes_in_f64(x)) return (Cell){.f = r->first_float};
    if (r->from_least) return (Cell){.i = dtype_min(x->dtype)};
    if (r->from_greatest) return (Cell){.i = dtype_max(x->dtype)};
    return (Cell){.i = r->first_int};
}

/* Adds a run of x to totals; total_step 0: all to one total, else one total each. */
static void reduce_run(const Reducer *r, const Tensor *x, int64_t from, int64_t step, Cell *totals,
                       int64_t total_step, int64_t length) {
    enum { BLOCK = 512 };
    Cell values[BLOCK];
    for (int64_t begin = 0; begin < length; begin += BLOCK) {
        int64_t n = length - begin < BLOCK ? length - begin : BLOCK;
        load_cells(x, from + begin * step, step, n, values);
        Cell *to = totals + begin * total_step;
        if (computes_in_f64(x))
            for (int64_t i = 0; i < n; i++)
                to[i * total_step].f = r->float_step(to[i * total_step].f, values[i].f);
        else
            for (int64_t i = 0; i < n; i++)
                to[i * total_step].i = r->int_step(to[i * total_step].i, values[i].i);
    }
}

/* Reads x once in memory order; totals has one cell a result element and stride 0 along reduced
 * axes. */
static bool reduce_axes(const Eval *e, const bool reduced[MAX_RANK]) {
    const Reducer *r = &reducers[e->node->op];
    const Tensor *x = &e->operands[0];
    Tensor *y = &e->results[0];
    int64_t count = tensor_elements(y), strides[2][MAX_RANK], stride = 1, each = 1;
    row_major_strides(x->rank, x->dims, strides[0]);
    for (int i = x->rank - 1; i >= 0; i--) {
        strides[1][i] = reduced[i] ? 0 : stride;
        if (reduced[i])
            each *= x->dims[i];
        else
            stride *= x->dims[i];
    }
    Cell *totals = arena_array(e->scratch, Cell, (size_t)count);
    for (int64_t i = 0; i < count; i++) totals[i] = first_total(r, x);
    Walk w = walk_begin(x->rank, x->dims, 2, strides, 0);
    while (walk_next(&w))
        reduce_run(r, x, w.at[0], w.step[0], totals + w.at[1], w.step[1], w.length);
    for (int64_t i = 0; r->is_mean && i < count; i++) totals[i].f /= (double)each;
    store_cells(y, 0, count, totals);
    return true;
}

bool eval_reduce(const Eval *e) {
    const Attr *axes = node_attr(e->node, "axes");
    int rank = e->operands[0].rank;
    bool reduced[MAX_RANK] = {false};
    for (int i = 0; i < rank && axes->count == 0; i++) reduced[i] = true;
    for (int i = 0; i < axes->count; i++)
        reduced[axes->ints[i] < 0 ? axes->ints[i] + rank : axes->ints[i]] = true;
    return reduce_axes(e, reduced);
}

/* global_avg_pool, global_max_pool: all axes after the second. */
bool eval_global_pool(const Eval *e) {
    bool reduced[MAX_RANK] = {false};
    for (int i = 2; i < e->operands[0].rank; i++) reduced[i] = true;
    return reduce_axes(e, reduced);
}

/* ---- argmax ---------------------------------------------------------------------------------- */

/* Whether x comes before best as the largest: strictly larger, or the first NaN. */
static bool beats(bool floats, Cell x, Cell best) {
    if (!floats) return x.i > best.i;
    return x.f > best.f || (x.f != x.f && best.f == best.f);
}

/* Over an axis of size 0 the index is 0. */
bool eval_argmax(const Eval *e) {
    const Tensor *x = &e->operands[0];
    Tensor *y = &e->results[0];
    AxisView view = axis_view(x, node_int(e->node, "axis"));
    bool floats = computes_in_f64(x);
    Cell *row = arena_array(e->scratch, Cell, (size_t)view.inner);
    Cell *best = arena_array(e->scratch, Cell, (size_t)view.inner);
    for (int64_t o = 0; o < view.outer && view.size > 0; o++) {
        load_cells(x, o * view.size * view.inner, 1, view.inner, best);
        for (int64_t k = 1; k < view.size; k++) {
            load_cells(x, (o * view.size + k) * view.inner, 1, view.inner, row);
            for (int64_t i = 0; i < view.inner; i++) {
                if (!beats(floats, row[i], best[i])) continue;
                best[i] = row[i];
                tensor_set_int(y, o * view.inner + i, k);
            }
        }
    }
    return true;
}

/* ---- softmax --------------------------------------------------------------------------------- */

/* One column of n elements in f64. The maximum is NaN if any element is, and then so is the whole
 * column. */
static void softmax_column(double *x, int64_t n) {
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) largest = nan_max(largest, x[i]);
    for (int64_t i = 0; i < n; i++) sum += x[i] = exp(x[i] - largest);
    for (int64_t i = 0; i < n; i++) x[i] /= sum;
}

bool eval_softmax(const Eval *e) {
    const Tensor *x = &e->operands[0];
    Tensor *y = &e->results[0];
    AxisView view = axis_view(x, node_int(e->node, "axis"));
    double *column = arena_array(e->scratch, double, (size_t)view.size);
    for (int64_t o = 0; o < view.outer; o++) {
        for (int64_t i = 0; i < view.inner; i++) {
            int64_t at = o * view.size * view.inner + i;
            load_f64(x, at, view.inner, view.size, column);
            softmax_column(column, view.size);
            if (view.inner == 1) {
                store_f64(y, at, view.size, column);
                continue;
            }
            for (int64_t k = 0; k < view.size; k++) tensor_set(y, at + k * view.inner, column[k]);
        }
    }
    return true;
}
