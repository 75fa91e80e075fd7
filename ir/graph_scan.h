/* The scanner beneath graph_parse: characters to names, numbers, types and attributes of a dump.
 * Internal to ir/.
 *
 * Every function that returns bool or a pointer reports the fault itself (one per dump, the first)
 * and returns false or null; the caller only passes that on. */
#ifndef NNC_IR_GRAPH_SCAN_H
#define NNC_IR_GRAPH_SCAN_H

#include "ir/graph.h"

/* A file that positions refer to; its text is not known, only how long its lines are at least. */
typedef struct PlaceFile {
    const char *name;
    uint32_t lines;
    uint32_t *widths; /* by line - 1 */
} PlaceFile;

/* One `path file:1:2-3:4`; path null: not given, file -1: not given. */
typedef struct Place {
    const char *path;
    int file;
    const char *at; /* where it stands in the dump */
    uint32_t line, column, end_line, end_column;
} Place;

typedef struct PendingSpan {
    Span *target;
    Place place;
} PendingSpan;

typedef struct Scanner {
    const Source *source;
    const char *begin, *p;
    Arena *arena;
    Diag *diag;
    Module *module;
    bool failed;
    VEC(PlaceFile) files;
    VEC(PendingSpan) spans;
} Scanner;

bool scan_fail(Scanner *s, const char *at, const char *format, ...) PRINTF_LIKE(3, 4);

void scan_blanks(Scanner *s);       /* and comments */
bool scan_take(Scanner *s, char c); /* false, without a fault, where another character follows */
bool scan_expect(Scanner *s, char c, const char *where);
bool scan_take_word(Scanner *s, const char *word); /* false without a fault */
bool scan_expect_word(Scanner *s, const char *word);
bool scan_at_end(Scanner *s);

const char *scan_bare_name(Scanner *s,
                           const char *what);        /* a letter or _, then letters, digits and _ */
const char *scan_name(Scanner *s, const char *what); /* bare or quoted */
const char *scan_string(Scanner *s, const char *what);
/* One number of a list (digits, signs, points, letters, colons) as text of less
 * than 64 characters. */
bool scan_number_text(Scanner *s, char text[64]);
bool scan_float(Scanner *s, double *value);
bool scan_value_number(Scanner *s, uint32_t *number);    /* %12 */
bool scan_hash(Scanner *s, char prefix, uint64_t *hash); /* prefix and 16 hex digits */
bool scan_is_hash(Scanner *s, char prefix);

bool scan_type(Scanner *s, TensorType *type, bool may_add_symbols);
/* The value of attribute spec (a row's) of an operator; rank: that of its first operand, -1: it has
 * none. */
bool scan_attr_value(Scanner *s, const Attr *spec, int rank, Attr *attr);

/* ---- provenance (graph_places.c) ---- */

/* Whether a provenance comment follows. */
bool scan_at_place(Scanner *s);
/* `# place { / place }` to the end of the line: the first into *first, the others into rest; *count
 * of those. */
bool scan_places(Scanner *s, Place *first, int limit, Place *rest, int *count);
/* Notes that *target becomes the place's span once all are known. */
void place_record(Scanner *s, const Place *place, Span *target);
/* Makes a source a file and sets all spans. */
bool places_resolve(Scanner *s);

#endif
