/* Lowering agrees with the reference interpreter: operators, shapes, element types. */
#include "tests/unit/lower_fixture.h"

static const int64_t no_symbols[1] = {0};

#define INTS(name, ...)                                                                            \
    attr_ints(name, (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (const int64_t[]){__VA_ARGS__})

/* A network of one symbol N at several sizes. */
static void expect_at_sizes(Fixture *f) {
    static const int64_t sizes[] = {1, 0, 5, 19};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) expect_agreement(f, &sizes[i]);
}

static void finish(Fixture *f, Value *y) {
    fixture_output(f, y);
    if (dim_symbol_count(f->module->dims))
        expect_at_sizes(f);
    else
        expect_agreement(f, no_symbols);
    arena_destroy(f->arena);
}

static Value *dims_op(Fixture *f, OpKind op, Value *x, const char *attr, const char *shape) {
    TensorType type = fixture_type(f, shape);
    return build1(&f->b, op, x, attr_dims(attr, type.rank, type.dims));
}

/* ---- pointwise ------------------------------------------------------------------------------- */

Test(lower_pointwise, unary) {
    static const OpKind ops[] = {OP_neg, OP_abs, OP_relu,  OP_sigmoid, OP_tanh,
                                 OP_exp, OP_erf, OP_floor, OP_ceil,    OP_round};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        Fixture f = fixture_create();
        finish(&f, build1(&f.b, ops[i], fixture_input(&f, "x", "f32[3, 7]")));
    }
}

Test(lower_pointwise, positive_only) {
    Fixture f = fixture_create();
    Value *x = build1(&f.b, OP_abs, fixture_input(&f, "x", "f32[37]"));
    Value *y = build2(&f.b, OP_pow, x, fixture_input(&f, "p", "f32[37]"));
    finish(&f, build2(&f.b, OP_add, build1(&f.b, OP_log, x),
                      build2(&f.b, OP_add, build1(&f.b, OP_sqrt, x), y)));
}

Test(lower_pointwise, broadcast) {
    static const char *const shapes[][2] = {
        {"f32[N, 4, 5]", "f32[4, 1]"},    {"f32[N, 4, 5]", "f32[5]"},
        {"f32[N, 4, 5]", "f32[1, 4, 5]"}, {"f32[N, 4, 5]", "f32[]"},
        {"f32[4, 1, 3]", "f32[1, 6, 1]"}, {"f32[40, 1]", "f32[1, 40]"}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        Fixture f = fixture_create();
        Value *a = fixture_input(&f, "a", shapes[i][0]), *b = fixture_input(&f, "b", shapes[i][1]);
        finish(&f, build2(&f.b, OP_sub, build2(&f.b, OP_mul, a, b), a));
    }
}

Test(lower_pointwise, integers) {
    static const char *const types[][2] = {{"i8[41]", "i8[41]"},
                                           {"u8[41]", "u8[41]"},
                                           {"i16[41]", "i16[1]"},
                                           {"i32[41]", "i32[41]"},
                                           {"i64[41]", "i64[41]"}};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        Fixture f = fixture_create();
        Value *a = fixture_input(&f, "a", types[i][0]), *b = fixture_input(&f, "b", types[i][1]);
        Value *q = build2(&f.b, OP_div, a, b);
        Value *p = build2(&f.b, OP_mul, build2(&f.b, OP_mul, a, a), build2(&f.b, OP_maximum, a, b));
        finish(&f, build2(&f.b, OP_add, q, p));
    }
}

Test(lower_pointwise, comparisons_and_selection) {
    static const OpKind ops[] = {OP_eq, OP_ne, OP_lt, OP_le, OP_gt, OP_ge};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        Fixture f = fixture_create();
        Value *a = fixture_input(&f, "a", "i32[N, 3]"), *b = fixture_input(&f, "b", "i32[3]");
        Value *c = build2(&f.b, ops[i], a, b);
        Value *d = build2(&f.b, OP_or, build1(&f.b, OP_not, c), build2(&f.b, OP_and, c, c));
        Value *xs[3] = {c, a, b}, *ys[3] = {d, build_value(&f.b, OP_where, 3, xs, 0, NULL), b};
        finish(&f, build_value(&f.b, OP_where, 3, ys, 0, NULL));
    }
}

Test(lower_pointwise, bools_are_ordered) {
    static const OpKind ops[] = {OP_lt, OP_le, OP_gt, OP_ge};
    for (size_t i = 0; i < COUNT_OF(ops); i++) {
        Fixture f = fixture_create();
        Value *a = fixture_input(&f, "a", "i32[N, 5]"), *b = fixture_input(&f, "b", "i32[5]");
        Value *low = build2(&f.b, OP_lt, a, build_scalar(&f.b, DT_i32, 1));
        Value *small = build2(&f.b, OP_lt, b, build_scalar(&f.b, DT_i32, 0));
        finish(&f, build2(&f.b, ops[i], low, small));
    }
}

Test(lower_pointwise, casts) {
    static const DType types[] = {DT_f16, DT_bf16, DT_f64, DT_i8, DT_u8, DT_i16, DT_i64, DT_bool};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[2, 21]");
        x = build2(&f.b, OP_mul, x, build_scalar(&f.b, DT_f32, 100));
        finish(&f, build1(&f.b, OP_cast, x, attr_dtype("to", types[i])));
    }
}

Test(lower_pointwise, half_precision_rounds_every_step) {
    static const char *const types[] = {"f16[33]", "bf16[33]"};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", types[i]), *y = fixture_input(&f, "y", types[i]);
        Value *d = build2(&f.b, OP_sub, build2(&f.b, OP_add, x, y), x);
        finish(&f, build2(&f.b, OP_sub, d, y));
    }
}

Test(lower_pointwise, quantization) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[77]");
    Value *q = build1(&f.b, OP_quantize, x, attr_float("delta", 0.011), attr_dtype("to", DT_i8));
    finish(&f,
           build1(&f.b, OP_dequantize, q, attr_float("delta", 0.011), attr_dtype("to", DT_f32)));
}

Test(lower_pointwise, long_rows_are_cut) {
    Fixture f = fixture_create();
    finish(&f, build1(&f.b, OP_relu, fixture_input(&f, "x", "f32[2, 4500]")));
}

/* ---- movement -------------------------------------------------------------------------------- */

Test(lower_movement, reshapes) {
    static const char *const shapes[][2] = {
        {"f32[N, 2, 12]", "f32[N, 24]"}, {"f32[N, 24]", "f32[N, 2, 3, 4]"},
        {"f32[6, 4]", "f32[4, 6]"},      {"f32[2, 3, N]", "f32[6, N]"},
        {"f32[N, 6]", "f32[2, N, 3]"},   {"f32[1, 5, 1]", "f32[5]"}};
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        Fixture f = fixture_create();
        Value *x = build1(&f.b, OP_neg, fixture_input(&f, "x", shapes[i][0]));
        Value *y = dims_op(&f, OP_reshape, x, "shape", shapes[i][1]);
        finish(&f, build1(&f.b, OP_relu, y));
    }
}

Test(lower_movement, transposes) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 5, 18]");
    finish(&f, build1(&f.b, OP_transpose, build1(&f.b, OP_transpose, x, INTS("perm", 2, 0, 1))));
}

Test(lower_movement, broadcast_to) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 1, 7]");
    finish(&f, dims_op(&f, OP_broadcast_to, x, "shape", "f32[3, N, 4, 7]"));
}

Test(lower_movement, concat) {
    static const int64_t axes[] = {0, 1, -1};
    for (size_t i = 0; i < COUNT_OF(axes); i++) {
        Fixture f = fixture_create();
        const char *other = axes[i] == 0   ? "f32[N, 3, 5]"
                            : axes[i] == 1 ? "f32[2, 20, 5]"
                                           : "f32[2, 3, 30]";
        Value *xs[3] = {fixture_input(&f, "a", "f32[2, 3, 5]"), fixture_input(&f, "b", other),
                        NULL};
        xs[2] = build1(&f.b, OP_exp, xs[0]);
        finish(&f, build_value(&f.b, OP_concat, 3, xs, 1, (Attr[]){attr_int("axis", axes[i])}));
    }
}

Test(lower_movement, split) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 12, 5]");
    Node *node = build_node(&f.b, OP_split, 1, &x, 2,
                            (Attr[]){attr_int("parts", 3), attr_int("axis", 1)}, NULL);
    Value *y = build2(&f.b, OP_add, node->results[2], build1(&f.b, OP_exp, node->results[0]));
    fixture_outputs(&f, 3, (Value *[]){node->results[1], y, node->results[1]});
    expect_at_sizes(&f);
    arena_destroy(f.arena);
}

Test(lower_movement, slices) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 12, 20]");
    finish(&f, build1(&f.b, OP_slice, x, INTS("starts", -1, 1), INTS("ends", INT32_MIN, 19),
                      INTS("axes", 1, 2), INTS("steps", -2, 3)));
}

Test(lower_movement, pad_never_reads_outside) {
    Fixture f = fixture_create();
    Value *x = build1(&f.b, OP_exp, fixture_input(&f, "x", "f32[N, 3, 20]"));
    finish(&f, build1(&f.b, OP_pad, x, INTS("pads", 0, 1, 2, 1, 0, 3), attr_float("value", -1.5)));
}

Test(lower_movement, pad_cuts) {
    Fixture f = fixture_create();
    Value *x = build1(&f.b, OP_exp, fixture_input(&f, "x", "f32[N, 7, 20]"));
    finish(&f, build1(&f.b, OP_pad, x, INTS("pads", 0, -2, 2, 1, -1, -5), attr_float("value", 3)));
}

Test(lower_movement, gather) {
    static const int64_t axes[] = {0, 1};
    for (size_t i = 0; i < COUNT_OF(axes); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "f32[6, 5, 3]"),
              *at = fixture_input(&f, "at", "i32[N, 2]");
        finish(&f, build2(&f.b, OP_gather, x, at, attr_int("axis", axes[i])));
    }
}

Test(lower_movement, gather_clamps_any_index) {
    static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 3, -7, -6, -1, 5, 6, INT64_MAX};
    Fixture f = fixture_create();
    int64_t count = COUNT_OF(extremes);
    Tensor at = tensor_new(f.arena, DT_i64, 1, &count);
    for (int64_t i = 0; i < count; i++) tensor_set_int(&at, i, extremes[i]);
    Value *x = fixture_input(&f, "x", "f32[6, 5]");
    finish(&f, build2(&f.b, OP_gather, x, build_const(&f.b, &at, true)));
}

Test(lower_movement, resize) {
    static const char *const shapes[][2] = {{"f32[N, 8, 8]", "f32[28, 28]"},
                                            {"f32[N, 7, 9]", "f32[3, 4]"},
                                            {"f32[1, 2, 5, 5]", "f32[5, 8]"}};
    for (size_t i = 0; i < 2 * COUNT_OF(shapes); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", shapes[i / 2][0]);
        TensorType size = fixture_type(&f, shapes[i / 2][1]);
        finish(&f, build1(&f.b, OP_resize, x, attr_dims("size", 2, size.dims),
                          attr_string("mode", i % 2 ? "linear" : "nearest")));
    }
}

Test(lower_movement, relayouts) {
    static const char *const layouts[] = {"NCHW16c", "NCHW8c", "NHWC",
                                          "pad(2,1,2) split(1,4) permute(0,2,3,1,4)", "split(3,8)"};
    for (size_t i = 0; i < COUNT_OF(layouts); i++) {
        Fixture f = fixture_create();
        Layout layout;
        const char *text = layouts[i];
        cr_assert(layout_parse(&text, 4, &layout), "%s", layouts[i]);
        Value *x = fixture_input(&f, "x", "f32[N, 20, 3, 10]"),
              *bias = fixture_input(&f, "bias", "f32[20, 1, 1]");
        Value *y =
            build1(&f.b, OP_relayout, x, attr_layout("layout", module_layout(f.module, &layout)));
        y = build1(&f.b, OP_exp, build2(&f.b, OP_add, y, bias)); /* not 0 in the padding */
        finish(&f, build1(&f.b, OP_relayout, y, attr_layout("layout", NULL)));
    }
}

/* ---- outputs and views ----------------------------------------------------------------------- */

Test(lower_network, inputs_views_and_constants_as_outputs) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 6]"), *w = fixture_weight(&f, "f32[4, 3]");
    Value *view = dims_op(&f, OP_reshape, x, "shape", "f32[N, 2, 3]");
    Value *one = build_scalar(&f.b, DT_f32, 2.5);
    fixture_outputs(&f, 6, (Value *[]){x, view, w, one, build1(&f.b, OP_relu, view), view});
    expect_at_sizes(&f);
    arena_destroy(f.arena);
}

Test(lower_network, reshape_is_no_kernel) {
    Fixture f = fixture_create();
    Value *x = build1(&f.b, OP_exp, fixture_input(&f, "x", "f32[N, 6]"));
    Value *y = build1(&f.b, OP_relu, dims_op(&f, OP_reshape, x, "shape", "f32[N, 2, 3]"));
    fixture_output(&f, y);
    LProgram *program = lower_graph(f.module->graph, &test_targets[0], f.diag);
    cr_assert_eq(program->kernels.len, 2);
    arena_destroy(f.arena);
}

Test(lower_network, equal_layers_share_a_kernel) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[N, 16]");
    for (int i = 0; i < 3; i++) x = build2(&f.b, OP_dense, x, fixture_weight(&f, "f32[16, 16]"));
    fixture_output(&f, build1(&f.b, OP_neg, x));
    LProgram *program = lower_graph(f.module->graph, &test_targets[3], f.diag);
    cr_assert_eq(program->calls.len, 4);
    cr_assert_lt(program->kernels.len, 4);
    arena_destroy(f.arena);
}

Test(lower_network, what_cannot_be_lowered_is_named) {
    Fixture f = fixture_create();
    f.b.path = "stem.pool";
    Value *x = fixture_input(&f, "x", "f32[N, 3, 8, 8]");
    fixture_output(&f, build1(&f.b, OP_global_avg_pool, x));
    cr_assert_null(lower_graph(f.module->graph, &test_targets[0], f.diag));
    cr_assert(strstr(diag_text(f.diag), "stem.pool"), "%s", diag_text(f.diag));
    arena_destroy(f.arena);
}
