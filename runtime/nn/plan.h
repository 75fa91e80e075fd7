/* The launch plan: a compiled network as data, for devices that a host program drives (OpenCL,
 * CUDA).
 *
 * A plan names buffers, kernels and launches in order; sizes are expressions of the symbols. It is
 * written into generated C as constant data and interpreted by one piece of code in libnnrt; `nnc
 * run` hands the same data over in memory. Nothing in it is trusted: nn_plan_check refuses what
 * does not hang together before anything is run. */
#ifndef NN_PLAN_H
#define NN_PLAN_H

#include "nn/nn.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NN_PLAN_VERSION 2

enum { NN_PLAN_MAX_ARGS = 64 };

/* Host memory of a context, the same on every host, so that a generated header can hold it as a
 * constant: base + buffers + launches + symbols + (inputs + outputs), each times its share. */
enum {
    NN_PLAN_CONTEXT_BYTES = 8192,
    NN_PLAN_BUFFER_BYTES = 64,
    NN_PLAN_LAUNCH_BYTES = 64,
    NN_PLAN_SYMBOL_BYTES = 64,
    NN_PLAN_PORT_BYTES = 64
};

typedef enum nn_plan_role {
    NN_PLAN_INPUT,  /* index: position among the inputs */
    NN_PLAN_OUTPUT, /* index: position among the outputs */
    NN_PLAN_WEIGHT, /* offset: bytes in the weight section */
    NN_PLAN_TEMP    /* region and offset in the arena */
} nn_plan_role;

/* Memory a kernel works on. */
typedef struct nn_plan_buffer {
    const char *name; /* for messages */
    nn_plan_role role;
    uint32_t index;
    nn_expr bytes; /* size; of inputs and outputs that of the tensor, of weights a constant */
    /* weight, temp: bytes from the start of the section or the arena; a multiple of the plan's
     * alignment; of weights a constant, of temps evaluated with the symbols of each run */
    nn_expr offset;
} nn_plan_buffer;

/* A kernel's arguments, in order: its buffers, then the symbols it uses as 64-bit integers. */
typedef struct nn_plan_launch {
    const char *kernel; /* name in the source */
    const char *path;   /* the layer, for messages and profiles */
    uint32_t buffer_count, symbol_count;
    const uint32_t *buffers; /* positions in the plan's buffers */
    const uint32_t *symbols; /* positions among the network's symbols */
    uint32_t dimensions;     /* 1 to 3 */
    nn_expr groups[3];       /* work-groups along each axis; any 0: nothing is launched */
    uint32_t items[3];       /* work-items of a group along each axis */
} nn_plan_launch;

/* What the symbols of a run must leave: an extent that is not negative, and that is not 0 where
 * there are elements to compute from it. */
typedef struct nn_plan_need {
    const char *path; /* the layer */
    const char *text; /* the extent, for messages */
    nn_expr extent, elements;
} nn_plan_need;

typedef struct nn_plan {
    uint32_t version, struct_bytes;
    const char *language; /* "opencl-c" */
    const char *options;  /* for the device's compiler */
    const char *source;
    size_t source_bytes;
    uint64_t source_hash; /* hash of source and options: the key of the program cache */
    /* Bytes, a power of two: of every buffer's start. A device that asks for more refuses the plan;
     * processors ask for 128, and GPUs for up to 512. */
    uint32_t alignment;
    uint32_t buffer_count, launch_count, need_count;
    const nn_plan_buffer *buffers;
    const nn_plan_launch *launches;
    const nn_plan_need *needs;
    nn_expr arena_bytes;
    uint64_t local_bytes; /* most local memory a work-group needs */
    const void *weights;  /* null: options->weights has to give them */
    size_t weights_bytes;
    uint64_t plan_hash; /* nn_plan_hash of all of the above: an edited plan is refused */
} nn_plan;

/* Hash of the source and the options for the device's compiler: what source_hash holds. */
uint64_t nn_plan_source_hash(const char *source, size_t source_bytes, const char *options);

/* Hash of everything the plan says, but for the weights' bytes and plan_hash itself; the same on
 * every host. The plan may be unchecked but for its pointers, which must be valid where their
 * counts are not zero. */
uint64_t nn_plan_hash(const nn_plan *plan);

/* NN_MISMATCH with *reason (static text, may be null) where the plan contradicts itself or the
 * network. */
nn_status nn_plan_check(const nn_plan *plan, const nn_network *network, const char **reason);

/* What the entries of a generated nn_network call. The context lies in memory from the options'
 * allocator, or in the caller's (init); it owns its device buffers, kernels and queue. Contexts are
 * independent of each other. The statuses are those of compiled code; options->log hears why an
 * init failed, nn_plan_message says why a run failed. nn_plan_context_bytes is SIZE_MAX also for a
 * plan that is refused. */
size_t nn_plan_context_bytes(const nn_network *network, const nn_plan *plan, const void *limits);
nn_status nn_plan_init(const nn_network *network, const nn_plan *plan, void *memory, size_t bytes,
                       const nn_options *options, nn_context **context);
nn_status nn_plan_create(const nn_network *network, const nn_plan *plan, const nn_options *options,
                         nn_context **context);
nn_status nn_plan_run(nn_context *context, const void *io);
void nn_plan_destroy(nn_context *context);

/* For measurements: from the next run on the device finishes what it has before each launch, and
 * mark(data, i) is called before launch i, mark(data, launch_count) after the last. A null mark
 * ends it. */
void nn_plan_observe(nn_context *context, void (*mark)(void *data, size_t launch), void *data);
const char *nn_plan_message(const nn_context *context);

#ifdef __cplusplus
}
#endif

#endif
