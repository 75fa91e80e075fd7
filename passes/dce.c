/* Dead code: operators whose results nobody uses, parameters and constants among them. */
#include "passes/support.h"

bool pass_dce(PassContext *context, Graph *graph) {
    return remove_dead(graph, context->scratch);
}
