/* Dependency files: which outputs to make again when which inputs change. */
#ifndef NNC_DRIVER_DEPFILE_H
#define NNC_DRIVER_DEPFILE_H

#include "ir/base/diag.h"

typedef struct Dependencies {
    const char *const *outputs;
    size_t noutputs;
    const char *const *inputs; /* the first is the one that was named on the command line */
    size_t ninputs;
    const char *folder; /* put before relative inputs; null: they stay relative */
} Dependencies;

/* A rule that make, Ninja and CMake read alike, and an empty rule for each input but the first, so
 * that make does not stop at one that was deleted: nnc then says what is wrong, if anything is.
 * False, with an error, where a path has a newline: the syntax cannot express it. */
bool depfile_format(const Dependencies *dependencies, StrBuf *out, Diag *diag);

#endif
