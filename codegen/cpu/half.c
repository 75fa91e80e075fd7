/* 16-bit floats by integer arithmetic where the processor has no instruction, bit for bit as
 * ir/dtype.h. */
#include "codegen/cpu/emit.h"

typedef struct Words {
    Function *f;
    LT i32, f32, i16; /* vectors of the value's lanes */
    int lanes;
} Words;

static Words words_of(Function *f, int lanes) {
    const Unit *u = f->unit;
    return (Words){f, unit_vector(u->i32, lanes), unit_vector(u->f32, lanes),
                   unit_vector(u->i16, lanes), lanes};
}

static LV word(const Words *w, uint32_t value) {
    return unit_splat(LLVMConstInt(w->f->unit->i32, value, false), w->lanes);
}

/* F16C converts on x86, and every aarch64 has fcvt. */
static bool has_f16_instructions(const Function *f) {
    const CpuMachine *machine = f->unit->machine;
    return machine->arch == ARCH_AARCH64 || cpu_has(machine, HAS_F16C);
}

static LT half_type(const Function *f, int lanes) {
    return unit_vector(LLVMHalfTypeInContext(f->unit->context), lanes);
}

/* ---- to f32 --------------------------------------------------------------------------------- */

/* The exponent is moved by adding; subnormals are normalized by a subtraction of the bias as a
 * float. */
static LV f16_to_word(const Words *w, LV half) {
    LLVMBuilderRef b = w->f->b;
    LV h = LLVMBuildZExt(b, half, w->i32, "");
    LV magnitude = LLVMBuildShl(b, LLVMBuildAnd(b, h, word(w, 0x7FFF), ""), word(w, 13), "");
    LV exponent = LLVMBuildAnd(b, magnitude, word(w, 0x7C00u << 13), "");
    LV moved = LLVMBuildAdd(b, magnitude, word(w, (127 - 15) << 23), "");
    LV special = LLVMBuildAdd(b, moved, word(w, (128 - 16) << 23), "");
    LV least = LLVMBuildAdd(b, moved, word(w, 1 << 23), "");
    LV bias = LLVMConstBitCast(word(w, 113 << 23), w->f32);
    LV tiny = LLVMBuildFSub(b, LLVMBuildBitCast(b, least, w->f32, ""), bias, "");
    LV is_special = LLVMBuildICmp(b, LLVMIntEQ, exponent, word(w, 0x7C00u << 13), "");
    LV is_tiny = LLVMBuildICmp(b, LLVMIntEQ, exponent, word(w, 0), "");
    LV result = LLVMBuildSelect(b, is_special, special, moved, "");
    result = LLVMBuildSelect(b, is_tiny, LLVMBuildBitCast(b, tiny, w->i32, ""), result, "");
    LV sign = LLVMBuildShl(b, LLVMBuildAnd(b, h, word(w, 0x8000), ""), word(w, 16), "");
    return LLVMBuildOr(b, result, sign, "");
}

LV emit_widen16(Function *f, LType type, LV x) {
    Words w = words_of(f, type.lanes);
    if (type.dtype == DT_f16 && has_f16_instructions(f)) {
        LV half = LLVMBuildBitCast(f->b, x, half_type(f, type.lanes), "");
        return LLVMBuildFPExt(f->b, half, w.f32, "");
    }
    LV bits = type.dtype == DT_f16
                  ? f16_to_word(&w, x)
                  : LLVMBuildShl(f->b, LLVMBuildZExt(f->b, x, w.i32, ""), word(&w, 16), "");
    return LLVMBuildBitCast(f->b, bits, w.f32, "");
}

/* ---- from f32 ------------------------------------------------------------------------------- */

static LV f32_to_bf16_bits(const Words *w, LV x) {
    LLVMBuilderRef b = w->f->b;
    LV bits = LLVMBuildBitCast(b, x, w->i32, "");
    LV top = LLVMBuildLShr(b, bits, word(w, 16), "");
    LV odd = LLVMBuildAnd(b, top, word(w, 1), "");
    LV rounding = LLVMBuildAdd(b, odd, word(w, 0x7FFF), "");
    LV rounded = LLVMBuildLShr(b, LLVMBuildAdd(b, bits, rounding, ""), word(w, 16), "");
    LV quiet = LLVMBuildOr(b, top, word(w, 0x40), "");
    LV is_nan = LLVMBuildFCmp(b, LLVMRealUNO, x, x, "");
    return LLVMBuildTrunc(b, LLVMBuildSelect(b, is_nan, quiet, rounded, ""), w->i16, "");
}

/* The instruction takes subnormal numbers as 0, which programs allow that compute in bf16 by choice.
 * Null where there is none for that many lanes. */
static const char *bf16_rounding(const Function *f, int lanes) {
    const CpuMachine *machine = f->unit->machine;
    bool narrow = cpu_has(machine, HAS_AVX512VL);
    if (!f->unit->options->bf16 || !cpu_has(machine, HAS_AVX512BF16)) return NULL;
    if (lanes == 16) return "llvm.x86.avx512bf16.cvtneps2bf16.512";
    return lanes == 8 && narrow ? "llvm.x86.avx512bf16.cvtneps2bf16.256" : NULL;
}

static LV f32_to_f16_bits(const Words *w, LV x) {
    LLVMBuilderRef b = w->f->b;
    LV bits = LLVMBuildBitCast(b, x, w->i32, "");
    LV magnitude = LLVMBuildAnd(b, bits, word(w, 0x7FFFFFFF), "");
    LV sign = LLVMBuildAnd(b, LLVMBuildLShr(b, bits, word(w, 16), ""), word(w, 0x8000), "");
    /* Normal results: the exponent moves down, then rounding may carry into it. */
    LV odd = LLVMBuildAnd(b, LLVMBuildLShr(b, magnitude, word(w, 13), ""), word(w, 1), "");
    LV normal = LLVMBuildAdd(b, magnitude, word(w, ((15u - 127u) << 23) + 0xFFF), "");
    normal = LLVMBuildLShr(b, LLVMBuildAdd(b, normal, odd, ""), word(w, 13), "");
    /* Subnormal results: adding 0.5 lets the processor round at the right place. */
    LV half = word(w, 126 << 23);
    LV sum = LLVMBuildFAdd(b, LLVMBuildBitCast(b, magnitude, w->f32, ""),
                           LLVMConstBitCast(half, w->f32), "");
    LV tiny = LLVMBuildSub(b, LLVMBuildBitCast(b, sum, w->i32, ""), half, "");
    LV payload = LLVMBuildAnd(b, LLVMBuildLShr(b, magnitude, word(w, 13), ""), word(w, 0x3FF), "");
    LV quiet = LLVMBuildOr(b, payload, word(w, 0x7E00), "");
    LV is_nan = LLVMBuildICmp(b, LLVMIntUGT, magnitude, word(w, 0x7F800000), "");
    LV too_large = LLVMBuildICmp(b, LLVMIntUGE, magnitude, word(w, 0x47800000), "");
    LV is_tiny = LLVMBuildICmp(b, LLVMIntULT, magnitude, word(w, 0x38800000), "");
    LV result = LLVMBuildSelect(b, is_tiny, tiny, normal, "");
    result = LLVMBuildSelect(b, too_large, word(w, 0x7C00), result, "");
    result = LLVMBuildSelect(b, is_nan, quiet, result, "");
    return LLVMBuildTrunc(b, LLVMBuildOr(b, result, sign, ""), w->i16, "");
}

/* f64 to f32 rounded to odd: a second rounding to a 16-bit float is then the only one that counts.
 */
static LV f64_to_odd_f32(const Words *w, LV x) {
    LLVMBuilderRef b = w->f->b;
    LV near = LLVMBuildFPTrunc(b, x, w->f32, "");
    LV back = LLVMBuildFPExt(b, near, LLVMTypeOf(x), "");
    LV bits = LLVMBuildBitCast(b, near, w->i32, "");
    LV size_x = emit_intrinsic1(w->f, "llvm.fabs", x);
    LV size_back = emit_intrinsic1(w->f, "llvm.fabs", back);
    LV away = LLVMBuildFCmp(b, LLVMRealOGT, size_back, size_x, "");
    LV inexact = LLVMBuildFCmp(b, LLVMRealONE, back, x, "");
    LV toward_zero = LLVMBuildSub(b, bits, LLVMBuildZExt(b, away, w->i32, ""), "");
    LV odd = LLVMBuildOr(b, toward_zero, LLVMBuildZExt(b, inexact, w->i32, ""), "");
    return LLVMBuildBitCast(b, odd, w->f32, "");
}

LV emit_narrow16(Function *f, LType type, LV x) {
    Words w = words_of(f, type.lanes);
    LT from = LLVMTypeOf(x);
    if (from != w.f32) x = f64_to_odd_f32(&w, x);
    const char *rounding = type.dtype == DT_bf16 ? bf16_rounding(f, type.lanes) : NULL;
    if (rounding)
        return emit_bits(f, emit_intrinsic(f->unit, f->b, rounding, 0, NULL, 1, &x), w.i16);
    if (type.dtype == DT_bf16) return f32_to_bf16_bits(&w, x);
    if (!has_f16_instructions(f)) return f32_to_f16_bits(&w, x);
    LV half = LLVMBuildFPTrunc(f->b, x, half_type(f, type.lanes), "");
    return LLVMBuildBitCast(f->b, half, w.i16, "");
}
