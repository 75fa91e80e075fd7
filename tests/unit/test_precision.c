/* Operands in bf16: which contractions take them, what is stored how, and that the numbers are those
 * of the casts. */
#include <stdio.h>

#include "tests/unit/passes_fixture.h"

static Net load_bf16(const char *text) {
    Net net = net_load(text);
    net.options.bf16 = true;
    return net;
}

static bool is_widened(const Value *value) {
    return value_is_op(value, OP_cast) && value->type.dtype == DT_f32 &&
           value->def->operands[0]->type.dtype == DT_bf16;
}

/* Contractions of the graph whose operands are rounded, both or none. */
static int rounded_contractions(Net *net) {
    int count = 0;
    graph_each(net->graph, node) {
        if (op_info(node->op)->family != FAMILY_CONTRACTION) continue;
        bool a = is_widened(node->operands[0]), b = is_widened(node->operands[1]);
        cr_expect_eq(a, b, "%s", net_text(net));
        count += a;
        cr_expect(!a || node->results[0]->type.dtype == DT_f32);
    }
    return count;
}

Test(precision, nothing_without_being_asked) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 3]) {\n  y = dense(x, 3)\n}\n");
    net_run(&net, "precision");
    cr_expect_eq(net_count(&net, OP_cast), 0);
    net_free(&net);
}

Test(precision, what_is_worth_it) {
    static const struct {
        const char *body;
        int rounded;
    } cases[] = {
        {"a = conv2d(x, 16, kernel=3)", 1},
        {"a = conv2d(x, 16, kernel=3, groups=16)", 0},
        {"a = conv2d(x, 16, kernel=3, groups=2)", 1},
        {"@keep_float\n  a = conv2d(x, 16, kernel=3)", 0},
        {"@delta(0.01)\n  a = conv2d(x, 16, kernel=3)", 0},
        {"a = matmul(x, transpose(x, perm=[0, 1, 3, 2]))", 1},
        {"a = cast(dense(cast(x, f64), 3), f32)", 0},
        {"b = conv2d(x, 3, kernel=1)\n  a = conv2d(b, 4, kernel=1)", 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "network t(x: f32[N, 16, 6, 6]) -> (y: f32[]) {\n  %s\n"
                 "  y = reduce_sum(a)\n}\n",
                 cases[i].body);
        Net net = load_bf16(text);
        net_run(&net, "decompose,quantize,expose-padding,precision");
        cr_expect_eq(rounded_contractions(&net), cases[i].rounded, "%s\n%s", cases[i].body,
                     net_text(&net));
        net_free(&net);
    }
}

/* The kernels' results, and the weights: nothing lies in memory twice, and what a contraction reads
 * is narrow. */
Test(precision, values_are_stored_once) {
    Net net = load_bf16("network t(x: f32[N, 16, 8, 8]) -> (y: f32[N, 16, 8, 8]) {\n"
                        "  a = conv2d(x, 16, kernel=3, pad=1) |> relu\n"
                        "  b = conv2d(a, 16, kernel=3, pad=1) |> relu\n"
                        "  c = relu(conv2d(b, 16, kernel=3, pad=1) + a)\n"
                        "  y = conv2d(c, 16, kernel=1)\n}\n");
    net_level(&net, 2);
    int narrow = 0;
    graph_each(net.graph, node) {
        const Value *value = node->results[0];
        if (node->op == OP_const) {
            cr_expect_eq(value->type.dtype, value->type.rank == 4 ? DT_bf16 : DT_f32);
        } else if (value != net.graph->outputs[0]) {
            cr_expect_eq(value->type.dtype, DT_bf16, "%s", net_text(&net));
            narrow++;
        }
    }
    cr_expect_eq(narrow, net_kernels(&net) - 1);
    net_expect_same(&net, 1e-2);
    net_free(&net);
}

/* A norm's kernel ends with the rounding; the widening belongs to the products that read it. */
Test(precision, norms_yield_narrow_rows) {
    Net net = load_bf16("network t(x: f32[N, 6, 32]) -> (y: f32[N, 6, 16]) {\n"
                        "  a = layer_norm(x)\n  y = dense(a, 16)\n}\n");
    net_level(&net, 2);
    graph_each(net.graph, node) {
        if (node->op != OP_fused || node->results[0] == net.graph->outputs[0]) continue;
        cr_expect_eq(node->results[0]->type.dtype, DT_bf16, "%s", net_text(&net));
    }
    cr_expect_eq(net_kernels(&net), 2);
    net_expect_same(&net, 1e-2);
    net_free(&net);
}

/* Attention's body is rounded as the graph is, where dot instructions take its products. */
Test(precision, attention) {
    static const struct {
        bool dots, tiles;
        const char *x;
        int products, casts; /* in the body */
    } cases[] = {
        {true, false, "x", 2, 5}, /* shares twice, and every operand widened but them */
        {false, false, "x", 0, 0},
        {true, true, "x", 0, 0},
        {true, false, "cast(cast(x, bf16), f32)", 2, 5},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "network t(x: f32[N, 6, 8]) -> (y: f32[N, 6, 5]) {\n  q = %s\n"
                 "  a = matmul(softmax(matmul(q, transpose(q, [0, 2, 1])) * 0.3), x)\n"
                 "  y = dense(a, 5)\n}\n",
                 cases[i].x);
        Net net = load_bf16(text);
        net.target.bf16_dot = cases[i].dots;
        net.target.amx_bf16 = cases[i].tiles;
        net_run(&net, "decompose,fuse-attention,precision");
        const Graph *body = net_node(&net, OP_fused)->body;
        int products = 0, casts = 0;
        graph_each(body, node) {
            casts += node->op == OP_cast;
            if (node->op != OP_matmul) continue;
            products += is_widened(node->operands[0]) && is_widened(node->operands[1]);
        }
        cr_expect_eq(products, cases[i].products, "%s", net_text(&net));
        cr_expect_eq(casts, cases[i].casts, "%d casts: %s", casts, net_text(&net));
        for (int j = 0; j < body->ninputs; j++) {
            cr_expect_eq(body->inputs[j]->type.dtype, products ? DT_bf16 : DT_f32);
        }
        net_expect_same(&net, 2e-2);
        const char *once = net_text(&net);
        net_run(&net, "precision");
        cr_expect_str_eq(net_text(&net), once);
        net_free(&net);
    }
}

/* What others have rounded is moved as it is. */
Test(precision, operands_that_were_widened) {
    Net net = load_bf16("network t(x: bf16[8, 4], w: f32[8, 4]) -> (y: f32[4, 4]) {\n"
                        "  y = matmul(transpose(cast(x, f32), [1, 0]), w)\n}\n");
    net_run(&net, "precision");
    cr_expect_eq(rounded_contractions(&net), 1, "%s", net_text(&net));
    cr_expect_eq(net_node(&net, OP_transpose)->results[0]->type.dtype, DT_bf16);
    net_expect_same(&net, 1e-2);
    net_free(&net);
}

static Net first_layer(const char *size, const char *conv) {
    char text[256];
    snprintf(text, sizeof text,
             "network t(x: f32[1, 3, 18, %s]) -> (y: f32[]) {\n  a = conv2d(x, 16, %s)\n"
             "  y = reduce_sum(a)\n}\n",
             size, conv);
    Net net = load_bf16(text);
    net.target.bf16_dot = true;
    return net;
}

/* Kernels and rows of the image become even, and only such layers of few channels are rounded. */
Test(precision, first_layers_take_pairs_of_columns) {
    static const struct {
        const char *size, *conv;
        int64_t columns, right; /* of the kernel; of the image's pad */
        int rounded;
    } cases[] = {
        {"18", "kernel=7, stride=2, pad=3", 8, 3, 1}, {"19", "kernel=7, stride=2, pad=3", 8, 4, 1},
        {"18", "kernel=3, stride=2, pad=1", 4, 1, 1}, {"17", "kernel=3, stride=2", 4, 1, 1},
        {"18", "kernel=4, stride=4", 4, 0, 1},        {"19", "kernel=4, stride=2", 4, 0, 0},
        {"18", "kernel=7, pad=3", 7, 3, 0},           {"W", "kernel=7, stride=2, pad=3", 7, 3, 0},
        {"18", "kernel=1, stride=2", 1, 0, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Net net = first_layer(cases[i].size, cases[i].conv);
        net_run(&net, "pair-columns");
        const Node *conv = net_node(&net, OP_conv2d);
        cr_expect(dim_is(conv->operands[1]->type.dims[3], cases[i].columns), "%s", cases[i].conv);
        cr_expect_eq(node_attr(conv, "pad")->ints[3], cases[i].right, "%s", cases[i].conv);
        net_expect_same(&net, 1e-5);
        const char *once = net_text(&net);
        net_run(&net, "pair-columns");
        cr_expect_str_eq(net_text(&net), once);
        net_run(&net, "expose-padding,precision");
        cr_expect_eq(rounded_contractions(&net), cases[i].rounded, "%s", cases[i].conv);
        net_level(&net, 2);
        net_expect_same(&net, 1e-2);
        net_free(&net);
    }
}

Test(precision, first_layers_stay_without_dot_instructions) {
    Net net = first_layer("18", "kernel=4, stride=4");
    net.target.bf16_dot = false;
    net_run(&net, "pair-columns,precision");
    cr_expect_eq(rounded_contractions(&net), 0);
    net_free(&net);
}

Test(precision, casts_stand_above_movement) {
    Net net = load_bf16("network t(x: f32[N, 24]) -> (y: f32[N, 4, 4]) {\n"
                        "  a = reshape(dense(x, 24), [N, 4, 6])\n"
                        "  y = matmul(a, transpose(a, perm=[0, 2, 1]))\n}\n");
    net_run(&net, "precision");
    cr_expect_eq(net_node(&net, OP_transpose)->results[0]->type.dtype, DT_bf16);
    cr_expect_eq(net_node(&net, OP_reshape)->results[0]->type.dtype, DT_bf16);
    net_expect_same(&net, 1e-2);
    net_free(&net);
}

Test(precision, parts_and_joins_move_narrow) {
    Net net = load_bf16("network t(x: f32[N, 8]) -> (y: f32[N, 4], z: f32[N, 16]) {\n"
                        "  a = dense(x, 16)\n  l, r = split(a, 2, axis=1)\n"
                        "  j = concat([r, l], axis=1)\n"
                        "  y = dense(j, 4)\n  z = j + a\n}\n");
    net_run(&net, "precision");
    cr_expect_eq(net_node(&net, OP_split)->results[1]->type.dtype, DT_bf16);
    cr_expect_eq(net_node(&net, OP_concat)->results[0]->type.dtype, DT_bf16);
    net_expect_same(&net, 1e-2);
    net_free(&net);
}

Test(precision, twice_is_once) {
    Net net = load_bf16("network t(x: f32[N, 16]) -> (y: f32[N, 8]) {\n"
                        "  a = dense(x, 16) |> relu\n  y = dense(a, 8)\n}\n");
    net_run(&net, "precision");
    const char *once = net_text(&net);
    net_run(&net, "precision");
    cr_expect_str_eq(net_text(&net), once);
    net_free(&net);
}
