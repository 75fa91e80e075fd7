/* Arithmetic. Compile-time integers are exact and say when they overflow; a quotient of integers is
 * an integer where it is whole and a float elsewhere; sizes with symbols stay polynomials. With a
 * tensor on either side an operator is the pointwise one of the graph. */
#include "frontend/elaborate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static Val overflow(Elab *e, const Expr *x) {
    diag_error(e->diag, x->span, "the result of '%s' is beyond 64 bits", operator_text(x->op));
    return val_error();
}

static Val bad_operands(Elab *e, const Expr *x, Val a, Val b) {
    diag_error(e->diag, x->op_span, "'%s' does not combine %s and %s", operator_text(x->op),
               elab_describe(e, a), elab_describe(e, b));
    return val_error();
}

static Val division_by_zero(Elab *e, const Expr *x) {
    diag_error(e->diag, x->b->span, "division by zero");
    return val_error();
}

/* ---- integers ---- */

static bool int_power(int64_t base, int64_t exponent, int64_t *result) {
    *result = 1;
    if (base == 0 || base == 1 || base == -1) { /* the only ones whose high powers fit */
        if (exponent > 0) *result = base == -1 && exponent % 2 == 0 ? 1 : base;
        return true;
    }
    for (; exponent > 0; exponent--)
        if (!checked_mul(*result, base, result)) return false;
    return true;
}

static bool shift_left(int64_t a, int64_t count, int64_t *result) {
    if (count > 62) return (*result = 0, a == 0);
    return checked_mul(a, INT64_C(1) << count, result);
}

static Val int_quotient(Elab *e, const Expr *x, int64_t a, int64_t b) {
    if (b == 0) return division_by_zero(e, x);
    if (b == -1) {
        int64_t negated;
        return checked_sub(0, a, &negated) ? val_int(negated) : overflow(e, x);
    }
    if (x->op == OPERATOR_FLOORDIV) return val_int(floor_div(a, b));
    return a % b == 0 ? val_int(a / b) : val_float((double)a / (double)b);
}

static Val int_shift(Elab *e, const Expr *x, int64_t a, int64_t count) {
    int64_t r;
    if (count < 0) {
        diag_error(e->diag, x->b->span, "a shift cannot be negative, found %" PRId64, count);
        return val_error();
    }
    if (x->op == OPERATOR_SHR)
        return val_int(count > 62 ? (a < 0 ? -1 : 0) : floor_div(a, INT64_C(1) << count));
    return shift_left(a, count, &r) ? val_int(r) : overflow(e, x);
}

static Val float_arith(Elab *e, const Expr *x, double a, double b);

static Val int_arith(Elab *e, const Expr *x, int64_t a, int64_t b) {
    int64_t r = 0;
    switch (x->op) {
    case OPERATOR_ADD: return checked_add(a, b, &r) ? val_int(r) : overflow(e, x);
    case OPERATOR_SUB: return checked_sub(a, b, &r) ? val_int(r) : overflow(e, x);
    case OPERATOR_MUL: return checked_mul(a, b, &r) ? val_int(r) : overflow(e, x);
    case OPERATOR_DIV:
    case OPERATOR_FLOORDIV: return int_quotient(e, x, a, b);
    case OPERATOR_MOD:
        if (b == 0) return division_by_zero(e, x);
        return val_int(b == -1 ? 0 : floor_mod(a, b));
    case OPERATOR_POW:
        if (b < 0) return float_arith(e, x, (double)a, (double)b);
        return int_power(a, b, &r) ? val_int(r) : overflow(e, x);
    case OPERATOR_SHL:
    case OPERATOR_SHR: return int_shift(e, x, a, b);
    case OPERATOR_EQ: return val_bool(a == b);
    case OPERATOR_NE: return val_bool(a != b);
    case OPERATOR_LT: return val_bool(a < b);
    case OPERATOR_LE: return val_bool(a <= b);
    case OPERATOR_GT: return val_bool(a > b);
    case OPERATOR_GE: return val_bool(a >= b);
    default: return bad_operands(e, x, val_int(a), val_int(b));
    }
}

/* ---- floats ---- */

/* By repeated squaring and never by libm, whose last bit differs between hosts. */
static bool float_power(double base, double exponent, double *result) {
    if (fabs(exponent) == 0.5) {
        *result = exponent < 0 ? 1 / sqrt(base) : sqrt(base);
        return true;
    }
    if (exponent != floor(exponent) || fabs(exponent) > 1e6) return false;
    double r = 1;
    for (int64_t n = (int64_t)fabs(exponent); n > 0; n /= 2, base *= base)
        if (n % 2) r *= base;
    *result = exponent < 0 ? 1 / r : r;
    return true;
}

static Val finite_value(Elab *e, const Expr *x, double value) {
    if (isfinite(value)) return val_float(value);
    diag_error(e->diag, x->span, "the result of '%s' is not a finite number", operator_text(x->op));
    return val_error();
}

static Val float_arith(Elab *e, const Expr *x, double a, double b) {
    double r;
    switch (x->op) {
    case OPERATOR_ADD: return finite_value(e, x, a + b);
    case OPERATOR_SUB: return finite_value(e, x, a - b);
    case OPERATOR_MUL: return finite_value(e, x, a * b);
    case OPERATOR_DIV: return b == 0 ? division_by_zero(e, x) : finite_value(e, x, a / b);
    case OPERATOR_FLOORDIV:
        return b == 0 ? division_by_zero(e, x) : finite_value(e, x, floor(a / b));
    case OPERATOR_POW:
        if (float_power(a, b, &r)) return finite_value(e, x, r);
        diag_error(e->diag, x->b->span, "a compile-time power takes a whole exponent, 0.5 or -0.5");
        return val_error();
    case OPERATOR_EQ: return val_bool(a == b);
    case OPERATOR_NE: return val_bool(a != b);
    case OPERATOR_LT: return val_bool(a < b);
    case OPERATOR_LE: return val_bool(a <= b);
    case OPERATOR_GT: return val_bool(a > b);
    case OPERATOR_GE: return val_bool(a >= b);
    default: return bad_operands(e, x, val_float(a), val_float(b));
    }
}

/* ---- sizes with symbols ---- */

static Val dim_result(Elab *e, const Expr *x, Dim result) {
    return result ? val_dim(result) : overflow(e, x);
}

static Val undecided(Elab *e, const Expr *x, Dim a, Dim b) {
    int64_t constant;
    Dim symbolic = dim_is_int(a, &constant) ? b : a;
    diag_error(e->diag, x->span, "whether %s %s %s depends on the sizes of a run%s",
               dim_text(e->module->dims, e->arena, a), operator_text(x->op),
               dim_text(e->module->dims, e->arena, b), elab_bind_hint(e, symbolic));
    return val_error();
}

/* a < b as 1, 0 or -1 (it depends). */
static int dim_less(DimContext *dims, Dim a, Dim b) {
    int reverse = dim_le(dims, b, a);
    return reverse < 0 ? -1 : !reverse;
}

static Val dim_compare(Elab *e, const Expr *x, Dim a, Dim b) {
    DimContext *dims = e->module->dims;
    int truth = -1;
    switch (x->op) {
    case OPERATOR_LT: truth = dim_less(dims, a, b); break;
    case OPERATOR_LE: truth = dim_le(dims, a, b); break;
    case OPERATOR_GT: truth = dim_less(dims, b, a); break;
    case OPERATOR_GE: truth = dim_le(dims, b, a); break;
    default:
        if (a == b)
            truth = 1;
        else if (dim_is_int(dim_sub(dims, a, b), NULL) || dim_less(dims, a, b) == 1 ||
                 dim_less(dims, b, a) == 1)
            truth = 0;
        if (truth >= 0 && x->op == OPERATOR_NE) truth = !truth;
        break;
    }
    return truth < 0 ? undecided(e, x, a, b) : val_bool(truth);
}

static Val dim_arith(Elab *e, const Expr *x, Dim a, Dim b) {
    DimContext *dims = e->module->dims;
    switch (x->op) {
    case OPERATOR_ADD: return dim_result(e, x, dim_add(dims, a, b));
    case OPERATOR_SUB: return dim_result(e, x, dim_sub(dims, a, b));
    case OPERATOR_MUL: return dim_result(e, x, dim_mul(dims, a, b));
    case OPERATOR_FLOORDIV:
    case OPERATOR_MOD: {
        int64_t divisor;
        if (dim_is_int(b, &divisor) && divisor <= 0) {
            diag_error(e->diag, x->b->span,
                       "a size is divided by a number greater than 0, found %" PRId64, divisor);
            return val_error();
        }
        return dim_result(e, x,
                          x->op == OPERATOR_MOD ? dim_mod(dims, a, b) : dim_floordiv(dims, a, b));
    }
    case OPERATOR_DIV: {
        Dim quotient = dim_divide_exact(dims, a, b);
        if (quotient) return val_dim(quotient);
        diag_error(e->diag, x->span, "%s does not divide %s for every size; '//' rounds down",
                   dim_text(dims, e->arena, b), dim_text(dims, e->arena, a));
        return val_error();
    }
    case OPERATOR_EQ:
    case OPERATOR_NE:
    case OPERATOR_LT:
    case OPERATOR_LE:
    case OPERATOR_GT:
    case OPERATOR_GE: return dim_compare(e, x, a, b);
    default: return bad_operands(e, x, val_dim(a), val_dim(b));
    }
}

/* ---- lists and strings ---- */

static Val join_texts(Elab *e, const Expr *x, const char *a, const char *b) {
    if (strlen(a) + strlen(b) <= MAX_TEXT_BYTES) return val_string(elab_printf(e, "%s%s", a, b));
    diag_error(e->diag, x->span, "a text of more than %d bytes", MAX_TEXT_BYTES);
    return val_error();
}

/* `a + b`, and `a * n` as n copies of a. */
static Val join_lists(Elab *e, const Expr *x, Val a, Val b, int64_t copies) {
    int64_t first = val_length(a), second = val_length(b), count;
    if (!checked_mul(first, copies, &count) || !checked_add(count, second, &count) ||
        count > MAX_LIST_ITEMS) {
        diag_error(e->diag, x->span, "a list of more than %d items", MAX_LIST_ITEMS);
        return val_error();
    }
    if (!elab_charge(e, x->span, count)) return val_error();
    Val *items = arena_array(e->arena, Val, (size_t)count);
    int64_t n = 0;
    for (int64_t copy = 0; copy < copies && first > 0; copy++)
        for (int64_t i = 0; i < first; i++) items[n++] = val_item(a, i);
    for (int64_t i = 0; i < second; i++) items[n++] = val_item(b, i);
    return val_list(e->arena, (size_t)count, items);
}

static Val other_arith(Elab *e, const Expr *x, Val a, Val b) {
    if (x->op == OPERATOR_EQ || x->op == OPERATOR_NE) {
        bool comparable = a.kind == b.kind || (val_length(a) >= 0 && val_length(b) >= 0);
        return comparable ? val_bool(val_equal(a, b) == (x->op == OPERATOR_EQ))
                          : bad_operands(e, x, a, b);
    }
    if (x->op == OPERATOR_ADD && a.kind == VAL_STRING && b.kind == VAL_STRING)
        return join_texts(e, x, a.s, b.s);
    if (x->op == OPERATOR_ADD && val_length(a) >= 0 && val_length(b) >= 0)
        return join_lists(e, x, a, b, 1);
    if (x->op == OPERATOR_MUL && val_length(a) >= 0 && b.kind == VAL_INT && b.i >= 0)
        return join_lists(e, x, a, val_range(0, 0), b.i);
    return bad_operands(e, x, a, b);
}

/* ---- operators ---- */

static Val tensor_arith(Elab *e, const Expr *x, int count, const Val *values, const Span *spans) {
    const char *op = operator_tensor_op(x->op);
    if (op) return add_pointwise(e, op, count, values, spans, x->span);
    diag_error(e->diag, x->op_span, "'%s' works on compile-time integers, not on tensors",
               operator_text(x->op));
    return val_error();
}

static bool is_size(Val v) {
    return v.kind == VAL_INT || v.kind == VAL_DIM;
}

static Dim as_dim(Elab *e, Val v) {
    return v.kind == VAL_DIM ? v.dim : dim_int(e->module->dims, v.i);
}

Val elab_binary(Elab *e, const Expr *x, Val a, Val b) {
    if (a.kind == VAL_TENSOR || b.kind == VAL_TENSOR)
        return tensor_arith(e, x, 2, (Val[]){a, b}, (Span[]){x->a->span, x->b->span});
    if (a.kind == VAL_INT && b.kind == VAL_INT) return int_arith(e, x, a.i, b.i);
    if (is_size(a) && is_size(b)) return dim_arith(e, x, as_dim(e, a), as_dim(e, b));
    if (val_is_number(a) && val_is_number(b))
        return float_arith(e, x, val_number(a), val_number(b));
    /* The left side did not decide (elaborate_expr.c). */
    bool logical = x->op == OPERATOR_AND || x->op == OPERATOR_OR;
    if (logical && a.kind == VAL_BOOL && b.kind == VAL_BOOL) return b;
    return other_arith(e, x, a, b);
}

Val elab_unary(Elab *e, const Expr *x, Val a) {
    int64_t negated;
    if (a.kind == VAL_ERROR) return a;
    if (a.kind == VAL_TENSOR) return tensor_arith(e, x, 1, &a, &x->a->span);
    if (x->op == OPERATOR_NOT && a.kind == VAL_BOOL) return val_bool(!a.i);
    if (x->op == OPERATOR_NEG && a.kind == VAL_INT)
        return checked_sub(0, a.i, &negated) ? val_int(negated) : overflow(e, x);
    if (x->op == OPERATOR_NEG && a.kind == VAL_FLOAT) return val_float(-a.f);
    if (x->op == OPERATOR_NEG && a.kind == VAL_DIM)
        return dim_result(e, x, dim_sub(e->module->dims, dim_int(e->module->dims, 0), a.dim));
    diag_error(e->diag, x->span, "'%s' does not apply to %s", operator_text(x->op),
               elab_describe(e, a));
    return val_error();
}
