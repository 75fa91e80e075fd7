/* The evaluator's machine. */
#include "ir/loop/eval.h"

#include <math.h>
#include <string.h>

EvalThread *leval_thread_new(Arena *arena, const EvalCode *code) {
    EvalThread *t = arena_new(arena, EvalThread);
    t->code = code;
    t->frame = arena_array(arena, Scalar, (size_t)code->frame + 1);
    size_t constants = code->constants.len, buffers = code->buffers.len;
    if (constants)
        memcpy(&t->frame[(size_t)code->frame - constants], code->constants.data,
               constants * sizeof(Scalar));
    t->stores = arena_array(arena, EvalStore *, buffers + 1);
    t->owned = arena_array(arena, EvalStore *, buffers + 1);
    t->fifos = arena_array(arena, EvalFifo *, buffers + 1);
    return t;
}

/* ---- statements ------------------------------------------------------------------------------ */

static void declare(EvalMachine *m, EvalThread *t, int slot) {
    const EvalBuffer *def = &t->code->buffers.data[slot];
    if (def->buffer->space == SPACE_FIFO) {
        if (!t->fifos[slot]) {
            t->fifos[slot] = arena_new(m->arena, EvalFifo);
            t->fifos[slot]->arena = m->arena;
        }
        EvalFifo *f = t->fifos[slot];
        f->name = def->buffer->name;
        f->cells = def->cells;
        f->depth = def->buffer->depth;
        f->head = f->count = 0;
        return;
    }
    if (t->owned[slot])
        leval_store_reset(t->owned[slot]);
    else
        t->owned[slot] = leval_store_new(m, def, 0, 0);
    t->stores[slot] = t->owned[slot];
}

static void loop_enter(EvalMachine *m, EvalThread *t) {
    m->now++;
    t->loops[t->depth++] = (EvalLoop){m->now, m->now};
}

/* Executes EV_LOOP; pc is left at the next instruction. */
static bool begin_loop(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    Scalar *r = t->frame;
    int64_t begin = r[in->a].i, extent = r[in->b].i;
    if (extent <= 0) {
        t->pc = in->target;
        return true;
    }
    if (!checked_add(begin, extent, &r[in->dst + 1].i))
        return leval_fault(m, t, LFAULT_ARITHMETIC, "a loop's end overflows");
    r[in->dst].i = begin;
    if (in->independent) loop_enter(m, t);
    t->pc++;
    return true;
}

static void next_iteration(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    Scalar *r = t->frame;
    if (++r[in->dst].i < r[in->dst + 1].i) {
        if (in->independent) t->loops[t->depth - 1].iteration = ++m->now;
        t->pc = in->target;
        return;
    }
    if (in->independent) t->depth--;
    t->pc++;
}

/* ---- work-groups ----------------------------------------------------------------------------- */

static EvalThread **make_items(EvalMachine *m, EvalThread *t, const EvalGroup *g, int64_t count) {
    size_t buffers = t->code->buffers.len;
    EvalThread **items = arena_array(m->arena, EvalThread *, (size_t)count);
    for (int64_t i = 0; i < count; i++) {
        EvalThread *item = items[i] = leval_thread_new(m->arena, t->code);
        memcpy(item->frame, t->frame, (size_t)t->code->frame * sizeof(Scalar));
        memcpy(item->stores, t->stores, buffers * sizeof *item->stores);
        memcpy(item->fifos, t->fifos, buffers * sizeof *item->fifos);
        memcpy(item->loops, t->loops, sizeof item->loops);
        item->depth = t->depth + 1;
        item->pc = t->pc + 1;
        int64_t rest = i;
        for (int axis = g->axes - 1; axis >= 0; axis--) {
            item->frame[g->var[axis]].i = t->frame[g->begin[axis]].i + rest % g->extent[axis];
            rest /= g->extent[axis];
        }
    }
    return items;
}

/* All items up to their next barrier or end. */
static bool run_phase(EvalMachine *m, EvalThread *t, EvalThread **items, int64_t count) {
    uint64_t start = m->now + 1;
    for (int64_t i = 0; i < count; i++) {
        EvalThread *item = items[i];
        if (item->state == EVAL_DONE) continue;
        item->loops[t->depth] = (EvalLoop){start, ++m->now};
        item->state = EVAL_RUNS;
        EvalState state = leval_run(m, item);
        if (state == EVAL_WAITS_FIFO) {
            leval_fault(m, item, LFAULT_FIFO, "a work-item waits for a channel");
            state = EVAL_FAULT;
        }
        if (state == EVAL_FAULT) {
            t->state = EVAL_FAULT;
            return false;
        }
    }
    return true;
}

static bool run_group(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    const EvalGroup *g = &t->code->groups.data[in->target];
    int64_t count = 1;
    for (int i = 0; i < g->axes; i++) count *= g->extent[i];
    /* Items live as long as their group: many groups must not pile up. */
    EvalMachine inner = *m;
    inner.arena = arena_create();
    EvalThread **items = make_items(&inner, t, g, count);
    bool running = true, sound = true;
    while (running && sound) {
        sound = run_phase(&inner, t, items, count);
        running = sound && items[0]->state == EVAL_AT_BARRIER;
        for (int64_t i = 1; sound && i < count; i++)
            if (items[i]->state != items[0]->state || items[i]->pc != items[0]->pc) {
                sound = leval_fault(&inner, items[i], LFAULT_BARRIER,
                                    "not all work-items of the group reach the same barrier");
                t->state = EVAL_FAULT;
            }
    }
    arena_destroy(inner.arena);
    m->now = inner.now;
    m->steps = inner.steps;
    m->fault = inner.fault;
    t->pc = g->end;
    return sound;
}

/* ---- the machine ----------------------------------------------------------------------------- */

#define EACH_LANE(statement)                                                                       \
    for (int i = 0; i < in->lanes; i++) statement;                                                 \
    break

static const char *step_fault(const EvalInsn *in) {
    return in->op >= EV_ADD_INDEX && in->op <= EV_MUL_INDEX ? "index arithmetic overflows"
                                                            : "division by zero or a shift too far";
}

/* One of the operators on registers; false: an arithmetic fault. */
static inline bool run_operator(Scalar *f, const EvalInsn *in) {
    Scalar *d = f + in->dst;
    const Scalar *a = f + in->a, *b = f + in->b, *c = f + in->c;
    bool fine = true;
    switch (in->op) {
    case EV_MOVE: memcpy(d, a, (size_t)in->lanes * sizeof *d); break;
    case EV_ADD_I64: EACH_LANE(d[i].i = (int64_t)((uint64_t)a[i].i + (uint64_t)b[i].i));
    case EV_SUB_I64: EACH_LANE(d[i].i = (int64_t)((uint64_t)a[i].i - (uint64_t)b[i].i));
    case EV_MUL_I64: EACH_LANE(d[i].i = (int64_t)((uint64_t)a[i].i * (uint64_t)b[i].i));
    case EV_ADD_INDEX: EACH_LANE(fine = checked_add(a[i].i, b[i].i, &d[i].i) && fine);
    case EV_SUB_INDEX: EACH_LANE(fine = checked_sub(a[i].i, b[i].i, &d[i].i) && fine);
    case EV_MUL_INDEX: EACH_LANE(fine = checked_mul(a[i].i, b[i].i, &d[i].i) && fine);
    case EV_ADD_F32: EACH_LANE(d[i].f = a[i].f + b[i].f);
    case EV_SUB_F32: EACH_LANE(d[i].f = a[i].f - b[i].f);
    case EV_MUL_F32: EACH_LANE(d[i].f = a[i].f * b[i].f);
    case EV_FMA_F32: EACH_LANE(d[i].f = fmaf(a[i].f, b[i].f, c[i].f));
    case EV_SELECT: EACH_LANE(d[i] = a[i].i ? b[i] : c[i]);
    case EV_BROADCAST: EACH_LANE(d[i] = a[0]);
    default: return leval_lanes(f, in);
    }
    return fine;
}

/* Statements that touch memory or channels. */
static bool run_memory(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    switch (in->op) {
    case EV_LOAD: return leval_load(m, t, in);
    case EV_STORE: return leval_store(m, t, in);
    case EV_TILE_LOAD: return leval_tile_load(m, t, in);
    case EV_TILE_STORE: return leval_tile_store(m, t, in);
    case EV_COPY: return leval_copy(m, t, in);
    case EV_WAIT: return leval_wait(m, t);
    case EV_FIFO_READ: return leval_fifo_read(m, t, in);
    case EV_FIFO_WRITE: return leval_fifo_write(m, t, in);
    case EV_DECLARE: declare(m, t, in->target); return true;
    default: unreachable();
    }
}

static EvalState finish(EvalMachine *m, EvalThread *t) {
    if (t->pending.len)
        leval_fault(m, t, LFAULT_UNINITIALIZED, "a copy to %s is never waited for",
                    t->pending.data[0].access->buffer->name);
    else
        t->state = EVAL_DONE;
    return t->state;
}

EvalState leval_run(EvalMachine *m, EvalThread *t) {
    for (;;) {
        const EvalInsn *in = &t->code->code.data[t->pc];
        if (--m->steps < 0) {
            leval_fault(m, t, LFAULT_LIMIT, "more steps than allowed");
            return t->state;
        }
        switch (in->op) {
        case EV_LOAD:
        case EV_STORE:
        case EV_TILE_LOAD:
        case EV_TILE_STORE:
        case EV_COPY:
        case EV_WAIT:
        case EV_FIFO_READ:
        case EV_FIFO_WRITE:
        case EV_DECLARE:
            if (!run_memory(m, t, in)) return t->state;
            t->pc++;
            break;
        case EV_JUMP: t->pc = in->target; break;
        case EV_JUMP_UNLESS: t->pc = t->frame[in->a].i ? t->pc + 1 : in->target; break;
        case EV_LOOP:
            if (!begin_loop(m, t, in)) return t->state;
            break;
        case EV_NEXT: next_iteration(m, t, in); break;
        case EV_GROUP:
            if (!run_group(m, t, in)) return t->state;
            break;
        case EV_BARRIER: t->pc++; return t->state = EVAL_AT_BARRIER;
        case EV_END: return finish(m, t);
        default:
            if (!run_operator(t->frame, in)) {
                leval_fault(m, t, LFAULT_ARITHMETIC, "%s", step_fault(in));
                return t->state;
            }
            t->pc++;
        }
    }
}
