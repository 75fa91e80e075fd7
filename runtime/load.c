/* Loadable artifacts: a shared object with one exported symbol, checked before its code can run. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"
#include "nn/format.h"

struct nn_library {
    void *handle;
    const nn_network *network;
};

#if defined(__x86_64__)
enum { THIS_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { THIS_MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { THIS_MACHINE = EM_RISCV };
#else
enum { THIS_MACHINE = EM_NONE };
#endif

static int within(uint64_t offset, uint64_t bytes, uint64_t size) {
    return offset <= size && bytes <= size - offset;
}

/* The dynamic loader maps what the headers promise and faults where the file is shorter, so the
 * promises are checked first. Returns null, or what is wrong. */
static const char *check_elf(const nn_map *map) {
    Elf64_Ehdr head;
    if (map->size < sizeof head) return "it is too short for a shared object";
    memcpy(&head, map->data, sizeof head);
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_type != ET_DYN) {
        return "it is no 64-bit shared object";
    }
    if (head.e_machine != THIS_MACHINE) return "it was compiled for another processor family";
    if (head.e_phentsize != sizeof(Elf64_Phdr) ||
        !within(head.e_phoff, (uint64_t)head.e_phnum * sizeof(Elf64_Phdr), map->size) ||
        !within(head.e_shoff, (uint64_t)head.e_shnum * head.e_shentsize, map->size)) {
        return "it was cut off";
    }
    for (unsigned i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, map->data + head.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_LOAD && !within(segment.p_offset, segment.p_filesz, map->size))
            return "it was cut off";
    }
    return NULL;
}

/* Whether the notes of a segment hold the build id of objects that nnc seals. */
static int has_sealed_build_id(const nn_map *map, const Elf64_Phdr *segment) {
    enum { ID_BYTES = sizeof NN_SEALED_BUILD_ID - 1 };
    uint64_t at = segment->p_offset, end = at + segment->p_filesz;
    Elf64_Nhdr note;
    while (end - at >= sizeof note) {
        memcpy(&note, map->data + at, sizeof note);
        uint64_t name = at + sizeof note, desc = name + ((note.n_namesz + 3ull) & ~3ull);
        uint64_t next = desc + ((note.n_descsz + 3ull) & ~3ull);
        if (next > end) return 0;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_descsz == ID_BYTES &&
            memcmp(map->data + desc, NN_SEALED_BUILD_ID, ID_BYTES) == 0)
            return 1;
        at = next;
    }
    return 0;
}

/* After check_elf. Objects that somebody else linked have no seal and need none. */
static const char *check_seal(const nn_map *map) {
    nn_seal seal = {{0}, 0, 0};
    if (map->size >= sizeof seal) memcpy(&seal, map->data + map->size - sizeof seal, sizeof seal);
    if (memcmp(seal.mark, NN_SEAL_MARK, sizeof seal.mark) == 0) {
        uint64_t bytes = map->size - sizeof seal;
        return seal.bytes == bytes && seal.hash == nn_seal_hash(map->data, bytes)
                   ? NULL
                   : "it was changed after nnc wrote it";
    }
    Elf64_Ehdr head;
    memcpy(&head, map->data, sizeof head);
    for (unsigned i = 0; i < head.e_phnum; i++) {
        Elf64_Phdr segment;
        memcpy(&segment, map->data + head.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_NOTE && within(segment.p_offset, segment.p_filesz, map->size) &&
            has_sealed_build_id(map, &segment))
            return "it was cut off";
    }
    return NULL;
}

static const char *check_network(const nn_network *network) {
    if (!network) return "it exports no network";
    if (memcmp(network->magic, "nn-net\0\1", sizeof network->magic) != 0)
        return "its network table has no valid mark";
    if (network->abi_version != NN_ABI_VERSION)
        return "it was made for another version of the interface";
    if (network->struct_bytes != sizeof *network) return "its network table has another size";
    return NULL;
}

static nn_status refuse(nn_library *library, nn_status status, const char *text,
                        const char **reason) {
    if (reason) *reason = text;
    nn_unload(library);
    return status;
}

nn_status nn_load(const char *path, nn_library **result, const char **reason) {
    nn_map map;
    if (!path || !result) return NN_INVALID;
    nn_library *library = calloc(1, sizeof *library);
    if (!library) return refuse(NULL, NN_NO_MEMORY, nn_status_text(NN_NO_MEMORY), reason);
    if (nn_map_file(path, &map) != NN_OK)
        return refuse(library, NN_IO, "it cannot be read", reason);
    const char *fault = check_elf(&map);
    if (!fault) fault = check_seal(&map);
    nn_unmap_file(&map);
    if (fault) return refuse(library, NN_MISMATCH, fault, reason);

    /* A name without a slash would be searched in the system's folders, not opened. */
    char *full = realpath(path, NULL);
    if (!full) return refuse(library, NN_IO, "it cannot be read", reason);
    library->handle = dlopen(full, RTLD_NOW | RTLD_LOCAL);
    free(full);
    if (!library->handle) return refuse(library, NN_MISMATCH, dlerror(), reason);
    library->network = dlsym(library->handle, NN_ENTRY_SYMBOL);
    fault = check_network(library->network);
    if (fault) return refuse(library, NN_MISMATCH, fault, reason);
    *result = library;
    return NN_OK;
}

const nn_network *nn_library_network(const nn_library *library) {
    return library ? library->network : NULL;
}

void nn_unload(nn_library *library) {
    if (!library) return;
    if (library->handle) dlclose(library->handle);
    free(library);
}
