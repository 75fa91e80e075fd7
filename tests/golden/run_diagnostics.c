/* Golden tests of the front end's messages: every NAME.nn of a folder is loaded, and what was said
 * must be NAME.expect, byte for byte. A source may begin with a line `# options: -network=NAME
 * -bind=N=8 -search=FOLDER`.
 *
 *   run_diagnostics FOLDER            compares
 *   run_diagnostics FOLDER -update    rewrites the expectations
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frontend/frontend.h"
#include "ir/base/file.h"

enum { MAX_OPTIONS = 8, MAX_EXPECT_BYTES = 1 << 20 };

typedef struct Options {
    FrontendOptions frontend;
    const char *bind_names[MAX_OPTIONS];
    int64_t bind_values[MAX_OPTIONS];
    const char *search[MAX_OPTIONS];
} Options;

static void take_option(Options *o, Arena *arena, const char *word) {
    char *text = arena_strdup(arena, word);
    char *value = strchr(text, '=');
    if (!value) die("option '%s' has no value", word);
    *value++ = 0;
    if (!strcmp(text, "-network")) {
        o->frontend.network = value;
    } else if (!strcmp(text, "-search") && o->frontend.nsearch < MAX_OPTIONS) {
        o->search[o->frontend.nsearch++] = value;
    } else if (!strcmp(text, "-bind") && o->frontend.nbinds < MAX_OPTIONS && strchr(value, '=')) {
        char *number = strchr(value, '=');
        *number++ = 0;
        o->bind_names[o->frontend.nbinds] = value;
        o->bind_values[o->frontend.nbinds++] = strtoll(number, NULL, 10);
    } else {
        die("unknown option '%s'", word);
    }
}

static void read_options(Options *o, Arena *arena, const char *path) {
    static const char mark[] = "# options: ";
    char line[256] = "";
    FILE *file = fopen(path, "r");
    if (!file) die("cannot open '%s'", path);
    if (!fgets(line, sizeof(line), file)) line[0] = 0;
    fclose(file);
    o->frontend.bind_names = o->bind_names;
    o->frontend.bind_values = o->bind_values;
    o->frontend.search = o->search;
    if (strncmp(line, mark, strlen(mark)) != 0) return;
    for (char *word = strtok(line + strlen(mark), " \n"); word; word = strtok(NULL, " \n"))
        take_option(o, arena, word);
}

static bool update_expectation(Arena *arena, const char *path, const char *said) {
    Diag *diag = diag_create(arena, stderr);
    OutputFile file = output_file(path, said, strlen(said), 0644);
    return files_write(&file, 1, diag);
}

static bool matches(Arena *arena, const char *path, const char *said) {
    FileBytes bytes;
    Diag *diag = diag_create(arena, stderr);
    if (!file_read(arena, path, MAX_EXPECT_BYTES, &bytes, diag, (Span){0})) return false;
    if (bytes.size == strlen(said) && memcmp(bytes.data, said, bytes.size) == 0) return true;
    printf("%s: expected\n%s\n%s: found\n%s\n", path, (const char *)bytes.data, path, said);
    return false;
}

/* Loads one source; also checks that a result and a counted error exclude each other. */
static bool run(const char *path, bool update) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    Options options = {0};
    const char *const *imports;
    size_t nimports;
    read_options(&options, arena, path);
    const Module *module = frontend_load(path, &options.frontend, arena, diag, &imports, &nimports);
    bool sound = (module == NULL) == (diag_error_count(diag) > 0);
    if (!sound)
        printf("%s: %s a module, %d errors\n", path, module ? "with" : "without",
               diag_error_count(diag));
    const char *expectation = path_with_extension(arena, path, ".expect");
    sound = (update ? update_expectation(arena, expectation, diag_text(diag))
                    : matches(arena, expectation, diag_text(diag))) &&
            sound;
    arena_destroy(arena);
    return sound;
}

static int is_source(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return length > 3 && !strcmp(entry->d_name + length - 3, ".nn");
}

int main(int argc, char **argv) {
    struct dirent **entries;
    bool update = argc == 3 && !strcmp(argv[2], "-update");
    if (argc < 2 || chdir(argv[1]) != 0) {
        fprintf(stderr, "usage: run_diagnostics FOLDER [-update]\n");
        return EXIT_USAGE;
    }
    int count = scandir(".", &entries, is_source, alphasort), failed = 0;
    for (int i = 0; i < count; i++) {
        if (!run(entries[i]->d_name, update)) failed++;
        free(entries[i]);
    }
    free(entries);
    printf("%d sources, %d failed\n", count, failed);
    return count > 0 && failed == 0 ? 0 : 1;
}
