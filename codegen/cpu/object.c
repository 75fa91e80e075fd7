/* Weights and objects: LLVM's object has a section of a few bytes where the weights belong. They are
 * appended to the file, and the section's header and symbol are told. */
#include "codegen/cpu/elf.h"
#include "codegen/cpu/emit.h"

#include <string.h>

/* The one symbol of a section that names data: it gets the size of the data. */
static void resize_symbol(const Elf *elf, const Elf64_Shdr *symbols, size_t of, uint64_t bytes) {
    for (size_t i = 0; i < symbols->sh_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym symbol = elf_symbol(elf, symbols, i);
        if (symbol.st_shndx != of || ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT) continue;
        symbol.st_size = bytes;
        elf_store_symbol(elf, symbols, i, &symbol);
    }
}

static void move_section(const Elf *elf, uint64_t offset, uint64_t bytes) {
    size_t found = 0;
    for (size_t i = 1; i < elf->head.e_shnum; i++) {
        Elf64_Shdr header = elf_section(elf, i);
        if (header.sh_type != SHT_PROGBITS ||
            strcmp(elf_name(elf, header.sh_name), WEIGHT_SECTION) != 0)
            continue;
        require(!found && header.sh_size == WEIGHT_PLACEHOLDER_BYTES && header.sh_addralign == 64);
        found = i;
        header.sh_offset = offset;
        header.sh_size = bytes;
        memcpy(elf_section_at(elf, i), &header, sizeof header);
    }
    require(found);
    for (size_t i = 1; i < elf->head.e_shnum; i++) {
        Elf64_Shdr header = elf_section(elf, i);
        if (header.sh_type == SHT_SYMTAB) resize_symbol(elf, &header, found, bytes);
    }
}

void object_add_weights(ObjectCode *code, const LProgram *program, Arena *arena) {
    /* A section begins at a multiple of its alignment in the file, too. */
    size_t size = (code->size + 63) / 64 * 64;
    uint8_t *data = arena_alloc(arena, size);
    memcpy(data, code->data, code->size);
    Elf elf = elf_open(data, size);
    move_section(&elf, size, (uint64_t)program->weight_bytes);
    code->data = data;
    code->size = size;
    code->parts = program_weight_parts(program, arena, &code->nparts);
}
