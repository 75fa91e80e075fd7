/* C for high-level synthesis: the dialect, and the header that every design brings along. */
#ifndef NNC_CODEGEN_HLS_HLS_H
#define NNC_CODEGEN_HLS_HLS_H

#include "codegen/c/print.h"

/* Scalar C99 that is C++14 too, over nn_hls.h. For c_print_function only. */
extern const CDialect hls_dialect;

/* What the two languages and nn_hls.h keep for themselves: names must avoid these. Ends with null. */
extern const char *const hls_words[];

/* nn_hls.h, terminated. */
extern const char nn_hls_text[];

#endif
