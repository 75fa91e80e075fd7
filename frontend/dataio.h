/* Tensors from and to files: NumPy's .npy and .npz, and .safetensors.
 *
 * Everything read is checked before it is believed: sizes against the file, offsets against each
 * other, overflow. */
#ifndef NNC_FRONTEND_DATAIO_H
#define NNC_FRONTEND_DATAIO_H

#include "ir/base/file.h"
#include "ir/graph.h"

/* Reads a .npy (version 1 to 3, C or Fortran order, little endian). Data lives in the arena. */
bool npy_read(Arena *arena, const char *path, Tensor *tensor, Diag *diag);
/* The bytes of a version 1.0 .npy file (bf16 has no NumPy name and is written as f32). */
void npy_format(const Tensor *tensor, StrBuf *out);

/* A set of named tensors, in name order. */
typedef struct TensorFile {
    size_t count;
    const char *const *names;
    const Tensor *tensors;
} TensorFile;

/* By suffix: .safetensors (mapped: data points into the file) or .npz. */
bool tensor_file_read(Arena *arena, const char *path, TensorFile *file, Diag *diag);
const Tensor *tensor_file_find(const TensorFile *file, const char *name); /* null: none */
/* The bytes of a .safetensors file; the same tensors give the same bytes. */
void safetensors_format(size_t count, const char *const *names, const Tensor *tensors, StrBuf *out);

/* What to do with tensors of the file that the network does not use. */
typedef enum ExtraWeights { EXTRA_WARN, EXTRA_ERROR } ExtraWeights;

/* Binds the graph's parameters to a file: every one must be there in its type and shape, or one
 * diagnostic lists all that are missing or differ. `num_batches_tracked` is ignored, other
 * leftovers are one warning or error, unless they are second names of what is used. Names that begin with "in." or "out." are test data and are
 * passed over. Sets graph->module->params; the file's names and data must live as long as the
 * module. */
bool params_from_file(Graph *graph, const TensorFile *file, const char *path, ExtraWeights extra,
                      Diag *diag);

/* Binds them to the generator of the design (Numerics): a counter-based one keyed by seed and
 * parameter path. He normal by fan-in for weights; norm weights 1 +- 0.1, biases and means +- 0.1,
 * variances in [0.5, 1.5]. Same bits everywhere: no libm whose rounding differs between hosts.
 * docs/language.md states the exact formula. */
void params_random(Graph *graph, uint64_t seed);

/* Deterministic test input for a type: floats normal with deviation 1, integers over their small
 * range, index operands of gather within bounds is the caller's care. */
void tensor_random(Tensor *tensor, uint64_t seed, const char *key);

#endif
