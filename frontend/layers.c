/* Layers: operators that own parameters. One row a layer: what it takes, and a function that makes
 * its parameters in PyTorch's shapes and adds the operator. */
#include "frontend/layers.h"

#include <inttypes.h>
#include <string.h>

struct Layer {
    const char *name;
    const char *operand;             /* what its input is called */
    AttrSpec attrs[MAX_LAYER_ATTRS]; /* ends with kind ATTR_NONE */
    LayerBuilder *build;
    const char *tensors[MAX_LAYER_TENSORS]; /* further inputs, each by name and if wanted */
};

/* ---- what layers need ---- */

const Attr *layer_argument(const LayerCall *c, const char *name) {
    for (int i = 0; i < c->signature->nattrs; i++)
        if (strcmp(c->signature->attrs[i].initial.name, name) == 0) return &c->attrs[i];
    die("layer '%s' has no argument '%s'", c->site->callee, name);
}

Span layer_argument_span(const LayerCall *c, const char *name) {
    return c->attr_spans[layer_argument(c, name) - c->attrs];
}

bool layer_needs_at_least(const LayerCall *c, const char *name, int64_t least) {
    const Attr *attr = layer_argument(c, name);
    int count = attr->kind == ATTR_INTS ? attr->count : 1;
    for (int i = 0; i < count; i++) {
        int64_t value = attr->kind == ATTR_INTS ? attr->ints[i] : attr->i;
        if (value >= least) continue;
        diag_error(c->e->diag, layer_argument_span(c, name),
                   "'%s' of '%s' must be at least %" PRId64 ", found %" PRId64, name,
                   c->site->callee, least, value);
        return false;
    }
    return true;
}

bool layer_needs_float_of_rank(const LayerCall *c, int least, int greatest) {
    const TensorType *type = &c->x->type;
    if (type->rank < least || type->rank > greatest) {
        const char *bound = least == greatest ? "" : "at least ";
        diag_error(c->e->diag, c->x_span, "'%s' expects an input of %srank %d, found %s",
                   c->site->callee, bound, least, elab_type_text(c->e, type));
        return false;
    }
    if (dtype_is_float(type->dtype)) return true;
    diag_error(c->e->diag, c->x_span, "'%s' expects float elements, found %s (use cast)",
               c->site->callee, elab_type_text(c->e, type));
    return false;
}

bool layer_known_size(const LayerCall *c, int axis, const char *what, int64_t *size) {
    Dim dim = c->x->type.dims[axis];
    if (dim_is_int(dim, size)) return true;
    diag_error(c->e->diag, c->x_span, "'%s' needs a known number of %s, found %s%s",
               c->site->callee, what, elab_type_text(c->e, &c->x->type), elab_bind_hint(c->e, dim));
    return false;
}

Value *layer_parameter(const LayerCall *c, const char *name, int rank, const int64_t *sizes) {
    Elab *e = c->e;
    Dim dims[MAX_RANK];
    for (int i = 0; i < rank; i++) dims[i] = dim_int(e->module->dims, sizes[i]);
    TensorType type = type_make(c->x->type.dtype, rank, dims);
    return add_parameter(e, path_join(e, c->path, name), &type, c->share, c->site->span);
}

/* The operator over x and the layer's parameters; those beyond count are absent. */
static Val operation(const LayerCall *c, OpKind op, int count, Value *const *parameters, int nattrs,
                     const Attr *attrs) {
    Value *operands[8] = {c->x};
    Span spans[8] = {c->x_span};
    Span attr_spans[MAX_ATTRS];
    require(count < 8);
    for (int i = 0; i < count; i++) {
        if (!parameters[i]) return val_error();
        operands[i + 1] = parameters[i];
        spans[i + 1] = c->site->span;
    }
    /* Faults name attributes by their place in the operator's row, which need not
     * be the layer's. */
    for (int i = 0; i < op_attr_count(op); i++) attr_spans[i] = c->site->span;
    for (int i = 0; i < nattrs; i++)
        for (int k = 0; k < c->signature->nattrs; k++)
            if (strcmp(c->attrs[k].name, attrs[i].name) == 0)
                attr_spans[op_attr_index(op, attrs[i].name)] = c->attr_spans[k];
    Node *node = add_operator(c->e, op, count + 1, operands, spans, nattrs, attrs, attr_spans,
                              c->path, c->site->span);
    return node ? val_tensor(node_result(node)) : val_error();
}

/* ---- the layers ---- */

/* Filters, kernel and groups of a convolution from that many channels. */
static bool needs_filters(const LayerCall *c, int64_t channels) {
    int64_t filters = layer_argument(c, "filters")->i, groups = layer_argument(c, "groups")->i;
    if (!layer_needs_at_least(c, "filters", 1) || !layer_needs_at_least(c, "kernel", 1) ||
        !layer_needs_at_least(c, "groups", 1))
        return false;
    if (channels % groups == 0 && filters % groups == 0) return true;
    diag_error(c->e->diag, layer_argument_span(c, "groups"),
               "groups=%" PRId64 " must divide the %" PRId64 " channels of %s and the %" PRId64
               " filters",
               groups, channels, elab_type_text(c->e, &c->x->type), filters);
    return false;
}

/* pad="same" as numbers. */
static bool pad_in_numbers(const LayerCall *c, OpKind op, Attr *pad) {
    if (pad->kind != ATTR_STRING) return true;
    Span span = layer_argument_span(c, "pad");
    const int64_t *kernel = layer_argument(c, "kernel")->ints,
                  *stride = layer_argument(c, "stride")->ints,
                  *dilation = layer_argument(c, "dilation")->ints;
    int64_t *sides = arena_array(c->e->arena, int64_t, 4);
    bool known = op == OP_conv2d
                     ? same_pad(c->e, span, &c->x->type, kernel, stride, dilation, sides)
                     : same_pad_transposed(c->e, span, kernel, stride, dilation,
                                           layer_argument(c, "output_pad")->ints, sides);
    *pad = attr_ints("pad", 4, sides);
    return known;
}

/* weight [filters, channels / groups, kernel], transposed [channels, filters / groups, kernel];
 * bias [filters]. The operator's attributes are arguments of the layer. */
static Val build_convolution(const LayerCall *c, OpKind op) {
    int64_t channels, filters = layer_argument(c, "filters")->i,
                      groups = layer_argument(c, "groups")->i;
    if (!layer_needs_float_of_rank(c, 4, 4) || !layer_known_size(c, 1, "channels", &channels) ||
        !needs_filters(c, channels))
        return val_error();
    Attr attrs[MAX_LAYER_ATTRS];
    int nattrs = 0;
    for (int i = 0; i < c->signature->nattrs; i++) {
        if (op_attr_index(op, c->attrs[i].name) < 0) continue;
        attrs[nattrs] = c->attrs[i];
        if (strcmp(attrs[nattrs].name, "pad") == 0 && !pad_in_numbers(c, op, &attrs[nattrs]))
            return val_error();
        nattrs++;
    }
    const int64_t *kernel = layer_argument(c, "kernel")->ints;
    int64_t shape[4] = {filters, channels / groups, kernel[0], kernel[1]};
    if (op == OP_conv_transpose2d) {
        shape[0] = channels;
        shape[1] = filters / groups;
    }
    bool bias = layer_argument(c, "bias")->i;
    Value *parameters[2] = {layer_parameter(c, "weight", 4, shape)};
    if (parameters[0] && bias) parameters[1] = layer_parameter(c, "bias", 1, &filters);
    return operation(c, op, bias ? 2 : 1, parameters, nattrs, attrs);
}

static Val build_conv2d(const LayerCall *c) {
    return build_convolution(c, OP_conv2d);
}

static Val build_conv_transpose2d(const LayerCall *c) {
    return build_convolution(c, OP_conv_transpose2d);
}

/* weight [units, in], or [in, units] for weight="io"; bias [units] */
static Val build_dense(const LayerCall *c) {
    int64_t in, units = layer_argument(c, "units")->i;
    if (!layer_needs_float_of_rank(c, 1, MAX_RANK) ||
        !layer_known_size(c, c->x->type.rank - 1, "features", &in) ||
        !layer_needs_at_least(c, "units", 1))
        return val_error();
    const char *order = layer_argument(c, "weight")->s;
    if (strcmp(order, "oi") != 0 && strcmp(order, "io") != 0) {
        diag_error(c->e->diag, layer_argument_span(c, "weight"),
                   "'dense' knows the weight orders \"oi\" and \"io\", found \"%s\"", order);
        return val_error();
    }
    bool transposed = strcmp(order, "io") == 0, bias = layer_argument(c, "bias")->i;
    int64_t shape[2] = {transposed ? in : units, transposed ? units : in};
    Value *parameters[2] = {layer_parameter(c, "weight", 2, shape)};
    if (parameters[0] && bias) parameters[1] = layer_parameter(c, "bias", 1, &units);
    Attr attrs[] = {attr_string("weight_order", order)};
    return operation(c, OP_dense, bias ? 2 : 1, parameters, COUNT_OF(attrs), attrs);
}

/* weight, bias, running_mean, running_var [channels] */
static Val build_batch_norm(const LayerCall *c) {
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
    int64_t channels;
    Value *parameters[4] = {NULL};
    if (!layer_needs_float_of_rank(c, 2, MAX_RANK) ||
        !layer_known_size(c, 1, "channels", &channels))
        return val_error();
    for (int i = 0; i < 4; i++) {
        parameters[i] = layer_parameter(c, names[i], 1, &channels);
        if (!parameters[i]) return val_error();
    }
    Attr attrs[] = {*layer_argument(c, "eps")};
    return operation(c, OP_batch_norm, 4, parameters, COUNT_OF(attrs), attrs);
}

/* weight, bias of the shape of the axes */
static Val build_layer_norm(const LayerCall *c) {
    const Attr *axes = layer_argument(c, "axes");
    int64_t sizes[MAX_RANK];
    Value *parameters[2];
    if (!layer_needs_float_of_rank(c, 1, MAX_RANK)) return val_error();
    int count = axes->count > 0 ? axes->count : 1, first = c->x->type.rank - count;
    if (first < 0) {
        diag_error(c->e->diag, layer_argument_span(c, "axes"),
                   "'axes' of 'layer_norm' names some of the last axes of %s",
                   elab_type_text(c->e, &c->x->type));
        return val_error();
    }
    for (int i = 0; i < count; i++)
        if (!layer_known_size(c, first + i, "features", &sizes[i])) return val_error();
    parameters[0] = layer_parameter(c, "weight", count, sizes);
    parameters[1] = layer_parameter(c, "bias", count, sizes);
    Attr attrs[] = {*axes, *layer_argument(c, "eps")};
    return operation(c, OP_layer_norm, 2, parameters, COUNT_OF(attrs), attrs);
}

/* weight [count, dim] in f32, whatever integers the ids are */
static Val build_embedding(const LayerCall *c) {
    if (!dtype_is_int(c->x->type.dtype)) {
        diag_error(c->e->diag, c->x_span, "'embedding' looks up integers, found %s",
                   elab_type_text(c->e, &c->x->type));
        return val_error();
    }
    if (!layer_needs_at_least(c, "count", 1) || !layer_needs_at_least(c, "dim", 1))
        return val_error();
    Dim shape[2] = {dim_int(c->e->module->dims, layer_argument(c, "count")->i),
                    dim_int(c->e->module->dims, layer_argument(c, "dim")->i)};
    TensorType type = type_make(DT_f32, 2, shape);
    Value *table =
        add_parameter(c->e, path_join(c->e, c->path, "weight"), &type, c->share, c->site->span);
    if (!table) return val_error();
    Span spans[MAX_ATTRS];
    for (int i = 0; i < MAX_ATTRS; i++) spans[i] = c->site->span;
    Node *node =
        add_operator(c->e, OP_gather, 2, (Value *[]){table, c->x},
                     (Span[]){c->site->span, c->x_span}, 0, NULL, spans, c->path, c->site->span);
    return node ? val_tensor(node_result(node)) : val_error();
}

/* ---- the table ---- */

#define INT(id)              {{.name = id, .kind = ATTR_INT}, true, ""}
#define INT_OR(id, value)    {{.name = id, .kind = ATTR_INT, .i = (value)}, false, ""}
#define BOOL_OR(id, value)   {{.name = id, .kind = ATTR_BOOL, .i = (value)}, false, ""}
#define FLOAT_OR(id, value)  {{.name = id, .kind = ATTR_FLOAT, .f = (value)}, false, ""}
#define STRING_OR(id, value) {{.name = id, .kind = ATTR_STRING, .s = (value)}, false, ""}
#define INTS(id)             {{.name = id, .kind = ATTR_INTS}, true, ""}
#define ANY_INTS(id)         {{.name = id, .kind = ATTR_INTS}, false, ""}
#define INTS_OR(id, n, ...)                                                                        \
    {{.name = id, .kind = ATTR_INTS, .count = (n), .ints = (const int64_t[]){__VA_ARGS__}},        \
     false,                                                                                        \
     ""}

static const Layer layers[] = {
    {"conv2d",
     "x",
     {INT("filters"), INTS("kernel"), INTS_OR("stride", 2, 1, 1), INTS_OR("pad", 4, 0, 0, 0, 0),
      INTS_OR("dilation", 2, 1, 1), INT_OR("groups", 1), BOOL_OR("bias", true)},
     build_conv2d,
     {NULL}},
    {"conv_transpose2d",
     "x",
     {INT("filters"), INTS("kernel"), INTS_OR("stride", 2, 1, 1), INTS_OR("pad", 4, 0, 0, 0, 0),
      INTS_OR("output_pad", 2, 0, 0), INTS_OR("dilation", 2, 1, 1), INT_OR("groups", 1),
      BOOL_OR("bias", true)},
     build_conv_transpose2d,
     {NULL}},
    {"dense",
     "x",
     {INT("units"), BOOL_OR("bias", true), STRING_OR("weight", "oi")},
     build_dense,
     {NULL}},
    {"batch_norm", "x", {FLOAT_OR("eps", 1e-5)}, build_batch_norm, {NULL}},
    {"layer_norm", "x", {ANY_INTS("axes"), FLOAT_OR("eps", 1e-5)}, build_layer_norm, {NULL}},
    {"embedding", "ids", {INT("count"), INT("dim")}, build_embedding, {NULL}},
    {"multi_head_attention",
     "x",
     {INT("heads"), BOOL_OR("causal", false), BOOL_OR("bias", true)},
     build_multi_head_attention,
     {"memory", "mask"}},
};

const Layer *layer_find(const char *name) {
    for (size_t i = 0; i < COUNT_OF(layers); i++)
        if (strcmp(layers[i].name, name) == 0) return &layers[i];
    return NULL;
}

const char *layer_name(size_t index) {
    return index < COUNT_OF(layers) ? layers[index].name : NULL;
}

bool layer_brings_tensors(const Layer *layer, const CallSite *call) {
    OpKind op;
    char buffer[32];
    if (!op_from_name(layer->name, &op)) return false;
    for (int i = 0; i < call->count; i++) {
        const char *name = call->given[i].arg->name.text;
        if (!name || call->given[i].value.kind != VAL_TENSOR) continue;
        for (int k = 1; k < op_max_operands(op); k++)
            if (strcmp(name, op_operand_name(op, k, buffer)) == 0) return true;
    }
    return false;
}

static int layer_attr_count(const Layer *layer) {
    int count = 0;
    while (count < MAX_LAYER_ATTRS && layer->attrs[count].initial.kind != ATTR_NONE) count++;
    return count;
}

/* An argument that is a tensor; false after a message. */
static bool take_tensor(Elab *e, const CallSite *call, const Actual *actual, Value **tensor) {
    if (actual->value.kind == VAL_TENSOR) {
        *tensor = actual->value.tensor;
        return true;
    }
    diag_error(e->diag, actual->span, "'%s' takes a tensor, found %s", call->callee,
               elab_describe(e, actual->value));
    return false;
}

Val call_layer(Elab *e, const CallSite *call, const Layer *layer) {
    Signature signature = {.noperands = 1,
                           .operands = &layer->operand,
                           .nrequired = 1,
                           .nattrs = layer_attr_count(layer),
                           .attrs = layer->attrs};
    Formal formals[MAX_FORMALS];
    Actual actuals[MAX_FORMALS];
    Attr attrs[MAX_LAYER_ATTRS];
    Span spans[MAX_LAYER_ATTRS];
    int count = signature_formals(e, &signature, formals), given = count;
    for (int i = 0; i < MAX_LAYER_TENSORS && layer->tensors[i]; i++)
        formals[count++] = (Formal){layer->tensors[i], "none", true};
    formals[count] = (Formal){"name", "\"...\"", true};
    formals[count + 1] = (Formal){"share", "false", true};
    if (!match_arguments(e, call, formals, count + 2, actuals)) return val_error();
    LayerCall c = {.e = e,
                   .site = call,
                   .signature = &signature,
                   .attrs = attrs,
                   .attr_spans = spans,
                   .x_span = actuals[0].span};
    bool sound = convert_attributes(e, call, &signature, actuals, attrs);
    sound = take_tensor(e, call, &actuals[0], &c.x) && sound;
    for (int i = given; i < count; i++) {
        c.tensor_spans[i - given] = actuals[i].span;
        if (actuals[i].arg)
            sound = take_tensor(e, call, &actuals[i], &c.tensors[i - given]) && sound;
    }
    if (!sound || !elab_share(e, &actuals[count + 1], &c.share)) return val_error();
    for (int i = 0; i < signature.nattrs; i++) spans[i] = actuals[1 + i].span;
    c.path = owner_path(e, call->callee, &actuals[count], call->span);
    return c.path ? layer->build(&c) : val_error();
}
