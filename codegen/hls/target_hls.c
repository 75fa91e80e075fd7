/* The hls target: a folder with a design in C for high-level synthesis, its weights, a testbench
 * with golden data, and scripts for the tools. */
#include <string.h>

#include "codegen/hls/design.h"
#include "codegen/hls/package.h"

static const char *const kinds[] = {"hls", NULL};

static const HlsPart parts[] = {
    {"xc7z020", "xc7z020clg400-1", "10"},     {"xc7a35t", "xc7a35tcpg236-1", "10"},
    {"xc7a100t", "xc7a100tcsg324-1", "10"},   {"xczu3eg", "xczu3eg-sbva484-1-e", "5"},
    {"xczu9eg", "xczu9eg-ffvb1156-2-e", "5"},
};

static const HlsPart *find_part(const TargetOptions *options, Diag *diag) {
    const char *name = options->device ? options->device : parts[0].name;
    StrBuf known = {0};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (strcmp(parts[i].name, name) == 0) return &parts[i];
        str_printf(&known, "%s%s", i ? ", " : "", parts[i].name);
    }
    diag_error(diag, (Span){0}, "-device: no FPGA part is described by '%s'; there are: %s", name,
               str_text(&known));
    str_free(&known);
    return NULL;
}

static bool describe(const TargetOptions *options, TargetDesc *desc, Arena *arena, Diag *diag) {
    const HlsPart *part = find_part(options, diag);
    if (!part) return false;
    *desc = (TargetDesc){
        .name = arena_printf(arena, "hls %s", part->name),
        .most_lanes = 1,
        .vector_registers = 1,
        .fma_ports = 1,
        .l1_bytes = 1 << 20,
        .l2_bytes = 1 << 20,
        .cores = 1,
        .parallel_threshold = INT64_MAX,
    };
    return true;
}

static bool emit(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 const char *kind, const char *path, Artifacts *artifacts, Diag *diag) {
    (void)kind;
    if (strcmp(path, "-") == 0) {
        diag_error(diag, (Span){0}, "-emit=hls writes a folder and needs -o FOLDER to name it");
        return false;
    }
    const HlsPart *part = find_part(options, diag);
    HlsDesign *design = part ? hls_design(program, options, artifacts->arena, diag) : NULL;
    if (!design || !hls_find_depths(design, diag)) return false;
    hls_add_package(design, part, desc, options, path, artifacts);
    return true;
}

static bool probe(StrBuf *line) {
    Arena *arena = arena_create();
    const char *compiler = hls_compiler(arena);
    if (compiler) str_printf(line, "simulation of designs, compiled by %s", compiler);
    arena_destroy(arena);
    return compiler != NULL;
}

const Target target_hls = {
    .name = "hls",
    .help = "FPGAs (a folder with C for high-level synthesis, testbench and scripts)",
    .emit_kinds = kinds,
    .wants_sizes = true,
    .wants_samples = true,
    .describe = describe,
    .emit = emit,
    .load = hls_load,
    .probe = probe,
};
