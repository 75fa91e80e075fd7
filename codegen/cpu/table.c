/* The nn_network of a module, and which of its functions the outside sees. */
#include "codegen/cpu/code.h"

#include <string.h>

/* ---- constants ------------------------------------------------------------------------------ */

static LV i32_const(const Unit *unit, uint64_t value) {
    return LLVMConstInt(unit->i32, value, false);
}

static LV text_const(Unit *unit, const char *text) {
    return code_text(unit, text);
}

static LV private_array(Unit *unit, LT element, const LV *values, size_t count) {
    if (count == 0) return LLVMConstNull(unit->ptr);
    LV *copy = arena_array(unit->arena, LV, count);
    for (size_t i = 0; i < count; i++) copy[i] = values[i];
    LV array = LLVMConstArray2(element, copy, count);
    LV global = LLVMAddGlobal(unit->module, LLVMTypeOf(array), "data");
    LLVMSetInitializer(global, array);
    LLVMSetGlobalConstant(global, true);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
    return global;
}

static LV structure(Unit *unit, LV *members, unsigned count) {
    return LLVMConstStructInContext(unit->context, members, count, false);
}

/* nn_expr; an empty code is "unknown". */
static LV expr_const(Unit *unit, const AbiCode *code) {
    LV *values = arena_array(unit->arena, LV, code->code.len + 1);
    for (size_t i = 0; i < code->code.len; i++) values[i] = unit_int(unit, code->code.data[i]);
    LV members[] = {unit_int(unit, (int64_t)code->code.len),
                    private_array(unit, unit->i64, values, code->code.len)};
    return structure(unit, members, 2);
}

static LV dim_const(Unit *unit, Dim dim) {
    AbiCode code = {0};
    if (dim) abi_code_dim(unit->arena, &code, &unit->symbols, dim);
    return expr_const(unit, &code);
}

static LV tensor_const(Unit *unit, const char *name, const TensorType *type) {
    LV dims[NN_MAX_RANK];
    AbiCode none = {0};
    for (int i = 0; i < NN_MAX_RANK; i++) {
        dims[i] = i < type->rank ? dim_const(unit, type->dims[i]) : expr_const(unit, &none);
    }
    LV members[] = {text_const(unit, name), i32_const(unit, abi_type(type->dtype)),
                    i32_const(unit, (uint64_t)type->rank),
                    LLVMConstArray2(LLVMTypeOf(dims[0]), dims, NN_MAX_RANK)};
    LV result = structure(unit, members, 4);
    LLVMTargetDataRef layout = LLVMGetModuleDataLayout(unit->module);
    require(LLVMABISizeOfType(layout, LLVMTypeOf(result)) == sizeof(nn_tensor));
    return result;
}

static LV tensors_const(Unit *unit, int count, const char *const *names, Value *const *values) {
    LV *list = arena_array(unit->arena, LV, (size_t)count + 1);
    for (int i = 0; i < count; i++) list[i] = tensor_const(unit, names[i], &values[i]->type);
    return private_array(unit, count ? LLVMTypeOf(list[0]) : unit->ptr, list, (size_t)count);
}

static LV symbols_const(Unit *unit) {
    LV *names = arena_array(unit->arena, LV, unit->symbols.count + 1);
    for (size_t i = 0; i < unit->symbols.count; i++) {
        names[i] = text_const(unit, unit->symbols.names[i]);
    }
    return private_array(unit, unit->ptr, names, unit->symbols.count);
}

/* Of all calls together; unknown where one kernel's is. */
static LV operations_const(Unit *unit) {
    const LProgram *program = unit->program;
    DimContext *dims = program->module->dims;
    Dim sum = dim_int(dims, 0);
    for (size_t i = 0; i < program->calls.len && sum; i++) {
        sum = dim_add(dims, sum, program->calls.data[i].kernel->flops);
    }
    return dim_const(unit, sum);
}

/* ---- the table ------------------------------------------------------------------------------ */

LV emit_network_table(Unit *unit, const EntryPoints *entry, uint64_t stack_bytes) {
    const LProgram *program = unit->program;
    const Graph *graph = program->graph;
    const LProgram *greatest = unit->versions[unit->nversions - 1].program;
    AbiCode arena_code = versions_arena_code(unit);
    const char *target = arena_printf(unit->arena, "cpu %s", versions_text(unit));
    LV members[] = {
        LLVMConstStringInContext2(unit->context, "nn-net\0\1", 8, true),
        i32_const(unit, NN_ABI_VERSION),
        i32_const(unit, sizeof(nn_network)),
        unit_int(unit, (int64_t)abi_interface_hash(program, unit->options->prefix)),
        unit_int(unit, (int64_t)unit->options->source_hash),
        text_const(unit, graph->name),
        text_const(unit, target),
        text_const(unit, abi_precision(program)),
        i32_const(unit, unit->symbols.count),
        i32_const(unit, (uint64_t)graph->ninputs),
        i32_const(unit, (uint64_t)graph->noutputs),
        i32_const(unit, greatest->kernels.len),
        symbols_const(unit),
        tensors_const(unit, graph->ninputs, graph->input_names, graph->inputs),
        tensors_const(unit, graph->noutputs, graph->output_names, graph->outputs),
        operations_const(unit),
        expr_const(unit, &arena_code),
        unit_int(unit, program->weight_bytes),
        unit_int(unit, (int64_t)stack_bytes),
        unit_int(unit, (int64_t)version_cpu_bits(&unit->versions[0])),
        entry->context_bytes,
        entry->init,
        entry->create,
        entry->run,
        entry->destroy,
        entry->message,
    };
    LV value = structure(unit, members, COUNT_OF(members));
    LLVMTargetDataRef layout = LLVMGetModuleDataLayout(unit->module);
    require(LLVMABISizeOfType(layout, LLVMTypeOf(value)) == sizeof(nn_network));
    LV table = LLVMAddGlobal(unit->module, LLVMTypeOf(value), "network");
    LLVMSetInitializer(table, value);
    LLVMSetGlobalConstant(table, true);
    LLVMSetLinkage(table, LLVMInternalLinkage);
    return table;
}

/* ---- entry points --------------------------------------------------------------------------- */

static LV entry_function(Unit *unit, const char *name, LT result, int nparams, const LT *params,
                         bool loadable) {
    const char *linker_name =
        abi_linker_name(unit->arena, unit->program, unit->options->prefix, name);
    LV function = unit_function(unit, linker_name, result, nparams, params);
    /* init says whether the processor will do; only what runs afterwards may rely on it. */
    if (strcmp(name, "run") != 0 || unit->nversions > 1) unit_any_processor(unit, function);
    if (!loadable) LLVMSetLinkage(function, LLVMExternalLinkage);
    return function;
}

/* One aligned constant that only init names; null where there are none in the object. Text gets
 * them whole, an object gets them when LLVM is done with it. */
static LV emit_weights(Unit *unit) {
    if (!unit->has_weights) return NULL;
    LV value = LLVMConstNull(LLVMArrayType2(unit->i8, WEIGHT_PLACEHOLDER_BYTES));
    if (unit->weights) {
        const char *data = (const char *)unit->weights;
        size_t bytes = (size_t)unit->weights_of->weight_bytes;
        value = LLVMConstStringInContext2(unit->context, data, bytes, true);
    }
    LV weights = LLVMAddGlobal(unit->module, LLVMTypeOf(value), "weights");
    LLVMSetInitializer(weights, value);
    LLVMSetGlobalConstant(weights, true);
    LLVMSetLinkage(weights, LLVMInternalLinkage);
    LLVMSetSection(weights, WEIGHT_SECTION);
    LLVMSetAlignment(weights, 64);
    return weights;
}

void emit_entry_points(Unit *unit, uint64_t stack_bytes, bool loadable) {
    LT p = unit->ptr, i32 = unit->i32, i64 = unit->i64;
    EntryPoints entry = {
        .context_bytes = entry_function(unit, "context_bytes", i64, 1, (LT[]){p}, loadable),
        .init = entry_function(unit, "init", i32, 4, (LT[]){p, i64, p, p}, loadable),
        .create = entry_function(unit, "create", i32, 2, (LT[]){p, p}, loadable),
        .run = entry_function(unit, "run", i32, 2, (LT[]){p, p}, loadable),
        .destroy = entry_function(unit, "destroy", unit->none, 1, (LT[]){p}, loadable),
        .message = entry_function(unit, "message", p, 1, (LT[]){p}, loadable),
    };
    emit_context_functions(unit, &entry, emit_weights(unit));
    if (unit->nversions > 1)
        emit_run_of_versions(unit, entry.run);
    else
        emit_run(unit, entry.run, unit->functions);
    LV table = emit_network_table(unit, &entry, stack_bytes);
    if (loadable) {
        LLVMSetValueName2(table, NN_ENTRY_SYMBOL, strlen(NN_ENTRY_SYMBOL));
        LLVMSetLinkage(table, LLVMExternalLinkage);
        return;
    }
    LV info = entry_function(unit, "info", p, 0, NULL, false);
    Code c = code_begin(unit, info);
    LLVMBuildRet(c.b, table);
    code_end(&c);
}
