/* The symbols of an ELF64 object, read by hand. */
#ifndef NNC_TESTS_ELF_SYMBOLS_H
#define NNC_TESTS_ELF_SYMBOLS_H

#include <criterion/criterion.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef void ElfVisit(void *data, const char *name, const Elf64_Sym *symbol);

static inline Elf64_Shdr elf_section(const uint8_t *file, size_t size, size_t index) {
    Elf64_Ehdr head;
    Elf64_Shdr section;
    cr_assert(size >= sizeof head);
    memcpy(&head, file, sizeof head);
    cr_assert(memcmp(head.e_ident, ELFMAG, SELFMAG) == 0 && head.e_ident[EI_CLASS] == ELFCLASS64);
    cr_assert(index < head.e_shnum && head.e_shoff + (index + 1) * sizeof section <= size);
    memcpy(&section, file + head.e_shoff + index * sizeof section, sizeof section);
    return section;
}

/* Calls visit for every named symbol; dynamic: those that a shared object shows its loader. */
static inline void elf_symbols(const void *data, size_t size, bool dynamic, ElfVisit *visit,
                               void *user) {
    const uint8_t *file = data;
    Elf64_Ehdr head;
    memcpy(&head, file, sizeof head);
    int tables = 0;
    for (size_t i = 0; i < head.e_shnum; i++) {
        Elf64_Shdr table = elf_section(file, size, i);
        if (table.sh_type != (dynamic ? SHT_DYNSYM : SHT_SYMTAB)) continue;
        Elf64_Shdr names = elf_section(file, size, table.sh_link);
        cr_assert(table.sh_offset + table.sh_size <= size &&
                  names.sh_offset + names.sh_size <= size);
        for (size_t at = 0; at + sizeof(Elf64_Sym) <= table.sh_size; at += sizeof(Elf64_Sym)) {
            Elf64_Sym symbol;
            memcpy(&symbol, file + table.sh_offset + at, sizeof symbol);
            const char *name = (const char *)file + names.sh_offset + symbol.st_name;
            if (*name) visit(user, name, &symbol);
        }
        tables++;
    }
    cr_assert(tables == 1);
}

static inline void elf_check_undefined(void *user, const char *name, const Elf64_Sym *symbol) {
    static const char *const allowed[] = {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_"};
    if (symbol->st_shndx != SHN_UNDEF) return;
    bool found = false;
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        found |= strcmp(allowed[i], name) == 0;
    cr_expect(found, "%s: undefined symbol %s", (const char *)user, name);
}

/* A network's object may ask the linker for three functions of the C library. */
static inline void elf_expect_self_contained(const void *data, size_t size, const char *what) {
    union {
        const char *text;
        void *data;
    } user = {.text = what};
    elf_symbols(data, size, false, elf_check_undefined, user.data);
}

#endif
