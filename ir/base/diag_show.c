/* Sources, places in them, and the two lines that show a place:
 *
 *       3 |   x = relu(conv2d(a, 10, kernel=5))
 *         |                   ^~~~~~
 *
 * The source is shown as written, tabs included, with one '?' for each byte that a terminal would
 * not show as a character. The line of marks repeats the tabs, so that both lines move to the same
 * columns. */
#include "ir/base/diag_show.h"

#include <stdio.h>

enum { WINDOW = 160 }; /* bytes of a line shown at most */

struct Source {
    const char *name, *text;
    size_t length;
    VEC(uint32_t) line_starts; /* offset of the first byte of each line */
};

const Source *source_create(Arena *arena, const char *name, const char *text, size_t length) {
    require(length < UINT32_MAX);
    Source *source = arena_new(arena, Source);
    source->name = arena_strdup(arena, name);
    source->text = arena_strndup(arena, text, length);
    source->length = length;
    vec_push(arena, &source->line_starts, 0);
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\n') vec_push(arena, &source->line_starts, (uint32_t)(i + 1));
    return source;
}

const char *source_name(const Source *source) {
    return source->name;
}

const char *source_text(const Source *source, size_t *length) {
    if (length) *length = source->length;
    return source->text;
}

/* Index of the line that holds the offset; one past the text is on the last line. */
static size_t line_index(const Source *source, size_t offset) {
    size_t low = 0, high = source->line_starts.len;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (source->line_starts.data[middle] <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static size_t clamped_begin(Span span) {
    return span.begin < span.source->length ? span.begin : span.source->length;
}

int span_line(Span span) {
    return span.source ? (int)line_index(span.source, clamped_begin(span)) + 1 : 0;
}

int span_column(Span span) {
    if (!span.source) return 0;
    size_t begin = clamped_begin(span);
    return (int)(begin - span.source->line_starts.data[line_index(span.source, begin)]) + 1;
}

Span span_join(Span a, Span b) {
    if (!a.source) return b;
    if (a.source != b.source) return a;
    if (b.begin < a.begin) a.begin = b.begin;
    if (b.end > a.end) a.end = b.end;
    return a;
}

/* ---- characters ---- */

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Bytes of the character at text, or 0 where it is none that may be shown: a control character (C0,
 * DEL, C1) or not well-formed UTF-8. */
static size_t shown_character(const char *text, size_t available) {
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80) return p[0] >= 0x20 && p[0] != 0x7F;
    size_t bytes = p[0] >= 0xC2 && p[0] < 0xE0 ? 2 : (p[0] & 0xF0) == 0xE0 ? 3 : 0;
    if (p[0] >= 0xF0 && p[0] <= 0xF4) bytes = 4;
    if (bytes == 0 || bytes > available) return 0;
    for (size_t i = 1; i < bytes; i++)
        if (!is_continuation(text[i])) return 0;
    if (p[0] == 0xC2 && p[1] < 0xA0) return 0;  /* C1 controls */
    if (p[0] == 0xE0 && p[1] < 0xA0) return 0;  /* longer than needed */
    if (p[0] == 0xED && p[1] >= 0xA0) return 0; /* surrogates */
    if (p[0] == 0xF0 && p[1] < 0x90) return 0;  /* longer than needed */
    if (p[0] == 0xF4 && p[1] >= 0x90) return 0; /* beyond U+10FFFF */
    return bytes;
}

void append_printable(StrBuf *out, const char *text, size_t length) {
    for (size_t i = 0; i < length;) {
        size_t bytes = shown_character(text + i, length - i);
        if (bytes == 0 && (text[i] == '\n' || text[i] == '\t')) bytes = 1;
        if (bytes)
            str_append_n(out, text + i, bytes);
        else
            str_putc(out, '?');
        i += bytes ? bytes : 1;
    }
}

/* ---- the marked line ---- */

/* The part [begin, end) of the text that is shown; cut_* say that the line goes on there. */
typedef struct View {
    size_t begin, end;
    bool cut_before, cut_after;
} View;

static View line_bounds(const Source *source, size_t offset) {
    size_t line = line_index(source, offset);
    View view = {.begin = source->line_starts.data[line], .end = source->length};
    if (line + 1 < source->line_starts.len) view.end = source->line_starts.data[line + 1] - 1;
    if (view.end > view.begin && source->text[view.end - 1] == '\r') view.end--;
    return view;
}

/* Narrows a long line to a window around the marks, with a quarter of it before them; ends fall
 * between characters. */
static View choose_view(const Source *source, size_t mark) {
    View line = line_bounds(source, mark), view = line;
    if (line.end - line.begin <= WINDOW) return view;
    if (mark - line.begin > WINDOW / 2) view.begin = mark - WINDOW / 4;
    if (view.begin + WINDOW > line.end) view.begin = line.end - WINDOW;
    for (int i = 0; i < 3 && view.begin < mark && is_continuation(source->text[view.begin]); i++)
        view.begin++;
    if (line.end - view.begin > WINDOW) view.end = view.begin + WINDOW;
    for (int i = 0; i < 3 && view.end < line.end && is_continuation(source->text[view.end]); i++)
        view.end--;
    view.cut_before = view.begin > line.begin;
    view.cut_after = view.end < line.end;
    return view;
}

/* Blanks as wide as the text shown for [begin, end). */
static void append_blanks(StrBuf *out, const char *text, size_t begin, size_t end, size_t limit) {
    for (size_t i = begin; i < end;) {
        size_t bytes = shown_character(text + i, limit - i);
        str_putc(out, text[i] == '\t' ? '\t' : ' ');
        i += bytes ? bytes : 1;
    }
}

static void append_marks(StrBuf *out, const char *text, size_t begin, size_t end, size_t limit) {
    str_putc(out, '^');
    if (begin >= end) return;
    size_t first = shown_character(text + begin, limit - begin);
    for (size_t i = begin + (first ? first : 1); i < end;) {
        size_t bytes = shown_character(text + i, limit - i);
        str_putc(out, '~');
        i += bytes ? bytes : 1;
    }
}

/* No word stands in blanks: the text of a place that a dump names is not known, only its lines. */
static bool is_blank(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] != ' ') return false;
    }
    return length > 0;
}

void append_marked_line(StrBuf *out, Span span) {
    static const char ellipsis[] = "...";
    const Source *source = span.source;
    size_t begin = clamped_begin(span), end = span.end;
    View view = choose_view(source, begin);
    if (begin > view.end) begin = view.end; /* at the end of a line "\r\n" */
    if (end > view.end) end = view.end;

    if (is_blank(source->text + view.begin, view.end - view.begin) && end > begin) return;
    int width = snprintf(NULL, 0, "%6d", span_line(span));
    str_printf(out, "%*d | %s", width, span_line(span), view.cut_before ? ellipsis : "");
    append_printable(out, source->text + view.begin, view.end - view.begin);
    str_printf(out, "%s\n", view.cut_after ? ellipsis : "");

    str_printf(out, "%*s | %s", width, "", view.cut_before ? "   " : "");
    append_blanks(out, source->text, view.begin, begin, view.end);
    append_marks(out, source->text, begin, end, view.end);
    str_putc(out, '\n');
}
