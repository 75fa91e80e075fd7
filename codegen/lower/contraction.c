/* matmul, dense and conv2d as contractions. */
#include "codegen/lower/nest.h"
#include "codegen/lower/winograd.h"

#include <string.h>

typedef struct BiasFinish {
    Finish base;
    const Value *bias; /* null: none */
    int axis;          /* of the anchor */
} BiasFinish;

static LX add_bias(const Finish *self, Kernel *k, LX value, LX const *index) {
    const BiasFinish *f = (const BiasFinish *)self;
    if (!f->bias) return value;
    return lx_add(k->b, value, emit_element(k, f->bias, &index[f->axis]));
}

static int reduced_axis(Contraction *c, const char *name, Dim extent) {
    return contraction_axis(c, name, extent, true);
}

static int result_axis(Contraction *c, const char *name, Dim extent, int position) {
    int axis = contraction_axis(c, name, extent, false);
    affine_term(&c->result.index[position], axis, 1);
    return axis;
}

/* ---- matmul: [.., m, k] by [.., k, n] -------------------------------------------------------- */

static void describe_matmul(Contraction *c, DimContext *dims) {
    static const char *const batch[MAX_RANK] = {"b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7"};
    const TensorType *type = &c->result.value->type;
    int rank = type->rank, axes[MAX_RANK];
    (void)dims;
    for (int i = 0; i < rank; i++) {
        const char *name = i == rank - 2 ? "m" : i == rank - 1 ? "n" : batch[i];
        axes[i] = result_axis(c, name, type->dims[i], i);
    }
    const TensorType *a = &c->operands[0].value->type;
    int k = reduced_axis(c, "k", a->dims[a->rank - 1]);
    for (int o = 0; o < 2; o++) {
        Access *x = &c->operands[o];
        const TensorType *own = &x->value->type;
        for (int i = 0; i < own->rank - 2; i++) {
            int at = rank - own->rank + i;
            bool stretched = dim_is(own->dims[i], 1) && !dim_is(type->dims[at], 1);
            if (!stretched) affine_term(&x->index[i], axes[at], 1);
        }
        affine_term(&x->index[own->rank - 2], o == 0 ? axes[rank - 2] : k, 1);
        affine_term(&x->index[own->rank - 1], o == 0 ? k : axes[rank - 1], 1);
    }
}

/* ---- dense: [.., i] by [o, i] or [i, o] ------------------------------------------------------ */

static void describe_dense(Contraction *c, const Node *node) {
    static const char *const names[MAX_RANK] = {"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"};
    const TensorType *type = &c->result.value->type;
    const TensorType *x = &c->operands[0].value->type;
    int last = type->rank - 1;
    bool in_out = strcmp(node_attr(node, "weight_order")->s, "io") == 0;
    for (int i = 0; i < last; i++)
        affine_term(&c->operands[0].index[i], result_axis(c, names[i], type->dims[i], i), 1);
    int o = result_axis(c, "o", type->dims[last], last);
    int k = reduced_axis(c, "i", x->dims[last]);
    affine_term(&c->operands[0].index[last], k, 1);
    affine_term(&c->operands[1].index[in_out], o, 1);
    affine_term(&c->operands[1].index[!in_out], k, 1);
}

/* ---- conv2d: NCHW by OIHW -------------------------------------------------------------------- */

/* x's index along an image axis: stride * result + dilation * kernel - pad. */
static void image_index(Contraction *c, const Node *node, int image, int result, int kernel) {
    const int64_t *pad = node_attr(node, "pad")->ints;
    AffineIndex *index = &c->operands[0].index[2 + image];
    affine_term(index, result, node_attr(node, "stride")->ints[image]);
    affine_term(index, kernel, node_attr(node, "dilation")->ints[image]);
    index->offset = -pad[image];
    index->may_leave = pad[image] > 0 || pad[2 + image] > 0;
}

/* Channels of both sides are group * channels of the group + channel. */
static void describe_conv2d(Contraction *c, const Node *node, DimContext *dims) {
    const TensorType *type = &c->result.value->type;
    const Dim *weight = c->operands[1].value->type.dims;
    int64_t groups = node_int(node, "groups");
    Dim filters = dim_divide_exact(dims, weight[0], dim_int(dims, groups));
    int64_t group_filters = 1, group_channels = 1;
    bool known = filters && (groups == 1 || (dim_is_int(filters, &group_filters) &&
                                             dim_is_int(weight[1], &group_channels)));
    require(known);
    Access *x = &c->operands[0], *w = &c->operands[1];
    affine_term(&x->index[0], result_axis(c, "n", type->dims[0], 0), 1);
    if (groups > 1) {
        int g = contraction_axis(c, "g", dim_int(dims, groups), false);
        affine_term(&c->result.index[1], g, group_filters);
        affine_term(&w->index[0], g, group_filters);
        affine_term(&x->index[1], g, group_channels);
    }
    if (groups == 1 || group_filters > 1)
        affine_term(&w->index[0], result_axis(c, "oc", filters, 1), 1);
    int oh = result_axis(c, "oh", type->dims[2], 2), ow = result_axis(c, "ow", type->dims[3], 3);
    if (groups == 1 || group_channels > 1) {
        int ic = reduced_axis(c, "ic", weight[1]);
        affine_term(&x->index[1], ic, 1);
        affine_term(&w->index[1], ic, 1);
    }
    int kh = reduced_axis(c, "kh", weight[2]), kw = reduced_axis(c, "kw", weight[3]);
    affine_term(&w->index[2], kh, 1);
    affine_term(&w->index[3], kw, 1);
    image_index(c, node, 0, oh, kh);
    image_index(c, node, 1, ow, kw);
}

/* ---------------------------------------------------------------------------------------------- */

bool lower_contraction(const Job *job) {
    const Node *node = job->anchor->def;
    DimContext *dims = job->l->dims;
    Contraction *c = arena_new(job->l->arena, Contraction);
    c->noperands = 2;
    c->operands[0].value = node->operands[0];
    c->operands[1].value = node->operands[1];
    c->result.value = job->anchor;
    c->combine = COMBINE_DOT;
    c->dtype = compute_dtype(job->anchor->type.dtype);
    if (node->op == OP_matmul) describe_matmul(c, dims);
    if (node->op == OP_dense) describe_dense(c, node);
    if (node->op == OP_conv2d) describe_conv2d(c, node, dims);
    contraction_survey(job, c);
    BiasFinish finish = {.base = {add_bias, c}};
    finish.bias = node->noperands > 2 ? node->operands[2] : NULL;
    finish.axis = node->op == OP_conv2d ? 1 : job->anchor->type.rank - 1;
    return winograd_lower(job, c, &finish.base) || nest_lower(job, c, &finish.base);
}
