/* Threads that share the items of a loop with the thread that calls it.
 *
 * Whoever takes an item does so by one atomic step and only then looks at the job. So a call waits
 * for items that somebody holds and never for a thread: workers that sleep, or that the system lets
 * wait while another program has their core, are not missed, and what they find when they come late
 * is no item.
 *
 * Every thread has a share of its own, the same in each call with that count, which it takes from
 * the front, so that consecutive kernels find their data in its cache; who has none left takes from
 * the back of the others'. */
#ifndef NNRT_POOL_H
#define NNRT_POOL_H

#include "nn/nn.h"

typedef struct Pool Pool;

/* `threads` with the calling one, 0: one for each processor that this process may use. As many as
 * the system grants, which may be only the caller; null if there is no memory. */
Pool *pool_create(size_t threads);
size_t pool_threads(const Pool *pool);

/* A nn_parallel_for. Allocates nothing and cannot fail. A call from within a task, or while another
 * thread is in a call on this pool, runs its items one after the other in the calling thread; so
 * does one of few cycles while the threads are far apart, which is measured now and then. */
void pool_run(void *pool, nn_task *task, void *argument, size_t count, uint64_t cycles);

/* No call may be running. */
void pool_destroy(Pool *pool);

#endif
