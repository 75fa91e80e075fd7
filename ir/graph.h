/* Graph IR: a network as operators over tensors in SSA form.
 *
 * A Module owns one compilation's memory, dimensions, interned layouts, constants and the graph.
 * Every value is defined once, by an input or a node; nodes stand in an order in which definitions
 * come before uses. A `fused` node has a body: a graph of its own whose inputs stand for the node's
 * operands. */
#ifndef NNC_IR_GRAPH_H
#define NNC_IR_GRAPH_H

#include "ir/base/diag.h"
#include "ir/base/workers.h"
#include "ir/op.h"
#include "ir/tensor.h"

typedef struct Module Module;
typedef struct Graph Graph;
typedef struct Node Node;
typedef struct Value Value;

/* Where parameters' values come from (a weight file, a generator). */
typedef struct ParamSource {
    /* The tensor of that path; type and shape were checked when the network was loaded. Data is
     * owned by the source and read-only. False where it has none (a diagnostic was given at
     * load). */
    bool (*find)(void *self, const char *path, Tensor *tensor);
    void *self;
} ParamSource;

struct Value {
    uint32_t id; /* unique in the module; dense enough to index arrays of module->value_count */
    TensorType type;
    Node *def;        /* null: an input of its graph */
    int index;        /* which result, or which input */
    const char *path; /* provenance: source path ("layer2.0.conv1"), never null */
    Span span;
};

/* @name(arg, ...) on a statement. */
typedef struct Annotation {
    const char *name;
    int count;
    double args[4];
} Annotation;

struct Node {
    OpKind op;
    int noperands, nresults, nattrs, nannotations;
    Value **operands;
    Value **results;
    Attr *attrs; /* all of the row's attributes, in the row's order */
    const Annotation *annotations;
    const Tensor *data; /* const: the value; null when it lies in a side file that is not loaded */
    uint64_t hash; /* const: tensor_hash of data; param: that of its value once known, else 0 */
    Graph *body;   /* fused */
    const char *path;
    Span span;
    Graph *graph;
    Node *prev, *next;
};

struct Graph {
    Module *module;
    const char *name;
    int ninputs, noutputs;
    Value **inputs;
    Value **outputs;
    const char *const *input_names;
    const char *const *output_names;
    Node *first, *last;
};

struct Module {
    Arena *arena;
    Diag *diag;
    DimContext *dims;
    Interner *names;
    Graph *graph;       /* the network */
    ParamSource params; /* find null: no weights are at hand */
    Workers workers;    /* for code and weights; results do not depend on them */
    uint32_t value_count;
    /* Interned layouts; use module_layout. */
    VEC(LayoutRef) layouts;
};

Module *module_create(Arena *arena, Diag *diag);
LayoutRef module_layout(Module *module, const Layout *layout); /* null for no steps */

Graph *graph_create(Module *module, const char *name);
Value *graph_add_input(Graph *graph, const char *name, const TensorType *type, Span span);
void graph_set_outputs(Graph *graph, int count, Value *const *values, const char *const *names);

/* ---- building -------------------------------------------------------------------------------- */

/* Where new nodes go and whose they are. */
typedef struct Builder {
    Graph *graph;
    Node *before; /* null: at the end */
    const char *path;
    Span span;
} Builder;

/* A builder that inserts before node and takes over its provenance. */
Builder builder_before(Node *node);

/* Adds a node after checking operands and attributes against the table; attributes not given take
 * their default, in any order. Result types come from the type rule. On a fault returns null with
 * the reason in *fault (its error, blamed_* members; fault may be null: then the fault is a defect
 * of nnc). */
Node *build_node(Builder *b, OpKind op, int noperands, Value *const *operands, int nattrs,
                 const Attr *attrs, TypeQuery *fault);
/* The same for one result, from trusted code: dies on a fault. */
Value *build_value(Builder *b, OpKind op, int noperands, Value *const *operands, int nattrs,
                   const Attr *attrs);
#define build1(b, op, x, ...)                                                                      \
    build_value((b), (op), 1, (Value *const[]){(x)},                                               \
                (int)(sizeof((Attr[]){{.name = 0}, ##__VA_ARGS__}) / sizeof(Attr)) - 1,            \
                (const Attr[]){{.name = 0}, ##__VA_ARGS__} + 1)
#define build2(b, op, x, y, ...)                                                                   \
    build_value((b), (op), 2, (Value *const[]){(x), (y)},                                          \
                (int)(sizeof((Attr[]){{.name = 0}, ##__VA_ARGS__}) / sizeof(Attr)) - 1,            \
                (const Attr[]){{.name = 0}, ##__VA_ARGS__} + 1)
/* A constant; data is kept, not copied, unless copy. */
Value *build_const(Builder *b, const Tensor *data, bool copy);
Value *build_scalar(Builder *b, DType dtype, double value);
Value *build_param(Builder *b, const char *path, const TensorType *type);
/* A fused node over body; operands match body's inputs one to one, results have the types
 * of its outputs. */
Node *build_fused(Builder *b, int noperands, Value *const *operands, Graph *body);
void node_annotate(Node *node, int count, const Annotation *annotations);

/* ---- reading and changing -------------------------------------------------------------------- */

/* Dies if the operator has none of that name. */
const Attr *node_attr(const Node *node, const char *name);
static inline int64_t node_int(const Node *n, const char *name) {
    return node_attr(n, name)->i;
}
static inline double node_float(const Node *n, const char *name) {
    return node_attr(n, name)->f;
}
static inline Value *node_result(const Node *n) {
    return n->results[0];
}
bool value_is_op(const Value *value, OpKind op);
bool value_is_constant(const Value *value); /* depends on parameters and constants only */
const Annotation *node_annotation(const Node *node, const char *name); /* null: none */

/* uses[value->id] = number of operands and graph outputs that name it; the values of bodies have
 * ids of their own and are counted within their body. */
int *graph_use_counts(const Graph *graph, Arena *arena);
/* Every operand and output of the graph that is from becomes to, but for those of the node that
 * defines to; provenance of to stays. */
void graph_replace(Graph *graph, Value *from, Value *to);
/* Many at once: map[id] is the new value or null; chains are followed. */
void graph_replace_all(Graph *graph, Value **map, size_t count);
void node_remove(Node *node); /* its results must be unused */
void node_move_before(Node *node, Node *place);
int graph_node_count(const Graph *graph);
#define graph_each(graph, node) for (Node *node = (graph)->first; node; node = node->next)
/* Safe against removal of node itself. */
#define graph_each_safe(graph, node)                                                               \
    for (Node *node = (graph)->first, *next_ = node ? node->next : 0; node;                        \
         node = next_, next_ = node ? node->next : 0)

/* A copy of a whole graph in the same module; map (if not null, size module->value_count at call)
 * receives new values. */
Graph *graph_clone(const Graph *graph, Value **map);

/* Replaces a symbol everywhere by a number; re-infers all types. */
bool graph_bind(Graph *graph, int symbol, int64_t value, Diag *diag);

/* ---- checks and text ------------------------------------------------------------------------- */

/* Every rule of the IR: order, types by the table, counts, names, bodies. Reports through diag;
 * after names the guilty stage in the message. True if the graph is sound. */
bool graph_verify(const Graph *graph, Diag *diag, const char *after);

/* Text that graph_parse reads back to an equal graph; see docs/ir.md for the grammar. Constants of
 * more than 64 elements are written by hash. */
void graph_print(const Graph *graph, StrBuf *out);
/* Large constants of the graph, in order of first appearance (what goes to the side file, keyed "c"
 * + 16 hex digits). */
size_t graph_large_constants(const Graph *graph, Arena *arena, const Node ***nodes);
/* Parses a dump into a fresh module. constants (may be null) supplies large constants by key.
 * Null on error. */
Module *graph_parse(const Source *source, Arena *arena, Diag *diag, const ParamSource *constants);

#endif
