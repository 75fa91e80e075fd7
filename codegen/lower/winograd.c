/* The nest of a Winograd convolution; see plan_winograd.h.
 *
 * Channels and filters are the vectors, so that both transforms are arithmetic on whole vectors.
 * The weight is transformed where it is used: transformed ahead it would take four times the memory
 * and the time to read it. */
#include "codegen/lower/winograd.h"

#include <string.h>

#include "codegen/lower/winograd_transform.h"
#include "codegen/schedule/plan_winograd.h"

typedef struct Square {
    LX at[WINOGRAD_MOST][WINOGRAD_MOST];
} Square;

typedef struct Winograd {
    Kernel *k;
    const Finish *finish;
    const Value *x, *w, *y;
    const WinogradTransforms *transforms;
    WinogradPlan plan;
    int points;                                         /* along an axis */
    int64_t tile_rows, tile_columns, filters, channels; /* of an image */
    Dim tiles;                                          /* of all images */
    LX block, part;                                     /* of the iteration */
    LX group;                                           /* of filters in the part */
    LX chunk;                                           /* of channels */
    LBuffer *image;                                     /* [point][tile][channel] */
    LBuffer *weight;                                    /* [point][channel][filter] */
    LBuffer *sums;                                      /* [group][point][tile][filter] */
} Winograd;

/* ---- places ---------------------------------------------------------------------------------- */

/* First filter of a group of the part. */
static LX filter_of(const Winograd *w, LX group) {
    LBuilder *b = w->k->b;
    group = lx_add(b, lx_muli(b, w->part, w->plan.groups), group);
    return lx_muli(b, group, w->plan.vectors * w->plan.lanes);
}

static LX first_filter(const Winograd *w) {
    return filter_of(w, w->group);
}

static LX first_channel(const Winograd *w) {
    return lx_muli(w->k->b, w->chunk, w->plan.channels);
}

static LX ramp(const Winograd *w, LX first) {
    return lx_ramp(w->k->b, first, 1, w->plan.lanes);
}

typedef struct Place {
    LX image, row, column; /* of the tile's first result */
} Place;

/* Tiles beyond the last one repeat it. */
static Place place_of_tile(const Winograd *w, LX tile) {
    Kernel *k = w->k;
    LBuilder *b = k->b;
    LX id = lx_add(b, lx_muli(b, w->block, w->plan.tiles), tile);
    Dim each = dim_int(k->dims, w->plan.tiles);
    if (!dim_is(dim_mod(k->dims, w->tiles, each), 0))
        id = lx_binary(b, LB_MIN, id, lx_addi(b, lx_dim(b, w->tiles), -1));
    id = lb_let(b, "id", id);
    int64_t of_image = w->tile_rows * w->tile_columns;
    Place p;
    p.image = lb_let(b, "n", lx_binary(b, LB_FLOORDIV, id, lx_int(b, of_image)));
    LX rest = lx_binary(b, LB_MOD, id, lx_int(b, of_image));
    LX columns = lx_int(b, w->tile_columns);
    p.row = lb_let(b, "row", lx_muli(b, lx_binary(b, LB_FLOORDIV, rest, columns), w->plan.m));
    p.column = lb_let(b, "column", lx_muli(b, lx_binary(b, LB_MOD, rest, columns), w->plan.m));
    return p;
}

/* ---- the transforms -------------------------------------------------------------------------- */

/* A vector of channels of a tile's points, zero outside of the image. */
static void load_image(const Winograd *w, const Place *p, LX channel, Square *d) {
    Kernel *k = w->k;
    LBuilder *b = k->b;
    const int64_t *pad = node_attr(w->y->def, "pad")->ints;
    for (int i = 0; i < w->points; i++) {
        for (int j = 0; j < w->points; j++) {
            LX at[4] = {p->image, ramp(w, channel), lx_addi(b, p->row, i - pad[0]),
                        lx_addi(b, p->column, j - pad[1])};
            LX inside =
                both(k, within(k, at[2], w->x->type.dims[2]), within(k, at[3], w->x->type.dims[3]));
            Guards before = guard_push(k, inside);
            LX value = emit_element(k, w->x, at);
            guard_pop(k, before);
            value = lx_broadcast(b, value, w->plan.lanes);
            if (inside) value = lx_select(b, inside, value, zero_of(k, value->type));
            d->at[i][j] = lb_let(b, "d", value);
        }
    }
}

static void store_square(const Winograd *w, const Square *s, const LBuffer *buffer, LX *index,
                         int point) {
    for (int i = 0; i < w->points; i++) {
        for (int j = 0; j < w->points; j++) {
            index[point] = lx_int(w->k->b, i * w->points + j);
            lb_store(w->k->b, buffer, index, s->at[i][j], NULL);
        }
    }
}

static void transform_image(Winograd *w) {
    Kernel *k = w->k;
    LBuilder *b = k->b;
    Square d, v;
    Loop tiles = loop_open(k, LOOP_SERIAL, "t", lx_int(b, 0), lx_int(b, w->plan.tiles));
    Place place = place_of_tile(w, tiles.var);
    Loop vectors =
        loop_open(k, LOOP_SERIAL, "c", lx_int(b, 0), lx_int(b, w->plan.channels / w->plan.lanes));
    LX own = lx_muli(b, vectors.var, w->plan.lanes);
    load_image(w, &place, lx_add(b, first_channel(w), own), &d);
    transform_square(b, &w->transforms->image, d.at, v.at);
    LX index[] = {NULL, tiles.var, ramp(w, own)};
    store_square(w, &v, w->image, index, 0);
    loop_close(k, &vectors);
    loop_close(k, &tiles);
}

static void transform_weight(Winograd *w) {
    enum { AHEAD = 8 }; /* channels whose weights are asked for before they are used */
    Kernel *k = w->k;
    LBuilder *b = k->b;
    Square g, u;
    Loop vectors = loop_open(k, LOOP_SERIAL, "v", lx_int(b, 0), lx_int(b, w->plan.vectors));
    Loop channels = loop_open(k, LOOP_SERIAL, "c", lx_int(b, 0), lx_int(b, w->plan.channels));
    LX own = ramp(w, lx_muli(b, vectors.var, w->plan.lanes));
    LX first = lx_add(b, first_filter(w), lx_muli(b, vectors.var, w->plan.lanes));
    LX filter = ramp(w, first);
    LX channel = lx_add(b, first_channel(w), channels.var);
    for (int i = 0; i < WINOGRAD_KERNEL; i++) {
        for (int j = 0; j < WINOGRAD_KERNEL; j++) {
            LX at[4] = {filter, channel, lx_int(b, i), lx_int(b, j)};
            g.at[i][j] = lb_let(b, "g", emit_element(k, w->w, at));
            LX ahead[4] = {first, lx_addi(b, channel, AHEAD), at[2], at[3]};
            prefetch_element(k, w->w, ahead);
        }
    }
    transform_square(b, &w->transforms->weight, g.at, u.at);
    LX index[] = {NULL, channels.var, own};
    store_square(w, &u, w->weight, index, 0);
    loop_close(k, &channels);
    loop_close(k, &vectors);
}

/* ---- the products ---------------------------------------------------------------------------- */

static LX sum_index(const Winograd *w, LX point, LX tile, int vector, LX *index) {
    index[0] = w->group;
    index[1] = point;
    index[2] = tile;
    return index[3] = ramp(w, lx_int(w->k->b, vector * w->plan.lanes));
}

/* The accumulators of a register tile to the sums, or those of earlier channels from them. */
static void move_sums(const Winograd *w, const LBuffer *accumulators, LX point, LX tile,
                      bool store) {
    LBuilder *b = w->k->b;
    for (int r = 0; r < w->plan.rows; r++) {
        for (int v = 0; v < w->plan.vectors; v++) {
            LX own[] = {lx_int(b, r), lx_int(b, v)}, index[4];
            sum_index(w, point, lx_addi(b, tile, r), v, index);
            if (store)
                lb_store(b, w->sums, index, lx_load(b, accumulators, own), NULL);
            else
                lb_store(b, accumulators, own, lx_load(b, w->sums, index), NULL);
        }
    }
}

static void multiply_step(const Winograd *w, const LBuffer *accumulators, LX point, LX tile,
                          LX channel) {
    LBuilder *b = w->k->b;
    LX u[WINOGRAD_MOST];
    for (int v = 0; v < w->plan.vectors; v++) {
        LX index[] = {point, channel, ramp(w, lx_int(b, v * w->plan.lanes))};
        u[v] = lb_let(b, "u", lx_load(b, w->weight, index));
    }
    for (int r = 0; r < w->plan.rows; r++) {
        LX index[] = {point, lx_addi(b, tile, r), channel};
        LX a = lx_broadcast(b, lb_let(b, "a", lx_load(b, w->image, index)), w->plan.lanes);
        for (int v = 0; v < w->plan.vectors; v++) {
            LX own[] = {lx_int(b, r), lx_int(b, v)};
            LX sum = lx_load(b, accumulators, own);
            lb_store(b, accumulators, own, lx_fma(b, a, u[v], sum), NULL);
        }
    }
}

/* The weights of the next group come from far away, and the products leave time to bring them: a
 * line each step, whose place in the kernel and vector follow from the point. */
static void prefetch_next(const Winograd *w, LX point, LX channel) {
    enum { PLACES = WINOGRAD_KERNEL * WINOGRAD_KERNEL };
    LBuilder *b = w->k->b;
    LX group = lx_addi(b, w->group, 1), groups = lx_int(b, w->plan.groups);
    LX chunk = lx_add(b, w->chunk, lx_binary(b, LB_FLOORDIV, group, groups));
    LX place = lx_binary(b, LB_MOD, point, lx_int(b, PLACES));
    LX vector = lx_binary(b, LB_FLOORDIV, point, lx_int(b, PLACES));
    vector = lx_binary(b, LB_MOD, vector, lx_int(b, w->plan.vectors));
    LX filter = filter_of(w, lx_binary(b, LB_MOD, group, groups));
    LX side = lx_int(b, WINOGRAD_KERNEL);
    LX at[4] = {lx_add(b, filter, lx_muli(b, vector, w->plan.lanes)),
                lx_add(b, lx_muli(b, chunk, w->plan.channels), channel),
                lx_binary(b, LB_FLOORDIV, place, side), lx_binary(b, LB_MOD, place, side)};
    prefetch_element(w->k, w->w, at);
}

static void multiply_tile(const Winograd *w, LX point, LX tile) {
    Kernel *k = w->k;
    LBuilder *b = k->b;
    int64_t dims[] = {w->plan.rows, w->plan.vectors};
    LType type = ltype(DT_f32, w->plan.lanes);
    LBuffer *accumulators = lb_declare(b, "acc", SPACE_PRIVATE, type, 2, dims);
    for (int r = 0; r < w->plan.rows; r++)
        for (int v = 0; v < w->plan.vectors; v++) {
            LX own[] = {lx_int(b, r), lx_int(b, v)};
            lb_store(b, accumulators, own, zero_of(k, type), NULL);
        }
    if (!lx_is_int(w->chunk, NULL)) {
        LStmt *later = lb_if(b, lx_binary(b, LB_GT, w->chunk, lx_int(b, 0)));
        move_sums(w, accumulators, point, tile, false);
        lb_end(b, later);
    }
    Loop channels = loop_open(k, LOOP_SERIAL, "c", lx_int(b, 0), lx_int(b, w->plan.channels));
    prefetch_next(w, point, channels.var);
    multiply_step(w, accumulators, point, tile, channels.var);
    loop_close(k, &channels);
    move_sums(w, accumulators, point, tile, true);
}

static void multiply(const Winograd *w) {
    Kernel *k = w->k;
    LBuilder *b = k->b;
    Loop points =
        loop_open(k, LOOP_SERIAL, "point", lx_int(b, 0), lx_int(b, w->points * w->points));
    Loop tiles =
        loop_open(k, LOOP_SERIAL, "t", lx_int(b, 0), lx_int(b, w->plan.tiles / w->plan.rows));
    multiply_tile(w, points.var, lx_muli(b, tiles.var, w->plan.rows));
    loop_close(k, &tiles);
    loop_close(k, &points);
}

/* ---- the results ----------------------------------------------------------------------------- */

static void store_results(const Winograd *w, const Place *place, LX filter, const Square *y) {
    Kernel *k = w->k;
    LBuilder *b = k->b;
    for (int i = 0; i < w->plan.m; i++) {
        for (int j = 0; j < w->plan.m; j++) {
            LX at[4] = {place->image, filter, lx_addi(b, place->row, i),
                        lx_addi(b, place->column, j)};
            Guards before = guard_push(k, both(k, within(k, at[2], w->y->type.dims[2]),
                                               within(k, at[3], w->y->type.dims[3])));
            LX value = y->at[i][j];
            if (w->finish && w->finish->apply) value = w->finish->apply(w->finish, k, value, at);
            emit_result(k, at, value);
            guard_pop(k, before);
        }
    }
}

static void finish_group(const Winograd *w) {
    Kernel *k = w->k;
    LBuilder *b = k->b;
    Square s, y;
    Loop tiles = loop_open(k, LOOP_SERIAL, "t", lx_int(b, 0), lx_int(b, w->plan.tiles));
    Place place = place_of_tile(w, tiles.var);
    for (int v = 0; v < w->plan.vectors; v++) {
        size_t scope = scope_begin(k);
        for (int i = 0; i < w->points * w->points; i++) {
            LX index[4];
            sum_index(w, lx_int(b, i), tiles.var, v, index);
            s.at[i / w->points][i % w->points] = lb_let(b, "m", lx_load(b, w->sums, index));
        }
        transform_square(b, &w->transforms->result, s.at, y.at);
        LX filter = ramp(w, lx_addi(b, first_filter(w), v * w->plan.lanes));
        store_results(w, &place, filter, &y);
        scope_end(k, scope);
    }
    loop_close(k, &tiles);
}

/* ---- the kernel ------------------------------------------------------------------------------ */

/* The same row of all points lies in different sets of the cache where points are an odd number of
 * vectors apart. */
static int64_t odd(int64_t rows) {
    return rows | 1;
}

static void emit_iteration(Winograd *w) {
    Kernel *k = w->k;
    LBuilder *b = k->b;
    const WinogradPlan *p = &w->plan;
    int64_t points = (int64_t)w->points * w->points, width = (int64_t)p->vectors * p->lanes;
    int64_t vectors = odd(p->channels / p->lanes);
    int64_t image[] = {points, odd(p->tiles), vectors * p->lanes};
    int64_t weight[] = {points, odd(p->channels), width};
    int64_t sums[] = {p->groups, points, odd(p->tiles), width};
    LType type = ltype(DT_f32, 1);
    w->image = lb_declare(b, "image", SPACE_PRIVATE, type, 3, image);
    w->weight = lb_declare(b, "weight", SPACE_PRIVATE, type, 3, weight);
    w->sums = lb_declare(b, "sums", SPACE_PRIVATE, type, 4, sums);
    int64_t chunks = w->channels / p->channels;
    Loop chunk = loop_open(k, LOOP_SERIAL, "chunk", lx_int(b, 0), lx_int(b, chunks));
    w->chunk = chunk.var;
    transform_image(w);
    Loop group = loop_open(k, LOOP_SERIAL, "group", lx_int(b, 0), lx_int(b, p->groups));
    w->group = group.var;
    transform_weight(w);
    multiply(w);
    LStmt *last = NULL;
    if (chunks > 1) last = lb_if(b, lx_binary(b, LB_EQ, w->chunk, lx_int(b, chunks - 1)));
    finish_group(w);
    if (last) lb_end(b, last);
    loop_close(k, &group);
    loop_close(k, &chunk);
}

static void emit_kernel(Winograd *w) {
    static const char *const names[] = {"block", "part"};
    Kernel *k = w->k;
    const WinogradPlan *p = &w->plan;
    int64_t parts = w->filters / p->lanes / p->vectors / p->groups;
    Dim blocks = dim_ceildiv(k->dims, w->tiles, dim_int(k->dims, p->tiles));
    require(blocks);
    Dim extents[] = {blocks, dim_int(k->dims, parts)};
    LX vars[2];
    int64_t cost = w->points * w->points * p->tiles * w->channels * (w->filters / parts) / p->lanes;
    Collapsed loops = loops_open(k, 2, extents, names, cost, vars);
    w->block = vars[0];
    w->part = vars[1];
    emit_iteration(w);
    loops_close(k, loops);
    emit_border(k);
}

/* What nnc info counts: the convolution's own. */
static Dim operations(const Kernel *k, const Contraction *c) {
    Dim product = dim_int(k->dims, 2);
    for (int i = 0; i < c->naxes; i++) product = dim_mul(k->dims, product, c->axes[i].extent);
    return product;
}

static int axis_named(const Contraction *c, const char *name) {
    for (int i = 0; i < c->naxes; i++)
        if (!strcmp(c->axes[i].name, name)) return i;
    return -1;
}

/* Vectors along channels in the image, along filters in weight and result. */
static bool lies_well(const Contraction *c, int lanes) {
    int oc = axis_named(c, "oc"), ic = axis_named(c, "ic");
    if (oc < 0 || ic < 0 || c->axes[oc].lanes != lanes || c->axes[ic].lanes != lanes) return false;
    return c->operands[0].along[ic] == STRIDE_ONE && c->operands[1].along[oc] == STRIDE_ONE &&
           c->result.along[oc] == STRIDE_ONE;
}

static bool make_plan(Winograd *w, const Lowering *l, int m) {
    const TensorType *type = &w->y->type;
    WinogradShape shape = {.images = dim_estimate(l->dims, type->dims[0])};
    bool known = dim_is_int(type->dims[2], &shape.height) &&
                 dim_is_int(type->dims[3], &shape.width) &&
                 dim_is_int(type->dims[1], &shape.filters) &&
                 dim_is_int(w->x->type.dims[1], &shape.channels);
    if (!known || !winograd_plan(&shape, m, l->target, &w->plan)) return false;
    w->filters = shape.filters;
    w->channels = shape.channels;
    w->tile_rows = ceil_div(shape.height, m);
    w->tile_columns = ceil_div(shape.width, m);
    Dim of_image = dim_int(l->dims, w->tile_rows * w->tile_columns);
    w->tiles = dim_mul(l->dims, type->dims[0], of_image);
    return w->tiles != NULL;
}

bool winograd_lower(const Job *job, const Contraction *c, const Finish *finish) {
    Lowering *l = job->l;
    const Node *node = job->anchor->def;
    int m = node->op == OP_conv2d ? (int)node_int(node, "winograd") : 0;
    bool fits = m > 0 && c->dtype == DT_f32 && l->target->fma && l->target->vector_registers > 0;
    if (!fits || !lies_well(c, target_lanes(l->target, 32))) return false;
    Kernel k;
    Winograd w = {.k = &k, .finish = finish};
    w.x = node->operands[0];
    w.w = node->operands[1];
    w.y = job->anchor;
    w.transforms = winograd_transforms(m);
    w.points = m + WINOGRAD_KERNEL - 1;
    if (!make_plan(&w, l, m)) return false;
    kernel_begin(&k, l, job->root, job->anchor, job->uses);
    k.path = job->path;
    k.path_length = job->path_length;
    emit_kernel(&w);
    StrBuf text = {0};
    winograd_plan_print(&w.plan, &text);
    kernel_end(&k, kernel_name(job), arena_strdup(l->arena, str_text(&text)), operations(&k, c));
    str_free(&text);
    return true;
}
