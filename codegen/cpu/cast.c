/* Conversions between element types. */
#include "codegen/cpu/emit.h"

static bool is16(DType dtype) {
    return dtype == DT_f16 || dtype == DT_bf16;
}

/* A float of any type as f32 or f64. */
static LV plain_float(Function *f, LType type, LV x, LType *plain) {
    *plain = type;
    if (!is16(type.dtype)) return x;
    plain->dtype = DT_f32;
    return emit_widen16(f, type, x);
}

LV emit_wrap(Function *f, LType type, LV x) {
    if (type.dtype != DT_i4 && type.dtype != DT_u4) return x;
    if (type.dtype == DT_u4) return LLVMBuildAnd(f->b, x, unit_const(f->unit, type, 15), "");
    LV four = unit_const(f->unit, type, 4);
    return LLVMBuildAShr(f->b, LLVMBuildShl(f->b, x, four, ""), four, "");
}

static LV resize_int(Function *f, LType from, LType to, LV x) {
    LT type = unit_type(f->unit, to);
    bool is_signed = dtype_class(from.dtype) == DCLASS_SIGNED;
    return LLVMBuildIntCast2(f->b, x, type, is_signed, "");
}

static LV to_bool(Function *f, LType from, LV x) {
    if (dtype_is_float(from.dtype)) {
        x = plain_float(f, from, x, &from);
        return LLVMBuildFCmp(f->b, LLVMRealUNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
    }
    return LLVMBuildICmp(f->b, LLVMIntNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
}

static LV float_to_float(Function *f, LType from, LType to, LV x) {
    x = plain_float(f, from, x, &from);
    if (is16(to.dtype)) return emit_narrow16(f, to, x);
    if (from.dtype == to.dtype) return x;
    LT type = unit_type(f->unit, to);
    return to.dtype == DT_f64 ? LLVMBuildFPExt(f->b, x, type, "")
                              : LLVMBuildFPTrunc(f->b, x, type, "");
}

/* Integers of more than 24 bits go to a 16-bit float by way of f64, so that only one rounding
 * counts. */
static LV int_to_float(Function *f, LType from, LType to, LV x) {
    LType plain = to;
    if (is16(to.dtype)) plain.dtype = dtype_bits(from.dtype) > 16 ? DT_f64 : DT_f32;
    LT type = unit_type(f->unit, plain);
    x = dtype_class(from.dtype) == DCLASS_SIGNED ? LLVMBuildSIToFP(f->b, x, type, "")
                                                 : LLVMBuildUIToFP(f->b, x, type, "");
    return is16(to.dtype) ? emit_narrow16(f, to, x) : x;
}

static LV int_to_int(Function *f, LCast mode, LType from, LType to, LV x) {
    if (mode == CAST_VALUE) return emit_wrap(f, to, resize_int(f, from, to, x));
    int64_t lo = dtype_min(to.dtype), hi = dtype_max(to.dtype);
    bool is_signed = dtype_class(from.dtype) == DCLASS_SIGNED;
    if (hi < dtype_max(from.dtype)) {
        x = emit_intrinsic2(f, is_signed ? "llvm.smin" : "llvm.umin", x,
                            unit_const(f->unit, from, hi));
    }
    if (lo > dtype_min(from.dtype)) {
        x = emit_intrinsic2(f, "llvm.smax", x, unit_const(f->unit, from, lo));
    }
    return resize_int(f, from, to, x);
}

/* ---- float to integer ----------------------------------------------------------------------- */

/* Clamped as floats, which hold both bounds exactly; NaN becomes 0. */
static LV clamp_then_convert(Function *f, LType from, LType to, LV x) {
    LT scalar = unit_scalar_type(f->unit, from.dtype);
    LV lo = unit_const_float(f->unit, scalar, from.lanes, (double)dtype_min(to.dtype));
    LV hi = unit_const_float(f->unit, scalar, from.lanes, (double)dtype_max(to.dtype));
    LV zero = LLVMConstNull(LLVMTypeOf(x));
    LV number = LLVMBuildFCmp(f->b, LLVMRealORD, x, x, "");
    x = LLVMBuildSelect(f->b, number, x, zero, "");
    x = LLVMBuildSelect(f->b, LLVMBuildFCmp(f->b, LLVMRealOLT, x, hi, ""), x, hi, "");
    x = LLVMBuildSelect(f->b, LLVMBuildFCmp(f->b, LLVMRealOGT, x, lo, ""), x, lo, "");
    LV i = LLVMBuildFPToSI(f->b, x, unit_vector(f->unit->i32, from.lanes), "");
    return LLVMBuildIntCast2(f->b, i, unit_type(f->unit, to), true, "");
}

static LV float_to_int(Function *f, LCast mode, LType from, LType to, LV x) {
    x = plain_float(f, from, x, &from);
    if (mode == CAST_SATURATE_ROUND) x = emit_round_even(f, x);
    int exact_bits = from.dtype == DT_f32 ? 24 : 53;
    if (dtype_bits(to.dtype) <= exact_bits && dtype_bits(to.dtype) <= 32) {
        return clamp_then_convert(f, from, to, x);
    }
    LT types[] = {unit_type(f->unit, to), LLVMTypeOf(x)};
    return emit_intrinsic(f->unit, f->b, "llvm.fptosi.sat", 2, types, 1, &x);
}

LV emit_cast(Function *f, LCast mode, LType from, LType to, LV x) {
    if (from.dtype == to.dtype && mode != CAST_SATURATE_ROUND) return x;
    bool from_float = dtype_is_float(from.dtype), to_float = dtype_is_float(to.dtype);
    if (to.dtype == DT_bool) return to_bool(f, from, x);
    if (from.dtype == DT_bool && !to_float) {
        return LLVMBuildZExt(f->b, x, unit_type(f->unit, to), "");
    }
    if (from_float && to_float) return float_to_float(f, from, to, x);
    if (from_float) return float_to_int(f, mode, from, to, x);
    return to_float ? int_to_float(f, from, to, x) : int_to_int(f, mode, from, to, x);
}
