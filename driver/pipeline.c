/* The compiler's stages in order: load, optimize, lower, plan memory; the target's emit or
 * load comes after. */
#include "driver/pipeline.h"

#include <stdio.h>
#include <string.h>

#include "driver/discard.h"
#include "driver/dump.h"
#include "driver/setup.h"
#include "driver/tuning.h"

bool compilation_run(Compilation *c) {
    if (!compilation_load(c)) return false; /* .nn text, weights   -> graph IR */
    if (c->options->multiversion) return compilation_versions(c);
    return compilation_optimize(c)  /* graph IR            -> graph IR, one kernel a node */
           && compilation_lower(c); /* graph IR            -> loop IR, arena offsets */
}

/* Targets that build for fixed sizes get them from -bind. */
static bool check_sizes(Compilation *c) {
    const DimContext *dims = c->module->dims;
    StrBuf binds = {0};
    bool ok = !c->target->wants_sizes || dim_symbol_count(dims) == 0;
    for (int i = 0; i < dim_symbol_count(dims); i++) {
        str_printf(&binds, " -bind %s=1", dim_symbol_name(dims, i));
    }
    if (!ok) {
        diag_error(c->diag, (Span){0},
                   "target %s needs every size to be known: give values, as in%s", c->target->name,
                   str_text(&binds));
    }
    str_free(&binds);
    return ok;
}

bool compilation_load(Compilation *c) {
    if (!setup_target(c)) return false;
    double start = dump_clock();
    FrontendOptions options;
    if (!setup_frontend(c, &options)) return false;
    c->module =
        frontend_load(c->options->file, &options, c->arena, c->diag, &c->sources, &c->nsources);
    if (!c->module) return fail(c, EXIT_INPUT);
    c->module->workers = (Workers){c->threads.parallel_for, c->threads.pool};
    if (!check_sizes(c) || !setup_weights(c)) return fail(c, EXIT_INPUT);
    c->source = c->module->graph;
    c->graph = graph_clone(c->source, NULL);
    dump_time(c, "load", start);
    return true;
}

bool compilation_optimize(Compilation *c) {
    const Pass **passes;
    size_t count;
    PassContext context = {
        .module = c->module, .target = &c->desc, .diag = c->diag, .report = &c->report};
    if (!setup_pass_options(c, &context.options) || !compilation_passes(c, &passes, &count))
        return false;
    Dumper dumper;
    PassInspector inspector;
    if (!dump_inspector(c, &dumper, &inspector)) return false;
    if (!passes_run(&context, c->graph, passes, count, &inspector)) {
        if (context.defect) dump_defect(c);
        return fail(c, context.defect ? EXIT_DEFECT : EXIT_INPUT);
    }
    return setup_report(c);
}

/* Whether the network is to be held to what passes make of its numbers. */
static bool rounds(const Compilation *c) {
    if (c->options->quantize || c->target_options.bf16) return true;
    graph_each(c->source, node) {
        if (node_annotation(node, "delta")) return true;
    }
    return false;
}

const Graph *compilation_reference(Compilation *c) {
    const Pass **passes;
    size_t count, last = 0;
    if (c->reference) return c->reference;
    if (!rounds(c)) return c->reference = c->source;
    PassContext context = {.module = c->module, .target = &c->desc, .diag = c->diag};
    if (!setup_pass_options(c, &context.options) || !compilation_passes(c, &passes, &count))
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!strcmp(passes[i]->name, "quantize") || !strcmp(passes[i]->name, "precision"))
            last = i + 1;
    Graph *graph = graph_clone(c->source, NULL);
    if (!passes_run(&context, graph, passes, last, NULL)) {
        fail(c, EXIT_INPUT);
        return NULL;
    }
    return c->reference = graph;
}

double compilation_tolerance(const Compilation *c, const Tensor *output) {
    bool rounded = output->dtype == DT_f16 || output->dtype == DT_bf16;
    return rounded || c->target_options.bf16 ? 1e-2 : 1e-4;
}

typedef struct TensorHashes {
    LTensor *const *tensors;
    uint64_t *hashes; /* 0 where a tensor has no data */
} TensorHashes;

static void hash_tensor(void *data, size_t i) {
    const TensorHashes *h = data;
    const Tensor *weight = h->tensors[i]->data;
    if (weight) h->hashes[i] = hash_bytes(weight->data, weight->bytes, 0);
}

/* Of what the program computes: kernels, calls and weights, not the places they came from. */
static uint64_t program_hash(const LProgram *program, Arena *arena) {
    StrBuf text = {0};
    lprogram_print(program, &text);
    uint64_t hash = hash_bytes(text.data, text.len, 0);
    str_free(&text);
    size_t count = program->tensors.len;
    TensorHashes h = {program->tensors.data, arena_array(arena, uint64_t, count)};
    workers_run(program->module->workers, hash_tensor, &h, count);
    return hash_bytes(h.hashes, count * sizeof *h.hashes, hash);
}

bool compilation_lower(Compilation *c) {
    double start = dump_clock();
    if (c->discards_weights) discard_parameters(c);
    c->target_options.prefix = c->options->prefix ? c->options->prefix : c->graph->name;
    if (c->target->tune && !c->target->tune(c->graph, &c->target_options, &c->desc, c->diag))
        return fail(c, EXIT_INPUT);
    TunedPlans plans;
    if (!tuned_plans_read(c, &plans)) return fail(c, EXIT_INPUT);
    const PlanSource *source = c->plans ? c->plans : plans.count ? &plans.source : NULL;
    c->program = lower_graph_planned(c->graph, &c->desc, source, c->diag);
    if (!c->program || !plan_memory(c->program, c->diag)) return fail(c, EXIT_INPUT);
    if (c->options->verify && !lprogram_verify(c->program, c->diag)) {
        dump_defect(c);
        return fail(c, EXIT_DEFECT);
    }
    tuned_plans_report(c, &plans);
    if (c->discards_weights) discard_constants(c);
    c->target_options.source_hash = program_hash(c->program, c->arena);
    dump_time(c, "lower", start);
    return true;
}

bool compilation_passes(Compilation *c, const Pass ***passes, size_t *count) {
    const Pass **list = arena_array(c->arena, const Pass *, 4 * pass_count + 256);
    *passes = list;
    *count = 0;
    if (!c->options->passes) {
        *count = passes_default(c->options->level, list);
        return true;
    }
    for (const char *text = c->options->passes; *text;) {
        size_t length = strcspn(text, ",");
        const char *name = arena_strndup(c->arena, text, length);
        const Pass *pass = pass_find(name);
        if (!pass || *count == 4 * pass_count + 256) {
            fprintf(stderr,
                    pass ? "nnc: too many passes\n"
                         : "nnc: no pass is called '%s'; -print-passes lists them\n",
                    name);
            return fail(c, EXIT_USAGE);
        }
        list[(*count)++] = pass;
        text += length + (text[length] == ',');
    }
    return true;
}

bool fail(Compilation *c, int status) {
    if (c->status == EXIT_OK) c->status = status;
    return false;
}
