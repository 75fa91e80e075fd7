/* Composites that take more than a few lines to rewrite. Internal to passes/. */
#ifndef NNC_PASSES_DECOMPOSE_H
#define NNC_PASSES_DECOMPOSE_H

#include "passes/support.h"

/* The value of a conv_transpose2d as a convolution; null after a diagnostic. The convolution takes
 * over the annotations. */
Value *decompose_conv_transpose2d(PassContext *context, Builder *b, Node *node);

#endif
