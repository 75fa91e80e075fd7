/* Expressions over symbols: sizes, ranges and operation counts as data. */
#include "nn/nn.h"

static int64_t floor_quotient(int64_t a, int64_t b) {
    int64_t q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static nn_status apply(int64_t opcode, int64_t a, int64_t b, int64_t *result) {
    switch (opcode) {
    case NN_EXPR_ADD: return __builtin_add_overflow(a, b, result) ? NN_TOO_LARGE : NN_OK;
    case NN_EXPR_MUL: return __builtin_mul_overflow(a, b, result) ? NN_TOO_LARGE : NN_OK;
    case NN_EXPR_FLOORDIV:
    case NN_EXPR_MOD:
        if (b <= 0) return NN_INVALID;
        *result = floor_quotient(a, b);
        if (opcode == NN_EXPR_MOD) *result = a - *result * b;
        return NN_OK;
    case NN_EXPR_MIN: *result = a < b ? a : b; return NN_OK;
    case NN_EXPR_MAX: *result = a > b ? a : b; return NN_OK;
    default: return NN_INVALID;
    }
}

nn_status nn_eval(const nn_expr *expr, const int64_t *symbols, size_t symbol_count,
                  int64_t *value) {
    int64_t stack[NN_EXPR_DEPTH];
    size_t depth = 0;
    if (!expr || !value || expr->length == 0 || expr->length % 2 != 0 || !expr->code) {
        return NN_INVALID;
    }
    for (size_t i = 0; i < expr->length; i += 2) {
        int64_t opcode = expr->code[i], operand = expr->code[i + 1];
        if (opcode == NN_EXPR_CONST || opcode == NN_EXPR_SYMBOL) {
            if (depth == NN_EXPR_DEPTH) return NN_INVALID;
            if (opcode == NN_EXPR_SYMBOL) {
                if (!symbols || operand < 0 || (uint64_t)operand >= symbol_count) return NN_INVALID;
                operand = symbols[operand];
            }
            stack[depth++] = operand;
            continue;
        }
        if (depth < 2) return NN_INVALID;
        nn_status status = apply(opcode, stack[depth - 2], stack[depth - 1], &stack[depth - 2]);
        if (status != NN_OK) return status;
        depth--;
    }
    if (depth != 1) return NN_INVALID;
    *value = stack[0];
    return NN_OK;
}
