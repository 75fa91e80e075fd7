/* Which evaluator computes which operator. A pointwise operator needs no line here: its row in
 * pointwise.c is enough. */
#include "ir/interp/eval.h"

static Evaluator *const evaluators[OP_COUNT] = {
    [OP_cast] = eval_cast,
    [OP_quantize] = eval_quantize,
    [OP_dequantize] = eval_dequantize,

    [OP_range] = eval_range,
    [OP_reshape] = eval_copy,
    [OP_flatten] = eval_copy,
    [OP_relayout] = eval_copy,
    [OP_transpose] = eval_transpose,
    [OP_broadcast_to] = eval_broadcast_to,
    [OP_concat] = eval_concat,
    [OP_split] = eval_split,
    [OP_slice] = eval_slice,
    [OP_pad] = eval_pad,
    [OP_gather] = eval_gather,
    [OP_resize] = eval_resize,

    [OP_reduce_sum] = eval_reduce,
    [OP_reduce_mean] = eval_reduce,
    [OP_reduce_max] = eval_reduce,
    [OP_reduce_min] = eval_reduce,
    [OP_reduce_prod] = eval_reduce,
    [OP_argmax] = eval_argmax,
    [OP_softmax] = eval_softmax,
    [OP_cumsum] = eval_cumsum,

    [OP_matmul] = eval_matmul,
    [OP_dense] = eval_dense,
    [OP_conv2d] = eval_conv2d,
    [OP_conv_transpose2d] = eval_conv_transpose2d,

    [OP_max_pool2d] = eval_max_pool2d,
    [OP_avg_pool2d] = eval_avg_pool2d,

    [OP_global_avg_pool] = eval_global_pool,
    [OP_global_max_pool] = eval_global_pool,
    [OP_batch_norm] = eval_batch_norm,
    [OP_layer_norm] = eval_layer_norm,
};

Evaluator *interp_evaluator(OpKind op) {
    return evaluators[op] ? evaluators[op] : pointwise_has(op) ? eval_pointwise : 0;
}
