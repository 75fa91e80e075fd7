/* Integer arithmetic that never traps: a divisor of 0 or a quotient that does not fit gives some
 * value. */
#include "codegen/cpu/emit.h"

static bool is_signed(LType type) {
    return dtype_class(type.dtype) == DCLASS_SIGNED;
}

/* ---- division ------------------------------------------------------------------------------- */

/* The divisor with 0 and -1, the two that can trap, replaced by 1. */
static LV safe_divisor(Function *f, LType type, LV y, LV *is_minus_one) {
    LV one = unit_const(f->unit, type, 1);
    LV zero = LLVMConstNull(LLVMTypeOf(y));
    LV bad = LLVMBuildICmp(f->b, LLVMIntEQ, y, zero, "");
    *is_minus_one = NULL;
    if (is_signed(type)) {
        *is_minus_one = LLVMBuildICmp(f->b, LLVMIntEQ, y, unit_const(f->unit, type, -1), "");
        bad = LLVMBuildOr(f->b, bad, *is_minus_one, "");
    }
    return LLVMBuildSelect(f->b, bad, one, y, "");
}

static LV divide(Function *f, LType type, LV x, LV y) {
    if (!is_signed(type)) {
        LV unused, safe = safe_divisor(f, type, y, &unused);
        return LLVMBuildUDiv(f->b, x, safe, "");
    }
    LV minus_one, safe = safe_divisor(f, type, y, &minus_one);
    LV quotient = LLVMBuildSDiv(f->b, x, safe, "");
    LV negated = LLVMBuildNeg(f->b, x, "");
    return emit_wrap(f, type, LLVMBuildSelect(f->b, minus_one, negated, quotient, ""));
}

static LV divide_down(Function *f, LBinary op, LType type, LV x, LV y) {
    LV unused, safe = safe_divisor(f, type, y, &unused);
    if (!is_signed(type)) {
        return op == LB_MOD ? LLVMBuildURem(f->b, x, safe, "") : LLVMBuildUDiv(f->b, x, safe, "");
    }
    LV quotient = LLVMBuildSDiv(f->b, x, safe, "");
    LV rest = LLVMBuildSub(f->b, x, LLVMBuildMul(f->b, quotient, safe, ""), "");
    int bits = (int)LLVMGetIntTypeWidth(unit_scalar_type(f->unit, type.dtype));
    LV sign = LLVMBuildAShr(f->b, rest, unit_const(f->unit, type, bits - 1), "");
    if (op == LB_FLOORDIV) return LLVMBuildAdd(f->b, quotient, sign, "");
    return LLVMBuildAdd(f->b, rest, LLVMBuildAnd(f->b, sign, safe, ""), "");
}

static int power_of_two(int64_t value) {
    if (value <= 0 || (value & (value - 1))) return -1;
    int shift = 0;
    while (value >> shift != 1) shift++;
    return shift;
}

static bool constant_divisor(LX x, int64_t *value) {
    if (lx_is_int(x, value)) return true;
    return x->kind == LX_BROADCAST && lx_is_int(x->args[0], value);
}

LV emit_floordiv(Function *f, LX x) {
    LType type = x->args[0]->type;
    LV a = emit_expr(f, x->args[0]), b = emit_expr(f, x->args[1]);
    int64_t divisor, lo, hi;
    bool is_mod = x->binary == LB_MOD;
    if (!constant_divisor(x->args[1], &divisor) || divisor <= 0) {
        return divide_down(f, x->binary, type, a, b);
    }
    int shift = power_of_two(divisor);
    if (shift >= 0) {
        if (is_mod) return LLVMBuildAnd(f->b, a, unit_const(f->unit, type, divisor - 1), "");
        LV amount = unit_const(f->unit, type, shift);
        return is_signed(type) ? LLVMBuildAShr(f->b, a, amount, "")
                               : LLVMBuildLShr(f->b, a, amount, "");
    }
    lx_range(x->args[0], &lo, &hi);
    if (lo >= 0) {
        return is_mod ? LLVMBuildURem(f->b, a, b, "") : LLVMBuildUDiv(f->b, a, b, "");
    }
    return divide_down(f, x->binary, type, a, b);
}

/* ---- the rest ------------------------------------------------------------------------------- */

static LV shift(Function *f, LBinary op, LType type, LV x, LV y) {
    if (!LLVMIsConstant(y)) {
        int bits = (int)LLVMGetIntTypeWidth(unit_scalar_type(f->unit, type.dtype));
        y = LLVMBuildAnd(f->b, y, unit_const(f->unit, type, bits - 1), "");
    }
    if (op == LB_SHL) return emit_wrap(f, type, LLVMBuildShl(f->b, x, y, ""));
    return is_signed(type) ? LLVMBuildAShr(f->b, x, y, "") : LLVMBuildLShr(f->b, x, y, "");
}

static LV saturate(Function *f, LBinary op, LType type, LV x, LV y) {
    static const char *const names[2][2] = {{"llvm.uadd.sat", "llvm.usub.sat"},
                                            {"llvm.sadd.sat", "llvm.ssub.sat"}};
    LV result = emit_intrinsic2(f, names[is_signed(type)][op == LB_SUB_SAT], x, y);
    if (type.dtype != DT_i4 && type.dtype != DT_u4) return result;
    LV most = unit_const(f->unit, type, dtype_max(type.dtype));
    result = emit_intrinsic2(f, is_signed(type) ? "llvm.smin" : "llvm.umin", result, most);
    if (!is_signed(type)) return result;
    return emit_intrinsic2(f, "llvm.smax", result,
                           unit_const(f->unit, type, dtype_min(type.dtype)));
}

static LV compare(Function *f, LBinary op, LType type, LV x, LV y) {
    static const LLVMIntPredicate predicates[2][6] = {
        {LLVMIntEQ, LLVMIntNE, LLVMIntULT, LLVMIntULE, LLVMIntUGT, LLVMIntUGE},
        {LLVMIntEQ, LLVMIntNE, LLVMIntSLT, LLVMIntSLE, LLVMIntSGT, LLVMIntSGE}};
    return LLVMBuildICmp(f->b, predicates[is_signed(type)][op - LB_EQ], x, y, "");
}

LV emit_integer_binary(Function *f, LBinary op, LType type, LV x, LV y) {
    LLVMBuilderRef b = f->b;
    switch (op) {
    case LB_ADD: return emit_wrap(f, type, LLVMBuildAdd(b, x, y, ""));
    case LB_SUB: return emit_wrap(f, type, LLVMBuildSub(b, x, y, ""));
    case LB_MUL: return emit_wrap(f, type, LLVMBuildMul(b, x, y, ""));
    case LB_DIV: return divide(f, type, x, y);
    case LB_FLOORDIV:
    case LB_MOD: return divide_down(f, op, type, x, y);
    case LB_MIN: return emit_intrinsic2(f, is_signed(type) ? "llvm.smin" : "llvm.umin", x, y);
    case LB_MAX: return emit_intrinsic2(f, is_signed(type) ? "llvm.smax" : "llvm.umax", x, y);
    case LB_AND: return LLVMBuildAnd(b, x, y, "");
    case LB_OR: return LLVMBuildOr(b, x, y, "");
    case LB_XOR: return LLVMBuildXor(b, x, y, "");
    case LB_SHL:
    case LB_SHR: return shift(f, op, type, x, y);
    case LB_ADD_SAT:
    case LB_SUB_SAT: return saturate(f, op, type, x, y);
    case LB_EQ:
    case LB_NE:
    case LB_LT:
    case LB_LE:
    case LB_GT:
    case LB_GE: return compare(f, op, type, x, y);
    case LB_COUNT: break;
    }
    die("no such operation on integers");
}
