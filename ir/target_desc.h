/* What passes and plans may know of a machine: numbers, never its name. */
#ifndef NNC_IR_TARGET_DESC_H
#define NNC_IR_TARGET_DESC_H

#include "ir/base/base.h"
#include "ir/dtype.h"

typedef struct TargetDesc {
    const char *name; /* for dumps and reports only */
    int vector_bits;  /* width of a SIMD register; 0: scalars only */
    int most_lanes;   /* of a vector, however narrow its elements; 0: as many as fit */
    int panel_lanes;  /* f32 elements of a block of weights or channels; 0: those of a vector */
    int vector_registers;
    bool masked_tails;      /* masked loads and stores cost no more than plain ones */
    bool broadcast_operand; /* an fma takes a broadcast scalar from memory */
    bool fma;
    int fma_ports;        /* fma instructions started per cycle */
    int narrow_fma_ports; /* the same of vectors half as wide, or less; 0: as many */
    int64_t l1_bytes, l2_bytes;
    int cores;
    bool amx_int8, amx_bf16, vnni, bf16_dot;
    /* Registers of matrix tiles, of so many rows of so many bytes; what they multiply: target_tiles.
     * All 0: there are none. */
    struct {
        int registers, rows, row_bytes;
    } tiles;
    /* A kernel may have several stages that go over the same rows one after the other: norms and
     * attention are one kernel each. */
    bool multi_stage;
    int64_t parallel_threshold; /* cycles below which a loop is not worth spreading */
    /* Of devices that run groups of work-items, which share local memory and meet at barriers;
     * group_items 0: iterations of parallel loops are threads. `cores` then run one of the largest
     * each. */
    int group_items;     /* work-items that a group has at most */
    int group_width;     /* of them run in step; a power of two, as group_items is */
    int item_registers;  /* 32-bit words that a work-item can keep at no cost */
    int load_bits;       /* widest load of one work-item */
    int64_t local_bytes; /* that a group should use at most */
    /* Kernels are tasks that pass a tensor's elements on in memory order: activations lie channels
     * last, loops are serial and nested in the order of the result's memory. */
    bool streams;
    int64_t task_cycles;      /* streams: lanes are added until a task needs no more; 0: one lane */
    int float_latency;        /* streams: cycles from a float accumulator to its next value */
    int64_t buffer_alignment; /* bytes, a power of two: of every tensor's place in memory; 0: 64 */
} TargetDesc;

/* Lanes of a vector of elements of that many bits; at least 1. */
static inline int target_lanes(const TargetDesc *target, int element_bits) {
    int lanes = target->vector_bits / element_bits;
    if (target->most_lanes > 0 && lanes > target->most_lanes) lanes = target->most_lanes;
    return lanes > 1 ? lanes : 1;
}

/* Fma instructions of that many bits started per cycle; at least 1. */
static inline int target_fma_ports(const TargetDesc *target, int bits) {
    bool is_narrow = target->narrow_fma_ports > 0 && 2 * bits <= target->vector_bits;
    int ports = is_narrow ? target->narrow_fma_ports : target->fma_ports;
    return ports > 1 ? ports : 1;
}

/* How many elements of each type, neighbours along a sum, an instruction multiplies and adds to one
 * accumulator (f32, or i32 of integers); 1: there is no such instruction. */
static inline int target_dot(const TargetDesc *target, DType a, DType b) {
    if (a == DT_bf16 && b == DT_bf16) return target->bf16_dot ? 2 : 1;
    if (a == DT_u8 && b == DT_i8) return target->vnni ? 4 : 1;
    return 1;
}

/* Whether matrix tiles multiply such elements: those of one tile in groups along the sum as
 * target_dot has them, each a cell of 32 bits beside an accumulator of 32 bits. */
static inline bool target_tiles(const TargetDesc *target, DType a, DType b) {
    if (target->tiles.registers == 0) return false;
    if (a == DT_bf16 && b == DT_bf16) return target->amx_bf16;
    if (a == DT_u8 && b == DT_i8) return target->amx_int8;
    return false;
}

/* Elements of a block in which weights and activations lie: one layout serves several widths of
 * vectors; 1: there are no vectors. */
static inline int target_panel_lanes(const TargetDesc *target) {
    int lanes = target_lanes(target, 32);
    return lanes > 1 && lanes < target->panel_lanes ? target->panel_lanes : lanes;
}

/* Elements of that many bits that one work-item loads at once; at least 1. */
static inline int target_load_lanes(const TargetDesc *target, int element_bits) {
    int lanes = target->load_bits / element_bits;
    return lanes > 1 ? lanes : 1;
}

#endif
