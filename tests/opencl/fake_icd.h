/* What a test sees and sets of the fake OpenCL driver. */
#ifndef FAKE_ICD_H
#define FAKE_ICD_H

#include <stddef.h>
#include <stdint.h>

typedef enum FakeKind {
    FAKE_CONTEXT,
    FAKE_QUEUE,
    FAKE_MEMORY,
    FAKE_PROGRAM,
    FAKE_KERNEL,
    FAKE_KINDS
} FakeKind;

typedef struct FakeControl {
    long calls, fail_at;   /* calls so far; the number of the one that fails, 0: none */
    int error;             /* what it returns */
    const char *failed;    /* the function that did */
    long live[FAKE_KINDS]; /* objects not released */
    long pending;          /* commands enqueued and not done */
    long misuse;           /* what no program may do: released objects used, wrong sizes */
    long source_builds, binary_builds;
    int device_count; /* 0 to 2: a processor, then a GPU */
    uint64_t global_bytes, buffer_bytes, local_bytes;
    uint32_t align_bits;
    size_t group_items, kernel_items;
    const char *driver;
} FakeControl;

/* Exported by the driver; the state it starts with is that of a healthy machine. */
typedef FakeControl *FakeControlFunction(void);

#endif
