/* Private: reading the objects that LLVM writes, ELF of 64 bits. A place outside of one is a defect,
 * not bad input. */
#ifndef NNC_CODEGEN_CPU_ELF_H
#define NNC_CODEGEN_CPU_ELF_H

#include "ir/base/base.h"

#include <elf.h>

typedef struct Elf {
    uint8_t *data;
    size_t size;
    Elf64_Ehdr head;
} Elf;

Elf elf_open(uint8_t *data, size_t size);
uint8_t *elf_at(const Elf *elf, uint64_t offset, uint64_t bytes);
uint8_t *elf_section_at(const Elf *elf, size_t index); /* its header */
Elf64_Shdr elf_section(const Elf *elf, size_t index);
/* A string of the table that holds the names of sections, and in LLVM's objects of symbols too. */
const char *elf_name(const Elf *elf, uint32_t offset);
/* Entry `index` of a section of symbols; store puts it back. */
Elf64_Sym elf_symbol(const Elf *elf, const Elf64_Shdr *symbols, size_t index);
void elf_store_symbol(const Elf *elf, const Elf64_Shdr *symbols, size_t index,
                      const Elf64_Sym *symbol);

#endif
