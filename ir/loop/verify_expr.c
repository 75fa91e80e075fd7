/* Types of expressions. */
#include "ir/loop/verify.h"

#include "ir/loop/scalar.h"

static bool is_type(LX x, DType dtype, int lanes) {
    return x && ltype_equal(x->type, ltype(dtype, lanes));
}

static bool in_scope(const Verifier *v, const LBuffer *buffer) {
    for (size_t i = 0; i < v->buffers.len; i++)
        if (v->buffers.data[i] == buffer) return true;
    return false;
}

int verify_access(Verifier *v, const LBuffer *buffer, LX const *index, LAccess access) {
    int lanes = 1;
    if (!in_scope(v, buffer)) {
        verify_error(v, "buffer %s is not in scope", buffer->name);
        return 1;
    }
    if (!(buffer->access & access))
        verify_error(v, "buffer %s may not be %s", buffer->name,
                     access == ACCESS_READ ? "read" : "written");
    if (buffer->space == SPACE_FIFO) verify_error(v, "channel %s has no indices", buffer->name);
    for (int i = 0; i < buffer->rank; i++) {
        if (!index[i] || index[i]->type.dtype != DT_i64 || index[i]->type.rows) {
            verify_error(v, "axis %d of %s has no i64 index", i, buffer->name);
            return 1;
        }
        verify_expr(v, index[i]);
        if (index[i]->type.lanes == 1) continue;
        if (lanes > 1 && lanes != index[i]->type.lanes)
            verify_error(v, "indices of %s have different numbers of lanes", buffer->name);
        lanes = index[i]->type.lanes;
    }
    if (lanes > 1 && (buffer->elem.lanes > 1 || buffer->elem.rows))
        verify_error(v, "elements of %s are vectors already", buffer->name);
    return lanes;
}

static void check(Verifier *v, LX x, bool fine, const char *rule) {
    if (fine) return;
    StrBuf type = {0};
    ltype_print(x->type, &type);
    verify_error(v, "an expression of type %s: %s", str_text(&type), rule);
    str_free(&type);
}

static void check_binary(Verifier *v, LX x) {
    LX a = x->args[0], b = x->args[1];
    DType t = a->type.dtype;
    LType result = ltype(binary_is_comparison(x->binary) ? DT_bool : t, a->type.lanes);
    bool integers = x->binary == LB_FLOORDIV || x->binary == LB_MOD ||
                    (x->binary >= LB_AND && x->binary <= LB_SUB_SAT);
    bool logical = x->binary == LB_AND || x->binary == LB_OR || x->binary == LB_XOR ||
                   x->binary == LB_EQ || x->binary == LB_NE;
    check(v, x, ltype_equal(a->type, b->type) && !a->type.rows, "operands must have one type");
    check(v, x, ltype_equal(x->type, result), "a binary operator has its operands' type, or bool");
    check(v, x, !(integers && dtype_is_float(t)), "the operator is one of integers");
    check(v, x, logical || t != DT_bool, "the operator is not one of bool");
}

static void check_cast(Verifier *v, LX x) {
    DType from = x->args[0]->type.dtype, to = x->type.dtype;
    check(v, x, x->args[0]->type.lanes == x->type.lanes && !x->type.rows && !x->args[0]->type.rows,
          "a cast keeps the lanes");
    if (x->kind == LX_BITCAST)
        check(v, x, dtype_bits(from) == dtype_bits(to), "a bitcast keeps the width");
    else
        check(v, x, x->cast != CAST_VALUE || !dtype_is_float(from) || !dtype_is_int(to),
              "a float becomes an integer by a saturating cast");
}

static void check_load(Verifier *v, LX x) {
    int lanes = verify_access(v, x->buffer, x->args, ACCESS_READ);
    LType type = x->buffer->elem;
    if (lanes > 1) type.lanes = lanes;
    check(v, x, ltype_equal(x->type, type), "a load has its elements' type");
    check(v, x, !x->mask == !x->passthrough,
          "a mask and what stands in for lanes that are off go together");
    if (!x->mask || !x->passthrough) return;
    verify_expr(v, x->mask);
    verify_expr(v, x->passthrough);
    check(v, x, is_type(x->mask, DT_bool, x->type.lanes), "a mask is a bool a lane");
    check(v, x, ltype_equal(x->passthrough->type, x->type),
          "the value of lanes that are off has the load's type");
}

static void check_shuffle(Verifier *v, LX x) {
    LType type = x->args[0]->type;
    int sources = type.lanes * x->nargs;
    check(v, x, x->type.dtype == type.dtype && !type.rows, "a shuffle keeps the element type");
    check(v, x, x->nargs == 1 || ltype_equal(type, x->args[1]->type),
          "a shuffle takes from one type");
    for (int i = 0; i < x->type.lanes; i++)
        check(v, x, x->lanes_map[i] >= -1 && x->lanes_map[i] < sources, "a shuffle's lanes exist");
}

static bool is_byte(DType t) {
    return t == DT_i8 || t == DT_u8;
}

static void check_dot(Verifier *v, LX x) {
    LType a = x->args[1]->type, b = x->args[2]->type;
    bool halves = x->type.dtype == DT_f32;
    bool types = halves ? a.dtype == DT_bf16 && b.dtype == DT_bf16
                        : x->type.dtype == DT_i32 && is_byte(a.dtype) && is_byte(b.dtype);
    int q = halves ? 2 : 4;
    check(v, x, ltype_equal(x->type, x->args[0]->type) && types, "dot adds products to f32 or i32");
    if (x->kind == LX_DOT) {
        check(v, x, a.lanes == q * x->type.lanes && b.lanes == a.lanes && !x->type.rows,
              "dot takes 4 (2) operands a lane");
        return;
    }
    check(v, x, x->type.rows > 0 && a.rows == x->type.rows,
          "tile_dot: rows of A are those of the result");
    check(v, x, b.lanes == q * x->type.lanes && a.lanes == q * b.rows,
          "tile_dot: A is r x (k*q), B is k x (c*q)");
}

static void check_tile_load(Verifier *v, LX x) {
    int lanes = verify_access(v, x->buffer, x->args, ACCESS_READ);
    check(v, x, lanes == 1 && x->type.rows > 0 && x->type.dtype == x->buffer->elem.dtype,
          "a tile is loaded from scalar indices and the same element type");
    check(v, x, is_type(x->args[x->buffer->rank], DT_i64, 1), "a stride is an i64");
}

static void check_fifo_read(Verifier *v, LX x) {
    check(v, x, v->whole_let, "fifo_read must be the whole value of a let");
    check(v, x, x->buffer->space == SPACE_FIFO && in_scope(v, x->buffer),
          "fifo_read reads a channel");
    check(v, x, x->buffer->access & ACCESS_READ, "the channel may not be read");
    check(v, x, ltype_equal(x->type, x->buffer->elem), "fifo_read has the channel's type");
    check(v, x,
          !v->around[LOOP_PARALLEL] && !v->around[LOOP_VECTOR] && !v->around[LOOP_GRID] &&
              !v->around[LOOP_ITEM],
          "the order of a channel is lost in an independent loop");
}

static void check_rest(Verifier *v, LX x) {
    LType a = x->nargs ? x->args[0]->type : x->type;
    switch (x->kind) {
    case LX_INT:
        check(v, x,
              !dtype_is_float(x->type.dtype) && x->i >= dtype_min(x->type.dtype) &&
                  x->i <= dtype_max(x->type.dtype),
              "the number does not fit its type");
        break;
    case LX_FLOAT:
        check(v, x, dtype_is_float(x->type.dtype) && !x->type.rows, "a float has a float type");
        break;
    case LX_DIM: check(v, x, is_type(x, DT_i64, 1) && x->dim, "a dimension is an i64"); break;
    case LX_UNARY:
        check(v, x, x->unary == LU_IS_NAN ? is_type(x, DT_bool, a.lanes) : ltype_equal(x->type, a),
              "a unary operator keeps the type");
        check(v, x, !a.rows && (x->unary != LU_NOT || !dtype_is_float(a.dtype)),
              "not is of integers and bool");
        break;
    case LX_FMA:
        check(v, x,
              ltype_equal(a, x->args[1]->type) && ltype_equal(a, x->args[2]->type) &&
                  ltype_equal(a, x->type) && dtype_is_float(a.dtype),
              "fma has three operands of its float type");
        break;
    case LX_SELECT:
        check(v, x, is_type(x->args[0], DT_bool, x->type.lanes),
              "a selection's condition is a bool a lane");
        check(v, x,
              ltype_equal(x->args[1]->type, x->type) && ltype_equal(x->args[2]->type, x->type),
              "both values of a selection have its type");
        break;
    case LX_BROADCAST:
        check(v, x, a.lanes == 1 && !a.rows && a.dtype == x->type.dtype && x->type.lanes > 1,
              "a broadcast spreads a scalar");
        break;
    case LX_RAMP:
        check(v, x,
              is_type(x->args[0], DT_i64, 1) && is_type(x->args[1], DT_i64, 1) &&
                  is_type(x, DT_i64, x->type.lanes),
              "a ramp is of i64");
        break;
    case LX_EXTRACT:
        check(v, x, x->i >= 0 && x->i < a.lanes && is_type(x, a.dtype, 1),
              "extract takes one of the lanes");
        break;
    case LX_REDUCE:
        check(v, x, is_type(x, a.dtype, 1) && !a.rows && !binary_is_comparison(x->binary),
              "a reduction gives a scalar");
        break;
    case LX_TILE_ZERO: check(v, x, x->type.rows > 0, "a tile has rows"); break;
    default: unreachable();
    }
}

void verify_expr(Verifier *v, LX x) {
    bool whole = v->whole_let;
    v->whole_let = false;
    bool is_load = x->kind == LX_LOAD;
    for (int i = 0; i < x->nargs && !is_load; i++) verify_expr(v, x->args[i]);
    v->whole_let = whole;
    switch (x->kind) {
    case LX_VAR:
        if (x->var->id >= v->ids || !v->visible[x->var->id])
            verify_error(v, "variable %s is used where it is not visible", x->var->name);
        check(v, x, ltype_equal(x->type, x->var->type),
              "a variable has the type of its definition");
        break;
    case LX_BINARY: check_binary(v, x); break;
    case LX_CAST:
    case LX_BITCAST: check_cast(v, x); break;
    case LX_LOAD: check_load(v, x); break;
    case LX_SHUFFLE: check_shuffle(v, x); break;
    case LX_DOT:
    case LX_TILE_DOT: check_dot(v, x); break;
    case LX_TILE_LOAD: check_tile_load(v, x); break;
    case LX_FIFO_READ: check_fifo_read(v, x); break;
    default: check_rest(v, x);
    }
    v->whole_let = false;
}
