/* Names of files. */
#include "ir/base/file.h"

#include <string.h>

const char *path_base(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *path_with_extension(Arena *arena, const char *path, const char *extension) {
    const char *base = path_base(path);
    const char *dot = strrchr(base, '.');
    /* The dot that hides a file (".net") begins no extension. */
    size_t stem = dot && dot != base ? (size_t)(dot - path) : strlen(path);
    return arena_printf(arena, "%s%s", arena_strndup(arena, path, stem), extension);
}

char *path_join_dir(Arena *arena, const char *file_whose_dir, const char *relative) {
    if (relative[0] == '/') return arena_strdup(arena, relative);
    size_t dir = (size_t)(path_base(file_whose_dir) - file_whose_dir);
    return arena_printf(arena, "%s%s", arena_strndup(arena, file_whose_dir, dir), relative);
}
