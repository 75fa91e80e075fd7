/* Kernels as tasks joined by channels: parameters in memory become channels that pass a tensor's
 * elements in memory order, each once; private arrays hold what a task still needs. Everything here
 * works on kernels whose sizes are all constant. */
#ifndef NNC_IR_LOOP_STREAM_H
#define NNC_IR_LOOP_STREAM_H

#include "ir/loop.h"

/* ---- parameters in memory become channels ---------------------------------------------------- */

typedef enum LStreamMode {
    STREAM_KEPT,   /* a constant parameter, as it was */
    STREAM_DIRECT, /* the kernel goes through the elements in memory order: nothing is stored */
    STREAM_WINDOW, /* read: what a window that moves along the leading axes covers is stored */
    STREAM_WHOLE,  /* all is stored: read before the kernel's work, or written after it */
} LStreamMode;

/* What has become of one parameter. */
typedef struct LStreamReport {
    LStreamMode mode;
    int64_t elements; /* that pass through the channel in one run */
    int64_t stored;   /* elements of the private array */
} LStreamReport;

/* A new kernel of the program, named `name` or that with a number, unexpanded like `kernel`. Each
 * parameter i in global memory becomes a channel named channels[i] (distinct within the kernel;
 * entries of constant parameters are not looked at), written if the kernel writes the parameter,
 * read otherwise; positions and constant parameters stay. Loops become serial, or stay unroll and
 * pipeline. report: one entry per parameter, or null. The kernel must be one for a scalar processor
 * (no work-groups), with constant sizes; these are preconditions. */
LKernel *lkernel_stream(LProgram *program, const LKernel *kernel, const char *name,
                        const char *const *channels, LStreamReport *report);

/* ---- kernels that only move elements --------------------------------------------------------- */

/* Copies each of `elements` from channel `in` to all `count` channels of `out`. */
LKernel *lkernel_fork(LProgram *program, const char *name, DType dtype, int64_t elements,
                      const char *in, const char *const *out, int count);
/* Passes `elements` on, `depth` (> 0) of them later: a channel of that depth as a task with an array
 * in it. It writes element i when it has read element i + depth - 1. */
LKernel *lkernel_delay(LProgram *program, const char *name, DType dtype, int64_t elements,
                       int64_t depth, const char *in, const char *out);

/* ---- arrays in banks ------------------------------------------------------------------------- */

/* Into how many banks each axis of a buffer was split; 1: as it was. The new buffer has a leading
 * axis for each that was split, in their order (the index modulo its banks), and the quotients in
 * the axes' own places. */
typedef struct LPartition {
    int rank; /* of the old buffer */
    int64_t banks[MAX_AXES];
} LPartition;

/* A new kernel (not yet in the program) of one that is expanded. An axis of a private or constant
 * buffer is split into P banks where every access to it is P * x + c with a constant c in 0 .. P-1,
 * and not c the same for all; P is the greatest that divides the axis and its fold. Leading axes
 * are then indexed by constants only: each bank can be an array of its own. Buffers all of whose
 * indices are constant are left alone. params: one entry per parameter, or null: what has become of
 * it; the caller reorders the data of constants (lpartition_place). */
LKernel *lkernel_partition(LProgram *program, const LKernel *kernel, LPartition *params);
/* Where element `from` (row-major in the old sizes `dims`) lies row-major in the new buffer. */
int64_t lpartition_place(const LPartition *p, const int64_t *dims, int64_t from);

/* ---- depths of channels ---------------------------------------------------------------------- */

typedef struct LChannelDepth {
    const char *name;
    int64_t depth;
    int writer, reader; /* positions of the tasks */
} LChannelDepth;

typedef struct LDepths {
    VEC(LChannelDepth) channels; /* those with both ends among the tasks, in order of the writers */
    int64_t *starts; /* by task: elements it reads before it first writes; of a run, if never */
} LDepths;

/* Depths with which `frames` runs of all tasks in a row come to their end (Parks; Geilen and
 * Basten): each channel starts with base_depth (>= 1); whenever all tasks are stuck, of those that
 * wait for each other in a ring the channel of least depth that is waited for to have room grows,
 * by a sixteenth at a time. Channels with one end only never block. Only channel operations and the
 * control around them run. False, with an error in diag: a channel with two writers or two readers,
 * channel operations that depend on data, tasks that wait for each other with no channel full,
 * elements never read. The result is in arena. */
bool ltasks_depths(LKernel *const *tasks, size_t count, LProgram *program, int64_t base_depth,
                   int frames, Arena *arena, LDepths *result, Diag *diag);

#endif
