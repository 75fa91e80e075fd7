#include "driver/execute.h"

#include <stdlib.h>
#include <string.h>

static void error(Diag *diag, const char *what, nn_status status, const char *detail) {
    diag_error(diag, (Span){0}, "%s: %s%s%s", what, nn_status_text(status),
               detail && *detail ? ": " : "", detail ? detail : "");
}

bool executable_compile(Compilation *c, Executable *executable) {
    *executable = (Executable){.arena = c->arena};
    if (!c->target->load) {
        diag_error(c->diag, (Span){0}, "target '%s' cannot run on this machine", c->target->name);
        return fail(c, EXIT_MACHINE);
    }
    if (!c->target->load(c->program, &c->desc, &c->target_options, &executable->loaded, c->diag))
        return fail(c, EXIT_MACHINE);
    executable->network = executable->loaded.network;
    executable->module = c->program->module;
    return true;
}

bool executable_open(const char *path, Arena *arena, Executable *executable, Diag *diag) {
    const char *reason = "";
    *executable = (Executable){.arena = arena};
    nn_status status = nn_load(path, &executable->library, &reason);
    if (status != NN_OK) {
        diag_error(diag, (Span){0}, "cannot load '%s': %s", path, reason);
        return false;
    }
    executable->network = nn_library_network(executable->library);
    return true;
}

static void drop_context(Executable *e) {
    if (e->context) e->network->destroy(e->context);
    nn_release_options(&e->options);
    e->context = NULL;
}

void executable_close(Executable *e) {
    if (e->network) drop_context(e);
    if (e->loaded.unload) e->loaded.unload(e->loaded.handle);
    nn_unload(e->library);
    *e = (Executable){0};
}

static bool match_input(const nn_tensor *declared, const Tensor *given, const nn_network *network,
                        int64_t *symbols, Diag *diag) {
    if ((int)declared->type != (int)given->dtype || declared->rank != given->rank) {
        diag_error(diag, (Span){0}, "input '%s' is %s with %d dimensions, found %s with %d",
                   declared->name, dtype_name((DType)declared->type), declared->rank,
                   dtype_name(given->dtype), given->rank);
        return false;
    }
    for (int axis = 0; axis < given->rank; axis++) {
        const nn_expr *dim = &declared->dims[axis];
        int64_t expected;
        if (dim->length == 2 && dim->code[0] == NN_EXPR_SYMBOL && symbols[dim->code[1]] < 0) {
            symbols[dim->code[1]] = given->dims[axis];
            continue;
        }
        if (nn_eval(dim, symbols, network->symbol_count, &expected) != NN_OK ||
            expected != given->dims[axis]) {
            diag_error(diag, (Span){0}, "input '%s': dimension %d is %lld, expected %lld",
                       declared->name, axis, (long long)given->dims[axis], (long long)expected);
            return false;
        }
    }
    return true;
}

bool executable_symbols(const nn_network *network, const Tensor *inputs, int64_t *symbols,
                        Diag *diag) {
    for (uint32_t i = 0; i < network->symbol_count; i++) symbols[i] = -1;
    for (uint32_t i = 0; i < network->input_count; i++) {
        if (!match_input(&network->inputs[i], &inputs[i], network, symbols, diag)) return false;
    }
    return true;
}

Tensor executable_tensor(Arena *arena, DType dtype, int rank, const int64_t *dims) {
    enum { ALIGNMENT = 64 };
    Tensor tensor;
    if (!tensor_shape(&tensor, dtype, rank, dims, 0)) die("a tensor's size was not checked");
    uintptr_t start = (uintptr_t)arena_alloc(arena, tensor.bytes + ALIGNMENT);
    tensor.data = (void *)((start + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1));
    return tensor;
}

/* Outputs in the arena, sized by the symbols. */
static bool make_outputs(Executable *e, const int64_t *symbols, Diag *diag) {
    const nn_network *network = e->network;
    e->outputs = arena_array(e->arena, Tensor, network->output_count + 1);
    for (uint32_t i = 0; i < network->output_count; i++) {
        const nn_tensor *declared = &network->outputs[i];
        int64_t dims[MAX_RANK];
        nn_status status = NN_OK;
        for (int axis = 0; axis < declared->rank && status == NN_OK; axis++) {
            status = nn_eval(&declared->dims[axis], symbols, network->symbol_count, &dims[axis]);
            if (status == NN_OK && dims[axis] < 0) status = NN_INVALID;
        }
        Tensor shape;
        if (status != NN_OK ||
            !tensor_shape(&shape, (DType)declared->type, declared->rank, dims, (size_t)1 << 36)) {
            error(diag, "cannot make an output", status == NN_OK ? NN_TOO_LARGE : status,
                  declared->name);
            return false;
        }
        e->outputs[i] = executable_tensor(e->arena, (DType)declared->type, declared->rank, dims);
    }
    return true;
}

/* The generated NETWORK_io: symbols, then pointers to inputs and outputs. */
static void make_io(Executable *e, const Tensor *inputs, const int64_t *symbols) {
    const nn_network *network = e->network;
    size_t head = network->symbol_count * sizeof(int64_t);
    char *io = arena_alloc(
        e->arena, head + (network->input_count + network->output_count) * sizeof(void *) + 1);
    if (head) memcpy(io, symbols, head);
    void **pointers = (void **)(void *)(io + head);
    for (uint32_t i = 0; i < network->input_count; i++) *pointers++ = inputs[i].data;
    for (uint32_t i = 0; i < network->output_count; i++) *pointers++ = e->outputs[i].data;
    e->io = io;
}

/* The network's symbols are those of the module that its interface uses. */
static int64_t symbol_value(const Executable *e, uint32_t i, const int64_t *symbols) {
    int index = e->module ? dim_symbol_find(e->module->dims, e->network->symbols[i]) : (int)i;
    require(index >= 0);
    return symbols[index];
}

static void hear(void *data, const char *message) {
    Executable *e = data;
    e->said = arena_strdup(e->arena, message);
}

int executable_exit(const Executable *e) {
    return e->status == NN_UNSUPPORTED || e->status == NN_DEVICE ? EXIT_MACHINE : EXIT_INPUT;
}

bool executable_bind(Executable *e, const Tensor *inputs, const int64_t *symbols, size_t threads,
                     Diag *diag) {
    drop_context(e);
    e->said = NULL;
    nn_status status = e->status = nn_default_options(threads, &e->options);
    if (status != NN_OK) {
        error(diag, "cannot start threads", status, "");
        return false;
    }
    e->limits = arena_array(e->arena, int64_t, e->network->symbol_count + 1);
    for (uint32_t i = 0; i < e->network->symbol_count; i++)
        e->limits[i] = symbol_value(e, i, symbols);
    symbols = e->limits;
    e->options.limits = e->limits;
    e->options.log = hear;
    e->options.log_data = e;
    if (!make_outputs(e, symbols, diag)) return false;
    status = e->status = e->network->create(&e->options, &e->context);
    if (status != NN_OK) {
        error(diag, "cannot set the network up", status, e->said);
        return false;
    }
    make_io(e, inputs, symbols);
    return true;
}

bool executable_run(Executable *e, Diag *diag) {
    nn_status status = e->status = e->network->run(e->context, e->io);
    if (status == NN_OK) return true;
    error(diag, "the run failed", status, e->network->message(e->context));
    return false;
}
