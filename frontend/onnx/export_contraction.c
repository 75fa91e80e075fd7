/* Contractions, windows and normalization. */
#include "frontend/onnx/export.h"

#include <string.h>

/* ---- matrix products ------------------------------------------------------------------------- */

static bool is_byte(const Value *value) {
    return dtype_is_int(value->type.dtype) && dtype_bits(value->type.dtype) <= 8;
}

/* The two factors' product in the result's type, named `to` (null: any name). Integers of 16 bits
 * are widened as the product's type is; those of 8 bits have an operator of their own. */
static const char *product(ExportCall *c, const char *to, const char *a, const char *b) {
    const Node *node = c->node;
    if (is_byte(node->operands[0])) return export_to(c, to, "MatMulInteger", NAMES(a, b), NULL);
    if (c->type == DT_i16) {
        a = export_cast(c, NULL, a, DT_i32);
        b = export_cast(c, NULL, b, DT_i32);
    }
    return export_to(c, to, "MatMul", NAMES(a, b), NULL);
}

bool export_matmul(ExportCall *c) {
    product(c, c->out[0], c->in[0], c->in[1]);
    return true;
}

static bool export_gemm(ExportCall *c, bool transposed) {
    export_to(c, c->out[0], "Gemm", c->node->noperands, c->in,
              ATTRIBUTES(onnx_attr_int(c->e->arena, "transB", transposed)));
    return true;
}

/* Gemm takes matrices of floats; else the weight is turned and multiplied. */
bool export_dense(ExportCall *c) {
    bool transposed = strcmp(node_attr(c->node, "weight_order")->s, "oi") == 0;
    const char *weight = c->in[1];
    if (c->node->operands[0]->type.rank == 2 && dtype_is_float(c->type))
        return export_gemm(c, transposed);
    if (transposed)
        weight =
            export_to(c, NULL, "Transpose", NAMES(weight),
                      ATTRIBUTES(onnx_attr_ints(c->e->arena, "perm", 2, (const int64_t[]){1, 0})));
    bool biased = c->node->noperands > 2;
    const char *sums = product(c, biased ? NULL : c->out[0], c->in[0], weight);
    if (biased) export_to(c, c->out[0], "Add", NAMES(sums, c->in[2]), NULL);
    return true;
}

/* ---- windows --------------------------------------------------------------------------------- */

/* ConvInteger takes no bias: it is added along axis 1. */
static bool convolve_bytes(ExportCall *c, OnnxAttr *const *attrs) {
    bool biased = c->node->noperands > 2;
    const char *sums = export_to(c, biased ? NULL : c->out[0], "ConvInteger", 2, c->in, attrs);
    if (!biased) return true;
    const char *shape = export_ints(c, "shape", 3, (const int64_t[]){-1, 1, 1});
    const char *bias = export_to(c, NULL, "Reshape", NAMES(c->in[2], shape), NULL);
    export_to(c, c->out[0], "Add", NAMES(sums, bias), NULL);
    return true;
}

/* The row's attributes, those of the window, and room for one more; null: the end of the list. */
static OnnxAttr **window_attrs(ExportCall *c, int *count) {
    const TensorType *weight = &c->node->operands[1]->type;
    const Attr *pad = node_attr(c->node, "pad");
    int64_t kernel[2];
    OnnxAttr **attrs = export_attrs(c, 3, count);
    for (int i = 0; i < 2; i++) require(dim_is_int(weight->dims[2 + i], &kernel[i]));
    attrs[(*count)++] = onnx_attr_ints(c->e->arena, "kernel_shape", 2, kernel);
    attrs[(*count)++] = onnx_attr_ints(c->e->arena, "pads", pad->count, pad->ints);
    return attrs;
}

bool export_conv_transpose2d(ExportCall *c) {
    const Attr *extra = node_attr(c->node, "output_pad");
    int count;
    OnnxAttr **attrs = window_attrs(c, &count);
    attrs[count] = onnx_attr_ints(c->e->arena, "output_padding", extra->count, extra->ints);
    if (!dtype_is_float(c->node->operands[0]->type.dtype))
        return export_refuse(c, "it convolves floats");
    export_to(c, c->out[0], "ConvTranspose", c->node->noperands, c->in, attrs);
    return true;
}

bool export_conv2d(ExportCall *c) {
    int count;
    OnnxAttr **attrs = window_attrs(c, &count);
    if (is_byte(c->node->operands[0])) return convolve_bytes(c, attrs);
    if (!dtype_is_float(c->type)) {
        return export_refuse(c, arena_printf(c->e->arena,
                                             "it convolves floats and integers of 8 "
                                             "bits, not %s",
                                             dtype_name(c->type)));
    }
    export_to(c, c->out[0], "Conv", c->node->noperands, c->in, attrs);
    return true;
}

bool export_pool(ExportCall *c) {
    const Attr *pad = node_attr(c->node, "pad"), *stride = node_attr(c->node, "stride");
    int count;
    if (c->node->operands[0]->type.dtype == DT_i64)
        return export_refuse(c, "it pools floats, and not every i64 is one");
    OnnxAttr **attrs = export_attrs(c, 3, &count);
    if (stride->count == 0) stride = node_attr(c->node, "kernel");
    attrs[count++] = onnx_attr_ints(c->e->arena, "strides", stride->count, stride->ints);
    attrs[count++] = onnx_attr_ints(c->e->arena, "pads", pad->count, pad->ints);
    if (c->node->op == OP_avg_pool2d)
        attrs[count] = onnx_attr_int(c->e->arena, "count_include_pad", 0);
    export_to(c, c->out[0], op_info(c->node->op)->onnx, NAMES(c->in[0]), attrs);
    return true;
}

/* ---- normalization --------------------------------------------------------------------------- */

/* ONNX normalizes from one axis to the last; its parameters have the shape of these axes, too. */
bool export_layer_norm(ExportCall *c) {
    const Attr *axes = node_attr(c->node, "axes");
    int count;
    OnnxAttr **attrs = export_attrs(c, 1, &count);
    attrs[count] = onnx_attr_int(c->e->arena, "axis", axes->count > 0 ? -axes->count : -1);
    export_to(c, c->out[0], "LayerNormalization", 3, c->in, attrs);
    return true;
}
