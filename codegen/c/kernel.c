/* Kernels as functions, and the file they stand in. */
#include <string.h>

#include "codegen/c/printer.h"

typedef struct File {
    const CPrintOptions *options;
    const LProgram *program;
    Arena *arena;
    Helpers helpers;
    Interner *interner;
    Memo names; /* of functions, interned */
    StrBuf body;
    CSource *source;
} File;

/* ---- launches -------------------------------------------------------------------------------- */

static Dim not_negative(DimContext *dims, Dim dim) {
    int64_t least, most;
    dim_range(dim, &least, &most);
    return least >= 0 ? dim : dim_max(dims, dim, dim_int(dims, 0));
}

/* A power of two of cheap iterations share a group. */
static int items_of(const CLaunchStyle *style, const LStmt *loop) {
    int items = 1;
    int64_t extent;
    bool fixed = lx_is_int(loop->extent, &extent) ||
                 (loop->extent->kind == LX_DIM && dim_is_int(loop->extent->dim, &extent));
    if (loop->cost <= 0) return 1;
    while (items < style->most_items && items * loop->cost < style->group_cost &&
           (!fixed || 2 * items <= extent)) {
        items *= 2;
    }
    return items;
}

static void parallel_launch(File *f, const LStmt *loop, CPart *part) {
    DimContext *dims = f->program->module->dims;
    part->axes = 1;
    part->items[0] = items_of(&f->options->launch, loop);
    Dim extent = not_negative(dims, c_dim_of(dims, loop->extent));
    part->groups[0] = extent ? dim_ceildiv(dims, extent, dim_int(dims, part->items[0])) : NULL;
}

/* Grid loops give the groups, item loops the largest group any of them needs. */
static void find_axes(File *f, const LStmt *s, CPart *part) {
    DimContext *dims = f->program->module->dims;
    int64_t extent;
    if (s->kind == LS_FOR && (s->loop == LOOP_GRID || s->loop == LOOP_ITEM)) {
        require(s->axis >= 0 && s->axis < 3);
        if (s->axis + 1 > part->axes) part->axes = s->axis + 1;
    }
    if (s->kind == LS_FOR && s->loop == LOOP_GRID) {
        Dim groups = c_dim_of(dims, s->extent);
        if (!groups) die("a grid of unknown size");
        part->groups[s->axis] = not_negative(dims, groups);
    }
    if (s->kind == LS_FOR && s->loop == LOOP_ITEM) {
        require(lx_is_int(s->extent, &extent));
        if (extent > part->items[s->axis]) part->items[s->axis] = (int)extent;
    }
    for (size_t i = 0; i < s->body.stmts.len; i++) find_axes(f, s->body.stmts.data[i], part);
    for (size_t i = 0; i < s->otherwise.stmts.len; i++) {
        find_axes(f, s->otherwise.stmts.data[i], part);
    }
}

static void find_launch(File *f, const PartStmts *stmts, CPart *part) {
    part->axes = 1;
    for (int i = 0; i < 3; i++) {
        part->groups[i] = dim_int(f->program->module->dims, 1);
        part->items[i] = 1;
    }
    if (stmts->spread && stmts->spread->loop == LOOP_PARALLEL) {
        parallel_launch(f, stmts->spread, part);
    } else if (stmts->spread) {
        find_axes(f, stmts->spread, part);
    }
    for (int i = 0; i < part->axes; i++) {
        if (!part->groups[i]) die("kernel %s: the size of a launch overflows", part->kernel->name);
    }
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static void parallel_body(Printer *p, const LStmt *s) {
    const char *type = p->dialect->index, *name = c_unique_name(p, s->var->name);
    const char *id = arena_printf(p->arena, p->dialect->global_id, 0);
    int64_t begin, extent;
    c_statement_begin(p, s);
    bool zero = lx_is_int(s->begin, &begin) && begin == 0;
    Text first = zero ? c_text_atom("0") : c_operand(p, s->begin);
    memo_set(&p->vars, s->var, name);
    c_line(p, "const %s %s = %s%s%s;", type, name, zero ? "" : c_text_in(p, first, BIND_SUM),
           zero ? "" : " + ", id);
    bool exact = p->items[0] == 1;
    if (lx_is_int(s->extent, &extent) && extent % p->items[0] == 0) exact = true;
    if (!exact) {
        Text end = c_operand(p, s->extent);
        if (!zero) end = c_text_binary(p, BIND_SUM, "+", first, end);
        c_line(p, "if (%s >= %s) return;", name, c_text_in(p, end, BIND_SUM));
    }
    c_block(p, &s->body);
}

static void declare_local(Printer *p, const LBlock *b, CPart *part) {
    for (size_t i = 0; i < b->stmts.len; i++) {
        const LStmt *s = b->stmts.data[i];
        if (s->kind == LS_DECLARE && s->buffer->space == SPACE_LOCAL) {
            Place *place = arena_new(p->arena, Place);
            int64_t count = c_buffer_elements(s->buffer);
            place->name = c_unique_name(p, s->buffer->name);
            memo_set(&p->places, s->buffer, place);
            c_line(p, "%s %s %s[%lld];", p->dialect->space[SPACE_LOCAL],
                   c_memory_type(p, s->buffer->elem.dtype), place->name, (long long)count);
            part->local_bytes += count * (int64_t)dtype_bytes(s->buffer->elem.dtype);
        }
        declare_local(p, &s->body, part);
        declare_local(p, &s->otherwise, part);
    }
}

/* ---- signatures ------------------------------------------------------------------------------ */

typedef struct Mentioned {
    const LBuffer *buffer;
    Memo seen;
    bool found;
} Mentioned;

static void look_expr(Mentioned *m, LX x) {
    if (!x || m->found || memo_get(&m->seen, x)) return;
    memo_set(&m->seen, x, x);
    m->found = m->found || x->buffer == m->buffer;
    for (int i = 0; i < x->nargs; i++) look_expr(m, x->args[i]);
    look_expr(m, x->mask);
    look_expr(m, x->passthrough);
}

static void look_stmt(Mentioned *m, const LStmt *s) {
    if (m->found) return;
    m->found = s->buffer == m->buffer || s->source == m->buffer;
    LX const own[] = {s->value, s->mask, s->begin, s->extent, s->count};
    for (size_t i = 0; i < COUNT_OF(own); i++) look_expr(m, own[i]);
    for (int i = 0; i < MAX_AXES; i++) {
        look_expr(m, s->index[i]);
        look_expr(m, s->source_index[i]);
    }
    for (size_t i = 0; i < s->body.stmts.len; i++) look_stmt(m, s->body.stmts.data[i]);
    for (size_t i = 0; i < s->otherwise.stmts.len; i++) look_stmt(m, s->otherwise.stmts.data[i]);
}

static bool part_uses(const PartStmts *part, const LBuffer *buffer, Arena *arena) {
    Mentioned m = {.buffer = buffer, .seen = memo_create(arena)};
    for (size_t i = 0; i < part->lets.len; i++) look_stmt(&m, part->lets.data[i]);
    for (size_t i = 0; i < part->stmts.len; i++) look_stmt(&m, part->stmts.data[i]);
    return m.found;
}

/* Names the parameters that the part uses. */
static void name_parameters(Printer *p, const PartStmts *stmts, CPart *part) {
    int *used = arena_array(p->arena, int, (size_t)p->kernel->nparams + 1);
    for (int i = 0; i < p->kernel->nparams; i++) {
        const LBuffer *buffer = p->kernel->params[i];
        if (!part_uses(stmts, buffer, p->arena)) continue;
        if (!p->dialect->space[buffer->space]) {
            die("kernel %s: %s does not have the space of '%s'", p->kernel->name, p->dialect->name,
                buffer->name);
        }
        Place *place = arena_new(p->arena, Place);
        place->name = c_unique_name(p, buffer->name);
        memo_set(&p->places, buffer, place);
        used[part->nbuffers++] = i;
    }
    part->buffers = used;
}

static void list_symbols(Printer *p, CPart *part) {
    int count = dim_symbol_count(p->dims);
    int *used = arena_array(p->arena, int, (size_t)count + 1);
    for (int i = 0; i < count; i++) {
        if (p->symbol_used[i]) used[part->nsymbols++] = i;
    }
    part->symbols = used;
}

static const char *parameter(Printer *p, const LBuffer *buffer) {
    const CDialect *d = p->dialect;
    const char *space = d->space[buffer->space];
    return arena_printf(p->arena, "%s%s%s%s *%s%s%s", space, *space ? " " : "",
                        buffer->access == ACCESS_READ ? "const " : "",
                        c_memory_type(p, buffer->elem.dtype), buffer->no_alias ? d->restricted : "",
                        buffer->no_alias ? " " : "", c_place_of(p, buffer)->name);
}

static void signature(Printer *p, const CPart *part) {
    StrBuf s = {0};
    const CDialect *d = p->dialect;
    if (d->group_size) {
        c_line(
            p, "%s",
            arena_printf(p->arena, d->group_size, part->items[0], part->items[1], part->items[2]));
    }
    str_printf(&s, "%s %s(", d->kernel, part->name);
    for (int i = 0; i < part->nbuffers; i++) {
        str_printf(&s, "%s%s", i ? ", " : "", parameter(p, p->kernel->params[part->buffers[i]]));
    }
    for (int i = 0; i < part->nsymbols; i++) {
        str_printf(&s, "%sconst %s %s", i + part->nbuffers ? ", " : "", d->index,
                   p->symbol_names[part->symbols[i]]);
    }
    str_append(&s, ")");
    c_open_block(p, str_text(&s));
    str_free(&s);
}

/* ---- functions ------------------------------------------------------------------------------- */

static void print_body(Printer *p, const PartStmts *stmts, CPart *part) {
    for (size_t i = 0; i < stmts->stmts.len; i++) {
        declare_local(p, &stmts->stmts.data[i]->body, part);
    }
    for (size_t i = 0; i < stmts->lets.len; i++) c_statement(p, stmts->lets.data[i]);
    if (stmts->spread && stmts->spread->loop == LOOP_PARALLEL) {
        parallel_body(p, stmts->spread);
        return;
    }
    for (size_t i = 0; i < stmts->stmts.len; i++) c_statement(p, stmts->stmts.data[i]);
}

static const char *function_name(File *f, const LKernel *kernel, size_t number) {
    bool reserved = c_is_reserved(f->options->dialect, kernel->name);
    const char *name =
        intern(f->interner, reserved ? arena_printf(f->arena, "%s_", kernel->name) : kernel->name);
    if (number > 0) {
        name = intern(f->interner, arena_printf(f->arena, "%s_part%zu", kernel->name, number + 1));
    }
    for (int n = 2; memo_get(&f->names, name); n++) {
        name = intern(f->interner, arena_printf(f->arena, "%s_%d", name, n));
    }
    memo_set(&f->names, name, name);
    return name;
}

/* Text inside a comment must not end it. */
const char *c_comment_text(Arena *arena, const char *text) {
    char *copy = arena_strdup(arena, text ? text : "");
    for (char *c = copy; *c; c++) {
        bool bracket = (c[0] == '*' && c[1] == '/') || (c[0] == '/' && c[1] == '*');
        if ((unsigned char)*c < ' ' || bracket || *c == '\\') *c = ' ';
    }
    return copy;
}

static void print_comment(File *f, const LKernel *kernel, size_t number, size_t count) {
    str_printf(&f->body, "/* %s", c_comment_text(f->arena, kernel->path));
    if (count > 1) str_printf(&f->body, ", part %zu of %zu", number + 1, count);
    if (kernel->plan && *kernel->plan) {
        str_printf(&f->body, ". Plan: %s", c_comment_text(f->arena, kernel->plan));
    }
    str_append(&f->body, ". */\n");
}

static void print_part(File *f, const LKernel *original, const LKernel *expanded,
                       const PartStmts *stmts, CPart *part) {
    size_t nsymbols = (size_t)dim_symbol_count(f->program->module->dims) + 1;
    Printer p = {.options = f->options,
                 .dialect = f->options->dialect,
                 .program = f->program,
                 .dims = f->program->module->dims,
                 .arena = f->arena,
                 .helpers = &f->helpers,
                 .kernel = expanded,
                 .interner = f->interner,
                 .taken = memo_create(f->arena),
                 .vars = memo_create(f->arena),
                 .places = memo_create(f->arena),
                 .uses = memo_create(f->arena),
                 .temps = memo_create(f->arena),
                 .symbol_used = arena_array(f->arena, bool, nsymbols),
                 .symbol_names = arena_array(f->arena, const char *, nsymbols),
                 .depth = 1};
    part->kernel = original;
    find_launch(f, stmts, part);
    memcpy(p.items, part->items, sizeof p.items);
    name_parameters(&p, stmts, part);
    for (size_t i = 0; i < stmts->stmts.len; i++) {
        LBlock single = {0};
        LStmt *s = (LStmt *)(uintptr_t)stmts->stmts.data[i];
        vec_push(f->arena, &single.stmts, s);
        c_slots_assign(&p, &single);
    }
    print_body(&p, stmts, part);
    list_symbols(&p, part);
    StrBuf body = p.out;
    p.out = (StrBuf){0};
    p.depth = 0;
    signature(&p, part);
    str_append(&f->body, str_text(&p.out));
    str_append(&f->body, str_text(&body));
    str_append(&f->body, "}\n\n");
    str_free(&p.out);
    str_free(&body);
}

static void print_kernel(File *f, LProgram *copy, const LKernel *kernel) {
    LExpandOptions expand = {.vectors = f->options->dialect->vector_lanes > 1, .unroll = true};
    const LKernel *expanded = lkernel_expand(copy, kernel, &expand);
    PartList parts = {0};
    c_split_parts(f->program, expanded, f->arena, &parts);
    for (size_t i = 0; i < parts.len; i++) {
        CPart part = {.name = function_name(f, kernel, i)};
        print_comment(f, kernel, i, parts.len);
        print_part(f, kernel, expanded, &parts.data[i], &part);
        vec_push(f->arena, &f->source->parts, part);
    }
}

void c_print_program(const LProgram *program, const CPrintOptions *options, Arena *arena,
                     CSource *source) {
    const CDialect *d = options->dialect;
    File f = {.options = options,
              .program = program,
              .arena = arena,
              .helpers = {.dialect = d, .arena = arena},
              .interner = interner_create(arena),
              .names = memo_create(arena),
              .source = source};
    *source = (CSource){0};
    /* Expansion makes new variables; the caller's program keeps its count. */
    LProgram copy = *program;
    for (size_t i = 0; i < program->kernels.len; i++) {
        print_kernel(&f, &copy, program->kernels.data[i]);
    }
    StrBuf text = {0};
    str_printf(&text, "/* %s */\n%s", c_comment_text(arena, options->title), d->file_head);
    if (f.helpers.uses_f64 && d->f64_head) str_append(&text, d->f64_head);
    const char *contract = options->fp_fast ? d->contract : d->no_contract;
    str_printf(&text, "%s\n", contract ? contract : "");
    helpers_print(&f.helpers, &text);
    str_append(&text, str_text(&f.body));
    source->text = arena_strndup(arena, str_text(&text), text.len);
    str_free(&text);
    str_free(&f.body);
}
