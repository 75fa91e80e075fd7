/* Open addressing by the text's hash; order of iteration is never used. */
#include "ir/loop/name_table.h"

#include <string.h>

NameTable *name_table_create(Arena *arena) {
    NameTable *table = arena_new(arena, NameTable);
    *table = (NameTable){.arena = arena, .cap = 64};
    table->entries = arena_array(arena, NameEntry, table->cap);
    return table;
}

static NameEntry *probe(NameEntry *entries, size_t cap, const char *name) {
    size_t at = (size_t)hash_bytes(name, strlen(name), 0) & (cap - 1);
    while (entries[at].name && strcmp(entries[at].name, name) != 0) at = (at + 1) & (cap - 1);
    return &entries[at];
}

static void grow(NameTable *table) {
    size_t cap = 2 * table->cap;
    NameEntry *larger = arena_array(table->arena, NameEntry, cap);
    for (size_t i = 0; i < table->cap; i++) {
        const NameEntry *entry = &table->entries[i];
        if (entry->name) *probe(larger, cap, entry->name) = *entry;
    }
    table->entries = larger;
    table->cap = cap;
}

NameEntry *name_entry(NameTable *table, const char *name) {
    if (2 * table->len >= table->cap) grow(table);
    NameEntry *entry = probe(table->entries, table->cap, name);
    if (!entry->name) {
        *entry = (NameEntry){.name = arena_strdup(table->arena, name), .next = 2};
        table->len++;
    }
    return entry;
}

void *name_table_find(const NameTable *table, const char *name) {
    return probe(table->entries, table->cap, name)->object;
}

NameEntry *name_table_free(NameTable *table, const char *wanted, const char *separator) {
    NameEntry *entry = name_entry(table, wanted);
    for (int number = entry->next; entry->taken; number++) {
        entry = name_entry(table, arena_printf(table->arena, "%s%s%d", wanted, separator, number));
        name_entry(table, wanted)->next = number + 1;
    }
    return entry;
}
