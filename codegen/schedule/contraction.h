/* A contraction: one structure for everything that sums (or takes the maximum of) products over an
 * iteration domain.
 *
 *   result[r(d)] = combine over the reduced axes of  a[a(d)] * b[b(d)]        d in the domain
 *
 * Convolution, dense and matmul have two operands; reductions and windows have one and combine by
 * sum, product, minimum or maximum. The maps from the domain to the logical indices of operands and
 * result are affine. */
#ifndef NNC_CODEGEN_SCHEDULE_CONTRACTION_H
#define NNC_CODEGEN_SCHEDULE_CONTRACTION_H

#include "ir/loop.h"
#include "ir/target_desc.h"

enum { MAX_DOMAIN = 2 * MAX_RANK };

typedef struct DomainAxis {
    const char *name; /* unique in the domain */
    Dim extent;
    bool reduced;
    int64_t block; /* > 1: divides the extent; operands lie in blocks of that many, and so it is
                      iterated */
    int lanes;     /* of a vector along it */
    int panel;     /* elements of a block in which an operand lies along it; 1: none */
} DomainAxis;

/* offset + sum of scale * axis */
typedef struct AffineIndex {
    int64_t offset;
    int nterms;
    struct {
        int axis;
        int64_t scale;
    } terms[2];
    bool may_leave; /* it can lie outside the operand, which then does not count */
} AffineIndex;

/* How memory is accessed when one axis of the domain is the vector axis. */
typedef enum Stride {
    STRIDE_NONE,
    STRIDE_ONE,
    STRIDE_FEW, /* of loads: lanes lie a few elements apart */
    STRIDE_ANY
} Stride;

typedef struct Access {
    const Value *value;
    AffineIndex index[MAX_RANK]; /* one entry a logical axis of value */
    Stride along[MAX_DOMAIN];    /* of an operand's loads; of the result: of the root's stores */
    bool padded[MAX_DOMAIN];     /* an operand's memory ends with a whole vector along the axis */
    bool grouped; /* an operand's elements that one dot takes together are neighbours in memory */
} Access;

/* How a contraction lies in memory as a product of matrices whose tiles are loaded as they are:
 * operand 0 is [rows, sum], operand 1 [sum / group, column, group] (dot axis and its groups, see
 * Contraction). Other reduced axes are loops around. */
typedef struct MatrixShape {
    int depth; /* most elements along the dot axis that one tile can take at multiples of that many;
                    0: the contraction does not lie so */
    int column;                  /* axis of the result along which tiles of operand 1 lie */
    int nrows, rows[MAX_DOMAIN]; /* axes that are one long axis of rows, the last varying fastest */
    int64_t count;               /* of rows */
    int64_t row_step;            /* elements of operand 0 from one row to the next */
    int64_t group_step; /* elements of operand 1 from one group along the dot axis to the next */
} MatrixShape;

typedef enum Combine {
    COMBINE_DOT,
    COMBINE_SUM,
    COMBINE_PRODUCT,
    COMBINE_MIN,
    COMBINE_MAX
} Combine;

/* One loop of the reduction: a whole axis, or its blocks, or the inside of a block. */
typedef enum PartKind { PART_WHOLE, PART_BLOCKS, PART_INSIDE } PartKind;
typedef struct LoopPart {
    int axis;
    PartKind kind;
} LoopPart;

typedef struct Contraction {
    int naxes;
    DomainAxis axes[MAX_DOMAIN]; /* those of the result first, in its order */
    int noperands;
    Access operands[2];
    Access result; /* value: the anchor */
    Combine combine;
    DType dtype; /* of the accumulators */
    /* A dot instruction takes that many elements of each operand along a reduced axis; 1 or 0: there
     * is none. Groups start at its multiples. */
    int dot, dot_axis;
    MatrixShape matrix;
    /* The loops of the reduction in the order in which the operand that is read most lies in
     * memory. */
    int nparts;
    LoopPart parts[2 * MAX_DOMAIN];
    /* For targets that stream: the axes of the result as they lie in memory, outermost first. */
    int norder;
    int order[MAX_DOMAIN];
} Contraction;

/* Adds an axis and returns its number. */
int contraction_axis(Contraction *c, const char *name, Dim extent, bool reduced);
/* Adds scale * axis to an index. */
void affine_term(AffineIndex *index, int axis, int64_t scale);
bool affine_depends(const AffineIndex *index, int axis);
/* Whether an operand's index depends on the axis. */
bool access_depends(const Access *access, int axis);

#endif
