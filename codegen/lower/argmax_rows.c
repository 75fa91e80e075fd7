/* argmax in two passes over a row (or a vector of rows): the largest element, then the first place
 * where it stands. Neither has a chain of comparisons, and both run in vectors. */
#include <math.h>

#include "codegen/lower/kernel.h"

typedef struct Argmax {
    Rows rows;
    DType dtype, place; /* of elements; of places while they are looked for */
    LX largest;         /* of the row: scalar, or one a lane where lanes are rows */
} Argmax;

/* Places that fit 32 bits are looked for in vectors of as many lanes as floats have. */
static DType place_type(const Argmax *s) {
    int64_t extent;
    bool fits = dim_is_int(s->rows.x->type.dims[s->rows.axis], &extent) && extent < INT32_MAX;
    return fits && dtype_bits(s->dtype) <= 32 ? DT_i32 : DT_i64;
}

static LX nowhere(const Argmax *s, int lanes) {
    return lx_const_int(s->rows.k->b, ltype(s->place, lanes), dtype_max(s->place));
}

static LX least(const Argmax *s, int lanes) {
    LBuilder *b = s->rows.k->b;
    LType type = ltype(s->dtype, lanes);
    return dtype_is_float(s->dtype) ? lx_const(b, type, -INFINITY)
                                    : lx_const_int(b, type, dtype_min(s->dtype));
}

static void update(Argmax *s, LBuffer *cell, LBinary op, LX value, LX mask, LX identity) {
    LBuilder *b = s->rows.k->b;
    LX zero = lx_int(b, 0);
    value = lx_broadcast(b, value, cell->elem.lanes);
    if (mask) value = lx_select(b, mask, value, identity);
    lb_store(b, cell, &zero, lx_binary(b, op, lx_load(b, cell, &zero), value), NULL);
}

static void pass_largest(Rows *rows, LBuffer *cell, LX mask) {
    Argmax *s = (Argmax *)rows;
    LX x = emit_element(rows->k, rows->x, rows->index);
    update(s, cell, LB_MAX, x, mask, least(s, cell->elem.lanes));
}

/* The largest is NaN where any element is; then the first NaN is meant. */
static void pass_place(Rows *rows, LBuffer *cell, LX mask) {
    Argmax *s = (Argmax *)rows;
    LBuilder *b = rows->k->b;
    LX x = lb_let(b, "x", emit_element(rows->k, rows->x, rows->index));
    LX is_it = lx_binary(b, LB_EQ, x, s->largest), other = nowhere(s, cell->elem.lanes);
    if (dtype_is_float(s->dtype)) is_it = lx_binary(b, LB_OR, is_it, lx_unary(b, LU_IS_NAN, x));
    LX at = lx_broadcast(b, rows->index[rows->axis], cell->elem.lanes);
    at = lx_cast(b, CAST_VALUE, s->place, at);
    update(s, cell, LB_MIN, lx_select(b, is_it, at, other), mask, other);
}

static LX row_value(Argmax *s, const char *name, LX identity, RowPass *pass, LBinary op) {
    LBuilder *b = s->rows.k->b;
    int64_t one = 1;
    LX zero = lx_int(b, 0);
    LBuffer *cell = lb_declare(b, name, SPACE_PRIVATE, identity->type, 1, &one);
    lb_store(b, cell, &zero, identity, NULL);
    rows_pass(&s->rows, pass, cell);
    LX value = lx_load(b, cell, &zero);
    bool across = s->rows.lanes > 1 && !rows_are_lanes(&s->rows);
    return lb_let(b, name, across ? lx_reduce(b, op, value) : value);
}

static void emit_row(Rows *rows) {
    Argmax *s = (Argmax *)rows;
    Kernel *k = rows->k;
    LX result[MAX_RANK];
    size_t scope = scope_begin(k);
    s->largest = row_value(s, "largest", least(s, rows->lanes), pass_largest, LB_MAX);
    LX at = row_value(s, "where", nowhere(s, rows->lanes), pass_place, LB_MIN);
    /* A row without elements has its largest at 0. */
    LX none = lx_binary(k->b, LB_EQ, at, nowhere(s, at->type.lanes));
    at = lx_select(k->b, none, lx_const_int(k->b, at->type, 0), at);
    for (int i = 0, to = 0; i < rows->x->type.rank; i++) {
        if (i != rows->axis)
            result[to++] = rows->index[i];
        else if (node_attr(k->anchor->def, "keepdims")->i)
            result[to++] = lx_int(k->b, 0);
    }
    emit_result(k, result, lx_cast(k->b, CAST_VALUE, DT_i64, at));
    scope_end(k, scope);
}

void argmax_rows(Kernel *k, const Job *job, const Value *x, int axis) {
    Argmax s = {.rows = {.k = k, .x = x, .axis = axis}};
    s.dtype = compute_dtype(x->type.dtype);
    s.place = place_type(&s);
    rows_choose_lanes(&s.rows, job, s.dtype, true);
    rows_each(&s.rows, 4 * dim_estimate(k->dims, x->type.dims[axis]), emit_row);
}
