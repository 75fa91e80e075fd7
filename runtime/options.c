/* Default options: heap memory, a thread pool, what the processor can do. */
#define _GNU_SOURCE
#include <pthreadpool.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "nn/nn.h"

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

static void pool_parallel_for(void *pool, nn_task *task, void *argument, size_t count) {
    pthreadpool_parallelize_1d(pool, task, argument, count, 0);
}

nn_status nn_default_options(size_t threads, nn_options *options) {
    if (!options) return NN_INVALID;
    memset(options, 0, sizeof *options);
    options->struct_bytes = sizeof *options;
    options->allocate = heap_allocate;
    options->release = heap_release;
    options->cpu_features = nn_detect_cpu();
    if (threads == 1) return NN_OK;
    pthreadpool_t pool = pthreadpool_create(threads);
    if (!pool) return NN_NO_MEMORY;
    if (pthreadpool_get_threads_count(pool) < 2) {
        pthreadpool_destroy(pool);
        return NN_OK;
    }
    options->pool = pool;
    options->parallel_for = pool_parallel_for;
    return NN_OK;
}

void nn_release_options(nn_options *options) {
    if (!options) return;
    if (options->parallel_for == pool_parallel_for) pthreadpool_destroy(options->pool);
    memset(options, 0, sizeof *options);
}
