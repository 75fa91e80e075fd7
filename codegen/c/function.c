/* A kernel as one function over channels and constant arrays. */
#include "codegen/c/printer.h"

/* ---- what is used ---------------------------------------------------------------------------- */

/* Expressions have no effects: a let that nothing uses is left out. */
typedef struct Live {
    Memo *vars; /* LVar -> itself */
    Memo lets;  /* LVar -> the expression that defines it */
    Memo seen;
} Live;

static void live_expr(Live *live, LX x) {
    if (!x || memo_get(&live->seen, x)) return;
    memo_set(&live->seen, x, x);
    if (x->kind == LX_VAR && !memo_get(live->vars, x->var)) {
        memo_set(live->vars, x->var, x->var);
        live_expr(live, (LX)memo_get(&live->lets, x->var));
    }
    for (int i = 0; i < x->nargs; i++) live_expr(live, x->args[i]);
    live_expr(live, x->mask);
    live_expr(live, x->passthrough);
}

static void find_lets(Live *live, const LBlock *b) {
    for (size_t i = 0; i < b->stmts.len; i++) {
        const LStmt *s = b->stmts.data[i];
        if (s->kind == LS_LET) memo_set(&live->lets, s->var, s->value);
        find_lets(live, &s->body);
        find_lets(live, &s->otherwise);
    }
}

static void live_block(Live *live, const LBlock *b) {
    for (size_t i = 0; i < b->stmts.len; i++) {
        const LStmt *s = b->stmts.data[i];
        if (s->kind == LS_LET || s->kind == LS_PREFETCH) continue;
        LX const own[] = {s->value, s->mask, s->begin, s->extent, s->count};
        for (size_t k = 0; k < COUNT_OF(own); k++) live_expr(live, own[k]);
        for (int k = 0; k < MAX_AXES; k++) {
            live_expr(live, s->index[k]);
            live_expr(live, s->source_index[k]);
        }
        live_block(live, &s->body);
        live_block(live, &s->otherwise);
    }
}

static void find_live(Printer *p, const LBlock *body) {
    Live live = {.vars = &p->live, .lets = memo_create(p->arena), .seen = memo_create(p->arena)};
    find_lets(&live, body);
    live_block(&live, body);
}

/* ---- parameters ------------------------------------------------------------------------------ */

static const char *counter_of(Printer *p, const char *channel) {
    return intern(p->interner, arena_printf(p->arena, "%s_at", channel));
}

/* A channel's counter is named after it by the macros that read and write it. */
static void name_channel(Printer *p, const LBuffer *buffer) {
    Place *place = arena_new(p->arena, Place);
    do {
        place->name = c_unique_name(p, buffer->name);
    } while (memo_get(&p->taken, counter_of(p, place->name)));
    memo_set(&p->taken, counter_of(p, place->name), place->name);
    memo_set(&p->places, buffer, place);
}

static const char *constant_name(Printer *p, int param) {
    const char *const *names = p->function->constants;
    if (!names || !names[param]) {
        die("kernel %s: the constant '%s' has no name", p->kernel->name,
            p->kernel->params[param]->name);
    }
    return intern(p->interner, names[param]);
}

static void name_parameters(Printer *p) {
    for (int i = 0; i < p->kernel->nparams; i++) {
        const LBuffer *buffer = p->kernel->params[i];
        if (buffer->space != SPACE_CONSTANT) continue;
        const char *name = constant_name(p, i);
        memo_set(&p->taken, name, name);
        c_place_constant(p, buffer);
    }
    c_slots_assign(p, &p->kernel->body);
    for (int i = 0; i < p->kernel->nparams; i++) {
        const LBuffer *buffer = p->kernel->params[i];
        if (buffer->space == SPACE_CONSTANT) {
            c_name_constant(p, buffer, constant_name(p, i));
        } else if (buffer->space == SPACE_FIFO && p->dialect->fifo_element) {
            name_channel(p, buffer);
        } else {
            die("kernel %s: %s does not have the space of '%s'", p->kernel->name, p->dialect->name,
                buffer->name);
        }
    }
}

static void signature(Printer *p) {
    StrBuf s = {0};
    int count = 0;
    str_printf(&s, "%s%s %s(", p->function->is_static ? "static " : "", p->dialect->kernel,
               p->function->name);
    for (int i = 0; i < p->kernel->nparams; i++) {
        const LBuffer *buffer = p->kernel->params[i];
        if (buffer->space != SPACE_FIFO) continue;
        str_printf(&s, "%s%s%s %s *%s", count++ ? ", " : "",
                   buffer->access == ACCESS_READ ? "const " : "", p->dialect->fifo_element,
                   c_memory_type(p, buffer->elem.dtype), c_place_of(p, buffer)->name);
    }
    str_printf(&s, "%s)", count ? "" : "void");
    c_open_block(p, str_text(&s));
    str_free(&s);
}

/* ---- the function ---------------------------------------------------------------------------- */

static void channels(Printer *p) {
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < p->kernel->nparams; i++) {
            const LBuffer *buffer = p->kernel->params[i];
            if (buffer->space != SPACE_FIFO) continue;
            const char *name = c_place_of(p, buffer)->name;
            if (pass == 0) c_line(p, p->dialect->fifo_port, name);
            if (pass == 1) c_line(p, "%s %s = 0;", p->dialect->index, counter_of(p, name));
        }
    }
}

static void body(Printer *p) {
    const char *frames = p->function->frames;
    channels(p);
    if (frames) {
        if (p->dialect->keep_loop) c_line(p, "%s", p->dialect->keep_loop);
        const char *frame = c_unique_name(p, "frame");
        c_open_block(p, arena_printf(p->arena, "for (%s %s = 0; %s < %s; %s++)", p->dialect->index,
                                     frame, frame, frames, frame));
    }
    c_block(p, &p->kernel->body);
    if (frames) c_close_block(p, "");
}

void c_print_function(const LProgram *program, const LKernel *kernel,
                      const CFunctionOptions *options, Arena *arena, StrBuf *out) {
    size_t nsymbols = (size_t)dim_symbol_count(program->module->dims) + 1;
    const CPrintOptions print = {
        .dialect = options->dialect, .fused = options->fused, .fp_fast = options->fp_fast};
    Helpers helpers = {.dialect = options->dialect, .arena = arena};
    Printer p = {.options = &print,
                 .dialect = options->dialect,
                 .program = program,
                 .dims = program->module->dims,
                 .arena = arena,
                 .helpers = &helpers,
                 .kernel = kernel,
                 .interner = interner_create(arena),
                 .taken = memo_create(arena),
                 .vars = memo_create(arena),
                 .places = memo_create(arena),
                 .uses = memo_create(arena),
                 .temps = memo_create(arena),
                 .symbol_used = arena_array(arena, bool, nsymbols),
                 .symbol_names = arena_array(arena, const char *, nsymbols),
                 .function = options,
                 .live = memo_create(arena)};
    find_live(&p, &kernel->body);
    name_parameters(&p);
    if (options->title && *options->title) {
        c_line(&p, "/* %s */", c_comment_text(arena, options->title));
    }
    signature(&p);
    body(&p);
    c_close_block(&p, "");
    for (size_t i = 0; i + 1 < nsymbols; i++) {
        if (p.symbol_used[i]) die("kernel %s: a size that is not constant", kernel->name);
    }
    str_append(out, str_text(&p.out));
    str_free(&p.out);
}
