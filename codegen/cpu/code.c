#include "codegen/cpu/code.h"

#include <string.h>

Code code_begin(Unit *unit, LV function) {
    Code c = {.unit = unit, .function = function, .b = LLVMCreateBuilderInContext(unit->context)};
    LLVMPositionBuilderAtEnd(c.b, LLVMAppendBasicBlockInContext(unit->context, function, ""));
    return c;
}

void code_end(Code *c) {
    LLVMDisposeBuilder(c->b);
}

LV code_param(const Code *c, unsigned index) {
    return LLVMGetParam(c->function, index);
}

LV code_address(Code *c, LV base, int64_t offset) {
    LV at = unit_int(c->unit, offset);
    return offset == 0 ? base : LLVMBuildGEP2(c->b, c->unit->i8, base, &at, 1, "");
}

LV code_load(Code *c, LT type, LV base, int64_t offset) {
    return LLVMBuildLoad2(c->b, type, code_address(c, base, offset), "");
}

void code_store(Code *c, LV value, LV base, int64_t offset) {
    LLVMBuildStore(c->b, value, code_address(c, base, offset));
}

LV code_text(Unit *unit, const char *text) {
    text = intern(unit->texts, text);
    LV known = ptrmap_find(&unit->text_values, text);
    if (known) return known;
    size_t length = strlen(text);
    LV value = LLVMConstStringInContext2(unit->context, text, length, false);
    LV global = LLVMAddGlobal(unit->module, LLVMTypeOf(value), "text");
    LLVMSetInitializer(global, value);
    LLVMSetGlobalConstant(global, true);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
    LLVMSetAlignment(global, 1);
    ptrmap_set(&unit->text_values, text, global);
    return global;
}

LV code_is_null(Code *c, LV pointer) {
    return LLVMBuildIsNull(c->b, pointer, "");
}

LV code_misaligned(Code *c, LV pointer, int64_t alignment) {
    LV bits = LLVMBuildPtrToInt(c->b, pointer, c->unit->i64, "");
    LV low = LLVMBuildAnd(c->b, bits, unit_int(c->unit, alignment - 1), "");
    return LLVMBuildICmp(c->b, LLVMIntNE, low, unit_int(c->unit, 0), "");
}

LV code_status(const Unit *unit, nn_status status) {
    return LLVMConstInt(unit->i32, (uint64_t)status, false);
}

/* log(log_data, message), if there is a log. */
static void call_log(Code *c, LV message) {
    Unit *unit = c->unit;
    LV log = code_load(c, unit->ptr, c->options, offsetof(nn_options, log));
    LLVMBasicBlockRef yes = LLVMAppendBasicBlockInContext(unit->context, c->function, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(unit->context, c->function, "");
    LLVMBuildCondBr(c->b, code_is_null(c, log), after, yes);
    LLVMPositionBuilderAtEnd(c->b, yes);
    LV args[] = {code_load(c, unit->ptr, c->options, offsetof(nn_options, log_data)), message};
    LT type = LLVMFunctionType(unit->none, (LT[]){unit->ptr, unit->ptr}, 2, false);
    LLVMBuildCall2(c->b, type, log, args, 2, "");
    LLVMBuildBr(c->b, after);
    LLVMPositionBuilderAtEnd(c->b, after);
}

static void fail_with(Code *c, LV condition, LV status, LV message) {
    LLVMBasicBlockRef bad = LLVMAppendBasicBlockInContext(c->unit->context, c->function, "");
    LLVMBasicBlockRef good = LLVMAppendBasicBlockInContext(c->unit->context, c->function, "");
    LLVMBuildCondBr(c->b, condition, bad, good);
    LLVMPositionBuilderAtEnd(c->b, bad);
    if (c->context) code_store(c, message, c->context, CTX_MESSAGE);
    if (c->options) call_log(c, message);
    LLVMBuildRet(c->b, status);
    LLVMPositionBuilderAtEnd(c->b, good);
}

void code_fail_if(Code *c, LV condition, nn_status status, const char *message) {
    fail_with(c, condition, code_status(c->unit, status), code_text(c->unit, message));
}

void code_note(Code *c, LV condition, nn_status status, const char *message) {
    Check check = {condition, status, message};
    vec_push(c->unit->arena, &c->checks, check);
}

/* The first of these checks that failed decides. */
static void fail_if_any(Code *c, const Check *checks, size_t count) {
    LV status = code_status(c->unit, NN_OK), message = code_text(c->unit, "");
    for (size_t i = count; i-- > 0;) {
        LV own_status = code_status(c->unit, checks[i].status);
        LV own_message = code_text(c->unit, checks[i].message);
        status = LLVMBuildSelect(c->b, checks[i].failed, own_status, status, "");
        message = LLVMBuildSelect(c->b, checks[i].failed, own_message, message, "");
    }
    LV failed = LLVMBuildICmp(c->b, LLVMIntNE, status, code_status(c->unit, NN_OK), "");
    fail_with(c, failed, status, message);
}

/* A few checks share a branch; a network of hundreds of inputs does not become one chain of
 * selects, for which LLVM takes more than linear time. */
void code_fail_if_noted(Code *c) {
    enum { SHARED = 8 };
    for (size_t i = 0; i < c->checks.len; i += SHARED) {
        size_t rest = c->checks.len - i;
        fail_if_any(c, &c->checks.data[i], rest < SHARED ? rest : SHARED);
    }
    c->checks.len = 0;
}

LV code_call(Code *c, LV function, int nargs, const LV *args) {
    LV values[8];
    require(nargs <= 8);
    for (int i = 0; i < nargs; i++) values[i] = args[i];
    return LLVMBuildCall2(c->b, LLVMGlobalGetValueType(function), function, values, (unsigned)nargs,
                          "");
}

LV code_alignment_up(DimEmitter *e, LV bytes) {
    LV sum = dim_checked_add(e, bytes, unit_int(e->unit, 63));
    return LLVMBuildAnd(e->b, sum, unit_int(e->unit, -64), "");
}
