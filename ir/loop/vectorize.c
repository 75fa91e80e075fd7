/* Vector loops: chunks of `width` iterations as vector operations, the rest by the loop's tail.
 * Inside, scalars that depend on the variable become vectors, private buffers hold a vector per
 * element, and conditions become masks. */
#include "ir/loop/build.h"
#include "ir/loop/expand.h"

#include <string.h>

/* ---- chunks and tails ------------------------------------------------------------------------ */

static void chunk(Expand *e, const LStmt *s, LX base, LX mask) {
    e->lanes = s->width;
    e->mask = mask;
    e->vars[s->var->id] = lx_ramp(&e->b, base, 1, s->width);
    expand_block(e, &s->body);
    e->lanes = 1;
    e->mask = 0;
    e->needs_a_lane = false;
}

static LX chunk_base(Expand *e, const LStmt *s, LX begin, LX number) {
    return lx_add(&e->b, begin, lx_muli(&e->b, number, s->width));
}

static void whole_chunks(Expand *e, const LStmt *s, LX begin, LX count) {
    int64_t n;
    if (lx_is_int(count, &n) && n <= 0) return;
    if (lx_is_int(count, &n) && n == 1) {
        chunk(e, s, begin, 0);
        return;
    }
    char *name = arena_printf(e->b.arena, "%s_chunk", s->var->name);
    LStmt *loop = lb_for(&e->b, LOOP_SERIAL, name, lx_int(&e->b, 0), count);
    chunk(e, s, chunk_base(e, s, begin, lb_loop_var(&e->b, loop)), 0);
    lb_end(&e->b, loop);
}

static void scalar_rest(Expand *e, const LStmt *s, LX begin, LX rest) {
    int64_t n;
    if (lx_is_int(rest, &n) && n <= 0) return;
    if (lx_is_int(rest, &n) && n == 1) {
        e->vars[s->var->id] = begin;
        expand_block(e, &s->body);
        return;
    }
    LStmt *loop = lb_for(&e->b, LOOP_SERIAL, s->var->name, begin, rest);
    e->vars[s->var->id] = lb_loop_var(&e->b, loop);
    expand_block(e, &s->body);
    lb_end(&e->b, loop);
}

/* `if rest > 0`, or nothing to open where that is known. */
static LStmt *if_positive(Expand *e, LX rest) {
    LX some = lx_binary(&e->b, LB_GT, rest, lx_int(&e->b, 0));
    return some->kind == LX_INT ? 0 : lb_if(&e->b, some);
}

static void masked_rest(Expand *e, const LStmt *s, LX base, LX rest) {
    LStmt *branch = if_positive(e, rest);
    LX iota = lx_ramp(&e->b, lx_int(&e->b, 0), 1, s->width);
    LX mask = lb_let(&e->b, "tail", lx_binary(&e->b, LB_LT, iota, rest));
    chunk(e, s, base, mask);
    if (branch) lb_end(&e->b, branch);
}

/* The last chunk ends where the loop ends and repeats iterations of the one before. */
static void overlapping_rest(Expand *e, const LStmt *s, LX begin, LX extent, LX rest) {
    LStmt *branch = if_positive(e, rest);
    chunk(e, s, lx_addi(&e->b, lx_add(&e->b, begin, extent), -s->width), 0);
    if (branch) lb_end(&e->b, branch);
}

static void with_overlap(Expand *e, const LStmt *s, LX begin, LX extent, LX count, LX rest) {
    LX enough = lx_binary(&e->b, LB_GE, extent, lx_int(&e->b, s->width));
    if (enough->kind == LX_INT && !enough->i) {
        scalar_rest(e, s, begin, extent);
        return;
    }
    LStmt *branch = enough->kind == LX_INT ? 0 : lb_if(&e->b, enough);
    whole_chunks(e, s, begin, count);
    overlapping_rest(e, s, begin, extent, rest);
    if (!branch) return;
    lb_else(&e->b, branch);
    scalar_rest(e, s, begin, extent);
    lb_end(&e->b, branch);
}

static LTail tail_of(const Expand *e, const LStmt *s) {
    if (s->tail == TAIL_MASK && !e->options->masked_tails) return TAIL_PEEL;
    if (s->tail == TAIL_OVERLAP && !vector_loop_repeats(s)) return TAIL_PEEL;
    return s->tail;
}

void expand_vector(Expand *e, const LStmt *s) {
    uint32_t vars = e->b.program->var_count;
    if (e->lanes > 1 || s->width <= 1 || !vector_loop_fits(s, vars)) {
        expand_serial(e, s);
        return;
    }
    LX begin = expand_expr(e, s->begin), extent = expand_expr(e, s->extent);
    LX width = lx_int(&e->b, s->width), zero = lx_int(&e->b, 0);
    extent = lx_binary(&e->b, LB_MAX, extent, zero);
    LX count = lx_binary(&e->b, LB_FLOORDIV, extent, width);
    LX rest = lx_binary(&e->b, LB_MOD, extent, width);
    LX after = chunk_base(e, s, begin, count);
    LTail tail = tail_of(e, s);
    bool exact = rest->kind == LX_INT && rest->i == 0;
    require(tail != TAIL_NONE || rest->kind != LX_INT || exact);
    if (tail == TAIL_OVERLAP && !exact) {
        with_overlap(e, s, begin, extent, count, rest);
        return;
    }
    whole_chunks(e, s, begin, count);
    if (tail == TAIL_NONE || exact) return;
    if (tail == TAIL_MASK)
        masked_rest(e, s, after, rest);
    else
        scalar_rest(e, s, after, rest);
}

/* ---- inside ---------------------------------------------------------------------------------- */

static LBuffer *copy_buffer(Expand *e, const LBuffer *from, LType elem) {
    LBuffer *to = lb_new_buffer(&e->b, from->name, from->space, elem, from->rank);
    memcpy(to->dims, from->dims, sizeof to->dims);
    memcpy(to->fold, from->fold, sizeof to->fold);
    to->access = from->access;
    to->no_alias = from->no_alias;
    to->align = from->align;
    to->depth = from->depth;
    return to;
}

void expand_declare(Expand *e, const LStmt *s) {
    LType elem = s->buffer->elem;
    bool widened = e->lanes > 1;
    if (widened) elem.lanes = e->lanes;
    LBuffer *buffer = copy_buffer(e, s->buffer, elem);
    lb_statement(&e->b, LS_DECLARE)->buffer = buffer;
    expand_rename(e, s->buffer, buffer, widened);
}

static bool all_uniform(Expand *e, LX *args, int count) {
    bool uniform = true;
    for (int i = 0; i < count; i++) {
        if (args[i]->kind == LX_BROADCAST) args[i] = args[i]->args[0];
        if (args[i]->kind == LX_INT) args[i] = lx_int(&e->b, args[i]->i);
        uniform = uniform && args[i]->type.lanes == 1;
    }
    return uniform;
}

/* The mask of an access to a private buffer: lanes that were off at its declaration hold nothing
 * anyway. */
static LX mask_within(const Expand *e, const Renamed *r) {
    return e->mask == r->mask ? 0 : e->mask;
}

LX expand_load(Expand *e, LX x, LX *args, LX mask, LX passthrough) {
    const Renamed *r = expand_renamed(e, x->buffer);
    if (e->lanes == 1) return lx_load_masked(&e->b, r->buffer, args, mask, passthrough);
    bool uniform = all_uniform(e, args, x->nargs);
    if (uniform && !r->widened) {
        if (e->mask) e->needs_a_lane = true;
        return lx_load_masked(&e->b, r->buffer, args, mask, passthrough);
    }
    mask = expand_and(e, r->widened ? mask_within(e, r) : e->mask, mask);
    if (mask && !passthrough) passthrough = lx_const_int(&e->b, ltype(x->type.dtype, 1), 0);
    return lx_load_masked(&e->b, r->buffer, args, mask, passthrough);
}

void expand_store(Expand *e, const LStmt *s) {
    const Renamed *r = expand_renamed(e, s->buffer);
    LX index[MAX_AXES];
    for (int i = 0; i < s->buffer->rank; i++) index[i] = expand_expr(e, s->index[i]);
    LX value = expand_expr(e, s->value), mask = s->mask ? expand_expr(e, s->mask) : 0;
    if (e->lanes > 1) {
        bool uniform = all_uniform(e, index, s->buffer->rank);
        mask = expand_and(e, r->widened ? mask_within(e, r) : e->mask, mask);
        if (uniform && !r->widened) {
            /* Allowed where a single iteration gets here: the first of its chunk. */
            value = lx_extract(&e->b, value, 0);
            if (mask) mask = lx_extract(&e->b, mask, 0);
        }
    }
    lb_store(&e->b, r->buffer, index, value, mask);
}

/* Moves what stands in the last statement's body to where that statement stands. */
static void dissolve(Expand *e, LStmt *branch) {
    require(e->b.block->stmts.data[e->b.block->stmts.len - 1] == branch);
    e->b.block->stmts.len--;
    for (size_t i = 0; i < branch->body.stmts.len; i++) {
        LStmt *s = branch->body.stmts.data[i];
        s->parent = e->b.block;
        vec_push(e->b.arena, &e->b.block->stmts, s);
    }
}

static void masked_branch(Expand *e, const LBlock *block, LX mask) {
    LX outer = e->mask;
    bool outer_needs = e->needs_a_lane;
    mask = lb_let(&e->b, "mask", mask);
    LStmt *branch = lb_if(&e->b, lx_reduce(&e->b, LB_OR, mask));
    e->mask = mask;
    e->needs_a_lane = false;
    expand_block(e, block);
    lb_end(&e->b, branch);
    if (!e->needs_a_lane) dissolve(e, branch);
    e->mask = outer;
    e->needs_a_lane = outer_needs;
}

void expand_masked_if(Expand *e, const LStmt *s, LX condition) {
    condition = lb_let(&e->b, "condition", condition);
    masked_branch(e, &s->body, expand_and(e, e->mask, condition));
    if (s->otherwise.stmts.len == 0) return;
    LX other = lx_unary(&e->b, LU_NOT, condition);
    masked_branch(e, &s->otherwise, expand_and(e, e->mask, other));
}
