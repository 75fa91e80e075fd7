/* What a nest of any shape does at its current place: where that is, what operands hold there, how it
 * is combined, and where a result goes. */
#include "codegen/lower/nest.h"

#include <math.h>

/* ---- indices --------------------------------------------------------------------------------- */

LX nest_index(const Nest *n, int axis) {
    LBuilder *b = n->k->b;
    int t = nest_tile_of(n, axis);
    if (n->turn && axis == n->turn->axis)
        return lx_ramp(b, lx_add(b, n->at[axis], n->turn->first), 1, n->plan->lanes);
    if (t >= 0) return lx_add(b, n->at[axis], n->within[t]);
    if (axis != n->plan->vector_axis) return n->at[axis];
    LX first = lx_add(b, n->at[axis], lx_muli(b, n->vector, n->plan->lanes));
    if (n->turn) return lx_add(b, first, n->turn->lane);
    return lx_ramp(b, first, 1, n->plan->lanes);
}

static LX affine_value(const Nest *n, const AffineIndex *index) {
    LBuilder *b = n->k->b;
    LX sum = lx_int(b, index->offset);
    for (int i = 0; i < index->nterms; i++) {
        LX term = nest_index(n, index->terms[i].axis);
        sum = lx_add(b, lx_muli(b, term, index->terms[i].scale), sum);
    }
    return sum;
}

void nest_access_index(const Nest *n, const Access *access, LX *index) {
    for (int i = 0; i < access->value->type.rank; i++)
        index[i] = affine_value(n, &access->index[i]);
}

static bool may_leave(const Nest *n, const AffineIndex *index) {
    for (int i = 0; i < index->nterms; i++)
        if (n->inside[index->terms[i].axis]) return false;
    return index->may_leave;
}

int nest_clipped_axis(const Nest *n, const AffineIndex *index) {
    int reduced = -1;
    if (!may_leave(n, index) || n->unclipped) return -1;
    for (int i = 0; i < index->nterms; i++) {
        int axis = index->terms[i].axis, t = nest_tile_of(n, axis);
        if (axis == n->plan->vector_axis || (t >= 0 && n->sizes[t] > 1)) return -1;
        if (!n->c->axes[axis].reduced) continue;
        if (reduced >= 0 || n->c->axes[axis].block > 1) return -1;
        reduced = axis;
    }
    return reduced;
}

/* ---- operands -------------------------------------------------------------------------------- */

bool nest_varies(const Nest *n, int operand, int axis) {
    return axis >= 0 && access_depends(&n->c->operands[operand], axis);
}

bool nest_uses_dots(const Nest *n) {
    return n->plan->dot > 1;
}

LX nest_identity(const Nest *n) {
    LBuilder *b = n->k->b;
    LType type = ltype(n->c->dtype, 1);
    bool is_float = dtype_is_float(type.dtype);
    switch (n->c->combine) {
    case COMBINE_PRODUCT: return is_float ? lx_const(b, type, 1) : lx_const_int(b, type, 1);
    case COMBINE_MIN:
        return is_float ? lx_const(b, type, INFINITY)
                        : lx_const_int(b, type, dtype_max(type.dtype));
    case COMBINE_MAX:
        return is_float ? lx_const(b, type, -INFINITY)
                        : lx_const_int(b, type, dtype_min(type.dtype));
    default: return zero_of(n->k, type);
    }
}

/* The lanes of the vector axis that exist; null: all. */
static LX lane_mask(const Nest *n) {
    int axis = n->plan->vector_axis;
    if (!n->masked || axis < 0) return NULL;
    return lx_binary(n->k->b, LB_LT, nest_index(n, axis), lx_dim(n->k->b, n->c->axes[axis].extent));
}

LX nest_load(const Nest *n, int operand) {
    Kernel *k = n->k;
    const Access *access = &n->c->operands[operand];
    /* Apart: a load of one element for all lanes, where an axis has size 1, heeds scalars only. */
    LX at[MAX_RANK] = {NULL}, inside = NULL, lanes_inside = NULL;
    for (int i = 0; i < access->value->type.rank; i++) {
        at[i] = affine_value(n, &access->index[i]);
        if (!may_leave(n, &access->index[i]) || nest_clipped_axis(n, &access->index[i]) >= 0)
            continue;
        LX *part = at[i]->type.lanes > 1 ? &lanes_inside : &inside;
        *part = both(k, *part, within(k, at[i], access->value->type.dims[i]));
    }
    int axis = n->plan->vector_axis;
    LX lanes = nest_varies(n, operand, axis) ? lane_mask(n) : NULL;
    /* What lies beyond the result's axis is not stored: it may be read if it is there. */
    bool reduced = lanes && n->c->axes[axis].reduced;
    if (lanes && !reduced && access->padded[axis]) lanes = NULL;
    Guards before = guard_push(k, inside);
    guard_push(k, lanes_inside);
    guard_push(k, lanes);
    LX value =
        nest_uses_dots(n) ? dot_load(k, n->c, operand, at) : emit_element(k, access->value, at);
    guard_pop(k, before);
    if (nest_uses_dots(n)) return value; /* its operands are never left along a reduced axis */
    value = lx_cast(k->b, CAST_VALUE, n->c->dtype, value);
    /* Lanes beyond a reduced axis must not count. */
    LX counts = both(k, both(k, inside, lanes_inside), reduced ? lanes : NULL);
    return counts ? lx_select(k->b, counts, value, nest_identity(n)) : value;
}

/* ---- results --------------------------------------------------------------------------------- */

LX nest_combine(const Nest *n, LX sum, LX const *x) {
    static const LBinary operators[] = {[COMBINE_SUM] = LB_ADD,
                                        [COMBINE_PRODUCT] = LB_MUL,
                                        [COMBINE_MIN] = LB_MIN,
                                        [COMBINE_MAX] = LB_MAX};
    LBuilder *b = n->k->b;
    if (n->c->combine != COMBINE_DOT) return lx_binary(b, operators[n->c->combine], sum, x[0]);
    if (nest_uses_dots(n)) return lx_dot(b, sum, x[0], x[1]);
    if (dtype_is_float(n->c->dtype) && n->k->l->target->fma) return lx_fma(b, x[0], x[1], sum);
    return lx_add(b, sum, lx_mul(b, x[0], x[1]));
}

void nest_store(Nest *n, LX value) {
    LX at[MAX_RANK] = {NULL};
    nest_access_index(n, &n->c->result, at);
    Guards before = guard_push(n->k, lane_mask(n));
    if (n->finish && n->finish->apply) value = n->finish->apply(n->finish, n->k, value, at);
    emit_result(n->k, at, value);
    guard_pop(n->k, before);
}
