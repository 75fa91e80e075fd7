/* Layouts: text, legality, sizes, and positions against a tensor that is laid out step by step. */
#include "ir/layout.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void expect_print(LayoutRef layout, int rank, const char *expected) {
    StrBuf s = {0};
    layout_print(layout, rank, &s);
    cr_assert_str_eq(str_text(&s), expected);
    str_free(&s);
}

static Layout parse(const char *text, int rank) {
    Layout layout;
    const char *p = text;
    cr_assert(layout_parse(&p, rank, &layout), "'%s' does not parse at '%s'", text, p);
    cr_assert_eq(*p, '\0', "'%s' ends at '%s'", text, p);
    return layout;
}

static void expect_text(const char *text, int rank, const char *expected) {
    Layout layout = parse(text, rank);
    expect_print(&layout, rank, expected);
    Layout again = parse(expected, rank);
    cr_assert_eq(memcmp(&layout, &again, sizeof(layout)), 0);
}

Test(layout, text_round_trips) {
    expect_text("split(1,16)", 2, "split(1,16)");
    expect_text("pad(0,1,2) split( 1 , 16 ) permute(0,2,1)", 2,
                "pad(0,1,2) split(1,16) permute(0,2,1)");
    expect_text("split(1,16) permute(0,1,3,4,2)", 4, "NCHW16c");
    expect_text("permute(0,2,3,1)", 4, "NHWC");
    expect_text("NHWC", 4, "NHWC");
    expect_text("NCHW8c", 4, "NCHW8c");
    expect_text("NCW4c", 3, "NCW4c");
    expect_text("NDHWC", 5, "NDHWC");
    expect_print(NULL, 4, "");
}

Test(layout, parsing_stops_at_the_brace) {
    const char *text = "split(0,4) permute(1,0)} rest";
    Layout layout;
    cr_assert(layout_parse(&text, 1, &layout));
    cr_assert_str_eq(text, "} rest");
    text = "NCHW16c}";
    cr_assert(layout_parse(&text, 4, &layout));
    cr_assert_str_eq(text, "}");
}

Test(layout, malformed_text_is_refused) {
    static const char *const bad[] = {"",
                                      "split",
                                      "split(1)",
                                      "split(1,2,3)",
                                      "split(2,4)",
                                      "split(0,0)",
                                      "pad(0,1)",
                                      "permute(0,0)",
                                      "permute(0)",
                                      "permute(0,1,2)",
                                      "split(0,4",
                                      "NHWC",
                                      "NCHW16c",
                                      "splits(0,4)",
                                      "split(-1,4)",
                                      "pad(0,1,-1)",
                                      "split(0,99999999999999999999)",
                                      "permute(0,4294967297)",
                                      "split(4294967296,4)"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *p = bad[i];
        Layout layout;
        cr_assert_not(layout_parse(&p, 2, &layout), "'%s'", bad[i]);
    }
    static const char *const bad_images[] = {"NCHW0c",   "NCHW16", "NCHW",
                                             "NCHW16cc", "NHWCx",  "NCHWc"};
    for (size_t i = 0; i < COUNT_OF(bad_images); i++) {
        const char *p = bad_images[i];
        Layout layout;
        cr_assert_not(layout_parse(&p, 4, &layout), "'%s'", bad_images[i]);
    }
}

Test(layout, too_many_steps_or_axes_are_refused) {
    const char *p = "split(0,2) split(0,2) split(0,2) split(0,2) split(0,2)";
    Layout layout;
    cr_assert_not(layout_parse(&p, 8, &layout));
    p = "pad(0,1,1) pad(0,1,1) pad(0,1,1) pad(0,1,1) pad(0,1,1) pad(0,1,1) pad(0,1,1) pad(0,1,1) "
        "pad(0,1,1)";
    cr_assert_not(layout_parse(&p, 1, &layout));
}

Test(layout, blocked) {
    Layout layout = layout_blocked(4, 1, 16);
    expect_print(&layout, 4, "NCHW16c");
    cr_assert(layout_valid(&layout, 4) && !layout_valid(&layout, 3));
    layout = layout_blocked(2, 0, 8);
    expect_print(&layout, 2, "split(0,8) permute(0,2,1)");
    layout = layout_blocked(2, 1, 8);
    expect_print(&layout, 2, "split(1,8)");
    cr_assert(layout_valid(NULL, 4));
}

Test(layout, symbolic_sizes) {
    Arena *arena = arena_create();
    DimContext *ctx = dim_context_create(arena);
    Dim n = dim_symbol(ctx, "N"), c = dim_int(ctx, 20), h = dim_symbol(ctx, "H");
    Dim dims[] = {n, c, h, dim_int(ctx, 7)}, physical[MAX_AXES];
    Layout layout = parse("pad(2,1,1) split(1,16) permute(0,1,3,4,2)", 4);
    cr_assert_eq(layout_physical_dims(ctx, &layout, 4, dims, physical), 5);
    cr_assert(physical[0] == n);
    cr_assert(dim_is(physical[1], 2));
    cr_assert(physical[2] == dim_add(ctx, h, dim_int(ctx, 2)));
    cr_assert(dim_is(physical[3], 7) && dim_is(physical[4], 16));
    cr_assert_eq(layout_physical_dims(ctx, NULL, 4, dims, physical), 4);
    cr_assert(memcmp(dims, physical, sizeof(dims)) == 0);
    cr_assert_eq(layout_physical_dims(ctx, NULL, 0, NULL, physical), 0);
    dims[2] = dim_int(ctx, INT64_MAX);
    cr_assert_eq(layout_physical_dims(ctx, &layout, 4, dims, physical), -1);
    arena_destroy(arena);
}

Test(layout, offset_of_a_scalar_is_zero) {
    cr_assert_eq(layout_offset(NULL, 0, NULL, NULL), 0);
}

Test(layout, nchw16c_is_the_usual_formula) {
    Layout layout = layout_blocked(4, 1, 16);
    const int64_t dims[] = {2, 20, 3, 5};
    for (int64_t n = 0; n < 2; n++)
        for (int64_t c = 0; c < 20; c++)
            for (int64_t h = 0; h < 3; h++)
                for (int64_t w = 0; w < 5; w++) {
                    int64_t index[] = {n, c, h, w};
                    int64_t expected = (((n * 2 + c / 16) * 3 + h) * 5 + w) * 16 + c % 16;
                    cr_assert_eq(layout_offset(&layout, 4, dims, index), expected);
                }
}

/* A tensor moved in memory, one step after another: what each axis's size is now, and which element
 * (-1: padding) stands at each place. Slow, and unlike the index arithmetic under test it goes from
 * places to elements. */
typedef struct Moved {
    int naxes;
    int64_t sizes[MAX_AXES], count;
    int64_t *element;
} Moved;

static void unflatten(const Moved *m, int64_t place, int64_t *index) {
    for (int i = m->naxes; i-- > 0; place /= m->sizes[i]) index[i] = place % m->sizes[i];
}

static int64_t flatten(const Moved *m, const int64_t *index) {
    int64_t place = 0;
    for (int i = 0; i < m->naxes; i++) {
        if (index[i] < 0 || index[i] >= m->sizes[i]) return -1;
        place = place * m->sizes[i] + index[i];
    }
    return place;
}

static Moved moved_by(const Moved *old, const LayoutStep *step) {
    Moved m = *old;
    int axis = step->axis;
    if (step->kind == LAYOUT_PAD) m.sizes[axis] += step->lo + step->hi;
    if (step->kind == LAYOUT_SPLIT) {
        for (int i = m.naxes++; i > axis; i--) m.sizes[i] = old->sizes[i - 1];
        m.sizes[axis + 1] = step->factor;
        m.sizes[axis] = ceil_div(old->sizes[axis], step->factor);
    }
    if (step->kind == LAYOUT_PERMUTE)
        for (int i = 0; i < m.naxes; i++) m.sizes[i] = old->sizes[step->order[i]];
    m.count = 1;
    for (int i = 0; i < m.naxes; i++) m.count *= m.sizes[i];
    m.element = calloc((size_t)m.count, sizeof(int64_t));
    for (int64_t place = 0; place < m.count; place++) {
        int64_t to[MAX_AXES], from[MAX_AXES];
        unflatten(&m, place, to);
        memcpy(from, to, sizeof(from));
        if (step->kind == LAYOUT_PAD) from[axis] -= step->lo;
        if (step->kind == LAYOUT_SPLIT) {
            from[axis] = to[axis] * step->factor + to[axis + 1];
            for (int i = axis + 1; i < old->naxes; i++) from[i] = to[i + 1];
        }
        if (step->kind == LAYOUT_PERMUTE)
            for (int i = 0; i < m.naxes; i++) from[step->order[i]] = to[i];
        int64_t source = flatten(old, from);
        m.element[place] = source < 0 ? -1 : old->element[source];
    }
    free(old->element);
    return m;
}

static void check_offsets(const char *text, int rank, const int64_t *dims) {
    Layout layout = parse(text, rank);
    Moved m = {.naxes = rank, .count = 1};
    for (int i = 0; i < rank; i++) m.count *= m.sizes[i] = dims[i];
    Moved logical = m;
    m.element = calloc((size_t)m.count, sizeof(int64_t));
    for (int64_t i = 0; i < m.count; i++) m.element[i] = i;
    for (int i = 0; i < layout.nsteps; i++) m = moved_by(&m, &layout.steps[i]);
    int64_t found = 0;
    for (int64_t place = 0; place < m.count; place++) {
        if (m.element[place] < 0) continue;
        int64_t index[MAX_AXES];
        unflatten(&logical, m.element[place], index);
        cr_assert_eq(layout_offset(&layout, rank, dims, index), place, "%s", text);
        found++;
    }
    cr_assert_eq(found, logical.count);
    free(m.element);
}

Test(layout, offsets_follow_the_steps) {
    const int64_t image[] = {2, 5, 3, 4}, matrix[] = {7, 10}, line[] = {9};
    check_offsets("NHWC", 4, image);
    check_offsets("NCHW2c", 4, image);
    check_offsets("pad(2,1,2) pad(3,0,1) split(1,3) permute(0,1,3,4,2)", 4, image);
    check_offsets("split(0,4) split(2,8) permute(2,0,3,1)", 2, matrix);
    check_offsets("split(1,3) split(0,2) permute(3,1,2,0) pad(1,2,1)", 2, matrix);
    check_offsets("split(0,16)", 1, line);
    check_offsets("split(0,2) split(1,2) split(0,3) permute(3,2,0,1)", 1, line);
    check_offsets("permute(1,0)", 2, matrix);
}

Test(layout, index_outside_is_a_defect, .exit_code = EXIT_DEFECT) {
    const int64_t dims[] = {3}, index[] = {3};
    layout_offset(NULL, 1, dims, index);
}
