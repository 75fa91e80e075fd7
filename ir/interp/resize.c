/* resize: images [.., H, W] at another size, half-pixel centres (ONNX Resize,
 * coordinate_transformation_mode half_pixel, nearest_mode round_prefer_floor, antialias 0).
 *
 * Output pixel i lies at source coordinate (i + 1/2) * in / out - 1/2 = ((2i + 1) * in - out) / (2
 * * out): positions are exact fractions, so no rounding decides which pixels are read. */
#include <string.h>

#include "ir/interp/eval.h"

/* Source pixels of one output pixel along one axis: value = (1 - weight) * x[low] + weight *
 * x[high]. */
typedef struct Tap {
    int64_t low, high;
    double weight;
} Tap;

static int64_t clamp_pixel(int64_t i, int64_t size) {
    return i < 0 ? 0 : i >= size ? size - 1 : i;
}

static Tap *make_taps(Arena *arena, int64_t in, int64_t out, bool linear) {
    Tap *taps = arena_array(arena, Tap, (size_t)out);
    for (int64_t i = 0; i < out; i++) {
        int64_t numerator = (2 * i + 1) * in - out, denominator = 2 * out;
        if (linear) {
            int64_t low = floor_div(numerator, denominator);
            taps[i].low = clamp_pixel(low, in);
            taps[i].high = clamp_pixel(low + 1, in);
            taps[i].weight = (double)floor_mod(numerator, denominator) / (double)denominator;
        } else { /* ceil(coordinate - 1/2): the nearest pixel, halves down */
            int64_t nearest = ceil_div(numerator - out, denominator);
            taps[i].low = taps[i].high = clamp_pixel(nearest, in);
        }
    }
    return taps;
}

static void resize_nearest(const Tensor *x, Tensor *y, int64_t images, const Tap *rows,
                           const Tap *columns) {
    int64_t h = x->dims[x->rank - 2], w = x->dims[x->rank - 1];
    int64_t out_h = y->dims[y->rank - 2], out_w = y->dims[y->rank - 1];
    size_t size = dtype_bytes(x->dtype);
    const char *from = x->data;
    char *to = y->data;
    for (int64_t n = 0; n < images; n++)
        for (int64_t i = 0; i < out_h; i++)
            for (int64_t j = 0; j < out_w; j++, to += size)
                memcpy(to, from + (size_t)((n * h + rows[i].low) * w + columns[j].low) * size,
                       size);
}

static double mix(double a, double b, double weight) {
    return a * (1 - weight) + b * weight;
}

static void resize_linear(const Tensor *x, Tensor *y, int64_t images, const Tap *rows,
                          const Tap *columns) {
    int64_t h = x->dims[x->rank - 2], w = x->dims[x->rank - 1];
    int64_t out_h = y->dims[y->rank - 2], out_w = y->dims[y->rank - 1], at = 0;
    for (int64_t n = 0; n < images; n++) {
        for (int64_t i = 0; i < out_h; i++) {
            int64_t above = (n * h + rows[i].low) * w, below = (n * h + rows[i].high) * w;
            for (int64_t j = 0; j < out_w; j++, at++) {
                Tap c = columns[j];
                double top =
                    mix(tensor_get(x, above + c.low), tensor_get(x, above + c.high), c.weight);
                double bottom =
                    mix(tensor_get(x, below + c.low), tensor_get(x, below + c.high), c.weight);
                tensor_set(y, at, mix(top, bottom, rows[i].weight));
            }
        }
    }
}

bool eval_resize(const Eval *e) {
    const Tensor *x = &e->operands[0];
    Tensor *y = &e->results[0];
    if (y->bytes == 0) return true;
    int64_t h = x->dims[x->rank - 2], w = x->dims[x->rank - 1];
    int64_t out_h = y->dims[y->rank - 2], out_w = y->dims[y->rank - 1];
    if (x->bytes == 0)
        return eval_error(e, "%s has no pixels to resize", tensor_type_text(e->scratch, x));
    bool linear = strcmp(node_attr(e->node, "mode")->s, "linear") == 0;
    Tap *rows = make_taps(e->scratch, h, out_h, linear);
    Tap *columns = make_taps(e->scratch, w, out_w, linear);
    int64_t images = tensor_elements(y) / (out_h * out_w);
    if (linear)
        resize_linear(x, y, images, rows, columns);
    else
        resize_nearest(x, y, images, rows, columns);
    return true;
}
