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

/* How the elements of a buffer lie: axis `axis` of size banks * e was split into a leading axis of
 * `banks` (index modulo banks) and the quotient in its place. banks 1: as it was. */
typedef struct LPartition {
    int axis;
    int64_t banks;
} LPartition;

/* A new kernel (not yet in the program) of an expanded one: private and constant buffers of which
 * every access on some axis is banks * x + c with a constant c in 0 .. banks - 1 get a leading axis
 * of `banks` that is indexed by constants only, so that each bank can be an array of its own. Of
 * several such axes that with the most banks is taken. Buffers all of whose indices are constant
 * are left alone. params: one entry per parameter, or null: what the caller must do to the data of
 * constants (lpartition_place). */
LKernel *lkernel_partition(LProgram *program, const LKernel *kernel, LPartition *params);
/* Where element `from` (row-major in the sizes `dims` before partition) lies row-major after it. */
int64_t lpartition_place(const LPartition *p, int rank, const int64_t *dims, int64_t from);

/* ---- depths of channels ---------------------------------------------------------------------- */

typedef struct LChannelDepth {
    const char *name;
    int64_t depth;
    int writer, reader; /* positions of the tasks */
} LChannelDepth;

typedef struct LDepths {
    VEC(LChannelDepth) channels; /* those with both ends among the tasks, in order of the writers */
    int64_t *starts;             /* by task: elements it reads before it first writes */
} LDepths;

/* Depths with which `frames` runs of all tasks in a row come to their end: each channel starts with
 * base_depth (>= 1); while the tasks are stuck, the channel of least depth that one of them waits
 * to write grows to twice that, and is trimmed afterwards to the most elements it ever held (never
 * below base_depth). Channels with one end only never block. Only channel operations and the
 * control around them run; a task's control does not depend on data. False, with an error in diag:
 * a channel with two writers or readers, tasks that are stuck with none of them waiting to write,
 * elements never read. Results are in arena. */
bool ltasks_depths(LKernel *const *tasks, size_t count, LProgram *program, int64_t base_depth,
                   int frames, Arena *arena, LDepths *result, Diag *diag);

#endif
