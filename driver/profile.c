#define _GNU_SOURCE
#include "driver/profile.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/dump.h"

enum { WARM_RUNS = 3, LEAST_RUNS = 5, MOST_RUNS = 2000, TRACED_RUNS = 5, MOST_COPIES = 64 };

/* ---- the clock ------------------------------------------------------------------------------- */

static void mark(void *data, size_t step) {
    ProfileClock *clock = data;
    clock->mark[step] = dump_clock();
}

ProfileClock *profile_clock(Arena *arena) {
    ProfileClock *clock = arena_new(arena, ProfileClock);
    clock->hook = (StepHook){mark, clock};
    return clock;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count) {
    qsort(values, count, sizeof *values, by_value);
    return count ? values[count / 2] : 0;
}

/* What lies between two marks with nothing in between. */
static double timer_cost(const ProfileClock *clock) {
    enum { TRIES = 1001 };
    double times[TRIES], pair[2];
    ProfileClock own = *clock;
    own.mark = pair;
    for (int i = 0; i < TRIES; i++) {
        clock->hook.mark(&own, 0);
        clock->hook.mark(&own, 1);
        times[i] = pair[1] - pair[0];
    }
    return median(times, TRIES);
}

/* ---- copies of the weights ------------------------------------------------------------------- */

/* Contexts that differ in where their weights lie; one after the other in the same memory, so that
 * activations are as warm as ever. */
typedef struct Copies {
    size_t count, next, bytes;
    char *memory; /* count copies, each `bytes` rounded up to 64 */
    void *context;
    size_t context_bytes;
} Copies;

static void *same_memory(void *allocator, size_t bytes, size_t alignment) {
    Copies *copies = allocator;
    (void)alignment;
    if (!copies->context && posix_memalign(&copies->context, 64, bytes) == 0)
        copies->context_bytes = bytes;
    return bytes <= copies->context_bytes ? copies->context : NULL;
}

static void keep_memory(void *allocator, void *memory, size_t bytes) {
    (void)allocator;
    (void)memory;
    (void)bytes;
}

/* As many as together are four times the last cache, within a quarter of the free memory. */
static size_t copies_wanted(const Limits *limits, size_t bytes) {
    int64_t cache =
        limits->capacity[LIMIT_LLC] ? limits->capacity[LIMIT_LLC] : limits->capacity[LIMIT_L2];
    size_t wanted = 4 * (size_t)(cache > 0 ? cache : 32 << 20) / (bytes + 1) + 2;
    long pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    size_t most = pages > 0 && page > 0 ? (size_t)pages / 4 * (size_t)page / (bytes + 1) : 2;
    return wanted < most ? wanted : most;
}

static bool copies_make(const Limits *limits, const LProgram *program, Copies *copies) {
    Arena *arena = arena_create();
    uint8_t *weights = program_weights(program, arena, &copies->bytes);
    size_t stride = (copies->bytes + 63) / 64 * 64, count = copies_wanted(limits, stride);
    void *memory = NULL;
    if (copies->bytes > 0 && count > 1 && posix_memalign(&memory, 4096, stride * count) == 0) {
        copies->memory = memory;
        copies->count = count;
        for (size_t i = 0; i < count; i++)
            memcpy(copies->memory + i * stride, weights, copies->bytes);
    }
    arena_destroy(arena);
    return copies->count > 1;
}

static void copies_free(Copies *copies) {
    free(copies->memory);
    free(copies->context);
}

static nn_context *copies_context(Copies *copies, const Executable *e) {
    nn_options options = e->options;
    size_t stride = (copies->bytes + 63) / 64 * 64;
    options.allocate = same_memory;
    options.release = keep_memory;
    options.allocator = copies;
    options.weights = copies->memory + copies->next * stride;
    options.weights_bytes = copies->bytes;
    copies->next = (copies->next + 1) % copies->count;
    nn_context *context = NULL;
    return e->network->create(&options, &context) == NN_OK ? context : NULL;
}

/* ---- one run --------------------------------------------------------------------------------- */

static bool run_once(Executable *e, Copies *copies, double *whole, Diag *diag) {
    nn_context *own = e->context;
    if (copies) {
        nn_context *other = copies_context(copies, e);
        if (!other) {
            diag_error(diag, (Span){0}, "cannot set the network up with weights elsewhere");
            return false;
        }
        e->context = other;
    }
    double start = dump_clock();
    bool ok = executable_run(e, diag);
    *whole = dump_clock() - start;
    e->context = own;
    return ok;
}

/* Seconds of each call from the marks of a run. */
static void add_times(const Profile *p, const double *marks, double *calls) {
    for (size_t i = 0; i < p->count; i++) calls[i] = 0;
    for (size_t s = 0; s < p->step_count; s++) {
        double time = marks[s + 1] - marks[s] - p->timer;
        calls[p->step_calls ? p->step_calls[s] : s] += time > 0 ? time : 0;
    }
}

static bool run_series(Compilation *c, Executable *e, ProfileClock *clock, Copies *copies,
                       Profile *p, ProfileSeries *series) {
    const Options *o = c->options;
    VEC(double) whole = {0}, sums = {0}, between = {0};
    VEC(double *) calls = {0};
    double *marks = arena_array(c->arena, double, p->step_count + 1), time;
    double seconds = o->seconds > 0 ? o->seconds : 1, begin = dump_clock();
    clock->mark = marks;
    p->trace.len = 0;
    size_t warm = copies ? copies->count : WARM_RUNS, done;
    if (warm > 8) warm = 8;
    for (size_t i = 0; i < warm; i++) {
        if (!run_once(e, copies, &time, c->diag)) return false;
    }
    do {
        double start = dump_clock();
        if (!run_once(e, copies, &time, c->diag)) return false;
        double *times = arena_array(c->arena, double, p->count + 1);
        add_times(p, marks, times);
        double sum = 0;
        for (size_t i = 0; i < p->count; i++) sum += times[i];
        vec_push(c->arena, &whole, time);
        vec_push(c->arena, &sums, sum);
        vec_push(c->arena, &between, time - sum - p->timer * (double)(p->step_count + 1));
        vec_push(c->arena, &calls, times);
        if (p->trace.len < TRACED_RUNS) {
            ProfileRun run = {start, start + time,
                              arena_array(c->arena, double, p->step_count + 1)};
            memcpy(run.mark, marks, (p->step_count + 1) * sizeof *marks);
            vec_push(c->arena, &p->trace, run);
        }
        done = whole.len;
    } while (o->runs ? done < (size_t)o->runs && done < MOST_RUNS
                     : done < LEAST_RUNS || (dump_clock() - begin < seconds && done < MOST_RUNS));
    double *column = arena_array(c->arena, double, done);
    series->call = arena_array(c->arena, double, p->count + 1);
    series->runs = done;
    series->copies = copies ? copies->count : 1;
    series->whole = median(whole.data, done);
    series->kernels = median(sums.data, done);
    series->between = median(between.data, done);
    if (series->between < 0) series->between = 0;
    for (size_t i = 0; i < p->count; i++) {
        for (size_t r = 0; r < done; r++) column[r] = calls.data[r][i];
        series->call[i] = median(column, done);
    }
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void fill_rows(Profile *p, bool all_cold) {
    p->sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        ProfileRow *row = &p->rows[i];
        row->cold =
            p->cold.runs > 0 && row->weight_bytes > 0 && (all_cold || profile_is_one_row(row));
        row->seconds = (row->cold || all_cold ? &p->cold : &p->warm)->call[i];
        p->sum += row->seconds;
    }
    profile_limits(p);
}

static bool over_limit(const Profile *p) {
    for (size_t i = 0; i < p->count; i++) {
        if (p->rows[i].share_of_limit > 1) return true;
    }
    return false;
}

static bool has_one_row(const Profile *p) {
    for (size_t i = 0; i < p->count; i++) {
        if (profile_is_one_row(&p->rows[i])) return true;
    }
    return false;
}

/* Those that count for the program; others may be known from other runs. */
static Limits limits_wanted(const Compilation *c, int64_t threads, bool fresh) {
    LimitKind compute;
    unsigned mask = limits_of_program(c->program, &compute);
    Limits limits = limits_get(c, threads, mask, fresh);
    for (int kind = 0; kind < LIMIT_COUNT; kind++)
        if (!(mask & 1u << kind)) limits.rate[kind] = 0;
    return limits;
}

/* A limit that something exceeds was measured while the machine was busy. */
static void raise_limits(const Compilation *c, Profile *p) {
    Limits known = limits_get(c, p->threads, 0, false);
    Limits again = limits_wanted(c, p->threads, true);
    for (int kind = 0; kind < LIMIT_COUNT; kind++) {
        if (again.rate[kind] > p->limits.rate[kind]) p->limits.rate[kind] = again.rate[kind];
        if (p->limits.rate[kind] > 0) known.rate[kind] = p->limits.rate[kind];
    }
    limits_cache_write(c, &known);
}

bool profile_measure(Compilation *c, Executable *e, ProfileClock *clock, const int64_t *symbols,
                     int64_t threads, Profile *p) {
    *p = (Profile){.program = c->program,
                   .network = e->network,
                   .symbols = e->limits,
                   .threads = threads,
                   .count = c->program->calls.len,
                   .step_count = e->loaded.step_count,
                   .step_calls = e->loaded.step_calls};
    p->rows = arena_array(c->arena, ProfileRow, p->count + 1);
    for (size_t i = 0; i < p->count; i++) {
        p->rows[i].call = &c->program->calls.data[i];
        p->rows[i].position = i;
    }
    p->timer = timer_cost(clock);
    p->limits = limits_wanted(c, threads, c->options->fresh_limits);
    profile_work(p, symbols);
    Copies copies = {0};
    bool all_cold = c->options->cold_weights, ok = true;
    if (e->loaded.in_host_memory && (all_cold || has_one_row(p)) &&
        copies_make(&p->limits, c->program, &copies)) {
        ok = run_series(c, e, clock, &copies, p, &p->cold);
    }
    copies_free(&copies);
    all_cold = all_cold && p->cold.runs > 0;
    if (ok && !all_cold) ok = run_series(c, e, clock, NULL, p, &p->warm);
    if (!ok) return false;
    fill_rows(p, all_cold);
    if (!over_limit(p)) return true;
    raise_limits(c, p);
    profile_limits(p);
    return true;
}

static int slowest_first(const void *a, const void *b) {
    const ProfileRow *x = a, *y = b;
    if (x->seconds != y->seconds) return x->seconds < y->seconds ? 1 : -1;
    return (x->position > y->position) - (x->position < y->position);
}

ProfileRow *profile_sorted(const Profile *p, bool by_time, Arena *arena) {
    ProfileRow *rows = arena_array(arena, ProfileRow, p->count + 1);
    memcpy(rows, p->rows, p->count * sizeof *rows);
    if (by_time) qsort(rows, p->count, sizeof *rows, slowest_first);
    return rows;
}
