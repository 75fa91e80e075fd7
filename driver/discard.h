/* Giving memory of weights back while a compilation goes on. */
#ifndef NNC_DRIVER_DISCARD_H
#define NNC_DRIVER_DISCARD_H

#include "driver/pipeline.h"

/* After optimize: parameters that the passes replaced by others. */
void discard_parameters(Compilation *c);
/* After lower: parameters and constants that the program has packed copies of. */
void discard_constants(Compilation *c);

#endif
