/* Expanding vector and unroll loops keeps what kernels compute: expanded and plain kernels run in
 * the evaluator on the same data, for every tail and for extents around multiples of the width. */
#include "loop_fixture.h"

enum { WIDTH = 4, MOST = 3 * WIDTH };

typedef void Build(Fixture *f, LStmt *(*begin)(Fixture *, LX extent), LX extent);

static LTail tail_now;

static LStmt *vector_loop(Fixture *f, LX extent) {
    LStmt *s = lb_for(&f->b, LOOP_VECTOR, "i", num(f, 0), extent);
    s->width = WIDTH;
    s->tail = tail_now;
    return s;
}

/* x and y are parameters 0 and 1 of MOST + 1 elements. */
static LBuffer *x_of(Fixture *f) {
    return f->kernel->params[0];
}
static LBuffer *y_of(Fixture *f) {
    return f->kernel->params[1];
}

static void build_scale(Fixture *f, LStmt *(*begin)(Fixture *, LX), LX extent) {
    LStmt *s = begin(f, extent);
    LX i = lb_loop_var(&f->b, s);
    LX twice = lb_let(&f->b, "twice", lx_mul(&f->b, at1(f, x_of(f), i), f32(f, 2)));
    put1(f, y_of(f), i, lx_add(&f->b, twice, at1(f, x_of(f), num(f, 0))));
    lb_end(&f->b, s);
}

/* Reversed: a gather, and an index through a let. */
static void build_gather(Fixture *f, LStmt *(*begin)(Fixture *, LX), LX extent) {
    LStmt *s = begin(f, extent);
    LX i = lb_loop_var(&f->b, s);
    LX back = lb_let(&f->b, "back", lx_sub(&f->b, lx_addi(&f->b, extent, -1), i));
    put1(f, y_of(f), i, at1(f, x_of(f), back));
    lb_end(&f->b, s);
}

/* A sum over neighbours in a private array, with an inner loop. */
static void build_private(Fixture *f, LStmt *(*begin)(Fixture *, LX), LX extent) {
    LStmt *s = begin(f, extent);
    LX i = lb_loop_var(&f->b, s);
    int64_t two = 2;
    LBuffer *acc = lb_declare(&f->b, "acc", SPACE_PRIVATE, ltype(DT_f32, 1), 1, &two);
    put1(f, acc, num(f, 0), f32(f, 0));
    put1(f, acc, num(f, 1), at1(f, x_of(f), i));
    LStmt *k = loop(f, LOOP_SERIAL, "k", 3);
    LX kk = lb_loop_var(&f->b, k);
    LX value = lx_fma(&f->b, at1(f, x_of(f), kk), at1(f, acc, num(f, 1)), at1(f, acc, num(f, 0)));
    put1(f, acc, num(f, 0), value);
    lb_end(&f->b, k);
    put1(f, y_of(f), i, at1(f, acc, num(f, 0)));
    lb_end(&f->b, s);
}

/* Conditions that differ by lane, around stores, divisions, loads that are the same in all lanes,
 * and each other. */
static void build_conditions(Fixture *f, LStmt *(*begin)(Fixture *, LX), LX extent) {
    LStmt *s = begin(f, extent);
    LX i = lb_loop_var(&f->b, s);
    int64_t one = 1;
    LBuffer *t = lb_declare(&f->b, "t", SPACE_PRIVATE, ltype(DT_f32, 1), 1, &one);
    put1(f, t, num(f, 0), f32(f, -1));
    LX odd = lx_binary(&f->b, LB_EQ, lx_binary(&f->b, LB_MOD, i, num(f, 2)), num(f, 1));
    LStmt *c = lb_if(&f->b, odd);
    put1(f, t, num(f, 0), at1(f, x_of(f), num(f, 1)));
    LStmt *d = lb_if(&f->b, lx_binary(&f->b, LB_GT, i, num(f, 4)));
    put1(f, t, num(f, 0),
         lx_add(&f->b, at1(f, t, num(f, 0)), at1(f, x_of(f), lx_addi(&f->b, i, -5))));
    lb_end(&f->b, d);
    lb_else(&f->b, c);
    LX divisor = lx_cast(&f->b, CAST_VALUE, DT_i32,
                         lx_binary(&f->b, LB_MOD, lx_addi(&f->b, i, 1), num(f, 2)));
    LX hundred = lx_const_int(&f->b, ltype(DT_i32, 1), 100);
    LX q = lx_binary(&f->b, LB_DIV, hundred, divisor);
    put1(f, t, num(f, 0), lx_cast(&f->b, CAST_VALUE, DT_f32, q));
    lb_end(&f->b, c);
    put1(f, y_of(f), i, at1(f, t, num(f, 0)));
    lb_end(&f->b, s);
}

/* y = y + x: may not run twice. */
static void build_accumulate(Fixture *f, LStmt *(*begin)(Fixture *, LX), LX extent) {
    LStmt *s = begin(f, extent);
    LX i = lb_loop_var(&f->b, s);
    put1(f, y_of(f), i, lx_add(&f->b, at1(f, y_of(f), i), at1(f, x_of(f), i)));
    lb_end(&f->b, s);
}

/* Bounds of an inner loop differ by lane: cannot be vectorized, must still be right. */
static void build_triangle(Fixture *f, LStmt *(*begin)(Fixture *, LX), LX extent) {
    LStmt *s = begin(f, extent);
    LX i = lb_loop_var(&f->b, s);
    LStmt *k = lb_for(&f->b, LOOP_SERIAL, "k", num(f, 0), lx_addi(&f->b, i, 1));
    LX sum = lx_add(&f->b, at1(f, y_of(f), i), at1(f, x_of(f), lb_loop_var(&f->b, k)));
    put1(f, y_of(f), i, sum);
    lb_end(&f->b, k);
    lb_end(&f->b, s);
}

/* A load that is the same in all lanes, out of bounds where the condition holds in none of them. */
static void build_guarded(Fixture *f, LStmt *(*begin)(Fixture *, LX), LX extent) {
    LStmt *s = begin(f, extent);
    LX i = lb_loop_var(&f->b, s);
    LStmt *k = loop(f, LOOP_SERIAL, "k", MOST + 6);
    LX kk = lb_loop_var(&f->b, k);
    LStmt *c = lb_if(&f->b, lx_binary(&f->b, LB_LE, kk, i));
    put1(f, y_of(f), i, lx_add(&f->b, at1(f, y_of(f), i), at1(f, x_of(f), kk)));
    lb_end(&f->b, c);
    lb_end(&f->b, k);
    lb_end(&f->b, s);
}

/* Unrolled accumulators in registers, around a vector loop. */
static void build_unrolled(Fixture *f, LStmt *(*begin)(Fixture *, LX), LX extent) {
    LStmt *s = begin(f, extent);
    LX i = lb_loop_var(&f->b, s);
    int64_t three = 3;
    LBuffer *acc = lb_declare(&f->b, "acc", SPACE_PRIVATE, ltype(DT_f32, 1), 1, &three);
    LStmt *u = loop(f, LOOP_UNROLL, "u", 3);
    LX uu = lb_loop_var(&f->b, u);
    put1(f, acc, uu, lx_mul(&f->b, at1(f, x_of(f), uu), at1(f, x_of(f), i)));
    lb_end(&f->b, u);
    LX sum = at1(f, acc, num(f, 0));
    for (int k = 1; k < 3; k++) sum = lx_sub(&f->b, sum, at1(f, acc, num(f, k)));
    put1(f, y_of(f), i, sum);
    lb_end(&f->b, s);
}

static void run_on(Fixture *f, const LKernel *k, int64_t n, float *y, bool bound) {
    float x[MOST + 1];
    for (int i = 0; i <= MOST; i++) x[i] = (float)(i * i) - 7.5f;
    for (int i = 0; i <= MOST; i++) y[i] = (float)i;
    LMemory params[2] = {memory(x, MOST + 1), memory(y, MOST + 1)};
    LEvalOptions options = {bound ? &n : 0, 0};
    LFault fault = lkernel_eval(k, f->module->dims, params, &options, f->diag);
    StrBuf text = {0};
    if (fault) lkernel_print(k, f->module->dims, &text);
    cr_assert_eq(fault, LFAULT_NONE, "extent %lld: %s%s", (long long)n, diag_text(f->diag),
                 str_text(&text));
}

static int count_kind(const LBlock *block, LLoopKind kind) {
    int count = 0;
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        count += s->kind == LS_FOR && s->loop == kind;
        count += count_kind(&s->body, kind) + count_kind(&s->otherwise, kind);
    }
    return count;
}

static void check_extent(Build *build, int64_t n, bool symbolic) {
    for (int masked = 0; masked < 2; masked++) {
        Fixture f = start();
        param1(&f, "x", DT_f32, ACCESS_READ, MOST + 1)->no_alias = true;
        param1(&f, "y", DT_f32, ACCESS_READ_WRITE, MOST + 1)->no_alias = true;
        LX extent = symbolic ? lx_dim(&f.b, dim_symbol(f.module->dims, "N")) : num(&f, n);
        build(&f, vector_loop, extent);
        LExpandOptions options = {.vectors = true, .unroll = true, .masked_tails = masked};
        LKernel *expanded = lkernel_expand(f.program, f.kernel, &options);
        cr_assert(lkernel_verify(f.kernel, f.module->dims, f.diag), "%s", diag_text(f.diag));
        cr_assert(lkernel_verify(expanded, f.module->dims, f.diag), "%s", diag_text(f.diag));
        cr_assert_eq(count_kind(&expanded->body, LOOP_VECTOR), 0);
        cr_assert_eq(count_kind(&expanded->body, LOOP_UNROLL), 0);
        float plain[MOST + 1], wide[MOST + 1];
        for (int64_t at = symbolic ? 0 : n; at <= (symbolic ? MOST : n); at++) {
            run_on(&f, f.kernel, at, plain, symbolic);
            run_on(&f, expanded, at, wide, symbolic);
            cr_assert(memcmp(plain, wide, sizeof plain) == 0, "extent %lld tail %d", (long long)at,
                      tail_now);
        }
        finish(&f);
    }
}

static void check(Build *build) {
    static const LTail tails[] = {TAIL_MASK, TAIL_PEEL, TAIL_OVERLAP};
    for (size_t t = 0; t < COUNT_OF(tails); t++) {
        tail_now = tails[t];
        for (int64_t n = 0; n <= MOST; n++) check_extent(build, n, false);
        check_extent(build, 0, true);
    }
    tail_now = TAIL_NONE;
    for (int64_t n = 0; n <= MOST; n += WIDTH) check_extent(build, n, false);
}

Test(loop_expand, scale) {
    check(build_scale);
}
Test(loop_expand, gather) {
    check(build_gather);
}
Test(loop_expand, private_arrays) {
    check(build_private);
}
Test(loop_expand, conditions) {
    check(build_conditions);
}
Test(loop_expand, accumulate) {
    check(build_accumulate);
}
Test(loop_expand, triangle) {
    check(build_triangle);
}
Test(loop_expand, guarded) {
    check(build_guarded);
}
Test(loop_expand, unrolled) {
    check(build_unrolled);
}

static bool block_has(const LBlock *block, bool (*test)(const LStmt *)) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (test(s) || block_has(&s->body, test) || block_has(&s->otherwise, test)) return true;
    }
    return false;
}

static bool stores_a_vector(const LStmt *s) {
    return s->kind == LS_STORE && s->value->type.lanes == WIDTH &&
           lx_is_consecutive(s->index[0], 0) && !s->mask;
}
static bool stores_masked(const LStmt *s) {
    return s->kind == LS_STORE && s->mask;
}
static bool stores_a_scalar(const LStmt *s) {
    return s->kind == LS_STORE && s->value->type.lanes == 1;
}

static LKernel *expand_scale(Fixture *f, LTail tail, bool masks) {
    *f = start();
    tail_now = tail;
    param1(f, "x", DT_f32, ACCESS_READ, MOST + 1)->no_alias = true;
    param1(f, "y", DT_f32, ACCESS_READ_WRITE, MOST + 1)->no_alias = true;
    build_scale(f, vector_loop, num(f, 11));
    LExpandOptions options = {.vectors = true, .unroll = true, .masked_tails = masks};
    return lkernel_expand(f->program, f->kernel, &options);
}

Test(loop_expand, tails_have_their_form) {
    Fixture f;
    LKernel *k = expand_scale(&f, TAIL_MASK, true);
    cr_assert(block_has(&k->body, stores_a_vector) && block_has(&k->body, stores_masked));
    cr_assert(!block_has(&k->body, stores_a_scalar));
    finish(&f);
    k = expand_scale(&f, TAIL_MASK, false);
    cr_assert(block_has(&k->body, stores_a_scalar) && !block_has(&k->body, stores_masked));
    finish(&f);
    k = expand_scale(&f, TAIL_OVERLAP, true);
    cr_assert(!block_has(&k->body, stores_a_scalar) && !block_has(&k->body, stores_masked));
    finish(&f);
}

/* y[3 i + j] = the end of a chain of operations, in two lets, that begins at x[3 i + j]; iterations
 * 3 by 3. */
static LKernel *chains(Fixture *f, bool no_alias, bool reads_result) {
    *f = start();
    LBuffer *x = param1(f, "x", DT_f32, ACCESS_READ, MOST + 1);
    LBuffer *y = param1(f, "y", DT_f32, ACCESS_READ_WRITE, MOST + 1);
    y->no_alias = no_alias;
    LStmt *outer = loop(f, LOOP_UNROLL, "i", 3), *inner = loop(f, LOOP_UNROLL, "j", 3);
    LX at = lx_add(&f->b, lx_muli(&f->b, lb_loop_var(&f->b, outer), 3), lb_loop_var(&f->b, inner));
    LX value = at1(f, x, at);
    for (int part = 0; part < 2; part++) {
        for (int i = 0; i < 10; i++) value = lx_fma(&f->b, value, f32(f, 0.5), f32(f, i));
        value = lb_let(&f->b, "part", value);
    }
    if (reads_result) value = lx_add(&f->b, value, at1(f, y, lx_addi(&f->b, at, 1)));
    put1(f, y, at, value);
    lb_end(&f->b, inner);
    lb_end(&f->b, outer);
    LExpandOptions options = {.vectors = true, .unroll = true};
    return lkernel_expand(f->program, f->kernel, &options);
}

/* Lets before the first store. */
static int lets_at_first(const LBlock *block) {
    int count = 0;
    while (block->stmts.data[count]->kind == LS_LET) count++;
    return count;
}

Test(loop_expand, long_chains_side_by_side) {
    static const struct {
        bool no_alias, reads_result;
        int lets;
    } cases[] = {{true, false, 8}, {false, false, 2}, {true, true, 2}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Fixture f;
        LKernel *k = chains(&f, cases[i].no_alias, cases[i].reads_result);
        float plain[MOST + 1], expanded[MOST + 1];
        cr_assert(lkernel_verify(k, f.module->dims, f.diag), "%s", diag_text(f.diag));
        cr_assert_eq(k->body.stmts.len, 9 * 3);
        cr_assert_eq(lets_at_first(&k->body), cases[i].lets, "case %zu", i);
        run_on(&f, f.kernel, 0, plain, false);
        run_on(&f, k, 0, expanded, false);
        cr_assert(memcmp(plain, expanded, sizeof plain) == 0);
        finish(&f);
    }
}
