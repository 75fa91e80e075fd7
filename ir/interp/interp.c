/* The driver of the reference interpreter: evaluates nodes in order and frees tensors after their
 * last use. */
#include "ir/interp.h"

#include <stdlib.h>
#include <string.h>

#include "ir/interp/eval.h"

/* What a run knows of one value. */
typedef struct Slot {
    Tensor tensor;
    int uses;    /* reads still to come */
    bool owned;  /* data is on the heap, freed after the last use; else it is someone else's */
    bool listed; /* interp_constant: its definition is among the nodes to run */
} Slot;

/* Slots are found by the value's id, which is unique in the module, so that bodies share them. They
 * come in pages: a run that needs few of a large module's values costs little. */
enum { PAGE_SLOTS = 64 };

typedef struct Run {
    const Module *module;
    const int64_t *symbols;
    Slot **pages;
    size_t npages;
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

/* ---- tensors of a run ------------------------------------------------------------------------ */

static Slot *slot_of(Run *run, const Value *value) {
    size_t page = value->id / PAGE_SLOTS;
    require(page < run->npages);
    if (!run->pages[page]) run->pages[page] = arena_array(run->scratch, Slot, PAGE_SLOTS);
    return &run->pages[page][value->id % PAGE_SLOTS];
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

/* ---- nodes ----------------------------------------------------------------------------------- */

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
    Eval e = {node, operands, results, run->symbols, scratch, run->diag};
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

/* The graph's inputs are in their slots; leaves the outputs in theirs, each with one
 * use an output. */
static bool run_graph(Run *run, const Graph *graph) {
    count_uses(run, graph);
    graph_each(graph, node) {
        if (!run_node(run, node)) return false;
    }
    return true;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static Run run_begin(const Module *module, const int64_t *symbols, const InterpOptions *options,
                     Diag *diag) {
    Run run = {.module = module,
               .symbols = symbols,
               .options = options,
               .diag = diag,
               .scratch = arena_create()};
    run.npages = module->value_count / PAGE_SLOTS + 1;
    run.pages = arena_array(run.scratch, Slot *, run.npages);
    run.limit = options && options->memory_limit ? options->memory_limit : (size_t)8 << 30;
    return run;
}

static void run_end(Run *run) {
    for (size_t page = 0; page < run->npages; page++)
        for (int i = 0; run->pages[page] && i < PAGE_SLOTS; i++)
            slot_free(run, &run->pages[page][i]);
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

/* The nodes that value depends on, each after those it reads. */
typedef VEC(const Node *) NodeList;

/* A definition on the way from a value back to its parameters, and how many of its operands are
 * done. */
typedef struct Visit {
    const Node *node;
    int done;
} Visit;

/* False if an input is among what value depends on. */
static bool list_needed(Run *run, const Value *value, NodeList *list) {
    VEC(Visit) path = {0};
    if (!value->def) return false;
    vec_push(run->scratch, &path, (Visit){value->def, 0});
    while (path.len > 0) {
        Visit *visit = &path.data[path.len - 1];
        if (visit->done == visit->node->noperands) {
            vec_push(run->scratch, list, visit->node);
            path.len--;
            continue;
        }
        const Value *operand = visit->node->operands[visit->done++];
        if (!operand->def) return false;
        Slot *slot = slot_of(run, operand->def->results[0]);
        if (slot->listed) continue;
        slot->listed = true;
        vec_push(run->scratch, &path, (Visit){operand->def, 0});
    }
    return true;
}

static bool run_list(Run *run, const Value *value, const NodeList *list) {
    slot_of(run, value)->uses++;
    for (size_t n = 0; n < list->len; n++)
        for (int i = 0; i < list->data[n]->noperands; i++)
            slot_of(run, list->data[n]->operands[i])->uses++;
    for (size_t n = 0; n < list->len; n++)
        if (!run_node(run, list->data[n])) return false;
    return true;
}

bool interp_constant(const Value *value, Tensor *result, Arena *arena, Diag *diag) {
    *result = (Tensor){0};
    if (!value->def) return false;
    Run run = run_begin(value->def->graph->module, 0, 0, diag);
    NodeList list = {0};
    bool ok = list_needed(&run, value, &list);
    if (!ok)
        value_error(&run, value, "is not a constant: it depends on an input");
    else if ((ok = run_list(&run, value, &list)))
        *result = copy_into(arena, &slot_of(&run, value)->tensor);
    run_end(&run);
    return ok;
}
