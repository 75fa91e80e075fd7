/* Launch plans are data from outside: every count, position, name and expression is checked before
 * one is used.
 *
 * What depends on the values of symbols (sizes, offsets, numbers of groups) is checked again for
 * every run's values. */
#include <string.h>

#include "nn/plan.h"
#include "plan_expr.h"

enum {
    MAX_COUNT = 1 << 20, /* of buffers, launches, needs, symbols, inputs, outputs */
    MAX_SOURCE = 1 << 28,
    MAX_OPTIONS = 4096,
    MAX_NAME = 255,
    MAX_ALIGNMENT = 1 << 20,
    MAX_ITEMS = 1 << 20
};

typedef struct Check {
    const nn_plan *plan;
    const nn_network *network;
    int64_t arena; /* where it is constant, else -1 */
} Check;

/* ---- expressions ---------------------------------------------------------------------------- */

static int is_expr(const Check *c, const nn_expr *expr, int *constant) {
    return nn_expr_is_valid(expr, c->network->symbol_count, constant);
}

/* A valid expression that, if it is constant, is not negative; *value is -1 where it depends on
 * symbols. */
static int is_size(const Check *c, const nn_expr *expr, int64_t *value) {
    int constant;
    *value = -1;
    if (!is_expr(c, expr, &constant)) return 0;
    if (!constant) return 1;
    return nn_eval(expr, NULL, 0, value) == NN_OK && *value >= 0;
}

static int within(int64_t offset, int64_t bytes, uint64_t size) {
    return (uint64_t)offset <= size && (uint64_t)bytes <= size - (uint64_t)offset;
}

/* ---- names ---------------------------------------------------------------------------------- */

static int is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int is_identifier(const char *name) {
    if (!name || !is_letter(*name)) return 0;
    size_t length = 0;
    while (is_letter(name[length]) || (name[length] >= '0' && name[length] <= '9')) {
        if (++length > MAX_NAME) return 0;
    }
    return name[length] == 0;
}

/* ---- the network ---------------------------------------------------------------------------- */

static const char *check_tensors(const Check *c, const nn_tensor *tensors, uint32_t count) {
    if (count > MAX_COUNT || (count && !tensors)) return "the network's tensors are missing";
    for (uint32_t i = 0; i < count; i++) {
        const nn_tensor *tensor = &tensors[i];
        if (!tensor->name) return "a tensor of the network has no name";
        if ((unsigned)tensor->type > NN_U4) return "a tensor of the network has an unknown type";
        if (tensor->rank < 0 || tensor->rank > NN_MAX_RANK) {
            return "a tensor of the network has an impossible rank";
        }
        for (int32_t d = 0; d < tensor->rank; d++) {
            int64_t value;
            if (!is_size(c, &tensor->dims[d], &value)) {
                return "a dimension of the network is malformed";
            }
        }
    }
    return NULL;
}

static const char *check_network(const Check *c) {
    const nn_network *network = c->network;
    if (memcmp(network->magic, "nn-net\0\1", sizeof network->magic) != 0 ||
        network->abi_version != NN_ABI_VERSION || network->struct_bytes != sizeof *network) {
        return "the network is of another version of the interface";
    }
    if (network->symbol_count > MAX_COUNT || (network->symbol_count && !network->symbols)) {
        return "the network's symbols are missing";
    }
    for (uint32_t i = 0; i < network->symbol_count; i++) {
        if (!network->symbols[i]) return "a symbol of the network has no name";
    }
    const char *fault = check_tensors(c, network->inputs, network->input_count);
    return fault ? fault : check_tensors(c, network->outputs, network->output_count);
}

/* ---- buffers -------------------------------------------------------------------------------- */

/* Positions beyond the network's are refused, and so are two buffers for one tensor: quadratic in
 * what is a handful. */
static const char *check_port(const Check *c, uint32_t position) {
    const nn_plan_buffer *buffer = &c->plan->buffers[position];
    uint32_t count =
        buffer->role == NN_PLAN_INPUT ? c->network->input_count : c->network->output_count;
    if (buffer->index >= count) return "a buffer names an input or output that does not exist";
    for (uint32_t i = 0; i < position; i++) {
        const nn_plan_buffer *other = &c->plan->buffers[i];
        if (other->role == buffer->role && other->index == buffer->index) {
            return "two buffers name the same input or output";
        }
    }
    return NULL;
}

static const char *check_buffer(const Check *c, uint32_t position) {
    const nn_plan *plan = c->plan;
    const nn_plan_buffer *buffer = &plan->buffers[position];
    int64_t bytes, offset;
    if (!buffer->name) return "a buffer has no name";
    if ((unsigned)buffer->role > NN_PLAN_TEMP) return "a buffer has an unknown role";
    if (!is_size(c, &buffer->bytes, &bytes)) return "the size of a buffer is malformed";
    if (buffer->role == NN_PLAN_INPUT || buffer->role == NN_PLAN_OUTPUT) {
        return check_port(c, position);
    }
    if (!is_size(c, &buffer->offset, &offset)) return "the offset of a buffer is malformed";
    if (offset > 0 && offset % plan->alignment != 0) return "the offset of a buffer is not aligned";
    if (buffer->role == NN_PLAN_WEIGHT) {
        return bytes < 0 || offset < 0 || !within(offset, bytes, plan->weights_bytes)
                   ? "a weight lies outside the weight section"
                   : NULL;
    }
    return bytes >= 0 && offset >= 0 && c->arena >= 0 && !within(offset, bytes, (uint64_t)c->arena)
               ? "a buffer lies outside the arena"
               : NULL;
}

static const char *check_buffers(const Check *c) {
    uint32_t outputs = 0;
    for (uint32_t i = 0; i < c->plan->buffer_count; i++) {
        const char *fault = check_buffer(c, i);
        if (fault) return fault;
        outputs += c->plan->buffers[i].role == NN_PLAN_OUTPUT;
    }
    return outputs == c->network->output_count ? NULL : "an output has no buffer";
}

/* ---- launches ------------------------------------------------------------------------------- */

static int are_below(const uint32_t *positions, uint32_t count, uint32_t limit) {
    if (count && !positions) return 0;
    for (uint32_t i = 0; i < count; i++) {
        if (positions[i] >= limit) return 0;
    }
    return 1;
}

static const char *check_ranges(const Check *c, const nn_plan_launch *launch) {
    uint64_t items = 1;
    if (launch->dimensions < 1 || launch->dimensions > 3) return "a launch has no 1 to 3 axes";
    for (uint32_t axis = 0; axis < launch->dimensions; axis++) {
        int64_t groups;
        if (!is_size(c, &launch->groups[axis], &groups)) {
            return "the number of groups of a launch is malformed";
        }
        if (launch->items[axis] < 1 || launch->items[axis] > MAX_ITEMS) {
            return "a launch has an impossible number of work-items";
        }
        items *= launch->items[axis];
    }
    return items > MAX_ITEMS ? "a launch has an impossible number of work-items" : NULL;
}

static const char *check_launch(const Check *c, const nn_plan_launch *launch) {
    if (!is_identifier(launch->kernel)) return "the name of a kernel is no identifier";
    if (!launch->path) return "a launch has no path";
    if (launch->buffer_count > NN_PLAN_MAX_ARGS || launch->symbol_count > NN_PLAN_MAX_ARGS ||
        launch->buffer_count + launch->symbol_count > NN_PLAN_MAX_ARGS) {
        return "a launch has too many arguments";
    }
    if (!are_below(launch->buffers, launch->buffer_count, c->plan->buffer_count)) {
        return "a launch names a buffer that does not exist";
    }
    if (!are_below(launch->symbols, launch->symbol_count, c->network->symbol_count)) {
        return "a launch names a symbol that does not exist";
    }
    return check_ranges(c, launch);
}

/* ---- needs ---------------------------------------------------------------------------------- */

static const char *check_need(const Check *c, const nn_plan_need *need) {
    int64_t extent, elements;
    if (!need->path || !need->text) return "a need has no path or no text";
    if (!is_size(c, &need->extent, &extent)) return "the extent of a need is malformed";
    if (!is_size(c, &need->elements, &elements)) return "the elements of a need are malformed";
    return NULL;
}

/* ---- the plan ------------------------------------------------------------------------------- */

static const char *check_texts(const nn_plan *plan) {
    if (!plan->language || !plan->options || !plan->source) return "the plan lacks a text";
    if (strnlen(plan->options, MAX_OPTIONS) == MAX_OPTIONS)
        return "the plan's options are too long";
    if (plan->source_bytes == 0 || plan->source_bytes > MAX_SOURCE ||
        memchr(plan->source, 0, plan->source_bytes)) {
        return "the plan's source was cut off or damaged";
    }
    return NULL;
}

static const char *check_head(const nn_plan *plan, const nn_network *network) {
    if (plan->version != NN_PLAN_VERSION || plan->struct_bytes != sizeof *plan) {
        return "the plan is of another version";
    }
    const char *fault = check_texts(plan);
    if (fault) return fault;
    uint32_t alignment = plan->alignment;
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > MAX_ALIGNMENT) {
        return "the plan's alignment is no power of two";
    }
    if (plan->buffer_count > MAX_COUNT || plan->launch_count > MAX_COUNT ||
        plan->need_count > MAX_COUNT || (plan->buffer_count && !plan->buffers) ||
        (plan->launch_count && !plan->launches) || (plan->need_count && !plan->needs)) {
        return "the plan's buffers, launches or needs are missing";
    }
    return plan->weights_bytes != network->weights_bytes
               ? "the plan's weights are not the network's"
               : NULL;
}

static const char *check_parts(Check *c) {
    const char *fault = check_network(c);
    if (fault) return fault;
    if (!is_size(c, &c->plan->arena_bytes, &c->arena)) return "the size of the arena is malformed";
    fault = check_buffers(c);
    for (uint32_t i = 0; !fault && i < c->plan->launch_count; i++) {
        fault = check_launch(c, &c->plan->launches[i]);
    }
    for (uint32_t i = 0; !fault && i < c->plan->need_count; i++) {
        fault = check_need(c, &c->plan->needs[i]);
    }
    if (fault) return fault;
    return nn_plan_hash(c->plan) != c->plan->plan_hash ? "the plan was changed since it was written"
                                                       : NULL;
}

nn_status nn_plan_check(const nn_plan *plan, const nn_network *network, const char **reason) {
    Check check = {plan, network, -1};
    const char *fault = "there is no plan or no network";
    if (plan && network) {
        fault = check_head(plan, network);
        if (!fault) fault = check_parts(&check);
    }
    if (reason) *reason = fault ? fault : "";
    return fault ? NN_MISMATCH : NN_OK;
}
