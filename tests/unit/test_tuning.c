/* Tuning: the file's text and table, and that every plan which fits computes the same. */
#include <criterion/criterion.h>

#include "codegen/schedule/plan.h"
#include "codegen/schedule/tuning.h"
#include "tests/unit/lower_fixture.h"

/* ---- the file -------------------------------------------------------------------------------- */

static const char file[] = "nnc-tune 1\n"
                           "nnc 0.1.0\n"
                           "machine m 512-bit x32 fma 2\n"
                           "threads 2\n"
                           "dot f32 n=1 -> vector=none unroll=2  # 0.1 ms\n"
                           "max f32 n=2 -> vector=ow:8x1 unroll=1\n";

static Tuning *parse(Arena *arena, const char *text, size_t length, Diag *diag) {
    return tuning_parse(arena, diag_add_source(diag, "a.tune", text, length), diag);
}

Test(tuning, reads_what_it_prints) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    Tuning *t = parse(arena, file, strlen(file), diag);
    StrBuf text = {0};
    cr_assert_not_null(t, "%s", diag_text(diag));
    cr_expect_str_eq(t->compiler, "0.1.0");
    cr_expect_str_eq(t->machine, "m 512-bit x32 fma 2");
    cr_expect_eq(t->threads, 2);
    cr_expect_str_eq(tuning_find(t, "dot f32 n=1")->plan, "vector=none unroll=2");
    cr_expect_str_eq(tuning_find(t, "dot f32 n=1")->comment, "0.1 ms");
    cr_expect_str_eq(tuning_find(t, "max f32 n=2")->comment, "");
    cr_expect_null(tuning_find(t, "max f32 n=3"));
    tuning_print(t, &text);
    cr_expect_str_eq(str_text(&text), file);
    str_free(&text);
    arena_destroy(arena);
}

Test(tuning, takes_new_plans) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    Tuning *t = parse(arena, file, strlen(file), diag);
    tuning_set(t, "max f32 n=2", "vector=none unroll=4", "");
    tuning_set(t, "new", "vector=none unroll=1", "x");
    for (int i = 0; i < 500; i++)
        tuning_set(t, arena_printf(arena, "k%d", i), arena_printf(arena, "p%d", i), "");
    cr_expect_eq(t->plans.len, 503);
    cr_expect_str_eq(tuning_find(t, "max f32 n=2")->plan, "vector=none unroll=4");
    cr_expect_str_eq(tuning_find(t, "new")->comment, "x");
    cr_expect_str_eq(tuning_find(t, "k321")->plan, "p321");
    arena_destroy(arena);
}

static void expect_error(const char *text, size_t length, const char *wanted) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    cr_expect_null(parse(arena, text, length, diag), "%s", text);
    cr_expect_not_null(strstr(diag_text(diag), wanted), "'%s' lacks '%s'", diag_text(diag), wanted);
    arena_destroy(arena);
}

Test(tuning, names_the_line_at_fault) {
#define HEAD "nnc-tune 1\nnnc 0\nmachine m\nthreads 1\n"
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "a.tune"},
        {"hello\n", "a.tune:1:1: error: this is no tuning file"},
        {"nnc-tune 2\n", "a.tune:1:1: error: this nnc reads tuning files of version 1"},
        {"nnc-tune 1\n\nmachine m\n", "a.tune:3:1: error: 'nnc ...' expected"},
        {"nnc-tune 1\nnnc 0\n", "before 'machine ...'"},
        {"nnc-tune 1\nnnc 0\nmachine m\nthreads 0\n", "a.tune:4:1: error: 'threads' takes"},
        {"nnc-tune 1\nnnc 0\nmachine m\nthreads 99999999999999999999\n", "'threads' takes"},
        {"nnc-tune 1\nnnc 0\nmachine m\nthreads 1x\n", "'threads' takes"},
        {HEAD "# a remark\nnothing\n", "a.tune:6:1: error: 'CONTRACTION -> PLAN' expected"},
        {HEAD " -> vector=none\n", "a.tune:5:1: error: 'CONTRACTION -> PLAN'"},
        {HEAD "dot -> # vector=none\n", "'CONTRACTION -> PLAN'"},
        {HEAD "dot -> a\nmax -> a\ndot -> b\n", "a.tune:7:1: error: a second plan for the "
                                                "contraction of line 5"},
        {HEAD "dot\t -> a\n", "a.tune:5:1: error: the line has characters that are no text"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        expect_error(cases[i].text, strlen(cases[i].text), cases[i].error);
    expect_error("nnc-tune 1\0\n", 12, "no text");
    size_t length = 70000;
    char *line = malloc(length);
    memset(line, 'a', length);
    memcpy(line, HEAD, sizeof HEAD - 1);
    expect_error(line, length, "a.tune:5:1: error: the line is too long");
    free(line);
}

static uint64_t next(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

Test(tuning, damaged_files_are_refused_or_read) {
    uint64_t state = 1;
    int read = 0;
    for (int round = 0; round < 3000; round++) {
        Arena *arena = arena_create();
        Diag *diag = diag_create(arena, NULL);
        char text[sizeof file];
        size_t length = strlen(file);
        memcpy(text, file, sizeof file);
        for (uint64_t n = 1 + next(&state) % 3; n > 0; n--) {
            size_t at = next(&state) % length;
            static const char odd[] = "\n #->\0\xff"
                                      "9 =";
            if (next(&state) % 4 == 0) {
                memmove(text + at, text + at + 1, length - at - 1);
                length--;
            } else {
                text[at] = odd[next(&state) % sizeof odd];
            }
        }
        Tuning *t = parse(arena, text, length, diag);
        cr_assert_eq(t == NULL, diag_error_count(diag) > 0);
        if (t) {
            StrBuf once = {0}, again = {0};
            tuning_print(t, &once);
            Tuning *second = parse(arena, once.data, once.len, diag);
            cr_assert_not_null(second, "%s", diag_text(diag));
            tuning_print(second, &again);
            cr_assert_str_eq(str_text(&once), str_text(&again));
            str_free(&once);
            str_free(&again);
            read++;
        }
        arena_destroy(arena);
    }
    cr_expect_gt(read, 100);
}

/* ---- plans that fit -------------------------------------------------------------------------- */

typedef struct Asked {
    const TargetDesc *target;
    uint64_t state; /* 0: plans of the model, number `turn` */
    size_t turn, plans, taken;
    const char *key;
} Asked;

static int pick(uint64_t *state, int count) {
    return (int)(next(state) % (uint64_t)count);
}

/* Anything that could stand in a file. */
static ContractionPlan any_plan(const Contraction *c, uint64_t *state) {
    static const int unrolls[] = {1, 1, 2, 3, 4, 8, 16, 32}, lanes[] = {1, 2, 4, 8, 16, 32};
    ContractionPlan plan = {.vector_axis = pick(state, c->naxes + 1) - 1, .lanes = 1};
    plan.vectors = 1;
    if (plan.vector_axis >= 0) {
        plan.lanes = pick(state, 4) ? c->axes[plan.vector_axis].lanes : lanes[pick(state, 6)];
        plan.vectors = 1 + pick(state, 4);
    }
    plan.ntiles = pick(state, MAX_TILES + 1);
    for (int t = 0; t < plan.ntiles; t++) {
        plan.tiles[t].axis = pick(state, c->naxes);
        plan.tiles[t].size = 1 + pick(state, 8);
    }
    plan.unroll = unrolls[pick(state, COUNT_OF(unrolls))];
    plan.parallel_tiles = pick(state, 2);
    plan.prefetch = pick(state, 2);
    return plan;
}

static bool give_plan(void *self, const PlanRequest *request, ContractionPlan *plan) {
    Asked *asked = self;
    ContractionPlan plans[12], own;
    asked->key = request->key;
    size_t count = contraction_plans(request->contraction, request->target, request->dims, plans,
                                     COUNT_OF(plans));
    ContractionPlan model = contraction_plan(request->contraction, request->target, request->dims);
    StrBuf first = {0}, chosen = {0};
    plan_print(request->contraction, &plans[0], &first);
    plan_print(request->contraction, &model, &chosen);
    cr_assert_str_eq(str_text(&first), str_text(&chosen));
    str_free(&first);
    str_free(&chosen);
    if (asked->state == 0) {
        *plan = plans[asked->turn % count];
        cr_assert(plan_fits(request->contraction, request->target, request->dims, plan));
        asked->plans += count;
        asked->taken++;
        return true;
    }
    for (int i = 0; i < 40; i++) {
        own = any_plan(request->contraction, &asked->state);
        asked->plans++;
        if (!plan_fits(request->contraction, request->target, request->dims, &own)) continue;
        *plan = own;
        asked->taken++;
        return true;
    }
    return false;
}

/* A graph of one contraction, with a size for its symbol where it has one. */
typedef Value *MakeGraph(Fixture *f);

static Value *blocked_convolution(Fixture *f) {
    Value *x = fixture_input(f, "x", "f32[1, 32, 7, 9]");
    Value *y = build2(&f->b, OP_conv2d, x, fixture_weight(f, "f32[40, 32, 3, 3]"),
                      attr_ints("pad", 4, (int64_t[]){1, 1, 1, 1}));
    return build1(&f->b, OP_relu, y);
}

static Value *depthwise_convolution(Fixture *f) {
    Value *x = fixture_input(f, "x", "f32[N, 20, 8, 9]");
    return build2(&f->b, OP_conv2d, x, fixture_weight(f, "f32[20, 1, 3, 3]"),
                  attr_int("groups", 20));
}

static Value *product(Fixture *f) {
    Value *x = fixture_input(f, "x", "f32[N, 24]");
    return build2(&f->b, OP_dense, x, fixture_weight(f, "f32[19, 24]"));
}

static Value *pool(Fixture *f) {
    Value *x = fixture_input(f, "x", "f32[1, 3, 10, 11]");
    return build1(&f->b, OP_max_pool2d, x, attr_ints("kernel", 2, (int64_t[]){3, 2}),
                  attr_ints("stride", 2, (int64_t[]){2, 1}));
}

static Value *sum(Fixture *f) {
    Value *x = fixture_input(f, "x", "f32[5, 130]");
    return build1(&f->b, OP_reduce_sum, x, attr_ints("axes", 1, (int64_t[]){1}));
}

static MakeGraph *const graphs[] = {blocked_convolution, depthwise_convolution, product, pool, sum};

static void expect_planned(Fixture *f, const Graph *graph, Asked *asked, const Tensor *inputs,
                           const Tensor *reference) {
    PlanSource source = {give_plan, asked};
    LProgram *program = lower_graph_planned(graph, asked->target, &source, f->diag);
    cr_assert_not_null(program, "%s", diag_text(f->diag));
    const char *plan = program->kernels.len ? program->kernels.data[0]->plan : "";
    expect_program(f, program, arena_printf(f->arena, "%s, %s", asked->key, plan), inputs,
                   reference);
    expect_program(f, expanded(program, asked->target),
                   arena_printf(f->arena, "%s, %s, expanded", asked->key, plan), inputs, reference);
}

static void expect_all_agree(uint64_t seed, size_t turns) {
    size_t taken = 0;
    for (size_t g = 0; g < COUNT_OF(graphs); g++) {
        for (size_t t = 0; t < COUNT_OF(test_targets); t++) {
            if (test_targets[t].group_items > 0 || test_targets[t].streams) continue;
            for (size_t turn = 0; turn < turns; turn++) {
                Fixture f = fixture_create();
                fixture_output(&f, graphs[g](&f));
                const Graph *source = f.module->graph;
                int64_t dims[MAX_RANK], sizes[1] = {3};
                for (int a = 0; a < source->inputs[0]->type.rank; a++)
                    cr_assert(dim_eval(source->inputs[0]->type.dims[a], sizes, &dims[a]));
                Tensor input = tensor_new(f.arena, DT_f32, source->inputs[0]->type.rank, dims);
                Tensor reference;
                fill_noise(&input, 1);
                InterpOptions options = {.symbols = sizes};
                cr_assert(interp_run(source, &input, &reference, f.arena, &options, f.diag));
                Asked asked = {
                    .target = &test_targets[t], .state = seed ? seed + turn : 0, .turn = turn};
                expect_planned(&f, optimized(&f, asked.target), &asked, &input, &reference);
                cr_expect_not_null(asked.key);
                taken += asked.taken;
                arena_destroy(f.arena);
            }
        }
    }
    cr_expect_gt(taken, turns * COUNT_OF(graphs));
}

Test(tuning, plans_of_the_model_agree) {
    expect_all_agree(0, 6);
}

Test(tuning, whatever_fits_agrees) {
    expect_all_agree(4711, 8);
}

Test(tuning, narrow_vectors_have_fma_units_of_their_own) {
    TargetDesc target = {.vector_bits = 512, .fma_ports = 1, .narrow_fma_ports = 2};
    cr_expect_eq(target_fma_ports(&target, 512), 1);
    cr_expect_eq(target_fma_ports(&target, 256), 2);
    cr_expect_eq(target_fma_ports(&target, 32), 2);
    target.narrow_fma_ports = 0;
    cr_expect_eq(target_fma_ports(&target, 256), 1);
    cr_expect_eq(target_fma_ports(&(TargetDesc){0}, 0), 1, "unknown");
}

/* ---- prefetching ----------------------------------------------------------------------------- */

static const char *kernel_text(Fixture *f, const TargetDesc *target) {
    StrBuf text = {0};
    LProgram *program = lower_graph(optimized(f, target), target, f->diag);
    cr_assert_not_null(program, "%s", diag_text(f->diag));
    lprogram_print(program, &text);
    const char *copy = arena_strdup(f->arena, str_text(&text));
    str_free(&text);
    return copy;
}

Test(tuning, results_beyond_the_cache_are_prefetched) {
    Fixture f = fixture_create();
    Value *x = fixture_input(&f, "x", "f32[64, 64]"), *z = fixture_input(&f, "z", "f32[64, 256]");
    Value *y = build2(&f.b, OP_dense, x, fixture_weight(&f, "f32[256, 64]"));
    fixture_output(&f, build2(&f.b, OP_add, y, z));
    TargetDesc target = test_targets[3];
    cr_expect_null(strstr(kernel_text(&f, &target), "prefetch")); /* the cache is unknown */
    target.l2_bytes = 1 << 20;
    cr_expect_null(strstr(kernel_text(&f, &target), "prefetch"));
    target.l2_bytes = 1 << 16;
    const char *text = kernel_text(&f, &target);
    cr_expect_not_null(strstr(text, " prefetch=results\""), "%s", text);
    cr_expect_not_null(strstr(text, "prefetch y["), "%s", text);
    cr_expect_not_null(strstr(text, "prefetch x0["), "%s", text);
    arena_destroy(f.arena);
}

/* ---- keys ------------------------------------------------------------------------------------ */

static const char *key_of(Value *(*make)(Fixture *f), const char *name, Fixture *f) {
    *f = fixture_create();
    f->b.path = name;
    fixture_output(f, make(f));
    Asked asked = {.target = &test_targets[3]};
    PlanSource source = {give_plan, &asked};
    cr_assert_not_null(lower_graph_planned(f->module->graph, asked.target, &source, f->diag));
    return asked.key;
}

Test(tuning, keys_tell_layers_apart_and_nothing_else) {
    Fixture a, b, c;
    const char *one = key_of(product, "network.fc", &a), *same = key_of(product, "other.head", &b);
    cr_expect_str_eq(one, same);
    cr_expect_str_eq(one, "dot f32 m0=N o=19 over i=24 : f32[N, 24][m0, i] * f32[19, 24][o, i] : "
                          "@ f32[N, 19]");
    cr_expect_str_neq(one, key_of(pool, "network.fc", &c));
    arena_destroy(a.arena);
    arena_destroy(b.arena);
    arena_destroy(c.arena);
}
