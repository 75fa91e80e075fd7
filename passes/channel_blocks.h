/* Movement that keeps blocks of channels together. Internal to passes/. */
#ifndef NNC_PASSES_CHANNEL_BLOCKS_H
#define NNC_PASSES_CHANNEL_BLOCKS_H

#include "passes/support.h"

/* Whether a node (a movement operator, or a body of reshapes and transposes of one value) yields an
 * image [N, C, H, W] in which every `block` channels from a multiple of it are neighbours among the
 * channels, axis 1, of what it reads, from a multiple of the block as well: as concat along channels
 * and the weaving of a transposed convolution do. */
bool moves_channel_blocks(const Node *node, int64_t block);

/* The same of a value made by reshapes and transposes from the result of a convolution. */
bool weaves_channel_blocks(const Value *value, int64_t block);

#endif
