/* A map from pointers that is emptied often: an expression is a graph whose nodes are shared, and
 * whoever walks it remembers what it made of each. */
#ifndef NNC_IR_LOOP_MEMO_H
#define NNC_IR_LOOP_MEMO_H

#include "ir/base/base.h"

typedef struct MemoEntry {
    const void *key;
    const void *value;
    uint32_t round; /* of the last memo_clear; other entries are empty */
} MemoEntry;

typedef struct Memo {
    Arena *arena;
    MemoEntry *entries;
    size_t cap, len;
    uint32_t round;
} Memo;

Memo memo_create(Arena *arena);
void memo_clear(Memo *memo);
const void *memo_get(const Memo *memo, const void *key); /* null: none */
void memo_set(Memo *memo, const void *key, const void *value);

#endif
