/* Type rules: what each operator yields, and what it says where operands do not fit. */
#include <stdio.h>

#include "graph_fixture.h"

/* Operand types separated by ';', then attributes; expected: the results' types, or the fault's
 * text. */
static const char *infer(Fixture *f, const char *op_name, const char *operands, int nattrs,
                         const Attr *attrs) {
    OpKind op;
    TypeQuery fault;
    Value *values[MAX_OPERANDS + 1];
    int count = 0;
    cr_assert(op_from_name(op_name, &op), "%s", op_name);
    while (*operands) {
        char type[128] = {0}, name[16];
        size_t length = strcspn(operands, ";");
        memcpy(type, operands, length);
        snprintf(name, sizeof name, "i%d", f->module->graph->ninputs);
        values[count++] = fixture_input(f, name, type);
        operands += length + (operands[length] == ';');
        operands += strspn(operands, " ");
    }
    Node *node = build_node(&f->b, op, count, values, nattrs, attrs, &fault);
    if (!node) return fault.error;
    StrBuf text = {0};
    for (int i = 0; i < node->nresults; i++) {
        str_printf(&text, "%s%s", i ? "; " : "", fixture_text(f, node->results[i]));
    }
    const char *copy = arena_strdup(f->arena, str_text(&text));
    str_free(&text);
    return copy;
}

static void check(const char *op, const char *operands, int nattrs, const Attr *attrs,
                  const char *expected) {
    Fixture f = fixture_create();
    const char *found = infer(&f, op, operands, nattrs, attrs);
    cr_expect(!strcmp(found, expected), "%s(%s):\n  found    %s\n  expected %s", op, operands,
              found, expected);
    arena_destroy(f.arena);
}

#define CHECK(op, operands, expected) check(op, operands, 0, NULL, expected)
#define CHECK_WITH(op, operands, expected, ...)                                                    \
    check(op, operands, (int)(sizeof((Attr[]){__VA_ARGS__}) / sizeof(Attr)),                       \
          (Attr[]){__VA_ARGS__}, expected)
#define INTS(name, ...)                                                                            \
    attr_ints(name, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                     \
              (int64_t[]){__VA_ARGS__})

/* The sizes are those of `sizes`. */
static void check_range(const char *sizes, DType dtype, const char *expected) {
    Fixture f = fixture_create();
    TensorType list = fixture_type(&f, sizes);
    Attr attrs[] = {attr_dim("start", &list.dims[0]), attr_dim("stop", &list.dims[1]),
                    attr_dtype("dtype", dtype)};
    const char *found = infer(&f, "range", "", 3, attrs);
    cr_expect(!strcmp(found, expected), "range %s:\n  found    %s\n  expected %s", sizes, found,
              expected);
    arena_destroy(f.arena);
}

/* A list of dimensions needs the context in which they live, so these checks take text. */
static void check_dims(const char *op, const char *operands, const char *attr, const char *dims,
                       const char *expected) {
    Fixture f = fixture_create();
    TensorType list = fixture_type(&f, dims);
    Attr attrs[] = {attr_dims(attr, list.rank, list.dims)};
    const char *found = infer(&f, op, operands, 1, attrs);
    cr_expect(!strcmp(found, expected), "%s(%s) %s:\n  found    %s\n  expected %s", op, operands,
              dims, found, expected);
    arena_destroy(f.arena);
}

Test(type_rules, pointwise) {
    CHECK("relu", "f32[N, 4]", "f32[N, 4]");
    CHECK("relu", "bool[4]", "'relu' expects numbers, found bool[4] (use cast)");
    CHECK("neg", "u8[4]", "'neg' expects signed numbers, found u8[4] (use cast)");
    CHECK("exp", "i32[4]", "'exp' expects floating-point elements, found i32[4] (use cast)");
    CHECK("not", "f32[4]", "'not' expects bool elements, found f32[4]");
    CHECK("add", "f32[N, 1, 3]; f32[4, 1]", "f32[N, 4, 3]");
    CHECK("add", "f32[0, 3]; f32[1, 3]", "f32[0, 3]");
    CHECK("add", "f32[N, 64]; f32[N, 32]",
          "'add' cannot broadcast f32[N, 64] with f32[N, 32]: 64 and 32 differ in the last "
          "dimension");
    CHECK("mul", "f32[N, 64]; f32[M, 64]",
          "'mul' cannot broadcast f32[N, 64] with f32[M, 64]: N and M differ in dimension 0");
    CHECK("add", "f32[4]; i32[4]",
          "'add' needs operands of one element type, found f32[4] and i32[4] (nothing is converted "
          "implicitly; use cast)");
    CHECK("add", "f32[4]", "'add' takes 2 operands, found 1");
    CHECK("lt", "i64[N]; i64[1]", "bool[N]");
    CHECK("and", "bool[N]; bool[1]", "bool[N]");
    CHECK("where", "bool[N, 1]; f16[4]; f16[]", "f16[N, 4]");
    CHECK("pow", "i32[4]; i32[4]",
          "'pow' expects floating-point elements, found i32[4] (use cast)");
    CHECK_WITH("cast", "f32[N]", "bool[N]", attr_dtype("to", DT_bool));
    CHECK("cast", "f32[N]", "'cast' needs the attribute 'to'");
    CHECK_WITH("relu", "f32[N]", "'relu' has no attribute 'axis'", attr_int("axis", 1));
    CHECK_WITH("softmax", "f32[N]", "'softmax' has no attribute 'axes' (did you mean 'axis'?)",
               attr_int("axes", 1));
    CHECK_WITH("softmax", "f32[N]", "'softmax': attribute 'axis' is of kind integer, found float",
               attr_float("axis", 1));
    CHECK_WITH("softmax", "f32[N]", "'softmax': attribute 'axis' is given twice",
               attr_int("axis", 0), attr_int("axis", 0));
}

Test(type_rules, range) {
    check_range("i32[0, N]", DT_i64, "i64[N]");
    check_range("i32[N, N + 5]", DT_f32, "f32[5]");
    check_range("i32[-3, 4]", DT_i8, "i8[7]");
    check_range("i32[4, 1]", DT_i64, "i64[0]");
    check_range("i32[1, N]", DT_i64, "i64[max(N, 1) - 1]");
    check_range("i32[0, N]", DT_bool, "'range' yields numbers, not bool");
}

Test(type_rules, quantization) {
    CHECK_WITH("quantize", "f32[N]", "i8[N]", attr_float("delta", 0.5), attr_dtype("to", DT_i8));
    CHECK_WITH("quantize", "f32[N]", "'quantize' yields i8, i16 or i32, not u8",
               attr_float("delta", 0.5), attr_dtype("to", DT_u8));
    CHECK_WITH("quantize", "f32[N]", "'quantize' needs a finite step greater than 0, found 0",
               attr_float("delta", 0), attr_dtype("to", DT_i8));
    CHECK_WITH("dequantize", "i16[N]", "f16[N]", attr_float("delta", 2), attr_dtype("to", DT_f16));
    CHECK_WITH("dequantize", "f32[N]", "'dequantize' expects integers, found f32[N]",
               attr_float("delta", 2), attr_dtype("to", DT_f16));
}

Test(type_rules, reshape) {
    check_dims("reshape", "f32[N, 8, 8]", "shape", "i32[N, 64]", "f32[N, 64]");
    check_dims("reshape", "f32[N, 8, 8]", "shape", "i32[N, -1]", "f32[N, 64]");
    check_dims("reshape", "f32[N, T, 8]", "shape", "i32[-1, 4]", "f32[2*N*T, 4]");
    check_dims("reshape", "f32[0, 8]", "shape", "i32[-1, 8]", "f32[0, 8]");
    check_dims("reshape", "f32[N, 64]", "shape", "i32[N, 63]",
               "'reshape' cannot turn f32[N, 64] into [N, 63]: 64*N elements are not 63*N");
    check_dims("reshape", "f32[N, 64]", "shape", "i32[N, 5, -1]",
               "'reshape' cannot turn f32[N, 64] into [N, 5, -1]: 64*N elements are not a multiple "
               "of 5*N");
    check_dims("reshape", "f32[0, 8]", "shape", "i32[0, -1]",
               "'reshape' cannot infer -1 in [0, -1]: the others make 0 elements");
    check_dims("reshape", "f32[8]", "shape", "i32[-1, -1]",
               "'reshape' can infer one dimension, and [-1, -1] has two -1");
    check_dims("reshape", "f32[8]", "shape", "i32[-2, -4]",
               "'reshape': dimension 0 of [-2, -4] is negative");
    check_dims("broadcast_to", "f32[4, 1]", "shape", "i32[N, 4, 5]", "f32[N, 4, 5]");
    check_dims("broadcast_to", "f32[4, 2]", "shape", "i32[N, 4, 5]",
               "'broadcast_to' cannot broadcast f32[4, 2] to [N, 4, 5]");
    CHECK("flatten", "f32[N, 3, 4]", "f32[N, 12]");
    CHECK_WITH("flatten", "f32[N, 3, 4]", "f32[3*N, 4]", attr_int("axis", -1));
    CHECK_WITH("flatten", "f32[N, 3, 4]", "f32[12*N, 1]", attr_int("axis", 3));
    CHECK_WITH("flatten", "f32[N]", "'flatten': axis 2 does not exist in f32[N]",
               attr_int("axis", 2));
    CHECK("transpose", "f32[2, 3, 4]", "f32[4, 3, 2]");
    CHECK_WITH("transpose", "f32[2, 3, 4]", "f32[2, 4, 3]", INTS("perm", 0, -1, 1));
    CHECK_WITH("transpose", "f32[2, 3]", "'transpose' names axis 1 twice", INTS("perm", 1, 1));
    CHECK_WITH("transpose", "f32[2, 3]", "'transpose' needs 2 axes for f32[2, 3], found 1",
               INTS("perm", 0));
}

Test(type_rules, concat_split_pad) {
    CHECK_WITH("concat", "f32[N, 3]; f32[M, 3]; f32[2, 3]", "f32[M + N + 2, 3]",
               attr_int("axis", 0));
    CHECK_WITH("concat", "f32[N, 3]; f32[N, 5]", "f32[N, 8]", attr_int("axis", -1));
    CHECK("concat", "f32[2, 3]; f32[2, 5]",
          "'concat' along axis 0 cannot join f32[2, 3] with f32[2, 5]: 3 and 5 differ in dimension "
          "1");
    CHECK("concat", "", "'concat' needs at least one tensor");
    CHECK("concat", "f32[]; f32[]", "'concat' needs an axis, and f32[] has none");
    CHECK_WITH("split", "f32[N, 6]", "f32[N, 2]; f32[N, 2]; f32[N, 2]", attr_int("parts", 3),
               attr_int("axis", 1));
    CHECK_WITH("split", "f32[N, 6]",
               "'split' cannot cut dimension 1 of f32[N, 6] into 4 equal parts",
               attr_int("parts", 4), attr_int("axis", 1));
    CHECK_WITH("split", "f32[N, 6]", "'split' makes 1 to 64 parts, not 0", attr_int("parts", 0));
    CHECK_WITH("pad", "f32[N, 6]", "f32[N + 1, 8]", INTS("pads", 0, 2, 1, 0));
    CHECK_WITH("pad", "f32[N, 6]", "'pad' needs 4 numbers for f32[N, 6], found 2",
               INTS("pads", 1, 1));
    CHECK_WITH("pad", "f32[N, 6]", "f32[N - 3, 6]", INTS("pads", -1, 1, -2, -1));
    CHECK_WITH("pad", "f32[6]", "'pad': dimension 0 of f32[-1] is negative", INTS("pads", -4, -3));
    CHECK_WITH("pad", "f32[6]", "'pad' needs numbers above -2147483648, found -9223372036854775808",
               INTS("pads", INT64_MIN, INT64_MAX));
    CHECK_WITH("pad", "i8[6]", "'pad': the value cannot be represented in i8", INTS("pads", 1, 1),
               attr_float("value", 200));
    CHECK_WITH("pad", "f32[6]", "'pad': the size of the result's dimension 0 overflows",
               INTS("pads", INT64_MAX, 1));
}

#define SLICE(x, expected, start, end, step)                                                       \
    CHECK_WITH("slice", x, expected, INTS("starts", start), INTS("ends", end), INTS("steps", step))

Test(type_rules, slice) {
    SLICE("f32[10]", "f32[3]", 2, 5, 1);
    SLICE("f32[10]", "f32[4]", 0, INT64_MAX, 3);
    SLICE("f32[10]", "f32[2]", -2, 100, 1);
    SLICE("f32[10]", "f32[10]", -1, INT64_MIN, -1);
    SLICE("f32[10]", "f32[5]", 9, 0, -2);
    SLICE("f32[10]", "f32[0]", 5, 2, 1);
    SLICE("f32[10]", "f32[1]", 3, INT64_MAX, INT64_MAX);
    SLICE("f32[10]", "f32[1]", 3, INT64_MIN, INT64_MIN);
    SLICE("f32[0]", "f32[0]", 0, 10, 1);
    SLICE("f32[N]", "f32[N]", 0, INT64_MAX, 1);
    SLICE("f32[N]", "f32[min(N, 4)]", 0, 4, 1);
    SLICE("f32[N + 4]", "f32[4]", 0, 4, 1);
    SLICE("f32[N]", "f32[min(N, 1)]", -1, INT64_MAX, 1);
    SLICE("f32[N + 1]", "f32[N]", 0, -1, 1);
    SLICE("f32[N]", "f32[N]", -1, INT64_MIN, -1);
    SLICE("f32[2*N]", "f32[N]", 0, INT64_MAX, 2);
    SLICE("f32[N]", "f32[0]", 5, 2, 1);
    SLICE("f32[N]",
          "'slice' of dimension 0 of f32[N] from -3 to 4 with step 1 depends on a symbol's value; "
          "give "
          "it with -bind",
          -3, 4, 1);
    SLICE("f32[N]", "'slice' needs steps other than 0", 0, 1, 0);
    CHECK_WITH("slice", "f32[5, 6]", "f32[5, 2]", INTS("starts", 1), INTS("ends", 3),
               INTS("axes", -1));
    CHECK_WITH("slice", "f32[5, 6]", "'slice' has 1 starts but 2 ends", INTS("starts", 1),
               INTS("ends", 3, 4));
    CHECK_WITH("slice", "f32[5]", "'slice' cuts 2 axes, and f32[5] has 1", INTS("starts", 1, 1),
               INTS("ends", 3, 4));
    CHECK_WITH("slice", "f32[5, 6]", "'slice' names axis 1 twice", INTS("starts", 1, 1),
               INTS("ends", 3, 4), INTS("axes", 1, -1));
}

/* What slice_axis says for a symbol holds for every value of it. */
Test(type_rules, symbolic_slices_agree_with_static_ones) {
    Fixture f = fixture_create();
    DimContext *ctx = f.module->dims;
    Dim n = dim_symbol(ctx, "N");
    static const int64_t ends[] = {INT64_MIN, -9, -4, -1, 0, 1, 3, 7, INT64_MAX};
    for (size_t s = 0; s < COUNT_OF(ends); s++) {
        for (size_t e = 0; e < COUNT_OF(ends); e++) {
            for (int64_t step = -2; step <= 3; step++) {
                Dim first, count, first_of, count_of;
                if (!step || !slice_axis(ctx, n, ends[s], ends[e], step, &first, &count)) continue;
                for (int64_t size = 0; size < 12; size++) {
                    int64_t value, start, expected, expected_start;
                    cr_assert(slice_axis(ctx, dim_int(ctx, size), ends[s], ends[e], step, &first_of,
                                         &count_of));
                    cr_assert(dim_eval(count, &size, &value) && dim_eval(first, &size, &start));
                    cr_assert(dim_is_int(count_of, &expected));
                    cr_assert(dim_is_int(first_of, &expected_start));
                    cr_assert_eq(value, expected, "[%ld:%ld:%ld] of %ld: %ld, not %ld",
                                 (long)ends[s], (long)ends[e], (long)step, (long)size, (long)value,
                                 (long)expected);
                    if (value > 0) cr_assert_eq(start, expected_start);
                }
            }
        }
    }
    arena_destroy(f.arena);
}

Test(type_rules, gather_and_resize) {
    CHECK("gather", "f32[1000, 64]; i32[N, T]", "f32[N, T, 64]");
    CHECK_WITH("gather", "f32[N, 5, 64]; i64[]", "f32[N, 64]", attr_int("axis", 1));
    CHECK("gather", "f32[5]; f32[2]", "'gather' expects i32 or i64 indices, found f32[2]");
    CHECK("gather", "f32[0]; i32[2]",
          "'gather' cannot pick from dimension 0 of f32[0]: it is empty");
    CHECK("gather", "f32[1, 1, 1, 1, 1]; i32[1, 1, 1, 1, 1]",
          "'gather' of f32[1, 1, 1, 1, 1] by i32[1, 1, 1, 1, 1] would yield rank 9, and the limit "
          "is 8");
    check_dims("resize", "f32[N, 3, 8, 8]", "size", "i32[28, 2*H]", "f32[N, 3, 28, 2*H]");
    check_dims("resize", "f32[N, 3, 8, 8]", "size", "i32[28]",
               "'resize' needs a size of 2 dimensions, found 1");
    check_dims("resize", "f32[8]", "size", "i32[4, 4]",
               "'resize' expects a rank-2 or higher 'x', found f32[8]");
    check_dims("resize", "f32[8, 8]", "size", "i32[0, 4]",
               "'resize' needs sizes greater than 0, found [0, 4]");
}

Test(type_rules, reductions) {
    CHECK("reduce_sum", "f32[N, 3]", "f32[]");
    CHECK_WITH("reduce_max", "i8[N, 3, 4]", "i8[N, 4]", INTS("axes", 1));
    CHECK_WITH("reduce_mean", "f32[N, 3, 4]", "f32[N, 1, 1]", INTS("axes", -1, 1),
               attr_bool("keepdims", true));
    CHECK("reduce_mean", "i32[4]",
          "'reduce_mean' expects floating-point elements, found i32[4] (use cast)");
    CHECK_WITH("reduce_sum", "f32[N, 3]", "'reduce_sum' names axis 1 twice", INTS("axes", 1, -1));
    CHECK_WITH("reduce_sum", "f32[N, 3]",
               "'reduce_sum': axis 2 does not exist in f32[N, 3]; axes go from -2 to 1",
               INTS("axes", 2));
    CHECK_WITH("argmax", "f32[N, 3]", "i64[N]", attr_int("axis", 1));
    CHECK_WITH("cumsum", "i8[N, 3]", "i8[N, 3]", attr_int("axis", -2));
    CHECK_WITH("cumsum", "f32[N, 3]",
               "'cumsum': axis 2 does not exist in f32[N, 3]; axes go from -2 to 1",
               attr_int("axis", 2));
    CHECK_WITH("cumsum", "bool[3]", "'cumsum' expects numbers, found bool[3] (use cast)",
               attr_int("axis", 0));
    CHECK_WITH("softmax", "f32[N, 3]", "f32[N, 3]", attr_int("axis", 0));
    CHECK("softmax", "f32[]", "'softmax' needs an axis, and f32[] has none");
    CHECK("global_avg_pool", "f32[N, 3, H, W]", "f32[N, 3, 1, 1]");
    CHECK("batch_norm", "f32[N, 3, H, W]; f32[3]; f32[3]; f32[3]; f32[3]", "f32[N, 3, H, W]");
    CHECK("batch_norm", "f32[N, 3, H, W]; f32[3]; f32[4]; f32[3]; f32[3]",
          "'batch_norm' expects 'bias' with one element per channel, f32[3], found f32[4]");
}

Test(type_rules, products) {
    CHECK("matmul", "f32[N, 1, T, 8]; f32[4, 8, S]", "f32[N, 4, T, S]");
    CHECK("matmul", "f32[N, 8]; f32[7, 4]",
          "'matmul' cannot multiply f32[N, 8] by f32[7, 4]: inner dimensions 8 and 7 differ");
    CHECK("matmul", "f32[8]; f32[8, 4]", "'matmul' expects a rank-2 or higher 'a', found f32[8]");
    CHECK("matmul", "f32[2, 4, 8]; f32[3, 8, 4]",
          "'matmul' cannot broadcast the batch axes of f32[2, 4, 8] and f32[3, 8, 4]");
    CHECK("matmul", "u8[4, 8]; i8[8, 4]", "i32[4, 4]");
    CHECK("dense", "f32[N, T, 8]; f32[10, 8]; f32[10]", "f32[N, T, 10]");
    CHECK_WITH("dense", "f32[8]; f32[8, 10]", "f32[10]", attr_string("weight_order", "io"));
    CHECK("dense", "f32[N, 8]; f32[10, 7]",
          "'dense' cannot multiply f32[N, 8] by a weight f32[10, 7] ([out, in]): 8 and 7 features "
          "differ");
    CHECK("dense", "f32[N, 8]; f32[10, 8]; f32[8]",
          "'dense' expects 'bias' with one element per unit, f32[10], found f32[8]");
    CHECK("dense", "i8[N, 8]; i8[10, 8]; i32[10]", "i32[N, 10]");
    CHECK("dense", "i8[N, 8]; i8[10, 8]; i8[10]",
          "'dense' expects a bias of i32 elements, found i8[10]");
}

Test(type_rules, convolution) {
    CHECK("conv2d", "f32[N, 1, 28, 28]; f32[10, 1, 5, 5]; f32[10]", "f32[N, 10, 24, 24]");
    CHECK_WITH("conv2d", "f32[N, 3, 224, 224]; f32[64, 3, 7, 7]", "f32[N, 64, 112, 112]",
               INTS("stride", 2, 2), INTS("pad", 3, 3, 3, 3));
    CHECK_WITH("conv2d", "f32[N, 8, H, W]; f32[8, 1, 3, 3]", "f32[N, 8, floordiv(H + 1, 2), W]",
               INTS("stride", 2, 1), INTS("pad", 1, 1, 1, 1), attr_int("groups", 8));
    CHECK_WITH("conv2d", "f32[N, 1, 9, 9]; f32[1, 1, 3, 3]", "f32[N, 1, 5, 1]",
               INTS("dilation", 2, 4));
    CHECK("conv2d", "f32[0, 1, 5, 5]; f32[1, 1, 5, 5]", "f32[0, 1, 1, 1]");
    CHECK("conv2d", "f32[N, 1, 4, 5]; f32[1, 1, 5, 5]",
          "'conv2d': a kernel of 5 by 5 does not fit f32[N, 1, 4, 5] padded by [0, 0, 0, 0]");
    CHECK_WITH("conv2d", "f32[N, 1, 0, 5]; f32[1, 1, 1, 1]",
               "'conv2d' needs an image, found f32[N, 1, 0, 5], which has no pixels",
               INTS("pad", 1, 1, 1, 1));
    CHECK("conv2d", "f32[N, 8]; f32[1, 1, 3, 3]", "'conv2d' expects a rank-4 'x', found f32[N, 8]");
    CHECK("conv2d", "f32[N, 4, 9, 9]; f32[8, 3, 3, 3]",
          "'conv2d' cannot apply a weight f32[8, 3, 3, 3] in 1 group to f32[N, 4, 9, 9]: it "
          "expects 3 "
          "channels and there are 4");
    CHECK_WITH("conv2d", "f32[N, 6, 9, 9]; f32[8, 2, 3, 3]",
               "'conv2d' cannot divide the 8 filters of f32[8, 2, 3, 3] into 3 groups",
               attr_int("groups", 3));
    CHECK_WITH("conv2d", "f32[N, 1, 9, 9]; f32[1, 1, 3, 3]",
               "'conv2d' needs 'stride' >= 1, found 0", INTS("stride", 0, 1));
    CHECK_WITH("conv2d", "f32[N, 1, 9, 9]; f32[1, 1, 3, 3]", "'conv2d' needs 'pad' >= 0, found -1",
               INTS("pad", 0, 0, 0, -1));
    CHECK_WITH("conv2d", "f32[N, 1, 9, 9]; f32[1, 1, 3, 3]",
               "'conv2d': the result's size overflows", INTS("pad", INT64_MAX, 0, INT64_MAX, 0));
}

Test(type_rules, transposed_convolution) {
    CHECK_WITH("conv_transpose2d", "f32[N, 6, H, 5]; f32[6, 2, 2, 2]", "f32[N, 2, 2*H, 10]",
               INTS("stride", 2, 2));
    CHECK_WITH("conv_transpose2d", "f32[N, 6, H, 5]; f32[6, 2, 3, 3]; f32[4]",
               "f32[N, 4, 2*H - 1, 11]", INTS("stride", 2, 2), INTS("pad", 1, 0, 1, 1),
               INTS("output_pad", 0, 1), attr_int("groups", 2));
    CHECK_WITH("conv_transpose2d", "i8[1, 1, 4, 4]; i8[1, 1, 3, 3]", "i32[1, 1, 10, 8]",
               INTS("dilation", 3, 2));
    CHECK_WITH("conv_transpose2d", "f32[1, 1, 0, 4]; f32[1, 1, 3, 3]",
               "'conv_transpose2d' needs an image, found f32[1, 1, 0, 4], which has no pixels",
               INTS("pad", 0, 0, 0, 0));
    CHECK_WITH("conv_transpose2d", "f32[1, 1, H, 4]; f32[1, 1, 3, 3]",
               "'conv_transpose2d': the result's size overflows", INTS("dilation", INT64_MAX, 1));
    CHECK_WITH("conv_transpose2d", "f32[1, 2, 4, 4]; f32[2, 4611686018427387904, 3, 3]",
               "'conv_transpose2d': the result's size overflows", attr_int("groups", 2));
}

Test(type_rules, pooling) {
    CHECK_WITH("max_pool2d", "u8[N, 4, 9, 9]", "u8[N, 4, 4, 4]", INTS("kernel", 2, 2));
    CHECK_WITH("max_pool2d", "f32[N, 64, 112, 112]", "f32[N, 64, 56, 56]", INTS("kernel", 3, 3),
               INTS("stride", 2, 2), INTS("pad", 1, 1, 1, 1));
    CHECK_WITH(
        "max_pool2d", "f32[N, 4, 9, 9]",
        "'max_pool2d' needs padding smaller than the kernel, found 2 with a kernel of [2, 2]",
        INTS("kernel", 2, 2), INTS("pad", 0, 0, 2, 0));
    CHECK_WITH("max_pool2d", "f32[N, 4, 9, 9]", "'max_pool2d' needs 'kernel' >= 1, found 0",
               INTS("kernel", 0, 2));
    CHECK_WITH("max_pool2d", "f32[N, 4, 9, 9]",
               "'max_pool2d' needs 2 numbers for 'kernel', found 1", INTS("kernel", 2));
    CHECK_WITH("avg_pool2d", "i8[N, 4, 9, 9]",
               "'avg_pool2d' expects floating-point elements, found i8[N, 4, 9, 9] (use cast)",
               INTS("kernel", 2, 2));
}

Test(type_rules, sizes_overflow) {
    CHECK("add", "f32[2147483648, 1]; f32[1, 2147483648]",
          "'add': the size of f32[2147483648, 2147483648] overflows");
    CHECK("add", "f64[1073741824, 1]; f64[1, 1073741824]",
          "'add': the size of f64[1073741824, 1073741824] overflows");
    check_dims("reshape", "f32[1]", "shape", "i32[4294967296, 4294967296]",
               "'reshape': the number of elements overflows");
}

Test(type_rules, layouts_stay_with_the_axes) {
    Fixture f = fixture_create();
    Layout blocked = layout_blocked(4, 1, 16);
    LayoutRef layout = module_layout(f.module, &blocked);
    cr_assert(layout && layout == module_layout(f.module, &blocked));
    Value *x = fixture_input(&f, "x", "f32[N, 64, 8, 8]");
    Value *w = fixture_input(&f, "w", "f32[32, 64, 1, 1]");
    Value *c = fixture_input(&f, "c", "f32[1, 64, 1, 1]");
    Value *packed = build1(&f.b, OP_relayout, x, attr_layout("layout", layout));
    cr_expect_str_eq(fixture_text(&f, packed), "f32[N, 64, 8, 8]{NCHW16c}");
    cr_expect_str_eq(fixture_text(&f, build2(&f.b, OP_conv2d, packed, w)),
                     "f32[N, 32, 8, 8]{NCHW16c}");
    cr_expect_str_eq(fixture_text(&f, build2(&f.b, OP_add, c, packed)),
                     "f32[N, 64, 8, 8]{NCHW16c}");
    cr_expect_str_eq(fixture_text(&f, build1(&f.b, OP_flatten, packed)), "f32[N, 4096]");
    Value *plain = build1(&f.b, OP_relayout, packed, attr_layout("layout", NULL));
    cr_expect_str_eq(fixture_text(&f, plain), "f32[N, 64, 8, 8]");
    arena_destroy(f.arena);
}

Test(op_table, answers_from_its_rows) {
    char buffer[32];
    cr_expect_eq(op_min_operands(OP_conv2d), 2);
    cr_expect_eq(op_max_operands(OP_conv2d), 3);
    cr_expect_eq(op_max_operands(OP_concat), MAX_OPERANDS);
    cr_expect_eq(op_max_operands(OP_param), 0);
    cr_expect_str_eq(op_operand_name(OP_conv2d, 2, buffer), "bias");
    cr_expect_str_eq(op_operand_name(OP_concat, 9, buffer), "xs");
    cr_expect_eq(op_attr_count(OP_conv2d), 5);
    cr_expect_eq(op_attr_index(OP_conv2d, "groups"), 3);
    cr_expect_eq(op_attr_index(OP_conv2d, "group"), -1);
    OpKind op;
    cr_expect(!op_from_name("conv3d", &op));
    for (int i = 0; i < OP_COUNT; i++) {
        cr_expect(op_from_name(op_info((OpKind)i)->name, &op) && op == (OpKind)i);
    }
    StrBuf text = {0};
    op_table_markdown(&text);
    cr_expect(strstr(str_text(&text), "## Contraction\n"));
    cr_expect(
        strstr(str_text(&text), "| `conv2d` | x weight bias? | `stride = [1, 1]` (integers)"));
    cr_expect(strstr(str_text(&text), "\\|x\\|"));
    str_free(&text);
}
