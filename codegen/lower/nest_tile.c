/* One tile: accumulators in registers, the reduction's loops, one step of it, and the results.
 *
 * Accumulators are a private array [tile 0][tile 1][vector] indexed by unrolled loops only. A step
 * loads what does not vary over the tile once, what varies over the tile but not along the vector
 * once a row, and the rest in place. */
#include "codegen/lower/dot.h"
#include "codegen/lower/nest.h"
#include "codegen/lower/prefetch.h"

#include <math.h>

/* ---- indices --------------------------------------------------------------------------------- */

LX nest_index(const Nest *n, int axis) {
    LBuilder *b = n->k->b;
    int t = nest_tile_of(n, axis);
    if (n->turn && axis == n->turn->axis)
        return lx_ramp(b, lx_add(b, n->at[axis], n->turn->first), 1, n->plan->lanes);
    if (t >= 0) return lx_add(b, n->at[axis], n->within[t]);
    if (axis != n->plan->vector_axis) return n->at[axis];
    LX first = lx_add(b, n->at[axis], lx_muli(b, n->vector, n->plan->lanes));
    if (n->turn) return lx_add(b, first, n->turn->lane);
    return lx_ramp(b, first, 1, n->plan->lanes);
}

static LX affine_value(const Nest *n, const AffineIndex *index) {
    LBuilder *b = n->k->b;
    LX sum = lx_int(b, index->offset);
    for (int i = 0; i < index->nterms; i++) {
        LX term = nest_index(n, index->terms[i].axis);
        sum = lx_add(b, lx_muli(b, term, index->terms[i].scale), sum);
    }
    return sum;
}

static bool may_leave(const Nest *n, const AffineIndex *index) {
    for (int i = 0; i < index->nterms; i++)
        if (n->inside[index->terms[i].axis]) return false;
    return index->may_leave;
}

/* Where it can leave the operand along one reduced axis and one of the result that is the same for
 * the whole tile, the reduced loop is cut instead of testing every load. */
static int clipped_axis(const Nest *n, const AffineIndex *index) {
    int reduced = -1;
    if (!may_leave(n, index) || n->unclipped) return -1;
    for (int i = 0; i < index->nterms; i++) {
        int axis = index->terms[i].axis, t = nest_tile_of(n, axis);
        if (axis == n->plan->vector_axis || (t >= 0 && n->sizes[t] > 1)) return -1;
        if (!n->c->axes[axis].reduced) continue;
        if (reduced >= 0 || n->c->axes[axis].block > 1) return -1;
        reduced = axis;
    }
    return reduced;
}

/* ---- operands -------------------------------------------------------------------------------- */

static bool varies(const Nest *n, int operand, int axis) {
    return axis >= 0 && access_depends(&n->c->operands[operand], axis);
}

static bool varies_in_tile(const Nest *n, int operand) {
    for (int t = 0; t < n->plan->ntiles; t++)
        if (n->sizes[t] > 1 && varies(n, operand, n->plan->tiles[t].axis)) return true;
    return false;
}

static LType accumulator_type(const Nest *n) {
    return ltype(n->c->dtype, n->plan->lanes);
}

static bool uses_dots(const Nest *n) {
    return n->plan->dot > 1;
}

/* Of an operand as it is combined with. */
static LType operand_type(const Nest *n, int operand) {
    if (!uses_dots(n)) return accumulator_type(n);
    return ltype(dot_dtype(n->k, n->c, operand), n->plan->lanes * n->plan->dot);
}

/* An operand as it is combined with, for all lanes. */
static LX spread(const Nest *n, LX x) {
    if (uses_dots(n)) return dot_spread(n->k, x, n->plan->lanes, n->plan->dot);
    return lx_broadcast(n->k->b, x, n->plan->lanes);
}

/* What combining with changes nothing. */
static LX identity(const Nest *n) {
    LBuilder *b = n->k->b;
    LType type = ltype(n->c->dtype, 1);
    bool is_float = dtype_is_float(type.dtype);
    switch (n->c->combine) {
    case COMBINE_PRODUCT: return is_float ? lx_const(b, type, 1) : lx_const_int(b, type, 1);
    case COMBINE_MIN:
        return is_float ? lx_const(b, type, INFINITY)
                        : lx_const_int(b, type, dtype_max(type.dtype));
    case COMBINE_MAX:
        return is_float ? lx_const(b, type, -INFINITY)
                        : lx_const_int(b, type, dtype_min(type.dtype));
    default: return zero_of(n->k, type);
    }
}

/* The lanes of the vector axis that exist; null: all. */
static LX lane_mask(const Nest *n) {
    int axis = n->plan->vector_axis;
    if (!n->masked || axis < 0) return NULL;
    return lx_binary(n->k->b, LB_LT, nest_index(n, axis), lx_dim(n->k->b, n->c->axes[axis].extent));
}

/* An operand's element at the current place, in the accumulators' element type; has lanes if it
 * varies along the vector. */
static LX load_operand(const Nest *n, int operand) {
    Kernel *k = n->k;
    const Access *access = &n->c->operands[operand];
    /* Apart: a load of one element for all lanes, along an axis of size 1, heeds the scalars only.
     */
    LX at[MAX_RANK] = {NULL}, inside = NULL, lanes_inside = NULL;
    for (int i = 0; i < access->value->type.rank; i++) {
        at[i] = affine_value(n, &access->index[i]);
        if (!may_leave(n, &access->index[i]) || clipped_axis(n, &access->index[i]) >= 0) continue;
        LX *part = at[i]->type.lanes > 1 ? &lanes_inside : &inside;
        *part = both(k, *part, within(k, at[i], access->value->type.dims[i]));
    }
    int axis = n->plan->vector_axis;
    LX lanes = varies(n, operand, axis) ? lane_mask(n) : NULL;
    /* What lies beyond the result's axis is not stored: it may be read if it is there. */
    bool reduced = lanes && n->c->axes[axis].reduced;
    if (lanes && !reduced && access->padded[axis]) lanes = NULL;
    Guards before = guard_push(k, inside);
    guard_push(k, lanes_inside);
    guard_push(k, lanes);
    LX value = uses_dots(n) ? dot_load(k, n->c, operand, at) : emit_element(k, access->value, at);
    guard_pop(k, before);
    if (uses_dots(n)) return value; /* its operands are never left along a reduced axis */
    value = lx_cast(k->b, CAST_VALUE, n->c->dtype, value);
    /* Lanes beyond a reduced axis must not count. */
    LX counts = both(k, both(k, inside, lanes_inside), reduced ? lanes : NULL);
    return counts ? lx_select(k->b, counts, value, identity(n)) : value;
}

/* ---- one step -------------------------------------------------------------------------------- */

static LX combine(const Nest *n, LX sum, LX const *x) {
    static const LBinary operators[] = {[COMBINE_SUM] = LB_ADD,
                                        [COMBINE_PRODUCT] = LB_MUL,
                                        [COMBINE_MIN] = LB_MIN,
                                        [COMBINE_MAX] = LB_MAX};
    LBuilder *b = n->k->b;
    if (n->c->combine != COMBINE_DOT) return lx_binary(b, operators[n->c->combine], sum, x[0]);
    if (uses_dots(n)) return lx_dot(b, sum, x[0], x[1]);
    if (dtype_is_float(n->c->dtype) && n->k->l->target->fma) return lx_fma(b, x[0], x[1], sum);
    return lx_add(b, sum, lx_mul(b, x[0], x[1]));
}

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
        if (!varies(n, i, n->plan->vector_axis)) {
            step->value[i] = lb_let(n->k->b, "s", load_operand(n, i));
            continue;
        }
        int64_t length = n->vectors;
        step->vectors[i] = lb_declare(n->k->b, "r", SPACE_PRIVATE, operand_type(n, i), 1, &length);
        Loop loop = vector_loop(n);
        LX value = spread(n, load_operand(n, i));
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
        if (!x[i]) x[i] = load_operand(n, i);
        x[i] = spread(n, x[i]);
    }
    accumulator_index(n, index);
    LX sum = lx_load(n->k->b, n->accumulators, index);
    lb_store(n->k->b, n->accumulators, index, combine(n, sum, x), NULL);
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
        if (varies_in_tile(n, i) && !varies(n, i, n->plan->vector_axis))
            step.value[i] = lb_let(n->k->b, "a", load_operand(n, i));
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
            if (clipped_axis(n, index) != axis) continue;
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
            if (clipped_axis(n, &n->c->operands[o].index[i]) == axis) return true;
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
    int step = uses_dots(n) && p.axis == n->c->dot_axis && p.kind != PART_BLOCKS ? n->plan->dot : 1;
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

static void store_result(Nest *n, LX value) {
    LX at[MAX_RANK] = {NULL};
    for (int i = 0; i < n->c->result.value->type.rank; i++)
        at[i] = affine_value(n, &n->c->result.index[i]);
    Guards before = guard_push(n->k, lane_mask(n));
    if (n->finish && n->finish->apply) value = n->finish->apply(n->finish, n->k, value, at);
    emit_result(n->k, at, value);
    guard_pop(n->k, before);
}

static void finish_vectors(Nest *n, const Step *step) {
    LX index[MAX_TILES + 1];
    (void)step;
    int axis = n->plan->vector_axis;
    if (axis < 0 || !n->c->axes[axis].reduced) {
        Loop loop = vector_loop(n);
        accumulator_index(n, index);
        store_result(n, lx_load(n->k->b, n->accumulators, index));
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
    store_result(n, lb_let(n->k->b, "sum", lx_reduce(n->k->b, op, sum)));
}

static void prefetch_vectors(Nest *n, const Step *step) {
    LX at[MAX_RANK] = {NULL};
    (void)step;
    Loop loop = vector_loop(n);
    for (int i = 0; i < n->c->result.value->type.rank; i++)
        at[i] = affine_value(n, &n->c->result.index[i]);
    prefetch_result(n->k, at);
    loop_close(n->k, &loop);
}

static void clear_vectors(Nest *n, const Step *step) {
    LX index[MAX_TILES + 1];
    (void)step;
    Loop loop = vector_loop(n);
    accumulator_index(n, index);
    lb_store(n->k->b, n->accumulators, index, lx_broadcast(n->k->b, identity(n), n->plan->lanes),
             NULL);
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

/* ---- for nests of other shapes --------------------------------------------------------------- */

LX nest_load(const Nest *n, int operand) {
    return load_operand(n, operand);
}

void nest_operand_index(const Nest *n, int operand, LX *index) {
    const Access *access = &n->c->operands[operand];
    for (int i = 0; i < access->value->type.rank; i++)
        index[i] = affine_value(n, &access->index[i]);
}

LX nest_identity(const Nest *n) {
    return identity(n);
}

LX nest_combine(const Nest *n, LX sum, LX const *x) {
    return combine(n, sum, x);
}

void nest_store(Nest *n, LX value) {
    store_result(n, value);
}
