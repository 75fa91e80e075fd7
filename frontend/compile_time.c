/* Functions of compile-time values, and constants in place. */
#include "frontend/elaborate.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static Val wrong_arguments(Elab *e, const CallSite *call, const char *takes) {
    diag_error(e->diag, call->span, "'%s' takes %s", call->callee, takes);
    return val_error();
}

static bool unnamed(const CallSite *call, int count) {
    for (int i = 0; i < call->count; i++)
        if (call->given[i].arg->name.text) return false;
    return call->count == count;
}

static Val wrong_value(Elab *e, const CallSite *call, int i, const char *takes) {
    Val value = call->given[i].value;
    const char *op = strcmp(call->callee, "min") == 0   ? "minimum"
                     : strcmp(call->callee, "max") == 0 ? "maximum"
                                                        : NULL;
    const char *mend = "";
    if (value.kind == VAL_TENSOR && op)
        mend = elab_printf(e, "; '%s' is the operator on tensors", op);
    diag_error(e->diag, call->given[i].arg->value->span, "'%s' takes %s, found %s%s", call->callee,
               takes, elab_describe(e, value), mend);
    return val_error();
}

/* ---- least and greatest ---- */

static Val pick(Elab *e, const CallSite *call, Val a, Val b, bool greatest) {
    DimContext *dims = e->module->dims;
    if (val_is_number(a) && val_is_number(b)) {
        bool less =
            a.kind == VAL_INT && b.kind == VAL_INT ? a.i < b.i : val_number(a) < val_number(b);
        return less == greatest ? b : a;
    }
    bool sizes =
        (a.kind == VAL_INT || a.kind == VAL_DIM) && (b.kind == VAL_INT || b.kind == VAL_DIM);
    if (!sizes) return wrong_arguments(e, call, "integers and floats, or sizes");
    Dim p = a.kind == VAL_DIM ? a.dim : dim_int(dims, a.i),
        q = b.kind == VAL_DIM ? b.dim : dim_int(dims, b.i);
    Dim result = greatest ? dim_max(dims, p, q) : dim_min(dims, p, q);
    if (result) return val_dim(result);
    diag_error(e->diag, call->span, "the size is too complicated");
    return val_error();
}

static Val extreme(Elab *e, const CallSite *call, bool greatest) {
    static const char takes[] = "numbers, or one list of them";
    if (call->count == 0 || !unnamed(call, call->count)) return wrong_arguments(e, call, takes);
    Val first = call->given[0].value;
    bool listed = call->count == 1 && val_length(first) > 0;
    int64_t count = listed ? val_length(first) : call->count;
    Val best = {0};
    if (!elab_charge(e, call->span, count)) return val_error();
    for (int64_t i = 0; i < count; i++) {
        Val item = listed ? val_item(first, i) : call->given[i].value;
        if (!val_is_number(item) && item.kind != VAL_DIM)
            return wrong_value(e, call, listed ? 0 : (int)i, takes);
        best = i == 0 ? item : pick(e, call, best, item, greatest);
        if (best.kind == VAL_ERROR) return best;
    }
    return best;
}

static Val call_min(Elab *e, const CallSite *call) {
    return extreme(e, call, false);
}
static Val call_max(Elab *e, const CallSite *call) {
    return extreme(e, call, true);
}

/* ---- one number ---- */

static Val call_len(Elab *e, const CallSite *call) {
    if (!unnamed(call, 1)) return wrong_arguments(e, call, "one list");
    int64_t length = val_length(call->given[0].value);
    return length < 0 ? wrong_value(e, call, 0, "one list") : val_int(length);
}

static Val call_abs(Elab *e, const CallSite *call) {
    if (!unnamed(call, 1)) return wrong_arguments(e, call, "one number");
    Val v = call->given[0].value;
    int64_t negated;
    if (v.kind == VAL_FLOAT) return val_float(fabs(v.f));
    if (v.kind != VAL_INT) return wrong_value(e, call, 0, "one number");
    if (v.i >= 0) return v;
    if (checked_sub(0, v.i, &negated)) return val_int(negated);
    diag_error(e->diag, call->span, "the result of 'abs' is beyond 64 bits");
    return val_error();
}

static Val call_sqrt(Elab *e, const CallSite *call) {
    if (!unnamed(call, 1)) return wrong_arguments(e, call, "one number");
    Val v = call->given[0].value;
    if (!val_is_number(v)) return wrong_value(e, call, 0, "one number");
    if (val_number(v) < 0) return wrong_value(e, call, 0, "a number that is not negative");
    return val_float(sqrt(val_number(v)));
}

/* A float as the integer that rounding gives. */
static Val rounded(Elab *e, const CallSite *call, double (*rounding)(double)) {
    if (!unnamed(call, 1)) return wrong_arguments(e, call, "one number");
    Val v = call->given[0].value;
    if (v.kind == VAL_INT) return v;
    if (v.kind != VAL_FLOAT) return wrong_value(e, call, 0, "one number");
    double result = rounding(v.f);
    if (fabs(result) < 9.2e18) return val_int((int64_t)result);
    return wrong_value(e, call, 0, "a number within 64 bits");
}

static double half_to_even(double x) {
    double below = floor(x), rest = x - below;
    bool up = rest > 0.5 || (rest == 0.5 && fmod(below, 2) != 0);
    return up ? below + 1 : below;
}

static Val call_floor(Elab *e, const CallSite *call) {
    return rounded(e, call, floor);
}
static Val call_ceil(Elab *e, const CallSite *call) {
    return rounded(e, call, ceil);
}
static Val call_round(Elab *e, const CallSite *call) {
    return rounded(e, call, half_to_even);
}

/* ---- constants ---- */

static Val call_const(Elab *e, const CallSite *call) {
    static const Formal formals[] = {{"value", NULL, false}, {"dtype", NULL, false}};
    Actual actuals[2];
    if (!match_arguments(e, call, formals, 2, actuals)) return val_error();
    if (actuals[1].value.kind == VAL_DTYPE)
        return add_constant_like(e, actuals[0].value, actuals[1].value.dtype,
                                 actuals[0].arg->value);
    diag_error(e->diag, actuals[1].span, "'const' takes an element type here, found %s",
               elab_describe(e, actuals[1].value));
    return val_error();
}

/* ---- the table ---- */

static const struct {
    const char *name;
    CompileTimeFunction *function;
} functions[] = {
    {"min", call_min},   {"max", call_max},     {"len", call_len},
    {"abs", call_abs},   {"sqrt", call_sqrt},   {"floor", call_floor},
    {"ceil", call_ceil}, {"round", call_round}, {"const", call_const},
};

size_t compile_time_names(const char **names, size_t limit) {
    size_t count = 0;
    for (; count < COUNT_OF(functions) && count < limit; count++)
        names[count] = functions[count].name;
    return count;
}

CompileTimeFunction *compile_time_function(const CallSite *call) {
    OpKind op;
    bool tensors = false;
    for (int i = 0; i < call->count; i++) tensors |= call->given[i].value.kind == VAL_TENSOR;
    for (size_t i = 0; i < COUNT_OF(functions); i++) {
        if (strcmp(functions[i].name, call->callee) != 0) continue;
        bool operator_meant = tensors && op_from_name(call->callee, &op) && operator_callable(op);
        return operator_meant ? NULL : functions[i].function;
    }
    return NULL;
}
