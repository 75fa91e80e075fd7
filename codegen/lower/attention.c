/* softmax(f(q k)) v in one nest: the scores of a group of queries against a block of keys stay in
 * L1, the running maximum and sum in registers.
 *
 * Lanes are queries: a group of them is transposed once, after which the elements of keys and
 * values are broadcast from where they lie, maxima and sums need nothing across lanes, and the
 * result is transposed back at the end. Dot instructions take pairs of elements in each lane
 * (attention_pairs.c). For a block of keys:
 *
 *   scores[j] = f(sum over d of key[j][d] * query[d])        a tile of keys in registers
 *   largest' = max(largest, scores), c = exp(largest - largest')
 *   shares[j] = exp(scores[j] - largest'), total = c * total + sum of shares
 *   sums[e] = c * sums[e] + sum over j of shares[j] * value[j][e]        a tile of e in registers
 *
 * and in the end result[e] = sums[e] / total: the online softmax of Milakov and Gimelshein, 2018,
 * and of Dao and others' FlashAttention, 2022. Every lane's sums run over the keys in their order,
 * whatever the number of threads. */
#include "codegen/lower/attention.h"

#include <math.h>

enum {
    KEYS = ATTENTION_KEYS,
    TILE = 8, /* keys whose scores are computed at once; even, a power of two, divides KEYS */
    EXP_COST = 16,
    MOST_LANES = 64,
};

/* ---- elements -------------------------------------------------------------------------------- */

LX attention_operand(const Attention *a, const Value *x, LX row, LX column) {
    LX at[MAX_RANK] = {NULL};
    int rank = x->type.rank, shift = a->body->rank - rank;
    for (int i = 0; i < rank - 2; i++) {
        bool stretched = dim_is(x->type.dims[i], 1);
        at[i] = stretched ? lx_int(a->k->b, 0) : a->batch[shift + i];
    }
    at[rank - 2] = row;
    at[rank - 1] = column;
    return emit_element(a->k, x, at);
}

/* The same in the type that is computed in. */
static LX wide_operand(const Attention *a, const Value *x, LX row, LX column) {
    return lx_cast(a->k->b, CAST_VALUE, a->body->dtype, attention_operand(a, x, row, column));
}

/* sum + x * y, of pairs the sum of both products. */
static LX multiply_add(const Attention *a, LX x, LX y, LX sum) {
    LBuilder *b = a->k->b;
    if (y->type.dtype == DT_bf16) return lx_dot(b, sum, y, x);
    x = lx_broadcast(b, x, a->body->lanes);
    if (a->k->l->target->fma) return lx_fma(b, x, y, sum);
    return lx_add(b, sum, lx_mul(b, x, y));
}

static LX constant(const Attention *a, double value) {
    return lx_const(a->k->b, ltype(a->body->dtype, a->body->lanes), value);
}

LBuffer *attention_vectors(const Attention *a, const char *name, int64_t count, int group) {
    DType dtype = group > 1 ? DT_bf16 : a->body->dtype;
    return lb_declare(a->k->b, name, SPACE_PRIVATE, ltype(dtype, a->body->lanes * group), 1,
                      &count);
}

static LX load_cell(const Attention *a, LBuffer *cell) {
    return lx_load(a->k->b, cell, &(LX){lx_int(a->k->b, 0)});
}

static void store_cell(const Attention *a, LBuffer *cell, LX value) {
    lb_store(a->k->b, cell, &(LX){lx_int(a->k->b, 0)}, value, NULL);
}

/* What the lanes are to be called as an index, as long as there are so many queries. */
static LX query_index(const Attention *a, LX query) {
    LBuilder *b = a->k->b;
    if (!a->last_query) return query;
    return lx_binary(b, LB_MIN, query, lx_broadcast(b, a->last_query, query->type.lanes));
}

/* ---- transposing ----------------------------------------------------------------------------- */

/* x[i] lane j becomes x[j] lane i, for as many vectors as these have lanes, a power of two; a lane
 * is `group` elements. */
static void transpose(const Attention *a, LX *x, int group) {
    LBuilder *b = a->k->b;
    int lanes = a->body->lanes, n = lanes * group, low[MOST_LANES * 2], high[MOST_LANES * 2];
    for (int step = 1; step < lanes; step *= 2) {
        for (int i = 0; i < n; i++) {
            bool second = i / group & step;
            low[i] = second ? n + i - step * group : i;
            high[i] = second ? n + i : i + step * group;
        }
        for (int i = 0; i < lanes; i++) {
            if (i & step) continue;
            LX p = x[i], q = x[i + step];
            x[i] = lb_let(b, "t", lx_shuffle(b, p, q, n, low));
            x[i + step] = lb_let(b, "t", lx_shuffle(b, p, q, n, high));
        }
    }
}

void attention_runs(Attention *a, int64_t places, RunEmitter *emit) {
    LBuilder *b = a->k->b;
    int64_t whole = places / a->body->lanes, rest = places % a->body->lanes;
    if (whole > 0) {
        Loop loop = loop_open(a->k, LOOP_SERIAL, "run", lx_int(b, 0), lx_int(b, whole));
        emit(a, lx_muli(b, loop.var, a->body->lanes), a->body->lanes);
        loop_close(a->k, &loop);
    }
    if (rest > 0) emit(a, lx_int(b, whole * a->body->lanes), (int)rest);
}

LX attention_run(const Attention *a, LX first, int count, int group, int64_t extent, LX *exists) {
    LBuilder *b = a->k->b;
    *exists = NULL;
    if (a->body->lanes == 1) return first;
    LX index = lx_ramp(b, lx_muli(b, first, group), 1, a->body->lanes * group);
    if (count < a->body->lanes || extent % group != 0)
        *exists =
            lx_binary(b, LB_LT, index, lx_broadcast(b, lx_int(b, extent), a->body->lanes * group));
    return index;
}

static void load_run(Attention *a, LX first, int count) {
    LBuilder *b = a->k->b;
    const Value *queries = a->body->queries_of;
    int group = a->body->score_dot;
    LX x[MOST_LANES], exists;
    LX column = attention_run(a, first, count, group, a->body->depth, &exists);
    size_t scope = scope_begin(a->k);
    Guards before = guard_push(a->k, exists);
    for (int i = 0; i < a->body->lanes; i++) {
        LX row = lb_let(b, "row", query_index(a, lx_addi(b, a->first, i)));
        LX value = group > 1 ? attention_narrow(a, queries, row, column)
                             : wide_operand(a, queries, row, column);
        x[i] = lb_let(b, "q", lx_broadcast(b, value, a->body->lanes * group));
    }
    guard_pop(a->k, before);
    transpose(a, x, group);
    for (int i = 0; i < count; i++)
        lb_store(b, a->queries, &(LX){lx_addi(b, first, i)}, x[i], NULL);
    scope_end(a->k, scope);
}

static void store_run(Attention *a, LX first, int count) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LX x[MOST_LANES], exists, at[MAX_RANK] = {NULL}, factor = load_cell(a, a->total);
    LX column = attention_run(a, first, count, 1, a->body->width, &exists);
    size_t scope = scope_begin(k);
    for (int i = 0; i < a->body->lanes; i++) {
        x[i] = constant(a, 0);
        if (i >= count) continue;
        LX sum = lx_load(b, a->sums, &(LX){lx_addi(b, first, i)});
        x[i] = lb_let(b, "y", lx_mul(b, sum, factor));
    }
    transpose(a, x, 1);
    for (int i = 0; i < a->body->rank - 2; i++) at[i] = a->batch[i];
    if (a->body->width == 1) { /* an axis that memory does not have */
        for (int i = 0; i < a->body->lanes; i++) x[i] = lx_extract(b, x[i], 0);
        column = lx_int(b, 0);
        exists = NULL;
    }
    Guards before = guard_push(k, exists);
    for (int i = 0; i < a->body->lanes; i++) {
        LX row = lx_addi(b, a->first, i);
        LStmt *branch = a->last_query ? lb_if(b, lx_binary(b, LB_LE, row, a->last_query)) : NULL;
        at[a->body->rank - 2] = row;
        at[a->body->rank - 1] = column;
        size_t inner = scope_begin(k);
        emit_result(k, at, x[i]);
        scope_end(k, inner);
        if (branch) lb_end(b, branch);
    }
    guard_pop(k, before);
    scope_end(k, scope);
}

/* ---- scores ---------------------------------------------------------------------------------- */

/* f of the product's element, for all queries and one key. */
static LX score(Attention *a, LX sum, LX key) {
    Kernel *k = a->k;
    LX at[MAX_RANK] = {NULL};
    Known known = {a->body->product,
                   lb_let(k->b, "s", round_to(k, sum, a->body->product->type.dtype))};
    for (int i = 0; i < a->body->rank - 2; i++) at[i] = a->batch[i];
    LX query = a->body->lanes > 1 ? lx_ramp(k->b, a->first, 1, a->body->lanes) : a->first;
    at[a->body->rank - 2] = query_index(a, query);
    at[a->body->rank - 1] = key;
    vec_push(k->l->arena, &k->known, known);
    LX value = emit_element(k, a->body->scores, at);
    k->known.len--;
    return lx_broadcast(k->b, value, a->body->lanes);
}

/* Adds what place `d` of the heads, or pair of places, gives to the scores of keys. */
static void score_step(const Attention *a, LBuffer *tile, LX const *keys, LX d, bool ends) {
    LBuilder *b = a->k->b;
    LX query = lb_let(b, "q", lx_load(b, a->queries, &d));
    for (int i = 0; i < TILE; i++) {
        LX here = lx_int(b, i), sum = lx_load(b, tile, &here);
        LX key = a->body->score_dot > 1 ? attention_key_pair(a, keys[i], d, ends)
                                        : wide_operand(a, a->body->keys_of, d, keys[i]);
        lb_store(b, tile, &here, multiply_add(a, key, query, sum), NULL);
    }
}

static void score_products(Attention *a, LBuffer *tile, LX const *keys) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    int group = a->body->score_dot;
    int64_t whole = a->body->depth / group, unroll = whole % 4 == 0 ? 4 : 1;
    Loop loop = loop_open(k, LOOP_SERIAL, "d", lx_int(b, 0), lx_int(b, whole / unroll));
    for (int u = 0; u < unroll; u++)
        score_step(a, tile, keys, lx_addi(b, lx_muli(b, loop.var, unroll), u), false);
    loop_close(k, &loop);
    if (a->body->depth % group != 0) score_step(a, tile, keys, lx_int(b, whole), true);
}

/* The scores of TILE keys from `first` of the block; clipped: the last ones may not exist, and count
 * as hidden. */
static void score_tile(Attention *a, LX first, bool clipped) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LBuffer *tile = attention_vectors(a, "tile", TILE, 1);
    LX begin = lb_let(b, "begin", lx_add(b, a->block, first));
    LX last = clipped ? lb_let(b, "last", lx_addi(b, a->end, -1)) : NULL, at[TILE], values[TILE];
    for (int i = 0; i < TILE; i++) {
        at[i] = lx_addi(b, begin, i);
        if (clipped) at[i] = lb_let(b, "at", lx_binary(b, LB_MIN, at[i], last));
        lb_store(b, tile, &(LX){lx_int(b, i)}, constant(a, 0), NULL);
    }
    score_products(a, tile, at);
    size_t scope = scope_begin(k);
    for (int i = 0; i < TILE; i++) {
        LX value = score(a, lx_load(b, tile, &(LX){lx_int(b, i)}), at[i]);
        if (clipped) {
            LX counts = lx_binary(b, LB_LT, lx_addi(b, begin, i), a->end);
            value = lx_select(b, lx_broadcast(b, counts, a->body->lanes), value,
                              constant(a, -INFINITY));
        }
        values[i] = lb_let(b, "score", value);
        lb_store(b, a->scores, &(LX){lx_addi(b, first, i)}, values[i], NULL);
    }
    /* As a tree: a maximum takes several operations, one after the other. */
    for (int n = TILE / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            values[i] = lb_let(b, "most", lx_binary(b, LB_MAX, values[i], values[i + n]));
    store_cell(a, a->largest, lx_binary(b, LB_MAX, load_cell(a, a->largest), values[0]));
    scope_end(k, scope);
}

static void score_block(Attention *a) {
    LBuilder *b = a->k->b;
    if (a->keys) attention_pack_keys(a);
    LX tiles = lb_let(b, "tiles", lx_binary(b, LB_FLOORDIV, a->count, lx_int(b, TILE)));
    Loop loop = loop_open(a->k, LOOP_SERIAL, "tile", lx_int(b, 0), tiles);
    score_tile(a, lx_muli(b, loop.var, TILE), false);
    loop_close(a->k, &loop);
    LX rest = lx_sub(b, a->count, lx_muli(b, tiles, TILE));
    int64_t left;
    if (lx_is_int(rest, &left) && left == 0) return;
    Loop last = loop_open(a->k, LOOP_SERIAL, "rest", lx_int(b, 0),
                          lx_binary(b, LB_MIN, rest, lx_int(b, 1)));
    score_tile(a, lx_muli(b, tiles, TILE), true);
    loop_close(a->k, &last);
}

/* ---- shares and sums ------------------------------------------------------------------------- */

/* The loop over the block's keys, or pairs of them: behind an odd last key there is a score of -inf. */
static Loop steps_open(const Attention *a) {
    LBuilder *b = a->k->b;
    int group = a->body->sum_dot;
    LX steps = lx_binary(b, LB_FLOORDIV, lx_addi(b, a->count, group - 1), lx_int(b, group));
    Loop loop = {.scope = scope_begin(a->k)};
    loop.loop = lb_for(b, LOOP_SERIAL, "j", lx_int(b, 0), steps);
    loop.var = lb_loop_var(b, loop.loop);
    return loop;
}

static LX share(const Attention *a, LX key, LX base) {
    LBuilder *b = a->k->b;
    return lb_let(b, "share", lm_exp(b, lx_sub(b, lx_load(b, a->scores, &key), base)));
}

/* Scores become shares; what was summed up before is put in proportion to the new maximum. A
 * maximum of -inf, where nothing was seen yet, is not subtracted: it would give NaN. */
static void share_block(Attention *a, LX before) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LX now = load_cell(a, a->largest), lowest = constant(a, -INFINITY);
    LX base = lx_select(b, lx_binary(b, LB_EQ, now, lowest), constant(a, 0), now);
    base = lb_let(b, "base", base);
    int64_t is_first;
    if (!(lx_is_int(a->block, &is_first) && is_first == 0)) {
        LStmt *later = lb_if(b, lx_binary(b, LB_GT, a->block, lx_int(b, 0)));
        LX factor = lb_let(b, "factor", lm_exp(b, lx_sub(b, before, base)));
        store_cell(a, a->total, lx_mul(b, load_cell(a, a->total), factor));
        Loop loop = loop_open(k, LOOP_SERIAL, "e", lx_int(b, 0), lx_int(b, a->body->width));
        LX sum = lx_mul(b, lx_load(b, a->sums, &loop.var), factor);
        lb_store(b, a->sums, &loop.var, sum, NULL);
        loop_close(k, &loop);
        lb_end(b, later);
    }
    int group = a->body->sum_dot;
    Loop loop = steps_open(a);
    if (group > 1) {
        LX key = lx_muli(b, loop.var, group), first = share(a, key, base);
        attention_store_pair(a, loop.var, first, share(a, lx_addi(b, key, 1), base));
    } else {
        LX value = share(a, loop.var, base);
        lb_store(b, a->shares, &loop.var, value, NULL);
        store_cell(a, a->total, lx_add(b, load_cell(a, a->total), value));
    }
    loop_close(k, &loop);
}

/* Adds the block's shares of values, for `size` elements from `first` of these. */
static void sum_tile(Attention *a, LX first, int size) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LBuffer *tile = attention_vectors(a, "tile", size, 1);
    for (int i = 0; i < size; i++) {
        LX sum = lx_load(b, a->sums, &(LX){lx_addi(b, first, i)});
        lb_store(b, tile, &(LX){lx_int(b, i)}, sum, NULL);
    }
    Loop loop = steps_open(a);
    LX j = loop.var, key = lx_add(b, a->block, j);
    LX shares = lb_let(b, "share", lx_load(b, a->shares, &j));
    for (int i = 0; i < size; i++) {
        LX here = lx_int(b, i), sum = lx_load(b, tile, &here), e = lx_addi(b, first, i);
        LX value =
            a->values ? attention_value_pair(a, j, e) : wide_operand(a, a->body->values_of, key, e);
        lb_store(b, tile, &here, multiply_add(a, value, shares, sum), NULL);
    }
    loop_close(k, &loop);
    for (int i = 0; i < size; i++) {
        LX sum = lx_load(b, tile, &(LX){lx_int(b, i)});
        lb_store(b, a->sums, &(LX){lx_addi(b, first, i)}, sum, NULL);
    }
}

static void sum_block(Attention *a) {
    LBuilder *b = a->k->b;
    int size = a->k->l->target->vector_registers >= 32 ? 16 : 8;
    if (a->values) attention_pack_values(a);
    int64_t whole = a->body->width / size, rest = a->body->width % size;
    if (whole > 0) {
        Loop loop = loop_open(a->k, LOOP_SERIAL, "e", lx_int(b, 0), lx_int(b, whole));
        sum_tile(a, lx_muli(b, loop.var, size), size);
        loop_close(a->k, &loop);
    }
    if (rest > 0) sum_tile(a, lx_int(b, whole * size), (int)rest);
}

/* ---- a group of queries ---------------------------------------------------------------------- */

static void each_block(Attention *a) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LX keys = lx_int(b, KEYS), blocks = lx_addi(b, a->end, KEYS - 1);
    blocks = lb_let(b, "blocks", lx_binary(b, LB_FLOORDIV, blocks, keys));
    Loop loop = loop_open(k, LOOP_SERIAL, "block", lx_int(b, 0), blocks);
    a->block = lb_let(b, "block", lx_muli(b, loop.var, KEYS));
    a->count = lb_let(b, "count", lx_binary(b, LB_MIN, lx_sub(b, a->end, a->block), keys));
    LX before = lb_let(b, "before", load_cell(a, a->largest));
    score_block(a);
    share_block(a, before);
    sum_block(a);
    loop_close(k, &loop);
}

static void emit_group(Attention *a, LX group) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    Dim lanes = dim_int(k->dims, a->body->lanes);
    size_t scope = scope_begin(k);
    a->first = lb_let(b, "first", lx_muli(b, group, a->body->lanes));
    if (!dim_is(dim_mod(k->dims, a->body->nqueries, lanes), 0))
        a->last_query = lx_addi(b, lx_dim(b, a->body->nqueries), -1);
    a->end = lx_dim(b, a->body->nkeys);
    if (a->body->causal)
        a->end =
            lb_let(b, "end", lx_binary(b, LB_MIN, a->end, lx_addi(b, a->first, a->body->lanes)));
    int64_t places = ceil_div(a->body->depth, a->body->score_dot);
    a->queries = attention_vectors(a, "queries", places, a->body->score_dot);
    a->scores = attention_vectors(a, "scores", KEYS, 1);
    a->sums = attention_vectors(a, "sums", a->body->width, 1);
    a->largest = attention_vectors(a, "largest", 1, 1);
    a->total = attention_vectors(a, "total", 1, 1);
    attention_declare_pairs(a);
    attention_runs(a, places, load_run);
    store_cell(a, a->largest, constant(a, -INFINITY));
    store_cell(a, a->total, constant(a, 0));
    Loop clear = loop_open(k, LOOP_SERIAL, "e", lx_int(b, 0), lx_int(b, a->body->width));
    lb_store(b, a->sums, &clear.var, constant(a, 0), NULL);
    loop_close(k, &clear);
    each_block(a);
    /* Of no keys the sum is 0. */
    LX factor = lx_binary(b, LB_DIV, constant(a, 1), load_cell(a, a->total));
    LX some = lx_binary(b, LB_GT, a->end, lx_int(b, 0));
    factor = lx_select(b, lx_broadcast(b, some, a->body->lanes), factor, constant(a, 0));
    store_cell(a, a->total, factor);
    attention_runs(a, a->body->width, store_run);
    scope_end(k, scope);
}

/* ---------------------------------------------------------------------------------------------- */

static int64_t group_cost(const Attention *a) {
    int64_t each =
        a->body->depth + a->body->width + EXP_COST; /* a vector of queries, about one a cycle */
    return each * dim_estimate(a->k->dims, a->body->nkeys);
}

bool lower_attention(const Job *whole, const AttentionBody *body) {
    static const char *const names[MAX_RANK] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    Kernel k;
    Attention a = {.k = &k, .body = body};
    Job job = *whole;
    LX vars[MAX_RANK];
    Dim extents[MAX_RANK];
    job.anchor = body->result;
    job.family = "attention";
    bool traced = epilogue_path(job.l, body->result, job.root, &job.path, &job.path_length);
    require(traced);
    kernel_begin(&k, job.l, job.root, body->result, job.uses);
    k.path = job.path;
    k.path_length = job.path_length;
    int last = body->rank - 2;
    for (int i = 0; i < last; i++) extents[i] = body->result->type.dims[i];
    extents[last] = dim_ceildiv(k.dims, body->nqueries, dim_int(k.dims, body->lanes));
    require(extents[last]);
    Collapsed loops = loops_open(&k, last + 1, extents, names, group_cost(&a), vars);
    for (int i = 0; i < last; i++) a.batch[i] = vars[i];
    emit_group(&a, vars[last]);
    loops_close(&k, loops);
    emit_border(&k);
    Dim scores = type_elements(k.dims, &body->product->type);
    Dim each = dim_int(k.dims, 2 * (body->depth + body->width));
    bool dots = body->score_dot > 1 && body->sum_dot > 1;
    kernel_end(&k, kernel_name(&job), dots ? " dot=2" : "", dim_mul(k.dims, scores, each));
    return true;
}
