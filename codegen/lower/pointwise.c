/* Kernels without an anchor: one loop nest over the physical axes of the result.
 *
 * Where the body is pointwise, adjacent axes become one if every operand either has both or neither
 * (and lies in memory as the result does): relu of f32[N,64,56,56]{NCHW16c} is a single loop. */
#include "codegen/lower/pointwise.h"

enum { COSTLY_OPERATIONS = 16 };

/* ---- what the body is made of ---------------------------------------------------------------- */

static void survey_value(Survey *s, const Value *value) {
    int *seen = lowering_note(s->k->l, value);
    if (*seen || s->k->l->immediates[value->id]) return;
    *seen = true;
    int bits = dtype_bits(compute_dtype(value->type.dtype));
    if (bits > s->widest) s->widest = bits;
    if (kernel_is_leaf(s->k, value)) {
        vec_push(s->k->l->arena, &s->leaves, value);
        s->operations++;
        return;
    }
    const Node *node = value->def;
    if (!node || node->op == OP_const) return;
    if (op_info(node->op)->family == FAMILY_MOVEMENT && node->op != OP_relayout) s->moves = true;
    s->operations += pointwise_is_costly(node->op) ? COSTLY_OPERATIONS : 1;
    for (int i = 0; i < node->noperands; i++) survey_value(s, node->operands[i]);
}

static Survey survey(const Kernel *k) {
    Survey s = {.k = k};
    lowering_walk(k->l);
    survey_value(&s, k->root);
    return s;
}

/* ---- collapsing axes ------------------------------------------------------------------------- */

typedef enum Extent { EXTENT_ANY, EXTENT_FULL, EXTENT_ONE, EXTENT_MIXED } Extent;

/* How an operand extends along a physical axis of the result. */
static Extent extent_along(const Kernel *k, const Value *leaf, const Dim *physical, int axis) {
    const TensorType *type = &leaf->type, *to = &k->root->type;
    if (dim_is(physical[axis], 1)) return EXTENT_ANY;
    if (type->layout == to->layout && type_same_shape(type, to)) return EXTENT_FULL;
    uint32_t sources = layout_sources(to, axis);
    for (int a = 0; a < to->rank; a++) {
        int own = a - (to->rank - type->rank);
        if (!(sources >> a & 1) || own < 0 || dim_is(type->dims[own], 1)) continue;
        return type->layout || to->layout ? EXTENT_MIXED : EXTENT_FULL;
    }
    return EXTENT_ONE;
}

static bool padded_at(const Kernel *k, int axis) {
    uint32_t sources = layout_sources(&k->root->type, axis);
    for (int a = 0; a < k->root->type.rank; a++)
        if ((sources >> a & 1) && layout_pads_axis(k->dims, &k->root->type, a)) return true;
    return false;
}

/* Whether an axis may join the group that began at `first`. */
static bool can_join(const Kernel *k, const Survey *s, const Dim *physical, int first, int axis) {
    for (int i = first; i <= axis; i++)
        if (padded_at(k, i)) return false;
    for (size_t n = 0; n < s->leaves.len; n++) {
        Extent group = EXTENT_ANY;
        for (int i = first; i <= axis; i++) {
            Extent here = extent_along(k, s->leaves.data[n], physical, i);
            if (here == EXTENT_ANY) continue;
            if (here == EXTENT_MIXED && axis > first) return false;
            if (group != EXTENT_ANY && group != here) return false;
            group = here;
        }
    }
    return true;
}

static Space make_space(Kernel *k, const Survey *s) {
    const TensorType *type = &k->root->type;
    Dim physical[MAX_AXES];
    Space space = {0};
    space.naxes = layout_physical_dims(k->dims, type->layout, type->rank, type->dims, physical);
    int first = 0;
    for (int i = 0; i < space.naxes; i++) {
        space.group[i] = -1;
        if (dim_is(physical[i], 1)) continue;
        if (space.rank > 0 && !s->moves && can_join(k, s, physical, first, i)) {
            Dim *joined = &space.dims[space.rank - 1];
            *joined = dim_mul(k->dims, *joined, physical[i]);
            require(*joined);
            space.collapsed = true;
        } else {
            first = i;
            space.begin[space.rank] = dim_int(k->dims, 0);
            space.dims[space.rank++] = physical[i];
        }
        space.group[i] = space.rank - 1;
        space.members[space.rank - 1]++;
    }
    return space;
}

/* Parameters of collapsed dims for operands that lie as the result does; the others are found by
 * their logical index, which is 0 along every collapsed axis. */
void direct_leaves(Kernel *k, const Survey *s, const Space *space, LX const *index) {
    Dim physical[MAX_AXES];
    const TensorType *type = &k->root->type;
    layout_physical_dims(k->dims, type->layout, type->rank, type->dims, physical);
    for (size_t n = 0; n < s->leaves.len; n++) {
        const Value *leaf = s->leaves.data[n];
        Dim dims[MAX_AXES];
        LX *at = arena_array(k->l->arena, LX, MAX_AXES);
        bool mixed = leaf->type.layout != type->layout;
        for (int g = 0; g < space->rank; g++) {
            dims[g] = dim_int(k->dims, 1);
            at[g] = lx_int(k->b, 0);
        }
        for (int i = 0; i < space->naxes; i++) {
            Extent here = extent_along(k, leaf, physical, i);
            mixed = mixed || here == EXTENT_MIXED;
            if (here != EXTENT_FULL) continue;
            dims[space->group[i]] = space->dims[space->group[i]];
            at[space->group[i]] = index[space->group[i]];
        }
        if (!mixed) kernel_direct_leaf(k, leaf, space->rank, dims, at);
    }
    kernel_direct_output(k, space->rank, space->dims);
}

/* ---- one element ----------------------------------------------------------------------------- */

/* Stores the element at an index of the space; padding of the layout gets zero. */
void emit_point(Kernel *k, const Space *space, LX const *index) {
    const TensorType *type = &k->root->type;
    LX physical[MAX_AXES], own[MAX_AXES], at[MAX_RANK], inside = NULL;
    for (int i = 0; i < space->naxes; i++) {
        int group = space->group[i];
        bool alone = group >= 0 && space->members[group] == 1;
        physical[i] = alone ? index[group] : lx_int(k->b, 0);
    }
    logical_index(k, type, physical, at);
    for (int a = 0; a < type->rank; a++)
        if (layout_pads_axis(k->dims, type, a))
            inside = both(k, inside, within(k, at[a], type->dims[a]));
    Guards before = guard_push(k, inside);
    LX value = emit_element(k, k->root, at);
    guard_pop(k, before);
    if (inside) value = lx_select(k->b, inside, value, zero_of(k, ltype(value->type.dtype, 1)));
    LX stored = lx_cast(k->b, CAST_VALUE, type->dtype, value);
    memory_index(k, type, physical, own);
    lb_store(k->b, kernel_output(k), space->collapsed ? index : own, stored, NULL);
}

/* ---- vectors or not -------------------------------------------------------------------------- */

/* Loads of one element, or vector along an axis of the space. */
static AccessCounts probe_axis(Lowering *l, const Value *root, const Survey *s, const Space *space,
                               int axis, int lanes) {
    Kernel probe;
    LX index[MAX_AXES];
    kernel_probe(&probe, l, root, NULL);
    for (int i = 0; i < space->rank; i++) {
        LX extent = lx_dim(probe.b, space->dims[i]);
        LStmt *loop = lb_for(probe.b, LOOP_SERIAL, "i", lx_int(probe.b, 0), extent);
        index[i] = lb_loop_var(probe.b, loop);
    }
    index[axis] = lx_ramp(probe.b, lx_muli(probe.b, index[axis], lanes), 1, lanes);
    if (space->collapsed) direct_leaves(&probe, s, space, index);
    emit_point(&probe, space, index);
    return probe.loads;
}

/* Vectors pay unless most of the work is fetching elements from all over memory. Then, if loads
 * are consecutive along another axis, square tiles keep both sides in cache. */
static void choose_style(Lowering *l, const Value *root, const Survey *s, Space *space) {
    int last = space->rank - 1, lanes = target_lanes(l->target, s->widest);
    space->lanes = 1;
    space->tiled_axis = -1;
    space->side = 1;
    if (last < 0) return;
    /* Without vectors two lanes tell as much about memory. */
    AccessCounts loads = probe_axis(l, root, s, space, last, lanes > 1 ? lanes : 2);
    int all = loads.consecutive + loads.uniform + loads.spaced + loads.strided;
    if (loads.strided == 0 || s->operations > COSTLY_OPERATIONS / 2 + 4 * all) {
        space->lanes = lanes;
        return;
    }
    for (int i = last - 1; i >= 0 && space->tiled_axis < 0; i--) {
        AccessCounts other = probe_axis(l, root, s, space, i, lanes > 1 ? lanes : 2);
        if (other.consecutive == 0 || other.strided >= loads.strided) continue;
        space->tiled_axis = i;
        if (other.strided == 0) space->side = turn_side(s->k, lanes);
    }
}

/* ---- joined results -------------------------------------------------------------------------- */

const Node *find_inside(const Kernel *k, const Value *value, OpKind op) {
    const Node *node = value->def;
    if (!node || kernel_is_leaf(k, value) || k->l->immediates[value->id]) return NULL;
    if (node->op == op) return node;
    if (!pointwise_known(node->op) && node->op != OP_relayout) return NULL;
    for (int i = 0; i < node->noperands; i++) {
        if (!type_same_shape(&node->operands[i]->type, &value->type)) continue;
        const Node *found = find_inside(k, node->operands[i], op);
        if (found) return found;
    }
    return NULL;
}

int axis_of_space(const Kernel *k, const Space *space, int logical, int64_t *block) {
    const TensorType *type = &k->root->type;
    int outer, inner;
    int64_t split = layout_split_of(type, logical, &outer, &inner);
    *block = split > 1 ? split : 1;
    int group = space->group[outer];
    if (group < 0 || space->members[group] > 1 || layout_pads_axis(k->dims, type, logical))
        return -1;
    return group;
}

/* The parts of a concat along an axis of the space, in its units; false where one is not a whole
 * number of them. */
static bool part_extents(const Kernel *k, const Node *concat, int logical, int64_t block,
                         Dim *extents) {
    Dim unit = dim_int(k->dims, block);
    for (int i = 0; i < concat->noperands; i++) {
        extents[i] = dim_divide_exact(k->dims, concat->operands[i]->type.dims[logical], unit);
        if (!extents[i]) return false;
    }
    return true;
}

/* One nest for each part of a concat, so that none asks where it is. */
static bool emit_parts(Kernel *k, const Survey *s, const Space *space) {
    const Node *concat = find_inside(k, k->root, OP_concat);
    if (!concat || space->collapsed) return false;
    int64_t block;
    int logical = normalize_axis(node_int(concat, "axis"), k->root->type.rank);
    int axis = axis_of_space(k, space, logical, &block);
    Dim *extents = arena_array(k->l->arena, Dim, (size_t)concat->noperands + 1);
    if (axis < 0 || !part_extents(k, concat, logical, block, extents)) return false;
    Dim begin = dim_int(k->dims, 0);
    for (int i = 0; i < concat->noperands; i++) {
        Space part = *space;
        part.begin[axis] = begin;
        part.dims[axis] = extents[i];
        begin = dim_add(k->dims, begin, part.dims[axis]);
        require(begin);
        emit_space(k, s, &part);
    }
    return true;
}

bool lower_pointwise(const Job *job) {
    Kernel k;
    kernel_begin(&k, job->l, job->root, NULL, job->uses);
    Survey s = survey(&k);
    Space space = make_space(&k, &s);
    choose_style(job->l, job->root, &s, &space);
    if (space.rank > 0) set_resized(&k, &space);
    if (space.rank == 0)
        emit_point(&k, &space, NULL);
    else if (!emit_parts(&k, &s, &space))
        emit_space(&k, &s, &space);
    Dim elements = type_elements(k.dims, &job->root->type);
    kernel_end(&k, kernel_name(job), "", dim_mul(k.dims, elements, dim_int(k.dims, s.operations)));
    return true;
}
