#define _GNU_SOURCE
#include "tests/differential/cross.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codegen/abi/abi.h"
#include "ir/base/file.h"

typedef struct CrossTools {
    Way way;
    const char *compiler, *emulator;
} CrossTools;

static const CrossTools tools[] = {
    {{.name = "aarch64", .triple = "aarch64-linux-gnu", .level = 2},
     "aarch64-linux-gnu-gcc",
     "qemu-aarch64"},
    {{.name = "riscv64", .triple = "riscv64-linux-gnu", .level = 2},
     "riscv64-linux-gnu-gcc",
     "qemu-riscv64"},
};

static const CrossTools *tools_of(const Way *way) {
    for (size_t i = 0; i < COUNT_OF(tools); i++)
        if (&tools[i].way == way) return &tools[i];
    return NULL;
}

const Way *cross_way(const char *name) {
    for (size_t i = 0; i < COUNT_OF(tools); i++)
        if (strcmp(tools[i].way.name, name) == 0) return &tools[i].way;
    return NULL;
}

static bool command_exists(const char *command) {
    char line[128];
    snprintf(line, sizeof line, "command -v %s >/dev/null", command);
    return system(line) == 0;
}

bool cross_tools_exist(const Way *way) {
    const CrossTools *t = tools_of(way);
    return command_exists(t->compiler) && command_exists(t->emulator);
}

/* ---- the program -------------------------------------------------------------------------------- */

/* Reads the values of the symbols, the inputs, each behind its size, and the sizes of the outputs; writes the outputs. */
static const char main_text[] =
    "#include <nn/nn.h>\n"
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "extern const nn_network *network(void);\n"
    "static uint64_t io[256], sizes[128];\n"
    "static void read_or_exit(void *to, size_t bytes) {\n"
    "    if (bytes && fread(to, 1, bytes, stdin) != bytes) exit(101);\n"
    "}\n"
    "static void *room(size_t bytes) { return aligned_alloc(64, (bytes + 64) / 64 * 64); }\n"
    "int main(void) {\n"
    "    const nn_network *n = network();\n"
    "    uint64_t bytes, *at = io;\n"
    "    read_or_exit(io, 8 * n->symbol_count);\n"
    "    at += n->symbol_count;\n"
    "    for (uint32_t i = 0; i < n->input_count; i++, at++) {\n"
    "        read_or_exit(&bytes, 8);\n"
    "        *at = (uint64_t)(uintptr_t)room(bytes);\n"
    "        read_or_exit((void *)(uintptr_t)*at, bytes);\n"
    "    }\n"
    "    for (uint32_t i = 0; i < n->output_count; i++) {\n"
    "        read_or_exit(&sizes[i], 8);\n"
    "        at[i] = (uint64_t)(uintptr_t)room(sizes[i]);\n"
    "    }\n"
    "    nn_options options = {.struct_bytes = sizeof options, .limits = io};\n"
    "    nn_context *context;\n"
    "    bytes = n->context_bytes(io);\n"
    "    nn_status status = n->init(room(bytes), bytes, &options, &context);\n"
    "    if (status == NN_OK) status = n->run(context, io);\n"
    "    for (uint32_t i = 0; i < n->output_count; i++)\n"
    "        fwrite((void *)(uintptr_t)at[i], 1, sizes[i], stdout);\n"
    "    return (int)status;\n"
    "}\n";

static bool write_text(const char *path, const char *text, Diag *diag) {
    OutputFile file = output_file(path, text, strlen(text), 0666);
    return files_write(&file, 1, diag);
}

static bool run_command(const char *command, Diag *diag) {
    if (system(command) == 0) return true;
    diag_error(diag, (Span){0}, "failed: %s", command);
    return false;
}

bool cross_make(Compiled *c, const Way *way, const TargetOptions *options, Arena *arena,
                Diag *diag) {
    const CrossTools *t = tools_of(way);
    char folder[] = "/tmp/nnc-cross-XXXXXX";
    Artifacts files = {.arena = arena};
    require(mkdtemp(folder));
    c->emulator = t->emulator;
    c->folder = arena_strdup(arena, folder);
    const char *object = arena_printf(arena, "%s/net.o", folder);
    const char *source = arena_printf(arena, "%s/main.c", folder);
    const char *info = abi_linker_name(arena, c->program, options->prefix, "info");
    return target_find("cpu")->emit(c->program, &c->desc, options, "obj", object, &files, diag) &&
           files_write(files.files.data, files.files.len, diag) &&
           write_text(source, main_text, diag) &&
           run_command(arena_printf(arena, "%s -static -Iruntime -Dnetwork=%s %s %s -o %s/net",
                                    t->compiler, info, source, object, folder),
                       diag);
}

void cross_free(Compiled *c) {
    char command[256];
    snprintf(command, sizeof command, "rm -rf '%s'", c->folder);
    require(system(command) == 0);
    c->folder = NULL;
}

/* ---- running ------------------------------------------------------------------------------------ */

static void append_number(StrBuf *out, uint64_t number) {
    str_append_n(out, (const char *)&number, sizeof number);
}

/* Those symbols of the module that the interface names, in its order. */
static void append_symbols(const Compiled *c, const int64_t *symbols, Arena *arena, StrBuf *out) {
    AbiSymbols own = abi_symbols(c->program, arena);
    for (size_t i = 0; i < own.count; i++) {
        int index = dim_symbol_find(c->graph->module->dims, own.names[i]);
        require(index >= 0);
        append_number(out, (uint64_t)symbols[index]);
    }
}

static const char *read_outputs(const Compiled *c, const char *path, Tensor *outputs,
                                Arena *arena) {
    FILE *file = fopen(path, "rb");
    if (!file) return "the program wrote nothing";
    bool ok = true;
    for (int i = 0; i < c->graph->noutputs; i++) {
        outputs[i].data = arena_alloc(arena, outputs[i].bytes + 1);
        ok = ok && fread(outputs[i].data, 1, outputs[i].bytes, file) == outputs[i].bytes;
    }
    ok = ok && fgetc(file) == EOF;
    fclose(file);
    return ok ? NULL : "the program did not write all outputs";
}

const char *cross_run(const Compiled *c, const Tensor *inputs, Tensor *outputs, Arena *arena,
                      const int64_t *symbols) {
    StrBuf input = {0};
    append_symbols(c, symbols, arena, &input);
    for (int i = 0; i < c->graph->ninputs; i++) {
        append_number(&input, inputs[i].bytes);
        str_append_n(&input, inputs[i].data, inputs[i].bytes);
    }
    for (int i = 0; i < c->graph->noutputs; i++) append_number(&input, outputs[i].bytes);
    OutputFile file =
        output_file(arena_printf(arena, "%s/in", c->folder), input.data, input.len, 0666);
    Diag *diag = diag_create(arena, NULL);
    const char *fault = files_write(&file, 1, diag) ? NULL : "the inputs cannot be written";
    str_free(&input);
    if (fault) return fault;
    int status = system(arena_printf(arena, "%s %s/net <%s/in >%s/out", c->emulator, c->folder,
                                     c->folder, c->folder));
    if (status != 0)
        return arena_printf(arena, "%s ends with status %d", c->emulator, WEXITSTATUS(status));
    return read_outputs(c, arena_printf(arena, "%s/out", c->folder), outputs, arena);
}
