/* The syntax is make's, as gcc writes it and every other reader expects it: blank, '#' and ':' are
 * escaped by a backslash, '$' by itself, and a backslash only where it stands before an escaped
 * character. */
#include "driver/depfile.h"

#include <string.h>

static void append_escaped(StrBuf *out, const char *path) {
    size_t backslashes = 0;
    for (const char *c = path; *c; c++) {
        if (*c == '$') {
            str_putc(out, '$');
        } else if (strchr(" \t#:", *c)) {
            for (size_t i = 0; i < backslashes; i++) str_putc(out, '\\');
            str_putc(out, '\\');
        }
        backslashes = *c == '\\' ? backslashes + 1 : 0;
        str_putc(out, *c);
    }
}

static void append_input(StrBuf *out, const Dependencies *d, const char *path) {
    if (d->folder && path[0] != '/') {
        append_escaped(out, d->folder);
        str_putc(out, '/');
    }
    append_escaped(out, path);
}

static bool check_paths(const char *const *paths, size_t count, Diag *diag) {
    for (size_t i = 0; i < count; i++) {
        if (!strchr(paths[i], '\n')) continue;
        diag_error(diag, (Span){0}, "a dependency file cannot name '%s': its name has a newline",
                   paths[i]);
        return false;
    }
    return true;
}

bool depfile_format(const Dependencies *d, StrBuf *out, Diag *diag) {
    if (!check_paths(d->outputs, d->noutputs, diag) || !check_paths(d->inputs, d->ninputs, diag))
        return false;
    for (size_t i = 0; i < d->noutputs; i++) {
        if (i) str_putc(out, ' ');
        append_escaped(out, d->outputs[i]);
    }
    str_putc(out, ':');
    for (size_t i = 0; i < d->ninputs; i++) {
        str_putc(out, ' ');
        append_input(out, d, d->inputs[i]);
    }
    str_putc(out, '\n');
    for (size_t i = 1; i < d->ninputs; i++) {
        append_input(out, d, d->inputs[i]);
        str_append(out, ":\n");
    }
    return true;
}
