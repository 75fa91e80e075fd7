/* The folder: what stands in which file. */
#include <string.h>

#include "codegen/hls/design.h"
#include "codegen/hls/package.h"

static void add_file(Artifacts *a, const char *folder, const char *name, const void *data,
                     size_t size, int mode) {
    OutputFile file = output_file(arena_printf(a->arena, "%s/%s", folder, name), data, size, mode);
    vec_push(a->arena, &a->files, file);
}

static void add_text(Artifacts *a, const char *folder, const char *name, StrBuf *text, int mode) {
    char *copy = arena_strndup(a->arena, str_text(text), text->len);
    add_file(a, folder, name, copy, text->len, mode);
    str_free(text);
}

static void add_copy(Artifacts *a, const char *folder, const char *name, const char *text) {
    add_file(a, folder, name, text, strlen(text), 0666);
}

static const char *named(const HlsDesign *d, const char *rest) {
    return arena_printf(d->arena, "%s%s", d->name, rest);
}

void hls_add_simulation(const HlsDesign *d, const TargetOptions *options, const char *folder,
                        Artifacts *a) {
    StrBuf code = {0}, weights = {0}, header = {0}, host = {0};
    hls_print_design(d, &code);
    add_text(a, folder, named(d, ".c"), &code, 0666);
    hls_print_weights(d, &weights);
    add_text(a, folder, named(d, "_weights.h"), &weights, 0666);
    add_copy(a, folder, "nn_hls.h", nn_hls_text);
    AbiTarget target = {.text = "FPGAs; here as a simulation", .context_bytes = HLS_CONTEXT_BYTES};
    abi_header(d->program, options->prefix, &target, &header);
    add_text(a, folder, named(d, ".h"), &header, 0666);
    hls_print_host(d, options, &host);
    add_text(a, folder, named(d, "_host.c"), &host, 0666);
}

static void add_scripts(const HlsDesign *d, const HlsPart *part, const char *folder, Artifacts *a) {
    Arena *arena = d->arena;
    int64_t operations = 0;
    for (size_t i = 0; i < d->program->calls.len; i++) {
        int64_t own;
        Dim flops = d->program->calls.data[i].kernel->flops;
        if (flops && dim_is_int(flops, &own)) operations += own;
    }
    const HlsValue values[] = {
        {"name", d->name},
        {"top", d->top},
        {"part", part->vitis},
        {"clock", arena_printf(arena, "%g", part->clock)},
        {"cycle_limit", arena_printf(arena, "%lld", (long long)(operations * 200 + 10000000))},
    };
    StrBuf makefile = {0}, vitis = {0}, bambu = {0};
    hls_expand(hls_makefile, values, COUNT_OF(values), &makefile);
    hls_expand(hls_vitis_tcl, values, COUNT_OF(values), &vitis);
    hls_expand(hls_bambu_sh, values, COUNT_OF(values), &bambu);
    add_text(a, folder, "Makefile", &makefile, 0666);
    add_text(a, folder, "vitis.tcl", &vitis, 0666);
    add_text(a, folder, "bambu.sh", &bambu, 0777);
}

void hls_add_package(const HlsDesign *d, const HlsPart *part, const TargetDesc *desc,
                     const TargetOptions *options, const char *folder, Artifacts *a) {
    StrBuf bench = {0}, report = {0};
    const uint8_t *golden;
    size_t golden_bytes;
    a->folder = folder;
    hls_add_simulation(d, options, folder, a);
    hls_print_testbench(d, options->samples, &bench, &golden, &golden_bytes);
    add_text(a, folder, named(d, "_tb.c"), &bench, 0666);
    add_file(a, folder, "golden.bin", golden, golden_bytes, 0666);
    add_scripts(d, part, folder, a);
    hls_print_report(d, part, desc, &report);
    add_text(a, folder, "report.txt", &report, 0666);
    a->folder_files = a->files.len;
}
