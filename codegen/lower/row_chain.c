/* Chains over rows: reductions along one axis, and pointwise operators on their results and on the
 * rows, in one kernel. Layer norm is
 *
 *   mean(x), mean((x - mean) * (x - mean)), (x - mean) * rsqrt(variance + eps) * weight + bias
 *
 * Every reduction is a stage that goes over a row (or a vector of rows); a last one writes the
 * result. What has one element a row is computed between the stages and stays in registers, what
 * has more is computed again in each stage that needs it. */
#include "codegen/lower/kernel.h"

#include <math.h>

typedef struct Reducer {
    bool known, mean;
    LBinary op;
    double identity;
} Reducer;

static const Reducer reducers[OP_COUNT] = {
    [OP_reduce_sum] = {true, false, LB_ADD, 0},
    [OP_reduce_mean] = {true, true, LB_ADD, 0},
    [OP_reduce_max] = {true, false, LB_MAX, -INFINITY},
    [OP_reduce_min] = {true, false, LB_MIN, INFINITY},
};

/* Partial results of one row: enough that the latency of an addition does not count. */
enum { PARTS = 4 };

typedef struct Chain {
    Rows rows;
    VEC(const Value *) stages; /* reductions and what has one element a row, operands first */
    int operations;            /* for one element */
} Chain;

/* ---- which bodies are chains ----------------------------------------------------------------- */

/* A reduction of floats along one axis, which stays with size 1. */
static bool reduces_rows(const Value *value, int *axis) {
    const Node *node = value->def;
    if (!reducers[node->op].known || !dtype_is_float(value->type.dtype)) return false;
    const Attr *axes = node_attr(node, "axes");
    const TensorType *type = &node->operands[0]->type;
    if (axes->count != 1 || !node_attr(node, "keepdims")->i) return false;
    *axis = normalize_axis(axes->ints[0], type->rank);
    return !dim_is(type->dims[*axis], 1);
}

static bool has_one_a_row(const Chain *c, const TensorType *type) {
    const TensorType *full = &c->rows.x->type;
    if (type->rank != full->rank) return false;
    for (int i = 0; i < full->rank; i++) {
        bool same = i == c->rows.axis ? dim_is(type->dims[i], 1) : type->dims[i] == full->dims[i];
        if (!same) return false;
    }
    return true;
}

/* Whether all that is computed below value is full rows, one element a row, or smaller and read
 * from memory; lists the stages. */
static bool walk(Chain *c, const Job *job, const Value *value) {
    const Node *node = value->def;
    int axis, *seen = lowering_note(job->l, value);
    if (*seen || job->l->immediates[value->id]) return true;
    *seen = true;
    if (value != job->root && lowering_tensor(job->l, value)) return true;
    if (!node) return false;
    bool reduction = reducers[node->op].known;
    if (!reduction && !pointwise_known(node->op) && node->op != OP_relayout) return false;
    for (int i = 0; i < node->noperands; i++)
        if (!walk(c, job, node->operands[i])) return false;
    if (reduction || !has_one_a_row(c, &value->type))
        c->operations += pointwise_is_costly(node->op) ? 16 : 1;
    if (reduction) {
        bool same = reduces_rows(value, &axis) && axis == c->rows.axis &&
                    type_same_shape(&node->operands[0]->type, &c->rows.x->type);
        if (!same) return false;
    }
    if (!reduction && !has_one_a_row(c, &value->type)) return true;
    vec_push(job->l->arena, &c->stages, value);
    return true;
}

/* The stages of a body whose first reduction is `first`. */
static bool make_chain(Chain *c, const Job *job, const Value *first) {
    const TargetDesc *target = job->l->target;
    if (target->group_items > 0 || target->streams || !reduces_rows(first, &c->rows.axis))
        return false;
    c->rows.x = first->def->operands[0];
    if (!type_same_shape(&job->root->type, &c->rows.x->type)) return false;
    lowering_walk(job->l);
    return walk(c, job, job->root);
}

bool row_chain_fits(const Job *job, const Value *const *anchors, size_t count) {
    Chain c = {.operations = 0};
    return count > 0 && make_chain(&c, job, anchors[0]);
}

/* ---- one row --------------------------------------------------------------------------------- */

/* What a stage does with the element (or vector) at rows.index; part: which partial result. */
typedef void Visit(Chain *c, const Value *value, LBuffer *parts, LX part, LX mask);

static void accumulate(Chain *c, const Value *value, LBuffer *parts, LX part, LX mask) {
    Kernel *k = c->rows.k;
    LBuilder *b = k->b;
    const Reducer *reducer = &reducers[value->def->op];
    LX x = emit_element(k, value->def->operands[0], c->rows.index);
    if (mask) x = lx_select(b, mask, x, lx_const(b, ltype(x->type.dtype, 1), reducer->identity));
    x = lx_broadcast(b, x, parts->elem.lanes);
    lb_store(b, parts, &part, lx_binary(b, reducer->op, lx_load(b, parts, &part), x), NULL);
}

static void write_result(Chain *c, const Value *value, LBuffer *parts, LX part, LX mask) {
    (void)parts;
    (void)part;
    (void)mask;
    store_root(c->rows.k, c->rows.index, emit_element(c->rows.k, value, c->rows.index));
}

/* Visits `count` steps of `parts` vectors (or elements) each, from `begin`; returns the end. */
static Dim visit_steps(Chain *c, Visit *visit, const Value *value, LBuffer *cells, int parts,
                       Dim begin, Dim count) {
    Kernel *k = c->rows.k;
    LBuilder *b = k->b;
    int step = rows_are_lanes(&c->rows) ? 1 : c->rows.lanes;
    bool vectors = step > 1;
    if (dim_is(count, 0)) return begin;
    Loop loop = loop_open(k, LOOP_SERIAL, "i", lx_int(b, 0), lx_dim(b, count));
    if (!loop.loop) loop.var = lx_int(b, 0);
    Loop part = loop_open(k, LOOP_UNROLL, "part", lx_int(b, 0), lx_int(b, parts));
    LX at = lx_add(b, lx_muli(b, loop.var, (int64_t)step * parts), lx_muli(b, part.var, step));
    at = lx_add(b, lx_dim(b, begin), at);
    c->rows.index[c->rows.axis] = vectors ? lx_ramp(b, at, 1, step) : at;
    visit(c, value, cells, part.var, NULL);
    loop_close(k, &part);
    loop_close(k, &loop);
    Dim size = dim_int(k->dims, (int64_t)step * parts);
    Dim end = dim_add(k->dims, begin, dim_mul(k->dims, count, size));
    require(end);
    return end;
}

static Dim whole_steps(Chain *c, Dim begin, int64_t size) {
    DimContext *dims = c->rows.k->dims;
    Dim rest = dim_sub(dims, c->rows.x->type.dims[c->rows.axis], begin);
    Dim count = rest ? dim_floordiv(dims, rest, dim_int(dims, size)) : NULL;
    require(count);
    return count;
}

/* All elements of the row: several vectors at once, vectors, and the rest under a mask. */
static void each_element(Chain *c, Visit *visit, const Value *value, LBuffer *cells, int parts) {
    Kernel *k = c->rows.k;
    LBuilder *b = k->b;
    Dim extent = c->rows.x->type.dims[c->rows.axis], at = dim_int(k->dims, 0);
    int step = rows_are_lanes(&c->rows) ? 1 : c->rows.lanes;
    at = visit_steps(c, visit, value, cells, parts, at, whole_steps(c, at, (int64_t)step * parts));
    if (parts > 1) at = visit_steps(c, visit, value, cells, 1, at, whole_steps(c, at, step));
    if (step == 1) return;
    Dim rest = dim_sub(k->dims, extent, at);
    require(rest);
    if (dim_is(rest, 0)) return;
    Loop last = loop_open(k, LOOP_SERIAL, "i", lx_int(b, 0),
                          lx_binary(b, LB_MIN, lx_dim(b, rest), lx_int(b, 1)));
    c->rows.index[c->rows.axis] = lx_ramp(b, lx_dim(b, at), 1, step);
    LX mask = lx_binary(b, LB_LT, c->rows.index[c->rows.axis], lx_dim(b, extent));
    Guards before = guard_push(k, mask);
    visit(c, value, cells, lx_int(b, 0), mask);
    guard_pop(k, before);
    loop_close(k, &last);
}

static LX reduce(Chain *c, const Value *value) {
    Kernel *k = c->rows.k;
    LBuilder *b = k->b;
    const Reducer *reducer = &reducers[value->def->op];
    LType type = ltype(compute_dtype(value->type.dtype), c->rows.lanes);
    int64_t count = PARTS;
    LBuffer *cells = lb_declare(b, "parts", SPACE_PRIVATE, type, 1, &count);
    for (int i = 0; i < PARTS; i++)
        lb_store(b, cells, &(LX){lx_int(b, i)}, lx_const(b, type, reducer->identity), NULL);
    each_element(c, accumulate, value, cells, PARTS);
    LX part[PARTS];
    for (int i = 0; i < PARTS; i++) part[i] = lx_load(b, cells, &(LX){lx_int(b, i)});
    for (int n = PARTS / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++) part[i] = lx_binary(b, reducer->op, part[i], part[i + n]);
    LX total = part[0];
    if (!rows_are_lanes(&c->rows) && type.lanes > 1) total = lx_reduce(b, reducer->op, total);
    if (reducer->mean) {
        LX size = lx_dim(b, c->rows.x->type.dims[c->rows.axis]);
        size = lx_cast(b, CAST_VALUE, total->type.dtype, size);
        total = lx_binary(b, LB_DIV, total, lx_broadcast(b, size, total->type.lanes));
    }
    return round_to(k, total, value->type.dtype);
}

static void emit_row(Rows *rows) {
    Chain *c = (Chain *)rows;
    Kernel *k = rows->k;
    size_t scope = scope_begin(k);
    for (size_t i = 0; i < c->stages.len; i++) {
        const Value *value = c->stages.data[i];
        LX element;
        if (reducers[value->def->op].known) {
            element = reduce(c, value);
        } else {
            rows->index[rows->axis] = lx_int(k->b, 0);
            element = emit_element(k, value, rows->index);
        }
        Known known = {value, lb_let(k->b, "row", element)};
        vec_push(k->l->arena, &k->known, known);
    }
    each_element(c, write_result, k->root, NULL, 1);
    k->known.len = 0;
    scope_end(k, scope);
}

/* ---------------------------------------------------------------------------------------------- */

/* The first reduction below value. */
static const Value *first_reduction(const Job *job, const Value *value) {
    const Value *found = NULL;
    if (value != job->root && lowering_tensor(job->l, value)) return NULL;
    if (!value->def) return NULL;
    for (int i = 0; i < value->def->noperands && !found; i++)
        found = first_reduction(job, value->def->operands[i]);
    return !found && reducers[value->def->op].known ? value : found;
}

bool lower_row_chain(const Job *job) {
    Kernel k;
    Chain c = {.rows = {.k = &k}};
    bool fits = make_chain(&c, job, first_reduction(job, job->root));
    require(fits);
    kernel_begin(&k, job->l, job->root, NULL, job->uses);
    const TensorType *type = &c.rows.x->type;
    rows_choose_lanes(&c.rows, job, compute_dtype(type->dtype), true);
    rows_each(&c.rows, c.operations * dim_estimate(k.dims, type->dims[c.rows.axis]), emit_row);
    emit_border(&k);
    Dim operations = dim_mul(k.dims, type_elements(k.dims, type), dim_int(k.dims, c.operations));
    kernel_end(&k, kernel_name(job), "", operations);
    return true;
}
