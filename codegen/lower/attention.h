/* Attention: softmax(f(q k)) v in one kernel, where f are pointwise operators on the scores.
 * attention_match.c says which bodies are that, attention.c builds the nest, attention_pairs.c what
 * dot instructions of bf16 take in it. */
#ifndef NNC_CODEGEN_LOWER_ATTENTION_H
#define NNC_CODEGEN_LOWER_ATTENTION_H

#include "codegen/lower/kernel.h"

typedef struct AttentionBody {
    const Value *product, *scores, *result; /* of q and k; of f; of the shares and v */
    /* Operands of the products; those of a product by dots as they are before they are widened. */
    const Value *queries_of, *keys_of, *values_of;
    /* How many elements of the sum a dot instruction takes: 2 where the operands of a product are
     * rounded to bf16 and the target has dots of it, else 1. Of q and k; of the shares and v. */
    int score_dot, sum_dot;
    bool keys_in_pairs; /* elements that a dot takes of a key are neighbours in memory */
    int rank;
    int64_t depth, width; /* elements of a query and a key; of a value */
    DType dtype;
    int lanes;
    Dim nqueries, nkeys;
    bool causal; /* queries see nothing of keys that come after them */
} AttentionBody;

/* Whether a body is attention, by its anchors, operands first: fills in what it computes. */
bool attention_match(const Job *job, const Value *const *anchors, size_t count,
                     AttentionBody *body);
bool lower_attention(const Job *job, const AttentionBody *body);

/* ---- the nest under construction ------------------------------------------------------------- */

enum { ATTENTION_KEYS = 128 }; /* of a block: their shares stay in L1 */

typedef struct Attention {
    Kernel *k;
    const AttentionBody *body;
    /* While a group of queries is emitted: */
    LX batch[MAX_RANK];
    LX first;        /* query */
    LX last_query;   /* index of the last one there is; null: groups are whole */
    LX end;          /* keys that count */
    LX block, count; /* of keys: the first one, and how many there are */
    LBuffer *queries, *scores, *sums, *largest, *total;
    /* What scores become: the same memory, or pairs of neighbouring keys' beside each other. */
    LBuffer *shares;
    /* The block of k and of v with pairs of rows, of the operand as the product has it, interleaved;
     * null: read in place. */
    LBuffer *keys, *values;
    LX pair, rows[2]; /* that are being interleaved; the second, if not another, counts as 0 */
} Attention;

/* An element of an operand of rank >= 2 whose leading axes are broadcast to the batch. */
LX attention_operand(const Attention *a, const Value *x, LX row, LX column);
/* The same of one in bf16, not widened. */
LX attention_narrow(const Attention *a, const Value *x, LX row, LX column);
/* A local array of vectors with an entry a query, or `group` neighbouring ones in bf16 for dots. */
LBuffer *attention_vectors(const Attention *a, const char *name, int64_t count, int group);
/* Calls emit for every run of `lanes` places; the last may be shorter. */
typedef void RunEmitter(Attention *a, LX first, int count);
void attention_runs(Attention *a, int64_t places, RunEmitter *emit);
/* The elements of a run, whose places are of `group` each, as an index along an axis; *exists: the
 * condition that they do, null: all do. */
LX attention_run(const Attention *a, LX first, int count, int group, int64_t extent, LX *exists);

/* ---- pairs of bf16: attention_pairs.c -------------------------------------------------------- */

/* Elements 2 pair and 2 pair + 1 of a key of the block for all queries; 0 where the head ends
 * between them and `ends` says that this may be there. */
LX attention_key_pair(const Attention *a, LX key, LX pair, bool ends);
/* Shares of two neighbouring keys become an entry of a->shares; the total grows by them. */
void attention_store_pair(const Attention *a, LX pair, LX first, LX second);
/* Declares what pairs need: a->keys, a->values and a->shares. */
void attention_declare_pairs(Attention *a);
/* Puts the block's keys into a->keys, their values into a->values. */
void attention_pack_keys(Attention *a);
void attention_pack_values(Attention *a);
/* Element e of the values of two neighbouring keys of the block for all queries. */
LX attention_value_pair(const Attention *a, LX pair, LX e);

#endif
