/* run: everything is checked before anything is touched, then the kernels are called in order. */
#include "codegen/cpu/code.h"
#include "codegen/cpu/overlap.h"

#include <string.h>

typedef struct Run {
    Code c;
    DimEmitter dims;
    const LV *kernels;
    LV io, arena, weights;
    LV *values;      /* of the symbols */
    LV *base, *unit; /* of each region: address, value of its unit */
    LV *tensor;      /* address of each tensor, once known */
    PtrMap elements; /* Dim -> value, checked */
} Run;

static LV is_negative(Run *r, LV value) {
    return LLVMBuildICmp(r->c.b, LLVMIntSLT, value, unit_int(r->c.unit, 0), "");
}

/* ---- symbols and dimensions ----------------------------------------------------------------- */

static void check_symbols(Run *r) {
    Unit *unit = r->c.unit;
    for (size_t i = 0; i < unit->symbols.count; i++) {
        int64_t at = 8 * (int64_t)i;
        const char *name = unit->symbols.names[i];
        r->values[i] = code_load(&r->c, unit->i64, r->io, at);
        code_note(&r->c, is_negative(r, r->values[i]), NN_INVALID,
                  arena_printf(unit->arena, "run: %s is negative", name));
        LV limit = code_load(&r->c, unit->i64, r->c.context, CTX_LIMITS + at);
        LV above = LLVMBuildICmp(r->c.b, LLVMIntSGT, r->values[i], limit, "");
        code_note(&r->c, above, NN_TOO_LARGE,
                  arena_printf(unit->arena, "run: %s exceeds the limit given to init", name));
    }
    code_fail_if_noted(&r->c);
}

/* The value of a dimension, each computed once; a failure is found by the next check_overflow. */
static LV value_of(Run *r, Dim dim) {
    LV value = ptrmap_find(&r->elements, dim);
    if (value) return value;
    value = dim_emit(&r->dims, dim);
    ptrmap_set(&r->elements, dim, value);
    return value;
}

static void check_overflow(Run *r) {
    code_fail_if(&r->c, *r->dims.overflow, NN_TOO_LARGE,
                 "run: a size does not fit 64 bits or divides by zero");
    *r->dims.overflow = LLVMConstInt(r->c.unit->i1, 0, false);
}

static bool never_negative(Dim dim) {
    int64_t least, most;
    dim_range(dim, &least, &most);
    return least >= 0;
}

static void check_dim(Run *r, PtrMap *done, Dim dim, const char *what, const char *name) {
    if (ptrmap_find(done, dim) || dim_is_int(dim, NULL)) return;
    ptrmap_set(done, dim, r);
    LV value = value_of(r, dim);
    if (never_negative(dim)) return;
    Unit *unit = r->c.unit;
    const char *text = dim_text(unit->program->module->dims, unit->arena, dim);
    code_note(
        &r->c, is_negative(r, value), NN_INVALID,
        arena_printf(unit->arena, "run: dimension %s of %s '%s' is negative", text, what, name));
}

static void check_type(Run *r, PtrMap *done, const TensorType *type, const char *what,
                       const char *name) {
    for (int i = 0; i < type->rank; i++) check_dim(r, done, type->dims[i], what, name);
}

static void check_needs(Run *r) {
    Unit *unit = r->c.unit;
    LV zero = unit_int(unit, 0);
    for (size_t i = 0; i < unit->program->needs.len; i++) {
        const LNeed *need = &unit->program->needs.data[i];
        LV empty = LLVMBuildICmp(r->c.b, LLVMIntEQ, value_of(r, need->extent), zero, "");
        LV used = LLVMBuildICmp(r->c.b, LLVMIntSGT, value_of(r, need->elements), zero, "");
        const char *text = dim_text(unit->program->module->dims, unit->arena, need->extent);
        code_note(&r->c, LLVMBuildAnd(r->c.b, empty, used, ""), NN_INVALID,
                  arena_printf(unit->arena, "run: '%s' has nothing to take elements from: %s is 0",
                               need->path, text));
    }
}

/* Every dimension that the program names, down to the buffers of its kernels: none negative, no
 * size past 64 bits. */
static void check_dims(Run *r) {
    const LProgram *program = r->c.unit->program;
    const Graph *graph = program->graph;
    PtrMap done = {.arena = r->c.unit->arena};
    for (int i = 0; i < graph->ninputs; i++) {
        check_type(r, &done, &graph->inputs[i]->type, "input", graph->input_names[i]);
    }
    for (int i = 0; i < graph->noutputs; i++) {
        check_type(r, &done, &graph->outputs[i]->type, "output", graph->output_names[i]);
    }
    for (size_t i = 0; i < program->kernels.len; i++) {
        const LKernel *kernel = program->kernels.data[i];
        for (int p = 0; p < kernel->nparams; p++) {
            const LBuffer *buffer = kernel->params[p];
            for (int k = 0; k < buffer->rank; k++) {
                check_dim(r, &done, buffer->dims[k], "layer", kernel->path ? kernel->path : "");
            }
        }
    }
    for (size_t i = 0; i < program->tensors.len; i++) {
        const LTensor *tensor = program->tensors.data[i];
        if (dim_is_int(tensor->elements, NULL)) continue;
        LV bytes = unit_int(r->c.unit, (int64_t)dtype_bytes(tensor->dtype));
        dim_checked_mul(&r->dims, value_of(r, tensor->elements), bytes);
    }
    check_needs(r);
    check_overflow(r);
    code_fail_if_noted(&r->c);
}

/* ---- memory --------------------------------------------------------------------------------- */

static void place_regions(Run *r) {
    Unit *unit = r->c.unit;
    const LProgram *program = unit->program;
    LV offset = unit_int(unit, 0), zero = offset;
    for (size_t i = 0; i < program->regions.len; i++) {
        const LRegion *region = &program->regions.data[i];
        r->base[i] = offset;
        LV value = value_of(r, region->unit);
        r->unit[i] =
            emit_intrinsic(unit, r->c.b, "llvm.smax", 1, &unit->i64, 2, (LV[]){value, zero});
        LV bytes = dim_checked_mul(&r->dims, r->unit[i], unit_int(unit, region->bytes));
        offset = dim_checked_add(&r->dims, offset, code_alignment_up(&r->dims, bytes));
    }
    if (program->regions.len == 0) return;
    check_overflow(r);
    LV room = code_load(&r->c, unit->i64, r->c.context, CTX_ARENA_BYTES);
    code_fail_if(&r->c, LLVMBuildICmp(r->c.b, LLVMIntSGT, offset, room, ""), NN_TOO_LARGE,
                 "run: needs more memory than the limits given to init");
}

static LV offset_from(Run *r, LV base, LV offset) {
    return LLVMBuildGEP2(r->c.b, r->c.unit->i8, base, &offset, 1, "");
}

static LV temp_address(Run *r, const LTensor *tensor) {
    Unit *unit = r->c.unit;
    if (tensor->region < 0 || (size_t)tensor->region >= unit->program->regions.len) {
        die("'%s' has no place in memory", tensor->name);
    }
    LV inside = LLVMBuildMul(r->c.b, unit_int(unit, tensor->offset), r->unit[tensor->region], "");
    return offset_from(r, r->arena, LLVMBuildAdd(r->c.b, r->base[tensor->region], inside, ""));
}

static LV tensor_address(Run *r, const LTensor *tensor) {
    Unit *unit = r->c.unit;
    LV *known = &r->tensor[tensor->id];
    if (*known) return *known;
    require(tensor->role == TENSOR_TEMP ||
            tensor->role == TENSOR_WEIGHT); /* others are loaded first */
    *known = tensor->role == TENSOR_TEMP
                 ? temp_address(r, tensor)
                 : offset_from(r, r->weights, unit_int(unit, tensor->weight_offset));
    return *known;
}

/* ---- inputs and outputs --------------------------------------------------------------------- */

typedef struct Port {
    LV pointer, bytes;
} Port;

static Port load_port(Run *r, int64_t position, const TensorType *type) {
    Unit *unit = r->c.unit;
    LV elements = unit_int(unit, 1);
    for (int i = 0; i < type->rank; i++) {
        elements = dim_checked_mul(&r->dims, elements, value_of(r, type->dims[i]));
    }
    LV size = unit_int(unit, (int64_t)dtype_bytes(type->dtype));
    Port port = {.bytes = dim_checked_mul(&r->dims, elements, size)};
    int64_t at = 8 * ((int64_t)unit->symbols.count + position);
    port.pointer = code_load(&r->c, unit->ptr, r->io, at);
    return port;
}

static void check_port(Run *r, Port port, int64_t size, const char *name) {
    Code *c = &r->c;
    Arena *arena = c->unit->arena;
    LV used = LLVMBuildICmp(c->b, LLVMIntSGT, port.bytes, unit_int(c->unit, 0), "");
    LV missing = LLVMBuildAnd(c->b, code_is_null(c, port.pointer), used, "");
    code_note(c, missing, NN_INVALID, arena_printf(arena, "run: %s is null", name));
    if (size == 1) return;
    code_note(c, code_misaligned(c, port.pointer, size), NN_INVALID,
              arena_printf(arena, "run: %s is not aligned to its element type", name));
}

static void check_apart(Run *r, const Port *ports, int inputs, int total) {
    Code *c = &r->c;
    Unit *unit = c->unit;
    LT type = LLVMArrayType2(unit->i64, 2 * (uint64_t)total);
    LV list = LLVMBuildAlloca(c->b, type, "ports");
    for (int i = 0; i < total; i++) {
        LV begin = LLVMBuildPtrToInt(c->b, ports[i].pointer, unit->i64, "");
        code_store(c, begin, list, 16 * (int64_t)i);
        code_store(c, LLVMBuildAdd(c->b, begin, ports[i].bytes, ""), list, 16 * (int64_t)i + 8);
    }
    LV args[] = {list, unit_int(unit, inputs), unit_int(unit, total)};
    code_fail_if(c, code_call(c, emit_overlap(unit), 3, args), NN_INVALID,
                 "run: an output overlaps an input or another output");
}

static void check_ports(Run *r) {
    Unit *unit = r->c.unit;
    const Graph *graph = unit->program->graph;
    int inputs = graph->ninputs, total = inputs + graph->noutputs;
    Port *ports = arena_array(unit->arena, Port, (size_t)total + 1);
    const TensorType **types = arena_array(unit->arena, const TensorType *, (size_t)total + 1);
    for (int i = 0; i < total; i++) {
        types[i] = i < inputs ? &graph->inputs[i]->type : &graph->outputs[i - inputs]->type;
        ports[i] = load_port(r, i, types[i]);
    }
    check_overflow(r);
    for (int i = 0; i < total; i++) {
        const char *name = i < inputs ? graph->input_names[i] : graph->output_names[i - inputs];
        check_port(r, ports[i], (int64_t)dtype_bytes(types[i]->dtype), name);
    }
    code_fail_if_noted(&r->c);
    check_apart(r, ports, inputs, total);
    for (size_t i = 0; i < unit->program->tensors.len; i++) {
        const LTensor *tensor = unit->program->tensors.data[i];
        if (tensor->role == TENSOR_INPUT) r->tensor[tensor->id] = ports[tensor->io].pointer;
        if (tensor->role == TENSOR_OUTPUT) {
            r->tensor[tensor->id] = ports[inputs + tensor->io].pointer;
        }
    }
}

/* ---- calls ---------------------------------------------------------------------------------- */

/* mark(data, step), both at addresses of this process: only what is loaded here has a hook. */
static void call_hook(Run *r, size_t step) {
    Unit *unit = r->c.unit;
    const StepHook *hook = unit->options->hook;
    if (!hook) return;
    void (*mark)(void *, size_t) = hook->mark;
    uintptr_t address;
    memcpy(&address, &mark, sizeof address);
    LV callee = LLVMConstIntToPtr(unit_int(unit, (int64_t)address), unit->ptr);
    LV data = LLVMConstIntToPtr(unit_int(unit, (int64_t)(uintptr_t)hook->data), unit->ptr);
    LT type = LLVMFunctionType(unit->none, (LT[]){unit->ptr, unit->i64}, 2, false);
    LLVMBuildCall2(r->c.b, type, callee, (LV[]){data, unit_int(unit, (int64_t)step)}, 2, "");
}

static void call_kernels(Run *r) {
    Unit *unit = r->c.unit;
    const LProgram *program = unit->program;
    PtrMap functions = {.arena = unit->arena};
    for (size_t i = 0; i < program->kernels.len; i++) {
        ptrmap_set(&functions, program->kernels.data[i], r->kernels[i]);
    }
    for (size_t i = 0; i < program->calls.len; i++) {
        const LCall *call = &program->calls.data[i];
        LV callee = ptrmap_find(&functions, call->kernel);
        require(callee);
        int nargs = call->kernel->nparams;
        LV *args = arena_array(unit->arena, LV, (size_t)nargs + 1);
        args[0] = r->c.context;
        for (int p = 0; p < nargs; p++) args[p + 1] = tensor_address(r, call->args[p]);
        call_hook(r, i);
        LLVMBuildCall2(r->c.b, LLVMGlobalGetValueType(callee), callee, args, (unsigned)nargs + 1,
                       "");
    }
    call_hook(r, program->calls.len);
}

void emit_run(Unit *unit, LV function, const LV *kernels) {
    const LProgram *program = unit->program;
    LV overflow = LLVMConstInt(unit->i1, 0, false);
    Run r = {.c = code_begin(unit, function), .kernels = kernels};
    r.values = arena_array(unit->arena, LV, unit->symbols.count + 1);
    r.base = arena_array(unit->arena, LV, program->regions.len + 1);
    r.unit = arena_array(unit->arena, LV, program->regions.len + 1);
    r.tensor = arena_array(unit->arena, LV, program->tensors.len + 1);
    r.elements.arena = unit->arena;
    r.dims = (DimEmitter){unit, r.c.b, r.values, &overflow};
    LV context = code_param(&r.c, 0);
    r.io = code_param(&r.c, 1);
    code_fail_if(&r.c, code_is_null(&r.c, context), NN_INVALID, "");
    LV magic = code_load(&r.c, unit->i64, context, CTX_MAGIC);
    LV expected = unit_int(unit, (int64_t)unit_context_magic(unit));
    code_fail_if(&r.c, LLVMBuildICmp(r.c.b, LLVMIntNE, magic, expected, ""), NN_INVALID, "");
    r.c.context = context;
    code_fail_if(&r.c, code_is_null(&r.c, r.io), NN_INVALID, "run: io is null");
    check_symbols(&r);
    check_dims(&r);
    place_regions(&r);
    check_ports(&r);
    for (size_t i = 0; i < unit->symbols.count; i++) {
        code_store(&r.c, r.values[i], context, ctx_symbols(unit) + 8 * (int64_t)i);
    }
    code_store(&r.c, code_text(unit, ""), context, CTX_MESSAGE);
    r.arena = code_address(&r.c, context, ctx_arena(unit));
    r.weights = code_load(&r.c, unit->ptr, context, CTX_WEIGHTS);
    call_kernels(&r);
    LLVMBuildRet(r.c.b, code_status(unit, NN_OK));
    code_end(&r.c);
}
