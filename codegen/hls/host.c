/* NAME_host.c: the generated interface over the C simulation. */
#include <string.h>

#include "codegen/hls/design.h"

typedef struct Port {
    const char *name, *member;
    const TensorType *type;
    bool is_input;
} Port;

static int64_t type_count(const TensorType *type) {
    int64_t elements = 1, extent;
    for (int i = 0; i < type->rank; i++) {
        require(dim_is_int(type->dims[i], &extent) && checked_mul(elements, extent, &elements));
    }
    return elements;
}

static const char *finish(Arena *arena, StrBuf *s) {
    const char *text = arena_strdup(arena, str_text(s));
    str_free(s);
    return text;
}

static const char *literal(Arena *arena, const char *text) {
    StrBuf s = {0};
    abi_add_literal(&s, text, strlen(text));
    return finish(arena, &s);
}

static Port *ports_of(const HlsDesign *d) {
    const Graph *graph = d->program->graph;
    AbiSymbols symbols = abi_symbols(d->program, d->arena);
    AbiMembers members = abi_members(d->program, &symbols, d->arena);
    Port *ports = arena_array(d->arena, Port, (size_t)(graph->ninputs + graph->noutputs) + 1);
    for (int i = 0; i < graph->ninputs; i++) {
        ports[i] = (Port){graph->input_names[i], members.inputs[i], &graph->inputs[i]->type, true};
    }
    for (int i = 0; i < graph->noutputs; i++) {
        ports[graph->ninputs + i] =
            (Port){graph->output_names[i], members.outputs[i], &graph->outputs[i]->type, false};
    }
    return ports;
}

static const char *port_table(const HlsDesign *d, const Port *ports, int count) {
    StrBuf s = {0};
    for (int i = 0; i < count; i++) {
        int64_t size = (int64_t)dtype_bytes(ports[i].type->dtype);
        const char *null = arena_printf(d->arena, "run: %s is null", ports[i].name);
        const char *crooked =
            arena_printf(d->arena, "run: %s is not aligned to its element type", ports[i].name);
        str_printf(&s, "    {%lld, %lld, %s,\n     %s},\n",
                   (long long)(type_count(ports[i].type) * size), (long long)size,
                   literal(d->arena, null), literal(d->arena, crooked));
    }
    return finish(d->arena, &s);
}

static const char *io_list(const HlsDesign *d, const Port *ports, int count, bool terminated) {
    StrBuf s = {0};
    for (int i = 0; i < count; i++) {
        str_printf(&s, "%sio->%s%s", i && !terminated ? ", " : "", ports[i].member,
                   terminated ? ", " : "");
    }
    return finish(d->arena, &s);
}

/* ---- the network's description --------------------------------------------------------------- */

static const char *type_name(DType dtype) {
    static const char *const names[] = {
        [NN_F32] = "NN_F32", [NN_F16] = "NN_F16",   [NN_BF16] = "NN_BF16", [NN_F64] = "NN_F64",
        [NN_I8] = "NN_I8",   [NN_U8] = "NN_U8",     [NN_I16] = "NN_I16",   [NN_I32] = "NN_I32",
        [NN_I64] = "NN_I64", [NN_BOOL] = "NN_BOOL", [NN_I4] = "NN_I4",     [NN_U4] = "NN_U4"};
    return names[abi_type(dtype)];
}

/* Sizes of all ports in one array, each an expression that is a constant. */
static void add_tensors(StrBuf *s, const HlsDesign *d, const char *name, const Port *ports,
                        int count) {
    StrBuf sizes = {0}, table = {0};
    int used = 0;
    for (int i = 0; i < count; i++) {
        str_append(&table, "    {");
        str_append(&table, literal(d->arena, ports[i].name));
        str_printf(&table, ", %s, %d, {", type_name(ports[i].type->dtype), ports[i].type->rank);
        for (int k = 0; k < ports[i].type->rank; k++) {
            int64_t extent;
            require(dim_is_int(ports[i].type->dims[k], &extent));
            str_printf(&sizes, "    {NN_EXPR_CONST, %lld},\n", (long long)extent);
            str_printf(&table, "%s{2, %s_sizes[%d]}", k ? ", " : "", name, used++);
        }
        str_append(&table, ports[i].type->rank ? "}},\n" : "{0, NULL}}},\n");
    }
    if (used > 0) {
        str_printf(s, "static const int64_t %s_sizes[%d][2] = {\n%s};\n", name, used,
                   str_text(&sizes));
    }
    if (count > 0) {
        str_printf(s, "static const nn_tensor %ss[%d] = {\n%s};\n\n", name, count,
                   str_text(&table));
    }
    str_free(&sizes);
    str_free(&table);
}

static int64_t channel_bytes(const HlsDesign *d) {
    int64_t bytes = 0;
    for (size_t i = 0; i < d->channels.len; i++) {
        const HlsChannel *c = &d->channels.data[i];
        if (c->input >= 0 || c->output >= 0) continue;
        bytes += c->elements * (int64_t)dtype_bytes(c->dtype);
    }
    return bytes;
}

/* A count as an expression; "{0, NULL}" where it is unknown. */
static const char *constant(StrBuf *s, const HlsDesign *d, const char *name, const int64_t *value) {
    if (!value) return "{0, NULL}";
    str_printf(s, "static const int64_t %s[] = {NN_EXPR_CONST, %lld};\n", name, (long long)*value);
    return arena_printf(d->arena, "{2, %s}", name);
}

static bool operation_count(const LProgram *program, int64_t *sum) {
    *sum = 0;
    for (size_t i = 0; i < program->calls.len; i++) {
        int64_t own;
        Dim flops = program->calls.data[i].kernel->flops;
        if (!flops || !dim_is_int(flops, &own) || !checked_add(*sum, own, sum)) return false;
    }
    return true;
}

void hls_print_host(const HlsDesign *d, const TargetOptions *options, StrBuf *out) {
    const Graph *graph = d->program->graph;
    Arena *arena = d->arena;
    int inputs = graph->ninputs, count = inputs + graph->noutputs;
    Port *ports = ports_of(d);
    StrBuf tensors = {0};
    int64_t operations, bytes = channel_bytes(d);
    add_tensors(&tensors, d, "input", ports, inputs);
    add_tensors(&tensors, d, "output", ports + inputs, graph->noutputs);
    bool known = operation_count(d->program, &operations);
    const char *operations_text = constant(&tensors, d, "operations", known ? &operations : NULL);
    const char *bytes_text = constant(&tensors, d, "channel_bytes", &bytes);
    uint64_t interface_hash = abi_interface_hash(d->program, options->prefix);
    const HlsValue values[] = {
        {"name", d->name},
        {"prefix", options->prefix},
        {"upper", abi_upper(arena, options->prefix)},
        {"top", d->top},
        {"prototype", hls_prototype(d)},
        {"inputs", arena_printf(arena, "%d", inputs)},
        {"ports", arena_printf(arena, "%d", count)},
        {"port_table", port_table(d, ports, count)},
        {"io_pointers", io_list(d, ports, count, true)},
        {"io_arguments", io_list(d, ports, count, false)},
        {"tensors", finish(arena, &tensors)},
        {"hash", arena_printf(arena, "%016llx", (unsigned long long)options->source_hash)},
        {"interface_hash", arena_printf(arena, "%016llx", (unsigned long long)interface_hash)},
        {"name_text", literal(arena, graph->name)},
        {"target_text", literal(arena, "hls simulation")},
        {"precision", abi_precision(d->program)},
        {"kernels", arena_printf(arena, "%zu", d->tasks.len)},
        {"inputs_name", inputs ? "inputs" : "NULL"},
        {"outputs_name", graph->noutputs ? "outputs" : "NULL"},
        {"operations", operations_text},
        {"arena_bytes", bytes_text},
        {"weight_bytes", arena_printf(arena, "%lld", (long long)d->program->weight_bytes)},
    };
    hls_expand(hls_host_c, values, COUNT_OF(values), out);
}
