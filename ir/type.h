/* Tensor types: element type, dimensions, layout. */
#ifndef NNC_IR_TYPE_H
#define NNC_IR_TYPE_H

#include "ir/layout.h"

typedef struct TensorType {
    DType dtype;
    int rank;
    Dim dims[MAX_RANK];
    LayoutRef layout; /* null: row-major */
} TensorType;

TensorType type_make(DType dtype, int rank, const Dim *dims);
bool type_equal(const TensorType *a, const TensorType *b);      /* layout included */
bool type_same_shape(const TensorType *a, const TensorType *b); /* dims only */
/* Number of elements as a polynomial; null on overflow. */
Dim type_elements(DimContext *ctx, const TensorType *type);
/* All dims are integers: fills dims and returns true. */
bool type_static_dims(const TensorType *type, int64_t dims[MAX_RANK]);
/* `f32[N, 64, 56, 56]{NCHW16c}`; a scalar is `f32[]`. */
void type_print(const DimContext *ctx, const TensorType *type, StrBuf *out);
const char *type_text(const DimContext *ctx, Arena *arena, const TensorType *type);
/* `[N, 64]` */
const char *dims_text(const DimContext *ctx, Arena *arena, int rank, const Dim *dims);

/* NumPy/ONNX broadcasting of two shapes into result; false where a pair of dims is neither equal
 * nor 1. A symbol is taken to differ from 1 and from other symbols. */
bool dims_broadcast(DimContext *ctx, int rank_a, const Dim *a, int rank_b, const Dim *b, int *rank,
                    Dim *result);

#endif
