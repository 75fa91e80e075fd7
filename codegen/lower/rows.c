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

/* Opens the parallel loop over rows, or vectors of them. */
static Collapsed open_rows(Rows *r, int64_t cost) {
    static const char *const names[MAX_RANK] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    Kernel *k = r->k;
    Dim extents[MAX_RANK] = {NULL}, lanes = dim_int(k->dims, r->lanes);
    LX vars[MAX_RANK];
    int axes[MAX_RANK], count = 0;
    for (int i = 0; i < r->x->type.rank; i++) {
        if (i == r->axis) continue;
        Dim extent = r->x->type.dims[i];
        axes[count] = i;
        extents[count++] = i == r->vector_axis ? dim_ceildiv(k->dims, extent, lanes) : extent;
        require(extents[count - 1]);
    }
    if (!rows_are_lanes(r)) cost = cost / r->lanes + 1;
    Collapsed loops = loops_open(k, count, extents, names, cost, vars);
    for (int i = 0; i < count; i++) r->index[axes[i]] = vars[i];
    return loops;
}

/* masked: the vector reaches beyond the axis. */
static void emit_lanes(Rows *r, LX vector, bool masked, RowEmitter *emit) {
    Kernel *k = r->k;
    size_t scope = scope_begin(k);
    LX rows = lx_ramp(k->b, lx_muli(k->b, vector, r->lanes), 1, r->lanes), mask = NULL;
    r->index[r->vector_axis] = rows;
    if (masked) mask = lx_binary(k->b, LB_LT, rows, lx_dim(k->b, r->x->type.dims[r->vector_axis]));
    Guards before = guard_push(k, mask);
    emit(r);
    guard_pop(k, before);
    scope_end(k, scope);
}

void rows_each(Rows *r, int64_t cost, RowEmitter *emit) {
    LBuilder *b = r->k->b;
    Collapsed loops = open_rows(r, cost);
    if (!rows_are_lanes(r)) {
        emit(r);
        loops_close(r->k, loops);
        return;
    }
    DimContext *dims = r->k->dims;
    Dim extent = r->x->type.dims[r->vector_axis], lanes = dim_int(dims, r->lanes);
    Dim whole = dim_floordiv(dims, extent, lanes);
    require(whole);
    LX vector = r->index[r->vector_axis];
    bool some = !dim_is(whole, 0), rest = !dim_is(dim_mod(dims, extent, lanes), 0);
    LStmt *branch = NULL;
    if (some && rest) branch = lb_if(b, lx_binary(b, LB_LT, vector, lx_dim(b, whole)));
    if (some) emit_lanes(r, vector, false, emit);
    if (branch) lb_else(b, branch);
    if (rest) emit_lanes(r, vector, true, emit);
    if (branch) lb_end(b, branch);
    loops_close(r->k, loops);
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
