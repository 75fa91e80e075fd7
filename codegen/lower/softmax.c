/* softmax along an axis, in three passes over one row (or one vector of rows): maximum, sum of
 * exponentials, quotients.
 *
 * Vectors run along the axis where memory does, else along the innermost axis that is kept; then
 * every lane is a row of its own. The exponentials are computed again in the third pass: that needs
 * no room, whatever the size of the row. */
#include "codegen/lower/kernel.h"

#include <math.h>

typedef struct Softmax {
    Rows rows; /* along the axis that sums to 1 */
    DType dtype;
    LX largest, total; /* of the row: scalar, or one a lane where lanes are rows */
} Softmax;

static LX element(Softmax *s) {
    return emit_element(s->rows.k, s->rows.x, s->rows.index);
}

static LX exponential(Softmax *s) {
    LX difference = lx_binary(s->rows.k->b, LB_SUB, element(s), s->largest);
    return lm_exp(s->rows.k->b, difference);
}

static void update(Softmax *s, LBuffer *cell, LBinary op, LX value, LX mask, double identity) {
    LBuilder *b = s->rows.k->b;
    LX zero = lx_int(b, 0);
    if (mask) value = lx_select(b, mask, value, lx_const(b, ltype(s->dtype, 1), identity));
    value = lx_broadcast(b, value, cell->elem.lanes);
    lb_store(b, cell, &zero, lx_binary(b, op, lx_load(b, cell, &zero), value), NULL);
}

static void pass_largest(Rows *rows, LBuffer *cell, LX mask) {
    Softmax *s = (Softmax *)rows;
    update(s, cell, LB_MAX, element(s), mask, -INFINITY);
}

static void pass_total(Rows *rows, LBuffer *cell, LX mask) {
    Softmax *s = (Softmax *)rows;
    update(s, cell, LB_ADD, exponential(s), mask, 0);
}

static void pass_quotients(Rows *rows, LBuffer *cell, LX mask) {
    Softmax *s = (Softmax *)rows;
    (void)cell;
    (void)mask;
    LX value = lx_binary(s->rows.k->b, LB_DIV, exponential(s), s->total);
    emit_result(s->rows.k, s->rows.index, value);
}

static LX row_value(Softmax *s, const char *name, RowPass *pass, LBinary op, double identity) {
    LBuilder *b = s->rows.k->b;
    int64_t one = 1;
    LX zero = lx_int(b, 0);
    LType type = ltype(s->dtype, s->rows.lanes);
    LBuffer *cell = lb_declare(b, name, SPACE_PRIVATE, type, 1, &one);
    lb_store(b, cell, &zero, lx_const(b, type, identity), NULL);
    rows_pass(&s->rows, pass, cell);
    LX value = lx_load(b, cell, &zero);
    return lb_let(b, name, rows_are_lanes(&s->rows) ? value : lx_reduce(b, op, value));
}

static void emit_row(Rows *rows) {
    Softmax *s = (Softmax *)rows;
    size_t scope = scope_begin(s->rows.k);
    s->largest = row_value(s, "largest", pass_largest, LB_MAX, -INFINITY);
    s->total = row_value(s, "total", pass_total, LB_ADD, 0);
    rows_pass(&s->rows, pass_quotients, NULL);
    scope_end(s->rows.k, scope);
}

/* ---- rows by groups of work-items ------------------------------------------------------------ */

static LX group_value(Softmax *s, const GroupRows *rows, RowPass *pass, LBinary op,
                      double identity) {
    Kernel *k = s->rows.k;
    LBuilder *b = k->b;
    int64_t one = 1;
    LX zero = lx_int(b, 0), own[2] = {rows->group.item[1], rows->group.item[0]};
    LBuffer *cell = lb_declare(b, "part", SPACE_PRIVATE, ltype(s->dtype, 1), 1, &one);
    lb_store(b, cell, &zero, lx_const(b, ltype(s->dtype, 1), identity), NULL);
    Loop loop = group_rows_each(k, rows, &s->rows.index[s->rows.axis]);
    pass(&s->rows, cell, NULL);
    loop_close(k, &loop);
    LBuffer *cells = group_rows_cells(k, rows, s->dtype);
    lb_store(b, cells, own, lx_load(b, cell, &zero), NULL);
    return group_combine(k, &rows->group, cells, rows->items, op);
}

static void rows_by_groups(Softmax *s) {
    GroupRows rows = group_rows_open(s->rows.k, &s->rows.x->type, s->rows.axis, s->rows.index);
    s->rows.lanes = 1;
    s->largest = group_value(s, &rows, pass_largest, LB_MAX, -INFINITY);
    s->total = group_value(s, &rows, pass_total, LB_ADD, 0);
    Loop loop = group_rows_each(s->rows.k, &rows, &s->rows.index[s->rows.axis]);
    pass_quotients(&s->rows, NULL, NULL);
    loop_close(s->rows.k, &loop);
    group_close(s->rows.k, &rows.group);
}

bool lower_softmax(const Job *job) {
    enum { OPERATIONS = 40 }; /* two exponentials, a division and the sums, per element */
    Kernel k;
    const Node *node = job->anchor->def;
    Softmax s = {.rows = {.k = &k, .x = node->operands[0]}};
    const TensorType *type = &s.rows.x->type;
    int axis = s.rows.axis = normalize_axis(node_int(node, "axis"), type->rank);
    s.dtype = compute_dtype(type->dtype);
    kernel_begin(&k, job->l, job->root, job->anchor, job->uses);
    k.path = job->path;
    k.path_length = job->path_length;
    if (group_shares_rows(&k, type, axis, rows_lie_along(&s.rows, job))) {
        rows_by_groups(&s);
    } else {
        rows_choose_lanes(&s.rows, job, s.dtype, true);
        rows_each(&s.rows, OPERATIONS * dim_estimate(k.dims, type->dims[axis]), emit_row);
    }
    emit_border(&k);
    Dim elements = type_elements(k.dims, type);
    kernel_end(&k, kernel_name(job), "", dim_mul(k.dims, elements, dim_int(k.dims, OPERATIONS)));
    return true;
}
