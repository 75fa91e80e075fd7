#include <string.h>

#include "hash.h"
#include "nn/plan.h"

static uint64_t add_bytes(uint64_t hash, const char *data, size_t bytes) {
    hash = nn_hash_integer(hash, bytes);
    return data ? nn_hash_bytes(hash, data, bytes) : hash;
}

static uint64_t add_text(uint64_t hash, const char *text) {
    return add_bytes(hash, text, text ? strlen(text) : SIZE_MAX);
}

static uint64_t add_expr(uint64_t hash, const nn_expr *expr) {
    hash = nn_hash_integer(hash, expr->length);
    for (size_t i = 0; expr->code && i < expr->length; i++) {
        hash = nn_hash_integer(hash, (uint64_t)expr->code[i]);
    }
    return hash;
}

static uint64_t add_positions(uint64_t hash, const uint32_t *positions, uint32_t count) {
    hash = nn_hash_integer(hash, count);
    for (uint32_t i = 0; positions && i < count; i++) hash = nn_hash_integer(hash, positions[i]);
    return hash;
}

static uint64_t add_buffer(uint64_t hash, const nn_plan_buffer *buffer) {
    hash = add_text(hash, buffer->name);
    hash = nn_hash_integer(hash, (uint64_t)buffer->role);
    hash = nn_hash_integer(hash, buffer->index);
    hash = add_expr(hash, &buffer->bytes);
    return add_expr(hash, &buffer->offset);
}

static uint64_t add_launch(uint64_t hash, const nn_plan_launch *launch) {
    hash = add_text(hash, launch->kernel);
    hash = add_text(hash, launch->path);
    hash = add_positions(hash, launch->buffers, launch->buffer_count);
    hash = add_positions(hash, launch->symbols, launch->symbol_count);
    hash = nn_hash_integer(hash, launch->dimensions);
    for (int axis = 0; axis < 3; axis++) {
        hash = add_expr(hash, &launch->groups[axis]);
        hash = nn_hash_integer(hash, launch->items[axis]);
    }
    return hash;
}

static uint64_t add_need(uint64_t hash, const nn_plan_need *need) {
    hash = add_text(hash, need->path);
    hash = add_text(hash, need->text);
    hash = add_expr(hash, &need->extent);
    return add_expr(hash, &need->elements);
}

uint64_t nn_plan_source_hash(const char *source, size_t source_bytes, const char *options) {
    return add_text(add_bytes(NN_HASH_START, source, source_bytes), options);
}

uint64_t nn_plan_hash(const nn_plan *plan) {
    uint64_t hash = nn_hash_integer(NN_HASH_START, plan->version);
    hash = add_text(hash, plan->language);
    hash =
        nn_hash_integer(hash, nn_plan_source_hash(plan->source, plan->source_bytes, plan->options));
    hash = nn_hash_integer(hash, plan->source_hash);
    hash = nn_hash_integer(hash, plan->alignment);
    hash = nn_hash_integer(hash, plan->buffer_count);
    for (uint32_t i = 0; i < plan->buffer_count; i++) hash = add_buffer(hash, &plan->buffers[i]);
    hash = nn_hash_integer(hash, plan->launch_count);
    for (uint32_t i = 0; i < plan->launch_count; i++) hash = add_launch(hash, &plan->launches[i]);
    hash = nn_hash_integer(hash, plan->need_count);
    for (uint32_t i = 0; i < plan->need_count; i++) hash = add_need(hash, &plan->needs[i]);
    hash = add_expr(hash, &plan->arena_bytes);
    hash = nn_hash_integer(hash, plan->local_bytes);
    return nn_hash_integer(hash, plan->weights_bytes);
}
