/* Type rules of contractions.
 *
 * Element types: floats yield their own type. Integers of at most 16 bits yield i32, so that a
 * quantized product keeps every bit of its sums; i32 and i64 yield themselves. Operands of at most
 * 8 bits may differ in sign and width (u8 activations by i8 weights). A bias has the result's
 * type. */
#include <string.h>

#include "ir/type_rules.h"

static bool product_dtype(TypeQuery *q, DType *result) {
    DType a = q->operands[0].dtype, b = q->operands[1].dtype;
    if (!rule_needs_number(q, 0) || !rule_needs_number(q, 1)) return false;
    bool small = dtype_is_int(a) && dtype_is_int(b) && dtype_bits(a) <= 8 && dtype_bits(b) <= 8;
    if (!small && !rule_needs_same_dtype(q, 0, 1)) return false;
    *result = dtype_is_int(a) && dtype_bits(a) <= 16 ? DT_i32 : a;
    return true;
}

static bool needs_bias(TypeQuery *q, DType dtype, Dim length, const char *what) {
    if (q->noperands < 3) return true;
    if (q->operands[2].dtype != dtype) {
        return rule_fail_operand(q, 2, "'%s' expects a bias of %s elements, found %s",
                                 rule_op_name(q), dtype_name(dtype), rule_type_text(q, 2));
    }
    return rule_needs_vector(q, 2, length, what);
}

/* ---- matrix products ------------------------------------------------------------------------- */

bool type_matmul(TypeQuery *q) {
    const TensorType *a = &q->operands[0], *b = &q->operands[1];
    DType dtype;
    if (!rule_needs_rank(q, 0, 2, MAX_RANK) || !rule_needs_rank(q, 1, 2, MAX_RANK)) return false;
    if (!product_dtype(q, &dtype)) return false;
    Dim inner_a = a->dims[a->rank - 1], inner_b = b->dims[b->rank - 2];
    if (inner_a != inner_b) {
        return rule_fail_operand(
            q, 1, "'matmul' cannot multiply %s by %s: inner dimensions %s and %s differ",
            rule_type_text(q, 0), rule_type_text(q, 1), dim_text(q->dims, q->arena, inner_a),
            dim_text(q->dims, q->arena, inner_b));
    }
    Dim dims[MAX_RANK];
    int batch;
    if (!dims_broadcast(q->dims, a->rank - 2, a->dims, b->rank - 2, b->dims, &batch, dims)) {
        return rule_fail_operand(q, 1, "'matmul' cannot broadcast the batch axes of %s and %s",
                                 rule_type_text(q, 0), rule_type_text(q, 1));
    }
    dims[batch] = a->dims[a->rank - 2];
    dims[batch + 1] = b->dims[b->rank - 1];
    return rule_result(q, dtype, batch + 2, dims, NULL);
}

bool type_dense(TypeQuery *q) {
    const TensorType *x = &q->operands[0], *weight = &q->operands[1];
    const char *order = rule_attr(q, "weight_order")->s;
    DType dtype;
    if (!rule_needs_rank(q, 0, 1, MAX_RANK) || !rule_needs_rank(q, 1, 2, 2)) return false;
    if (!product_dtype(q, &dtype)) return false;
    bool transposed = !strcmp(order, "io");
    if (!transposed && strcmp(order, "oi") != 0) {
        return rule_fail_attr(q, "weight_order",
                              "'dense' knows the weight orders oi and io, not '%s'", order);
    }
    Dim inner = weight->dims[transposed ? 0 : 1], units = weight->dims[transposed ? 1 : 0];
    if (x->dims[x->rank - 1] != inner) {
        return rule_fail_operand(
            q, 1, "'dense' cannot multiply %s by a weight %s (%s): %s and %s features differ",
            rule_type_text(q, 0), rule_type_text(q, 1), transposed ? "[in, out]" : "[out, in]",
            dim_text(q->dims, q->arena, x->dims[x->rank - 1]), dim_text(q->dims, q->arena, inner));
    }
    if (!needs_bias(q, dtype, units, "unit")) return false;
    TensorType type = *x;
    type.dims[x->rank - 1] = units;
    return rule_result(q, dtype, type.rank, type.dims, type.layout);
}

/* ---- convolution ----------------------------------------------------------------------------- */

/* A list of `count` numbers, none below `least`. */
static bool needs_list(TypeQuery *q, const char *attr, int count, int64_t least) {
    const Attr *list = rule_attr(q, attr);
    if (list->count != count) {
        return rule_fail_attr(q, attr, "'%s' needs %d numbers for '%s', found %d", rule_op_name(q),
                              count, attr, list->count);
    }
    for (int i = 0; i < count; i++) {
        if (list->ints[i] >= least) continue;
        return rule_fail_attr(q, attr, "'%s' needs '%s' >= %lld, found %lld", rule_op_name(q), attr,
                              (long long)least, (long long)list->ints[i]);
    }
    return true;
}

/* floordiv(size + before + after - dilation * (kernel - 1) - 1, stride) + 1; null where it
 * overflows. */
static Dim window_positions(DimContext *ctx, Dim size, int64_t before, int64_t after, Dim kernel,
                            int64_t stride, int64_t dilation) {
    Dim one = dim_int(ctx, 1);
    Dim padded = dim_add(ctx, dim_add(ctx, size, dim_int(ctx, before)), dim_int(ctx, after));
    Dim reach = dim_mul(ctx, dim_int(ctx, dilation), dim_sub(ctx, kernel, one));
    Dim room = dim_sub(ctx, dim_sub(ctx, padded, reach), one);
    return dim_add(ctx, dim_floordiv(ctx, room, dim_int(ctx, stride)), one);
}

/* Geometry of the last two axes of operand 0: its result's height and width. */
static bool window_result(TypeQuery *q, const Dim kernel[2], const int64_t stride[2],
                          const int64_t pad[4], const int64_t dilation[2], Dim size[2]) {
    const TensorType *x = &q->operands[0];
    for (int i = 0; i < 2; i++) {
        int64_t least, greatest;
        if (dim_is(x->dims[2 + i], 0)) {
            return rule_fail_operand(q, 0, "'%s' needs an image, found %s, which has no pixels",
                                     rule_op_name(q), rule_type_text(q, 0));
        }
        size[i] = window_positions(q->dims, x->dims[2 + i], pad[i], pad[2 + i], kernel[i],
                                   stride[i], dilation[i]);
        if (!size[i]) return rule_fail(q, "'%s': the result's size overflows", rule_op_name(q));
        dim_range(size[i], &least, &greatest);
        if (greatest >= 1) continue;
        return rule_fail_operand(
            q, 0, "'%s': a kernel of %s by %s%s does not fit %s padded by [%lld, %lld, %lld, %lld]",
            rule_op_name(q), dim_text(q->dims, q->arena, kernel[0]),
            dim_text(q->dims, q->arena, kernel[1]),
            dilation[0] != 1 || dilation[1] != 1
                ? arena_printf(q->arena, " dilated by [%lld, %lld]", (long long)dilation[0],
                               (long long)dilation[1])
                : "",
            rule_type_text(q, 0), (long long)pad[0], (long long)pad[1], (long long)pad[2],
            (long long)pad[3]);
    }
    return true;
}

static bool needs_groups(TypeQuery *q, int64_t groups) {
    if (groups >= 1) return true;
    return rule_fail_attr(q, "groups", "'%s' needs 'groups' >= 1, found %lld", rule_op_name(q),
                          (long long)groups);
}

static bool needs_fixed_kernel(TypeQuery *q, int64_t kernel[2]) {
    const TensorType *weight = &q->operands[1];
    for (int i = 0; i < 2; i++) {
        if (dim_is_int(weight->dims[2 + i], &kernel[i]) && kernel[i] > 0) continue;
        return rule_fail_operand(q, 1, "'%s' needs a kernel of fixed size > 0, found %s",
                                 rule_op_name(q), rule_type_text(q, 1));
    }
    return true;
}

static bool needs_channels(TypeQuery *q, int64_t groups) {
    const TensorType *x = &q->operands[0], *weight = &q->operands[1];
    Dim dim_groups = dim_int(q->dims, groups);
    Dim expected = dim_mul(q->dims, weight->dims[1], dim_groups);
    if (expected != x->dims[1]) {
        return rule_fail_operand(
            q, 1,
            "'conv2d' cannot apply a weight %s in %lld group%s to %s: it expects %s channels "
            "and there are %s",
            rule_type_text(q, 1), (long long)groups, groups == 1 ? "" : "s", rule_type_text(q, 0),
            expected ? dim_text(q->dims, q->arena, expected) : "too many",
            dim_text(q->dims, q->arena, x->dims[1]));
    }
    if (dim_divide_exact(q->dims, weight->dims[0], dim_groups)) return true;
    return rule_fail_attr(
        q, "groups", "'conv2d' cannot divide the %s filters of %s into %lld groups",
        dim_text(q->dims, q->arena, weight->dims[0]), rule_type_text(q, 1), (long long)groups);
}

/* Winograd's method is for one kind of convolution. */
static bool needs_winograd(TypeQuery *q, const int64_t kernel[2], DType dtype) {
    int64_t m = rule_attr(q, "winograd")->i;
    bool fits =
        kernel[0] == 3 && kernel[1] == 3 && dtype == DT_f32 && rule_attr(q, "groups")->i == 1;
    for (int i = 0; i < 2; i++) {
        fits =
            fits && rule_attr(q, "stride")->ints[i] == 1 && rule_attr(q, "dilation")->ints[i] == 1;
    }
    if (m == 0 || (fits && (m == 2 || m == 4))) return true;
    return rule_fail_attr(
        q, "winograd",
        "'conv2d' takes 'winograd' 2 or 4 with a kernel of 3 by 3 in f32, stride, "
        "dilation and groups 1; found %lld",
        (long long)m);
}

bool type_conv2d(TypeQuery *q) {
    const TensorType *x = &q->operands[0], *weight = &q->operands[1];
    int64_t groups = rule_attr(q, "groups")->i, kernel[2];
    DType dtype;
    if (!rule_needs_rank(q, 0, 4, 4) || !rule_needs_rank(q, 1, 4, 4)) return false;
    if (!product_dtype(q, &dtype)) return false;
    if (!needs_list(q, "stride", 2, 1) || !needs_list(q, "pad", 4, 0) ||
        !needs_list(q, "dilation", 2, 1)) {
        return false;
    }
    if (!needs_groups(q, groups) || !needs_fixed_kernel(q, kernel) || !needs_channels(q, groups))
        return false;
    if (!needs_winograd(q, kernel, dtype)) return false;
    if (!needs_bias(q, dtype, weight->dims[0], "filter")) return false;
    Dim dims[4] = {x->dims[0], weight->dims[0]};
    return window_result(q, weight->dims + 2, rule_attr(q, "stride")->ints,
                         rule_attr(q, "pad")->ints, rule_attr(q, "dilation")->ints, dims + 2) &&
           rule_result(q, dtype, 4, dims, x->layout);
}

/* ---- transposed convolution ------------------------------------------------------------------ */

static bool needs_transposed_channels(TypeQuery *q, int64_t groups) {
    const TensorType *x = &q->operands[0], *weight = &q->operands[1];
    if (weight->dims[0] != x->dims[1]) {
        return rule_fail_operand(
            q, 1,
            "'conv_transpose2d' cannot apply a weight %s, [in, out / groups, height, width], to "
            "%s: it expects %s channels and there are %s",
            rule_type_text(q, 1), rule_type_text(q, 0),
            dim_text(q->dims, q->arena, weight->dims[0]), dim_text(q->dims, q->arena, x->dims[1]));
    }
    if (dim_divide_exact(q->dims, x->dims[1], dim_int(q->dims, groups))) return true;
    return rule_fail_attr(
        q, "groups", "'conv_transpose2d' cannot divide the %s channels of %s into %lld groups",
        dim_text(q->dims, q->arena, x->dims[1]), rule_type_text(q, 0), (long long)groups);
}

static bool needs_output_pad(TypeQuery *q, const int64_t stride[2], const int64_t dilation[2]) {
    if (!needs_list(q, "output_pad", 2, 0)) return false;
    const int64_t *extra = rule_attr(q, "output_pad")->ints;
    for (int i = 0; i < 2; i++) {
        if (extra[i] < stride[i] || extra[i] < dilation[i]) continue;
        return rule_fail_attr(
            q, "output_pad",
            "'conv_transpose2d' needs 'output_pad' smaller than the stride or the dilation, found "
            "%lld with a stride of [%lld, %lld]",
            (long long)extra[i], (long long)stride[0], (long long)stride[1]);
    }
    return true;
}

/* (size - 1) * stride + dilation * (kernel - 1) + 1 - before - after + extra; null where it
 * overflows. */
static Dim spread_positions(DimContext *ctx, Dim size, int64_t stride, int64_t kernel,
                            int64_t dilation, int64_t before, int64_t after, int64_t extra) {
    Dim one = dim_int(ctx, 1);
    Dim steps = dim_mul(ctx, dim_sub(ctx, size, one), dim_int(ctx, stride));
    Dim reach = dim_mul(ctx, dim_int(ctx, dilation), dim_int(ctx, kernel - 1));
    Dim whole = dim_add(ctx, dim_add(ctx, steps, reach), dim_int(ctx, extra));
    Dim cut = dim_add(ctx, dim_int(ctx, before), dim_int(ctx, after));
    return dim_add(ctx, dim_sub(ctx, whole, cut), one);
}

static bool spread_result(TypeQuery *q, const int64_t kernel[2], Dim size[2]) {
    const TensorType *x = &q->operands[0];
    const int64_t *pad = rule_attr(q, "pad")->ints;
    for (int i = 0; i < 2; i++) {
        int64_t least, greatest;
        if (dim_is(x->dims[2 + i], 0)) {
            return rule_fail_operand(q, 0, "'%s' needs an image, found %s, which has no pixels",
                                     rule_op_name(q), rule_type_text(q, 0));
        }
        size[i] = spread_positions(q->dims, x->dims[2 + i], rule_attr(q, "stride")->ints[i],
                                   kernel[i], rule_attr(q, "dilation")->ints[i], pad[i], pad[2 + i],
                                   rule_attr(q, "output_pad")->ints[i]);
        if (!size[i]) return rule_fail(q, "'%s': the result's size overflows", rule_op_name(q));
        dim_range(size[i], &least, &greatest);
        if (greatest >= 1) continue;
        return rule_fail_attr(
            q, "pad", "'%s': pads of [%lld, %lld, %lld, %lld] leave nothing of the result of %s",
            rule_op_name(q), (long long)pad[0], (long long)pad[1], (long long)pad[2],
            (long long)pad[3], rule_type_text(q, 0));
    }
    return true;
}

bool type_conv_transpose2d(TypeQuery *q) {
    const TensorType *x = &q->operands[0], *weight = &q->operands[1];
    int64_t groups = rule_attr(q, "groups")->i, kernel[2];
    DType dtype;
    if (!rule_needs_rank(q, 0, 4, 4) || !rule_needs_rank(q, 1, 4, 4)) return false;
    if (!product_dtype(q, &dtype)) return false;
    if (!needs_list(q, "stride", 2, 1) || !needs_list(q, "pad", 4, 0) ||
        !needs_list(q, "dilation", 2, 1)) {
        return false;
    }
    if (!needs_output_pad(q, rule_attr(q, "stride")->ints, rule_attr(q, "dilation")->ints) ||
        !needs_groups(q, groups) || !needs_fixed_kernel(q, kernel) ||
        !needs_transposed_channels(q, groups)) {
        return false;
    }
    Dim filters = dim_mul(q->dims, weight->dims[1], dim_int(q->dims, groups));
    if (!filters) return rule_fail(q, "'conv_transpose2d': the result's size overflows");
    if (!needs_bias(q, dtype, filters, "filter")) return false;
    Dim dims[4] = {x->dims[0], filters};
    return spread_result(q, kernel, dims + 2) && rule_result(q, dtype, 4, dims, x->layout);
}

/* ---- pooling: the same geometry without a weight --------------------------------------------- */

static bool pool_result(TypeQuery *q) {
    static const int64_t no_dilation[2] = {1, 1};
    const TensorType *x = &q->operands[0];
    const Attr *kernel = rule_attr(q, "kernel"), *stride = rule_attr(q, "stride");
    const int64_t *pad = rule_attr(q, "pad")->ints;
    if (!rule_needs_rank(q, 0, 4, 4) || !needs_list(q, "kernel", 2, 1)) return false;
    if (stride->count == 0)
        stride = kernel;
    else if (!needs_list(q, "stride", 2, 1))
        return false;
    if (!needs_list(q, "pad", 4, 0)) return false;
    for (int i = 0; i < 4; i++) {
        if (pad[i] < kernel->ints[i % 2]) continue;
        return rule_fail_attr(
            q, "pad",
            "'%s' needs padding smaller than the kernel, found %lld with a kernel "
            "of [%lld, %lld]",
            rule_op_name(q), (long long)pad[i], (long long)kernel->ints[0],
            (long long)kernel->ints[1]);
    }
    Dim window[2] = {dim_int(q->dims, kernel->ints[0]), dim_int(q->dims, kernel->ints[1])};
    Dim dims[4] = {x->dims[0], x->dims[1]};
    return window_result(q, window, stride->ints, pad, no_dilation, dims + 2) &&
           rule_result(q, x->dtype, 4, dims, x->layout);
}

bool type_pool(TypeQuery *q) {
    return rule_needs_number(q, 0) && pool_result(q);
}

bool type_pool_float(TypeQuery *q) {
    return rule_needs_float(q, 0) && pool_result(q);
}
