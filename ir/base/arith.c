/* Integer arithmetic that notices overflow, and division that rounds down or up. */
#include "ir/base/base.h"

bool checked_add(int64_t a, int64_t b, int64_t *result) {
    return !__builtin_add_overflow(a, b, result);
}

bool checked_sub(int64_t a, int64_t b, int64_t *result) {
    return !__builtin_sub_overflow(a, b, result);
}

bool checked_mul(int64_t a, int64_t b, int64_t *result) {
    return !__builtin_mul_overflow(a, b, result);
}

/* INT64_MIN / -1 does not fit: the quotient wraps to INT64_MIN instead of trapping. */
int64_t floor_div(int64_t a, int64_t b) {
    require(b != 0);
    if (b == -1) return (int64_t)(0 - (uint64_t)a);
    int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a % b < 0) != (b < 0));
}

int64_t floor_mod(int64_t a, int64_t b) {
    require(b != 0);
    if (b == -1) return 0;
    int64_t remainder = a % b;
    return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

int64_t ceil_div(int64_t a, int64_t b) {
    require(b != 0);
    if (b == -1) return floor_div(a, b);
    int64_t quotient = a / b;
    return quotient + (a % b != 0 && (a % b < 0) == (b < 0));
}
