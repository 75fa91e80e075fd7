/* Plans of convolutions by Winograd's minimal filtering.
 *
 * The result is cut into squares of m x m, each computed from (m + 2)^2 points of the image, which
 * is transformed; so is the weight, and for each point the sum over channels is a product of
 * matrices, tiles x channels by channels x filters. An iteration computes `tiles` tiles of `groups`
 * groups of `vectors` vectors of filters, taking `channels` channels at a time, so that both
 * transformed operands and the sums stay in the second cache. The register tile is rows x vectors.
 * Text form: `winograd=4 lanes=16 tiles=28 rows=14 vectors=2 groups=2 channels=64`. */
#ifndef NNC_CODEGEN_SCHEDULE_PLAN_WINOGRAD_H
#define NNC_CODEGEN_SCHEDULE_PLAN_WINOGRAD_H

#include "ir/target_desc.h"

typedef struct WinogradShape {
    int64_t images;            /* likely, where a symbol decides */
    int64_t height, width;     /* of the result */
    int64_t channels, filters; /* multiples of the lanes */
} WinogradShape;

typedef struct WinogradPlan {
    int m;        /* 2 or 4 */
    int lanes;    /* along channels of image and result */
    int tiles;    /* of an iteration; a multiple of rows */
    int rows;     /* tiles in registers */
    int vectors;  /* of filters in registers; divides filters / lanes */
    int groups;   /* of `vectors` vectors in an iteration; divides their number */
    int channels; /* transformed at once; divides the channels */
} WinogradPlan;

/* Of the plans whose scratch fits the caches, the one with the least estimated time. False where
 * there is none. */
bool winograd_plan(const WinogradShape *shape, int m, const TargetDesc *target, WinogradPlan *plan);
void winograd_plan_print(const WinogradPlan *plan, StrBuf *out);

#endif
