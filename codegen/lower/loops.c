/* Loops as the nests open them. */
#include "codegen/lower/kernel.h"

Loop loop_open(Kernel *k, LLoopKind kind, const char *name, LX begin, LX extent) {
    Loop loop = {.scope = scope_begin(k), .var = begin};
    int64_t count;
    if (lx_is_int(extent, &count) && count == 1) return loop;
    loop.loop = lb_for(k->b, kind, name, begin, extent);
    loop.var = lb_loop_var(k->b, loop.loop);
    return loop;
}

void loop_close(Kernel *k, Loop *loop) {
    scope_end(k, loop->scope);
    if (loop->loop) lb_end(k->b, loop->loop);
}

/* The index in the collapsed extent: one work-item each. */
static LX open_items(Kernel *k, Collapsed *c, Dim total) {
    LBuilder *b = k->b;
    int items = k->l->target->group_items;
    int64_t fixed;
    while (dim_is_int(total, &fixed) && items > 1 && items / 2 >= fixed) items /= 2;
    Dim groups = dim_ceildiv(k->dims, total, dim_int(k->dims, items));
    require(groups);
    LX index = lx_int(b, 0);
    if (!dim_is(groups, 1)) {
        c->loop = lb_for(b, LOOP_GRID, "group", index, lx_dim(b, groups));
        index = lx_muli(b, lb_loop_var(b, c->loop), items);
    }
    c->items = lb_for(b, LOOP_ITEM, "item", lx_int(b, 0), lx_int(b, items));
    index = lb_let(b, "p", lx_add(b, index, lb_loop_var(b, c->items)));
    bool whole = dim_is(dim_mod(k->dims, total, dim_int(k->dims, items)), 0);
    if (!whole) c->inside = lb_if(b, lx_binary(b, LB_LT, index, lx_dim(b, total)));
    return index;
}

static void open_nested(Kernel *k, Collapsed *c, int count, const Dim *extents,
                        const char *const *names, LX *vars) {
    require(count <= MAX_AXES + 1);
    for (int i = 0; i < count; i++) {
        if (dim_is(extents[i], 1)) continue;
        LStmt *loop =
            lb_for(k->b, LOOP_SERIAL, names[i], lx_int(k->b, 0), lx_dim(k->b, extents[i]));
        c->nested[c->nnested++] = loop;
        vars[i] = lb_loop_var(k->b, loop);
    }
}

int64_t loops_cost(const Kernel *k, double cycles, int count, const Dim *extents) {
    const double most = 1e15;
    for (int i = 0; i < count; i++) cycles /= (double)dim_estimate(k->dims, extents[i]);
    return cycles < 1 ? 1 : cycles > most ? (int64_t)most : (int64_t)cycles;
}

Collapsed loops_open(Kernel *k, int count, const Dim *extents, const char *const *names,
                     int64_t cost, LX *vars) {
    Collapsed c = {.scope = scope_begin(k)};
    for (int i = 0; i < count; i++) vars[i] = lx_int(k->b, 0);
    if (k->l->target->streams) {
        open_nested(k, &c, count, extents, names, vars);
        return c;
    }
    int first = 0, last = count - 1;
    while (first < count && dim_is(extents[first], 1)) first++;
    while (last >= first && dim_is(extents[last], 1)) last--;
    if (first > last) return c;
    Dim total = dims_product(k->dims, count, extents);
    require(total);
    LX rest;
    if (k->l->target->group_items > 0) {
        rest = open_items(k, &c, total);
    } else {
        c.loop = lb_for(k->b, LOOP_PARALLEL, first == last ? names[first] : "p", lx_int(k->b, 0),
                        lx_dim(k->b, total));
        c.loop->cost = cost;
        rest = lb_loop_var(k->b, c.loop);
    }
    for (int i = last; i >= first; i--) {
        if (dim_is(extents[i], 1)) continue;
        LX extent = lx_dim(k->b, extents[i]);
        LX here = i == first ? rest : lx_binary(k->b, LB_MOD, rest, extent);
        if (i > first) rest = lx_binary(k->b, LB_FLOORDIV, rest, extent);
        vars[i] = lb_let(k->b, names[i], here);
    }
    return c;
}

void loops_close(Kernel *k, Collapsed loops) {
    scope_end(k, loops.scope);
    if (loops.inside) lb_end(k->b, loops.inside);
    if (loops.items) lb_end(k->b, loops.items);
    if (loops.loop) lb_end(k->b, loops.loop);
    while (loops.nnested > 0) lb_end(k->b, loops.nested[--loops.nnested]);
}
