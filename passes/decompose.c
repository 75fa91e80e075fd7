/* Composite operators become simpler ones, so that lowering knows fewer.
 *
 * Batch normalization turns into x * scale + shift with scale and shift computed from its
 * parameters: the form in which a later pass can move them into the weights of a convolution. Needs
 * nothing; keeps types and provenance. */
#include "passes/decompose.h"

/* ---- batch_norm ------------------------------------------------------------------------------ */

/* A vector [C] under a shape in which it broadcasts along axis 1 of a tensor of that rank. */
static Value *along_channels(Builder *b, Value *vector, int rank) {
    DimContext *dims = b->graph->module->dims;
    Dim shape[MAX_RANK] = {vector->type.dims[0]};
    if (rank == 2) return vector;
    for (int i = 1; i < rank - 1; i++) shape[i] = dim_int(dims, 1);
    return build1(b, OP_reshape, vector, attr_dims("shape", rank - 1, shape));
}

static Value *decompose_batch_norm(PassContext *context, Builder *b, Node *node) {
    Value *x = node->operands[0], *weight = node->operands[1], *bias = node->operands[2];
    Value *mean = node->operands[3], *variance = node->operands[4];
    double eps = node_float(node, "eps");
    if (!dtype_represents(x->type.dtype, eps)) {
        diag_error(context->diag, node->span, "'%s': eps = %g cannot be represented in %s",
                   node->path, eps, dtype_name(x->type.dtype));
        return NULL;
    }
    Value *widened = build2(b, OP_add, variance, build_scalar(b, x->type.dtype, eps));
    Value *scale = build2(b, OP_div, weight, build1(b, OP_sqrt, widened));
    Value *shift = build2(b, OP_sub, bias, build2(b, OP_mul, mean, scale));
    Value *scaled = build2(b, OP_mul, x, along_channels(b, scale, x->type.rank));
    return build2(b, OP_add, scaled, along_channels(b, shift, x->type.rank));
}

/* ---- layer_norm ------------------------------------------------------------------------------ */

static Value *mean_over(Builder *b, Value *x, const Attr *axes) {
    static const int64_t last = -1;
    Attr over =
        axes->count > 0 ? attr_ints("axes", axes->count, axes->ints) : attr_ints("axes", 1, &last);
    return build1(b, OP_reduce_mean, x, over, attr_bool("keepdims", true));
}

/* Statistics of 16-bit floats are taken in f32, like all sums. */
static Value *decompose_layer_norm(Builder *b, Node *node) {
    DType type = node->operands[0]->type.dtype, wide = type == DT_f64 ? DT_f64 : DT_f32;
    const Attr *axes = node_attr(node, "axes");
    Value *operands[3];
    for (int i = 0; i < 3; i++) {
        operands[i] = node->operands[i];
        if (type != wide) operands[i] = build1(b, OP_cast, operands[i], attr_dtype("to", wide));
    }
    Value *centred = build2(b, OP_sub, operands[0], mean_over(b, operands[0], axes));
    Value *variance = mean_over(b, build2(b, OP_mul, centred, centred), axes);
    Value *widened = build2(b, OP_add, variance, build_scalar(b, wide, node_float(node, "eps")));
    Value *normal = build2(b, OP_mul, centred, build1(b, OP_rsqrt, widened));
    Value *result = build2(b, OP_add, build2(b, OP_mul, normal, operands[1]), operands[2]);
    return type == wide ? result : build1(b, OP_cast, result, attr_dtype("to", type));
}

/* ---- global pools ---------------------------------------------------------------------------- */

static Value *decompose_global_pool(Builder *b, Node *node) {
    int64_t axes[MAX_RANK];
    int rank = node->operands[0]->type.rank;
    OpKind op = node->op == OP_global_avg_pool ? OP_reduce_mean : OP_reduce_max;
    for (int i = 2; i < rank; i++) axes[i - 2] = i;
    return build1(b, op, node->operands[0], attr_ints("axes", rank - 2, axes),
                  attr_bool("keepdims", true));
}

/* ---- split ----------------------------------------------------------------------------------- */

static Value *slice_range(Builder *b, Value *x, int64_t axis, int64_t start, int64_t end) {
    return build1(b, OP_slice, x, attr_ints("starts", 1, &start), attr_ints("ends", 1, &end),
                  attr_ints("axes", 1, &axis));
}

/* Parts of symbolic size: the axis is seen as [parts, size], of which one index is cut out. */
static Value *symbolic_part(Builder *b, Value *x, int axis, int64_t parts, int64_t index,
                            const TensorType *part) {
    Dim dims[MAX_RANK];
    for (int i = 0; i <= x->type.rank; i++) dims[i] = part->dims[i > axis ? i - 1 : i];
    dims[axis] = dim_int(b->graph->module->dims, parts);
    Value *cut = build1(b, OP_reshape, x, attr_dims("shape", x->type.rank + 1, dims));
    cut = slice_range(b, cut, axis, index, index + 1);
    return build1(b, OP_reshape, cut, attr_dims("shape", part->rank, part->dims));
}

static bool decompose_split(PassContext *context, Substitution *s, Builder *b, Node *node) {
    Value *x = node->operands[0];
    int axis = normalize_axis(node_int(node, "axis"), x->type.rank);
    const TensorType *part = &node->results[0]->type;
    int64_t size;
    bool fixed = dim_is_int(part->dims[axis], &size);
    if (!fixed && node->nresults > 1 && x->type.rank == MAX_RANK) {
        diag_error(context->diag, node->span,
                   "'%s': a tensor of rank %d cannot be split into parts of size %s; give the "
                   "symbols their values with -bind",
                   node->path, MAX_RANK,
                   dim_text(context->module->dims, context->scratch, part->dims[axis]));
        return false;
    }
    for (int i = 0; i < node->nresults; i++) {
        Value *value = x;
        if (node->nresults > 1) {
            value = fixed ? slice_range(b, x, axis, i * size, (i + 1) * size)
                          : symbolic_part(b, x, axis, node->nresults, i, part);
        }
        substitute(s, node->results[i], value);
    }
    node_remove(node);
    return true;
}

/* ---- the pass -------------------------------------------------------------------------------- */

static bool decompose_node(PassContext *context, Substitution *s, Node *node) {
    Builder b = builder_before(node);
    Value *value;
    switch (node->op) {
    case OP_batch_norm: value = decompose_batch_norm(context, &b, node); break;
    case OP_layer_norm: value = decompose_layer_norm(&b, node); break;
    case OP_conv_transpose2d: value = decompose_conv_transpose2d(context, &b, node); break;
    case OP_global_avg_pool:
    case OP_global_max_pool: value = decompose_global_pool(&b, node); break;
    case OP_split: return decompose_split(context, s, &b, node);
    default: return false;
    }
    if (!value) return false;
    if (node->op != OP_conv_transpose2d) carry_annotations(node, value);
    replace_node(s, node, value);
    return true;
}

bool pass_decompose(PassContext *context, Graph *graph) {
    Substitution s = {.arena = context->scratch};
    bool changed = false;
    graph_each_safe(graph, node) {
        resolve_operands(&s, node);
        changed |= decompose_node(context, &s, node);
    }
    resolve_graph(&s, graph);
    return changed;
}
