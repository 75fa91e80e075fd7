/* What passes share: which values are known at compile time, removal, replacement. */
#include "passes/support.h"

/* Whether no symbol decides its elements. */
static bool is_static(const Node *node) {
    for (int i = 0; i < node->nattrs; i++)
        for (int k = 0; attr_has_dims(&node->attrs[i]) && k < node->attrs[i].count; k++)
            if (!dim_is_int(node->attrs[i].dims[k], NULL)) return false;
    if (node->body) graph_each(node->body, inner) if (!is_static(inner)) return false;
    return true;
}

ConstantMarks constant_marks(const Graph *graph, Arena *arena) {
    size_t count = graph->module->value_count;
    bool *marks = arena_array(arena, bool, count);
    graph_each(graph, node) {
        bool constant = node->op != OP_dequantize && is_static(node);
        for (int i = 0; i < node->noperands; i++) {
            constant = constant && marks[node->operands[i]->id];
        }
        for (int i = 0; i < node->nresults; i++) {
            int64_t dims[MAX_RANK];
            marks[node->results[i]->id] =
                constant && type_static_dims(&node->results[i]->type, dims);
        }
    }
    return (ConstantMarks){marks, count};
}

bool remove_dead(Graph *graph, Arena *scratch) {
    int *uses = graph_use_counts(graph, scratch);
    bool changed = false;
    for (Node *node = graph->last, *previous; node; node = previous) {
        previous = node->prev;
        bool used = false;
        for (int i = 0; i < node->nresults; i++) used = used || uses[node->results[i]->id];
        if (used) continue;
        for (int i = 0; i < node->noperands; i++) uses[node->operands[i]->id]--;
        node_remove(node);
        changed = true;
    }
    return changed;
}

void substitute(Substitution *s, const Value *from, Value *to) {
    require(from != to);
    while (s->map.len <= from->id) vec_push(s->arena, &s->map, NULL);
    s->map.data[from->id] = to;
}

static Value *substituted(const Substitution *s, Value *value) {
    while (value->id < s->map.len && s->map.data[value->id]) value = s->map.data[value->id];
    return value;
}

void resolve_operands(const Substitution *s, Node *node) {
    for (int i = 0; i < node->noperands; i++) node->operands[i] = substituted(s, node->operands[i]);
}

void resolve_graph(const Substitution *s, Graph *graph) {
    graph_each(graph, node) resolve_operands(s, node);
    for (int i = 0; i < graph->noutputs; i++) graph->outputs[i] = substituted(s, graph->outputs[i]);
}

void replace_node(Substitution *s, Node *node, Value *value) {
    require(node->nresults == 1);
    substitute(s, node->results[0], value);
    node_remove(node);
}

void carry_annotations(const Node *node, Value *value) {
    if (node->nannotations && value->def && value->def != node) {
        node_annotate(value->def, node->nannotations, node->annotations);
    }
}

bool value_is_literal(const Value *value, double *number) {
    if (!value_is_op(value, OP_const) || !value->def->data) return false;
    if (tensor_elements(value->def->data) != 1) return false;
    *number = tensor_get(value->def->data, 0);
    return true;
}

static bool missing(PassContext *context, const Node *node) {
    if (node->op == OP_param) {
        diag_error(context->diag, node->span, "the weights of '%s' are needed and not at hand",
                   node_attr(node, "name")->s);
    } else {
        diag_error(context->diag, node->span,
                   "'%s': the constant lies in a side file that is not loaded", node->path);
    }
    return false;
}

bool constant_value(PassContext *context, const Value *value, Tensor *tensor, Arena *arena) {
    while (value->def->op == OP_relayout) value = value->def->operands[0];
    const Node *node = value->def;
    const ParamSource *params = &context->module->params;
    if (node->op == OP_param) {
        return (params->find && params->find(params->self, node_attr(node, "name")->s, tensor)) ||
               missing(context, node);
    }
    if (node->op == OP_const) {
        if (!node->data) return missing(context, node);
        *tensor = *node->data;
        return true;
    }
    return interp_constant(value, tensor, arena, context->diag);
}

bool has_few_channels(const Node *conv) {
    enum { FEW = 8 };
    int64_t channels;
    return dim_is_int(conv->operands[1]->type.dims[1], &channels) && channels < FEW;
}
