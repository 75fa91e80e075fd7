/* Diagnostics: everything nnc tells a user about faults in the user's input.
 *
 *   net.nn:3:18: error: 'conv2d' expects a rank-4 input, found f32[N,64]
 *       3 |   x = relu(conv2d(a, 10, kernel=5))
 *         |                   ^
 *   note: ...
 *
 * A Span names a place in one source; a source is a file or any text with a name. Errors are
 * counted; the driver stops between stages when any was counted. After DIAG_MAX_ERRORS errors
 * diag_full() tells stages to give up. */
#ifndef NNC_IR_BASE_DIAG_H
#define NNC_IR_BASE_DIAG_H

#include "ir/base/base.h"

enum { DIAG_MAX_ERRORS = 20 };

typedef struct Source Source; /* owned by the Diag's arena */

/* Half-open range of bytes within one source; source null: no place is known. Lines and columns
 * count from 1, columns in bytes. */
typedef struct Span {
    const Source *source;
    uint32_t begin, end;
} Span;

typedef enum Severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE } Severity;

typedef struct Diag Diag;

/* Messages are gathered as text; with echo they also go to that stream as they come (null: not). */
Diag *diag_create(Arena *arena, void *echo_FILE);
/* Registers a source; text is copied. name as the user knows it. */
const Source *diag_add_source(Diag *diag, const char *name, const char *text, size_t length);
const char *source_name(const Source *source);
const char *source_text(const Source *source, size_t *length);
int span_line(Span span);   /* 0 where unknown */
int span_column(Span span); /* 0 where unknown */
Span span_join(Span a, Span b);

void diag_error(Diag *diag, Span span, const char *format, ...) PRINTF_LIKE(3, 4);
void diag_warning(Diag *diag, Span span, const char *format, ...) PRINTF_LIKE(3, 4);
/* A note belongs to the message before it; dropped if that one was dropped. */
void diag_note(Diag *diag, Span span, const char *format, ...) PRINTF_LIKE(3, 4);

/* While the context function is set, it is called after each error to add notes (the chain
 * of block calls). */
void diag_set_context(Diag *diag, void (*add_notes)(Diag *, void *), void *data);

int diag_error_count(const Diag *diag);
int diag_warning_count(const Diag *diag);
bool diag_full(const Diag *diag);
const char *diag_text(const Diag *diag); /* everything said so far */

/* The candidate nearest to name, or null if none is near enough to propose. */
const char *diag_suggest(const char *name, const char *const *candidates, size_t count);

#endif
