/* What passes and plans may know of a machine: numbers, never its name. */
#ifndef NNC_IR_TARGET_DESC_H
#define NNC_IR_TARGET_DESC_H

#include "ir/base/base.h"

typedef struct TargetDesc {
    const char *name; /* for dumps and reports only */
    int vector_bits;  /* width of a SIMD register; 0: scalars only */
    int vector_registers;
    bool masked_tails;      /* masked loads and stores cost no more than plain ones */
    bool broadcast_operand; /* an fma takes a broadcast scalar from memory */
    bool fma;
    int fma_ports; /* fma instructions started per cycle */
    int64_t l1_bytes, l2_bytes;
    int cores;
    bool amx_int8, amx_bf16, vnni, bf16_dot;
    int64_t parallel_threshold; /* operations below which a loop is not worth spreading */
} TargetDesc;

/* Lanes of a vector of elements of that many bits; at least 1. */
static inline int target_lanes(const TargetDesc *target, int element_bits) {
    int lanes = target->vector_bits / element_bits;
    return lanes > 1 ? lanes : 1;
}

#endif
