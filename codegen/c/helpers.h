/* Functions that generated code calls: accesses lane by lane, rounding to 16-bit floats, division
 * rounded down. Each is printed where something uses it. */
#ifndef NNC_CODEGEN_C_HELPERS_H
#define NNC_CODEGEN_C_HELPERS_H

#include "codegen/c/dialect.h"

typedef enum HelperKind {
    HELPER_FLOOR_DIV, /* T f(T x, T y), y > 0 */
    HELPER_FLOOR_MOD,
    HELPER_ROUND,       /* float f(float x): to what dtype can hold */
    HELPER_NARROW,      /* float f(double x): to a float that rounds to 16 bits as x would */
    HELPER_LOAD,        /* f(pointer): consecutive f16 elements, aligned as such */
    HELPER_STORE,       /* f(pointer, value) */
    HELPER_MASKED_LOAD, /* f(pointer, mask, passthrough): consecutive elements */
    HELPER_GATHER,      /* f(pointer, indices) */
    HELPER_MASKED_GATHER,
    HELPER_MASKED_STORE, /* f(pointer, mask, value) */
    HELPER_SCATTER,      /* f(pointer, indices, value) */
    HELPER_MASKED_SCATTER,
    HELPER_COUNT
} HelperKind;

typedef struct Helper {
    HelperKind kind;
    LType type;
    LSpace space;
} Helper;

typedef struct Helpers {
    const CDialect *dialect;
    Arena *arena;
    VEC(Helper) used; /* in the order of first use */
    bool uses_f64;
} Helpers;

/* The function's name; it will be printed. */
const char *helper(Helpers *helpers, HelperKind kind, LType type, LSpace space);
void helpers_print(const Helpers *helpers, StrBuf *out);

#endif
