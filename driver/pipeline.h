/* One compilation, stage by stage. */
#ifndef NNC_DRIVER_PIPELINE_H
#define NNC_DRIVER_PIPELINE_H

#include "codegen/lower/lower.h"
#include "codegen/target.h"
#include "driver/options.h"
#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "passes/pass.h"

typedef struct Compilation {
    const Options *options;
    Arena *arena;
    Diag *diag;
    nn_options threads;    /* those that compile: parallel_for and pool */
    bool runs_here;        /* set before the stages: what is compiled is run, not written */
    bool discards_weights; /* set before the stages: nothing but the program will be read */
    const Target *target;
    TargetOptions target_options;
    TargetDesc desc;
    Module *module;             /* after load */
    Graph *source;              /* the network as it was written */
    Graph *reference;           /* set by compilation_reference */
    Graph *graph;               /* what the passes work on */
    LProgram *program;          /* after lower */
    const char *const *sources; /* all files that were read */
    size_t nsources;
    const PlanSource *plans; /* asked before -tune; null: none */
    StrBuf report;
    int status; /* of the first failure: EXIT_INPUT, ... */
} Compilation;

/* Each stage reports through diag and returns false on failure; compilation->status is then
 * the exit status. */
Compilation *compilation_create(const Options *options, Arena *arena);
void compilation_destroy(Compilation *c);  /* frees what the arena does not own */
bool compilation_load(Compilation *c);     /* text and weights to graph IR */
bool compilation_optimize(Compilation *c); /* passes */
bool compilation_lower(Compilation *c);    /* loop IR, memory plan */
/* All of it; with -multiversion once for each processor that it lists. */
bool compilation_run(Compilation *c);
bool compilation_versions(Compilation *c); /* of that, what follows load (versions.c) */

/* What targets are held to: the network as it was written, or, where weights are quantized or
 * operands rounded on purpose, what the passes that do so made of it. Null after a failure. */
const Graph *compilation_reference(Compilation *c);
/* How far an output may be off: for tensor_agreement. */
double compilation_tolerance(const Compilation *c, const Tensor *output);

/* The passes that the options ask for, in order. */
bool compilation_passes(Compilation *c, const Pass ***passes, size_t *count);
bool fail(Compilation *c, int status); /* records the status; always false */

#endif
