/* Marks convolutions that take fewer operations by Winograd's method (attribute `winograd`, see
 * codegen/schedule/plan_winograd.h). It rounds differently than the sum, so it needs -fp=fast.
 * Under -precision=bf16 the marked ones stay in f32.
 *
 * For m x m results, (m + 2)^2 products stand for 9 m^2; to these come the transforms, whose share
 * falls with the number of channels and filters. Tiles at the ends are computed whole. */
#include "passes/support.h"

/* Vector instructions of the transforms for 6 x 6 points, loads and stores included. */
enum { IMAGE_STEPS = 160, RESULT_STEPS = 135, WEIGHT_STEPS = 105 };
enum { KERNEL = 3, TILES_AT_ONCE = 28, LIKELY_IMAGES = 4 };

static bool all_are(const Attr *list, int64_t value) {
    for (int i = 0; i < list->count; i++)
        if (list->ints[i] != value) return false;
    return true;
}

static bool is_possible(const Node *node, int lanes, int64_t *channels, int64_t *filters) {
    if (node->op != OP_conv2d || node->results[0]->type.dtype != DT_f32) return false;
    const Dim *weight = node->operands[1]->type.dims;
    bool plain = node_int(node, "groups") == 1 && all_are(node_attr(node, "stride"), 1) &&
                 all_are(node_attr(node, "dilation"), 1);
    return plain && dim_is(weight[2], KERNEL) && dim_is(weight[3], KERNEL) &&
           dim_is_int(weight[0], filters) && dim_is_int(weight[1], channels) &&
           *filters % lanes == 0 && *channels % lanes == 0;
}

/* Vector instructions for one image; m 1: the sum as it is. */
static double steps(int m, int64_t height, int64_t width, int64_t images, double channels,
                    double filters, int lanes) {
    int64_t rows = ceil_div(height, m), columns = ceil_div(width, m);
    double tiles = (double)(rows * columns), vectors = filters / lanes;
    if (m == 1) return tiles * KERNEL * KERNEL * channels * vectors;
    double points = (m + 2.0) * (m + 2.0), scale = points / 36;
    double at_once = tiles * (double)images;
    double weights = at_once < TILES_AT_ONCE ? at_once : TILES_AT_ONCE;
    double transforms = IMAGE_STEPS * channels / lanes + RESULT_STEPS * vectors +
                        WEIGHT_STEPS * channels * vectors / weights;
    return tiles * (points * channels * vectors + scale * transforms);
}

/* How often the sum as it is goes faster than an fma a step, for `dot` products an instruction. Dots
 * do not take one element for all lanes from memory: with a single vector of filters each waits for
 * a load of its own. */
static double dot_speed(int dot, int64_t filters, int lanes) {
    return dot > 1 && filters <= lanes ? 0.67 * dot : dot;
}

static int best_tile(const Node *node, int lanes, int dot) {
    static const int tiles[] = {2, 4};
    const TensorType *type = &node->results[0]->type;
    int64_t channels, filters, height, width, images;
    if (!is_possible(node, lanes, &channels, &filters) || !dim_is_int(type->dims[2], &height) ||
        !dim_is_int(type->dims[3], &width))
        return 0;
    if (!dim_is_int(type->dims[0], &images)) images = LIKELY_IMAGES;
    double c = (double)channels, f = (double)filters;
    double least =
        0.8 * steps(1, height, width, images, c, f, lanes) / dot_speed(dot, filters, lanes);
    int best = 0;
    for (size_t i = 0; i < COUNT_OF(tiles); i++) {
        double cost = steps(tiles[i], height, width, images, c, f, lanes);
        if (cost >= least) continue;
        least = cost;
        best = tiles[i];
    }
    return best;
}

bool pass_choose_winograd(PassContext *context, Graph *graph) {
    const TargetDesc *target = context->target;
    int lanes = target_lanes(target, 32);
    bool changed = false;
    bool fits = lanes > 1 && target->fma && target->group_items == 0 && !target->streams;
    if (!fits || !context->options.fp_fast) return false;
    /* Tiles of bf16 are faster than any saving here. */
    int dot = context->options.bf16 ? target_dot(target, DT_bf16, DT_bf16) : 1;
    if (context->options.bf16 && target->amx_bf16) return false;
    graph_each(graph, node) {
        int m = best_tile(node, lanes, dot);
        if (m == 0) continue;
        node->attrs[op_attr_index(OP_conv2d, "winograd")].i = m;
        changed = true;
    }
    return changed;
}
