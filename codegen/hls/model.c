#include "codegen/hls/model.h"

#include "codegen/c/print.h"

typedef struct Model {
    Arena *arena;
    HlsEstimate result;
} Model;

static int64_t trips(const LStmt *loop) {
    int64_t extent;
    return lx_is_int(loop->extent, &extent) && extent > 0 ? extent : 0;
}

/* ---- memories -------------------------------------------------------------------------------- */

/* Memories are 512 words of 36 bits, or narrower and as much deeper. */
static int64_t memories(int64_t elements, int bits) {
    enum { SMALL = 64, WORD = 36, WORDS = 512 };
    if (elements < SMALL) return 0;
    if (bits >= WORD) return ceil_div(bits, WORD) * ceil_div(elements, WORDS);
    return ceil_div(elements, (int64_t)WORDS * (WORD / bits));
}

/* Leading axes of `banks` are arrays of their own. */
static int64_t buffer_memories(const LKernel *kernel, const LBuffer *buffer, Arena *arena) {
    int64_t elements = 1, size;
    for (int i = 0; i < buffer->rank; i++) {
        if (!dim_is_int(buffer->dims[i], &size)) return 0;
        elements *= buffer->fold[i] > 0 && buffer->fold[i] < size ? buffer->fold[i] : size;
    }
    int64_t banks = c_array_banks(kernel, buffer, arena);
    return banks * memories(elements / banks, dtype_bits(buffer->elem.dtype));
}

/* ---- cycles ---------------------------------------------------------------------------------- */

static int64_t block_cycles(Model *m, const LBlock *block);

static void count_body(Model *m, const HlsBody *body, int interval) {
    m->result.dsps += ceil_div(body->dsps, interval);
    if (body->multiplies <= m->result.multiplies) return;
    m->result.multiplies = body->multiplies;
    m->result.interval = interval;
}

static int64_t pipeline_cycles(Model *m, const LStmt *s, int64_t count) {
    HlsBody body = hls_body_begin(m->arena);
    for (size_t i = 0; i < s->body.stmts.len; i++) hls_body_add(&body, s->body.stmts.data[i]);
    count_body(m, &body, s->interval);
    return count > 0 ? body.latency + 1 + s->interval * (count - 1) : 0;
}

/* The loop that is all a loop does, besides declaring arrays; null: there is more. */
static const LStmt *only_loop(const LStmt *s) {
    size_t i = 0;
    while (i < s->body.stmts.len && s->body.stmts.data[i]->kind == LS_DECLARE) i++;
    if (i + 1 != s->body.stmts.len || s->body.stmts.data[i]->kind != LS_FOR) return NULL;
    return s->body.stmts.data[i];
}

static int64_t loop_cycles(Model *m, const LStmt *s) {
    int64_t count = trips(s);
    const LStmt *inner;
    while (s->loop != LOOP_PIPELINE && (inner = only_loop(s)) != NULL) {
        s = inner;
        count *= trips(s);
    }
    if (s->loop == LOOP_PIPELINE) return pipeline_cycles(m, s, count);
    return count * (block_cycles(m, &s->body) + 2);
}

/* Statements between loops run as one; operations of the same kind take turns. */
static int64_t straight_cycles(Model *m, const LBlock *block, size_t *at) {
    HlsBody body = hls_body_begin(m->arena);
    size_t i = *at;
    for (; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_FOR || hls_has_loop(&s->body) || hls_has_loop(&s->otherwise)) break;
        hls_body_add(&body, s);
    }
    *at = i;
    if (body.dsps > 0) count_body(m, &body, body.dsps > 16 ? (int)(body.dsps / 16) : 1);
    return body.latency;
}

static int64_t block_cycles(Model *m, const LBlock *block) {
    int64_t cycles = 0;
    for (size_t i = 0; i < block->stmts.len;) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_FOR) {
            cycles += loop_cycles(m, s);
            i++;
        } else if (hls_has_loop(&s->body) || hls_has_loop(&s->otherwise)) {
            int64_t yes = block_cycles(m, &s->body), no = block_cycles(m, &s->otherwise);
            cycles += 1 + (yes > no ? yes : no);
            i++;
        } else {
            cycles += straight_cycles(m, block, &i);
        }
    }
    return cycles;
}

HlsEstimate hls_estimate(const LKernel *kernel) {
    Model m = {.arena = arena_create(), .result = {.interval = 1}};
    m.result.cycles = block_cycles(&m, &kernel->body);
    for (size_t i = 0; i < kernel->buffers.len; i++) {
        const LBuffer *buffer = kernel->buffers.data[i];
        if (buffer->space != SPACE_FIFO) m.result.brams += buffer_memories(kernel, buffer, m.arena);
    }
    arena_destroy(m.arena);
    return m.result;
}
