/* Expressions: names, lists, members, choices; the rest is handed on. */
#include "frontend/elaborate.h"

#include <inttypes.h>

/* ---- what must be a number ---- */

/* A value that must be an integer (what: "the start of a range"); false after a message. */
static bool integer_of(Elab *e, Val value, Span span, const char *what, int64_t *result) {
    if (value.kind == VAL_ERROR) return false;
    if (value.kind == VAL_INT) {
        *result = value.i;
        return true;
    }
    if (value.kind == VAL_DIM)
        diag_error(e->diag, span, "%s must be known, found %s%s", what, elab_describe(e, value),
                   elab_bind_hint(e, value.dim));
    else
        diag_error(e->diag, span, "%s must be an integer, found %s", what, elab_describe(e, value));
    return false;
}

/* A value that must be a size: an integer or a polynomial. */
static bool dim_of(Elab *e, Val value, Span span, const char *what, Dim *result) {
    if (value.kind == VAL_DIM) {
        *result = value.dim;
        return true;
    }
    int64_t number;
    if (!integer_of(e, value, span, what, &number)) return false;
    *result = dim_int(e->module->dims, number);
    return true;
}

/* ---- names ---- */

/* Names that stand for a text: `pad=same`. */
static bool is_word(Elab *e, const char *name) {
    static const char *const words[] = {"same"};
    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (name == intern(e->names, words[i])) return true;
    return false;
}

/* What a name means that nothing binds; false where it means nothing. */
static bool predefined(Elab *e, const char *name, Val *value) {
    DType dtype;
    const Val *bound = name_map_get(&e->bound_symbols, name);
    if (bound)
        *value = *bound;
    else if (dim_symbol_find(e->module->dims, name) >= 0)
        *value = val_dim(dim_symbol(e->module->dims, name));
    else if (dtype_from_name(name, &dtype))
        *value = val_dtype(dtype);
    else
        *value = val_string(name);
    return bound || value->kind != VAL_STRING || is_word(e, name);
}

/* Everything that could have been meant. */
static const char *suggest_name(Elab *e, const char *name) {
    VEC(const char *) names = {0};
    for (const Scope *scope = e->frame->scope; scope; scope = scope->outer)
        for (size_t i = 0; i < scope->order.len; i++)
            vec_push(e->arena, &names, scope->order.data[i]->name);
    for (size_t i = 0; i < e->symbol_names.len; i++)
        vec_push(e->arena, &names, e->symbol_names.data[i]);
    for (int i = 0; i < DTYPE_COUNT; i++) vec_push(e->arena, &names, dtype_name((DType)i));
    return elab_suggestion(e, name, names.data, names.len);
}

void elab_note_ended(Elab *e, const char *name) {
    const Target *inner = body_find_bound(e->frame->body, name);
    if (inner)
        diag_note(
            e->diag, inner->name.span,
            "it is bound here, in a body that has ended; bind it before that body to keep it");
}

static Val unknown_name(Elab *e, Name name) {
    OpKind op;
    bool callable = name_map_get(&e->frame->file->blocks, name.text) || layer_find(name.text) ||
                    (op_from_name(name.text, &op) && operator_callable(op));
    if (callable) {
        diag_error(e->diag, name.span, "'%s' is no value; it is called: %s(...)", name.text,
                   name.text);
        return val_error();
    }
    const char *near = suggest_name(e, name.text);
    if (e->in_type && !near[0])
        near = "; a symbol is introduced by standing alone as a dimension of an input";
    diag_error(e->diag, name.span, "unknown %s '%s'%s", e->in_type ? "size" : "name", name.text,
               near);
    elab_note_ended(e, name.text);
    return val_error();
}

static Val eval_name(Elab *e, Name name) {
    Binding *binding = scope_find(e->frame->scope, name.text);
    if (binding) {
        if (binding->target) binding->target->used = true;
        return binding->value;
    }
    Val value;
    return predefined(e, name.text, &value) ? value : unknown_name(e, name);
}

/* ---- lists, strings, ranges ---- */

static Val eval_list(Elab *e, const ExprList *items) {
    size_t count = items->len;
    Val *values = arena_array(e->arena, Val, count);
    bool sound = true;
    for (size_t i = 0; i < count; i++) {
        values[i] = elab_expr(e, items->data[i]);
        if (values[i].kind == VAL_ERROR) sound = false;
    }
    return sound ? val_list(e->arena, count, values) : val_error();
}

const Expr *elab_item_source(const Expr *x, int64_t i) {
    bool listed = x->kind == EXPR_LIST && i >= 0 && (size_t)i < x->items->len;
    return listed ? x->items->data[i] : x;
}

static Val eval_interpolation(Elab *e, const Expr *x) {
    StrBuf text = {0};
    bool sound = true;
    for (size_t i = 0; i < x->items->len; i++) {
        const Expr *piece = x->items->data[i];
        Val value = elab_expr(e, piece);
        if (value.kind != VAL_ERROR && !val_text(e->module->dims, value, &text))
            diag_error(e->diag, piece->span, "%s has no text", elab_describe(e, value));
        else if (value.kind != VAL_ERROR && text.len <= MAX_TEXT_BYTES)
            continue;
        else if (value.kind != VAL_ERROR)
            diag_error(e->diag, x->span, "a text of more than %d bytes", MAX_TEXT_BYTES);
        sound = false;
        break;
    }
    Val result = sound ? val_string(intern(e->names, str_text(&text))) : val_error();
    str_free(&text);
    return result;
}

static Val eval_range(Elab *e, const Expr *x) {
    Val a = elab_expr(e, x->a), b = elab_expr(e, x->b);
    int64_t begin, end;
    bool sound = integer_of(e, a, x->a->span, "the start of a range", &begin);
    sound = integer_of(e, b, x->b->span, "the end of a range", &end) && sound;
    int64_t length;
    if (sound && end > begin && !checked_sub(end, begin, &length)) {
        diag_error(e->diag, x->span, "the length of the range overflows");
        sound = false;
    }
    return sound ? val_range(begin, end) : val_error();
}

bool elab_condition(Elab *e, const Expr *x, bool *holds) {
    Val value = elab_expr(e, x);
    *holds = value.kind == VAL_BOOL && value.i;
    if (value.kind == VAL_BOOL || value.kind == VAL_ERROR) return value.kind == VAL_BOOL;
    diag_error(e->diag, x->span, "a condition must be true or false at compile time, found %s%s",
               elab_describe(e, value),
               value.kind == VAL_TENSOR ? "; where(condition, a, b) chooses among elements" : "");
    return false;
}

static Val eval_cond(Elab *e, const Expr *x) {
    bool holds;
    return elab_condition(e, x->c, &holds) ? elab_expr(e, holds ? x->a : x->b) : val_error();
}

/* ---- members and subscripts ---- */

static Val shape_of(Elab *e, const TensorType *type) {
    Val dims[MAX_RANK];
    for (int i = 0; i < type->rank; i++) dims[i] = val_dim(type->dims[i]);
    return val_list(e->arena, (size_t)type->rank, dims);
}

static Val eval_member(Elab *e, const Expr *x, Val a) {
    static const char *const members[] = {"shape", "rank", "dtype"};
    if (a.kind == VAL_ERROR) return a;
    if (a.kind != VAL_TENSOR) {
        diag_error(e->diag, x->name.span, "only tensors have members, found %s",
                   elab_describe(e, a));
        return val_error();
    }
    const TensorType *type = &a.tensor->type;
    if (x->name.text == intern(e->names, "shape")) return shape_of(e, type);
    if (x->name.text == intern(e->names, "rank")) return val_int(type->rank);
    if (x->name.text == intern(e->names, "dtype")) return val_dtype(type->dtype);
    const char *near = elab_suggestion(e, x->name.text, members, COUNT_OF(members));
    diag_error(e->diag, x->name.span, "a tensor has no '%s'%s", x->name.text,
               near[0] ? near : "; it has shape, rank and dtype");
    return val_error();
}

/* `list[1..3]` */
static Val sublist(Elab *e, const Expr *x, Val a, Val range) {
    int64_t length = val_length(a);
    if (range.range.begin < 0 || range.range.end > length) {
        diag_error(e->diag, x->items->data[0]->span,
                   "the range leaves the list, which has %" PRId64 " items", length);
        return val_error();
    }
    int64_t count = val_length(range);
    if (!elab_charge(e, x->span, count)) return val_error();
    Val *items = arena_array(e->arena, Val, (size_t)count);
    for (int64_t i = 0; i < count; i++) items[i] = val_item(a, range.range.begin + i);
    return val_list(e->arena, (size_t)count, items);
}

static Val eval_index(Elab *e, const Expr *x) {
    Val a = elab_expr(e, x->a);
    if (a.kind == VAL_ERROR) return a;
    int64_t length = val_length(a);
    if (length < 0) {
        const char *mend =
            a.kind == VAL_TENSOR ? "; slice, split and gather take parts of a tensor" : "";
        diag_error(e->diag, x->span, "only lists have subscripts, found %s%s", elab_describe(e, a),
                   mend);
        return val_error();
    }
    if (!x->items || x->items->len != 1) {
        diag_error(e->diag, x->span, "a list takes one subscript");
        return val_error();
    }
    const Expr *subscript = x->items->data[0];
    Val value = elab_expr(e, subscript);
    if (value.kind == VAL_RANGE) return sublist(e, x, a, value);
    int64_t index;
    if (!integer_of(e, value, subscript->span, "a subscript", &index)) return val_error();
    if (index < -length || index >= length) {
        diag_error(e->diag, subscript->span,
                   "subscript %" PRId64 " is out of range: the list has %" PRId64 " items", index,
                   length);
        return val_error();
    }
    return val_item(a, index < 0 ? index + length : index);
}

/* ---- any expression ---- */

/* `and` and `or` leave their right side alone where the left decides. */
static Val eval_binary(Elab *e, const Expr *x) {
    Val a = elab_expr(e, x->a);
    if (a.kind == VAL_BOOL && x->op == OPERATOR_AND && !a.i) return a;
    if (a.kind == VAL_BOOL && x->op == OPERATOR_OR && a.i) return a;
    Val b = elab_expr(e, x->b);
    if (a.kind == VAL_ERROR || b.kind == VAL_ERROR) return val_error();
    return elab_binary(e, x, a, b);
}

static Val eval_kind(Elab *e, const Expr *x) {
    switch (x->kind) {
    case EXPR_ERROR: return val_error();
    case EXPR_INT: return val_int(x->i);
    case EXPR_FLOAT: return val_float(x->f);
    case EXPR_BOOL: return val_bool(x->i != 0);
    case EXPR_STRING: return val_string(x->name.text);
    case EXPR_INTERPOLATION: return eval_interpolation(e, x);
    case EXPR_NAME: return eval_name(e, x->name);
    case EXPR_LIST: return eval_list(e, x->items);
    case EXPR_CALL: return elab_call(e, x);
    case EXPR_INDEX: return eval_index(e, x);
    case EXPR_MEMBER: return eval_member(e, x, elab_expr(e, x->a));
    case EXPR_UNARY: return elab_unary(e, x, elab_expr(e, x->a));
    case EXPR_BINARY: return eval_binary(e, x);
    case EXPR_COND: return eval_cond(e, x);
    case EXPR_RANGE: return eval_range(e, x);
    }
    unreachable();
}

Val elab_expr(Elab *e, const Expr *x) {
    if (!elab_charge(e, x->span, 1) || !elab_enter(e, x->span)) return val_error();
    Val value = eval_kind(e, x);
    elab_leave(e);
    return value;
}

/* ---- types ---- */

static bool dtype_named(Elab *e, Name name, DType *result) {
    if (dtype_from_name(name.text, result)) return true;
    const char *names[DTYPE_COUNT];
    for (int i = 0; i < DTYPE_COUNT; i++) names[i] = dtype_name((DType)i);
    diag_error(e->diag, name.span, "unknown element type '%s'%s", name.text,
               elab_suggestion(e, name.text, names, DTYPE_COUNT));
    return false;
}

static bool eval_dimension(Elab *e, const Expr *x, Dim *result) {
    int64_t number;
    if (!dim_of(e, elab_expr(e, x), x->span, "a dimension", result)) return false;
    if (dim_is_int(*result, &number) && number < 0) {
        diag_error(e->diag, x->span, "a dimension cannot be negative, found %" PRId64, number);
        return false;
    }
    return true;
}

bool elab_type(Elab *e, const TypeExpr *type, TensorType *result) {
    DType dtype;
    bool sound = dtype_named(e, type->dtype, &dtype);
    size_t rank = type->dims ? type->dims->len : 0;
    if (rank > MAX_RANK) {
        diag_error(e->diag, type->span, "a tensor has at most %d dimensions, found %zu", MAX_RANK,
                   rank);
        return false;
    }
    Dim dims[MAX_RANK];
    e->in_type = true;
    for (size_t i = 0; i < rank; i++)
        sound = eval_dimension(e, type->dims->data[i], &dims[i]) && sound;
    e->in_type = false;
    if (!sound) return false;
    *result = type_make(dtype, (int)rank, dims);
    const char *fault = type_fault(e->module->dims, e->arena, result);
    if (fault) diag_error(e->diag, type->span, "%s", fault);
    return fault == NULL;
}
