/* Dimensions: canonical form, decisions, text; random polynomials against their evaluation. */
#include "ir/dim.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct Fixture {
    Arena *arena;
    DimContext *ctx;
    uint64_t random;
} Fixture;

static Fixture fixture(uint64_t seed) {
    Arena *arena = arena_create();
    return (Fixture){arena, dim_context_create(arena), seed};
}

static Dim parse(Fixture *f, const char *text) {
    const char *p = text;
    Dim d = dim_parse(f->ctx, &p, true);
    cr_assert_not_null(d, "'%s' does not parse at '%s'", text, p);
    cr_assert_eq(*p, '\0', "'%s' ends at '%s'", text, p);
    return d;
}

static void expect(Fixture *f, const char *text, const char *canonical) {
    cr_assert_str_eq(dim_text(f->ctx, f->arena, parse(f, text)), canonical);
}

static void expect_null(Fixture *f, const char *text) {
    const char *p = text;
    cr_assert_null(dim_parse(f->ctx, &p, true), "'%s' parses", text);
}

/* ---- canonical form ---- */

Test(dim, polynomials_print_in_canonical_order) {
    Fixture f = fixture(0);
    expect(&f, "0", "0");
    expect(&f, "2 + T*N*4", "4*N*T + 2");
    expect(&f, "-N + 3 - 2", "-N + 1");
    expect(&f, "N - N", "0");
    expect(&f, "(N + T)*(N - T)", "N*N - T*T");
    expect(&f, "C + N*N + T*N + B*T", "B*T + N*N + N*T + C");
    expect(&f, "1*N*1", "N");
    arena_destroy(f.arena);
}

/* Symbols made in another order give the same text. */
Test(dim, order_does_not_depend_on_what_came_first) {
    Fixture f = fixture(0), g = fixture(0);
    parse(&g, "T + N + A");
    const char *text = "max(T, N)*A + floordiv(N, T) + mod(A, 3) + T + N + A";
    cr_assert_str_eq(dim_text(f.ctx, f.arena, parse(&f, text)),
                     dim_text(g.ctx, g.arena, parse(&g, text)));
    arena_destroy(f.arena);
    arena_destroy(g.arena);
}

Test(dim, floordiv_and_mod_simplify) {
    Fixture f = fixture(0);
    expect(&f, "floordiv(4*N + 2, 4)", "N");
    expect(&f, "floordiv(H - 3, 2) + 1", "floordiv(H + 1, 2) - 1");
    expect(&f, "floordiv(5*N, 4)", "N + floordiv(N, 4)");
    expect(&f, "floordiv(-N, 2)", "-N + floordiv(N, 2)");
    expect(&f, "floordiv(4*N + 2, 8)", "floordiv(N, 2)");
    expect(&f, "floordiv(floordiv(N + 3, 2) + T, 5)", "floordiv(N + 2*T + 3, 10)");
    expect(&f, "floordiv(mod(N, 4) + 8, 4)", "2");
    expect(&f, "floordiv(7, 2)", "3");
    expect(&f, "floordiv(0 - 7, 2)", "-4");
    expect(&f, "floordiv(N*T*4 + 2*T, 2*T)", "2*N + 1");
    expect(&f, "floordiv(N*N - T*T, N - T)", "N + T");
    expect(&f, "floordiv(T, T + 1)", "0");
    expect(&f, "floordiv(N + T - 1, T)", "floordiv(N - 1, T) + 1");
    expect(&f, "mod(4*N + 2, 4)", "2");
    expect(&f, "mod(5*N - 1, 4)", "mod(N + 3, 4)");
    expect(&f, "mod(4*N + 6, 8)", "4*mod(N + 1, 2) + 2");
    expect(&f, "mod(mod(N, 12) + 1, 4)", "mod(N + 1, 4)");
    expect(&f, "mod(mod(N, 4), 12)", "mod(N, 4)");
    expect(&f, "mod(N*T, T)", "0");
    expect(&f, "mod(N*T + 1, T)", "mod(1, T)");
    expect(&f, "mod(T, T + 1)", "T");
    arena_destroy(f.arena);
}

Test(dim, min_and_max_simplify) {
    Fixture f = fixture(0);
    expect(&f, "max(4, N)", "max(N, 4)");
    expect(&f, "max(N, 0)", "N");
    expect(&f, "max(N, N + 1)", "N + 1");
    expect(&f, "min(2*N, 4*N)", "2*N");
    expect(&f, "max(4*N, 8)", "4*max(N, 2)");
    expect(&f, "max(N + T, 2*T) - T", "max(N, T)");
    expect(&f, "max(N - 3, 0)", "max(N, 3) - 3");
    expect(&f, "min(N, floordiv(N, 2))", "floordiv(N, 2)");
    expect(&f, "max(max(N, T) + 2, N)", "max(N, T) + 2");
    expect(&f, "max(mod(N, T), T)", "T");
    expect(&f, "max(N, 16*floordiv(N + 15, 16))", "16*floordiv(N + 15, 16)");
    expect(&f, "min(3, 5)", "3");
    arena_destroy(f.arena);
}

Test(dim, equal_sizes_are_one_pointer) {
    Fixture f = fixture(0);
    Dim n = dim_symbol(f.ctx, "N"), two = dim_int(f.ctx, 2);
    cr_assert(dim_symbol(f.ctx, "N") == n);
    /* A 3x3 window with padding 1 and a 1x1 window, both with stride 2. */
    Dim padded = dim_floordiv(f.ctx, dim_add(f.ctx, n, dim_int(f.ctx, -1)), two);
    padded = dim_add(f.ctx, padded, dim_int(f.ctx, 1));
    cr_assert(padded == dim_ceildiv(f.ctx, n, two));
    cr_assert(dim_mul(f.ctx, n, two) == dim_add(f.ctx, n, n));
    cr_assert(dim_ceildiv(f.ctx, dim_mul(f.ctx, n, n), n) == n);
    arena_destroy(f.arena);
}

Test(dim, exact_division) {
    Fixture f = fixture(0);
    Dim zero = dim_int(f.ctx, 0);
    cr_assert(dim_divide_exact(f.ctx, parse(&f, "6*N*T + 3*T"), parse(&f, "3*T")) ==
              parse(&f, "2*N + 1"));
    cr_assert_null(dim_divide_exact(f.ctx, parse(&f, "3*N"), parse(&f, "2")));
    cr_assert_null(dim_divide_exact(f.ctx, parse(&f, "N + 1"), parse(&f, "N")));
    cr_assert_null(dim_divide_exact(f.ctx, parse(&f, "N"), zero));
    cr_assert(dim_divide_exact(f.ctx, zero, parse(&f, "N")) == zero);
    arena_destroy(f.arena);
}

Test(dim, primitive_part) {
    Fixture f = fixture(0);
    int64_t content;
    cr_assert(dim_primitive(f.ctx, parse(&f, "6*N - 4"), &content) == parse(&f, "3*N - 2"));
    cr_assert_eq(content, 2);
    cr_assert(dim_is(dim_primitive(f.ctx, parse(&f, "0"), &content), 0));
    cr_assert_eq(content, 0);
    arena_destroy(f.arena);
}

/* ---- limits ---- */

Test(dim, what_does_not_fit_is_null) {
    Fixture f = fixture(0);
    expect_null(&f, "9223372036854775807 + 1");
    expect_null(&f, "9223372036854775808");
    expect_null(&f, "9223372036854775807*N*2");
    expect_null(&f, "0 - 9223372036854775807 - 1");
    expect_null(&f, "floordiv(N, 0)");
    expect_null(&f, "mod(N, 0 - 2)");
    cr_assert_null(dim_int(f.ctx, INT64_MIN));
    cr_assert_null(dim_add(f.ctx, NULL, dim_int(f.ctx, 1)));
    cr_assert_null(dim_mul(f.ctx, dim_int(f.ctx, 1), NULL));
    cr_assert_null(dim_max(f.ctx, NULL, NULL));
    cr_assert_null(dim_bind(f.ctx, parse(&f, "floordiv(9, N)"), dim_symbol_find(f.ctx, "N"), 0));
    arena_destroy(f.arena);
}

Test(dim, growth_is_bounded) {
    Fixture f = fixture(0);
    Dim sum = dim_int(f.ctx, 0);
    int terms = 0;
    for (; sum && terms < 100; terms++)
        sum = dim_add(f.ctx, sum, dim_symbol(f.ctx, arena_printf(f.arena, "s%d", terms)));
    cr_assert_eq(terms, 65);
    Dim power = dim_symbol(f.ctx, "N");
    int doublings = 0;
    for (; power && doublings < 100; doublings++) power = dim_mul(f.ctx, power, power);
    cr_assert_eq(doublings, 7);
    /* Each step names its operand twice: without a bound the text would double every time. */
    Dim nest = dim_symbol(f.ctx, "N");
    int steps = 0;
    for (; nest && steps < 100; steps++)
        nest = dim_floordiv(f.ctx, dim_mul(f.ctx, nest, dim_symbol(f.ctx, "T")),
                            dim_add(f.ctx, nest, dim_int(f.ctx, 3)));
    cr_assert(steps < 100);
    arena_destroy(f.arena);
}

Test(dim, hostile_nesting_is_refused) {
    Fixture f = fixture(0);
    StrBuf text = {0};
    for (int i = 0; i < 200000; i++) str_putc(&text, '(');
    expect_null(&f, str_text(&text));
    str_free(&text);
    for (int i = 0; i < 200000; i++) str_append(&text, "max(N,");
    expect_null(&f, str_text(&text));
    str_free(&text);
    arena_destroy(f.arena);
}

/* ---- text ---- */

Test(dim, parsing_stops_where_the_text_ends) {
    Fixture f = fixture(0);
    const char *text = "N*2 + 1 ] rest";
    cr_assert(dim_parse(f.ctx, &text, true) == parse(&f, "2*N + 1"));
    cr_assert_str_eq(text, " ] rest");
    text = "N -> M";
    cr_assert(dim_parse(f.ctx, &text, true) == parse(&f, "N"));
    cr_assert_str_eq(text, " -> M");
    text = "unknown + 1";
    cr_assert_null(dim_parse(f.ctx, &text, false));
    cr_assert_eq(dim_symbol_find(f.ctx, "unknown"), -1);
    text = "max + 1"; /* not called: a symbol like any other */
    cr_assert_not_null(dim_parse(f.ctx, &text, true));
    arena_destroy(f.arena);
}

Test(dim, malformed_text_is_null) {
    Fixture f = fixture(0);
    static const char *const bad[] = {
        "",   "+",  "N +", "N *",  "max(N)", "max(N, 2", "(N",      "f(N, 2)", "max(N, 2,",
        "3N", "- ", "* N", "max(", "N + *",  "N + )",    "max(,3)", "min 3 (", "--N"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *p = bad[i];
        Dim d = dim_parse(f.ctx, &p, true);
        /* "min 3 (" is the symbol min, and the rest is another's. */
        cr_assert((d != NULL) == (strcmp(bad[i], "min 3 (") == 0), "'%s'", bad[i]);
    }
    arena_destroy(f.arena);
}

/* ---- decisions ---- */

static int le(Fixture *f, const char *a, const char *b) {
    return dim_le(f->ctx, parse(f, a), parse(f, b));
}

Test(dim, order_is_decided_where_it_can_be) {
    Fixture f = fixture(0);
    cr_assert_eq(le(&f, "3", "4"), 1);
    cr_assert_eq(le(&f, "4", "3"), 0);
    cr_assert_eq(le(&f, "N", "N"), 1);
    cr_assert_eq(le(&f, "N", "2*N + T*N"), 1);
    cr_assert_eq(le(&f, "N + 1", "N"), 0);
    cr_assert_eq(le(&f, "N", "3"), -1);
    cr_assert_eq(le(&f, "N", "T"), -1);
    cr_assert_eq(le(&f, "0 - 1", "N"), 1);
    cr_assert_eq(le(&f, "N", "0 - 1"), 0);
    cr_assert_eq(le(&f, "mod(N, 4)", "3"), 1);
    cr_assert_eq(le(&f, "4", "mod(N, 4)"), 0);
    cr_assert_eq(le(&f, "mod(N, 4)", "N"), 1);
    cr_assert_eq(le(&f, "floordiv(N, 2)", "N"), 1);
    cr_assert_eq(le(&f, "T*floordiv(N, 2)", "T*N"), 1);
    cr_assert_eq(le(&f, "floordiv(N, T)", "N"), 1);
    cr_assert_eq(le(&f, "N", "16*floordiv(N + 15, 16)"), 1);
    cr_assert_eq(le(&f, "16*floordiv(N, 16)", "N"), 1);
    cr_assert_eq(le(&f, "N", "16*floordiv(N, 16)"), -1);
    cr_assert_eq(le(&f, "min(N, T)", "max(N, T)"), 1);
    cr_assert_eq(le(&f, "N + T", "2*max(N, T)"), -1); /* true, but needs both cases at once */
    cr_assert_eq(le(&f, "max(N, T)", "N + T"), 1);
    /* The factor before max may be negative: N = 0, T = 9. */
    cr_assert_eq(le(&f, "floordiv(N - 5, T)*N", "floordiv(N - 5, T)*max(N, T)"), -1);
    cr_assert_eq(le(&f, "N", "min(N + 1, N + T)"), 1);
    cr_assert_eq(le(&f, "max(N, 3) - 3", "N"), 1);
    cr_assert_eq(le(&f, "0 - 9223372036854775807", "N + 9223372036854775807"), -1);
    arena_destroy(f.arena);
}

Test(dim, ranges) {
    Fixture f = fixture(0);
    int64_t least, greatest;
    dim_range(parse(&f, "N + 3"), &least, &greatest);
    cr_assert(least == 3 && greatest == INT64_MAX);
    dim_range(parse(&f, "2 - 3*mod(N, 5)"), &least, &greatest);
    cr_assert(least == -10 && greatest == 2);
    dim_range(parse(&f, "min(N, 4) + max(0 - T, 0 - 2)"), &least, &greatest);
    cr_assert(greatest >= 4 && least <= -2);
    dim_range(parse(&f, "N - T"), &least, &greatest);
    cr_assert(least == INT64_MIN && greatest == INT64_MAX);
    arena_destroy(f.arena);
}

Test(dim, bind_and_eval) {
    Fixture f = fixture(0);
    Dim d = parse(&f, "floordiv(H + 1, 2)*N + max(N, 4)");
    int h = dim_symbol_find(f.ctx, "H"), n = dim_symbol_find(f.ctx, "N");
    cr_assert(dim_bind(f.ctx, d, h, 224) == parse(&f, "112*N + max(N, 4)"));
    cr_assert(dim_is(dim_bind(f.ctx, dim_bind(f.ctx, d, h, 224), n, 2), 228));
    int64_t symbols[2] = {0}, value;
    symbols[h] = 224;
    symbols[n] = 2;
    cr_assert(dim_eval(d, symbols, &value) && value == 228);
    symbols[n] = INT64_MAX;
    cr_assert_not(dim_eval(d, symbols, &value));
    symbols[h] = 0;
    cr_assert_not(dim_eval(parse(&f, "floordiv(7, H)"), symbols, &value));
    arena_destroy(f.arena);
}

/* ---- random expressions ---- */

static const char *const names[] = {"N", "T", "H"};

static uint64_t draw(Fixture *f, uint64_t below) {
    f->random = hash_bytes(&f->random, sizeof(f->random), 1);
    return (f->random >> 20) % below;
}

/* A random expression, built twice over: as a Dim, and as its values at three points, computed
 * beside it. */
typedef struct Sample {
    Dim d;
    int64_t at[3];
    bool defined; /* no division by a value that is not positive */
} Sample;

static const int64_t points[3][3] = {{0, 5, 224}, {7, 1, 13}, {1000, 64, 3}};

static int64_t apply(int operation, int64_t a, int64_t b) {
    switch (operation) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return floor_div(a, b);
    case 4: return floor_mod(a, b);
    case 5: return a < b ? a : b;
    case 6: return a > b ? a : b;
    default: return ceil_div(a, b);
    }
}

static Sample random_leaf(Fixture *f) {
    Sample s = {.defined = true};
    if (draw(f, 3) == 0) {
        int64_t value = (int64_t)draw(f, 13) - 4;
        s.d = dim_int(f->ctx, value);
        for (int i = 0; i < 3; i++) s.at[i] = value;
    } else {
        int symbol = (int)draw(f, 3);
        s.d = dim_symbol(f->ctx, names[symbol]);
        for (int i = 0; i < 3; i++) s.at[i] = points[i][symbol];
    }
    return s;
}

static Sample random_dim(Fixture *f, int depth) {
    if (depth == 0 || draw(f, 5) == 0) return random_leaf(f);
    static Dim (*const build[])(DimContext *, Dim, Dim) = {dim_add, dim_sub, dim_mul, dim_floordiv,
                                                           dim_mod, dim_min, dim_max, dim_ceildiv};
    int operation = (int)draw(f, COUNT_OF(build));
    Sample a = random_dim(f, depth - 1), b = random_dim(f, depth - 1), s;
    bool divides = operation == 3 || operation == 4 || operation == 7;
    if (divides && draw(f, 3) > 0) { /* mostly by constants, as sizes are */
        int64_t divisor = (int64_t)draw(f, 9) + 1;
        b = (Sample){dim_int(f->ctx, divisor), {divisor, divisor, divisor}, true};
    }
    s.d = build[operation](f->ctx, a.d, b.d);
    s.defined = a.defined && b.defined;
    for (int i = 0; i < 3; i++) {
        if (divides && b.at[i] <= 0) s.defined = false;
        if (s.defined) s.at[i] = apply(operation, a.at[i], b.at[i]);
    }
    return s;
}

static Fixture with_names(uint64_t seed) {
    Fixture f = fixture(seed);
    for (int i = 0; i < 3; i++) dim_symbol(f.ctx, names[i]);
    return f;
}

Test(dim_random, simplification_keeps_the_value) {
    Fixture f = with_names(11);
    int checked = 0;
    for (int i = 0; i < 30000; i++) {
        Sample s = random_dim(&f, 3);
        if (!s.d || !s.defined) continue;
        for (int p = 0; p < 3; p++) {
            int64_t value, least, greatest;
            if (!dim_eval(s.d, points[p], &value)) continue;
            cr_assert_eq(value, s.at[p], "%s at point %d", dim_text(f.ctx, f.arena, s.d), p);
            dim_range(s.d, &least, &greatest);
            cr_assert(least <= value && value <= greatest, "%s", dim_text(f.ctx, f.arena, s.d));
            checked++;
        }
    }
    cr_assert(checked > 50000);
    arena_destroy(f.arena);
}

Test(dim_random, text_reads_back_as_the_same_pointer) {
    Fixture f = with_names(22);
    for (int i = 0; i < 30000; i++) {
        Dim d = random_dim(&f, 4).d;
        if (!d) continue;
        const char *text = dim_text(f.ctx, f.arena, d);
        cr_assert(parse(&f, text) == d, "%s became %s", text,
                  dim_text(f.ctx, f.arena, parse(&f, text)));
    }
    arena_destroy(f.arena);
}

Test(dim_random, decisions_are_right) {
    Fixture f = with_names(33);
    int decided = 0;
    for (int i = 0; i < 20000; i++) {
        Sample a = random_dim(&f, 2), b = random_dim(&f, 2);
        if (!a.d || !b.d || !a.defined || !b.defined) continue;
        int order = dim_le(f.ctx, a.d, b.d);
        decided += order >= 0;
        for (int p = 0; p < 3 && order >= 0; p++)
            cr_assert_eq(order, a.at[p] <= b.at[p], "%s <= %s", dim_text(f.ctx, f.arena, a.d),
                         dim_text(f.ctx, f.arena, b.d));
    }
    cr_assert(decided > 4000);
    arena_destroy(f.arena);
}

/* Ring laws on polynomials: the canonical form makes both sides one pointer; and different values
 * at a point mean different pointers. */
Test(dim_random, ring_laws_hold_as_pointers) {
    Fixture f = with_names(44);
    for (int i = 0; i < 5000; i++) {
        Sample s[3] = {random_dim(&f, 2), random_dim(&f, 2), random_dim(&f, 2)};
        Dim a = s[0].d, b = s[1].d, c = s[2].d;
        if (!a || !b || !c) continue;
        DimContext *x = f.ctx;
        cr_assert(dim_add(x, a, b) == dim_add(x, b, a));
        cr_assert(dim_mul(x, a, b) == dim_mul(x, b, a));
        cr_assert(dim_mul(x, a, dim_add(x, b, c)) ==
                  dim_add(x, dim_mul(x, a, b), dim_mul(x, a, c)));
        cr_assert(dim_sub(x, dim_add(x, a, b), b) == a);
        cr_assert(dim_max(x, a, b) == dim_max(x, b, a));
        cr_assert(dim_min(x, dim_add(x, a, c), dim_add(x, b, c)) ==
                  dim_add(x, dim_min(x, a, b), c));
        if (b->nterms) cr_assert(dim_divide_exact(x, dim_mul(x, a, b), b) == a);
        if (s[0].defined && s[1].defined && s[0].at[1] != s[1].at[1]) cr_assert(a != b);
    }
    arena_destroy(f.arena);
}

Test(dim_random, binding_all_symbols_evaluates) {
    Fixture f = with_names(55);
    for (int i = 0; i < 5000; i++) {
        Sample s = random_dim(&f, 3);
        if (!s.d || !s.defined) continue;
        Dim bound = s.d;
        for (int symbol = 0; symbol < 3; symbol++)
            bound = dim_bind(f.ctx, bound, symbol, points[1][symbol]);
        if (bound) cr_assert(dim_is(bound, s.at[1]), "%s", dim_text(f.ctx, f.arena, s.d));
    }
    arena_destroy(f.arena);
}
