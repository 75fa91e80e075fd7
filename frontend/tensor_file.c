/* Sets of named tensors: what the formats share. */
#include <stdlib.h>
#include <string.h>

#include "frontend/dataio_private.h"

typedef struct Named {
    const char *name;
    Tensor tensor;
} Named;

static int by_name(const void *a, const void *b) {
    return strcmp(((const Named *)a)->name, ((const Named *)b)->name);
}

bool tensor_file_sort(Arena *arena, TensorFile *file, const char *path, Diag *diag) {
    Named *all = arena_array(arena, Named, file->count);
    const char **names = arena_array(arena, const char *, file->count);
    Tensor *tensors = arena_array(arena, Tensor, file->count);
    for (size_t i = 0; i < file->count; i++) all[i] = (Named){file->names[i], file->tensors[i]};
    if (file->count > 0) qsort(all, file->count, sizeof *all, by_name);
    for (size_t i = 0; i < file->count; i++) {
        names[i] = all[i].name;
        tensors[i] = all[i].tensor;
        if (i == 0 || strcmp(names[i - 1], names[i]) != 0) continue;
        diag_error(diag, (Span){0}, "'%s' has two tensors called '%s'", path, names[i]);
        return false;
    }
    file->names = names;
    file->tensors = tensors;
    return true;
}

const Tensor *tensor_file_find(const TensorFile *file, const char *name) {
    size_t low = 0, high = file->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, file->names[middle]);
        if (order == 0) return &file->tensors[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

bool tensor_contents_valid(const Tensor *tensor, const char *file, const char *name, Diag *diag) {
    uint8_t least = 0, greatest = 1; /* of the byte; i4 counts from -8 */
    if (tensor->dtype == DT_u4 || tensor->dtype == DT_i4)
        greatest = 15;
    else if (tensor->dtype != DT_bool)
        return true;
    if (tensor->dtype == DT_i4) least = 8;
    const uint8_t *bytes = tensor->data;
    for (size_t i = 0; i < tensor->bytes; i++) {
        if ((uint8_t)(bytes[i] + least) <= greatest) continue;
        diag_error(diag, (Span){0}, "'%s'%s%s%s holds the byte %d where a %s is expected", file,
                   name ? ": '" : "", name ? name : "", name ? "'" : "", bytes[i],
                   dtype_name(tensor->dtype));
        return false;
    }
    return true;
}

static bool ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), end = strlen(suffix);
    return length >= end && strcmp(text + length - end, suffix) == 0;
}

bool tensor_file_read(Arena *arena, const char *path, TensorFile *file, Diag *diag) {
    *file = (TensorFile){0};
    if (ends_with(path, ".safetensors")) return safetensors_read(arena, path, file, diag);
    if (ends_with(path, ".npz")) return npz_read(arena, path, file, diag);
    diag_error(diag, (Span){0},
               "'%s' is no file of tensors by its name: expected .safetensors or .npz", path);
    return false;
}
