/* Private to the diagnostics: sources with their line starts, and how a marked line is shown. */
#ifndef NNC_IR_BASE_DIAG_SHOW_H
#define NNC_IR_BASE_DIAG_SHOW_H

#include "ir/base/diag.h"

/* length must fit the offsets of a Span. */
const Source *source_create(Arena *arena, const char *name, const char *text, size_t length);

/* Text that cannot disturb a terminal: control characters and bytes that are not UTF-8 become '?';
 * newline and tab stay. */
void append_printable(StrBuf *out, const char *text, size_t length);

/* The first line of the span and below it the marks, each with its gutter. */
void append_marked_line(StrBuf *out, Span span);

#endif
