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
    int64_t period;                      /* of resized rows: see resize_period; 0: there are none */
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
/* Makes the space one of resized rows if the body has a resize with the root's indices, and one such
 * row (pointwise_resize.c). */
void set_resized(Kernel *k, Space *space);
void emit_resized_row(Kernel *k, const Space *space, LX *index);
/* The operator of that kind whose result has the same indices as value; null: none. */
const Node *find_inside(const Kernel *k, const Value *value, OpKind op);
/* The axis of the space that is a logical axis, or its blocks of *block elements; -1: none. */
int axis_of_space(const Kernel *k, const Space *space, int logical, int64_t *block);
/* All loops over a space of rank > 0. */
void emit_space(Kernel *k, const Survey *s, const Space *space);

#endif
