/* reduce_* as contractions of one operand. */
#include "codegen/lower/nest.h"

typedef struct Reducer {
    Combine combine;
    bool mean;
} Reducer;

static const Reducer reducers[OP_COUNT] = {
    [OP_reduce_sum] = {COMBINE_SUM, false},      [OP_reduce_mean] = {COMBINE_SUM, true},
    [OP_reduce_max] = {COMBINE_MAX, false},      [OP_reduce_min] = {COMBINE_MIN, false},
    [OP_reduce_prod] = {COMBINE_PRODUCT, false},
};

typedef struct MeanFinish {
    Finish base;
    Dim count; /* elements of one sum */
} MeanFinish;

static LX divide_by_count(const Finish *self, Kernel *k, LX value, LX const *index) {
    const MeanFinish *f = (const MeanFinish *)self;
    (void)index;
    LX count = lx_cast(k->b, CAST_VALUE, value->type.dtype, lx_dim(k->b, f->count));
    return lx_binary(k->b, LB_DIV, value, count);
}

bool lower_reduction(const Job *job) {
    static const char *const kept[MAX_RANK] = {"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"};
    static const char *const summed[MAX_RANK] = {"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"};
    const Node *node = job->anchor->def;
    const Value *x = node->operands[0];
    const Reducer *reducer = &reducers[node->op];
    DimContext *dims = job->l->dims;
    uint32_t axes = axes_bits(node_attr(node, "axes"), x->type.rank);
    bool keepdims = node_attr(node, "keepdims")->i;
    Contraction *c = arena_new(job->l->arena, Contraction);
    MeanFinish finish = {.count = dim_int(dims, 1)};
    c->noperands = 1;
    c->operands[0].value = x;
    c->result.value = job->anchor;
    c->combine = reducer->combine;
    c->dtype = compute_dtype(x->type.dtype);
    for (int i = 0, position = 0; i < x->type.rank; i++) {
        bool reduced = axes >> i & 1;
        if (!reduced) {
            int axis = contraction_axis(c, kept[i], x->type.dims[i], false);
            affine_term(&c->operands[0].index[i], axis, 1);
            affine_term(&c->result.index[position], axis, 1);
        }
        position += !reduced || keepdims;
    }
    for (int i = 0; i < x->type.rank; i++) {
        if (!(axes >> i & 1)) continue;
        affine_term(&c->operands[0].index[i], contraction_axis(c, summed[i], x->type.dims[i], true),
                    1);
        finish.count = dim_mul(dims, finish.count, x->type.dims[i]);
    }
    require(finish.count);
    if (reducer->mean) finish.base.apply = divide_by_count;
    finish.base.contraction = c;
    contraction_survey(job, c);
    return nest_lower(job, c, &finish.base);
}
