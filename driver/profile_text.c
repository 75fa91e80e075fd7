/* A profile as a table and as JSON. */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "driver/profile.h"

static const char *limit_name(LimitKind kind) {
    return kind < LIMIT_COUNT ? limit_names[kind] : "-";
}

/* ---- table ----------------------------------------------------------------------------------- */

/* The end of a path tells layers apart better than its start. */
static const char *shortened(const char *text, size_t width, Arena *arena) {
    size_t length = strlen(text);
    if (length <= width) return text;
    return arena_printf(arena, "..%s", text + (length - width + 2));
}

static void print_limits(const Limits *limits) {
    printf("  limits    ");
    const char *before = "";
    for (int kind = 0; kind < LIMIT_COUNT; kind++) {
        if (limits->rate[kind] <= 0) continue;
        printf("%s%s %.1f %s", before, limit_names[kind], limits->rate[kind] * 1e-9,
               limit_is_compute(kind) ? "GFLOP/s" : "GB/s");
        before = ", ";
    }
    printf(*before ? " (%lld thread%s)\n" : "unknown (%lld thread%s)\n", (long long)limits->threads,
           limits->threads == 1 ? "" : "s");
}

static void print_series(const char *what, const ProfileSeries *s) {
    if (s->runs == 0) return;
    printf("  %-9s a run %.4f ms: kernels %.4f ms, between them %.4f ms (%zu runs", what,
           1e3 * s->whole, 1e3 * s->kernels, 1e3 * s->between, s->runs);
    if (s->copies > 1) printf(", %zu copies of the weights in turn", s->copies);
    printf(")\n");
}

static void print_row(const Profile *p, const ProfileRow *row, Arena *arena) {
    const char *path = row->call->path && *row->call->path ? row->call->path : "-";
    double seconds = row->seconds > 0 ? row->seconds : 1e-12;
    printf("%-24s %-34s %9.4f %6.1f %9.2f %8.2f  %-8s", shortened(path, 24, arena),
           shortened(row->call->kernel->name, 34, arena), 1e3 * row->seconds,
           p->sum > 0 ? 100 * row->seconds / p->sum : 0, 1e-9 * row->flops / seconds,
           1e-9 * row->bytes / seconds, limit_name(row->limit));
    if (row->limit < LIMIT_COUNT) printf(" %5.1f", 100 * row->share_of_limit);
    printf("%s%s\n", row->cold ? " c" : "", profile_is_far(p, row) ? " *" : "");
}

/* How near all that arithmetic binds comes to its limit, and how many kernels keep it from being
 * nearer. */
static void print_bound(const Profile *p, LimitKind arithmetic) {
    ProfileBound bound = profile_bound(p, arithmetic);
    if (bound.kernels == 0 || p->sum <= 0) return;
    printf("  %-9s binds %zu of %zu kernels, %.1f %% of the time: %.1f %% of it, %zu far from it\n",
           limit_names[arithmetic], bound.kernels, p->count, 100 * bound.seconds / p->sum,
           100 * bound.share_of_limit, bound.far);
}

void profile_print(const Profile *p, bool by_time, Arena *arena) {
    const ProfileRow *rows = profile_sorted(p, by_time, arena);
    bool cold = false, far = false;
    print_limits(&p->limits);
    print_series("warm", &p->warm);
    print_series("cold", &p->cold);
    printf("  timer     %.0f ns a kernel, subtracted\n", 1e9 * p->timer);
    for (int kind = 0; limit_is_compute(kind); kind++) print_bound(p, kind);
    printf("\n");
    printf("%-24s %-34s %9s %6s %9s %8s  %-8s %5s\n", "layer", "kernel", "ms", "%", "GFLOP/s",
           "GB/s", "limit", "% of it");
    for (size_t i = 0; i < p->count; i++) {
        print_row(p, &rows[i], arena);
        cold |= rows[i].cold;
        far |= profile_is_far(p, &rows[i]);
    }
    if (far)
        printf("*: over %.0f %% of the time and under %.0f %% of what the arithmetic could be\n",
               100 * PROFILE_COUNTS, 100 * PROFILE_FAR);
    if (cold) printf("c: each run finds the weights in memory, not in a cache\n");
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void add_series(cJSON *root, const char *name, const ProfileSeries *s) {
    if (s->runs == 0) return;
    cJSON *series = cJSON_AddObjectToObject(root, name);
    cJSON_AddNumberToObject(series, "runs", (double)s->runs);
    cJSON_AddNumberToObject(series, "weight_copies", (double)s->copies);
    cJSON_AddNumberToObject(series, "run_ms", 1e3 * s->whole);
    cJSON_AddNumberToObject(series, "kernels_ms", 1e3 * s->kernels);
    cJSON_AddNumberToObject(series, "between_ms", 1e3 * s->between);
}

static void add_bounds(cJSON *profile, const Profile *p) {
    cJSON *bounds = cJSON_AddObjectToObject(profile, "bound");
    for (int kind = 0; limit_is_compute(kind); kind++) {
        ProfileBound bound = profile_bound(p, kind);
        if (bound.kernels == 0) continue;
        cJSON *item = cJSON_AddObjectToObject(bounds, limit_names[kind]);
        cJSON_AddNumberToObject(item, "kernels", (double)bound.kernels);
        cJSON_AddNumberToObject(item, "ms", 1e3 * bound.seconds);
        cJSON_AddNumberToObject(item, "share_of_limit", bound.share_of_limit);
        cJSON_AddNumberToObject(item, "far", (double)bound.far);
    }
}

static cJSON *row_json(const ProfileRow *row, double sum) {
    cJSON *item = cJSON_CreateObject();
    double seconds = row->seconds > 0 ? row->seconds : 1e-12;
    cJSON_AddNumberToObject(item, "position", (double)row->position);
    cJSON_AddStringToObject(item, "layer", row->call->path ? row->call->path : "");
    cJSON_AddStringToObject(item, "kernel", row->call->kernel->name);
    cJSON_AddNumberToObject(item, "ms", 1e3 * row->seconds);
    cJSON_AddNumberToObject(item, "share", sum > 0 ? row->seconds / sum : 0);
    cJSON_AddNumberToObject(item, "flop", row->flops);
    cJSON_AddNumberToObject(item, "bytes", row->bytes);
    cJSON_AddNumberToObject(item, "weight_bytes", row->weight_bytes);
    cJSON_AddNumberToObject(item, "gflops", 1e-9 * row->flops / seconds);
    cJSON_AddNumberToObject(item, "gbs", 1e-9 * row->bytes / seconds);
    cJSON_AddStringToObject(item, "limit", row->limit < LIMIT_COUNT ? limit_names[row->limit] : "");
    cJSON_AddNumberToObject(item, "share_of_limit", row->share_of_limit);
    cJSON_AddBoolToObject(item, "cold_weights", row->cold);
    return item;
}

void profile_json(const Profile *p, bool by_time, Arena *arena, cJSON *root) {
    cJSON *profile = cJSON_AddObjectToObject(root, "profile");
    cJSON *limits = cJSON_AddObjectToObject(profile, "limits");
    for (int kind = 0; kind < LIMIT_COUNT; kind++) {
        if (p->limits.rate[kind] > 0)
            cJSON_AddNumberToObject(limits, limit_names[kind], p->limits.rate[kind]);
    }
    cJSON_AddNumberToObject(profile, "timer_ns", 1e9 * p->timer);
    add_series(profile, "warm", &p->warm);
    add_series(profile, "cold", &p->cold);
    cJSON_AddNumberToObject(profile, "kernels_ms", 1e3 * p->sum);
    add_bounds(profile, p);
    cJSON *kernels = cJSON_AddArrayToObject(profile, "kernels");
    const ProfileRow *rows = profile_sorted(p, by_time, arena);
    for (size_t i = 0; i < p->count; i++) cJSON_AddItemToArray(kernels, row_json(&rows[i], p->sum));
}
