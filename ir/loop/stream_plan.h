/* How each parameter of a kernel passes through a channel. */
#ifndef NNC_IR_LOOP_STREAM_PLAN_H
#define NNC_IR_LOOP_STREAM_PLAN_H

#include "ir/loop/stream.h"

/* Iteration v of `loop` needs slabs scale*v + lo .. scale*v + hi of `axis`, and none before. */
typedef struct StreamLevel {
    const LStmt *loop;
    int axis;
    int64_t scale, lo, hi;
    int64_t extent; /* of the loop, whose first index is 0 */
} StreamLevel;

typedef struct StreamPlan {
    const LBuffer *buffer; /* of the old kernel */
    LStreamMode mode;
    bool writes;
    int64_t dims[MAX_AXES], elements;
    const LBlock *at; /* direct and read: the element is read before the statements of this block */
    int levels;       /* window: loops in one another, outermost first */
    StreamLevel level[MAX_AXES];
    int64_t fold[MAX_AXES];
    /* of the new kernel */
    LBuffer *channel, *array;
    LX value; /* direct and read: the element at hand */
} StreamPlan;

/* Plans for all parameters, in arena. */
StreamPlan *stream_plan(LProgram *program, const LKernel *kernel, Arena *arena);

#endif
