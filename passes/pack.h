/* Offsets for blocks of memory of which some live at the same time. */
#ifndef NNC_PASSES_PACK_H
#define NNC_PASSES_PACK_H

#include "ir/base/base.h"

typedef struct Block {
    int first, last; /* when it is used: both included; first < 0: never */
    int64_t bytes;
    int64_t offset; /* set by pack_blocks */
    int id;         /* its position in the list; set too */
} Block;

/* Gives every block an offset such that blocks that live together do not overlap; sums of sizes are
 * offsets, so what divides all sizes divides all offsets. Returns the end of the last one, INT64_MAX
 * if it does not fit 64 bits. Same blocks, same offsets. */
int64_t pack_blocks(Block *blocks, size_t count, Arena *scratch);

/* The most that live at once: no packing needs less. INT64_MAX where it overflows. */
int64_t pack_bound(const Block *blocks, size_t count, Arena *scratch);

#endif
