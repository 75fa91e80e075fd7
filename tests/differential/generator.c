#include "tests/differential/generator.h"

#include <math.h>
#include <string.h>

enum { MAX_VALUES = 256, MAX_MAGNITUDE = 2000, MAX_ELEMENTS = 30000, MAX_IDS = 8192 };

typedef struct Made {
    Value *value;
    double magnitude; /* about the largest element */
} Made;

typedef struct Gen {
    Module *module;
    Builder b;
    uint64_t state;
    Made values[MAX_VALUES];
    bool inexact[MAX_IDS]; /* by id */
    int count, nodes, nparams;
} Gen;

/* ---- exactness ----------------------------------------------------------------------------------- */

/* Operators whose float results no optimization may change by a bit. */
static bool op_is_exact(OpKind op) {
    switch (op) {
    case OP_add:
    case OP_sub:
    case OP_mul:
    case OP_div:
    case OP_pow:
    case OP_leaky_relu:
    case OP_hardsigmoid:
    case OP_hardswish:
    case OP_silu:
    case OP_gelu:
    case OP_rsqrt:
    case OP_sigmoid:
    case OP_tanh:
    case OP_exp:
    case OP_log:
    case OP_sqrt:
    case OP_erf:
    case OP_reduce_sum:
    case OP_reduce_mean:
    case OP_reduce_prod:
    case OP_cumsum:
    case OP_softmax:
    case OP_avg_pool2d:
    case OP_global_avg_pool:
    case OP_batch_norm:
    case OP_layer_norm:
    case OP_matmul:
    case OP_dense:
    case OP_conv2d:
    case OP_conv_transpose2d:
    case OP_resize: return false;
    default: return true;
    }
}

void mark_exact(const Node *node, bool *inexact) {
    bool off = dtype_is_float(node->results[0]->type.dtype) && !op_is_exact(node->op);
    for (int i = 0; i < node->noperands; i++) off = off || inexact[node->operands[i]->id];
    for (int i = 0; i < node->nresults; i++) inexact[node->results[i]->id] = off;
}

/* ---- chance -------------------------------------------------------------------------------------- */

static uint64_t draw(Gen *g, uint64_t n) {
    g->state = g->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (g->state >> 33) % n;
}

static bool chance(Gen *g, int percent) {
    return (int)draw(g, 100) < percent;
}

static DType any_dtype(Gen *g) {
    static const DType types[] = {DT_f32,  DT_f32, DT_f32, DT_f32, DT_f32, DT_f32, DT_f64, DT_f16,
                                  DT_bf16, DT_i8,  DT_u8,  DT_i16, DT_i32, DT_i64, DT_bool};
    return types[draw(g, COUNT_OF(types))];
}

static Dim size(Gen *g, int64_t n) {
    return dim_int(g->module->dims, n);
}

static Dim any_size(Gen *g, bool may_be_symbol) {
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 16, 17, 32};
    if (may_be_symbol && chance(g, 25))
        return dim_symbol(g->module->dims, chance(g, 60) ? "N" : "T");
    return size(g, sizes[draw(g, COUNT_OF(sizes))]);
}

/* ---- values -------------------------------------------------------------------------------------- */

static Value *keep(Gen *g, Value *value, double magnitude) {
    require(g->count < MAX_VALUES && value->id < MAX_IDS);
    g->values[g->count++] = (Made){value, magnitude};
    return value;
}

static double magnitude_of(DType dtype) {
    return dtype_is_float(dtype) ? 4 : dtype == DT_bool ? 1 : 8;
}

static Value *new_input(Gen *g, const TensorType *type) {
    Graph *graph = g->b.graph;
    const char *name = arena_printf(g->module->arena, "x%d", graph->ninputs);
    Value *value = graph_add_input(graph, name, type, (Span){0});
    return keep(g, value, magnitude_of(type->dtype));
}

static TensorType any_type(Gen *g) {
    TensorType type = {.dtype = any_dtype(g)};
    bool image = chance(g, 45);
    type.rank = image ? 4 : (int)draw(g, 4);
    for (int i = 0; i < type.rank; i++) type.dims[i] = any_size(g, !image || i == 0);
    if (image && !dtype_is_float(type.dtype) && chance(g, 60)) type.dtype = DT_f32;
    return type;
}

/* A weight: a parameter, seldom an input. */
static Value *weight(Gen *g, const char *layer, const char *name, DType dtype, int rank,
                     const Dim *dims) {
    TensorType type = type_make(dtype, rank, dims);
    if (chance(g, 12)) return new_input(g, &type);
    return build_param(&g->b, arena_printf(g->module->arena, "%s%d.%s", layer, g->nparams, name),
                       &type);
}

typedef enum Want { ANY, NUMBER, FLOAT, INTEGER, BOOL, SIGNED } Want;

static bool suits(DType dtype, Want want) {
    switch (want) {
    case ANY: return true;
    case NUMBER: return dtype != DT_bool;
    case FLOAT: return dtype_is_float(dtype);
    case INTEGER: return dtype_is_int(dtype);
    case BOOL: return dtype == DT_bool;
    case SIGNED: return dtype_is_float(dtype) || dtype_class(dtype) == DCLASS_SIGNED;
    }
    unreachable();
}

/* One of the values, rather a late one; null where chance finds none. */
static const Made *pick(Gen *g, Want want, int least_rank) {
    for (int attempt = 0; attempt < 12; attempt++) {
        int late = g->count > 6 && chance(g, 60) ? g->count - 6 : 0;
        const Made *m = &g->values[late + (int)draw(g, (uint64_t)(g->count - late))];
        if (suits(m->value->type.dtype, want) && m->value->type.rank >= least_rank) return m;
    }
    return NULL;
}

static const Made *pick_exact(Gen *g, Want want, int least_rank) {
    for (int attempt = 0; attempt < 6; attempt++) {
        const Made *m = pick(g, want, least_rank);
        if (m && !g->inexact[m->value->id]) return m;
    }
    return NULL;
}

/* Not too large for a slow evaluator. */
static bool is_moderate(Gen *g, const Value *value) {
    static const int64_t symbols[] = {7, 18};
    Dim elements = type_elements(g->module->dims, &value->type);
    int64_t count;
    return elements && dim_eval(elements, symbols, &count) && count <= MAX_ELEMENTS;
}

static Value *apply(Gen *g, OpKind op, int count, Value *const *operands, int nattrs,
                    const Attr *attrs, double magnitude) {
    if (magnitude > MAX_MAGNITUDE && dtype_is_float(operands[0]->type.dtype)) return NULL;
    TypeQuery fault;
    Node *node = build_node(&g->b, op, count, operands, nattrs, attrs, &fault);
    if (!node) return NULL;
    for (int i = 0; i < node->nresults; i++) {
        if (!is_moderate(g, node->results[i])) return node_remove(node), NULL;
    }
    g->nodes++;
    mark_exact(node, g->inexact);
    for (int i = 0; i < node->nresults; i++) keep(g, node->results[i], magnitude);
    return node->results[0];
}

static Value *apply1(Gen *g, OpKind op, Value *x, double magnitude) {
    return apply(g, op, 1, &x, 0, NULL, magnitude);
}

/* A value that broadcasts with x: another one, a literal, or new with some dimensions 1 or gone. */
static const Made *partner(Gen *g, const Made *x) {
    const TensorType *type = &x->value->type;
    for (int attempt = 0; attempt < 8; attempt++) {
        const Made *m = pick(g, ANY, 0);
        TensorType shape;
        if (!m || m->value->type.dtype != type->dtype) continue;
        if (dims_broadcast(g->module->dims, type->rank, type->dims, m->value->type.rank,
                           m->value->type.dims, &shape.rank, shape.dims))
            return m;
    }
    if (type->dtype != DT_bool && chance(g, 40)) {
        static const double literals[] = {0, 1, 2, 3, 5};
        Value *literal = build_scalar(&g->b, type->dtype, literals[draw(g, COUNT_OF(literals))]);
        return keep(g, literal, 5), &g->values[g->count - 1];
    }
    TensorType own = {.dtype = type->dtype};
    int drop = type->rank ? (int)draw(g, (uint64_t)type->rank + 1) : 0;
    for (int i = drop; i < type->rank; i++)
        own.dims[own.rank++] = chance(g, 30) ? size(g, 1) : type->dims[i];
    return new_input(g, &own), &g->values[g->count - 1];
}

/* ---- pointwise ----------------------------------------------------------------------------------- */

static Value *make_same(Gen *g, OpKind op) { /* neg, abs, relu */
    const Made *x = pick(g, op == OP_neg ? SIGNED : NUMBER, 0);
    return x ? apply1(g, op, x->value, x->magnitude) : NULL;
}

static Value *make_bounded(Gen *g, OpKind op) { /* sigmoid, tanh, erf */
    const Made *x = pick(g, FLOAT, 0);
    return x ? apply1(g, op, x->value, 1) : NULL;
}

static Value *make_same_float(Gen *g, OpKind op) { /* relu6, hardswish, silu, gelu */
    const Made *x = pick(g, FLOAT, 0);
    return x ? apply1(g, op, x->value, x->magnitude) : NULL;
}

static Value *make_leaky(Gen *g, OpKind op) {
    const Made *x = pick(g, FLOAT, 0);
    Attr attr = attr_float("alpha", 0.2);
    return x ? apply(g, op, 1, &(Value *){x->value}, 1, &attr, x->magnitude) : NULL;
}

static Value *make_clip(Gen *g, OpKind op) {
    const Made *x = pick(g, NUMBER, 0);
    Attr attrs[] = {attr_float("low", 1), attr_float("high", 3)};
    bool high = chance(g, 70);
    return x ? apply(g, op, 1, &(Value *){x->value}, 1 + high, attrs, fmax(x->magnitude, 1)) : NULL;
}

static Value *make_exp(Gen *g, OpKind op) {
    const Made *x = pick(g, FLOAT, 0);
    return x && x->magnitude < 7 ? apply1(g, op, x->value, exp(x->magnitude)) : NULL;
}

/* |x| + 1, where functions are smooth. */
static Value *positive(Gen *g, Value *x) {
    Value *magnitude = build1(&g->b, OP_abs, x);
    return build2(&g->b, OP_add, magnitude, build_scalar(&g->b, x->type.dtype, 1));
}

static Value *make_of_positive(Gen *g, OpKind op) { /* log, sqrt */
    const Made *x = pick(g, FLOAT, 0);
    if (!x) return NULL;
    double magnitude = sqrt(x->magnitude + 1) + 1;
    return apply1(g, op, positive(g, x->value), magnitude);
}

static Value *make_round(Gen *g, OpKind op) { /* floor, ceil, round */
    const Made *x = pick_exact(g, FLOAT, 0);
    return x ? apply1(g, op, x->value, x->magnitude + 1) : NULL;
}

static Value *make_not(Gen *g, OpKind op) {
    const Made *x = pick(g, BOOL, 0);
    return x ? apply1(g, op, x->value, 1) : NULL;
}

static Value *make_cast(Gen *g, OpKind op) {
    DType to = any_dtype(g);
    const Made *x = dtype_is_float(to) ? pick(g, ANY, 0) : pick_exact(g, ANY, 0);
    if (!x || to == x->value->type.dtype) return NULL;
    Attr attr = attr_dtype("to", to);
    double magnitude = dtype_is_float(to) && dtype_is_int(x->value->type.dtype)
                           ? exp2(dtype_bits(x->value->type.dtype))
                           : x->magnitude;
    return apply(g, op, 1, &(Value *){x->value}, 1, &attr, fmin(magnitude, x->magnitude));
}

static Value *make_quantize(Gen *g, OpKind op) {
    static const DType types[] = {DT_i8, DT_i16, DT_i32};
    const Made *x = pick_exact(g, FLOAT, 0);
    Attr attrs[] = {attr_float("delta", 0.125), attr_dtype("to", types[draw(g, 3)])};
    return x ? apply(g, op, 1, &(Value *){x->value}, 2, attrs, x->magnitude * 8) : NULL;
}

static Value *make_dequantize(Gen *g, OpKind op) {
    const Made *x = pick_exact(g, INTEGER, 0);
    Attr attrs[] = {attr_float("delta", 0.03), attr_dtype("to", chance(g, 70) ? DT_f32 : DT_f16)};
    return x ? apply(g, op, 1, &(Value *){x->value}, 2, attrs, x->magnitude) : NULL;
}

static Value *make_arithmetic(Gen *g, OpKind op) { /* add, sub, mul, minimum, maximum */
    const Made *found = pick(g, NUMBER, 0);
    if (!found) return NULL;
    Made x = *found, y = *partner(g, &x);
    bool selects = op == OP_minimum || op == OP_maximum;
    double magnitude = op == OP_mul ? x.magnitude * y.magnitude
                       : selects    ? fmax(x.magnitude, y.magnitude)
                                    : x.magnitude + y.magnitude;
    bool swap = chance(g, 40);
    Value *operands[] = {swap ? y.value : x.value, swap ? x.value : y.value};
    return apply(g, op, 2, operands, 0, NULL, magnitude);
}

static Value *make_div(Gen *g, OpKind op) {
    const Made *found = pick(g, NUMBER, 0);
    if (!found) return NULL;
    Made x = *found, y = *partner(g, &x);
    bool whole = dtype_is_int(x.value->type.dtype);
    Value *operands[] = {x.value, whole ? y.value : positive(g, y.value)};
    return apply(g, op, 2, operands, 0, NULL, x.magnitude);
}

static Value *make_pow(Gen *g, OpKind op) {
    const Made *x = pick(g, FLOAT, 0);
    static const double exponents[] = {2, 0.5, -1, 3, 1, 0};
    if (!x || x->magnitude > 8) return NULL;
    double y = exponents[draw(g, COUNT_OF(exponents))];
    Value *operands[] = {positive(g, x->value), build_scalar(&g->b, x->value->type.dtype, y)};
    return apply(g, op, 2, operands, 0, NULL, pow(x->magnitude + 1, fmax(y, 1)));
}

static Value *make_compare(Gen *g, OpKind op) {
    const Made *found = pick_exact(g, ANY, 0);
    if (!found) return NULL;
    Made x = *found, y = *partner(g, &x);
    if (g->inexact[y.value->id]) return NULL;
    return apply(g, op, 2, (Value *[]){x.value, y.value}, 0, NULL, 1);
}

static Value *make_logic(Gen *g, OpKind op) { /* and, or */
    const Made *found = pick(g, BOOL, 0);
    if (!found) return NULL;
    Made x = *found, y = *partner(g, &x);
    return apply(g, op, 2, (Value *[]){x.value, y.value}, 0, NULL, 1);
}

static Value *make_where(Gen *g, OpKind op) {
    const Made *condition = pick(g, BOOL, 0), *found = pick(g, ANY, 0);
    if (!condition || !found) return NULL;
    Made c = *condition, x = *found, y = *partner(g, &x);
    return apply(g, op, 3, (Value *[]){c.value, x.value, y.value}, 0, NULL,
                 fmax(x.magnitude, y.magnitude));
}

/* ---- movement ------------------------------------------------------------------------------------ */

static Value *move(Gen *g, OpKind op, const Made *x, int nattrs, const Attr *attrs) {
    Made m = *x;
    return apply(g, op, 1, &m.value, nattrs, attrs, m.magnitude);
}

/* Neighbours merged, or a fixed size cut in two. */
static Value *make_reshape(Gen *g, OpKind op) {
    const Made *x = pick(g, ANY, 1);
    if (!x) return NULL;
    const TensorType *type = &x->value->type;
    DimContext *ctx = g->module->dims;
    Dim dims[MAX_RANK + 1];
    int count = 0, at = (int)draw(g, (uint64_t)type->rank);
    bool merge = chance(g, 50);
    for (int i = 0; i < type->rank; i++) {
        Dim half = merge || i != at ? NULL : dim_divide_exact(ctx, type->dims[i], dim_int(ctx, 2));
        if (merge && i == at && i + 1 < type->rank) {
            dims[count++] = dim_mul(ctx, type->dims[i], type->dims[i + 1]);
            i++;
        } else if (half) {
            dims[count++] = chance(g, 50) ? half : dim_int(ctx, 2);
            dims[count] = dims[count - 1] == half ? dim_int(ctx, 2) : half;
            count++;
        } else {
            dims[count++] = type->dims[i];
        }
    }
    if (count > MAX_RANK) return NULL;
    Attr attr = attr_dims("shape", count, dims);
    return move(g, op, x, 1, &attr);
}

static Value *make_flatten(Gen *g, OpKind op) {
    const Made *x = pick(g, ANY, 1);
    if (!x) return NULL;
    Attr attr = attr_int("axis", (int64_t)draw(g, (uint64_t)x->value->type.rank + 1));
    return move(g, op, x, 1, &attr);
}

static Value *make_transpose(Gen *g, OpKind op) {
    const Made *x = pick(g, ANY, 2);
    if (!x) return NULL;
    int64_t perm[MAX_RANK];
    int rank = x->value->type.rank;
    for (int i = 0; i < rank; i++) perm[i] = i;
    for (int i = rank - 1; i > 0; i--) {
        int k = (int)draw(g, (uint64_t)i + 1);
        int64_t t = perm[i];
        perm[i] = perm[k], perm[k] = t;
    }
    Attr attr = attr_ints("perm", rank, perm);
    return move(g, op, x, 1, &attr);
}

static Value *make_broadcast_to(Gen *g, OpKind op) {
    const Made *x = pick(g, ANY, 0);
    if (!x || x->value->type.rank > 3) return NULL;
    Dim dims[MAX_RANK] = {any_size(g, true)};
    for (int i = 0; i < x->value->type.rank; i++) {
        Dim own = x->value->type.dims[i];
        dims[i + 1] = dim_is(own, 1) ? any_size(g, false) : own;
    }
    Attr attr = attr_dims("shape", x->value->type.rank + 1, dims);
    return move(g, op, x, 1, &attr);
}

static Value *make_concat(Gen *g, OpKind op) {
    const Made *found = pick(g, ANY, 1);
    if (!found) return NULL;
    Made x = *found;
    TensorType other = x.value->type;
    int axis = (int)draw(g, (uint64_t)other.rank);
    other.dims[axis] = any_size(g, true);
    Value *second = chance(g, 30) ? x.value : new_input(g, &other);
    Attr attr = attr_int("axis", chance(g, 50) ? axis : axis - other.rank);
    return apply(g, op, 2, (Value *[]){x.value, second}, 1, &attr, fmax(x.magnitude, 8));
}

static Value *make_split(Gen *g, OpKind op) {
    const Made *x = pick(g, ANY, 1);
    if (!x) return NULL;
    Attr attrs[] = {attr_int("parts", 2 + (int64_t)draw(g, 2)),
                    attr_int("axis", (int64_t)draw(g, (uint64_t)x->value->type.rank))};
    return move(g, op, x, 2, attrs);
}

static Value *make_slice(Gen *g, OpKind op) {
    const Made *x = pick(g, ANY, 1);
    if (!x) return NULL;
    int64_t start = (int64_t)draw(g, 3), end = chance(g, 50) ? INT32_MAX : -1, step = 1, n;
    int64_t axis = (int64_t)draw(g, (uint64_t)x->value->type.rank);
    if (dim_is_int(x->value->type.dims[axis], &n)) {
        step = (int64_t)draw(g, 3) + 1;
        if (chance(g, 30)) step = -step, start = -1, end = INT32_MIN;
    }
    Attr attrs[] = {attr_ints("starts", 1, &start), attr_ints("ends", 1, &end),
                    attr_ints("axes", 1, &axis), attr_ints("steps", 1, &step)};
    return move(g, op, x, 4, attrs);
}

static Value *make_pad(Gen *g, OpKind op) {
    const Made *x = pick(g, ANY, 1);
    if (!x) return NULL;
    int64_t pads[2 * MAX_RANK];
    int count = 2 * x->value->type.rank;
    for (int i = 0; i < count; i++) pads[i] = chance(g, 50) ? 0 : (int64_t)draw(g, 3);
    Attr attrs[] = {attr_ints("pads", count, pads), attr_float("value", chance(g, 70) ? 0 : 1)};
    return move(g, op, x, 2, attrs);
}

static Value *make_range(Gen *g, OpKind op) {
    DimContext *dims = g->module->dims;
    Dim start = dim_int(dims, (int64_t)draw(g, 5) - 2);
    if (chance(g, 30)) start = any_size(g, true);
    Dim stop = dim_add(dims, start, any_size(g, true));
    static const DType types[] = {DT_f32, DT_i64, DT_i32};
    Attr attrs[] = {attr_dim("start", &start), attr_dim("stop", &stop),
                    attr_dtype("dtype", types[draw(g, COUNT_OF(types))])};
    return apply(g, op, 0, NULL, 3, attrs, 16);
}

static Value *make_gather(Gen *g, OpKind op) {
    const Made *found = pick(g, ANY, 1);
    if (!found) return NULL;
    Made x = *found;
    int axis = (int)draw(g, (uint64_t)x.value->type.rank);
    if (!dim_is_int(x.value->type.dims[axis], NULL)) return NULL;
    TensorType type = {.dtype = chance(g, 50) ? DT_i32 : DT_i64, .rank = (int)draw(g, 3)};
    for (int i = 0; i < type.rank; i++) type.dims[i] = any_size(g, true);
    Attr attr = attr_int("axis", axis);
    return apply(g, op, 2, (Value *[]){x.value, new_input(g, &type)}, 1, &attr, x.magnitude);
}

static Value *make_resize(Gen *g, OpKind op) {
    const Made *found = pick(g, NUMBER, 2);
    if (!found) return NULL;
    Made x = *found;
    const TensorType *type = &x.value->type;
    if (!dim_is_int(type->dims[type->rank - 1], NULL) ||
        !dim_is_int(type->dims[type->rank - 2], NULL))
        return NULL;
    Dim dims[2] = {any_size(g, false), any_size(g, false)};
    bool linear = dtype_is_float(type->dtype) && chance(g, 50);
    Attr attrs[] = {attr_dims("size", 2, dims), attr_string("mode", linear ? "linear" : "nearest")};
    return apply(g, op, 1, &x.value, 2, attrs, x.magnitude);
}

/* ---- reductions ---------------------------------------------------------------------------------- */

static Value *make_reduce(Gen *g, OpKind op) {
    const Made *x = pick(g, op == OP_reduce_mean ? FLOAT : NUMBER, 1);
    if (!x) return NULL;
    int64_t axes[MAX_RANK];
    int count = 0, rank = x->value->type.rank;
    for (int i = 0; i < rank; i++)
        if (chance(g, 45)) axes[count++] = chance(g, 50) ? i : i - rank;
    /* A product of floats is soon too large. */
    if (op == OP_reduce_prod && dtype_is_float(x->value->type.dtype)) return NULL;
    Attr attrs[] = {attr_ints("axes", count, axes), attr_bool("keepdims", chance(g, 50))};
    double growth = op == OP_reduce_sum ? 20 : 1;
    return apply(g, op, 1, &(Value *){x->value}, 2, attrs, x->magnitude * growth);
}

static Value *make_argmax(Gen *g, OpKind op) {
    const Made *x = pick_exact(g, NUMBER, 1);
    if (!x) return NULL;
    int64_t axis = (int64_t)draw(g, (uint64_t)x->value->type.rank);
    if (!dim_is_int(x->value->type.dims[axis], NULL)) return NULL;
    Attr attrs[] = {attr_int("axis", axis), attr_bool("keepdims", chance(g, 50))};
    return apply(g, op, 1, &(Value *){x->value}, 2, attrs, 8);
}

static Value *make_cumsum(Gen *g, OpKind op) {
    const Made *x = pick(g, NUMBER, 1);
    if (!x) return NULL;
    int64_t rank = x->value->type.rank, axis = (int64_t)draw(g, (uint64_t)rank);
    Attr attrs[] = {attr_int("axis", chance(g, 50) ? axis : axis - rank),
                    attr_bool("exclusive", chance(g, 40)), attr_bool("reverse", chance(g, 40))};
    return apply(g, op, 1, &(Value *){x->value}, 3, attrs, x->magnitude * 20);
}

static Value *make_softmax(Gen *g, OpKind op) {
    const Made *x = pick(g, FLOAT, 1);
    if (!x) return NULL;
    Attr attr = attr_int("axis", (int64_t)draw(g, (uint64_t)x->value->type.rank));
    return apply(g, op, 1, &(Value *){x->value}, 1, &attr, 1);
}

/* ---- contractions -------------------------------------------------------------------------------- */

static Value *make_matmul(Gen *g, OpKind op) {
    const Made *found = pick(g, NUMBER, 2);
    if (!found || found->magnitude > 60) return NULL;
    Made x = *found;
    const TensorType *a = &x.value->type;
    TensorType type = {.dtype = a->dtype, .rank = chance(g, 50) ? 2 : a->rank};
    for (int i = 0; i < type.rank - 2; i++) type.dims[i] = a->dims[i];
    type.dims[type.rank - 2] = a->dims[a->rank - 1];
    type.dims[type.rank - 1] = any_size(g, true);
    g->nparams++;
    Value *b = chance(g, 50) || !type_static_dims(&type, (int64_t[MAX_RANK]){0})
                   ? new_input(g, &type)
                   : weight(g, "matmul", "weight", type.dtype, type.rank, type.dims);
    return apply(g, op, 2, (Value *[]){x.value, b}, 0, NULL, x.magnitude * 20);
}

static Value *make_dense(Gen *g, OpKind op) {
    const Made *found = pick(g, NUMBER, 1);
    if (!found || found->magnitude > 60) return NULL;
    Made x = *found;
    Dim in = x.value->type.dims[x.value->type.rank - 1], out = any_size(g, false);
    if (!dim_is_int(in, NULL)) return NULL;
    bool turned = chance(g, 30), bias = chance(g, 60);
    DType dtype = x.value->type.dtype;
    DType sum = dtype_is_int(dtype) && dtype_bits(dtype) <= 16 ? DT_i32 : dtype;
    g->nparams++;
    Value *w = weight(g, "dense", "weight", dtype, 2, turned ? (Dim[]){in, out} : (Dim[]){out, in});
    Value *operands[3] = {x.value, w};
    if (bias) operands[2] = weight(g, "dense", "bias", sum, 1, &out);
    Attr attr = attr_string("weight_order", turned ? "io" : "oi");
    return apply(g, op, 2 + bias, operands, 1, &attr, x.magnitude * 4);
}

static Value *make_conv2d(Gen *g, OpKind op) {
    const Made *found = pick(g, NUMBER, 4);
    int64_t channels, kernel[2], stride[2], pad[4], dilation[2];
    if (!found || found->value->type.rank != 4 || found->magnitude > 60) return NULL;
    Made x = *found;
    if (!dim_is_int(x.value->type.dims[1], &channels)) return NULL;
    int64_t groups = chance(g, 60) ? 1 : chance(g, 50) || channels % 2 ? channels : 2;
    int64_t filters = groups * (1 + (int64_t)draw(g, 3)) * (groups == 1 && chance(g, 40) ? 16 : 1);
    for (int i = 0; i < 2; i++) {
        kernel[i] = 1 + (int64_t)draw(g, 3), stride[i] = 1 + (int64_t)draw(g, 2);
        dilation[i] = chance(g, 80) ? 1 : 2;
        pad[i] = (int64_t)draw(g, 2), pad[i + 2] = chance(g, 80) ? pad[i] : 1 - pad[i];
    }
    g->nparams++;
    DType dtype = x.value->type.dtype;
    DType sum = dtype_is_int(dtype) && dtype_bits(dtype) <= 16 ? DT_i32 : dtype;
    Dim shape[] = {size(g, filters), size(g, channels / groups), size(g, kernel[0]),
                   size(g, kernel[1])};
    bool bias = chance(g, 60);
    Value *operands[3] = {x.value, weight(g, "conv", "weight", dtype, 4, shape)};
    if (bias) operands[2] = weight(g, "conv", "bias", sum, 1, shape);
    Attr attrs[] = {attr_ints("stride", 2, stride), attr_ints("pad", 4, pad),
                    attr_ints("dilation", 2, dilation), attr_int("groups", groups)};
    return apply(g, op, 2 + bias, operands, 4, attrs, x.magnitude * 4);
}

static Value *make_conv_transpose2d(Gen *g, OpKind op) {
    const Made *found = pick(g, NUMBER, 4);
    int64_t channels, kernel[2], stride[2], pad[4], extra[2], dilation[2];
    if (!found || found->value->type.rank != 4 || found->magnitude > 60) return NULL;
    Made x = *found;
    if (!dim_is_int(x.value->type.dims[1], &channels)) return NULL;
    int64_t groups = chance(g, 70) || channels % 2 ? 1 : 2, each = 1 + (int64_t)draw(g, 4);
    for (int i = 0; i < 2; i++) {
        kernel[i] = 1 + (int64_t)draw(g, 4), stride[i] = 1 + (int64_t)draw(g, 3);
        dilation[i] = chance(g, 80) ? 1 : 2, extra[i] = (int64_t)draw(g, (uint64_t)stride[i]);
        pad[i] = (int64_t)draw(g, 3), pad[i + 2] = chance(g, 80) ? pad[i] : (int64_t)draw(g, 3);
    }
    g->nparams++;
    DType dtype = x.value->type.dtype;
    DType sum = dtype_is_int(dtype) && dtype_bits(dtype) <= 16 ? DT_i32 : dtype;
    Dim shape[] = {size(g, channels), size(g, each), size(g, kernel[0]), size(g, kernel[1])};
    Dim filters = size(g, each * groups);
    bool bias = chance(g, 60);
    Value *operands[3] = {x.value, weight(g, "spread", "weight", dtype, 4, shape)};
    if (bias) operands[2] = weight(g, "spread", "bias", sum, 1, &filters);
    Attr attrs[] = {attr_ints("stride", 2, stride), attr_ints("pad", 4, pad),
                    attr_ints("output_pad", 2, extra), attr_ints("dilation", 2, dilation),
                    attr_int("groups", groups)};
    return apply(g, op, 2 + bias, operands, 5, attrs, x.magnitude * 4);
}

/* ---- windows and composites ---------------------------------------------------------------------- */

static Value *make_pool(Gen *g, OpKind op) {
    const Made *x = pick(g, op == OP_avg_pool2d ? FLOAT : NUMBER, 4);
    if (!x || x->value->type.rank != 4) return NULL;
    int64_t kernel[2], stride[2], pad[4];
    for (int i = 0; i < 2; i++) {
        kernel[i] = 1 + (int64_t)draw(g, 3), stride[i] = 1 + (int64_t)draw(g, 3);
        pad[i] = (int64_t)draw(g, (uint64_t)kernel[i]);
        pad[i + 2] = (int64_t)draw(g, (uint64_t)kernel[i]);
    }
    Attr attrs[] = {attr_ints("kernel", 2, kernel), attr_ints("stride", 2, stride),
                    attr_ints("pad", 4, pad)};
    return apply(g, op, 1, &(Value *){x->value}, 3, attrs, x->magnitude);
}

static Value *make_global_pool(Gen *g, OpKind op) {
    const Made *x = pick(g, op == OP_global_avg_pool ? FLOAT : NUMBER, 3);
    return x ? apply1(g, op, x->value, x->magnitude) : NULL;
}

static Value *make_batch_norm(Gen *g, OpKind op) {
    const Made *found = pick(g, FLOAT, 2);
    if (!found) return NULL;
    Made x = *found;
    Dim channels = x.value->type.dims[1];
    if (!dim_is_int(channels, NULL)) return NULL;
    static const char *const names[] = {"weight", "bias", "running_mean", "running_var"};
    Value *operands[5] = {x.value};
    g->nparams++;
    for (int i = 0; i < 4; i++) {
        TensorType type = type_make(x.value->type.dtype, 1, &channels);
        const char *path = arena_printf(g->module->arena, "norm%d.%s", g->nparams, names[i]);
        operands[i + 1] = build_param(&g->b, path, &type);
    }
    return apply(g, op, 5, operands, 0, NULL, x.magnitude * 2);
}

static Value *make_layer_norm(Gen *g, OpKind op) {
    const Made *found = pick(g, FLOAT, 1);
    if (!found) return NULL;
    Made x = *found;
    Dim size = x.value->type.dims[x.value->type.rank - 1];
    if (!dim_is_int(size, NULL)) return NULL;
    TensorType type = type_make(x.value->type.dtype, 1, &size);
    Value *operands[3] = {x.value};
    g->nparams++;
    for (int i = 1; i < 3; i++) {
        const char *path = arena_printf(g->module->arena, "layer_norm%d.%d", g->nparams, i);
        operands[i] = build_param(&g->b, path, &type);
    }
    return apply(g, op, 3, operands, 0, NULL, 8);
}

/* ---- networks ------------------------------------------------------------------------------------ */

typedef Value *Maker(Gen *g, OpKind op);

static Maker *const makers[OP_COUNT] = {
    [OP_neg] = make_same,
    [OP_abs] = make_same,
    [OP_relu] = make_same,
    [OP_relu6] = make_same_float,
    [OP_clip] = make_clip,
    [OP_hardsigmoid] = make_bounded,
    [OP_hardswish] = make_same_float,
    [OP_silu] = make_same_float,
    [OP_gelu] = make_same_float,
    [OP_sigmoid] = make_bounded,
    [OP_tanh] = make_bounded,
    [OP_erf] = make_bounded,
    [OP_leaky_relu] = make_leaky,
    [OP_exp] = make_exp,
    [OP_log] = make_of_positive,
    [OP_sqrt] = make_of_positive,
    [OP_floor] = make_round,
    [OP_ceil] = make_round,
    [OP_round] = make_round,
    [OP_not] = make_not,
    [OP_cast] = make_cast,
    [OP_quantize] = make_quantize,
    [OP_dequantize] = make_dequantize,
    [OP_add] = make_arithmetic,
    [OP_sub] = make_arithmetic,
    [OP_mul] = make_arithmetic,
    [OP_minimum] = make_arithmetic,
    [OP_maximum] = make_arithmetic,
    [OP_div] = make_div,
    [OP_pow] = make_pow,
    [OP_eq] = make_compare,
    [OP_ne] = make_compare,
    [OP_lt] = make_compare,
    [OP_le] = make_compare,
    [OP_gt] = make_compare,
    [OP_ge] = make_compare,
    [OP_and] = make_logic,
    [OP_or] = make_logic,
    [OP_where] = make_where,
    [OP_reshape] = make_reshape,
    [OP_flatten] = make_flatten,
    [OP_transpose] = make_transpose,
    [OP_broadcast_to] = make_broadcast_to,
    [OP_concat] = make_concat,
    [OP_split] = make_split,
    [OP_slice] = make_slice,
    [OP_pad] = make_pad,
    [OP_range] = make_range,
    [OP_gather] = make_gather,
    [OP_resize] = make_resize,
    [OP_reduce_sum] = make_reduce,
    [OP_reduce_mean] = make_reduce,
    [OP_reduce_max] = make_reduce,
    [OP_reduce_min] = make_reduce,
    [OP_reduce_prod] = make_reduce,
    [OP_argmax] = make_argmax,
    [OP_softmax] = make_softmax,
    [OP_cumsum] = make_cumsum,
    [OP_matmul] = make_matmul,
    [OP_dense] = make_dense,
    [OP_conv2d] = make_conv2d,
    [OP_conv_transpose2d] = make_conv_transpose2d,
    [OP_max_pool2d] = make_pool,
    [OP_avg_pool2d] = make_pool,
    [OP_global_avg_pool] = make_global_pool,
    [OP_global_max_pool] = make_global_pool,
    [OP_batch_norm] = make_batch_norm,
    [OP_layer_norm] = make_layer_norm,
};

/* Networks lean on these more than on the rest. */
static const OpKind favourites[] = {OP_conv2d,  OP_conv2d,     OP_conv2d,     OP_dense,
                                    OP_matmul,  OP_relu,       OP_add,        OP_mul,
                                    OP_reshape, OP_batch_norm, OP_max_pool2d, OP_transpose};

/* What nothing uses, and now and then something else, an input or the same twice. */
static void choose_outputs(Gen *g) {
    enum { MAX_OUTPUTS = 12 };
    Value *outputs[MAX_OUTPUTS];
    const char *names[MAX_OUTPUTS];
    int count = 0, *uses = graph_use_counts(g->b.graph, g->module->arena);
    for (int i = g->count - 1; i >= 0 && count < MAX_OUTPUTS; i--) {
        Value *value = g->values[i].value;
        bool wanted = uses[value->id] == 0 && value->def;
        if (wanted || chance(g, value->def ? 8 : 2)) outputs[count++] = value;
        if (count && count < MAX_OUTPUTS && chance(g, 3))
            outputs[count] = outputs[count - 1], count++;
    }
    if (count == 0) outputs[count++] = g->values[g->count - 1].value;
    for (int i = 0; i < count; i++) names[i] = arena_printf(g->module->arena, "y%d", i);
    graph_set_outputs(g->b.graph, count, outputs, names);
}

Graph *generate_network(Module *module, uint64_t seed) {
    Gen g = {.module = module, .state = hash_bytes(&seed, sizeof seed, 5)};
    module->graph = graph_create(module, "random");
    g.b = (Builder){.graph = module->graph, .path = "x"};
    dim_symbol(module->dims, "N");
    dim_symbol(module->dims, "T");
    int inputs = 1 + (int)draw(&g, 3), wanted = 3 + (int)draw(&g, 23);
    for (int i = 0; i < inputs; i++) {
        TensorType type = any_type(&g);
        new_input(&g, &type);
    }
    for (int attempt = 0; g.nodes < wanted && g.count < MAX_VALUES / 2 && attempt < 400;
         attempt++) {
        OpKind op = chance(&g, 35) ? favourites[draw(&g, COUNT_OF(favourites))]
                                   : (OpKind)draw(&g, OP_COUNT);
        if (makers[op]) makers[op](&g, op);
    }
    choose_outputs(&g);
    return module->graph;
}
