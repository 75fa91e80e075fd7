/* Sliding windows without weights. Padding takes no part: it never wins a maximum and is not
 * counted in a mean. */
#include <math.h>

#include "ir/interp/eval.h"

typedef struct Pool {
    int64_t h, w, out_h, out_w;
    const int64_t *kernel, *stride, *pad;
} Pool;

static Pool pool_of(const Eval *e) {
    const int64_t *x = e->operands[0].dims, *y = e->results[0].dims;
    const Attr *kernel = node_attr(e->node, "kernel"), *stride = node_attr(e->node, "stride");
    return (Pool){.h = x[2],
                  .w = x[3],
                  .out_h = y[2],
                  .out_w = y[3],
                  .kernel = kernel->ints,
                  .stride = stride->count > 0 ? stride->ints : kernel->ints,
                  .pad = node_attr(e->node, "pad")->ints};
}

/* A window of one plane, cut to the image. */
typedef struct Window {
    int64_t top, bottom, left, right;
} Window;

static Window window_at(const Pool *p, int64_t i, int64_t j) {
    int64_t top = i * p->stride[0] - p->pad[0], left = j * p->stride[1] - p->pad[1];
    int64_t bottom = top + p->kernel[0], right = left + p->kernel[1];
    return (Window){top > 0 ? top : 0, bottom < p->h ? bottom : p->h, left > 0 ? left : 0,
                    right < p->w ? right : p->w};
}

static Cell window_max(const Pool *p, bool floats, const Cell *plane, Window v, Cell nothing) {
    Cell best = nothing;
    for (int64_t i = v.top; i < v.bottom; i++) {
        for (int64_t j = v.left; j < v.right; j++) {
            Cell x = plane[i * p->w + j];
            if (floats)
                best.f = nan_max(best.f, x.f);
            else if (x.i > best.i)
                best.i = x.i;
        }
    }
    return best;
}

bool eval_max_pool2d(const Eval *e) {
    const Tensor *x = &e->operands[0];
    const Pool p = pool_of(e);
    bool floats = computes_in_f64(x);
    Cell nothing = floats ? (Cell){.f = -INFINITY} : (Cell){.i = dtype_min(x->dtype)};
    Cell *plane = arena_array(e->scratch, Cell, (size_t)(p.h * p.w));
    Cell *result = arena_array(e->scratch, Cell, (size_t)(p.out_h * p.out_w));
    for (int64_t n = 0; n < x->dims[0] * x->dims[1]; n++) {
        load_cells(x, n * p.h * p.w, 1, p.h * p.w, plane);
        for (int64_t i = 0; i < p.out_h; i++)
            for (int64_t j = 0; j < p.out_w; j++)
                result[i * p.out_w + j] =
                    window_max(&p, floats, plane, window_at(&p, i, j), nothing);
        store_cells(&e->results[0], n * p.out_h * p.out_w, p.out_h * p.out_w, result);
    }
    return true;
}

/* NaN for a window that lies wholly in the padding. */
static double window_mean(const Pool *p, const double *plane, Window v) {
    double sum = 0;
    if (v.top >= v.bottom || v.left >= v.right) return NAN;
    for (int64_t i = v.top; i < v.bottom; i++)
        for (int64_t j = v.left; j < v.right; j++) sum += plane[i * p->w + j];
    return sum / (double)((v.bottom - v.top) * (v.right - v.left));
}

bool eval_avg_pool2d(const Eval *e) {
    const Tensor *x = &e->operands[0];
    const Pool p = pool_of(e);
    double *plane = arena_array(e->scratch, double, (size_t)(p.h * p.w));
    double *result = arena_array(e->scratch, double, (size_t)(p.out_h * p.out_w));
    for (int64_t n = 0; n < x->dims[0] * x->dims[1]; n++) {
        load_f64(x, n * p.h * p.w, 1, p.h * p.w, plane);
        for (int64_t i = 0; i < p.out_h; i++)
            for (int64_t j = 0; j < p.out_w; j++)
                result[i * p.out_w + j] = window_mean(&p, plane, window_at(&p, i, j));
        store_f64(&e->results[0], n * p.out_h * p.out_w, p.out_h * p.out_w, result);
    }
    return true;
}
