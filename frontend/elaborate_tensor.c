/* Nodes of the graph: operators, constants, parameters. */
#include "frontend/elaborate.h"

#include <inttypes.h>

/* ---- provenance ---- */

const char *path_join(Elab *e, const char *a, const char *b) {
    if (!a[0] || !b[0]) return a[0] ? a : b;
    return elab_printf(e, "%s.%s", a, b);
}

const char *elab_path(Elab *e) {
    const char *name = e->frame->stmt->name;
    const char *path = path_join(e, e->frame->path, name ? name : "");
    return path[0] ? path : e->graph->name;
}

static Builder builder_at(Elab *e, const char *path, Span span) {
    return (Builder){.graph = e->graph, .path = path, .span = span};
}

static void annotate(Elab *e, Node *node) {
    if (e->nannotations > 0) node_annotate(node, e->nannotations, e->annotations);
}

/* ---- operators ---- */

static Span blamed_span(const TypeQuery *fault, const Span *operand_spans, const Span *attr_spans,
                        Span span) {
    if (fault->blamed_operand >= 0) return operand_spans[fault->blamed_operand];
    if (fault->blamed_attr >= 0 && attr_spans) return attr_spans[fault->blamed_attr];
    return span;
}

Node *add_operator(Elab *e, OpKind op, int noperands, Value *const *operands,
                   const Span *operand_spans, int nattrs, const Attr *attrs, const Span *attr_spans,
                   const char *path, Span span) {
    if (!elab_charge(e, span, NODE_STEPS)) return NULL;
    Builder builder = builder_at(e, path, span);
    TypeQuery fault;
    Node *node = build_node(&builder, op, noperands, operands, nattrs, attrs, &fault);
    if (node)
        annotate(e, node);
    else
        diag_error(e->diag, blamed_span(&fault, operand_spans, attr_spans, span), "%s",
                   fault.error);
    return node;
}

/* ---- literals ---- */

static bool representable(Val value, DType dtype) {
    if (value.kind == VAL_BOOL || dtype == DT_bool)
        return value.kind == VAL_BOOL && dtype == DT_bool;
    if (value.kind == VAL_INT && dtype_is_int(dtype))
        return value.i >= dtype_min(dtype) && value.i <= dtype_max(dtype);
    return dtype_represents(dtype, val_number(value));
}

static void set_element(Tensor *tensor, int64_t index, Val value) {
    if (value.kind == VAL_FLOAT || dtype_is_float(tensor->dtype))
        tensor_set(tensor, index, val_number(value));
    else
        tensor_set_int(tensor, index, value.i);
}

static bool check_literal(Elab *e, Val value, DType dtype, Span span) {
    if (value.kind == VAL_ERROR) return false;
    if (!val_is_literal(value))
        diag_error(e->diag, span, "expected a number, found %s", elab_describe(e, value));
    else if (!representable(value, dtype))
        diag_error(e->diag, span, "%s cannot be represented in %s", elab_describe(e, value),
                   dtype_name(dtype));
    else
        return true;
    return false;
}

static Value *add_const(Elab *e, const Tensor *tensor, Span span) {
    if (!elab_charge(e, span, NODE_STEPS)) return NULL;
    Builder builder = builder_at(e, elab_path(e), span);
    Value *value = build_const(&builder, tensor, false);
    annotate(e, value->def);
    return value;
}

Value *literal_operand(Elab *e, Val value, DType dtype, Span span) {
    if (value.kind == VAL_DIM) {
        diag_error(e->diag, span, "%s is no tensor%s", elab_describe(e, value),
                   elab_bind_hint(e, value.dim));
        return NULL;
    }
    if (value.kind != VAL_ERROR && !val_is_literal(value)) {
        diag_error(e->diag, span, "expected a tensor or a number, found %s",
                   elab_describe(e, value));
        return NULL;
    }
    if (!check_literal(e, value, dtype, span)) return NULL;
    Tensor tensor = tensor_new(e->module->arena, dtype, 0, NULL);
    set_element(&tensor, 0, value);
    return add_const(e, &tensor, span);
}

Val add_pointwise(Elab *e, const char *op, int count, const Val *values, const Span *spans,
                  Span span) {
    OpKind kind;
    Value *operands[2];
    const Value *tensor = NULL;
    require(op_from_name(op, &kind) && count <= 2);
    for (int i = count - 1; i >= 0; i--)
        if (values[i].kind == VAL_TENSOR) tensor = values[i].tensor;
    for (int i = 0; i < count; i++) {
        bool is_tensor = values[i].kind == VAL_TENSOR;
        operands[i] = is_tensor ? values[i].tensor
                                : literal_operand(e, values[i], tensor->type.dtype, spans[i]);
        if (!operands[i]) return val_error();
    }
    Node *node = add_operator(e, kind, count, operands, spans, 0, NULL, NULL, elab_path(e), span);
    return node ? val_tensor(node_result(node)) : val_error();
}

/* ---- constants ---- */

/* The shape that nested lists have, judged by their first items. */
static bool shape_of_lists(Elab *e, Val items, Span span, int64_t dims[MAX_RANK], int *rank) {
    for (*rank = 0; val_length(items) >= 0; items = val_item(items, 0)) {
        if (*rank == MAX_RANK) {
            diag_error(e->diag, span, "lists are nested more than %d deep", MAX_RANK);
            return false;
        }
        dims[(*rank)++] = val_length(items);
        if (val_length(items) == 0) break;
    }
    return true;
}

typedef struct Filler {
    Elab *e;
    Tensor *tensor;
    int64_t next;
} Filler;

static bool fill(Filler *f, Val items, int axis, const Expr *source) {
    if (axis == f->tensor->rank) {
        if (!check_literal(f->e, items, f->tensor->dtype, source->span)) return false;
        set_element(f->tensor, f->next++, items);
        return true;
    }
    if (val_length(items) != f->tensor->dims[axis]) {
        diag_error(f->e->diag, source->span, "axis %d of %s needs a list of %" PRId64 ", found %s",
                   axis, tensor_type_text(f->e->arena, f->tensor), f->tensor->dims[axis],
                   elab_describe(f->e, items));
        return false;
    }
    for (int64_t i = 0; i < val_length(items); i++)
        if (!fill(f, val_item(items, i), axis + 1, elab_item_source(source, i))) return false;
    return true;
}

static bool allocate(Elab *e, DType dtype, int rank, const int64_t *dims, Span span,
                     Tensor *tensor) {
    bool fits =
        tensor_shape(tensor, dtype, rank, dims, 0) && tensor_elements(tensor) <= MAX_CONST_ELEMENTS;
    if (!fits)
        diag_error(e->diag, span, "a constant in the source has at most %d elements",
                   MAX_CONST_ELEMENTS);
    if (!fits || !elab_charge(e, span, tensor_elements(tensor) / 16)) return false;
    *tensor = tensor_new(e->module->arena, dtype, rank, dims);
    return true;
}

static Val constant(Elab *e, Val items, Tensor *tensor, const Expr *source) {
    Filler filler = {e, tensor, 0};
    if (!fill(&filler, items, 0, source)) return val_error();
    Value *value = add_const(e, tensor, source->span);
    return value ? val_tensor(value) : val_error();
}

static Val filled(Elab *e, Val number, Tensor *tensor, Span span) {
    if (!check_literal(e, number, tensor->dtype, span)) return val_error();
    for (int64_t i = 0; i < tensor_elements(tensor); i++) set_element(tensor, i, number);
    Value *value = add_const(e, tensor, span);
    return value ? val_tensor(value) : val_error();
}

Val add_constant(Elab *e, Val items, const TensorType *type, const Expr *source) {
    int64_t dims[MAX_RANK];
    Tensor tensor;
    if (items.kind == VAL_ERROR) return items;
    for (int i = 0; i < type->rank; i++) {
        if (dim_is_int(type->dims[i], NULL)) continue;
        diag_error(e->diag, source->span, "a constant needs known sizes, found %s%s",
                   elab_type_text(e, type), elab_bind_hint(e, type->dims[i]));
        return val_error();
    }
    type_static_dims(type, dims);
    if (!allocate(e, type->dtype, type->rank, dims, source->span, &tensor)) return val_error();
    bool listed = val_length(items) >= 0 || type->rank == 0;
    return listed ? constant(e, items, &tensor, source) : filled(e, items, &tensor, source->span);
}

Val add_constant_like(Elab *e, Val items, DType dtype, const Expr *source) {
    int64_t dims[MAX_RANK];
    int rank;
    Tensor tensor;
    if (!shape_of_lists(e, items, source->span, dims, &rank)) return val_error();
    if (!allocate(e, dtype, rank, dims, source->span, &tensor)) return val_error();
    return constant(e, items, &tensor, source);
}

/* ---- parameters ---- */

static Value *existing_parameter(Elab *e, const ParamEntry *entry, const char *path,
                                 const TensorType *type, bool share, Span span) {
    const TensorType *first = &entry->value->type;
    if (!share) {
        diag_error(
            e->diag, span,
            "there is a parameter '%s' already; give another name=, or share=true to mean the same",
            path);
    } else if (!type_equal(first, type)) {
        diag_error(e->diag, span, "the shared parameter '%s' is %s, but %s is needed here", path,
                   elab_type_text(e, first), elab_type_text(e, type));
    } else {
        return entry->value;
    }
    diag_note(e->diag, entry->span, "the first is made here");
    return NULL;
}

Value *add_parameter(Elab *e, const char *path, const TensorType *type, bool share, Span span) {
    const ParamEntry *entry = name_map_get(&e->params, path);
    if (entry) return existing_parameter(e, entry, path, type, share, span);
    const char *fault = type_fault(e->module->dims, e->arena, type);
    for (int i = 0; i < type->rank && !fault; i++)
        if (!dim_is_int(type->dims[i], NULL))
            fault = elab_printf(e, "a parameter needs known sizes, found %s%s",
                                elab_type_text(e, type), elab_bind_hint(e, type->dims[i]));
    if (fault) {
        diag_error(e->diag, span, "%s", fault);
        return NULL;
    }
    if (!elab_charge(e, span, NODE_STEPS)) return NULL;
    Builder builder = builder_at(e, path, span);
    Value *value = build_param(&builder, path, type);
    annotate(e, value->def);
    ParamEntry *made = arena_new(e->arena, ParamEntry);
    *made = (ParamEntry){value, span};
    name_map_put(e->arena, &e->params, path, made);
    return value;
}
