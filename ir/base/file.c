/* Reading files: mapped, or copied where a pipe is as good as a file. */
#define _GNU_SOURCE
#include "ir/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool cannot_read(Diag *diag, Span place, const char *path, const char *why) {
    diag_error(diag, place, "cannot read '%s': %s", path, why);
    return false;
}

typedef struct Mapping {
    void *address;
    size_t size;
} Mapping;

static void unmap(void *object) {
    const Mapping *mapping = object;
    munmap(mapping->address, mapping->size);
}

/* Maps an open regular file; 0 or an errno. */
static int map_descriptor(Arena *arena, int fd, size_t size, FileBytes *bytes) {
    static const uint8_t nothing[1] = {0};
    *bytes = (FileBytes){.data = nothing, .size = size};
    if (size == 0) return 0; /* mmap refuses an empty range */
    void *address = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) return errno;
    Mapping *mapping = arena_new(arena, Mapping);
    *mapping = (Mapping){.address = address, .size = size};
    arena_on_destroy(arena, unmap, mapping);
    bytes->data = address;
    return 0;
}

bool file_map(Arena *arena, const char *path, FileBytes *bytes, Diag *diag, Span place) {
    /* Not to wait for the writer of a named pipe that will be refused anyway. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return cannot_read(diag, place, path, strerror(errno));
    struct stat status;
    const char *why = NULL;
    if (fstat(fd, &status) != 0) {
        why = strerror(errno);
    } else if (S_ISDIR(status.st_mode)) {
        why = strerror(EISDIR);
    } else if (!S_ISREG(status.st_mode)) {
        why = "Not a regular file";
    } else if ((uintmax_t)status.st_size > SIZE_MAX) {
        why = strerror(EFBIG);
    } else {
        int error = map_descriptor(arena, fd, (size_t)status.st_size, bytes);
        if (error) why = strerror(error);
    }
    close(fd);
    return why ? cannot_read(diag, place, path, why) : true;
}

/* Reads until the end or until more than limit bytes are there; 0 or an errno. */
static int read_all(int fd, size_t limit, StrBuf *text) {
    char block[64 * 1024];
    while (text->len <= limit) {
        ssize_t got = read(fd, block, sizeof(block));
        if (got == 0) return 0;
        if (got > 0)
            str_append_n(text, block, (size_t)got);
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

bool file_read(Arena *arena, const char *path, size_t limit, FileBytes *bytes, Diag *diag,
               Span place) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return cannot_read(diag, place, path, strerror(errno));
    StrBuf text = {0};
    int error = read_all(fd, limit, &text);
    close(fd);
    bool good = false;
    if (error) {
        cannot_read(diag, place, path, strerror(error));
    } else if (text.len > limit) {
        diag_error(diag, place, "'%s' is larger than the %zu bytes that are accepted here", path,
                   limit);
    } else {
        good = true;
        const char *copy = arena_strndup(arena, str_text(&text), text.len);
        *bytes = (FileBytes){.data = (const uint8_t *)copy, .size = text.len};
    }
    str_free(&text);
    return good;
}

bool file_exists(const char *path) {
    return access(path, F_OK) == 0;
}
