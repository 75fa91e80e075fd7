/* distance CPU CPU: prints how many nanoseconds a cache line takes from one core to the other, the
 * least of several tries. Virtual machines get cores that share a cache, or do not, and change. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TRIES = 20, EXCHANGES = 1000 };

static _Alignas(128) atomic_int turn;

static void stay_on(int core) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void *answer(void *core) {
    stay_on(*(int *)core);
    for (int i = 0; i < TRIES * EXCHANGES; i++) {
        while (atomic_load(&turn) != 2 * i + 1) {
        }
        atomic_store(&turn, 2 * i + 2);
    }
    return NULL;
}

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int here = atoi(argv[1]), there = atoi(argv[2]);
    pthread_t other;
    double least = 1;
    if (pthread_create(&other, NULL, answer, &there) != 0) return 1;
    stay_on(here);
    for (int k = 0; k < TRIES; k++) {
        double begin = seconds();
        for (int i = k * EXCHANGES; i < (k + 1) * EXCHANGES; i++) {
            atomic_store(&turn, 2 * i + 1);
            while (atomic_load(&turn) != 2 * i + 2) {
            }
        }
        double each = (seconds() - begin) / EXCHANGES / 2;
        if (each < least) least = each;
    }
    pthread_join(other, NULL);
    printf("%.0f\n", least * 1e9);
    return 0;
}
