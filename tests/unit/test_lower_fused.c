/* Lowering of fused bodies: what may stand before and after an anchor, and what becomes a kernel of
 * its own. */
#include "tests/unit/lower_fixture.h"

#define INTS(name, ...)                                                                            \
    attr_ints(name, (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (const int64_t[]){__VA_ARGS__})

/* A body under construction: its builder is f->b as long as it is open. */
typedef struct Body {
    Graph *graph;
    Builder outside;
    int count;
    Value *operands[8];
} Body;

static Body body_open(Fixture *f) {
    Body body = {.outside = f->b, .graph = graph_create(f->module, "body")};
    f->b.graph = body.graph;
    return body;
}

/* What stands for x inside. */
static Value *take(Body *body, Value *x) {
    const char *name = arena_printf(
        x->def ? x->def->graph->module->arena : body->graph->module->arena, "p%d", body->count);
    body->operands[body->count++] = x;
    return graph_add_input(body->graph, name, &x->type, (Span){0});
}

static Node *body_close(Fixture *f, Body *body, int count, Value *const *results) {
    static const char *const names[4] = {"r0", "r1", "r2", "r3"};
    graph_set_outputs(body->graph, count, results, names);
    f->b = body->outside;
    return build_fused(&f->b, body->count, body->operands, body->graph);
}

/* Only as it is: the passes would take the body apart. Returns the number of kernels on the last
 * target. */
static size_t check(Fixture *f, int count, Value *const *values) {
    static const int64_t sizes[] = {1, 0, 5};
    size_t kernels = 0;
    fixture_outputs(f, count, values);
    const Graph *g = f->module->graph;
    cr_assert(graph_verify(g, f->diag, "the test"), "%s", diag_text(f->diag));
    for (size_t s = 0; s < COUNT_OF(sizes); s++) {
        const Tensor *inputs = noise_inputs(f, g, &sizes[s]);
        Tensor reference[8];
        InterpOptions options = {.symbols = &sizes[s]};
        cr_assert(interp_run(g, inputs, reference, f->arena, &options, f->diag), "%s",
                  diag_text(f->diag));
        for (size_t t = 0; t < COUNT_OF(test_targets); t++) {
            expect_lowered(f, g, &test_targets[t],
                           arena_printf(f->arena, "N=%lld", (long long)sizes[s]), inputs,
                           reference);
            kernels = lower_graph(g, &test_targets[t], f->diag)->calls.len;
        }
    }
    return kernels;
}

static size_t finish(Fixture *f, Body *body, Value *result) {
    size_t kernels = check(f, 1, body_close(f, body, 1, &result)->results);
    arena_destroy(f->arena);
    return kernels;
}

static Value *conv(Fixture *f, Value *x, Value *w, int pad) {
    Value *xs[2] = {x, w};
    return build_value(&f->b, OP_conv2d, 2, xs, 1, (Attr[]){INTS("pad", pad, pad, pad, pad)});
}

static Value *relayout(Fixture *f, Value *x, const char *text) {
    Layout layout = {0};
    if (text) cr_assert(layout_parse(&text, x->type.rank, &layout));
    return build1(&f->b, OP_relayout, x, attr_layout("layout", module_layout(f->module, &layout)));
}

Test(lower_fused, pad_after_convolution) {
    static const char *const layouts[] = {NULL, "NCHW8c", "NHWC"};
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[N, 8, 6, 7]"),
              *w = fixture_weight(&f, "f32[24, 8, 3, 3]");
        Body body = body_open(&f);
        Value *y = build1(&f.b, OP_exp, conv(&f, take(&body, x), take(&body, w), 1));
        y = build1(&f.b, OP_pad, y, INTS("pads", 0, 1, 2, 0, 0, 0, 1, 3), attr_float("value", -2));
        y = build1(&f.b, OP_neg, relayout(&f, y, layouts[i]));
        Node *node = body_close(&f, &body, 1, &y);
        size_t kernels = check(&f, 1, (Value *[]){relayout(&f, node->results[0], NULL)});
        cr_expect_eq(kernels, 2);
        arena_destroy(f.arena);
    }
}

Test(lower_fused, heads_after_dense) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 5, 12]"), *w = fixture_weight(&f, "f32[48, 12]");
    Value *r = fixture_input(&f, "r", "f32[3, 5, 16]");
    Body body = body_open(&f);
    Value *y = build2(&f.b, OP_dense, take(&body, x), take(&body, w));
    TensorType heads = fixture_type(&f, "f32[N, 5, 3, 16]");
    y = build1(&f.b, OP_reshape, y, attr_dims("shape", 4, heads.dims));
    y = build1(&f.b, OP_transpose, y, INTS("perm", 0, 2, 1, 3));
    cr_expect_eq(finish(&f, &body, build2(&f.b, OP_add, y, take(&body, r))), 1);
}

Test(lower_fused, epilogue_that_uses_the_anchor_twice) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 20]"), *w = fixture_weight(&f, "f32[20, 17]");
    Body body = body_open(&f);
    Value *y = build2(&f.b, OP_matmul, take(&body, x), take(&body, w));
    cr_expect_eq(finish(&f, &body, build2(&f.b, OP_mul, y, build1(&f.b, OP_sigmoid, y))), 1);
}

Test(lower_fused, what_is_not_one_to_one_takes_two_kernels) {
    for (int i = 0; i < 5; i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[N, 20]"), *w = fixture_weight(&f, "f32[20, 18]");
        Body body = body_open(&f);
        Value *y = build2(&f.b, OP_matmul, take(&body, x), take(&body, w));
        TensorType wide = fixture_type(&f, "f32[2, N, 18]"), flat = fixture_type(&f, "f32[18, N]");
        if (i == 0)
            y = build1(&f.b, OP_slice, y, INTS("starts", 3), INTS("ends", 9), INTS("axes", 1));
        if (i == 1) y = build1(&f.b, OP_broadcast_to, y, attr_dims("shape", 3, wide.dims));
        if (i == 2)
            y = build2(&f.b, OP_add, build1(&f.b, OP_transpose, y),
                       build1(&f.b, OP_reshape, y, attr_dims("shape", 2, flat.dims)));
        if (i == 3) {
            y = build1(&f.b, OP_pad, y, INTS("pads", 0, 1, 0, 2));
            y = build1(&f.b, OP_pad, y, INTS("pads", 1, 0, 0, 0), attr_float("value", 1));
        }
        if (i == 4) y = build1(&f.b, OP_pad, y, INTS("pads", 0, -1, 0, 2));
        cr_expect_eq(finish(&f, &body, y), 2, "case %d", i);
    }
}

Test(lower_fused, two_anchors) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 20]"), *w = fixture_weight(&f, "f32[20, 18]");
    Body body = body_open(&f);
    Value *y = build1(&f.b, OP_exp, build2(&f.b, OP_matmul, take(&body, x), take(&body, w)));
    cr_expect_eq(
        finish(&f, &body, build1(&f.b, OP_relu, build1(&f.b, OP_reduce_sum, y, INTS("axes", 1)))),
        2);
}

Test(lower_fused, prologues) {
    static const OpKind ops[] = {OP_reduce_sum, OP_reduce_max, OP_softmax, OP_argmax};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[N, 4, 10]"), *b = fixture_input(&f, "b", "f32[10]");
        Body body = body_open(&f);
        Value *y = build2(&f.b, OP_mul, take(&body, x), take(&body, b));
        TensorType flat = fixture_type(&f, "f32[N, 40]");
        y = build1(&f.b, OP_reshape, build1(&f.b, OP_transpose, y, INTS("perm", 0, 2, 1)),
                   attr_dims("shape", 2, flat.dims));
        y = ops[i] == OP_argmax    ? build1(&f.b, OP_argmax, y, attr_int("axis", 1))
            : ops[i] == OP_softmax ? build1(&f.b, OP_softmax, y)
                                   : build1(&f.b, ops[i], y, INTS("axes", 1));
        cr_expect_eq(finish(&f, &body, build2(&f.b, OP_add, y, y)), 1);
    }
}

Test(lower_fused, padded_input_of_convolution_and_pool) {
    for (int i = 0; i < 2; i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[N, 3, 6, 6]"),
              *w = fixture_weight(&f, "f32[5, 3, 3, 3]");
        Body body = body_open(&f);
        Value *y = build1(&f.b, OP_pad, build1(&f.b, OP_exp, take(&body, x)),
                          INTS("pads", 0, 0, 1, 1, 0, 0, 1, 2));
        y = i ? conv(&f, y, take(&body, w), 1)
              : build1(&f.b, OP_avg_pool2d, y, INTS("kernel", 3, 3), INTS("stride", 1, 2),
                       INTS("pad", 1, 1, 1, 1));
        cr_expect_eq(finish(&f, &body, y), 1);
    }
}

Test(lower_fused, several_results) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 6]");
    Body body = body_open(&f);
    Value *inside = take(&body, x);
    Value *sum = build1(&f.b, OP_reduce_sum, inside, INTS("axes", 1), attr_bool("keepdims", true));
    Value *d = build2(&f.b, OP_sub, inside, sum);
    Node *node = body_close(&f, &body, 4, (Value *[]){d, sum, inside, d});
    Value *view = build1(&f.b, OP_exp, node->results[2]);
    check(&f, 4, (Value *[]){node->results[0], node->results[1], view, node->results[3]});
    arena_destroy(f.arena);
}

Test(lower_fused, constants_inside) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 6]"), *two = build_scalar(&f.b, DT_f32, 2);
    Body body = body_open(&f);
    Value *inside = build2(&f.b, OP_mul, take(&body, x), take(&body, two));
    inside = build2(&f.b, OP_add, inside, fixture_weight(&f, "f32[6]"));
    cr_expect_eq(finish(&f, &body, build2(&f.b, OP_sub, inside, build_scalar(&f.b, DT_f32, 0.5))),
                 1);
}

Test(lower_fused, all_kinds_of_quantized_weights) {
    static const char *const types[] = {"i8[24, 32]", "i16[24, 32]", "i32[24, 32]", "i4[24, 32]"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[N, 32]"), *w = fixture_weight(&f, types[i]);
        w = relayout(&f, w, "split(0,8) permute(0,2,1)");
        Body body = body_open(&f);
        Value *d = build1(&f.b, OP_dequantize, relayout(&f, take(&body, w), NULL),
                          attr_float("delta", 0.25), attr_dtype("to", DT_f32));
        cr_expect_eq(finish(&f, &body, build2(&f.b, OP_dense, take(&body, x), d)), 2);
    }
}

/* Padding is zero in memory: whole vectors of it are read. */
Test(lower_fused, padding_is_written_and_read) {
    static const char *const layouts[] = {"NCHW16c", "pad(1,2,6) split(1,16) permute(0,1,3,4,2)",
                                          "pad(2,1,1) pad(3,0,2) split(1,16) permute(0,1,3,4,2)"};
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[N, 8, 6, 7]");
        Value *w = fixture_weight(&f, "f32[24, 8, 3, 3]");
        Body first = body_open(&f);
        Value *y = build1(&f.b, OP_exp, conv(&f, take(&first, x), take(&first, w), 1));
        y = relayout(&f, y, layouts[i]);
        Node *node = body_close(&f, &first, 1, &y);
        Body second = body_open(&f);
        y = relayout(&f, take(&second, node->results[0]), NULL);
        y = build1(&f.b, OP_max_pool2d, y, INTS("kernel", 2, 2), INTS("stride", 1, 1));
        y = relayout(&f, y, "NCHW16c");
        node = body_close(&f, &second, 1, &y);
        check(&f, 1, (Value *[]){relayout(&f, node->results[0], NULL)});
        arena_destroy(f.arena);
    }
}

/* Sums of whole numbers are exact in f32 and need rounding in f16, which the cast then shows. */
Test(lower_fused, anchor_in_half_precision_is_rounded) {
    Fixture f = fixture_create();
    Value *sixteen = build_scalar(&f.b, DT_f16, 16);
    Value *x = fixture_input(&f, "x", "f16[N, 64]"), *w = fixture_input(&f, "w", "f16[64, 20]");
    x = build1(&f.b, OP_round, build2(&f.b, OP_mul, x, sixteen));
    w = build1(&f.b, OP_round, build2(&f.b, OP_mul, w, sixteen));
    Body body = body_open(&f);
    Value *y = build2(&f.b, OP_matmul, take(&body, x), take(&body, w));
    finish(&f, &body, build1(&f.b, OP_cast, y, attr_dtype("to", DT_f32)));
}

Test(lower_fused, concat_in_layouts) {
    static const char *const layouts[] = {NULL, "NCHW8c", "NCHW16c", "NHWC"};
    static const int64_t axes[] = {1, 3, 0};
    for (size_t i = 0; i < COUNT_OF(layouts) * COUNT_OF(axes); i++) {
        Fixture f = fixture_create();
        int64_t axis = axes[i / COUNT_OF(layouts)];
        Value *a = fixture_input(&f, "a", "f32[N, 16, 3, 5]");
        Value *b = fixture_input(&f, "b", axis == 1 ? "f32[N, 8, 3, 5]" : "f32[N, 16, 3, 5]");
        Value *bias = fixture_input(&f, "bias", "f32[5]");
        Body body = body_open(&f);
        Value *xs[3] = {take(&body, a), take(&body, b), NULL};
        xs[2] = build1(&f.b, OP_neg, xs[0]);
        Value *y = build_value(&f.b, OP_concat, 3, xs, 1, (Attr[]){attr_int("axis", axis)});
        if (axis != 3) y = build2(&f.b, OP_add, y, take(&body, bias));
        y = relayout(&f, build1(&f.b, OP_exp, y), layouts[i % COUNT_OF(layouts)]);
        Node *node = body_close(&f, &body, 1, &y);
        check(&f, 1, (Value *[]){relayout(&f, node->results[0], NULL)});
        arena_destroy(f.arena);
    }
}

Test(lower_fused, weights_are_packed_as_their_layout_says) {
    static const char *const layouts[] = {"split(0,8) permute(0,2,1)",
                                          "pad(0,3,2) pad(1,1,0) split(0,16) permute(2,0,1)",
                                          "permute(1,0)"};
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        Fixture f = fixture_create();
        const char *text = layouts[i];
        Layout layout;
        cr_assert(layout_parse(&text, 2, &layout), "%s", layouts[i]);
        Value *x = fixture_input(&f, "x", "f32[N, 12]"), *w = fixture_weight(&f, "f32[20, 12]");
        w->type.layout = module_layout(f.module, &layout);
        Body body = body_open(&f);
        Value *y = build2(&f.b, OP_dense, take(&body, x), relayout(&f, take(&body, w), NULL));
        cr_expect_eq(finish(&f, &body, y), 1);
    }
}
