/* A kernel under construction, and what every family of operators shares while it builds one.
 *
 * A kernel computes one value, its root, from leaves: values that lie in memory. Between them
 * stands a body of pointwise and movement operators and at most one anchor (contraction, reduction,
 * window), which the families give a loop nest. A body is never executed operator by operator:
 * emit_element asks it for one element (or a vector of elements) of a value.
 *
 * All indices are logical ones; only loads and stores of buffers go through a layout (access.c). */
#ifndef NNC_CODEGEN_LOWER_KERNEL_H
#define NNC_CODEGEN_LOWER_KERNEL_H

#include "codegen/lower/lower.h"

/* Lowering of a whole graph. */
/* What a walk over values notes about one. */
typedef struct WalkNote {
    uint32_t round; /* of which walk */
    int note;
} WalkNote;

typedef struct Packer Packer; /* pack.c */

typedef struct Lowering {
    LProgram *program;
    const TargetDesc *target;
    const PlanSource *plans; /* null: all plans are the planner's */
    const Node *node;        /* of the graph, that is being lowered */
    Diag *diag;
    Arena *arena;
    DimContext *dims;
    LTensor **tensors;         /* by value id: where the value lies; null: not in memory */
    const Tensor **immediates; /* by value id: a constant of one element is part of the code */
    WalkNote *notes;           /* by value id */
    uint32_t round;            /* of the walk under way */
    size_t capacity;           /* of all three */
    VEC(Packer *) packers;     /* of weights, with nothing packed yet */
} Lowering;

/* Begins a walk over values, one at a time: all notes are 0 again. The cost is not that of the
 * whole module, for there is a walk for every kernel. */
void lowering_walk(Lowering *l);
int *lowering_note(Lowering *l, const Value *value);

/* Records what gather and resize need of the symbols (needs.c). */
void lowering_needs(Lowering *l, const Graph *graph);

typedef struct Leaf {
    const Value *value;
    LBuffer *buffer;
    const LX *direct; /* index to load at, whatever is asked for (collapsed axes, see pointwise.c);
                         null: through the layout */
    bool merged;      /* the last two axes of its memory are one */
} Leaf;

/* What kinds of loads and stores were asked for while probing, in the lane direction. */
typedef struct AccessCounts {
    int uniform, consecutive, spaced, strided; /* spaced: see lx_is_spaced */
} AccessCounts;

/* An element that was emitted before: reusable as long as its indices' variables are in scope. */
typedef struct Memo {
    const Value *value;
    LX index[MAX_RANK];
    LX scalar_guard, vector_guard;
    LX result;
} Memo;

/* A value whose element is at hand, whatever index is asked for. */
typedef struct Known {
    const Value *value;
    LX element;
} Known;

typedef struct Kernel {
    Lowering *l;
    LBuilder builder;
    LBuilder *b; /* &builder */
    DimContext *dims;
    const Value *root;
    const Value *anchor; /* null: none */
    LX anchor_value;     /* while the epilogue is emitted: the anchor's element */
    /* Epilogue operators between anchor and root, in order; see epilogue.c. */
    const Node **path;
    int path_length;
    LBuffer *out;
    const int *uses; /* by value id, within the body; null: unknown */
    /* Loads happen only where these hold (null: everywhere): the first is a scalar, the second has
     * lanes. A load whose indices are scalars needs the first alone. */
    LX scalar_guard, vector_guard;
    bool probing;   /* building only to count accesses: nothing is guarded and nothing named */
    bool at_border; /* emitting what lies outside the pad of the epilogue */
    AccessCounts loads, stores; /* while probing */
    VEC(Leaf) leaves;
    VEC(LTensor *) args; /* of the call, one a parameter */
    VEC(Memo) memo;
    VEC(Known) known; /* of a kernel with several stages: what the earlier ones computed */
} Kernel;

/* What a family lowers: root with the nest of the anchor. uses: within the body. */
typedef struct Job {
    Lowering *l;
    const Value *root, *anchor;
    const int *uses;
    const Node **path;
    int path_length;
    const char *family; /* of the kernel's name; null: the anchor's operator */
} Job;

/* ---- kernel.c -------------------------------------------------------------------------------- */

/* Starts a kernel for root, which must not be in memory yet; name as kernel_name gives it. */
void kernel_begin(Kernel *k, Lowering *l, const Value *root, const Value *anchor, const int *uses);
/* The same for looking only: never becomes part of the program. */
void kernel_probe(Kernel *k, Lowering *l, const Value *root, const Value *anchor);
/* Adds the kernel and its call; operations: of one call, may be null. */
void kernel_end(Kernel *k, const char *name, const char *plan, Dim operations);
/* The buffer that value lies in, made a parameter on first use. */
const Leaf *kernel_leaf(Kernel *k, const Value *value);
/* The same with the last two axes of its memory as one. */
LBuffer *kernel_merged_leaf(Kernel *k, const Value *value);
/* Makes it a parameter of other dims than the layout's, loaded at a fixed index. */
void kernel_direct_leaf(Kernel *k, const Value *value, int rank, const Dim *dims, const LX *index);
LBuffer *kernel_direct_output(Kernel *k, int rank, const Dim *dims);
bool kernel_is_leaf(const Kernel *k, const Value *value);
LBuffer *kernel_output(Kernel *k); /* that of the root */
LTensor *lowering_tensor(Lowering *l, const Value *value);
void lowering_set_tensor(Lowering *l, const Value *value, LTensor *tensor);

/* Elements emitted between begin and end are forgotten at the end; wrap every loop body in it. */
static inline size_t scope_begin(Kernel *k) {
    return k->memo.len;
}
static inline void scope_end(Kernel *k, size_t scope) {
    k->memo.len = scope;
}

/* Adds a condition to the guards; returns what to hand to guard_pop. */
typedef struct Guards {
    LX scalar, vector;
} Guards;
Guards guard_push(Kernel *k, LX condition);
void guard_pop(Kernel *k, Guards before);

/* Type in which elements of a type are computed: f32 for 16-bit floats, 8 bits for 4-bit
 * integers. */
DType compute_dtype(DType storage);
/* x as an element of the storage type holds it, in the type it is computed in. */
LX round_to(Kernel *k, LX x, DType storage);
LX zero_of(Kernel *k, LType type);

/* 0 <= x < extent; null where it is known to hold. */
LX within(Kernel *k, LX x, Dim extent);
LX both(Kernel *k, LX a, LX b); /* conjunction; null is true */

Dim dims_product(DimContext *ctx, int count, const Dim *dims);
/* A likely value of a dimension for choosing plans: that with every symbol 16. */
int64_t dim_estimate(DimContext *ctx, Dim d);

/* ---- element.c, pointwise_ops.c, movement.c -------------------------------------------------- */

/* The element of value at a logical index (one entry per axis; any of them may have lanes), in its
 * compute type. It has lanes only if an index it depends on has. */
LX emit_element(Kernel *k, const Value *value, LX const *index);

/* One pointwise operator on its operands' elements, all of one compute type; the result may have
 * that of the node's result or the compute type. */
LX emit_pointwise(Kernel *k, const Node *node, LX const *x);
bool pointwise_known(OpKind op);
/* One element of a movement operator's result. */
LX emit_movement(Kernel *k, const Value *value, LX const *index);
LX emit_resize(Kernel *k, const Value *value, LX const *index); /* resize.c */
/* The columns after which the pixels of a resized row lie as before, but for those at its ends; 0:
 * not known. */
int64_t resize_period(Kernel *k, const Value *value);
LX clamp_index(Kernel *k, LX i, Dim extent); /* to 0 .. extent - 1 */
/* Whether the operator costs more than a few instructions an element. */
bool pointwise_is_costly(OpKind op);

/* index[to_rank] of the element that has the row-major position of from[from_rank] in another
 * shape. */
void reshape_index(Kernel *k, int from_rank, const Dim *from_dims, LX const *from, int to_rank,
                   const Dim *to_dims, LX *to);

/* ---- access.c: logical and physical indices -------------------------------------------------- */

/* Physical index of a logical one; returns the number of physical axes. */
int physical_index(Kernel *k, const TensorType *type, LX const *logical, LX *physical);
/* Dims of the buffer a tensor of that type is accessed as, and an index into it: the physical ones
 * without axes of size 1, so that what lies side by side is accessed along the last axis. Both
 * return the number of axes. */
int memory_dims(Kernel *k, const TensorType *type, Dim *dims);
int memory_index(Kernel *k, const TensorType *type, LX const *physical, LX *index);
/* Logical index of a physical one; it may lie outside the dims where the layout pads. */
void logical_index(Kernel *k, const TensorType *type, LX const *physical, LX *logical);
/* Whether memory holds elements beyond the logical ones along some axis. */
bool layout_pads(DimContext *ctx, const TensorType *type);
bool layout_pads_axis(DimContext *ctx, const TensorType *type, int axis);
/* Bit a set: physical axis p depends on logical axis a. */
uint32_t layout_sources(const TensorType *type, int physical_axis);
/* How far apart along their logical axis the elements are that follow each other along each physical
 * axis; returns the number of those. */
int layout_steps(const TensorType *type, int64_t *steps);
/* The size of the inner part a layout splits a logical axis into, 0 if it does not; *outer and
 * *inner: the physical axes of both parts (the same where it is whole). Where the inner part is split
 * once more, of the larger one of its parts. */
int64_t layout_split_of(const TensorType *type, int axis, int *outer, int *inner);

LX load_leaf(Kernel *k, const Value *value, LX const *index);
/* Asks for the element's line ahead of its use; nothing where the value does not lie in memory. The
 * index may lie beyond the end. */
void prefetch_element(Kernel *k, const Value *value, LX const *index);
/* Stores a value of the compute type at the logical index of the root where the guards hold. */
void store_root(Kernel *k, LX const *index, LX value);
/* Writes zero to all of the root's padding. */
void fill_padding(Kernel *k);

/* ---- epilogue.c: from the anchor to the root ------------------------------------------------- */

/* Finds the path from anchor to root; false where the root's elements do not correspond one to one
 * to the anchor's, or cannot be found from them. Then the anchor is written to memory first. */
bool epilogue_path(Lowering *l, const Value *anchor, const Value *root, const Node ***path,
                   int *length);
/* Logical index of the root that belongs to one of the anchor. */
void epilogue_index(Kernel *k, LX const *anchor_index, LX *root_index);
/* Given the anchor's element (compute type, not yet rounded), emits the rest and stores the
 * root's. */
void emit_result(Kernel *k, LX const *anchor_index, LX value);
/* Stores what no anchor element reaches: the border of a pad in the epilogue, and the layout's
 * padding. */
void emit_border(Kernel *k);

/* ---- loops.c --------------------------------------------------------------------------------- */

/* One loop over several axes at once: the first varies slowest. */
typedef struct Collapsed {
    LStmt *loop; /* null: all extents are 1 */
    /* For targets that stream: loops in one another instead of one loop. */
    LStmt *nested[MAX_AXES + 1];
    int nnested;
    /* On devices with groups of work-items: the loop is over groups; null: there is one of them. */
    LStmt *items, *inside;
    size_t scope;
} Collapsed;

enum { MAX_LOOPS = 24 };

/* Opens it, parallel (groups of work-items, where the target has such, neighbours along the last
 * axis); vars[i] receives the variable of axis i. cost: cycles of one iteration, about; 0:
 * unknown. */
Collapsed loops_open(Kernel *k, int count, const Dim *extents, const char *const *names,
                     int64_t cost, LX *vars);
void loops_close(Kernel *k, Collapsed loops);
/* That of an iteration where all of them, over these extents, take so many cycles. */
int64_t loops_cost(const Kernel *k, double cycles, int count, const Dim *extents);
/* A loop of another kind over one axis; extents of 1 make none and give 0. */
typedef struct Loop {
    LStmt *loop;
    size_t scope;
    LX var;
} Loop;
Loop loop_open(Kernel *k, LLoopKind kind, const char *name, LX begin, LX extent);
void loop_close(Kernel *k, Loop *loop);

/* ---- rows.c: what runs along one axis -------------------------------------------------------- */

/* The rows of a value along an axis. */
typedef struct Rows {
    Kernel *k;
    const Value *x;
    int axis;
    int vector_axis;    /* that the lanes lie along: `axis` itself, or each lane is a row */
    int lanes;          /* 1: scalars */
    LX index[MAX_RANK]; /* of x; along `axis` it is for the emitter to set */
} Rows;

static inline bool rows_are_lanes(const Rows *r) {
    return r->vector_axis != r->axis;
}

/* Whether the elements of a row are neighbours in memory. */
bool rows_lie_along(const Rows *r, const Job *job);
/* Lanes along the axis itself if its elements lie side by side and may_lie_along, else along the
 * innermost other axis whose do. */
void rows_choose_lanes(Rows *r, const Job *job, DType dtype, bool may_lie_along);
/* Calls emit for the code of one row, or vector of rows, within parallel loops over the other axes.
 * cost: operations of a row, one a cycle and element of a vector. */
typedef void RowEmitter(Rows *r);
void rows_each(Rows *r, int64_t cost, RowEmitter *emit);

/* Calls pass for the row's elements, one or a vector at a time: index[axis] is set. Where the vector
 * runs along the axis, whole vectors come first, then the rest under a mask (else null). */
typedef void RowPass(Rows *r, LBuffer *cell, LX mask);
void rows_pass(Rows *r, RowPass *pass, LBuffer *cell);

/* ---- group.c: groups of work-items ----------------------------------------------------------- */

/* Loops over groups and the work-items of one, which see each other's local memory. */
typedef struct Group {
    LStmt *loops[3];
    size_t scope;
    LX group, item[2]; /* numbers; item[0] varies fastest */
} Group;

Group group_open(Kernel *k, Dim groups, int items0, int items1);
void group_close(Kernel *k, Group *group);
/* Combines what all work-items of a row (those with the same item[1]) have put into
 * cells[item[1]][item[0]], and returns it to each of them; items: of a row, a power of two. */
LX group_combine(Kernel *k, const Group *group, LBuffer *cells, int items, LBinary op);

/* Rows along one axis of a value, each shared by work-items. */
typedef struct GroupRows {
    Group group;
    int items, rows; /* of a group */
    LX exists;       /* this work-item's row; null: it does */
    LX steps;        /* elements of this work-item: item[0], item[0] + items, ... */
} GroupRows;

/* Whether work-items should share a row along the axis, which lies in memory element by element or
 * not: it is long, and neighbours find neighbours or there are too few rows to go round. */
bool group_shares_rows(const Kernel *k, const TensorType *type, int axis, bool along_memory);
/* Opens the loops; index[i] receives the row's place along all axes but `axis`. */
GroupRows group_rows_open(Kernel *k, const TensorType *type, int axis, LX *index);
/* The loop over the work-item's elements; index[axis] receives the place. */
Loop group_rows_each(Kernel *k, const GroupRows *rows, LX *place);
LBuffer *group_rows_cells(Kernel *k, const GroupRows *rows, DType dtype);

/* ---- families: each lowers root with the anchor's nest --------------------------------------- */

/* All return false after a diagnostic. */
bool lower_pointwise(const Job *job); /* no anchor */
bool lower_contraction(const Job *job);
bool lower_reduction(const Job *job);
bool lower_window(const Job *job);
bool lower_softmax(const Job *job);
bool lower_cumsum(const Job *job);
bool lower_argmax(const Job *job);
/* argmax without groups of work-items (argmax_rows.c). */
void argmax_rows(Kernel *k, const Job *job, const Value *x, int axis);

/* ---- kernels of several stages: bodies with several anchors ---------------------------------- */

/* row_chain.c: reductions of rows, and pointwise operators on them and on the rows. */
bool row_chain_fits(const Job *job, const Value *const *anchors, size_t count);
bool lower_row_chain(const Job *job);
/* Attention is in attention.h: a product, operators on the scores, softmax, another product, and
 * movement. */

/* ---- names.c, pack.c ------------------------------------------------------------------------- */

/* Name of the kernel: operator of the anchor (or the body's operators) and the shape, e.g.
 * conv2d_n1_64x56x56_k3x3s1_c64; a C identifier. */
const char *kernel_name(const Job *job);
/* Where the bytes of a weight will be as the layout orders them: pack_weights puts them there. */
const Tensor *pack_weight(Lowering *l, const TensorType *type, const Tensor *data);
void pack_weights(Lowering *l);

#endif
