/* Which vector loops can be expanded: what varies from lane to lane, and what may run twice. */
#include "ir/loop/expand.h"
#include "ir/loop/rewrite.h"

typedef struct Fit {
    bool *varying;               /* by variable id */
    VEC(const LBuffer *) inside; /* private buffers declared in the loop */
    Arena *arena;
} Fit;

static bool is_inside(const Fit *f, const LBuffer *buffer) {
    for (size_t i = 0; i < f->inside.len; i++)
        if (f->inside.data[i] == buffer) return true;
    return false;
}

static bool varies_here(void *context, LX x) {
    const Fit *f = context;
    if (x->kind == LX_VAR && f->varying[x->var->id]) return false;
    return !(x->kind == LX_LOAD && is_inside(f, x->buffer));
}

static bool varies(Fit *f, LX x) {
    return !lx_each(x, varies_here, f);
}

static bool any_varies(Fit *f, LX const *x, int count) {
    for (int i = 0; i < count; i++)
        if (varies(f, x[i])) return true;
    return false;
}

/* Only scalars, and elements of private arrays at indices all lanes agree on. */
static bool expr_fits(void *context, LX x) {
    Fit *f = context;
    if (x->type.lanes != 1 || x->type.rows || x->kind == LX_FIFO_READ) return false;
    return !(x->kind == LX_LOAD && is_inside(f, x->buffer) && any_varies(f, x->args, x->nargs));
}

static bool block_fits(Fit *f, const LBlock *block);

static bool loop_fits(Fit *f, const LStmt *s) {
    bool plain = s->loop == LOOP_SERIAL || s->loop == LOOP_UNROLL || s->loop == LOOP_VECTOR;
    return plain && !varies(f, s->begin) && !varies(f, s->extent) && block_fits(f, &s->body);
}

static bool declare_fits(Fit *f, const LBuffer *buffer) {
    if (buffer->space != SPACE_PRIVATE || buffer->elem.lanes != 1 || buffer->elem.rows)
        return false;
    for (int i = 0; i < buffer->rank; i++)
        if (buffer->fold[i]) return false;
    vec_push(f->arena, &f->inside, buffer);
    return true;
}

static bool stmt_fits(Fit *f, const LStmt *s) {
    if (!lstmt_each_expr(s, expr_fits, f)) return false;
    switch (s->kind) {
    case LS_LET: f->varying[s->var->id] = varies(f, s->value); return true;
    case LS_STORE:
        if (s->buffer->elem.lanes != 1) return false;
        return is_inside(f, s->buffer) != any_varies(f, s->index, s->buffer->rank);
    case LS_FOR: return loop_fits(f, s);
    case LS_IF: return block_fits(f, &s->body) && block_fits(f, &s->otherwise);
    case LS_DECLARE: return declare_fits(f, s->buffer);
    case LS_PREFETCH: return true;
    default: return false;
    }
}

static bool block_fits(Fit *f, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++)
        if (!stmt_fits(f, block->stmts.data[i])) return false;
    return true;
}

bool vector_loop_fits(const LStmt *loop, uint32_t var_count) {
    Fit f = {.arena = arena_create()};
    f.varying = arena_array(f.arena, bool, var_count);
    f.varying[loop->var->id] = true;
    bool fits = block_fits(&f, &loop->body);
    arena_destroy(f.arena);
    return fits;
}

/* ---- running twice --------------------------------------------------------------------------- */

typedef struct Reads {
    const LBuffer *stored;

} Reads;

/* Whether memory of the buffer may be that of another. */
static bool may_overlap(const LBuffer *a, const LBuffer *b) {
    if (a == b) return true;
    return a->space == SPACE_GLOBAL && b->space == SPACE_GLOBAL && !a->no_alias && !b->no_alias;
}

static bool load_is_apart(void *context, LX x) {
    const Reads *r = context;
    return x->kind != LX_LOAD || !may_overlap(x->buffer, r->stored);
}

static bool nothing_reads(const LBlock *block, Reads *r) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (!lstmt_each_expr(s, load_is_apart, r)) return false;
        if (!nothing_reads(&s->body, r) || !nothing_reads(&s->otherwise, r)) return false;
    }
    return true;
}

static bool declared_in(const LBlock *block, const LBuffer *buffer) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_DECLARE && s->buffer == buffer) return true;
        if (declared_in(&s->body, buffer) || declared_in(&s->otherwise, buffer)) return true;
    }
    return false;
}

static bool stores_repeat(const LBlock *block, const LStmt *loop) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_STORE && !declared_in(&loop->body, s->buffer)) {
            Reads r = {s->buffer};
            if (!nothing_reads(&loop->body, &r)) return false;
        }
        if (!stores_repeat(&s->body, loop) || !stores_repeat(&s->otherwise, loop)) return false;
    }
    return true;
}

bool vector_loop_repeats(const LStmt *loop) {
    return stores_repeat(&loop->body, loop);
}
