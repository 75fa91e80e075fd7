/* Work on several threads. Whoever starts the compiler says how tasks are run; nothing below starts
 * threads of its own. */
#ifndef NNC_IR_BASE_WORKERS_H
#define NNC_IR_BASE_WORKERS_H

#include <stddef.h>
#include <stdint.h>

typedef void WorkTask(void *argument, size_t index);

typedef struct Workers {
    /* Null: one thread. `cycles`: what all of it takes, 0: not known. */
    void (*run)(void *pool, WorkTask *task, void *argument, size_t count, uint64_t cycles);
    void *pool;
} Workers;

/* Runs task(argument, i) for every i in 0..count-1, in any order and on any threads, and returns
 * when all are done. What a task writes is its own: an arena each, no diagnostics, nothing that
 * interns. */
static inline void workers_run(Workers workers, WorkTask *task, void *argument, size_t count) {
    if (workers.run) {
        workers.run(workers.pool, task, argument, count, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) task(argument, i);
}

#endif
