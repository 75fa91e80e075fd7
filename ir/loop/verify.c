/* Rules of statements, buffers, kernels and programs. */
#include "ir/loop/verify.h"

#include <string.h>

void verify_error(Verifier *v, const char *format, ...) {
    StrBuf text = {0};
    va_list args;
    va_start(args, format);
    str_vprintf(&text, format, args);
    va_end(args);
    if (v->sound && v->diag)
        diag_error(v->diag, (Span){0}, "kernel %s: %s", v->kernel->name, str_text(&text));
    v->sound = false;
    str_free(&text);
}

static bool is_scalar(LX x, DType dtype) {
    return x && ltype_equal(x->type, ltype(dtype, 1));
}

static void check_scalar(Verifier *v, LX x, DType dtype, const char *what) {
    if (!is_scalar(x, dtype)) {
        verify_error(v, "%s must be a scalar of type %s", what, dtype_name(dtype));
        return;
    }
    verify_expr(v, x);
}

/* Identifiers, and the .2 of a duplicate that was read back. */
static bool is_name(const char *name) {
    bool letter = *name == '_' || (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');
    return letter &&
           strspn(name, "_.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") ==
               strlen(name);
}

static void define(Verifier *v, const LVar *var) {
    if (var->id >= v->ids) {
        size_t count = v->ids ? v->ids : 64;
        while (count <= var->id) count *= 2;
        bool *larger = arena_array(v->arena, bool, count);
        if (v->ids) memcpy(larger, v->visible, v->ids);
        v->visible = larger;
        v->ids = count;
    }
    if (v->visible[var->id]) verify_error(v, "variable %s is defined twice", var->name);
    if (!is_name(var->name)) verify_error(v, "'%s' is no name for a variable", var->name);
    v->visible[var->id] = true;
}

/* ---- buffers --------------------------------------------------------------------------------- */

static void enter_buffer(Verifier *v, const LBuffer *buffer) {
    for (size_t i = 0; i < v->buffers.len; i++)
        if (strcmp(v->buffers.data[i]->name, buffer->name) == 0)
            verify_error(v, "two buffers have the name %s", buffer->name);
    if (!is_name(buffer->name)) verify_error(v, "'%s' is no name for a buffer", buffer->name);
    if (buffer->rank < 0 || buffer->rank > MAX_AXES)
        verify_error(v, "buffer %s: rank", buffer->name);
    if (buffer->align < 0 || (buffer->align & (buffer->align - 1)))
        verify_error(v, "buffer %s: an alignment is a power of 2", buffer->name);
    bool fifo = buffer->space == SPACE_FIFO;
    if (buffer->depth < 0 || (buffer->depth && !fifo))
        verify_error(v, "buffer %s: only channels have a depth", buffer->name);
    for (int i = 0; i < buffer->rank && v->sound; i++)
        if (!buffer->dims[i] || buffer->fold[i] < 0)
            verify_error(v, "buffer %s: axis %d has no size", buffer->name, i);
    vec_push(v->arena, &v->buffers, buffer);
}

static void check_param(Verifier *v, const LBuffer *buffer, int position) {
    enter_buffer(v, buffer);
    if (buffer->param != position) verify_error(v, "parameter %s is out of place", buffer->name);
    bool memory = buffer->space == SPACE_GLOBAL || buffer->space == SPACE_CONSTANT;
    if (!memory && buffer->space != SPACE_FIFO)
        verify_error(v, "parameter %s must be global, constant or a channel", buffer->name);
    if (memory && (buffer->elem.lanes != 1 || buffer->elem.rows))
        verify_error(v, "parameter %s must have scalar elements", buffer->name);
    if (buffer->space == SPACE_CONSTANT && buffer->access != ACCESS_READ)
        verify_error(v, "constant %s may not be written", buffer->name);
    if (buffer->space == SPACE_FIFO && buffer->access == ACCESS_READ_WRITE)
        verify_error(v, "channel %s is read or written, not both", buffer->name);
}

static void check_declare(Verifier *v, const LBuffer *buffer) {
    enter_buffer(v, buffer);
    if (buffer->param >= 0 || buffer->space == SPACE_GLOBAL || buffer->space == SPACE_CONSTANT)
        verify_error(v, "buffer %s: global memory comes in parameters", buffer->name);
    if (buffer->space != SPACE_PRIVATE && (buffer->elem.lanes != 1 || buffer->elem.rows))
        verify_error(v, "buffer %s: only private buffers hold vectors and tiles", buffer->name);
    for (int i = 0; i < buffer->rank; i++)
        if (buffer->dims[i] && !dim_is_int(buffer->dims[i], 0))
            verify_error(v, "buffer %s: declared buffers have constant sizes", buffer->name);
}

/* ---- loops ----------------------------------------------------------------------------------- */

static void check_block(Verifier *v, const LBlock *block);

static bool within_independent(const Verifier *v) {
    return v->around[LOOP_PARALLEL] || v->around[LOOP_VECTOR] || v->around[LOOP_GRID] ||
           v->around[LOOP_ITEM];
}

static void check_axis(Verifier *v, const LStmt *s, bool *used) {
    int others =
        v->loops - v->around[LOOP_GRID] - (s->loop == LOOP_ITEM ? v->around[LOOP_ITEM] : 0);
    if (s->axis < 0 || s->axis > 2 || used[s->axis])
        verify_error(v, "loop %s: axes 0 to 2 occur once each", s->var->name);
    else
        used[s->axis] = true;
    if (others > 0)
        verify_error(v, "loop %s: grid loops enclose item loops, and nothing else is around them",
                     s->var->name);
}

static void check_loop_kind(Verifier *v, const LStmt *s) {
    int64_t n;
    bool constant = lx_is_int(s->extent, &n);
    const char *name = s->var->name;
    switch (s->loop) {
    case LOOP_PARALLEL:
        if (v->loops) verify_error(v, "loop %s: a parallel loop stands at a kernel's top", name);
        break;
    case LOOP_VECTOR:
        if (v->around[LOOP_VECTOR]) verify_error(v, "loop %s: vector loops do not nest", name);
        if (s->width < 1) verify_error(v, "loop %s: a vector has lanes", name);
        if (s->tail == TAIL_NONE && constant && s->width > 0 && n > 0 && n % s->width)
            verify_error(v, "loop %s: %lld iterations are no multiple of %d and there is no tail",
                         name, (long long)n, s->width);
        break;
    case LOOP_UNROLL:
        if (!constant) verify_error(v, "loop %s: an unrolled loop has a constant extent", name);
        break;
    case LOOP_GRID: check_axis(v, s, v->grid_axes); break;
    case LOOP_ITEM:
        if (!constant) verify_error(v, "loop %s: work-items have a constant extent", name);
        check_axis(v, s, v->item_axes);
        break;
    case LOOP_PIPELINE:
        if (s->interval < 1) verify_error(v, "loop %s: an interval is at least 1", name);
        break;
    case LOOP_SERIAL: break;
    }
}

static void check_for(Verifier *v, const LStmt *s) {
    check_scalar(v, s->begin, DT_i64, "a loop's begin");
    check_scalar(v, s->extent, DT_i64, "a loop's extent");
    if (!is_scalar(s->begin, DT_i64) || !is_scalar(s->extent, DT_i64)) return;
    bool grid[3], item[3];
    memcpy(grid, v->grid_axes, sizeof grid);
    memcpy(item, v->item_axes, sizeof item);
    check_loop_kind(v, s);
    define(v, s->var);
    v->around[s->loop]++;
    v->loops++;
    check_block(v, &s->body);
    v->loops--;
    v->around[s->loop]--;
    v->visible[s->var->id] = false;
    memcpy(v->grid_axes, grid, sizeof grid);
    memcpy(v->item_axes, item, sizeof item);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void check_let(Verifier *v, const LStmt *s) {
    v->whole_let = true;
    verify_expr(v, s->value);
    v->whole_let = false;
    define(v, s->var);
    if (!ltype_equal(s->var->type, s->value->type))
        verify_error(v, "variable %s has another type than its value", s->var->name);
}

static void check_store(Verifier *v, const LStmt *s) {
    int lanes = verify_access(v, s->buffer, s->index, ACCESS_WRITE);
    LType type = s->buffer->elem;
    if (lanes > 1) type.lanes = lanes;
    verify_expr(v, s->value);
    if (!ltype_equal(s->value->type, type))
        verify_error(v, "a store to %s has a value of another type", s->buffer->name);
    if (!s->mask) return;
    verify_expr(v, s->mask);
    if (!ltype_equal(s->mask->type, ltype(DT_bool, type.lanes)))
        verify_error(v, "a store to %s: a mask is a bool a lane", s->buffer->name);
}

static void check_tile_store(Verifier *v, const LStmt *s) {
    int lanes = verify_access(v, s->buffer, s->index, ACCESS_WRITE);
    verify_expr(v, s->value);
    check_scalar(v, s->stride, DT_i64, "a tile's stride");
    if (lanes != 1 || !s->value->type.rows || s->value->type.dtype != s->buffer->elem.dtype)
        verify_error(v, "a tile goes to %s at scalar indices, in its element type",
                     s->buffer->name);
}

static void check_copy(Verifier *v, const LStmt *s) {
    int to = verify_access(v, s->buffer, s->index, ACCESS_WRITE);
    int from = verify_access(v, s->source, s->source_index, ACCESS_READ);
    check_scalar(v, s->count, DT_i64, "the length of a copy");
    if (to != 1 || from != 1 || !ltype_equal(s->buffer->elem, s->source->elem))
        verify_error(v, "a copy to %s is between elements of one type", s->buffer->name);
}

static void check_fifo_write(Verifier *v, const LStmt *s) {
    verify_expr(v, s->value);
    bool known = false;
    for (size_t i = 0; i < v->buffers.len; i++) known = known || v->buffers.data[i] == s->buffer;
    if (!known || s->buffer->space != SPACE_FIFO || !(s->buffer->access & ACCESS_WRITE))
        verify_error(v, "%s is no channel to write to", s->buffer->name);
    if (!ltype_equal(s->value->type, s->buffer->elem))
        verify_error(v, "channel %s has elements of another type", s->buffer->name);
    if (within_independent(v))
        verify_error(v, "the order of channel %s is lost in an independent loop", s->buffer->name);
}

static void check_barrier(Verifier *v) {
    if (!v->around[LOOP_ITEM] || v->around[LOOP_VECTOR])
        verify_error(v, "a barrier stands in work-item loops and not in a vector loop");
}

static void check_stmt(Verifier *v, const LStmt *s) {
    switch (s->kind) {
    case LS_LET: check_let(v, s); break;
    case LS_STORE: check_store(v, s); break;
    case LS_FOR: check_for(v, s); break;
    case LS_IF:
        check_scalar(v, s->value, DT_bool, "a condition");
        check_block(v, &s->body);
        check_block(v, &s->otherwise);
        break;
    case LS_DECLARE: check_declare(v, s->buffer); break;
    case LS_BARRIER: check_barrier(v); break;
    case LS_WAIT: break;
    case LS_PREFETCH:
        if (verify_access(v, s->buffer, s->index, s->buffer->access) != 1)
            verify_error(v, "a prefetch has scalar indices");
        break;
    case LS_COPY: check_copy(v, s); break;
    case LS_TILE_STORE: check_tile_store(v, s); break;
    case LS_FIFO_WRITE: check_fifo_write(v, s); break;
    }
}

static void check_block(Verifier *v, const LBlock *block) {
    size_t buffers = v->buffers.len;
    for (size_t i = 0; i < block->stmts.len && v->sound; i++) check_stmt(v, block->stmts.data[i]);
    for (size_t i = 0; i < block->stmts.len && v->sound; i++)
        if (block->stmts.data[i]->kind == LS_LET) v->visible[block->stmts.data[i]->var->id] = false;
    v->buffers.len = buffers;
}

bool lkernel_verify(const LKernel *kernel, DimContext *dims, Diag *diag) {
    Verifier v = {
        .kernel = kernel, .dims = dims, .diag = diag, .arena = arena_create(), .sound = true};
    if (!is_name(kernel->name) || strchr(kernel->name, '.'))
        verify_error(&v, "a kernel's name is a C identifier");
    for (int i = 0; i < kernel->nparams; i++) check_param(&v, kernel->params[i], i);
    check_block(&v, &kernel->body);
    arena_destroy(v.arena);
    return v.sound;
}

/* ---- programs -------------------------------------------------------------------------------- */

static bool check_call(const LProgram *p, const LCall *call, Diag *diag) {
    DimContext *dims = p->module->dims;
    for (int i = 0; i < call->kernel->nparams; i++) {
        const LBuffer *param = call->kernel->params[i];
        const LTensor *t = call->args[i];
        Dim elements = dim_int(dims, 1);
        for (int k = 0; k < param->rank; k++) elements = dim_mul(dims, elements, param->dims[k]);
        const char *fault = 0;
        if (t->id < 0 || (size_t)t->id >= p->tensors.len || p->tensors.data[t->id] != t)
            fault = "is not one of the program's";
        else if (t->dtype != param->elem.dtype)
            fault = "has another element type than the parameter";
        else if (elements && dim_le(dims, elements, t->elements) == 0)
            fault = "has fewer elements than the parameter";
        else if ((t->role == TENSOR_WEIGHT || t->role == TENSOR_INPUT) &&
                 (param->access & ACCESS_WRITE))
            fault = "may not be written";
        if (!fault) continue;
        diag_error(diag, call->span, "call of %s for '%s': tensor %s %s", call->kernel->name,
                   call->path, t->name, fault);
        return false;
    }
    return true;
}

bool lprogram_verify(const LProgram *program, Diag *diag) {
    bool sound = true;
    for (size_t i = 0; i < program->kernels.len; i++)
        sound = lkernel_verify(program->kernels.data[i], program->module->dims, diag) && sound;
    for (size_t i = 0; i < program->calls.len; i++)
        sound = check_call(program, &program->calls.data[i], diag) && sound;
    return sound;
}
