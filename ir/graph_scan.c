/* Scanner of graph dumps: names, strings, numbers, types, attribute values. */
#include "ir/graph_scan.h"

#include <inttypes.h>
#include <string.h>

#include "ir/graph_internal.h"
#include "ir/graph_text.h"

bool scan_fail(Scanner *s, const char *at, const char *format, ...) {
    if (s->failed) return false;
    s->failed = true;
    StrBuf text = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    uint32_t begin = (uint32_t)(at - s->begin);
    diag_error(s->diag, (Span){s->source, begin, begin + (*at != '\0')}, "%s", str_text(&text));
    str_free(&text);
    return false;
}

/* ---- characters ------------------------------------------------------------------------------ */

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void scan_blanks(Scanner *s) {
    for (;;) {
        s->p += strspn(s->p, " \t\r\n");
        if (s->p[0] != '/' || s->p[1] != '/') return;
        s->p += strcspn(s->p, "\n");
    }
}

bool scan_at_end(Scanner *s) {
    scan_blanks(s);
    return *s->p == '\0';
}

bool scan_take(Scanner *s, char c) {
    scan_blanks(s);
    if (*s->p != c) return false;
    s->p++;
    return true;
}

/* What stands at p, for messages. */
static const char *found(Scanner *s) {
    scan_blanks(s);
    if (*s->p == '\0') return "the end of the dump";
    size_t length = 1;
    while (length < 40 && is_name_char(s->p[0]) && is_name_char(s->p[length])) length++;
    return arena_printf(s->arena, "'%.*s'", (int)length, s->p);
}

bool scan_expect(Scanner *s, char c, const char *where) {
    if (scan_take(s, c)) return true;
    const char *have = found(s);
    return scan_fail(s, s->p, "expected '%c' %s, found %s", c, where, have);
}

bool scan_take_word(Scanner *s, const char *word) {
    size_t length = strlen(word);
    scan_blanks(s);
    if (strncmp(s->p, word, length) != 0 || is_name_char(s->p[length])) return false;
    s->p += length;
    return true;
}

bool scan_expect_word(Scanner *s, const char *word) {
    if (scan_take_word(s, word)) return true;
    const char *have = found(s);
    return scan_fail(s, s->p, "expected '%s', found %s", word, have);
}

/* ---- names and strings ----------------------------------------------------------------------- */

const char *scan_bare_name(Scanner *s, const char *what) {
    scan_blanks(s);
    size_t length = 0;
    while (is_name_char(s->p[length])) length++;
    if (length == 0 || is_digit(*s->p)) {
        const char *have = found(s);
        scan_fail(s, s->p, "expected %s, found %s", what, have);
        return NULL;
    }
    const char *name = intern_n(s->module->names, s->p, length);
    s->p += length;
    return name;
}

const char *scan_name(Scanner *s, const char *what) {
    scan_blanks(s);
    return *s->p == '"' ? scan_string(s, what) : scan_bare_name(s, what);
}

/* The character that an escape stands for; p is behind the backslash and moves behind the escape.
 * 0: malformed. */
static char scan_escape(Scanner *s) {
    static const char letters[] = "\"\\ntr", meanings[] = "\"\\\n\t\r";
    char c = *s->p;
    const char *at = c ? strchr(letters, c) : NULL;
    if (at) {
        s->p++;
        return meanings[at - letters];
    }
    int high = c == 'x' ? hex_digit(s->p[1]) : -1;
    int low = high >= 0 ? hex_digit(s->p[2]) : -1;
    if (low < 0) return '\0';
    s->p += 3;
    return (char)(high * 16 + low);
}

const char *scan_string(Scanner *s, const char *what) {
    scan_blanks(s);
    const char *begin = s->p;
    if (*s->p != '"') {
        const char *have = found(s);
        scan_fail(s, s->p, "expected %s in quotes, found %s", what, have);
        return NULL;
    }
    StrBuf text = {0};
    bool whole = true;
    for (s->p++; whole && *s->p != '"';) {
        char c = *s->p;
        if (c == '\0' || c == '\n') {
            whole = scan_fail(s, begin, "this string does not end");
        } else if (c == '\\') {
            s->p++;
            c = scan_escape(s);
            whole = c || scan_fail(s, s->p - 1, "unknown escape in a string");
        } else {
            s->p++;
        }
        str_putc(&text, c);
    }
    const char *name = whole ? intern(s->module->names, str_text(&text)) : NULL;
    if (whole) s->p++;
    str_free(&text);
    return name;
}

/* ---- numbers --------------------------------------------------------------------------------- */

bool scan_number_text(Scanner *s, char text[64]) {
    scan_blanks(s);
    size_t length = 0;
    for (; is_name_char(s->p[length]) || (s->p[length] && strchr("+-.:", s->p[length])); length++) {
        if (length == 63) return scan_fail(s, s->p, "this number is too long");
        text[length] = s->p[length];
    }
    text[length] = '\0';
    if (length == 0) {
        const char *have = found(s);
        return scan_fail(s, s->p, "expected a number, found %s", have);
    }
    s->p += length;
    return true;
}

static bool scan_integer(Scanner *s, int64_t *value) {
    char text[64];
    scan_blanks(s);
    const char *at = s->p;
    if (!scan_number_text(s, text)) return false;
    return integer_parse(text, value) || scan_fail(s, at, "'%s' is not a 64-bit integer", text);
}

bool scan_float(Scanner *s, double *value) {
    char text[64];
    scan_blanks(s);
    const char *at = s->p;
    if (!scan_number_text(s, text)) return false;
    return float_parse(text, value) || scan_fail(s, at, "'%s' is not a number", text);
}

bool scan_value_number(Scanner *s, uint32_t *number) {
    scan_blanks(s);
    const char *at = s->p;
    if (at[0] != '%' || !is_digit(at[1])) {
        const char *have = found(s);
        return scan_fail(s, at, "expected a value like %%3, found %s", have);
    }
    *number = 0;
    for (s->p++; is_digit(*s->p); s->p++) {
        *number = *number * 10 + (uint32_t)(*s->p - '0');
        if (*number >= MAX_VALUES)
            return scan_fail(s, at, "value numbers end at %d", MAX_VALUES - 1);
    }
    return true;
}

bool scan_is_hash(Scanner *s, char prefix) {
    scan_blanks(s);
    if (*s->p != prefix) return false;
    for (int i = 1; i <= 16; i++) {
        if (hex_digit(s->p[i]) < 0) return false;
    }
    return !is_name_char(s->p[17]);
}

bool scan_hash(Scanner *s, char prefix, uint64_t *hash) {
    if (!scan_is_hash(s, prefix)) {
        const char *have = found(s);
        return scan_fail(s, s->p, "expected '%c' and 16 hexadecimal digits, found %s", prefix,
                         have);
    }
    *hash = 0;
    for (int i = 1; i <= 16; i++) *hash = *hash << 4 | (uint64_t)hex_digit(s->p[i]);
    s->p += 17;
    return true;
}

/* ---- types ----------------------------------------------------------------------------------- */

static bool scan_dim(Scanner *s, Dim *dim, bool may_add) {
    scan_blanks(s);
    const char *at = s->p;
    *dim = dim_parse(s->module->dims, &s->p, may_add);
    if (*dim) return true;
    return scan_fail(s, s->p > at ? s->p - 1 : at,
                     "this is no dimension, or it has a symbol that no input introduces");
}

static bool scan_dtype(Scanner *s, DType *dtype) {
    scan_blanks(s);
    const char *at = s->p, *name = scan_bare_name(s, "an element type");
    if (!name) return false;
    return dtype_from_name(name, dtype) || scan_fail(s, at, "unknown element type '%s'", name);
}

/* The layout between braces, the first of which was taken; null for none. */
static bool scan_layout(Scanner *s, int rank, LayoutRef *layout) {
    Layout parsed = {0};
    scan_blanks(s);
    const char *at = s->p;
    if (*s->p != '}' && !layout_parse(&s->p, rank, &parsed)) {
        return scan_fail(s, at, "this is no layout of rank %d", rank);
    }
    *layout = module_layout(s->module, &parsed);
    return scan_expect(s, '}', "after a layout");
}

bool scan_type(Scanner *s, TensorType *type, bool may_add_symbols) {
    *type = (TensorType){0};
    scan_blanks(s);
    const char *at = s->p;
    if (!scan_dtype(s, &type->dtype) || !scan_expect(s, '[', "after an element type")) return false;
    while (!scan_take(s, ']')) {
        if (type->rank && !scan_expect(s, ',', "between dimensions")) return false;
        if (type->rank == MAX_RANK) return scan_fail(s, s->p, "a rank is at most %d", MAX_RANK);
        if (!scan_dim(s, &type->dims[type->rank++], may_add_symbols)) return false;
    }
    if (*s->p == '{') {
        s->p++;
        if (!scan_layout(s, type->rank, &type->layout)) return false;
    }
    const char *fault = type_fault(s->module->dims, s->arena, type);
    return !fault || scan_fail(s, at, "%s", fault);
}

/* ---- attribute values ------------------------------------------------------------------------ */

static bool scan_ints(Scanner *s, Attr *attr) {
    VEC(int64_t) list = {0};
    if (!scan_expect(s, '[', "before a list")) return false;
    while (!scan_take(s, ']')) {
        int64_t value;
        if (list.len && !scan_expect(s, ',', "between numbers")) return false;
        if (!scan_integer(s, &value)) return false;
        vec_push(s->arena, &list, value);
    }
    *attr = attr_ints(attr->name, (int)list.len, list.data);
    return true;
}

static bool scan_one_dim(Scanner *s, Attr *attr) {
    Dim *dim = arena_new(s->arena, Dim);
    *attr = attr_dim(attr->name, dim);
    return scan_dim(s, dim, false);
}

static bool scan_dims(Scanner *s, Attr *attr) {
    VEC(Dim) list = {0};
    if (!scan_expect(s, '[', "before a list")) return false;
    while (!scan_take(s, ']')) {
        Dim dim;
        if (list.len && !scan_expect(s, ',', "between dimensions")) return false;
        if (!scan_dim(s, &dim, false)) return false;
        vec_push(s->arena, &list, dim);
    }
    *attr = attr_dims(attr->name, (int)list.len, list.data);
    return true;
}

static bool scan_bool(Scanner *s, int64_t *value) {
    *value = scan_take_word(s, "true");
    return *value || scan_take_word(s, "false") || scan_fail(s, s->p, "expected true or false");
}

bool scan_attr_value(Scanner *s, const Attr *spec, int rank, Attr *attr) {
    *attr = (Attr){.name = spec->name, .kind = spec->kind};
    switch (spec->kind) {
    case ATTR_NONE: unreachable();
    case ATTR_INT: return scan_integer(s, &attr->i);
    case ATTR_FLOAT: return scan_float(s, &attr->f);
    case ATTR_BOOL: return scan_bool(s, &attr->i);
    case ATTR_STRING: return (attr->s = scan_string(s, "a text")) != NULL;
    case ATTR_INTS: return scan_ints(s, attr);
    case ATTR_DIM: return scan_one_dim(s, attr);
    case ATTR_DIMS: return scan_dims(s, attr);
    case ATTR_DTYPE: return scan_dtype(s, &attr->dtype);
    case ATTR_LAYOUT:
        if (rank < 0) return scan_fail(s, s->p, "a layout needs an operand");
        return scan_expect(s, '{', "before a layout") && scan_layout(s, rank, &attr->layout);
    }
    unreachable();
}
