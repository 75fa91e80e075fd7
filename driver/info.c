/* nnc info: what a network is. */
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "codegen/schedule/regions.h"
#include "driver/commands.h"
#include "driver/pipeline.h"
#include "driver/setup.h"

/* Elements of a static tensor type; 0 if a symbol decides. */
static int64_t static_elements(Module *module, const TensorType *type) {
    int64_t count;
    Dim elements = type_elements(module->dims, type);
    return elements && dim_is_int(elements, &count) ? count : 0;
}

static bool is_statistic(const char *path) {
    const char *last = strrchr(path, '.');
    last = last ? last + 1 : path;
    return strncmp(last, "running_", 8) == 0;
}

/* Learned parameters of the graph: running statistics do not count. */
static int64_t count_parameters(const Graph *graph, int64_t *statistics) {
    int64_t learned = 0;
    *statistics = 0;
    graph_each(graph, node) {
        if (node->op != OP_param) continue;
        int64_t count = static_elements(graph->module, &node->results[0]->type);
        *(is_statistic(node_attr(node, "name")->s) ? statistics : &learned) += count;
    }
    return learned;
}

static int64_t node_parameters(const Node *node) {
    int64_t count = 0;
    for (int i = 0; i < node->noperands; i++) {
        const Node *def = node->operands[i]->def;
        if (def && def->op == OP_param && !is_statistic(node_attr(def, "name")->s)) {
            count += static_elements(node->graph->module, &def->results[0]->type);
        }
    }
    return count;
}

static Dim program_operations(const LProgram *program) {
    DimContext *dims = program->module->dims;
    Dim total = dim_int(dims, 0);
    for (size_t i = 0; i < program->calls.len && total; i++) {
        Dim flops = program->calls.data[i].kernel->flops;
        total = flops ? dim_add(dims, total, flops) : NULL;
    }
    return total;
}

static void print_layers(Compilation *c) {
    const Graph *graph = c->source;
    printf("\n%-28s %-16s %-28s %12s\n", "layer", "operator", "result", "parameters");
    graph_each(graph, node) {
        if (op_info(node->op)->family == FAMILY_SOURCE) continue;
        const char *type = type_text(c->module->dims, c->arena, &node->results[0]->type);
        int64_t parameters = node_parameters(node);
        printf("%-28s %-16s %-28s ", node->path, op_info(node->op)->name, type);
        if (parameters) {
            printf("%12" PRId64 "\n", parameters);
        } else {
            printf("%12s\n", "");
        }
    }
}

static void print_signature(Compilation *c, const char *what, int count, Value *const *values,
                            const char *const *names) {
    for (int i = 0; i < count; i++) {
        printf("  %-9s %s: %s\n", i ? "" : what, names[i],
               type_text(c->module->dims, c->arena, &values[i]->type));
    }
}

/* Activations in memory, and the most of them alive at once, with all symbols 1. */
static bool count_activations(const Compilation *c, int64_t *planned, int64_t *bound) {
    enum { MOST_SYMBOLS = 64 };
    int64_t symbols[MOST_SYMBOLS], unit;
    if (dim_symbol_count(c->module->dims) > MOST_SYMBOLS) return false;
    for (int s = 0; s < MOST_SYMBOLS; s++) symbols[s] = 1;
    *planned = 0;
    for (size_t r = 0; r < c->program->regions.len; r++) {
        const LRegion *region = &c->program->regions.data[r];
        if (!dim_eval(region->unit, symbols, &unit)) return false;
        if (!checked_mul(unit, region->bytes, &unit)) return false;
        if (!checked_add(*planned, unit, planned)) return false;
    }
    *bound = plan_memory_bound(c->program, symbols);
    return true;
}

static void print_memory(Compilation *c) {
    DimContext *dims = c->module->dims;
    int64_t planned, bound;
    printf("  memory    activations:");
    for (size_t r = 0; r < c->program->regions.len; r++) {
        const LRegion *region = &c->program->regions.data[r];
        Dim size = dim_mul(dims, region->unit, dim_int(dims, region->bytes));
        printf("%s %s", r ? " +" : "", size ? dim_text(dims, c->arena, size) : "too large");
    }
    printf("%s bytes; weights: %" PRId64 " bytes\n", c->program->regions.len ? "" : " 0",
           c->program->weight_bytes);
    if (count_activations(c, &planned, &bound))
        printf("            %" PRId64 " bytes at least are alive at once%s\n", bound,
               dim_symbol_count(dims) ? " (all symbols 1)" : "");
}

static void print_text(Compilation *c) {
    const Graph *graph = c->source;
    int64_t statistics, learned = count_parameters(graph, &statistics);
    printf("network %s\n", graph->name);
    print_signature(c, "inputs", graph->ninputs, graph->inputs, graph->input_names);
    print_signature(c, "outputs", graph->noutputs, graph->outputs, graph->output_names);
    printf("  parameters %" PRId64, learned);
    if (statistics) printf(" (and %" PRId64 " running statistics)", statistics);
    Dim operations = program_operations(c->program);
    printf("\n  operations %s a run, in %zu kernels (%zu different)\n",
           operations ? dim_text(c->module->dims, c->arena, operations) : "unknown",
           c->program->calls.len, c->program->kernels.len);
    printf("  threads   meet %" PRId64 " times a run at most\n",
           program_regions(c->program, &c->desc));
    print_memory(c);
    print_layers(c);
}

static void add_signature(Compilation *c, cJSON *root, const char *what, int count,
                          Value *const *values, const char *const *names) {
    cJSON *list = cJSON_AddArrayToObject(root, what);
    for (int i = 0; i < count; i++) {
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddStringToObject(entry, "name", names[i]);
        cJSON_AddStringToObject(entry, "type",
                                type_text(c->module->dims, c->arena, &values[i]->type));
        cJSON_AddItemToArray(list, entry);
    }
}

static void print_json(Compilation *c) {
    const Graph *graph = c->source;
    int64_t statistics;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "network", graph->name);
    add_signature(c, root, "inputs", graph->ninputs, graph->inputs, graph->input_names);
    add_signature(c, root, "outputs", graph->noutputs, graph->outputs, graph->output_names);
    cJSON_AddNumberToObject(root, "parameters", (double)count_parameters(graph, &statistics));
    cJSON_AddNumberToObject(root, "running_statistics", (double)statistics);
    Dim operations = program_operations(c->program);
    cJSON_AddStringToObject(root, "operations",
                            operations ? dim_text(c->module->dims, c->arena, operations) : "");
    cJSON_AddNumberToObject(root, "kernels", (double)c->program->calls.len);
    cJSON_AddNumberToObject(root, "regions", (double)program_regions(c->program, &c->desc));
    int64_t planned, bound;
    if (count_activations(c, &planned, &bound)) {
        cJSON_AddNumberToObject(root, "activation_bytes", (double)planned);
        cJSON_AddNumberToObject(root, "activation_bytes_alive", (double)bound);
    }
    cJSON_AddNumberToObject(root, "weight_bytes", (double)c->program->weight_bytes);
    char *text = cJSON_Print(root);
    if (text) puts(text);
    cJSON_free(text);
    cJSON_Delete(root);
}

int command_info(const Options *options, Arena *arena) {
    Options own = *options;
    /* Without weights at hand the structure is the same. */
    const char *beside = path_with_extension(arena, options->file, ".safetensors");
    if (!own.weights && !file_exists(beside)) own.weights = "random";
    Compilation *c = compilation_create(&own, arena);
    if (compilation_run(c)) (options->json ? print_json : print_text)(c);
    compilation_destroy(c);
    return c->status;
}
