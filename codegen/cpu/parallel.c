/* Parallel loops. The body becomes a function of its own that runs a range of iterations:
 *
 *   body(context, begin, end, captured...)      the loop itself
 *   task(argument, index)                       one chunk, as nn_parallel_for calls it
 *
 * The kernel calls the body for the whole range, or hands chunks to options.parallel_for. Either
 * way the same code runs for each iteration, so the bits of a result do not depend on threads. */
#include "codegen/cpu/emit.h"
#include "codegen/schedule/regions.h"

/* What a body uses of the kernel around it. */
typedef enum CaptureKind { CAPTURE_POINTER, CAPTURE_VALUE, CAPTURE_SLOT } CaptureKind;

typedef struct Capture {
    CaptureKind kind;
    const LBuffer *buffer; /* pointer, slot */
    const LVar *var;       /* value */
    int offset;            /* slot: which of the buffer's */
    LV value;              /* in the kernel */
} Capture;

typedef struct Captures {
    Function *f;
    PtrMap seen;
    VEC(Capture) list;
} Captures;

enum { FIXED_PARAMS = 3 }; /* context, begin, end */

/* ---- finding captures ----------------------------------------------------------------------- */

static bool first_time(Captures *c, const void *key) {
    if (!key || ptrmap_find(&c->seen, key)) return false;
    ptrmap_set(&c->seen, key, c);
    return true;
}

static void capture_buffer(Captures *c, const LBuffer *buffer) {
    if (!first_time(c, buffer)) return;
    Arena *arena = c->f->unit->arena;
    BufferPlace *place = ptrmap_find(&c->f->buffers, buffer);
    if (!place || (buffer->param < 0 && !place->declared)) return; /* declared inside the body */
    if (place->pointer) {
        Capture capture = {.kind = CAPTURE_POINTER, .buffer = buffer, .value = place->pointer};
        vec_push(arena, &c->list, capture);
        return;
    }
    if (buffer->elem.rows > 0) {
        die("kernel %s: tiles cannot enter a parallel loop", c->f->kernel->name);
    }
    for (int i = 0; i < place->slots; i++) {
        LV value = c->f->slots.data[place->slot + i];
        Capture capture = {.kind = CAPTURE_SLOT, .buffer = buffer, .offset = i, .value = value};
        if (value) vec_push(arena, &c->list, capture);
    }
}

static void capture_expr(Captures *c, LX x) {
    if (!first_time(c, x)) return;
    for (int i = 0; i < x->nargs; i++) capture_expr(c, x->args[i]);
    capture_expr(c, x->mask);
    capture_expr(c, x->passthrough);
    if (x->buffer) capture_buffer(c, x->buffer);
    if (x->kind != LX_VAR || !first_time(c, x->var)) return;
    Capture capture = {
        .kind = CAPTURE_VALUE, .var = x->var, .value = ptrmap_find(&c->f->vars, x->var)};
    if (capture.value) vec_push(c->f->unit->arena, &c->list, capture);
}

static void capture_block(Captures *c, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        capture_expr(c, s->value);
        capture_expr(c, s->mask);
        capture_expr(c, s->stride);
        capture_expr(c, s->begin);
        capture_expr(c, s->extent);
        for (int k = 0; k < MAX_AXES; k++) capture_expr(c, s->index[k]);
        if (s->buffer) capture_buffer(c, s->buffer);
        capture_block(c, &s->body);
        capture_block(c, &s->otherwise);
    }
}

/* ---- the body ------------------------------------------------------------------------------- */

static void bind_capture(Function *body, const Capture *capture, LV value) {
    if (capture->kind == CAPTURE_VALUE) {
        ptrmap_set(&body->vars, capture->var, value);
        return;
    }
    BufferPlace *place = ptrmap_find(&body->buffers, capture->buffer);
    if (!place) {
        place = arena_new(body->unit->arena, BufferPlace);
        place->slot = -1;
        place->declared = true;
        ptrmap_set(&body->buffers, capture->buffer, place);
    }
    if (capture->kind == CAPTURE_POINTER) {
        place->pointer = value;
        return;
    }
    if (place->slot < 0) place->slot = (int)body->slots.len;
    while ((int)body->slots.len <= place->slot + capture->offset) {
        vec_push(body->unit->arena, &body->slots, NULL);
        vec_push(body->unit->arena, &body->slot_types, capture->buffer->elem);
        place->slots++;
    }
    body->slots.data[place->slot + capture->offset] = value;
}

static LV emit_body(Function *f, const LStmt *loop, const Captures *captures, const char *name) {
    Unit *unit = f->unit;
    size_t count = captures->list.len;
    LT *params = arena_array(unit->arena, LT, count + FIXED_PARAMS);
    params[0] = unit->ptr;
    params[1] = params[2] = unit->i64;
    for (size_t i = 0; i < count; i++) {
        params[i + FIXED_PARAMS] = LLVMTypeOf(captures->list.data[i].value);
    }
    LV function = unit_function(unit, name, unit->none, (int)count + FIXED_PARAMS, params);
    Function body = function_begin(unit, f->kernel, function);
    body.outlined = -1;
    for (size_t i = 0; i < count; i++) {
        const Capture *capture = &captures->list.data[i];
        unsigned index = (unsigned)i + FIXED_PARAMS;
        if (capture->kind == CAPTURE_POINTER && capture->buffer->param >= 0) {
            mark_pointer_param(unit, function, index, capture->buffer);
        }
        bind_capture(&body, capture, LLVMGetParam(function, index));
    }
    slots_assign(&body, &loop->body);
    emit_loop(&body, loop->var, LLVMGetParam(function, 1), LLVMGetParam(function, 2), false,
              &loop->body);
    function_finish(&body);
    return function;
}

/* ---- the task ------------------------------------------------------------------------------- */

static LV member(LLVMBuilderRef b, LT type, LV base, size_t index) {
    return LLVMBuildStructGEP2(b, type, base, (unsigned)index, "");
}

static LV load_member(LLVMBuilderRef b, LT type, LV base, size_t index) {
    LT of = LLVMStructGetTypeAtIndex(type, (unsigned)index);
    return LLVMBuildLoad2(b, of, member(b, type, base, index), "");
}

/* The argument holds what the body takes; the task works on `grain` iterations of it. */
static LV emit_task(Function *f, LT argument, LV body, int64_t grain, const char *name) {
    Unit *unit = f->unit;
    LV task = unit_function(unit, name, unit->none, 2, (LT[]){unit->ptr, unit->i64});
    LLVMBuilderRef b = LLVMCreateBuilderInContext(unit->context);
    LLVMPositionBuilderAtEnd(b, LLVMAppendBasicBlockInContext(unit->context, task, ""));
    unsigned count = LLVMCountStructElementTypes(argument);
    LV *args = arena_array(unit->arena, LV, count);
    for (unsigned i = 0; i < count; i++) {
        args[i] = load_member(b, argument, LLVMGetParam(task, 0), i);
    }
    LV first = LLVMBuildNSWMul(b, LLVMGetParam(task, 1), unit_int(unit, grain), "");
    args[1] = LLVMBuildNSWAdd(b, args[1], first, "");
    LV last = LLVMBuildNSWAdd(b, args[1], unit_int(unit, grain), "");
    args[2] = emit_intrinsic(unit, b, "llvm.smin", 1, &unit->i64, 2, (LV[]){last, args[2]});
    LLVMBuildCall2(b, LLVMGlobalGetValueType(body), body, args, count, "");
    LLVMBuildRetVoid(b);
    LLVMDisposeBuilder(b);
    return task;
}

/* ---- the call ------------------------------------------------------------------------------- */

/* Iterations of one task: enough work that handing it out does not show, and few enough that
 * threads, mostly a power of two, get equally many tasks. */
static int64_t grain_of(const TargetDesc *desc, const LStmt *loop) {
    enum { MOST_THREADS = 8 };
    int64_t least = desc->parallel_threshold / 8, cost = loop->cost, extent;
    if (cost <= 0 || cost >= least) return 1;
    int64_t grain = ceil_div(least, cost);
    if (!lx_is_int(loop->extent, &extent)) return grain;
    int64_t tasks = ceil_div(extent, grain), even = 1;
    while (even < tasks && even < MOST_THREADS) even *= 2;
    return ceil_div(extent, ceil_div(tasks, even) * even);
}

static LV context_member(Function *f, int64_t offset) {
    LV at = unit_int(f->unit, offset);
    LV address = LLVMBuildGEP2(f->b, f->unit->i8, f->context, &at, 1, "");
    return LLVMBuildLoad2(f->b, f->unit->ptr, address, "");
}

static void call_parallel_for(Function *f, LV parallel_for, LT argument, LV storage, LV task,
                              LV extent, int64_t grain, int64_t cost, const LV *args) {
    Unit *unit = f->unit;
    unsigned count = LLVMCountStructElementTypes(argument);
    for (unsigned i = 0; i < count; i++) {
        LLVMBuildStore(f->b, args[i], member(f->b, argument, storage, i));
    }
    LV chunks = LLVMBuildNSWAdd(f->b, extent, unit_int(unit, grain - 1), "");
    chunks = LLVMBuildUDiv(f->b, chunks, unit_int(unit, grain), "");
    LV cycles = LLVMBuildMul(f->b, extent, unit_int(unit, cost > 0 ? cost : 0), "");
    LT params[] = {unit->ptr, unit->ptr, unit->ptr, unit->i64, unit->i64};
    LT type = LLVMFunctionType(unit->none, params, 5, false);
    LV values[] = {context_member(f, CTX_POOL), task, storage, chunks, cycles};
    LLVMBuildCall2(f->b, type, parallel_for, values, 5, "");
}

void emit_parallel(Function *f, const LStmt *loop) {
    Unit *unit = f->unit;
    Captures captures = {.f = f, .seen = {.arena = unit->arena}};
    capture_block(&captures, &loop->body);
    int number = f->outlined++;
    const char *name =
        arena_printf(unit->arena, "%s.%s.part%d", unit->prefix, f->kernel->name, number);
    LV begin = emit_expr(f, loop->begin), extent = emit_expr(f, loop->extent);
    LV end = LLVMBuildNSWAdd(f->b, begin, extent, "");
    LV body = emit_body(f, loop, &captures, name);

    size_t count = captures.list.len + FIXED_PARAMS;
    LV *args = arena_array(unit->arena, LV, count);
    LT *types = arena_array(unit->arena, LT, count);
    args[0] = f->context;
    args[1] = begin;
    args[2] = end;
    for (size_t i = FIXED_PARAMS; i < count; i++) {
        args[i] = captures.list.data[i - FIXED_PARAMS].value;
    }
    for (size_t i = 0; i < count; i++) types[i] = LLVMTypeOf(args[i]);
    LT argument = LLVMStructTypeInContext(unit->context, types, (unsigned)count, false);
    int64_t grain = grain_of(unit->desc, loop);
    LV task =
        emit_task(f, argument, body, grain,
                  arena_printf(unit->arena, "%s.%s.task%d", unit->prefix, f->kernel->name, number));
    LV storage = LLVMBuildAlloca(f->entry, argument, "argument");

    LLVMBasicBlockRef many = LLVMAppendBasicBlockInContext(unit->context, f->function, "threads");
    LLVMBasicBlockRef one = LLVMAppendBasicBlockInContext(unit->context, f->function, "serial");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(unit->context, f->function, "done");
    LV parallel_for = context_member(f, CTX_PARALLEL_FOR);
    LV there = LLVMBuildIsNotNull(f->b, parallel_for, "");
    LV least = unit_int(unit, parallel_least(unit->desc, loop));
    LV enough = LLVMBuildICmp(f->b, LLVMIntSGE, extent, least, "");
    LLVMBuildCondBr(f->b, LLVMBuildAnd(f->b, there, enough, ""), many, one);
    LLVMPositionBuilderAtEnd(f->b, many);
    call_parallel_for(f, parallel_for, argument, storage, task, extent, grain, loop->cost, args);
    LLVMBuildBr(f->b, done);
    LLVMPositionBuilderAtEnd(f->b, one);
    LLVMBuildCall2(f->b, LLVMGlobalGetValueType(body), body, args, (unsigned)count, "");
    LLVMBuildBr(f->b, done);
    LLVMPositionBuilderAtEnd(f->b, done);
}
