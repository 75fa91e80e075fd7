/* Runs of a launch plan: everything is checked before anything is touched, then inputs, launches in
 * order, outputs. */
#include <string.h>

#include "plan_context.h"

static const char size_fault[] = "run: a size does not fit 64 bits or divides by zero";

/* Bits of an element. */
static const unsigned char type_bits[] = {
    [NN_F32] = 32, [NN_F16] = 16, [NN_BF16] = 16, [NN_F64] = 64,
    [NN_I8] = 8,   [NN_U8] = 8,   [NN_I16] = 16,  [NN_I32] = 32,
    [NN_I64] = 64, [NN_BOOL] = 8, [NN_I4] = 8,    [NN_U4] = 8, /* one a byte */
};

static nn_status value_of(nn_context *c, const nn_expr *expr, int64_t *value) {
    /* The code is well-formed: what fails is the arithmetic. */
    if (nn_eval(expr, c->values, c->network->symbol_count, value) == NN_OK) return NN_OK;
    return nn_fail(&c->report, NN_TOO_LARGE, "%s", size_fault);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static nn_status tensor_bytes(nn_context *c, const nn_tensor *tensor, const char *what,
                              int64_t *bytes) {
    int64_t elements = 1, bits;
    for (int32_t d = 0; d < tensor->rank; d++) {
        int64_t value;
        nn_status status = value_of(c, &tensor->dims[d], &value);
        if (status != NN_OK) return status;
        if (value < 0) {
            return nn_fail(&c->report, NN_INVALID,
                           "run: dimension %d of %s '%s' is negative (%lld)", (int)d, what,
                           tensor->name, (long long)value);
        }
        if (__builtin_mul_overflow(elements, value, &elements)) {
            return nn_fail(&c->report, NN_TOO_LARGE, "%s", size_fault);
        }
    }
    if (__builtin_mul_overflow(elements, (int64_t)type_bits[tensor->type], &bits) ||
        bits > INT64_MAX - 7) {
        return nn_fail(&c->report, NN_TOO_LARGE, "%s", size_fault);
    }
    *bytes = (bits + 7) / 8;
    return NN_OK;
}

static const nn_tensor *port_tensor(const nn_network *network, uint32_t port) {
    return port < network->input_count ? &network->inputs[port]
                                       : &network->outputs[port - network->input_count];
}

static nn_status measure_ports(nn_context *c) {
    uint32_t inputs = c->network->input_count, total = inputs + c->network->output_count;
    for (uint32_t i = 0; i < total; i++) {
        nn_status status = tensor_bytes(c, port_tensor(c->network, i),
                                        i < inputs ? "input" : "output", &c->ports[i].bytes);
        if (status != NN_OK) return status;
    }
    return NN_OK;
}

static nn_status check_need(nn_context *c, const nn_plan_need *need) {
    int64_t extent, elements;
    nn_status status = value_of(c, &need->extent, &extent);
    if (status == NN_OK) status = value_of(c, &need->elements, &elements);
    if (status != NN_OK) return status;
    if (extent < 0) {
        return nn_fail(&c->report, NN_INVALID, "run: dimension %s of layer '%s' is negative",
                       need->text, need->path);
    }
    if (extent > 0 || elements <= 0) return NN_OK;
    return nn_fail(&c->report, NN_INVALID, "run: '%s' has nothing to take elements from: %s is 0",
                   need->path, need->text);
}

static nn_status place(nn_context *c, uint32_t i) {
    const nn_plan_buffer *buffer = &c->plan->buffers[i];
    nn_plan_memory *memory = &c->buffers[i];
    nn_status status = value_of(c, &buffer->bytes, &memory->bytes);
    if (status != NN_OK) return status;
    if (memory->bytes < 0) {
        return nn_fail(&c->report, NN_INVALID, "run: the size of '%s' is negative", buffer->name);
    }
    if (buffer->role == NN_PLAN_INPUT || buffer->role == NN_PLAN_OUTPUT) {
        uint32_t first = buffer->role == NN_PLAN_OUTPUT ? c->network->input_count : 0;
        if (memory->bytes == c->ports[first + buffer->index].bytes) return NN_OK;
        return nn_fail(&c->report, NN_MISMATCH,
                       "the launch plan is refused: its size of '%s' is not the network's",
                       buffer->name);
    }
    status = value_of(c, &buffer->offset, &memory->offset);
    if (status != NN_OK || buffer->role == NN_PLAN_WEIGHT) return status;
    /* A spare unit of alignment stands behind the arena, where empty buffers may lie. */
    int64_t room = c->arena_bytes - c->plan->alignment;
    if (memory->offset < 0 || memory->offset % c->plan->alignment != 0) {
        return nn_fail(&c->report, NN_MISMATCH,
                       "the launch plan is refused: the offset of '%s' is not aligned",
                       buffer->name);
    }
    if (memory->bytes > room - memory->offset) {
        return nn_fail(&c->report, NN_TOO_LARGE,
                       "run: needs more memory than the limits given to init");
    }
    return NN_OK;
}

static nn_status measure_launch(nn_context *c, uint32_t i) {
    const nn_plan_launch *launch = &c->plan->launches[i];
    nn_plan_step *step = &c->steps[i];
    size_t groups[3] = {1, 1, 1}, all = 1;
    int is_empty = 0;
    for (uint32_t axis = 0; axis < launch->dimensions; axis++) {
        int64_t value;
        size_t items;
        nn_status status = value_of(c, &launch->groups[axis], &value);
        if (status != NN_OK) return status;
        if (value < 0) {
            return nn_fail(&c->report, NN_INVALID, "run: a range of layer '%s' is negative",
                           launch->path);
        }
        if (__builtin_mul_overflow((uint64_t)value, launch->items[axis], &items) ||
            (items && __builtin_mul_overflow(all, items, &all))) {
            return nn_fail(&c->report, NN_TOO_LARGE, "%s", size_fault);
        }
        groups[axis] = (size_t)value;
        is_empty |= value == 0;
    }
    for (int axis = 0; axis < 3; axis++) step->groups[axis] = is_empty ? 0 : groups[axis];
    return NN_OK;
}

nn_status nn_plan_measure(nn_context *c) {
    nn_status status = measure_ports(c);
    for (uint32_t i = 0; status == NN_OK && i < c->plan->need_count; i++) {
        status = check_need(c, &c->plan->needs[i]);
    }
    for (uint32_t i = 0; status == NN_OK && i < c->plan->buffer_count; i++) status = place(c, i);
    for (uint32_t i = 0; status == NN_OK && i < c->plan->launch_count; i++) {
        status = measure_launch(c, i);
    }
    return status;
}

/* ---- arguments ------------------------------------------------------------------------------ */

/* Temps move with the symbols; weights stay once they are placed. */
static nn_status bind_buffer(nn_context *c, uint32_t i) {
    const nn_plan_buffer *buffer = &c->plan->buffers[i];
    nn_plan_memory *memory = &c->buffers[i];
    if (buffer->role == NN_PLAN_INPUT || buffer->role == NN_PLAN_OUTPUT) return NN_OK;
    if (buffer->role == NN_PLAN_WEIGHT && memory->handle) return NN_OK;
    if (memory->handle) c->backend->release_buffer(c->state, memory->handle);
    memory->handle = 0;
    nn_handle whole = buffer->role == NN_PLAN_WEIGHT ? c->weights : c->arena;
    size_t bytes = memory->bytes > 0 ? (size_t)memory->bytes : 1;
    if (!whole) return NN_OK; /* an empty weight of a network without weights */
    return c->backend->part(c->state, whole, (size_t)memory->offset, bytes, &memory->handle,
                            &c->report);
}

static nn_status bind_launch(nn_context *c, uint32_t i) {
    const nn_plan_launch *launch = &c->plan->launches[i];
    nn_handle kernel = c->steps[i].kernel;
    nn_status status = NN_OK;
    for (uint32_t k = 0; status == NN_OK && k < launch->buffer_count; k++) {
        status = c->backend->set_buffer(c->state, kernel, k, c->buffers[launch->buffers[k]].handle,
                                        &c->report);
    }
    for (uint32_t k = 0; status == NN_OK && k < launch->symbol_count; k++) {
        status = c->backend->set_integer(c->state, kernel, launch->buffer_count + k,
                                         c->values[launch->symbols[k]], &c->report);
    }
    return status;
}

nn_status nn_plan_bind(nn_context *c) {
    nn_status status = NN_OK;
    size_t symbols = c->network->symbol_count * sizeof(int64_t);
    c->is_bound = 0;
    for (uint32_t i = 0; status == NN_OK && i < c->plan->buffer_count; i++) {
        status = bind_buffer(c, i);
    }
    for (uint32_t i = 0; status == NN_OK && i < c->plan->launch_count; i++) {
        status = bind_launch(c, i);
    }
    if (status != NN_OK) return status;
    if (symbols) memcpy(c->bound, c->values, symbols);
    c->is_bound = 1;
    return NN_OK;
}

/* ---- what the caller gives ------------------------------------------------------------------ */

static nn_status read_symbols(nn_context *c, const void *io) {
    const nn_network *network = c->network;
    for (uint32_t i = 0; i < network->symbol_count; i++) {
        int64_t value;
        memcpy(&value, (const char *)io + i * sizeof value, sizeof value);
        if (value < 0) {
            return nn_fail(&c->report, NN_INVALID, "run: %s is negative", network->symbols[i]);
        }
        if (value > c->limits[i]) {
            return nn_fail(&c->report, NN_TOO_LARGE, "run: %s exceeds the limit given to init",
                           network->symbols[i]);
        }
        c->values[i] = value;
    }
    return NN_OK;
}

static nn_status read_ports(nn_context *c, const void *io) {
    const nn_network *network = c->network;
    const char *pointers = (const char *)io + network->symbol_count * sizeof(int64_t);
    uint32_t total = network->input_count + network->output_count;
    for (uint32_t i = 0; i < total; i++) {
        nn_plan_port *port = &c->ports[i];
        const nn_tensor *tensor = port_tensor(network, i);
        size_t alignment = type_bits[tensor->type] > 8 ? type_bits[tensor->type] / 8u : 1;
        memcpy(&port->data, pointers + i * sizeof port->data, sizeof port->data);
        if (!port->data && port->bytes > 0) {
            return nn_fail(&c->report, NN_INVALID, "run: %s is null", tensor->name);
        }
        if ((uintptr_t)port->data % alignment != 0) {
            return nn_fail(&c->report, NN_INVALID, "run: %s is not aligned to its element type",
                           tensor->name);
        }
    }
    return NN_OK;
}

static nn_status check_apart(nn_context *c) {
    uint32_t inputs = c->network->input_count, total = inputs + c->network->output_count;
    for (uint32_t o = inputs; o < total; o++) {
        uintptr_t begin = (uintptr_t)c->ports[o].data, end = begin + (uintptr_t)c->ports[o].bytes;
        for (uint32_t i = 0; i < o; i++) {
            uintptr_t other = (uintptr_t)c->ports[i].data;
            if (begin < other + (uintptr_t)c->ports[i].bytes && other < end) {
                return nn_fail(&c->report, NN_INVALID,
                               "run: an output overlaps an input or another output");
            }
        }
    }
    return NN_OK;
}

/* ---- on the device -------------------------------------------------------------------------- */

static nn_status write_inputs(nn_context *c) {
    nn_status status = NN_OK;
    for (uint32_t i = 0; status == NN_OK && i < c->network->input_count; i++) {
        const nn_plan_port *port = &c->ports[i];
        if (!port->memory || port->bytes == 0) continue;
        status = c->backend->write(c->state, port->memory->handle, port->data, (size_t)port->bytes,
                                   &c->report);
    }
    return status;
}

void nn_plan_observe(nn_context *c, void (*mark)(void *data, size_t launch), void *data) {
    c->mark = mark;
    c->mark_data = data;
}

static nn_status mark(nn_context *c, uint32_t launch) {
    if (!c->mark) return NN_OK;
    nn_status status = c->backend->finish(c->state, &c->report);
    c->mark(c->mark_data, launch);
    return status;
}

static nn_status launch_all(nn_context *c) {
    nn_status status = mark(c, 0);
    for (uint32_t i = 0; status == NN_OK && i < c->plan->launch_count; i++) {
        const nn_plan_step *step = &c->steps[i];
        if (step->groups[0] > 0) {
            status = c->backend->launch(c->state, step->kernel, &c->plan->launches[i], step->groups,
                                        &c->report);
        }
        if (status == NN_OK) status = mark(c, i + 1);
    }
    return status;
}

static nn_status read_outputs(nn_context *c) {
    uint32_t inputs = c->network->input_count;
    nn_status status = NN_OK;
    for (uint32_t i = 0; status == NN_OK && i < c->network->output_count; i++) {
        const nn_plan_port *port = &c->ports[inputs + i];
        void *data = (void *)(uintptr_t)port->data;
        if (port->bytes == 0) continue;
        status =
            c->backend->read(c->state, port->memory->handle, data, (size_t)port->bytes, &c->report);
    }
    return status;
}

static nn_status run_on_device(nn_context *c) {
    nn_status status = c->is_bound ? NN_OK : nn_plan_bind(c);
    if (status != NN_OK) return status;
    status = write_inputs(c);
    if (status == NN_OK) status = launch_all(c);
    if (status == NN_OK) status = read_outputs(c);
    if (status == NN_OK) return c->backend->finish(c->state, &c->report);
    /* The device may still be reading the caller's memory; the first failure is the one to tell. */
    char ignored[64];
    nn_report other = {ignored, sizeof ignored};
    c->backend->finish(c->state, &other);
    return status;
}

/* Sizes and arguments of the last run serve the next one with the same symbols. */
static nn_status measure_if_changed(nn_context *c) {
    size_t symbols = c->network->symbol_count * sizeof(int64_t);
    if (c->is_bound && (symbols == 0 || memcmp(c->bound, c->values, symbols) == 0)) return NN_OK;
    c->is_bound = 0;
    return nn_plan_measure(c);
}

nn_status nn_plan_run(nn_context *c, const void *io) {
    if (!c || c->magic != NN_PLAN_MAGIC) return NN_INVALID;
    if (!io) return nn_fail(&c->report, NN_INVALID, "run: io is null");
    nn_status status = read_symbols(c, io);
    if (status == NN_OK) status = measure_if_changed(c);
    if (status == NN_OK) status = read_ports(c, io);
    if (status == NN_OK) status = check_apart(c);
    if (status == NN_OK) status = run_on_device(c);
    if (status == NN_OK) *c->message = 0;
    return status;
}
