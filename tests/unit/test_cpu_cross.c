/* Generated code for other architectures, run by an emulator: every operator gives the evaluator's
 * bits there too. All kernels of a machine are linked into one program, which reads the inputs and
 * writes the outputs one after the other. */
#define _GNU_SOURCE
#include "cpu_cases.h"

#include <unistd.h>

static const struct {
    const char *name, *triple, *features, *compiler, *emulator;
    BuildCase *skipped;
} machines[] = {
    {"aarch64", "aarch64-linux-gnu", NULL, "aarch64-linux-gnu-gcc", "qemu-aarch64", NULL},
    {"riscv64", "riscv64-linux-gnu", NULL, "riscv64-linux-gnu-gcc", "qemu-riscv64", NULL},
    {"riscv64 with V", "riscv64-linux-gnu", "+v", "riscv64-linux-gnu-gcc",
     "qemu-riscv64 -cpu rv64,v=true,vext_spec=v1.0",
     build_casts}, /* qemu 7.2 fails on some vfcvt */
};

static const char runner[] =
    "#include <nn/nn.h>\n"
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "static const size_t sizes[] = {4, 2, 2, 8, 1, 1, 2, 4, 8, 1, 1, 1};\n"
    "int main(void) {\n"
    "    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {\n"
    "        const nn_network *n = list[k]();\n"
    "        void *io[64];\n"
    "        size_t bytes = n->context_bytes(NULL);\n"
    "        nn_options options = {.struct_bytes = sizeof options};\n"
    "        nn_context *context;\n"
    "        if (n->init(aligned_alloc(64, bytes), bytes, &options, &context) != NN_OK) return 1;\n"
    "        for (uint32_t i = 0; i < n->input_count; i++) {\n"
    "            io[i] = malloc(8 * COUNT);\n"
    "            if (fread(io[i], sizes[n->inputs[i].type], COUNT, stdin) != COUNT) return 2;\n"
    "        }\n"
    "        for (uint32_t i = 0; i < n->output_count; i++) io[n->input_count + i] = calloc(8, "
    "ROWS * COUNT);\n"
    "        if (n->run(context, io) != NN_OK) return 3;\n"
    "        for (uint32_t i = 0; i < n->output_count; i++)\n"
    "            fwrite(io[n->input_count + i], sizes[n->outputs[i].type], ROWS * COUNT, stdout);\n"
    "    }\n"
    "    return 0;\n"
    "}\n";

typedef struct Case {
    Operators o;
    Tensor in[3], expected[DTYPE_COUNT];
} Case;

static FILE *open_in(const char *folder, const char *name, const char *mode) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    cr_assert(file, "%s", path);
    return file;
}

/* Builds a kernel, writes its object and inputs, and evaluates what it should give. */
static void prepare(Case *c, size_t machine, size_t number, const char *folder, FILE *inputs) {
    DType dtype = types[number % COUNT_OF(types)];
    char prefix[32], name[64];
    snprintf(prefix, sizeof prefix, "net%zu", number);
    c->o = operators_start(dtype, machines[machine].features || number % 2 ? 4 : 1, NULL);
    CpuFixture *f = &c->o.f;
    f->options.triple = machines[machine].triple;
    f->options.features = machines[machine].features;
    f->options.prefix = prefix;
    f->options.opt_level = (int)number % 4;
    LBlock *top = &f->b.kernel->body;
    LStmt *loop = top->stmts.data[top->stmts.len - 1];
    BuildCase *build = builders[number / COUNT_OF(types)];
    if (build != machines[machine].skipped) build(&c->o);
    lb_end(&f->b, loop);
    cpu_call(f);
    Artifacts files = cpu_emit(f, "obj");
    snprintf(name, sizeof name, "%s.o", prefix);
    FILE *object = open_in(folder, name, "wb");
    fwrite(files.files.data[0].data, 1, files.files.data[0].size, object);
    fclose(object);

    LMemory memory[3 + DTYPE_COUNT] = {0};
    int64_t shape[] = {ROWS, COUNT};
    for (int i = 0; i < 3; i++) {
        c->in[i] = tensor_new(f->arena, dtype, 1, &shape[1]);
        fill_operand(&c->in[i], i, i == 1);
        fwrite(c->in[i].data, 1, c->in[i].bytes, inputs);
        memory[i] = (LMemory){.data = c->in[i].data, .elements = COUNT};
    }
    for (int t = 0; t < DTYPE_COUNT; t++) {
        c->expected[t] = tensor_new(f->arena, (DType)t, 2, shape);
        memory[3 + t] = (LMemory){.data = c->expected[t].data, .elements = ROWS * COUNT};
    }
    LEvalOptions options = {0};
    cr_assert(lkernel_eval(f->program->kernels.data[0], f->dims, memory, &options, f->diag) ==
              LFAULT_NONE);
}

static void write_runner(const char *folder, const Case *cases, size_t count) {
    FILE *file = open_in(folder, "main.c", "w");
    fprintf(file, "enum { COUNT = %d, ROWS = %d };\n#include <nn/nn.h>\n", COUNT, ROWS);
    Arena *arena = arena_create();
    StrBuf list = {0};
    for (size_t i = 0; i < count; i++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "net%zu", i);
        const char *name = abi_linker_name(arena, cases[i].o.f.program, prefix, "info");
        fprintf(file, "const nn_network *%s(void);\n", name);
        str_printf(&list, "%s, ", name);
    }
    fprintf(file, "static const nn_network *(*const list[])(void) = {%s};\n%s", str_text(&list),
            runner);
    str_free(&list);
    arena_destroy(arena);
    fclose(file);
}

static void compare_all(const char *folder, Case *cases, size_t count) {
    FILE *results = open_in(folder, "out", "rb");
    int64_t shape[] = {ROWS, COUNT};
    for (size_t i = 0; i < count; i++) {
        for (int t = 0; t < DTYPE_COUNT; t++) {
            Tensor got = tensor_new(cases[i].o.f.arena, (DType)t, 2, shape);
            cr_assert(fread(got.data, 1, got.bytes, results) == got.bytes);
            compare_rows(&cases[i].o, (DType)t, &got, &cases[i].expected[t]);
        }
        cpu_end(&cases[i].o.f);
    }
    fclose(results);
}

static bool tool_exists(const char *command) {
    char line[256];
    snprintf(line, sizeof line, "command -v %.*s >/dev/null", (int)strcspn(command, " "), command);
    return system(line) == 0;
}

static void check_machine(size_t m) {
    if (!tool_exists(machines[m].compiler) || !tool_exists(machines[m].emulator)) {
        cr_skip_test("no compiler or emulator for this architecture");
    }
    enum { CASES = (int)(COUNT_OF(builders) * COUNT_OF(types)) };
    static Case cases[CASES];
    char folder[] = "/tmp/nnc-cross-XXXXXX", command[2048], here[1024];
    cr_assert(mkdtemp(folder) && getcwd(here, sizeof here)); /* tests run in the source folder */
    FILE *inputs = open_in(folder, "in", "wb");
    for (size_t i = 0; i < CASES; i++) prepare(&cases[i], m, i, folder, inputs);
    fclose(inputs);
    write_runner(folder, cases, CASES);
    snprintf(command, sizeof command,
             "cd %s && %s -static -O1 -I%s/runtime main.c net*.o -o main && %s ./main <in >out",
             folder, machines[m].compiler, here, machines[m].emulator);
    cr_assert(system(command) == 0, "%s", command);
    compare_all(folder, cases, CASES);
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_assert(system(command) == 0);
}

Test(cpu_cross, aarch64) {
    check_machine(0);
}

Test(cpu_cross, riscv64) {
    check_machine(1);
}

Test(cpu_cross, riscv64_with_vectors) {
    check_machine(2);
}
