/* Running a program in this process: the very object that `nnc` would write is handed to LLVM's JIT
 * linker. */
#include "codegen/cpu/emit.h"

#include <llvm-c/LLJIT.h>
#include <string.h>

static bool jit_failed(LLVMErrorRef error, Diag *diag) {
    if (!error) return false;
    char *message = LLVMGetErrorMessage(error);
    diag_error(diag, (Span){0}, "cannot load the generated code: %s", message);
    LLVMDisposeErrorMessage(message);
    return true;
}

static void unload(void *handle) {
    LLVMErrorRef error = LLVMOrcDisposeLLJIT(handle);
    if (error) LLVMConsumeError(error);
}

/* Generated code may use these three of the C library and nothing else. */
static LLVMErrorRef define_memory_functions(LLVMOrcLLJITRef jit, LLVMOrcJITDylibRef library) {
    LLVMOrcCSymbolMapPair pairs[] = {{.Sym.Address = (uint64_t)(uintptr_t)memcpy},
                                     {.Sym.Address = (uint64_t)(uintptr_t)memset},
                                     {.Sym.Address = (uint64_t)(uintptr_t)memmove}};
    static const char *const names[] = {"memcpy", "memset", "memmove"};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        pairs[i].Name = LLVMOrcLLJITMangleAndIntern(jit, names[i]);
        pairs[i].Sym.Flags.GenericFlags =
            LLVMJITSymbolGenericFlagsExported | LLVMJITSymbolGenericFlagsCallable;
    }
    return LLVMOrcJITDylibDefine(library, LLVMOrcAbsoluteSymbols(pairs, COUNT_OF(pairs)));
}

static LLVMMemoryBufferRef object_buffer(const ObjectCode *code, Arena *arena) {
    OutputFile file = {
        .data = code->data, .size = code->size, .parts = code->parts, .nparts = code->nparts};
    file = output_joined(arena, &file);
    return LLVMCreateMemoryBufferWithMemoryRange(file.data, file.size, "network", false);
}

/* buffer is read until this returns. */
static bool link_object(LLVMOrcLLJITRef jit, LLVMMemoryBufferRef buffer, const char *name,
                        LoadedNetwork *loaded, Diag *diag) {
    LLVMOrcJITDylibRef library = LLVMOrcLLJITGetMainJITDylib(jit);
    if (jit_failed(define_memory_functions(jit, library), diag)) return false;
    if (jit_failed(LLVMOrcLLJITAddObjectFile(jit, library, buffer), diag)) return false;
    LLVMOrcExecutorAddress address;
    if (jit_failed(LLVMOrcLLJITLookup(jit, &address, name), diag)) return false;
    const nn_network *(*info)(void);
    memcpy(&info, &address, sizeof info);
    loaded->network = info();
    return true;
}

bool cpu_load(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
              LoadedNetwork *loaded, Diag *diag) {
    Arena *scratch = arena_create();
    ObjectCode code;
    LLVMOrcLLJITRef jit = NULL;
    *loaded = (LoadedNetwork){0};
    CpuMachine machine;
    bool ok = cpu_machine(options, &machine, scratch, diag) &&
              cpu_runs_here(&machine, scratch, diag) &&
              cpu_compile(program, desc, options, CODE_OBJECT, false, scratch, &code, diag) &&
              !jit_failed(LLVMOrcCreateLLJIT(&jit, NULL), diag);
    const char *name = abi_linker_name(scratch, program, options->prefix, "info");
    if (ok && link_object(jit, object_buffer(&code, scratch), name, loaded, diag)) {
        loaded->handle = jit;
        loaded->unload = unload;
        loaded->code_bytes = code.size + (size_t)(code.nparts ? program->weight_bytes : 0);
        loaded->step_count = program->calls.len;
        loaded->in_host_memory = true;
    } else if (jit) {
        unload(jit);
        ok = false;
    }
    arena_destroy(scratch);
    return ok;
}
