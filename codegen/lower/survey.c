/* What a plan needs to know of a contraction's operands: found by building one access for every
 * axis and looking at it. So layouts, fused movement and gathers need no analysis of their own. */
#include "codegen/lower/nest.h"

#include <string.h>

/* ---- blocks ---------------------------------------------------------------------------------- */

/* The value in memory whose logical index is the operand's own; the operand itself if there is
 * none. */
static const Value *underlying(const Kernel *k, const Value *value) {
    while (!kernel_is_leaf(k, value)) {
        const Node *node = value->def;
        bool plain =
            node && node->noperands == 1 && (pointwise_known(node->op) || node->op == OP_relayout);
        if (!plain) return value;
        value = node->operands[0];
    }
    return value;
}

/* The logical axis of an operand that a domain axis alone decides, up to an offset; -1: none. */
static int axis_of_operand(const Access *access, int axis) {
    for (int i = 0; i < access->value->type.rank; i++) {
        const AffineIndex *index = &access->index[i];
        if (affine_depends(index, axis) && index->nterms == 1 && index->terms[0].scale == 1)
            return i;
    }
    return -1;
}

static int64_t block_of(const Kernel *k, const Access *access, int axis) {
    int own = axis_of_operand(access, axis), outer, inner;
    return own < 0 ? 0 : layout_split_of(&underlying(k, access->value)->type, own, &outer, &inner);
}

/* The operand that is streamed from memory once a tile: the second of two (weights). */
static int main_operand(const Contraction *c) {
    return c->noperands - 1;
}

/* The operand in whose order the reduction runs: the one that comes through a channel, or the main
 * one. */
static int ordering_operand(const Kernel *k, const Contraction *c) {
    return k->l->target->streams ? 0 : main_operand(c);
}

static void find_blocks(const Kernel *k, Contraction *c) {
    for (int i = 0; i < c->naxes; i++) {
        int64_t extent;
        if (!c->axes[i].reduced || !dim_is_int(c->axes[i].extent, &extent)) continue;
        for (int o = 0; o < c->noperands && c->axes[i].block == 1; o++) {
            int operand = o == 0 ? main_operand(c) : 0;
            int64_t block = block_of(k, &c->operands[operand], i);
            if (i == c->dot_axis && block % c->dot != 0) continue;
            if (i == c->dot_axis && block == c->dot) continue; /* a group is one step */
            if (block > 1 && block < extent && extent % block == 0) c->axes[i].block = block;
        }
    }
}

/* Lanes of a vector along an axis: those of the target, as long as they fit the axis and the blocks
 * it is stored in. */
static void find_lanes(const Kernel *k, Contraction *c) {
    const TargetDesc *target = k->l->target;
    int bits = dtype_bits(c->dtype);
    int most =
        target->group_items > 0 ? target_load_lanes(target, bits) : target_lanes(target, bits);
    for (int i = 0; i < c->naxes; i++) {
        int lanes = most;
        int64_t extent;
        while (lanes > 1 && dim_is_int(c->axes[i].extent, &extent) && lanes / 2 >= extent)
            lanes /= 2;
        for (int o = 0; o <= c->noperands; o++) {
            const Access *access = o < c->noperands ? &c->operands[o] : &c->result;
            int64_t block = o < c->noperands ? block_of(k, access, i) : 0;
            while (block > 1 && block % lanes != 0) lanes /= 2;
            if (block > c->axes[i].panel) c->axes[i].panel = (int)block;
        }
        c->axes[i].lanes = lanes;
    }
}

/* Whether the last vector along an axis lies in an operand's memory as a whole. */
static void find_padded(const Kernel *k, Contraction *c) {
    for (int i = 0; i < c->naxes; i++) {
        for (int o = 0; o < c->noperands; o++) {
            Access *access = &c->operands[o];
            int64_t block = block_of(k, access, i);
            access->padded[i] = block > 0 && block % c->axes[i].lanes == 0;
        }
    }
}

/* ---- order of the reduction ------------------------------------------------------------------ */

typedef struct Ordered {
    LoopPart part;
    int position; /* in the main operand's memory */
} Ordered;

static void insert(Ordered *list, int *count, Ordered x) {
    int at = (*count)++;
    for (; at > 0 && list[at - 1].position > x.position; at--) list[at] = list[at - 1];
    list[at] = x;
}

static void find_order(const Kernel *k, Contraction *c) {
    Ordered list[2 * MAX_DOMAIN];
    const Access *access = &c->operands[ordering_operand(k, c)];
    const TensorType *type = &underlying(k, access->value)->type;
    c->nparts = 0;
    for (int i = 0; i < c->naxes; i++) {
        if (!c->axes[i].reduced) continue;
        int own = -1, outer = 0, inner = 0;
        for (int a = 0; a < access->value->type.rank && own < 0; a++)
            if (affine_depends(&access->index[a], i)) own = a;
        if (own >= 0) layout_split_of(type, own, &outer, &inner);
        if (c->axes[i].block > 1) {
            insert(list, &c->nparts, (Ordered){{i, PART_BLOCKS}, outer});
            insert(list, &c->nparts, (Ordered){{i, PART_INSIDE}, inner});
        } else {
            insert(list, &c->nparts, (Ordered){{i, PART_WHOLE}, inner});
        }
    }
    for (int i = 0; i < c->nparts; i++) c->parts[i] = list[i].part;
}

/* ---- strides --------------------------------------------------------------------------------- */

static LX probe_value(Kernel *k, LX const *at, const AffineIndex *index) {
    LX sum = lx_int(k->b, index->offset);
    for (int i = 0; i < index->nterms; i++)
        sum = lx_add(k->b, sum, lx_muli(k->b, at[index->terms[i].axis], index->terms[i].scale));
    return sum;
}

static Stride stride_of(const AccessCounts *counts) {
    if (counts->strided) return STRIDE_ANY;
    if (counts->spaced) return STRIDE_FEW;
    return counts->consecutive ? STRIDE_ONE : STRIDE_NONE;
}

/* One access of every operand, and of the result, with lanes along one axis. */
static void probe_axis(const Job *job, Contraction *c, int axis) {
    Kernel k;
    LX at[MAX_DOMAIN], index[MAX_RANK];
    kernel_probe(&k, job->l, job->root, job->anchor);
    k.path = job->path;
    k.path_length = job->path_length;
    int lanes = c->axes[axis].lanes;
    for (int i = 0; i < c->naxes; i++) {
        Dim extent = c->axes[i].extent;
        if (i == axis) extent = dim_ceildiv(k.dims, extent, dim_int(k.dims, lanes));
        bool grouped = c->dot > 1 && i == c->dot_axis && i != axis;
        if (grouped) extent = dim_floordiv(k.dims, extent, dim_int(k.dims, c->dot));
        at[i] = lb_loop_var(
            k.b, lb_for(k.b, LOOP_SERIAL, c->axes[i].name, lx_int(k.b, 0), lx_dim(k.b, extent)));
        if (grouped) at[i] = lx_muli(k.b, at[i], c->dot);
    }
    at[axis] = lx_ramp(k.b, lx_muli(k.b, at[axis], lanes), 1, lanes);
    for (int o = 0; o < c->noperands; o++) {
        Access *access = &c->operands[o];
        for (int i = 0; i < access->value->type.rank; i++)
            index[i] = probe_value(&k, at, &access->index[i]);
        k.loads = (AccessCounts){0};
        if (c->dot > 1 && axis != c->dot_axis)
            dot_load(&k, c, o, index);
        else
            emit_element(&k, access->value, index);
        access->along[axis] = stride_of(&k.loads);
    }
    if (c->axes[axis].reduced) return;
    const TensorType *type = &job->anchor->type;
    for (int i = 0; i < type->rank; i++) index[i] = probe_value(&k, at, &c->result.index[i]);
    LType result = ltype(compute_dtype(type->dtype), lanes);
    emit_result(&k, index, zero_of(&k, result));
    c->result.along[axis] = stride_of(&k.stores);
    /* Only loads are put together by shuffles. */
    if (c->result.along[axis] == STRIDE_FEW) c->result.along[axis] = STRIDE_ANY;
}

void contraction_survey(const Job *job, Contraction *c) {
    Kernel k;
    kernel_probe(&k, job->l, job->root, job->anchor);
    dot_survey(&k, c);
    find_blocks(&k, c);
    find_lanes(&k, c);
    find_padded(&k, c);
    find_order(&k, c);
    if (job->l->target->streams) task_order(job, c);
    for (int i = 0; i < c->naxes; i++)
        if (c->axes[i].lanes > 1) probe_axis(job, c, i);
    matrix_survey(&k, c);
}
