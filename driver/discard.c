/* Weights exist as parameters, as constants that passes made of them, and as the program packs
 * them: three times the network, unless what was read gives its memory back. Both functions compare
 * addresses, for any of the three may be the same bytes as another. */
#include "driver/discard.h"

#include <stdlib.h>

/* ---- sets of byte ranges --------------------------------------------------------------------- */

typedef struct Range {
    uintptr_t begin, end;
} Range;

typedef struct Ranges {
    Arena *arena;
    VEC(Range) list;
} Ranges;

static void add_tensor(Ranges *ranges, const Tensor *tensor) {
    if (!tensor || tensor->bytes == 0) return;
    uintptr_t begin = (uintptr_t)tensor->data;
    vec_push(ranges->arena, &ranges->list, ((Range){begin, begin + tensor->bytes}));
}

static int by_begin(const void *a, const void *b) {
    const Range *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Sorted, and those that touch joined. */
static void join(Ranges *ranges) {
    if (ranges->list.len < 2) return;
    Range *list = ranges->list.data;
    qsort(list, ranges->list.len, sizeof(Range), by_begin);
    size_t last = 0;
    for (size_t i = 1; i < ranges->list.len; i++) {
        if (list[i].begin > list[last].end)
            list[++last] = list[i];
        else if (list[i].end > list[last].end)
            list[last].end = list[i].end;
    }
    ranges->list.len = last + 1;
}

static bool meets(const Ranges *joined, Range range) {
    size_t low = 0, high = joined->list.len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (joined->list.data[middle].end <= range.begin)
            low = middle + 1;
        else
            high = middle;
    }
    return low < joined->list.len && joined->list.data[low].begin < range.end;
}

/* ---- where tensors lie ----------------------------------------------------------------------- */

static void add_parameters(Compilation *c, Ranges *ranges) {
    const ParamSource *params = &c->module->params;
    graph_each(c->source, node) {
        Tensor tensor;
        if (node->op == OP_param && params->find &&
            params->find(params->self, node_attr(node, "name")->s, &tensor))
            add_tensor(ranges, &tensor);
    }
}

static void add_constants(const Graph *graph, Ranges *ranges) {
    graph_each(graph, node) {
        if (node->body) add_constants(node->body, ranges);
        if (node->op == OP_const) add_tensor(ranges, node->data);
    }
}

static void forget(const Ranges *old, Ranges *needed) {
    join(needed);
    for (size_t i = 0; i < old->list.len; i++) {
        Range range = old->list.data[i];
        if (!meets(needed, range)) memory_forget((void *)range.begin, range.end - range.begin);
    }
}

void discard_parameters(Compilation *c) {
    Arena *scratch = arena_create();
    Ranges old = {.arena = scratch}, needed = {.arena = scratch};
    bool whole = true;
    graph_each(c->graph, node) whole = whole && node->op != OP_param;
    if (whole) { /* else the passes left some to be looked up by name */
        add_parameters(c, &old);
        add_constants(c->graph, &needed);
        forget(&old, &needed);
    }
    arena_destroy(scratch);
}

void discard_constants(Compilation *c) {
    Arena *scratch = arena_create();
    Ranges old = {.arena = scratch}, needed = {.arena = scratch};
    add_parameters(c, &old);
    add_constants(c->graph, &old);
    for (size_t i = 0; i < c->program->tensors.len; i++)
        add_tensor(&needed, c->program->tensors.data[i]->data);
    forget(&old, &needed);
    arena_destroy(scratch);
}
