/* Names of the generated interface. */
#include "codegen/abi/abi.h"

#include <string.h>

const char *const abi_functions[] = {"context_bytes", "init",    "create", "run",
                                     "destroy",       "message", "info",   NULL};

/* ---- symbols -------------------------------------------------------------------------------- */

static void mark_dim(Dim dim, bool *used) {
    for (int t = 0; dim && t < dim->nterms; t++) {
        for (int i = 0; i < dim->terms[t].nfactors; i++) {
            const DimFactor *factor = &dim->terms[t].factors[i];
            if (factor->atom == ATOM_SYMBOL) {
                used[factor->symbol] = true;
            } else {
                mark_dim(factor->a, used);
                mark_dim(factor->b, used);
            }
        }
    }
}

static void mark_signature(const Graph *graph, bool *used) {
    for (int i = 0; i < graph->ninputs; i++) {
        const TensorType *type = &graph->inputs[i]->type;
        for (int k = 0; k < type->rank; k++) mark_dim(type->dims[k], used);
    }
    for (int i = 0; i < graph->noutputs; i++) {
        const TensorType *type = &graph->outputs[i]->type;
        for (int k = 0; k < type->rank; k++) mark_dim(type->dims[k], used);
    }
}

AbiSymbols abi_symbols(const LProgram *program, Arena *arena) {
    const DimContext *dims = program->module->dims;
    int total = dim_symbol_count(dims);
    bool *used = arena_array(arena, bool, (size_t)total + 1);
    mark_signature(program->graph, used);
    for (size_t i = 0; i < program->tensors.len; i++) {
        mark_dim(program->tensors.data[i]->elements, used);
    }
    for (size_t i = 0; i < program->regions.len; i++) mark_dim(program->regions.data[i].unit, used);
    for (size_t i = 0; i < program->kernels.len; i++) {
        const LKernel *kernel = program->kernels.data[i];
        for (int p = 0; p < kernel->nparams; p++) {
            const LBuffer *buffer = kernel->params[p];
            for (int k = 0; k < buffer->rank; k++) mark_dim(buffer->dims[k], used);
        }
    }
    AbiSymbols symbols = {.names = arena_array(arena, const char *, (size_t)total + 1),
                          .module_index = arena_array(arena, int, (size_t)total + 1),
                          .position = arena_array(arena, int, (size_t)total + 1)};
    for (int i = 0; i < total; i++) {
        symbols.position[i] = used[i] ? (int)symbols.count : -1;
        if (!used[i]) continue;
        symbols.names[symbols.count] = dim_symbol_name(dims, i);
        symbols.module_index[symbols.count++] = i;
    }
    return symbols;
}

/* ---- identifiers ---------------------------------------------------------------------------- */

/* Words of C99 and C++ that an identifier must not be. */
static const char *const reserved[] = {
    "alignas",      "alignof",       "and",         "and_eq",   "asm",       "auto",
    "bitand",       "bitor",         "bool",        "break",    "case",      "catch",
    "char",         "class",         "compl",       "concept",  "const",     "consteval",
    "constexpr",    "constinit",     "const_cast",  "continue", "co_await",  "co_return",
    "co_yield",     "decltype",      "default",     "delete",   "do",        "double",
    "dynamic_cast", "else",          "enum",        "explicit", "export",    "extern",
    "false",        "float",         "for",         "friend",   "goto",      "if",
    "inline",       "int",           "long",        "mutable",  "namespace", "new",
    "noexcept",     "not",           "not_eq",      "nullptr",  "operator",  "or",
    "or_eq",        "private",       "protected",   "public",   "register",  "reinterpret_cast",
    "requires",     "restrict",      "return",      "short",    "signed",    "sizeof",
    "static",       "static_assert", "static_cast", "struct",   "switch",    "template",
    "this",         "thread_local",  "throw",       "true",     "try",       "typedef",
    "typeid",       "typename",      "typeof",      "union",    "unsigned",  "using",
    "virtual",      "void",          "volatile",    "wchar_t",  "while",     "xor",
    "xor_eq",       "linux",         "unix",        "NULL",
};

static bool is_reserved(const char *name) {
    for (size_t i = 0; i < COUNT_OF(reserved); i++) {
        if (strcmp(reserved[i], name) == 0) return true;
    }
    return false;
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Everything but letters and digits becomes one underscore; two in a row, or one in front of a
 * capital, are the implementation's in C++ and C. */
const char *abi_identifier(Arena *arena, const char *name) {
    StrBuf s = {0};
    for (const char *c = name; *c; c++) {
        if (is_letter(*c) || is_digit(*c)) {
            if (is_digit(*c) && s.len == 0) str_append(&s, "t");
            str_putc(&s, *c);
        } else if (s.len > 0 && s.data[s.len - 1] != '_') {
            str_putc(&s, '_');
        }
    }
    if (s.len > 1 && s.data[s.len - 1] == '_') s.data[--s.len] = '\0';
    if (s.len == 0) str_append(&s, "t");
    if (is_reserved(str_text(&s))) str_putc(&s, '_');
    char *copy = arena_strdup(arena, str_text(&s));
    str_free(&s);
    return copy;
}

const char *abi_upper(Arena *arena, const char *name) {
    char *copy = arena_strdup(arena, name);
    for (char *c = copy; *c; c++) {
        if (*c >= 'a' && *c <= 'z') *c = (char)(*c - 'a' + 'A');
    }
    return copy;
}

typedef struct NameList {
    Arena *arena;
    VEC(const char *) taken;
} NameList;

static bool is_taken(const NameList *list, const char *name) {
    for (size_t i = 0; i < list->taken.len; i++) {
        if (strcmp(list->taken.data[i], name) == 0) return true;
    }
    return false;
}

static const char *unique_member(NameList *list, const char *wanted) {
    const char *base = abi_identifier(list->arena, wanted), *name = base;
    for (int n = 2; is_taken(list, name); n++) name = arena_printf(list->arena, "%s_%d", base, n);
    vec_push(list->arena, &list->taken, name);
    return name;
}

AbiMembers abi_members(const LProgram *program, const AbiSymbols *symbols, Arena *arena) {
    const Graph *graph = program->graph;
    NameList list = {.arena = arena};
    AbiMembers m = {.symbols = arena_array(arena, const char *, symbols->count + 1),
                    .inputs = arena_array(arena, const char *, (size_t)graph->ninputs + 1),
                    .outputs = arena_array(arena, const char *, (size_t)graph->noutputs + 1)};
    for (size_t i = 0; i < symbols->count; i++) {
        m.symbols[i] = unique_member(&list, symbols->names[i]);
    }
    for (int i = 0; i < graph->ninputs; i++) {
        m.inputs[i] = unique_member(&list, graph->input_names[i]);
    }
    for (int i = 0; i < graph->noutputs; i++) {
        m.outputs[i] = unique_member(&list, graph->output_names[i]);
    }
    return m;
}

nn_type abi_type(DType dtype) {
    static const nn_type types[DTYPE_COUNT] = {
        [DT_f32] = NN_F32, [DT_f16] = NN_F16,   [DT_bf16] = NN_BF16, [DT_f64] = NN_F64,
        [DT_i8] = NN_I8,   [DT_u8] = NN_U8,     [DT_i16] = NN_I16,   [DT_i32] = NN_I32,
        [DT_i64] = NN_I64, [DT_bool] = NN_BOOL, [DT_i4] = NN_I4,     [DT_u4] = NN_U4};
    return types[dtype];
}

/* ---- linker names --------------------------------------------------------------------------- */

static uint64_t hash_text(const char *text, uint64_t seed) {
    return hash_bytes(text, strlen(text) + 1, seed);
}

static uint64_t hash_type(const DimContext *dims, const TensorType *type, uint64_t seed) {
    StrBuf s = {0};
    str_append(&s, dtype_name(type->dtype));
    for (int i = 0; i < type->rank; i++) {
        str_append(&s, i ? "," : "[");
        dim_print(dims, type->dims[i], &s);
    }
    seed = hash_text(str_text(&s), seed);
    str_free(&s);
    return seed;
}

/* Everything that a caller compiled against: symbols, names, types and shapes, each in order. */
uint64_t abi_interface_hash(const LProgram *program, const char *prefix) {
    const Graph *graph = program->graph;
    const DimContext *dims = program->module->dims;
    Arena *arena = arena_create();
    AbiSymbols symbols = abi_symbols(program, arena);
    uint64_t hash = hash_text(prefix, NN_ABI_VERSION);
    for (size_t i = 0; i < symbols.count; i++) hash = hash_text(symbols.names[i], hash);
    hash = hash_text("inputs", hash);
    for (int i = 0; i < graph->ninputs; i++) {
        hash = hash_type(dims, &graph->inputs[i]->type, hash_text(graph->input_names[i], hash));
    }
    hash = hash_text("outputs", hash);
    for (int i = 0; i < graph->noutputs; i++) {
        hash = hash_type(dims, &graph->outputs[i]->type, hash_text(graph->output_names[i], hash));
    }
    arena_destroy(arena);
    return hash;
}

const char *abi_linker_name(Arena *arena, const LProgram *program, const char *prefix,
                            const char *function) {
    return arena_printf(arena, "%s_%s__nn%d_%016llx", prefix, function, NN_ABI_VERSION,
                        (unsigned long long)abi_interface_hash(program, prefix));
}

void abi_add_literal(StrBuf *out, const char *text, size_t length) {
    str_putc(out, '"');
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\' || c == '?') {
            str_printf(out, "\\%c", c);
        } else if (c < ' ' || c > '~') {
            str_printf(out, "\\%03o", c);
        } else {
            str_putc(out, (char)c);
        }
    }
    str_putc(out, '"');
}
