/* Inside the parser of the loop IR's text (grammar: print.c). It makes the nodes that the text
 * says, unsimplified; the verifier judges types afterwards, so everything here must bear
 * nonsense. */
#ifndef NNC_IR_LOOP_PARSE_H
#define NNC_IR_LOOP_PARSE_H

#include "ir/loop/build.h"

enum { PARSE_DEPTH = 200, PARSE_LANES = 4096, PARSE_OPERATORS = 5000 };

typedef struct Parser {
    LBuilder b;
    const Source *source;
    const char *text, *at; /* terminated */
    Diag *diag;
    bool failed;
    int depth;                    /* of nesting */
    int operators;                /* in the statement so far */
    VEC(const LVar *) vars;       /* visible, inner last */
    VEC(const LBuffer *) buffers; /* the same */
} Parser;

/* Reports the first fault only; later ones follow from it. Returns false. */
bool parse_fail(Parser *p, const char *format, ...) PRINTF_LIKE(2, 3);
void parse_space(Parser *p);                      /* skips white space */
bool parse_peek(Parser *p, const char *symbol);   /* next is this punctuation */
bool parse_accept(Parser *p, const char *symbol); /* and if so is taken */
bool parse_expect(Parser *p, const char *symbol);
/* The word next, without taking it; length 0: none. */
const char *parse_word(Parser *p, size_t *length);
bool parse_peek_word(Parser *p, const char *word);
bool parse_accept_word(Parser *p, const char *word);
bool parse_expect_word(Parser *p, const char *word);
const char *parse_name(Parser *p); /* "" after a fault */
const char *parse_string(Parser *p);
int64_t parse_int(Parser *p, int64_t least, int64_t most);
Dim parse_dim(Parser *p); /* 0 as a dimension after a fault; never null */
LType parse_type(Parser *p);
/* An entry of a table of names. */
int parse_choice(Parser *p, const char *const *names, int count, const char *what);

const LBuffer *parse_buffer_name(Parser *p);
/* Always gives an expression; after a fault any. */
LX parse_expr(Parser *p);
/* buffer[index...; mask, passthrough]; the last two where allowed. */
const LBuffer *parse_access(Parser *p, LX *index, LX *mask, LX *passthrough);

#endif
