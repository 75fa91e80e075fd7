/* Inputs for run, bench and verify: from files or generated. */
#ifndef NNC_DRIVER_INPUTS_H
#define NNC_DRIVER_INPUTS_H

#include "driver/pipeline.h"
#include "ir/interp.h"

/* A random tensor of an input's type for given symbol values; the same seed gives the same data. */
bool input_random(const Graph *graph, int index, const int64_t *symbols, uint64_t seed,
                  Arena *arena, Tensor *tensor, Diag *diag);
/* All inputs of the graph from -input options: NAME=FILE.npy or NAME=random[:SEED]. Symbols get
 * their values from the files; one that no file decides is 1. A missing input is an error that
 * lists what is needed. */
bool inputs_from_options(Compilation *c, const Graph *graph, Tensor *inputs, int64_t *symbols);

#endif
