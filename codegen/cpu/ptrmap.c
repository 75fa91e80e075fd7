#include "codegen/cpu/ptrmap.h"

static size_t place_of(const PtrMap *map, const void *key) {
    uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15);
    size_t place = (size_t)(hash >> 20) & (map->capacity - 1);
    while (map->keys[place] && map->keys[place] != key) place = (place + 1) & (map->capacity - 1);
    return place;
}

static void grow(PtrMap *map) {
    PtrMap old = *map;
    map->capacity = old.capacity ? old.capacity * 2 : 64;
    map->keys = arena_array(map->arena, const void *, map->capacity);
    map->values = arena_array(map->arena, void *, map->capacity);
    map->used.len = 0;
    for (size_t i = 0; i < old.used.len; i++) {
        size_t from = old.used.data[i], to = place_of(map, old.keys[from]);
        map->keys[to] = old.keys[from];
        map->values[to] = old.values[from];
        /* Never reallocates: a rehash has as many entries as the list already held. */
        map->used.data[map->used.len++] = to;
    }
}

void *ptrmap_find(const PtrMap *map, const void *key) {
    if (map->used.len == 0) return NULL;
    size_t place = place_of(map, key);
    return map->keys[place] ? map->values[place] : NULL;
}

void ptrmap_set(PtrMap *map, const void *key, void *value) {
    if ((map->used.len + 1) * 2 > map->capacity) grow(map);
    size_t place = place_of(map, key);
    if (!map->keys[place]) {
        map->keys[place] = key;
        vec_push(map->arena, &map->used, place);
    }
    map->values[place] = value;
}

void ptrmap_clear(PtrMap *map) {
    for (size_t i = 0; i < map->used.len; i++) map->keys[map->used.data[i]] = NULL;
    map->used.len = 0;
}
