/* Weights of several versions of a program: each once, whichever versions read it. */
#include "codegen/abi/abi.h"

#include <string.h>

typedef struct Sharing {
    LProgram *all;
    LTensor **table; /* weights so far, by hash: open addressing */
    uint64_t *hashes;
    size_t mask;
} Sharing;

static size_t count_weights(const ProgramVersions *versions) {
    size_t count = 0;
    for (size_t v = 0; v < versions->count; v++) count += versions->list[v].program->tensors.len;
    return count;
}

/* The place in the table of a weight with these bytes, which may be empty. */
static size_t find_place(const Sharing *s, const Tensor *data, uint64_t hash) {
    size_t i = (size_t)hash & s->mask;
    for (; s->table[i]; i = (i + 1) & s->mask) {
        const Tensor *known = s->table[i]->data;
        if (s->hashes[i] == hash && known->bytes == data->bytes &&
            memcmp(known->data, data->data, data->bytes) == 0)
            break;
    }
    return i;
}

static bool add_weight(Sharing *s, const LTensor *weight, size_t place, Arena *arena, Diag *diag) {
    int64_t alignment = lprogram_alignment(s->all), end;
    LTensor *own = arena_new(arena, LTensor);
    *own = *weight;
    own->weight_offset = s->all->weight_bytes;
    if (!checked_add(own->weight_offset, (int64_t)weight->data->bytes, &end) ||
        !checked_add(end, alignment - 1, &end)) {
        diag_error(diag, (Span){0}, "the weights of all versions overflow");
        return false;
    }
    s->all->weight_bytes = end - end % alignment;
    s->table[place] = own;
    vec_push(arena, &s->all->tensors, own);
    return true;
}

static bool share(Sharing *s, LTensor *weight, Arena *arena, Diag *diag) {
    uint64_t hash = hash_bytes(weight->data->data, weight->data->bytes, 0);
    size_t place = find_place(s, weight->data, hash);
    if (!s->table[place] && !add_weight(s, weight, place, arena, diag)) return false;
    s->hashes[place] = hash;
    weight->weight_offset = s->table[place]->weight_offset;
    weight->data = s->table[place]->data;
    return true;
}

bool program_share_weights(ProgramVersions *versions, Arena *arena, Diag *diag) {
    Sharing s = {.all = arena_new(arena, LProgram)};
    size_t capacity = 16;
    while (capacity < 2 * count_weights(versions)) capacity *= 2;
    s.table = arena_array(arena, LTensor *, capacity);
    s.hashes = arena_array(arena, uint64_t, capacity);
    s.mask = capacity - 1;
    s.all->module = versions->list[0].program->module;
    s.all->alignment = versions->list[0].program->alignment;
    for (size_t v = 0; v < versions->count; v++) {
        const LProgram *program = versions->list[v].program;
        for (size_t i = 0; i < program->tensors.len; i++) {
            LTensor *tensor = program->tensors.data[i];
            if (tensor->role != TENSOR_WEIGHT || !tensor->data || tensor->data->bytes == 0)
                continue;
            if (!share(&s, tensor, arena, diag)) return false;
        }
    }
    for (size_t v = 0; v < versions->count; v++)
        versions->list[v].program->weight_bytes = s.all->weight_bytes;
    versions->weights = s.all;
    return true;
}
