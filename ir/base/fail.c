/* The two ways nnc gives up at once: a defect of its own, and no memory left. */
#include "ir/base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The last two components of a path: enough to find the file, the same wherever the
 * tree was built. */
static const char *path_tail(const char *path) {
    const char *tail = path;
    int slashes = 0;
    for (const char *p = path + strlen(path); p > path; p--) {
        if (p[-1] != '/') continue;
        tail = p;
        if (++slashes == 2) return tail;
    }
    return path[0] == '/' ? tail : path;
}

void die_at(const char *file, int line, const char *format, ...) {
    fflush(stdout);
    fprintf(stderr, "nnc: internal error: ");
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, " (%s:%d)\n", path_tail(file), line);
    fprintf(stderr,
            "This is a defect in nnc, not in your input. Please report it together with the "
            "command line and the input.\n");
    exit(EXIT_DEFECT);
}

void die_out_of_memory(size_t bytes) {
    fflush(stdout);
    if (bytes == SIZE_MAX)
        fprintf(stderr, "nnc: error: out of memory: a size does not fit the address space\n");
    else
        fprintf(stderr, "nnc: error: out of memory: %zu more bytes were needed\n", bytes);
    exit(EXIT_MACHINE);
}
