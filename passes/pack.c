/* Packing blocks into memory.
 *
 * Each block in turn gets the lowest offset at which it meets none of those before it. What order is
 * best depends on the network: largest first (greedy by size, as in Pisarchyk and Lee, "Efficient
 * Memory Management for Deep Neural Net Inference", 2020), those that live when most is alive first
 * (greedy by breadth, there too), or as they come into being. The best of them is then changed, by
 * placing the block that reaches highest before all others, again and again, for as long as that is
 * cheap. It ends where no more is used than is alive at once. */
#include "passes/pack.h"

#include <stdlib.h>

/* A block with what orders need to know of it. */
typedef struct Item {
    Block block;
    int64_t pressure; /* most that is alive while it lives */
} Item;

typedef struct Packing {
    Item **order;
    Item **rivals; /* scratch */
    int64_t *best; /* offsets of the best packing so far, by id */
    size_t count;
    int64_t bytes; /* of it */
} Packing;

static bool live_together(const Block *a, const Block *b) {
    return a->first >= 0 && b->first >= 0 && a->first <= b->last && b->first <= a->last;
}

/* ---- orders ---------------------------------------------------------------------------------- */

static int by_id(const Item *x, const Item *y) {
    return x->block.id - y->block.id;
}

static int by_size(const void *a, const void *b) {
    const Item *x = *(Item *const *)a, *y = *(Item *const *)b;
    if (x->block.bytes != y->block.bytes) return x->block.bytes > y->block.bytes ? -1 : 1;
    return by_id(x, y);
}

static int by_pressure(const void *a, const void *b) {
    const Item *x = *(Item *const *)a, *y = *(Item *const *)b;
    if (x->pressure != y->pressure) return x->pressure > y->pressure ? -1 : 1;
    return by_size(a, b);
}

static int by_birth(const void *a, const void *b) {
    const Item *x = *(Item *const *)a, *y = *(Item *const *)b;
    if (x->block.first != y->block.first) return x->block.first < y->block.first ? -1 : 1;
    return by_size(a, b);
}

static int by_offset(const void *a, const void *b) {
    const Item *x = *(Item *const *)a, *y = *(Item *const *)b;
    if (x->block.offset != y->block.offset) return x->block.offset < y->block.offset ? -1 : 1;
    return by_id(x, y);
}

/* ---- one order ------------------------------------------------------------------------------- */

/* Gives order[index] its offset; returns where it ends, INT64_MAX where that overflows. */
static int64_t place(Packing *p, size_t index) {
    Block *block = &p->order[index]->block;
    size_t count = 0;
    for (size_t i = 0; i < index; i++)
        if (live_together(&p->order[i]->block, block)) p->rivals[count++] = p->order[i];
    if (count > 1) qsort(p->rivals, count, sizeof *p->rivals, by_offset);
    int64_t end;
    block->offset = 0;
    for (size_t i = 0; i < count; i++) {
        const Block *rival = &p->rivals[i]->block;
        if (rival->offset - block->offset >= block->bytes) break;
        int64_t after = rival->offset + rival->bytes;
        if (after > block->offset) block->offset = after;
    }
    return checked_add(block->offset, block->bytes, &end) ? end : INT64_MAX;
}

/* Keeps the packing if it is the best one. Returns its size. */
static int64_t try_order(Packing *p) {
    int64_t bytes = 0;
    for (size_t i = 0; i < p->count; i++) {
        int64_t end = place(p, i);
        if (end == INT64_MAX) return end;
        if (end > bytes) bytes = end;
    }
    if (bytes >= p->bytes) return bytes;
    p->bytes = bytes;
    for (size_t i = 0; i < p->count; i++)
        p->best[p->order[i]->block.id] = p->order[i]->block.offset;
    return bytes;
}

/* ---- the search ------------------------------------------------------------------------------ */

/* The first of those that end highest goes to the front. */
static void raise_highest(Packing *p) {
    size_t highest = 0;
    for (size_t i = 1; i < p->count; i++) {
        const Block *a = &p->order[i]->block, *b = &p->order[highest]->block;
        if (a->offset + a->bytes > b->offset + b->bytes) highest = i;
    }
    Item *item = p->order[highest];
    for (size_t i = highest; i > 0; i--) p->order[i] = p->order[i - 1];
    p->order[0] = item;
}

static void search(Packing *p, int64_t bound) {
    static int (*const orders[])(const void *, const void *) = {by_size, by_pressure, by_birth};
    enum { MOST_ROUNDS = 200, MOST_STEPS = 20000000 };
    int64_t rounds = MOST_STEPS / (int64_t)(p->count * p->count + 1);
    if (rounds > MOST_ROUNDS) rounds = MOST_ROUNDS;
    for (size_t o = 0; o < COUNT_OF(orders); o++) {
        if (p->count > 1) qsort(p->order, p->count, sizeof *p->order, orders[o]);
        int64_t bytes = try_order(p);
        for (int64_t r = 0; r < rounds && bytes != INT64_MAX && p->bytes > bound; r++) {
            raise_highest(p);
            bytes = try_order(p);
        }
        if (p->bytes <= bound) return;
    }
}

/* What is alive at each step, INT64_MAX where it overflows. */
static int64_t *alive(const Block *blocks, size_t count, Arena *scratch) {
    int steps = 0;
    for (size_t i = 0; i < count; i++)
        if (blocks[i].last >= steps) steps = blocks[i].last + 1;
    int64_t *live = arena_array(scratch, int64_t, (size_t)steps + 1);
    for (size_t i = 0; i < count; i++) {
        if (blocks[i].first < 0) continue;
        for (int step = blocks[i].first; step <= blocks[i].last; step++)
            if (!checked_add(live[step], blocks[i].bytes, &live[step])) live[step] = INT64_MAX;
    }
    return live;
}

/* The most that is alive while the block is. */
static int64_t most_alive(const int64_t *live, const Block *block) {
    int64_t most = 0;
    if (block->first < 0) return 0;
    for (int step = block->first; step <= block->last; step++)
        if (live[step] > most) most = live[step];
    return most;
}

int64_t pack_bound(const Block *blocks, size_t count, Arena *scratch) {
    const int64_t *live = alive(blocks, count, scratch);
    int64_t bound = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t most = most_alive(live, &blocks[i]);
        if (most > bound) bound = most;
    }
    return bound;
}

int64_t pack_blocks(Block *blocks, size_t count, Arena *scratch) {
    if (count == 0) return 0;
    Item *items = arena_array(scratch, Item, count);
    Packing p = {.count = count, .bytes = INT64_MAX};
    p.order = arena_array(scratch, Item *, count);
    p.rivals = arena_array(scratch, Item *, count);
    p.best = arena_array(scratch, int64_t, count);
    const int64_t *live = alive(blocks, count, scratch);
    for (size_t i = 0; i < count; i++) {
        blocks[i].id = (int)i;
        items[i] = (Item){blocks[i], most_alive(live, &blocks[i])};
        p.order[i] = &items[i];
    }
    search(&p, pack_bound(blocks, count, scratch));
    if (p.bytes == INT64_MAX) return p.bytes;
    for (size_t i = 0; i < count; i++) blocks[i].offset = p.best[i];
    return p.bytes;
}
