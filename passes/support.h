/* What passes share. Internal to passes/. */
#ifndef NNC_PASSES_SUPPORT_H
#define NNC_PASSES_SUPPORT_H

#include "ir/interp.h"
#include "passes/pass.h"

/* Declares every pass of the table. */
#define PASS(name, function, level, help) GraphPass function;
#include "passes/passes.def"
#undef PASS

/* marks[value->id]: the value is computed at compile time. It depends on parameters and constants
 * only, and no `dequantize` is among its operators: that one is there to keep the weight small in
 * memory, so it runs with the network. Holds for values that exist at the call. */
bool *constant_marks(const Graph *graph, Arena *arena);

/* Removes nodes whose results nobody uses; returns whether there were any. */
bool remove_dead(Graph *graph, Arena *scratch);

/* Everyone who used the node's only result uses value from now on; the node goes. */
void replace_node(Node *node, Value *value);
/* value's definition takes over the annotations of the statement that node stood for. */
void carry_annotations(const Node *node, Value *value);

/* The value as a scalar or single element that is known now. */
bool value_is_literal(const Value *value, double *number);

#endif
