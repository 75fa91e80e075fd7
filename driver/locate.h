/* Finding the first wrong value of a compiled network. */
#ifndef NNC_DRIVER_LOCATE_H
#define NNC_DRIVER_LOCATE_H

#include "driver/pipeline.h"

/* For inputs on which a compiled network disagrees with the reference: says on stdout whether a
 * pass or the code of a kernel is at fault, and which value is the first that is off, with its
 * place in the source. */
void locate_first_wrong(Compilation *c, const Tensor *inputs, const int64_t *symbols, Arena *arena);

#endif
