/* Type rules of reductions along whole axes, and of the composites that are made of them. */
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

bool type_batch_norm(TypeQuery *q) {
    const TensorType *x = &q->operands[0];
    double eps = rule_attr(q, "eps")->f;
    if (!rule_needs_float(q, 0) || !rule_needs_rank(q, 0, 2, MAX_RANK)) return false;
    for (int i = 1; i < q->noperands; i++) {
        if (!rule_needs_same_dtype(q, 0, i)) return false;
        if (!rule_needs_vector(q, i, x->dims[1], "channel")) return false;
    }
    if (!isfinite(eps) || eps < 0) {
        return rule_fail_attr(q, "eps", "'batch_norm' needs a finite eps >= 0");
    }
    return rule_result(q, x->dtype, x->rank, x->dims, x->layout);
}
