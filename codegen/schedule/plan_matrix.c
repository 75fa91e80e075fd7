/* Chooses the block of tiles.
 *
 * The model: tiles that are not full take as long as those that are. Loads go on beside products as
 * long as what they bring is near, so that products alone should bind; but both operands of a step
 * come from the second cache as often as not, and of two blocks the one with fewer loads a product
 * is better: the model adds both up. */
#include "codegen/schedule/plan_matrix.h"

#include <stdio.h>

/* Sums and operands of a block at once. */
static int registers_of(int rows, int columns) {
    return rows * columns + rows + columns;
}

/* Tiles of the whole result along one side; the columns of a tile are the lanes of a vector. */
static int64_t row_tiles(const Contraction *c, const TargetDesc *target) {
    return ceil_div(c->matrix.count, target->tiles.rows);
}

static int64_t column_tiles(const Contraction *c) {
    int64_t columns;
    const DomainAxis *axis = &c->axes[c->matrix.column];
    require(dim_is_int(axis->extent, &columns));
    return ceil_div(columns, axis->lanes);
}

static bool block_fits(const Contraction *c, const TargetDesc *target, int rows, int columns) {
    return rows >= 1 && columns >= 1 && rows <= MOST_MATRIX_TILES && columns <= MOST_MATRIX_TILES &&
           registers_of(rows, columns) <= target->tiles.registers && rows <= row_tiles(c, target) &&
           columns <= column_tiles(c);
}

/* Cycles of one step of the reduction for rows x columns tiles. */
static int64_t step_cycles(int64_t rows, int64_t columns) {
    return MATRIX_PRODUCT_CYCLES * rows * columns + MATRIX_LOAD_CYCLES * (rows + columns);
}

/* Of all blocks; those at the ends have fewer tiles. */
static int64_t total_cycles(int64_t all_rows, int64_t all_columns, int rows, int columns) {
    int64_t down = all_rows / rows, across = all_columns / columns;
    int64_t rest_rows = all_rows % rows, rest_columns = all_columns % columns;
    int64_t sum = down * across * step_cycles(rows, columns);
    if (rest_rows) sum += across * step_cycles(rest_rows, columns);
    if (rest_columns) sum += down * step_cycles(rows, rest_columns);
    if (rest_rows && rest_columns) sum += step_cycles(rest_rows, rest_columns);
    return sum;
}

/* Whether tiles that are partly empty still take less than as many vectors of dots would. */
static bool beats_vectors(const Contraction *c, const TargetDesc *target) {
    int64_t ports = target->fma_ports > 0 ? target->fma_ports : 1;
    int64_t products = row_tiles(c, target) * MATRIX_PRODUCT_CYCLES * ports;
    return products * c->dot < c->matrix.count * c->matrix.depth;
}

bool matrix_plan(const Contraction *c, const TargetDesc *target, MatrixPlan *plan) {
    int64_t least = 0;
    if (c->matrix.depth == 0 || !beats_vectors(c, target)) return false;
    int64_t rows = row_tiles(c, target), columns = column_tiles(c);
    for (int i = 1; i <= MOST_MATRIX_TILES; i++) {
        for (int j = 1; j <= MOST_MATRIX_TILES; j++) {
            if (!block_fits(c, target, i, j)) continue;
            int64_t cycles = total_cycles(rows, columns, i, j);
            if (least > 0 && cycles >= least) continue;
            least = cycles;
            *plan = (MatrixPlan){i, j, c->matrix.depth};
        }
    }
    return least > 0;
}

bool matrix_plan_fits(const Contraction *c, const TargetDesc *target, const MatrixPlan *plan) {
    return c->matrix.depth > 0 && plan->depth > 0 && c->matrix.depth % plan->depth == 0 &&
           plan->depth % c->dot == 0 && block_fits(c, target, plan->rows, plan->columns);
}

/* ---- text ------------------------------------------------------------------------------------ */

void matrix_plan_print(const MatrixPlan *plan, StrBuf *out) {
    if (plan->depth > 0)
        str_printf(out, " matrix=%dx%dx%d", plan->rows, plan->columns, plan->depth);
}

bool matrix_plan_parse(const Contraction *c, const char *text, MatrixPlan *plan) {
    int end = 0;
    MatrixPlan p = {0};
    int read = sscanf(text, " matrix=%3dx%3dx%3d%n", &p.rows, &p.columns, &p.depth, &end);
    if (read != 3 || text[end] != '\0' || p.rows < 1 || p.columns < 1 || p.depth < 1) return false;
    *plan = p;
    return c->matrix.depth > 0 && c->matrix.depth % p.depth == 0;
}
