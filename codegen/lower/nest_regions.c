/* Axes cut into runs of equal tiles. */
#include "codegen/lower/nest.h"

typedef struct RegionList {
    DimContext *dims;
    Dim extent, begin;
    int count;
    Region *regions;
} RegionList;

/* Appends as many tiles of `step` elements as fit. */
static void add_whole(RegionList *l, int step, int size) {
    Dim rest = dim_sub(l->dims, l->extent, l->begin);
    Dim count = dim_floordiv(l->dims, rest, dim_int(l->dims, step));
    require(rest && count);
    if (dim_is(count, 0)) return;
    l->regions[l->count++] = (Region){.begin = l->begin, .count = count, .size = size};
    l->begin = dim_add(l->dims, l->begin, dim_mul(l->dims, count, dim_int(l->dims, step)));
    require(l->begin);
}

/* Appends what is left, whose last vector may reach beyond the end. */
static void add_masked(RegionList *l, int lanes) {
    Dim rest = dim_sub(l->dims, l->extent, l->begin);
    int64_t fixed;
    require(rest);
    if (dim_is(rest, 0)) return;
    int vectors = dim_is_int(rest, &fixed) ? (int)ceil_div(fixed, lanes) : 1;
    Dim count = dim_ceildiv(l->dims, rest, dim_int(l->dims, vectors * lanes));
    require(count);
    bool masked = !dim_is(dim_mod(l->dims, rest, dim_int(l->dims, lanes)), 0);
    l->regions[l->count++] =
        (Region){.begin = l->begin, .count = count, .size = vectors, .masked = masked};
    l->begin = l->extent;
}

/* ---- where no operand is left ---------------------------------------------------------------- */

typedef struct Interval {
    int64_t begin, end;
} Interval;

/* Indices along an axis of the result for which this one stays within 0 .. size - 1, whatever the
 * reduced axes are; false where that is not known. */
static bool inside_of(const Nest *n, int axis, const AffineIndex *index, int64_t size,
                      Interval *inside) {
    int64_t scale = 0, most = index->offset;
    for (int i = 0; i < index->nterms; i++) {
        const DomainAxis *other = &n->c->axes[index->terms[i].axis];
        int64_t extent;
        if (index->terms[i].axis == axis) {
            scale = index->terms[i].scale;
            continue;
        }
        if (!other->reduced || !dim_is_int(other->extent, &extent)) return false;
        most += (extent - 1) * index->terms[i].scale;
    }
    if (scale <= 0) return false;
    inside->begin = index->offset < 0 ? ceil_div(-index->offset, scale) : 0;
    inside->end = most < size ? (size - 1 - most) / scale + 1 : 0;
    return true;
}

/* The same for all operands: all of the axis where none can be left. */
static bool inside_all(const Nest *n, int axis, int64_t extent, Interval *all) {
    *all = (Interval){0, extent};
    for (int o = 0; o < n->c->noperands; o++) {
        const Access *x = &n->c->operands[o];
        for (int i = 0; i < x->value->type.rank; i++) {
            const AffineIndex *index = &x->index[i];
            Interval one;
            int64_t size;
            if (!index->may_leave || !affine_depends(index, axis)) continue;
            if (!dim_is_int(x->value->type.dims[i], &size)) return false;
            if (!inside_of(n, axis, index, size, &one)) return false;
            if (one.begin > all->begin) all->begin = one.begin;
            if (one.end < all->end) all->end = one.end;
        }
    }
    return all->begin < all->end;
}

/* ---- vectors --------------------------------------------------------------------------------- */

/* Cut along the vector axis in one piece. */
static void add_vectors(RegionList *l, int size, int lanes) {
    add_whole(l, size * lanes, size);
    if (!dim_is_int(l->extent, NULL) && size > 1) add_whole(l, lanes, 1);
    add_masked(l, lanes);
}

int vector_regions(const Nest *n, int axis, int size, int lanes, Region *regions) {
    Dim extent = n->c->axes[axis].extent;
    RegionList l = {n->k->dims, extent, dim_int(n->k->dims, 0), 0, regions};
    Interval inside;
    int64_t fixed;
    bool known = !n->c->axes[axis].reduced && dim_is_int(extent, &fixed) &&
                 inside_all(n, axis, fixed, &inside);
    if (!known || (inside.begin == 0 && inside.end == fixed)) {
        add_vectors(&l, size, lanes);
        for (int r = 0; r < l.count; r++) regions[r].inside = known;
        return l.count;
    }
    int64_t first = ceil_div(inside.begin, lanes) * lanes, end = inside.end / lanes * lanes;
    if (end > first) {
        l.extent = dim_int(l.dims, first);
        add_whole(&l, lanes, 1);
        l.extent = dim_int(l.dims, end);
        int before = l.count;
        add_vectors(&l, size, lanes);
        for (int r = before; r < l.count; r++) regions[r].inside = true;
        l.extent = extent;
    }
    int before = l.count;
    add_vectors(&l, 1, lanes);
    if (inside.end == fixed && end > first)
        for (int r = before; r < l.count; r++) regions[r].inside = true;
    return l.count;
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* From where the list is to `end`, which is known. */
static void add_tiles(RegionList *l, int64_t end, int size, bool inside) {
    int64_t begin;
    bool known = dim_is_int(l->begin, &begin);
    require(known);
    int first = l->count, rest = (int)((end - begin) % size);
    Dim all = l->extent;
    l->extent = dim_int(l->dims, end);
    add_whole(l, size, size);
    if (rest) add_whole(l, rest, rest);
    l->extent = all;
    for (int r = first; r < l->count; r++) l->regions[r].inside = inside;
}

int tile_regions(const Nest *n, int t, Region *regions) {
    enum { SMALL = 4 };
    DimContext *dims = n->k->dims;
    int axis = n->plan->tiles[t].axis, size = n->plan->tiles[t].size;
    Dim extent = n->c->axes[axis].extent;
    RegionList l = {dims, extent, dim_int(dims, 0), 0, regions};
    Interval inside;
    int64_t fixed;
    if (!dim_is_int(extent, &fixed)) {
        add_whole(&l, size, size);
        if (size > SMALL) add_whole(&l, SMALL, SMALL);
        if (size > 1) add_whole(&l, 1, 1);
        return l.count;
    }
    if (!inside_all(n, axis, fixed, &inside)) {
        add_tiles(&l, fixed, size, false);
        return l.count;
    }
    add_tiles(&l, inside.begin, 1, false);
    add_tiles(&l, inside.end, size, true);
    add_tiles(&l, fixed, 1, false);
    return l.count;
}
