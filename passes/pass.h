/* Passes over graph IR and over lowered programs, each a record in passes.def. */
#ifndef NNC_PASSES_PASS_H
#define NNC_PASSES_PASS_H

#include "ir/graph.h"
#include "ir/loop.h"
#include "ir/target_desc.h"

typedef struct PassOptions {
    double quantize_delta; /* -quantize=delta:D; 0: only layers with @delta */
    bool bf16;             /* -precision=bf16: contractions take operands in bf16 */
    bool fp_fast;
} PassOptions;

typedef struct PassContext {
    Module *module;
    const TargetDesc *target;
    PassOptions options;
    Diag *diag;
    StrBuf *report; /* what a pass has to say to the user (quantization); may be null */
    Arena *scratch; /* freed when the pass is done */
    bool defect; /* set by passes_run: a pass left an unsound graph; nnc's fault, not the input's */
} PassContext;

/* Changes the graph; returns whether it did. Faults go to context->diag. The graph's inputs,
 * outputs, their names and types stay; layouts of the network's inputs and outputs stay default. */
typedef bool GraphPass(PassContext *context, Graph *graph);

typedef struct Pass {
    const char *name;
    GraphPass *run;
    int level; /* least -O level at which it runs by default; 0: always (lowering needs it) */
    const char *help; /* one line */
} Pass;

/* In the order of the default pipeline. */
extern const Pass pass_table[];
extern const size_t pass_count;
const Pass *pass_find(const char *name);

/* Looking inside; all optional. */
typedef struct PassInspector {
    void (*before)(void *data, const Pass *pass, const Graph *graph, int number);
    void (*after)(void *data, const Pass *pass, const Graph *graph, int number, bool changed,
                  double seconds);
    void *data;
    bool verify; /* run the verifier after every pass and name the guilty one */
} PassInspector;

/* Runs the passes in order; stops at the first error. */
bool passes_run(PassContext *context, Graph *graph, const Pass *const *passes, size_t count,
                const PassInspector *inspector);
/* The default list for -O0..-O3; returns its length (at most pass_count). */
size_t passes_default(int level, const Pass **passes);

/* Memory planning of a lowered program: one arena; temporaries that do not live together share.
 * Fills regions, offsets and weight offsets. Sizes that are multiples of one polynomial share a
 * region. False with a diagnostic if sizes overflow. */
bool plan_memory(LProgram *program, Diag *diag);
/* Most bytes of temporaries alive at once, each rounded up to the alignment, in the given order, for
 * given symbols: the lower bound of any plan. INT64_MAX where it overflows. */
int64_t plan_memory_bound(const LProgram *program, const int64_t *symbols);

#endif
