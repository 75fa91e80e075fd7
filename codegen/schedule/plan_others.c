/* Plans that the model did not choose: its next best, and whether one that came from elsewhere can
 * be built. */
#include "codegen/schedule/planner.h"

/* ---- other plans ----------------------------------------------------------------------------- */

/* The best by cost, few of a kind: many tiles that differ by one row would crowd out all others. */
typedef struct Ranking {
    const Planner *p;
    ContractionPlan *plans;
    double *costs;
    size_t count, most;
} Ranking;

static bool same_kind(const ContractionPlan *a, const ContractionPlan *b) {
    if (a->vectors != b->vectors || a->ntiles != b->ntiles) return false;
    return a->vector_axis == b->vector_axis &&
           (a->ntiles == 0 || a->tiles[0].axis == b->tiles[0].axis);
}

static void ranking_remove(Ranking *r, size_t at) {
    r->count--;
    for (size_t i = at; i < r->count; i++) {
        r->plans[i] = r->plans[i + 1];
        r->costs[i] = r->costs[i + 1];
    }
}

static void rank(void *data, const ContractionPlan *plan, double cost) {
    enum { OF_A_KIND = 3 };
    Ranking *r = data;
    size_t place = r->count, alike = 0, last = 0;
    while (place > 0 && r->costs[place - 1] > cost) place--;
    for (size_t i = 0; i < r->count; i++) {
        if (!same_kind(&r->plans[i], plan)) continue;
        alike++;
        last = i;
    }
    if (alike == OF_A_KIND && last < place) return;
    if (alike == OF_A_KIND) ranking_remove(r, last);
    if (place == r->most) return;
    if (r->count == r->most) r->count--;
    for (size_t i = r->count++; i > place; i--) {
        r->plans[i] = r->plans[i - 1];
        r->costs[i] = r->costs[i - 1];
    }
    r->plans[place] = *plan;
    r->costs[place] = cost;
}

static bool same_plan(const ContractionPlan *a, const ContractionPlan *b) {
    if (!same_kind(a, b) || a->lanes != b->lanes) return false;
    for (int t = 0; t < a->ntiles; t++)
        if (a->tiles[t].axis != b->tiles[t].axis || a->tiles[t].size != b->tiles[t].size)
            return false;
    return true;
}

/* Appends the best plans with that vector axis, but for those that are there already. */
static size_t add_ranked(const Planner *p, int vector_axis, ContractionPlan *plans, size_t count,
                         size_t most) {
    enum { MOST_RANKED = 64 };
    ContractionPlan ranked[MOST_RANKED];
    double costs[MOST_RANKED];
    Ranking r = {.p = p, .plans = ranked, .costs = costs};
    r.most = most - count + 1 < MOST_RANKED ? most - count + 1 : MOST_RANKED;
    ContractionPlan start = planner_start(p, vector_axis);
    planner_each_tile(p, &start, rank, &r);
    for (size_t i = 0; i < r.count && count < most; i++) {
        if (same_plan(&ranked[i], &plans[0])) continue;
        planner_finish(p, &ranked[i]);
        plans[count++] = ranked[i];
    }
    return count;
}

size_t contraction_plans(const Contraction *c, const TargetDesc *target, DimContext *dims,
                         ContractionPlan *plans, size_t most) {
    enum { OF_ANOTHER_AXIS = 3 };
    Planner p = planner_make(c, target, dims);
    if (most == 0) return 0;
    plans[0] = contraction_plan(c, target, dims);
    if (target->streams || target->group_items > 0) return 1;
    int chosen = planner_vector_axis(&p);
    double least = planner_axis_cost(&p, chosen);
    size_t count = 1;
    for (int i = 0; i < c->naxes && most > 4 * OF_ANOTHER_AXIS; i++) {
        if (i == chosen || c->axes[i].lanes == 1 || p.extent[i] == 1) continue;
        if (planner_axis_cost(&p, i) > 2 * least || count > 2 * OF_ANOTHER_AXIS) continue;
        count = add_ranked(&p, i, plans, count, count + OF_ANOTHER_AXIS);
    }
    return add_ranked(&p, chosen, plans, count, most);
}

/* ---- whether a plan fits --------------------------------------------------------------------- */

static bool vector_fits(const Planner *p, const ContractionPlan *plan) {
    int axis = plan->vector_axis;
    if (axis < 0) return plan->lanes == 1 && plan->vectors == 1;
    if (axis >= p->c->naxes) return false;
    bool scalar_sum = plan->lanes == 1 && axis == planner_scalar_axis(p);
    if (plan->lanes != p->c->axes[axis].lanes && !scalar_sum) return false;
    return plan->vectors <= MOST_VECTORS && plan->vectors <= vector_blocks(p, plan);
}

/* Says nothing of vectors. */
static bool is_bare(const ContractionPlan *plan) {
    return plan->vector_axis < 0 && plan->ntiles == 0 && plan->unroll == 1 && plan->dot <= 1 &&
           !plan->parallel_tiles && !plan->prefetch;
}

bool plan_fits(const Contraction *c, const TargetDesc *target, DimContext *dims,
               const ContractionPlan *plan) {
    enum { MOST_UNROLLED = 16 };
    Planner p = planner_make(c, target, dims);
    int accumulators = 1;
    if (target->streams || target->group_items > 0) return false;
    if (plan->prefetch && plan->vector_axis >= 0 && c->axes[plan->vector_axis].reduced)
        return false;
    if (plan->task.lanes > 0 || plan->group.kind != GROUP_NONE) return false;
    if (plan->matrix.depth > 0) return is_bare(plan) && matrix_plan_fits(c, target, &plan->matrix);
    if (!vector_fits(&p, plan)) return false;
    if (plan->dot > 1 && (plan->dot != c->dot || !planner_dots_fit(&p, plan->vector_axis)))
        return false;
    for (int t = 0; t < plan->ntiles; t++) {
        int axis = plan->tiles[t].axis;
        if (axis == plan->vector_axis || c->axes[axis].reduced) return false;
        if (t > 0 && axis == plan->tiles[0].axis) return false;
        if (plan->tiles[t].size > p.extent[axis] || plan->tiles[t].size > MOST_TILE) return false;
        accumulators *= plan->tiles[t].size;
    }
    if (!planner_registers_fit(&p, plan, accumulators)) return false;
    if (plan->unroll == 1) return true;
    return plan->unroll <= MOST_UNROLLED && planner_innermost(&p, plan) > 0 &&
           planner_innermost(&p, plan) % plan->unroll == 0;
}
