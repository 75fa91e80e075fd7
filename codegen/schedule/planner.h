/* What the parts of the planner share (plan.c, plan_axis.c, plan_others.c). */
#ifndef NNC_CODEGEN_SCHEDULE_PLANNER_H
#define NNC_CODEGEN_SCHEDULE_PLANNER_H

#include "codegen/schedule/plan.h"

enum { LIKELY_SYMBOL = 32, MOST_VECTORS = 8, MOST_TILE = 30 };

typedef struct Planner {
    const Contraction *c;
    const TargetDesc *target;
    int64_t extent[MAX_DOMAIN]; /* of an axis; likely ones where they are not fixed */
    bool fixed[MAX_DOMAIN];
} Planner;

/* ---- plan_axis.c ----------------------------------------------------------------------------- */

Planner planner_make(const Contraction *c, const TargetDesc *target, DimContext *dims);
/* Operations, vector or scalar, of the whole nest with that vector axis (-1: none). */
double planner_axis_cost(const Planner *p, int axis);
/* The one with the least cost. */
int planner_vector_axis(const Planner *p);

/* ---- plan.c ---------------------------------------------------------------------------------- */

/* With the axis's lanes; -1: as many accumulators as a long scalar sum wants. */
ContractionPlan planner_start(const Planner *p, int vector_axis);
/* Hears of every tile that fits the registers, with what it costs. */
typedef void TileVisitor(void *data, const ContractionPlan *plan, double cost);
void planner_each_tile(const Planner *p, const ContractionPlan *start, TileVisitor *visit,
                       void *data);
/* All that does not depend on other tiles: unrolling, threads, prefetching. */
void planner_finish(const Planner *p, ContractionPlan *plan);
/* Whether so many elements of the tiled axes and the plan's vectors fit the registers. */
bool planner_registers_fit(const Planner *p, const ContractionPlan *plan, int tile);
/* Iterations of the reduction's innermost loop; 0: unknown, or it runs along the vector. */
int64_t planner_innermost(const Planner *p, const ContractionPlan *plan);
/* A long scalar sum is cut into several, which run side by side and lose less: the axis is treated
 * as one of vectors with a single lane. -1: none. */
int planner_scalar_axis(const Planner *p);
/* Lanes along the dot axis hold one element each. */
bool planner_dots_fit(const Planner *p, int vector_axis);

/* ---------------------------------------------------------------------------------------------- */

/* Of the domain: the sizes of its reduced axes multiplied, or of the others. */
static inline double volume(const Planner *p, bool reduced) {
    double product = 1;
    for (int i = 0; i < p->c->naxes; i++)
        if (p->c->axes[i].reduced == reduced) product *= (double)p->extent[i];
    return product;
}

static inline bool depends(const Planner *p, int operand, int axis) {
    return axis >= 0 && access_depends(&p->c->operands[operand], axis);
}

static inline int64_t vector_blocks(const Planner *p, const ContractionPlan *plan) {
    if (plan->vector_axis < 0) return 1;
    return ceil_div(p->extent[plan->vector_axis], plan->lanes);
}

#endif
