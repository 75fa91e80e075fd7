/* Chooses the plan of a contraction: first the vector axis, then the register tile.
 *
 * The model behind the tile: one step of the reduction takes as long as its fmas, its loads or the
 * latency of an fma, whichever is longest; what counts is the sum over all tiles, remainders
 * included. */
#include "codegen/schedule/plan.h"

/* Cycles from an fma's operand to its result, and loads started per cycle: alike on all recent
 * cores. */
enum { FMA_LATENCY = 4, LOADS_PER_CYCLE = 2, SCALAR_REGISTERS = 16 };
enum { LIKELY_SYMBOL = 32, MOST_VECTORS = 8, MOST_TILE = 30, MOST_OF_WINDOWS = 16 };

typedef struct Planner {
    const Contraction *c;
    const TargetDesc *target;
    int64_t extent[MAX_DOMAIN];
    bool fixed[MAX_DOMAIN];
} Planner;

static int64_t ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

static Planner make_planner(const Contraction *c, const TargetDesc *target, DimContext *dims) {
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

static double volume(const Planner *p, bool reduced) {
    double product = 1;
    for (int i = 0; i < p->c->naxes; i++)
        if (p->c->axes[i].reduced == reduced) product *= (double)p->extent[i];
    return product;
}

/* ---- the vector axis ------------------------------------------------------------------------- */

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

/* Operations, vector or scalar, of the whole nest with that vector axis (-1: none). */
static double vector_cost(const Planner *p, int axis) {
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

static int choose_vector_axis(const Planner *p) {
    int best = -1;
    double least = vector_cost(p, -1);
    for (int i = 0; i < p->c->naxes; i++) {
        if (p->c->axes[i].lanes == 1 || p->extent[i] == 1) continue;
        double cost = vector_cost(p, i);
        if (cost >= least) continue;
        least = cost;
        best = i;
    }
    return best;
}

/* ---- the tile -------------------------------------------------------------------------------- */

static bool depends(const Planner *p, int operand, int axis) {
    return axis >= 0 && access_depends(&p->c->operands[operand], axis);
}

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
    int ports = p->target->fma_ports > 0 ? p->target->fma_ports : 1;
    double cycles = fmas / ports;
    if (loads / LOADS_PER_CYCLE > cycles) cycles = loads / LOADS_PER_CYCLE;
    if (cycles < FMA_LATENCY) cycles = FMA_LATENCY;
    /* The loop itself, and that loads now and then wait: vectors, which are streamed, more often than
     * single elements, of which a line holds several. */
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

static int register_count(const Planner *p) {
    return p->target->vector_registers > 0 ? p->target->vector_registers : SCALAR_REGISTERS;
}

static int64_t vector_blocks(const Planner *p, const ContractionPlan *plan) {
    if (plan->vector_axis < 0) return 1;
    return ceil_div(p->extent[plan->vector_axis], plan->lanes);
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
    return registers_needed(p, plan, sizes[0] * sizes[1]) <= register_count(p);
}

/* A tile is whole blocks, or within one: otherwise every vector has an address of its own. */
static bool vectors_fit(const Planner *p, const ContractionPlan *plan) {
    if (plan->vector_axis < 0) return true;
    int elements = plan->vectors * plan->lanes, panel = p->c->axes[plan->vector_axis].panel;
    return elements % panel == 0 || panel % elements == 0;
}

/* Hears of every tile that fits the registers, with what it costs. */
typedef void TileVisitor(void *data, const ContractionPlan *plan, double cost);

static void each_tile(const Planner *p, const ContractionPlan *start, TileVisitor *visit,
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
    each_tile(p, &start, keep_cheapest, &(Cheapest){.plan = plan});
}

/* ---- the rest -------------------------------------------------------------------------------- */

/* Iterations of the reduction's innermost loop; 0: unknown, or it runs along the vector. */
static int64_t innermost_extent(const Planner *p, const ContractionPlan *plan) {
    if (p->c->nparts == 0) return 0;
    LoopPart part = p->c->parts[p->c->nparts - 1];
    if (part.axis == plan->vector_axis || !p->fixed[part.axis]) return 0;
    int64_t extent = p->extent[part.axis], block = p->c->axes[part.axis].block;
    if (part.kind == PART_BLOCKS) return extent / block;
    if (part.kind == PART_INSIDE) extent = block;
    return plan->dot > 1 && part.axis == p->c->dot_axis ? extent / plan->dot : extent;
}

/* Short bodies are unrolled, so that the loop's own instructions do not count; a row of a window as a
 * whole, so that its results share loads and each index is tested only where it may leave. */
static int choose_unroll(const Planner *p, const ContractionPlan *plan) {
    enum { ENOUGH = 24, MOST_UNROLLED = 8 };
    int accumulators = plan->vectors, unroll = 1;
    for (int t = 0; t < plan->ntiles; t++) accumulators *= plan->tiles[t].size;
    int64_t extent = innermost_extent(p, plan);
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

/* A long scalar sum is cut into several, which run side by side and lose less: the axis is treated
 * as one of vectors with a single lane. -1: none. */
static int choose_scalar_axis(const Planner *p) {
    enum { LONG = 64 };
    const Contraction *c = p->c;
    if (c->noperands > 1 || c->nparts == 0) return -1;
    LoopPart last = c->parts[c->nparts - 1];
    return last.kind == PART_WHOLE && p->extent[last.axis] >= LONG ? last.axis : -1;
}

/* With the axis's lanes; -1: as many accumulators as a long scalar sum wants. */
/* Lanes along the dot axis hold one element each. */
static bool dots_fit(const Contraction *c, int vector_axis) {
    return c->dot > 1 && vector_axis >= 0 && vector_axis != c->dot_axis;
}

static ContractionPlan start_plan(const Planner *p, int vector_axis) {
    ContractionPlan plan = {.vector_axis = vector_axis, .lanes = 1, .vectors = 1, .unroll = 1};
    if (vector_axis >= 0)
        plan.lanes = p->c->axes[vector_axis].lanes;
    else
        plan.vector_axis = choose_scalar_axis(p);
    if (dots_fit(p->c, vector_axis)) plan.dot = p->c->dot;
    return plan;
}

static void finish_plan(const Planner *p, ContractionPlan *plan) {
    plan->unroll = choose_unroll(p, plan);
    plan->parallel_tiles = choose_parallel(p, plan);
    plan->prefetch = choose_prefetch(p, plan);
}

ContractionPlan contraction_plan(const Contraction *c, const TargetDesc *target, DimContext *dims) {
    Planner p = make_planner(c, target, dims);
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
    plan = start_plan(&p, choose_vector_axis(&p));
    choose_tile(&p, &plan);
    finish_plan(&p, &plan);
    return plan;
}

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
    ContractionPlan start = start_plan(p, vector_axis);
    each_tile(p, &start, rank, &r);
    for (size_t i = 0; i < r.count && count < most; i++) {
        if (same_plan(&ranked[i], &plans[0])) continue;
        finish_plan(p, &ranked[i]);
        plans[count++] = ranked[i];
    }
    return count;
}

size_t contraction_plans(const Contraction *c, const TargetDesc *target, DimContext *dims,
                         ContractionPlan *plans, size_t most) {
    enum { OF_ANOTHER_AXIS = 3 };
    Planner p = make_planner(c, target, dims);
    if (most == 0) return 0;
    plans[0] = contraction_plan(c, target, dims);
    if (target->streams || target->group_items > 0) return 1;
    int chosen = choose_vector_axis(&p);
    double least = vector_cost(&p, chosen);
    size_t count = 1;
    for (int i = 0; i < c->naxes && most > 4 * OF_ANOTHER_AXIS; i++) {
        if (i == chosen || c->axes[i].lanes == 1 || p.extent[i] == 1) continue;
        if (vector_cost(&p, i) > 2 * least || count > 2 * OF_ANOTHER_AXIS) continue;
        count = add_ranked(&p, i, plans, count, count + OF_ANOTHER_AXIS);
    }
    return add_ranked(&p, chosen, plans, count, most);
}

/* ---- whether a plan fits --------------------------------------------------------------------- */

static bool vector_fits(const Planner *p, const ContractionPlan *plan) {
    int axis = plan->vector_axis;
    if (axis < 0) return plan->lanes == 1 && plan->vectors == 1;
    if (axis >= p->c->naxes) return false;
    bool scalar_sum = plan->lanes == 1 && axis == choose_scalar_axis(p);
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
    Planner p = make_planner(c, target, dims);
    int accumulators = 1;
    if (target->streams || target->group_items > 0) return false;
    if (plan->prefetch && plan->vector_axis >= 0 && c->axes[plan->vector_axis].reduced)
        return false;
    if (plan->task.lanes > 0 || plan->group.kind != GROUP_NONE) return false;
    if (plan->matrix.depth > 0) return is_bare(plan) && matrix_plan_fits(c, target, &plan->matrix);
    if (!vector_fits(&p, plan)) return false;
    if (plan->dot > 1 && (plan->dot != c->dot || !dots_fit(c, plan->vector_axis))) return false;
    for (int t = 0; t < plan->ntiles; t++) {
        int axis = plan->tiles[t].axis;
        if (axis == plan->vector_axis || c->axes[axis].reduced) return false;
        if (t > 0 && axis == plan->tiles[0].axis) return false;
        if (plan->tiles[t].size > p.extent[axis] || plan->tiles[t].size > MOST_TILE) return false;
        accumulators *= plan->tiles[t].size;
    }
    if (registers_needed(&p, plan, accumulators) > register_count(&p)) return false;
    if (plan->unroll == 1) return true;
    return plan->unroll <= MOST_UNROLLED && innermost_extent(&p, plan) > 0 &&
           innermost_extent(&p, plan) % plan->unroll == 0;
}
