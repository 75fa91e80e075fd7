/* Algebraic simplification: each rule applies where it is exact and nowhere else. */
#include "tests/unit/passes_fixture.h"

/* A statement on x: f32[N, 4], i: i32[N, 4], c: bool[N, 4], m: f32[2, N, 5] that yields y. */
typedef struct Case {
    const char *statement;
    const char *type; /* of y */
    OpKind op;        /* that is counted */
    int before, after;
} Case;

static Net load_case(const Case *c, bool fp_fast) {
    Net net = net_loadf(
        "network t(x: f32[N, 4], i: i32[N, 4], c: bool[N, 4], m: f32[2, N, 5]) -> (y: %s) {\n"
        "  y = %s\n}\n",
        c->type, c->statement);
    net.options.fp_fast = fp_fast;
    return net;
}

static void check(const Case *c, size_t count) {
    for (size_t i = 0; i < count; i++) {
        Net net = load_case(&c[i], false);
        cr_expect_eq(net_count(&net, c[i].op), c[i].before, "%s", c[i].statement);
        net_run(&net, "simplify");
        cr_expect_eq(net_count(&net, c[i].op), c[i].after, "%s:\n%s", c[i].statement,
                     net_text(&net));
        net_expect_same(&net, 0);
        net_free(&net);
    }
}

Test(simplify, neutral_operands) {
    static const Case cases[] = {
        {"x + (-0.0)", "f32[N, 4]", OP_add, 1, 0}, {"-0.0 + x", "f32[N, 4]", OP_add, 1, 0},
        {"x + 0.0", "f32[N, 4]", OP_add, 1, 1}, /* turns -0 into 0 */
        {"x - 0.0", "f32[N, 4]", OP_sub, 1, 0},    {"x - (-0.0)", "f32[N, 4]", OP_sub, 1, 1},
        {"0.0 - x", "f32[N, 4]", OP_sub, 1, 1},    {"x * 1.0", "f32[N, 4]", OP_mul, 1, 0},
        {"1.0 * x", "f32[N, 4]", OP_mul, 1, 0},    {"x * 0.0", "f32[N, 4]", OP_mul, 1, 1},
        {"x / 1.0", "f32[N, 4]", OP_div, 1, 0},    {"1.0 / x", "f32[N, 4]", OP_div, 1, 1},
        {"i + 0", "i32[N, 4]", OP_add, 1, 0},      {"i - 0", "i32[N, 4]", OP_sub, 1, 0},
        {"i * 1", "i32[N, 4]", OP_mul, 1, 0},      {"i / 1", "i32[N, 4]", OP_div, 1, 0},
        {"i / 2", "i32[N, 4]", OP_div, 1, 1},      {"1 - i", "i32[N, 4]", OP_sub, 1, 1},
    };
    check(cases, COUNT_OF(cases));
}

Test(simplify, neutral_operand_that_broadcasts_stays) {
    Net net = net_load("network t(x: f32[1, 4]) -> (y: f32[3, 4]) {\n"
                       "  y = x * broadcast_to(const(1.0, f32), [3, 1])\n}\n");
    net_run(&net, "fold-constants,simplify");
    cr_expect_eq(net_count(&net, OP_mul), 1);
    net_expect_same(&net, 0);
    net_free(&net);
}

Test(simplify, divisors) {
    static const Case cases[] = {
        {"x / 16.0", "f32[N, 4]", OP_div, 1, 0},
        {"x / -0.25", "f32[N, 4]", OP_div, 1, 0},
        {"x / 3.0", "f32[N, 4]", OP_div, 1, 1},
        {"x / 0.0", "f32[N, 4]", OP_div, 1, 1},
    };
    check(cases, COUNT_OF(cases));
}

Test(simplify, literal_chains) {
    static const Case cases[] = {
        {"(i * 3) * 5", "i32[N, 4]", OP_mul, 2, 2}, /* one of them on constants */
        {"(i + 3) + 5", "i32[N, 4]", OP_add, 2, 2},
        {"(x * 3.0) * 5.0", "f32[N, 4]", OP_mul, 2, 2},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        bool integer = cases[i].type[0] == 'i';
        Net net = load_case(&cases[i], false);
        net_run(&net, "simplify,fold-constants");
        cr_expect_eq(net_count(&net, cases[i].op), integer ? 1 : 2, "%s", cases[i].statement);
        net_expect_same(&net, 0);
        net_free(&net);
    }
}

Test(simplify, fast_arithmetic) {
    static const Case cases[] = {
        {"x + 0.0", "f32[N, 4]", OP_add, 1, 0},
        {"(x * 3.0) * 5.0", "f32[N, 4]", OP_mul, 2, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Net net = load_case(&cases[i], true);
        net_run(&net, "simplify,fold-constants");
        cr_expect_eq(net_count(&net, cases[i].op), cases[i].after, "%s", cases[i].statement);
        net_expect_same(&net, 1e-5);
        net_free(&net);
    }
}

Test(simplify, unary) {
    static const Case cases[] = {
        {"-(-x)", "f32[N, 4]", OP_neg, 2, 0},
        {"not(not(c))", "bool[N, 4]", OP_not, 2, 0},
        {"relu(relu(x))", "f32[N, 4]", OP_relu, 2, 1},
        {"abs(abs(x))", "f32[N, 4]", OP_abs, 2, 1},
        {"floor(floor(x))", "f32[N, 4]", OP_floor, 2, 1},
        {"ceil(ceil(x))", "f32[N, 4]", OP_ceil, 2, 1},
        {"round(round(x))", "f32[N, 4]", OP_round, 2, 1},
        {"tanh(tanh(x))", "f32[N, 4]", OP_tanh, 2, 2},
        {"cast(x, f32)", "f32[N, 4]", OP_cast, 1, 0},
        {"cast(x, f16)", "f16[N, 4]", OP_cast, 1, 1},
    };
    check(cases, COUNT_OF(cases));
}

Test(simplify, same_operands) {
    static const Case cases[] = {
        {"maximum(x, x)", "f32[N, 4]", OP_maximum, 1, 0},
        {"minimum(x, x)", "f32[N, 4]", OP_minimum, 1, 0},
        {"where(c, x, x)", "f32[N, 4]", OP_where, 1, 0},
        {"where(c, x, -x)", "f32[N, 4]", OP_where, 1, 1},
    };
    check(cases, COUNT_OF(cases));
}

Test(simplify, movement) {
    static const Case cases[] = {
        {"reshape(x, [N, 4])", "f32[N, 4]", OP_reshape, 1, 0},
        {"reshape(x, [4, N])", "f32[4, N]", OP_reshape, 1, 1},
        {"reshape(reshape(x, [4, N]), [2, 2, N])", "f32[2, 2, N]", OP_reshape, 2, 1},
        {"reshape(reshape(x, [4, N]), [N, 4])", "f32[N, 4]", OP_reshape, 2, 0},
        {"flatten(reshape(x, [N, 2, 2]))", "f32[N, 4]", OP_flatten, 1, 0},
        {"flatten(m)", "f32[2, 5*N]", OP_flatten, 1, 1},
        {"broadcast_to(x, [N, 4])", "f32[N, 4]", OP_broadcast_to, 1, 0},
        {"slice(x, [0], [2147483647])", "f32[N, 4]", OP_slice, 1, 0},
        {"slice(x, [0], [9], axes=[1])", "f32[N, 4]", OP_slice, 1, 0},
        {"slice(x, [3], [-9], axes=[1], steps=[-1])", "f32[N, 4]", OP_slice, 1, 1},
        {"slice(x, [0], [3], axes=[1])", "f32[N, 3]", OP_slice, 1, 1},
        {"pad(x, [0, 0, 0, 0])", "f32[N, 4]", OP_pad, 1, 0},
        {"pad(x, [0, 1, 0, 0])", "f32[N, 5]", OP_pad, 1, 1},
        {"pad(x, [0, 1, 0, -1])", "f32[N, 4]", OP_pad, 1, 1},
        {"concat([x])", "f32[N, 4]", OP_concat, 1, 0},
        {"concat([x, x], axis=1)", "f32[N, 8]", OP_concat, 1, 1},
        {"resize(m, [N, 5])", "f32[2, N, 5]", OP_resize, 1, 0},
        {"resize(m, [N, 5], mode=\"linear\")", "f32[2, N, 5]", OP_resize, 1, 1},
        {"transpose(m, [0, 1, 2])", "f32[2, N, 5]", OP_transpose, 1, 0},
        {"transpose(m, [1, 0, 2])", "f32[N, 2, 5]", OP_transpose, 1, 1},
        {"transpose(transpose(m, [1, 0, 2]), [1, 0, 2])", "f32[2, N, 5]", OP_transpose, 2, 0},
        {"transpose(transpose(m, [1, 2, 0]), [1, 2, 0])", "f32[5, 2, N]", OP_transpose, 2, 1},
        {"transpose(transpose(m, [1, 2, 0]), [1, 0, 2])", "f32[5, N, 2]", OP_transpose, 2, 1},
        {"transpose(transpose(m))", "f32[2, N, 5]", OP_transpose, 2, 0},
    };
    check(cases, COUNT_OF(cases));
}
