/* What may share a kernel with what, and at what price. Internal to the fusion pass. */
#ifndef NNC_PASSES_FUSE_RULES_H
#define NNC_PASSES_FUSE_RULES_H

#include "passes/support.h"

/* How an operator takes part in fusion. */
typedef enum FuseRole {
    ROLE_NONE,      /* stays alone */
    ROLE_POINTWISE, /* element by element */
    ROLE_MOVEMENT,  /* an index computation; may be computed on the way from producer to consumer */
    ROLE_VIEW,      /* free where its operand lies in memory, so it joins only between two others */
    ROLE_PICK,   /* a load at computed indices: can be read through, but reads from memory only */
    ROLE_ANCHOR, /* has a loop nest of its own; one a kernel */
} FuseRole;

FuseRole fuse_role(const Node *node);

/* Whether a view only cuts axes into several: then an index of its operand is a sum of products of its
 * own. */
bool view_only_splits(const Node *node);

/* Whether the anchor's kernel can also write a border around its result. */
bool writes_borders(const Node *anchor);

/* Whether node is a `pad` that cuts nothing off. */
bool pad_keeps_all(const Node *node);

/* Rough number of instructions for one element of the node's result, without its operands. */
int element_cost(const Node *node);

/* How often the node reads an element of that operand for all of its result. */
typedef enum FuseRead {
    READ_ONCE,
    READ_OFTEN,  /* an operand computed in place would be computed again and again */
    READ_MEMORY, /* the operand must lie in memory */
} FuseRead;

/* Whether the node widens what was narrowed right before: then memory is to hold the narrow
 * elements, and the node belongs to what reads them. */
bool undoes_narrowing(const Node *node);

FuseRead operand_reading(const Node *node, int operand);

/* What may be computed in place although it is read often: as many instructions an element as a
 * load from a larger tensor would cost about as well. */
enum { REPEATED_COST_LIMIT = 4 };

#endif
