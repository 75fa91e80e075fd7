/* Expressions: nodes, comparison, and the builders of everything but arithmetic. */
#include "ir/loop/affine.h"
#include "ir/loop/scalar.h"

#include <string.h>

bool ltype_equal(LType a, LType b) {
    return a.dtype == b.dtype && a.lanes == b.lanes && a.rows == b.rows;
}

void ltype_print(LType type, StrBuf *out) {
    if (type.rows)
        str_printf(out, "tile<%dx%d,%s>", type.rows, type.lanes, dtype_name(type.dtype));
    else if (type.lanes == 1)
        str_append(out, dtype_name(type.dtype));
    else
        str_printf(out, "%sx%d", dtype_name(type.dtype), type.lanes);
}

/* ---- nodes ----------------------------------------------------------------------------------- */

LExpr *lx_new(LBuilder *b, LExprKind kind, LType type, int nargs, LX const *args) {
    LExpr *x = arena_new(b->arena, LExpr);
    x->kind = kind;
    x->type = type;
    x->nargs = nargs;
    if (nargs) {
        x->args = arena_array(b->arena, LX, (size_t)nargs);
        memcpy(x->args, args, (size_t)nargs * sizeof(LX));
    }
    return x;
}

LX lx_new_binary(LBuilder *b, LBinary op, LType type, LX x, LX y) {
    LExpr *r = lx_new(b, LX_BINARY, type, 2, (LX[]){x, y});
    r->binary = op;
    return r;
}

/* args[2], beyond nargs, is the ramp(0, 1) of as many lanes: the atom that sums need. */
LX lx_new_ramp(LBuilder *b, LX base, LX stride, int lanes) {
    LType type = ltype(DT_i64, lanes);
    LX zero = lx_int(b, 0);
    LExpr *iota = lx_new(b, LX_RAMP, type, 3, (LX[]){zero, lx_int(b, 1), zero});
    iota->nargs = 2;
    iota->args[2] = iota;
    LExpr *r = lx_new(b, LX_RAMP, type, 3, (LX[]){base, stride, iota});
    r->nargs = 2;
    return r;
}

static int compare_ints(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int compare_parts(LX x, LX y) {
    int order;
    if ((order = compare_ints(x->i, y->i)) || (order = compare_ints(x->unary, y->unary)) ||
        (order = compare_ints(x->binary, y->binary)) || (order = compare_ints(x->cast, y->cast)))
        return order;
    if (x->var != y->var) return compare_ints(x->var->id, y->var->id);
    if (x->dim != y->dim) return compare_ints(x->dim->id, y->dim->id);
    if (x->buffer != y->buffer) return strcmp(x->buffer->name, y->buffer->name);
    if ((order = memcmp(&x->f, &y->f, sizeof x->f))) return order;
    if (x->lanes_map && y->lanes_map)
        return memcmp(x->lanes_map, y->lanes_map, (size_t)x->type.lanes * sizeof(int));
    return 0;
}

int lx_compare(LX x, LX y) {
    int order;
    if (x == y) return 0;
    if (!x || !y) return x ? 1 : -1;
    if ((order = compare_ints(x->kind == LX_VAR ? -1 : (int)x->kind,
                              y->kind == LX_VAR ? -1 : (int)y->kind)) ||
        (order = compare_ints(x->type.dtype, y->type.dtype)) ||
        (order = compare_ints(x->type.lanes, y->type.lanes)) ||
        (order = compare_ints(x->type.rows, y->type.rows)) ||
        (order = compare_ints(x->nargs, y->nargs)) || (order = compare_parts(x, y)))
        return order;
    for (int i = 0; i < x->nargs; i++)
        if ((order = lx_compare(x->args[i], y->args[i]))) return order;
    if ((order = lx_compare(x->mask, y->mask))) return order;
    return lx_compare(x->passthrough, y->passthrough);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

LX lx_int(LBuilder *b, int64_t value) {
    return lx_const_int(b, ltype(DT_i64, 1), value);
}

LX lx_const_int(LBuilder *b, LType type, int64_t value) {
    if (dtype_is_float(type.dtype)) return lx_const(b, type, (double)value);
    require(type.rows == 0 && value >= dtype_min(type.dtype) && value <= dtype_max(type.dtype));
    LExpr *x = lx_new(b, LX_INT, type, 0, 0);
    x->i = value;
    return x;
}

LX lx_const(LBuilder *b, LType type, double value) {
    if (!dtype_is_float(type.dtype)) {
        require(type.dtype == DT_bool ? value == 0 || value == 1
                                      : dtype_represents(type.dtype, value));
        return lx_const_int(b, type, (int64_t)value);
    }
    require(type.rows == 0);
    LExpr *x = lx_new(b, LX_FLOAT, type, 0, 0);
    x->f = scalar_to_double(type.dtype, scalar_from_double(type.dtype, value));
    return x;
}

LX lx_dim(LBuilder *b, Dim dim) {
    require(dim);
    int64_t value;
    if (dim_is_int(dim, &value)) return lx_int(b, value);
    LExpr *x = lx_new(b, LX_DIM, ltype(DT_i64, 1), 0, 0);
    x->dim = dim;
    return x;
}

LX lx_var(LBuilder *b, const LVar *var) {
    LExpr *x = lx_new(b, LX_VAR, var->type, 0, 0);
    x->var = var;
    return x;
}

bool lx_is_int(LX x, int64_t *value) {
    if (x->kind != LX_INT) return false;
    if (value) *value = x->i;
    return true;
}

bool lx_is_ramp(LX x, LX *base, int64_t *step) {
    if (x->kind != LX_RAMP || !lx_is_int(x->args[1], step)) return false;
    if (base) *base = x->args[0];
    return true;
}

bool lx_is_consecutive(LX x, LX *base) {
    int64_t step;
    return lx_is_ramp(x, base, &step) && step == 1;
}

bool lx_is_spaced(LX x, LX *base, int64_t *step) {
    enum { MOST_STEP = 4 };
    return lx_is_ramp(x, base, step) && *step != 0 && *step != 1 && *step >= -MOST_STEP &&
           *step <= MOST_STEP;
}

/* ---- lanes ----------------------------------------------------------------------------------- */

LX lx_broadcast(LBuilder *b, LX x, int lanes) {
    if (x->type.lanes == lanes && x->type.rows == 0) return x;
    require(x->type.lanes == 1 && x->type.rows == 0 && lanes > 1);
    LType type = ltype(x->type.dtype, lanes);
    if (x->kind == LX_INT) return lx_const_int(b, type, x->i);
    if (x->kind == LX_FLOAT) return lx_const(b, type, x->f);
    return lx_new(b, LX_BROADCAST, type, 1, &x);
}

LX lx_ramp(LBuilder *b, LX base, int64_t stride, int lanes) {
    require(ltype_equal(base->type, ltype(DT_i64, 1)));
    if (lanes == 1) return base;
    if (stride == 0) return lx_broadcast(b, base, lanes);
    return lx_new_ramp(b, base, lx_int(b, stride), lanes);
}

LX lx_shuffle(LBuilder *b, LX x, LX y, int lanes, const int *map) {
    require(!y || ltype_equal(x->type, y->type));
    int *copy = arena_array(b->arena, int, (size_t)lanes);
    for (int i = 0; i < lanes; i++) {
        require(map[i] >= -1 && map[i] < x->type.lanes * (y ? 2 : 1));
        copy[i] = map[i];
    }
    LType type = {x->type.dtype, lanes, 0};
    LExpr *r = lx_new(b, LX_SHUFFLE, type, y ? 2 : 1, (LX[]){x, y});
    r->lanes_map = copy;
    return r;
}

LX lx_extract(LBuilder *b, LX x, int lane) {
    require(lane >= 0 && lane < x->type.lanes && x->type.rows == 0);
    if (x->type.lanes == 1) return x;
    LType type = ltype(x->type.dtype, 1);
    switch (x->kind) {
    case LX_INT: return lx_const_int(b, type, x->i);
    case LX_FLOAT: return lx_const(b, type, x->f);
    case LX_BROADCAST: return x->args[0];
    case LX_RAMP: return lx_add(b, x->args[0], lx_muli(b, x->args[1], lane));
    default: break;
    }
    LExpr *r = lx_new(b, LX_EXTRACT, type, 1, &x);
    r->i = lane;
    return r;
}

LX lx_reduce(LBuilder *b, LBinary op, LX x) {
    require(x->type.rows == 0 && op < LB_COUNT && !binary_is_comparison(op));
    if (x->type.lanes == 1) return x;
    LExpr *r = lx_new(b, LX_REDUCE, ltype(x->type.dtype, 1), 1, &x);
    r->binary = op;
    return r;
}

LX lx_dot(LBuilder *b, LX accumulator, LX x, LX y) {
    bool halves = accumulator->type.dtype == DT_f32;
    require(accumulator->type.dtype == (halves ? DT_f32 : DT_i32));
    require(x->type.lanes == accumulator->type.lanes * (halves ? 2 : 4));
    require(y->type.lanes == x->type.lanes && (x->type.dtype == DT_bf16) == halves);
    return lx_new(b, LX_DOT, accumulator->type, 3, (LX[]){accumulator, x, y});
}

LX lx_tile_zero(LBuilder *b, LType type) {
    require(type.rows > 0);
    return lx_new(b, LX_TILE_ZERO, type, 0, 0);
}

LX lx_tile_load(LBuilder *b, LType type, const LBuffer *buffer, LX const *index, LX stride) {
    require(type.rows > 0 && type.dtype == buffer->elem.dtype);
    LX args[MAX_AXES + 1];
    for (int i = 0; i < buffer->rank; i++) args[i] = index[i];
    args[buffer->rank] = stride;
    LExpr *r = lx_new(b, LX_TILE_LOAD, type, buffer->rank + 1, args);
    r->buffer = buffer;
    return r;
}

LX lx_tile_dot(LBuilder *b, LX accumulator, LX x, LX y) {
    return lx_new(b, LX_TILE_DOT, accumulator->type, 3, (LX[]){accumulator, x, y});
}

LX lx_fifo_read(LBuilder *b, const LBuffer *fifo) {
    require(fifo->space == SPACE_FIFO);
    LExpr *r = lx_new(b, LX_FIFO_READ, fifo->elem, 0, 0);
    r->buffer = fifo;
    return r;
}

/* ---- loads ----------------------------------------------------------------------------------- */

LX lx_load(LBuilder *b, const LBuffer *buffer, LX const *index) {
    return lx_load_masked(b, buffer, index, 0, 0);
}

/* The same index in all lanes as a scalar. */
static LX scalar_index(LBuilder *b, LX x) {
    if (x->type.lanes == 1) return x;
    if (x->kind == LX_BROADCAST) return x->args[0];
    return x->kind == LX_INT ? lx_int(b, x->i) : x;
}

LX lx_load_masked(LBuilder *b, const LBuffer *buffer, LX const *index, LX mask, LX passthrough) {
    LX args[MAX_AXES];
    int lanes = 1, uniform_lanes = 1;
    for (int i = 0; i < buffer->rank; i++) {
        require(index[i]->type.dtype == DT_i64 && index[i]->type.rows == 0);
        if (index[i]->type.lanes > 1) uniform_lanes = index[i]->type.lanes;
        args[i] = scalar_index(b, index[i]);
        if (args[i]->type.lanes == 1) continue;
        require(lanes == 1 || lanes == args[i]->type.lanes);
        lanes = args[i]->type.lanes;
    }
    require(lanes == 1 || buffer->elem.lanes == 1);
    if (mask && mask->kind == LX_INT && mask->i == 1) mask = 0;
    LType type = buffer->elem;
    if (lanes > 1) type.lanes = lanes;
    if (lanes == 1 && mask && mask->type.lanes > 1 && type.lanes == 1) {
        /* One element for many lanes, of which some may be off: an access of equal indices. The
         * only element of a buffer without axes is always there. */
        if (buffer->rank == 0) return lx_select(b, mask, lx_load(b, buffer, index), passthrough);
        type.lanes = mask->type.lanes;
        args[buffer->rank - 1] = lx_broadcast(b, args[buffer->rank - 1], type.lanes);
    }
    LExpr *r = lx_new(b, LX_LOAD, type, buffer->rank, args);
    r->buffer = buffer;
    if (mask) {
        r->mask = lx_broadcast(b, mask, type.lanes);
        require(passthrough && passthrough->type.dtype == type.dtype);
        r->passthrough = lx_broadcast(b, passthrough, type.lanes);
    }
    if (lanes == 1 && !mask && uniform_lanes > 1 && type.lanes == 1)
        return lx_broadcast(b, r, uniform_lanes);
    return r;
}
