/* Inside the loop IR: pieces of the builder that parser and transformations use. */
#ifndef NNC_IR_LOOP_BUILD_H
#define NNC_IR_LOOP_BUILD_H

#include "ir/loop.h"

/* The kernel becomes one of the program's, under a name of its own. */
void lprogram_add_kernel(LProgram *program, LKernel *kernel);

LStmt *lb_statement(LBuilder *b, LStmtKind kind); /* appended to the block */
LBuffer *lb_new_buffer(LBuilder *b, const char *name, LSpace space, LType elem, int rank);
void lb_add_param(LBuilder *b, LBuffer *buffer);
LVar *lb_new_var(LBuilder *b, const char *name, LType type);
/* What a variable's definition says about its values. */
void lb_infer_let(LVar *var, LX value);
void lb_infer_loop(DimContext *dims, LVar *var, LX begin, LX extent);

#endif
