/* The transforms of Winograd's minimal filtering, y = A'[(G g) * (B' d)] along each of two axes
 * (Winograd, "Arithmetic Complexity of Computations", 1980; the matrices are those of Lavin and
 * Gray, "Fast Algorithms for Convolutional Neural Networks", 2016), for kernels of 3. */
#ifndef NNC_CODEGEN_LOWER_WINOGRAD_TRANSFORM_H
#define NNC_CODEGEN_LOWER_WINOGRAD_TRANSFORM_H

#include "ir/loop.h"

enum { WINOGRAD_KERNEL = 3, WINOGRAD_MOST = 6 }; /* most inputs or outputs along an axis */

/* value = coefficient * x + y; y < 0: without it. Values are numbered: the inputs, then the steps. */
typedef struct TransformStep {
    double coefficient;
    int x, y;
} TransformStep;

typedef struct Transform {
    int inputs, outputs, nsteps;
    TransformStep steps[12];
    int results[WINOGRAD_MOST]; /* the values that are the outputs */
} Transform;

typedef struct WinogradTransforms {
    Transform image, weight, result; /* B', G, A' */
} WinogradTransforms;

/* For outputs of m x m, m 2 or 4. */
const WinogradTransforms *winograd_transforms(int m);

/* Both axes: x[inputs][inputs] to y[outputs][outputs], each a row of WINOGRAD_MOST entries. Steps
 * become lets of the current block. */
void transform_square(LBuilder *b, const Transform *t, LX (*x)[WINOGRAD_MOST],
                      LX (*y)[WINOGRAD_MOST]);

#endif
