#include "codegen/hls/body.h"

#include "ir/loop/affine.h"

typedef struct Late {
    int cycles;
} Late;

HlsBody hls_body_begin(Arena *arena) {
    HlsBody body = {.arena = arena};
    body.lets = memo_create(arena);
    body.seen = memo_create(arena);
    body.late = memo_create(arena);
    return body;
}

bool hls_has_loop(const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_FOR || hls_has_loop(&s->body) || hls_has_loop(&s->otherwise)) return true;
    }
    return false;
}

static void add_access(HlsBody *body, const LBuffer *buffer, LX const *index, bool writes,
                       LX value) {
    vec_push(body->arena, &body->accesses, (HlsAccess){buffer, index, writes, value});
}

/* Cycle in which the value is there. Arithmetic on indices is small and not counted as
 * multipliers. */
static int visit(HlsBody *body, LX x, bool is_index) {
    const Late *known = memo_get(&body->seen, x);
    if (known) return known->cycles;
    if (x->kind == LX_VAR) {
        known = memo_get(&body->late, x->var);
        return known ? known->cycles : 0;
    }
    int latest = 0;
    bool inside = is_index || x->kind == LX_LOAD;
    for (int i = 0; i < x->nargs; i++) {
        int cycle = visit(body, x->args[i], inside);
        if (cycle > latest) latest = cycle;
    }
    LX const others[] = {x->mask, x->passthrough};
    for (int i = 0; i < 2; i++) {
        int cycle = others[i] ? visit(body, others[i], i == 0) : 0;
        if (cycle > latest) latest = cycle;
    }
    HlsCost cost = hls_cost(x);
    if (!is_index) {
        body->dsps += cost.dsps;
        if (x->kind == LX_FMA || (x->kind == LX_BINARY && x->binary == LB_MUL)) body->multiplies++;
    }
    if (x->kind == LX_LOAD || x->kind == LX_FIFO_READ)
        add_access(body, x->buffer, x->args, false, NULL);
    Late *late = arena_new(body->arena, Late);
    late->cycles = latest + (is_index && cost.latency > 1 ? 1 : cost.latency);
    memo_set(&body->seen, x, late);
    if (late->cycles > body->latency) body->latency = late->cycles;
    return late->cycles;
}

static void add_block(HlsBody *body, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) hls_body_add(body, block->stmts.data[i]);
}

void hls_body_add(HlsBody *body, const LStmt *s) {
    bool is_index = s->kind == LS_LET && s->var->is_index;
    int cycle = s->value ? visit(body, s->value, is_index || s->kind == LS_IF) : 0;
    if (s->mask) visit(body, s->mask, true);
    if (s->kind == LS_STORE) {
        for (int i = 0; i < s->buffer->rank; i++) visit(body, s->index[i], true);
        add_access(body, s->buffer, s->index, true, s->value);
        cycle++;
    }
    if (s->kind == LS_FIFO_WRITE) {
        add_access(body, s->buffer, NULL, true, s->value);
        cycle++;
    }
    if (s->kind == LS_LET) {
        Late *late = arena_new(body->arena, Late);
        late->cycles = cycle;
        memo_set(&body->late, s->var, late);
        memo_set(&body->lets, s->var, s->value);
    }
    if (cycle > body->latency) body->latency = cycle;
    add_block(body, &s->body);
    add_block(body, &s->otherwise);
}

/* ---- dependences ----------------------------------------------------------------------------- */

static int path_from(HlsBody *body, Memo *known, LX x, const LBuffer *buffer) {
    const Late *found = memo_get(known, x);
    if (found) return found->cycles;
    int longest = -1;
    if (x->kind == LX_LOAD && x->buffer == buffer) longest = 0;
    if (x->kind == LX_VAR) {
        LX value = memo_get(&body->lets, x->var);
        if (value) longest = path_from(body, known, value, buffer);
    }
    bool found_here = longest >= 0;
    for (int i = 0; i < x->nargs + 2 && !found_here; i++) {
        LX part = i < x->nargs ? x->args[i] : i == x->nargs ? x->mask : x->passthrough;
        int path = part ? path_from(body, known, part, buffer) : -1;
        if (path >= 0 && path + hls_cost(x).latency > longest) longest = path + hls_cost(x).latency;
    }
    Late *late = arena_new(body->arena, Late);
    late->cycles = longest;
    memo_set(known, x, late);
    return longest;
}

int hls_path_from(HlsBody *body, LX value, const LBuffer *buffer) {
    Memo known = memo_create(body->arena);
    return path_from(body, &known, value, buffer);
}

/* ---- ports ----------------------------------------------------------------------------------- */

bool hls_same_element(const HlsAccess *a, const HlsAccess *b) {
    for (int i = 0; i < a->buffer->rank; i++)
        if (lx_compare(a->index[i], b->index[i]) != 0) return false;
    return true;
}

bool hls_same_bank(const HlsAccess *a, const HlsAccess *b) {
    for (int i = 0; i < a->buffer->rank; i++) {
        int64_t x, y;
        bool is_x = lx_is_int(a->index[i], &x), is_y = lx_is_int(b->index[i], &y);
        if (is_x != is_y || (is_x && x != y)) return false;
    }
    return true;
}

/* Arrays that only constants index become variables, which have no ports. */
static bool has_constant_index(const HlsAccess *a) {
    for (int i = 0; i < a->buffer->rank; i++)
        if (!lx_is_int(a->index[i], NULL)) return false;
    return true;
}

static bool counted_before(const HlsBody *body, size_t at) {
    const HlsAccess *a = &body->accesses.data[at];
    for (size_t i = 0; i < at; i++) {
        const HlsAccess *b = &body->accesses.data[i];
        if (b->buffer == a->buffer && b->writes == a->writes && hls_same_element(a, b)) return true;
    }
    return false;
}

int hls_most_accesses(const HlsBody *body, const LBuffer *buffer) {
    int most = 0;
    bool fifo = buffer->space == SPACE_FIFO;
    for (size_t i = 0; i < body->accesses.len; i++) {
        const HlsAccess *a = &body->accesses.data[i];
        int count = 0;
        if (a->buffer != buffer || (!fifo && has_constant_index(a))) continue;
        for (size_t k = 0; k < body->accesses.len; k++) {
            const HlsAccess *b = &body->accesses.data[k];
            if (b->buffer != buffer) continue;
            if (fifo || (hls_same_bank(a, b) && !counted_before(body, k))) count++;
        }
        if (count > most) most = count;
        if (fifo) break;
    }
    return most;
}
