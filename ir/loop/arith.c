/* Arithmetic builders: constants fold, identities vanish, indices are simplified. */
#include "ir/loop/affine.h"
#include "ir/loop/scalar.h"

#include <math.h>

static bool constant_of(LX x, Scalar *value) {
    if (x->kind == LX_INT) value->i = x->i;
    if (x->kind == LX_FLOAT) *value = scalar_from_double(x->type.dtype, x->f);
    return x->kind == LX_INT || x->kind == LX_FLOAT;
}

static LX from_scalar(LBuilder *b, LType type, Scalar value) {
    if (dtype_is_float(type.dtype)) return lx_const(b, type, scalar_to_double(type.dtype, value));
    return lx_const_int(b, type, value.i);
}

static bool is_constant(LX x, double value) {
    Scalar s;
    if (!constant_of(x, &s)) return false;
    double d = scalar_to_double(x->type.dtype, s);
    return d == value && (value != 0 || signbit(d) == signbit(value));
}

LX lx_unary(LBuilder *b, LUnary op, LX x) {
    require(x->type.rows == 0);
    Scalar value;
    LType type = x->type;
    if (op == LU_IS_NAN) type.dtype = DT_bool;
    require(op == LU_NOT ? !dtype_is_float(x->type.dtype) : x->type.dtype != DT_bool);
    require(op != LU_SQRT || dtype_is_float(x->type.dtype));
    if (constant_of(x, &value)) return from_scalar(b, type, scalar_unary(op, x->type.dtype, value));
    if (x->kind == LX_UNARY && x->unary == op && (op == LU_NEG || op == LU_NOT)) return x->args[0];
    if (op == LU_NEG && ltype_equal(type, ltype(DT_i64, type.lanes))) return lx_muli(b, x, -1);
    LExpr *r = lx_new(b, LX_UNARY, type, 1, &x);
    r->unary = op;
    return r;
}

/* Identities that hold for every value, NaN and -0 included. Null: none. */
static LX float_identity(LBinary op, LX x, LX y) {
    switch (op) {
    case LB_ADD:
        if (is_constant(y, -0.0)) return x;
        return is_constant(x, -0.0) ? y : 0;
    case LB_SUB: return is_constant(y, 0.0) ? x : 0;
    case LB_MUL:
        if (is_constant(y, 1)) return x;
        return is_constant(x, 1) ? y : 0;
    case LB_DIV: return is_constant(y, 1) ? x : 0;
    case LB_MIN:
    case LB_MAX: return lx_compare(x, y) == 0 ? x : 0;
    default: return 0;
    }
}

static LX bool_identity(LBuilder *b, LBinary op, LX x, LX y) {
    for (int i = 0; i < 2; i++) {
        LX c = i ? x : y, other = i ? y : x;
        if (c->kind != LX_INT) continue;
        if (op == LB_AND) return c->i ? other : c;
        if (op == LB_OR) return c->i ? c : other;
        if (op == LB_XOR) return c->i ? lx_unary(b, LU_NOT, other) : other;
    }
    return (op == LB_AND || op == LB_OR) && lx_compare(x, y) == 0 ? x : 0;
}

static LX int_identity(LBinary op, LX x, LX y) {
    switch (op) {
    case LB_ADD:
    case LB_ADD_SAT:
    case LB_OR:
    case LB_XOR:
        if (is_constant(y, 0)) return x;
        return is_constant(x, 0) ? y : 0;
    case LB_SUB:
    case LB_SUB_SAT:
    case LB_SHL:
    case LB_SHR: return is_constant(y, 0) ? x : 0;
    case LB_MUL:
        if (is_constant(y, 1) || is_constant(x, 0)) return x;
        return is_constant(x, 1) || is_constant(y, 0) ? y : 0;
    case LB_DIV:
    case LB_FLOORDIV: return is_constant(y, 1) ? x : 0;
    case LB_MIN:
    case LB_MAX: return lx_compare(x, y) == 0 ? x : 0;
    default: return 0;
    }
}

static void check_operands(LBinary op, LX x, LX y) {
    require(x->type.rows == 0 && y->type.rows == 0);
    if (x->type.dtype != y->type.dtype)
        die("operands of different types: %s and %s", dtype_name(x->type.dtype),
            dtype_name(y->type.dtype));
    bool is_float = dtype_is_float(x->type.dtype);
    bool integers_only = op == LB_FLOORDIV || op == LB_MOD || (op >= LB_AND && op <= LB_SUB_SAT);
    require(!is_float || !integers_only);
    if (x->type.dtype == DT_bool)
        require(op == LB_AND || op == LB_OR || op == LB_XOR || op == LB_EQ || op == LB_NE);
}

LX lx_binary(LBuilder *b, LBinary op, LX x, LX y) {
    check_operands(op, x, y);
    int lanes = x->type.lanes > 1 ? x->type.lanes : y->type.lanes;
    x = lx_broadcast(b, x, lanes);
    y = lx_broadcast(b, y, lanes);
    DType dtype = x->type.dtype;
    LType type = ltype(binary_is_comparison(op) ? DT_bool : dtype, lanes);
    Scalar p, q, r;
    if (constant_of(x, &p) && constant_of(y, &q) && scalar_binary(op, dtype, p, q, &r))
        return from_scalar(b, type, r);
    LX simple = 0;
    if (dtype == DT_bool)
        simple = bool_identity(b, op, x, y);
    else if (dtype_is_float(dtype))
        simple = float_identity(op, x, y);
    else
        simple = int_identity(op, x, y);
    if (!simple && dtype == DT_i64) simple = simplify_index(b, op, x, y);
    return simple ? simple : lx_new_binary(b, op, type, x, y);
}

LX lx_addi(LBuilder *b, LX x, int64_t value) {
    return lx_add(b, x, lx_const_int(b, ltype(x->type.dtype, 1), value));
}

LX lx_muli(LBuilder *b, LX x, int64_t value) {
    return lx_mul(b, x, lx_const_int(b, ltype(x->type.dtype, 1), value));
}

LX lx_fma(LBuilder *b, LX x, LX y, LX z) {
    DType dtype = x->type.dtype;
    require(y->type.dtype == dtype && z->type.dtype == dtype && dtype_is_float(dtype));
    int lanes = x->type.lanes > 1 ? x->type.lanes : y->type.lanes;
    if (lanes == 1) lanes = z->type.lanes;
    LX args[3] = {lx_broadcast(b, x, lanes), lx_broadcast(b, y, lanes), lx_broadcast(b, z, lanes)};
    Scalar s[3];
    LType type = ltype(dtype, lanes);
    if (constant_of(args[0], &s[0]) && constant_of(args[1], &s[1]) && constant_of(args[2], &s[2]))
        return from_scalar(b, type, scalar_fma(dtype, s[0], s[1], s[2]));
    return lx_new(b, LX_FMA, type, 3, args);
}

LX lx_select(LBuilder *b, LX condition, LX x, LX y) {
    require(condition->type.dtype == DT_bool && x->type.dtype == y->type.dtype);
    int lanes = condition->type.lanes > 1 ? condition->type.lanes : x->type.lanes;
    if (lanes == 1) lanes = y->type.lanes;
    x = lx_broadcast(b, x, lanes);
    y = lx_broadcast(b, y, lanes);
    if (condition->kind == LX_INT) return condition->i ? x : y;
    if (lx_compare(x, y) == 0) return x;
    return lx_new(b, LX_SELECT, ltype(x->type.dtype, lanes), 3,
                  (LX[]){lx_broadcast(b, condition, lanes), x, y});
}

LX lx_cast(LBuilder *b, LCast mode, DType dtype, LX x) {
    DType from = x->type.dtype;
    if (from == dtype) return x;
    require(x->type.rows == 0);
    /* A float has no wrapped integer value: the caller says how it is clamped. */
    require(mode != CAST_VALUE || !dtype_is_float(from) || dtype_is_float(dtype) ||
            dtype == DT_bool);
    LType type = ltype(dtype, x->type.lanes);
    Scalar value;
    if (constant_of(x, &value)) return from_scalar(b, type, scalar_cast(mode, from, dtype, value));
    if (x->kind == LX_BROADCAST)
        return lx_broadcast(b, lx_cast(b, mode, dtype, x->args[0]), type.lanes);
    LExpr *r = lx_new(b, LX_CAST, type, 1, &x);
    r->cast = mode;
    return r;
}

LX lx_bitcast(LBuilder *b, DType dtype, LX x) {
    DType from = x->type.dtype;
    if (from == dtype) return x;
    require(dtype_bits(from) == dtype_bits(dtype) && from != DT_bool && dtype != DT_bool);
    LType type = ltype(dtype, x->type.lanes);
    Scalar value;
    /* A NaN's bits are not kept by LX_FLOAT. */
    if (constant_of(x, &value) && !(x->kind == LX_FLOAT && isnan(x->f))) {
        Scalar bits = scalar_bitcast(from, dtype, value);
        if (!dtype_is_float(dtype) || !isnan(scalar_to_double(dtype, bits)))
            return from_scalar(b, type, bits);
    }
    return lx_new(b, LX_BITCAST, type, 1, &x);
}
