/* A target: one table of functions. Nothing else asks for a target's name. */
#ifndef NNC_CODEGEN_TARGET_H
#define NNC_CODEGEN_TARGET_H

#include "ir/base/file.h"
#include "ir/loop.h"
#include "ir/target_desc.h"
#include "nn/nn.h"

/* Runs of the network by the reference interpreter, for what tests itself elsewhere. */
typedef struct Samples {
    size_t count;
    Tensor *const *inputs;  /* [sample][position in the signature] */
    Tensor *const *outputs; /* what is expected */
} Samples;

/* Hears of a loaded program's steps: mark(data, i) before step i of a run starts, mark(data, count)
 * when all are done; in the thread that runs the network. What is loaded without a hook has nothing
 * in it that asks for one. */
typedef struct StepHook {
    void (*mark)(void *data, size_t step);
    void *data;
} StepHook;

/* One of several versions of a program in one artifact (-multiversion), each for a processor of its
 * own. They share the interface and the weight section. */
typedef struct ProgramVersion {
    const char *cpu;
    TargetDesc desc;
    LProgram *program;
} ProgramVersion;

typedef struct ProgramVersions {
    size_t count;
    ProgramVersion *list; /* those that ask least of the processor first */
    LProgram *weights;    /* nothing but the weights of all, each once */
} ProgramVersions;

typedef struct TargetOptions {
    const char *cpu, *triple, *features; /* -mcpu, -mtriple, -mattr; null: this machine */
    const char *device;                  /* -device */
    const char *prefix;                  /* of generated names: a C identifier */
    bool checked_features;               /* of cpu only those that init can ask the caller for */
    const ProgramVersions *versions;     /* emit: all versions; null: there is one */
    int opt_level;                       /* 0..3 */
    bool fp_fast;
    bool bf16;             /* -precision=bf16: roundings to it may take subnormal numbers as 0 */
    bool external_weights; /* -weights-out=external */
    bool runs_here; /* loaded, not written: without a -device, for the one that this machine has */
    uint64_t source_hash;   /* goes into the artifact */
    const Samples *samples; /* emit: where the target wants them, else null */
    const StepHook *hook;   /* load: null: none */
} TargetOptions;

/* Files that one compilation writes, in memory. */
typedef struct Artifacts {
    Arena *arena;
    const char *folder;  /* exchanged as a whole; null: none */
    size_t folder_files; /* that many of the files, from the first, lie in it */
    VEC(OutputFile) files;
} Artifacts;

/* A program loaded into this process. */
typedef struct LoadedNetwork {
    const nn_network *network;
    void *handle;
    void (*unload)(void *handle);
    size_t code_bytes; /* size of the object it came from */
    /* With a hook: how many steps a run has, and which call of the program each is part of (null:
     * step i is call i). */
    size_t step_count;
    const size_t *step_calls;
    /* With a hook: what every new context is given before it runs; null: it needs nothing. */
    void (*observe)(nn_context *context, const StepHook *hook);
    /* A context is plain memory and weights stay where the caller has them: to make one anew in the
     * same place costs next to nothing. */
    bool in_host_memory;
} LoadedNetwork;

typedef struct Target {
    const char *name;
    const char *help;
    const char *const *emit_kinds; /* what -emit= may say, default first; ends with null */
    bool wants_sizes;              /* every symbol must be bound */
    bool wants_samples;            /* emit puts samples into what it writes */
    /* The machine to compile for. A fault of the options (unknown -mcpu) is a diagnostic. */
    bool (*describe)(const TargetOptions *options, TargetDesc *desc, Arena *arena, Diag *diag);
    /* Reads -multiversion (null: the usual list): processors for versions of one program, those that
     * ask least first. Null: the target has none. */
    bool (*levels)(const TargetOptions *options, const char *text, Arena *arena, const char ***cpus,
                   size_t *count, Diag *diag);
    /* Sets what of the description depends on the network; null: nothing does. */
    bool (*tune)(const Graph *graph, const TargetOptions *options, TargetDesc *desc, Diag *diag);
    /* Writes the files for one emit kind; path is the chosen output (-o) and decides the other
     * files' names. */
    bool (*emit)(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 const char *kind, const char *path, Artifacts *artifacts, Diag *diag);
    /* Loads the very same code into this process; null: the target cannot run here. */
    bool (*load)(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 LoadedNetwork *loaded, Diag *diag);
    /* One line for `nnc devices`: what this machine offers; writes nothing and returns false if it
     * cannot run here. */
    bool (*probe)(StrBuf *line);
} Target;

extern const Target target_cpu, target_opencl, target_hls;

extern const Target *const target_table[];
extern const size_t target_count;
const Target *target_find(const char *name);

/* ---- shared by targets ----------------------------------------------------------------------- */

/* Names of a generated interface: PREFIX_run and its linker name with ABI version and interface
 * hash. */
uint64_t abi_interface_hash(const LProgram *program, const char *prefix);
const char *abi_linker_name(Arena *arena, const LProgram *program, const char *prefix,
                            const char *function);
/* What a generated header says of its target. */
typedef struct AbiTarget {
    const char *text;      /* what the network is compiled for */
    int64_t context_bytes; /* -1 where symbols decide */
    bool has_driver;       /* a driver runs it: with memory of its own, and it may fail midway */
} AbiTarget;
/* The generated header (see docs/runtime.md). */
void abi_header(const LProgram *program, const char *prefix, const AbiTarget *target, StrBuf *out);
/* A dimension as nn_expr code. */
size_t abi_expr(const LProgram *program, Dim dim, Arena *arena, const int64_t **code);
/* The weight section in pieces: the weights' own bytes in the order of their weight_offset, and
 * zeros between them. */
OutputPiece *program_weight_parts(const LProgram *program, Arena *arena, size_t *count);
/* Gives weights of equal bytes one place for all versions; makes versions->weights. */
bool program_share_weights(ProgramVersions *versions, Arena *arena, Diag *diag);
/* A copy of the weight section, 64-byte aligned. */
uint8_t *program_weights(const LProgram *program, Arena *arena, size_t *bytes);

#endif
