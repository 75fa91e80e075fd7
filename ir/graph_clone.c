/* Copies of graphs, and the specialization of a symbol. */
#include <string.h>

#include "ir/graph_internal.h"

/* ---- clone ----------------------------------------------------------------------------------- */

static Graph *clone_graph(const Graph *graph, Value **map, int depth);

static void carry_provenance(Value *copy, const Value *original) {
    copy->path = original->path;
    copy->span = original->span;
}

static void clone_node(Builder *b, const Node *node, Value **map, int depth) {
    Module *module = b->graph->module;
    Arena *arena = module->arena;
    Node *copy = arena_new(arena, Node);
    *copy = *node;
    copy->graph = b->graph;
    copy->operands = arena_array(arena, Value *, (size_t)node->noperands);
    for (int i = 0; i < node->noperands; i++) {
        copy->operands[i] = map[node->operands[i]->id];
        require(copy->operands[i]);
    }
    /* The lists behind attributes and annotations never change in place, so they are shared. */
    copy->attrs = arena_array(arena, Attr, (size_t)node->nattrs);
    for (int i = 0; i < node->nattrs; i++) copy->attrs[i] = node->attrs[i];
    copy->results = arena_array(arena, Value *, (size_t)node->nresults);
    for (int i = 0; i < node->nresults; i++) {
        if (module->value_count == UINT32_MAX) die("more values than a module can number");
        Value *value = arena_new(arena, Value);
        *value = *node->results[i];
        value->id = module->value_count++;
        value->def = copy;
        copy->results[i] = map[node->results[i]->id] = value;
    }
    if (node->body) copy->body = clone_graph(node->body, map, depth + 1);
    copy->next = NULL;
    copy->prev = b->graph->last;
    *(copy->prev ? &copy->prev->next : &b->graph->first) = copy;
    b->graph->last = copy;
}

static Graph *clone_graph(const Graph *graph, Value **map, int depth) {
    require(depth <= MAX_BODY_DEPTH);
    Graph *copy = graph_create(graph->module, graph->name);
    Builder b = {.graph = copy};
    for (int i = 0; i < graph->ninputs; i++) {
        const Value *input = graph->inputs[i];
        Value *value = graph_add_input(copy, graph->input_names[i], &input->type, input->span);
        carry_provenance(value, input);
        map[input->id] = value;
    }
    graph_each(graph, node) clone_node(&b, node, map, depth);
    Arena *scratch = arena_create();
    Value **outputs = arena_array(scratch, Value *, (size_t)graph->noutputs);
    for (int i = 0; i < graph->noutputs; i++) {
        outputs[i] = map[graph->outputs[i]->id];
        require(outputs[i]);
    }
    graph_set_outputs(copy, graph->noutputs, outputs, graph->output_names);
    arena_destroy(scratch);
    return copy;
}

Graph *graph_clone(const Graph *graph, Value **map) {
    Arena *scratch = arena_create();
    size_t count = graph->module->value_count;
    if (map)
        memset(map, 0, count * sizeof(Value *));
    else
        map = arena_array(scratch, Value *, count);
    Graph *copy = clone_graph(graph, map, 0);
    arena_destroy(scratch);
    return copy;
}

/* ---- bind ------------------------------------------------------------------------------------ */

typedef struct Binding {
    Module *module;
    int symbol;
    int64_t value;
    Diag *diag;
    Arena *scratch;
} Binding;

static bool bind_dims(const Binding *binding, int count, Dim *dims) {
    bool whole = true;
    for (int i = 0; i < count; i++) {
        dims[i] = dim_bind(binding->module->dims, dims[i], binding->symbol, binding->value);
        whole = whole && dims[i];
    }
    return whole;
}

static bool fail_bind(const Binding *binding, Span span, const char *why) {
    diag_error(binding->diag, span, "with %s = %lld: %s",
               dim_symbol_name(binding->module->dims, binding->symbol), (long long)binding->value,
               why);
    return false;
}

/* Attribute lists may be shared with a clone, so they are replaced and not changed. */
static bool bind_attrs(const Binding *binding, Node *node) {
    for (int i = 0; i < node->nattrs; i++) {
        Attr *attr = &node->attrs[i];
        if (!attr_has_dims(attr) || attr->count == 0) continue;
        Dim *dims = arena_array(binding->module->arena, Dim, (size_t)attr->count);
        for (int k = 0; k < attr->count; k++) dims[k] = attr->dims[k];
        if (!bind_dims(binding, attr->count, dims)) {
            return fail_bind(binding, node->span, "a dimension overflows");
        }
        attr->dims = dims;
    }
    return true;
}

static bool bind_graph(const Binding *binding, Graph *graph);

static bool bind_node(const Binding *binding, Node *node) {
    TensorType results[MAX_RESULTS];
    TypeQuery query;
    if (!bind_attrs(binding, node)) return false;
    if (node->body) {
        if (!bind_graph(binding, node->body)) return false;
        for (int i = 0; i < node->nresults; i++) {
            node->results[i]->type = node->body->outputs[i]->type;
        }
    }
    if (!node_infer(node, binding->scratch, results, &query)) {
        return fail_bind(binding, node->span, query.error);
    }
    require(query.nresults == node->nresults);
    for (int i = 0; i < node->nresults; i++) node->results[i]->type = results[i];
    return true;
}

static bool bind_graph(const Binding *binding, Graph *graph) {
    for (int i = 0; i < graph->ninputs; i++) {
        Value *input = graph->inputs[i];
        const char *fault = "a dimension overflows";
        if (bind_dims(binding, input->type.rank, input->type.dims)) {
            fault = type_fault(binding->module->dims, binding->scratch, &input->type);
        }
        if (fault) return fail_bind(binding, input->span, fault);
    }
    graph_each(graph, node) {
        if (!bind_node(binding, node)) return false;
    }
    return true;
}

bool graph_bind(Graph *graph, int symbol, int64_t value, Diag *diag) {
    Binding binding = {graph->module, symbol, value, diag, arena_create()};
    bool bound = value >= 0 ? bind_graph(&binding, graph)
                            : fail_bind(&binding, (Span){0}, "sizes are not negative");
    arena_destroy(binding.scratch);
    return bound;
}
