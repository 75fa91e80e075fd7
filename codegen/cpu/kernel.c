/* Kernels as functions. */
#include "codegen/cpu/emit.h"

Function function_begin(Unit *unit, const LKernel *kernel, LV function) {
    Function f = {.unit = unit, .kernel = kernel, .function = function};
    f.vars.arena = f.buffers.arena = f.dims.arena = f.memo.arena = unit->arena;
    f.context = LLVMGetParam(function, 0);
    f.entry = LLVMCreateBuilderInContext(unit->context);
    f.b = LLVMCreateBuilderInContext(unit->context);
    LLVMPositionBuilderAtEnd(f.entry,
                             LLVMAppendBasicBlockInContext(unit->context, function, "entry"));
    f.body = LLVMAppendBasicBlockInContext(unit->context, function, "body");
    LLVMPositionBuilderAtEnd(f.b, f.body);
    return f;
}

void function_finish(Function *f) {
    LLVMBuildRetVoid(f->b);
    LLVMBuildBr(f->entry, f->body);
    LLVMDisposeBuilder(f->b);
    LLVMDisposeBuilder(f->entry);
}

void mark_pointer_param(Unit *unit, LV function, unsigned index, const LBuffer *buffer) {
    unsigned at = index + 1; /* 0 is the result */
    unsigned align =
        buffer->align > 0 ? (unsigned)buffer->align : (unsigned)dtype_bytes(buffer->elem.dtype);
    LLVMAddAttributeAtIndex(function, at, unit_attribute(unit, "align", align));
    LLVMAddAttributeAtIndex(function, at, unit_attribute(unit, "nocapture", 0));
    if (buffer->no_alias) LLVMAddAttributeAtIndex(function, at, unit_attribute(unit, "noalias", 0));
    if (buffer->access == ACCESS_READ) {
        LLVMAddAttributeAtIndex(function, at, unit_attribute(unit, "readonly", 0));
    }
}

LV declare_kernel(Unit *unit, const LKernel *kernel) {
    LT *params = arena_array(unit->arena, LT, (size_t)kernel->nparams + 1);
    for (int i = 0; i <= kernel->nparams; i++) params[i] = unit->ptr;
    /* The prefix keeps kernels apart from what the C library is called. */
    const char *name = arena_printf(unit->arena, "%s.%s", unit->prefix, kernel->name);
    return unit_function(unit, name, unit->none, kernel->nparams + 1, params);
}

LV emit_kernel(Unit *unit, const LKernel *kernel) {
    LV function = declare_kernel(unit, kernel);
    Function f = function_begin(unit, kernel, function);
    for (int i = 0; i < kernel->nparams; i++) {
        unsigned index = (unsigned)i + 1;
        BufferPlace *place = arena_new(unit->arena, BufferPlace);
        place->slot = -1;
        place->declared = true;
        place->pointer = LLVMGetParam(function, index);
        LLVMSetValueName2(place->pointer, kernel->params[i]->name,
                          __builtin_strlen(kernel->params[i]->name));
        ptrmap_set(&f.buffers, kernel->params[i], place);
        mark_pointer_param(unit, function, index, kernel->params[i]);
    }
    slots_assign(&f, &kernel->body);
    emit_block(&f, &kernel->body);
    function_finish(&f);
    return function;
}
