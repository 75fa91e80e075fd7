/* Building the syntax tree, and parsing a whole file. */
#include "frontend/lexer.h"

#include <string.h>

/* flex's interface to a reentrant scanner; its header would bring its own macros with it. */
int nn_lex_init_extra(Parser *parser, void **scanner);
struct yy_buffer_state *nn__scan_bytes(const char *bytes, int length, void *scanner);
int nn_lex_destroy(void *scanner);

typedef struct OperatorRow {
    const char *text, *tensor_op;
} OperatorRow;

static const OperatorRow operators[] = {
#define OPERATOR(name, text, tensor_op) {text, tensor_op},
#include "frontend/operators.def"
#undef OPERATOR
};

const char *operator_text(Operator op) {
    return operators[op].text;
}
const char *operator_tensor_op(Operator op) {
    return operators[op].tensor_op;
}

/* ---- expressions ---- */

Expr *ast_expr(Parser *p, ExprKind kind, Span span) {
    Expr *e = arena_new(p->arena, Expr);
    e->kind = kind;
    e->span = span;
    e->depth = 1;
    return e;
}

/* Makes e stand above child. What nests too deeply is cut off: an expression that was reported. */
static void put_above(Parser *p, Expr *e, const Expr *child) {
    if (e->depth > child->depth) return;
    e->depth = child->depth + 1;
    if (e->depth <= MAX_EXPR_DEPTH) return;
    if (!p->gave_up)
        diag_error(p->diag, e->span,
                   "an expression is nested more than %d deep; bind its parts to names",
                   MAX_EXPR_DEPTH);
    p->gave_up = true;
    e->kind = EXPR_ERROR;
    e->depth = 1;
}

static void put_above_all(Parser *p, Expr *e, const ExprList *items) {
    for (size_t i = 0; items && i < items->len; i++) put_above(p, e, items->data[i]);
}

Expr *ast_name_expr(Parser *p, ExprKind kind, Name name, Span span) {
    Expr *e = ast_expr(p, kind, span);
    e->name = name;
    return e;
}

Expr *ast_unary(Parser *p, Operator op, Span op_span, Expr *a) {
    Expr *e = ast_expr(p, EXPR_UNARY, span_join(op_span, a->span));
    e->op = op;
    e->op_span = op_span;
    e->a = a;
    put_above(p, e, a);
    return e;
}

Expr *ast_binary(Parser *p, Operator op, Expr *a, Span op_span, Expr *b) {
    Expr *e = ast_expr(p, EXPR_BINARY, span_join(a->span, b->span));
    e->op = op;
    e->op_span = op_span;
    e->a = a;
    e->b = b;
    put_above(p, e, a);
    put_above(p, e, b);
    return e;
}

Expr *ast_member(Parser *p, Expr *a, Name name) {
    Expr *e = ast_name_expr(p, EXPR_MEMBER, name, span_join(a->span, name.span));
    e->a = a;
    put_above(p, e, a);
    return e;
}

Expr *ast_index(Parser *p, Expr *a, ExprList *items, Span span) {
    Expr *e = ast_expr(p, EXPR_INDEX, span);
    e->a = a;
    e->items = items;
    put_above(p, e, a);
    put_above_all(p, e, items);
    return e;
}

Expr *ast_range(Parser *p, Expr *a, Expr *b) {
    Expr *e = ast_expr(p, EXPR_RANGE, span_join(a->span, b->span));
    e->a = a;
    e->b = b;
    put_above(p, e, a);
    put_above(p, e, b);
    return e;
}

Expr *ast_cond(Parser *p, Expr *a, Expr *condition, Expr *b) {
    Expr *e = ast_expr(p, EXPR_COND, span_join(a->span, b->span));
    e->a = a;
    e->b = b;
    e->c = condition;
    put_above(p, e, a);
    put_above(p, e, condition);
    put_above(p, e, b);
    return e;
}

Expr *ast_list(Parser *p, ExprKind kind, ExprList *items, Span span) {
    Expr *e = ast_expr(p, kind, span);
    e->items = items ? items : arena_new(p->arena, ExprList);
    put_above_all(p, e, items);
    return e;
}

Expr *ast_add_item(Parser *p, Expr *list, Expr *item) {
    list->items = ast_add_expr(p, list->items, item);
    put_above(p, list, item);
    return list;
}

Expr *ast_call(Parser *p, Expr *callee, ArgList *args, Span span) {
    if (callee->kind != EXPR_NAME) {
        if (callee->kind != EXPR_ERROR)
            diag_error(p->diag, callee->span,
                       "only operators, layers and blocks can be called, by their name");
        return ast_expr(p, EXPR_ERROR, span);
    }
    Expr *e = ast_name_expr(p, EXPR_CALL, callee->name, span);
    e->args = args ? args : arena_new(p->arena, ArgList);
    for (size_t i = 0; i < e->args->len; i++) put_above(p, e, e->args->data[i].value);
    return e;
}

Expr *ast_pipe(Parser *p, Expr *a, Expr *call) {
    if (call->kind != EXPR_CALL) return call;
    ArgList *args = ast_add_arg(p, NULL, (Arg){.value = a, .span = a->span});
    for (size_t i = 0; i < call->args->len; i++) ast_add_arg(p, args, call->args->data[i]);
    call->args = args;
    call->piped = true;
    put_above(p, call, a);
    return call;
}

/* ---- lists ---- */

#define ADD(p, Type, list, ...)                                                                    \
    do {                                                                                           \
        if (!(list)) (list) = arena_new((p)->arena, Type);                                         \
        vec_push((p)->arena, (list), __VA_ARGS__);                                                 \
        return (list);                                                                             \
    } while (0)

ExprList *ast_add_expr(Parser *p, ExprList *list, Expr *expr) {
    ADD(p, ExprList, list, expr);
}
ArgList *ast_add_arg(Parser *p, ArgList *list, Arg arg) {
    ADD(p, ArgList, list, arg);
}
StmtList *ast_add_stmt(Parser *p, StmtList *list, Stmt *stmt) {
    ADD(p, StmtList, list, stmt);
}

TargetList *ast_add_target(Parser *p, TargetList *list, Name name) {
    ADD(p, TargetList, list, (Target){.name = name});
}

AnnotationList *ast_add_annotation(Parser *p, AnnotationList *list, AnnotationExpr annotation) {
    ADD(p, AnnotationList, list, annotation);
}

ArmList *ast_add_arm(Parser *p, ArmList *list, Expr *condition, StmtList *body) {
    ADD(p, ArmList, list, (IfArm){condition, body});
}

ParamList *ast_add_param(Parser *p, ParamList *list, Name name, Expr *initial) {
    ADD(p, ParamList, list, (ParamDecl){name, initial});
}

PortList *ast_add_port(Parser *p, PortList *list, Name name, TypeExpr type) {
    ADD(p, PortList, list, (PortDecl){name, type, span_join(name.span, type.span)});
}

Stmt *ast_stmt(Parser *p, StmtKind kind, Span span) {
    Stmt *s = arena_new(p->arena, Stmt);
    s->kind = kind;
    s->span = span;
    return s;
}

/* ---- a whole file ---- */

/* Length of the UTF-8 sequence at text, 0 where there is none (RFC 3629: shortest form, no
 * surrogates). */
static size_t utf8_length(const unsigned char *text, size_t left) {
    unsigned char c = text[0];
    size_t length = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
    if (length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80) return 0;
    if ((c == 0xe0 && text[1] < 0xa0) || (c == 0xed && text[1] >= 0xa0) ||
        (c == 0xf0 && text[1] < 0x90) || (c == 0xf4 && text[1] >= 0x90))
        return 0;
    return length;
}

static bool is_text(const Source *source, const char *text, size_t length, Diag *diag) {
    for (size_t i = 0; i < length;) {
        size_t step = utf8_length((const unsigned char *)text + i, length - i);
        if (step == 0 || text[i] == 0) {
            Span span = {source, (uint32_t)i, (uint32_t)i + 1};
            diag_error(diag, span, "not a text: byte 0x%02x at offset %zu %s",
                       (unsigned char)text[i], i, step ? "stands in no source" : "is not UTF-8");
            return false;
        }
        i += step;
    }
    return true;
}

FileAst *ast_parse(const Source *source, Arena *arena, Interner *names, Diag *diag) {
    size_t length;
    const char *text = source_text(source, &length);
    if (length > INT32_MAX / 2) {
        diag_error(diag, (Span){source, 0, 0}, "the source is too large");
        return NULL;
    }
    if (!is_text(source, text, length, diag)) return NULL;
    uint32_t start =
        length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* byte order mark */
    Parser *p = arena_new(arena, Parser);
    p->arena = arena;
    p->names = names;
    p->diag = diag;
    p->source = source;
    p->text = text;
    p->offset = start;
    p->file = arena_new(arena, FileAst);
    p->file->source = source;
    void *scanner;
    if (nn_lex_init_extra(p, &scanner) != 0) die_out_of_memory(sizeof(void *));
    nn__scan_bytes(text + start, (int)(length - start), scanner);
    nn_parse(scanner, p);
    nn_lex_destroy(scanner);
    str_free(&p->piece);
    return p->file;
}
