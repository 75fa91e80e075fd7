/* Indices with named parts written out, so that sums over loop variables can be seen. */
#ifndef NNC_IR_LOOP_INLINE_H
#define NNC_IR_LOOP_INLINE_H

#include "ir/loop.h"
#include "ir/loop/memo.h"

typedef struct Inliner {
    LBuilder b; /* makes expressions of the kernel's variables, that no statement holds */
    LX *lets;   /* by variable: its value where that is an index */
    Memo done;
} Inliner;

/* Everything is in arena. */
Inliner inliner_create(LProgram *program, Arena *arena);
/* Lets are told in order, before expressions that use them. Other statements do nothing. */
void inliner_let(Inliner *in, const LStmt *s);
LX inline_index(Inliner *in, LX x);

#endif
