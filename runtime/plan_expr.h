/* What the interpreter of launch plans asks expressions besides their value. */
#ifndef NN_PLAN_EXPR_H
#define NN_PLAN_EXPR_H

#include "nn/nn.h"

enum { NN_EXPR_MAX_LENGTH = 1 << 16 };

/* Whether the code is well-formed for so many symbols; *constant: it names none. */
int nn_expr_is_valid(const nn_expr *expr, size_t symbol_count, int *constant);

/* The largest value for symbols between 0 and their limits, or more; interval arithmetic, as
 * compiled code does it. NN_TOO_LARGE on overflow. The expression is valid. */
nn_status nn_expr_upper(const nn_expr *expr, const int64_t *limits, int64_t *upper);

#endif
