/* Expressions. Each is emitted once a statement, however often it is used in it. */
#include "codegen/cpu/emit.h"

static LV emit_int(Function *f, LX x) {
    if (dtype_is_float(x->type.dtype)) die("an integer constant of a float type");
    return unit_const(f->unit, x->type, x->i);
}

static LV emit_float(Function *f, LX x) {
    DType dtype = x->type.dtype;
    if (dtype == DT_f16 || dtype == DT_bf16) {
        uint16_t bits = dtype == DT_f16 ? f64_to_f16(x->f) : f64_to_bf16(x->f);
        return unit_const(f->unit, x->type, bits);
    }
    return unit_const_float(f->unit, unit_scalar_type(f->unit, dtype), x->type.lanes, x->f);
}

static LV emit_var(Function *f, LX x) {
    LV value = ptrmap_find(&f->vars, x->var);
    if (!value) die("kernel %s: '%s' is used before it is defined", f->kernel->name, x->var->name);
    return value;
}

static LV emit_binary_expr(Function *f, LX x) {
    LType type = x->args[0]->type;
    if ((x->binary == LB_FLOORDIV || x->binary == LB_MOD) && dtype_is_int(type.dtype)) {
        return emit_floordiv(f, x);
    }
    LV a = emit_expr(f, x->args[0]), b = emit_expr(f, x->args[1]);
    return emit_binary(f, x->binary, type, a, b);
}

static LV emit_ramp(Function *f, LX x) {
    LV steps[MAX_LANES];
    int lanes = x->type.lanes;
    LV base = emit_splat(f, emit_expr(f, x->args[0]), lanes);
    for (int i = 0; i < lanes; i++) steps[i] = unit_int(f->unit, i);
    LV count = lanes > 1 ? LLVMConstVector(steps, (unsigned)lanes) : steps[0];
    LV stride = emit_splat(f, emit_expr(f, x->args[1]), lanes);
    return LLVMBuildAdd(f->b, base, LLVMBuildMul(f->b, stride, count, ""), "");
}

/* A vector of one lane is a scalar, which LLVM's shuffles do not take. */
static LV as_vector(Function *f, LV x, LType type) {
    if (type.lanes > 1) return x;
    LT vector = LLVMVectorType(LLVMTypeOf(x), 1);
    return LLVMBuildInsertElement(f->b, LLVMGetPoison(vector), x, unit_int(f->unit, 0), "");
}

/* LLVM wants both operands of one length: the shorter is widened first. */
static LV widen(Function *f, LV x, int lanes, int wanted) {
    LV map[MAX_LANES];
    if (lanes == wanted) return x;
    for (int i = 0; i < wanted; i++) {
        map[i] = i < lanes ? LLVMConstInt(f->unit->i32, (uint64_t)i, false)
                           : LLVMGetPoison(f->unit->i32);
    }
    return LLVMBuildShuffleVector(f->b, x, LLVMGetPoison(LLVMTypeOf(x)),
                                  LLVMConstVector(map, (unsigned)wanted), "");
}

/* All lanes of a short vector, over and over: a broadcast of one word, which LLVM does not see in
 * the shuffle of shorter elements. Null where it is none. */
static LV emit_repeated(Function *f, LX x) {
    LType type = x->args[0]->type;
    int bits = type.lanes * (int)dtype_bits(type.dtype);
    if (x->nargs > 1 || type.lanes < 2 || x->type.lanes <= type.lanes) return NULL;
    if ((bits != 32 && bits != 64) || x->type.lanes % type.lanes != 0) return NULL;
    for (int i = 0; i < x->type.lanes; i++)
        if (x->lanes_map[i] != i % type.lanes) return NULL;
    LT word = LLVMIntTypeInContext(f->unit->context, (unsigned)bits);
    LV one = emit_bits(f, emit_expr(f, x->args[0]), word);
    LV all = emit_splat(f, one, x->type.lanes / type.lanes);
    return emit_bits(f, all, unit_type(f->unit, x->type));
}

static LV emit_shuffle(Function *f, LX x) {
    LV repeated = emit_repeated(f, x);
    if (repeated) return repeated;
    LType first = x->args[0]->type;
    LType second = x->nargs > 1 && x->args[1] ? x->args[1]->type : first;
    bool two = x->nargs > 1 && x->args[1];
    int wanted = first.lanes > second.lanes ? first.lanes : second.lanes;
    LV a = widen(f, as_vector(f, emit_expr(f, x->args[0]), first), first.lanes, wanted);
    LV b = two ? widen(f, as_vector(f, emit_expr(f, x->args[1]), second), second.lanes, wanted)
               : LLVMGetPoison(LLVMTypeOf(a));
    LV map[MAX_LANES];
    for (int i = 0; i < x->type.lanes; i++) {
        int lane = x->lanes_map[i];
        if (lane >= first.lanes) lane += wanted - first.lanes;
        map[i] = lane < 0 ? LLVMGetPoison(f->unit->i32)
                          : LLVMConstInt(f->unit->i32, (uint64_t)lane, false);
    }
    LV result =
        LLVMBuildShuffleVector(f->b, a, b, LLVMConstVector(map, (unsigned)x->type.lanes), "");
    if (x->type.lanes > 1) return result;
    return LLVMBuildExtractElement(f->b, result, unit_int(f->unit, 0), "");
}

static LV emit_extract(Function *f, LX x) {
    LV vector = emit_expr(f, x->args[0]);
    if (x->args[0]->type.lanes == 1) return vector;
    return LLVMBuildExtractElement(f->b, vector, unit_int(f->unit, x->i), "");
}

static LV emit_select(Function *f, LX x) {
    LV condition = emit_expr(f, x->args[0]);
    LV a = emit_expr(f, x->args[1]), b = emit_expr(f, x->args[2]);
    return LLVMBuildSelect(f->b, condition, a, b, "");
}

static LV emit_new(Function *f, LX x) {
    LV a, b, c;
    switch (x->kind) {
    case LX_INT: return emit_int(f, x);
    case LX_FLOAT: return emit_float(f, x);
    case LX_VAR: return emit_var(f, x);
    case LX_DIM: return emit_dim(f, x->dim);
    case LX_UNARY: return emit_unary(f, x->unary, x->args[0]->type, emit_expr(f, x->args[0]));
    case LX_BINARY: return emit_binary_expr(f, x);
    case LX_FMA:
        a = emit_expr(f, x->args[0]);
        b = emit_expr(f, x->args[1]);
        c = emit_expr(f, x->args[2]);
        return emit_fma(f, x->type, a, b, c);
    case LX_SELECT: return emit_select(f, x);
    case LX_CAST: return emit_cast(f, x->cast, x->args[0]->type, x->type, emit_expr(f, x->args[0]));
    case LX_BITCAST: return emit_bits(f, emit_expr(f, x->args[0]), unit_type(f->unit, x->type));
    case LX_LOAD: return emit_load(f, x);
    case LX_BROADCAST: return emit_splat(f, emit_expr(f, x->args[0]), x->type.lanes);
    case LX_RAMP: return emit_ramp(f, x);
    case LX_SHUFFLE: return emit_shuffle(f, x);
    case LX_EXTRACT: return emit_extract(f, x);
    case LX_REDUCE: return emit_reduce(f, x->binary, x->args[0]->type, emit_expr(f, x->args[0]));
    case LX_DOT:
        a = emit_expr(f, x->args[0]);
        b = emit_expr(f, x->args[1]);
        c = emit_expr(f, x->args[2]);
        return emit_dot(f, x, a, b, c);
    case LX_TILE_ZERO: return emit_tile_zero(f, x->type);
    case LX_TILE_LOAD: return emit_tile_load(f, x);
    case LX_TILE_DOT: return emit_tile_dot(f, x);
    case LX_FIFO_READ: die("kernel %s: a cpu has no fifos", f->kernel->name);
    }
    unreachable();
}

LV emit_expr(Function *f, LX x) {
    if (x->kind == LX_VAR) return emit_var(f, x);
    LV value = ptrmap_find(&f->memo, x);
    if (value) return value;
    value = emit_new(f, x);
    ptrmap_set(&f->memo, x, value);
    return value;
}
