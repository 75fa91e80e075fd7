/* The machine's limits, measured with the compiler's own code and kept between runs. */
#ifndef NNC_DRIVER_LIMITS_H
#define NNC_DRIVER_LIMITS_H

#include "driver/pipeline.h"

typedef enum LimitKind {
    LIMIT_FMA,
    LIMIT_DOT, /* of bf16, where the processor has instructions for them */
    LIMIT_L1,
    LIMIT_L2,
    LIMIT_LLC,
    LIMIT_MEMORY,
    LIMIT_COUNT
} LimitKind;

typedef struct Limits {
    double rate[LIMIT_COUNT]; /* operations, or bytes read, per second by all threads together;
                                 0: unknown */
    /* Bytes that the threads' caches of a level hold; 0: there is no such cache, or its size is
     * unknown. */
    int64_t capacity[LIMIT_COUNT];
    int64_t threads;
} Limits;

extern const char *const limit_names[LIMIT_COUNT]; /* as shown */

static inline bool limit_is_compute(LimitKind kind) {
    return kind < LIMIT_L1;
}
/* The limit that a kernel's arithmetic is held to. */
LimitKind limit_of_kernel(const LKernel *kernel);
/* A mask of all limits that count for the program; *compute: the fastest that some kernel is held
 * to. */
unsigned limits_of_program(const LProgram *program, LimitKind *compute);

/* Limits of so many threads: those of the mask (bits 1 << LIMIT_*) that can be measured. Taken from
 * the cache where it has them and fresh is false, else measured: the best of several windows that
 * are spread in time, and written to the cache where that is possible. */
Limits limits_get(const Compilation *c, int64_t threads, unsigned mask, bool fresh);

/* ---- limits_cache.c -------------------------------------------------------------------------- */

/* A file for each machine, processor, kind of code and number of threads in $XDG_CACHE_HOME/nnc or
 * ~/.cache/nnc (or $NNC_CACHE_DIR, as for OpenCL; empty: nowhere). What is read back is believed
 * only where it is a file of ours with finite, positive rates for this very key. */
void limits_cache_read(const Compilation *c, Limits *limits);
void limits_cache_write(const Compilation *c, const Limits *limits);

#endif
