/* Type rules of reductions and scans along whole axes, and of the composites that are made of them. */
#include <math.h>

#include "ir/type_rules.h"

static bool reduce_result(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    const Attr *axes = rule_attr(q, "axes");
    bool keep = rule_attr(q, "keepdims")->i;
    uint32_t seen = 0;
    for (int i = 0; i < axes->count; i++) {
        int axis;
        if (!rule_axis(q, "axes", axes->ints[i], x->rank, &axis)) return false;
        if (seen >> axis & 1) {
            return rule_fail_attr(q, "axes", "'%s' names axis %d twice", rule_op_name(q), axis);
        }
        seen |= 1u << axis;
    }
    if (axes->count == 0) seen = (1u << x->rank) - 1;
    Dim dims[MAX_RANK];
    int rank = 0;
    for (int i = 0; i < x->rank; i++) {
        bool gone = seen >> i & 1;
        if (!gone || keep) dims[rank++] = gone ? dim_int(q->dims, 1) : x->dims[i];
    }
    return rule_result(q, x->dtype, rank, dims, NULL);
}

bool type_reduce(TypeQuery *q) {
    return rule_needs_number(q, 0) && reduce_result(q);
}

bool type_reduce_float(TypeQuery *q) {
    return rule_needs_float(q, 0) && reduce_result(q);
}

bool type_argmax(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    int axis, rank = 0;
    if (!rule_needs_number(q, 0)) return false;
    if (!rule_axis(q, "axis", rule_attr(q, "axis")->i, x->rank, &axis)) return false;
    if (dim_is(x->dims[axis], 0)) {
        return rule_fail_operand(q, 0, "'argmax' cannot search dimension %d of %s: it is empty",
                                 axis, rule_type_text(q, 0));
    }
    Dim dims[MAX_RANK];
    for (int i = 0; i < x->rank; i++) {
        if (i != axis)
            dims[rank++] = x->dims[i];
        else if (rule_attr(q, "keepdims")->i)
            dims[rank++] = dim_int(q->dims, 1);
    }
    return rule_result(q, DT_i64, rank, dims, NULL);
}

bool type_softmax(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    int axis;
    return rule_needs_float(q, 0) &&
           rule_axis(q, "axis", rule_attr(q, "axis")->i, x->rank, &axis) &&
           rule_result(q, x->dtype, x->rank, x->dims, x->layout);
}

bool type_cumsum(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    int axis;
    return rule_needs_number(q, 0) &&
           rule_axis(q, "axis", rule_attr(q, "axis")->i, x->rank, &axis) &&
           rule_result(q, x->dtype, x->rank, x->dims, x->layout);
}

/* ---- composites ------------------------------------------------------------------------------ */

static bool global_pool_result(TypeQuery *q) {
    TensorType type = q->operands[0];
    if (!rule_needs_rank(q, 0, 3, MAX_RANK)) return false;
    for (int i = 2; i < type.rank; i++) type.dims[i] = dim_int(q->dims, 1);
    return rule_result(q, type.dtype, type.rank, type.dims, type.layout);
}

bool type_global_pool(TypeQuery *q) {
    return rule_needs_float(q, 0) && global_pool_result(q);
}

bool type_global_pool_any(TypeQuery *q) {
    return rule_needs_number(q, 0) && global_pool_result(q);
}

static bool needs_eps(TypeQuery *q) {
    double eps = rule_attr(q, "eps")->f;
    if (isfinite(eps) && eps >= 0) return true;
    return rule_fail_attr(q, "eps", "'%s' needs a finite eps >= 0", rule_op_name(q));
}

/* Parameters have the shape of the axes that are normalized. */
bool type_layer_norm(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    const Attr *axes = rule_attr(q, "axes");
    int count = axes->count > 0 ? axes->count : 1, first = x->rank - count;
    if (!rule_needs_float(q, 0) || !needs_eps(q)) return false;
    bool sound = first >= 0;
    for (int i = 0; sound && i < axes->count; i++)
        sound = normalize_axis(axes->ints[i], x->rank) == first + i;
    if (!sound) {
        return rule_fail_attr(q, "axes", "'layer_norm' takes the last axes of %s, in order",
                              rule_type_text(q, 0));
    }
    TensorType normalized = type_make(x->dtype, count, x->dims + first);
    for (int i = 1; i < q->noperands; i++) {
        if (!rule_needs_same_dtype(q, 0, i)) return false;
        if (!type_same_shape(&q->operands[i], &normalized)) {
            return rule_fail_operand(
                q, i, "'layer_norm' of %s over %d axes needs %s here, found %s",
                rule_type_text(q, 0), axes->count, type_text(q->dims, q->arena, &normalized),
                rule_type_text(q, i));
        }
    }
    return rule_result(q, x->dtype, x->rank, x->dims, x->layout);
}

bool type_batch_norm(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    if (!rule_needs_float(q, 0) || !rule_needs_rank(q, 0, 2, MAX_RANK)) return false;
    for (int i = 1; i < q->noperands; i++) {
        if (!rule_needs_same_dtype(q, 0, i)) return false;
        if (!rule_needs_vector(q, i, x->dims[1], "channel")) return false;
    }
    return needs_eps(q) && rule_result(q, x->dtype, x->rank, x->dims, x->layout);
}
