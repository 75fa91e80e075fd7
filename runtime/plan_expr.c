#include "plan_expr.h"

typedef struct Interval {
    int64_t lo, hi;
} Interval;

int nn_expr_is_valid(const nn_expr *expr, size_t symbol_count, int *constant) {
    size_t depth = 0;
    *constant = 1;
    if (expr->length == 0 || expr->length % 2 != 0 || expr->length > NN_EXPR_MAX_LENGTH) return 0;
    if (!expr->code) return 0;
    for (size_t i = 0; i < expr->length; i += 2) {
        int64_t opcode = expr->code[i], operand = expr->code[i + 1];
        if (opcode == NN_EXPR_CONST || opcode == NN_EXPR_SYMBOL) {
            if (depth++ == NN_EXPR_DEPTH) return 0;
            if (opcode == NN_EXPR_CONST) continue;
            if (operand < 0 || (uint64_t)operand >= symbol_count) return 0;
            *constant = 0;
            continue;
        }
        if (opcode < NN_EXPR_ADD || opcode > NN_EXPR_MAX || depth < 2) return 0;
        depth--;
    }
    return depth == 1;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static int64_t floor_quotient(int64_t a, int64_t b) {
    int64_t q = a / b;
    return a % b != 0 && a < 0 ? q - 1 : q;
}

static nn_status multiply(Interval x, Interval y, Interval *result) {
    int64_t a, b, c, d;
    if (__builtin_mul_overflow(x.lo, y.lo, &a) || __builtin_mul_overflow(x.lo, y.hi, &b) ||
        __builtin_mul_overflow(x.hi, y.lo, &c) || __builtin_mul_overflow(x.hi, y.hi, &d)) {
        return NN_TOO_LARGE;
    }
    *result = (Interval){least(least(a, b), least(c, d)), most(most(a, b), most(c, d))};
    return NN_OK;
}

/* Quotients lie between those of the four corners; a divisor below 1 never gets into a run. */
static Interval quotient(Interval x, Interval y) {
    int64_t small = most(y.lo, 1), large = most(y.hi, 1);
    return (Interval){least(floor_quotient(x.lo, small), floor_quotient(x.lo, large)),
                      most(floor_quotient(x.hi, small), floor_quotient(x.hi, large))};
}

static nn_status apply(int64_t opcode, Interval x, Interval y, Interval *result) {
    switch (opcode) {
    case NN_EXPR_ADD:
        return __builtin_add_overflow(x.lo, y.lo, &result->lo) ||
                       __builtin_add_overflow(x.hi, y.hi, &result->hi)
                   ? NN_TOO_LARGE
                   : NN_OK;
    case NN_EXPR_MUL: return multiply(x, y, result);
    case NN_EXPR_FLOORDIV: *result = quotient(x, y); return NN_OK;
    case NN_EXPR_MOD: *result = (Interval){0, most(y.hi, 1) - 1}; return NN_OK;
    case NN_EXPR_MIN: *result = (Interval){least(x.lo, y.lo), least(x.hi, y.hi)}; return NN_OK;
    default: *result = (Interval){most(x.lo, y.lo), most(x.hi, y.hi)}; return NN_OK;
    }
}

nn_status nn_expr_upper(const nn_expr *expr, const int64_t *limits, int64_t *upper) {
    Interval stack[NN_EXPR_DEPTH];
    size_t depth = 0;
    for (size_t i = 0; i < expr->length; i += 2) {
        int64_t opcode = expr->code[i], operand = expr->code[i + 1];
        if (opcode == NN_EXPR_CONST) {
            stack[depth++] = (Interval){operand, operand};
        } else if (opcode == NN_EXPR_SYMBOL) {
            stack[depth++] = (Interval){0, limits[operand]};
        } else {
            Interval result = {0, 0};
            nn_status status = apply(opcode, stack[depth - 2], stack[depth - 1], &result);
            if (status != NN_OK) return status;
            stack[--depth - 1] = result;
        }
    }
    *upper = stack[0].hi;
    return NN_OK;
}
