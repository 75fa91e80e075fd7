/* Dumps of graph IR: what they look like, that they are read back without loss, that hostile ones
 * are refused. */
#include <math.h>
#include <stdlib.h>

#include "graph_fixture.h"

static const char digits_dump[] =
    "symbols N, H\n"
    "graph digits(\n"
    "    %0 image: u8[N, 1, 8, 8],  # net.nn:2:16-2:31\n"
    "    %1 \"odd name\": f32[H]  # other \"/nets/b.nn\":1:1-1:1\n"
    ") -> (probs, \"2nd\") {\n"
    "  %2 = cast(%0) {to = f32} : f32[N, 1, 8, 8]  # net.nn:3:9-4:2\n"
    "  %3 = param \"conv1.weight\" h00000000deadbeef : f32[16, 1, 3, 3]  # conv1 net.nn:5:11-5:40\n"
    "  %4 = conv2d(%2, %3) {pad = [1, 1, 1, 1]} @prune(0.8) @keep_float : f32[N, 16, 8, 8]  # "
    "conv1\n"
    "  %5 = relayout(%4) {layout = {NCHW16c}} : f32[N, 16, 8, 8]{NCHW16c}\n"
    "  %6 = const [0x1p-4, -0x1.8p+1, inf, nan:0x7fc00000] : f32[4, 1, 1]\n"
    "  %7 = relayout(%5) {layout = {}} : f32[N, 16, 8, 8]  # \"a b\" / x net.nn:9:1-9:2\n"
    "  %8, %9 = split(%7) {parts = 2, axis = 1} : f32[N, 8, 8, 8], f32[N, 8, 8, 8]  # s / p / q\n"
    "  %10, %11 = fused(%8, %9) : f32[N, 8, 8, 8], f32[N, 8, 8, 8]\n"
    "    body add_relu(%12 a: f32[N, 8, 8, 8], %13 b: f32[N, 8, 8, 8]) -> (r, s) {\n"
    "      %14 = add(%12, %13) : f32[N, 8, 8, 8]  # res\n"
    "      %15 = relu(%14) : f32[N, 8, 8, 8]\n"
    "      return %15, %14\n"
    "    }\n"
    "  %16 = const c0123456789abcdef : f32[100, 512]\n"
    "  %17 = reshape(%10) {shape = [N, -1]} : f32[N, 512]\n"
    "  %18 = dense(%17, %16) : f32[N, 100]\n"
    "  %19 = softmax(%18) {axis = 0} : f32[N, 100]\n"
    "  return %19, %11\n"
    "}\n";

/* Parses; the module lives in arena. */
static Module *parse(Arena *arena, const char *text, size_t length, const char **messages) {
    Diag *diag = diag_create(arena, NULL);
    const Source *source = diag_add_source(diag, "net.nnir", text, length);
    Module *module = graph_parse(source, arena, diag, NULL);
    cr_assert((module == NULL) == (diag_error_count(diag) > 0), "%s", diag_text(diag));
    *messages = diag_text(diag);
    return module;
}

static void expect_round_trip(const char *text) {
    Arena *arena = arena_create();
    const char *messages;
    Module *module = parse(arena, text, strlen(text), &messages);
    cr_assert(module, "%s", messages);
    StrBuf again = {0};
    graph_print(module->graph, &again);
    cr_expect_str_eq(str_text(&again), text);
    str_free(&again);
    arena_destroy(arena);
}

static void expect_error(const char *text, const char *error) {
    Arena *arena = arena_create();
    const char *messages;
    cr_expect(!parse(arena, text, strlen(text), &messages), "%s", text);
    cr_expect(strstr(messages, error), "%s\n  says %s  not  %s", text, messages, error);
    arena_destroy(arena);
}

/* Nodes in a graph with the input %0 x: f32[N, 4]; returns %1. */
#define NODES(nodes) "graph g(%0 x: f32[N, 4]) -> (y) {\n" nodes "\nreturn %1 }"

Test(graph_text, everything_comes_back) {
    expect_round_trip(digits_dump);
}

Test(graph_text, one_line_signature_and_no_symbols) {
    expect_round_trip("graph mlp(%0 x: f32[2]) -> (y) {\n"
                      "  %1 = relu(%0) : f32[2]\n"
                      "  return %1\n"
                      "}\n");
    expect_round_trip("graph empty() -> (y) {\n"
                      "  %0 = const [] : i32[0, 4]\n"
                      "  return %0\n"
                      "}\n");
}

/* Every attribute of every operator survives: all rows printed with values unlike their defaults.
 */
Test(graph_text, attributes_of_all_kinds) {
    expect_round_trip(
        "symbols N\n"
        "graph g(%0 x: f32[N, 4, 6, 6]) -> (y) {\n"
        "  %1 = avg_pool2d(%0) {kernel = [2, 3], stride = [1, 2], pad = [1, 2, 0, 1]} : "
        "f32[N, 4, 6, 4]\n"
        "  %2 = resize(%1) {size = [2*N, 5], mode = \"linear\"} : f32[N, 4, 2*N, 5]\n"
        "  %3 = reduce_sum(%2) {axes = [1, -1], keepdims = true} : f32[N, 1, 2*N, 1]\n"
        "  %4 = pad(%3) {pads = [0, 0, 0, 0, 0, 0, 0, 1], value = -1.5} : "
        "f32[N, 1, 2*N, 2]\n"
        "  %5 = quantize(%4) {delta = 0.1, to = i8} : i8[N, 1, 2*N, 2]\n"
        "  %6 = slice(%5) {starts = [0], ends = [9223372036854775807], axes = [2], "
        "steps = [2]} : i8[N, 1, N, 2]\n"
        "  return %6\n"
        "}\n");
}

Test(graph_text, defaults_may_be_written_and_comments_too) {
    Arena *arena = arena_create();
    const char *messages,
        text[] = NODES("// a comment\n%1 = softmax(%0) {axis = -1} : f32[N, 4] // end");
    Module *module = parse(arena, text, strlen(text), &messages);
    cr_assert(module, "%s", messages);
    StrBuf out = {0};
    graph_print(module->graph, &out);
    cr_expect_str_eq(str_text(&out), "symbols N\n"
                                     "graph g(%0 x: f32[N, 4]) -> (y) {\n"
                                     "  %1 = softmax(%0) : f32[N, 4]\n"
                                     "  return %1\n"
                                     "}\n");
    str_free(&out);
    arena_destroy(arena);
}

Test(graph_text, numbers_do_not_depend_on_history) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[4]");
    node_remove(build1(&f.b, OP_neg, x)->def);
    fixture_output(&f, build1(&f.b, OP_relu, x));
    StrBuf out = {0};
    graph_print(f.module->graph, &out);
    cr_expect(strstr(str_text(&out), "%1 = relu(%0)"), "%s", str_text(&out));
    str_free(&out);
    arena_destroy(f.arena);
}

/* ---- provenance --------------------------------------------------------------------------------
 */

Test(graph_text, spans_become_lines_and_columns) {
    Fixture f = fixture_create();
    static const char text[] = "network\n  y = relu(x)\n";
    const Source *source = diag_add_source(f.diag, "a.nn", text, strlen(text));
    Value *x = fixture_input(&f, "x", "f32[4]");
    f.b.span = (Span){source, 14, 21};
    f.b.path = "layer1.0";
    fixture_output(&f, build1(&f.b, OP_relu, x));
    StrBuf out = {0};
    graph_print(f.module->graph, &out);
    cr_expect(strstr(str_text(&out), "  # layer1.0 a.nn:2:7-2:14\n"), "%s", str_text(&out));
    expect_round_trip(str_text(&out));
    const char *messages;
    Module *module = parse(f.arena, str_text(&out), out.len, &messages);
    Span span = module->graph->first->span;
    cr_expect_str_eq(source_name(span.source), "a.nn");
    cr_expect_eq(span_line(span), 2);
    cr_expect_eq(span_column(span), 7);
    cr_expect_eq(span.end - span.begin, 7);
    str_free(&out);
    arena_destroy(f.arena);
}

Test(graph_text, names_that_need_quotes) {
    Fixture f = fixture_create();
    TensorType type = fixture_type(&f, "f32[4]");
    Value *x = graph_add_input(f.module->graph, "a \"b\"\\\n\x01", &type, (Span){0});
    f.b.path = "p / q # %";
    f.b.span = (Span){diag_add_source(f.diag, "c d:1", "x", 1), 0, 1};
    Annotation odd = {.name = "odd-one", .count = 4, .args = {INFINITY, -0.0, 1e300, 0.1}};
    Value *y = build1(&f.b, OP_relu, x);
    node_annotate(y->def, 1, &odd);
    fixture_output(&f, y);
    StrBuf out = {0};
    graph_print(f.module->graph, &out);
    expect_round_trip(str_text(&out));
    str_free(&out);
    arena_destroy(f.arena);
}

/* ---- constants ---------------------------------------------------------------------------------
 */

static uint64_t next_bits(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 33;
}

/* Any bits at all, NaN payloads and subnormals among them. */
Test(graph_text, constants_keep_every_bit) {
    uint64_t state = 1;
    for (int type = 0; type < DTYPE_COUNT; type++) {
        for (int round = 0; round < 20; round++) {
            Fixture f = fixture_create();
            int64_t dims[] = {64};
            Tensor tensor = tensor_new(f.arena, (DType)type, 1, dims);
            for (int i = 0; i < 64; i++) {
                uint64_t bits = next_bits(&state);
                if (round % 2) bits &= 0x8003000380038003u; /* subnormals */
                if (dtype_is_float((DType)type)) {
                    memcpy((char *)tensor.data + (size_t)i * dtype_bytes((DType)type), &bits,
                           dtype_bytes((DType)type));
                } else {
                    int64_t range = (int64_t)(bits >> 1);
                    int64_t least = dtype_min((DType)type), most = dtype_max((DType)type);
                    if (type != DT_i64) range = least + range % (most - least + 1);
                    tensor_set_int(&tensor, i, range);
                }
            }
            fixture_output(&f, build_const(&f.b, &tensor, false));
            StrBuf out = {0};
            graph_print(f.module->graph, &out);
            const char *messages;
            Module *module = parse(f.arena, str_text(&out), out.len, &messages);
            cr_assert(module, "%s", messages);
            const Tensor *back = module->graph->first->data;
            cr_assert(!memcmp(back->data, tensor.data, tensor.bytes), "%s", str_text(&out));
            str_free(&out);
            arena_destroy(f.arena);
        }
    }
}

typedef struct Side {
    const char *key;
    Tensor tensor;
} Side;

static bool side_find(void *self, const char *path, Tensor *tensor) {
    const Side *side = self;
    if (strcmp(path, side->key) != 0) return false;
    *tensor = side->tensor;
    return true;
}

Test(graph_text, large_constants_come_from_the_side_file) {
    Fixture f = fixture_create();
    int64_t dims[] = {65};
    Tensor tensor = tensor_new(f.arena, DT_f32, 1, dims);
    tensor_set(&tensor, 64, 7);
    Value *c = build_const(&f.b, &tensor, false), *same = build_const(&f.b, &tensor, false);
    fixture_output(&f, build2(&f.b, OP_add, c, same));
    const Node **nodes;
    cr_assert_eq(graph_large_constants(f.module->graph, f.arena, &nodes), 1);
    cr_expect_eq(nodes[0], c->def);
    StrBuf out = {0};
    graph_print(f.module->graph, &out);
    expect_round_trip(str_text(&out)); /* without the file */
    Side side = {arena_printf(f.arena, "c%016llx", (unsigned long long)c->def->hash), tensor};
    ParamSource constants = {side_find, &side};
    const Source *source = diag_add_source(f.diag, "d", str_text(&out), out.len);
    Module *module = graph_parse(source, f.arena, f.diag, &constants);
    cr_assert(module, "%s", diag_text(f.diag));
    cr_expect_eq(tensor_get(module->graph->first->data, 64), 7);
    tensor_set(&tensor, 0, 1); /* not what the hash says */
    cr_expect(!graph_parse(source, f.arena, f.diag, &constants));
    str_free(&out);
    arena_destroy(f.arena);
}

/* ---- what is refused ----------------------------------------------------------------------------
 */

Test(graph_text, errors_say_where_and_what) {
    expect_error("", "expected 'graph', found the end of the dump");
    expect_error("symbols N, N", "symbol 'N' stands here twice");
    expect_error(NODES("%1 = rleu(%0) : f32[N, 4]"),
                 "net.nnir:2:6: error: unknown operator 'rleu'");
    expect_error(NODES("%1 = relu(%2) : f32[N, 4]"), "2:11: error: %2 is not defined before");
    expect_error(NODES("%1 = relu(%1) : f32[N, 4]"), "%1 is not defined before");
    expect_error(NODES("%0 = relu(%0) : f32[N, 4]"), "%0 is defined twice");
    expect_error(NODES("%1 = relu(%0) : f32[N, 5]"), "'relu' yields f32[N, 4], found f32[N, 5]");
    expect_error(NODES("%1 = relu(%0) : f32[M, 4]"), "a symbol that no input introduces");
    expect_error(NODES("%1 = relu(%0) : f33[N, 4]"), "unknown element type 'f33'");
    expect_error(NODES("%1 = relu(%0, %0) : f32[N, 4]"), "'relu' takes 1 operand, found 2");
    expect_error(NODES("%1 = add(%0) : f32[N, 4]"), "'add' takes 2 operands, found 1");
    expect_error(NODES("%1, %2 = relu(%0) : f32[N, 4], f32[N, 4]"), "has 1 results here, found 2");
    expect_error(NODES("%1 = softmax(%0) {axes = 1} : f32[N, 4]"), "did you mean 'axis'?");
    expect_error(NODES("%1 = softmax(%0) {axis = 4} : f32[N, 4]"),
                 "2:19: error: 'softmax': axis 4 does not exist in f32[N, 4]");
    expect_error(NODES("%1 = softmax(%0) {axis = 1, axis = 1} : f32[N, 4]"), "is given twice");
    expect_error(NODES("%1 = softmax(%0) {axis = 99999999999999999999} : f32[N, 4]"),
                 "is not a 64-bit integer");
    expect_error(NODES("%1 = cast(%0) : f32[N, 4]"), "'cast' needs the attribute 'to'");
    expect_error(NODES("%1 = param \"w\" : f32[N, 4]"), "which depends on a symbol");
    expect_error(NODES("%1 = const [0x1p+0] : f32[2]"), "1 elements for a constant of type f32[2]");
    expect_error(NODES("%1 = const [1.5] : i8[1]"), "'1.5' is no element of type i8");
    expect_error(NODES("%1 = const [128] : i8[1]"), "'128' is no element of type i8");
    expect_error(NODES("%1 = const [1e39] : f32[1]"), "'1e39' is no element of type f32");
    expect_error(NODES("%1 = const [nan:0x1] : f32[1]"), "is no element");
    expect_error(NODES("%1 = const c123 : f32[1]"), "expected 'c' and 16 hexadecimal digits");
    expect_error(NODES("%1 = const [1] : f32[4611686018427387904, 4]"), "overflows");
    expect_error(NODES("%1 = relu(%0) : f32[N, 4] # a.nn:0:1-1:1"), "count from 1");
    expect_error(NODES("%1 = relu(%0) : f32[N, 4] # a.nn:2:1-1:1"), "ends before it begins");
    expect_error(NODES("%1 = relu(%0) : f32[N, 4] # a.nn:1:1-60000000:1"), "out of range");
    expect_error(NODES("%1 = relu(%0) : f32[N, 4] # a / b / c"), "more places than results");
    expect_error(NODES("%1 = fused(%0) : f32[N, 4]"), "expected 'body', found 'return'");
    expect_error(NODES("%1 = fused(%0) : f32[N, 4] body b(%2 a: f32[N]) -> (r) { return %2 }"),
                 "not those that its body expects");
    expect_error(NODES("%1 = fused(%0) : f32[N, 4] body b(%2 a: f32[N, 4]) -> (r) { return %0 }"),
                 "%0 is of another graph");
    expect_error("graph g(%0 x: f32[-1]) -> (y) { return %0 }", "negative");
    expect_error("graph g(%0 x: f32[1,1,1,1,1,1,1,1,1]) -> (y) { return %0 }",
                 "a rank is at most 8");
    expect_error("graph g(%9999999 x: f32[1]) -> (y) { return %9999999 }", "value numbers end at");
    expect_error("graph g(%0 x: f32[1], %1 x: f32[1]) -> (y) { return %0 }",
                 "two inputs are called 'x'");
    expect_error("graph g(%0 x: f32[1]) -> (y, z) { return %0 }", "1 values returned");
    expect_error("graph g(%0 x: f32[1]) -> (y) { return %0 } }", "unexpected text after the graph");
    expect_error("graph \"abc", "this string does not end");
    expect_error("graph \"a\\q\"", "unknown escape");
}

Test(graph_text, bodies_nest_only_so_deep) {
    StrBuf text = {0};
    str_append(&text, "graph g(%0 x: f32[1]) -> (y) {\n");
    for (int i = 1; i < 100000; i++) {
        str_printf(&text, "%%%d = fused(%%%d) : f32[1] body b(%%%d a: f32[1]) -> (r) {\n", 3 * i,
                   i == 1 ? 0 : 3 * i - 2, 3 * i + 1);
    }
    expect_error(str_text(&text), "bodies are nested too deeply");
    str_free(&text);
}

Test(graph_text, zero_bytes_are_refused) {
    Arena *arena = arena_create();
    const char *messages, text[] = "graph g(%0 x: f32[1]) -> (y) { return %0 }\0 more";
    cr_expect(!parse(arena, text, sizeof text - 1, &messages));
    arena_destroy(arena);
}

Test(graph_text, every_truncation_is_refused) {
    size_t whole = strlen(digits_dump);
    for (size_t length = 0; length + 2 < whole; length++) {
        Arena *arena = arena_create();
        const char *messages;
        cr_assert(!parse(arena, digits_dump, length, &messages), "%zu bytes", length);
        arena_destroy(arena);
    }
}

/* One byte changed at every place: an error or a sound graph, never a crash. */
Test(graph_text, every_changed_byte_is_survived) {
    static const char bytes[] = "%(]{9-\"#Nx,\n/\x80";
    size_t whole = strlen(digits_dump);
    char *text = strdup(digits_dump);
    for (size_t i = 0; i < whole; i++) {
        for (size_t k = 0; k < sizeof bytes - 1; k++) {
            Arena *arena = arena_create();
            const char *messages;
            text[i] = bytes[k];
            Module *module = parse(arena, text, whole, &messages);
            if (module) {
                StrBuf out = {0};
                graph_print(module->graph, &out);
                expect_round_trip(str_text(&out));
                str_free(&out);
            }
            arena_destroy(arena);
        }
        text[i] = digits_dump[i];
    }
    free(text);
}
