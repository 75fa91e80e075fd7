/* What the rules of lexer.l do: the functions behind the patterns. */
#ifndef NNC_FRONTEND_LEXER_H
#define NNC_FRONTEND_LEXER_H

#include "frontend/ast.h"

#include "grammar.tab.h"

/* What the lexer returns after a message of its own: the parser recovers without another. */
enum { LEX_ERROR = NN_NN_error };

/* Whether this newline ends a statement; before_else: the next line begins with those letters. */
bool lex_newline(Parser *p, bool before_else);
int lex_int(Parser *p, NN_STYPE *value, Span span, const char *text);
int lex_float(Parser *p, NN_STYPE *value, Span span, const char *text);
int lex_keyword(const char *text); /* NN_NAME: none */
/* False, after a message, where brackets nest too deeply. */
bool lex_open(Parser *p, char bracket, Span span);
void lex_close(Parser *p, char bracket);
/* Forgets round and square brackets that are open, so that newlines count again. */
void lex_drop_brackets(Parser *p);
bool lex_open_string(Parser *p, Span span);
/* Whether a `}` ends an interpolation; then the string's text goes on. */
bool lex_close_interpolation(Parser *p);
void lex_unclosed_string(Parser *p);
void lex_piece(Parser *p, Span span, const char *text, size_t length);
void lex_escape(Parser *p, Span span, char c);
int lex_string_piece(Parser *p, NN_STYPE *value, Span *span);
int lex_unexpected(Parser *p, Span span, const char *text);

#endif
