/* Loop IR: kernels over buffers, the form that every target translates.
 *
 * A program is a list of calls in order; each call runs a kernel on tensors of the program. A
 * kernel is a tree of statements over typed expressions. Indices are i64 scalars or vectors;
 * element accesses name one index per axis of the buffer, row-major, so that every access can be
 * checked against the buffer's shape.
 *
 * Vectors: an access whose last index is a ramp of stride 1 touches consecutive elements; one whose
 * indices are all scalars but which is broadcast touches one; any other vector index is a gather or
 * scatter. A scalar where a vector is expected must be broadcast explicitly.
 *
 * Expressions have no effects and are strict: both values of a select are computed, so a load that
 * may be out of bounds needs a mask (a scalar load takes a scalar one). fifo_read is the exception:
 * it is the whole value of a let. In f16 and bf16 every operation is computed in f32 and rounded.
 *
 * Register tiles are private buffers indexed by compile-time values only once loops are expanded;
 * an emitter keeps each element in a register. */
#ifndef NNC_IR_LOOP_H
#define NNC_IR_LOOP_H

#include "ir/graph.h"

/* ---- types ----------------------------------------------------------------------------------- */

/* A scalar (lanes 1), a vector (lanes > 1), or a matrix tile (rows > 0; lanes = columns). Indices
 * are i64. */
typedef struct LType {
    DType dtype;
    int lanes;
    int rows;
} LType;

static inline LType ltype(DType dtype, int lanes) {
    return (LType){dtype, lanes, 0};
}
static inline LType ltype_tile(DType dtype, int rows, int columns) {
    return (LType){dtype, columns, rows};
}
bool ltype_equal(LType a, LType b);
void ltype_print(LType type, StrBuf *out); /* f32, f32x16, tile<16x64,i8> */

/* ---- buffers --------------------------------------------------------------------------------- */

typedef enum LSpace {
    SPACE_GLOBAL,   /* a kernel parameter in memory */
    SPACE_CONSTANT, /* a parameter that no kernel writes (weights) */
    SPACE_LOCAL,    /* shared by the work-items of a group */
    SPACE_PRIVATE,  /* registers or stack of one iteration */
    SPACE_FIFO, /* a channel between tasks: every element written once and read once, in order */
} LSpace;

typedef enum LAccess { ACCESS_READ = 1, ACCESS_WRITE = 2, ACCESS_READ_WRITE = 3 } LAccess;

typedef struct LBuffer {
    const char *name; /* unique within the kernel */
    LSpace space;
    LType elem; /* of one element; vectors and tiles are allowed for private buffers only */
    int rank;
    Dim dims[MAX_AXES];
    /* Storage folding: with fold[i] > 0 axis i keeps only the last fold[i] indices (index modulo
     * fold[i]). A read of an index that was overwritten or not yet written is an error the
     * evaluator finds. */
    int64_t fold[MAX_AXES];
    LAccess access; /* parameters */
    bool no_alias;  /* nothing else that the kernel reads or writes overlaps it */
    int align;      /* bytes; 0: that of the element */
    int64_t depth;  /* fifo: elements it can hold; 0: unbounded */
    int param;      /* position among the kernel's parameters, -1: declared inside */
} LBuffer;

/* ---- expressions ----------------------------------------------------------------------------- */

typedef struct LExpr LExpr;
typedef const LExpr *LX; /* immutable; shared freely within a kernel */

/* A loop variable or a let. */
typedef struct LVar {
    const char *name;
    LType type;
    uint32_t id; /* unique in the program */
    /* Inclusive range of an integer variable where known, else INT64_MIN / INT64_MAX. */
    int64_t lo, hi;
    Dim least, most; /* the same bounds as polynomials of symbols; null: unknown */
    bool is_index;   /* a loop variable or computed from such and dimensions only: its arithmetic
                        never wraps */
} LVar;

typedef enum LExprKind {
    LX_INT,   /* i64 or another integer type or bool; lanes > 1: the same in all lanes */
    LX_FLOAT, /* value already rounded to the type */
    LX_VAR,
    LX_DIM,     /* a dimension polynomial of symbols only, as i64 scalar */
    LX_UNARY,   /* args[0] */
    LX_BINARY,  /* args[0], args[1], same type; comparisons yield bool */
    LX_FMA,     /* args[0] * args[1] + args[2], one rounding */
    LX_SELECT,  /* args[0] bool ? args[1] : args[2] */
    LX_CAST,    /* args[0] to type by cast mode */
    LX_BITCAST, /* same bits, another type of the same width */
    LX_LOAD,    /* buffer[args[0..rank-1]]; mask (bool) may be null, then passthrough is too: lanes
                 * that are off are not touched and yield passthrough */
    LX_BROADCAST, /* scalar args[0] to lanes */
    LX_RAMP,      /* args[0] + args[1] * {0, 1, 2, ...}; i64 */
    LX_SHUFFLE,   /* lanes picked from args[0] then args[1] (may be null) by lanes_map; -1: any
                 * value */
    LX_EXTRACT,   /* one lane (index i) of args[0] */
    LX_REDUCE, /* all lanes of args[0] combined by a binary operator; floats: pairwise, halves first
                * (lane i with i + n/2; an odd last lane joins lane 0 before) */
    LX_DOT,    /* accumulator args[0] i32xN + sums over groups of 4 (8-bit) or 2 (bf16 to f32xN)
                * adjacent lanes of args[1] * args[2]; args[1], args[2] have N*4 or N*2 lanes. i32
                * wraps; bf16: one fma after the other */
    LX_TILE_ZERO,
    LX_TILE_LOAD, /* rows x columns from buffer at args[0..rank-1], rows apart by `stride` elements
                     (args[rank]) */
    LX_TILE_DOT,  /* accumulator args[0] += args[1] * args[2], operands as the hardware interleaves
                   * them: A is r x (k*q), B is k x (c*q), q = 4 for 8-bit and 2 for bf16 */
    LX_FIFO_READ,
} LExprKind;

typedef enum LUnary {
    LU_NEG,
    LU_ABS,
    LU_NOT,
    LU_SQRT,
    LU_FLOOR,
    LU_CEIL,
    LU_ROUND_EVEN,
    LU_TRUNC,
    LU_IS_NAN
} LUnary;

typedef enum LBinary {
    LB_ADD,
    LB_SUB,
    LB_MUL, /* integers wrap */
    LB_DIV, /* floats; integers: rounded toward 0, divisor not 0 */
    LB_FLOORDIV,
    LB_MOD, /* integers, rounded down; divisor > 0 */
    LB_MIN,
    LB_MAX, /* floats: NaN if either is NaN; -0 < +0 */
    LB_AND,
    LB_OR,
    LB_XOR,
    LB_SHL,
    LB_SHR, /* integers; and, or, xor also bool; shr is arithmetic for signed types; shift
             * counts are 0 .. bits - 1 */
    LB_ADD_SAT,
    LB_SUB_SAT, /* integers, saturating */
    LB_EQ,
    LB_NE,
    LB_LT,
    LB_LE,
    LB_GT,
    LB_GE, /* yield bool; false with NaN, except ne */
    LB_COUNT
} LBinary;

typedef enum LCast {
    CAST_VALUE, /* float to float rounds to nearest even; int to float likewise; int to int wraps;
                 * bool to x is 0 or 1; x to bool is x != 0 */
    CAST_SATURATE,       /* float to int: toward 0, clamped, NaN is 0; int to int: clamped */
    CAST_SATURATE_ROUND, /* float to int: to nearest even, clamped, NaN is 0 */
} LCast;

struct LExpr {
    LExprKind kind;
    LType type;
    int64_t i; /* int; extract's lane */
    double f;  /* float */
    const LVar *var;
    Dim dim;
    LUnary unary;
    LBinary binary; /* binary, reduce */
    LCast cast;
    const LBuffer *buffer;
    int nargs;
    LX *args;
    LX mask, passthrough;
    const int *lanes_map; /* shuffle: type.lanes entries */
};

/* ---- statements ------------------------------------------------------------------------------ */

typedef enum LLoopKind {
    LOOP_SERIAL,
    LOOP_PARALLEL, /* iterations independent; spread over threads; only at a kernel's top, not
                      nested */
    LOOP_VECTOR,   /* iterations independent; becomes vector operations of `width` lanes */
    LOOP_UNROLL,   /* constant extent; becomes straight code */
    LOOP_GRID,     /* work-group axis 0..2 */
    LOOP_ITEM,     /* work-item axis 0..2 within the group; constant extent */
    LOOP_PIPELINE, /* serial meaning; iterations start every `interval` cycles */
} LLoopKind;

/* What happens to the last, incomplete chunk of a vector loop. */
typedef enum LTail {
    TAIL_NONE,    /* the extent is a multiple of the width (checked) */
    TAIL_MASK,    /* masked loads and stores */
    TAIL_PEEL,    /* a scalar loop after it */
    TAIL_OVERLAP, /* the last chunk is moved back to end at the end; needs extent >= width and
                     idempotent stores, else peel */
} LTail;

typedef enum LStmtKind {
    LS_LET,   /* var = value, visible to the end of the block */
    LS_STORE, /* buffer[index...] = value where mask (null: everywhere); where elements are vectors
                 the mask has a bit a lane */
    LS_FOR,   /* for var in begin .. begin + extent (extent <= 0: not at all) */
    LS_IF,    /* condition (bool scalar), body, otherwise */
    LS_DECLARE,    /* buffer comes into being, contents undefined, to the end of the block; constant
                    * sizes. A local one is one for the group, wherever it stands among its
                    * work-item    loops */
    LS_BARRIER,    /* all work-items of a group meet; what they wrote, local and global, is then
                    * visible to each other. Item loops around one are perfectly nested */
    LS_PREFETCH,   /* hint that buffer[index...] is needed soon; may lie out of bounds */
    LS_COPY,       /* async copy of `count` consecutive elements: buffer[index...] =
                      source[source_index...]; done at the next wait */
    LS_WAIT,       /* all async copies are done */
    LS_TILE_STORE, /* buffer at index, rows `stride` elements apart = tile value */
    LS_FIFO_WRITE, /* value into buffer */
} LStmtKind;

typedef struct LStmt LStmt;

typedef struct LBlock {
    VEC(LStmt *) stmts;
} LBlock;

struct LStmt {
    LStmtKind kind;
    const LVar *var; /* let, for */
    LX value;        /* let, store, tile store, fifo write; if: condition */
    const LBuffer *buffer;
    LX index[MAX_AXES];
    LX mask;
    LX stride; /* tile store */
    /* for */
    LLoopKind loop;
    LX begin, extent;
    int width; /* vector */
    LTail tail;
    int axis;     /* grid, item: 0..2 */
    int interval; /* pipeline */
    int64_t cost; /* parallel: estimated cycles of one iteration; too small a total runs
                     serially. 0: unknown */
    /* copy */
    const LBuffer *source;
    LX source_index[MAX_AXES];
    LX count;
    LBlock body, otherwise;
    LBlock *parent; /* the block it stands in */
};

/* ---- kernels and programs -------------------------------------------------------------------- */

typedef struct LKernel {
    const char *name; /* unique in the program, a C identifier: family_shape scheme, e.g.
                         conv2d_64x56x56_k3s1 */
    const char *path; /* provenance of the first call */
    const char *plan; /* the plan it was built from, printed (schedule.h); "" if it has none */
    int nparams;
    LBuffer **params;
    LBlock body;
    Dim flops, bytes; /* arithmetic operations and least memory traffic of one call; may be null:
                         unknown */
    VEC(LBuffer *) buffers; /* all that were created for it, parameters first */
    uint64_t text_hash;     /* of its text without name and path, once it is in a program */
} LKernel;

/* Memory the program works on. */
typedef enum LTensorRole { TENSOR_INPUT, TENSOR_OUTPUT, TENSOR_WEIGHT, TENSOR_TEMP } LTensorRole;

typedef struct LTensor {
    const char *name;
    LTensorRole role;
    int io; /* input, output: position in the network's signature */
    DType dtype;
    Dim elements;       /* physical, padding of the layout included */
    const Tensor *data; /* weight: bytes as they lie in memory (already in layout) */
    int id;             /* position in program->tensors */
    /* set by memory planning, TEMP: address in the arena = offset * (value of unit), bytes; unit is
     * 1 where sizes are constant */
    int64_t offset;
    int region;            /* index in program->regions */
    int64_t weight_offset; /* weight: byte offset in the weight section */
} LTensor;

/* The arena is a row of regions, each `bytes` * unit(symbols) long and aligned as the program says,
 * one after the other. */
typedef struct LRegion {
    Dim unit;
    int64_t bytes;
} LRegion;

typedef struct LCall {
    LKernel *kernel;
    LTensor **args; /* one per parameter */
    const char *path;
    Span span;
} LCall;

/* A run is refused where the extent is 0 and there are elements to compute from it. */
typedef struct LNeed {
    Dim extent, elements;
    const char *path; /* of the layer */
} LNeed;

typedef struct LProgram {
    Module *module;
    const Graph *graph; /* what it was lowered from: signature and names */
    VEC(LTensor *) tensors;
    VEC(LKernel *) kernels;
    struct NameTable *tensor_names, *kernel_names; /* of those above (loop/name_table.h) */
    VEC(LCall) calls;
    VEC(LNeed) needs;
    VEC(LRegion) regions; /* empty until memory is planned */
    int64_t weight_bytes;
    int64_t alignment; /* bytes, of every tensor's place; 0: 64 */
    uint32_t var_count;
} LProgram;

static inline int64_t lprogram_alignment(const LProgram *program) {
    return program->alignment > 0 ? program->alignment : 64;
}

/* ---- building -------------------------------------------------------------------------------- */

/* Expressions are simplified as they are built: constants fold, integer index arithmetic is brought
 * into affine normal form, and floordiv, mod, min, max and comparisons are resolved from the
 * variables' ranges, e.g. floordiv(16*b + v, 16) = b for v in 0..15. Floats are folded only where
 * the result is exactly what the target would compute. */
typedef struct LBuilder {
    LProgram *program;
    Arena *arena;
    LKernel *kernel;
    LBlock *block; /* where statements go */
} LBuilder;

LProgram *lprogram_create(Module *module, const Graph *graph);
LTensor *lprogram_tensor(LProgram *program, const char *name, LTensorRole role, DType dtype,
                         Dim elements);
/* A kernel that is not in the program yet (lprogram_add does that), and a builder at its top. */
LKernel *lkernel_create(LProgram *program, const char *name, const char *path, LBuilder *builder);
/* Adds kernel, or finds an equal one by its text without name and path, and appends the call. */
void lprogram_call(LProgram *program, LKernel *kernel, LTensor *const *args, const char *path,
                   Span span);

LBuffer *lb_param(LBuilder *b, const char *name, LSpace space, DType dtype, int rank,
                  const Dim *dims, LAccess access);
LBuffer *lb_declare(LBuilder *b, const char *name, LSpace space, LType elem, int rank,
                    const int64_t *dims);

LX lx_int(LBuilder *b, int64_t value);              /* i64 scalar */
LX lx_const(LBuilder *b, LType type, double value); /* any numeric type; broadcast */
LX lx_const_int(LBuilder *b, LType type, int64_t value);
LX lx_dim(LBuilder *b, Dim dim);
LX lx_var(LBuilder *b, const LVar *var);
LX lx_unary(LBuilder *b, LUnary op, LX x);
LX lx_binary(LBuilder *b, LBinary op, LX x,
             LX y); /* a scalar operand is broadcast to the other's lanes */
static inline LX lx_add(LBuilder *b, LX x, LX y) {
    return lx_binary(b, LB_ADD, x, y);
}
static inline LX lx_sub(LBuilder *b, LX x, LX y) {
    return lx_binary(b, LB_SUB, x, y);
}
static inline LX lx_mul(LBuilder *b, LX x, LX y) {
    return lx_binary(b, LB_MUL, x, y);
}
LX lx_addi(LBuilder *b, LX x, int64_t value);
LX lx_muli(LBuilder *b, LX x, int64_t value);
LX lx_fma(LBuilder *b, LX x, LX y, LX z);
LX lx_select(LBuilder *b, LX condition, LX x, LX y);
LX lx_cast(LBuilder *b, LCast mode, DType dtype, LX x);
LX lx_bitcast(LBuilder *b, DType dtype, LX x);
LX lx_load(LBuilder *b, const LBuffer *buffer, LX const *index);
LX lx_load_masked(LBuilder *b, const LBuffer *buffer, LX const *index, LX mask, LX passthrough);
LX lx_broadcast(LBuilder *b, LX x, int lanes);
LX lx_ramp(LBuilder *b, LX base, int64_t stride, int lanes);
LX lx_shuffle(LBuilder *b, LX x, LX y, int lanes, const int *map);
LX lx_extract(LBuilder *b, LX x, int lane);
LX lx_reduce(LBuilder *b, LBinary op, LX x);
LX lx_dot(LBuilder *b, LX accumulator, LX x, LX y);
LX lx_tile_zero(LBuilder *b, LType type);
LX lx_tile_load(LBuilder *b, LType type, const LBuffer *buffer, LX const *index, LX stride);
LX lx_tile_dot(LBuilder *b, LX accumulator, LX x, LX y);
LX lx_fifo_read(LBuilder *b, const LBuffer *fifo); /* for lb_let, and nothing else */

/* Known inclusive range of an integer expression; INT64_MIN / INT64_MAX where unknown. */
void lx_range(LX x, int64_t *lo, int64_t *hi);
bool lx_is_int(LX x, int64_t *value); /* value may be null */
/* Whether a vector index is consecutive: base + ramp of stride 1; base receives the first index. */
bool lx_is_consecutive(LX x, LX *base);
bool lx_is_ramp(LX x, LX *base, int64_t *step); /* of whatever constant stride */
/* The same where the lanes are a few elements apart or in reverse order: a load from there is a
 * few of consecutive elements and shuffles, where a target has vectors. */
bool lx_is_spaced(LX x, LX *base, int64_t *step);

LX lb_let(LBuilder *b, const char *name,
          LX value); /* names the value; returns the variable, or a constant or variable as it is */
/* A scalar value or mask is broadcast to the lanes of the indices. */
void lb_store(LBuilder *b, const LBuffer *buffer, LX const *index, LX value, LX mask);
void lb_fifo_write(LBuilder *b, const LBuffer *fifo, LX value);
void lb_tile_store(LBuilder *b, const LBuffer *buffer, LX const *index, LX stride, LX tile);
void lb_barrier(LBuilder *b);
void lb_prefetch(LBuilder *b, const LBuffer *buffer, LX const *index);
void lb_copy(LBuilder *b, const LBuffer *to, LX const *to_index, const LBuffer *from,
             LX const *from_index, LX count);
void lb_wait(LBuilder *b);

/* Loops and conditions nest by begin and end: lb_for moves b->block into the body and returns the
 * statement, whose further members (tail, width, axis, cost) the caller may set; lb_end moves back
 * out. A constant begin and extent give the variable its range. */
LStmt *lb_for(LBuilder *b, LLoopKind kind, const char *name, LX begin, LX extent);
LX lb_loop_var(LBuilder *b, const LStmt *loop);
LStmt *lb_if(LBuilder *b, LX condition);
void lb_else(LBuilder *b, LStmt *branch);
void lb_end(LBuilder *b, LStmt *statement);

/* ---- transformations shared by targets ------------------------------------------------------- */

typedef struct LExpandOptions {
    bool vectors;      /* vector loops become vector operations */
    bool unroll;       /* unroll loops become straight code */
    bool masked_tails; /* TAIL_MASK is kept; otherwise it is peeled */
} LExpandOptions;

/* Expands vector and unroll loops of a kernel (a new kernel; the old one is unchanged). Private
 * buffers declared inside a vector loop get vector elements; conditions that depend on its variable
 * become masks. A vector loop whose iterations cannot be lanes (inner loops with bounds that
 * differ, vectors inside, private arrays at indices that differ, channels) and one inside another
 * runs serially. */
LKernel *lkernel_expand(LProgram *program, const LKernel *kernel, const LExpandOptions *options);

/* ---- transcendentals ------------------------------------------------------------------------- */

/* Expansions into arithmetic, selects and bit operations, whose steps become lets of the current
 * block, for scalars and vectors of f32 (f16 and bf16 are computed in f32) and f64. Error bounds in
 * units of the last place are stated beside each in ir/loop/math.c and held by tests. */
LX lm_exp(LBuilder *b, LX x);
LX lm_log(LBuilder *b, LX x);
LX lm_tanh(LBuilder *b, LX x);
LX lm_sigmoid(LBuilder *b, LX x);
LX lm_erf(LBuilder *b, LX x);
LX lm_gelu(LBuilder *b, LX x); /* x times the normal distribution's share below x */
LX lm_pow(LBuilder *b, LX x, LX y);

/* ---- checks and text ------------------------------------------------------------------------- */

/* Types, scopes, nesting of loops, spaces, constant extents where required. Reports the first fault
 * of a kernel. */
bool lkernel_verify(const LKernel *kernel, DimContext *dims, Diag *diag);
bool lprogram_verify(const LProgram *program, Diag *diag);
void lkernel_print(const LKernel *kernel, DimContext *dims, StrBuf *out);
void lprogram_print(const LProgram *program, StrBuf *out);
/* Reads back what lprogram_print or lkernel_print wrote (weights' data stay null).
 * Null on error. */
LProgram *lprogram_parse(const Source *source, Module *module, Diag *diag);

/* ---- evaluation ------------------------------------------------------------------------------ */

/* What the evaluator finds wrong with a kernel. */
typedef enum LFault {
    LFAULT_NONE,
    LFAULT_BOUNDS,        /* an index outside its buffer */
    LFAULT_UNINITIALIZED, /* a read of an element never written (or folded away) */
    LFAULT_RACE,    /* two iterations of an independent loop touch one element, one of them writing,
                       with no barrier between */
    LFAULT_BARRIER, /* not all work-items of a group reach the same barrier */
    LFAULT_FIFO,    /* read while empty for good, never read, or over depth for good */
    LFAULT_ARITHMETIC, /* integer division by zero or index overflow */
    LFAULT_LIMIT,      /* more steps than allowed */
} LFault;

typedef struct LEvalOptions {
    const int64_t *symbols; /* of the module */
    int64_t max_steps;      /* 0: 2^40 */
} LEvalOptions;

/* Memory of one parameter: elements row-major by the buffer's dims, in host form (dtype_bytes
 * each). written marks initialized elements of outputs; null: all are. */
typedef struct LMemory {
    void *data;
    uint8_t *written;
    int64_t elements;
} LMemory;

/* Runs a kernel, expanded or not, slowly and with all checks. On a fault says where and what
 * through diag (if not null). */
LFault lkernel_eval(const LKernel *kernel, DimContext *dims, LMemory *params,
                    const LEvalOptions *options, Diag *diag);
/* Runs kernels as concurrent tasks joined by fifos: args of all kernels; fifos are matched by name
 * and their entries in params unused. (lkernel_eval of such a kernel reads a channel from its
 * memory, and writes one there.) */
LFault ltasks_eval(LKernel *const *kernels, size_t count, DimContext *dims, LMemory *const *params,
                   const LEvalOptions *options, Diag *diag);
/* Runs a whole program: inputs and outputs as in interp_run; each temporary is its own checked
 * memory. Symbols are taken from the inputs where options give none. */
LFault lprogram_eval(const LProgram *program, const Tensor *inputs, Tensor *outputs, Arena *arena,
                     const LEvalOptions *options, Diag *diag);

#endif
