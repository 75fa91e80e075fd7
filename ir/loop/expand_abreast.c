/* Unrolled iterations side by side: statement by statement instead of iteration by iteration.
 *
 * An epilogue such as x * sigmoid(x) is a chain in which each operation waits for the one before.
 * A core looks ahead over fewer operations than a few of those chains have, so that code with
 * one chain after the other leaves it waiting; with four of them abreast it is busy. */
#include "ir/loop/expand.h"
#include "ir/loop/rewrite.h"

enum { ABREAST = 4, MOST_LEVELS = 4, MOST_LETS = 24, LONG_CHAIN = 16 };

typedef struct Abreast {
    Expand *e;
    int nlevels;
    const LStmt *levels[MOST_LEVELS];
    LX begin[MOST_LEVELS];
    int64_t extent[MOST_LEVELS], count; /* iterations of all levels */
    const LBlock *body;                 /* lets and at last a store */
    int operations;
    bool reads_result;
    LX values[ABREAST][MOST_LETS];
} Abreast;

static bool look(void *context, LX x) {
    Abreast *a = context;
    const LStmt *store = a->body->stmts.data[a->body->stmts.len - 1];
    a->operations += (x->kind == LX_BINARY || x->kind == LX_FMA) && dtype_is_float(x->type.dtype);
    a->reads_result = a->reads_result || x->buffer == store->buffer;
    return true;
}

/* Whether the block is lets that make a long chain, and a store of what no iteration reads. */
static bool is_chain(Abreast *a, const LBlock *body) {
    size_t last = body->stmts.len - 1;
    if (body->stmts.len < 3 || last > MOST_LETS) return false;
    const LStmt *store = body->stmts.data[last];
    if (store->kind != LS_STORE || !store->buffer->no_alias) return false;
    a->body = body;
    for (size_t i = 0; i < last; i++) {
        if (body->stmts.data[i]->kind != LS_LET) return false;
        lx_each(body->stmts.data[i]->value, look, a);
    }
    lstmt_each_expr(store, look, a);
    return a->operations >= LONG_CHAIN && !a->reads_result;
}

/* Unroll loops in one another around a chain. */
static bool survey(Abreast *a, const LStmt *s) {
    a->count = 1;
    while (s->kind == LS_FOR && s->loop == LOOP_UNROLL && a->nlevels < MOST_LEVELS) {
        int level = a->nlevels++;
        a->levels[level] = s;
        a->begin[level] = expand_expr(a->e, s->begin);
        LX extent = expand_expr(a->e, s->extent);
        if (!lx_is_int(extent, &a->extent[level]) || a->extent[level] < 1) return false;
        a->count *= a->extent[level];
        if (s->body.stmts.len != 1) return a->count > 1 && is_chain(a, &s->body);
        s = s->body.stmts.data[0];
    }
    return false;
}

static void enter(Abreast *a, int64_t iteration) {
    for (int level = a->nlevels; level-- > 0;) {
        int64_t index = iteration % a->extent[level];
        iteration /= a->extent[level];
        a->e->vars[a->levels[level]->var->id] = lx_addi(&a->e->b, a->begin[level], index);
    }
}

bool expand_abreast(Expand *e, const LStmt *s) {
    Abreast a = {.e = e};
    if (e->hooks || e->lanes > 1 || !survey(&a, s)) return false;
    size_t lets = a.body->stmts.len - 1;
    for (int64_t first = 0; first < a.count; first += ABREAST) {
        int64_t rest = a.count - first, together = rest < ABREAST ? rest : ABREAST;
        for (size_t i = 0; i <= lets; i++) {
            for (int64_t k = 0; k < together; k++) {
                enter(&a, first + k);
                for (size_t n = 0; n < i; n++)
                    e->vars[a.body->stmts.data[n]->var->id] = a.values[k][n];
                expand_stmt(e, a.body->stmts.data[i]);
                if (i < lets) a.values[k][i] = e->vars[a.body->stmts.data[i]->var->id];
            }
        }
    }
    return true;
}
