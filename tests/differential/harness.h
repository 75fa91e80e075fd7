/* What the differential tests share: a network compiled for one machine and run on memory that shows
 * every stray access, and the comparison of its results with the reference interpreter's. */
#ifndef NNC_TESTS_DIFFERENTIAL_HARNESS_H
#define NNC_TESTS_DIFFERENTIAL_HARNESS_H

#include "codegen/target.h"
#include "passes/pass.h"

/* One way to compile: a processor and a level, or another target and its device. */
typedef struct Way {
    const char *name;
    const char *cpu;             /* null: this machine */
    int level;                   /* of passes and code */
    double delta;                /* step of quantized weights; 0: none */
    const char *target, *device; /* null: cpu */
    const char *triple;          /* another architecture: see cross.h; null: this one */
    const char *features;        /* as -mattr takes them */
    bool bf16;                   /* -precision=bf16 */
    uint64_t emulated;           /* NN_CPU_* bits that the code is told of beside this machine's */
} Way;

enum { WAY_NATIVE = 1, WAY_COUNT = 5 };      /* this machine at -O2 */
extern const Way ways[WAY_COUNT];            /* -O0 and -O2 for this machine, -O2 for every level */
extern const Way opencl_way, opencl_gpu_way; /* on this machine's device, whatever it is */
extern const Way bf16_way;                   /* native, -precision=bf16 */
extern const Way hls_way;                    /* a design, simulated */
bool way_runs_here(const Way *way);

/* ---- compiling and running -------------------------------------------------------------------- */

typedef struct Compiled {
    Graph *graph; /* after the passes */
    LProgram *program;
    TargetDesc desc;
    LoadedNetwork loaded;
    uint64_t emulated;             /* the way's */
    const char *emulator, *folder; /* of a program for another architecture, else null */
} Compiled;

/* Parallel loops run in threads however small they are. False with a diagnostic. */
bool compiled_make(Compiled *c, const Graph *source, const Way *way, Arena *arena, Diag *diag);
void compiled_free(Compiled *c);

/* Where tensors lie in pages of their own, with unmapped ones around them. */
typedef enum Placement { AT_END, AT_BEGIN } Placement;

typedef struct RunOptions {
    const int64_t *symbols; /* of the module */
    size_t threads;
    Placement placement;
} RunOptions;

/* outputs are given with types and shapes; their data is made in the arena. Null, or what went wrong: an error of the run, a
 * write beside a tensor. A stray access that leaves the pages is a signal. */
const char *compiled_run(const Compiled *c, const Tensor *inputs, Tensor *outputs, Arena *arena,
                         const RunOptions *options);

/* ---- comparing ---------------------------------------------------------------------------------- */

typedef enum Match {
    MATCH_AGREES, /* as tensor_agreement says */
    MATCH_CLOSE,  /* every element to within its own rounding error */
    MATCH_EXACT,  /* equal values; NaN equals NaN */
    MATCH_BITS,   /* equal bits; any NaN equals any */
} Match;

double tolerance_of(DType dtype); /* of one operator, for MATCH_AGREES */
/* Null, or a sentence about the worst element. */
const char *mismatch(const Tensor *result, const Tensor *reference, Match match, double tol,
                     Arena *arena);
bool same_bits(const Tensor *a, const Tensor *b);

/* ---- inputs ------------------------------------------------------------------------------------- */

typedef enum Values {
    VALUES_SMALL,    /* normal with deviation 1; integers -8 to 7 */
    VALUES_WIDE,     /* magnitudes from 2^-12 to 2^12; integers of the whole range */
    VALUES_SPECIAL,  /* NaN, infinities, signed zeros, denormals, halves, extremes, among others */
    VALUES_POSITIVE, /* 0.1 and more; integers 1 to 9 */
} Values;

void fill_values(Tensor *tensor, Values values, uint64_t seed);

/* ---- processes ---------------------------------------------------------------------------------- */

/* Runs check(data) in a process of its own, so that a crash or an nnc defect is one failure among others. Returns 0 where it
 * returned true, 1 where false, 2 where it died. quiet: nothing is printed. */
int in_child(bool (*check)(void *data), void *data, bool quiet);

#endif
