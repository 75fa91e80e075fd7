/* Memory accesses of the evaluator, each checked against shape, initialization and other
 * iterations. */
#include "ir/loop/eval.h"

#include <string.h>

/* ---- faults ---------------------------------------------------------------------------------- */

static void print_loops(const EvalThread *t, int scope, StrBuf *out) {
    if (scope < 0) return;
    const EvalScope *s = &t->code->scopes.data[scope];
    print_loops(t, s->parent, out);
    str_printf(out, "%s%s=%lld", s->parent < 0 ? " (" : ", ", s->var->name,
               (long long)t->frame[s->reg].i);
}

bool leval_fault(EvalMachine *m, EvalThread *t, LFault fault, const char *format, ...) {
    StrBuf text = {0};
    str_printf(&text, "kernel %s: ", t->code->kernel->name);
    va_list args;
    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    int scope = t->code->scope.data[t->pc];
    print_loops(t, scope, &text);
    if (scope >= 0) str_putc(&text, ')');
    if (m->diag) diag_error(m->diag, (Span){0}, "%s", str_text(&text));
    str_free(&text);
    t->state = EVAL_FAULT;
    m->fault = fault;
    return false;
}

/* `x[3, 70]` for the access of one lane. */
static const char *element_text(EvalMachine *m, const EvalThread *t, const EvalAccess *a,
                                int lane) {
    StrBuf s = {0};
    str_printf(&s, "%s[", a->buffer->name);
    for (int i = 0; i < a->rank; i++) {
        int64_t index = t->frame[a->index[i] + (a->varies[i] ? lane : 0)].i;
        if (a->consecutive && i == a->rank - 1) index += lane;
        str_printf(&s, "%s%lld", i ? ", " : "", (long long)index);
    }
    str_putc(&s, ']');
    const char *text = arena_strdup(m->arena, str_text(&s));
    str_free(&s);
    return text;
}

/* ---- storage --------------------------------------------------------------------------------- */

EvalStore *leval_store_new(EvalMachine *m, const EvalBuffer *def, void *data, uint8_t *written) {
    EvalStore *s = arena_new(m->arena, EvalStore);
    size_t scalars = (size_t)def->elements * (size_t)def->cells;
    s->def = def;
    s->data = data;
    if (!data) s->data = arena_alloc_array(m->arena, scalars, dtype_bytes(def->buffer->elem.dtype));
    s->written = written;
    if (!written && def->checked) s->written = arena_array(m->arena, uint8_t, scalars);
    if (def->tracked) {
        s->last_write = arena_array(m->arena, uint64_t, scalars);
        s->first_read = arena_array(m->arena, uint64_t, scalars);
        s->last_read = arena_array(m->arena, uint64_t, scalars);
    }
    if (def->folded) s->tag = arena_array(m->arena, int64_t, (size_t)def->elements);
    return s;
}

void leval_store_reset(EvalStore *s) {
    size_t scalars = (size_t)s->def->elements * (size_t)s->def->cells;
    if (s->written) memset(s->written, 0, scalars);
    if (s->last_write) {
        memset(s->last_write, 0, scalars * sizeof *s->last_write);
        memset(s->first_read, 0, scalars * sizeof *s->first_read);
        memset(s->last_read, 0, scalars * sizeof *s->last_read);
    }
    if (s->tag) memset(s->tag, 0, (size_t)s->def->elements * sizeof *s->tag);
}

/* ---- one element ----------------------------------------------------------------------------- */

/* Position of a lane's element; *logical is that without folding. */
static bool locate(EvalMachine *m, EvalThread *t, const EvalAccess *a, const EvalBuffer *def,
                   int lane, int64_t *position, int64_t *logical) {
    int64_t at = 0, full = 0;
    for (int i = 0; i < a->rank; i++) {
        int64_t index = t->frame[a->index[i] + (a->varies[i] ? lane : 0)].i;
        if (a->consecutive && i == a->rank - 1) index += lane;
        if (index < 0 || index >= def->dims[i])
            return leval_fault(m, t, LFAULT_BOUNDS, "%s is outside of its buffer: axis %d has %lld",
                               element_text(m, t, a, lane), i, (long long)def->dims[i]);
        full = full * def->dims[i] + index;
        if (def->folded) index %= def->stored[i];
        at = at * def->stored[i] + index;
    }
    *position = at;
    *logical = full;
    return true;
}

static bool races(const EvalThread *t, uint64_t when) {
    for (int i = 0; i < t->depth; i++)
        if (when >= t->loops[i].start && when < t->loops[i].iteration) return true;
    return false;
}

/* Quick answer for the usual cases: never, in this very iteration, or before the outermost loop. */
static inline bool conflicts(const EvalThread *t, uint64_t when) {
    if (t->depth == 0 || when < t->loops[0].start || when >= t->loops[t->depth - 1].iteration)
        return false;
    return races(t, when);
}

static const char *race_text(const EvalThread *t) {
    (void)t;
    return "is accessed by two iterations of an independent loop with no order between them";
}

static inline bool note_read(EvalMachine *m, EvalThread *t, EvalStore *s, const EvalAccess *a,
                             int lane, int64_t scalar) {
    if (s->written && !s->written[scalar])
        return leval_fault(m, t, LFAULT_UNINITIALIZED, "%s is read before it is written",
                           element_text(m, t, a, lane));
    if (!s->last_write) return true;
    if (conflicts(t, s->last_write[scalar]))
        return leval_fault(m, t, LFAULT_RACE, "%s %s", element_text(m, t, a, lane), race_text(t));
    if (t->depth == 0 || s->first_read[scalar] < t->loops[0].start) s->first_read[scalar] = m->now;
    s->last_read[scalar] = m->now;
    return true;
}

static inline bool note_write(EvalMachine *m, EvalThread *t, EvalStore *s, const EvalAccess *a,
                              int lane, int64_t scalar) {
    if (s->written) s->written[scalar] = 1;
    if (!s->last_write) return true;
    if (conflicts(t, s->last_write[scalar]) || conflicts(t, s->first_read[scalar]) ||
        conflicts(t, s->last_read[scalar]))
        return leval_fault(m, t, LFAULT_RACE, "%s %s", element_text(m, t, a, lane), race_text(t));
    s->last_write[scalar] = m->now;
    return true;
}

static bool is_current(EvalMachine *m, EvalThread *t, const EvalStore *s, const EvalAccess *a,
                       int lane, int64_t at, int64_t logical) {
    if (!s->tag || s->tag[at] == logical + 1) return true;
    return leval_fault(m, t, LFAULT_UNINITIALIZED, "%s is not in its folded buffer (%s)",
                       element_text(m, t, a, lane),
                       s->tag[at] ? "another index took its place" : "it was never written");
}

/* ---- loads and stores ------------------------------------------------------------------------ */

static bool load_lane(EvalMachine *m, EvalThread *t, EvalStore *s, const EvalAccess *a, int lane,
                      Scalar *to, const Scalar *mask, const Scalar *passthrough) {
    int64_t at, logical;
    int cells = s->def->cells;
    DType dtype = a->buffer->elem.dtype;
    if (!locate(m, t, a, s->def, lane, &at, &logical)) return false;
    if (!is_current(m, t, s, a, lane, at, logical)) return false;
    if (dtype == DT_f32 && !mask) {
        for (int i = 0; i < cells; i++) {
            if (!note_read(m, t, s, a, lane, at * cells + i)) return false;
            to[i].f = ((const float *)s->data)[at * cells + i];
        }
        return true;
    }
    for (int i = 0; i < cells; i++) {
        if (mask && !mask[i].i) {
            to[i] = passthrough[i];
            continue;
        }
        if (!note_read(m, t, s, a, lane, at * cells + i)) return false;
        to[i] = scalar_load(dtype, s->data, at * cells + i);
    }
    return true;
}

bool leval_load(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    const EvalAccess *a = in->access;
    EvalStore *s = t->stores[a->slot];
    Scalar *to = &t->frame[in->dst];
    const Scalar *mask = a->mask == REG_NONE ? 0 : &t->frame[a->mask];
    const Scalar *pass = a->mask == REG_NONE ? 0 : &t->frame[a->passthrough];
    int cells = s->def->cells;
    if (a->lanes > 1 && a->consecutive && !mask && !s->tag && a->buffer->elem.dtype == DT_f32) {
        /* The usual vector access: one check of bounds for all lanes. */
        int64_t first, logical, last = t->frame[a->index[a->rank - 1]].i + a->lanes;
        if (last <= s->def->dims[a->rank - 1]) {
            if (!locate(m, t, a, s->def, 0, &first, &logical)) return false;
            for (int lane = 0; lane < a->lanes; lane++) {
                if (!note_read(m, t, s, a, lane, first + lane)) return false;
                to[lane].f = ((const float *)s->data)[first + lane];
            }
            return true;
        }
    }
    for (int lane = 0; lane < a->lanes; lane++) {
        /* Under a mask of one bit per access nothing is touched where it is off. */
        if (mask && a->lanes > 1 && !mask[lane].i) {
            to[lane] = pass[lane];
            continue;
        }
        bool whole = mask && a->lanes == 1;
        if (whole && cells == 1 && !mask->i) {
            to[0] = pass[0];
            continue;
        }
        if (!load_lane(m, t, s, a, lane, &to[lane * cells], whole ? mask : 0, whole ? pass : 0))
            return false;
    }
    return true;
}

static bool store_lane(EvalMachine *m, EvalThread *t, EvalStore *s, const EvalAccess *a, int lane,
                       const Scalar *value, const Scalar *mask) {
    int64_t at, logical;
    int cells = s->def->cells;
    DType dtype = a->buffer->elem.dtype;
    if (!locate(m, t, a, s->def, lane, &at, &logical)) return false;
    if (s->tag && s->tag[at] != logical + 1) {
        s->tag[at] = logical + 1;
        if (s->written) memset(&s->written[at * cells], 0, (size_t)cells);
    }
    if (dtype == DT_f32 && !mask) {
        for (int i = 0; i < cells; i++) {
            if (!note_write(m, t, s, a, lane, at * cells + i)) return false;
            ((float *)s->data)[at * cells + i] = value[i].f;
        }
        return true;
    }
    for (int i = 0; i < cells; i++) {
        if (mask && !mask[i].i) continue;
        if (!note_write(m, t, s, a, lane, at * cells + i)) return false;
        scalar_store(dtype, s->data, at * cells + i, value[i]);
    }
    return true;
}

bool leval_store(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    const EvalAccess *a = in->access;
    EvalStore *s = t->stores[a->slot];
    const Scalar *value = &t->frame[in->a];
    const Scalar *mask = a->mask == REG_NONE ? 0 : &t->frame[a->mask];
    int cells = s->def->cells;
    for (int lane = 0; lane < a->lanes; lane++) {
        bool whole = mask && a->lanes == 1;
        if (mask && !whole && !mask[lane].i) continue;
        if (whole && cells == 1 && !mask->i) continue;
        if (!store_lane(m, t, s, a, lane, &value[lane * cells], whole ? mask : 0)) return false;
    }
    return true;
}

/* ---- tiles ----------------------------------------------------------------------------------- */

/* Position of the first element of a row; rows are `stride` elements apart in the buffer as it lies
 * in memory. */
static bool tile_row(EvalMachine *m, EvalThread *t, const EvalInsn *in, const EvalStore *s, int row,
                     int64_t *position) {
    int64_t first, logical, offset, columns = in->expr->type.lanes;
    if (!locate(m, t, in->access, s->def, 0, &first, &logical)) return false;
    int32_t stride_reg = in->op == EV_TILE_LOAD ? in->a : in->b;
    if (!checked_mul(t->frame[stride_reg].i, row, &offset) || !checked_add(first, offset, position))
        return leval_fault(m, t, LFAULT_ARITHMETIC, "a tile's rows overflow");
    if (*position < 0 || *position > s->def->elements - columns)
        return leval_fault(m, t, LFAULT_BOUNDS, "row %d of the tile at %s is outside of its buffer",
                           row, element_text(m, t, in->access, 0));
    return true;
}

bool leval_tile_load(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    EvalStore *s = t->stores[in->access->slot];
    LType type = in->expr->type;
    for (int row = 0; row < type.rows; row++) {
        int64_t at;
        if (!tile_row(m, t, in, s, row, &at)) return false;
        for (int i = 0; i < type.lanes; i++) {
            if (!note_read(m, t, s, in->access, 0, at + i)) return false;
            t->frame[in->dst + row * type.lanes + i] = scalar_load(type.dtype, s->data, at + i);
        }
    }
    return true;
}

bool leval_tile_store(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    EvalStore *s = t->stores[in->access->slot];
    LType type = in->expr->type;
    for (int row = 0; row < type.rows; row++) {
        int64_t at;
        if (!tile_row(m, t, in, s, row, &at)) return false;
        for (int i = 0; i < type.lanes; i++) {
            if (!note_write(m, t, s, in->access, 0, at + i)) return false;
            scalar_store(type.dtype, s->data, at + i, t->frame[in->a + row * type.lanes + i]);
        }
    }
    return true;
}

/* ---- asynchronous copies --------------------------------------------------------------------- */

static bool copy_range(EvalMachine *m, EvalThread *t, const EvalAccess *a, int64_t count,
                       int64_t *first) {
    const EvalBuffer *def = t->stores[a->slot]->def;
    int64_t logical;
    if (!locate(m, t, a, def, 0, first, &logical)) return false;
    if (count < 0 || *first > def->elements - count || def->folded)
        return leval_fault(m, t, LFAULT_BOUNDS, "a copy of %lld elements at %s leaves its buffer",
                           (long long)count, element_text(m, t, a, 0));
    return true;
}

/* Until the wait the destination holds nothing, and the source must not change. */
bool leval_copy(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    EvalPending p = {.access = in->access, .count = t->frame[in->a].i};
    if (p.count == 0) return true;
    if (!copy_range(m, t, in->access, p.count, &p.to)) return false;
    if (!copy_range(m, t, in->source, p.count, &p.from)) return false;
    p.store = t->stores[in->access->slot];
    p.source = t->stores[in->source->slot];
    p.values = arena_array(m->arena, Scalar, (size_t)p.count);
    for (int64_t i = 0; i < p.count; i++) {
        if (!note_read(m, t, p.source, in->source, 0, p.from + i)) return false;
        p.values[i] = scalar_load(in->source->buffer->elem.dtype, p.source->data, p.from + i);
        if (!note_write(m, t, p.store, in->access, 0, p.to + i)) return false;
        if (p.store->written) p.store->written[p.to + i] = 0;
    }
    vec_push(m->arena, &t->pending, p);
    return true;
}

bool leval_wait(EvalMachine *m, EvalThread *t) {
    for (size_t k = 0; k < t->pending.len; k++) {
        EvalPending *p = &t->pending.data[k];
        DType dtype = p->access->buffer->elem.dtype;
        for (int64_t i = 0; i < p->count; i++) {
            Scalar now = scalar_load(dtype, p->source->data, p->from + i);
            if (!scalar_same(dtype, now, p->values[i]))
                return leval_fault(m, t, LFAULT_RACE,
                                   "the source of a copy to %s changes before the wait",
                                   p->access->buffer->name);
            if (!note_write(m, t, p->store, p->access, 0, p->to + i)) return false;
            scalar_store(dtype, p->store->data, p->to + i, p->values[i]);
        }
    }
    t->pending.len = 0;
    return true;
}

/* ---- channels -------------------------------------------------------------------------------- */

static bool wait_for(EvalThread *t) {
    t->state = EVAL_WAITS_FIFO;
    return false;
}

/* Of the element that `ahead` others stand before. The capacity is a power of two. */
static Scalar *cells_at(const EvalFifo *f, int64_t ahead) {
    return &f->ring[((f->head + ahead) & (f->cap - 1)) * f->cells];
}

bool leval_fifo_read(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    EvalFifo *f = t->fifos[in->target];
    t->reads += f->endless || f->count > 0;
    if (f->endless) return true;
    if (f->memory) {
        if (f->head == f->memory->elements)
            return leval_fault(m, t, LFAULT_FIFO, "channel %s is read after its last element",
                               f->name);
        t->frame[in->dst] = scalar_load(f->dtype, f->memory->data, f->head++);
        return true;
    }
    if (f->count == 0) return wait_for(t);
    memcpy(&t->frame[in->dst], cells_at(f, 0), (size_t)f->cells * sizeof(Scalar));
    f->head++;
    f->count--;
    return true;
}

static void grow_ring(EvalFifo *f) {
    int64_t cap = f->cap ? 2 * f->cap : 16;
    Scalar *ring = arena_array(f->arena, Scalar, (size_t)(cap * f->cells));
    for (int64_t i = 0; i < f->count; i++)
        memcpy(&ring[((f->head + i) & (cap - 1)) * f->cells], cells_at(f, i),
               (size_t)f->cells * sizeof(Scalar));
    f->ring = ring;
    f->cap = cap;
}

bool leval_fifo_write(EvalMachine *m, EvalThread *t, const EvalInsn *in) {
    EvalFifo *f = t->fifos[in->target];
    if (!t->has_written) t->reads_before = t->reads;
    t->has_written = true;
    if (f->endless) return true;
    if (f->memory) {
        if (f->head == f->memory->elements)
            return leval_fault(m, t, LFAULT_FIFO, "channel %s takes no more than %lld elements",
                               f->name, (long long)f->head);
        if (f->memory->written) f->memory->written[f->head] = 1;
        scalar_store(f->dtype, f->memory->data, f->head++, t->frame[in->a]);
        return true;
    }
    if (f->depth > 0 && f->count == f->depth) return wait_for(t);
    if (f->count == f->cap) grow_ring(f);
    memcpy(cells_at(f, f->count), &t->frame[in->a], (size_t)f->cells * sizeof(Scalar));
    f->count++;
    return true;
}
