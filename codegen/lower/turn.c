/* Squares that are turned in registers: what is consecutive along one axis is loaded as vectors
 * along it, and stored as vectors along the last.
 *
 * A square of S elements a side is S vectors. Within 128 bits, which hold G elements, rounds of
 * interleaving turn G vectors; then units of 128 bits change places between vectors. Each step is
 * one instruction on x86 (unpack, perm2f128, shuff32x4) and on Arm (zip). */
#include "codegen/lower/pointwise.h"

enum { UNIT_BITS = 128, MOST_SIDE = 16, LEAST_SIDE = 4 };

int turn_side(const Kernel *k, int lanes) {
    DType dtype = k->root->type.dtype;
    if (dtype == DT_bool || dtype_bits(dtype) < 8 || layout_pads(k->dims, &k->root->type)) return 1;
    int side = lanes < MOST_SIDE ? lanes : MOST_SIDE;
    return side < 2 ? 1 : side;
}

/* ---- the network of shuffles ----------------------------------------------------------------- */

typedef struct Square {
    Kernel *k;
    int side, group; /* S, G */
    LX v[MOST_SIDE];
} Square;

static LX shuffle(Square *q, LX x, LX y, const int *map) {
    return lb_let(q->k->b, "t", lx_shuffle(q->k->b, x, y, q->side, map));
}

/* Elements of x and y in turn, from the lower or upper half of every unit. */
static LX interleave(Square *q, LX x, LX y, bool upper) {
    int map[MOST_SIDE], half = q->group / 2;
    for (int i = 0; i < q->side; i++) {
        int unit = i / q->group * q->group, within = i % q->group;
        map[i] = unit + within / 2 + (upper ? half : 0) + (within % 2 ? q->side : 0);
    }
    return shuffle(q, x, y, map);
}

/* Turns the units of vectors first .. first + group - 1. */
static void turn_within_units(Square *q, int first) {
    int half = q->group / 2;
    for (int round = 1; round < q->group; round *= 2) {
        LX next[MOST_SIDE];
        for (int i = 0; i < half; i++) {
            LX x = q->v[first + i], y = q->v[first + i + half];
            next[2 * i] = interleave(q, x, y, false);
            next[2 * i + 1] = interleave(q, x, y, true);
        }
        for (int i = 0; i < q->group; i++) q->v[first + i] = next[i];
    }
}

/* Takes units `from` of x and y, `count` of them, each `step` on, into the lower and upper half. */
static LX pick_units(Square *q, LX x, LX y, int from, int step) {
    int map[MOST_SIDE], half = q->side / 2;
    for (int i = 0; i < q->side; i++) {
        int within = i % half, unit = from + within / q->group * step;
        map[i] = unit * q->group + within % q->group + (i < half ? 0 : q->side);
    }
    return shuffle(q, x, y, map);
}

/* Units change places among the vectors j, j + G, j + 2G, ... */
static void turn_units(Square *q, int j) {
    int g = q->group, units = q->side / g;
    LX *v = &q->v[j];
    if (units == 2) {
        LX a = v[0], b = v[g];
        v[0] = pick_units(q, a, b, 0, 1);
        v[g] = pick_units(q, a, b, 1, 1);
    } else if (units == 4) {
        LX a = pick_units(q, v[0], v[g], 0, 1), b = pick_units(q, v[0], v[g], 2, 1);
        LX c = pick_units(q, v[2 * g], v[3 * g], 0, 1), d = pick_units(q, v[2 * g], v[3 * g], 2, 1);
        v[0] = pick_units(q, a, c, 0, 2);
        v[g] = pick_units(q, a, c, 1, 2);
        v[2 * g] = pick_units(q, b, d, 0, 2);
        v[3 * g] = pick_units(q, b, d, 1, 2);
    } else {
        require(units == 1);
    }
}

static void turn_square(Square *q) {
    int bits = dtype_bits(q->v[0]->type.dtype);
    q->group = UNIT_BITS / bits < q->side ? UNIT_BITS / bits : q->side;
    if (q->side / q->group > 4) q->group = q->side / 4;
    for (int first = 0; first < q->side; first += q->group) turn_within_units(q, first);
    for (int j = 0; j < q->group; j++) turn_units(q, j);
}

/* ---- one square ------------------------------------------------------------------------------ */

static void physical_of(Kernel *k, const Space *space, LX const *index, LX *physical) {
    for (int i = 0; i < space->naxes; i++) {
        int group = space->group[i];
        physical[i] = group >= 0 ? index[group] : lx_int(k->b, 0);
    }
}

/* index: of the square's first element. */
static void emit_square(Kernel *k, const Space *space, LX *index, int side) {
    const TensorType *type = &k->root->type;
    int last = space->rank - 1, tiled = space->tiled_axis;
    LX row = index[tiled], column = index[last], physical[MAX_AXES], own[MAX_AXES], at[MAX_RANK];
    Square q = {.k = k, .side = side};
    index[tiled] = lx_ramp(k->b, row, 1, side);
    for (int j = 0; j < side; j++) {
        size_t scope = scope_begin(k);
        index[last] = lx_addi(k->b, column, j);
        physical_of(k, space, index, physical);
        logical_index(k, type, physical, at);
        LX value = lx_cast(k->b, CAST_VALUE, type->dtype, emit_element(k, k->root, at));
        q.v[j] = lb_let(k->b, "v", lx_broadcast(k->b, value, side));
        scope_end(k, scope);
    }
    turn_square(&q);
    index[last] = lx_ramp(k->b, column, 1, side);
    for (int i = 0; i < side; i++) {
        index[tiled] = lx_addi(k->b, row, i);
        physical_of(k, space, index, physical);
        memory_index(k, type, physical, own);
        lb_store(k->b, kernel_output(k), own, q.v[i], NULL);
    }
}

/* ---- all squares ----------------------------------------------------------------------------- */

/* Squares that fill the space along both axes. */
static void emit_whole(Kernel *k, const Survey *s, const Space *space, int side) {
    static const char *const names[MAX_AXES] = {"i0", "i1", "i2", "i3", "i4",  "i5",
                                                "i6", "i7", "i8", "i9", "i10", "i11"};
    LX index[MAX_AXES];
    Dim extents[MAX_AXES], step = dim_int(k->dims, side);
    int last = space->rank - 1, tiled = space->tiled_axis;
    for (int i = 0; i < last; i++) extents[i] = space->dims[i];
    extents[tiled] = dim_floordiv(k->dims, space->dims[tiled], step);
    Dim squares = dim_floordiv(k->dims, space->dims[last], step);
    require(extents[tiled] && squares);
    double cost = (double)s->operations * side * (double)dim_estimate(k->dims, space->dims[last]);
    Collapsed top =
        loops_open(k, last, extents, names, cost > 1e15 ? (int64_t)1e15 : (int64_t)cost, index);
    for (int i = 0; i < last; i++) {
        if (i == tiled) index[i] = lx_muli(k->b, index[i], side);
        index[i] = lx_add(k->b, index[i], lx_dim(k->b, space->begin[i]));
    }
    Loop loop = loop_open(k, LOOP_SERIAL, "square", lx_int(k->b, 0), lx_dim(k->b, squares));
    LX begin = lx_dim(k->b, space->begin[last]);
    index[last] = lx_add(k->b, lx_muli(k->b, loop.var, side), begin);
    emit_square(k, space, index, side);
    loop_close(k, &loop);
    loops_close(k, top);
}

/* What lies behind the whole squares along an axis. */
static Space rest_along(Kernel *k, const Space *space, int axis, int side) {
    Space rest = *space;
    Dim step = dim_int(k->dims, side);
    Dim whole = dim_mul(k->dims, dim_floordiv(k->dims, space->dims[axis], step), step);
    require(whole);
    rest.begin[axis] = dim_add(k->dims, space->begin[axis], whole);
    rest.dims[axis] = dim_sub(k->dims, space->dims[axis], whole);
    require(rest.begin[axis] && rest.dims[axis]);
    return rest;
}

static bool is_known(const Space *space) {
    return dim_is_int(space->dims[space->tiled_axis], NULL) &&
           dim_is_int(space->dims[space->rank - 1], NULL);
}

/* Whether the extent is known to be less than a square. */
static bool is_short(Dim extent, int side) {
    int64_t count;
    return dim_is_int(extent, &count) && count < side;
}

void emit_turned(Kernel *k, const Survey *s, const Space *space) {
    int last = space->rank - 1, tiled = space->tiled_axis, side = space->side;
    if (dim_is(space->dims[tiled], 0) || dim_is(space->dims[last], 0)) return;
    bool small = is_short(space->dims[tiled], side) || is_short(space->dims[last], side);
    Space below = *space;
    below.side = side / 2 >= LEAST_SIDE && is_known(space) ? side / 2 : 1;
    if (side == 1 || small) {
        if (below.side > 1)
            emit_turned(k, s, &below);
        else
            emit_squares(k, s, space);
        return;
    }
    emit_whole(k, s, space, side);
    Space rows = rest_along(k, &below, tiled, side);
    emit_turned(k, s, &rows);
    Space columns = rest_along(k, &below, last, side);
    columns.dims[tiled] = dim_sub(k->dims, space->dims[tiled], rows.dims[tiled]);
    require(columns.dims[tiled]);
    emit_turned(k, s, &columns);
}
