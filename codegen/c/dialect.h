/* What C-family languages spell differently, as data. The printer (print.h) writes loop IR in any
 * of them; what a language lacks is expanded in loop IR before, guided by the target's description.
 */
#ifndef NNC_CODEGEN_C_DIALECT_H
#define NNC_CODEGEN_C_DIALECT_H

#include "ir/loop.h"

enum { DIALECT_LANES = 16 }; /* most lanes of a vector in any dialect */

/* Functions on floats and their like, where an operator does not do. */
typedef struct CMath {
    const char *sqrt, *fabs, *floor, *ceil, *rint, *trunc, *fma;
} CMath;

typedef struct CDialect {
    const char *name;
    const char *file_head; /* first lines of a file */
    const char *f64_head;  /* and these where f64 occurs; null: nothing is needed */
    const char *contract;  /* lets a product and a sum be fused (-fp=fast); null: no such line */
    const char *no_contract;
    const char *kernel;                /* in front of a kernel's name */
    const char *function;              /* in front of a helper's return type */
    const char *space[SPACE_FIFO + 1]; /* qualifier of a pointer's target; null: no such space */
    const char *restricted;            /* qualifier of a pointer nothing else aliases */
    /* Of a value. 16-bit floats are held as f32 values that have been rounded; bool has a scalar
     * type, and vectors of the mask type whose lanes are 0 or -1. */
    const char *value[DTYPE_COUNT];
    const char *memory[DTYPE_COUNT]; /* of an element in memory */
    const char *mask;
    const char *index; /* i64 in signatures and loops */
    /* With the axis for %d. */
    const char *group_id, *item_id, *global_id;
    const char *group_size; /* attribute of a kernel with three sizes for %d; null: none */
    const char *barrier;
    const char *pipeline; /* pragma with the interval for %d; null: loops are as they are */
    CMath f32, f64;
    const char *f32_suffix;
    int vector_lanes;            /* most lanes of a vector; 1: the language has none */
    const char *const *reserved; /* words that names must avoid; ends with null */
} CDialect;

#endif
