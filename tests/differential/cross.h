/* Networks for other architectures: an object of nnc's, linked by that architecture's C compiler with a small main, and run by
 * an emulator. */
#ifndef NNC_TESTS_DIFFERENTIAL_CROSS_H
#define NNC_TESTS_DIFFERENTIAL_CROSS_H

#include "tests/differential/harness.h"

/* One for each architecture and processor; null: no such name. */
const Way *cross_way(const char *name);
/* Whether its C compiler and emulator are installed. */
bool cross_tools_exist(const Way *way);

/* Makes the program of a network that is lowered; the current folder is the source tree. */
bool cross_make(Compiled *c, const Way *way, const TargetOptions *options, Arena *arena,
                Diag *diag);
void cross_free(Compiled *c);
/* As compiled_run; threads and placement do not count. symbols: of the module. */
const char *cross_run(const Compiled *c, const Tensor *inputs, Tensor *outputs, Arena *arena,
                      const int64_t *symbols);

#endif
