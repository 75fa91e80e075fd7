/* The hls target: a folder with a design in C for high-level synthesis, its weights, a testbench
 * with golden data, and scripts for the tools. */
#include <string.h>

#include "codegen/hls/design.h"
#include "codegen/hls/package.h"

static const char *const kinds[] = {"hls", NULL};

static bool describe(const TargetOptions *options, TargetDesc *desc, Arena *arena, Diag *diag) {
    const HlsPart *part = hls_part(options, arena, diag);
    if (!part) return false;
    if (options->external_weights) {
        diag_error(diag, (Span){0},
                   "-weights-out=external: hls keeps weights in the design, as its memories");
        return false;
    }
    *desc = (TargetDesc){
        .name = arena_printf(arena, "hls %s", part->name),
        .most_lanes = 1,
        .vector_registers = 1,
        .fma_ports = 1,
        .l1_bytes = 1 << 20,
        .l2_bytes = 1 << 20,
        .cores = 1,
        .parallel_threshold = INT64_MAX,
        .streams = true,
        .float_latency = HLS_FLOAT_ADD_LATENCY,
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
    const HlsPart *part = hls_part(options, artifacts->arena, diag);
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
    .tune = hls_tune,
    .emit = emit,
    .load = hls_load,
    .probe = probe,
};
