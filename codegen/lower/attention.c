/* softmax(f(q k)) v in one nest: the scores of a group of queries against a block of keys stay in
 * L1, the running maximum and sum in registers.
 *
 * Lanes are queries: a group of them is transposed once, after which the elements of keys and
 * values are broadcast from where they lie, maxima and sums need nothing across lanes, and the
 * result is transposed back at the end. For a block of keys:
 *
 *   scores[j] = f(sum over d of key[j][d] * query[d])        a tile of keys in registers
 *   largest' = max(largest, scores), c = exp(largest - largest')
 *   shares[j] = exp(scores[j] - largest'), total = c * total + sum of shares
 *   sums[e] = c * sums[e] + sum over j of shares[j] * value[j][e]        a tile of e in registers
 *
 * and in the end result[e] = sums[e] / total: the online softmax of Milakov and Gimelshein, 2018,
 * and of Dao and others' FlashAttention, 2022. Every lane's sums run over the keys in their order,
 * whatever the number of threads. */
#include "codegen/lower/kernel.h"

#include <math.h>

enum {
    KEYS = 128, /* of a block: their shares stay in L1 */
    TILE = 8,   /* keys whose scores are computed at once; a power of two, divides KEYS */
    WIDEST_HEAD = 256,
    EXP_COST = 16,
};

typedef struct Attention {
    Kernel *k;
    const Value *product, *scores, *result;        /* of q and k; of f; of the shares and v */
    const Value *queries_of, *keys_of, *values_of; /* operands of the products */
    int rank;
    int64_t depth, width; /* elements of a query and a key; of a value */
    DType dtype;
    int lanes;
    Dim nqueries, nkeys;
    bool causal; /* queries see nothing of keys that come after them */
    /* While a group of queries is emitted: */
    LX batch[MAX_RANK];
    LX first;      /* query */
    LX last_query; /* index of the last one there is; null: groups are whole */
    LX end;        /* keys that count */
    LBuffer *queries, *shares, *sums, *largest, *total;
} Attention;

/* ---- which bodies are attention -------------------------------------------------------------- */

/* Whether value is computed from `from` in a body, without passing `end`. */
static bool comes_from(const Job *job, const Value *value, const Value *from, const Value *end) {
    if (value == from) return true;
    if (value == end || !value->def) return false;
    if (value != job->root && lowering_tensor(job->l, value)) return false;
    int *known = lowering_note(job->l, value); /* 1: no, 2: yes */
    if (*known) return *known == 2;
    *known = 1;
    for (int i = 0; i < value->def->noperands; i++)
        if (comes_from(job, value->def->operands[i], from, end)) *known = 2;
    return *known == 2;
}

static bool reaches(const Job *job, const Value *value, const Value *from, const Value *end) {
    lowering_walk(job->l);
    return comes_from(job, value, from, end);
}

/* The operators between the product and the scores keep the place of every element. */
static bool keeps_places(const Job *job, const Value *value, const Value *product) {
    const Node *node = value->def;
    if (value == product) return true;
    if (!node || !pointwise_known(node->op)) return false;
    for (int i = 0; i < node->noperands; i++) {
        const Value *x = node->operands[i];
        if (!reaches(job, x, product, NULL)) continue;
        if (!type_same_shape(&x->type, &product->type) || !keeps_places(job, x, product))
            return false;
    }
    return true;
}

static bool is_narrow(Dim dim, int64_t *size) {
    return dim_is_int(dim, size) && *size > 0 && *size <= WIDEST_HEAD;
}

/* Fills in what is known of a body whose anchors, operands first, are a product, a softmax and a
 * product. */
static bool make_attention(Attention *a, const Job *job, const Value *const *anchors) {
    const Value *softmax = anchors[1];
    a->product = anchors[0];
    a->result = anchors[2];
    if (a->product->def->op != OP_matmul || softmax->def->op != OP_softmax ||
        a->result->def->op != OP_matmul || a->result->def->operands[0] != softmax)
        return false;
    const TensorType *type = &a->result->type;
    a->rank = type->rank;
    a->dtype = compute_dtype(type->dtype);
    a->scores = softmax->def->operands[0];
    a->queries_of = a->product->def->operands[0];
    a->keys_of = a->product->def->operands[1];
    a->values_of = a->result->def->operands[1];
    a->nqueries = type->dims[a->rank - 2];
    a->nkeys = softmax->type.dims[softmax->type.rank - 1];
    a->lanes = target_lanes(job->l->target, dtype_bits(a->dtype));
    if (!dtype_is_float(type->dtype) || softmax->type.rank != a->rank ||
        compute_dtype(a->product->type.dtype) != a->dtype ||
        normalize_axis(node_int(softmax->def, "axis"), a->rank) != a->rank - 1 ||
        !type_same_shape(&a->product->type, &softmax->type))
        return false;
    for (int i = 0; i < a->rank - 2; i++)
        if (softmax->type.dims[i] != type->dims[i]) return false;
    return is_narrow(a->queries_of->type.dims[a->queries_of->type.rank - 1], &a->depth) &&
           is_narrow(type->dims[a->rank - 1], &a->width);
}

bool attention_fits(const Job *job, const Value *const *anchors, size_t count) {
    Attention a = {0};
    Job traced = *job;
    const TargetDesc *target = job->l->target;
    if (count != 3 || target->group_items > 0 || target->streams) return false;
    if (!make_attention(&a, job, anchors)) return false;
    return !reaches(job, job->root, a.product, a.result) &&
           !reaches(job, a.values_of, a.product, NULL) && keeps_places(job, a.scores, a.product) &&
           epilogue_path(job->l, a.result, job->root, &traced.path, &traced.path_length);
}

/* ---- masks by position ----------------------------------------------------------------------- */

/* Whether the condition is that the key does not come after the query. */
static bool is_not_after(const Attention *a, const Job *job, const Value *condition) {
    Kernel k;
    LX index[MAX_RANK], at[MAX_RANK];
    kernel_probe(&k, job->l, job->root, a->result);
    for (int i = 0; i < a->rank; i++) {
        Dim extent = a->scores->type.dims[i];
        index[i] =
            lb_loop_var(k.b, lb_for(k.b, LOOP_SERIAL, "i", lx_int(k.b, 0), lx_dim(k.b, extent)));
    }
    int shift = a->rank - condition->type.rank;
    for (int i = 0; i < condition->type.rank; i++)
        at[i] = dim_is(condition->type.dims[i], 1) ? lx_int(k.b, 0) : index[shift + i];
    LX x = emit_element(&k, condition, at), query = index[a->rank - 2], key = index[a->rank - 1];
    if (x->kind != LX_BINARY) return false;
    if (x->binary == LB_GE) return x->args[0] == query && x->args[1] == key;
    return x->binary == LB_LE && x->args[0] == key && x->args[1] == query;
}

/* Whether keys after the query have no share: their scores are replaced by a number so low that they
 * come to nothing beside that of the query's own place, and nothing is done to the scores behind
 * that; or by -inf, which other masks of that kind leave. */
static bool find_causal(const Attention *a, const Job *job) {
    enum { HIDDEN = -1000000000 };
    for (const Value *x = a->scores; x != a->product && x->def->op == OP_where;) {
        const Tensor *low = job->l->immediates[x->def->operands[2]->id];
        double number = low ? tensor_get(low, 0) : 0;
        bool outermost = x == a->scores, lowest = number == -INFINITY;
        if (!low || !(lowest || (outermost && number <= HIDDEN))) return false;
        if (is_not_after(a, job, x->def->operands[0])) return true;
        if (!lowest) return false;
        x = x->def->operands[1];
    }
    return false;
}

/* ---- elements -------------------------------------------------------------------------------- */

/* An element of an operand of rank >= 2 whose leading axes are broadcast to the batch. */
static LX operand(const Attention *a, const Value *x, LX row, LX column) {
    LX at[MAX_RANK] = {NULL};
    int rank = x->type.rank, shift = a->rank - rank;
    for (int i = 0; i < rank - 2; i++) {
        bool stretched = dim_is(x->type.dims[i], 1);
        at[i] = stretched ? lx_int(a->k->b, 0) : a->batch[shift + i];
    }
    at[rank - 2] = row;
    at[rank - 1] = column;
    LX value = emit_element(a->k, x, at);
    return lx_cast(a->k->b, CAST_VALUE, a->dtype, value);
}

static LX multiply_add(const Attention *a, LX x, LX y, LX sum) {
    LBuilder *b = a->k->b;
    x = lx_broadcast(b, x, a->lanes);
    if (a->k->l->target->fma) return lx_fma(b, x, y, sum);
    return lx_add(b, sum, lx_mul(b, x, y));
}

static LX constant(const Attention *a, double value) {
    return lx_const(a->k->b, ltype(a->dtype, a->lanes), value);
}

static LBuffer *vectors(const Attention *a, const char *name, int64_t count) {
    return lb_declare(a->k->b, name, SPACE_PRIVATE, ltype(a->dtype, a->lanes), 1, &count);
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

/* x[i] lane j becomes x[j] lane i, for as many vectors as these have lanes, a power of two. */
static void transpose(const Attention *a, LX *x) {
    LBuilder *b = a->k->b;
    int n = a->lanes, low[64], high[64];
    for (int step = 1; step < n; step *= 2) {
        for (int lane = 0; lane < n; lane++) {
            bool second = lane & step;
            low[lane] = second ? n + lane - step : lane;
            high[lane] = second ? n + lane : lane + step;
        }
        for (int i = 0; i < n; i++) {
            if (i & step) continue;
            LX p = x[i], q = x[i + step];
            x[i] = lb_let(b, "t", lx_shuffle(b, p, q, n, low));
            x[i + step] = lb_let(b, "t", lx_shuffle(b, p, q, n, high));
        }
    }
}

/* Calls emit for every run of `lanes` along an axis of `extent` elements; the last may be shorter. */
static void each_run(Attention *a, int64_t extent, void (*emit)(Attention *, LX first, int count)) {
    LBuilder *b = a->k->b;
    int64_t whole = extent / a->lanes, rest = extent % a->lanes;
    if (whole > 0) {
        Loop loop = loop_open(a->k, LOOP_SERIAL, "run", lx_int(b, 0), lx_int(b, whole));
        emit(a, lx_muli(b, loop.var, a->lanes), a->lanes);
        loop_close(a->k, &loop);
    }
    if (rest > 0) emit(a, lx_int(b, whole * a->lanes), (int)rest);
}

/* The places first, first + 1, .. as an index, and the condition that they exist; null: all do. */
static LX run_index(const Attention *a, LX first, int count, LX *exists) {
    LBuilder *b = a->k->b;
    *exists = NULL;
    if (a->lanes == 1) return first;
    LX index = lx_ramp(b, first, 1, a->lanes);
    if (count < a->lanes) *exists = lx_binary(b, LB_LT, index, lx_addi(b, first, count));
    return index;
}

static void load_run(Attention *a, LX first, int count) {
    LBuilder *b = a->k->b;
    LX x[64], exists, column = run_index(a, first, count, &exists);
    size_t scope = scope_begin(a->k);
    Guards before = guard_push(a->k, exists);
    for (int i = 0; i < a->lanes; i++) {
        LX row = lb_let(b, "row", query_index(a, lx_addi(b, a->first, i)));
        x[i] = lb_let(b, "q", lx_broadcast(b, operand(a, a->queries_of, row, column), a->lanes));
    }
    guard_pop(a->k, before);
    transpose(a, x);
    for (int i = 0; i < count; i++)
        lb_store(b, a->queries, &(LX){lx_addi(b, first, i)}, x[i], NULL);
    scope_end(a->k, scope);
}

static void store_run(Attention *a, LX first, int count) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LX x[64], exists, at[MAX_RANK] = {NULL}, factor = load_cell(a, a->total);
    LX column = run_index(a, first, count, &exists);
    size_t scope = scope_begin(k);
    for (int i = 0; i < a->lanes; i++) {
        x[i] = constant(a, 0);
        if (i >= count) continue;
        LX sum = lx_load(b, a->sums, &(LX){lx_addi(b, first, i)});
        x[i] = lb_let(b, "y", lx_mul(b, sum, factor));
    }
    transpose(a, x);
    for (int i = 0; i < a->rank - 2; i++) at[i] = a->batch[i];
    if (a->width == 1) { /* an axis that memory does not have */
        for (int i = 0; i < a->lanes; i++) x[i] = lx_extract(b, x[i], 0);
        column = lx_int(b, 0);
        exists = NULL;
    }
    Guards before = guard_push(k, exists);
    for (int i = 0; i < a->lanes; i++) {
        LX row = lx_addi(b, a->first, i);
        LStmt *branch = a->last_query ? lb_if(b, lx_binary(b, LB_LE, row, a->last_query)) : NULL;
        at[a->rank - 2] = row;
        at[a->rank - 1] = column;
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
    Known known = {a->product, lb_let(k->b, "s", round_to(k, sum, a->product->type.dtype))};
    for (int i = 0; i < a->rank - 2; i++) at[i] = a->batch[i];
    LX query = a->lanes > 1 ? lx_ramp(k->b, a->first, 1, a->lanes) : a->first;
    at[a->rank - 2] = query_index(a, query);
    at[a->rank - 1] = key;
    vec_push(k->l->arena, &k->known, known);
    LX value = emit_element(k, a->scores, at);
    k->known.len--;
    return lx_broadcast(k->b, value, a->lanes);
}

/* The scores of TILE keys from `first` of the block that begins at `block`; clipped: the last ones
 * may not exist, and count as hidden. */
static void score_tile(Attention *a, LX block, LX first, bool clipped) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LBuffer *tile = vectors(a, "tile", TILE);
    int unroll = a->depth % 4 == 0 ? 4 : 1;
    LX zero = lx_int(b, 0), begin = lb_let(b, "begin", lx_add(b, block, first));
    LX last = clipped ? lb_let(b, "last", lx_addi(b, a->end, -1)) : NULL, at[TILE], values[TILE];
    for (int i = 0; i < TILE; i++) {
        at[i] = lx_addi(b, begin, i);
        if (clipped) at[i] = lb_let(b, "at", lx_binary(b, LB_MIN, at[i], last));
        lb_store(b, tile, &(LX){lx_int(b, i)}, constant(a, 0), NULL);
    }
    Loop loop = loop_open(k, LOOP_SERIAL, "d", zero, lx_int(b, a->depth / unroll));
    for (int u = 0; u < unroll; u++) {
        LX d = lx_addi(b, lx_muli(b, loop.var, unroll), u);
        LX query = lb_let(b, "q", lx_load(b, a->queries, &d));
        for (int i = 0; i < TILE; i++) {
            LX here = lx_int(b, i), sum = lx_load(b, tile, &here);
            sum = multiply_add(a, operand(a, a->keys_of, d, at[i]), query, sum);
            lb_store(b, tile, &here, sum, NULL);
        }
    }
    loop_close(k, &loop);
    size_t scope = scope_begin(k);
    for (int i = 0; i < TILE; i++) {
        LX value = score(a, lx_load(b, tile, &(LX){lx_int(b, i)}), at[i]);
        if (clipped) {
            LX counts = lx_binary(b, LB_LT, lx_addi(b, begin, i), a->end);
            value = lx_select(b, lx_broadcast(b, counts, a->lanes), value, constant(a, -INFINITY));
        }
        values[i] = lb_let(b, "score", value);
        lb_store(b, a->shares, &(LX){lx_addi(b, first, i)}, values[i], NULL);
    }
    /* As a tree: a maximum takes several operations, one after the other. */
    for (int n = TILE / 2; n > 0; n /= 2)
        for (int i = 0; i < n; i++)
            values[i] = lb_let(b, "most", lx_binary(b, LB_MAX, values[i], values[i + n]));
    store_cell(a, a->largest, lx_binary(b, LB_MAX, load_cell(a, a->largest), values[0]));
    scope_end(k, scope);
}

/* All scores of a block of `count` keys. */
static void score_block(Attention *a, LX block, LX count) {
    LBuilder *b = a->k->b;
    LX tiles = lb_let(b, "tiles", lx_binary(b, LB_FLOORDIV, count, lx_int(b, TILE)));
    Loop loop = loop_open(a->k, LOOP_SERIAL, "tile", lx_int(b, 0), tiles);
    score_tile(a, block, lx_muli(b, loop.var, TILE), false);
    loop_close(a->k, &loop);
    LX rest = lx_sub(b, count, lx_muli(b, tiles, TILE));
    int64_t left;
    if (lx_is_int(rest, &left) && left == 0) return;
    Loop last = loop_open(a->k, LOOP_SERIAL, "rest", lx_int(b, 0),
                          lx_binary(b, LB_MIN, rest, lx_int(b, 1)));
    score_tile(a, block, lx_muli(b, tiles, TILE), true);
    loop_close(a->k, &last);
}

/* ---- shares and sums ------------------------------------------------------------------------- */

/* Scores become shares; what was summed up before is put in proportion to the new maximum. A
 * maximum of -inf, where nothing was seen yet, is not subtracted: it would give NaN. */
static void share_block(Attention *a, LX block, LX count, LX before) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LX now = load_cell(a, a->largest), lowest = constant(a, -INFINITY);
    LX base = lx_select(b, lx_binary(b, LB_EQ, now, lowest), constant(a, 0), now);
    base = lb_let(b, "base", base);
    int64_t is_first;
    if (!(lx_is_int(block, &is_first) && is_first == 0)) {
        LStmt *later = lb_if(b, lx_binary(b, LB_GT, block, lx_int(b, 0)));
        LX factor = lb_let(b, "factor", lm_exp(b, lx_sub(b, before, base)));
        store_cell(a, a->total, lx_mul(b, load_cell(a, a->total), factor));
        Loop loop = loop_open(k, LOOP_SERIAL, "e", lx_int(b, 0), lx_int(b, a->width));
        LX sum = lx_mul(b, lx_load(b, a->sums, &loop.var), factor);
        lb_store(b, a->sums, &loop.var, sum, NULL);
        loop_close(k, &loop);
        lb_end(b, later);
    }
    Loop loop = {.scope = scope_begin(k)};
    loop.loop = lb_for(b, LOOP_SERIAL, "j", lx_int(b, 0), count);
    LX j = lb_loop_var(b, loop.loop);
    LX share = lm_exp(b, lx_sub(b, lx_load(b, a->shares, &j), base));
    share = lb_let(b, "share", share);
    lb_store(b, a->shares, &j, share, NULL);
    store_cell(a, a->total, lx_add(b, load_cell(a, a->total), share));
    loop_close(k, &loop);
}

/* Adds the block's shares of values, for `size` elements from `first` of these. */
static void sum_tile(Attention *a, LX block, LX count, LX first, int size) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LBuffer *tile = vectors(a, "tile", size);
    for (int i = 0; i < size; i++) {
        LX sum = lx_load(b, a->sums, &(LX){lx_addi(b, first, i)});
        lb_store(b, tile, &(LX){lx_int(b, i)}, sum, NULL);
    }
    Loop loop = {.scope = scope_begin(k)};
    loop.loop = lb_for(b, LOOP_SERIAL, "j", lx_int(b, 0), count);
    LX j = lb_loop_var(b, loop.loop), key = lx_add(b, block, j);
    LX share = lb_let(b, "share", lx_load(b, a->shares, &j));
    for (int i = 0; i < size; i++) {
        LX here = lx_int(b, i), sum = lx_load(b, tile, &here);
        LX value = operand(a, a->values_of, key, lx_addi(b, first, i));
        lb_store(b, tile, &here, multiply_add(a, value, share, sum), NULL);
    }
    loop_close(k, &loop);
    for (int i = 0; i < size; i++) {
        LX sum = lx_load(b, tile, &(LX){lx_int(b, i)});
        lb_store(b, a->sums, &(LX){lx_addi(b, first, i)}, sum, NULL);
    }
}

static void sum_block(Attention *a, LX block, LX count) {
    LBuilder *b = a->k->b;
    int size = a->k->l->target->vector_registers >= 32 ? 16 : 8;
    int64_t whole = a->width / size, rest = a->width % size;
    if (whole > 0) {
        Loop loop = loop_open(a->k, LOOP_SERIAL, "e", lx_int(b, 0), lx_int(b, whole));
        sum_tile(a, block, count, lx_muli(b, loop.var, size), size);
        loop_close(a->k, &loop);
    }
    if (rest > 0) sum_tile(a, block, count, lx_int(b, whole * size), (int)rest);
}

/* ---- a group of queries ---------------------------------------------------------------------- */

static void each_block(Attention *a) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    LX keys = lx_int(b, KEYS), blocks = lx_addi(b, a->end, KEYS - 1);
    blocks = lb_let(b, "blocks", lx_binary(b, LB_FLOORDIV, blocks, keys));
    Loop loop = loop_open(k, LOOP_SERIAL, "block", lx_int(b, 0), blocks);
    LX block = lb_let(b, "block", lx_muli(b, loop.var, KEYS));
    LX count = lb_let(b, "count", lx_binary(b, LB_MIN, lx_sub(b, a->end, block), keys));
    LX before = lb_let(b, "before", load_cell(a, a->largest));
    score_block(a, block, count);
    share_block(a, block, count, before);
    sum_block(a, block, count);
    loop_close(k, &loop);
}

static void emit_group(Attention *a, LX group) {
    Kernel *k = a->k;
    LBuilder *b = k->b;
    Dim lanes = dim_int(k->dims, a->lanes);
    size_t scope = scope_begin(k);
    a->first = lb_let(b, "first", lx_muli(b, group, a->lanes));
    if (!dim_is(dim_mod(k->dims, a->nqueries, lanes), 0))
        a->last_query = lx_addi(b, lx_dim(b, a->nqueries), -1);
    a->end = lx_dim(b, a->nkeys);
    if (a->causal)
        a->end = lb_let(b, "end", lx_binary(b, LB_MIN, a->end, lx_addi(b, a->first, a->lanes)));
    a->queries = vectors(a, "queries", a->depth);
    a->shares = vectors(a, "shares", KEYS);
    a->sums = vectors(a, "sums", a->width);
    a->largest = vectors(a, "largest", 1);
    a->total = vectors(a, "total", 1);
    each_run(a, a->depth, load_run);
    store_cell(a, a->largest, constant(a, -INFINITY));
    store_cell(a, a->total, constant(a, 0));
    Loop clear = loop_open(k, LOOP_SERIAL, "e", lx_int(b, 0), lx_int(b, a->width));
    lb_store(b, a->sums, &clear.var, constant(a, 0), NULL);
    loop_close(k, &clear);
    each_block(a);
    /* Of no keys the sum is 0. */
    LX factor = lx_binary(b, LB_DIV, constant(a, 1), load_cell(a, a->total));
    LX some = lx_binary(b, LB_GT, a->end, lx_int(b, 0));
    factor = lx_select(b, lx_broadcast(b, some, a->lanes), factor, constant(a, 0));
    store_cell(a, a->total, factor);
    each_run(a, a->width, store_run);
    scope_end(k, scope);
}

/* ---------------------------------------------------------------------------------------------- */

/* The anchors below value, operands first; returns how many. */
static int list_anchors(const Job *job, const Value *value, const Value **anchors, int count) {
    const Node *node = value->def;
    if (!node || (value != job->root && lowering_tensor(job->l, value))) return count;
    int *seen = lowering_note(job->l, value);
    if (*seen) return count;
    *seen = true;
    for (int i = 0; i < node->noperands; i++)
        count = list_anchors(job, node->operands[i], anchors, count);
    bool is_anchor = node->op == OP_matmul || node->op == OP_softmax;
    if (is_anchor && count < 3) anchors[count++] = value;
    return count;
}

static int64_t group_cost(const Attention *a) {
    int64_t each = a->depth + a->width + EXP_COST; /* a vector of queries, about one a cycle */
    return each * dim_estimate(a->k->dims, a->nkeys);
}

bool lower_attention(const Job *whole) {
    static const char *const names[MAX_RANK] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    Kernel k;
    Attention a = {.k = &k};
    Job job = *whole;
    const Value *anchors[3];
    LX vars[MAX_RANK];
    Dim extents[MAX_RANK];
    lowering_walk(job.l);
    bool fits = list_anchors(&job, job.root, anchors, 0) == 3 && make_attention(&a, &job, anchors);
    require(fits);
    job.anchor = a.result;
    job.family = "attention";
    fits = epilogue_path(job.l, a.result, job.root, &job.path, &job.path_length);
    require(fits);
    a.causal = find_causal(&a, &job);
    kernel_begin(&k, job.l, job.root, a.result, job.uses);
    k.path = job.path;
    k.path_length = job.path_length;
    int last = a.rank - 2;
    for (int i = 0; i < last; i++) extents[i] = a.result->type.dims[i];
    extents[last] = dim_ceildiv(k.dims, a.nqueries, dim_int(k.dims, a.lanes));
    require(extents[last]);
    Collapsed loops = loops_open(&k, last + 1, extents, names, group_cost(&a), vars);
    for (int i = 0; i < last; i++) a.batch[i] = vars[i];
    emit_group(&a, vars[last]);
    loops_close(&k, loops);
    emit_border(&k);
    Dim scores = type_elements(k.dims, &a.product->type);
    Dim each = dim_int(k.dims, 2 * (a.depth + a.width));
    kernel_end(&k, kernel_name(&job), "", dim_mul(k.dims, scores, each));
    return true;
}
