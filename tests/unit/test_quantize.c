/* Quantization by a fixed step: types, rounding, the report, and what it refuses. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/passes_fixture.h"

static const char two_layers[] = "network t(x: f32[N, 4]) -> (y: f32[N, 3]) {\n"
                                 "  h = dense(x, 8) |> relu\n"
                                 "  @keep_float\n  y = dense(h, 3)\n}\n";

/* The only layer's weight, decoded, element by element. */
static void expect_rounded(Net *net, double delta, DType to) {
    const Node *decoder = net_node(net, OP_dequantize), *encoder = net_node(net, OP_quantize);
    Tensor weight, stored;
    cr_expect_eq(encoder->results[0]->type.dtype, to, "stored as %s",
                 dtype_name(encoder->results[0]->type.dtype));
    cr_expect_eq(node_float(decoder, "delta"), delta);
    cr_expect_eq(node_float(encoder, "delta"), delta);
    cr_assert(interp_constant(encoder->operands[0], &weight, net->arena, net->diag));
    cr_assert(interp_constant(encoder->results[0], &stored, net->arena, net->diag));
    for (int64_t i = 0; i < tensor_elements(&weight); i++) {
        double level = rint((double)((float)tensor_get(&weight, i) / (float)delta));
        cr_expect_eq(tensor_get(&stored, i), level);
    }
}

Test(quantize, smallest_type_that_holds_all) {
    static const struct {
        const char *delta;
        double value;
        DType to;
    } cases[] = {{"0.05", 0.05, DT_i8}, {"0.001", 0.001, DT_i16}, {"0.000001", 1e-6, DT_i32}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Net net = net_loadf(
            "network t(x: f32[N, 4]) -> (y: f32[N, 30]) {\n  @delta(%s)\n  y = dense(x, 30)\n"
            "}\n",
            cases[i].delta);
        net_run(&net, "quantize");
        expect_rounded(&net, cases[i].value, cases[i].to);
        net_free(&net);
    }
}

Test(quantize, option_spares_what_is_to_keep_float) {
    Net net = net_load(two_layers);
    net.options.quantize_delta = 0.02;
    net_run(&net, "quantize");
    cr_expect_eq(net_count(&net, OP_dequantize), 1);
    cr_expect_eq(net_count(&net, OP_quantize), 1);
    cr_expect_not_null(strstr(str_text(&net.report), "h "), "%s", str_text(&net.report));
    net_free(&net);
}

Test(quantize, annotation_wins_over_option) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 8]) {\n"
                       "  @delta(0.125)\n  y = dense(x, 8)\n}\n");
    net.options.quantize_delta = 0.02;
    net_run(&net, "quantize");
    cr_expect_eq(node_float(net_node(&net, OP_dequantize), "delta"), 0.125);
    net_free(&net);
}

Test(quantize, nothing_without_being_asked) {
    Net net = net_load(two_layers);
    net_run(&net, "quantize");
    cr_expect_eq(net_count(&net, OP_dequantize), 0);
    cr_expect_str_eq(str_text(&net.report), "");
    net_free(&net);
}

Test(quantize, weights_only) {
    Net net = net_load("network t(x: f32[N, 2, 6, 6]) -> (y: f32[N, 3, 4, 4]) {\n"
                       "  param s: f32[3, 1, 1]\n  y = relu(conv2d(x, 3, kernel=3)) * s\n}\n");
    net.options.quantize_delta = 0.01;
    net_run(&net, "quantize");
    const Node *conv = net_node(&net, OP_conv2d);
    cr_expect_eq(conv->operands[1]->def->op, OP_dequantize);
    cr_expect_eq(conv->operands[2]->def->op, OP_param);
    cr_expect_eq(net_count(&net, OP_dequantize), 1);
    net_free(&net);
}

Test(quantize, folded_weights) {
    Net net = net_load("network t(x: f32[N, 2, 6, 6]) -> (y: f32[N, 3, 4, 4]) {\n"
                       "  @delta(0.01)\n  c = conv2d(x, 3, kernel=3)\n"
                       "  y = batch_norm(c, name=\"bn\")\n}\n");
    net_level(&net, 2);
    cr_expect_eq(net_kernels(&net), 1);
    cr_expect_eq(net_count(&net, OP_dequantize), 1);
    net_free(&net);
}

/* The network computes with the rounded weights: the same as one whose weights were rounded before.
 */
Test(quantize, levels_agree) {
    for (int level = 1; level <= 3; level++) {
        Net plain = net_load(two_layers), fused = net_load(two_layers);
        plain.options.quantize_delta = fused.options.quantize_delta = 0.05;
        net_level(&plain, 0);
        net_level(&fused, level);
        cr_expect_eq(net_count(&fused, OP_dequantize), 1);
        graph_each(fused.graph, node) {
            cr_expect_neq(node->op, OP_dequantize, "decoded outside its kernel");
        }
        Tensor a[1], b[1];
        int64_t symbols[1] = {3};
        evaluate_graph(&plain, plain.graph, symbols, false, a);
        evaluate_graph(&fused, fused.graph, symbols, false, b);
        cr_expect(identical(a, b));
        net_free(&plain);
        net_free(&fused);
    }
}

Test(quantize, shared_weight_is_stored_once) {
    Net net = net_load("network t(x: f32[N, 4], z: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                       "  param w: f32[4, 4]\n  y = matmul(x, w) + matmul(z, w)\n}\n");
    net.options.quantize_delta = 0.05;
    net_level(&net, 2);
    int stored = 0;
    graph_each(net.graph, node) {
        stored += node->op == OP_const && node->results[0]->type.dtype == DT_i8;
    }
    cr_expect_eq(stored, 1);
    cr_expect_null(strstr(strstr(str_text(&net.report), "bytes") + 5, "y "), "%s",
                   str_text(&net.report));
    net_free(&net);
}

Test(quantize, report) {
    Net net = net_load(two_layers);
    net.options.quantize_delta = 0.05;
    net_run(&net, "quantize");
    const char *text = str_text(&net.report);
    const Node *encoder = net_node(&net, OP_quantize);
    Tensor weight;
    double signal = 0, noise = 0;
    char expected[64];
    cr_assert(interp_constant(encoder->operands[0], &weight, net.arena, net.diag));
    for (int64_t i = 0; i < tensor_elements(&weight); i++) {
        double w = tensor_get(&weight, i);
        double error = w - (double)((float)rint((double)((float)w / 0.05f)) * 0.05f);
        signal += w * w;
        noise += error * error;
    }
    snprintf(expected, sizeof expected, "SNR %6.2f dB  128 -> 32 bytes",
             10 * log10(signal / noise));
    cr_expect_not_null(strstr(text, expected), "'%s' is not in:\n%s", expected, text);
    cr_expect_not_null(strstr(text, "i8"));
    cr_expect_not_null(strstr(text, "total"));
    net_free(&net);
}

/* ---- refusals ----------------------------------------------------------------------------------
 */

Test(quantize, too_small_a_step) {
    Net net = net_load("network t(x: f32[N, 4]) -> (y: f32[N, 8]) {\n"
                       "  @delta(1e-12)\n  fc = dense(x, 8)\n  y = fc\n}\n");
    cr_expect_not(net_try(&net, "quantize"));
    const char *text = diag_text(net.diag), *step = strstr(text, "at least ");
    cr_expect_not_null(strstr(text, "'fc'"), "%s", text);
    cr_assert_not_null(step, "%s", text);
    /* What the message proposes works. */
    double least = strtod(step + strlen("at least "), NULL);
    net_free(&net);
    net =
        net_load("network t(x: f32[N, 4]) -> (y: f32[N, 8]) {\n  fc = dense(x, 8)\n  y = fc\n}\n");
    net.options.quantize_delta = least;
    net_run(&net, "quantize");
    expect_rounded(&net, least, DT_i32);
    net_free(&net);
}

typedef struct OneWeight {
    double value;
    Arena *arena;
} OneWeight;

static bool find_one(void *self, const char *path, Tensor *tensor) {
    const OneWeight *one = self;
    (void)path;
    *tensor = tensor_new(one->arena, DT_f32, 2, (const int64_t[]){2, 2});
    for (int64_t i = 0; i < 4; i++) tensor_set(tensor, i, i == 3 ? one->value : 0.5);
    return true;
}

Test(quantize, weights_must_be_finite) {
    static const double values[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        Net net = net_load("network t(x: f32[N, 2]) -> (y: f32[N, 2]) {\n"
                           "  fc = dense(x, 2, bias=false)\n  y = fc\n}\n");
        OneWeight one = {values[i], net.arena};
        net.module->params = (ParamSource){find_one, &one};
        net.options.quantize_delta = 0.1;
        cr_expect_not(net_try(&net, "quantize"));
        cr_expect_not_null(strstr(diag_text(net.diag), isnan(values[i]) ? "NaN" : "infinite"));
        cr_expect_not_null(strstr(diag_text(net.diag), "'fc'"));
        net_free(&net);
    }
}

Test(quantize, halves_go_to_even_and_limits_hold) {
    static const struct {
        double value;
        DType to;
    } cases[] = {{63.5, DT_i8}, {63.75, DT_i16}, {64, DT_i16},
                 {-64, DT_i8},  {-64.25, DT_i8}, {-64.5, DT_i16}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Net net = net_load("network t(x: f32[N, 2]) -> (y: f32[N, 2]) {\n"
                           "  y = dense(x, 2, bias=false)\n}\n");
        OneWeight one = {cases[i].value, net.arena};
        net.module->params = (ParamSource){find_one, &one};
        net.options.quantize_delta = 0.5;
        net_run(&net, "quantize");
        expect_rounded(&net, 0.5, cases[i].to);
        net_free(&net);
    }
}
