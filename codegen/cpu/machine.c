#include "codegen/cpu/machine.h"

#include <llvm-c/Core.h>
#include <string.h>

typedef struct CpuRow {
    CpuArch arch;
    const char *name;
    uint64_t has;
} CpuRow;

typedef struct FeatureRow {
    CpuArch arch;
    const char *name;
    uint64_t implies, required;
} FeatureRow;

#define CPU_FEATURE(id, arch, name, implies, bit) {ARCH_##arch, name, implies, bit},
static const FeatureRow feature_table[CPU_FEATURE_COUNT] = {
#include "codegen/cpu/features.def"
};

#define CPU(arch, name, has) {ARCH_##arch, name, has},
static const CpuRow cpu_table[] = {
#include "codegen/cpu/cpus.def"
};

/* What an architecture's ABI takes for granted; without it plain arithmetic would become calls. */
static const struct ArchRow {
    const char *name;
    const char *features, *abi;
} arch_table[ARCH_COUNT] = {
    [ARCH_X86_64] = {"x86_64", "", ""},
    [ARCH_AARCH64] = {"aarch64", "", ""},
    [ARCH_RISCV64] = {"riscv64", "+m,+a,+f,+d,+c", "lp64d"},
};

/* ---- feature sets --------------------------------------------------------------------------- */

/* Features of a set together with all that they bring along. */
static uint64_t closure(uint64_t has) {
    for (int i = CPU_FEATURE_COUNT - 1; i >= 0; i--) {
        if (has >> i & 1) has |= feature_table[i].implies; /* rows imply earlier rows only */
    }
    return has;
}

static uint64_t without(uint64_t has, int feature) {
    uint64_t gone = UINT64_C(1) << feature;
    for (int i = feature + 1; i < CPU_FEATURE_COUNT; i++) {
        if (feature_table[i].implies & gone) gone |= UINT64_C(1) << i;
    }
    return has & ~gone;
}

static int feature_find(CpuArch arch, const char *name, size_t length) {
    for (int i = 0; i < CPU_FEATURE_COUNT; i++) {
        const FeatureRow *row = &feature_table[i];
        if (row->arch == arch && strlen(row->name) == length &&
            memcmp(row->name, name, length) == 0) {
            return i;
        }
    }
    return -1;
}

/* Applies "+a,-b" to a set; names that decide nothing here are LLVM's business. False where an item
 * has no sign. */
static bool apply_features(CpuArch arch, const char *text, uint64_t *has) {
    while (*text) {
        size_t length = strcspn(text, ",");
        if (length < 2 || (text[0] != '+' && text[0] != '-')) return false;
        int feature = feature_find(arch, text + 1, length - 1);
        if (feature >= 0 && text[0] == '+') *has = closure(*has | UINT64_C(1) << feature);
        if (feature >= 0 && text[0] == '-') *has = without(*has, feature);
        text += length + (text[length] == ',');
    }
    return true;
}

uint64_t cpu_required_bits(const CpuMachine *machine) {
    uint64_t bits = 0;
    for (int i = 0; i < CPU_FEATURE_COUNT; i++) {
        if (machine->has >> i & 1) bits |= feature_table[i].required;
    }
    bits &= ~(NN_CPU_AMX_TILE | NN_CPU_AMX_INT8 | NN_CPU_AMX_BF16);
    if (cpu_has(machine, HAS_SSE41)) bits |= NN_CPU_X86_64_V2;
    if (cpu_has(machine, HAS_AVX2 | HAS_FMA | HAS_F16C)) bits |= NN_CPU_X86_64_V3;
    if (cpu_has(machine, HAS_AVX512F | HAS_AVX512BW | HAS_AVX512DQ | HAS_AVX512VL)) {
        bits |= NN_CPU_X86_64_V4;
    }
    return bits;
}

/* ---- options -------------------------------------------------------------------------------- */

static bool arch_of_triple(const char *triple, CpuArch *arch) {
    size_t length = strcspn(triple, "-");
    static const struct {
        const char *name;
        CpuArch arch;
    } names[] = {{"x86_64", ARCH_X86_64},
                 {"amd64", ARCH_X86_64},
                 {"aarch64", ARCH_AARCH64},
                 {"arm64", ARCH_AARCH64},
                 {"riscv64", ARCH_RISCV64}};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (strlen(names[i].name) == length && memcmp(names[i].name, triple, length) == 0) {
            *arch = names[i].arch;
            return true;
        }
    }
    return false;
}

static char *take_message(Arena *arena, char *message) {
    char *copy = arena_strdup(arena, message);
    LLVMDisposeMessage(message);
    return copy;
}

static bool read_triple(const char *given, CpuMachine *machine, Arena *arena, Diag *diag) {
    machine->triple = take_message(arena, given ? LLVMNormalizeTargetTriple(given)
                                                : LLVMGetDefaultTargetTriple());
    if (!arch_of_triple(machine->triple, &machine->arch)) {
        diag_error(diag, (Span){0}, "cannot compile for the triple '%s'", machine->triple);
        diag_note(diag, (Span){0},
                  "triples begin with x86_64, aarch64 or riscv64, such as "
                  "aarch64-linux-gnu");
        return false;
    }
    if (strstr(machine->triple, "windows") || strstr(machine->triple, "darwin") ||
        strstr(machine->triple, "macos") || strstr(machine->triple, "x32") ||
        strstr(machine->triple, "ilp32")) {
        diag_error(diag, (Span){0}, "cannot compile for the triple '%s'", machine->triple);
        diag_note(diag, (Span){0}, "objects are written in ELF form with 64-bit pointers only");
        return false;
    }
    return true;
}

static const CpuRow *cpu_find(const char *name, CpuArch arch, bool any_arch) {
    for (size_t i = 0; i < COUNT_OF(cpu_table); i++) {
        if ((any_arch || cpu_table[i].arch == arch) && strcmp(cpu_table[i].name, name) == 0) {
            return &cpu_table[i];
        }
    }
    return NULL;
}

static void unknown_cpu(const char *name, CpuArch arch, Diag *diag) {
    const CpuRow *other = cpu_find(name, arch, true);
    diag_error(diag, (Span){0}, "unknown processor '%s' for %s", name, arch_table[arch].name);
    if (other) {
        diag_note(diag, (Span){0}, "it is a processor of %s; add -mtriple=%s-linux-gnu",
                  arch_table[other->arch].name, arch_table[other->arch].name);
        return;
    }
    const char *names[COUNT_OF(cpu_table)];
    size_t count = 0;
    StrBuf all = {0};
    for (size_t i = 0; i < COUNT_OF(cpu_table); i++) {
        if (cpu_table[i].arch != arch) continue;
        str_printf(&all, "%s%s", count ? ", " : "", cpu_table[i].name);
        names[count++] = cpu_table[i].name;
    }
    const char *near = diag_suggest(name, names, count);
    if (near) diag_note(diag, (Span){0}, "did you mean '%s'?", near);
    diag_note(diag, (Span){0}, "known: native, %s", str_text(&all));
    str_free(&all);
}

static bool read_host(CpuMachine *machine, Arena *arena) {
    machine->native = true;
    machine->cpu = take_message(arena, LLVMGetHostCPUName());
    machine->features = take_message(arena, LLVMGetHostCPUFeatures());
    return apply_features(machine->arch, machine->features, &machine->has);
}

static const char *join_features(Arena *arena, const char *a, const char *b) {
    return arena_printf(arena, "%s%s%s", a, *a && *b ? "," : "", b);
}

void cpu_drop_refused_tiles(CpuMachine *machine, uint64_t granted, Arena *arena) {
    static const char without_tiles[] = "-amx-tile,-amx-int8,-amx-bf16";
    if (!cpu_has(machine, HAS_AMX_TILE) || granted & NN_CPU_AMX_TILE) return;
    machine->features = join_features(arena, machine->features, without_tiles);
    require(apply_features(machine->arch, without_tiles, &machine->has));
}

/* NN_CPU_* bits as a program here would see them. */
static uint64_t granted_here(void) {
    nn_options options;
    uint64_t bits = 0;
    if (nn_default_options(1, &options) == NN_OK) {
        bits = options.cpu_features;
        nn_release_options(&options);
    }
    return bits;
}

static bool read_cpu(const TargetOptions *options, CpuMachine *machine, Arena *arena, Diag *diag) {
    const char *name = options->cpu;
    CpuArch host = ARCH_COUNT;
    char *host_triple = LLVMGetDefaultTargetTriple();
    bool host_known = arch_of_triple(host_triple, &host);
    LLVMDisposeMessage(host_triple);
    if (name ? strcmp(name, "native") == 0 : !options->triple) {
        if (!host_known || host != machine->arch) {
            diag_error(diag, (Span){0}, "-mcpu=native does not go with the triple '%s'",
                       machine->triple);
            return false;
        }
        require(read_host(machine, arena));
        if (cpu_has(machine, HAS_AMX_TILE)) cpu_drop_refused_tiles(machine, granted_here(), arena);
    } else {
        const CpuRow *row = NULL;
        for (size_t i = 0; i < COUNT_OF(cpu_table) && !row && !name; i++) {
            if (cpu_table[i].arch == machine->arch) row = &cpu_table[i];
        }
        if (name) row = cpu_find(name, machine->arch, false);
        if (!row) return unknown_cpu(name, machine->arch, diag), false;
        machine->cpu = row->name;
        machine->has = closure(row->has);
        machine->features = "";
    }
    return true;
}

/* Leaves of the processor what NN_CPU_* bits tell of: a level of x86-64, and features beyond the
 * highest that have a bit of their own. */
static void keep_checked(CpuMachine *machine, Arena *arena) {
    static const struct {
        const char *cpu;
        uint64_t bit;
    } levels[] = {{"x86-64-v4", NN_CPU_X86_64_V4},
                  {"x86-64-v3", NN_CPU_X86_64_V3},
                  {"x86-64-v2", NN_CPU_X86_64_V2},
                  {"x86-64", 0}};
    uint64_t bits = cpu_required_bits(machine), has = machine->has;
    size_t level = 0;
    while ((bits & levels[level].bit) != levels[level].bit) level++;
    machine->cpu = levels[level].cpu;
    machine->has = closure(cpu_find(machine->cpu, ARCH_X86_64, false)->has);
    StrBuf features = {0};
    for (int i = 0; i < CPU_FEATURE_COUNT && level == 0; i++) {
        if (!(has >> i & 1) || !feature_table[i].required) continue;
        str_printf(&features, "%s+%s", features.len ? "," : "", feature_table[i].name);
        machine->has = closure(machine->has | UINT64_C(1) << i);
    }
    machine->features = arena_strdup(arena, str_text(&features));
    str_free(&features);
}

bool cpu_machine(const TargetOptions *options, CpuMachine *machine, Arena *arena, Diag *diag) {
    *machine = (CpuMachine){0};
    if (!read_triple(options->triple, machine, arena, diag)) return false;
    if (!read_cpu(options, machine, arena, diag)) return false;
    const struct ArchRow *arch = &arch_table[machine->arch];
    machine->abi = arch->abi;
    machine->text = machine->cpu;
    if (options->checked_features && machine->arch == ARCH_X86_64) keep_checked(machine, arena);
    machine->features = join_features(arena, arch->features, machine->features);
    const char *given = options->features ? options->features : "";
    if (!cpu_check_features(machine->arch, given, arena, diag)) return false;
    require(apply_features(machine->arch, given, &machine->has));
    if (*given) {
        machine->features = join_features(arena, machine->features, given);
        machine->text = arena_printf(arena, "%s %s", machine->cpu, given);
    }
    /* LLVM 19 cannot select comparisons of scalars then. */
    if (*given && cpu_has(machine, HAS_AVX512F) && !cpu_has(machine, HAS_AVX512VL)) {
        diag_error(diag, (Span){0}, "-mattr=%s: 'avx512f' needs 'avx512vl' too", given);
        return false;
    }
    if (machine->arch == ARCH_AARCH64 && !cpu_has(machine, HAS_NEON)) {
        diag_error(diag, (Span){0}, "-mattr=%s: aarch64 code needs the feature 'neon'", given);
        return false;
    }
    return true;
}

bool cpu_runs_here(const CpuMachine *machine, Arena *arena, Diag *diag) {
    CpuMachine host;
    TargetOptions here = {0};
    if (!cpu_machine(&here, &host, arena, diag)) return false;
    if (host.arch != machine->arch) {
        diag_error(diag, (Span){0}, "code for %s cannot run on this machine, which is %s",
                   arch_table[machine->arch].name, arch_table[host.arch].name);
        return false;
    }
    uint64_t tiles = HAS_AMX_TILE | HAS_AMX_INT8 | HAS_AMX_BF16;
    uint64_t missing = machine->has & ~host.has & ~tiles;
    if (!missing) return true;
    StrBuf names = {0};
    for (int i = 0; i < CPU_FEATURE_COUNT; i++) {
        if (missing >> i & 1)
            str_printf(&names, "%s%s", names.len ? ", " : "", feature_table[i].name);
    }
    diag_error(diag, (Span){0}, "code for %s cannot run on this machine, which lacks %s",
               machine->text, str_text(&names));
    str_free(&names);
    return false;
}
