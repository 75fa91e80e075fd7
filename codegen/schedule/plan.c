/* Chooses the plan of a contraction: after the vector axis (plan_axis.c) the register tile, by its
 * cost, then the rest.
 *
 * The model behind the tile: one step of the reduction takes as long as its fmas, its loads or the
 * latency of an fma, whichever is longest; what counts is the sum over all tiles, remainders
 * included. */
#include "codegen/schedule/planner.h"

/* Cycles from an fma's operand to its result, and loads started per cycle: alike on all recent
 * cores. */
enum { FMA_LATENCY = 4, LOADS_PER_CYCLE = 2, SCALAR_REGISTERS = 16 };
enum { MOST_OF_WINDOWS = 16 };

/* ---- what can be tiled ----------------------------------------------------------------------- */

/* Whether tiling the axis lets some operand be used again: one that the vector axis or the other
 * tile varies. */
static bool reuses(const Planner *p, int axis, int vector_axis) {
    if (p->c->noperands == 1) return true;
    bool reduced = vector_axis < 0 || p->c->axes[vector_axis].reduced;
    for (int i = 0; i < p->c->noperands; i++)
        if (!depends(p, i, axis) && (reduced || depends(p, i, vector_axis))) return true;
    return false;
}

/* Whether neighbours among the results share elements. */
static bool is_window(const Contraction *c) {
    if (c->noperands > 1) return false;
    for (int i = 0; i < c->operands[0].value->type.rank; i++)
        if (c->operands[0].index[i].nterms > 1) return true;
    return false;
}

/* Axes worth tiling, the innermost first. Of windows that is the innermost axis, of which they share
 * elements, or none: memory is gone through in its order. */
static int tile_candidates(const Planner *p, int vector_axis, int *axes) {
    int count = 0;
    for (int i = p->c->naxes - 1; i >= 0; i--) {
        if (i == vector_axis && is_window(p->c)) break;
        if (p->c->axes[i].reduced || i == vector_axis || p->extent[i] == 1) continue;
        if (!reuses(p, i, vector_axis)) continue;
        if (count == 1 && p->c->noperands == 2) {
            /* The second tile reuses the other operand where sums run along the vector, else the
             * same one. */
            bool reduced = vector_axis < 0 || p->c->axes[vector_axis].reduced;
            bool same = depends(p, 0, i) == depends(p, 0, axes[0]);
            if (reduced == same) continue;
        }
        axes[count++] = i;
        if (count == MAX_TILES || is_window(p->c)) break;
    }
    return count;
}

static int registers_needed(const Planner *p, const ContractionPlan *plan, int tile) {
    int needed = plan->vectors * tile;
    for (int i = 0; i < p->c->noperands; i++) {
        bool varies = depends(p, i, plan->vector_axis), tiled = false;
        for (int t = 0; t < plan->ntiles; t++) tiled = tiled || depends(p, i, plan->tiles[t].axis);
        needed += varies && !tiled ? plan->vectors : 1;
    }
    return needed;
}

bool planner_registers_fit(const Planner *p, const ContractionPlan *plan, int tile) {
    int known = p->target->vector_registers;
    return registers_needed(p, plan, tile) <= (known > 0 ? known : SCALAR_REGISTERS);
}

/* ---- what a tile costs ----------------------------------------------------------------------- */

/* Cycles of one step of the reduction in a tile of these sizes. */
static double step_cycles(const Planner *p, const ContractionPlan *plan, int vectors,
                          const int *sizes) {
    double fmas = vectors, loads = 0, waits = 0;
    for (int t = 0; t < plan->ntiles; t++) fmas *= sizes[t];
    for (int i = 0; i < p->c->noperands; i++) {
        double n = depends(p, i, plan->vector_axis) ? vectors : 1;
        for (int t = 0; t < plan->ntiles; t++)
            if (depends(p, i, plan->tiles[t].axis)) n *= sizes[t];
        loads += n;
        waits += n / (depends(p, i, plan->vector_axis) ? 8 : 16);
    }
    double cycles = fmas / target_fma_ports(p->target, plan->lanes * (int)dtype_bits(p->c->dtype));
    if (loads / LOADS_PER_CYCLE > cycles) cycles = loads / LOADS_PER_CYCLE;
    if (cycles < FMA_LATENCY) cycles = FMA_LATENCY;
    /* The loop itself, and that loads now and then wait: vectors, which are streamed, more often
     * than single elements, of which a line holds several. */
    return cycles + 0.5 + waits;
}

/* Sum over main tiles and remainders, axis by axis. */
static double total_cycles(const Planner *p, const ContractionPlan *plan, int tile, int *sizes) {
    if (tile < plan->ntiles) {
        int64_t extent = p->extent[plan->tiles[tile].axis];
        int size = plan->tiles[tile].size;
        double sum = 0;
        sizes[tile] = size;
        if (extent >= size) sum = (double)(extent / size) * total_cycles(p, plan, tile + 1, sizes);
        sizes[tile] = (int)(extent % size);
        if (sizes[tile]) sum += total_cycles(p, plan, tile + 1, sizes);
        return sum;
    }
    int64_t blocks = 1;
    if (plan->vector_axis >= 0) blocks = ceil_div(p->extent[plan->vector_axis], plan->lanes);
    double sum = (double)(blocks / plan->vectors) * step_cycles(p, plan, plan->vectors, sizes);
    int rest = (int)(blocks % plan->vectors);
    return rest ? sum + step_cycles(p, plan, rest, sizes) : sum;
}

typedef struct Candidates {
    int count, axes[MAX_TILES];
} Candidates;

static double operand_bytes(const Planner *p, int operand) {
    const TensorType *type = &p->c->operands[operand].value->type;
    double bytes = (double)dtype_bytes(type->dtype);
    for (int i = 0; i < type->rank; i++) {
        int64_t size;
        bytes *= dim_is_int(type->dims[i], &size) ? (double)size : LIKELY_SYMBOL;
    }
    return bytes;
}

static double result_bytes(const Planner *p) {
    return volume(p, false) * (double)dtype_bytes(p->c->result.value->type.dtype);
}

static double kernel_bytes(const Planner *p) {
    double bytes = result_bytes(p);
    for (int i = 0; i < p->c->noperands; i++) bytes += operand_bytes(p, i);
    return bytes;
}

/* After a short reduction as many results wait to be stored as the tile has accumulators. A
 * processor hides that behind the next tile's sums only where both fit what it looks ahead. Where
 * elements come from far away, loads that are under way count for more. */
static double crowding(const Planner *p, const ContractionPlan *plan) {
    enum { SHORT = 16, MOST_HIDDEN = 16, NEAR = 2 };
    int accumulators = plan->vectors;
    for (int t = 0; t < plan->ntiles; t++) accumulators *= plan->tiles[t].size;
    bool is_near = kernel_bytes(p) < NEAR * (double)p->target->l2_bytes;
    return is_near && volume(p, true) < SHORT && accumulators > MOST_HIDDEN ? 1.1 : 1;
}

/* Cycles for the candidates' whole extents. Remainders are code of their own: of two plans that are
 * nearly as fast the one with fewer is better. */
static double plan_cost(const Planner *p, const Candidates *candidates,
                        const ContractionPlan *plan) {
    int sizes[MAX_TILES], remainders = vector_blocks(p, plan) % plan->vectors != 0;
    double cycles = total_cycles(p, plan, 0, sizes);
    for (int n = 0; n < candidates->count; n++) cycles *= (double)p->extent[candidates->axes[n]];
    for (int t = 0; t < plan->ntiles; t++) {
        int64_t extent = p->extent[plan->tiles[t].axis];
        remainders += extent % plan->tiles[t].size != 0;
        cycles /= (double)extent;
    }
    return cycles * (1 + 0.02 * remainders) * crowding(p, plan);
}

/* ---- the choice among tiles ------------------------------------------------------------------ */

/* Whether axis number n of the candidates may be tiled by size; 1 is no tile. */
static bool size_fits(const Planner *p, const Candidates *candidates, int n, int size) {
    if (size == 1) return true;
    if (n >= candidates->count || size > p->extent[candidates->axes[n]]) return false;
    if (is_window(p->c) && size > MOST_OF_WINDOWS) return false;
    if (n == 0) return true;
    return p->fixed[candidates->axes[n]] && p->extent[candidates->axes[n]] % size == 0;
}

static bool set_tiles(const Planner *p, const Candidates *candidates, const int *sizes,
                      ContractionPlan *plan) {
    plan->ntiles = 0;
    for (int n = 0; n < MAX_TILES; n++) {
        if (!size_fits(p, candidates, n, sizes[n])) return false;
        if (sizes[n] == 1) continue;
        plan->tiles[plan->ntiles].axis = candidates->axes[n];
        plan->tiles[plan->ntiles++].size = sizes[n];
    }
    return planner_registers_fit(p, plan, sizes[0] * sizes[1]);
}

/* A tile is whole blocks, or within one: otherwise every vector has an address of its own. */
static bool vectors_fit(const Planner *p, const ContractionPlan *plan) {
    if (plan->vector_axis < 0) return true;
    int elements = plan->vectors * plan->lanes, panel = p->c->axes[plan->vector_axis].panel;
    return elements % panel == 0 || panel % elements == 0;
}

void planner_each_tile(const Planner *p, const ContractionPlan *start, TileVisitor *visit,
                       void *data) {
    Candidates candidates;
    ContractionPlan trial = *start;
    candidates.count = tile_candidates(p, start->vector_axis, candidates.axes);
    int most =
        (int)(vector_blocks(p, start) < MOST_VECTORS ? vector_blocks(p, start) : MOST_VECTORS);
    for (int sizes[MAX_TILES + 1] = {1, 1, 1}; sizes[2] <= most;) {
        trial.vectors = sizes[2];
        if (vectors_fit(p, &trial) && set_tiles(p, &candidates, sizes, &trial))
            visit(data, &trial, plan_cost(p, &candidates, &trial));
        int n = 0; /* the next triple: first tile, second tile, vectors */
        while (n < MAX_TILES && sizes[n] == MOST_TILE) sizes[n++] = 1;
        sizes[n]++;
    }
}

typedef struct Cheapest {
    ContractionPlan *plan;
    double cost; /* 0: there is none yet */
} Cheapest;

/* The first of equals wins. */
static void keep_cheapest(void *data, const ContractionPlan *plan, double cost) {
    Cheapest *best = data;
    if (best->cost > 0 && cost >= best->cost * 0.999) return;
    best->cost = cost;
    *best->plan = *plan;
}

static void choose_tile(const Planner *p, ContractionPlan *plan) {
    ContractionPlan start = *plan;
    planner_each_tile(p, &start, keep_cheapest, &(Cheapest){.plan = plan});
}

/* ---- the rest -------------------------------------------------------------------------------- */

int64_t planner_innermost(const Planner *p, const ContractionPlan *plan) {
    if (p->c->nparts == 0) return 0;
    LoopPart part = p->c->parts[p->c->nparts - 1];
    if (part.axis == plan->vector_axis || !p->fixed[part.axis]) return 0;
    int64_t extent = p->extent[part.axis], block = p->c->axes[part.axis].block;
    if (part.kind == PART_BLOCKS) return extent / block;
    if (part.kind == PART_INSIDE) extent = block;
    return plan->dot > 1 && part.axis == p->c->dot_axis ? extent / plan->dot : extent;
}

/* Short bodies are unrolled, so that the loop's own instructions do not count; a row of a window as
 * a whole, so that its results share loads and each index is tested only where it may leave. */
static int choose_unroll(const Planner *p, const ContractionPlan *plan) {
    enum { ENOUGH = 24, MOST_UNROLLED = 8 };
    int accumulators = plan->vectors, unroll = 1;
    for (int t = 0; t < plan->ntiles; t++) accumulators *= plan->tiles[t].size;
    int64_t extent = planner_innermost(p, plan);
    if (extent == 0) return 1;
    if (is_window(p->c) && extent <= MOST_UNROLLED) return (int)extent;
    while (accumulators * unroll < ENOUGH && unroll < MOST_UNROLLED && extent % (2 * unroll) == 0)
        unroll *= 2;
    return unroll;
}

/* Loops over tiles stay inside one iteration, where they share what is in cache, unless there is
 * too little else to spread. */
static bool choose_parallel(const Planner *p, const ContractionPlan *plan) {
    enum { ENOUGH = 8 };
    int64_t outer = 1;
    for (int i = 0; i < p->c->naxes; i++) {
        bool tiled = false;
        for (int t = 0; t < plan->ntiles; t++) tiled = tiled || plan->tiles[t].axis == i;
        if (p->c->axes[i].reduced || tiled) continue;
        outer *=
            i == plan->vector_axis ? ceil_div(vector_blocks(p, plan), plan->vectors) : p->extent[i];
        if (outer >= ENOUGH) return false;
    }
    return plan->ntiles > 0;
}

/* Results that the L2 cache will not have kept from the run before: there are many, and what the
 * kernel reads besides pushes them out. Sums have to take a while, or there is no time to win. */
static bool choose_prefetch(const Planner *p, const ContractionPlan *plan) {
    enum { LEAST_STEPS = 16 };
    double cache = (double)p->target->l2_bytes;
    bool along_sums = plan->vector_axis < 0 || p->c->axes[plan->vector_axis].reduced;
    return cache > 0 && !along_sums && result_bytes(p) > cache / 4 && kernel_bytes(p) > cache &&
           volume(p, true) >= LEAST_STEPS;
}

int planner_scalar_axis(const Planner *p) {
    enum { LONG = 64 };
    const Contraction *c = p->c;
    if (c->noperands > 1 || c->nparts == 0) return -1;
    LoopPart last = c->parts[c->nparts - 1];
    return last.kind == PART_WHOLE && p->extent[last.axis] >= LONG ? last.axis : -1;
}

bool planner_dots_fit(const Planner *p, int vector_axis) {
    const Contraction *c = p->c;
    return c->dot > 1 && vector_axis >= 0 && vector_axis != c->dot_axis;
}

ContractionPlan planner_start(const Planner *p, int vector_axis) {
    ContractionPlan plan = {.vector_axis = vector_axis, .lanes = 1, .vectors = 1, .unroll = 1};
    if (vector_axis >= 0)
        plan.lanes = p->c->axes[vector_axis].lanes;
    else
        plan.vector_axis = planner_scalar_axis(p);
    if (planner_dots_fit(p, vector_axis)) plan.dot = p->c->dot;
    return plan;
}

void planner_finish(const Planner *p, ContractionPlan *plan) {
    plan->unroll = choose_unroll(p, plan);
    plan->parallel_tiles = choose_parallel(p, plan);
    plan->prefetch = choose_prefetch(p, plan);
}

ContractionPlan contraction_plan(const Contraction *c, const TargetDesc *target, DimContext *dims) {
    Planner p = planner_make(c, target, dims);
    ContractionPlan plan = {.vector_axis = -1, .lanes = 1, .vectors = 1, .unroll = 1};
    if (target->streams) {
        plan.task = task_plan(c, target);
        return plan;
    }
    if (target->group_items > 0) {
        plan.group = group_plan(c, target, dims);
        return plan;
    }
    if (matrix_plan(c, target, &plan.matrix)) return plan;
    plan = planner_start(&p, planner_vector_axis(&p));
    choose_tile(&p, &plan);
    planner_finish(&p, &plan);
    return plan;
}
