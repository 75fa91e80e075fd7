/* The front end on sources that are right: what graph they give, which parameters in which shapes.
 * Its messages are golden tests (tests/golden/diagnostics); what hostile sources do to it is
 * test_frontend_hostile.c. */
#include <criterion/criterion.h>
#include <string.h>

#include "frontend/frontend.h"

typedef struct Loaded {
    Arena *arena;
    Diag *diag;
    Module *module;
} Loaded;

static Loaded load_with(const char *text, const FrontendOptions *options) {
    Loaded l = {.arena = arena_create()};
    l.diag = diag_create(l.arena, NULL);
    l.module = frontend_load_text("test.nn", text, strlen(text), options, l.arena, l.diag);
    cr_assert_not_null(l.module, "%s", diag_text(l.diag));
    cr_assert(graph_verify(l.module->graph, l.diag, "elaboration"), "%s", diag_text(l.diag));
    return l;
}

static Loaded load(const char *text) {
    return load_with(text, NULL);
}

static Loaded load_file(const char *path) {
    Loaded l = {.arena = arena_create()};
    l.diag = diag_create(l.arena, NULL);
    l.module = frontend_load(path, NULL, l.arena, l.diag, NULL, NULL);
    cr_assert_not_null(l.module, "%s", diag_text(l.diag));
    cr_assert(graph_verify(l.module->graph, l.diag, "elaboration"), "%s", diag_text(l.diag));
    cr_assert_str_eq(diag_text(l.diag), "");
    return l;
}

/* "conv1.weight f32[10, 1, 5, 5]\n..." in the order of the graph. */
static const char *params_text(const Loaded *l) {
    const char *text = "";
    graph_each(l->module->graph, node) {
        if (node->op != OP_param) continue;
        const TensorType *type = &node_result(node)->type;
        text = arena_printf(l->arena, "%s%s %s\n", text, node_attr(node, "name")->s,
                            type_text(l->module->dims, l->arena, type));
    }
    return text;
}

/* Names of the operators in order, sources left out: "cast div reshape". */
static const char *ops_text(const Loaded *l) {
    const char *text = "";
    graph_each(l->module->graph, node) {
        if (op_info(node->op)->family == FAMILY_SOURCE) continue;
        text = arena_printf(l->arena, "%s%s%s", text, text[0] ? " " : "", op_info(node->op)->name);
    }
    return text;
}

static const char *output_type(const Loaded *l, int i) {
    return type_text(l->module->dims, l->arena, &l->module->graph->outputs[i]->type);
}

static const Node *node_of(const Loaded *l, OpKind op, int nth) {
    graph_each(l->module->graph, node) {
        if (node->op == op && nth-- == 0) return node;
    }
    cr_assert_fail("no such node: %s", op_info(op)->name);
    return NULL;
}

static int64_t parameter_count(const Loaded *l) {
    int64_t sum = 0;
    graph_each(l->module->graph, node) {
        if (node->op != OP_param || strstr(node_attr(node, "name")->s, "running_")) continue;
        int64_t dims[MAX_RANK], count = 1;
        cr_assert(type_static_dims(&node_result(node)->type, dims));
        for (int i = 0; i < node_result(node)->type.rank; i++) count *= dims[i];
        sum += count;
    }
    return sum;
}

#define NETWORK(body) "network n(x: f32[N, 3, 8, 8]) -> (y: f32[N, 3, 8, 8]) {\n" body "\n}\n"

/* The compile-time expression's value, as text. */
static const char *value_of(const char *expression, Arena *keep) {
    Arena *arena = arena_create();
    const char *text =
        arena_printf(arena,
                     "network n(x: f32[N, 3, H, 8]) -> (y: f32[N, 3, H, 8]) {\n"
                     "  y = relu(x)\n  param p: f32[1], name=\"v{%s}v\"\n  _p = p\n}\n",
                     expression);
    Loaded l = load(text);
    const char *name = node_attr(node_of(&l, OP_param, 0), "name")->s;
    const char *value = arena_strndup(keep, name + 1, strlen(name) - 2);
    arena_destroy(l.arena);
    arena_destroy(arena);
    return value;
}

static void expect_values(const char *const (*cases)[2], size_t count) {
    Arena *keep = arena_create();
    for (size_t i = 0; i < count; i++) {
        const char *found = value_of(cases[i][0], keep);
        cr_expect_str_eq(found, cases[i][1], "%s is %s, expected %s", cases[i][0], found,
                         cases[i][1]);
    }
    arena_destroy(keep);
}

/* ---- examples ---- */

Test(frontend, digits_cnn) {
    Loaded l = load_file("examples/digits/cnn.nn");
    cr_expect_str_eq(params_text(&l), "conv1.weight f32[10, 1, 5, 5]\nconv1.bias f32[10]\n"
                                      "conv2.weight f32[20, 10, 5, 5]\nconv2.bias f32[20]\n"
                                      "fc1.weight f32[50, 320]\nfc1.bias f32[50]\n"
                                      "fc2.weight f32[10, 50]\nfc2.bias f32[10]\n");
    cr_expect_str_eq(
        ops_text(&l),
        "cast div reshape resize conv2d max_pool2d relu conv2d max_pool2d relu flatten "
        "dense relu dense softmax");
    cr_expect_str_eq(output_type(&l, 0), "f32[N, 10]");
    cr_expect_str_eq(l.module->graph->name, "cnn");
    cr_expect_str_eq(l.module->graph->output_names[0], "probs");
    cr_expect_str_eq(l.module->graph->outputs[0]->path, "probs");
    cr_expect_eq(parameter_count(&l), 21840);
    arena_destroy(l.arena);
}

Test(frontend, digits_mlp) {
    Loaded l = load_file("examples/digits/mlp.nn");
    cr_expect_eq(parameter_count(&l), 55050);
    arena_destroy(l.arena);
}

Test(frontend, resnet18_has_pytorchs_parameters) {
    Loaded l = load_file("examples/resnet18.nn");
    cr_expect_eq(parameter_count(&l), 11689512);
    const char *params = params_text(&l);
    static const char *const some[] = {
        "conv1.weight f32[64, 3, 7, 7]\n",
        "bn1.running_var f32[64]\n",
        "layer1.0.conv1.weight f32[64, 64, 3, 3]\n",
        "layer2.0.downsample.0.weight f32[128, 64, 1, 1]\n",
        "layer2.0.downsample.1.running_mean f32[128]\n",
        "layer4.1.bn2.bias f32[512]\n",
        "fc.weight f32[1000, 512]\n",
    };
    for (size_t i = 0; i < COUNT_OF(some); i++)
        cr_expect_not_null(strstr(params, some[i]), "%s", some[i]);
    cr_expect_null(strstr(params, "layer1.0.downsample"));
    cr_expect_str_eq(node_of(&l, OP_conv2d, 1)->path, "layer1.0.conv1");
    cr_expect_str_eq(output_type(&l, 0), "f32[N, 1000]");
    arena_destroy(l.arena);
}

/* ---- compile-time values ---- */

Test(frontend, integers_and_floats) {
    static const char *const cases[][2] = {
        {"1 + 2 * 3", "7"},
        {"(1 + 2) * 3", "9"},
        {"7 // 2", "3"},
        {"-7 // 2", "-4"},
        {"-7 % 3", "2"},
        {"6 / 3", "2"},
        {"1 / 8", "0.125"},
        {"2 ** 10", "1024"},
        {"2 ** -1", "0.5"},
        {"-2 ** 2", "-4"},
        {"64 << 3", "512"},
        {"-5 >> 1", "-3"},
        {"0x1f", "31"},
        {"1.5e2 + 1", "151"},
        {"1 << 2 + 1", "8"},
        {"5 - 3 - 1", "1"},
        {"2 ** 3 ** 2", "512"},
        {"7.5 // 2", "3"},
        {"4 ** 0.5", "2"},
        {"(33 // 2) ** -0.5", "0.25"},
        {"0.25 ** -0.5", "2"},
        {"0 ** 0", "1"},
        {"(-1) ** 3", "-1"},
        {"- - 3", "3"},
        {"1 << 62", "4611686018427387904"},
    };
    expect_values(cases, COUNT_OF(cases));
}

Test(frontend, truth) {
    static const char *const cases[][2] = {
        {"1 < 2", "true"},
        {"1 == 1.0", "true"},
        {"not true", "false"},
        {"true and 1 > 2 or 3 >= 3", "true"},
        {"false and nothing_known", "false"},
        {"true or nothing_known", "true"},
        {"1 if true else nothing_known", "1"},
        {"1 if false else 2 if true else 3", "2"},
        {"[1, 2] == [1, 2]", "true"},
        {"(0..3) == [0, 1, 2]", "true"},
        {"\"a\" == \"b\"", "false"},
        {"f32 == f32", "true"},
        {"x.dtype == f32 and x.rank == 4", "true"},
        {"x.shape[1] != 3", "false"},
        {"not 1 == 2", "true"},
    };
    expect_values(cases, COUNT_OF(cases));
}

Test(frontend, functions_of_values) {
    static const char *const cases[][2] = {
        {"min(3, 1, 2)", "1"},
        {"max([3, 1, 2])", "3"},
        {"max(1, 2.5)", "2.5"},
        {"len(x.shape)", "4"},
        {"len([])", "0"},
        {"len(0..5)", "5"},
        {"len(5..0)", "0"},
        {"abs(-3)", "3"},
        {"abs(-1.5)", "1.5"},
        {"sqrt(16)", "4"},
        {"floor(2.9)", "2"},
        {"ceil(2.1)", "3"},
        {"round(2.5)", "2"},
        {"round(3.5)", "4"},
        {"floor(-0.5)", "-1"},
        {"[1, 2, 3][-1]", "3"},
        {"[1, 2, 3][1..3][0]", "2"},
        {"([1] + [2, 3])[2]", "3"},
        {"([7] * 3)[2]", "7"},
        {"x.shape[3] * 2", "16"},
        {"max(8, (20 + 4) // 8 * 8)", "24"},
    };
    expect_values(cases, COUNT_OF(cases));
}

Test(frontend, sizes_with_symbols) {
    static const char *const cases[][2] = {
        {"x.shape[0]", "N"},        {"2 * N // 2", "N"}, {"2 * N / 2", "N"}, {"(N - N) + 3", "3"},
        {"H + 1 > H", "true"},      {"N == N", "true"},  {"N >= 0", "true"}, {"N + 1 != N", "true"},
        {"N * H == H * N", "true"}, {"N < N", "false"},  {"0 > N", "false"},
    };
    expect_values(cases, COUNT_OF(cases));
}

/* ---- operators ---- */

/* Every row of the table that a source may call can be called by its operands' and attributes'
 * names alone: no operator needs a change of the front end. */
Test(frontend, operators_come_from_the_table) {
    Loaded l = load(
        "network n(x: f32[N, 4, 8, 8], i: i64[5], c: bool[N, 4, 8, 8]) -> (y: f32[N, 4, 8, 8]) {\n"
        "  a = where(condition=c, a=x, b=0.0)\n"
        "  b = gather(a, i, axis=1)\n"
        "  p, q = split(x=a, parts=2, axis=1)\n"
        "  d = concat([p, q], axis=1)\n"
        "  e = slice(d, [0], [2], axes=[2])\n"
        "  f = reduce_sum(e, axes=1, keepdims=true)\n"
        "  g = pad(x, [0, 0, 1, 1, 0, 0, 1, 1], value=-1)\n"
        "  h = max_pool2d(g, 3, stride=1)\n"
        "  _unused = [b, f]\n"
        "  y = maximum(h, 0) |> pow(2) |> minimum(6)\n"
        "}\n");
    cr_expect_str_eq(
        ops_text(&l),
        "where gather split concat slice reduce_sum pad max_pool2d maximum pow minimum");
    const Node *reduce = node_of(&l, OP_reduce_sum, 0), *pool = node_of(&l, OP_max_pool2d, 0);
    cr_expect_eq(node_attr(reduce, "axes")->count, 1);
    cr_expect_eq(node_attr(reduce, "axes")->ints[0], 1);
    cr_expect(node_int(reduce, "keepdims"));
    cr_expect_eq(node_attr(pool, "kernel")->ints[1], 3);
    cr_expect_eq(node_attr(pool, "stride")->count, 2);
    cr_expect_eq(node_float(node_of(&l, OP_pad, 0), "value"), -1);
    arena_destroy(l.arena);
}

Test(frontend, literals_take_the_other_operands_type) {
    Loaded l = load("network n(x: u8[4], z: f16[4], c: bool[4]) -> (a: u8[4], b: f16[4], d: "
                    "bool[4], e: i64[4]) {\n"
                    "  a = 255 - x\n  b = z * 2 + 0.5\n  d = (x > 3) == c and not (z < 1.5)\n"
                    "  e = cast(x, i64) + 9007199254740993\n}\n");
    cr_expect_eq(node_result(node_of(&l, OP_const, 0))->type.dtype, DT_u8);
    cr_expect_eq(node_result(node_of(&l, OP_const, 1))->type.dtype, DT_f16);
    cr_expect_eq(tensor_int(node_of(&l, OP_const, 5)->data, 0), INT64_C(9007199254740993));
    cr_expect_str_eq(ops_text(&l), "sub mul add gt eq lt not and cast add");
    arena_destroy(l.arena);
}

Test(frontend, indices_are_whole_numbers) {
    Loaded l = load("network n(x: f32[4, 3]) -> (y: f32[3]) {\n  y = gather(x, -1)\n}\n");
    cr_expect_eq(node_result(node_of(&l, OP_const, 0))->type.dtype, DT_i64);
    arena_destroy(l.arena);
}

Test(frontend, pipes_and_continued_lines) {
    Loaded l = load("network n(x: f32[4]) -> (y: f32[4]) {\n"
                    "  y = x + 1   # a remark\n"
                    "      # another\n\n"
                    "      |> relu\n"
                    "      |> maximum(\n"
                    "           2,\n"
                    "         )\n"
                    "  if true { y = -y } \n  else { y = relu(y) }\n}");
    cr_expect_str_eq(ops_text(&l), "add relu maximum neg");
    arena_destroy(l.arena);
}

static const int64_t *pads(const Loaded *l, int nth) {
    return node_attr(node_of(l, OP_conv2d, nth), "pad")->ints;
}

static void expect_pads(const int64_t *found, int64_t top, int64_t left, int64_t bottom,
                        int64_t right) {
    const int64_t expected[4] = {top, left, bottom, right};
    for (int i = 0; i < 4; i++)
        cr_expect_eq(found[i], expected[i], "side %d: %ld", i, (long)found[i]);
}

Test(frontend, windows_take_a_number_a_list_or_same) {
    Loaded l = load("network n(x: f32[N, 1, 7, 8]) -> (y: f32[N, 1, 7, 8]) {\n"
                    "  a = conv2d(x, 1, kernel=[3, 5], pad=[1, 2])\n"
                    "  b = conv2d(x, 1, kernel=3, pad=[0, 1, 2, 3], stride=[2, 1])\n"
                    "  c = conv2d(x, 1, kernel=3, stride=2, pad=same)\n"
                    "  d = conv2d(x, 1, kernel=4, pad=\"same\", dilation=2)\n"
                    "  e = max_pool2d(x, 2, stride=2, pad=same)\n"
                    "  _ignored = [a, b, c, d, e]\n"
                    "  y = relu(x)\n}\n");
    expect_pads(pads(&l, 0), 1, 2, 1, 2);
    expect_pads(pads(&l, 1), 0, 1, 2, 3);
    expect_pads(pads(&l, 2), 1, 0, 1,
                1); /* SAME_UPPER: the odd one goes to the end; 7 -> 4, 8 -> 4 */
    expect_pads(pads(&l, 3), 3, 3, 3, 3);
    expect_pads(node_attr(node_of(&l, OP_max_pool2d, 0), "pad")->ints, 0, 0, 1, 0);
    cr_expect_eq(node_attr(node_of(&l, OP_conv2d, 1), "stride")->ints[0], 2);
    cr_expect_eq(node_attr(node_of(&l, OP_conv2d, 1), "stride")->ints[1], 1);
    cr_expect_str_eq(
        type_text(l.module->dims, l.arena, &node_result(node_of(&l, OP_conv2d, 2))->type),
        "f32[N, 1, 4, 4]");
    cr_expect_str_eq(
        type_text(l.module->dims, l.arena, &node_result(node_of(&l, OP_conv2d, 3))->type),
        "f32[N, 1, 7, 8]");
    arena_destroy(l.arena);
}

Test(frontend, same_without_a_stride_needs_no_size) {
    Loaded l = load("network n(x: f32[N, 1, H, W]) -> (y: f32[N, 1, H, W]) {\n"
                    "  y = conv2d(x, 1, kernel=3, pad=same)\n}\n");
    expect_pads(pads(&l, 0), 1, 1, 1, 1);
    arena_destroy(l.arena);
}

Test(frontend, constants_in_place) {
    Loaded l = load(NETWORK("  const k: f32[3] = [1, 2, 3]\n  const z: i32[2, 2] = 7\n  m = "
                            "const([[1, 2], [3, 4]], u8)\n"
                            "  s = const(true, bool)\n  _keep = [k, z, m, s]\n  y = x"));
    const Tensor *k = node_of(&l, OP_const, 0)->data, *z = node_of(&l, OP_const, 1)->data;
    const Tensor *m = node_of(&l, OP_const, 2)->data, *s = node_of(&l, OP_const, 3)->data;
    cr_expect_eq(tensor_get(k, 2), 3);
    cr_expect_eq(tensor_int(z, 3), 7);
    cr_expect_eq(m->rank, 2);
    cr_expect_eq(tensor_int(m, 2), 3);
    cr_expect_eq(s->dtype, DT_bool);
    cr_expect_eq(tensor_int(s, 0), 1);
    arena_destroy(l.arena);
}

/* ---- layers, blocks, paths ---- */

Test(frontend, layers_shape_their_parameters) {
    Loaded l = load("network n(x: bf16[N, 6, 8, 8]) -> (y: bf16[N, 6, 8, 5]) {\n"
                    "  dw = conv2d(x, 12, kernel=[3, 1], groups=6, bias=false)\n"
                    "  io = dense(x, 5, weight=\"io\")\n"
                    "  bn = batch_norm(io, eps=0.001)\n"
                    "  _d = dw\n  y = bn\n}\n");
    cr_expect_str_eq(params_text(&l),
                     "dw.weight bf16[12, 1, 3, 1]\nio.weight bf16[8, 5]\nio.bias bf16[5]\n"
                     "bn.weight bf16[6]\nbn.bias bf16[6]\nbn.running_mean bf16[6]\n"
                     "bn.running_var bf16[6]\n");
    cr_expect_eq(node_float(node_of(&l, OP_batch_norm, 0), "eps"), 0.001);
    cr_expect_str_eq(node_attr(node_of(&l, OP_dense, 0), "weight_order")->s, "io");
    arena_destroy(l.arena);
}

Test(frontend, transposed_convolutions_double_images) {
    Loaded l =
        load("network n(x: f32[N, 6, H, 8]) -> (y: f32[N, 4, 2 * H, 16]) {\n"
             "  up = conv_transpose2d(x, 4, kernel=[4, 3], stride=2, pad=\"same\", groups=2)\n"
             "  y = up\n}\n");
    const Node *up = node_of(&l, OP_conv_transpose2d, 0);
    static const int64_t pad[4] = {1, 0, 1, 1};
    cr_expect_str_eq(params_text(&l), "up.weight f32[6, 2, 4, 3]\nup.bias f32[4]\n");
    cr_expect_arr_eq(node_attr(up, "pad")->ints, pad, sizeof pad);
    arena_destroy(l.arena);
}

Test(frontend, blocks_nest_paths) {
    Loaded l = load(
        "block unit(x, units=4) {\n  fc = dense(x, units) |> relu\n  return fc\n}\n"
        "block pair(x) {\n  first = unit(x, units=8)\n  return unit(first, name=\"second\")\n}\n"
        "block act(x) { return relu(x) }\n"
        "network n(x: f32[N, 3]) -> (y: f32[N, 4]) {\n"
        "  body = pair(x)\n"
        "  repeat i in 0..2 { body = act(pair(act(body), name=\"stage{i}\")) }\n"
        "  head = act(unit(act(body)))\n  y = head\n}\n");
    cr_expect_str_eq(params_text(&l),
                     "body.first.fc.weight f32[8, 3]\nbody.first.fc.bias f32[8]\n"
                     "body.second.fc.weight f32[4, 8]\nbody.second.fc.bias f32[4]\n"
                     "stage0.first.fc.weight f32[8, 4]\nstage0.first.fc.bias f32[8]\n"
                     "stage0.second.fc.weight f32[4, 8]\nstage0.second.fc.bias f32[4]\n"
                     "stage1.first.fc.weight f32[8, 4]\nstage1.first.fc.bias f32[8]\n"
                     "stage1.second.fc.weight f32[4, 8]\nstage1.second.fc.bias f32[4]\n"
                     "head.fc.weight f32[4, 4]\nhead.fc.bias f32[4]\n");
    arena_destroy(l.arena);
}

Test(frontend, shared_parameters_are_one) {
    Loaded l = load("block cell(x) {\n  fc = dense(x, 4)\n  return fc\n}\n"
                    "network n(x: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                    "  repeat i in 0..3 { x = cell(x, name=\"cell\", share=true) }\n"
                    "  param w: f32[4, 4], name=\"cell.fc.weight\", share=true\n"
                    "  y = matmul(x, w)\n}\n");
    cr_expect_str_eq(params_text(&l), "cell.fc.weight f32[4, 4]\ncell.fc.bias f32[4]\n");
    cr_expect_eq(node_of(&l, OP_dense, 2)->operands[1], node_of(&l, OP_matmul, 0)->operands[1]);
    arena_destroy(l.arena);
}

Test(frontend, operators_take_weights_that_are_given) {
    Loaded l =
        load("network n(x: f32[N, 4]) -> (y: f32[N, 2]) {\n"
             "  param w: f32[2, 4]\n  const b: f32[2] = 0\n  y = dense(x, weight=w, bias=b)\n}\n");
    cr_expect_str_eq(params_text(&l), "w f32[2, 4]\n");
    cr_expect_eq(node_of(&l, OP_dense, 0)->noperands, 3);
    arena_destroy(l.arena);
}

Test(frontend, blocks_give_several_results_and_see_defaults) {
    Loaded l =
        load("block two(x, k=2, n=k + 1) {\n  if n == 3 { return x * k, x * n }\n  return x, x\n}\n"
             "network n(x: f32[4]) -> (y: f32[4]) {\n  a, b = two(x)\n  y = a + b\n}\n");
    cr_expect_str_eq(ops_text(&l), "mul mul add");
    arena_destroy(l.arena);
}

/* ---- names, symbols, networks ---- */

Test(frontend, bindings_reach_outer_names_only) {
    Loaded l = load(
        NETWORK("  repeat i in 0..3 {\n    inner = relu(x)\n    x = inner\n  }\n"
                "  if x.rank == 4 { x = -x } else { x = relu(x) }\n  inner = 1\n  y = x + inner"));
    cr_expect_str_eq(ops_text(&l), "relu relu relu neg add");
    arena_destroy(l.arena);
}

Test(frontend, binding_a_symbol_decides) {
    static const char text[] = "network n(x: f32[N, T]) -> (y: f32[N * T]) {\n"
                               "  y = reshape(x, [-1])\n  if N == 8 { y = relu(y) }\n}\n";
    const char *names[] = {"N"};
    int64_t values[] = {8};
    FrontendOptions options = {.nbinds = 1, .bind_names = names, .bind_values = values};
    Loaded l = load_with(text, &options);
    cr_expect_str_eq(output_type(&l, 0), "f32[8*T]");
    cr_expect_str_eq(ops_text(&l), "reshape relu");
    cr_expect_eq(dim_symbol_count(l.module->dims), 1);
    arena_destroy(l.arena);
}

Test(frontend, network_option_picks_one) {
    static const char text[] = "network a(x: f32[4]) -> (y: f32[4]) { y = relu(x) }\n"
                               "network b(x: f32[4]) -> (y: f32[4]) { y = -x }\n";
    FrontendOptions options = {.network = "b"};
    Loaded l = load_with(text, &options);
    cr_expect_str_eq(ops_text(&l), "neg");
    arena_destroy(l.arena);
}

Test(frontend, annotations_mark_what_the_statement_makes) {
    Loaded l =
        load("block b(x) {\n  fc = dense(x, 4)\n  @prune(0.5) fc2 = dense(fc, 4)\n  return fc2\n}\n"
             "network n(x: f32[N, 4]) -> (y: f32[N, 4]) {\n"
             "  @keep_float\n  @prune(0.8)\n  a = b(x)\n  y = relu(a)\n}\n");
    const Node *first = node_of(&l, OP_dense, 0), *second = node_of(&l, OP_dense, 1);
    cr_expect_not_null(node_annotation(first, "keep_float"));
    cr_expect_eq(node_annotation(first, "prune")->args[0], 0.8);
    cr_expect_eq(node_annotation(second, "prune")->args[0], 0.5);
    cr_expect_not_null(node_annotation(second, "keep_float"));
    cr_expect_eq(second->nannotations, 2);
    cr_expect_eq(node_of(&l, OP_relu, 0)->nannotations, 0);
    cr_expect_not_null(node_annotation(node_of(&l, OP_param, 0), "prune"));
    cr_expect_eq(diag_warning_count(l.diag), 1, "one for both @prune");
    arena_destroy(l.arena);
}

/* ---- the tree ---- */

Test(frontend, syntax_tree_is_printed) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    StrBuf out = {0};
    cr_assert(frontend_print_ast("examples/digits/cnn.nn", &out, arena, diag));
    cr_expect_not_null(strstr(str_text(&out), "network 7:1-7:55 cnn\n  input 7:13-7:31 image\n"));
    cr_expect_not_null(strstr(str_text(&out), "      call 10:20-10:33 max_pool2d piped\n"));
    str_free(&out);
    arena_destroy(arena);
}
