/* Chains over rows: what becomes one kernel, and that such kernels are right on every target. */
#include "tests/unit/lower_fixture.h"
#include "tests/unit/passes_fixture.h"

/* ---- which nodes ----------------------------------------------------------------------------- */

typedef struct Case {
    const char *body; /* of a network of x: f32[N, 6, 20], h: f16[N, 6, 20], to y */
    const char *type; /* of y */
    int kernels;
} Case;

static void check_kernels(const Case *c) {
    Net net = net_loadf("network t(x: f32[N, 6, 20], h: f16[N, 6, 20]) -> (y: %s) {\n%s\n}\n",
                        c->type, c->body);
    net_run(&net, "decompose,fuse-rows,fuse");
    cr_expect_eq(net_kernels(&net), c->kernels, "%s", net_text(&net));
    net_expect_same(&net, 1e-2);
    const char *before = net_text(&net);
    net_run(&net, "fuse-rows");
    cr_expect_str_eq(net_text(&net), before);
    net_free(&net);
}

#define ROWS "f32[N, 6, 20]"

Test(fuse_rows, chains) {
    static const Case cases[] = {
        {"  y = layer_norm(x)", ROWS, 1},
        {"  y = relu(layer_norm(x)) * 2.0", ROWS, 1},
        {"  y = layer_norm(h)", "f16[N, 6, 20]", 1},
        {"  y = x * rsqrt(reduce_mean(x * x, [-1], keepdims=true) + 0.001)", ROWS, 1},
        {"  d = x - reduce_mean(x, [1], keepdims=true)\n"
         "  y = d / sqrt(reduce_mean(d * d, [1], keepdims=true) + 0.001)",
         ROWS, 1},
        {"  e = exp(x - reduce_max(x, [2], keepdims=true))\n"
         "  y = e / reduce_sum(e, [2], keepdims=true)",
         ROWS, 1},
        {"  y = x + layer_norm(x)", ROWS, 1},
        {"  y = layer_norm(layer_norm(x, name=\"a\"), name=\"b\")", ROWS, 1},
        {"  y = dense(layer_norm(x, name=\"a\"), 20, name=\"b\")", ROWS, 2},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) check_kernels(&cases[i]);
}

Test(fuse_rows, ends) {
    static const Case cases[] = {
        /* Two axes, one that vanishes, a result that is no row. */
        {"  y = x - reduce_mean(x, [1, 2], keepdims=true)", ROWS, 2},
        {"  y = x - reshape(reduce_mean(x, [2]), [N, 6, 1])", ROWS, 3},
        {"  y = sqrt(reduce_mean(x, [2], keepdims=true))", "f32[N, 6, 1]", 1},
        /* The centred rows are read by a layer too. */
        {"  d = x - reduce_mean(x, [2], keepdims=true)\n"
         "  y = dense(d, 20) * rsqrt(reduce_mean(d * d, [2], keepdims=true) + 1.0)",
         ROWS, 3},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) check_kernels(&cases[i]);
}

Test(fuse_rows, only_where_kernels_have_stages) {
    Net net = net_load("network t(x: f32[N, 20]) -> (y: f32[N, 20]) {\n  y = layer_norm(x)\n}\n");
    net.target.multi_stage = false;
    net_run(&net, "decompose");
    const char *before = net_text(&net);
    net_run(&net, "fuse-rows");
    cr_expect_str_eq(net_text(&net), before);
    net_free(&net);
}

/* ---- kernels --------------------------------------------------------------------------------- */

static Value *along(Fixture *f, OpKind op, Value *x, int64_t axis) {
    return build1(&f->b, op, x, attr_ints("axes", 1, &axis), attr_bool("keepdims", true));
}

/* (x - mean) * rsqrt(variance + eps), and the rows' range: every kind of reduction. */
static Value *normalize(Fixture *f, Value *x, int64_t axis) {
    Builder *b = &f->b;
    Value *centred = build2(b, OP_sub, x, along(f, OP_reduce_mean, x, axis));
    Value *variance = along(f, OP_reduce_mean, build2(b, OP_mul, centred, centred), axis);
    Value *eps = build_scalar(b, x->type.dtype, 0.125);
    Value *scale = build1(b, OP_rsqrt, build2(b, OP_add, variance, eps));
    Value *range = build2(b, OP_sub, along(f, OP_reduce_max, centred, axis),
                          along(f, OP_reduce_min, centred, axis));
    Value *sum = along(f, OP_reduce_sum, build1(b, OP_abs, centred), axis);
    Value *normal = build2(b, OP_mul, centred, scale);
    return build2(b, OP_sub, build2(b, OP_mul, normal, range), sum);
}

static void check_rows(const char *type, int64_t axis) {
    static const int64_t sizes[] = {1, 0, 7, 21};
    Fixture f = fixture_create();
    Value *y = normalize(&f, fixture_input(&f, "x", type), axis);
    fixture_outputs(&f, 1, &y);
    bool symbolic = dim_symbol_count(f.module->dims) > 0;
    for (size_t i = 0; i < (symbolic ? COUNT_OF(sizes) : 1); i++) expect_agreement(&f, &sizes[i]);
    for (size_t t = 0; t < COUNT_OF(test_targets); t++) {
        if (!test_targets[t].multi_stage) continue;
        size_t kernels =
            lower_graph(optimized(&f, &test_targets[t]), &test_targets[t], f.diag)->calls.len;
        cr_expect_eq(kernels, 1, "%s, axis %d: %zu kernels", type, (int)axis, kernels);
    }
    arena_destroy(f.arena);
}

Test(fuse_rows, rows_in_memory) {
    check_rows("f32[3, 40]", -1);
    check_rows("f32[2, 3, 133]", 2);
    check_rows("f32[N, 5]", 1);
    check_rows("f64[2, 21]", 1);
    check_rows("f16[2, 40]", 1);
}

Test(fuse_rows, rows_across_memory) {
    check_rows("f32[2, 9, 21]", 1);
    check_rows("f32[7, N]", 0);
    check_rows("f32[3, 5, 2, 3]", 1);
}

Test(fuse_rows, rows_of_symbolic_length) {
    check_rows("f32[3, N]", 1);
}
