/* First layers for dot instructions: a convolution of few channels, as of an image's three, takes
 * its pairs along the columns of the kernel.
 *
 * Pairs of columns are neighbours in a plain image. With an even stride each starts at a multiple of
 * its length, if only rows do: so kernels get an even number of columns, by one of zeros, and
 * images as many more as that takes. A kernel of 7 columns then has 4 steps instead of 7.
 *
 * Precision rounds the operands of what has been prepared so, choose-layouts puts the weights' pairs
 * side by side. Runs before expose-padding, so that the image is still padded once. */
#include "passes/support.h"

enum { LEAST_COLUMNS = 3, RIGHT = 3 /* of top, left, bottom, right */ };

static bool is_even(int64_t n) {
    return n % 2 == 0;
}

static bool steps_by_pairs(const Node *conv) {
    int64_t groups = node_int(conv, "groups"), stride = node_attr(conv, "stride")->ints[1];
    return groups == 1 && is_even(stride) && node_attr(conv, "dilation")->ints[1] == 1;
}

static int64_t padded_width(const Node *conv, int64_t width) {
    const int64_t *pad = node_attr(conv, "pad")->ints;
    return pad[1] + width + pad[RIGHT];
}

static bool columns_of(const Node *conv, int64_t *width, int64_t *columns) {
    return dim_is_int(conv->operands[0]->type.dims[3], width) &&
           dim_is_int(conv->operands[1]->type.dims[3], columns);
}

bool sums_column_pairs(const TargetDesc *target, const Node *conv) {
    int64_t width, columns;
    return conv->op == OP_conv2d && wants_bf16_pairs(target) && has_few_channels(conv) &&
           steps_by_pairs(conv) && columns_of(conv, &width, &columns) && is_even(columns) &&
           is_even(padded_width(conv, width));
}

static bool is_candidate(ConstantMarks constant, const Node *node) {
    if (node->op != OP_conv2d || node->results[0]->type.dtype != DT_f32) return false;
    return has_few_channels(node) && steps_by_pairs(node) && !node_annotation(node, "keep_float") &&
           is_constant(constant, node->operands[1]);
}

/* A column of zeros at the right of every kernel. */
static void widen_kernel(Node *conv) {
    static const int64_t pads[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    Value *weight = conv->operands[1];
    Builder b = {.graph = conv->graph, .before = conv, .path = weight->path, .span = weight->span};
    conv->operands[1] = build1(&b, OP_pad, weight, attr_ints("pads", 8, pads));
}

/* Results stay as many: columns are added on the right, where windows do not reach or meet the
 * kernel's zeros. */
static void widen_image(Node *conv, int64_t more) {
    Attr *pad = &conv->attrs[op_attr_index(OP_conv2d, "pad")];
    int64_t *wider = arena_array(conv->graph->module->arena, int64_t, 4);
    for (int i = 0; i < 4; i++) wider[i] = pad->ints[i];
    wider[RIGHT] += more;
    pad->ints = wider;
}

static bool pair_columns(Node *conv) {
    int64_t width, columns, results, stride = node_attr(conv, "stride")->ints[1], more = 0;
    if (!columns_of(conv, &width, &columns) || columns < LEAST_COLUMNS) return false;
    if (!dim_is_int(conv->results[0]->type.dims[3], &results)) return false;
    int64_t wide = padded_width(conv, width), even = columns + columns % 2;
    int64_t reached = (results - 1) * stride + even; /* even */
    if (wide < reached) more = reached - wide;
    if (!is_even(wide + more)) more++;
    /* One more window would fit only in columns that were there, with the kernel as it was. */
    if ((wide + more - even) / stride + 1 != results) return false;
    if (even > columns) widen_kernel(conv);
    if (more > 0) widen_image(conv, more);
    return even > columns || more > 0;
}

bool pass_pair_columns(PassContext *context, Graph *graph) {
    bool changed = false;
    if (!context->options.bf16 || !wants_bf16_pairs(context->target)) return false;
    ConstantMarks constant = constant_marks(graph, context->scratch);
    graph_each(graph, node) {
        if (is_candidate(constant, node)) changed |= pair_columns(node);
    }
    return changed;
}
