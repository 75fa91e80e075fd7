/* Nests for tasks: loops in the order of the result's memory, so that results leave in that order
 * and operands can come in it. See plan_task.h. */
#include "codegen/lower/nest.h"
#include "ir/loop/rewrite.h"

/* ---- the order of the result's axes ---------------------------------------------------------- */

typedef struct Search {
    const LExpr *var;
    bool found;
} Search;

static bool find_variable(void *context, LX x) {
    Search *s = context;
    s->found = s->found || x == s->var;
    return !s->found;
}

static bool depends(LX x, LX var) {
    Search s = {var, false};
    lx_each(x, find_variable, &s);
    return s.found;
}

void task_order(const Job *job, Contraction *c) {
    Kernel k;
    LX at[MAX_DOMAIN], anchor[MAX_RANK], root[MAX_RANK], physical[MAX_AXES];
    kernel_probe(&k, job->l, job->root, job->anchor);
    k.path = job->path;
    k.path_length = job->path_length;
    for (int i = 0; i < c->naxes; i++)
        at[i] = lb_loop_var(k.b, lb_for(k.b, LOOP_SERIAL, c->axes[i].name, lx_int(k.b, 0),
                                        lx_dim(k.b, c->axes[i].extent)));
    for (int i = 0; i < job->anchor->type.rank; i++) {
        const AffineIndex *index = &c->result.index[i];
        anchor[i] = lx_int(k.b, index->offset);
        for (int t = 0; t < index->nterms; t++)
            anchor[i] = lx_add(k.b, anchor[i],
                               lx_muli(k.b, at[index->terms[t].axis], index->terms[t].scale));
    }
    epilogue_index(&k, anchor, root);
    int count = physical_index(&k, &job->root->type, root, physical);
    bool placed[MAX_DOMAIN] = {false};
    c->norder = 0;
    for (int p = 0; p < count; p++) {
        for (int i = 0; i < c->naxes; i++) {
            if (placed[i] || c->axes[i].reduced || !depends(physical[p], at[i])) continue;
            placed[i] = true;
            c->order[c->norder++] = i;
        }
    }
}

/* ---- loops ----------------------------------------------------------------------------------- */

typedef struct Stream {
    Nest *n;
    const TaskPlan *plan;
    int inner, around, last; /* axes; -1: none */
    int64_t cells[2];        /* accumulators: of the tile, of the inner axis */
    LX base;                 /* first index of the tile */
    double factor;           /* of every product; 1: none */
} Stream;

static int64_t constant_extent(const Contraction *c, int axis) {
    int64_t extent = 1;
    if (axis >= 0) require(dim_is_int(c->axes[axis].extent, &extent));
    return extent;
}

static Loop serial(Nest *n, const char *name, int64_t extent) {
    return loop_open(n->k, LOOP_SERIAL, name, lx_int(n->k->b, 0), lx_int(n->k->b, extent));
}

/* One row of accumulators after the other: those of one element of the tile. */
static Loop row_open(Stream *s, LX *cell) {
    Nest *n = s->n;
    Loop loop = serial(n, "t", s->cells[0]);
    cell[0] = loop.var;
    if (s->around >= 0) n->at[s->around] = lx_add(n->k->b, s->base, loop.var);
    return loop;
}

typedef struct Lanes {
    Loop steps, lanes;
} Lanes;

static Lanes lanes_open(Stream *s, LX *cell) {
    Nest *n = s->n;
    LBuilder *b = n->k->b;
    int lanes = s->plan->lanes;
    Lanes l;
    const char *name = s->inner >= 0 ? n->c->axes[s->inner].name : "cell";
    l.steps = serial(n, name, s->cells[1] / lanes);
    l.lanes = loop_open(n->k, LOOP_UNROLL, "lane", lx_int(b, 0), lx_int(b, lanes));
    cell[1] = lx_add(b, lx_muli(b, l.steps.var, lanes), l.lanes.var);
    if (s->inner >= 0) n->at[s->inner] = cell[1];
    return l;
}

static void lanes_close(Stream *s, Lanes *l) {
    loop_close(s->n->k, &l->lanes);
    loop_close(s->n->k, &l->steps);
}

static void clear(Stream *s) {
    LX cell[2];
    Loop row = row_open(s, cell);
    Lanes lanes = lanes_open(s, cell);
    lb_store(s->n->k->b, s->n->accumulators, cell, nest_identity(s->n), NULL);
    lanes_close(s, &lanes);
    loop_close(s->n->k, &row);
}

static void finish(Stream *s) {
    LX cell[2];
    LBuilder *b = s->n->k->b;
    Loop row = row_open(s, cell);
    Lanes lanes = lanes_open(s, cell);
    LX value = lx_load(b, s->n->accumulators, cell);
    if (s->factor != 1) value = lx_mul(b, value, lx_const(b, ltype(s->n->c->dtype, 1), s->factor));
    nest_store(s->n, value);
    lanes_close(s, &lanes);
    loop_close(s->n->k, &row);
}

/* ---- one step of the reduction --------------------------------------------------------------- */

enum { MOST_TERMS = 16 };

/* Sum of values, halves first. */
static LX tree(LBuilder *b, LX const *values, int count) {
    if (count == 1) return values[0];
    int half = (count + 1) / 2;
    return lx_add(b, tree(b, values, half), tree(b, values + half, count - half));
}

static void set_term(Stream *s, LX first, int term) {
    if (s->last >= 0) s->n->at[s->last] = lx_addi(s->n->k->b, first, term);
}

static void step(Stream *s) {
    Nest *n = s->n;
    LBuilder *b = n->k->b;
    const Contraction *c = n->c;
    LX common[2][MOST_TERMS] = {{NULL}}, terms[MOST_TERMS], cell[2];
    LX first = s->last >= 0 ? n->at[s->last] : NULL;
    int count = s->plan->terms;
    Loop row = row_open(s, cell);
    for (int o = 0; o < c->noperands; o++) {
        if (s->inner >= 0 && access_depends(&c->operands[o], s->inner)) continue;
        for (int t = 0; t < count; t++) {
            set_term(s, first, t);
            common[o][t] = lb_let(b, "a", nest_load(n, o));
        }
    }
    Lanes lanes = lanes_open(s, cell);
    LX sum = lx_load(b, n->accumulators, cell);
    for (int t = 0; t < count; t++) {
        LX x[2] = {NULL, NULL};
        set_term(s, first, t);
        for (int o = 0; o < c->noperands; o++) x[o] = common[o][t] ? common[o][t] : nest_load(n, o);
        terms[t] = x[1] ? lx_mul(b, x[0], x[1]) : x[0];
    }
    if (c->combine == COMBINE_DOT)
        sum = lx_add(b, sum, tree(b, terms, count));
    else
        sum = nest_combine(n, sum, terms);
    lb_store(b, n->accumulators, cell, sum, NULL);
    lanes_close(s, &lanes);
    loop_close(n->k, &row);
    if (s->last >= 0) n->at[s->last] = first;
}

/* Loops over the axes that vanish; an axis in blocks is run through as a whole. */
static void reduce(Stream *s, int part) {
    Nest *n = s->n;
    if (part == n->c->nparts) {
        step(s);
        return;
    }
    LoopPart p = n->c->parts[part];
    if (p.kind == PART_INSIDE) {
        reduce(s, part + 1);
        return;
    }
    int terms = p.axis == s->last ? s->plan->terms : 1;
    Loop loop = serial(n, n->c->axes[p.axis].name, constant_extent(n->c, p.axis) / terms);
    n->at[p.axis] = lx_muli(n->k->b, loop.var, terms);
    reduce(s, part + 1);
    loop_close(n->k, &loop);
}

/* ---- the nest -------------------------------------------------------------------------------- */

static void tile(Stream *s) {
    Nest *n = s->n;
    size_t scope = scope_begin(n->k);
    n->accumulators = lb_declare(n->k->b, "acc", SPACE_PRIVATE, ltype(n->c->dtype, 1), 2, s->cells);
    clear(s);
    reduce(s, 0);
    finish(s);
    scope_end(n->k, scope);
}

static void outer(Stream *s, int i) {
    Nest *n = s->n;
    int axis = i < n->c->norder ? n->c->order[i] : -1;
    if (axis < 0 || axis == s->inner) {
        tile(s);
        return;
    }
    int size = axis == s->around ? s->plan->tile : 1;
    Loop loop = serial(n, n->c->axes[axis].name, constant_extent(n->c, axis) / size);
    n->at[axis] = lx_muli(n->k->b, loop.var, size);
    if (axis == s->around) s->base = n->at[axis];
    outer(s, i + 1);
    loop_close(n->k, &loop);
}

/* A step that multiplies every element of an operand multiplies the finished sum as well, once
 * instead of in every lane. */
static void move_factor(Stream *s, Contraction *c) {
    for (int o = 0; o < c->noperands && c->combine == COMBINE_DOT; o++) {
        const Value *value = c->operands[o].value;
        if (!value->def || value->def->op != OP_dequantize || kernel_is_leaf(s->n->k, value))
            continue;
        if (compute_dtype(value->type.dtype) != c->dtype) continue;
        s->factor *= node_float(value->def, "delta");
        c->operands[o].value = value->def->operands[0];
    }
}

void nest_task(Nest *n) {
    Contraction *own = arena_new(n->k->l->arena, Contraction);
    const TaskPlan *plan = &n->plan->task;
    Stream s = {.n = n, .plan = plan, .factor = 1};
    *own = *n->c;
    s.inner = task_inner(own);
    s.around = task_around(own);
    s.last = task_last(own);
    s.cells[0] = plan->tile;
    s.cells[1] = constant_extent(own, s.inner);
    s.base = lx_int(n->k->b, 0);
    move_factor(&s, own);
    n->c = own;
    n->unclipped = true;
    outer(&s, 0);
}
