/* Resize: pixel i lies at ((2i + 1) * in - out) / (2 * out), an exact fraction.
 *
 * The pixels of a vector of columns often lie at constant distances from the first, whatever that is
 * (an image is doubled, or the columns are constants): then those that the vector needs are loaded
 * side by side, rows are mixed, and shuffles pick what columns are made of. */
#include "codegen/lower/kernel.h"

#include <string.h>

enum { MOST_LANES = 64 };

static LX fraction_numerator(Kernel *k, LX i, Dim in) {
    return lx_mul(k->b, lx_addi(k->b, lx_muli(k->b, i, 2), 1), lx_dim(k->b, in));
}

/* An image axis: pixels of x and of the result. Only in / out counts: where a symbol is in both it
 * goes, so that nothing is divided by one when an image is doubled. */
typedef struct Ratio {
    Dim in, out, extent; /* extent: of x */
} Ratio;

static Ratio ratio_of(Kernel *k, Dim in, Dim out) {
    Ratio r = {in, out, in};
    int64_t in_content, out_content;
    if (dim_primitive(k->dims, in, &in_content) != dim_primitive(k->dims, out, &out_content))
        return r;
    int64_t a = in_content, b = out_content;
    while (b > 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    r.in = dim_int(k->dims, a > 0 ? in_content / a : in_content);
    r.out = dim_int(k->dims, a > 0 ? out_content / a : out_content);
    return r;
}

static LX twice_out(Kernel *k, Ratio r) {
    return lx_muli(k->b, lx_dim(k->b, r.out), 2);
}

/* ---- pixels ---------------------------------------------------------------------------------- */

/* Of x, from which number i of the result is made. */
typedef LX PixelOf(Kernel *k, LX i, Ratio r);

/* ceil(coordinate - 1/2) = floor(((2i + 1) * in - 1) / (2 * out)): the nearest pixel, halves
 * down. */
static LX nearest(Kernel *k, LX i, Ratio r) {
    LX numerator = lx_addi(k->b, fraction_numerator(k, i, r.in), -1);
    return clamp_index(k, lx_binary(k->b, LB_FLOORDIV, numerator, twice_out(k, r)), r.extent);
}

static LX linear_numerator(Kernel *k, LX i, Ratio r) {
    return lx_sub(k->b, fraction_numerator(k, i, r.in), lx_dim(k->b, r.out));
}

static LX below(Kernel *k, LX i, Ratio r) {
    LX low = lx_binary(k->b, LB_FLOORDIV, linear_numerator(k, i, r), twice_out(k, r));
    return clamp_index(k, low, r.extent);
}

static LX above(Kernel *k, LX i, Ratio r) {
    LX low = lx_binary(k->b, LB_FLOORDIV, linear_numerator(k, i, r), twice_out(k, r));
    return clamp_index(k, lx_addi(k->b, low, 1), r.extent);
}

static LX weight_rest(Kernel *k, LX i, Ratio r) {
    return lx_binary(k->b, LB_MOD, linear_numerator(k, i, r), twice_out(k, r));
}

/* Of the pixel above. */
static LX weight(Kernel *k, LX i, Ratio r, DType type) {
    return lx_binary(k->b, LB_DIV, lx_cast(k->b, CAST_VALUE, type, weight_rest(k, i, r)),
                     lx_cast(k->b, CAST_VALUE, type, twice_out(k, r)));
}

/* What a pixel of the result is made of. */
typedef struct Tap {
    LX low, high, weight; /* weight of high */
} Tap;

static Tap tap_of(Kernel *k, LX i, Ratio r, DType type) {
    LX low = lx_binary(k->b, LB_FLOORDIV, linear_numerator(k, i, r), twice_out(k, r));
    return (Tap){.low = clamp_index(k, low, r.extent),
                 .high = clamp_index(k, lx_addi(k->b, low, 1), r.extent),
                 .weight = weight(k, i, r, type)};
}

/* (1 - weight) * a + weight * c */
static LX mix(Kernel *k, LX a, LX c, LX share) {
    LX one = lx_const(k->b, ltype(share->type.dtype, 1), 1);
    LX rest = lx_binary(k->b, LB_SUB, one, share);
    LX left = lx_binary(k->b, LB_MUL, a, rest), right = lx_binary(k->b, LB_MUL, c, share);
    return lx_binary(k->b, LB_ADD, left, right);
}

/* ---- vectors of columns ---------------------------------------------------------------------- */

/* Consecutive pixels that are loaded; the first that the columns need is number `before`. */
typedef struct PixelRun {
    LX first;
    int count, before;
} PixelRun;

/* Where the pixels of a vector of columns lie from `first` on; false where that is not constant. */
static bool find_places(Kernel *k, PixelOf *pixel, LX columns, Ratio r, LX first, int *places) {
    LX base = NULL;
    if (!lx_is_consecutive(columns, &base) || columns->type.lanes > MOST_LANES) return false;
    for (int i = 0; i < columns->type.lanes; i++) {
        int64_t place;
        LX at = pixel(k, lx_addi(k->b, base, i), r);
        if (!lx_is_int(lx_sub(k->b, at, first), &place)) return false;
        if (place < 0 || place >= 2 * MOST_LANES) return false;
        places[i] = (int)place;
    }
    return true;
}

/* The first pixel of a vector of columns; null where vectors are no way. */
static LX first_pixel(Kernel *k, PixelOf *pixel, LX columns, Ratio r) {
    LX base = NULL;
    if (k->vector_guard || !lx_is_consecutive(columns, &base)) return NULL;
    return pixel(k, base, r);
}

/* Pixels `first` to `first` + last, and as many more as make a vector; false where that would leave
 * the image, or there are no such vectors. */
static bool find_run(Kernel *k, LX first, int last, Ratio r, PixelRun *run) {
    int64_t begin, extent;
    *run = (PixelRun){.first = first, .count = 1};
    while (run->count < last + 1) run->count *= 2;
    int most = k->l->target->most_lanes;
    if (most > 0 && run->count > most) return false;
    LX end = lx_addi(k->b, first, run->count - 1);
    if (!within(k, first, r.extent) && !within(k, end, r.extent)) return true;
    bool known = lx_is_int(first, &begin) && dim_is_int(r.extent, &extent);
    if (!known || extent < run->count) return false;
    run->first = lx_int(k->b, extent - run->count);
    run->before = (int)(begin - (extent - run->count));
    return true;
}

static LX load_run(Kernel *k, const Value *x, LX *at, const PixelRun *run) {
    at[x->type.rank - 1] = lx_ramp(k->b, run->first, 1, run->count);
    return lx_broadcast(k->b, emit_element(k, x, at), run->count);
}

static LX pick(Kernel *k, LX pixels, const PixelRun *run, int lanes, const int *places) {
    int map[MOST_LANES];
    if (run->count == 1) return lx_broadcast(k->b, pixels, lanes);
    for (int i = 0; i < lanes; i++) map[i] = run->before + places[i];
    return lx_shuffle(k->b, pixels, NULL, lanes, map);
}

/* Null where pixels do not lie at constant distances. */
static LX nearest_columns(Kernel *k, const Value *x, LX *at, LX columns, Ratio r) {
    int places[MOST_LANES], lanes = columns->type.lanes;
    LX first = first_pixel(k, nearest, columns, r);
    if (!first || !find_places(k, nearest, columns, r, first, places)) return NULL;
    PixelRun run;
    if (!find_run(k, first, places[lanes - 1], r, &run)) return NULL;
    return pick(k, load_run(k, x, at, &run), &run, lanes, places);
}

/* The same columns of the first period, so that their weights are constants. */
static LX columns_of_period(Kernel *k, LX columns, Ratio r) {
    enum { MOST = 4096 };
    LX base = NULL;
    int64_t period, rest, other;
    if (!lx_is_consecutive(columns, &base) || !dim_is_int(r.out, &period)) return columns;
    if (!lx_is_int(weight_rest(k, base, r), &rest)) return columns;
    for (int64_t i = 0; i < period && i < MOST; i++)
        if (lx_is_int(weight_rest(k, lx_int(k->b, i), r), &other) && other == rest)
            return lx_ramp(k->b, lx_int(k->b, i), 1, columns->type.lanes);
    return columns;
}

static LX mixed_rows(Kernel *k, const Value *x, LX *at, const PixelRun *run, LX row, Ratio r,
                     DType type) {
    int h = x->type.rank - 2;
    Tap tap = tap_of(k, row, r, type);
    at[h] = tap.low;
    LX top = load_run(k, x, at, run);
    at[h] = tap.high;
    LX mixed = mix(k, top, load_run(k, x, at, run), tap.weight);
    return k->probing ? mixed : lb_let(k->b, "mixed", mixed);
}

/* An image in between two pixels both ways; null where columns do not lie at constant distances. */
static LX linear_columns(Kernel *k, const Value *x, LX *at, LX row, Ratio rows, LX columns, Ratio r,
                         DType type) {
    int low[MOST_LANES], high[MOST_LANES], lanes = columns->type.lanes;
    LX first = first_pixel(k, below, columns, r);
    if (!first || !find_places(k, below, columns, r, first, low) ||
        !find_places(k, above, columns, r, first, high))
        return NULL;
    PixelRun run;
    if (!find_run(k, first, high[lanes - 1], r, &run)) return NULL;
    LX pixels = mixed_rows(k, x, at, &run, row, rows, type);
    LX share = weight(k, columns_of_period(k, columns, r), r, type);
    return mix(k, pick(k, pixels, &run, lanes, low), pick(k, pixels, &run, lanes, high), share);
}

/* ---- the operator ---------------------------------------------------------------------------- */

static bool is_linear(const Value *value) {
    return strcmp(node_attr(value->def, "mode")->s, "linear") == 0;
}

static LX mix_row(Kernel *k, const Value *x, LX *at, LX row, Tap column) {
    int w = x->type.rank - 1;
    at[w - 1] = row;
    at[w] = column.low;
    LX left = emit_element(k, x, at);
    at[w] = column.high;
    return mix(k, left, emit_element(k, x, at), column.weight);
}

LX emit_resize(Kernel *k, const Value *value, LX const *index) {
    const Value *x = value->def->operands[0];
    int w = x->type.rank - 1, h = w - 1;
    const Dim *in = x->type.dims, *out = value->type.dims;
    Ratio rows = ratio_of(k, in[h], out[h]), columns = ratio_of(k, in[w], out[w]);
    DType type = compute_dtype(value->type.dtype);
    LX at[MAX_RANK] = {NULL}, result;
    memcpy(at, index, (size_t)x->type.rank * sizeof(LX));
    if (!is_linear(value)) {
        at[h] = nearest(k, index[h], rows);
        result = nearest_columns(k, x, at, index[w], columns);
        if (result) return result;
        at[w] = nearest(k, index[w], columns);
        return emit_element(k, x, at);
    }
    result = linear_columns(k, x, at, index[h], rows, index[w], columns, type);
    if (!result) {
        Tap row = tap_of(k, index[h], rows, type), column = tap_of(k, index[w], columns, type);
        LX top = mix_row(k, x, at, row.low, column);
        result = mix(k, top, mix_row(k, x, at, row.high, column), row.weight);
    }
    return round_to(k, result, value->type.dtype);
}

int64_t resize_period(Kernel *k, const Value *value) {
    int w = value->type.rank - 1;
    Ratio r = ratio_of(k, value->def->operands[0]->type.dims[w], value->type.dims[w]);
    int64_t period;
    return dim_is_int(r.out, &period) ? period : 0;
}
