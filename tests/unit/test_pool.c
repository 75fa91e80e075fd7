/* The thread pool: every item once, whatever the threads are doing. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/pool.h"

/* ---- threads that the system refuses ------------------------------------------------------------ */

static int granted = -1; /* how many more; -1: any number */

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&                             \
    !(defined(__has_feature) && defined(__clang__))
#define INTERPOSED 1
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument) {
    int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");
    memcpy(&next, &symbol, sizeof next);
    if (granted == 0) return EAGAIN;
    if (granted > 0) granted--;
    return next(thread, attributes, start, argument);
}

/* A clock for tests: how many nanoseconds it gains whenever somebody looks at it; 0: the real one. */
static _Atomic long long per_look, fake_time;

int clock_gettime(clockid_t clock, struct timespec *time) {
    int (*next)(clockid_t, struct timespec *);
    void *symbol = dlsym(RTLD_NEXT, "clock_gettime");
    memcpy(&next, &symbol, sizeof next);
    if (per_look == 0) return next(clock, time);
    long long ns = atomic_fetch_add(&fake_time, per_look);
    *time = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return 0;
}
#else
#define INTERPOSED 0
static _Atomic long long per_look, fake_time;
#endif

/* ---- every item once ---------------------------------------------------------------------------- */

enum { MOST = 1000 };

typedef struct Marks {
    int seen[MOST]; /* not atomic: each by one thread, and the caller looks afterwards */
} Marks;

static void mark(void *argument, size_t index) {
    ((Marks *)argument)->seen[index]++;
}

/* The argument's life ends with the call, as it does in generated code. */
static void run_once(Pool *pool, size_t count) {
    Marks marks = {{0}};
    pool_run(pool, mark, &marks, count, 0);
    for (size_t i = 0; i < MOST; i++)
        cr_assert_eq(marks.seen[i], i < count, "item %zu of %zu: %d", i, count, marks.seen[i]);
    memset(&marks, 0x55, sizeof marks);
}

Test(pool, runs_every_item_once) {
    static const size_t counts[] = {0, 1, 2, 3, 7, 8, 64, MOST};
    for (size_t threads = 1; threads <= 5; threads++) {
        Pool *pool = pool_create(threads);
        cr_assert_not_null(pool);
        cr_expect_eq(pool_threads(pool), threads);
        for (int again = 0; again < 50; again++)
            for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) run_once(pool, counts[c]);
        pool_destroy(pool);
    }
    pool_destroy(NULL);
}

Test(pool, wakes_threads_that_sleep) {
    Pool *pool = pool_create(3);
    for (int again = 0; again < 20; again++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        run_once(pool, 10);
    }
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    pool_destroy(pool);
}

/* ---- several threads at work -------------------------------------------------------------------- */

typedef struct Meeting {
    atomic_int there;
    pthread_t who[2];
} Meeting;

/* Both items have begun before either ends. */
static void meet(void *argument, size_t index) {
    Meeting *meeting = argument;
    meeting->who[index] = pthread_self();
    atomic_fetch_add(&meeting->there, 1);
    while (atomic_load(&meeting->there) < 2) sched_yield();
}

Test(pool, items_run_side_by_side, .timeout = 60) {
    Pool *pool = pool_create(2);
    for (int again = 0; again < 20; again++) {
        Meeting meeting = {.there = 0};
        pool_run(pool, meet, &meeting, 2, 0);
        cr_expect(!pthread_equal(meeting.who[0], meeting.who[1]));
        /* The caller begins with the first share. */
        cr_expect(pthread_equal(meeting.who[0], pthread_self()) ||
                  pthread_equal(meeting.who[1], pthread_self()));
        if (again % 4 == 3) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    pool_destroy(pool);
}

typedef struct Slow {
    pthread_t caller;
    atomic_int there;
    int done[2];
} Slow;

/* The worker's item lasts long after the caller's. */
static void linger(void *argument, size_t index) {
    Slow *slow = argument;
    atomic_fetch_add(&slow->there, 1);
    while (atomic_load(&slow->there) < 2) sched_yield();
    if (!pthread_equal(pthread_self(), slow->caller))
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    slow->done[index] = 1;
}

Test(pool, waits_for_items_that_last, .timeout = 60) {
    Pool *pool = pool_create(2);
    for (int again = 0; again < 10; again++) {
        Slow slow = {.caller = pthread_self()};
        pool_run(pool, linger, &slow, 2, 0);
        cr_expect(slow.done[0] && slow.done[1]);
    }
    pool_destroy(pool);
}

typedef struct Nest {
    Pool *pool;
    Marks inner[8];
} Nest;

static void nested(void *argument, size_t index) {
    Nest *nest = argument;
    pool_run(nest->pool, mark, &nest->inner[index], MOST, 0);
}

Test(pool, calls_inside_tasks, .timeout = 60) {
    static Nest nest;
    nest.pool = pool_create(3);
    pool_run(nest.pool, nested, &nest, 8, 0);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < MOST; k++) cr_assert_eq(nest.inner[i].seen[k], 1);
    pool_destroy(nest.pool);
}

static void *call_often(void *pool) {
    for (int again = 0; again < 300; again++) run_once(pool, (size_t)again % 40);
    return NULL;
}

Test(pool, callers_share_it, .timeout = 60) {
    Pool *pool = pool_create(3);
    pthread_t callers[4];
    for (int i = 0; i < 4; i++) pthread_create(&callers[i], NULL, call_often, pool);
    for (int i = 0; i < 4; i++) pthread_join(callers[i], NULL);
    pool_destroy(pool);
}

/* ---- threads that do not come ------------------------------------------------------------------- */

/* In the child of a fork no worker will ever run. */
Test(pool, nobody_waits_for_absent_threads, .timeout = 60) {
    Pool *pool = pool_create(4);
    for (int asleep = 0; asleep < 2; asleep++) {
        if (asleep) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            Marks marks = {{0}};
            for (int again = 0; again < 10; again++) pool_run(pool, mark, &marks, MOST, 0);
            bool right = true;
            for (int i = 0; i < MOST; i++) right = right && marks.seen[i] == 10;
            pool_destroy(pool);
            _exit(right ? 0 : 1);
        }
        int status = -1;
        waitpid(child, &status, 0);
        cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    }
    run_once(pool, MOST);
    pool_destroy(pool);
}

/* ---- threads that are far apart ----------------------------------------------------------------- */

typedef struct Others {
    pthread_t caller;
    atomic_int items;
} Others;

static void count_others(void *argument, size_t index) {
    Others *others = argument;
    (void)index;
    if (!pthread_equal(pthread_self(), others->caller)) atomic_fetch_add(&others->items, 1);
    for (int i = 0; i < 20000; i++) __asm__ volatile("");
}

/* Do other threads take part in jobs of so many cycles? The first calls find out what sharing costs
 * by now, and a machine at work lets some of the others go by. */
static bool shared(Pool *pool, uint64_t cycles) {
    enum { SETTLING = 100, SEVERAL = 2000, PAUSE = 60000000 };
    Others others = {.caller = pthread_self()};
    for (int i = 0; i < SETTLING; i++) {
        atomic_fetch_add(&fake_time, PAUSE);
        pool_run(pool, count_others, &others, 8, cycles);
    }
    atomic_store(&others.items, 0);
    for (int i = 0; i < SEVERAL && atomic_load(&others.items) == 0; i++)
        pool_run(pool, count_others, &others, 8, cycles);
    return atomic_load(&others.items) > 0;
}

Test(pool, small_jobs_stay_where_threads_are_far_apart, .timeout = 60) {
    enum { SMALL = 10000, LARGE = 100000000, NEAR = 1, FAR = 2000 };
    if (!INTERPOSED) return;
    atomic_store(&per_look, NEAR);
    Pool *pool = pool_create(2);
    for (int again = 0; again < 2; again++) {
        cr_expect(shared(pool, 0));
        cr_expect(shared(pool, SMALL));
        cr_expect(shared(pool, LARGE));
        atomic_store(&per_look, FAR);
        cr_expect(shared(pool, 0));
        cr_expect_not(shared(pool, SMALL));
        cr_expect(shared(pool, LARGE));
        atomic_store(&per_look, NEAR);
    }
    pool_destroy(pool);
}

/* ---- threads that are busy ---------------------------------------------------------------------- */

static atomic_bool ended;

static void *spin(void *argument) {
    while (!atomic_load(&ended)) (void)argument;
    return NULL;
}

/* One processor for the caller, its worker and four threads that never rest. If each call waited
 * until the worker has had its turn, 3000 of them would take a minute. */
Test(pool, busy_processors_do_not_stop_it, .timeout = 120) {
    enum { CALLS = 3000, SPINNERS = 4, SECONDS = 15 };
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &set)) cpu++;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    cr_assert_eq(sched_setaffinity(0, sizeof set, &set), 0);
    Pool *pool = pool_create(2);
    pthread_t spinners[SPINNERS];
    for (int i = 0; i < SPINNERS; i++) pthread_create(&spinners[i], NULL, spin, NULL);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    Marks marks = {{0}};
    for (int i = 0; i < CALLS; i++) pool_run(pool, mark, &marks, 8, 0);
    clock_gettime(CLOCK_MONOTONIC, &end);
    atomic_store(&ended, true);
    for (int i = 0; i < SPINNERS; i++) pthread_join(spinners[i], NULL);
    for (int i = 0; i < 8; i++) cr_expect_eq(marks.seen[i], CALLS);
    cr_expect_lt(end.tv_sec - begin.tv_sec, SECONDS);
    pool_destroy(pool);
}

Test(pool, fewer_threads_than_wanted, .timeout = 60) {
    if (!INTERPOSED) return;
    for (int grant = 0; grant < 4; grant++) {
        granted = grant;
        Pool *pool = pool_create(5);
        granted = -1;
        cr_assert_not_null(pool);
        cr_expect_eq(pool_threads(pool), (size_t)grant + 1);
        run_once(pool, MOST);
        pool_destroy(pool);
    }
    granted = 0;
    nn_options options;
    cr_expect_eq(nn_default_options(4, &options), NN_OK);
    cr_expect_null(options.parallel_for);
    nn_release_options(&options);
    granted = -1;
}
