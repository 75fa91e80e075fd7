/* Matrix tiles (AMX) and dot products of groups of lanes. */
#include "codegen/cpu/emit.h"

#include <string.h>

LT tile_type(const Unit *unit) {
    return LLVMX86AMXTypeInContext(unit->context);
}

/* ---- tiles ---------------------------------------------------------------------------------- */

static LV shape(const Unit *unit, int value) {
    return LLVMConstInt(unit->i16, (uint64_t)value, false);
}

static int row_bytes(LType type) {
    return type.lanes * dtype_bits(type.dtype) / 8;
}

static void check_tile(Function *f, LType type) {
    if (!cpu_has(f->unit->machine, HAS_AMX_TILE)) {
        die("kernel %s: this processor has no tiles", f->kernel->name);
    }
    require(type.rows >= 1 && type.rows <= 16 && row_bytes(type) <= 64);
}

LV emit_tile_zero(Function *f, LType type) {
    check_tile(f, type);
    LV args[] = {shape(f->unit, type.rows), shape(f->unit, row_bytes(type))};
    return emit_intrinsic(f->unit, f->b, "llvm.x86.tilezero.internal", 0, NULL, 2, args);
}

/* Rows are `stride` elements apart; the instruction counts bytes. */
static LV stride_bytes(Function *f, LX stride, DType dtype) {
    LV bytes = unit_int(f->unit, (int64_t)dtype_bytes(dtype));
    return LLVMBuildNSWMul(f->b, emit_expr(f, stride), bytes, "");
}

LV emit_tile_load(Function *f, LX x) {
    check_tile(f, x->type);
    LV address = emit_element_address(f, x->buffer, x->args);
    LV args[] = {shape(f->unit, x->type.rows), shape(f->unit, row_bytes(x->type)), address,
                 stride_bytes(f, x->args[x->buffer->rank], x->buffer->elem.dtype)};
    return emit_intrinsic(f->unit, f->b, "llvm.x86.tileloadd64.internal", 0, NULL, 4, args);
}

void emit_tile_store(Function *f, const LStmt *s) {
    LType type = s->value->type;
    check_tile(f, type);
    LV address = emit_element_address(f, s->buffer, s->index);
    LV stride = stride_bytes(f, s->stride, s->buffer->elem.dtype);
    LV args[] = {shape(f->unit, type.rows), shape(f->unit, row_bytes(type)), address, stride,
                 emit_expr(f, s->value)};
    emit_intrinsic(f->unit, f->b, "llvm.x86.tilestored64.internal", 0, NULL, 5, args);
}

static const char *tile_dot_name(Function *f, LType a, LType b) {
    if (a.dtype == DT_bf16 && b.dtype == DT_bf16) return "llvm.x86.tdpbf16ps.internal";
    if (a.dtype == DT_i8 && b.dtype == DT_i8) return "llvm.x86.tdpbssd.internal";
    if (a.dtype == DT_i8 && b.dtype == DT_u8) return "llvm.x86.tdpbsud.internal";
    if (a.dtype == DT_u8 && b.dtype == DT_i8) return "llvm.x86.tdpbusd.internal";
    if (a.dtype == DT_u8 && b.dtype == DT_u8) return "llvm.x86.tdpbuud.internal";
    die("kernel %s: no product of %s and %s tiles", f->kernel->name, dtype_name(a.dtype),
        dtype_name(b.dtype));
}

LV emit_tile_dot(Function *f, LX x) {
    LType a = x->args[1]->type, b = x->args[2]->type;
    check_tile(f, x->type);
    LV accumulator = emit_expr(f, x->args[0]);
    LV left = emit_expr(f, x->args[1]), right = emit_expr(f, x->args[2]);
    LV args[] = {shape(f->unit, x->type.rows),
                 shape(f->unit, row_bytes(x->type)),
                 shape(f->unit, row_bytes(a)),
                 accumulator,
                 left,
                 right};
    return emit_intrinsic(f->unit, f->b, tile_dot_name(f, a, b), 0, NULL, 6, args);
}

/* ---- dot products --------------------------------------------------------------------------- */

/* Every group's k-th lane. */
static LV strided_lanes(Function *f, LV x, int first, int step, int count) {
    LV map[MAX_LANES];
    if (count == 1) return LLVMBuildExtractElement(f->b, x, unit_int(f->unit, first), "");
    for (int i = 0; i < count; i++) {
        map[i] = LLVMConstInt(f->unit->i32, (uint64_t)(first + i * step), false);
    }
    return LLVMBuildShuffleVector(f->b, x, LLVMGetPoison(LLVMTypeOf(x)),
                                  LLVMConstVector(map, (unsigned)count), "");
}

/* Widened products added one after the other: what every processor can do. */
static LV dot_by_parts(Function *f, LX x, LV accumulator, LV a, LV b) {
    LType result = x->type, of_a = x->args[1]->type, of_b = x->args[2]->type;
    int group = of_a.lanes / result.lanes;
    for (int k = 0; k < group; k++) {
        LV left = strided_lanes(f, a, k, group, result.lanes);
        LV right = strided_lanes(f, b, k, group, result.lanes);
        left = emit_cast(f, CAST_VALUE, ltype(of_a.dtype, result.lanes), result, left);
        right = emit_cast(f, CAST_VALUE, ltype(of_b.dtype, result.lanes), result, right);
        accumulator = emit_fma(f, result, left, right, accumulator);
    }
    return accumulator;
}

/* The instruction's name for the vector width, or null. */
static const char *dot_intrinsic(Function *f, LX x) {
    DType a = x->args[1]->type.dtype, b = x->args[2]->type.dtype;
    const CpuMachine *machine = f->unit->machine;
    static const char *const vnni[] = {"llvm.x86.avx512.vpdpbusd.128",
                                       "llvm.x86.avx512.vpdpbusd.256",
                                       "llvm.x86.avx512.vpdpbusd.512"};
    static const char *const bf16[] = {"llvm.x86.avx512bf16.dpbf16ps.128",
                                       "llvm.x86.avx512bf16.dpbf16ps.256",
                                       "llvm.x86.avx512bf16.dpbf16ps.512"};
    int width = x->type.lanes == 4 ? 0 : x->type.lanes == 8 ? 1 : x->type.lanes == 16 ? 2 : -1;
    if (width < 0) return NULL;
    bool short_ones = width == 2 || cpu_has(machine, HAS_AVX512VL);
    bool has_vnni = (cpu_has(machine, HAS_AVX512VNNI) && short_ones) ||
                    (width < 2 && cpu_has(machine, HAS_AVXVNNI));
    if (a == DT_u8 && b == DT_i8 && has_vnni) return vnni[width];
    if (a == DT_bf16 && b == DT_bf16 && cpu_has(machine, HAS_AVX512BF16) && short_ones) {
        return bf16[width];
    }
    return NULL;
}

LV emit_dot(Function *f, LX x, LV accumulator, LV a, LV b) {
    const char *name = dot_intrinsic(f, x);
    if (!name) return dot_by_parts(f, x, accumulator, a, b);
    LT operand = LLVMTypeOf(accumulator);
    if (x->args[1]->type.dtype == DT_bf16) {
        operand = LLVMVectorType(LLVMBFloatTypeInContext(f->unit->context),
                                 (unsigned)x->args[1]->type.lanes);
    }
    LV args[] = {accumulator, emit_bits(f, a, operand), emit_bits(f, b, operand)};
    return emit_intrinsic(f->unit, f->b, name, 0, NULL, 3, args);
}
