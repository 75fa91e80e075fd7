/* One tile: accumulators in registers, the reduction's loops, one step of it, and the results.
 *
 * Accumulators are a private array [tile 0][tile 1][vector] indexed by unrolled loops only. A step
 * loads what does not vary over the tile once, what varies over the tile but not along the vector
 * once a row, and the rest in place. */
#include "codegen/lower/dot.h"
#include "codegen/lower/nest.h"
#include "codegen/lower/prefetch.h"

/* ---- operands -------------------------------------------------------------------------------- */

static bool varies_in_tile(const Nest *n, int operand) {
    for (int t = 0; t < n->plan->ntiles; t++)
        if (n->sizes[t] > 1 && nest_varies(n, operand, n->plan->tiles[t].axis)) return true;
    return false;
}

static LType accumulator_type(const Nest *n) {
    return ltype(n->c->dtype, n->plan->lanes);
}

/* Of an operand as it is combined with. */
static LType operand_type(const Nest *n, int operand) {
    if (!nest_uses_dots(n)) return accumulator_type(n);
    return ltype(dot_dtype(n->k, n->c, operand), n->plan->lanes * n->plan->dot);
}

/* An operand as it is combined with, for all lanes. */
static LX spread(const Nest *n, LX x) {
    if (nest_uses_dots(n)) return dot_spread(n->k, x, n->plan->lanes, n->plan->dot);
    return lx_broadcast(n->k->b, x, n->plan->lanes);
}

/* ---- one step -------------------------------------------------------------------------------- */

typedef struct Step {
    LX value[2];         /* of operands that are loaded already; null: in place */
    LBuffer *vectors[2]; /* of operands that vary along the vector but not over the tile */
} Step;

static Loop vector_loop(Nest *n) {
    Loop loop = loop_open(n->k, LOOP_UNROLL, "v", lx_int(n->k->b, 0), lx_int(n->k->b, n->vectors));
    n->vector = loop.var;
    return loop;
}

static void accumulator_index(const Nest *n, LX *index) {
    for (int t = 0; t < MAX_TILES; t++)
        index[t] = t < n->plan->ntiles ? n->within[t] : lx_int(n->k->b, 0);
    index[MAX_TILES] = n->vector;
}

/* Operands that are the same all over the tile. */
static void load_common(Nest *n, Step *step) {
    for (int i = 0; i < n->c->noperands; i++) {
        if (varies_in_tile(n, i)) continue;
        if (!nest_varies(n, i, n->plan->vector_axis)) {
            step->value[i] = lb_let(n->k->b, "s", nest_load(n, i));
            continue;
        }
        int64_t length = n->vectors;
        step->vectors[i] = lb_declare(n->k->b, "r", SPACE_PRIVATE, operand_type(n, i), 1, &length);
        Loop loop = vector_loop(n);
        LX value = spread(n, nest_load(n, i));
        lb_store(n->k->b, step->vectors[i], &n->vector, value, NULL);
        loop_close(n->k, &loop);
    }
}

static void emit_vectors(Nest *n, const Step *step) {
    LX index[MAX_TILES + 1], x[2] = {NULL, NULL};
    Loop loop = vector_loop(n);
    for (int i = 0; i < n->c->noperands; i++) {
        x[i] = step->value[i];
        if (step->vectors[i]) x[i] = lx_load(n->k->b, step->vectors[i], &n->vector);
        if (!x[i]) x[i] = nest_load(n, i);
        x[i] = spread(n, x[i]);
    }
    accumulator_index(n, index);
    LX sum = lx_load(n->k->b, n->accumulators, index);
    lb_store(n->k->b, n->accumulators, index, nest_combine(n, sum, x), NULL);
    loop_close(n->k, &loop);
}

/* Loops over the elements of the tile, unrolled; `inside` is called in the innermost. */
static void tile_rows(Nest *n, int t, void (*inside)(Nest *, const Step *), const Step *step) {
    if (t == n->plan->ntiles || t == MAX_TILES) {
        inside(n, step);
        return;
    }
    Loop loop = loop_open(n->k, LOOP_UNROLL, "t", lx_int(n->k->b, 0), lx_int(n->k->b, n->sizes[t]));
    n->within[t] = loop.var;
    tile_rows(n, t + 1, inside, step);
    loop_close(n->k, &loop);
}

static void emit_row(Nest *n, const Step *common) {
    Step step = *common;
    for (int i = 0; i < n->c->noperands; i++)
        if (varies_in_tile(n, i) && !nest_varies(n, i, n->plan->vector_axis))
            step.value[i] = lb_let(n->k->b, "a", nest_load(n, i));
    emit_vectors(n, &step);
}

static void emit_step(Nest *n) {
    Step step = {{NULL}, {NULL}};
    int rows = 1;
    for (int t = 0; t < n->plan->ntiles; t++) {
        rows *= n->sizes[t];
        n->within[t] = lx_int(n->k->b, 0);
    }
    size_t scope = scope_begin(n->k);
    if (rows > 1) load_common(n, &step);
    tile_rows(n, 0, emit_row, &step);
    scope_end(n->k, scope);
}

/* ---- the reduction's loops ------------------------------------------------------------------- */

static void reduction_loops(Nest *n, int part);

/* Bounds of a reduced axis inside which no operand is left: 0 <= offset + scale * other + step * i
 * < size. */
static void clip(Nest *n, int axis, LX *begin, LX *extent) {
    LBuilder *b = n->k->b;
    LX low = lx_int(b, 0), high = lx_dim(b, n->c->axes[axis].extent);
    bool clipped = false;
    for (int o = 0; o < n->c->noperands; o++) {
        const TensorType *type = &n->c->operands[o].value->type;
        for (int i = 0; i < type->rank; i++) {
            const AffineIndex *index = &n->c->operands[o].index[i];
            if (nest_clipped_axis(n, index) != axis) continue;
            int64_t step = 1;
            LX rest = lx_int(b, index->offset);
            for (int t = 0; t < index->nterms; t++) {
                if (index->terms[t].axis == axis)
                    step = index->terms[t].scale;
                else
                    rest = lx_add(b, rest,
                                  lx_muli(b, n->at[index->terms[t].axis], index->terms[t].scale));
            }
            /* i >= ceil(-rest / step), i <= floor((size - 1 - rest) / step) */
            LX divisor = lx_int(b, step);
            LX from = lx_sub(b, lx_int(b, step - 1), rest);
            LX to = lx_sub(b, lx_addi(b, lx_dim(b, type->dims[i]), -1), rest);
            from = lx_binary(b, LB_FLOORDIV, from, divisor);
            to = lx_addi(b, lx_binary(b, LB_FLOORDIV, to, divisor), 1);
            low = lx_binary(b, LB_MAX, low, from);
            high = lx_binary(b, LB_MIN, high, to);
            clipped = true;
        }
    }
    *begin = clipped ? lb_let(b, "from", low) : low;
    *extent = clipped ? lb_let(b, "count", lx_sub(b, high, *begin)) : high;
}

/* The vector axis, if reduced: whole tiles, whole vectors, the rest. */
static void vector_reduction(Nest *n, int part) {
    Region regions[MAX_REGIONS];
    int axis = n->plan->vector_axis, lanes = n->plan->lanes, all = n->vectors;
    int count = vector_regions(n, axis, n->plan->vectors, lanes, regions);
    for (int r = 0; r < count; r++) {
        LBuilder *b = n->k->b;
        Loop loop = loop_open(n->k, LOOP_SERIAL, n->c->axes[axis].name, lx_int(b, 0),
                              lx_dim(b, regions[r].count));
        n->vectors = regions[r].size;
        n->masked = regions[r].masked;
        n->at[axis] =
            lx_add(b, lx_dim(b, regions[r].begin), lx_muli(b, loop.var, n->vectors * lanes));
        reduction_loops(n, part + 1);
        loop_close(n->k, &loop);
    }
    n->vectors = all;
    n->masked = false;
}

static bool is_clipped(const Nest *n, int axis) {
    for (int o = 0; o < n->c->noperands; o++)
        for (int i = 0; i < n->c->operands[o].value->type.rank; i++)
            if (nest_clipped_axis(n, &n->c->operands[o].index[i]) == axis) return true;
    return false;
}

static void whole_axis(Nest *n, int part) {
    LBuilder *b = n->k->b;
    LoopPart p = n->c->parts[part];
    const DomainAxis *axis = &n->c->axes[p.axis];
    LX begin, extent;
    clip(n, p.axis, &begin, &extent);
    int unroll = part + 1 == n->c->nparts && !is_clipped(n, p.axis) ? n->plan->unroll : 1;
    LX outside = p.kind == PART_INSIDE ? n->at[p.axis] : NULL;
    int step =
        nest_uses_dots(n) && p.axis == n->c->dot_axis && p.kind != PART_BLOCKS ? n->plan->dot : 1;
    if (p.kind == PART_INSIDE) extent = lx_int(b, axis->block);
    if (p.kind == PART_BLOCKS)
        extent =
            lx_dim(b, dim_floordiv(n->k->dims, axis->extent, dim_int(n->k->dims, axis->block)));
    extent = lx_binary(b, LB_FLOORDIV, extent, lx_int(b, unroll * step));
    Loop loop = loop_open(n->k, LOOP_SERIAL, axis->name, begin, extent), inner = {0};
    LX at = loop.var;
    if (unroll > 1) {
        inner = loop_open(n->k, LOOP_UNROLL, "u", lx_int(b, 0), lx_int(b, unroll));
        at = lx_add(b, lx_muli(b, at, unroll), inner.var);
    }
    at = lx_muli(b, at, step);
    if (p.kind == PART_BLOCKS) at = lx_muli(b, at, axis->block);
    if (outside) at = lx_add(b, outside, at);
    n->at[p.axis] = at;
    reduction_loops(n, part + 1);
    n->at[p.axis] = outside;
    if (unroll > 1) loop_close(n->k, &inner);
    loop_close(n->k, &loop);
}

static void reduction_loops(Nest *n, int part) {
    if (part == n->c->nparts)
        emit_step(n);
    else if (n->c->parts[part].axis != n->plan->vector_axis)
        whole_axis(n, part);
    else if (n->c->parts[part].kind == PART_INSIDE)
        reduction_loops(n, part + 1); /* the loop over blocks has run through the whole axis */
    else
        vector_reduction(n, part);
}

/* ---- results --------------------------------------------------------------------------------- */

static void finish_vectors(Nest *n, const Step *step) {
    LX index[MAX_TILES + 1];
    (void)step;
    int axis = n->plan->vector_axis;
    if (axis < 0 || !n->c->axes[axis].reduced) {
        Loop loop = vector_loop(n);
        accumulator_index(n, index);
        nest_store(n, lx_load(n->k->b, n->accumulators, index));
        loop_close(n->k, &loop);
        return;
    }
    LX sum = NULL;
    static const LBinary across[] = {[COMBINE_DOT] = LB_ADD,
                                     [COMBINE_SUM] = LB_ADD,
                                     [COMBINE_PRODUCT] = LB_MUL,
                                     [COMBINE_MIN] = LB_MIN,
                                     [COMBINE_MAX] = LB_MAX};
    LBinary op = across[n->c->combine];
    for (int v = 0; v < n->vectors; v++) {
        n->vector = lx_int(n->k->b, v);
        accumulator_index(n, index);
        LX next = lx_load(n->k->b, n->accumulators, index);
        sum = sum ? lx_binary(n->k->b, op, sum, next) : next;
    }
    nest_store(n, lb_let(n->k->b, "sum", lx_reduce(n->k->b, op, sum)));
}

static void prefetch_vectors(Nest *n, const Step *step) {
    LX at[MAX_RANK] = {NULL};
    (void)step;
    Loop loop = vector_loop(n);
    nest_access_index(n, &n->c->result, at);
    prefetch_result(n->k, at);
    loop_close(n->k, &loop);
}

static void clear_vectors(Nest *n, const Step *step) {
    LX index[MAX_TILES + 1];
    (void)step;
    Loop loop = vector_loop(n);
    accumulator_index(n, index);
    lb_store(n->k->b, n->accumulators, index,
             lx_broadcast(n->k->b, nest_identity(n), n->plan->lanes), NULL);
    loop_close(n->k, &loop);
}

void nest_tile(Nest *n) {
    int64_t dims[MAX_TILES + 1];
    size_t scope = scope_begin(n->k);
    for (int t = 0; t < MAX_TILES; t++) dims[t] = t < n->plan->ntiles ? n->sizes[t] : 1;
    dims[MAX_TILES] = n->vectors;
    n->accumulators =
        lb_declare(n->k->b, "acc", SPACE_PRIVATE, accumulator_type(n), MAX_TILES + 1, dims);
    if (n->plan->prefetch) tile_rows(n, 0, prefetch_vectors, NULL);
    tile_rows(n, 0, clear_vectors, NULL);
    reduction_loops(n, 0);
    if (nest_finish_is_long(n))
        nest_finish_long(n);
    else if (!nest_turn(n))
        tile_rows(n, 0, finish_vectors, NULL);
    scope_end(n->k, scope);
}
