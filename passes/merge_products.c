/* Sibling products become one: dense layers of the same x, as attention's queries, keys and values
 * are made by. Weights and biases are joined along the outputs, at compile time; what were the
 * results are slices of the common one.
 *
 * A slice is free only where it is read in place. So only layers are merged whose results go
 * through movement alone to matrix products, which attention's kernels are made of: for others a
 * common product would cost them their epilogue. Only for targets whose kernels can have several
 * stages, which attention's are. */
#include <string.h>

#include "passes/support.h"

enum { MAX_SIBLINGS = 8 };

typedef struct Merger {
    Graph *graph;
    Arena *scratch;
    ConstantMarks constant;
    VEC(Node *) * users; /* by value id */
    bool *is_output;
} Merger;

/* ---- which layers ---------------------------------------------------------------------------- */

/* All that reads value is movement that leads to matrix products. */
static bool feeds_products(const Merger *m, const Value *value) {
    size_t count = m->users[value->id].len;
    if (m->is_output[value->id]) return false;
    for (size_t i = 0; i < count; i++) {
        const Node *user = m->users[value->id].data[i];
        switch (user->op) {
        case OP_matmul: break;
        case OP_reshape:
        case OP_transpose:
        case OP_slice:
            if (!feeds_products(m, user->results[0])) return false;
            break;
        default: return false;
        }
    }
    return count > 0;
}

static bool is_plain_constant(const Merger *m, const Value *value) {
    return is_constant(m->constant, value) && !value->type.layout;
}

static bool is_candidate(const Merger *m, const Node *node) {
    int64_t outputs;
    if (node->op != OP_dense || node->nannotations > 0) return false;
    if (is_constant(m->constant, node->operands[0]) || node->results[0]->type.layout) return false;
    for (int i = 1; i < node->noperands; i++)
        if (!is_plain_constant(m, node->operands[i])) return false;
    const TensorType *type = &node->results[0]->type;
    return dim_is_int(type->dims[type->rank - 1], &outputs) && outputs > 0 &&
           feeds_products(m, node->results[0]);
}

static bool are_siblings(const Node *a, const Node *b) {
    return a->operands[0] == b->operands[0] && a->noperands == b->noperands &&
           a->operands[1]->type.dtype == b->operands[1]->type.dtype &&
           !strcmp(node_attr(a, "weight_order")->s, node_attr(b, "weight_order")->s);
}

/* ---- merging --------------------------------------------------------------------------------- */

/* What a constant is computed from comes to stand before place. */
static void hoist(const Value *value, Node *place) {
    Node *node = value->def;
    for (const Node *n = place; n; n = n->next) {
        if (n != node) continue;
        for (int i = 0; i < node->noperands; i++) hoist(node->operands[i], place);
        node_move_before(node, place);
        return;
    }
}

static Value *join(Builder *b, Node *const *layers, int count, int operand, int64_t axis) {
    Value *parts[MAX_SIBLINGS];
    Attr along = attr_int("axis", axis);
    for (int i = 0; i < count; i++) {
        parts[i] = layers[i]->operands[operand];
        hoist(parts[i], b->before);
    }
    return build_value(b, OP_concat, count, parts, 1, &along);
}

static void merge(Substitution *s, Node *const *layers, int count) {
    Node *first = layers[0];
    Builder b = builder_before(first);
    const Attr *order = node_attr(first, "weight_order");
    Value *operands[3] = {first->operands[0]};
    operands[1] = join(&b, layers, count, 1, strcmp(order->s, "io") == 0);
    if (first->noperands > 2) operands[2] = join(&b, layers, count, 2, 0);
    Value *all = build_value(&b, OP_dense, first->noperands, operands, 1, order);
    int64_t begin = 0, end, axis = all->type.rank - 1;
    for (int i = 0; i < count; i++) {
        const Value *old = layers[i]->results[0];
        bool known = dim_is_int(old->type.dims[axis], &end);
        require(known);
        end += begin;
        b.path = old->path;
        b.span = old->span;
        Value *part = build1(&b, OP_slice, all, attr_ints("starts", 1, &begin),
                             attr_ints("ends", 1, &end), attr_ints("axes", 1, &axis));
        substitute(s, old, part);
        begin = end;
    }
}

/* ---- the pass -------------------------------------------------------------------------------- */

static void survey(Merger *m) {
    graph_each(m->graph, node) for (int i = 0; i < node->noperands; i++)
        vec_push(m->scratch, &m->users[node->operands[i]->id], node);
    for (int i = 0; i < m->graph->noutputs; i++) m->is_output[m->graph->outputs[i]->id] = true;
}

/* The node and its siblings, in the graph's order. */
static int find_siblings(const Merger *m, Node *node, const bool *merged, Node **layers) {
    int count = 0;
    if (!is_candidate(m, node)) return 0;
    for (Node *n = node; n && count < MAX_SIBLINGS; n = n->next) {
        bool fits = n == node || (n->op == OP_dense && !merged[n->results[0]->id] &&
                                  are_siblings(node, n) && is_candidate(m, n));
        if (fits) layers[count++] = n;
    }
    return count;
}

bool pass_merge_products(PassContext *context, Graph *graph) {
    if (!context->target->multi_stage) return false;
    size_t values = context->module->value_count;
    Merger m = {.graph = graph, .scratch = context->scratch};
    Substitution s = {.arena = context->scratch};
    VEC(Node *) found = {0};
    m.constant = constant_marks(graph, context->scratch);
    m.users = arena_alloc_array(context->scratch, values, sizeof *m.users);
    m.is_output = arena_array(context->scratch, bool, values);
    bool *merged = arena_array(context->scratch, bool, values);
    survey(&m);
    graph_each(graph, node) if (node->op == OP_dense) vec_push(context->scratch, &found, node);
    bool changed = false;
    for (size_t i = 0; i < found.len; i++) {
        Node *layers[MAX_SIBLINGS];
        if (merged[found.data[i]->results[0]->id]) continue;
        int count = find_siblings(&m, found.data[i], merged, layers);
        if (count < 2) continue;
        merge(&s, layers, count);
        for (int n = 0; n < count; n++) merged[layers[n]->results[0]->id] = true;
        changed = true;
    }
    resolve_graph(&s, graph);
    if (changed) remove_dead(graph, context->scratch);
    return changed;
}
