/* nnc bench: latency of a network. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/commands.h"
#include "driver/dump.h"
#include "driver/execute.h"
#include "driver/inputs.h"
#include "driver/limits.h"
#include "driver/outputs.h"
#include "driver/profile.h"
#include "driver/setup.h"

enum { MAX_RUNS = 1000000, WARM_RUNS = 3 };

typedef struct Figures {
    int64_t runs;
    double median, p90, least; /* seconds */
} Figures;

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs for at least `seconds` and five times, or exactly `runs` times. */
static bool measure(Executable *executable, int64_t runs, double seconds, Arena *arena,
                    Figures *figures, Diag *diag) {
    VEC(double) times = {0};
    for (int i = 0; i < WARM_RUNS; i++) {
        if (!executable_run(executable, diag)) return false;
    }
    double begin = dump_clock();
    for (;;) {
        double start = dump_clock();
        if (!executable_run(executable, diag)) return false;
        double end = dump_clock();
        vec_push(arena, &times, end - start);
        int64_t done = (int64_t)times.len;
        if (runs ? done == runs : (done >= 5 && end - begin >= seconds) || done == MAX_RUNS) break;
    }
    qsort(times.data, times.len, sizeof(double), by_value);
    *figures = (Figures){(int64_t)times.len, times.data[times.len / 2],
                         times.data[times.len * 9 / 10], times.data[0]};
    return true;
}

typedef struct Report {
    const nn_network *network;
    const int64_t *symbols;
    int64_t threads;
    Figures figures;
    double operations, peak; /* of a run; per second and core, 0: unknown */
    LimitKind held_to;       /* what the peak is of */
    int64_t arena_bytes;
    const Profile *profile; /* null: not asked for */
    bool by_time;
    Arena *arena;
} Report;

static void print_json(const Report *r) {
    const double ms = 1e3;
    cJSON *root = cJSON_CreateObject(), *symbols = cJSON_AddObjectToObject(root, "symbols");
    cJSON_AddStringToObject(root, "network", r->network->name);
    cJSON_AddStringToObject(root, "target", r->network->target);
    cJSON_AddNumberToObject(root, "threads", (double)r->threads);
    for (uint32_t i = 0; i < r->network->symbol_count; i++) {
        cJSON_AddNumberToObject(symbols, r->network->symbols[i], (double)r->symbols[i]);
    }
    cJSON_AddStringToObject(root, "precision", r->network->precision);
    cJSON_AddNumberToObject(root, "runs", (double)r->figures.runs);
    cJSON_AddNumberToObject(root, "median_ms", r->figures.median * ms);
    cJSON_AddNumberToObject(root, "p90_ms", r->figures.p90 * ms);
    cJSON_AddNumberToObject(root, "min_ms", r->figures.least * ms);
    cJSON_AddNumberToObject(root, "gflop", r->operations * 1e-9);
    cJSON_AddNumberToObject(root, "gflops", r->operations / r->figures.median * 1e-9);
    if (r->peak > 0) {
        cJSON_AddNumberToObject(root, "peak_gflops", r->peak * 1e-9);
        cJSON_AddNumberToObject(root, "share_of_peak", r->operations / r->figures.median / r->peak);
    }
    cJSON_AddNumberToObject(root, "arena_bytes", (double)r->arena_bytes);
    cJSON_AddNumberToObject(root, "weight_bytes", (double)r->network->weights_bytes);
    if (r->profile) profile_json(r->profile, r->by_time, r->arena, root);
    char *text = cJSON_Print(root);
    if (text) puts(text);
    cJSON_free(text);
    cJSON_Delete(root);
}

static void print_text(const Report *r) {
    printf("%s on %s, %lld thread%s", r->network->name, r->network->target, (long long)r->threads,
           r->threads == 1 ? "" : "s");
    for (uint32_t i = 0; i < r->network->symbol_count; i++)
        printf(", %s = %lld", r->network->symbols[i], (long long)r->symbols[i]);
    printf("\n  latency   median %.4f ms, 90 %% under %.4f ms, least %.4f ms (%lld runs)\n",
           1e3 * r->figures.median, 1e3 * r->figures.p90, 1e3 * r->figures.least,
           (long long)r->figures.runs);
    printf("  work      %.4f GFLOP, %.2f GFLOP/s", 1e-9 * r->operations,
           1e-9 * r->operations / r->figures.median);
    if (r->peak > 0) {
        printf(", %.1f %% of the %s limit (%.1f GFLOP/s)",
               100 * r->operations / r->figures.median / r->peak, limit_names[r->held_to],
               1e-9 * r->peak);
    }
    printf("\n  memory    %lld bytes of activations, %zu bytes of weights\n",
           (long long)r->arena_bytes, r->network->weights_bytes);
    if (r->profile) profile_print(r->profile, r->by_time, r->arena);
}

static int64_t value_or_zero(const nn_network *network, const nn_expr *expr,
                             const int64_t *symbols) {
    int64_t value;
    return nn_eval(expr, symbols, network->symbol_count, &value) == NN_OK ? value : 0;
}

static bool wants_profile(const Options *o) {
    return o->profile || o->trace || o->plot || o->cold_weights;
}

/* A program of its own: what was measured as a whole has no marks in it. */
static bool profile(Compilation *c, Executable *executable, const Tensor *inputs,
                    const int64_t *symbols, int64_t threads, Profile *result) {
    const Options *o = c->options;
    ProfileClock *clock = profile_clock(c->arena);
    c->target_options.hook = &clock->hook;
    bool ok = executable_compile(c, executable);
    c->target_options.hook = NULL;
    if (ok && executable->loaded.step_count == 0 && c->program->calls.len > 0) {
        diag_error(c->diag, (Span){0},
                   "-profile: target %s does not run one kernel after the other; the cycles of "
                   "each task are in report.txt of the folder that it writes",
                   c->target->name);
        ok = fail(c, EXIT_USAGE);
    }
    if (ok && o->cold_weights && !executable->loaded.in_host_memory) {
        diag_error(c->diag, (Span){0}, "-cold-weights: target %s keeps weights on a device",
                   c->target->name);
        ok = fail(c, EXIT_USAGE);
    }
    if (ok) {
        clock->mark = arena_array(c->arena, double, executable->loaded.step_count + 1);
        ok = executable_bind(executable, inputs, symbols, (size_t)o->threads, c->diag);
        if (ok && executable->loaded.observe)
            executable->loaded.observe(executable->context, &clock->hook);
        ok = ok && profile_measure(c, executable, clock, symbols, threads, result);
        if (!ok) fail(c, executable_exit(executable));
    }
    return ok;
}

static bool write_profile(Compilation *c, const Profile *p) {
    const Options *o = c->options;
    StrBuf trace = {0}, plot = {0};
    OutputFile files[2];
    size_t count = 0;
    if (o->trace) {
        profile_trace(p, &trace);
        files[count++] =
            (OutputFile){.path = o->trace, .data = trace.data, .size = trace.len, .mode = 0666};
    }
    if (o->plot) {
        profile_plot(p, c->arena, &plot);
        files[count++] =
            (OutputFile){.path = o->plot, .data = plot.data, .size = plot.len, .mode = 0666};
    }
    bool ok = count == 0 || outputs_write(c, files, count);
    str_free(&trace);
    str_free(&plot);
    return ok || fail(c, EXIT_INPUT);
}

/* A limit that the network exceeds was measured while the machine was busy. */
static double compute_limit(const Compilation *c, const Report *r) {
    double rate = 0, reached = r->operations / r->figures.least;
    bool fresh = c->options->fresh_limits;
    for (int tries = 0; tries < 2 && rate <= reached; tries++, fresh = true) {
        double found = limits_get(c, r->threads, 1u << r->held_to, fresh).rate[r->held_to];
        if (found > rate) rate = found;
    }
    return rate;
}

static bool bench(Compilation *c, Executable *executable, Executable *profiled,
                  const Tensor *inputs, const int64_t *symbols) {
    const Options *o = c->options;
    const nn_network *network = executable->network;
    Report report = {.network = network, .symbols = symbols};
    if (!executable_bind(executable, inputs, symbols, (size_t)o->threads, c->diag) ||
        !measure(executable, o->runs, o->seconds > 0 ? o->seconds : 1, c->arena, &report.figures,
                 c->diag)) {
        return fail(c, executable_exit(executable));
    }
    report.threads = o->threads ? o->threads : executable->options.parallel_for ? c->desc.cores : 1;
    report.operations = (double)value_or_zero(network, &network->operations, symbols);
    report.arena_bytes = value_or_zero(network, &network->arena_bytes, symbols);
    if (c->program) limits_of_program(c->program, &report.held_to);
    if (!c->target->wants_sizes) report.peak = compute_limit(c, &report);
    Profile *own = arena_new(c->arena, Profile);
    if (wants_profile(o)) {
        if (!profile(c, profiled, inputs, symbols, report.threads, own)) return false;
        report.profile = own;
        report.by_time = !o->sort || strcmp(o->sort, "time") == 0;
        report.arena = c->arena;
    }
    (o->json ? print_json : print_text)(&report);
    return !report.profile || write_profile(c, own);
}

static bool bench_network(Compilation *c, Executable *executable, Executable *profiled) {
    if (!compilation_run(c)) return false;
    const Graph *graph = c->source;
    Tensor *inputs = arena_array(c->arena, Tensor, (size_t)graph->ninputs + 1);
    int64_t *symbols =
        arena_array(c->arena, int64_t, (size_t)dim_symbol_count(c->module->dims) + 1);
    /* A symbol without -bind is measured at 1. */
    for (int s = 0; s < dim_symbol_count(c->module->dims); s++) symbols[s] = 1;
    for (int i = 0; i < graph->ninputs; i++) {
        if (!input_random(graph, i, symbols, 1, c->arena, &inputs[i], c->diag))
            return fail(c, EXIT_INPUT);
    }
    return executable_compile(c, executable) && bench(c, executable, profiled, inputs, symbols);
}

/* -bind for an artifact: its symbols, 1 where none is given. */
static bool artifact_symbols(Compilation *c, const nn_network *network, int64_t *symbols) {
    for (uint32_t s = 0; s < network->symbol_count; s++) symbols[s] = 1;
    for (size_t i = 0; i < c->options->binds.len; i++) {
        const NamedText *bind = &c->options->binds.data[i];
        uint32_t s = 0;
        while (s < network->symbol_count && strcmp(network->symbols[s], bind->name) != 0) s++;
        if (s == network->symbol_count) {
            diag_error(c->diag, (Span){0}, "-bind: the network has no symbol '%s'", bind->name);
            return fail(c, EXIT_INPUT);
        }
        if (!setup_integer(bind->text, "-bind", &symbols[s])) return fail(c, EXIT_USAGE);
    }
    return true;
}

static bool bench_artifact(Compilation *c, Executable *executable, Executable *profiled) {
    if (wants_profile(c->options)) {
        diag_error(c->diag, (Span){0}, "a profile needs the network's text, not an artifact");
        return fail(c, EXIT_USAGE);
    }
    if (!setup_target(c) || !executable_open(c->options->file, c->arena, executable, c->diag))
        return fail(c, EXIT_INPUT);
    const nn_network *network = executable->network;
    Tensor *inputs = arena_array(c->arena, Tensor, (size_t)network->input_count + 1);
    int64_t *symbols = arena_array(c->arena, int64_t, (size_t)network->symbol_count + 1);
    if (!artifact_symbols(c, network, symbols)) return false;
    for (uint32_t i = 0; i < network->input_count; i++) {
        int64_t dims[MAX_RANK];
        const nn_tensor *declared = &network->inputs[i];
        for (int axis = 0; axis < declared->rank; axis++)
            dims[axis] = value_or_zero(network, &declared->dims[axis], symbols);
        inputs[i] = tensor_new(c->arena, (DType)declared->type, declared->rank, dims);
        tensor_random(&inputs[i], 1, declared->name);
    }
    return bench(c, executable, profiled, inputs, symbols);
}

int command_bench(const Options *options, Arena *arena) {
    Compilation *c = compilation_create(options, arena);
    c->runs_here = true;
    Executable executable = {0}, profiled = {0};
    size_t length = strlen(options->file);
    bool artifact = length > 3 && strcmp(options->file + length - 3, ".so") == 0;
    (artifact ? bench_artifact : bench_network)(c, &executable, &profiled);
    executable_close(&executable);
    executable_close(&profiled);
    compilation_destroy(c);
    return c->status;
}
