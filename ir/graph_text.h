/* What printer and parser of graph dumps share. Internal to ir/. */
#ifndef NNC_IR_GRAPH_TEXT_H
#define NNC_IR_GRAPH_TEXT_H

#include "ir/tensor.h"

/* A letter or _, then letters, digits and _: what needs no quotes as a name. */
bool text_is_name(const char *text);
/* A path or file name that needs no quotes in a provenance comment: letters, digits and any of _ .
 * - + /, the first none of - + /. */
bool text_is_path(const char *text);
bool text_is_path_char(char c);
/* "text" with \" \\ \n \t \r and \xHH for control characters; other bytes as they are. */
void text_quote(StrBuf *out, const char *text);

/* Element i, so that reading gives the same bits: integers in decimal, finite floats in hexadecimal
 * (C's %a), inf, -inf, nan:0xBITS. */
void element_print(const Tensor *tensor, int64_t i, StrBuf *out);
/* Stores the text of one element (any notation of strtod for floats); false where it is malformed
 * or the type cannot represent it. */
bool element_parse(Tensor *tensor, int64_t i, const char *text);
/* All of text as a float, inf, -inf and nan among them. */
bool float_parse(const char *text, double *value);
bool integer_parse(const char *text, int64_t *value);

#endif
