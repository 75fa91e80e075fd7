/* multi_head_attention: Vaswani and others, "Attention Is All You Need", 2017, with the parameters
 * of PyTorch's MultiheadAttention.
 *
 * in_proj_weight [3 * dim, dim] holds the weights of queries, keys and values one above the other.
 * Each gets a product of its own over a part of it: weights are cut when compiling, a common result
 * would have to be cut at every run. */
#include "frontend/layers.h"

#include <math.h>

typedef struct Attention {
    const LayerCall *call;
    Value *memory; /* what keys and values are made of: x itself if no other was given */
    int lead;      /* axes before [length, dim] */
    int64_t dim, heads;
} Attention;

enum { QUERY, KEY, VALUE, PROJECTIONS };

/* A node of the layer; null operands, after a message, give null. */
static Value *add(const Attention *a, OpKind op, int count, Value *const *operands, int nattrs,
                  const Attr *attrs) {
    const CallSite *site = a->call->site;
    Span spans[4] = {site->span, site->span, site->span, site->span};
    for (int i = 0; i < count; i++)
        if (!operands[i]) return NULL;
    Node *node = add_operator(a->call->e, op, count, operands, spans, nattrs, attrs, NULL,
                              a->call->path, site->span);
    return node ? node_result(node) : NULL;
}

static Value *add1(const Attention *a, OpKind op, Value *x, Attr attr) {
    return add(a, op, 1, &x, 1, &attr);
}

static Value *add2(const Attention *a, OpKind op, Value *x, Value *y) {
    return add(a, op, 2, (Value *[]){x, y}, 0, NULL);
}

static Value *number(const Attention *a, double value) {
    return literal_operand(a->call->e, val_float(value), a->call->x->type.dtype,
                           a->call->site->span);
}

/* Rows first * dim to (first + 1) * dim of a parameter of three parts. */
static Value *part_of(const Attention *a, Value *stacked, int part) {
    int64_t begin = part * a->dim, end = begin + a->dim;
    Attr attrs[] = {attr_ints("starts", 1, &begin), attr_ints("ends", 1, &end)};
    return add(a, OP_slice, 1, &stacked, COUNT_OF(attrs), attrs);
}

/* [.., length, dim] as [.., heads, length, dim / heads], keys with the last two axes swapped. */
static Value *split_heads(const Attention *a, Value *x, bool swapped) {
    if (!x) return NULL;
    Dim dims[MAX_RANK];
    int64_t perm[MAX_RANK];
    for (int i = 0; i <= a->lead; i++) dims[i] = x->type.dims[i];
    dims[a->lead + 1] = dim_int(a->call->e->module->dims, a->heads);
    dims[a->lead + 2] = dim_int(a->call->e->module->dims, a->dim / a->heads);
    for (int i = 0; i < a->lead; i++) perm[i] = i;
    perm[a->lead] = a->lead + 1;
    perm[a->lead + 1] = swapped ? a->lead + 2 : a->lead;
    perm[a->lead + 2] = swapped ? a->lead : a->lead + 2;
    x = add1(a, OP_reshape, x, attr_dims("shape", a->lead + 3, dims));
    return add1(a, OP_transpose, x, attr_ints("perm", a->lead + 3, perm));
}

static Value *join_heads(const Attention *a, Value *x) {
    const TensorType *type = &a->call->x->type;
    int64_t perm[MAX_RANK];
    for (int i = 0; i < a->lead; i++) perm[i] = i;
    perm[a->lead] = a->lead + 1;
    perm[a->lead + 1] = a->lead;
    perm[a->lead + 2] = a->lead + 2;
    x = add1(a, OP_transpose, x, attr_ints("perm", a->lead + 3, perm));
    return add1(a, OP_reshape, x, attr_dims("shape", type->rank, type->dims));
}

static Value *project(const Attention *a, Value *x, Value *weight, Value *bias) {
    return add(a, OP_dense, bias ? 3 : 2, (Value *[]){x, weight, bias}, 0, NULL);
}

/* ---- masks ----------------------------------------------------------------------------------- */

/* bool [length of x, length of memory]: true where a place is not later. */
static Value *causal_mask(const Attention *a) {
    const LayerCall *c = a->call;
    Dim zero = dim_int(c->e->module->dims, 0), rows = c->x->type.dims[a->lead];
    Attr row_bounds[] = {attr_dim("start", &zero), attr_dim("stop", &rows)};
    Attr column_bounds[] = {attr_dim("start", &zero),
                            attr_dim("stop", &a->memory->type.dims[a->lead])};
    Dim column[] = {rows, dim_int(c->e->module->dims, 1)};
    Value *here = add(a, OP_range, 0, NULL, COUNT_OF(row_bounds), row_bounds);
    Value *there = add(a, OP_range, 0, NULL, COUNT_OF(column_bounds), column_bounds);
    if (!here || !there) return NULL;
    return add2(a, OP_ge, add1(a, OP_reshape, here, attr_dims("shape", 2, column)), there);
}

static Value *hide(const Attention *a, Value *scores, Value *visible) {
    return add(a, OP_where, 3, (Value *[]){visible, scores, number(a, -INFINITY)}, 0, NULL);
}

static Value *apply_masks(const Attention *a, Value *scores) {
    const LayerCall *c = a->call;
    Value *mask = c->tensors[1];
    if (layer_argument(c, "causal")->i) scores = hide(a, scores, causal_mask(a));
    if (!mask || !scores) return scores;
    TensorType type = scores->type;
    scores = mask->type.dtype == DT_bool ? hide(a, scores, mask) : add2(a, OP_add, scores, mask);
    if (!scores || type_same_shape(&scores->type, &type)) return scores;
    diag_error(c->e->diag, c->tensor_spans[1],
               "'mask' of 'multi_head_attention' must fit %s, found %s",
               elab_type_text(c->e, &type), elab_type_text(c->e, &mask->type));
    return NULL;
}

/* ---------------------------------------------------------------------------------------------- */

/* softmax(q k / sqrt(dim / heads)) v; the factor is taken to the smaller side, the queries. */
static Value *attend(const Attention *a, Value *const stacked[2]) {
    Value *heads[PROJECTIONS];
    for (int i = 0; i < PROJECTIONS; i++) {
        Value *weight = part_of(a, stacked[0], i);
        Value *bias = stacked[1] ? part_of(a, stacked[1], i) : NULL;
        Value *made = project(a, i == QUERY ? a->call->x : a->memory, weight, bias);
        if (i == QUERY)
            made = add2(a, OP_mul, made, number(a, 1 / sqrt((double)(a->dim / a->heads))));
        heads[i] = split_heads(a, made, i == KEY);
    }
    Value *scores = apply_masks(a, add2(a, OP_matmul, heads[QUERY], heads[KEY]));
    Value *shares = add(a, OP_softmax, 1, &scores, 0, NULL);
    return join_heads(a, add2(a, OP_matmul, shares, heads[VALUE]));
}

static bool check_heads(const Attention *a) {
    const LayerCall *c = a->call;
    if (!layer_needs_at_least(c, "heads", 1)) return false;
    if (a->dim % a->heads == 0) return true;
    diag_error(c->e->diag, layer_argument_span(c, "heads"),
               "heads=%lld must divide the %lld features of %s", (long long)a->heads,
               (long long)a->dim, elab_type_text(c->e, &c->x->type));
    return false;
}

/* Memory is [.., other length, dim] with x's leading axes. */
static bool check_memory(const Attention *a) {
    const LayerCall *c = a->call;
    const TensorType *x = &c->x->type, *memory = &a->memory->type;
    bool fits = memory->rank == x->rank && memory->dtype == x->dtype &&
                memory->dims[a->lead + 1] == x->dims[a->lead + 1];
    for (int i = 0; fits && i < a->lead; i++) fits = memory->dims[i] == x->dims[i];
    if (fits) return true;
    diag_error(
        c->e->diag, c->tensor_spans[0],
        "'memory' of 'multi_head_attention' may differ from %s in its length alone, found %s",
        elab_type_text(c->e, x), elab_type_text(c->e, memory));
    return false;
}

/* in_proj_weight [3 * dim, dim], in_proj_bias [3 * dim], out_proj.weight [dim, dim], out_proj.bias
 * [dim] */
Val build_multi_head_attention(const LayerCall *c) {
    Attention a = {.call = c, .lead = c->x->type.rank - 2, .heads = layer_argument(c, "heads")->i};
    a.memory = c->tensors[0] ? c->tensors[0] : c->x;
    if (!layer_needs_float_of_rank(c, 2, MAX_RANK - 1) ||
        !layer_known_size(c, a.lead + 1, "features", &a.dim) || !check_heads(&a) ||
        !check_memory(&a))
        return val_error();
    int64_t stacked_shape[2], shape[2] = {a.dim, a.dim};
    if (!checked_mul(a.dim, PROJECTIONS, &stacked_shape[0])) die("features overflow");
    stacked_shape[1] = a.dim;
    bool bias = layer_argument(c, "bias")->i;
    Value *stacked[2] = {layer_parameter(c, "in_proj_weight", 2, stacked_shape)};
    if (bias) stacked[1] = layer_parameter(c, "in_proj_bias", 1, stacked_shape);
    Value *out = layer_parameter(c, "out_proj.weight", 2, shape);
    Value *out_bias = bias ? layer_parameter(c, "out_proj.bias", 1, shape) : NULL;
    if (!out || !stacked[0] || (bias && (!stacked[1] || !out_bias))) return val_error();
    Value *y = project(&a, attend(&a, stacked), out, out_bias);
    return y ? val_tensor(y) : val_error();
}
