/* What is known by name: a program's tensors and kernels, the variables of a text. */
#ifndef NNC_IR_LOOP_NAME_TABLE_H
#define NNC_IR_LOOP_NAME_TABLE_H

#include "ir/base/base.h"

typedef struct NameEntry {
    const char *name; /* owned by the table; null: the slot is free */
    void *object;     /* what has the name, where the table's user wants that */
    int taken;        /* how many have the name now */
    int next;         /* number with which the search for a free name after this one goes on */
} NameEntry;

typedef struct NameTable {
    Arena *arena;
    NameEntry *entries; /* open addressing; capacity a power of 2 */
    size_t cap, len;
} NameTable;

NameTable *name_table_create(Arena *arena);
/* The name's entry, made where there is none; valid until the next one is made. */
NameEntry *name_entry(NameTable *table, const char *name);
/* Null: nothing has that name. */
void *name_table_find(const NameTable *table, const char *name);
/* wanted, or where that is taken the first free one of wanted<separator>2, wanted<separator>3 ...;
 * one separator a table. Names below the entry's `next` are not tried again: a user that gives
 * names back sets it to 2. The result is not taken yet. */
NameEntry *name_table_free(NameTable *table, const char *wanted, const char *separator);

#endif
