/* Inside the reference interpreter: what an operator's evaluator gets, and the few tools they
 * share.
 *
 * An evaluator computes all results of one node from complete operands. Operands are loaded into
 * buffers of doubles or 64-bit integers, computed on there, and rounded once when stored. */
#ifndef NNC_IR_INTERP_EVAL_H
#define NNC_IR_INTERP_EVAL_H

#include "ir/graph.h"

typedef struct Eval {
    const Node *node;
    const Tensor *operands; /* node->noperands; read-only */
    Tensor *results;        /* node->nresults: type, shape and zeroed data */
    const int64_t *symbols; /* values by number; null where the graph has none */
    Arena *scratch;         /* gone after this node */
    Diag *diag;             /* null: faults are not reported */
} Eval;

/* False after eval_error. */
typedef bool Evaluator(const Eval *e);

/* The operands cannot be evaluated (sizes that only a run shows): tells the user; returns false. */
bool eval_error(const Eval *e, const char *format, ...) PRINTF_LIKE(2, 3);

/* Null for operators that need no evaluator of their own: sources and fused. */
Evaluator *interp_evaluator(OpKind op);
/* Whether the pointwise table has a row for op. */
bool pointwise_has(OpKind op);

Evaluator eval_pointwise, eval_cast, eval_quantize, eval_dequantize;
Evaluator eval_copy, eval_transpose, eval_broadcast_to, eval_concat, eval_split, eval_slice,
    eval_pad, eval_gather, eval_resize, eval_range;
Evaluator eval_reduce, eval_argmax, eval_softmax;
Evaluator eval_cumsum;
Evaluator eval_matmul, eval_dense, eval_conv2d, eval_conv_transpose2d;
Evaluator eval_max_pool2d, eval_avg_pool2d;
Evaluator eval_batch_norm, eval_layer_norm;
Evaluator eval_global_pool; /* global_avg_pool and global_max_pool share one */

/* Whether the inputs have their graph's types, the symbols having these values. */
bool interp_check_inputs(const Graph *graph, const Tensor *inputs, const int64_t *symbols,
                         Diag *diag);

/* ---- buffers --------------------------------------------------------------------------------- */

/* n elements at, at + stride, ... of a tensor as doubles (floats; integers exactly up to 2^53) or
 * integers. */
void load_f64(const Tensor *tensor, int64_t at, int64_t stride, int64_t n, double *out);
void load_i64(const Tensor *tensor, int64_t at, int64_t stride, int64_t n, int64_t *out);
/* n elements from at on, rounded or wrapped to the tensor's type. */
void store_f64(Tensor *tensor, int64_t at, int64_t n, const double *values);
void store_i64(Tensor *tensor, int64_t at, int64_t n, const int64_t *values);

/* One number in the domain in which a tensor is computed on: doubles for floats, i64 for integers
 * and bool. */
typedef union Cell {
    double f;
    int64_t i;
} Cell;

static inline bool computes_in_f64(const Tensor *tensor) {
    return dtype_is_float(tensor->dtype);
}
void load_cells(const Tensor *tensor, int64_t at, int64_t stride, int64_t n, Cell *out);
void store_cells(Tensor *tensor, int64_t at, int64_t n, const Cell *values);

/* Integers wrap, at 64 bits and again when stored. */
static inline int64_t wrap_add(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t wrap_sub(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static inline int64_t wrap_mul(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a * (uint64_t)b);
}
/* The larger and the smaller of two; NaN if either is. */
static inline double nan_max(double a, double b) {
    return a != a || a > b ? a : b;
}
static inline double nan_min(double a, double b) {
    return a != a || a < b ? a : b;
}

/* ---- walking several arrays at once ---------------------------------------------------------- */

enum { WALK_MAX = 4 };

/* Visits all indices of a shape in row-major order, in runs along the innermost axis. Array k's
 * element of an index lies at offset[k] + the sum of index * stride[k]. Axes along which all arrays
 * are contiguous are merged, so runs are long.
 *
 *     Walk w = walk_begin(rank, dims, n, strides, offsets);
 *     while (walk_next(&w)) ... w.length elements of array k at w.at[k], w.at[k] + w.step[k] ... */
typedef struct Walk {
    int rank, narrays;
    int64_t dims[MAX_RANK];
    int64_t strides[WALK_MAX][MAX_RANK];
    int64_t index[MAX_RANK];
    int64_t at[WALK_MAX];
    int64_t step[WALK_MAX];
    int64_t length;
    bool started, done;
} Walk;

Walk walk_begin(int rank, const int64_t *dims, int narrays, const int64_t (*strides)[MAX_RANK],
                const int64_t *offsets);
bool walk_next(Walk *w);

void row_major_strides(int rank, const int64_t *dims, int64_t strides[MAX_RANK]);
/* Strides by which a tensor is read under a shape that it is broadcast to: 0
 * along repeated axes. */
void broadcast_strides(const Tensor *tensor, int rank, const int64_t *dims,
                       int64_t strides[MAX_RANK]);
/* Copies the elements of source that the strides and offset pick, one per index of dims, to
 * consecutive elements of destination from `to` on. The element types are the same. */
void copy_strided(Tensor *destination, int64_t to, const Tensor *source, int64_t from, int rank,
                  const int64_t *dims, const int64_t strides[MAX_RANK]);

/* Products of the sizes before and after an axis, which may count from the end. */
typedef struct AxisView {
    int64_t outer, size, inner;
} AxisView;
AxisView axis_view(const Tensor *tensor, int64_t axis);

#endif
