/* Files: reading them, following their imports, and finding out which blocks each can call.
 *
 * An import names a file relative to the importing file's folder, then to each folder of the search
 * path. It never leaves these folders: not by `..`, not by an absolute path, not through a symbolic
 * link. */
#define _GNU_SOURCE
#include "frontend/elaborate.h"

#include "ir/base/file.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_IMPORT_DEPTH = 64, MAX_FILES = 1000 };

/* ---- paths ---- */

static const char *real_path(Arena *arena, const char *path) {
    char *resolved = realpath(path[0] ? path : ".", NULL);
    if (!resolved) return NULL;
    const char *copy = arena_strdup(arena, resolved);
    free(resolved);
    return copy;
}

static bool climbs(const char *path) {
    for (const char *part = path; part; part = strchr(part, '/')) {
        if (*part == '/') part++;
        size_t length = strcspn(part, "/");
        if (length == 2 && strncmp(part, "..", 2) == 0) return true;
        if (length == 0) break;
    }
    return false;
}

/* Whether the file really lies in the folder or below it. */
static bool is_within(const char *real_file, const char *real_folder) {
    size_t length = strlen(real_folder);
    if (strcmp(real_folder, "/") == 0) return true;
    return strncmp(real_file, real_folder, length) == 0 && real_file[length] == '/';
}

static const char *folder_of(Arena *arena, const char *path) {
    size_t length = (size_t)(path_base(path) - path);
    return arena_strndup(arena, path, length);
}

/* "folder/relative", or relative in the current folder. */
static const char *in_folder(Arena *arena, const char *folder, const char *relative) {
    size_t length = strlen(folder);
    const char *slash = length > 0 && folder[length - 1] != '/' ? "/" : "";
    return arena_printf(arena, "%s%s%s", folder, slash, relative);
}

/* ---- blocks that a file sees ---- */

static void add_block(FileSet *set, SourceFile *file, const VisibleBlock *block, Span span) {
    const char *name = block->decl->name.text;
    const VisibleBlock *first = name_map_get(&file->blocks, name);
    if (first && first->decl != block->decl) {
        diag_error(set->diag, span, "there is a block '%s' already", name);
        diag_note(set->diag, first->decl->name.span, "the first is here");
    } else if (!first) {
        VisibleBlock *copy = arena_new(set->arena, VisibleBlock);
        *copy = *block;
        name_map_put(set->arena, &file->blocks, name, copy);
        vec_push(set->arena, &file->block_names, name);
    }
}

static void check_block_parameter(FileSet *set, const ParamDecl *param, NameMap *seen) {
    static const char *const reserved[] = {"name", "share"};
    Name name = param->name;
    for (size_t k = 0; k < COUNT_OF(reserved); k++)
        if (strcmp(name.text, reserved[k]) == 0)
            diag_error(set->diag, name.span,
                       "a block's parameter cannot be named '%s': every call takes %s=", name.text,
                       name.text);
    if (name_map_get(seen, name.text))
        diag_error(set->diag, name.span, "two parameters are named '%s'", name.text);
    name_map_put(set->arena, seen, name.text, seen);
}

static void check_block(FileSet *set, const BlockDecl *block) {
    NameMap seen = {0};
    for (size_t i = 0; block->params && i < block->params->len; i++) {
        const ParamDecl *param = &block->params->data[i];
        check_block_parameter(set, param, &seen);
        if (i > 0 && !param->initial && param[-1].initial)
            diag_error(set->diag, param->name.span,
                       "the parameter '%s' needs a default, as those before it have one",
                       param->name.text);
    }
}

static void add_own_blocks(FileSet *set, SourceFile *file) {
    for (size_t i = 0; i < file->ast->blocks.len; i++) {
        const BlockDecl *decl = file->ast->blocks.data[i];
        check_block(set, decl);
        add_block(set, file, &(VisibleBlock){decl, file}, decl->name.span);
    }
}

static void check_networks(FileSet *set, const FileAst *ast) {
    NameMap seen = {0};
    for (size_t i = 0; i < ast->networks.len; i++) {
        NetworkDecl *network = ast->networks.data[i];
        const NetworkDecl *first = name_map_get(&seen, network->name.text);
        if (first) {
            diag_error(set->diag, network->name.span, "there is a network '%s' already",
                       network->name.text);
            diag_note(set->diag, first->name.span, "the first is here");
        }
        name_map_put(set->arena, &seen, network->name.text, network);
    }
}

/* ---- loading ---- */

static void load_imports(FileSet *set, SourceFile *file);

static SourceFile *add_file(FileSet *set, const char *path, const char *real, SourceFile *importer,
                            const char *text, size_t length) {
    SourceFile *file = arena_new(set->arena, SourceFile);
    const Source *source = diag_add_source(set->diag, path, text, length);
    *file = (SourceFile){.path = path, .real_path = real, .importer = importer, .loading = true};
    file->ast = ast_parse(source, set->arena, set->names, set->diag);
    if (!file->ast) return NULL;
    vec_push(set->arena, &set->files, file);
    add_own_blocks(set, file);
    check_networks(set, file->ast);
    load_imports(set, file);
    file->loading = false;
    return file;
}

static SourceFile *find_loaded(const FileSet *set, const char *real) {
    for (size_t i = 0; i < set->files.len; i++) {
        SourceFile *file = set->files.data[i];
        if (file->real_path && strcmp(file->real_path, real) == 0) return file;
    }
    return NULL;
}

static void report_cycle(FileSet *set, const SourceFile *from, const SourceFile *to, Span span) {
    const char *chain = to->path;
    for (const SourceFile *file = from; file && file != to; file = file->importer)
        chain = arena_printf(set->arena, "%s -> %s", file->path, chain);
    diag_error(set->diag, span, "imports form a cycle: %s -> %s", to->path, chain);
}

/* The folder in which the import is found, "" for the current one; null: in none. */
static const char *find_folder(FileSet *set, const SourceFile *importer, const char *relative) {
    const char *own = folder_of(set->arena, importer->path);
    if (file_exists(in_folder(set->arena, own, relative))) return own;
    for (int i = 0; i < set->options->nsearch; i++)
        if (file_exists(in_folder(set->arena, set->options->search[i], relative)))
            return set->options->search[i];
    return NULL;
}

static SourceFile *open_import(FileSet *set, SourceFile *importer, const char *path,
                               const char *real, Span span) {
    SourceFile *loaded = find_loaded(set, real);
    if (loaded && loaded->loading) {
        report_cycle(set, importer, loaded, span);
        return NULL;
    }
    if (loaded) return loaded;
    int depth = 0;
    for (const SourceFile *file = importer; file; file = file->importer) depth++;
    if (depth >= MAX_IMPORT_DEPTH || set->files.len >= MAX_FILES) {
        diag_error(set->diag, span, "too many imports: at most %d deep and %d files",
                   MAX_IMPORT_DEPTH, MAX_FILES);
        return NULL;
    }
    FileBytes bytes;
    if (!file_read(set->arena, path, MAX_SOURCE_BYTES, &bytes, set->diag, span)) return NULL;
    return add_file(set, path, real, importer, (const char *)bytes.data, bytes.size);
}

static SourceFile *load_import(FileSet *set, SourceFile *importer, const ImportDecl *import) {
    const char *relative = import->path.text;
    Span span = import->path.span;
    if (relative[0] == '/' || climbs(relative)) {
        diag_error(set->diag, span,
                   "an import is relative and has no '..': \"%s\" leaves the search path",
                   relative);
        return NULL;
    }
    const char *folder = find_folder(set, importer, relative);
    if (!folder) {
        diag_error(set->diag, span, "there is no file \"%s\" beside '%s'%s", relative,
                   importer->path, set->options->nsearch > 0 ? " or in the search path" : "");
        return NULL;
    }
    const char *path = in_folder(set->arena, folder, relative);
    const char *real = real_path(set->arena, path), *real_folder = real_path(set->arena, folder);
    if (!real || !real_folder || !is_within(real, real_folder)) {
        diag_error(set->diag, span, "\"%s\" leads outside the search path through a symbolic link",
                   relative);
        return NULL;
    }
    return open_import(set, importer, path, real, span);
}

static void load_imports(FileSet *set, SourceFile *file) {
    for (size_t i = 0; i < file->ast->imports.len && !diag_full(set->diag); i++) {
        const ImportDecl *import = &file->ast->imports.data[i];
        SourceFile *imported = load_import(set, file, import);
        if (!imported) continue;
        for (size_t k = 0; k < imported->ast->blocks.len; k++)
            add_block(set, file, &(VisibleBlock){imported->ast->blocks.data[k], imported},
                      import->path.span);
    }
}

SourceFile *files_load(FileSet *set, const char *path) {
    FileBytes bytes;
    if (!file_read(set->arena, path, MAX_SOURCE_BYTES, &bytes, set->diag, (Span){0})) return NULL;
    return add_file(set, path, real_path(set->arena, path), NULL, (const char *)bytes.data,
                    bytes.size);
}

SourceFile *files_load_text(FileSet *set, const char *name, const char *text, size_t length) {
    return add_file(set, name, NULL, NULL, text, length);
}
