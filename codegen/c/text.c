/* Texts of expressions, names, types and lines. */
#include "codegen/c/printer.h"

#include <string.h>

enum { LINE_WIDTH = 100, INDENT = 4 };

/* ---- expressions ----------------------------------------------------------------------------- */

Text c_text_atom(const char *s) {
    return (Text){s, BIND_ATOM};
}

Text c_text_printf(Printer *p, Binding bind, const char *format, ...) {
    StrBuf s = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&s, format, args);
    va_end(args);
    Text text = {arena_strndup(p->arena, str_text(&s), s.len), bind};
    str_free(&s);
    return text;
}

const char *c_text_in(Printer *p, Text text, Binding least) {
    return text.bind >= least ? text.s : arena_printf(p->arena, "(%s)", text.s);
}

/* Shifts and bit operations set their operands apart: their rank is nobody's common knowledge. */
Text c_text_binary(Printer *p, Binding bind, const char *op, Text x, Text y) {
    bool plain = bind == BIND_SUM || bind == BIND_PRODUCT;
    Binding left = plain || bind == BIND_LAND || bind == BIND_LOR ? bind
                   : bind == BIND_ORDER || bind == BIND_EQUAL     ? BIND_SUM
                                                                  : BIND_UNARY;
    Binding right = plain ? bind + 1 : left;
    /* Compilers warn of && in || without parentheses. */
    if (bind == BIND_LOR) {
        if (x.bind == BIND_LAND) left = BIND_UNARY;
        if (y.bind == BIND_LAND) right = BIND_UNARY;
    }
    return c_text_printf(p, bind, "%s %s %s", c_text_in(p, x, left), op, c_text_in(p, y, right));
}

/* ---- names ----------------------------------------------------------------------------------- */

bool c_is_reserved(const CDialect *dialect, const char *name) {
    for (const char *const *word = dialect->reserved; *word; word++) {
        if (strcmp(*word, name) == 0) return true;
    }
    return strncmp(name, "nn_", 3) == 0;
}

static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static const char *identifier(Arena *arena, const char *wanted) {
    char *name = arena_printf(arena, "%s%s", *wanted >= '0' && *wanted <= '9' ? "v" : "", wanted);
    for (char *c = name; *c; c++) {
        if (!is_word(*c)) *c = '_';
    }
    return *name ? name : "v";
}

const char *c_unique_name(Printer *p, const char *wanted) {
    const char *base = identifier(p->arena, wanted), *name = intern(p->interner, base);
    if (c_is_reserved(p->dialect, name))
        name = intern(p->interner, arena_printf(p->arena, "%s_", base));
    for (int n = 2; memo_get(&p->taken, name); n++) {
        name = intern(p->interner, arena_printf(p->arena, "%s_%d", base, n));
    }
    memo_set(&p->taken, name, name);
    return name;
}

/* ---- types ----------------------------------------------------------------------------------- */

static const char *with_lanes(Printer *p, const char *scalar, int lanes) {
    bool power = lanes > 0 && (lanes & (lanes - 1)) == 0;
    if (!power || lanes > p->dialect->vector_lanes) {
        die("kernel %s: %s has no vectors of %d lanes", p->kernel->name, p->dialect->name, lanes);
    }
    return lanes > 1 ? arena_printf(p->arena, "%s%d", scalar, lanes) : scalar;
}

const char *c_value_type(Printer *p, LType type) {
    if (type.rows > 0) die("kernel %s: %s has no tiles", p->kernel->name, p->dialect->name);
    if (type.dtype == DT_f64) p->helpers->uses_f64 = true;
    if (type.dtype == DT_bool && type.lanes > 1) return with_lanes(p, p->dialect->mask, type.lanes);
    return with_lanes(p, p->dialect->value[type.dtype], type.lanes);
}

const char *c_mask_type(Printer *p, int bits, int lanes) {
    DType dtype = bits == 8 ? DT_i8 : bits == 16 ? DT_i16 : bits == 64 ? DT_i64 : DT_i32;
    return c_value_type(p, ltype(dtype, lanes));
}

const char *c_memory_type(Printer *p, DType dtype) {
    if (dtype == DT_f64) p->helpers->uses_f64 = true;
    return p->dialect->memory[dtype];
}

/* The type whose functions work on values of this one. */
static const char *held_name(DType dtype) {
    if (c_is_float16(dtype)) dtype = DT_f32;
    return dtype_name(dtype == DT_i4 ? DT_i8 : dtype == DT_u4 ? DT_u8 : dtype);
}

Text c_call(Printer *p, CCall call, LType from, LType to, const char *args) {
    StrBuf s = {0};
    for (const char *c = p->dialect->call[call]; *c; c++) {
        if (*c != '$') {
            str_putc(&s, *c);
            continue;
        }
        c++;
        str_append(&s, *c == 't'   ? c_value_type(p, to)
                       : *c == 'f' ? held_name(from.dtype)
                                   : held_name(to.dtype));
    }
    Text text = c_text_printf(p, BIND_ATOM, "%s(%s)", str_text(&s), args);
    str_free(&s);
    return text;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void pad(Printer *p, int columns) {
    for (int i = 0; i < columns; i++) str_putc(&p->out, ' ');
}

/* Blanks stand between tokens only, so a long line can be broken at any of them. */
static void broken_line(Printer *p, const char *text) {
    int column = INDENT * p->depth;
    pad(p, column);
    size_t room = (size_t)(LINE_WIDTH - column);
    while (strlen(text) > room) {
        size_t at = room;
        while (at > 0 && text[at] != ' ') at--;
        if (at == 0) at = strcspn(text, " ");
        if (!text[at]) break;
        str_append_n(&p->out, text, at);
        str_putc(&p->out, '\n');
        pad(p, column + INDENT);
        room = (size_t)(LINE_WIDTH - column - INDENT);
        text += at + 1;
    }
    str_append(&p->out, text);
    str_putc(&p->out, '\n');
}

void c_line(Printer *p, const char *format, ...) {
    StrBuf s = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&s, format, args);
    va_end(args);
    broken_line(p, str_text(&s));
    str_free(&s);
}

void c_open_block(Printer *p, const char *head) {
    c_line(p, "%s {", head);
    p->depth++;
}

void c_close_block(Printer *p, const char *tail) {
    p->depth--;
    c_line(p, "}%s", tail);
}
