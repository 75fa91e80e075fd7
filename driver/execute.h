/* Running a network, compiled or interpreted, on tensors. */
#ifndef NNC_DRIVER_EXECUTE_H
#define NNC_DRIVER_EXECUTE_H

#include "driver/pipeline.h"
#include "nn/nn.h"

/* A network ready to run: compiled in memory or opened from a file. */
typedef struct Executable {
    const nn_network *network;
    const Module *module; /* compiled in memory: symbols are in its order, else in the network's */
    LoadedNetwork loaded; /* compiled in memory */
    nn_library *library;  /* opened */
    nn_options options;
    nn_context *context;
    int64_t *limits;
    Tensor *inputs, *outputs; /* as last bound */
    void *io;
    nn_status status; /* of the last bind or run */
    const char *said; /* what the network last logged; null: nothing */
    Arena *arena;
} Executable;

/* Compiles the program for this process. */
bool executable_compile(Compilation *c, Executable *executable);
/* Opens a loadable artifact. */
bool executable_open(const char *path, Arena *arena, Executable *executable, Diag *diag);
void executable_close(Executable *executable);

/* Makes a context for these symbol values, binds inputs and makes outputs. threads
 * as in nn_default_options. */
bool executable_bind(Executable *executable, const Tensor *inputs, const int64_t *symbols,
                     size_t threads, Diag *diag);
/* A tensor of zeros where vectors do not cross cache lines: how it lies should not decide how fast
 * a run is. */
Tensor executable_tensor(Arena *arena, DType dtype, int rank, const int64_t *dims);
/* Runs once; the outputs are in executable->outputs. */
bool executable_run(Executable *executable, Diag *diag);

/* Exit status after a bind or run that failed: of the machine or of the input. */
int executable_exit(const Executable *executable);

/* Symbol values of an artifact from its inputs' shapes; -1 unknown. False with a diagnostic where
 * they do not fit. */
bool executable_symbols(const nn_network *network, const Tensor *inputs, int64_t *symbols,
                        Diag *diag);

#endif
