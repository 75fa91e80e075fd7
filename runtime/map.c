#define _POSIX_C_SOURCE 200809L
#include "map.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

nn_status nn_map_file(const char *path, nn_map *map) {
    struct stat info;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return NN_IO;
    void *data = MAP_FAILED;
    if (fstat(file, &info) == 0) {
        if (!S_ISREG(info.st_mode) || info.st_size <= 0) {
            errno = EINVAL;
        } else {
            data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
        }
    }
    int error = errno;
    close(file);
    errno = error;
    if (data == MAP_FAILED) return NN_IO;
    *map = (nn_map){data, (size_t)info.st_size};
    return NN_OK;
}

void nn_unmap_file(nn_map *map) {
    if (map->data) munmap((void *)(uintptr_t)map->data, map->size);
    *map = (nn_map){0};
}
