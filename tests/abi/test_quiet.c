/* A run makes no system call: it happens in a process that the kernel kills at its first one. */
#define _GNU_SOURCE
#include "mlp_bound.h"

#include <stdbool.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/seccomp.h>
#include <sys/prctl.h>

enum { QUIET = 0, WRONG = 1, REFUSED = 77 }; /* how the process ends */

/* Of all calls this alone is left to it, besides read and write; exit_group is not. */
static _Noreturn void leave(int status) {
    for (;;) syscall(SYS_exit, status);
}

static bool only_exit_is_left(void) {
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0;
}

static void run_digits(void) {
    enum { RUNS = 1000 };
    static uint8_t image[MLP_BOUND_IMAGE_ELEMENTS];
    static float probs[MLP_BOUND_PROBS_ELEMENTS];
    mlp_bound_io io = {.image = image, .probs = probs};
    nn_options options;
    nn_context *context;
    if (nn_default_options(1, &options) != NN_OK) leave(WRONG);
    if (mlp_bound_create(&options, &context) != NN_OK) leave(WRONG);
    if (!only_exit_is_left()) leave(REFUSED);
    bool right = true;
    for (int i = 0; i < RUNS; i++) right = mlp_bound_run(context, &io) == NN_OK && right;
    float sum = 0;
    for (size_t i = 0; i < MLP_BOUND_PROBS_ELEMENTS; i++) sum += probs[i];
    leave(right && sum > 0.99F && sum < 1.01F ? QUIET : WRONG);
}

/* That the kernel does kill: without it the test above would say nothing. */
static void make_a_call(void) {
    if (!only_exit_is_left()) leave(REFUSED);
    syscall(SYS_getppid);
    leave(QUIET);
}

/* The status with which a process ends that does that; -1: it was killed. */
static int outcome(void (*act)(void)) {
    int status = 0;
    pid_t child = fork();
    if (child == 0) act();
    if (child < 0 || waitpid(child, &status, 0) != child) return WRONG;
    return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

int main(void) {
    int call = outcome(make_a_call), run = outcome(run_digits);
    if (call == REFUSED || run == REFUSED) {
        printf("skipped: the system does not grant seccomp\n");
        return REFUSED;
    }
    if (call != -1) fprintf(stderr, "a system call in strict mode is not noticed\n");
    if (run == -1) fprintf(stderr, "a run of the digits' network makes a system call\n");
    if (run == WRONG) fprintf(stderr, "a run of the digits' network fails\n");
    return call == -1 && run == QUIET ? 0 : 1;
}
#else
int main(void) {
    printf("skipped: seccomp is Linux's\n");
    return 77;
}
#endif
