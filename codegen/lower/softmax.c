/* softmax along an axis, in three passes over one row (or one vector of rows): maximum, sum of
 * exponentials, quotients.
 *
 * Vectors run along the axis where memory does, else along the innermost axis that is kept; then
 * every lane is a row of its own. The exponentials are computed again in the third pass: that needs
 * no room, whatever the size of the row. */
#include "codegen/lower/kernel.h"

#include <math.h>

typedef struct Softmax {
    Kernel *k;
    const Value *x;
    int axis;        /* that sums to 1 */
    int vector_axis; /* -1: scalars */
    int lanes;
    DType dtype;
    LX index[MAX_RANK];
    LX largest, total; /* of the row: scalar, or one a lane where lanes are rows */
} Softmax;

static bool lanes_are_rows(const Softmax *s) {
    return s->vector_axis != s->axis;
}

/* What one pass does with an element (or vector). */
typedef void Pass(Softmax *s, LBuffer *cell, LX mask);

static LX element(Softmax *s) {
    return emit_element(s->k, s->x, s->index);
}

static LX exponential(Softmax *s) {
    LX difference = lx_binary(s->k->b, LB_SUB, element(s), s->largest);
    return lm_exp(s->k->b, difference);
}

static void update(Softmax *s, LBuffer *cell, LBinary op, LX value, LX mask, double identity) {
    LBuilder *b = s->k->b;
    LX zero = lx_int(b, 0);
    if (mask) value = lx_select(b, mask, value, lx_const(b, ltype(s->dtype, 1), identity));
    value = lx_broadcast(b, value, cell->elem.lanes);
    lb_store(b, cell, &zero, lx_binary(b, op, lx_load(b, cell, &zero), value), NULL);
}

static void pass_largest(Softmax *s, LBuffer *cell, LX mask) {
    update(s, cell, LB_MAX, element(s), mask, -INFINITY);
}

static void pass_total(Softmax *s, LBuffer *cell, LX mask) {
    update(s, cell, LB_ADD, exponential(s), mask, 0);
}

static void pass_quotients(Softmax *s, LBuffer *cell, LX mask) {
    (void)cell;
    (void)mask;
    LX value = lx_binary(s->k->b, LB_DIV, exponential(s), s->total);
    emit_result(s->k, s->index, value);
}

/* All elements of the row; where the vector runs along it, whole vectors and then the rest under a
 * mask. */
static void each_element(Softmax *s, Pass *pass, LBuffer *cell) {
    Kernel *k = s->k;
    LBuilder *b = k->b;
    Dim extent = s->x->type.dims[s->axis], lanes = dim_int(k->dims, s->lanes);
    bool along = !lanes_are_rows(s) && s->lanes > 1;
    Dim whole = along ? dim_floordiv(k->dims, extent, lanes) : extent;
    Dim rest =
        along ? dim_sub(k->dims, extent, dim_mul(k->dims, whole, lanes)) : dim_int(k->dims, 0);
    require(whole && rest);
    Loop loop = {.scope = scope_begin(k)};
    loop.loop = lb_for(b, LOOP_SERIAL, "i", lx_int(b, 0), lx_dim(b, whole));
    LX at = lb_loop_var(b, loop.loop);
    s->index[s->axis] = along ? lx_ramp(b, lx_muli(b, at, s->lanes), 1, s->lanes) : at;
    pass(s, cell, NULL);
    loop_close(k, &loop);
    if (dim_is(rest, 0)) return;
    LX begin = lx_dim(b, dim_sub(k->dims, extent, rest));
    Loop last = loop_open(k, LOOP_SERIAL, "i", lx_int(b, 0),
                          lx_binary(b, LB_MIN, lx_dim(b, rest), lx_int(b, 1)));
    s->index[s->axis] = lx_ramp(b, begin, 1, s->lanes);
    LX mask = lx_binary(b, LB_LT, s->index[s->axis], lx_dim(b, extent));
    Guards before = guard_push(k, mask);
    pass(s, cell, mask);
    guard_pop(k, before);
    loop_close(k, &last);
}

static LX row_value(Softmax *s, const char *name, Pass *pass, LBinary op, double identity) {
    LBuilder *b = s->k->b;
    int64_t one = 1;
    LX zero = lx_int(b, 0);
    LType type = ltype(s->dtype, s->lanes);
    LBuffer *cell = lb_declare(b, name, SPACE_PRIVATE, type, 1, &one);
    lb_store(b, cell, &zero, lx_const(b, type, identity), NULL);
    each_element(s, pass, cell);
    LX value = lx_load(b, cell, &zero);
    return lb_let(b, name, lanes_are_rows(s) ? value : lx_reduce(b, op, value));
}

static void emit_row(Softmax *s) {
    size_t scope = scope_begin(s->k);
    s->largest = row_value(s, "largest", pass_largest, LB_MAX, -INFINITY);
    s->total = row_value(s, "total", pass_total, LB_ADD, 0);
    each_element(s, pass_quotients, NULL);
    scope_end(s->k, scope);
}

/* ---- loops over rows ------------------------------------------------------------------------- */

static AccessCounts probe(const Job *job, const Softmax *s, int axis, int lanes) {
    Kernel k;
    LX index[MAX_RANK];
    kernel_probe(&k, job->l, job->root, job->anchor);
    for (int i = 0; i < s->x->type.rank; i++) {
        LStmt *loop =
            lb_for(k.b, LOOP_SERIAL, "i", lx_int(k.b, 0), lx_dim(k.b, s->x->type.dims[i]));
        index[i] = lb_loop_var(k.b, loop);
    }
    index[axis] = lx_ramp(k.b, lx_muli(k.b, index[axis], lanes), 1, lanes);
    emit_element(&k, s->x, index);
    return k.loads;
}

/* The axis itself if its elements lie side by side, else the innermost other axis whose do. */
static void choose_vectors(const Job *job, Softmax *s) {
    int lanes = target_lanes(job->l->target, dtype_bits(s->dtype));
    s->vector_axis = s->axis; /* a row at a time */
    s->lanes = 1;
    for (int n = 0; n <= s->x->type.rank && lanes > 1; n++) {
        int axis = n == 0 ? s->axis : s->x->type.rank - n, width = lanes;
        int64_t extent;
        if (dim_is(s->x->type.dims[axis], 1)) continue;
        while (dim_is_int(s->x->type.dims[axis], &extent) && width / 2 >= extent && width > 1)
            width /= 2;
        if (width == 1 || probe(job, s, axis, width).strided) continue;
        s->vector_axis = axis;
        s->lanes = width;
        return;
    }
}

static Dim row_groups(const Softmax *s, int axis, bool masked) {
    DimContext *dims = s->k->dims;
    Dim extent = s->x->type.dims[axis], lanes = dim_int(dims, s->lanes);
    if (axis != s->vector_axis || s->lanes == 1) return extent;
    Dim whole = dim_floordiv(dims, extent, lanes);
    require(whole);
    return masked ? dim_sub(dims, dim_ceildiv(dims, extent, lanes), whole) : whole;
}

/* masked: the last, incomplete vector of rows. */
static void each_row(Softmax *s, bool masked) {
    static const char *const names[MAX_RANK] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    Kernel *k = s->k;
    Dim extents[MAX_RANK];
    LX vars[MAX_RANK], mask = NULL;
    int axes[MAX_RANK], count = 0;
    for (int i = 0; i < s->x->type.rank; i++) {
        if (i == s->axis) continue;
        axes[count] = i;
        extents[count++] = row_groups(s, i, masked);
        if (dim_is(extents[count - 1], 0)) return;
    }
    int64_t cost = 40 * dim_estimate(k->dims, s->x->type.dims[s->axis]);
    Collapsed loops = loops_open(k, count, extents, names, cost, vars);
    for (int i = 0; i < count; i++) {
        s->index[axes[i]] = vars[i];
        if (axes[i] != s->vector_axis || s->lanes == 1) continue;
        Dim extent = s->x->type.dims[axes[i]];
        Dim begin =
            masked ? dim_sub(k->dims, extent, dim_mod(k->dims, extent, dim_int(k->dims, s->lanes)))
                   : dim_int(k->dims, 0);
        LX first = lx_add(k->b, lx_dim(k->b, begin), lx_muli(k->b, vars[i], s->lanes));
        s->index[axes[i]] = lx_ramp(k->b, first, 1, s->lanes);
        if (masked) mask = lx_binary(k->b, LB_LT, s->index[axes[i]], lx_dim(k->b, extent));
    }
    Guards before = guard_push(k, mask);
    emit_row(s);
    guard_pop(k, before);
    loops_close(k, loops);
}

/* ---- rows by groups of work-items ------------------------------------------------------------ */

static LX group_value(Softmax *s, const GroupRows *rows, Pass *pass, LBinary op, double identity) {
    Kernel *k = s->k;
    LBuilder *b = k->b;
    int64_t one = 1;
    LX zero = lx_int(b, 0), own[2] = {rows->group.item[1], rows->group.item[0]};
    LBuffer *cell = lb_declare(b, "part", SPACE_PRIVATE, ltype(s->dtype, 1), 1, &one);
    lb_store(b, cell, &zero, lx_const(b, ltype(s->dtype, 1), identity), NULL);
    Loop loop = group_rows_each(k, rows, &s->index[s->axis]);
    pass(s, cell, NULL);
    loop_close(k, &loop);
    LBuffer *cells = group_rows_cells(k, rows, s->dtype);
    lb_store(b, cells, own, lx_load(b, cell, &zero), NULL);
    return group_combine(k, &rows->group, cells, rows->items, op);
}

static void rows_by_groups(Softmax *s) {
    GroupRows rows = group_rows_open(s->k, &s->x->type, s->axis, s->index);
    s->lanes = 1;
    s->largest = group_value(s, &rows, pass_largest, LB_MAX, -INFINITY);
    s->total = group_value(s, &rows, pass_total, LB_ADD, 0);
    Loop loop = group_rows_each(s->k, &rows, &s->index[s->axis]);
    pass_quotients(s, NULL, NULL);
    loop_close(s->k, &loop);
    group_close(s->k, &rows.group);
}

bool lower_softmax(const Job *job) {
    enum { OPERATIONS = 40 }; /* two exponentials, a division and the sums, per element */
    Kernel k;
    const Node *node = job->anchor->def;
    Softmax s = {.k = &k, .x = node->operands[0]};
    s.axis = normalize_axis(node_int(node, "axis"), s.x->type.rank);
    s.dtype = compute_dtype(s.x->type.dtype);
    kernel_begin(&k, job->l, job->root, job->anchor, job->uses);
    k.path = job->path;
    k.path_length = job->path_length;
    bool along = probe(job, &s, s.axis, 2).strided == 0;
    if (group_shares_rows(&k, &s.x->type, s.axis, along)) {
        rows_by_groups(&s);
    } else {
        choose_vectors(job, &s);
        each_row(&s, false);
        if (lanes_are_rows(&s)) each_row(&s, true);
    }
    emit_border(&k);
    Dim elements = type_elements(k.dims, &s.x->type);
    kernel_end(&k, kernel_name(job), "", dim_mul(k.dims, elements, dim_int(k.dims, OPERATIONS)));
    return true;
}
