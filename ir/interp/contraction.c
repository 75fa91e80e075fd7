/* Contractions: sums of products, accumulated in f64 (integers exactly, modulo 2^64) and rounded
 * once.
 *
 * Operands become arrays of cells; the loops are the textbook's, with the innermost one over
 * consecutive cells. */
#include <string.h>

#include "ir/interp/eval.h"

/* to[i] += a * x[i * stride] for i < n. */
static void add_scaled(bool floats, Cell *to, Cell a, const Cell *x, int64_t stride, int64_t n) {
    if (floats && stride == 1)
        for (int64_t i = 0; i < n; i++) to[i].f += a.f * x[i].f;
    else if (floats)
        for (int64_t i = 0; i < n; i++) to[i].f += a.f * x[i * stride].f;
    else
        for (int64_t i = 0; i < n; i++) to[i].i = wrap_add(to[i].i, wrap_mul(a.i, x[i * stride].i));
}

/* Four sums at a time: one alone would wait for each addition to finish. */
static double dot_floats(const Cell *a, const Cell *b, int64_t n) {
    double sums[4] = {0};
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++) sums[k] += a[i + k].f * b[i + k].f;
    for (; i < n; i++) sums[0] += a[i].f * b[i].f;
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

static Cell dot(bool floats, const Cell *a, const Cell *b, int64_t n) {
    if (floats) return (Cell){.f = dot_floats(a, b, n)};
    int64_t sum = 0;
    for (int64_t i = 0; i < n; i++) sum = wrap_add(sum, wrap_mul(a[i].i, b[i].i));
    return (Cell){.i = sum};
}

static Cell add_cells(bool floats, Cell a, Cell b) {
    return floats ? (Cell){.f = a.f + b.f} : (Cell){.i = wrap_add(a.i, b.i)};
}

static Cell *load_all(const Eval *e, const Tensor *tensor, int64_t from, int64_t count) {
    Cell *cells = arena_array(e->scratch, Cell, (size_t)count);
    load_cells(tensor, from, 1, count, cells);
    return cells;
}

/* ---- matmul ---------------------------------------------------------------------------------- */

enum { TILE = 256 };

/* y[m, n] = sum over k of a[m, k] * b[k, n], in strips of TILE columns; sums has room for m of
 * them. */
static void multiply(const Eval *e, Cell *sums, const Cell *a, int64_t m, int64_t k, int64_t b_at,
                     int64_t n, int64_t y_at) {
    const Tensor *b = &e->operands[1];
    bool floats = computes_in_f64(b);
    Cell row[TILE];
    for (int64_t strip = 0; strip < n; strip += TILE) {
        int64_t width = n - strip < TILE ? n - strip : TILE;
        memset(sums, 0, (size_t)(m * TILE) * sizeof(Cell)); /* 0 in either domain */
        for (int64_t p = 0; p < k; p++) {
            load_cells(b, b_at + p * n + strip, 1, width, row);
            for (int64_t i = 0; i < m; i++)
                add_scaled(floats, sums + i * TILE, a[i * k + p], row, 1, width);
        }
        for (int64_t i = 0; i < m; i++)
            store_cells(&e->results[0], y_at + i * n + strip, width, sums + i * TILE);
    }
}

/* Strides of an operand's matrices along the result's batch axes, counted in matrices. */
static void batch_strides(const Tensor *operand, const Tensor *y, int64_t strides[MAX_RANK]) {
    Tensor batch = *operand;
    batch.rank -= 2;
    broadcast_strides(&batch, y->rank - 2, y->dims, strides);
}

bool eval_matmul(const Eval *e) {
    const Tensor *a = &e->operands[0], *b = &e->operands[1], *y = &e->results[0];
    int64_t m = a->dims[a->rank - 2], k = a->dims[a->rank - 1], n = b->dims[b->rank - 1];
    require(b->dims[b->rank - 2] == k);
    int64_t strides[2][MAX_RANK];
    batch_strides(a, y, strides[0]);
    batch_strides(b, y, strides[1]);
    Cell *left = arena_array(e->scratch, Cell, (size_t)(m * k));
    Cell *sums = arena_array(e->scratch, Cell, (size_t)(m * TILE));
    Walk w = walk_begin(y->rank - 2, y->dims, 2, strides, 0);
    int64_t at = 0;
    while (walk_next(&w)) {
        for (int64_t i = 0; i < w.length; i++, at += m * n) {
            load_cells(a, (w.at[0] + i * w.step[0]) * m * k, 1, m * k, left);
            multiply(e, sums, left, m, k, (w.at[1] + i * w.step[1]) * k * n, n, at);
        }
    }
    return true;
}

/* ---- dense ----------------------------------------------------------------------------------- */

/* y[r, o] = sum over i of x[r, i] * w[o, i] (oi) or w[i, o] (io), plus bias[o]. One row of the
 * weight is loaded at a time, so that large weights need no second copy. */
bool eval_dense(const Eval *e) {
    const Tensor *x = &e->operands[0], *weight = &e->operands[1], *y = &e->results[0];
    bool io = strcmp(node_attr(e->node, "weight_order")->s, "io") == 0, floats = computes_in_f64(x);
    int64_t in = x->dims[x->rank - 1], out = y->dims[y->rank - 1], rows = 1;
    for (int i = 0; i < x->rank - 1; i++) rows *= x->dims[i];
    Cell *inputs = load_all(e, x, 0, rows * in);
    Cell *sums = arena_array(e->scratch, Cell, (size_t)(rows * out));
    Cell *line = arena_array(e->scratch, Cell, (size_t)(io ? out : in));
    for (int64_t i = 0; io && i < in; i++) {
        load_cells(weight, i * out, 1, out, line);
        for (int64_t r = 0; r < rows; r++)
            add_scaled(floats, sums + r * out, inputs[r * in + i], line, 1, out);
    }
    for (int64_t o = 0; !io && o < out; o++) {
        load_cells(weight, o * in, 1, in, line);
        for (int64_t r = 0; r < rows; r++)
            sums[r * out + o] = dot(floats, inputs + r * in, line, in);
    }
    if (e->node->noperands > 2) {
        Cell *bias = load_all(e, &e->operands[2], 0, out);
        for (int64_t i = 0; i < rows * out; i++)
            sums[i] = add_cells(floats, sums[i], bias[i % out]);
    }
    store_cells(&e->results[0], 0, rows * out, sums);
    return true;
}

/* ---- conv2d ---------------------------------------------------------------------------------- */

typedef struct Conv {
    int64_t in_channels, h, w;          /* one image */
    int64_t out_channels, out_h, out_w; /* its result */
    int64_t group_in, group_out, kernel_h, kernel_w;
    const int64_t *stride, *pad, *dilation;
} Conv;

static Conv conv_of(const Eval *e) {
    const int64_t *x = e->operands[0].dims, *weight = e->operands[1].dims, *y = e->results[0].dims;
    return (Conv){.in_channels = x[1],
                  .h = x[2],
                  .w = x[3],
                  .out_channels = y[1],
                  .out_h = y[2],
                  .out_w = y[3],
                  .group_in = weight[1],
                  .group_out = weight[0] / node_int(e->node, "groups"),
                  .kernel_h = weight[2],
                  .kernel_w = weight[3],
                  .stride = node_attr(e->node, "stride")->ints,
                  .pad = node_attr(e->node, "pad")->ints,
                  .dilation = node_attr(e->node, "dilation")->ints};
}

/* Outputs first <= o < end read inside an axis of size in at o * stride + offset. */
static void valid_range(int64_t in, int64_t out, int64_t stride, int64_t offset, int64_t *first,
                        int64_t *end) {
    int64_t a = offset < 0 ? ceil_div(-offset, stride) : 0;
    int64_t b = floor_div(in - 1 - offset, stride) + 1;
    *first = a < out ? a : out;
    *end = b < *first ? *first : b < out ? b : out;
}

/* sums += one tap of the kernel over one input plane. */
static void add_tap(const Conv *c, bool floats, Cell *sums, Cell tap, const Cell *plane, int64_t kh,
                    int64_t kw) {
    int64_t down = kh * c->dilation[0] - c->pad[0], right = kw * c->dilation[1] - c->pad[1];
    int64_t top, bottom, first, end;
    valid_range(c->h, c->out_h, c->stride[0], down, &top, &bottom);
    valid_range(c->w, c->out_w, c->stride[1], right, &first, &end);
    if (first >= end) return;
    for (int64_t i = top; i < bottom; i++)
        add_scaled(floats, sums + i * c->out_w + first, tap,
                   plane + (i * c->stride[0] + down) * c->w + first * c->stride[1] + right,
                   c->stride[1], end - first);
}

/* One output plane; image has the channels of all groups, kernel those of this output channel. */
static void convolve_plane(const Conv *c, bool floats, Cell *sums, const Cell *image,
                           const Cell *kernel, int64_t o) {
    int64_t first_channel = o / c->group_out * c->group_in;
    for (int64_t channel = 0; channel < c->group_in; channel++) {
        const Cell *plane = image + (first_channel + channel) * c->h * c->w;
        for (int64_t kh = 0; kh < c->kernel_h; kh++)
            for (int64_t kw = 0; kw < c->kernel_w; kw++)
                add_tap(c, floats, sums, *kernel++, plane, kh, kw);
    }
}

bool eval_conv2d(const Eval *e) {
    const Tensor *x = &e->operands[0];
    const Conv c = conv_of(e);
    bool floats = computes_in_f64(x);
    int64_t image_size = c.in_channels * c.h * c.w, plane_size = c.out_h * c.out_w;
    int64_t taps = c.group_in * c.kernel_h * c.kernel_w;
    Cell *image = arena_array(e->scratch, Cell, (size_t)image_size);
    Cell *sums = arena_array(e->scratch, Cell, (size_t)plane_size);
    Cell *kernel = load_all(e, &e->operands[1], 0, taps * c.out_channels);
    Cell *bias = e->node->noperands > 2 ? load_all(e, &e->operands[2], 0, c.out_channels) : 0;
    for (int64_t n = 0; n < x->dims[0]; n++) {
        load_cells(x, n * image_size, 1, image_size, image);
        for (int64_t o = 0; o < c.out_channels; o++) {
            memset(sums, 0, (size_t)plane_size * sizeof(Cell)); /* 0 in either domain */
            convolve_plane(&c, floats, sums, image, kernel + o * taps, o);
            for (int64_t i = 0; bias && i < plane_size; i++)
                sums[i] = add_cells(floats, sums[i], bias[o]);
            store_cells(&e->results[0], (n * c.out_channels + o) * plane_size, plane_size, sums);
        }
    }
    return true;
}

/* ---- conv_transpose2d: what every element of x adds to the result ----------------------------- */

typedef struct Spread {
    int64_t h, w, out_h, out_w;
    int64_t in_channels, out_channels, group_in, group_out, kernel_h, kernel_w;
    const int64_t *stride, *pad, *dilation;
} Spread;

static Spread spread_of(const Eval *e) {
    const int64_t *x = e->operands[0].dims, *weight = e->operands[1].dims, *y = e->results[0].dims;
    return (Spread){.h = x[2],
                    .w = x[3],
                    .out_h = y[2],
                    .out_w = y[3],
                    .in_channels = x[1],
                    .out_channels = y[1],
                    .group_in = x[1] / node_int(e->node, "groups"),
                    .group_out = weight[1],
                    .kernel_h = weight[2],
                    .kernel_w = weight[3],
                    .stride = node_attr(e->node, "stride")->ints,
                    .pad = node_attr(e->node, "pad")->ints,
                    .dilation = node_attr(e->node, "dilation")->ints};
}

/* sums += one tap of the kernel for every element of one input plane. */
static void spread_tap(const Spread *s, bool floats, Cell *sums, Cell tap, const Cell *plane,
                       int64_t kh, int64_t kw) {
    for (int64_t i = 0; i < s->h; i++) {
        int64_t row = i * s->stride[0] + kh * s->dilation[0] - s->pad[0];
        if (row < 0 || row >= s->out_h) continue;
        for (int64_t j = 0; j < s->w; j++) {
            int64_t column = j * s->stride[1] + kw * s->dilation[1] - s->pad[1];
            if (column < 0 || column >= s->out_w) continue;
            add_scaled(floats, sums + row * s->out_w + column, tap, plane + i * s->w + j, 1, 1);
        }
    }
}

/* One output plane; weight is all of it, [in, group_out, height, width]. */
static void spread_plane(const Spread *s, bool floats, Cell *sums, const Cell *image,
                         const Cell *weight, int64_t o) {
    int64_t first = o / s->group_out * s->group_in, taps = s->kernel_h * s->kernel_w;
    for (int64_t c = first; c < first + s->group_in; c++) {
        const Cell *kernel = weight + (c * s->group_out + o % s->group_out) * taps;
        for (int64_t kh = 0; kh < s->kernel_h; kh++)
            for (int64_t kw = 0; kw < s->kernel_w; kw++)
                spread_tap(s, floats, sums, *kernel++, image + c * s->h * s->w, kh, kw);
    }
}

bool eval_conv_transpose2d(const Eval *e) {
    const Tensor *x = &e->operands[0];
    const Spread s = spread_of(e);
    bool floats = computes_in_f64(x);
    int64_t image_size = s.in_channels * s.h * s.w, plane_size = s.out_h * s.out_w;
    Cell *image = arena_array(e->scratch, Cell, (size_t)image_size);
    Cell *sums = arena_array(e->scratch, Cell, (size_t)plane_size);
    Cell *weight = load_all(e, &e->operands[1], 0, tensor_elements(&e->operands[1]));
    Cell *bias = e->node->noperands > 2 ? load_all(e, &e->operands[2], 0, s.out_channels) : 0;
    for (int64_t n = 0; n < x->dims[0]; n++) {
        load_cells(x, n * image_size, 1, image_size, image);
        for (int64_t o = 0; o < s.out_channels; o++) {
            memset(sums, 0, (size_t)plane_size * sizeof(Cell)); /* 0 in either domain */
            spread_plane(&s, floats, sums, image, weight, o);
            for (int64_t i = 0; bias && i < plane_size; i++)
                sums[i] = add_cells(floats, sums[i], bias[o]);
            store_cells(&e->results[0], (n * s.out_channels + o) * plane_size, plane_size, sums);
        }
    }
    return true;
}
