/* Between the readers of data files. */
#ifndef NNC_FRONTEND_DATAIO_PRIVATE_H
#define NNC_FRONTEND_DATAIO_PRIVATE_H

#include "frontend/dataio.h"

/* Reads a whole .npy file; name is what the user calls it. The tensor's data is a copy in the
 * arena. */
bool npy_parse(Arena *arena, const uint8_t *bytes, size_t size, const char *name, Tensor *tensor,
               Diag *diag);

/* Tells where a bool tensor holds something else than 0 and 1, or i4 and u4 what does not fit; true
 * if all is well. */
bool tensor_contents_valid(const Tensor *tensor, const char *file, const char *name, Diag *diag);

/* Sorts by name; false, after a message, where a name stands twice. */
bool tensor_file_sort(Arena *arena, TensorFile *file, const char *path, Diag *diag);

bool npz_read(Arena *arena, const char *path, TensorFile *file, Diag *diag);
bool safetensors_read(Arena *arena, const char *path, TensorFile *file, Diag *diag);

/* The path of a parameter in a file of weights. */
const char *param_path(const Node *node);
/* The parameters of a graph and its bodies, one node a path, in path order. */
const Node **graph_params(const Graph *graph, Arena *arena, size_t *count);

#endif
