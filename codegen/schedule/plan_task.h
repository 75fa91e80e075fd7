/* Plans for targets whose kernels are tasks that pass elements on in memory order.
 *
 * All of the result's innermost axis in memory, and `tile` elements of the axis around it, have an
 * accumulator each. A step of the reduction goes over them `lanes` at a time, which are written out
 * side by side, so that tile * extent / lanes iterations lie between two updates of one
 * accumulator. `terms` products of the reduction's last loop are added up at once, as a tree.
 * Text form, behind what plan.h says: `lanes=oc:4 each=ow:2 terms=5`. */
#ifndef NNC_CODEGEN_SCHEDULE_PLAN_TASK_H
#define NNC_CODEGEN_SCHEDULE_PLAN_TASK_H

#include "codegen/schedule/contraction.h"

typedef struct TaskPlan {
    int lanes; /* divides the innermost axis; 0: the plan is not for streams */
    int tile;  /* divides the axis around it */
    int terms; /* divides the axis of the reduction's last loop */
} TaskPlan;

/* Axes of the domain; -1: there is none. */
int task_inner(const Contraction *c);
int task_around(const Contraction *c);
int task_last(const Contraction *c);

/* The fewest lanes with which a run takes no more than target->task_cycles, as far as elements can
 * come and go that fast. lanes 0 where an extent is not constant. */
TaskPlan task_plan(const Contraction *c, const TargetDesc *target);

void task_plan_print(const Contraction *c, const TaskPlan *plan, StrBuf *out);
/* Reads what was printed for a contraction with the same axes; false where it does not fit. */
bool task_plan_parse(const Contraction *c, const char *text, TaskPlan *plan);

#endif
