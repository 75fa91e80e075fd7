/* Linux has a call for it; elsewhere a sleeper looks again after a while. */
#define _GNU_SOURCE
#include "futex.h"

#include <limits.h>
#include <time.h>

#if defined(__linux__)
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* errno is the program's: a kernel that runs in several threads leaves it alone. */
static void call(_Atomic uint32_t *word, int operation, uint32_t value) {
    int before = errno;
    syscall(SYS_futex, word, operation, value, NULL, NULL, 0);
    errno = before;
}

void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    call(word, FUTEX_WAIT_PRIVATE, value);
}

void futex_wake(_Atomic uint32_t *word, size_t sleepers) {
    call(word, FUTEX_WAKE_PRIVATE, sleepers < INT_MAX ? (uint32_t)sleepers : INT_MAX);
}
#else
void futex_wait(_Atomic uint32_t *word, uint32_t value) {
    if (atomic_load(word) == value) nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
}

void futex_wake(_Atomic uint32_t *word, size_t sleepers) {
    (void)word;
    (void)sleepers;
}
#endif
