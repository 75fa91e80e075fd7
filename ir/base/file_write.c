/* Writing a set of files so that all of them appear, or none.
 *
 * First every file is written and synced under another name in the directory of its destination.
 * Only then are they renamed, one after the other. To undo renames where a later one fails, what
 * stood at a destination is kept under a second link until the end. Standard output, devices and
 * pipes cannot be undone: they are written between the two, when all that is likely to fail has
 * succeeded. */
#define _GNU_SOURCE
#include "ir/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One file on its way. All strings live in the arena of the call. */
typedef struct Pending {
    const OutputPieces *file;
    const char *destination; /* symbolic links resolved */
    bool in_place;
    bool renamed;
    char *temporary; /* null: none is there */
    char *backup;    /* second link to what stood at the destination; null: none is there */
} Pending;

static bool cannot_write(Diag *diag, const OutputPieces *file, int error) {
    diag_error(diag, (Span){0}, "cannot write '%s': %s", file->path, strerror(error));
    return false;
}

static int write_all(int fd, const void *data, size_t size) {
    const char *p = data;
    while (size > 0) {
        ssize_t written = write(fd, p, size);
        if (written < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        p += written;
        size -= (size_t)written;
    }
    return 0;
}

int pieces_write(int fd, const OutputPiece *pieces, size_t count) {
    int error = 0;
    for (size_t i = 0; i < count && !error; i++)
        error = write_all(fd, pieces[i].data, pieces[i].size);
    return error;
}

size_t output_bytes(const OutputFile *file) {
    size_t bytes = file->size;
    for (size_t i = 0; i < file->nparts; i++) bytes += file->parts[i].size;
    return bytes;
}

OutputFile output_joined(Arena *arena, const OutputFile *file) {
    uint8_t *whole = arena_alloc(arena, output_bytes(file)), *at = whole + file->size;
    memcpy(whole, file->data, file->size);
    for (size_t i = 0; i < file->nparts; i++) {
        memcpy(at, file->parts[i].data, file->parts[i].size);
        at += file->parts[i].size;
    }
    return output_file(file->path, whole, (size_t)(at - whole), file->mode);
}

/* Where the file goes and whether it is written in place; 0 or an errno. */
static int find_destination(Arena *arena, Pending *p) {
    struct stat status;
    p->destination = p->file->path;
    p->in_place = strcmp(p->file->path, "-") == 0;
    if (p->in_place) return 0;
    if (stat(p->file->path, &status) != 0) return errno == ENOENT ? 0 : errno;
    if (S_ISDIR(status.st_mode)) return EISDIR;
    p->in_place = !S_ISREG(status.st_mode);
    /* Renaming onto a link would replace the link, not what it names. */
    char *resolved = realpath(p->file->path, NULL);
    if (!resolved) return errno;
    p->destination = arena_strdup(arena, resolved);
    free(resolved);
    return 0;
}

/* A name in the directory of path that nothing has yet; attempt tells one try from the next. */
static char *sibling_name(Arena *arena, const char *path, unsigned attempt) {
    return path_join_dir(arena, path,
                         arena_printf(arena, ".nnc-%ld-%u.tmp", (long)getpid(), attempt));
}

enum { MAX_ATTEMPTS = 10000 };

static int create_temporary(Arena *arena, Pending *p, int *fd) {
    for (unsigned attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        char *name = sibling_name(arena, p->destination, attempt);
        *fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)p->file->mode);
        if (*fd >= 0) {
            p->temporary = name;
            return 0;
        }
        if (errno != EEXIST && errno != EINTR) return errno;
    }
    return EEXIST;
}

static int write_temporary(Arena *arena, Pending *p) {
    int fd, error = create_temporary(arena, p, &fd);
    if (error) return error;
    error = pieces_write(fd, p->file->pieces, p->file->count);
    /* Some file systems have no sync; that is no reason to refuse them. */
    if (!error && fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP) error = errno;
    if (close(fd) != 0 && !error && errno != EINTR) error = errno;
    return error;
}

static int write_in_place(const Pending *p) {
    if (strcmp(p->file->path, "-") == 0) {
        if (fflush(stdout) != 0) return errno;
        return pieces_write(STDOUT_FILENO, p->file->pieces, p->file->count);
    }
    int fd = open(p->destination, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    int error = pieces_write(fd, p->file->pieces, p->file->count);
    if (close(fd) != 0 && !error && errno != EINTR) error = errno;
    return error;
}

/* Keeps what stands at the destination. Where the file system has no links there is no backup, and
 * only a rename that fails after another one has succeeded could leave the set mixed. */
static void keep_backup(Arena *arena, Pending *p) {
    for (unsigned attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        char *name = sibling_name(arena, p->destination, attempt);
        if (link(p->destination, name) == 0) {
            p->backup = name;
            return;
        }
        if (errno != EEXIST) return;
    }
}

static int put_in_place(Arena *arena, Pending *p, bool undo_needed) {
    if (undo_needed) keep_backup(arena, p);
    if (rename(p->temporary, p->destination) != 0) return errno;
    p->temporary = NULL;
    p->renamed = true;
    return 0;
}

/* Takes back what was done for a file; what stood at its destination stands there again. */
static void undo(Pending *p) {
    if (p->temporary) unlink(p->temporary);
    if (p->renamed && p->backup) {
        if (rename(p->backup, p->destination) == 0) p->backup = NULL;
    } else if (p->renamed) {
        unlink(p->destination);
    }
    if (p->backup) unlink(p->backup);
}

/* Whether an earlier file of the set goes to the same place, of which one would be lost. */
static bool is_taken(const Pending *pending, size_t i) {
    for (size_t k = 0; k < i && !pending[i].in_place; k++)
        if (!pending[k].in_place && strcmp(pending[k].destination, pending[i].destination) == 0)
            return true;
    return false;
}

/* One step of all files, in order; stops at the first that fails and says so. */
static bool write_pending(Arena *arena, Pending *pending, size_t count, Diag *diag) {
    int error = 0;
    for (size_t i = 0; i < count; i++) {
        error = find_destination(arena, &pending[i]);
        if (!error && is_taken(pending, i)) {
            diag_error(diag, (Span){0}, "cannot write '%s': two outputs go there",
                       pending[i].file->path);
            return false;
        }
        if (!error && !pending[i].in_place) error = write_temporary(arena, &pending[i]);
        if (error) return cannot_write(diag, pending[i].file, error);
    }
    for (size_t i = 0; i < count; i++) {
        if (pending[i].in_place) error = write_in_place(&pending[i]);
        if (error) return cannot_write(diag, pending[i].file, error);
    }
    for (size_t i = 0; i < count; i++) {
        if (!pending[i].in_place) error = put_in_place(arena, &pending[i], count > 1);
        if (error) return cannot_write(diag, pending[i].file, error);
    }
    return true;
}

bool files_write_pieces(const OutputPieces *files, size_t count, Diag *diag) {
    Arena *arena = arena_create();
    Pending *pending = arena_array(arena, Pending, count);
    for (size_t i = 0; i < count; i++) pending[i].file = &files[i];
    bool good = write_pending(arena, pending, count, diag);
    for (size_t i = count; i-- > 0;) {
        if (!good)
            undo(&pending[i]);
        else if (pending[i].backup)
            unlink(pending[i].backup);
    }
    arena_destroy(arena);
    return good;
}

static OutputPieces in_pieces(Arena *arena, const OutputFile *file) {
    OutputPiece *pieces = arena_array(arena, OutputPiece, file->nparts + 1);
    pieces[0] = (OutputPiece){file->data, file->size};
    for (size_t i = 0; i < file->nparts; i++) pieces[i + 1] = file->parts[i];
    return (OutputPieces){file->path, pieces, file->nparts + 1, file->mode};
}

bool files_write(const OutputFile *files, size_t count, Diag *diag) {
    Arena *arena = arena_create();
    OutputPieces *whole = arena_array(arena, OutputPieces, count);
    for (size_t i = 0; i < count; i++) whole[i] = in_pieces(arena, &files[i]);
    bool good = files_write_pieces(whole, count, diag);
    arena_destroy(arena);
    return good;
}
