/* A tile of a product by a group of work-items: chunks of both operands are staged in local memory,
 * each work-item accumulates its results in registers.
 *
 * Rows and columns are collapsed axes, one index each; whoever stages an element finds its place
 * among the axes outside of the reduction's loop where it can. An operand is read along its rows
 * (or columns) where memory runs along them, else along the reduction: then it is turned on its
 * way, into rows of one element more so that neighbours do not meet in one bank. Elements beyond
 * the end are staged as zeros and never stored: no work-item leaves before the last barrier. */
#include "codegen/lower/nest.h"

enum { MOST_SLOTS = 64 };

/* One operand on its way into local memory. */
typedef struct Staged {
    int operand, side;                      /* side: 0 along items[0], 1 along items[1] */
    int length;                             /* of the tile along the side */
    bool along_reduced;                     /* neighbours are neighbours in the reduction */
    int lanes;                              /* of one load */
    int slots;                              /* loads of a work-item for one chunk */
    LX place[MOST_SLOTS], step[MOST_SLOTS]; /* in the tile, in the chunk: of a load's first */
    LX inside[MOST_SLOTS];                  /* the place exists; null: all do */
    LX at[MOST_SLOTS][MAX_DOMAIN];          /* along the side's axes */
    LX owner;                               /* this work-item loads anything; null: all do */
    LBuffer *buffer;                        /* [step][place] */
} Staged;

typedef struct GroupNest {
    Nest *n;
    const GroupPlan *plan;
    GroupAxes axes;
    int sides[2]; /* operand that side 0 and 1 belong to */
    Group group;
    LX id;       /* of the work-item in its group */
    LX begin[2]; /* of the tile along each side */
    Dim extent[2], reduced;
    Staged staged[2];
    LBuffer *sums; /* [each 1][each 0] */
} GroupNest;

/* ---- how an operand is read ------------------------------------------------------------------ */

static int last_long_axis(const Contraction *c, int count, const int *axes) {
    for (int i = count - 1; i >= 0; i--)
        if (!dim_is(c->axes[axes[i]].extent, 1)) return axes[i];
    return -1;
}

static bool is_along(const Access *access, int axis) {
    return axis >= 0 && access->along[axis] == STRIDE_ONE;
}

/* The axis decides an index of the operand that others decide too, or that may leave it. */
static bool is_shared(const Access *access, int axis) {
    for (int i = 0; i < access->value->type.rank; i++) {
        const AffineIndex *index = &access->index[i];
        if (affine_depends(index, axis) && (index->may_leave || index->nterms > 1)) return true;
    }
    return false;
}

/* Several elements at once, where neither an axis' end nor a test comes between them. */
static int lanes_along(const Nest *n, const Access *access, int axis, int most) {
    int lanes = n->c->axes[axis].lanes;
    DimContext *dims = n->k->dims;
    if (is_shared(access, axis)) return 1;
    while (lanes > 1 && (lanes > most ||
                         !dim_is(dim_mod(dims, n->c->axes[axis].extent, dim_int(dims, lanes)), 0)))
        lanes /= 2;
    return lanes;
}

static Staged describe_staged(const GroupNest *g, int side) {
    const Contraction *c = g->n->c;
    const GroupPlan *plan = g->plan;
    int operand = g->sides[side];
    Staged s = {.operand = operand, .side = side, .lanes = 1};
    const Access *access = &c->operands[operand];
    int own = last_long_axis(c, g->axes.count[operand], g->axes.side[operand]);
    int reduced = last_long_axis(c, g->axes.nreduced, g->axes.reduced);
    s.length = plan->items[side] * plan->each[side];
    s.along_reduced =
        !is_along(access, own) && is_along(access, reduced) && !is_shared(access, reduced);
    int axis = s.along_reduced ? reduced : own;
    if (is_along(access, axis))
        s.lanes = lanes_along(g->n, access, axis, s.along_reduced ? plan->chunk : s.length);
    int loads = s.length * plan->chunk / s.lanes, items = plan->items[0] * plan->items[1];
    s.slots = loads > items ? loads / items : 1;
    require(s.slots <= MOST_SLOTS);
    return s;
}

/* ---- places ---------------------------------------------------------------------------------- */

/* Load number slot * items + id runs through `inner` places first. All are powers of two. */
static void split_load(const GroupNest *g, int slot, int inner, LX *low, LX *high) {
    LBuilder *b = g->n->k->b;
    int items = g->plan->items[0] * g->plan->items[1];
    LX size = lx_int(b, inner);
    if (items >= inner) {
        *low = lx_binary(b, LB_MOD, g->id, size);
        *high = lx_addi(b, lx_binary(b, LB_FLOORDIV, g->id, size), slot * (items / inner));
    } else {
        int rows = inner / items;
        *low = lx_addi(b, g->id, (int64_t)(slot % rows) * items);
        *high = lx_int(b, slot / rows);
    }
}

/* Sets n->at along a side's axes for an index in its tile; returns whether it exists, null: it
 * does. */
static LX place_side(GroupNest *g, int side, LX place) {
    Nest *n = g->n;
    LBuilder *b = n->k->b;
    int operand = g->sides[side], length = g->plan->items[side] * g->plan->each[side];
    LX index = lb_let(b, side ? "row" : "column", lx_add(b, g->begin[side], place));
    nest_scatter(n, g->axes.count[operand], g->axes.side[operand], index);
    DimContext *dims = n->k->dims;
    if (dim_is(dim_mod(dims, g->extent[side], dim_int(dims, length)), 0)) return NULL;
    return lb_let(b, "exists", lx_binary(b, LB_LT, index, lx_dim(b, g->extent[side])));
}

/* Loads with the same number have the same place. */
static int place_number(const GroupNest *g, const Staged *s, int inner, int slot) {
    int items = g->plan->items[0] * g->plan->items[1];
    if (items >= inner) return s->along_reduced ? slot : 0;
    int rows = inner / items;
    return s->along_reduced ? slot / rows : slot % rows;
}

static void find_places(GroupNest *g, Staged *s) {
    Nest *n = g->n;
    LBuilder *b = n->k->b;
    int items = g->plan->items[0] * g->plan->items[1];
    int inner = (s->along_reduced ? g->plan->chunk : s->length) / s->lanes;
    const int *axes = g->axes.side[s->operand];
    if (s->length * g->plan->chunk / s->lanes < items)
        s->owner =
            lb_let(b, "loads",
                   lx_binary(b, LB_LT, g->id, lx_int(b, s->length * g->plan->chunk / s->lanes)));
    for (int slot = 0; slot < s->slots; slot++) {
        LX low, high;
        split_load(g, slot, inner, &low, &high);
        low = lx_muli(b, low, s->lanes);
        s->place[slot] = s->along_reduced ? high : low;
        s->step[slot] = s->along_reduced ? low : high;
        int same = 0;
        while (place_number(g, s, inner, same) != place_number(g, s, inner, slot)) same++;
        if (same == slot) {
            s->inside[slot] = place_side(g, s->side, s->place[slot]);
            for (int i = 0; i < g->axes.count[s->operand]; i++)
                s->at[slot][axes[i]] = n->at[axes[i]];
            continue;
        }
        s->inside[slot] = s->inside[same];
        for (int i = 0; i < g->axes.count[s->operand]; i++)
            s->at[slot][axes[i]] = s->at[same][axes[i]];
    }
}

/* ---- staging --------------------------------------------------------------------------------- */

static void store_staged(GroupNest *g, const Staged *s, int slot, LX value) {
    LBuilder *b = g->n->k->b;
    LX index[2] = {s->step[slot], s->place[slot]};
    if (s->lanes > 1 && !s->along_reduced) index[1] = lx_ramp(b, index[1], 1, s->lanes);
    if (s->lanes == 1 || !s->along_reduced) {
        lb_store(b, s->buffer, index, value, NULL);
        return;
    }
    for (int lane = 0; lane < s->lanes; lane++) {
        index[0] = lx_addi(b, s->step[slot], lane);
        lb_store(b, s->buffer, index, lx_extract(b, value, lane), NULL);
    }
}

static void stage_slot(GroupNest *g, const Staged *s, int slot, LX first_step) {
    Nest *n = g->n;
    Kernel *k = n->k;
    LBuilder *b = k->b;
    size_t scope = scope_begin(k);
    const int *axes = g->axes.side[s->operand];
    int along = s->along_reduced ? last_long_axis(n->c, g->axes.nreduced, g->axes.reduced)
                                 : last_long_axis(n->c, g->axes.count[s->operand], axes);
    for (int i = 0; i < g->axes.count[s->operand]; i++) n->at[axes[i]] = s->at[slot][axes[i]];
    LX step = lb_let(b, "k", lx_add(b, first_step, s->step[slot])), exists = s->inside[slot];
    nest_scatter(n, g->axes.nreduced, g->axes.reduced, step);
    DimContext *dims = k->dims;
    if (!dim_is(dim_mod(dims, g->reduced, dim_int(dims, g->plan->chunk)), 0))
        exists = both(k, exists, lx_binary(b, LB_LT, step, lx_dim(b, g->reduced)));
    if (s->lanes > 1) n->at[along] = lx_ramp(b, n->at[along], 1, s->lanes);
    /* Masked vectors would be loaded lane by lane. */
    LStmt *branch = exists && s->lanes > 1 ? lb_if(b, exists) : NULL;
    LX zero = zero_of(k, ltype(n->c->dtype, s->lanes));
    Guards before = guard_push(k, branch ? NULL : exists);
    LX value = nest_load(n, s->operand);
    guard_pop(k, before);
    if (exists && !branch) value = lx_select(b, exists, value, zero);
    value = lb_let(b, "staged", lx_broadcast(b, value, s->lanes));
    store_staged(g, s, slot, value);
    scope_end(k, scope);
    if (!branch) return;
    lb_else(b, branch);
    store_staged(g, s, slot, zero);
    lb_end(b, branch);
}

static void stage(GroupNest *g, const Staged *s, LX first_step) {
    LBuilder *b = g->n->k->b;
    LStmt *branch = s->owner ? lb_if(b, s->owner) : NULL;
    for (int slot = 0; slot < s->slots; slot++) stage_slot(g, s, slot, first_step);
    if (branch) lb_end(b, branch);
}

/* ---- products -------------------------------------------------------------------------------- */

/* Results of one work-item lie side by side along side 1, and apart by the items along side 0. */
static LX result_place(const GroupNest *g, int side, LX number) {
    LBuilder *b = g->n->k->b;
    if (side == 0) return lx_add(b, lx_muli(b, number, g->plan->items[0]), g->group.item[0]);
    return lx_add(b, lx_muli(b, g->group.item[1], g->plan->each[1]), number);
}

static LBuffer *load_staged(GroupNest *g, int side, LX step) {
    static const char *const names[] = {"c", "r"};
    LBuilder *b = g->n->k->b;
    int64_t each = g->plan->each[side];
    LBuffer *values = lb_declare(b, names[side], SPACE_PRIVATE, ltype(g->n->c->dtype, 1), 1, &each);
    for (int64_t i = 0; i < each; i++) {
        LX number = lx_int(b, i), index[2] = {step, result_place(g, side, number)};
        lb_store(b, values, &number, lx_load(b, g->staged[side].buffer, index), NULL);
    }
    return values;
}

static Loop unrolled(GroupNest *g, const char *name, int count) {
    LBuilder *b = g->n->k->b;
    return loop_open(g->n->k, LOOP_UNROLL, name, lx_int(b, 0), lx_int(b, count));
}

static void multiply(GroupNest *g) {
    LBuilder *b = g->n->k->b;
    Loop step = loop_open(g->n->k, LOOP_SERIAL, "s", lx_int(b, 0), lx_int(b, g->plan->chunk));
    LBuffer *values[2];
    for (int side = 0; side < 2; side++) values[side] = load_staged(g, side, step.var);
    Loop row = unrolled(g, "i", g->plan->each[1]), column = unrolled(g, "j", g->plan->each[0]);
    LX index[2] = {row.var, column.var}, x[2];
    x[g->sides[0]] = lx_load(b, values[0], &column.var);
    x[g->sides[1]] = lx_load(b, values[1], &row.var);
    LX sum = nest_combine(g->n, lx_load(b, g->sums, index), x);
    lb_store(b, g->sums, index, sum, NULL);
    loop_close(g->n->k, &column);
    loop_close(g->n->k, &row);
    loop_close(g->n->k, &step);
}

static void reduce(GroupNest *g) {
    Nest *n = g->n;
    LBuilder *b = n->k->b;
    Dim chunks = dim_ceildiv(n->k->dims, g->reduced, dim_int(n->k->dims, g->plan->chunk));
    require(chunks);
    Loop loop = loop_open(n->k, LOOP_SERIAL, "chunk", lx_int(b, 0), lx_dim(b, chunks));
    LX first = lx_muli(b, loop.var, g->plan->chunk);
    for (int side = 0; side < 2; side++) stage(g, &g->staged[side], first);
    lb_barrier(b);
    multiply(g);
    lb_barrier(b);
    loop_close(n->k, &loop);
}

/* ---- results --------------------------------------------------------------------------------- */

static void store_one(GroupNest *g, int row, int column, LX row_exists) {
    Nest *n = g->n;
    Kernel *k = n->k;
    LX index[2] = {lx_int(k->b, row), lx_int(k->b, column)};
    LX exists = both(k, row_exists, place_side(g, 0, result_place(g, 0, index[1])));
    LStmt *branch = exists ? lb_if(k->b, exists) : NULL;
    size_t scope = scope_begin(k);
    nest_store(n, lx_load(k->b, g->sums, index));
    scope_end(k, scope);
    if (branch) lb_end(k->b, branch);
}

static void store_results(GroupNest *g) {
    LBuilder *b = g->n->k->b;
    for (int row = 0; row < g->plan->each[1]; row++) {
        size_t scope = scope_begin(g->n->k);
        LX exists = place_side(g, 1, result_place(g, 1, lx_int(b, row)));
        for (int column = 0; column < g->plan->each[0]; column++) store_one(g, row, column, exists);
        scope_end(g->n->k, scope);
    }
}

/* ---- the group ------------------------------------------------------------------------------- */

static void clear_sums(GroupNest *g) {
    LBuilder *b = g->n->k->b;
    int64_t dims[2] = {g->plan->each[1], g->plan->each[0]};
    g->sums = lb_declare(b, "acc", SPACE_PRIVATE, ltype(g->n->c->dtype, 1), 2, dims);
    Loop row = unrolled(g, "i", g->plan->each[1]), column = unrolled(g, "j", g->plan->each[0]);
    LX index[2] = {row.var, column.var};
    lb_store(b, g->sums, index, nest_identity(g->n), NULL);
    loop_close(g->n->k, &column);
    loop_close(g->n->k, &row);
}

/* The group's number, into product, tile along side 1, tile along side 0. */
static void open_group(GroupNest *g, const Dim *tiles) {
    Nest *n = g->n;
    LBuilder *b = n->k->b;
    DimContext *dims = n->k->dims;
    Dim products = nest_extent(n, g->axes.nothers, g->axes.others);
    Dim all = dim_mul(dims, products, dim_mul(dims, tiles[0], tiles[1]));
    require(all);
    g->group = group_open(n->k, all, g->plan->items[0], g->plan->items[1]);
    LX rest = g->group.group;
    for (int side = 0; side < 2; side++) {
        LX count = lx_dim(b, tiles[side]);
        bool is_last = side == 1 && dim_is(products, 1);
        LX tile = is_last ? rest : lx_binary(b, LB_MOD, rest, count);
        rest = lx_binary(b, LB_FLOORDIV, rest, count);
        int length = g->plan->items[side] * g->plan->each[side];
        g->begin[side] = lb_let(b, side ? "first_row" : "first_column", lx_muli(b, tile, length));
    }
    nest_scatter(n, g->axes.nothers, g->axes.others, rest);
    LX row = lx_muli(b, g->group.item[1], g->plan->items[0]);
    g->id = lb_let(b, "id", lx_add(b, row, g->group.item[0]));
}

static bool has_axis(const GroupAxes *axes, int side, int axis) {
    for (int i = 0; i < axes->count[side]; i++)
        if (axes->side[side][i] == axis) return true;
    return false;
}

static void declare_staged(GroupNest *g, int side) {
    static const char *const names[] = {"columns", "rows"};
    Staged *s = &g->staged[side];
    int64_t dims[2] = {g->plan->chunk, s->length + (s->along_reduced ? 1 : 0)};
    s->buffer = lb_declare(g->n->k->b, names[side], SPACE_LOCAL, ltype(g->n->c->dtype, 1), 2, dims);
}

void nest_group(Nest *n) {
    GroupNest g = {.n = n, .plan = &n->plan->group, .axes = group_axes(n->c)};
    DimContext *dims = n->k->dims;
    Dim tiles[2];
    n->unclipped = true;
    g.sides[0] = has_axis(&g.axes, 1, g.plan->inner);
    g.sides[1] = 1 - g.sides[0];
    g.reduced = nest_extent(n, g.axes.nreduced, g.axes.reduced);
    for (int side = 0; side < 2; side++) {
        int operand = g.sides[side], length = g.plan->items[side] * g.plan->each[side];
        g.extent[side] = nest_extent(n, g.axes.count[operand], g.axes.side[operand]);
        tiles[side] = dim_ceildiv(dims, g.extent[side], dim_int(dims, length));
        require(tiles[side]);
        g.staged[side] = describe_staged(&g, side);
    }
    open_group(&g, tiles);
    for (int side = 0; side < 2; side++) declare_staged(&g, side);
    for (int side = 0; side < 2; side++) find_places(&g, &g.staged[side]);
    clear_sums(&g);
    reduce(&g);
    store_results(&g);
    group_close(n->k, &g.group);
}
