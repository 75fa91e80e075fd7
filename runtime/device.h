/* What a kind of device does for the interpreter of launch plans: one table of functions each.
 *
 * A backend owns nothing but its state, which lies in the context's memory and starts zeroed. Every
 * function that can fail returns a status and says why in the report. The interpreter releases
 * every handle it was given before it closes. */
#ifndef NN_DEVICE_H
#define NN_DEVICE_H

#include "nn/nn.h"
#include "nn/plan.h"

/* Where a failure is explained; the text is always terminated and cut where it is too long. */
typedef struct nn_report {
    char *text;
    size_t size;
} nn_report;

/* Writes the text and returns the status. */
nn_status nn_fail(nn_report *report, nn_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A buffer or kernel of the backend: a pointer or a device address; 0 is none. */
typedef uintptr_t nn_handle;

enum { NN_BACKEND_STATE_BYTES = 1536 };

typedef struct nn_backend {
    const char *language; /* of the plans it runs */
    size_t state_bytes;   /* at most NN_BACKEND_STATE_BYTES */

    /* Chooses the device that options->device asks for and makes what every later call needs;
     * *device says what it can do. NN_UNSUPPORTED: no driver, no such device. Whether or not it
     * succeeds, close is called. */
    nn_status (*open)(void *state, const nn_options *options, nn_device *device, nn_report *report);

    /* Makes the plan's source ready for kernel. Called once. NN_DEVICE with the compiler's log
     * where it is refused. */
    nn_status (*compile)(void *state, const nn_plan *plan, nn_report *report);

    /* Uninitialized device memory; bytes > 0, within the device's limits. NN_NO_MEMORY where there
     * is none left. */
    nn_status (*buffer)(void *state, size_t bytes, nn_handle *buffer, nn_report *report);

    /* A part of a buffer, aligned as the device asks; its release leaves the whole. Parts may
     * overlap. */
    nn_status (*part)(void *state, nn_handle whole, size_t offset, size_t bytes, nn_handle *buffer,
                      nn_report *report);

    void (*release_buffer)(void *state, nn_handle buffer);

    /* A kernel of its own for one launch. NN_MISMATCH where the program has none of this name and
     * number of arguments, NN_UNSUPPORTED where it cannot run with so many work-items in a group.
     */
    nn_status (*kernel)(void *state, const nn_plan_launch *launch, nn_handle *kernel,
                        nn_report *report);

    void (*release_kernel)(void *state, nn_handle kernel);

    /* Arguments keep their values from launch to launch. */
    nn_status (*set_buffer)(void *state, nn_handle kernel, uint32_t index, nn_handle buffer,
                            nn_report *report);
    nn_status (*set_integer)(void *state, nn_handle kernel, uint32_t index, int64_t value,
                             nn_report *report);

    /* Work is done in the order of the calls. launch: every count is positive and groups times
     * items fits size_t. write: data must stay as it is until finish. read: returns when the data
     * is there. */
    nn_status (*launch)(void *state, nn_handle kernel, const nn_plan_launch *launch,
                        const size_t groups[3], nn_report *report);
    nn_status (*write)(void *state, nn_handle buffer, const void *data, size_t bytes,
                       nn_report *report);
    nn_status (*read)(void *state, nn_handle buffer, void *data, size_t bytes, nn_report *report);

    /* Waits until nothing is under way, also after a failure. */
    nn_status (*finish)(void *state, nn_report *report);

    void (*close)(void *state);
} nn_backend;

extern const nn_backend nn_opencl_backend;

#endif
