/* Names in the loop IR's text. */
#include "ir/loop/names.h"

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

typedef struct Entry {
    const char *name;
    int visible; /* definitions in scope */
    int next;    /* number to try next for a duplicate */
} Entry;

typedef struct Visible {
    const LVar *var; /* null: a reserved name, or the mark of a scope when name is null too */
    const char *name;
} Visible;

struct NameScope {
    Arena *arena;
    Entry *entries; /* open addressing; capacity a power of 2 */
    size_t cap, len;
    VEC(Visible) stack;
    /* Names by variable id: position in `stack` + 1, valid if that entry is
     * still the variable's. */
    uint32_t *by_id;
    size_t ids;
};

NameScope *name_scope_create(Arena *arena) {
    NameScope *s = arena_new(arena, NameScope);
    s->arena = arena;
    s->cap = 64;
    s->entries = arena_array(arena, Entry, s->cap);
    return s;
}

static Entry *probe(Entry *entries, size_t cap, const char *name) {
    size_t at = (size_t)hash_bytes(name, strlen(name), 0) & (cap - 1);
    while (entries[at].name && strcmp(entries[at].name, name) != 0) at = (at + 1) & (cap - 1);
    return &entries[at];
}

static Entry *entry_of(NameScope *s, const char *name) {
    if (2 * s->len >= s->cap) {
        Entry *larger = arena_array(s->arena, Entry, 2 * s->cap);
        for (size_t i = 0; i < s->cap; i++)
            if (s->entries[i].name) *probe(larger, 2 * s->cap, s->entries[i].name) = s->entries[i];
        s->entries = larger;
        s->cap *= 2;
    }
    Entry *e = probe(s->entries, s->cap, name);
    if (!e->name) {
        *e = (Entry){arena_strdup(s->arena, name), 0, 2};
        s->len++;
    }
    return e;
}

void name_scope_enter(NameScope *s) {
    vec_push(s->arena, &s->stack, (Visible){0});
}

void name_scope_leave(NameScope *s) {
    while (s->stack.len > 0) {
        Visible v = s->stack.data[--s->stack.len];
        if (!v.name) return;
        entry_of(s, v.name)->visible--;
        Entry *own = v.var ? entry_of(s, v.var->name) : 0;
        if (own && own->visible == 0) own->next = 2;
    }
}

void name_scope_reserve(NameScope *s, const char *name) {
    entry_of(s, name)->visible++;
    vec_push(s->arena, &s->stack, (Visible){0, name});
}

static void remember(NameScope *s, uint32_t id) {
    if (id >= s->ids) {
        size_t count = s->ids ? s->ids : 64;
        while (count <= id) count *= 2;
        uint32_t *larger = arena_array(s->arena, uint32_t, count);
        if (s->ids) memcpy(larger, s->by_id, s->ids * sizeof *larger);
        s->by_id = larger;
        s->ids = count;
    }
    s->by_id[id] = (uint32_t)s->stack.len;
}

const char *name_scope_define(NameScope *s, const LVar *var) {
    Entry *e = entry_of(s, var->name);
    const char *name = e->name;
    int number = e->next;
    while (entry_of(s, name)->visible) {
        name = arena_printf(s->arena, "%s.%d", var->name, number++);
        entry_of(s, var->name)->next = number;
    }
    e = entry_of(s, name);
    e->visible++;
    vec_push(s->arena, &s->stack, (Visible){var, e->name});
    remember(s, var->id);
    return e->name;
}

const char *name_scope_of(const NameScope *s, const LVar *var) {
    if (var->id >= s->ids || s->by_id[var->id] == 0) return 0;
    size_t at = s->by_id[var->id] - 1;
    return at < s->stack.len && s->stack.data[at].var == var ? s->stack.data[at].name : 0;
}
