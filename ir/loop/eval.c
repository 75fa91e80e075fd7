/* The evaluator's entries: a kernel, kernels as tasks, a program. */
#include "ir/loop/eval.h"

#include "ir/interp.h"

#include <string.h>

/* Fills the thread's buffers from the kernel's arguments; channels are left to the caller. */
static bool bind_params(EvalMachine *m, EvalThread *t, LMemory *params) {
    const LKernel *k = t->code->kernel;
    for (int i = 0; i < k->nparams; i++) {
        const EvalBuffer *def = &t->code->buffers.data[i];
        if (k->params[i]->space == SPACE_FIFO) continue;
        if (params[i].elements < def->elements * def->cells)
            return leval_fault(m, t, LFAULT_BOUNDS, "argument %s has %lld elements, not %lld",
                               k->params[i]->name, (long long)params[i].elements,
                               (long long)def->elements);
        t->stores[i] = leval_store_new(m, def, params[i].data, params[i].written);
    }
    return true;
}

static EvalFifo *fifo_new(EvalMachine *m, const EvalBuffer *def) {
    EvalFifo *f = arena_new(m->arena, EvalFifo);
    f->arena = m->arena;
    f->name = def->buffer->name;
    f->cells = def->cells;
    f->depth = def->buffer->depth;
    f->dtype = def->buffer->elem.dtype;
    return f;
}

/* A kernel alone reads its channels from memory and writes them there. */
static void bind_fifos_to_memory(EvalMachine *m, EvalThread *t, LMemory *params) {
    for (int i = 0; i < t->code->kernel->nparams; i++) {
        if (t->code->kernel->params[i]->space != SPACE_FIFO) continue;
        t->fifos[i] = fifo_new(m, &t->code->buffers.data[i]);
        t->fifos[i]->memory = &params[i];
    }
}

static EvalMachine machine(const LEvalOptions *options, Diag *diag) {
    int64_t steps = options && options->max_steps ? options->max_steps : (int64_t)1 << 40;
    return (EvalMachine){.arena = arena_create(), .diag = diag, .steps = steps};
}

/* Channels declared inside must be empty at the end. */
static void check_fifos(EvalMachine *m, EvalThread *t) {
    for (size_t i = 0; m->fault == LFAULT_NONE && i < t->code->buffers.len; i++) {
        const EvalFifo *f = t->fifos[i];
        if (f && f->memory && t->code->kernel->params[i]->access == ACCESS_READ &&
            f->head < f->memory->elements)
            leval_fault(m, t, LFAULT_FIFO, "%lld elements of channel %s are never read",
                        (long long)(f->memory->elements - f->head), f->name);
        else if (f && f->count > 0)
            leval_fault(m, t, LFAULT_FIFO, "%lld elements of channel %s are never read",
                        (long long)f->count, f->name);
    }
}

LFault lkernel_eval(const LKernel *kernel, DimContext *dims, LMemory *params,
                    const LEvalOptions *options, Diag *diag) {
    EvalMachine m = machine(options, diag);
    const EvalCode *code =
        leval_compile(kernel, options ? options->symbols : 0, dims, m.arena, diag);
    if (!code) {
        arena_destroy(m.arena);
        return LFAULT_ARITHMETIC;
    }
    EvalThread *t = leval_thread_new(m.arena, code);
    if (bind_params(&m, t, params)) {
        bind_fifos_to_memory(&m, t, params);
        if (leval_run(&m, t) == EVAL_WAITS_FIFO)
            leval_fault(&m, t, LFAULT_FIFO, "waits for a channel that no other task uses");
        else if (t->state == EVAL_AT_BARRIER)
            leval_fault(&m, t, LFAULT_BARRIER, "a barrier outside of work-item loops");
        check_fifos(&m, t);
    }
    arena_destroy(m.arena);
    return m.fault;
}

/* ---- tasks ----------------------------------------------------------------------------------- */

typedef struct Tasks {
    EvalMachine m;
    EvalThread **threads;
    size_t count;
    VEC(EvalFifo *) fifos;
} Tasks;

/* The channel of that name; its depth is the least of those that are given. */
static bool connect(Tasks *s, EvalThread *t, int slot) {
    const EvalBuffer *def = &t->code->buffers.data[slot];
    EvalFifo *f = 0;
    for (size_t i = 0; i < s->fifos.len; i++)
        if (strcmp(s->fifos.data[i]->name, def->buffer->name) == 0) f = s->fifos.data[i];
    if (!f) {
        f = fifo_new(&s->m, def);
        vec_push(s->m.arena, &s->fifos, f);
    }
    t->fifos[slot] = f;
    int64_t depth = def->buffer->depth;
    if (depth > 0 && (f->depth == 0 || depth < f->depth)) f->depth = depth;
    bool *end = def->buffer->access == ACCESS_READ ? &f->is_read_here : &f->is_written_here;
    if (*end)
        return leval_fault(&s->m, t, LFAULT_FIFO, "channel %s has two tasks at the same end",
                           f->name);
    *end = true;
    if (f->cells != def->cells || f->dtype != def->buffer->elem.dtype)
        return leval_fault(&s->m, t, LFAULT_FIFO, "channel %s has elements of two types", f->name);
    return true;
}

/* Runs each task as far as it gets, round after round, until nothing moves. */
static void run_tasks(Tasks *s) {
    bool moved = true;
    while (moved && s->m.fault == LFAULT_NONE) {
        moved = false;
        for (size_t i = 0; i < s->count && s->m.fault == LFAULT_NONE; i++) {
            EvalThread *t = s->threads[i];
            int64_t steps = s->m.steps;
            if (t->state == EVAL_DONE) continue;
            t->state = EVAL_RUNS;
            leval_run(&s->m, t);
            /* A task that is still blocked tries one instruction. */
            moved = moved || steps - s->m.steps > 1 || t->state == EVAL_DONE;
        }
    }
}

static void check_tasks(Tasks *s) {
    for (size_t i = 0; i < s->count && s->m.fault == LFAULT_NONE; i++) {
        EvalThread *t = s->threads[i];
        if (t->state != EVAL_WAITS_FIFO) continue;
        const EvalInsn *in = &t->code->code.data[t->pc];
        leval_fault(&s->m, t, LFAULT_FIFO, "waits for good to %s channel %s",
                    in->op == EV_FIFO_READ ? "read from empty" : "write to full",
                    t->fifos[in->target]->name);
    }
    for (size_t i = 0; i < s->fifos.len && s->m.fault == LFAULT_NONE; i++)
        if (s->fifos.data[i]->count > 0)
            leval_fault(&s->m, s->threads[0], LFAULT_FIFO,
                        "%lld elements of channel %s are never read",
                        (long long)s->fifos.data[i]->count, s->fifos.data[i]->name);
}

static bool start_task(Tasks *s, size_t i, const LKernel *kernel, DimContext *dims, LMemory *params,
                       const LEvalOptions *options) {
    const EvalCode *code =
        leval_compile(kernel, options ? options->symbols : 0, dims, s->m.arena, s->m.diag);
    if (!code) {
        s->m.fault = LFAULT_ARITHMETIC;
        return false;
    }
    EvalThread *t = s->threads[i] = leval_thread_new(s->m.arena, code);
    if (!bind_params(&s->m, t, params)) return false;
    for (int k = 0; k < kernel->nparams; k++)
        if (kernel->params[k]->space == SPACE_FIFO && !connect(s, t, k)) return false;
    return true;
}

LFault ltasks_eval(LKernel *const *kernels, size_t count, DimContext *dims, LMemory *const *params,
                   const LEvalOptions *options, Diag *diag) {
    Tasks s = {.m = machine(options, diag), .count = count};
    s.threads = arena_array(s.m.arena, EvalThread *, count + 1);
    bool started = true;
    for (size_t i = 0; i < count && started; i++)
        started = start_task(&s, i, kernels[i], dims, params[i], options);
    if (started) {
        run_tasks(&s);
        check_tasks(&s);
    }
    arena_destroy(s.m.arena);
    return s.m.fault;
}

/* ---- programs -------------------------------------------------------------------------------- */

typedef struct Run {
    const LProgram *program;
    Arena *arena;
    const int64_t *symbols;
    LMemory *memory; /* by tensor id */
    Diag *diag;
} Run;

static bool output_tensor(const Run *r, const LTensor *t, int64_t elements, Tensor *output) {
    int64_t dims[MAX_RANK] = {elements};
    int rank = 1;
    const Graph *g = r->program->graph;
    if (g && t->io < g->noutputs) {
        const TensorType *type = &g->outputs[t->io]->type;
        rank = type->rank;
        for (int i = 0; i < rank; i++)
            if (!dim_eval(type->dims[i], r->symbols, &dims[i])) return false;
    }
    *output = tensor_new(r->arena, t->dtype, rank, dims);
    return true;
}

static bool bind_tensor(Run *r, const LTensor *t, const Tensor *inputs, Tensor *outputs) {
    LMemory *memory = &r->memory[t->id];
    if (!dim_eval(t->elements, r->symbols, &memory->elements) || memory->elements < 0) {
        if (r->diag) diag_error(r->diag, (Span){0}, "tensor %s: its size overflows", t->name);
        return false;
    }
    const Tensor *known = t->role == TENSOR_INPUT ? &inputs[t->io] : t->data;
    if (t->role == TENSOR_OUTPUT) {
        if (!output_tensor(r, t, memory->elements, &outputs[t->io])) return false;
        known = &outputs[t->io];
    }
    if (t->role == TENSOR_TEMP) {
        memory->data = arena_alloc_array(r->arena, (size_t)memory->elements, dtype_bytes(t->dtype));
    } else if (!known || !known->data ||
               known->bytes / dtype_bytes(t->dtype) < (size_t)memory->elements) {
        if (r->diag)
            diag_error(r->diag, (Span){0}, "tensor %s: no data of its size is at hand", t->name);
        return false;
    } else {
        memory->data = known->data;
    }
    if (t->role == TENSOR_TEMP || t->role == TENSOR_OUTPUT)
        memory->written = arena_array(r->arena, uint8_t, (size_t)memory->elements);
    return true;
}

static LFault run_calls(Run *r, const LEvalOptions *options) {
    for (size_t i = 0; i < r->program->calls.len; i++) {
        const LCall *call = &r->program->calls.data[i];
        LMemory *args = arena_array(r->arena, LMemory, (size_t)call->kernel->nparams + 1);
        for (int k = 0; k < call->kernel->nparams; k++) args[k] = r->memory[call->args[k]->id];
        LFault fault = lkernel_eval(call->kernel, r->program->module->dims, args, options, r->diag);
        if (fault == LFAULT_NONE) continue;
        if (r->diag) diag_note(r->diag, call->span, "in the call for '%s'", call->path);
        return fault;
    }
    return LFAULT_NONE;
}

static LFault check_outputs(const Run *r) {
    for (size_t i = 0; i < r->program->tensors.len; i++) {
        const LTensor *t = r->program->tensors.data[i];
        if (t->role != TENSOR_OUTPUT) continue;
        for (int64_t k = 0; k < r->memory[t->id].elements; k++) {
            if (r->memory[t->id].written[k]) continue;
            if (r->diag)
                diag_error(r->diag, (Span){0}, "output %s: element %lld is never written", t->name,
                           (long long)k);
            return LFAULT_UNINITIALIZED;
        }
    }
    return LFAULT_NONE;
}

LFault lprogram_eval(const LProgram *program, const Tensor *inputs, Tensor *outputs, Arena *arena,
                     const LEvalOptions *options, Diag *diag) {
    Run r = {.program = program, .arena = arena, .diag = diag};
    int64_t *symbols =
        arena_array(arena, int64_t, (size_t)dim_symbol_count(program->module->dims) + 1);
    LEvalOptions used = options ? *options : (LEvalOptions){0};
    if (!used.symbols && program->graph) {
        if (!interp_bind_inputs(program->graph, inputs, symbols, diag)) return LFAULT_BOUNDS;
        used.symbols = symbols;
    }
    r.symbols = used.symbols ? used.symbols : symbols;
    used.symbols = r.symbols;
    r.memory = arena_array(arena, LMemory, program->tensors.len + 1);
    for (size_t i = 0; i < program->tensors.len; i++)
        if (!bind_tensor(&r, program->tensors.data[i], inputs, outputs)) return LFAULT_BOUNDS;
    LFault fault = run_calls(&r, &used);
    return fault == LFAULT_NONE ? check_outputs(&r) : fault;
}
