/* Private to the hls target: pipelines, and what a task takes by our own model. */
#ifndef NNC_CODEGEN_HLS_MODEL_H
#define NNC_CODEGEN_HLS_MODEL_H

#include "codegen/hls/body.h"

/* Makes nests perfect where statements stand before the only loop in a loop (sink.c). */
void hls_sink(LProgram *program, LKernel *kernel);

/* Innermost loops of a kernel that is ready to print become pipelines, with the interval that
 * dependences, the two ports of an array and the one end of a channel allow. */
void hls_pipeline(DimContext *dims, LKernel *kernel);

/* The first pipeline that claims a shorter interval than these allow; null: none. */
const LStmt *hls_too_fast(DimContext *dims, const LKernel *kernel);

typedef struct HlsEstimate {
    int64_t cycles;     /* of one run */
    int64_t multiplies; /* side by side in the pipeline with most of them */
    int64_t dsps, brams;
    int interval; /* of that pipeline */
} HlsEstimate;

/* A pipeline of n iterations takes latency + interval * (n - 1) cycles; loops around one with
 * nothing else in them are part of it; any other loop takes two cycles more than its body each
 * time. Multipliers of a pipeline are shared by operations interval cycles apart, those of
 * different loops are not shared. Constant parameters and arrays count as memories from 64 elements
 * on. */
HlsEstimate hls_estimate(const LKernel *kernel);

#endif
