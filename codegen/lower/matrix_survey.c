/* Whether a contraction's operands lie so that a processor's matrix tiles are loaded as they are.
 *
 * A tile load takes rows of neighbours that are equally far apart. For operand 0 a row is a place of
 * the result (a row of a product, a pixel of an image) and its elements follow each other along the
 * sum; for operand 1 a row is a group of the sum, and its elements are those groups of neighbouring
 * columns. A layout never mixes logical axes but by permuting their parts, so an element's position
 * is a sum of one term for each logical axis: a table of terms answers how far apart neighbours
 * are. */
#include "codegen/lower/nest.h"

/* An operand in memory. */
typedef struct Placed {
    const Access *access;
    const TensorType *type;
    int64_t dims[MAX_RANK];
} Placed;

/* Sizes have to be known, but for that of the axis all others lie inside of, on which no position
 * depends. */
static bool place(const Kernel *k, const Contraction *c, int operand, Placed *p) {
    p->access = &c->operands[operand];
    p->type = &dot_stored(k, c, operand)->type;
    for (int i = 0; i < p->type->rank; i++) {
        int outer, inner;
        if (dim_is_int(p->type->dims[i], &p->dims[i])) {
            if (p->dims[i] < 1) return false;
            continue;
        }
        bool outermost = i == 0 && layout_sources(p->type, 0) == 1u &&
                         layout_split_of(p->type, 0, &outer, &inner) == 0;
        if (!outermost) return false;
        p->dims[i] = 1;
    }
    return true;
}

static int64_t position(const Placed *p, int axis, int64_t at) {
    int64_t index[MAX_RANK] = {0};
    index[axis] = at;
    return layout_offset(p->type->layout, p->type->rank, p->dims, index);
}

/* The logical axis of the operand that a domain axis decides; -1: none or several. */
static int logical_axis(const Placed *p, int axis, int64_t *scale) {
    int found = -1;
    *scale = 0;
    for (int i = 0; i < p->type->rank; i++) {
        const AffineIndex *index = &p->access->index[i];
        for (int t = 0; t < index->nterms; t++) {
            if (index->terms[t].axis != axis) continue;
            if (found >= 0) return -1;
            found = i;
            *scale = index->terms[t].scale;
        }
    }
    return found;
}

/* Whether what else decides the logical axis leaves a domain axis at multiples of `length`. */
static bool starts_at_multiples(const Placed *p, int logical, int axis, int64_t length) {
    const AffineIndex *index = &p->access->index[logical];
    if (index->offset % length != 0) return false;
    for (int t = 0; t < index->nterms; t++)
        if (index->terms[t].axis != axis && index->terms[t].scale % length != 0) return false;
    return true;
}

/* Whether, from every multiple of length on, units of neighbours follow each other at one distance
 * as far as the axis goes. */
static bool is_regular(const Placed *p, int axis, int64_t unit, int64_t length, int64_t *step) {
    int64_t size = p->dims[axis], zero = position(p, axis, 0);
    *step = unit < size && unit < length ? position(p, axis, unit) - zero : unit;
    for (int64_t begin = 0; begin < size; begin += length) {
        int64_t first = position(p, axis, begin);
        for (int64_t i = 0; i < length && begin + i < size; i++)
            if (position(p, axis, begin + i) != first + i / unit * *step + i % unit) return false;
    }
    return true;
}

/* ---- the three kinds of axes ----------------------------------------------------------------- */

/* The axis whose neighbours are neighbouring groups of operand 1; -1: none. */
static int find_column(const Contraction *c, const Placed *w) {
    for (int i = 0; i < c->naxes; i++) {
        int64_t scale, step, extent, lanes = c->axes[i].lanes;
        if (c->axes[i].reduced || access_depends(&c->operands[0], i)) continue;
        if (!dim_is_int(c->axes[i].extent, &extent) || c->result.along[i] != STRIDE_ONE) continue;
        int logical = logical_axis(w, i, &scale);
        bool whole = extent % lanes == 0 || w->access->padded[i];
        if (logical < 0 || scale != 1 || !whole) continue;
        if (starts_at_multiples(w, logical, i, lanes) && is_regular(w, logical, 1, lanes, &step) &&
            step == c->dot)
            return i;
    }
    return -1;
}

/* Most elements of a tile along the dot axis; 0: none. */
static int find_depth(const Contraction *c, const Placed *x, const Placed *w, int most,
                      int64_t *group_step) {
    int64_t extent, scale, step;
    const DomainAxis *axis = &c->axes[c->dot_axis];
    int of_x = logical_axis(x, c->dot_axis, &scale), of_w = logical_axis(w, c->dot_axis, &scale);
    if (of_x < 0 || of_w < 0 || !dim_is_int(axis->extent, &extent)) return 0;
    if (axis->block > 1) extent = axis->block;
    for (int depth = most; depth >= c->dot; depth -= c->dot) {
        if (extent % depth != 0) continue;
        if (!starts_at_multiples(x, of_x, c->dot_axis, depth)) continue;
        if (!starts_at_multiples(w, of_w, c->dot_axis, depth)) continue;
        if (is_regular(x, of_x, 1, depth, &step) && step == 1 &&
            is_regular(w, of_w, c->dot, depth, group_step))
            return depth;
    }
    return 0;
}

/* How far apart in operand 0 neighbours along an axis of the result are; 0: it is no axis of rows. */
static int64_t row_step(const Contraction *c, const Placed *x, int axis, int64_t *extent) {
    int64_t scale, step;
    if (c->axes[axis].reduced || access_depends(&c->operands[1], axis)) return 0;
    if (!dim_is_int(c->axes[axis].extent, extent) || *extent < 1) return 0;
    int logical = logical_axis(x, axis, &scale);
    if (logical < 0 || !is_regular(x, logical, 1, x->dims[logical], &step)) return 0;
    return step * scale;
}

/* The innermost axis of rows, and those around it that continue it in memory. */
static void find_rows(MatrixShape *m, const Contraction *c, const Placed *x) {
    int list[MAX_DOMAIN], count = 0;
    m->count = 1;
    for (int i = c->naxes - 1; i >= 0; i--) {
        int64_t extent, step = row_step(c, x, i, &extent);
        if (step == 0 || (count > 0 && step != m->row_step * m->count)) {
            if (count > 0 && !c->axes[i].reduced && access_depends(&c->operands[0], i)) break;
            continue;
        }
        if (count == 0) m->row_step = step;
        m->count *= extent;
        list[count++] = i;
    }
    m->nrows = count;
    for (int i = 0; i < count; i++) m->rows[i] = list[count - 1 - i];
}

void matrix_survey(const Kernel *k, Contraction *c) {
    const TargetDesc *target = k->l->target;
    MatrixShape m = {.column = -1};
    Placed x, w;
    if (c->dot <= 1 || !c->operands[0].grouped || !c->operands[1].grouped) return;
    DType a = dot_dtype(k, c, 0), b = dot_dtype(k, c, 1);
    if (!target_tiles(target, a, b) || !place(k, c, 0, &x) || !place(k, c, 1, &w)) return;
    m.column = find_column(c, &w);
    if (m.column < 0 || c->axes[m.column].lanes * 4 != target->tiles.row_bytes) return;
    find_rows(&m, c, &x);
    if (m.nrows == 0) return;
    m.depth = find_depth(c, &x, &w, target->tiles.row_bytes / (int)dtype_bytes(a), &m.group_step);
    c->matrix = m;
}
