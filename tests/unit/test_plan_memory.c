/* Memory planning: temporaries that live together never overlap, and the arena is not much larger
 * than it must be. */
#include <criterion/criterion.h>
#include <string.h>

#include "passes/pass.h"

typedef struct Plan {
    Arena *arena;
    Diag *diag;
    Module *module;
    LProgram *program;
} Plan;

static Plan plan_create(void) {
    Plan p = {.arena = arena_create()};
    p.diag = diag_create(p.arena, NULL);
    p.module = module_create(p.arena, p.diag);
    p.program = arena_new(p.arena, LProgram);
    p.program->module = p.module;
    return p;
}

static LTensor *add_tensor(Plan *p, LTensorRole role, DType dtype, const char *elements) {
    LTensor *tensor = arena_new(p->arena, LTensor);
    tensor->name = arena_printf(p->arena, "t%zu", p->program->tensors.len);
    tensor->role = role;
    tensor->dtype = dtype;
    tensor->elements = dim_parse(p->module->dims, &elements, true);
    tensor->id = (int)p->program->tensors.len;
    tensor->offset = -1;
    vec_push(p->arena, &p->program->tensors, tensor);
    return tensor;
}

static void add_call(Plan *p, int count, LTensor *const *args) {
    LKernel *kernel = arena_new(p->arena, LKernel);
    LTensor **copy = arena_array(p->arena, LTensor *, (size_t)count + 1);
    kernel->nparams = count;
    for (int i = 0; i < count; i++) copy[i] = args[i];
    vec_push(p->arena, &p->program->calls, (LCall){.kernel = kernel, .args = copy});
}
#define CALL(p, ...)                                                                               \
    add_call((p), (int)COUNT_OF(((LTensor *[]){__VA_ARGS__})), (LTensor *const[]){__VA_ARGS__})

/* ---- the plan as an address map for given symbols ----------------------------------------------
 */

static int64_t dim_value(Dim dim, const int64_t *symbols) {
    int64_t value = 0;
    cr_assert(dim_eval(dim, symbols, &value));
    return value;
}

static int64_t arena_size(const Plan *p, const int64_t *symbols) {
    int64_t total = 0;
    for (size_t i = 0; i < p->program->regions.len; i++) {
        const LRegion *region = &p->program->regions.data[i];
        cr_expect_eq(region->bytes % 64, 0);
        total += region->bytes * dim_value(region->unit, symbols);
    }
    return total;
}

static void place_of(const Plan *p, const LTensor *t, const int64_t *symbols, int64_t *begin,
                     int64_t *end) {
    *begin = 0;
    cr_assert(t->region >= 0 && t->region < (int)p->program->regions.len);
    for (int i = 0; i < t->region; i++) {
        const LRegion *before = &p->program->regions.data[i];
        *begin += before->bytes * dim_value(before->unit, symbols);
    }
    const LRegion *region = &p->program->regions.data[t->region];
    int64_t unit = dim_value(region->unit, symbols);
    cr_expect_geq(t->offset, 0);
    *begin += t->offset * unit;
    *end = *begin + dim_value(t->elements, symbols) * (int64_t)dtype_bytes(t->dtype);
    int64_t limit = *begin - t->offset * unit + region->bytes * unit;
    cr_expect_leq(*end, limit, "%s leaves its region", t->name);
    cr_expect_eq(*begin % 64, 0, "%s is not aligned", t->name);
}

static bool touches(const LCall *call, const LTensor *t) {
    for (int i = 0; i < call->kernel->nparams; i++) {
        if (call->args[i] == t) return true;
    }
    return false;
}

static void lifetime(const Plan *p, const LTensor *t, int *first, int *last) {
    *first = *last = -1;
    for (size_t c = 0; c < p->program->calls.len; c++) {
        if (!touches(&p->program->calls.data[c], t)) continue;
        if (*first < 0) *first = (int)c;
        *last = (int)c;
    }
}

static void expect_disjoint(const Plan *p, const int64_t *symbols) {
    for (size_t i = 0; i < p->program->tensors.len; i++) {
        const LTensor *a = p->program->tensors.data[i];
        int first_a, last_a;
        int64_t begin_a, end_a;
        if (a->role != TENSOR_TEMP) continue;
        lifetime(p, a, &first_a, &last_a);
        place_of(p, a, symbols, &begin_a, &end_a);
        cr_expect_leq(end_a, arena_size(p, symbols));
        for (size_t k = 0; k < i; k++) {
            const LTensor *b = p->program->tensors.data[k];
            int first_b, last_b;
            int64_t begin_b, end_b;
            if (b->role != TENSOR_TEMP) continue;
            lifetime(p, b, &first_b, &last_b);
            if (first_a < 0 || first_b < 0 || first_a > last_b || first_b > last_a) continue;
            place_of(p, b, symbols, &begin_b, &end_b);
            bool apart =
                end_a <= begin_b || end_b <= begin_a || begin_a == end_a || begin_b == end_b;
            cr_expect(apart, "%s and %s overlap", a->name, b->name);
        }
    }
}

/* ---- small cases -------------------------------------------------------------------------------
 */

Test(plan_memory, chain_reuses) {
    Plan p = plan_create();
    LTensor *in = add_tensor(&p, TENSOR_INPUT, DT_f32, "100");
    LTensor *out = add_tensor(&p, TENSOR_OUTPUT, DT_f32, "100");
    LTensor *t[4];
    for (int i = 0; i < 4; i++) t[i] = add_tensor(&p, TENSOR_TEMP, DT_f32, "100");
    CALL(&p, in, t[0]);
    for (int i = 0; i < 3; i++) CALL(&p, t[i], t[i + 1]);
    CALL(&p, t[3], out);
    cr_assert(plan_memory(p.program, p.diag));
    expect_disjoint(&p, NULL);
    cr_expect_eq(arena_size(&p, NULL), 2 * 448, "two buffers take turns");
    cr_expect_eq(plan_memory_bound(p.program, NULL), 2 * 448);
    arena_destroy(p.arena);
}

Test(plan_memory, multiples_of_one_symbol_share) {
    Plan p = plan_create();
    LTensor *a = add_tensor(&p, TENSOR_TEMP, DT_f32, "64*N");
    LTensor *b = add_tensor(&p, TENSOR_TEMP, DT_f32, "16*N");
    LTensor *c = add_tensor(&p, TENSOR_TEMP, DT_f32, "32*N");
    LTensor *other = add_tensor(&p, TENSOR_TEMP, DT_f32, "N*T");
    CALL(&p, a, b);
    CALL(&p, b, c);
    CALL(&p, c, other);
    cr_assert(plan_memory(p.program, p.diag));
    cr_expect_eq(p.program->regions.len, 2);
    cr_expect_neq(other->region, a->region);
    for (int64_t n = 0; n < 4; n++) {
        const int64_t symbols[2] = {n, 5};
        expect_disjoint(&p, symbols);
        cr_expect_eq(arena_size(&p, symbols), n * (256 + 64) + 64 * 5 * n);
        cr_expect_eq(plan_memory_bound(p.program, symbols), n * (256 + 64));
    }
    arena_destroy(p.arena);
}

Test(plan_memory, a_gap_is_filled) {
    Plan p = plan_create();
    LTensor *big = add_tensor(&p, TENSOR_TEMP, DT_f32, "64");
    LTensor *small = add_tensor(&p, TENSOR_TEMP, DT_f32, "16");
    LTensor *late = add_tensor(&p, TENSOR_TEMP, DT_f32, "32");
    CALL(&p, big, small);
    CALL(&p, small, late);
    cr_assert(plan_memory(p.program, p.diag));
    cr_expect_eq(big->offset, 0);
    cr_expect_eq(late->offset, 0);
    cr_expect_eq(small->offset, 256);
    arena_destroy(p.arena);
}

Test(plan_memory, empty_and_unused_tensors) {
    Plan p = plan_create();
    LTensor *none = add_tensor(&p, TENSOR_TEMP, DT_f32, "0");
    LTensor *some = add_tensor(&p, TENSOR_TEMP, DT_f32, "8");
    add_tensor(&p, TENSOR_TEMP, DT_f32, "N");
    CALL(&p, none, some);
    cr_assert(plan_memory(p.program, p.diag));
    const int64_t symbols[1] = {3};
    expect_disjoint(&p, symbols);
    cr_expect_eq(plan_memory_bound(p.program, symbols), 64);
    arena_destroy(p.arena);
}

Test(plan_memory, no_temporaries) {
    Plan p = plan_create();
    CALL(&p, add_tensor(&p, TENSOR_INPUT, DT_f32, "N"), add_tensor(&p, TENSOR_OUTPUT, DT_f32, "N"));
    cr_assert(plan_memory(p.program, p.diag));
    cr_expect_eq(p.program->regions.len, 0);
    cr_expect_eq(p.program->weight_bytes, 0);
    arena_destroy(p.arena);
}

Test(plan_memory, weights_lie_one_after_the_other) {
    Plan p = plan_create();
    LTensor *a = add_tensor(&p, TENSOR_WEIGHT, DT_f32, "3");
    LTensor *b = add_tensor(&p, TENSOR_WEIGHT, DT_i8, "65");
    LTensor *c = add_tensor(&p, TENSOR_WEIGHT, DT_f32, "16");
    cr_assert(plan_memory(p.program, p.diag));
    cr_expect_eq(a->weight_offset, 0);
    cr_expect_eq(b->weight_offset, 64);
    cr_expect_eq(c->weight_offset, 192);
    cr_expect_eq(p.program->weight_bytes, 256);
    arena_destroy(p.arena);
}

Test(plan_memory, planning_again_gives_the_same) {
    Plan p = plan_create();
    LTensor *a = add_tensor(&p, TENSOR_TEMP, DT_f32, "64*N");
    LTensor *b = add_tensor(&p, TENSOR_TEMP, DT_f32, "16*N");
    CALL(&p, a, b);
    cr_assert(plan_memory(p.program, p.diag));
    int64_t offset = b->offset, bytes = p.program->regions.data[0].bytes;
    cr_assert(plan_memory(p.program, p.diag));
    cr_expect_eq(p.program->regions.len, 1);
    cr_expect_eq(b->offset, offset);
    cr_expect_eq(p.program->regions.data[0].bytes, bytes);
    arena_destroy(p.arena);
}

/* ---- sizes that overflow -----------------------------------------------------------------------
 */

Test(plan_memory, one_size_overflows) {
    Plan p = plan_create();
    CALL(&p, add_tensor(&p, TENSOR_TEMP, DT_f64, "2305843009213693952*N"));
    cr_expect_not(plan_memory(p.program, p.diag));
    cr_expect_not_null(strstr(diag_text(p.diag), "'t0' overflows"), "%s", diag_text(p.diag));
    arena_destroy(p.arena);
}

Test(plan_memory, the_sum_overflows) {
    static const char *const sizes[] = {"9000000000000000000", "9000000000000000000*N"};
    for (int separate = 0; separate < 2; separate++) {
        Plan p = plan_create();
        LTensor *a = add_tensor(&p, TENSOR_TEMP, DT_i8, sizes[0]);
        CALL(&p, a, add_tensor(&p, TENSOR_TEMP, DT_i8, sizes[separate]));
        cr_expect_not(plan_memory(p.program, p.diag));
        cr_expect_eq(diag_error_count(p.diag), 1);
        arena_destroy(p.arena);
    }
}

Test(plan_memory, weights_overflow) {
    Plan p = plan_create();
    for (int i = 0; i < 2; i++) add_tensor(&p, TENSOR_WEIGHT, DT_i8, "9000000000000000000");
    cr_expect_not(plan_memory(p.program, p.diag));
    arena_destroy(p.arena);
}

/* ---- random programs ---------------------------------------------------------------------------
 */

static uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Each tensor lives over a random row of calls, long lives being rarer. */
static void random_program(Plan *p, uint64_t seed, bool symbolic) {
    enum { CALLS = 40, TENSORS = 60 };
    static const char *const units[] = {"", "*N", "*N*T", "*N + 7"};
    LTensor *args[CALLS][TENSORS];
    int counts[CALLS] = {0};
    uint64_t state = seed;
    for (int i = 0; i < TENSORS; i++) {
        const char *unit = symbolic ? units[next_random(&state) % COUNT_OF(units)] : "";
        int64_t size = 1 + next_random(&state) % 1000;
        LTensor *t = add_tensor(p, TENSOR_TEMP, next_random(&state) % 2 ? DT_f32 : DT_i8,
                                arena_printf(p->arena, "%lld%s", (long long)size, unit));
        int first = (int)(next_random(&state) % CALLS);
        int last = first + (int)(next_random(&state) % (next_random(&state) % 4 ? 4 : 20));
        args[first][counts[first]++] = t;
        if (last < CALLS && last != first) args[last][counts[last]++] = t;
    }
    for (int c = 0; c < CALLS; c++) add_call(p, counts[c], args[c]);
}

Test(plan_memory, random_programs) {
    double worst = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        Plan p = plan_create();
        random_program(&p, seed, false);
        cr_assert(plan_memory(p.program, p.diag));
        expect_disjoint(&p, NULL);
        double bound = (double)plan_memory_bound(p.program, NULL);
        double share = (double)arena_size(&p, NULL) / bound;
        cr_expect_geq(share, 1);
        worst = share > worst ? share : worst;
        arena_destroy(p.arena);
    }
    cr_expect_lt(worst, 1.2, "arena is %.2f times the bound", worst);
}

Test(plan_memory, random_symbolic_programs) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        Plan p = plan_create();
        random_program(&p, seed, true);
        cr_assert(plan_memory(p.program, p.diag));
        for (int64_t n = 0; n < 3; n++) {
            int64_t symbols[2] = {n, 3 - n};
            expect_disjoint(&p, symbols);
            cr_expect_leq(plan_memory_bound(p.program, symbols), arena_size(&p, symbols));
        }
        arena_destroy(p.arena);
    }
}
