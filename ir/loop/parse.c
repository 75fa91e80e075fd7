/* Statements, kernels and programs of the loop IR's text. */
#include "ir/loop/parse.h"

#include "ir/loop/name_table.h"
#include "ir/loop/names.h"

#include <string.h>

static void parse_block(Parser *p);

/* ---- buffers --------------------------------------------------------------------------------- */

static bool parse_buffer_fact(Parser *p, LBuffer *buffer) {
    if (parse_accept_word(p, "noalias")) {
        buffer->no_alias = true;
    } else if (parse_accept_word(p, "align")) {
        buffer->align = (int)parse_int(p, 1, 1 << 20);
    } else if (parse_accept_word(p, "depth")) {
        buffer->depth = parse_int(p, 1, INT64_MAX);
    } else if (parse_accept_word(p, "fold")) {
        parse_expect(p, "(");
        for (int i = 0; i < buffer->rank; i++) {
            if (i) parse_expect(p, ",");
            buffer->fold[i] = parse_int(p, 0, INT64_MAX);
        }
        parse_expect(p, ")");
    } else {
        return false;
    }
    return !p->failed;
}

/* Null after a fault. */
static LBuffer *parse_buffer(Parser *p, bool is_param) {
    const char *name = parse_name(p);
    parse_expect(p, ":");
    int space = parse_choice(p, lspace_names, SPACE_FIFO + 1, "a memory space");
    LType elem = parse_type(p);
    Dim dims[MAX_AXES];
    int rank = 0;
    parse_expect(p, "[");
    while (!p->failed && !parse_peek(p, "]")) {
        if (rank && !parse_expect(p, ",")) break;
        if (rank == MAX_AXES) {
            parse_fail(p, "too many axes");
            break;
        }
        dims[rank++] = parse_dim(p);
    }
    parse_expect(p, "]");
    if (p->failed) return 0;
    LBuffer *buffer = lb_new_buffer(&p->b, name, (LSpace)space, elem, rank);
    /* What the text says, even if another scope has the name already. */
    buffer->name = name;
    memcpy(buffer->dims, dims, (size_t)rank * sizeof *dims);
    if (is_param)
        buffer->access =
            (LAccess)parse_choice(p, laccess_names, ACCESS_READ_WRITE + 1, "an access");
    while (parse_buffer_fact(p, buffer)) continue;
    vec_push(p->b.arena, &p->buffers, buffer);
    return p->failed ? 0 : buffer;
}

/* ---- statements ------------------------------------------------------------------------------ */

static void parse_let(Parser *p) {
    const char *name = parse_name(p);
    parse_expect(p, "=");
    LX value = parse_expr(p);
    if (p->failed) return;
    LVar *var = lb_new_var(&p->b, name, value->type);
    lb_infer_let(var, value);
    LStmt *s = lb_statement(&p->b, LS_LET);
    s->var = var;
    s->value = value;
    vec_push(p->b.arena, &p->vars, var);
}

static void parse_loop_facts(Parser *p, LStmt *s) {
    for (;;) {
        if (parse_accept_word(p, "width"))
            s->width = (int)parse_int(p, 1, PARSE_LANES);
        else if (parse_accept_word(p, "tail"))
            s->tail = (LTail)parse_choice(p, ltail_names, TAIL_OVERLAP + 1, "a tail");
        else if (parse_accept_word(p, "interval"))
            s->interval = (int)parse_int(p, 1, 1 << 20);
        else if (parse_accept_word(p, "cost"))
            s->cost = parse_int(p, 1, INT64_MAX);
        else
            return;
    }
}

/* A body of its own scope; var may be null. */
static void parse_body(Parser *p, LBlock *block, const LVar *var) {
    LBlock *outer = p->b.block;
    size_t vars = p->vars.len, buffers = p->buffers.len;
    p->b.block = block;
    if (var) vec_push(p->b.arena, &p->vars, var);
    parse_block(p);
    p->b.block = outer;
    p->vars.len = vars;
    p->buffers.len = buffers;
}

static void parse_for(Parser *p, LLoopKind kind) {
    int axis = 0;
    if (kind == LOOP_GRID || kind == LOOP_ITEM) {
        parse_expect(p, "(");
        axis = (int)parse_int(p, 0, 2);
        parse_expect(p, ")");
    }
    const char *name = parse_name(p);
    parse_expect_word(p, "in");
    LX begin = lx_int(&p->b, 0);
    if (!parse_accept(p, "0..")) {
        begin = parse_expr(p);
        parse_expect(p, "+:");
    }
    LX extent = parse_expr(p);
    if (p->failed) return;
    LStmt *s = lb_statement(&p->b, LS_FOR);
    LVar *var = lb_new_var(&p->b, name, ltype(DT_i64, 1));
    lb_infer_loop(p->b.program->module->dims, var, begin, extent);
    s->var = var;
    s->loop = kind;
    s->axis = axis;
    s->begin = begin;
    s->extent = extent;
    s->width = 1;
    s->interval = 1;
    parse_loop_facts(p, s);
    parse_body(p, &s->body, var);
}

static void parse_if(Parser *p) {
    LX condition = parse_expr(p);
    if (p->failed) return;
    LStmt *s = lb_statement(&p->b, LS_IF);
    s->value = condition;
    parse_body(p, &s->body, 0);
    if (parse_accept_word(p, "else")) parse_body(p, &s->otherwise, 0);
}

/* An access and, after `=`, a value: stores and tile stores. */
static void parse_assignment(Parser *p, LStmtKind kind) {
    LX index[MAX_AXES] = {0}, mask = 0, stride = 0;
    const LBuffer *buffer = parse_access(p, index, kind == LS_STORE ? &mask : 0, 0);
    if (kind == LS_TILE_STORE && parse_expect_word(p, "stride")) stride = parse_expr(p);
    parse_expect(p, "=");
    LX value = parse_expr(p);
    if (p->failed) return;
    LStmt *s = lb_statement(&p->b, kind);
    s->buffer = buffer;
    memcpy(s->index, index, sizeof index);
    s->mask = mask;
    s->stride = stride;
    s->value = value;
}

static void parse_copy(Parser *p) {
    LX to[MAX_AXES] = {0}, from[MAX_AXES] = {0};
    const LBuffer *buffer = parse_access(p, to, 0, 0);
    parse_expect(p, "=");
    const LBuffer *source = parse_access(p, from, 0, 0);
    parse_expect_word(p, "count");
    LX count = parse_expr(p);
    if (p->failed) return;
    LStmt *s = lb_statement(&p->b, LS_COPY);
    s->buffer = buffer;
    s->source = source;
    memcpy(s->index, to, sizeof to);
    memcpy(s->source_index, from, sizeof from);
    s->count = count;
}

static void parse_prefetch(Parser *p) {
    LX index[MAX_AXES] = {0};
    const LBuffer *buffer = parse_access(p, index, 0, 0);
    if (!buffer) return;
    LStmt *s = lb_statement(&p->b, LS_PREFETCH);
    s->buffer = buffer;
    memcpy(s->index, index, sizeof index);
}

static void parse_fifo_write(Parser *p) {
    const LBuffer *buffer = parse_buffer_name(p);
    parse_expect(p, "=");
    LX value = parse_expr(p);
    if (p->failed) return;
    LStmt *s = lb_statement(&p->b, LS_FIFO_WRITE);
    s->buffer = buffer;
    s->value = value;
}

static void parse_declare(Parser *p) {
    LBuffer *buffer = parse_buffer(p, false);
    if (buffer) lb_statement(&p->b, LS_DECLARE)->buffer = buffer;
}

static void parse_stmt(Parser *p) {
    size_t n;
    p->operators = 0;
    const char *word = parse_word(p, &n);
    int loop = lname_find(lloop_names, LOOP_PIPELINE + 1, word, n);
    if (n && word[n] == '[') {
        parse_assignment(p, LS_STORE);
    } else if (loop >= 0) {
        p->at += n;
        parse_for(p, (LLoopKind)loop);
    } else if (parse_accept_word(p, "let")) {
        parse_let(p);
    } else if (parse_accept_word(p, "if")) {
        parse_if(p);
    } else if (parse_accept_word(p, "declare")) {
        parse_declare(p);
    } else if (parse_accept_word(p, "barrier")) {
        lb_barrier(&p->b);
    } else if (parse_accept_word(p, "wait")) {
        lb_wait(&p->b);
    } else if (parse_accept_word(p, "prefetch")) {
        parse_prefetch(p);
    } else if (parse_accept_word(p, "copy")) {
        parse_copy(p);
    } else if (parse_accept_word(p, "tile_store")) {
        parse_assignment(p, LS_TILE_STORE);
    } else if (parse_accept_word(p, "fifo_write")) {
        parse_fifo_write(p);
    } else {
        parse_fail(p, "expected a statement");
    }
}

static void parse_block(Parser *p) {
    if (++p->depth > PARSE_DEPTH) parse_fail(p, "blocks nest too deeply");
    parse_expect(p, "{");
    while (!p->failed && !parse_accept(p, "}")) parse_stmt(p);
    p->depth--;
}

/* ---- kernels --------------------------------------------------------------------------------- */

static void parse_kernel_facts(Parser *p, LKernel *k) {
    for (;;) {
        if (parse_accept_word(p, "path"))
            k->path = parse_string(p);
        else if (parse_accept_word(p, "plan"))
            k->plan = parse_string(p);
        else if (parse_accept_word(p, "flops"))
            k->flops = parse_dim(p);
        else if (parse_accept_word(p, "bytes"))
            k->bytes = parse_dim(p);
        else
            return;
    }
}

static void parse_kernel(Parser *p) {
    LProgram *program = p->b.program;
    const char *name = parse_name(p);
    if (name_table_find(program->kernel_names, name))
        parse_fail(p, "a kernel '%s' is there already", name);
    LKernel *k = lkernel_create(program, name, "", &p->b);
    p->vars.len = p->buffers.len = 0;
    parse_expect(p, "(");
    while (!p->failed && !parse_peek(p, ")")) {
        if (k->nparams && !parse_expect(p, ",")) break;
        LBuffer *buffer = parse_buffer(p, true);
        if (buffer) lb_add_param(&p->b, buffer);
    }
    parse_expect(p, ")");
    parse_kernel_facts(p, k);
    parse_block(p);
    if (!p->failed && !lkernel_verify(k, program->module->dims, p->diag)) p->failed = true;
    if (!p->failed) lprogram_add_kernel(program, k);
}

/* ---- programs -------------------------------------------------------------------------------- */

static void parse_symbols(Parser *p) {
    do dim_symbol(p->b.program->module->dims, parse_name(p));
    while (!p->failed && parse_accept(p, ","));
}

static void parse_region(Parser *p) {
    LRegion region = {.unit = parse_dim(p)};
    parse_expect_word(p, "bytes");
    region.bytes = parse_int(p, 0, INT64_MAX);
    vec_push(p->b.arena, &p->b.program->regions, region);
}

static void parse_tensor(Parser *p) {
    const char *name = parse_string(p);
    LTensorRole role = (LTensorRole)parse_choice(p, lrole_names, TENSOR_TEMP + 1, "a role");
    bool is_io = role == TENSOR_INPUT || role == TENSOR_OUTPUT;
    int io = is_io ? (int)parse_int(p, 0, 1 << 20) : 0;
    LType type = parse_type(p);
    parse_expect(p, "[");
    Dim elements = parse_dim(p);
    parse_expect(p, "]");
    if (name_table_find(p->b.program->tensor_names, name))
        parse_fail(p, "a tensor '%s' is there already", name);
    if (p->failed) return;
    LTensor *t = lprogram_tensor(p->b.program, name, role, type.dtype, elements);
    t->io = io;
    if (parse_accept_word(p, "offset")) {
        t->offset = parse_int(p, 0, INT64_MAX);
        parse_expect_word(p, "region");
        t->region = (int)parse_int(p, 0, (int64_t)p->b.program->regions.len - 1);
    }
    if (parse_accept_word(p, "at")) t->weight_offset = parse_int(p, 0, INT64_MAX);
}

static void parse_lcall(Parser *p) {
    LProgram *program = p->b.program;
    LCall call = {0};
    const char *name = parse_name(p);
    call.kernel = name_table_find(program->kernel_names, name);
    if (!call.kernel) {
        parse_fail(p, "there is no kernel '%s'", name);
        return;
    }
    call.args = arena_array(p->b.arena, LTensor *, (size_t)call.kernel->nparams + 1);
    parse_expect(p, "(");
    for (int i = 0; i < call.kernel->nparams && !p->failed; i++) {
        if (i) parse_expect(p, ",");
        const char *tensor = parse_string(p);
        call.args[i] = name_table_find(program->tensor_names, tensor);
        if (!call.args[i]) parse_fail(p, "there is no tensor '%s'", tensor);
    }
    parse_expect(p, ")");
    parse_expect_word(p, "path");
    call.path = parse_string(p);
    vec_push(p->b.arena, &program->calls, call);
}

static void parse_part(Parser *p) {
    if (parse_accept_word(p, "symbols"))
        parse_symbols(p);
    else if (parse_accept_word(p, "region"))
        parse_region(p);
    else if (parse_accept_word(p, "tensor"))
        parse_tensor(p);
    else if (parse_accept_word(p, "kernel"))
        parse_kernel(p);
    else if (parse_accept_word(p, "call"))
        parse_lcall(p);
    else
        parse_fail(p, "expected symbols, region, tensor, kernel or call");
}

LProgram *lprogram_parse(const Source *source, Module *module, Diag *diag) {
    size_t length;
    const char *text = source_text(source, &length);
    LProgram *program = lprogram_create(module, 0);
    Parser p = {.source = source, .diag = diag};
    p.b = (LBuilder){program, module->arena, 0, 0};
    p.text = p.at = arena_strndup(module->arena, text, length);
    for (parse_space(&p); !p.failed && *p.at; parse_space(&p)) parse_part(&p);
    if (!p.failed && (size_t)(p.at - p.text) < length) parse_fail(&p, "a zero byte in the text");
    if (p.failed || !lprogram_verify(program, diag)) return 0;
    return program;
}
