/* Plans: how a contraction's nest is built, chosen from its shape and the target's description
 * alone.
 *
 * The accumulators of one tile stay in registers: `vectors` vectors along the vector axis times the
 * sizes of up to two tiled axes. Text form, e.g. `vector=oc:16x2 tile=ow:14 unroll=1` or
 * `vector=none tile=m:4 unroll=4 parallel=tiles dot=2 prefetch=results`. What plan_matrix.h,
 * plan_group.h and plan_task.h add stands behind that. */
#ifndef NNC_CODEGEN_SCHEDULE_PLAN_H
#define NNC_CODEGEN_SCHEDULE_PLAN_H

#include "codegen/schedule/plan_group.h"
#include "codegen/schedule/plan_matrix.h"
#include "codegen/schedule/plan_task.h"

enum { MAX_TILES = 2 };

typedef struct ContractionPlan {
    int vector_axis; /* of the domain, may be a reduced one; -1: scalars */
    int lanes;
    int vectors; /* vectors along the vector axis in one tile */
    int ntiles;
    struct {
        int axis, size;
    } tiles[MAX_TILES];
    int unroll;          /* of the innermost reduction loop */
    int dot;             /* as the contraction's; 1 or 0: elements are multiplied one by one */
    bool parallel_tiles; /* the loops over tiles are spread over threads too */
    bool prefetch;       /* of a tile's results and what is added to them, before its sums */
    MatrixPlan matrix;   /* for processors with matrix tiles */
    GroupPlan group;     /* for devices with groups of work-items */
    TaskPlan task;       /* for tasks joined by channels */
} ContractionPlan;

ContractionPlan contraction_plan(const Contraction *c, const TargetDesc *target, DimContext *dims);

void plan_print(const Contraction *c, const ContractionPlan *plan, StrBuf *out);
/* What the model knows besides: up to `most` plans, the best by its measure first, which is
 * contraction_plan's own; returns their number. All of them fit. */
size_t contraction_plans(const Contraction *c, const TargetDesc *target, DimContext *dims,
                         ContractionPlan *plans, size_t most);
/* Whether a plan, however it came about, can be built for the contraction on the target: lanes,
 * registers, sizes within extents, an unrolled loop without a rest. Text that plan_parse takes for
 * one contraction need not fit another with the same axes. */
bool plan_fits(const Contraction *c, const TargetDesc *target, DimContext *dims,
               const ContractionPlan *plan);

/* Reads what plan_print wrote for a contraction with the same axes; false where it is malformed or
 * does not fit. */
bool plan_parse(const Contraction *c, const char *text, ContractionPlan *plan);

#endif
