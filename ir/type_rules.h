/* What the type rules share. Internal to ir/: a rule is reached through op_infer.
 *
 * Layouts: operators that keep a tensor's axes (pointwise, softmax, scan, convolution, pooling, concat,
 * pad, slice, resize, normalization) give their result the layout of the operand it resembles; all
 * others give row-major. An operand may have any layout: index arithmetic hides it, and choosing
 * well is a pass's work. */
#ifndef NNC_IR_TYPE_RULES_H
#define NNC_IR_TYPE_RULES_H

#include "ir/op.h"

/* Declares bool type_NAME(TypeQuery *) for every rule of the table. */
#define OP(name, family, operands, attrs, rule, onnx, doc) TypeRule type_##rule;
#include "ir/ops.def"
#undef OP

/* Each returns false, so that a rule can `return rule_fail(...)`. */
bool rule_fail(TypeQuery *q, const char *format, ...) PRINTF_LIKE(2, 3);
bool rule_fail_operand(TypeQuery *q, int operand, const char *format, ...) PRINTF_LIKE(3, 4);
bool rule_fail_attr(TypeQuery *q, const char *attr, const char *format, ...) PRINTF_LIKE(3, 4);

const Attr *rule_attr(TypeQuery *q, const char *name);
const char *rule_type_text(TypeQuery *q, int operand);
const char *rule_op_name(const TypeQuery *q);

/* Adds a result; fails where a dimension is null. */
bool rule_result(TypeQuery *q, DType dtype, int rank, const Dim *dims, LayoutRef layout);

/* Requirements on operands. */
bool rule_needs_float(TypeQuery *q, int operand);
bool rule_needs_number(TypeQuery *q, int operand);
bool rule_needs_rank(TypeQuery *q, int operand, int least, int greatest);
bool rule_needs_same_dtype(TypeQuery *q, int a, int b);
/* Operand is a vector of `length` elements, the `what` of operand 0. */
bool rule_needs_vector(TypeQuery *q, int operand, Dim length, const char *what);

/* The axis attribute as 0 .. rank-1. */
bool rule_axis(TypeQuery *q, const char *attr, int64_t axis, int rank, int *normalized);

#endif
