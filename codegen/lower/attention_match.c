/* Which bodies are attention. */
#include "codegen/lower/attention.h"

#include <math.h>

enum { WIDEST_HEAD = 256 }; /* a group of queries stays in L1 */

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

/* What a value is widened from, if that is bf16; else null. */
static const Value *widened_from(const Value *value) {
    if (!value_is_op(value, OP_cast) || value->type.dtype != DT_f32) return NULL;
    const Value *from = value->def->operands[0];
    return from->type.dtype == DT_bf16 ? from : NULL;
}

/* Whether value is the shares, as they are or rounded to bf16. */
static bool is_shares(const Value *value, const Value *softmax, bool *rounded) {
    const Value *narrow = widened_from(value);
    *rounded = narrow && value_is_op(narrow, OP_cast) && narrow->def->operands[0] == softmax;
    return *rounded || value == softmax;
}

/* Whether neighbouring elements of a key are loaded together. */
static bool lie_in_pairs(const AttentionBody *body, const Job *job) {
    Kernel k;
    LX at[MAX_RANK];
    const TensorType *type = &body->keys_of->type;
    kernel_probe(&k, job->l, job->root, body->result);
    for (int i = 0; i < type->rank; i++) {
        bool is_depth = i == type->rank - 2;
        Dim extent = is_depth ? dim_int(k.dims, body->depth / 2) : type->dims[i];
        at[i] =
            lb_loop_var(k.b, lb_for(k.b, LOOP_SERIAL, "i", lx_int(k.b, 0), lx_dim(k.b, extent)));
        if (is_depth) at[i] = lx_ramp(k.b, lx_muli(k.b, at[i], 2), 1, 2);
    }
    emit_element(&k, body->keys_of, at);
    return k.loads.spaced == 0 && k.loads.strided == 0;
}

/* Replaces operands of products that dot instructions take; false where shares are to be rounded
 * that they do not. */
static bool choose_dots(AttentionBody *body, const Job *job, bool rounded_shares) {
    const Value *queries = widened_from(body->queries_of), *keys = widened_from(body->keys_of);
    const Value *values = widened_from(body->values_of);
    int dot = body->lanes > 1 ? target_dot(job->l->target, DT_bf16, DT_bf16) : 1;
    body->score_dot = queries && keys ? dot : 1;
    body->sum_dot = rounded_shares && values ? dot : 1;
    if (body->score_dot > 1) {
        body->queries_of = queries;
        body->keys_of = keys;
        body->keys_in_pairs = lie_in_pairs(body, job);
    }
    if (body->sum_dot > 1) body->values_of = values;
    return !rounded_shares || body->sum_dot > 1;
}

/* Fills in what is known of a body whose anchors, operands first, are a product, a softmax and a
 * product. */
static bool read_body(AttentionBody *body, const Job *job, const Value *const *anchors) {
    const Value *softmax = anchors[1];
    bool rounded;
    body->product = anchors[0];
    body->result = anchors[2];
    if (body->product->def->op != OP_matmul || softmax->def->op != OP_softmax ||
        body->result->def->op != OP_matmul ||
        !is_shares(body->result->def->operands[0], softmax, &rounded))
        return false;
    const TensorType *type = &body->result->type;
    body->rank = type->rank;
    body->dtype = compute_dtype(type->dtype);
    body->scores = softmax->def->operands[0];
    body->queries_of = body->product->def->operands[0];
    body->keys_of = body->product->def->operands[1];
    body->values_of = body->result->def->operands[1];
    body->nqueries = type->dims[body->rank - 2];
    body->nkeys = softmax->type.dims[softmax->type.rank - 1];
    body->lanes = target_lanes(job->l->target, dtype_bits(body->dtype));
    if (!dtype_is_float(type->dtype) || softmax->type.rank != body->rank ||
        compute_dtype(body->product->type.dtype) != body->dtype ||
        normalize_axis(node_int(softmax->def, "axis"), body->rank) != body->rank - 1 ||
        !type_same_shape(&body->product->type, &softmax->type))
        return false;
    for (int i = 0; i < body->rank - 2; i++)
        if (softmax->type.dims[i] != type->dims[i]) return false;
    return is_narrow(body->queries_of->type.dims[body->queries_of->type.rank - 1], &body->depth) &&
           is_narrow(type->dims[body->rank - 1], &body->width) && choose_dots(body, job, rounded);
}

/* ---- masks by position ----------------------------------------------------------------------- */

/* Whether the condition is that the key does not come after the query. */
static bool is_not_after(const AttentionBody *body, const Job *job, const Value *condition) {
    Kernel k;
    LX index[MAX_RANK], at[MAX_RANK];
    kernel_probe(&k, job->l, job->root, body->result);
    for (int i = 0; i < body->rank; i++) {
        Dim extent = body->scores->type.dims[i];
        index[i] =
            lb_loop_var(k.b, lb_for(k.b, LOOP_SERIAL, "i", lx_int(k.b, 0), lx_dim(k.b, extent)));
    }
    int shift = body->rank - condition->type.rank;
    for (int i = 0; i < condition->type.rank; i++)
        at[i] = dim_is(condition->type.dims[i], 1) ? lx_int(k.b, 0) : index[shift + i];
    LX x = emit_element(&k, condition, at), query = index[body->rank - 2],
       key = index[body->rank - 1];
    if (x->kind != LX_BINARY) return false;
    if (x->binary == LB_GE) return x->args[0] == query && x->args[1] == key;
    return x->binary == LB_LE && x->args[0] == key && x->args[1] == query;
}

/* Whether keys after the query have no share: their scores are replaced by a number so low that they
 * come to nothing beside that of the query's own place, and nothing is done to the scores behind
 * that; or by -inf, which other masks of that kind leave. */
static bool find_causal(const AttentionBody *body, const Job *job) {
    enum { HIDDEN = -1000000000 };
    for (const Value *x = body->scores; x != body->product && x->def->op == OP_where;) {
        const Tensor *low = job->l->immediates[x->def->operands[2]->id];
        double number = low ? tensor_get(low, 0) : 0;
        bool outermost = x == body->scores, lowest = number == -INFINITY;
        if (!low || !(lowest || (outermost && number <= HIDDEN))) return false;
        if (is_not_after(body, job, x->def->operands[0])) return true;
        if (!lowest) return false;
        x = x->def->operands[1];
    }
    return false;
}

/* ---------------------------------------------------------------------------------------------- */

bool attention_match(const Job *job, const Value *const *anchors, size_t count,
                     AttentionBody *body) {
    Job traced = *job;
    const TargetDesc *target = job->l->target;
    *body = (AttentionBody){0};
    if (count != 3 || target->group_items > 0 || target->streams) return false;
    if (!read_body(body, job, anchors) || reaches(job, job->root, body->product, body->result) ||
        reaches(job, body->values_of, body->product, NULL) ||
        !keeps_places(job, body->scores, body->product) ||
        !epilogue_path(job->l, body->result, job->root, &traced.path, &traced.path_length))
        return false;
    body->causal = find_causal(body, job);
    return true;
}
