/* Where the channels of a result come from, found by following the index of single elements. */
#include "passes/channel_blocks.h"

static bool joins_blocks(const Node *concat, int64_t block) {
    const TensorType *type = &concat->results[0]->type;
    int64_t channels;
    if (type->rank != 4 || normalize_axis(node_int(concat, "axis"), 4) != 1) return false;
    for (int i = 0; i < concat->noperands; i++) {
        const TensorType *part = &concat->operands[i]->type;
        if (!dim_is_int(part->dims[1], &channels) || channels % block != 0) return false;
    }
    return true;
}

/* ---- following an index ---------------------------------------------------------------------- */

/* The index in `from` of the element that has that one in `to`; the first axes are the same. False
 * where sizes are not known. */
static bool reshape_back(const TensorType *from, const TensorType *to, int64_t *index) {
    int64_t position = 0, size;
    if (from->rank == 0 || to->rank == 0 || from->dims[0] != to->dims[0]) return false;
    for (int i = 1; i < to->rank; i++) {
        if (!dim_is_int(to->dims[i], &size)) return false;
        position = position * size + index[i];
    }
    for (int i = from->rank - 1; i > 0; i--) {
        if (!dim_is_int(from->dims[i], &size) || size < 1) return false;
        index[i] = position % size;
        position /= size;
    }
    return position == 0;
}

static void transpose_back(const Node *node, int64_t *index) {
    const Attr *perm = node_attr(node, "perm");
    int rank = node->results[0]->type.rank;
    int64_t old[MAX_RANK];
    for (int i = 0; i < rank; i++) old[i] = index[i];
    for (int i = 0; i < rank; i++) {
        int from = perm->count ? normalize_axis(perm->ints[i], rank) : rank - 1 - i;
        index[from] = old[i];
    }
}

/* From a value to what reshapes and transposes made it from, which is returned; null where sizes are
 * not known. */
static const Value *follow(const Value *x, int64_t *index) {
    for (;; x = x->def->operands[0]) {
        const Node *node = x->def;
        if (!node) return x;
        switch (node->op) {
        case OP_relayout: break;
        case OP_transpose: transpose_back(node, index); break;
        case OP_reshape:
        case OP_flatten:
            if (!reshape_back(&node->operands[0]->type, &x->type, index)) return NULL;
            break;
        default: return x;
        }
    }
}

/* Where the channels of a value come from: neighbours of neighbours; null: not so. */
static const Value *source_of_blocks(const Value *value, int64_t block) {
    const TensorType *type = &value->type;
    const Value *source = NULL;
    int64_t size[4];
    if (type->rank != 4) return NULL;
    for (int i = 1; i < 4; i++)
        if (!dim_is_int(type->dims[i], &size[i])) return NULL;
    if (size[1] % block != 0) return NULL;
    /* Reshapes and transposes are the same everywhere but for where they begin: the ends tell. */
    for (int corner = 0; corner < 8; corner++) {
        int64_t first[MAX_RANK] = {0, corner & 1 ? size[1] - block : 0,
                                   corner & 2 ? size[2] - 1 : 0, corner & 4 ? size[3] - 1 : 0};
        int64_t last[MAX_RANK] = {0, first[1] + block - 1, first[2], first[3]};
        source = follow(value, first);
        if (!source || source->type.rank != 4 || !follow(value, last)) return NULL;
        bool together = last[2] == first[2] && last[3] == first[3] && last[0] == first[0];
        if (!together || first[1] % block != 0 || last[1] != first[1] + block - 1) return NULL;
    }
    return source;
}

/* ---------------------------------------------------------------------------------------------- */

bool moves_channel_blocks(const Node *node, int64_t block) {
    if (node->op == OP_concat) return joins_blocks(node, block);
    if (node->op != OP_fused || node->noperands != 1) return false;
    const Value *source = source_of_blocks(node->body->outputs[0], block);
    return source && !source->def;
}

bool weaves_channel_blocks(const Value *value, int64_t block) {
    const Value *source = source_of_blocks(value, block);
    return source && source->def && source->def->op == OP_conv2d;
}
