/* libnnrt: expressions, loading, weight files, options; every allocation fails once. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nn/format.h"
#include "nn/nn.h"

/* ---- allocations that fail ---------------------------------------------------------------------- */

static long fail_at = -1, live; /* countdown to the failure; -1: never */

#if !defined(__SANITIZE_ADDRESS__) && !(defined(__has_feature) && defined(__clang__))
#define INTERPOSED 1
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);
extern void __libc_free(void *memory);

static int refuses(void) {
    if (fail_at < 0 || fail_at-- != 0) return 0;
    errno = ENOMEM;
    return 1;
}

void *calloc(size_t count, size_t bytes) {
    if (refuses()) return NULL;
    void *memory = __libc_calloc(count, bytes);
    live += memory != NULL;
    return memory;
}
int posix_memalign(void **memory, size_t alignment, size_t bytes) {
    if (refuses()) return ENOMEM;
    *memory = __libc_memalign(alignment, bytes);
    live += *memory != NULL;
    return *memory ? 0 : ENOMEM;
}
void free(void *memory) {
    live -= memory != NULL;
    __libc_free(memory);
}
#else
#define INTERPOSED 0
#endif

Test(runtime, options_survive_failing_allocations) {
    if (!INTERPOSED) return;
    for (long k = 0; k < 1; k++) {
        nn_options options;
        long before = live;
        fail_at = k;
        nn_status status = nn_default_options(2, &options);
        int failed = fail_at < 0;
        fail_at = -1;
        if (failed) {
            cr_expect_eq(status, NN_NO_MEMORY);
        } else {
            cr_expect_eq(status, NN_OK);
            nn_release_options(&options);
        }
        if (failed) cr_expect_eq(live, before, "allocation %ld: %ld left", k, live - before);
    }
}

Test(runtime, files_survive_failing_allocations) {
    if (!INTERPOSED) return;
    nn_weights *weights = NULL;
    nn_library *library = NULL;
    nn_options options = {0};
    const char *reason = NULL;
    fail_at = 0;
    cr_expect_eq(nn_map_weights("/proc/self/exe", &weights, &options), NN_NO_MEMORY);
    fail_at = 0;
    cr_expect_eq(nn_load("/proc/self/exe", &library, &reason), NN_NO_MEMORY);
    cr_expect_not_null(reason);
    fail_at = -1;
}

Test(runtime, options_are_usable) {
    nn_options options;
    cr_expect_eq(nn_default_options(1, NULL), NN_INVALID);
    cr_assert_eq(nn_default_options(1, &options), NN_OK);
    cr_expect_null(options.parallel_for);
    cr_expect(options.cpu_features & NN_CPU_KNOWN);
    void *memory = options.allocate(options.allocator, 100, 64);
    cr_expect_eq((uintptr_t)memory % 64, 0);
    options.release(options.allocator, memory, 100);
    nn_release_options(&options);
    nn_release_options(NULL);
}

static void mark(void *argument, size_t index) {
    ((unsigned char *)argument)[index]++;
}

Test(runtime, threads_run_every_index_once) {
    nn_options options;
    unsigned char seen[1000] = {0};
    cr_assert_eq(nn_default_options(2, &options), NN_OK);
    cr_assert_not_null(options.parallel_for);
    options.parallel_for(options.pool, mark, seen, sizeof seen, 0);
    for (size_t i = 0; i < sizeof seen; i++) cr_assert_eq(seen[i], 1);
    nn_release_options(&options);
}

/* ---- expressions --------------------------------------------------------------------------------- */

static nn_status eval(const int64_t *code, size_t length, int64_t *value) {
    int64_t symbols[2] = {7, -3};
    nn_expr expr = {length, code};
    return nn_eval(&expr, symbols, 2, value);
}
#define EVAL(value, ...)                                                                           \
    eval((const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / 8, value)

Test(runtime, expressions) {
    int64_t v = 0;
    cr_expect_eq(EVAL(&v, NN_EXPR_CONST, 5), NN_OK);
    cr_expect_eq(v, 5);
    cr_expect_eq(EVAL(&v, NN_EXPR_SYMBOL, 0, NN_EXPR_SYMBOL, 1, NN_EXPR_MUL, 0, NN_EXPR_CONST, 4,
                      NN_EXPR_ADD, 0),
                 NN_OK);
    cr_expect_eq(v, -17);
    cr_expect_eq(EVAL(&v, NN_EXPR_SYMBOL, 1, NN_EXPR_CONST, 2, NN_EXPR_FLOORDIV, 0), NN_OK);
    cr_expect_eq(v, -2);
    cr_expect_eq(EVAL(&v, NN_EXPR_SYMBOL, 1, NN_EXPR_CONST, 2, NN_EXPR_MOD, 0), NN_OK);
    cr_expect_eq(v, 1);
    cr_expect_eq(EVAL(&v, NN_EXPR_SYMBOL, 0, NN_EXPR_SYMBOL, 1, NN_EXPR_MIN, 0), NN_OK);
    cr_expect_eq(v, -3);
    cr_expect_eq(EVAL(&v, NN_EXPR_SYMBOL, 0, NN_EXPR_SYMBOL, 1, NN_EXPR_MAX, 0), NN_OK);
    cr_expect_eq(v, 7);
}

Test(runtime, malformed_expressions) {
    int64_t v, deep[2 * NN_EXPR_DEPTH + 2] = {0};
    cr_expect_eq(EVAL(&v, NN_EXPR_CONST), NN_INVALID);
    cr_expect_eq(EVAL(&v, NN_EXPR_ADD, 0), NN_INVALID);
    cr_expect_eq(EVAL(&v, NN_EXPR_SYMBOL, 2), NN_INVALID);
    cr_expect_eq(EVAL(&v, NN_EXPR_SYMBOL, -1), NN_INVALID);
    cr_expect_eq(EVAL(&v, 99, 0), NN_INVALID);
    cr_expect_eq(EVAL(&v, NN_EXPR_CONST, 1, NN_EXPR_CONST, 1), NN_INVALID);
    cr_expect_eq(EVAL(&v, NN_EXPR_CONST, 1, NN_EXPR_CONST, 0, NN_EXPR_FLOORDIV, 0), NN_INVALID);
    cr_expect_eq(EVAL(&v, NN_EXPR_CONST, INT64_MAX, NN_EXPR_CONST, 1, NN_EXPR_ADD, 0),
                 NN_TOO_LARGE);
    cr_expect_eq(EVAL(&v, NN_EXPR_CONST, INT64_MAX, NN_EXPR_CONST, 2, NN_EXPR_MUL, 0),
                 NN_TOO_LARGE);
    cr_expect_eq(eval(deep, 2 * NN_EXPR_DEPTH + 2, &v), NN_INVALID);
    cr_expect_eq(nn_eval(NULL, NULL, 0, &v), NN_INVALID);
}

/* ---- files ------------------------------------------------------------------------------------------ */

static const char *write_file(const void *data, size_t bytes) {
    static char path[] = "/tmp/nnrt-test-XXXXXX";
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int file = mkstemp(path);
    cr_assert(file >= 0 && write(file, data, bytes) == (ssize_t)bytes);
    close(file);
    return path;
}

Test(runtime, weight_files) {
    struct {
        nn_weight_file head;
        char data[5];
    } file = {.head = {.magic = {0},
                       .abi_version = NN_ABI_VERSION,
                       .header_bytes = 64,
                       .source_hash = 77,
                       .weights_bytes = 5},
              .data = "abcd"};
    memcpy(file.head.magic, NN_WEIGHT_FILE_MAGIC, 8);
    size_t bytes = sizeof file.head + 5;
    nn_weights *weights = NULL;
    nn_options options = {0};
    const char *path = write_file(&file, bytes);
    cr_assert_eq(nn_map_weights(path, &weights, &options), NN_OK);
    cr_expect_eq(options.weights_bytes, 5);
    cr_expect_eq(options.weights_hash, 77);
    cr_expect_eq((uintptr_t)options.weights % 64, 0);
    cr_expect_str_eq(options.weights, "abcd");
    nn_unmap_weights(weights);
    unlink(path);
    for (size_t cut = 1; cut < bytes; cut++) {
        path = write_file(&file, cut);
        cr_expect_eq(nn_map_weights(path, &weights, &options), NN_MISMATCH);
        unlink(path);
    }
    file.head.abi_version++;
    path = write_file(&file, bytes);
    cr_expect_eq(nn_map_weights(path, &weights, &options), NN_MISMATCH);
    unlink(path);
    cr_expect_eq(nn_map_weights("/nowhere/at/all", &weights, &options), NN_IO);
    cr_expect_eq(nn_map_weights("/tmp", &weights, &options), NN_IO);
    cr_expect_eq(nn_map_weights(NULL, &weights, &options), NN_INVALID);
}

Test(runtime, objects_that_are_none) {
    nn_library *library = NULL;
    const char *reason = NULL;
    unsigned char noise[4096];
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (unsigned char)(i * 37 ^ i >> 3);
    cr_expect_eq(nn_load("/nowhere/at/all", &library, &reason), NN_IO);
    cr_expect_not_null(reason);
    cr_expect_eq(nn_load(NULL, &library, &reason), NN_INVALID);
    const char *path = write_file(noise, sizeof noise);
    cr_expect_eq(nn_load(path, &library, &reason), NN_MISMATCH);
    unlink(path);
    /* A shared object of someone else's. */
    Dl_info info;
    cr_assert(dladdr((void *)(uintptr_t)&cosh, &info));
    cr_expect_eq(nn_load(info.dli_fname, &library, &reason), NN_MISMATCH);
    cr_expect_str_eq(reason, "it exports no network");
    cr_expect_null(nn_library_network(NULL));
    nn_unload(NULL);
}

Test(runtime, every_status_has_a_text) {
    for (int i = NN_OK; i <= NN_DEVICE; i++)
        cr_expect_str_neq(nn_status_text((nn_status)i), "unknown status");
    cr_expect_str_eq(nn_status_text((nn_status)99), "unknown status");
}
