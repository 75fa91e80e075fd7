/* Provenance in dumps: `# layer1.0.conv1 net.nn:5:11-5:40`.
 *
 * A span is a range of bytes of a source, but a dump only has lines and columns. So for each file
 * that is named, a source is made whose text is blank, with lines just long enough for every
 * position: what is printed from it, in dumps and diagnostics, is what was read. */
#include <string.h>

#include "ir/graph_scan.h"
#include "ir/graph_text.h"

enum { MAX_FILES = 4096, MAX_LINES = 4000000, MAX_TEXT = 1 << 26 };

static bool is_line_end(char c) {
    return c == '\n' || c == '\0';
}

static void skip_within_line(Scanner *s) {
    s->p += strspn(s->p, " \t\r");
}

bool scan_at_place(Scanner *s) {
    scan_blanks(s);
    return *s->p == '#';
}

/* A quoted or bare word; null without a fault where none begins here. */
static const char *scan_word(Scanner *s) {
    skip_within_line(s);
    if (*s->p == '"') return scan_string(s, "a path");
    if (*s->p == '/') return NULL; /* apart from other places */
    size_t length = 0;
    while (text_is_path_char(s->p[length])) length++;
    if (length == 0) return NULL;
    const char *word = intern_n(s->module->names, s->p, length);
    s->p += length;
    return word;
}

/* ":" number, at least 1 */
static bool scan_position(Scanner *s, char mark, uint32_t *number) {
    const char *at = s->p;
    if (*s->p++ != mark) return scan_fail(s, at, "expected '%c' in a position", mark);
    *number = 0;
    for (; *s->p >= '0' && *s->p <= '9'; s->p++) {
        *number = *number * 10 + (uint32_t)(*s->p - '0');
        if (*number > MAX_TEXT) return scan_fail(s, at, "this position is out of range");
    }
    return *number > 0 || scan_fail(s, at, "lines and columns count from 1");
}

static bool scan_span(Scanner *s, const char *file, Place *place) {
    place->file = -1;
    for (size_t i = 0; i < s->files.len && place->file < 0; i++) {
        if (s->files.data[i].name == file) place->file = (int)i;
    }
    if (place->file < 0) {
        if (s->files.len == MAX_FILES) return scan_fail(s, s->p, "too many source files");
        place->file = (int)s->files.len;
        vec_push(s->arena, &s->files, (PlaceFile){.name = file});
    }
    if (!scan_position(s, ':', &place->line) || !scan_position(s, ':', &place->column) ||
        !scan_position(s, '-', &place->end_line) || !scan_position(s, ':', &place->end_column)) {
        return false;
    }
    bool ordered = place->end_line > place->line ||
                   (place->end_line == place->line && place->end_column >= place->column);
    return ordered || scan_fail(s, place->at, "this position ends before it begins");
}

static bool scan_place(Scanner *s, Place *place) {
    skip_within_line(s);
    *place = (Place){.file = -1, .at = s->p};
    const char *word = scan_word(s);
    if (word && *s->p != ':') {
        place->path = word;
        word = scan_word(s);
        if (word && *s->p != ':') return scan_fail(s, s->p, "expected a position after this file");
    }
    return !s->failed && (!word || scan_span(s, word, place));
}

bool scan_places(Scanner *s, Place *first, int limit, Place *rest, int *count) {
    *count = 0;
    require(*s->p == '#');
    s->p++;
    if (!scan_place(s, first)) return false;
    skip_within_line(s);
    while (*s->p == '/') {
        if (*count == limit) return scan_fail(s, s->p, "more places than results");
        s->p++;
        if (!scan_place(s, &rest[(*count)++])) return false;
        skip_within_line(s);
    }
    return is_line_end(*s->p) || scan_fail(s, s->p, "expected the end of the line after a place");
}

void place_record(Scanner *s, const Place *place, Span *target) {
    if (place->file >= 0) vec_push(s->arena, &s->spans, (PendingSpan){target, *place});
}

/* ---- resolution ------------------------------------------------------------------------------ */

static void widen(PlaceFile *file, uint32_t line, uint32_t column) {
    uint32_t *width = &file->widths[line - 1];
    if (column - 1 > *width) *width = column - 1;
}

/* How many lines each file has, and how wide each is. */
static bool measure_files(Scanner *s) {
    uint64_t lines = 0;
    for (size_t i = 0; i < s->spans.len; i++) {
        const Place *place = &s->spans.data[i].place;
        PlaceFile *file = &s->files.data[place->file];
        if (place->end_line <= file->lines) continue;
        lines += place->end_line - file->lines;
        file->lines = place->end_line;
        if (lines > MAX_LINES) return scan_fail(s, place->at, "this position is out of range");
    }
    for (size_t i = 0; i < s->files.len; i++) {
        s->files.data[i].widths = arena_array(s->arena, uint32_t, s->files.data[i].lines);
    }
    for (size_t i = 0; i < s->spans.len; i++) {
        const Place *place = &s->spans.data[i].place;
        widen(&s->files.data[place->file], place->line, place->column);
        widen(&s->files.data[place->file], place->end_line, place->end_column);
    }
    return true;
}

/* Turns widths into offsets of the lines' starts; returns the length of the text. */
static uint64_t place_lines(PlaceFile *file) {
    uint64_t offset = 0;
    for (uint32_t i = 0; i < file->lines && offset <= MAX_TEXT; i++) {
        uint32_t width = file->widths[i];
        file->widths[i] = (uint32_t)offset;
        offset += (uint64_t)width + 1;
    }
    return offset;
}

bool places_resolve(Scanner *s) {
    if (!measure_files(s)) return false;
    const Source **sources = arena_array(s->arena, const Source *, s->files.len);
    uint64_t total = 0;
    for (size_t i = 0; i < s->files.len; i++) {
        PlaceFile *file = &s->files.data[i];
        uint64_t length = place_lines(file);
        total += length;
        if (total > MAX_TEXT)
            return scan_fail(s, s->begin, "positions in sources are out of range");
        char *text = arena_alloc(s->arena, length + 1);
        memset(text, ' ', length);
        for (uint32_t k = 1; k < file->lines; k++) text[file->widths[k] - 1] = '\n';
        sources[i] = diag_add_source(s->diag, file->name, text, length);
    }
    for (size_t i = 0; i < s->spans.len; i++) {
        const Place *place = &s->spans.data[i].place;
        const uint32_t *starts = s->files.data[place->file].widths;
        *s->spans.data[i].target =
            (Span){.source = sources[place->file],
                   .begin = starts[place->line - 1] + place->column - 1,
                   .end = starts[place->end_line - 1] + place->end_column - 1};
    }
    return true;
}
