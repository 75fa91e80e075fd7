/* What the tools behind a design cannot take is found here, whatever made it. */
#include <string.h>

#include "codegen/hls/design.h"
#include "ir/loop/rewrite.h"

typedef struct Check {
    const HlsDesign *design;
    const HlsTask *task;
    const char *fault; /* the first; null: none */
} Check;

static bool found(Check *check, const char *fault) {
    if (!check->fault) check->fault = fault;
    return false;
}

static bool check_buffer(Check *check, const LBuffer *buffer) {
    if (buffer->space != SPACE_FIFO && buffer->space != SPACE_CONSTANT &&
        buffer->space != SPACE_PRIVATE) {
        return found(
            check, arena_printf(check->design->arena, "'%s' lies in shared memory", buffer->name));
    }
    if (buffer->elem.lanes != 1 || buffer->elem.rows > 0) {
        return found(check, "it has vectors or tiles");
    }
    for (int i = 0; i < buffer->rank; i++) {
        if (dim_is_int(buffer->dims[i], NULL)) continue;
        return found(check, arena_printf(check->design->arena, "the size of '%s' is not constant",
                                         buffer->name));
    }
    return true;
}

static bool check_expr(void *context, LX x) {
    Check *check = context;
    switch (x->kind) {
    case LX_BROADCAST:
    case LX_RAMP:
    case LX_SHUFFLE:
    case LX_EXTRACT:
    case LX_REDUCE:
    case LX_DOT:
    case LX_TILE_ZERO:
    case LX_TILE_LOAD:
    case LX_TILE_DOT: return found(check, "it has vectors or tiles");
    case LX_DIM: return found(check, "it depends on a symbol");
    default: break;
    }
    if (x->type.lanes != 1) return found(check, "it has vectors or tiles");
    return true;
}

static void check_block(Check *check, const LBlock *block);

static void check_loop(Check *check, const LStmt *s) {
    int64_t begin, extent;
    if (!lx_is_int(s->begin, &begin) || !lx_is_int(s->extent, &extent)) {
        found(check, "a loop's bounds are not constant");
    }
    if (s->loop == LOOP_GRID || s->loop == LOOP_ITEM || s->loop == LOOP_VECTOR) {
        found(check, "a loop is for another kind of machine");
    }
    if (s->loop == LOOP_PIPELINE && s->interval < 1) found(check, "a loop's interval is below 1");
}

static void check_stmt(Check *check, const LStmt *s) {
    switch (s->kind) {
    case LS_FOR: check_loop(check, s); break;
    case LS_DECLARE: check_buffer(check, s->buffer); break;
    case LS_LET:
    case LS_STORE:
    case LS_IF:
    case LS_FIFO_WRITE: break;
    case LS_BARRIER:
    case LS_PREFETCH:
    case LS_COPY:
    case LS_WAIT:
    case LS_TILE_STORE: found(check, "a statement is for another kind of machine"); break;
    }
    lstmt_each_expr(s, check_expr, check);
    check_block(check, &s->body);
    check_block(check, &s->otherwise);
}

static void check_block(Check *check, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) check_stmt(check, block->stmts.data[i]);
}

static bool check_task(const HlsDesign *d, const HlsTask *task, Diag *diag) {
    Check check = {.design = d, .task = task};
    for (int i = 0; i < task->kernel->nparams; i++) {
        const LBuffer *buffer = task->kernel->params[i];
        check_buffer(&check, buffer);
        if (buffer->space == SPACE_PRIVATE) found(&check, "a parameter is private");
        bool is_channel = buffer->space == SPACE_FIFO;
        if (is_channel != (task->channels[i] >= 0)) found(&check, "a parameter is not connected");
    }
    check_block(&check, &task->kernel->body);
    if (!check.fault && hls_too_fast(d->program->module->dims, task->kernel))
        found(&check, "a loop's interval is shorter than its sums, memories and channels allow");
    if (check.fault) {
        diag_error(diag, (Span){0}, "task '%s' of the design cannot be built: %s", task->name,
                   check.fault);
    }
    return !check.fault;
}

static bool check_channels(const HlsDesign *d, Diag *diag) {
    int *readers = arena_array(d->arena, int, d->channels.len + 1);
    int *writers = arena_array(d->arena, int, d->channels.len + 1);
    for (size_t i = 0; i < d->channels.len; i++) {
        writers[i] = d->channels.data[i].input >= 0;
        readers[i] = d->channels.data[i].output >= 0;
    }
    for (size_t t = 0; t < d->tasks.len; t++) {
        const HlsTask *task = &d->tasks.data[t];
        for (int p = 0; p < task->kernel->nparams; p++) {
            if (task->channels[p] < 0) continue;
            require((size_t)task->channels[p] < d->channels.len);
            int *ends = task->kernel->params[p]->access & ACCESS_WRITE ? writers : readers;
            ends[task->channels[p]]++;
        }
    }
    for (size_t i = 0; i < d->channels.len; i++) {
        if (writers[i] == 1 && readers[i] == 1) continue;
        diag_error(diag, (Span){0}, "channel '%s' of the design has %d writers and %d readers",
                   d->channels.data[i].name, writers[i], readers[i]);
        return false;
    }
    return true;
}

static bool check_names(const HlsDesign *d, Diag *diag) {
    Interner *names = interner_create(d->arena);
    VEC(const char *) seen = {0};
    for (size_t i = 0; i < d->channels.len; i++) {
        vec_push(d->arena, &seen, intern(names, d->channels.data[i].name));
    }
    for (size_t i = 0; i < d->tasks.len; i++) {
        vec_push(d->arena, &seen, intern(names, d->tasks.data[i].name));
    }
    for (size_t i = 0; i < seen.len; i++) {
        for (size_t k = 0; k < i; k++) {
            if (seen.data[i] != seen.data[k]) continue;
            diag_error(diag, (Span){0}, "two parts of the design are called '%s'", seen.data[i]);
            return false;
        }
    }
    return true;
}

bool hls_verify(const HlsDesign *d, Diag *diag) {
    for (size_t i = 0; i < d->tasks.len; i++) {
        if (!check_task(d, &d->tasks.data[i], diag)) return false;
    }
    return check_channels(d, diag) && check_names(d, diag);
}
