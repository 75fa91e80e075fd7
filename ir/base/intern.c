/* Interned strings, hashing of bytes, and the distance between two names. */
#include "ir/base/base.h"

#include <string.h>

/* ---- hashing ---- */

static uint64_t load_little_endian(const unsigned char *bytes, size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

/* The same of eight bytes, which compilers make one load of. */
static uint64_t load_word(const unsigned char *p) {
    uint64_t low =
        (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
    uint64_t high =
        (uint64_t)p[4] | (uint64_t)p[5] << 8 | (uint64_t)p[6] << 16 | (uint64_t)p[7] << 24;
    return low | high << 32;
}

/* MurmurHash64A by Austin Appleby (public domain), with loads that do not depend on the host. */
uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed) {
    const uint64_t m = UINT64_C(0xc6a4a7935bd1e995);
    const unsigned char *p = bytes;
    uint64_t h = seed ^ (length * m);
    for (size_t words = length / 8; words > 0; words--, p += 8) {
        uint64_t k = load_word(p) * m;
        k ^= k >> 47;
        h = (h ^ (k * m)) * m;
    }
    if (length % 8) h = (h ^ load_little_endian(p, length % 8)) * m;
    h ^= h >> 47;
    h *= m;
    return h ^ (h >> 47);
}

/* ---- interning ---- */

typedef struct Entry {
    const char *text; /* null: the slot is free */
    size_t length;
    uint64_t hash;
} Entry;

/* Open addressing with linear probing; capacity is a power of two and at most half of
 * it is used. */
struct Interner {
    Arena *arena;
    Entry *entries;
    size_t count, capacity;
};

Interner *interner_create(Arena *arena) {
    Interner *table = arena_new(arena, Interner);
    *table = (Interner){.arena = arena, .capacity = 64};
    table->entries = arena_array(arena, Entry, table->capacity);
    return table;
}

static Entry *find_slot(const Interner *table, const char *text, size_t length, uint64_t hash) {
    for (size_t i = hash & (table->capacity - 1);; i = (i + 1) & (table->capacity - 1)) {
        Entry *e = &table->entries[i];
        if (!e->text) return e;
        if (e->hash == hash && e->length == length && memcmp(e->text, text, length) == 0) return e;
    }
}

static void interner_grow(Interner *table) {
    Entry *old = table->entries;
    size_t old_capacity = table->capacity;
    table->capacity *= 2;
    table->entries = arena_array(table->arena, Entry, table->capacity);
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].text) *find_slot(table, old[i].text, old[i].length, old[i].hash) = old[i];
}

const char *intern_n(Interner *table, const char *text, size_t length) {
    if (length == 0) text = "";
    uint64_t hash = hash_bytes(text, length, 0);
    Entry *slot = find_slot(table, text, length, hash);
    if (slot->text) return slot->text;
    const char *copy = arena_strndup(table->arena, text, length);
    *slot = (Entry){.text = copy, .length = length, .hash = hash};
    if (++table->count * 2 > table->capacity) interner_grow(table);
    return copy;
}

const char *intern(Interner *table, const char *text) {
    return intern_n(table, text, strlen(text));
}

/* ---- distance between names ---- */

enum { LONGEST_NAME = 120 };

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Optimal string alignment: insert, delete, replace, swap of neighbours. Names too long to be a
 * slip of the finger count as wholly different. */
int edit_distance(const char *a, const char *b) {
    size_t la = strlen(a), lb = strlen(b);
    if (la > LONGEST_NAME || lb > LONGEST_NAME) return strcmp(a, b) == 0 ? 0 : LONGEST_NAME + 1;
    int rows[3][LONGEST_NAME + 1];
    for (size_t j = 0; j <= lb; j++) rows[0][j] = (int)j;
    for (size_t i = 1; i <= la; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = (int)i;
        for (size_t j = 1; j <= lb; j++) {
            int d = least(above[j] + 1, row[j - 1] + 1);
            d = least(d, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d = least(d, above2[j - 2] + 1);
            row[j] = d;
        }
    }
    return rows[la % 3][lb];
}
