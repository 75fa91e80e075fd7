/* Samples that a target's files test themselves with. */
#ifndef NNC_DRIVER_SAMPLES_H
#define NNC_DRIVER_SAMPLES_H

#include "driver/pipeline.h"

/* Generated inputs, the same each time, and what the reference makes of them; fewer where a run is
 * long. Set in the target's options. All symbols are bound. */
bool samples_make(Compilation *c);

#endif
