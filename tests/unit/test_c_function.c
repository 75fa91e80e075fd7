/* Kernels as C functions for synthesis: compiled by what compilers there are, with their warnings as
 * errors, and run against the evaluator bit for bit. */
#include "codegen/hls/hls.h"
#include "ir/loop/scalar.h"
#include "loop_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { COUNT = 96, MOST_INPUTS = 2 };

/* One C file with many functions and the data to compare them on. */
typedef struct Suite {
    StrBuf functions, calls;
    int count;
    uint32_t seed;
} Suite;

static uint32_t next_random(Suite *s) {
    s->seed = s->seed * 1664525u + 1013904223u;
    return s->seed >> 8;
}

static Scalar random_value(Suite *s, DType dtype, int i) {
    static const double special[] = {0,     1,      -1,   0.5,   1.5,   2.5,  -2.5,      127.5,
                                     300,   -300.5, 7e4,  -7e4,  3e9,   -3e9, 1e-6,      6e-8,
                                     65519, 65520,  1e19, -1e19, 1e-40, 4095, 2049.0625, 16777217};
    double value =
        i < (int)COUNT_OF(special) ? special[i] : ((double)next_random(s) / 8388608.0 - 1.0) * 40.0;
    if (dtype_is_float(dtype)) return scalar_from_double(dtype, value);
    int64_t bits =
        (int64_t)((uint64_t)next_random(s) << 42 ^ (uint64_t)next_random(s) << 20 ^ next_random(s));
    if (i == 0) bits = dtype_min(dtype);
    if (i == 1) bits = dtype_max(dtype);
    if (dtype == DT_bool) bits &= 1;
    return (Scalar){.i = scalar_wrap(dtype, i % 3 ? bits : bits % 50)};
}

static void print_bytes(StrBuf *out, const char *type, const char *name, const void *data,
                        size_t bytes) {
    str_printf(out, "    static const unsigned char %s_bytes[] = {", name);
    for (size_t i = 0; i < bytes; i++) str_printf(out, "%u,", ((const unsigned char *)data)[i]);
    str_printf(out, "};\n    static %s %s[%d];\n    memcpy(%s, %s_bytes, sizeof %s_bytes);\n", type,
               name, COUNT * 4, name, name, name);
}

/* Prints the fixture's kernel, whose parameters are channels, and what the evaluator makes of it. */
static void add_kernel(Suite *suite, Fixture *f, int64_t reads, int64_t writes) {
    int last = f->kernel->nparams - 1;
    LMemory memories[MOST_INPUTS + 1];
    const char *name = arena_printf(f->arena, "task%d", suite->count);
    cr_assert(lkernel_verify(f->kernel, f->module->dims, f->diag));
    const CFunctionOptions options = {.dialect = &hls_dialect,
                                      .name = name,
                                      .title = "layer",
                                      .frames = "NN_FRAMES",
                                      .is_static = true,
                                      .fused = true};
    c_print_function(f->program, f->kernel, &options, f->arena, &suite->functions);
    str_append(&suite->calls, "{\n");
    for (int k = 0; k <= last; k++) {
        DType dtype = f->kernel->params[k]->elem.dtype;
        int64_t n = k < last ? reads : writes;
        size_t bytes = (size_t)n * dtype_bytes(dtype);
        void *data = arena_alloc(f->arena, bytes + 16);
        memset(data, 0, bytes + 16);
        for (int i = 0; k < last && i < n; i++) {
            scalar_store(dtype, data, i, random_value(suite, dtype, (i * (k ? 7 : 1)) % COUNT));
        }
        memories[k] = memory(data, n);
    }
    cr_assert_eq(run(f, f->kernel, memories), LFAULT_NONE);
    StrBuf arguments = {0};
    for (int k = 0; k <= last; k++) {
        DType dtype = f->kernel->params[k]->elem.dtype;
        size_t bytes = (size_t)(k < last ? reads : writes) * dtype_bytes(dtype);
        const char *array = k < last ? (k ? "b" : "a") : "expected";
        print_bytes(&suite->calls, hls_dialect.memory[dtype], array, memories[k].data, bytes);
        str_printf(&arguments, "%s%s", k ? ", " : "", k < last ? array : "result");
    }
    DType out = f->kernel->params[last]->elem.dtype;
    str_printf(&suite->calls, "    static %s result[%d];\n    %s(%s);\n", hls_dialect.memory[out],
               COUNT * 4, name, str_text(&arguments));
    str_printf(&suite->calls, "    bad += differ_%s(\"%s\", result, expected, %lld);\n}\n",
               dtype_name(out), name, (long long)writes);
    str_free(&arguments);
    suite->count++;
}

/* ---- elementwise cases ----------------------------------------------------------------------- */

typedef LX (*Formula)(LBuilder *b, LX x, LX y, int which);

static void add_formula(Suite *suite, DType from, DType to, Formula formula, int which) {
    Fixture f = start();
    Dim n = dim_int(f.module->dims, COUNT);
    LBuffer *a = lb_param(&f.b, "a", SPACE_FIFO, from, 1, &n, ACCESS_READ);
    LBuffer *c = lb_param(&f.b, "b", SPACE_FIFO, from, 1, &n, ACCESS_READ);
    LBuffer *y = lb_param(&f.b, "y", SPACE_FIFO, to, 1, &n, ACCESS_WRITE);
    LStmt *i = lb_for(&f.b, LOOP_PIPELINE, "i", num(&f, 0), num(&f, COUNT));
    i->interval = 1;
    LX v = lb_let(&f.b, "v", lx_fifo_read(&f.b, a)), w = lb_let(&f.b, "w", lx_fifo_read(&f.b, c));
    lb_fifo_write(&f.b, y, formula(&f.b, v, w, which));
    lb_end(&f.b, i);
    add_kernel(suite, &f, COUNT, COUNT);
    finish(&f);
}

static LX binary_formula(LBuilder *b, LX x, LX y, int which) {
    LType type = x->type;
    if (dtype_is_int(type.dtype) && which >= LB_DIV && which <= LB_MOD) {
        y = lx_binary(b, LB_MAX, y, lx_const_int(b, type, 1));
    }
    if (which == LB_SHL || which == LB_SHR) {
        y = lx_binary(b, LB_AND, y, lx_const_int(b, type, dtype_bits(type.dtype) - 1));
    }
    return lx_binary(b, (LBinary)which, x, y);
}

static LX unary_formula(LBuilder *b, LX x, LX y, int which) {
    (void)y;
    return lx_unary(b, (LUnary)which, which == LU_SQRT ? lx_unary(b, LU_ABS, x) : x);
}

static LX select_formula(LBuilder *b, LX x, LX y, int which) {
    (void)which;
    return lx_select(b, lx_binary(b, LB_NE, x, y), x, lx_const(b, x->type, 1));
}

/* which: mode, and eight times the type. */
static LX cast_formula(LBuilder *b, LX x, LX y, int which) {
    (void)y;
    return lx_cast(b, (LCast)(which % 8), (DType)(which / 8), x);
}

static LX bits_formula(LBuilder *b, LX x, LX y, int which) {
    (void)y;
    return lx_bitcast(b, (DType)which, x);
}

static bool binary_applies(LBinary op, DType t) {
    bool is_float = dtype_is_float(t);
    if (t == DT_bool) return (op >= LB_AND && op <= LB_XOR) || op == LB_EQ || op == LB_NE;
    if (!is_float) return true;
    return op <= LB_DIV || op == LB_MIN || op == LB_MAX || binary_is_comparison(op);
}

static bool unary_applies(LUnary op, DType t) {
    if (t == DT_bool) return op == LU_NOT;
    if (dtype_is_float(t)) return op != LU_NOT;
    return op == LU_NEG || op == LU_ABS || op == LU_NOT;
}

static void add_operators(Suite *s) {
    for (int t = 0; t < DTYPE_COUNT; t++) {
        DType type = (DType)t;
        for (int op = 0; op < LB_COUNT; op++) {
            bool compares = binary_is_comparison((LBinary)op);
            if (!binary_applies((LBinary)op, type)) continue;
            add_formula(s, type, compares ? DT_bool : type, binary_formula, op);
        }
        for (int op = 0; op <= LU_IS_NAN; op++) {
            if (!unary_applies((LUnary)op, type)) continue;
            add_formula(s, type, op == LU_IS_NAN ? DT_bool : type, unary_formula, op);
        }
        add_formula(s, type, type, select_formula, 0);
    }
    add_formula(s, DT_f32, DT_i32, bits_formula, DT_i32);
    add_formula(s, DT_i32, DT_f32, bits_formula, DT_f32);
    add_formula(s, DT_f64, DT_i64, bits_formula, DT_i64);
    add_formula(s, DT_i64, DT_f64, bits_formula, DT_f64);
}

static void add_casts(Suite *s) {
    for (int from = 0; from < DTYPE_COUNT; from++) {
        for (int to = 0; to < DTYPE_COUNT; to++) {
            bool ints = dtype_is_int((DType)to) && from != DT_bool;
            bool floats = dtype_is_float((DType)from);
            int target = 8 * to;
            if (from == to) continue;
            if (!ints || !floats)
                add_formula(s, (DType)from, (DType)to, cast_formula, target + CAST_VALUE);
            if (ints) add_formula(s, (DType)from, (DType)to, cast_formula, target + CAST_SATURATE);
            if (ints && floats)
                add_formula(s, (DType)from, (DType)to, cast_formula, target + CAST_SATURATE_ROUND);
        }
    }
}

/* ---- compiling and running ------------------------------------------------------------------- */

static void print_file(const Suite *s, StrBuf *out) {
    str_append(out, "#include \"nn_hls.h\"\n#include <stdio.h>\n");
    for (int t = 0; t < DTYPE_COUNT; t++) {
        const char *c = hls_dialect.memory[t];
        const char *nan = t == DT_f32 || t == DT_f64 ? "x[i] != x[i] && y[i] != y[i]"
                          : t == DT_f16  ? "(x[i] & 0x7fff) > 0x7c00 && (y[i] & 0x7fff) > 0x7c00"
                          : t == DT_bf16 ? "(x[i] & 0x7fff) > 0x7f80 && (y[i] & 0x7fff) > 0x7f80"
                                         : "x[i] == y[i]";
        str_printf(out,
                   "static inline int differ_%s(const char *name, const %s *x, const %s *y, int n)"
                   " {\n    for (int i = 0; i < n; i++) {\n"
                   "        if (memcmp(&x[i], &y[i], sizeof x[i]) == 0 || (%s)) continue;\n"
                   "        printf(\"%%s: element %%d\\n\", name, i);\n        return 1;\n    }\n"
                   "    return 0;\n}\n",
                   dtype_name((DType)t), c, c, nan);
    }
    str_append(out, str_text(&s->functions));
    str_append(out, "int main(void) {\n    int bad = 0;\n");
    for (int t = 0; t < DTYPE_COUNT; t++) {
        str_printf(out, "    (void)differ_%s;\n", dtype_name((DType)t));
    }
    str_printf(out, "%s    return bad > 0;\n}\n", str_text(&s->calls));
}

static void compile_and_run(Suite *s) {
    static const char *const compilers[] = {"gcc -std=c99 -pedantic", "clang-19 -std=c99 -pedantic",
                                            "g++ -std=c++14 -x c++"};
    char folder[] = "/tmp/nnc-function-XXXXXX";
    Arena *arena = arena_create();
    StrBuf text = {0};
    cr_assert(mkdtemp(folder));
    print_file(s, &text);
    const char *paths[] = {arena_printf(arena, "%s/t.c", folder),
                           arena_printf(arena, "%s/nn_hls.h", folder)};
    const char *contents[] = {str_text(&text), nn_hls_text};
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(paths[i], "w");
        cr_assert(file && fputs(contents[i], file) >= 0 && fclose(file) == 0);
    }
    for (size_t i = 0; i < COUNT_OF(compilers); i++) {
        const char *has = arena_printf(arena, "command -v %.*s >/dev/null",
                                       (int)strcspn(compilers[i], " "), compilers[i]);
        if (system(has) != 0) continue;
        const char *command =
            arena_printf(arena,
                         "cd %s && %s -O1 -Wall -Wextra -Wvla -Wcast-align -Wconversion -Werror"
                         " -Wno-unknown-pragmas -ffp-contract=off t.c -o t -lm && ./t",
                         folder, compilers[i]);
        cr_expect_eq(system(command), 0, "%s", compilers[i]);
    }
    cr_expect_eq(system(arena_printf(arena, "rm -r %s", folder)), 0);
    str_free(&text);
    str_free(&s->functions);
    str_free(&s->calls);
    arena_destroy(arena);
}

Test(c_function, operators) {
    Suite s = {.seed = 1};
    add_operators(&s);
    compile_and_run(&s);
}

Test(c_function, casts) {
    Suite s = {.seed = 2};
    add_casts(&s);
    compile_and_run(&s);
}

/* A line buffer folded to 4 rows of 8, read two rows behind, and lanes as banks. */
Test(c_function, buffers) {
    Suite s = {.seed = 3};
    Fixture f = start();
    Dim n = dim_int(f.module->dims, COUNT);
    LBuffer *a = lb_param(&f.b, "a", SPACE_FIFO, DT_f32, 1, &n, ACCESS_READ);
    LBuffer *y = lb_param(&f.b, "y", SPACE_FIFO, DT_f32, 1, &n, ACCESS_WRITE);
    LBuffer *rows =
        lb_declare(&f.b, "rows", SPACE_PRIVATE, ltype(DT_f32, 1), 2, (int64_t[]){12, 8});
    rows->fold[0] = 4;
    LBuffer *lanes =
        lb_declare(&f.b, "lanes", SPACE_PRIVATE, ltype(DT_f32, 1), 2, (int64_t[]){2, 100});
    LStmt *i = loop(&f, LOOP_SERIAL, "i", 12), *j = loop(&f, LOOP_SERIAL, "j", 8);
    LX vi = lb_loop_var(&f.b, i), vj = lb_loop_var(&f.b, j);
    put2(&f, rows, vi, vj, lb_let(&f.b, "v", lx_fifo_read(&f.b, a)));
    LX back = lx_binary(&f.b, LB_MAX, lx_addi(&f.b, vi, -2), num(&f, 0));
    LX sum = lb_let(&f.b, "sum", lx_add(&f.b, at2(&f, rows, vi, vj), at2(&f, rows, back, vj)));
    put2(&f, lanes, num(&f, 0), vj, sum);
    put2(&f, lanes, num(&f, 1), vj, lx_mul(&f.b, sum, sum));
    lb_fifo_write(&f.b, y,
                  lx_add(&f.b, at2(&f, lanes, num(&f, 0), vj), at2(&f, lanes, num(&f, 1), vj)));
    lb_end(&f.b, j);
    lb_end(&f.b, i);
    add_kernel(&s, &f, COUNT, COUNT);
    cr_expect(strstr(str_text(&s.functions), "& 3"), "%s", str_text(&s.functions));
    cr_expect(strstr(str_text(&s.functions), "static float lanes_1[100];"));
    cr_expect(strstr(str_text(&s.functions), "NN_PUT(y, "));
    finish(&f);
    compile_and_run(&s);
}

/* Weights whose first axis is a lane are an array a lane; what nothing uses is left out. */
Test(c_function, constants) {
    Fixture f = start();
    Dim n = dim_int(f.module->dims, COUNT), two[] = {dim_int(f.module->dims, 2), n};
    LBuffer *a = lb_param(&f.b, "a", SPACE_FIFO, DT_i16, 1, &n, ACCESS_READ);
    LBuffer *w = lb_param(&f.b, "w", SPACE_CONSTANT, DT_bf16, 2, two, ACCESS_READ);
    LStmt *i = loop(&f, LOOP_SERIAL, "i", COUNT);
    LX vi = lb_loop_var(&f.b, i);
    lb_let(&f.b, "unused", lx_fifo_read(&f.b, a));
    lb_let(&f.b, "dead", lx_muli(&f.b, vi, 3));
    LX sum = lx_add(&f.b, at2(&f, w, num(&f, 0), vi), at2(&f, w, num(&f, 1), vi));
    LBuffer *ring =
        lb_declare(&f.b, "ring", SPACE_PRIVATE, ltype(DT_bf16, 1), 1, (int64_t[]){COUNT});
    put1(&f, ring, vi, sum);
    LBuffer *y = lb_param(&f.b, "y", SPACE_FIFO, DT_bf16, 1, &n, ACCESS_WRITE);
    lb_fifo_write(&f.b, y, at1(&f, ring, vi));
    lb_end(&f.b, i);
    cr_expect_eq(c_array_banks(f.kernel, w, f.arena), 2);
    const char *const names[] = {NULL, "weights", NULL};
    const CFunctionOptions options = {.dialect = &hls_dialect, .name = "g", .constants = names};
    StrBuf text = {0};
    c_print_function(f.program, f.kernel, &options, f.arena, &text);
    cr_expect(strstr(str_text(&text), "nn_load_bf16(weights_0[i])"), "%s", str_text(&text));
    cr_expect(strstr(str_text(&text), "nn_load_bf16(weights_1[i])"), "%s", str_text(&text));
    cr_expect(strstr(str_text(&text), "(void)NN_GET(a);"), "%s", str_text(&text));
    cr_expect(!strstr(str_text(&text), "dead"), "%s", str_text(&text));
    str_free(&text);
    finish(&f);
}
