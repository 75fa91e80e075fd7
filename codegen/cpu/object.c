/* Weights and objects: LLVM's object has a section of a few bytes where the weights belong. They are
 * appended to the file, and the section's header and symbol are told. */
#include "codegen/cpu/emit.h"

#include <elf.h>
#include <string.h>

/* ---- reading -------------------------------------------------------------------------------- */

typedef struct Object {
    uint8_t *data;
    size_t size;
    Elf64_Ehdr head;
} Object;

/* LLVM wrote the object, so a place outside of it is a defect. */
static uint8_t *object_at(const Object *object, uint64_t offset, uint64_t bytes) {
    require(offset <= object->size && bytes <= object->size - offset);
    return object->data + offset;
}

static uint8_t *section_at(const Object *object, size_t index) {
    return object_at(object, object->head.e_shoff + index * sizeof(Elf64_Shdr), sizeof(Elf64_Shdr));
}

static Elf64_Shdr section(const Object *object, size_t index) {
    Elf64_Shdr header;
    memcpy(&header, section_at(object, index), sizeof header);
    return header;
}

static bool has_name(const Object *object, const Elf64_Shdr *header, const char *name) {
    Elf64_Shdr names = section(object, object->head.e_shstrndx);
    size_t bytes = strlen(name) + 1;
    return memcmp(object_at(object, names.sh_offset + header->sh_name, bytes), name, bytes) == 0;
}

/* ---- changing ------------------------------------------------------------------------------- */

/* The one symbol of a section that names data: it gets the size of the data. */
static void resize_symbol(const Object *object, const Elf64_Shdr *symbols, size_t of,
                          uint64_t bytes) {
    for (uint64_t at = 0; at < symbols->sh_size; at += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        uint8_t *place = object_at(object, symbols->sh_offset + at, sizeof symbol);
        memcpy(&symbol, place, sizeof symbol);
        if (symbol.st_shndx != of || ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT) continue;
        symbol.st_size = bytes;
        memcpy(place, &symbol, sizeof symbol);
    }
}

static void move_section(const Object *object, uint64_t offset, uint64_t bytes) {
    size_t found = 0;
    for (size_t i = 1; i < object->head.e_shnum; i++) {
        Elf64_Shdr header = section(object, i);
        if (header.sh_type != SHT_PROGBITS || !has_name(object, &header, WEIGHT_SECTION)) continue;
        require(!found && header.sh_size == WEIGHT_PLACEHOLDER_BYTES && header.sh_addralign == 64);
        found = i;
        header.sh_offset = offset;
        header.sh_size = bytes;
        memcpy(section_at(object, i), &header, sizeof header);
    }
    require(found);
    for (size_t i = 1; i < object->head.e_shnum; i++) {
        Elf64_Shdr header = section(object, i);
        if (header.sh_type == SHT_SYMTAB) resize_symbol(object, &header, found, bytes);
    }
}

void object_add_weights(ObjectCode *code, const LProgram *program, Arena *arena) {
    /* A section begins at a multiple of its alignment in the file, too. */
    Object object = {.size = (code->size + 63) / 64 * 64};
    object.data = arena_alloc(arena, object.size);
    memcpy(object.data, code->data, code->size);
    require(object.size >= sizeof object.head);
    memcpy(&object.head, object.data, sizeof object.head);
    require(memcmp(object.head.e_ident, ELFMAG, SELFMAG) == 0);
    require(object.head.e_ident[EI_CLASS] == ELFCLASS64);
    require(object.head.e_shentsize == sizeof(Elf64_Shdr) && object.head.e_shnum > 0);
    move_section(&object, object.size, (uint64_t)program->weight_bytes);
    code->data = object.data;
    code->size = object.size;
    code->parts = program_weight_parts(program, arena, &code->nparts);
}
