/* NumPy's .npz files: zip archives whose members are .npy files. */
#include <string.h>
#include <zip.h>

#include "frontend/dataio_private.h"

/* A zip archive can claim, and unpack to, far more than its own size. */
enum { MAX_MEMBERS = 1 << 16 };
static const uint64_t max_total = (uint64_t)8 << 30;
/* Deflate cannot shrink data to less than 1/1032; more means that the archive lies. */
static const uint64_t max_ratio = 1100;

typedef struct Npz {
    Arena *arena;
    const char *path;
    Diag *diag;
    zip_t *archive;
    uint64_t total; /* unpacked so far */
} Npz;

static bool npz_error(const Npz *npz, const char *member, const char *what) {
    if (member)
        diag_error(npz->diag, (Span){0}, "'%s': the member '%s' %s", npz->path, member, what);
    else
        diag_error(npz->diag, (Span){0}, "'%s' %s", npz->path, what);
    return false;
}

/* Unpacks member i, whose size was checked, into bytes. */
static bool unpack(const Npz *npz, uint64_t i, const char *name, uint8_t *bytes, uint64_t size) {
    zip_file_t *member = zip_fopen_index(npz->archive, i, 0);
    if (!member) return npz_error(npz, name, "cannot be unpacked");
    uint64_t have = 0;
    uint8_t beyond;
    while (have < size) {
        zip_int64_t n = zip_fread(member, bytes + have, size - have);
        if (n <= 0) break;
        have += (uint64_t)n;
    }
    /* Reading to the end also checks the sum. */
    bool ok = have == size && zip_fread(member, &beyond, 1) == 0;
    zip_fclose(member);
    return ok || npz_error(npz, name, "is damaged");
}

static bool read_member(Npz *npz, uint64_t i, const char **name, Tensor *tensor) {
    zip_stat_t stat;
    uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    if (zip_stat_index(npz->archive, i, 0, &stat) != 0 || (stat.valid & wanted) != wanted)
        return npz_error(npz, 0, "has a damaged directory");
    if (stat.size > max_total - npz->total || stat.size / max_ratio > stat.comp_size)
        return npz_error(npz, stat.name, "claims a size that nnc does not unpack");
    npz->total += stat.size;
    size_t length = strlen(stat.name);
    bool suffix = length > 4 && strcmp(stat.name + length - 4, ".npy") == 0;
    if (!suffix) return npz_error(npz, stat.name, "is not a .npy file");
    *name = arena_strndup(npz->arena, stat.name, length - 4);
    Arena *scratch = arena_create(); /* the packed form is not needed for long */
    uint8_t *bytes = arena_alloc(scratch, stat.size);
    const char *what = arena_printf(npz->arena, "%s(%s)", npz->path, stat.name);
    bool ok = unpack(npz, i, stat.name, bytes, stat.size) &&
              npy_parse(npz->arena, bytes, stat.size, what, tensor, npz->diag);
    arena_destroy(scratch);
    return ok;
}

static bool read_members(Npz *npz, TensorFile *file) {
    zip_int64_t count = zip_get_num_entries(npz->archive, 0);
    if (count < 0 || count > MAX_MEMBERS) return npz_error(npz, 0, "has too many members");
    const char **names = arena_array(npz->arena, const char *, (size_t)count);
    Tensor *tensors = arena_array(npz->arena, Tensor, (size_t)count);
    for (zip_int64_t i = 0; i < count; i++)
        if (!read_member(npz, (uint64_t)i, &names[i], &tensors[i])) return false;
    *file = (TensorFile){(size_t)count, names, tensors};
    return tensor_file_sort(npz->arena, file, npz->path, npz->diag);
}

bool npz_read(Arena *arena, const char *path, TensorFile *file, Diag *diag) {
    Npz npz = {.arena = arena, .path = path, .diag = diag};
    FileBytes bytes;
    zip_error_t error;
    if (!file_map(arena, path, &bytes, diag, (Span){0})) return false;
    /* libzip takes an empty file for an archive without members; the smallest real one has a
     * directory's end. */
    if (bytes.size < 22) return npz_error(&npz, 0, "is not a .npz file, or damaged");
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(bytes.data, bytes.size, 0, &error);
    if (source) npz.archive = zip_open_from_source(source, ZIP_RDONLY, &error);
    if (source && !npz.archive) zip_source_free(source);
    zip_error_fini(&error);
    if (!npz.archive) return npz_error(&npz, 0, "is not a .npz file, or damaged");
    bool ok = read_members(&npz, file);
    zip_discard(npz.archive);
    return ok;
}
