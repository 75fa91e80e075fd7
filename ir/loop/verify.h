/* Inside the verifier of the loop IR. */
#ifndef NNC_IR_LOOP_VERIFY_H
#define NNC_IR_LOOP_VERIFY_H

#include "ir/loop.h"

typedef struct Verifier {
    const LKernel *kernel;
    DimContext *dims;
    Diag *diag;
    Arena *arena;
    bool sound;
    bool *visible; /* by variable id */
    size_t ids;
    VEC(const LBuffer *) buffers;  /* in scope */
    int around[LOOP_PIPELINE + 1]; /* loops of each kind around */
    int loops, branches;
    bool grid_axes[3], item_axes[3];
    bool whole_let; /* the expression is the whole value of a let */
} Verifier;

void verify_error(Verifier *v, const char *format, ...) PRINTF_LIKE(2, 3);
void verify_expr(Verifier *v, LX x);
/* Indices of an access to the buffer, which must be in scope and allow it; returns the lanes of the
 * access. */
int verify_access(Verifier *v, const LBuffer *buffer, LX const *index, LAccess access);

#endif
