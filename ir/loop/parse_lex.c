/* Words, numbers and types of the loop IR's text. */
#include "ir/loop/names.h"
#include "ir/loop/parse.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool parse_fail(Parser *p, const char *format, ...) {
    if (p->failed) return false;
    p->failed = true;
    StrBuf text = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    uint32_t at = (uint32_t)(p->at - p->text);
    diag_error(p->diag, (Span){p->source, at, *p->at ? at + 1 : at}, "%s", str_text(&text));
    str_free(&text);
    return false;
}

void parse_space(Parser *p) {
    while (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r') p->at++;
}

bool parse_peek(Parser *p, const char *symbol) {
    parse_space(p);
    return strncmp(p->at, symbol, strlen(symbol)) == 0;
}

bool parse_accept(Parser *p, const char *symbol) {
    if (!parse_peek(p, symbol)) return false;
    p->at += strlen(symbol);
    return true;
}

bool parse_expect(Parser *p, const char *symbol) {
    return parse_accept(p, symbol) || parse_fail(p, "expected '%s'", symbol);
}

static bool is_letter(char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

const char *parse_word(Parser *p, size_t *length) {
    parse_space(p);
    size_t n = 0;
    if (is_letter(*p->at))
        while (is_letter(p->at[n]) || is_digit(p->at[n]) ||
               (p->at[n] == '.' && is_digit(p->at[n + 1])))
            n++;
    *length = n;
    return p->at;
}

bool parse_peek_word(Parser *p, const char *word) {
    size_t n;
    const char *found = parse_word(p, &n);
    return n == strlen(word) && memcmp(found, word, n) == 0;
}

bool parse_accept_word(Parser *p, const char *word) {
    if (!parse_peek_word(p, word)) return false;
    p->at += strlen(word);
    return true;
}

bool parse_expect_word(Parser *p, const char *word) {
    return parse_accept_word(p, word) || parse_fail(p, "expected '%s'", word);
}

const char *parse_name(Parser *p) {
    size_t n;
    const char *word = parse_word(p, &n);
    if (n == 0) parse_fail(p, "expected a name");
    p->at += n;
    return arena_strndup(p->b.arena, word, n);
}

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One character behind a backslash; false where it is none. */
static bool parse_escape(Parser *p, StrBuf *out) {
    if (*p->at == '"' || *p->at == '\\') {
        str_putc(out, *p->at++);
        return true;
    }
    int high = *p->at == 'x' ? hex_digit(p->at[1]) : -1;
    int low = high >= 0 ? hex_digit(p->at[2]) : -1;
    if (low < 0 || (high == 0 && low == 0)) return parse_fail(p, "this escape is not known");
    str_putc(out, (char)(16 * high + low));
    p->at += 3;
    return true;
}

const char *parse_string(Parser *p) {
    if (!parse_expect(p, "\"")) return "";
    StrBuf out = {0};
    bool fine = true;
    while (fine && *p->at && *p->at != '"' && *p->at != '\n') {
        if (*p->at != '\\') {
            str_putc(&out, *p->at++);
            continue;
        }
        p->at++;
        fine = parse_escape(p, &out);
    }
    if (fine && *p->at != '"') parse_fail(p, "the string does not end");
    if (fine && *p->at == '"') p->at++;
    const char *text = arena_strdup(p->b.arena, str_text(&out));
    str_free(&out);
    return text;
}

int64_t parse_int(Parser *p, int64_t least, int64_t most) {
    parse_space(p);
    const char *start = p->at;
    char *end;
    if (!is_digit(*start) && !(*start == '-' && is_digit(start[1]))) {
        parse_fail(p, "expected a whole number");
        return least;
    }
    errno = 0;
    long long value = strtoll(start, &end, 10);
    if (errno || value < least || value > most) {
        parse_fail(p, "the number is out of range");
        return least;
    }
    p->at = end;
    return value;
}

Dim parse_dim(Parser *p) {
    parse_space(p);
    const char *text = p->at;
    DimContext *dims = p->b.program->module->dims;
    Dim d = p->failed ? 0 : dim_parse(dims, &text, true);
    if (!d) {
        parse_fail(p, "expected a dimension");
        return dim_int(dims, 0);
    }
    p->at = text;
    return d;
}

static LType parse_tile(Parser *p) {
    LType type = {0};
    parse_expect(p, "<");
    type.rows = (int)parse_int(p, 1, PARSE_LANES);
    parse_expect(p, "x");
    type.lanes = (int)parse_int(p, 1, PARSE_LANES);
    parse_expect(p, ",");
    type.dtype = parse_type(p).dtype;
    parse_expect(p, ">");
    return type;
}

LType parse_type(Parser *p) {
    size_t n;
    const char *word = parse_word(p, &n);
    LType type = {DT_f32, 1, 0};
    if (n == 4 && memcmp(word, "tile", 4) == 0) {
        p->at += 4;
        return parse_tile(p);
    }
    size_t name = n;
    const char *x = n ? memchr(word, 'x', n) : 0;
    if (x) name = (size_t)(x - word);
    char *text = arena_strndup(p->b.arena, word, name);
    if (n == 0 || !dtype_from_name(text, &type.dtype)) {
        parse_fail(p, "expected a type");
        return type;
    }
    p->at += name;
    if (x) {
        p->at++;
        type.lanes = (int)parse_int(p, 2, PARSE_LANES);
    }
    return type;
}

int parse_choice(Parser *p, const char *const *names, int count, const char *what) {
    size_t n;
    const char *word = parse_word(p, &n);
    int found = lname_find(names, count, word, n);
    if (found < 0) {
        parse_fail(p, "expected %s", what);
        return 0;
    }
    p->at += n;
    return found;
}
