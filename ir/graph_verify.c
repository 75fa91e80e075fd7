/* The verifier: every rule of graph IR, checked from scratch.
 *
 * - Nodes form one list, each belongs to its graph; every value is defined once, before its uses,
 * in the same graph.
 * - Operand counts and attributes are those of the table's row; result types are what the type rule
 * says.
 * - const: fixed shape, data of that type, small data hashed right. param: one type a name.
 * - fused: a body, in the same module, whose inputs and outputs have the types of operands and
 * results.
 * - Inputs and outputs have names, each once. Layouts are interned and fit the rank.
 *
 * The graph may be arbitrarily wrong, so nothing here trusts what was not checked before. */
#include <stdlib.h>
#include <string.h>

#include "ir/graph_internal.h"

typedef struct Verifier {
    Module *module;
    Diag *diag;
    const char *after;
    Arena *scratch;
    const Graph **owner; /* owner[id]: the graph in which the value was defined so far */
    VEC(const Node *) params;
} Verifier;

static bool fault(Verifier *v, Span span, const char *what, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* what: the node or graph at fault, as text. */
static bool fault(Verifier *v, Span span, const char *what, const char *format, ...) {
    StrBuf text = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    diag_error(v->diag, span, "invalid IR%s%s: %s: %s", v->after ? " after " : "",
               v->after ? v->after : "", what, str_text(&text));
    str_free(&text);
    return false;
}

static const char *node_name(Verifier *v, const Node *node) {
    const char *op = (unsigned)node->op < OP_COUNT ? op_info(node->op)->name : "?";
    bool named = node->path && node->path[0];
    return arena_printf(v->scratch, "'%s'%s%s%s", op, named ? " (" : "", named ? node->path : "",
                        named ? ")" : "");
}

#define node_fault(v, node, ...) fault((v), (node)->span, node_name((v), (node)), __VA_ARGS__)
#define graph_fault(v, graph, ...)                                                                 \
    fault((v), (Span){0}, arena_printf((v)->scratch, "graph '%s'", (graph)->name), __VA_ARGS__)

/* ---- values ---------------------------------------------------------------------------------- */

static bool check_layout(Verifier *v, const TensorType *type) {
    if (!type->layout) return true;
    for (size_t i = 0; i < v->module->layouts.len; i++) {
        if (v->module->layouts.data[i] == type->layout)
            return layout_valid(type->layout, type->rank);
    }
    return false;
}

/* The reason why a type is malformed, or null. */
static const char *check_type(Verifier *v, const TensorType *type) {
    if ((unsigned)type->dtype >= DTYPE_COUNT) return "unknown element type";
    if (type->rank < 0 || type->rank > MAX_RANK) return "rank out of range";
    for (int i = 0; i < type->rank; i++) {
        if (!type->dims[i]) return "a dimension is missing";
    }
    if (!check_layout(v, type)) return "the layout is not the module's or does not fit the rank";
    return type_fault(v->module->dims, v->scratch, type);
}

/* Records the value as defined in graph; returns why it cannot be, or null. */
static const char *define_value(Verifier *v, const Graph *graph, const Value *value,
                                const Node *def, int index) {
    if (!value) return "a value is missing";
    if (value->id >= v->module->value_count) return "a value's id is out of range";
    if (v->owner[value->id]) return "a value is defined twice";
    if (value->def != def || value->index != index) return "a value does not know its definition";
    if (!value->path) return "a value has no path";
    v->owner[value->id] = graph;
    return check_type(v, &value->type);
}

/* Why the value cannot be used here, or null. */
static const char *check_use(Verifier *v, const Graph *graph, const Value *value) {
    if (!value) return "is missing";
    if (value->id >= v->module->value_count) return "has an id out of range";
    if (!v->owner[value->id]) return "is used before its definition";
    if (v->owner[value->id] != graph) return "belongs to another graph";
    return NULL;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static bool check_attrs(Verifier *v, const Node *node) {
    const AttrSpec *specs = op_info(node->op)->attrs;
    if (node->nattrs != op_attr_count(node->op)) {
        return node_fault(v, node, "has %d attributes, the table says %d", node->nattrs,
                          op_attr_count(node->op));
    }
    for (int i = 0; i < node->nattrs; i++) {
        const Attr *attr = &node->attrs[i], *spec = &specs[i].initial;
        if (!attr->name || strcmp(attr->name, spec->name) != 0 || attr->kind != spec->kind) {
            return node_fault(v, node, "attribute %d should be '%s'", i, spec->name);
        }
        bool whole = attr->count >= 0;
        if (attr->kind == ATTR_STRING) whole = attr->s != NULL;
        if (attr->kind == ATTR_INTS && attr->count) whole = whole && attr->ints;
        if (attr->kind == ATTR_DTYPE) whole = (unsigned)attr->dtype < DTYPE_COUNT;
        if (attr->kind == ATTR_DIM) whole = attr->count == 1;
        for (int k = 0; whole && attr_has_dims(attr) && k < attr->count; k++) {
            whole = attr->dims && attr->dims[k];
        }
        if (!whole) return node_fault(v, node, "attribute '%s' is incomplete", attr->name);
    }
    return true;
}

/* Integers of a narrow type must lie in its range, or text could not hold them. */
static bool check_elements(const Tensor *data) {
    int64_t elements = tensor_elements(data);
    bool narrow = data->dtype == DT_bool || data->dtype == DT_i4 || data->dtype == DT_u4;
    for (int64_t i = 0; narrow && i < elements; i++) {
        int64_t value = tensor_int(data, i);
        if (value < dtype_min(data->dtype) || value > dtype_max(data->dtype)) return false;
    }
    return true;
}

static bool check_const(Verifier *v, const Node *node) {
    const TensorType *type = &node->results[0]->type;
    int64_t dims[MAX_RANK];
    if (node->nresults != 1) return node_fault(v, node, "has %d results", node->nresults);
    if (!type_static_dims(type, dims)) return node_fault(v, node, "has a symbolic shape");
    const Tensor *data = node->data;
    if (!data) return true;
    bool same = data->dtype == type->dtype && data->rank == type->rank;
    for (int i = 0; same && i < type->rank; i++) same = dims[i] == data->dims[i];
    if (!same) return node_fault(v, node, "its data has another type than its result");
    if (!const_is_inline(node))
        return true; /* hashing gigabytes after every pass would cost too much */
    if (!check_elements(data)) return node_fault(v, node, "an element is out of its type's range");
    if (tensor_hash(data) != node->hash) return node_fault(v, node, "its hash is stale");
    return true;
}

static bool check_param(Verifier *v, const Node *node) {
    vec_push(v->scratch, &v->params, node);
    return true;
}

static int by_name(const void *a, const void *b) {
    const Node *const *x = a, *const *y = b;
    return strcmp((*x)->attrs[0].s, (*y)->attrs[0].s);
}

/* Two nodes may read one parameter, but they must agree on its type. */
static bool check_shared_params(Verifier *v) {
    if (v->params.len > 1) qsort(v->params.data, v->params.len, sizeof(const Node *), by_name);
    for (size_t i = 1; i < v->params.len; i++) {
        const Node *a = v->params.data[i - 1], *b = v->params.data[i];
        if (by_name(&a, &b) == 0 && !type_equal(&a->results[0]->type, &b->results[0]->type)) {
            return node_fault(v, b, "parameter '%s' has two types, %s and %s", b->attrs[0].s,
                              type_text(v->module->dims, v->scratch, &a->results[0]->type),
                              type_text(v->module->dims, v->scratch, &b->results[0]->type));
        }
    }
    return true;
}

static bool verify_graph(Verifier *v, const Graph *graph, int depth);

static bool check_body(Verifier *v, const Node *node, int depth) {
    const Graph *body = node->body;
    if (!body) return node_fault(v, node, "has no body");
    if (body->module != v->module) return node_fault(v, node, "its body is of another module");
    if (depth >= MAX_BODY_DEPTH) return node_fault(v, node, "bodies are nested too deeply");
    if (!verify_graph(v, body, depth + 1)) return false;
    if (body->ninputs != node->noperands || body->noutputs != node->nresults) {
        return node_fault(v, node,
                          "%d operands and %d results, its body has %d inputs and %d outputs",
                          node->noperands, node->nresults, body->ninputs, body->noutputs);
    }
    for (int i = 0; i < node->noperands; i++) {
        if (!type_equal(&node->operands[i]->type, &body->inputs[i]->type)) {
            return node_fault(v, node, "operand %d is %s, its body expects %s", i,
                              type_text(v->module->dims, v->scratch, &node->operands[i]->type),
                              type_text(v->module->dims, v->scratch, &body->inputs[i]->type));
        }
    }
    for (int i = 0; i < node->nresults; i++) {
        if (!type_equal(&node->results[i]->type, &body->outputs[i]->type)) {
            return node_fault(v, node, "result %d is %s, its body yields %s", i,
                              type_text(v->module->dims, v->scratch, &node->results[i]->type),
                              type_text(v->module->dims, v->scratch, &body->outputs[i]->type));
        }
    }
    return true;
}

static bool check_types(Verifier *v, const Node *node) {
    TensorType results[MAX_RESULTS];
    TypeQuery query;
    if (!node_infer(node, v->scratch, results, &query)) {
        return node_fault(v, node, "%s", query.error);
    }
    if (query.nresults != node->nresults) {
        return node_fault(v, node, "has %d results, its rule says %d", node->nresults,
                          query.nresults);
    }
    for (int i = 0; i < node->nresults; i++) {
        if (type_equal(&results[i], &node->results[i]->type)) continue;
        return node_fault(v, node, "result %d has type %s, its rule says %s", i,
                          type_text(v->module->dims, v->scratch, &node->results[i]->type),
                          type_text(v->module->dims, v->scratch, &results[i]));
    }
    return true;
}

static bool check_node(Verifier *v, const Graph *graph, const Node *node, int depth) {
    if ((unsigned)node->op >= OP_COUNT) return node_fault(v, node, "unknown operator");
    if (!node->path) return node_fault(v, node, "has no path");
    if (node->noperands < 0 || node->noperands > MAX_OPERANDS || node->nresults < 1 ||
        node->nresults > MAX_RESULTS) {
        return node_fault(v, node, "has %d operands and %d results", node->noperands,
                          node->nresults);
    }
    for (int i = 0; i < node->noperands; i++) {
        const char *why = check_use(v, graph, node->operands[i]);
        if (why) return node_fault(v, node, "operand %d %s", i, why);
    }
    for (int i = 0; i < node->nresults; i++) {
        const char *why = define_value(v, graph, node->results[i], node, i);
        if (why) return node_fault(v, node, "result %d: %s", i, why);
    }
    for (int i = 0; i < node->nannotations; i++) {
        const Annotation *a = &node->annotations[i];
        if (!a->name || a->count < 0 || a->count > 4) return node_fault(v, node, "bad annotation");
    }
    if (node->op != OP_fused && node->body) return node_fault(v, node, "must not have a body");
    if (!check_attrs(v, node) || !check_types(v, node)) return false;
    if (node->op == OP_const) return check_const(v, node);
    if (node->op == OP_param) return check_param(v, node);
    return node->op != OP_fused || check_body(v, node, depth);
}

/* ---- graphs ---------------------------------------------------------------------------------- */

static int by_text(const void *a, const void *b) {
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

static bool check_names(Verifier *v, const Graph *graph, const char *what, int count,
                        const char *const *names) {
    const char **sorted = arena_array(v->scratch, const char *, (size_t)count);
    for (int i = 0; i < count; i++) {
        if (!names[i] || !names[i][0]) return graph_fault(v, graph, "%s %d has no name", what, i);
        sorted[i] = names[i];
    }
    if (count > 1) qsort(sorted, (size_t)count, sizeof *sorted, by_text);
    for (int i = 1; i < count; i++) {
        if (!strcmp(sorted[i - 1], sorted[i])) {
            return graph_fault(v, graph, "two %ss are called '%s'", what, sorted[i]);
        }
    }
    return true;
}

static bool verify_graph(Verifier *v, const Graph *graph, int depth) {
    if (!check_names(v, graph, "input", graph->ninputs, graph->input_names) ||
        !check_names(v, graph, "output", graph->noutputs, graph->output_names)) {
        return false;
    }
    for (int i = 0; i < graph->ninputs; i++) {
        const char *why = define_value(v, graph, graph->inputs[i], NULL, i);
        if (why) return graph_fault(v, graph, "input '%s': %s", graph->input_names[i], why);
    }
    const Node *previous = NULL;
    for (const Node *node = graph->first; node; previous = node, node = node->next) {
        if (node->prev != previous || node->graph != graph) {
            return node_fault(v, node, "is not linked into its graph");
        }
        if (!check_node(v, graph, node, depth)) return false;
    }
    if (graph->last != previous) return graph_fault(v, graph, "the list of nodes has a wrong end");
    if (graph->noutputs < 1) return graph_fault(v, graph, "has no output");
    for (int i = 0; i < graph->noutputs; i++) {
        const char *why = check_use(v, graph, graph->outputs[i]);
        if (why) return graph_fault(v, graph, "output '%s' %s", graph->output_names[i], why);
    }
    return true;
}

bool graph_verify(const Graph *graph, Diag *diag, const char *after) {
    Verifier v = {.module = graph->module, .diag = diag, .after = after, .scratch = arena_create()};
    v.owner = arena_array(v.scratch, const Graph *, v.module->value_count);
    bool sound = verify_graph(&v, graph, 0) && check_shared_params(&v);
    arena_destroy(v.scratch);
    return sound;
}
