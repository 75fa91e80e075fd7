/* Expansion: a kernel rewritten with unroll loops as straight code and vector loops as vector
 * operations. */
#include "ir/loop/expand.h"

#include "ir/loop/affine.h"
#include "ir/loop/build.h"
#include "ir/loop/rewrite.h"

/* ---- buffers --------------------------------------------------------------------------------- */

const Renamed *expand_renamed(const Expand *e, const LBuffer *buffer) {
    const Renamed *r = memo_get(&e->buffers, buffer);
    require(r);
    return r;
}

void expand_rename(Expand *e, const LBuffer *from, const LBuffer *to, bool widened) {
    Renamed *r = arena_new(e->b.arena, Renamed);
    *r = (Renamed){to, widened, e->mask};
    memo_set(&e->buffers, from, r);
}

/* ---- expressions ----------------------------------------------------------------------------- */

/* What would be a fault must not happen in lanes that are off: their divisor is 1,
 * their shift 0. */
static void guard_operand(Expand *e, LX x, LX *args) {
    LBinary op = x->binary;
    bool divides = op == LB_DIV || op == LB_FLOORDIV || op == LB_MOD;
    bool shifts = op == LB_SHL || op == LB_SHR;
    if (!e->mask || dtype_is_float(x->type.dtype) || !(divides || shifts)) return;
    LX right = args[1];
    if (right->kind == LX_INT || right->kind == LX_BROADCAST || right->type.lanes == 1) {
        e->needs_a_lane = e->needs_a_lane || right->kind != LX_INT;
        return;
    }
    LX harmless = lx_const_int(&e->b, right->type, divides ? 1 : 0);
    args[1] = lx_select(&e->b, e->mask, right, harmless);
}

static LX expand_operator(Expand *e, LX x) {
    LX args[MAX_AXES + 1];
    require(x->nargs <= MAX_AXES + 1);
    for (int i = 0; i < x->nargs; i++) args[i] = expand_expr(e, x->args[i]);
    if (x->kind == LX_LOAD) {
        LX mask = x->mask ? expand_expr(e, x->mask) : 0;
        LX passthrough = x->passthrough ? expand_expr(e, x->passthrough) : 0;
        LX other = 0;
        if (e->hooks && e->hooks->load) other = e->hooks->load(e, x, args, mask, passthrough);
        return other ? other : expand_load(e, x, args, mask, passthrough);
    }
    if (x->kind == LX_BINARY) guard_operand(e, x, args);
    return lx_rebuild(&e->b, x, args, x->buffer ? expand_renamed(e, x->buffer)->buffer : 0, 0, 0);
}

LX expand_expr(Expand *e, LX x) {
    if (x->kind == LX_VAR) {
        require(e->vars[x->var->id]);
        return e->vars[x->var->id];
    }
    if (x->nargs == 0 && x->kind != LX_LOAD && x->kind != LX_FIFO_READ) return x;
    LX known = memo_get(&e->exprs, x);
    if (known) return known;
    LX r = expand_operator(e, x);
    memo_set(&e->exprs, x, r);
    return r;
}

LX expand_and(Expand *e, LX a, LX b) {
    if (!a) return b;
    return b ? lx_binary(&e->b, LB_AND, a, b) : a;
}

/* ---- statements ------------------------------------------------------------------------------ */

/* A value that is the same in all lanes stays a scalar, and an index a sum that later accesses can
 * see through. */
static void expand_let(Expand *e, const LStmt *s) {
    LX value = expand_expr(e, s->value);
    LX *var = &e->vars[s->var->id];
    bool index = value->type.lanes > 1 && value->type.dtype == DT_i64 && value->kind == LX_RAMP;
    if (index)
        *var = value;
    else if (value->kind == LX_BROADCAST)
        *var = lx_broadcast(&e->b, lb_let(&e->b, s->var->name, value->args[0]), value->type.lanes);
    else
        *var = lb_let(&e->b, s->var->name, value);
}

static LStmt *begin_loop(Expand *e, const LStmt *s, LLoopKind kind, LX begin, LX extent) {
    LStmt *loop = lb_for(&e->b, kind, s->var->name, begin, extent);
    loop->width = s->width;
    loop->tail = s->tail;
    loop->axis = s->axis;
    loop->interval = s->interval;
    loop->cost = s->cost;
    e->vars[s->var->id] = lb_loop_var(&e->b, loop);
    return loop;
}

static void expand_loop(Expand *e, const LStmt *s, LLoopKind kind) {
    LX begin = expand_expr(e, s->begin), extent = expand_expr(e, s->extent);
    int64_t n;
    if (lx_is_int(extent, &n) && n <= 0) return;
    if (kind == LOOP_SERIAL && lx_is_int(extent, &n) && n == 1) {
        e->vars[s->var->id] = begin;
        expand_block(e, &s->body);
        return;
    }
    LStmt *loop = begin_loop(e, s, kind, begin, extent);
    expand_block(e, &s->body);
    lb_end(&e->b, loop);
}

void expand_serial(Expand *e, const LStmt *s) {
    expand_loop(e, s, LOOP_SERIAL);
}

static void expand_unroll(Expand *e, const LStmt *s) {
    int64_t n;
    LX begin = expand_expr(e, s->begin), extent = expand_expr(e, s->extent);
    if (!lx_is_int(extent, &n)) {
        expand_serial(e, s);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        e->vars[s->var->id] = lx_addi(&e->b, begin, i);
        expand_block(e, &s->body);
    }
}

void expand_for(Expand *e, const LStmt *s) {
    if (s->loop == LOOP_UNROLL && e->options->unroll) {
        if (!expand_abreast(e, s)) expand_unroll(e, s);
    } else if (s->loop == LOOP_VECTOR && e->options->vectors) {
        expand_vector(e, s);
    } else {
        expand_loop(e, s, s->loop);
    }
}

static void expand_if(Expand *e, const LStmt *s) {
    LX condition = expand_expr(e, s->value);
    if (condition->kind == LX_BROADCAST) condition = condition->args[0];
    if (condition->kind == LX_INT) {
        expand_block(e, condition->i ? &s->body : &s->otherwise);
        return;
    }
    if (condition->type.lanes > 1) {
        expand_masked_if(e, s, condition);
        return;
    }
    LStmt *branch = lb_if(&e->b, condition);
    expand_block(e, &s->body);
    if (s->otherwise.stmts.len) {
        lb_else(&e->b, branch);
        expand_block(e, &s->otherwise);
    }
    lb_end(&e->b, branch);
}

static void expand_indices(Expand *e, int rank, LX const *from, LX *to) {
    for (int i = 0; i < rank; i++) to[i] = expand_expr(e, from[i]);
}

static void expand_access(Expand *e, const LStmt *s) {
    LX index[MAX_AXES], source[MAX_AXES];
    const LBuffer *buffer = expand_renamed(e, s->buffer)->buffer;
    expand_indices(e, buffer->rank, s->index, index);
    if (s->kind == LS_PREFETCH) {
        for (int i = 0; i < buffer->rank; i++) index[i] = lx_extract(&e->b, index[i], 0);
        lb_prefetch(&e->b, buffer, index);
    } else if (s->kind == LS_TILE_STORE) {
        lb_tile_store(&e->b, buffer, index, expand_expr(e, s->stride), expand_expr(e, s->value));
    } else {
        const LBuffer *from = expand_renamed(e, s->source)->buffer;
        expand_indices(e, from->rank, s->source_index, source);
        lb_copy(&e->b, buffer, index, from, source, expand_expr(e, s->count));
    }
}

void expand_stmt(Expand *e, const LStmt *s) {
    memo_clear(&e->exprs);
    if (e->hooks && e->hooks->statement && e->hooks->statement(e, s)) return;
    switch (s->kind) {
    case LS_LET: expand_let(e, s); break;
    case LS_STORE: expand_store(e, s); break;
    case LS_FOR: expand_for(e, s); break;
    case LS_IF: expand_if(e, s); break;
    case LS_DECLARE: expand_declare(e, s); break;
    case LS_BARRIER: lb_barrier(&e->b); break;
    case LS_WAIT: lb_wait(&e->b); break;
    case LS_PREFETCH:
    case LS_COPY:
    case LS_TILE_STORE: expand_access(e, s); break;
    case LS_FIFO_WRITE:
        lb_fifo_write(&e->b, expand_renamed(e, s->buffer)->buffer, expand_expr(e, s->value));
        break;
    }
}

void expand_block(Expand *e, const LBlock *block) {
    if (e->hooks && e->hooks->enter) e->hooks->enter(e, block);
    for (size_t i = 0; i < block->stmts.len; i++) expand_stmt(e, block->stmts.data[i]);
}

void expand_begin(Expand *e, LProgram *program, Arena *scratch) {
    e->vars = arena_array(scratch, LX, program->var_count + 1);
    e->buffers = memo_create(scratch);
    e->exprs = memo_create(scratch);
}

LKernel *lkernel_expand(LProgram *program, const LKernel *kernel, const LExpandOptions *options) {
    Expand e = {.options = options, .lanes = 1};
    LKernel *r = lkernel_create(program, kernel->name, kernel->path, &e.b);
    Arena *scratch = arena_create();
    expand_begin(&e, program, scratch);
    r->plan = kernel->plan;
    r->flops = kernel->flops;
    r->bytes = kernel->bytes;
    r->nparams = kernel->nparams;
    r->params = kernel->params;
    for (int i = 0; i < kernel->nparams; i++) {
        vec_push(e.b.arena, &r->buffers, kernel->params[i]);
        expand_rename(&e, kernel->params[i], kernel->params[i], false);
    }
    expand_block(&e, &kernel->body);
    arena_destroy(scratch);
    return r;
}
