/* The table of operators: one row each, with a function only where something really differs. */
#include "frontend/onnx/export.h"

#define AXIS {"axis", "axis"}
#define EPS  {"eps", "epsilon"}

/* An operator whose counterpart means the same. */
#define PLAIN(set, ...)                                                                            \
    {                                                                                              \
        .run = export_plain, .types = (set), .attrs = { __VA_ARGS__ }                              \
    }
#define RUN(name, set, ...)                                                                        \
    {                                                                                              \
        .run = export_##name, .types = (set), .attrs = { __VA_ARGS__ }                             \
    }

/* clang-format off */
const OnnxRow onnx_rows[OP_COUNT] = {
    [OP_param] = RUN(source, TYPES_ANY, {0}),
    [OP_const] = RUN(source, TYPES_ANY, {0}),
    [OP_fused] = RUN(fused, TYPES_ANY, {0}),

    [OP_neg] = PLAIN(TYPES_WIDE | TYPE_BIT(DT_i8), {0}),
    [OP_abs] = PLAIN(TYPES_WIDE, {0}),
    [OP_relu] = RUN(relu, TYPES_WIDE, {0}),
    [OP_leaky_relu] = PLAIN(TYPES_FLOAT, {"alpha", "alpha"}),
    [OP_relu6] = RUN(relu6, TYPES_FLOAT, {0}),
    [OP_clip] = RUN(clip, TYPES_WIDE | TYPE_BIT(DT_i8) | TYPE_BIT(DT_u8), {0}),
    [OP_hardsigmoid] = RUN(hardsigmoid, TYPES_FLOAT, {0}),
    [OP_hardswish] = PLAIN(TYPES_FLOAT, {0}),
    [OP_silu] = RUN(silu, TYPES_FLOAT & ~TYPES_HALF, {0}),
    [OP_gelu] = RUN(gelu, TYPES_FLOAT & ~TYPES_HALF, {0}),
    [OP_sigmoid] = PLAIN(TYPES_FLOAT, {0}),
    [OP_tanh] = PLAIN(TYPES_FLOAT, {0}),
    [OP_exp] = PLAIN(TYPES_FLOAT, {0}),
    [OP_log] = PLAIN(TYPES_FLOAT, {0}),
    [OP_sqrt] = PLAIN(TYPES_FLOAT, {0}),
    [OP_rsqrt] = RUN(rsqrt, TYPES_FLOAT & ~TYPES_HALF, {0}),
    [OP_erf] = PLAIN(TYPES_FLOAT, {0}),
    [OP_floor] = PLAIN(TYPES_FLOAT, {0}),
    [OP_ceil] = PLAIN(TYPES_FLOAT, {0}),
    [OP_round] = PLAIN(TYPES_FLOAT, {0}),
    [OP_not] = PLAIN(TYPES_ANY, {0}),
    [OP_cast] = RUN(cast_op, TYPES_ANY, {0}),
    [OP_quantize] = RUN(quantize, TYPES_ANY, {0}),
    [OP_dequantize] = RUN(dequantize, TYPES_ANY, {0}),

    [OP_add] = PLAIN(TYPES_WIDE, {0}),
    [OP_sub] = PLAIN(TYPES_WIDE, {0}),
    [OP_mul] = PLAIN(TYPES_WIDE, {0}),
    [OP_div] = RUN(div, TYPES_WIDE, {0}),
    [OP_pow] = PLAIN(TYPES_FLOAT, {0}),
    [OP_minimum] = PLAIN(TYPES_WIDE, {0}),
    [OP_maximum] = PLAIN(TYPES_WIDE, {0}),
    [OP_eq] = PLAIN(TYPES_WIDE | TYPE_BIT(DT_bool), {0}),
    [OP_ne] = RUN(not_equal, TYPES_WIDE | TYPE_BIT(DT_bool), {0}),
    [OP_lt] = PLAIN(TYPES_WIDE, {0}),
    [OP_le] = PLAIN(TYPES_WIDE, {0}),
    [OP_gt] = PLAIN(TYPES_WIDE, {0}),
    [OP_ge] = PLAIN(TYPES_WIDE, {0}),
    [OP_and] = PLAIN(TYPES_ANY, {0}),
    [OP_or] = PLAIN(TYPES_ANY, {0}),
    [OP_where] = {.run = export_plain, .types = TYPES_WIDE | TYPE_BIT(DT_u8), .first = 1},

    [OP_range] = RUN(range, TYPES_ANY, {0}),
    [OP_reshape] = RUN(reshape, TYPES_ANY, {0}),
    [OP_flatten] = PLAIN(TYPES_ANY, AXIS),
    [OP_transpose] = PLAIN(TYPES_ANY, {"perm", "perm"}),
    [OP_broadcast_to] = RUN(broadcast, TYPES_ANY & ~TYPE_BIT(DT_bf16), {0}),
    [OP_concat] = PLAIN(TYPES_ANY, AXIS),
    [OP_split] = RUN(split, TYPES_ANY, AXIS),
    [OP_slice] = RUN(slice, TYPES_ANY, {0}),
    [OP_pad] = RUN(pad, TYPES_WIDE | TYPE_BIT(DT_i8) | TYPE_BIT(DT_u8) | TYPE_BIT(DT_bool), {0}),
    [OP_gather] = PLAIN(TYPES_ANY, AXIS),
    [OP_resize] = {.run = export_resize, .wider_int = DT_i32,
                   .types = TYPES_WIDE | TYPE_BIT(DT_i8) | TYPE_BIT(DT_u8)},
    [OP_relayout] = RUN(relayout, TYPES_ANY, {0}),

    [OP_reduce_sum] = RUN(reduce_sum, TYPES_WIDE, {"keepdims", "keepdims"}),
    [OP_reduce_mean] = RUN(reduce, TYPES_FLOAT, {"keepdims", "keepdims"}),
    [OP_reduce_max] = RUN(reduce, TYPES_WIDE, {"keepdims", "keepdims"}),
    [OP_reduce_min] = RUN(reduce, TYPES_WIDE, {"keepdims", "keepdims"}),
    [OP_reduce_prod] = RUN(reduce, TYPES_WIDE, {"keepdims", "keepdims"}),
    [OP_argmax] = PLAIN(TYPES_WIDE, AXIS, {"keepdims", "keepdims"}),
    [OP_softmax] = PLAIN(TYPES_FLOAT, AXIS),

    [OP_cumsum] = RUN(cumsum, TYPES_WIDE & ~TYPES_HALF, {"exclusive", "exclusive"}, {"reverse", "reverse"}),

    [OP_matmul] = RUN(matmul, TYPES_ANY & ~TYPE_BIT(DT_bf16), {0}),
    [OP_dense] = RUN(dense, TYPES_ANY & ~TYPE_BIT(DT_bf16), {0}),
    [OP_conv2d] = RUN(conv2d, TYPES_ANY & ~TYPE_BIT(DT_bf16), {"stride", "strides"}, {"dilation", "dilations"},
                      {"groups", "group"}),

    [OP_max_pool2d] = {.run = export_pool, .wider_int = DT_f64, .attrs = {{"kernel", "kernel_shape"}},
                       .types = TYPES_FLOAT | TYPE_BIT(DT_i8) | TYPE_BIT(DT_u8)},
    [OP_avg_pool2d] = RUN(pool, TYPES_FLOAT, {"kernel", "kernel_shape"}),

    [OP_global_avg_pool] = PLAIN(TYPES_FLOAT, {0}),
    [OP_global_max_pool] = RUN(global_max, TYPES_WIDE, {0}),
    [OP_conv_transpose2d] = RUN(conv_transpose2d, TYPES_FLOAT, {"stride", "strides"},
                                {"dilation", "dilations"}, {"groups", "group"}),
    [OP_batch_norm] = PLAIN(TYPES_FLOAT, EPS),
    [OP_layer_norm] = RUN(layer_norm, TYPES_FLOAT, EPS),
};
/* clang-format on */

bool onnx_has_row(OpKind op) {
    return onnx_rows[op].run != NULL;
}
