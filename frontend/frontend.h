/* From text to graph IR: lexer (flex), grammar (bison), AST, elaboration. */
#ifndef NNC_FRONTEND_FRONTEND_H
#define NNC_FRONTEND_FRONTEND_H

#include "ir/graph.h"

typedef struct FrontendOptions {
    const char *network; /* -network=NAME; null: the only one of the file */
    int nbinds;          /* -bind: symbols with given values */
    const char *const *bind_names;
    const int64_t *bind_values;
    int nsearch; /* folders for imports besides that of the importing file */
    const char *const *search;
} FrontendOptions;

/* Loads a network: parses the file and its imports, checks, elaborates. Null if any error was
 * reported. Parameters are not bound to values yet (dataio.h). imports (may be null) receives the
 * paths of all files read, for dependency files. */
Module *frontend_load(const char *path, const FrontendOptions *options, Arena *arena, Diag *diag,
                      const char *const **imports, size_t *nimports);
/* The same from text in memory; name stands for the path in messages. */
Module *frontend_load_text(const char *name, const char *text, size_t length,
                           const FrontendOptions *options, Arena *arena, Diag *diag);
/* Prints the parsed file as text (-emit=ast): an indented tree with spans. False if it
 * does not parse. */
bool frontend_print_ast(const char *path, StrBuf *out, Arena *arena, Diag *diag);

#endif
