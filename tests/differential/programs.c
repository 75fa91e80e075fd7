/* Every scheduled kernel of whole networks through the evaluator with all its checks (bounds, uninitialized reads, races),
 * for machines that this one need not be.
 *
 *   programs FOLDER          the networks of examples/digits
 *   programs FOLDER resnet18 resnet18 on images of 32 by 32 */
#include <stdio.h>
#include <string.h>

#include "codegen/lower/lower.h"
#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "ir/interp.h"
#include "tests/differential/harness.h"

/* Whose numbers lead to different plans. */
static const TargetDesc machines[] = {
    {.name = "scalar",
     .vector_registers = 32,
     .fma_ports = 1,
     .l1_bytes = 8 << 10,
     .l2_bytes = 64 << 10,
     .cores = 1,
     .parallel_threshold = 1000},
    {.name = "128 bits",
     .vector_bits = 128,
     .vector_registers = 16,
     .fma_ports = 2,
     .l1_bytes = 32 << 10,
     .l2_bytes = 256 << 10,
     .cores = 4,
     .parallel_threshold = 100000},
    {.name = "256 bits",
     .vector_bits = 256,
     .vector_registers = 16,
     .fma = true,
     .fma_ports = 2,
     .l1_bytes = 32 << 10,
     .l2_bytes = 1 << 20,
     .cores = 8,
     .parallel_threshold = 1},
    {.name = "512 bits",
     .vector_bits = 512,
     .vector_registers = 32,
     .masked_tails = true,
     .broadcast_operand = true,
     .fma = true,
     .fma_ports = 2,
     .l1_bytes = 48 << 10,
     .l2_bytes = 2 << 20,
     .cores = 2,
     .vnni = true,
     .bf16_dot = true,
     .parallel_threshold = 200000},
    {.name = "groups",
     .fma = true,
     .fma_ports = 1,
     .cores = 2,
     .group_items = 256,
     .group_width = 32,
     .item_registers = 128,
     .load_bits = 128,
     .local_bytes = 32 << 10},
    {.name = "streams", .cores = 1, .streams = true, .float_latency = 5},
    {.name = "streams, many lanes",
     .cores = 1,
     .streams = true,
     .task_cycles = 3000,
     .float_latency = 5},
};

typedef struct Job {
    const char *path;
    const char *from, *to; /* of the text; null: as it is */
    const TargetDesc *machine;
    int level;
    int64_t batch;
} Job;

typedef struct Network {
    const Job *job;
    Arena *arena;
    Diag *diag;
    Graph *source;
    Tensor *inputs, *reference;
    int64_t symbols[8];
} Network;

static const char *read_text(const Network *n) {
    FileBytes bytes;
    if (!file_read(n->arena, n->job->path, 1 << 20, &bytes, n->diag, (Span){0})) return NULL;
    const char *text = arena_strndup(n->arena, (const char *)bytes.data, bytes.size);
    if (!n->job->from) return text;
    const char *at = strstr(text, n->job->from);
    if (!at) die("'%s' is not in %s", n->job->from, n->job->path);
    return arena_printf(n->arena, "%.*s%s%s", (int)(at - text), text, n->job->to,
                        at + strlen(n->job->from));
}

static bool load(Network *n) {
    const char *text = read_text(n);
    FrontendOptions options = {0};
    /* Tasks know all sizes. */
    static const char *const batch[] = {"N"};
    options.bind_names = batch;
    options.bind_values = &n->job->batch;
    options.nbinds = n->job->machine->streams;
    if (!text) return false;
    Module *module =
        frontend_load_text(n->job->path, text, strlen(text), &options, n->arena, n->diag);
    if (!module) return false;
    params_random(module->graph, 7);
    n->source = module->graph;
    return true;
}

static bool run_reference(Network *n) {
    Graph *graph = n->source;
    n->inputs = arena_array(n->arena, Tensor, (size_t)graph->ninputs);
    n->reference = arena_array(n->arena, Tensor, (size_t)graph->noutputs);
    for (int s = 0; s < dim_symbol_count(graph->module->dims); s++) n->symbols[s] = n->job->batch;
    for (int i = 0; i < graph->ninputs; i++) {
        const TensorType *type = &graph->inputs[i]->type;
        int64_t dims[MAX_RANK];
        for (int k = 0; k < type->rank; k++) require(dim_eval(type->dims[k], n->symbols, &dims[k]));
        n->inputs[i] = tensor_new(n->arena, type->dtype, type->rank, dims);
        fill_values(&n->inputs[i], VALUES_SMALL, (uint64_t)i + 1);
    }
    InterpOptions options = {.symbols = n->symbols};
    return interp_run(graph, n->inputs, n->reference, n->arena, &options, n->diag);
}

static LProgram *lower(Network *n) {
    const Pass *passes[64];
    require(pass_count <= COUNT_OF(passes));
    size_t count = passes_default(n->job->level, passes);
    Graph *graph = graph_clone(n->source, NULL);
    PassContext context = {.module = graph->module, .target = n->job->machine, .diag = n->diag};
    PassInspector inspector = {.verify = true};
    if (!passes_run(&context, graph, passes, count, &inspector)) return NULL;
    LProgram *program = lower_graph(graph, n->job->machine, n->diag);
    bool ok = program && plan_memory(program, n->diag) && lprogram_verify(program, n->diag);
    return ok ? program : NULL;
}

static bool evaluate(Network *n, const LProgram *program) {
    Tensor *outputs = arena_array(n->arena, Tensor, (size_t)n->source->noutputs);
    bool ok = true;
    for (int i = 0; i < n->source->noutputs; i++) {
        const Tensor *r = &n->reference[i];
        outputs[i] = tensor_new(n->arena, r->dtype, r->rank, r->dims);
    }
    LEvalOptions options = {.symbols = n->symbols};
    if (lprogram_eval(program, n->inputs, outputs, n->arena, &options, n->diag) != LFAULT_NONE)
        return false;
    for (int i = 0; i < n->source->noutputs; i++) {
        const char *why = mismatch(&outputs[i], &n->reference[i], MATCH_AGREES, 1e-4, n->arena);
        if (why) printf("%s: %s\n", n->source->output_names[i], why);
        ok = ok && !why;
    }
    return ok;
}

static bool check(void *data) {
    const Job *job = data;
    Network n = {.job = job, .arena = arena_create()};
    n.diag = diag_create(n.arena, NULL);
    LProgram *program = NULL;
    bool ok = load(&n) && run_reference(&n) && (program = lower(&n)) && evaluate(&n, program);
    if (diag_error_count(n.diag)) printf("%s\n", diag_text(n.diag));
    arena_destroy(n.arena);
    return ok;
}

static int check_job(const Job *job) {
    Job own = *job;
    if (in_child(check, &own, false) == 0) return 0;
    printf("^ FAILED: %s for '%s' at -O%d, batch %lld\n", job->path, job->machine->name, job->level,
           (long long)job->batch);
    return 1;
}

static int check_digits(const char *folder, Arena *arena) {
    static const char *const names[] = {"mlp", "cnn"};
    int failures = 0;
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const char *path = arena_printf(arena, "%s/digits/%s.nn", folder, names[i]);
        for (size_t m = 0; m < COUNT_OF(machines); m++) {
            for (int level = 0; level <= 2; level += 2)
                failures += check_job(&(Job){path, NULL, NULL, &machines[m], level, level ? 3 : 1});
        }
    }
    return failures;
}

static int check_resnet(const char *folder, Arena *arena) {
    const char *path = arena_printf(arena, "%s/resnet18.nn", folder);
    int failures = 0;
    for (size_t m = 1; m < COUNT_OF(machines); m++)
        failures += check_job(&(Job){path, "224, 224", "32, 32", &machines[m], 2, 1});
    return failures;
}

int main(int argc, char **argv) {
    Arena *arena = arena_create();
    if (argc < 2 || (argc > 2 && strcmp(argv[2], "resnet18") != 0)) {
        fprintf(stderr, "usage: programs FOLDER [resnet18]\n");
        return 2;
    }
    int failures = argc > 2 ? check_resnet(argv[1], arena) : check_digits(argv[1], arena);
    printf("%d failures\n", failures);
    arena_destroy(arena);
    return failures != 0;
}
