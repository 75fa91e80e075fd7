/* Algebraic simplification: a table of rules, applied until none applies.
 *
 * A rule looks at one operator and its operands' definitions. Under -fp=strict only exact rewrites
 * are made: x + 0 turns the sign of -0, so it stays, while x + (-0) goes; x * 0 is not 0 for
 * infinities and NaN, so it stays. */
#include "passes/simplify.h"

static const struct {
    OpKind op;
    RewriteRule *rule;
} rules[] = {
    {OP_add, rule_neutral_operand},
    {OP_sub, rule_neutral_operand},
    {OP_mul, rule_neutral_operand},
    {OP_div, rule_neutral_operand},
    {OP_div, rule_divisor_power_of_two},
    {OP_add, rule_literal_chain},
    {OP_mul, rule_literal_chain},
    {OP_minimum, rule_same_operands},
    {OP_maximum, rule_same_operands},
    {OP_and, rule_same_operands},
    {OP_or, rule_same_operands},
    {OP_where, rule_same_operands},
    {OP_neg, rule_double_unary},
    {OP_not, rule_double_unary},
    {OP_abs, rule_idempotent},
    {OP_relu, rule_idempotent},
    {OP_floor, rule_idempotent},
    {OP_ceil, rule_idempotent},
    {OP_round, rule_idempotent},
    {OP_cast, rule_same_type},
    {OP_reshape, rule_same_type},
    {OP_flatten, rule_same_type},
    {OP_broadcast_to, rule_same_type},
    {OP_relayout, rule_same_type},
    {OP_slice, rule_whole_slice},
    {OP_pad, rule_no_padding},
    {OP_resize, rule_same_size},
    {OP_concat, rule_lone_concat},
    {OP_transpose, rule_identity_transpose},
    {OP_transpose, rule_double_transpose},
    {OP_reshape, rule_double_reshape},
    {OP_flatten, rule_double_reshape},
};

static Value *rewrite(const Rewriter *r, Node *node) {
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        if (rules[i].op != node->op) continue;
        Value *value = rules[i].rule(r, node);
        if (!value) continue;
        require(type_equal(&value->type, &node->results[0]->type));
        return value;
    }
    return NULL;
}

static bool simplify_once(const Rewriter *r, Graph *graph, Arena *scratch) {
    Substitution s = {.arena = scratch};
    bool changed = false;
    graph_each_safe(graph, node) {
        resolve_operands(&s, node);
        if (node->nresults != 1) continue;
        Value *value = rewrite(r, node);
        if (!value) continue;
        replace_node(&s, node, value);
        changed = true;
    }
    resolve_graph(&s, graph);
    return changed;
}

bool pass_simplify(PassContext *context, Graph *graph) {
    Rewriter rewriter = {context->module, context->options.fp_fast};
    bool changed = false;
    while (simplify_once(&rewriter, graph, context->scratch)) {
        remove_dead(graph, context->scratch);
        changed = true;
    }
    return changed;
}
