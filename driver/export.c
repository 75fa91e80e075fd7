/* nnc export: a network as an ONNX model. */
#include <stdio.h>
#include <string.h>

#include "driver/commands.h"
#include "driver/dump.h"
#include "driver/export.h"
#include "driver/outputs.h"
#include "driver/setup.h"
#include "frontend/onnx/onnx.h"

static bool write_model(Compilation *c, const char *path, const char *data_path,
                        const OnnxFiles *files) {
    OutputPieces outputs[3] = {
        {path, files->model.pieces.data, files->model.pieces.len, 0644},
        {data_path, files->external.pieces.data, files->external.pieces.len, 0644},
    };
    size_t count = files->external.size > 0 ? 2 : 1;
    OutputFile depfile;
    OutputPiece rules;
    if (c->options->depfile) {
        const char *const paths[] = {path, data_path};
        if (!outputs_depfile(c, paths, count, &depfile)) return false;
        rules = (OutputPiece){depfile.data, depfile.size};
        outputs[count++] = (OutputPieces){depfile.path, &rules, 1, depfile.mode};
    }
    if (!outputs_write_pieces(c, outputs, count)) return fail(c, EXIT_INPUT);
    if (c->options->verbose) fprintf(stderr, "wrote %s, %zu bytes\n", path, files->model.size);
    if (c->options->verbose && files->external.size > 0)
        fprintf(stderr, "wrote %s, %zu bytes\n", data_path, files->external.size);
    return true;
}

bool export_onnx(Compilation *c) {
    const Options *o = c->options;
    const char *path = o->output_path ? o->output_path
                                      : path_with_extension(c->arena, path_base(o->file), ".onnx");
    const char *data_path = NULL;
    if (strcmp(path, "-") != 0) data_path = arena_printf(c->arena, "%s.data", path);
    if (o->weights_out && !data_path) {
        options_complain("-weights-out=external needs an output file: name one with -o");
        return fail(c, EXIT_USAGE);
    }
    if (o->quantize || o->passes) {
        options_complain("a model holds the network as it was written: -%s does not go with it",
                         o->quantize ? "quantize" : "passes");
        return fail(c, EXIT_USAGE);
    }
    if (!compilation_load(c)) return false;
    OnnxExportOptions options = {
        .version = NNC_VERSION,
        .external_name = data_path ? path_base(data_path) : NULL,
        .external = o->weights_out != NULL,
    };
    OnnxFiles files;
    double start = dump_clock();
    if (!onnx_export(c->source, &options, c->arena, &files, c->diag)) return fail(c, EXIT_INPUT);
    dump_time(c, "export", start);
    return write_model(c, path, data_path, &files);
}

int command_export(const Options *options, Arena *arena) {
    Compilation *c = compilation_create(options, arena);
    export_onnx(c);
    compilation_destroy(c);
    return c->status;
}
