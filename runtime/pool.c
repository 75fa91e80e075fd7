/* Shares of items and the threads that take from them. */
#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "futex.h"

enum { LINE = 128 }; /* two cache lines: processors fetch them in pairs */

/* How long a thread that has nothing to do looks for work before it sleeps, which costs the next
 * caller a system call: longer than a small serial kernel between two parallel ones. */
enum { SPIN_NANOSECONDS = 50000, SPINS_PER_LOOK = 32 };

/* Items begin..end-1 that nobody has taken, as begin in the low half and end in the high half. A
 * thread that has looked at an older job's share may still take from it if the share is the same
 * by then: that item is one of the job that is running, and the thread looks at that. */
typedef struct Share {
    _Alignas(LINE) _Atomic uint64_t items;
} Share;

typedef struct Worker {
    Pool *pool;
    size_t share;
    pthread_t thread;
} Worker;

struct Pool {
    size_t threads, shares; /* that run; that the memory is for */
    pid_t process;          /* which the threads are of */
    Worker *workers;
    _Alignas(LINE) atomic_bool taken; /* by a call */
    int64_t next_look;     /* by now(); this and the next are the caller's that has taken it */
    uint64_t least_cycles; /* of a job that is worth sharing */
    /* What workers look at, in one line: between cores that share no cache fetching one takes as
     * long as a small item. The job is written by the caller before it fills the shares, and
     * constant while an item is not done. */
    _Alignas(LINE) _Atomic uint32_t jobs;
    _Atomic uint32_t sleepers;
    atomic_bool stop;
    nn_task *task;
    void *argument;
    size_t first; /* item 0 of the shares */
    /* Items that are not done, and CALLER_SLEEPS. */
    _Alignas(LINE) _Atomic uint32_t rest;
    Share share[];
};

#define CALLER_SLEEPS (UINT32_C(1) << 31)
#define MOST_ITEMS    (CALLER_SLEEPS - 1)

/* ---- waiting --------------------------------------------------------------------------------- */

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
    __asm__ volatile("yield");
#endif
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* True as soon as the word differs from value, false if it still does not after some time. */
static bool changes_soon(_Atomic uint32_t *word, uint32_t value) {
    int64_t end = 0;
    for (;;) {
        for (int i = 0; i < SPINS_PER_LOOK; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
            relax();
        }
        int64_t time = now();
        if (end == 0) end = time + SPIN_NANOSECONDS;
        if (time >= end) return false;
    }
}

/* ---- items ----------------------------------------------------------------------------------- */

static uint64_t share_of(uint64_t begin, uint64_t end) {
    return begin | end << 32;
}

/* Takes some items and returns how many: a part of them only, so that others find work as long as
 * there is any, and not one by one, as every taking may wait for another core's. */
static uint32_t take(Share *share, bool own, uint32_t *item) {
    enum { OF_OWN = 4, OF_OTHERS = 2 };
    uint64_t items = atomic_load_explicit(&share->items, memory_order_relaxed);
    for (;;) {
        uint32_t begin = (uint32_t)items, end = (uint32_t)(items >> 32);
        if (begin >= end) return 0;
        uint32_t count = (end - begin - 1) / (own ? OF_OWN : OF_OTHERS) + 1;
        uint64_t left = own ? share_of(begin + count, end) : share_of(begin, end - count);
        *item = own ? begin : end - count;
        /* Acquire: of the job, which was written before the share. */
        if (atomic_compare_exchange_weak_explicit(&share->items, &items, left, memory_order_acquire,
                                                  memory_order_relaxed)) {
            return count;
        }
    }
}

/* Runs what nobody else has taken, the own share first; returns how many. */
static uint32_t run_items(Pool *pool, size_t own) {
    uint32_t done = 0, item, count;
    size_t threads = pool->shares;
    for (size_t i = 0; i < threads; i++) {
        Share *share = &pool->share[(own + i) % threads];
        while ((count = take(share, i == 0, &item)) > 0) {
            done += count;
            for (; count > 0; count--) pool->task(pool->argument, pool->first + item++);
        }
    }
    return done;
}

static void report(Pool *pool, uint32_t done) {
    if (done == 0) return;
    uint32_t rest = atomic_fetch_sub_explicit(&pool->rest, done, memory_order_acq_rel) - done;
    if (rest == CALLER_SLEEPS) futex_wake(&pool->rest, 1);
}

/* ---- the workers ----------------------------------------------------------------------------- */

static void *work(void *data) {
    Worker *worker = data;
    Pool *pool = worker->pool;
    uint32_t seen = 0;
    for (;;) {
        if (!changes_soon(&pool->jobs, seen)) {
            /* Either the caller sees a sleeper, or the sleeper that there is another job. */
            atomic_fetch_add(&pool->sleepers, 1);
            while (atomic_load(&pool->jobs) == seen) futex_wait(&pool->jobs, seen);
        }
        seen = atomic_load(&pool->jobs);
        if (atomic_load_explicit(&pool->stop, memory_order_relaxed)) return NULL;
        report(pool, run_items(pool, worker->share));
    }
}

/* Who is woken once counts as awake, though it may be long until it runs: waking costs more than a
 * small job. */
static void announce(Pool *pool) {
    atomic_fetch_add(&pool->jobs, 1);
    if (atomic_load(&pool->sleepers) == 0) return;
    atomic_store(&pool->sleepers, 0);
    futex_wake(&pool->jobs, pool->shares);
}

/* ---- the caller ------------------------------------------------------------------------------ */

/* A job of at most MOST_ITEMS. */
static void run_job(Pool *pool, nn_task *task, void *argument, size_t first, uint32_t count) {
    pool->task = task;
    pool->argument = argument;
    pool->first = first;
    atomic_store_explicit(&pool->rest, count, memory_order_relaxed);
    for (uint64_t i = 0; i < pool->threads; i++) {
        uint64_t items = share_of(count * i / pool->threads, count * (i + 1) / pool->threads);
        atomic_store_explicit(&pool->share[i].items, items, memory_order_release);
    }
    announce(pool);
    report(pool, run_items(pool, 0));
    uint32_t rest;
    while ((rest = atomic_load_explicit(&pool->rest, memory_order_acquire) & MOST_ITEMS) != 0) {
        if (changes_soon(&pool->rest, rest)) continue;
        uint32_t sleeping = atomic_fetch_or(&pool->rest, CALLER_SLEEPS) | CALLER_SLEEPS;
        while ((sleeping & MOST_ITEMS) != 0) {
            futex_wait(&pool->rest, sleeping);
            sleeping = atomic_load_explicit(&pool->rest, memory_order_acquire);
        }
    }
}

/* ---- which jobs are shared ------------------------------------------------------------------- */

/* Where two cores share no cache, each line that a thread writes and another reads takes several
 * times as long, and a loop that gains by a second thread next door loses by one over there. Which
 * it is may change while the program runs: systems move threads, and hosts move processors. */

/* A meeting of two threads takes 200 ns where they share a cache and 650 where they do not, and in
 * the second case a job has to take so many cycles for each of them before sharing it pays: measured
 * with small convolution networks on a Zen 4. */
enum {
    NEAR = 400, /* nanoseconds, as the others */
    MEETING_LIMIT = 10000,
    LOOK_INTERVAL = 50000000,
    CYCLES_PER_NANOSECOND_APART = 160,
};

typedef struct Meeting {
    _Atomic uint32_t there;
    uint32_t all;
    int64_t end; /* by now() */
} Meeting;

static void meet(void *argument, size_t index) {
    Meeting *meeting = argument;
    (void)index;
    atomic_fetch_add_explicit(&meeting->there, 1, memory_order_acq_rel);
    for (unsigned i = 1;; i++) {
        if (atomic_load_explicit(&meeting->there, memory_order_acquire) == meeting->all) return;
        relax();
        if (i % SPINS_PER_LOOK == 0 && now() >= meeting->end) return;
    }
}

/* Nanoseconds until all threads have met in a job and left it, the least of some tries; at most
 * MEETING_LIMIT, where they did not all come. */
static int64_t meeting_time(Pool *pool) {
    enum { TRIES = 4 };
    int64_t least = MEETING_LIMIT;
    for (int i = 0; i < TRIES; i++) {
        int64_t begin = now();
        Meeting meeting = {.all = (uint32_t)pool->threads, .end = begin + MEETING_LIMIT};
        run_job(pool, meet, &meeting, 0, meeting.all);
        int64_t time = now() - begin;
        if (time < least) least = time;
    }
    return least;
}

/* For whoever has taken the pool. Who is asleep is woken now and measured in a later call: waiting
 * for it would take longer than the small networks of a program that runs one now and then. */
static void look_around(Pool *pool) {
    int64_t time = now();
    if (time < pool->next_look) return;
    if (atomic_load(&pool->sleepers) > 0) {
        announce(pool);
        pool->next_look = time + SPIN_NANOSECONDS;
        return;
    }
    int64_t meeting = meeting_time(pool);
    pool->least_cycles = meeting <= NEAR ? 0 : (uint64_t)meeting * CYCLES_PER_NANOSECOND_APART;
    pool->next_look = time + LOOK_INTERVAL;
}

static bool worth_sharing(Pool *pool, uint64_t cycles) {
    if (cycles == 0 || cycles >= (uint64_t)MEETING_LIMIT * CYCLES_PER_NANOSECOND_APART) return true;
    look_around(pool);
    return cycles >= pool->least_cycles;
}

static void run_alone(nn_task *task, void *argument, size_t count) {
    for (size_t i = 0; i < count; i++) task(argument, i);
}

static bool take_pool(Pool *pool) {
    bool taken = false;
    return atomic_compare_exchange_strong_explicit(&pool->taken, &taken, true, memory_order_acquire,
                                                   memory_order_relaxed);
}

static void leave_pool(Pool *pool) {
    atomic_store_explicit(&pool->taken, false, memory_order_release);
}

void pool_run(void *data, nn_task *task, void *argument, size_t count, uint64_t cycles) {
    Pool *pool = data;
    if (count < 2 || !take_pool(pool)) {
        run_alone(task, argument, count);
    } else if (!worth_sharing(pool, cycles)) {
        leave_pool(pool);
        run_alone(task, argument, count);
    } else {
        for (size_t first = 0; first < count; first += MOST_ITEMS) {
            size_t left = count - first;
            run_job(pool, task, argument, first, (uint32_t)(left < MOST_ITEMS ? left : MOST_ITEMS));
        }
        leave_pool(pool);
    }
}

/* ---- creation -------------------------------------------------------------------------------- */

static size_t processors(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (size_t)CPU_COUNT(&set);
#endif
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (size_t)count : 1;
}

/* Signals are for the program's own threads, but for those that a thread brings about itself: the
 * program's handler is to hear of them. */
static void start_workers(Pool *pool, size_t threads) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) sigdelset(&all, faults[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 1; i < threads; i++) {
        Worker *worker = &pool->workers[i];
        *worker = (Worker){.pool = pool, .share = i};
        if (pthread_create(&worker->thread, NULL, work, worker) != 0) break;
        pool->threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

Pool *pool_create(size_t threads) {
    if (threads == 0) threads = processors();
    enum { MOST_THREADS = 4096 };
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    void *memory = NULL;
    size_t bytes = sizeof(Pool) + threads * sizeof(Share);
    if (posix_memalign(&memory, LINE, bytes + threads * sizeof(Worker)) != 0) return NULL;
    Pool *pool = memset(memory, 0, bytes + threads * sizeof(Worker));
    pool->workers = (Worker *)((char *)memory + bytes);
    pool->threads = 1;
    pool->shares = threads;
    pool->process = getpid();
    pool->next_look = now() + LOOK_INTERVAL; /* by then they run */
    start_workers(pool, threads);
    return pool;
}

size_t pool_threads(const Pool *pool) {
    return pool->threads;
}

void pool_destroy(Pool *pool) {
    if (!pool) return;
    /* After fork the child has the memory but none of the threads. */
    if (pool->process == getpid()) {
        atomic_store_explicit(&pool->stop, true, memory_order_relaxed);
        announce(pool);
        for (size_t i = 1; i < pool->threads; i++) pthread_join(pool->workers[i].thread, NULL);
    }
    free(pool);
}
