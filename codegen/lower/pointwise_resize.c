/* Rows that are resized: vectors of columns whose pixels lie at constant distances, so that they are
 * loaded side by side and shuffled (resize.c). Those at the ends, where pixels beyond the image are
 * replaced, are code of their own; between them one period of the pattern is a loop's body. */
#include "codegen/lower/pointwise.h"

enum { MOST_VECTORS = 16 }; /* of straight code: a row, or a period */

static int64_t least_multiple(int64_t a, int64_t b) {
    int64_t x = a, y = b;
    while (y > 0) {
        int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

void set_resized(Kernel *k, Space *space) {
    int64_t block, extent;
    int last = space->rank - 1, lanes = target_lanes(k->l->target, dtype_bits(DT_f32));
    bool loops = k->l->target->group_items == 0 && !k->l->target->streams;
    const Node *node = find_inside(k, k->root, OP_resize);
    if (!node || space->collapsed || lanes == 1 || !loops) return;
    if (axis_of_space(k, space, k->root->type.rank - 1, &block) != last || block != 1) return;
    if (!dim_is_int(space->dims[last], &extent) || !dim_is(space->begin[last], 0)) return;
    while (lanes > 1 && lanes > extent) lanes /= 2;
    int64_t period = resize_period(k, node_result(node));
    if (lanes == 1 || period == 0) return;
    int64_t step = least_multiple(period, lanes);
    if (extent > MOST_VECTORS * lanes && step > MOST_VECTORS * lanes) return;
    space->period = step;
    space->lanes = lanes;
    space->tiled_axis = -1;
    space->side = 1;
}

static void emit_vector(Kernel *k, const Space *space, LX *index, LX begin) {
    size_t scope = scope_begin(k);
    index[space->rank - 1] = lx_ramp(k->b, begin, 1, space->lanes);
    emit_point(k, space, index);
    scope_end(k, scope);
}

/* From a multiple of the lanes on; the last vector ends where the row does. */
static void emit_straight(Kernel *k, const Space *space, LX *index, int64_t begin, int64_t end) {
    int lanes = space->lanes;
    for (int64_t i = begin; i + lanes <= end; i += lanes)
        emit_vector(k, space, index, lx_int(k->b, i));
    if (end % lanes) emit_vector(k, space, index, lx_int(k->b, end - lanes));
}

void emit_resized_row(Kernel *k, const Space *space, LX *index) {
    int64_t extent, step = space->period;
    int lanes = space->lanes;
    bool known = dim_is_int(space->dims[space->rank - 1], &extent);
    require(known);
    int64_t inner = extent / step - 2; /* periods that touch neither end */
    if (extent <= MOST_VECTORS * lanes || inner < 1) {
        emit_straight(k, space, index, 0, extent);
        return;
    }
    emit_straight(k, space, index, 0, step);
    Loop loop = loop_open(k, LOOP_SERIAL, "period", lx_int(k->b, 1), lx_int(k->b, inner));
    for (int64_t i = 0; i < step; i += lanes)
        emit_vector(k, space, index, lx_addi(k->b, lx_muli(k->b, loop.var, step), i));
    loop_close(k, &loop);
    emit_straight(k, space, index, (inner + 1) * step, extent);
}
