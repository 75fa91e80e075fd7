/* Private to the hls target: what a piece of straight code does in one go. */
#ifndef NNC_CODEGEN_HLS_BODY_H
#define NNC_CODEGEN_HLS_BODY_H

#include "codegen/hls/part.h"
#include "ir/loop/memo.h"

/* One access to an array or a channel. */
typedef struct HlsAccess {
    const LBuffer *buffer;
    LX const *index;
    bool writes;
    LX value; /* written */
} HlsAccess;

/* Statements without loops, branches included, as one pipeline sees them. */
typedef struct HlsBody {
    Arena *arena;
    int latency; /* cycles from the first input to the last result */
    int64_t dsps, multiplies;
    VEC(HlsAccess) accesses;
    Memo lets; /* LVar -> its value */
    Memo seen; /* expressions that were counted */
    Memo late; /* LVar -> HlsLate: when its value is there */
} HlsBody;

HlsBody hls_body_begin(Arena *arena);
/* Adds a statement that is no loop and holds none. */
void hls_body_add(HlsBody *body, const LStmt *s);
bool hls_has_loop(const LBlock *block);

/* The most operations in a row from a load of the buffer at an index to the value; -1: it does not
 * depend on one. */
int hls_path_from(HlsBody *body, LX value, const LBuffer *buffer);
/* Whether two accesses of one array have equal indices. */
bool hls_same_element(const HlsAccess *a, const HlsAccess *b);
/* Whether two accesses of one array name the same constants along the same axes. */
bool hls_same_bank(const HlsAccess *a, const HlsAccess *b);
/* Accesses of one array or channel that one run of the body makes at most: different elements of
 * each bank, where banks are told apart by constant indices. */
int hls_most_accesses(const HlsBody *body, const LBuffer *buffer);

#endif
