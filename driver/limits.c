#define _GNU_SOURCE
#include "driver/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "driver/dump.h"
#include "driver/limit_programs.h"

const char *const limit_names[LIMIT_COUNT] = {"f32 FMA", "bf16 dot", "L1", "L2", "L3", "memory"};

enum { WINDOWS = 8, WINDOW_RUNS = 3, WINDOW_PAUSE = 40 * 1000 * 1000 /* ns */ };
#define WINDOW_SECONDS 0.02
static const int64_t run_bytes = INT64_C(64) << 20; /* that a run reads at least */

LimitKind limit_of_kernel(const LKernel *kernel) {
    return kernel->plan && strstr(kernel->plan, " dot=2") ? LIMIT_DOT : LIMIT_FMA;
}

unsigned limits_of_program(const LProgram *program, LimitKind *compute) {
    *compute = LIMIT_FMA;
    for (size_t i = 0; i < program->calls.len; i++)
        if (limit_of_kernel(program->calls.data[i].kernel) == LIMIT_DOT) *compute = LIMIT_DOT;
    unsigned all = (1u << LIMIT_COUNT) - 1;
    return *compute == LIMIT_DOT ? all : all & ~(1u << LIMIT_DOT);
}

/* ---- caches ---------------------------------------------------------------------------------- */

/* First line of a file of cpu0's cache `index`, "" where there is none. */
static void cache_fact(int index, const char *name, char text[32]) {
    char path[96];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/%s", index, name);
    FILE *file = fopen(path, "r");
    text[0] = 0;
    if (!file) return;
    if (!fgets(text, 32, file)) text[0] = 0;
    fclose(file);
}

static int64_t level_bytes(int level) {
    char text[32];
    for (int index = 0; index < 8; index++) {
        cache_fact(index, "level", text);
        if (atoi(text) != level) continue;
        cache_fact(index, "type", text);
        if (strncmp(text, "Instruction", 11) == 0) continue;
        cache_fact(index, "size", text);
        char *end;
        long long size = strtoll(text, &end, 10);
        int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 0;
        if (size > 0 && size < (INT64_C(1) << 30)) return (int64_t)size << shift;
    }
    return 0;
}

/* L1 and L2 are each core's own, the last level is shared. */
static void find_capacities(const Compilation *c, Limits *limits) {
    int64_t cores = limits->threads < c->desc.cores ? limits->threads : c->desc.cores;
    if (cores < 1) cores = 1;
    limits->capacity[LIMIT_L1] = cores * level_bytes(1);
    limits->capacity[LIMIT_L2] = cores * level_bytes(2);
    limits->capacity[LIMIT_LLC] = level_bytes(3);
    if (limits->capacity[LIMIT_LLC] < 2 * limits->capacity[LIMIT_L2])
        limits->capacity[LIMIT_LLC] = 0;
}

/* ---- measuring ------------------------------------------------------------------------------- */

/* Bytes of each thread that stay in the cache of a level and not in the one before. */
static int64_t working_set(const Limits *limits, LimitKind kind) {
    if (kind != LIMIT_MEMORY) return limits->capacity[kind] / 2 / limits->threads;
    int64_t all = 8 * limits->capacity[LIMIT_LLC], least = INT64_C(256) << 20;
    int64_t pages = sysconf(_SC_AVPHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (all < least) all = least;
    if (all > 4 * least) all = 4 * least;
    if (pages > 0 && page > 0 && all > pages / 4 * page) all = pages / 4 * page;
    return all / limits->threads;
}

static bool make_program(const Compilation *c, const Limits *limits, LimitKind kind,
                         LimitProgram *program) {
    if (kind == LIMIT_FMA) return limit_program_fma(c, limits->threads, program);
    if (kind == LIMIT_DOT) return limit_program_dot(c, limits->threads, program);
    int64_t bytes = working_set(limits, kind);
    return bytes > 0 &&
           limit_program_read(c, limits->threads, bytes, run_bytes * limits->threads, program);
}

/* Short runs, so that some fall between what else the machine does. */
static void run_window(LimitProgram *program, double *best, Diag *diag) {
    double begin = dump_clock(), end = begin;
    for (int run = 0; run < WINDOW_RUNS || end - begin < WINDOW_SECONDS; run++) {
        double start = dump_clock();
        if (!executable_run(&program->executable, diag)) return;
        end = dump_clock();
        double rate = program->work / (end - start);
        if (rate > *best) *best = rate;
    }
}

static void measure(const Compilation *given, unsigned mask, Limits *limits) {
    Compilation c = *given;
    c.arena = arena_create();
    c.diag = diag_create(c.arena, NULL);
    LimitProgram programs[LIMIT_COUNT] = {0};
    for (int kind = 0; kind < LIMIT_COUNT; kind++) {
        if (mask & 1u << kind && !make_program(&c, limits, kind, &programs[kind]))
            mask &= ~(1u << kind);
    }
    for (int window = 0; mask && window < WINDOWS; window++) {
        for (int kind = 0; kind < LIMIT_COUNT; kind++) {
            if (mask & 1u << kind) run_window(&programs[kind], &limits->rate[kind], c.diag);
        }
        nanosleep(&(struct timespec){.tv_nsec = WINDOW_PAUSE}, NULL);
    }
    for (int kind = 0; kind < LIMIT_COUNT; kind++) executable_close(&programs[kind].executable);
    arena_destroy(c.arena);
}

Limits limits_get(const Compilation *c, int64_t threads, unsigned mask, bool fresh) {
    Limits limits = {.threads = threads};
    find_capacities(c, &limits);
    limits_cache_read(c, &limits);
    unsigned missing = fresh ? mask : 0;
    for (int kind = 0; kind < LIMIT_COUNT; kind++) {
        if (limits.rate[kind] == 0) missing |= mask & 1u << kind;
        if (missing & 1u << kind) limits.rate[kind] = 0;
    }
    if (!missing) return limits;
    measure(c, missing, &limits);
    /* Threads that had to share a core with others were slower together than one is alone. */
    Limits alone = {.threads = 1};
    if (threads > 1) alone = limits_get(c, 1, missing, fresh);
    for (int kind = 0; kind < LIMIT_COUNT; kind++) {
        if (alone.rate[kind] > limits.rate[kind]) limits.rate[kind] = alone.rate[kind];
    }
    limits_cache_write(c, &limits);
    return limits;
}
