/* The processor that code is made for: what the options say, and what follows from it. */
#ifndef NNC_CODEGEN_CPU_MACHINE_H
#define NNC_CODEGEN_CPU_MACHINE_H

#include "codegen/target.h"
#include <llvm-c/TargetMachine.h>

typedef enum CpuArch { ARCH_X86_64, ARCH_AARCH64, ARCH_RISCV64, ARCH_COUNT } CpuArch;

/* Features that decide how code is emitted; the names are LLVM's. */
typedef enum CpuFeature {
#define CPU_FEATURE(id, arch, name, implies, bit) FEATURE_##id##_NUMBER,
#include "codegen/cpu/features.def"
    CPU_FEATURE_COUNT
} CpuFeature;

/* Sets of features are made of these. */
typedef enum CpuFeatureBit {
#define CPU_FEATURE(id, arch, name, implies, bit) HAS_##id = 1 << FEATURE_##id##_NUMBER,
#include "codegen/cpu/features.def"
} CpuFeatureBit;

typedef struct CpuMachine {
    CpuArch arch;
    const char *triple, *cpu, *features; /* as LLVM gets them */
    const char *abi;                     /* of the calling convention; "" for the default */
    const char *text;                    /* "x86-64-v3": for people */
    uint64_t has;                        /* HAS_* bits */
    bool native;                         /* this machine, so that it may be asked for its caches */
} CpuMachine;

static inline bool cpu_has(const CpuMachine *machine, uint64_t bits) {
    return (machine->has & bits) == bits;
}

/* Reads -mtriple, -mcpu and -mattr. A fault of theirs is a diagnostic. */
bool cpu_machine(const TargetOptions *options, CpuMachine *machine, Arena *arena, Diag *diag);
/* Whether a list such as "+avx2,-fma" names features of LLVM's; if not, a diagnostic. */
bool cpu_check_features(CpuArch arch, const char *given, Arena *arena, Diag *diag);
/* Takes matrix tiles from a machine that has them where NN_CPU_* bits do not grant them: a system may
 * keep a process from using what the processor has. cpu_machine does so for this machine. */
void cpu_drop_refused_tiles(CpuMachine *machine, uint64_t granted, Arena *arena);
/* Whether code for the machine can run in this process; if not, a diagnostic says what is missing.
 * Matrix tiles are not looked at: init refuses them where they are used and cannot be. */
bool cpu_runs_here(const CpuMachine *machine, Arena *arena, Diag *diag);
/* -multiversion: see Target. */
bool cpu_levels(const TargetOptions *options, const char *text, Arena *arena, const char ***cpus,
                size_t *count, Diag *diag);
bool cpu_describe(const TargetOptions *options, TargetDesc *desc, Arena *arena, Diag *diag);
bool cpu_probe(StrBuf *line);
/* NN_CPU_* bits of a machine's features, matrix tiles left out (they count where they are used). */
uint64_t cpu_required_bits(const CpuMachine *machine);

/* Registers LLVM's back ends, once is enough and more does no harm; while no other thread is in
 * LLVM. */
void cpu_initialize_llvm(void);
/* After that; from any thread. */
LLVMTargetMachineRef cpu_target_machine(const CpuMachine *machine, int level);

#endif
