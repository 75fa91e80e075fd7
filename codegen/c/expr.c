/* Expressions. What a statement uses more than once is computed once, into a variable. */
#include "codegen/c/printer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- counting uses --------------------------------------------------------------------------- */

static void count_uses(Printer *p, LX x) {
    if (!x) return;
    uintptr_t uses = (uintptr_t)memo_get(&p->uses, x);
    memo_set(&p->uses, x, (const void *)(uses + 1));
    if (uses > 0) return;
    for (int i = 0; i < x->nargs; i++) count_uses(p, x->args[i]);
    count_uses(p, x->mask);
    count_uses(p, x->passthrough);
}

void c_statement_begin(Printer *p, const LStmt *s) {
    memo_clear(&p->uses);
    memo_clear(&p->temps);
    count_uses(p, s->value);
    count_uses(p, s->mask);
    count_uses(p, s->begin);
    count_uses(p, s->extent);
    count_uses(p, s->count);
    for (int i = 0; i < MAX_AXES; i++) {
        count_uses(p, s->index[i]);
        count_uses(p, s->source_index[i]);
    }
}

/* Whether it may be written as often as it is used. */
static bool is_cheap(LX x) {
    if (x->kind == LX_BROADCAST || x->kind == LX_EXTRACT) return is_cheap(x->args[0]);
    return x->kind == LX_INT || x->kind == LX_FLOAT || x->kind == LX_VAR ||
           (x->kind == LX_DIM && dim_is_int(x->dim, NULL));
}

/* ---- constants ------------------------------------------------------------------------------- */

Text c_splat(Printer *p, LType type, Text scalar) {
    if (type.lanes == 1) return scalar;
    return c_text_printf(p, BIND_UNARY, "(%s)(%s)", c_value_type(p, type), scalar.s);
}

static Text scalar_int(Printer *p, DType dtype, int64_t value) {
    Binding bind = value < 0 ? BIND_UNARY : BIND_ATOM;
    if (dtype == DT_i64) {
        const char *suffix = p->dialect->i64_suffix;
        if (value == INT64_MIN)
            return c_text_printf(p, BIND_ATOM, "(-9223372036854775807%s - 1)", suffix);
        return c_text_printf(p, bind, "%lld%s", (long long)value, suffix);
    }
    if (dtype == DT_i32) {
        if (value == INT32_MIN) return c_text_atom("(-2147483647 - 1)");
        return c_text_printf(p, bind, "%lld", (long long)value);
    }
    return c_text_printf(p, BIND_UNARY, "(%s)%s%lld", p->dialect->value[dtype],
                         value < 0 ? " " : "", (long long)value);
}

Text c_literal_int(Printer *p, LType type, int64_t value) {
    if (type.dtype == DT_bool && type.lanes == 1) return c_text_atom(value ? "true" : "false");
    if (type.dtype == DT_bool) {
        return c_splat(p, type, c_text_atom(value ? "-1" : "0"));
    }
    LType scalar = ltype(type.dtype, 1);
    c_value_type(p, scalar); /* notes the type */
    return c_splat(p, type, scalar_int(p, type.dtype, value));
}

/* Short decimal where that is the very value, else hexadecimal. */
static const char *digits(Printer *p, double value, const char *suffix) {
    char text[64];
    snprintf(text, sizeof text, "%.7g", value);
    if (strtod(text, NULL) == value) {
        const char *point = strpbrk(text, ".e") ? "" : ".0";
        return arena_printf(p->arena, "%s%s%s", text, point, suffix);
    }
    if (p->dialect->decimal_floats) {
        snprintf(text, sizeof text, *suffix ? "%.9g" : "%.17g", value);
        const char *point = strpbrk(text, ".e") ? "" : ".0";
        return arena_printf(p->arena, "%s%s%s", text, point, suffix);
    }
    return arena_printf(p->arena, "%a%s", value, suffix);
}

Text c_literal_float(Printer *p, LType type, double value) {
    bool wide = type.dtype == DT_f64;
    Text scalar;
    c_value_type(p, ltype(type.dtype, 1));
    if (isnan(value) || isinf(value)) {
        const char *sign = value < 0 ? "-" : "",
                   *name = isnan(value) ? p->dialect->nan : p->dialect->infinity;
        scalar = c_text_printf(p, BIND_UNARY, "%s%s%s", wide ? "(double)" : "", sign, name);
    } else {
        scalar = c_text_printf(p, signbit(value) ? BIND_UNARY : BIND_ATOM, "%s",
                               digits(p, value, wide ? "" : p->dialect->f32_suffix));
    }
    return c_splat(p, type, scalar);
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool is_name(const char *s) {
    for (; *s; s++) {
        bool word = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                    (*s >= '0' && *s <= '9') || *s == '_' || *s == '.';
        if (!word) return false;
    }
    return true;
}

Text c_name_value(Printer *p, LType type, Text x) {
    if (is_name(x.s)) return x;
    const char *name = c_unique_name(p, "t");
    c_line(p, "const %s %s = %s;", c_value_type(p, type), name, x.s);
    return c_text_atom(name);
}

static Text variable(Printer *p, LX x) {
    const char *name = memo_get(&p->vars, x->var);
    if (!name) die("kernel %s: '%s' is used before it is defined", p->kernel->name, x->var->name);
    return c_text_atom(name);
}

/* ---- vectors --------------------------------------------------------------------------------- */

static Text broadcast(Printer *p, LX x) {
    LX scalar = x->args[0];
    if (scalar->kind == LX_INT) return c_literal_int(p, x->type, scalar->i);
    if (scalar->kind == LX_FLOAT) return c_literal_float(p, x->type, scalar->f);
    Text value = c_expr(p, scalar);
    if (x->type.lanes == 1) return value;
    if (x->type.dtype != DT_bool) return c_splat(p, x->type, value);
    return c_splat(p, x->type,
                   c_text_printf(p, BIND_COND, "%s ? -1 : 0", c_text_in(p, value, BIND_LOR)));
}

static Text ramp(Printer *p, LX x) {
    int64_t base, step;
    bool fixed = lx_is_int(x->args[0], &base), even = lx_is_int(x->args[1], &step);
    StrBuf s = {0};
    str_printf(&s, "(%s)(", c_value_type(p, x->type));
    for (int i = 0; i < x->type.lanes; i++) {
        int64_t value = (fixed && even ? base : 0) + (even ? step : 1) * i;
        str_printf(&s, "%s%lld", i ? ", " : "", (long long)value);
    }
    str_putc(&s, ')');
    Text lanes = c_text_printf(p, BIND_UNARY, "%s", str_text(&s));
    str_free(&s);
    if (!even) lanes = c_text_binary(p, BIND_PRODUCT, "*", c_expr(p, x->args[1]), lanes);
    if (fixed && even) return lanes;
    return c_text_binary(p, BIND_SUM, "+", c_operand(p, x->args[0]), lanes);
}

static const char *lane(Printer *p, Text vector, int lanes, int index) {
    if (lanes == 1) return vector.s;
    return arena_printf(p->arena, "%s.s%x", vector.s, (unsigned)index);
}

static Text shuffle(Printer *p, LX x) {
    LType first = x->args[0]->type;
    bool two = x->nargs > 1 && x->args[1];
    LType second = two ? x->args[1]->type : first;
    Text a = c_name_value(p, first, c_expr(p, x->args[0])), b = a;
    if (two) b = c_name_value(p, second, c_expr(p, x->args[1]));
    StrBuf s = {0};
    for (int i = 0; i < x->type.lanes; i++) {
        int from = x->lanes_map[i] < 0 ? 0 : x->lanes_map[i];
        str_append(&s, i ? ", " : "");
        str_append(&s, from < first.lanes ? lane(p, a, first.lanes, from)
                                          : lane(p, b, second.lanes, from - first.lanes));
    }
    Text list = c_text_printf(p, BIND_ATOM, "%s", str_text(&s));
    str_free(&s);
    if (x->type.lanes > 1) return c_splat(p, x->type, list);
    if (first.dtype != DT_bool) return list;
    return c_text_printf(p, BIND_EQUAL, "%s != 0", list.s);
}

static Text extract(Printer *p, LX x) {
    LX vector = x->args[0];
    Text v = c_expr(p, vector);
    if (vector->type.lanes == 1) return v;
    if (vector->kind == LX_BROADCAST) return c_expr(p, vector->args[0]);
    v = c_name_value(p, vector->type, v);
    Text value = c_text_atom(lane(p, v, vector->type.lanes, (int)x->i));
    if (vector->type.dtype != DT_bool) return value;
    return c_text_printf(p, BIND_EQUAL, "%s != 0", value.s);
}

/* Halves first: lane i with lane i + n/2; vectors here have a power of two of lanes. */
static Text reduce(Printer *p, LX x) {
    LType type = x->args[0]->type;
    Text v = c_expr(p, x->args[0]);
    if (type.lanes == 1) return v;
    if (type.dtype == DT_bool) {
        require(x->binary == LB_AND || x->binary == LB_OR);
        return c_text_printf(p, BIND_ATOM, "%s(%s)", x->binary == LB_OR ? "any" : "all", v.s);
    }
    while (type.lanes > 1) {
        v = c_name_value(p, type, v);
        type.lanes /= 2;
        const char *low = type.lanes == 1 ? "x" : "lo", *high = type.lanes == 1 ? "y" : "hi";
        v = c_binary_text(p, x->binary, type, c_text_printf(p, BIND_ATOM, "%s.%s", v.s, low),
                          c_text_printf(p, BIND_ATOM, "%s.%s", v.s, high));
    }
    return v;
}

/* ---- selection ------------------------------------------------------------------------------- */

/* Bits of the lanes of a value; a mask of select must have as many. */
static int lane_bits(LType type) {
    if (c_is_float16(type.dtype) || type.dtype == DT_bool) return 32;
    int bits = dtype_bits(type.dtype);
    return bits < 8 ? 8 : bits;
}

Text c_choose(Printer *p, LType type, Text condition, Text x, Text y) {
    int bits = lane_bits(type);
    if (type.lanes == 1) {
        Text value = c_text_printf(p, BIND_COND, "%s ? %s : %s", c_text_in(p, condition, BIND_LOR),
                                   c_text_in(p, x, BIND_LOR), c_text_in(p, y, BIND_LOR));
        if (bits >= 32) return value;
        return c_text_printf(p, BIND_UNARY, "(%s)(%s)", c_value_type(p, type), value.s);
    }
    const char *mask = condition.s;
    if (bits != 32) {
        mask = arena_printf(p->arena, "convert_%s(%s)", c_mask_type(p, bits, type.lanes), mask);
    }
    return c_text_printf(p, BIND_ATOM, "select(%s, %s, %s)", y.s, x.s, mask);
}

static Text select_value(Printer *p, LX x) {
    Text condition = c_expr(p, x->args[0]);
    Text a = c_expr(p, x->args[1]), b = c_expr(p, x->args[2]);
    return c_choose(p, x->type, condition, a, b);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static Text fused(Printer *p, LX x) {
    Text a = c_expr(p, x->args[0]), b = c_expr(p, x->args[1]), c = c_expr(p, x->args[2]), result;
    LType type = x->type;
    if (!dtype_is_float(type.dtype)) {
        return c_binary_text(p, LB_ADD, type, c_binary_text(p, LB_MUL, type, a, b), c);
    }
    if (p->options->fused) {
        const CMath *math = type.dtype == DT_f64 ? &p->dialect->f64 : &p->dialect->f32;
        result = c_text_printf(p, BIND_ATOM, "%s(%s, %s, %s)", math->fma, a.s, b.s, c.s);
    } else {
        result = c_text_binary(p, BIND_SUM, "+", c_text_binary(p, BIND_PRODUCT, "*", a, b), c);
    }
    return c_is_float16(type.dtype) ? c_round16(p, type, result) : result;
}

static Text bitcast(Printer *p, LX x) {
    if (c_is_float16(x->type.dtype) || c_is_float16(x->args[0]->type.dtype)) {
        die("kernel %s: the bits of a 16-bit float", p->kernel->name);
    }
    return c_call(p, CALL_BITCAST, x->args[0]->type, x->type, c_expr(p, x->args[0]).s);
}

static Text fresh(Printer *p, LX x) {
    switch (x->kind) {
    case LX_INT: return c_literal_int(p, x->type, x->i);
    case LX_FLOAT: return c_literal_float(p, x->type, x->f);
    case LX_VAR: return variable(p, x);
    case LX_DIM: return c_dim_value(p, x->dim);
    case LX_UNARY: return c_unary(p, x->unary, x->args[0]->type, c_expr(p, x->args[0]));
    case LX_BINARY: return c_binary(p, x);
    case LX_FMA: return fused(p, x);
    case LX_SELECT: return select_value(p, x);
    case LX_CAST: return c_cast(p, x->cast, x->args[0]->type, x->type, c_expr(p, x->args[0]));
    case LX_BITCAST: return bitcast(p, x);
    case LX_LOAD: return c_load(p, x);
    case LX_BROADCAST: return broadcast(p, x);
    case LX_RAMP: return ramp(p, x);
    case LX_SHUFFLE: return shuffle(p, x);
    case LX_EXTRACT: return extract(p, x);
    case LX_REDUCE: return reduce(p, x);
    case LX_DOT:
    case LX_TILE_ZERO:
    case LX_TILE_LOAD:
    case LX_TILE_DOT: break;
    case LX_FIFO_READ: return c_fifo_read(p, x);
    }
    die("kernel %s: an expression that %s does not have (%d)", p->kernel->name, p->dialect->name,
        (int)x->kind);
}

Text c_expr(Printer *p, LX x) {
    if (is_cheap(x)) return fresh(p, x);
    const char *known = memo_get(&p->temps, x);
    if (known) return c_text_atom(known);
    Text value = fresh(p, x);
    if ((uintptr_t)memo_get(&p->uses, x) < 2) return value;
    if (c_fits_index(p, x) && !is_name(value.s)) {
        const char *name = c_unique_name(p, "t");
        c_line(p, "const %s %s = %s;", p->dialect->index, name, value.s);
        value = c_text_atom(name);
    }
    value = c_name_value(p, x->type, value);
    memo_set(&p->temps, x, value.s);
    return value;
}

Text c_operand(Printer *p, LX x) {
    int64_t value;
    bool plain = x->type.lanes == 1 && lx_is_int(x, &value) && value == (int32_t)value;
    if (!plain || value == INT32_MIN || x->type.dtype == DT_bool) return c_expr(p, x);
    return c_text_printf(p, value < 0 ? BIND_UNARY : BIND_ATOM, "%lld", (long long)value);
}
