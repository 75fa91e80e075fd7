/* Dependency files: the syntax that make, Ninja and CMake agree on. tests/cli/test_depfile.sh asks the tools themselves. */
#include <criterion/criterion.h>
#include <string.h>

#include "driver/depfile.h"

static void expect_text(const Dependencies *dependencies, const char *expected) {
    Arena *arena = arena_create();
    StrBuf text = {0};
    cr_assert(depfile_format(dependencies, &text, diag_create(arena, NULL)));
    cr_assert_str_eq(str_text(&text), expected);
    str_free(&text);
    arena_destroy(arena);
}

Test(depfile, rule_and_empty_rules) {
    const char *outputs[] = {"net.o", "net.h"}, *inputs[] = {"net.nn", "blocks.nn", "net.npz"};
    Dependencies d = {outputs, 2, inputs, 3, NULL};
    expect_text(&d, "net.o net.h: net.nn blocks.nn net.npz\nblocks.nn:\nnet.npz:\n");
}

Test(depfile, special_characters) {
    const char *outputs[] = {"a b.o"}, *inputs[] = {"c\td#e$f:g.nn", "h\\ i\\j.nn"};
    Dependencies d = {outputs, 1, inputs, 2, NULL};
    expect_text(&d, "a\\ b.o: c\\\td\\#e$$f\\:g.nn h\\\\\\ i\\j.nn\nh\\\\\\ i\\j.nn:\n");
}

Test(depfile, relative_inputs_get_the_folder) {
    const char *outputs[] = {"net.o"}, *inputs[] = {"net.nn", "/abs/w.npz"};
    Dependencies d = {outputs, 1, inputs, 2, "/my dir"};
    expect_text(&d, "net.o: /my\\ dir/net.nn /abs/w.npz\n/abs/w.npz:\n");
}

Test(depfile, newlines_are_refused) {
    const char *good[] = {"net.o"}, *bad[] = {"net\n.nn"};
    const Dependencies cases[] = {{good, 1, bad, 1, NULL}, {bad, 1, good, 1, NULL}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        Arena *arena = arena_create();
        Diag *diag = diag_create(arena, NULL);
        StrBuf text = {0};
        cr_assert(!depfile_format(&cases[i], &text, diag));
        cr_assert(strstr(diag_text(diag), "newline"));
        cr_assert_eq(diag_error_count(diag), 1);
        arena_destroy(arena);
    }
}
