/* Graph IR: modules, graphs and the builder of nodes. */
#include "ir/graph.h"

#include <string.h>

#include "ir/graph_internal.h"

/* ---- modules and graphs ---------------------------------------------------------------------- */

Module *module_create(Arena *arena, Diag *diag) {
    Module *module = arena_new(arena, Module);
    module->arena = arena;
    module->diag = diag;
    module->dims = dim_context_create(arena);
    module->names = interner_create(arena);
    return module;
}

static bool layout_equal(const Layout *a, const Layout *b) {
    if (a->nsteps != b->nsteps) return false;
    for (int i = 0; i < a->nsteps; i++) {
        const LayoutStep *s = &a->steps[i], *t = &b->steps[i];
        if (s->kind != t->kind || s->axis != t->axis || s->lo != t->lo || s->hi != t->hi ||
            s->factor != t->factor || s->count != t->count ||
            memcmp(s->order, t->order, (size_t)s->count * sizeof s->order[0]) != 0) {
            return false;
        }
    }
    return true;
}

LayoutRef module_layout(Module *module, const Layout *layout) {
    if (!layout || layout->nsteps == 0) return NULL;
    for (size_t i = 0; i < module->layouts.len; i++) {
        if (layout_equal(module->layouts.data[i], layout)) return module->layouts.data[i];
    }
    Layout *copy = arena_new(module->arena, Layout);
    *copy = *layout;
    vec_push(module->arena, &module->layouts, copy);
    return copy;
}

Graph *graph_create(Module *module, const char *name) {
    Graph *graph = arena_new(module->arena, Graph);
    graph->module = module;
    graph->name = intern(module->names, name);
    return graph;
}

static Value *new_value(Module *module, const TensorType *type, Node *def, int index,
                        const char *path, Span span) {
    if (module->value_count == UINT32_MAX) die("more values than a module can number");
    Value *value = arena_new(module->arena, Value);
    *value = (Value){.id = module->value_count++,
                     .type = *type,
                     .def = def,
                     .index = index,
                     .path = path,
                     .span = span};
    return value;
}

/* A list without a stored capacity: it is full whenever its length is a power of two. */
static bool is_full(int length) {
    return (length & (length - 1)) == 0;
}

Value *graph_add_input(Graph *graph, const char *name, const TensorType *type, Span span) {
    Module *module = graph->module;
    int n = graph->ninputs;
    /* The names are read-only to everyone else; this is their owner. */
    const char **names = (const char **)(uintptr_t)graph->input_names;
    if (is_full(n)) {
        size_t capacity = n ? 2 * (size_t)n : 1;
        Value **inputs = arena_array(module->arena, Value *, capacity);
        names = arena_array(module->arena, const char *, capacity);
        for (int i = 0; i < n; i++) {
            inputs[i] = graph->inputs[i];
            names[i] = graph->input_names[i];
        }
        graph->inputs = inputs;
        graph->input_names = names;
    }
    name = intern(module->names, name);
    Value *value = new_value(module, type, NULL, n, name, span);
    graph->inputs[n] = value;
    names[n] = name;
    graph->ninputs++;
    return value;
}

void graph_set_outputs(Graph *graph, int count, Value *const *values, const char *const *names) {
    Module *module = graph->module;
    Value **outputs = arena_array(module->arena, Value *, (size_t)count);
    const char **copies = arena_array(module->arena, const char *, (size_t)count);
    for (int i = 0; i < count; i++) {
        outputs[i] = values[i];
        copies[i] = intern(module->names, names[i]);
    }
    graph->noutputs = count;
    graph->outputs = outputs;
    graph->output_names = copies;
}

/* ---- attributes ------------------------------------------------------------------------------ */

/* A copy whose text and lists belong to the module. */
static Attr copy_attr(Module *module, const char *name, const Attr *attr) {
    Attr copy = *attr;
    copy.name = name;
    if (attr->kind == ATTR_STRING) copy.s = intern(module->names, attr->s);
    size_t count = (size_t)attr->count;
    if (attr->kind == ATTR_INTS && count) {
        int64_t *ints = arena_array(module->arena, int64_t, count);
        memcpy(ints, attr->ints, count * sizeof *ints);
        copy.ints = ints;
    }
    if (attr_has_dims(attr) && count) {
        Dim *dims = arena_array(module->arena, Dim, count);
        for (size_t i = 0; i < count; i++) dims[i] = attr->dims[i];
        copy.dims = dims;
    }
    return copy;
}

static bool attr_fault(TypeQuery *q, int index, const char *error) {
    q->error = error;
    q->blamed_operand = -1;
    q->blamed_attr = index;
    return false;
}

static bool fail_unknown_attr(TypeQuery *q, const char *name) {
    const char *names[MAX_ATTRS];
    int count = op_attr_count(q->op);
    for (int i = 0; i < count; i++) names[i] = op_info(q->op)->attrs[i].initial.name;
    const char *near = diag_suggest(name, names, (size_t)count);
    const char *hint = near ? arena_printf(q->arena, " (did you mean '%s'?)", near) : "";
    return attr_fault(
        q, -1,
        arena_printf(q->arena, "'%s' has no attribute '%s'%s", op_info(q->op)->name, name, hint));
}

/* Brings the given attributes into the row's order and fills in defaults. */
static bool complete_attrs(Module *module, TypeQuery *q, int count, const Attr *given,
                           Attr *attrs) {
    const OpInfo *info = op_info(q->op);
    bool present[MAX_ATTRS] = {false};
    for (int i = 0; i < count; i++) {
        int index = op_attr_index(q->op, given[i].name);
        if (index < 0) return fail_unknown_attr(q, given[i].name);
        AttrKind kind = info->attrs[index].initial.kind;
        if (given[i].kind != kind) {
            return attr_fault(q, index,
                              arena_printf(q->arena, "'%s': attribute '%s' is of kind %s, found %s",
                                           info->name, given[i].name, attr_kind_name(kind),
                                           attr_kind_name(given[i].kind)));
        }
        if (present[index]) {
            return attr_fault(q, index,
                              arena_printf(q->arena, "'%s': attribute '%s' is given twice",
                                           info->name, given[i].name));
        }
        present[index] = true;
        attrs[index] = copy_attr(module, info->attrs[index].initial.name, &given[i]);
    }
    for (int i = 0; info->attrs[i].initial.kind != ATTR_NONE; i++) {
        if (present[i]) continue;
        if (info->attrs[i].required) {
            return attr_fault(q, i,
                              arena_printf(q->arena, "'%s' needs the attribute '%s'", info->name,
                                           info->attrs[i].initial.name));
        }
        attrs[i] = info->attrs[i].initial;
    }
    return true;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

Builder builder_before(Node *node) {
    return (Builder){.graph = node->graph, .before = node, .path = node->path, .span = node->span};
}

static void link_node(Node *node, Graph *graph, Node *before) {
    node->graph = graph;
    node->next = before;
    node->prev = before ? before->prev : graph->last;
    *(node->prev ? &node->prev->next : &graph->first) = node;
    *(before ? &before->prev : &graph->last) = node;
}

static void unlink_node(Node *node) {
    Graph *graph = node->graph;
    *(node->prev ? &node->prev->next : &graph->first) = node->next;
    *(node->next ? &node->next->prev : &graph->last) = node->prev;
    node->prev = node->next = NULL;
}

/* A node whose operands, attributes and result types are known to be right. */
static Node *add_node(Builder *b, OpKind op, int noperands, Value *const *operands, Attr *attrs,
                      int nresults, const TensorType *results) {
    Module *module = b->graph->module;
    Node *node = arena_new(module->arena, Node);
    node->op = op;
    node->noperands = noperands;
    node->operands = arena_array(module->arena, Value *, (size_t)noperands);
    for (int i = 0; i < noperands; i++) node->operands[i] = operands[i];
    node->nattrs = op_attr_count(op);
    node->attrs = attrs;
    node->path = intern(module->names, b->path ? b->path : "");
    node->span = b->span;
    node->nresults = nresults;
    node->results = arena_array(module->arena, Value *, (size_t)nresults);
    for (int i = 0; i < nresults; i++) {
        node->results[i] = new_value(module, &results[i], node, i, node->path, node->span);
    }
    link_node(node, b->graph, b->before);
    return node;
}

static TensorType *operand_types(Arena *arena, int count, Value *const *operands) {
    TensorType *types = arena_array(arena, TensorType, (size_t)count);
    for (int i = 0; i < count; i++) types[i] = operands[i]->type;
    return types;
}

Node *build_node(Builder *b, OpKind op, int noperands, Value *const *operands, int nattrs,
                 const Attr *attrs, TypeQuery *fault) {
    Module *module = b->graph->module;
    require(op != OP_const && op != OP_fused); /* they have builders of their own */
    TensorType results[MAX_RESULTS];
    Attr *complete = arena_array(module->arena, Attr, (size_t)op_attr_count(op));
    TypeQuery q = {.arena = module->arena,
                   .dims = module->dims,
                   .op = op,
                   .noperands = noperands,
                   .operands = operand_types(module->arena, noperands, operands),
                   .attrs = complete,
                   .results = results};
    bool sound = complete_attrs(module, &q, nattrs, attrs, complete) && op_infer(&q);
    if (sound && fault && module->value_count >= MAX_VALUES) {
        sound = attr_fault(&q, -1,
                           arena_printf(q.arena, "a network has at most %d values", MAX_VALUES));
    }
    if (fault) {
        *fault = q;
        fault->results = NULL;
    }
    if (!sound && !fault) die("building '%s': %s", op_info(op)->name, q.error);
    return sound ? add_node(b, op, noperands, operands, complete, q.nresults, results) : NULL;
}

Value *build_value(Builder *b, OpKind op, int noperands, Value *const *operands, int nattrs,
                   const Attr *attrs) {
    Node *node = build_node(b, op, noperands, operands, nattrs, attrs, NULL);
    require(node->nresults == 1);
    return node->results[0];
}

/* ---- sources --------------------------------------------------------------------------------- */

static Value *add_const(Builder *b, const TensorType *type, const Tensor *data, uint64_t hash) {
    Node *node = add_node(b, OP_const, 0, NULL, NULL, 1, type);
    node->data = data;
    node->hash = hash;
    return node->results[0];
}

Value *build_const(Builder *b, const Tensor *data, bool copy) {
    Module *module = b->graph->module;
    Tensor *tensor = arena_new(module->arena, Tensor);
    *tensor = *data;
    if (copy) {
        tensor->data = arena_alloc(module->arena, data->bytes);
        if (data->bytes) memcpy(tensor->data, data->data, data->bytes);
    }
    TensorType type = {.dtype = data->dtype, .rank = data->rank};
    for (int i = 0; i < data->rank; i++) type.dims[i] = dim_int(module->dims, data->dims[i]);
    return add_const(b, &type, tensor, tensor_hash(tensor));
}

Value *build_const_absent(Builder *b, const TensorType *type, uint64_t hash) {
    return add_const(b, type, NULL, hash);
}

Value *build_scalar(Builder *b, DType dtype, double value) {
    Tensor tensor = tensor_new(b->graph->module->arena, dtype, 0, NULL);
    require(dtype_represents(dtype, value));
    tensor_set(&tensor, 0, value);
    return build_const(b, &tensor, false);
}

Value *build_param(Builder *b, const char *path, const TensorType *type) {
    const Attr attrs[] = {attr_string("name", path), attr_dtype("dtype", type->dtype),
                          attr_dims("shape", type->rank, type->dims)};
    return build_value(b, OP_param, 0, NULL, 3, attrs);
}

/* ---- fused nodes, annotations ---------------------------------------------------------------- */

Node *build_fused(Builder *b, int noperands, Value *const *operands, Graph *body) {
    require(body->module == b->graph->module && body->ninputs == noperands);
    require(noperands <= MAX_OPERANDS && body->noutputs >= 1 && body->noutputs <= MAX_RESULTS);
    TensorType results[MAX_RESULTS];
    for (int i = 0; i < noperands; i++) {
        require(type_equal(&operands[i]->type, &body->inputs[i]->type));
    }
    for (int i = 0; i < body->noutputs; i++) results[i] = body->outputs[i]->type;
    Node *node = add_node(b, OP_fused, noperands, operands, NULL, body->noutputs, results);
    node->body = body;
    return node;
}

void node_annotate(Node *node, int count, const Annotation *annotations) {
    Module *module = node->graph->module;
    Annotation *copies = arena_array(module->arena, Annotation, (size_t)count);
    for (int i = 0; i < count; i++) {
        require(annotations[i].count >= 0 && annotations[i].count <= 4);
        copies[i] = annotations[i];
        copies[i].name = intern(module->names, annotations[i].name);
    }
    node->annotations = copies;
    node->nannotations = count;
}

/* ---- moving and removing --------------------------------------------------------------------- */

void node_remove(Node *node) {
    unlink_node(node);
    node->graph = NULL;
}

void node_move_before(Node *node, Node *place) {
    require(node != place && node->graph == place->graph);
    unlink_node(node);
    link_node(node, place->graph, place);
}
