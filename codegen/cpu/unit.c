/* A module under construction: its types and the small builders everything else uses. */
#include "codegen/cpu/emit.h"

#include <string.h>

/* ---- types ---------------------------------------------------------------------------------- */

LT unit_scalar_type(const Unit *unit, DType dtype) {
    switch (dtype) {
    case DT_f32: return unit->f32;
    case DT_f64: return unit->f64;
    case DT_f16:
    case DT_bf16: return unit->i16;
    case DT_bool: return unit->i1;
    case DT_i4:
    case DT_u4: return unit->i8;
    default: return LLVMIntTypeInContext(unit->context, (unsigned)dtype_bits(dtype));
    }
}

LT unit_memory_type(const Unit *unit, DType dtype) {
    return dtype == DT_bool ? unit->i8 : unit_scalar_type(unit, dtype);
}

LT unit_vector(LT element, int lanes) {
    return lanes > 1 ? LLVMVectorType(element, (unsigned)lanes) : element;
}

LT unit_type(const Unit *unit, LType type) {
    if (type.rows > 0) return tile_type(unit);
    return unit_vector(unit_scalar_type(unit, type.dtype), type.lanes);
}

/* ---- constants ------------------------------------------------------------------------------ */

LV unit_int(const Unit *unit, int64_t value) {
    return LLVMConstInt(unit->i64, (uint64_t)value, true);
}

LV unit_splat(LV scalar, int lanes) {
    if (lanes <= 1) return scalar;
    LV values[MAX_LANES];
    require(lanes <= MAX_LANES);
    for (int i = 0; i < lanes; i++) values[i] = scalar;
    return LLVMConstVector(values, (unsigned)lanes);
}

LV unit_const(const Unit *unit, LType type, int64_t value) {
    LT scalar = unit_scalar_type(unit, type.dtype);
    return unit_splat(LLVMConstInt(scalar, (uint64_t)value, true), type.lanes);
}

LV unit_const_float(const Unit *unit, LT scalar, int lanes, double value) {
    (void)unit;
    return unit_splat(LLVMConstReal(scalar, value), lanes);
}

/* ---- functions ------------------------------------------------------------------------------ */

LLVMAttributeRef unit_attribute(const Unit *unit, const char *name, uint64_t value) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    require(kind != 0);
    return LLVMCreateEnumAttribute(unit->context, kind, value);
}

static void add_text_attribute(const Unit *unit, LV function, const char *name, const char *value) {
    LLVMAttributeRef attribute = LLVMCreateStringAttribute(
        unit->context, name, (unsigned)strlen(name), value, (unsigned)strlen(value));
    LLVMAddAttributeAtIndex(function, (unsigned)LLVMAttributeFunctionIndex, attribute);
}

LV unit_function(Unit *unit, const char *name, LT result, int nparams, const LT *params) {
    LT *list = arena_array(unit->arena, LT, (size_t)nparams + 1);
    for (int i = 0; i < nparams; i++) list[i] = params[i];
    LV function = LLVMAddFunction(unit->module, name,
                                  LLVMFunctionType(result, list, (unsigned)nparams, false));
    LLVMSetLinkage(function, LLVMInternalLinkage);
    LLVMAddAttributeAtIndex(function, (unsigned)LLVMAttributeFunctionIndex,
                            unit_attribute(unit, "nounwind", 0));
    /* LLVM reports the frame of every function that exceeds this, which is how stack_bytes is
     * known. */
    add_text_attribute(unit, function, "warn-stack-size", "0");
    if (unit->nversions > 1) { /* otherwise all are as the module is */
        add_text_attribute(unit, function, "target-cpu", unit->machine->cpu);
        add_text_attribute(unit, function, "target-features", unit->machine->features);
    }
    if (unit->machine->arch == ARCH_X86_64 && unit->desc->vector_bits == 512) {
        /* What was scheduled for 512 bits stays there, whatever the processor's tuning prefers. */
        add_text_attribute(unit, function, "prefer-vector-width", "512");
        add_text_attribute(unit, function, "min-legal-vector-width", "512");
    }
    return function;
}

void unit_any_processor(Unit *unit, LV function) {
    if (unit->machine->arch != ARCH_X86_64) return;
    add_text_attribute(unit, function, "target-cpu", "x86-64");
    add_text_attribute(unit, function, "target-features", "");
}

LV emit_intrinsic(Unit *unit, LLVMBuilderRef b, const char *name, int noverloads,
                  const LT *overloads, int nargs, const LV *args) {
    LT types[4];
    LV values[8];
    require(noverloads <= 4 && nargs <= 8);
    for (int i = 0; i < noverloads; i++) types[i] = overloads[i];
    for (int i = 0; i < nargs; i++) values[i] = args[i];
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    if (id == 0) die("LLVM has no intrinsic '%s'", name);
    LV callee = LLVMGetIntrinsicDeclaration(unit->module, id, types, (size_t)noverloads);
    return LLVMBuildCall2(b, LLVMGlobalGetValueType(callee), callee, values, (unsigned)nargs, "");
}

LV emit_intrinsic1(Function *f, const char *name, LV x) {
    LT type = LLVMTypeOf(x);
    return emit_intrinsic(f->unit, f->b, name, 1, &type, 1, &x);
}

LV emit_intrinsic2(Function *f, const char *name, LV x, LV y) {
    LT type = LLVMTypeOf(x);
    return emit_intrinsic(f->unit, f->b, name, 1, &type, 2, (LV[]){x, y});
}

LV emit_splat(Function *f, LV scalar, int lanes) {
    if (lanes <= 1) return scalar;
    if (LLVMIsConstant(scalar)) return unit_splat(scalar, lanes);
    LT vector = LLVMVectorType(LLVMTypeOf(scalar), (unsigned)lanes);
    LV one = LLVMBuildInsertElement(f->b, LLVMGetPoison(vector), scalar, unit_int(f->unit, 0), "");
    LV map = LLVMConstNull(LLVMVectorType(f->unit->i32, (unsigned)lanes));
    return LLVMBuildShuffleVector(f->b, one, LLVMGetPoison(vector), map, "");
}

LV emit_bits(Function *f, LV value, LT to) {
    return LLVMTypeOf(value) == to ? value : LLVMBuildBitCast(f->b, value, to, "");
}
