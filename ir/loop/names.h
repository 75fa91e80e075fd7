/* Tables of the loop IR's text, shared by printer and parser, and the names that variables get in
 * it. */
#ifndef NNC_IR_LOOP_NAMES_H
#define NNC_IR_LOOP_NAMES_H

#include "ir/loop.h"

enum { LUNARY_COUNT = LU_IS_NAN + 1, LCAST_COUNT = CAST_SATURATE_ROUND + 1 };

extern const char *const lunary_names[LUNARY_COUNT];
/* Precedence 1 sums, 2 products, 0 other operators between operands; -1: written as a function. */
typedef struct LBinaryName {
    const char *name;
    int precedence;
} LBinaryName;
extern const LBinaryName lbinary_names[LB_COUNT];
extern const char *const lcast_names[LCAST_COUNT];
extern const char *const lspace_names[SPACE_FIFO + 1];
extern const char *const laccess_names[ACCESS_READ_WRITE + 1];
extern const char *const lloop_names[LOOP_PIPELINE + 1];
extern const char *const ltail_names[TAIL_OVERLAP + 1];
extern const char *const lrole_names[TENSOR_TEMP + 1];

/* Position of name in a table of names (null entries are skipped), or -1. */
int lname_find(const char *const *names, int count, const char *name, size_t length);

/* Visible names: a variable is written by its own name, or with .2, .3 ... where that name is
 * visible already. */
typedef struct NameScope NameScope;
NameScope *name_scope_create(Arena *arena);
void name_scope_enter(NameScope *scope);
void name_scope_leave(NameScope *scope); /* forgets what was named since enter */
void name_scope_reserve(NameScope *scope, const char *name);
const char *name_scope_define(NameScope *scope, const LVar *var);
const char *name_scope_of(const NameScope *scope, const LVar *var); /* null: not visible */

#endif
