/* Pooling as a contraction of one operand: the window's axes are reduced. Padding takes no part. */
#include "codegen/lower/nest.h"

typedef struct WindowFinish {
    Finish base;
    const Value *x;
    const int64_t *kernel, *stride, *pad;
} WindowFinish;

/* Number of pixels of the window at index i along an image axis. */
static LX pixels(const WindowFinish *f, Kernel *k, int image, LX i) {
    Dim size = f->x->type.dims[2 + image];
    int64_t kernel = f->kernel[image];
    if (f->pad[image] == 0 && f->pad[2 + image] == 0) return lx_int(k->b, kernel);
    LX first = lx_addi(k->b, lx_muli(k->b, i, f->stride[image]), -f->pad[image]);
    LX end = lx_binary(k->b, LB_MIN, lx_addi(k->b, first, kernel), lx_dim(k->b, size));
    first = lx_binary(k->b, LB_MAX, first, lx_int(k->b, 0));
    return lx_binary(k->b, LB_MAX, lx_sub(k->b, end, first), lx_int(k->b, 0));
}

static LX divide_by_pixels(const Finish *self, Kernel *k, LX value, LX const *index) {
    const WindowFinish *f = (const WindowFinish *)self;
    LX count = lx_mul(k->b, pixels(f, k, 0, index[2]), pixels(f, k, 1, index[3]));
    return lx_binary(k->b, LB_DIV, value, lx_cast(k->b, CAST_VALUE, value->type.dtype, count));
}

bool lower_window(const Job *job) {
    static const char *const kept[4] = {"n", "c", "oh", "ow"};
    static const char *const windows[2] = {"kh", "kw"};
    const Node *node = job->anchor->def;
    const TensorType *type = &job->anchor->type;
    const Attr *kernel = node_attr(node, "kernel"), *stride = node_attr(node, "stride");
    Contraction *c = arena_new(job->l->arena, Contraction);
    WindowFinish finish = {.x = node->operands[0], .kernel = kernel->ints};
    finish.stride = stride->count ? stride->ints : kernel->ints;
    finish.pad = node_attr(node, "pad")->ints;
    c->noperands = 1;
    c->operands[0].value = finish.x;
    c->result.value = job->anchor;
    c->combine = node->op == OP_max_pool2d ? COMBINE_MAX : COMBINE_SUM;
    c->dtype = compute_dtype(type->dtype);
    for (int i = 0; i < 4; i++) {
        int axis = contraction_axis(c, kept[i], type->dims[i], false);
        affine_term(&c->result.index[i], axis, 1);
        affine_term(&c->operands[0].index[i], axis, i < 2 ? 1 : finish.stride[i - 2]);
    }
    for (int i = 0; i < 2; i++) {
        AffineIndex *index = &c->operands[0].index[2 + i];
        Dim extent = dim_int(job->l->dims, finish.kernel[i]);
        affine_term(index, contraction_axis(c, windows[i], extent, true), 1);
        index->offset = -finish.pad[i];
        index->may_leave = finish.pad[i] > 0 || finish.pad[2 + i] > 0;
    }
    if (c->combine == COMBINE_SUM) finish.base.apply = divide_by_pixels;
    finish.base.contraction = c;
    contraction_survey(job, c);
    return nest_lower(job, c, &finish.base);
}
