/* Private to the printer: one function under construction. */
#ifndef NNC_CODEGEN_C_PRINTER_H
#define NNC_CODEGEN_C_PRINTER_H

#include "codegen/c/helpers.h"
#include "codegen/c/print.h"
#include "ir/loop/memo.h"

/* Text of an expression and how strongly its outermost operator binds. */
typedef enum Binding {
    BIND_COND = 3,
    BIND_LOR,
    BIND_LAND,
    BIND_OR,
    BIND_XOR,
    BIND_AND,
    BIND_EQUAL,
    BIND_ORDER,
    BIND_SHIFT,
    BIND_SUM,
    BIND_PRODUCT,
    BIND_UNARY,
    BIND_ATOM
} Binding;

typedef struct Text {
    const char *s;
    Binding bind;
} Text;

/* Where a private buffer's elements are. */
typedef struct Place {
    const char *name;   /* of the array or pointer; null while elements are variables */
    const char **slots; /* a variable each */
    int64_t count;
    bool is_read;
    bool *slot_read;    /* by slot */
    int bank_axes;      /* leading axes that are only ever indexed by constants */
    const char **banks; /* an array for each of their elements; null: name holds all */
} Place;

typedef struct Printer {
    const CPrintOptions *options;
    const CDialect *dialect;
    const LProgram *program;
    DimContext *dims;
    Arena *arena;
    Helpers *helpers; /* of the file */
    const LKernel *kernel;
    Interner *interner;
    Memo taken;  /* interned name -> itself */
    Memo vars;   /* LVar -> name */
    Memo places; /* LBuffer -> Place */
    Memo uses;   /* within one statement: LX -> number of users */
    Memo temps;  /* within one statement: LX -> name of the variable that holds it */
    bool *symbol_used;
    const char **symbol_names;
    int items[3]; /* of the part's launch */
    StrBuf out;
    int depth;
    const CFunctionOptions *function; /* null: a launch */
    Memo live;                        /* of a function: LVar -> itself where something uses it */
} Printer;

/* ---- text.c ---------------------------------------------------------------------------------- */

Text c_text_atom(const char *s);
Text c_text_printf(Printer *p, Binding bind, const char *format, ...) PRINTF_LIKE(3, 4);
/* The text, in parentheses where it binds less than that. */
const char *c_text_in(Printer *p, Text text, Binding least);
Text c_text_binary(Printer *p, Binding bind, const char *op, Text x, Text y);
bool c_is_reserved(const CDialect *dialect, const char *name);
/* An operation of the dialect's table; from: the operand's type. */
Text c_call(Printer *p, CCall call, LType from, LType to, const char *args);
/* Whether values of x are computed and held as the dialect's index type, which may be narrower than
 * i64, and whether a variable is. */
bool c_is_index(LX x);
bool c_fits_index(const Printer *p, LX x);
bool c_var_is_narrow(const Printer *p, const LVar *var);
/* A name that no other variable of the function has. */
const char *c_unique_name(Printer *p, const char *wanted);
const char *c_value_type(Printer *p, LType type);         /* of a value */
const char *c_mask_type(Printer *p, int bits, int lanes); /* whose lanes have that many bits */
const char *c_memory_type(Printer *p, DType dtype);
/* What may stand inside a comment. */
const char *c_comment_text(Arena *arena, const char *text);
void c_line(Printer *p, const char *format, ...) PRINTF_LIKE(2, 3);
void c_open_block(Printer *p, const char *head);
void c_close_block(Printer *p, const char *tail);

/* ---- dim.c ----------------------------------------------------------------------------------- */

Text c_dim_value(Printer *p, Dim dim);

/* ---- expr.c, arith.c, cast.c ----------------------------------------------------------------- */

/* Prepares a statement: counts how often parts of its expressions are used. */
void c_statement_begin(Printer *p, const LStmt *s);
/* The value; what is used more than once is put into a variable first. */
Text c_expr(Printer *p, LX x);
/* The same as an operand beside another of its type: a literal without its type. */
Text c_operand(Printer *p, LX x);
Text c_literal_int(Printer *p, LType type, int64_t value);
Text c_literal_float(Printer *p, LType type, double value);
Text c_splat(Printer *p, LType type, Text scalar);
Text c_unary(Printer *p, LUnary op, LType type, Text x);
Text c_binary(Printer *p, LX x);
/* The operation on values that are texts; operands are evaluated more than once: names or literals.
 */
Text c_binary_text(Printer *p, LBinary op, LType type, Text x, Text y);
Text c_cast(Printer *p, LCast mode, LType from, LType to, Text x);
Text c_round16(Printer *p, LType type, Text x); /* f32 to what type can hold */
Text c_wrap4(Printer *p, LType type, Text x);   /* back into the range of a 4-bit type */
Text c_choose(Printer *p, LType type, Text condition, Text x, Text y);
bool c_is_float16(DType dtype); /* f16 and bf16 */
/* A text that may be repeated: a name, or a variable that now holds the value. */
Text c_name_value(Printer *p, LType type, Text x);
/* Lanes of a comparison's result as the mask type. */
Text c_canonical_mask(Printer *p, int bits, int lanes, Text x);

/* ---- memory.c, slots.c ----------------------------------------------------------------------- */

Text c_load(Printer *p, LX x);
Text c_fifo_read(Printer *p, LX x);
void c_fifo_write(Printer *p, const LStmt *s);
void c_store(Printer *p, const LStmt *s);
void c_copy(Printer *p, const LStmt *s);
/* Decides which private buffers of the block are variables. */
void c_slots_assign(Printer *p, const LBlock *block);
const char *c_slot_of(Printer *p, const LBuffer *buffer, LX const *index); /* null: in memory */
void c_declare(Printer *p, const LBuffer *buffer);
/* The array that holds an access; axes from `first` on are its own. */
const char *c_array_of(Printer *p, const LBuffer *buffer, LX const *index, int *first);
int64_t c_buffer_elements(const LBuffer *buffer); /* of one declared in a kernel */
/* A constant parameter: found before c_slots_assign looks at accesses, named after it. */
void c_place_constant(Printer *p, const LBuffer *buffer);
void c_name_constant(Printer *p, const LBuffer *buffer, const char *name);
const Place *c_place_of(Printer *p, const LBuffer *buffer);

/* ---- stmt.c ---------------------------------------------------------------------------------- */

void c_block(Printer *p, const LBlock *b);
void c_statement(Printer *p, const LStmt *s);

/* ---- parts.c --------------------------------------------------------------------------------- */

typedef struct PartStmts {
    VEC(const LStmt *) lets;  /* what the rest uses */
    VEC(const LStmt *) stmts; /* a single loop over work-items, or what one work-item does */
    const LStmt *spread;      /* that loop; null: one work-item */
} PartStmts;
typedef VEC(PartStmts) PartList;
void c_split_parts(const LProgram *program, const LKernel *kernel, Arena *arena, PartList *parts);
/* The polynomial that a scalar integer expression is; null: it depends on more than symbols. */
Dim c_dim_of(DimContext *dims, LX x);

#endif
