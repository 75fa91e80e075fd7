/* Convolutions by Winograd's method agree with the reference, whatever the shape; their plans. */
#include "codegen/lower/winograd_transform.h"
#include "codegen/schedule/plan_winograd.h"
#include "tests/unit/lower_fixture.h"

static const int64_t no_symbols[1] = {0};

static Value *conv(Fixture *f, Value *x, const char *weight, int pad, int m) {
    Value *xs[2] = {x, fixture_weight(f, weight)};
    const int64_t pads[] = {pad, pad, pad, pad};
    Attr attrs[] = {attr_ints("pad", 4, pads), attr_int("winograd", m)};
    return build_value(&f->b, OP_conv2d, 2, xs, (int)COUNT_OF(attrs), attrs);
}

/* Ends and begins with products of single points, as layouts in blocks need others around them. */
static const struct Shape {
    const char *x, *first, *second, *last;
    int pad, m;
} shapes[] = {
    {"f32[1, 3, 6, 6]", "f32[16, 3, 1, 1]", "f32[16, 16, 3, 3]", "f32[5, 16, 1, 1]", 1, 4},
    {"f32[1, 3, 7, 5]", "f32[32, 3, 1, 1]", "f32[16, 32, 3, 3]", "f32[5, 16, 1, 1]", 0, 4},
    {"f32[2, 3, 5, 9]", "f32[16, 3, 1, 1]", "f32[48, 16, 3, 3]", "f32[5, 48, 1, 1]", 1, 4},
    {"f32[N, 3, 4, 4]", "f32[16, 3, 1, 1]", "f32[32, 16, 3, 3]", "f32[5, 32, 1, 1]", 1, 4},
    {"f32[1, 3, 5, 7]", "f32[16, 3, 1, 1]", "f32[16, 16, 3, 3]", "f32[5, 16, 1, 1]", 1, 2},
    {"f32[3, 3, 3, 3]", "f32[32, 3, 1, 1]", "f32[32, 32, 3, 3]", "f32[5, 32, 1, 1]", 2, 2},
};

Test(winograd, agrees_with_the_sum) {
    for (size_t i = 0; i < COUNT_OF(shapes); i++) {
        static const int64_t sizes[] = {1, 0, 3};
        Fixture f = fixture_create();
        Value *x = fixture_input(&f, "x", shapes[i].x);
        x = build1(&f.b, OP_relu, conv(&f, x, shapes[i].first, 0, 0));
        x = conv(&f, x, shapes[i].second, shapes[i].pad, shapes[i].m);
        x = build2(&f.b, OP_add, build1(&f.b, OP_relu, x), x);
        fixture_output(&f, conv(&f, x, shapes[i].last, 0, 0));
        for (size_t n = 0; n < (dim_symbol_count(f.module->dims) ? COUNT_OF(sizes) : 1); n++)
            expect_agreement(&f, dim_symbol_count(f.module->dims) ? &sizes[n] : no_symbols);
        arena_destroy(f.arena);
    }
}

/* ---- the transforms -------------------------------------------------------------------------- */

static void line(const Transform *t, const double *x, double *y) {
    double values[WINOGRAD_MOST + COUNT_OF(t->steps)];
    for (int i = 0; i < t->inputs; i++) values[i] = x[i];
    for (int i = 0; i < t->nsteps; i++) {
        const TransformStep *s = &t->steps[i];
        values[t->inputs + i] = s->coefficient * values[s->x] + (s->y < 0 ? 0 : values[s->y]);
    }
    for (int i = 0; i < t->outputs; i++) y[i] = values[t->results[i]];
}

/* y[i] = sum over k of d[i + k] g[k], for every d and g that have a single 1. */
Test(winograd, transforms_are_exact_along_an_axis) {
    for (int m = 2; m <= 4; m += 2) {
        const WinogradTransforms *w = winograd_transforms(m);
        for (int d = 0; d < m + 2; d++) {
            for (int g = 0; g < WINOGRAD_KERNEL; g++) {
                double image[WINOGRAD_MOST] = {0}, kernel[WINOGRAD_MOST] = {0};
                double v[WINOGRAD_MOST], u[WINOGRAD_MOST], y[WINOGRAD_MOST];
                image[d] = kernel[g] = 1;
                line(&w->image, image, v);
                line(&w->weight, kernel, u);
                for (int i = 0; i < m + 2; i++) v[i] *= u[i];
                line(&w->result, v, y);
                for (int i = 0; i < m; i++)
                    cr_expect_float_eq(y[i], i + g == d ? 1 : 0, 1e-14, "m %d, d %d, g %d, y %d", m,
                                       d, g, i);
            }
        }
    }
}

/* ---- plans ----------------------------------------------------------------------------------- */

Test(winograd, plans_fit_registers_and_caches) {
    static const int64_t sizes[] = {1, 2, 5, 7, 14, 56, 224}, channels[] = {16, 32, 48, 512, 1024};
    for (size_t t = 1; t < 4; t++) {
        TargetDesc target = test_targets[t];
        target.l2_bytes = 512 << 10;
        for (size_t s = 0; s < COUNT_OF(sizes); s++) {
            for (size_t c = 0; c < COUNT_OF(channels); c++) {
                WinogradShape shape = {1, sizes[s], sizes[s], channels[c], channels[4 - c]};
                WinogradPlan p;
                cr_assert(winograd_plan(&shape, 4, &target, &p));
                cr_expect_eq(p.tiles % p.rows, 0);
                cr_expect_eq(shape.channels % p.channels, 0);
                cr_expect_eq(shape.filters % (p.lanes * p.vectors * p.groups), 0);
                cr_expect_leq((p.rows + 1) * p.vectors + 1, target.vector_registers);
            }
        }
    }
}

Test(winograd, a_cache_too_small_has_no_plan) {
    TargetDesc target = test_targets[3];
    WinogradShape shape = {1, 56, 56, 64, 64};
    WinogradPlan plan;
    target.l2_bytes = 1024;
    cr_expect_not(winograd_plan(&shape, 4, &target, &plan));
}

/* ---- the choice ------------------------------------------------------------------------------ */

static int64_t chosen_for(const TargetDesc *target, bool bf16, const char *x, const char *weight,
                          int stride, bool fast) {
    Fixture f = fixture_create();
    Value *xs[2] = {fixture_input(&f, "x", x), fixture_weight(&f, weight)};
    const int64_t strides[] = {stride, stride};
    Value *y = build_value(&f.b, OP_conv2d, 2, xs, 1, (Attr[]){attr_ints("stride", 2, strides)});
    fixture_output(&f, y);
    const Pass *pass = pass_find("choose-winograd");
    PassContext context = {.module = f.module,
                           .target = target,
                           .options = {.fp_fast = fast, .bf16 = bf16},
                           .diag = f.diag,
                           .scratch = f.arena};
    cr_assert(passes_run(&context, f.module->graph, &pass, 1, NULL));
    int64_t m = node_int(f.module->graph->outputs[0]->def, "winograd");
    arena_destroy(f.arena);
    return m;
}

static int64_t chosen(const char *x, const char *weight, int stride, bool fast) {
    return chosen_for(&test_targets[3], false, x, weight, stride, fast);
}

Test(winograd, has_to_beat_dot_instructions) {
    TargetDesc target = test_targets[3];
    static const char image[] = "f32[1, 64, 58, 58]", weight[] = "f32[64, 64, 3, 3]";
    cr_expect_eq(chosen_for(&target, true, image, weight, 1, true), 4, "there are none");
    target.bf16_dot = true;
    cr_expect_eq(chosen_for(&target, true, image, weight, 1, true), 4);
    cr_expect_eq(chosen_for(&target, true, "f32[1, 512, 9, 9]", "f32[512, 512, 3, 3]", 1, true), 0);
    cr_expect_eq(chosen_for(&target, false, "f32[1, 512, 9, 9]", "f32[512, 512, 3, 3]", 1, true),
                 4);
    cr_expect_eq(chosen_for(&target, true, "f32[1, 16, 34, 34]", "f32[16, 16, 3, 3]", 1, true), 4,
                 "dots wait for their loads");
    target.amx_bf16 = true;
    cr_expect_eq(chosen_for(&target, true, image, weight, 1, true), 0);
}

Test(winograd, is_chosen_where_it_takes_less) {
    cr_expect_eq(chosen("f32[1, 64, 58, 58]", "f32[64, 64, 3, 3]", 1, true), 4);
    cr_expect_eq(chosen("f32[1, 64, 58, 58]", "f32[64, 64, 3, 3]", 1, false), 0, "needs fp=fast");
    cr_expect_eq(chosen("f32[1, 64, 58, 58]", "f32[64, 64, 3, 3]", 2, true), 0);
    cr_expect_eq(chosen("f32[1, 64, 58, 58]", "f32[64, 64, 5, 5]", 1, true), 0);
    cr_expect_eq(chosen("f32[1, 3, 58, 58]", "f32[64, 3, 3, 3]", 1, true), 0, "3 channels");
    cr_expect_eq(chosen("f32[1, 64, 3, 3]", "f32[64, 64, 3, 3]", 1, true), 0, "a single result");
}
