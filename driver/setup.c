#include "driver/setup.h"

#include "driver/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Compilation *compilation_create(const Options *options, Arena *arena) {
    Compilation *c = arena_new(arena, Compilation);
    c->options = options;
    c->arena = arena;
    c->diag = diag_create(arena, stderr);
    /* Where there are none to be had, this one does the work. */
    (void)nn_default_options((size_t)options->jobs, &c->threads);
    return c;
}

void compilation_destroy(Compilation *c) {
    nn_release_options(&c->threads);
    str_free(&c->report);
}

bool setup_integer(const char *text, const char *what, int64_t *value) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end) {
        return options_complain("%s takes a whole number, found '%s'", what, text);
    }
    *value = number;
    return true;
}

bool setup_target(Compilation *c) {
    const Options *o = c->options;
    const char *name = o->target && strcmp(o->target, "reference") != 0 ? o->target : "cpu";
    c->target = target_find(name);
    if (!c->target) {
        StrBuf known = {0};
        for (size_t i = 0; i < target_count; i++)
            str_printf(&known, "%s%s", i ? ", " : "", target_table[i]->name);
        options_complain("no target is called '%s'; there are: %s", name, str_text(&known));
        fail(c, EXIT_USAGE);
        str_free(&known);
        return false;
    }
    c->target_options = (TargetOptions){
        .cpu = o->cpu,
        .triple = o->triple,
        .features = o->features,
        .device = o->device,
        .opt_level = o->level,
        .fp_fast = o->fp && strcmp(o->fp, "fast") == 0,
        .bf16 = o->precision && strcmp(o->precision, "bf16") == 0,
        .external_weights = o->weights_out != NULL,
        .runs_here = c->runs_here,
    };
    if (!c->target->describe(&c->target_options, &c->desc, c->arena, c->diag))
        return fail(c, EXIT_USAGE);
    return true;
}

bool setup_frontend(Compilation *c, FrontendOptions *options) {
    const Options *o = c->options;
    size_t n = o->binds.len;
    const char **names = arena_array(c->arena, const char *, n + 1);
    int64_t *values = arena_array(c->arena, int64_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        names[i] = o->binds.data[i].name;
        if (!setup_integer(o->binds.data[i].text, "-bind", &values[i])) return fail(c, EXIT_USAGE);
        if (values[i] < 0)
            return options_complain("-bind: a size cannot be negative: %s",
                                    o->binds.data[i].text) ||
                   fail(c, EXIT_USAGE);
    }
    *options = (FrontendOptions){
        .network = o->network,
        .nbinds = (int)n,
        .bind_names = names,
        .bind_values = values,
        .nsearch = (int)o->search.len,
        .search = o->search.data,
    };
    return true;
}

static bool has_parameters(const Graph *graph) {
    graph_each(graph, node) {
        if (node->op == OP_param) return true;
    }
    return false;
}

/* random or random:SEED */
static bool random_seed(Compilation *c, const char *text, uint64_t *seed, bool *is_random) {
    *is_random = strncmp(text, "random", 6) == 0 && (text[6] == 0 || text[6] == ':');
    *seed = 0;
    if (!*is_random || text[6] == 0) return true;
    int64_t value = 0;
    if (!setup_integer(text + 7, "-weights=random:SEED", &value)) return fail(c, EXIT_USAGE);
    *seed = (uint64_t)value;
    return true;
}

void setup_source(Compilation *c, const char *path) {
    const char **all = arena_array(c->arena, const char *, c->nsources + 1);
    for (size_t i = 0; i < c->nsources; i++) all[i] = c->sources[i];
    all[c->nsources++] = path;
    c->sources = all;
}

enum { RANDOM_LIMIT_GIB = 64 };

/* Random weights have to fit into memory. */
static bool random_weights(Compilation *c, Graph *graph, uint64_t seed) {
    int64_t total = 0;
    graph_each(graph, node) {
        int64_t bytes;
        Dim elements =
            node->op == OP_param ? type_elements(c->module->dims, &node->results[0]->type) : NULL;
        if (!elements) continue;
        if (!dim_is_int(elements, &bytes) ||
            !checked_mul(bytes, (int64_t)dtype_bytes(node->results[0]->type.dtype), &bytes) ||
            !checked_add(total, bytes, &total) || total > (int64_t)RANDOM_LIMIT_GIB << 30) {
            diag_error(c->diag, node->span, "'%s' makes more than %d GiB of random weights",
                       node_attr(node, "name")->s, RANDOM_LIMIT_GIB);
            return false;
        }
    }
    params_random(graph, seed);
    return true;
}

bool setup_weights(Compilation *c) {
    Graph *graph = c->module->graph;
    const char *path = c->options->weights;
    bool is_random = false;
    uint64_t seed;
    if (path && !random_seed(c, path, &seed, &is_random)) return false;
    if (!has_parameters(graph)) return true;
    if (is_random) return random_weights(c, graph, seed);
    if (!path) {
        path = path_with_extension(c->arena, c->options->file, ".safetensors");
        if (!file_exists(path)) {
            const char *npz = path_with_extension(c->arena, c->options->file, ".npz");
            if (file_exists(npz)) path = npz;
        }
        if (!file_exists(path)) {
            diag_error(c->diag, (Span){0},
                       "no weights: '%s' does not exist; name a file with -weights=FILE, or use "
                       "-weights=random for a measurement",
                       path);
            return false;
        }
    }
    TensorFile *file = arena_new(c->arena, TensorFile);
    if (!tensor_file_read(c->arena, path, file, c->diag)) return false;
    setup_source(c, path);
    return params_from_file(graph, file, path, c->options->extra_weights ? EXTRA_ERROR : EXTRA_WARN,
                            c->diag);
}

bool setup_pass_options(Compilation *c, PassOptions *options) {
    *options = (PassOptions){.fp_fast = c->target_options.fp_fast, .bf16 = c->target_options.bf16};
    const char *text = c->options->quantize;
    if (!text) return true;
    char *end = NULL;
    if (strncmp(text, "delta:", 6) == 0) options->quantize_delta = strtod(text + 6, &end);
    if (!end || end == text + 6 || *end ||
        !(options->quantize_delta > 0 && options->quantize_delta < 1e30)) {
        return options_complain("-quantize takes delta:D with a step D > 0, found '%s'", text) ||
               fail(c, EXIT_USAGE);
    }
    return true;
}

bool setup_report(Compilation *c) {
    if (c->report.len == 0) return true;
    if (!c->options->report) {
        fputs(str_text(&c->report), stderr);
        return true;
    }
    OutputFile file = output_file(c->options->report, c->report.data, c->report.len, 0644);
    return outputs_write(c, &file, 1) || fail(c, EXIT_INPUT);
}
