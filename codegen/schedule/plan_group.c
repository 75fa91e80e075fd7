/* Chooses the plan of a contraction for groups of work-items.
 *
 * The model behind a tile: the device runs as many work-items at once as all cores' largest groups
 * have; a step of the reduction costs each its products, its loads from local memory, and its share
 * of what is staged. What counts is the time of all rounds, work-items beyond the ends included. */
#include "codegen/schedule/plan_group.h"

#include <limits.h>

enum { LIKELY_SYMBOL = 32 };
/* Below this neither operand would be used often enough to be worth staging. */
enum { LEAST_SIDE = 8, LEAST_REDUCED = 8 };
enum { MOST_CHUNK = 16, LEAST_CHUNK = 4 };

/* ---- axes ------------------------------------------------------------------------------------ */

GroupAxes group_axes(const Contraction *c) {
    GroupAxes a = {{0}, {{0}}, 0, {0}, 0, {0}};
    for (int i = 0; i < c->naxes; i++) {
        if (c->axes[i].reduced) continue;
        bool first = access_depends(&c->operands[0], i);
        bool second = c->noperands > 1 && access_depends(&c->operands[1], i);
        if (first == second || c->noperands == 1)
            a.others[a.nothers++] = i;
        else
            a.side[second][a.count[second]++] = i;
    }
    for (int p = 0; p < c->nparts; p++) {
        bool known = false;
        for (int i = 0; i < a.nreduced; i++) known = known || a.reduced[i] == c->parts[p].axis;
        if (!known) a.reduced[a.nreduced++] = c->parts[p].axis;
    }
    return a;
}

static int64_t likely(DimContext *dims, Dim extent) {
    enum { MOST_SYMBOLS = 64 };
    int64_t symbols[MOST_SYMBOLS], value;
    if (dim_symbol_count(dims) > MOST_SYMBOLS) return LIKELY_SYMBOL;
    for (int i = 0; i < MOST_SYMBOLS; i++) symbols[i] = LIKELY_SYMBOL;
    return dim_eval(extent, symbols, &value) && value > 0 ? value : 1;
}

static double volume(const Contraction *c, DimContext *dims, int count, const int *axes) {
    double product = 1;
    for (int i = 0; i < count; i++) product *= (double)likely(dims, c->axes[axes[i]].extent);
    return product;
}

/* ---- tiles ----------------------------------------------------------------------------------- */

typedef struct Shape {
    double size[2]; /* along items[0] and items[1] */
    double products, reduced;
    int bytes; /* of a staged element */
} Shape;

static double blocks(double extent, double size) {
    double whole = (double)(int64_t)(extent / size);
    return whole * size < extent ? whole + 1 : whole;
}

static bool tile_fits(const GroupPlan *plan, const TargetDesc *target, const Shape *shape) {
    enum { OTHER_REGISTERS = 24 };
    int items = plan->items[0] * plan->items[1], words = (shape->bytes + 3) / 4;
    int registers = (plan->each[0] * plan->each[1] + plan->each[0] + plan->each[1]) * words;
    int64_t rows = plan->items[0] * plan->each[0] + plan->items[1] * plan->each[1] + 2;
    return items <= target->group_items && items >= target->group_width &&
           registers + OTHER_REGISTERS <= target->item_registers &&
           rows * plan->chunk * shape->bytes <= target->local_bytes;
}

/* Work-items that run at once. */
static double device_items(const TargetDesc *target) {
    return (double)target->group_items * (target->cores > 0 ? target->cores : 1);
}

static double tile_cost(const GroupPlan *plan, const TargetDesc *target, const Shape *shape) {
    /* Against a product; a load from memory takes long, but others work meanwhile. */
    const double LOCAL_LOAD = 0.75, STAGED = 6, RESULT = 8;
    double items = plan->items[0] * plan->items[1], groups = shape->products, staged = 0;
    for (int i = 0; i < 2; i++) {
        groups *= blocks(shape->size[i], plan->items[i] * plan->each[i]);
        staged += plan->items[i] * plan->each[i];
    }
    double step = plan->each[0] * plan->each[1] + LOCAL_LOAD * (plan->each[0] + plan->each[1]);
    double item = shape->reduced * (step + STAGED * staged / items);
    item += RESULT * plan->each[0] * plan->each[1];
    return blocks(groups * items, device_items(target)) * item;
}

/* Largest power of two up to the reduction's length. */
static int chunk_of(double reduced) {
    int chunk = MOST_CHUNK;
    while (chunk > LEAST_CHUNK && chunk > reduced) chunk /= 2;
    return chunk;
}

static void choose_tile(const TargetDesc *target, const Shape *shape, GroupPlan *plan) {
    enum { LEAST = 4, MOST = 32, MOST_EACH = 8 };
    double least = 0;
    GroupPlan trial = *plan;
    trial.chunk = chunk_of(shape->reduced);
    for (trial.items[0] = LEAST; trial.items[0] <= MOST; trial.items[0] *= 2)
        for (trial.items[1] = LEAST; trial.items[1] <= MOST; trial.items[1] *= 2)
            for (trial.each[0] = 1; trial.each[0] <= MOST_EACH; trial.each[0] *= 2)
                for (trial.each[1] = 1; trial.each[1] <= MOST_EACH; trial.each[1] *= 2) {
                    if (!tile_fits(&trial, target, shape)) continue;
                    double cost = tile_cost(&trial, target, shape);
                    if (plan->kind == GROUP_TILE && cost >= least * 0.999) continue;
                    least = cost;
                    *plan = trial;
                    plan->kind = GROUP_TILE;
                }
}

/* The side that the result lies along in memory. */
static int inner_side(const Contraction *c, const GroupAxes *axes) {
    int found = -1, last = -1;
    for (int s = 0; s < 2; s++) {
        for (int i = 0; i < axes->count[s]; i++) {
            int axis = axes->side[s][i];
            if (dim_is(c->axes[axis].extent, 1)) continue;
            if (last < 0 || axis > axes->side[last][axes->count[last] - 1]) last = s;
            if (c->result.along[axis] == STRIDE_ONE) found = s;
        }
    }
    return found >= 0 ? found : last >= 0 ? last : 0;
}

static bool plan_tile(const Contraction *c, const TargetDesc *target, DimContext *dims,
                      const GroupAxes *axes, GroupPlan *plan) {
    if (c->combine != COMBINE_DOT || !axes->count[0] || !axes->count[1]) return false;
    int inner = inner_side(c, axes);
    Shape shape = {.bytes = (int)dtype_bytes(c->dtype)};
    for (int i = 0; i < 2; i++) {
        int s = i == 0 ? inner : 1 - inner;
        shape.size[i] = volume(c, dims, axes->count[s], axes->side[s]);
        if (shape.size[i] < LEAST_SIDE) return false;
    }
    shape.products = volume(c, dims, axes->nothers, axes->others);
    shape.reduced = volume(c, dims, axes->nreduced, axes->reduced);
    if (shape.reduced < LEAST_REDUCED) return false;
    plan->inner = axes->side[inner][axes->count[inner] - 1];
    choose_tile(target, &shape, plan);
    return plan->kind == GROUP_TILE;
}

/* ---- trees ----------------------------------------------------------------------------------- */

int group_row_items(const TargetDesc *target, int64_t extent) {
    int items = target->group_width > 0 ? target->group_width : 1;
    while (items < target->group_items && (extent == 0 || items * 2 <= extent)) items *= 2;
    return items;
}

/* Where a step of the reduction goes to the next element in memory and a step along the result does
 * not, work-items side by side belong on the reduction. */
static bool reduces_along_memory(const Contraction *c, const GroupAxes *axes) {
    if (axes->nreduced == 0) return false;
    const Access *operand = &c->operands[c->noperands - 1];
    int last = axes->reduced[axes->nreduced - 1];
    if (operand->along[last] != STRIDE_ONE) return false;
    for (int i = 0; i < c->naxes; i++)
        if (!c->axes[i].reduced && operand->along[i] == STRIDE_ONE) return false;
    return true;
}

static bool plan_tree(const Contraction *c, const TargetDesc *target, DimContext *dims,
                      const GroupAxes *axes, GroupPlan *plan) {
    double reduced = volume(c, dims, axes->nreduced, axes->reduced), results = 1;
    for (int i = 0; i < c->naxes; i++)
        if (!c->axes[i].reduced) results *= (double)likely(dims, c->axes[i].extent);
    /* A result a work-item fills the device. */
    double enough = device_items(target);
    bool along = reduces_along_memory(c, axes);
    if (reduced < target->group_width * (along ? 1 : 2)) return false;
    if (!along && results * 4 >= enough) return false;
    plan->kind = GROUP_TREE;
    plan->items[0] = group_row_items(target, reduced > INT_MAX ? INT_MAX : (int64_t)reduced / 4);
    plan->items[1] = 1;
    while (plan->items[0] * plan->items[1] * 2 <= target->group_items / 2 &&
           plan->items[1] * 2 <= results)
        plan->items[1] *= 2;
    return true;
}

GroupPlan group_plan(const Contraction *c, const TargetDesc *target, DimContext *dims) {
    GroupPlan plan = {.kind = GROUP_NONE};
    GroupAxes axes = group_axes(c);
    if (plan_tile(c, target, dims, &axes, &plan)) return plan;
    plan_tree(c, target, dims, &axes, &plan);
    return plan;
}
