/* The functions behind the patterns of lexer.l. */
#include "frontend/lexer.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int lex_keyword(const char *text) {
    static const struct {
        const char *text;
        int token;
    } keywords[] = {
#define KEYWORD(text, token) {text, NN_##token},
#include "frontend/keywords.def"
#undef KEYWORD
    };
    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (strcmp(keywords[i].text, text) == 0) return keywords[i].token;
    return NN_NAME;
}

/* ---- numbers ---- */

int lex_int(Parser *p, NN_STYPE *value, Span span, const char *text) {
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    errno = 0;
    long long number = strtoll(hex ? text + 2 : text, NULL, hex ? 16 : 10);
    if (errno == ERANGE) {
        diag_error(p->diag, span, "integer too large: the greatest is %lld", (long long)INT64_MAX);
        number = 1;
    }
    value->i = number;
    return NN_INT;
}

int lex_float(Parser *p, NN_STYPE *value, Span span, const char *text) {
    value->f = strtod(text, NULL);
    if (isinf(value->f)) {
        diag_error(p->diag, span, "number too large: the greatest is about 1.8e308");
        value->f = 1;
    }
    return NN_FLOAT;
}

/* ---- brackets and newlines ---- */

static char innermost(const Parser *p) {
    return p->nbrackets > 0 ? p->brackets[p->nbrackets - 1].open : 0;
}

bool lex_newline(Parser *p, bool before_else) {
    if (innermost(p) == '(' || innermost(p) == '[') {
        p->newline_before = true;
        return false;
    }
    if (!before_else) return true;
    char after = p->text[p->offset + strlen("else")];
    bool longer = after == '_' || (after >= '0' && after <= '9') ||
                  (after >= 'a' && after <= 'z') || (after >= 'A' && after <= 'Z');
    return longer;
}

void lex_drop_brackets(Parser *p) {
    while (innermost(p) == '(' || innermost(p) == '[') p->unclosed = p->brackets[--p->nbrackets];
}

bool lex_open(Parser *p, char bracket, Span span) {
    p->unclosed.open = 0;
    if (bracket == '{') lex_drop_brackets(p); /* no `{` stands within others */
    if (p->nbrackets == MAX_OPEN_BRACKETS) {
        diag_error(p->diag, span, "brackets are nested more than %d deep", MAX_OPEN_BRACKETS);
        p->gave_up = true;
        return false;
    }
    p->brackets[p->nbrackets++] = (Bracket){bracket, span};
    return true;
}

void lex_close(Parser *p, char bracket) {
    char open = bracket == ')' ? '(' : bracket == ']' ? '[' : '{';
    p->unclosed.open = 0;
    if (open == '{') lex_drop_brackets(p);
    if (innermost(p) == open) p->nbrackets--;
}

/* ---- strings ---- */

bool lex_open_string(Parser *p, Span span) {
    if (p->nstrings == MAX_STRING_NESTING) {
        diag_error(p->diag, span, "strings are nested more than %d deep", MAX_STRING_NESTING);
        p->gave_up = true;
        return false;
    }
    p->strings[p->nstrings++] = (OpenString){.begin = span.begin, .interpolated = -1};
    p->piece.len = 0;
    return true;
}

bool lex_close_interpolation(Parser *p) {
    if (p->nstrings == 0) return false;
    OpenString *string = &p->strings[p->nstrings - 1];
    if (p->nbrackets > string->interpolated) {
        p->unclosed = p->brackets[string->interpolated];
        p->nbrackets = string->interpolated;
    }
    string->interpolated = -1;
    p->piece.len = 0;
    return true;
}

void lex_unclosed_string(Parser *p) {
    OpenString *string = &p->strings[p->nstrings - 1];
    Span span = {p->source, string->begin, string->begin + 1};
    diag_error(p->diag, span, "this string is never closed: '\"' expected before the line ends");
    if (string->interpolated >= 0 && p->nbrackets > string->interpolated)
        p->nbrackets = string->interpolated;
    p->nstrings = 0;
    p->piece.len = 0;
}

void lex_piece(Parser *p, Span span, const char *text, size_t length) {
    if (p->piece.len == 0) p->piece_begin = span.begin;
    str_append_n(&p->piece, text, length);
}

void lex_escape(Parser *p, Span span, char c) {
    static const char escapes[][2] = {{'n', '\n'},  {'t', '\t'}, {'"', '"'},
                                      {'\\', '\\'}, {'{', '{'},  {'}', '}'}};
    if (p->piece.len == 0) p->piece_begin = span.begin;
    for (size_t i = 0; i < COUNT_OF(escapes); i++) {
        if (escapes[i][0] != c) continue;
        str_putc(&p->piece, escapes[i][1]);
        return;
    }
    diag_error(p->diag, span, "unknown escape; known are \\n \\t \\\" \\\\ \\{ \\}");
}

int lex_string_piece(Parser *p, NN_STYPE *value, Span *span) {
    *span = (Span){p->source, p->piece_begin, p->offset};
    value->name = (Name){intern_n(p->names, p->piece.data, p->piece.len), *span};
    p->piece.len = 0;
    return NN_STRING_PIECE;
}

/* ---- what is no token ---- */

int lex_unexpected(Parser *p, Span span, const char *text) {
    static const char *const hints[][2] = {
        {";", "a newline ends a statement"},
        {"'", "strings stand in double quotes"},
        {"&&", "write 'and'"},
        {"&", "write 'and'"},
        {"||", "write 'or'"},
        {"|", "write 'or', or '|>' for a pipe"},
        {"!", "write 'not'"},
        {"^", "write '**' for a power"},
    };
    if (p->line_faulty) return LEX_ERROR;
    p->line_faulty = true;
    for (size_t i = 0; i < COUNT_OF(hints); i++) {
        if (strcmp(hints[i][0], text) != 0) continue;
        diag_error(p->diag, span, "unexpected '%s'; %s", text, hints[i][1]);
        return LEX_ERROR;
    }
    unsigned char c = (unsigned char)text[0];
    if (c < 0x20 || c == 0x7f)
        diag_error(p->diag, span, "unexpected control character 0x%02x", c);
    else
        diag_error(p->diag, span, "unexpected '%s'", text);
    return LEX_ERROR;
}
