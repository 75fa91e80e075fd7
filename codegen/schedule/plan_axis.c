/* The axis along which vectors lie: the one that leaves the fewest operations. */
#include "codegen/schedule/planner.h"

Planner planner_make(const Contraction *c, const TargetDesc *target, DimContext *dims) {
    enum { MOST_SYMBOLS = 64 };
    Planner p = {.c = c, .target = target};
    int64_t symbols[MOST_SYMBOLS];
    for (int i = 0; i < MOST_SYMBOLS; i++) symbols[i] = LIKELY_SYMBOL;
    for (int i = 0; i < c->naxes; i++) {
        p.fixed[i] = dim_is_int(c->axes[i].extent, &p.extent[i]);
        bool few = dim_symbol_count(dims) <= MOST_SYMBOLS;
        if (!p.fixed[i] && !(few && dim_eval(c->axes[i].extent, symbols, &p.extent[i])))
            p.extent[i] = LIKELY_SYMBOL;
        if (p.extent[i] < 1) p.extent[i] = 1;
    }
    return p;
}

/* How often a tile will use one element of the operand, roughly. */
static double reuse(const Planner *p, int operand) {
    enum { MOST = 8 };
    double times = 1;
    for (int i = 0; i < p->c->naxes; i++)
        if (!p->c->axes[i].reduced && !access_depends(&p->c->operands[operand], i))
            times *= (double)p->extent[i];
    return times < MOST ? times : MOST;
}

/* Of a vector of results: element by element, or turned in registers where they lie side by side
 * along another axis. */
static double store_cost(const Contraction *c, int axis) {
    enum { TURNED = 6 };
    int lanes = c->axes[axis].lanes;
    if (c->result.along[axis] != STRIDE_ANY) return 1;
    for (int i = 0; i < c->naxes; i++)
        if (!c->axes[i].reduced && c->result.along[i] == STRIDE_ONE && lanes > TURNED)
            return TURNED;
    return lanes;
}

/* What a vector of an operand costs beyond one load. */
static double load_cost(const Contraction *c, int operand, int axis) {
    enum { SHUFFLED = 2 }; /* another load, and picking the lanes from both */
    int lanes = c->axes[axis].lanes;
    switch (c->operands[operand].along[axis]) {
    case STRIDE_FEW: return lanes < SHUFFLED ? lanes : SHUFFLED;
    case STRIDE_ANY: return lanes;
    default: return 0;
    }
}

double planner_axis_cost(const Planner *p, int axis) {
    const Contraction *c = p->c;
    double results = volume(p, false), steps = volume(p, true);
    if (axis < 0) return results * (steps + 1);
    int lanes = c->axes[axis].lanes;
    double step = 1, store = store_cost(c, axis);
    for (int i = 0; i < c->noperands; i++) step += load_cost(c, i, axis) / reuse(p, i);
    double blocks = (double)ceil_div(p->extent[axis], lanes) / (double)p->extent[axis];
    int dot = axis != c->dot_axis && c->dot > 1 ? c->dot : 1;
    if (!c->axes[axis].reduced) return results * blocks * (steps / dot * step + store);
    double across = 2; /* lanes are combined in halves, two operations each */
    for (int n = lanes; n > 1; n /= 2) across += 2;
    return results * (steps * blocks * step + across);
}

int planner_vector_axis(const Planner *p) {
    int best = -1;
    double least = planner_axis_cost(p, -1);
    for (int i = 0; i < p->c->naxes; i++) {
        if (p->c->axes[i].lanes == 1 || p->extent[i] == 1) continue;
        double cost = planner_axis_cost(p, i);
        if (cost >= least) continue;
        least = cost;
        best = i;
    }
    return best;
}
