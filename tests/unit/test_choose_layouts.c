/* Layouts: what is blocked, what stays, and that bodies hide it. */
#include <stdio.h>

#include "tests/unit/passes_fixture.h"

static Net load_lanes(const char *text, int lanes) {
    Net net = net_load(text);
    net.target.vector_bits = 32 * lanes;
    net_run(&net, "decompose,fold-batch-norm,dce,expose-padding,fuse,choose-layouts");
    return net;
}

static bool is_blocked(const Value *value, int lanes) {
    Layout blocked = layout_blocked(4, 1, lanes);
    LayoutRef layout = value->type.layout;
    return layout && layout->nsteps == blocked.nsteps && layout->steps[0].factor == lanes &&
           layout->steps[0].axis == 1;
}

static const char *layout_of(Net *net, const Value *value) {
    return type_text(net->module->dims, net->arena, &value->type);
}

/* The first kernel whose body has that operator. */
static const Node *kernel_of(const Net *net, OpKind op, int skip) {
    graph_each(net->graph, node) {
        bool found = node->op == op || (node->body && count_in(node->body, op, true) > 0);
        if (found && skip-- == 0) return node;
    }
    cr_assert_fail("no kernel of '%s'", op_info(op)->name);
    return NULL;
}

/* Nothing inside a body but relayouts knows of layouts. */
static void expect_hidden(const Net *net) {
    graph_each(net->graph, node) {
        if (node->op != OP_fused) {
            bool plain = value_is_constant(node->results[0]) || !node->results[0]->type.layout;
            cr_expect(plain, "'%s' yields a layout", op_info(node->op)->name);
            for (int i = 0; node->op != OP_relayout && i < node->noperands; i++)
                cr_expect_null(node->operands[i]->type.layout);
            continue;
        }
        graph_each(node->body, inner) {
            if (inner->op == OP_relayout) continue;
            cr_expect_null(inner->results[0]->type.layout, "'%s'", op_info(inner->op)->name);
        }
    }
}

Test(choose_layouts, convolutions_in_a_row) {
    Net net = load_lanes("network t(x: f32[N, 3, 8, 8]) -> (y: f32[N, 8, 2, 2]) {\n"
                         "  a = conv2d(x, 8, kernel=3, pad=1) |> relu\n"
                         "  b = conv2d(a, 8, kernel=3, pad=1)\n"
                         "  c = relu(a + b) |> max_pool2d(2)\n"
                         "  y = conv2d(c, 8, kernel=3) |> relu\n}\n",
                         4);
    cr_expect(is_blocked(kernel_of(&net, OP_conv2d, 0)->results[0], 4));
    cr_expect(is_blocked(kernel_of(&net, OP_pad, 1)->results[0], 4));
    cr_expect(is_blocked(kernel_of(&net, OP_conv2d, 1)->results[0], 4));
    cr_expect(is_blocked(kernel_of(&net, OP_max_pool2d, 0)->results[0], 4));
    /* Inputs and outputs of the network are as the caller has them. */
    cr_expect_null(net.graph->outputs[0]->type.layout);
    cr_expect_null(kernel_of(&net, OP_pad, 0)->results[0]->type.layout);
    expect_hidden(&net);
    net_expect_same(&net, 1e-5);
    net_free(&net);
}

Test(choose_layouts, weights_of_convolutions) {
    Net net = load_lanes("network t(x: f32[N, 3, 8, 8]) -> (y: f32[N, 8, 4, 4]) {\n"
                         "  a = conv2d(x, 8, kernel=3)\n  b = conv2d(a, 12, kernel=3)\n"
                         "  y = conv2d(b, 8, kernel=1)\n}\n",
                         4);
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_conv2d, 0)->operands[1]),
                     "f32[8, 3, 3, 3]{split(0,4) permute(0,2,3,4,1)}");
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_conv2d, 1)->operands[1]),
                     "f32[12, 8, 3, 3]{split(0,4) split(2,4) permute(0,2,4,5,3,1)}");
    /* An output stays NCHW; vectors lie along its channels all the same. */
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_conv2d, 2)->operands[1]),
                     "f32[8, 12, 1, 1]{split(0,4) split(2,4) permute(0,2,4,5,3,1)}");
    expect_hidden(&net);
    net_expect_same(&net, 1e-5);
    net_free(&net);
}

Test(choose_layouts, channels_must_fill_blocks) {
    Net net = load_lanes("network t(x: f32[N, 3, 8, 8]) -> (y: f32[N, 6, 4, 4]) {\n"
                         "  a = conv2d(x, 10, kernel=3)\n  y = conv2d(a, 6, kernel=3)\n}\n",
                         4);
    cr_expect_eq(net_count(&net, OP_relayout), 0);
    net_free(&net);
}

/* 24 channels are three halves of a vector of 16; those of 4 are not halved. */
Test(choose_layouts, half_blocks) {
    Net net = load_lanes("network t(x: f32[N, 3, 8, 8]) -> (y: f32[N, 8, 2, 2]) {\n"
                         "  a = conv2d(x, 24, kernel=3)\n  b = conv2d(a, 32, kernel=3)\n"
                         "  c = conv2d(b, 12, kernel=1)\n  y = conv2d(c, 8, kernel=3)\n}\n",
                         16);
    cr_expect(is_blocked(kernel_of(&net, OP_conv2d, 0)->results[0], 8));
    cr_expect(is_blocked(kernel_of(&net, OP_conv2d, 1)->results[0], 16));
    cr_expect_null(kernel_of(&net, OP_conv2d, 2)->results[0]->type.layout);
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_conv2d, 1)->operands[1]),
                     "f32[32, 24, 3, 3]{split(0,16) split(2,8) permute(0,2,4,5,3,1)}");
    expect_hidden(&net);
    net_expect_same(&net, 1e-5);
    net_free(&net);
}

Test(choose_layouts, groups) {
    Net net = load_lanes("network t(x: f32[N, 8, 8, 8]) -> (y: f32[N, 8, 4, 4]) {\n"
                         "  a = conv2d(x, 8, kernel=3, groups=2)\n" /* 4 filters a group: fits */
                         "  b = conv2d(a, 8, kernel=1, groups=4)\n" /* 2: does not */
                         "  y = conv2d(b, 8, kernel=3)\n}\n",
                         4);
    cr_expect(is_blocked(kernel_of(&net, OP_conv2d, 0)->results[0], 4));
    cr_expect_null(kernel_of(&net, OP_conv2d, 1)->results[0]->type.layout);
    expect_hidden(&net);
    net_expect_same(&net, 1e-5);
    net_free(&net);
}

Test(choose_layouts, depthwise_follows_its_input) {
    Net net = load_lanes("network t(x: f32[N, 8, 8, 8]) -> (y: f32[N, 8, 4, 4]) {\n"
                         "  a = conv2d(x, 8, kernel=3, groups=8)\n" /* reads NCHW: yields it */
                         "  b = conv2d(a, 8, kernel=1)\n"
                         "  c = conv2d(b, 8, kernel=3, groups=8)\n"
                         "  y = conv2d(c, 8, kernel=1)\n}\n",
                         4);
    cr_expect_null(kernel_of(&net, OP_conv2d, 0)->results[0]->type.layout);
    cr_expect(is_blocked(kernel_of(&net, OP_conv2d, 2)->results[0], 4));
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_conv2d, 2)->operands[1]),
                     "f32[8, 1, 3, 3]{split(0,4) permute(0,2,3,4,1)}");
    expect_hidden(&net);
    net_expect_same(&net, 1e-5);
    net_free(&net);
}

/* The pass leaves a graph alone that has layouts, its own among them. */
Test(choose_layouts, is_done_once) {
    Net net = load_lanes("network t(x: f32[N, 3, 8, 8]) -> (y: f32[N, 4, 4, 4]) {\n"
                         "  a = conv2d(x, 4, kernel=3)\n  y = conv2d(a, 4, kernel=3)\n}\n",
                         4);
    const char *before = net_text(&net);
    net_run(&net, "choose-layouts,fuse,choose-layouts");
    cr_expect_str_eq(net_text(&net), before);
    net_free(&net);
}

Test(choose_layouts, matrices) {
    Net net = load_lanes("network t(x: f32[N, 6]) -> (y: f32[N, 1]) {\n  param m: f32[8, 5]\n"
                         "  a = dense(x, 7)\n  b = dense(a, 8, weight=\"io\")\n"
                         "  c = matmul(b, m)\n  y = dense(c, 1)\n}\n",
                         4);
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_dense, 0)->operands[1]),
                     "f32[7, 6]{split(0,4) permute(0,2,1)}");
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_dense, 1)->operands[1]),
                     "f32[7, 8]{split(1,4) permute(1,0,2)}");
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_matmul, 0)->operands[1]),
                     "f32[8, 5]{split(1,4) permute(1,0,2)}");
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_dense, 2)->operands[1]), "f32[1, 5]");
    expect_hidden(&net);
    net_expect_same(&net, 1e-5);
    net_free(&net);
}

Test(choose_layouts, leaving_blocks) {
    Net net = load_lanes("network t(x: f32[N, 3, 5, 5]) -> (y: f32[N, 4], z: f32[N, 3, 3, 4]) {\n"
                         "  a = conv2d(x, 4, kernel=3) |> relu\n"
                         "  y = reduce_mean(a, [2, 3])\n  z = transpose(a, [0, 2, 3, 1])\n}\n",
                         4);
    cr_expect(is_blocked(kernel_of(&net, OP_conv2d, 0)->results[0], 4));
    cr_expect_null(kernel_of(&net, OP_transpose, 0)->results[0]->type.layout);
    expect_hidden(&net);
    net_expect_same(&net, 1e-5);
    net_free(&net);
}

Test(choose_layouts, decoded_weights) {
    Net net = net_load("network t(x: f32[N, 6]) -> (y: f32[N, 8]) {\n"
                       "  @delta(0.1)\n  y = dense(x, 8)\n}\n");
    net.target.vector_bits = 128;
    net_run(&net, "quantize,fuse,choose-layouts");
    cr_expect_str_eq(layout_of(&net, kernel_of(&net, OP_dense, 0)->operands[1]),
                     "i8[8, 6]{split(0,4) permute(0,2,1)}");
    expect_hidden(&net);
    net_run(&net, "materialize");
    /* Data stay row-major; only the type of the constant has the layout. */
    const Value *weight = kernel_of(&net, OP_dense, 0)->operands[1];
    cr_expect_eq(weight->def->op, OP_const);
    cr_expect_not_null(weight->type.layout);
    net_free(&net);
}

Test(choose_layouts, nothing_without_vectors) {
    Net net = load_lanes("network t(x: f32[N, 3, 8, 8]) -> (y: f32[N, 4, 4, 4]) {\n"
                         "  a = conv2d(x, 4, kernel=3)\n  y = conv2d(a, 4, kernel=3)\n}\n",
                         0);
    cr_expect_eq(net_count(&net, OP_relayout), 0);
    net_free(&net);
}
