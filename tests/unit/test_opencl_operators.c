/* Every operator of loop IR on every element type, in scalars and vectors: OpenCL gives the bits that
 * the evaluator gives. Many operators share a kernel, because a driver takes long for each. */
#include "cpu_cases.h"

static bool no_device(void) {
    StrBuf line = {0};
    bool found = target_opencl.probe(&line);
    str_free(&line);
    if (!found) cr_skip_test("no OpenCL device");
    return !found;
}

static LStmt *loop_of(Operators *o) {
    LBlock *top = &o->f.b.kernel->body;
    return top->stmts.data[top->stmts.len - 1];
}

static void check(BuildCase *const *build, size_t count, DType dtype, int lanes) {
    Operators o = operators_start(dtype, lanes, NULL);
    o.f.target = &target_opencl;
    for (size_t i = 0; i < count; i++) build[i](&o);
    operators_check(&o, loop_of(&o), true);
}

static void on_types(BuildCase *const *build, size_t count, size_t first, size_t last) {
    if (no_device()) return;
    for (size_t t = first; t < last; t++) {
        check(build, count, types[t], 1);
        check(build, count, types[t], 16);
    }
}

enum { FLOATS = 4 };

static BuildCase *const arithmetic[] = {build_unary, build_compare, build_binary};

Test(opencl_operators, float_arithmetic) {
    on_types(arithmetic, COUNT_OF(arithmetic), 0, FLOATS);
}

Test(opencl_operators, integer_arithmetic) {
    on_types(arithmetic, COUNT_OF(arithmetic), FLOATS, COUNT_OF(types));
}

static BuildCase *const conversions[] = {build_casts};

Test(opencl_operators, casts_of_floats) {
    on_types(conversions, 1, 0, FLOATS);
}

Test(opencl_operators, casts_of_integers) {
    on_types(conversions, 1, FLOATS, COUNT_OF(types));
}

static BuildCase *const transcendentals[] = {build_math};

Test(opencl_operators, transcendentals) {
    on_types(transcendentals, 1, 0, 2);
}

/* ---- lanes ------------------------------------------------------------------------------------ */

static void build_vectors(Operators *o) {
    LBuilder *b = &o->f.b;
    enum { N = 16 };
    int backwards[N], mixed[N];
    if (o->lanes != N) return;
    for (int i = 0; i < N; i++) {
        backwards[i] = N - 1 - i;
        mixed[i] = i % 2 ? N + i : i;
    }
    result(o, "reverse", lx_shuffle(b, o->x, NULL, N, backwards));
    result(o, "mix", lx_shuffle(b, o->x, o->y, N, mixed));
    result(o, "extract", lx_broadcast(b, lx_extract(b, o->x, N - 1), N));
    if (o->dtype == DT_bool) {
        result(o, "any", lx_broadcast(b, lx_reduce(b, LB_OR, o->x), N));
        result(o, "all", lx_broadcast(b, lx_reduce(b, LB_AND, o->x), N));
        return;
    }
    o->zero_signs[o->dtype][o->rows[o->dtype]] = true;
    result(o, "greatest", lx_broadcast(b, lx_reduce(b, LB_MAX, o->x), N));
    result(o, "sum", lx_broadcast(b, lx_reduce(b, LB_ADD, o->x), N));
}

Test(opencl_operators, lanes) {
    static const DType some[] = {DT_f32, DT_bf16, DT_f64, DT_i8, DT_i32, DT_i64, DT_bool};
    static BuildCase *const vectors[] = {build_vectors};
    if (no_device()) return;
    for (size_t t = 0; t < COUNT_OF(some); t++) check(vectors, 1, some[t], 16);
}
