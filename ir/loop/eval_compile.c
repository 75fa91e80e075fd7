/* Kernels into the evaluator's code. */
#include "ir/loop/eval.h"
#include "ir/loop/memo.h"

#include <string.h>

typedef struct Compiler {
    EvalCode *out;
    Arena *arena;
    DimContext *dims;
    const int64_t *symbols;
    Diag *diag;
    bool failed;
    Memo exprs;    /* of the statement: expression -> register + 1 */
    Memo slots;    /* buffer -> slot + 1 */
    int32_t *vars; /* by variable id; grows */
    size_t nvars;
    int32_t top, most; /* registers in use, and most ever */
    int scope, loops;
    bool in_items, is_index;
} Compiler;

/* Constants follow the other registers; until their number is known, constant k is
 * register -1 - k. */
static int32_t constant_base(const Compiler *c) {
    return -1 - (int32_t)c->out->constants.len;
}

static void fail(Compiler *c, const char *what) {
    if (!c->failed && c->diag)
        diag_error(c->diag, (Span){0}, "kernel %s: %s", c->out->kernel->name, what);
    c->failed = true;
}

static int32_t allocate(Compiler *c, int64_t cells) {
    int32_t r = c->top;
    if (cells > (1 << 24) - c->top) {
        fail(c, "needs too many registers");
        return 0;
    }
    c->top += (int32_t)cells;
    if (c->top > c->most) c->most = c->top;
    return r;
}

static EvalInsn *emit(Compiler *c, EvalInsn in) {
    vec_push(c->arena, &c->out->code, in);
    vec_push(c->arena, &c->out->scope, c->scope);
    return &c->out->code.data[c->out->code.len - 1];
}

static int here(const Compiler *c) {
    return (int)c->out->code.len;
}

static int cells_of(LType t) {
    return t.rows ? t.rows * t.lanes : t.lanes;
}

static int32_t constant(Compiler *c, Scalar value, int lanes) {
    int32_t r = constant_base(c);
    for (int i = 0; i < lanes; i++) vec_push(c->arena, &c->out->constants, value);
    /* Lane i is at r + i once they stand in order: see relocate(). */
    return r;
}

static void name_var(Compiler *c, const LVar *var, int32_t reg) {
    if (var->id >= c->nvars) {
        size_t count = c->nvars ? c->nvars : 64;
        while (count <= var->id) count *= 2;
        int32_t *larger = arena_array(c->arena, int32_t, count);
        if (c->nvars) memcpy(larger, c->vars, c->nvars * sizeof *larger);
        c->vars = larger;
        c->nvars = count;
    }
    c->vars[var->id] = reg;
}

/* ---- buffers --------------------------------------------------------------------------------- */

static int slot_of(const Compiler *c, const LBuffer *buffer) {
    const void *p = memo_get(&c->slots, buffer);
    require(p);
    return (int)(intptr_t)p - 1;
}

static bool positive_product(int64_t a, int64_t b, int64_t *r) {
    return checked_mul(a, b, r) && *r <= ((int64_t)1 << 40);
}

static void add_buffer(Compiler *c, const LBuffer *buffer) {
    EvalBuffer e = {.buffer = buffer, .logical = 1, .elements = 1, .cells = cells_of(buffer->elem)};
    e.loops = c->loops;
    e.checked = buffer->param < 0;
    for (int i = 0; i < buffer->rank; i++) {
        int64_t n;
        if (!dim_eval(buffer->dims[i], c->symbols, &n) || n < 0) {
            fail(c, "a buffer's size is negative or overflows");
            return;
        }
        e.dims[i] = n;
        e.stored[i] = buffer->fold[i] > 0 && buffer->fold[i] < n ? buffer->fold[i] : n;
        e.folded = e.folded || buffer->fold[i] > 0;
        if (!positive_product(e.logical, n, &e.logical) ||
            !positive_product(e.elements, e.stored[i], &e.elements))
            fail(c, "a buffer is too large");
    }
    vec_push(c->arena, &c->out->buffers, e);
    memo_set(&c->slots, buffer, (const void *)(intptr_t)c->out->buffers.len);
}

/* ---- expressions ----------------------------------------------------------------------------- */

static int32_t compile(Compiler *c, LX x);

static int32_t compile_index(Compiler *c, LX x) {
    bool before = c->is_index;
    c->is_index = true;
    int32_t r = compile(c, x);
    c->is_index = before;
    return r;
}

static EvalAccess *compile_access(Compiler *c, const LBuffer *buffer, LX const *index, LX mask,
                                  LX passthrough) {
    EvalAccess *a = arena_new(c->arena, EvalAccess);
    a->buffer = buffer;
    a->slot = slot_of(c, buffer);
    a->rank = buffer->rank;
    a->lanes = 1;
    EvalBuffer *def = &c->out->buffers.data[a->slot];
    if (c->loops > def->loops) def->tracked = true;
    for (int i = 0; i < a->rank; i++)
        if (index[i]->type.lanes > 1) a->lanes = index[i]->type.lanes;
    for (int i = 0; i < a->rank; i++) {
        LX base;
        if (i == a->rank - 1 && lx_is_consecutive(index[i], &base)) {
            a->consecutive = true;
            a->index[i] = compile_index(c, base);
            continue;
        }
        a->varies[i] = index[i]->type.lanes > 1;
        a->index[i] = compile_index(c, index[i]);
    }
    for (int i = 0; i + 1 < a->rank; i++) a->consecutive = a->consecutive && !a->varies[i];
    if (!a->consecutive && a->rank && !a->varies[a->rank - 1] &&
        index[a->rank - 1]->type.lanes > 1) {
        a->varies[a->rank - 1] = true;
        a->index[a->rank - 1] = compile_index(c, index[a->rank - 1]);
    }
    a->mask = mask ? compile(c, mask) : REG_NONE;
    a->passthrough = passthrough ? compile(c, passthrough) : REG_NONE;
    return a;
}

static EvalOp binary_op(const Compiler *c, LX x) {
    bool index = c->is_index && x->type.dtype == DT_i64;
    if (x->type.dtype == DT_i64 && x->binary == LB_ADD) return index ? EV_ADD_INDEX : EV_ADD_I64;
    if (x->type.dtype == DT_i64 && x->binary == LB_SUB) return index ? EV_SUB_INDEX : EV_SUB_I64;
    if (x->type.dtype == DT_i64 && x->binary == LB_MUL) return index ? EV_MUL_INDEX : EV_MUL_I64;
    if (x->type.dtype == DT_f32 && x->binary == LB_ADD) return EV_ADD_F32;
    if (x->type.dtype == DT_f32 && x->binary == LB_SUB) return EV_SUB_F32;
    if (x->type.dtype == DT_f32 && x->binary == LB_MUL) return EV_MUL_F32;
    return EV_BINARY;
}

static EvalOp op_of(const Compiler *c, LX x) {
    switch (x->kind) {
    case LX_UNARY: return EV_UNARY;
    case LX_BINARY: return binary_op(c, x);
    case LX_FMA: return x->type.dtype == DT_f32 ? EV_FMA_F32 : EV_FMA;
    case LX_SELECT: return EV_SELECT;
    case LX_CAST: return EV_CAST;
    case LX_BITCAST: return EV_BITCAST;
    case LX_BROADCAST: return EV_BROADCAST;
    case LX_RAMP: return EV_RAMP;
    case LX_SHUFFLE: return EV_SHUFFLE;
    case LX_EXTRACT: return EV_EXTRACT;
    case LX_REDUCE: return EV_REDUCE;
    case LX_DOT: return EV_DOT;
    case LX_TILE_ZERO: return EV_TILE_ZERO;
    case LX_TILE_DOT: return EV_TILE_DOT;
    default: unreachable();
    }
}

static int32_t compile_operator(Compiler *c, LX x) {
    EvalInsn in = {.dtype = (uint8_t)x->type.dtype, .lanes = cells_of(x->type), .expr = x};
    in.op = (uint8_t)op_of(c, x);
    if (x->kind == LX_UNARY) in.sub = (uint8_t)x->unary;
    if (x->kind == LX_BINARY || x->kind == LX_REDUCE) in.sub = (uint8_t)x->binary;
    if (x->kind == LX_CAST) in.sub = (uint8_t)x->cast;
    if (x->nargs) in.from = (uint8_t)x->args[0]->type.dtype;
    int32_t *operands[3] = {&in.a, &in.b, &in.c};
    require(x->nargs <= 3);
    for (int i = 0; i < x->nargs; i++) *operands[i] = compile(c, x->args[i]);
    in.dst = allocate(c, in.lanes);
    emit(c, in);
    return in.dst;
}

static int32_t compile_memory(Compiler *c, LX x) {
    EvalInsn in = {.dtype = (uint8_t)x->type.dtype, .lanes = cells_of(x->type), .expr = x};
    if (x->kind == LX_FIFO_READ) {
        in.op = EV_FIFO_READ;
        in.target = slot_of(c, x->buffer);
    } else {
        in.op = x->kind == LX_LOAD ? EV_LOAD : EV_TILE_LOAD;
        in.access = compile_access(c, x->buffer, x->args, x->mask, x->passthrough);
        if (x->kind == LX_TILE_LOAD) in.a = compile_index(c, x->args[x->buffer->rank]);
    }
    in.dst = allocate(c, in.lanes);
    emit(c, in);
    return in.dst;
}

static int32_t compile_new(Compiler *c, LX x) {
    int64_t value = 0;
    switch (x->kind) {
    case LX_INT: return constant(c, (Scalar){.i = x->i}, x->type.lanes);
    case LX_FLOAT: return constant(c, scalar_from_double(x->type.dtype, x->f), x->type.lanes);
    case LX_DIM:
        if (!dim_eval(x->dim, c->symbols, &value)) fail(c, "a dimension overflows or divides by 0");
        return constant(c, (Scalar){.i = value}, 1);
    case LX_VAR: return c->vars[x->var->id];
    case LX_LOAD:
    case LX_TILE_LOAD:
    case LX_FIFO_READ: return compile_memory(c, x);
    default: return compile_operator(c, x);
    }
}

static int32_t compile(Compiler *c, LX x) {
    const void *known = memo_get(&c->exprs, x);
    /* Offset by 2^31 so that constants, which are negative, are not null. */
    if (known) return (int32_t)((intptr_t)known - ((intptr_t)1 << 32));
    int32_t r = compile_new(c, x);
    memo_set(&c->exprs, x, (const void *)((intptr_t)r + ((intptr_t)1 << 32)));
    return r;
}

/* ---- statements ------------------------------------------------------------------------------ */

static void compile_block(Compiler *c, const LBlock *block);

static bool has_barrier(const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_BARRIER || has_barrier(&s->body) || has_barrier(&s->otherwise))
            return true;
    }
    return false;
}

static void enter_scope(Compiler *c, const LVar *var, int32_t reg) {
    vec_push(c->arena, &c->out->scopes, (EvalScope){c->scope, var, reg});
    c->scope = (int)c->out->scopes.len - 1;
}

static bool is_independent(LLoopKind kind) {
    return kind == LOOP_PARALLEL || kind == LOOP_VECTOR || kind == LOOP_GRID || kind == LOOP_ITEM;
}

static void declare(Compiler *c, const LBuffer *buffer) {
    add_buffer(c, buffer);
    emit(c, (EvalInsn){.op = EV_DECLARE, .target = (int32_t)c->out->buffers.len - 1});
}

/* Local memory declared by the work-items is one for all of them: it comes into being before they
 * start. */
static void declare_locals(Compiler *c, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_DECLARE && s->buffer->space == SPACE_LOCAL) declare(c, s->buffer);
        declare_locals(c, &s->body);
        declare_locals(c, &s->otherwise);
    }
}

static void compile_loop(Compiler *c, const LStmt *s) {
    int scope = c->scope;
    bool independent = is_independent(s->loop), items = c->in_items;
    if (s->loop == LOOP_ITEM && !items) declare_locals(c, &s->body);
    c->in_items = items || s->loop == LOOP_ITEM;
    EvalInsn in = {.op = EV_LOOP, .independent = independent};
    in.a = compile_index(c, s->begin);
    in.b = compile_index(c, s->extent);
    in.dst = allocate(c, 2); /* the variable and its end */
    name_var(c, s->var, in.dst);
    int at = here(c);
    emit(c, in);
    enter_scope(c, s->var, in.dst);
    c->loops += independent;
    if (c->loops >= EVAL_LOOPS) fail(c, "has too many independent loops in one another");
    compile_block(c, &s->body);
    emit(c, (EvalInsn){.op = EV_NEXT, .independent = independent, .dst = in.dst, .target = at + 1});
    c->out->code.data[at].target = here(c);
    c->loops -= independent;
    c->scope = scope;
    c->in_items = items;
}

/* Perfectly nested work-item loops around a barrier run as threads. */
static void compile_group(Compiler *c, const LStmt *s) {
    EvalGroup g = {0};
    int scope = c->scope;
    declare_locals(c, &s->body);
    c->in_items = true;
    const LBlock *body = 0;
    for (;;) {
        int64_t extent;
        if (g.axes == 3 || !lx_is_int(s->extent, &extent) || extent < 1 || extent > 4096) {
            fail(c, "work-item loops with barriers need up to 3 axes of constant extent");
            return;
        }
        g.begin[g.axes] = compile_index(c, s->begin);
        g.extent[g.axes] = extent;
        g.var[g.axes] = allocate(c, 1);
        name_var(c, s->var, g.var[g.axes]);
        enter_scope(c, s->var, g.var[g.axes]);
        g.axes++;
        body = &s->body;
        if (body->stmts.len != 1 || body->stmts.data[0]->kind != LS_FOR ||
            body->stmts.data[0]->loop != LOOP_ITEM)
            break;
        s = body->stmts.data[0];
    }
    int position = (int)c->out->groups.len;
    vec_push(c->arena, &c->out->groups, g);
    emit(c, (EvalInsn){.op = EV_GROUP, .target = position});
    c->loops++;
    if (c->loops >= EVAL_LOOPS) fail(c, "has too many independent loops in one another");
    compile_block(c, body);
    c->loops--;
    emit(c, (EvalInsn){.op = EV_END});
    c->out->groups.data[position].end = here(c);
    c->scope = scope;
    c->in_items = false;
}

static void compile_if(Compiler *c, const LStmt *s) {
    int at = here(c);
    EvalInsn in = {.op = EV_JUMP_UNLESS, .a = compile(c, s->value)};
    at = here(c);
    emit(c, in);
    compile_block(c, &s->body);
    if (s->otherwise.stmts.len) {
        int skip = here(c);
        emit(c, (EvalInsn){.op = EV_JUMP});
        c->out->code.data[at].target = here(c);
        compile_block(c, &s->otherwise);
        c->out->code.data[skip].target = here(c);
    } else {
        c->out->code.data[at].target = here(c);
    }
}

static void compile_let(Compiler *c, const LStmt *s) {
    int cells = cells_of(s->var->type);
    int32_t r = allocate(c, cells);
    int32_t kept = c->top;
    int32_t value = compile(c, s->value);
    emit(c, (EvalInsn){.op = EV_MOVE, .dst = r, .a = value, .lanes = cells});
    c->top = kept;
    name_var(c, s->var, r);
}

static void compile_store(Compiler *c, const LStmt *s) {
    EvalInsn in = {.op = s->kind == LS_STORE ? EV_STORE : EV_TILE_STORE};
    in.expr = s->value;
    in.lanes = cells_of(s->value->type);
    in.dtype = (uint8_t)s->value->type.dtype;
    in.access = compile_access(c, s->buffer, s->index, s->mask, 0);
    c->out->buffers.data[in.access->slot].is_stored = true;
    in.a = compile(c, s->value);
    if (s->stride) in.b = compile_index(c, s->stride);
    emit(c, in);
}

static void compile_copy(Compiler *c, const LStmt *s) {
    EvalInsn in = {.op = EV_COPY};
    in.access = compile_access(c, s->buffer, s->index, 0, 0);
    c->out->buffers.data[in.access->slot].is_stored = true;
    in.source = compile_access(c, s->source, s->source_index, 0, 0);
    in.a = compile_index(c, s->count);
    emit(c, in);
}

static void compile_fifo_write(Compiler *c, const LStmt *s) {
    EvalInsn in = {.op = EV_FIFO_WRITE, .a = compile(c, s->value)};
    in.target = slot_of(c, s->buffer);
    in.lanes = cells_of(s->value->type);
    emit(c, in);
}

static void compile_stmt(Compiler *c, const LStmt *s) {
    switch (s->kind) {
    case LS_LET: compile_let(c, s); break;
    case LS_STORE:
    case LS_TILE_STORE: compile_store(c, s); break;
    case LS_FOR:
        if (s->loop == LOOP_ITEM && !c->in_items && has_barrier(&s->body))
            compile_group(c, s);
        else
            compile_loop(c, s);
        break;
    case LS_IF: compile_if(c, s); break;
    case LS_DECLARE:
        if (!(c->in_items && s->buffer->space == SPACE_LOCAL)) declare(c, s->buffer);
        break;
    case LS_BARRIER: emit(c, (EvalInsn){.op = EV_BARRIER}); break;
    case LS_WAIT: emit(c, (EvalInsn){.op = EV_WAIT}); break;
    case LS_PREFETCH: break;
    case LS_COPY: compile_copy(c, s); break;
    case LS_FIFO_WRITE: compile_fifo_write(c, s); break;
    }
}

static void compile_block(Compiler *c, const LBlock *block) {
    int32_t top = c->top;
    for (size_t i = 0; i < block->stmts.len && !c->failed; i++) {
        const LStmt *s = block->stmts.data[i];
        int32_t before = c->top;
        memo_clear(&c->exprs);
        compile_stmt(c, s);
        if (s->kind != LS_LET) c->top = before;
    }
    memo_clear(&c->exprs);
    c->top = top;
}

/* ---- constants to their place ---------------------------------------------------------------- */

static void relocate(const Compiler *c, int32_t *reg) {
    if (*reg < 0 && *reg != REG_NONE) *reg = c->most - 1 - *reg;
}

static void relocate_access(const Compiler *c, EvalAccess *a) {
    if (!a) return;
    for (int i = 0; i < a->rank; i++) relocate(c, &a->index[i]);
    relocate(c, &a->mask);
    relocate(c, &a->passthrough);
}

static void finish(Compiler *c) {
    for (size_t i = 0; i < c->out->code.len; i++) {
        EvalInsn *in = &c->out->code.data[i];
        relocate(c, &in->a);
        relocate(c, &in->b);
        relocate(c, &in->c);
        relocate_access(c, in->access);
        relocate_access(c, in->source);
    }
    for (size_t i = 0; i < c->out->groups.len; i++)
        for (int k = 0; k < c->out->groups.data[i].axes; k++)
            relocate(c, &c->out->groups.data[i].begin[k]);
    for (size_t i = 0; i < c->out->buffers.len; i++)
        if (!c->out->buffers.data[i].is_stored) c->out->buffers.data[i].tracked = false;
    c->out->frame = c->most + (int32_t)c->out->constants.len;
}

EvalCode *leval_compile(const LKernel *kernel, const int64_t *symbols, DimContext *dims,
                        Arena *arena, Diag *diag) {
    EvalCode *out = arena_new(arena, EvalCode);
    out->kernel = kernel;
    out->arena = arena;
    Compiler c = {.out = out, .arena = arena, .dims = dims, .symbols = symbols, .diag = diag};
    c.exprs = memo_create(arena);
    c.slots = memo_create(arena);
    c.scope = -1;
    for (int i = 0; i < kernel->nparams; i++) add_buffer(&c, kernel->params[i]);
    compile_block(&c, &kernel->body);
    emit(&c, (EvalInsn){.op = EV_END});
    finish(&c);
    return c.failed ? 0 : out;
}
