/* The table of passes and the manager. */
#include <stdio.h>

#include "tests/unit/passes_fixture.h"

static const char network[] = "network t(x: f32[N, 4]) -> (y: f32[N, 4]) {\n"
                              "  y = relu(relu(x))\n}\n";

/* What an inspector saw, as text: "before 1 dce, after 1 dce changed, ". */
typedef struct Log {
    char text[512];
    double seconds;
} Log;

static void log_before(void *data, const Pass *pass, const Graph *graph, int number) {
    Log *log = data;
    char *end = log->text + strlen(log->text);
    cr_assert_not_null(graph);
    snprintf(end, sizeof log->text - (size_t)(end - log->text), "before %d %s, ", number,
             pass->name);
}

static void log_after(void *data, const Pass *pass, const Graph *graph, int number, bool changed,
                      double seconds) {
    Log *log = data;
    char *end = log->text + strlen(log->text);
    cr_assert_not_null(graph);
    cr_assert_geq(seconds, 0);
    log->seconds += seconds;
    snprintf(end, sizeof log->text - (size_t)(end - log->text), "after %d %s%s, ", number,
             pass->name, changed ? " changed" : "");
}

static bool run_custom(Net *net, const Pass *const *list, size_t count,
                       const PassInspector *inspector, PassContext *context) {
    *context = (PassContext){.module = net->module, .target = &net->target, .diag = net->diag};
    return passes_run(context, net->graph, list, count, inspector);
}

Test(pass_manager, table_is_sound) {
    cr_assert_gt(pass_count, 0);
    for (size_t i = 0; i < pass_count; i++) {
        const Pass *pass = &pass_table[i];
        cr_expect_eq(pass_find(pass->name), pass);
        cr_expect_not_null(pass->run);
        cr_expect(pass->level >= 0 && pass->level <= 3);
        cr_expect_gt(strlen(pass->help), 0);
        cr_expect_null(strchr(pass->help, '\n'));
    }
    cr_expect_null(pass_find("no-such-pass"));
    cr_expect_null(pass_find(""));
}

Test(pass_manager, levels_grow) {
    const Pass *low[32], *high[32];
    size_t before = 0;
    for (int level = 0; level <= 3; level++) {
        size_t count = passes_default(level, high);
        cr_expect_geq(count, before);
        cr_expect_leq(count, pass_count);
        /* What a lower level runs, a higher one runs in the same order. */
        for (size_t i = 0, k = 0; i < before; i++, k++) {
            while (k < count && high[k] != low[i]) k++;
            cr_expect_lt(k, count);
        }
        memcpy(low, high, sizeof low);
        before = count;
    }
    cr_expect_eq(before, pass_count);
}

Test(pass_manager, inspector_sees_every_pass) {
    Net net = net_load(network);
    Log log = {{0}, 0};
    PassContext context;
    const Pass *list[] = {pass_find("simplify"), pass_find("simplify"), pass_find("dce")};
    const PassInspector inspector = {log_before, log_after, &log, true};
    cr_assert(run_custom(&net, list, 3, &inspector, &context));
    cr_expect_str_eq(log.text, "before 1 simplify, after 1 simplify changed, before 2 simplify, "
                               "after 2 simplify, before 3 dce, after 3 dce, ");
    net_free(&net);
}

Test(pass_manager, runs_without_inspector) {
    Net net = net_load(network);
    PassContext context;
    const Pass *list[] = {pass_find("simplify")};
    cr_assert(run_custom(&net, list, 1, NULL, &context));
    cr_expect_eq(net_count(&net, OP_relu), 1);
    cr_expect_null(context.scratch);
    net_free(&net);
}

static bool report_fault(PassContext *context, Graph *graph) {
    cr_assert_not_null(arena_alloc(context->scratch, 16));
    diag_error(context->diag, graph->first->span, "this pass always fails");
    return false;
}

Test(pass_manager, stops_at_the_first_error) {
    static const Pass bad = {"bad", report_fault, 0, "fails"};
    Net net = net_load(network);
    Log log = {{0}, 0};
    PassContext context;
    const Pass *list[] = {&bad, pass_find("simplify")};
    const PassInspector inspector = {log_before, log_after, &log, true};
    cr_expect_not(run_custom(&net, list, 2, &inspector, &context));
    cr_expect_str_eq(log.text, "before 1 bad, after 1 bad, ");
    cr_expect_not(context.defect);
    cr_expect_eq(net_count(&net, OP_relu), 2);
    net_free(&net);
}

static bool break_type(PassContext *context, Graph *graph) {
    (void)context;
    graph->first->results[0]->type.dtype = DT_f16;
    return true;
}

Test(pass_manager, verifier_names_the_guilty) {
    static const Pass bad = {"break-type", break_type, 0, "leaves an unsound graph"};
    Net net = net_load(network);
    PassContext context;
    const Pass *list[] = {pass_find("dce"), &bad, pass_find("dce")};
    const PassInspector verify = {.verify = true}, trust = {.verify = false};
    cr_expect_not(run_custom(&net, list, 3, &verify, &context));
    cr_expect(context.defect);
    cr_expect_not_null(strstr(diag_text(net.diag), "break-type"), "%s", diag_text(net.diag));
    int errors = diag_error_count(net.diag);
    cr_expect_eq(errors, 1);
    cr_expect(run_custom(&net, list, 3, &trust, &context));
    net_free(&net);
}
