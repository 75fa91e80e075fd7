/* What the parts of the graph's implementation share. Internal to ir/. */
#ifndef NNC_IR_GRAPH_INTERNAL_H
#define NNC_IR_GRAPH_INTERNAL_H

#include "ir/graph.h"

enum {
    MAX_VALUES = 1000000, /* of one network read from text */
    MAX_BODY_DEPTH = 8,   /* fused inside fused */
    INLINE_ELEMENTS = 64, /* constants up to this size are written in place */
};

/* A constant whose value lies in a side file that is not loaded. */
Value *build_const_absent(Builder *b, const TensorType *type, uint64_t hash);

/* Whether a constant is written in place; else it goes by its hash. */
bool const_is_inline(const Node *node);

/* The key of a large constant: "c" and 16 hex digits. */
enum { CONST_KEY_SIZE = 18 };
void const_key(uint64_t hash, char key[CONST_KEY_SIZE]);

/* Asks the operator's rule about the node as it stands. Results of `const` and `fused` are taken as
 * they are. */
bool node_infer(const Node *node, Arena *arena, TensorType results[MAX_RESULTS], TypeQuery *query);

#endif
