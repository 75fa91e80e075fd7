/* Making bodies: moving nodes of a graph into a `fused` node. */
#include "passes/body.h"

#include <stdio.h>

typedef struct Encloser {
    Graph *graph, *body;
    ConstantMarks constant;
    Value **inside; /* by id of an outside value: its counterpart in the body */
    size_t capacity;
    Value *operands[MAX_OPERANDS];
    int noperands;
} Encloser;

bool is_weight_decoder(ConstantMarks constant, const Value *value) {
    const Node *node = value->def;
    if (!node || (node->op != OP_dequantize && node->op != OP_cast)) return false;
    const Value *stored = node->operands[0];
    if (!is_constant(constant, stored)) return false;
    return node->op == OP_dequantize ||
           dtype_bits(stored->type.dtype) < dtype_bits(value->type.dtype);
}

static void keep_provenance(Value *to, const Value *from) {
    to->path = from->path;
    to->span = from->span;
}

/* A copy of node at the end of the body; its operands have their counterparts there. */
static void copy_node(Encloser *e, const Node *node) {
    Value *operands[MAX_OPERANDS];
    Builder b = {.graph = e->body, .path = node->path, .span = node->span};
    for (int i = 0; i < node->noperands; i++) operands[i] = e->inside[node->operands[i]->id];
    Node *copy =
        build_node(&b, node->op, node->noperands, operands, node->nattrs, node->attrs, NULL);
    if (node->nannotations) node_annotate(copy, node->nannotations, node->annotations);
    for (int i = 0; i < node->nresults; i++) {
        e->inside[node->results[i]->id] = copy->results[i];
        keep_provenance(copy->results[i], node->results[i]);
    }
}

static void add_operand(Encloser *e, Value *value) {
    char name[16];
    require(e->noperands < MAX_OPERANDS);
    snprintf(name, sizeof name, "x%d", e->noperands);
    e->operands[e->noperands++] = value;
    Value *input = graph_add_input(e->body, name, &value->type, value->span);
    keep_provenance(input, value);
    e->inside[value->id] = input;
}

/* Gives an outside value its counterpart. A cast of a constant is a decoder only where it feeds a
 * contraction: elsewhere it is computed at compile time. */
static void bring_in(Encloser *e, Value *value, bool as_weight) {
    double number;
    if (e->inside[value->id]) return;
    if (value_is_literal(value, &number)) {
        Builder b = {.graph = e->body, .path = value->def->path, .span = value->def->span};
        e->inside[value->id] = build_const(&b, value->def->data, false);
        keep_provenance(e->inside[value->id], value);
    } else if (is_weight_decoder(e->constant, value) &&
               (as_weight || value->def->op == OP_dequantize)) {
        bring_in(e, value->def->operands[0], false);
        copy_node(e, value->def);
    } else {
        add_operand(e, value);
    }
}

Node *enclose(Graph *graph, Node *const *nodes, size_t count, const Node *named,
              ConstantMarks constant, Arena *scratch) {
    Module *module = graph->module;
    Encloser e = {.graph = graph, .constant = constant};
    e.body = graph_create(module, op_info(named->op)->name);
    e.inside = arena_array(scratch, Value *, module->value_count);
    for (size_t n = 0; n < count; n++) {
        bool contraction = op_info(nodes[n]->op)->family == FAMILY_CONTRACTION;
        for (int i = 0; i < nodes[n]->noperands; i++)
            bring_in(&e, nodes[n]->operands[i], contraction && i == 1);
        copy_node(&e, nodes[n]);
    }
    Node *root = nodes[count - 1];
    Value *result = root->results[0], *output = e.inside[result->id];
    require(root->nresults == 1);
    graph_set_outputs(e.body, 1, &output, (const char *const[]){"y"});
    Builder b = {.graph = graph, .before = root, .path = named->path, .span = named->span};
    Node *fused = build_fused(&b, e.noperands, e.operands, e.body);
    keep_provenance(fused->results[0], result);
    graph_replace(graph, result, fused->results[0]);
    for (size_t n = count; n-- > 0;) node_remove(nodes[n]);
    return fused;
}
