/* Arenas, growable arrays, strings, interning, arithmetic, files. */
#define _GNU_SOURCE
#include "ir/base/base.h"
#include "ir/base/file.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(arena, memory_is_zeroed_aligned_and_separate) {
    Arena *arena = arena_create();
    unsigned char *before = NULL;
    for (size_t size = 0; size < 5000; size += 7) {
        unsigned char *p = arena_alloc(arena, size);
        cr_assert(((uintptr_t)p & 15) == 0);
        for (size_t i = 0; i < size; i++) cr_assert(p[i] == 0);
        memset(p, 0xA5, size);
        cr_assert(p != before);
        before = p;
    }
    unsigned char *large = arena_alloc(arena, 10 << 20);
    cr_assert(large[(10 << 20) - 1] == 0);
    cr_assert(arena_bytes(arena) >= (10u << 20));
    arena_destroy(arena);
    arena_destroy(NULL);
}

Test(arena, large_objects_leave_the_current_chunk_in_use) {
    Arena *arena = arena_create();
    char *a = arena_alloc(arena, 16);
    arena_alloc(arena, 4 << 20);
    char *b = arena_alloc(arena, 16);
    cr_assert(b == a + 16);
    arena_destroy(arena);
}

Test(arena, overflowing_product_is_out_of_memory, .exit_code = EXIT_MACHINE) {
    /* Static: what the process still holds when it exits is no leak. */
    static Arena *arena;
    arena = arena_create();
    arena_alloc_array(arena, SIZE_MAX / 2, 3);
}

static void append_seven(void *text) {
    str_putc(text, '7');
}
static void append_eight(void *text) {
    str_putc(text, '8');
}

Test(arena, releases_run_last_first) {
    StrBuf text = {0};
    Arena *arena = arena_create();
    arena_on_destroy(arena, append_seven, &text);
    arena_on_destroy(arena, append_eight, &text);
    arena_destroy(arena);
    cr_assert_str_eq(str_text(&text), "87");
    str_free(&text);
}

Test(fail, defects_exit_with_70, .exit_code = EXIT_DEFECT) {
    die("it %s", "broke");
}
Test(fail, require_is_checked, .exit_code = EXIT_DEFECT) {
    require(1 + 1 == 3);
}

Test(vec, grows_and_keeps_order) {
    Arena *arena = arena_create();
    VEC(int) v = {0};
    for (int i = 0; i < 1000; i++) vec_push(arena, &v, i * i);
    cr_assert_eq(v.len, 1000);
    for (int i = 0; i < 1000; i++) cr_assert_eq(v.data[i], i * i);
    arena_destroy(arena);
}

Test(str, builds_text) {
    StrBuf s = {0};
    cr_assert_str_eq(str_text(&s), "");
    for (int i = 0; i < 100; i++) str_printf(&s, "%d,", i);
    cr_assert_eq(s.len, 290);
    cr_assert_eq(strlen(s.data), 290);
    cr_assert(strncmp(str_text(&s), "0,1,2,", 6) == 0);
    str_free(&s);
    cr_assert_str_eq(str_text(&s), "");
    str_append_n(&s, "abc", 2);
    str_putc(&s, 'x');
    cr_assert_str_eq(str_text(&s), "abx");
    str_free(&s);
}

static void expect_double(double value, bool is_f32, const char *expected) {
    StrBuf s = {0};
    str_append_double(&s, value, is_f32);
    cr_assert_str_eq(str_text(&s), expected);
    str_free(&s);
}

Test(str, doubles_are_shortest) {
    expect_double(0, false, "0");
    expect_double(-0.0, false, "-0");
    expect_double(1, false, "1");
    expect_double(10, true, "10");
    expect_double(1200, false, "1200");
    expect_double(0.1, false, "0.1");
    expect_double(0.1, true, "0.1");
    expect_double((double)0.1f, false, "0.10000000149011612");
    expect_double(-2.5, false, "-2.5");
    expect_double(1e-5, true, "0.00001");
    expect_double(1e-7, false, "1e-7");
    expect_double(1.5e30, false, "1.5e30");
    expect_double(123456789012345680., false, "1.2345678901234568e17");
    expect_double((double)INFINITY, false, "inf");
    expect_double(-(double)INFINITY, true, "-inf");
    expect_double((double)NAN, false, "nan");
}

Test(str, doubles_read_back) {
    uint64_t state = 1;
    for (int i = 0; i < 20000; i++) {
        state = hash_bytes(&state, sizeof(state), 5);
        double d;
        memcpy(&d, &state, sizeof(d));
        StrBuf s = {0};
        str_append_double(&s, d, false);
        cr_assert(isnan(d) || strtod(str_text(&s), NULL) == d, "%a -> %s", d, str_text(&s));
        str_free(&s);
        float f;
        memcpy(&f, &state, sizeof(f));
        str_append_double(&s, (double)f, true);
        cr_assert(isnan(f) || strtof(str_text(&s), NULL) == f, "%a -> %s", (double)f, str_text(&s));
        str_free(&s);
    }
}

Test(intern, equal_texts_are_one_pointer) {
    Arena *arena = arena_create();
    Interner *table = interner_create(arena);
    const char *names[500];
    for (int i = 0; i < 500; i++) names[i] = intern(table, arena_printf(arena, "name%d", i));
    for (int i = 0; i < 500; i++) {
        cr_assert_str_eq(names[i], arena_printf(arena, "name%d", i));
        cr_assert(intern(table, arena_printf(arena, "name%d", i)) == names[i]);
    }
    cr_assert(intern_n(table, "name7xyz", 5) == names[7]);
    cr_assert(intern(table, "") == intern_n(table, NULL, 0));
    arena_destroy(arena);
}

Test(arith, notices_overflow) {
    int64_t r;
    cr_assert(checked_add(INT64_MAX - 1, 1, &r) && r == INT64_MAX);
    cr_assert_not(checked_add(INT64_MAX, 1, &r));
    cr_assert_not(checked_sub(INT64_MIN, 1, &r));
    cr_assert_not(checked_mul(INT64_C(1) << 32, INT64_C(1) << 31, &r));
    cr_assert(checked_mul(-(INT64_C(1) << 32), INT64_C(1) << 31, &r) && r == INT64_MIN);
}

Test(arith, division_rounds_down_or_up) {
    for (int64_t a = -20; a <= 20; a++) {
        for (int64_t b = -7; b <= 7; b++) {
            if (b == 0) continue;
            int64_t q = floor_div(a, b), r = floor_mod(a, b);
            cr_assert_eq(q, (int64_t)floor((double)a / (double)b));
            cr_assert_eq(q * b + r, a);
            cr_assert_eq(ceil_div(a, b), (int64_t)ceil((double)a / (double)b));
        }
    }
    cr_assert_eq(floor_mod(INT64_MIN, -1), 0);
    cr_assert_eq(ceil_div(INT64_MAX, 2), INT64_MAX / 2 + 1);
    cr_assert_eq(ceil_div(INT64_MIN, -1), INT64_MIN);
}

/* The values are part of files that other hosts read. */
Test(hash, is_fixed) {
    cr_assert_eq(hash_bytes("", 0, 0), 0);
    cr_assert_neq(hash_bytes("a", 1, 0), hash_bytes("b", 1, 0));
    cr_assert_neq(hash_bytes("a", 1, 0), hash_bytes("a", 1, 1));
    cr_assert_neq(hash_bytes("a\0", 2, 0), hash_bytes("a", 1, 0));
    cr_assert_eq(hash_bytes("hello, weights", 14, 42), UINT64_C(0xc73a96d827ca9c79));
}

Test(edit_distance, counts_edits_and_swaps) {
    cr_assert_eq(edit_distance("", ""), 0);
    cr_assert_eq(edit_distance("conv2d", "conv2d"), 0);
    cr_assert_eq(edit_distance("cov2d", "conv2d"), 1);
    cr_assert_eq(edit_distance("rleu", "relu"), 1);
    cr_assert_eq(edit_distance("maxpool", "max_pool2d"), 3);
    cr_assert_eq(edit_distance("", "abc"), 3);
    cr_assert_eq(edit_distance("kitten", "sitting"), 3);
}

/* ---- files ---- */

typedef struct Scratch {
    Arena *arena;
    Diag *diag;
    char dir[64];
} Scratch;

static Scratch scratch(void) {
    Scratch s = {.arena = arena_create(), .dir = "/tmp/nnc-test-XXXXXX"};
    s.diag = diag_create(s.arena, NULL);
    cr_assert_not_null(mkdtemp(s.dir));
    return s;
}

static const char *in(const Scratch *s, const char *name) {
    return arena_printf(s->arena, "%s/%s", s->dir, name);
}

static int entries(const Scratch *s) {
    DIR *dir = opendir(s->dir);
    int count = 0;
    for (struct dirent *e; (e = readdir(dir));)
        count += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
    closedir(dir);
    return count;
}

/* Removes the files of the scratch directory; there are no folders within but "folder". */
static void clean(Scratch *s) {
    DIR *dir = opendir(s->dir);
    for (struct dirent *e; (e = readdir(dir));) unlink(in(s, e->d_name));
    closedir(dir);
    rmdir(in(s, "folder"));
    cr_assert_eq(rmdir(s->dir), 0);
    arena_destroy(s->arena);
}

static void expect_content(const Scratch *s, const char *name, const char *expected) {
    FileBytes read, mapped;
    cr_assert(file_read(s->arena, in(s, name), 1000, &read, s->diag, (Span){0}));
    cr_assert(file_map(s->arena, in(s, name), &mapped, s->diag, (Span){0}));
    cr_assert_str_eq((const char *)read.data, expected);
    cr_assert_eq(read.size, strlen(expected));
    cr_assert_eq(mapped.size, read.size);
    cr_assert(memcmp(mapped.data, expected, mapped.size) == 0);
}

Test(file, write_then_read) {
    Scratch s = scratch();
    mode_t mask = umask(022);
    OutputFile files[] = {output_file(in(&s, "a.o"), "one", 3, 0644),
                          output_file(in(&s, "b"), "", 0, 0755)};
    cr_assert(files_write(files, 2, s.diag));
    umask(mask);
    expect_content(&s, "a.o", "one");
    expect_content(&s, "b", "");
    struct stat status;
    cr_assert(stat(in(&s, "b"), &status) == 0 && (status.st_mode & 0777) == 0755);
    cr_assert_eq(entries(&s), 2);
    files[0].data = "two";
    cr_assert(files_write(files, 2, s.diag));
    expect_content(&s, "a.o", "two");
    cr_assert_eq(entries(&s), 2);
    const OutputPiece parts[] = {{"", 0}, {", three", 7}, {", four", 6}};
    files[0].parts = parts;
    files[0].nparts = COUNT_OF(parts);
    cr_assert(files_write(files, 2, s.diag));
    expect_content(&s, "a.o", "two, three, four");
    cr_assert_eq(output_bytes(&files[0]), 16);
    OutputFile joined = output_joined(s.arena, &files[0]);
    cr_assert(joined.size == 16 && memcmp(joined.data, "two, three, four", 16) == 0);
    clean(&s);
}

Test(file, pieces_follow_each_other) {
    Scratch s = scratch();
    OutputPiece pieces[] = {{"one", 3}, {"", 0}, {" two", 4}};
    OutputPieces files[] = {{in(&s, "a"), pieces, 3, 0644}, {in(&s, "b"), NULL, 0, 0644}};
    cr_assert(files_write_pieces(files, 2, s.diag));
    expect_content(&s, "a", "one two");
    expect_content(&s, "b", "");
    clean(&s);
}

Test(file, failure_replaces_nothing) {
    Scratch s = scratch();
    OutputFile old[] = {output_file(in(&s, "a"), "old a", 5, 0644),
                        output_file(in(&s, "c"), "old c", 5, 0644)};
    cr_assert(files_write(old, 2, s.diag));
    OutputFile set[] = {output_file(in(&s, "a"), "new", 3, 0644),
                        output_file(in(&s, "b"), "new", 3, 0644),
                        output_file(in(&s, "missing/c"), "new", 3, 0644)};
    cr_assert_not(files_write(set, 3, s.diag));
    cr_assert_not_null(strstr(diag_text(s.diag), "cannot write"));
    cr_assert_not_null(strstr(diag_text(s.diag), "missing/c': No such file or directory"));
    expect_content(&s, "a", "old a");
    cr_assert_not(file_exists(in(&s, "b")));
    cr_assert_eq(entries(&s), 2);
    clean(&s);
}

/* The last destination becomes a folder after it was looked at: only the rename can fail. A named
 * pipe in the set, whose reader makes the folder, gives the moment between the two. */
Test(file, failed_rename_is_undone, .timeout = 20) {
    Scratch s = scratch();
    OutputFile old = output_file(in(&s, "a"), "old a", 5, 0644);
    cr_assert(files_write(&old, 1, s.diag));
    cr_assert_eq(mkfifo(in(&s, "pipe"), 0600), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd = open(in(&s, "pipe"), O_RDONLY);
        mkdir(in(&s, "folder"), 0700);
        char block[256];
        while (read(fd, block, sizeof(block)) > 0) continue;
        _exit(0);
    }
    size_t size =
        1 << 20; /* more than a pipe holds, so that the write ends after the reader has acted */
    char *data = calloc(1, size);
    OutputFile set[] = {output_file(in(&s, "a"), "new", 3, 0644),
                        output_file(in(&s, "b"), "new", 3, 0644),
                        output_file(in(&s, "pipe"), data, size, 0644),
                        output_file(in(&s, "folder"), "new", 3, 0644)};
    cr_assert_not(files_write(set, 4, s.diag));
    free(data);
    expect_content(&s, "a", "old a");
    cr_assert_not(file_exists(in(&s, "b")));
    cr_assert_eq(entries(&s), 3); /* a, pipe, folder */
    clean(&s);
}

Test(file, links_are_followed) {
    Scratch s = scratch();
    OutputFile file = output_file(in(&s, "target"), "old", 3, 0644);
    cr_assert(files_write(&file, 1, s.diag));
    cr_assert_eq(symlink("target", in(&s, "link")), 0);
    file = output_file(in(&s, "link"), "new", 3, 0644);
    cr_assert(files_write(&file, 1, s.diag));
    expect_content(&s, "target", "new");
    struct stat status;
    cr_assert(lstat(in(&s, "link"), &status) == 0 && S_ISLNK(status.st_mode));
    clean(&s);
}

Test(file, devices_are_written_in_place) {
    Scratch s = scratch();
    OutputFile good = output_file("/dev/null", "x", 1, 0644),
               full = output_file("/dev/full", "x", 1, 0644);
    cr_assert(files_write(&good, 1, s.diag));
    struct stat status;
    cr_assert(stat("/dev/null", &status) == 0 && S_ISCHR(status.st_mode));
    cr_assert_not(files_write(&full, 1, s.diag));
    cr_assert_str_eq(diag_text(s.diag),
                     "nnc: error: cannot write '/dev/full': No space left on device\n");
    clean(&s);
}

Test(file, reading_says_why_not) {
    Scratch s = scratch();
    FileBytes bytes;
    Span nowhere = {0};
    cr_assert_not(file_read(s.arena, in(&s, "none"), 10, &bytes, s.diag, nowhere));
    cr_assert_not(file_map(s.arena, s.dir, &bytes, s.diag, nowhere));
    cr_assert_not(file_map(s.arena, "/dev/null", &bytes, s.diag, nowhere));
    OutputFile file = output_file(in(&s, "eleven"), "12345678901", 11, 0644);
    cr_assert(files_write(&file, 1, s.diag));
    cr_assert_not(file_read(s.arena, file.path, 10, &bytes, s.diag, nowhere));
    cr_assert(file_read(s.arena, file.path, 11, &bytes, s.diag, nowhere));
    cr_assert_not_null(strstr(diag_text(s.diag), "No such file or directory"));
    cr_assert_not_null(strstr(diag_text(s.diag), "Is a directory"));
    cr_assert_not_null(strstr(diag_text(s.diag), "Not a regular file"));
    cr_assert_not_null(strstr(diag_text(s.diag), "larger than the 10 bytes"));
    cr_assert_eq(diag_error_count(s.diag), 4);
    clean(&s);
}

Test(file, names) {
    Arena *a = arena_create();
    cr_assert_str_eq(path_with_extension(a, "a/net.nn", ".o"), "a/net.o");
    cr_assert_str_eq(path_with_extension(a, "a.b/net", ".o"), "a.b/net.o");
    cr_assert_str_eq(path_with_extension(a, "x/.net", ".o"), "x/.net.o");
    cr_assert_str_eq(path_with_extension(a, "net.v2.nn", ".h"), "net.v2.h");
    cr_assert_str_eq(path_join_dir(a, "dir/net.nn", "blocks.nn"), "dir/blocks.nn");
    cr_assert_str_eq(path_join_dir(a, "net.nn", "blocks.nn"), "blocks.nn");
    cr_assert_str_eq(path_join_dir(a, "dir/net.nn", "/abs.nn"), "/abs.nn");
    cr_assert_str_eq(path_base("a/b/c.nn"), "c.nn");
    cr_assert_str_eq(path_base("c.nn"), "c.nn");
    arena_destroy(a);
}

/* Their neighbours above are twice as far away as those below. */
static void expect_shortest_power(int exponent, bool is_f32) {
    double value = ldexp(1, exponent);
    char least[40];
    int digits = 0;
    do {
        snprintf(least, sizeof least, "%.*e", digits++, value);
    } while (is_f32 ? strtof(least, NULL) != (float)value : strtod(least, NULL) != value);
    StrBuf s = {0};
    str_append_double(&s, value, is_f32);
    cr_assert_eq(strtod(str_text(&s), NULL), strtod(least, NULL), "%s instead of %s", str_text(&s),
                 least);
    str_free(&s);
}

Test(str, powers_of_two_are_shortest) {
    for (int e = -1074; e < 1024; e++) expect_shortest_power(e, false);
    for (int e = -149; e < 128; e++) expect_shortest_power(e, true);
}
