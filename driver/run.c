/* nnc run: compile in memory (or open an artifact, or interpret) and run once. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "driver/commands.h"
#include "driver/execute.h"
#include "driver/inputs.h"
#include "driver/outputs.h"
#include "ir/interp.h"

enum { PRINTED_ELEMENTS = 100 };

static void print_tensor(const char *name, const Tensor *tensor, Arena *arena) {
    int64_t count = tensor_elements(tensor),
            shown = count < PRINTED_ELEMENTS ? count : PRINTED_ELEMENTS;
    int64_t row = tensor->rank ? tensor->dims[tensor->rank - 1] : 1;
    printf("%s: %s\n", name, tensor_type_text(arena, tensor));
    for (int64_t i = 0; i < shown; i++) {
        printf(i % (row > 0 ? row : 1) ? " " : "  ");
        if (dtype_is_float(tensor->dtype)) {
            printf("%.6g", tensor_get(tensor, i));
        } else {
            printf("%" PRId64, tensor_int(tensor, i));
        }
        if ((i + 1) % (row > 0 ? row : 1) == 0 || i + 1 == shown) printf("\n");
    }
    if (shown < count)
        printf("  ... %" PRId64 " more; -output %s=FILE.npy writes them all\n", count - shown,
               name);
}

/* Writes what -output names, all or none, and prints the rest. */
static bool deliver(Compilation *c, const char *const *names, int count, const Tensor *outputs) {
    size_t nfiles = c->options->outputs.len;
    OutputFile *files = arena_array(c->arena, OutputFile, nfiles + 1);
    bool *written = arena_array(c->arena, bool, (size_t)count + 1);
    for (size_t f = 0; f < nfiles; f++) {
        const NamedText *option = &c->options->outputs.data[f];
        int index = 0;
        while (index < count && strcmp(names[index], option->name) != 0) index++;
        if (index == count) {
            diag_error(c->diag, (Span){0}, "the network has no output '%s'", option->name);
            return fail(c, EXIT_INPUT);
        }
        StrBuf bytes = {0};
        npy_format(&outputs[index], &bytes);
        char *copy = arena_alloc(c->arena, bytes.len);
        memcpy(copy, bytes.data, bytes.len);
        files[f] = output_file(option->text, copy, bytes.len, 0644);
        str_free(&bytes);
        written[index] = true;
    }
    if (nfiles && !outputs_write(c, files, nfiles)) return fail(c, EXIT_INPUT);
    for (int i = 0; i < count; i++) {
        if (!written[i]) print_tensor(names[i], &outputs[i], c->arena);
    }
    return true;
}

static bool check(Compilation *c, const Tensor *inputs, const int64_t *symbols,
                  const Tensor *outputs) {
    const Graph *graph = compilation_reference(c);
    if (!graph) return false;
    Tensor *reference = arena_array(c->arena, Tensor, (size_t)graph->noutputs + 1);
    InterpOptions options = {.symbols = symbols};
    if (!interp_run(graph, inputs, reference, c->arena, &options, c->diag))
        return fail(c, EXIT_INPUT);
    bool agrees = true;
    for (int i = 0; i < graph->noutputs; i++) {
        Agreement a =
            tensor_agreement(&outputs[i], &reference[i], compilation_tolerance(c, &outputs[i]));
        fprintf(stderr, "%s: %s with the reference (relative error %.2e, largest %.2e)\n",
                graph->output_names[i], a.agrees ? "agrees" : "DISAGREES", a.relative_l2,
                a.max_error);
        agrees = agrees && a.agrees;
    }
    return agrees || fail(c, EXIT_DEFECT);
}

static bool run_reference(Compilation *c) {
    if (!compilation_load(c)) return false;
    const Graph *graph = c->source;
    Tensor *inputs = arena_array(c->arena, Tensor, (size_t)graph->ninputs + 1);
    Tensor *outputs = arena_array(c->arena, Tensor, (size_t)graph->noutputs + 1);
    int64_t *symbols =
        arena_array(c->arena, int64_t, (size_t)dim_symbol_count(c->module->dims) + 1);
    if (!inputs_from_options(c, graph, inputs, symbols)) return false;
    InterpOptions options = {.symbols = symbols};
    if (!interp_run(graph, inputs, outputs, c->arena, &options, c->diag))
        return fail(c, EXIT_INPUT);
    return deliver(c, graph->output_names, graph->noutputs, outputs);
}

static bool run_compiled(Compilation *c) {
    Executable executable = {0};
    if (!compilation_run(c)) return false;
    const Graph *graph = c->source;
    Tensor *inputs = arena_array(c->arena, Tensor, (size_t)graph->ninputs + 1);
    int64_t *symbols =
        arena_array(c->arena, int64_t, (size_t)dim_symbol_count(c->module->dims) + 1);
    bool ok = inputs_from_options(c, graph, inputs, symbols) && executable_compile(c, &executable);
    ok = ok &&
         ((executable_bind(&executable, inputs, symbols, (size_t)c->options->threads, c->diag) &&
           executable_run(&executable, c->diag)) ||
          fail(c, executable_exit(&executable)));
    ok = ok && deliver(c, graph->output_names, graph->noutputs, executable.outputs);
    if (ok && c->options->check) ok = check(c, inputs, symbols, executable.outputs);
    executable_close(&executable);
    return ok;
}

/* An artifact says itself what it takes; generated inputs need the network's text. */
static bool artifact_inputs(Compilation *c, const nn_network *network, Tensor *inputs) {
    for (uint32_t i = 0; i < network->input_count; i++) {
        const char *path = NULL;
        for (size_t k = 0; k < c->options->inputs.len; k++) {
            if (strcmp(c->options->inputs.data[k].name, network->inputs[i].name) == 0)
                path = c->options->inputs.data[k].text;
        }
        if (!path) {
            diag_error(c->diag, (Span){0}, "input '%s' is missing: -input %s=FILE.npy",
                       network->inputs[i].name, network->inputs[i].name);
            return false;
        }
        if (!npy_read(c->arena, path, &inputs[i], c->diag)) return false;
    }
    return true;
}

static bool run_artifact(Compilation *c) {
    Executable executable;
    if (!executable_open(c->options->file, c->arena, &executable, c->diag))
        return fail(c, EXIT_INPUT);
    const nn_network *network = executable.network;
    Tensor *inputs = arena_array(c->arena, Tensor, (size_t)network->input_count + 1);
    int64_t *symbols = arena_array(c->arena, int64_t, (size_t)network->symbol_count + 1);
    const char **names = arena_array(c->arena, const char *, (size_t)network->output_count + 1);
    for (uint32_t i = 0; i < network->output_count; i++) names[i] = network->outputs[i].name;
    bool ok = artifact_inputs(c, network, inputs) &&
              executable_symbols(network, inputs, symbols, c->diag) &&
              executable_bind(&executable, inputs, symbols, (size_t)c->options->threads, c->diag) &&
              executable_run(&executable, c->diag);
    ok = ok ? deliver(c, names, (int)network->output_count, executable.outputs)
            : fail(c, executable_exit(&executable));
    executable_close(&executable);
    return ok;
}

static bool has_suffix(const char *text, const char *suffix) {
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

int command_run(const Options *options, Arena *arena) {
    Compilation *c = compilation_create(options, arena);
    c->runs_here = true;
    if (has_suffix(options->file, ".so")) {
        run_artifact(c);
    } else if (options->target && strcmp(options->target, "reference") == 0) {
        run_reference(c);
    } else {
        run_compiled(c);
    }
    compilation_destroy(c);
    return c->status;
}
