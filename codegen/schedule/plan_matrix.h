/* Plans for processors with matrix tiles.
 *
 * A block of the result is rows x columns tiles of sums, all in registers at once with the tiles of
 * the operands that they are made from. A step of the reduction takes `depth` elements of every row
 * and column: it loads a tile of operand 0 for each tile of rows, one of operand 1 for each of
 * columns, and multiplies every pair. Which axes are rows and columns is the contraction's
 * (MatrixShape). Text form: nothing, or ` matrix=2x2x32`. */
#ifndef NNC_CODEGEN_SCHEDULE_PLAN_MATRIX_H
#define NNC_CODEGEN_SCHEDULE_PLAN_MATRIX_H

#include "codegen/schedule/contraction.h"

enum { MOST_MATRIX_TILES = 4 }; /* of a block along one side */
/* From one product of tiles, one load of a tile, to the next: Intel's optimization manual, for tiles
 * that are full. */
enum { MATRIX_PRODUCT_CYCLES = 16, MATRIX_LOAD_CYCLES = 8 };

typedef struct MatrixPlan {
    int rows, columns; /* tiles of a block */
    int depth;         /* elements along the dot axis; 0: the plan is not for matrix tiles */
} MatrixPlan;

/* The block with the least estimated time; false where vectors are as fast, or tiles cannot be
 * loaded from where the operands lie. */
bool matrix_plan(const Contraction *c, const TargetDesc *target, MatrixPlan *plan);
bool matrix_plan_fits(const Contraction *c, const TargetDesc *target, const MatrixPlan *plan);

void matrix_plan_print(const MatrixPlan *plan, StrBuf *out);
/* Reads all of the text; false where it is malformed or does not fit the contraction. */
bool matrix_plan_parse(const Contraction *c, const char *text, MatrixPlan *plan);

#endif
