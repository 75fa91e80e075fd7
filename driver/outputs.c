/* Outputs never replace what they were made from: a slip such as `-o net.nn` would cost the source. */
#include "driver/outputs.h"

#include <sys/stat.h>

static bool same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

bool outputs_write(const Compilation *c, const Artifacts *artifacts) {
    const char *const *sources = c->nsources ? c->sources : &c->options->file;
    size_t nsources = c->nsources ? c->nsources : 1;
    for (size_t i = 0; i < artifacts->files.len; i++) {
        const char *path = artifacts->files.data[i].path;
        for (size_t s = 0; s < nsources; s++) {
            if (!same_file(path, sources[s])) continue;
            diag_error(c->diag, (Span){0}, "cannot write '%s': it is an input of this compilation",
                       path);
            return false;
        }
    }
    size_t inside = artifacts->folder ? artifacts->folder_files : 0;
    if (inside > 0 && !folder_write(artifacts->folder, artifacts->files.data, inside, c->diag)) {
        return false;
    }
    return inside == artifacts->files.len ||
           files_write(artifacts->files.data + inside, artifacts->files.len - inside, c->diag);
}
