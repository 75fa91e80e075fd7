/* The syntax tree as text: one node a line, indented by depth, with its place. */
#include "frontend/ast.h"

#include <inttypes.h>

static void print_expr(const Expr *e, int depth, StrBuf *out);
static void print_body(const StmtList *body, int depth, StrBuf *out);

static void line_of(Span span, int depth, const char *what, StrBuf *out) {
    Span end = {span.source, span.end, span.end};
    str_printf(out, "%*s%s %d:%d-%d:%d", 2 * depth, "", what, span_line(span), span_column(span),
               span_line(end), span_column(end));
}

/* A string as it would stand in the source. */
static void print_quoted(const char *text, StrBuf *out) {
    str_putc(out, '"');
    for (; *text; text++) {
        if (*text == '\n' || *text == '\t') {
            str_append(out, *text == '\n' ? "\\n" : "\\t");
            continue;
        }
        if (*text == '"' || *text == '\\' || *text == '{') str_putc(out, '\\');
        str_putc(out, *text);
    }
    str_putc(out, '"');
}

static void print_exprs(const ExprList *items, int depth, StrBuf *out) {
    for (size_t i = 0; items && i < items->len; i++) print_expr(items->data[i], depth, out);
}

static void print_args(const ArgList *args, int depth, StrBuf *out) {
    for (size_t i = 0; args && i < args->len; i++) {
        const Arg *arg = &args->data[i];
        if (arg->name.text) {
            line_of(arg->span, depth, "keyword", out);
            str_printf(out, " %s\n", arg->name.text);
        }
        print_expr(arg->value, arg->name.text ? depth + 1 : depth, out);
    }
}

static void print_detail(const Expr *e, StrBuf *out) {
    switch (e->kind) {
    case EXPR_INT: str_printf(out, " %" PRId64, e->i); break;
    case EXPR_FLOAT:
        str_putc(out, ' ');
        str_append_double(out, e->f, false);
        break;
    case EXPR_BOOL: str_append(out, e->i ? " true" : " false"); break;
    case EXPR_STRING:
        str_putc(out, ' ');
        print_quoted(e->name.text, out);
        break;
    case EXPR_NAME:
    case EXPR_MEMBER:
    case EXPR_CALL: str_printf(out, " %s%s", e->name.text, e->piped ? " piped" : ""); break;
    case EXPR_UNARY:
    case EXPR_BINARY: str_printf(out, " %s", operator_text(e->op)); break;
    default: break;
    }
    str_putc(out, '\n');
}

static void print_expr(const Expr *e, int depth, StrBuf *out) {
    static const char *const names[] = {
        [EXPR_ERROR] = "error",   [EXPR_INT] = "int",       [EXPR_FLOAT] = "float",
        [EXPR_BOOL] = "bool",     [EXPR_STRING] = "text",   [EXPR_INTERPOLATION] = "string",
        [EXPR_NAME] = "name",     [EXPR_LIST] = "list",     [EXPR_CALL] = "call",
        [EXPR_INDEX] = "index",   [EXPR_MEMBER] = "member", [EXPR_UNARY] = "unary",
        [EXPR_BINARY] = "binary", [EXPR_COND] = "cond",     [EXPR_RANGE] = "range",
    };
    line_of(e->span, depth, names[e->kind], out);
    print_detail(e, out);
    if (e->a) print_expr(e->a, depth + 1, out);
    if (e->c) print_expr(e->c, depth + 1, out);
    if (e->b) print_expr(e->b, depth + 1, out);
    print_exprs(e->items, depth + 1, out);
    print_args(e->args, depth + 1, out);
}

static void print_type(const TypeExpr *type, int depth, StrBuf *out) {
    line_of(type->span, depth, "type", out);
    str_printf(out, " %s\n", type->dtype.text);
    print_exprs(type->dims, depth + 1, out);
}

static void print_annotations(const AnnotationList *list, int depth, StrBuf *out) {
    for (size_t i = 0; list && i < list->len; i++) {
        line_of(list->data[i].span, depth, "annotation", out);
        str_printf(out, " %s\n", list->data[i].name.text);
        print_args(list->data[i].args, depth + 1, out);
    }
}

static void print_arms(const ArmList *arms, int depth, StrBuf *out) {
    for (size_t i = 0; arms && i < arms->len; i++) {
        const IfArm *arm = &arms->data[i];
        str_printf(out, "%*s%s\n", 2 * depth, "", arm->condition ? "when" : "otherwise");
        if (arm->condition) print_expr(arm->condition, depth + 1, out);
        print_body(arm->body, depth + 1, out);
    }
}

static void print_stmt(const Stmt *s, int depth, StrBuf *out) {
    static const char *const names[] = {
        [STMT_ERROR] = "error", [STMT_ASSIGN] = "assign", [STMT_RETURN] = "return",
        [STMT_CONST] = "const", [STMT_PARAM] = "param",   [STMT_EXPR] = "evaluate",
        [STMT_IF] = "if",       [STMT_REPEAT] = "repeat",
    };
    line_of(s->span, depth, names[s->kind], out);
    for (size_t i = 0; s->targets && i < s->targets->len; i++)
        str_printf(out, "%s %s", i ? "," : "", s->targets->data[i].name.text);
    str_putc(out, '\n');
    print_annotations(s->annotations, depth + 1, out);
    if (s->type.dtype.text) print_type(&s->type, depth + 1, out);
    if (s->value) print_expr(s->value, depth + 1, out);
    print_exprs(s->values, depth + 1, out);
    print_args(s->args, depth + 1, out);
    print_arms(s->arms, depth + 1, out);
    print_body(s->body, depth + 1, out);
}

static void print_body(const StmtList *body, int depth, StrBuf *out) {
    for (size_t i = 0; body && i < body->len; i++) print_stmt(body->data[i], depth, out);
}

static void print_ports(const PortList *ports, const char *what, StrBuf *out) {
    for (size_t i = 0; ports && i < ports->len; i++) {
        line_of(ports->data[i].span, 1, what, out);
        str_printf(out, " %s\n", ports->data[i].name.text);
        print_type(&ports->data[i].type, 2, out);
    }
}

static void print_block(const BlockDecl *block, StrBuf *out) {
    line_of(block->head, 0, "block", out);
    str_printf(out, " %s\n", block->name.text);
    for (size_t i = 0; block->params && i < block->params->len; i++) {
        const ParamDecl *param = &block->params->data[i];
        line_of(param->name.span, 1, "parameter", out);
        str_printf(out, " %s\n", param->name.text);
        if (param->initial) print_expr(param->initial, 2, out);
    }
    print_body(block->body, 1, out);
}

static void print_network(const NetworkDecl *network, StrBuf *out) {
    line_of(network->head, 0, "network", out);
    str_printf(out, " %s\n", network->name.text);
    print_ports(network->inputs, "input", out);
    print_ports(network->outputs, "output", out);
    print_body(network->body, 1, out);
}

void ast_print(const FileAst *file, StrBuf *out) {
    for (size_t i = 0; i < file->imports.len; i++) {
        line_of(file->imports.data[i].span, 0, "import", out);
        str_putc(out, ' ');
        print_quoted(file->imports.data[i].path.text, out);
        str_putc(out, '\n');
    }
    for (size_t i = 0; i < file->blocks.len; i++) print_block(file->blocks.data[i], out);
    for (size_t i = 0; i < file->networks.len; i++) print_network(file->networks.data[i], out);
}
