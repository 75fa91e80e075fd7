/* Programs, kernels, buffers and statements. */
#include "ir/loop/build.h"

#include "ir/loop/affine.h"
#include "ir/loop/name_table.h"

#include <string.h>

LProgram *lprogram_create(Module *module, const Graph *graph) {
    LProgram *p = arena_new(module->arena, LProgram);
    p->module = module;
    p->graph = graph;
    p->tensor_names = name_table_create(module->arena);
    p->kernel_names = name_table_create(module->arena);
    return p;
}

static const char *give_name(NameTable *names, const char *wanted, const char *separator,
                             void *object) {
    NameEntry *entry = name_table_free(names, wanted, separator);
    entry->taken++;
    entry->object = object;
    return entry->name;
}

/* The text names tensors, so a second one of the same name gets a number. */
LTensor *lprogram_tensor(LProgram *program, const char *name, LTensorRole role, DType dtype,
                         Dim elements) {
    Arena *arena = program->module->arena;
    LTensor *t = arena_new(arena, LTensor);
    t->name = give_name(program->tensor_names, name, ".", t);
    t->role = role;
    t->dtype = dtype;
    t->elements = elements;
    t->id = (int)program->tensors.len;
    vec_push(arena, &program->tensors, t);
    return t;
}

LKernel *lkernel_create(LProgram *program, const char *name, const char *path, LBuilder *builder) {
    Arena *arena = program->module->arena;
    LKernel *k = arena_new(arena, LKernel);
    k->name = arena_strdup(arena, name);
    k->path = arena_strdup(arena, path ? path : "");
    k->plan = "";
    *builder = (LBuilder){program, arena, k, &k->body};
    return k;
}

static const char *text_without_name(LProgram *program, const LKernel *kernel, StrBuf *text) {
    LKernel anonymous = *kernel;
    anonymous.name = "k";
    anonymous.path = "";
    lkernel_print(&anonymous, program->module->dims, text);
    return str_text(text);
}

void lprogram_add_kernel(LProgram *program, LKernel *kernel) {
    kernel->name = give_name(program->kernel_names, kernel->name, "_", kernel);
    vec_push(program->module->arena, &program->kernels, kernel);
}

/* The kernel of the program with this text, or the new one under a name of its own. */
static LKernel *find_or_add(LProgram *program, LKernel *kernel) {
    StrBuf text = {0}, other = {0};
    text_without_name(program, kernel, &text);
    uint64_t hash = hash_bytes(text.data, text.len, 0);
    LKernel *found = 0;
    for (size_t i = 0; i < program->kernels.len && !found; i++) {
        LKernel *k = program->kernels.data[i];
        if (k != kernel && k->text_hash != hash) continue;
        str_free(&other);
        if (k == kernel || strcmp(text_without_name(program, k, &other), str_text(&text)) == 0)
            found = k;
    }
    str_free(&text);
    str_free(&other);
    if (found) return found;
    kernel->text_hash = hash;
    lprogram_add_kernel(program, kernel);
    return kernel;
}

void lprogram_call(LProgram *program, LKernel *kernel, LTensor *const *args, const char *path,
                   Span span) {
    Arena *arena = program->module->arena;
    LCall call = {.path = arena_strdup(arena, path ? path : ""), .span = span};
    call.args = arena_array(arena, LTensor *, (size_t)kernel->nparams);
    for (int i = 0; i < kernel->nparams; i++) call.args[i] = args[i];
    call.kernel = find_or_add(program, kernel);
    vec_push(arena, &program->calls, call);
}

/* ---- buffers --------------------------------------------------------------------------------- */

static bool buffer_name_taken(const LKernel *kernel, const char *name) {
    for (size_t i = 0; i < kernel->buffers.len; i++)
        if (strcmp(kernel->buffers.data[i]->name, name) == 0) return true;
    return false;
}

LBuffer *lb_new_buffer(LBuilder *b, const char *name, LSpace space, LType elem, int rank) {
    require(rank >= 0 && rank <= MAX_AXES);
    LBuffer *buffer = arena_new(b->arena, LBuffer);
    buffer->name = arena_strdup(b->arena, name);
    for (int n = 2; buffer_name_taken(b->kernel, buffer->name); n++)
        buffer->name = arena_printf(b->arena, "%s_%d", name, n);
    buffer->space = space;
    buffer->elem = elem;
    buffer->rank = rank;
    buffer->param = -1;
    buffer->access = ACCESS_READ_WRITE;
    vec_push(b->arena, &b->kernel->buffers, buffer);
    return buffer;
}

void lb_add_param(LBuilder *b, LBuffer *buffer) {
    LKernel *k = b->kernel;
    LBuffer **params = arena_array(b->arena, LBuffer *, (size_t)k->nparams + 1);
    for (int i = 0; i < k->nparams; i++) params[i] = k->params[i];
    buffer->param = k->nparams;
    params[k->nparams++] = buffer;
    k->params = params;
}

LBuffer *lb_param(LBuilder *b, const char *name, LSpace space, DType dtype, int rank,
                  const Dim *dims, LAccess access) {
    LBuffer *buffer = lb_new_buffer(b, name, space, ltype(dtype, 1), rank);
    for (int i = 0; i < rank; i++) buffer->dims[i] = dims[i];
    buffer->access = access;
    lb_add_param(b, buffer);
    return buffer;
}

LBuffer *lb_declare(LBuilder *b, const char *name, LSpace space, LType elem, int rank,
                    const int64_t *dims) {
    LBuffer *buffer = lb_new_buffer(b, name, space, elem, rank);
    for (int i = 0; i < rank; i++) buffer->dims[i] = dim_int(b->program->module->dims, dims[i]);
    lb_statement(b, LS_DECLARE)->buffer = buffer;
    return buffer;
}

/* ---- statements ------------------------------------------------------------------------------ */

LStmt *lb_statement(LBuilder *b, LStmtKind kind) {
    LStmt *s = arena_new(b->arena, LStmt);
    s->kind = kind;
    s->parent = b->block;
    vec_push(b->arena, &b->block->stmts, s);
    return s;
}

LVar *lb_new_var(LBuilder *b, const char *name, LType type) {
    LVar *var = arena_new(b->arena, LVar);
    var->name = arena_strdup(b->arena, name);
    var->type = type;
    var->id = b->program->var_count++;
    var->lo = INT64_MIN;
    var->hi = INT64_MAX;
    return var;
}

void lb_infer_let(LVar *var, LX value) {
    if (dtype_is_float(value->type.dtype) || value->type.rows) return;
    lx_range(value, &var->lo, &var->hi);
    var->is_index = value->type.dtype == DT_i64 && lx_is_index(value);
}

LX lb_let(LBuilder *b, const char *name, LX value) {
    if (value->kind == LX_VAR || value->kind == LX_INT || value->kind == LX_FLOAT) return value;
    LVar *var = lb_new_var(b, name, value->type);
    lb_infer_let(var, value);
    LStmt *s = lb_statement(b, LS_LET);
    s->var = var;
    s->value = value;
    return lx_var(b, var);
}

static void set_access(LStmt *s, const LBuffer *buffer, LX const *index) {
    s->buffer = buffer;
    for (int i = 0; i < buffer->rank; i++) s->index[i] = index[i];
}

/* Value and mask take the lanes of the indices; indices that are equal in all lanes become
 * scalars. */
void lb_store(LBuilder *b, const LBuffer *buffer, LX const *index, LX value, LX mask) {
    if (mask && mask->kind == LX_INT && mask->i == 1) mask = 0;
    require(value->type.dtype == buffer->elem.dtype);
    LStmt *s = lb_statement(b, LS_STORE);
    set_access(s, buffer, index);
    int lanes = buffer->elem.lanes;
    for (int i = 0; i < buffer->rank; i++) {
        require(index[i]->type.dtype == DT_i64);
        if (index[i]->type.lanes == 1) continue;
        require(lanes == 1 || lanes == index[i]->type.lanes);
        lanes = index[i]->type.lanes;
    }
    s->value = value->type.rows ? value : lx_broadcast(b, value, lanes);
    s->mask = mask && !value->type.rows ? lx_broadcast(b, mask, lanes) : mask;
}

void lb_fifo_write(LBuilder *b, const LBuffer *fifo, LX value) {
    require(fifo->space == SPACE_FIFO && ltype_equal(fifo->elem, value->type));
    LStmt *s = lb_statement(b, LS_FIFO_WRITE);
    s->buffer = fifo;
    s->value = value;
}

void lb_tile_store(LBuilder *b, const LBuffer *buffer, LX const *index, LX stride, LX tile) {
    require(tile->type.rows > 0 && tile->type.dtype == buffer->elem.dtype);
    LStmt *s = lb_statement(b, LS_TILE_STORE);
    set_access(s, buffer, index);
    s->stride = stride;
    s->value = tile;
}

void lb_barrier(LBuilder *b) {
    lb_statement(b, LS_BARRIER);
}
void lb_wait(LBuilder *b) {
    lb_statement(b, LS_WAIT);
}

void lb_prefetch(LBuilder *b, const LBuffer *buffer, LX const *index) {
    set_access(lb_statement(b, LS_PREFETCH), buffer, index);
}

void lb_copy(LBuilder *b, const LBuffer *to, LX const *to_index, const LBuffer *from,
             LX const *from_index, LX count) {
    LStmt *s = lb_statement(b, LS_COPY);
    set_access(s, to, to_index);
    s->source = from;
    for (int i = 0; i < from->rank; i++) s->source_index[i] = from_index[i];
    s->count = count;
}

/* ---- nesting --------------------------------------------------------------------------------- */

static Dim dim_of(DimContext *dims, LX x) {
    if (x->kind == LX_INT) return dim_int(dims, x->i);
    return x->kind == LX_DIM ? x->dim : 0;
}

void lb_infer_loop(DimContext *dims, LVar *var, LX begin, LX extent) {
    int64_t least, most, low, high;
    lx_range(begin, &least, &most);
    lx_range(extent, &low, &high);
    var->is_index = true;
    var->lo = least;
    /* The variable of a loop that never runs has no value; its range is not made empty. */
    if (high < 1) high = 1;
    if (most == INT64_MAX || high == INT64_MAX || !checked_add(most, high - 1, &var->hi))
        var->hi = INT64_MAX;
    Dim first = dim_of(dims, begin), count = dim_of(dims, extent);
    var->least = first;
    var->most = first && count ? dim_sub(dims, dim_add(dims, first, count), dim_int(dims, 1)) : 0;
}

LStmt *lb_for(LBuilder *b, LLoopKind kind, const char *name, LX begin, LX extent) {
    require(ltype_equal(begin->type, ltype(DT_i64, 1)));
    require(ltype_equal(extent->type, ltype(DT_i64, 1)));
    LStmt *s = lb_statement(b, LS_FOR);
    LVar *var = lb_new_var(b, name, ltype(DT_i64, 1));
    lb_infer_loop(b->program->module->dims, var, begin, extent);
    s->var = var;
    s->loop = kind;
    s->begin = begin;
    s->extent = extent;
    s->width = 1;
    s->interval = 1;
    b->block = &s->body;
    return s;
}

LX lb_loop_var(LBuilder *b, const LStmt *loop) {
    return lx_var(b, loop->var);
}

LStmt *lb_if(LBuilder *b, LX condition) {
    require(ltype_equal(condition->type, ltype(DT_bool, 1)));
    LStmt *s = lb_statement(b, LS_IF);
    s->value = condition;
    b->block = &s->body;
    return s;
}

void lb_else(LBuilder *b, LStmt *branch) {
    require(branch->kind == LS_IF && b->block == &branch->body);
    b->block = &branch->otherwise;
}

void lb_end(LBuilder *b, LStmt *statement) {
    require(b->block == &statement->body || b->block == &statement->otherwise);
    b->block = statement->parent;
    /* A loop that never runs only makes the text longer. */
    int64_t extent;
    if (statement->kind == LS_FOR && lx_is_int(statement->extent, &extent) && extent <= 0)
        b->block->stmts.len--;
}
