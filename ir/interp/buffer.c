/* Loads and stores between host tensors and the buffers that evaluators compute in. */
#include <string.h>

#include "ir/interp/eval.h"

/* The common types get plain loops; the rest goes element by element through tensor.h. */
#define LOAD_LOOP(ctype, convert)                                                                  \
    do {                                                                                           \
        const ctype *p = (const ctype *)tensor->data + at;                                         \
        for (int64_t i = 0; i < n; i++) out[i] = convert(p[i * stride]);                           \
    } while (0)

void load_f64(const Tensor *tensor, int64_t at, int64_t stride, int64_t n, double *out) {
    switch (tensor->dtype) {
    case DT_f32: LOAD_LOOP(float, (double)); break;
    case DT_f64: LOAD_LOOP(double, (double)); break;
    case DT_f16: LOAD_LOOP(uint16_t, (double)f16_to_f32); break;
    case DT_bf16: LOAD_LOOP(uint16_t, (double)bf16_to_f32); break;
    case DT_i8: LOAD_LOOP(int8_t, (double)); break;
    case DT_u8: LOAD_LOOP(uint8_t, (double)); break;
    default:
        for (int64_t i = 0; i < n; i++) out[i] = tensor_get(tensor, at + i * stride);
    }
}

void load_i64(const Tensor *tensor, int64_t at, int64_t stride, int64_t n, int64_t *out) {
    switch (tensor->dtype) {
    case DT_i8: LOAD_LOOP(int8_t, (int64_t)); break;
    case DT_u8: LOAD_LOOP(uint8_t, (int64_t)); break;
    case DT_i32: LOAD_LOOP(int32_t, (int64_t)); break;
    case DT_i64: LOAD_LOOP(int64_t, (int64_t)); break;
    default:
        for (int64_t i = 0; i < n; i++) out[i] = tensor_int(tensor, at + i * stride);
    }
}

#define STORE_LOOP(ctype, convert)                                                                 \
    do {                                                                                           \
        ctype *p = (ctype *)tensor->data + at;                                                     \
        for (int64_t i = 0; i < n; i++) p[i] = convert(values[i]);                                 \
    } while (0)

void store_f64(Tensor *tensor, int64_t at, int64_t n, const double *values) {
    switch (tensor->dtype) {
    case DT_f32: STORE_LOOP(float, (float)); break;
    case DT_f64: STORE_LOOP(double, (double)); break;
    default:
        for (int64_t i = 0; i < n; i++) tensor_set(tensor, at + i, values[i]);
    }
}

void store_i64(Tensor *tensor, int64_t at, int64_t n, const int64_t *values) {
    switch (tensor->dtype) {
    case DT_i32: STORE_LOOP(int32_t, (int32_t)); break;
    case DT_i64: STORE_LOOP(int64_t, (int64_t)); break;
    default:
        for (int64_t i = 0; i < n; i++) tensor_set_int(tensor, at + i, values[i]);
    }
}

/* Cell is a union of two 64-bit types, so an array of cells of one domain is an array
 * of that type. */
_Static_assert(sizeof(Cell) == sizeof(double) && sizeof(Cell) == sizeof(int64_t), "size of a cell");

void load_cells(const Tensor *tensor, int64_t at, int64_t stride, int64_t n, Cell *out) {
    if (computes_in_f64(tensor))
        load_f64(tensor, at, stride, n, &out->f);
    else
        load_i64(tensor, at, stride, n, &out->i);
}

void store_cells(Tensor *tensor, int64_t at, int64_t n, const Cell *values) {
    if (computes_in_f64(tensor))
        store_f64(tensor, at, n, &values->f);
    else
        store_i64(tensor, at, n, &values->i);
}

void row_major_strides(int rank, const int64_t *dims, int64_t strides[MAX_RANK]) {
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i] > 0 ? dims[i] : 1;
    }
}

void broadcast_strides(const Tensor *tensor, int rank, const int64_t *dims,
                       int64_t strides[MAX_RANK]) {
    int64_t own[MAX_RANK];
    require(tensor->rank <= rank);
    row_major_strides(tensor->rank, tensor->dims, own);
    int missing = rank - tensor->rank;
    for (int i = 0; i < rank; i++) {
        bool repeated = i < missing || (tensor->dims[i - missing] == 1 && dims[i] != 1);
        require(repeated || tensor->dims[i - missing] == dims[i]);
        strides[i] = repeated ? 0 : own[i - missing];
    }
}

AxisView axis_view(const Tensor *tensor, int64_t axis) {
    if (axis < 0) axis += tensor->rank;
    require(axis >= 0 && axis < tensor->rank);
    AxisView view = {1, tensor->dims[axis], 1};
    for (int64_t i = 0; i < axis; i++) view.outer *= tensor->dims[i];
    for (int64_t i = axis + 1; i < tensor->rank; i++) view.inner *= tensor->dims[i];
    return view;
}

/* ---- walking --------------------------------------------------------------------------------- */

/* Whether, for every array, stepping through axis i after axis i - 1 is one longer step through i -
 * 1's elements. */
static bool axes_merge(const Walk *w, int outer, const int64_t (*strides)[MAX_RANK], int inner,
                       int64_t inner_size) {
    for (int k = 0; k < w->narrays; k++)
        if (w->strides[k][outer] != strides[k][inner] * inner_size) return false;
    return true;
}

Walk walk_begin(int rank, const int64_t *dims, int narrays, const int64_t (*strides)[MAX_RANK],
                const int64_t *offsets) {
    Walk w = {.narrays = narrays};
    require(narrays <= WALK_MAX);
    for (int i = 0; i < rank; i++) {
        if (dims[i] == 0) w.done = true;
        if (dims[i] == 1) continue;
        int last = w.rank - 1;
        bool merge = w.rank > 0 && axes_merge(&w, last, strides, i, dims[i]);
        int axis = merge ? last : w.rank++;
        w.dims[axis] = merge ? w.dims[axis] * dims[i] : dims[i];
        for (int k = 0; k < narrays; k++) w.strides[k][axis] = strides[k][i];
    }
    w.length = w.rank > 0 ? w.dims[w.rank - 1] : 1;
    for (int k = 0; k < narrays; k++) {
        w.at[k] = offsets ? offsets[k] : 0;
        w.step[k] = w.rank > 0 ? w.strides[k][w.rank - 1] : 1;
    }
    return w;
}

bool walk_next(Walk *w) {
    if (w->done) return false;
    if (!w->started) return w->started = true;
    for (int axis = w->rank - 2; axis >= 0; axis--) {
        for (int k = 0; k < w->narrays; k++) w->at[k] += w->strides[k][axis];
        if (++w->index[axis] < w->dims[axis]) return true;
        for (int k = 0; k < w->narrays; k++) w->at[k] -= w->strides[k][axis] * w->dims[axis];
        w->index[axis] = 0;
    }
    w->done = true;
    return false;
}

#define COPY_LOOP(ctype)                                                                           \
    do {                                                                                           \
        ctype *d = (ctype *)destination + to;                                                      \
        const ctype *s = (const ctype *)source + from;                                             \
        for (int64_t i = 0; i < n; i++) d[i] = s[i * step];                                        \
    } while (0)

static void copy_run(void *destination, int64_t to, const void *source, int64_t from, int64_t step,
                     int64_t n, size_t bytes) {
    switch (bytes) {
    case 1: COPY_LOOP(uint8_t); break;
    case 2: COPY_LOOP(uint16_t); break;
    case 4: COPY_LOOP(uint32_t); break;
    case 8: COPY_LOOP(uint64_t); break;
    default: unreachable();
    }
}

void copy_strided(Tensor *destination, int64_t to, const Tensor *source, int64_t from, int rank,
                  const int64_t *dims, const int64_t strides[MAX_RANK]) {
    size_t bytes = dtype_bytes(source->dtype);
    require(destination->dtype == source->dtype);
    int64_t both[1][MAX_RANK];
    memcpy(both[0], strides, sizeof both[0]);
    Walk w = walk_begin(rank, dims, 1, both, &from);
    for (; walk_next(&w); to += w.length)
        copy_run(destination->data, to, source->data, w.at[0], w.step[0], w.length, bytes);
}
