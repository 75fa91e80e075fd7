/* The operands of attention's products where these run on dot instructions of bf16, which add up
 * two products at once.
 *
 * The score product pairs elements of a head. Those of a key are neighbours in memory, where k is
 * made by a layer and cut into heads, and are broadcast from there as one. The value product pairs
 * keys, whose values are rows of memory: a block of them is interleaved once for a group of queries,
 * after which pairs are broadcast as well. */
#include "codegen/lower/attention.h"
#include "codegen/lower/dot.h"

enum { PAIR = 2 };

LX attention_narrow(const Attention *a, const Value *x, LX row, LX column) {
    Kernel *k = a->k;
    const int *uses = k->uses;
    k->uses = NULL; /* or what several read would be named after it was widened */
    LX value = attention_operand(a, x, row, column);
    k->uses = uses;
    return dot_narrow(k, value, x->type.dtype);
}

/* ---- keys ------------------------------------------------------------------------------------ */

LX attention_key_pair(const Attention *a, LX key, LX pair, bool ends) {
    LBuilder *b = a->k->b;
    LX index = lx_ramp(b, lx_muli(b, pair, PAIR), 1, PAIR), exists = NULL;
    if (ends) exists = lx_binary(b, LB_LT, index, lx_broadcast(b, lx_int(b, a->body->depth), PAIR));
    Guards before = guard_push(a->k, exists);
    LX value = attention_narrow(a, a->body->keys_of, index, key);
    guard_pop(a->k, before);
    return dot_spread(a->k, value, a->body->lanes, PAIR);
}

/* ---- shares ---------------------------------------------------------------------------------- */

/* The total is that of the rounded shares: what rounding adds to all of them then cancels in the
 * quotient, whose weights sum up to 1, and only the differences between values are weighted with its
 * error. */
void attention_store_pair(const Attention *a, LX pair, LX first, LX second) {
    LBuilder *b = a->k->b;
    LX zero = lx_int(b, 0), total = lx_load(b, a->total, &zero);
    LX ones = lx_const(b, ltype(DT_bf16, PAIR * a->body->lanes), 1);
    LX shares = dot_interleave(a->k, lx_cast(b, CAST_VALUE, DT_bf16, first),
                               lx_cast(b, CAST_VALUE, DT_bf16, second), 1);
    shares = lb_let(b, "shares", shares);
    lb_store(b, a->shares, &pair, shares, NULL);
    lb_store(b, a->total, &zero, lx_dot(b, total, shares, ones), NULL);
}

/* ---- values ---------------------------------------------------------------------------------- */

void attention_declare_pairs(Attention *a) {
    int64_t lanes = a->body->lanes, runs = (a->body->width + lanes - 1) / lanes;
    int64_t sizes[] = {ATTENTION_KEYS / PAIR, runs * lanes * PAIR};
    a->shares = attention_vectors(a, "shares", sizes[0], PAIR);
    a->values = lb_declare(a->k->b, "values", SPACE_PRIVATE, ltype(DT_bf16, 1), 2, sizes);
}

/* Of a key that does not count the values become 0: its share of 0 times infinity would be NaN. */
static void pack_run(Attention *a, LX first, int count) {
    LBuilder *b = a->k->b;
    int lanes = a->body->lanes;
    LX exists, column = attention_run(a, first, count, 1, a->body->width, &exists);
    Guards before = guard_push(a->k, exists);
    LX x = attention_narrow(a, a->body->values_of, a->packed[0], column);
    LX y = attention_narrow(a, a->body->values_of, a->packed[1], column);
    guard_pop(a->k, before);
    LX counts = lx_binary(b, LB_LT, a->packed[0], a->packed[1]);
    x = lx_broadcast(b, x, lanes);
    y = lx_broadcast(b, y, lanes);
    y = lx_select(b, lx_broadcast(b, counts, lanes), y, zero_of(a->k, y->type));
    LX to = lx_ramp(b, lx_muli(b, first, PAIR), 1, PAIR * lanes);
    lb_store(b, a->values, (LX[]){a->pair, to}, dot_interleave(a->k, x, y, 1), NULL);
}

void attention_pack_values(Attention *a) {
    LBuilder *b = a->k->b;
    LX pairs = lx_binary(b, LB_FLOORDIV, lx_addi(b, a->count, PAIR - 1), lx_int(b, PAIR));
    Loop loop = loop_open(a->k, LOOP_SERIAL, "pair", lx_int(b, 0), pairs);
    LX key = lx_add(b, a->block, lx_muli(b, loop.var, PAIR)), last = lx_addi(b, a->end, -1);
    a->pair = loop.var;
    a->packed[0] = lb_let(b, "key", key);
    a->packed[1] = lb_let(b, "next", lx_binary(b, LB_MIN, lx_addi(b, key, 1), last));
    attention_runs(a, a->body->width, pack_run);
    loop_close(a->k, &loop);
}

LX attention_value_pair(const Attention *a, LX pair, LX e) {
    LBuilder *b = a->k->b;
    LX column = lx_ramp(b, lx_muli(b, e, PAIR), 1, PAIR);
    LX value = lx_load(b, a->values, (LX[]){pair, column});
    return dot_spread(a->k, value, a->body->lanes, PAIR);
}
