/* Running one operator through the reference interpreter: what the tests of the interpreter share.
 */
#ifndef NNC_TESTS_UNIT_INTERP_FIXTURE_H
#define NNC_TESTS_UNIT_INTERP_FIXTURE_H

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
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

/* ---- tensors --------------------------------------------------------------------------------- */

static Tensor make(DType dtype, int rank, const int64_t *dims, const double *values) {
    Tensor t = tensor_new(arena, dtype, rank, dims);
    for (int64_t i = 0; i < tensor_elements(&t); i++) tensor_set(&t, i, values[i]);
    return t;
}

#define DIMS(...)                                                                                  \
    (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (const int64_t[]) {                                 \
        __VA_ARGS__                                                                                \
    }
#define SCALAR 0, (const int64_t[]){0}
#define V(...)                                                                                     \
    (const double[]) {                                                                             \
        __VA_ARGS__                                                                                \
    }
#define TENSORS(...)                                                                               \
    (int)COUNT_OF(((Tensor[]){__VA_ARGS__})), (const Tensor[]) {                                   \
        __VA_ARGS__                                                                                \
    }
#define ATTRS(...)                                                                                 \
    (int)COUNT_OF(((Attr[]){__VA_ARGS__})), (const Attr[]) {                                       \
        __VA_ARGS__                                                                                \
    }
#define NO_ATTRS 0, NULL
#define INTS(name, ...)                                                                            \
    attr_ints(name, (int)COUNT_OF(((int64_t[]){__VA_ARGS__})), (const int64_t[]){__VA_ARGS__})

static TensorType type_of(const Tensor *t) {
    Dim dims[MAX_RANK];
    for (int i = 0; i < t->rank; i++) dims[i] = dim_int(module->dims, t->dims[i]);
    return type_make(t->dtype, t->rank, dims);
}

/* The tensor must have exactly that type and, NaN being equal to NaN, those elements to within
 * error. */
static void expect_near(Tensor t, DType dtype, int rank, const int64_t *dims, const double *values,
                        double error) {
    cr_assert_eq(t.dtype, dtype, "type %s", tensor_type_text(arena, &t));
    cr_assert_eq(t.rank, rank, "type %s", tensor_type_text(arena, &t));
    for (int i = 0; i < rank; i++)
        cr_assert_eq(t.dims[i], dims[i], "type %s", tensor_type_text(arena, &t));
    for (int64_t i = 0; i < tensor_elements(&t); i++) {
        double x = tensor_get(&t, i), want = values[i];
        bool same = isnan(want) ? isnan(x) : x == want || fabs(x - want) <= error;
        cr_expect(same, "element %lld is %.17g, expected %.17g", (long long)i, x, want);
    }
}

static void expect(Tensor t, DType dtype, int rank, const int64_t *dims, const double *values) {
    expect_near(t, dtype, rank, dims, values, 0);
}

/* ---- operators ---------------------------------------------------------------------------------
 */

/* Makes a network of one node out of tensors and runs it. results has room for the node's. */
static bool try_op(OpKind op, int noperands, const Tensor *operands, int nattrs, const Attr *attrs,
                   Tensor *results) {
    Graph *graph = graph_create(module, "net");
    Value *inputs[MAX_OPERANDS];
    for (int i = 0; i < noperands; i++) {
        TensorType type = type_of(&operands[i]);
        inputs[i] = graph_add_input(graph, arena_printf(arena, "x%d", i), &type, (Span){0});
    }
    Builder b = {.graph = graph, .path = "op"};
    TypeQuery fault;
    Node *node = build_node(&b, op, noperands, inputs, nattrs, attrs, &fault);
    cr_assert_not_null(node, "%s", fault.error);
    const char *names[MAX_RESULTS];
    for (int i = 0; i < node->nresults; i++) names[i] = arena_printf(arena, "y%d", i);
    graph_set_outputs(graph, node->nresults, node->results, names);
    return interp_run(graph, operands, results, arena, NULL, diag);
}

static Tensor run_op(OpKind op, int noperands, const Tensor *operands, int nattrs,
                     const Attr *attrs) {
    Tensor results[MAX_RESULTS];
    cr_assert(try_op(op, noperands, operands, nattrs, attrs, results), "%s", diag_text(diag));
    return results[0];
}

#endif
