/* The reference interpreter, runs: symbols, errors, memory, bodies, constants. */
#include <criterion/criterion.h>
#include <string.h>

#include "ir/interp.h"

static Arena *arena;
static Diag *diag;
static Module *module;

static void setup(void) {
    arena = arena_create();
    diag = diag_create(arena, NULL);
    module = module_create(arena, diag);
    module->graph = graph_create(module, "net");
}

static void teardown(void) {
    arena_destroy(arena);
}

TestSuite(interp_run, .init = setup, .fini = teardown);

static Dim n_(const char *name) {
    return dim_symbol(module->dims, name);
}
static Dim k_(int64_t value) {
    return dim_int(module->dims, value);
}

static Value *input(const char *name, int rank, const Dim *dims) {
    TensorType type = type_make(DT_f32, rank, dims);
    return graph_add_input(module->graph, name, &type, (Span){0});
}
#define INPUT(name, ...) input((name), (int)COUNT_OF(((Dim[]){__VA_ARGS__})), (Dim[]){__VA_ARGS__})

static void output(Value *value) {
    graph_set_outputs(module->graph, 1, &value, (const char *[]){"y"});
}

static Builder builder(Graph *graph) {
    return (Builder){.graph = graph, .path = "op"};
}

/* 0, 1, 2, ... */
static Tensor counting(int rank, const int64_t *dims) {
    Tensor t = tensor_new(arena, DT_f32, rank, dims);
    for (int64_t i = 0; i < tensor_elements(&t); i++) tensor_set(&t, i, (double)i);
    return t;
}
#define COUNTING(...) counting((int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (int64_t[]){__VA_ARGS__})

static bool said(const char *text) {
    return strstr(diag_text(diag), text) != NULL;
}

/* ---- symbols
 * -------------------------------------------------------------------------------------- */

Test(interp_run, symbols_come_from_the_inputs) {
    Value *a = INPUT("a", n_("N"), k_(3));
    INPUT("b", dim_mul(module->dims, n_("N"), n_("T")),
          dim_add(module->dims, dim_mul(module->dims, k_(2), n_("H")), k_(1)));
    Tensor inputs[] = {COUNTING(4, 3), COUNTING(20, 7)};
    int64_t symbols[3];
    output(a);
    cr_assert(interp_bind_inputs(module->graph, inputs, symbols, diag), "%s", diag_text(diag));
    cr_expect_eq(symbols[dim_symbol_find(module->dims, "N")], 4);
    cr_expect_eq(symbols[dim_symbol_find(module->dims, "T")], 5);
    cr_expect_eq(symbols[dim_symbol_find(module->dims, "H")], 3);
}

static bool binds(Tensor a, Tensor b) {
    int64_t symbols[4];
    return interp_bind_inputs(module->graph, (Tensor[]){a, b}, symbols, diag);
}

Test(interp_run, inputs_that_do_not_fit) {
    INPUT("a", n_("N"), k_(3));
    INPUT("b", n_("N"));
    cr_expect(binds(COUNTING(4, 3), COUNTING(4)));
    cr_expect_eq(diag_error_count(diag), 0);
    cr_expect_not(binds(COUNTING(4, 3), COUNTING(5)));
    cr_expect(said("input 'b' has the type f32[N] with N = 4, found f32[5]"), "%s",
              diag_text(diag));
    cr_expect_not(binds(COUNTING(4, 2), COUNTING(4)));
    cr_expect(said("input 'a' has the type f32[N, 3] with N = 4, found f32[4, 2]"), "%s",
              diag_text(diag));
    cr_expect_not(binds(COUNTING(4), COUNTING(4)));
    cr_expect(said("found f32[4]"));
    Tensor ints = tensor_new(arena, DT_i32, 1, (int64_t[]){4});
    cr_expect_not(binds(COUNTING(4, 3), ints));
    cr_expect(said("found i32[4]"));
}

Test(interp_run, an_odd_size_does_not_fit_an_even_dimension) {
    INPUT("a", dim_mul(module->dims, k_(2), n_("N")));
    int64_t symbols[1];
    Tensor odd = COUNTING(5), even = COUNTING(6);
    cr_expect_not(interp_bind_inputs(module->graph, &odd, symbols, diag));
    cr_expect_eq(diag_error_count(diag), 1);
    cr_expect(interp_bind_inputs(module->graph, &even, symbols, diag));
    cr_expect_eq(symbols[0], 3);
}

Test(interp_run, given_symbols_must_fit) {
    Value *a = INPUT("a", n_("N"));
    output(a);
    Tensor x = COUNTING(4), y;
    InterpOptions options = {.symbols = (int64_t[]){4}};
    cr_expect(interp_run(module->graph, &x, &y, arena, &options, diag));
    cr_expect_eq(tensor_get(&y, 3), 3);
    cr_expect_neq(y.data, x.data, "outputs are copies");
    options.symbols = (int64_t[]){5};
    cr_expect_not(interp_run(module->graph, &x, &y, arena, &options, diag));
    cr_expect(said("with N = 5"));
}

Test(interp_run, a_size_that_would_be_negative_is_an_error) {
    Value *x = INPUT("x", k_(1), k_(1), n_("H"), k_(8));
    Builder b = builder(module->graph);
    Value *y = build1(&b, OP_max_pool2d, x, attr_ints("kernel", 2, (int64_t[]){5, 5}),
                      attr_ints("stride", 2, (int64_t[]){1, 1}));
    output(y);
    Tensor small = COUNTING(1, 1, 2, 8), exact = COUNTING(1, 1, 4, 8), result;
    cr_expect_not(interp_run(module->graph, &small, &result, arena, NULL, diag));
    cr_expect(said("negative"), "%s", diag_text(diag));
    cr_expect(interp_run(module->graph, &exact, &result, arena, NULL, diag));
    cr_expect_eq(result.bytes, 0);
}

/* ---- memory -------------------------------------------------------------------------------------
 */

/* n operators in a row on 1000 floats. */
static void chain(int n) {
    Builder b = builder(module->graph);
    Value *x = INPUT("x", k_(1000));
    for (int i = 0; i < n; i++) x = build1(&b, OP_neg, x);
    output(x);
}

Test(interp_run, tensors_are_freed_after_their_last_use) {
    chain(50);
    Tensor x = COUNTING(1000), y;
    InterpOptions options = {.memory_limit = 8000};
    cr_expect(interp_run(module->graph, &x, &y, arena, &options, diag),
              "two tensors live at a time");
    cr_expect_eq(tensor_get(&y, 7), 7);
}

Test(interp_run, the_limit_of_memory_is_an_error) {
    chain(2);
    Tensor x = COUNTING(1000), y;
    InterpOptions options = {.memory_limit = 7999};
    cr_expect_not(interp_run(module->graph, &x, &y, arena, &options, diag));
    cr_expect(said("limit of memory"));
    cr_expect_null(y.data);
}

Test(interp_run, a_huge_result_is_an_error) {
    Builder b = builder(module->graph);
    Value *x = INPUT("x", n_("N"), k_(1)), *wide = INPUT("wide", k_(1), n_("N"));
    output(build2(&b, OP_add, x, wide));
    Tensor inputs[] = {COUNTING(1000000, 1), COUNTING(1, 1000000)}, y;
    cr_expect_not(interp_run(module->graph, inputs, &y, arena, NULL, diag));
    cr_expect(said("f32[N, N]"), "%s", diag_text(diag));
}

/* ---- observing, bodies --------------------------------------------------------------------------
 */

static void count(void *data, const Value *value, const Tensor *tensor) {
    int *seen = data;
    cr_expect_eq(tensor->rank, value->type.rank);
    seen[value->id]++;
}

Test(interp_run, bodies_are_run_and_observed) {
    Value *x = INPUT("x", n_("N"));
    Graph *body = graph_create(module, "body");
    Value *bx = graph_add_input(body, "a", &x->type, (Span){0});
    Builder in = builder(body), b = builder(module->graph);
    Value *squared = build2(&in, OP_mul, bx, bx), *sum = build2(&in, OP_add, squared, bx);
    graph_set_outputs(body, 4, (Value *[]){sum, squared, bx, sum},
                      (const char *[]){"s", "q", "x", "again"});
    Node *fused = build_fused(&b, 1, &x, body);
    Value *y = build2(&b, OP_sub, fused->results[0], fused->results[1]);
    graph_set_outputs(module->graph, 3, (Value *[]){y, fused->results[2], fused->results[3]},
                      (const char *[]){"y", "z", "s"});
    Tensor input_tensor = COUNTING(5), results[3];
    int *seen = arena_array(arena, int, module->value_count);
    InterpOptions options = {.observe = count, .observe_data = seen};
    cr_assert(interp_run(module->graph, &input_tensor, results, arena, &options, diag), "%s",
              diag_text(diag));
    for (int64_t i = 0; i < 5; i++) {
        cr_expect_eq(tensor_get(&results[0], i), (double)i);
        cr_expect_eq(tensor_get(&results[1], i), (double)i);
        cr_expect_eq(tensor_get(&results[2], i), (double)(i * i + i));
    }
    cr_expect_eq(seen[squared->id], 1);
    cr_expect_eq(seen[fused->results[0]->id], 1);
    cr_expect_eq(seen[y->id], 1);
}

/* ---- constants
 * --------------------------------------------------------------------------------------- */

static bool ones(void *self, const char *path, Tensor *tensor) {
    *tensor = *(Tensor *)self;
    return strcmp(path, "w") == 0;
}

Test(interp_run, constant_expressions) {
    Builder b = builder(module->graph);
    TensorType type = type_make(DT_f32, 1, (Dim[]){k_(3)});
    Value *x = INPUT("x", k_(3)), *w = build_param(&b, "w", &type),
          *two = build_scalar(&b, DT_f32, 2);
    Value *scaled = build2(&b, OP_mul, w, two), *mixed = build2(&b, OP_add, x, scaled);
    Value *missing = build_param(&b, "v", &type);
    output(mixed);
    Tensor weights = COUNTING(3), result;
    cr_expect_not(interp_constant(scaled, &result, arena, diag), "no weights are at hand");
    cr_expect(said("the weights of 'w'"));
    module->params = (ParamSource){ones, &weights};
    cr_assert(interp_constant(scaled, &result, arena, diag));
    for (int64_t i = 0; i < 3; i++) cr_expect_eq(tensor_get(&result, i), 2 * (double)i);
    cr_expect(interp_constant(w, &result, arena, diag));
    cr_expect_neq(result.data, weights.data);
    cr_expect_not(interp_constant(missing, &result, arena, NULL), "faults may stay unsaid");
    cr_expect_null(result.data);
    cr_expect_not(interp_constant(mixed, &result, arena, diag));
    cr_expect(said("depends on an input"));
}

Test(interp_run, a_constant_whose_size_is_a_symbol_is_none) {
    Builder b = builder(module->graph);
    output(INPUT("x", n_("N")));
    Value *two = build_scalar(&b, DT_f32, 2);
    Value *wide = build1(&b, OP_broadcast_to, two, attr_dims("shape", 1, (Dim[]){n_("N")}));
    Tensor result;
    cr_expect_not(interp_constant(wide, &result, arena, diag));
    cr_expect(said("-bind"), "%s", diag_text(diag));
}
