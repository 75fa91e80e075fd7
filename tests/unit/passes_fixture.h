/* Networks written in the language, put through passes and compared with what they were before:
 * shared by the tests of passes. */
#ifndef NNC_TESTS_UNIT_PASSES_FIXTURE_H
#define NNC_TESTS_UNIT_PASSES_FIXTURE_H

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "ir/interp.h"
#include "passes/pass.h"

typedef struct Net {
    Arena *arena;
    Diag *diag;
    Module *module;
    Graph *source; /* as written */
    Graph *graph;  /* what passes work on */
    TargetDesc target;
    PassOptions options;
    StrBuf report;
} Net;

static inline Net net_load_named(const char *name, const char *text) {
    static const FrontendOptions no_options = {0};
    Net net = {.arena = arena_create(),
               .target = {.name = "test", .vector_bits = 512, .multi_stage = true}};
    net.diag = diag_create(net.arena, NULL);
    net.module = frontend_load_text(name, text, strlen(text), &no_options, net.arena, net.diag);
    cr_assert_not_null(net.module, "%s", diag_text(net.diag));
    params_random(net.module->graph, 1);
    net.source = net.module->graph;
    net.graph = graph_clone(net.source, NULL);
    return net;
}

static inline Net net_load(const char *text) {
    return net_load_named("test.nn", text);
}

static inline PRINTF_LIKE(1, 2) Net net_loadf(const char *format, ...) {
    StrBuf text = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    Net net = net_load(str_text(&text));
    str_free(&text);
    return net;
}

static inline void net_free(Net *net) {
    str_free(&net->report);
    arena_destroy(net->arena);
}

/* With the verifier on; false where a pass reported an error. */
static inline bool net_passes(Net *net, const Pass *const *list, size_t count) {
    PassContext context = {.module = net->module,
                           .target = &net->target,
                           .options = net->options,
                           .diag = net->diag,
                           .report = &net->report};
    const PassInspector inspector = {.verify = true};
    return passes_run(&context, net->graph, list, count, &inspector);
}

/* Runs passes by name, apart by commas. */
static inline bool net_try(Net *net, const char *names) {
    const Pass *list[32];
    size_t count = 0;
    char *rest = arena_strdup(net->arena, names);
    for (char *name = strtok(rest, ","); name; name = strtok(NULL, ",")) {
        list[count] = pass_find(name);
        cr_assert_not_null(list[count++], "no pass '%s'", name);
    }
    return net_passes(net, list, count);
}

static inline void net_run(Net *net, const char *names) {
    cr_assert(net_try(net, names), "%s", diag_text(net->diag));
}

static inline void net_level(Net *net, int level) {
    const Pass *list[32];
    size_t count = passes_default(level, list);
    cr_assert(net_passes(net, list, count), "-O%d: %s", level, diag_text(net->diag));
}

static inline int count_in(const Graph *graph, OpKind op, bool inside) {
    int count = 0;
    graph_each(graph, node) {
        count += node->op == op;
        if (inside && node->body) count += count_in(node->body, op, true);
    }
    return count;
}

/* Nodes of that kind, those in bodies included. */
static inline int net_count(const Net *net, OpKind op) {
    return count_in(net->graph, op, true);
}

/* Kernels of the network: nodes that neither are constants nor compute on such alone. */
static inline int net_kernels(const Net *net) {
    int count = 0;
    graph_each(net->graph, node) {
        count += !value_is_constant(node->results[0]);
    }
    return count;
}

static inline const Node *net_node(const Net *net, OpKind op) {
    graph_each(net->graph, node) {
        if (node->op == op) return node;
    }
    cr_assert_fail("no '%s' in the graph", op_info(op)->name);
    return NULL;
}

static inline const char *net_text(Net *net) {
    StrBuf text = {0};
    graph_print(net->graph, &text);
    const char *copy = arena_strdup(net->arena, str_text(&text));
    str_free(&text);
    return copy;
}

/* ---- comparing ---------------------------------------------------------------------------------
 */

/* Random numbers with, in between, the ones that break careless algebra. */
static inline void fill_input(Tensor *tensor, const char *key, bool special) {
    static const double odd[] = {-0.0, 0.0, INFINITY, -INFINITY, NAN, 1e-41, 3e38, 1, -1};
    tensor_random(tensor, 7, key);
    if (!special || !dtype_is_float(tensor->dtype)) return;
    int64_t count = tensor_elements(tensor);
    for (int64_t i = 0; i < count; i++) {
        if (i % 2 == 0) tensor_set(tensor, i, odd[(size_t)(i / 2) % COUNT_OF(odd)]);
    }
}

static inline void evaluate_graph(Net *net, const Graph *graph, const int64_t *symbols,
                                  bool special, Tensor *outputs) {
    Tensor inputs[32];
    cr_assert_leq(graph->ninputs, 32);
    for (int i = 0; i < graph->ninputs; i++) {
        int64_t dims[MAX_RANK];
        const TensorType *type = &graph->inputs[i]->type;
        for (int k = 0; k < type->rank; k++) cr_assert(dim_eval(type->dims[k], symbols, &dims[k]));
        inputs[i] = tensor_new(net->arena, type->dtype, type->rank, dims);
        fill_input(&inputs[i], graph->input_names[i], special);
    }
    cr_assert(interp_run(graph, inputs, outputs, net->arena, NULL, net->diag), "%s",
              diag_text(net->diag));
}

/* NaN equals NaN; -0 and 0 differ. */
static inline bool identical(const Tensor *a, const Tensor *b) {
    if (a->dtype != b->dtype || a->bytes != b->bytes) return false;
    int64_t count = tensor_elements(a);
    for (int64_t i = 0; i < count; i++) {
        double x = tensor_get(a, i), y = tensor_get(b, i);
        if (isnan(x) && isnan(y)) continue;
        if (x != y || signbit(x) != signbit(y)) return false;
    }
    return true;
}

/* The graph computes what the source does, with every symbol 3 and then 1: to within tol, or bit
 * for bit and with odd numbers among the inputs where it is 0. */
static inline void net_expect_same(Net *net, double tol) {
    for (int64_t size = 3; size > 0; size -= 2) {
        Tensor expected[32], found[32];
        int64_t symbols[16];
        for (size_t i = 0; i < COUNT_OF(symbols); i++) symbols[i] = size;
        cr_assert_leq(net->source->noutputs, 32);
        evaluate_graph(net, net->source, symbols, tol == 0, expected);
        evaluate_graph(net, net->graph, symbols, tol == 0, found);
        for (int i = 0; i < net->source->noutputs; i++) {
            if (tol == 0) {
                cr_assert(identical(&expected[i], &found[i]), "output %d differs:\n%s", i,
                          net_text(net));
                continue;
            }
            Agreement a = tensor_agreement(&found[i], &expected[i], tol);
            cr_assert(a.agrees, "output %d: relative error %g, largest %g at %lld\n%s", i,
                      a.relative_l2, a.max_error, (long long)a.worst, net_text(net));
        }
    }
}

#endif
