/* The interface of a generated object, used as hard as an embedder could: memory between guard pages and filled with NaN,
 * allocations and locks counted, every argument wrong once, contexts side by side in several threads. */
#define _GNU_SOURCE
#include "cnn.h"
#include "mlp.h"
#include "mlp_bound.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/check.h"

/* ---- counting what nnc's own code must not do --------------------------------------------------- */

static _Atomic long allocations, locks;

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *memory, size_t bytes);

#if !defined(__SANITIZE_ADDRESS__) && !defined(NO_INTERPOSITION)
void *malloc(size_t bytes) {
    allocations++;
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
    allocations++;
    return __libc_calloc(count, bytes);
}
void *realloc(void *memory, size_t bytes) {
    allocations++;
    return __libc_realloc(memory, bytes);
}
int pthread_mutex_lock(pthread_mutex_t *mutex) {
    static int (*next)(pthread_mutex_t *);
    locks++;
    if (!next) next = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
    return next(mutex);
}
#endif

/* ---- memory between guard pages ------------------------------------------------------------------ */

typedef struct Guarded {
    unsigned char *base, *memory;
    size_t pages_bytes, bytes;
} Guarded;

/* bytes of memory that end (at_end) or begin at an inaccessible page, filled with 0xff: NaN as a float. */
static Guarded guarded(size_t bytes, size_t alignment, int at_end) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    Guarded g = {.pages_bytes = inner + 2 * page, .bytes = bytes};
    g.base = mmap(NULL, g.pages_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.base == MAP_FAILED ||
        (inner && mprotect(g.base + page, inner, PROT_READ | PROT_WRITE) != 0))
        abort();
    memset(g.base + page, 0xff, inner);
    g.memory = g.base + page + (at_end ? (inner - bytes) / alignment * alignment : 0);
    return g;
}

static void unguard(Guarded *g) {
    munmap(g->base, g->pages_bytes);
}

/* ---- tests ------------------------------------------------------------------------------------------ */

enum { PIXELS = 64, DIGITS = 10 };

static void fill(unsigned char *image, size_t n, unsigned seed) {
    for (size_t i = 0; i < n * PIXELS; i++)
        image[i] = (unsigned char)((i * 7 + seed * 13 + i / 5) % 17);
}

/* One run with everything between guard pages; the results go to probs. */
static void run_guarded(int64_t n, int64_t limit, int at_end, float *probs) {
    mlp_limits limits = {.N = limit};
    nn_options options = {.struct_bytes = sizeof options, .limits = &limits};
    size_t bytes = mlp_context_bytes(&limits);
    Guarded context_memory = guarded(bytes, 64, at_end);
    Guarded image = guarded((size_t)n * PIXELS, 1, at_end),
            out = guarded((size_t)n * DIGITS * sizeof(float), 4, at_end);
    nn_context *context = NULL;
    fill(image.memory, (size_t)n, 1);
    CHECK(mlp_init(context_memory.memory, bytes, &options, &context) == NN_OK);
    mlp_io io = {.N = n, .image = image.memory, .probs = (float *)(void *)out.memory};
    long before_allocations = allocations, before_locks = locks;
    CHECK(mlp_run(context, &io) == NN_OK);
    CHECK(allocations == before_allocations && locks == before_locks);
    memcpy(probs, out.memory, (size_t)n * DIGITS * sizeof(float));
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int d = 0; d < DIGITS; d++) sum += (double)probs[i * DIGITS + d];
        CHECK(fabs(sum - 1) < 1e-5);
    }
    mlp_destroy(context);
    unguard(&context_memory);
    unguard(&image);
    unguard(&out);
}

static void test_guard_pages(void) {
    static float a[40 * DIGITS], b[40 * DIGITS];
    for (int64_t n = 0; n < 40; n += n < 20 ? 1 : 6) {
        run_guarded(n, n, 0, a);
        run_guarded(n, 40, 1, b);
        CHECK(memcmp(a, b, (size_t)n * DIGITS * sizeof(float)) == 0);
    }
}

static void test_arguments(void) {
    mlp_limits limits = {.N = 4};
    nn_options options = {.struct_bytes = sizeof options, .limits = &limits};
    size_t bytes = mlp_context_bytes(&limits);
    unsigned char *memory = aligned_alloc(64, (bytes + 127) / 64 * 64), image[5 * PIXELS];
    float probs[5 * DIGITS];
    nn_context *context = NULL;
    fill(image, 5, 2);
    CHECK(bytes > 0 && bytes != SIZE_MAX);
    CHECK(mlp_context_bytes(&(mlp_limits){.N = -1}) == SIZE_MAX);
    CHECK(mlp_context_bytes(&(mlp_limits){.N = INT64_MAX}) == SIZE_MAX);
    CHECK(mlp_context_bytes(&(mlp_limits){.N = INT64_MAX / 3136}) == SIZE_MAX);
    CHECK(mlp_init(NULL, bytes, &options, &context) == NN_INVALID);
    CHECK(mlp_init(memory + 8, bytes, &options, &context) == NN_INVALID);
    CHECK(mlp_init(memory, bytes, NULL, &context) == NN_INVALID);
    CHECK(mlp_init(memory, bytes, &options, NULL) == NN_INVALID);
    CHECK(mlp_init(memory, bytes - 1, &options, &context) == NN_NO_MEMORY);
    CHECK(mlp_init(memory, 0, &options, &context) == NN_NO_MEMORY);
    options.limits = NULL;
    CHECK(mlp_init(memory, bytes, &options, &context) == NN_INVALID);
    options.limits = &limits;
    options.struct_bytes = 3;
    CHECK(mlp_init(memory, bytes, &options, &context) == NN_INVALID);
    options.struct_bytes = sizeof options;
    options.cpu_features = NN_CPU_KNOWN;
    if (mlp_info()->cpu_features)
        CHECK(mlp_init(memory, bytes, &options, &context) == NN_UNSUPPORTED);
    options.cpu_features = 0;
    options.weights = image;
    options.weights_bytes = 5;
    CHECK(mlp_init(memory, bytes, &options, &context) != NN_OK);
    options.weights = memory; /* not read before the checks are done */
    options.weights_bytes = mlp_info()->weights_bytes;
    options.weights_hash = mlp_info()->source_hash + 1;
    CHECK(mlp_init(memory, bytes, &options, &context) == NN_MISMATCH);
    options.weights = NULL;
    options.weights_bytes = 0;
    options.weights_hash = 0;
    CHECK(mlp_create(&options, &context) == NN_NO_MEMORY);
    CHECK(mlp_init(memory, bytes, &options, &context) == NN_OK);

    mlp_io io = {.N = 5, .image = image, .probs = probs};
    memset(probs, 0x55, sizeof probs);
    CHECK(mlp_run(context, &io) == NN_TOO_LARGE);
    CHECK(mlp_message(context)[0] != 0);
    for (size_t i = 0; i < sizeof probs; i++) CHECK(((unsigned char *)probs)[i] == 0x55);
    io.N = -1;
    CHECK(mlp_run(context, &io) == NN_INVALID);
    io.N = 4;
    io.image = NULL;
    CHECK(mlp_run(context, &io) == NN_INVALID);
    io.image = image;
    io.probs = NULL;
    CHECK(mlp_run(context, &io) == NN_INVALID);
    io.N = 0; /* nothing to read or write */
    CHECK(mlp_run(context, &io) == NN_OK);
    CHECK(mlp_run(NULL, &io) == NN_INVALID);
    io = (mlp_io){.N = 4, .image = image, .probs = probs};
    CHECK(mlp_run(context, &io) == NN_OK);
    mlp_destroy(context);
    mlp_destroy(NULL);
    free(memory);
}

static void test_bound(void) {
    static _Alignas(64) unsigned char memory[MLP_BOUND_CONTEXT_BYTES];
    nn_options options = {.struct_bytes = sizeof options};
    nn_context *context = NULL;
    unsigned char image[PIXELS];
    float probs[DIGITS], same[DIGITS];
    fill(image, 1, 1);
    CHECK(mlp_bound_init(memory, sizeof memory, &options, &context) == NN_OK);
    mlp_bound_io io = {.image = image, .probs = probs};
    CHECK(mlp_bound_run(context, &io) == NN_OK);
    run_guarded(1, 1, 0, same);
    for (int d = 0; d < DIGITS; d++) CHECK(fabsf(probs[d] - same[d]) < 1e-6f);
    mlp_bound_destroy(context);
}

static void test_info(void) {
    const nn_network *network = mlp_info();
    int64_t value;
    CHECK(network->abi_version == NN_ABI_VERSION && network->struct_bytes == sizeof *network);
    CHECK(network->symbol_count == 1 && strcmp(network->symbols[0], "N") == 0);
    CHECK(network->input_count == 1 && strcmp(network->inputs[0].name, "image") == 0);
    CHECK(network->inputs[0].type == NN_U8 && network->inputs[0].rank == 3);
    CHECK(network->output_count == 1 && network->outputs[0].type == NN_F32);
    CHECK(network->weights_bytes >= 55050 * 4 && network->weights_bytes < 60000 * 4);
    CHECK(nn_eval(&network->outputs[0].dims[0], (int64_t[]){7}, 1, &value) == NN_OK && value == 7);
    CHECK(nn_eval(&network->operations, (int64_t[]){1}, 1, &value) == NN_OK && value > 2 * 50000 &&
          value < 2 * 80000);
    CHECK(nn_eval(&network->arena_bytes, (int64_t[]){4}, 1, &value) == NN_OK);
    CHECK((size_t)value <= mlp_context_bytes(&(mlp_limits){.N = 4}) &&
          mlp_context_bytes(&(mlp_limits){.N = 4}) < (size_t)value + 4096);
}

/* ---- stack: painted, run in a thread of its own, and measured ------------------------------------ */

enum { STACK_BYTES = 1 << 20 };

typedef struct StackJob {
    nn_context *context;
    const void *io;
    unsigned char *stack;
} StackJob;

static void *run_on_stack(void *argument) {
    StackJob *job = argument;
    cnn_run(job->context, job->io);
    return NULL;
}

static void *do_nothing(void *argument) {
    return argument;
}

static size_t stack_used(void *(*function)(void *), StackJob *job) {
    pthread_attr_t attributes;
    pthread_t thread;
    memset(job->stack, 0xa5, STACK_BYTES);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, job->stack, STACK_BYTES);
    if (pthread_create(&thread, &attributes, function, job) != 0) abort();
    pthread_join(thread, NULL);
    size_t clean = 0;
    while (clean < STACK_BYTES && job->stack[clean] == 0xa5) clean++;
    return STACK_BYTES - clean;
}

static void test_stack(void) {
    cnn_limits limits = {.N = 3};
    nn_options options;
    nn_context *context = NULL;
    unsigned char image[3 * PIXELS];
    float probs[3 * DIGITS];
    fill(image, 3, 4);
    CHECK(nn_default_options(1, &options) == NN_OK);
    options.limits = &limits;
    CHECK(cnn_create(&options, &context) == NN_OK);
    cnn_io io = {.N = 3, .image = image, .probs = probs};
    StackJob job = {
        context, &io,
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
    size_t idle = stack_used(do_nothing, &job), used = stack_used(run_on_stack, &job);
    /* A call's own frame and the red zone come on top of what the network says. */
    CHECK(used <= idle + cnn_info()->stack_bytes + 512);
    cnn_destroy(context);
    nn_release_options(&options);
    munmap(job.stack, STACK_BYTES);
}

/* ---- contexts in threads --------------------------------------------------------------------------- */

static void *run_many(void *argument) {
    unsigned seed = *(unsigned *)argument;
    cnn_limits limits = {.N = 9};
    nn_options options;
    nn_context *context = NULL;
    unsigned char image[9 * PIXELS];
    static __thread float first[9 * DIGITS], probs[9 * DIGITS];
    CHECK(nn_default_options(seed % 2 + 1, &options) == NN_OK);
    options.limits = &limits;
    CHECK(cnn_create(&options, &context) == NN_OK);
    fill(image, 9, seed / 2);
    for (int i = 0; i < 50; i++) {
        cnn_io io = {.N = 1 + i % 9, .image = image, .probs = probs};
        CHECK(cnn_run(context, &io) == NN_OK);
        /* The same image gives the same bits in any batch, thread and context. */
        if (i == 0) memcpy(first, probs, DIGITS * sizeof(float));
        CHECK(memcmp(first, probs, DIGITS * sizeof(float)) == 0);
    }
    cnn_destroy(context);
    nn_release_options(&options);
    return NULL;
}

static void test_threads(void) {
    pthread_t threads[4];
    unsigned seeds[4] = {0, 1, 2, 3};
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, run_many, &seeds[i]);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

int main(void) {
    test_guard_pages();
    test_arguments();
    test_bound();
    test_info();
    test_stack();
    test_threads();
    return checks_end();
}
