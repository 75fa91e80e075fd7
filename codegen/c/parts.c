/* A kernel's parts: each loop over threads, work-groups or work-items at its top is a launch of its
 * own, what stands between them is one of a single work-item. Launches run one after the other. */
#include "codegen/c/printer.h"

/* ---- polynomials ----------------------------------------------------------------------------- */

Dim c_dim_of(DimContext *dims, LX x) {
    int64_t value;
    if (lx_is_int(x, &value)) return dim_int(dims, value);
    if (x->kind == LX_DIM) return x->dim;
    if (x->kind != LX_BINARY || x->type.lanes != 1) return NULL;
    Dim a = c_dim_of(dims, x->args[0]), b = c_dim_of(dims, x->args[1]);
    if (!a || !b) return NULL;
    switch (x->binary) {
    case LB_ADD: return dim_add(dims, a, b);
    case LB_SUB: return dim_sub(dims, a, b);
    case LB_MUL: return dim_mul(dims, a, b);
    case LB_FLOORDIV: return dim_floordiv(dims, a, b);
    case LB_MOD: return dim_mod(dims, a, b);
    case LB_MIN: return dim_min(dims, a, b);
    case LB_MAX: return dim_max(dims, a, b);
    default: return NULL;
    }
}

/* ---- what expressions and blocks name -------------------------------------------------------- */

typedef struct Names {
    Memo seen; /* expressions, variables, buffers */
} Names;

static void name_expr(Names *n, LX x) {
    if (!x || memo_get(&n->seen, x)) return;
    memo_set(&n->seen, x, x);
    for (int i = 0; i < x->nargs; i++) name_expr(n, x->args[i]);
    name_expr(n, x->mask);
    name_expr(n, x->passthrough);
    if (x->var) memo_set(&n->seen, x->var, x);
    if (x->buffer) memo_set(&n->seen, x->buffer, x);
}

static void name_block(Names *n, const LBlock *block);

static void name_stmt(Names *n, const LStmt *s) {
    LX const own[] = {s->value, s->mask, s->stride, s->begin, s->extent, s->count};
    for (size_t i = 0; i < COUNT_OF(own); i++) name_expr(n, own[i]);
    for (int i = 0; i < MAX_AXES; i++) {
        name_expr(n, s->index[i]);
        name_expr(n, s->source_index[i]);
    }
    if (s->buffer) memo_set(&n->seen, s->buffer, s);
    if (s->source) memo_set(&n->seen, s->source, s);
    name_block(n, &s->body);
    name_block(n, &s->otherwise);
}

static void name_block(Names *n, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) name_stmt(n, block->stmts.data[i]);
}

/* Whether a value can be computed anew in every part: from indices and what the kernel never
 * writes. */
static bool is_repeatable(LX x) {
    if (!x) return true;
    for (int i = 0; i < x->nargs; i++) {
        if (!is_repeatable(x->args[i])) return false;
    }
    bool writes = x->buffer && (x->buffer->param < 0 || (x->buffer->access & ACCESS_WRITE));
    return !writes && is_repeatable(x->mask) && is_repeatable(x->passthrough);
}

/* ---- splitting ------------------------------------------------------------------------------- */

static bool spreads(DimContext *dims, const LStmt *s) {
    if (s->kind != LS_FOR) return false;
    if (s->loop == LOOP_GRID || s->loop == LOOP_ITEM) return true;
    return s->loop == LOOP_PARALLEL && c_dim_of(dims, s->extent) != NULL;
}

/* Private memory at the top and values that change tie everything into one part. */
static bool can_split(const LKernel *kernel) {
    for (size_t i = 0; i < kernel->body.stmts.len; i++) {
        const LStmt *s = kernel->body.stmts.data[i];
        if (s->kind == LS_DECLARE && s->buffer->space != SPACE_LOCAL) return false;
        if (s->kind == LS_LET && !is_repeatable(s->value)) return false;
    }
    return true;
}

/* Values in front of the part that it needs, directly or through each other. */
static void find_lets(const LKernel *kernel, Arena *arena, PartStmts *part) {
    Names names = {memo_create(arena)};
    VEC(const LStmt *) wanted = {0};
    for (size_t i = 0; i < part->stmts.len; i++) name_stmt(&names, part->stmts.data[i]);
    for (size_t i = kernel->body.stmts.len; i-- > 0;) {
        const LStmt *s = kernel->body.stmts.data[i];
        if (s->kind != LS_LET || !memo_get(&names.seen, s->var)) continue;
        name_stmt(&names, s);
        vec_push(arena, &wanted, s);
    }
    for (size_t i = wanted.len; i-- > 0;) vec_push(arena, &part->lets, wanted.data[i]);
}

static void add_part(const LKernel *kernel, Arena *arena, PartList *parts, PartStmts *part) {
    if (part->stmts.len == 0) return;
    find_lets(kernel, arena, part);
    vec_push(arena, parts, *part);
    *part = (PartStmts){0};
}

void c_split_parts(const LProgram *program, const LKernel *kernel, Arena *arena, PartList *parts) {
    DimContext *dims = program->module->dims;
    PartStmts rest = {0};
    if (!can_split(kernel)) {
        for (size_t i = 0; i < kernel->body.stmts.len; i++) {
            vec_push(arena, &rest.stmts, kernel->body.stmts.data[i]);
        }
        vec_push(arena, parts, rest);
        return;
    }
    for (size_t i = 0; i < kernel->body.stmts.len; i++) {
        const LStmt *s = kernel->body.stmts.data[i];
        if (s->kind == LS_LET || s->kind == LS_DECLARE) continue;
        if (!spreads(dims, s)) {
            vec_push(arena, &rest.stmts, s);
            continue;
        }
        add_part(kernel, arena, parts, &rest);
        PartStmts own = {.spread = s};
        vec_push(arena, &own.stmts, s);
        add_part(kernel, arena, parts, &own);
    }
    add_part(kernel, arena, parts, &rest);
}
