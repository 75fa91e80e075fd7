/* What every kernel with dot instructions does with their operands: vectors of groups, each as many
 * neighbouring elements of a sum as an instruction adds up for one lane (target_dot). */
#ifndef NNC_CODEGEN_LOWER_DOT_H
#define NNC_CODEGEN_LOWER_DOT_H

#include "codegen/lower/kernel.h"

/* x0 y0 x1 y1 ... of groups of `size` elements. */
LX dot_interleave(Kernel *k, LX x, LX y, int size);
/* One group, or a vector of them, for all lanes. */
LX dot_spread(Kernel *k, LX x, int lanes, int group);
/* An element as emit_element gives it of a value of that type, as it is stored. */
LX dot_narrow(Kernel *k, LX x, DType dtype);

#endif
