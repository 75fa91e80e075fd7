/* The front end's entry points. */
#include "frontend/frontend.h"

#include "frontend/elaborate.h"
#include "ir/base/file.h"

static FileSet file_set(const FrontendOptions *options, Arena *arena, Diag *diag) {
    return (FileSet){
        .arena = arena, .names = interner_create(arena), .diag = diag, .options = options};
}

/* Elaborates what was loaded unless a fault was found since errors were counted. */
static Module *finish(const FileSet *set, const SourceFile *file, int errors) {
    if (!file || diag_error_count(set->diag) > errors) return NULL;
    return elaborate(set, set->options);
}

Module *frontend_load(const char *path, const FrontendOptions *options, Arena *arena, Diag *diag,
                      const char *const **imports, size_t *nimports) {
    static const FrontendOptions none = {0};
    FileSet set = file_set(options ? options : &none, arena, diag);
    int errors = diag_error_count(diag);
    const SourceFile *file = files_load(&set, path);
    if (imports) {
        const char **paths = arena_array(arena, const char *, set.files.len);
        for (size_t i = 0; i < set.files.len; i++) paths[i] = set.files.data[i]->path;
        *imports = paths;
        *nimports = set.files.len;
    }
    return finish(&set, file, errors);
}

Module *frontend_load_text(const char *name, const char *text, size_t length,
                           const FrontendOptions *options, Arena *arena, Diag *diag) {
    static const FrontendOptions none = {0};
    FileSet set = file_set(options ? options : &none, arena, diag);
    int errors = diag_error_count(diag);
    const SourceFile *file = files_load_text(&set, name, text, length);
    return finish(&set, file, errors);
}

bool frontend_print_ast(const char *path, StrBuf *out, Arena *arena, Diag *diag) {
    FileBytes bytes;
    int errors = diag_error_count(diag);
    if (!file_read(arena, path, MAX_SOURCE_BYTES, &bytes, diag, (Span){0})) return false;
    const Source *source = diag_add_source(diag, path, (const char *)bytes.data, bytes.size);
    const FileAst *file = ast_parse(source, arena, interner_create(arena), diag);
    if (file && diag_error_count(diag) == errors) ast_print(file, out);
    return file && diag_error_count(diag) == errors;
}
