#include "codegen/cpu/elf.h"

#include <string.h>

Elf elf_open(uint8_t *data, size_t size) {
    Elf elf = {.data = data, .size = size};
    require(size >= sizeof elf.head);
    memcpy(&elf.head, data, sizeof elf.head);
    require(memcmp(elf.head.e_ident, ELFMAG, SELFMAG) == 0);
    require(elf.head.e_ident[EI_CLASS] == ELFCLASS64);
    require(elf.head.e_shentsize == sizeof(Elf64_Shdr) && elf.head.e_shnum > 0);
    return elf;
}

uint8_t *elf_at(const Elf *elf, uint64_t offset, uint64_t bytes) {
    require(offset <= elf->size && bytes <= elf->size - offset);
    return elf->data + offset;
}

uint8_t *elf_section_at(const Elf *elf, size_t index) {
    require(index < elf->head.e_shnum);
    return elf_at(elf, elf->head.e_shoff + index * sizeof(Elf64_Shdr), sizeof(Elf64_Shdr));
}

Elf64_Shdr elf_section(const Elf *elf, size_t index) {
    Elf64_Shdr header;
    memcpy(&header, elf_section_at(elf, index), sizeof header);
    return header;
}

const char *elf_name(const Elf *elf, uint32_t offset) {
    Elf64_Shdr names = elf_section(elf, elf->head.e_shstrndx);
    require(offset < names.sh_size);
    const char *name = (const char *)elf_at(elf, names.sh_offset + offset, names.sh_size - offset);
    require(memchr(name, 0, names.sh_size - offset));
    return name;
}

static uint8_t *symbol_at(const Elf *elf, const Elf64_Shdr *symbols, size_t index) {
    require(index < symbols->sh_size / sizeof(Elf64_Sym));
    return elf_at(elf, symbols->sh_offset + index * sizeof(Elf64_Sym), sizeof(Elf64_Sym));
}

Elf64_Sym elf_symbol(const Elf *elf, const Elf64_Shdr *symbols, size_t index) {
    Elf64_Sym symbol;
    memcpy(&symbol, symbol_at(elf, symbols, index), sizeof symbol);
    return symbol;
}

void elf_store_symbol(const Elf *elf, const Elf64_Shdr *symbols, size_t index,
                      const Elf64_Sym *symbol) {
    memcpy(symbol_at(elf, symbols, index), symbol, sizeof *symbol);
}
