/* Which loops are pipelined, and how often an iteration can start. */
#include <stdlib.h>

#include "codegen/hls/model.h"
#include "ir/loop/affine.h"

enum { PORTS = 2, MOST_LOOPS = 64 };

typedef struct Pipeliner {
    DimContext *dims;
    Arena *arena;
    const LStmt *loops[MOST_LOOPS]; /* around, outermost first */
    int depth;
    bool checks;           /* nothing is changed */
    const LStmt *too_fast; /* the first that promises too much */
} Pipeliner;

static int64_t trips(const LStmt *loop) {
    int64_t extent;
    return lx_is_int(loop->extent, &extent) && extent > 0 ? extent : 1;
}

/* Whether elements of iterations with different values of the variable differ. */
static bool moves_with(const Pipeliner *p, LX const *index, int rank, const LVar *var) {
    for (int i = 0; i < rank; i++) {
        Affine a;
        if (!affine_of(p->dims, index[i], &a)) continue;
        for (int t = 0; t < a.nterms; t++)
            if (a.terms[t].atom->kind == LX_VAR && a.terms[t].atom->var == var) return true;
    }
    return false;
}

static const LStmt *loop_of(const Pipeliner *p, const LExpr *var) {
    for (int i = 0; i < p->depth; i++)
        if (var->kind == LX_VAR && p->loops[i]->var == var->var) return p->loops[i];
    return NULL;
}

/* Whether different values of the loops' variables give different indices along the axis: it is a
 * sum in which each variable's steps are longer than all smaller ones reach together. */
static bool is_injective(const Pipeliner *p, LX index) {
    Affine a;
    if (!affine_of(p->dims, index, &a)) return false;
    int64_t reach = 0;
    bool taken[AFFINE_TERMS] = {false};
    for (int n = 0; n < a.nterms; n++) {
        int next = -1;
        for (int t = 0; t < a.nterms; t++) {
            if (a.terms[t].coef.d || !loop_of(p, a.terms[t].atom)) return false;
            if (!taken[t] && (next < 0 || llabs(a.terms[t].coef.n) < llabs(a.terms[next].coef.n)))
                next = t;
        }
        taken[next] = true;
        int64_t step = llabs(a.terms[next].coef.n);
        if (step <= reach) return false;
        reach += step * (trips(loop_of(p, a.terms[next].atom)) - 1);
    }
    return true;
}

/* Iterations between a write of an element and the next that touches it: the loops inside the
 * innermost one that comes back to it. 0: none does. */
static int64_t distance(const Pipeliner *p, const HlsAccess *write) {
    int64_t apart = 1;
    for (int i = 0; i < write->buffer->rank; i++)
        if (!is_injective(p, write->index[i])) return 1;
    for (int i = p->depth - 1; i >= 0; i--) {
        if (!moves_with(p, write->index, write->buffer->rank, p->loops[i]->var)) return apart;
        apart *= trips(p->loops[i]);
    }
    return 0;
}

/* What an element that is read and written again asks for. */
static int64_t recurrence(const Pipeliner *p, HlsBody *body) {
    int64_t interval = 1;
    for (size_t i = 0; i < body->accesses.len; i++) {
        const HlsAccess *write = &body->accesses.data[i];
        if (!write->writes || write->buffer->space == SPACE_FIFO) continue;
        for (size_t k = 0; k < body->accesses.len; k++) {
            const HlsAccess *read = &body->accesses.data[k];
            if (read->writes || read->buffer != write->buffer) continue;
            if (!hls_same_bank(read, write)) continue;
            int path = hls_path_from(body, write->value, write->buffer);
            int64_t latency = path > 0 ? path : 1;
            int64_t apart = hls_same_element(read, write) ? distance(p, write) : 1;
            if (apart == 0) continue;
            int64_t needed = ceil_div(latency, apart);
            if (needed > interval) interval = needed;
        }
    }
    return interval;
}

/* Arrays have two ports, a channel one end. */
static int64_t ports(const HlsBody *body) {
    int64_t interval = 1;
    for (size_t i = 0; i < body->accesses.len; i++) {
        const LBuffer *buffer = body->accesses.data[i].buffer;
        int count = hls_most_accesses(body, buffer);
        int64_t needed = buffer->space == SPACE_FIFO ? count : ceil_div(count, PORTS);
        if (needed > interval) interval = needed;
    }
    return interval;
}

static void pipeline_block(Pipeliner *p, LBlock *block);

static void pipeline_loop(Pipeliner *p, LStmt *s) {
    require(p->depth < MOST_LOOPS);
    p->loops[p->depth++] = s;
    if (hls_has_loop(&s->body)) {
        pipeline_block(p, &s->body);
    } else {
        HlsBody body = hls_body_begin(p->arena);
        for (size_t i = 0; i < s->body.stmts.len; i++) hls_body_add(&body, s->body.stmts.data[i]);
        int64_t held = recurrence(p, &body), fed = ports(&body);
        int interval = (int)(held > fed ? held : fed);
        if (!p->checks) {
            s->loop = LOOP_PIPELINE;
            s->interval = interval;
        } else if (s->loop == LOOP_PIPELINE && s->interval < interval && !p->too_fast) {
            p->too_fast = s;
        }
    }
    p->depth--;
}

static void pipeline_block(Pipeliner *p, LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        LStmt *s = block->stmts.data[i];
        if (s->kind == LS_FOR) {
            pipeline_loop(p, s);
        } else {
            pipeline_block(p, &s->body);
            pipeline_block(p, &s->otherwise);
        }
    }
}

void hls_pipeline(DimContext *dims, LKernel *kernel) {
    Pipeliner p = {.dims = dims, .arena = arena_create()};
    pipeline_block(&p, &kernel->body);
    arena_destroy(p.arena);
}

const LStmt *hls_too_fast(DimContext *dims, const LKernel *kernel) {
    Pipeliner p = {.dims = dims, .arena = arena_create(), .checks = true};
    pipeline_block(&p, (LBlock *)(uintptr_t)&kernel->body);
    arena_destroy(p.arena);
    return p.too_fast;
}
