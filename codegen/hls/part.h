/* Private to the hls target: FPGA parts, and what operations cost on them. */
#ifndef NNC_CODEGEN_HLS_PART_H
#define NNC_CODEGEN_HLS_PART_H

#include "codegen/target.h"

typedef struct HlsPart {
    const char *name, *vitis; /* as -device says it; as Vivado does */
    double clock;             /* period in ns */
    int64_t dsps, brams;      /* multipliers; memories of 18 Kb */
} HlsPart;

/* What -device names: a part of the table, or a file that describes one:
 *
 *     part  = xc7z045ffg900-2     # as Vivado names it
 *     clock = 10                  # period in ns
 *     dsps  = 900
 *     brams = 1090                # memories of 18 Kb
 *
 * Null with a diagnostic. */
const HlsPart *hls_part(const TargetOptions *options, Arena *arena, Diag *diag);

/* One operation of a pipeline: cycles until its result is there, and multipliers. Figures of the
 * vendor's cores for floats at common clocks; what is not listed is logic of one cycle. */
typedef struct HlsCost {
    int latency, dsps;
} HlsCost;
HlsCost hls_cost(LX x);

enum { HLS_FLOAT_ADD_LATENCY = 5 };

#endif
