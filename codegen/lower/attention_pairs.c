/* The operands of attention's products where these run on dot instructions of bf16, which add up
 * two products at once.
 *
 * The score product pairs elements of a head. Those of a key are neighbours in memory, where k is
 * made by a layer and cut into heads, and are broadcast from there as one. The value product pairs
 * keys, whose values are rows of memory: a block of them is interleaved once for a group of queries,
 * after which pairs are broadcast as well. So are keys that memory has the other way round. */
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

/* ---- operands with interleaved rows ----------------------------------------------------------- */

void attention_declare_pairs(Attention *a) {
    const AttentionBody *body = a->body;
    int64_t lanes = body->lanes, runs = ceil_div(body->width, lanes);
    int64_t keys[] = {ceil_div(body->depth, PAIR), ATTENTION_KEYS * PAIR};
    int64_t values[] = {ATTENTION_KEYS / PAIR, runs * lanes * PAIR};
    a->shares = a->scores;
    a->keys = a->values = NULL;
    if (body->score_dot > 1 && !body->keys_in_pairs)
        a->keys = lb_declare(a->k->b, "keys", SPACE_PRIVATE, ltype(DT_bf16, 1), 2, keys);
    if (body->sum_dot == 1) return;
    a->shares = attention_vectors(a, "shares", values[0], PAIR);
    a->values = lb_declare(a->k->b, "values", SPACE_PRIVATE, ltype(DT_bf16, 1), 2, values);
}

/* The loop over pairs of rows from `first`, as many as there are before `end`. */
static Loop pairs_open(Attention *a, LX first, LX count, LX end) {
    LBuilder *b = a->k->b;
    LX pairs = lx_binary(b, LB_FLOORDIV, lx_addi(b, count, PAIR - 1), lx_int(b, PAIR));
    Loop loop = loop_open(a->k, LOOP_SERIAL, "pair", lx_int(b, 0), pairs);
    LX row = lx_add(b, first, lx_muli(b, loop.var, PAIR)), last = lx_addi(b, end, -1);
    a->pair = loop.var;
    a->rows[0] = lb_let(b, "row", row);
    a->rows[1] = lb_let(b, "next", lx_binary(b, LB_MIN, lx_addi(b, row, 1), last));
    return loop;
}

/* Puts a vector of columns of both rows, where these exist, at entry `first` of their pair. A row
 * that does not count becomes 0: a share of 0 times an infinite value would be NaN. */
static void pack_columns(Attention *a, LBuffer *to, const Value *from, LX columns, LX exists,
                         LX first) {
    LBuilder *b = a->k->b;
    int lanes = a->body->lanes;
    Guards before = guard_push(a->k, exists);
    LX x = attention_narrow(a, from, a->rows[0], columns);
    LX y = attention_narrow(a, from, a->rows[1], columns);
    guard_pop(a->k, before);
    LX counts = lx_binary(b, LB_LT, a->rows[0], a->rows[1]);
    x = lx_broadcast(b, x, lanes);
    y = lx_broadcast(b, y, lanes);
    y = lx_select(b, lx_broadcast(b, counts, lanes), y, zero_of(a->k, y->type));
    LX place = lx_ramp(b, lx_muli(b, first, PAIR), 1, PAIR * lanes);
    lb_store(b, to, (LX[]){a->pair, place}, dot_interleave(a->k, x, y, 1), NULL);
}

void attention_pack_keys(Attention *a) {
    LBuilder *b = a->k->b;
    int lanes = a->body->lanes;
    LX depth = lx_int(b, a->body->depth);
    LX runs = lx_binary(b, LB_FLOORDIV, lx_addi(b, a->count, lanes - 1), lx_int(b, lanes));
    Loop pairs = pairs_open(a, lx_int(b, 0), depth, depth);
    Loop loop = loop_open(a->k, LOOP_SERIAL, "run", lx_int(b, 0), runs);
    LX first = lx_muli(b, loop.var, lanes),
       columns = lx_ramp(b, lx_add(b, a->block, first), 1, lanes);
    LX exists = lx_binary(b, LB_LT, columns, lx_broadcast(b, a->end, lanes));
    pack_columns(a, a->keys, a->body->keys_of, columns, exists, first);
    loop_close(a->k, &loop);
    loop_close(a->k, &pairs);
}

static void pack_values_run(Attention *a, LX first, int count) {
    LX exists, columns = attention_run(a, first, count, 1, a->body->width, &exists);
    pack_columns(a, a->values, a->body->values_of, columns, exists, first);
}

void attention_pack_values(Attention *a) {
    Loop pairs = pairs_open(a, a->block, a->count, a->end);
    attention_runs(a, a->body->width, pack_values_run);
    loop_close(a->k, &pairs);
}

static LX packed_pair(const Attention *a, const LBuffer *from, LX pair, LX column) {
    LBuilder *b = a->k->b;
    LX place = lx_ramp(b, lx_muli(b, column, PAIR), 1, PAIR);
    LX value = lx_load(b, from, (LX[]){pair, place});
    return dot_spread(a->k, value, a->body->lanes, PAIR);
}

LX attention_value_pair(const Attention *a, LX pair, LX e) {
    return packed_pair(a, a->values, pair, e);
}

/* ---- keys ------------------------------------------------------------------------------------ */

LX attention_key_pair(const Attention *a, LX key, LX pair, bool ends) {
    LBuilder *b = a->k->b;
    if (a->keys) return packed_pair(a, a->keys, pair, lx_sub(b, key, a->block));
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
