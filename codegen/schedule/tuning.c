/* The tuning file: text and table. */
#include "codegen/schedule/tuning.h"

#include <stdlib.h>
#include <string.h>

#include "ir/loop/name_table.h"

const char *tuning_machine(Arena *arena, const TargetDesc *t) {
    StrBuf text = {0};
    str_append(&text, t->name ? t->name : "unknown");
    str_printf(&text, " %d-bit x%d fma %d", t->vector_bits, t->vector_registers, t->fma_ports);
    if (t->group_items > 0)
        str_printf(&text, " groups %d of %d, local %lld", t->group_items, t->group_width,
                   (long long)t->local_bytes);
    if (t->streams) str_printf(&text, " streams %lld", (long long)t->task_cycles);
    const char *copy = arena_strdup(arena, str_text(&text));
    str_free(&text);
    return copy;
}

/* ---- the table ------------------------------------------------------------------------------- */

Tuning *tuning_create(Arena *arena, const char *compiler, const char *machine, int64_t threads) {
    Tuning *t = arena_new(arena, Tuning);
    t->arena = arena;
    t->compiler = compiler;
    t->machine = machine;
    t->threads = threads;
    t->names = name_table_create(arena);
    return t;
}

/* A key's position + 1 is kept in its entry; 0: new. */
static TunedPlan *slot(Tuning *t, const char *key, bool *is_new) {
    NameEntry *entry = name_entry(t->names, key);
    *is_new = entry->taken == 0;
    if (*is_new) {
        TunedPlan plan = {.key = entry->name};
        vec_push(t->arena, &t->plans, plan);
        require(t->plans.len < INT32_MAX);
        entry->taken = (int)t->plans.len;
        entry->object = t;
    }
    return &t->plans.data[entry->taken - 1];
}

TunedPlan *tuning_find(const Tuning *t, const char *key) {
    if (!name_table_find(t->names, key)) return NULL;
    return &t->plans.data[name_entry(t->names, key)->taken - 1];
}

void tuning_set(Tuning *t, const char *key, const char *plan, const char *comment) {
    bool is_new;
    TunedPlan *p = slot(t, key, &is_new);
    p->plan = arena_strdup(t->arena, plan);
    p->comment = arena_strdup(t->arena, comment);
}

/* ---- text ------------------------------------------------------------------------------------ */

static const char arrow[] = " -> ";

void tuning_print(const Tuning *t, StrBuf *out) {
    str_printf(out, "nnc-tune %d\nnnc %s\nmachine %s\nthreads %lld\n", TUNING_VERSION, t->compiler,
               t->machine, (long long)t->threads);
    for (size_t i = 0; i < t->plans.len; i++) {
        const TunedPlan *p = &t->plans.data[i];
        str_printf(out, "%s%s%s", p->key, arrow, p->plan);
        if (*p->comment) str_printf(out, "  # %s", p->comment);
        str_putc(out, '\n');
    }
}

typedef struct Reader {
    Tuning *tuning;
    const Source *source;
    const char *text;
    size_t length, at;
    Diag *diag;
    int headers; /* read so far */
} Reader;

static bool fault(const Reader *r, Span span, const char *what) {
    diag_error(r->diag, span, "%s", what);
    return false;
}

static bool read_version(Reader *r, Span span, const char *value) {
    if (strcmp(value, "1") == 0) return true;
    diag_error(r->diag, span, "this nnc reads tuning files of version %d", TUNING_VERSION);
    return false;
}

static bool read_compiler(Reader *r, Span span, const char *value) {
    (void)span;
    r->tuning->compiler = value;
    return true;
}

static bool read_machine(Reader *r, Span span, const char *value) {
    (void)span;
    r->tuning->machine = value;
    return true;
}

static bool read_threads(Reader *r, Span span, const char *value) {
    char *end;
    long threads = strtol(value, &end, 10);
    if (*end || end == value || threads < 1 || threads > 1000000)
        return fault(r, span, "'threads' takes a whole number from 1 to 1000000");
    r->tuning->threads = threads;
    return true;
}

static const struct {
    const char *name;
    bool (*read)(Reader *r, Span span, const char *value);
} headers[] = {{"nnc-tune ", read_version},
               {"nnc ", read_compiler},
               {"machine ", read_machine},
               {"threads ", read_threads}};

static bool read_header(Reader *r, Span span, const char *line) {
    size_t length = strlen(headers[r->headers].name);
    if (strncmp(line, headers[r->headers].name, length) != 0) {
        if (r->headers == 0) return fault(r, span, "this is no tuning file: 'nnc-tune 1' expected");
        diag_error(r->diag, span, "'%s...' expected", headers[r->headers].name);
        return false;
    }
    return headers[r->headers++].read(r, span, line + length);
}

static void cut_blanks(char *text) {
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ') text[--length] = 0;
}

/* line is changed: its parts become texts of their own. */
static bool read_plan(Reader *r, Span span, char *line) {
    bool is_new;
    char *hash = strchr(line, '#');
    const char *comment = "";
    if (hash) {
        *hash = 0;
        comment = hash + 1 + strspn(hash + 1, " ");
    }
    cut_blanks(line);
    char *middle = strstr(line, arrow);
    if (!middle || middle == line || !middle[sizeof arrow - 1])
        return fault(r, span, "'CONTRACTION -> PLAN' expected");
    *middle = 0;
    TunedPlan *p = slot(r->tuning, line, &is_new);
    if (!is_new) {
        diag_error(r->diag, span, "a second plan for the contraction of line %d",
                   span_line(p->span));
        return false;
    }
    p->plan = middle + sizeof arrow - 1;
    p->comment = comment;
    p->span = span;
    return true;
}

static bool is_plain(const char *line, size_t length) {
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)line[i] < ' ' || (unsigned char)line[i] > '~') return false;
    return true;
}

static bool read_line(Reader *r) {
    enum { MOST_LINE = 65536 };
    const char *start = r->text + r->at;
    const char *newline = memchr(start, '\n', r->length - r->at);
    size_t length = newline ? (size_t)(newline - start) : r->length - r->at;
    Span span = {r->source, (uint32_t)r->at, (uint32_t)(r->at + length)};
    r->at += length + (newline != NULL);
    while (length > 0 && (start[length - 1] == '\r' || start[length - 1] == ' ')) length--;
    if (length == 0 || start[0] == '#') return true;
    span.end = span.begin + (uint32_t)(length < 60 ? length : 60);
    if (length > MOST_LINE) return fault(r, span, "the line is too long");
    if (!is_plain(start, length)) return fault(r, span, "the line has characters that are no text");
    char *line = arena_strndup(r->tuning->arena, start, length);
    return r->headers < (int)COUNT_OF(headers) ? read_header(r, span, line)
                                               : read_plan(r, span, line);
}

Tuning *tuning_parse(Arena *arena, const Source *source, Diag *diag) {
    Reader r = {.tuning = tuning_create(arena, "", "", 1), .source = source, .diag = diag};
    r.text = source_text(source, &r.length);
    require(r.length <= UINT32_MAX);
    while (r.at < r.length)
        if (!read_line(&r)) return NULL;
    if (r.headers == (int)COUNT_OF(headers)) return r.tuning;
    Span end = {source, (uint32_t)r.length, (uint32_t)r.length};
    diag_error(diag, end, "the file ends before '%s...'", headers[r.headers].name);
    return NULL;
}
