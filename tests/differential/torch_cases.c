/* Every stored result of PyTorch (tests/torch/README.md) against code compiled for this machine.
 *
 *   torch_cases FOLDER [PART/PARTS] */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "tests/differential/harness.h"

enum { MAX_CASES = 4096 };

typedef struct TorchCase {
    const char *path;
    Arena *arena;
    Diag *diag;
    Graph *graph;
    TensorFile file;
} TorchCase;

static bool load(TorchCase *c) {
    const char *weights = path_with_extension(c->arena, c->path, ".safetensors");
    FrontendOptions options = {0};
    Module *module = frontend_load(c->path, &options, c->arena, c->diag, NULL, NULL);
    if (!module || !tensor_file_read(c->arena, weights, &c->file, c->diag)) return false;
    c->graph = module->graph;
    return params_from_file(c->graph, &c->file, weights, EXTRA_ERROR, c->diag);
}

/* The stored tensor PREFIX.NAME. */
static Tensor stored(const TorchCase *c, const char *prefix, const char *name) {
    const Tensor *found = tensor_file_find(&c->file, arena_printf(c->arena, "%s.%s", prefix, name));
    if (!found) die("%s: no %s.%s is stored", c->path, prefix, name);
    return *found;
}

/* Sizes of the symbols: each stands alone as a dimension of some input. */
static void find_symbols(const TorchCase *c, const Tensor *inputs, int64_t *symbols) {
    DimContext *dims = c->graph->module->dims;
    for (int s = 0; s < dim_symbol_count(dims); s++) {
        Dim symbol = dim_symbol(dims, dim_symbol_name(dims, s));
        symbols[s] = -1;
        for (int i = 0; i < c->graph->ninputs; i++)
            for (int k = 0; k < inputs[i].rank; k++)
                if (c->graph->inputs[i]->type.dims[k] == symbol) symbols[s] = inputs[i].dims[k];
        require(symbols[s] >= 0);
    }
}

static bool compare(const TorchCase *c, const Tensor *outputs) {
    bool ok = true, whole = strncmp(path_base(c->path), "net_", 4) == 0;
    for (int i = 0; i < c->graph->noutputs; i++) {
        Tensor want = stored(c, "out", c->graph->output_names[i]);
        bool half = want.dtype == DT_f16 || want.dtype == DT_bf16;
        const char *why = mismatch(&outputs[i], &want, MATCH_AGREES,
                                   half    ? 1e-2
                                   : whole ? 1e-4
                                           : 1e-5,
                                   c->arena);
        if (!why) continue;
        printf("%s: %s: %s\n", c->path, c->graph->output_names[i], why);
        ok = false;
    }
    return ok;
}

static bool run_case(TorchCase *c) {
    Compiled compiled;
    if (!load(c) || !compiled_make(&compiled, c->graph, &ways[WAY_NATIVE], c->arena, c->diag)) {
        printf("%s: %s\n", c->path, diag_text(c->diag));
        return false;
    }
    const Graph *graph = c->graph;
    int64_t *symbols =
        arena_array(c->arena, int64_t, (size_t)dim_symbol_count(graph->module->dims) + 1);
    Tensor *inputs = arena_array(c->arena, Tensor, (size_t)graph->ninputs + 1);
    Tensor *outputs = arena_array(c->arena, Tensor, (size_t)graph->noutputs + 1);
    for (int i = 0; i < graph->ninputs; i++) inputs[i] = stored(c, "in", graph->input_names[i]);
    for (int i = 0; i < graph->noutputs; i++) outputs[i] = stored(c, "out", graph->output_names[i]);
    find_symbols(c, inputs, symbols);
    RunOptions options = {symbols, 1, AT_END};
    const char *fault = compiled_run(&compiled, inputs, outputs, c->arena, &options);
    if (fault) printf("%s: %s\n", c->path, fault);
    bool ok = !fault && compare(c, outputs);
    compiled_free(&compiled);
    return ok;
}

static bool check_case(void *path) {
    TorchCase c = {.path = path, .arena = arena_create()};
    c.diag = diag_create(c.arena, NULL);
    bool ok = run_case(&c);
    arena_destroy(c.arena);
    return ok;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t list_cases(Arena *arena, const char *folder, char **paths) {
    DIR *dir = opendir(folder);
    size_t count = 0;
    if (!dir) die("cannot open '%s'", folder);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t length = strlen(entry->d_name);
        if (length < 3 || strcmp(entry->d_name + length - 3, ".nn") != 0) continue;
        require(count < MAX_CASES);
        paths[count++] = arena_printf(arena, "%s/%s", folder, entry->d_name);
    }
    closedir(dir);
    qsort(paths, count, sizeof *paths, by_name);
    return count;
}

int main(int argc, char **argv) {
    Arena *arena = arena_create();
    char **paths = arena_array(arena, char *, MAX_CASES);
    int part = 0, parts = 1, failures = 0;
    if (argc < 2 || (argc > 2 && sscanf(argv[2], "%d/%d", &part, &parts) != 2)) {
        fprintf(stderr, "usage: torch_cases FOLDER [PART/PARTS]\n");
        return 2;
    }
    size_t count = list_cases(arena, argv[1], paths);
    for (size_t i = (size_t)part; i < count; i += (size_t)parts) {
        int status = in_child(check_case, paths[i], false);
        if (status == 2) printf("^ %s\n", paths[i]);
        failures += status != 0;
    }
    printf("%zu cases, %d failures\n", count, failures);
    arena_destroy(arena);
    return failures != 0 || count == 0;
}
