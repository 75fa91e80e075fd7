/* Private: a helper of run. */
#ifndef NNC_CODEGEN_CPU_OVERLAP_H
#define NNC_CODEGEN_CPU_OVERLAP_H

#include "codegen/cpu/code.h"

/* bool overlap(ports, inputs, total): whether an output meets an input or an earlier output; ports
 * are pairs (begin, end), inputs first. A loop in the object, since networks with caches have
 * dozens of ports. */
LV emit_overlap(Unit *unit);

#endif
