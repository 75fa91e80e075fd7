/* A file mapped for reading. */
#ifndef NN_MAP_H
#define NN_MAP_H

#include "nn/nn.h"

typedef struct nn_map {
    const uint8_t *data; /* page aligned */
    size_t size;
} nn_map;

/* NN_IO with errno set where the path is no readable, non-empty regular file. */
nn_status nn_map_file(const char *path, nn_map *map);
void nn_unmap_file(nn_map *map);

#endif
