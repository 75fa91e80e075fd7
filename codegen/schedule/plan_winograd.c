/* Chooses the blocks of a Winograd convolution.
 *
 * The model: cycles of the products by their fmas and loads, plus the transforms by their
 * instructions, each as often as it is done; tiles beyond the last one are computed like others. */
#include "codegen/schedule/plan_winograd.h"

enum { MOST_TILES = 64, MOST_VECTORS = 4, MOST_CHANNELS = 256, LOADS_PER_CYCLE = 2 };
/* Cycles for a vector of channels and 6 x 6 points: loads, steps and stores. */
enum { IMAGE_CYCLES = 160, WEIGHT_CYCLES = 105, RESULT_CYCLES = 135 };
enum { LATENCY = 4 };

static int64_t scratch_bytes(const WinogradPlan *p) {
    int64_t points = (int64_t)(p->m + 2) * (p->m + 2), width = (int64_t)p->vectors * p->lanes;
    int64_t image = (int64_t)p->tiles * (p->channels + p->lanes), weight = p->channels * width;
    int64_t sums = p->tiles * width * p->groups;
    return 4 * points * (image + weight + sums);
}

/* Of one step of the sum over channels, for a tile in registers. */
static double step_cycles(const WinogradPlan *p, const TargetDesc *target) {
    double cycles = (double)p->rows * p->vectors / target_fma_ports(target, target->vector_bits);
    double loads = (double)(p->rows + p->vectors) / LOADS_PER_CYCLE;
    if (loads > cycles) cycles = loads;
    return (cycles < LATENCY ? LATENCY : cycles) + 0.5;
}

static double plan_cycles(const WinogradShape *s, const TargetDesc *target, const WinogradPlan *p) {
    double tiles =
        (double)s->images * (double)ceil_div(s->height, p->m) * (double)ceil_div(s->width, p->m);
    double blocks = (double)ceil_div((int64_t)tiles, p->tiles), slots = blocks * p->tiles;
    double points = (p->m + 2.0) * (p->m + 2.0), scale = points / 36;
    double vectors = (double)(s->filters / p->lanes), channels = (double)s->channels;
    double parts = vectors / p->vectors / p->groups, chunks = channels / p->channels;
    double products = slots / p->rows * points * channels * vectors / p->vectors;
    double cycles = products * step_cycles(p, target);
    cycles += slots * channels / p->lanes * parts * IMAGE_CYCLES * scale;
    cycles += blocks * channels * vectors * WEIGHT_CYCLES * scale;
    cycles += slots * vectors * RESULT_CYCLES * scale;
    cycles += slots * vectors * points * chunks * 3; /* sums from the second cache and back */
    double iterations = blocks * parts;
    /* Two threads are the least that a parallel run has. */
    return cycles * (0.9 + 0.1 * 2 * (double)ceil_div((int64_t)iterations, 2) / iterations);
}

/* Rows of the register tile so that tiles are a whole number of them; 0: too few registers. */
static int rows_of(int tiles, int vectors, const TargetDesc *target) {
    int most = (target->vector_registers - vectors - 1) / vectors;
    if (most < 1) return 0;
    int rows = tiles < most ? tiles : most;
    while (tiles % rows != 0) rows--;
    return rows;
}

typedef struct Search {
    const WinogradShape *shape;
    const TargetDesc *target;
    WinogradPlan *best;
    double least;
} Search;

static void try_plan(Search *s, const WinogradPlan *plan) {
    enum { MOST_SCRATCH = 768 << 10 };
    int64_t most = s->target->l2_bytes * 3 / 4;
    if (most == 0 || most > MOST_SCRATCH) most = MOST_SCRATCH;
    if (scratch_bytes(plan) > most) return;
    double cycles = plan_cycles(s->shape, s->target, plan);
    if (s->least > 0 && cycles >= s->least) return;
    s->least = cycles;
    *s->best = *plan;
}

/* All ways to cut channels and filters for given tiles and vectors. */
static void try_chunks(Search *s, WinogradPlan *plan) {
    int64_t groups = s->shape->filters / plan->lanes / plan->vectors;
    for (int64_t g = 1; g <= groups; g++) {
        if (groups % g != 0) continue;
        plan->groups = (int)g;
        for (int channels = plan->lanes; channels <= MOST_CHANNELS; channels += plan->lanes) {
            if (channels > s->shape->channels || s->shape->channels % channels != 0) continue;
            plan->channels = channels;
            try_plan(s, plan);
        }
    }
}

bool winograd_plan(const WinogradShape *shape, int m, const TargetDesc *target,
                   WinogradPlan *best) {
    Search s = {shape, target, best, 0};
    WinogradPlan plan = {.m = m, .lanes = target_lanes(target, 32)};
    int64_t vectors = shape->filters / plan.lanes;
    for (plan.tiles = 1; plan.tiles <= MOST_TILES; plan.tiles++) {
        for (plan.vectors = 1; plan.vectors <= MOST_VECTORS; plan.vectors++) {
            plan.rows = rows_of(plan.tiles, plan.vectors, target);
            if (plan.rows > 0 && vectors % plan.vectors == 0) try_chunks(&s, &plan);
        }
    }
    return s.least > 0;
}

void winograd_plan_print(const WinogradPlan *p, StrBuf *out) {
    str_printf(out, "winograd=%d lanes=%d tiles=%d rows=%d vectors=%d groups=%d channels=%d", p->m,
               p->lanes, p->tiles, p->rows, p->vectors, p->groups, p->channels);
}
