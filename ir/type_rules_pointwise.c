/* Type rules of pointwise operators: element types and broadcasting. */
#include <math.h>
#include <string.h>

#include "ir/type_rules.h"

/* ---- one operand ----------------------------------------------------------------------------- */

static bool same_as_operand(TypeQuery *q, DType dtype) {
    const TensorType *x = &q->operands[0];
    return rule_result(q, dtype, x->rank, x->dims, x->layout);
}

bool type_same_number(TypeQuery *q) {
    return rule_needs_number(q, 0) && same_as_operand(q, q->operands[0].dtype);
}

bool type_same_signed(TypeQuery *q) {
    DTypeClass class = dtype_class(q->operands[0].dtype);
    if (class != DCLASS_FLOAT && class != DCLASS_SIGNED) {
        return rule_fail_operand(q, 0, "'%s' expects signed numbers, found %s (use cast)",
                                 rule_op_name(q), rule_type_text(q, 0));
    }
    return same_as_operand(q, q->operands[0].dtype);
}

bool type_same_float(TypeQuery *q) {
    return rule_needs_float(q, 0) && same_as_operand(q, q->operands[0].dtype);
}

static bool needs_bound(TypeQuery *q, const char *attr, double none) {
    double bound = rule_attr(q, attr)->f;
    if (bound == none || dtype_represents(q->operands[0].dtype, bound)) return true;
    StrBuf text = {0};
    str_append_double(&text, bound, false);
    rule_fail_attr(q, attr, "'%s': %s cannot be represented in %s", rule_op_name(q),
                   str_text(&text), dtype_name(q->operands[0].dtype));
    str_free(&text);
    return false;
}

bool type_clip(TypeQuery *q) {
    return rule_needs_number(q, 0) && needs_bound(q, "low", -INFINITY) &&
           needs_bound(q, "high", INFINITY) && same_as_operand(q, q->operands[0].dtype);
}

bool type_gelu(TypeQuery *q) {
    const char *approximate = rule_attr(q, "approximate")->s;
    if (strcmp(approximate, "none") != 0 && strcmp(approximate, "tanh") != 0) {
        return rule_fail_attr(q, "approximate",
                              "'gelu' knows the approximations none and tanh, not '%s'",
                              approximate);
    }
    return type_same_float(q);
}

static bool needs_bool(TypeQuery *q, int operand) {
    if (q->operands[operand].dtype == DT_bool) return true;
    return rule_fail_operand(q, operand, "'%s' expects bool elements, found %s", rule_op_name(q),
                             rule_type_text(q, operand));
}

bool type_same_bool(TypeQuery *q) {
    return needs_bool(q, 0) && same_as_operand(q, DT_bool);
}

bool type_cast(TypeQuery *q) {
    return same_as_operand(q, rule_attr(q, "to")->dtype);
}

static bool needs_step(TypeQuery *q) {
    double delta = rule_attr(q, "delta")->f;
    if (isfinite(delta) && delta > 0) return true;
    StrBuf text = {0};
    str_append_double(&text, delta, false);
    rule_fail_attr(q, "delta", "'%s' needs a finite step greater than 0, found %s", rule_op_name(q),
                   str_text(&text));
    str_free(&text);
    return false;
}

bool type_quantize(TypeQuery *q) {
    DType to = rule_attr(q, "to")->dtype;
    if (!rule_needs_float(q, 0) || !needs_step(q)) return false;
    if (to != DT_i8 && to != DT_i16 && to != DT_i32) {
        return rule_fail_attr(q, "to", "'quantize' yields i8, i16 or i32, not %s", dtype_name(to));
    }
    return same_as_operand(q, to);
}

bool type_dequantize(TypeQuery *q) {
    DType to = rule_attr(q, "to")->dtype;
    if (!dtype_is_int(q->operands[0].dtype)) {
        return rule_fail_operand(q, 0, "'dequantize' expects integers, found %s",
                                 rule_type_text(q, 0));
    }
    if (!dtype_is_float(to)) {
        return rule_fail_attr(q, "to", "'dequantize' yields a floating-point type, not %s",
                              dtype_name(to));
    }
    return needs_step(q) && same_as_operand(q, to);
}

/* ---- several operands ------------------------------------------------------------------------ */

/* Names the axis in which shapes a and b, of `rank_a` and `rank_b` axes, cannot be broadcast. */
static bool fail_broadcast(TypeQuery *q, int ia, const TensorType *a, int ib) {
    const TensorType *b = &q->operands[ib];
    int least = a->rank < b->rank ? a->rank : b->rank;
    int i = 1;
    for (; i <= least; i++) {
        Dim da = a->dims[a->rank - i], db = b->dims[b->rank - i];
        if (da != db && !dim_is(da, 1) && !dim_is(db, 1)) break;
    }
    require(i <= least);
    const char *where =
        i == 1 ? "the last dimension"
               : arena_printf(q->arena, "dimension %d", a->rank == b->rank ? a->rank - i : -i);
    return rule_fail_operand(
        q, ib, "'%s' cannot broadcast %s with %s: %s and %s differ in %s", rule_op_name(q),
        ia < 0 ? dims_text(q->dims, q->arena, a->rank, a->dims) : rule_type_text(q, ia),
        rule_type_text(q, ib), dim_text(q->dims, q->arena, a->dims[a->rank - i]),
        dim_text(q->dims, q->arena, b->dims[b->rank - i]), where);
}

/* All operands broadcast to one shape. The layout is that of the first operand which has this
 * shape. */
static bool broadcast_result(TypeQuery *q, DType dtype) {
    TensorType shape = q->operands[0];
    for (int i = 1; i < q->noperands; i++) {
        const TensorType *b = &q->operands[i];
        TensorType next = {.dtype = dtype};
        if (!dims_broadcast(q->dims, shape.rank, shape.dims, b->rank, b->dims, &next.rank,
                            next.dims)) {
            return fail_broadcast(q, i == 1 ? 0 : -1, &shape, i);
        }
        shape = next;
    }
    LayoutRef layout = NULL;
    for (int i = 0; i < q->noperands && !layout; i++) {
        if (type_same_shape(&q->operands[i], &shape)) layout = q->operands[i].layout;
    }
    return rule_result(q, dtype, shape.rank, shape.dims, layout);
}

bool type_arithmetic(TypeQuery *q) {
    return rule_needs_number(q, 0) && rule_needs_same_dtype(q, 0, 1) &&
           broadcast_result(q, q->operands[0].dtype);
}

bool type_arithmetic_float(TypeQuery *q) {
    return rule_needs_float(q, 0) && rule_needs_same_dtype(q, 0, 1) &&
           broadcast_result(q, q->operands[0].dtype);
}

bool type_comparison(TypeQuery *q) {
    return rule_needs_same_dtype(q, 0, 1) && broadcast_result(q, DT_bool);
}

bool type_logical(TypeQuery *q) {
    return needs_bool(q, 0) && needs_bool(q, 1) && broadcast_result(q, DT_bool);
}

bool type_where(TypeQuery *q) {
    return needs_bool(q, 0) && rule_needs_same_dtype(q, 1, 2) &&
           broadcast_result(q, q->operands[1].dtype);
}
