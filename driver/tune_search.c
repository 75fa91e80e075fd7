/* The search: the plans that the model thinks best, then steps from the fastest of them. */
#define _GNU_SOURCE
#include <signal.h>
#include <string.h>

#include "driver/dump.h"
#include "driver/tune.h"

static const double seconds_each = 0.03;

/* Plans that were tried, by text. */
typedef struct Search {
    Tune *t;
    const TuneKernel *kernel;
    ContractionPlan best;
    Trial *fastest; /* that of best */
    Trial *start;   /* of the model's plan; may be the same */
    VEC(const char *) tried;
} Search;

const char *tune_plan_text(const Tune *t, const Contraction *c, const ContractionPlan *plan) {
    StrBuf text = {0};
    plan_print(c, plan, &text);
    const char *copy = arena_strdup(t->arena, str_text(&text));
    str_free(&text);
    return copy;
}

bool tune_interrupted(const Tune *t) {
    sigset_t pending;
    if (sigpending(&pending) == 0 && sigismember(&pending, SIGINT) == 1) return true;
    return t->deadline > 0 && dump_clock() > t->deadline;
}

static bool is_new(Search *s, const ContractionPlan *plan) {
    const char *text = tune_plan_text(s->t, &s->kernel->contraction, plan);
    for (size_t i = 0; i < s->tried.len; i++)
        if (strcmp(s->tried.data[i], text) == 0) return false;
    vec_push(s->t->arena, &s->tried, text);
    return true;
}

/* Tries a plan; the faster one stays open. True if it is the new best. */
static bool try_plan(Search *s, const ContractionPlan *plan) {
    const Compilation *c = s->t->c;
    if (!plan_fits(&s->kernel->contraction, &c->desc, c->module->dims, plan) || !is_new(s, plan))
        return false;
    Trial *trial = trial_open(s->t, s->kernel, plan);
    if (!trial) return false;
    s->t->candidates++;
    if (!trials_agree(s->start, trial)) {
        diag_warning(c->diag, (Span){0}, "the plan '%s' computes something else; please report it",
                     s->tried.data[s->tried.len - 1]);
        trial_close(trial);
        return false;
    }
    bool better = trial_is_faster(s->t, s->fastest, trial, seconds_each);
    Trial *slower = better ? s->fastest : trial;
    if (better) {
        s->fastest = trial;
        s->best = *plan;
    }
    if (slower != s->start) trial_close(slower);
    return better;
}

/* Steps from a plan in one direction each. */
static size_t neighbours(const ContractionPlan *from, ContractionPlan *plans) {
    static const int steps[] = {1, -1, 2, -2};
    size_t count = 0;
    plans[count] = *from;
    plans[count++].unroll = from->unroll * 2;
    if (from->unroll > 1) {
        plans[count] = *from;
        plans[count++].unroll = from->unroll / 2;
    }
    plans[count] = *from;
    plans[count++].parallel_tiles = from->ntiles > 0 && !from->parallel_tiles;
    plans[count] = *from;
    plans[count++].prefetch = !from->prefetch;
    for (int t = 0; t < from->ntiles; t++) {
        for (size_t i = 0; i < COUNT_OF(steps); i++) {
            if (from->tiles[t].size + steps[i] < 2) continue;
            plans[count] = *from;
            plans[count++].tiles[t].size += steps[i];
        }
    }
    for (int step = -1; step <= 1; step += 2) {
        if (from->vectors + step < 1) continue;
        plans[count] = *from;
        plans[count++].vectors += step;
    }
    return count;
}

enum { MOST_NEIGHBOURS = 4 + 4 * MAX_TILES + 2 };

/* False where it was interrupted. */
static bool climb(Search *s) {
    ContractionPlan plans[MOST_NEIGHBOURS];
    for (bool better = true; better;) {
        size_t count = neighbours(&s->best, plans);
        better = false;
        for (size_t i = 0; i < count && !better; i++) {
            if (tune_interrupted(s->t)) return false;
            better = try_plan(s, &plans[i]);
        }
    }
    return true;
}

static bool search(Search *s) {
    for (size_t i = 1; i < s->kernel->nplans; i++) {
        if (tune_interrupted(s->t)) return false;
        try_plan(s, &s->kernel->plans[i]);
    }
    return climb(s);
}

static void record(Search *s, bool changed) {
    Tune *t = s->t;
    const Contraction *c = &s->kernel->contraction;
    const char *plan = tune_plan_text(t, c, changed ? &s->best : &s->kernel->plans[0]);
    const char *comment = arena_printf(t->arena, "%.4f ms", 1e3 * s->start->median);
    if (changed)
        comment =
            arena_printf(t->arena, "%.4f ms; the model's %.4f ms: %s", 1e3 * s->fastest->median,
                         1e3 * s->start->median, tune_plan_text(t, c, &s->kernel->plans[0]));
    tuning_set(t->tuning, s->kernel->key, plan, comment);
}

bool tune_search(Tune *t, const TuneKernel *kernel, bool *changed) {
    Search s = {.t = t, .kernel = kernel, .best = kernel->plans[0]};
    *changed = false;
    s.start = trial_open(t, kernel, &s.best);
    if (!s.start) return true; /* left to the model */
    s.fastest = s.start;
    is_new(&s, &s.best);
    bool complete = search(&s);
    bool another = s.fastest != s.start;
    if (complete) {
        bool faster = trial_is_faster(t, s.start, s.fastest, 3 * seconds_each);
        *changed = another && faster;
        record(&s, *changed);
    }
    if (another) trial_close(s.fastest);
    trial_close(s.start);
    return complete;
}
