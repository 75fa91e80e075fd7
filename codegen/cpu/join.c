/* One object from several: their sections side by side, one table of symbols, one of names.
 *
 * What the objects have of each other is hidden (STV_HIDDEN): an undefined symbol of that kind is
 * the one that another object defines, and in the whole it is local. Sections are not merged, which
 * is the linker's part; what no program loads (.note.GNU-stack, attributes) says the same in each
 * and is taken from the first. */
#include "codegen/cpu/elf.h"
#include "codegen/cpu/emit.h"

#include <string.h>

typedef struct Input {
    Elf elf;
    Elf64_Shdr symbols;
    uint32_t names;        /* where its names begin among all */
    size_t *section;       /* new number of each section; 0: left out */
    uint64_t *symbol;      /* new number of each symbol */
    uint64_t symbol_count; /* with the first, which is none */
} Input;

typedef struct Section {
    Elf64_Shdr header;
    const Input *from;
    uint64_t offset; /* of its bytes in there */
} Section;

typedef struct Join {
    Arena *arena;
    Input *inputs;
    size_t count;
    VEC(Section) sections;
    VEC(Elf64_Sym) symbols;
    Interner *texts;
    PtrMap by_name;    /* interned name -> its number, a uint64_t */
    uint64_t locals;   /* symbols before the first that is not local */
    uint32_t name_end; /* bytes of names */
} Join;

/* ---- inputs ---------------------------------------------------------------------------------- */

static void open_input(Join *j, Input *input, const ObjectCode *code) {
    uint8_t *data = arena_alloc(j->arena, code->size);
    memcpy(data, code->data, code->size);
    input->elf = elf_open(data, code->size);
    input->names = j->name_end;
    Elf64_Shdr names = elf_section(&input->elf, input->elf.head.e_shstrndx);
    require(names.sh_size < UINT32_MAX - j->name_end);
    j->name_end += (uint32_t)names.sh_size;
    input->section = arena_array(j->arena, size_t, input->elf.head.e_shnum);
    for (size_t i = 1; i < input->elf.head.e_shnum; i++) {
        Elf64_Shdr header = elf_section(&input->elf, i);
        if (header.sh_type != SHT_SYMTAB) continue;
        require(header.sh_link == input->elf.head.e_shstrndx);
        input->symbols = header;
    }
    input->symbol_count = input->symbols.sh_size / sizeof(Elf64_Sym);
    input->symbol = arena_array(j->arena, uint64_t, input->symbol_count + 1);
}

/* ---- sections -------------------------------------------------------------------------------- */

static bool keeps(const Join *j, const Input *input, const Elf64_Shdr *header) {
    if (header->sh_type == SHT_SYMTAB || header->sh_type == SHT_STRTAB) return false;
    if (header->sh_type == SHT_RELA) return true;
    require(header->sh_link == 0 && header->sh_type != SHT_REL && header->sh_type != SHT_GROUP);
    return input == j->inputs || (header->sh_flags & SHF_ALLOC);
}

static void take_sections(Join *j, Input *input) {
    for (size_t i = 1; i < input->elf.head.e_shnum; i++) {
        Section s = {elf_section(&input->elf, i), input, 0};
        if (!keeps(j, input, &s.header)) continue;
        s.offset = s.header.sh_offset;
        s.header.sh_name += input->names;
        input->section[i] = j->sections.len;
        vec_push(j->arena, &j->sections, s);
    }
}

/* Those of relocations name the table of symbols and the section that they are for. */
static void link_relocations(Join *j, size_t symbol_table) {
    for (size_t i = 0; i < j->sections.len; i++) {
        Section *s = &j->sections.data[i];
        if (s->header.sh_type != SHT_RELA) continue;
        require(s->header.sh_info < s->from->elf.head.e_shnum);
        s->header.sh_link = (uint32_t)symbol_table;
        s->header.sh_info = (uint32_t)s->from->section[s->header.sh_info];
        require(s->header.sh_info != 0);
    }
}

/* ---- symbols --------------------------------------------------------------------------------- */

/* In the order in which they stand in the whole. */
typedef enum SymbolKind { LOCAL, SHARED, DEFINED, UNDEFINED, SYMBOL_KINDS } SymbolKind;

static SymbolKind kind_of(const Elf64_Sym *symbol) {
    if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL) return LOCAL;
    if (symbol->st_shndx == SHN_UNDEF) return UNDEFINED;
    return ELF64_ST_VISIBILITY(symbol->st_other) == STV_HIDDEN ? SHARED : DEFINED;
}

static bool is_hidden(const Elf64_Sym *symbol) {
    return ELF64_ST_VISIBILITY(symbol->st_other) == STV_HIDDEN;
}

static uint64_t add_symbol(Join *j, const Input *input, Elf64_Sym symbol) {
    symbol.st_name += input->names;
    if (symbol.st_shndx != SHN_UNDEF && symbol.st_shndx < SHN_LORESERVE) {
        require(symbol.st_shndx < input->elf.head.e_shnum);
        symbol.st_shndx = (Elf64_Half)input->section[symbol.st_shndx];
        if (symbol.st_shndx == 0) return 0; /* of a section that was left out */
    }
    vec_push(j->arena, &j->symbols, symbol);
    return j->symbols.len - 1;
}

static uint64_t add_named(Join *j, const Input *input, Elf64_Sym symbol, SymbolKind kind) {
    const char *name = intern(j->texts, elf_name(&input->elf, symbol.st_name));
    uint64_t *known = ptrmap_find(&j->by_name, name);
    if (known) {
        require(kind == UNDEFINED);
        return *known;
    }
    require(kind != UNDEFINED || !is_hidden(&symbol));
    if (kind == SHARED) {
        symbol.st_info = ELF64_ST_INFO(STB_LOCAL, ELF64_ST_TYPE(symbol.st_info));
        symbol.st_other = STV_DEFAULT;
    }
    uint64_t *number = arena_new(j->arena, uint64_t);
    *number = add_symbol(j, input, symbol);
    ptrmap_set(&j->by_name, name, number);
    return *number;
}

static void take_symbols(Join *j, SymbolKind kind) {
    for (size_t k = 0; k < j->count; k++) {
        Input *input = &j->inputs[k];
        for (uint64_t i = 1; i < input->symbol_count; i++) {
            Elf64_Sym symbol = elf_symbol(&input->elf, &input->symbols, i);
            if (kind_of(&symbol) != kind) continue;
            input->symbol[i] =
                kind == LOCAL ? add_symbol(j, input, symbol) : add_named(j, input, symbol, kind);
        }
    }
}

static void join_symbols(Join *j) {
    Elf64_Sym none = {0};
    vec_push(j->arena, &j->symbols, none);
    for (SymbolKind kind = LOCAL; kind < SYMBOL_KINDS; kind++) {
        take_symbols(j, kind);
        if (kind == SHARED) j->locals = j->symbols.len;
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static uint64_t align_up(uint64_t at, uint64_t alignment) {
    return alignment > 1 ? (at + alignment - 1) / alignment * alignment : at;
}

/* Offsets of the sections in the file; returns where it ends. */
static uint64_t place_sections(Join *j) {
    uint64_t at = sizeof(Elf64_Ehdr);
    for (size_t i = 1; i < j->sections.len; i++) {
        Elf64_Shdr *header = &j->sections.data[i].header;
        at = align_up(at, header->sh_addralign);
        header->sh_offset = at;
        if (header->sh_type != SHT_NOBITS) at += header->sh_size;
    }
    return at;
}

static void copy_relocations(const Section *s, uint8_t *to) {
    const Input *input = s->from;
    const uint8_t *from = elf_at(&input->elf, s->offset, s->header.sh_size);
    for (uint64_t at = 0; at < s->header.sh_size; at += sizeof(Elf64_Rela)) {
        Elf64_Rela entry;
        memcpy(&entry, from + at, sizeof entry);
        uint64_t symbol = ELF64_R_SYM(entry.r_info);
        require(symbol < input->symbol_count && (symbol == 0 || input->symbol[symbol] != 0));
        entry.r_info = ELF64_R_INFO(input->symbol[symbol], ELF64_R_TYPE(entry.r_info));
        memcpy(to + at, &entry, sizeof entry);
    }
}

static void copy_names(const Join *j, uint8_t *to) {
    for (size_t k = 0; k < j->count; k++) {
        const Elf *elf = &j->inputs[k].elf;
        Elf64_Shdr names = elf_section(elf, elf->head.e_shstrndx);
        memcpy(to + j->inputs[k].names, elf_at(elf, names.sh_offset, names.sh_size), names.sh_size);
    }
}

static void copy_section(const Join *j, const Section *s, uint8_t *to) {
    if (s->header.sh_type == SHT_SYMTAB)
        memcpy(to, j->symbols.data, s->header.sh_size);
    else if (s->header.sh_type == SHT_STRTAB)
        copy_names(j, to);
    else if (s->header.sh_type == SHT_RELA)
        copy_relocations(s, to);
    else if (s->header.sh_type != SHT_NOBITS)
        memcpy(to, elf_at(&s->from->elf, s->offset, s->header.sh_size), s->header.sh_size);
}

static ObjectCode write_object(const Join *j, uint64_t end, size_t name_table, Arena *arena) {
    Elf64_Ehdr head = j->inputs[0].elf.head;
    head.e_shoff = align_up(end, _Alignof(Elf64_Shdr));
    head.e_shnum = (Elf64_Half)j->sections.len;
    head.e_shstrndx = (Elf64_Half)name_table;
    ObjectCode code = {.size = head.e_shoff + j->sections.len * sizeof(Elf64_Shdr)};
    uint8_t *data = arena_alloc(arena, code.size);
    memcpy(data, &head, sizeof head);
    for (size_t i = 0; i < j->sections.len; i++) {
        const Section *s = &j->sections.data[i];
        if (i > 0) copy_section(j, s, data + s->header.sh_offset);
        memcpy(data + head.e_shoff + i * sizeof s->header, &s->header, sizeof s->header);
    }
    code.data = data;
    return code;
}

ObjectCode objects_join(const ObjectCode *objects, size_t count, Arena *scratch, Arena *arena) {
    Join j = {.arena = scratch,
              .inputs = arena_array(scratch, Input, count),
              .count = count,
              .texts = interner_create(scratch),
              .by_name = {.arena = scratch}};
    Section none = {0};
    vec_push(scratch, &j.sections, none);
    for (size_t k = 0; k < count; k++) open_input(&j, &j.inputs[k], &objects[k]);
    for (size_t k = 0; k < count; k++) take_sections(&j, &j.inputs[k]);
    join_symbols(&j);
    /* LLVM's first section is the table of names; its name and that of the symbols are taken from
     * there. */
    const Elf *first = &j.inputs[0].elf;
    size_t name_table = j.sections.len, symbol_table = name_table + 1;
    require(symbol_table < SHN_LORESERVE);
    Section names = {elf_section(first, first->head.e_shstrndx), NULL, 0};
    Section symbols = {j.inputs[0].symbols, NULL, 0};
    names.header.sh_size = j.name_end;
    symbols.header.sh_size = j.symbols.len * sizeof(Elf64_Sym);
    symbols.header.sh_link = (uint32_t)name_table;
    symbols.header.sh_info = (uint32_t)j.locals;
    vec_push(scratch, &j.sections, names);
    vec_push(scratch, &j.sections, symbols);
    link_relocations(&j, symbol_table);
    return write_object(&j, place_sections(&j), name_table, arena);
}
