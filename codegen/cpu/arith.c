/* Arithmetic on floats and integers. 16-bit floats are computed in f32 and rounded once. */
#include "codegen/cpu/emit.h"

#include <stdio.h>

static bool is16(DType dtype) {
    return dtype == DT_f16 || dtype == DT_bf16;
}

LV emit_math(Function *f, LV value) {
    /* No reassociation: polynomials and range reductions depend on their order. */
    const unsigned fast = LLVMFastMathAllowContract | LLVMFastMathAllowReciprocal;
    if (f->unit->options->fp_fast && LLVMIsAInstruction(value) &&
        LLVMCanValueUseFastMathFlags(value)) {
        LLVMSetFastMathFlags(value, fast);
    }
    return value;
}

/* ---- rounding to whole numbers -------------------------------------------------------------- */

/* Whether llvm.floor and its like are instructions for the type, and not calls. */
static bool has_rounding(const Function *f) {
    const CpuMachine *machine = f->unit->machine;
    return machine->arch == ARCH_AARCH64 || cpu_has(machine, HAS_SSE41);
}

/* 2^23 or 2^52: from there on every float is whole. */
static LV whole_from(Function *f, LV like) {
    LT type = LLVMTypeOf(like);
    bool vector = LLVMGetTypeKind(type) == LLVMVectorTypeKind;
    LT scalar = vector ? LLVMGetElementType(type) : type;
    return unit_const_float(f->unit, scalar, vector ? (int)LLVMGetVectorSize(type) : 1,
                            scalar == f->unit->f32 ? 0x1p23 : 0x1p52);
}

/* |x| + 2^23 - 2^23 rounds at the point; the sign is put back, so that -0.2 becomes -0. */
LV emit_round_even(Function *f, LV x) {
    if (has_rounding(f)) return emit_intrinsic1(f, "llvm.roundeven", x);
    LV size = emit_intrinsic1(f, "llvm.fabs", x), shift = whole_from(f, x);
    LV rounded = LLVMBuildFSub(f->b, LLVMBuildFAdd(f->b, size, shift, ""), shift, "");
    rounded = emit_intrinsic2(f, "llvm.copysign", rounded, x);
    LV small = LLVMBuildFCmp(f->b, LLVMRealOLT, size, shift, "");
    return LLVMBuildSelect(f->b, small, rounded, x, "");
}

static LV ones(Function *f, LV like) {
    LT type = LLVMTypeOf(like);
    bool vector = LLVMGetTypeKind(type) == LLVMVectorTypeKind;
    return unit_const_float(f->unit, vector ? LLVMGetElementType(type) : type,
                            vector ? (int)LLVMGetVectorSize(type) : 1, 1.0);
}

/* The nearest whole number, moved by one where it lies on the wrong side of the bound. The sign is
 * that of x (a zero keeps it). */
static LV step_back(Function *f, LV nearest, LV x, LLVMRealPredicate wrong, LV bound, bool down) {
    LV one = ones(f, x);
    LV moved = down ? LLVMBuildFSub(f->b, nearest, one, "") : LLVMBuildFAdd(f->b, nearest, one, "");
    LV is_wrong = LLVMBuildFCmp(f->b, wrong, nearest, bound, "");
    return LLVMBuildSelect(f->b, is_wrong, moved, nearest, "");
}

static LV round_to_whole(Function *f, LUnary op, LV x) {
    static const char *const names[] = {
        [LU_FLOOR] = "llvm.floor", [LU_CEIL] = "llvm.ceil", [LU_TRUNC] = "llvm.trunc"};
    if (op == LU_ROUND_EVEN) return emit_round_even(f, x);
    if (has_rounding(f)) return emit_intrinsic1(f, names[op], x);
    if (op == LU_TRUNC) {
        LV size = emit_intrinsic1(f, "llvm.fabs", x);
        LV whole = step_back(f, emit_round_even(f, size), size, LLVMRealOGT, size, true);
        return emit_intrinsic2(f, "llvm.copysign", whole, x);
    }
    LV nearest = emit_round_even(f, x);
    LV whole = op == LU_FLOOR ? step_back(f, nearest, x, LLVMRealOGT, x, true)
                              : step_back(f, nearest, x, LLVMRealOLT, x, false);
    return emit_intrinsic2(f, "llvm.copysign", whole, x);
}

/* ---- unary ---------------------------------------------------------------------------------- */

static LV float_unary(Function *f, LUnary op, LV x) {
    switch (op) {
    case LU_NEG: return LLVMBuildFNeg(f->b, x, "");
    case LU_ABS: return emit_intrinsic1(f, "llvm.fabs", x);
    case LU_SQRT: return emit_math(f, emit_intrinsic1(f, "llvm.sqrt", x));
    case LU_FLOOR:
    case LU_CEIL:
    case LU_TRUNC:
    case LU_ROUND_EVEN: return round_to_whole(f, op, x);
    case LU_IS_NAN: return LLVMBuildFCmp(f->b, LLVMRealUNO, x, x, "");
    case LU_NOT: break;
    }
    die("no such operation on floats");
}

LV emit_unary(Function *f, LUnary op, LType type, LV x) {
    if (is16(type.dtype)) {
        LType wide = ltype(DT_f32, type.lanes);
        LV result = emit_unary(f, op, wide, emit_widen16(f, type, x));
        return op == LU_IS_NAN ? result : emit_narrow16(f, type, result);
    }
    if (dtype_is_float(type.dtype)) return float_unary(f, op, x);
    switch (op) {
    case LU_NEG: return emit_wrap(f, type, LLVMBuildNeg(f->b, x, ""));
    case LU_ABS:
        if (dtype_class(type.dtype) != DCLASS_SIGNED) return x;
        return emit_wrap(f, type,
                         emit_intrinsic(f->unit, f->b, "llvm.abs", 1, (LT[]){LLVMTypeOf(x)}, 2,
                                        (LV[]){x, LLVMConstInt(f->unit->i1, 0, false)}));
    case LU_NOT: return emit_wrap(f, type, LLVMBuildNot(f->b, x, ""));
    case LU_IS_NAN: return LLVMConstNull(unit_type(f->unit, ltype(DT_bool, type.lanes)));
    case LU_FLOOR:
    case LU_CEIL:
    case LU_TRUNC:
    case LU_ROUND_EVEN: return x;
    case LU_SQRT: break;
    }
    die("no such operation on integers");
}

/* ---- float binary --------------------------------------------------------------------------- */

static bool is_number(LV x) {
    LLVMBool inexact;
    if (!LLVMIsAConstantFP(x)) return false;
    double value = LLVMConstRealGetDouble(x, &inexact);
    return value == value;
}

static bool is_number_constant(LV x) {
    if (LLVMIsAConstantAggregateZero(x)) return true;
    if (!LLVMIsAConstantDataVector(x)) return is_number(x);
    for (unsigned i = 0; i < LLVMGetVectorSize(LLVMTypeOf(x)); i++) {
        if (!is_number(LLVMGetAggregateElement(x, i))) return false;
    }
    return true;
}

/* x, but y where that is NaN, in one instruction of AVX-512; null: there is none. */
static LV fix_nan(Function *f, LV x, LV y) {
    enum {
        TAKE_NAN = 0x22,
        CURRENT_ROUNDING = 4
    }; /* of quiet and signalling ones; keep the rest */
    LT type = LLVMTypeOf(x);
    if (LLVMGetTypeKind(type) != LLVMVectorTypeKind || !cpu_has(f->unit->machine, HAS_AVX512VL))
        return NULL;
    unsigned lanes = LLVMGetVectorSize(type);
    bool is_double = LLVMGetTypeKind(LLVMGetElementType(type)) == LLVMDoubleTypeKind;
    unsigned bits = lanes * (is_double ? 64 : 32);
    if (bits != 128 && bits != 256 && bits != 512) return NULL;
    char name[48];
    snprintf(name, sizeof name, "llvm.x86.avx512.mask.fixupimm.%s.%u", is_double ? "pd" : "ps",
             bits);
    LT integer = is_double ? f->unit->i64 : f->unit->i32;
    LT mask = lanes > 8 ? f->unit->i16 : f->unit->i8;
    LV table = unit_splat(LLVMConstInt(integer, TAKE_NAN, false), (int)lanes);
    LV zero = LLVMConstInt(f->unit->i32, 0, false);
    LV rounding = LLVMConstInt(f->unit->i32, CURRENT_ROUNDING, false);
    return emit_intrinsic(f->unit, f->b, name, 0, NULL, bits == 512 ? 6 : 5,
                          (LV[]){x, y, table, zero, LLVMConstAllOnes(mask), rounding});
}

/* NaN if either is NaN. `y > x ? y : x` gives x where it is NaN, which is all that is needed for a
 * constant y, and one instruction on x86. */
static LV float_extreme(Function *f, bool greatest, LV x, LV y) {
    if (f->unit->machine->arch == ARCH_AARCH64) {
        return emit_intrinsic2(f, greatest ? "llvm.maximum" : "llvm.minimum", x, y);
    }
    LLVMRealPredicate better = greatest ? LLVMRealOGT : LLVMRealOLT;
    if (is_number_constant(x)) {
        LV swap = x;
        x = y;
        y = swap;
    }
    LV result = LLVMBuildSelect(f->b, LLVMBuildFCmp(f->b, better, y, x, ""), y, x, "");
    if (is_number_constant(y)) return result;
    LV fixed = fix_nan(f, result, y);
    if (fixed) return fixed;
    LV y_nan = LLVMBuildFCmp(f->b, LLVMRealUNO, y, y, "");
    return LLVMBuildSelect(f->b, y_nan, y, result, "");
}

static LV float_binary(Function *f, LBinary op, LV x, LV y) {
    LLVMBuilderRef b = f->b;
    switch (op) {
    case LB_ADD: return emit_math(f, LLVMBuildFAdd(b, x, y, ""));
    case LB_SUB: return emit_math(f, LLVMBuildFSub(b, x, y, ""));
    case LB_MUL: return emit_math(f, LLVMBuildFMul(b, x, y, ""));
    case LB_DIV: return emit_math(f, LLVMBuildFDiv(b, x, y, ""));
    case LB_MIN: return float_extreme(f, false, x, y);
    case LB_MAX: return float_extreme(f, true, x, y);
    case LB_EQ: return LLVMBuildFCmp(b, LLVMRealOEQ, x, y, "");
    case LB_NE: return LLVMBuildFCmp(b, LLVMRealUNE, x, y, "");
    case LB_LT: return LLVMBuildFCmp(b, LLVMRealOLT, x, y, "");
    case LB_LE: return LLVMBuildFCmp(b, LLVMRealOLE, x, y, "");
    case LB_GT: return LLVMBuildFCmp(b, LLVMRealOGT, x, y, "");
    case LB_GE: return LLVMBuildFCmp(b, LLVMRealOGE, x, y, "");
    default: die("no such operation on floats");
    }
}

static bool is_comparison(LBinary op) {
    return op >= LB_EQ && op <= LB_GE;
}

LV emit_binary(Function *f, LBinary op, LType type, LV x, LV y) {
    if (!dtype_is_float(type.dtype)) return emit_integer_binary(f, op, type, x, y);
    if (!is16(type.dtype)) return float_binary(f, op, x, y);
    LV result = float_binary(f, op, emit_widen16(f, type, x), emit_widen16(f, type, y));
    return is_comparison(op) ? result : emit_narrow16(f, type, result);
}

LV emit_fma(Function *f, LType type, LV x, LV y, LV z) {
    if (is16(type.dtype)) {
        LType wide = ltype(DT_f32, type.lanes);
        return emit_narrow16(f, type,
                             emit_fma(f, wide, emit_widen16(f, type, x), emit_widen16(f, type, y),
                                      emit_widen16(f, type, z)));
    }
    if (!dtype_is_float(type.dtype)) {
        return emit_binary(f, LB_ADD, type, emit_binary(f, LB_MUL, type, x, y), z);
    }
    /* Without the instruction one rounding would take a call. */
    if (!f->unit->desc->fma) return float_binary(f, LB_ADD, float_binary(f, LB_MUL, x, y), z);
    LT overload = LLVMTypeOf(x);
    return emit_math(f,
                     emit_intrinsic(f->unit, f->b, "llvm.fma", 1, &overload, 3, (LV[]){x, y, z}));
}

/* ---- reductions ----------------------------------------------------------------------------- */

static LV lanes_from(Function *f, LV x, int first, int count) {
    LV map[MAX_LANES];
    if (count == 1) return LLVMBuildExtractElement(f->b, x, unit_int(f->unit, first), "");
    for (int i = 0; i < count; i++) {
        map[i] = LLVMConstInt(f->unit->i32, (uint64_t)(first + i), false);
    }
    return LLVMBuildShuffleVector(f->b, x, LLVMGetPoison(LLVMTypeOf(x)),
                                  LLVMConstVector(map, (unsigned)count), "");
}

/* An odd last lane joins lane 0. */
static LV fold_last(Function *f, LBinary op, LType type, LV x) {
    LType scalar = ltype(type.dtype, 1);
    LV first = lanes_from(f, x, 0, 1), last = lanes_from(f, x, type.lanes - 1, 1);
    LV joined = emit_binary(f, op, scalar, first, last);
    return LLVMBuildInsertElement(f->b, x, joined, unit_int(f->unit, 0), "");
}

/* Halves first: lane i with lane i + n/2. */
LV emit_reduce(Function *f, LBinary op, LType type, LV x) {
    while (type.lanes > 1) {
        int half = type.lanes / 2;
        if (type.lanes % 2) x = fold_last(f, op, type, x);
        LV low = lanes_from(f, x, 0, half), high = lanes_from(f, x, half, half);
        type.lanes = half;
        x = emit_binary(f, op, type, low, high);
    }
    return x;
}
