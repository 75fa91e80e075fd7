/* Making bodies: moving nodes of a graph into a `fused` node. */
#include "passes/body.h"

#include <stdio.h>

bool is_weight_decoder(ConstantMarks constant, const Value *value) {
    const Node *node = value->def;
    if (!node || (node->op != OP_dequantize && node->op != OP_cast)) return false;
    const Value *stored = node->operands[0];
    if (!is_constant(constant, stored)) return false;
    return node->op == OP_dequantize ||
           dtype_bits(stored->type.dtype) < dtype_bits(value->type.dtype);
}

Encloser encloser_create(Graph *graph, ConstantMarks constant, Arena *scratch) {
    return (Encloser){
        .graph = graph, .constant = constant, .scratch = scratch, .results = {.arena = scratch}};
}

void encloser_finish(Encloser *e) {
    resolve_graph(&e->results, e->graph);
}

/* ---- counterparts ---------------------------------------------------------------------------- */

static Value *inside(const Encloser *e, const Value *value) {
    return value->id < e->inside.len ? e->inside.data[value->id] : NULL;
}

static void set_inside(Encloser *e, const Value *value, Value *counterpart) {
    while (e->inside.len <= value->id) vec_push(e->scratch, &e->inside, NULL);
    e->inside.data[value->id] = counterpart;
    vec_push(e->scratch, &e->filled, value->id);
}

static void begin_body(Encloser *e, const char *name) {
    for (size_t i = 0; i < e->filled.len; i++) e->inside.data[e->filled.data[i]] = NULL;
    e->filled.len = 0;
    e->noperands = 0;
    e->body = graph_create(e->graph->module, name);
}

static void keep_provenance(Value *to, const Value *from) {
    to->path = from->path;
    to->span = from->span;
}

/* A copy of node at the end of the body; its operands have their counterparts there. */
static void copy_node(Encloser *e, const Node *node) {
    Value *operands[MAX_OPERANDS];
    Builder b = {.graph = e->body, .path = node->path, .span = node->span};
    for (int i = 0; i < node->noperands; i++) operands[i] = inside(e, node->operands[i]);
    Node *copy =
        build_node(&b, node->op, node->noperands, operands, node->nattrs, node->attrs, NULL);
    if (node->nannotations) node_annotate(copy, node->nannotations, node->annotations);
    for (int i = 0; i < node->nresults; i++) {
        set_inside(e, node->results[i], copy->results[i]);
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
    set_inside(e, value, input);
}

/* Gives an outside value its counterpart. A cast of a constant is a decoder only where it feeds a
 * contraction: elsewhere it is computed at compile time. */
static void bring_in(Encloser *e, Value *value, bool as_weight) {
    double number;
    if (inside(e, value)) return;
    if (value_is_literal(value, &number)) {
        Builder b = {.graph = e->body, .path = value->def->path, .span = value->def->span};
        Value *literal = build_const(&b, value->def->data, false);
        keep_provenance(literal, value);
        set_inside(e, value, literal);
    } else if (is_weight_decoder(e->constant, value) &&
               (as_weight || value->def->op == OP_dequantize)) {
        bring_in(e, value->def->operands[0], false);
        copy_node(e, value->def);
    } else {
        add_operand(e, value);
    }
}

Node *enclose(Encloser *e, Node *const *nodes, size_t count, const Node *named) {
    begin_body(e, op_info(named->op)->name);
    for (size_t n = 0; n < count; n++) {
        bool contraction = op_info(nodes[n]->op)->family == FAMILY_CONTRACTION;
        resolve_operands(&e->results, nodes[n]);
        for (int i = 0; i < nodes[n]->noperands; i++)
            bring_in(e, nodes[n]->operands[i], contraction && i == 1);
        copy_node(e, nodes[n]);
    }
    Node *root = nodes[count - 1];
    require(root->nresults == 1);
    Value *result = root->results[0], *output = inside(e, result);
    graph_set_outputs(e->body, 1, &output, (const char *const[]){"y"});
    Builder b = {.graph = e->graph, .before = root, .path = named->path, .span = named->span};
    Node *fused = build_fused(&b, e->noperands, e->operands, e->body);
    keep_provenance(fused->results[0], result);
    substitute(&e->results, result, fused->results[0]);
    for (size_t n = count; n-- > 0;) node_remove(nodes[n]);
    return fused;
}

/* ---- layouts --------------------------------------------------------------------------------- */

void adopt_operand(Node *node, int i) {
    Graph *body = node->body;
    Value *input = body->inputs[i];
    input->type.layout = node->operands[i]->type.layout;
    Builder b = {.graph = body, .before = body->first, .path = input->path, .span = input->span};
    Value *plain = build1(&b, OP_relayout, input, attr_layout("layout", NULL));
    graph_replace(body, input, plain);
    plain->def->operands[0] = input;
}

void yield_layout(Node *node, LayoutRef layout) {
    Graph *body = node->body;
    Value *output = body->outputs[0];
    Builder b = {.graph = body, .path = output->path, .span = output->span};
    body->outputs[0] = build1(&b, OP_relayout, output, attr_layout("layout", layout));
    node->results[0]->type = body->outputs[0]->type;
}
