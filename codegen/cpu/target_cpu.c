/* The cpu target: objects, shared objects, assembly and LLVM IR. */
#include "codegen/cpu/emit.h"

#include <string.h>

static const char *const kinds[] = {"obj", "so", "asm", "llvm", NULL};

/* Bytes of a context, or -1 where symbols decide. What context_bytes of the object returns. */
static int64_t own_context_bytes(const LProgram *program, Arena *arena) {
    AbiSymbols symbols = abi_symbols(program, arena);
    Unit unit = {.symbols = symbols};
    if (symbols.count > 0) return -1;
    int64_t total = ctx_arena(&unit), factor, bytes;
    for (size_t i = 0; i < program->regions.len; i++) {
        const LRegion *region = &program->regions.data[i];
        require(dim_is_int(region->unit, &factor));
        if (!checked_mul(factor, region->bytes, &bytes) || !checked_add(bytes, 63, &bytes) ||
            !checked_add(total, bytes / 64 * 64, &total)) {
            return -1;
        }
    }
    return total;
}

/* The same for all versions: what the greediest needs. */
static int64_t constant_context_bytes(const LProgram *program, const TargetOptions *options,
                                      Arena *arena) {
    const ProgramVersions *versions = options->versions;
    int64_t most = own_context_bytes(program, arena);
    for (size_t i = 0; versions && i < versions->count && most >= 0; i++) {
        int64_t bytes = own_context_bytes(versions->list[i].program, arena);
        if (bytes < 0 || bytes > most) most = bytes;
    }
    return most;
}

static void add_header(const LProgram *program, const char *machines, const TargetOptions *options,
                       const char *path, Artifacts *artifacts) {
    Arena *arena = artifacts->arena;
    StrBuf text = {0};
    AbiTarget target = {.text = arena_printf(arena, "cpu, %s", machines),
                        .context_bytes = constant_context_bytes(program, options, arena)};
    abi_header(program, options->prefix, &target, &text);
    size_t size = text.len;
    vec_push(arena, &artifacts->files,
             output_file(path_with_extension(arena, path, ".h"),
                         arena_strndup(arena, str_text(&text), size), size, 0666));
    str_free(&text);
}

static bool compile(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                    const CpuMachine *machine, const char *kind, Arena *arena, ObjectCode *code,
                    Diag *diag) {
    bool loadable = strcmp(kind, "so") == 0;
    CodeKind format = strcmp(kind, "asm") == 0    ? CODE_ASSEMBLY
                      : strcmp(kind, "llvm") == 0 ? CODE_LLVM
                                                  : CODE_OBJECT;
    if (!cpu_compile(program, desc, options, format, loadable, arena, code, diag)) return false;
    return !loadable || cpu_link(code, machine, arena, code, diag);
}

static bool emit(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 const char *kind, const char *path, Artifacts *artifacts, Diag *diag) {
    Arena *arena = artifacts->arena;
    CpuMachine machine;
    Unit unit = {.arena = arena, .program = program, .desc = desc, .options = options};
    if (!cpu_machine(options, &machine, arena, diag) || !versions_make(&unit, arena, diag))
        return false;
    bool is_text = strcmp(kind, "asm") == 0 || strcmp(kind, "llvm") == 0;
    bool to_stdout = strcmp(path, "-") == 0;
    if (options->external_weights && to_stdout) {
        diag_error(diag, (Span){0},
                   "-weights-out=external needs -o FILE to name the weights' file");
        return false;
    }
    ObjectCode code;
    if (!compile(program, desc, options, &machine, kind, arena, &code, diag)) return false;
    OutputFile file =
        output_file(path, code.data, code.size, strcmp(kind, "so") == 0 ? 0777 : 0666);
    file.parts = code.parts;
    file.nparts = code.nparts;
    vec_push(arena, &artifacts->files, file);
    if (strcmp(kind, "obj") == 0 && !to_stdout) {
        add_header(program, versions_text(&unit), options, path, artifacts);
    }
    if (options->external_weights && !is_text) {
        const char *weights_path = path_with_extension(arena, path, ".weights");
        vec_push(arena, &artifacts->files,
                 abi_weight_file(unit.weights_of, options->source_hash, weights_path, arena));
    }
    return true;
}

const Target target_cpu = {
    .name = "cpu",
    .help = "processors: x86-64, aarch64, riscv64 (an object and a header)",
    .emit_kinds = kinds,
    .describe = cpu_describe,
    .levels = cpu_levels,
    .emit = emit,
    .load = cpu_load,
    .probe = cpu_probe,
};
