/* The pass manager: runs a list of passes and lets others look on. */
#define _POSIX_C_SOURCE 200809L
#include <time.h>

#include "passes/support.h"

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Runs one pass in a scratch arena of its own; false if it reported an error. */
static bool run_pass(PassContext *context, Graph *graph, const Pass *pass, int number,
                     const PassInspector *inspector) {
    int errors = diag_error_count(context->diag);
    if (inspector->before) inspector->before(inspector->data, pass, graph, number);
    context->scratch = arena_create();
    double start = seconds_now();
    bool changed = pass->run(context, graph);
    double seconds = seconds_now() - start;
    arena_destroy(context->scratch);
    context->scratch = NULL;
    if (inspector->after) inspector->after(inspector->data, pass, graph, number, changed, seconds);
    return diag_error_count(context->diag) == errors;
}

bool passes_run(PassContext *context, Graph *graph, const Pass *const *passes, size_t count,
                const PassInspector *inspector) {
    static const PassInspector none = {0};
    if (!inspector) inspector = &none;
    for (size_t i = 0; i < count; i++) {
        if (!run_pass(context, graph, passes[i], (int)i + 1, inspector)) return false;
        if (!inspector->verify || graph_verify(graph, context->diag, passes[i]->name)) continue;
        context->defect = true;
        return false;
    }
    return true;
}
