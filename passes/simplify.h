/* The rules of algebraic simplification. Internal to passes/. */
#ifndef NNC_PASSES_SIMPLIFY_H
#define NNC_PASSES_SIMPLIFY_H

#include "passes/support.h"

typedef struct Rewriter {
    Module *module;
    bool fp_fast;
} Rewriter;

/* What the node's result can be replaced by, or null. New nodes go before the node. The value has
 * the result's type and, unless fp_fast, exactly its bits for all operands, NaN's payload aside. */
typedef Value *RewriteRule(const Rewriter *r, Node *node);

RewriteRule rule_neutral_operand, rule_same_operands, rule_divisor_power_of_two, rule_literal_chain;
RewriteRule rule_double_unary, rule_idempotent;
RewriteRule rule_same_type, rule_whole_slice, rule_no_padding, rule_identity_transpose,
    rule_same_size, rule_lone_concat;
RewriteRule rule_double_transpose, rule_double_reshape;

#endif
