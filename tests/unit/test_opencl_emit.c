/* Kernels as OpenCL C: memory accesses, register tiles, parallel loops and the parts they become; what
 * is written, and that it gives the evaluator's bits. */
#include "cpu_fixture.h"

static CpuFixture start(void) {
    CpuFixture f = cpu_start();
    f.target = &target_opencl;
    return f;
}

static LX zero(CpuFixture *f) {
    return lx_int(&f->b, 0);
}

static LX extent_n(CpuFixture *f) {
    return lx_dim(&f->b, cpu_dim(f, "N"));
}

static const char *source_of(CpuFixture *f) {
    Artifacts artifacts = cpu_emit(f, "opencl");
    cr_assert(artifacts.files.len == 1);
    const OutputFile *file = &artifacts.files.data[0];
    return arena_strndup(f->arena, file->data, file->size);
}

static void expect(CpuFixture *f, const char *text) {
    const char *source = source_of(f);
    cr_expect(strstr(source, text), "no '%s' in:\n%s", text, source);
}

static void expect_not(CpuFixture *f, const char *text) {
    const char *source = source_of(f);
    cr_expect(!strstr(source, text), "'%s' in:\n%s", text, source);
}

static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++) count++;
    return count;
}

/* Bit for bit the evaluator's, where there is a device. */
static void compare(CpuFixture *f, const char *what) {
    static const int64_t sizes[] = {0, 1, 17, 64, 100};
    StrBuf text = {0};
    bool found = target_opencl.probe(&text);
    str_free(&text);
    if (found) {
        cpu_load_network(f);
        for (size_t i = 0; i < COUNT_OF(sizes); i++) cpu_compare(f, &sizes[i], what);
    }
    cpu_end(f);
}

/* ---- vectors ---------------------------------------------------------------------------------- */

/* y = x * 2 + x for 16-lane vectors, the last ones under a mask. */
static CpuFixture masked(DType dtype) {
    CpuFixture f = start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", dtype, "N"), *y = cpu_output1(&f, "y", dtype, "N");
    LX chunks = lx_binary(b, LB_FLOORDIV, lx_addi(b, extent_n(&f), 15), lx_int(b, 16));
    LStmt *loop = lb_for(b, LOOP_PARALLEL, "i", zero(&f), chunks);
    loop->cost = 64;
    LX at = lx_ramp(b, lx_muli(b, lb_loop_var(b, loop), 16), 1, 16);
    LX mask = lx_binary(b, LB_LT, at, extent_n(&f));
    LX value = lx_load_masked(b, x, &at, mask, lx_const_int(b, ltype(dtype, 1), 0));
    if (dtype != DT_bool) value = lx_add(b, value, value);
    lb_store(b, y, &at, value, mask);
    lb_end(b, loop);
    cpu_call(&f);
    return f;
}

Test(opencl_emit, masked_accesses_touch_nothing_outside) {
    static const DType dtypes[] = {DT_f32, DT_f16, DT_bf16, DT_f64, DT_i8, DT_i64, DT_bool};
    for (size_t i = 0; i < COUNT_OF(dtypes); i++) {
        CpuFixture f = masked(dtypes[i]);
        expect(&f, "nn_masked_load_");
        compare(&f, dtype_name(dtypes[i]));
    }
}

Test(opencl_emit, gathers_and_scatters) {
    CpuFixture f = start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", DT_i32, "64"), *y = cpu_output1(&f, "y", DT_i32, "64");
    LStmt *loop = lb_for(b, LOOP_SERIAL, "i", zero(&f), lx_int(b, 64));
    LX i = lb_loop_var(b, loop);
    lb_store(b, y, &i, lx_const_int(b, ltype(DT_i32, 1), 9), NULL);
    lb_end(b, loop);
    LX from = lx_ramp(b, lx_int(b, 45), -3, 16), to = lx_ramp(b, lx_int(b, 1), 4, 16);
    LX mask = lx_binary(b, LB_GT, from, lx_int(b, 20));
    lb_store(b, y, &to, lx_load(b, x, &from), NULL);
    LX next = lx_addi(b, to, 1);
    lb_store(b, y, &next, lx_load(b, x, &to), mask);
    cpu_call(&f);
    expect(&f, "nn_gather_i32x16(x,");
    expect(&f, "nn_masked_scatter_i32x16(y,");
    compare(&f, "gathers");
}

/* ---- parts ------------------------------------------------------------------------------------ */

/* Two parallel loops, the second reading what the first wrote, and a store between them. */
static CpuFixture three_parts(void) {
    CpuFixture f = start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", DT_f32, "N"), *y = cpu_output1(&f, "y", DT_f32, "N");
    LBuffer *total = cpu_output1(&f, "total", DT_f32, "1");
    LX two = lb_let(b, "two", lx_const(b, ltype(DT_f32, 1), 2));
    LStmt *loop = lb_for(b, LOOP_PARALLEL, "i", zero(&f), extent_n(&f));
    loop->cost = 1;
    LX i = lb_loop_var(b, loop);
    lb_store(b, y, &i, lx_mul(b, lx_load(b, x, &i), two), NULL);
    lb_end(b, loop);
    LX first = zero(&f);
    lb_store(b, total, &first, lx_const(b, ltype(DT_f32, 1), 5), NULL);
    loop = lb_for(b, LOOP_PARALLEL, "i", zero(&f), extent_n(&f));
    i = lb_loop_var(b, loop);
    lb_store(b, y, &i, lx_add(b, lx_load(b, y, &i), lx_load(b, total, &first)), NULL);
    lb_end(b, loop);
    cpu_call(&f);
    return f;
}

Test(opencl_emit, parallel_loops_become_launches_in_order) {
    CpuFixture f = three_parts();
    const char *source = source_of(&f);
    cr_expect(count_of(source, "__kernel") == 3, "%s", source);
    expect(&f, "__kernel void kernel_(__global const float");
    expect(&f, "__kernel void kernel_part2(__global float *restrict total) {");
    expect(&f, "__kernel void kernel_part3(");
    expect(&f, "reqd_work_group_size(64, 1, 1)");
    expect(&f, "if (i >= N) return;");
    compare(&f, "parts");
}

Test(opencl_emit, private_memory_at_the_top_keeps_a_kernel_whole) {
    CpuFixture f = start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", DT_i64, "N"), *y = cpu_output1(&f, "y", DT_i64, "N");
    LBuffer *sum = lb_declare(b, "sum", SPACE_PRIVATE, ltype(DT_i64, 1), 1, (int64_t[]){1});
    LX first = zero(&f);
    lb_store(b, sum, &first, lx_int(b, 7), NULL);
    LStmt *loop = lb_for(b, LOOP_SERIAL, "i", zero(&f), extent_n(&f));
    LX i = lb_loop_var(b, loop);
    lb_store(b, sum, &first, lx_add(b, lx_load(b, sum, &first), lx_load(b, x, &i)), NULL);
    lb_store(b, y, &i, lx_load(b, sum, &first), NULL);
    lb_end(b, loop);
    cpu_call(&f);
    cr_expect(count_of(source_of(&f), "__kernel") == 1);
    expect(&f, "long sum;");
    expect(&f, "sum = as_long(as_ulong(sum) + as_ulong(x[i]));");
    compare(&f, "running sum");
}

/* ---- private memory --------------------------------------------------------------------------- */

Test(opencl_emit, register_tiles_become_variables) {
    CpuFixture f = start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", DT_f32, "64"), *y = cpu_output1(&f, "y", DT_f32, "64");
    LBuffer *acc = lb_declare(b, "acc", SPACE_PRIVATE, ltype(DT_f32, 16), 2, (int64_t[]){1, 4});
    LStmt *loop = lb_for(b, LOOP_UNROLL, "t", zero(&f), lx_int(b, 4));
    LX t = lb_loop_var(b, loop), at = lx_ramp(b, lx_muli(b, t, 16), 1, 16);
    lb_store(b, acc, (LX[]){zero(&f), t}, lx_load(b, x, &at), NULL);
    lb_store(b, y, &at, lx_load(b, acc, (LX[]){zero(&f), t}), NULL);
    lb_end(b, loop);
    cpu_call(&f);
    expect(&f, "float16 acc_0, acc_1, acc_2, acc_3;");
    expect(&f, "acc_3 = vload16(0, x + 48);");
    expect_not(&f, "acc[");
    compare(&f, "tile");
}

Test(opencl_emit, private_arrays_are_arrays) {
    CpuFixture f = start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", DT_u8, "8"), *y = cpu_output1(&f, "y", DT_u8, "8");
    LBuffer *box = lb_declare(b, "box", SPACE_PRIVATE, ltype(DT_u8, 1), 1, (int64_t[]){8});
    for (int pass = 0; pass < 2; pass++) {
        LStmt *loop = lb_for(b, LOOP_SERIAL, "i", zero(&f), lx_int(b, 8));
        LX i = lb_loop_var(b, loop), back = lx_sub(b, lx_int(b, 7), i);
        if (pass == 0) {
            lb_store(b, box, &i, lx_load(b, x, &i), NULL);
        } else {
            lb_store(b, y, &i, lx_load(b, box, &back), NULL);
        }
        lb_end(b, loop);
    }
    cpu_call(&f);
    expect(&f, "uchar box[8];");
    compare(&f, "array");
}

/* ---- names and literals ----------------------------------------------------------------------- */

Test(opencl_emit, names_avoid_words_of_the_language) {
    CpuFixture f = start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "half", DT_f32, "4"), *y = cpu_output1(&f, "float", DT_f32, "1");
    LX i = lx_int(b, 2), first = zero(&f);
    LX value = lb_let(b, "max", lx_mul(b, lx_load(b, x, &i), lx_const(b, ltype(DT_f32, 1), 0.1f)));
    lb_store(b, y, &first, value, NULL);
    cpu_call(&f);
    expect(&f, "const float max_ = half_[2] * 0x1.99999ap-4f;");
    expect(&f, "float_[0] = max_;");
    compare(&f, "names");
}

Test(opencl_emit, f64_is_asked_for_only_where_it_is_used) {
    CpuFixture f = masked(DT_f32), g = masked(DT_f64);
    expect_not(&f, "cl_khr_fp64");
    expect(&g, "cl_khr_fp64");
    expect(&f, "FP_CONTRACT OFF");
    f.options.fp_fast = true;
    expect(&f, "FP_CONTRACT ON");
    cpu_end(&f);
    cpu_end(&g);
}

/* ---- files ------------------------------------------------------------------------------------ */

Test(opencl_emit, the_c_file_stands_in_a_set) {
    static const char *const extensions[] = {".o", ".h", ".cl", ".weights"};
    CpuFixture f = masked(DT_f32);
    Artifacts artifacts = cpu_emit(&f, "c");
    cr_assert(artifacts.files.len == COUNT_OF(extensions));
    for (size_t i = 0; i < COUNT_OF(extensions); i++) {
        const char *path = artifacts.files.data[i].path;
        cr_expect(strcmp(strrchr(path, '.'), extensions[i]) == 0, "%s", path);
    }
    cpu_end(&f);
}

Test(opencl_emit, the_same_program_gives_the_same_bytes) {
    CpuFixture f = masked(DT_f32), g = masked(DT_f32);
    Artifacts a = cpu_emit(&f, "c"), b = cpu_emit(&g, "c");
    for (size_t i = 0; i < a.files.len; i++) {
        cr_expect(a.files.data[i].size == b.files.data[i].size);
        cr_expect(memcmp(a.files.data[i].data, b.files.data[i].data, a.files.data[i].size) == 0);
    }
    cpu_end(&f);
    cpu_end(&g);
}

Test(opencl_emit, an_unknown_device_is_refused) {
    CpuFixture f = start();
    f.diag = diag_create(f.arena, NULL);
    f.options.device = "abacus";
    cr_expect(!target_opencl.describe(&f.options, &f.desc, f.arena, f.diag));
    cr_expect(strstr(diag_text(f.diag), "pocl-512"));
    cpu_end(&f);
}
