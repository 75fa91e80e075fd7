/* Logical and physical indices, and the loads and stores that use them.
 *
 * A layout's steps turn a list of logical indices into a physical one; read backwards they turn it
 * back. Loop IR's builder knows the ranges of loop variables, so that floordiv(16 * b + i, 16)
 * comes out as b wherever i is below 16. */
#include "codegen/lower/kernel.h"

/* ---- index arithmetic ------------------------------------------------------------------------ */

static int split_index(Kernel *k, const LayoutStep *step, LX *index, int count) {
    LX factor = lx_int(k->b, step->factor), whole = index[step->axis];
    for (int i = count; i > step->axis + 1; i--) index[i] = index[i - 1];
    index[step->axis] = lx_binary(k->b, LB_FLOORDIV, whole, factor);
    index[step->axis + 1] = lx_binary(k->b, LB_MOD, whole, factor);
    return count + 1;
}

static void permute(const LayoutStep *step, bool backwards, LX *index) {
    LX old[MAX_AXES];
    for (int i = 0; i < step->count; i++) old[i] = index[i];
    for (int i = 0; i < step->count; i++) {
        if (backwards)
            index[step->order[i]] = old[i];
        else
            index[i] = old[step->order[i]];
    }
}

int physical_index(Kernel *k, const TensorType *type, LX const *logical, LX *physical) {
    int count = type->rank;
    for (int i = 0; i < count; i++) physical[i] = logical[i];
    for (int i = 0; type->layout && i < type->layout->nsteps; i++) {
        const LayoutStep *step = &type->layout->steps[i];
        switch (step->kind) {
        case LAYOUT_PAD:
            physical[step->axis] = lx_addi(k->b, physical[step->axis], step->lo);
            break;
        case LAYOUT_SPLIT: count = split_index(k, step, physical, count); break;
        case LAYOUT_PERMUTE: permute(step, false, physical); break;
        }
    }
    return count;
}

int memory_dims(Kernel *k, const TensorType *type, Dim *dims) {
    Dim physical[MAX_AXES];
    int kept = 0, count;
    count = layout_physical_dims(k->dims, type->layout, type->rank, type->dims, physical);
    require(count >= 0);
    for (int i = 0; i < count; i++)
        if (!dim_is(physical[i], 1)) dims[kept++] = physical[i];
    return kept;
}

/* An index that is the same in all lanes, as a scalar. */
static LX uniform(Kernel *k, LX index) {
    int64_t value;
    if (index->kind == LX_BROADCAST) return index->args[0];
    return lx_is_int(index, &value) ? lx_int(k->b, value) : index;
}

int memory_index(Kernel *k, const TensorType *type, LX const *physical, LX *index) {
    Dim dims[MAX_AXES];
    int count = layout_physical_dims(k->dims, type->layout, type->rank, type->dims, dims), kept = 0;
    for (int i = 0; i < count; i++)
        if (!dim_is(dims[i], 1)) index[kept++] = uniform(k, physical[i]);
    return kept;
}

static int physical_rank(const TensorType *type) {
    int count = type->rank;
    for (int i = 0; type->layout && i < type->layout->nsteps; i++)
        count += type->layout->steps[i].kind == LAYOUT_SPLIT;
    return count;
}

void logical_index(Kernel *k, const TensorType *type, LX const *physical, LX *logical) {
    LX index[MAX_AXES];
    int count = physical_rank(type);
    for (int i = 0; i < count; i++) index[i] = physical[i];
    for (int s = type->layout ? type->layout->nsteps - 1 : -1; s >= 0; s--) {
        const LayoutStep *step = &type->layout->steps[s];
        int a = step->axis;
        switch (step->kind) {
        case LAYOUT_PAD: index[a] = lx_addi(k->b, index[a], -step->lo); break;
        case LAYOUT_SPLIT:
            index[a] = lx_add(k->b, lx_muli(k->b, index[a], step->factor), index[a + 1]);
            for (int i = a + 1; i < count - 1; i++) index[i] = index[i + 1];
            count--;
            break;
        case LAYOUT_PERMUTE: permute(step, true, index); break;
        }
    }
    for (int i = 0; i < type->rank; i++) logical[i] = index[i];
}

/* ---- what a layout does to an axis ----------------------------------------------------------- */

/* The logical axis that each physical one comes from. */
static int trace_axes(const TensorType *type, int *source) {
    int count = type->rank;
    for (int i = 0; i < count; i++) source[i] = i;
    for (int s = 0; type->layout && s < type->layout->nsteps; s++) {
        const LayoutStep *step = &type->layout->steps[s];
        if (step->kind == LAYOUT_SPLIT) {
            for (int i = count; i > step->axis; i--) source[i] = source[i - 1];
            count++;
        } else if (step->kind == LAYOUT_PERMUTE) {
            int old[MAX_AXES];
            for (int i = 0; i < count; i++) old[i] = source[i];
            for (int i = 0; i < count; i++) source[i] = old[step->order[i]];
        }
    }
    return count;
}

uint32_t layout_sources(const TensorType *type, int physical_axis) {
    int source[MAX_AXES];
    trace_axes(type, source);
    return 1u << source[physical_axis];
}

bool layout_pads_axis(DimContext *ctx, const TensorType *type, int axis) {
    Dim physical[MAX_AXES], size = dim_int(ctx, 1);
    int source[MAX_AXES];
    if (!type->layout) return false;
    int count = layout_physical_dims(ctx, type->layout, type->rank, type->dims, physical);
    trace_axes(type, source);
    for (int i = 0; i < count; i++)
        if (source[i] == axis) size = dim_mul(ctx, size, physical[i]);
    return size != type->dims[axis];
}

bool layout_pads(DimContext *ctx, const TensorType *type) {
    for (int i = 0; type->layout && i < type->rank; i++)
        if (layout_pads_axis(ctx, type, i)) return true;
    return false;
}

int layout_steps(const TensorType *type, int64_t *steps) {
    int count = type->rank;
    for (int i = 0; i < count; i++) steps[i] = 1;
    for (int s = 0; type->layout && s < type->layout->nsteps; s++) {
        const LayoutStep *step = &type->layout->steps[s];
        if (step->kind == LAYOUT_SPLIT) {
            for (int i = count++; i > step->axis + 1; i--) steps[i] = steps[i - 1];
            steps[step->axis + 1] = steps[step->axis];
            steps[step->axis] *= step->factor;
        } else if (step->kind == LAYOUT_PERMUTE) {
            int64_t old[MAX_AXES];
            for (int i = 0; i < count; i++) old[i] = steps[i];
            for (int i = 0; i < count; i++) steps[i] = old[step->order[i]];
        }
    }
    return count;
}

int64_t layout_split_of(const TensorType *type, int axis, int *outer, int *inner) {
    int source[MAX_AXES], nparts = 0;
    int64_t steps[MAX_AXES];
    int count = trace_axes(type, source);
    layout_steps(type, steps);
    *outer = *inner = axis;
    for (int i = 0; i < count; i++) {
        if (source[i] != axis) continue;
        if (nparts++ == 0 || steps[i] > steps[*outer]) *outer = i;
    }
    *inner = *outer;
    for (int i = 0; i < count; i++) {
        if (source[i] != axis || i == *outer) continue;
        if (*inner == *outer || steps[i] > steps[*inner]) *inner = i;
    }
    return nparts > 1 ? steps[*outer] : 0;
}

/* ---- loads and stores ------------------------------------------------------------------------ */

static int index_lanes(LX const *index, int count) {
    for (int i = 0; i < count; i++) {
        bool same = index[i]->kind == LX_BROADCAST || index[i]->kind == LX_INT;
        if (index[i]->type.lanes > 1 && !same) return index[i]->type.lanes;
    }
    return 1;
}

static void count_access(AccessCounts *counts, LX const *index, int count) {
    int64_t step;
    if (index_lanes(index, count) == 1)
        counts->uniform++;
    else if (index_lanes(index, count - 1) > 1)
        counts->strided++;
    else if (lx_is_consecutive(index[count - 1], NULL))
        counts->consecutive++;
    else if (lx_is_spaced(index[count - 1], NULL, &step))
        counts->spaced++;
    else
        counts->strided++;
}

LX load_leaf(Kernel *k, const Value *value, LX const *index) {
    LX physical[MAX_AXES], own[MAX_AXES], guard = k->scalar_guard, element;
    const Leaf *leaf = kernel_leaf(k, value);
    const LX *at = leaf->direct;
    LBuffer *buffer = leaf->buffer;
    if (!at) {
        physical_index(k, &value->type, index, physical);
        memory_index(k, &value->type, physical, own);
        at = own;
    }
    if (k->probing) count_access(&k->loads, at, buffer->rank);
    if (index_lanes(at, buffer->rank) > 1) guard = both(k, guard, k->vector_guard);
    if (guard)
        element = lx_load_masked(k->b, buffer, at, guard, zero_of(k, buffer->elem));
    else
        element = lx_load(k->b, buffer, at);
    return lx_cast(k->b, CAST_VALUE, compute_dtype(value->type.dtype), element);
}

void prefetch_element(Kernel *k, const Value *value, LX const *index) {
    LX physical[MAX_AXES], at[MAX_AXES];
    while (!kernel_is_leaf(k, value)) {
        if (!value->def || value->def->op != OP_relayout) return;
        value = value->def->operands[0];
    }
    const Leaf *leaf = kernel_leaf(k, value);
    if (leaf->direct || k->probing) return;
    physical_index(k, &value->type, index, physical);
    memory_index(k, &value->type, physical, at);
    lb_prefetch(k->b, leaf->buffer, at);
}

void store_root(Kernel *k, LX const *index, LX value) {
    LX physical[MAX_AXES], at[MAX_AXES];
    LBuffer *buffer = kernel_output(k);
    physical_index(k, &k->root->type, index, physical);
    memory_index(k, &k->root->type, physical, at);
    if (k->probing) count_access(&k->stores, at, buffer->rank);
    LX stored = lx_cast(k->b, CAST_VALUE, k->root->type.dtype, value);
    lb_store(k->b, buffer, at, stored, both(k, k->scalar_guard, k->vector_guard));
}

/* ---- padding --------------------------------------------------------------------------------- */

/* Zeroes what lies outside along one axis; the loops over that axis' parts stand outside, so that
 * the rest is skipped where nothing is to be done. */
static void fill_axis(Kernel *k, int axis) {
    const TensorType *type = &k->root->type;
    LBuffer *buffer = kernel_output(k);
    LX physical[MAX_AXES] = {0}, logical[MAX_RANK], at[MAX_AXES];
    Dim dims[MAX_AXES];
    Loop outer[MAX_AXES], inner[MAX_AXES];
    int nouter = 0, ninner = 0;
    int rank = layout_physical_dims(k->dims, type->layout, type->rank, type->dims, dims);
    for (int i = 0; i < rank; i++) {
        physical[i] = lx_int(k->b, 0);
        if (!(layout_sources(type, i) >> axis & 1)) continue;
        outer[nouter] = loop_open(k, LOOP_SERIAL, "p", lx_int(k->b, 0), lx_dim(k->b, dims[i]));
        physical[i] = outer[nouter++].var;
    }
    logical_index(k, type, physical, logical);
    LX inside = within(k, logical[axis], type->dims[axis]);
    if (!inside) inside = lx_const_int(k->b, ltype(DT_bool, 1), 1);
    LStmt *branch = lb_if(k->b, lx_unary(k->b, LU_NOT, inside));
    for (int i = 0; i < rank; i++) {
        if (layout_sources(type, i) >> axis & 1) continue;
        inner[ninner] = loop_open(k, LOOP_SERIAL, "p", lx_int(k->b, 0), lx_dim(k->b, dims[i]));
        physical[i] = inner[ninner++].var;
    }
    memory_index(k, type, physical, at);
    lb_store(k->b, buffer, at, zero_of(k, buffer->elem), NULL);
    while (ninner > 0) loop_close(k, &inner[--ninner]);
    lb_end(k->b, branch);
    while (nouter > 0) loop_close(k, &outer[--nouter]);
}

void fill_padding(Kernel *k) {
    const TensorType *type = &k->root->type;
    for (int axis = 0; axis < type->rank; axis++)
        if (layout_pads_axis(k->dims, type, axis)) fill_axis(k, axis);
}
