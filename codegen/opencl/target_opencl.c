/* The opencl target: C with a launch plan, a header, weights and readable OpenCL C. */
#include "codegen/opencl/opencl.h"

#include <string.h>

static const char *const kinds[] = {"c", "opencl", NULL};

static void add_file(Artifacts *artifacts, const char *path, const void *data, size_t size) {
    OutputFile file = {.path = path, .data = data, .size = size, .mode = 0666};
    vec_push(artifacts->arena, &artifacts->files, file);
}

static void add_text(Artifacts *artifacts, const char *path, StrBuf *text) {
    size_t size = text->len;
    add_file(artifacts, path, arena_strndup(artifacts->arena, str_text(text), size), size);
    str_free(text);
}

/* What nn_plan_context_bytes says, or -1 where symbols decide. */
static int64_t context_bytes(const OpenclNetwork *network) {
    const nn_network *n = &network->network;
    const nn_plan *plan = &network->plan;
    if (n->symbol_count > 0) return -1;
    size_t bytes = nn_plan_context_bytes(n, plan, NULL);
    return bytes == SIZE_MAX ? -1 : (int64_t)bytes;
}

static void add_c_files(const LProgram *program, const TargetDesc *desc,
                        const TargetOptions *options, const OpenclNetwork *network,
                        const char *path, Artifacts *artifacts) {
    Arena *arena = artifacts->arena;
    StrBuf c = {0}, header = {0};
    const char *header_path = path_with_extension(arena, path, ".h");
    const char *weights_path = path_with_extension(arena, path, ".weights");
    const char *inside = options->external_weights ? NULL : path_base(weights_path);
    opencl_print_c(program, options, network, path_base(header_path), inside, &c);
    add_text(artifacts, path, &c);
    AbiTarget target = {
        .text = desc->name, .context_bytes = context_bytes(network), .has_driver = true};
    abi_header(program, options->prefix, &target, &header);
    add_text(artifacts, header_path, &header);
    const char *source = network->plan.source;
    add_file(artifacts, path_with_extension(arena, path, ".cl"), source, strlen(source));
    /* Always, so that a build knows which files there will be. */
    vec_push(arena, &artifacts->files,
             abi_weight_file(program, options->source_hash, weights_path, arena));
}

static bool emit(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 const char *kind, const char *path, Artifacts *artifacts, Diag *diag) {
    OpenclNetwork *network = arena_new(artifacts->arena, OpenclNetwork);
    bool is_c = strcmp(kind, "c") == 0;
    if (is_c && strcmp(path, "-") == 0) {
        diag_error(diag, (Span){0}, "-emit=c writes several files and needs -o FILE to name them");
        return false;
    }
    opencl_build(program, desc, options, artifacts->arena, network);
    if (is_c) {
        add_c_files(program, desc, options, network, path, artifacts);
    } else {
        add_file(artifacts, path, network->plan.source, network->plan.source_bytes);
    }
    return true;
}

enum { MOST_DEVICES = 64 }; /* as nn_opencl_devices lists */

const char *opencl_description_of(const nn_device *device) {
    return device->is_gpu && device->has_local_memory ? "generic-gpu" : "pocl";
}

/* The first GPU, else the first device: as the runtime chooses. */
const char *opencl_description_here(void) {
    nn_device devices[MOST_DEVICES];
    size_t count = 0, chosen = 0;
    if (nn_opencl_devices(devices, COUNT_OF(devices), &count, NULL) != NN_OK || count == 0)
        return NULL;
    if (count > COUNT_OF(devices)) count = COUNT_OF(devices);
    while (chosen < count && !devices[chosen].is_gpu) chosen++;
    return opencl_description_of(&devices[chosen < count ? chosen : 0]);
}

bool opencl_probe(StrBuf *line) {
    nn_device devices[MOST_DEVICES];
    size_t count = 0;
    const char *reason = "";
    if (nn_opencl_devices(devices, COUNT_OF(devices), &count, &reason) != NN_OK) return false;
    for (size_t i = 0; i < count && i < COUNT_OF(devices); i++) {
        const nn_device *d = &devices[i];
        str_printf(
            line, "%s%s (%s, driver %s): %u units, %llu MiB, %llu KiB local memory%s; -device=%s",
            i ? "; " : "", d->name, d->version, d->driver, d->compute_units,
            (unsigned long long)(d->global_bytes >> 20), (unsigned long long)(d->local_bytes >> 10),
            d->has_local_memory ? "" : " (part of the global memory)", opencl_description_of(d));
    }
    return count > 0;
}

const Target target_opencl = {
    .name = "opencl",
    .help = "OpenCL devices (C with a launch plan, a header, weights, OpenCL C)",
    .emit_kinds = kinds,
    .describe = opencl_describe,
    .emit = emit,
    .load = opencl_load,
    .probe = opencl_probe,
};
