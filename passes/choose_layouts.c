/* Layouts for vectors. Every kernel is right with every layout: this is about speed alone.
 *
 * Activations between convolutions are blocked by channels (NCHW16c where a vector holds 16
 * floats, NCHW8c for 24 or 40 channels, NCHW32c where a row of a matrix tile holds 32 bf16): results of convolutions, and of windows, pads and pointwise kernels that read such, and
 * of what moves blocks as a whole.
 * Inputs and outputs of the network keep the default. Weights of a contraction whose result's
 * channels are vectors get those channels last: a vector of weights then meets a broadcast element
 * of the input.
 *
 * Where kernels are tasks that hand elements on in memory order, activations lie channels last
 * instead, so that a task can start when its first window is there, and weights stay as they are.
 *
 * A kernel hides its layouts: its body starts with relayouts of what it reads to the default and
 * ends with one of what it yields, and these cost nothing, being index arithmetic. Only relayouts
 * outside bodies would move data, and those are made on weights only, at compile time. Runs after
 * fuse; nodes that touch a layout become fused nodes of their own. */
#include <string.h>

#include "passes/body.h"
#include "passes/channel_blocks.h"

typedef struct Chooser {
    PassContext *context;
    Graph *graph;
    ConstantMarks constant;
    int lanes;           /* of a whole block; 1: layouts are for streams */
    int tile;            /* elements of a row where products run on matrix tiles, else 0 */
    bool *wanted;        /* by value id: is to be blocked */
    VEC(Node *) touched; /* kernels that read, yield, or have weights in, a layout */
} Chooser;

/* ---- what a kernel is ------------------------------------------------------------------------ */

typedef struct Kind {
    const Node *contraction;
    bool window, other_anchor;
    bool moves_channels; /* an operator after which a channel is another one, or none */
} Kind;

static void add_to_kind(Kind *kind, const Node *node) {
    switch (op_info(node->op)->family) {
    case FAMILY_CONTRACTION: kind->contraction = node; break;
    case FAMILY_WINDOW: kind->window = true; break;
    case FAMILY_REDUCTION:
    case FAMILY_SCAN: kind->other_anchor = true; break;
    case FAMILY_MOVEMENT:
        if (node->op != OP_pad && node->op != OP_resize && node->op != OP_relayout)
            kind->moves_channels = true;
        break;
    default: break;
    }
}

static Kind kind_of(const Node *node) {
    Kind kind = {0};
    if (node->op != OP_fused) {
        add_to_kind(&kind, node);
        return kind;
    }
    graph_each(node->body, inner) add_to_kind(&kind, inner);
    return kind;
}

/* ---- which results are blocked --------------------------------------------------------------- */

static bool fixed(Dim dim, int64_t *value) {
    return dim_is_int(dim, value) && *value > 0;
}

/* Of so many channels: a tile's row, whole vectors, or halves of the widest; 0: they fill none. */
static int block_of(const Chooser *c, Dim channels) {
    enum { LEAST_HALF = 8 };
    int64_t count;
    if (!fixed(channels, &count)) return 0;
    if (c->tile > 0 && count % c->tile == 0) return c->tile;
    if (count % c->lanes == 0) return c->lanes;
    int half = c->lanes / 2;
    return half >= LEAST_HALF && count % half == 0 ? half : 0;
}

static bool fits_blocks(const Chooser *c, const TensorType *type) {
    return type->rank == 4 && dtype_is_float(type->dtype) && !type->layout &&
           !dim_is(type->dims[1], 1) && block_of(c, type->dims[1]) > 0;
}

/* NCHW16c and the like; for streams NHWC. */
static LayoutRef blocked_layout(const Chooser *c, const TensorType *type) {
    Layout layout = {.nsteps = 1};
    if (c->context->target->streams)
        layout.steps[0] = (LayoutStep){.kind = LAYOUT_PERMUTE, .count = 4, .order = {0, 2, 3, 1}};
    else
        layout = layout_blocked(4, 1, block_of(c, type->dims[1]));
    return module_layout(c->context->module, &layout);
}

/* One filter a channel: whole blocks of channels are computed alike. */
static bool is_depthwise(const Node *conv) {
    const TensorType *weight = &conv->operands[1]->type;
    return conv->op == OP_conv2d && dim_is(weight->dims[0], node_int(conv, "groups")) &&
           dim_is(weight->dims[1], 1);
}

/* Each group's filters are whole blocks. */
static bool filters_fit(const Chooser *c, const Node *conv) {
    int64_t filters;
    if (conv->op != OP_conv2d || !fixed(conv->operands[1]->type.dims[0], &filters)) return false;
    int64_t groups = is_depthwise(conv) ? 1 : node_int(conv, "groups");
    int block = block_of(c, conv->operands[1]->type.dims[0]);
    return block > 0 && filters % (groups * block) == 0;
}

/* Whether the node reads a blocked value, with as many channels as it yields unless it moves whole
 * blocks of them. */
static bool is_fed(const Chooser *c, const Node *node, bool moves_blocks) {
    const TensorType *type = &node->results[0]->type;
    for (int i = 0; i < node->noperands; i++) {
        const Value *x = node->operands[i];
        if (c->wanted[x->id] && (moves_blocks || x->type.dims[1] == type->dims[1])) return true;
    }
    return false;
}

static bool wants_blocks(const Chooser *c, const Node *node, const Kind *kind) {
    if (node->nresults != 1 || !fits_blocks(c, &node->results[0]->type)) return false;
    bool moves_blocks = kind->moves_channels && !c->context->target->streams &&
                        moves_channel_blocks(node, block_of(c, node->results[0]->type.dims[1]));
    if (kind->other_anchor || (kind->moves_channels && !moves_blocks)) return false;
    for (int i = 0; i < c->graph->noutputs; i++) {
        if (c->graph->outputs[i] == node->results[0]) return false;
    }
    if (kind->contraction && !filters_fit(c, kind->contraction)) return false;
    if (kind->contraction && !is_depthwise(kind->contraction)) return true;
    return is_fed(c, node, moves_blocks);
}

/* ---- weights --------------------------------------------------------------------------------- */

static void add_split(Layout *layout, int axis, int64_t factor) {
    layout->steps[layout->nsteps++] =
        (LayoutStep){.kind = LAYOUT_SPLIT, .axis = axis, .factor = factor};
}

static void add_permute(Layout *layout, int count, const int *order) {
    LayoutStep *step = &layout->steps[layout->nsteps++];
    step->kind = LAYOUT_PERMUTE;
    step->count = count;
    memcpy(step->order, order, (size_t)count * sizeof *order);
}

/* The type in which memory holds an operand of a kernel's contraction. */
static DType stored_dtype(const Value *value) {
    while (value->def && (value->def->op == OP_cast || value->def->op == OP_relayout))
        value = value->def->operands[0];
    return value->type.dtype;
}

/* Elements of the weight along a sum that lie side by side, for an instruction that takes them at
 * once: where the other operand's do so, too. */
static int64_t dot_group(const Chooser *c, const Node *contraction, Dim inputs) {
    DType x = stored_dtype(contraction->operands[0]), w = stored_dtype(contraction->operands[1]);
    int group = target_dot(c->context->target, x, w);
    int64_t count;
    return group > 1 && fixed(inputs, &count) && count % group == 0 ? group : 1;
}

/* [O, I, KH, KW] where the result lies in blocks of L channels: [O/L, I/M, KH, KW, M of I, L of O]
 * for an image in blocks of M, else, and where Winograd's method wants all of a kernel at once,
 * [O/L, I, KH, KW, L]; with dots of G inputs [O/L, I/M, KH, KW, M/G of I, L of O, G of I], of pairs
 * of columns [O/L, I, KH, KW/2, L, 2]. */
static bool conv_weight_layout(const Chooser *c, const Node *conv, bool x_blocked, Layout *layout) {
    const Dim *weight = conv->operands[1]->type.dims;
    int64_t inputs;
    if (!filters_fit(c, conv) || !fixed(weight[1], &inputs)) return false;
    add_split(layout, 0, block_of(c, weight[0]));
    int block = x_blocked ? block_of(c, conv->operands[0]->type.dims[1]) : 0;
    bool by_blocks = block > 0 && inputs % block == 0 && node_int(conv, "winograd") == 0;
    if (by_blocks) {
        int64_t group = dot_group(c, conv, weight[1]);
        add_split(layout, 2, block);
        if (group > 1 && block % group == 0) {
            add_split(layout, 3, group);
            add_permute(layout, 7, (const int[]){0, 2, 5, 6, 3, 1, 4});
        } else {
            add_permute(layout, 6, (const int[]){0, 2, 4, 5, 3, 1});
        }
    } else if (sums_column_pairs(c->context->target, conv) && dot_group(c, conv, weight[3]) == 2) {
        add_split(layout, 4, 2);
        add_permute(layout, 6, (const int[]){0, 2, 3, 4, 1, 5});
    } else {
        add_permute(layout, 5, (const int[]){0, 2, 3, 4, 1});
    }
    return true;
}

/* [out, in] and [in, out] alike: [out/L, in, L], with dots [out/L, in/G, L, G]; few outputs are
 * better left alone than padded. */
static bool matrix_layout(const Chooser *c, const Node *node, Layout *layout) {
    const TensorType *type = &node->operands[1]->type;
    bool out_first = node->op == OP_dense && !strcmp(node_attr(node, "weight_order")->s, "oi");
    int64_t outputs;
    if (type->rank != 2 || !fixed(type->dims[out_first ? 0 : 1], &outputs)) return false;
    if (outputs < c->lanes / 2) return false;
    int64_t group = dot_group(c, node, type->dims[out_first ? 1 : 0]);
    if (group > 1) {
        add_split(layout, 0, out_first ? c->lanes : group);
        add_split(layout, 2, out_first ? group : c->lanes);
        if (out_first)
            add_permute(layout, 4, (const int[]){0, 2, 1, 3});
        else
            add_permute(layout, 4, (const int[]){2, 0, 3, 1});
        return true;
    }
    add_split(layout, out_first ? 0 : 1, c->lanes);
    if (out_first)
        add_permute(layout, 3, (const int[]){0, 2, 1});
    else
        add_permute(layout, 3, (const int[]){1, 0, 2});
    return true;
}

/* The operand of the kernel's node that holds the contraction's weight, -1 where it is not a
 * constant in memory. Decoders between the two are passed. */
static int weight_operand(const Chooser *c, const Node *node, const Node *contraction) {
    int index = 1;
    if (node->op == OP_fused) {
        const Value *weight = contraction->operands[1];
        while (weight->def && (weight->def->op == OP_dequantize || weight->def->op == OP_cast))
            weight = weight->def->operands[0];
        if (weight->def) return -1;
        index = weight->index;
    }
    const Value *outside = node->operands[index];
    return is_constant(c->constant, outside) && !outside->type.layout ? index : -1;
}

/* A plain result is turned in registers; that of groups is not worth it, they are small. */
static LayoutRef weight_layout(const Chooser *c, const Node *contraction, bool x_blocked,
                               bool y_blocked) {
    Layout layout = {0};
    if (c->lanes == 1) return NULL;
    bool found = contraction->op == OP_conv2d
                     ? (y_blocked || node_int(contraction, "groups") == 1) &&
                           conv_weight_layout(c, contraction, x_blocked, &layout)
                     : matrix_layout(c, contraction, &layout);
    return found ? module_layout(c->context->module, &layout) : NULL;
}

/* ---- deciding -------------------------------------------------------------------------------- */

static void decide(Chooser *c, Node *node) {
    Kind kind = kind_of(node);
    bool touched = wants_blocks(c, node, &kind);
    c->wanted[node->results[0]->id] = touched;
    for (int i = 0; i < node->noperands; i++) touched |= c->wanted[node->operands[i]->id];
    if (kind.contraction && weight_operand(c, node, kind.contraction) >= 0)
        touched |= weight_layout(c, kind.contraction, false, touched) != NULL;
    if (touched) vec_push(c->context->scratch, &c->touched, node);
}

/* Nodes that touch a layout get a body; their result's mark moves to the new value. */
static void enclose_touched(Chooser *c, bool *yields_blocks) {
    Encloser encloser = encloser_create(c->graph, c->constant, c->context->scratch);
    for (size_t i = 0; i < c->touched.len; i++) {
        Node **node = &c->touched.data[i];
        yields_blocks[i] = c->wanted[(*node)->results[0]->id];
        if ((*node)->op != OP_fused) *node = enclose(&encloser, node, 1, *node);
    }
    encloser_finish(&encloser);
}

/* ---- applying -------------------------------------------------------------------------------- */

/* The image of a convolution, seen from inside the body, is a blocked operand or made from one. */
static bool image_is_blocked(const Chooser *c, const Node *contraction) {
    const Value *x = contraction->operands[0];
    while (x->def && x->def->noperands == 1) x = x->def->operands[0];
    return !x->def && x->type.rank == 4 && x->type.layout &&
           x->type.layout == blocked_layout(c, &x->type);
}

static void apply(Chooser *c, Node *node, bool yields_blocks) {
    for (int i = 0; i < node->noperands; i++) {
        if (node->operands[i]->type.layout) adopt_operand(node, i);
    }
    Kind kind = kind_of(node);
    int index = kind.contraction ? weight_operand(c, node, kind.contraction) : -1;
    if (index >= 0) {
        bool x_blocked = image_is_blocked(c, kind.contraction);
        LayoutRef layout = weight_layout(c, kind.contraction, x_blocked, yields_blocks);
        Value **weight = &node->operands[index];
        Builder b = {
            .graph = c->graph, .before = node, .path = (*weight)->path, .span = (*weight)->span};
        if (layout) {
            *weight = build1(&b, OP_relayout, *weight, attr_layout("layout", layout));
            adopt_operand(node, index);
        }
    }
    if (yields_blocks) yield_layout(node, blocked_layout(c, &node->results[0]->type));
}

/* Whether activations have layouts already: then someone has chosen. */
static bool is_chosen(const Graph *graph, ConstantMarks constant) {
    graph_each(graph, node) {
        for (int i = 0; i < node->nresults; i++) {
            const Value *value = node->results[i];
            if (value->type.layout && !is_constant(constant, value)) return true;
        }
    }
    return false;
}

/* Of a row of the tiles that multiply what -precision asks for; 0: there are none. */
static int tile_elements(const PassContext *context) {
    bool tiles = context->options.bf16 && target_tiles(context->target, DT_bf16, DT_bf16);
    return tiles ? context->target->tiles.row_bytes / (int)dtype_bytes(DT_bf16) : 0;
}

bool pass_choose_layouts(PassContext *context, Graph *graph) {
    Chooser c = {.context = context, .graph = graph};
    bool streams = context->target->streams;
    c.lanes = streams ? 1 : target_panel_lanes(context->target);
    c.tile = tile_elements(context);
    c.constant = constant_marks(graph, context->scratch);
    if ((c.lanes < 2 && !streams) || is_chosen(graph, c.constant)) return false;
    c.wanted = arena_array(context->scratch, bool, context->module->value_count);
    graph_each(graph, node) {
        if (!is_constant(c.constant, node->results[0])) decide(&c, node);
    }
    bool *yields_blocks = arena_array(context->scratch, bool, c.touched.len);
    enclose_touched(&c, yields_blocks);
    for (size_t i = 0; i < c.touched.len; i++) apply(&c, c.touched.data[i], yields_blocks[i]);
    return c.touched.len > 0;
}
