/* nnc verify: every target against the reference on generated inputs; where one is off, the first
 * value that is. */
#include <stdio.h>
#include <string.h>

#include "driver/commands.h"
#include "driver/execute.h"
#include "driver/inputs.h"
#include "driver/locate.h"
#include "driver/setup.h"

/* Sizes that symbols take in turn: one, odd, larger than a vector, nothing at all. */
static const int64_t trial_sizes[] = {1, 3, 2, 17, 0, 5, 8, 33};

enum { DEFAULT_TRIALS = 8 };

typedef struct Trial {
    int64_t *symbols;
    Tensor *inputs, *reference;
} Trial;

/* What the network cannot do with the sizes of this trial is said through diag. */
static bool make_trial(Compilation *c, const Graph *graph, int64_t number, Arena *arena, Diag *diag,
                       Trial *trial) {
    int count = dim_symbol_count(c->module->dims);
    *trial = (Trial){
        arena_array(arena, int64_t, (size_t)count + 1),
        arena_array(arena, Tensor, (size_t)graph->ninputs + 1),
        arena_array(arena, Tensor, (size_t)graph->noutputs + 1),
    };
    for (int s = 0; s < count; s++)
        trial->symbols[s] = trial_sizes[(number + s) % (int64_t)COUNT_OF(trial_sizes)];
    for (int i = 0; i < graph->ninputs; i++) {
        if (!input_random(graph, i, trial->symbols, (uint64_t)number, arena, &trial->inputs[i],
                          diag))
            return false;
    }
    InterpOptions options = {.symbols = trial->symbols};
    return interp_run(graph, trial->inputs, trial->reference, arena, &options, diag);
}

typedef struct Worst {
    bool agrees;
    double relative_l2, max_error;
} Worst;

static bool compare(Compilation *c, const Trial *trial, const Tensor *outputs, Worst *worst) {
    bool agrees = true;
    for (int i = 0; i < c->source->noutputs; i++) {
        Agreement a = tensor_agreement(&outputs[i], &trial->reference[i],
                                       compilation_tolerance(c, &outputs[i]));
        agrees = agrees && a.agrees;
        worst[i].agrees = worst[i].agrees && a.agrees;
        if (a.relative_l2 > worst[i].relative_l2) worst[i].relative_l2 = a.relative_l2;
        if (a.max_error > worst[i].max_error) worst[i].max_error = a.max_error;
    }
    return agrees;
}

static void print_symbols(Compilation *c, const Trial *trial) {
    for (int s = 0; s < dim_symbol_count(c->module->dims); s++) {
        printf("%s%s = %lld", s ? ", " : " at ", dim_symbol_name(c->module->dims, s),
               (long long)trial->symbols[s]);
    }
}

/* One trial on the target; false where something failed, `agrees` false where it is off. */
static bool run_trial(Compilation *c, Executable *executable, const Trial *trial, Worst *worst,
                      bool *agrees) {
    if (!executable_bind(executable, trial->inputs, trial->symbols, (size_t)c->options->threads,
                         c->diag) ||
        !executable_run(executable, c->diag))
        return false;
    *agrees = compare(c, trial, executable->outputs, worst);
    if (*agrees) return true;
    printf("%s: OFF", c->target->name);
    print_symbols(c, trial);
    printf("\n");
    locate_first_wrong(c, trial->inputs, trial->symbols, executable->arena);
    return true;
}

static bool has_elements(const Graph *graph, const Tensor *outputs) {
    for (int i = 0; i < graph->noutputs; i++)
        if (tensor_elements(&outputs[i]) > 0) return true;
    return false;
}

/* Says why a trial could not be made; false. */
static bool explain_refusal(Compilation *c, const Graph *graph, int64_t number) {
    Trial trial;
    make_trial(c, graph, number, c->arena, c->diag, &trial);
    if (dim_symbol_count(c->module->dims) > 0)
        diag_note(c->diag, (Span){0}, "no sizes fit that were tried; give some with -bind");
    return false;
}

/* All trials on the compilation's target; stops at the first that is off and says where it starts.
 * Sizes that the network cannot take, such as an image smaller than a kernel, are passed over as
 * long as there are others. */
static bool verify_target(Compilation *c, int64_t trials) {
    Executable executable;
    Worst *worst = arena_array(c->arena, Worst, (size_t)c->source->noutputs + 1);
    for (int i = 0; i < c->source->noutputs; i++) worst[i].agrees = true;
    const Graph *graph = compilation_reference(c);
    if (!graph || !executable_compile(c, &executable)) return false;
    bool ok = true, agrees = true, compared = false;
    int64_t done = 0, refused = -1, most = trials;
    if (dim_symbol_count(c->module->dims) > 0) most += (int64_t)COUNT_OF(trial_sizes);
    for (int64_t t = 0; ok && agrees && done < trials && t < most; t++) {
        Arena *arena = arena_create();
        Trial trial;
        executable.arena = arena;
        if (make_trial(c, graph, t, arena, diag_create(arena, NULL), &trial)) {
            ok = run_trial(c, &executable, &trial, worst, &agrees);
            bool something = has_elements(graph, trial.reference);
            compared = compared || something;
            done += something || refused < 0;
        } else {
            refused = t;
        }
        arena_destroy(arena);
    }
    if (ok && !compared && refused >= 0) ok = explain_refusal(c, graph, refused);
    int failure = executable_exit(&executable);
    executable_close(&executable);
    if (!ok) return fail(c, failure);
    for (int i = 0; i < c->source->noutputs; i++) {
        printf("%-10s %-16s %-9s relative error %.2e, largest %.2e\n", c->target->name,
               c->source->output_names[i], worst[i].agrees ? "agrees" : "OFF", worst[i].relative_l2,
               worst[i].max_error);
    }
    return agrees || fail(c, EXIT_DEFECT);
}

static bool wanted(const Options *options, const Target *target) {
    if (!options->targets) return true;
    size_t length = strlen(target->name);
    for (const char *at = options->targets; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, target->name, length) == 0 && (at[length] == 0 || at[length] == ','))
            return true;
    }
    return false;
}

static bool check_names(const Options *options, Arena *arena) {
    if (options->targets && !*options->targets) return options_complain("-targets names no target");
    for (const char *at = options->targets; at && *at;) {
        size_t length = strcspn(at, ",");
        const char *name = arena_strndup(arena, at, length);
        if (!target_find(name)) {
            fprintf(stderr, "nnc: -targets: no target is called '%s'\n", name);
            return false;
        }
        at += length + (at[length] == ',');
    }
    return true;
}

/* Whether the target needs sizes that this network has not got; says so where it was not asked for. */
static bool lacks_sizes(const Options *options, const Target *target, Arena *arena) {
    if (!target->wants_sizes || options->targets) return false;
    Compilation *c = compilation_create(options, arena);
    FrontendOptions frontend;
    c->diag = diag_create(arena, NULL);
    const Module *module = NULL;
    if (setup_frontend(c, &frontend)) {
        module = frontend_load(options->file, &frontend, arena, c->diag, &c->sources, &c->nsources);
    }
    compilation_destroy(c);
    if (!module || dim_symbol_count(module->dims) == 0) return false;
    printf("%-10s is for known sizes: give them with -bind\n", target->name);
    return true;
}

int command_verify(const Options *options, Arena *arena) {
    int64_t trials = options->runs ? options->runs : DEFAULT_TRIALS;
    int status = EXIT_OK;
    if (!check_names(options, arena)) return EXIT_USAGE;
    for (size_t t = 0; t < target_count; t++) {
        Options own = *options;
        StrBuf line = {0};
        bool here = target_table[t]->probe(&line);
        str_free(&line);
        own.target = target_table[t]->name;
        if (!wanted(options, target_table[t])) continue;
        if (!here) {
            printf("%-10s cannot run on this machine\n", own.target);
            continue;
        }
        if (lacks_sizes(&own, target_table[t], arena)) continue;
        Compilation *c = compilation_create(&own, arena);
        c->runs_here = true;
        if (compilation_run(c)) verify_target(c, trials);
        if (status == EXIT_OK) status = c->status;
        compilation_destroy(c);
    }
    return status;
}
