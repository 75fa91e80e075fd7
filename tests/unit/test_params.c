/* Binding parameters to files and to the random generator. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "frontend/dataio.h"

static Arena *arena;
static Diag *diag;
static Module *module;

/* A network with a convolution, a normalization and a dense layer. */
static void setup(void) {
    arena = arena_create();
    diag = diag_create(arena, NULL);
    module = module_create(arena, diag);
    module->graph = graph_create(module, "net");
}

static void teardown(void) {
    arena_destroy(arena);
}

TestSuite(params, .init = setup, .fini = teardown);

static Value *param_of(DType dtype, const char *path, int rank, const int64_t *sizes) {
    Builder b = {.graph = module->graph, .path = path};
    Dim dims[MAX_RANK];
    for (int i = 0; i < rank; i++) dims[i] = dim_int(module->dims, sizes[i]);
    TensorType type = type_make(dtype, rank, dims);
    return build_param(&b, path, &type);
}
#define DIMS(...)                                                                                  \
    (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (const int64_t[]) {                                 \
        __VA_ARGS__                                                                                \
    }
#define PARAM(path, ...) param_of(DT_f32, (path), DIMS(__VA_ARGS__))

static bool said(const char *text) {
    return strstr(diag_text(diag), text) != NULL;
}

static TensorFile file_of(size_t count, const char *const *names, const Tensor *tensors) {
    return (TensorFile){count, names, tensors};
}

/* ---- files -------------------------------------------------------------------------------------
 */

Test(params, from_a_file_that_fits) {
    PARAM("fc.bias", 2);
    PARAM("fc.weight", 2, 3);
    Tensor tensors[] = {tensor_new(arena, DT_f32, DIMS(2)), tensor_new(arena, DT_i64, DIMS(1)),
                        tensor_new(arena, DT_f32, DIMS(2, 3)), tensor_new(arena, DT_f32, DIMS(9)),
                        tensor_new(arena, DT_f32, DIMS(9))};
    TensorFile file = file_of(
        5, (const char *[]){"fc.bias", "fc.num_batches_tracked", "fc.weight", "in.x", "out.y"},
        tensors);
    cr_assert(params_from_file(module->graph, &file, "w.npz", EXTRA_ERROR, diag), "%s",
              diag_text(diag));
    cr_expect_eq(diag_warning_count(diag), 0);
    Tensor t;
    cr_expect(module->params.find(module->params.self, "fc.weight", &t));
    cr_expect_eq(t.data, tensors[2].data, "data is not copied");
    cr_expect_not(module->params.find(module->params.self, "fc", &t));
}

Test(params, all_faults_of_a_file_are_one_error) {
    PARAM("conv1.bias", 4);
    PARAM("conv1.bias", 4);
    PARAM("fc.weight", 2, 3);
    PARAM("fc.bias", 2);
    PARAM("good", 1);
    Tensor tensors[] = {tensor_new(arena, DT_f32, DIMS(4)), tensor_new(arena, DT_f16, DIMS(2)),
                        tensor_new(arena, DT_f32, DIMS(3, 2)), tensor_new(arena, DT_f32, DIMS(1))};
    TensorFile file =
        file_of(4, (const char *[]){"conv1.bais", "fc.bias", "fc.weight", "good"}, tensors);
    cr_expect_not(params_from_file(module->graph, &file, "w.npz", EXTRA_WARN, diag));
    cr_expect_eq(diag_error_count(diag), 1);
    cr_expect(said("the weights in 'w.npz' do not fit the network:\n"
                   "  conv1.bias f32[4] is missing; did you mean 'conv1.bais'?\n"
                   "  fc.bias is f32[2] in the network, f16[2] in the file\n"
                   "  fc.weight is f32[2, 3] in the network, f32[3, 2] in the file\n"),
              "%s", diag_text(diag));
    cr_expect(said("warning: 'w.npz' has 1 tensor that the network does not use: conv1.bais"), "%s",
              diag_text(diag));
}

Test(params, leftovers_are_one_message) {
    Tensor tensors[12];
    const char *names[12];
    for (int i = 0; i < 12; i++) {
        names[i] = arena_printf(arena, "t%02d", i);
        tensors[i] = tensor_new(arena, DT_f32, DIMS(1));
    }
    TensorFile file = file_of(12, names, tensors);
    cr_expect(params_from_file(module->graph, &file, "w.npz", EXTRA_WARN, diag));
    cr_expect_eq(diag_warning_count(diag), 1);
    cr_expect(said("12 tensors that the network does not use: t00, t01"));
    cr_expect(said("t07 and 4 more"));
    cr_expect_not(params_from_file(module->graph, &file, "w.npz", EXTRA_ERROR, diag));
    cr_expect_eq(diag_error_count(diag), 1);
}

/* Tied weights are often stored once more. */
Test(params, second_names_of_what_is_used_are_passed_over) {
    PARAM("bias", 2);
    PARAM("wte", 2, 3);
    static const char *const names[] = {"bias", "head", "other", "row", "wide", "wte"};
    Tensor tensors[] = {
        tensor_new(arena, DT_f32, DIMS(2)),    tensor_new(arena, DT_f32, DIMS(2, 3)),
        tensor_new(arena, DT_f32, DIMS(2, 3)), tensor_new(arena, DT_f32, DIMS(2)),
        tensor_new(arena, DT_f32, DIMS(3, 2)), tensor_new(arena, DT_f32, DIMS(2, 3))};
    tensor_set(&tensors[2], 5, 1);
    TensorFile file = file_of(COUNT_OF(names), names, tensors);
    cr_expect(params_from_file(module->graph, &file, "w.npz", EXTRA_WARN, diag));
    cr_expect(said("3 tensors that the network does not use: other, row, wide\n"), "%s",
              diag_text(diag));
}

/* ---- random -------------------------------------------------------------------------------------
 */

static Tensor generated(const char *path) {
    Tensor t;
    cr_assert(module->params.find(module->params.self, path, &t), "%s", path);
    return t;
}

typedef struct Moments {
    double mean, deviation, least, greatest;
} Moments;

static Moments moments(Tensor t) {
    double sum = 0, squares = 0, n = (double)tensor_elements(&t);
    Moments m = {.least = INFINITY, .greatest = -INFINITY};
    for (int64_t i = 0; i < tensor_elements(&t); i++) {
        double x = tensor_get(&t, i);
        sum += x;
        squares += x * x;
        m.least = fmin(m.least, x);
        m.greatest = fmax(m.greatest, x);
    }
    m.mean = sum / n;
    m.deviation = sqrt(squares / n - m.mean * m.mean);
    return m;
}

static void expect_range(const char *path, double least, double greatest) {
    Moments m = moments(generated(path));
    double width = greatest - least;
    cr_expect(m.least >= least && m.greatest <= greatest, "%s is in [%g, %g]", path, m.least,
              m.greatest);
    cr_expect(m.greatest - m.least > 0.95 * width, "%s is in [%g, %g]", path, m.least, m.greatest);
    cr_expect_float_eq(m.deviation, width / sqrt(12), 0.05 * width);
}

static void expect_normal(const char *path, double fan_in) {
    Moments m = moments(generated(path));
    double deviation = sqrt(2 / fan_in);
    cr_expect_float_eq(m.mean, 0, 0.05 * deviation, "%s has the mean %g", path, m.mean);
    cr_expect_float_eq(m.deviation, deviation, 0.03 * deviation, "%s has the deviation %g, not %g",
                       path, m.deviation, deviation);
    cr_expect(m.greatest > 3 * deviation && m.greatest < 6 * deviation);
}

static Value *input(int rank, const int64_t *sizes) {
    Dim dims[MAX_RANK];
    for (int i = 0; i < rank; i++) dims[i] = dim_int(module->dims, sizes[i]);
    TensorType type = type_make(DT_f32, rank, dims);
    return graph_add_input(module->graph, "x", &type, (Span){0});
}

Test(params, random_by_role) {
    Builder b = {.graph = module->graph, .path = "op"};
    build2(&b, OP_conv2d, input(DIMS(1, 32, 8, 8)), PARAM("conv.weight", 64, 16, 3, 3),
           attr_int("groups", 2));
    build2(&b, OP_dense, input(DIMS(1, 100)), PARAM("fc.weight", 200, 100));
    build2(&b, OP_dense, input(DIMS(1, 100)), PARAM("io.weight", 100, 200),
           attr_string("weight_order", "io"));
    build2(&b, OP_matmul, input(DIMS(1, 50)), PARAM("w", 50, 400));
    PARAM("table.weight", 500, 32);
    PARAM("bn.weight", 1000);
    PARAM("bn.bias", 1000);
    PARAM("bn.running_mean", 1000);
    PARAM("bn.running_var", 1000);
    params_random(module->graph, 7);
    expect_normal("conv.weight", 16 * 9);
    expect_normal("fc.weight", 100);
    expect_normal("io.weight", 100);
    expect_normal("w", 50);
    expect_normal("table.weight", 32);
    expect_range("bn.weight", 0.9, 1.1);
    expect_range("bn.bias", -0.1, 0.1);
    expect_range("bn.running_mean", -0.1, 0.1);
    expect_range("bn.running_var", 0.5, 1.5);
    Tensor none;
    cr_expect_not(module->params.find(module->params.self, "bn", &none));
}

Test(params, random_depends_on_seed_and_path_alone) {
    PARAM("a.weight", 30, 10);
    PARAM("b.weight", 30, 10);
    params_random(module->graph, 1);
    Tensor a = generated("a.weight"), b = generated("b.weight");
    cr_expect_eq(generated("a.weight").data, a.data, "generated once");
    cr_expect_neq(memcmp(a.data, b.data, a.bytes), 0);
    params_random(module->graph, 2);
    cr_expect_neq(memcmp(generated("a.weight").data, a.data, a.bytes), 0);
    PARAM("0.weight", 30, 10);
    params_random(module->graph, 1);
    generated("b.weight");
    cr_expect_eq(memcmp(generated("a.weight").data, a.data, a.bytes), 0,
                 "the order of generation does not matter");
}

/* Computed apart from the formula in random.c. */
Test(params, random_bits_are_pinned) {
    PARAM("a.weight", 2, 3);
    PARAM("a.bias", 3);
    params_random(module->graph, 0);
    Tensor weight = generated("a.weight"), bias = generated("a.bias"),
           x = tensor_new(arena, DT_i8, DIMS(4));
    static const float weights[] = {0x1.04e8bp+0F, -0x1.17185ap-1F, 0x1.fe8a3ep-2F};
    static const float biases[] = {-0x1.db224p-5F, 0x1.cfed06p-5F, -0x1.b52bf6p-6F};
    static const int8_t ints[] = {0, -1, 6};
    tensor_random(&x, 0, "x");
    for (int i = 0; i < 3; i++) {
        cr_expect_eq(((float *)weight.data)[i], weights[i], "%a",
                     (double)((float *)weight.data)[i]);
        cr_expect_eq(((float *)bias.data)[i], biases[i], "%a", (double)((float *)bias.data)[i]);
        cr_expect_eq(((int8_t *)x.data)[i], ints[i], "%d", ((int8_t *)x.data)[i]);
    }
}

Test(params, random_inputs) {
    Tensor f = tensor_new(arena, DT_f32, DIMS(20000)), i = tensor_new(arena, DT_i8, DIMS(2000)),
           u = tensor_new(arena, DT_u8, DIMS(2000));
    tensor_random(&f, 3, "image");
    tensor_random(&i, 3, "image");
    tensor_random(&u, 3, "image");
    Moments m = moments(f);
    cr_expect_float_eq(m.mean, 0, 0.02);
    cr_expect_float_eq(m.deviation, 1, 0.02);
    cr_expect_eq(moments(i).least, -8);
    cr_expect_eq(moments(i).greatest, 7);
    cr_expect_eq(moments(u).least, 0);
    cr_expect_eq(moments(u).greatest, 15);
}
