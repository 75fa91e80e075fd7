/* The generated C file: the launch plan as constant data, the network's functions in their typed
 * form, and the weights.
 *
 * The weights' file is found by the assembler: beside the C file, in a folder named by -I, or where
 * the macro NN_WEIGHTS_FILE (a string) says. */
#include "codegen/opencl/opencl.h"

#include <string.h>

typedef struct Writer {
    const OpenclNetwork *network;
    const char *prefix;
    StrBuf *out;
    StrBuf data; /* of arrays, which stand in front of what points to them */
    int arrays;
} Writer;

/* ---- pieces ---------------------------------------------------------------------------------- */

static void add_name(StrBuf *out, const char *text) {
    abi_add_literal(out, text, strlen(text));
}

static void add_integer(StrBuf *out, int64_t value) {
    if (value == INT64_MIN) {
        str_append(out, "INT64_MIN");
    } else {
        str_printf(out, "%lld", (long long)value);
    }
}

/* {length, array}, and the array among the data. */
static void add_expr(Writer *w, StrBuf *out, const nn_expr *expr) {
    if (expr->length == 0) {
        str_append(out, "{0, 0}");
        return;
    }
    str_printf(&w->data, "static const int64_t e%d[] = {", w->arrays);
    for (size_t i = 0; i < expr->length; i++) {
        str_append(&w->data, i ? ", " : "");
        add_integer(&w->data, expr->code[i]);
    }
    str_append(&w->data, "};\n");
    str_printf(out, "{%zu, e%d}", expr->length, w->arrays++);
}

/* The name of an array of positions among the data; 0 where it is empty. */
static void add_positions(Writer *w, StrBuf *out, const uint32_t *positions, uint32_t count) {
    if (count == 0) {
        str_append(out, "0");
        return;
    }
    str_printf(&w->data, "static const uint32_t p%d[] = {", w->arrays);
    for (uint32_t i = 0; i < count; i++) str_printf(&w->data, "%s%u", i ? ", " : "", positions[i]);
    str_append(&w->data, "};\n");
    str_printf(out, "p%d", w->arrays++);
}

/* Data first, then the table that uses it. */
static void flush(Writer *w, const char *head, StrBuf *table) {
    str_append(w->out, str_text(&w->data));
    str_printf(w->out, "%s\n%s};\n\n", head, str_text(table));
    str_free(table);
    w->data.len = 0;
    if (w->data.data) w->data.data[0] = 0;
}

/* ---- the plan -------------------------------------------------------------------------------- */

static void write_buffers(Writer *w) {
    static const char *const roles[] = {
        [NN_PLAN_INPUT] = "NN_PLAN_INPUT",
        [NN_PLAN_OUTPUT] = "NN_PLAN_OUTPUT",
        [NN_PLAN_WEIGHT] = "NN_PLAN_WEIGHT",
        [NN_PLAN_TEMP] = "NN_PLAN_TEMP",
    };
    const nn_plan *plan = &w->network->plan;
    StrBuf table = {0};
    for (uint32_t i = 0; i < plan->buffer_count; i++) {
        const nn_plan_buffer *buffer = &plan->buffers[i];
        str_append(&table, "    {");
        add_name(&table, buffer->name);
        str_printf(&table, ", %s, %u, ", roles[buffer->role], buffer->index);
        add_expr(w, &table, &buffer->bytes);
        str_append(&table, ", ");
        add_expr(w, &table, &buffer->offset);
        str_append(&table, "},\n");
    }
    if (plan->buffer_count) flush(w, "static const nn_plan_buffer buffers[] = {", &table);
}

static void write_launches(Writer *w) {
    const nn_plan *plan = &w->network->plan;
    StrBuf table = {0};
    for (uint32_t i = 0; i < plan->launch_count; i++) {
        const nn_plan_launch *launch = &plan->launches[i];
        str_append(&table, "    {");
        add_name(&table, launch->kernel);
        str_append(&table, ", ");
        add_name(&table, launch->path);
        str_printf(&table, ", %u, %u, ", launch->buffer_count, launch->symbol_count);
        add_positions(w, &table, launch->buffers, launch->buffer_count);
        str_append(&table, ", ");
        add_positions(w, &table, launch->symbols, launch->symbol_count);
        str_printf(&table, ", %u, {", launch->dimensions);
        for (int axis = 0; axis < 3; axis++) {
            str_append(&table, axis ? ", " : "");
            add_expr(w, &table, &launch->groups[axis]);
        }
        str_printf(&table, "}, {%u, %u, %u}},\n", launch->items[0], launch->items[1],
                   launch->items[2]);
    }
    if (plan->launch_count) flush(w, "static const nn_plan_launch launches[] = {", &table);
}

static void write_needs(Writer *w) {
    const nn_plan *plan = &w->network->plan;
    StrBuf table = {0};
    for (uint32_t i = 0; i < plan->need_count; i++) {
        const nn_plan_need *need = &plan->needs[i];
        str_append(&table, "    {");
        add_name(&table, need->path);
        str_append(&table, ", ");
        add_name(&table, need->text);
        str_append(&table, ", ");
        add_expr(w, &table, &need->extent);
        str_append(&table, ", ");
        add_expr(w, &table, &need->elements);
        str_append(&table, "},\n");
    }
    if (plan->need_count) flush(w, "static const nn_plan_need needs[] = {", &table);
}

static void write_source(Writer *w) {
    str_append(w->out, "/* The kernels, as they stand in the file of OpenCL C beside this one. */\n"
                       "static const char source[] =\n");
    for (const char *at = w->network->plan.source; *at;) {
        size_t length = strcspn(at, "\n");
        length += at[length] == '\n';
        str_append(w->out, "    ");
        abi_add_literal(w->out, at, length);
        at += length;
        str_append(w->out, *at ? "\n" : ";\n\n");
    }
}

static void write_plan(Writer *w, bool has_weights) {
    const nn_plan *plan = &w->network->plan;
    StrBuf table = {0};
    str_printf(&table, "    %u, sizeof(nn_plan), ", plan->version);
    add_name(&table, plan->language);
    str_append(&table, ", ");
    add_name(&table, plan->options);
    str_printf(&table, ",\n    source, sizeof source - 1, UINT64_C(0x%016llx), %u,\n",
               (unsigned long long)plan->source_hash, plan->alignment);
    str_printf(&table, "    %u, %u, %u, %s, %s, %s,\n    ", plan->buffer_count, plan->launch_count,
               plan->need_count, plan->buffer_count ? "buffers" : "0",
               plan->launch_count ? "launches" : "0", plan->need_count ? "needs" : "0");
    add_expr(w, &table, &plan->arena_bytes);
    str_printf(&table, ", %llu, %s, %zu, UINT64_C(0x%016llx)\n",
               (unsigned long long)plan->local_bytes,
               has_weights ? "nn_weight_bytes + sizeof(nn_weight_file)" : "0", plan->weights_bytes,
               (unsigned long long)plan->plan_hash);
    flush(w, "static const nn_plan plan = {", &table);
}

/* ---- the network ----------------------------------------------------------------------------- */

static void write_tensors(Writer *w, const char *name, const nn_tensor *tensors, uint32_t count) {
    static const char *const types[] = {"NN_F32", "NN_F16", "NN_BF16", "NN_F64",  "NN_I8", "NN_U8",
                                        "NN_I16", "NN_I32", "NN_I64",  "NN_BOOL", "NN_I4", "NN_U4"};
    StrBuf table = {0}, head = {0};
    if (count == 0) return;
    for (uint32_t i = 0; i < count; i++) {
        str_append(&table, "    {");
        add_name(&table, tensors[i].name);
        str_printf(&table, ", %s, %d, {", types[tensors[i].type], (int)tensors[i].rank);
        for (int32_t d = 0; d < tensors[i].rank; d++) {
            str_append(&table, d ? ", " : "");
            add_expr(w, &table, &tensors[i].dims[d]);
        }
        str_append(&table, tensors[i].rank ? "}},\n" : "{0, 0}}},\n");
    }
    str_printf(&head, "static const nn_tensor %s[] = {", name);
    flush(w, str_text(&head), &table);
    str_free(&head);
}

static void write_network(Writer *w) {
    const nn_network *n = &w->network->network;
    StrBuf table = {0};
    if (n->symbol_count) {
        str_append(w->out, "static const char *const symbols[] = {");
        for (uint32_t i = 0; i < n->symbol_count; i++) {
            str_append(w->out, i ? ", " : "");
            add_name(w->out, n->symbols[i]);
        }
        str_append(w->out, "};\n\n");
    }
    write_tensors(w, "inputs", n->inputs, n->input_count);
    write_tensors(w, "outputs", n->outputs, n->output_count);
    str_append(&table,
               "    {'n', 'n', '-', 'n', 'e', 't', 0, 1}, NN_ABI_VERSION, sizeof(nn_network),\n");
    str_printf(&table, "    UINT64_C(0x%016llx), UINT64_C(0x%016llx), ",
               (unsigned long long)n->interface_hash, (unsigned long long)n->source_hash);
    add_name(&table, n->name);
    str_append(&table, ", ");
    add_name(&table, n->target);
    str_append(&table, ", ");
    add_name(&table, n->precision);
    str_printf(&table, ",\n    %u, %u, %u, %u, %s, %s, %s,\n    ", n->symbol_count, n->input_count,
               n->output_count, n->kernel_count, n->symbol_count ? "symbols" : "0",
               n->input_count ? "inputs" : "0", n->output_count ? "outputs" : "0");
    add_expr(w, &table, &n->operations);
    str_append(&table, ", ");
    add_expr(w, &table, &n->arena_bytes);
    str_printf(&table, ", %zu, %zu, 0,\n", n->weights_bytes, n->stack_bytes);
    str_append(&table, "    context_bytes_of, init_in, create_with, run_with, nn_plan_destroy, "
                       "nn_plan_message\n");
    flush(w, "static const nn_network network = {", &table);
}

/* ---- functions ------------------------------------------------------------------------------- */

static void write_untyped(Writer *w) {
    str_append(w->out,
               "static const nn_network network;\n\n"
               "static size_t context_bytes_of(const void *limits) {\n"
               "    return nn_plan_context_bytes(&network, &plan, limits);\n}\n\n"
               "static nn_status init_in(void *memory, size_t bytes, const nn_options *options,\n"
               "                         nn_context **context) {\n"
               "    return nn_plan_init(&network, &plan, memory, bytes, options, context);\n}\n\n"
               "static nn_status create_with(const nn_options *options, nn_context **context) {\n"
               "    return nn_plan_create(&network, &plan, options, context);\n}\n\n"
               "static nn_status run_with(nn_context *context, const void *io) {\n"
               "    return nn_plan_run(context, io);\n}\n\n");
}

static void write_typed(Writer *w, bool has_limits) {
    const char *p = w->prefix;
    StrBuf *out = w->out;
    if (has_limits) {
        str_printf(out, "size_t %s_context_bytes(const %s_limits *limits) {\n", p, p);
        str_append(out, "    return context_bytes_of(limits);\n}\n\n");
    } else {
        str_printf(out, "size_t %s_context_bytes(const void *limits) {\n", p);
        str_append(out, "    return context_bytes_of(limits);\n}\n\n");
    }
    str_printf(out,
               "nn_status %s_init(void *memory, size_t bytes, const nn_options *options,\n"
               "    nn_context **context) {\n"
               "    return init_in(memory, bytes, options, context);\n}\n\n",
               p);
    str_printf(out,
               "nn_status %s_create(const nn_options *options, nn_context **context) {\n"
               "    return create_with(options, context);\n}\n\n",
               p);
    str_printf(out,
               "nn_status %s_run(nn_context *context, const %s_io *io) {\n"
               "    return nn_plan_run(context, io);\n}\n\n",
               p, p);
    str_printf(out, "void %s_destroy(nn_context *context) {\n    nn_plan_destroy(context);\n}\n\n",
               p);
    str_printf(out,
               "const char *%s_message(const nn_context *context) {\n"
               "    return nn_plan_message(context);\n}\n\n",
               p);
    str_printf(out, "const nn_network *%s_info(void) {\n    return &network;\n}\n", p);
}

/* ---- weights --------------------------------------------------------------------------------- */

static void write_weights(Writer *w, const char *file) {
    StrBuf *out = w->out;
    str_append(out, "/* The weights: brought in by the assembler, which looks for the file in the "
                    "folders that -I names. */\n#ifndef NN_WEIGHTS_FILE\n#define NN_WEIGHTS_FILE ");
    add_name(out, file);
    str_printf(out, "\n#endif\n#define nn_weight_bytes nn_weight_bytes_%s_%016llx\n", w->prefix,
               (unsigned long long)w->network->network.source_hash);
    str_append(out, "extern const unsigned char nn_weight_bytes[]\n"
                    "    __attribute__((visibility(\"hidden\")));\n");
    str_printf(out,
               "__asm__(\".section .rodata\\n\"\n"
               "        \".balign 128\\n\"\n"
               "        \".hidden nn_weight_bytes_%s_%016llx\\n\"\n"
               "        \".globl nn_weight_bytes_%s_%016llx\\n\"\n"
               "        \"nn_weight_bytes_%s_%016llx:\\n\"\n"
               "        \".incbin \\\"\" NN_WEIGHTS_FILE \"\\\"\\n\"\n"
               "        \".byte 0\\n\"\n"
               "        \".text\\n\");\n\n",
               w->prefix, (unsigned long long)w->network->network.source_hash, w->prefix,
               (unsigned long long)w->network->network.source_hash, w->prefix,
               (unsigned long long)w->network->network.source_hash);
}

void opencl_print_c(const LProgram *program, const TargetOptions *options,
                    const OpenclNetwork *network, const char *header, const char *weights_file,
                    StrBuf *out) {
    Writer w = {.network = network, .prefix = options->prefix, .out = out};
    str_printf(out,
               "/* %s: its launch plan and its functions; link with libnnrt. Generated by nnc.\n",
               options->prefix);
    str_append(out, " * For gcc and clang. */\n#include ");
    add_name(out, header);
    str_append(out, "\n#include <nn/format.h>\n#include <nn/plan.h>\n\n");
    bool has_weights = weights_file && program->weight_bytes > 0;
    if (has_weights) write_weights(&w, weights_file);
    write_source(&w);
    write_buffers(&w);
    write_launches(&w);
    write_needs(&w);
    write_plan(&w, has_weights);
    write_untyped(&w);
    write_network(&w);
    write_typed(&w, network->network.symbol_count > 0);
    str_free(&w.data);
}
