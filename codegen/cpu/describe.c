/* What plans and passes may know of a processor, and the line that `nnc devices` prints. */
#define _GNU_SOURCE
#include "codegen/cpu/machine.h"

#include <llvm-c/Core.h>
#include <llvm-c/Target.h>
#include <string.h>
#include <unistd.h>

/* Where the machine cannot be asked: the usual caches of servers today, and enough cores that
 * kernels are split. */
enum { DEFAULT_L1 = 32 << 10, DEFAULT_L2 = 1 << 20, DEFAULT_CORES = 8 };

/* Cycles that a loop should take before it is worth another thread's time. Meeting one that is
 * awake takes half a microsecond, waking it ten. */
enum { PARALLEL_THRESHOLD = 8000 };

/* One packed form for every level of x86-64, of which an object may hold several. */
enum { PANEL_LANES = 16 };

/* Fmas that a core of x86-64 starts per cycle, but for those below. */
enum { FMA_PORTS = 2 };

static int64_t ask_system(int name, int64_t fallback) {
    long value = sysconf(name);
    return value > 0 ? value : fallback;
}

/* AMX: tmm0 to tmm7, sixteen rows of 64 bytes (palette 1, the only one there is). */
enum { TILE_REGISTERS = 8, TILE_ROWS = 16, TILE_ROW_BYTES = 64 };

/* Processors that start one fma per cycle of vectors that wide, where others start two: AMD's in two
 * halves, Intel's client cores with both narrower units together. */
static const struct {
    const char *cpu;
    int vector_bits;
} single_fma[] = {
    {"znver1", 256},         {"znver4", 512},    {"cannonlake", 512},
    {"icelake-client", 512}, {"tigerlake", 512}, {"rocketlake", 512},
};

static int x86_fma_ports(const char *cpu, int vector_bits) {
    for (size_t i = 0; i < COUNT_OF(single_fma); i++)
        if (vector_bits == single_fma[i].vector_bits && strcmp(single_fma[i].cpu, cpu) == 0)
            return 1;
    return FMA_PORTS;
}

static void describe_x86(const CpuMachine *machine, TargetDesc *desc) {
    bool wide = cpu_has(machine, HAS_AVX512BW | HAS_AVX512DQ | HAS_AVX512VL);
    desc->vector_bits = wide ? 512 : cpu_has(machine, HAS_AVX2) ? 256 : 128;
    desc->panel_lanes = PANEL_LANES;
    desc->vector_registers = wide ? 32 : 16;
    desc->masked_tails = wide;
    desc->broadcast_operand = wide;
    desc->fma = cpu_has(machine, HAS_FMA);
    desc->fma_ports = x86_fma_ports(machine->cpu, desc->vector_bits);
    desc->narrow_fma_ports = FMA_PORTS;
    desc->vnni = cpu_has(machine, wide ? HAS_AVX512VNNI : HAS_AVXVNNI);
    desc->bf16_dot = wide && cpu_has(machine, HAS_AVX512BF16);
    desc->amx_int8 = wide && cpu_has(machine, HAS_AMX_TILE | HAS_AMX_INT8);
    desc->amx_bf16 = wide && cpu_has(machine, HAS_AMX_TILE | HAS_AMX_BF16);
    if (!desc->amx_int8 && !desc->amx_bf16) return;
    desc->tiles.registers = TILE_REGISTERS;
    desc->tiles.rows = TILE_ROWS;
    desc->tiles.row_bytes = TILE_ROW_BYTES;
}

static void describe_aarch64(const CpuMachine *machine, TargetDesc *desc) {
    (void)machine;
    desc->vector_bits = 128;
    desc->vector_registers = 32;
    desc->fma = true;
    desc->fma_ports = 2;
}

/* The vector extension is used through vectors of 128 bits, which every implementation of V holds.
 */
static void describe_riscv64(const CpuMachine *machine, TargetDesc *desc) {
    desc->vector_bits = cpu_has(machine, HAS_RVV) ? 128 : 0;
    desc->vector_registers = 32;
    desc->fma = true;
    desc->fma_ports = 1;
}

static void (*const describe_arch[ARCH_COUNT])(const CpuMachine *, TargetDesc *) = {
    [ARCH_X86_64] = describe_x86,
    [ARCH_AARCH64] = describe_aarch64,
    [ARCH_RISCV64] = describe_riscv64,
};

bool cpu_describe(const TargetOptions *options, TargetDesc *desc, Arena *arena, Diag *diag) {
    CpuMachine machine;
    if (options->device) {
        diag_error(diag, (Span){0},
                   "target cpu has one device; -mcpu and -mtriple choose another, not -device=%s",
                   options->device);
        return false;
    }
    if (!cpu_machine(options, &machine, arena, diag)) return false;
    *desc = (TargetDesc){
        .name = machine.text,
        .l1_bytes = DEFAULT_L1,
        .l2_bytes = DEFAULT_L2,
        .cores = DEFAULT_CORES,
        .multi_stage = true,
        .parallel_threshold = PARALLEL_THRESHOLD,
    };
    describe_arch[machine.arch](&machine, desc);
    if (machine.native) {
        desc->l1_bytes = ask_system(_SC_LEVEL1_DCACHE_SIZE, DEFAULT_L1);
        desc->l2_bytes = ask_system(_SC_LEVEL2_CACHE_SIZE, DEFAULT_L2);
        desc->cores = (int)ask_system(_SC_NPROCESSORS_ONLN, 1);
    }
    return true;
}

bool cpu_probe(StrBuf *line) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    CpuMachine machine;
    TargetDesc desc;
    TargetOptions here = {0};
    bool ok = cpu_machine(&here, &machine, arena, diag) && cpu_describe(&here, &desc, arena, diag);
    if (ok) {
        str_printf(line, "cpu: %s, %d cores, %d-bit vectors", machine.cpu, desc.cores,
                   desc.vector_bits);
        if (desc.fma) str_append(line, ", fma");
        if (desc.vnni) str_append(line, ", int8 dot products");
        if (desc.bf16_dot) str_append(line, ", bf16 dot products");
        if (desc.amx_int8) str_append(line, ", int8 tiles");
        if (desc.amx_bf16) str_append(line, ", bf16 tiles");
        str_printf(line, ", %lld KiB L1, %lld KiB L2", (long long)(desc.l1_bytes >> 10),
                   (long long)(desc.l2_bytes >> 10));
    }
    arena_destroy(arena);
    return ok;
}

/* ---- LLVM ----------------------------------------------------------------------------------- */

void cpu_initialize_llvm(void) {
#define INITIALIZE(name)                                                                           \
    do {                                                                                           \
        LLVMInitialize##name##TargetInfo();                                                        \
        LLVMInitialize##name##Target();                                                            \
        LLVMInitialize##name##TargetMC();                                                          \
        LLVMInitialize##name##AsmPrinter();                                                        \
    } while (0)
    INITIALIZE(X86);
    INITIALIZE(AArch64);
    INITIALIZE(RISCV);
#undef INITIALIZE
}

LLVMTargetMachineRef cpu_target_machine(const CpuMachine *machine, int level) {
    static const LLVMCodeGenOptLevel levels[] = {LLVMCodeGenLevelNone, LLVMCodeGenLevelLess,
                                                 LLVMCodeGenLevelDefault,
                                                 LLVMCodeGenLevelAggressive};
    LLVMTargetRef target;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(machine->triple, &target, &message)) {
        die("LLVM has no target for '%s': %s", machine->triple, message);
    }
    LLVMTargetMachineOptionsRef options = LLVMCreateTargetMachineOptions();
    LLVMTargetMachineOptionsSetCPU(options, machine->cpu);
    LLVMTargetMachineOptionsSetFeatures(options, machine->features);
    if (*machine->abi) LLVMTargetMachineOptionsSetABI(options, machine->abi);
    LLVMTargetMachineOptionsSetCodeGenOptLevel(options, levels[level]);
    LLVMTargetMachineOptionsSetRelocMode(options, LLVMRelocPIC);
    LLVMTargetMachineRef result =
        LLVMCreateTargetMachineWithOptions(target, machine->triple, options);
    LLVMDisposeTargetMachineOptions(options);
    require(result);
    return result;
}
