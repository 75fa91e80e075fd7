/* What is said about a token that does not fit: what was found, what could have stood there, and
 * which bracket is still open. */
#include "frontend/lexer.h"

#include <string.h>

enum { MAX_LISTED = 4 };

static bool contains(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static bool is_one_of(const char *name, const char *const *set) {
    for (; *set; set++)
        if (strcmp(*set, name) == 0) return true;
    return false;
}

/* Tokens that continue any expression: naming them all would say nothing. */
static const char *const operators[] = {
    "'+'",  "'-'", "'*'",  "'/'",   "'//'", "'%'",  "'**'", "'<<'", "'>>'", "'=='", "'!='", "'<'",
    "'<='", "'>'", "'>='", "'and'", "'or'", "'|>'", "'if'", "'.'",  "'..'", "'('",  "'['",  NULL};
static const char *const comparisons[] = {"'=='", "'!='", "'<'", "'<='", "'>'", "'>='", NULL};
/* Groups of tokens that are named as one, recognized by their first. */
static const struct Group {
    const char *what;
    const char *members[24];
} groups[] = {
    {"a statement",
     {"'repeat'", "'if'", "'return'", "'@'", "'param'", "'const'", "end of line", "a name",
      "a number", "a float", "a string", "'true'", "'false'", "'not'", "'-'", "'('", "'['"}},
    {"'network', 'block' or 'import'",
     {"'network'", "'block'", "'import'", "end of line", "end of file"}},
    {"an expression",
     {"a number", "a name", "a float", "a string", "'true'", "'false'", "'not'", "'-'", "'('",
      "'['", "'const'", "'param'"}},
};

/* The expected tokens in few words, in kinds[]; returns how many. */
static int summarize(const char *const *expected, int nexpected, const char **words) {
    int count = 0;
    bool dropped[256] = {false};
    for (size_t g = 0; g < COUNT_OF(groups); g++) {
        bool present = false;
        for (int i = 0; i < nexpected; i++)
            if (!dropped[i] && strcmp(expected[i], groups[g].members[0]) == 0) present = true;
        if (!present) continue;
        words[count++] = groups[g].what;
        for (int i = 0; i < nexpected; i++)
            if (is_one_of(expected[i], groups[g].members)) dropped[i] = true;
    }
    bool after_expression = contains(expected, nexpected, "'|>'");
    for (int i = 0; i < nexpected; i++)
        if (!dropped[i] && !(after_expression && is_one_of(expected[i], operators)))
            words[count++] = expected[i];
    return count;
}

static const char *expected_text(Parser *p, const char *const *expected, int nexpected) {
    const char *words[256 + COUNT_OF(groups)];
    int count = summarize(expected, nexpected < 256 ? nexpected : 256, words);
    if (count == 0 || count > MAX_LISTED) return "";
    StrBuf text = {0};
    str_append(&text, "; expected ");
    for (int i = 0; i < count; i++) {
        if (i > 0) str_append(&text, i == count - 1 ? " or " : ", ");
        str_append(&text, words[i]);
    }
    const char *result = arena_strdup(p->arena, str_text(&text));
    str_free(&text);
    return result;
}

/* Tokens that are named by their text. */
static const char *const literals[] = {"a name", "a number", "a float", NULL};

static const char *found_text(Parser *p, Span span, const char *found) {
    if (!is_one_of(found, literals)) return found;
    return arena_printf(p->arena, "'%.*s'", (int)(span.end - span.begin), p->text + span.begin);
}

/* A header inside a body: the body's `}` is missing, and what follows would only be misread. */
static bool report_missing_brace(Parser *p, Span span, const char *found) {
    static const char *const headers[] = {"'network'", "'block'", "'import'", "end of file", NULL};
    const Bracket *open = NULL;
    for (int i = 0; i < p->nbrackets; i++)
        if (p->brackets[i].open == '{') open = &p->brackets[i];
    if (!open || !is_one_of(found, headers)) return false;
    diag_error(p->diag, span, "unexpected %s inside a body; expected '}'", found);
    diag_note(p->diag, open->span, "the body begins here");
    p->gave_up = true;
    return true;
}

static const char *keyword_near(const char *name) {
    static const char *const headers[] = {"network", "block", "import"};
    return diag_suggest(name, headers, COUNT_OF(headers));
}

static void note_open_bracket(Parser *p, const char *const *expected, int nexpected) {
    const Bracket *open = p->unclosed.open ? &p->unclosed : NULL;
    if (!open && p->nbrackets > 0) open = &p->brackets[p->nbrackets - 1];
    if (!open || open->open == '{') return;
    const char *closer = open->open == '(' ? "')'" : "']'";
    if (contains(expected, nexpected, closer))
        diag_note(p->diag, open->span, "the '%c' that is open", open->open);
}

void parse_unexpected(Parser *p, Span span, const char *found, const char *const *expected,
                      int nexpected) {
    if (p->gave_up) return;
    /* A line that begins anew is no continuation of the call that was left open. */
    if (p->newline_before) lex_drop_brackets(p);
    if (!contains(expected, nexpected, "'network'") && report_missing_brace(p, span, found)) return;
    const char *what = found_text(p, span, found);
    diag_error(p->diag, span, "unexpected %s%s", what, expected_text(p, expected, nexpected));
    if (contains(expected, nexpected, "'network'") && strcmp(found, "a name") == 0) {
        const char *near =
            keyword_near(arena_strndup(p->arena, p->text + span.begin, span.end - span.begin));
        if (near) diag_note(p->diag, span, "did you mean '%s'?", near);
    } else if (strcmp(found, "'='") == 0 && contains(expected, nexpected, "'=='")) {
        diag_note(p->diag, span, "'==' compares");
    } else if (is_one_of(found, comparisons) && contains(expected, nexpected, "'*'")) {
        diag_note(p->diag, span, "comparisons do not chain; join them with 'and'");
    } else if (is_one_of(found, operators) && contains(expected, nexpected, "'|>'") &&
               !contains(expected, nexpected, "'*'")) {
        diag_note(p->diag, span,
                  "a pipe binds loosest of all; put it in brackets, or bind its result to a name");
    } else if (contains(expected, nexpected, "'['") && nexpected == 1) {
        diag_note(p->diag, span, "a type is an element type and its dimensions; a scalar is f32[]");
    }
    note_open_bracket(p, expected, nexpected);
}
