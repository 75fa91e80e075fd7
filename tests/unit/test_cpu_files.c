/* The files that the cpu target writes: symbols, shared object, header. */
#define _GNU_SOURCE
#include "cpu_program.h"
#include "elf_symbols.h"

/* ---- files ---------------------------------------------------------------------------------- */

static void expect_prefixed(void *user, const char *name, const Elf64_Sym *symbol) {
    const char *const *prefix = user;
    if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL || symbol->st_shndx == SHN_UNDEF) return;
    cr_expect(strncmp(name, *prefix, strlen(*prefix)) == 0, "%s is visible", name);
}

Test(cpu_files, only_the_interface_is_visible) {
    CpuFixture f = make_program();
    const char *prefix = "net_";
    Artifacts files = cpu_emit(&f, "obj");
    elf_symbols(files.files.data[0].data, files.files.data[0].size, false, expect_prefixed,
                &prefix);
    elf_expect_self_contained(files.files.data[0].data, files.files.data[0].size, "obj");
    prefix = NN_ENTRY_SYMBOL;
    files = cpu_emit(&f, "so");
    elf_symbols(files.files.data[0].data, files.files.data[0].size, true, expect_prefixed, &prefix);
    cpu_end(&f);
}

static void expect_weight_size(void *user, const char *name, const Elf64_Sym *symbol) {
    int *found = user;
    if (strcmp(name, "weights") != 0) return;
    cr_expect(symbol->st_size == WEIGHT_BYTES && ELF64_ST_BIND(symbol->st_info) == STB_LOCAL);
    ++*found;
}

Test(cpu_files, the_symbol_of_the_weights_has_their_size) {
    CpuFixture f = make_program();
    const OutputFile object = cpu_emit(&f, "obj").files.data[0];
    int found = 0;
    elf_symbols(object.data, object.size, false, expect_weight_size, &found);
    cr_expect(found == 1);
    cpu_end(&f);
}

/* Null where the bytes load; else why not. */
static const char *load_bytes(const uint8_t *data, size_t size, nn_library **library) {
    char path[] = "/tmp/nnc-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(write(fd, data, size) == (ssize_t)size);
    close(fd);
    const char *reason = "";
    nn_status status = nn_load(path, library, &reason);
    unlink(path);
    return status == NN_OK ? NULL : reason;
}

Test(cpu_files, shared_object_loads) {
    CpuFixture f = make_program();
    Artifacts files = cpu_emit(&f, "so");
    nn_library *library;
    const char *reason = load_bytes(files.files.data[0].data, files.files.data[0].size, &library);
    cr_assert_null(reason, "%s", reason);
    run_between_guards(nn_library_network(library), 7, 9);
    nn_unload(library);
    cpu_end(&f);
}

Test(cpu_files, changed_shared_objects_are_refused) {
    CpuFixture f = make_program();
    Artifacts files = cpu_emit(&f, "so");
    size_t size = files.files.data[0].size;
    uint8_t *data = arena_array(f.arena, uint8_t, size);
    nn_library *library;
    memcpy(data, files.files.data[0].data, size);
    for (size_t cut = 1; cut < 200; cut++) {
        const char *reason = load_bytes(data, size - cut, &library);
        cr_assert(reason, "loads without its last %zu bytes", cut);
        cr_expect_str_eq(reason, "it was cut off");
    }
    /* Every byte of the seal and of the headers, and some of all others. */
    for (size_t at = 0; at < size; at += at < 256 || at + 64 > size ? 1 : 101) {
        data[at] ^= 0x10;
        cr_expect(load_bytes(data, size, &library), "loads with byte %zu changed", at);
        data[at] ^= 0x10;
    }
    cpu_end(&f);
}

static void write_text(const char *folder, const char *name, const void *data, size_t size) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert(file && fwrite(data, 1, size, file) == size);
    fclose(file);
}

/* The header in C99 and C++11, linked with the object; names that are no identifiers or are words
 * of the languages. */
Test(cpu_files, header_compiles) {
    if (system("cc --version >/dev/null 2>&1 && c++ --version >/dev/null 2>&1") != 0)
        cr_skip_test("no C and C++ compiler");
    CpuFixture f = cpu_start();
    LBuffer *x = cpu_input1(&f, "class", DT_f32, "N"), *z = cpu_input1(&f, "a.b", DT_f32, "N");
    LBuffer *y = cpu_output1(&f, "a_b", DT_f32, "N"), *k = cpu_output1(&f, "0*/", DT_f32, "3");
    LBuilder *b = &f.b;
    LX at = lx_int(b, 0);
    lb_store(b, k, &at, lx_const(b, ltype(DT_f32, 1), 1), NULL);
    LStmt *loop = lb_for(b, LOOP_SERIAL, "i", lx_int(b, 0), lx_dim(b, cpu_dim(&f, "N")));
    LX i = lb_loop_var(b, loop);
    lb_store(b, y, &i, lx_add(b, lx_load(b, x, &i), lx_load(b, z, &i)), NULL);
    lb_end(b, loop);
    cpu_call(&f);
    Artifacts files = cpu_emit(&f, "obj");
    char folder[] = "/tmp/nnc-test-XXXXXX", command[2048], here[1024];
    cr_assert(getcwd(here, sizeof here)); /* tests run in the source folder */
    cr_assert(mkdtemp(folder));
    write_text(folder, "net.o", files.files.data[0].data, files.files.data[0].size);
    write_text(folder, "net.h", files.files.data[1].data, files.files.data[1].size);
    static const char program[] =
        "#include \"net.h\"\n"
        "#include \"net.h\"\n"
        "static float a[2], b[2], c[2], d[NET_T0_ELEMENTS];\n"
        "static union { char bytes[4096]; double align; } memory;\n"
        "int main(void) {\n"
        "    net_limits limits; nn_options options = {sizeof(nn_options)}; nn_context *context; "
        "net_io io;\n"
        "    char *start = memory.bytes + (64 - (size_t)memory.bytes % 64) % 64;\n"
        "    limits.N = 2; options.limits = &limits; a[1] = 1; b[1] = 2;\n"
        "    io.N = 2; io.class_ = a; io.a_b = b; io.a_b_2 = c; io.t0 = d;\n"
        "    if (net_init(start, net_context_bytes(&limits), &options, &context) != NN_OK) return "
        "1;\n"
        "    if (net_run(context, &io) != NN_OK || net_info()->symbol_count != 1) return 2;\n"
        "    net_destroy(context);\n"
        "    return c[1] == 3 && d[0] == 1 ? 0 : 3;\n"
        "}\n";
    write_text(folder, "main.c", program, sizeof program - 1);
    static const char *const compilers[] = {
        "cc -std=c99 -x c", "c++ -std=c++11 -Wno-missing-field-initializers -x c++"};
    for (int c = 0; c < 2; c++) {
        snprintf(command, sizeof command,
                 "cd %s && %s -Wall -Wextra -Wno-missing-field-initializers -pedantic -Werror "
                 "-I%s/runtime main.c -x none net.o -o main && ./main",
                 folder, compilers[c], here);
        cr_expect(system(command) == 0, "%s", compilers[c]);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect(system(command) == 0);
    cpu_end(&f);
}

Test(cpu_files, linker_names_carry_the_interface) {
    CpuFixture f = make_program();
    const char *a = abi_linker_name(f.arena, f.program, "net", "run");
    cr_expect(strncmp(a, "net_run__nn1_", 13) == 0 && strlen(a) == 13 + 16);
    f.graph->inputs[0]->type.dtype = DT_f64;
    cr_expect(strcmp(a, abi_linker_name(f.arena, f.program, "net", "run")) != 0);
    cr_expect(strcmp(a, abi_linker_name(f.arena, f.program, "met", "run")) != 0);
    cpu_end(&f);
}
