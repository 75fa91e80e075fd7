/* Running a program in this process: the plan that would be written, handed over in memory.
 *
 * A network's functions get no argument that says which network they are of, so each loaded one
 * needs functions of its own. They are made by LLVM, which nnc has anyway: calls of nn_plan_* with
 * the addresses of network and plan filled in. */
#include "codegen/opencl/opencl.h"

#include <llvm-c/Core.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Target.h>
#include <stdlib.h>
#include <string.h>

typedef struct Loaded {
    Arena *arena;
    OpenclNetwork network;
    LLVMOrcLLJITRef jit;
} Loaded;

static void unload(void *handle) {
    Loaded *loaded = handle;
    if (loaded->jit) {
        LLVMErrorRef error = LLVMOrcDisposeLLJIT(loaded->jit);
        if (error) LLVMConsumeError(error);
    }
    arena_destroy(loaded->arena);
}

static bool failed(LLVMErrorRef error, Diag *diag) {
    if (!error) return false;
    char *message = LLVMGetErrorMessage(error);
    diag_error(diag, (Span){0}, "cannot load the network: %s", message);
    LLVMDisposeErrorMessage(message);
    return true;
}

/* ---- functions with the network filled in ---------------------------------------------------- */

/* name(arguments...) returns target(network, plan, arguments...). */
typedef struct Closure {
    const char *name;
    void (*target)(void);
    int arguments;     /* one letter each below */
    const char *types; /* result, then arguments: p pointer, s size, i 32 bits */
} Closure;

static const Closure closures[] = {
    {"context_bytes", (void (*)(void))nn_plan_context_bytes, 1, "sp"},
    {"init", (void (*)(void))nn_plan_init, 4, "ipspp"},
    {"create", (void (*)(void))nn_plan_create, 2, "ipp"},
};

static LLVMTypeRef type_of(LLVMContextRef context, char letter) {
    if (letter == 'p') return LLVMPointerTypeInContext(context, 0);
    return letter == 's' ? LLVMInt64TypeInContext(context) : LLVMInt32TypeInContext(context);
}

static LLVMValueRef address(LLVMContextRef context, uintptr_t value) {
    LLVMValueRef number = LLVMConstInt(LLVMInt64TypeInContext(context), value, false);
    return LLVMConstIntToPtr(number, LLVMPointerTypeInContext(context, 0));
}

static void add_closure(LLVMModuleRef module, const Closure *closure, const Loaded *loaded) {
    enum { MOST = 8 };
    LLVMContextRef context = LLVMGetModuleContext(module);
    LLVMTypeRef types[MOST], result = type_of(context, closure->types[0]);
    LLVMValueRef args[MOST];
    types[0] = types[1] = type_of(context, 'p');
    for (int i = 0; i < closure->arguments; i++) {
        types[i + 2] = type_of(context, closure->types[i + 1]);
    }
    LLVMTypeRef own = LLVMFunctionType(result, types + 2, (unsigned)closure->arguments, false);
    LLVMValueRef function = LLVMAddFunction(module, closure->name, own);
    args[0] = address(context, (uintptr_t)&loaded->network.network);
    args[1] = address(context, (uintptr_t)&loaded->network.plan);
    for (int i = 0; i < closure->arguments; i++) args[i + 2] = LLVMGetParam(function, (unsigned)i);
    LLVMBuilderRef b = LLVMCreateBuilderInContext(context);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(context, function, ""));
    unsigned count = (unsigned)closure->arguments + 2;
    LLVMTypeRef called = LLVMFunctionType(result, types, count, false);
    LLVMValueRef target = address(context, (uintptr_t)closure->target);
    LLVMBuildRet(b, LLVMBuildCall2(b, called, target, args, count, ""));
    LLVMDisposeBuilder(b);
}

static bool find_function(Loaded *loaded, const char *name, void *function, Diag *diag) {
    LLVMOrcExecutorAddress found;
    if (failed(LLVMOrcLLJITLookup(loaded->jit, &found, name), diag)) return false;
    memcpy(function, &found, sizeof found);
    return true;
}

static bool make_functions(Loaded *loaded, Diag *diag) {
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    if (failed(LLVMOrcCreateLLJIT(&loaded->jit, NULL), diag)) return false;
    LLVMOrcThreadSafeContextRef shared = LLVMOrcCreateNewThreadSafeContext();
    LLVMContextRef context = LLVMOrcThreadSafeContextGetContext(shared);
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("network", context);
    for (size_t i = 0; i < COUNT_OF(closures); i++) add_closure(module, &closures[i], loaded);
    LLVMOrcThreadSafeModuleRef owned = LLVMOrcCreateNewThreadSafeModule(module, shared);
    LLVMOrcDisposeThreadSafeContext(shared);
    LLVMErrorRef error =
        LLVMOrcLLJITAddLLVMIRModule(loaded->jit, LLVMOrcLLJITGetMainJITDylib(loaded->jit), owned);
    nn_network *network = &loaded->network.network;
    return !failed(error, diag) &&
           find_function(loaded, "context_bytes", &network->context_bytes, diag) &&
           find_function(loaded, "init", &network->init, diag) &&
           find_function(loaded, "create", &network->create, diag);
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void observe(nn_context *context, const StepHook *hook) {
    nn_plan_observe(context, hook->mark, hook->data);
}

/* ---- loading --------------------------------------------------------------------------------- */

bool opencl_load(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 LoadedNetwork *result, Diag *diag) {
    Arena *arena = arena_create();
    Loaded *loaded = arena_new(arena, Loaded);
    loaded->arena = arena;
    *result = (LoadedNetwork){0};
    opencl_build(program, desc, options, arena, &loaded->network);
    size_t bytes;
    loaded->network.plan.weights = program_weights(program, arena, &bytes);
    nn_network *network = &loaded->network.network;
    network->run = nn_plan_run;
    network->destroy = nn_plan_destroy;
    network->message = nn_plan_message;
    const char *reason = "";
    if (nn_plan_check(&loaded->network.plan, network, &reason) != NN_OK) {
        die("a launch plan that its interpreter refuses: %s", reason);
    }
    if (!make_functions(loaded, diag)) {
        unload(loaded);
        return false;
    }
    *result = (LoadedNetwork){.network = network,
                              .handle = loaded,
                              .unload = unload,
                              .code_bytes = loaded->network.plan.source_bytes,
                              .step_count = loaded->network.plan.launch_count,
                              .step_calls = loaded->network.launch_calls,
                              .observe = observe};
    return true;
}
