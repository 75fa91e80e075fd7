#include "codegen/schedule/plan_task.h"

#include <stdio.h>
#include <string.h>

/* An array has two ports. */
enum { MOST_TERMS = 2, MOST_TILE = 16, MOST_LANES = 4096 };

int task_inner(const Contraction *c) {
    return c->norder > 0 ? c->order[c->norder - 1] : -1;
}

int task_around(const Contraction *c) {
    return c->norder > 1 ? c->order[c->norder - 2] : -1;
}

int task_last(const Contraction *c) {
    return c->nparts > 0 ? c->parts[c->nparts - 1].axis : -1;
}

static int64_t extent_of(const Contraction *c, int axis) {
    int64_t extent;
    return axis >= 0 && dim_is_int(c->axes[axis].extent, &extent) ? extent : 1;
}

/* Whether neighbours along the axis are neighbours along one axis of each operand that varies:
 * only then can the operand lie in as many arrays as there are lanes. */
static bool splits_operands(const Contraction *c, int axis) {
    for (int o = 0; o < c->noperands; o++) {
        const Access *x = &c->operands[o];
        for (int i = 0; i < x->value->type.rank; i++) {
            const AffineIndex *index = &x->index[i];
            if (!affine_depends(index, axis)) continue;
            if (index->nterms != 1 || index->terms[0].scale != 1 || index->offset != 0)
                return false;
        }
    }
    return true;
}

typedef struct Costs {
    const Contraction *c;
    double steps, results, arriving; /* with one lane; elements */
    int64_t inner, around, last;     /* extents */
    int latency;
} Costs;

static double elements_of(const Value *value) {
    double product = 1;
    int64_t size;
    for (int i = 0; i < value->type.rank; i++)
        if (dim_is_int(value->type.dims[i], &size)) product *= (double)size;
    return product;
}

static Costs make_costs(const Contraction *c, const TargetDesc *target) {
    Costs costs = {.c = c, .steps = 1, .results = 1, .latency = 1};
    for (int i = 0; i < c->naxes; i++) {
        double extent = (double)extent_of(c, i);
        costs.steps *= extent;
        if (!c->axes[i].reduced) costs.results *= extent;
    }
    costs.arriving = elements_of(c->operands[0].value);
    costs.inner = extent_of(c, task_inner(c));
    costs.around = extent_of(c, task_around(c));
    costs.last = extent_of(c, task_last(c));
    bool sums = c->combine != COMBINE_MIN && c->combine != COMBINE_MAX;
    if (sums && dtype_is_float(c->dtype) && target->float_latency > 1)
        costs.latency = target->float_latency;
    return costs;
}

/* The smallest tile that keeps updates of one accumulator far enough apart. */
static int choose_tile(const Costs *costs, int64_t lanes) {
    int best = 1;
    for (int tile = 1; tile <= MOST_TILE && tile <= costs->around; tile++) {
        if (best * (costs->inner / lanes) >= costs->latency) break;
        if (costs->around % tile == 0) best = tile;
    }
    return best;
}

static double cycles_of(const Costs *costs, const TaskPlan *plan) {
    int64_t apart = plan->tile * (costs->inner / plan->lanes);
    double steps = costs->steps / ((double)plan->lanes * plan->terms);
    double cycles = steps * (double)ceil_div(costs->latency, apart < 1 ? 1 : apart);
    cycles += costs->results + costs->results / plan->lanes;
    return cycles > costs->arriving ? cycles : costs->arriving;
}

static bool is_better(double cycles, int lanes, double best_cycles, int best_lanes, double goal) {
    bool enough = cycles <= goal, was_enough = best_cycles <= goal;
    if (enough != was_enough) return enough;
    if (enough) return lanes != best_lanes ? lanes < best_lanes : cycles < best_cycles;
    return cycles != best_cycles ? cycles < best_cycles : lanes < best_lanes;
}

static bool is_constant(const Contraction *c) {
    for (int i = 0; i < c->naxes; i++) {
        int64_t extent;
        if (!dim_is_int(c->axes[i].extent, &extent) || extent < 1) return false;
    }
    return true;
}

TaskPlan task_plan(const Contraction *c, const TargetDesc *target) {
    TaskPlan best = {0};
    if (!is_constant(c)) return best;
    Costs costs = make_costs(c, target);
    double least = 0, goal = (double)target->task_cycles;
    bool more = target->task_cycles > 0;
    bool many_lanes = more && task_inner(c) >= 0 && splits_operands(c, task_inner(c));
    bool many_terms = more && c->combine == COMBINE_DOT && task_last(c) >= 0 &&
                      c->axes[task_last(c)].block == 1 && splits_operands(c, task_last(c));
    for (int lanes = 1; lanes <= MOST_LANES && lanes <= (many_lanes ? costs.inner : 1); lanes++) {
        for (int terms = 1; terms <= (many_terms ? MOST_TERMS : 1); terms++) {
            if (costs.inner % lanes != 0 || costs.last % terms != 0) continue;
            TaskPlan plan = {lanes, choose_tile(&costs, lanes), terms};
            double cycles = cycles_of(&costs, &plan);
            bool first = best.lanes == 0;
            if (first || is_better(cycles, lanes * terms, least, best.lanes * best.terms, goal)) {
                best = plan;
                least = cycles;
            }
        }
    }
    return best;
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char *axis_name(const Contraction *c, int axis) {
    return axis >= 0 ? c->axes[axis].name : "-";
}

void task_plan_print(const Contraction *c, const TaskPlan *plan, StrBuf *out) {
    if (plan->lanes == 0) return;
    str_printf(out, " lanes=%s:%d each=%s:%d terms=%d", axis_name(c, task_inner(c)), plan->lanes,
               axis_name(c, task_around(c)), plan->tile, plan->terms);
}

static bool divides(int size, int64_t extent) {
    return size >= 1 && extent % size == 0;
}

bool task_plan_parse(const Contraction *c, const char *text, TaskPlan *plan) {
    char inner[32], around[32];
    int end = 0;
    *plan = (TaskPlan){0};
    int found = sscanf(text, " lanes=%31[^:]:%5d each=%31[^:]:%5d terms=%3d%n", inner, &plan->lanes,
                       around, &plan->tile, &plan->terms, &end);
    return found == 5 && text[end] == '\0' && is_constant(c) &&
           strcmp(inner, axis_name(c, task_inner(c))) == 0 &&
           strcmp(around, axis_name(c, task_around(c))) == 0 &&
           divides(plan->lanes, extent_of(c, task_inner(c))) &&
           divides(plan->tile, extent_of(c, task_around(c))) &&
           divides(plan->terms, extent_of(c, task_last(c)));
}
