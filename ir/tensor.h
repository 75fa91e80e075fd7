/* Tensors in host memory: dense, row-major, natural alignment. */
#ifndef NNC_IR_TENSOR_H
#define NNC_IR_TENSOR_H

#include "ir/type.h"

typedef struct Tensor {
    DType dtype;
    int rank;
    int64_t dims[MAX_RANK];
    void *data; /* bytes = elements * dtype_bytes; may point into a mapped file: then read-only */
    size_t bytes;
} Tensor;

/* Sizes a tensor; false where the number of bytes overflows or exceeds limit (0: no limit).
 * Data stays null. */
bool tensor_shape(Tensor *tensor, DType dtype, int rank, const int64_t *dims, size_t limit);
/* The same with zeroed data from the arena; dies on overflow (callers have checked the type). */
Tensor tensor_new(Arena *arena, DType dtype, int rank, const int64_t *dims);
int64_t tensor_elements(const Tensor *tensor);
/* Element i in row-major order as a double (i64 loses precision beyond 2^53; use
 * tensor_int for integers). */
double tensor_get(const Tensor *tensor, int64_t i);
int64_t tensor_int(const Tensor *tensor, int64_t i);
/* Rounds to nearest even; integers saturate. */
void tensor_set(Tensor *tensor, int64_t i, double value);
void tensor_set_int(Tensor *tensor, int64_t i, int64_t value);
uint64_t tensor_hash(const Tensor *tensor); /* of type, shape and contents */
/* `f32[3, 4]` */
const char *tensor_type_text(Arena *arena, const Tensor *tensor);

/* How well a result agrees with its reference (README of the design, Numerics). */
typedef struct Agreement {
    bool agrees;
    double relative_l2; /* ||d|| / ||ref||, absolute where ref is zero */
    double max_error;   /* max |d| / max |ref|, absolute where ref is zero */
    int64_t worst;      /* index of the largest difference or first special one; -1: none */
} Agreement;

/* tol: 1e-5 one f32 operator, 1e-4 an f32 network, 1e-2 16-bit floats; integer tensors must be
 * equal bit for bit. */
Agreement tensor_agreement(const Tensor *result, const Tensor *reference, double tol);

#endif
