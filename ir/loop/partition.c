/* Arrays in banks: an axis that lanes go through side by side becomes two, of which the first is
 * indexed by constants only. */
#include "ir/loop/affine.h"
#include "ir/loop/build.h"
#include "ir/loop/expand.h"
#include "ir/loop/inline.h"
#include "ir/loop/stream.h"

#include <string.h>

typedef struct Banked {
    const LBuffer *buffer;
    bool opaque; /* accessed in a way that has no banks */
    int64_t dims[MAX_AXES];
    int64_t common[MAX_AXES]; /* divisor of all coefficients, and of the constants' differences */
    int64_t step[MAX_AXES];   /* divisor of all coefficients; 0: every index is constant */
    int64_t first[MAX_AXES];  /* constant part of the first access */
    bool accessed;
    LPartition chosen;
} Banked;

typedef struct Partition {
    Expand e; /* the second walk */
    Inliner inliner;
    DimContext *dims;
    Arena *arena;
    VEC(Banked) all;
    Memo banked; /* by buffer: position in all, + 1 */
    Memo seen;   /* of the statement */
} Partition;

static Banked *banked_of(Partition *p, const LBuffer *buffer) {
    uintptr_t at = (uintptr_t)memo_get(&p->banked, buffer);
    return at ? &p->all.data[at - 1] : 0;
}

static void add_buffer(Partition *p, const LBuffer *buffer) {
    Banked k = {.buffer = buffer, .chosen = {.rank = buffer->rank}};
    bool wanted = buffer->space == SPACE_PRIVATE || buffer->space == SPACE_CONSTANT;
    k.opaque = !wanted || buffer->elem.rows || buffer->elem.lanes > 1;
    for (int i = 0; i < buffer->rank; i++) {
        k.opaque = !dim_is_int(buffer->dims[i], &k.dims[i]) || k.opaque;
        k.chosen.banks[i] = 1;
    }
    vec_push(p->arena, &p->all, k);
    memo_set(&p->banked, buffer, (const void *)(uintptr_t)p->all.len);
}

/* ---- what accesses have in common ------------------------------------------------------------ */

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

static bool index_sum(Partition *p, LX index, Affine *sum) {
    if (index->type.lanes != 1 || !affine_of(p->dims, inline_index(&p->inliner, index), sum))
        return false;
    for (int i = 0; i < sum->nterms; i++)
        if (sum->terms[i].coef.d) return false;
    return !sum->constant.d;
}

static void note_access(Partition *p, const LBuffer *buffer, LX const *index) {
    Banked *k = banked_of(p, buffer);
    if (!k || k->opaque) return;
    for (int i = 0; i < buffer->rank; i++) {
        Affine sum;
        if (!index_sum(p, index[i], &sum)) {
            k->opaque = true;
            return;
        }
        for (int t = 0; t < sum.nterms; t++) k->step[i] = gcd(k->step[i], sum.terms[t].coef.n);
        if (!k->accessed) k->first[i] = sum.constant.n;
        k->common[i] = gcd(k->common[i], sum.constant.n - k->first[i]);
    }
    k->accessed = true;
}

static void note_opaque(Partition *p, const LBuffer *buffer) {
    Banked *k = buffer ? banked_of(p, buffer) : 0;
    if (k) k->opaque = true;
}

static void note_expr(Partition *p, LX x) {
    if (!x || memo_get(&p->seen, x)) return;
    memo_set(&p->seen, x, x);
    for (int i = 0; i < x->nargs; i++) note_expr(p, x->args[i]);
    note_expr(p, x->mask);
    note_expr(p, x->passthrough);
    if (x->kind == LX_LOAD)
        note_access(p, x->buffer, x->args);
    else
        note_opaque(p, x->buffer);
}

static void note_block(Partition *p, const LBlock *block);

static void note_stmt(Partition *p, const LStmt *s) {
    LX single[] = {s->value, s->mask, s->stride, s->begin, s->extent, s->count};
    memo_clear(&p->seen);
    for (size_t i = 0; i < COUNT_OF(single); i++) note_expr(p, single[i]);
    if (s->kind == LS_DECLARE) {
        add_buffer(p, s->buffer);
    } else if (s->kind == LS_STORE) {
        for (int i = 0; i < s->buffer->rank; i++) note_expr(p, s->index[i]);
        note_access(p, s->buffer, s->index);
    } else if (s->kind != LS_FIFO_WRITE) {
        note_opaque(p, s->buffer);
        note_opaque(p, s->source);
    }
    inliner_let(&p->inliner, s);
    note_block(p, &s->body);
    note_block(p, &s->otherwise);
}

static void note_block(Partition *p, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) note_stmt(p, block->stmts.data[i]);
}

/* ---- how many banks -------------------------------------------------------------------------- */

static void choose(Banked *k) {
    const LBuffer *b = k->buffer;
    bool constant = true;
    int axes = b->rank;
    for (int i = 0; i < b->rank; i++) constant = constant && k->step[i] == 0;
    if (k->opaque || !k->accessed || constant) return;
    for (int i = 0; i < b->rank && axes < MAX_AXES; i++) {
        int64_t banks = gcd(k->step[i], k->dims[i]);
        if (b->fold[i] > 0 && b->fold[i] < k->dims[i]) banks = gcd(banks, b->fold[i]);
        /* All accesses to one bank: nothing is gained. */
        if (banks <= 1 || k->common[i] % banks == 0) continue;
        k->chosen.banks[i] = banks;
        axes++;
    }
}

static bool is_split(const LPartition *p) {
    for (int i = 0; i < p->rank; i++)
        if (p->banks[i] > 1) return true;
    return false;
}

int64_t lpartition_place(const LPartition *p, const int64_t *dims, int64_t from) {
    int64_t index[MAX_AXES], to = 0;
    for (int i = p->rank - 1; i >= 0; i--) {
        index[i] = from % dims[i];
        from /= dims[i];
    }
    for (int i = 0; i < p->rank; i++)
        if (p->banks[i] > 1) to = to * p->banks[i] + index[i] % p->banks[i];
    for (int i = 0; i < p->rank; i++) to = to * (dims[i] / p->banks[i]) + index[i] / p->banks[i];
    return to;
}

/* ---- the new kernel -------------------------------------------------------------------------- */

static LBuffer *split_buffer(Partition *p, const LBuffer *old, const LPartition *how) {
    LBuffer *to = lb_new_buffer(&p->e.b, old->name, old->space, old->elem, old->rank);
    LBuffer made = *old;
    int rank = 0;
    for (int i = 0; i < old->rank; i++)
        if (how->banks[i] > 1) {
            made.fold[rank] = 0;
            made.dims[rank++] = dim_int(p->dims, how->banks[i]);
        }
    for (int i = 0; i < old->rank; i++) {
        int64_t size;
        bool folded = old->fold[i] > 0 && dim_is_int(old->dims[i], &size) && old->fold[i] < size;
        made.fold[rank] = folded ? old->fold[i] / how->banks[i] : 0;
        made.dims[rank++] = dim_floordiv(p->dims, old->dims[i], dim_int(p->dims, how->banks[i]));
    }
    made.name = to->name;
    made.rank = rank;
    *to = made;
    expand_rename(&p->e, old, to, false);
    return to;
}

static void split_index(Partition *p, const Banked *k, LX const *index, LX *to) {
    LBuilder *b = &p->e.b;
    int lead = 0;
    for (int i = 0; i < k->buffer->rank; i++) lead += k->chosen.banks[i] > 1;
    for (int i = 0, bank = 0; i < k->buffer->rank; i++) {
        int64_t banks = k->chosen.banks[i];
        Affine sum;
        if (banks == 1) {
            to[lead + i] = expand_expr(&p->e, index[i]);
            continue;
        }
        require(index_sum(p, index[i], &sum));
        to[bank++] = lx_int(b, floor_mod(sum.constant.n, banks));
        sum.constant.n = floor_div(sum.constant.n, banks);
        for (int t = 0; t < sum.nterms; t++) sum.terms[t].coef.n /= banks;
        to[lead + i] = expand_expr(&p->e, affine_build(&p->inliner.b, &sum));
    }
}

static const Banked *split_of(Partition *p, const LBuffer *buffer) {
    const Banked *k = banked_of(p, buffer);
    return k && is_split(&k->chosen) ? k : 0;
}

static LX partition_load(Expand *e, LX x, LX const *args, LX mask, LX passthrough) {
    (void)args;
    LX index[MAX_AXES];
    const Banked *k = split_of(e->context, x->buffer);
    if (!k) return 0;
    split_index(e->context, k, x->args, index);
    return lx_load_masked(&e->b, expand_renamed(e, x->buffer)->buffer, index, mask, passthrough);
}

static bool partition_stmt(Expand *e, const LStmt *s) {
    LX index[MAX_AXES];
    const Banked *k = s->buffer ? split_of(e->context, s->buffer) : 0;
    if (!k) return false;
    if (s->kind == LS_DECLARE) {
        LBuffer *made = split_buffer(e->context, s->buffer, &k->chosen);
        lb_statement(&e->b, LS_DECLARE)->buffer = made;
        return true;
    }
    split_index(e->context, k, s->index, index);
    lb_store(&e->b, expand_renamed(e, s->buffer)->buffer, index, expand_expr(e, s->value),
             s->mask ? expand_expr(e, s->mask) : 0);
    return true;
}

static void make_params(Partition *p, const LKernel *kernel, LPartition *report) {
    LKernel *r = p->e.b.kernel;
    r->nparams = kernel->nparams;
    r->params = arena_array(p->e.b.arena, LBuffer *, (size_t)r->nparams + 1);
    for (int i = 0; i < r->nparams; i++) {
        const Banked *k = banked_of(p, kernel->params[i]);
        r->params[i] = split_buffer(p, kernel->params[i], &k->chosen);
        if (report) report[i] = k->chosen;
    }
}

LKernel *lkernel_partition(LProgram *program, const LKernel *kernel, LPartition *params) {
    static const ExpandHooks hooks = {partition_stmt, 0, partition_load};
    static const LExpandOptions options = {0};
    Arena *scratch = arena_create();
    Partition p = {.dims = program->module->dims, .arena = scratch};
    p.e = (Expand){.options = &options, .lanes = 1, .hooks = &hooks, .context = &p};
    /* What it makes becomes part of the new kernel: constants are passed on as they are. */
    p.inliner = inliner_create(program, program->module->arena);
    p.banked = memo_create(scratch);
    p.seen = memo_create(scratch);
    for (int i = 0; i < kernel->nparams; i++) add_buffer(&p, kernel->params[i]);
    note_block(&p, &kernel->body);
    for (size_t i = 0; i < p.all.len; i++) choose(&p.all.data[i]);
    LKernel *r = lkernel_create(program, kernel->name, kernel->path, &p.e.b);
    expand_begin(&p.e, program, scratch);
    r->plan = kernel->plan;
    r->flops = kernel->flops;
    r->bytes = kernel->bytes;
    make_params(&p, kernel, params);
    expand_block(&p.e, &kernel->body);
    arena_destroy(scratch);
    return r;
}
