/* Open addressing by pointer; order of iteration is never used, so addresses do not reach any
 * output. */
#include "ir/loop/memo.h"

Memo memo_create(Arena *arena) {
    return (Memo){arena, arena_array(arena, MemoEntry, 64), 64, 0, 1};
}

void memo_clear(Memo *memo) {
    memo->len = 0;
    memo->round++;
}

static size_t slot_of(const MemoEntry *entries, size_t cap, uint32_t round, const void *key) {
    uint64_t h = (uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(h >> 32) & (cap - 1);
    while (entries[at].round == round && entries[at].key != key) at = (at + 1) & (cap - 1);
    return at;
}

const void *memo_get(const Memo *memo, const void *key) {
    const MemoEntry *e = &memo->entries[slot_of(memo->entries, memo->cap, memo->round, key)];
    return e->round == memo->round ? e->value : 0;
}

static void grow(Memo *memo) {
    size_t cap = 2 * memo->cap;
    MemoEntry *entries = arena_array(memo->arena, MemoEntry, cap);
    for (size_t i = 0; i < memo->cap; i++) {
        MemoEntry *e = &memo->entries[i];
        if (e->round == memo->round) entries[slot_of(entries, cap, memo->round, e->key)] = *e;
    }
    memo->entries = entries;
    memo->cap = cap;
}

void memo_set(Memo *memo, const void *key, const void *value) {
    if (2 * memo->len >= memo->cap) grow(memo);
    MemoEntry *e = &memo->entries[slot_of(memo->entries, memo->cap, memo->round, key)];
    if (e->round != memo->round) memo->len++;
    *e = (MemoEntry){key, value, memo->round};
}
