/* Rows of cases: those of the operator table, and shapes around the edges of vectors and tiles. */
#ifndef NNC_TESTS_DIFFERENTIAL_EDGES_H
#define NNC_TESTS_DIFFERENTIAL_EDGES_H

#include "tests/differential/harness.h"

/* A network of one operator; in the texts `$`, `@` and `%` are replaced as operator_cases.h says. */
typedef struct Case {
    const char *types;      /* apart by blanks */
    const char *inputs;     /* as in the network's signature */
    const char *expression; /* the result */
    const char *result;     /* its type */
    Match match;
    Values values;
    const char *to;     /* apart by blanks; null: none */
    const char *before; /* statements ahead of the result's; null: none */
    bool o2;            /* only where level 2 makes the operator */
} Case;

typedef struct Row {
    const char *name;
    OpKind op; /* must be among the network's */
    const Case *cases;
    size_t count;
} Row;

enum { EDGE_ROWS = 27 };

/* Rows of kernels with sizes of 1 to 33, of multiples of vectors and tiles, and of one more and one
 * less, drawn at random; returns how many. */
size_t edge_rows(Row *rows, uint64_t seed, size_t cases, Arena *arena);

#endif
