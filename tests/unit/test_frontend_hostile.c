/* Hostile sources: whatever stands in them, the front end ends soon, with a module or with a
 * counted error. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "ir/base/file.h"

/* The number of errors; a module must come exactly when there are none. */
static int errors_of(const char *text, size_t length) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    const Module *module = frontend_load_text("hostile.nn", text, length, NULL, arena, diag);
    int errors = diag_error_count(diag);
    cr_assert_eq(module == NULL, errors > 0, "%s", diag_text(diag));
    arena_destroy(arena);
    return errors;
}

/* The first message, which must hold the words; within ten seconds even under sanitizers. */
static void expect_error(const char *text, size_t length, const char *words) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    clock_t start = clock();
    cr_expect_null(frontend_load_text("hostile.nn", text, length, NULL, arena, diag));
    cr_expect_lt((double)(clock() - start) / CLOCKS_PER_SEC, 10.0);
    cr_expect_not_null(strstr(diag_text(diag), words), "expected '%s', found %.300s", words,
                       diag_text(diag));
    arena_destroy(arena);
}

static void expect_network_error(const char *body, const char *words) {
    StrBuf text = {0};
    str_printf(&text, "network n(x: f32[N, 4]) -> (y: f32[N, 4]) {\n%s\n  y = x\n}\n", body);
    expect_error(text.data, text.len, words);
    str_free(&text);
}

static void repeat_text(StrBuf *out, const char *piece, int count) {
    for (int i = 0; i < count; i++) str_append(out, piece);
}

/* begin piece*count end, as a statement. */
static void expect_repeated_error(const char *begin, const char *piece, int count, const char *end,
                                  const char *words) {
    StrBuf body = {0};
    str_append(&body, begin);
    repeat_text(&body, piece, count);
    str_append(&body, end);
    expect_network_error(str_text(&body), words);
    str_free(&body);
}

static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *state >> 33;
}

static FileBytes example(Arena *arena, const char *path) {
    FileBytes bytes;
    Diag *diag = diag_create(arena, NULL);
    cr_assert(file_read(arena, path, 1 << 20, &bytes, diag, (Span){0}), "%s", diag_text(diag));
    return bytes;
}

Test(frontend_hostile, every_prefix_of_an_example) {
    static const char *const paths[] = {"examples/digits/cnn.nn", "examples/resnet18.nn"};
    Arena *arena = arena_create();
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        FileBytes bytes = example(arena, paths[i]);
        const char *last = memrchr(bytes.data, '}', bytes.size);
        size_t whole = (size_t)(last - (const char *)bytes.data) + 1;
        for (size_t length = 0; length <= bytes.size; length++)
            cr_expect_eq(errors_of((const char *)bytes.data, length) == 0, length >= whole,
                         "%s: %zu bytes", paths[i], length);
    }
    arena_destroy(arena);
}

/* Bytes of an example replaced at random: mostly wrong, sometimes right, never fatal. */
Test(frontend_hostile, damaged_examples) {
    static const char tokens[] = "(){}[]\"=,.:@|>+-*/<%#\n 0aN\\\x01\xff";
    Arena *arena = arena_create();
    FileBytes bytes = example(arena, "examples/resnet18.nn");
    char *copy = arena_alloc(arena, bytes.size);
    uint64_t state = 1;
    for (int round = 0; round < 1500; round++) {
        memcpy(copy, bytes.data, bytes.size);
        for (uint64_t k = next_random(&state) % 4 + 1; k > 0; k--)
            copy[600 + next_random(&state) % (bytes.size - 600)] =
                tokens[next_random(&state) % (sizeof(tokens) - 1)];
        errors_of(copy, bytes.size);
    }
    arena_destroy(arena);
}

Test(frontend_hostile, random_bytes) {
    char bytes[512];
    uint64_t state = 7;
    for (int round = 0; round < 2000; round++) {
        for (size_t i = 0; i < sizeof(bytes); i++) bytes[i] = (char)next_random(&state);
        cr_expect_gt(errors_of(bytes, next_random(&state) % sizeof(bytes)), 0);
    }
}

/* Random sequences of real tokens go deeper into the parser than random bytes. */
Test(frontend_hostile, random_tokens) {
    static const char *const tokens[] = {
        "network ", "block ", "import ", "repeat ", "in ",   "if ", "else ", "return ", "param ",
        "const ",   "and ",   "or ",     "not ",    "true ", "x ",  "y ",    "N ",      "f32",
        "relu",     "dense",  "conv2d",  "(",       ")",     "[",   "]",     "{",       "}",
        "\"",       "a{",     "\n",      ",",       "=",     "==",  "|>",    "->",      "..",
        ".",        ":",      "@",       "1",       "2.5",   "+",   "-",     "*",       "/",
        "//",       "%",      "**",      "<<",      "# c\n"};
    uint64_t state = 3;
    StrBuf text = {0};
    for (int round = 0; round < 3000; round++) {
        text.len = 0;
        str_append(&text, "network n(x: f32[N, 4]) -> (y: f32[N, 4]) {\n y = x\n ");
        for (uint64_t k = next_random(&state) % 40; k > 0; k--)
            str_append(&text, tokens[next_random(&state) % COUNT_OF(tokens)]);
        str_append(&text, round % 2 ? "\n}\n" : "");
        errors_of(text.data, text.len);
    }
    str_free(&text);
}

Test(frontend_hostile, nesting) {
    static const int count = 200000;
    expect_repeated_error("  a = ", "(", count, "1", "nested more than 200 deep");
    expect_repeated_error("  a = ", "[", count, "1", "nested more than 200 deep");
    expect_repeated_error("  a = ", "-", count, "1", "nested too deeply");
    expect_repeated_error("  a = ", "not ", count, "true", "nested too deeply");
    expect_repeated_error("  a = ", "1 + ", count, "1", "nested more than 256 deep");
    expect_repeated_error("  a = 2", " ** 2", count, "", "nested too deeply");
    expect_repeated_error("  a = ", "1 if true else ", count, "1", "nested too deeply");
    expect_repeated_error("  a = x", " |> relu", count, "", "nested more than 256 deep");
    expect_repeated_error("  a = x", ".shape", count, "", "nested more than 256 deep");
    expect_repeated_error("  a = x", "[0]", count, "", "nested more than 256 deep");
    expect_repeated_error("  a = ", "relu(", count, "x", "nested more than 200 deep");
    expect_repeated_error("  ", "if true {", count, "", "nested more than 200 deep");
    expect_repeated_error("  ", "if true {\n", count, "", "nested more than 200 deep");
    expect_repeated_error("  a = ", "\"{", count, "1", "nested more than 8 deep");
    expect_repeated_error("", ")\n", count, "", "too many errors");
    expect_repeated_error("  a = ", "$", count, "", "unexpected '$'");
}

/* Long but flat sources are fine: chains of else-if, many statements, long lists. */
Test(frontend_hostile, long_and_flat) {
    StrBuf text = {0};
    str_append(&text, "network n(x: f32[4]) -> (y: f32[4]) {\n  y = x\n  if false { y = -x }");
    repeat_text(&text, " else if false { y = -x }", 20000);
    str_append(&text, "\n  k = [");
    repeat_text(&text, "1, ", 20000);
    str_append(&text, "2]\n");
    for (int i = 0; i < 20000; i++) str_printf(&text, "  v%d = k[%d]\n", i, i);
    str_append(&text, "  s = \"");
    repeat_text(&text, "{1}", 2000);
    str_append(&text, "\"\n}\n");
    cr_expect_eq(errors_of(text.data, text.len), 0);
    str_free(&text);
}

Test(frontend_hostile, endless_elaboration) {
    static const char too_large[] = "the network is too large";
    expect_network_error("  repeat i in 0..1000000000 { x = relu(x) }", too_large);
    expect_network_error("  repeat i in 0..1000000000 { }", too_large);
    expect_network_error("  repeat i in 0..100000 { repeat j in 0..100000 { a = i * j } }",
                         too_large);
    expect_network_error(
        "  a = [1]\n  repeat i in 0..15 { a = a + a }\n  repeat i in 0..1000 { b = a + a }",
        too_large);
    expect_network_error("  a = [1]\n  repeat i in 0..40 { a = a + a }", "more than 65536 items");
    expect_network_error("  const a: f32[1000000000] = 0", "at most 16777216 elements");
    expect_network_error("  repeat i in 0..1000000 { const a: f32[16000000] = 0\n }", too_large);
}

/* 40 blocks that each call the next twice: 2^40 calls. */
Test(frontend_hostile, doubling_blocks) {
    StrBuf text = {0};
    for (int i = 0; i < 40; i++)
        str_printf(&text, "block b%d(x) { return b%d(x) + b%d(x) }\n", i, i + 1, i + 1);
    str_append(&text,
               "block b40(x) { return x }\nnetwork n(x: f32[4]) -> (y: f32[4]) { y = b0(x) }\n");
    expect_error(text.data, text.len, "the network is too large");
    str_free(&text);
}

/* Expressions as deep as allowed, in blocks that call each other as deep as allowed, on an ordinary
 * stack. */
Test(frontend_hostile, deep_calls_in_deep_expressions) {
    StrBuf text = {0};
    for (int i = 0; i < 60; i++) {
        str_printf(&text, "block b%d(x) { return ", i);
        repeat_text(&text, "(0 + ", 100);
        str_printf(&text, "b%d(x)", i + 1);
        repeat_text(&text, ")", 100);
        str_append(&text, " }\n");
    }
    str_append(&text,
               "block b60(x) { return x }\nnetwork n(x: f32[4]) -> (y: f32[4]) { y = b0(x) }\n");
    expect_error(text.data, text.len, "nested more than 1000 deep");
    str_free(&text);
}

Test(frontend_hostile, deep_calls_in_deep_bodies) {
    StrBuf text = {0};
    for (int i = 0; i < 60; i++) {
        str_printf(&text, "block b%d(x) { ", i);
        repeat_text(&text, "if true { repeat i in 0..1 {", 90);
        str_printf(&text, "return b%d(x)", i + 1);
        repeat_text(&text, "} }", 90);
        str_append(&text, " }\n");
    }
    str_append(&text,
               "block b60(x) { return x }\nnetwork n(x: f32[4]) -> (y: f32[4]) { y = b0(x) }\n");
    expect_error(text.data, text.len, "nested more than 1000 deep");
    str_free(&text);
}

Test(frontend_hostile, names_of_any_length) {
    StrBuf text = {0};
    str_append(&text, "network n(x: f32[4]) -> (y: f32[4]) { y = ");
    repeat_text(&text, "abcdefgh", 50000);
    str_append(&text, " }\n");
    expect_error(text.data, text.len, "unknown name");
    str_free(&text);
}

/* ---- imports that leave the search path ---- */

static void write_file(const char *dir, const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

Test(frontend_hostile, imports_through_links) {
    char dir[] = "/tmp/nnc_imports_XXXXXX", path[512], target[512];
    Arena *arena = arena_create();
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/inside", dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    write_file(dir, "outside.nn", "block b(x) { return x }\n");
    write_file(dir, "inside/good.nn", "block b(x) { return relu(x) }\n");
    write_file(dir, "inside/net.nn",
               "import \"link.nn\"\nnetwork n(x: f32[4]) -> (y: f32[4]) { y = b(x) }\n");
    snprintf(path, sizeof(path), "%s/inside/link.nn", dir);

    Diag *diag = diag_create(arena, NULL);
    char net[512];
    snprintf(net, sizeof(net), "%s/inside/net.nn", dir);
    snprintf(target, sizeof(target), "%s/outside.nn", dir);
    cr_assert_eq(symlink(target, path), 0);
    cr_expect_null(frontend_load(net, NULL, arena, diag, NULL, NULL));
    cr_expect_not_null(strstr(diag_text(diag), "leads outside the search path"), "%s",
                       diag_text(diag));

    /* A link that stays inside is as good as the file. */
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(symlink("good.nn", path), 0);
    diag = diag_create(arena, NULL);
    const char *const *imports;
    size_t count;
    cr_expect_not_null(frontend_load(net, NULL, arena, diag, &imports, &count), "%s",
                       diag_text(diag));
    cr_expect_eq(count, 2);
    cr_expect_not_null(strstr(imports[1], "inside/link.nn"));

    unlink(path);
    unlink(net);
    snprintf(path, sizeof(path), "%s/inside/good.nn", dir);
    unlink(path);
    unlink(target);
    snprintf(path, sizeof(path), "%s/inside", dir);
    rmdir(path);
    rmdir(dir);
    arena_destroy(arena);
}

Test(frontend_hostile, files_that_are_none) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    cr_expect_null(frontend_load("no/such/file.nn", NULL, arena, diag, NULL, NULL));
    cr_expect_null(frontend_load("examples", NULL, arena, diag, NULL, NULL));
    cr_expect_eq(diag_error_count(diag), 2);
    arena_destroy(arena);
}
