/* Kernels under construction: leaves, guards, element types. */
#include "codegen/lower/kernel.h"

#include <string.h>

/* ---- where values lie ------------------------------------------------------------------------ */

LTensor *lowering_tensor(Lowering *l, const Value *value) {
    return value->id < l->capacity ? l->tensors[value->id] : NULL;
}

void lowering_walk(Lowering *l) {
    l->round++;
    require(l->round != 0);
}

int *lowering_note(Lowering *l, const Value *value) {
    require(value->id < l->capacity);
    WalkNote *note = &l->notes[value->id];
    if (note->round != l->round) *note = (WalkNote){.round = l->round};
    return &note->note;
}

void lowering_set_tensor(Lowering *l, const Value *value, LTensor *tensor) {
    require(value->id < l->capacity);
    l->tensors[value->id] = tensor;
}

bool kernel_is_leaf(const Kernel *k, const Value *value) {
    return value != k->root && lowering_tensor(k->l, value) != NULL;
}

static LBuffer *add_param(Kernel *k, const Value *value, LTensor *tensor, const char *name,
                          LAccess access, int rank, const Dim *dims) {
    LSpace space = tensor->role == TENSOR_WEIGHT ? SPACE_CONSTANT : SPACE_GLOBAL;
    LBuffer *buffer = lb_param(k->b, name, space, value->type.dtype, rank, dims, access);
    bool ours = tensor->role == TENSOR_TEMP || tensor->role == TENSOR_WEIGHT;
    buffer->no_alias = true;
    buffer->align = ours ? 64 : 0;
    vec_push(k->l->arena, &k->args, tensor);
    return buffer;
}

static const Leaf *add_leaf(Kernel *k, const Value *value, int rank, const Dim *dims,
                            const LX *direct) {
    LTensor *tensor = lowering_tensor(k->l, value);
    require(tensor);
    const char *kind = tensor->role == TENSOR_WEIGHT ? "w" : "x";
    const char *name = arena_printf(k->l->arena, "%s%zu", kind, k->leaves.len);
    LBuffer *buffer = add_param(k, value, tensor, name, ACCESS_READ, rank, dims);
    vec_push(k->l->arena, &k->leaves, (Leaf){value, buffer, direct, false});
    return &k->leaves.data[k->leaves.len - 1];
}

static Leaf *find_leaf(Kernel *k, const Value *value, bool merged) {
    for (size_t i = 0; i < k->leaves.len; i++) {
        Leaf *leaf = &k->leaves.data[i];
        if (leaf->value == value && leaf->merged == merged) return leaf;
    }
    return NULL;
}

const Leaf *kernel_leaf(Kernel *k, const Value *value) {
    Dim dims[MAX_AXES];
    const Leaf *found = find_leaf(k, value, false);
    return found ? found : add_leaf(k, value, memory_dims(k, &value->type, dims), dims, NULL);
}

LBuffer *kernel_merged_leaf(Kernel *k, const Value *value) {
    Dim dims[MAX_AXES];
    const Leaf *found = find_leaf(k, value, true);
    if (found) return found->buffer;
    int rank = memory_dims(k, &value->type, dims);
    require(rank >= 2);
    dims[rank - 2] = dim_mul(k->dims, dims[rank - 2], dims[rank - 1]);
    LBuffer *buffer = add_leaf(k, value, rank - 1, dims, NULL)->buffer;
    k->leaves.data[k->leaves.len - 1].merged = true;
    return buffer;
}

void kernel_direct_leaf(Kernel *k, const Value *value, int rank, const Dim *dims, const LX *index) {
    add_leaf(k, value, rank, dims, index);
}

LBuffer *kernel_direct_output(Kernel *k, int rank, const Dim *dims) {
    require(!k->out);
    LTensor *tensor = lowering_tensor(k->l, k->root);
    if (!tensor) { /* A kernel that is only looked at has no place for its result yet. */
        require(k->probing);
        tensor = arena_new(k->l->arena, LTensor);
        tensor->role = TENSOR_TEMP;
    }
    return k->out = add_param(k, k->root, tensor, "y", ACCESS_WRITE, rank, dims);
}

LBuffer *kernel_output(Kernel *k) {
    Dim dims[MAX_AXES];
    if (k->out) return k->out;
    return kernel_direct_output(k, memory_dims(k, &k->root->type, dims), dims);
}

/* ---- begin and end --------------------------------------------------------------------------- */

/* The value after which the kernel is called: what stands behind it for its readers' sake alone, a
 * border or a layout, has their names. */
static const Value *named_value(const Kernel *k) {
    const Value *value = k->root;
    while (k->anchor && value != k->anchor && value->def &&
           (value->def->op == OP_pad || value->def->op == OP_relayout))
        value = value->def->operands[0];
    return value;
}

static void begin(Kernel *k, Lowering *l, const Value *root, const Value *anchor) {
    memset(k, 0, sizeof *k);
    k->l = l;
    k->dims = l->dims;
    k->root = root;
    k->anchor = anchor;
    lkernel_create(l->program, "kernel", named_value(k)->path, &k->builder);
    k->b = &k->builder;
}

void kernel_begin(Kernel *k, Lowering *l, const Value *root, const Value *anchor, const int *uses) {
    begin(k, l, root, anchor);
    k->uses = uses;
}

void kernel_probe(Kernel *k, Lowering *l, const Value *root, const Value *anchor) {
    begin(k, l, root, anchor);
    k->probing = true;
}

static Dim traffic(const Kernel *k) {
    Dim sum = dim_int(k->dims, 0);
    for (size_t i = 0; i < k->args.len; i++) {
        const LTensor *t = k->args.data[i];
        Dim size = dim_int(k->dims, (int64_t)dtype_bytes(t->dtype));
        sum = dim_add(k->dims, sum, dim_mul(k->dims, t->elements, size));
    }
    return sum;
}

void kernel_end(Kernel *k, const char *name, const char *plan, Dim operations) {
    LKernel *kernel = k->b->kernel;
    kernel->name = name;
    kernel->plan = plan;
    kernel->flops = operations;
    kernel->bytes = traffic(k);
    const Value *named = named_value(k);
    lprogram_call(k->l->program, kernel, k->args.data, named->path, named->span);
}

/* ---- guards ---------------------------------------------------------------------------------- */

Guards guard_push(Kernel *k, LX condition) {
    Guards before = {k->scalar_guard, k->vector_guard};
    if (!condition || k->probing) return before;
    LX *guard = condition->type.lanes > 1 ? &k->vector_guard : &k->scalar_guard;
    *guard = both(k, *guard, condition);
    return before;
}

void guard_pop(Kernel *k, Guards before) {
    k->scalar_guard = before.scalar;
    k->vector_guard = before.vector;
}

LX both(Kernel *k, LX a, LX b) {
    if (!a || !b) return a ? a : b;
    return lx_binary(k->b, LB_AND, a, b);
}

static LX unless_true(LX condition) {
    int64_t value;
    return lx_is_int(condition, &value) && value ? NULL : condition;
}

LX within(Kernel *k, LX x, Dim extent) {
    LX low = unless_true(lx_binary(k->b, LB_GE, x, lx_int(k->b, 0)));
    LX high = unless_true(lx_binary(k->b, LB_LT, x, lx_dim(k->b, extent)));
    return both(k, low, high);
}

/* ---- element types --------------------------------------------------------------------------- */

DType compute_dtype(DType storage) {
    switch (storage) {
    case DT_f16:
    case DT_bf16: return DT_f32;
    case DT_i4: return DT_i8;
    case DT_u4: return DT_u8;
    default: return storage;
    }
}

LX round_to(Kernel *k, LX x, DType storage) {
    DType compute = compute_dtype(storage);
    if (x->type.dtype == compute && compute == storage) return x;
    return lx_cast(k->b, CAST_VALUE, compute, lx_cast(k->b, CAST_VALUE, storage, x));
}

LX zero_of(Kernel *k, LType type) {
    return dtype_is_float(type.dtype) ? lx_const(k->b, type, 0) : lx_const_int(k->b, type, 0);
}

/* ---- dimensions ------------------------------------------------------------------------------ */

Dim dims_product(DimContext *ctx, int count, const Dim *dims) {
    Dim product = dim_int(ctx, 1);
    for (int i = 0; i < count; i++) product = dim_mul(ctx, product, dims[i]);
    return product;
}

int64_t dim_estimate(DimContext *ctx, Dim d) {
    enum { LIKELY = 16, MOST_SYMBOLS = 64 };
    int64_t symbols[MOST_SYMBOLS], value;
    if (!d || dim_symbol_count(ctx) > MOST_SYMBOLS) return LIKELY;
    for (int i = 0; i < MOST_SYMBOLS; i++) symbols[i] = LIKELY;
    return dim_eval(d, symbols, &value) && value > 0 ? value : 1;
}
