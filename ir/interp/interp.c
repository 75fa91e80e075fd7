/* The driver of the reference interpreter: evaluates nodes in order and frees tensors after their
 * last use. */
#include "ir/interp.h"

#include <stdlib.h>
#include <string.h>

#include "ir/interp/eval.h"

/* What a run knows of one value, indexed by its id. Ids are unique in the module, so bodies share
 * the array. */
typedef struct Slot {
    Tensor tensor;
    int uses;   /* reads still to come */
    bool owned; /* data is on the heap and freed after the last use; else it belongs to someone else
                 */
} Slot;

typedef struct Run {
    const Module *module;
    const int64_t *symbols;
    Slot *slots;
    size_t nslots;
    size_t limit, live; /* bytes of owned tensors */
    const InterpOptions *options;
    Arena *scratch; /* as long as the run */
    Diag *diag;     /* may be null */
} Run;

bool eval_error(const Eval *e, const char *format, ...) {
    va_list args;
    StrBuf text = {0};
    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    if (e->diag)
        diag_error(e->diag, e->node->span, "'%s' (%s): %s", e->node->path,
                   op_info(e->node->op)->name, str_text(&text));
    str_free(&text);
    return false;
}

/* ---- tensors of a run ----------------------------------------------------------------------- */

static Slot *slot_of(Run *run, const Value *value) {
    require(value->id < run->nslots);
    return &run->slots[value->id];
}

static void slot_free(Run *run, Slot *slot) {
    if (slot->owned) {
        free(slot->tensor.data);
        run->live -= slot->tensor.bytes;
    }
    slot->owned = false;
    slot->tensor.data = 0;
}

static void slot_release(Run *run, Slot *slot) {
    require(slot->uses > 0);
    if (--slot->uses == 0) slot_free(run, slot);
}

static bool value_error(Run *run, const Value *value, const char *problem) {
    if (run->diag)
        diag_error(run->diag, value->span, "'%s' of type %s %s", value->path,
                   type_text(run->module->dims, run->scratch, &value->type), problem);
    return false;
}

/* Allocates the value's tensor, zeroed, with the sizes that its type has in this run. */
static bool slot_allocate(Run *run, const Value *value) {
    Slot *slot = slot_of(run, value);
    int64_t dims[MAX_RANK];
    for (int i = 0; i < value->type.rank; i++) {
        if (!run->symbols && !dim_is_int(value->type.dims[i], 0))
            return value_error(run, value, "depends on a symbol: give it a value with -bind");
        if (!dim_eval(value->type.dims[i], run->symbols, &dims[i]))
            return value_error(run, value, "has a size that cannot be computed for these inputs");
        if (dims[i] < 0)
            return value_error(run, value, "would have a negative size for these inputs");
    }
    Tensor tensor;
    size_t room = run->limit > run->live ? run->limit - run->live : 0;
    if (!tensor_shape(&tensor, value->type.dtype, value->type.rank, dims, 0) || tensor.bytes > room)
        return value_error(run, value, "does not fit the interpreter's limit of memory");
    tensor.data = calloc(tensor.bytes > 0 ? tensor.bytes : 1, 1);
    if (!tensor.data) die_out_of_memory(tensor.bytes);
    slot->tensor = tensor;
    slot->owned = true;
    run->live += tensor.bytes;
    return true;
}

/* ---- nodes ------------------------------------------------------------------------------------
 */

static bool run_graph(Run *run, const Graph *graph);

static bool run_param(Run *run, const Node *node) {
    const ParamSource *source = &run->module->params;
    const Value *result = node->results[0];
    if (source->find &&
        source->find(source->self, node_attr(node, "name")->s, &slot_of(run, result)->tensor))
        return true;
    if (run->diag)
        diag_error(run->diag, node->span, "the weights of '%s' are needed and not at hand",
                   node_attr(node, "name")->s);
    return false;
}

static bool run_const(Run *run, const Node *node) {
    if (!node->data)
        return value_error(run, node->results[0],
                           "is a constant in a side file that is not loaded");
    slot_of(run, node->results[0])->tensor = *node->data;
    return true;
}

static bool run_operator(Run *run, const Node *node) {
    Evaluator *evaluate = interp_evaluator(node->op);
    if (!evaluate) die("operator '%s' has no evaluator", op_info(node->op)->name);
    Arena *scratch = arena_create();
    Tensor *operands = arena_array(scratch, Tensor, (size_t)node->noperands);
    Tensor *results = arena_array(scratch, Tensor, (size_t)node->nresults);
    for (int i = 0; i < node->noperands; i++) operands[i] = slot_of(run, node->operands[i])->tensor;
    bool ok = true;
    for (int i = 0; ok && i < node->nresults; i++) {
        ok = slot_allocate(run, node->results[i]);
        if (ok) results[i] = slot_of(run, node->results[i])->tensor;
    }
    Eval e = {node, operands, results, scratch, run->diag};
    ok = ok && evaluate(&e);
    arena_destroy(scratch);
    return ok;
}

/* A body's output becomes the node's result: moved where nothing else reads it, else copied. */
static bool take_output(Run *run, const Value *output, const Value *result) {
    Slot *from = slot_of(run, output), *to = slot_of(run, result);
    if (from->owned && from->uses == 1) {
        to->tensor = from->tensor;
        to->owned = true;
        from->owned = false;
    } else {
        if (!slot_allocate(run, result)) return false;
        require(to->tensor.bytes == from->tensor.bytes);
        if (to->tensor.bytes > 0) memcpy(to->tensor.data, from->tensor.data, to->tensor.bytes);
    }
    slot_release(run, from);
    return true;
}

static bool run_fused(Run *run, const Node *node) {
    const Graph *body = node->body;
    require(body && body->ninputs == node->noperands && body->noutputs == node->nresults);
    for (int i = 0; i < node->noperands; i++)
        slot_of(run, body->inputs[i])->tensor = slot_of(run, node->operands[i])->tensor;
    if (!run_graph(run, body)) return false;
    for (int i = 0; i < node->nresults; i++)
        if (!take_output(run, body->outputs[i], node->results[i])) return false;
    return true;
}

static bool run_node(Run *run, const Node *node) {
    bool ok = node->op == OP_param   ? run_param(run, node)
              : node->op == OP_const ? run_const(run, node)
              : node->op == OP_fused ? run_fused(run, node)
                                     : run_operator(run, node);
    if (!ok) return false;
    for (int i = 0; i < node->nresults; i++) {
        Slot *slot = slot_of(run, node->results[i]);
        if (run->options && run->options->observe)
            run->options->observe(run->options->observe_data, node->results[i], &slot->tensor);
        if (slot->uses == 0) slot_free(run, slot);
    }
    for (int i = 0; i < node->noperands; i++) slot_release(run, slot_of(run, node->operands[i]));
    return true;
}

/* Counts reads of the values that the graph itself defines. */
static void count_uses(Run *run, const Graph *graph) {
    graph_each(graph, node) for (int i = 0; i < node->noperands; i++)
        slot_of(run, node->operands[i])
            ->uses++;
    for (int i = 0; i < graph->noutputs; i++) slot_of(run, graph->outputs[i])->uses++;
}

/* The graph's inputs are in their slots; leaves the outputs in theirs, each with one use an output.
 */
static bool run_graph(Run *run, const Graph *graph) {
    count_uses(run, graph);
    graph_each(graph, node) {
        if (!run_node(run, node)) return false;
    }
    return true;
}

/* ---- runs -------------------------------------------------------------------------------------
 */

static Run run_begin(const Module *module, const int64_t *symbols, const InterpOptions *options,
                     Diag *diag) {
    Run run = {.module = module,
               .symbols = symbols,
               .options = options,
               .diag = diag,
               .scratch = arena_create()};
    run.nslots = module->value_count;
    run.slots = arena_array(run.scratch, Slot, run.nslots);
    run.limit = options && options->memory_limit ? options->memory_limit : (size_t)8 << 30;
    return run;
}

static void run_end(Run *run) {
    for (size_t i = 0; i < run->nslots; i++) slot_free(run, &run->slots[i]);
    arena_destroy(run->scratch);
}

static Tensor copy_into(Arena *arena, const Tensor *tensor) {
    Tensor copy = *tensor;
    copy.data = arena_alloc(arena, tensor->bytes);
    if (tensor->bytes > 0) memcpy(copy.data, tensor->data, tensor->bytes);
    return copy;
}

/* Symbols are those of the options, which the inputs must fit, or what the inputs say. */
static bool bind_symbols(const Graph *graph, const Tensor *inputs, const InterpOptions *options,
                         int64_t *symbols, Diag *diag) {
    if (!options || !options->symbols) return interp_bind_inputs(graph, inputs, symbols, diag);
    size_t count = (size_t)dim_symbol_count(graph->module->dims);
    if (count > 0) memcpy(symbols, options->symbols, count * sizeof symbols[0]);
    return interp_check_inputs(graph, inputs, symbols, diag);
}

bool interp_run(const Graph *graph, const Tensor *inputs, Tensor *outputs, Arena *arena,
                const InterpOptions *options, Diag *diag) {
    Run run = run_begin(graph->module, 0, options, diag);
    int64_t *symbols =
        arena_array(run.scratch, int64_t, (size_t)dim_symbol_count(graph->module->dims));
    bool ok = bind_symbols(graph, inputs, options, symbols, diag);
    if (ok) {
        run.symbols = symbols;
        for (int i = 0; i < graph->ninputs; i++) {
            slot_of(&run, graph->inputs[i])->tensor = inputs[i];
            if (options && options->observe)
                options->observe(options->observe_data, graph->inputs[i], &inputs[i]);
        }
        ok = run_graph(&run, graph);
    }
    for (int i = 0; i < graph->noutputs; i++)
        outputs[i] = ok ? copy_into(arena, &slot_of(&run, graph->outputs[i])->tensor) : (Tensor){0};
    run_end(&run);
    return ok;
}

/* Marks by id the values that value depends on, walking back from its definition; false if an input
 * is among them. */
static bool mark_needed(const Value *value, bool *needed) {
    if (!value->def) return false;
    needed[value->id] = true;
    for (const Node *node = value->def; node; node = node->prev) {
        bool wanted = false;
        for (int i = 0; i < node->nresults; i++) wanted |= needed[node->results[i]->id];
        if (!wanted) continue;
        for (int i = 0; i < node->noperands; i++) {
            if (!node->operands[i]->def) return false;
            needed[node->operands[i]->id] = true;
        }
        /* From here on the node's own mark says that it is to be run. */
        needed[node->results[0]->id] = true;
    }
    return true;
}

static bool run_needed(Run *run, const Value *value, const bool *needed) {
    const Node *end = value->def->next;
    graph_each(value->def->graph, node) {
        if (node == end) break;
        if (node->nresults == 0 || !needed[node->results[0]->id]) continue;
        for (int i = 0; i < node->noperands; i++) slot_of(run, node->operands[i])->uses++;
    }
    slot_of(run, value)->uses++;
    graph_each(value->def->graph, node) {
        if (node == end) break;
        if (node->nresults == 0 || !needed[node->results[0]->id]) continue;
        if (!run_node(run, node)) return false;
    }
    return true;
}

bool interp_constant(const Value *value, Tensor *result, Arena *arena, Diag *diag) {
    *result = (Tensor){0};
    if (!value->def) return false;
    Run run = run_begin(value->def->graph->module, 0, 0, diag);
    bool *needed = arena_array(run.scratch, bool, run.nslots);
    bool ok = mark_needed(value, needed);
    if (!ok)
        value_error(&run, value, "is not a constant: it depends on an input");
    else if ((ok = run_needed(&run, value, needed)))
        *result = copy_into(arena, &slot_of(&run, value)->tensor);
    run_end(&run);
    return ok;
}
