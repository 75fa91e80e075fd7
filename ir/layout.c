/* Layouts: which are legal, and where they put an element. Their text: layout_text.c. */
#include "ir/layout.h"

#include <string.h>

/* ---- legality ---- */

static bool is_permutation(const LayoutStep *step, int naxes) {
    if (step->count != naxes) return false;
    unsigned seen = 0;
    for (int i = 0; i < naxes; i++) {
        if (step->order[i] < 0 || step->order[i] >= naxes) return false;
        seen |= 1u << step->order[i];
    }
    return seen == (1u << naxes) - 1;
}

/* Whether the step is legal on that many axes; updates their number. */
static bool step_valid(const LayoutStep *step, int *naxes) {
    bool axis_good = step->axis >= 0 && step->axis < *naxes;
    switch (step->kind) {
    case LAYOUT_PAD: return axis_good && step->lo >= 0 && step->hi >= 0;
    case LAYOUT_SPLIT: return axis_good && step->factor > 0 && ++*naxes <= MAX_AXES;
    case LAYOUT_PERMUTE: return is_permutation(step, *naxes);
    }
    return false;
}

bool layout_valid(const Layout *layout, int rank) {
    if (!layout) return true;
    if (layout->nsteps < 0 || (size_t)layout->nsteps > COUNT_OF(layout->steps)) return false;
    if (rank < 0 || rank > MAX_RANK) return false;
    int naxes = rank;
    for (int i = 0; i < layout->nsteps; i++)
        if (!step_valid(&layout->steps[i], &naxes)) return false;
    return true;
}

Layout layout_blocked(int rank, int axis, int64_t factor) {
    require(rank >= 1 && rank <= MAX_RANK && axis >= 0 && axis < rank && factor > 0);
    Layout layout;
    memset(&layout, 0, sizeof(layout));
    layout.nsteps = 1;
    layout.steps[0] = (LayoutStep){.kind = LAYOUT_SPLIT, .axis = axis, .factor = factor};
    if (axis == rank - 1) return layout; /* the inner part is last already */
    LayoutStep *last = &layout.steps[layout.nsteps++];
    last->kind = LAYOUT_PERMUTE;
    for (int old = 0; old <= rank; old++)
        if (old != axis + 1) last->order[last->count++] = old;
    last->order[last->count++] = axis + 1;
    return layout;
}

/* ---- physical sizes ---- */

static bool step_dims(DimContext *ctx, const LayoutStep *step, Dim *dims, int *naxes) {
    Dim old[MAX_AXES];
    memcpy(old, dims, (size_t)*naxes * sizeof(Dim));
    int axis = step->axis;
    switch (step->kind) {
    case LAYOUT_PAD:
        dims[axis] = dim_add(ctx, old[axis], dim_int(ctx, step->lo));
        dims[axis] = dim_add(ctx, dims[axis], dim_int(ctx, step->hi));
        return dims[axis];
    case LAYOUT_SPLIT:
        memcpy(&dims[axis + 2], &old[axis + 1], (size_t)(*naxes - axis - 1) * sizeof(Dim));
        dims[axis + 1] = dim_int(ctx, step->factor);
        dims[axis] = dim_ceildiv(ctx, old[axis], dims[axis + 1]);
        ++*naxes;
        return dims[axis];
    case LAYOUT_PERMUTE:
        for (int i = 0; i < step->count; i++) dims[i] = old[step->order[i]];
        return true;
    }
    unreachable();
}

int layout_physical_dims(DimContext *ctx, LayoutRef layout, int rank, const Dim *dims,
                         Dim *physical) {
    require(rank >= 0 && rank <= MAX_RANK && layout_valid(layout, rank));
    if (rank > 0) memcpy(physical, dims, (size_t)rank * sizeof(Dim));
    int naxes = rank;
    for (int i = 0; layout && i < layout->nsteps; i++)
        if (!step_dims(ctx, &layout->steps[i], physical, &naxes)) return -1;
    return naxes;
}

/* ---- position of an element ---- */

/* One axis on the way from the logical to the physical index. */
typedef struct Axis {
    int64_t size, index;
} Axis;

static int64_t add(int64_t a, int64_t b) {
    require(checked_add(a, b, &a));
    return a;
}

static int64_t mul(int64_t a, int64_t b) {
    require(checked_mul(a, b, &a));
    return a;
}

static void step_index(const LayoutStep *step, Axis *axes, int *naxes) {
    Axis old[MAX_AXES];
    memcpy(old, axes, (size_t)*naxes * sizeof(Axis));
    Axis *axis = &axes[step->axis];
    switch (step->kind) {
    case LAYOUT_PAD:
        axis->size = add(axis->size, add(step->lo, step->hi));
        axis->index = add(axis->index, step->lo);
        break;
    case LAYOUT_SPLIT: {
        memcpy(axis + 2, &old[step->axis + 1], (size_t)(*naxes - step->axis - 1) * sizeof(Axis));
        Axis whole = *axis;
        axis[0].size = ceil_div(whole.size, step->factor);
        axis[0].index = whole.index / step->factor;
        axis[1].size = step->factor;
        axis[1].index = whole.index % step->factor;
        ++*naxes;
        break;
    }
    case LAYOUT_PERMUTE:
        for (int i = 0; i < step->count; i++) axes[i] = old[step->order[i]];
        break;
    }
}

int64_t layout_offset(LayoutRef layout, int rank, const int64_t *dims, const int64_t *index) {
    require(rank >= 0 && rank <= MAX_RANK);
    Axis axes[MAX_AXES];
    for (int i = 0; i < rank; i++) {
        require(index[i] >= 0 && index[i] < dims[i]);
        axes[i] = (Axis){dims[i], index[i]};
    }
    int naxes = rank;
    for (int i = 0; layout && i < layout->nsteps; i++) step_index(&layout->steps[i], axes, &naxes);
    int64_t offset = 0;
    for (int i = 0; i < naxes; i++) offset = add(mul(offset, axes[i].size), axes[i].index);
    return offset;
}
