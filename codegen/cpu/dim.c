/* Dimensions as LLVM values: plain in kernels, with overflow checks in the entry points, and as
 * upper bounds. */
#include "codegen/cpu/emit.h"

/* ---- checked arithmetic --------------------------------------------------------------------- */

static void note_overflow(DimEmitter *e, LV happened) {
    *e->overflow = LLVMBuildOr(e->b, *e->overflow, happened, "");
}

static LV checked(DimEmitter *e, const char *intrinsic, LV x, LV y) {
    LV pair = emit_intrinsic(e->unit, e->b, intrinsic, 1, &e->unit->i64, 2, (LV[]){x, y});
    note_overflow(e, LLVMBuildExtractValue(e->b, pair, 1, ""));
    return LLVMBuildExtractValue(e->b, pair, 0, "");
}

LV dim_checked_add(DimEmitter *e, LV x, LV y) {
    if (e->overflow) return checked(e, "llvm.sadd.with.overflow", x, y);
    return LLVMBuildNSWAdd(e->b, x, y, "");
}

LV dim_checked_mul(DimEmitter *e, LV x, LV y) {
    if (e->overflow) return checked(e, "llvm.smul.with.overflow", x, y);
    return LLVMBuildNSWMul(e->b, x, y, "");
}

static LV least_of(DimEmitter *e, LV x, LV y) {
    return emit_intrinsic(e->unit, e->b, "llvm.smin", 1, &e->unit->i64, 2, (LV[]){x, y});
}

static LV most_of(DimEmitter *e, LV x, LV y) {
    return emit_intrinsic(e->unit, e->b, "llvm.smax", 1, &e->unit->i64, 2, (LV[]){x, y});
}

/* A divisor that cannot trap; the entry points refuse sizes for which it had to be replaced, before
 * any kernel runs. */
static LV safe_divisor(DimEmitter *e, LV divisor) {
    if (LLVMIsAConstantInt(divisor)) return divisor;
    LV one = unit_int(e->unit, 1);
    if (e->overflow) note_overflow(e, LLVMBuildICmp(e->b, LLVMIntSLT, divisor, one, ""));
    return most_of(e, divisor, one);
}

/* Quotient and remainder rounded down, for a positive divisor. */
static void divide(DimEmitter *e, LV x, LV divisor, LV *quotient, LV *remainder) {
    if (LLVMIsAConstantInt(divisor)) {
        int64_t value = LLVMConstIntGetSExtValue(divisor);
        if (value > 0 && (value & (value - 1)) == 0) {
            LV shift = unit_int(e->unit, __builtin_ctzll((unsigned long long)value));
            *quotient = LLVMBuildAShr(e->b, x, shift, "");
            *remainder = LLVMBuildAnd(e->b, x, unit_int(e->unit, value - 1), "");
            return;
        }
    }
    LV y = safe_divisor(e, divisor);
    LV q = LLVMBuildSDiv(e->b, x, y, ""), r = LLVMBuildSRem(e->b, x, y, "");
    LV sign = LLVMBuildAShr(e->b, r, unit_int(e->unit, 63), ""); /* -1 where r < 0 */
    *quotient = LLVMBuildAdd(e->b, q, sign, "");
    *remainder = LLVMBuildAdd(e->b, r, LLVMBuildAnd(e->b, sign, y, ""), "");
}

/* ---- values --------------------------------------------------------------------------------- */

static LV factor_value(DimEmitter *e, const DimFactor *factor) {
    if (factor->atom == ATOM_SYMBOL) {
        int position = e->unit->symbols.position[factor->symbol];
        require(position >= 0);
        return e->symbols[position];
    }
    LV a = dim_emit(e, factor->a), b = dim_emit(e, factor->b), quotient, remainder;
    if (factor->atom == ATOM_MIN) return least_of(e, a, b);
    if (factor->atom == ATOM_MAX) return most_of(e, a, b);
    divide(e, a, b, &quotient, &remainder);
    return factor->atom == ATOM_FLOORDIV ? quotient : remainder;
}

LV dim_emit(DimEmitter *e, Dim dim) {
    LV sum = NULL;
    for (int t = 0; t < dim->nterms; t++) {
        const DimTerm *term = &dim->terms[t];
        LV product = NULL;
        for (int i = 0; i < term->nfactors; i++) {
            LV value = factor_value(e, &term->factors[i]);
            for (int p = 0; p < term->factors[i].power; p++) {
                product = product ? dim_checked_mul(e, product, value) : value;
            }
        }
        LV coefficient = unit_int(e->unit, term->coefficient);
        if (!product) {
            product = coefficient;
        } else if (term->coefficient != 1) {
            product = dim_checked_mul(e, product, coefficient);
        }
        sum = sum ? dim_checked_add(e, sum, product) : product;
    }
    return sum ? sum : unit_int(e->unit, 0);
}

/* ---- bounds --------------------------------------------------------------------------------- */

typedef struct Interval {
    LV lo, hi;
} Interval;

static Interval interval_of(DimEmitter *e, Dim dim);

static Interval exactly(const Unit *unit, int64_t value) {
    LV v = unit_int(unit, value);
    return (Interval){v, v};
}

static Interval multiply(DimEmitter *e, Interval x, Interval y) {
    LV a = dim_checked_mul(e, x.lo, y.lo), b = dim_checked_mul(e, x.lo, y.hi);
    LV c = dim_checked_mul(e, x.hi, y.lo), d = dim_checked_mul(e, x.hi, y.hi);
    return (Interval){least_of(e, least_of(e, a, b), least_of(e, c, d)),
                      most_of(e, most_of(e, a, b), most_of(e, c, d))};
}

/* Quotients lie between those of the four corners; a divisor below 1 never gets into a run. */
static Interval quotient_interval(DimEmitter *e, Interval x, Interval y) {
    DimEmitter plain = *e;
    plain.overflow = NULL;
    LV one = unit_int(e->unit, 1), corner[4], rest;
    LV least = most_of(e, y.lo, one), most = most_of(e, y.hi, one);
    divide(&plain, x.lo, least, &corner[0], &rest);
    divide(&plain, x.lo, most, &corner[1], &rest);
    divide(&plain, x.hi, least, &corner[2], &rest);
    divide(&plain, x.hi, most, &corner[3], &rest);
    return (Interval){least_of(e, corner[0], corner[1]), most_of(e, corner[2], corner[3])};
}

static Interval factor_interval(DimEmitter *e, const DimFactor *factor) {
    LV zero = unit_int(e->unit, 0), one = unit_int(e->unit, 1);
    if (factor->atom == ATOM_SYMBOL) return (Interval){zero, factor_value(e, factor)};
    Interval a = interval_of(e, factor->a), b = interval_of(e, factor->b);
    switch (factor->atom) {
    case ATOM_MIN: return (Interval){least_of(e, a.lo, b.lo), least_of(e, a.hi, b.hi)};
    case ATOM_MAX: return (Interval){most_of(e, a.lo, b.lo), most_of(e, a.hi, b.hi)};
    case ATOM_FLOORDIV: return quotient_interval(e, a, b);
    default: return (Interval){zero, LLVMBuildSub(e->b, most_of(e, b.hi, one), one, "")};
    }
}

static Interval interval_of(DimEmitter *e, Dim dim) {
    Interval sum = exactly(e->unit, 0);
    for (int t = 0; t < dim->nterms; t++) {
        const DimTerm *term = &dim->terms[t];
        Interval product = exactly(e->unit, term->coefficient);
        for (int i = 0; i < term->nfactors; i++) {
            Interval factor = factor_interval(e, &term->factors[i]);
            for (int p = 0; p < term->factors[i].power; p++) product = multiply(e, product, factor);
        }
        sum.lo = dim_checked_add(e, sum.lo, product.lo);
        sum.hi = dim_checked_add(e, sum.hi, product.hi);
    }
    return sum;
}

LV dim_emit_upper(DimEmitter *e, Dim dim) {
    int64_t value;
    if (dim_is_int(dim, &value)) return unit_int(e->unit, value);
    return interval_of(e, dim).hi;
}

/* ---- in kernels ----------------------------------------------------------------------------- */

LV emit_dim(Function *f, Dim dim) {
    int64_t value;
    if (dim_is_int(dim, &value)) return unit_int(f->unit, value);
    LV known = ptrmap_find(&f->dims, dim);
    if (known) return known;
    const AbiSymbols *symbols = &f->unit->symbols;
    LV *values = arena_array(f->unit->arena, LV, symbols->count + 1);
    for (size_t i = 0; i < symbols->count; i++) {
        int64_t at = ctx_symbols(f->unit) + 8 * (int64_t)i;
        LV address =
            LLVMBuildGEP2(f->entry, f->unit->i8, f->context, (LV[]){unit_int(f->unit, at)}, 1, "");
        values[i] = LLVMBuildLoad2(f->entry, f->unit->i64, address, symbols->names[i]);
    }
    DimEmitter e = {.unit = f->unit, .b = f->entry, .symbols = values};
    LV result = dim_emit(&e, dim);
    ptrmap_set(&f->dims, dim, result);
    return result;
}
