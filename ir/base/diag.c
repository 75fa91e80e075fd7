/* Diagnostics: counting, dropping repeats, and wording of messages. How a source line is shown:
 * diag_show.c. */
#include "ir/base/diag.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "ir/base/diag_show.h"

/* One message already reported, to recognize its repetition. */
typedef struct Said {
    uint64_t hash;
    Severity severity;
    Span span;
    const char *text;
} Said;

struct Diag {
    Arena *arena;
    FILE *echo;
    StrBuf text;
    VEC(Said) said;
    int errors, warnings;
    bool last_shown;    /* the last error or warning was: its notes are too */
    bool overflow_told; /* "too many errors" was */
    bool in_context;
    void (*add_notes)(Diag *, void *);
    void *add_notes_data;
};

static void release_text(void *diag) {
    str_free(&((Diag *)diag)->text);
}

Diag *diag_create(Arena *arena, void *echo_FILE) {
    Diag *diag = arena_new(arena, Diag);
    *diag = (Diag){.arena = arena, .echo = echo_FILE};
    arena_on_destroy(arena, release_text, diag);
    return diag;
}

const Source *diag_add_source(Diag *diag, const char *name, const char *text, size_t length) {
    return source_create(diag->arena, name, text, length);
}

static bool same_span(Span a, Span b) {
    return a.source == b.source && a.begin == b.begin && a.end == b.end;
}

/* Whether this very message was reported before; if not, remembers it. */
static bool said_before(Diag *diag, Severity severity, Span span, const char *text) {
    uint64_t hash = hash_bytes(text, strlen(text), ((uint64_t)span.begin << 32) | span.end);
    for (size_t i = 0; i < diag->said.len; i++) {
        const Said *s = &diag->said.data[i];
        if (s->hash == hash && s->severity == severity && same_span(s->span, span) &&
            strcmp(s->text, text) == 0)
            return true;
    }
    Said said = {hash, severity, span, arena_strdup(diag->arena, text)};
    vec_push(diag->arena, &diag->said, said);
    return false;
}

/* Everything appended to the text since start also goes to the echo stream. */
static void echo_from(Diag *diag, size_t start) {
    if (!diag->echo) return;
    fwrite(diag->text.data + start, 1, diag->text.len - start, diag->echo);
    fflush(diag->echo);
}

static void report(Diag *diag, Severity severity, Span span, const char *text) {
    static const char *const severity_names[] = {
        [SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning", [SEVERITY_NOTE] = "note"};
    size_t start = diag->text.len;
    if (span.source) {
        append_printable(&diag->text, source_name(span.source), strlen(source_name(span.source)));
        str_printf(&diag->text, ":%d:%d: ", span_line(span), span_column(span));
    } else if (severity != SEVERITY_NOTE) {
        str_append(&diag->text, "nnc: ");
    }
    str_printf(&diag->text, "%s: ", severity_names[severity]);
    append_printable(&diag->text, text, strlen(text));
    str_putc(&diag->text, '\n');
    if (span.source) append_marked_line(&diag->text, span);
    echo_from(diag, start);
}

static void call_context(Diag *diag) {
    if (!diag->add_notes || diag->in_context) return;
    diag->in_context = true;
    diag->add_notes(diag, diag->add_notes_data);
    diag->in_context = false;
}

void diag_error(Diag *diag, Span span, const char *format, ...) {
    StrBuf message = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&message, format, args);
    va_end(args);
    diag->last_shown = false;
    if (diag->errors == DIAG_MAX_ERRORS) {
        Span nowhere = {0};
        if (!diag->overflow_told) report(diag, SEVERITY_ERROR, nowhere, "too many errors");
        diag->overflow_told = true;
    } else if (!said_before(diag, SEVERITY_ERROR, span, str_text(&message))) {
        diag->errors++;
        diag->last_shown = true;
        report(diag, SEVERITY_ERROR, span, str_text(&message));
        call_context(diag);
    }
    str_free(&message);
}

void diag_warning(Diag *diag, Span span, const char *format, ...) {
    StrBuf message = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&message, format, args);
    va_end(args);
    diag->last_shown =
        !diag->overflow_told && !said_before(diag, SEVERITY_WARNING, span, str_text(&message));
    if (diag->last_shown) {
        diag->warnings++;
        report(diag, SEVERITY_WARNING, span, str_text(&message));
    }
    str_free(&message);
}

void diag_note(Diag *diag, Span span, const char *format, ...) {
    if (!diag->last_shown) return;
    StrBuf message = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&message, format, args);
    va_end(args);
    report(diag, SEVERITY_NOTE, span, str_text(&message));
    str_free(&message);
}

void diag_set_context(Diag *diag, void (*add_notes)(Diag *, void *), void *data) {
    diag->add_notes = add_notes;
    diag->add_notes_data = data;
}

int diag_error_count(const Diag *diag) {
    return diag->errors;
}
int diag_warning_count(const Diag *diag) {
    return diag->warnings;
}
bool diag_full(const Diag *diag) {
    return diag->errors >= DIAG_MAX_ERRORS;
}
const char *diag_text(const Diag *diag) {
    return str_text(&diag->text);
}

const char *diag_suggest(const char *name, const char *const *candidates, size_t count) {
    /* A third of the name may differ; a name of which nothing is left is no near one. */
    int length = (int)strnlen(name, 1000);
    int best_distance = (length + 2) / 3 + 1;
    if (best_distance > length) best_distance = length;
    const char *best = NULL;
    for (size_t i = 0; i < count; i++) {
        int distance = strcasecmp(name, candidates[i]) == 0 ? strcmp(name, candidates[i]) != 0
                                                            : edit_distance(name, candidates[i]);
        if (distance >= best_distance) continue;
        best_distance = distance;
        best = candidates[i];
    }
    return best;
}
