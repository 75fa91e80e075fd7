/* Making bodies: moving nodes of a graph into a `fused` node. Internal to passes/. */
#ifndef NNC_PASSES_BODY_H
#define NNC_PASSES_BODY_H

#include "passes/support.h"

/* Whether value is a constant weight in a small type that is widened where it is used: `dequantize`
 * or a widening cast of a constant expression. Every body that reads one has it inside, so that
 * memory holds the small type only. */
bool is_weight_decoder(ConstantMarks constant, const Value *value);

/* Encloses several groups of nodes, one after the other in the graph's order. */
typedef struct Encloser {
    Graph *graph;
    ConstantMarks constant;
    Arena *scratch;
    Substitution results; /* of what was enclosed */
    /* Of the body at hand: */
    Graph *body;
    VEC(Value *) inside;  /* by id of an outside value: its counterpart */
    VEC(uint32_t) filled; /* ids that have one */
    Value *operands[MAX_OPERANDS];
    int noperands;
} Encloser;

Encloser encloser_create(Graph *graph, ConstantMarks constant, Arena *scratch);
/* Puts nodes (in the graph's order; the last one's only result is all that others use) into the
 * body of a new fused node that stands in the last one's place and has path and span of `named`.
 * Literals and weight decoders are copied inside; every other outside value becomes an operand.
 * Users in the graph are not told before encloser_finish. */
Node *enclose(Encloser *e, Node *const *nodes, size_t count, const Node *named);
void encloser_finish(Encloser *e);

/* The input i of a fused node's body gets the layout of the operand; inside it is seen in the
 * default one. */
void adopt_operand(Node *node, int i);
/* The only result of a fused node gets a layout, in the body's last operator. */
void yield_layout(Node *node, LayoutRef layout);

#endif
