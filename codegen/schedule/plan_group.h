/* Plans for devices that run groups of work-items with local memory.
 *
 * A tile is a matrix product in blocks: the axes of the result that only one operand depends on are
 * the rows, those that only the other one does the columns, each as one long axis; axes that both
 * depend on tell products apart. A group of items[0] x items[1] computes items * each rows and
 * columns, item by item in registers, from chunks of both operands in local memory. Rows or
 * columns, whichever has the axis along which the result lies in memory, run along items[0].
 *
 * A tree is for sums that are long or lie in memory side by side: items[0] work-items share one
 * result, items[1] results a group.
 *
 * Text form: nothing, ` group=16x16 each=4x4 chunk=16 inner=ow` or ` tree=64x4`. */
#ifndef NNC_CODEGEN_SCHEDULE_PLAN_GROUP_H
#define NNC_CODEGEN_SCHEDULE_PLAN_GROUP_H

#include "codegen/schedule/contraction.h"

typedef enum GroupKind {
    GROUP_NONE, /* a work-item computes one result by itself */
    GROUP_TILE,
    GROUP_TREE,
} GroupKind;

/* All sizes are powers of two. */
typedef struct GroupPlan {
    GroupKind kind;
    int items[2]; /* work-items of a group along its two axes */
    int each[2];  /* tile: results of one of them */
    int chunk;    /* tile: steps of the reduction that are staged at once */
    int inner;    /* tile: the last axis of the domain among those along items[0] */
} GroupPlan;

/* The axes of a contraction as rows, columns and products; each list in the domain's order. */
typedef struct GroupAxes {
    int count[2], side[2][MAX_DOMAIN]; /* that only this operand depends on */
    int nothers, others[MAX_DOMAIN];   /* of the result, that both or none depend on */
    int nreduced, reduced[MAX_DOMAIN]; /* in the order of the loops */
} GroupAxes;

GroupAxes group_axes(const Contraction *c);

/* Chosen from the shape and the description alone; symbols count as middling sizes. */
GroupPlan group_plan(const Contraction *c, const TargetDesc *target, DimContext *dims);
/* Most work-items that share a row of that many elements (0: unknown): a power of two, at most a
 * group. */
int group_row_items(const TargetDesc *target, int64_t extent);

void group_plan_print(const Contraction *c, const GroupPlan *plan, StrBuf *out);
/* Reads all of the text; false where it is malformed or does not fit the contraction. */
bool group_plan_parse(const Contraction *c, const char *text, GroupPlan *plan);

#endif
