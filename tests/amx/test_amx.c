/* Networks in bf16 on matrix tiles: code for a processor with AMX, run with an emulator of it.
 *
 * Each is compared with the reference twice: with the network as written, at bf16's tolerance, and
 * with what the passes made of it, in which values are rounded to bf16 where the code does so, at
 * that of f32 sums. The loop IR evaluator runs it as well, with its checks of bounds and races. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "ir/interp.h"
#include "tests/amx/emulator.h"
#include "tests/differential/harness.h"

/* Without what the machine that runs the test may lack besides tiles, and products do not use. */
static const Way amx_way = {.name = "sapphirerapids",
                            .cpu = "sapphirerapids",
                            .features = "-avx512fp16,-avxvnni",
                            .level = 2,
                            .bf16 = true,
                            .emulated = NN_CPU_AMX_TILE | NN_CPU_AMX_INT8 | NN_CPU_AMX_BF16};

/* ---- one network ----------------------------------------------------------------------------- */

typedef struct Subject {
    const char *text;
    Arena *arena;
    Diag *diag;
    Graph *source;
    Compiled compiled;
    Tensor *inputs;
} Subject;

static bool complain(const Subject *s, const char *stage, const char *why) {
    if (why) printf("%s: %s\n%s\n", stage, why, s->text);
    return why == NULL;
}

/* Kernels that run on tiles. */
typedef struct Tiled {
    int any, full; /* full: with all 32 elements of a row */
} Tiled;

static Tiled count_tiled(const LProgram *program) {
    Tiled count = {0};
    for (size_t i = 0; i < program->calls.len; i++) {
        const char *matrix = strstr(program->calls.data[i].kernel->plan, " matrix=");
        count.any += matrix != NULL;
        count.full += matrix && strstr(matrix, "x32");
    }
    return count;
}

static bool make(Subject *s) {
    Module *module = frontend_load_text("net.nn", s->text, strlen(s->text), &(FrontendOptions){0},
                                        s->arena, s->diag);
    if (!module) return complain(s, "load", diag_text(s->diag));
    params_random(module->graph, 1);
    s->source = module->graph;
    s->inputs = arena_array(s->arena, Tensor, (size_t)s->source->ninputs + 1);
    for (int i = 0; i < s->source->ninputs; i++) {
        int64_t sizes[MAX_RANK];
        const TensorType *type = &s->source->inputs[i]->type;
        require(type_static_dims(type, sizes));
        s->inputs[i] = tensor_new(s->arena, type->dtype, type->rank, sizes);
        fill_values(&s->inputs[i], VALUES_SMALL, (uint64_t)i + 1);
    }
    if (!compiled_make(&s->compiled, s->source, &amx_way, s->arena, s->diag))
        return complain(s, "compile", diag_text(s->diag));
    return true;
}

static bool compare(const Subject *s, const char *stage, const Tensor *outputs,
                    const Tensor *reference, double tolerance) {
    for (int i = 0; i < s->source->noutputs; i++) {
        const char *why = mismatch(&outputs[i], &reference[i], MATCH_AGREES, tolerance, s->arena);
        if (why)
            return complain(s, stage,
                            arena_printf(s->arena, "%s: %s", s->source->output_names[i], why));
    }
    return true;
}

static bool check(Subject *s, double tight) {
    size_t count = (size_t)s->source->noutputs;
    Tensor *exact = arena_array(s->arena, Tensor, count + 1),
           *rounded = arena_array(s->arena, Tensor, count + 1),
           *evaluated = arena_array(s->arena, Tensor, count + 1),
           *one = arena_array(s->arena, Tensor, count + 1),
           *two = arena_array(s->arena, Tensor, count + 1);
    RunOptions serial = {NULL, 1, AT_END}, threaded = {NULL, 2, AT_BEGIN};
    if (!interp_run(s->source, s->inputs, exact, s->arena, NULL, s->diag) ||
        !interp_run(s->compiled.graph, s->inputs, rounded, s->arena, NULL, s->diag))
        return complain(s, "reference", diag_text(s->diag));
    memcpy(one, exact, count * sizeof *one);
    memcpy(two, exact, count * sizeof *two);
    LFault fault =
        lprogram_eval(s->compiled.program, s->inputs, evaluated, s->arena, NULL, s->diag);
    if (fault != LFAULT_NONE) return complain(s, "evaluator", diag_text(s->diag));
    if (!complain(s, "run", compiled_run(&s->compiled, s->inputs, one, s->arena, &serial)) ||
        !complain(s, "run", compiled_run(&s->compiled, s->inputs, two, s->arena, &threaded)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!same_bits(&one[i], &two[i]))
            return complain(s, "threads", "their number changes the bits");
    return compare(s, "evaluator", evaluated, rounded, tight) &&
           compare(s, "rounded reference", one, rounded, tight) &&
           compare(s, "reference", one, exact, 2e-2);
}

/* At least so many kernels run on tiles. */
static bool check_tiled(const Subject *s, Tiled least) {
    Tiled found = count_tiled(s->compiled.program);
    if (found.any >= least.any && found.full >= least.full) return true;
    return complain(
        s, "plans",
        arena_printf(s->arena, "%d kernels run on tiles, %d on full ones", found.any, found.full));
}

static bool check_text(const char *text, Tiled least, double tight) {
    Subject s = {.text = text, .arena = arena_create()};
    s.diag = diag_create(s.arena, NULL);
    uint64_t before = amx_counts().products;
    bool ok = make(&s) && check_tiled(&s, least) && check(&s, tight);
    if (ok && least.any > 0 && amx_counts().products == before)
        ok = complain(&s, "run", "no tile was multiplied");
    compiled_free(&s.compiled);
    arena_destroy(s.arena);
    return ok;
}

/* ---- products -------------------------------------------------------------------------------- */

/* A network of products [rows, depth] by [depth, columns] for every pair of rows and columns. */
static bool check_products(const int *rows, size_t nrows, const int *columns, size_t ncolumns,
                           int depth, Tiled least) {
    StrBuf text = {0};
    str_append(&text, "network net(");
    for (size_t i = 0; i < nrows; i++)
        str_printf(&text, "%sx%d: f32[%d, %d]", i ? ", " : "", rows[i], rows[i], depth);
    str_append(&text, ") -> (");
    for (size_t i = 0; i < nrows * ncolumns; i++)
        str_printf(&text, "%sy%d_%d: f32[%d, %d]", i ? ", " : "", rows[i / ncolumns],
                   columns[i % ncolumns], rows[i / ncolumns], columns[i % ncolumns]);
    str_append(&text, ") {\n");
    for (size_t i = 0; i < nrows; i++)
        for (size_t j = 0; j < ncolumns; j++)
            str_printf(&text, "  y%d_%d = dense(x%d, %d, name=\"w%zu_%zu\") |> relu\n", rows[i],
                       columns[j], rows[i], columns[j], i, j);
    str_append(&text, "}\n");
    bool ok = check_text(str_text(&text), least, 1e-5);
    str_free(&text);
    return ok;
}

/* Around the edges of tiles, and of blocks of two. Sums of an odd number of products have no pairs,
 * and few columns are not packed for tiles: vectors do those. */
static bool products(void) {
    static const int all[] = {1, 15, 16, 17, 31, 32, 33}, few[] = {1, 17, 33};
    static const int depths[] = {1, 2, 31, 32, 33, 48, 63, 65, 66, 96};
    bool ok = check_products(all, COUNT_OF(all), all, COUNT_OF(all), 64, (Tiled){36, 36});
    for (size_t i = 0; i < COUNT_OF(depths); i++) {
        bool paired = depths[i] % 2 == 0 && depths[i] >= 32;
        ok = check_products(few, COUNT_OF(few), few, COUNT_OF(few), depths[i],
                            (Tiled){.any = paired ? 4 : 0}) &&
             ok;
    }
    return ok;
}

/* ---- networks -------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    Tiled least;
} networks[] = {
    /* Rows are two axes; what follows needs the whole row. */
    {"network net(x: f32[3, 7, 48]) -> (y: f32[3, 7, 80]) {\n"
     "  h = dense(x, 96) |> gelu\n"
     "  y = softmax(dense(h, 80), axis=-1)\n"
     "}\n",
     {2, 1}},
    /* Weights [in, out]; a residual sum. */
    {"network net(x: f32[40, 64]) -> (y: f32[40, 64]) {\n"
     "  param w: f32[64, 64]\n"
     "  y = matmul(x, w) + x\n"
     "}\n",
     {1, 1}},
    /* Convolutions on blocked images: rows of a whole image and of a line, fewer than a tile has,
     * steps of two, a residual sum, and results in the order of the network. */
    {"network net(x: f32[1, 32, 9, 9]) -> (y: f32[1, 32, 9, 9]) {\n"
     "  a = conv2d(x, 64, kernel=1) |> relu\n"
     "  b = conv2d(a, 48, kernel=3, pad=1) |> relu\n"
     "  c = conv2d(b, 64, kernel=1)\n"
     "  y = conv2d(c + a, 32, kernel=1)\n"
     "}\n",
     {2, 1}},
    {"network net(x: f32[2, 32, 37, 35]) -> (y: f32[2, 32, 5, 4]) {\n"
     "  a = conv2d(x, 32, kernel=1) |> relu\n"
     "  b = conv2d(a, 64, kernel=3, stride=2, pad=1) |> silu\n"
     "  c = conv2d(b, 64, kernel=3, pad=1, groups=2) |> relu\n"
     "  d = conv2d(c, 64, kernel=1, stride=2) |> relu\n"
     "  y = conv2d(d, 32, kernel=[2, 3], stride=2)\n"
     "}\n",
     {3, 3}},
};

static bool whole_networks(void) {
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(networks); i++)
        ok = check_text(networks[i].text, networks[i].least, 2e-3) && ok;
    return ok;
}

/* ---- convolutions of many shapes ------------------------------------------------------------- */

static int pick(uint64_t *state, const int *list, int count) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return list[(*state >> 33) % (uint64_t)count];
}

/* Two convolutions between a first, which makes blocks, and a last, which undoes them. */
static void append_convolutions(StrBuf *text, uint64_t seed) {
    static const int sizes[] = {3, 4, 7, 9, 10, 12}, channels[] = {16, 24, 32, 48, 64, 96};
    static const int kernels[] = {1, 1, 2, 3}, steps[] = {1, 1, 2};
    static const char *const after[] = {"", " |> relu", " |> silu"};
    uint64_t state = seed;
    int images = pick(&state, (const int[]){1, 2}, 2), side[2][3];
    int kernel[] = {pick(&state, kernels, 4), pick(&state, kernels, 3)};
    int pad = pick(&state, (const int[]){0, 1}, 2), step = pick(&state, steps, 3);
    for (int i = 0; i < 2; i++) {
        side[i][0] = pick(&state, sizes, 6);
        side[i][1] = (side[i][0] + 2 - kernel[0]) / step + 1;
        side[i][2] = side[i][1] + 2 * pad - kernel[1] + 1;
    }
    str_printf(text, "network net(x: f32[%d, 8, %d, %d]) -> (y: f32[%d, 8, %d, %d]) {\n", images,
               side[0][0], side[1][0], images, side[0][2], side[1][2]);
    str_printf(text, "  a = conv2d(x, %d, kernel=1)\n", pick(&state, channels, 6));
    str_printf(text, "  b = conv2d(a, %d, kernel=%d, stride=%d, pad=1)%s\n",
               pick(&state, channels, 6), kernel[0], step, after[seed % COUNT_OF(after)]);
    str_printf(text, "  c = conv2d(b, %d, kernel=%d, pad=%d) |> relu\n", pick(&state, channels, 6),
               kernel[1], pad);
    str_append(text, "  y = conv2d(c, 8, kernel=1)\n}\n");
}

static bool convolutions(void) {
    enum { NETWORKS = 24 };
    bool ok = true;
    for (uint64_t seed = 1; seed <= NETWORKS; seed++) {
        StrBuf text = {0};
        append_convolutions(&text, seed);
        ok = check_text(str_text(&text), (Tiled){0}, 2e-3) && ok;
        str_free(&text);
    }
    return ok;
}

/* ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool (*run)(void);
} tests[] = {{"products", products}, {"networks", whole_networks}, {"convolutions", convolutions}};

int main(int argc, char **argv) {
    int failures = 0;
    if (!__builtin_cpu_supports("x86-64-v4") || !__builtin_cpu_supports("avx512bf16")) {
        printf("skipped: this processor has no AVX512-BF16, which code beside the tiles uses\n");
        return 77;
    }
    amx_emulate();
    for (size_t i = 0; i < COUNT_OF(tests); i++) {
        if (argc > 1 && strcmp(argv[1], tests[i].name) != 0) continue;
        bool ok = tests[i].run();
        printf("%s: %s\n", tests[i].name, ok ? "passed" : "FAILED");
        failures += !ok;
    }
    AmxCounts counts = amx_counts();
    printf("%llu configurations, %llu tiles loaded, %llu stored, %llu products\n",
           (unsigned long long)counts.configurations, (unsigned long long)counts.loads,
           (unsigned long long)counts.stores, (unsigned long long)counts.products);
    return failures > 0;
}
