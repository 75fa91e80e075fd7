/* Attention: softmax(f(q k)) v in one kernel, where f are pointwise operators on the scores.
 * attention_match.c says which bodies are that, attention.c builds the nest. */
#ifndef NNC_CODEGEN_LOWER_ATTENTION_H
#define NNC_CODEGEN_LOWER_ATTENTION_H

#include "codegen/lower/kernel.h"

typedef struct AttentionBody {
    const Value *product, *scores, *result;        /* of q and k; of f; of the shares and v */
    const Value *queries_of, *keys_of, *values_of; /* operands of the products */
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

#endif
