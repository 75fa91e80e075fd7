/* Scales and shifts after a contraction move into its weight and bias.
 *
 *   conv2d(x, w, b) * s     ->  conv2d(x, w * s, b * s)         s constant, varying along the
 * output channels only conv2d(x, w, b) + t     ->  conv2d(x, w, b + t) matmul(x, w) + t        ->
 * dense(x, w, t), weight [in, out]
 *
 * and - and / alike. The new weights are expressions over parameters, computed at the end, so this
 * is free at run time; batch normalization vanishes. Only for floats, and where the contraction's
 * result has no other use. The new contraction keeps path and annotations of the old one, its
 * result those of the scaled one. */
#include <string.h>

#include "passes/support.h"

typedef struct Folder {
    Graph *graph;
    ConstantMarks constant;
    Arena *scratch;
    VEC(int) uses; /* by id, of the values that can be a layer's result */
} Folder;

/* A contraction with its output channels. */
typedef struct Layer {
    Node *node;
    int channel_axis; /* of the result */
    int weight_axis;  /* of the weight */
    Dim channels;
} Layer;

/* ---- recognizing ----------------------------------------------------------------------------- */

/* New weights are constant too: made of constants here, after the marks. */
static bool weight_is_constant(const Folder *f, const Value *value) {
    if (value->id < f->constant.count) return f->constant.at[value->id];
    if (!value->def || value->def->op == OP_dequantize) return false;
    for (int i = 0; i < value->def->noperands; i++) {
        if (!weight_is_constant(f, value->def->operands[i])) return false;
    }
    return true;
}

/* The folded layer's result takes the place of the scaled one. */
static void inherit_uses(Folder *f, const Value *from, const Value *to) {
    while (f->uses.len <= to->id) vec_push(f->scratch, &f->uses, 0);
    f->uses.data[to->id] = f->uses.data[from->id];
}

static bool find_layer(const Folder *f, const Value *result, Layer *layer) {
    Node *node = result->def;
    if (!node || op_info(node->op)->family != FAMILY_CONTRACTION) return false;
    if (!dtype_is_float(result->type.dtype) || result->type.layout) return false;
    const TensorType *weight = &node->operands[1]->type;
    if (node->op == OP_matmul && weight->rank != 2) return false;
    *layer = (Layer){.node = node, .channel_axis = result->type.rank - 1, .weight_axis = 1};
    if (node->op == OP_conv2d) layer->channel_axis = 1;
    if (node->op == OP_conv2d ||
        (node->op == OP_dense && !strcmp(node_attr(node, "weight_order")->s, "oi")))
        layer->weight_axis = 0;
    layer->channels = weight->dims[layer->weight_axis];
    for (int i = 1; i < node->noperands; i++) {
        if (!weight_is_constant(f, node->operands[i])) return false;
    }
    return f->uses.data[result->id] == 1;
}

/* Every dimension of c is 1, except that of the channels where it may be their number. */
static bool varies_by_channel(const Layer *layer, int result_rank, const TensorType *c) {
    int axis = layer->channel_axis - (result_rank - c->rank);
    for (int i = 0; i < c->rank; i++) {
        if (!dim_is(c->dims[i], 1) && (i != axis || c->dims[i] != layer->channels)) return false;
    }
    return true;
}

/* ---- rewriting ------------------------------------------------------------------------------- */

/* c as a vector [channels], or [1] where it has one element. */
static Value *as_vector(Builder *b, const Layer *layer, Value *c) {
    DimContext *dims = b->graph->module->dims;
    Dim count = type_elements(dims, &c->type);
    bool whole = count == layer->channels;
    Dim shape = whole ? layer->channels : dim_int(dims, 1);
    return build1(b, OP_reshape, c, attr_dims("shape", 1, &shape));
}

static Value *to_channels(Builder *b, const Layer *layer, Value *vector) {
    if (vector->type.dims[0] == layer->channels) return vector;
    return build1(b, OP_broadcast_to, vector, attr_dims("shape", 1, &layer->channels));
}

/* The weight multiplied or divided by a vector along its output channels. */
static Value *scale_weight(Builder *b, const Layer *layer, OpKind op, Value *vector) {
    DimContext *dims = b->graph->module->dims;
    Value *weight = layer->node->operands[1];
    Dim shape[MAX_RANK];
    int rank = weight->type.rank - layer->weight_axis;
    shape[0] = vector->type.dims[0];
    for (int i = 1; i < rank; i++) shape[i] = dim_int(dims, 1);
    if (rank > 1) vector = build1(b, OP_reshape, vector, attr_dims("shape", rank, shape));
    return build2(b, op, weight, vector);
}

/* The layer with another weight and bias (null: none). */
static Value *rebuild(Builder *b, const Layer *layer, Value *weight, Value *bias) {
    const Node *old = layer->node;
    Value *operands[3] = {old->operands[0], weight, bias};
    OpKind op = old->op;
    Attr order = attr_string("weight_order", "io");
    bool becomes_dense = op == OP_matmul && bias;
    if (becomes_dense) op = OP_dense;
    Value *result = build_value(b, op, bias ? 3 : 2, operands, becomes_dense ? 1 : old->nattrs,
                                becomes_dense ? &order : old->attrs);
    if (old->nannotations) node_annotate(result->def, old->nannotations, old->annotations);
    return result;
}

static Value *old_bias(const Layer *layer) {
    return layer->node->noperands > 2 ? layer->node->operands[2] : NULL;
}

/* layer * c or layer / c. */
static Value *fold_scale(Builder *b, const Layer *layer, OpKind op, Value *c) {
    Value *vector = as_vector(b, layer, c), *bias = old_bias(layer);
    Value *weight = scale_weight(b, layer, op, vector);
    return rebuild(b, layer, weight, bias ? build2(b, op, bias, vector) : NULL);
}

/* layer + c or layer - c. */
static Value *fold_shift(Builder *b, const Layer *layer, OpKind op, Value *c) {
    Value *vector = as_vector(b, layer, c), *bias = old_bias(layer);
    if (bias)
        bias = build2(b, op, bias, vector);
    else
        bias = to_channels(b, layer, op == OP_sub ? build1(b, OP_neg, vector) : vector);
    return rebuild(b, layer, layer->node->operands[1], bias);
}

/* c - layer. */
static Value *fold_reversed(Builder *b, const Layer *layer, Value *c) {
    Value *vector = as_vector(b, layer, c), *bias = old_bias(layer);
    Value *weight = build1(b, OP_neg, layer->node->operands[1]);
    bias = bias ? build2(b, OP_sub, vector, bias) : to_channels(b, layer, vector);
    return rebuild(b, layer, weight, bias);
}

static Value *fold_node(const Folder *f, Node *node) {
    if (node->op != OP_mul && node->op != OP_add && node->op != OP_sub && node->op != OP_div)
        return NULL;
    for (int side = 0; side < 2; side++) {
        Value *result = node->operands[side], *c = node->operands[1 - side];
        Layer layer;
        if (side == 1 && node->op == OP_div) break;
        if (!is_constant(f->constant, c) || !find_layer(f, result, &layer)) continue;
        if (!type_equal(&result->type, &node->results[0]->type)) continue;
        if (!varies_by_channel(&layer, result->type.rank, &c->type)) continue;
        Builder b = {
            .graph = f->graph, .before = node, .path = layer.node->path, .span = layer.node->span};
        if (node->op == OP_mul || node->op == OP_div) return fold_scale(&b, &layer, node->op, c);
        return side == 1 && node->op == OP_sub ? fold_reversed(&b, &layer, c)
                                               : fold_shift(&b, &layer, node->op, c);
    }
    return NULL;
}

bool pass_fold_batch_norm(PassContext *context, Graph *graph) {
    Folder folder = {.graph = graph, .scratch = context->scratch};
    folder.constant = constant_marks(graph, context->scratch);
    folder.uses.data = graph_use_counts(graph, context->scratch);
    folder.uses.len = folder.uses.cap = context->module->value_count;
    Substitution s = {.arena = context->scratch};
    bool changed = false;
    graph_each_safe(graph, node) {
        resolve_operands(&s, node);
        if (is_constant(folder.constant, node->results[0])) continue;
        Value *value = fold_node(&folder, node);
        if (!value) continue;
        value->path = node->results[0]->path;
        value->span = node->results[0]->span;
        inherit_uses(&folder, node->results[0], value);
        replace_node(&s, node, value);
        changed = true;
    }
    resolve_graph(&s, graph);
    if (changed) remove_dead(graph, context->scratch);
    return changed;
}
