/* Fusion: which operators end up in one kernel. */
#include "tests/unit/passes_fixture.h"

/* A body of a network of x, z: f32[N, 4], a: f32[N, 4, 6, 6], u: u8[N, 4, 6, 6] and the number of
 * kernels it becomes. */
typedef struct Case {
    const char *body;
    const char *type; /* of y */
    int kernels;
} Case;

static Net load_case(const Case *c) {
    return net_loadf(
        "network t(x: f32[N, 4], z: f32[N, 4], a: f32[N, 4, 6, 6], u: u8[N, 4, 6, 6]) -> "
        "(y: %s) {\n%s\n}\n",
        c->type, c->body);
}

static void check(const Case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        Net net = load_case(&cases[i]);
        net_run(&net, "decompose,fuse");
        cr_expect_eq(net_kernels(&net), cases[i].kernels, "%s", net_text(&net));
        net_expect_same(&net, 1e-6);
        /* Fusing again changes nothing. */
        const char *before = net_text(&net);
        net_run(&net, "fuse");
        cr_expect_str_eq(net_text(&net), before);
        net_free(&net);
    }
}

#define VECTOR "f32[N, 4]"
#define IMAGE  "f32[N, 4, 6, 6]"

Test(fuse, pointwise_chains) {
    static const Case cases[] = {
        {"  y = relu(x + z) * exp(x)", VECTOR, 1},
        {"  y = relu(x)", VECTOR, 1},
        {"  t = x + z\n  y = t * sigmoid(t)", VECTOR, 1},
        {"  y = where(x > z, x * 2.0, -z)", VECTOR, 1},
        {"  y = relu(x) + 1.0", VECTOR, 1},
        {"  y = cast(cast(u, f32) * 0.5, f32)", IMAGE, 1},
    };
    check(cases, COUNT_OF(cases));
}

Test(fuse, epilogues) {
    static const Case cases[] = {
        {"  y = relu(dense(x, 4))", VECTOR, 1},
        {"  y = relu(dense(x, 4) + z)", VECTOR, 1},
        {"  h = dense(x, 4)\n  y = h * sigmoid(h)", VECTOR, 1},
        {"  h = dense(x, 4)\n  y = h * 0.5 * (1.0 + erf(h / 1.414))", VECTOR, 1},
        {"  h = dense(x, 4)\n  y = where(h > 0.0, h, h * 0.1)", VECTOR, 1},
        {"  y = relu(conv2d(a, 4, kernel=1) + a)", IMAGE, 1},
        {"  y = relu(max_pool2d(a, 1))", IMAGE, 1},
        {"  y = cast(cast(dense(x, 4), f16), f32)", VECTOR, 1},
        {"  y = sqrt(reduce_sum(a * a, [2, 3]) + 1.0)", VECTOR, 1},
        {"  y = relu(cumsum(x * 2.0, 1)) + z", VECTOR, 1},
    };
    check(cases, COUNT_OF(cases));
}

Test(fuse, epilogue_ends_where_others_read) {
    static const Case cases[] = {
        /* h is read by the second layer too: the sum may join either layer, not both. */
        {"  h = dense(x, 4)\n  g = dense(h, 4)\n  y = h + g", VECTOR, 2},
        {"  h = relu(dense(x, 4))\n  y = softmax(h) + h", VECTOR, 2},
        /* The result of the layer is broadcast to a larger shape. */
        {"  h = dense(x, 4)\n  y = reshape(h, [N, 4, 1, 1]) * a", IMAGE, 3},
    };
    check(cases, COUNT_OF(cases));
}

Test(fuse, outputs_are_in_memory) {
    Net net = net_load("network t(x: f32[N, 4]) -> (h: f32[N, 4], y: f32[N, 4]) {\n"
                       "  h = dense(x, 4)\n  y = relu(h)\n}\n");
    net_run(&net, "fuse");
    cr_expect_eq(net_kernels(&net), 2);
    net_expect_same(&net, 1e-6);
    net_free(&net);
}

Test(fuse, one_anchor_a_kernel) {
    static const Case cases[] = {
        {"  y = dense(relu(dense(x, 4, name=\"l\")), 4)", VECTOR, 2},
        {"  y = softmax(dense(x, 4))", VECTOR, 2},
        {"  y = max_pool2d(relu(conv2d(a, 4, kernel=1)), 1)", IMAGE, 2},
    };
    check(cases, COUNT_OF(cases));
}

Test(fuse, producers_of_anchors) {
    static const Case cases[] = {
        {"  y = softmax(x * 0.5)", VECTOR, 1},            /* read three times, but cheap */
        {"  y = softmax(exp(x))", VECTOR, 2},             /* read three times and dear */
        {"  y = reduce_mean(exp(a), [2, 3])", VECTOR, 1}, /* read once */
        {"  y = max_pool2d(exp(pad(a, [0, 0, 3, 3, 0, 0, 3, 3])), 2)", IMAGE, 2},
        {"  y = max_pool2d(exp(a), 3, stride=1, pad=1)", IMAGE, 2}, /* windows overlap */
        {"  y = dense(tanh(x), 4)", VECTOR, 2},
        {"  y = dense(x + z, 4)", VECTOR, 2}, /* loops read it again and again */
        {"  y = conv2d(cast(u, f32), 4, kernel=1)", IMAGE, 1},
        {"  y = dense(cast(relu(cast(x, f16)), f32), 4)", VECTOR, 2}, /* the widening cast only */
        {"  y = conv2d(cast(u, f32) * 0.5, 4, kernel=1)", IMAGE, 2},
        {"  y = dense(x, 4) + tanh(z)", VECTOR, 1},
    };
    check(cases, COUNT_OF(cases));
}

Test(fuse, movement) {
    static const Case cases[] = {
        {"  y = transpose(transpose(relu(x)) * 2.0)", VECTOR, 1},
        {"  y = pad(slice(relu(x), [0], [3], axes=[1]), [0, 0, 0, 1])", VECTOR, 1},
        {"  y = resize(cast(u, f32) / 16.0, [6, 6], mode=\"linear\")", IMAGE, 1},
        {"  y = resize(exp(a), [6, 6])", IMAGE, 2},
        {"  y = pad(relu(conv2d(a, 4, kernel=3)), [0, 0, 1, 1, 0, 0, 1, 1])", IMAGE, 1},
        {"  y = pad(max_pool2d(a, 2), [0, 0, 1, 0, 0, 0, 2, 3])", IMAGE, 1},
        /* One that cuts off, one whose image others read, and one behind another. */
        {"  y = pad(conv2d(a, 4, kernel=3), [0, 0, -1, 1, 0, 0, 3, 1])", IMAGE, 2},
        {"  c = conv2d(a, 4, kernel=3)\n"
         "  y = pad(c, [0, 0, 1, 1, 0, 0, 1, 1]) * pad(c, [0, 0, 2, 1, 0, 0, 0, 1])",
         IMAGE, 2},
        {"  y = pad(pad(conv2d(a, 4, kernel=5), [0, 0, 1, 1, 0, 0, 1, 1]),"
         " [0, 0, 1, 1, 0, 0, 1, 1], value=2.0)",
         IMAGE, 2},
        {"  y = x + transpose(transpose(exp(x)))", VECTOR, 1},
        {"  t = exp(slice(x, [0], [1], axes=[1]))\n  y = x * t", VECTOR, 2}, /* 4 times each */
        {"  t = -slice(x, [0], [1], axes=[1])\n  y = x * t", VECTOR, 1},
        {"  y = concat([relu(x), exp(z)], axis=1)", "f32[N, 8]", 3},
    };
    check(cases, COUNT_OF(cases));
}

/* A convolution for all phases, and what weaves them; with a stride of 1 there is one only. */
Test(fuse, transposed_convolutions) {
    static const Case cases[] = {
        {"  y = relu(conv_transpose2d(a, 4, kernel=2, stride=2))", "f32[N, 4, 12, 12]", 2},
        {"  y = relu(batch_norm(conv_transpose2d(a, 2, kernel=4, stride=2, pad=1, name=\"c\")))",
         "f32[N, 2, 12, 12]", 2},
        {"  y = relu(conv_transpose2d(a, 4, kernel=3, pad=1))", IMAGE, 1},
        {"  y = conv_transpose2d(a, 2, kernel=1, stride=3)", "f32[N, 2, 16, 16]", 2},
    };
    check(cases, COUNT_OF(cases));
}

/* A view of what lies in memory is free; inside a kernel it would cost index arithmetic, unless it
 * only splits axes that the kernel moves. */
Test(fuse, views) {
    static const Case cases[] = {
        {"  y = relu(reshape(x, [4, N]))", "f32[4, N]", 2},
        {"  y = reshape(relu(x), [4, N])", "f32[4, N]", 2},
        {"  y = exp(reshape(-x, [4, N]))", "f32[4, N]", 1},
        {"  y = flatten(max_pool2d(a, 6))", VECTOR, 2},
        {"  y = transpose(reshape(a, [N, 2, 2, 6, 6]), [0, 2, 1, 4, 3])", "f32[N, 2, 2, 6, 6]", 1},
        {"  y = transpose(reshape(a, [N, 2, 12, 6]), [0, 2, 1, 3])", "f32[N, 12, 2, 6]", 2},
        {"  y = relu(reshape(a, [N, 2, 2, 6, 6]))", "f32[N, 2, 2, 6, 6]", 2},
    };
    check(cases, COUNT_OF(cases));
}

Test(fuse, several_users) {
    static const Case cases[] = {
        /* exp(x) feeds two layers: computed once, in memory. */
        {"  e = exp(x)\n  y = softmax(e) + softmax(-e)", VECTOR, 3},
        {"  e = exp(x)\n  y = e + transpose(transpose(e) * 2.0)", VECTOR, 2},
        {"  e = exp(x)\n  y = (e + z) * (e - z)", VECTOR, 1},
    };
    check(cases, COUNT_OF(cases));
}

Test(fuse, literals_are_inside_and_weights_outside) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                       "  y = relu(dense(x, 4) * 2.0)\n}\n");
    net_run(&net, "fuse");
    const Node *fused = net_node(&net, OP_fused);
    cr_expect_eq(fused->noperands, 3);
    cr_expect_eq(count_in(fused->body, OP_const, false), 1);
    cr_expect_eq(count_in(fused->body, OP_param, false), 0);
    net_free(&net);
}

Test(fuse, provenance) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                       "  fc = dense(x, 4)\n  act = relu(fc)\n  y = act\n}\n");
    net_run(&net, "fuse");
    const Node *fused = net_node(&net, OP_fused);
    cr_expect_str_eq(fused->path, "fc", "the kernel is the anchor's");
    cr_expect_str_eq(fused->results[0]->path, "act", "its result is the root's");
    graph_each(fused->body, node) {
        cr_expect_str_eq(node->path, node->op == OP_relu ? "act" : "fc");
    }
    net_free(&net);
}

Test(fuse, decoders_join_every_consumer) {
    Net net = net_load("network t(x: f32[N, 4], z: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                       "  param w: f32[4, 4]\n  y = softmax(matmul(x, w)) + matmul(z, w)\n}\n");
    net.options.quantize_delta = 0.1;
    net_run(&net, "quantize,fuse");
    cr_expect_eq(net_count(&net, OP_dequantize), 2);
    cr_expect_eq(count_in(net.graph, OP_dequantize, false), 0);
    net_free(&net);
}

Test(fuse, narrow_weights_are_widened_inside) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                       "  param w: f16[4, 4]\n  param b: f16[4]\n"
                       "  y = matmul(x, cast(w, f32)) + cast(b, f32)\n}\n");
    net_run(&net, "fuse");
    const Node *fused = net_node(&net, OP_fused);
    cr_expect_eq(count_in(fused->body, OP_cast, false), 1, "the weight's, not the bias's");
    net_run(&net, "materialize");
    net_expect_same(&net, 1e-6);
    net_free(&net);
}

/* Long chains are cut into kernels of bounded size and do not take forever. */
Test(fuse, long_chain) {
    StrBuf text = {0};
    str_append(&text, "network t(x: f32[N, 4]) -> (y: f32[N, 4]) {\n  y = x\n");
    str_append(&text, "  repeat i in 0..600 { y = -(y * 0.5) + x }\n}\n");
    Net net = net_load(str_text(&text));
    net_run(&net, "fuse");
    cr_expect_lt(net_kernels(&net), 100);
    cr_expect_gt(net_kernels(&net), 10);
    net_expect_same(&net, 1e-6);
    str_free(&text);
    net_free(&net);
}

Test(fuse, many_operands) {
    StrBuf text = {0};
    str_append(&text, "network t(x: f32[N, 4]) -> (y: f32[N, 4]) {\n  y = x\n");
    str_append(&text, "  repeat i in 0..100 { y = y + dense(x, 4, name=\"d{i}\") }\n}\n");
    Net net = net_load(str_text(&text));
    net_run(&net, "fuse");
    net_expect_same(&net, 1e-6);
    str_free(&text);
    net_free(&net);
}
