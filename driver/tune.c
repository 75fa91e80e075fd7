/* nnc tune: from a network to a tuning file, kernel by kernel. */
#define _GNU_SOURCE
#include "driver/tune.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "driver/commands.h"
#include "driver/dump.h"
#include "driver/outputs.h"
#include "driver/setup.h"
#include "driver/tuning.h"

/* ---- the file -------------------------------------------------------------------------------- */

static bool refuse(const Tune *t, const char *what, const char *found, const char *own) {
    diag_error(t->c->diag, (Span){0},
               "'%s' was measured %s '%s', and this is '%s': name another file with -o, or begin "
               "anew with -fresh",
               t->path, what, found, own);
    return fail(t->c, EXIT_INPUT);
}

static bool same_origin(const Tune *t, const Tuning *found, const Tuning *own) {
    if (strcmp(found->machine, own->machine) != 0)
        return refuse(t, "on", found->machine, own->machine);
    if (found->threads != own->threads)
        return refuse(t, "with -threads", arena_printf(t->arena, "%lld", (long long)found->threads),
                      arena_printf(t->arena, "%lld", (long long)own->threads));
    if (strcmp(found->compiler, own->compiler) != 0)
        return refuse(t, "by nnc", found->compiler, own->compiler);
    return true;
}

/* What is in the file is kept, for this network and for others. */
static bool open_tuning(Tune *t) {
    const Compilation *c = t->c;
    Tuning *own =
        tuning_create(t->arena, NNC_VERSION, tuning_machine(t->arena, &c->desc), t->threads);
    t->tuning = own;
    if (c->options->fresh || !file_exists(t->path)) return true;
    t->tuning = tuning_read(t->path, t->arena, c->diag);
    if (!t->tuning) return fail(t->c, EXIT_INPUT);
    return same_origin(t, t->tuning, own);
}

static bool write_tuning(const Tune *t) {
    StrBuf text = {0};
    tuning_print(t->tuning, &text);
    OutputFile file = output_file(t->path, text.data, text.len, 0644);
    bool ok = outputs_write(t->c, &file, 1);
    str_free(&text);
    return ok || fail(t->c, EXIT_INPUT);
}

/* ---- what is seen of it ---------------------------------------------------------------------- */

static double share_of(const Tune *t, const TuneKernel *kernel) {
    double sum = 0;
    for (size_t i = 0; i < t->kernels.len; i++) sum += t->kernels.data[i]->seconds;
    return sum > 0 ? 100 * kernel->seconds / sum : 0;
}

static void show_bar(const Tune *t, size_t done, const char *what) {
    enum { WIDTH = 30 };
    char bar[WIDTH + 1];
    size_t full = t->kernels.len ? WIDTH * done / t->kernels.len : WIDTH;
    for (size_t i = 0; i < WIDTH; i++) bar[i] = i < full ? '#' : '.';
    bar[WIDTH] = 0;
    fprintf(stderr, "\r[%s] %zu of %zu  %-40.40s\033[K", bar, done, t->kernels.len, what);
}

static void show_kernel(const Tune *t, const TuneKernel *kernel, size_t done, bool changed) {
    const TunedPlan *plan = tuning_find(t->tuning, kernel->key);
    if (isatty(STDERR_FILENO)) {
        show_bar(t, done, kernel->name);
        if (!changed) return;
        fputs("\r\033[K", stderr);
    }
    fprintf(stderr, "%zu of %zu  %s, %.1f %%: %s  (%s)\n", done, t->kernels.len, kernel->name,
            share_of(t, kernel), plan ? plan->plan : "left to the model",
            plan ? plan->comment : "");
}

static void show_result(const Tune *t, const TuneResult *result, bool complete) {
    size_t known = 0, changed = 0;
    for (size_t i = 0; i < t->kernels.len; i++) {
        const TuneKernel *kernel = t->kernels.data[i];
        const TunedPlan *plan = tuning_find(t->tuning, kernel->key);
        if (!plan) continue;
        known++;
        changed +=
            strcmp(plan->plan, tune_plan_text(t, &kernel->contraction, &kernel->plans[0])) != 0;
    }
    printf("%zu of %zu contractions measured, %zu plans tried; %zu have another plan than the "
           "model's",
           known, t->kernels.len, t->candidates, changed);
    if (result->dropped > 0)
        printf(" (%zu more were faster alone, but not in the network)", result->dropped);
    printf("\n");
    if (result->before > 0)
        printf("a run: %.4f ms with the model's plans, %.4f ms with those of %s\n",
               1e3 * result->before, 1e3 * result->after, t->path);
    if (!complete) printf("stopped before the end; called again it goes on\n");
}

/* ---- the command ----------------------------------------------------------------------------- */

/* False after a failure; *complete: all are done. */
static bool tune_kernels(Tune *t, bool *complete) {
    bool bar = isatty(STDERR_FILENO), ok = true;
    *complete = true;
    for (size_t i = 0; ok && *complete && i < t->kernels.len; i++) {
        const TuneKernel *kernel = t->kernels.data[i];
        bool changed;
        if (tuning_find(t->tuning, kernel->key)) continue;
        if (bar) show_bar(t, i, kernel->name);
        *complete = !tune_interrupted(t) && tune_search(t, kernel, &changed);
        if (!*complete) break;
        ok = write_tuning(t);
        if (ok) show_kernel(t, kernel, i + 1, changed);
    }
    if (bar) fputs("\r\033[K", stderr);
    return ok;
}

static bool check_target(const Compilation *c, Compilation *status) {
    if (c->target->load && c->desc.group_items == 0 && !c->desc.streams) return true;
    diag_error(c->diag, (Span){0}, "tune measures plans of processors, not those of target %s",
               c->target->name);
    return fail(status, EXIT_USAGE);
}

/* Signals that arrived are seen by tune_interrupted; nothing else has to be told of them. */
static void hold_interrupts(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

static bool tune_network(Tune *t) {
    Compilation *c = t->c;
    bool complete;
    TuneResult result = {0};
    if (!compilation_load(c) || !check_target(c, c) || !compilation_optimize(c)) return false;
    if (!open_tuning(t)) return false;
    hold_interrupts();
    if (!tune_survey(t) || !tune_kernels(t, &complete)) return false;
    if (!tune_check(t, &result) || !write_tuning(t)) return false;
    show_result(t, &result, complete);
    return true;
}

int command_tune(const Options *options, Arena *arena) {
    Compilation *c = compilation_create(options, arena);
    c->runs_here = true;
    Tune *t = arena_new(arena, Tune);
    t->c = c;
    t->arena = arena;
    t->threads = options->threads ? options->threads : sysconf(_SC_NPROCESSORS_ONLN);
    t->path = options->output_path ? options->output_path
                                   : path_with_extension(arena, path_base(options->file), ".tune");
    double limit = options->seconds + 60 * options->minutes;
    if (limit > 0) t->deadline = dump_clock() + limit;
    tune_network(t);
    compilation_destroy(c);
    return c->status;
}
