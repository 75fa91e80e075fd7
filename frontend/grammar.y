/* The grammar of the `.nn` language. Actions only build nodes (ast.h); meaning is elaborate*.c's.
 *
 * A fault within a statement is reported, the rest of its line (and a body that it opens) is passed
 * over, and parsing goes on, so that independent faults are all reported. */
%require "3.8"
%define api.pure full
%define api.prefix {nn_}
%define api.token.prefix {NN_}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%locations
%param {void *scanner}
%parse-param {Parser *parser}
%expect 0

%code requires {
#include "frontend/ast.h"

/* Nonterminals join what they are made of; an empty one stands where the symbol before it ended. */
#define YYLLOC_DEFAULT(current, rhs, n)                                                            \
    ((current) = (Span){YYRHSLOC(rhs, (n) ? 1 : 0).source,                                         \
                        (n) ? YYRHSLOC(rhs, 1).begin : YYRHSLOC(rhs, 0).end, YYRHSLOC(rhs, n).end})
}

%code provides {
/* Reports an unexpected token; names as in the %token lines (parse_error.c). */
void parse_unexpected(Parser *parser, Span span, const char *found, const char *const *expected,
                      int nexpected);
}

%code {
#define YYMAXDEPTH 20000
int nn_lex(NN_STYPE *value, NN_LTYPE *location, void *scanner);
static void nn_error(const Span *location, void *scanner, Parser *parser, const char *message);
}

%initial-action { @$ = (Span){parser->source, 0, 0}; }

%union {
    int64_t i;
    double f;
    Name name;
    Expr *expr;
    Stmt *stmt;
    ExprList *exprs;
    ArgList *args;
    Arg arg;
    StmtList *stmts;
    TargetList *targets;
    AnnotationExpr annotation;
    AnnotationList *annotations;
    ArmList *arms;
    TypeExpr type;
    ParamList *params;
    PortList *ports;
}

%token END 0 "end of file"
%token NEWLINE "end of line"
%token <name> NAME "a name"
%token <i> INT "a number"
%token <f> FLOAT "a float"
%token STRING_OPEN "a string" STRING_CLOSE "end of string"
%token <name> STRING_PIECE "text"
%token INTERPOLATION_OPEN "'{' in a string" INTERPOLATION_CLOSE "'}' in a string"
%token NETWORK "'network'" BLOCK "'block'" IMPORT "'import'" REPEAT "'repeat'" IN "'in'" IF "'if'"
%token ELSE "'else'" RETURN "'return'" AND "'and'" OR "'or'" NOT "'not'"
%token TRUE "'true'" FALSE "'false'"
%token <name> PARAM "'param'" CONST "'const'"
%token PIPE "'|>'" ARROW "'->'" DOTDOT "'..'" SLASHSLASH "'//'" STARSTAR "'**'"
%token SHL "'<<'" SHR "'>>'"
%token EQ "'=='" NE "'!='" LE "'<='" GE "'>='"

/* `@name (x)` is an annotation with an argument. */
%precedence BARE
%precedence '('
%left OR
%left AND
%precedence NOT
%nonassoc EQ NE '<' LE '>' GE
%left SHL SHR
%left '+' '-'
%left '*' '/' SLASHSLASH '%'
%precedence NEGATION
%right STARSTAR

%type <expr> expr cond pipe operation postfix primary string pieces piece
%type <exprs> exprs exprs_or_none
%type <args> args args_or_none call_args keywords
%type <arg> arg keyword
%type <stmt> line statement
%type <stmts> lines body
%type <targets> targets
%type <annotation> annotation
%type <annotations> annotations
%type <arms> arms
%type <type> type
%type <params> params params_or_none
%type <ports> ports ports_or_none

%%

file: %empty | file item;

item:
    NEWLINE
  | IMPORT STRING_OPEN STRING_PIECE STRING_CLOSE {
        vec_push(parser->arena, &parser->file->imports, (ImportDecl){$STRING_PIECE, @$});
    }
  | BLOCK NAME '(' params_or_none ')' body {
        BlockDecl *block = arena_new(parser->arena, BlockDecl);
        *block = (BlockDecl){$NAME, $params_or_none, $body, span_join(@BLOCK, @5)};
        vec_push(parser->arena, &parser->file->blocks, block);
    }
  | NETWORK NAME '(' ports_or_none[in] ')' ARROW '(' ports_or_none[out] ')' body {
        NetworkDecl *network = arena_new(parser->arena, NetworkDecl);
        *network = (NetworkDecl){$NAME, $in, $out, $body, span_join(@NETWORK, @9)};
        vec_push(parser->arena, &parser->file->networks, network);
    }
  | error NEWLINE                 { yyerrok; }
  | error body                    { yyerrok; }
  ;

params_or_none: %empty { $$ = NULL; } | params | params ',';
params:
    NAME                          { $$ = ast_add_param(parser, NULL, $NAME, NULL); }
  | NAME '=' expr                 { $$ = ast_add_param(parser, NULL, $NAME, $expr); }
  | params[list] ',' NAME         { $$ = ast_add_param(parser, $list, $NAME, NULL); }
  | params[list] ',' NAME '=' expr { $$ = ast_add_param(parser, $list, $NAME, $expr); }
  ;

ports_or_none: %empty { $$ = NULL; } | ports | ports ',';
ports:
    NAME ':' type                 { $$ = ast_add_port(parser, NULL, $NAME, $type); }
  | ports[list] ',' NAME ':' type { $$ = ast_add_port(parser, $list, $NAME, $type); }
  ;

type: NAME '[' exprs_or_none ']'  { $$ = (TypeExpr){$NAME, $exprs_or_none, @$}; };

/* ---- statements ---- */

body:
    '{' lines '}'                 { $$ = $lines; }
  | '{' lines line '}'            { $$ = ast_add_stmt(parser, $lines, $line); }
  | '{' lines error '}'           { $$ = $lines; }
  ;

lines:
    %empty                        { $$ = NULL; }
  | lines NEWLINE
  | lines[list] line NEWLINE      { $$ = ast_add_stmt(parser, $list, $line); }
  | lines error NEWLINE           { yyerrok; }
  | lines recovered
  ;

recovered: error body { yyerrok; } | recovered ELSE body | recovered ELSE IF operation body;

line:
    statement
  | annotations statement         { $$ = $statement; $$->annotations = $annotations; }
  ;

annotations:
    annotation                    { $$ = ast_add_annotation(parser, NULL, $annotation); }
  | annotations[list] annotation  { $$ = ast_add_annotation(parser, $list, $annotation); }
  | annotations NEWLINE
  ;

annotation:
    '@' NAME %prec BARE           { $$ = (AnnotationExpr){$NAME, NULL, @$}; }
  | '@' NAME call_args            { $$ = (AnnotationExpr){$NAME, $call_args, @$}; }
  ;

statement:
    targets '=' expr {
        $$ = ast_stmt(parser, STMT_ASSIGN, @$);
        $$->targets = $targets;
        $$->value = $expr;
    }
  | RETURN exprs_or_none {
        $$ = ast_stmt(parser, STMT_RETURN, @$);
        $$->values = $exprs_or_none;
    }
  | CONST NAME ':' type '=' expr {
        $$ = ast_stmt(parser, STMT_CONST, @$);
        $$->targets = ast_add_target(parser, NULL, $NAME);
        $$->type = $type;
        $$->value = $expr;
    }
  | PARAM NAME ':' type keywords {
        $$ = ast_stmt(parser, STMT_PARAM, @$);
        $$->targets = ast_add_target(parser, NULL, $NAME);
        $$->type = $type;
        $$->args = $keywords;
    }
  | expr {
        $$ = ast_stmt(parser, STMT_EXPR, @$);
        $$->value = $expr;
    }
  | REPEAT NAME IN expr body {
        $$ = ast_stmt(parser, STMT_REPEAT, @$);
        $$->targets = ast_add_target(parser, NULL, $NAME);
        $$->value = $expr;
        $$->body = $body;
    }
  | arms {
        $$ = ast_stmt(parser, STMT_IF, @$);
        $$->arms = $arms;
    }
  | arms[list] ELSE body {
        $$ = ast_stmt(parser, STMT_IF, @$);
        $$->arms = ast_add_arm(parser, $list, NULL, $body);
    }
  ;

arms:
    IF expr body                  { $$ = ast_add_arm(parser, NULL, $expr, $body); }
  | arms[list] ELSE IF expr body  { $$ = ast_add_arm(parser, $list, $expr, $body); }
  ;

targets:
    NAME                          { $$ = ast_add_target(parser, NULL, $NAME); }
  | targets[list] ',' NAME        { $$ = ast_add_target(parser, $list, $NAME); }
  ;

keywords:
    %empty                        { $$ = NULL; }
  | keywords[list] ',' keyword    { $$ = ast_add_arg(parser, $list, $keyword); }
  ;
keyword: NAME '=' expr            { $$ = (Arg){$NAME, $expr, @$}; };

/* ---- expressions, loosest first ---- */

expr:
    cond
  | cond[a] DOTDOT cond[b]        { $$ = ast_range(parser, $a, $b); }
  ;

cond:
    pipe
  | pipe IF operation ELSE cond[b] { $$ = ast_cond(parser, $pipe, $operation, $b); }
  ;

pipe:
    operation
  | pipe[a] PIPE NAME {
        Expr *callee = ast_name_expr(parser, EXPR_NAME, $NAME, @NAME);
        $$ = ast_pipe(parser, $a, ast_call(parser, callee, NULL, @NAME));
    }
  | pipe[a] PIPE NAME call_args {
        Expr *callee = ast_name_expr(parser, EXPR_NAME, $NAME, @NAME);
        Span span = span_join(@NAME, @call_args);
        $$ = ast_pipe(parser, $a, ast_call(parser, callee, $call_args, span));
    }
  ;

operation:
    postfix
  | '-' operation[a] %prec NEGATION { $$ = ast_unary(parser, OPERATOR_NEG, @1, $a); }
  | NOT operation[a]              { $$ = ast_unary(parser, OPERATOR_NOT, @1, $a); }
  | operation[a] '+' operation[b] { $$ = ast_binary(parser, OPERATOR_ADD, $a, @2, $b); }
  | operation[a] '-' operation[b] { $$ = ast_binary(parser, OPERATOR_SUB, $a, @2, $b); }
  | operation[a] '*' operation[b] { $$ = ast_binary(parser, OPERATOR_MUL, $a, @2, $b); }
  | operation[a] '/' operation[b] { $$ = ast_binary(parser, OPERATOR_DIV, $a, @2, $b); }
  | operation[a] SLASHSLASH operation[b] { $$ = ast_binary(parser, OPERATOR_FLOORDIV, $a, @2, $b); }
  | operation[a] '%' operation[b] { $$ = ast_binary(parser, OPERATOR_MOD, $a, @2, $b); }
  | operation[a] STARSTAR operation[b] { $$ = ast_binary(parser, OPERATOR_POW, $a, @2, $b); }
  | operation[a] SHL operation[b] { $$ = ast_binary(parser, OPERATOR_SHL, $a, @2, $b); }
  | operation[a] SHR operation[b] { $$ = ast_binary(parser, OPERATOR_SHR, $a, @2, $b); }
  | operation[a] EQ operation[b]  { $$ = ast_binary(parser, OPERATOR_EQ, $a, @2, $b); }
  | operation[a] NE operation[b]  { $$ = ast_binary(parser, OPERATOR_NE, $a, @2, $b); }
  | operation[a] '<' operation[b] { $$ = ast_binary(parser, OPERATOR_LT, $a, @2, $b); }
  | operation[a] LE operation[b]  { $$ = ast_binary(parser, OPERATOR_LE, $a, @2, $b); }
  | operation[a] '>' operation[b] { $$ = ast_binary(parser, OPERATOR_GT, $a, @2, $b); }
  | operation[a] GE operation[b]  { $$ = ast_binary(parser, OPERATOR_GE, $a, @2, $b); }
  | operation[a] AND operation[b] { $$ = ast_binary(parser, OPERATOR_AND, $a, @2, $b); }
  | operation[a] OR operation[b]  { $$ = ast_binary(parser, OPERATOR_OR, $a, @2, $b); }
  ;

postfix:
    primary
  | postfix[a] '.' NAME           { $$ = ast_member(parser, $a, $NAME); }
  | postfix[a] '[' exprs_or_none ']' { $$ = ast_index(parser, $a, $exprs_or_none, @$); }
  | postfix[a] call_args          { $$ = ast_call(parser, $a, $call_args, @$); }
  ;

primary:
    NAME                          { $$ = ast_name_expr(parser, EXPR_NAME, $NAME, @$); }
  | CONST                         { $$ = ast_name_expr(parser, EXPR_NAME, $CONST, @$); }
  | PARAM                         { $$ = ast_name_expr(parser, EXPR_NAME, $PARAM, @$); }
  | INT                           { $$ = ast_expr(parser, EXPR_INT, @$); $$->i = $INT; }
  | FLOAT                         { $$ = ast_expr(parser, EXPR_FLOAT, @$); $$->f = $FLOAT; }
  | TRUE                          { $$ = ast_expr(parser, EXPR_BOOL, @$); $$->i = 1; }
  | FALSE                         { $$ = ast_expr(parser, EXPR_BOOL, @$); }
  | string
  | '[' exprs_or_none ']'         { $$ = ast_list(parser, EXPR_LIST, $exprs_or_none, @$); }
  | '(' expr ')'                  { $$ = $expr; $$->span = @$; }
  ;

string: STRING_OPEN pieces STRING_CLOSE { $$ = $pieces; $$->span = @$; };

pieces:
    %empty                        { $$ = ast_list(parser, EXPR_INTERPOLATION, NULL, @$); }
  | pieces[list] piece            { $$ = ast_add_item(parser, $list, $piece); }
  ;

piece:
    STRING_PIECE                  { $$ = ast_name_expr(parser, EXPR_STRING, $STRING_PIECE, @$); }
  | INTERPOLATION_OPEN expr INTERPOLATION_CLOSE { $$ = $expr; }
  ;

exprs_or_none: %empty { $$ = NULL; } | exprs | exprs ',';
exprs:
    expr                          { $$ = ast_add_expr(parser, NULL, $expr); }
  | exprs[list] ',' expr          { $$ = ast_add_expr(parser, $list, $expr); }
  ;

call_args: '(' args_or_none ')'   { $$ = $args_or_none; };
args_or_none: %empty { $$ = NULL; } | args | args ',';
args:
    arg                           { $$ = ast_add_arg(parser, NULL, $arg); }
  | args[list] ',' arg            { $$ = ast_add_arg(parser, $list, $arg); }
  ;
arg:
    expr                          { $$ = (Arg){{0}, $expr, @$}; }
  | keyword
  ;

%%

static int yyreport_syntax_error(const yypcontext_t *context, void *scanner, Parser *parser) {
    (void)scanner;
    yysymbol_kind_t kinds[YYNTOKENS];
    const char *names[YYNTOKENS];
    int count = yypcontext_expected_tokens(context, kinds, YYNTOKENS);
    for (int i = 0; i < count; i++) names[i] = yysymbol_name(kinds[i]);
    yysymbol_kind_t found = yypcontext_token(context);
    parse_unexpected(parser, *yypcontext_location(context),
                     found == YYSYMBOL_YYEMPTY ? "end of file" : yysymbol_name(found), names,
                     count);
    return 0;
}

/* Called by the skeleton where its stack would grow beyond YYMAXDEPTH. */
static void nn_error(const Span *location, void *scanner, Parser *parser, const char *message) {
    (void)scanner;
    (void)message;
    if (!parser->gave_up) diag_error(parser->diag, *location, "the source is nested too deeply");
    parser->gave_up = true;
}
