/* Dot instructions: contractions of bf16, and of u8 by i8, agree with the reference whatever their
 * shapes, and use the instruction where operands lie so that it pays. */
#include "tests/unit/lower_fixture.h"

static const int64_t no_symbols[1] = {0};

static const TargetDesc dot_targets[] = {
    {.name = "dots",
     .vector_bits = 512,
     .vector_registers = 32,
     .fma = true,
     .fma_ports = 1,
     .masked_tails = true,
     .broadcast_operand = true,
     .multi_stage = true,
     .bf16_dot = true,
     .vnni = true,
     .cores = 2},
    {.name = "short dots",
     .vector_bits = 128,
     .vector_registers = 16,
     .fma = true,
     .fma_ports = 1,
     .multi_stage = true,
     .bf16_dot = true,
     .vnni = true,
     .cores = 1},
};

static Value *wide(Fixture *f, Value *x) {
    return build1(&f->b, OP_cast, x, attr_dtype("to", DT_f32));
}

/* Kernels of the program that use dots. */
static int dots_of(const LProgram *program) {
    int count = 0;
    for (size_t i = 0; i < program->kernels.len; i++)
        count += strstr(program->kernels.data[i]->plan, " dot=") != NULL;
    return count;
}

/* As it is and optimized; the optimized one has that many kernels with dots. */
static void expect_dots(Fixture *f, Value *y, int dots) {
    fixture_output(f, y);
    const Graph *g = f->module->graph;
    const Tensor *inputs = noise_inputs(f, g, no_symbols);
    Tensor reference[1];
    InterpOptions options = {.symbols = no_symbols};
    cr_assert(interp_run(g, inputs, reference, f->arena, &options, f->diag));
    for (size_t t = 0; t < COUNT_OF(dot_targets); t++) {
        const TargetDesc *target = &dot_targets[t];
        const Graph *best = optimized(f, target);
        expect_lowered(f, g, target, "as it is", inputs, reference);
        expect_lowered(f, best, target, "optimized", inputs, reference);
        LProgram *program = lower_graph(best, target, f->diag);
        cr_expect_eq(dots_of(program), dots, "%s: %d kernels with dots", target->name,
                     dots_of(program));
    }
    arena_destroy(f->arena);
}

Test(lower_dot, dense) {
    static const struct {
        const char *x, *weight;
        int dots;
    } cases[] = {
        {"bf16[5, 24]", "bf16[40, 24]", 1},    {"bf16[1, 32]", "bf16[16, 32]", 1},
        {"bf16[17, 2]", "bf16[33, 2]", 1},     {"bf16[5, 7]", "bf16[32, 7]", 0},
        {"bf16[2, 3, 10]", "bf16[19, 10]", 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", cases[i].x), *w = fixture_weight(&f, cases[i].weight);
        expect_dots(&f, build2(&f.b, OP_dense, wide(&f, x), wide(&f, w)), cases[i].dots);
    }
}

Test(lower_dot, products_of_activations) {
    static const struct {
        const char *a, *b;
        int dots;
    } cases[] = {
        {"bf16[2, 3, 9, 16]", "bf16[2, 3, 16, 37]", 1},
        {"bf16[9, 6]", "bf16[3, 6, 18]", 1},
        {"bf16[4, 5]", "bf16[5, 16]", 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture f = fixture_create();
        Value *a = fixture_input(&f, "a", cases[i].a), *b = fixture_input(&f, "b", cases[i].b);
        expect_dots(&f, build2(&f.b, OP_matmul, wide(&f, a), wide(&f, b)), cases[i].dots);
    }
}

static Value *convolve(Fixture *f, Value *x, const char *weight, int64_t stride, int64_t pad,
                       int64_t groups) {
    Value *xs[2] = {wide(f, x), wide(f, fixture_weight(f, weight))};
    const Attr attrs[] = {attr_ints("stride", 2, (int64_t[]){stride, stride}),
                          attr_ints("pad", 4, (int64_t[]){pad, pad, pad, pad}),
                          attr_int("groups", groups)};
    return build_value(&f->b, OP_conv2d, 2, xs, 3, attrs);
}

/* The second convolution reads what the first one leaves in blocks of channels. */
Test(lower_dot, convolutions) {
    static const struct {
        const char *first, *second;
        int64_t stride, pad, groups;
        int dots;
    } cases[] = {
        {"bf16[32, 3, 3, 3]", "bf16[48, 32, 1, 1]", 1, 0, 1, 1},
        {"bf16[32, 3, 3, 3]", "bf16[32, 32, 3, 3]", 2, 0, 1, 1},
        {"bf16[32, 3, 3, 3]", "bf16[64, 16, 3, 3]", 1, 0, 2, 1},
        {"bf16[7, 3, 3, 3]", "bf16[16, 7, 3, 3]", 1, 1, 1, 0},
        {"bf16[32, 3, 3, 3]", "bf16[32, 1, 3, 3]", 1, 1, 32, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", "bf16[2, 3, 9, 11]");
        Value *y = convolve(&f, x, cases[i].first, 1, 0, 1);
        y = build1(&f.b, OP_cast, build1(&f.b, OP_relu, y), attr_dtype("to", DT_bf16));
        y = convolve(&f, y, cases[i].second, cases[i].stride, cases[i].pad, cases[i].groups);
        expect_dots(&f, y, cases[i].dots);
    }
}

/* Few channels, and columns in pairs: image and kernel of an even width, an even stride. */
Test(lower_dot, pairs_of_columns) {
    static const struct {
        const char *x, *weight;
        int64_t stride;
        int dots;
    } cases[] = {
        {"bf16[2, 3, 9, 12]", "bf16[16, 3, 3, 4]", 2, 1},
        {"bf16[1, 1, 9, 40]", "bf16[32, 1, 7, 8]", 2, 1},
        {"bf16[1, 3, 8, 16]", "bf16[48, 3, 4, 4]", 4, 1},
        {"bf16[2, 3, 9, 11]", "bf16[16, 3, 3, 4]", 2, 0},
        {"bf16[2, 3, 9, 12]", "bf16[16, 3, 3, 4]", 1, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", cases[i].x);
        Value *y = convolve(&f, x, cases[i].weight, cases[i].stride, 0, 1);
        expect_dots(&f, y, cases[i].dots);
    }
}

/* Bytes go the same way, four at a time, and their sums are exact. */
Test(lower_dot, bytes) {
    static const struct {
        const char *x, *weight;
        int dots;
    } cases[] = {
        {"u8[5, 24]", "i8[40, 24]", 1},
        {"u8[5, 6]", "i8[40, 6]", 0},
        {"i8[5, 24]", "i8[40, 24]", 0},
        {"u8[3, 4, 36]", "i8[17, 36]", 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", cases[i].x), *w = fixture_weight(&f, cases[i].weight);
        expect_dots(&f, build2(&f.b, OP_dense, x, w), cases[i].dots);
    }
}
