/* The padding of convolutions becomes a `pad` operator of its own, so that a convolution's inner
 * loops have no borders to look out for, and the padding can be written together with whatever
 * produces the image.
 *
 * Convolutions that pad the same value alike share one `pad`. Keeps types and provenance. */
#include <string.h>

#include "passes/support.h"

typedef VEC(Node *) NodeList;

static bool has_padding(const Node *node) {
    if (node->op != OP_conv2d) return false;
    const int64_t *pad = node_attr(node, "pad")->ints;
    return pad[0] || pad[1] || pad[2] || pad[3];
}

static Value *existing_pad(const NodeList *made, const Value *x, const int64_t pads[8]) {
    for (size_t i = 0; i < made->len; i++) {
        const Node *node = made->data[i];
        if (node->operands[0] == x &&
            !memcmp(node_attr(node, "pads")->ints, pads, 8 * sizeof *pads))
            return node->results[0];
    }
    return NULL;
}

static Value *padded(Node *conv, NodeList *made, Arena *scratch) {
    const int64_t *pad = node_attr(conv, "pad")->ints; /* top, left, bottom, right */
    const int64_t pads[8] = {0, 0, pad[0], pad[1], 0, 0, pad[2], pad[3]};
    Value *x = conv->operands[0], *value = existing_pad(made, x, pads);
    if (value) return value;
    Builder b = builder_before(conv);
    value = build1(&b, OP_pad, x, attr_ints("pads", 8, pads));
    vec_push(scratch, made, value->def);
    return value;
}

bool pass_expose_padding(PassContext *context, Graph *graph) {
    static const int64_t no_pad[4] = {0, 0, 0, 0};
    NodeList made = {0};
    graph_each(graph, node) {
        if (!has_padding(node)) continue;
        node->operands[0] = padded(node, &made, context->scratch);
        node->attrs[op_attr_index(OP_conv2d, "pad")].ints = no_pad;
    }
    return made.len > 0;
}
