/* Perfect nests: what stands before the only loop in a loop moves into it, so that tools make one
 * pipeline of both and fill it once.
 *
 *     for i                               for i
 *       let a = x[i]                        for j
 *       let v = read c          becomes       let a = x[i]
 *       for j                                 if j == 0 { let r = read c; cell[0] = r }
 *         ...                                 let v = cell[0]
 *                                             ...
 */
#include "codegen/hls/model.h"
#include "ir/loop/build.h"
#include "ir/loop/rewrite.h"

typedef struct Sinker {
    LBuilder b;
    LBlock cells; /* their declarations, for the kernel's beginning: none stands in the nest */
} Sinker;

/* ---- what may move --------------------------------------------------------------------------- */

typedef struct Loads {
    const LBlock *block;
    bool clash;
} Loads;

static bool stores_to(const LBlock *block, const LBuffer *buffer) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_STORE && s->buffer == buffer) return true;
        if (stores_to(&s->body, buffer) || stores_to(&s->otherwise, buffer)) return true;
    }
    return false;
}

static bool check_load(void *context, LX x) {
    Loads *loads = context;
    if (x->kind == LX_LOAD && stores_to(loads->block, x->buffer)) loads->clash = true;
    return !loads->clash;
}

static bool is_read(const LStmt *s) {
    return s->kind == LS_LET && s->value->kind == LX_FIFO_READ;
}

/* A value that the loop can compute anew each time: neither it nor what stands before it changes
 * what is loaded. */
static bool is_pure(const LStmt *s, const LBlock *block) {
    if (s->kind != LS_LET || is_read(s)) return false;
    Loads loads = {block, false};
    lx_each(s->value, check_load, &loads);
    return !loads.clash;
}

/* Whether all before the last statement, a loop that runs, can move into it. */
static bool fits(const LBlock *block) {
    size_t count = block->stmts.len;
    int64_t extent;
    if (count < 2 || block->stmts.data[count - 1]->kind != LS_FOR) return false;
    const LStmt *loop = block->stmts.data[count - 1];
    if (!lx_is_int(loop->begin, NULL) || !lx_is_int(loop->extent, &extent) || extent < 1)
        return false;
    for (size_t i = 0; i + 1 < count; i++) {
        const LStmt *s = block->stmts.data[i];
        bool whole = s->kind == LS_IF && !hls_has_loop(&s->body) && !hls_has_loop(&s->otherwise);
        bool store = s->kind == LS_STORE;
        if (s->kind != LS_DECLARE && !is_read(s) && !is_pure(s, block) && !whole && !store)
            return false;
    }
    return true;
}

/* ---- moving ---------------------------------------------------------------------------------- */

static void append(Sinker *k, LBlock *block, LStmt *s) {
    s->parent = block;
    vec_push(k->b.arena, &block->stmts, s);
}

static LStmt *first_time(Sinker *k, LStmt *loop) {
    LX var = lx_var(&k->b, loop->var);
    LStmt *branch = lb_if(&k->b, lx_binary(&k->b, LB_EQ, var, loop->begin));
    lb_end(&k->b, branch);
    return branch;
}

/* It begins as 0, since compilers do not see that it is set before it is used. */
static LBuffer *new_cell(Sinker *k, const LVar *var) {
    LBuilder *b = &k->b;
    int64_t one = 1;
    LX at = lx_int(b, 0);
    LBlock *inside = b->block;
    b->block = &k->cells;
    LBuffer *cell = lb_declare(b, var->name, SPACE_PRIVATE, var->type, 1, &one);
    bool is_float = dtype_is_float(var->type.dtype);
    lb_store(b, cell, &at, is_float ? lx_const(b, var->type, 0) : lx_const_int(b, var->type, 0),
             NULL);
    b->block = inside;
    return cell;
}

/* The channel is read the first time round, and what came is kept. */
static void move_read(Sinker *k, LStmt *loop, LStmt *read) {
    LBuilder *b = &k->b;
    LX zero = lx_int(b, 0);
    const LVar *var = read->var;
    LBlock *inside = b->block;
    LBuffer *cell = new_cell(k, var);
    LStmt *branch = first_time(k, loop);
    b->block = &branch->body;
    LX came = lb_let(b, "came", lx_fifo_read(b, read->value->buffer));
    lb_store(b, cell, &zero, came, NULL);
    b->block = inside;
    LStmt *again = arena_new(b->arena, LStmt);
    again->kind = LS_LET;
    again->var = var;
    again->value = lx_load(b, cell, &zero);
    append(k, inside, again);
}

static void sink(Sinker *k, LBlock *block) {
    LBlock before = *block, body;
    size_t count = before.stmts.len;
    LStmt *loop = before.stmts.data[count - 1];
    body = loop->body;
    *block = (LBlock){{0}};
    loop->body = (LBlock){{0}};
    k->b.block = &loop->body;
    for (size_t i = 0; i + 1 < count; i++) {
        LStmt *s = before.stmts.data[i];
        if (s->kind == LS_DECLARE) {
            append(k, block, s);
        } else if (is_read(s)) {
            move_read(k, loop, s);
        } else if (s->kind == LS_LET) {
            append(k, &loop->body, s);
        } else {
            append(k, &first_time(k, loop)->body, s);
        }
    }
    for (size_t i = 0; i < body.stmts.len; i++) append(k, &loop->body, body.stmts.data[i]);
    append(k, block, loop);
}

static void sink_block(Sinker *k, LBlock *block, bool in_loop) {
    if (in_loop && fits(block)) sink(k, block);
    for (size_t i = 0; i < block->stmts.len; i++) {
        LStmt *s = block->stmts.data[i];
        sink_block(k, &s->body, s->kind == LS_FOR);
        sink_block(k, &s->otherwise, false);
    }
}

void hls_sink(LProgram *program, LKernel *kernel) {
    Sinker k = {.b = {.program = program, .arena = program->module->arena, .kernel = kernel}};
    sink_block(&k, &kernel->body, false);
    LBlock rest = kernel->body;
    kernel->body = (LBlock){{0}};
    for (size_t i = 0; i < k.cells.stmts.len; i++) append(&k, &kernel->body, k.cells.stmts.data[i]);
    for (size_t i = 0; i < rest.stmts.len; i++) append(&k, &kernel->body, rest.stmts.data[i]);
}
