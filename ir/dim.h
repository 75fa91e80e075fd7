/* Dimensions: canonical polynomials with integer coefficients over symbols and the atoms floordiv,
 * mod, min, max.
 *
 * A Dim is hash-consed in its context: equal polynomials are the same pointer. Symbols are integers
 * >= 0 whose value is known when a run starts. Text form: `4*N*T + 2`, `floordiv(H + 1, 2) - 1`,
 * `max(N, 4)`. */
#ifndef NNC_IR_DIM_H
#define NNC_IR_DIM_H

#include "ir/base/base.h"

typedef struct DimContext DimContext;
typedef const struct DimNode *Dim;

typedef enum DimAtom { ATOM_SYMBOL, ATOM_FLOORDIV, ATOM_MOD, ATOM_MIN, ATOM_MAX } DimAtom;

typedef struct DimFactor {
    DimAtom atom;
    int symbol; /* ATOM_SYMBOL: index in the context */
    Dim a, b;   /* the other atoms' arguments */
    int power;  /* >= 1 */
} DimFactor;

typedef struct DimTerm {
    int64_t coefficient; /* never 0 */
    int nfactors;        /* 0: the constant term */
    const DimFactor *factors;
} DimTerm;

/* Terms in canonical order: higher total degree first, then by factors; the constant last. Zero
 * has no terms. */
struct DimNode {
    uint32_t id;
    int nterms;
    const DimTerm *terms;
};

DimContext *dim_context_create(Arena *arena);
int dim_symbol_count(const DimContext *ctx);
const char *dim_symbol_name(const DimContext *ctx, int index);
int dim_symbol_find(const DimContext *ctx, const char *name); /* -1: none */

Dim dim_int(DimContext *ctx, int64_t value);       /* null for INT64_MIN */
Dim dim_symbol(DimContext *ctx, const char *name); /* made on first use */
/* Each returns null where a coefficient would overflow (INT64_MIN is none), a divisor is a constant
 * <= 0, or the expression would grow beyond 64 terms, degree 64 or a text of 4096 pieces; null
 * operands give null. */
Dim dim_add(DimContext *ctx, Dim a, Dim b);
Dim dim_sub(DimContext *ctx, Dim a, Dim b);
Dim dim_mul(DimContext *ctx, Dim a, Dim b);
Dim dim_floordiv(DimContext *ctx, Dim a, Dim b); /* exact division of polynomials is found */
Dim dim_ceildiv(DimContext *ctx, Dim a, Dim b);
Dim dim_mod(DimContext *ctx, Dim a, Dim b);
Dim dim_min(DimContext *ctx, Dim a, Dim b);
Dim dim_max(DimContext *ctx, Dim a, Dim b);
/* The polynomial q with q*b = a, or null if there is none. */
Dim dim_divide_exact(DimContext *ctx, Dim a, Dim b);
/* a with the symbol replaced by a value. */
Dim dim_bind(DimContext *ctx, Dim a, int symbol, int64_t value);

bool dim_is_int(Dim d, int64_t *value); /* value may be null */
static inline bool dim_is(Dim d, int64_t value) {
    int64_t v;
    return dim_is_int(d, &v) && v == value;
}
/* Whether a <= b for all values of the symbols: 1 yes, 0 never, -1 it depends or
 * cannot be decided. */
int dim_le(DimContext *ctx, Dim a, Dim b);
/* Bounds over all symbol values, INT64_MIN/INT64_MAX where unbounded or unknown. */
void dim_range(Dim d, int64_t *least, int64_t *greatest);
/* Value with symbols[i] for symbol i; false on overflow or division by zero. */
bool dim_eval(Dim d, const int64_t *symbols, int64_t *value);
/* d = content * primitive with content the greatest common divisor of the coefficients (0 for
 * d = 0). */
Dim dim_primitive(DimContext *ctx, Dim d, int64_t *content);

void dim_print(const DimContext *ctx, Dim d, StrBuf *out);
const char *dim_text(const DimContext *ctx, Arena *arena, Dim d);
/* Parses the text form (what dim_print writes, and parentheses) up to the first character that
 * cannot continue it; advances *text. Null where it is malformed, *text then being near the fault;
 * new symbols are made only if may_add. */
Dim dim_parse(DimContext *ctx, const char **text, bool may_add);

#endif
