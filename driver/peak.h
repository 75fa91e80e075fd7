/* The machine's limit, measured with the compiler's own code. */
#ifndef NNC_DRIVER_PEAK_H
#define NNC_DRIVER_PEAK_H

#include "driver/pipeline.h"

/* f32 operations per second of one core (a fused multiply-add counts as two): a loop of independent
 * multiply-adds on registers only, compiled for the compilation's target, best of several runs. 0
 * where it cannot run. */
double peak_f32(Compilation *c);

#endif
