/* Operators that move elements, and reductions: attributes of ours that are operands of ONNX, and
 * the other way round. */
#include "frontend/onnx/export.h"

#include <string.h>

/* ---- shapes ---------------------------------------------------------------------------------- */

/* What Reshape is given for each dimension: its size, 0 where it is x's of the same axis, -1 where
 * it is what remains. False where that is not enough. */
static bool reshape_entries(const TensorType *x, const TensorType *y, int64_t *entries) {
    bool has_rest = false;
    for (int i = 0; i < y->rank; i++) {
        if (dim_is_int(y->dims[i], &entries[i])) {
            if (entries[i] == 0) return false; /* would mean x's */
        } else if (i < x->rank && x->dims[i] == y->dims[i]) {
            entries[i] = 0;
        } else if (has_rest) {
            return false;
        } else {
            has_rest = true;
            entries[i] = -1;
        }
    }
    return true;
}

bool export_reshape(ExportCall *c) {
    const TensorType *x = &c->node->operands[0]->type, *y = &node_result(c->node)->type;
    int64_t entries[MAX_RANK];
    if (reshape_entries(x, y, entries)) {
        const char *shape = export_ints(c, "shape", y->rank, entries);
        export_to(c, c->out[0], "Reshape", NAMES(c->in[0], shape), NULL);
        return true;
    }
    const char *shape = export_dims(c, "shape", y->rank, y->dims);
    if (!shape) return false;
    export_to(c, c->out[0], "Reshape", NAMES(c->in[0], shape),
              ATTRIBUTES(onnx_attr_int(c->e->arena, "allowzero", 1)));
    return true;
}

/* Expand broadcasts both ways: only the axes that grow need their size. */
bool export_broadcast(ExportCall *c) {
    const TensorType *x = &c->node->operands[0]->type, *y = &node_result(c->node)->type;
    Dim dims[MAX_RANK];
    for (int i = 0; i < y->rank; i++) {
        int from = i - (y->rank - x->rank);
        bool same = from >= 0 && x->dims[from] == y->dims[i];
        dims[i] = same ? dim_int(c->e->dims, 1) : y->dims[i];
    }
    const char *shape = export_dims(c, "shape", y->rank, dims);
    if (shape) export_to(c, c->out[0], "Expand", NAMES(c->in[0], shape), NULL);
    return shape != NULL;
}

bool export_relayout(ExportCall *c) {
    export_to(c, c->out[0], "Identity", NAMES(c->in[0]), NULL);
    return true;
}

bool export_resize(ExportCall *c) {
    const TensorType *y = &node_result(c->node)->type;
    Arena *arena = c->e->arena;
    const char *sizes = export_dims(c, "sizes", y->rank, y->dims);
    if (!sizes) return false;
    export_to(c, c->out[0], "Resize", NAMES(c->in[0], "", "", sizes),
              ATTRIBUTES(onnx_attr_string(arena, "mode", node_attr(c->node, "mode")->s),
                         onnx_attr_string(arena, "coordinate_transformation_mode", "half_pixel"),
                         onnx_attr_string(arena, "nearest_mode", "round_prefer_floor")));
    return true;
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* A size as a scalar, which is what Range takes; null after a diagnostic. */
static const char *scalar_size(ExportCall *c, const char *what, Dim dim) {
    const char *size = export_dims(c, what, 1, &dim);
    const char *shape = export_ints(c, "scalar", 0, NULL);
    return size ? export_to(c, NULL, "Reshape", NAMES(size, shape), NULL) : NULL;
}

bool export_range(ExportCall *c) {
    DType dtype = node_result(c->node)->type.dtype;
    bool wide = dtype == DT_i64;
    const char *start = scalar_size(c, "start", node_attr(c->node, "start")->dims[0]);
    const char *stop = scalar_size(c, "stop", node_attr(c->node, "stop")->dims[0]);
    if (!start || !stop) return false;
    const char *step = export_scalar(c, "step", DT_i64, 1);
    const char *numbers =
        export_to(c, wide ? c->out[0] : NULL, "Range", NAMES(start, stop, step), NULL);
    if (!wide) export_cast(c, c->out[0], numbers, dtype);
    return true;
}

/* ---- cutting and padding --------------------------------------------------------------------- */

bool export_split(ExportCall *c) {
    if (c->node->nresults > 1) return export_plain(c);
    export_to(c, c->out[0], "Identity", NAMES(c->in[0]), NULL);
    return true;
}

bool export_slice(ExportCall *c) {
    const Attr *starts = node_attr(c->node, "starts"), *ends = node_attr(c->node, "ends");
    const Attr *axes = node_attr(c->node, "axes"), *steps = node_attr(c->node, "steps");
    int64_t all_axes[MAX_RANK], ones[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++) {
        all_axes[i] = i;
        ones[i] = 1;
    }
    int n = starts->count;
    const char *begin = export_ints(c, "starts", n, starts->ints);
    const char *end = export_ints(c, "ends", n, ends->ints);
    const char *which = export_ints(c, "axes", n, axes->count ? axes->ints : all_axes);
    const char *by = export_ints(c, "steps", n, steps->count ? steps->ints : ones);
    export_to(c, c->out[0], "Slice", NAMES(c->in[0], begin, end, which, by), NULL);
    return true;
}

bool export_pad(ExportCall *c) {
    const Attr *pads = node_attr(c->node, "pads");
    const char *amounts = export_ints(c, "pads", pads->count, pads->ints);
    const char *value = export_scalar(c, "value", c->type, node_float(c->node, "value"));
    export_to(c, c->out[0], "Pad", NAMES(c->in[0], amounts, value),
              ATTRIBUTES(onnx_attr_string(c->e->arena, "mode", "constant")));
    return true;
}

/* ---- reductions ------------------------------------------------------------------------------ */

/* Sorted and from 0, all of them where the list is empty. */
static int reduced_axes(const ExportCall *c, int64_t *axes) {
    int rank = c->node->operands[0]->type.rank, count = 0;
    uint32_t bits = axes_bits(node_attr(c->node, "axes"), rank);
    for (int i = 0; i < rank; i++) {
        if (bits >> i & 1) axes[count++] = i;
    }
    return count;
}

/* In opset 17 only ReduceSum takes the axes as an operand. */
bool export_reduce_sum(ExportCall *c) {
    int64_t axes[MAX_RANK];
    int count, naxes = reduced_axes(c, axes);
    OnnxAttr **attrs = export_attrs(c, 0, &count);
    const char *operand = naxes > 0 ? export_ints(c, "axes", naxes, axes) : "";
    export_to(c, c->out[0], "ReduceSum", naxes > 0 ? 2 : 1, (const char *[]){c->in[0], operand},
              attrs);
    return true;
}

bool export_reduce(ExportCall *c) {
    int64_t axes[MAX_RANK];
    int count, naxes = reduced_axes(c, axes);
    OnnxAttr **attrs = export_attrs(c, 1, &count);
    if (naxes > 0) attrs[count] = onnx_attr_ints(c->e->arena, "axes", naxes, axes);
    export_to(c, c->out[0], op_info(c->node->op)->onnx, NAMES(c->in[0]), attrs);
    return true;
}

bool export_cumsum(ExportCall *c) {
    int count;
    OnnxAttr **attrs = export_attrs(c, 0, &count);
    const char *axis = export_scalar(c, "axis", DT_i64, (double)node_int(c->node, "axis"));
    export_to(c, c->out[0], "CumSum", NAMES(c->in[0], axis), attrs);
    return true;
}

/* GlobalMaxPool is for floats. */
bool export_global_max(ExportCall *c) {
    int64_t axes[MAX_RANK];
    int rank = c->node->operands[0]->type.rank;
    if (dtype_is_float(c->type)) return export_plain(c);
    for (int i = 2; i < rank; i++) axes[i - 2] = i;
    export_to(c, c->out[0], "ReduceMax", NAMES(c->in[0]),
              ATTRIBUTES(onnx_attr_ints(c->e->arena, "axes", rank - 2, axes),
                         onnx_attr_int(c->e->arena, "keepdims", 1)));
    return true;
}
