/* Names in the loop IR's text. */
#include "ir/loop/names.h"

#include "ir/loop/memo.h"
#include "ir/loop/name_table.h"

#include <string.h>

const char *const lunary_names[LUNARY_COUNT] = {
    [LU_NEG] = "neg",
    [LU_ABS] = "abs",
    [LU_NOT] = "not",
    [LU_SQRT] = "sqrt",
    [LU_FLOOR] = "floor",
    [LU_CEIL] = "ceil",
    [LU_ROUND_EVEN] = "round_even",
    [LU_TRUNC] = "trunc",
    [LU_IS_NAN] = "is_nan",
};

const LBinaryName lbinary_names[LB_COUNT] = {
    [LB_ADD] = {"+", 1},
    [LB_SUB] = {"-", 1},
    [LB_MUL] = {"*", 2},
    [LB_DIV] = {"/", 2},
    [LB_FLOORDIV] = {"floordiv", -1},
    [LB_MOD] = {"mod", -1},
    [LB_MIN] = {"min", -1},
    [LB_MAX] = {"max", -1},
    [LB_AND] = {"&", 0},
    [LB_OR] = {"|", 0},
    [LB_XOR] = {"^", 0},
    [LB_SHL] = {"<<", 0},
    [LB_SHR] = {">>", 0},
    [LB_ADD_SAT] = {"add_sat", -1},
    [LB_SUB_SAT] = {"sub_sat", -1},
    [LB_EQ] = {"==", 0},
    [LB_NE] = {"!=", 0},
    [LB_LT] = {"<", 0},
    [LB_LE] = {"<=", 0},
    [LB_GT] = {">", 0},
    [LB_GE] = {">=", 0},
};

const char *const lcast_names[LCAST_COUNT] = {
    [CAST_VALUE] = "cast", [CAST_SATURATE] = "cast_sat", [CAST_SATURATE_ROUND] = "cast_round"};

const char *const lspace_names[] = {[SPACE_GLOBAL] = "global",
                                    [SPACE_CONSTANT] = "constant",
                                    [SPACE_LOCAL] = "local",
                                    [SPACE_PRIVATE] = "private",
                                    [SPACE_FIFO] = "fifo"};

const char *const laccess_names[] = {
    [ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_READ_WRITE] = "readwrite"};

const char *const lloop_names[] = {
    [LOOP_SERIAL] = "serial",    [LOOP_PARALLEL] = "parallel", [LOOP_VECTOR] = "vector",
    [LOOP_UNROLL] = "unroll",    [LOOP_GRID] = "grid",         [LOOP_ITEM] = "item",
    [LOOP_PIPELINE] = "pipeline"};

const char *const ltail_names[] = {
    [TAIL_NONE] = "none", [TAIL_MASK] = "mask", [TAIL_PEEL] = "peel", [TAIL_OVERLAP] = "overlap"};

const char *const lrole_names[] = {[TENSOR_INPUT] = "input",
                                   [TENSOR_OUTPUT] = "output",
                                   [TENSOR_WEIGHT] = "weight",
                                   [TENSOR_TEMP] = "temp"};

int lname_find(const char *const *names, int count, const char *name, size_t length) {
    for (int i = 0; i < count; i++)
        if (names[i] && strlen(names[i]) == length && memcmp(names[i], name, length) == 0) return i;
    return -1;
}

/* ---- visible names --------------------------------------------------------------------------- */

typedef struct Visible {
    const LVar *var; /* null: a reserved name, or the mark of a scope when name is null too */
    const char *name;
} Visible;

struct NameScope {
    Arena *arena;
    NameTable *names;
    VEC(Visible) stack;
    Memo places; /* variable -> its entry of `stack` when it was defined last, counted from 1 */
};

NameScope *name_scope_create(Arena *arena) {
    NameScope *s = arena_new(arena, NameScope);
    s->arena = arena;
    s->names = name_table_create(arena);
    s->places = memo_create(arena);
    return s;
}

void name_scope_enter(NameScope *s) {
    vec_push(s->arena, &s->stack, (Visible){0});
}

void name_scope_leave(NameScope *s) {
    while (s->stack.len > 0) {
        Visible v = s->stack.data[--s->stack.len];
        if (!v.name) return;
        name_entry(s->names, v.name)->taken--;
        NameEntry *own = v.var ? name_entry(s->names, v.var->name) : 0;
        if (own && own->taken == 0) own->next = 2;
    }
}

void name_scope_reserve(NameScope *s, const char *name) {
    name_entry(s->names, name)->taken++;
    vec_push(s->arena, &s->stack, (Visible){0, name});
}

const char *name_scope_define(NameScope *s, const LVar *var) {
    NameEntry *entry = name_table_free(s->names, var->name, ".");
    entry->taken++;
    vec_push(s->arena, &s->stack, (Visible){var, entry->name});
    memo_set(&s->places, var, (const void *)(uintptr_t)s->stack.len);
    return entry->name;
}

const char *name_scope_of(const NameScope *s, const LVar *var) {
    size_t place = (size_t)(uintptr_t)memo_get(&s->places, var);
    if (place == 0 || place > s->stack.len || s->stack.data[place - 1].var != var) return 0;
    return s->stack.data[place - 1].name;
}
