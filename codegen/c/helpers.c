#include "codegen/c/helpers.h"

static bool same(const Helper *a, const Helper *b) {
    return a->kind == b->kind && ltype_equal(a->type, b->type) && a->space == b->space;
}

/* ---- names ----------------------------------------------------------------------------------- */

static const char *const kind_names[HELPER_COUNT] = {
    "floor_div",   "floor_mod", "round",         "narrow",       "load",    "store",
    "masked_load", "gather",    "masked_gather", "masked_store", "scatter", "masked_scatter"};

static const char *helper_name(const Helpers *h, const Helper *x) {
    static const char *const spaces[] = {[SPACE_GLOBAL] = "",
                                         [SPACE_CONSTANT] = "",
                                         [SPACE_LOCAL] = "_local",
                                         [SPACE_PRIVATE] = "_private",
                                         [SPACE_FIFO] = ""};
    const char *lanes = x->type.lanes > 1 ? arena_printf(h->arena, "x%d", x->type.lanes) : "";
    const char *space = x->kind >= HELPER_LOAD ? spaces[x->space] : "";
    return arena_printf(h->arena, "nn_%s_%s%s%s", kind_names[x->kind], dtype_name(x->type.dtype),
                        lanes, space);
}

const char *helper(Helpers *helpers, HelperKind kind, LType type, LSpace space) {
    Helper wanted = {kind, type, space == SPACE_CONSTANT ? SPACE_GLOBAL : space};
    for (size_t i = 0; i < helpers->used.len; i++) {
        if (same(&helpers->used.data[i], &wanted)) return helper_name(helpers, &wanted);
    }
    if (kind == HELPER_NARROW) helpers->uses_f64 = true;
    vec_push(helpers->arena, &helpers->used, wanted);
    return helper_name(helpers, &wanted);
}

/* ---- types ----------------------------------------------------------------------------------- */

static const char *lanes_text(const Helpers *h, const char *scalar, int lanes) {
    return lanes > 1 ? arena_printf(h->arena, "%s%d", scalar, lanes) : scalar;
}

static const char *value_name(const Helpers *h, LType type) {
    bool mask = type.dtype == DT_bool && type.lanes > 1;
    return lanes_text(h, mask ? h->dialect->mask : h->dialect->value[type.dtype], type.lanes);
}

/* Private arrays hold values, other spaces elements as they lie in memory. */
static bool holds_values(const Helper *x) {
    return x->space == SPACE_PRIVATE;
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void print_division(const Helpers *h, const Helper *x, StrBuf *out) {
    const char *type = value_name(h, x->type);
    int bits = dtype_bits(x->type.dtype) < 8 ? 8 : dtype_bits(x->type.dtype);
    str_printf(out, "%s %s %s(%s x, %s y) {\n", h->dialect->function, type, helper_name(h, x), type,
               type);
    str_printf(out, "    %s r = x %% y;\n", type);
    if (x->kind == HELPER_FLOOR_DIV) {
        str_printf(out, "    return x / y + (r >> (%s)(%d));\n}\n\n", type, bits - 1);
    } else {
        str_printf(out, "    return r + (y & (r >> (%s)(%d)));\n}\n\n", type, bits - 1);
    }
}

/* bf16 is the upper half of f32: half a unit is added, less where that ties to odd. */
static void print_round_bf16(const Helpers *h, const Helper *x, StrBuf *out) {
    const char *type = value_name(h, x->type), *bits = lanes_text(h, "uint", x->type.lanes);
    str_printf(out, "%s %s %s(%s x) {\n", h->dialect->function, type, helper_name(h, x), type);
    str_printf(out, "    %s b = as_%s(x);\n", bits, bits);
    str_printf(out, "    %s r = (b + 0x7fffu + ((b >> 16) & 1u)) & 0xffff0000u;\n", bits);
    str_printf(out, "    return select(as_%s(r), as_%s((b | 0x400000u) & 0xffff0000u), x != x);\n",
               type, type);
    str_append(out, "}\n\n");
}

static void print_round_f16(const Helpers *h, const Helper *x, StrBuf *out) {
    const char *type = value_name(h, x->type),
               *n = x->type.lanes > 1 ? lanes_text(h, "", x->type.lanes) : "";
    str_printf(out, "%s %s %s(%s x) {\n", h->dialect->function, type, helper_name(h, x), type);
    str_printf(out, "    ushort%s bits;\n", n);
    str_printf(out, "    vstore_half%s_rte(x, 0, (half *)&bits);\n", n);
    str_printf(out, "    return vload_half%s(0, (const half *)&bits);\n}\n\n", n);
}

/* Rounded toward zero with the last bit set where anything was lost ("to odd"), so that a second
 * rounding to fewer bits comes out as if it were the only one. */
static void print_narrow(const Helpers *h, const Helper *x, StrBuf *out) {
    str_printf(out, "%s float %s(double x) {\n", h->dialect->function, helper_name(h, x));
    str_append(out, "    float f = (float)x;\n"
                    "    if ((double)f == x || x != x) return f;\n"
                    "    uint b = as_uint(f);\n"
                    "    if (fabs((double)f) > fabs(x)) b -= 1;\n"
                    "    return as_float(b | 1u);\n}\n\n");
}

/* One element at position `at` as a lane of a value. */
static const char *lane_load(const Helpers *h, const Helper *x, const char *at) {
    if (holds_values(x)) return arena_printf(h->arena, "p[%s]", at);
    switch (x->type.dtype) {
    case DT_f16: return arena_printf(h->arena, "vload_half(%s, p)", at);
    case DT_bf16: return arena_printf(h->arena, "as_float((uint)p[%s] << 16)", at);
    case DT_bool: return arena_printf(h->arena, "(p[%s] != 0 ? -1 : 0)", at);
    default: return arena_printf(h->arena, "p[%s]", at);
    }
}

static const char *lane_store(const Helpers *h, const Helper *x, const char *at,
                              const char *value) {
    if (holds_values(x)) return arena_printf(h->arena, "p[%s] = %s", at, value);
    switch (x->type.dtype) {
    case DT_f16: return arena_printf(h->arena, "vstore_half_rte(%s, %s, p)", value, at);
    case DT_bf16: return arena_printf(h->arena, "p[%s] = (ushort)(as_uint(%s) >> 16)", at, value);
    case DT_bool: return arena_printf(h->arena, "p[%s] = (uchar)(%s & 1)", at, value);
    default: return arena_printf(h->arena, "p[%s] = %s", at, value);
    }
}

static const char *pointer_type(const Helpers *h, const Helper *x, bool is_const) {
    const char *element =
        holds_values(x) ? h->dialect->value[x->type.dtype] : h->dialect->memory[x->type.dtype];
    const char *space = h->dialect->space[x->space];
    return arena_printf(h->arena, "%s%s%s%s *", space, *space ? " " : "", is_const ? "const " : "",
                        element);
}

static void print_load(const Helpers *h, const Helper *x, StrBuf *out) {
    bool masked = x->kind != HELPER_GATHER, gathers = x->kind != HELPER_MASKED_LOAD;
    int lanes = x->type.lanes;
    const char *type = value_name(h, x->type);
    str_printf(out, "%s %s %s(%sp", h->dialect->function, type, helper_name(h, x),
               pointer_type(h, x, true));
    if (gathers) str_printf(out, ", %s at", lanes_text(h, h->dialect->index, lanes));
    if (masked) {
        str_printf(out, ", %s mask, %s other", lanes_text(h, h->dialect->mask, lanes), type);
    }
    str_printf(out, ") {\n    %s x%s;\n", type, masked ? " = other" : "");
    for (int i = 0; i < lanes; i++) {
        const char *at =
            gathers ? arena_printf(h->arena, "at.s%x", i) : arena_printf(h->arena, "%d", i);
        str_append(out, "    ");
        if (masked) str_printf(out, "if (mask.s%x) ", i);
        str_printf(out, "x.s%x = %s;\n", i, lane_load(h, x, at));
    }
    str_append(out, "    return x;\n}\n\n");
}

static void print_store(const Helpers *h, const Helper *x, StrBuf *out) {
    bool masked = x->kind != HELPER_SCATTER, scatters = x->kind != HELPER_MASKED_STORE;
    int lanes = x->type.lanes;
    str_printf(out, "%s void %s(%sp", h->dialect->function, helper_name(h, x),
               pointer_type(h, x, false));
    if (scatters) str_printf(out, ", %s at", lanes_text(h, h->dialect->index, lanes));
    if (masked) str_printf(out, ", %s mask", lanes_text(h, h->dialect->mask, lanes));
    str_printf(out, ", %s x) {\n", value_name(h, x->type));
    for (int i = 0; i < lanes; i++) {
        const char *at =
            scatters ? arena_printf(h->arena, "at.s%x", i) : arena_printf(h->arena, "%d", i);
        str_append(out, "    ");
        if (masked) str_printf(out, "if (mask.s%x) ", i);
        str_printf(out, "%s;\n", lane_store(h, x, at, arena_printf(h->arena, "x.s%x", i)));
    }
    str_append(out, "}\n\n");
}

/* Drivers take more than the standard's alignment for granted when they convert many halves (PoCL
 * does): they get a vector of their own. */
static void print_half_load(const Helpers *h, const Helper *x, StrBuf *out) {
    int n = x->type.lanes;
    const char *space = h->dialect->space[x->space];
    str_printf(out, "%s float%d %s(%sp) {\n", h->dialect->function, n, helper_name(h, x),
               pointer_type(h, x, true));
    str_printf(out, "    const ushort%d bits = vload%d(0, (%s const ushort *)p);\n", n, n, space);
    str_printf(out, "    return vload_half%d(0, (const half *)&bits);\n}\n\n", n);
}

static void print_half_store(const Helpers *h, const Helper *x, StrBuf *out) {
    int n = x->type.lanes;
    const char *space = h->dialect->space[x->space];
    str_printf(out, "%s void %s(%sp, float%d x) {\n", h->dialect->function, helper_name(h, x),
               pointer_type(h, x, false), n);
    str_printf(out, "    ushort%d bits;\n    vstore_half%d_rte(x, 0, (half *)&bits);\n", n, n);
    str_printf(out, "    vstore%d(bits, 0, (%s ushort *)p);\n}\n\n", n, space);
}

static void print_one(const Helpers *h, const Helper *x, StrBuf *out) {
    switch (x->kind) {
    case HELPER_FLOOR_DIV:
    case HELPER_FLOOR_MOD: print_division(h, x, out); return;
    case HELPER_ROUND:
        if (x->type.dtype == DT_bf16) {
            print_round_bf16(h, x, out);
        } else {
            print_round_f16(h, x, out);
        }
        return;
    case HELPER_NARROW: print_narrow(h, x, out); return;
    case HELPER_LOAD: print_half_load(h, x, out); return;
    case HELPER_STORE: print_half_store(h, x, out); return;
    case HELPER_MASKED_LOAD:
    case HELPER_GATHER:
    case HELPER_MASKED_GATHER: print_load(h, x, out); return;
    case HELPER_MASKED_STORE:
    case HELPER_SCATTER:
    case HELPER_MASKED_SCATTER: print_store(h, x, out); return;
    case HELPER_COUNT: break;
    }
    unreachable();
}

void helpers_print(const Helpers *helpers, StrBuf *out) {
    for (size_t i = 0; i < helpers->used.len; i++) print_one(helpers, &helpers->used.data[i], out);
}
