/* What tuning sees of the whole network: its contractions at first, whether their new plans pay in
 * the end. */
#include <stdlib.h>
#include <string.h>

#include "driver/dump.h"
#include "driver/inputs.h"
#include "driver/profile.h"
#include "driver/tune.h"

/* ---- the contractions ------------------------------------------------------------------------ */

static TuneKernel *find_kernel(const Tune *t, const char *key) {
    for (size_t i = 0; i < t->kernels.len; i++)
        if (strcmp(t->kernels.data[i]->key, key) == 0) return t->kernels.data[i];
    return NULL;
}

static bool list_contraction(void *self, const PlanRequest *request, ContractionPlan *plan) {
    Tune *t = self;
    TuneKernel *kernel = find_kernel(t, request->key);
    (void)plan;
    if (!kernel) {
        kernel = arena_new(t->arena, TuneKernel);
        kernel->key = request->key;
        kernel->node = request->node;
        kernel->contraction = *request->contraction;
        kernel->nplans = contraction_plans(request->contraction, request->target, request->dims,
                                           kernel->plans, MOST_CANDIDATES);
        vec_push(t->arena, &t->kernels, kernel);
    }
    vec_push(t->arena, &kernel->calls, request->call);
    return false;
}

/* The network compiled with plans of a source. */
typedef struct Whole {
    Compilation compilation;
    Executable executable;
    ProfileClock *clock;
    double *times; /* [run][call], seconds; behind the calls the whole run's */
    size_t ncalls, runs;
    double *medians; /* by call, and of the whole */
} Whole;

enum { MOST_RUNS = 400 };

static bool whole_compile(const Tune *t, const PlanSource *plans, Whole *w) {
    w->compilation = *t->c;
    Compilation *c = &w->compilation;
    c->plans = plans;
    w->clock = profile_clock(t->arena);
    bool ok = compilation_lower(c);
    c->target_options.hook = &w->clock->hook;
    ok = ok && executable_compile(c, &w->executable);
    if (!ok) return fail(t->c, c->status);
    w->clock->mark = arena_array(t->arena, double, w->executable.loaded.step_count + 1);
    w->ncalls = c->program->calls.len;
    w->times = arena_array(t->arena, double, MOST_RUNS *(w->ncalls + 1));
    w->medians = arena_array(t->arena, double, w->ncalls + 1);
    if (!executable_bind(&w->executable, t->inputs, t->symbols, (size_t)t->c->options->threads,
                         c->diag))
        return fail(t->c, executable_exit(&w->executable));
    if (w->executable.loaded.observe)
        w->executable.loaded.observe(w->executable.context, &w->clock->hook);
    return true;
}

static bool whole_run(const Tune *t, Whole *w) {
    const LoadedNetwork *loaded = &w->executable.loaded;
    double *times = w->times + w->runs * (w->ncalls + 1), start = dump_clock();
    if (!executable_run(&w->executable, t->c->diag))
        return fail(t->c, executable_exit(&w->executable));
    times[w->ncalls] = dump_clock() - start;
    for (size_t i = 0; i < w->ncalls; i++) times[i] = 0;
    for (size_t s = 0; s < loaded->step_count; s++)
        times[loaded->step_calls ? loaded->step_calls[s] : s] +=
            w->clock->mark[s + 1] - w->clock->mark[s];
    w->runs++;
    return true;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void whole_medians(Whole *w) {
    double column[MOST_RUNS];
    for (size_t i = 0; i <= w->ncalls; i++) {
        for (size_t r = 0; r < w->runs; r++) column[r] = w->times[r * (w->ncalls + 1) + i];
        qsort(column, w->runs, sizeof *column, by_value);
        w->medians[i] = column[w->runs / 2];
    }
}

/* Runs them in turn; the first run of each is not counted. */
static bool whole_measure(const Tune *t, size_t count, Whole *const *all, double seconds) {
    enum { LEAST_RUNS = 7 };
    for (size_t i = 0; i < count; i++) {
        all[i]->runs = 0;
        if (!whole_run(t, all[i])) return false;
        all[i]->runs = 0;
    }
    double end = dump_clock() + seconds;
    while (all[0]->runs < LEAST_RUNS || (all[0]->runs < MOST_RUNS && dump_clock() < end)) {
        for (size_t i = 0; i < count; i++)
            if (!whole_run(t, all[i])) return false;
    }
    for (size_t i = 0; i < count; i++) whole_medians(all[i]);
    return true;
}

static double kernel_seconds(const TuneKernel *kernel, const Whole *w) {
    double sum = 0;
    for (size_t i = 0; i < kernel->calls.len; i++) sum += w->medians[kernel->calls.data[i]];
    return sum;
}

static int slowest_first(const void *a, const void *b) {
    const TuneKernel *x = *(TuneKernel *const *)a, *y = *(TuneKernel *const *)b;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    return strcmp(x->key, y->key);
}

static bool make_inputs(Tune *t) {
    const Graph *graph = t->c->source;
    int count = dim_symbol_count(t->c->module->dims);
    int64_t *symbols = arena_array(t->arena, int64_t, (size_t)count + 1);
    for (int s = 0; s < count; s++) symbols[s] = 1; /* without -bind, as bench does it */
    t->symbols = symbols;
    t->inputs = arena_array(t->arena, Tensor, (size_t)graph->ninputs + 1);
    for (int i = 0; i < graph->ninputs; i++) {
        if (!input_random(graph, i, symbols, 1, t->arena, &t->inputs[i], t->c->diag))
            return fail(t->c, EXIT_INPUT);
    }
    return true;
}

/* As much as pushes out what another kernel's run would, but no more than the network has. */
static void make_eviction(Tune *t, const nn_network *network) {
    int64_t activations;
    size_t most = 2 * (size_t)t->c->desc.l2_bytes, all = network->weights_bytes;
    if (nn_eval(&network->arena_bytes, t->symbols, network->symbol_count, &activations) == NN_OK)
        all += (size_t)activations;
    t->evicted = all < most ? all : most;
    t->eviction = arena_alloc(t->arena, t->evicted + 1);
    memset(t->eviction, 1, t->evicted + 1); /* pages of its own */
}

bool tune_survey(Tune *t) {
    static const double seconds = 0.5;
    PlanSource list = {list_contraction, t};
    Whole *w = arena_new(t->arena, Whole);
    bool ok = make_inputs(t) && whole_compile(t, &list, w) && whole_measure(t, 1, &w, seconds);
    if (ok) {
        const LProgram *program = w->compilation.program;
        for (size_t i = 0; i < t->kernels.len; i++) {
            TuneKernel *kernel = t->kernels.data[i];
            kernel->name = program->calls.data[kernel->calls.data[0]].kernel->name;
            kernel->seconds = kernel_seconds(kernel, w);
        }
        if (t->kernels.len > 0)
            qsort(t->kernels.data, t->kernels.len, sizeof *t->kernels.data, slowest_first);
        make_eviction(t, w->executable.network);
    }
    executable_close(&w->executable);
    return ok;
}

/* ---- the check ------------------------------------------------------------------------------- */

static bool tuned_plan(void *self, const PlanRequest *request, ContractionPlan *plan) {
    const Tune *t = self;
    const TunedPlan *found = tuning_find(t->tuning, request->key);
    return found && plan_parse(request->contraction, found->plan, plan) &&
           plan_fits(request->contraction, request->target, request->dims, plan);
}

static bool is_changed(const Tune *t, const TuneKernel *kernel) {
    const TunedPlan *found = tuning_find(t->tuning, kernel->key);
    return found &&
           strcmp(found->plan, tune_plan_text(t, &kernel->contraction, &kernel->plans[0])) != 0;
}

/* Plans that are not faster here than the model's go, and all where the whole is slower with them;
 * returns how many. */
static size_t drop_plans(Tune *t, const Whole *before, const Whole *after) {
    static const double margin = 0.99, slower = 1.01;
    size_t dropped = 0;
    bool all = after->medians[after->ncalls] > slower * before->medians[before->ncalls];
    for (size_t i = 0; i < t->kernels.len; i++) {
        const TuneKernel *kernel = t->kernels.data[i];
        double old = kernel_seconds(kernel, before), new = kernel_seconds(kernel, after);
        if (!is_changed(t, kernel) || (!all && new < margin *old)) continue;
        const char *plan = tune_plan_text(t, &kernel->contraction, &kernel->plans[0]);
        double each = old / (double)kernel->calls.len;
        tuning_set(t->tuning, kernel->key, plan,
                   arena_printf(t->arena, "%.4f ms; in the network none was faster", 1e3 * each));
        dropped++;
    }
    return dropped;
}

static bool same_results(const Tune *t, const Whole *before, const Whole *after) {
    const nn_network *network = before->executable.network;
    for (uint32_t i = 0; i < network->output_count; i++) {
        const Tensor *expected = &before->executable.outputs[i];
        double tolerance = expected->dtype == DT_f16 || expected->dtype == DT_bf16 ? 1e-2 : 1e-4;
        Agreement a = tensor_agreement(&after->executable.outputs[i], expected, tolerance);
        if (a.agrees) continue;
        diag_error(t->c->diag, (Span){0},
                   "with these plans output '%s' differs by %.2e: please report it with '%s'",
                   network->outputs[i].name, a.relative_l2, t->path);
        return fail(t->c, EXIT_DEFECT);
    }
    return true;
}

/* One comparison of the model's plans with those of the tuning. */
static bool compare(Tune *t, Whole *before, TuneResult *result, size_t *dropped) {
    static const double seconds = 2;
    PlanSource tuned = {tuned_plan, t};
    Whole *after = arena_new(t->arena, Whole), *both[] = {before, after};
    bool ok = whole_compile(t, &tuned, after) && whole_measure(t, 2, both, seconds) &&
              same_results(t, before, after);
    if (ok) {
        result->before = before->medians[before->ncalls];
        result->after = after->medians[after->ncalls];
        *dropped = drop_plans(t, before, after);
        result->dropped += *dropped;
    }
    executable_close(&after->executable);
    return ok;
}

bool tune_check(Tune *t, TuneResult *result) {
    enum { MOST_ROUNDS = 3 };
    Whole *before = arena_new(t->arena, Whole);
    size_t dropped = 1;
    *result = (TuneResult){0};
    bool ok = whole_compile(t, NULL, before);
    for (int round = 0; ok && dropped > 0 && round < MOST_ROUNDS; round++)
        ok = compare(t, before, result, &dropped);
    executable_close(&before->executable);
    return ok;
}
