/* nnc NET.nn: compile and write files. */
#include <stdio.h>
#include <string.h>

#include "driver/commands.h"
#include "driver/dump.h"
#include "driver/export.h"
#include "driver/outputs.h"
#include "driver/samples.h"
#include "driver/setup.h"

/* What the driver itself can write, whatever the target. */
typedef struct Stage {
    const char *kind;
    bool (*write)(Compilation *c, StrBuf *text);
} Stage;

static bool write_ast(Compilation *c, StrBuf *text) {
    return frontend_print_ast(c->options->file, text, c->arena, c->diag) || fail(c, EXIT_INPUT);
}

static bool write_graph(Compilation *c, StrBuf *text) {
    if (!compilation_load(c) || !compilation_optimize(c)) return false;
    graph_print(c->graph, text);
    return true;
}

static bool write_loops(Compilation *c, StrBuf *text) {
    if (!compilation_run(c)) return false;
    lprogram_print(c->program, text);
    return true;
}

static const Stage stages[] = {{"ast", write_ast}, {"graph", write_graph}, {"loops", write_loops}};

static const Stage *find_stage(const char *kind) {
    for (size_t i = 0; i < COUNT_OF(stages); i++) {
        if (strcmp(stages[i].kind, kind) == 0) return &stages[i];
    }
    return NULL;
}

/* Constants too large for the text of a graph go beside it, keyed by hash. */
static void add_constants(Compilation *c, const char *path, Artifacts *artifacts) {
    const Node **nodes;
    size_t count = graph_large_constants(c->graph, c->arena, &nodes);
    if (count == 0) return;
    const char **names = arena_array(c->arena, const char *, count);
    Tensor *tensors = arena_array(c->arena, Tensor, count);
    for (size_t i = 0; i < count; i++) {
        names[i] = arena_printf(c->arena, "c%016llx", (unsigned long long)nodes[i]->hash);
        tensors[i] = *nodes[i]->data;
    }
    StrBuf bytes = {0};
    safetensors_format(count, names, tensors, &bytes);
    char *copy = arena_alloc(c->arena, bytes.len);
    memcpy(copy, bytes.data, bytes.len);
    OutputFile file =
        output_file(arena_printf(c->arena, "%s.safetensors", path), copy, bytes.len, 0644);
    vec_push(c->arena, &artifacts->files, file);
    str_free(&bytes);
}

static bool add_depfile(Compilation *c, Artifacts *artifacts) {
    if (!c->options->depfile) return true;
    const char **outputs = arena_array(c->arena, const char *, artifacts->files.len + 1);
    for (size_t i = 0; i < artifacts->files.len; i++) outputs[i] = artifacts->files.data[i].path;
    OutputFile file;
    if (!outputs_depfile(c, outputs, artifacts->files.len, &file)) return false;
    vec_push(c->arena, &artifacts->files, file);
    return true;
}

static bool emit_stage(Compilation *c, const Stage *stage) {
    StrBuf text = {0};
    Artifacts artifacts = {.arena = c->arena};
    const char *path = c->options->output_path ? c->options->output_path : "-";
    bool ok = stage->write(c, &text);
    if (ok) {
        OutputFile file = output_file(path, str_text(&text), text.len, 0644);
        vec_push(c->arena, &artifacts.files, file);
        if (strcmp(path, "-") != 0 && stage->write == write_graph)
            add_constants(c, path, &artifacts);
        ok =
            (add_depfile(c, &artifacts) && outputs_write_all(c, &artifacts)) || fail(c, EXIT_INPUT);
    }
    str_free(&text);
    return ok;
}

static bool known_kind(Compilation *c, const char *kind) {
    StrBuf known = {0};
    for (size_t i = 0; i < COUNT_OF(stages); i++) str_printf(&known, "%s, ", stages[i].kind);
    str_append(&known, "onnx, ");
    bool found = false;
    for (const char *const *k = c->target->emit_kinds; *k; k++) {
        found = found || strcmp(*k, kind) == 0;
        str_printf(&known, "%s%s", k == c->target->emit_kinds ? "" : ", ", *k);
    }
    if (!found) {
        fprintf(stderr, "nnc: target %s cannot write '%s'; -emit takes %s\n", c->target->name, kind,
                str_text(&known));
        fail(c, EXIT_USAGE);
    }
    str_free(&known);
    return found;
}

/* The file a kind is written to when none is named. */
static const char *default_path(Compilation *c, const char *kind) {
    static const struct {
        const char *kind, *extension;
    } extensions[] = {{"obj", ".o"},   {"so", ".so"}, {"asm", ".s"},
                      {"llvm", ".ll"}, {"c", ".c"},   {"opencl", ".cl"}};
    const char *extension = "";
    if (strcmp(kind, "hls") == 0) {
        return arena_printf(c->arena, "%s_hls",
                            path_with_extension(c->arena, path_base(c->options->file), ""));
    }
    for (size_t i = 0; i < COUNT_OF(extensions); i++) {
        if (strcmp(extensions[i].kind, kind) == 0) extension = extensions[i].extension;
    }
    return path_with_extension(c->arena, path_base(c->options->file), extension);
}

static bool is_identifier(const char *text) {
    size_t letters =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789");
    return letters > 0 && !text[letters] && !(text[0] >= '0' && text[0] <= '9');
}

static bool emit_target(Compilation *c, const char *kind) {
    if (c->options->prefix && !is_identifier(c->options->prefix)) {
        fprintf(stderr, "nnc: -prefix takes a C identifier, found '%s'\n", c->options->prefix);
        return fail(c, EXIT_USAGE);
    }
    c->discards_weights = !c->target->wants_samples;
    if (!compilation_run(c)) return false;
    Artifacts artifacts = {.arena = c->arena};
    const char *path = c->options->output_path ? c->options->output_path : default_path(c, kind);
    double start = dump_clock();
    if (c->target->wants_samples && !samples_make(c)) return false;
    dump_time(c, "samples", start);
    start = dump_clock();
    if (!c->target->emit(c->program, &c->desc, &c->target_options, kind, path, &artifacts,
                         c->diag)) {
        return fail(c, EXIT_MACHINE);
    }
    dump_time(c, "emit", start);
    if (!add_depfile(c, &artifacts) || !outputs_write_all(c, &artifacts))
        return fail(c, EXIT_INPUT);
    for (size_t i = 0; c->options->verbose && i < artifacts.files.len; i++) {
        fprintf(stderr, "wrote %s, %zu bytes\n", artifacts.files.data[i].path,
                output_bytes(&artifacts.files.data[i]));
    }
    return true;
}

int command_compile(const Options *options, Arena *arena) {
    Compilation *c = compilation_create(options, arena);
    if (setup_target(c)) {
        const char *kind = options->emit ? options->emit : c->target->emit_kinds[0];
        const Stage *stage = find_stage(kind);
        if (options->multiversion && (stage || strcmp(kind, "onnx") == 0)) {
            fprintf(stderr, "nnc: -emit=%s shows one version: -multiversion does not go with it\n",
                    kind);
            fail(c, EXIT_USAGE);
        } else if (strcmp(kind, "onnx") == 0) {
            export_onnx(c);
        } else if (stage) {
            emit_stage(c, stage);
        } else if (known_kind(c, kind)) {
            emit_target(c, kind);
        }
    }
    compilation_destroy(c);
    return c->status;
}
