/* What test kernels compute: one function for each family of operators. */
#ifndef NNC_TESTS_CPU_CASES_H
#define NNC_TESTS_CPU_CASES_H

#include "cpu_operators.h"

static const DType types[] = {DT_f32, DT_f64, DT_f16, DT_bf16, DT_i8, DT_u8,
                              DT_i16, DT_i32, DT_i64, DT_bool, DT_i4, DT_u4};

typedef void BuildCase(Operators *o);

/* ---- unary ---------------------------------------------------------------------------------- */

static inline void build_unary(Operators *o) {
    LBuilder *b = &o->f.b;
    static const struct {
        LUnary op;
        const char *name;
    } rows[] = {{LU_SQRT, "sqrt"},        {LU_FLOOR, "floor"},  {LU_CEIL, "ceil"},
                {LU_TRUNC, "trunc"},      {LU_NEG, "neg"},      {LU_ABS, "abs"},
                {LU_ROUND_EVEN, "round"}, {LU_IS_NAN, "is_nan"}};
    if (dtype_is_float(o->dtype)) {
        for (size_t i = 0; i < COUNT_OF(rows); i++)
            result(o, rows[i].name, lx_unary(b, rows[i].op, o->x));
        return;
    }
    result(o, "not", lx_unary(b, LU_NOT, o->x));
    if (o->dtype == DT_bool) return;
    result(o, "neg", lx_unary(b, LU_NEG, o->x));
    result(o, "abs", lx_unary(b, LU_ABS, o->x));
}

/* ---- binary --------------------------------------------------------------------------------- */

static inline void add_binary(Operators *o, const char *name, LBinary op, LX x, LX y) {
    LX value = lx_binary(&o->f.b, op, x, y);
    o->zero_signs[value->type.dtype][o->rows[value->type.dtype]] = op == LB_MIN || op == LB_MAX;
    result(o, name, value);
}

static inline void build_compare(Operators *o) {
    static const char *const names[] = {"eq", "ne", "lt", "le", "gt", "ge"};
    int count = o->dtype == DT_bool ? 2 : 6; /* bool has no order */
    for (int k = 0; k < count; k++) add_binary(o, names[k], (LBinary)(LB_EQ + k), o->x, o->y);
    LBuilder *b = &o->f.b;
    LX differ = lx_binary(b, LB_NE, o->x, o->z);
    result(o, "select", lx_select(b, differ, o->x, o->y));
    if (o->dtype == DT_bool) {
        add_binary(o, "and", LB_AND, o->x, o->y);
        add_binary(o, "or", LB_OR, o->x, o->y);
        add_binary(o, "xor", LB_XOR, o->x, o->y);
    }
}

static inline void build_float_binary(Operators *o) {
    LBuilder *b = &o->f.b;
    static const LBinary ops[] = {LB_ADD, LB_SUB, LB_MUL, LB_DIV, LB_MIN, LB_MAX};
    static const char *const names[] = {"add", "sub", "mul", "div", "min", "max"};
    for (size_t i = 0; i < COUNT_OF(ops); i++) add_binary(o, names[i], ops[i], o->x, o->y);
    add_binary(o, "max of a constant", LB_MAX, o->x, lx_const(b, o->x->type, 0));
    add_binary(o, "min of a constant", LB_MIN, lx_const(b, o->x->type, 6), o->x);
    cpu_describe_target(&o->f);
    /* Without the instruction a product and a sum are rounded each. */
    if (o->f.desc.fma) result(o, "fma", lx_fma(b, o->x, o->y, o->z));
}

static inline void build_int_binary(Operators *o) {
    LBuilder *b = &o->f.b;
    static const LBinary ops[] = {LB_ADD, LB_SUB, LB_MUL, LB_MIN,     LB_MAX,
                                  LB_AND, LB_OR,  LB_XOR, LB_ADD_SAT, LB_SUB_SAT};
    static const char *const names[] = {"add", "sub", "mul", "min",     "max",
                                        "and", "or",  "xor", "add_sat", "sub_sat"};
    for (size_t i = 0; i < COUNT_OF(ops); i++) add_binary(o, names[i], ops[i], o->x, o->y);
    LX positive = lx_binary(b, LB_MAX, o->z, lx_const_int(b, o->x->type, 1));
    LX amount = lx_binary(b, LB_AND, o->y, lx_const_int(b, o->x->type, 3));
    add_binary(o, "div", LB_DIV, o->x, o->y);
    add_binary(o, "floordiv", LB_FLOORDIV, o->x, positive);
    add_binary(o, "mod", LB_MOD, o->x, positive);
    static const int64_t divisors[] = {1, 3, 4, 7};
    for (size_t i = 0; i < COUNT_OF(divisors); i++) {
        LX c = lx_const_int(b, o->x->type, divisors[i]);
        add_binary(o, "floordiv by constant", LB_FLOORDIV, o->x, c);
        add_binary(o, "mod by constant", LB_MOD, o->x, c);
        add_binary(o, "div by constant", LB_DIV, o->x, c);
    }
    add_binary(o, "shl", LB_SHL, o->x, amount);
    add_binary(o, "shr", LB_SHR, o->x, amount);
    add_binary(o, "shr by constant", LB_SHR, o->x, lx_const_int(b, o->x->type, 2));
}

static inline void build_binary(Operators *o) {
    if (dtype_is_float(o->dtype)) build_float_binary(o);
    if (dtype_is_int(o->dtype)) build_int_binary(o);
}

/* ---- casts ---------------------------------------------------------------------------------- */

static inline void build_casts(Operators *o) {
    LBuilder *b = &o->f.b;
    for (size_t t = 0; t < COUNT_OF(types); t++) {
        bool from_float = dtype_is_float(o->dtype), to_int = dtype_is_int(types[t]);
        if (!(from_float && to_int)) result(o, "cast", lx_cast(b, CAST_VALUE, types[t], o->x));
        if (o->dtype == DT_bool || !to_int) continue;
        result(o, "saturating cast", lx_cast(b, CAST_SATURATE, types[t], o->x));
        if (from_float) result(o, "rounding cast", lx_cast(b, CAST_SATURATE_ROUND, types[t], o->x));
    }
}

static inline void build_bitcasts(Operators *o) {
    static const DType same_width[][2] = {{DT_f32, DT_i32},  {DT_i32, DT_f32}, {DT_f64, DT_i64},
                                          {DT_i64, DT_f64},  {DT_f16, DT_i16}, {DT_i16, DT_f16},
                                          {DT_i16, DT_bf16}, {DT_i8, DT_u8}};
    for (size_t i = 0; i < COUNT_OF(same_width); i++) {
        if (same_width[i][0] == o->dtype)
            result(o, "bitcast", lx_bitcast(&o->f.b, same_width[i][1], o->x));
    }
}

/* ---- lanes ---------------------------------------------------------------------------------- */

static inline void build_lanes(Operators *o) {
    LBuilder *b = &o->f.b;
    int n = o->lanes, backwards[16], mixed[16], half[8];
    if (n == 1) return;
    for (int i = 0; i < n; i++) backwards[i] = n - 1 - i;
    for (int i = 0; i < n; i++) mixed[i] = i % 2 ? n + i : i;
    for (int i = 0; i < n / 2; i++) half[i] = 2 * i + 1;
    result(o, "reverse", lx_shuffle(b, o->x, NULL, n, backwards));
    result(o, "mix", lx_shuffle(b, o->x, o->y, n, mixed));
    LX odd = lx_shuffle(b, o->x, NULL, n / 2, half), even = lx_shuffle(b, o->y, NULL, n / 2, half);
    result(o, "longer result", lx_shuffle(b, odd, even, n, backwards));
    result(o, "extract", lx_broadcast(b, lx_extract(b, o->x, n - 1), n));
    if (o->dtype == DT_bool) {
        result(o, "any", lx_broadcast(b, lx_reduce(b, LB_OR, o->x), n));
        return;
    }
    o->zero_signs[o->dtype][o->rows[o->dtype]] = true;
    result(o, "greatest", lx_broadcast(b, lx_reduce(b, LB_MAX, o->x), n));
    result(o, "sum", lx_broadcast(b, lx_reduce(b, LB_ADD, o->x), n));
    int three[] = {0, 1, 2};
    result(o, "sum of three",
           lx_broadcast(b, lx_reduce(b, LB_ADD, lx_shuffle(b, o->x, NULL, 3, three)), n));
}

/* ---- transcendentals ------------------------------------------------------------------------ */

static inline void build_math(Operators *o) {
    LBuilder *b = &o->f.b;
    if (!dtype_is_float(o->dtype)) return;
    cpu_describe_target(&o->f);
    if (!o->f.desc.fma) return; /* the evaluator's fma is exact */
    result(o, "exp", lm_exp(b, o->x));
    result(o, "log", lm_log(b, o->x));
    result(o, "tanh", lm_tanh(b, o->x));
    result(o, "sigmoid", lm_sigmoid(b, o->x));
    result(o, "erf", lm_erf(b, o->x));
    result(o, "pow", lm_pow(b, o->x, o->y));
}

static BuildCase *const builders[] = {build_unary, build_compare, build_binary,
                                      build_casts, build_lanes,   build_math};

#endif
