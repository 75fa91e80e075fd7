/* A graph as an ONNX model: names, the walk over the nodes, and what surrounds them. */
#include "frontend/onnx/export.h"

#include <string.h>

/* ---- nodes ----------------------------------------------------------------------------------- */

static char **copy_names(Arena *arena, int count, const char *const *names) {
    char **copies = arena_array(arena, char *, (size_t)count + 1);
    for (int i = 0; i < count; i++) copies[i] = arena_strdup(arena, names[i]);
    return copies;
}

void export_node(ExportCall *c, const char *op, int ninputs, const char *const *inputs,
                 int noutputs, const char *const *outputs, OnnxAttr *const *attrs) {
    Arena *arena = c->e->arena;
    Onnx__NodeProto *node = arena_new(arena, Onnx__NodeProto);
    onnx__node_proto__init(node);
    node->n_input = (size_t)ninputs;
    node->input = copy_names(arena, ninputs, inputs);
    node->n_output = (size_t)noutputs;
    node->output = copy_names(arena, noutputs, outputs);
    node->op_type = arena_strdup(arena, op);
    bool whole = outputs[0] == c->out[0];
    node->name = arena_strdup(
        arena, name_unique(&c->e->nodes, arena,
                           whole ? c->path : arena_printf(arena, "%s.%s", c->path, op)));
    while (attrs && attrs[node->n_attribute]) node->n_attribute++;
    node->attribute = arena_array(arena, OnnxAttr *, node->n_attribute + 1);
    for (size_t i = 0; i < node->n_attribute; i++) node->attribute[i] = attrs[i];
    vec_push(arena, &c->e->list, node);
}

const char *export_to(ExportCall *c, const char *to, const char *op, int ninputs,
                      const char *const *inputs, OnnxAttr *const *attrs) {
    Exporter *e = c->e;
    if (!to) to = name_unique(&e->values, e->arena, arena_printf(e->arena, "%s.%s", c->path, op));
    export_node(c, op, ninputs, inputs, 1, &to, attrs);
    return to;
}

const char *export_cast(ExportCall *c, const char *to, const char *x, DType type) {
    return export_to(c, to, "Cast", NAMES(x),
                     ATTRIBUTES(onnx_attr_int(c->e->arena, "to", onnx_dtype(type))));
}

static OnnxAttr *convert_attr(Arena *arena, const char *name, const Attr *attr) {
    switch (attr->kind) {
    case ATTR_INT:
    case ATTR_BOOL: return onnx_attr_int(arena, name, attr->i);
    case ATTR_FLOAT: return onnx_attr_float(arena, name, attr->f);
    case ATTR_STRING: return onnx_attr_string(arena, name, attr->s);
    case ATTR_INTS:
        return attr->count > 0 ? onnx_attr_ints(arena, name, attr->count, attr->ints) : NULL;
    default: unreachable(); /* no row pairs the other kinds */
    }
}

OnnxAttr **export_attrs(ExportCall *c, int more, int *count) {
    const OnnxRow *row = &onnx_rows[c->node->op];
    OnnxAttr **attrs =
        arena_array(c->e->arena, OnnxAttr *, COUNT_OF(row->attrs) + (size_t)more + 1);
    *count = 0;
    for (size_t i = 0; i < COUNT_OF(row->attrs) && row->attrs[i].ours; i++) {
        const AttrPair *pair = &row->attrs[i];
        OnnxAttr *attr = convert_attr(c->e->arena, pair->theirs, node_attr(c->node, pair->ours));
        if (attr) attrs[(*count)++] = attr;
    }
    return attrs;
}

bool export_refuse(ExportCall *c, const char *why) {
    diag_error(c->e->diag, c->node->span, "ONNX (opset %d) cannot say '%s' here: %s", ONNX_OPSET,
               op_info(c->node->op)->name, why);
    return false;
}

/* ---- constants ------------------------------------------------------------------------------- */

static void add_initializer(Exporter *e, const char *name, const Tensor *tensor) {
    vec_push(e->arena, &e->initializers, onnx_tensor(e->arena, name, tensor));
}

static const char *constant_name(ExportCall *c, const char *what) {
    Arena *arena = c->e->arena;
    return name_unique(&c->e->values, arena, arena_printf(arena, "%s.%s", c->path, what));
}

const char *export_scalar(ExportCall *c, const char *what, DType type, double value) {
    const char *name = constant_name(c, what);
    Tensor tensor = tensor_new(c->e->arena, type, 0, NULL);
    tensor_set(&tensor, 0, value);
    add_initializer(c->e, name, &tensor);
    return name;
}

const char *export_ints(ExportCall *c, const char *what, int count, const int64_t *values) {
    const char *name = constant_name(c, what);
    Tensor tensor = tensor_new(c->e->arena, DT_i64, 1, (const int64_t[]){count});
    for (int i = 0; i < count; i++) tensor_set_int(&tensor, i, values[i]);
    add_initializer(c->e, name, &tensor);
    return name;
}

/* param and const: initializers, not nodes. */
bool export_source(ExportCall *c) {
    Tensor tensor;
    const ParamSource *params = &c->e->graph->module->params;
    if (c->node->op == OP_const) {
        if (!c->node->data) return export_refuse(c, "its value lies in a file that was not read");
        tensor = *c->node->data;
    } else if (!params->find ||
               !params->find(params->self, node_attr(c->node, "name")->s, &tensor)) {
        return export_refuse(c, "the parameter has no value");
    }
    add_initializer(c->e, c->out[0], &tensor);
    return true;
}

bool export_fused(ExportCall *c) {
    return export_refuse(c, "a pass made it; export the network as it was written");
}

/* ---- one operator ---------------------------------------------------------------------------- */

static DType wider_type(const OnnxRow *row, DType type) {
    if (dtype_is_float(type)) return DT_f32;
    return row->wider_int ? row->wider_int : DT_i32;
}

/* Operands of the type that the operator lacks become casts, made once for an operand that
 * occurs twice. */
static void cast_operands(ExportCall *c, const OnnxRow *row, DType from) {
    const Node *node = c->node;
    for (int i = row->first; i < node->noperands; i++) {
        if (node->operands[i]->type.dtype != from) continue;
        int same = row->first;
        while (node->operands[same] != node->operands[i]) same++;
        c->in[i] = same < i ? c->in[same] : export_cast(c, NULL, c->in[i], c->type);
    }
}

static bool run_row(ExportCall *c) {
    const Node *node = c->node;
    const OnnxRow *row = &onnx_rows[node->op];
    if (!row->run) return export_refuse(c, "this version of nnc has no mapping for it");
    if (node->noperands <= row->first) return row->run(c);
    DType own = c->type = node->operands[row->first]->type.dtype;
    if (row->types & TYPE_BIT(own)) return row->run(c);
    c->type = wider_type(row, own);
    if (dtype_bits(own) > dtype_bits(c->type)) {
        return export_refuse(
            c, arena_printf(c->e->arena, "its operator is not there for %s", dtype_name(own)));
    }
    cast_operands(c, row, own);
    const char *finals[MAX_RESULTS];
    memcpy(finals, c->out, sizeof finals);
    for (int i = 0; i < node->nresults; i++) {
        if (node->results[i]->type.dtype != own) continue;
        c->out[i] =
            name_unique(&c->e->values, c->e->arena, arena_printf(c->e->arena, "%s.wide", c->path));
    }
    if (!row->run(c)) return false;
    for (int i = 0; i < node->nresults; i++) {
        if (c->out[i] != finals[i]) export_cast(c, finals[i], c->out[i], own);
    }
    return true;
}

/* Every tensor of the graph needs an element type that ONNX has. */
static bool check_types(Exporter *e, const Node *node) {
    for (int i = 0; i < node->nresults; i++) {
        DType type = node->results[i]->type.dtype;
        if (onnx_dtype(type)) continue;
        diag_error(e->diag, node->span,
                   "ONNX (opset %d) has no element type %s, which '%s' yields here", ONNX_OPSET,
                   dtype_name(type), op_info(node->op)->name);
        return false;
    }
    return true;
}

/* ---- names ----------------------------------------------------------------------------------- */

/* The path if it is free, else the path and the operator: `fc1`, `fc1.relu`. */
static const char *node_path(Exporter *e, const Node *node, const NameSet *set) {
    if (!*node->path) return op_info(node->op)->name;
    if (!name_taken(set, node->path)) return node->path;
    return arena_printf(e->arena, "%s.%s", node->path, op_info(node->op)->name);
}

static void name_results(Exporter *e, const Node *node) {
    for (int i = 0; i < node->nresults; i++) {
        uint32_t id = node->results[i]->id;
        if (e->value_names[id]) continue;
        const char *name = name_unique(&e->values, e->arena, node_path(e, node, &e->values));
        e->value_names[id] = name;
        if (op_info(node->op)->family == FAMILY_SOURCE) continue;
        vec_push(e->arena, &e->types,
                 onnx_value_info(e->arena, e->dims, name, &node->results[i]->type));
    }
}

/* A name that users know: the model keeps it if it can. */
static const char *claim(Exporter *e, const char *name, const char *what, Span span) {
    const char *got = name_unique(&e->values, e->arena, name);
    if (strcmp(got, name) != 0) {
        diag_warning(e->diag, span,
                     "%s '%s' is called '%s' in the model: ONNX has one name for one tensor", what,
                     name, got);
    }
    return got;
}

/* Inputs first, then outputs, then parameters; an output that is no node's own result is named
 * later. */
static void claim_names(Exporter *e, const char **output_names) {
    const Graph *graph = e->graph;
    for (int i = 0; i < graph->ninputs; i++) {
        const Value *input = graph->inputs[i];
        e->value_names[input->id] = claim(e, graph->input_names[i], "input", input->span);
    }
    for (int i = 0; i < graph->noutputs; i++) {
        const Value *output = graph->outputs[i];
        output_names[i] = claim(e, graph->output_names[i], "output", output->span);
        bool own = output->def && op_info(output->def->op)->family != FAMILY_SOURCE;
        if (own && !e->value_names[output->id]) e->value_names[output->id] = output_names[i];
    }
    graph_each(graph, node) {
        if (node->op != OP_param) continue;
        const char *name = claim(e, node_attr(node, "name")->s, "parameter", node->span);
        e->value_names[node->results[0]->id] = name;
    }
}

static bool export_one(Exporter *e, const Node *node) {
    ExportCall c = {.e = e, .node = node};
    name_results(e, node);
    if (!check_types(e, node)) return false;
    c.path = op_info(node->op)->family == FAMILY_SOURCE ? e->value_names[node->results[0]->id]
                                                        : node_path(e, node, &e->nodes);
    for (int i = 0; i < node->noperands; i++) c.in[i] = e->value_names[node->operands[i]->id];
    for (int i = 0; i < node->nresults; i++) c.out[i] = e->value_names[node->results[i]->id];
    return run_row(&c);
}

/* An output that is an input, a parameter or another output. */
static void copy_outputs(Exporter *e, const char *const *names) {
    for (int i = 0; i < e->graph->noutputs; i++) {
        const char *have = e->value_names[e->graph->outputs[i]->id];
        ExportCall c = {.e = e, .path = names[i], .out = {names[i]}};
        if (have != names[i]) export_to(&c, names[i], "Identity", 1, &have, NULL);
    }
}

/* ---- the model ------------------------------------------------------------------------------- */

static Onnx__GraphProto *make_graph(Exporter *e, const char *const *output_names) {
    const Graph *graph = e->graph;
    Arena *arena = e->arena;
    Onnx__GraphProto *proto = arena_new(arena, Onnx__GraphProto);
    onnx__graph_proto__init(proto);
    proto->name = arena_strdup(arena, graph->name);
    proto->n_node = e->list.len;
    proto->node = e->list.data;
    proto->n_initializer = e->initializers.len;
    proto->initializer = e->initializers.data;
    proto->n_value_info = e->types.len;
    proto->value_info = e->types.data;
    proto->n_input = (size_t)graph->ninputs;
    proto->input = arena_array(arena, Onnx__ValueInfoProto *, proto->n_input + 1);
    for (int i = 0; i < graph->ninputs; i++) {
        const Value *input = graph->inputs[i];
        proto->input[i] = onnx_value_info(arena, e->dims, e->value_names[input->id], &input->type);
    }
    proto->n_output = (size_t)graph->noutputs;
    proto->output = arena_array(arena, Onnx__ValueInfoProto *, proto->n_output + 1);
    for (int i = 0; i < graph->noutputs; i++)
        proto->output[i] =
            onnx_value_info(arena, e->dims, output_names[i], &graph->outputs[i]->type);
    return proto;
}

static Onnx__ModelProto *make_model(Exporter *e, const char *version, Onnx__GraphProto *graph) {
    Onnx__ModelProto *model = arena_new(e->arena, Onnx__ModelProto);
    Onnx__OperatorSetIdProto *opset = arena_new(e->arena, Onnx__OperatorSetIdProto);
    onnx__model_proto__init(model);
    onnx__operator_set_id_proto__init(opset);
    opset->domain = arena_strdup(e->arena, "");
    opset->has_version = true;
    opset->version = ONNX_OPSET;
    model->has_ir_version = true;
    model->ir_version = ONNX_IR_VERSION;
    model->n_opset_import = 1;
    model->opset_import = arena_array(e->arena, Onnx__OperatorSetIdProto *, 1);
    model->opset_import[0] = opset;
    model->producer_name = arena_strdup(e->arena, "nnc");
    model->producer_version = arena_strdup(e->arena, version);
    model->graph = graph;
    return model;
}

static bool check_inputs(Exporter *e) {
    for (int i = 0; i < e->graph->ninputs; i++) {
        const Value *input = e->graph->inputs[i];
        if (onnx_dtype(input->type.dtype)) continue;
        diag_error(e->diag, input->span,
                   "ONNX (opset %d) has no element type %s, as input '%s' has", ONNX_OPSET,
                   dtype_name(input->type.dtype), e->graph->input_names[i]);
    }
    return diag_error_count(e->diag) == 0;
}

bool onnx_export(const Graph *graph, const OnnxExportOptions *options, Arena *arena,
                 OnnxFiles *files, Diag *diag) {
    Exporter e = {.arena = arena, .diag = diag, .graph = graph, .dims = graph->module->dims};
    bool sound = check_inputs(&e);
    e.value_names = arena_array(arena, const char *, graph->module->value_count + 1u);
    const char **output_names = arena_array(arena, const char *, (size_t)graph->noutputs + 1);
    claim_names(&e, output_names);
    graph_each(graph, node) {
        if (!diag_full(diag)) sound = export_one(&e, node) && sound;
    }
    if (!sound) return false;
    copy_outputs(&e, output_names);
    Onnx__ModelProto *model = make_model(&e, options->version, make_graph(&e, output_names));
    return onnx_write(model, options, arena, files, diag);
}
