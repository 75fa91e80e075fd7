/* Ground floor of the compiler: memory, strings, growable arrays and the two words for failure.
 *
 * Memory lives in arenas that are released as a whole; nothing below a command frees a single
 * object. A fault in the user's input goes through diag.h; a fault in nnc itself goes through
 * die(). */
#ifndef NNC_IR_BASE_BASE_H
#define NNC_IR_BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))
#define NORETURN                 __attribute__((__noreturn__))
#else
#define PRINTF_LIKE(text, first)
#define NORETURN
#endif

/* ---- defects of nnc itself ------------------------------------------------------------------- */

/* Exit statuses of every command. */
enum { EXIT_OK = 0, EXIT_INPUT = 1, EXIT_USAGE = 2, EXIT_MACHINE = 3, EXIT_DEFECT = 70 };

/* Reports a defect in nnc with its place and exits with EXIT_DEFECT; never for bad input. */
NORETURN void die_at(const char *file, int line, const char *format, ...) PRINTF_LIKE(3, 4);
#define die(...)      die_at(__FILE__, __LINE__, __VA_ARGS__)
#define unreachable() die("unreachable code was reached")
/* Checked in every build: a broken invariant must never become wrong code. */
#define require(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) die("broken invariant: %s", #condition);                                 \
    } while (0)

/* Memory is exhausted: says how much was asked for and exits with EXIT_MACHINE. */
NORETURN void die_out_of_memory(size_t bytes);

/* ---- arenas ---------------------------------------------------------------------------------- */

typedef struct Arena Arena;

Arena *arena_create(void);
void arena_destroy(Arena *arena); /* null is allowed */

/* Zeroed memory, aligned to 16 bytes, valid until the arena is destroyed. Never returns null. */
void *arena_alloc(Arena *arena, size_t bytes);
/* The same for count objects of size bytes each; a product that overflows is out of memory. */
void *arena_alloc_array(Arena *arena, size_t count, size_t size);
#define arena_new(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define arena_array(arena, type, count) ((type *)arena_alloc_array((arena), (count), sizeof(type)))

char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
size_t arena_bytes(const Arena *arena); /* handed out so far */
/* Gives the pages that lie wholly within the range back to the system. What was there is lost, but
 * for a mapped file, which is read again. */
void memory_forget(void *memory, size_t bytes);

/* Runs release(object) when the arena is destroyed, last registered first (mapped
 * files, LLVM handles). */
void arena_on_destroy(Arena *arena, void (*release)(void *), void *object);

/* ---- growable arrays ------------------------------------------------------------------------- */

/* VEC(T) is a struct of pointer, length and capacity that grows inside an arena. A zeroed
 * one is empty. */
#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *data;                                                                                   \
        size_t len, cap;                                                                           \
    }

void vec_grow_(Arena *arena, void *vec, size_t element_bytes);
#define vec_push(arena, vec, ...)                                                                  \
    ((vec)->len == (vec)->cap ? vec_grow_((arena), (vec), sizeof(*(vec)->data)) : (void)0,         \
     (void)((vec)->data[(vec)->len++] = (__VA_ARGS__)))

/* ---- text under construction ----------------------------------------------------------------- */

/* A growing string on the heap; data is always terminated. Zeroed = empty. */
typedef struct StrBuf {
    char *data;
    size_t len, cap;
} StrBuf;

void str_append(StrBuf *s, const char *text);
void str_append_n(StrBuf *s, const char *text, size_t length);
void str_putc(StrBuf *s, char c);
void str_printf(StrBuf *s, const char *format, ...) PRINTF_LIKE(2, 3);
void str_vprintf(StrBuf *s, const char *format, va_list args);
/* Appends the shortest decimal text that reads back as the same f32 (is_f32) or f64;
 * inf, -inf, nan. */
void str_append_double(StrBuf *s, double value, bool is_f32);
const char *str_text(const StrBuf *s); /* "" when empty; never null */
void str_free(StrBuf *s);              /* leaves it empty */

/* ---- interned strings ------------------------------------------------------------------------ */

/* A string table: equal texts give the same pointer, valid as long as the arena. */
typedef struct Interner Interner;
Interner *interner_create(Arena *arena);
const char *intern(Interner *table, const char *text);
const char *intern_n(Interner *table, const char *text, size_t length);

/* ---- arithmetic that notices overflow -------------------------------------------------------- */

/* Each returns false, and leaves *result unspecified, where the exact result does not fit. */
bool checked_add(int64_t a, int64_t b, int64_t *result);
bool checked_sub(int64_t a, int64_t b, int64_t *result);
bool checked_mul(int64_t a, int64_t b, int64_t *result);
/* Quotient rounded down and the remainder that belongs to it (sign of b); b != 0. */
int64_t floor_div(int64_t a, int64_t b);
int64_t floor_mod(int64_t a, int64_t b);
/* Quotient rounded up, of negative numbers too: ceil_div(-3, 2) is -1; b != 0. */
int64_t ceil_div(int64_t a, int64_t b);

/* ---- hashing --------------------------------------------------------------------------------- */

/* 64-bit hash of bytes, the same on every host; seed chains several pieces. Not cryptographic. */
uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed);

/* Distance for "did you mean": edits, adjacent swaps counted once. */
int edit_distance(const char *a, const char *b);

#endif
