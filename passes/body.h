/* Making bodies: moving nodes of a graph into a `fused` node. Internal to passes/. */
#ifndef NNC_PASSES_BODY_H
#define NNC_PASSES_BODY_H

#include "passes/support.h"

/* Whether value is a constant weight in a small type that is widened where it is used: `dequantize`
 * or a widening cast of a constant expression. Every body that reads one has it inside, so that
 * memory holds the small type only. */
bool is_weight_decoder(ConstantMarks constant, const Value *value);

/* Puts nodes (in the graph's order; the last one's only result is all that others use) into the
 * body of a new fused node that stands in the last one's place and has path and span of `named`.
 * Literals and weight decoders are copied inside; every other outside value becomes an operand.
 * constant: constant_marks of the graph. */
Node *enclose(Graph *graph, Node *const *nodes, size_t count, const Node *named,
              ConstantMarks constant, Arena *scratch);

#endif
