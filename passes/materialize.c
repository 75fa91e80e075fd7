/* Everything that depends on weights only is computed, once, at compile time.
 *
 * Every greatest constant expression that the rest of the graph reads becomes a `const`; a
 * `relayout` at its root becomes the layout of the constant's type, its data stay row-major until
 * they are packed. A parameter used as it is keeps pointing into the file it was read from. Equal
 * constants become one. Afterwards the graph holds no `param` and no operator on constants only,
 * except `dequantize` (support.h). */
#include <string.h>

#include "ir/interp.h"
#include "passes/support.h"

/* The value of an expression. */
typedef struct Computed {
    const Value *value;
    Arena *arena; /* of the tensor's data */
    Tensor tensor;
    bool known;
} Computed;

typedef struct Materializer {
    PassContext *context;
    ConstantMarks constant;
    Computed **computed; /* by id of the expression; null: nothing was to compute */
    VEC(Computed *) expressions;
    Value **done;      /* by id of the expression: its constant */
    Value **constants; /* all so far, by hash: open addressing */
    size_t mask;
} Materializer;

/* ---- computing ------------------------------------------------------------------------------- */

static const Value *without_relayout(const Value *value) {
    while (value->def->op == OP_relayout) value = value->def->operands[0];
    return value;
}

static void add_expression(Materializer *m, const Value *value) {
    if (!is_constant(m->constant, value)) return;
    value = without_relayout(value);
    Computed **known = &m->computed[value->id];
    if (*known || value_is_op(value, OP_param) || value_is_op(value, OP_const)) return;
    *known = arena_new(m->context->scratch, Computed);
    (*known)->value = value;
    vec_push(m->context->scratch, &m->expressions, *known);
}

/* What is not known in the end is computed again by the one thread that may say why not. */
static void compute(void *data, size_t index) {
    Computed *c = ((Materializer *)data)->expressions.data[index];
    c->arena = arena_create();
    c->known = interp_constant(c->value, &c->tensor, c->arena, NULL);
}

static void destroy(void *arena) {
    arena_destroy(arena);
}

static void compute_all(Materializer *m, const Graph *graph) {
    Module *module = m->context->module;
    graph_each(graph, node) {
        Tensor tensor; /* a source may make it when it is asked for the first time */
        if (node->op == OP_param && module->params.find)
            (void)module->params.find(module->params.self, node_attr(node, "name")->s, &tensor);
        if (is_constant(m->constant, node->results[0])) continue;
        for (int i = 0; i < node->noperands; i++) add_expression(m, node->operands[i]);
    }
    for (int i = 0; i < graph->noutputs; i++) add_expression(m, graph->outputs[i]);
    workers_run(module->workers, compute, m, m->expressions.len);
    for (size_t i = 0; i < m->expressions.len; i++)
        arena_on_destroy(module->arena, destroy, m->expressions.data[i]->arena);
}

static bool value_of(const Materializer *m, const Value *value, Tensor *tensor) {
    const Computed *computed = m->computed[without_relayout(value)->id];
    if (!computed || !computed->known)
        return constant_value(m->context, value, tensor, m->context->module->arena);
    *tensor = computed->tensor;
    return true;
}

/* ---- sharing --------------------------------------------------------------------------------- */

static bool same_constant(const Value *a, const Value *b) {
    const Node *x = a->def, *y = b->def;
    return x->hash == y->hash && type_equal(&a->type, &b->type) &&
           x->data->bytes == y->data->bytes &&
           (x->data->bytes == 0 || !memcmp(x->data->data, y->data->data, x->data->bytes));
}

/* The first constant equal to candidate, which may be itself. */
static Value *share(Materializer *m, Value *candidate) {
    size_t i = (size_t)candidate->def->hash & m->mask;
    while (m->constants[i] && !same_constant(m->constants[i], candidate)) i = (i + 1) & m->mask;
    if (!m->constants[i]) m->constants[i] = candidate;
    return m->constants[i];
}

/* ---- the pass -------------------------------------------------------------------------------- */

/* The constant for an expression; stands before its first use. Null after an error. */
static Value *constant_of(Materializer *m, Value *value) {
    Value **done = &m->done[value->id];
    if (*done) return *done;
    Tensor tensor;
    if (!value_of(m, value, &tensor)) return NULL;
    Value *candidate = value;
    if (value->def->op != OP_const) {
        Builder b = builder_before(value->def);
        candidate = build_const(&b, &tensor, false);
        candidate->type.layout = value->type.layout;
    }
    return *done = share(m, candidate);
}

static bool materialize_list(Materializer *m, int count, Value **values, bool *changed) {
    bool whole = true;
    for (int i = 0; i < count; i++) {
        if (!is_constant(m->constant, values[i])) continue;
        Value *constant = constant_of(m, values[i]);
        whole = whole && constant;
        if (!constant || constant == values[i]) continue;
        values[i] = constant;
        *changed = true;
    }
    return whole;
}

bool pass_materialize(PassContext *context, Graph *graph) {
    Materializer m = {.context = context};
    /* New constants get ids beyond these arrays, but never stand in a list that is looked at
     * again. */
    m.constant = constant_marks(graph, context->scratch);
    m.computed = arena_array(context->scratch, Computed *, context->module->value_count);
    m.done = arena_array(context->scratch, Value *, context->module->value_count);
    size_t capacity = 16; /* at most one constant a value, so that half of it stays free */
    while (capacity < 2 * (size_t)context->module->value_count) capacity *= 2;
    m.constants = arena_array(context->scratch, Value *, capacity);
    m.mask = capacity - 1;
    bool changed = false, whole = true;
    compute_all(&m, graph);
    graph_each(graph, node) {
        if (is_constant(m.constant, node->results[0])) continue;
        whole &= materialize_list(&m, node->noperands, node->operands, &changed);
        if (diag_full(context->diag)) return changed;
    }
    whole &= materialize_list(&m, graph->noutputs, graph->outputs, &changed);
    if (whole) changed |= remove_dead(graph, context->scratch);
    return changed;
}
