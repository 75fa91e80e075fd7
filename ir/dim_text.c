/* Dimensions as text, both ways. */
#include "ir/dim_private.h"

#include <inttypes.h>
#include <string.h>

static const char *const atom_names[] = {
    [ATOM_FLOORDIV] = "floordiv", [ATOM_MOD] = "mod", [ATOM_MIN] = "min", [ATOM_MAX] = "max"};

/* ---- printing ---- */

static void print_factor(const DimContext *ctx, const DimFactor *f, StrBuf *out) {
    if (f->atom == ATOM_SYMBOL) {
        str_append(out, dim_symbol_name(ctx, f->symbol));
        return;
    }
    str_printf(out, "%s(", atom_names[f->atom]);
    dim_print(ctx, f->a, out);
    str_append(out, ", ");
    dim_print(ctx, f->b, out);
    str_putc(out, ')');
}

static void print_magnitude(const DimContext *ctx, const DimTerm *term, StrBuf *out) {
    int64_t magnitude = term->coefficient < 0 ? -term->coefficient : term->coefficient;
    bool any = magnitude != 1 || term->nfactors == 0;
    if (any) str_printf(out, "%" PRId64, magnitude);
    for (int i = 0; i < term->nfactors; i++) {
        for (int p = 0; p < term->factors[i].power; p++) {
            if (any) str_putc(out, '*');
            print_factor(ctx, &term->factors[i], out);
            any = true;
        }
    }
}

void dim_print(const DimContext *ctx, Dim d, StrBuf *out) {
    if (d->nterms == 0) str_putc(out, '0');
    for (int i = 0; i < d->nterms; i++) {
        bool negative = d->terms[i].coefficient < 0;
        str_append(out, i == 0 ? (negative ? "-" : "") : (negative ? " - " : " + "));
        print_magnitude(ctx, &d->terms[i], out);
    }
}

const char *dim_text(const DimContext *ctx, Arena *arena, Dim d) {
    StrBuf text = {0};
    dim_print(ctx, d, &text);
    const char *copy = arena_strdup(arena, str_text(&text));
    str_free(&text);
    return copy;
}

/* ---- parsing: sum = ["-"] product {("+" | "-") product}, product = factor {"*" factor} ------- */

enum { DEEPEST = 1024 }; /* no Dim within DIM_MAX_SIZE nests deeper */

typedef struct Parser {
    DimContext *ctx;
    const char *p;
    bool may_add;
    int depth;
} Parser;

static Dim parse_sum(Parser *parser);

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static const char *skip_blanks(const char *p) {
    while (*p == ' ' || *p == '\t') p++;
    return p;
}

/* Takes the character, and blanks before it, if it comes next; else takes nothing. "->" is no
 * minus. */
static bool take(Parser *parser, char c) {
    const char *p = skip_blanks(parser->p);
    if (*p != c || (c == '-' && p[1] == '>')) return false;
    parser->p = p + 1;
    return true;
}

static Dim parse_number(Parser *parser) {
    int64_t value = 0;
    for (; is_digit(*parser->p); parser->p++)
        if (!checked_mul(value, 10, &value) || !checked_add(value, *parser->p - '0', &value))
            return NULL;
    return is_letter(*parser->p) ? NULL : dim_int(parser->ctx, value);
}

/* What follows the name of an atom: "(" sum "," sum ")". */
static Dim parse_atom(Parser *parser, DimAtom atom) {
    if (!take(parser, '(')) return NULL;
    Dim a = parse_sum(parser);
    if (!a || !take(parser, ',')) return NULL;
    Dim b = parse_sum(parser);
    if (!b || !take(parser, ')')) return NULL;
    switch (atom) {
    case ATOM_FLOORDIV: return dim_floordiv(parser->ctx, a, b);
    case ATOM_MOD: return dim_mod(parser->ctx, a, b);
    case ATOM_MIN: return dim_min(parser->ctx, a, b);
    case ATOM_MAX: return dim_max(parser->ctx, a, b);
    case ATOM_SYMBOL: break;
    }
    unreachable();
}

static Dim parse_name(Parser *parser) {
    const char *begin = parser->p;
    while (is_letter(*parser->p) || is_digit(*parser->p)) parser->p++;
    const char *name = arena_strndup(parser->ctx->arena, begin, (size_t)(parser->p - begin));
    if (*skip_blanks(parser->p) == '(') {
        for (size_t i = ATOM_FLOORDIV; i < COUNT_OF(atom_names); i++)
            if (strcmp(name, atom_names[i]) == 0) return parse_atom(parser, (DimAtom)i);
        return NULL;
    }
    if (!parser->may_add && dim_symbol_find(parser->ctx, name) < 0) return NULL;
    return dim_symbol(parser->ctx, name);
}

static Dim parse_factor(Parser *parser) {
    parser->p = skip_blanks(parser->p);
    if (is_digit(*parser->p)) return parse_number(parser);
    if (is_letter(*parser->p)) return parse_name(parser);
    if (!take(parser, '(')) return NULL;
    Dim inner = parse_sum(parser);
    return inner && take(parser, ')') ? inner : NULL;
}

static Dim parse_product(Parser *parser) {
    Dim product = parse_factor(parser);
    while (product && take(parser, '*'))
        product = dim_mul(parser->ctx, product, parse_factor(parser));
    return product;
}

static Dim parse_sum(Parser *parser) {
    if (++parser->depth > DEEPEST) return NULL;
    bool negative = take(parser, '-');
    Dim sum = parse_product(parser);
    if (negative) sum = dim_scale(parser->ctx, sum, -1);
    while (sum) {
        if (take(parser, '+'))
            sum = dim_add(parser->ctx, sum, parse_product(parser));
        else if (take(parser, '-'))
            sum = dim_sub(parser->ctx, sum, parse_product(parser));
        else
            break;
    }
    parser->depth--;
    return sum;
}

Dim dim_parse(DimContext *ctx, const char **text, bool may_add) {
    Parser parser = {.ctx = ctx, .p = *text, .may_add = may_add};
    Dim d = parse_sum(&parser);
    *text = parser.p;
    return d;
}
