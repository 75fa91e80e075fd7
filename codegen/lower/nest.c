/* The loops around the tiles.
 *
 * Axes of the result are collapsed into one parallel loop; loops over tiles stand inside it. Where
 * tiles do not divide an axis its rest is a nest with smaller tiles, so that the main one needs no
 * test. */
#include "codegen/lower/nest.h"
#include "codegen/lower/plan_key.h"

/* ---- loops ----------------------------------------------------------------------------------- */

int nest_tile_of(const Nest *n, int axis) {
    for (int t = 0; t < n->plan->ntiles; t++)
        if (n->plan->tiles[t].axis == axis) return t;
    return -1;
}

static bool is_vector_axis(const Nest *n, int axis) {
    return axis == n->plan->vector_axis;
}

/* begin + size * tile */
static LX tile_begin(Nest *n, const Region *region, int step, LX tile) {
    LBuilder *b = n->k->b;
    return lx_add(b, lx_dim(b, region->begin), lx_muli(b, tile, step));
}

static void set_tile(Nest *n, int t, const Region *region, LX tile) {
    n->sizes[t] = region->size;
    n->inside[n->plan->tiles[t].axis] = region->inside;
    n->at[n->plan->tiles[t].axis] = tile_begin(n, region, region->size, tile);
}

static void set_vectors(Nest *n, const Region *region, LX tile) {
    n->vectors = region->size;
    n->masked = region->masked;
    n->inside[n->plan->vector_axis] = region->inside;
    n->at[n->plan->vector_axis] = tile_begin(n, region, region->size * n->plan->lanes, tile);
}

/* Loops over the tiles of axis t and further, region by region. */
static void tile_loops(Nest *n, int t) {
    Region regions[MAX_REGIONS];
    if (t == n->plan->ntiles || t == MAX_TILES) {
        nest_tile(n);
        return;
    }
    const DomainAxis *axis = &n->c->axes[n->plan->tiles[t].axis];
    int count = tile_regions(n, t, regions);
    for (int r = 0; r < count; r++) {
        Loop loop = loop_open(n->k, LOOP_SERIAL, axis->name, lx_int(n->k->b, 0),
                              lx_dim(n->k->b, regions[r].count));
        set_tile(n, t, &regions[r], loop.var);
        tile_loops(n, t + 1);
        loop_close(n->k, &loop);
    }
}

/* Indices along those axes that an access depends on; all axes: null. */
static double domain_volume(const Nest *n, const Access *access) {
    double volume = 1;
    for (int i = 0; i < n->c->naxes; i++) {
        if (access && !access_depends(access, i)) continue;
        volume *= (double)dim_estimate(n->k->dims, n->c->axes[i].extent);
    }
    return volume;
}

/* A vector is combined in a cycle, or two where nothing is multiplied; a product that uses each
 * weight once takes as long as reading them. */
static int64_t iteration_cost(const Nest *n, int count, const Dim *extents) {
    enum { BYTES_A_CYCLE = 32 };
    double cycles = domain_volume(n, NULL) / n->plan->lanes, memory = 0;
    if (n->c->combine != COMBINE_DOT) cycles *= 2;
    for (int i = 0; i < n->c->noperands; i++) {
        const Access *x = &n->c->operands[i];
        memory += domain_volume(n, x) * (double)dtype_bytes(x->value->type.dtype) / BYTES_A_CYCLE;
    }
    if (n->c->noperands > 1 && memory > cycles) cycles = memory;
    return loops_cost(n->k, cycles, count, extents);
}

/* An axis of the parallel loop: its tiles, region after region, or all its indices (no regions). */
typedef struct Spread {
    int axis, count;
    Region regions[MAX_REGIONS];
    LX var;
} Spread;

/* The tiles of the regions before r. */
static Dim tiles_before(const Nest *n, const Spread *s, int r) {
    Dim sum = dim_int(n->k->dims, 0);
    for (int i = 0; i < r; i++) sum = dim_add(n->k->dims, sum, s->regions[i].count);
    require(sum);
    return sum;
}

/* All axes of the result but tiled ones; those too where tiles are spread. */
static int spread_axes(const Nest *n, Spread *list) {
    const ContractionPlan *plan = n->plan;
    int count = 0;
    for (int i = 0; i < n->c->naxes; i++) {
        int t = nest_tile_of(n, i);
        if (n->c->axes[i].reduced || (t >= 0 && !plan->parallel_tiles)) continue;
        Spread *s = &list[count++];
        *s = (Spread){.axis = i};
        if (is_vector_axis(n, i))
            s->count = vector_regions(n, i, plan->vectors, plan->lanes, s->regions);
        else if (t >= 0)
            s->count = tile_regions(n, t, s->regions);
    }
    return count;
}

/* The nest at the current iteration: along each axis the region that its tile is of. */
static void choose_regions(Nest *n, const Spread *list, int count) {
    LBuilder *b = n->k->b;
    if (count == 0) {
        tile_loops(n, n->plan->parallel_tiles ? n->plan->ntiles : 0);
        return;
    }
    if (list->count == 0) {
        n->at[list->axis] = list->var;
        choose_regions(n, list + 1, count - 1);
        return;
    }
    LStmt *branches[MAX_REGIONS];
    for (int r = 0; r < list->count; r++) {
        size_t scope = scope_begin(n->k);
        if (r + 1 < list->count) {
            LX end = lx_dim(b, tiles_before(n, list, r + 1));
            branches[r] = lb_if(b, lx_binary(b, LB_LT, list->var, end));
        }
        bool single = dim_is(list->regions[r].count, 1);
        LX tile = lx_sub(b, list->var, lx_dim(b, tiles_before(n, list, r)));
        if (single) tile = lx_int(b, 0); /* known to the tests of what lies where */
        if (is_vector_axis(n, list->axis))
            set_vectors(n, &list->regions[r], tile);
        else
            set_tile(n, nest_tile_of(n, list->axis), &list->regions[r], tile);
        choose_regions(n, list + 1, count - 1);
        scope_end(n->k, scope);
        if (r + 1 < list->count) lb_else(b, branches[r]);
    }
    for (int r = list->count - 1; r-- > 0;) lb_end(b, branches[r]);
}

/* One parallel loop for all regions: threads meet once. */
static void parallel_loop(Nest *n) {
    Spread list[MAX_DOMAIN];
    Dim extents[MAX_DOMAIN];
    const char *names[MAX_DOMAIN];
    LX vars[MAX_DOMAIN];
    int count = spread_axes(n, list);
    for (int i = 0; i < count; i++) {
        const DomainAxis *axis = &n->c->axes[list[i].axis];
        names[i] = axis->name;
        extents[i] = list[i].count ? tiles_before(n, &list[i], list[i].count) : axis->extent;
    }
    Collapsed loop =
        loops_open(n->k, count, extents, names, iteration_cost(n, count, extents), vars);
    for (int i = 0; i < count; i++) list[i].var = vars[i];
    choose_regions(n, list, count);
    loops_close(n->k, loop);
}

static void nest_emit(Nest *n) {
    const ContractionPlan *plan = n->plan;
    n->vectors = plan->vectors;
    if (plan->task.lanes > 0) {
        nest_task(n);
        emit_border(n->k);
        return;
    }
    if (plan->matrix.depth > 0) {
        nest_matrix(n);
        emit_border(n->k);
        return;
    }
    if (plan->group.kind != GROUP_NONE) {
        if (plan->group.kind == GROUP_TILE) nest_group(n);
        if (plan->group.kind == GROUP_TREE) nest_tree(n);
        emit_border(n->k);
        return;
    }
    parallel_loop(n);
    emit_border(n->k);
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static Dim operations(const Nest *n) {
    DimContext *dims = n->k->dims;
    Dim product = dim_int(dims, n->c->combine == COMBINE_DOT ? 2 : 1);
    for (int i = 0; i < n->c->naxes; i++) product = dim_mul(dims, product, n->c->axes[i].extent);
    return product;
}

static ContractionPlan choose_plan(const Job *job, const Contraction *c) {
    Lowering *l = job->l;
    ContractionPlan plan;
    if (l->plans) {
        PlanRequest request = {.contraction = c,
                               .key = plan_key(job, c),
                               .node = l->node,
                               .call = l->program->calls.len,
                               .target = l->target,
                               .dims = l->dims};
        if (l->plans->find(l->plans->self, &request, &plan)) return plan;
    }
    return contraction_plan(c, l->target, l->dims);
}

bool nest_lower(const Job *job, const Contraction *c, const Finish *finish) {
    Kernel k;
    ContractionPlan plan = choose_plan(job, c);
    StrBuf text = {0};
    kernel_begin(&k, job->l, job->root, job->anchor, job->uses);
    k.path = job->path;
    k.path_length = job->path_length;
    Nest n = {.k = &k, .c = c, .plan = &plan, .finish = finish};
    nest_emit(&n);
    plan_print(c, &plan, &text);
    kernel_end(&k, kernel_name(job), arena_strdup(job->l->arena, str_text(&text)), operations(&n));
    str_free(&text);
    return true;
}
