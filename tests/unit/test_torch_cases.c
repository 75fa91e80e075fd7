/* Every stored result of PyTorch (tests/torch/README.md) against the reference interpreter. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <glob.h>
#include <string.h>

#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "ir/interp.h"

typedef struct Case {
    char path[120]; /* of the .nn file; by value, for tests run in processes of their own */
} Case;

typedef struct Loaded {
    Arena *arena;
    Diag *diag;
    const Graph *graph;
    TensorFile file;
} Loaded;

static const Tensor *stored(const Loaded *c, const char *prefix, const char *name) {
    const Tensor *t = tensor_file_find(&c->file, arena_printf(c->arena, "%s.%s", prefix, name));
    cr_assert_not_null(t, "the file has no %s.%s", prefix, name);
    return t;
}

static Loaded load(const char *path) {
    Loaded c = {.arena = arena_create()};
    c.diag = diag_create(c.arena, NULL);
    const char *weights = path_with_extension(c.arena, path, ".safetensors");
    FrontendOptions options = {0};
    Module *module = frontend_load(path, &options, c.arena, c.diag, NULL, NULL);
    cr_assert_not_null(module, "%s", diag_text(c.diag));
    c.graph = module->graph;
    cr_assert(tensor_file_read(c.arena, weights, &c.file, c.diag), "%s", diag_text(c.diag));
    cr_assert(params_from_file(module->graph, &c.file, weights, EXTRA_ERROR, c.diag), "%s",
              diag_text(c.diag));
    return c;
}

static void compare(const Loaded *c, const char *name, const Tensor *result, double tol) {
    const Tensor *want = stored(c, "out", name);
    cr_assert_str_eq(tensor_type_text(c->arena, result), tensor_type_text(c->arena, want),
                     "type of '%s'", name);
    Agreement a = tensor_agreement(result, want, tol);
    double got = a.worst < 0 ? 0 : tensor_get(result, a.worst),
           expected = a.worst < 0 ? 0 : tensor_get(want, a.worst);
    cr_expect(a.agrees, "'%s' is off by %g (l2), %g (max); element %lld is %.9g, expected %.9g",
              name, a.relative_l2, a.max_error, (long long)a.worst, got, expected);
}

ParameterizedTestParameters(torch_cases, agrees) {
    glob_t found;
    cr_assert_eq(glob("tests/torch/*.nn", 0, NULL, &found), 0,
                 "no cases: run from the root of the source");
    Case *cases = cr_malloc(found.gl_pathc * sizeof *cases);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        cr_assert_lt(strlen(found.gl_pathv[i]), sizeof cases[i].path);
        strcpy(cases[i].path, found.gl_pathv[i]);
    }
    size_t count = found.gl_pathc;
    globfree(&found);
    return cr_make_param_array(Case, cases, count, NULL);
}

ParameterizedTest(Case *test, torch_cases, agrees) {
    Loaded c = load(test->path);
    const Graph *graph = c.graph;
    Tensor *inputs = arena_array(c.arena, Tensor, (size_t)graph->ninputs);
    Tensor *outputs = arena_array(c.arena, Tensor, (size_t)graph->noutputs);
    for (int i = 0; i < graph->ninputs; i++) inputs[i] = *stored(&c, "in", graph->input_names[i]);
    cr_assert(interp_run(graph, inputs, outputs, c.arena, NULL, c.diag), "%s", diag_text(c.diag));
    double tol = strncmp(path_base(test->path), "net_", 4) == 0 ? 1e-4 : 1e-5;
    for (int i = 0; i < graph->noutputs; i++) compare(&c, graph->output_names[i], &outputs[i], tol);
    arena_destroy(c.arena);
}
