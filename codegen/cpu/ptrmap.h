/* A map from pointers to LLVM handles, made to be filled and emptied once a statement. */
#ifndef NNC_CODEGEN_CPU_PTRMAP_H
#define NNC_CODEGEN_CPU_PTRMAP_H

#include "ir/base/base.h"

typedef struct PtrMap {
    Arena *arena;
    const void **keys; /* open addressing; capacity is a power of two */
    void **values;
    size_t capacity;
    VEC(size_t) used; /* occupied places, so that clearing costs what was put in */
} PtrMap;

/* A zeroed map with its arena set is empty. */
void *ptrmap_find(const PtrMap *map, const void *key); /* null: absent */
void ptrmap_set(PtrMap *map, const void *key, void *value);
void ptrmap_clear(PtrMap *map);

#endif
