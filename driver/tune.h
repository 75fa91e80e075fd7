/* nnc tune: measures plans of a network's contractions on this machine. */
#ifndef NNC_DRIVER_TUNE_H
#define NNC_DRIVER_TUNE_H

#include "codegen/schedule/plan.h"
#include "codegen/schedule/tuning.h"
#include "driver/execute.h"

enum { MOST_CANDIDATES = 20 };

/* One contraction of the network, however often it occurs. */
typedef struct TuneKernel {
    const char *key, *name; /* name: of the kernel, for people */
    const Node *node;       /* the first that has it */
    Contraction contraction;
    ContractionPlan plans[MOST_CANDIDATES]; /* by the model, its own first */
    size_t nplans;
    VEC(size_t) calls; /* of the network's program */
    double seconds;    /* of all of them in a run, with the model's plans */
} TuneKernel;

typedef struct Tune {
    Compilation *c;
    Arena *arena;
    const char *path; /* of the tuning file */
    Tuning *tuning;
    VEC(TuneKernel *) kernels; /* slowest first once the network was measured */
    const int64_t *symbols;
    Tensor *inputs; /* of the network */
    int64_t threads;
    double deadline;   /* by dump_clock; 0: none */
    char *eviction;    /* what is read between two runs of a kernel */
    size_t evicted;    /* bytes of it */
    size_t candidates; /* tried so far */
} Tune;

/* The text of a plan, in the arena. */
const char *tune_plan_text(const Tune *t, const Contraction *c, const ContractionPlan *plan);

/* ---- tune_trial.c: one kernel with one plan --------------------------------------------------- */

/* A program that is this kernel alone. */
typedef struct Trial {
    Compilation compilation;
    Executable executable;
    Tensor *inputs;
    uint32_t ninputs;
    double median; /* seconds of a run, in the comparison that was last made */
} Trial;

/* Null where the plan cannot be compiled. */
Trial *trial_open(const Tune *t, const TuneKernel *kernel, const ContractionPlan *plan);
void trial_close(Trial *trial);
bool trials_agree(const Trial *a, const Trial *b);

/* Runs both in turn for about that many seconds and sets their medians. Whether b is faster than a
 * by more than what runs differ by themselves; hopeless cases end early. */
bool trial_is_faster(const Tune *t, Trial *a, Trial *b, double seconds);

/* ---- tune_search.c ---------------------------------------------------------------------------- */

/* Finds the fastest plan of a kernel and puts it into the tuning. False where it was interrupted.
 * Returns in *changed whether it is another than the model's. */
bool tune_search(Tune *t, const TuneKernel *kernel, bool *changed);
/* Whether the user or the clock wants an end. */
bool tune_interrupted(const Tune *t);

/* ---- tune_network.c --------------------------------------------------------------------------- */

/* Lists the contractions of the network (c->program becomes that with the model's plans) and
 * measures how long each takes in a run. */
bool tune_survey(Tune *t);
/* What the whole network takes in seconds. */
typedef struct TuneResult {
    double before, after;
    size_t dropped; /* plans that were faster alone and are not so in the network */
} TuneResult;
/* Compiles the network with the plans of the tuning, holds its results to those of the model's
 * plans, and gives contractions that are not faster in it their former plan back. */
bool tune_check(Tune *t, TuneResult *result);

#endif
