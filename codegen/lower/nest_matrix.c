/* The nest of a plan for matrix tiles; see plan_matrix.h.
 *
 * One parallel loop goes over blocks of the result, each of which runs through the whole reduction.
 * The rows of a block lie equally far apart in operand 0 (MatrixShape), so that its tiles are loaded
 * where it lies, as those of operand 1 are; nothing is packed. When the sums are done they go to
 * memory of the iteration, from which the epilogue takes them vector by vector as from registers.
 *
 * Shapes of tiles are set up once for all code of a function, for eight registers, so a shape of its
 * own for what remains at an end would take registers from the rest. Instead:
 *
 * - rows: the last tile is moved back so that it ends where the rows end. Rows that an earlier tile
 *   has are computed twice and stored once. Only where there are fewer rows than a tile has is the
 *   tile smaller.
 * - columns: operand 1 is padded to whole vectors in memory; the epilogue's stores have a mask.
 * - the sum: the depth divides it. */
#include "codegen/lower/nest.h"

/* Tiles of rows from `begin` on, `height` rows; those from `skip` on are stored. */
typedef struct Band {
    LX begin;
    int tiles, height, skip;
} Band;

typedef struct MatrixNest {
    Nest *n;
    const MatrixShape *shape;
    const MatrixPlan *plan;
    const ContractionPlan *scalars; /* while tiles are loaded, at scalar indices */
    ContractionPlan vectors;        /* while vectors of columns are stored */
    int tile_rows, lanes;
    Band band;
    int columns;                             /* tiles of the block */
    LX place[MOST_MATRIX_TILES][MAX_DOMAIN]; /* of each tile's first row, along the axes of rows */
    LX first_column;
    LBuffer *sums; /* [tile of rows][tile of columns] */
} MatrixNest;

/* First row of a tile in its band. */
static int tile_begin(const MatrixNest *m, int tile) {
    return tile + 1 < m->band.tiles ? tile * m->tile_rows : m->band.height - m->tile_rows;
}

/* ---- one step -------------------------------------------------------------------------------- */

static LX load_tile(MatrixNest *m, int operand, LType type, int64_t step) {
    Kernel *k = m->n->k;
    LX index[MAX_RANK], physical[MAX_AXES], at[MAX_AXES];
    const Value *value = dot_stored(k, m->n->c, operand);
    nest_access_index(m->n, &m->n->c->operands[operand], index);
    physical_index(k, &value->type, index, physical);
    memory_index(k, &value->type, physical, at);
    LX tile = lx_tile_load(k->b, type, kernel_leaf(k, value)->buffer, at, lx_int(k->b, step));
    return lb_let(k->b, operand ? "w" : "x", tile);
}

static void emit_step(MatrixNest *m) {
    Nest *n = m->n;
    LBuilder *b = n->k->b;
    const Contraction *c = n->c;
    LX rows[MOST_MATRIX_TILES], columns[MOST_MATRIX_TILES];
    LType of_rows = ltype_tile(dot_dtype(n->k, c, 0), m->tile_rows, m->plan->depth);
    LType of_columns =
        ltype_tile(dot_dtype(n->k, c, 1), m->plan->depth / c->dot, m->lanes * c->dot);
    for (int i = 0; i < m->band.tiles; i++) {
        for (int a = 0; a < m->shape->nrows; a++)
            n->at[m->shape->rows[a]] = m->place[i][m->shape->rows[a]];
        rows[i] = load_tile(m, 0, of_rows, m->shape->row_step);
    }
    for (int j = 0; j < m->columns; j++) {
        n->at[m->shape->column] = lx_addi(b, m->first_column, j * m->lanes);
        columns[j] = load_tile(m, 1, of_columns, m->shape->group_step);
        for (int i = 0; i < m->band.tiles; i++) {
            LX at[] = {lx_int(b, i), lx_int(b, j)};
            LX sum = lx_tile_dot(b, lx_load(b, m->sums, at), rows[i], columns[j]);
            lb_store(b, m->sums, at, sum, NULL);
        }
    }
}

static void reduction_loops(MatrixNest *m, int part) {
    Nest *n = m->n;
    LBuilder *b = n->k->b;
    if (part == n->c->nparts) {
        emit_step(m);
        return;
    }
    LoopPart p = n->c->parts[part];
    const DomainAxis *axis = &n->c->axes[p.axis];
    LX outside = p.kind == PART_INSIDE ? n->at[p.axis] : lx_int(b, 0);
    LX extent = p.kind == PART_INSIDE ? lx_int(b, axis->block) : lx_dim(b, axis->extent);
    int64_t step = p.kind == PART_BLOCKS ? axis->block : 1;
    if (p.axis == n->c->dot_axis && p.kind != PART_BLOCKS) step = m->plan->depth;
    extent = lx_binary(b, LB_FLOORDIV, extent, lx_int(b, step));
    Loop loop = loop_open(n->k, LOOP_SERIAL, axis->name, lx_int(b, 0), extent);
    n->at[p.axis] = lx_add(b, outside, lx_muli(b, loop.var, step));
    reduction_loops(m, part + 1);
    n->at[p.axis] = outside;
    loop_close(n->k, &loop);
}

/* ---- results --------------------------------------------------------------------------------- */

/* Sets n->at to a row of the result. */
static void place_row(const MatrixNest *m, LX row) {
    nest_scatter(m->n, m->shape->nrows, m->shape->rows, row);
}

static LBuffer *spill_sums(MatrixNest *m) {
    LBuilder *b = m->n->k->b;
    int64_t dims[] = {m->band.height, m->columns * m->lanes};
    LBuffer *results = lb_declare(b, "results", SPACE_PRIVATE, ltype(m->n->c->dtype, 1), 2, dims);
    for (int i = 0; i < m->band.tiles; i++) {
        for (int j = 0; j < m->columns; j++) {
            LX tile[] = {lx_int(b, i), lx_int(b, j)};
            LX at[] = {lx_int(b, tile_begin(m, i)), lx_int(b, j * m->lanes)};
            lb_tile_store(b, results, at, lx_int(b, dims[1]), lx_load(b, m->sums, tile));
        }
    }
    return results;
}

/* A formula's steps for several vectors are written out side by side; see nest_finish.c. */
static void finish(MatrixNest *m) {
    enum { SIDE_BY_SIDE = 2 };
    Nest *n = m->n;
    LBuilder *b = n->k->b;
    LBuffer *results = spill_sums(m);
    int rows = m->band.height - m->band.skip, together = rows % SIDE_BY_SIDE ? 1 : SIDE_BY_SIDE;
    n->at[m->shape->column] = m->first_column;
    Loop loop = loop_open(n->k, LOOP_SERIAL, "row", lx_int(b, 0), lx_int(b, rows / together));
    Loop beside = loop_open(n->k, LOOP_UNROLL, "u", lx_int(b, 0), lx_int(b, together));
    LX row = lx_add(b, lx_muli(b, loop.var, together), beside.var);
    row = lx_addi(b, row, m->band.skip);
    place_row(m, lx_add(b, m->band.begin, row));
    Loop vectors = loop_open(n->k, LOOP_UNROLL, "v", lx_int(b, 0), lx_int(b, m->columns));
    n->vector = vectors.var;
    LX at[] = {row, lx_ramp(b, lx_muli(b, n->vector, m->lanes), 1, m->lanes)};
    nest_store(n, lx_load(b, results, at));
    loop_close(n->k, &vectors);
    loop_close(n->k, &beside);
    loop_close(n->k, &loop);
}

/* ---- a block --------------------------------------------------------------------------------- */

static void emit_block(MatrixNest *m) {
    Nest *n = m->n;
    LBuilder *b = n->k->b;
    size_t scope = scope_begin(n->k);
    LType type = ltype_tile(n->c->dtype, m->tile_rows, m->lanes);
    int64_t dims[] = {m->band.tiles, m->columns};
    m->sums = lb_declare(b, "sums", SPACE_PRIVATE, type, 2, dims);
    for (int i = 0; i < m->band.tiles; i++) {
        place_row(m, lx_addi(b, m->band.begin, tile_begin(m, i)));
        for (int a = 0; a < m->shape->nrows; a++)
            m->place[i][m->shape->rows[a]] = n->at[m->shape->rows[a]];
        for (int j = 0; j < m->columns; j++)
            lb_store(b, m->sums, (LX[]){lx_int(b, i), lx_int(b, j)}, lx_tile_zero(b, type), NULL);
    }
    reduction_loops(m, 0);
    n->plan = &m->vectors;
    finish(m);
    n->plan = m->scalars;
    scope_end(n->k, scope);
}

/* Whole blocks of rows, then what remains. */
static void emit_bands(MatrixNest *m, LX block) {
    LBuilder *b = m->n->k->b;
    int64_t height = (int64_t)m->plan->rows * m->tile_rows, count = m->shape->count;
    int64_t whole = count / height, rest = count % height;
    LStmt *branch = NULL;
    if (whole > 0 && rest > 0) branch = lb_if(b, lx_binary(b, LB_LT, block, lx_int(b, whole)));
    if (whole > 0) {
        m->band = (Band){lx_muli(b, block, height), m->plan->rows, (int)height, 0};
        emit_block(m);
    }
    if (branch) lb_else(b, branch);
    if (rest > 0) {
        int tiles = (int)ceil_div(rest, m->tile_rows);
        int64_t begin = count - (int64_t)tiles * m->tile_rows;
        if (begin < 0) begin = 0;
        m->band =
            (Band){lx_int(b, begin), tiles, (int)(count - begin), (int)(whole * height - begin)};
        emit_block(m);
    }
    if (branch) lb_end(b, branch);
}

static void emit_columns(MatrixNest *m, const Region *regions, int count, LX tile, LX block) {
    Nest *n = m->n;
    LBuilder *b = n->k->b;
    int64_t tiles;
    require(dim_is_int(regions->count, &tiles));
    LStmt *branch = NULL;
    if (count > 1) branch = lb_if(b, lx_binary(b, LB_LT, tile, lx_int(b, tiles)));
    n->masked = regions->masked;
    m->columns = regions->size;
    LX begin = lx_muli(b, tile, (int64_t)regions->size * m->lanes);
    m->first_column = lx_add(b, lx_dim(b, regions->begin), begin);
    emit_bands(m, block);
    if (!branch) return;
    lb_else(b, branch);
    emit_columns(m, regions + 1, count - 1, lx_addi(b, tile, -tiles), block);
    lb_end(b, branch);
}

/* ---- the nest -------------------------------------------------------------------------------- */

static bool is_row_axis(const MatrixShape *shape, int axis) {
    for (int i = 0; i < shape->nrows; i++)
        if (shape->rows[i] == axis) return true;
    return false;
}

/* Cycles of the whole contraction, all blocks taken as whole. */
static double cycles_of(const MatrixNest *m) {
    double cycles = MATRIX_PRODUCT_CYCLES;
    const Contraction *c = m->n->c;
    for (int i = 0; i < c->naxes; i++)
        cycles *= (double)dim_estimate(m->n->k->dims, c->axes[i].extent);
    return cycles / ((double)m->tile_rows * m->lanes * m->plan->depth);
}

void nest_matrix(Nest *n) {
    Kernel *k = n->k;
    const MatrixShape *shape = &n->c->matrix;
    MatrixNest m = {.n = n, .shape = shape, .plan = &n->plan->matrix, .scalars = n->plan};
    Region regions[MAX_REGIONS];
    Dim extents[MAX_DOMAIN + 2];
    const char *names[MAX_DOMAIN + 2];
    LX vars[MAX_DOMAIN + 2];
    int outer[MAX_DOMAIN], count = 0;
    const DomainAxis *column = &n->c->axes[shape->column];
    m.lanes = column->lanes;
    m.vectors = *n->plan;
    m.vectors.vector_axis = shape->column;
    m.vectors.lanes = m.lanes;
    m.tile_rows = k->l->target->tiles.rows;
    if (shape->count < m.tile_rows) m.tile_rows = (int)shape->count;
    for (int i = 0; i < n->c->naxes; i++) {
        if (n->c->axes[i].reduced || i == shape->column || is_row_axis(shape, i)) continue;
        extents[count] = n->c->axes[i].extent;
        names[count] = n->c->axes[i].name;
        outer[count++] = i;
    }
    int nregions = vector_regions(n, shape->column, m.plan->columns, m.lanes, regions);
    extents[count] = dim_int(k->dims, 0);
    for (int r = 0; r < nregions; r++)
        extents[count] = dim_add(k->dims, extents[count], regions[r].count);
    names[count] = column->name;
    int64_t height = (int64_t)m.plan->rows * m.tile_rows;
    extents[count + 1] = dim_int(k->dims, ceil_div(shape->count, height));
    names[count + 1] = "block";
    int64_t cost = loops_cost(k, cycles_of(&m), count + 2, extents);
    Collapsed loops = loops_open(k, count + 2, extents, names, cost, vars);
    for (int i = 0; i < count; i++) n->at[outer[i]] = vars[i];
    emit_columns(&m, regions, nregions, vars[count], vars[count + 1]);
    loops_close(k, loops);
}
