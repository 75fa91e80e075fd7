/* Finds out in which order a kernel goes through its parameters. Indices are taken apart into sums
 * over the variables of loops; what is no such sum has a range at best. */
#include "ir/loop/stream_plan.h"

#include "ir/loop/affine.h"
#include "ir/loop/inline.h"

#include <string.h>

/* One load or store of a parameter, and the loops and conditions around it. */
typedef struct Access {
    const LBuffer *buffer;
    const LStmt *store; /* null: a load */
    int depth;
    const LStmt **nest;
    bool is_affine;
    Affine index[MAX_AXES], linear; /* one axis; the position in memory */
} Access;

typedef struct Planner {
    Inliner inliner;
    DimContext *dims;
    Arena *arena;
    Memo seen;    /* of the statement */
    bool *opaque; /* by parameter: accessed in a way that has no order */
    VEC(const LStmt *) nest;
    VEC(Access *) accesses;
} Planner;

/* ---- indices --------------------------------------------------------------------------------- */

/* A variable that has one value is no variable. */
static bool take_out_fixed(Planner *p, Affine *x) {
    for (int i = x->nterms - 1; i >= 0; i--) {
        Term t = x->terms[i];
        int64_t lo, hi, value;
        if (t.coef.d || x->constant.d) return false;
        lx_range(t.atom, &lo, &hi);
        if (lo != hi) continue;
        if (!checked_mul(lo, t.coef.n, &value) ||
            !affine_add_term(p->dims, x, t.atom, coef_int(-t.coef.n)) ||
            !checked_add(x->constant.n, value, &x->constant.n))
            return false;
    }
    return !x->constant.d;
}

static bool index_sums(Planner *p, LX const *index, Access *a) {
    a->linear = (Affine){.lanes = 1};
    for (int i = 0; i < a->buffer->rank; i++) {
        int64_t size;
        if (index[i]->type.lanes != 1 || !dim_is_int(a->buffer->dims[i], &size)) return false;
        Affine before = a->linear;
        a->linear = (Affine){.lanes = 1};
        if (!affine_of(p->dims, inline_index(&p->inliner, index[i]), &a->index[i]) ||
            !take_out_fixed(p, &a->index[i]) ||
            !affine_add_scaled(p->dims, &a->linear, &before, coef_int(size)) ||
            !affine_add_scaled(p->dims, &a->linear, &a->index[i], coef_int(1)))
            return false;
    }
    return !a->linear.constant.d;
}

static void add_access(Planner *p, const LBuffer *buffer, LX const *index, const LStmt *store) {
    Access *a = arena_new(p->arena, Access);
    a->buffer = buffer;
    a->store = store;
    a->depth = (int)p->nest.len;
    a->nest = arena_array(p->arena, const LStmt *, p->nest.len + 1);
    if (a->depth) memcpy(a->nest, p->nest.data, p->nest.len * sizeof *a->nest);
    a->is_affine = index_sums(p, index, a);
    vec_push(p->arena, &p->accesses, a);
}

/* ---- collecting ------------------------------------------------------------------------------ */

static bool is_streamed(const LBuffer *buffer) {
    return buffer && buffer->param >= 0 && buffer->space == SPACE_GLOBAL;
}

static void collect_expr(Planner *p, LX x) {
    if (!x || memo_get(&p->seen, x)) return;
    memo_set(&p->seen, x, x);
    for (int i = 0; i < x->nargs; i++) collect_expr(p, x->args[i]);
    collect_expr(p, x->mask);
    collect_expr(p, x->passthrough);
    if (!is_streamed(x->buffer)) return;
    if (x->kind == LX_LOAD)
        add_access(p, x->buffer, x->args, 0);
    else
        p->opaque[x->buffer->param] = true;
}

static void collect_block(Planner *p, const LBlock *block);

static void collect_stmt(Planner *p, const LStmt *s) {
    LX single[] = {s->value, s->mask, s->stride, s->begin, s->extent, s->count};
    memo_clear(&p->seen);
    for (size_t i = 0; i < COUNT_OF(single); i++) collect_expr(p, single[i]);
    bool indexed = s->buffer && s->kind != LS_DECLARE && s->kind != LS_FIFO_WRITE;
    for (int i = 0; indexed && i < s->buffer->rank; i++) collect_expr(p, s->index[i]);
    for (int i = 0; s->source && i < s->source->rank; i++) collect_expr(p, s->source_index[i]);
    if (s->kind == LS_STORE && is_streamed(s->buffer))
        add_access(p, s->buffer, s->index, s);
    else if (s->kind != LS_PREFETCH && indexed && is_streamed(s->buffer))
        p->opaque[s->buffer->param] = true;
    if (is_streamed(s->source)) p->opaque[s->source->param] = true;
    inliner_let(&p->inliner, s);
    vec_push(p->arena, &p->nest, s);
    collect_block(p, &s->body);
    collect_block(p, &s->otherwise);
    p->nest.len--;
}

static void collect_block(Planner *p, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) collect_stmt(p, block->stmts.data[i]);
}

/* ---- loops ----------------------------------------------------------------------------------- */

static int64_t coefficient(const Affine *x, const LVar *var) {
    for (int i = 0; i < x->nterms; i++)
        if (x->terms[i].atom->kind == LX_VAR && x->terms[i].atom->var == var)
            return x->terms[i].coef.n;
    return 0;
}

static bool same_sum(const Affine *x, const Affine *y) {
    if (x->nterms != y->nterms || x->constant.n != y->constant.n) return false;
    for (int i = 0; i < x->nterms; i++)
        if (lx_compare(x->terms[i].atom, y->terms[i].atom) != 0 ||
            x->terms[i].coef.n != y->terms[i].coef.n)
            return false;
    return true;
}

static int64_t extent_of(const LStmt *loop) {
    int64_t n;
    return lx_is_int(loop->extent, &n) ? n : -1;
}

/* Loops of more than one iteration that surround the access and start at 0, outermost first, up to
 * the first condition or other loop. */
static int chain_of(const Access *a, const LStmt **chain) {
    int n = 0;
    for (int i = 0; i < a->depth; i++) {
        const LStmt *s = a->nest[i];
        int64_t begin;
        if (s->kind != LS_FOR || extent_of(s) < 1) break;
        if (extent_of(s) == 1) continue;
        if (!lx_is_int(s->begin, &begin) || begin != 0) break;
        chain[n++] = s;
    }
    return n;
}

/* ---- direct ---------------------------------------------------------------------------------- */

/* The block whose runs, in order, are the elements in order; null: none. */
static const LBlock *direct_block(Planner *p, const StreamPlan *plan, const LKernel *kernel,
                                  const Access *a) {
    const LStmt **chain = arena_array(p->arena, const LStmt *, (size_t)a->depth + 1);
    int n = chain_of(a, chain), terms = 0;
    while (n > 0 && coefficient(&a->linear, chain[n - 1]->var) == 0) n--;
    int64_t step = 1;
    for (int i = n - 1; i >= 0; i--, terms++) {
        if (coefficient(&a->linear, chain[i]->var) != step) return 0;
        if (!checked_mul(step, extent_of(chain[i]), &step)) return 0;
    }
    if (terms != a->linear.nterms || a->linear.constant.n != 0 || step != plan->elements) return 0;
    return n ? &chain[n - 1]->body : &kernel->body;
}

static bool plan_direct_read(Planner *p, StreamPlan *plan, const LKernel *kernel,
                             Access *const *loads, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!same_sum(&loads[i]->linear, &loads[0]->linear)) return false;
    plan->at = direct_block(p, plan, kernel, loads[0]);
    return plan->at != 0;
}

/* Stores to the buffer in one run of the block; -1: not the same in every run, or unknown. */
static int64_t stores_in(const StreamPlan *plan, const LBlock *block) {
    int64_t sum = 0;
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        int64_t n = s->kind == LS_STORE && s->buffer == plan->buffer ? s->mask ? -1 : 1 : 0;
        int64_t inner = stores_in(plan, &s->body), other = stores_in(plan, &s->otherwise);
        if (s->kind == LS_FOR && inner > 0) {
            if (extent_of(s) < 0 || !checked_mul(inner, extent_of(s), &n)) return -1;
        } else if (inner || other) {
            return -1;
        }
        if (n < 0 || !checked_add(sum, n, &sum)) return -1;
    }
    return sum;
}

static const Access *access_of(const Planner *p, const LStmt *store) {
    for (size_t i = 0; i < p->accesses.len; i++)
        if (p->accesses.data[i]->store == store) return p->accesses.data[i];
    return 0;
}

/* Whether the stores of a block go to position next, the one after it, and so on; next is left
 * where the following one has to go. */
static bool stores_in_order(Planner *p, const StreamPlan *plan, const LBlock *block, Affine *next) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_STORE && s->buffer == plan->buffer) {
            if (!same_sum(&access_of(p, s)->linear, next)) return false;
            next->constant.n++;
        }
        int64_t inner = s->kind == LS_FOR ? stores_in(plan, &s->body) : 0, begin;
        if (inner == 0) continue;
        Affine at = *next;
        if (!lx_is_int(s->begin, &begin) || begin != 0) return false;
        if (extent_of(s) > 1 &&
            !affine_add_term(p->dims, &at, lx_var(&p->inliner.b, s->var), coef_int(inner)))
            return false;
        if (!stores_in_order(p, plan, &s->body, &at)) return false;
        next->constant.n += inner * extent_of(s);
    }
    return true;
}

static bool plan_direct_write(Planner *p, const StreamPlan *plan, const LKernel *kernel,
                              size_t loads) {
    Affine next = {.lanes = 1};
    return loads == 0 && stores_in(plan, &kernel->body) == plan->elements &&
           stores_in_order(p, plan, &kernel->body, &next);
}

/* ---- windows --------------------------------------------------------------------------------- */

static int common_chain(Planner *p, Access *const *loads, size_t count, const LStmt **chain) {
    const LStmt **other = 0;
    int n = chain_of(loads[0], chain);
    for (size_t i = 1; i < count; i++) {
        other = arena_array(p->arena, const LStmt *, (size_t)loads[i]->depth + 1);
        int k = chain_of(loads[i], other), same = 0;
        while (same < n && same < k && chain[same] == other[same]) same++;
        n = same;
    }
    return n;
}

/* How the window moves along an axis with the iterations of a loop. */
static bool plan_level(Planner *p, const StreamPlan *plan, Access *const *loads, size_t count,
                       StreamLevel *level) {
    enum { FAR = 1 << 30 };
    level->lo = INT64_MAX;
    level->hi = INT64_MIN;
    level->extent = extent_of(level->loop);
    level->scale = coefficient(&loads[0]->index[level->axis], level->loop->var);
    if (level->scale < 1 || level->scale > FAR || level->extent > FAR) return false;
    for (size_t i = 0; i < count; i++) {
        Affine rest = loads[i]->index[level->axis];
        int64_t lo, hi;
        if (coefficient(&rest, level->loop->var) != level->scale) return false;
        if (!affine_add_term(p->dims, &rest, lx_var(&p->inliner.b, level->loop->var),
                             coef_int(-level->scale)))
            return false;
        affine_range(&rest, &lo, &hi);
        if (lo < -FAR || hi > FAR) return false;
        if (lo < level->lo) level->lo = lo;
        if (hi > level->hi) level->hi = hi;
    }
    return level->hi - level->scale < plan->dims[level->axis] - 1;
}

/* An axis keeps as much as its window covers, unless rows of it are needed again later. */
static void plan_folds(StreamPlan *plan) {
    bool alone = true;
    for (int i = 0; i < plan->levels && alone; i++) {
        const StreamLevel *l = &plan->level[i];
        int64_t size = 1;
        while (size < l->hi - l->lo + 1) size *= 2;
        if (size < plan->dims[l->axis]) plan->fold[l->axis] = size;
        alone = l->lo == l->hi;
    }
}

static bool plan_window(Planner *p, StreamPlan *plan, Access *const *loads, size_t count) {
    const LStmt **chain = arena_array(p->arena, const LStmt *, (size_t)loads[0]->depth + 1);
    int n = common_chain(p, loads, count, chain);
    for (int axis = 0; axis < plan->buffer->rank && plan->levels < n; axis++) {
        if (plan->dims[axis] == 1) continue;
        StreamLevel level = {.loop = chain[plan->levels], .axis = axis};
        if (!plan_level(p, plan, loads, count, &level)) break;
        plan->level[plan->levels++] = level;
    }
    plan_folds(plan);
    return plan->levels > 0;
}

/* ---- all parameters -------------------------------------------------------------------------- */

static void plan_param(Planner *p, const LKernel *kernel, StreamPlan *plan) {
    bool ordered = !p->opaque[plan->buffer->param];
    VEC(Access *) loads = {0};
    plan->elements = 1;
    for (int i = 0; i < plan->buffer->rank; i++) {
        bool known = dim_is_int(plan->buffer->dims[i], &plan->dims[i]);
        require(known && checked_mul(plan->elements, plan->dims[i], &plan->elements));
    }
    for (size_t i = 0; i < p->accesses.len; i++) {
        Access *a = p->accesses.data[i];
        if (a->buffer != plan->buffer) continue;
        if (!a->store) vec_push(p->arena, &loads, a);
        ordered = ordered && a->is_affine;
    }
    plan->writes = (plan->buffer->access & ACCESS_WRITE) != 0;
    plan->mode = STREAM_WHOLE;
    if (!ordered || plan->elements == 0) return;
    if (plan->writes) {
        if (plan_direct_write(p, plan, kernel, loads.len)) plan->mode = STREAM_DIRECT;
    } else if (loads.len) {
        if (plan_direct_read(p, plan, kernel, loads.data, loads.len))
            plan->mode = STREAM_DIRECT;
        else if (plan_window(p, plan, loads.data, loads.len))
            plan->mode = STREAM_WINDOW;
    }
}

StreamPlan *stream_plan(LProgram *program, const LKernel *kernel, Arena *arena) {
    Planner p = {.dims = program->module->dims, .arena = arena};
    p.inliner = inliner_create(program, arena);
    p.seen = memo_create(arena);
    p.opaque = arena_array(arena, bool, (size_t)kernel->nparams + 1);
    collect_block(&p, &kernel->body);
    StreamPlan *plans = arena_array(arena, StreamPlan, (size_t)kernel->nparams + 1);
    for (int i = 0; i < kernel->nparams; i++) {
        plans[i].buffer = kernel->params[i];
        if (kernel->params[i]->space == SPACE_GLOBAL) plan_param(&p, kernel, &plans[i]);
    }
    return plans;
}
