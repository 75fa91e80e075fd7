/* Kernels without an anchor: one loop nest over the physical axes of the result.
 *
 * Where the body is pointwise, adjacent axes become one if every operand either has both or neither
 * (and lies in memory as the result does): relu of f32[N,64,56,56]{NCHW16c} is a single loop. */
#include "codegen/lower/kernel.h"

enum { CHUNK = 4096, COSTLY_OPERATIONS = 16 };

/* ---- what the body is made of
 * --------------------------------------------------------------------- */

typedef struct Survey {
    const Kernel *k;
    bool *seen;     /* by value id */
    bool moves;     /* some operator moves elements */
    int operations; /* of one element */
    int widest;     /* bits of the widest type computed in */
    VEC(const Value *) leaves;
} Survey;

static void survey_value(Survey *s, const Value *value) {
    if (s->seen[value->id] || s->k->l->immediates[value->id]) return;
    s->seen[value->id] = true;
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
    Survey s = {.k = k, .seen = arena_array(k->l->arena, bool, k->l->capacity)};
    survey_value(&s, k->root);
    return s;
}

/* ---- collapsing axes
 * -------------------------------------------------------------------------------- */

typedef enum Extent { EXTENT_ANY, EXTENT_FULL, EXTENT_ONE, EXTENT_MIXED } Extent;

/* The iteration space: groups of adjacent physical axes of the result. */
typedef struct Space {
    int rank;
    Dim dims[MAX_AXES];
    int naxes;             /* physical axes of the result */
    int group[MAX_AXES];   /* of each physical axis; -1: of size 1, in none */
    int members[MAX_AXES]; /* axes of each group */
    bool collapsed;        /* leaves and result are accessed by groups */
} Space;

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
            space.dims[space.rank++] = physical[i];
        }
        space.group[i] = space.rank - 1;
        space.members[space.rank - 1]++;
    }
    return space;
}

/* Parameters of collapsed dims for operands that lie as the result does; the others are found by
 * their logical index, which is 0 along every collapsed axis. */
static void direct_leaves(Kernel *k, const Survey *s, const Space *space, LX const *index) {
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

/* ---- one element
 * --------------------------------------------------------------------------------------- */

/* Stores the element at an index of the space; padding of the layout gets zero. */
static void emit_point(Kernel *k, const Space *space, LX const *index) {
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

/* ---- loops
 * ------------------------------------------------------------------------------------------------
 */

/* Vectors pay unless most of the work is fetching elements from all over memory. */
static bool worth_vectors(Lowering *l, const Value *root, const Survey *s, const Space *space) {
    Kernel probe;
    int last = space->rank - 1, lanes = target_lanes(l->target, s->widest);
    if (last < 0 || lanes == 1) return false;
    kernel_probe(&probe, l, root, NULL);
    LX index[MAX_AXES];
    for (int i = 0; i < space->rank; i++) {
        Loop loop = {.loop = lb_for(probe.b, LOOP_SERIAL, "i", lx_int(probe.b, 0),
                                    lx_dim(probe.b, space->dims[i]))};
        index[i] = lb_loop_var(probe.b, loop.loop);
    }
    index[last] = lx_ramp(probe.b, lx_muli(probe.b, index[last], lanes), 1, lanes);
    if (space->collapsed) direct_leaves(&probe, s, space, index);
    emit_point(&probe, space, index);
    int loads = probe.loads.consecutive + probe.loads.uniform + probe.loads.strided;
    return probe.loads.strided == 0 || s->operations > COSTLY_OPERATIONS / 2 + 4 * loads;
}

/* extent null: not known before the run. */
static void set_vector(const Kernel *k, LStmt *loop, Dim extent, int lanes) {
    int64_t count;
    bool fixed = extent && dim_is_int(extent, &count);
    bool masked = k->l->target->masked_tails;
    while (fixed && lanes > 1 && (masked ? lanes / 2 >= count : lanes > count)) lanes /= 2;
    if (lanes == 1) return;
    loop->loop = LOOP_VECTOR;
    loop->width = lanes;
    loop->tail = fixed && count % lanes == 0 ? TAIL_NONE : masked ? TAIL_MASK : TAIL_PEEL;
}

/* The innermost loop: over a part of the last axis where that is cut into chunks. */
static void emit_row(Kernel *k, const Survey *s, const Space *space, LX *index, LX chunk,
                     int lanes) {
    int last = space->rank - 1;
    Dim extent = space->dims[last], size = dim_int(k->dims, CHUNK);
    LX begin = lx_int(k->b, 0), count = lx_dim(k->b, extent);
    if (chunk && dim_is(dim_mod(k->dims, extent, size), 0)) {
        begin = lx_muli(k->b, chunk, CHUNK);
        extent = size;
        count = lx_dim(k->b, extent);
    } else if (chunk) {
        begin = lx_muli(k->b, chunk, CHUNK);
        count = lx_binary(k->b, LB_MIN, lx_dim(k->b, size), lx_sub(k->b, count, begin));
        extent = NULL;
    }
    size_t scope = scope_begin(k);
    LStmt *loop = lb_for(k->b, LOOP_SERIAL, "i", begin, count);
    if (lanes > 1) set_vector(k, loop, extent, lanes);
    index[last] = lb_loop_var(k->b, loop);
    if (space->collapsed) direct_leaves(k, s, space, index);
    emit_point(k, space, index);
    scope_end(k, scope);
    lb_end(k->b, loop);
}

/* Number of leading axes that are spread over threads: the others leave enough for one iteration.
 */
static int parallel_axes(const Kernel *k, const Space *space) {
    int64_t inner = dim_estimate(k->dims, space->dims[space->rank - 1]);
    int count = space->rank - 1;
    while (count > 1 && inner < CHUNK / 8) inner *= dim_estimate(k->dims, space->dims[--count]);
    return count;
}

static void emit_space(Kernel *k, const Survey *s, const Space *space, int lanes) {
    static const char *const names[MAX_AXES + 1] = {"i0", "i1", "i2", "i3",  "i4",  "i5",   "i6",
                                                    "i7", "i8", "i9", "i10", "i11", "chunk"};
    LX index[MAX_AXES + 1];
    Loop loops[MAX_AXES];
    Dim extents[MAX_AXES + 1];
    int last = space->rank - 1, outer = parallel_axes(k, space);
    int64_t length;
    bool chunked = outer == last && !(dim_is_int(space->dims[last], &length) && length <= CHUNK);
    for (int i = 0; i < outer; i++) extents[i] = space->dims[i];
    if (chunked) extents[outer] = dim_ceildiv(k->dims, space->dims[last], dim_int(k->dims, CHUNK));
    int64_t cost = s->operations;
    for (int i = outer; i <= last; i++) cost *= dim_estimate(k->dims, space->dims[i]);
    if (chunked && cost > s->operations * CHUNK) cost = s->operations * CHUNK;
    Collapsed top = loops_open(k, outer + chunked, extents, names, cost, index);
    LX chunk = chunked ? index[outer] : NULL;
    for (int i = outer; i < last; i++) {
        loops[i] =
            loop_open(k, LOOP_SERIAL, names[i], lx_int(k->b, 0), lx_dim(k->b, space->dims[i]));
        index[i] = loops[i].var;
    }
    emit_row(k, s, space, index, chunk, lanes);
    for (int i = last - 1; i >= outer; i--) loop_close(k, &loops[i]);
    loops_close(k, top);
}

bool lower_pointwise(const Job *job) {
    Kernel k;
    kernel_begin(&k, job->l, job->root, NULL, job->uses);
    Survey s = survey(&k);
    Space space = make_space(&k, &s);
    if (space.rank == 0) {
        emit_point(&k, &space, NULL);
    } else {
        int lanes = worth_vectors(job->l, job->root, &s, &space)
                        ? target_lanes(job->l->target, s.widest)
                        : 1;
        emit_space(&k, &s, &space, lanes);
    }
    Dim operations =
        dim_mul(k.dims, type_elements(k.dims, &job->root->type), dim_int(k.dims, s.operations));
    kernel_end(&k, kernel_name(job), "", operations);
    return true;
}
