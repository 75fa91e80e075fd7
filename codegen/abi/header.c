/* The text of the generated header. */
#include "codegen/abi/abi.h"

#include <string.h>

const char *abi_c_type(DType dtype) {
    static const char *const names[DTYPE_COUNT] = {
#define DTYPE(name, bits, class, ctype) [DT_##name] = #ctype,
#include "ir/dtypes.def"
#undef DTYPE
    };
    return names[dtype];
}

typedef struct Header {
    const LProgram *program;
    Arena *arena;
    StrBuf *out;
    const char *prefix, *upper;
    AbiSymbols symbols;
    AbiMembers members;
    const AbiTarget *target;
} Header;

/* Text inside a comment must not end it. */
static const char *comment_text(Arena *arena, const char *text) {
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c; c++) {
        bool bracket = (c[0] == '*' && c[1] == '/') || (c[0] == '/' && c[1] == '*');
        if ((unsigned char)*c < ' ' || bracket) *c = ' ';
    }
    return copy;
}

static const char *shape_text(const Header *h, const TensorType *type) {
    StrBuf s = {0};
    str_append(&s, dtype_name(type->dtype));
    str_putc(&s, '[');
    for (int i = 0; i < type->rank; i++) {
        if (i) str_append(&s, ", ");
        dim_print(h->program->module->dims, type->dims[i], &s);
    }
    str_putc(&s, ']');
    const char *copy = comment_text(h->arena, str_text(&s));
    str_free(&s);
    return copy;
}

static void write_top(const Header *h) {
    StrBuf *out = h->out;
    str_printf(out, "/* %s: a neural network compiled by nnc for %s.\n",
               comment_text(h->arena, h->program->graph->name),
               comment_text(h->arena, h->target->text));
    str_append(out, " * Generated; changes are lost.\n *\n"
                    " * A run needs a context, set up once:\n *\n");
    str_append(out, " *     nn_options options = {sizeof(nn_options)};\n");
    if (h->symbols.count > 0) {
        str_printf(out, " *     %s_limits limits = {...};\n", h->prefix);
        str_append(out, " *     options.limits = &limits;\n");
    }
    str_append(out, " *     nn_context *context;\n");
    if (h->symbols.count > 0) {
        str_printf(out, " *     size_t bytes = %s_context_bytes(&limits);\n", h->prefix);
        str_printf(out, " *     %s_init(aligned_alloc(64, bytes), bytes, &options, &context);\n",
                   h->prefix);
    } else {
        str_printf(out, " *     static _Alignas(64) char memory[%s_CONTEXT_BYTES];\n", h->upper);
        str_printf(out, " *     %s_init(memory, sizeof memory, &options, &context);\n", h->prefix);
    }
    str_printf(out,
               " *     %s_io io = {...};\n *     %s_run(context, &io);\n *\n"
               " * nn_default_options of libnnrt fills the options with an allocator (for "
               "%s_create)%s. */\n",
               h->prefix, h->prefix, h->prefix, h->target->has_driver ? "" : " and threads");
    str_printf(out, "#ifndef NN_NETWORK_%s_H\n#define NN_NETWORK_%s_H\n\n#include <nn/nn.h>\n\n",
               h->prefix, h->prefix);
    str_printf(
        out,
        "#if NN_ABI_VERSION != %d\n#error \"this header is for another version of nn/nn.h\"\n"
        "#endif\n\n",
        NN_ABI_VERSION);
    str_append(out, "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
}

static void write_linker_names(const Header *h) {
    uint64_t hash = abi_interface_hash(h->program, h->prefix);
    str_append(h->out, "/* What the linker sees carries the interface: an object of another "
                       "version does not link. */\n");
    for (const char *const *name = abi_functions; *name; name++) {
        str_printf(h->out, "#define %s_%s %s_%s__nn%d_%016llx\n", h->prefix, *name, h->prefix,
                   *name, NN_ABI_VERSION, (unsigned long long)hash);
    }
    str_append(h->out, "\n");
}

/* ---- sizes that are known ------------------------------------------------------------------- */

typedef struct NameSet {
    Interner *names;
    VEC(const char *) list;
} NameSet;

/* Names that differ in case only get one constant, the first's. */
static void write_tensor_constants(const Header *h, NameSet *done, const char *member,
                                   const TensorType *type) {
    const char *upper = intern(done->names, abi_upper(h->arena, member));
    int64_t elements = 1, extent;
    for (size_t i = 0; i < done->list.len; i++) {
        if (done->list.data[i] == upper) return;
    }
    for (int i = 0; i < type->rank; i++) {
        if (!dim_is_int(type->dims[i], &extent) || !checked_mul(elements, extent, &elements))
            return;
    }
    vec_push(h->arena, &done->list, upper);
    if (done->list.len == 1) {
        str_append(h->out, "/* Elements of tensors whose shape is fixed. */\n");
    }
    str_printf(h->out, "#define %s_%s_ELEMENTS %lld\n", h->upper, upper, (long long)elements);
}

static void write_constants(const Header *h) {
    const Graph *graph = h->program->graph;
    NameSet done = {.names = interner_create(h->arena)};
    size_t before = h->out->len;
    for (int i = 0; i < graph->ninputs; i++) {
        write_tensor_constants(h, &done, h->members.inputs[i], &graph->inputs[i]->type);
    }
    for (int i = 0; i < graph->noutputs; i++) {
        write_tensor_constants(h, &done, h->members.outputs[i], &graph->outputs[i]->type);
    }
    if (h->symbols.count == 0 && h->target->context_bytes >= 0) {
        str_append(h->out, "/* Bytes of a context, to be aligned to 64. */\n");
        str_printf(h->out, "#define %s_CONTEXT_BYTES %lld\n", h->upper,
                   (long long)h->target->context_bytes);
    }
    if (h->out->len > before) str_append(h->out, "\n");
}

/* ---- structs -------------------------------------------------------------------------------- */

static void write_limits(const Header *h) {
    if (h->symbols.count == 0) return;
    str_printf(h->out,
               "/* The greatest value of each dimension that runs of a context will have. */\n"
               "typedef struct %s_limits {\n",
               h->prefix);
    for (size_t i = 0; i < h->symbols.count; i++) {
        str_printf(h->out, "    int64_t %s;\n", h->members.symbols[i]);
    }
    str_printf(h->out, "} %s_limits;\n\n", h->prefix);
}

static void write_io(const Header *h) {
    const Graph *graph = h->program->graph;
    str_append(h->out, "/* What a run works on: dense row-major tensors, aligned as their element "
                       "type. Outputs must not\n"
                       " * overlap inputs or each other. */\n");
    str_printf(h->out, "typedef struct %s_io {\n", h->prefix);
    for (size_t i = 0; i < h->symbols.count; i++) {
        str_printf(h->out, "    int64_t %s;\n", h->members.symbols[i]);
    }
    for (int i = 0; i < graph->ninputs; i++) {
        const TensorType *type = &graph->inputs[i]->type;
        str_printf(h->out, "    const %s *%s; /* in: %s */\n", abi_c_type(type->dtype),
                   h->members.inputs[i], shape_text(h, type));
    }
    for (int i = 0; i < graph->noutputs; i++) {
        const TensorType *type = &graph->outputs[i]->type;
        str_printf(h->out, "    %s *%s; /* out: %s */\n", abi_c_type(type->dtype),
                   h->members.outputs[i], shape_text(h, type));
    }
    str_printf(h->out, "} %s_io;\n\n", h->prefix);
}

/* ---- functions ------------------------------------------------------------------------------ */

static void write_functions(const Header *h) {
    StrBuf *out = h->out;
    const char *p = h->prefix;
    str_append(out, "/* Bytes of a context for runs up to the limits; SIZE_MAX where they are "
                    "negative or too large.\n"
                    " * Memory for it must be aligned to 64. */\n");
    if (h->symbols.count > 0) {
        str_printf(out, "size_t %s_context_bytes(const %s_limits *limits);\n\n", p, p);
    } else {
        str_printf(out, "size_t %s_context_bytes(const void *limits_are_not_needed);\n\n", p);
    }
    str_printf(out,
               "/* Sets a context up in the caller's memory, which stays the caller's and must "
               "outlive it.%s */\n"
               "nn_status %s_init(void *memory, size_t bytes, const nn_options *options, "
               "nn_context **context);\n\n"
               "/* The same in memory from options->allocate. */\n"
               "nn_status %s_create(const nn_options *options, nn_context **context);\n\n",
               h->target->has_driver ? "\n * Memory on the device is taken too, and memory that "
                                       "the device's driver wants for itself."
                                     : "",
               p, p);
    str_printf(
        out,
        "/* Computes the outputs. One run at a time in a context; contexts are independent. "
        "%s */\n"
        "nn_status %s_run(nn_context *context, const %s_io *io);\n\n",
        h->target->has_driver
            ? "The device's driver\n"
              " * may allocate. A run that is refused (NN_INVALID, NN_TOO_LARGE) has written "
              "nothing; one that fails on\n"
              " * the device may have written a part of the outputs."
            : "Nothing is allocated,\n"
              " * and on any status but NN_OK nothing was written.",
        p, p);
    str_printf(out,
               "/* Ends a context; gives memory from %s_create back%s. Null is allowed. */\n"
               "void %s_destroy(nn_context *context);\n\n"
               "/* Details of the context's last failure; \"\" if there was none. Never null. */\n"
               "const char *%s_message(const nn_context *context);\n\n"
               "/* Names, types, shapes and sizes. */\n"
               "const nn_network *%s_info(void);\n\n",
               p, h->target->has_driver ? ", and the device's" : "", p, p, p);
}

void abi_header(const LProgram *program, const char *prefix, const AbiTarget *target, StrBuf *out) {
    Arena *arena = arena_create();
    Header h = {.program = program,
                .arena = arena,
                .out = out,
                .prefix = prefix,
                .upper = abi_upper(arena, prefix),
                .symbols = abi_symbols(program, arena),
                .target = target};
    h.members = abi_members(program, &h.symbols, arena);
    write_top(&h);
    write_linker_names(&h);
    write_constants(&h);
    write_limits(&h);
    write_io(&h);
    write_functions(&h);
    str_append(out, "#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    arena_destroy(arena);
}
