/* Arithmetic. Signed integers wrap, which C says of unsigned ones only: they are added as such. */
#include "codegen/c/printer.h"

#include <string.h>

bool c_is_float16(DType dtype) {
    return dtype == DT_f16 || dtype == DT_bf16;
}

static bool is_signed(DType dtype) {
    return dtype_class(dtype) == DCLASS_SIGNED;
}

static bool is_comparison(LBinary op) {
    return op >= LB_EQ && op <= LB_GE;
}

static int storage_bits(DType dtype) {
    int bits = dtype_bits(dtype);
    return c_is_float16(dtype) || dtype == DT_bool ? 32 : bits < 8 ? 8 : bits;
}

Text c_canonical_mask(Printer *p, int bits, int lanes, Text x) {
    if (lanes == 1 || bits == 32) return x;
    const char *type = c_value_type(p, ltype(DT_bool, lanes));
    return c_text_printf(p, BIND_ATOM, "convert_%s(%s)", type, x.s);
}

/* ---- wrapping -------------------------------------------------------------------------------- */

/* Scalars narrower than int are computed in int and cut; everything else goes by way of unsigned.
 */
static bool needs_unsigned(LType type) {
    return is_signed(type.dtype) && (type.lanes > 1 || storage_bits(type.dtype) >= 32);
}

static Text as_unsigned(Printer *p, LType type, Text x) {
    return c_call(p, CALL_UNSIGNED, type, type, x.s);
}

Text c_wrap4(Printer *p, LType type, Text x) {
    if (type.dtype != DT_i4 && type.dtype != DT_u4) return x;
    if (p->dialect->wrap4) {
        const char *wrap = arena_printf(p->arena, p->dialect->wrap4, dtype_name(type.dtype));
        return c_text_printf(p, BIND_ATOM, "%s(%s)", wrap, x.s);
    }
    Text name = c_name_value(p, type, x);
    const char *c = c_value_type(p, type);
    if (type.dtype == DT_u4) return c_text_printf(p, BIND_AND, "%s & (%s)(15)", name.s, c);
    return c_text_printf(p, BIND_SHIFT, "(%s)(%s << (%s)(4)) >> (%s)(4)", c, name.s, c, c);
}

static Text narrow(Printer *p, LType type, Text x) {
    if (type.lanes == 1 && storage_bits(type.dtype) < 32) {
        x = c_text_printf(p, BIND_UNARY, "(%s)(%s)", c_value_type(p, type), x.s);
    }
    return c_wrap4(p, type, x);
}

static Text wrapping(Printer *p, const char *op, Binding bind, LType type, Text x, Text y) {
    if (!needs_unsigned(type)) return narrow(p, type, c_text_binary(p, bind, op, x, y));
    Text result = c_text_binary(p, bind, op, as_unsigned(p, type, x), as_unsigned(p, type, y));
    return c_wrap4(p, type, c_call(p, CALL_SIGNED, type, type, result.s));
}

/* Indices and what is computed from them never wrap. */
bool c_is_index(LX x) {
    switch (x->kind) {
    case LX_INT:
    case LX_DIM: return true;
    case LX_VAR: return x->var->is_index;
    case LX_UNARY:
    case LX_BINARY:
    case LX_BROADCAST:
    case LX_RAMP:
    case LX_EXTRACT:
        for (int i = 0; i < x->nargs; i++) {
            if (!c_is_index(x->args[i])) return false;
        }
        return x->type.dtype == DT_i64;
    default: return false;
    }
}

static bool in_int(int64_t lo, int64_t hi) {
    return lo >= INT32_MIN && hi <= INT32_MAX;
}

bool c_var_is_narrow(const Printer *p, const LVar *var) {
    bool narrow = strcmp(p->dialect->index, p->dialect->value[DT_i64]) != 0;
    return narrow && var->is_index && in_int(var->lo, var->hi);
}

/* What index_quotient and plain_index write is of the index type where the operands are. */
bool c_fits_index(const Printer *p, LX x) {
    int64_t lo, hi, divisor, value;
    if (x->type.dtype != DT_i64 || x->type.lanes > 1) return false;
    lx_range(x, &lo, &hi);
    if (!in_int(lo, hi)) return false;
    if (x->kind == LX_INT) return true;
    if (x->kind == LX_DIM) return dim_is_int(x->dim, &value);
    if (x->kind == LX_VAR) return c_var_is_narrow(p, x->var);
    if (x->kind != LX_BINARY) return false;
    if (!c_fits_index(p, x->args[0]) || !c_fits_index(p, x->args[1])) return false;
    if (x->binary == LB_ADD || x->binary == LB_SUB || x->binary == LB_MUL) return true;
    if (x->binary != LB_FLOORDIV && x->binary != LB_MOD) return false;
    lx_range(x->args[0], &lo, &hi);
    bool power = lx_is_int(x->args[1], &divisor) && divisor > 0 && (divisor & (divisor - 1)) == 0;
    int64_t least, most;
    lx_range(x->args[1], &least, &most);
    return power || (lo >= 0 && least >= 1);
}

/* ---- unary ----------------------------------------------------------------------------------- */

static Text call(Printer *p, const char *function, Text x) {
    return c_text_printf(p, BIND_ATOM, "%s(%s)", function, x.s);
}

static Text float_unary(Printer *p, LUnary op, LType type, Text x) {
    const CMath *math = type.dtype == DT_f64 ? &p->dialect->f64 : &p->dialect->f32;
    switch (op) {
    case LU_NEG: return c_text_printf(p, BIND_UNARY, "-%s", c_text_in(p, x, BIND_ATOM));
    case LU_ABS: return call(p, math->fabs, x);
    case LU_SQRT: return call(p, math->sqrt, x);
    case LU_FLOOR: return call(p, math->floor, x);
    case LU_CEIL: return call(p, math->ceil, x);
    case LU_ROUND_EVEN: return call(p, math->rint, x);
    case LU_TRUNC: return call(p, math->trunc, x);
    case LU_IS_NAN:
        x = c_name_value(p, type, x);
        return c_canonical_mask(p, storage_bits(type.dtype), type.lanes,
                                c_text_binary(p, BIND_EQUAL, "!=", x, x));
    case LU_NOT: break;
    }
    die("no such operation on floats");
}

static Text integer_unary(Printer *p, LUnary op, LType type, Text x) {
    switch (op) {
    case LU_NEG: return wrapping(p, "-", BIND_SUM, type, c_literal_int(p, type, 0), x);
    case LU_ABS:
        if (!is_signed(type.dtype)) return x;
        x = c_call(p, CALL_ABS, type, type, x.s);
        return c_wrap4(p, type, c_call(p, CALL_SIGNED, type, type, x.s));
    case LU_NOT:
        return narrow(p, type, c_text_printf(p, BIND_UNARY, "~%s", c_text_in(p, x, BIND_ATOM)));
    case LU_IS_NAN: return c_literal_int(p, ltype(DT_bool, type.lanes), 0);
    case LU_FLOOR:
    case LU_CEIL:
    case LU_TRUNC:
    case LU_ROUND_EVEN: return x;
    case LU_SQRT: break;
    }
    die("no such operation on integers");
}

Text c_unary(Printer *p, LUnary op, LType type, Text x) {
    if (type.dtype == DT_bool) {
        require(op == LU_NOT);
        const char *sign = type.lanes == 1 ? "!" : "~";
        return c_text_printf(p, BIND_UNARY, "%s%s", sign, c_text_in(p, x, BIND_ATOM));
    }
    if (!dtype_is_float(type.dtype)) return integer_unary(p, op, type, x);
    Text result = float_unary(p, op, type, x);
    return c_is_float16(type.dtype) && op != LU_IS_NAN ? c_round16(p, type, result) : result;
}

/* ---- integers -------------------------------------------------------------------------------- */

static Text pair_call(Printer *p, CCall which, LType type, Text x, Text y) {
    return c_call(p, which, type, type, arena_printf(p->arena, "%s, %s", x.s, y.s));
}

static Text saturate(Printer *p, LBinary op, LType type, Text x, Text y) {
    Text sum = pair_call(p, op == LB_ADD_SAT ? CALL_ADD_SAT : CALL_SUB_SAT, type, x, y);
    if (type.dtype != DT_i4 && type.dtype != DT_u4) return sum;
    const char *args =
        arena_printf(p->arena, "%s, %s, %s", sum.s, c_literal_int(p, type, dtype_min(type.dtype)).s,
                     c_literal_int(p, type, dtype_max(type.dtype)).s);
    return c_call(p, CALL_CLAMP, type, type, args);
}

static Text divide_down(Printer *p, LBinary op, LType type, Text x, Text y) {
    if (!is_signed(type.dtype)) {
        return narrow(p, type, c_text_binary(p, BIND_PRODUCT, op == LB_MOD ? "%" : "/", x, y));
    }
    HelperKind kind = op == LB_MOD ? HELPER_FLOOR_MOD : HELPER_FLOOR_DIV;
    const char *name = helper(p->helpers, kind, type, SPACE_PRIVATE);
    return c_text_printf(p, BIND_ATOM, "%s(%s, %s)", name, x.s, y.s);
}

static Text shift(Printer *p, LBinary op, LType type, Text x, Text y) {
    if (op == LB_SHR) return narrow(p, type, c_text_binary(p, BIND_SHIFT, ">>", x, y));
    return wrapping(p, "<<", BIND_SHIFT, type, x, y);
}

static Text compare(Printer *p, LBinary op, LType type, Text x, Text y) {
    static const char *const names[] = {"==", "!=", "<", "<=", ">", ">="};
    Binding bind = op <= LB_NE ? BIND_EQUAL : BIND_ORDER;
    Text result = c_text_binary(p, bind, names[op - LB_EQ], x, y);
    return c_canonical_mask(p, storage_bits(type.dtype), type.lanes, result);
}

static Text integer_binary(Printer *p, LBinary op, LType type, Text x, Text y) {
    switch (op) {
    case LB_ADD: return wrapping(p, "+", BIND_SUM, type, x, y);
    case LB_SUB: return wrapping(p, "-", BIND_SUM, type, x, y);
    case LB_MUL: return wrapping(p, "*", BIND_PRODUCT, type, x, y);
    case LB_DIV: return narrow(p, type, c_text_binary(p, BIND_PRODUCT, "/", x, y));
    case LB_FLOORDIV:
    case LB_MOD: return divide_down(p, op, type, x, y);
    case LB_MIN: return pair_call(p, CALL_MIN, type, x, y);
    case LB_MAX: return pair_call(p, CALL_MAX, type, x, y);
    case LB_AND: return narrow(p, type, c_text_binary(p, BIND_AND, "&", x, y));
    case LB_OR: return narrow(p, type, c_text_binary(p, BIND_OR, "|", x, y));
    case LB_XOR: return narrow(p, type, c_text_binary(p, BIND_XOR, "^", x, y));
    case LB_SHL:
    case LB_SHR: return shift(p, op, type, x, y);
    case LB_ADD_SAT:
    case LB_SUB_SAT: return saturate(p, op, type, x, y);
    default: return compare(p, op, type, x, y);
    }
}

static Text bool_binary(Printer *p, LBinary op, LType type, Text x, Text y) {
    bool scalar = type.lanes == 1;
    switch (op) {
    case LB_AND: return c_text_binary(p, scalar ? BIND_LAND : BIND_AND, scalar ? "&&" : "&", x, y);
    case LB_OR: return c_text_binary(p, scalar ? BIND_LOR : BIND_OR, scalar ? "||" : "|", x, y);
    case LB_XOR: return c_text_binary(p, scalar ? BIND_EQUAL : BIND_XOR, scalar ? "!=" : "^", x, y);
    case LB_EQ:
    case LB_NE: return compare(p, op, type, x, y);
    default: die("no such operation on bool");
    }
}

/* ---- floats ---------------------------------------------------------------------------------- */

/* NaN if either is: `y > x ? y : x` gives x where that is NaN, and y is asked for by itself. */
static Text extreme(Printer *p, LBinary op, LType type, Text x, Text y) {
    int bits = storage_bits(type.dtype);
    x = c_name_value(p, type, x);
    y = c_name_value(p, type, y);
    Text better = c_text_binary(p, BIND_ORDER, op == LB_MAX ? ">" : "<", y, x);
    Text nan = c_text_binary(p, BIND_EQUAL, "!=", y, y);
    Text both = c_text_binary(p, type.lanes == 1 ? BIND_LOR : BIND_OR, type.lanes == 1 ? "||" : "|",
                              better, nan);
    return c_choose(p, type, c_canonical_mask(p, bits, type.lanes, both), y, x);
}

static Text float_binary(Printer *p, LBinary op, LType type, Text x, Text y) {
    switch (op) {
    case LB_ADD: return c_text_binary(p, BIND_SUM, "+", x, y);
    case LB_SUB: return c_text_binary(p, BIND_SUM, "-", x, y);
    case LB_MUL: return c_text_binary(p, BIND_PRODUCT, "*", x, y);
    case LB_DIV: return c_text_binary(p, BIND_PRODUCT, "/", x, y);
    case LB_MIN:
    case LB_MAX: return extreme(p, op, type, x, y);
    default: break;
    }
    if (!is_comparison(op)) die("no such operation on floats");
    return compare(p, op, type, x, y);
}

Text c_binary_text(Printer *p, LBinary op, LType type, Text x, Text y) {
    if (type.dtype == DT_bool) return bool_binary(p, op, type, x, y);
    if (!dtype_is_float(type.dtype)) return integer_binary(p, op, type, x, y);
    Text result = float_binary(p, op, type, x, y);
    return c_is_float16(type.dtype) && !is_comparison(op) ? c_round16(p, type, result) : result;
}

/* ---- with what is known of the operands ------------------------------------------------------ */

/* A float constant that is no NaN, as it is or broadcast. */
static bool is_number(LX x) {
    if (x->kind == LX_BROADCAST) x = x->args[0];
    return x->kind == LX_FLOAT && x->f == x->f;
}

static Text extreme_of_constant(Printer *p, LX x) {
    bool swap = is_number(x->args[0]);
    LType type = x->type;
    Text a = c_name_value(p, type, c_expr(p, x->args[swap])), b = c_expr(p, x->args[!swap]);
    Text better = c_text_binary(p, BIND_ORDER, x->binary == LB_MAX ? ">" : "<", b, a);
    return c_choose(p, type, c_canonical_mask(p, storage_bits(type.dtype), type.lanes, better), b,
                    a);
}

static Text index_quotient(Printer *p, LX x) {
    int64_t divisor, lo, hi, least, most;
    bool is_mod = x->binary == LB_MOD;
    LX right = x->args[1]->kind == LX_BROADCAST ? x->args[1]->args[0] : x->args[1];
    lx_range(x->args[0], &lo, &hi);
    lx_range(right, &least, &most);
    Text a = c_operand(p, x->args[0]), b = c_operand(p, right);
    if (lo >= 0 && least >= 1) return c_text_binary(p, BIND_PRODUCT, is_mod ? "%" : "/", a, b);
    if (lx_is_int(right, &divisor) && divisor > 0 && (divisor & (divisor - 1)) == 0) {
        if (is_mod) {
            return c_text_binary(p, BIND_AND, "&", a,
                                 c_text_printf(p, BIND_ATOM, "%lld%s", (long long)(divisor - 1),
                                               p->dialect->index_suffix));
        }
        return c_text_binary(p, BIND_SHIFT, ">>", a,
                             c_text_printf(p, BIND_ATOM, "%d", __builtin_ctzll((uint64_t)divisor)));
    }
    b = c_expr(p, x->args[1]);
    if (least < 1) b = pair_call(p, CALL_MAX, x->type, b, c_literal_int(p, x->type, 1));
    return divide_down(p, x->binary, x->type, c_expr(p, x->args[0]), b);
}

static Text plain_index(Printer *p, LX x) {
    static const char *const names[] = {[LB_ADD] = "+", [LB_SUB] = "-", [LB_MUL] = "*"};
    LX a = x->args[0], b = x->args[1];
    int64_t constant;
    Binding bind = x->binary == LB_MUL ? BIND_PRODUCT : BIND_SUM;
    if (x->binary == LB_ADD && lx_is_int(b, &constant) && constant < 0 && constant > INT32_MIN) {
        return c_text_printf(p, BIND_SUM, "%s - %lld", c_text_in(p, c_operand(p, a), BIND_SUM),
                             (long long)-constant);
    }
    Text first = c_operand(p, a);
    bool narrow = strcmp(p->dialect->index, p->dialect->value[DT_i64]) != 0;
    if (narrow && !c_fits_index(p, x)) {
        first = c_text_printf(p, BIND_UNARY, "(%s)%s", c_value_type(p, x->type),
                              c_text_in(p, first, BIND_ATOM));
    }
    return c_text_binary(p, bind, names[x->binary], first, c_operand(p, b));
}

Text c_binary(Printer *p, LX x) {
    LX a = x->args[0], b = x->args[1];
    LBinary op = x->binary;
    bool sum = op == LB_ADD || op == LB_SUB || op == LB_MUL;
    if (a->type.dtype == DT_i64 && c_is_index(a) && c_is_index(b)) {
        if (sum) return plain_index(p, x);
        if (op == LB_FLOORDIV || op == LB_MOD) return index_quotient(p, x);
    }
    bool is_extreme = op == LB_MIN || op == LB_MAX;
    if (is_extreme && dtype_is_float(x->type.dtype) && (is_number(a) || is_number(b))) {
        return extreme_of_constant(p, x);
    }
    if (is_comparison(op) && dtype_is_int(a->type.dtype)) {
        return c_binary_text(p, op, a->type, c_operand(p, a), c_operand(p, b));
    }
    return c_binary_text(p, op, a->type, c_expr(p, a), c_expr(p, b));
}
