/* Transposed convolutions become convolutions, one channel for every phase of the stride, that are
 * woven into an image afterwards (Shi et al., "Is the deconvolution layer the same as a
 * convolutional layer?", 2016). Nothing is multiplied with the zeros between the strides.
 *
 * Along one axis, before the pads cut it, element q of the result is the sum over all i and u with
 * i * stride + u = q of x[i] * w[u], where w is the kernel with its dilation written out, of `reach`
 * elements. With q = stride * m + r (r is the phase) and u = stride * t + r that is
 *
 *   y[stride * m + r] = sum over t of x[m - t] * w[stride * t + r]:
 *
 * for each r a convolution by the kernel w_r[t] = w[stride * t + r], mirrored, of which all have the
 * same x. The pads only decide which m are computed; what whole groups of `stride` elements leave
 * over is cut off at the end. */
#include <inttypes.h>

#include "passes/decompose.h"

typedef struct Axis {
    int64_t kernel, stride;
    int64_t spread;        /* dilation that is written out with zeros in the weight */
    int64_t dilation;      /* that of the convolution */
    int64_t front;         /* zeros before the kernel, so that the result needs no cut there */
    int64_t phases;        /* at most stride; the others are zero */
    int64_t taps;          /* of one phase */
    int64_t before, after; /* pads of the convolution */
    int64_t first, last;   /* what is cut off the woven image */
} Axis;

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* All numbers below 2^31. The names are those of the comment above: m runs from `reached` - 1 -
 * before to size - 1 + after. */
static Axis plan_axis(Dim size, int64_t kernel, int64_t stride, int64_t dilation, int64_t pad_begin,
                      int64_t pad_end, int64_t output_pad) {
    Axis a = {.kernel = kernel, .stride = dim_is(size, 1) ? 1 : stride, .spread = 1, .dilation = 1};
    int64_t reach = dilation * (kernel - 1) + 1;
    *(a.stride == 1 ? &a.dilation : &a.spread) = dilation;
    int64_t shift = (a.stride - pad_begin % a.stride) % a.stride;
    if (reach >= a.stride && ceil_div(reach + shift, a.stride) == ceil_div(reach, a.stride))
        a.front = shift;
    reach += a.front;
    pad_begin += a.front;
    int64_t reached = ceil_div(reach, a.stride); /* elements of x under one phase's kernel */
    a.taps = a.stride == 1 ? kernel : reached;
    a.phases = reach < a.stride ? reach : a.stride;
    a.before = larger(reached - 1 - pad_begin / a.stride, 0);
    a.after = larger(floor_div(reach - 1 - pad_end + output_pad, a.stride), 0);
    a.first = pad_begin - a.stride * (reached - 1 - a.before);
    a.last = a.stride * (a.after + 1) + pad_end - reach - output_pad;
    return a;
}

/* ---- building -------------------------------------------------------------------------------- */

typedef struct Maker {
    PassContext *context;
    Builder *b;
    DimContext *dims;
    const Node *node;
} Maker;

/* Like build_value, but sizes that overflow are the source's fault; null stays null. */
static Value *make(const Maker *m, OpKind op, int noperands, Value *const *operands, int nattrs,
                   const Attr *attrs) {
    TypeQuery fault;
    for (int i = 0; i < noperands; i++)
        if (!operands[i]) return NULL;
    Node *made = build_node(m->b, op, noperands, operands, nattrs, attrs, &fault);
    if (made) return node_result(made);
    diag_error(m->context->diag, m->node->span,
               "'%s': a transposed convolution of this size cannot be computed: %s", m->node->path,
               fault.error);
    return NULL;
}

static Value *make1(const Maker *m, OpKind op, Value *x, Attr attr) {
    return make(m, op, 1, &x, 1, &attr);
}

static Dim size(const Maker *m, int64_t n) {
    return dim_int(m->dims, n);
}

static Dim times(const Maker *m, Dim dim, int64_t factor) {
    return dim_mul(m->dims, dim, size(m, factor));
}

static Value *reshaped(const Maker *m, Value *x, int rank, const Dim *shape) {
    for (int i = 0; i < rank; i++) {
        if (shape[i]) continue;
        diag_error(m->context->diag, m->node->span, "'%s' is too large", m->node->path);
        return NULL;
    }
    return make1(m, OP_reshape, x, attr_dims("shape", rank, shape));
}

/* ---- weight and bias ------------------------------------------------------------------------- */

/* [in, out, height, width] with dilation - 1 zeros after every element. */
static Value *spread_kernel(const Maker *m, Value *weight, const Axis a[2]) {
    if (a[0].spread == 1 && a[1].spread == 1) return weight;
    const Dim *dims = weight->type.dims;
    Dim one = size(m, 1);
    Dim apart[] = {dims[0], dims[1], dims[2], one, dims[3], one};
    Dim joined[] = {dims[0], dims[1], times(m, dims[2], a[0].spread),
                    times(m, dims[3], a[1].spread)};
    const int64_t zeros[12] = {[6 + 3] = a[0].spread - 1, [6 + 5] = a[1].spread - 1};
    Value *x = reshaped(m, weight, 6, apart);
    return reshaped(m, make1(m, OP_pad, x, attr_ints("pads", 12, zeros)), 4, joined);
}

/* Zeros around, so that every phase has as many taps. */
static Value *fill_kernel(const Maker *m, Value *weight, const Axis a[2]) {
    int64_t pads[8] = {0};
    bool whole = true;
    for (int i = 0; i < 2; i++) {
        pads[2 + i] = a[i].front;
        pads[6 + i] = a[i].taps * a[i].phases - a[i].front - a[i].kernel * a[i].spread;
        whole = whole && pads[2 + i] == 0 && pads[6 + i] == 0;
    }
    return whole ? weight : make1(m, OP_pad, weight, attr_ints("pads", 8, pads));
}

/* [in, out / groups, height, width] as a convolution has it, [groups * phases * out / groups, in /
 * groups, taps, taps]. A phase's filters stand side by side, so that blocks of channels stay whole when
 * the phases are woven. */
static Value *phase_weight(const Maker *m, Value *weight, int64_t groups, const Axis a[2]) {
    static const int64_t order[7] = {0, 4, 6, 2, 1, 3, 5}, mirrored[2] = {2, 3};
    static const int64_t starts[2] = {-1, -1}, ends[2] = {INT32_MIN, INT32_MIN}, steps[] = {-1, -1};
    Dim out = weight->type.dims[1],
        in = dim_divide_exact(m->dims, weight->type.dims[0], size(m, groups));
    Dim split[] = {
        size(m, groups),     in, out, size(m, a[0].taps), size(m, a[0].phases), size(m, a[1].taps),
        size(m, a[1].phases)};
    Dim merged[] = {times(m, times(m, out, groups), a[0].phases * a[1].phases), in,
                    size(m, a[0].taps), size(m, a[1].taps)};
    Value *x = fill_kernel(m, spread_kernel(m, weight, a), a);
    x = make1(m, OP_transpose, reshaped(m, x, 7, split), attr_ints("perm", 7, order));
    Attr mirror[] = {attr_ints("starts", 2, starts), attr_ints("ends", 2, ends),
                     attr_ints("axes", 2, mirrored), attr_ints("steps", 2, steps)};
    return make(m, OP_slice, 1, (Value *[]){reshaped(m, x, 4, merged)}, 4, mirror);
}

/* The bias once for every phase. */
static Value *phase_bias(const Maker *m, Value *bias, int64_t groups, int64_t phases) {
    if (phases == 1) return bias;
    Dim count = bias->type.dims[0], all = times(m, count, phases);
    Dim each = dim_divide_exact(m->dims, count, size(m, groups));
    Value *x = reshaped(m, bias, 3, (Dim[]){size(m, groups), size(m, 1), each});
    Dim repeated[] = {size(m, groups), size(m, phases), each};
    x = make1(m, OP_broadcast_to, x, attr_dims("shape", 3, repeated));
    return reshaped(m, x, 1, &all);
}

/* ---- the image ------------------------------------------------------------------------------- */

/* [N, groups * phases * out / groups, height, width] to [N, out, height * stride, width * stride]. */
static Value *weave(const Maker *m, Value *x, Dim channels, int64_t groups, const Axis a[2]) {
    static const int64_t order[7] = {0, 1, 4, 5, 2, 6, 3};
    const Dim *dims = x->type.dims;
    Dim each = dim_divide_exact(m->dims, channels, size(m, groups));
    Dim apart[] = {dims[0], size(m, groups), size(m, a[0].phases), size(m, a[1].phases), each,
                   dims[2], dims[3]};
    Dim woven[] = {dims[0], channels, times(m, dims[2], a[0].stride),
                   times(m, dims[3], a[1].stride)};
    const int64_t zeros[14] = {[7 + 4] = a[0].stride - a[0].phases,
                               [7 + 6] = a[1].stride - a[1].phases};
    x = make1(m, OP_transpose, reshaped(m, x, 7, apart), attr_ints("perm", 7, order));
    if (zeros[11] || zeros[13]) x = make1(m, OP_pad, x, attr_ints("pads", 14, zeros));
    return reshaped(m, x, 4, woven);
}

static Value *cut(const Maker *m, Value *x, const Axis a[2]) {
    const int64_t pads[8] = {0, 0, -a[0].first, -a[1].first, 0, 0, -a[0].last, -a[1].last};
    if (!pads[2] && !pads[3] && !pads[6] && !pads[7]) return x;
    return make1(m, OP_pad, x, attr_ints("pads", 8, pads));
}

static Value *convolve(const Maker *m, Value *weight, Value *bias, int64_t groups,
                       const Axis a[2]) {
    const int64_t pad[4] = {a[0].before, a[1].before, a[0].after, a[1].after};
    const int64_t dilation[2] = {a[0].dilation, a[1].dilation};
    Attr attrs[] = {attr_ints("pad", 4, pad), attr_ints("dilation", 2, dilation),
                    attr_int("groups", groups)};
    Value *operands[] = {m->node->operands[0], weight, bias};
    Value *conv =
        weight ? make(m, OP_conv2d, bias ? 3 : 2, operands, COUNT_OF(attrs), attrs) : NULL;
    if (conv) carry_annotations(m->node, conv);
    return conv;
}

/* ---- the operator ---------------------------------------------------------------------------- */

static bool is_sane(const Maker *m, const char *const *names, int count) {
    for (int i = 0; i < count; i++) {
        const Attr *list = node_attr(m->node, names[i]);
        for (int k = 0; k < list->count; k++) {
            if (list->ints[k] <= INT32_MAX) continue;
            diag_error(m->context->diag, m->node->span,
                       "'%s': a %s of %" PRId64 " is more than a transposed convolution can have",
                       m->node->path, names[i], list->ints[k]);
            return false;
        }
    }
    return true;
}

Value *decompose_conv_transpose2d(PassContext *context, Builder *b, Node *node) {
    static const char *const names[] = {"stride", "pad", "dilation"};
    Maker m = {context, b, context->module->dims, node};
    Value *weight = node->operands[1], *bias = node->noperands > 2 ? node->operands[2] : NULL;
    const int64_t *pad = node_attr(node, "pad")->ints;
    int64_t groups = node_int(node, "groups"), kernel;
    Axis a[2];
    if (!is_sane(&m, names, COUNT_OF(names))) return NULL;
    for (int i = 0; i < 2; i++) {
        bool known = dim_is_int(weight->type.dims[2 + i], &kernel);
        require(known);
        a[i] = plan_axis(node->operands[0]->type.dims[2 + i], kernel,
                         node_attr(node, "stride")->ints[i], node_attr(node, "dilation")->ints[i],
                         pad[i], pad[2 + i], node_attr(node, "output_pad")->ints[i]);
    }
    /* Elements that no kernel reaches are the bias alone. */
    bool gaps = a[0].phases < a[0].stride || a[1].phases < a[1].stride;
    int64_t phases = a[0].phases * a[1].phases;
    Dim channels = node->results[0]->type.dims[1];
    Value *early = bias && !gaps ? phase_bias(&m, bias, groups, phases) : NULL;
    if (bias && !gaps && !early) return NULL;
    Value *x = convolve(&m, phase_weight(&m, weight, groups, a), early, groups, a);
    if (x && a[0].stride * a[1].stride > 1) x = weave(&m, x, channels, groups, a);
    if (x) x = cut(&m, x, a);
    if (!x || !bias || !gaps) return x;
    Value *late = reshaped(&m, bias, 3, (Dim[]){channels, size(&m, 1), size(&m, 1)});
    return make(&m, OP_add, 2, (Value *[]){x, late}, 0, NULL);
}
