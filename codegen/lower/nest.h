/* The nest builder: one for contractions, reductions and windows. */
#ifndef NNC_CODEGEN_LOWER_NEST_H
#define NNC_CODEGEN_LOWER_NEST_H

#include "codegen/lower/kernel.h"
#include "codegen/schedule/plan.h"

/* What is done to an element of the anchor once it is accumulated (bias, mean) before the epilogue;
 * index: logical, of the anchor. Null: nothing. */
typedef struct Finish Finish;
struct Finish {
    LX (*apply)(const Finish *self, Kernel *k, LX value, LX const *index);
    const Contraction *contraction;
};

/* Fills in what the plan needs to know: blocks, lanes, strides, the order of the reduction's
 * loops. */
void contraction_survey(const Job *job, Contraction *c);

/* ---- dot instructions (dot.c) ---- */

/* Finds the axis along which operands are taken in groups. */
void dot_survey(const Kernel *k, Contraction *c);
/* The group of an operand at a logical index of its first element, in the type it is stored in; a
 * vector of groups where an index has lanes. */
LX dot_load(Kernel *k, const Contraction *c, int operand, LX const *index);
DType dot_dtype(const Kernel *k, const Contraction *c, int operand); /* that type */
/* The value in memory that an operand of dots is, but for a conversion and a layout. */
const Value *dot_stored(const Kernel *k, const Contraction *c, int operand);
/* Whether the operands lie so that matrix tiles are loaded as they are: fills in c->matrix
 * (matrix_survey.c). */
void matrix_survey(const Kernel *k, Contraction *c);

/* Plans, builds and adds the whole kernel of a surveyed contraction. */
bool nest_lower(const Job *job, const Contraction *c, const Finish *finish);

/* ---- within the builder ---------------------------------------------------------------------- */

/* A run of equal tiles along one axis. */
typedef struct Region {
    Dim begin, count; /* first index; number of tiles */
    int size;         /* of a tile: elements, or vectors along the vector axis */
    bool masked;      /* its last vector may reach beyond the axis */
    bool inside;      /* no operand is left along the axis, so that nothing is tested */
} Region;

enum { MAX_REGIONS = 5 };

/* While turned results are stored: the lanes lie along a tiled axis, from `first` in the tile on,
 * and are those of one element along the vector axis. */
typedef struct Turn {
    int axis;
    LX first, lane;
} Turn;

typedef struct Nest {
    Kernel *k;
    const Contraction *c;
    const ContractionPlan *plan;
    const Finish *finish;
    LX at[MAX_DOMAIN];    /* of every axis: its index, or where the tile begins */
    int sizes[MAX_TILES]; /* of the current tile */
    LX within[MAX_TILES]; /* index in the tile */
    int vectors;          /* along the vector axis in the current tile */
    bool masked;
    LX vector;               /* which of them */
    LBuffer *accumulators;   /* [tile 0][tile 1][vector] */
    const Turn *turn;        /* null: the lanes lie along the vector axis */
    bool unclipped;          /* the reduction's loops run through all of it: loads are tested */
    bool inside[MAX_DOMAIN]; /* of a tiled axis: see Region */
} Nest;

/* nest_regions.c: what an axis of vectors is cut into, tiles of `size` vectors and what remains, and
 * tile number t of the plan; both return the number of regions. Where operands can be left along the
 * axis, there are single vectors or indices at either end. */
int vector_regions(const Nest *n, int axis, int size, int lanes, Region *regions);
int tile_regions(const Nest *n, int t, Region *regions);

int nest_tile_of(const Nest *n, int axis); /* -1: not tiled */
/* The reduction of one tile, from the accumulators' declaration to the results' stores. */
void nest_tile(Nest *n);

/* nest_place.c: at the current place, n->at and the place in the tile. */

/* Index along an axis of the domain. */
LX nest_index(const Nest *n, int axis);
/* Logical index of an operand, or of the result. */
void nest_access_index(const Nest *n, const Access *access, LX *index);
/* Where an index can leave the operand along one reduced axis and one of the result that is the
 * same for the whole tile, the reduced loop is cut instead of testing every load: that axis; -1:
 * loads are tested. */
int nest_clipped_axis(const Nest *n, const AffineIndex *index);
bool nest_varies(const Nest *n, int operand, int axis); /* false: axis -1 */
bool nest_uses_dots(const Nest *n);
/* An operand's element in the accumulators' type; has lanes if it varies along the vector, or where
 * an entry of n->at has. What lies outside is what combining with changes nothing. */
LX nest_load(const Nest *n, int operand);
LX nest_identity(const Nest *n);
LX nest_combine(const Nest *n, LX sum, LX const *x);
void nest_store(Nest *n, LX value);
/* Stores a tile's results turned in registers; false where that is not the way (nest_turn.c). */
bool nest_turn(Nest *n);

/* The results of a tile whose epilogue is a long formula (nest_finish.c). */
bool nest_finish_is_long(const Nest *n);
void nest_finish_long(Nest *n);

/* The whole nest of a plan for groups of work-items (nest_group.c, nest_tree.c). */
void nest_group(Nest *n);
void nest_tree(Nest *n);
/* The whole nest of a plan for matrix tiles (nest_matrix.c). */
void nest_matrix(Nest *n);
/* The whole nest of a plan for streams (nest_task.c), and the order of the result's axes that
 * such plans need. */
void nest_task(Nest *n);
void task_order(const Job *job, Contraction *c);
/* Sets n->at along axes whose collapsed index is given, the last varying fastest. */
void nest_scatter(Nest *n, int count, const int *axes, LX index);
Dim nest_extent(const Nest *n, int count, const int *axes);

#endif
