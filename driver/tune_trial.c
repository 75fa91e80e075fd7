/* A kernel alone.
 *
 * It is lowered from a slice of the graph, its node and the constants that it reads, so that it is
 * the very code that the network will have. What it reads and writes are one-dimensional tensors of
 * as many elements as lie in memory, for an interface has no layouts.
 *
 * Before each run the caches forget most of the weights and the inputs are read, which is how a
 * kernel finds them in a network: written by the one before it. */
#include <stdlib.h>
#include <string.h>

#include "driver/dump.h"
#include "driver/tune.h"

/* ---- the program ----------------------------------------------------------------------------- */

typedef struct Slice {
    Arena *arena;
    Graph graph;
    VEC(Value *) inputs;
    VEC(const char *) names;
} Slice;

static void slice_node(Slice *s, const Node *node) {
    Node *copy = arena_new(s->arena, Node);
    *copy = *node;
    copy->graph = &s->graph;
    copy->prev = s->graph.last;
    copy->next = NULL;
    if (s->graph.last)
        s->graph.last->next = copy;
    else
        s->graph.first = copy;
    s->graph.last = copy;
}

static bool is_constant(const Value *value) {
    return value->def && (value->def->op == OP_const || value->def->op == OP_param);
}

static void slice_operand(Slice *s, const Node *node, int operand) {
    Value *value = node->operands[operand];
    for (int i = 0; i < operand; i++)
        if (node->operands[i] == value) return;
    if (is_constant(value)) {
        slice_node(s, value->def);
        return;
    }
    vec_push(s->arena, &s->names, arena_printf(s->arena, "x%zu", s->inputs.len));
    vec_push(s->arena, &s->inputs, value);
}

static void slice_make(Slice *s, Module *module, const Node *node) {
    const char **names = arena_array(s->arena, const char *, (size_t)node->nresults);
    s->graph.module = module;
    s->graph.name = "trial";
    for (int i = 0; i < node->noperands; i++) slice_operand(s, node, i);
    slice_node(s, node);
    for (int i = 0; i < node->nresults; i++) names[i] = arena_printf(s->arena, "y%d", i);
    s->graph.ninputs = (int)s->inputs.len;
    s->graph.inputs = s->inputs.data;
    s->graph.input_names = s->names.data;
    s->graph.noutputs = node->nresults;
    s->graph.outputs = node->results;
    s->graph.output_names = names;
}

/* What the program reads and writes as rows of elements. */
static Graph *flat_signature(const LProgram *program, Module *module) {
    const Graph *graph = program->graph;
    Graph *flat = graph_create(module, graph->name);
    Builder b = {.graph = flat, .path = graph->name};
    Value **outputs = arena_array(module->arena, Value *, (size_t)graph->noutputs + 1);
    for (size_t i = 0; i < program->tensors.len; i++) {
        const LTensor *t = program->tensors.data[i];
        TensorType type = type_make(t->dtype, 1, &t->elements);
        if (t->role == TENSOR_INPUT)
            graph_add_input(flat, graph->input_names[t->io], &type, (Span){0});
        if (t->role == TENSOR_OUTPUT)
            outputs[t->io] = build_param(&b, graph->output_names[t->io], &type);
    }
    graph_set_outputs(flat, graph->noutputs, outputs, graph->output_names);
    return flat;
}

typedef struct Forced {
    const char *key;
    const ContractionPlan *plan;
} Forced;

static bool force_plan(void *self, const PlanRequest *request, ContractionPlan *plan) {
    const Forced *forced = self;
    if (strcmp(request->key, forced->key) != 0) return false;
    *plan = *forced->plan;
    return true;
}

/* Random floats and bytes; wider integers may be indices, for which 0 is always right. */
static void fill(Tensor *tensor, const char *name) {
    if (dtype_is_float(tensor->dtype) || dtype_bits(tensor->dtype) <= 8)
        tensor_random(tensor, 1, name);
}

static bool make_inputs(const Tune *t, Trial *trial) {
    const Graph *graph = trial->compilation.program->graph;
    trial->ninputs = (uint32_t)graph->ninputs;
    trial->inputs = arena_array(trial->compilation.arena, Tensor, trial->ninputs + 1);
    for (uint32_t i = 0; i < trial->ninputs; i++) {
        const TensorType *type = &graph->inputs[i]->type;
        int64_t elements;
        Tensor shape;
        if (!dim_eval(type->dims[0], t->symbols, &elements) || elements < 0 ||
            !tensor_shape(&shape, type->dtype, 1, &elements, (size_t)1 << 34))
            return false;
        trial->inputs[i] = executable_tensor(trial->compilation.arena, type->dtype, 1, &elements);
        fill(&trial->inputs[i], graph->input_names[i]);
    }
    return true;
}

static bool trial_compile(const Tune *t, const TuneKernel *kernel, const ContractionPlan *plan,
                          Trial *trial) {
    Compilation *c = &trial->compilation;
    Module *module = arena_new(c->arena, Module);
    Slice *slice = arena_new(c->arena, Slice);
    Forced forced = {kernel->key, plan};
    PlanSource source = {force_plan, &forced};
    *module = *c->module;
    module->arena = c->arena;
    module->layouts.cap = module->layouts.len; /* what is added goes to an array of its own */
    slice->arena = c->arena;
    slice_make(slice, module, kernel->node);
    c->program = lower_graph_planned(&slice->graph, &c->desc, &source, c->diag);
    if (!c->program) return false;
    c->program->graph = flat_signature(c->program, module);
    c->target_options.prefix = "trial";
    return plan_memory(c->program, c->diag) && make_inputs(t, trial) &&
           executable_compile(c, &trial->executable) &&
           executable_bind(&trial->executable, trial->inputs, t->symbols,
                           (size_t)t->c->options->threads, c->diag);
}

Trial *trial_open(const Tune *t, const TuneKernel *kernel, const ContractionPlan *plan) {
    Arena *arena = arena_create();
    Trial *trial = arena_new(arena, Trial);
    trial->compilation = *t->c;
    trial->compilation.arena = arena;
    trial->compilation.diag = diag_create(arena, NULL);
    if (trial_compile(t, kernel, plan, trial) &&
        executable_run(&trial->executable, trial->compilation.diag))
        return trial;
    trial_close(trial);
    return NULL;
}

void trial_close(Trial *trial) {
    executable_close(&trial->executable);
    arena_destroy(trial->compilation.arena);
}

bool trials_agree(const Trial *a, const Trial *b) {
    for (uint32_t i = 0; i < a->executable.network->output_count; i++) {
        const Tensor *x = &a->executable.outputs[i];
        double tolerance = x->dtype == DT_f16 || x->dtype == DT_bf16 ? 1e-2 : 1e-4;
        if (!tensor_agreement(&b->executable.outputs[i], x, tolerance).agrees) return false;
    }
    return true;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static void read_all(const char *bytes, size_t count) {
    enum { CACHE_LINE = 64 };
    for (size_t i = 0; i < count; i += CACHE_LINE) (void)*(const volatile char *)(bytes + i);
}

static double run_once(const Tune *t, Trial *trial) {
    read_all(t->eviction, t->evicted);
    for (uint32_t i = 0; i < trial->ninputs; i++)
        read_all(trial->inputs[i].data, trial->inputs[i].bytes);
    double start = dump_clock();
    if (!executable_run(&trial->executable, trial->compilation.diag)) return 1e9;
    return dump_clock() - start;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

bool trial_is_faster(const Tune *t, Trial *a, Trial *b, double seconds) {
    enum { LEAST_ROUNDS = 9, MOST_ROUNDS = 400, EARLY_ROUNDS = 4 };
    static const double hopeless = 1.1, margin = 0.98;
    double times[2][MOST_ROUNDS], ratios[MOST_ROUNDS], least[2] = {1e9, 1e9};
    double end = dump_clock() + seconds;
    Trial *trials[2] = {a, b};
    int rounds = 0;
    run_once(t, a);
    run_once(t, b);
    while (rounds < MOST_ROUNDS && (rounds < LEAST_ROUNDS || dump_clock() < end)) {
        for (int turn = 0; turn < 2; turn++) {
            int which = (rounds + turn) % 2;
            double time = times[which][rounds] = run_once(t, trials[which]);
            if (time < least[which]) least[which] = time;
        }
        ratios[rounds] = times[1][rounds] / times[0][rounds];
        rounds++;
        if (rounds == EARLY_ROUNDS && least[1] > hopeless * least[0]) break;
    }
    qsort(ratios, (size_t)rounds, sizeof *ratios, by_value);
    for (int i = 0; i < 2; i++) {
        qsort(times[i], (size_t)rounds, sizeof times[i][0], by_value);
        trials[i]->median = times[i][rounds / 2];
    }
    return ratios[rounds / 2] < margin && ratios[rounds * 3 / 4] < 1;
}
