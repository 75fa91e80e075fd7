/* Rebuilding expressions and statements with parts replaced. */
#ifndef NNC_IR_LOOP_REWRITE_H
#define NNC_IR_LOOP_REWRITE_H

#include "ir/loop.h"

/* x with other operands, made by the builders, so that scalars spread to vectors and what became
 * constant folds. buffer, mask, passthrough: those of a load or fifo read, null elsewhere. */
LX lx_rebuild(LBuilder *b, LX x, LX const *args, const LBuffer *buffer, LX mask, LX passthrough);

/* Calls visit for x and all it consists of, operands first, shared parts as often as they occur;
 * stops at false. */
bool lx_each(LX x, bool (*visit)(void *context, LX x), void *context);
/* The same for every expression of a statement, without those in its blocks. */
bool lstmt_each_expr(const LStmt *s, bool (*visit)(void *context, LX x), void *context);

#endif
