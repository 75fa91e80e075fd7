/* Reading and changing a graph: attributes, uses, replacement. */
#include <string.h>

#include "ir/graph_internal.h"

const Attr *node_attr(const Node *node, const char *name) {
    return attr_get(node->op, node->attrs, name);
}

bool value_is_op(const Value *value, OpKind op) {
    return value->def && value->def->op == op;
}

const Annotation *node_annotation(const Node *node, const char *name) {
    for (int i = 0; i < node->nannotations; i++) {
        if (!strcmp(node->annotations[i].name, name)) return &node->annotations[i];
    }
    return NULL;
}

int graph_node_count(const Graph *graph) {
    int count = 0;
    graph_each(graph, node) count++;
    return count;
}

/* ---- constant expressions -------------------------------------------------------------------- */

static Module *node_module(const Node *node) {
    require(node->graph); /* a removed node's values must not be asked about */
    return node->graph->module;
}

bool value_is_constant(const Value *value) {
    if (!value->def) return false;
    if (value->def->noperands == 0) return true;
    Arena *scratch = arena_create();
    uint32_t count = node_module(value->def)->value_count;
    uint8_t *seen = arena_array(scratch, uint8_t, count / 8 + 1);
    VEC(const Value *) pending = {0};
    vec_push(scratch, &pending, value);
    bool constant = true;
    while (pending.len && constant) {
        const Value *v = pending.data[--pending.len];
        constant = v->def != NULL;
        if (!constant || seen[v->id / 8] >> v->id % 8 & 1) continue;
        seen[v->id / 8] |= (uint8_t)(1u << v->id % 8);
        for (int i = 0; i < v->def->noperands; i++) {
            vec_push(scratch, &pending, v->def->operands[i]);
        }
    }
    arena_destroy(scratch);
    return constant;
}

/* ---- uses and replacement -------------------------------------------------------------------- */

static void count_uses(const Graph *graph, int *uses) {
    graph_each(graph, node) {
        if (node->body) count_uses(node->body, uses);
        for (int i = 0; i < node->noperands; i++) uses[node->operands[i]->id]++;
    }
    for (int i = 0; i < graph->noutputs; i++) uses[graph->outputs[i]->id]++;
}

int *graph_use_counts(const Graph *graph, Arena *arena) {
    int *uses = arena_array(arena, int, graph->module->value_count);
    count_uses(graph, uses);
    return uses;
}

void graph_replace(Graph *graph, Value *from, Value *to) {
    graph_each(graph, node) {
        if (node == to->def) continue;
        for (int i = 0; i < node->noperands; i++) {
            if (node->operands[i] == from) node->operands[i] = to;
        }
    }
    for (int i = 0; i < graph->noutputs; i++) {
        if (graph->outputs[i] == from) graph->outputs[i] = to;
    }
}

/* The end of value's chain. */
static Value *follow(Value *value, Value **map, size_t count) {
    for (size_t steps = 0; value->id < count && map[value->id]; steps++) {
        if (steps == count) die("a replacement map has a cycle");
        value = map[value->id];
    }
    return value;
}

void graph_replace_all(Graph *graph, Value **map, size_t count) {
    graph_each(graph, node) {
        for (int i = 0; i < node->noperands; i++) {
            node->operands[i] = follow(node->operands[i], map, count);
        }
    }
    for (int i = 0; i < graph->noutputs; i++) {
        graph->outputs[i] = follow(graph->outputs[i], map, count);
    }
}

/* ---- inference on a standing node ------------------------------------------------------------ */

bool node_infer(const Node *node, Arena *arena, TensorType results[MAX_RESULTS], TypeQuery *query) {
    TensorType *operands = arena_array(arena, TensorType, (size_t)node->noperands);
    for (int i = 0; i < node->noperands; i++) operands[i] = node->operands[i]->type;
    for (int i = 0; i < node->nresults && i < MAX_RESULTS; i++) results[i] = node->results[i]->type;
    *query = (TypeQuery){.arena = arena,
                         .dims = node->graph->module->dims,
                         .op = node->op,
                         .noperands = node->noperands,
                         .operands = operands,
                         .attrs = node->attrs,
                         .nresults = node->nresults,
                         .results = results};
    return op_infer(query);
}
