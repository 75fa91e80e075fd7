/* Contexts of launch plans on whatever OpenCL there is: the same statuses and checks as compiled code. */
#define _GNU_SOURCE
#include <pthread.h>

#include "fixture.h"

enum { SKIPPED = 77 };

static void test_init_refuses(Case *c) {
    Watch watch = {.logged = ""};
    int64_t limit = 8, negative = -1, huge = INT64_MAX / 8;
    nn_options options = watch_options(&watch, &limit);
    size_t bytes = nn_plan_context_bytes(&c->network, &c->plan, &limit);
    char *memory = aligned_alloc(64, (bytes + 127) / 64 * 64);
    nn_context *context = NULL;
    CHECK(bytes >= NN_PLAN_CONTEXT_BYTES && bytes < 16384);
    CHECK(nn_plan_context_bytes(&c->network, &c->plan, NULL) == SIZE_MAX);
    CHECK(nn_plan_context_bytes(&c->network, &c->plan, &negative) == SIZE_MAX);
    CHECK(nn_plan_context_bytes(&c->network, &c->plan, &huge) == SIZE_MAX);
#define INIT(memory, bytes, options)                                                               \
    nn_plan_init(&c->network, &c->plan, memory, bytes, options, &context)
    CHECK(nn_plan_init(&c->network, &c->plan, memory, bytes, &options, NULL) == NN_INVALID);
    CHECK(INIT(memory, bytes, NULL) == NN_INVALID && !context && watch.messages == 0);
    CHECK(INIT(NULL, bytes, &options) == NN_INVALID && watch.messages == 1);
    CHECK(INIT(memory + 32, bytes, &options) == NN_INVALID);
    CHECK(INIT(memory, bytes - 1, &options) == NN_NO_MEMORY && watch.messages == 3);
    nn_options wrong = options;
    wrong.struct_bytes -= 8;
    CHECK(INIT(memory, bytes, &wrong) == NN_INVALID && watch.messages == 3);
    wrong = options;
    wrong.limits = NULL;
    CHECK(INIT(memory, bytes, &wrong) == NN_INVALID && strstr(watch.logged, "limits is null"));
    wrong.limits = &negative;
    CHECK(INIT(memory, bytes, &wrong) == NN_INVALID && strstr(watch.logged, "N is negative"));
    wrong.limits = &huge;
    CHECK(INIT(memory, SIZE_MAX, &wrong) == NN_TOO_LARGE);
    wrong = options;
    wrong.weights = memory;
    wrong.weights_bytes = sizeof case_weights - 1;
    CHECK(INIT(memory, bytes, &wrong) == NN_MISMATCH);
    wrong.weights_bytes++;
    wrong.weights = memory + 4;
    CHECK(INIT(memory, bytes, &wrong) == NN_INVALID);
    nn_device nowhere = {.struct_bytes = sizeof nowhere, .index = -1, .name = "no such device"};
    wrong = options;
    wrong.device = &nowhere;
    CHECK(INIT(memory, bytes, &wrong) == NN_UNSUPPORTED && strstr(watch.logged, "no such device"));
    nowhere.struct_bytes = 3;
    CHECK(INIT(memory, bytes, &wrong) == NN_INVALID && !context);
    memset(memory, 0xff, bytes); /* nothing is taken for granted */
    CHECK(INIT(memory, bytes, &options) == NN_OK && context);
    CHECK(strcmp(nn_plan_message(context), "") == 0 && strcmp(nn_plan_message(NULL), "") == 0);
    nn_plan_destroy(context);
    nn_plan_destroy(context);
    nn_plan_destroy(NULL);
    CHECK(nn_plan_run(context, &(CaseIo){4, case_x, case_y, case_tail}) == NN_INVALID);
    free(memory);
}

static void expect_refused(nn_context *context, CaseIo io, nn_status status, const char *word) {
    float before = io.y ? *io.y : 0;
    nn_status got = nn_plan_run(context, &io);
    if (got != status || !strstr(nn_plan_message(context), word)) {
        fprintf(stderr, "%s: status %d, '%s'\n", word, (int)got, nn_plan_message(context));
        failures++;
    }
    CHECK(!io.y || *io.y == before);
}

static void test_run_refuses(Case *c) {
    Watch watch = {.logged = ""};
    int64_t limit = 8;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    int is_right;
    CHECK(nn_plan_create(&c->network, &c->plan, &options, &context) == NN_OK);
    if (!context) return;
    CaseIo good = {4, case_x, case_y, case_tail}, io = good;
    CHECK(nn_plan_run(NULL, &good) == NN_INVALID);
    CHECK(nn_plan_run(context, NULL) == NN_INVALID);
    io.n = -1;
    expect_refused(context, io, NN_INVALID, "N is negative");
    io.n = 9;
    expect_refused(context, io, NN_TOO_LARGE, "N exceeds the limit");
    io.n = INT64_MAX;
    expect_refused(context, io, NN_TOO_LARGE, "N exceeds the limit");
    io.n = 1;
    expect_refused(context, io, NN_INVALID, "dimension 0 of output 'tail' is negative");
    io = good;
    io.x = NULL;
    expect_refused(context, io, NN_INVALID, "x is null");
    io = good;
    io.tail = NULL;
    expect_refused(context, io, NN_INVALID, "tail is null");
    io = good;
    io.x = (const float *)(const void *)((const char *)case_x + 2);
    expect_refused(context, io, NN_INVALID, "aligned");
    io = good;
    io.x = case_y + 3;
    expect_refused(context, io, NN_INVALID, "overlaps");
    io = good;
    io.tail = case_y + 3;
    expect_refused(context, io, NN_INVALID, "overlaps");
    CHECK(run_case(context, 4, &is_right) == NN_OK && is_right);
    CHECK(strcmp(nn_plan_message(context), "") == 0);
    io = good;
    io.n = 2; /* tail is empty: no memory needed */
    io.tail = NULL;
    CHECK(nn_plan_run(context, &io) == NN_OK);
    nn_plan_destroy(context);
    CHECK(watch.live == 0);
}

static void test_create(Case *c) {
    Watch watch = {.refuses = 1};
    int64_t limit = 8;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    CHECK(nn_plan_create(&c->network, &c->plan, &options, &context) == NN_NO_MEMORY && !context);
    options.allocate = NULL;
    CHECK(nn_plan_create(&c->network, &c->plan, &options, &context) == NN_NO_MEMORY);
    options = watch_options(&watch, &limit);
    watch.refuses = 0;
    options.weights = &limit;
    options.weights_bytes = 1;
    CHECK(nn_plan_create(&c->network, &c->plan, &options, &context) == NN_MISMATCH);
    CHECK(watch.live == 0 && watch.messages == 3);
}

static void test_sizes(Case *c) {
    Watch watch = {.logged = ""};
    nn_context *context = NULL;
    for (int64_t limit = 2; limit <= MOST; limit += limit < 10 ? 1 : 123) {
        nn_options options = watch_options(&watch, &limit);
        CHECK(nn_plan_create(&c->network, &c->plan, &options, &context) == NN_OK);
        if (!context) return;
        for (int64_t n = 2; n <= limit; n += n < 10 ? 1 : 19) {
            int first, again;
            CHECK(run_case(context, n, &first) == NN_OK && first);
            CHECK(run_case(context, n, &again) == NN_OK && again);
        }
        nn_plan_destroy(context);
    }
    CHECK(watch.live == 0);
}

static void test_other_weights(Case *c) {
    static _Alignas(64) float others[CASE_ALIGNMENT / 4 + 4];
    Watch watch = {.logged = ""};
    int64_t limit = 8;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    c->plan.weights = NULL;
    CHECK(nn_plan_create(&c->network, &c->plan, &options, &context) == NN_INVALID);
    CHECK(strstr(watch.logged, "weights is null"));
    memcpy(others, case_weights, sizeof others);
    options.weights = others;
    options.weights_bytes = sizeof others;
    CHECK(nn_plan_create(&c->network, &c->plan, &options, &context) == NN_OK);
    c->plan.weights = case_weights;
    int is_right;
    memset(others, 0, sizeof others); /* they were uploaded */
    CHECK(run_case(context, 8, &is_right) == NN_OK && is_right);
    nn_plan_destroy(context);
}

/* A program that the device's compiler refuses. */
static void test_build_error(Case *c) {
    Case broken;
    Watch watch = {.logged = ""};
    int64_t limit = 8;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    static const char source[] = "#error nobody can compile this\n";
    (void)c;
    case_make(&broken);
    broken.plan.source = source;
    broken.plan.source_bytes = sizeof source - 1;
    broken.plan.plan_hash = nn_plan_hash(&broken.plan);
    CHECK(nn_plan_create(&broken.network, &broken.plan, &options, &context) == NN_DEVICE);
    CHECK(strstr(watch.logged, "cannot compile") && strstr(watch.logged, "error"));
    case_make(&broken);
    broken.launches[1].kernel = "nn_absent";
    broken.plan.plan_hash = nn_plan_hash(&broken.plan);
    CHECK(nn_plan_create(&broken.network, &broken.plan, &options, &context) == NN_MISMATCH);
    CHECK(strstr(watch.logged, "nn_absent"));
    case_make(&broken);
    broken.launches[1].symbol_count = 0;
    broken.plan.plan_hash = nn_plan_hash(&broken.plan);
    CHECK(nn_plan_create(&broken.network, &broken.plan, &options, &context) == NN_MISMATCH);
    CHECK(strstr(watch.logged, "arguments") && watch.live == 0);
}

/* ---- threads ------------------------------------------------------------------------------------ */

typedef struct Job {
    const Case *c;
    int64_t seed;
    int wrong;
} Job;

static void *run_many(void *argument) {
    Job *job = argument;
    Watch watch = {.logged = ""};
    int64_t limit = MOST;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    float x[MOST], y[MOST], tail[MOST];
    if (nn_plan_create(&job->c->network, &job->c->plan, &options, &context) != NN_OK) {
        job->wrong++;
        return NULL;
    }
    for (int64_t run = 0; run < 40; run++) {
        CaseIo io = {2 + (run * 37 + job->seed) % (MOST - 2), x, y, tail};
        for (int i = 0; i < MOST; i++) x[i] = (float)((i + run * job->seed) % 17) - 8;
        job->wrong += nn_plan_run(context, &io) != NN_OK || !case_is_right(&io);
    }
    nn_plan_destroy(context);
    job->wrong += watch.live != 0;
    return NULL;
}

static void test_threads(const Case *c) {
    pthread_t threads[2];
    Job jobs[2] = {{c, 3, 0}, {c, 5, 0}};
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, run_many, &jobs[i]) == 0);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    CHECK(jobs[0].wrong == 0 && jobs[1].wrong == 0);
}

int main(void) {
    size_t count;
    nn_device device = {.platform = ""};
    const char *reason;
    char folder[] = "/tmp/nnc-opencl-test-XXXXXX", command[64];
    if (nn_opencl_devices(&device, 1, &count, &reason) != NN_OK) {
        printf("skipped: %s\n", reason);
        return SKIPPED;
    }
    if (!mkdtemp(folder)) return 1;
    setenv("NNC_CACHE_DIR", folder, 1);
    Case c;
    case_make(&c);
    test_init_refuses(&c);
    test_run_refuses(&c);
    test_create(&c);
    test_sizes(&c);
    test_other_weights(&c);
    test_build_error(&c);
    /* Oclgrind's simulator is one for the process, and the fake driver counts without locks: neither takes two threads. */
    int takes_threads =
        strcmp(device.platform, "Oclgrind") != 0 && !strstr(device.platform, "Fake");
    if (takes_threads) test_threads(&c);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
    return checks_end();
}
