/* What the OpenCL tests share: a log, an allocator that counts, the fake driver. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_case.h"
#include "tests/check.h"

typedef struct Watch {
    char logged[4096]; /* the last message */
    int messages;
    int live; /* allocations */
    int refuses;
} Watch;

static inline void watch_log(void *data, const char *message) {
    Watch *watch = data;
    snprintf(watch->logged, sizeof watch->logged, "%s", message);
    watch->messages++;
}

static inline void *watch_allocate(void *data, size_t bytes, size_t alignment) {
    Watch *watch = data;
    CHECK(alignment == 64);
    if (watch->refuses) return NULL;
    watch->live++;
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static inline void watch_release(void *data, void *memory, size_t bytes) {
    (void)bytes;
    ((Watch *)data)->live--;
    free(memory);
}

static inline nn_options watch_options(Watch *watch, const int64_t *limit) {
    return (nn_options){.struct_bytes = sizeof(nn_options),
                        .allocate = watch_allocate,
                        .release = watch_release,
                        .allocator = watch,
                        .limits = limit,
                        .log = watch_log,
                        .log_data = watch};
}

enum { MOST = 256 };

static float case_x[MOST], case_y[MOST], case_tail[MOST];

/* A run with fresh numbers; its outputs are wrong before it. */
static inline nn_status run_case(nn_context *context, int64_t n, int *is_right) {
    CaseIo io = {n, case_x, case_y, case_tail};
    for (int i = 0; i < MOST; i++) {
        case_x[i] = (float)(i % 13) - 4.5f;
        case_y[i] = case_tail[i] = -77;
    }
    nn_status status = nn_plan_run(context, &io);
    *is_right = status == NN_OK && case_is_right(&io);
    return status;
}

#endif
