/* Private to the hls target: a program as tasks joined by channels, and the folder made of it. */
#ifndef NNC_CODEGEN_HLS_DESIGN_H
#define NNC_CODEGEN_HLS_DESIGN_H

#include "codegen/abi/abi.h"
#include "codegen/c/print.h"
#include "codegen/hls/hls.h"
#include "codegen/hls/model.h"
#include "ir/loop/stream.h"

/* ---- design.c -------------------------------------------------------------------------------- */

/* One writer, one reader, every element of a tensor in memory order. */
typedef struct HlsChannel {
    const char *name;
    DType dtype;
    int64_t elements, depth;
    int input, output;  /* position in the network's signature; -1: inside */
    int writer, reader; /* tasks; -1: outside */
} HlsChannel;

/* A function of the design. */
typedef struct HlsTask {
    const char *name, *path; /* path: of the layer; "" where the task only moves elements */
    const LKernel *kernel;   /* ready to print */
    const LKernel *source;   /* as it was lowered; null: only moves elements */
    const LKernel *flow;     /* uses the channels as `kernel` does, in fewer loops */
    int *channels;           /* by parameter; -1: a constant */
    LTensor **weights;       /* by parameter; null: a channel */
    const char **names;      /* by parameter: of the channel or the array of the constant */
    LPartition *partitions;  /* by parameter */
    LStreamReport *streams;  /* by parameter */
    HlsEstimate estimate;
} HlsTask;

typedef struct HlsDesign {
    const LProgram *program;
    Arena *arena;
    const char *name, *top; /* of the files; of the top function */
    VEC(HlsChannel) channels;
    VEC(HlsTask) tasks;
    int *inputs, *outputs; /* channel by position in the signature; -1: not used */
    const char **input_names, **output_names; /* parameters of the top function */
} HlsDesign;

/* Null after a failure. All sizes of the program are constant. */
HlsDesign *hls_design(const LProgram *program, const TargetOptions *options, Arena *arena,
                      Diag *diag);

/* Finds the goal for tasks (desc->task_cycles) with which the network's design is fastest on the
 * part: more lanes wherever a task takes longest, as long as there are multipliers. */
bool hls_tune(const Graph *graph, const TargetOptions *options, TargetDesc *desc, Diag *diag);

/* Sets the depths with which the tasks do not wait for each other for good. */
bool hls_find_depths(HlsDesign *design, Diag *diag);

/* ---- verify.c -------------------------------------------------------------------------------- */

/* Whether the tools can take the design: constant sizes, channels with one writer and one reader,
 * nothing that only other machines have. Says the first fault. */
bool hls_verify(const HlsDesign *design, Diag *diag);

/* ---- text ------------------------------------------------------------------------------------ */

/* Files that stand in the compiler as they are (support/). */
extern const char hls_host_c[], hls_testbench_c[], hls_makefile[], hls_vitis_tcl[], hls_bambu_sh[];
extern const char hls_nn_h[]; /* runtime/nn/nn.h */

typedef struct HlsValue {
    const char *key, *text;
} HlsValue;
/* The text with each @{key} replaced. */
void hls_expand(const char *text, const HlsValue *values, size_t count, StrBuf *out);

/* `void top(const uint8_t *image, float *probs)`. */
const char *hls_prototype(const HlsDesign *design);

void hls_print_design(const HlsDesign *design, StrBuf *out);
void hls_print_weights(const HlsDesign *design, StrBuf *out);
void hls_print_host(const HlsDesign *design, const TargetOptions *options, StrBuf *out);
/* bytes: golden.bin, of the arena. */
void hls_print_testbench(const HlsDesign *design, const Samples *samples, StrBuf *out,
                         const uint8_t **golden, size_t *bytes);
void hls_print_report(const HlsDesign *design, const HlsPart *part, const TargetDesc *desc,
                      StrBuf *out);

/* ---- package.c, load.c ----------------------------------------------------------------------- */

enum { HLS_CONTEXT_BYTES = 64 };

/* The design's C and the interface over its simulation, as files of the folder. */
void hls_add_simulation(const HlsDesign *design, const TargetOptions *options, const char *folder,
                        Artifacts *artifacts);
bool hls_load(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
              LoadedNetwork *loaded, Diag *diag);
/* The compiler that hls_load calls, as a path; null: none is found. */
const char *hls_compiler(Arena *arena);

#endif
