/* Files: reading whole, mapping, and writing so that a reader sees the old file or the new one,
 * never half of one. */
#ifndef NNC_IR_BASE_FILE_H
#define NNC_IR_BASE_FILE_H

#include "ir/base/diag.h"

/* Read-only bytes of a file, unmapped when the arena goes. Text that ends in no newline is
 * as it is. */
typedef struct FileBytes {
    const uint8_t *data; /* never null on success */
    size_t size;
} FileBytes;

/* Maps a regular file. On failure says why through diag (place: where the user named it)
 * and returns false. */
bool file_map(Arena *arena, const char *path, FileBytes *bytes, Diag *diag, Span place);
/* Reads a file or pipe of at most limit bytes into the arena; a terminating zero
 * follows the data. */
bool file_read(Arena *arena, const char *path, size_t limit, FileBytes *bytes, Diag *diag,
               Span place);
bool file_exists(const char *path);

typedef struct OutputPiece {
    const void *data;
    size_t size;
} OutputPiece;

/* One output of a set that appears together: data, then the parts, in order, which stay where they
 * are. mode: permission bits as for open(2). */
typedef struct OutputFile {
    const char *path;
    const void *data;
    size_t size;
    int mode;
    const OutputPiece *parts;
    size_t nparts;
} OutputFile;

static inline OutputFile output_file(const char *path, const void *data, size_t size, int mode) {
    return (OutputFile){.path = path, .data = data, .size = size, .mode = mode};
}
size_t output_bytes(const OutputFile *file);
/* The same file with its contents in one place. */
OutputFile output_joined(Arena *arena, const OutputFile *file);
/* Writes pieces to a descriptor, one after the other; 0 or an errno. */
int pieces_write(int fd, const OutputPiece *pieces, size_t count);

/* Writes every file beside its destination, syncs, then renames all; on any failure nothing is
 * replaced and the temporary files are gone. A path of "-" is standard output; a destination that
 * is a device or pipe is written in place. */
bool files_write(const OutputFile *files, size_t count, Diag *diag);

/* A file whose contents lie in several places, one piece after the other. */
typedef struct OutputPieces {
    const char *path;
    const OutputPiece *pieces;
    size_t count;
    int mode;
} OutputPieces;

/* files_write for files in pieces. */
bool files_write_pieces(const OutputPieces *files, size_t count, Diag *diag);

/* Writes a folder as a whole; the files' paths end in their names in it. What stands there is
 * replaced only where it is empty or was written by this function (a list in the folder says so);
 * what others put there since moves over to the new one. On failure nothing is replaced. */
bool folder_write(const char *path, const OutputFile *files, size_t count, Diag *diag);

/* path with the last extension of its last component replaced ("a/net.nn", ".o" -> "a/net.o"). */
char *path_with_extension(Arena *arena, const char *path, const char *extension);
char *path_join_dir(Arena *arena, const char *file_whose_dir, const char *relative);
const char *path_base(const char *path); /* last component */

#endif
