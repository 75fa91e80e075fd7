/* Attention: which products become one kernel, which layers one product, and that the kernels are
 * right on every target. */
#include "tests/unit/lower_fixture.h"
#include "tests/unit/passes_fixture.h"

/* ---- which nodes ----------------------------------------------------------------------------- */

typedef struct Case {
    const char
        *body; /* of a network of q, v: f32[N, 2, T, 8], k: f32[N, 2, 8, T], x: f32[N, T, 16],
                         m: bool[N, 1, 1, T] to y */
    const char *type; /* of y */
    int kernels;
} Case;

#define HEADS  "f32[N, 2, T, 8]"
#define TOKENS "f32[N, T, 16]"

static void check_kernels(const Case *cases, size_t count, const char *passes) {
    for (size_t i = 0; i < count; i++) {
        Net net = net_loadf("network t(q: f32[N, 2, T, 8], v: f32[N, 2, T, 8], k: f32[N, 2, 8, T], "
                            "x: f32[N, T, 16], m: bool[N, 1, 1, T]) -> (y: %s) {\n%s\n}\n",
                            cases[i].type, cases[i].body);
        net_run(&net, passes);
        cr_expect_eq(net_kernels(&net), cases[i].kernels, "%s", net_text(&net));
        net_expect_same(&net, 1e-5);
        const char *before = net_text(&net);
        net_run(&net, "merge-products,fuse-attention");
        cr_expect_str_eq(net_text(&net), before);
        net_free(&net);
    }
}

Test(attention, one_kernel) {
    static const Case cases[] = {
        {"  y = matmul(softmax(matmul(q, k)), v)", HEADS, 1},
        {"  y = matmul(softmax(matmul(q, k) * 0.3), v)", HEADS, 1},
        {"  y = matmul(softmax(where(m, matmul(q, k) / 3.0, -1e9)), v)", HEADS, 1},
        {"  t = tanh(matmul(q, k) * 0.1) * 10.0\n  y = matmul(softmax(t), v)", HEADS, 1},
        {"  y = matmul(softmax(matmul(q, k)), v) |> transpose([0, 2, 1, 3])", "f32[N, T, 2, 8]", 1},
        {"  h = reshape(x, [N, T, 2, 8])\n  a = transpose(h, [0, 2, 1, 3])\n"
         "  y = matmul(softmax(matmul(a, k)), v)",
         HEADS, 1},
        {"  s = reshape(range(0, T), [T, 1]) >= range(0, T)\n"
         "  y = matmul(softmax(where(s, matmul(q, k), -1e9)), v)",
         HEADS, 1},
        /* Two layers, and a view between. */
        {"  y = multi_head_attention(x, heads=2)", TOKENS, 4},
        {"  y = multi_head_attention(x, heads=4, causal=true)", TOKENS, 4},
    };
    check_kernels(cases, COUNT_OF(cases),
                  "decompose,fold-batch-norm,simplify,cse,merge-products,"
                  "fuse-attention,fuse-rows,fuse,dce");
}

Test(attention, several_kernels) {
    static const Case cases[] = {
        /* Scores or shares that others read, an axis that is not the keys'. */
        {"  s = softmax(matmul(q, k))\n  y = matmul(s, v) + reduce_sum(s, [3], keepdims=true)",
         HEADS, 4},
        {"  s = matmul(q, k)\n  y = matmul(softmax(s), v) + reduce_sum(s, [3], keepdims=true)",
         HEADS, 4},
        {"  y = matmul(softmax(matmul(q, k), axis=2), v)", HEADS, 3},
    };
    check_kernels(cases, COUNT_OF(cases), "fuse-attention,fuse,dce");
}

Test(attention, products_of_one_operand) {
    static const Case cases[] = {
        {"  y = matmul(dense(x, 4, name=\"a\"), transpose(dense(x, 4, name=\"b\"), [0, 2, 1]))",
         "f32[N, T, T]", 5},
        /* Its epilogue would be lost; others are of another x. */
        {"  y = matmul(relu(dense(x, 4, name=\"a\")), transpose(dense(x, 4, name=\"b\"), [0, 2, "
         "1]))",
         "f32[N, T, T]", 5},
        {"  y = matmul(dense(x, 4, name=\"a\"), transpose(dense(exp(x), 4, name=\"b\"), [0, 2, "
         "1]))",
         "f32[N, T, T]", 5},
        /* One with a bias, one without. */
        {"  b = dense(x, 4, bias=false, name=\"b\")\n"
         "  y = matmul(dense(x, 4, name=\"a\"), transpose(b, [0, 2, 1]))",
         "f32[N, T, T]", 4},
    };
    check_kernels(cases, COUNT_OF(cases), "merge-products,dce");
}

Test(attention, only_where_kernels_have_stages) {
    Net net = net_load("network t(x: f32[N, T, 16]) -> (y: f32[N, T, 16]) {\n"
                       "  y = multi_head_attention(x, heads=2)\n}\n");
    net.target.multi_stage = false;
    const char *before = net_text(&net);
    net_run(&net, "merge-products,fuse-attention");
    cr_expect_str_eq(net_text(&net), before);
    net_free(&net);
}

/* ---- kernels --------------------------------------------------------------------------------- */

typedef enum Mask { MASK_NONE, MASK_CAUSAL, MASK_KEYS, MASK_BIAS, MASK_HIDE_ALL } Mask;

typedef struct Shape {
    const char *q, *k, *v; /* k as [.., keys, depth], or [.., depth, keys] where these differ */
    Mask mask;
    const char *mask_type;
} Shape;

static Value *positions(Fixture *f, Dim count) {
    Dim zero = dim_int(f->module->dims, 0);
    Attr bounds[] = {attr_dim("start", &zero), attr_dim("stop", &count)};
    return build_value(&f->b, OP_range, 0, NULL, COUNT_OF(bounds), bounds);
}

static Value *hide(Fixture *f, Value *condition, Value *scores, double number) {
    Value *operands[] = {condition, scores, build_scalar(&f->b, scores->type.dtype, number)};
    return build_value(&f->b, OP_where, 3, operands, 0, NULL);
}

static Value *masked(Fixture *f, const Shape *shape, Value *scores) {
    const TensorType *type = &scores->type;
    switch (shape->mask) {
    case MASK_NONE: return scores;
    case MASK_BIAS: return build2(&f->b, OP_add, scores, fixture_input(f, "m", shape->mask_type));
    case MASK_KEYS: return hide(f, fixture_input(f, "m", shape->mask_type), scores, -1e9);
    case MASK_HIDE_ALL: /* a group of queries without any key, then NaN */
        return hide(f, fixture_input(f, "m", shape->mask_type), scores, -INFINITY);
    case MASK_CAUSAL: break;
    }
    Dim rows = type->dims[type->rank - 2], column[] = {rows, dim_int(f->module->dims, 1)};
    Value *here = build1(&f->b, OP_reshape, positions(f, rows), attr_dims("shape", 2, column));
    Value *seen = build2(&f->b, OP_ge, here, positions(f, type->dims[type->rank - 1]));
    return hide(f, seen, scores, -INFINITY);
}

static Value *attend(Fixture *f, const Shape *shape) {
    Value *q = fixture_input(f, "q", shape->q), *k = fixture_input(f, "k", shape->k);
    Value *v = fixture_input(f, "v", shape->v);
    int64_t perm[MAX_RANK];
    int rank = k->type.rank;
    for (int i = 0; i < rank; i++) perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    if (k->type.dims[rank - 1] == q->type.dims[q->type.rank - 1])
        k = build1(&f->b, OP_transpose, k, attr_ints("perm", rank, perm));
    Value *scores = build2(&f->b, OP_matmul, q, k);
    scores = build2(&f->b, OP_mul, scores, build_scalar(&f->b, scores->type.dtype, 0.5));
    Value *shares = build1(&f->b, OP_softmax, masked(f, shape, scores));
    return build2(&f->b, OP_matmul, shares, v);
}

static void check_shape(const Shape *shape) {
    static const int64_t sizes[] = {1, 0, 7, 19, 150};
    Fixture f = fixture_create();
    Value *y = attend(&f, shape);
    fixture_outputs(&f, 1, &y);
    bool symbolic = dim_symbol_count(f.module->dims) > 0;
    for (size_t i = 0; i < (symbolic ? COUNT_OF(sizes) : 1); i++) expect_agreement(&f, &sizes[i]);
    for (size_t t = 0; t < COUNT_OF(test_targets); t++) {
        if (!test_targets[t].multi_stage) continue;
        const Graph *graph = optimized(&f, &test_targets[t]);
        size_t kernels = lower_graph(graph, &test_targets[t], f.diag)->calls.len;
        cr_expect_eq(kernels, 1, "%s: %zu kernels", shape->q, kernels);
    }
    arena_destroy(f.arena);
}

static void check_shapes(const Shape *shapes, size_t count) {
    for (size_t i = 0; i < count; i++) check_shape(&shapes[i]);
}

Test(attention, shapes) {
    static const Shape shapes[] = {
        {"f32[2, 3, 16, 16]", "f32[2, 3, 8, 16]", "f32[2, 3, 8, 16]", MASK_NONE, NULL},
        {"f32[5, 7]", "f32[9, 7]", "f32[9, 21]", MASK_NONE, NULL},
        {"f32[2, 1, 20]", "f32[2, 3, 20]", "f32[2, 3, 1]", MASK_NONE, NULL},
        {"f64[2, 9, 12]", "f64[2, 17, 12]", "f64[2, 17, 9]", MASK_NONE, NULL},
        {"f16[2, 9, 8]", "f16[2, 17, 8]", "f16[2, 17, 8]", MASK_NONE, NULL},
        {"bf16[2, 9, 8]", "bf16[2, 17, 8]", "bf16[2, 17, 8]", MASK_NONE, NULL},
        /* Keys and values that all batches share. */
        {"f32[2, 3, 5, 4]", "f32[1, 3, 6, 4]", "f32[6, 4]", MASK_NONE, NULL},
    };
    check_shapes(shapes, COUNT_OF(shapes));
}

Test(attention, symbolic_lengths) {
    static const Shape shapes[] = {
        {"f32[2, N, 4]", "f32[2, N, 4]", "f32[2, N, 4]", MASK_NONE, NULL},
        {"f32[3, 4]", "f32[N, 4]", "f32[N, 4]", MASK_NONE, NULL},
        {"f32[N, 4]", "f32[3, 4]", "f32[3, 4]", MASK_NONE, NULL},
    };
    check_shapes(shapes, COUNT_OF(shapes));
}

Test(attention, masks) {
    static const Shape shapes[] = {
        {"f32[2, N, 4]", "f32[2, N, 4]", "f32[2, N, 4]", MASK_CAUSAL, NULL},
        {"f32[40, 4]", "f32[9, 4]", "f32[9, 4]", MASK_CAUSAL, NULL},
        {"f32[9, 4]", "f32[150, 4]", "f32[150, 4]", MASK_CAUSAL, NULL},
        {"f32[2, 3, 4]", "f32[2, 150, 4]", "f32[2, 150, 4]", MASK_KEYS, "bool[2, 1, 150]"},
        {"f32[2, 18, 4]", "f32[2, 11, 4]", "f32[2, 11, 4]", MASK_KEYS, "bool[18, 11]"},
        {"f32[2, 18, 4]", "f32[2, 140, 4]", "f32[2, 140, 4]", MASK_BIAS, "f32[2, 18, 140]"},
        {"f32[2, 5, 4]", "f32[2, 3, 4]", "f32[2, 3, 4]", MASK_HIDE_ALL, "bool[2, 5, 1]"},
    };
    check_shapes(shapes, COUNT_OF(shapes));
}

/* ---- pairs of bf16 --------------------------------------------------------------------------- */

/* The graph as passes up to `last` leave it under -precision=bf16. */
static Graph *rounded(Fixture *f, const TargetDesc *target, const char *last) {
    const Pass *passes[64];
    Graph *graph = graph_clone(f->module->graph, NULL);
    size_t count = passes_default(2, passes), used = 0;
    while (used < count && strcmp(passes[used]->name, last) != 0) used++;
    if (used < count) used++;
    PassContext context = {.module = f->module,
                           .target = target,
                           .options = {.bf16 = true},
                           .diag = f->diag,
                           .scratch = f->arena};
    cr_assert(passes_run(&context, graph, passes, used, NULL), "%s", diag_text(f->diag));
    return graph;
}

static int kernels_with_dots(const LProgram *program) {
    int count = 0;
    for (size_t i = 0; i < program->kernels.len; i++)
        count += strstr(program->kernels.data[i]->plan, " dot=2") != NULL;
    return count;
}

static void expect_pairs(Fixture *f, const Shape *shape, const TargetDesc *target,
                         const int64_t *sizes) {
    const Graph *g = rounded(f, target, "precision"), *best = rounded(f, target, "");
    const Tensor *inputs = noise_inputs(f, g, sizes);
    Tensor reference, output;
    InterpOptions options = {.symbols = sizes};
    cr_assert(interp_run(g, inputs, &reference, f->arena, &options, f->diag));
    LProgram *program = lower_graph(best, target, f->diag);
    cr_assert_not_null(program, "%s: %s", shape->q, diag_text(f->diag));
    show(program);
    cr_expect_eq(kernels_with_dots(program), 1, "%s: no dots", shape->q);
    const LProgram *programs[] = {program, expanded(program, target)};
    for (size_t i = 0; i < COUNT_OF(programs); i++) {
        cr_assert(lprogram_verify(programs[i], f->diag), "%s", diag_text(f->diag));
        LFault fault = lprogram_eval(programs[i], inputs, &output, f->arena, NULL, f->diag);
        cr_assert_eq(fault, LFAULT_NONE, "%s: %s", shape->q, diag_text(f->diag));
        Agreement a = tensor_agreement(&output, &reference, 1e-2);
        cr_assert(a.agrees, "%s, %s, N=%lld: l2 %g, max %g", shape->q, target->name,
                  (long long)sizes[0], a.relative_l2, a.max_error);
    }
}

Test(attention, pairs) {
    static const int64_t sizes[] = {1, 0, 2, 7, 19, 150};
    static const Shape shapes[] = {
        {"f32[2, 3, 16, 16]", "f32[2, 3, 8, 16]", "f32[2, 3, 8, 16]", MASK_NONE, NULL},
        {"f32[5, 7]", "f32[9, 7]", "f32[9, 21]", MASK_NONE, NULL},
        {"f32[5, 31]", "f32[33, 31]", "f32[33, 33]", MASK_NONE, NULL},
        {"f32[2, 1, 20]", "f32[2, 3, 20]", "f32[2, 3, 1]", MASK_NONE, NULL},
        {"f32[3, 1]", "f32[1, 1]", "f32[1, 2]", MASK_NONE, NULL},
        {"f32[2, 3, 5, 16]", "f32[2, 3, 16, 8]", "f32[2, 3, 8, 16]", MASK_NONE, NULL},
        {"f32[5, 7]", "f32[7, 150]", "f32[150, 21]", MASK_NONE, NULL},
        {"f32[2, N, 4]", "f32[2, 4, N]", "f32[2, N, 4]", MASK_CAUSAL, NULL},
        {"f32[2, 3, 5, 4]", "f32[1, 3, 6, 4]", "f32[6, 4]", MASK_NONE, NULL},
        {"f32[2, N, 4]", "f32[2, N, 4]", "f32[2, N, 4]", MASK_NONE, NULL},
        {"f32[2, N, 6]", "f32[2, N, 6]", "f32[2, N, 4]", MASK_CAUSAL, NULL},
        {"f32[9, 4]", "f32[131, 4]", "f32[131, 4]", MASK_CAUSAL, NULL},
        {"f32[2, 3, 4]", "f32[2, 149, 4]", "f32[2, 149, 4]", MASK_KEYS, "bool[2, 1, 149]"},
        {"f32[2, 18, 4]", "f32[2, 141, 4]", "f32[2, 141, 4]", MASK_BIAS, "f32[2, 18, 141]"},
    };
    TargetDesc targets[] = {test_targets[3], test_targets[1]};
    for (size_t t = 0; t < COUNT_OF(targets); t++) {
        targets[t].bf16_dot = true;
        for (size_t i = 0; i < COUNT_OF(shapes); i++) {
            Fixture f = fixture_create();
            Value *y = attend(&f, &shapes[i]);
            fixture_outputs(&f, 1, &y);
            bool symbolic = dim_symbol_count(f.module->dims) > 0;
            for (size_t s = 0; s < (symbolic ? COUNT_OF(sizes) : 1); s++)
                expect_pairs(&f, &shapes[i], &targets[t], &sizes[s]);
            arena_destroy(f.arena);
        }
    }
}

/* An infinite value of an odd last key is not added once more, times 0. */
Test(attention, pairs_end_with_the_keys) {
    Fixture f = fixture_create();
    TargetDesc target = test_targets[3];
    static const Shape shape = {"f32[2, 4]", "f32[3, 4]", "f32[3, 4]", MASK_NONE, NULL};
    Value *y = attend(&f, &shape);
    fixture_outputs(&f, 1, &y);
    target.bf16_dot = true;
    const Graph *best = rounded(&f, &target, "");
    Tensor inputs[3], output;
    for (int i = 0; i < 3; i++) {
        int64_t dims[] = {i ? 3 : 2, 4};
        inputs[i] = tensor_new(f.arena, DT_f32, 2, dims);
        for (int64_t e = 0; e < dims[0] * 4; e++)
            tensor_set(&inputs[i], e, i == 2 && e == 8 ? INFINITY : 1);
    }
    LFault fault =
        lprogram_eval(lower_graph(best, &target, f.diag), inputs, &output, f.arena, NULL, f.diag);
    cr_assert_eq(fault, LFAULT_NONE, "%s", diag_text(f.diag));
    cr_expect_eq(tensor_get(&output, 0), INFINITY);
    cr_expect_eq(tensor_get(&output, 1), 1);
    arena_destroy(f.arena);
}
