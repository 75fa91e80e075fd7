/* The syntax tree of a `.nn` file, and the parser's side of building it.
 *
 * Nodes live in the arena of the compilation; names are interned, so equal names are equal
 * pointers. The grammar only builds nodes; what they mean is decided in elaborate*.c. */
#ifndef NNC_FRONTEND_AST_H
#define NNC_FRONTEND_AST_H

#include "ir/base/diag.h"

/* Hostile text must not exhaust the C stack of anything that walks the tree. */
enum { MAX_OPEN_BRACKETS = 200, MAX_EXPR_DEPTH = 256, MAX_STRING_NESTING = 8 };

typedef struct Expr Expr;
typedef struct Stmt Stmt;

typedef struct Name {
    const char *text;
    Span span;
} Name;

/* name=value or value; name.text is null for the latter. */
typedef struct Arg {
    Name name;
    Expr *value;
    Span span;
} Arg;

typedef VEC(Expr *) ExprList;
typedef VEC(Arg) ArgList;
typedef VEC(Stmt *) StmtList;

/* Operators of expressions: token text, kind, and what it means between tensors (an operator of the
 * graph). */
typedef enum Operator {
#define OPERATOR(name, text, tensor_op) OPERATOR_##name,
#include "frontend/operators.def"
#undef OPERATOR
    OPERATOR_COUNT
} Operator;

const char *operator_text(Operator op);
const char *operator_tensor_op(Operator op); /* null: none between tensors */

typedef enum ExprKind {
    EXPR_ERROR, /* was reported */
    EXPR_INT,
    EXPR_FLOAT,
    EXPR_BOOL,
    EXPR_STRING,        /* one piece of literal text */
    EXPR_INTERPOLATION, /* items: pieces in order */
    EXPR_NAME,
    EXPR_LIST,   /* items */
    EXPR_CALL,   /* name, args; piped says that args[0] stood before `|>` */
    EXPR_INDEX,  /* a, items: the subscripts */
    EXPR_MEMBER, /* a, name */
    EXPR_UNARY,  /* op, a */
    EXPR_BINARY, /* op, a, b */
    EXPR_COND,   /* a if c else b */
    EXPR_RANGE,  /* a..b */
} ExprKind;

struct Expr {
    ExprKind kind;
    int depth; /* of the tree below, at most MAX_EXPR_DEPTH */
    Span span;
    int64_t i; /* int, bool */
    double f;
    Name name; /* of name, member and callee; text of a string */
    Operator op;
    Span op_span;
    Expr *a, *b, *c;
    ExprList *items;
    ArgList *args;
    bool piped;
};

/* f32[N, 3] */
typedef struct TypeExpr {
    Name dtype;
    ExprList *dims;
    Span span;
} TypeExpr;

/* A name on the left of `=`. Elaboration marks whether a value was bound and whether one was ever
 * read: a name that no elaboration of its statement needed is a warning. */
typedef struct Target {
    Name name;
    bool bound, used;
} Target;
typedef VEC(Target) TargetList;

/* @name(arg, ...) */
typedef struct AnnotationExpr {
    Name name;
    ArgList *args;
    Span span;
} AnnotationExpr;
typedef VEC(AnnotationExpr) AnnotationList;

/* One `if c {..}` of a chain; the closing `else` has a null condition. */
typedef struct IfArm {
    Expr *condition;
    StmtList *body;
} IfArm;
typedef VEC(IfArm) ArmList;

typedef enum StmtKind {
    STMT_ERROR,
    STMT_ASSIGN, /* targets = value */
    STMT_RETURN, /* values */
    STMT_CONST,  /* const targets[0]: type = value */
    STMT_PARAM,  /* param targets[0]: type, args */
    STMT_EXPR,   /* value alone: binds nothing */
    STMT_IF,     /* arms */
    STMT_REPEAT, /* repeat targets[0] in value { body } */
} StmtKind;

struct Stmt {
    StmtKind kind;
    Span span;
    Span head;                   /* of a compound statement: up to its body */
    AnnotationList *annotations; /* null: none */
    TargetList *targets;
    Expr *value;
    ExprList *values;
    TypeExpr type;
    ArgList *args;
    ArmList *arms;
    StmtList *body;
};

/* A parameter of a block; initial null: it must be given. */
typedef struct ParamDecl {
    Name name;
    Expr *initial;
} ParamDecl;
typedef VEC(ParamDecl) ParamList;

typedef struct BlockDecl {
    Name name;
    ParamList *params;
    StmtList *body;
    Span head;
} BlockDecl;

/* An input or result of a network. */
typedef struct PortDecl {
    Name name;
    TypeExpr type;
    Span span;
} PortDecl;
typedef VEC(PortDecl) PortList;

typedef struct NetworkDecl {
    Name name;
    PortList *inputs, *outputs;
    StmtList *body;
    Span head;
} NetworkDecl;

typedef struct ImportDecl {
    Name path;
    Span span;
} ImportDecl;

typedef struct FileAst {
    const Source *source;
    VEC(ImportDecl) imports;
    VEC(BlockDecl *) blocks;
    VEC(NetworkDecl *) networks;
} FileAst;

/* ---- parsing ---- */

/* Parses a registered source. The file is returned even after errors (diag counts them); null only
 * where the text is no text at all. */
FileAst *ast_parse(const Source *source, Arena *arena, Interner *names, Diag *diag);
/* An indented tree, each node with its place as line:column-line:column. */
void ast_print(const FileAst *file, StrBuf *out);

/* ---- shared by lexer and grammar ---- */

typedef struct Bracket {
    char open;
    Span span;
} Bracket;

/* Kinds of things the lexer can be inside of, beyond plain text. */
typedef struct OpenString {
    uint32_t begin;   /* of its opening quote */
    int interpolated; /* depth of brackets outside the innermost `{`, or -1 while in the text */
} OpenString;

typedef struct Parser {
    Arena *arena;
    Interner *names;
    Diag *diag;
    FileAst *file;
    const Source *source;
    const char *text;
    uint32_t offset; /* where the next token starts */
    Bracket brackets[MAX_OPEN_BRACKETS];
    int nbrackets;
    OpenString strings[MAX_STRING_NESTING];
    int nstrings;
    StrBuf piece; /* text of the string that is being read */
    uint32_t piece_begin;
    bool newline_before; /* a newline within brackets stood before the last token */
    bool line_faulty;    /* a character that fits nowhere was met on this line */
    bool gave_up;        /* a limit was met: the rest is not read and nothing more is said */
    Bracket unclosed;    /* the bracket that recovery dropped last; open 0: none */
} Parser;

Expr *ast_expr(Parser *p, ExprKind kind, Span span);
Expr *ast_name_expr(Parser *p, ExprKind kind, Name name, Span span);
Expr *ast_unary(Parser *p, Operator op, Span op_span, Expr *a);
Expr *ast_binary(Parser *p, Operator op, Expr *a, Span op_span, Expr *b);
Expr *ast_member(Parser *p, Expr *a, Name name);
Expr *ast_index(Parser *p, Expr *a, ExprList *items, Span span);
Expr *ast_range(Parser *p, Expr *a, Expr *b);
Expr *ast_cond(Parser *p, Expr *a, Expr *condition, Expr *b);
Expr *ast_list(Parser *p, ExprKind kind, ExprList *items, Span span);
/* The list with one more item. */
Expr *ast_add_item(Parser *p, Expr *list, Expr *item);
/* callee must be a name; anything else is reported. */
Expr *ast_call(Parser *p, Expr *callee, ArgList *args, Span span);
/* `a |> f` and `a |> f(b)`. */
Expr *ast_pipe(Parser *p, Expr *a, Expr *call);
Stmt *ast_stmt(Parser *p, StmtKind kind, Span span);
/* A list with one more element; list null starts one. */
ExprList *ast_add_expr(Parser *p, ExprList *list, Expr *expr);
ArgList *ast_add_arg(Parser *p, ArgList *list, Arg arg);
StmtList *ast_add_stmt(Parser *p, StmtList *list, Stmt *stmt);
TargetList *ast_add_target(Parser *p, TargetList *list, Name name);
AnnotationList *ast_add_annotation(Parser *p, AnnotationList *list, AnnotationExpr annotation);
ArmList *ast_add_arm(Parser *p, ArmList *list, Expr *condition, StmtList *body);
ParamList *ast_add_param(Parser *p, ParamList *list, Name name, Expr *initial);
PortList *ast_add_port(Parser *p, PortList *list, Name name, TypeExpr type);

#endif
