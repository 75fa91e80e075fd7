/* Inside the evaluator. A kernel is translated to code for a register machine with the symbols'
 * values filled in; a thread is a program counter and a frame, so that work-items can stop at
 * barriers and tasks at channels.
 *
 * Races. The machine counts iterations of independent loops as they start: `now`. Every element
 * remembers the counts of its last write and of its first and last read. An earlier access at count
 * s was made by another iteration of an active loop exactly if it lies between the start of that
 * loop and the start of its current iteration. Work-items between two barriers are iterations of a
 * loop that starts at the first of the two. */
#ifndef NNC_IR_LOOP_EVAL_H
#define NNC_IR_LOOP_EVAL_H

#include "ir/loop/scalar.h"

enum { EVAL_LOOPS = 24 }; /* independent loops in one another */

/* ---- code ------------------------------------------------------------------------------------ */

typedef enum EvalOp {
    EV_MOVE,
    EV_UNARY,
    EV_BINARY,
    EV_ADD_I64, /* i64 and f32 have their own where speed counts */
    EV_SUB_I64,
    EV_MUL_I64,
    EV_ADD_INDEX, /* overflow is a fault */
    EV_SUB_INDEX,
    EV_MUL_INDEX,
    EV_ADD_F32,
    EV_SUB_F32,
    EV_MUL_F32,
    EV_FMA_F32,
    EV_FMA,
    EV_SELECT,
    EV_CAST,
    EV_BITCAST,
    EV_BROADCAST,
    EV_RAMP,
    EV_SHUFFLE,
    EV_EXTRACT,
    EV_REDUCE,
    EV_DOT,
    EV_TILE_ZERO,
    EV_TILE_DOT,
    EV_LOAD,
    EV_STORE,
    EV_TILE_LOAD,
    EV_TILE_STORE,
    EV_COPY,
    EV_WAIT,
    EV_FIFO_READ,
    EV_FIFO_WRITE,
    EV_DECLARE,
    EV_JUMP,
    EV_JUMP_UNLESS,
    EV_LOOP,
    EV_NEXT,
    EV_GROUP,
    EV_BARRIER,
    EV_END,
} EvalOp;

enum { REG_NONE = INT32_MIN };

/* One access: where the indices are, and how elements lie. */
typedef struct EvalAccess {
    const LBuffer *buffer;
    int slot; /* of the buffer */
    int rank;
    int lanes; /* elements it touches, one per lane; 1 also for a whole vector or tile element */
    bool consecutive; /* the last index is that of lane 0 */
    int32_t index[MAX_AXES];
    bool varies[MAX_AXES]; /* index has one value per lane */
    int32_t mask, passthrough;
} EvalAccess;

/* A nest of work-item loops with barriers inside. */
typedef struct EvalGroup {
    int axes;
    int32_t var[3], begin[3];
    int64_t extent[3];
    int end; /* where the group continues */
} EvalGroup;

/* Registers are positions in the frame. dst, a, b, c as the operation needs them; lanes of the
 * result. */
typedef struct EvalInsn {
    uint8_t op, sub; /* sub: LUnary, LBinary, LCast */
    uint8_t dtype, from;
    int32_t lanes;
    int32_t dst, a, b, c;
    int32_t target; /* jumps; position of a group or buffer */
    bool independent;
    EvalAccess *access, *source;
    const LExpr *expr;
} EvalInsn;

/* A loop's or let's variable in the code's text, for messages. */
typedef struct EvalScope {
    int parent;
    const LVar *var;
    int32_t reg;
} EvalScope;

/* A buffer of the kernel with its sizes. */
typedef struct EvalBuffer {
    const LBuffer *buffer;
    int64_t dims[MAX_AXES], logical; /* logical: elements without folding */
    int64_t stored[MAX_AXES];        /* sizes with folding */
    int64_t elements;                /* that are stored */
    int cells;                       /* scalars of one element */
    bool folded, checked;            /* checked: elements start out unwritten */
    bool is_stored, tracked;         /* written by the kernel; where races are possible */
    int loops;                       /* independent loops around its declaration */
} EvalBuffer;

typedef struct EvalCode {
    const LKernel *kernel;
    Arena *arena;
    VEC(EvalInsn) code;
    VEC(int) scope; /* by instruction: position in scopes, -1: none */
    VEC(EvalScope) scopes;
    VEC(EvalBuffer) buffers;
    VEC(EvalGroup) groups;
    VEC(Scalar) constants;
    int32_t frame; /* registers; the constants are the last of them */
} EvalCode;

/* Null where the kernel cannot be translated (said through diag): a size that overflows, loops too
 * deep. */
EvalCode *leval_compile(const LKernel *kernel, const int64_t *symbols, DimContext *dims,
                        Arena *arena, Diag *diag);

/* ---- memory ---------------------------------------------------------------------------------- */

/* Storage of a buffer. Bookkeeping arrays have one entry per scalar and are null where it cannot
 * matter. */
typedef struct EvalStore {
    const EvalBuffer *def;
    void *data;
    uint8_t *written;
    uint64_t *last_write, *first_read, *last_read; /* 0: none */
    int64_t *tag;                                  /* folded: logical element + 1 that is stored */
} EvalStore;

/* A channel: elements written and not yet read. */
typedef struct EvalFifo {
    const char *name;
    Arena *arena;
    int cells; /* scalars of an element; 0: elements are only counted */
    int64_t depth, head, count, cap;
    Scalar *ring;
    LMemory *memory; /* reads from and writes to memory instead; null: not */
    DType dtype;
    bool is_written_here, is_read_here;
    bool endless; /* the other end is outside: always has elements, and room */
} EvalFifo;

typedef struct EvalPending {
    const EvalAccess *access;
    EvalStore *store, *source;
    int64_t to, from, count;
    Scalar *values; /* as they were when the copy was issued */
} EvalPending;

typedef struct EvalLoop {
    uint64_t start, iteration;
} EvalLoop;

typedef enum EvalState {
    EVAL_RUNS,
    EVAL_AT_BARRIER,
    EVAL_WAITS_FIFO,
    EVAL_DONE,
    EVAL_FAULT
} EvalState;

typedef struct EvalThread {
    const EvalCode *code;
    Scalar *frame;
    int pc;
    EvalState state;
    EvalStore **stores; /* by buffer */
    EvalStore **owned;  /* made by this thread's declarations */
    EvalFifo **fifos;   /* by buffer */
    int depth;
    EvalLoop loops[EVAL_LOOPS];
    VEC(EvalPending) pending;
    int64_t reads, reads_before; /* of channels; those before the first write to one */
    bool has_written;
} EvalThread;

typedef struct EvalMachine {
    Arena *arena;
    Diag *diag;
    uint64_t now;
    int64_t steps; /* left */
    LFault fault;
} EvalMachine;

EvalStore *leval_store_new(EvalMachine *m, const EvalBuffer *def, void *data, uint8_t *written);
void leval_store_reset(EvalStore *store);
/* Says what happened and where; the thread's state becomes EVAL_FAULT. Returns false. */
bool leval_fault(EvalMachine *m, EvalThread *t, LFault fault, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Each returns false after a fault. */
bool leval_load(EvalMachine *m, EvalThread *t, const EvalInsn *in);
bool leval_store(EvalMachine *m, EvalThread *t, const EvalInsn *in);
bool leval_tile_load(EvalMachine *m, EvalThread *t, const EvalInsn *in);
bool leval_tile_store(EvalMachine *m, EvalThread *t, const EvalInsn *in);
bool leval_copy(EvalMachine *m, EvalThread *t, const EvalInsn *in);
bool leval_wait(EvalMachine *m, EvalThread *t);
/* False also where the thread has to wait: then its state says so. */
bool leval_fifo_read(EvalMachine *m, EvalThread *t, const EvalInsn *in);
bool leval_fifo_write(EvalMachine *m, EvalThread *t, const EvalInsn *in);

/* ---- running --------------------------------------------------------------------------------- */

/* Vector operators that are not worth their own case; false: an arithmetic fault. */
bool leval_lanes(Scalar *frame, const EvalInsn *in);
/* Until the end, a fault, a barrier or a channel that blocks. */
EvalState leval_run(EvalMachine *m, EvalThread *t);
EvalThread *leval_thread_new(Arena *arena, const EvalCode *code);

#endif
