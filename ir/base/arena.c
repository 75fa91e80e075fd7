/* Arenas: memory in chunks, handed out front to back and released as a whole. */
#define _GNU_SOURCE
#include "ir/base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ALIGNMENT = 16, FIRST_CHUNK = 16 * 1024, LARGEST_CHUNK = 1024 * 1024 };

typedef struct Chunk {
    struct Chunk *next; /* the one before it in time */
    size_t used, size;  /* of data */
    _Alignas(ALIGNMENT) unsigned char data[];
} Chunk;

typedef struct Release {
    struct Release *next;
    void (*release)(void *);
    void *object;
} Release;

struct Arena {
    Chunk *chunks;     /* the first is the one being filled */
    Release *releases; /* last registered first */
    size_t next_chunk; /* bytes of the next ordinary chunk */
    size_t handed_out;
};

Arena *arena_create(void) {
    Arena *arena = calloc(1, sizeof(Arena));
    if (!arena) die_out_of_memory(sizeof(Arena));
    arena->next_chunk = FIRST_CHUNK;
    return arena;
}

void arena_destroy(Arena *arena) {
    if (!arena) return;
    /* The records lie in the arena, and a release may look at other memory of it:
     * chunks go last. */
    for (Release *r = arena->releases; r; r = r->next) r->release(r->object);
    for (Chunk *chunk = arena->chunks, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    free(arena);
}

static Chunk *chunk_create(size_t size) {
    if (size > SIZE_MAX - sizeof(Chunk)) die_out_of_memory(size);
    Chunk *chunk = calloc(1, sizeof(Chunk) + size);
    if (!chunk) die_out_of_memory(size);
    chunk->size = size;
    return chunk;
}

/* A chunk with room for bytes at its end. A large object gets a chunk of its own, placed behind the
 * one being filled so that the rest of that one stays in use. */
static Chunk *chunk_with_room(Arena *arena, size_t bytes) {
    Chunk *first = arena->chunks;
    if (first && first->size - first->used >= bytes) return first;
    if (first && bytes > arena->next_chunk / 4) {
        Chunk *own = chunk_create(bytes);
        own->next = first->next;
        first->next = own;
        return own;
    }
    Chunk *chunk = chunk_create(bytes > arena->next_chunk ? bytes : arena->next_chunk);
    if (arena->next_chunk < LARGEST_CHUNK) arena->next_chunk *= 2;
    chunk->next = first;
    arena->chunks = chunk;
    return chunk;
}

void *arena_alloc(Arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX - ALIGNMENT) die_out_of_memory(bytes);
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (rounded == 0) rounded = ALIGNMENT;
    Chunk *chunk = chunk_with_room(arena, rounded);
    void *memory = chunk->data + chunk->used;
    chunk->used += rounded;
    arena->handed_out += rounded;
    return memory;
}

void *arena_alloc_array(Arena *arena, size_t count, size_t size) {
    if (size != 0 && count > SIZE_MAX / size) die_out_of_memory(SIZE_MAX);
    return arena_alloc(arena, count * size);
}

char *arena_strndup(Arena *arena, const char *text, size_t length) {
    if (length == SIZE_MAX) die_out_of_memory(length);
    char *copy = arena_alloc(arena, length + 1);
    if (length) memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(Arena *arena, const char *text) {
    return arena_strndup(arena, text, strlen(text));
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    require(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}

size_t arena_bytes(const Arena *arena) {
    return arena->handed_out;
}

void memory_forget(void *memory, size_t bytes) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t before = -(uintptr_t)memory & (page - 1);
    if (bytes < before + page) return;
    /* It only saves memory: a refusal does no harm. */
    (void)madvise((char *)memory + before, (bytes - before) & ~(page - 1), MADV_DONTNEED);
}

void arena_on_destroy(Arena *arena, void (*release)(void *), void *object) {
    Release *r = arena_new(arena, Release);
    *r = (Release){.next = arena->releases, .release = release, .object = object};
    arena->releases = r;
}

void vec_grow_(Arena *arena, void *vec, size_t element_bytes) {
    /* Every VEC(T) is laid out like this one; copying in and out keeps clear of aliasing between
     * them. */
    VEC(void) generic;
    memcpy(&generic, vec, sizeof(generic));
    if (generic.cap > SIZE_MAX / 2) die_out_of_memory(SIZE_MAX);
    generic.cap = generic.cap ? generic.cap * 2 : 8;
    void *data = arena_alloc_array(arena, generic.cap, element_bytes);
    if (generic.len) memcpy(data, generic.data, generic.len * element_bytes);
    generic.data = data;
    memcpy(vec, &generic, sizeof(generic));
}
