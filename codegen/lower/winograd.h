/* Convolutions by Winograd's minimal filtering. */
#ifndef NNC_CODEGEN_LOWER_WINOGRAD_H
#define NNC_CODEGEN_LOWER_WINOGRAD_H

#include "codegen/lower/nest.h"

/* Adds the kernel of a surveyed convolution that is marked for it (attribute `winograd`). False, and
 * nothing is added, where the operands do not lie in memory as it needs them. */
bool winograd_lower(const Job *job, const Contraction *c, const Finish *finish);

#endif
