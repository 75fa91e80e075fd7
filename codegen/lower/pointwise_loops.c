/* The loops of kernels without an anchor: one parallel loop over outer axes, and chunks of a
 * long last axis; inside, rows of vectors or square tiles of scalars. */
#include "codegen/lower/pointwise.h"

/* Elements of a chunk of the last axis; side of a square tile. */
enum { CHUNK = 4096, SIDE = 16 };

static const char *const names[MAX_AXES] = {"i0", "i1", "i2", "i3", "i4",  "i5",
                                            "i6", "i7", "i8", "i9", "i10", "i11"};

/* extent null: not known before the run. */
static void set_vector(const Kernel *k, LStmt *loop, Dim extent, int lanes) {
    int64_t count;
    bool fixed = extent && dim_is_int(extent, &count);
    bool masked = k->l->target->masked_tails;
    while (fixed && lanes > 1 && (masked ? lanes / 2 >= count : lanes > count)) lanes /= 2;
    if (lanes == 1) return;
    loop->loop = LOOP_VECTOR;
    loop->width = lanes;
    loop->tail = fixed && count % lanes == 0 ? TAIL_NONE : masked ? TAIL_MASK : TAIL_OVERLAP;
}

/* Part number `part` of an axis that is cut into parts of `size`. */
typedef struct Range {
    LX begin, count;
    Dim extent; /* count, where it is the same for all parts */
} Range;

static Range part_of(Kernel *k, const Space *space, int axis, LX part, int64_t size) {
    Dim extent = space->dims[axis], each = dim_int(k->dims, size);
    LX begin = lx_muli(k->b, part, size), first = lx_dim(k->b, space->begin[axis]);
    Range r = {.begin = lx_add(k->b, begin, first), .extent = each, .count = lx_dim(k->b, each)};
    if (dim_is(dim_mod(k->dims, extent, each), 0)) return r;
    r.extent = NULL;
    r.count = lx_binary(k->b, LB_MIN, r.count, lx_sub(k->b, lx_dim(k->b, extent), begin));
    return r;
}

static Range whole_axis(Kernel *k, const Space *space, int axis) {
    Dim extent = space->dims[axis];
    return (Range){lx_dim(k->b, space->begin[axis]), lx_dim(k->b, extent), extent};
}

static Loop range_open(Kernel *k, int axis, Range range, LX *index) {
    Loop loop = loop_open(k, LOOP_SERIAL, names[axis], range.begin, range.count);
    index[axis] = loop.var;
    return loop;
}

/* The innermost loop, over the last axis or a chunk of it. */
static void emit_row(Kernel *k, const Survey *s, const Space *space, LX *index, Range range) {
    if (space->period > 0) {
        emit_resized_row(k, space, index);
        return;
    }
    size_t scope = scope_begin(k);
    LStmt *loop = lb_for(k->b, LOOP_SERIAL, "i", range.begin, range.count);
    if (space->lanes > 1) set_vector(k, loop, range.extent, space->lanes);
    index[space->rank - 1] = lb_loop_var(k->b, loop);
    if (space->collapsed && !k->out) direct_leaves(k, s, space, index);
    emit_point(k, space, index);
    scope_end(k, scope);
    lb_end(k->b, loop);
}

static int64_t iteration_cost(const Kernel *k, const Survey *s, const Space *space, int count,
                              const Dim *extents) {
    /* Vectors are loaded and stored too, some from far away. */
    double cycles = space->lanes > 1 ? 2.0 * s->operations / space->lanes : s->operations;
    for (int i = 0; i < space->rank; i++) cycles *= (double)dim_estimate(k->dims, space->dims[i]);
    return loops_cost(k, cycles, count, extents);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Number of leading axes that are spread over threads: the others leave enough for one
 * iteration, and these enough iterations. */
static int parallel_axes(const Kernel *k, const Space *space) {
    enum { ENOUGH = 32 };
    int64_t inner = dim_estimate(k->dims, space->dims[space->rank - 1]);
    double outer = 1;
    int count = space->rank - 1;
    for (int i = 0; i < count; i++) outer *= (double)dim_estimate(k->dims, space->dims[i]);
    while (count > 1 && inner < CHUNK / 8) {
        int64_t extent = dim_estimate(k->dims, space->dims[count - 1]);
        if (outer / (double)extent < ENOUGH) break;
        inner *= extent;
        outer /= (double)extent;
        count--;
    }
    return count;
}

static void emit_rows(Kernel *k, const Survey *s, const Space *space) {
    LX index[MAX_AXES + 1];
    Loop loops[MAX_AXES];
    Dim extents[MAX_AXES + 1];
    const char *all[MAX_AXES + 1];
    int last = space->rank - 1, outer = parallel_axes(k, space), count = outer;
    int64_t length;
    for (int i = 0; i < outer; i++) {
        extents[i] = space->dims[i];
        all[i] = names[i];
    }
    bool chunks = outer == last && !k->l->target->streams && space->period == 0;
    if (chunks && !(dim_is_int(space->dims[last], &length) && length <= CHUNK)) {
        extents[count] = dim_ceildiv(k->dims, space->dims[last], dim_int(k->dims, CHUNK));
        all[count++] = "chunk";
    }
    Collapsed top =
        loops_open(k, count, extents, all, iteration_cost(k, s, space, count, extents), index);
    Range row =
        count > outer ? part_of(k, space, last, index[outer], CHUNK) : whole_axis(k, space, last);
    for (int i = 0; i < outer; i++)
        index[i] = lx_add(k->b, index[i], lx_dim(k->b, space->begin[i]));
    for (int i = outer; i < last; i++) loops[i] = range_open(k, i, whole_axis(k, space, i), index);
    emit_row(k, s, space, index, row);
    for (int i = last - 1; i >= outer; i--) loop_close(k, &loops[i]);
    loops_close(k, top);
}

/* ---- squares --------------------------------------------------------------------------------- */

/* All axes but the two of the squares are outer ones, and so are the squares along the first;
 * those along the last follow one another. */
void emit_squares(Kernel *k, const Survey *s, const Space *space) {
    LX index[MAX_AXES];
    Dim extents[MAX_AXES], side = dim_int(k->dims, SIDE);
    int last = space->rank - 1, tiled = space->tiled_axis;
    for (int i = 0; i < last; i++) extents[i] = space->dims[i];
    extents[tiled] = dim_ceildiv(k->dims, space->dims[tiled], side);
    Dim squares = dim_ceildiv(k->dims, space->dims[last], side);
    require(extents[tiled] && squares);
    Collapsed top =
        loops_open(k, last, extents, names, iteration_cost(k, s, space, last, extents), index);
    Range rows = part_of(k, space, tiled, index[tiled], SIDE);
    for (int i = 0; i < last; i++) index[i] = lx_add(k->b, index[i], lx_dim(k->b, space->begin[i]));
    Loop square = loop_open(k, LOOP_SERIAL, "square", lx_int(k->b, 0), lx_dim(k->b, squares));
    Range columns = part_of(k, space, last, square.var, SIDE);
    Loop row = range_open(k, tiled, rows, index);
    Loop column = range_open(k, last, columns, index);
    emit_point(k, space, index);
    loop_close(k, &column);
    loop_close(k, &row);
    loop_close(k, &square);
    loops_close(k, top);
}

/* ---- work-items ------------------------------------------------------------------------------ */

/* One element each, neighbours along the last axis. */
static void emit_items(Kernel *k, const Survey *s, const Space *space) {
    LX index[MAX_AXES];
    Collapsed top = loops_open(k, space->rank, space->dims, names, 0, index);
    for (int i = 0; i < space->rank; i++)
        index[i] = lx_add(k->b, index[i], lx_dim(k->b, space->begin[i]));
    if (space->collapsed && !k->out) direct_leaves(k, s, space, index);
    emit_point(k, space, index);
    loops_close(k, top);
}

void emit_space(Kernel *k, const Survey *s, const Space *space) {
    if (k->l->target->group_items > 0)
        emit_items(k, s, space);
    else if (space->tiled_axis >= 0 && !space->collapsed && !k->l->target->streams)
        emit_turned(k, s, space);
    else
        emit_rows(k, s, space);
}
