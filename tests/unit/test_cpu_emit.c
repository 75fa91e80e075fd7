/* Loops, tails, register tiles, memory accesses and parallel bodies: generated code gives the
 * evaluator's bits. */
#include "cpu_fixture.h"

static LX extent_n(CpuFixture *f) {
    return lx_dim(&f->b, cpu_dim(f, "N"));
}

static LX zero(CpuFixture *f) {
    return lx_int(&f->b, 0);
}

static void compare_sizes(CpuFixture *f, const char *what) {
    static const int64_t sizes[] = {0, 1, 3, 15, 16, 17, 31, 32, 37, 64, 100};
    for (size_t i = 0; i < COUNT_OF(sizes); i++) cpu_compare(f, &sizes[i], what);
}

/* ---- vector loops ------------------------------------------------------------------------------
 */

/* y = max(x * x + x, 3), z = x > 0, over a vector loop with the tail. */
static CpuFixture pointwise(LTail tail, DType dtype, int width) {
    CpuFixture f = cpu_start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", dtype, "N");
    LBuffer *y = cpu_output1(&f, "y", dtype, "N"), *z = cpu_output1(&f, "z", DT_bool, "N");
    LStmt *loop = lb_for(b, LOOP_VECTOR, "i", zero(&f), extent_n(&f));
    loop->width = width;
    loop->tail = tail;
    LX i = lb_loop_var(b, loop), v = lx_load(b, x, &i);
    LX value = lx_add(b, lx_mul(b, v, v), v);
    lb_store(b, y, &i, lx_binary(b, LB_MAX, value, lx_const(b, ltype(dtype, 1), 3)), NULL);
    lb_store(b, z, &i, lx_binary(b, LB_GT, v, lx_const(b, ltype(dtype, 1), 0)), NULL);
    lb_end(b, loop);
    cpu_call(&f);
    return f;
}

Test(cpu_emit, tails_of_vector_loops) {
    static const LTail tails[] = {TAIL_MASK, TAIL_PEEL, TAIL_OVERLAP};
    static const DType dtypes[] = {DT_f32, DT_f64, DT_bf16, DT_i8, DT_i32};
    static const char *const cpus[] = {NULL, "x86-64"};
    for (size_t t = 0; t < COUNT_OF(tails); t++) {
        for (size_t d = 0; d < COUNT_OF(dtypes); d++) {
            for (size_t c = 0; c < COUNT_OF(cpus); c++) {
#if !defined(__x86_64__)
                if (cpus[c]) continue;
#endif
                CpuFixture f = pointwise(tails[t], dtypes[d], 16);
                f.options.cpu = cpus[c];
                cpu_load_network(&f);
                compare_sizes(&f, dtype_name(dtypes[d]));
                cpu_end(&f);
            }
        }
    }
}

Test(cpu_emit, all_optimization_levels_agree) {
    for (int level = 0; level <= 3; level++) {
        for (int fast = 0; fast <= 1; fast++) {
            CpuFixture f = pointwise(TAIL_MASK, DT_f32, 8);
            f.options.opt_level = level;
            f.options.fp_fast = fast;
            cpu_load_network(&f);
            compare_sizes(&f, "level");
            cpu_end(&f);
        }
    }
}

/* ---- register tiles ------------------------------------------------------------------------- */

/* c[m, n] (+)= a[m, k] * b[k, n] in tiles of 3 rows by 2 vectors of 8, accumulators private. */
static CpuFixture matmul(LLoopKind rows) {
    CpuFixture f = cpu_start();
    LBuilder *b = &f.b;
    LBuffer *a = cpu_input(&f, "a", DT_f32, 2, (const char *const[]){"3*M", "K"});
    LBuffer *w = cpu_input(&f, "w", DT_f32, 2, (const char *const[]){"K", "16"});
    LBuffer *c = cpu_output(&f, "c", DT_f32, 2, (const char *const[]){"3*M", "16"});
    LX m = lx_dim(b, cpu_dim(&f, "M")), k_count = lx_dim(b, cpu_dim(&f, "K"));
    LStmt *tile = lb_for(b, rows, "t", zero(&f), m);
    LX t = lb_loop_var(b, tile);
    LBuffer *acc =
        lb_declare(b, "acc", SPACE_PRIVATE, ltype(DT_f32, 8), 2, (const int64_t[]){3, 2});
    for (int r = 0; r < 3; r++) {
        for (int v = 0; v < 2; v++) {
            lb_store(b, acc, (LX[]){lx_int(b, r), lx_int(b, v)},
                     lx_const(b, ltype(DT_f32, 8), r + v), NULL);
        }
    }
    LStmt *inner = lb_for(b, LOOP_SERIAL, "k", zero(&f), k_count);
    LX k = lb_loop_var(b, inner);
    LStmt *row = lb_for(b, LOOP_UNROLL, "r", zero(&f), lx_int(b, 3));
    LX r = lb_loop_var(b, row), row_index = lx_add(b, lx_muli(b, t, 3), r);
    LX left = lx_broadcast(b, lx_load(b, a, (LX[]){row_index, k}), 8);
    LStmt *half = lb_for(b, LOOP_UNROLL, "v", zero(&f), lx_int(b, 2));
    LX v = lb_loop_var(b, half), column = lx_ramp(b, lx_muli(b, v, 8), 1, 8);
    LX right = lx_load(b, w, (LX[]){k, column}), at[] = {r, v};
    lb_store(b, acc, at, lx_add(b, lx_mul(b, left, right), lx_load(b, acc, at)), NULL);
    lb_end(b, half);
    lb_end(b, row);
    lb_end(b, inner);
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 2; j++) {
            LX from[] = {lx_int(b, i), lx_int(b, j)};
            LX to[] = {lx_addi(b, lx_muli(b, t, 3), i), lx_ramp(b, lx_int(b, 8 * j), 1, 8)};
            lb_store(b, c, to, lx_load(b, acc, from), NULL);
        }
    }
    tile->cost = 1000000;
    lb_end(b, tile);
    cpu_call(&f);
    return f;
}

Test(cpu_emit, register_tiles) {
    static const int64_t sizes[][2] = {{1, 1}, {2, 7}, {0, 3}, {3, 0}, {5, 16}};
    for (int level = 0; level <= 2; level += 2) {
        CpuFixture f = matmul(LOOP_SERIAL);
        f.options.opt_level = level;
        cpu_load_network(&f);
        for (size_t i = 0; i < COUNT_OF(sizes); i++) cpu_compare(&f, sizes[i], "matmul");
        cpu_end(&f);
    }
}

Test(cpu_emit, register_tiles_never_touch_memory) {
    CpuFixture f = matmul(LOOP_SERIAL);
    f.options.opt_level = 0;
    Artifacts files = cpu_emit(&f, "llvm");
    const char *text = files.files.data[0].data, *kernel = strstr(text, "@net.kernel(");
    const char *end = strstr(kernel, "\n}");
    const char *alloca = strstr(kernel, "alloca");
    cr_assert(!alloca || alloca > end);
    cpu_end(&f);
}

/* A private value that branches assign: if with else, if alone, within a loop. */
Test(cpu_emit, registers_through_branches) {
    CpuFixture f = cpu_start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", DT_i32, "N"), *y = cpu_output1(&f, "y", DT_i32, "N");
    LBuffer *s = lb_declare(b, "s", SPACE_PRIVATE, ltype(DT_i32, 1), 1, (const int64_t[]){2});
    LX first = lx_int(b, 0), second = lx_int(b, 1), null = lx_const_int(b, ltype(DT_i32, 1), 0);
    lb_store(b, s, &first, null, NULL);
    lb_store(b, s, &second, null, NULL);
    LStmt *loop = lb_for(b, LOOP_SERIAL, "i", zero(&f), extent_n(&f));
    LX i = lb_loop_var(b, loop), v = lx_load(b, x, &i);
    LStmt *branch = lb_if(b, lx_binary(b, LB_GT, v, null));
    lb_store(b, s, &first, lx_add(b, lx_load(b, s, &first), v), NULL);
    lb_else(b, branch);
    lb_store(b, s, &second, lx_sub(b, lx_load(b, s, &second), lx_load(b, s, &first)), NULL);
    lb_end(b, branch);
    LStmt *alone = lb_if(b, lx_binary(b, LB_EQ, v, lx_const_int(b, ltype(DT_i32, 1), 5)));
    lb_store(b, s, &first, null, NULL);
    lb_end(b, alone);
    lb_store(b, y, &i, lx_add(b, lx_load(b, s, &first), lx_load(b, s, &second)), NULL);
    lb_end(b, loop);
    cpu_call(&f);
    cpu_load_network(&f);
    compare_sizes(&f, "branches");
    cpu_end(&f);
}

/* ---- memory --------------------------------------------------------------------------------- */

/* A private table in memory, folded to its last four entries: y[i] = x[i] + x[i - 3]. */
Test(cpu_emit, private_memory_and_folding) {
    CpuFixture f = cpu_start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", DT_f32, "N"), *y = cpu_output1(&f, "y", DT_f32, "N");
    LBuffer *window =
        lb_declare(b, "window", SPACE_PRIVATE, ltype(DT_f32, 1), 1, (const int64_t[]){1000});
    window->fold[0] = 4;
    LStmt *loop = lb_for(b, LOOP_SERIAL, "i", zero(&f), extent_n(&f));
    LX i = lb_loop_var(b, loop), back = lx_addi(b, i, -3);
    lb_store(b, window, &i, lx_load(b, x, &i), NULL);
    LStmt *inside = lb_if(b, lx_binary(b, LB_GE, i, lx_int(b, 3)));
    lb_store(b, y, &i, lx_add(b, lx_load(b, window, &i), lx_load(b, window, &back)), NULL);
    lb_end(b, inside);
    lb_end(b, loop);
    cpu_call(&f);
    cpu_load_network(&f);
    compare_sizes(&f, "fold");
    cpu_end(&f);
}

/* Gathers, scatters and masks: y[i] = x[index[i]] where odd, z[(i * 3) mod 16] = ..., a strided
 * read. */
static void check_gather(DType dtype, const char *cpu) {
    CpuFixture f = cpu_start();
    LBuilder *b = &f.b;
    f.options.cpu = cpu;
    LBuffer *x = cpu_input(&f, "x", dtype, 2, (const char *const[]){"16", "4"});
    LBuffer *index = cpu_input1(&f, "index", DT_u8, "16");
    LBuffer *y = cpu_output1(&f, "y", dtype, "16"), *z = cpu_output1(&f, "z", dtype, "16");
    LBuffer *w = cpu_output1(&f, "w", dtype, "8");
    LX lanes = lx_ramp(b, lx_int(b, 0), 1, 16);
    LX picked = lx_cast(b, CAST_VALUE, DT_i64, lx_load(b, index, &lanes));
    picked = lx_binary(b, LB_MOD, picked, lx_const_int(b, ltype(DT_i64, 16), 16));
    LX odd =
        lx_binary(b, LB_EQ, lx_binary(b, LB_AND, picked, lx_const_int(b, ltype(DT_i64, 16), 1)),
                  lx_const_int(b, ltype(DT_i64, 16), 1));
    LX column = lx_const_int(b, ltype(DT_i64, 16), 2), at[] = {picked, column};
    LX other = lx_const_int(b, ltype(dtype, 16), 1);
    if (dtype_is_float(dtype)) other = lx_const(b, ltype(dtype, 16), 1);
    lb_store(b, y, &lanes, lx_load_masked(b, x, at, odd, other), NULL);
    LX spread = lx_binary(b, LB_MOD, lx_mul(b, lanes, lx_const_int(b, ltype(DT_i64, 16), 3)),
                          lx_const_int(b, ltype(DT_i64, 16), 16));
    lb_store(b, z, &spread, lx_load(b, x, at), odd);
    LX every_other = lx_ramp(b, lx_int(b, 1), 2, 8), same = lx_broadcast(b, lx_int(b, 3), 8);
    LX short_lanes = lx_ramp(b, lx_int(b, 0), 1, 8);
    lb_store(b, w, &short_lanes, lx_load(b, x, (LX[]){every_other, same}), NULL);
    cpu_call(&f);
    cpu_load_network(&f);
    cpu_compare(&f, NULL, dtype_name(dtype));
    cpu_end(&f);
}

Test(cpu_emit, gathers_and_scatters) {
    static const DType dtypes[] = {DT_f32, DT_f64, DT_f16, DT_i8, DT_i64, DT_bool};
    for (size_t i = 0; i < COUNT_OF(dtypes); i++) {
        if (dtypes[i] != DT_bool) check_gather(dtypes[i], NULL);
#if defined(__x86_64__)
        if (dtypes[i] != DT_bool) check_gather(dtypes[i], "x86-64-v2");
#endif
    }
}

/* y = x a few elements apart or in reverse order, z = the same where a mask is on. */
static void check_spaced(DType dtype, int64_t step, const char *cpu) {
    CpuFixture f = cpu_start();
    LBuilder *b = &f.b;
    f.options.cpu = cpu;
    enum { LANES = 16, MOST = 61 };
    LBuffer *x = cpu_input1(&f, "x", dtype, "61"), *on = cpu_input1(&f, "on", DT_bool, "16");
    LBuffer *y = cpu_output1(&f, "y", dtype, "16"), *z = cpu_output1(&f, "z", dtype, "16");
    LX lanes = lx_ramp(b, lx_int(b, 0), 1, LANES);
    LX from = lx_ramp(b, lx_int(b, step > 0 ? 0 : MOST - 1), step, LANES);
    LX mask = lx_load(b, on, &lanes), other = lx_const_int(b, ltype(dtype, LANES), 1);
    if (dtype_is_float(dtype)) other = lx_const(b, ltype(dtype, LANES), 1);
    lb_store(b, y, &lanes, lx_load(b, x, &from), NULL);
    lb_store(b, z, &lanes, lx_load_masked(b, x, &from, mask, other), NULL);
    cpu_call(&f);
    cpu_load_network(&f);
    cpu_compare(&f, NULL, dtype_name(dtype));
    cpu_end(&f);
}

Test(cpu_emit, spaced_loads) {
    static const DType dtypes[] = {DT_f32, DT_f64, DT_bf16, DT_i8};
    static const int64_t steps[] = {2, 3, 4, -1, -2, -4};
    static const char *const cpus[] = {NULL, "x86-64-v2", "x86-64-v3"};
    for (size_t c = 0; c < COUNT_OF(cpus); c++) {
#if !defined(__x86_64__)
        if (cpus[c]) continue;
#endif
        for (size_t i = 0; i < COUNT_OF(steps); i++)
            check_spaced(dtypes[(i + c) % COUNT_OF(dtypes)], steps[i], cpus[c]);
    }
}

/* ---- parallel loops ------------------------------------------------------------------------- */

static int tasks_run;

static void backwards(void *pool, nn_task *task, void *argument, size_t count, uint64_t cycles) {
    cr_assert(pool == &tasks_run);
    cr_expect(cycles > 0);
    for (size_t i = count; i-- > 0;) task(argument, i);
    tasks_run += (int)count;
}

Test(cpu_emit, parallel_loops) {
    CpuFixture f = matmul(LOOP_PARALLEL);
    cpu_load_network(&f);
    static const int64_t symbols[] = {9, 5};
    cpu_compare(&f, symbols, "serial");
    CpuRun r = cpu_prepare(&f, symbols);
    cpu_evaluate(&f, &r, symbols);
    nn_options options = {.struct_bytes = sizeof options,
                          .limits = symbols,
                          .parallel_for = backwards,
                          .pool = &tasks_run};
    const nn_network *network = f.loaded.network;
    size_t bytes = network->context_bytes(symbols);
    void *memory = aligned_alloc(64, bytes);
    nn_context *context;
    cr_assert(network->init(memory, bytes, &options, &context) == NN_OK);
    cr_assert(network->run(context, r.io) == NN_OK);
    cr_assert(tasks_run == 9);
    cpu_expect_equal(&f, &r, "parallel");
    free(memory);
    cpu_end(&f);
}

/* What a parallel body takes from the kernel around it: lets and private registers. Cheap
 * iterations share a task. */
Test(cpu_emit, parallel_bodies_take_values_along) {
    CpuFixture f = cpu_start();
    LBuilder *b = &f.b;
    LBuffer *x = cpu_input1(&f, "x", DT_f32, "N"), *y = cpu_output1(&f, "y", DT_f32, "N");
    LBuffer *scale =
        lb_declare(b, "scale", SPACE_PRIVATE, ltype(DT_f32, 1), 1, (const int64_t[]){2});
    LX at = lx_int(b, 1);
    lb_store(b, scale, &at, lx_const(b, ltype(DT_f32, 1), 3), NULL);
    LX shift = lb_let(b, "shift", lx_cast(b, CAST_VALUE, DT_f32, extent_n(&f)));
    LStmt *loop = lb_for(b, LOOP_PARALLEL, "i", zero(&f), extent_n(&f));
    LX i = lb_loop_var(b, loop), v = lx_load(b, x, &i);
    lb_store(b, y, &i, lx_add(b, lx_mul(b, v, lx_load(b, scale, &at)), shift), NULL);
    loop->cost = 2;
    lb_end(b, loop);
    cpu_call(&f);
    cpu_load_network(&f);
    compare_sizes(&f, "captures");
    cpu_end(&f);
}

/* ---- dot products and tiles ----------------------------------------------------------------- */

static void check_dot(DType a, DType w, DType result, int group, const char *cpu) {
    CpuFixture f = cpu_start();
    LBuilder *b = &f.b;
    f.options.cpu = cpu;
    const char *operands = group == 4 ? "64" : "32";
    LBuffer *x = cpu_input1(&f, "x", a, operands), *y = cpu_input1(&f, "y", w, operands);
    LBuffer *z = cpu_output1(&f, "z", result, "16");
    for (int lanes = 4; lanes <= 16; lanes *= 2) {
        LX from = lx_ramp(b, lx_int(b, 0), 1, lanes * group),
           to = lx_ramp(b, lx_int(b, 0), 1, lanes);
        LX sum = lx_dot(b, lx_load(b, z, &to), lx_load(b, x, &from), lx_load(b, y, &from));
        lb_store(b, z, &to, sum, NULL);
    }
    cpu_call(&f);
    cpu_load_network(&f);
    cpu_compare(&f, NULL, "dot");
    cpu_end(&f);
}

Test(cpu_emit, dot_products) {
    static const char *const cpus[] = {NULL, "x86-64", "x86-64-v3"};
    for (size_t i = 0; i < COUNT_OF(cpus); i++) {
#if !defined(__x86_64__)
        if (cpus[i]) continue;
#else
        if (cpus[i] && i == 2 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")))
            continue;
#endif
        check_dot(DT_u8, DT_i8, DT_i32, 4, cpus[i]);
        check_dot(DT_i8, DT_i8, DT_i32, 4, cpus[i]);
        check_dot(DT_bf16, DT_bf16, DT_f32, 2, cpus[i]);
    }
}

/* c += a * w over k blocks with 2 by 2 tiles held through the loop. */
static CpuFixture tiles(DType dtype) {
    CpuFixture f = cpu_start();
    LBuilder *b = &f.b;
    bool half = dtype == DT_bf16;
    int q = half ? 2 : 4, depth = half ? 32 : 64;
    DType sum = half ? DT_f32 : DT_i32;
    const char *k_text = half ? "32*K" : "64*K", *row_text = half ? "16*K" : "16*K";
    f.options.cpu = "sapphirerapids";
    LBuffer *a = cpu_input(&f, "a", dtype, 2, (const char *const[]){"32", k_text});
    LBuffer *w = cpu_input(&f, "w", dtype, 2, (const char *const[]){row_text, half ? "64" : "128"});
    LBuffer *c = cpu_output(&f, "c", sum, 2, (const char *const[]){"32", "32"});
    LType left = ltype_tile(dtype, 16, depth), right = ltype_tile(dtype, 16, 16 * q),
          result = ltype_tile(sum, 16, 16);
    LBuffer *acc = lb_declare(b, "acc", SPACE_PRIVATE, result, 2, (const int64_t[]){2, 2});
    for (int i = 0; i < 4; i++) {
        lb_store(b, acc, (LX[]){lx_int(b, i / 2), lx_int(b, i % 2)}, lx_tile_zero(b, result), NULL);
    }
    LStmt *loop = lb_for(b, LOOP_SERIAL, "k", zero(&f), lx_dim(b, cpu_dim(&f, "K")));
    LX k = lb_loop_var(b, loop), lefts[2], rights[2];
    for (int i = 0; i < 2; i++) {
        LX at_left[] = {lx_int(b, 16 * i), lx_muli(b, k, depth)};
        LX at_right[] = {lx_muli(b, k, 16), lx_int(b, 16 * q * i)};
        lefts[i] = lb_let(
            b, "left",
            lx_tile_load(b, left, a, at_left, lx_muli(b, lx_dim(b, cpu_dim(&f, "K")), depth)));
        rights[i] = lb_let(b, "right", lx_tile_load(b, right, w, at_right, lx_int(b, 32 * q)));
    }
    for (int i = 0; i < 4; i++) {
        LX at[] = {lx_int(b, i / 2), lx_int(b, i % 2)};
        lb_store(b, acc, at, lx_tile_dot(b, lx_load(b, acc, at), lefts[i / 2], rights[i % 2]),
                 NULL);
    }
    lb_end(b, loop);
    for (int i = 0; i < 4; i++) {
        LX from[] = {lx_int(b, i / 2), lx_int(b, i % 2)};
        lb_tile_store(b, c, (LX[]){lx_int(b, 16 * (i / 2)), lx_int(b, 16 * (i % 2))}, lx_int(b, 32),
                      lx_load(b, acc, from));
    }
    cpu_call(&f);
    return f;
}

static int occurrences(const char *text, const char *end, const char *word) {
    int count = 0;
    for (const char *at = text; (at = strstr(at, word)) && at < end; at++) count++;
    return count;
}

Test(cpu_emit, tiles_stay_in_registers) {
    static const DType dtypes[] = {DT_i8, DT_bf16};
    for (int level = 0; level <= 2; level += 2) {
        for (size_t i = 0; i < COUNT_OF(dtypes); i++) {
            CpuFixture f = tiles(dtypes[i]);
            f.options.opt_level = level;
            Artifacts files = cpu_emit(&f, "asm");
            const char *text = files.files.data[0].data, *kernel = strstr(text, "net.kernel:");
            const char *end = strstr(kernel, ".Lfunc_end");
            cr_assert(occurrences(kernel, end, "ldtilecfg") == 1);
            cr_assert(occurrences(kernel, end, "tdp") == 4);
            cr_assert(occurrences(kernel, end, "tilestored") == 4);
            cpu_end(&f);
        }
    }
}

Test(cpu_emit, tiles_compute) {
    CpuFixture f = tiles(DT_i8);
    uint64_t needed = NN_CPU_AMX_TILE | NN_CPU_AMX_INT8 | NN_CPU_AMX_BF16;
    nn_options here = {.struct_bytes = sizeof here};
    cr_assert(nn_default_options(1, &here) == NN_OK);
    bool able = (here.cpu_features & needed) == needed;
    nn_release_options(&here);
    cpu_end(&f);
    if (!able) cr_skip_test("this processor has no matrix tiles");
    static const DType dtypes[] = {DT_i8, DT_bf16};
    for (size_t i = 0; i < COUNT_OF(dtypes); i++) {
        f = tiles(dtypes[i]);
        cpu_load_network(&f);
        for (int64_t k = 0; k < 5; k++) cpu_compare(&f, &k, "tiles");
        cpu_end(&f);
    }
}

/* ---- determinism ---------------------------------------------------------------------------- */

Test(cpu_emit, same_bytes_every_time) {
    static const char *const kinds[] = {"obj", "so", "asm", "llvm"};
    for (size_t k = 0; k < COUNT_OF(kinds); k++) {
        CpuFixture f = matmul(LOOP_PARALLEL), g = matmul(LOOP_PARALLEL);
        Artifacts a = cpu_emit(&f, kinds[k]), b = cpu_emit(&g, kinds[k]);
        cr_assert(a.files.len == b.files.len);
        for (size_t i = 0; i < a.files.len; i++) {
            cr_assert(a.files.data[i].size == b.files.data[i].size);
            cr_assert(memcmp(a.files.data[i].data, b.files.data[i].data, a.files.data[i].size) ==
                      0);
        }
        cpu_end(&f);
        cpu_end(&g);
    }
}
