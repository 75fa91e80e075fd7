/* The padding of convolutions becomes a `pad` operator of its own, so that a convolution's inner
 * loops have no borders to look out for, and the padding can be written together with whatever
 * produces the image.
 *
 * Convolutions that pad the same value alike share one `pad`. Keeps types and provenance. */
#include <string.h>

#include "passes/support.h"

/* A pad that was made, and the one before it of the same image. */
typedef struct MadePad {
    Value *value;
    const struct MadePad *before;
} MadePad;

static bool has_padding(const Node *node) {
    if (node->op != OP_conv2d || node_int(node, "winograd") != 0) return false;
    const int64_t *pad = node_attr(node, "pad")->ints;
    return pad[0] || pad[1] || pad[2] || pad[3];
}

static Value *existing_pad(const MadePad *made, const int64_t pads[8]) {
    for (; made; made = made->before)
        if (!memcmp(node_attr(made->value->def, "pads")->ints, pads, 8 * sizeof *pads))
            return made->value;
    return NULL;
}

/* made: by id of the image. */
static Value *padded(Node *conv, const MadePad **made, Arena *scratch) {
    const int64_t *pad = node_attr(conv, "pad")->ints; /* top, left, bottom, right */
    const int64_t pads[8] = {0, 0, pad[0], pad[1], 0, 0, pad[2], pad[3]};
    Value *x = conv->operands[0], *value = existing_pad(made[x->id], pads);
    if (value) return value;
    Builder b = builder_before(conv);
    value = build1(&b, OP_pad, x, attr_ints("pads", 8, pads));
    MadePad *pad_made = arena_new(scratch, MadePad);
    *pad_made = (MadePad){value, made[x->id]};
    made[x->id] = pad_made;
    return value;
}

bool pass_expose_padding(PassContext *context, Graph *graph) {
    static const int64_t no_pad[4] = {0, 0, 0, 0};
    /* Pads get ids beyond the array; no convolution that is still to come reads one. */
    size_t values = context->module->value_count;
    const MadePad **made = arena_array(context->scratch, const MadePad *, values);
    bool changed = false;
    graph_each(graph, node) {
        if (!has_padding(node)) continue;
        node->operands[0] = padded(node, made, context->scratch);
        node->attrs[op_attr_index(OP_conv2d, "pad")].ints = no_pad;
        changed = true;
    }
    return changed;
}
