/* Kernels as tasks: reads and writes of channels take the place of parameters in memory. */
#include "ir/loop/stream.h"

#include "ir/loop/build.h"
#include "ir/loop/expand.h"
#include "ir/loop/stream_plan.h"

#include <string.h>

typedef struct Stream {
    Expand e;
    const LKernel *kernel;
    StreamPlan *plans;
} Stream;

/* ---- whole slabs ----------------------------------------------------------------------------- */

static void pass_element(LBuilder *b, const StreamPlan *plan, LX const *index) {
    if (plan->writes)
        lb_fifo_write(b, plan->channel, lx_load(b, plan->array, index));
    else
        lb_store(b, plan->array, index, lb_let(b, "v", lx_fifo_read(b, plan->channel)), 0);
}

/* All elements whose first axes are at index[0 .. axis-1], in order. */
static void pass_slab(LBuilder *b, const StreamPlan *plan, LX *index, int axis) {
    while (axis < plan->buffer->rank && plan->dims[axis] == 1) index[axis++] = lx_int(b, 0);
    if (axis == plan->buffer->rank) {
        pass_element(b, plan, index);
        return;
    }
    LStmt *loop = lb_for(b, LOOP_SERIAL, "i", lx_int(b, 0), lx_int(b, plan->dims[axis]));
    index[axis] = lb_loop_var(b, loop);
    pass_slab(b, plan, index, axis + 1);
    lb_end(b, loop);
}

static void pass_all(LBuilder *b, const StreamPlan *plan) {
    LX index[MAX_AXES];
    pass_slab(b, plan, index, 0);
}

/* ---- windows --------------------------------------------------------------------------------- */

static LX inside(LBuilder *b, LX index, int64_t size) {
    return lx_binary(b, LB_AND, lx_binary(b, LB_GE, index, lx_int(b, 0)),
                     lx_binary(b, LB_LT, index, lx_int(b, size)));
}

/* The newest slab of a level in the iteration at hand; it may lie outside of the axis. */
static LX newest(Stream *s, const StreamLevel *level) {
    LX v = s->e.vars[level->loop->var->id];
    return lx_addi(&s->e.b, lx_muli(&s->e.b, v, level->scale), level->hi);
}

/* Where the levels before `level` stand; returns whether there is something to read there. */
static LX outer_index(Stream *s, const StreamPlan *plan, int level, LX *index) {
    LBuilder *b = &s->e.b;
    LX guard = lx_const_int(b, ltype(DT_bool, 1), 1);
    for (int i = 0; i < plan->buffer->rank; i++) index[i] = lx_int(b, 0);
    for (int i = 0; i < level; i++) {
        const StreamLevel *l = &plan->level[i];
        index[l->axis] = newest(s, l);
        guard = lx_binary(b, LB_AND, guard, inside(b, index[l->axis], plan->dims[l->axis]));
    }
    return guard;
}

/* Slabs first .. first+count-1 of a level, those of them that exist. */
static void pass_slabs(Stream *s, const StreamPlan *plan, int level, LX first, int64_t count) {
    LBuilder *b = &s->e.b;
    LX index[MAX_AXES];
    int axis = plan->level[level].axis;
    if (count <= 0) return;
    LX guard = outer_index(s, plan, level, index);
    LStmt *loop = count > 1 ? lb_for(b, LOOP_SERIAL, "i", lx_int(b, 0), lx_int(b, count)) : 0;
    index[axis] = loop ? lx_add(b, first, lb_loop_var(b, loop)) : first;
    guard = lx_binary(b, LB_AND, guard, inside(b, index[axis], plan->dims[axis]));
    LStmt *branch = lx_is_int(guard, 0) ? 0 : lb_if(b, guard);
    if (branch || guard->i) pass_slab(b, plan, index, axis + 1);
    if (branch) lb_end(b, branch);
    if (loop) lb_end(b, loop);
}

static int64_t clamp(int64_t x, int64_t most) {
    return x < 0 ? 0 : x > most ? most : x;
}

/* What the first iteration needs, but for the slabs that it reads itself. */
static void window_before(Stream *s, const StreamPlan *plan, int level) {
    const StreamLevel *l = &plan->level[level];
    int64_t count = clamp(l->hi - l->scale + 1, plan->dims[l->axis]);
    pass_slabs(s, plan, level, lx_int(&s->e.b, 0), count);
}

/* The slabs that are new in an iteration; the newest is left to the next level, if there is one. */
static void window_step(Stream *s, const StreamPlan *plan, int level) {
    const StreamLevel *l = &plan->level[level];
    bool last = level == plan->levels - 1;
    pass_slabs(s, plan, level, lx_addi(&s->e.b, newest(s, l), 1 - l->scale),
               last ? l->scale : l->scale - 1);
}

/* What no iteration needs is read all the same. */
static void window_after(Stream *s, const StreamPlan *plan, int level) {
    const StreamLevel *l = &plan->level[level];
    int64_t size = plan->dims[l->axis];
    int64_t first = clamp(l->scale * (l->extent - 1) + l->hi + 1, size);
    pass_slabs(s, plan, level, lx_int(&s->e.b, first), size - first);
}

typedef void WindowPart(Stream *s, const StreamPlan *plan, int level);

static void each_window(Stream *s, const LBlock *body, WindowPart *part) {
    for (int i = 0; i < s->kernel->nparams; i++)
        for (int k = 0; k < s->plans[i].levels; k++)
            if (&s->plans[i].level[k].loop->body == body) part(s, &s->plans[i], k);
}

/* ---- the kernel's own statements ------------------------------------------------------------- */

static const StreamPlan *plan_of(const Stream *s, const LBuffer *buffer) {
    return buffer && buffer->param >= 0 ? &s->plans[buffer->param] : 0;
}

static void enter_block(Expand *e, const LBlock *block) {
    Stream *s = e->context;
    for (int i = 0; i < s->kernel->nparams; i++)
        if (s->plans[i].at == block)
            s->plans[i].value = lb_let(&e->b, "v", lx_fifo_read(&e->b, s->plans[i].channel));
    each_window(s, block, window_step);
}

static LX stream_load(Expand *e, LX x, LX const *args, LX mask, LX passthrough) {
    (void)args;
    const StreamPlan *plan = plan_of(e->context, x->buffer);
    if (!plan || plan->mode != STREAM_DIRECT) return 0;
    return mask ? lx_select(&e->b, mask, plan->value, passthrough) : plan->value;
}

static void stream_loop(Stream *s, const LStmt *loop) {
    bool kept = loop->loop == LOOP_UNROLL || loop->loop == LOOP_PIPELINE;
    each_window(s, &loop->body, window_before);
    memo_clear(&s->e.exprs);
    if (kept)
        expand_for(&s->e, loop);
    else
        expand_serial(&s->e, loop);
    each_window(s, &loop->body, window_after);
}

static bool stream_stmt(Expand *e, const LStmt *stmt) {
    Stream *s = e->context;
    const StreamPlan *plan = plan_of(s, stmt->buffer);
    if (stmt->kind == LS_FOR) {
        stream_loop(s, stmt);
        return true;
    }
    if (stmt->kind == LS_STORE && plan && plan->mode == STREAM_DIRECT) {
        lb_fifo_write(&e->b, plan->channel, expand_expr(e, stmt->value));
        return true;
    }
    return stmt->kind == LS_PREFETCH;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static LBuffer *new_channel(LBuilder *b, const char *name, DType dtype, LAccess access) {
    LBuffer *channel = lb_new_buffer(b, name, SPACE_FIFO, ltype(dtype, 1), 0);
    require(strcmp(channel->name, name) == 0);
    channel->access = access;
    return channel;
}

static LBuffer *copy_constant(LBuilder *b, const LBuffer *from) {
    LBuffer *to = lb_new_buffer(b, from->name, from->space, from->elem, from->rank);
    const char *name = to->name;
    *to = *from;
    to->name = name;
    return to;
}

/* Channels are named first: their names are not theirs to change. */
static void make_params(Stream *s, const char *const *channels) {
    LBuilder *b = &s->e.b;
    int n = s->kernel->nparams;
    LBuffer **params = arena_array(b->arena, LBuffer *, (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        StreamPlan *plan = &s->plans[i];
        if (plan->mode == STREAM_KEPT) continue;
        params[i] = plan->channel = new_channel(b, channels[i], plan->buffer->elem.dtype,
                                                plan->writes ? ACCESS_WRITE : ACCESS_READ);
        params[i]->param = i;
    }
    for (int i = 0; i < n; i++) {
        if (params[i]) continue;
        params[i] = copy_constant(b, s->kernel->params[i]);
        expand_rename(&s->e, s->kernel->params[i], params[i], false);
    }
    b->kernel->params = params;
    b->kernel->nparams = n;
}

static int64_t declare_array(Stream *s, StreamPlan *plan) {
    int64_t stored = 1;
    const LBuffer *old = plan->buffer;
    plan->array = lb_declare(&s->e.b, old->name, SPACE_PRIVATE, old->elem, old->rank, plan->dims);
    memcpy(plan->array->fold, plan->fold, sizeof plan->fold);
    expand_rename(&s->e, old, plan->array, false);
    for (int i = 0; i < old->rank; i++) stored *= plan->fold[i] ? plan->fold[i] : plan->dims[i];
    return stored;
}

static void declare_arrays(Stream *s, LStreamReport *report) {
    for (int i = 0; i < s->kernel->nparams; i++) {
        StreamPlan *plan = &s->plans[i];
        bool array = plan->mode == STREAM_WHOLE || plan->mode == STREAM_WINDOW;
        int64_t stored = array ? declare_array(s, plan) : 0;
        if (report) report[i] = (LStreamReport){plan->mode, plan->elements, stored};
    }
}

static void pass_wholes(Stream *s, bool writes) {
    for (int i = 0; i < s->kernel->nparams; i++) {
        const StreamPlan *plan = &s->plans[i];
        if (plan->mode == STREAM_WHOLE && plan->writes == writes) pass_all(&s->e.b, plan);
    }
}

LKernel *lkernel_stream(LProgram *program, const LKernel *kernel, const char *name,
                        const char *const *channels, LStreamReport *report) {
    static const ExpandHooks hooks = {stream_stmt, enter_block, stream_load};
    static const LExpandOptions options = {0};
    Arena *scratch = arena_create();
    Stream s = {.e = {.options = &options, .lanes = 1, .hooks = &hooks}, .kernel = kernel};
    LKernel *r = lkernel_create(program, name, kernel->path, &s.e.b);
    s.e.context = &s;
    s.plans = stream_plan(program, kernel, scratch);
    expand_begin(&s.e, program, scratch);
    r->plan = kernel->plan;
    r->flops = kernel->flops;
    r->bytes = kernel->bytes;
    make_params(&s, channels);
    declare_arrays(&s, report);
    pass_wholes(&s, false);
    expand_block(&s.e, &kernel->body);
    pass_wholes(&s, true);
    lprogram_add_kernel(program, r);
    arena_destroy(scratch);
    return r;
}

/* ---- kernels that only move elements --------------------------------------------------------- */

static LBuffer *channel_param(LBuilder *b, const char *name, DType dtype, LAccess access) {
    LBuffer *channel = new_channel(b, name, dtype, access);
    lb_add_param(b, channel);
    return channel;
}

LKernel *lkernel_fork(LProgram *program, const char *name, DType dtype, int64_t elements,
                      const char *in, const char *const *out, int count) {
    LBuilder b;
    LKernel *k = lkernel_create(program, name, "", &b);
    LBuffer *from = channel_param(&b, in, dtype, ACCESS_READ);
    LBuffer **to = arena_array(b.arena, LBuffer *, (size_t)count + 1);
    for (int i = 0; i < count; i++) to[i] = channel_param(&b, out[i], dtype, ACCESS_WRITE);
    LStmt *loop = lb_for(&b, LOOP_SERIAL, "i", lx_int(&b, 0), lx_int(&b, elements));
    LX v = lb_let(&b, "v", lx_fifo_read(&b, from));
    for (int i = 0; i < count; i++) lb_fifo_write(&b, to[i], v);
    lb_end(&b, loop);
    lprogram_add_kernel(program, k);
    return k;
}

typedef struct Delay {
    LBuilder b;
    LBuffer *in, *out, *ring;
} Delay;

/* count times: element first + i leaves, if it is to, and element ahead + i comes in its place. */
static void delay_part(Delay *d, int64_t count, int64_t leaving, int64_t coming) {
    LBuilder *b = &d->b;
    LStmt *loop = lb_for(b, LOOP_SERIAL, "i", lx_int(b, 0), lx_int(b, count));
    LX i = lb_loop_var(b, loop);
    if (leaving >= 0) {
        LX index = lx_addi(b, i, leaving);
        lb_fifo_write(b, d->out, lx_load(b, d->ring, &index));
    }
    if (coming >= 0) {
        LX index = lx_addi(b, i, coming);
        lb_store(b, d->ring, &index, lb_let(b, "v", lx_fifo_read(b, d->in)), 0);
    }
    lb_end(b, loop);
}

LKernel *lkernel_delay(LProgram *program, const char *name, DType dtype, int64_t elements,
                       int64_t depth, const char *in, const char *out) {
    Delay d;
    require(depth > 0);
    LKernel *k = lkernel_create(program, name, "", &d.b);
    if (depth > elements) depth = elements;
    d.in = channel_param(&d.b, in, dtype, ACCESS_READ);
    d.out = channel_param(&d.b, out, dtype, ACCESS_WRITE);
    d.ring = lb_declare(&d.b, "ring", SPACE_PRIVATE, ltype(dtype, 1), 1, &elements);
    d.ring->fold[0] = depth < elements ? depth : 0;
    delay_part(&d, depth, -1, 0);
    delay_part(&d, elements - depth, 0, depth);
    delay_part(&d, depth, elements - depth, -1);
    lprogram_add_kernel(program, k);
    return k;
}
