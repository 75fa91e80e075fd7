/* Host tensors: sizing, element access, hashing, agreement. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "ir/tensor.h"

static Arena *arena;
static void setup(void) {
    arena = arena_create();
}
static void teardown(void) {
    arena_destroy(arena);
}
TestSuite(tensor, .init = setup, .fini = teardown);

static Tensor vector(DType dtype, int64_t n, const double *values) {
    Tensor t = tensor_new(arena, dtype, 1, &n);
    for (int64_t i = 0; i < n; i++) tensor_set(&t, i, values[i]);
    return t;
}
#define VECTOR(dtype, ...)                                                                         \
    vector((dtype), (int64_t)COUNT_OF(((double[]){__VA_ARGS__})), (double[]){__VA_ARGS__})

Test(tensor, sizes) {
    Tensor t;
    cr_assert(tensor_shape(&t, DT_f32, 2, (int64_t[]){3, 4}, 0));
    cr_assert_eq(t.bytes, 48);
    cr_assert_eq(tensor_elements(&t), 12);
    cr_assert_null(t.data);
    cr_assert(tensor_shape(&t, DT_f16, 0, NULL, 0));
    cr_assert_eq(t.bytes, 2, "a scalar has one element");
    cr_assert(tensor_shape(&t, DT_f32, 3, (int64_t[]){3, 0, 5}, 0));
    cr_assert_eq(tensor_elements(&t), 0);
}

Test(tensor, sizes_that_are_refused) {
    Tensor t;
    cr_assert_not(tensor_shape(&t, DT_f32, 1, (int64_t[]){-1}, 0));
    cr_assert_not(tensor_shape(&t, DT_f32, 2, (int64_t[]){INT64_MAX, 2}, 0));
    cr_assert_not(tensor_shape(&t, DT_f64, 1, (int64_t[]){INT64_MAX / 4}, 0));
    cr_assert_not(tensor_shape(&t, DT_f32, 3, (int64_t[]){0, INT64_MAX, INT64_MAX}, 0),
                  "strides would overflow");
    cr_assert_not(tensor_shape(&t, DT_f32, 1, (int64_t[]){26}, 100));
    cr_assert(tensor_shape(&t, DT_f32, 1, (int64_t[]){25}, 100));
}

Test(tensor, integers_saturate_and_round_half_to_even) {
    Tensor t = VECTOR(DT_i8, 0.5, 1.5, 2.5, -0.5, -1.5, 127.4, 127.6, 1000, -1000, NAN, INFINITY,
                      -INFINITY);
    const int64_t want[] = {0, 2, 2, 0, -2, 127, 127, 127, -128, 0, 127, -128};
    for (size_t i = 0; i < COUNT_OF(want); i++)
        cr_expect_eq(tensor_int(&t, (int64_t)i), want[i], "element %zu", i);
    Tensor wide = VECTOR(DT_i64, 1e30, -1e30, 0x1p63, -0x1p63, 3);
    cr_expect_eq(tensor_int(&wide, 0), INT64_MAX);
    cr_expect_eq(tensor_int(&wide, 1), INT64_MIN);
    cr_expect_eq(tensor_int(&wide, 2), INT64_MAX);
    cr_expect_eq(tensor_int(&wide, 3), INT64_MIN);
    Tensor nibbles = VECTOR(DT_i4, 9, -9, 3);
    cr_expect_eq(tensor_int(&nibbles, 0), 7);
    cr_expect_eq(tensor_int(&nibbles, 1), -8);
    Tensor unsigned_nibbles = VECTOR(DT_u4, 19, -9, 3);
    cr_expect_eq(tensor_int(&unsigned_nibbles, 0), 15);
    cr_expect_eq(tensor_int(&unsigned_nibbles, 1), 0);
}

Test(tensor, set_int_wraps) {
    Tensor t = VECTOR(DT_u8, 0);
    tensor_set_int(&t, 0, -1);
    cr_expect_eq(tensor_int(&t, 0), 255);
    Tensor s = VECTOR(DT_i16, 0);
    tensor_set_int(&s, 0, 40000);
    cr_expect_eq(tensor_int(&s, 0), 40000 - 65536);
    Tensor n = VECTOR(DT_i4, 0);
    tensor_set_int(&n, 0, 9);
    cr_expect_eq(tensor_int(&n, 0), -7);
    Tensor b = VECTOR(DT_bool, 0);
    tensor_set_int(&b, 0, 256);
    cr_expect_eq(tensor_int(&b, 0), 1);
}

Test(tensor, floats_round_once) {
    Tensor half = VECTOR(DT_f16, 1 + 0x1p-11 + 0x1p-40, 65520, -1e9);
    cr_expect_eq(tensor_get(&half, 0), 1 + 0x1p-10, "rounding to f32 first would give 1");
    cr_expect_eq(tensor_get(&half, 1), INFINITY);
    cr_expect_eq(tensor_get(&half, 2), -INFINITY);
    Tensor brain = VECTOR(DT_bf16, 1 + 0x1p-8 + 0x1p-40, 0);
    cr_expect_eq(tensor_get(&brain, 0), 1 + 0x1p-7);
    /* 2^62 + 2^54 is half way between two values of bf16; one more is beyond, which a double cannot
     * tell. */
    tensor_set_int(&brain, 1, ((int64_t)1 << 62) + ((int64_t)1 << 54) + 1);
    cr_expect_eq(tensor_get(&brain, 1), 0x1p62 + 0x1p55);
    tensor_set_int(&brain, 1, -((int64_t)1 << 62) - ((int64_t)1 << 54));
    cr_expect_eq(tensor_get(&brain, 1), -0x1p62);
    Tensor wide = VECTOR(DT_f64, 0);
    tensor_set_int(&wide, 0, INT64_MAX);
    cr_expect_eq(tensor_get(&wide, 0), 0x1p63);
    tensor_set_int(&wide, 0, ((int64_t)1 << 53) + 3);
    cr_expect_eq(tensor_get(&wide, 0), 0x1p53 + 4);
}

Test(tensor, hash_covers_type_shape_and_contents) {
    Tensor a = VECTOR(DT_i8, 1, 2, 3, 4), b = VECTOR(DT_i8, 1, 2, 3, 4),
           c = VECTOR(DT_i8, 1, 2, 3, 5);
    Tensor d = VECTOR(DT_u8, 1, 2, 3, 4), e = a;
    e.rank = 2;
    e.dims[0] = e.dims[1] = 2;
    cr_expect_eq(tensor_hash(&a), tensor_hash(&b));
    cr_expect_neq(tensor_hash(&a), tensor_hash(&c));
    cr_expect_neq(tensor_hash(&a), tensor_hash(&d));
    cr_expect_neq(tensor_hash(&a), tensor_hash(&e));
}

Test(tensor, type_text) {
    Tensor t;
    tensor_shape(&t, DT_bf16, 2, (int64_t[]){3, 4}, 0);
    cr_expect_str_eq(tensor_type_text(arena, &t), "bf16[3, 4]");
    tensor_shape(&t, DT_bool, 0, NULL, 0);
    cr_expect_str_eq(tensor_type_text(arena, &t), "bool[]");
}

/* ---- agreement ------------------------------------------------------------------------------- */

static Agreement agreement(Tensor result, Tensor reference, double tol) {
    return tensor_agreement(&result, &reference, tol);
}

Test(tensor, agreement_of_near_floats) {
    Agreement a = agreement(VECTOR(DT_f64, 3, 4.00001), VECTOR(DT_f64, 3, 4), 1e-5);
    cr_expect(a.agrees);
    cr_expect_float_eq(a.relative_l2, 2e-6, 1e-9);
    cr_expect_float_eq(a.max_error, 2.5e-6, 1e-9);
    cr_expect_eq(a.worst, 1);
    cr_expect_not(agreement(VECTOR(DT_f64, 3, 4.001), VECTOR(DT_f64, 3, 4), 1e-5).agrees);
    a = agreement(VECTOR(DT_f32, 3, 4), VECTOR(DT_f32, 3, 4), 0);
    cr_expect(a.agrees);
    cr_expect_eq(a.worst, -1);
}

Test(tensor, agreement_notices_one_wrong_element_among_many) {
    int64_t n = 4000000;
    Tensor a = tensor_new(arena, DT_f32, 1, &n), b = tensor_new(arena, DT_f32, 1, &n);
    for (int64_t i = 0; i < n; i++) ((float *)a.data)[i] = ((float *)b.data)[i] = 1;
    ((float *)a.data)[77] = 1.005F;
    Agreement r = tensor_agreement(&a, &b, 1e-5);
    cr_expect_lt(r.relative_l2, 1e-5);
    cr_expect_not(r.agrees);
    cr_expect_eq(r.worst, 77);
}

Test(tensor, agreement_of_special_values) {
    cr_expect(
        agreement(VECTOR(DT_f32, NAN, INFINITY, 1), VECTOR(DT_f32, NAN, INFINITY, 1), 1e-5).agrees);
    Agreement a = agreement(VECTOR(DT_f32, 1, NAN), VECTOR(DT_f32, 1, 2), 1e-5);
    cr_expect_not(a.agrees);
    cr_expect_eq(a.worst, 1);
    cr_expect_not(agreement(VECTOR(DT_f32, 1, 2), VECTOR(DT_f32, 1, NAN), 1e-5).agrees);
    cr_expect_not(
        agreement(VECTOR(DT_f32, 1, INFINITY), VECTOR(DT_f32, 1, -INFINITY), 1e-5).agrees);
    cr_expect_not(agreement(VECTOR(DT_f32, 1, INFINITY), VECTOR(DT_f32, 1, 3e38), 1e-5).agrees);
}

Test(tensor, agreement_is_absolute_where_the_reference_is_zero) {
    cr_expect(agreement(VECTOR(DT_f64, 1e-6, 0), VECTOR(DT_f64, 0, 0), 1e-5).agrees);
    cr_expect_not(agreement(VECTOR(DT_f64, 1e-4, 0), VECTOR(DT_f64, 0, 0), 1e-5).agrees);
    Agreement a = agreement(VECTOR(DT_f64, 0, 0), VECTOR(DT_f64, 0, 0), 0);
    cr_expect(a.agrees);
    cr_expect_eq(a.relative_l2, 0);
}

Test(tensor, agreement_does_not_overflow) {
    cr_expect(agreement(VECTOR(DT_f64, 1e300, 1e300), VECTOR(DT_f64, 1e300, 1e300), 1e-5).agrees);
    Agreement a = agreement(VECTOR(DT_f64, 1e300, 1.1e300), VECTOR(DT_f64, 1e300, 1e300), 1e-5);
    cr_expect_not(a.agrees);
    cr_expect_float_eq(a.max_error, 0.1, 1e-9);
}

Test(tensor, agreement_of_integers_is_equality) {
    cr_expect(agreement(VECTOR(DT_i32, 5, 6), VECTOR(DT_i32, 5, 6), 1e-2).agrees);
    Agreement a = agreement(VECTOR(DT_i32, 100, 200), VECTOR(DT_i32, 100, 201), 1);
    cr_expect_not(a.agrees);
    cr_expect_eq(a.worst, 1);
    Tensor big = VECTOR(DT_i64, 0), bigger = VECTOR(DT_i64, 0);
    tensor_set_int(&big, 0, INT64_MAX - 1);
    tensor_set_int(&bigger, 0, INT64_MAX);
    cr_expect_not(tensor_agreement(&big, &bigger, 1).agrees);
    cr_expect_not(agreement(VECTOR(DT_i32, 5), VECTOR(DT_i64, 5), 1).agrees, "the types differ");
    cr_expect_not(agreement(VECTOR(DT_f32, 5), VECTOR(DT_f32, 5, 5), 1).agrees,
                  "the shapes differ");
}
