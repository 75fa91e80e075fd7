/* Scans along one axis. */
#include "ir/interp/eval.h"

static Cell plus(bool floats, Cell a, Cell b) {
    return floats ? (Cell){.f = a.f + b.f} : (Cell){.i = wrap_add(a.i, b.i)};
}

/* All rows of an outer index at once: sums has one cell for each. */
bool eval_cumsum(const Eval *e) {
    const Tensor *x = &e->operands[0];
    AxisView view = axis_view(x, node_int(e->node, "axis"));
    bool floats = computes_in_f64(x), reverse = node_int(e->node, "reverse");
    bool exclusive = node_int(e->node, "exclusive");
    Cell *sums = arena_array(e->scratch, Cell, (size_t)view.inner);
    Cell *values = arena_array(e->scratch, Cell, (size_t)view.inner);
    for (int64_t o = 0; o < view.outer; o++) {
        for (int64_t i = 0; i < view.inner; i++) sums[i] = (Cell){0};
        for (int64_t n = 0; n < view.size; n++) {
            int64_t at = (o * view.size + (reverse ? view.size - 1 - n : n)) * view.inner;
            load_cells(x, at, 1, view.inner, values);
            if (exclusive) store_cells(&e->results[0], at, view.inner, sums);
            for (int64_t i = 0; i < view.inner; i++) sums[i] = plus(floats, sums[i], values[i]);
            if (!exclusive) store_cells(&e->results[0], at, view.inner, sums);
        }
    }
    return true;
}
