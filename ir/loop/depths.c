/* Depths of channels, found by running nothing but the channels. */
#include "ir/loop/eval.h"
#include "ir/loop/expand.h"
#include "ir/loop/stream.h"

#include <string.h>

/* ---- a kernel's channels and the control around them ----------------------------------------- */

typedef struct Strip {
    Expand e;
    bool fails;
    const LStmt *decided; /* a condition that is made outside of its loop; null: none */
    bool holds;
} Strip;

static bool uses_channels(const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_FIFO_WRITE || (s->kind == LS_LET && s->value->kind == LX_FIFO_READ))
            return true;
        if (uses_channels(&s->body) || uses_channels(&s->otherwise)) return true;
    }
    return false;
}

/* Whether x is made of variables that the stripped kernel has, and of no data. */
static bool is_control(const Expand *e, LX x) {
    if (x->kind == LX_LOAD || x->kind == LX_FIFO_READ) return false;
    if (x->kind == LX_VAR) return e->vars[x->var->id] != 0;
    for (int i = 0; i < x->nargs; i++)
        if (!is_control(e, x->args[i])) return false;
    return true;
}

/* A condition in an innermost loop that is the same in all iterations: padding has one for each
 * pixel around the loop over its channels. Null: there is none. Each loop comes here once, so that
 * its variables have no expressions yet. */
static const LStmt *fixed_condition(const Expand *e, const LStmt *loop) {
    const LStmt *found = 0;
    for (size_t i = 0; i < loop->body.stmts.len; i++) {
        const LStmt *s = loop->body.stmts.data[i];
        bool channels = uses_channels(&s->body) || uses_channels(&s->otherwise);
        if (s->kind == LS_FOR && channels) return 0;
        if (s->kind == LS_IF && channels && !found && is_control(e, s->value)) found = s;
    }
    return found;
}

static void strip_loop(Expand *e, const LStmt *loop) {
    Strip *strip = e->context;
    const LStmt *condition = fixed_condition(e, loop);
    if (!condition) {
        expand_for(e, loop);
        return;
    }
    LStmt *branch = lb_if(&e->b, expand_expr(e, condition->value));
    strip->decided = condition;
    strip->holds = true;
    expand_for(e, loop);
    lb_else(&e->b, branch);
    strip->holds = false;
    expand_for(e, loop);
    strip->decided = 0;
    lb_end(&e->b, branch);
}

static bool strip_stmt(Expand *e, const LStmt *s) {
    Strip *strip = e->context;
    bool channels = uses_channels(&s->body) || uses_channels(&s->otherwise);
    switch (s->kind) {
    case LS_LET:
        if (s->value->kind != LX_FIFO_READ) return !(s->var->is_index && is_control(e, s->value));
        /* What is read stays without a name: it is data. */
        lb_let(&e->b, "v", lx_fifo_read(&e->b, expand_renamed(e, s->value->buffer)->buffer));
        return true;
    case LS_FIFO_WRITE:
        lb_fifo_write(&e->b, expand_renamed(e, s->buffer)->buffer,
                      lx_const(&e->b, s->buffer->elem, 0));
        return true;
    case LS_IF:
        if (!channels) return true;
        if (s == strip->decided) {
            expand_block(e, strip->holds ? &s->body : &s->otherwise);
            return true;
        }
        strip->fails = strip->fails || !is_control(e, s->value);
        return strip->fails;
    case LS_FOR:
        if (!channels) return true;
        strip->fails = strip->fails || !is_control(e, s->begin) || !is_control(e, s->extent);
        if (!strip->fails) strip_loop(e, s);
        return true;
    default: return true;
    }
}

static LKernel *strip(LProgram *program, const LKernel *kernel, int frames, Diag *diag) {
    static const ExpandHooks hooks = {strip_stmt, 0, 0};
    static const LExpandOptions options = {0};
    Arena *scratch = arena_create();
    Strip s = {.e = {.options = &options, .lanes = 1, .hooks = &hooks}};
    LKernel *r = lkernel_create(program, kernel->name, kernel->path, &s.e.b);
    LBuilder *b = &s.e.b;
    s.e.context = &s;
    expand_begin(&s.e, program, scratch);
    r->nparams = kernel->nparams;
    r->params = kernel->params;
    for (int i = 0; i < kernel->nparams; i++)
        expand_rename(&s.e, kernel->params[i], kernel->params[i], false);
    LStmt *loop = lb_for(b, LOOP_SERIAL, "frame", lx_int(b, 0), lx_int(b, frames));
    expand_block(&s.e, &kernel->body);
    lb_end(b, loop);
    arena_destroy(scratch);
    if (!s.fails) return r;
    diag_error(diag, (Span){0}, "task %s: its use of channels depends on data", kernel->name);
    return 0;
}

/* ---- running them ---------------------------------------------------------------------------- */

typedef struct Link {
    EvalFifo fifo;
    int writer, reader; /* -1: none */
} Link;

typedef struct Depths {
    EvalMachine m;
    LKernel *const *tasks;
    EvalThread **threads;
    size_t count;
    VEC(Link *) links;
} Depths;

static Link *link_of(Depths *d, const char *name) {
    for (size_t i = 0; i < d->links.len; i++)
        if (strcmp(d->links.data[i]->fifo.name, name) == 0) return d->links.data[i];
    Link *l = arena_new(d->m.arena, Link);
    l->fifo.name = name;
    l->fifo.arena = d->m.arena;
    l->fifo.cells = 0; /* how many elements there are is all that counts */
    l->writer = l->reader = -1;
    vec_push(d->m.arena, &d->links, l);
    return l;
}

static bool start_task(Depths *d, LProgram *program, int task, int frames) {
    LKernel *k = strip(program, d->tasks[task], frames, d->m.diag);
    EvalCode *code = k ? leval_compile(k, 0, program->module->dims, d->m.arena, d->m.diag) : 0;
    if (!code) return false;
    EvalThread *t = d->threads[task] = leval_thread_new(d->m.arena, code);
    for (int i = 0; i < k->nparams; i++) {
        const LBuffer *buffer = k->params[i];
        if (buffer->space != SPACE_FIFO) continue;
        Link *l = link_of(d, buffer->name);
        int *end = buffer->access == ACCESS_READ ? &l->reader : &l->writer;
        if (*end >= 0) {
            diag_error(d->m.diag, (Span){0}, "channel %s has two tasks at the same end: %s and %s",
                       buffer->name, d->tasks[*end]->name, k->name);
            return false;
        }
        *end = task;
        t->fifos[i] = &l->fifo;
        l->fifo.dtype = buffer->elem.dtype;
    }
    return true;
}

/* As far as all get. */
static void run_all(Depths *d) {
    bool moved = true;
    while (moved && d->m.fault == LFAULT_NONE) {
        moved = false;
        for (size_t i = 0; i < d->count && d->m.fault == LFAULT_NONE; i++) {
            EvalThread *t = d->threads[i];
            if (t->state == EVAL_DONE) continue;
            int64_t steps = d->m.steps;
            t->state = EVAL_RUNS;
            leval_run(&d->m, t);
            moved = moved || steps - d->m.steps > 1 || t->state == EVAL_DONE;
        }
    }
}

static bool waits_for_room(const EvalThread *t) {
    return t->code->code.data[t->pc].op == EV_FIFO_WRITE;
}

static Link *awaited(const Depths *d, int task) {
    const EvalThread *t = d->threads[task];
    const EvalFifo *f = t->fifos[t->code->code.data[t->pc].target];
    for (size_t i = 0; i < d->links.len; i++)
        if (&d->links.data[i]->fifo == f) return d->links.data[i];
    unreachable();
}

/* The task that one waits for; -1: it has come to its end. */
static int blocker(const Depths *d, int task) {
    const Link *l = awaited(d, task);
    int other = waits_for_room(d->threads[task]) ? l->reader : l->writer;
    return d->threads[other]->state == EVAL_DONE ? -1 : other;
}

static bool stuck_for_good(const Depths *d, int task) {
    diag_error(d->m.diag, (Span){0}, "task %s waits for good to %s channel %s",
               d->tasks[task]->name, waits_for_room(d->threads[task]) ? "write to" : "read from",
               awaited(d, task)->fifo.name);
    return false;
}

/* Gives room to a ring of tasks that wait for each other; task is one that is stuck. */
static bool make_room(Depths *d, int task) {
    /* After as many steps as there are tasks one stands in the ring. */
    for (size_t i = 0; i < d->count; i++) {
        int next = blocker(d, task);
        if (next < 0) return stuck_for_good(d, task);
        task = next;
    }
    EvalFifo *least = 0;
    int at = task;
    do {
        EvalFifo *f = &awaited(d, at)->fifo;
        if (waits_for_room(d->threads[at]) && (!least || f->depth < least->depth)) least = f;
        at = blocker(d, at);
    } while (at != task);
    if (!least) return stuck_for_good(d, task);
    least->depth += 1 + least->depth / 16;
    return true;
}

static bool run_to_end(Depths *d) {
    for (;;) {
        int stuck = -1;
        run_all(d);
        if (d->m.fault != LFAULT_NONE) return false;
        for (size_t i = 0; i < d->count && stuck < 0; i++)
            if (d->threads[i]->state != EVAL_DONE) stuck = (int)i;
        if (stuck < 0) break;
        if (!make_room(d, stuck)) return false;
    }
    for (size_t i = 0; i < d->links.len; i++) {
        const EvalFifo *f = &d->links.data[i]->fifo;
        if (f->count == 0) continue;
        diag_error(d->m.diag, (Span){0}, "%lld elements of channel %s are never read",
                   (long long)f->count, f->name);
        return false;
    }
    return true;
}

/* ---- result ---------------------------------------------------------------------------------- */

static void fill_result(const Depths *d, int frames, Arena *arena, LDepths *result) {
    *result = (LDepths){0};
    result->starts = arena_array(arena, int64_t, d->count + 1);
    for (size_t i = 0; i < d->count; i++) {
        const EvalThread *t = d->threads[i];
        const LKernel *k = d->tasks[i];
        result->starts[i] = t->has_written ? t->reads_before : t->reads / frames;
        for (int p = 0; p < k->nparams; p++) {
            if (k->params[p]->space != SPACE_FIFO || k->params[p]->access != ACCESS_WRITE) continue;
            for (size_t n = 0; n < d->links.len; n++) {
                const Link *l = d->links.data[n];
                if (&l->fifo != t->fifos[p] || l->reader < 0) continue;
                vec_push(arena, &result->channels,
                         (LChannelDepth){k->params[p]->name, l->fifo.depth, l->writer, l->reader});
            }
        }
    }
}

bool ltasks_depths(LKernel *const *tasks, size_t count, LProgram *program, int64_t base_depth,
                   int frames, Arena *arena, LDepths *result, Diag *diag) {
    require(base_depth >= 1 && frames >= 1);
    Depths d = {.m = {.arena = arena_create(), .diag = diag, .steps = (int64_t)1 << 40}};
    d.tasks = tasks;
    d.count = count;
    d.threads = arena_array(d.m.arena, EvalThread *, count + 1);
    bool fine = true;
    for (size_t i = 0; i < count && fine; i++) fine = start_task(&d, program, (int)i, frames);
    for (size_t i = 0; i < d.links.len; i++) {
        Link *l = d.links.data[i];
        l->fifo.endless = l->writer < 0 || l->reader < 0;
        l->fifo.depth = base_depth;
    }
    fine = fine && run_to_end(&d);
    if (fine) fill_result(&d, frames, arena, result);
    arena_destroy(d.m.arena);
    return fine;
}
