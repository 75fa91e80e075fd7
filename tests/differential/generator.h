/* Random networks, sound by construction: the same seed gives the same one. */
#ifndef NNC_TESTS_DIFFERENTIAL_GENERATOR_H
#define NNC_TESTS_DIFFERENTIAL_GENERATOR_H

#include "ir/graph.h"

/* A network of 3 to 25 operators over inputs, parameters and constants, with the symbols N and T. N may be 0, T not. Its
 * values stay of moderate size, so that results can be compared. */
Graph *generate_network(Module *module, uint64_t seed);

/* Sets inexact[id] for the node's results: whether correct compilations may differ in them by rounding. Values that are made
 * of integers, or of floats that were only moved, compared or rounded, have the same bits in all. */
void mark_exact(const Node *node, bool *inexact);

#endif
