/* A context of a launch plan, in host memory:
 *
 *   struct nn_context | backend's state | buffers | launches | limits, values, bound | ports
 *
 * The parts lie within the shares that nn/plan.h promises. */
#ifndef NN_PLAN_CONTEXT_H
#define NN_PLAN_CONTEXT_H

#include "device.h"

enum { NN_PLAN_MESSAGE_BYTES = 4096 };

/* Contexts start with it until they are destroyed; those of compiled code start with something
 * else. */
#define NN_PLAN_MAGIC 0x314e414c502d4e4eu

/* What a kernel gets for a buffer of the plan. */
typedef struct nn_plan_memory {
    nn_handle handle;
    int64_t bytes, offset; /* for the context's values */
} nn_plan_memory;

typedef struct nn_plan_step {
    nn_handle kernel;
    size_t groups[3]; /* for the context's values; all 0 where nothing is launched */
} nn_plan_step;

/* An input or output of a run. */
typedef struct nn_plan_port {
    const void *data;
    int64_t bytes;
    nn_plan_memory *memory; /* null: an input that no kernel reads */
} nn_plan_port;

struct nn_context {
    uint64_t magic;
    const nn_network *network;
    const nn_plan *plan;
    const nn_backend *backend; /* null until it was opened */
    void (*release)(void *allocator, void *memory, size_t bytes);
    void *allocator;
    size_t bytes;
    int is_bound; /* buffers and arguments stand for the values in bound */
    nn_device device;
    int64_t arena_bytes; /* room for temps */
    nn_handle arena, weights;
    void *state;
    nn_plan_memory *buffers;
    nn_plan_step *steps;
    int64_t *limits, *values, *bound;
    nn_plan_port *ports;                     /* inputs, then outputs */
    void (*mark)(void *data, size_t launch); /* null: nobody measures */
    void *mark_data;
    nn_report report;
    char message[NN_PLAN_MESSAGE_BYTES];
};

/* Sizes, offsets and ranges for the context's values; nothing on the device is touched. */
nn_status nn_plan_measure(nn_context *context);

/* Gives the kernels what nn_plan_measure found. */
nn_status nn_plan_bind(nn_context *context);

#endif
