/* What the functions that export operators work with. */
#ifndef NNC_FRONTEND_ONNX_EXPORT_H
#define NNC_FRONTEND_ONNX_EXPORT_H

#include "frontend/onnx/model.h"

/* Name of the tensor that holds a dimension's value, as i64[1]. */
typedef struct DimName {
    Dim dim;
    const char *name;
} DimName;

typedef struct Exporter {
    Arena *arena;
    Diag *diag;
    const Graph *graph;
    DimContext *dims;
    const char **value_names; /* by value id; null: not named yet */
    NameSet values, nodes;    /* names of tensors, names of nodes */
    VEC(Onnx__NodeProto *) list;
    VEC(Onnx__TensorProto *) initializers;
    VEC(Onnx__ValueInfoProto *) types; /* of the nodes' results */
    VEC(DimName) dim_names;
} Exporter;

enum { MAX_ONNX_INPUTS = 64 };

/* One operator on its way. Where ONNX's operator lacks the element type, `in` are casts of the
 * operands and `type` is what they were cast to; the results are cast back afterwards. */
typedef struct ExportCall {
    Exporter *e;
    const Node *node;
    const char *path; /* name of the node, the beginning of all names that it needs */
    DType type;       /* element type that the operator computes in */
    const char *in[MAX_OPERANDS + 1];
    const char *out[MAX_RESULTS]; /* what its results are called */
} ExportCall;

typedef bool ExportFunction(ExportCall *c);

/* A set of element types. */
#define TYPE_BIT(type) (1u << (type))
enum {
    TYPES_HALF = TYPE_BIT(DT_f16),
    TYPES_FLOAT = TYPE_BIT(DT_f32) | TYPE_BIT(DT_f64) | TYPES_HALF,
    TYPES_WIDE = TYPES_FLOAT | TYPE_BIT(DT_i32) | TYPE_BIT(DT_i64),
    TYPES_ANY = (1u << DTYPE_COUNT) - 1,
};

/* Attribute of ours and of ONNX that mean the same. */
typedef struct AttrPair {
    const char *ours, *theirs;
} AttrPair;

/* How one operator becomes ONNX. The name of the counterpart stands in ir/ops.def. */
typedef struct OnnxRow {
    ExportFunction *run;
    /* Element types that it is exported in: those of ONNX's operator, but for narrow ones that
     * runtimes rarely compute in. Others are cast: floats to f32, integers and bool to wider_int.
     * One that would lose by it is an error. */
    unsigned types;
    DType wider_int; /* 0: i32 */
    int first;       /* first operand that has the type; those before have one of their own */
    AttrPair attrs[3];
} OnnxRow;

extern const OnnxRow onnx_rows[OP_COUNT];

/* ---- nodes ----------------------------------------------------------------------------------- */

/* Adds a node; attributes end with null (they may be null altogether). */
void export_node(ExportCall *c, const char *op, int ninputs, const char *const *inputs,
                 int noutputs, const char *const *outputs, OnnxAttr *const *attrs);
/* The same for one output, which gets the name `to`; null: one of its own. Returns the name. */
const char *export_to(ExportCall *c, const char *to, const char *op, int ninputs,
                      const char *const *inputs, OnnxAttr *const *attrs);
#define NAMES(...)                                                                                 \
    (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)),                      \
        (const char *const[]) {                                                                    \
        __VA_ARGS__                                                                                \
    }
#define ATTRIBUTES(...)                                                                            \
    (OnnxAttr *const[]) {                                                                          \
        __VA_ARGS__, NULL                                                                          \
    }
const char *export_cast(ExportCall *c, const char *to, const char *x, DType type);
/* The row's attribute pairs, and room for `more` further ones; *count: how many there are. */
OnnxAttr **export_attrs(ExportCall *c, int more, int *count);

/* ---- constants and dimensions ---------------------------------------------------------------- */

const char *export_scalar(ExportCall *c, const char *what, DType type, double value);
const char *export_ints(ExportCall *c, const char *what, int count, const int64_t *values);
/* A shape as i64[count]: a constant, or computed from the inputs' shapes; null after a
 * diagnostic. */
const char *export_dims(ExportCall *c, const char *what, int count, const Dim *dims);

/* ---- shared pieces --------------------------------------------------------------------------- */

/* x of float type `from`, saturated, as the integer type `to`; NaN gives 0. */
bool export_saturate(ExportCall *c, const char *x, DType from, DType to);

/* Says that ONNX has nothing for this; always false. */
bool export_refuse(ExportCall *c, const char *why);

ExportFunction export_plain, export_relu, export_relu6, export_clip, export_silu, export_gelu,
    export_rsqrt, export_hardsigmoid, export_not_equal, export_cast_op, export_quantize,
    export_dequantize, export_div;
ExportFunction export_range, export_reshape, export_split, export_slice, export_pad,
    export_broadcast, export_resize, export_relayout;
ExportFunction export_reduce_sum, export_reduce, export_cumsum, export_global_max;
ExportFunction export_matmul, export_dense, export_conv2d, export_conv_transpose2d, export_pool,
    export_layer_norm;
ExportFunction export_source, export_fused;

#endif
