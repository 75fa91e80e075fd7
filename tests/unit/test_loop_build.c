/* Loop IR builders: index expressions are simplified to equal and to expected forms. */
#include "ir/loop/affine.h"
#include "ir/loop/build.h"
#include "ir/loop/scalar.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct Fixture {
    Arena *arena;
    Module *module;
    LProgram *program;
    LBuilder b;
} Fixture;

static Fixture start(void) {
    Fixture f = {.arena = arena_create()};
    f.module = module_create(f.arena, diag_create(f.arena, 0));
    f.program = lprogram_create(f.module, 0);
    lkernel_create(f.program, "k", "", &f.b);
    return f;
}

static LX loop_var(Fixture *f, const char *name, int64_t begin, int64_t extent) {
    LStmt *s = lb_for(&f->b, LOOP_SERIAL, name, lx_int(&f->b, begin), lx_int(&f->b, extent));
    return lb_loop_var(&f->b, s);
}

/* ---- forms ----------------------------------------------------------------------------------- */

static LX scaled_sum(LBuilder *b, LX x, int64_t factor, LX y) {
    return lx_add(b, lx_muli(b, x, factor), y);
}

static LX by_int(LBuilder *b, LBinary op, LX x, int64_t c) {
    return lx_binary(b, op, x, lx_int(b, c));
}

Test(loop_build, quotient_and_remainder_of_a_tile_index) {
    Fixture f = start();
    LX t = loop_var(&f, "t", 0, 7), v = loop_var(&f, "v", 0, 16);
    LX index = scaled_sum(&f.b, t, 16, v);
    cr_assert(lx_compare(by_int(&f.b, LB_FLOORDIV, index, 16), t) == 0);
    cr_assert(lx_compare(by_int(&f.b, LB_MOD, index, 16), v) == 0);
    LX finer = by_int(&f.b, LB_FLOORDIV, scaled_sum(&f.b, t, 4, by_int(&f.b, LB_MOD, v, 4)), 16);
    cr_assert(lx_compare(finer, by_int(&f.b, LB_FLOORDIV, t, 4)) == 0);
    LX joined =
        lx_add(&f.b, lx_muli(&f.b, by_int(&f.b, LB_FLOORDIV, t, 3), 3), by_int(&f.b, LB_MOD, t, 3));
    cr_assert(lx_compare(joined, t) == 0);
    arena_destroy(f.arena);
}

Test(loop_build, a_vector_index_is_recognized_as_consecutive) {
    Fixture f = start();
    LX t = loop_var(&f, "t", 0, 7), base;
    LX iota = lx_ramp(&f.b, lx_int(&f.b, 0), 1, 16);
    LX index = lx_add(&f.b, lx_muli(&f.b, t, 16), iota);
    cr_assert(index->kind == LX_RAMP);
    cr_assert(lx_is_consecutive(index, &base));
    cr_assert(lx_compare(base, lx_muli(&f.b, t, 16)) == 0);
    LX q = by_int(&f.b, LB_FLOORDIV, index, 16);
    cr_assert(q->kind == LX_BROADCAST && lx_compare(q->args[0], t) == 0);
    cr_assert(lx_compare(by_int(&f.b, LB_MOD, index, 16), iota) == 0);
    LX condition = lx_binary(&f.b, LB_LT, index, lx_int(&f.b, 112));
    cr_assert(condition->kind == LX_INT && condition->i == 1);
    cr_assert(lx_binary(&f.b, LB_LT, index, lx_int(&f.b, 111))->kind == LX_BINARY);
    cr_assert(lx_compare(lx_extract(&f.b, index, 3), lx_addi(&f.b, lx_muli(&f.b, t, 16), 3)) == 0);
    arena_destroy(f.arena);
}

Test(loop_build, symbolic_extents_resolve) {
    Fixture f = start();
    DimContext *dims = f.module->dims;
    LX h = lx_dim(&f.b, dim_symbol(dims, "H"));
    LX n = lx_dim(&f.b, dim_symbol(dims, "N"));
    LX i = lb_loop_var(&f.b, lb_for(&f.b, LOOP_SERIAL, "i", lx_int(&f.b, 0), n));
    LX j = lb_loop_var(&f.b, lb_for(&f.b, LOOP_SERIAL, "j", lx_int(&f.b, 0), h));
    LX index = lx_add(&f.b, lx_mul(&f.b, i, h), j);
    cr_assert(lx_compare(lx_binary(&f.b, LB_FLOORDIV, index, h), i) == 0);
    cr_assert(lx_compare(lx_binary(&f.b, LB_MOD, index, h), j) == 0);
    LX inside = lx_binary(&f.b, LB_LT, index, lx_mul(&f.b, n, h));
    cr_assert(inside->kind == LX_BINARY || inside->i == 1);
    LX below = lx_binary(&f.b, LB_GE, j, h);
    cr_assert(below->kind == LX_INT && below->i == 0);
    LX vector = lx_add(&f.b, index, lx_ramp(&f.b, lx_int(&f.b, 0), 1, 8));
    cr_assert(lx_is_consecutive(vector, 0));
    LX all = lx_binary(&f.b, LB_SUB, lx_addi(&f.b, n, 3), n);
    cr_assert(all->kind == LX_INT && all->i == 3);
    arena_destroy(f.arena);
}

Test(loop_build, data_that_may_wrap_is_left_alone) {
    Fixture f = start();
    Dim four = dim_int(f.module->dims, 4);
    LBuffer *x = lb_param(&f.b, "x", SPACE_GLOBAL, DT_i64, 1, &four, ACCESS_READ);
    LX value = lx_load(&f.b, x, (LX[]){lx_int(&f.b, 0)});
    LX quotient = by_int(&f.b, LB_FLOORDIV, lx_muli(&f.b, value, 4), 4);
    cr_assert(quotient->kind == LX_BINARY && quotient->binary == LB_FLOORDIV);
    LX greater = lx_binary(&f.b, LB_GT, lx_addi(&f.b, value, 1), value);
    cr_assert(greater->kind == LX_BINARY);
    arena_destroy(f.arena);
}

Test(loop_build, floats_fold_only_where_exact) {
    Fixture f = start();
    Dim four = dim_int(f.module->dims, 4);
    LType f32 = ltype(DT_f32, 1);
    LBuffer *x = lb_param(&f.b, "x", SPACE_GLOBAL, DT_f32, 1, &four, ACCESS_READ);
    LX value = lx_load(&f.b, x, (LX[]){lx_int(&f.b, 0)});
    cr_assert(lx_add(&f.b, value, lx_const(&f.b, f32, 0.0)) != value);
    cr_assert(lx_add(&f.b, value, lx_const(&f.b, f32, -0.0)) == value);
    cr_assert(lx_mul(&f.b, value, lx_const(&f.b, f32, 0.0))->kind == LX_BINARY);
    LX third = lx_binary(&f.b, LB_DIV, lx_const(&f.b, f32, 1), lx_const(&f.b, f32, 3));
    cr_assert(third->kind == LX_FLOAT && third->f == (double)(1.0f / 3.0f));
    LX half = lx_const(&f.b, ltype(DT_f16, 1), 0.1);
    cr_assert(half->f == (double)f16_to_f32(f32_to_f16(0.1f)));
    arena_destroy(f.arena);
}

Test(loop_build, equal_kernels_are_shared_and_names_are_unique) {
    Fixture f = start();
    Dim four = dim_int(f.module->dims, 4);
    LTensor *t = lprogram_tensor(f.program, "t", TENSOR_TEMP, DT_f32, four);
    for (int i = 0; i < 3; i++) {
        LBuilder b;
        LKernel *k = lkernel_create(f.program, i < 2 ? "same" : "same", "somewhere", &b);
        LBuffer *x = lb_param(&b, "x", SPACE_GLOBAL, DT_f32, 1, &four, ACCESS_READ_WRITE);
        LStmt *loop = lb_for(&b, LOOP_SERIAL, "i", lx_int(&b, 0), lx_int(&b, i < 2 ? 4 : 3));
        lb_store(&b, x, (LX[]){lb_loop_var(&b, loop)}, lx_const(&b, ltype(DT_f32, 1), 1), 0);
        lb_end(&b, loop);
        lprogram_call(f.program, k, &t, "layer", (Span){0});
    }
    cr_assert(f.program->calls.len == 3 && f.program->kernels.len == 2);
    cr_assert(f.program->calls.data[0].kernel == f.program->calls.data[1].kernel);
    cr_assert_str_eq(f.program->kernels.data[1]->name, "same_2");
    arena_destroy(f.arena);
}

/* ---- property: simplified expressions have the values of the plain ones ---------------------- */

typedef struct Plain {
    int kind; /* 0: variable, 1: constant, 2: lane number, 3: binary, 4: the symbol */
    int var;
    int64_t value;
    LBinary op;
    int a, b;
} Plain;

/* Leaves: VARS variables (the last runs up to the symbol), 3 constants, the lane, the symbol. */
enum { VARS = 4, NODES = 15, LANES = 8 };

typedef struct Case {
    Plain nodes[NODES];
    int count;
    int64_t lo[VARS], extent[VARS], values[VARS], symbol;
    LX vars[VARS];
} Case;

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

static int64_t pick(uint64_t *state, int64_t lo, int64_t hi) {
    return lo + (int64_t)(next_random(state) % (uint64_t)(hi - lo + 1));
}

static void make_case(Case *c, uint64_t *state) {
    static const LBinary ops[] = {LB_ADD,      LB_ADD, LB_SUB, LB_MUL,
                                  LB_FLOORDIV, LB_MOD, LB_MIN, LB_MAX};
    static const int64_t constants[] = {1, 2, 3, 4, 5, 8, 12, 16, 32, -1, -7, 0};
    for (int i = 0; i < VARS; i++) {
        c->lo[i] = pick(state, -20, 20) / 10 * 8;
        c->extent[i] = constants[pick(state, 0, 8)];
    }
    c->count = NODES;
    for (int i = 0; i < NODES; i++) {
        Plain *p = &c->nodes[i];
        if (i < VARS) {
            *p = (Plain){.kind = 0, .var = i};
        } else if (i < VARS + 3) {
            *p = (Plain){.kind = 1, .value = constants[pick(state, 0, 11)]};
        } else if (i == VARS + 3) {
            *p = (Plain){.kind = 2};
        } else if (i == VARS + 4) {
            *p = (Plain){.kind = 4};
        } else {
            *p = (Plain){.kind = 3, .op = ops[pick(state, 0, 7)]};
            p->a = (int)pick(state, 0, i - 1);
            p->b = (int)pick(state, 0, i - 1);
            bool divides = p->op == LB_FLOORDIV || p->op == LB_MOD;
            if (divides || (p->op == LB_MUL && pick(state, 0, 3)))
                p->b = pick(state, 0, 3) ? VARS + (int)pick(state, 0, 2) : VARS + 4;
            if (divides && p->b < VARS + 3 && c->nodes[p->b].value <= 0) c->nodes[p->b].value = 4;
        }
    }
}

static int64_t plain_value(const Case *c, int at, int lane) {
    const Plain *p = &c->nodes[at];
    Scalar r;
    if (p->kind == 0) return c->values[p->var];
    if (p->kind == 1) return p->value;
    if (p->kind == 2) return lane;
    if (p->kind == 4) return c->symbol;
    Scalar x = {.i = plain_value(c, p->a, lane)}, y = {.i = plain_value(c, p->b, lane)};
    cr_assert(scalar_binary(p->op, DT_i64, x, y, &r));
    return r.i;
}

static LX built(Fixture *f, const Case *c, int at, int lanes) {
    const Plain *p = &c->nodes[at];
    if (p->kind == 0) return c->vars[p->var];
    if (p->kind == 1) return lx_int(&f->b, p->value);
    if (p->kind == 2)
        return lanes > 1 ? lx_ramp(&f->b, lx_int(&f->b, 0), 1, lanes) : lx_int(&f->b, 0);
    if (p->kind == 4) return lx_dim(&f->b, dim_symbol(f->module->dims, "N"));
    return lx_binary(&f->b, p->op, built(f, c, p->a, lanes), built(f, c, p->b, lanes));
}

static int64_t value_of(const Case *c, LX x, int lane) {
    Scalar r;
    switch (x->kind) {
    case LX_INT: return x->i;
    case LX_DIM: {
        int64_t value;
        cr_assert(dim_eval(x->dim, &c->symbol, &value));
        return value;
    }
    case LX_VAR:
        for (int i = 0; i < VARS; i++)
            if (c->vars[i]->var == x->var) return c->values[i];
        break;
    case LX_BROADCAST: return value_of(c, x->args[0], 0);
    case LX_RAMP: return value_of(c, x->args[0], 0) + lane * value_of(c, x->args[1], 0);
    case LX_BINARY: {
        Scalar p = {.i = value_of(c, x->args[0], lane)}, q = {.i = value_of(c, x->args[1], lane)};
        cr_assert(scalar_binary(x->binary, x->args[0]->type.dtype, p, q, &r));
        return r.i;
    }
    default: break;
    }
    cr_assert(false, "unexpected expression");
    return 0;
}

static void check_case(Fixture *f, Case *c, uint64_t *state, int lanes) {
    LX x = built(f, c, NODES - 1, lanes), y = built(f, c, NODES - 2, lanes);
    LX less = lx_binary(&f->b, LB_LT, x, y), equal = lx_binary(&f->b, LB_EQ, x, y);
    int64_t lo, hi;
    lx_range(x, &lo, &hi);
    for (int trial = 0; trial < 12; trial++) {
        c->symbol = pick(state, 1, 6);
        c->extent[VARS - 1] = c->symbol;
        for (int i = 0; i < VARS; i++)
            c->values[i] = c->lo[i] + (trial == 0   ? 0
                                       : trial == 1 ? c->extent[i] - 1
                                                    : pick(state, 0, c->extent[i] - 1));
        for (int lane = 0; lane < lanes; lane++) {
            int64_t want = plain_value(c, NODES - 1, lane), other = plain_value(c, NODES - 2, lane);
            cr_assert_eq(value_of(c, x, lane), want);
            cr_assert_eq(value_of(c, less, lane), want < other);
            cr_assert_eq(value_of(c, equal, lane), want == other);
            cr_assert(lo <= want && want <= hi);
        }
    }
}

static void check_random(uint64_t seed, int lanes) {
    uint64_t state = seed;
    for (int round = 0; round < 40; round++) {
        Fixture f = start();
        for (int k = 0; k < 100; k++) {
            Case c;
            f.b.block = &f.b.kernel->body;
            make_case(&c, &state);
            for (int i = 0; i < VARS - 1; i++) c.vars[i] = loop_var(&f, "i", c.lo[i], c.extent[i]);
            c.lo[VARS - 1] = 0;
            LX n = lx_dim(&f.b, dim_symbol(f.module->dims, "N"));
            LStmt *to_n = lb_for(&f.b, LOOP_SERIAL, "j", lx_int(&f.b, 0), n);
            c.vars[VARS - 1] = lb_loop_var(&f.b, to_n);
            check_case(&f, &c, &state, lanes);
        }
        arena_destroy(f.arena);
    }
}

Test(loop_build, random_scalar_indices_keep_their_values) {
    check_random(1, 1);
}
Test(loop_build, random_vector_indices_keep_their_values) {
    check_random(2, LANES);
}
