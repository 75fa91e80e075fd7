/* Operators, called straight from the operator table: operands by their names, then attributes in
 * the table's order. */
#include "frontend/elaborate.h"

#include <string.h>

bool operator_callable(OpKind op) {
    const OpInfo *info = op_info(op);
    if (info->family == FAMILY_SOURCE || info->family == FAMILY_FUSION) return false;
    for (const AttrSpec *spec = info->attrs; spec->initial.kind != ATTR_NONE; spec++)
        if (spec->initial.kind == ATTR_LAYOUT)
            return false; /* how a tensor lies in memory is not the source's */
    return true;
}

/* An operator's operands with a place to keep their names. */
typedef struct OperatorSignature {
    Signature signature;
    const char *names[MAX_FORMALS];
} OperatorSignature;

static void operator_signature(Elab *e, OpKind op, OperatorSignature *s) {
    char buffer[32];
    bool variadic = op_max_operands(op) == MAX_OPERANDS;
    int count = variadic ? 1 : op_max_operands(op);
    require(count <= MAX_FORMALS);
    for (int i = 0; i < count; i++) s->names[i] = intern(e->names, op_operand_name(op, i, buffer));
    s->signature = (Signature){.noperands = count,
                               .operands = s->names,
                               .nrequired = variadic ? 1 : op_min_operands(op),
                               .variadic = variadic,
                               .nattrs = op_attr_count(op),
                               .attrs = op_info(op)->attrs};
}

typedef struct Operands {
    int count;
    Val values[MAX_OPERANDS];
    Span spans[MAX_OPERANDS];
    Value *tensors[MAX_OPERANDS];
} Operands;

/* The items of the one list that a variadic operator takes. */
static bool take_list(Elab *e, const CallSite *call, const Actual *actual, Operands *out) {
    int64_t count = val_length(actual->value);
    if (count < 0) {
        diag_error(e->diag, actual->span, "'%s' takes a list of tensors, [a, b], found %s",
                   call->callee, elab_describe(e, actual->value));
        return false;
    }
    if (count > MAX_OPERANDS) {
        diag_error(e->diag, actual->span, "'%s' takes at most %d tensors, found %lld", call->callee,
                   MAX_OPERANDS, (long long)count);
        return false;
    }
    const Expr *list = actual->arg->value;
    for (int i = 0; i < count; i++) {
        out->values[i] = val_item(actual->value, i);
        out->spans[i] = elab_item_source(list, i)->span;
    }
    out->count = (int)count;
    return true;
}

static bool take_operands(Elab *e, const CallSite *call, const Signature *signature,
                          const Actual *actuals, Operands *out) {
    if (signature->variadic) return take_list(e, call, &actuals[0], out);
    for (int i = 0; i < signature->noperands; i++) {
        if (!actuals[i].arg) continue;
        if (i != out->count) {
            diag_error(e->diag, actuals[i].span, "'%s' takes '%s' only with '%s'", call->callee,
                       signature->operands[i], signature->operands[out->count]);
            return false;
        }
        out->values[i] = actuals[i].value;
        out->spans[i] = actuals[i].span;
        out->count++;
    }
    return true;
}

/* Whose element type literals take: the first tensor's that is not a mere condition. */
static const Value *typed_operand(const Operands *operands) {
    const Value *found = NULL;
    for (int i = 0; i < operands->count; i++) {
        if (operands->values[i].kind != VAL_TENSOR) continue;
        if (!found ||
            (found->type.dtype == DT_bool && operands->values[i].tensor->type.dtype != DT_bool))
            found = operands->values[i].tensor;
    }
    return found;
}

/* Indices are whole numbers, whatever they pick. */
static DType literal_dtype(const Signature *signature, int operand, const Value *typed) {
    bool index = !signature->variadic && strcmp(signature->operands[operand], "indices") == 0;
    return index ? DT_i64 : typed->type.dtype;
}

static bool resolve_operands(Elab *e, const CallSite *call, const Signature *signature,
                             Operands *operands) {
    const Value *typed = typed_operand(operands);
    for (int i = 0; i < operands->count; i++) {
        Val value = operands->values[i];
        if (value.kind == VAL_TENSOR) {
            operands->tensors[i] = value.tensor;
        } else if (!typed || !(val_is_literal(value) || value.kind == VAL_DIM)) {
            const char *mend = val_is_literal(value) ? "; const(value, f32) makes one" : "";
            diag_error(e->diag, operands->spans[i], "'%s' takes a tensor here, found %s%s",
                       call->callee, elab_describe(e, value), mend);
            return false;
        } else {
            operands->tensors[i] =
                literal_operand(e, value, literal_dtype(signature, i, typed), operands->spans[i]);
            if (!operands->tensors[i]) return false;
        }
    }
    return true;
}

static Attr *attr_named(const Signature *signature, Attr *attrs, const char *name) {
    for (int i = 0; i < signature->nattrs; i++)
        if (strcmp(signature->attrs[i].initial.name, name) == 0) return &attrs[i];
    return NULL;
}

/* The window of an operator: its attribute, or the last two axes of its weight. */
static bool window_kernel(const Signature *signature, Attr *attrs, const Operands *operands,
                          int64_t kernel[2]) {
    const Attr *attr = attr_named(signature, attrs, "kernel");
    if (attr && attr->count == 2) memcpy(kernel, attr->ints, 2 * sizeof(*kernel));
    if (attr) return attr->count == 2;
    const TensorType *weight = operands->count > 1 ? &operands->tensors[1]->type : NULL;
    return weight && weight->rank >= 2 && dim_is_int(weight->dims[weight->rank - 2], &kernel[0]) &&
           dim_is_int(weight->dims[weight->rank - 1], &kernel[1]);
}

static bool resolve_same(Elab *e, const Signature *signature, const Actual *actuals,
                         const Operands *operands, Attr *attrs) {
    static const int64_t ones[2] = {1, 1};
    Attr *pad = attr_named(signature, attrs, "pad");
    if (!pad || pad->kind != ATTR_STRING) return true;
    Span span = actuals[signature->noperands + (pad - attrs)].span;
    int64_t kernel[2], *sides = arena_array(e->arena, int64_t, 4);
    if (operands->count == 0 || !window_kernel(signature, attrs, operands, kernel)) {
        diag_error(e->diag, span, "pad=\"same\" needs a window of known size");
        return false;
    }
    const Attr *stride = attr_named(signature, attrs, "stride"),
               *dilation = attr_named(signature, attrs, "dilation");
    const int64_t *step = stride && stride->count == 2 ? stride->ints : stride ? kernel : ones;
    const int64_t *spread = dilation && dilation->count == 2 ? dilation->ints : ones;
    const Attr *extra = attr_named(signature, attrs, "output_pad");
    bool sound = extra
                     ? same_pad_transposed(e, span, kernel, step, spread, extra->ints, sides)
                     : same_pad(e, span, &operands->tensors[0]->type, kernel, step, spread, sides);
    if (!sound) return false;
    *pad = attr_ints(pad->name, 4, sides);
    return true;
}

static Val results_of(Elab *e, const Node *node) {
    if (node->nresults == 1) return val_tensor(node_result(node));
    Val *results = arena_array(e->arena, Val, (size_t)node->nresults);
    for (int i = 0; i < node->nresults; i++) results[i] = val_tensor(node->results[i]);
    return val_list(e->arena, (size_t)node->nresults, results);
}

Val call_operator(Elab *e, const CallSite *call, OpKind op) {
    OperatorSignature s;
    Formal formals[MAX_FORMALS];
    Actual actuals[MAX_FORMALS];
    Attr attrs[MAX_ATTRS];
    Span attr_spans[MAX_ATTRS];
    operator_signature(e, op, &s);
    int count = signature_formals(e, &s.signature, formals);
    if (!match_arguments(e, call, formals, count, actuals)) return val_error();
    Operands operands = {0};
    bool sound = take_operands(e, call, &s.signature, actuals, &operands);
    sound = sound && resolve_operands(e, call, &s.signature, &operands);
    sound = convert_attributes(e, call, &s.signature, actuals, attrs) && sound;
    if (!sound || !resolve_same(e, &s.signature, actuals, &operands, attrs)) return val_error();
    for (int i = 0; i < s.signature.nattrs; i++)
        attr_spans[i] = actuals[s.signature.noperands + i].span;
    Node *node = add_operator(e, op, operands.count, operands.tensors, operands.spans,
                              s.signature.nattrs, attrs, attr_spans, elab_path(e), call->span);
    return node ? results_of(e, node) : val_error();
}
