/* The single passes: what they change, what they leave alone, and that results stay. */
#include "tests/unit/passes_fixture.h"

/* ---- decompose ---------------------------------------------------------------------------------
 */

Test(decompose, batch_norm) {
    static const char *const inputs[] = {"f32[N, 3]", "f32[N, 3, 5]", "f32[N, 3, 2, 4]"};
    for (size_t i = 0; i < COUNT_OF(inputs); i++) {
        Net net = net_loadf(
            "network t(x: %s) -> (y: %s) {\n  y = batch_norm(x, eps=0.01, name=\"bn\")\n}\n",
            inputs[i], inputs[i]);
        net_run(&net, "decompose");
        cr_expect_eq(net_count(&net, OP_batch_norm), 0);
        cr_expect_eq(net_count(&net, OP_reshape), i == 0 ? 0 : 2);
        cr_expect_eq(net_kernels(&net), 2, "x * scale + shift");
        cr_expect_str_eq(net.graph->outputs[0]->path, "bn");
        net_expect_same(&net, 1e-5);
        net_free(&net);
    }
}

Test(decompose, batch_norm_eps_must_fit) {
    Net net = net_load("network t(x: f16[N, 3]) -> (y: f16[N, 3]) {\n"
                       "  y = batch_norm(x, eps=1e30, name=\"bn\")\n}\n");
    cr_expect_not(net_try(&net, "decompose"));
    cr_expect_not_null(strstr(diag_text(net.diag), "cannot be represented in f16"));
    net_free(&net);
}

Test(decompose, global_pools) {
    Net net = net_load("network t(x: f32[N, 3, 2, 4]) -> (a: f32[N, 3, 1, 1], b: f32[N, 3, 1, 1]) "
                       "{\n  a = global_avg_pool(x)\n  b = global_max_pool(x)\n}\n");
    net_run(&net, "decompose");
    cr_expect_eq(net_count(&net, OP_reduce_mean), 1);
    cr_expect_eq(net_count(&net, OP_reduce_max), 1);
    cr_expect_eq(net_kernels(&net), 2);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(decompose, split) {
    Net net = net_load("network t(x: f32[N, 6]) -> (a: f32[N, 2], b: f32[N, 2], c: f32[N, 2]) {\n"
                       "  a, b, c = split(x, 3, axis=1)\n}\n");
    net_run(&net, "decompose");
    cr_expect_eq(net_count(&net, OP_split), 0);
    cr_expect_eq(net_count(&net, OP_slice), 3);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(decompose, split_of_symbolic_size) {
    Net net = net_load("network t(x: f32[N, 3]) -> (a: f32[N, 3], b: f32[N, 3]) {\n"
                       "  a, b = split(concat([x, -x]), 2, axis=0)\n}\n");
    net_run(&net, "decompose");
    cr_expect_eq(net_count(&net, OP_split), 0);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(decompose, split_in_one) {
    Net net = net_load("network t(x: f32[N, 3]) -> (y: f32[N, 3]) {\n"
                       "  y = relu(split(x, 1, axis=1))\n}\n");
    net_run(&net, "decompose");
    cr_expect_eq(net_kernels(&net), 1);
    net_expect_same(&net, 0);
    net_free(&net);
}

/* ---- dce, cse, fold-constants ------------------------------------------------------------------
 */

Test(dce, removes_what_nobody_uses) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 2]) {\n"
                       "  a = dense(x, 3)\n  b = relu(a)\n  y = dense(x, 2)\n}\n");
    cr_expect_eq(net_count(&net, OP_param), 4);
    net_run(&net, "dce");
    cr_expect_eq(net_count(&net, OP_param), 2);
    cr_expect_eq(net_count(&net, OP_relu), 0);
    cr_expect_eq(net_count(&net, OP_dense), 1);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(cse, merges_equal_operators) {
    Net net = net_load("network t(x: f32[N, 4], z: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                       "  y = (exp(x + z) + exp(z + x)) * (x - z) * (z - x)\n}\n");
    net_run(&net, "cse");
    cr_expect_eq(net_count(&net, OP_exp), 1);
    cr_expect_eq(net_count(&net, OP_add), 2, "the operands of + may be swapped");
    cr_expect_eq(net_count(&net, OP_sub), 2, "those of - may not");
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(cse, attributes_tell_apart) {
    Net net = net_load("network t(x: f32[4, 4]) -> (y: f32[4]) {\n"
                       "  y = reduce_sum(x, [0]) + reduce_sum(x, [1]) + reduce_sum(x, [1])\n}\n");
    net_run(&net, "cse");
    cr_expect_eq(net_count(&net, OP_reduce_sum), 2);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(cse, constants) {
    Net net = net_load("network t(x: f32[4]) -> (y: f32[4]) {\n"
                       "  y = (x + 2.0) * (x - 2.0) + 0.0 * -0.0\n}\n");
    int before = net_count(&net, OP_const);
    net_run(&net, "cse");
    cr_expect_lt(net_count(&net, OP_const), before);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(cse, annotations_tell_apart) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 2]) {\n"
                       "  @delta(0.5)\n  a = dense(x, 2, name=\"fc\")\n"
                       "  b = dense(x, 2, name=\"fc\", share=true)\n"
                       "  c = dense(x, 2, name=\"fc\", share=true)\n  y = a + b + c\n}\n");
    net_run(&net, "cse");
    cr_expect_eq(net_count(&net, OP_dense), 2);
    net_free(&net);
}

Test(fold_constants, evaluates_small_ones) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                       "  k = sqrt(const(2.0, f32)) * exp(const(1.0, f32))\n  y = x * k\n}\n");
    net_run(&net, "fold-constants");
    cr_expect_eq(net_count(&net, OP_sqrt) + net_count(&net, OP_exp), 0);
    cr_expect_eq(net_count(&net, OP_const), 1);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(fold_constants, leaves_parameters_and_large_ones) {
    Net net = net_load("network t(x: f32[N, 65]) -> (y: f32[N, 65]) {\n  param w: f32[65]\n"
                       "  y = x * (w * 2.0) + broadcast_to(const(3.0, f32), [65])\n}\n");
    net_run(&net, "fold-constants");
    cr_expect_eq(net_count(&net, OP_mul), 2);
    cr_expect_eq(net_count(&net, OP_broadcast_to), 1);
    net_free(&net);
}

/* ---- fold-batch-norm ---------------------------------------------------------------------------
 */

/* A statement on x: f32[N, 4] or i: f32[N, 4, 6, 5] with t and m: f32[3] or, for the images, f32[3,
 * 1, 1], and the number of kernels after. */
typedef struct FoldCase {
    const char *statement;
    bool image;
    int kernels;
} FoldCase;

static void check_fold(const FoldCase *c) {
    const char *param = c->image ? "f32[3, 1, 1]" : "f32[3]";
    Net net = net_loadf(
        "network t(x: %s) -> (y: %s) {\n  param s: %s\n  param t: %s\n  param m: f32[4, 3]\n"
        "  param wide: f32[%s3]\n  param one: f32[1]\n  y = %s\n}\n",
        c->image ? "f32[N, 4, 6, 5]" : "f32[N, 4]", c->image ? "f32[N, 3, 4, 3]" : "f32[N, 3]",
        param, param, c->image ? "" : "3, ", c->statement);
    net_run(&net, "decompose,dce,fold-batch-norm");
    cr_expect_eq(net_kernels(&net), c->kernels, "%s:\n%s", c->statement, net_text(&net));
    net_expect_same(&net, 1e-5);
    net_free(&net);
}

Test(fold_batch_norm, contractions) {
    static const FoldCase cases[] = {
        {"dense(x, 3) * s", false, 1},
        {"s * dense(x, 3, bias=false)", false, 1},
        {"dense(x, 3, bias=false) + t", false, 1},
        {"dense(x, 3) - t", false, 1},
        {"dense(x, 3, bias=false) - t", false, 1},
        {"t - dense(x, 3)", false, 1},
        {"t - dense(x, 3, bias=false)", false, 1},
        {"dense(x, 3) / s", false, 1},
        {"s / dense(x, 3)", false, 2},
        {"dense(x, 3, weight=\"io\") * s + t", false, 1},
        {"matmul(x, m) * s", false, 1},
        {"matmul(x, m) + t", false, 1},
        {"dense(x, 3) * 2.0 + 1.0", false, 1},
        {"dense(x, 3, bias=false) + one", false, 1},
        {"batch_norm(dense(x, 3, name=\"fc\"), name=\"bn\")", false, 1},
        {"conv2d(x, 3, kernel=3) * s", true, 1},
        {"conv2d(x, 3, kernel=3, bias=false) + t", true, 1},
        {"t - conv2d(x, 3, kernel=3, bias=false) / s", true, 1},
        {"batch_norm(conv2d(x, 3, kernel=3, name=\"c\"), name=\"bn\")", true, 1},
        {"conv2d(x, 3, kernel=3) * wide", true, 2}, /* along the width, not the channels */
        {"relu(conv2d(x, 3, kernel=3)) * s", true, 3},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) check_fold(&cases[i]);
}

Test(fold_batch_norm, needs_a_single_use) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 3], z: f32[N, 3]) {\n"
                       "  param s: f32[3]\n  z = dense(x, 3)\n  y = z * s\n}\n");
    net_run(&net, "fold-batch-norm");
    cr_expect_eq(net_count(&net, OP_dense), 1);
    cr_expect_eq(net_kernels(&net), 2);
    net_free(&net);
}

Test(fold_batch_norm, grouped_convolution) {
    Net net = net_load("network t(x: f32[N, 4, 6, 6]) -> (y: f32[N, 8, 4, 4]) {\n"
                       "  y = batch_norm(conv2d(x, 8, kernel=3, groups=4, name=\"c\"), "
                       "name=\"bn\")\n}\n");
    net_run(&net, "decompose,fold-batch-norm");
    cr_expect_eq(net_kernels(&net), 1);
    net_expect_same(&net, 1e-5);
    net_free(&net);
}

Test(fold_batch_norm, keeps_annotations_and_provenance) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 3]) {\n"
                       "  @delta(0.25)\n  fc = dense(x, 3)\n"
                       "  y = batch_norm(fc, name=\"bn\")\n}\n");
    net_run(&net, "decompose,fold-batch-norm");
    const Node *dense = net_node(&net, OP_dense);
    cr_expect_str_eq(dense->path, "fc");
    cr_expect_str_eq(dense->results[0]->path, "bn");
    const Annotation *delta = node_annotation(dense, "delta");
    cr_assert_not_null(delta);
    cr_expect_eq(delta->args[0], 0.25);
    net_free(&net);
}

/* ---- expose-padding ----------------------------------------------------------------------------
 */

Test(expose_padding, pads_before_the_convolution) {
    Net net = net_load("network t(x: f32[N, 2, 5, 5]) -> (y: f32[N, 3, 5, 6]) {\n"
                       "  y = conv2d(x, 3, kernel=3, pad=[1, 2, 1, 1])\n}\n");
    net_run(&net, "expose-padding");
    const Node *pad = net_node(&net, OP_pad), *conv = net_node(&net, OP_conv2d);
    static const int64_t expected[8] = {0, 0, 1, 2, 0, 0, 1, 1};
    cr_expect_arr_eq(node_attr(pad, "pads")->ints, expected, sizeof expected);
    cr_expect_eq(conv->operands[0], pad->results[0]);
    for (int i = 0; i < 4; i++) cr_expect_eq(node_attr(conv, "pad")->ints[i], 0);
    net_expect_same(&net, 1e-6);
    net_free(&net);
}

Test(expose_padding, shares_equal_pads) {
    Net net = net_load("network t(x: f32[N, 2, 5, 5]) -> (y: f32[N, 3, 5, 5]) {\n"
                       "  a = conv2d(x, 3, kernel=3, pad=1)\n  b = conv2d(x, 3, kernel=3, pad=1)\n"
                       "  c = conv2d(x, 3, kernel=1)\n"
                       "  d = conv2d(x, 3, kernel=5, pad=2)\n  y = a + b + c + d\n}\n");
    net_run(&net, "expose-padding");
    cr_expect_eq(net_count(&net, OP_pad), 2);
    net_expect_same(&net, 1e-6);
    net_free(&net);
}

/* ---- materialize -------------------------------------------------------------------------------
 */

Test(materialize, leaves_constants_only) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 3], w: f32[4]) {\n"
                       "  param u: f32[3]\n  param v: f32[4]\n"
                       "  y = dense(x, 3, bias=false) * (u * 2.0) + u\n  w = v * 3.0\n}\n");
    net_run(&net, "materialize");
    cr_expect_eq(net_count(&net, OP_param), 0);
    cr_expect_eq(net_count(&net, OP_const), 4);
    cr_expect_eq(net_count(&net, OP_mul), 1);
    net_expect_same(&net, 0);
    net_free(&net);
}

/* A constant as long as a symbol says is made when the network runs. */
Test(materialize, sizes_of_symbols_stay) {
    Net net = net_load("network t(x: f32[N]) -> (y: f32[N]) {\n"
                       "  y = relu(broadcast_to(const(2.5, f32), [N]))\n}\n");
    net_run(&net, "materialize");
    cr_expect_eq(net_count(&net, OP_broadcast_to), 1);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(materialize, parameters_are_not_copied) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 3]) {\n  y = dense(x, 3)\n}\n");
    Tensor weight;
    net_run(&net, "materialize");
    cr_assert(net.module->params.find(net.module->params.self, "y.weight", &weight));
    cr_expect_eq(net_node(&net, OP_dense)->operands[1]->def->data->data, weight.data);
    net_free(&net);
}

Test(materialize, shares_equal_constants) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 4]) {\n  param u: f32[4]\n"
                       "  y = x * (u + 1.0) + exp(x) * (1.0 + u) - u\n}\n");
    net_run(&net, "materialize");
    cr_expect_eq(net_count(&net, OP_const), 2);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(materialize, decoders_run_with_the_network) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 3]) {\n"
                       "  @delta(0.01)\n  y = dense(x, 3)\n}\n");
    net_run(&net, "quantize,materialize");
    cr_expect_eq(net_count(&net, OP_quantize), 0);
    cr_expect_eq(net_count(&net, OP_dequantize), 1);
    cr_expect_eq(net_node(&net, OP_dequantize)->operands[0]->def->op, OP_const);
    net_free(&net);
}

Test(materialize, says_which_weights_are_missing) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 3]) {\n  y = dense(x, 3) * 2.0\n}\n");
    net.module->params.find = NULL;
    cr_expect_not(net_try(&net, "fold-batch-norm,materialize"));
    cr_expect_not_null(strstr(diag_text(net.diag), "'y.weight'"), "%s", diag_text(net.diag));
    cr_expect_not_null(strstr(diag_text(net.diag), "'y.bias'"), "%s", diag_text(net.diag));
    net_free(&net);
}

Test(materialize, not_a_number_is_a_legal_weight) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                       "  param u: f32[4]\n  y = x + log(0.0 - abs(u) - 1.0)\n}\n");
    net_run(&net, "materialize");
    cr_expect_eq(net_kernels(&net), 1);
    net_expect_same(&net, 0);
    net_free(&net);
}
