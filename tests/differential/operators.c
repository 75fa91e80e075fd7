/* Every operator of the table, compiled in every way that this machine can run, against the reference interpreter.
 *
 *   operators            all
 *   operators 1/4        every fourth row, from row 1
 *   operators softmax    one
 *   operators -opencl 3  on OpenCL, at -O2: every third instance of each operator; -opencl-gpu: as for a GPU; -hls: simulated;
 *                        -cross=aarch64, -cross=riscv64: under an emulator; -bf16: with operands of products in bf16
 *   operators -edges     kernels with sizes around the edges of vectors and tiles instead; before other options
 *
 * The instances of one operator are put into few networks, so that the compiler's fixed cost is paid seldom. Where one fails,
 * its instances run alone, and each that fails is printed as a network that can be run again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/dataio.h"
#include "frontend/frontend.h"
#include "ir/interp.h"
#include "tests/differential/cross.h"
#include "tests/differential/operator_cases.h"

static const Row rows[] = {
#define OP(name, ...) {#name, OP_##name, cases_##name, COUNT_OF(cases_##name)},
#include "ir/ops.def"
#undef OP
};
_Static_assert(COUNT_OF(rows) == OP_COUNT, "a row an operator");

enum { INSTANCES_PER_NETWORK = 20 };

/* One combination of a case's element types. */
typedef struct Instance {
    const Case *c;
    const char *type, *to;
    int number;
} Instance;

typedef VEC(Instance) Instances;

/* ---- texts -------------------------------------------------------------------------------------- */

/* Appends the template with `$`, `@` and `%` replaced. */
static void expand(StrBuf *out, const Instance *i, const char *text) {
    for (; *text; text++) {
        if (*text == '$')
            str_printf(out, "%d", i->number);
        else if (*text == '@')
            str_append(out, i->type);
        else if (*text == '%')
            str_append(out, i->to);
        else
            str_putc(out, *text);
    }
}

static void add_statements(StrBuf *out, const Instance *i) {
    if (i->c->before) {
        str_append(out, "  ");
        expand(out, i, i->c->before);
        str_putc(out, '\n');
    }
    str_printf(out, "  y%d = ", i->number);
    expand(out, i, i->c->expression);
    str_putc(out, '\n');
}

/* A network with a result for each instance. */
static const char *network_text(const Instance *instances, size_t count, Arena *arena) {
    StrBuf text = {0};
    const char *comma = "";
    str_append(&text, "network net(");
    for (size_t i = 0; i < count; i++) {
        if (!*instances[i].c->inputs) continue;
        str_append(&text, comma);
        expand(&text, &instances[i], instances[i].c->inputs);
        comma = ", ";
    }
    str_append(&text, ") -> (");
    for (size_t i = 0; i < count; i++) {
        str_printf(&text, "%sy%d: ", i ? ", " : "", instances[i].number);
        expand(&text, &instances[i], instances[i].c->result);
    }
    str_append(&text, ") {\n");
    for (size_t i = 0; i < count; i++) add_statements(&text, &instances[i]);
    str_append(&text, "}\n");
    const char *result = arena_strdup(arena, str_text(&text));
    str_free(&text);
    return result;
}

/* The words of a list apart by blanks. */
static size_t split_words(const char *text, Arena *arena, const char **words) {
    size_t count = 0;
    while (text && *text) {
        size_t length = strcspn(text, " ");
        words[count++] = arena_strndup(arena, text, length);
        text += length + (text[length] == ' ');
    }
    return count;
}

static void expand_row(const Row *row, Arena *arena, Instances *out) {
    for (size_t k = 0; k < row->count; k++) {
        const char *types[32], *to[32] = {""};
        size_t ntypes = split_words(row->cases[k].types, arena, types);
        size_t nto = split_words(row->cases[k].to, arena, to);
        for (size_t t = 0; t < ntypes; t++)
            for (size_t u = 0; u < (nto ? nto : 1); u++)
                vec_push(arena, out, (Instance){&row->cases[k], types[t], to[u], (int)out->len});
    }
}

/* ---- one network --------------------------------------------------------------------------------- */

typedef struct Job {
    const Row *row;
    const Instance *instances;
    size_t count;
    const Way *ways;
    size_t way_count;
} Job;

typedef struct Net {
    const Job *job;
    Arena *arena;
    Diag *diag;
    const char *text;
    Graph *source;
} Net;

static int64_t symbol_value(const char *name, int trial);

static Module *load_text(Net *net, const FrontendOptions *options) {
    return frontend_load_text("net.nn", net->text, strlen(net->text), options, net->arena,
                              net->diag);
}

/* The same network with a size for each of its symbols. */
static Module *load_bound(Net *net, const DimContext *dims) {
    enum { TRIAL = 2 };
    int count = dim_symbol_count(dims);
    FrontendOptions options = {.nbinds = count};
    const char **names = arena_array(net->arena, const char *, (size_t)count + 1);
    int64_t *values = arena_array(net->arena, int64_t, (size_t)count + 1);
    for (int i = 0; i < count; i++) {
        names[i] = dim_symbol_name(dims, i);
        values[i] = symbol_value(names[i], TRIAL);
    }
    options.bind_names = names;
    options.bind_values = values;
    return load_text(net, &options);
}

static bool load(Net *net) {
    const char *name = net->job->ways[0].target;
    const Target *target = name ? target_find(name) : NULL;
    Module *module = load_text(net, &(FrontendOptions){0});
    if (module && target && target->wants_sizes) module = load_bound(net, module->dims);
    if (!module) return false;
    params_random(module->graph, 1);
    net->source = module->graph;
    return true;
}

static const Instance *instance_of(const Net *net, const char *port) {
    size_t digits = strcspn(port, "0123456789");
    int number = atoi(port + digits);
    for (size_t i = 0; i < net->job->count; i++)
        if (net->job->instances[i].number == number) return &net->job->instances[i];
    die("no instance has the input or output '%s'", port);
}

typedef struct Trial {
    int64_t symbols[8];
    Tensor *inputs, *reference;
} Trial;

enum { TRIAL_COUNT = 4 };

/* N may be nothing at all, M not. */
static int64_t symbol_value(const char *name, int trial) {
    static const int64_t any[TRIAL_COUNT] = {0, 1, 3, 17}, some[TRIAL_COUNT] = {1, 2, 5, 19};
    return strcmp(name, "N") == 0 ? any[trial] : some[trial];
}

static bool make_trial(const Net *net, int number, Arena *arena, Trial *trial) {
    const Graph *graph = net->source;
    const DimContext *dims = graph->module->dims;
    for (int s = 0; s < dim_symbol_count(dims); s++)
        trial->symbols[s] = symbol_value(dim_symbol_name(dims, s), number);
    trial->inputs = arena_array(arena, Tensor, (size_t)graph->ninputs + 1);
    trial->reference = arena_array(arena, Tensor, (size_t)graph->noutputs + 1);
    for (int i = 0; i < graph->ninputs; i++) {
        const TensorType *type = &graph->inputs[i]->type;
        int64_t sizes[MAX_RANK];
        for (int k = 0; k < type->rank; k++)
            require(dim_eval(type->dims[k], trial->symbols, &sizes[k]));
        trial->inputs[i] = tensor_new(arena, type->dtype, type->rank, sizes);
        fill_values(&trial->inputs[i], instance_of(net, graph->input_names[i])->c->values,
                    (uint64_t)(number * 1000 + i));
    }
    InterpOptions options = {.symbols = trial->symbols};
    return interp_run(graph, trial->inputs, trial->reference, arena, &options, net->diag);
}

static double tolerance(const Way *way, const Instance *instance, const Tensor *reference) {
    bool half = !strcmp(instance->type, "f16") || !strcmp(instance->type, "bf16");
    half = half || (way->bf16 && reference->dtype == DT_f32);
    return half ? 1e-2 : tolerance_of(reference->dtype);
}

/* As for is_wanted: results that are subnormal may be 0. */
static Match match_of(const Way *way, const Instance *instance) {
    return way->bf16 && instance->c->match == MATCH_CLOSE ? MATCH_AGREES : instance->c->match;
}

static bool compare(const Net *net, const Way *way, const Trial *trial, const Tensor *outputs,
                    Arena *arena) {
    bool ok = true;
    for (int i = 0; i < net->source->noutputs; i++) {
        const Instance *instance = instance_of(net, net->source->output_names[i]);
        const char *why = mismatch(&outputs[i], &trial->reference[i], match_of(way, instance),
                                   tolerance(way, instance, &trial->reference[i]), arena);
        if (!why) continue;
        ok = false;
        printf("%s: %s", way->name, net->source->output_names[i]);
        for (int s = 0; s < dim_symbol_count(net->source->module->dims); s++)
            printf(", %s = %lld", dim_symbol_name(net->source->module->dims, s),
                   (long long)trial->symbols[s]);
        printf(": %s\n", why);
    }
    return ok;
}

static bool fault(const Way *way, const char *why) {
    if (why) printf("%s: %s\n", way->name, why);
    return why != NULL;
}

/* Runs with one and with two threads, whose results have the same bits. */
static bool check_trial(const Net *net, const Way *way, const Compiled *c, const Trial *trial) {
    Arena *arena = arena_create();
    size_t count = (size_t)net->source->noutputs;
    Tensor *one = arena_array(arena, Tensor, count + 1),
           *two = arena_array(arena, Tensor, count + 1);
    memcpy(one, trial->reference, count * sizeof *one);
    memcpy(two, trial->reference, count * sizeof *two);
    RunOptions serial = {trial->symbols, 1, AT_END}, threaded = {trial->symbols, 2, AT_BEGIN};
    bool ok = !fault(way, compiled_run(c, trial->inputs, one, arena, &serial)) &&
              !fault(way, compiled_run(c, trial->inputs, two, arena, &threaded)) &&
              compare(net, way, trial, one, arena);
    for (size_t i = 0; i < count && ok; i++) {
        if (same_bits(&one[i], &two[i])) continue;
        ok = !fault(way, "the number of threads changes the bits");
    }
    arena_destroy(arena);
    return ok;
}

/* Whether the operator is there at all: cases that never reach it prove nothing. */
static bool has_operator(const Graph *graph, OpKind op) {
    graph_each(graph, node) {
        if (node->op == op || (node->body && has_operator(node->body, op))) return true;
    }
    return false;
}

/* What passes round is part of the network that they made. */
static bool refer_to_rounded(const Net *net, const Compiled *c, Trial *trial) {
    InterpOptions options = {.symbols = trial->symbols};
    trial->reference = arena_array(net->arena, Tensor, (size_t)c->graph->noutputs + 1);
    return interp_run(c->graph, trial->inputs, trial->reference, net->arena, &options, net->diag);
}

static bool check_way(const Net *net, const Way *way, const Trial *trials) {
    Compiled c;
    bool ok = compiled_make(&c, net->source, way, net->arena, net->diag);
    if (!ok) {
        printf("%s: does not compile:\n%s\n", way->name, diag_text(net->diag));
        return false;
    }
    bool optimized = net->job->instances[0].c->o2;
    /* Layouts are not chosen where there are no vectors. */
    if (net->job->row->op == OP_relayout && target_lanes(&c.desc, 32) < 2) optimized = false;
    if (optimized && way->level == 2 && !has_operator(c.graph, net->job->row->op))
        ok = !fault(way, "the operator is not among what the passes made");
    for (int t = 0; t < TRIAL_COUNT && ok; t++) {
        Trial trial = trials[t];
        ok = !way->bf16 || refer_to_rounded(net, &c, &trial);
        ok = ok && check_trial(net, way, &c, &trial);
    }
    compiled_free(&c);
    return ok;
}

static bool check_net(void *data) {
    const Job *job = data;
    Net net = {.job = job, .arena = arena_create()};
    net.diag = diag_create(net.arena, NULL);
    net.text = network_text(job->instances, job->count, net.arena);
    Trial trials[TRIAL_COUNT];
    bool ok = load(&net);
    for (int t = 0; t < TRIAL_COUNT && ok; t++) ok = make_trial(&net, t, net.arena, &trials[t]);
    if (!ok) {
        printf("%s\n", diag_text(net.diag));
        return false;
    }
    if (!job->instances[0].c->o2 && !has_operator(net.source, job->row->op))
        ok = !fault(&(Way){.name = "source"}, "the operator is not in the network");
    for (size_t w = 0; w < job->way_count && ok; w++)
        if (way_runs_here(&job->ways[w])) ok = check_way(&net, &job->ways[w], trials);
    arena_destroy(net.arena);
    return ok;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

/* Prints every instance that fails alone; if none does, the network as a whole. */
static int explain(const Job *job) {
    Arena *arena = arena_create();
    int failures = 0;
    for (size_t i = 0; i < job->count; i++) {
        Job alone = {job->row, &job->instances[i], 1, job->ways, job->way_count};
        if (in_child(check_net, &alone, false) == 0) continue;
        failures++;
        printf("^ FAILED: %s\n%s\n", job->row->name, network_text(alone.instances, 1, arena));
    }
    if (failures == 0) {
        Job again = *job;
        in_child(check_net, &again, false);
        printf("^ FAILED, though each alone does not: %s\n%s\n", job->row->name,
               network_text(job->instances, job->count, arena));
        failures = 1;
    }
    arena_destroy(arena);
    return failures;
}

typedef struct Sample {
    const Way *ways;
    size_t way_count, step; /* of each operator's instances every step-th */
} Sample;

/* Whether the instance names a symbol that only the inputs of others bring in. */
static bool needs_others(const Instance *i) {
    const char *inputs = i->c->inputs;
    bool names = strchr(i->c->expression, 'N') || strchr(inputs, 'N');
    return names && !strstr(inputs, "[N") && !strstr(inputs, ", N");
}

/* With -precision=bf16, subnormal numbers may count as 0, and what infinity makes of them differs. */
static bool is_wanted(const Sample *sample, const Instance *i) {
    bool bf16 = sample->ways->bf16;
    if (bf16 && i->c->values == VALUES_SPECIAL) return false;
    return (sample->step == 1 && !bf16) || !needs_others(i);
}

static void thin_out(Instances *instances, const Sample *sample) {
    size_t kept = 0;
    for (size_t i = 0; i < instances->len; i += sample->step) {
        if (is_wanted(sample, &instances->data[i])) instances->data[kept++] = instances->data[i];
    }
    instances->len = kept;
}

static int check_row(const Row *row, const Sample *sample) {
    Arena *arena = arena_create();
    Instances instances = {0};
    expand_row(row, arena, &instances);
    thin_out(&instances, sample);
    int failures = 0;
    for (size_t i = 0; i < instances.len; i += INSTANCES_PER_NETWORK) {
        size_t left = instances.len - i;
        Job job = {row, &instances.data[i],
                   left < INSTANCES_PER_NETWORK ? left : INSTANCES_PER_NETWORK, sample->ways,
                   sample->way_count};
        if (in_child(check_net, &job, true) != 0) failures += explain(&job);
    }
    arena_destroy(arena);
    return failures;
}

/* A driver's threads do not live on in a child, so that this process must not start them. */
static bool opencl_is_missing(void *data) {
    (void)data;
    return !way_runs_here(&opencl_way);
}

enum { EXIT_SKIPPED = 77 };

typedef struct Arguments {
    Sample sample;
    bool edges;
} Arguments;

static bool opencl_is_there(void) {
    return in_child(opencl_is_missing, NULL, true) != 0;
}

/* Takes the options off; false where this machine lacks what they need. */
static bool read_arguments(int *argc, char ***argv, Arguments *a) {
    *a = (Arguments){.sample = {ways, WAY_COUNT, 1}};
    for (; *argc > 1 && (*argv)[1][0] == '-'; *argc -= 2, *argv += 2) {
        const char *option = (*argv)[1], *value = *argc > 2 ? (*argv)[2] : "";
        const Way *way = &opencl_way;
        if (strcmp(option, "-edges") == 0) {
            a->edges = true;
            a->sample = (Sample){&ways[WAY_NATIVE], WAY_COUNT - WAY_NATIVE, 1};
            *argc += 1;
            *argv -= 1;
            continue;
        }
        if (strcmp(option, "-opencl-gpu") == 0) way = &opencl_gpu_way;
        if (strcmp(option, "-hls") == 0) way = &hls_way;
        if (strcmp(option, "-bf16") == 0) way = &bf16_way;
        if (strncmp(option, "-cross=", 7) == 0) way = cross_way(option + 7);
        int step = atoi(value);
        if (!way || step < 1) die("%s %s: no such target, or no step", option, value);
        if (way->target && strcmp(way->target, "opencl") == 0 ? !opencl_is_there()
                                                              : !way_runs_here(way))
            return false;
        a->sample = (Sample){way, 1, (size_t)step};
    }
    return true;
}

enum { EDGE_CASES = 12 };

int main(int argc, char **argv) {
    int share = 0, shares = 1, failures = 0;
    const char *only = NULL;
    Arguments arguments;
    if (!read_arguments(&argc, &argv, &arguments)) {
        printf("this machine lacks what that needs\n");
        return EXIT_SKIPPED;
    }
    for (size_t w = 0; w < arguments.sample.way_count; w++) {
        const Way *way = &arguments.sample.ways[w];
        if (!way->target && !way_runs_here(way))
            printf("%s: skipped, this machine cannot run it\n", way->name);
    }
    if (argc > 1 && sscanf(argv[1], "%d/%d", &share, &shares) != 2) only = argv[1];
    Arena *arena = arena_create();
    Row edges[EDGE_ROWS];
    const Row *list = arguments.edges ? edges : rows;
    size_t count = arguments.edges ? edge_rows(edges, 1, EDGE_CASES, arena) : COUNT_OF(rows);
    for (size_t r = 0; r < count; r++) {
        bool wanted = only ? strcmp(only, list[r].name) == 0 : (int)r % shares == share % shares;
        if (wanted) failures += check_row(&list[r], &arguments.sample);
    }
    arena_destroy(arena);
    printf("%d failures\n", failures);
    return failures != 0;
}
