/* Which movement keeps blocks of channels together. */
#include "passes/channel_blocks.h"
#include "tests/unit/graph_fixture.h"

#define LIST(name, ...)                                                                            \
    attr_ints(name, (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (const int64_t[]){__VA_ARGS__})

static Value *convolution(Fixture *f, const char *weight) {
    Value *x = fixture_input(f, "x", "f32[N, 3, 5, 7]");
    return build2(&f->b, OP_conv2d, x, fixture_input(f, "w", weight));
}

static Value *reshape(Fixture *f, Value *x, const char *type) {
    TensorType to = fixture_type(f, type);
    return build1(&f->b, OP_reshape, x, attr_dims("shape", to.rank, to.dims));
}

/* [N, 4 * channels, 5, 7] with its channels cut in two and woven into rows and columns. */
static bool woven(const char *apart, int p0, int p1, int p2, int p3, int p4, int p5,
                  int64_t block) {
    Fixture f = fixture_create();
    Value *x = reshape(&f, convolution(&f, "f32[64, 3, 1, 1]"), apart);
    x = build1(&f.b, OP_transpose, x, LIST("perm", p0, p1, p2, p3, p4, p5));
    bool whole = weaves_channel_blocks(reshape(&f, x, "f32[N, 16, 10, 14]"), block);
    arena_destroy(f.arena);
    return whole;
}

Test(channel_blocks, weaving) {
    cr_expect(woven("f32[N, 2, 2, 16, 5, 7]", 0, 3, 4, 1, 5, 2, 16));
    cr_expect(woven("f32[N, 2, 2, 16, 5, 7]", 0, 3, 4, 1, 5, 2, 8));
    cr_expect_not(woven("f32[N, 2, 2, 16, 5, 7]", 0, 3, 4, 1, 5, 2, 32), "more than there are");
    cr_expect_not(woven("f32[N, 16, 2, 2, 5, 7]", 0, 1, 4, 2, 5, 3, 16), "channels stand apart");
}

static bool joined(const char *other, int64_t axis, int64_t block) {
    Fixture f = fixture_create();
    Value *parts[] = {fixture_input(&f, "a", "f32[N, 32, 5, 7]"), fixture_input(&f, "b", other)};
    Value *x = build_value(&f.b, OP_concat, 2, parts, 1, (Attr[]){attr_int("axis", axis)});
    bool whole = moves_channel_blocks(x->def, block);
    arena_destroy(f.arena);
    return whole;
}

Test(channel_blocks, joining) {
    cr_expect(joined("f32[N, 16, 5, 7]", 1, 16));
    cr_expect(joined("f32[N, 16, 5, 7]", -3, 16));
    cr_expect_not(joined("f32[N, 24, 5, 7]", 1, 16));
    cr_expect_not(joined("f32[N, 32, 5, 3]", 3, 16), "another axis");
}
