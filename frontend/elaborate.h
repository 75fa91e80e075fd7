/* Elaboration: running a network's source at compile time, which adds nodes to its graph.
 *
 * Names are bound in scopes; calls of blocks make frames; numbers, strings and lists exist only
 * here, tensors are values of the graph. A fault is reported where it is and gives VAL_ERROR, which
 * is silent wherever it is used, so that one fault is told once and independent ones are all found.
 *
 *   elaborate.c          the network: inputs, symbols, results, unused names
 *   elaborate_stmt.c     statements
 *   elaborate_expr.c     expressions
 *   elaborate_arith.c    arithmetic of compile-time values; compile_time.c the functions of them
 *   elaborate_call.c     who is called; matching of arguments (arguments.c) and their conversion
 * (attributes.c) elaborate_operator.c calls of operators elaborate_block.c    calls of blocks:
 * frames, paths of parameters elaborate_tensor.c   nodes: operators, constants, parameters layers.c
 * layers: operators that own parameters imports.c            files and which blocks they see */
#ifndef NNC_FRONTEND_ELABORATE_H
#define NNC_FRONTEND_ELABORATE_H

#include "frontend/ast.h"
#include "frontend/frontend.h"
#include "frontend/value.h"

enum {
    MAX_SOURCE_BYTES = 16 << 20,
    MAX_CALL_DEPTH = 64,  /* blocks calling blocks */
    MAX_RECURSION = 1000, /* expressions and bodies within each other, through calls */
    MAX_STEPS = 2000000,  /* of elaboration: expressions, statements, elements */
    NODE_STEPS = 10,      /* what one node counts as */
    MAX_SYMBOLS = 64,
    MAX_LIST_ITEMS = 1 << 16,
    MAX_TEXT_BYTES = 4096, /* of a compile-time string */
    MAX_CONST_ELEMENTS = 1 << 24,
};

/* ---- names ---- */

/* From interned names to anything; never iterated. A zeroed one is empty. */
typedef struct NameMap {
    const char **keys;
    void **values;
    size_t count, capacity;
} NameMap;

void *name_map_get(const NameMap *map, const char *key); /* null: none */
void name_map_put(Arena *arena, NameMap *map, const char *key, void *value);

typedef struct Binding {
    const char *name;
    Val value;
    Target *target; /* who is told that the value was read; null: nobody */
    Span span;
} Binding;

/* A body's names; outer is null at the border of a network or block. */
typedef struct Scope {
    struct Scope *outer;
    NameMap map;
    VEC(Binding *) order;
} Scope;

/* A file and the blocks that its text can call: its own and those of the files it imports. */
typedef struct SourceFile SourceFile;
typedef struct VisibleBlock {
    const BlockDecl *decl;
    const SourceFile *file; /* whose names the block's body sees */
} VisibleBlock;
struct SourceFile {
    const char *path;      /* as messages show it */
    const char *real_path; /* null: text in memory */
    FileAst *ast;
    NameMap blocks;                /* VisibleBlock by name */
    VEC(const char *) block_names; /* in order, for proposals */
    VEC(const SourceFile *) imports;
    const SourceFile *importer; /* who imports it now; null: the first file, or loaded already */
    bool loading;
};

typedef struct FileSet {
    Arena *arena;
    Interner *names;
    Diag *diag;
    const FrontendOptions *options;
    VEC(SourceFile *) files; /* the first is the one asked for */
} FileSet;

/* Parses the file and all it imports; null where it cannot be read. Faults are counted by diag. */
SourceFile *files_load(FileSet *set, const char *path);
SourceFile *files_load_text(FileSet *set, const char *name, const char *text, size_t length);

/* ---- state ---- */

/* The statement being run: what it binds names the parameters that it owns. */
typedef struct StmtContext {
    const char *name; /* null: it binds no name, or several */
    bool binds_several;
    bool owned; /* an owner of parameters has taken the name */
    Span owner;
} StmtContext;

/* A network or a call of a block. */
typedef struct Frame {
    struct Frame *caller;
    const BlockDecl *block; /* null: the network */
    const SourceFile *file;
    const StmtList *body;
    const char *path; /* "" for the network */
    bool named;       /* the path was given with name= */
    bool claimed;     /* the caller's statement knows that parameters are owned here */
    bool share;       /* parameters may exist already */
    Span call;        /* in the caller */
    StmtContext *stmt;
    Scope *scope;
    Val result;
} Frame;

typedef struct ParamEntry {
    Value *value;
    Span span;
} ParamEntry;

typedef struct Elab {
    Module *module;
    Arena *arena;
    Diag *diag;
    Interner *names;
    const FrontendOptions *options;
    Graph *graph;
    Frame *frame;
    NameMap params;                 /* ParamEntry by path */
    NameMap bound_symbols;          /* Val (integer) by name: symbols that -bind gave a value */
    VEC(const char *) symbol_names; /* of both kinds, in order */
    const Annotation *annotations;  /* in force; those of outer statements included */
    int nannotations;
    int64_t steps;
    int recursion;
    bool in_type; /* the dimensions of a declared type are evaluated */
    bool gave_up; /* a limit was met: nothing more is run */
    bool warned_of_prune;
} Elab;

/* Counts work; false, once with a message, when there was too much of it. */
bool elab_charge(Elab *e, Span span, int64_t steps);
/* One level deeper in expressions, bodies and calls; false, once with a message, where that would
 * exhaust the C stack. Each success is paired with elab_leave. */
bool elab_enter(Elab *e, Span span);
static inline void elab_leave(Elab *e) {
    e->recursion--;
}
/* The interned text. */
const char *elab_printf(Elab *e, const char *format, ...) PRINTF_LIKE(2, 3);
/* "; did you mean 'x'?" or "". */
const char *elab_suggestion(Elab *e, const char *name, const char *const *candidates, size_t count);
const char *elab_type_text(Elab *e, const TensorType *type);
const char *elab_describe(Elab *e, Val value); /* "f32[N, 10]", "the integer 3" */
/* " (-bind N=...)" for the first symbol that dim has. */
const char *elab_bind_hint(Elab *e, Dim dim);

/* ---- scopes (scope.c) ---- */

Scope *scope_create(Elab *e, Scope *outer);
Binding *scope_find(const Scope *scope, const char *name);
/* Rebinds the name where it is visible, else binds it in the innermost scope. */
void scope_assign(Elab *e, Target *target, Val value);
/* Binds in this scope. */
void scope_define(Elab *e, Scope *scope, const char *name, Span span, Val value, Target *target);
/* Binds every name that the body would bind to VAL_ERROR: whether they have values is not known. */
void scope_poison(Elab *e, const StmtList *body);
/* The target of that name anywhere in the body, where a value was bound to it; or null. */
const Target *body_find_bound(const StmtList *body, const char *name);

/* ---- statements and expressions ---- */

typedef enum Flow { FLOW_NEXT, FLOW_RETURN } Flow;

Flow elab_body(Elab *e, const StmtList *body);
Val elab_expr(Elab *e, const Expr *expr);
/* The i-th item where the expression is a list, else the whole. */
const Expr *elab_item_source(const Expr *expr, int64_t i);
bool elab_type(Elab *e, const TypeExpr *type, TensorType *result);
Val elab_unary(Elab *e, const Expr *expr, Val a);
Val elab_binary(Elab *e, const Expr *expr, Val a, Val b);
/* Whether a condition holds; false after a message where it is none. */
bool elab_condition(Elab *e, const Expr *expr, bool *holds);

/* ---- calls ---- */

/* An evaluated argument. */
typedef struct Given {
    const Arg *arg;
    Val value;
} Given;

typedef struct CallSite {
    const Expr *expr;
    const char *callee;
    Span name_span, span;
    int count;
    const Given *given;
} CallSite;

/* One thing a callee takes. initial: text of the default, null where it must be given. */
typedef struct Formal {
    const char *name;
    const char *initial;
    bool keyword_only;
} Formal;

/* What a formal got: arg null where nothing was given. */
typedef struct Actual {
    const Arg *arg;
    Val value;
    Span span; /* of the value; of the callee's name where nothing was given */
} Actual;

/* Matches arguments to formals, positions first; false after messages. */
bool match_arguments(Elab *e, const CallSite *call, const Formal *formals, int count,
                     Actual *actuals);

/* What operators and layers have in common: operands, then attributes. */
typedef struct Signature {
    int noperands;
    const char *const *operands;
    int nrequired; /* operands that must be given */
    bool variadic; /* the operand is a list */
    int nattrs;
    const AttrSpec *attrs;
} Signature;

enum { MAX_FORMALS = 24 };

/* Formals of operands and attributes; returns how many. */
int signature_formals(Elab *e, const Signature *signature, Formal formals[MAX_FORMALS]);
/* Converts what was given to attributes of the row, in its order, defaults filled in; false after
 * messages. `pad="same"` gives an attribute of kind ATTR_STRING, for the caller to resolve with
 * same_pad. */
bool convert_attributes(Elab *e, const CallSite *call, const Signature *signature,
                        const Actual *actuals, Attr *attrs);
/* ONNX's SAME_UPPER for the last two axes of x: pad [t, l, b, r]; false, after a message, where a
 * stride needs a size that is symbolic. */
bool same_pad(Elab *e, Span span, const TensorType *x, const int64_t kernel[2],
              const int64_t stride[2], const int64_t dilation[2], int64_t pad[4]);

/* The same for conv_transpose2d, which then yields stride times the size of x. */
bool same_pad_transposed(Elab *e, Span span, const int64_t kernel[2], const int64_t stride[2],
                         const int64_t dilation[2], const int64_t output_pad[2], int64_t pad[4]);

Val elab_call(Elab *e, const Expr *expr);
Val call_block(Elab *e, const CallSite *call, const VisibleBlock *block);
Val call_operator(Elab *e, const CallSite *call, OpKind op);
/* A note where the name was bound, if that was in a body that has ended. */
void elab_note_ended(Elab *e, const char *name);
/* What share= says, or the surrounding block's; false after a message. */
bool elab_share(Elab *e, const Actual *share, bool *result);
/* Notes the chain of calls that led to the current frame: the context of diag.h. */
void elab_note_calls(Diag *diag, void *elab);
bool operator_callable(OpKind op); /* not the compiler's own */

/* Functions of compile-time values: min, len, const, .... */
typedef Val CompileTimeFunction(Elab *e, const CallSite *call);
/* Null where there is none of that name, or an operator of that name is meant because a tensor was
 * given. */
CompileTimeFunction *compile_time_function(const CallSite *call);
size_t compile_time_names(const char **names, size_t limit);

/* ---- layers ---- */

typedef struct Layer Layer;
const Layer *layer_find(const char *name);
const char *layer_name(size_t index); /* null beyond the last */
Val call_layer(Elab *e, const CallSite *call, const Layer *layer);
/* Whether the call gives tensors for what the layer would own: then the operator of that name is
 * meant. */
bool layer_brings_tensors(const Layer *layer, const CallSite *call);

/* ---- nodes ---- */

/* Where a value comes from: the path of the frame and what the statement binds. */
const char *elab_path(Elab *e);
const char *path_join(Elab *e, const char *a, const char *b);
/* Adds a node; null after a message. operand_spans and attr_spans say whom to blame (attr_spans may
 * be null). */
Node *add_operator(Elab *e, OpKind op, int noperands, Value *const *operands,
                   const Span *operand_spans, int nattrs, const Attr *attrs, const Span *attr_spans,
                   const char *path, Span span);
/* A literal as a scalar tensor of dtype; null after a message where it is not representable. */
Value *literal_operand(Elab *e, Val value, DType dtype, Span span);
Val add_pointwise(Elab *e, const char *op, int count, const Val *values, const Span *spans,
                  Span span);
/* const: nested lists, or one number for all elements; source is the expression they come from. */
Val add_constant(Elab *e, Val items, const TensorType *type, const Expr *source);
/* const(items, dtype): the shape is that of the lists. */
Val add_constant_like(Elab *e, Val items, DType dtype, const Expr *source);

/* The path of an owner of parameters at this place: name= if given (null: not), else what the
 * statement binds. Null after a message. */
const char *owner_path(Elab *e, const char *what, const Actual *name, Span span);
/* A parameter, shared if the path has one already and that was agreed to; null after a message. */
Value *add_parameter(Elab *e, const char *path, const TensorType *type, bool share, Span span);

/* The whole: adds the network to a fresh module. */
Module *elaborate(const FileSet *files, const FrontendOptions *options);

#endif
