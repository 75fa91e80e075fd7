#include "codegen/cpu/overlap.h"

/* Blocks of the two loops: for o in inputs..total, for i in 0..o. */
typedef struct Blocks {
    LLVMBasicBlockRef entry, outer, inner, test, next, apart, meet;
} Blocks;

static LLVMBasicBlockRef block(Unit *unit, LV function) {
    return LLVMAppendBasicBlockInContext(unit->context, function, "");
}

/* Begin of one before the end of the other, both ways. */
static LV emit_meet(Code *c, LV ports, LV o, LV i) {
    LT i64 = c->unit->i64, pair = LLVMArrayType2(i64, 2);
    LV a = LLVMBuildGEP2(c->b, pair, ports, &o, 1, "");
    LV b = LLVMBuildGEP2(c->b, pair, ports, &i, 1, "");
    LV a_begin = code_load(c, i64, a, 0), a_end = code_load(c, i64, a, 8);
    LV b_begin = code_load(c, i64, b, 0), b_end = code_load(c, i64, b, 8);
    return LLVMBuildAnd(c->b, LLVMBuildICmp(c->b, LLVMIntULT, a_begin, b_end, ""),
                        LLVMBuildICmp(c->b, LLVMIntULT, b_begin, a_end, ""), "");
}

LV emit_overlap(Unit *unit) {
    LT params[] = {unit->ptr, unit->i64, unit->i64};
    LV function = unit_function(unit, "overlap", unit->i1, 3, params);
    Code c = code_begin(unit, function);
    Blocks at = {.entry = LLVMGetInsertBlock(c.b), .outer = block(unit, function)};
    at.inner = block(unit, function);
    at.test = block(unit, function);
    at.next = block(unit, function);
    at.apart = block(unit, function);
    at.meet = block(unit, function);
    LV one = unit_int(unit, 1), first = code_param(&c, 1), total = code_param(&c, 2);
    LLVMBuildBr(c.b, at.outer);

    LLVMPositionBuilderAtEnd(c.b, at.outer);
    LV o = LLVMBuildPhi(c.b, unit->i64, "");
    LLVMBuildCondBr(c.b, LLVMBuildICmp(c.b, LLVMIntSLT, o, total, ""), at.inner, at.apart);
    LLVMPositionBuilderAtEnd(c.b, at.inner);
    LV i = LLVMBuildPhi(c.b, unit->i64, "");
    LLVMBuildCondBr(c.b, LLVMBuildICmp(c.b, LLVMIntSLT, i, o, ""), at.test, at.next);
    LLVMPositionBuilderAtEnd(c.b, at.test);
    LV meet = emit_meet(&c, code_param(&c, 0), o, i), next_i = LLVMBuildNSWAdd(c.b, i, one, "");
    LLVMBuildCondBr(c.b, meet, at.meet, at.inner);
    LLVMPositionBuilderAtEnd(c.b, at.next);
    LV next_o = LLVMBuildNSWAdd(c.b, o, one, "");
    LLVMBuildBr(c.b, at.outer);
    LLVMAddIncoming(o, (LV[]){first, next_o}, (LLVMBasicBlockRef[]){at.entry, at.next}, 2);
    LLVMAddIncoming(i, (LV[]){unit_int(unit, 0), next_i}, (LLVMBasicBlockRef[]){at.outer, at.test},
                    2);

    LLVMPositionBuilderAtEnd(c.b, at.apart);
    LLVMBuildRet(c.b, LLVMConstInt(unit->i1, 0, false));
    LLVMPositionBuilderAtEnd(c.b, at.meet);
    LLVMBuildRet(c.b, LLVMConstInt(unit->i1, 1, false));
    code_end(&c);
    return function;
}
