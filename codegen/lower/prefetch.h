#ifndef NNC_CODEGEN_LOWER_PREFETCH_H
#define NNC_CODEGEN_LOWER_PREFETCH_H

#include "codegen/lower/kernel.h"

/* Asks for the memory of the root at a logical index of the anchor, any of which may have lanes, and
 * for what the epilogue reads there. Nothing where lanes are not neighbours. */
void prefetch_result(Kernel *k, LX const *anchor_index);

#endif
