/* Diagnostics: their exact text, what is counted and what is dropped. */
#include "ir/base/diag.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

typedef struct Fixture {
    Arena *arena;
    Diag *diag;
    const Source *source;
} Fixture;

static Fixture with_source(const char *text) {
    Fixture f = {.arena = arena_create()};
    f.diag = diag_create(f.arena, NULL);
    f.source = diag_add_source(f.diag, "net.nn", text, strlen(text));
    return f;
}

static Span span(const Fixture *f, uint32_t begin, uint32_t end) {
    return (Span){f->source, begin, end};
}

/* The span of the first occurrence of word. */
static Span span_of(const Fixture *f, const char *word) {
    const char *text = source_text(f->source, NULL);
    uint32_t begin = (uint32_t)(strstr(text, word) - text);
    return span(f, begin, begin + (uint32_t)strlen(word));
}

static void expect(Fixture *f, const char *text) {
    cr_assert_str_eq(diag_text(f->diag), text);
    arena_destroy(f->arena);
}

Test(diag, marks_the_span) {
    Fixture f = with_source("# one\n\n  x = relu(conv2d(a, 10, kernel=5))\nlast");
    diag_error(f.diag, span_of(&f, "conv2d"), "'%s' expects a rank-%d input", "conv2d", 4);
    diag_note(f.diag, (Span){0}, "in block 'basic'");
    expect(&f, "net.nn:3:12: error: 'conv2d' expects a rank-4 input\n"
               "     3 |   x = relu(conv2d(a, 10, kernel=5))\n"
               "       |            ^~~~~~\n"
               "note: in block 'basic'\n");
}

Test(diag, without_a_place) {
    Fixture f = with_source("");
    diag_error(f.diag, (Span){0}, "no such target '%s'", "gpu");
    diag_warning(f.diag, (Span){0}, "slow");
    cr_assert_eq(diag_error_count(f.diag), 1);
    cr_assert_eq(diag_warning_count(f.diag), 1);
    expect(&f, "nnc: error: no such target 'gpu'\nnnc: warning: slow\n");
}

Test(diag, empty_span_and_end_of_text) {
    Fixture f = with_source("ab\r\ncd");
    diag_error(f.diag, span(&f, 1, 1), "one");
    diag_error(f.diag, span(&f, 6, 6), "two");
    diag_error(f.diag, span(&f, 900, 901), "three");
    diag_error(f.diag, span(&f, 3, 4), "four");
    expect(&f, "net.nn:1:2: error: one\n     1 | ab\n       |  ^\n"
               "net.nn:2:3: error: two\n     2 | cd\n       |   ^\n"
               "net.nn:2:3: error: three\n     2 | cd\n       |   ^\n"
               "net.nn:1:4: error: four\n     1 | ab\n       |   ^\n");
}

Test(diag, several_lines_are_marked_on_the_first) {
    Fixture f = with_source("x = f(a,\n      b)\n");
    diag_error(f.diag, span(&f, 4, 17), "bad");
    expect(&f, "net.nn:1:5: error: bad\n     1 | x = f(a,\n       |     ^~~~\n");
}

Test(diag, tabs_and_characters_of_several_bytes) {
    Fixture f = with_source("\tα = β × bad\n");
    diag_error(f.diag, span_of(&f, "bad"), "no");
    diag_error(f.diag, span_of(&f, "β ×"), "wide");
    expect(&f, "net.nn:1:13: error: no\n     1 | \tα = β × bad\n       | \t        ^~~\n"
               "net.nn:1:7: error: wide\n     1 | \tα = β × bad\n       | \t    ^~~\n");
}

Test(diag, control_characters_and_stray_bytes_are_not_shown) {
    Fixture f = with_source("a\x1b[2J\x01\xc2\x9b"
                            "b\xff\xe2\x82 z");
    diag_error(f.diag, span_of(&f, "z"), "found '%s'", "\x1b[31m\x7f\xc3[");
    /* The second byte of the C1 control and both of the cut-off character count one column each. */
    expect(&f, "net.nn:1:14: error: found '?[31m??['\n     1 | a?[2J???b??? z\n"
               "       |              ^\n");
}

Test(diag, nul_bytes_are_text) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    const Source *source = diag_add_source(diag, "bin", "a\0b\nc", 5);
    diag_error(diag, (Span){source, 2, 3}, "no");
    cr_assert_str_eq(diag_text(diag), "bin:1:3: error: no\n     1 | a?b\n       |   ^\n");
    arena_destroy(arena);
}

/* The marks stand below the marked word wherever it is in a long line, and neither line is long. */
Test(diag, long_lines_are_cut) {
    for (uint32_t at = 0; at < 997; at += 83) {
        char text[1001];
        for (int i = 0; i < 1000; i++) text[i] = (char)('a' + i % 26);
        text[1000] = '\0';
        memcpy(text + at, "XYZ", 3);
        Fixture f = with_source(text);
        diag_error(f.diag, span(&f, at, at + 3), "here");
        char copy[1000];
        cr_assert(strlen(diag_text(f.diag)) < sizeof(copy));
        strcpy(copy, diag_text(f.diag));
        char *line = strchr(copy, '\n') + 1, *marks = strchr(line, '\n') + 1;
        marks[-1] = '\0';
        cr_assert(strlen(line) <= 9 + 160 + 6);
        cr_assert_eq(strstr(line, "XYZ") - line, strstr(marks, "^~~\n") - marks);
        cr_assert_eq(strncmp(line + 9, "...", 3) == 0, at > 80);
        arena_destroy(f.arena);
    }
}

/* Two-byte characters at even or at odd offsets, so that each end of the window would fall within
 * one. */
Test(diag, cutting_keeps_characters_whole) {
    char text[1003];
    for (int odd = 0; odd < 2; odd++) {
        text[0] = 'x';
        for (int i = odd; i < 1000; i += 2) memcpy(text + i, "é", 2);
        strcpy(text + 1000 + odd, odd ? "" : "!");
        for (uint32_t at = (uint32_t)odd; at < 1000; at += 110) {
            Fixture f = with_source(text);
            diag_error(f.diag, span(&f, at, at + 2), "here");
            cr_assert_null(strchr(diag_text(f.diag), '?'), "%s", diag_text(f.diag));
            arena_destroy(f.arena);
        }
    }
}

Test(diag, repeated_errors_are_said_once) {
    Fixture f = with_source("abc");
    for (int i = 0; i < 3; i++) {
        diag_error(f.diag, span(&f, 0, 1), "same");
        diag_note(f.diag, (Span){0}, "because");
        diag_warning(f.diag, span(&f, 0, 1), "same");
    }
    diag_error(f.diag, span(&f, 0, 2), "same");
    cr_assert_eq(diag_error_count(f.diag), 2);
    cr_assert_eq(diag_warning_count(f.diag), 1);
    expect(&f, "net.nn:1:1: error: same\n     1 | abc\n       | ^\n"
               "note: because\n"
               "net.nn:1:1: warning: same\n     1 | abc\n       | ^\n"
               "net.nn:1:1: error: same\n     1 | abc\n       | ^~\n");
}

Test(diag, stops_after_twenty) {
    Fixture f = with_source("abc");
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(diag_full(f.diag), i >= DIAG_MAX_ERRORS);
        diag_error(f.diag, (Span){0}, "number %d", i);
        diag_note(f.diag, (Span){0}, "note %d", i);
    }
    cr_assert_eq(diag_error_count(f.diag), 20);
    const char *text = diag_text(f.diag);
    cr_assert_not_null(strstr(text, "number 19\nnote: note 19\nnnc: error: too many errors\n"));
    cr_assert_null(strstr(text, "20\n"));
    cr_assert_eq(strlen(strstr(text, "too many")), strlen("too many errors\n"));
    arena_destroy(f.arena);
}

static void add_chain(Diag *diag, void *data) {
    diag_note(diag, (Span){0}, "called from %s", (const char *)data);
    diag_error(diag, (Span){0}, "an error while explaining");
}

Test(diag, context_follows_each_error) {
    Fixture f = with_source("abc");
    char name[] = "layer1";
    diag_set_context(f.diag, add_chain, name);
    diag_error(f.diag, (Span){0}, "one");
    diag_set_context(f.diag, NULL, NULL);
    diag_error(f.diag, (Span){0}, "two");
    expect(&f, "nnc: error: one\nnote: called from layer1\nnnc: error: an error while explaining\n"
               "nnc: error: two\n");
}

Test(diag, echo_gets_the_same_text) {
    Arena *arena = arena_create();
    FILE *echo = tmpfile();
    Diag *diag = diag_create(arena, echo);
    diag_error(diag, (Span){0}, "one");
    diag_warning(diag, (Span){0}, "two");
    char text[200] = {0};
    rewind(echo);
    cr_assert(fread(text, 1, sizeof(text) - 1, echo) > 0);
    cr_assert_str_eq(text, diag_text(diag));
    fclose(echo);
    arena_destroy(arena);
}

Test(diag, spans_join) {
    Fixture f = with_source("abcdef");
    Span joined = span_join(span(&f, 3, 5), span(&f, 1, 4)), nowhere = {0};
    cr_assert(joined.begin == 1 && joined.end == 5);
    joined = span_join(nowhere, span(&f, 1, 4));
    cr_assert(joined.source == f.source && joined.end == 4);
    cr_assert_eq(span_line(nowhere), 0);
    cr_assert_eq(span_column(nowhere), 0);
    arena_destroy(f.arena);
}

Test(diag, suggests_near_names_only) {
    static const char *const ops[] = {"conv2d", "max_pool2d", "relu", "softmax"};
    cr_assert_str_eq(diag_suggest("maxpool2d", ops, COUNT_OF(ops)), "max_pool2d");
    cr_assert_str_eq(diag_suggest("ReLU", ops, COUNT_OF(ops)), "relu");
    cr_assert_str_eq(diag_suggest("cov2d", ops, COUNT_OF(ops)), "conv2d");
    cr_assert_null(diag_suggest("embedding", ops, COUNT_OF(ops)));
    cr_assert_null(diag_suggest("x", ops, COUNT_OF(ops)));
    cr_assert_null(diag_suggest("", ops, COUNT_OF(ops)));
}

/* A dump knows the lines of the source that it came from, not what stood there. */
Test(diag, unknown_text_is_not_shown) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    const Source *source = diag_add_source(diag, "net.nn", "      \n        ", 15);
    diag_error(diag, (Span){source, 9, 13}, "bad");
    cr_assert_str_eq(diag_text(diag), "net.nn:2:3: error: bad\n");
    arena_destroy(arena);
}
