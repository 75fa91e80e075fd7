/* Part of a program to object code, assembly or LLVM IR: a module in a context of its own. */
#include "codegen/cpu/emit.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

/* ---- the module ----------------------------------------------------------------------------- */

static void open_unit(Unit *unit, LLVMTargetMachineRef machine) {
    LLVMContextRef context = unit->context = LLVMContextCreate();
    /* The name says nothing of paths: the same input gives the same bytes. */
    unit->module = LLVMModuleCreateWithNameInContext(unit->options->prefix, context);
    size_t length = strlen(unit->options->prefix);
    LLVMSetSourceFileName(unit->module, unit->options->prefix, length);
    LLVMSetTarget(unit->module, unit->machine->triple);
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(unit->module, layout);
    require(LLVMPointerSize(layout) == 8 && LLVMByteOrder(layout) == LLVMLittleEndian);
    LLVMDisposeTargetData(layout);
    unit->i1 = LLVMInt1TypeInContext(context);
    unit->i8 = LLVMInt8TypeInContext(context);
    unit->i16 = LLVMInt16TypeInContext(context);
    unit->i32 = LLVMInt32TypeInContext(context);
    unit->i64 = LLVMInt64TypeInContext(context);
    unit->f32 = LLVMFloatTypeInContext(context);
    unit->f64 = LLVMDoubleTypeInContext(context);
    unit->ptr = LLVMPointerTypeInContext(context, 0);
    unit->none = LLVMVoidTypeInContext(context);
    LLVMMetadataRef pic = LLVMValueAsMetadata(LLVMConstInt(unit->i32, 2, false));
    LLVMAddModuleFlag(unit->module, LLVMModuleFlagBehaviorWarning, "PIC Level", 9, pic);
    if (*unit->machine->abi) {
        const char *abi = unit->machine->abi;
        LLVMMetadataRef text = LLVMMDStringInContext2(context, abi, strlen(abi));
        LLVMAddModuleFlag(unit->module, LLVMModuleFlagBehaviorError, "target-abi", 10, text);
    }
}

static void close_unit(Unit *unit, LLVMTargetMachineRef machine) {
    LLVMDisposeModule(unit->module);
    LLVMContextDispose(unit->context);
    LLVMDisposeTargetMachine(machine);
}

/* Kernels of the part, and for its interface those of the others by name. */
static void emit_kernels(Unit *unit, const CodePart *part) {
    bool is_whole = part->interface && part->end - part->first == unit->nkernels;
    unit->functions = arena_array(unit->arena, LV, unit->nkernels + 1);
    for (size_t i = 0; i < unit->nkernels; i++) {
        bool is_own = i >= part->first && i < part->end;
        if (!is_own && !part->interface) continue;
        const VersionKernel *k = &unit->kernels[i];
        unit_use(unit, k->version);
        LV function = is_own ? emit_kernel(unit, k->kernel) : declare_kernel(unit, k->kernel);
        unit->functions[i] = function;
        if (is_whole) continue;
        LLVMSetLinkage(function, LLVMExternalLinkage);
        LLVMSetVisibility(function, LLVMHiddenVisibility);
    }
    unit_use(unit, 0);
}

static void verify_module(const Unit *unit) {
    char *message = NULL;
    if (LLVMVerifyModule(unit->module, LLVMReturnStatusAction, &message)) {
        die("LLVM refuses the module: %s", message);
    }
    LLVMDisposeMessage(message);
}

/* ---- optimization --------------------------------------------------------------------------- */

/* Cleaning up only: loops were scheduled before, so nothing here vectorizes, unrolls or makes calls
 * out of loops. */
static const char *const pipelines[] = {
    "function(sroa<preserve-cfg>)",
    "function(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>)",
    "function(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,"
    "loop-mssa(licm<allowspeculation>),gvn,instcombine<no-verify-fixpoint>,simplifycfg,"
    "dse,adce,loop-mssa(licm<allowspeculation>),early-cse<memssa>)",
    "function(sroa<modify-cfg>,early-cse<memssa>,simplifycfg,instcombine<no-verify-fixpoint>,"
    "loop-mssa(licm<allowspeculation>),gvn,instcombine<no-verify-fixpoint>,simplifycfg,"
    "dse,adce,loop-mssa(licm<allowspeculation>),early-cse<memssa>)",
};

static void optimize(Unit *unit, LLVMTargetMachineRef machine, int level) {
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMPassBuilderOptionsSetLoopVectorization(options, false);
    LLVMPassBuilderOptionsSetSLPVectorization(options, false);
    LLVMPassBuilderOptionsSetLoopUnrolling(options, false);
    LLVMPassBuilderOptionsSetLoopInterleaving(options, false);
    LLVMErrorRef error = LLVMRunPasses(unit->module, pipelines[level], machine, options);
    if (error) die("LLVM passes: %s", LLVMGetErrorMessage(error));
    LLVMDisposePassBuilderOptions(options);
}

static int level_of(const Unit *unit, const CodePart *part) {
    int level = unit->options->opt_level;
    require(level >= 0 && level <= 3);
    for (size_t i = part->first; i < part->end; i++) {
        /* Unoptimized, the tile configuration would be reloaded for every operation. */
        if (unit->kernels[i].uses_tiles && level < 2) level = 2;
    }
    return level;
}

/* ---- frames --------------------------------------------------------------------------------- */

/* What LLVM says while it makes code. */
typedef struct Listener {
    uint64_t frame_bytes; /* the largest frame */
    StrBuf complaints;
} Listener;

/* "stack frame size (N) exceeds limit (0) in function 'name'": asked for by unit_function. */
static void on_diagnostic(LLVMDiagnosticInfoRef info, void *data) {
    static const char frame[] = "stack frame size (";
    Listener *listener = data;
    char *text = LLVMGetDiagInfoDescription(info);
    if (strncmp(text, frame, sizeof frame - 1) == 0) {
        uint64_t bytes = strtoull(text + sizeof frame - 1, NULL, 10);
        if (bytes > listener->frame_bytes) listener->frame_bytes = bytes;
    } else if (LLVMGetDiagInfoSeverity(info) == LLVMDSError) {
        str_printf(&listener->complaints, "%s\n", text);
    }
    LLVMDisposeMessage(text);
}

/* ---- code generation ------------------------------------------------------------------------ */

static ObjectCode copy_bytes(const char *bytes, size_t size, Arena *arena) {
    uint8_t *copy = arena_alloc(arena, size + 1);
    memcpy(copy, bytes, size);
    return (ObjectCode){.data = copy, .size = size};
}

static ObjectCode generate(Unit *unit, LLVMTargetMachineRef machine, LLVMCodeGenFileType kind,
                           uint64_t *frame_bytes) {
    Listener listener = {0};
    LLVMContextSetDiagnosticHandler(unit->context, on_diagnostic, &listener);
    char *message = NULL;
    LLVMMemoryBufferRef buffer = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, unit->module, kind, &message, &buffer)) {
        die("LLVM code generation: %s", message);
    }
    if (listener.complaints.len > 0)
        die("LLVM code generation: %s", str_text(&listener.complaints));
    str_free(&listener.complaints);
    *frame_bytes = listener.frame_bytes;
    ObjectCode code =
        copy_bytes(LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer), unit->arena);
    LLVMDisposeMemoryBuffer(buffer);
    return code;
}

static ObjectCode print_module(const Unit *unit) {
    char *text = LLVMPrintModuleToString(unit->module);
    ObjectCode code = copy_bytes(text, strlen(text), unit->arena);
    LLVMDisposeMessage(text);
    return code;
}

void part_compile(const Unit *program, CodePart *part, CodeKind kind, bool loadable,
                  uint64_t stack_bytes) {
    Unit unit = *program;
    unit.arena = part->arena;
    unit.texts = interner_create(part->arena);
    unit.text_values = (PtrMap){.arena = part->arena};
    int level = level_of(&unit, part);
    LLVMTargetMachineRef machine = cpu_target_machine(unit.machine, level);
    open_unit(&unit, machine);
    emit_kernels(&unit, part);
    if (part->interface) emit_entry_points(&unit, stack_bytes, loadable);
    verify_module(&unit);
    optimize(&unit, machine, level);
    if (kind == CODE_LLVM) {
        part->code = print_module(&unit);
    } else {
        LLVMCodeGenFileType file = kind == CODE_OBJECT ? LLVMObjectFile : LLVMAssemblyFile;
        part->code = generate(&unit, machine, file, &part->frame_bytes);
    }
    close_unit(&unit, machine);
}
