/* Kernels whose plans depend on sizes, with sizes at which plans change. */
#include "tests/differential/edges.h"

#include <string.h>

/* In the texts {a} to {f} are sizes, and {a/2} is the half of one, rounded up. */
typedef struct Family {
    const char *name;
    OpKind op;
    const char *inputs, *expression, *result;
    bool is_image;     /* its sizes are drawn from the smaller ones */
    const char *types; /* for @; null: f32, and the texts say so */
} Family;

static const Family families[] = {
    {"product", OP_dense, "x$: f32[{a}, {b}]", "relu(dense(x$, {c}))", "f32[{a}, {c}]", false,
     NULL},
    {"row", OP_dense, "x$: f32[1, {b}]", "dense(x$, {c})", "f32[1, {c}]", false, NULL},
    {"page", OP_dense, "x$: f32[{a}, {b}]", "dense(relu(dense(x$, 1024, name=\"c$\")), {c})",
     "f32[{a}, {c}]", false, NULL},
    {"matmul", OP_matmul, "x$: f32[{a}, {b}], z$: f32[{b}, {c}]", "matmul(x$, z$)", "f32[{a}, {c}]",
     false, NULL},
    {"batch", OP_matmul, "x$: f32[3, {a}, {b}], z$: f32[3, {b}, {c}]", "matmul(x$, z$)",
     "f32[3, {a}, {c}]", false, NULL},
    {"scores", OP_matmul, "x$: f32[2, {a}, {b}], z$: f32[2, {c}, {b}]",
     "softmax(matmul(x$, transpose(z$, [0, 2, 1])), axis=2)", "f32[2, {a}, {c}]", false, NULL},
    {"conv3", OP_conv2d, "x$: f32[1, {a}, {c}, {d}]", "conv2d(x$, {b}, kernel=3, pad=1)",
     "f32[1, {b}, {c}, {d}]", true, NULL},
    {"strided", OP_conv2d, "x$: f32[1, {a}, {c}, {d}]",
     "relu(conv2d(x$, {b}, kernel=3, stride=2, pad=1))", "f32[1, {b}, {c/2}, {d/2}]", true, NULL},
    {"conv1", OP_conv2d, "x$: f32[1, {a}, {c}, {d}]", "conv2d(x$, {b}, kernel=1)",
     "f32[1, {b}, {c}, {d}]", true, NULL},
    {"blocked", OP_conv2d, "x$: f32[1, 3, {c}, {d}]",
     "conv2d(relu(conv2d(x$, 32, kernel=1, name=\"c$\")), {b}, kernel=3, pad=1)",
     "f32[1, {b}, {c}, {d}]", true, NULL},
    {"first", OP_conv2d, "x$: f32[1, 3, {c}, {d}]", "conv2d(x$, {b}, kernel=5, stride=2, pad=2)",
     "f32[1, {b}, {c/2}, {d/2}]", true, NULL},
    {"depthwise", OP_conv2d, "x$: f32[1, 3, {c}, {d}]",
     "conv2d(relu6(conv2d(x$, 48, kernel=1, name=\"c$\")), 48, kernel=3, stride=2, pad=1, "
     "groups=48)",
     "f32[1, 48, {c/2}, {d/2}]", true, NULL},
    {"residual", OP_conv2d, "x$: f32[1, {a}, {c}, {d}]",
     "relu(conv2d(x$, {a}, kernel=3, pad=1) + x$)", "f32[1, {a}, {c}, {d}]", true, NULL},
    {"pool", OP_max_pool2d, "x$: f32[1, {a}, {c}, {d}]", "max_pool2d(x$, 3, stride=2, pad=1)",
     "f32[1, {a}, {c/2}, {d/2}]", true, NULL},
    {"average", OP_avg_pool2d, "x$: f32[1, 5, {c}, {d}]",
     "avg_pool2d(conv2d(x$, 16, kernel=1), 3, stride=2, pad=1)", "f32[1, 16, {c/2}, {d/2}]", true,
     NULL},
    {"rows", OP_softmax, "x$: f32[{a}, {b}]", "softmax(x$, axis=1)", "f32[{a}, {b}]", false, NULL},
    {"columns", OP_softmax, "x$: f32[{a}, {b}]", "softmax(x$, axis=0)", "f32[{a}, {b}]", false,
     NULL},
    {"norm", OP_layer_norm, "x$: f32[{a}, {b}]", "layer_norm(x$)", "f32[{a}, {b}]", false, NULL},
    {"sum_last", OP_reduce_sum, "x$: f32[{a}, {b}]", "reduce_sum(x$, axes=[1], keepdims=false)",
     "f32[{a}]", false, NULL},
    {"max_first", OP_reduce_max, "x$: f32[{a}, {b}]", "reduce_max(x$, axes=[0], keepdims=false)",
     "f32[{b}]", false, NULL},
    {"turn", OP_transpose, "x$: @[{a}, {b}]", "transpose(x$, [1, 0])", "@[{b}, {a}]", false,
     "f32 u8 f16 i64"},
    {"turn_inner", OP_transpose, "x$: f32[2, {a}, {b}]", "transpose(x$, [0, 2, 1])",
     "f32[2, {b}, {a}]", false, NULL},
    {"argmax", OP_argmax, "x$: f32[{a}, {b}]", "argmax(x$, axis=1, keepdims=false)", "i64[{a}]",
     false, NULL},
    {"cumsum", OP_cumsum, "x$: f32[{a}, {b}]", "cumsum(x$, 0)", "f32[{a}, {b}]", false, NULL},
    {"cumsum rows", OP_cumsum, "x$: f32[{a}, {b}]", "cumsum(x$, 1, exclusive=true)",
     "f32[{a}, {b}]", false, NULL},
    {"resize", OP_resize, "x$: f32[1, {a}, {c}, {d}]", "resize(x$, [{d}, {c}], mode=\"linear\")",
     "f32[1, {a}, {d}, {c}]", true, NULL},
    {"concat", OP_concat, "x$: f32[{a}, {b}], z$: f32[{a}, {c}]", "concat([x$, gelu(z$)], axis=1)",
     "f32[{a}, {b}+{c}]", false, NULL},
};
_Static_assert(COUNT_OF(families) == EDGE_ROWS, "a row a family");

static uint64_t next_word(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return hash_bytes(state, sizeof *state, 0);
}

/* Vectors have 4, 8 or 16 lanes, tiles 6, 12, 14 or 30 rows and up to 4 vectors. */
static int draw_size(uint64_t *state, bool is_image) {
    static const int multiples[] = {4, 6, 8, 12, 14, 16, 24, 28, 30, 32, 48, 60, 64, 96};
    uint64_t word = next_word(state) >> 8;
    if (word % 3 == 0) return 1 + (int)(word / 3 % 33);
    size_t known = is_image ? 10 : COUNT_OF(multiples);
    int size = multiples[word / 3 % known] + (int)(word / 1000 % 3) - 1;
    return size;
}

static const char *expand(const char *text, const int *sizes, Arena *arena) {
    StrBuf out = {0};
    for (; *text; text++) {
        if (*text != '{') {
            str_putc(&out, *text);
            continue;
        }
        int size = sizes[text[1] - 'a'];
        bool half = text[2] == '/';
        str_printf(&out, "%d", half ? (size + 1) / 2 : size);
        text += half ? 4 : 2;
    }
    const char *result = arena_strdup(arena, str_text(&out));
    str_free(&out);
    return result;
}

size_t edge_rows(Row *rows, uint64_t seed, size_t cases, Arena *arena) {
    for (size_t f = 0; f < EDGE_ROWS; f++) {
        const Family *family = &families[f];
        Case *list = arena_array(arena, Case, cases);
        uint64_t state = seed * 1000 + f;
        for (size_t i = 0; i < cases; i++) {
            int sizes[6];
            for (size_t n = 0; n < COUNT_OF(sizes); n++)
                sizes[n] = draw_size(&state, family->is_image);
            list[i] = (Case){.types = family->types ? family->types : "f32",
                             .inputs = expand(family->inputs, sizes, arena),
                             .expression = expand(family->expression, sizes, arena),
                             .result = expand(family->result, sizes, arena),
                             .match = MATCH_AGREES,
                             .values = VALUES_SMALL};
        }
        rows[f] = (Row){family->name, family->op, list, cases};
    }
    return EDGE_ROWS;
}
