/* Writing a folder so that all of it appears, or nothing.
 *
 * A folder that nnc wrote holds a file that lists what nnc put there. Only such a folder, or an
 * empty one, is ever replaced: the new one is written beside it, the two change places at once, and
 * what the list does not name (a tool's results, notes) moves over. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ir/base/file.h"

#define LIST_NAME ".nnc-files"
#define LIST_HEAD "nnc folder 1 "

typedef struct Folder {
    Arena *arena;
    Diag *diag;
    const char *path; /* as the user named it */
    const OutputFile *files;
    size_t count;
    const char *place;     /* symbolic links resolved */
    const char *temporary; /* null: none is there */
    bool replaces;
    const char *old_list; /* text of the list of what stands there; "" where there is none */
} Folder;

static bool cannot(const Folder *f, const char *why) {
    diag_error(f->diag, (Span){0}, "cannot write '%s': %s", f->path, why);
    return false;
}

static const char *inside(const Folder *f, const char *folder, const char *name) {
    return arena_printf(f->arena, "%s/%s", folder, name);
}

static bool is_dot(const char *name) {
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Whether a line of the list after its head is that name. */
static bool is_listed(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *line = strchr(list, '\n'); line; line = strchr(line, '\n')) {
        line++;
        if (strncmp(line, name, length) == 0 && line[length] == '\n') return true;
    }
    return false;
}

static bool is_new(const Folder *f, const char *name) {
    for (size_t i = 0; i < f->count; i++) {
        if (strcmp(path_base(f->files[i].path), name) == 0) return true;
    }
    return false;
}

/* ---- what stands there ----------------------------------------------------------------------- */

static bool read_list(Folder *f) {
    enum { MOST_BYTES = 1 << 20 };
    FileBytes bytes;
    const char *path = inside(f, f->place, LIST_NAME);
    struct stat status;
    f->old_list = "";
    if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode)) return true;
    if (!file_read(f->arena, path, MOST_BYTES, &bytes, f->diag, (Span){0})) return false;
    const char *text = (const char *)bytes.data;
    if (strncmp(text, LIST_HEAD, strlen(LIST_HEAD)) == 0) f->old_list = text;
    return true;
}

/* A folder is replaced only where nothing of anybody else's is lost. */
static bool may_replace(Folder *f) {
    DIR *dir = opendir(f->place);
    bool ok = true;
    if (!dir) return cannot(f, strerror(errno));
    if (!read_list(f)) ok = false;
    for (struct dirent *e; ok && (e = readdir(dir)) != NULL;) {
        if (is_dot(e->d_name)) continue;
        if (!*f->old_list) {
            ok = cannot(f, "the folder holds files that nnc did not write; name another with -o");
        } else if (is_new(f, e->d_name) && !is_listed(f->old_list, e->d_name)) {
            ok = cannot(f, arena_printf(f->arena, "'%s' in it is not nnc's", e->d_name));
        }
    }
    closedir(dir);
    return ok;
}

static bool is_above_current(const Folder *f) {
    char *current = getcwd(NULL, 0);
    size_t length = strlen(f->place);
    bool above = current && strncmp(current, f->place, length) == 0 &&
                 (current[length] == '/' || !current[length]);
    free(current);
    return above;
}

static bool find_place(Folder *f) {
    struct stat status;
    char *path = arena_strdup(f->arena, f->path);
    for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--) path[n - 1] = '\0';
    f->place = path;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT || cannot(f, strerror(errno));
    }
    char *resolved = realpath(path, NULL);
    if (!resolved) return cannot(f, strerror(errno));
    f->place = arena_strdup(f->arena, resolved);
    free(resolved);
    if (stat(f->place, &status) != 0) return cannot(f, strerror(errno));
    if (!S_ISDIR(status.st_mode)) return cannot(f, "a folder is written, and a file is there");
    if (is_above_current(f)) return cannot(f, "the current folder lies in it");
    f->replaces = true;
    return may_replace(f);
}

/* ---- the new one ----------------------------------------------------------------------------- */

static bool make_temporary(Folder *f) {
    for (unsigned attempt = 0; attempt < 10000; attempt++) {
        char *name = path_join_dir(
            f->arena, f->place, arena_printf(f->arena, ".nnc-%ld-%u.tmp", (long)getpid(), attempt));
        if (mkdir(name, 0777) == 0) {
            f->temporary = name;
            return true;
        }
        if (errno != EEXIST) return cannot(f, strerror(errno));
    }
    return cannot(f, strerror(EEXIST));
}

static bool write_files(Folder *f) {
    OutputFile *inner = arena_array(f->arena, OutputFile, f->count + 1);
    StrBuf list = {0};
    uint64_t hash = 0;
    for (size_t i = 0; i < f->count; i++) {
        const char *name = path_base(f->files[i].path);
        hash = hash_bytes(f->files[i].data, f->files[i].size, hash_bytes(name, strlen(name), hash));
        for (size_t k = 0; k < f->files[i].nparts; k++)
            hash = hash_bytes(f->files[i].parts[k].data, f->files[i].parts[k].size, hash);
    }
    str_printf(&list, LIST_HEAD "%016llx\n" LIST_NAME "\n", (unsigned long long)hash);
    for (size_t i = 0; i < f->count; i++) {
        const char *name = path_base(f->files[i].path);
        str_printf(&list, "%s\n", name);
        inner[i] = f->files[i];
        inner[i].path = inside(f, f->temporary, name);
    }
    inner[f->count] = output_file(inside(f, f->temporary, LIST_NAME), list.data, list.len, 0644);
    bool ok = files_write(inner, f->count + 1, f->diag);
    str_free(&list);
    return ok;
}

static void remove_temporary(const Folder *f) {
    for (size_t i = 0; i < f->count; i++) {
        unlink(inside(f, f->temporary, path_base(f->files[i].path)));
    }
    unlink(inside(f, f->temporary, LIST_NAME));
    rmdir(f->temporary);
}

/* The old folder is then where the new one was. */
static int change_places(const Folder *f) {
    if (renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->place, RENAME_EXCHANGE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    const char *aside = arena_printf(f->arena, "%s.old", f->temporary);
    if (rename(f->place, aside) != 0) return errno;
    if (rename(f->temporary, f->place) != 0) {
        int error = errno;
        return rename(aside, f->place) == 0 ? error : errno;
    }
    return rename(aside, f->temporary) == 0 ? 0 : errno;
}

/* What is left of the old folder: nnc's own goes, the rest moves over. */
static bool empty_old(const Folder *f) {
    VEC(const char *) names = {0};
    DIR *dir = opendir(f->temporary);
    if (!dir) return cannot(f, strerror(errno));
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (!is_dot(e->d_name)) {
            vec_push(f->arena, &names, arena_strdup(f->arena, e->d_name));
        }
    }
    closedir(dir);
    for (size_t i = 0; i < names.len; i++) {
        const char *old = inside(f, f->temporary, names.data[i]);
        if (is_listed(f->old_list, names.data[i]) && unlink(old) == 0) continue;
        if (rename(old, inside(f, f->place, names.data[i])) != 0) return cannot(f, strerror(errno));
    }
    return rmdir(f->temporary) == 0 || cannot(f, strerror(errno));
}

bool folder_write(const char *path, const OutputFile *files, size_t count, Diag *diag) {
    Arena *arena = arena_create();
    Folder f = {.arena = arena, .diag = diag, .path = path, .files = files, .count = count};
    bool ok = find_place(&f) && make_temporary(&f);
    if (ok) {
        ok = write_files(&f);
        int error = 0;
        if (ok) error = f.replaces ? change_places(&f) : rename(f.temporary, f.place) ? errno : 0;
        if (error) ok = cannot(&f, strerror(error));
        if (!ok) remove_temporary(&f);
        if (ok && f.replaces) ok = empty_old(&f);
    }
    arena_destroy(arena);
    return ok;
}
