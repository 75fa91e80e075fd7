/* Random networks through all of the compiler, against the reference interpreter: every pass alone, every level, the
 * evaluator's checks, generated code with one and two threads, and the text of every stage printed, parsed and printed again.
 *
 *   random_graphs [FIRST [COUNT]]
 *
 * A network that fails is made smaller as long as it still fails, and printed as a dump. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/lower/lower.h"
#include "frontend/dataio.h"
#include "ir/interp.h"
#include "tests/differential/generator.h"
#include "tests/differential/harness.h"

enum { TRIAL_COUNT = 2, MAX_OUTPUTS = 16 };

typedef struct Trial {
    int64_t symbols[8];
    bool defined; /* the network has results for these sizes */
    Tensor *inputs, *reference;
    double tolerance[MAX_OUTPUTS]; /* 0: bit for bit; infinite: the result is noise */
} Trial;

typedef struct Subject {
    const Graph *graph;
    uint64_t seed;
    Arena *arena;
    Diag *diag;
    Trial trials[TRIAL_COUNT];
} Subject;

static bool complain(const char *stage, const char *why) {
    printf("%s: %s\n", stage, why);
    return false;
}

/* ---- a copy in f64, which shows how well results are conditioned ------------------------------------ */

static DType wide_dtype(DType dtype) {
    return dtype_is_float(dtype) ? DT_f64 : dtype;
}

static Tensor widen_tensor(const Tensor *tensor, Arena *arena) {
    if (!dtype_is_float(tensor->dtype) || tensor->dtype == DT_f64) return *tensor;
    Tensor wide = tensor_new(arena, DT_f64, tensor->rank, tensor->dims);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        tensor_set(&wide, i, tensor_get(tensor, i));
    return wide;
}

static Node *widen_node(Builder *b, const Node *node, Value **map) {
    Arena *arena = b->graph->module->arena;
    TensorType type = node->results[0]->type;
    type.dtype = wide_dtype(type.dtype);
    if (node->op == OP_param) return build_param(b, node_attr(node, "name")->s, &type)->def;
    if (node->op == OP_const) {
        Tensor wide = widen_tensor(node->data, arena);
        return build_const(b, &wide, false)->def;
    }
    Value **operands = arena_array(arena, Value *, (size_t)node->noperands + 1);
    Attr *attrs = arena_array(arena, Attr, (size_t)node->nattrs + 1);
    for (int i = 0; i < node->noperands; i++) operands[i] = map[node->operands[i]->id];
    for (int i = 0; i < node->nattrs; i++) {
        attrs[i] = node->attrs[i];
        if (attrs[i].kind == ATTR_DTYPE) attrs[i].dtype = wide_dtype(attrs[i].dtype);
    }
    return build_node(b, node->op, node->noperands, operands, node->nattrs, attrs, NULL);
}

static Graph *widen(const Graph *graph) {
    Module *module = graph->module;
    Graph *wide = graph_create(module, "wide");
    Builder b = {.graph = wide, .path = "x"};
    Value **map = arena_array(module->arena, Value *, module->value_count + 1);
    for (int i = 0; i < graph->ninputs; i++) {
        TensorType type = graph->inputs[i]->type;
        type.dtype = wide_dtype(type.dtype);
        map[graph->inputs[i]->id] = graph_add_input(wide, graph->input_names[i], &type, (Span){0});
    }
    graph_each(graph, node) {
        Node *copy = widen_node(&b, node, map);
        for (int i = 0; i < node->nresults; i++) map[node->results[i]->id] = copy->results[i];
    }
    Value *outputs[MAX_OUTPUTS];
    for (int i = 0; i < graph->noutputs; i++) outputs[i] = map[graph->outputs[i]->id];
    graph_set_outputs(wide, graph->noutputs, outputs, graph->output_names);
    return wide;
}

typedef struct WideParams {
    ParamSource narrow;
    Arena *arena;
} WideParams;

static bool find_wide(void *self, const char *path, Tensor *tensor) {
    const WideParams *p = self;
    if (!p->narrow.find(p->narrow.self, path, tensor)) return false;
    *tensor = widen_tensor(tensor, p->arena);
    return true;
}

static bool run_wide(Subject *s, const Graph *wide, const Trial *t, Tensor *outputs) {
    Module *module = wide->module;
    WideParams params = {module->params, s->arena};
    Tensor *inputs = arena_array(s->arena, Tensor, (size_t)wide->ninputs + 1);
    for (int i = 0; i < wide->ninputs; i++) inputs[i] = widen_tensor(&t->inputs[i], s->arena);
    module->params = (ParamSource){find_wide, &params};
    InterpOptions options = {.symbols = t->symbols};
    bool ok = interp_run(wide, inputs, outputs, s->arena, &options, s->diag);
    module->params = params.narrow;
    return ok;
}

/* ---- reference ------------------------------------------------------------------------------------ */

/* tolerance[id] of a whole network's value, by the coarsest type that rounds on the way to it; 0 where none does. */
static double *find_tolerances(const Graph *graph, Arena *arena) {
    static const double table[DTYPE_COUNT] = {
        [DT_f32] = 1e-4, [DT_f64] = 1e-10, [DT_f16] = 2e-2, [DT_bf16] = 4e-2};
    size_t count = graph->module->value_count + 1;
    double *tolerance = arena_array(arena, double, count);
    bool *inexact = arena_array(arena, bool, count);
    graph_each(graph, node) {
        mark_exact(node, inexact);
        for (int r = 0; r < node->nresults; r++) {
            const Value *value = node->results[r];
            double own = table[value->type.dtype];
            for (int i = 0; i < node->noperands; i++)
                own = fmax(own, tolerance[node->operands[i]->id]);
            tolerance[value->id] = inexact[value->id] ? own : 0;
        }
    }
    return tolerance;
}

static void choose_symbols(const Subject *s, int number, Trial *t) {
    static const int64_t sizes[][2] = {{3, 5}, {1, 18}, {0, 2}, {7, 1}};
    const int64_t *chosen = sizes[number ? 1 + s->seed % 3 : 0];
    const DimContext *dims = s->graph->module->dims;
    for (int i = 0; i < dim_symbol_count(dims); i++)
        t->symbols[i] = chosen[strcmp(dim_symbol_name(dims, i), "N") != 0];
}

static void make_inputs(Subject *s, int number, Trial *t) {
    const Graph *graph = s->graph;
    t->inputs = arena_array(s->arena, Tensor, (size_t)graph->ninputs + 1);
    for (int i = 0; i < graph->ninputs; i++) {
        const TensorType *type = &graph->inputs[i]->type;
        int64_t dims[MAX_RANK];
        for (int k = 0; k < type->rank; k++) require(dim_eval(type->dims[k], t->symbols, &dims[k]));
        t->inputs[i] = tensor_new(s->arena, type->dtype, type->rank, dims);
        fill_values(&t->inputs[i], VALUES_SMALL, s->seed * 100 + (uint64_t)(number * 50 + i));
    }
}

static void make_trial(Subject *s, int number, const Graph *wide, const double *tolerance) {
    Trial *t = &s->trials[number];
    Diag *silent = diag_create(s->arena, NULL);
    int count = s->graph->noutputs;
    Tensor *exact = arena_array(s->arena, Tensor, (size_t)count + 1);
    choose_symbols(s, number, t);
    make_inputs(s, number, t);
    t->reference = arena_array(s->arena, Tensor, (size_t)count + 1);
    InterpOptions options = {.symbols = t->symbols};
    t->defined = interp_run(s->graph, t->inputs, t->reference, s->arena, &options, silent) &&
                 run_wide(s, wide, t, exact);
    for (int i = 0; i < count && t->defined; i++) {
        double own = tolerance[s->graph->outputs[i]->id];
        Tensor narrow = widen_tensor(&t->reference[i], s->arena);
        Agreement a = tensor_agreement(&narrow, &exact[i], 1);
        double noise = 30 * fmax(a.relative_l2, a.max_error / 100);
        t->tolerance[i] = own == 0 ? 0 : noise > 0.3 ? INFINITY : own + noise;
    }
}

static bool compare(Subject *s, const Trial *t, const Tensor *outputs, const char *stage) {
    bool ok = true;
    for (int i = 0; i < s->graph->noutputs; i++) {
        double tol = t->tolerance[i];
        if (isinf(tol)) continue;
        Match match = tol == 0 ? MATCH_EXACT : MATCH_AGREES;
        const char *why = mismatch(&outputs[i], &t->reference[i], match, tol, s->arena);
        if (!why) continue;
        printf("%s: %s at N, T = %lld, %lld: %s\n", stage, s->graph->output_names[i],
               (long long)t->symbols[0], (long long)t->symbols[1], why);
        ok = false;
    }
    return ok;
}

/* ---- texts ---------------------------------------------------------------------------------------- */

typedef struct Constants {
    size_t count;
    const Node **nodes;
} Constants;

static bool find_constant(void *self, const char *key, Tensor *tensor) {
    const Constants *c = self;
    char own[32];
    for (size_t i = 0; i < c->count; i++) {
        snprintf(own, sizeof own, "c%016llx", (unsigned long long)c->nodes[i]->hash);
        if (strcmp(own, key) != 0) continue;
        *tensor = *c->nodes[i]->data;
        return true;
    }
    return false;
}

static bool same_text(const char *stage, const StrBuf *first, const StrBuf *second) {
    if (strcmp(str_text(first), str_text(second)) == 0) return true;
    printf("%s: printed, parsed and printed again differs:\n%s\n----\n%s\n", stage, str_text(first),
           str_text(second));
    return false;
}

static bool check_graph_text(const Graph *graph, const char *stage) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    Constants constants;
    StrBuf first = {0}, second = {0};
    constants.count = graph_large_constants(graph, arena, &constants.nodes);
    graph_print(graph, &first);
    const Source *source = diag_add_source(diag, "dump.nnir", first.data, first.len);
    Module *parsed = graph_parse(source, arena, diag, &(ParamSource){find_constant, &constants});
    if (parsed) graph_print(parsed->graph, &second);
    bool ok = parsed ? same_text(stage, &first, &second) : complain(stage, diag_text(diag));
    if (!parsed) printf("%s\n", str_text(&first));
    str_free(&first);
    str_free(&second);
    arena_destroy(arena);
    return ok;
}

static bool check_program_text(const LProgram *program, const char *stage, Diag *diag) {
    StrBuf first = {0}, second = {0};
    lprogram_print(program, &first);
    const Source *source = diag_add_source(diag, "dump.loops", first.data, first.len);
    const LProgram *parsed = lprogram_parse(source, program->module, diag);
    if (parsed) lprogram_print(parsed, &second);
    bool ok = parsed ? same_text(stage, &first, &second) : complain(stage, diag_text(diag));
    str_free(&first);
    str_free(&second);
    return ok;
}

/* ---- passes --------------------------------------------------------------------------------------- */

static bool interpret(Subject *s, const Graph *graph, const char *stage) {
    bool ok = true;
    Tensor *outputs = arena_array(s->arena, Tensor, (size_t)graph->noutputs + 1);
    for (int i = 0; i < TRIAL_COUNT && ok; i++) {
        const Trial *t = &s->trials[i];
        InterpOptions options = {.symbols = t->symbols};
        if (!t->defined) continue;
        ok = interp_run(graph, t->inputs, outputs, s->arena, &options, s->diag)
                 ? compare(s, t, outputs, stage)
                 : complain(stage, diag_text(s->diag));
    }
    return ok;
}

static bool check_pass(Subject *s, const Pass *pass, const TargetDesc *target) {
    Graph *graph = graph_clone(s->graph, NULL);
    PassContext context = {.module = graph->module, .target = target, .diag = s->diag};
    PassInspector inspector = {.verify = true};
    if (!passes_run(&context, graph, &pass, 1, &inspector))
        return complain(pass->name, diag_text(s->diag));
    return check_graph_text(graph, pass->name) && interpret(s, graph, pass->name);
}

/* ---- levels --------------------------------------------------------------------------------------- */

static bool evaluate(Subject *s, const Compiled *c, const char *stage) {
    bool ok = true;
    size_t count = (size_t)s->graph->noutputs;
    Tensor *outputs = arena_array(s->arena, Tensor, count + 1);
    for (int i = 0; i < TRIAL_COUNT && ok; i++) {
        const Trial *t = &s->trials[i];
        LEvalOptions options = {.symbols = t->symbols};
        if (!t->defined) continue;
        for (size_t k = 0; k < count; k++) {
            const Tensor *r = &t->reference[k];
            outputs[k] = tensor_new(s->arena, r->dtype, r->rank, r->dims);
        }
        LFault fault = lprogram_eval(c->program, t->inputs, outputs, s->arena, &options, s->diag);
        ok = fault == LFAULT_NONE ? compare(s, t, outputs, stage)
                                  : complain(stage, diag_text(s->diag));
    }
    return ok;
}

static bool run_code(Subject *s, const Compiled *c, const char *stage) {
    bool ok = true;
    size_t count = (size_t)s->graph->noutputs;
    Tensor *one = arena_array(s->arena, Tensor, count + 1);
    Tensor *two = arena_array(s->arena, Tensor, count + 1);
    for (int i = 0; i < TRIAL_COUNT && ok; i++) {
        const Trial *t = &s->trials[i];
        if (!t->defined) continue;
        memcpy(one, t->reference, count * sizeof *one);
        memcpy(two, t->reference, count * sizeof *two);
        RunOptions serial = {t->symbols, 1, AT_END}, threaded = {t->symbols, 2, AT_BEGIN};
        const char *fault = compiled_run(c, t->inputs, one, s->arena, &serial);
        if (!fault) fault = compiled_run(c, t->inputs, two, s->arena, &threaded);
        ok = fault ? complain(stage, fault) : compare(s, t, one, stage);
        for (size_t k = 0; k < count && ok; k++)
            if (!same_bits(&one[k], &two[k])) ok = complain(stage, "threads change the bits");
    }
    return ok;
}

static bool check_way(Subject *s, const Way *way) {
    Compiled c;
    if (!compiled_make(&c, s->graph, way, s->arena, s->diag))
        return complain(way->name, diag_text(s->diag));
    const char *evaluated = arena_printf(s->arena, "%s, evaluated", way->name);
    bool ok = check_graph_text(c.graph, way->name) && interpret(s, c.graph, way->name) &&
              check_program_text(c.program, way->name, s->diag) && evaluate(s, &c, evaluated) &&
              run_code(s, &c, way->name);
    compiled_free(&c);
    return ok;
}

/* Quantization changes results: what the graph means after it is the reference. */
static bool check_quantized(const Subject *unquantized) {
    static const Way way = {.name = "native -O2, quantized", .level = 2, .delta = 0.04};
    Subject s = *unquantized;
    Compiled c;
    bool ok = compiled_make(&c, s.graph, &way, s.arena, s.diag);
    for (int i = 0; i < TRIAL_COUNT && ok; i++) {
        Trial *t = &s.trials[i];
        InterpOptions options = {.symbols = t->symbols};
        t->reference = arena_array(s.arena, Tensor, (size_t)s.graph->noutputs + 1);
        if (t->defined)
            ok = interp_run(c.graph, t->inputs, t->reference, s.arena, &options, s.diag);
    }
    if (!ok) return complain(way.name, diag_text(s.diag));
    ok = check_graph_text(c.graph, way.name) && check_program_text(c.program, way.name, s.diag) &&
         evaluate(&s, &c, "quantized, evaluated") && run_code(&s, &c, way.name);
    compiled_free(&c);
    return ok;
}

static bool has_parameters(const Graph *graph) {
    graph_each(graph, node) {
        if (node->op == OP_param) return true;
    }
    return false;
}

static bool check_subject(void *data) {
    static const Way own_ways[] = {{.name = "native -O0", .level = 0},
                                   {.name = "native -O1", .level = 1},
                                   {.name = "native -O2", .level = 2}};
    static const Way some_ways[] = {{.name = "native -O3", .level = 3},
                                    {.name = "x86-64-v2 -O2", .cpu = "x86-64-v2", .level = 2},
                                    {.name = "x86-64-v3 -O2", .cpu = "x86-64-v3", .level = 2}};
    Subject *s = data;
    s->arena = arena_create();
    s->diag = diag_create(s->arena, NULL);
    s->graph->module->diag = s->diag;
    Compiled here;
    const Graph *wide = widen(s->graph);
    const double *tolerance = find_tolerances(s->graph, s->arena);
    for (int t = 0; t < TRIAL_COUNT; t++) make_trial(s, t, wide, tolerance);
    bool ok =
        graph_verify(s->graph, s->diag, "the generator") && check_graph_text(s->graph, "source");
    TargetOptions options = {.opt_level = 2, .prefix = "random"};
    ok = ok && target_cpu.describe(&options, &here.desc, s->arena, s->diag);
    for (size_t p = 0; p < pass_count && ok; p++) ok = check_pass(s, &pass_table[p], &here.desc);
    for (size_t w = 0; w < COUNT_OF(own_ways) && ok; w++) ok = check_way(s, &own_ways[w]);
    const Way *other = &some_ways[s->seed % COUNT_OF(some_ways)];
    if (way_runs_here(other)) ok = ok && check_way(s, other);
    if (has_parameters(s->graph)) ok = ok && check_quantized(s);
    arena_destroy(s->arena);
    return ok;
}

/* ---- making it smaller ------------------------------------------------------------------------------ */

static Graph *without_dead_code(Graph *graph) {
    const Pass *dce = pass_find("dce");
    TargetDesc target = {.name = "any"};
    PassContext context = {.module = graph->module, .target = &target, .diag = graph->module->diag};
    require(passes_run(&context, graph, &dce, 1, NULL));
    return graph;
}

static bool fails(const Graph *graph, uint64_t seed) {
    Subject subject = {.graph = graph, .seed = seed};
    return in_child(check_subject, &subject, true) != 0;
}

static Graph *with_one_output(const Graph *graph, int output) {
    Graph *copy = graph_clone(graph, NULL);
    Value *value = copy->outputs[output];
    graph_set_outputs(copy, 1, &value, &copy->output_names[output]);
    return without_dead_code(copy);
}

/* The number-th node's results become inputs. */
static Graph *with_input_for(const Graph *graph, int number) {
    Graph *copy = graph_clone(graph, NULL);
    Node *node = copy->first;
    while (number-- && node) node = node->next;
    if (!node) return NULL;
    for (int i = 0; i < node->nresults; i++) {
        const char *name = arena_printf(copy->module->arena, "v%u", node->results[i]->id);
        Value *input = graph_add_input(copy, name, &node->results[i]->type, (Span){0});
        graph_replace(copy, node->results[i], input);
    }
    return without_dead_code(copy);
}

static const Graph *shrink(const Graph *graph, uint64_t seed) {
    for (int i = 0; i < graph->noutputs && graph->noutputs > 1; i++) {
        Graph *smaller = with_one_output(graph, i);
        if (fails(smaller, seed)) graph = smaller;
    }
    for (int i = graph_node_count(graph) - 2; i >= 0; i--) {
        Graph *smaller = with_input_for(graph, i);
        if (!smaller || !fails(smaller, seed)) continue;
        graph = smaller;
        if (i > graph_node_count(graph)) i = graph_node_count(graph);
    }
    return graph;
}

static bool check_seed(uint64_t seed) {
    Arena *arena = arena_create();
    Module *module = module_create(arena, diag_create(arena, NULL));
    const Graph *graph = generate_network(module, seed);
    params_random(module->graph, seed);
    bool ok = !fails(graph, seed);
    if (!ok) {
        StrBuf text = {0};
        Subject smaller = {.graph = shrink(graph, seed), .seed = seed};
        in_child(check_subject, &smaller, false);
        graph_print(smaller.graph, &text);
        printf("^ FAILED: seed %llu\n%s\n", (unsigned long long)seed, str_text(&text));
        str_free(&text);
    }
    arena_destroy(arena);
    return ok;
}

int main(int argc, char **argv) {
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 50;
    int failures = 0;
    for (uint64_t seed = first; seed < first + count; seed++) failures += !check_seed(seed);
    printf("%llu networks, %d failures\n", (unsigned long long)count, failures);
    return failures != 0;
}
