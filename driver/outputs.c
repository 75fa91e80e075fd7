/* Outputs never replace what they were made from: a slip such as `-o net.nn` would cost the source. */
#define _GNU_SOURCE
#include "driver/outputs.h"

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "driver/depfile.h"

static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static bool is_input(const Compilation *c, const char *path) {
    const char *const *sources = c->nsources ? c->sources : &c->options->file;
    size_t nsources = c->nsources ? c->nsources : 1;
    for (size_t i = 0; i < nsources; i++) {
        if (same_file(path, sources[i])) return true;
    }
    for (size_t i = 0; i < c->options->inputs.len; i++) {
        if (same_file(path, c->options->inputs.data[i].text)) return true;
    }
    return false;
}

static bool spare_input(const Compilation *c, const char *path) {
    if (!is_input(c, path)) return true;
    diag_error(c->diag, (Span){0}, "cannot write '%s': it is an input of this command", path);
    return false;
}

static bool spare_inputs(const Compilation *c, const OutputFile *files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!spare_input(c, files[i].path)) return false;
    }
    return true;
}

bool outputs_write(const Compilation *c, const OutputFile *files, size_t count) {
    return spare_inputs(c, files, count) && files_write(files, count, c->diag);
}

bool outputs_write_pieces(const Compilation *c, const OutputPieces *files, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!spare_input(c, files[i].path)) return false;
    }
    return files_write_pieces(files, count, c->diag);
}

bool outputs_write_all(const Compilation *c, const Artifacts *artifacts) {
    const OutputFile *files = artifacts->files.data;
    size_t count = artifacts->files.len, inside = artifacts->folder ? artifacts->folder_files : 0;
    if (!spare_inputs(c, files, count)) return false;
    if (inside > 0 && !folder_write(artifacts->folder, files, inside, c->diag)) return false;
    return inside == count || files_write(files + inside, count - inside, c->diag);
}

/* A build system that names the dependency file absolutely may read it in any folder, so the names
 * in it are absolute then. */
bool outputs_depfile(Compilation *c, const char *const *outputs, size_t count, OutputFile *file) {
    const char *path = c->options->depfile;
    if (strcmp(outputs[0], "-") == 0) {
        options_complain("-MF needs an output file: name one with -o");
        return fail(c, EXIT_USAGE);
    }
    char folder[PATH_MAX];
    Dependencies dependencies = {
        .outputs = outputs,
        .noutputs = count,
        .inputs = c->nsources ? c->sources : &c->options->file,
        .ninputs = c->nsources ? c->nsources : 1,
        .folder = path[0] == '/' ? getcwd(folder, sizeof folder) : NULL,
    };
    StrBuf text = {0};
    bool ok = depfile_format(&dependencies, &text, c->diag);
    if (ok) *file = output_file(path, arena_strdup(c->arena, str_text(&text)), text.len, 0644);
    str_free(&text);
    return ok || fail(c, EXIT_INPUT);
}
