/* The operator table and the questions asked of it. */
#include "ir/op.h"

#include <math.h>
#include <string.h>

#include "ir/type_rules.h"

#define ATTRS(...)                {__VA_ARGS__}
#define A_INT(id, value, text)    {{.name = #id, .kind = ATTR_INT, .i = (value)}, false, text}
#define A_FLOAT(id, value, text)  {{.name = #id, .kind = ATTR_FLOAT, .f = (value)}, false, text}
#define A_BOOL(id, value, text)   {{.name = #id, .kind = ATTR_BOOL, .i = (value)}, false, text}
#define A_DTYPE(id, value, text)  {{.name = #id, .kind = ATTR_DTYPE, .dtype = (value)}, false, text}
#define A_STRING(id, value, text) {{.name = #id, .kind = ATTR_STRING, .s = (value)}, false, text}
#define L_INTS(id, text, ...)                                                                      \
    {{.name = #id,                                                                                 \
      .kind = ATTR_INTS,                                                                           \
      .count = (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                          \
      .ints = (const int64_t[]){__VA_ARGS__}},                                                     \
     false,                                                                                        \
     text}
#define E_INTS(id, text)              {{.name = #id, .kind = ATTR_INTS}, false, text}
#define REQUIRED(id, attr_kind, text) {{.name = id, .kind = attr_kind}, true, text}
#define R_INT(id, text)               REQUIRED(#id, ATTR_INT, text)
#define R_FLOAT(id, text)             REQUIRED(#id, ATTR_FLOAT, text)
#define R_STRING(id, text)            REQUIRED(#id, ATTR_STRING, text)
#define R_INTS(id, text)              REQUIRED(#id, ATTR_INTS, text)
#define R_DIM(id, text)               REQUIRED(#id, ATTR_DIM, text)
#define R_DIMS(id, text)              REQUIRED(#id, ATTR_DIMS, text)
#define R_DTYPE(id, text)             REQUIRED(#id, ATTR_DTYPE, text)
#define R_LAYOUT(id, text)            REQUIRED(#id, ATTR_LAYOUT, text)

/* clang-format off */
static const OpInfo op_table[OP_COUNT] = {
#define OP(op_name, op_family, op_operands, op_attrs, op_rule, op_onnx, op_doc)                    \
    [OP_##op_name] = {.name = #op_name, .family = FAMILY_##op_family, .operands = op_operands,     \
                      .attrs = op_attrs, .type_rule = type_##op_rule,                              \
                      .onnx = op_onnx, .doc = op_doc},
#include "ir/ops.def"
#undef OP
};
/* clang-format on */

static const char *const family_names[] = {
    [FAMILY_SOURCE] = "source",
    [FAMILY_POINTWISE] = "pointwise",
    [FAMILY_MOVEMENT] = "movement",
    [FAMILY_REDUCTION] = "reduction",
    [FAMILY_CONTRACTION] = "contraction",
    [FAMILY_WINDOW] = "window",
    [FAMILY_SCAN] = "scan",
    [FAMILY_COMPOSITE] = "composite",
    [FAMILY_FUSION] = "fusion",
};

const OpInfo *op_info(OpKind op) {
    require((unsigned)op < OP_COUNT);
    return &op_table[op];
}

bool op_from_name(const char *name, OpKind *op) {
    for (int i = 0; i < OP_COUNT; i++) {
        if (!strcmp(op_table[i].name, name)) {
            *op = (OpKind)i;
            return true;
        }
    }
    return false;
}

/* ---- operands -------------------------------------------------------------------------------- */

/* One entry of a row's operand list. */
typedef struct OperandSpec {
    const char *name;
    int length;
    bool optional, variadic;
} OperandSpec;

static bool ends_with(const char *text, size_t length, const char *tail) {
    size_t n = strlen(tail);
    return length >= n && !memcmp(text + length - n, tail, n);
}

/* Reads the entry at *text and advances; false at the end. */
static bool next_operand(const char **text, OperandSpec *spec) {
    while (**text == ' ') (*text)++;
    size_t length = strcspn(*text, " ");
    if (!length) return false;
    *spec = (OperandSpec){.name = *text, .length = (int)length};
    spec->optional = ends_with(*text, length, "?");
    spec->variadic = ends_with(*text, length, "...");
    if (spec->optional) spec->length -= 1;
    if (spec->variadic) spec->length -= 3;
    *text += length;
    return true;
}

int op_min_operands(OpKind op) {
    const char *text = op_info(op)->operands;
    OperandSpec spec;
    int count = 0;
    while (next_operand(&text, &spec)) count += !spec.optional && !spec.variadic;
    return count;
}

int op_max_operands(OpKind op) {
    const char *text = op_info(op)->operands;
    OperandSpec spec;
    int count = 0;
    while (next_operand(&text, &spec)) {
        if (spec.variadic) return MAX_OPERANDS;
        count++;
    }
    return count;
}

const char *op_operand_name(OpKind op, int i, char buffer[32]) {
    const char *text = op_info(op)->operands;
    OperandSpec spec = {.name = ""};
    for (int k = 0; next_operand(&text, &spec); k++) {
        if (k == i || spec.variadic) break;
    }
    require(spec.length < 32);
    memcpy(buffer, spec.name, (size_t)spec.length);
    buffer[spec.length] = '\0';
    return buffer;
}

/* ---- attributes ------------------------------------------------------------------------------ */

int op_attr_count(OpKind op) {
    int count = 0;
    while (op_info(op)->attrs[count].initial.kind != ATTR_NONE) count++;
    return count;
}

int op_attr_index(OpKind op, const char *name) {
    const AttrSpec *specs = op_info(op)->attrs;
    for (int i = 0; specs[i].initial.kind != ATTR_NONE; i++) {
        if (!strcmp(specs[i].initial.name, name)) return i;
    }
    return -1;
}

const Attr *attr_get(OpKind op, const Attr *attrs, const char *name) {
    int index = op_attr_index(op, name);
    if (index < 0) die("operator '%s' has no attribute '%s'", op_info(op)->name, name);
    return &attrs[index];
}

int normalize_axis(int64_t axis, int rank) {
    if (axis < -(int64_t)rank || axis >= rank) return -1;
    return (int)(axis < 0 ? axis + rank : axis);
}

uint32_t axes_bits(const Attr *axes, int rank) {
    uint32_t bits = 0;
    if (axes->count == 0) return (1u << rank) - 1;
    for (int i = 0; i < axes->count; i++) {
        int axis = normalize_axis(axes->ints[i], rank);
        require(axis >= 0);
        bits |= 1u << axis;
    }
    return bits;
}

/* ---- docs/ops.md ----------------------------------------------------------------------------- */

static const char *const attr_kind_names[] = {
    [ATTR_NONE] = "",         [ATTR_INT] = "integer",     [ATTR_FLOAT] = "float",
    [ATTR_BOOL] = "boolean",  [ATTR_STRING] = "string",   [ATTR_INTS] = "integers",
    [ATTR_DIM] = "dimension", [ATTR_DIMS] = "dimensions", [ATTR_DTYPE] = "element type",
    [ATTR_LAYOUT] = "layout",
};

const char *attr_kind_name(AttrKind kind) {
    require((unsigned)kind < COUNT_OF(attr_kind_names));
    return attr_kind_names[kind];
}

/* A bar would end the table's cell. */
static void append_cell(StrBuf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|') str_putc(out, '\\');
        str_putc(out, *text);
    }
}

static void append_default(StrBuf *out, const Attr *attr) {
    switch (attr->kind) {
    case ATTR_INT: str_printf(out, "%lld", (long long)attr->i); break;
    case ATTR_BOOL: str_append(out, attr->i ? "true" : "false"); break;
    case ATTR_FLOAT: str_append_double(out, attr->f, false); break;
    case ATTR_STRING: str_printf(out, "\"%s\"", attr->s); break;
    case ATTR_DTYPE: str_append(out, dtype_name(attr->dtype)); break;
    case ATTR_INTS:
        str_putc(out, '[');
        for (int i = 0; i < attr->count; i++) {
            str_printf(out, "%s%lld", i ? ", " : "", (long long)attr->ints[i]);
        }
        str_putc(out, ']');
        break;
    default: unreachable(); /* the other kinds have no default */
    }
}

static void append_attrs(StrBuf *out, const AttrSpec *specs) {
    for (int i = 0; specs[i].initial.kind != ATTR_NONE; i++) {
        const AttrSpec *spec = &specs[i];
        str_printf(out, "%s`%s", i ? "<br>" : "", spec->initial.name);
        if (!spec->required) {
            str_append(out, " = ");
            append_default(out, &spec->initial);
        }
        str_printf(out, "` (%s) ", attr_kind_name(spec->initial.kind));
        append_cell(out, spec->doc);
    }
}

void op_table_markdown(StrBuf *out) {
    str_append(out,
               "# Operators\n\nGenerated from `ir/ops.def`. An operand marked `?` may be left "
               "out, one marked `...` stands for any number; an attribute without a value must "
               "be given.\n");
    for (size_t family = 0; family < COUNT_OF(family_names); family++) {
        str_printf(out, "\n## %c%s\n\n", family_names[family][0] - 'a' + 'A',
                   family_names[family] + 1);
        str_append(out, "| operator | operands | attributes | meaning | ONNX |\n"
                        "| --- | --- | --- | --- | --- |\n");
        for (int i = 0; i < OP_COUNT; i++) {
            const OpInfo *info = &op_table[i];
            if (info->family != (OpFamily)family) continue;
            str_printf(out, "| `%s` | %s | ", info->name, info->operands);
            append_attrs(out, info->attrs);
            str_append(out, " | ");
            append_cell(out, info->doc);
            str_printf(out, " | %s |\n", info->onnx);
        }
    }
}
