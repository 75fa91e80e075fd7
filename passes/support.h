/* What passes share. Internal to passes/. */
#ifndef NNC_PASSES_SUPPORT_H
#define NNC_PASSES_SUPPORT_H

#include "ir/interp.h"
#include "passes/pass.h"

/* Declares every pass of the table. */
#define PASS(name, function, level, help) GraphPass function;
#include "passes/passes.def"
#undef PASS

/* Which values are computed at compile time: those that depend on parameters and constants only,
 * have sizes that no symbol decides, and no `dequantize` among their operators. That one is there
 * to keep a weight small in memory, so it runs with the network. Values made after the marks count
 * as not constant. */
typedef struct ConstantMarks {
    const bool *at; /* by value id */
    size_t count;
} ConstantMarks;

ConstantMarks constant_marks(const Graph *graph, Arena *arena);
static inline bool is_constant(ConstantMarks marks, const Value *value) {
    return value->id < marks.count && marks.at[value->id];
}

/* Removes nodes whose results nobody uses; returns whether there were any. */
bool remove_dead(Graph *graph, Arena *scratch);

/* Replacements that take effect as a pass walks the graph in order: it resolves the operands of
 * each node it comes to, so that a replacement costs no search for the users. At the end the whole
 * graph is resolved. Zeroed but for the arena, there are none. */
typedef struct Substitution {
    Arena *arena;
    VEC(Value *) map; /* by id: what stands for the value from now on */
} Substitution;

void substitute(Substitution *s, const Value *from, Value *to);
void resolve_operands(const Substitution *s, Node *node);
void resolve_graph(const Substitution *s, Graph *graph);
/* The node's only result becomes value, and the node goes. */
void replace_node(Substitution *s, Node *node, Value *value);

/* value's definition takes over the annotations of the statement that node stood for. */
void carry_annotations(const Node *node, Value *value);

/* Whether vectors of bf16 are worth multiplying pair by pair: with dot instructions, but not beside
 * matrix tiles, where these are no faster than f32. */
static inline bool wants_bf16_pairs(const TargetDesc *target) {
    return target_dot(target, DT_bf16, DT_bf16) == 2 && !target->amx_bf16;
}

/* Fewer input channels a group than make the groups of dot instructions worth while along them; not
 * so where a symbol decides. */
bool has_few_channels(const Node *conv);
/* Whether a convolution of few channels takes pairs of its kernel's columns for dot instructions:
 * see passes/pair_columns.c, which makes it so. */
bool sums_column_pairs(const TargetDesc *target, const Node *conv);

/* The value as a scalar or single element that is known now. */
bool value_is_literal(const Value *value, double *number);

/* The value of a constant expression, layout ignored. Data that exist are not copied, others go to
 * the arena. False with a diagnostic where weights are missing. */
bool constant_value(PassContext *context, const Value *value, Tensor *tensor, Arena *arena);

#endif
