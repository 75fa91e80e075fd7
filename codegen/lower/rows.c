/* Rows along one axis: loops over all the other axes, one row or one vector of rows at a time. */
#include "codegen/lower/kernel.h"

static AccessCounts probe(const Rows *r, const Job *job, int axis, int lanes) {
    Kernel k;
    LX index[MAX_RANK];
    kernel_probe(&k, job->l, job->root, job->anchor);
    for (int i = 0; i < r->x->type.rank; i++) {
        LStmt *loop =
            lb_for(k.b, LOOP_SERIAL, "i", lx_int(k.b, 0), lx_dim(k.b, r->x->type.dims[i]));
        index[i] = lb_loop_var(k.b, loop);
    }
    index[axis] = lx_ramp(k.b, lx_muli(k.b, index[axis], lanes), 1, lanes);
    emit_element(&k, r->x, index);
    return k.loads;
}

bool rows_lie_along(const Rows *r, const Job *job) {
    return probe(r, job, r->axis, 2).strided == 0;
}

void rows_choose_lanes(Rows *r, const Job *job, DType dtype, bool may_lie_along) {
    const TensorType *type = &r->x->type;
    int lanes = target_lanes(job->l->target, dtype_bits(dtype));
    r->vector_axis = r->axis; /* a row at a time */
    r->lanes = 1;
    for (int n = may_lie_along ? 0 : 1; n <= type->rank && lanes > 1; n++) {
        int axis = n == 0 ? r->axis : type->rank - n, width = lanes;
        int64_t extent;
        if (dim_is(type->dims[axis], 1) || (n > 0 && axis == r->axis)) continue;
        while (dim_is_int(type->dims[axis], &extent) && width / 2 >= extent && width > 1)
            width /= 2;
        if (width == 1 || probe(r, job, axis, width).strided) continue;
        r->vector_axis = axis;
        r->lanes = width;
        return;
    }
}

/* Rows, or vectors of them, along an axis; masked: what whole vectors leave. */
static Dim count_rows(const Rows *r, int axis, bool masked) {
    DimContext *dims = r->k->dims;
    Dim extent = r->x->type.dims[axis], lanes = dim_int(dims, r->lanes);
    if (axis != r->vector_axis || r->lanes == 1) return extent;
    Dim whole = dim_floordiv(dims, extent, lanes);
    require(whole);
    return masked ? dim_sub(dims, dim_ceildiv(dims, extent, lanes), whole) : whole;
}

/* masked: the last, incomplete vector of rows. */
static void each_row(Rows *r, int64_t cost, bool masked, RowEmitter *emit) {
    static const char *const names[MAX_RANK] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    Kernel *k = r->k;
    Dim extents[MAX_RANK] = {NULL};
    LX vars[MAX_RANK], mask = NULL;
    int axes[MAX_RANK], count = 0;
    for (int i = 0; i < r->x->type.rank; i++) {
        if (i == r->axis) continue;
        axes[count] = i;
        extents[count++] = count_rows(r, i, masked);
        if (dim_is(extents[count - 1], 0)) return;
    }
    Collapsed loops = loops_open(k, count, extents, names, cost, vars);
    for (int i = 0; i < count; i++) {
        r->index[axes[i]] = vars[i];
        if (axes[i] != r->vector_axis || r->lanes == 1) continue;
        Dim extent = r->x->type.dims[axes[i]];
        Dim begin =
            masked ? dim_sub(k->dims, extent, dim_mod(k->dims, extent, dim_int(k->dims, r->lanes)))
                   : dim_int(k->dims, 0);
        LX first = lx_add(k->b, lx_dim(k->b, begin), lx_muli(k->b, vars[i], r->lanes));
        r->index[axes[i]] = lx_ramp(k->b, first, 1, r->lanes);
        if (masked) mask = lx_binary(k->b, LB_LT, r->index[axes[i]], lx_dim(k->b, extent));
    }
    Guards before = guard_push(k, mask);
    emit(r);
    guard_pop(k, before);
    loops_close(k, loops);
}

void rows_each(Rows *r, int64_t cost, RowEmitter *emit) {
    each_row(r, cost, false, emit);
    if (rows_are_lanes(r)) each_row(r, cost, true, emit);
}

/* ---- the elements of a row ------------------------------------------------------------------- */

void rows_pass(Rows *r, RowPass *pass, LBuffer *cell) {
    Kernel *k = r->k;
    LBuilder *b = k->b;
    Dim extent = r->x->type.dims[r->axis], lanes = dim_int(k->dims, r->lanes);
    bool along = !rows_are_lanes(r) && r->lanes > 1;
    Dim whole = along ? dim_floordiv(k->dims, extent, lanes) : extent;
    Dim rest =
        along ? dim_sub(k->dims, extent, dim_mul(k->dims, whole, lanes)) : dim_int(k->dims, 0);
    require(whole && rest);
    Loop loop = {.scope = scope_begin(k)};
    loop.loop = lb_for(b, LOOP_SERIAL, "i", lx_int(b, 0), lx_dim(b, whole));
    LX at = lb_loop_var(b, loop.loop);
    r->index[r->axis] = along ? lx_ramp(b, lx_muli(b, at, r->lanes), 1, r->lanes) : at;
    pass(r, cell, NULL);
    loop_close(k, &loop);
    if (dim_is(rest, 0)) return;
    LX begin = lx_dim(b, dim_sub(k->dims, extent, rest));
    Loop last = loop_open(k, LOOP_SERIAL, "i", lx_int(b, 0),
                          lx_binary(b, LB_MIN, lx_dim(b, rest), lx_int(b, 1)));
    r->index[r->axis] = lx_ramp(b, begin, 1, r->lanes);
    LX mask = lx_binary(b, LB_LT, r->index[r->axis], lx_dim(b, extent));
    Guards before = guard_push(k, mask);
    pass(r, cell, mask);
    guard_pop(k, before);
    loop_close(k, &last);
}
