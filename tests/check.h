/* Checks of a test that is a program of its own: those that fail are named and counted, and the rest
 * still run. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdio.h>

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

/* Says how it went; what main returns. */
static inline int checks_end(void) {
    printf("%s\n", failures ? "failed" : "passed");
    return failures != 0;
}

#endif
