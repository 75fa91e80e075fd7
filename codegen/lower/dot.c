/* Operands of dot instructions, which add up the products of several narrow elements at once: 2 of
 * bf16, 4 of 8 bits (target_dot). A group is that many elements along one reduced axis, the dot
 * axis.
 *
 * Where the groups of an operand lie side by side in memory they are loaded as they are: one group
 * for all lanes, or a vector of groups where a layout puts the axis of the vector around them.
 * Otherwise vectors of single elements are interleaved in registers. */
#include "codegen/lower/dot.h"

#include "codegen/lower/nest.h"

enum { MOST_GROUP = 4 };

/* ---- what lies in memory --------------------------------------------------------------------- */

/* The value in memory whose elements are the operand's, but for a conversion to a wider type; null
 * where there is none. */
static const Value *stored(const Kernel *k, const Value *value) {
    while (value && !kernel_is_leaf(k, value)) {
        const Node *node = value->def;
        bool same = node && (node->op == OP_cast || node->op == OP_relayout);
        value = same ? node->operands[0] : NULL;
    }
    return value;
}

static bool has_pads(const TensorType *type) {
    for (int s = 0; type->layout && s < type->layout->nsteps; s++)
        if (type->layout->steps[s].kind == LAYOUT_PAD) return true;
    return false;
}

static bool divides(DimContext *dims, int64_t group, Dim size) {
    return dim_is(dim_mod(dims, size, dim_int(dims, group)), 0);
}

/* Groups along the axis of the domain start at multiples of their length along the operand's axis,
 * and never leave it. */
static bool starts_whole(const AffineIndex *index, int axis, int64_t group) {
    if (index->may_leave || index->offset % group != 0) return false;
    for (int i = 0; i < index->nterms; i++) {
        int64_t scale = index->terms[i].scale;
        if (index->terms[i].axis == axis ? scale != 1 : scale % group != 0) return false;
    }
    return true;
}

/* Whether the elements of a group are neighbours in the operand's memory. */
static bool lies_in_groups(const Kernel *k, const Access *access, int axis, int64_t group) {
    const TensorType *type = &stored(k, access->value)->type;
    int64_t steps[MAX_AXES];
    Dim sizes[MAX_AXES];
    int count = layout_steps(type, steps);
    if (count == 0 || steps[count - 1] != 1 || has_pads(type)) return false;
    layout_physical_dims(k->dims, type->layout, type->rank, type->dims, sizes);
    if (!divides(k->dims, group, sizes[count - 1])) return false;
    for (int i = 0; i < type->rank; i++) {
        const AffineIndex *index = &access->index[i];
        if (!affine_depends(index, axis)) continue;
        bool last = layout_sources(type, count - 1) == 1u << i;
        if (!last || !starts_whole(index, axis, group)) return false;
    }
    return true;
}

static bool stays_inside(const Contraction *c) {
    for (int o = 0; o < 2; o++)
        for (int i = 0; i < c->operands[o].value->type.rank; i++)
            if (c->operands[o].index[i].may_leave) return false;
    return true;
}

void dot_survey(const Kernel *k, Contraction *c) {
    c->dot = 1;
    c->dot_axis = -1;
    if (c->combine != COMBINE_DOT || c->noperands != 2 || !stays_inside(c)) return;
    const Value *a = stored(k, c->operands[0].value), *b = stored(k, c->operands[1].value);
    if (!a || !b) return;
    int group = target_dot(k->l->target, a->type.dtype, b->type.dtype), best = 0;
    DType sums = dtype_is_float(a->type.dtype) ? DT_f32 : DT_i32;
    if (group == 1 || c->dtype != sums) return;
    for (int i = 0; i < c->naxes; i++) {
        if (!c->axes[i].reduced || !divides(k->dims, group, c->axes[i].extent)) continue;
        bool grouped[2];
        for (int o = 0; o < 2; o++) grouped[o] = lies_in_groups(k, &c->operands[o], i, group);
        if (grouped[0] + grouped[1] <= best) continue;
        best = grouped[0] + grouped[1];
        c->dot = group;
        c->dot_axis = i;
        for (int o = 0; o < 2; o++) c->operands[o].grouped = grouped[o];
    }
}

/* ---- loads ----------------------------------------------------------------------------------- */

/* The group at a logical index of its first element. */
static LX load_group(Kernel *k, const Value *value, LX const *index, int group) {
    LX physical[MAX_AXES], at[MAX_AXES];
    const Leaf *leaf = kernel_leaf(k, value);
    physical_index(k, &value->type, index, physical);
    int count = memory_index(k, &value->type, physical, at);
    at[count - 1] = lx_ramp(k->b, at[count - 1], 1, group);
    if (k->probing) k->loads.uniform++;
    if (!k->scalar_guard) return lx_load(k->b, leaf->buffer, at);
    return lx_load_masked(k->b, leaf->buffer, at, k->scalar_guard, zero_of(k, leaf->buffer->elem));
}

/* A vector of groups that lie one behind the other; null where they do not. */
static LX load_groups(Kernel *k, const Value *value, LX const *index, int group) {
    LX physical[MAX_AXES], at[MAX_AXES], base;
    Dim sizes[MAX_AXES];
    const TensorType *type = &value->type;
    int count = physical_index(k, type, index, physical);
    layout_physical_dims(k->dims, type->layout, type->rank, type->dims, sizes);
    if (count < 2 || !dim_is(sizes[count - 1], group) || k->scalar_guard || k->vector_guard)
        return NULL;
    for (int i = 0; i < count; i++)
        if (i != count - 2 && physical[i]->type.lanes > 1 && physical[i]->kind != LX_BROADCAST &&
            physical[i]->kind != LX_INT)
            return NULL;
    if (!lx_is_consecutive(physical[count - 2], &base)) return NULL;
    int lanes = physical[count - 2]->type.lanes;
    int rank = memory_index(k, type, physical, at);
    LX first = lx_add(k->b, lx_muli(k->b, base, group), at[rank - 1]);
    at[rank - 2] = lx_ramp(k->b, first, 1, lanes * group);
    if (k->probing) k->loads.consecutive++;
    return lx_load(k->b, kernel_merged_leaf(k, value), at);
}

LX dot_interleave(Kernel *k, LX x, LX y, int size) {
    int lanes = x->type.lanes, *map = arena_array(k->l->arena, int, (size_t)(2 * lanes));
    for (int i = 0; i < 2 * lanes; i++)
        map[i] = i / size % 2 * lanes + i / (2 * size) * size + i % size;
    return lx_shuffle(k->b, x, y, 2 * lanes, map);
}

LX dot_narrow(Kernel *k, LX x, DType dtype) {
    bool widened = x->kind == LX_CAST && x->args[0]->type.dtype == dtype;
    return widened ? x->args[0] : lx_cast(k->b, CAST_VALUE, dtype, x);
}

/* Elements one by one, side by side in registers. */
static LX gather_group(Kernel *k, const Value *value, LX const *index, const int64_t *scale,
                       int group) {
    LX element[MOST_GROUP], at[MAX_RANK];
    for (int j = 0; j < group; j++) {
        for (int i = 0; i < value->type.rank; i++)
            at[i] = scale[i] ? lx_addi(k->b, index[i], scale[i] * j) : index[i];
        element[j] = dot_narrow(k, load_leaf(k, value, at), value->type.dtype);
    }
    for (int size = 1; group > 1; size *= 2, group /= 2)
        for (int j = 0; j < group / 2; j++)
            element[j] = dot_interleave(k, element[2 * j], element[2 * j + 1], size);
    return element[0];
}

const Value *dot_stored(const Kernel *k, const Contraction *c, int operand) {
    return stored(k, c->operands[operand].value);
}

DType dot_dtype(const Kernel *k, const Contraction *c, int operand) {
    return stored(k, c->operands[operand].value)->type.dtype;
}

LX dot_load(Kernel *k, const Contraction *c, int operand, LX const *index) {
    const Access *access = &c->operands[operand];
    const Value *value = stored(k, access->value);
    int64_t scale[MAX_RANK] = {0};
    bool vector = false;
    for (int i = 0; i < value->type.rank; i++) {
        vector = vector || index[i]->type.lanes > 1;
        for (int t = 0; t < access->index[i].nterms; t++)
            if (access->index[i].terms[t].axis == c->dot_axis)
                scale[i] = access->index[i].terms[t].scale;
    }
    if (access->grouped && !vector) return load_group(k, value, index, c->dot);
    LX groups = access->grouped ? load_groups(k, value, index, c->dot) : NULL;
    return groups ? groups : gather_group(k, value, index, scale, c->dot);
}

LX dot_spread(Kernel *k, LX x, int lanes, int group) {
    int map[1024], from = x->type.lanes, to = lanes * group;
    require(to <= (int)COUNT_OF(map));
    if (from == to) return x;
    for (int i = 0; i < to; i++) map[i] = i % from;
    return lx_shuffle(k->b, x, NULL, to, map);
}
