/* Kernels without an anchor, within: the space they run over and its loops. */
#ifndef NNC_CODEGEN_LOWER_POINTWISE_H
#define NNC_CODEGEN_LOWER_POINTWISE_H

#include "codegen/lower/kernel.h"

/* What the body is made of. */
typedef struct Survey {
    const Kernel *k;
    bool moves;     /* some operator moves elements */
    int operations; /* of one element */
    int widest;     /* bits of the widest type computed in */
    VEC(const Value *) leaves;
} Survey;

/* The iteration space: groups of adjacent physical axes of the result. */
typedef struct Space {
    int rank;
    Dim begin[MAX_AXES], dims[MAX_AXES]; /* begin is not 0 only for a part of the result */
    int naxes;                           /* physical axes of the result */
    int group[MAX_AXES];                 /* of each physical axis; -1: of size 1, in none */
    int members[MAX_AXES];               /* axes of each group */
    bool collapsed;                      /* leaves and result are accessed by groups */
    int lanes;                           /* of vectors along the last axis; 1: scalars */
    int tiled_axis;                      /* walked in squares with the last axis; -1: none */
    int side;                            /* of squares that are turned in registers; 1: scalars */
} Space;

/* Parameters of collapsed dims for operands that lie as the result does; the others are found by
 * their logical index, which is 0 along every collapsed axis. */
void direct_leaves(Kernel *k, const Survey *s, const Space *space, LX const *index);
/* Stores the element at an index of the space; padding of the layout gets zero. */
void emit_point(Kernel *k, const Space *space, LX const *index);
/* The same in squares of scalars, and in squares that are turned in registers (turn.c). */
void emit_squares(Kernel *k, const Survey *s, const Space *space);
void emit_turned(Kernel *k, const Survey *s, const Space *space);
/* Side of such squares where vectors have that many lanes; 1: it cannot be done. */
int turn_side(const Kernel *k, int lanes);
/* All loops over a space of rank > 0. */
void emit_space(Kernel *k, const Survey *s, const Space *space);

#endif
