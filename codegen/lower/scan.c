/* Scans: every element of a row from those before it, so that a row is a serial loop; over vectors
 * where its elements are neighbours in memory, each summed up in registers first. */
#include "codegen/lower/kernel.h"

typedef struct Scan {
    Rows rows;
    LType type;              /* of the running sum: one, or one a lane */
    bool exclusive, reverse; /* the attributes of cumsum */
} Scan;

static void emit_row(Rows *rows) {
    Scan *s = (Scan *)rows;
    Kernel *k = rows->k;
    LBuilder *b = k->b;
    int64_t one = 1;
    LX zero = lx_int(b, 0), extent = lx_dim(b, rows->x->type.dims[rows->axis]);
    LBuffer *cell = lb_declare(b, "sum", SPACE_PRIVATE, s->type, 1, &one);
    lb_store(b, cell, &zero, zero_of(k, s->type), NULL);
    Loop loop = {.scope = scope_begin(k)};
    loop.loop = lb_for(b, LOOP_SERIAL, "i", zero, extent);
    LX at = lb_loop_var(b, loop.loop);
    if (s->reverse) at = lb_let(b, "at", lx_sub(b, lx_addi(b, extent, -1), at));
    rows->index[rows->axis] = at;
    LX before = lb_let(b, "before", lx_load(b, cell, &zero));
    LX x = lx_broadcast(b, emit_element(k, rows->x, rows->index), s->type.lanes);
    LX sum = lb_let(b, "after", lx_add(b, before, x));
    lb_store(b, cell, &zero, sum, NULL);
    emit_result(k, rows->index, s->exclusive ? before : sum);
    loop_close(k, &loop);
}

/* ---- vectors along the row ------------------------------------------------------------------- */

enum { MOST_LANES = 1024 };

/* What is added to sums of runs of `by` lanes so that they become those of runs of twice as many: to
 * every other run the last lane of the one before. */
static LX carries(Kernel *k, LX sums, int by) {
    int map[MOST_LANES], lanes = sums->type.lanes;
    for (int i = 0; i < lanes; i++) map[i] = i / by % 2 ? i / by * by - 1 : lanes;
    return lx_shuffle(k->b, sums, zero_of(k, sums->type), lanes, map);
}

/* x one lane on, behind `first`. */
static LX behind(Kernel *k, LX first, LX x) {
    int map[MOST_LANES], lanes = x->type.lanes;
    for (int i = 0; i < lanes; i++) map[i] = i ? i - 1 : lanes;
    return lx_shuffle(k->b, x, lx_broadcast(k->b, first, lanes), lanes, map);
}

/* Sums within the vector, then what came before. */
static void emit_vector(Rows *rows, LBuffer *cell, LX mask) {
    Scan *s = (Scan *)rows;
    Kernel *k = rows->k;
    LBuilder *b = k->b;
    LX zero = lx_int(b, 0);
    require(rows->lanes <= MOST_LANES);
    (void)mask; /* what is off reads as 0, and is not stored */
    LX sum = lx_broadcast(b, emit_element(k, rows->x, rows->index), rows->lanes);
    for (int by = 1; by < rows->lanes; by *= 2)
        sum = lb_let(b, "sums", lx_add(b, sum, carries(k, sum, by)));
    LX before = lb_let(b, "before", lx_load(b, cell, &zero));
    /* From vector to vector goes one addition alone. */
    LX after = lx_add(b, before, lx_extract(b, sum, rows->lanes - 1));
    lb_store(b, cell, &zero, after, NULL);
    sum = lb_let(b, "after", lx_add(b, sum, before));
    emit_result(k, rows->index, s->exclusive ? behind(k, before, sum) : sum);
}

static void emit_row_of_vectors(Rows *rows) {
    Scan *s = (Scan *)rows;
    int64_t one = 1;
    LX zero = lx_int(rows->k->b, 0);
    LBuffer *cell = lb_declare(rows->k->b, "sum", SPACE_PRIVATE, s->type, 1, &one);
    lb_store(rows->k->b, cell, &zero, zero_of(rows->k, s->type), NULL);
    rows_pass(rows, emit_vector, cell);
}

/* ---- in the order of memory ------------------------------------------------------------------ */

/* Loops over axes first .. end - 1 of x, and where they stand. */
typedef struct Block {
    Loop loops[MAX_RANK];
    int first, end;
} Block;

static Block block_open(Scan *s, int first, int end) {
    Kernel *k = s->rows.k;
    Block block = {.first = first, .end = end};
    for (int i = first; i < end; i++) {
        LX extent = lx_dim(k->b, s->rows.x->type.dims[i]);
        block.loops[i] = loop_open(k, LOOP_SERIAL, "i", lx_int(k->b, 0), extent);
        s->rows.index[i] = block.loops[i].var;
    }
    return block;
}

static void block_close(Scan *s, Block *block) {
    for (int i = block->end; i-- > block->first;) loop_close(s->rows.k, &block->loops[i]);
}

/* For targets that stream: elements come and go in their order, with a sum for each row that
 * neighbours belong to. */
static bool is_for_streams(const Scan *s) {
    const TensorType *type = &s->rows.x->type;
    bool inner = false;
    for (int i = s->rows.axis + 1; i < type->rank; i++) {
        if (!dim_is_int(type->dims[i], NULL)) return false;
        inner = inner || !dim_is(type->dims[i], 1);
    }
    return s->rows.k->l->target->streams && inner && !s->reverse;
}

static void emit_in_order(Scan *s) {
    Rows *r = &s->rows;
    LBuilder *b = r->k->b;
    int first = r->axis + 1, rank = r->x->type.rank;
    int64_t dims[MAX_RANK];
    for (int i = first; i < rank; i++) dim_is_int(r->x->type.dims[i], &dims[i]);
    Block outer = block_open(s, 0, r->axis);
    LBuffer *sums = lb_declare(b, "sums", SPACE_PRIVATE, s->type, rank - first, dims + first);
    Block clear = block_open(s, first, rank);
    lb_store(b, sums, r->index + first, zero_of(r->k, s->type), NULL);
    block_close(s, &clear);
    Block inner = block_open(s, r->axis, rank);
    LX before = lb_let(b, "before", lx_load(b, sums, r->index + first));
    LX after = lb_let(b, "after", lx_add(b, before, emit_element(r->k, r->x, r->index)));
    lb_store(b, sums, r->index + first, after, NULL);
    emit_result(r->k, r->index, s->exclusive ? before : after);
    block_close(s, &inner);
    block_close(s, &outer);
}

/* ---- the operator ---------------------------------------------------------------------------- */

bool lower_cumsum(const Job *job) {
    Kernel k;
    const Node *node = job->anchor->def;
    Scan s = {.rows = {.k = &k, .x = node->operands[0]},
              .exclusive = node_int(node, "exclusive"),
              .reverse = node_int(node, "reverse")};
    const TensorType *type = &s.rows.x->type;
    s.rows.axis = normalize_axis(node_int(node, "axis"), type->rank);
    kernel_begin(&k, job->l, job->root, job->anchor, job->uses);
    k.path = job->path;
    k.path_length = job->path_length;
    DType dtype = compute_dtype(type->dtype);
    if (is_for_streams(&s)) {
        s.type = ltype(dtype, 1);
        emit_in_order(&s);
    } else {
        rows_choose_lanes(&s.rows, job, dtype, !s.reverse);
        bool along = !rows_are_lanes(&s.rows) && s.rows.lanes > 1;
        s.type = ltype(dtype, along ? 1 : s.rows.lanes);
        rows_each(&s.rows, 2 * dim_estimate(k.dims, type->dims[s.rows.axis]),
                  along ? emit_row_of_vectors : emit_row);
    }
    emit_border(&k);
    kernel_end(&k, kernel_name(job), "", type_elements(k.dims, type));
    return true;
}
