/* Addresses, loads and stores. */
#include "codegen/cpu/emit.h"

/* How an access touches memory. */
typedef enum AccessForm {
    FORM_ONE,    /* one element (of whatever type elements have) */
    FORM_RUN,    /* consecutive elements */
    FORM_SPACED, /* elements a few apart; loads only */
    FORM_GATHER, /* an address for each lane */
} AccessForm;

typedef struct Access {
    AccessForm form;
    LV address; /* of the first element; gather: a vector */
    int step;   /* spaced: from lane to lane */
} Access;

BufferPlace *place_of(Function *f, const LBuffer *buffer) {
    BufferPlace *place = ptrmap_find(&f->buffers, buffer);
    if (!place) die("kernel %s: '%s' is no buffer of it", f->kernel->name, buffer->name);
    return place;
}

/* ---- strides -------------------------------------------------------------------------------- */

static int64_t constant_extent(const LBuffer *buffer, int axis) {
    int64_t value;
    if (buffer->fold[axis] > 0) return buffer->fold[axis];
    return dim_is_int(buffer->dims[axis], &value) ? value : -1;
}

static void find_strides(Function *f, const LBuffer *buffer, BufferPlace *place) {
    if (place->strides_known) return;
    place->strides_known = true;
    int64_t step = 1;
    LV stride = unit_int(f->unit, 1);
    for (int axis = buffer->rank - 1; axis >= 0; axis--) {
        place->step[axis] = step;
        place->stride[axis] = stride;
        if (axis == 0) break;
        int64_t extent = constant_extent(buffer, axis);
        if (step >= 0 && extent >= 0) {
            if (!checked_mul(step, extent, &step)) die("buffer '%s' is too large", buffer->name);
            stride = unit_int(f->unit, step);
        } else {
            step = -1;
            LV size = extent >= 0 ? unit_int(f->unit, extent) : emit_dim(f, buffer->dims[axis]);
            stride = LLVMBuildNSWMul(f->entry, stride, size, "stride");
        }
    }
}

/* ---- indices -------------------------------------------------------------------------------- */

/* The scalar that all lanes of an index share, or null. */
static LX shared_index(LX x) {
    if (x->type.lanes == 1) return x;
    return x->kind == LX_BROADCAST ? x->args[0] : NULL;
}

/* x = rest + constant; rest is null where nothing is left. */
static LX split_constant(LX x, int64_t *constant) {
    if (lx_is_int(x, constant)) return NULL;
    if (x->kind == LX_BINARY && x->binary == LB_ADD && lx_is_int(x->args[1], constant)) {
        return x->args[0];
    }
    *constant = 0;
    return x;
}

static LV fold_index(Function *f, LV index, int64_t fold, int lanes) {
    LV size = unit_splat(unit_int(f->unit, fold), lanes);
    if ((fold & (fold - 1)) == 0) {
        return LLVMBuildAnd(f->b, index, unit_splat(unit_int(f->unit, fold - 1), lanes), "");
    }
    return LLVMBuildURem(f->b, index, size, "");
}

/* Parts of a linear index: what varies, and a sum of constants that the access can carry as an
 * offset, so that the rows of a register tile share one address. */
typedef struct Linear {
    LV varying;
    int64_t constant;
} Linear;

static void add_varying(Function *f, Linear *sum, LV part) {
    sum->varying = sum->varying ? LLVMBuildNSWAdd(f->b, sum->varying, part, "") : part;
}

static LV scaled(Function *f, LV index, LV stride, int64_t step, int lanes) {
    if (step == 1) return index;
    return LLVMBuildNSWMul(f->b, index, emit_splat(f, stride, lanes), "");
}

static void add_axis(Function *f, const LBuffer *buffer, const BufferPlace *place, int axis,
                     LX index, int lanes, Linear *sum) {
    int64_t constant, step = place->step[axis];
    LX rest = index, shared = shared_index(index);
    int own_lanes = shared ? 1 : lanes;
    if (shared) rest = shared;
    if (buffer->fold[axis] > 0 && !lx_is_int(rest, NULL)) {
        LV folded = fold_index(f, emit_expr(f, rest), buffer->fold[axis], own_lanes);
        LV part = scaled(f, folded, place->stride[axis], step, own_lanes);
        add_varying(f, sum, shared ? emit_splat(f, part, lanes) : part);
        return;
    }
    constant = 0;
    if (shared) rest = split_constant(shared, &constant);
    if (buffer->fold[axis] > 0) constant = floor_mod(constant, buffer->fold[axis]);
    if (rest) {
        LV part = scaled(f, emit_expr(f, rest), place->stride[axis], step, own_lanes);
        add_varying(f, sum, shared ? emit_splat(f, part, lanes) : part);
    }
    if (constant == 0) return;
    if (step >= 0) {
        sum->constant += constant * step;
    } else {
        LV part = LLVMBuildNSWMul(f->entry, place->stride[axis], unit_int(f->unit, constant), "");
        add_varying(f, sum, emit_splat(f, part, lanes));
    }
}

/* ---- addresses ------------------------------------------------------------------------------ */

LT element_type(Function *f, const LBuffer *buffer) {
    LT scalar = unit_memory_type(f->unit, buffer->elem.dtype);
    return unit_vector(scalar, buffer->elem.lanes);
}

/* Whether accesses lie at constant distances from each other: only constant strides make them so.
 */
static bool has_offsets(const LBuffer *buffer, const BufferPlace *place) {
    for (int axis = 0; axis < buffer->rank; axis++) {
        if ((place->offset_axes >> axis & 1) && place->step[axis] < 0) return false;
    }
    return place->offset_axes != 0;
}

/* LLVM's loop strength reduction would give every row of a register tile a pointer of its own, more
 * than there are registers. It does not see through this intrinsic, which vanishes before
 * instructions are selected; the rows then share the address and differ in their offsets. */
static LV shared_base(Function *f, LV address) {
    LT ptr = f->unit->ptr;
    return emit_intrinsic(f->unit, f->b, "llvm.strip.invariant.group", 1, &ptr, 1, &address);
}

static LV address_of(Function *f, const LBuffer *buffer, LX const *index, int lanes) {
    BufferPlace *place = place_of(f, buffer);
    if (!place->pointer) die("kernel %s: '%s' is not in memory", f->kernel->name, buffer->name);
    find_strides(f, buffer, place);
    Linear sum = {0};
    for (int axis = 0; axis < buffer->rank; axis++) {
        add_axis(f, buffer, place, axis, index[axis], lanes, &sum);
    }
    LT element = element_type(f, buffer);
    LV address = place->pointer;
    if (sum.varying) address = LLVMBuildGEP2(f->b, element, address, &sum.varying, 1, "");
    if (lanes == 1 && has_offsets(buffer, place)) address = shared_base(f, address);
    if (sum.constant != 0 || (lanes > 1 && !sum.varying)) {
        LV offset = unit_splat(unit_int(f->unit, sum.constant), sum.varying ? 1 : lanes);
        address = LLVMBuildGEP2(f->b, element, address, &offset, 1, "");
    }
    return address;
}

LV emit_element_address(Function *f, const LBuffer *buffer, LX const *index) {
    return address_of(f, buffer, index, 1);
}

/* may_space: whether elements a few apart may be told from those all over memory. */
static Access find_access(Function *f, const LBuffer *buffer, LX const *index, int lanes,
                          bool may_space) {
    LX list[MAX_AXES], base;
    int64_t step = 1;
    int last = buffer->rank - 1;
    bool others_shared = true, all_shared = true;
    for (int axis = 0; axis < buffer->rank; axis++) {
        LX shared = shared_index(index[axis]);
        list[axis] = shared ? shared : index[axis];
        if (!shared) all_shared = false;
        if (!shared && axis != last) others_shared = false;
    }
    if (all_shared) return (Access){.form = FORM_ONE, .address = address_of(f, buffer, list, 1)};
    bool run = lx_is_consecutive(index[last], &base);
    bool spaced = !run && may_space && lx_is_spaced(index[last], &base, &step);
    if (others_shared && buffer->fold[last] == 0 && (run || spaced)) {
        list[last] = base;
        return (Access){run ? FORM_RUN : FORM_SPACED, address_of(f, buffer, list, 1), (int)step};
    }
    return (Access){.form = FORM_GATHER, .address = address_of(f, buffer, list, lanes)};
}

static unsigned element_align(const LBuffer *buffer) {
    return (unsigned)dtype_bytes(buffer->elem.dtype);
}

/* ---- loads ---------------------------------------------------------------------------------- */

/* bool lies in memory as bytes. */
static LV from_memory(Function *f, LType type, LV x) {
    if (type.dtype != DT_bool) return x;
    return LLVMBuildICmp(f->b, LLVMIntNE, x, LLVMConstNull(LLVMTypeOf(x)), "");
}

static LV to_memory(Function *f, LType type, LV x) {
    if (type.dtype != DT_bool) return x;
    return LLVMBuildZExt(f->b, x, unit_vector(f->unit->i8, type.lanes), "");
}

/* Masked accesses are on vectors in LLVM; a scalar becomes one of one lane. */
static LV vector1(Function *f, LV x) {
    if (LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMVectorTypeKind) return x;
    LT type = LLVMVectorType(LLVMTypeOf(x), 1);
    return LLVMBuildInsertElement(f->b, LLVMGetPoison(type), x, unit_int(f->unit, 0), "");
}

static LT vector1_type(LT type) {
    return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? type : LLVMVectorType(type, 1);
}

static LV all_on(Function *f, int lanes) {
    return unit_splat(LLVMConstInt(f->unit->i1, 1, false), lanes);
}

/* A single element as the first of two. */
static LV first_of_two(Function *f, LV x, LV rest) {
    LV index[] = {unit_int(f->unit, 0), unit_int(f->unit, 1)};
    LT type = LLVMVectorType(LLVMTypeOf(x), 2);
    LV both = LLVMBuildInsertElement(f->b, LLVMGetPoison(type), x, index[0], "");
    return rest ? LLVMBuildInsertElement(f->b, both, rest, index[1], "") : both;
}

/* LLVM 19 crashes on what its optimizer makes of an f16 loaded as a vector of one for aarch64. */
static bool needs_two(const Function *f, LT memory) {
    return f->unit->machine->arch == ARCH_AARCH64 && memory == f->unit->i16;
}

static LV masked_load(Function *f, Access access, LT memory, unsigned align, LV mask,
                      LV passthrough) {
    if (needs_two(f, memory)) {
        LV off = LLVMConstInt(f->unit->i1, 0, false);
        LV rest = passthrough ? first_of_two(f, passthrough, passthrough) : NULL;
        LV pair = masked_load(f, access, LLVMVectorType(memory, 2), align,
                              first_of_two(f, mask, off), rest);
        return LLVMBuildExtractElement(f->b, pair, unit_int(f->unit, 0), "");
    }
    LT type = vector1_type(memory);
    LV rest = passthrough ? vector1(f, passthrough) : LLVMGetPoison(type);
    LV bytes = LLVMConstInt(f->unit->i32, align, false);
    LV address = access.address, result;
    if (access.form == FORM_GATHER) {
        LT types[] = {type, LLVMTypeOf(address)};
        result = emit_intrinsic(f->unit, f->b, "llvm.masked.gather", 2, types, 4,
                                (LV[]){address, bytes, vector1(f, mask), rest});
    } else {
        LT types[] = {type, f->unit->ptr};
        result = emit_intrinsic(f->unit, f->b, "llvm.masked.load", 2, types, 4,
                                (LV[]){address, bytes, vector1(f, mask), rest});
    }
    if (type == memory) return result;
    return LLVMBuildExtractElement(f->b, result, unit_int(f->unit, 0), "");
}

static LV plain_load(Function *f, LT type, LV address, unsigned align) {
    LV load = LLVMBuildLoad2(f->b, type, address, "");
    LLVMSetAlignment(load, align);
    return load;
}

static LT vector_in_memory(Function *f, LType type) {
    return unit_vector(unit_memory_type(f->unit, type.dtype), type.lanes);
}

LV emit_vector_load(Function *f, LV address, LType type, LV mask) {
    LT memory = vector_in_memory(f, type);
    unsigned align = (unsigned)dtype_bytes(type.dtype);
    Access access = {.form = FORM_RUN, .address = address};
    return mask ? masked_load(f, access, memory, align, mask, NULL)
                : plain_load(f, memory, address, align);
}

/* RISC-V loads elements with any distance between them by one instruction, which LLVM finds; masks
 * that are no vectors of the machine cost more than single loads. */
static bool spaced_pays(const Function *f, DType dtype, bool masked) {
    const CpuMachine *machine = f->unit->machine;
    uint64_t masks = dtype_bits(dtype) >= 32 ? HAS_AVX2 : HAS_AVX512BW | HAS_AVX512VL;
    if (machine->arch == ARCH_RISCV64) return false;
    return !masked || (machine->arch == ARCH_X86_64 && cpu_has(machine, masks));
}

LV emit_load(Function *f, LX x) {
    const LBuffer *buffer = x->buffer;
    int slot = slot_of(f, buffer, x->args);
    LV mask = x->mask ? emit_expr(f, x->mask) : NULL;
    LV passthrough = x->passthrough ? emit_expr(f, x->passthrough) : NULL;
    if (slot >= 0) {
        LV value = slot_read(f, slot);
        return mask && passthrough ? LLVMBuildSelect(f->b, mask, value, passthrough, "") : value;
    }
    int lanes = x->type.lanes;
    unsigned align = element_align(buffer);
    bool one_for_all = false;
    bool may_space = spaced_pays(f, x->type.dtype, mask != NULL);
    Access access = find_access(f, buffer, x->args, lanes, may_space);
    if (access.form == FORM_ONE && lanes > buffer->elem.lanes) {
        /* Lanes share an element: under a mask it may be touched only if some lane is on. */
        one_for_all = !mask;
        if (mask)
            access = (Access){.form = FORM_GATHER, .address = emit_splat(f, access.address, lanes)};
    }
    LType type = one_for_all ? buffer->elem : x->type;
    LT memory = vector_in_memory(f, type);
    LV value;
    if (access.form == FORM_SPACED) {
        value = emit_spaced_load(f, access.address, type, access.step, mask);
        if (mask && passthrough)
            value = LLVMBuildSelect(f->b, mask, value, to_memory(f, x->type, passthrough), "");
    } else if (mask) {
        passthrough = passthrough ? to_memory(f, x->type, passthrough) : NULL;
        value = masked_load(f, access, memory, align, mask, passthrough);
    } else if (access.form == FORM_GATHER) {
        value = masked_load(f, access, memory, align, all_on(f, lanes), NULL);
    } else {
        value = plain_load(f, memory, access.address, align);
    }
    value = from_memory(f, type, value);
    return one_for_all ? emit_splat(f, value, lanes) : value;
}

/* ---- stores --------------------------------------------------------------------------------- */

static void masked_store(Function *f, Access access, LV value, unsigned align, LV mask) {
    LV bytes = LLVMConstInt(f->unit->i32, align, false);
    value = vector1(f, value);
    bool scatter = access.form == FORM_GATHER;
    LT types[] = {LLVMTypeOf(value), scatter ? LLVMTypeOf(access.address) : f->unit->ptr};
    emit_intrinsic(f->unit, f->b, scatter ? "llvm.masked.scatter" : "llvm.masked.store", 2, types,
                   4, (LV[]){value, access.address, bytes, vector1(f, mask)});
}

static void slot_store(Function *f, const LStmt *s, int slot) {
    LV value = emit_expr(f, s->value);
    if (s->mask) {
        LV old = slot_read(f, slot);
        value = LLVMBuildSelect(f->b, emit_expr(f, s->mask), value, old, "");
    }
    f->slots.data[slot] = value;
}

void emit_store(Function *f, const LStmt *s) {
    const LBuffer *buffer = s->buffer;
    int slot = slot_of(f, buffer, s->index);
    if (slot >= 0) {
        slot_store(f, s, slot);
        return;
    }
    LType type = s->value->type;
    LV value = to_memory(f, type, emit_expr(f, s->value));
    LV mask = s->mask ? emit_expr(f, s->mask) : NULL;
    unsigned align = element_align(buffer);
    Access access = find_access(f, buffer, s->index, type.lanes, false);
    if (access.form == FORM_ONE && type.lanes > buffer->elem.lanes) {
        access =
            (Access){.form = FORM_GATHER, .address = emit_splat(f, access.address, type.lanes)};
    }
    if (access.form == FORM_GATHER && !mask) mask = all_on(f, type.lanes);
    if (mask) {
        masked_store(f, access, value, align, mask);
        return;
    }
    LLVMSetAlignment(LLVMBuildStore(f->b, value, access.address), align);
}

void emit_prefetch(Function *f, const LStmt *s) {
    if (slot_of(f, s->buffer, s->index) >= 0) return;
    LV address = address_of(f, s->buffer, s->index, 1);
    LT i32 = f->unit->i32, ptr = f->unit->ptr;
    /* For reading, to keep in all levels, data. */
    emit_intrinsic(f->unit, f->b, "llvm.prefetch", 1, &ptr, 4,
                   (LV[]){address, LLVMConstInt(i32, 0, false), LLVMConstInt(i32, 3, false),
                          LLVMConstInt(i32, 1, false)});
}
