/* Graph IR to loop IR: walks the nodes, gives every value its memory and every node its kernels. */
#include "codegen/lower/lower.h"

#include "codegen/lower/kernel.h"

/* ---- tensors --------------------------------------------------------------------------------- */

static Dim physical_elements(Lowering *l, const TensorType *type) {
    Dim physical[MAX_AXES];
    int count = layout_physical_dims(l->dims, type->layout, type->rank, type->dims, physical);
    return count < 0 ? NULL : dims_product(l->dims, count, physical);
}

/* Null after a diagnostic where the size overflows. */
static LTensor *new_tensor(Lowering *l, const Value *value, const char *name, LTensorRole role) {
    Dim elements = physical_elements(l, &value->type);
    if (!elements) {
        diag_error(l->diag, value->span, "'%s' is too large: %s", value->path,
                   type_text(l->dims, l->arena, &value->type));
        return NULL;
    }
    LTensor *t = lprogram_tensor(l->program, name, role, value->type.dtype, elements);
    lowering_set_tensor(l, value, t);
    return t;
}

static bool new_temp(Lowering *l, const Value *value) {
    size_t number = l->program->tensors.len;
    return new_tensor(l, value, arena_printf(l->arena, "t%zu", number), TENSOR_TEMP) != NULL;
}

/* A constant, or a parameter that has not become one. */
static bool add_weight(Lowering *l, const Node *node) {
    const Value *value = node_result(node);
    const Tensor *data = node->data;
    if (!data && node->op == OP_param) {
        const ParamSource *params = &l->program->module->params;
        Tensor *found = arena_new(l->arena, Tensor);
        if (params->find && params->find(params->self, node_attr(node, "name")->s, found))
            data = found;
    }
    if (!data) {
        diag_error(l->diag, value->span, "the value of '%s' is not at hand; give it with -weights",
                   value->path);
        return false;
    }
    if (tensor_elements(data) == 1) {
        l->immediates[value->id] = data;
        return true;
    }
    const char *name = arena_printf(l->arena, "w%zu", l->program->tensors.len);
    LTensor *t = new_tensor(l, value, name, TENSOR_WEIGHT);
    if (t) t->data = pack_weight(l, &value->type, data);
    return t != NULL;
}

/* ---- one kernel after another ---------------------------------------------------------------- */

typedef bool LowerAnchor(const Job *job);

static LowerAnchor *const anchors[OP_COUNT] = {
    [OP_matmul] = lower_contraction,    [OP_dense] = lower_contraction,
    [OP_conv2d] = lower_contraction,    [OP_max_pool2d] = lower_window,
    [OP_avg_pool2d] = lower_window,     [OP_reduce_sum] = lower_reduction,
    [OP_reduce_mean] = lower_reduction, [OP_reduce_max] = lower_reduction,
    [OP_reduce_min] = lower_reduction,  [OP_reduce_prod] = lower_reduction,
    [OP_argmax] = lower_argmax,         [OP_softmax] = lower_softmax,
    [OP_cumsum] = lower_cumsum,
};

static bool is_anchor(const Value *value) {
    return value->def && anchors[value->def->op];
}

typedef VEC(const Value *) ValueList;

/* Anchors below value that are not in memory yet, operands first; false after a diagnostic where
 * something else stands there. */
static bool collect_anchors(Lowering *l, const Value *value, ValueList *found) {
    int *seen = lowering_note(l, value);
    if (*seen || l->immediates[value->id] || lowering_tensor(l, value)) return true;
    *seen = true;
    const Node *node = value->def;
    if (!node) die("'%s' is an input without memory", value->path);
    for (int i = 0; i < node->noperands; i++)
        if (!collect_anchors(l, node->operands[i], found)) return false;
    if (node->op == OP_const) return add_weight(l, node);
    if (is_anchor(value)) {
        vec_push(l->arena, found, value);
        return true;
    }
    if (pointwise_known(node->op) || op_info(node->op)->family == FAMILY_MOVEMENT) return true;
    diag_error(l->diag, value->span, "'%s' cannot be lowered: '%s' is left in the graph",
               value->path, op_info(node->op)->name);
    return false;
}

/* Writes a body's value to `tensor`. Anchors other than the last, or one whose result the rest does
 * not take element by element, go to memory first. */
static bool lower_root(Lowering *l, const Value *root, LTensor *tensor, const int *uses) {
    ValueList found = {0};
    lowering_walk(l);
    if (!collect_anchors(l, root, &found)) return false;
    Job whole = {.l = l, .root = root, .uses = uses};
    if (attention_fits(&whole, found.data, found.len)) {
        lowering_set_tensor(l, root, tensor);
        return lower_attention(&whole);
    }
    if (row_chain_fits(&whole, found.data, found.len)) {
        lowering_set_tensor(l, root, tensor);
        return lower_row_chain(&whole);
    }
    for (size_t i = 0; i < found.len; i++) {
        const Value *anchor = found.data[i];
        Job job = {.l = l, .root = root, .anchor = anchor, .uses = uses};
        bool last = i + 1 == found.len;
        if (last && epilogue_path(l, anchor, root, &job.path, &job.path_length)) {
            lowering_set_tensor(l, root, tensor);
            return anchors[anchor->def->op](&job);
        }
        job.root = anchor;
        job.path_length = 0;
        if (!new_temp(l, anchor) || !anchors[anchor->def->op](&job)) return false;
    }
    lowering_set_tensor(l, root, tensor);
    Job job = {.l = l, .root = root, .uses = uses};
    return lower_pointwise(&job);
}

/* Writes a value that lies elsewhere (or is a constant) to `tensor`: a relayout that is part of no
 * graph. */
static bool lower_copy(Lowering *l, Value *from, LTensor *tensor, uint32_t id) {
    Node *node = arena_new(l->arena, Node);
    Value *copy = arena_new(l->arena, Value);
    Value **operands = arena_array(l->arena, Value *, 1);
    *copy = *from;
    copy->id = id;
    copy->type.layout = NULL;
    copy->def = node;
    operands[0] = from;
    node->op = OP_relayout;
    node->noperands = 1;
    node->operands = operands;
    lowering_set_tensor(l, copy, tensor);
    Job job = {.l = l, .root = copy};
    return lower_pointwise(&job);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

typedef struct Walk {
    Lowering *l;
    const Graph *graph;
    LTensor **outputs; /* of the network */
    bool *written;     /* by output: its kernel was emitted */
    const int *uses;
} Walk;

/* The value in memory, row by row, that another one is a reshape of; null: it is something else. */
static const Value *viewed(Lowering *l, const Value *value) {
    while (!lowering_tensor(l, value)) {
        if (value->type.layout || !value->def) return NULL;
        OpKind op = value->def->op;
        if (op != OP_reshape && op != OP_flatten) return NULL;
        value = value->def->operands[0];
    }
    return value->type.layout ? NULL : value;
}

static int output_of(const Walk *w, const Value *value) {
    for (int i = 0; i < w->graph->noutputs; i++)
        if (w->graph->outputs[i] == value) return i;
    return -1;
}

/* inner: the value that computes `outer`, the node's result; the same unless the node has a
 * body. */
static bool lower_result(Walk *w, const Value *outer, const Value *inner, const int *uses) {
    Lowering *l = w->l;
    int output = output_of(w, outer);
    const Value *source = lowering_tensor(l, inner) ? inner : viewed(l, inner);
    if (w->uses[outer->id] == 0) return true;
    if (l->immediates[inner->id]) {
        l->immediates[outer->id] = l->immediates[inner->id];
        return true;
    }
    if (source) { /* an output is copied from it at the end */
        lowering_set_tensor(l, outer, lowering_tensor(l, source));
        return true;
    }
    LTensor *tensor;
    if (output >= 0) {
        tensor = w->outputs[output];
        w->written[output] = true;
    } else {
        if (!new_temp(l, outer)) return false;
        tensor = lowering_tensor(l, outer);
    }
    lowering_set_tensor(l, outer, NULL);
    if (!lower_root(l, inner, tensor, uses)) return false;
    lowering_set_tensor(l, outer, tensor);
    return true;
}

static bool lower_fused(Walk *w, const Node *node) {
    Lowering *l = w->l;
    const Graph *body = node->body;
    require(body && body->ninputs == node->noperands && body->noutputs == node->nresults);
    for (int i = 0; i < node->noperands; i++) {
        lowering_set_tensor(l, body->inputs[i], lowering_tensor(l, node->operands[i]));
        l->immediates[body->inputs[i]->id] = l->immediates[node->operands[i]->id];
    }
    for (int i = 0; i < node->nresults; i++)
        if (!lower_result(w, node->results[i], body->outputs[i], w->uses)) return false;
    return true;
}

static bool lower_node(Walk *w, const Node *node) {
    w->l->node = node;
    if (node->op == OP_const || node->op == OP_param)
        return w->uses[node_result(node)->id] == 0 || add_weight(w->l, node);
    if (node->op == OP_fused) return lower_fused(w, node);
    for (int i = 0; i < node->nresults; i++)
        if (!lower_result(w, node->results[i], node->results[i], NULL)) return false;
    return true;
}

/* ---- the network ----------------------------------------------------------------------------- */

static bool add_signature(Walk *w) {
    Lowering *l = w->l;
    const Graph *g = w->graph;
    for (int i = 0; i < g->ninputs; i++) {
        LTensor *t = new_tensor(l, g->inputs[i], g->input_names[i], TENSOR_INPUT);
        if (!t) return false;
        t->io = i;
    }
    for (int i = 0; i < g->noutputs; i++) {
        const Value *value = g->outputs[i];
        LTensor *before = lowering_tensor(l, value);
        LTensor *t = new_tensor(l, value, g->output_names[i], TENSOR_OUTPUT);
        if (!t) return false;
        t->io = i;
        w->outputs[i] = t;
        lowering_set_tensor(l, value, before);
    }
    return true;
}

/* Outputs that no kernel has written: inputs, constants, views, and values that are put out
 * twice. */
static bool copy_outputs(Walk *w, uint32_t first_id) {
    for (int i = 0; i < w->graph->noutputs; i++) {
        if (w->written[i]) continue;
        uint32_t id = first_id + (uint32_t)i;
        if (!lower_copy(w->l, w->graph->outputs[i], w->outputs[i], id)) return false;
    }
    return true;
}

LProgram *lower_graph(const Graph *graph, const TargetDesc *target, Diag *diag) {
    return lower_graph_planned(graph, target, NULL, diag);
}

LProgram *lower_graph_planned(const Graph *graph, const TargetDesc *target, const PlanSource *plans,
                              Diag *diag) {
    Module *module = graph->module;
    Arena *arena = module->arena;
    size_t noutputs = (size_t)graph->noutputs;
    Lowering l = {.program = lprogram_create(module, graph),
                  .target = target,
                  .plans = plans,
                  .diag = diag,
                  .arena = arena,
                  .dims = module->dims,
                  .capacity = module->value_count + noutputs};
    l.tensors = arena_array(arena, LTensor *, l.capacity);
    l.immediates = arena_array(arena, const Tensor *, l.capacity);
    l.notes = arena_array(arena, WalkNote, l.capacity);
    l.program->alignment = target->buffer_alignment;
    Walk w = {.l = &l, .graph = graph};
    w.outputs = arena_array(arena, LTensor *, noutputs);
    w.written = arena_array(arena, bool, noutputs);
    w.uses = graph_use_counts(graph, arena);
    if (!add_signature(&w)) return NULL;
    lowering_needs(&l, graph);
    graph_each(graph, node) if (!lower_node(&w, node)) return NULL;
    if (!copy_outputs(&w, module->value_count)) return NULL;
    pack_weights(&l);
    return l.program;
}
