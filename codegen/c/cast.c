/* Conversions between element types. */
#include "codegen/c/printer.h"

static Text plain(Printer *p, LType to, Text x) {
    if (to.lanes > 1) {
        return c_text_printf(p, BIND_ATOM, "convert_%s(%s)", c_value_type(p, to), x.s);
    }
    return c_text_printf(p, BIND_UNARY, "(%s)%s", c_value_type(p, to), c_text_in(p, x, BIND_ATOM));
}

Text c_round16(Printer *p, LType type, Text x) {
    const char *name = helper(p->helpers, HELPER_ROUND, type, SPACE_PRIVATE);
    return c_text_printf(p, BIND_ATOM, "%s(%s)", name, x.s);
}

/* f64 to an f32 that further rounding does not harm, lane by lane. */
static Text narrow_f64(Printer *p, LType from, Text x) {
    const char *name = helper(p->helpers, HELPER_NARROW, ltype(DT_f64, 1), SPACE_PRIVATE);
    if (from.lanes == 1) return c_text_printf(p, BIND_ATOM, "%s(%s)", name, x.s);
    StrBuf s = {0};
    x = c_name_value(p, from, x);
    for (int i = 0; i < from.lanes; i++) {
        str_printf(&s, "%s%s(%s.s%x)", i ? ", " : "", name, x.s, (unsigned)i);
    }
    Text list = c_text_printf(p, BIND_ATOM, "%s", str_text(&s));
    str_free(&s);
    return c_splat(p, ltype(DT_f32, from.lanes), list);
}

static Text to_bool(Printer *p, LType from, Text x) {
    Text zero =
        dtype_is_float(from.dtype) ? c_literal_float(p, from, 0) : c_literal_int(p, from, 0);
    return c_binary_text(p, LB_NE, from, x, zero);
}

static Text from_bool(Printer *p, LType to, Text x) {
    if (to.lanes > 1) {
        return plain(p, to, c_text_printf(p, BIND_AND, "%s & 1", c_text_in(p, x, BIND_UNARY)));
    }
    if (dtype_is_float(to.dtype)) {
        return c_choose(p, to, x, c_literal_float(p, to, 1), c_literal_float(p, to, 0));
    }
    return plain(p, to, x);
}

static Text float_to_float(Printer *p, LType from, LType to, Text x) {
    if (c_is_float16(to.dtype)) {
        if (from.dtype == DT_f64) x = narrow_f64(p, from, x);
        return c_round16(p, to, x);
    }
    if (from.dtype == DT_f64 || to.dtype == DT_f64) return plain(p, to, x);
    return x; /* f16, bf16 and f32 are all held as f32 */
}

/* Integers of more than 24 bits go to a 16-bit float by way of f64, so that only one rounding
 * counts. */
static Text int_to_float(Printer *p, LType from, LType to, Text x) {
    if (!c_is_float16(to.dtype)) return plain(p, to, x);
    if (dtype_bits(from.dtype) <= 16) return c_round16(p, to, plain(p, ltype(DT_f32, to.lanes), x));
    LType wide = ltype(DT_f64, to.lanes);
    return c_round16(p, to, narrow_f64(p, wide, plain(p, wide, x)));
}

static Text clamp4(Printer *p, LType type, DType to, Text x) {
    if (to != DT_i4 && to != DT_u4) return x;
    const char *args =
        arena_printf(p->arena, "%s, %s, %s", x.s, c_literal_int(p, type, dtype_min(to)).s,
                     c_literal_int(p, type, dtype_max(to)).s);
    return c_call(p, CALL_CLAMP, type, type, args);
}

/* Whether the type that holds `to` has every value of the one that holds `from`. */
static bool holds_all(DType to, DType from) {
    DType outer = to == DT_i4 ? DT_i8 : to == DT_u4 ? DT_u8 : to;
    return dtype_min(outer) <= dtype_min(from) && dtype_max(outer) >= dtype_max(from);
}

static Text int_to_int(Printer *p, LCast mode, LType from, LType to, Text x) {
    if (mode == CAST_VALUE) return c_wrap4(p, to, plain(p, to, x));
    if (p->dialect->vector_lanes == 1 && holds_all(to.dtype, from.dtype)) {
        return clamp4(p, to, to.dtype, plain(p, to, x));
    }
    return clamp4(p, to, to.dtype, c_call(p, CALL_SATURATE, from, to, x.s));
}

/* NaN becomes 0 before the conversion, which OpenCL only recommends. */
static Text float_to_int(Printer *p, LCast mode, LType from, LType to, Text x) {
    LType held = c_is_float16(from.dtype) ? ltype(DT_f32, from.lanes) : from;
    if (p->dialect->vector_lanes > 1) {
        x = c_name_value(p, held, x);
        Text number = c_canonical_mask(p, dtype_bits(held.dtype), held.lanes,
                                       c_text_binary(p, BIND_EQUAL, "==", x, x));
        x = c_choose(p, held, number, x, c_literal_float(p, held, 0));
    }
    CCall rounding = mode == CAST_SATURATE_ROUND ? CALL_ROUND : CALL_TRUNCATE;
    return clamp4(p, to, to.dtype, c_call(p, rounding, from, to, x.s));
}

Text c_cast(Printer *p, LCast mode, LType from, LType to, Text x) {
    bool from_float = dtype_is_float(from.dtype), to_float = dtype_is_float(to.dtype);
    if (from.dtype == to.dtype) return x;
    if (to.dtype == DT_bool) return to_bool(p, from, x);
    if (from.dtype == DT_bool) return from_bool(p, to, x);
    if (from_float && to_float) return float_to_float(p, from, to, x);
    if (from_float) return float_to_int(p, mode, from, to, x);
    return to_float ? int_to_float(p, from, to, x) : int_to_int(p, mode, from, to, x);
}
