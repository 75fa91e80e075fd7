/* Contexts of launch plans: context_bytes, init, create, destroy, message. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plan_context.h"
#include "plan_expr.h"

_Static_assert(sizeof(nn_plan_memory) <= NN_PLAN_BUFFER_BYTES, "");
_Static_assert(sizeof(nn_plan_step) <= NN_PLAN_LAUNCH_BYTES, "");
_Static_assert(3 * sizeof(int64_t) <= NN_PLAN_SYMBOL_BYTES, "");
_Static_assert(sizeof(nn_plan_port) <= NN_PLAN_PORT_BYTES, "");
_Static_assert(sizeof(nn_context) + NN_BACKEND_STATE_BYTES + 6 * 64 <= NN_PLAN_CONTEXT_BYTES, "");

static const nn_backend *const backends[] = {&nn_opencl_backend};

nn_status nn_fail(nn_report *report, nn_status status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->text, report->size, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- sizes ---------------------------------------------------------------------------------- */

/* A byte past the end may be asked for (an empty buffer at the end of the arena), and no driver
 * makes a buffer of nothing. */
static nn_status room_for(const nn_plan *plan, const nn_expr *size, const int64_t *limits,
                          int64_t *bytes) {
    nn_status status = nn_expr_upper(size, limits, bytes);
    if (status != NN_OK) return status;
    if (*bytes < 0) *bytes = 0;
    if (__builtin_add_overflow(*bytes, 2 * (int64_t)plan->alignment, bytes)) return NN_TOO_LARGE;
    *bytes = *bytes / plan->alignment * plan->alignment;
    return (uint64_t)*bytes > SIZE_MAX / 2 ? NN_TOO_LARGE : NN_OK;
}

/* Bytes on the device for runs within the limits: in all, and in the largest buffer. */
static nn_status device_bytes(const nn_plan *plan, const int64_t *limits, uint64_t *total,
                              uint64_t *largest) {
    int64_t arena, bytes;
    nn_status status = room_for(plan, &plan->arena_bytes, limits, &arena);
    if (status != NN_OK) return status;
    *total = (uint64_t)arena + plan->weights_bytes;
    *largest = (uint64_t)arena > plan->weights_bytes ? (uint64_t)arena : plan->weights_bytes;
    if (*total < plan->weights_bytes) return NN_TOO_LARGE;
    for (uint32_t i = 0; i < plan->buffer_count; i++) {
        const nn_plan_buffer *buffer = &plan->buffers[i];
        if (buffer->role != NN_PLAN_INPUT && buffer->role != NN_PLAN_OUTPUT) continue;
        status = room_for(plan, &buffer->bytes, limits, &bytes);
        if (status != NN_OK) return status;
        if (__builtin_add_overflow(*total, (uint64_t)bytes, total)) return NN_TOO_LARGE;
        if ((uint64_t)bytes > *largest) *largest = (uint64_t)bytes;
    }
    return NN_OK;
}

static size_t host_bytes(const nn_network *network, const nn_plan *plan) {
    uint64_t ports = (uint64_t)network->input_count + network->output_count;
    uint64_t total = NN_PLAN_CONTEXT_BYTES + (uint64_t)NN_PLAN_BUFFER_BYTES * plan->buffer_count +
                     (uint64_t)NN_PLAN_LAUNCH_BYTES * plan->launch_count +
                     (uint64_t)NN_PLAN_SYMBOL_BYTES * network->symbol_count +
                     NN_PLAN_PORT_BYTES * ports;
    return total < SIZE_MAX ? (size_t)total : SIZE_MAX;
}

/* The plan was checked; limits are not null where there are symbols. SIZE_MAX: no memory holds such
 * runs. */
static size_t context_bytes(const nn_network *network, const nn_plan *plan, const int64_t *limits) {
    uint64_t total, largest;
    for (uint32_t i = 0; i < network->symbol_count; i++) {
        if (limits[i] < 0) return SIZE_MAX;
    }
    if (device_bytes(plan, limits, &total, &largest) != NN_OK) return SIZE_MAX;
    return host_bytes(network, plan);
}

size_t nn_plan_context_bytes(const nn_network *network, const nn_plan *plan, const void *limits) {
    if (nn_plan_check(plan, network, NULL) != NN_OK) return SIZE_MAX;
    if (network->symbol_count && !limits) return SIZE_MAX;
    return context_bytes(network, plan, limits);
}

/* ---- what init and create refuse alike ------------------------------------------------------ */

static nn_status check_options(const nn_network *network, const nn_options *options,
                               nn_report *report) {
    const int64_t *limits = options->limits;
    if (network->symbol_count && !limits) {
        return nn_fail(report, NN_INVALID, "options: limits is null");
    }
    for (uint32_t i = 0; i < network->symbol_count; i++) {
        if (limits[i] >= 0) continue;
        return nn_fail(report, NN_INVALID, "options: the limit of %s is negative",
                       network->symbols[i]);
    }
    return NN_OK;
}

static nn_status check_call(const nn_network *network, const nn_plan *plan,
                            const nn_options *options, nn_report *report, size_t *total) {
    const char *reason;
    if (nn_plan_check(plan, network, &reason) != NN_OK) {
        return nn_fail(report, NN_MISMATCH, "the launch plan is refused: %s", reason);
    }
    nn_status status = check_options(network, options, report);
    if (status != NN_OK) return status;
    *total = context_bytes(network, plan, options->limits);
    if (*total == SIZE_MAX) {
        return nn_fail(report, NN_TOO_LARGE,
                       "options: the limits ask for more memory than there can be");
    }
    return NN_OK;
}

static nn_status check_memory(const void *memory, nn_report *report) {
    if (!memory) return nn_fail(report, NN_INVALID, "init: memory is null");
    if ((uintptr_t)memory % 64 != 0) {
        return nn_fail(report, NN_INVALID, "init: memory is not aligned to 64 bytes");
    }
    return NN_OK;
}

/* The weight section: the caller's if given, else the plan's. */
static nn_status choose_weights(const nn_plan *plan, const nn_options *options, nn_report *report,
                                const void **weights) {
    *weights = options->weights ? options->weights : plan->weights;
    if (plan->weights_bytes == 0) return NN_OK;
    if (!*weights) {
        return nn_fail(report, NN_INVALID, "options: weights is null, and the plan has none");
    }
    if (!options->weights) return NN_OK;
    if (options->weights_bytes != plan->weights_bytes) {
        return nn_fail(report, NN_MISMATCH,
                       "options: weights_bytes is not that of this network's weights");
    }
    if ((uintptr_t)options->weights % 64 != 0) {
        return nn_fail(report, NN_INVALID, "options: weights is not aligned to 64 bytes");
    }
    return NN_OK;
}

/* ---- on the device -------------------------------------------------------------------------- */

/* What the network needs of the device, before anything is made on it. */
static nn_status check_device(nn_context *context) {
    const nn_plan *plan = context->plan;
    const nn_device *device = &context->device;
    nn_report *report = &context->report;
    uint64_t total, largest;
    nn_status status = device_bytes(plan, context->limits, &total, &largest);
    if (status != NN_OK) return nn_fail(report, status, "init: a size does not fit 64 bits");
    if (device->alignment > plan->alignment) {
        return nn_fail(report, NN_UNSUPPORTED,
                       "%s wants buffers aligned to %llu bytes, and the network was compiled for "
                       "%u: compile it for this device",
                       device->name, (unsigned long long)device->alignment, plan->alignment);
    }
    if (plan->local_bytes > device->local_bytes) {
        return nn_fail(report, NN_UNSUPPORTED,
                       "%s has %llu bytes of local memory, and the network was compiled for %llu: "
                       "compile it for this device",
                       device->name, (unsigned long long)device->local_bytes,
                       (unsigned long long)plan->local_bytes);
    }
    if (total > device->global_bytes || largest > device->buffer_bytes) {
        return nn_fail(report, NN_NO_MEMORY,
                       "the network needs %llu bytes on %s, %llu of them in one buffer; it has "
                       "%llu, and a buffer may have %llu: choose smaller limits",
                       (unsigned long long)total, device->name, (unsigned long long)largest,
                       (unsigned long long)device->global_bytes,
                       (unsigned long long)device->buffer_bytes);
    }
    return NN_OK;
}

static nn_status check_items(nn_context *context) {
    const nn_device *device = &context->device;
    for (uint32_t i = 0; i < context->plan->launch_count; i++) {
        const nn_plan_launch *launch = &context->plan->launches[i];
        uint64_t items = 1;
        int fits = 1;
        for (uint32_t axis = 0; axis < launch->dimensions; axis++) {
            items *= launch->items[axis];
            fits &= launch->items[axis] <= device->axis_items[axis];
        }
        if (fits && items <= device->group_items) continue;
        return nn_fail(&context->report, NN_UNSUPPORTED,
                       "%s: kernel %s has %llu work-items in a group, more than %s takes: compile "
                       "the network for this device",
                       launch->path, launch->kernel, (unsigned long long)items, device->name);
    }
    return NN_OK;
}

static nn_status make_weights(nn_context *context, const void *weights) {
    const nn_plan *plan = context->plan;
    const nn_backend *backend = context->backend;
    nn_status status = NN_OK;
    if (plan->weights_bytes == 0) return NN_OK;
    /* Empty weights may stand at the very end. */
    size_t bytes = plan->weights_bytes + plan->alignment;
    status = backend->buffer(context->state, bytes, &context->weights, &context->report);
    if (status != NN_OK) return status;
    status = backend->write(context->state, context->weights, weights, plan->weights_bytes,
                            &context->report);
    nn_status finished = backend->finish(context->state, &context->report);
    return status != NN_OK ? status : finished;
}

static nn_status make_buffers(nn_context *context) {
    const nn_plan *plan = context->plan;
    const nn_backend *backend = context->backend;
    nn_status status = room_for(plan, &plan->arena_bytes, context->limits, &context->arena_bytes);
    if (status == NN_OK) {
        status = backend->buffer(context->state, (size_t)context->arena_bytes, &context->arena,
                                 &context->report);
    }
    for (uint32_t i = 0; status == NN_OK && i < plan->buffer_count; i++) {
        const nn_plan_buffer *buffer = &plan->buffers[i];
        int64_t bytes;
        if (buffer->role != NN_PLAN_INPUT && buffer->role != NN_PLAN_OUTPUT) continue;
        status = room_for(plan, &buffer->bytes, context->limits, &bytes);
        if (status != NN_OK) break;
        status = backend->buffer(context->state, (size_t)bytes, &context->buffers[i].handle,
                                 &context->report);
    }
    return status;
}

static nn_status make_kernels(nn_context *context) {
    nn_status status = NN_OK;
    for (uint32_t i = 0; status == NN_OK && i < context->plan->launch_count; i++) {
        status = context->backend->kernel(context->state, &context->plan->launches[i],
                                          &context->steps[i].kernel, &context->report);
    }
    return status;
}

/* Arguments for the largest run: where all dimensions are bound, those of every run. Limits that
 * are no sizes of a run themselves (N - M at the same limit of both) leave it to the first run. */
static nn_status bind_limits(nn_context *context) {
    size_t bytes = context->network->symbol_count * sizeof(int64_t);
    if (bytes) memcpy(context->values, context->limits, bytes);
    nn_status status = nn_plan_measure(context);
    if (status == NN_INVALID || status == NN_TOO_LARGE) return NN_OK;
    return status == NN_OK ? nn_plan_bind(context) : status;
}

static nn_status open_device(nn_context *context, const nn_options *options) {
    for (size_t i = 0; i < sizeof backends / sizeof backends[0]; i++) {
        if (strcmp(backends[i]->language, context->plan->language) != 0) continue;
        context->backend = backends[i];
        return context->backend->open(context->state, options, &context->device, &context->report);
    }
    return nn_fail(&context->report, NN_UNSUPPORTED, "no device here runs programs in '%.32s'",
                   context->plan->language);
}

static nn_status set_up(nn_context *context, const nn_options *options, const void *weights) {
    nn_status status = open_device(context, options);
    if (status == NN_OK) status = check_device(context);
    if (status == NN_OK) status = check_items(context);
    if (status == NN_OK) {
        status = context->backend->compile(context->state, context->plan, &context->report);
    }
    if (status == NN_OK) status = make_kernels(context);
    if (status == NN_OK) status = make_weights(context, weights);
    if (status == NN_OK) status = make_buffers(context);
    if (status == NN_OK) status = bind_limits(context);
    return status;
}

static void release_device(nn_context *context) {
    const nn_backend *backend = context->backend;
    const nn_plan *plan = context->plan;
    if (!backend) return;
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        if (context->steps[i].kernel)
            backend->release_kernel(context->state, context->steps[i].kernel);
    }
    for (uint32_t i = 0; i < plan->buffer_count; i++) {
        if (context->buffers[i].handle)
            backend->release_buffer(context->state, context->buffers[i].handle);
    }
    if (context->arena) backend->release_buffer(context->state, context->arena);
    if (context->weights) backend->release_buffer(context->state, context->weights);
    backend->close(context->state);
    context->backend = NULL;
}

/* ---- entries -------------------------------------------------------------------------------- */

static void *take(unsigned char **next, size_t bytes) {
    void *part = *next;
    *next += (bytes + 63) / 64 * 64;
    return part;
}

/* The memory was checked and is zero. */
static nn_context *lay_out(void *memory, size_t total, const nn_network *network,
                           const nn_plan *plan, const nn_options *options) {
    unsigned char *next = memory;
    size_t symbols = network->symbol_count * sizeof(int64_t);
    nn_context *context = take(&next, sizeof *context);
    context->network = network;
    context->plan = plan;
    context->bytes = total;
    context->report = (nn_report){context->message, sizeof context->message};
    context->state = take(&next, NN_BACKEND_STATE_BYTES);
    context->buffers = take(&next, plan->buffer_count * sizeof *context->buffers);
    context->steps = take(&next, plan->launch_count * sizeof *context->steps);
    context->limits = take(&next, symbols);
    context->values = take(&next, symbols);
    context->bound = take(&next, symbols);
    context->ports =
        take(&next, ((size_t)network->input_count + network->output_count) * sizeof(nn_plan_port));
    if (symbols) memcpy(context->limits, options->limits, symbols);
    for (uint32_t i = 0; i < plan->buffer_count; i++) {
        const nn_plan_buffer *buffer = &plan->buffers[i];
        uint32_t first = buffer->role == NN_PLAN_OUTPUT ? network->input_count : 0;
        if (buffer->role != NN_PLAN_INPUT && buffer->role != NN_PLAN_OUTPUT) continue;
        context->ports[first + buffer->index].memory = &context->buffers[i];
    }
    return context;
}

static nn_status init(const nn_network *network, const nn_plan *plan, void *memory, size_t bytes,
                      const nn_options *options, nn_report *report, nn_context **result) {
    size_t total;
    const void *weights;
    nn_status status = check_call(network, plan, options, report, &total);
    if (status == NN_OK) status = check_memory(memory, report);
    if (status != NN_OK) return status;
    if (bytes < total) {
        return nn_fail(report, NN_NO_MEMORY, "init: memory is smaller than context_bytes");
    }
    status = choose_weights(plan, options, report, &weights);
    if (status != NN_OK) return status;
    memset(memory, 0, total);
    nn_context *context = lay_out(memory, total, network, plan, options);
    status = set_up(context, options, weights);
    if (status != NN_OK) {
        release_device(context);
        return nn_fail(report, status, "%s",
                       *context->message ? context->message : nn_status_text(status));
    }
    *context->message = 0;
    context->magic = NN_PLAN_MAGIC;
    *result = context;
    return NN_OK;
}

/* Runs init or create with a place for their message, which goes to the log. */
typedef struct Call {
    const nn_network *network;
    const nn_plan *plan;
    const nn_options *options;
    nn_report report;
} Call;

static nn_status begin(Call *call, nn_context **context) {
    if (!context) return NN_INVALID;
    *context = NULL;
    if (!call->options || !call->network || !call->plan) return NN_INVALID;
    /* Until the size is known, nothing in the options can be trusted, their log included. */
    return call->options->struct_bytes < sizeof(nn_options) ? NN_INVALID : NN_OK;
}

static nn_status end(Call *call, nn_status status) {
    if (status != NN_OK && call->options->log) {
        call->options->log(call->options->log_data, call->report.text);
    }
    return status;
}

nn_status nn_plan_init(const nn_network *network, const nn_plan *plan, void *memory, size_t bytes,
                       const nn_options *options, nn_context **context) {
    char text[NN_PLAN_MESSAGE_BYTES] = "";
    Call call = {network, plan, options, {text, sizeof text}};
    nn_status status = begin(&call, context);
    if (status != NN_OK) return status;
    return end(&call, init(network, plan, memory, bytes, options, &call.report, context));
}

static nn_status create(Call *call, nn_context **context) {
    const nn_options *options = call->options;
    size_t total;
    nn_status status = check_call(call->network, call->plan, options, &call->report, &total);
    if (status != NN_OK) return status;
    if (!options->allocate) {
        return nn_fail(&call->report, NN_NO_MEMORY, "options: allocate is null");
    }
    void *memory = options->allocate(options->allocator, total, 64);
    if (!memory) return nn_fail(&call->report, NN_NO_MEMORY, "create: allocate returned null");
    status = init(call->network, call->plan, memory, total, options, &call->report, context);
    if (status != NN_OK) {
        if (options->release) options->release(options->allocator, memory, total);
        return status;
    }
    (*context)->release = options->release;
    (*context)->allocator = options->allocator;
    return NN_OK;
}

nn_status nn_plan_create(const nn_network *network, const nn_plan *plan, const nn_options *options,
                         nn_context **context) {
    char text[NN_PLAN_MESSAGE_BYTES] = "";
    Call call = {network, plan, options, {text, sizeof text}};
    nn_status status = begin(&call, context);
    return status != NN_OK ? status : end(&call, create(&call, context));
}

void nn_plan_destroy(nn_context *context) {
    if (!context || context->magic != NN_PLAN_MAGIC) return;
    release_device(context);
    context->magic = 0;
    if (context->release) context->release(context->allocator, context, context->bytes);
}

const char *nn_plan_message(const nn_context *context) {
    return context ? context->message : "";
}
