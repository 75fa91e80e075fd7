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

/* Operations that are written as calls. */
typedef enum CCall {
    CALL_ABS, /* integers; the result has the bits of the operand's type */
    CALL_MIN,
    CALL_MAX,
    CALL_ADD_SAT,
    CALL_SUB_SAT,
    CALL_CLAMP,    /* f(x, least, most) */
    CALL_UNSIGNED, /* an integer's bits as unsigned; $t is the signed type */
    CALL_SIGNED,   /* and back */
    CALL_BITCAST,
    CALL_SATURATE, /* between integers */
    CALL_TRUNCATE, /* a float to an integer: clamped, toward 0 */
    CALL_ROUND,    /* clamped, to nearest even */
    CALL_COUNT
} CCall;

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
    const char *index; /* of what counts iterations and elements: as wide as i64, or int */
    /* What stands before the parentheses: $t is the result's C type, $d the name of its element
     * type and $f that of the operand's (those that hold them: i8 for i4, f32 for f16). */
    const char *call[CALL_COUNT];
    const char *wrap4; /* function for the name of a 4-bit type; null: by shifts */
    /* An element of memory for %s as a value, and back; null: the same. */
    const char *decode[DTYPE_COUNT], *encode[DTYPE_COUNT];
    const char *load_half;  /* position, array; null: by decode */
    const char *store_half; /* value, position, array; null: by encode */
    /* With the axis for %d. */
    const char *group_id, *item_id, *global_id;
    const char *group_size; /* attribute of a kernel with three sizes for %d; null: none */
    const char *barrier;
    const char *keep_loop; /* before a loop that must not be unrolled; null: nothing */
    const char *pipeline;  /* first in a loop, with the interval for %d; null: nothing */
    /* Channels, by the name of the parameter; null: there are none. fifo_element: qualifier of what
     * the parameter points to; fifo_port: first in the function, one a channel. */
    const char *fifo_read, *fifo_write, *fifo_element, *fifo_port;
    CMath f32, f64;
    const char *f32_suffix, *i64_suffix, *index_suffix;
    const char *infinity, *nan;
    bool decimal_floats;         /* the language has no hexadecimal ones */
    int vector_lanes;            /* most lanes of a vector; 1: the language has none */
    const char *const *reserved; /* words that names must avoid; ends with null */
} CDialect;

#endif
