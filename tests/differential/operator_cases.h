/* What every operator of the table is tried on. A row of cases for each: an operator without one does not compile.
 *
 * In the texts `$` is the number of the instance, `@` the element type from `types` and `%` that from `to`; every combination
 * becomes an instance with the result y$. The symbols N and M take several values, N also 0. */
#ifndef NNC_TESTS_DIFFERENTIAL_OPERATOR_CASES_H
#define NNC_TESTS_DIFFERENTIAL_OPERATOR_CASES_H

#include "tests/differential/edges.h"

#define CASE(t, i, e, r, m, v, ...)                                                                \
    {.types = t, .inputs = i, .expression = e, .result = r, .match = m, .values = v, ##__VA_ARGS__}
#define HALVES   "f16 bf16"
#define FLOATS   "f32 f16 bf16 f64"
#define SIGNED   "i8 i16 i32 i64"
#define INTS     SIGNED " u8"
#define NUMBERS  FLOATS " " INTS
#define ALL      NUMBERS " bool"
#define EXACT    MATCH_EXACT
#define CLOSE    MATCH_CLOSE
#define AGREES   MATCH_AGREES
#define BITS     MATCH_BITS
#define SMALL    VALUES_SMALL
#define WIDE     VALUES_WIDE
#define SPECIAL  VALUES_SPECIAL
#define POSITIVE VALUES_POSITIVE

/* ---- sources ---- */

static const Case cases_param[] = {
    CASE(ALL, "x$: @[N, 13]", "x$ == w$", "bool[N, 13]", EXACT, SMALL, .before = "param w$: @[13]"),
    CASE("f32 i8", "", "w$", "@[3, 17]", BITS, SMALL, .before = "param w$: @[3, 17]"),
    CASE("f32", "x$: @[N, 5]", "a$ + x$", "@[N, 5]", EXACT, SMALL,
         .before = "param w$: @[7, 5]\n  a$ = reshape(slice(w$, [3], [4]), [5])"),
};
static const Case cases_const[] = {
    CASE(NUMBERS, "x$: @[N, 5]", "x$ + 3", "@[N, 5]", EXACT, SPECIAL),
    CASE("bool", "x$: @[7]", "x$ == true", "@[7]", EXACT, SMALL),
    CASE(FLOATS, "x$: @[3, 5]", "x$ * const([[0.1], [-2], [1e4]], @)", "@[3, 5]", EXACT, SMALL),
    CASE(INTS, "", "const([[1, 2], [3, 127]], @)", "@[2, 2]", BITS, SMALL),
};

/* ---- pointwise, one operand ---- */

#define UNARY(types, op, match)                                                                    \
    CASE(types, "x$: @[N, 37]", op "(x$)", "@[N, 37]", match, SPECIAL),                            \
        CASE(types, "x$: @[3, 1, 11]", op "(x$)", "@[3, 1, 11]", match, WIDE),                     \
        CASE(types, "x$: @[]", op "(x$)", "@[]", match, SMALL)

static const Case cases_neg[] = {UNARY(FLOATS " " SIGNED " i4", "neg", BITS)};
static const Case cases_abs[] = {UNARY(NUMBERS " i4 u4", "abs", BITS)};
static const Case cases_relu[] = {UNARY(NUMBERS " i4 u4", "relu", EXACT)};
static const Case cases_leaky_relu[] = {
    UNARY(FLOATS, "leaky_relu", CLOSE),
    CASE("f32", "x$: @[N, 29]", "leaky_relu(x$, 0.3)", "@[N, 29]", CLOSE, SPECIAL),
};
static const Case cases_relu6[] = {UNARY(FLOATS, "relu6", EXACT)};
static const Case cases_clip[] = {
    CASE(FLOATS " " SIGNED, "x$: @[N, 37]", "clip(x$, -3, 5)", "@[N, 37]", EXACT, SPECIAL),
    CASE(NUMBERS " i4 u4", "x$: @[N, 37]", "clip(x$, low=2)", "@[N, 37]", EXACT, SPECIAL),
    CASE(NUMBERS " i4 u4", "x$: @[3, 1, 11]", "clip(x$, high=6)", "@[3, 1, 11]", EXACT, WIDE),
    CASE("f32 f16", "x$: @[N, 37]", "clip(x$, 0.1, 0.3)", "@[N, 37]", EXACT, SMALL),
    CASE("f32 i32", "x$: @[N, 5]", "clip(x$, 3, 1)", "@[N, 5]", EXACT, SPECIAL),
    CASE("f32", "x$: @[]", "clip(x$)", "@[]", EXACT, SMALL),
};
static const Case cases_hardsigmoid[] = {UNARY(FLOATS, "hardsigmoid", CLOSE)};
static const Case cases_hardswish[] = {UNARY(FLOATS, "hardswish", CLOSE)};
static const Case cases_silu[] = {
    UNARY(FLOATS, "silu", AGREES),
    /* Behind a tile: of two axes and of none, with rests of both and lanes that are no elements. */
    CASE("f32 f16", "x$: @[N, 5, 7, 11]", "max_pool2d(silu(a$), 2)", "@[N, 32, 3, 5]", AGREES,
         SMALL, .before = "a$ = conv2d(x$, 32, kernel=1)", .o2 = true),
    CASE("f32", "x$: @[19, 10]", "silu(dense(x$, 53, name=\"a$\")) + 1", "@[19, 53]", AGREES, SMALL,
         .o2 = true),
    CASE("f32", "x$: @[N, 6], z$: @[6, M]", "silu(matmul(x$, z$))", "@[N, M]", AGREES, SMALL),
};
static const Case cases_gelu[] = {
    UNARY(FLOATS, "gelu", AGREES),
    CASE(FLOATS, "x$: @[N, 37]", "gelu(x$, approximate=\"tanh\")", "@[N, 37]", AGREES, WIDE),
};
static const Case cases_rsqrt[] = {UNARY(FLOATS, "rsqrt", CLOSE)};
static const Case cases_sigmoid[] = {UNARY(FLOATS, "sigmoid", CLOSE)};
static const Case cases_tanh[] = {UNARY(FLOATS, "tanh", CLOSE)};
static const Case cases_exp[] = {UNARY(FLOATS, "exp", CLOSE)};
static const Case cases_log[] = {UNARY(FLOATS, "log", CLOSE)};
static const Case cases_sqrt[] = {UNARY(FLOATS, "sqrt", EXACT)};
static const Case cases_erf[] = {UNARY(FLOATS, "erf", CLOSE)};
static const Case cases_floor[] = {UNARY(FLOATS, "floor", BITS)};
static const Case cases_ceil[] = {UNARY(FLOATS, "ceil", BITS)};
static const Case cases_round[] = {UNARY(FLOATS, "round", BITS)};
static const Case cases_not[] = {UNARY("bool", "not ", EXACT)};
static const Case cases_cast[] = {
    CASE(ALL " i4 u4", "x$: @[M, 37]", "cast(x$, %)", "%[M, 37]", EXACT, SPECIAL,
         .to = ALL " i4 u4"),
};
static const Case cases_quantize[] = {
    CASE(FLOATS, "x$: @[N, 29]", "quantize(x$, 0.011, %)", "%[N, 29]", EXACT, SMALL,
         .to = "i8 i16 i32"),
    CASE(FLOATS, "x$: @[N, 29]", "quantize(x$, 0.25, %)", "%[N, 29]", EXACT, SPECIAL,
         .to = "i8 i16 i32"),
};
static const Case cases_dequantize[] = {
    CASE(INTS, "x$: @[N, 29]", "dequantize(x$, 0.011, %)", "%[N, 29]", EXACT, WIDE, .to = FLOATS),
};

/* ---- pointwise, several operands ---- */

#define BINARY(types, e, r, match)                                                                 \
    CASE(types, "a$: @[M, 61], b$: @[M, 61]", e, r "[M, 61]", match, SPECIAL),                     \
        CASE(types, "a$: @[N, 3, 7], b$: @[7]", e, r "[N, 3, 7]", match, WIDE),                    \
        CASE(types, "a$: @[5, 1], b$: @[1, 19]", e, r "[5, 19]", match, WIDE),                     \
        CASE(types, "a$: @[], b$: @[3, N]", e, r "[3, N]", match, SMALL),                          \
        CASE(types, "a$: @[N, 1, 5], b$: @[3, 1]", e, r "[N, 3, 5]", match, SMALL)

static const Case cases_add[] = {BINARY(NUMBERS, "a$ + b$", "@", EXACT)};
static const Case cases_sub[] = {BINARY(NUMBERS, "a$ - b$", "@", EXACT)};
static const Case cases_mul[] = {BINARY(NUMBERS, "a$ * b$", "@", EXACT)};
static const Case cases_div[] = {
    BINARY(NUMBERS, "a$ / b$", "@", EXACT),
    CASE(INTS, "a$: @[N, 23]", "a$ / 7", "@[N, 23]", EXACT, SPECIAL),
    CASE(SIGNED, "a$: @[N, 23]", "a$ / -1", "@[N, 23]", EXACT, SPECIAL),
    CASE(INTS, "a$: @[N, 23]", "100 / a$", "@[N, 23]", EXACT, SPECIAL),
};
static const Case cases_pow[] = {
    BINARY(FLOATS, "a$ ** b$", "@", CLOSE),
    CASE(FLOATS, "a$: @[N, 31]", "a$ ** 2", "@[N, 31]", CLOSE, SPECIAL),
    CASE(FLOATS, "a$: @[N, 31]", "a$ ** 0.5", "@[N, 31]", CLOSE, SPECIAL),
    CASE(FLOATS, "a$: @[N, 31]", "a$ ** -1", "@[N, 31]", CLOSE, SPECIAL),
    CASE(FLOATS, "a$: @[N, 31]", "a$ ** 0", "@[N, 31]", CLOSE, SPECIAL),
};
static const Case cases_minimum[] = {
    BINARY(NUMBERS, "minimum(a$, b$)", "@", EXACT),
    CASE(FLOATS, "a$: @[N, 31]", "minimum(a$, 6)", "@[N, 31]", EXACT, SPECIAL)};
static const Case cases_maximum[] = {
    BINARY(NUMBERS, "maximum(a$, b$)", "@", EXACT),
    CASE(FLOATS, "a$: @[N, 31]", "maximum(a$, -1)", "@[N, 31]", EXACT, SPECIAL)};
static const Case cases_eq[] = {BINARY(ALL, "a$ == b$", "bool", EXACT)};
static const Case cases_ne[] = {BINARY(ALL, "a$ != b$", "bool", EXACT)};
static const Case cases_lt[] = {BINARY(ALL, "a$ < b$", "bool", EXACT)};
static const Case cases_le[] = {BINARY(ALL, "a$ <= b$", "bool", EXACT)};
static const Case cases_gt[] = {BINARY(ALL, "a$ > b$", "bool", EXACT)};
static const Case cases_ge[] = {BINARY(ALL, "a$ >= b$", "bool", EXACT)};
static const Case cases_and[] = {BINARY("bool", "a$ and b$", "bool", EXACT)};
static const Case cases_or[] = {BINARY("bool", "a$ or b$", "bool", EXACT)};
static const Case cases_where[] = {
    CASE(ALL, "c$: bool[N, 23], a$: @[N, 23], b$: @[N, 23]", "where(c$, a$, b$)", "@[N, 23]", BITS,
         SPECIAL),
    CASE(ALL, "c$: bool[3, 1, 1], a$: @[5, 1], b$: @[1, 7]", "where(c$, a$, b$)", "@[3, 5, 7]",
         BITS, WIDE),
    CASE(NUMBERS, "c$: bool[N, 1], b$: @[3]", "where(c$, 1, b$)", "@[N, 3]", BITS, SMALL),
};

/* ---- movement ---- */

static const Case cases_reshape[] = {
    CASE(ALL, "x$: @[N, 2, 12]", "reshape(x$, [N, -1])", "@[N, 24]", BITS, SPECIAL),
    CASE("f32 i8", "x$: @[2, 3, N]", "reshape(neg(x$), [6, N])", "@[6, N]", BITS, SPECIAL),
    CASE("f32 u8", "x$: @[N, 6]", "reshape(x$, [2, N, 3])", "@[2, N, 3]", BITS, SPECIAL),
    CASE("f32", "x$: @[1, 1]", "reshape(x$, [])", "@[]", BITS, SPECIAL),
    CASE("f64", "x$: @[N, M]", "reshape(x$, [N * M])", "@[N * M]", BITS, SPECIAL),
};
static const Case cases_flatten[] = {
    CASE(ALL, "x$: @[N, 3, 5]", "flatten(x$)", "@[N, 15]", BITS, SPECIAL),
    CASE("f32", "x$: @[N, 3, 5]", "flatten(x$, axis=0)", "@[1, 15 * N]", BITS, SPECIAL),
    CASE("f32", "x$: @[N, 3, 5]", "flatten(x$, axis=-1)", "@[3 * N, 5]", BITS, SPECIAL),
    CASE("f32", "x$: @[N, 3, 5]", "flatten(x$, axis=3)", "@[15 * N, 1]", BITS, SPECIAL),
};
static const Case cases_transpose[] = {
    CASE(ALL, "x$: @[N, 5, 18]", "transpose(x$, [0, 2, 1])", "@[N, 18, 5]", BITS, SPECIAL),
    CASE(ALL, "x$: @[N, 7]", "transpose(x$)", "@[7, N]", BITS, SPECIAL),
    CASE("f32 i8", "x$: @[2, N, 3, 5]", "transpose(x$, [3, 1, 0, 2])", "@[5, N, 2, 3]", BITS,
         SPECIAL),
    CASE("f32 bf16", "x$: @[2, 19, 1, 33]", "transpose(x$, [-1, -2, -3, 0])", "@[33, 1, 19, 2]",
         BITS, SPECIAL),
    CASE("f32", "x$: @[5, 3, 2]", "transpose(x$, [1, 0, 2])", "@[3, 5, 2]", BITS, SPECIAL),
};
static const Case cases_broadcast_to[] = {
    CASE(ALL, "x$: @[3, 1]", "broadcast_to(x$, [N, 3, 7])", "@[N, 3, 7]", BITS, SPECIAL),
    CASE("f32", "x$: @[N]", "maximum(broadcast_to(const(0.5, @), [N]), x$)", "@[N]", BITS, SPECIAL),
    CASE("f32", "x$: @[N]", "broadcast_to(const(0.5, @), [N, 2]) + 1", "@[N, 2]", BITS, SPECIAL),
    CASE("f32", "x$: @[]", "broadcast_to(x$, [5, N])", "@[5, N]", BITS, SPECIAL),
    CASE("f32", "x$: @[N]", "broadcast_to(x$, [2, 1, N])", "@[2, 1, N]", BITS, SPECIAL),
};
static const Case cases_concat[] = {
    CASE("f32", "x$: @[N, 16, 3, 5]", "conv2d(relu(concat([a$, b$, a$], axis=1)), weight=v$)",
         "@[N, 5, 3, 5]", AGREES, SMALL,
         .before =
             "param v$: @[5, 64, 1, 1]\n  a$ = conv2d(x$, 16, kernel=1)\n  b$ = conv2d(x$, 32, "
             "kernel=1, pad=0)"),
    CASE("f32", "x$: @[1, 16, 3, 5]", "conv2d(concat([a$, b$], axis=1), weight=v$)",
         "@[1, 5, 3, 5]", AGREES, SMALL,
         .before =
             "param v$: @[5, 40, 1, 1]\n  a$ = conv2d(x$, 16, kernel=1)\n  b$ = conv2d(x$, 24, "
             "kernel=1)"),
    CASE(ALL, "a$: @[N, 3], b$: @[N, 5], c$: @[N, 1]", "concat([a$, b$, c$], axis=1)", "@[N, 9]",
         BITS, SPECIAL),
    CASE("f32 i8", "a$: @[N, 7], b$: @[M, 7]", "concat([a$, b$])", "@[N + M, 7]", BITS, SPECIAL),
    CASE("f32", "a$: @[2, 3, 5], b$: @[2, 17, 5]", "concat([a$, b$, a$], axis=-2)", "@[2, 23, 5]",
         BITS, SPECIAL),
    CASE("f32", "a$: @[3, 0], b$: @[3, 2]", "concat([a$, b$], axis=1)", "@[3, 2]", BITS, SPECIAL),
    CASE("f32", "a$: @[3]", "concat([a$])", "@[3]", BITS, SPECIAL),
};
static const Case cases_split[] = {
    CASE(ALL, "x$: @[N, 9]", "q$ ", "@[N, 3]", BITS, SPECIAL,
         .before = "_p$, q$, _r$ = split(x$, 3, axis=1)"),
    CASE("f32", "x$: @[4, N]", "q$", "@[2, N]", BITS, SPECIAL, .before = "_p$, q$ = split(x$, 2)"),
    CASE("f32", "x$: @[2, 35]", "concat([r$, p$], axis=1)", "@[2, 14]", BITS, SPECIAL,
         .before = "p$, _q$, r$, _s$, _t$ = split(x$, 5, axis=-1)"),
    CASE("f32", "x$: @[2 * N, 3]", "b$ - a$", "@[N, 3]", EXACT, SMALL,
         .before = "a$, b$ = split(x$, 2)"),
};
static const Case cases_slice[] = {
    CASE(ALL, "x$: @[N, 19]", "slice(x$, [2], [13], axes=[1])", "@[N, 11]", BITS, SPECIAL),
    CASE("f32 u8", "x$: @[5, 19]", "slice(x$, [1, 17], [4, -20], axes=[0, 1], steps=[2, -3])",
         "@[2, 6]", BITS, SPECIAL),
    CASE("f32", "x$: @[N, 7]", "slice(x$, [-1], [-2147483648], steps=[-1])", "@[N, 7]", BITS,
         SPECIAL),
    CASE("f32", "x$: @[N, 7]", "slice(x$, [2], [2147483647])", "@[max(N - 2, 0), 7]", BITS,
         SPECIAL),
    CASE("f32", "x$: @[N, 7]", "slice(x$, [-2], [2147483647], axes=[0])", "@[min(N, 2), 7]", BITS,
         SPECIAL),
    CASE("f32", "x$: @[N, 7]", "slice(x$, [0, 100], [-1, -100], axes=[0, -1], steps=[1, -1])",
         "@[max(N - 1, 0), 7]", BITS, SPECIAL),
    CASE("f32", "x$: @[3, 7]", "slice(x$, [5], [2], axes=[1])", "@[3, 0]", BITS, SPECIAL),
    CASE("f32", "x$: @[2, 3, 70]", "slice(x$, [1], [100], axes=[2], steps=[3])", "@[2, 3, 23]",
         BITS, SPECIAL),
};
static const Case cases_pad[] = {
    CASE(NUMBERS, "x$: @[N, 7]", "pad(x$, [1, 0, 2, 3], value=7)", "@[N + 3, 10]", BITS, SPECIAL),
    CASE("f32 bool", "x$: @[2, 3, 5]", "pad(x$, [0, 1, 2, 1, 0, 17])", "@[3, 4, 24]", BITS,
         SPECIAL),
    CASE("f32", "x$: @[N, 2, 3, 4]", "pad(x$, [0, 0, 1, 2, 0, 0, 2, 1], value=-1.5)",
         "@[N, 2, 6, 7]", BITS, SPECIAL),
    CASE("f32", "x$: @[3, 0]", "pad(x$, [0, 1, 0, 1], value=2)", "@[3, 2]", BITS, SPECIAL),
    CASE("f32 i8", "x$: @[3, 1, 5]", "pad(x$, [0, 18, 1, 0, 1, 0])", "@[3, 20, 6]", BITS, SPECIAL),
    CASE("f32", "x$: @[5, 1, 1]", "pad(x$, [1, 0, 17, 0, 2, 1], value=3)", "@[6, 3, 19]", BITS,
         SPECIAL),
    CASE("f32", "x$: @[]", "pad(x$, [])", "@[]", BITS, SPECIAL),
    CASE(ALL, "x$: @[N, 19]", "pad(x$, [0, -2, 0, -3])", "@[N, 14]", BITS, SPECIAL),
    CASE("f32 i8", "x$: @[3, M, 9]", "pad(x$, [1, 0, -4, -2, 2, -1], value=3)", "@[2, M + 2, 4]",
         BITS, SPECIAL),
    CASE("f32", "x$: @[2, 18]", "pad(x$, [0, -20, -1, 19], value=5)", "@[1, 17]", BITS, SPECIAL),
    /* Written by the kernel before: channels in blocks, in the border too; whole rows; pooled. */
    CASE("f32 f16", "x$: @[N, 16, 5, 6]",
         "conv2d(pad(relu(a$), [0, 0, 1, 2, 0, 0, 0, 3], value=2), 16, kernel=2)",
         "@[N, 16, 5, 10]", AGREES, SMALL, .before = "a$ = conv2d(x$, 32, kernel=1)", .o2 = true),
    CASE("f32", "x$: @[2, 3, 5, 19]",
         "conv2d(pad(a$, [0, 0, 2, 1, 1, 0, 1, 19], value=-1), 3, kernel=3)", "@[3, 3, 6, 37]",
         AGREES, SMALL, .before = "a$ = conv2d(x$, 5, kernel=1)", .o2 = true),
    CASE("f32", "x$: @[N, 16, 8, M]",
         "conv2d(pad(max_pool2d(a$, [2, 1]), [0, 16, 1, 0, 0, 0, 0, 1], value=1), 2, kernel=1)",
         "@[N, 2, 5, M + 1]", AGREES, SMALL, .before = "a$ = conv2d(x$, 16, kernel=1)", .o2 = true),
};
static const Case cases_range[] = {
    CASE(NUMBERS, "x$: @[N, 5]", "range(N, 2 * N, @)", "@[N]", BITS, SMALL),
    CASE(NUMBERS, "x$: @[3, M]", "x$ + range(-2, M - 2, @)", "@[3, M]", EXACT, SMALL),
    CASE("f32", "x$: @[N, M]", "where(reshape(range(0, N), [N, 1]) >= range(0, M), x$, 0)",
         "@[N, M]", EXACT, SPECIAL),
    CASE("f32 i16", "x$: @[N, 3]", "x$ + reshape(range(N - 1, N + 2, @), [3]) * 2", "@[N, 3]",
         EXACT, SMALL),
    CASE("i8 f16", "", "range(100, 260, @)", "@[160]", BITS, SMALL),
    CASE("i64", "", "range(5, 5, @)", "@[0]", BITS, SMALL),
};
static const Case cases_gather[] = {
    CASE(ALL, "x$: @[7, 3], i$: i64[N]", "gather(x$, i$)", "@[N, 3]", BITS, SMALL),
    CASE("f32", "x$: @[2, 5, 3], i$: %[2, 2]", "gather(x$, i$, axis=1)", "@[2, 2, 2, 3]", BITS,
         SMALL, .to = "i32 i64"),
    CASE("f32", "x$: @[2, 5, 3], i$: %[2, 2]", "gather(x$, i$, axis=-1)", "@[2, 5, 2, 2]", BITS,
         SPECIAL, .to = "i32 i64"),
    CASE("f32 i8", "x$: @[M, 18], i$: i32[]", "gather(x$, i$)", "@[18]", BITS, SPECIAL),
    CASE("f32 i16", "x$: @[N, M], i$: i64[19]", "gather(x$, i$, axis=1)", "@[N, 19]", BITS,
         SPECIAL),
};
static const Case cases_resize[] = {
    CASE(NUMBERS, "x$: @[N, 2, 3, 5]", "resize(x$, [7, 11])", "@[N, 2, 7, 11]", BITS, SPECIAL),
    CASE(FLOATS, "x$: @[N, 2, 3, 5]", "resize(x$, [7, 11], mode=\"linear\")", "@[N, 2, 7, 11]",
         AGREES, SMALL),
    CASE("f32", "x$: @[1, 2, 11, 7]", "resize(x$, [4, 3], mode=\"%\")", "@[1, 2, 4, 3]", AGREES,
         SMALL, .to = "linear nearest"),
    CASE("f32 f16", "x$: @[N, 2, 5, 28]", "relu(resize(x$, [10, 56], mode=\"%\"))",
         "@[N, 2, 10, 56]", AGREES, SMALL, .to = "linear nearest"),
    CASE("f32", "x$: @[1, 2, 2, 100]", "resize(exp(x$), [3, 300], mode=\"%\")", "@[1, 2, 3, 300]",
         AGREES, SMALL, .to = "linear nearest"),
    CASE("f32", "x$: @[2, 3, 17, 41]", "resize(x$, [11, 27], mode=\"%\")", "@[2, 3, 11, 27]",
         AGREES, SMALL, .to = "linear nearest"),
    CASE("f32", "x$: @[N, 3, 1, 1]", "resize(x$, [2, 3], mode=\"%\")", "@[N, 3, 2, 3]", AGREES,
         SMALL, .to = "linear nearest"),
    CASE("f32", "x$: @[2, 9, 4]", "resize(x$, [1, 19], mode=\"%\")", "@[2, 1, 19]", AGREES, SMALL,
         .to = "linear nearest"),
    CASE("f32", "x$: @[6, 8]", "resize(x$, [3, 4], mode=\"%\")", "@[3, 4]", AGREES, SMALL,
         .to = "linear nearest"),
    CASE("f32", "x$: @[2, M, 6]", "resize(x$, [2 * M, 3], mode=\"%\")", "@[2, 2 * M, 3]", AGREES,
         SMALL, .to = "linear nearest"),
    CASE("f32", "x$: @[N, 2, 4, M]", "resize(x$, [x$.shape[2] * 2, x$.shape[3] * 2], mode=\"%\")",
         "@[N, 2, 8, 2 * M]", AGREES, SMALL, .to = "linear nearest"),
    CASE("f32", "x$: @[M, 3 * M, 6 * M]", "resize(x$, [M, 4 * M], mode=\"%\")", "@[M, M, 4 * M]",
         AGREES, SMALL, .to = "linear nearest"),
};
/* A source cannot ask for it; the choice of layouts does. */
static const Case cases_relayout[] = {
    CASE("f32", "x$: @[N, 32, 6, 5]",
         "reshape(max_pool2d(conv2d(relu(a$), 48, kernel=3, name=\"b$\"), 2), [N, 96])", "@[N, 96]",
         AGREES, SMALL, .before = "a$ = conv2d(x$, 64, kernel=1)", .o2 = true),
    CASE("f32", "x$: @[1, 32, 5, 7]", "transpose(relu(a$) + relu(a$), [0, 2, 3, 1])",
         "@[1, 5, 7, 32]", AGREES, SMALL, .before = "a$ = conv2d(x$, 32, kernel=3, pad=1)",
         .o2 = true),
};

/* ---- reductions ---- */

#define REDUCE(types, some, op, match, values)                                                     \
    CASE(types, "x$: @[N, 37]", op "(x$, axes=[1])", "@[N]", match, values),                       \
        CASE(types, "x$: @[N, 19]", op "(x$, axes=[0])", "@[19]", match, values),                  \
        CASE(types, "x$: @[3, 5, 7]", op "(x$)", "@[]", match, values),                            \
        CASE(some, "x$: @[N, 3, 5, 2]", op "(x$, axes=[-1, 1], keepdims=true)", "@[N, 1, 5, 1]",   \
             match, values),                                                                       \
        CASE(some, "x$: @[2, N, 3]", op "(x$, axes=[0, 2])", "@[N]", match, values),               \
        CASE("f32", "x$: @[17, 1]", op "(x$, axes=[1])", "@[17]", match, values),                  \
        CASE("f32 f64", "x$: @[5, 0]", op "(x$, axes=[1])", "@[5]", match, values),                \
        CASE("f32", "x$: @[]", op "(x$, keepdims=true)", "@[]", match, values),                    \
        CASE("f32", "x$: @[2, 33, 16]", op "(x$, axes=[1])", "@[2, 16]", match, values)

static const Case cases_reduce_sum[] = {
    REDUCE(NUMBERS, "f32 i32", "reduce_sum", AGREES, SMALL),
    CASE(INTS, "x$: @[N, 5]", "reduce_sum(x$, axes=[1])", "@[N]", EXACT, SPECIAL),
    CASE("f32", "x$: @[N, 3]", "reduce_sum(x$, axes=[1])", "@[N]", CLOSE, SPECIAL),
    CASE("f32", "x$: @[M, 3]", "reduce_sum(x$)", "@[]", AGREES, POSITIVE),
};
static const Case cases_reduce_mean[] = {
    REDUCE(FLOATS, "f32 f64", "reduce_mean", AGREES, SMALL),
    CASE("f32", "x$: @[N, 3]", "reduce_mean(x$)", "@[]", AGREES, POSITIVE),
};
static const Case cases_reduce_max[] = {
    REDUCE(NUMBERS, "f32 i32", "reduce_max", EXACT, SPECIAL),
    CASE(FLOATS, "x$: @[N, 3]", "reduce_max(x$, axes=[1])", "@[N]", EXACT, WIDE),
};
static const Case cases_reduce_min[] = {
    REDUCE(NUMBERS, "f32 i32", "reduce_min", EXACT, SPECIAL),
    CASE(FLOATS, "x$: @[N, 3]", "reduce_min(x$, axes=[1])", "@[N]", EXACT, WIDE),
};
static const Case cases_reduce_prod[] = {
    REDUCE(NUMBERS, "f32 i32", "reduce_prod", AGREES, SMALL),
    CASE(INTS, "x$: @[N, 5]", "reduce_prod(x$, axes=[1])", "@[N]", EXACT, SPECIAL),
};
static const Case cases_cumsum[] = {
    CASE(NUMBERS, "x$: @[N, 37]", "cumsum(x$, 1)", "@[N, 37]", AGREES, SMALL),
    CASE(INTS " i4 u4", "x$: @[5, N]", "cumsum(x$, -1, reverse=true)", "@[5, N]", EXACT, SPECIAL),
    CASE("f32 f16 i32", "x$: @[N, 5, 19]", "cumsum(x$, axis=1, exclusive=true)", "@[N, 5, 19]",
         AGREES, SMALL),
    CASE("f32 i8", "x$: @[M, 3, N]", "cumsum(x$, axis=0, exclusive=true, reverse=true)",
         "@[M, 3, N]", AGREES, SMALL),
    CASE("f32", "x$: @[N, 7]", "cumsum(x$, 1)", "@[N, 7]", CLOSE, SPECIAL),
    CASE("f32", "x$: @[2, M, 17]", "transpose(relu(cumsum(a$, axis=1) * 2), [2, 0, 1])",
         "@[17, 2, M]", AGREES, SMALL, .before = "a$ = exp(x$)"),
    CASE("f32", "x$: @[M]", "cumsum(x$, 0)", "@[M]", AGREES, POSITIVE),
    CASE("f32", "x$: @[1, 1]", "cumsum(x$, 1, exclusive=true)", "@[1, 1]", EXACT, SPECIAL),
};
static const Case cases_argmax[] = {
    CASE(NUMBERS, "x$: @[N, 37]", "argmax(x$, axis=1)", "i64[N]", EXACT, SPECIAL),
    CASE(NUMBERS, "x$: @[5, 19]", "argmax(x$)", "i64[19]", EXACT, SMALL),
    CASE("f32 i8", "x$: @[3, M, 2]", "argmax(x$, axis=-2, keepdims=true)", "i64[3, 1, 2]", EXACT,
         SPECIAL),
    CASE("f32 f16", "x$: @[M]", "argmax(x$, axis=0)", "i64[]", EXACT, SPECIAL),
    CASE("f32", "x$: @[N, 1]", "argmax(x$, axis=1)", "i64[N]", EXACT, SPECIAL),
};
static const Case cases_softmax[] = {
    CASE(FLOATS, "x$: @[N, 37]", "softmax(x$)", "@[N, 37]", CLOSE, SMALL),
    CASE(FLOATS, "x$: @[3, 5, 7]", "softmax(x$, axis=1)", "@[3, 5, 7]", CLOSE, SMALL),
    CASE("f32", "x$: @[N, 18]", "softmax(x$, axis=0)", "@[N, 18]", AGREES, WIDE),
    CASE("f32 f16 f64", "x$: @[N, 3]", "softmax(x$)", "@[N, 3]", AGREES, SPECIAL),
    CASE("f32", "x$: @[3, N]", "softmax(x$)", "@[3, N]", AGREES, WIDE),
    CASE("f32", "x$: @[N, 1]", "softmax(x$)", "@[N, 1]", CLOSE, SMALL),
};

/* ---- contractions ---- */

#define MATMUL(types, to_, r, match, values)                                                       \
    CASE(types, "a$: @[N, 7], b$: %[7, 5]", "matmul(a$, b$)", r "[N, 5]", match, values,           \
         .to = to_),                                                                               \
        CASE(types, "a$: @[3, 19], b$: %[19, 33]", "matmul(a$, b$)", r "[3, 33]", match, values,   \
             .to = to_),                                                                           \
        CASE(types, "a$: @[13, 3], b$: %[3, 1]", "matmul(a$, b$)", r "[13, 1]", match, values,     \
             .to = to_),                                                                           \
        CASE(types, "a$: @[2, N], b$: %[N, 3]", "matmul(a$, b$)", r "[2, 3]", match, values,       \
             .to = to_)

static const Case cases_matmul[] = {
    MATMUL("f32", "f32", "@", AGREES, SMALL),
    MATMUL("f64", "f64", "@", AGREES, SMALL),
    MATMUL("f16", "f16", "@", AGREES, SMALL),
    MATMUL("bf16", "bf16", "@", AGREES, SMALL),
    MATMUL("i8 u8", "i8 u8", "i32", EXACT, WIDE),
    MATMUL("i16", "i16", "i32", EXACT, WIDE),
    MATMUL("i32", "i32", "@", EXACT, WIDE),
    MATMUL("i64", "i64", "@", EXACT, WIDE),
    CASE("f32", "a$: @[N, 3, 5], b$: @[5, 7]", "matmul(a$, b$)", "@[N, 3, 7]", AGREES, SMALL),
    CASE("f32", "a$: @[2, 1, 3, 5], b$: @[N, 5, 7]", "matmul(a$, b$)", "@[2, N, 3, 7]", AGREES,
         SMALL),
    CASE("f32 f64", "a$: @[N, 4, 17], b$: @[N, 17, 6]", "matmul(a$, b$)", "@[N, 4, 6]", AGREES,
         SMALL),
    CASE("f32", "a$: @[1, 67], b$: @[67, 100]", "matmul(a$, b$)", "@[1, 100]", AGREES, SMALL),
    CASE("f32", "a$: @[29, 32], b$: @[32, 67]", "matmul(a$, b$)", "@[29, 67]", AGREES, SMALL),
    CASE("f32", "a$: @[16, N], b$: @[N, 16]", "matmul(a$, b$)", "@[16, 16]", AGREES, SMALL),
    CASE("f32", "a$: @[5, 8], b$: @[8, N]", "matmul(a$, b$)", "@[5, N]", AGREES, SMALL),
    CASE("f32", "a$: @[N, 5], b$: @[N, 7]", "matmul(transpose(a$), b$)", "@[5, 7]", AGREES, SMALL),
    CASE("f32", "a$: @[3, 5], b$: @[5, 19]", "matmul(a$, b$)", "@[3, 19]", AGREES, SPECIAL),
    CASE("f32", "a$: @[3, 0], b$: @[0, 5]", "matmul(a$, b$)", "@[3, 5]", AGREES, SMALL),
};
static const Case cases_dense[] = {
    CASE(FLOATS, "x$: @[N, 19]", "dense(x$, 33)", "@[N, 33]", AGREES, SMALL),
    CASE(FLOATS, "x$: @[N, 19]", "dense(x$, 7, bias=false, weight=\"io\")", "@[N, 7]", AGREES,
         SMALL),
    CASE("f32", "x$: @[2, N, 5]", "dense(x$, 1)", "@[2, N, 1]", AGREES, SMALL),
    CASE("f32", "x$: @[5]", "dense(x$, 17)", "@[17]", AGREES, SMALL),
    CASE("f32", "x$: @[N, 1]", "dense(x$, 16)", "@[N, 16]", AGREES, SMALL),
    CASE("f32", "x$: @[N, 7], w$: @[5, 7], b$: @[5]", "dense(x$, weight=w$, bias=b$)", "@[N, 5]",
         AGREES, SMALL),
    CASE("i8 u8", "x$: @[N, 7], w$: %[7, 5]", "dense(x$, weight=w$, weight_order=\"io\")",
         "i32[N, 5]", EXACT, WIDE, .to = "i8 u8"),
    CASE("i16", "x$: @[N, 7], w$: @[5, 7], b$: i32[5]", "dense(x$, weight=w$, bias=b$)",
         "i32[N, 5]", EXACT, WIDE),
    CASE("f32", "x$: @[33, 128]", "dense(x$, 65)", "@[33, 65]", AGREES, SMALL),
};
/* Between two others, so that its operands lie in blocks of channels. */
#define WINOGRAD(m, n, channels, filters, height, width, pad)                                      \
    CASE("f32", "x$: @[" n ", 16, " height ", " width "]", "conv2d(relu(b$) + b$, weight=q$)",     \
         "@[" n ", 16, (" height ") - 2 + 2 * " pad ", (" width ") - 2 + 2 * " pad "]", AGREES,    \
         SMALL,                                                                                    \
         .before = "param v$: @[" channels ", 16, 1, 1]\n  param w$: @[" filters ", " channels     \
                   ", 3, 3]\n  param q$: @[16, " filters ", 1, 1]\n  param c$: @[" filters         \
                   "]\n  b$ = conv2d(conv2d(x$, weight=v$), weight=w$, bias=c$, pad=" pad          \
                   ", winograd=" m ")")

static const Case cases_conv2d[] = {
    WINOGRAD("4", "N", "16", "16", "8", "12", "1"),
    WINOGRAD("4", "1", "48", "32", "5", "7", "1"),
    WINOGRAD("4", "2", "32", "96", "11", "6", "0"),
    WINOGRAD("4", "3", "16", "64", "3", "13", "2"),
    WINOGRAD("4", "1", "128", "16", "29", "30", "1"),
    WINOGRAD("2", "N", "32", "16", "4", "5", "1"),
    WINOGRAD("2", "1", "16", "48", "9", "3", "0"),
    WINOGRAD("4", "1", "64", "64", "1", "1", "1"),
    CASE(FLOATS, "x$: @[N, 3, 9, 7]", "conv2d(x$, 5, kernel=3, pad=1)", "@[N, 5, 9, 7]", AGREES,
         SMALL),
    CASE("f32 f64", "x$: @[N, 3, 11, 13]",
         "conv2d(x$, 7, kernel=[3, 2], stride=[2, 3], pad=[0, 1, 2, 0], bias=false)",
         "@[N, 7, 6, 5]", AGREES, SMALL),
    CASE("f32", "x$: @[2, 4, 12, 11]", "conv2d(x$, 6, kernel=[2, 3], dilation=[3, 2], groups=2)",
         "@[2, 6, 9, 7]", AGREES, SMALL),
    CASE("f32 f16", "x$: @[N, 19, 6, 5]", "conv2d(x$, 19, kernel=3, pad=1, groups=19)",
         "@[N, 19, 6, 5]", AGREES, SMALL),
    CASE("f32", "x$: @[1, 16, 9, 9]", "conv2d(x$, 32, kernel=3, stride=2, pad=1, groups=16)",
         "@[1, 32, 5, 5]", AGREES, SMALL),
    CASE("f32", "x$: @[N, 32, 5, 6]", "conv2d(x$, 32, kernel=3, pad=1)", "@[N, 32, 5, 6]", AGREES,
         SMALL),
    CASE("f32", "x$: @[N, 16, 5, 7]", "conv2d(x$, 48, kernel=1)", "@[N, 48, 5, 7]", AGREES, SMALL),
    CASE("f32", "x$: @[2, 3, 1, 9]", "conv2d(x$, 16, kernel=3, pad=1)", "@[2, 16, 1, 9]", AGREES,
         SMALL),
    CASE("f32", "x$: @[2, 3, 7, 1]", "conv2d(x$, 5, kernel=[1, 3], pad=[0, 2, 0, 1])",
         "@[2, 5, 7, 2]", AGREES, SMALL),
    CASE("f32", "x$: @[1, 5, 1, 1]", "conv2d(x$, 3, kernel=1)", "@[1, 3, 1, 1]", AGREES, SMALL),
    CASE("f32", "x$: @[1, 3, 17, 19]", "conv2d(x$, 64, kernel=7, stride=2, pad=3)",
         "@[1, 64, 9, 10]", AGREES, SMALL),
    CASE("f32", "x$: @[1, 3, M, 7]", "conv2d(x$, 4, kernel=1, stride=2)",
         "@[1, 4, (M - 1) // 2 + 1, 4]", AGREES, SMALL),
    CASE("f32", "x$: @[1, 2, 5, 6], w$: @[3, 2, 2, 2]", "conv2d(x$, weight=w$, pad=[0, 0, 0, 1])",
         "@[1, 3, 4, 6]", AGREES, SMALL),
    CASE("i8 u8", "x$: @[N, 2, 5, 6], w$: i8[3, 2, 2, 2], b$: i32[3]",
         "conv2d(x$, weight=w$, bias=b$)", "i32[N, 3, 4, 5]", EXACT, WIDE),
    CASE("i32", "x$: @[1, 2, 5, 6], w$: @[2, 1, 2, 2]", "conv2d(x$, weight=w$, groups=2, pad=1)",
         "i32[1, 2, 6, 7]", EXACT, WIDE),
    CASE("f32", "x$: @[N, 32, 8, 8]",
         "conv2d(x$, 64, kernel=3, stride=2, pad=[0, 0, 1, 1], groups=2)", "@[N, 64, 4, 4]", AGREES,
         SMALL),
};

/* ---- windows ---- */

#define POOL(types, op, match, values)                                                             \
    CASE(types, "x$: @[N, 3, 7, 9]", op "(x$, 2)", "@[N, 3, 3, 4]", match, values),                \
        CASE(types, "x$: @[2, 3, 7, 9]", op "(x$, 3, stride=2, pad=1)", "@[2, 3, 4, 5]", match,    \
             values),                                                                              \
        CASE("f32", "x$: @[N, 17, 8, 5]", op "(x$, [3, 2], stride=[1, 3], pad=[2, 1, 0, 1])",      \
             "@[N, 17, 8, 2]", match, values),                                                     \
        CASE("f32", "x$: @[5, 2, 1, 17]", op "(x$, 3, stride=2, pad=[1, 1, 1, 2])",                \
             "@[5, 2, 1, 9]", match, values),                                                      \
        CASE("f32", "x$: @[5, 2, 1, 5]", op "(x$, 3, pad=[2, 2, 1, 2])", "@[5, 2, 1, 3]", match,   \
             values),                                                                              \
        CASE("f32", "x$: @[1, 1, 1, 1]", op "(x$, 1)", "@[1, 1, 1, 1]", match, values),            \
        CASE("f32", "x$: @[1, 2, 19, 37]", op "(x$, [19, 1], stride=1)", "@[1, 2, 1, 37]", match,  \
             values)

static const Case cases_max_pool2d[] = {POOL(NUMBERS, "max_pool2d", EXACT, SPECIAL)};
static const Case cases_avg_pool2d[] = {POOL(FLOATS, "avg_pool2d", AGREES, SMALL)};

/* ---- composites ---- */

static const Case cases_global_avg_pool[] = {
    CASE(FLOATS, "x$: @[N, 5, 3, 7]", "global_avg_pool(x$)", "@[N, 5, 1, 1]", AGREES, SMALL),
    CASE("f32", "x$: @[N, 18, 5]", "global_avg_pool(x$)", "@[N, 18, 1]", AGREES, SMALL),
    CASE("f32", "x$: @[1, 2, M, 3]", "global_avg_pool(x$)", "@[1, 2, 1, 1]", AGREES, SMALL),
};
static const Case cases_global_max_pool[] = {
    CASE(NUMBERS, "x$: @[N, 5, 3, 7]", "global_max_pool(x$)", "@[N, 5, 1, 1]", EXACT, SPECIAL),
    CASE("f32", "x$: @[2, 5, M]", "global_max_pool(x$)", "@[2, 5, 1]", EXACT, SPECIAL),
};
/* The usual ones first; then every way that stride, kernel and pads can meet. */
static const Case cases_conv_transpose2d[] = {
    CASE("f32", "x$: @[N, 16, 3, 4]", "conv2d(a$, weight=v$)", "@[N, 3, 6, 8]", AGREES, SMALL,
         .before = "param v$: @[3, 32, 1, 1]\n  a$ = conv_transpose2d(conv2d(x$, 16, kernel=1, "
                   "name=\"c$\"), 32, kernel=2, stride=2)"),
    CASE("f32", "x$: @[2, 32, 3, 4]", "conv2d(a$, weight=v$)", "@[2, 3, 6, 12]", AGREES, SMALL,
         .before = "param v$: @[3, 64, 1, 1]\n  b$ = conv2d(x$, 32, kernel=1)\n  a$ = "
                   "conv_transpose2d(b$, 64, kernel=[2, 3], stride=[2, 3], groups=2)"),
    CASE(FLOATS, "x$: @[N, 3, 5, 4]", "conv_transpose2d(x$, 5, kernel=2, stride=2)",
         "@[N, 5, 10, 8]", AGREES, SMALL),
    CASE("f32 f16", "x$: @[2, 5, M, N]", "relu(a$)", "@[2, 3, 2 * M, 2 * N]", AGREES, SMALL,
         .before = "a$ = conv_transpose2d(x$, 3, kernel=4, stride=2, pad=1)"),
    CASE("f32 f64", "x$: @[N, 4, M, 6]",
         "conv_transpose2d(x$, 6, kernel=3, stride=2, pad=1, output_pad=1, groups=2)",
         "@[N, 6, 2 * M, 12]", AGREES, SMALL),
    CASE("f32", "x$: @[N, 3, M, 5]", "conv_transpose2d(x$, 17, kernel=3, stride=2, pad=1)",
         "@[N, 17, 2 * M - 1, 9]", AGREES, SMALL),
    CASE("f32", "x$: @[2, 3, 5, 6]", "conv_transpose2d(x$, 16, kernel=3, pad=1, bias=false)",
         "@[2, 16, 5, 6]", AGREES, SMALL),
    CASE("f32", "x$: @[N, 7, 1, 1]", "conv_transpose2d(x$, 5, kernel=4)", "@[N, 5, 4, 4]", AGREES,
         SMALL),
    CASE("f32", "x$: @[1, 16, 4, 5]", "relu(batch_norm(a$, name=\"b$\"))", "@[1, 16, 12, 15]",
         AGREES, SMALL,
         .before = "a$ = conv_transpose2d(x$, 16, kernel=5, stride=3, pad=1, bias=false)"),
    CASE("f32", "x$: @[N, 4, 3, 5]", "conv_transpose2d(x$, 4, kernel=3, stride=2, pad=1, groups=4)",
         "@[N, 4, 5, 9]", AGREES, SMALL),
    CASE("f32 f16", "x$: @[N, 2, 3, 4]",
         "conv_transpose2d(x$, 3, kernel=[1, 2], stride=[2, 4], output_pad=[1, 3])",
         "@[N, 3, 6, 17]", AGREES, SMALL),
    CASE("f32", "x$: @[1, 2, M, 5]",
         "conv_transpose2d(x$, 3, kernel=2, stride=[5, 3], pad=[1, 2, 0, 1])",
         "@[1, 3, 5 * M - 4, 11]", AGREES, SMALL),
    CASE("f32", "x$: @[2, 2, 6, 5]",
         "conv_transpose2d(x$, 3, kernel=3, dilation=[2, 3], pad=[3, 2, 1, 0])", "@[2, 3, 6, 9]",
         AGREES, SMALL),
    CASE("f32", "x$: @[1, 3, 4, M]",
         "conv_transpose2d(x$, 2, kernel=[3, 2], stride=2, dilation=[3, 2], pad=1, output_pad=[2, "
         "1])",
         "@[1, 2, 13, 2 * M]", AGREES, SMALL),
    CASE("f32", "x$: @[1, 2, 7, 9]",
         "conv_transpose2d(x$, 3, kernel=2, stride=2, pad=[5, 3, 4, 7])", "@[1, 3, 5, 8]", AGREES,
         SMALL),
    CASE("f32", "x$: @[1, 2, 8, 1]",
         "conv_transpose2d(x$, 3, kernel=[3, 4], pad=[4, 0, 3, 2], stride=[1, 9], output_pad=[0, "
         "8])",
         "@[1, 3, 3, 10]", AGREES, SMALL),
    CASE("f32", "x$: @[1, 2, 5, 6], w$: @[2, 3, 3, 2]",
         "conv_transpose2d(x$, weight=w$, stride=2, pad=[0, 0, 0, 1])", "@[1, 3, 11, 11]", AGREES,
         SMALL),
    CASE("i8 u8", "x$: @[N, 2, 5, 6], w$: i8[2, 3, 3, 3], b$: i32[3]",
         "conv_transpose2d(x$, weight=w$, bias=b$, stride=[2, 4])", "i32[N, 3, 11, 23]", EXACT,
         WIDE),
    CASE("i32", "x$: @[1, 2, 5, 6], w$: @[2, 1, 2, 2]",
         "conv_transpose2d(x$, weight=w$, groups=2, pad=1, stride=3, output_pad=2)",
         "i32[1, 2, 14, 17]", EXACT, WIDE),
};
static const Case cases_batch_norm[] = {
    CASE(FLOATS, "x$: @[N, 5, 3, 7]", "batch_norm(x$)", "@[N, 5, 3, 7]", AGREES, SMALL),
    CASE("f32 f64", "x$: @[N, 19]", "batch_norm(x$, eps=0.1)", "@[N, 19]", AGREES, SMALL),
    CASE("f32", "x$: @[2, 3, N]", "batch_norm(x$, eps=0)", "@[2, 3, N]", AGREES, SMALL),
    CASE("f32", "x$: @[N, 3, 4, 5]", "batch_norm(c$, name=\"bn$\")", "@[N, 32, 4, 5]", AGREES,
         SMALL, .before = "c$ = conv2d(x$, 32, kernel=3, pad=1, bias=false)"),
};

static const Case cases_layer_norm[] = {
    CASE(FLOATS, "x$: @[N, 5, 37]", "layer_norm(x$)", "@[N, 5, 37]", AGREES, SMALL),
    CASE("f32 f64", "x$: @[3, 5, 7]", "layer_norm(x$, axes=[-2, -1], eps=0.1)", "@[3, 5, 7]",
         AGREES, SMALL),
    CASE("f32", "x$: @[N, 1]", "layer_norm(x$)", "@[N, 1]", AGREES, SMALL),
};

/* ---- fusion: what level 1 gathers ---- */

static const Case cases_fused[] = {
    CASE("f32 f64", "x$: @[N, 19]", "relu(x$ * 2 + 1) - sigmoid(x$)", "@[N, 19]", AGREES, SMALL,
         .o2 = true),
    CASE(HALVES, "x$: @[N, 19], z$: @[19]", "(x$ + z$) * x$ - z$", "@[N, 19]", AGREES, SMALL,
         .o2 = true),
    CASE("f32", "x$: @[N, 5, 6]", "relu(transpose(x$ + 1, [0, 2, 1])) * 2", "@[N, 6, 5]", AGREES,
         SMALL, .o2 = true),
    CASE("f32", "x$: @[N, 3, 8, 6], r$: @[N, 16, 8, 6]", "relu(c$ + r$)", "@[N, 16, 8, 6]", AGREES,
         SMALL, .before = "c$ = conv2d(x$, 16, kernel=3, pad=1)", .o2 = true),
    CASE("f32", "x$: @[N, 19]", "where(d$ > 0, tanh(d$), minimum(d$, -1))", "@[N, 17]", AGREES,
         SMALL, .before = "d$ = dense(x$, 17)", .o2 = true),
    CASE("f32", "x$: @[N, 19]", "softmax(x$ / 3 + 1) * 2", "@[N, 19]", AGREES, SMALL, .o2 = true),
    CASE("f32", "x$: @[N, 19]", "sqrt(reduce_sum(x$ * x$, axes=[1]))", "@[N]", AGREES, SMALL,
         .o2 = true),
    CASE("u8", "x$: @[N, 19]", "cast(x$, f32) / 255 - 0.5", "f32[N, 19]", AGREES, WIDE, .o2 = true),
    CASE("f32", "q$: @[N, 5, 8], k$: @[N, 7, 8]",
         "softmax(matmul(q$, transpose(k$, [0, 2, 1])) / 2.8)", "@[N, 5, 7]", AGREES, SMALL,
         .o2 = true),
    CASE("f32", "x$: @[N, 2, 5, 6]", "max_pool2d(relu(x$ - 1), 2) + 1", "@[N, 2, 2, 3]", AGREES,
         SMALL, .o2 = true),
};

#endif
