/* Results of a tile whose vectors lie across memory, turned in registers.
 *
 * Where the vector axis is the channels and the result lies along the pixels, a store would be one
 * of single elements. The rows of the tile along the axis that does lie side by side are instead
 * taken as the columns of a square, which is transposed by shuffles: first within groups of four
 * lanes, then the groups. So epilogue and stores work on vectors along memory. */
#include "codegen/lower/nest.h"

enum { GROUP = 4, MOST_LANES = 16 };

/* ---- the square ------------------------------------------------------------------------------ */

/* Lane j of the result is lane map(j) of x, or of y from `lanes` on. */
static LX shuffle(LBuilder *b, LX x, LX y, const int *map) {
    return lb_let(b, "t", lx_shuffle(b, x, y, x->type.lanes, map));
}

/* From each group of four lanes of x and y: those that `lane` names, in turn from x and y. */
static LX zip(LBuilder *b, LX x, LX y, const int lane[GROUP], const bool from_y[GROUP]) {
    int map[MOST_LANES], lanes = x->type.lanes;
    for (int i = 0; i < lanes; i++)
        map[i] = i - i % GROUP + lane[i % GROUP] + (from_y[i % GROUP] ? lanes : 0);
    return shuffle(b, x, y, map);
}

/* Four rows: afterwards, group g of row c is column 4 * g + c. */
static void turn_groups(LBuilder *b, LX *rows) {
    static const int low[] = {0, 0, 1, 1}, high[] = {2, 2, 3, 3};
    static const int first[] = {0, 1, 0, 1}, second[] = {2, 3, 2, 3};
    static const bool in_turn[] = {false, true, false, true}, halves[] = {false, false, true, true};
    LX low01 = zip(b, rows[0], rows[1], low, in_turn),
       high01 = zip(b, rows[0], rows[1], high, in_turn);
    LX low23 = zip(b, rows[2], rows[3], low, in_turn),
       high23 = zip(b, rows[2], rows[3], high, in_turn);
    rows[0] = zip(b, low01, low23, first, halves);
    rows[1] = zip(b, low01, low23, second, halves);
    rows[2] = zip(b, high01, high23, first, halves);
    rows[3] = zip(b, high01, high23, second, halves);
}

/* Groups number `odd`, `odd` + 2, ... of x, then those of y. */
static LX gather_groups(LBuilder *b, LX x, LX y, int odd) {
    int map[MOST_LANES], lanes = x->type.lanes;
    for (int i = 0; i < lanes; i++) {
        int group = 2 * (i / GROUP) + odd; /* of x and y, one after the other */
        map[i] = group * GROUP + i % GROUP;
    }
    return shuffle(b, x, y, map);
}

/* A square of count x count groups whose row q is rows[q * GROUP]. */
static void turn_square(LBuilder *b, LX *rows, int count) {
    LX next[GROUP];
    for (int size = 1; size < count; size *= 2) {
        for (int i = 0; i < count / 2; i++) {
            LX x = rows[2 * i * GROUP], y = rows[(2 * i + 1) * GROUP];
            next[i] = gather_groups(b, x, y, 0);
            next[count / 2 + i] = gather_groups(b, x, y, 1);
        }
        for (int i = 0; i < count; i++) rows[i * GROUP] = next[i];
    }
}

/* rows[lanes], all with so many lanes. */
static void transpose(LBuilder *b, LX *rows, int lanes) {
    int groups = lanes / GROUP;
    for (int q = 0; q < groups; q++) turn_groups(b, &rows[q * GROUP]);
    for (int c = 0; c < GROUP; c++) turn_square(b, &rows[c], groups);
}

/* ---- which tiles ----------------------------------------------------------------------------- */

/* The tile along which the result lies side by side, where its vectors do not; -1: none. */
static int turned_tile(const Nest *n) {
    int axis = n->plan->vector_axis, lanes = n->plan->lanes;
    if (axis < 0 || n->c->axes[axis].reduced || n->masked) return -1;
    if (n->c->result.along[axis] != STRIDE_ANY || lanes != n->c->axes[axis].lanes) return -1;
    if (lanes != GROUP && lanes != 2 * GROUP && lanes != 4 * GROUP) return -1;
    for (int t = 0; t < n->plan->ntiles; t++)
        if (n->sizes[t] > 1 && n->c->result.along[n->plan->tiles[t].axis] == STRIDE_ONE) return t;
    return -1;
}

/* The square of results from `first` on along tile t, of `count` rows. */
static void store_square(Nest *n, int t, int first, int count) {
    LBuilder *b = n->k->b;
    LX rows[MOST_LANES], index[MAX_TILES + 1];
    int lanes = n->plan->lanes;
    for (int i = 0; i < lanes; i++) {
        for (int other = 0; other < MAX_TILES; other++)
            index[other] = other < n->plan->ntiles ? n->within[other] : lx_int(b, 0);
        index[t] = lx_int(b, first + (i < count ? i : count - 1));
        index[MAX_TILES] = n->vector;
        rows[i] = i < count ? lb_let(b, "r", lx_load(b, n->accumulators, index)) : rows[count - 1];
    }
    transpose(b, rows, lanes);
    Turn turn = {.axis = n->plan->tiles[t].axis, .first = lx_int(b, first)};
    LX inside = NULL;
    if (count < lanes)
        inside = lx_binary(b, LB_LT, lx_ramp(b, lx_int(b, 0), 1, lanes), lx_int(b, count));
    Guards before = guard_push(n->k, inside);
    n->turn = &turn;
    for (int lane = 0; lane < lanes; lane++) {
        turn.lane = lx_int(b, lane);
        nest_store(n, rows[lane]);
    }
    n->turn = NULL;
    guard_pop(n->k, before);
}

bool nest_turn(Nest *n) {
    int t = turned_tile(n), lanes = n->plan->lanes, other = 1 - t;
    if (t < 0) return false;
    int others = other < n->plan->ntiles ? n->sizes[other] : 1;
    for (int i = 0; i < others; i++) {
        if (other < n->plan->ntiles) n->within[other] = lx_int(n->k->b, i);
        for (int v = 0; v < n->vectors; v++) {
            n->vector = lx_int(n->k->b, v);
            for (int first = 0; first < n->sizes[t]; first += lanes) {
                int rest = n->sizes[t] - first;
                store_square(n, t, first, rest < lanes ? rest : lanes);
            }
        }
    }
    return true;
}
