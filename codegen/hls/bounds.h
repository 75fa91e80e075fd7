#ifndef NNC_CODEGEN_HLS_BOUNDS_H
#define NNC_CODEGEN_HLS_BOUNDS_H

#include "ir/loop.h"

/* Gives every loop of the kernel, which is changed, constant bounds, where the most iterations it
 * can have are known. Unroll and vector loops have been expanded. */
void hls_bound_loops(LProgram *program, LKernel *kernel);

#endif
