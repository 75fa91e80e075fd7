/* A program to object code, assembly or LLVM IR. */
#define _GNU_SOURCE
#include "codegen/cpu/emit.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Target.h>
#include <llvm-c/Transforms/PassBuilder.h>
#include <stdlib.h>
#include <string.h>

/* What a network's stack_bytes adds to the frames: return addresses, and memcpy and its like, which
 * are leaves. */
enum { STACK_SLACK = 512 };

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

static void emit_version(Unit *unit, size_t number) {
    unit_use(unit, number);
    const LProgram *program = unit->program;
    /* Expansion makes new variables; the caller's program keeps its count. */
    LProgram copy = *program;
    LExpandOptions expand = {
        .vectors = true, .unroll = true, .masked_tails = unit->desc->masked_tails};
    Version *version = &unit->versions[number];
    version->kernels = arena_array(unit->arena, LV, program->kernels.len + 1);
    unit->uses_tiles = false;
    for (size_t i = 0; i < program->kernels.len; i++) {
        version->kernels[i] =
            emit_kernel(unit, lkernel_expand(&copy, program->kernels.data[i], &expand));
    }
    version->uses_tiles = unit->uses_tiles;
}

static void emit_module(Unit *unit, uint64_t stack_bytes, bool loadable) {
    bool uses_tiles = false;
    for (size_t v = 0; v < unit->nversions; v++) {
        emit_version(unit, v);
        uses_tiles = uses_tiles || unit->uses_tiles;
    }
    unit->uses_tiles = uses_tiles;
    unit_use(unit, 0);
    emit_entry_points(unit, stack_bytes, loadable);
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

/* ---- frames --------------------------------------------------------------------------------- */

/* Most bytes of stack of any one function, by the part it plays. */
typedef struct Frames {
    const char *prefix;
    int depth;              /* of calls */
    uint64_t entry, kernel; /* of the interface's functions; of kernels, their parts and tasks */
    StrBuf complaints;
} Frames;

static uint64_t number_in(const char *text, const char *before) {
    const char *at = strstr(text, before);
    return at ? strtoull(at + strlen(before), NULL, 10) : 0;
}

/* "stack frame size (N) exceeds limit (0) in function 'name'": asked for by unit_function. */
static void on_diagnostic(LLVMDiagnosticInfoRef info, void *data) {
    Frames *frames = data;
    char *text = LLVMGetDiagInfoDescription(info);
    const char *name = strstr(text, "in function '");
    if (strncmp(text, "stack frame size", 16) == 0 && name) {
        uint64_t bytes = number_in(text, "stack frame size (");
        size_t length = strlen(frames->prefix);
        name += strlen("in function '");
        bool is_kernel = strncmp(name, frames->prefix, length) == 0 && name[length] == '.';
        uint64_t *most = is_kernel ? &frames->kernel : &frames->entry;
        if (bytes > *most) *most = bytes;
    } else if (LLVMGetDiagInfoSeverity(info) == LLVMDSError) {
        str_printf(&frames->complaints, "%s\n", text);
    }
    LLVMDisposeMessage(text);
}

/* A run calls a kernel, the kernel a part of it; a task of another thread calls a part. create
 * calls init calls context_bytes. With several versions run first calls that of one. */
static uint64_t stack_of(const Frames *frames) {
    return (uint64_t)frames->depth *
               (frames->entry > frames->kernel ? frames->entry : frames->kernel) +
           STACK_SLACK;
}

/* ---- code generation ------------------------------------------------------------------------ */

static ObjectCode generate(LLVMModuleRef module, LLVMTargetMachineRef machine,
                           LLVMCodeGenFileType kind, Arena *arena, Frames *frames) {
    char *message = NULL;
    LLVMMemoryBufferRef buffer = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, kind, &message, &buffer)) {
        die("LLVM code generation: %s", message);
    }
    if (frames->complaints.len > 0) die("LLVM code generation: %s", str_text(&frames->complaints));
    ObjectCode code = {.size = LLVMGetBufferSize(buffer)};
    uint8_t *copy = arena_alloc(arena, code.size + 1);
    memcpy(copy, LLVMGetBufferStart(buffer), code.size);
    LLVMDisposeMemoryBuffer(buffer);
    code.data = copy;
    return code;
}

/* stack_bytes is known only when the object is there. Until then the table holds a number that must
 * be found exactly once in the object, which has no weights yet. */
static uint64_t choose_marker(void) {
    return hash_bytes("stack_bytes", 11, 0) | UINT64_C(1) << 63;
}

static void patch_marker(ObjectCode *code, uint64_t marker, uint64_t value) {
    uint8_t *base = (uint8_t *)(uintptr_t)code->data;
    uint8_t *at = memmem(base, code->size, &marker, sizeof marker);
    require(at);
    size_t after = (size_t)(at - base) + sizeof marker;
    require(!memmem(base + after, code->size - after, &marker, sizeof marker));
    memcpy(at, &value, sizeof value);
}

/* Text has no fixed width for the number: the object is made from a copy first, then the module is
 * set right. */
static void set_marker(Unit *unit, const char *table, uint64_t marker, uint64_t value) {
    LV global = LLVMGetNamedGlobal(unit->module, table);
    require(global);
    LV old = LLVMGetInitializer(global);
    unsigned count = (unsigned)LLVMGetNumOperands(old);
    LV *members = arena_array(unit->arena, LV, count);
    for (unsigned i = 0; i < count; i++) {
        members[i] = LLVMGetOperand(old, i);
        if (LLVMIsAConstantInt(members[i]) && LLVMConstIntGetZExtValue(members[i]) == marker) {
            members[i] = unit_int(unit, (int64_t)value);
        }
    }
    LLVMSetInitializer(global, LLVMConstStructInContext(unit->context, members, count, false));
}

static ObjectCode generate_kind(Unit *unit, LLVMTargetMachineRef machine, CodeKind kind,
                                bool loadable, uint64_t marker, Arena *arena) {
    Frames frames = {.prefix = unit->options->prefix, .depth = unit->nversions > 1 ? 4 : 3};
    LLVMContextSetDiagnosticHandler(unit->context, on_diagnostic, &frames);
    ObjectCode code;
    if (kind == CODE_OBJECT) {
        code = generate(unit->module, machine, LLVMObjectFile, arena, &frames);
        patch_marker(&code, marker, stack_of(&frames));
        if (unit->has_weights) object_add_weights(&code, unit->weights_of, arena);
    } else {
        LLVMModuleRef copy = LLVMCloneModule(unit->module);
        generate(copy, machine, LLVMObjectFile, unit->arena, &frames);
        LLVMDisposeModule(copy);
        set_marker(unit, loadable ? NN_ENTRY_SYMBOL : "network", marker, stack_of(&frames));
        if (kind == CODE_ASSEMBLY) {
            code = generate(unit->module, machine, LLVMAssemblyFile, arena, &frames);
        } else {
            char *text = LLVMPrintModuleToString(unit->module);
            code = (ObjectCode){.data = (const uint8_t *)arena_strdup(arena, text),
                                .size = strlen(text)};
            LLVMDisposeMessage(text);
        }
    }
    str_free(&frames.complaints);
    return code;
}

/* More than this does not fit the small code model together with the code. */
static bool check_weights(const LProgram *program, const TargetOptions *options, Diag *diag) {
    const int64_t most = (INT64_C(1) << 31) - (INT64_C(1) << 27);
    if (options->external_weights || program->weight_bytes <= most) return true;
    diag_error(diag, (Span){0}, "%lld MiB of weights are too many for an object file",
               (long long)(program->weight_bytes >> 20));
    diag_note(diag, (Span){0}, "-weights-out=external puts them into a file of their own");
    return false;
}

static void close_unit(Unit *unit, LLVMTargetMachineRef target) {
    LLVMDisposeModule(unit->module);
    LLVMContextDispose(unit->context);
    LLVMDisposeTargetMachine(target);
}

static void compile_unit(Unit *unit, CodeKind kind, bool loadable, Arena *arena, ObjectCode *code) {
    int level = unit->options->opt_level;
    require(level >= 0 && level <= 3);
    LLVMTargetMachineRef target = cpu_target_machine(unit->machine, level);
    uint64_t marker = choose_marker();
    open_unit(unit, target);
    emit_module(unit, marker, loadable);
    if (unit->uses_tiles && level < 2) {
        /* Unoptimized, the tile configuration would be reloaded for every operation. */
        level = 2;
        LLVMDisposeTargetMachine(target);
        target = cpu_target_machine(unit->machine, level);
    }
    optimize(unit, target, level);
    *code = generate_kind(unit, target, kind, loadable, marker, arena);
    close_unit(unit, target);
}

bool cpu_compile(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 CodeKind kind, bool loadable, Arena *arena, ObjectCode *code, Diag *diag) {
    Arena *scratch = arena_create();
    size_t weight_bytes;
    Unit unit = {.arena = scratch,
                 .program = program,
                 .desc = desc,
                 .options = options,
                 .symbols = abi_symbols(program, scratch),
                 .texts = interner_create(scratch),
                 .text_values = {.arena = scratch}};
    bool ok = versions_make(&unit, scratch, diag) && check_weights(program, options, diag);
    if (ok) {
        unit.has_weights = !options->external_weights && program->weight_bytes > 0;
        if (unit.has_weights && kind != CODE_OBJECT) {
            unit.weights = program_weights(unit.weights_of, scratch, &weight_bytes);
        }
        compile_unit(&unit, kind, loadable, arena, code);
    }
    arena_destroy(scratch);
    return ok;
}
