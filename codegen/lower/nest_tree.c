/* Long reductions: the work-items of a row share one result, each takes every so many-th element,
 * neighbours neighbours; a tree in local memory puts their sums together. */
#include "codegen/lower/nest.h"

void nest_scatter(Nest *n, int count, const int *axes, LX index) {
    LBuilder *b = n->k->b;
    int first = 0, last = count - 1;
    for (int i = 0; i < count; i++) n->at[axes[i]] = lx_int(b, 0);
    while (first < count && dim_is(n->c->axes[axes[first]].extent, 1)) first++;
    while (last > first && dim_is(n->c->axes[axes[last]].extent, 1)) last--;
    for (int i = last; i >= first; i--) {
        const DomainAxis *axis = &n->c->axes[axes[i]];
        if (dim_is(axis->extent, 1)) continue;
        LX extent = lx_dim(b, axis->extent);
        LX here = i == first ? index : lx_binary(b, LB_MOD, index, extent);
        if (i > first) index = lx_binary(b, LB_FLOORDIV, index, extent);
        n->at[axes[i]] = lb_let(b, axis->name, here);
    }
}

Dim nest_extent(const Nest *n, int count, const int *axes) {
    Dim extents[MAX_DOMAIN];
    for (int i = 0; i < count; i++) extents[i] = n->c->axes[axes[i]].extent;
    Dim product = dims_product(n->k->dims, count, extents);
    require(product);
    return product;
}

/* This work-item's part of the reduction. */
static LX own_part(Nest *n, const GroupAxes *axes, const Group *g, int items) {
    LBuilder *b = n->k->b;
    int64_t one = 1;
    LX zero = lx_int(b, 0), x[2] = {NULL, NULL};
    LBuffer *sum = lb_declare(b, "sum", SPACE_PRIVATE, ltype(n->c->dtype, 1), 1, &one);
    lb_store(b, sum, &zero, nest_identity(n), NULL);
    LX total = lx_dim(b, nest_extent(n, axes->nreduced, axes->reduced));
    LX steps = lx_sub(b, lx_addi(b, total, items - 1), g->item[0]);
    steps = lx_binary(b, LB_FLOORDIV, steps, lx_int(b, items));
    Loop loop = {.scope = scope_begin(n->k)};
    loop.loop = lb_for(b, LOOP_SERIAL, "step", zero, steps);
    LX step = lb_loop_var(b, loop.loop);
    nest_scatter(n, axes->nreduced, axes->reduced, lx_add(b, lx_muli(b, step, items), g->item[0]));
    for (int i = 0; i < n->c->noperands; i++) x[i] = nest_load(n, i);
    lb_store(b, sum, &zero, nest_combine(n, lx_load(b, sum, &zero), x), NULL);
    loop_close(n->k, &loop);
    return lx_load(b, sum, &zero);
}

void nest_tree(Nest *n) {
    static const LBinary operators[] = {[COMBINE_DOT] = LB_ADD,
                                        [COMBINE_SUM] = LB_ADD,
                                        [COMBINE_PRODUCT] = LB_MUL,
                                        [COMBINE_MIN] = LB_MIN,
                                        [COMBINE_MAX] = LB_MAX};
    Kernel *k = n->k;
    LBuilder *b = k->b;
    const GroupPlan *plan = &n->plan->group;
    int items = plan->items[0], rows = plan->items[1], kept[MAX_DOMAIN], count = 0;
    int64_t dims[2] = {rows, items};
    GroupAxes axes = group_axes(n->c);
    n->unclipped = true;
    for (int i = 0; i < n->c->naxes; i++)
        if (!n->c->axes[i].reduced) kept[count++] = i;
    Dim results = nest_extent(n, count, kept), each = dim_int(k->dims, rows);
    Dim groups = dim_ceildiv(k->dims, results, each);
    require(groups);
    Group g = group_open(k, groups, items, rows);
    LBuffer *cells = lb_declare(b, "cells", SPACE_LOCAL, ltype(n->c->dtype, 1), 2, dims);
    LX result = lb_let(b, "result", lx_add(b, lx_muli(b, g.group, rows), g.item[1]));
    nest_scatter(n, count, kept, result);
    LX exists = NULL, own[2] = {g.item[1], g.item[0]};
    if (!dim_is(dim_mod(k->dims, results, each), 0))
        exists = lx_binary(b, LB_LT, result, lx_dim(b, results));
    LStmt *branch = exists ? lb_if(b, exists) : NULL;
    size_t scope = scope_begin(k);
    lb_store(b, cells, own, own_part(n, &axes, &g, items), NULL);
    scope_end(k, scope);
    if (branch) {
        lb_else(b, branch);
        lb_store(b, cells, own, nest_identity(n), NULL);
        lb_end(b, branch);
    }
    LX sum = group_combine(k, &g, cells, items, operators[n->c->combine]);
    LX stores = lx_binary(b, LB_EQ, g.item[0], lx_int(b, 0));
    branch = lb_if(b, both(k, exists, stores));
    nest_store(n, sum);
    lb_end(b, branch);
    group_close(k, &g);
}
