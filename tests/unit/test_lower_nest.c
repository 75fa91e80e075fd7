/* Lowering of contractions, reductions and windows agrees with the reference interpreter, whatever
 * the shapes, layouts and epilogues; plans. */
#include <math.h>

#include "codegen/schedule/plan.h"
#include "tests/unit/lower_fixture.h"

static const int64_t no_symbols[1] = {0};

#define INTS(name, ...)                                                                            \
    attr_ints(name, (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (const int64_t[]){__VA_ARGS__})

static void expect_at_sizes(Fixture *f) {
    static const int64_t sizes[] = {1, 0, 5, 19};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) expect_agreement(f, &sizes[i]);
}

static void check(Fixture *f) {
    if (dim_symbol_count(f->module->dims))
        expect_at_sizes(f);
    else
        expect_agreement(f, no_symbols);
    arena_destroy(f->arena);
}

static void finish(Fixture *f, Value *y) {
    fixture_output(f, y);
    check(f);
}

static Value *relayout(Fixture *f, Value *x, const char *text) {
    Layout layout = {0};
    if (text) cr_assert(layout_parse(&text, x->type.rank, &layout), "%s", text);
    return build1(&f->b, OP_relayout, x, attr_layout("layout", module_layout(f->module, &layout)));
}

/* ---- products -------------------------------------------------------------------------------- */

Test(lower_products, dense) {
    static const char *const shapes[][2] = {
        {"f32[N, 24]", "f32[10, 24]"},    {"f32[N, 7]", "f32[1, 7]"},
        {"f32[3, 5, 16]", "f32[48, 16]"}, {"f32[33]", "f32[40, 33]"},
        {"f64[N, 9]", "f64[11, 9]"},      {"f16[N, 9]", "f16[11, 9]"}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", shapes[i][0]);
        finish(&f, build2(&f.b, OP_dense, x, fixture_weight(&f, shapes[i][1])));
    }
}

Test(lower_products, dense_with_bias_relu_and_residual) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 20]");
    Value *xs[3] = {x, fixture_weight(&f, "f32[20, 20]"), fixture_weight(&f, "f32[20]")};
    Value *y = build_value(&f.b, OP_dense, 3, xs, 1, (Attr[]){attr_string("weight_order", "io")});
    finish(&f, build2(&f.b, OP_mul, build1(&f.b, OP_relu, y),
                      build2(&f.b, OP_add, x, build1(&f.b, OP_sigmoid, y))));
}

Test(lower_products, matmul) {
    static const char *const shapes[][2] = {{"f32[N, 12]", "f32[12, 30]"},
                                            {"f32[2, 3, 4]", "f32[4, 5]"},
                                            {"f32[3, 1, 6, 4]", "f32[2, 4, 17]"},
                                            {"f32[N, 8]", "f32[8, N]"},
                                            {"f32[8, N]", "f32[N, 8]"},
                                            {"i32[5, 7]", "i32[7, 21]"},
                                            {"i8[5, 70]", "i8[70, 3]"}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        Fixture f = fixture_create();
        Value *a = fixture_input(&f, "a", shapes[i][0]), *b = fixture_input(&f, "b", shapes[i][1]);
        finish(&f, build2(&f.b, OP_matmul, a, b));
    }
}

Test(lower_products, attention) {
    Fixture f = fixture_create();
    Value *q = fixture_input(&f, "q", "f32[N, 2, 8]"), *k = fixture_input(&f, "k", "f32[N, 2, 8]");
    Value *v = fixture_input(&f, "v", "f32[N, 2, 8]");
    Value *qt = build1(&f.b, OP_transpose, q, INTS("perm", 1, 0, 2));
    Value *kt = build1(&f.b, OP_transpose, k, INTS("perm", 1, 2, 0));
    Value *vt = build1(&f.b, OP_transpose, v, INTS("perm", 1, 0, 2));
    Value *scores =
        build2(&f.b, OP_mul, build2(&f.b, OP_matmul, qt, kt), build_scalar(&f.b, DT_f32, 0.35));
    Value *y = build2(&f.b, OP_matmul, build1(&f.b, OP_softmax, scores), vt);
    finish(&f, build1(&f.b, OP_transpose, y, INTS("perm", 1, 0, 2)));
}

Test(lower_products, quantized_weights) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 32]");
    Value *w = build1(&f.b, OP_dequantize, fixture_weight(&f, "i8[32, 32]"),
                      attr_float("delta", 0.1), attr_dtype("to", DT_f32));
    finish(&f, build2(&f.b, OP_dense, x, w));
}

/* ---- convolutions ---------------------------------------------------------------------------- */

static Value *conv(Fixture *f, Value *x, const char *weight, int stride, int pad, int dilation,
                   int groups) {
    Value *xs[2] = {x, fixture_weight(f, weight)};
    Attr attrs[] = {INTS("stride", stride, stride), INTS("pad", pad, pad, pad, pad + (stride > 1)),
                    INTS("dilation", dilation, dilation), attr_int("groups", groups)};
    return build_value(&f->b, OP_conv2d, 2, xs, (int)COUNT_OF(attrs), attrs);
}

Test(lower_convolution, shapes) {
    static const struct {
        const char *x, *weight;
        int stride, pad, dilation, groups;
    } cases[] = {
        {"f32[N, 1, 9, 9]", "f32[10, 1, 5, 5]", 1, 0, 1, 1},
        {"f32[1, 3, 11, 13]", "f32[32, 3, 7, 7]", 2, 3, 1, 1},
        {"f32[1, 16, 6, 6]", "f32[32, 16, 3, 3]", 1, 1, 1, 1},
        {"f32[1, 5, 7, 9]", "f32[6, 5, 3, 3]", 1, 2, 2, 1},
        {"f32[2, 32, 5, 5]", "f32[16, 32, 1, 1]", 2, 0, 1, 1},
        {"f32[1, 8, 6, 6]", "f32[12, 2, 3, 3]", 1, 1, 1, 4},
        {"f32[1, 32, 7, 7]", "f32[32, 1, 3, 3]", 1, 1, 1, 32},
        {"f32[1, 64, 4, 4]", "f32[64, 32, 1, 1]", 1, 0, 1, 2},
        {"f64[1, 3, 5, 5]", "f64[4, 3, 3, 3]", 1, 1, 1, 1},
        {"f32[1, 2, N + 3, 8]", "f32[3, 2, 3, 3]", 1, 1, 1, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", cases[i].x);
        finish(&f, conv(&f, x, cases[i].weight, cases[i].stride, cases[i].pad, cases[i].dilation,
                        cases[i].groups));
    }
}

Test(lower_convolution, residual_block) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[1, 16, 7, 7]");
    Value *y = build1(&f.b, OP_relu, conv(&f, x, "f32[16, 16, 3, 3]", 1, 1, 1, 1));
    y = conv(&f, y, "f32[16, 16, 3, 3]", 1, 1, 1, 1);
    y = build1(
        &f.b, OP_relu,
        build2(&f.b, OP_add, build2(&f.b, OP_mul, y, fixture_weight(&f, "f32[16, 1, 1]")), x));
    y = build1(&f.b, OP_max_pool2d, y, INTS("kernel", 3, 3), INTS("stride", 2, 2),
               INTS("pad", 1, 1, 1, 1));
    finish(&f, build1(&f.b, OP_flatten, build1(&f.b, OP_reduce_mean, y, INTS("axes", 2, 3))));
}

/* The sum runs along blocks of channels and is the vector axis too: each channel counts once. */
Test(lower_convolution, sums_along_blocked_channels) {
    Fixture f = fixture_create();
    Value *x = relayout(&f, fixture_input(&f, "x", "f32[1, 128, 6, 6]"), "NCHW16c");
    Value *y = conv(&f, x, "f32[27, 128, 1, 1]", 1, 0, 1, 1);
    finish(&f, relayout(&f, relayout(&f, y, "NCHW16c"), NULL));
}

Test(lower_convolution, any_layout) {
    static const char *const layouts[] = {"NCHW16c", "NCHW8c", "NHWC",
                                          "pad(2,1,1) pad(3,1,2) split(1,4) permute(0,1,3,4,2)",
                                          "split(3,4)"};
    for (size_t i = 0; i < COUNT_OF(layouts) * COUNT_OF(layouts); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[1, 20, 6, 6]");
        x = relayout(&f, x, layouts[i / COUNT_OF(layouts)]);
        Value *y = conv(&f, x, "f32[20, 20, 3, 3]", 1, i % 2, 1, 1);
        y = relayout(&f, build1(&f.b, OP_exp, y), layouts[i % COUNT_OF(layouts)]);
        finish(&f, relayout(&f, y, NULL));
    }
}

/* Vectors along the channels of a plain image: its rows are shorter than a square, as long, longer. */
Test(lower_convolution, turned_results) {
    static const char *const shapes[] = {"f32[2, 3, 5, 3]", "f32[1, 3, 4, 16]", "f32[1, 3, 3, 37]"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        Fixture f = fixture_create();
        Value *w = fixture_weight(&f, "f32[32, 3, 3, 3]");
        Value *blocked = relayout(&f, w, "split(0,16) permute(0,2,3,4,1)");
        Value *x = fixture_input(&f, "x", shapes[i]);
        Value *y = build2(&f.b, OP_conv2d, x, blocked, INTS("pad", 1, 1, 1, 1));
        finish(&f, build1(&f.b, OP_relu, y));
    }
}

/* ---- reductions ------------------------------------------------------------------------------ */

Test(lower_reduction, axes) {
    static const OpKind ops[] = {OP_reduce_sum, OP_reduce_mean, OP_reduce_max, OP_reduce_min,
                                 OP_reduce_prod};
    for (int bits = 0; bits < 8; bits++) {
        for (size_t i = 0; i < COUNT_OF(ops); i++) {
            Fixture f = fixture_create();
            int64_t axes[3];
            int count = 0;
            for (int a = 0; a < 3; a++)
                if (bits >> a & 1) axes[count++] = a;
            Value *x = fixture_input(&f, "x", "f32[3, N, 21]");
            /* Products of many numbers stay within range. */
            if (ops[i] == OP_reduce_prod)
                x = build1(&f.b, OP_exp, build2(&f.b, OP_mul, x, build_scalar(&f.b, DT_f32, 0.1)));
            finish(&f, build1(&f.b, ops[i], x, attr_ints("axes", count, axes),
                              attr_bool("keepdims", bits & 1)));
        }
    }
}

Test(lower_reduction, integers_and_halves) {
    static const char *const types[] = {"i32[5, 40]", "i64[5, 40]", "u8[5, 40]", "f16[5, 40]",
                                        "f64[5, 40]"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", types[i]);
        Value *most = build1(&f.b, OP_reduce_max, x, INTS("axes", 1)),
              *sum = build1(&f.b, OP_reduce_sum, x, INTS("axes", 1));
        fixture_outputs(&f, 2, (Value *[]){most, sum});
        check(&f);
    }
}

Test(lower_reduction, long_sums_stay_exact) {
    Fixture f = fixture_create();
    Value *x = build1(&f.b, OP_abs, fixture_input(&f, "x", "f32[150000]"));
    finish(&f, build1(&f.b, OP_reduce_sum, x));
}

Test(lower_reduction, layer_norm) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 40]");
    Value *mean = build1(&f.b, OP_reduce_mean, x, INTS("axes", -1), attr_bool("keepdims", true));
    Value *d = build2(&f.b, OP_sub, x, mean);
    Value *variance = build1(&f.b, OP_reduce_mean, build2(&f.b, OP_mul, d, d), INTS("axes", 1),
                             attr_bool("keepdims", true));
    Value *root =
        build1(&f.b, OP_sqrt, build2(&f.b, OP_add, variance, build_scalar(&f.b, DT_f32, 1e-5)));
    finish(&f, build2(&f.b, OP_mul, build2(&f.b, OP_div, d, root), fixture_weight(&f, "f32[40]")));
}

Test(lower_reduction, argmax) {
    for (int axis = 0; axis < 3; axis++) {
        Fixture f = fixture_create();
        Value *x =
            build1(&f.b, OP_round, fixture_input(&f, "x", "f32[3, 6, 20]")); /* many equal ones */
        Value *y =
            build1(&f.b, OP_argmax, x, attr_int("axis", axis), attr_bool("keepdims", axis == 1));
        finish(&f, build2(&f.b, OP_add, y, y));
    }
}

Test(lower_reduction, softmax) {
    static const char *const shapes[] = {"f32[N, 10]", "f32[2, 3, 40]", "f32[3, 20, 5, 6]",
                                         "f32[7, N]", "f16[3, 20]"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        for (int axis = 0; axis < 2; axis++) {
            Fixture f = fixture_create();
            Value *x = fixture_input(&f, "x", shapes[i]);
            Value *y = build1(&f.b, OP_softmax, build2(&f.b, OP_add, x, x),
                              attr_int("axis", axis ? 1 : -1));
            finish(&f, build1(&f.b, OP_neg, y));
        }
    }
}

Test(lower_scan, cumsum) {
    static const char *const shapes[] = {"f32[N, 10]", "f32[2, 3, 40]", "f32[3, 20, 5, 6]",
                                         "i8[7, N]", "f16[3, 20]"};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        for (int axis = 0; axis < 2; axis++) {
            Fixture f = fixture_create();
            Value *x = fixture_input(&f, "x", shapes[i]);
            Value *y = build1(&f.b, OP_cumsum, build2(&f.b, OP_add, x, x), attr_int("axis", axis),
                              attr_bool("reverse", i % 2), attr_bool("exclusive", i / 2 % 2));
            finish(&f, build1(&f.b, OP_neg, y));
        }
    }
}

Test(lower_reduction, nan_and_infinity) {
    Fixture f = fixture_create();
    static const double special[] = {NAN, INFINITY, -INFINITY, 1, 2, -3, 0, 7};
    int64_t dims[2] = {4, 8};
    Tensor t = tensor_new(f.arena, DT_f32, 2, dims);
    for (int64_t i = 0; i < 32; i++)
        tensor_set(&t, i, i < 16 ? special[(i * 3 + i / 8) % 8] : (double)(i % 5));
    Value *x =
        build2(&f.b, OP_mul, fixture_input(&f, "one", "f32[1, 8]"), build_scalar(&f.b, DT_f32, 0));
    x = build2(&f.b, OP_add, x, build_const(&f.b, &t, true));
    fixture_outputs(&f, 5,
                    (Value *[]){build1(&f.b, OP_reduce_max, x, INTS("axes", 1)),
                                build1(&f.b, OP_reduce_min, x, INTS("axes", 0)),
                                build1(&f.b, OP_argmax, x, attr_int("axis", 1)),
                                build1(&f.b, OP_relu, x), build1(&f.b, OP_softmax, x)});
    check(&f);
}

/* ---- windows --------------------------------------------------------------------------------- */

/* Memory has no axis for a height of 1, and its padding is still tested. */
Test(lower_window, pools_of_one_row) {
    static const OpKind ops[] = {OP_max_pool2d, OP_avg_pool2d};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[5, 2, 1, 17]");
        finish(&f, build1(&f.b, ops[i], x, INTS("kernel", 3, 3), INTS("stride", 2, 2),
                          INTS("pad", 1, 1, 1, 2)));
    }
}

Test(lower_window, pools) {
    static const OpKind ops[] = {OP_max_pool2d, OP_avg_pool2d};
    for (int i = 0; i < 8; i++) {
        Fixture f = fixture_create();
        bool blocked = i & 4;
        Value *x = fixture_input(&f, "x", blocked ? "f32[1, 32, 8, 9]" : "f32[N, 3, 8, 9]");
        if (blocked) x = relayout(&f, x, "NCHW16c");
        Value *y = build1(&f.b, ops[i & 1], x, INTS("kernel", 3, 2), INTS("stride", 2, 1),
                          INTS("pad", i & 2, (i & 2) / 2, 1, (i & 2) / 2));
        finish(&f, relayout(&f, build1(&f.b, OP_relu, y), NULL));
    }
}

/* ---- plans ----------------------------------------------------------------------------------- */

/* Plan of the only kernel of a graph as the passes leave it. */
static const char *plan_of(Fixture *f, Value *y, const TargetDesc *target, size_t kernel) {
    fixture_output(f, y);
    LProgram *program = lower_graph(optimized(f, target), target, f->diag);
    cr_assert_not_null(program, "%s", diag_text(f->diag));
    cr_assert_lt(kernel, program->kernels.len);
    return program->kernels.data[kernel]->plan;
}

Test(plans, convolution_fills_the_registers) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[1, 64, 58, 58]");
    x = conv(&f, x, "f32[64, 64, 3, 3]", 1, 0, 1, 1);
    Value *y = conv(&f, x, "f32[64, 64, 1, 1]", 1, 0, 1, 1);
    y = conv(&f, y, "f32[64, 64, 1, 1]", 1, 0, 1, 1);
    cr_expect_str_eq(plan_of(&f, y, &test_targets[3], 0), "vector=oc:16x2 tile=ow:14 unroll=1");
    arena_destroy(f.arena);
}

Test(plans, short_sums_leave_room_for_their_results) {
    static const char *const wanted[] = {"vector=g:16x1 tile=ow:14 tile=oh:2 unroll=1",
                                         "vector=g:16x1 tile=ow:14 unroll=1"};
    for (int near = 0; near < 2; near++) {
        Fixture f = fixture_create();
        TargetDesc target = test_targets[3];
        target.l2_bytes = near ? 1 << 20 : 1 << 16;
        Value *x = relayout(&f, fixture_input(&f, "x", "f32[1, 384, 16, 16]"), "NCHW16c");
        Value *y = conv(&f, x, "f32[384, 1, 3, 3]", 1, 0, 1, 384);
        fixture_output(&f, relayout(&f, relayout(&f, y, "NCHW16c"), NULL));
        LProgram *program = lower_graph(optimized(&f, &target), &target, f.diag);
        cr_assert_not_null(program, "%s", diag_text(f.diag));
        bool found = false;
        for (size_t i = 0; i < program->kernels.len; i++)
            found = found || strcmp(program->kernels.data[i]->plan, wanted[near]) == 0;
        cr_expect(found, "no kernel has the plan '%s'", wanted[near]);
        arena_destroy(f.arena);
    }
}

static const TargetDesc gpu = {.fma = true,
                               .cores = 64,
                               .group_items = 256,
                               .group_width = 32,
                               .item_registers = 128,
                               .load_bits = 128,
                               .local_bytes = 32 << 10};

Test(plans, groups_stage_what_is_used_again) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[1, 64, 56, 56]");
    cr_expect_str_eq(plan_of(&f, conv(&f, x, "f32[64, 64, 1, 1]", 1, 0, 1, 1), &gpu, 0),
                     "vector=none unroll=1 group=16x16 each=4x4 chunk=16 inner=ow");
    arena_destroy(f.arena);
}

Test(plans, groups_do_not_stage_a_depthwise_convolution) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[1, 64, 58, 58]");
    cr_expect_str_eq(plan_of(&f, conv(&f, x, "f32[64, 1, 3, 3]", 1, 0, 1, 64), &gpu, 0),
                     "vector=none unroll=1");
    arena_destroy(f.arena);
}

Test(plans, groups_sum_one_vector_by_trees) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[1, 512]");
    Value *y = build2(&f.b, OP_dense, x, fixture_weight(&f, "f32[1000, 512]"));
    cr_expect_str_eq(plan_of(&f, y, &gpu, 0), "vector=none unroll=1 tree=128x1");
    arena_destroy(f.arena);
}

Test(plans, print_and_parse) {
    Fixture f = fixture_create();
    static const char *const names[] = {"n", "oc", "ow", "ic"};
    static const char *const texts[] = {
        "vector=oc:16x2 tile=ow:14 unroll=1",
        "vector=none unroll=4",
        "vector=oc:16x2 unroll=1 parallel=tiles prefetch=results",
        "vector=ic:8x4 tile=ow:3 tile=oc:2 unroll=2 parallel=tiles",
        "vector=none unroll=1 matrix=2x2x32",
        "vector=none unroll=1 tree=64x4",
        "vector=none unroll=1 group=16x8 each=4x2 chunk=16 inner=oc",
        "vector=none unroll=1 lanes=oc:16 each=ow:4 terms=2"};
    static const char *const bad[] = {"",
                                      "vector=",
                                      "vector=oc:16",
                                      "vector=xx:8x1 unroll=1",
                                      "vector=none unroll=0",
                                      "vector=none tile=ic:3 unroll=1",
                                      "vector=none unroll=1 more",
                                      "vector=oc:8x1 tile=oc:2 unroll=1",
                                      "vector=oc:8x1 unroll=1 tree=64x4",
                                      "vector=none unroll=1 matrix=2x2x24",
                                      "vector=none unroll=1 matrix=2x0x32",
                                      "vector=none unroll=1 matrix=2x2x32 more",
                                      "vector=oc:8x1 unroll=1 matrix=2x2x32",
                                      "vector=none unroll=1 tree=64x5",
                                      "vector=none unroll=1 tree=64x64",
                                      "vector=none unroll=1 tree=64x4 more",
                                      "vector=none unroll=1 group=16x8 each=4x2 chunk=16",
                                      "vector=none unroll=1 group=16x8 each=4x3 chunk=16 inner=oc",
                                      "vector=none unroll=1 group=16x8 each=4x2 chunk=16 inner=ic",
                                      "vector=none unroll=1 lanes=oc:3 each=ow:4 terms=2",
                                      "vector=none unroll=1 lanes=ow:4 each=oc:4 terms=2",
                                      "vector=none unroll=1 lanes=oc:4 each=ow:0 terms=2",
                                      "vector=none unroll=1 lanes=oc:4 each=ow:4",
                                      "vector=oc:8x1 unroll=1 lanes=oc:4 each=ow:4 terms=2"};
    Contraction c = {.noperands = 2, .matrix = {.depth = 32}};
    for (int i = 0; i < 4; i++) {
        contraction_axis(&c, names[i], dim_int(f.module->dims, 64), i == 3);
        if (i != 1) affine_term(&c.operands[0].index[i], i, 1);
        if (i % 2) affine_term(&c.operands[1].index[i], i, 1);
    }
    static const int order[] = {0, 2, 1};
    memcpy(c.order, order, sizeof order);
    c.norder = 3;
    c.parts[c.nparts++] = (LoopPart){3, PART_WHOLE};
    for (int o = 0; o < 2; o++) {
        Value *value = arena_new(f.arena, Value);
        value->type.rank = 4;
        c.operands[o].value = value;
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        ContractionPlan plan;
        StrBuf text = {0};
        cr_assert(plan_parse(&c, texts[i], &plan), "%s", texts[i]);
        plan_print(&c, &plan, &text);
        cr_expect_str_eq(str_text(&text), texts[i]);
        str_free(&text);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        ContractionPlan plan;
        cr_expect_not(plan_parse(&c, bad[i], &plan), "%s", bad[i]);
    }
    arena_destroy(f.arena);
}
