/* An OpenCL driver that fails, at every call of a whole use of a network: a status and a text each time, nothing left over, and
 * the context works again where it survived. Also machines that lack something. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_icd.h"
#include "fixture.h"

static FakeControl *fake;

static void expect_clean(const char *what, long call) {
    static const char *const names[FAKE_KINDS] = {"contexts", "queues", "buffers", "programs",
                                                  "kernels"};
    for (int kind = 0; kind < FAKE_KINDS; kind++) {
        if (fake->live[kind] == 0) continue;
        fprintf(stderr, "%s %ld: %ld %s left\n", what, call, fake->live[kind], names[kind]);
        failures++;
        fake->live[kind] = 0;
    }
    CHECK(fake->misuse == 0 && fake->pending == 0);
    fake->misuse = 0;
}

/* ---- every call fails once ------------------------------------------------------------------------ */

static const int codes[] = {-2, -4, -5, -6, -11, -14, -30, -34, -48, -54, -9999};

/* Runs of three sizes; a run that fails is tried again. The first failure's status. */
static nn_status run_all(nn_context *context) {
    static const int64_t sizes[] = {9, 9, 200, 3};
    nn_status first = NN_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int is_right;
        nn_status status = run_case(context, sizes[i], &is_right);
        CHECK(fake->pending == 0);
        if (status == NN_OK) {
            CHECK(is_right);
            continue;
        }
        CHECK(first == NN_OK && *nn_plan_message(context));
        first = status;
        CHECK(run_case(context, sizes[i], &is_right) == NN_OK && is_right);
        CHECK(!*nn_plan_message(context));
    }
    return first;
}

/* Creates, runs and destroys with the k-th call failing; 0 when there is no k-th call. */
static int use_with_fault(const Case *c, long k, nn_device *device) {
    Watch watch = {.logged = ""};
    int64_t limit = MOST;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    options.device = device;
    fake->calls = 0;
    fake->fail_at = k;
    fake->failed = NULL;
    fake->error = codes[(size_t)k % (sizeof codes / sizeof codes[0])];
    nn_status status = nn_plan_create(&c->network, &c->plan, &options, &context);
    if (status == NN_OK) {
        status = run_all(context);
    } else {
        CHECK(!context && watch.messages == 1 && *watch.logged);
    }
    nn_plan_destroy(context);
    fake->fail_at = 0;
    CHECK(watch.live == 0);
    expect_clean("call", k);
    /* With a choice of devices, one that cannot be asked is passed over. */
    int is_question = fake->failed && (strcmp(fake->failed, "fake_device_info") == 0 ||
                                       strcmp(fake->failed, "fake_platform_info") == 0);
    if (fake->failed && status == NN_OK && !(is_question && fake->device_count > 1)) {
        fprintf(stderr, "call %ld, %s: no failure was told\n", k, fake->failed);
        failures++;
    }
    return fake->failed != NULL;
}

static void test_every_call(const Case *c, int device_count) {
    long k = 1;
    fake->device_count = device_count;
    while (use_with_fault(c, k, NULL)) k++;
    CHECK(k > 60);
    printf("%ld calls, each failed once\n", k - 1);
    fake->device_count = 2;
}

static void test_listing(void) {
    nn_device devices[4];
    size_t count;
    const char *reason;
    CHECK(nn_opencl_devices(devices, 4, &count, &reason) == NN_OK && count == 2);
    CHECK(strcmp(devices[0].name, "Fake processor") == 0 && !devices[0].is_gpu);
    CHECK(strcmp(devices[1].name, "Fake graphics card") == 0 && devices[1].is_gpu);
    CHECK(devices[1].index == 1 && devices[1].alignment == 128 && devices[1].group_items == 256);
    CHECK(nn_opencl_devices(devices, 1, &count, NULL) == NN_OK && count == 2);
    CHECK(nn_opencl_devices(devices, 1, NULL, NULL) == NN_INVALID);
    fake->device_count = 0;
    CHECK(nn_opencl_devices(devices, 4, &count, &reason) == NN_UNSUPPORTED && count == 0);
    CHECK(strstr(reason, "pocl-opencl-icd"));
    fake->device_count = 1;
    for (long k = 1;; k++) {
        fake->calls = 0;
        fake->fail_at = k;
        fake->failed = NULL;
        fake->error = -6;
        nn_status status = nn_opencl_devices(devices, 4, &count, &reason);
        if (!fake->failed) break;
        CHECK(status != NN_OK && *reason);
    }
    fake->fail_at = 0;
    fake->device_count = 2;
}

/* ---- choosing a device ------------------------------------------------------------------------------ */

static void expect_device(const Case *c, const nn_device *device, const char *driver_fault) {
    Watch watch = {.logged = ""};
    int64_t limit = 8;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    nn_device copy = {0};
    if (device) {
        copy = *device;
        options.device = &copy;
    }
    /* The message of a refusal names the device. */
    uint64_t bytes = fake->global_bytes;
    fake->global_bytes = 1;
    nn_status status = nn_plan_create(&c->network, &c->plan, &options, &context);
    CHECK(status == (strstr(driver_fault, "no OpenCL") ? NN_UNSUPPORTED : NN_NO_MEMORY));
    if (!strstr(watch.logged, driver_fault)) {
        fprintf(stderr, "'%s' should name '%s'\n", watch.logged, driver_fault);
        failures++;
    }
    fake->global_bytes = bytes;
}

static void test_choice(const Case *c) {
    nn_device device = {.struct_bytes = sizeof device, .index = -1};
    expect_device(c, NULL, "graphics card");
    expect_device(c, &device, "processor");
    device.index = 1;
    expect_device(c, &device, "graphics card");
    device.index = 2;
    expect_device(c, &device, "no OpenCL device at position 2");
    device.index = -1;
    strcpy(device.name, "GRAPHICS");
    expect_device(c, &device, "graphics card");
    strcpy(device.name, "fake platform");
    expect_device(c, &device, "processor");
    device.index = 0;
    strcpy(device.name, "graphics");
    expect_device(c, &device, "no OpenCL device at position 0 has 'graphics'");
    fake->device_count = 1;
    expect_device(c, NULL, "processor");
    fake->device_count = 0;
    expect_device(c, NULL, "no OpenCL device was found");
    fake->device_count = 2;
    expect_clean("choice", 0);
}

/* ---- what a device cannot do ---------------------------------------------------------------------------- */

static void expect_create(const Case *c, nn_status expected, const char *word) {
    Watch watch = {.logged = ""};
    int64_t limit = MOST;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    nn_status status = nn_plan_create(&c->network, &c->plan, &options, &context);
    if (status != expected || !strstr(watch.logged, word)) {
        fprintf(stderr, "status %d, '%s' should name '%s'\n", (int)status, watch.logged, word);
        failures++;
    }
    nn_plan_destroy(context);
    CHECK(watch.live == 0);
    expect_clean(word, 0);
}

static void test_limits(const Case *c) {
    FakeControl healthy = *fake;
    Case other;
    expect_create(c, NN_OK, "");
    fake->global_bytes = 4096;
    expect_create(c, NN_NO_MEMORY, "choose smaller limits");
    *fake = healthy;
    fake->buffer_bytes = 2048;
    expect_create(c, NN_NO_MEMORY, "in one buffer");
    *fake = healthy;
    fake->align_bits = 8192;
    expect_create(c, NN_UNSUPPORTED, "aligned to 1024 bytes");
    fake->align_bits = 4096;
    expect_create(c, NN_OK, "");
    *fake = healthy;
    fake->group_items = 4;
    expect_create(c, NN_UNSUPPORTED, "more than Fake graphics card takes");
    *fake = healthy;
    fake->kernel_items = 4;
    expect_create(c, NN_UNSUPPORTED, "runs it with 4 at most");
    *fake = healthy;
    case_make(&other);
    other.plan.local_bytes = 65536;
    other.plan.plan_hash = nn_plan_hash(&other.plan);
    expect_create(&other, NN_UNSUPPORTED, "local memory");
    other.plan.local_bytes = 0;
    other.plan.language = "cuda";
    other.plan.plan_hash = nn_plan_hash(&other.plan);
    expect_create(&other, NN_UNSUPPORTED, "'cuda'");
    other.plan.language = "opencl-c";
    expect_create(&other, NN_MISMATCH, "changed since it was written");
}

/* Sizes that the limits allow and the plan denies are refused when they are met. */
static void test_false_sizes(void) {
    static const int64_t crooked[] = {NN_EXPR_SYMBOL, 0};
    static const int64_t far[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, 512 * 99, NN_EXPR_MUL, 0};
    static const int64_t negative[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, -9, NN_EXPR_ADD, 0};
    Case c;
    case_make(&c);
    c.buffers[BUFFER_U].offset = (nn_expr){2, crooked};
    c.plan.plan_hash = nn_plan_hash(&c.plan);
    Watch watch = {.logged = ""};
    int64_t limit = 100;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    int is_right;
    CHECK(nn_plan_create(&c.network, &c.plan, &options, &context) == NN_MISMATCH);
    CHECK(strstr(watch.logged, "aligned"));
    c.buffers[BUFFER_U].offset = (nn_expr){6, far};
    c.plan.plan_hash = nn_plan_hash(&c.plan);
    CHECK(nn_plan_create(&c.network, &c.plan, &options, &context) == NN_OK);
    CHECK(run_case(context, 64, &is_right) == NN_TOO_LARGE);
    nn_plan_destroy(context);
    case_make(&c);
    c.launches[0].groups[0] = (nn_expr){6, negative};
    c.plan.plan_hash = nn_plan_hash(&c.plan);
    CHECK(nn_plan_create(&c.network, &c.plan, &options, &context) == NN_OK);
    CHECK(run_case(context, 4, &is_right) == NN_INVALID);
    CHECK(strstr(nn_plan_message(context), "range of layer"));
    nn_plan_destroy(context);
    case_make(&c);
    c.buffers[BUFFER_Y].bytes = (nn_expr){2, crooked};
    c.plan.plan_hash = nn_plan_hash(&c.plan);
    CHECK(nn_plan_create(&c.network, &c.plan, &options, &context) == NN_MISMATCH);
    CHECK(strstr(watch.logged, "its size of 'y'"));
    expect_clean("false sizes", 0);
}

/* A run whose symbols leave too little of an extent is refused, and touches nothing. */
static void expect_need(nn_plan_need need, int64_t n, nn_status status, const char *word) {
    Case c;
    case_make(&c);
    c.needs[CASE_NEEDS - 1] = need;
    c.plan.plan_hash = nn_plan_hash(&c.plan);
    Watch watch = {.logged = ""};
    int64_t limit = 100;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    int is_right;
    CHECK(nn_plan_create(&c.network, &c.plan, &options, &context) == NN_OK);
    for (int again = 0; again < 2; again++) {
        long calls = fake->calls;
        nn_status got = run_case(context, n, &is_right);
        if (got != status || !strstr(nn_plan_message(context), word)) {
            fprintf(stderr, "%s: status %d, '%s'\n", word, (int)got, nn_plan_message(context));
            failures++;
        }
        CHECK(status == NN_OK ? is_right : case_y[0] == -77 && fake->calls == calls);
        CHECK(run_case(context, 9, &is_right) == NN_OK && is_right);
    }
    nn_plan_destroy(context);
    expect_clean(word, 0);
}

static void test_needs(void) {
    static const int64_t big_code[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, -9,
                                       NN_EXPR_ADD,    0, NN_EXPR_CONST, INT64_MAX / 5,
                                       NN_EXPR_MUL,    0};
    static const int64_t less_code[] = {NN_EXPR_SYMBOL, 0, NN_EXPR_CONST, -5, NN_EXPR_ADD, 0};
    nn_plan_need need = {"picked", "N - 2", EXPR(tail), EXPR(n)};
    expect_need(need, 2, NN_INVALID, "run: 'picked' has nothing to take elements from: N - 2 is 0");
    expect_need(need, 3, NN_OK, "");
    need.elements = (nn_expr)EXPR(zero);
    expect_need(need, 2, NN_OK, "");
    need.elements = (nn_expr)EXPR(tail);
    expect_need(need, 2, NN_OK, "");
    need = (nn_plan_need){"picked", "N - 5", EXPR(less), EXPR(zero)};
    expect_need(need, 5, NN_OK, "");
    expect_need(need, 4, NN_INVALID, "run: dimension N - 5 of layer 'picked' is negative");
    need = (nn_plan_need){"picked", "N", EXPR(n), EXPR(big)};
    expect_need(need, 3, NN_TOO_LARGE, "does not fit 64 bits");
    need = (nn_plan_need){"picked", "big", EXPR(big), EXPR(zero)};
    expect_need(need, 15, NN_TOO_LARGE, "does not fit 64 bits");
}

/* No group in one kernel: it is not launched, the others are. */
static void test_nothing_to_do(void) {
    static const int64_t zero[] = {NN_EXPR_CONST, 0};
    Case c;
    case_make(&c);
    c.launches[3].groups[0] = (nn_expr){2, zero};
    c.plan.plan_hash = nn_plan_hash(&c.plan);
    Watch watch = {.logged = ""};
    int64_t limit = 100;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    int is_right;
    CHECK(nn_plan_create(&c.network, &c.plan, &options, &context) == NN_OK);
    CHECK(run_case(context, 2, &is_right) == NN_OK && is_right);
    CHECK(run_case(context, 9, &is_right) == NN_OK && !is_right); /* y is there, tail is not */
    nn_plan_destroy(context);
    expect_clean("nothing", 0);
}

/* ---- plans that were made wrong ---------------------------------------------------------------------------- */

static uint64_t random_bits(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

/* Expressions and lists of a case that may be written to. */
enum { MAX_CODES = 32, MAX_CODE = 24 };

typedef struct Editable {
    Case c;
    int64_t codes[MAX_CODES][MAX_CODE];
    nn_expr *exprs[MAX_CODES];
    size_t count;
    uint32_t buffers[CASE_LAUNCHES][4], symbols[CASE_LAUNCHES];
} Editable;

static void own_expr(Editable *e, nn_expr *expr) {
    if (e->count == MAX_CODES || expr->length > MAX_CODE) abort();
    memcpy(e->codes[e->count], expr->code, expr->length * sizeof *expr->code);
    expr->code = e->codes[e->count];
    e->exprs[e->count++] = expr;
}

static void own_case(Editable *e) {
    case_make(&e->c);
    e->count = 0;
    for (int i = 0; i < CASE_BUFFERS; i++) {
        own_expr(e, &e->c.buffers[i].bytes);
        own_expr(e, &e->c.buffers[i].offset);
    }
    for (int i = 0; i < CASE_LAUNCHES; i++) {
        nn_plan_launch *launch = &e->c.launches[i];
        own_expr(e, &launch->groups[0]);
        memcpy(e->buffers[i], launch->buffers, launch->buffer_count * sizeof(uint32_t));
        e->symbols[i] = 0;
        launch->buffers = e->buffers[i];
        launch->symbols = &e->symbols[i];
    }
    for (int i = 0; i < CASE_NEEDS; i++) {
        own_expr(e, &e->c.needs[i].extent);
        own_expr(e, &e->c.needs[i].elements);
    }
    own_expr(e, &e->c.plan.arena_bytes);
    own_expr(e, &e->c.input.dims[0]);
    own_expr(e, &e->c.outputs[0].dims[0]);
    own_expr(e, &e->c.outputs[1].dims[0]);
}

static void edit(Editable *e, uint64_t *state) {
    static const int64_t values[] = {
        -1,        0,        1, 2, 3, 4, 5, 7, 8, 511, 512, 513, 4096, 1 << 20, (int64_t)1 << 40,
        INT64_MAX, INT64_MIN};
    int64_t value = values[random_bits(state) % (sizeof values / sizeof values[0])];
    nn_plan_launch *launch = &e->c.launches[random_bits(state) % CASE_LAUNCHES];
    nn_plan_buffer *buffer = &e->c.buffers[random_bits(state) % CASE_BUFFERS];
    nn_expr *expr = e->exprs[random_bits(state) % e->count];
    uint32_t small = (uint32_t)value;
    switch (random_bits(state) % 12) {
    case 0: buffer->role = (nn_plan_role)small; break;
    case 1: buffer->index = small; break;
    case 2: launch->dimensions = small; break;
    case 3: launch->items[random_bits(state) % 3] = small; break;
    case 4: e->buffers[launch - e->c.launches][random_bits(state) % 4] = small; break;
    case 5: e->symbols[launch - e->c.launches] = small; break;
    case 6: e->c.plan.alignment = small; break;
    case 7: e->c.plan.local_bytes = (uint64_t)value; break;
    case 8: launch->groups[1 + random_bits(state) % 2] = *expr; break;
    case 9: expr->length = random_bits(state) % (expr->length + 1); break;
    default: ((int64_t *)(uintptr_t)expr->code)[random_bits(state) % MAX_CODE] = value;
    }
}

/* Refused or run to whatever end: never a crash, a leak, or a call that OpenCL forbids. */
static void test_random_plans(void) {
    static Editable e;
    FakeControl healthy = *fake;
    uint64_t state = 88172645463325252u;
    long runs = 0, refused = 0;
    fake->buffer_bytes = 1 << 16;
    for (int round = 0; round < 20000; round++) {
        Watch watch = {.logged = ""};
        int64_t limit = 100;
        nn_options options = watch_options(&watch, &limit);
        nn_context *context = NULL;
        int is_right;
        own_case(&e);
        for (uint64_t k = random_bits(&state) % 3 + 1; k > 0; k--) edit(&e, &state);
        e.c.plan.plan_hash = nn_plan_hash(&e.c.plan);
        if (nn_plan_create(&e.c.network, &e.c.plan, &options, &context) == NN_OK) {
            for (int64_t n = 0; n <= 100; n += 25) {
                runs += run_case(context, n, &is_right) == NN_OK;
            }
        } else {
            refused++;
            CHECK(*watch.logged && !context);
        }
        nn_plan_destroy(context);
        CHECK(watch.live == 0);
        expect_clean("random plan", round);
        if (failures) break;
    }
    CHECK(runs > 1000 && refused > 1000);
    *fake = healthy;
}

/* ---- machines without OpenCL ------------------------------------------------------------------------------ */

/* In a process of its own, whose loader finds what the variables say: exit status 0 if create says the word. */
static int fails_with(const char *word) {
    Watch watch = {.logged = ""};
    int64_t limit = 8;
    nn_options options = watch_options(&watch, &limit);
    nn_context *context = NULL;
    Case c;
    size_t count = 9;
    const char *reason = NULL;
    case_make(&c);
    nn_status status = nn_plan_create(&c.network, &c.plan, &options, &context);
    int ok = status == NN_UNSUPPORTED && !context && watch.live == 0 && strstr(watch.logged, word);
    ok = ok && nn_opencl_devices(NULL, 0, &count, &reason) == NN_UNSUPPORTED && count == 0;
    if (!ok) fprintf(stderr, "%s: status %d, '%s'\n", word, (int)status, watch.logged);
    return ok && strstr(reason, "install") ? 0 : 1;
}

static void expect_without(const char *self, const char *variable, const char *value,
                           const char *word) {
    pid_t child = fork();
    if (child == 0) {
        setenv(variable, value, 1);
        execl(self, self, word, (char *)NULL);
        _exit(9);
    }
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
          WEXITSTATUS(status) == 0);
}

int main(int argc, char **argv) {
    setenv("NNC_CACHE_DIR", "", 1);
    if (argc > 1) return fails_with(argv[1]);
    setenv("OCL_ICD_VENDORS", FAKE_VENDORS, 1);
    expect_without(argv[0], "OCL_ICD_VENDORS", "/nowhere", "pocl-opencl-icd");
    expect_without(argv[0], "LD_LIBRARY_PATH", EMPTY_LOADER, "lacks clGetPlatformIDs");
    expect_without(argv[0], "LD_LIBRARY_PATH", BROKEN_LOADER, "cannot be opened");

    void *library = dlopen(FAKE_ICD, RTLD_NOW | RTLD_LOCAL);
    FakeControlFunction *control = NULL;
    void *symbol = library ? dlsym(library, "fake_icd_control") : NULL;
    if (!symbol) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    memcpy(&control, &symbol, sizeof symbol);
    fake = control();
    size_t count;
    if (nn_opencl_devices(NULL, 0, &count, NULL) != NN_OK || count != 2) {
        printf("skipped: there is no OpenCL loader that takes drivers from a folder\n");
        return 77;
    }
    Case c;
    case_make(&c);
    test_listing();
    test_choice(&c);
    test_limits(&c);
    test_false_sizes();
    test_needs();
    test_nothing_to_do();
    test_random_plans();
    test_every_call(&c, 1);
    test_every_call(&c, 2);
    return checks_end();
}
