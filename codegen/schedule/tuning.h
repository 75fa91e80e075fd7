/* The tuning file: plans that were measured on a machine, by what they are for.
 *
 *   nnc-tune 1
 *   nnc 0.1.0
 *   machine znver4 512-bit x32 fma 2
 *   threads 1
 *   dot f32 n=1 oc=64 ... -> vector=oc:16x2 tile=ow:14 unroll=1  # 0.1034 ms; default 0.1201 ms
 *
 * Four lines that say where it is from, then a line for each contraction: its text (plan_key.h),
 * the plan (plan.h) and a comment. Empty lines and lines that begin with # do not count. */
#ifndef NNC_CODEGEN_SCHEDULE_TUNING_H
#define NNC_CODEGEN_SCHEDULE_TUNING_H

#include "ir/base/diag.h"
#include "ir/target_desc.h"

enum { TUNING_VERSION = 1 };

typedef struct TunedPlan {
    const char *key, *plan;
    const char *comment; /* without the #; "" if there is none */
    Span span;
} TunedPlan;

typedef struct Tuning {
    Arena *arena;
    const char *compiler; /* version of nnc that measured */
    const char *machine;
    int64_t threads;
    VEC(TunedPlan) plans;    /* in the order of the file */
    struct NameTable *names; /* of the keys: their positions */
} Tuning;

/* What of a target's description decides which plan is best, in one line. */
const char *tuning_machine(Arena *arena, const TargetDesc *target);

Tuning *tuning_create(Arena *arena, const char *compiler, const char *machine, int64_t threads);
/* Reads a file's text. Anything but the form above is an error at its line, and null. Whether a
 * plan fits its contraction is seen where that is lowered. */
Tuning *tuning_parse(Arena *arena, const Source *source, Diag *diag);
void tuning_print(const Tuning *tuning, StrBuf *out);

TunedPlan *tuning_find(const Tuning *tuning, const char *key); /* null: none */
/* Adds a plan or takes the place of the one with that key; texts are copied. */
void tuning_set(Tuning *tuning, const char *key, const char *plan, const char *comment);

#endif
