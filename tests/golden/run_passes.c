/* Golden dumps of passes: tests/golden/passes/PASS/NAME.nn is loaded with random weights, run
 * through the pipeline up to PASS and printed; NAME.expect beside it holds that text.
 *
 *   run_passes tests/golden/passes [-update]
 *
 * The pipeline is the default one of -O2 up to and with PASS, the name of the file's folder; a
 * first line `# passes: a,b` names another. `# fp: fast` and `# quantize: D` are -fp and
 * -quantize=delta:D. -update writes the .expect files instead of comparing.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "ir/base/file.h"
#include "passes/pass.h"

enum { SOURCE_LIMIT = 1 << 20, MAX_PASSES = 64 };

/* A machine with vectors of 16 floats; fixed, so that the dumps are the same everywhere. */
static const TargetDesc target = {
    .name = "golden",
    .vector_bits = 512,
    .vector_registers = 32,
    .masked_tails = true,
    .broadcast_operand = true,
    .fma = true,
    .fma_ports = 2,
    .multi_stage = true,
    .l1_bytes = 48 << 10,
    .l2_bytes = 2 << 20,
    .cores = 2,
};

typedef struct Case {
    Arena *arena;
    Diag *diag;
    const char *path; /* of the .nn file */
    const char *pass; /* name of its folder */
    const char *text;
    size_t length;
} Case;

static bool fail(const Case *c, const char *what) {
    fprintf(stderr, "%s: %s\n%s", c->path, what, diag_text(c->diag));
    return false;
}

static const char *folder_name(Arena *arena, const char *path) {
    const char *base = path_base(path);
    char *folder = arena_strndup(arena, path, (size_t)(base - path) - 1);
    return path_base(folder);
}

/* The value of a `# key: value` line at the beginning of the file, or null. */
static const char *header(const Case *c, const char *key) {
    const char *mark = arena_printf(c->arena, "# %s: ", key);
    for (const char *line = c->text; *line == '#';) {
        size_t length = strcspn(line, "\n");
        if (!strncmp(line, mark, strlen(mark)))
            return arena_strndup(c->arena, line + strlen(mark), length - strlen(mark));
        line += length + (line[length] == '\n');
    }
    return NULL;
}

/* Returns the number of passes, 0 after a message. */
static size_t choose_passes(const Case *c, const Pass **list) {
    const char *names = header(c, "passes");
    size_t count = 0;
    if (!names) {
        size_t all = passes_default(2, list);
        while (count < all && strcmp(list[count]->name, c->pass) != 0) count++;
        if (count == all) fail(c, "the folder is not named like a pass of -O2");
        return count == all ? 0 : count + 1;
    }
    while (*names && count < MAX_PASSES) {
        size_t length = strcspn(names, ",");
        const char *name = arena_strndup(c->arena, names, length);
        list[count] = pass_find(name);
        if (!list[count++]) return fail(c, name), 0;
        names += length + (names[length] == ',');
    }
    return count;
}

/* Loads, runs the passes and prints; the report of quantization comes first. */
static bool produce(const Case *c, StrBuf *out) {
    static const FrontendOptions no_options = {0};
    const Pass *list[MAX_PASSES];
    Module *module =
        frontend_load_text(path_base(c->path), c->text, c->length, &no_options, c->arena, c->diag);
    if (!module) return fail(c, "does not load");
    params_random(module->graph, 0);
    StrBuf report = {0};
    PassContext context = {.module = module, .target = &target, .diag = c->diag, .report = &report};
    const char *step = header(c, "quantize");
    if (step) context.options.quantize_delta = strtod(step, NULL);
    const char *precision = header(c, "precision");
    context.options.bf16 = precision && !strcmp(precision, "bf16");
    const char *fp = header(c, "fp");
    context.options.fp_fast = fp && !strcmp(fp, "fast");
    size_t count = choose_passes(c, list);
    const PassInspector inspector = {.verify = true};
    bool sound = count > 0 && passes_run(&context, module->graph, list, count, &inspector);
    str_append(out, str_text(&report));
    str_free(&report);
    if (count && !sound) return fail(c, "a pass failed");
    if (sound) graph_print(module->graph, out);
    return sound;
}

static bool compare(const Case *c, const char *expected_path, const StrBuf *got) {
    FileBytes expected;
    if (!file_read(c->arena, expected_path, SOURCE_LIMIT, &expected, c->diag, (Span){0}))
        return fail(c, "no expectation (-update writes it)");
    if (expected.size == got->len && !memcmp(expected.data, got->data, got->len)) return true;
    fprintf(stderr, "%s: the dump differs from %s; this is what came out:\n%s", c->path,
            expected_path, str_text(got));
    return false;
}

static bool run_case(const char *path, bool update) {
    Case c = {.arena = arena_create(), .path = path};
    c.diag = diag_create(c.arena, NULL);
    c.pass = folder_name(c.arena, path);
    FileBytes source;
    StrBuf got = {0};
    bool passed = file_read(c.arena, path, SOURCE_LIMIT, &source, c.diag, (Span){0});
    if (!passed) fail(&c, "cannot be read");
    c.text = (const char *)source.data;
    c.length = source.size;
    passed = passed && produce(&c, &got);
    const char *expected = path_with_extension(c.arena, path, ".expect");
    if (passed && update) {
        OutputFile file = output_file(expected, got.data, got.len, 0644);
        passed = files_write(&file, 1, c.diag);
    } else if (passed) {
        passed = compare(&c, expected, &got);
    }
    str_free(&got);
    arena_destroy(c.arena);
    return passed;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Paths of what the folder holds under names that end in suffix, in order; the number of them. */
static size_t list(Arena *arena, const char *folder, const char *suffix, char ***paths) {
    VEC(char *) found = {0};
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *name = entry->d_name;
        size_t length = strlen(name), tail = strlen(suffix);
        if (name[0] == '.' || length < tail || strcmp(name + length - tail, suffix) != 0) continue;
        vec_push(arena, &found, arena_printf(arena, "%s/%s", folder, name));
    }
    if (dir) closedir(dir);
    if (found.len) qsort(found.data, found.len, sizeof *found.data, by_name);
    *paths = found.data;
    return found.len;
}

int main(int argc, char **argv) {
    bool update = argc == 3 && !strcmp(argv[2], "-update");
    if (argc < 2 || (argc == 3 && !update) || argc > 3) {
        fprintf(stderr, "usage: run_passes FOLDER [-update]\n");
        return 2;
    }
    Arena *arena = arena_create();
    char **folders, **files;
    size_t cases = 0, failed = 0;
    size_t nfolders = list(arena, argv[1], "", &folders);
    for (size_t i = 0; i < nfolders; i++) {
        size_t nfiles = list(arena, folders[i], ".nn", &files);
        for (size_t k = 0; k < nfiles; k++) failed += !run_case(files[k], update);
        cases += nfiles;
    }
    arena_destroy(arena);
    printf("%zu cases, %zu failed\n", cases, failed);
    return failed > 0 || cases == 0;
}
