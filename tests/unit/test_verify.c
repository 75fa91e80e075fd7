/* The search for the first wrong value, on a target that breaks one kernel on purpose. */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver/dump.h"
#include "driver/execute.h"
#include "driver/inputs.h"
#include "driver/locate.h"

/* The cpu target with one weight of the kernels at a path changed. */
static bool load_broken(const LProgram *program, const TargetDesc *desc,
                        const TargetOptions *options, LoadedNetwork *loaded, Diag *diag) {
    for (size_t i = 0; i < program->calls.len; i++) {
        const LCall *call = &program->calls.data[i];
        for (int p = 0; p < call->kernel->nparams; p++) {
            LTensor *tensor = call->args[p];
            if (strcmp(call->path, "conv2") != 0 || tensor->role != TENSOR_WEIGHT ||
                tensor->data->rank < 2)
                continue;
            Tensor *changed = arena_new(program->module->arena, Tensor);
            *changed = tensor_new(program->module->arena, tensor->data->dtype, tensor->data->rank,
                                  tensor->data->dims);
            memcpy(changed->data, tensor->data->data, changed->bytes);
            tensor_set(changed, 7, tensor_get(changed, 7) + 0.5);
            tensor->data = changed;
        }
    }
    return target_cpu.load(program, desc, options, loaded, diag);
}

static void run_and_locate(const Target *target, bool *differs) {
    Options options = {.file = "examples/digits/cnn.nn", .level = 2, .threads = 1};
    Arena *arena = arena_create();
    Compilation *c = compilation_create(&options, arena);
    cr_assert(compilation_run(c));
    c->target = target;
    int64_t symbols[1] = {3};
    Tensor input, reference;
    cr_assert(input_random(c->source, 0, symbols, 5, arena, &input, c->diag));
    InterpOptions interp = {.symbols = symbols};
    cr_assert(interp_run(c->source, &input, &reference, arena, &interp, c->diag));
    Executable executable;
    cr_assert(executable_compile(c, &executable));
    cr_assert(executable_bind(&executable, &input, symbols, 1, c->diag) &&
              executable_run(&executable, c->diag));
    *differs = !tensor_agreement(&executable.outputs[0], &reference, 1e-4).agrees;
    locate_first_wrong(c, &input, symbols, arena);
    fflush(stdout);
    executable_close(&executable);
    compilation_destroy(c);
    arena_destroy(arena);
}

/* Everything on the redirected standard output holds text. */
static void expect_output(const char *text) {
    char output[4096] = "";
    FILE *file = cr_get_redirected_stdout();
    size_t length = fread(output, 1, sizeof output - 1, file);
    output[length] = 0;
    cr_expect_not_null(strstr(output, text), "'%s' lacks '%s'", output, text);
}

Test(verify, names_the_first_wrong_value, .init = cr_redirect_stdout) {
    Target broken = target_cpu;
    bool differs = false;
    broken.load = load_broken;
    run_and_locate(&broken, &differs);
    cr_expect(differs);
    expect_output("first wrong value: conv2, f32[N, 20, 8, 8], from examples/digits/cnn.nn:11:11");
}

Test(verify, finds_nothing_where_all_is_right, .init = cr_redirect_stdout) {
    bool differs = true;
    run_and_locate(&target_cpu, &differs);
    cr_expect_not(differs);
    expect_output("every kernel's result is right");
}

Test(verify, a_defect_leaves_a_dump_that_reads_back) {
    char folder[] = "/tmp/nnc-defect-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    Options options = {.file = "examples/digits/cnn.nn", .level = 2, .dump_dir = folder};
    Arena *arena = arena_create();
    Compilation *c = compilation_create(&options, arena);
    cr_assert(compilation_load(c));
    dump_defect(c);
    const char *path = arena_printf(arena, "%s/cnn.defect.nnir", folder);
    FileBytes bytes;
    cr_assert(file_read(arena, path, 1 << 20, &bytes, c->diag, (Span){0}));
    const Source *source = diag_add_source(c->diag, path, (const char *)bytes.data, bytes.size);
    cr_expect_not_null(graph_parse(source, arena, c->diag, NULL));
    unlink(path);
    rmdir(folder);
    compilation_destroy(c);
    arena_destroy(arena);
}
