/* The reference interpreter, operators: results computed by hand for every family. */
#include "tests/unit/interp_fixture.h"

#include "ir/interp/eval.h"

TestSuite(interp, .init = setup, .fini = teardown);

Test(interp, every_operator_has_an_evaluator) {
    for (int op = 0; op < OP_COUNT; op++) {
        bool none = op == OP_param || op == OP_const || op == OP_fused;
        cr_expect(none == (interp_evaluator((OpKind)op) == 0), "%s", op_info((OpKind)op)->name);
        if (op_info((OpKind)op)->family == FAMILY_POINTWISE)
            cr_expect_not_null(interp_evaluator((OpKind)op));
    }
}

/* ---- pointwise ----------------------------------------------------------------------------------
 */

static Tensor unary(OpKind op, Tensor x) {
    return run_op(op, TENSORS(x), NO_ATTRS);
}
static Tensor binary(OpKind op, Tensor a, Tensor b) {
    return run_op(op, TENSORS(a, b), NO_ATTRS);
}

Test(interp, unary_floats) {
    Tensor x = make(DT_f64, DIMS(4), V(-1.5, 0, 2.5, NAN));
    expect(unary(OP_neg, x), DT_f64, DIMS(4), V(1.5, 0, -2.5, NAN));
    expect(unary(OP_abs, x), DT_f64, DIMS(4), V(1.5, 0, 2.5, NAN));
    expect(unary(OP_relu, x), DT_f64, DIMS(4), V(0, 0, 2.5, NAN));
    expect(unary(OP_floor, x), DT_f64, DIMS(4), V(-2, 0, 2, NAN));
    expect(unary(OP_ceil, x), DT_f64, DIMS(4), V(-1, 0, 3, NAN));
    expect(unary(OP_round, x), DT_f64, DIMS(4), V(-2, 0, 2, NAN));
    expect(unary(OP_sqrt, x), DT_f64, DIMS(4), V(NAN, 0, sqrt(2.5), NAN));
    expect(unary(OP_log, x), DT_f64, DIMS(4), V(NAN, -INFINITY, log(2.5), NAN));
    expect(unary(OP_exp, x), DT_f64, DIMS(4), V(exp(-1.5), 1, exp(2.5), NAN));
    expect(unary(OP_tanh, x), DT_f64, DIMS(4), V(tanh(-1.5), 0, tanh(2.5), NAN));
    expect(unary(OP_erf, x), DT_f64, DIMS(4), V(erf(-1.5), 0, erf(2.5), NAN));
    Tensor far = make(DT_f32, DIMS(3), V(-1000, 0, 1000));
    expect(unary(OP_sigmoid, far), DT_f32, DIMS(3), V(0, 0.5, 1));
}

Test(interp, unary_integers_wrap) {
    Tensor x = make(DT_i8, DIMS(4), V(-128, -3, 0, 127));
    expect(unary(OP_neg, x), DT_i8, DIMS(4), V(-128, 3, 0, -127));
    expect(unary(OP_abs, x), DT_i8, DIMS(4), V(-128, 3, 0, 127));
    expect(unary(OP_relu, x), DT_i8, DIMS(4), V(0, 0, 0, 127));
    expect(unary(OP_not, make(DT_bool, DIMS(2), V(0, 1))), DT_bool, DIMS(2), V(1, 0));
}

Test(interp, arithmetic) {
    Tensor a = make(DT_f32, DIMS(3), V(1, -6, INFINITY)),
           b = make(DT_f32, DIMS(3), V(0.5, 4, INFINITY));
    expect(binary(OP_add, a, b), DT_f32, DIMS(3), V(1.5, -2, INFINITY));
    expect(binary(OP_sub, a, b), DT_f32, DIMS(3), V(0.5, -10, NAN));
    expect(binary(OP_mul, a, b), DT_f32, DIMS(3), V(0.5, -24, INFINITY));
    expect(binary(OP_div, a, b), DT_f32, DIMS(3), V(2, -1.5, NAN));
    expect(binary(OP_pow, a, b), DT_f32, DIMS(3), V(1, 1296, INFINITY));
}

Test(interp, integer_arithmetic_wraps_and_divides_without_faults) {
    Tensor a = make(DT_i32, DIMS(5), V(INT32_MAX, INT32_MIN, 7, -7, 5));
    Tensor b = make(DT_i32, DIMS(5), V(1, -1, -2, 2, 0));
    expect(binary(OP_add, a, b), DT_i32, DIMS(5), V(INT32_MIN, INT32_MAX, 5, -5, 5));
    expect(binary(OP_mul, a, b), DT_i32, DIMS(5), V(INT32_MAX, INT32_MIN, -14, -14, 0));
    expect(binary(OP_div, a, b), DT_i32, DIMS(5), V(INT32_MAX, INT32_MIN, -3, -3, 0));
    Tensor u = make(DT_u8, DIMS(2), V(1, 200)), v = make(DT_u8, DIMS(2), V(2, 100));
    expect(binary(OP_sub, u, v), DT_u8, DIMS(2), V(255, 100));
    expect(binary(OP_add, u, v), DT_u8, DIMS(2), V(3, 44));
}

Test(interp, i64_is_exact) {
    Tensor a = make(DT_i64, DIMS(2), V(0, 0)), b = make(DT_i64, DIMS(2), V(1, -1));
    tensor_set_int(&a, 0, INT64_MAX);
    tensor_set_int(&a, 1, INT64_MIN);
    Tensor sum = binary(OP_add, a, b), quotient = binary(OP_div, a, b),
           product = binary(OP_mul, a, a);
    cr_expect_eq(tensor_int(&sum, 0), INT64_MIN);
    cr_expect_eq(tensor_int(&sum, 1), INT64_MAX);
    cr_expect_eq(tensor_int(&quotient, 1), INT64_MIN);
    cr_expect_eq(tensor_int(&product, 0), 1);
    tensor_set_int(&b, 0, INT64_MAX - 1);
    expect(binary(OP_gt, a, b), DT_bool, DIMS(2), V(1, 0));
}

Test(interp, minimum_and_maximum_propagate_nan) {
    Tensor a = make(DT_f32, DIMS(3), V(NAN, 1, 2)), b = make(DT_f32, DIMS(3), V(1, NAN, 3));
    expect(binary(OP_minimum, a, b), DT_f32, DIMS(3), V(NAN, NAN, 2));
    expect(binary(OP_maximum, a, b), DT_f32, DIMS(3), V(NAN, NAN, 3));
    Tensor i = make(DT_i16, DIMS(2), V(-5, 5)), k = make(DT_i16, DIMS(2), V(4, 4));
    expect(binary(OP_minimum, i, k), DT_i16, DIMS(2), V(-5, 4));
    expect(binary(OP_maximum, i, k), DT_i16, DIMS(2), V(4, 5));
}

Test(interp, comparisons) {
    Tensor a = make(DT_f32, DIMS(4), V(1, 2, 3, NAN)), b = make(DT_f32, DIMS(4), V(2, 2, 2, NAN));
    expect(binary(OP_eq, a, b), DT_bool, DIMS(4), V(0, 1, 0, 0));
    expect(binary(OP_ne, a, b), DT_bool, DIMS(4), V(1, 0, 1, 1));
    expect(binary(OP_lt, a, b), DT_bool, DIMS(4), V(1, 0, 0, 0));
    expect(binary(OP_le, a, b), DT_bool, DIMS(4), V(1, 1, 0, 0));
    expect(binary(OP_gt, a, b), DT_bool, DIMS(4), V(0, 0, 1, 0));
    expect(binary(OP_ge, a, b), DT_bool, DIMS(4), V(0, 1, 1, 0));
    Tensor p = make(DT_bool, DIMS(4), V(0, 0, 1, 1)), q = make(DT_bool, DIMS(4), V(0, 1, 0, 1));
    expect(binary(OP_and, p, q), DT_bool, DIMS(4), V(0, 0, 0, 1));
    expect(binary(OP_or, p, q), DT_bool, DIMS(4), V(0, 1, 1, 1));
}

Test(interp, where_takes_either_side) {
    Tensor c = make(DT_bool, DIMS(2, 1), V(1, 0)), a = make(DT_f32, DIMS(3), V(1, NAN, 3));
    Tensor b = make(DT_f32, SCALAR, V(9));
    expect(run_op(OP_where, TENSORS(c, a, b), NO_ATTRS), DT_f32, DIMS(2, 3), V(1, NAN, 3, 9, 9, 9));
}

Test(interp, broadcasting) {
    Tensor column = make(DT_i32, DIMS(2, 1), V(10, 20)), row = make(DT_i32, DIMS(1, 3), V(1, 2, 3));
    expect(binary(OP_add, column, row), DT_i32, DIMS(2, 3), V(11, 12, 13, 21, 22, 23));
    Tensor planes = make(DT_i32, DIMS(2, 1, 2), V(100, 200, 300, 400));
    expect(binary(OP_add, column, planes), DT_i32, DIMS(2, 2, 2),
           V(110, 210, 120, 220, 310, 410, 320, 420));
    Tensor none = make(DT_i32, DIMS(0, 3), V(0));
    expect(binary(OP_add, none, row), DT_i32, DIMS(0, 3), V(0));
}

Test(interp, long_runs_are_computed_in_blocks) {
    int64_t n = 1300;
    Tensor a = tensor_new(arena, DT_f32, 1, &n);
    for (int64_t i = 0; i < n; i++) tensor_set(&a, i, (double)i);
    Tensor y = binary(OP_mul, a, make(DT_f32, DIMS(2, 1), V(2, -1)));
    for (int64_t i = 0; i < n; i++) {
        cr_assert_eq(tensor_get(&y, i), 2 * (double)i);
        cr_assert_eq(tensor_get(&y, n + i), -(double)i);
    }
}

Test(interp, sixteen_bit_floats_round_when_stored) {
    Tensor a = make(DT_f16, DIMS(2), V(2048, 60000)), b = make(DT_f16, DIMS(2), V(1, 60000));
    expect(binary(OP_add, a, b), DT_f16, DIMS(2), V(2048, INFINITY));
    Tensor c = make(DT_bf16, DIMS(2), V(256, 258)), d = make(DT_bf16, DIMS(2), V(1, 1));
    expect(binary(OP_add, c, d), DT_bf16, DIMS(2), V(256, 260));
}

static Tensor cast(Tensor x, DType to) {
    return run_op(OP_cast, TENSORS(x), ATTRS(attr_dtype("to", to)));
}

Test(interp, cast) {
    Tensor x = make(DT_f32, DIMS(6), V(-1.9, 1.9, 300, -300, NAN, INFINITY));
    expect(cast(x, DT_i8), DT_i8, DIMS(6), V(-1, 1, 127, -128, 0, 127));
    expect(cast(x, DT_u8), DT_u8, DIMS(6), V(0, 1, 255, 0, 0, 255));
    expect(cast(x, DT_bool), DT_bool, DIMS(6), V(1, 1, 1, 1, 1, 1));
    expect(cast(make(DT_i32, DIMS(3), V(257, -1, 128)), DT_i8), DT_i8, DIMS(3), V(1, -1, -128));
    expect(cast(make(DT_i32, DIMS(3), V(257, -1, 128)), DT_u8), DT_u8, DIMS(3), V(1, 255, 128));
    expect(cast(make(DT_i32, DIMS(2), V(16777217, 0)), DT_f32), DT_f32, DIMS(2), V(16777216, 0));
    expect(cast(make(DT_i16, DIMS(2), V(256, 0)), DT_bool), DT_bool, DIMS(2), V(1, 0));
    expect(cast(make(DT_f64, DIMS(2), V(0.1, 1e300)), DT_f32), DT_f32, DIMS(2), V(0.1F, INFINITY));
    expect(cast(make(DT_bool, DIMS(2), V(0, 1)), DT_f32), DT_f32, DIMS(2), V(0, 1));
}

Test(interp, quantize_and_dequantize) {
    Tensor x = make(DT_f32, DIMS(7), V(0.25, 0.75, 1.25, -0.25, 100, -100, NAN));
    Tensor q =
        run_op(OP_quantize, TENSORS(x), ATTRS(attr_float("delta", 0.5), attr_dtype("to", DT_i8)));
    expect(q, DT_i8, DIMS(7), V(0, 2, 2, 0, 127, -128, 0));
    Tensor y = run_op(OP_dequantize, TENSORS(q),
                      ATTRS(attr_float("delta", 0.5), attr_dtype("to", DT_f32)));
    expect(y, DT_f32, DIMS(7), V(0, 1, 1, 0, 63.5, -64, 0));
    /* In f32, 0.05 / 0.1 is exactly one half and rounds to 0; the exact quotient is a little more.
     */
    Tensor tie = make(DT_f32, DIMS(1), V(0.05F));
    q = run_op(OP_quantize, TENSORS(tie),
               ATTRS(attr_float("delta", 0.1), attr_dtype("to", DT_i32)));
    expect(q, DT_i32, DIMS(1), V(0));
}

/* ---- movement
 * ------------------------------------------------------------------------------------ */

static Tensor counting(DType dtype, int rank, const int64_t *dims) {
    Tensor t = tensor_new(arena, dtype, rank, dims);
    for (int64_t i = 0; i < tensor_elements(&t); i++) tensor_set(&t, i, (double)i);
    return t;
}

Test(interp, transpose) {
    Tensor x = counting(DT_i16, DIMS(2, 3));
    expect(unary(OP_transpose, x), DT_i16, DIMS(3, 2), V(0, 3, 1, 4, 2, 5));
    Tensor y = run_op(OP_transpose, TENSORS(counting(DT_f32, DIMS(2, 1, 3, 2))),
                      ATTRS(INTS("perm", 2, 0, 3, 1)));
    expect(y, DT_f32, DIMS(3, 2, 2, 1), V(0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11));
}

Test(interp, reshape_flatten_broadcast) {
    Tensor x = counting(DT_f64, DIMS(2, 3));
    Dim dims[] = {dim_int(module->dims, 3), dim_int(module->dims, 2)};
    expect(run_op(OP_reshape, TENSORS(x), ATTRS(attr_dims("shape", 2, dims))), DT_f64, DIMS(3, 2),
           V(0, 1, 2, 3, 4, 5));
    expect(unary(OP_flatten, counting(DT_i8, DIMS(2, 2, 1))), DT_i8, DIMS(2, 2), V(0, 1, 2, 3));
    Dim wide[] = {dim_int(module->dims, 2), dim_int(module->dims, 2), dim_int(module->dims, 3)};
    Tensor column = make(DT_i32, DIMS(2, 1), V(5, 6));
    expect(run_op(OP_broadcast_to, TENSORS(column), ATTRS(attr_dims("shape", 3, wide))), DT_i32,
           DIMS(2, 2, 3), V(5, 5, 5, 6, 6, 6, 5, 5, 5, 6, 6, 6));
}

Test(interp, concat_and_split) {
    Tensor a = make(DT_i32, DIMS(2, 1), V(1, 2)), b = make(DT_i32, DIMS(2, 2), V(3, 4, 5, 6));
    Tensor none = make(DT_i32, DIMS(2, 0), V(0));
    expect(run_op(OP_concat, TENSORS(a, none, b), ATTRS(attr_int("axis", 1))), DT_i32, DIMS(2, 3),
           V(1, 3, 4, 2, 5, 6));
    Tensor parts[MAX_RESULTS], x = counting(DT_u8, DIMS(2, 4));
    cr_assert(
        try_op(OP_split, TENSORS(x), ATTRS(attr_int("parts", 2), attr_int("axis", -1)), parts));
    expect(parts[0], DT_u8, DIMS(2, 2), V(0, 1, 4, 5));
    expect(parts[1], DT_u8, DIMS(2, 2), V(2, 3, 6, 7));
}

Test(interp, slice) {
    Tensor x = counting(DT_f32, DIMS(3, 4));
    expect(run_op(OP_slice, TENSORS(x), ATTRS(INTS("starts", 1, -3), INTS("ends", 100, -1))),
           DT_f32, DIMS(2, 2), V(5, 6, 9, 10));
    expect(run_op(OP_slice, TENSORS(x),
                  ATTRS(INTS("starts", 100), INTS("ends", INT64_MIN + 1), INTS("axes", -1),
                        INTS("steps", -2))),
           DT_f32, DIMS(3, 2), V(3, 1, 7, 5, 11, 9));
    expect(run_op(OP_slice, TENSORS(x), ATTRS(INTS("starts", 2), INTS("ends", 1))), DT_f32,
           DIMS(0, 4), V(0));
}

Test(interp, pad) {
    Tensor x = make(DT_i8, DIMS(1, 2), V(1, 2));
    expect(run_op(OP_pad, TENSORS(x), ATTRS(INTS("pads", 1, 0, 0, 2), attr_float("value", -7))),
           DT_i8, DIMS(2, 4), V(-7, -7, -7, -7, 1, 2, -7, -7));
}

Test(interp, pad_below_0_cuts) {
    Tensor x = counting(DT_f32, DIMS(3, 4));
    expect(run_op(OP_pad, TENSORS(x), ATTRS(INTS("pads", -1, 1, 0, -2))), DT_f32, DIMS(2, 3),
           V(0, 4, 5, 0, 8, 9));
    expect(run_op(OP_pad, TENSORS(x), ATTRS(INTS("pads", -4, 0, 3, -3))), DT_f32, DIMS(2, 1),
           V(0, 0));
    expect(run_op(OP_pad, TENSORS(x), ATTRS(INTS("pads", 2, 0, -4, 0), attr_float("value", 5))),
           DT_f32, DIMS(1, 4), V(5, 5, 5, 5));
}

Test(interp, gather_counts_from_the_end_and_clamps) {
    Tensor x = counting(DT_f32, DIMS(3, 2)), i = make(DT_i64, DIMS(2, 2), V(0, -1, 7, -9));
    expect(binary(OP_gather, x, i), DT_f32, DIMS(2, 2, 2), V(0, 1, 4, 5, 4, 5, 0, 1));
    Tensor one = make(DT_i32, SCALAR, V(1));
    expect(run_op(OP_gather, TENSORS(x, one), ATTRS(attr_int("axis", 1))), DT_f32, DIMS(3),
           V(1, 3, 5));
}

static Tensor resize(Tensor x, int64_t h, int64_t w, const char *mode) {
    Dim size[] = {dim_int(module->dims, h), dim_int(module->dims, w)};
    return run_op(OP_resize, TENSORS(x),
                  ATTRS(attr_dims("size", 2, size), attr_string("mode", mode)));
}

Test(interp, resize) {
    Tensor x = make(DT_f32, DIMS(1, 1, 1, 2), V(0, 4));
    expect(resize(x, 1, 4, "linear"), DT_f32, DIMS(1, 1, 1, 4), V(0, 1, 3, 4));
    expect(resize(x, 2, 4, "nearest"), DT_f32, DIMS(1, 1, 2, 4), V(0, 0, 4, 4, 0, 0, 4, 4));
    /* Centres of 4 -> 2 lie half way between two pixels: nearest takes the lower one. */
    Tensor four = make(DT_f32, DIMS(1, 1, 1, 4), V(10, 20, 30, 40));
    expect(resize(four, 1, 2, "nearest"), DT_f32, DIMS(1, 1, 1, 2), V(10, 30));
    expect(resize(four, 1, 2, "linear"), DT_f32, DIMS(1, 1, 1, 2), V(15, 35));
}

/* ---- reductions
 * ---------------------------------------------------------------------------------- */

Test(interp, reductions) {
    Tensor x = make(DT_f32, DIMS(2, 3), V(1, 2, 3, 4, 5, -6));
    expect(unary(OP_reduce_sum, x), DT_f32, SCALAR, V(9));
    expect(run_op(OP_reduce_sum, TENSORS(x), ATTRS(INTS("axes", 0))), DT_f32, DIMS(3), V(5, 7, -3));
    expect(run_op(OP_reduce_sum, TENSORS(x), ATTRS(INTS("axes", -1), attr_bool("keepdims", true))),
           DT_f32, DIMS(2, 1), V(6, 3));
    expect(run_op(OP_reduce_mean, TENSORS(x), ATTRS(INTS("axes", 1))), DT_f32, DIMS(2), V(2, 1));
    expect(run_op(OP_reduce_max, TENSORS(x), ATTRS(INTS("axes", 1))), DT_f32, DIMS(2), V(3, 5));
    expect(run_op(OP_reduce_min, TENSORS(x), ATTRS(INTS("axes", 1))), DT_f32, DIMS(2), V(1, -6));
    expect(run_op(OP_reduce_prod, TENSORS(x), ATTRS(INTS("axes", 0))), DT_f32, DIMS(3),
           V(4, 10, -18));
    Tensor y = counting(DT_i32, DIMS(2, 3, 2));
    expect(run_op(OP_reduce_sum, TENSORS(y), ATTRS(INTS("axes", 0, 2))), DT_i32, DIMS(3),
           V(14, 22, 30));
}

Test(interp, reductions_with_nan_and_over_nothing) {
    Tensor x = make(DT_f32, DIMS(2, 2), V(NAN, 1, 2, 3));
    expect(run_op(OP_reduce_max, TENSORS(x), ATTRS(INTS("axes", 1))), DT_f32, DIMS(2), V(NAN, 3));
    expect(run_op(OP_reduce_min, TENSORS(x), ATTRS(INTS("axes", 1))), DT_f32, DIMS(2), V(NAN, 2));
    Tensor none = make(DT_f32, DIMS(2, 0), V(0)), no_ints = make(DT_i8, DIMS(0), V(0));
    expect(run_op(OP_reduce_sum, TENSORS(none), ATTRS(INTS("axes", 1))), DT_f32, DIMS(2), V(0, 0));
    expect(run_op(OP_reduce_prod, TENSORS(none), ATTRS(INTS("axes", 1))), DT_f32, DIMS(2), V(1, 1));
    expect(run_op(OP_reduce_mean, TENSORS(none), ATTRS(INTS("axes", 1))), DT_f32, DIMS(2),
           V(NAN, NAN));
    expect(run_op(OP_reduce_max, TENSORS(none), ATTRS(INTS("axes", 1))), DT_f32, DIMS(2),
           V(-INFINITY, -INFINITY));
    expect(unary(OP_reduce_min, no_ints), DT_i8, SCALAR, V(127));
    expect(unary(OP_reduce_max, no_ints), DT_i8, SCALAR, V(-128));
    expect(unary(OP_reduce_prod, no_ints), DT_i8, SCALAR, V(1));
}

Test(interp, sums_accumulate_in_f64_and_round_once) {
    Tensor x = make(DT_f32, DIMS(4), V(1e8, 1, 1, -1e8));
    expect(unary(OP_reduce_sum, x), DT_f32, SCALAR, V(2));
    Tensor h = make(DT_f16, DIMS(4), V(60000, 60000, -60000, -59000));
    expect(unary(OP_reduce_sum, h), DT_f16, SCALAR, V(992));
}

Test(interp, argmax) {
    Tensor x = make(DT_f32, DIMS(2, 3), V(1, 3, 3, 2, NAN, NAN));
    expect(run_op(OP_argmax, TENSORS(x), ATTRS(attr_int("axis", 1))), DT_i64, DIMS(2), V(1, 1));
    expect(run_op(OP_argmax, TENSORS(x), ATTRS(attr_int("axis", 0), attr_bool("keepdims", true))),
           DT_i64, DIMS(1, 3), V(1, 1, 1));
    Tensor i = make(DT_u8, DIMS(3), V(7, 255, 255));
    expect(unary(OP_argmax, i), DT_i64, SCALAR, V(1));
}

Test(interp, cumsum) {
    Tensor x = counting(DT_f32, DIMS(2, 3)), i = make(DT_i8, DIMS(3), V(100, 100, -1));
    expect(run_op(OP_cumsum, TENSORS(x), ATTRS(attr_int("axis", 1))), DT_f32, DIMS(2, 3),
           V(0, 1, 3, 3, 7, 12));
    expect(run_op(OP_cumsum, TENSORS(x), ATTRS(attr_int("axis", 0), attr_bool("exclusive", true))),
           DT_f32, DIMS(2, 3), V(0, 0, 0, 0, 1, 2));
    expect(run_op(OP_cumsum, TENSORS(x), ATTRS(attr_int("axis", -1), attr_bool("reverse", true))),
           DT_f32, DIMS(2, 3), V(3, 3, 2, 12, 9, 5));
    expect(run_op(OP_cumsum, TENSORS(i), ATTRS(attr_int("axis", 0))), DT_i8, DIMS(3),
           V(100, -56, -57));
}

Test(interp, clip) {
    Tensor x = make(DT_f32, DIMS(4), V(-3, NAN, 0.5, INFINITY)), i = counting(DT_i8, DIMS(4));
    Attr low = attr_float("low", 1), high = attr_float("high", 2);
    expect(run_op(OP_clip, TENSORS(x), ATTRS(low, high)), DT_f32, DIMS(4), V(1, NAN, 1, 2));
    expect(run_op(OP_clip, TENSORS(x), ATTRS(low)), DT_f32, DIMS(4), V(1, NAN, 1, INFINITY));
    expect(run_op(OP_clip, TENSORS(i), ATTRS(high)), DT_i8, DIMS(4), V(0, 1, 2, 2));
}

/* Two elements of x, each of which adds its multiple of the kernel, 1 2 3, to the result. */
Test(interp, conv_transpose2d) {
    Tensor x = make(DT_f32, DIMS(1, 1, 1, 2), V(1, 10));
    Tensor w = make(DT_f32, DIMS(1, 1, 1, 3), V(1, 2, 3)), b = make(DT_f32, DIMS(1), V(100));
    expect(run_op(OP_conv_transpose2d, TENSORS(x, w), ATTRS(INTS("stride", 1, 2))), DT_f32,
           DIMS(1, 1, 1, 5), V(1, 2, 13, 20, 30));
    expect(run_op(OP_conv_transpose2d, TENSORS(x, w, b),
                  ATTRS(INTS("stride", 1, 2), INTS("pad", 0, 1, 0, 2), INTS("dilation", 1, 2),
                        INTS("output_pad", 0, 1))),
           DT_f32, DIMS(1, 1, 1, 5), V(100, 112, 100, 123, 100));
    Tensor pair = make(DT_f32, DIMS(1, 2, 1, 1), V(1, 10));
    Tensor each = make(DT_f32, DIMS(2, 2, 1, 1), V(1, 2, 3, 4));
    expect(run_op(OP_conv_transpose2d, TENSORS(pair, each), ATTRS(attr_int("groups", 2))), DT_f32,
           DIMS(1, 4, 1, 1), V(1, 2, 30, 40));
}

Test(interp, softmax) {
    Tensor x = make(DT_f64, DIMS(2, 2), V(1000, 1000, 0, log(3)));
    expect_near(unary(OP_softmax, x), DT_f64, DIMS(2, 2), V(0.5, 0.5, 0.25, 0.75), 1e-15);
    Tensor y = make(DT_f64, DIMS(2, 3), V(0, NAN, -INFINITY, log(3), 0, -INFINITY));
    expect_near(run_op(OP_softmax, TENSORS(y), ATTRS(attr_int("axis", 0))), DT_f64, DIMS(2, 3),
                V(0.25, NAN, NAN, 0.75, NAN, NAN), 1e-15);
}

/* ---- contractions
 * ----------------------------------------------------------------------------------- */

Test(interp, matmul) {
    Tensor a = make(DT_f32, DIMS(2, 3), V(1, 2, 3, 4, 5, 6)),
           b = make(DT_f32, DIMS(3, 2), V(1, 2, 3, 4, 5, 6));
    expect(binary(OP_matmul, a, b), DT_f32, DIMS(2, 2), V(22, 28, 49, 64));
    Tensor stack = make(DT_f32, DIMS(2, 1, 1, 2), V(1, 2, 3, 4)),
           columns = make(DT_f32, DIMS(2, 2, 1), V(1, 1, 1, -1));
    expect(binary(OP_matmul, stack, columns), DT_f32, DIMS(2, 2, 1, 1), V(3, -1, 7, -1));
    Tensor none = make(DT_f32, DIMS(2, 0), V(0)), nil = make(DT_f32, DIMS(0, 2), V(0));
    expect(binary(OP_matmul, none, nil), DT_f32, DIMS(2, 2), V(0, 0, 0, 0));
}

Test(interp, matmul_of_many_columns) {
    int64_t wide[] = {3, 600}, tall[] = {2, 3};
    Tensor a = counting(DT_f32, 2, tall), b = counting(DT_f32, 2, wide),
           y = binary(OP_matmul, a, b);
    for (int64_t i = 0; i < 2; i++)
        for (int64_t j = 0; j < 600; j++) {
            double want = 0;
            for (int64_t k = 0; k < 3; k++) want += (double)((i * 3 + k) * (k * 600 + j));
            cr_assert_eq(tensor_get(&y, i * 600 + j), want);
        }
}

Test(interp, integer_products_are_exact) {
    Tensor a = make(DT_u8, DIMS(1, 2), V(255, 255)), b = make(DT_i8, DIMS(2, 1), V(-128, -128));
    expect(binary(OP_matmul, a, b), DT_i32, DIMS(1, 1), V(-65280));
}

Test(interp, dense) {
    Tensor x = make(DT_f32, DIMS(2, 2), V(1, 2, 3, 4)),
           w = make(DT_f32, DIMS(3, 2), V(1, 0, 0, 1, 1, 1));
    Tensor bias = make(DT_f32, DIMS(3), V(10, 20, 30));
    expect(run_op(OP_dense, TENSORS(x, w, bias), NO_ATTRS), DT_f32, DIMS(2, 3),
           V(11, 22, 33, 13, 24, 37));
    Tensor io = make(DT_f32, DIMS(2, 3), V(1, 0, 1, 0, 1, 1));
    expect(run_op(OP_dense, TENSORS(x, io), ATTRS(attr_string("weight_order", "io"))), DT_f32,
           DIMS(2, 3), V(1, 2, 3, 3, 4, 7));
    expect(run_op(OP_dense, TENSORS(x, io, bias), ATTRS(attr_string("weight_order", "io"))), DT_f32,
           DIMS(2, 3), V(11, 22, 33, 13, 24, 37));
}

Test(interp, conv2d) {
    Tensor x = make(DT_f32, DIMS(1, 1, 3, 3), V(1, 2, 3, 4, 5, 6, 7, 8, 9));
    Tensor w = make(DT_f32, DIMS(1, 1, 2, 2), V(1, 10, 100, 1000)),
           bias = make(DT_f32, DIMS(1), V(0.5));
    expect(run_op(OP_conv2d, TENSORS(x, w), NO_ATTRS), DT_f32, DIMS(1, 1, 2, 2),
           V(5421, 6532, 8754, 9865));
    expect(run_op(OP_conv2d, TENSORS(x, w, bias),
                  ATTRS(INTS("stride", 2, 2), INTS("pad", 1, 1, 0, 0))),
           DT_f32, DIMS(1, 1, 2, 2), V(1000.5, 3200.5, 7040.5, 9865.5));
    expect(run_op(OP_conv2d, TENSORS(x, w), ATTRS(INTS("dilation", 2, 2))), DT_f32,
           DIMS(1, 1, 1, 1), V(9731));
}

Test(interp, conv2d_in_groups) {
    Tensor x = make(DT_i8, DIMS(1, 4, 1, 1), V(1, 2, 3, 4));
    Tensor w = make(DT_i8, DIMS(2, 2, 1, 1), V(1, 10, 1, 10)),
           bias = make(DT_i32, DIMS(2), V(100, 1000));
    expect(run_op(OP_conv2d, TENSORS(x, w, bias), ATTRS(attr_int("groups", 2))), DT_i32,
           DIMS(1, 2, 1, 1), V(121, 1043));
}

/* ---- windows and composites
 * ------------------------------------------------------------------------- */

Test(interp, pools) {
    Tensor x = make(DT_f32, DIMS(1, 1, 3, 3), V(-1, -2, -3, -4, -5, -6, -7, -8, NAN));
    expect(run_op(OP_max_pool2d, TENSORS(x), ATTRS(INTS("kernel", 2, 2), INTS("stride", 1, 1))),
           DT_f32, DIMS(1, 1, 2, 2), V(-1, -2, -4, NAN));
    expect(run_op(OP_max_pool2d, TENSORS(x), ATTRS(INTS("kernel", 2, 2), INTS("pad", 1, 1, 0, 0))),
           DT_f32, DIMS(1, 1, 2, 2), V(-1, -2, -4, NAN));
    expect(run_op(OP_avg_pool2d, TENSORS(x), ATTRS(INTS("kernel", 2, 2), INTS("pad", 1, 1, 0, 0))),
           DT_f32, DIMS(1, 1, 2, 2), V(-1, -2.5, -5.5, NAN));
    Tensor i = make(DT_i8, DIMS(1, 1, 2, 2), V(-128, -3, -2, -5));
    expect(run_op(OP_max_pool2d, TENSORS(i), ATTRS(INTS("kernel", 2, 2))), DT_i8, DIMS(1, 1, 1, 1),
           V(-2));
}

Test(interp, global_pools) {
    Tensor x = make(DT_f32, DIMS(1, 2, 2, 2), V(1, 2, 3, 4, -1, NAN, 0, 0));
    expect(unary(OP_global_avg_pool, x), DT_f32, DIMS(1, 2, 1, 1), V(2.5, NAN));
    expect(unary(OP_global_max_pool, x), DT_f32, DIMS(1, 2, 1, 1), V(4, NAN));
}

Test(interp, batch_norm) {
    Tensor x = make(DT_f32, DIMS(1, 2, 2), V(1, 3, 10, 20)), w = make(DT_f32, DIMS(2), V(2, 1));
    Tensor b = make(DT_f32, DIMS(2), V(0.5, 0)), mean = make(DT_f32, DIMS(2), V(1, 10)),
           var = make(DT_f32, DIMS(2), V(3, 24));
    expect(run_op(OP_batch_norm, TENSORS(x, w, b, mean, var), ATTRS(attr_float("eps", 1))), DT_f32,
           DIMS(1, 2, 2), V(0.5, 2.5, 0, 2));
}
