/* Groups of work-items that share local memory. */
#include "codegen/lower/kernel.h"
#include "codegen/schedule/plan_group.h"

static LX open_items(Kernel *k, Group *g, int axis, int items) {
    static const char *const names[] = {"tx", "ty"};
    if (items == 1) return lx_int(k->b, 0);
    LStmt *loop = lb_for(k->b, LOOP_ITEM, names[axis], lx_int(k->b, 0), lx_int(k->b, items));
    loop->axis = axis;
    g->loops[1 + axis] = loop;
    return lb_loop_var(k->b, loop);
}

Group group_open(Kernel *k, Dim groups, int items0, int items1) {
    Group g = {.scope = scope_begin(k), .group = lx_int(k->b, 0)};
    if (!dim_is(groups, 1)) {
        g.loops[0] = lb_for(k->b, LOOP_GRID, "group", lx_int(k->b, 0), lx_dim(k->b, groups));
        g.group = lb_loop_var(k->b, g.loops[0]);
    }
    g.item[1] = open_items(k, &g, 1, items1);
    g.item[0] = open_items(k, &g, 0, items0);
    return g;
}

void group_close(Kernel *k, Group *g) {
    scope_end(k, g->scope);
    if (g->loops[1]) lb_end(k->b, g->loops[1]);
    if (g->loops[2]) lb_end(k->b, g->loops[2]);
    if (g->loops[0]) lb_end(k->b, g->loops[0]);
}

/* Halves are folded onto each other; every element is written by the work-item that owns it. */
LX group_combine(Kernel *k, const Group *g, LBuffer *cells, int items, LBinary op) {
    LBuilder *b = k->b;
    LX own[2] = {g->item[1], g->item[0]}, first[2] = {g->item[1], lx_int(b, 0)};
    lb_barrier(b);
    for (int half = items / 2; half > 0; half /= 2) {
        LX other[2] = {own[0], lx_addi(b, own[1], half)};
        LStmt *branch = lb_if(b, lx_binary(b, LB_LT, own[1], lx_int(b, half)));
        LX sum = lx_binary(b, op, lx_load(b, cells, own), lx_load(b, cells, other));
        lb_store(b, cells, own, sum, NULL);
        lb_end(b, branch);
        lb_barrier(b);
    }
    return lb_let(b, "all", lx_load(b, cells, first));
}

/* ---- rows ------------------------------------------------------------------------------------ */

bool group_shares_rows(const Kernel *k, const TensorType *type, int axis, bool along_memory) {
    const TargetDesc *target = k->l->target;
    int64_t extent, rows = 1;
    if (target->group_items < 2) return false;
    bool fixed = dim_is_int(type->dims[axis], &extent);
    if (fixed && extent < target->group_width) return false;
    if (!fixed || along_memory) return along_memory;
    for (int i = 0; i < type->rank; i++)
        if (i != axis && rows < INT32_MAX) rows *= dim_estimate(k->dims, type->dims[i]);
    return rows * 4 < (int64_t)target->group_items * target->cores;
}

static Dim count_rows(Kernel *k, const TensorType *type, int axis) {
    Dim rows = dim_int(k->dims, 1);
    for (int i = 0; i < type->rank && rows; i++)
        if (i != axis) rows = dim_mul(k->dims, rows, type->dims[i]);
    require(rows);
    return rows;
}

/* Sets the row's place along all axes but one. */
static void place_row(Kernel *k, const TensorType *type, int axis, LX row, LX *index) {
    int first = 0;
    while (first < type->rank && (first == axis || dim_is(type->dims[first], 1))) first++;
    for (int i = type->rank - 1; i >= 0; i--) {
        if (i == axis) continue;
        LX extent = lx_dim(k->b, type->dims[i]);
        LX here = i == first ? row : lx_binary(k->b, LB_MOD, row, extent);
        if (dim_is(type->dims[i], 1)) here = lx_int(k->b, 0);
        if (i > first) row = lx_binary(k->b, LB_FLOORDIV, row, extent);
        index[i] = lb_let(k->b, "i", here);
    }
}

GroupRows group_rows_open(Kernel *k, const TensorType *type, int axis, LX *index) {
    const TargetDesc *target = k->l->target;
    int64_t extent = 2 * (int64_t)target->group_width, known;
    LBuilder *b = k->b;
    GroupRows r = {.rows = 1};
    Dim rows = count_rows(k, type, axis);
    dim_is_int(type->dims[axis], &extent);
    r.items = group_row_items(target, extent);
    while (r.items * r.rows * 2 <= target->group_items / 2 &&
           !(dim_is_int(rows, &known) && r.rows >= known))
        r.rows *= 2;
    Dim each = dim_int(k->dims, r.rows), groups = dim_ceildiv(k->dims, rows, each);
    require(groups);
    r.group = group_open(k, groups, r.items, r.rows);
    LX row = lb_let(b, "row", lx_add(b, lx_muli(b, r.group.group, r.rows), r.group.item[1]));
    place_row(k, type, axis, row, index);
    LX steps = lx_sub(b, lx_addi(b, lx_dim(b, type->dims[axis]), r.items - 1), r.group.item[0]);
    steps = lx_binary(b, LB_FLOORDIV, steps, lx_int(b, r.items));
    if (!dim_is(dim_mod(k->dims, rows, each), 0)) {
        r.exists = lb_let(b, "exists", lx_binary(b, LB_LT, row, lx_dim(b, rows)));
        steps = lx_select(b, r.exists, steps, lx_int(b, 0));
    }
    r.steps = lb_let(b, "steps", steps);
    return r;
}

Loop group_rows_each(Kernel *k, const GroupRows *rows, LX *place) {
    Loop loop = {.scope = scope_begin(k)};
    loop.loop = lb_for(k->b, LOOP_SERIAL, "step", lx_int(k->b, 0), rows->steps);
    LX step = lx_muli(k->b, lb_loop_var(k->b, loop.loop), rows->items);
    *place = lb_let(k->b, "at", lx_add(k->b, step, rows->group.item[0]));
    return loop;
}

LBuffer *group_rows_cells(Kernel *k, const GroupRows *rows, DType dtype) {
    int64_t dims[2] = {rows->rows, rows->items};
    return lb_declare(k->b, "cells", SPACE_LOCAL, ltype(dtype, 1), 2, dims);
}
