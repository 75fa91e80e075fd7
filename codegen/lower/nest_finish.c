/* Results of a tile whose epilogue is long: exp, a sigmoid, erf.
 *
 * Straight code for all of a tile's elements would be thousands of instructions with more values
 * under way than there are registers. So the accumulators go to memory, and a loop takes a few at a
 * time, side by side (ir/loop/expand_abreast.c), with the constants of the formula in registers. */
#include "codegen/lower/nest.h"

enum { SIDE_BY_SIDE = 4 };

static bool costs(Kernel *k, const Value *value) {
    int *seen = lowering_note(k->l, value);
    if (*seen || value == k->anchor || !value->def || kernel_is_leaf(k, value)) return false;
    *seen = true;
    if (pointwise_known(value->def->op) && pointwise_is_costly(value->def->op)) return true;
    for (int i = 0; i < value->def->noperands; i++)
        if (costs(k, value->def->operands[i])) return true;
    return false;
}

bool nest_finish_is_long(const Nest *n) {
    int axis = n->plan->vector_axis;
    if (axis < 0 || n->c->axes[axis].reduced || n->plan->lanes == 1) return false;
    lowering_walk(n->k->l);
    return costs(n->k, n->k->root);
}

/* The least divisor of size with which there are enough, else size. */
static int divisor(int size, int enough) {
    for (int d = 1; d < size; d++)
        if (size % d == 0 && d >= enough) return d;
    return size;
}

typedef struct Finishing {
    Loop loops[2 * MAX_TILES + 1];
    int nloops;
} Finishing;

static LX open(Nest *n, Finishing *f, LLoopKind kind, const char *name, int count) {
    LBuilder *b = n->k->b;
    f->loops[f->nloops] = loop_open(n->k, kind, name, lx_int(b, 0), lx_int(b, count));
    return f->loops[f->nloops++].var;
}

static void close(Nest *n, Finishing *f) {
    while (f->nloops > 0) loop_close(n->k, &f->loops[--f->nloops]);
}

static void place(const Nest *n, LX *index) {
    for (int t = 0; t < MAX_TILES; t++)
        index[t] = t < n->plan->ntiles ? n->within[t] : lx_int(n->k->b, 0);
    index[MAX_TILES] = n->vector;
}

static LBuffer *copy_accumulators(Nest *n) {
    Finishing f = {.nloops = 0};
    LX at[MAX_TILES + 1];
    const LBuffer *from = n->accumulators;
    int64_t dims[MAX_TILES + 1];
    for (int t = 0; t < MAX_TILES; t++) dims[t] = t < n->plan->ntiles ? n->sizes[t] : 1;
    dims[MAX_TILES] = n->vectors;
    LBuffer *to = lb_declare(n->k->b, "sums", SPACE_PRIVATE, from->elem, MAX_TILES + 1, dims);
    for (int t = 0; t < n->plan->ntiles; t++)
        n->within[t] = open(n, &f, LOOP_UNROLL, "t", n->sizes[t]);
    n->vector = open(n, &f, LOOP_UNROLL, "v", n->vectors);
    place(n, at);
    lb_store(n->k->b, to, at, lx_load(n->k->b, from, at), NULL);
    close(n, &f);
    return to;
}

void nest_finish_long(Nest *n) {
    Finishing f = {.nloops = 0};
    LX at[MAX_TILES + 1], first[MAX_TILES];
    int together[MAX_TILES], chains = n->vectors;
    LBuffer *sums = copy_accumulators(n);
    for (int t = n->plan->ntiles - 1; t >= 0; t--) {
        together[t] = divisor(n->sizes[t], (SIDE_BY_SIDE + chains - 1) / chains);
        chains *= together[t];
    }
    for (int t = 0; t < n->plan->ntiles; t++)
        first[t] =
            lx_muli(n->k->b, open(n, &f, LOOP_SERIAL, "t", n->sizes[t] / together[t]), together[t]);
    for (int t = 0; t < n->plan->ntiles; t++)
        n->within[t] = lx_add(n->k->b, first[t], open(n, &f, LOOP_UNROLL, "u", together[t]));
    n->vector = open(n, &f, LOOP_UNROLL, "v", n->vectors);
    place(n, at);
    nest_store(n, lx_load(n->k->b, sums, at));
    close(n, &f);
}
