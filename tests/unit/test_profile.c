/* Profiles: what is counted, what is shown, and limits that others wrote. */
#define _GNU_SOURCE
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/profile.h"
#include "driver/setup.h"

static const char network[] = "network parts(x: f32[N, 16, 8, 8], v: f32[N, 64], m: f32[N, 24]) "
                              "-> (a: f32[N, 32, 8, 8], b: f32[N, 4096], c: f32[N, N]) {\n"
                              "  a = conv2d(x, 32, 3, pad=1)\n  b = dense(v, 4096)\n  c = "
                              "matmul(m, transpose(m, [1, 0]))\n}\n";

typedef struct Case {
    char folder[64];
    Arena *arena;
    Options options;
    Compilation *c;
    Executable executable;
    Profile profile;
} Case;

/* N is 3; each test has a cache folder of its own. */
static void start(Case *t, int64_t n) {
    memset(t, 0, sizeof *t);
    strcpy(t->folder, "/tmp/nnc-profile-XXXXXX");
    cr_assert(mkdtemp(t->folder));
    unsetenv("NNC_CACHE_DIR");
    setenv("XDG_CACHE_HOME", t->folder, 1);
    t->arena = arena_create();
    char *path = arena_printf(t->arena, "%s/parts.nn", t->folder);
    FILE *file = fopen(path, "w");
    fputs(network, file);
    fclose(file);
    t->options = (Options){.command = COMMAND_BENCH,
                           .file = path,
                           .weights = "random",
                           .level = 2,
                           .threads = 1,
                           .runs = 20};
    t->c = compilation_create(&t->options, t->arena);
    t->c->runs_here = true;
    cr_assert(compilation_run(t->c));
    ProfileClock *clock = profile_clock(t->arena);
    t->c->target_options.hook = &clock->hook;
    cr_assert(executable_compile(t->c, &t->executable));
    t->c->target_options.hook = NULL;
    Tensor *inputs = arena_array(t->arena, Tensor, 3);
    int64_t shapes[3][4] = {{n, 16, 8, 8}, {n, 64}, {n, 24}};
    for (int i = 0; i < 3; i++) {
        inputs[i] = tensor_new(t->arena, DT_f32, i ? 2 : 4, shapes[i]);
        memset(inputs[i].data, 0, inputs[i].bytes);
    }
    clock->mark = arena_array(t->arena, double, t->executable.loaded.step_count + 1);
    cr_assert(executable_bind(&t->executable, inputs, &n, 1, t->c->diag));
    cr_assert(profile_measure(t->c, &t->executable, clock, &n, 1, &t->profile));
}

static int remove_entry(const char *path, const struct stat *s, int type, struct FTW *place) {
    (void)s, (void)type, (void)place;
    return remove(path);
}

static void finish(Case *t) {
    cr_expect_eq(nftw(t->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
    executable_close(&t->executable);
    compilation_destroy(t->c);
    arena_destroy(t->arena);
}

static const ProfileRow *row_of(const Profile *p, const char *family) {
    for (size_t i = 0; i < p->count; i++) {
        if (strncmp(p->rows[i].call->kernel->name, family, strlen(family)) == 0) return &p->rows[i];
    }
    cr_assert_fail("no kernel %s", family);
    return p->rows;
}

Test(profile, counts_and_times) {
    Case t;
    start(&t, 3);
    const Profile *p = &t.profile;
    cr_assert_eq(p->count, t.c->program->calls.len);
    cr_expect_eq(row_of(p, "conv2d")->flops, 2.0 * 3 * 32 * 8 * 8 * 16 * 9);
    cr_expect_eq(row_of(p, "dense")->flops, 2.0 * 3 * 4096 * 64);
    cr_expect_eq(row_of(p, "matmul")->flops, 2.0 * 3 * 3 * 24);
    cr_expect_eq(row_of(p, "dense")->bytes, 4.0 * (3 * 64 + 4096 * 64 + 4096 + 3 * 4096));
    cr_expect_eq(p->cold.runs, 0, "no product has one row");
    double sum = 0;
    for (size_t i = 0; i < p->count; i++) {
        cr_expect_eq(p->rows[i].position, i);
        cr_expect_geq(p->rows[i].seconds, 0);
        sum += p->rows[i].seconds;
    }
    cr_expect(sum > 0 && sum < 1.5 * p->warm.whole, "kernels %g s, a run %g s", sum, p->warm.whole);
    cr_expect_leq(p->warm.kernels, p->warm.whole);
    finish(&t);
}

Test(profile, one_row_finds_weights_in_memory) {
    Case t;
    start(&t, 1);
    const Profile *p = &t.profile;
    cr_expect(row_of(p, "dense")->cold);
    cr_expect_not(row_of(p, "conv2d")->cold);
    cr_expect_eq(p->cold.runs, 20);
    cr_expect_geq((double)p->cold.copies * (double)t.c->program->weight_bytes,
                  (double)p->limits.capacity[LIMIT_LLC]);
    finish(&t);
}

Test(profile, arithmetic_is_weighed_by_work) {
    ProfileRow rows[] = {{.limit = LIMIT_FMA, .seconds = 6, .share_of_limit = 0.9},
                         {.limit = LIMIT_FMA, .seconds = 3, .share_of_limit = 0.6},
                         {.limit = LIMIT_FMA, .seconds = 0.05, .share_of_limit = 0.1},
                         {.limit = LIMIT_DOT, .seconds = 0.5, .share_of_limit = 0.8},
                         {.limit = LIMIT_LLC, .seconds = 0.4, .share_of_limit = 0.2},
                         {.limit = LIMIT_COUNT, .seconds = 0.05}};
    Profile p = {.rows = rows, .count = COUNT_OF(rows), .sum = 10};
    ProfileBound bound = profile_bound(&p, LIMIT_FMA);
    cr_expect_eq(bound.kernels, 3);
    cr_expect_float_eq(bound.seconds, 9.05, 1e-12);
    cr_expect_float_eq(bound.share_of_limit, (6 * 0.9 + 3 * 0.6 + 0.05 * 0.1) / 9.05, 1e-12);
    cr_expect_eq(bound.far, 1, "what takes little time does not count");
    cr_expect_eq(profile_bound(&p, LIMIT_DOT).far, 0);
    cr_expect_not(profile_is_far(&p, &rows[4]), "memory binds it");
    cr_expect_eq(profile_bound(&(Profile){0}, LIMIT_FMA).share_of_limit, 0);
}

static void check_json(const Case *t) {
    cJSON *root = cJSON_CreateObject();
    profile_json(&t->profile, true, t->arena, root);
    const cJSON *kernels = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "profile"), "kernels");
    const cJSON *kernel;
    double shares = 0, before = 1e9;
    cr_expect_eq(cJSON_GetArraySize(kernels), (int)t->profile.count);
    cJSON_ArrayForEach(kernel, kernels) {
        double ms = cJSON_GetNumberValue(cJSON_GetObjectItem(kernel, "ms"));
        shares += cJSON_GetNumberValue(cJSON_GetObjectItem(kernel, "share"));
        cr_expect_leq(ms, before, "slowest first");
        before = ms;
    }
    cr_expect_float_eq(shares, 1, 1e-9);
    const cJSON *bounds = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "profile"), "bound");
    ProfileBound bound = profile_bound(&t->profile, LIMIT_FMA);
    const cJSON *fma = cJSON_GetObjectItem(bounds, limit_names[LIMIT_FMA]);
    cr_expect_eq(cJSON_GetNumberValue(cJSON_GetObjectItem(fma, "kernels")), (double)bound.kernels);
    cJSON_Delete(root);
}

static void check_trace(const Case *t) {
    StrBuf text = {0};
    profile_trace(&t->profile, &text);
    cJSON *root = cJSON_Parse(str_text(&text));
    const cJSON *event;
    double end = -1;
    size_t slices = 0;
    cr_assert(root);
    cJSON_ArrayForEach(event, cJSON_GetObjectItem(root, "traceEvents")) {
        const char *phase = cJSON_GetStringValue(cJSON_GetObjectItem(event, "ph"));
        if (strcmp(phase, "X") != 0 || cJSON_GetObjectItem(event, "tid")->valueint != 2) continue;
        double start = cJSON_GetNumberValue(cJSON_GetObjectItem(event, "ts"));
        cr_expect_geq(start, end - 1e-3, "slices of a track follow each other");
        end = start + cJSON_GetNumberValue(cJSON_GetObjectItem(event, "dur"));
        slices++;
    }
    cr_expect_eq(slices, t->profile.trace.len * t->profile.step_count);
    cJSON_Delete(root);
    str_free(&text);
}

/* Every tag is closed in its order. */
static bool well_formed(const char *text) {
    char open[32][16];
    int depth = 0;
    for (text = strchr(text, '<'); text; text = strchr(text + 1, '<')) {
        const char *end = strchr(text, '>');
        size_t length = strcspn(text + 1, " />");
        if (!end || length > 15 || depth > 31) return false;
        if (text[1] == '/') {
            length = strcspn(text + 2, ">");
            if (depth-- == 0 || strncmp(open[depth], text + 2, length) != 0) return false;
        } else if (end[-1] != '/') {
            snprintf(open[depth++], 16, "%.*s", (int)length, text + 1);
        }
    }
    return depth == 0;
}

Test(profile, forms) {
    Case t;
    start(&t, 3);
    t.profile.rows[0].call = &(LCall){.kernel = t.profile.rows[0].call->kernel, .path = "a<b>&\""};
    check_json(&t);
    check_trace(&t);
    StrBuf plot = {0};
    profile_plot(&t.profile, t.arena, &plot);
    size_t dots = 0;
    for (const char *at = str_text(&plot); (at = strstr(at, "<circle ")); at++) dots++;
    cr_expect_eq(dots, t.profile.count);
    cr_expect(well_formed(str_text(&plot)));
    cr_expect(strstr(str_text(&plot), "a&lt;b&gt;&amp;&quot;"));
    str_free(&plot);
    finish(&t);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static char *cache_file(const Case *t) {
    char *command = arena_printf(t->arena, "ls %s/nnc/limits-*.json", t->folder), path[256];
    FILE *list = popen(command, "r");
    cr_assert(list && fgets(path, sizeof path, list));
    pclose(list);
    path[strcspn(path, "\n")] = 0;
    return arena_strdup(t->arena, path);
}

static void expect_nothing(const Case *t, const char *what) {
    Limits limits = {.threads = 1};
    limits_cache_read(t->c, &limits);
    for (int kind = 0; kind < LIMIT_COUNT; kind++) cr_expect_eq(limits.rate[kind], 0, "%s", what);
}

static void overwrite(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
}

Test(profile, limits_are_kept_and_not_believed) {
    Case t;
    start(&t, 3);
    Limits kept = {.threads = 1};
    limits_cache_read(t.c, &kept);
    for (int kind = 0; kind < LIMIT_COUNT; kind++)
        cr_expect_float_eq(kept.rate[kind] / (t.profile.limits.rate[kind] + 1e-9),
                           t.profile.limits.rate[kind] > 0, 1e-6);
    char *path = cache_file(&t), text[4096], *huge = arena_alloc(t.arena, 100001);
    FILE *file = fopen(path, "r");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    char *number = strstr(text, "\"fma\":") + 6;
    *number = 0;
    static const char *const bad[] = {" -1e9}", " 1e300}", " 0}", " \"fast\"}",
                                      " null}", " 1e999}", ""};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        overwrite(path, arena_printf(t.arena, "%s%s", text, bad[i]));
        expect_nothing(&t, bad[i]);
    }
    overwrite(path, "{\"key\": \"another\", \"fma\": 1e11}");
    expect_nothing(&t, "another key");
    memset(huge, '[', 100000);
    huge[100000] = 0;
    overwrite(path, huge);
    expect_nothing(&t, "too long");
    unlink(path);
    cr_assert_eq(symlink("/dev/zero", path), 0);
    expect_nothing(&t, "a link");
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_nothing(&t, "a pipe");
    finish(&t);
}

Test(profile, limits_without_a_folder) {
    Case t;
    start(&t, 3);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    Limits limits = {.threads = 1, .rate = {1e11}};
    limits_cache_write(t.c, &limits);
    expect_nothing(&t, "no folder");
    setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
    limits_cache_write(t.c, &limits);
    expect_nothing(&t, "cannot be made");
    finish(&t);
}
