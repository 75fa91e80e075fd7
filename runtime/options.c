/* Default options: heap memory, a thread pool, what the processor can do. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "nn/nn.h"
#include "pool.h"

static void *heap_allocate(void *allocator, size_t bytes, size_t alignment) {
    (void)allocator;
    void *memory = NULL;
    if (alignment < sizeof(void *)) alignment = sizeof(void *);
    return posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL;
}

static void heap_release(void *allocator, void *memory, size_t bytes) {
    (void)allocator;
    (void)bytes;
    free(memory);
}

nn_status nn_default_options(size_t threads, nn_options *options) {
    if (!options) return NN_INVALID;
    memset(options, 0, sizeof *options);
    options->struct_bytes = sizeof *options;
    options->allocate = heap_allocate;
    options->release = heap_release;
    options->cpu_features = nn_detect_cpu();
    if (threads == 1) return NN_OK;
    Pool *pool = pool_create(threads);
    if (!pool) return NN_NO_MEMORY;
    if (pool_threads(pool) < 2) {
        pool_destroy(pool);
        return NN_OK;
    }
    options->pool = pool;
    options->parallel_for = pool_run;
    return NN_OK;
}

void nn_release_options(nn_options *options) {
    if (!options) return;
    if (options->parallel_for == pool_run) pool_destroy(options->pool);
    memset(options, 0, sizeof *options);
}
