/* Layouts: how a tensor's elements lie in memory, as data.
 *
 * A layout is a list of steps that turn the logical index into the physical one. Each step rewrites
 * the list of axes: pad adds lo zeros before and hi after an axis; split replaces an axis of size s
 * by two of ceil(s/f) and f (the tail is zero padding); permute reorders. Memory is row-major over
 * the final axes. The compile-time packer, packing kernels and index arithmetic are all derived
 * from this list. A null layout is the default (row-major). */
#ifndef NNC_IR_LAYOUT_H
#define NNC_IR_LAYOUT_H

#include "ir/dim.h"
#include "ir/dtype.h"

enum { MAX_RANK = 8, MAX_AXES = 12 }; /* logical axes; physical axes */

typedef enum LayoutStepKind { LAYOUT_PAD, LAYOUT_SPLIT, LAYOUT_PERMUTE } LayoutStepKind;

typedef struct LayoutStep {
    LayoutStepKind kind;
    int axis;       /* pad, split: position in the list of axes before this step */
    int64_t lo, hi; /* pad */
    int64_t factor; /* split */
    int count;      /* permute: number of axes; new axis i is old axis order[i] */
    int order[MAX_AXES];
} LayoutStep;

typedef struct Layout {
    int nsteps;
    LayoutStep steps[8];
} Layout;

typedef const Layout *LayoutRef; /* interned in the module: equal layouts are the same pointer */

/* Text between the braces of a type, e.g. `split(1,16) permute(0,1,3,4,2)`; the blocked image
 * layouts print by their usual names (`NCHW16c`, `NHWC`). */
void layout_print(LayoutRef layout, int rank, StrBuf *out);
/* Parses what layout_print wrote; false if malformed. */
bool layout_parse(const char **text, int rank, Layout *layout);
/* Splits axis by factor and moves the inner part last: (1, 16) at rank 4 is NCHW16c. */
Layout layout_blocked(int rank, int axis, int64_t factor);
/* Legal for that rank: axes in range, factors > 0, permutations whole. */
bool layout_valid(const Layout *layout, int rank);
/* Physical axes of a tensor of dims[rank]; returns their number, or -1 on overflow. */
int layout_physical_dims(DimContext *ctx, LayoutRef layout, int rank, const Dim *dims,
                         Dim *physical);
/* Position in physical memory of the element with the logical index; all sizes concrete. */
int64_t layout_offset(LayoutRef layout, int rank, const int64_t *dims, const int64_t *index);

#endif
