/* A model under construction: protobuf-c's messages in an arena. */
#ifndef NNC_FRONTEND_ONNX_MODEL_H
#define NNC_FRONTEND_ONNX_MODEL_H

#include "frontend/onnx/onnx.h"
#include "onnx.pb-c.h"

/* ONNX's number of an element type; 0 where it has none (i4 and u4 came with opset 21). */
int onnx_dtype(DType dtype);

/* A set of names in which each is used once. */
typedef struct NameSlot {
    const char *name; /* null: free */
    unsigned next;    /* number that the next one to want this name gets */
} NameSlot;
typedef struct NameSet {
    NameSlot *slots;
    size_t count, size;
} NameSet;

/* The name if it is free; else the name with the first number that makes one: x.2, x.3. */
const char *name_unique(NameSet *set, Arena *arena, const char *name);
bool name_taken(const NameSet *set, const char *name);

typedef Onnx__AttributeProto OnnxAttr;

/* Attributes of a node; names and values are copied. */
OnnxAttr *onnx_attr_int(Arena *arena, const char *name, int64_t value);
OnnxAttr *onnx_attr_float(Arena *arena, const char *name, double value);
OnnxAttr *onnx_attr_string(Arena *arena, const char *name, const char *value);
OnnxAttr *onnx_attr_ints(Arena *arena, const char *name, int count, const int64_t *values);

/* A tensor whose bytes stay where they are. */
Onnx__TensorProto *onnx_tensor(Arena *arena, const char *name, const Tensor *tensor);
/* An input or output: symbolic dimensions as their text. */
Onnx__ValueInfoProto *onnx_value_info(Arena *arena, DimContext *dims, const char *name,
                                      const TensorType *type);

/* Bytes of the finished model and of the tensors outside it. False where it is too large. */
bool onnx_write(Onnx__ModelProto *model, const OnnxExportOptions *options, Arena *arena,
                OnnxFiles *files, Diag *diag);

#endif
