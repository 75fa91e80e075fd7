/* Inside the expansion of vector and unroll loops. */
#ifndef NNC_IR_LOOP_EXPAND_H
#define NNC_IR_LOOP_EXPAND_H

#include "ir/loop.h"
#include "ir/loop/memo.h"

/* What a buffer of the old kernel has become. */
typedef struct Renamed {
    const LBuffer *buffer;
    bool widened; /* each element holds one value per lane */
    LX mask;      /* lanes that were on where it was declared; null: all */
} Renamed;

typedef struct Expand Expand;

/* What another transformation does differently; each may be null. */
typedef struct ExpandHooks {
    bool (*statement)(Expand *e, const LStmt *s);  /* true: it was dealt with */
    void (*enter)(Expand *e, const LBlock *block); /* before the statements of a block */
    LX (*load)(Expand *e, LX x, LX const *args, LX mask, LX passthrough); /* null: as ever */
} ExpandHooks;

struct Expand {
    LBuilder b;
    const LExpandOptions *options;
    const ExpandHooks *hooks; /* null: none */
    void *context;            /* of the hooks */
    LX *vars;                 /* by id of the old kernel's variables */
    Memo buffers;             /* LBuffer -> Renamed */
    Memo exprs;               /* of the statement at hand */
    int lanes;                /* 1: not in a vector loop */
    LX mask;                  /* lanes that are on; null: all */
    /* Something under the mask is done once for all lanes and needs one of them to be on. */
    bool needs_a_lane;
};

/* Empties the maps of e; they live in scratch. */
void expand_begin(Expand *e, LProgram *program, Arena *scratch);

LX expand_expr(Expand *e, LX x);
void expand_block(Expand *e, const LBlock *block);
void expand_stmt(Expand *e, const LStmt *s);
void expand_for(Expand *e, const LStmt *s);
void expand_serial(Expand *e, const LStmt *s); /* a loop of any kind as a serial one */
void expand_vector(Expand *e, const LStmt *s);
/* An unroll loop around a long chain of operations, with several iterations side by side; false: it
 * is something else, and nothing was done. */
bool expand_abreast(Expand *e, const LStmt *s);
/* Statements whose meaning changes inside a vector loop. */
void expand_store(Expand *e, const LStmt *s);
void expand_declare(Expand *e, const LStmt *s);
void expand_masked_if(Expand *e, const LStmt *s, LX condition);
LX expand_load(Expand *e, LX x, LX *args, LX mask, LX passthrough);

const Renamed *expand_renamed(const Expand *e, const LBuffer *buffer);
void expand_rename(Expand *e, const LBuffer *from, const LBuffer *to, bool widened);
LX expand_and(Expand *e, LX a, LX b); /* null: true */

/* Whether the iterations of a vector loop can be lanes; if not it runs serially. */
bool vector_loop_fits(const LStmt *loop, uint32_t var_count);
/* Whether an iteration may run twice: nothing that it stores to is read. */
bool vector_loop_repeats(const LStmt *loop);

#endif
