/* Statements. */
#include "codegen/c/printer.h"

/* The value as the dialect's index type. */
static Text as_index(Printer *p, LX x, Text value) {
    if (c_fits_index(p, x)) return value;
    return c_text_printf(p, BIND_UNARY, "(%s)%s", p->dialect->index,
                         c_text_in(p, value, BIND_ATOM));
}

static const char *unused_read(Printer *p, LX x) {
    return c_text_in(p, c_fifo_read(p, x), BIND_UNARY);
}

static void let(Printer *p, const LStmt *s) {
    bool narrow = c_var_is_narrow(p, s->var);
    if (p->function && !memo_get(&p->live, s->var)) {
        if (s->value->kind == LX_FIFO_READ) c_line(p, "(void)%s;", unused_read(p, s->value));
        return;
    }
    Text value = c_expr(p, s->value);
    const char *name = c_unique_name(p, s->var->name),
               *type = narrow ? p->dialect->index : c_value_type(p, s->var->type);
    if (narrow) value = as_index(p, s->value, value);
    c_line(p, "const %s %s = %s;", type, name, value.s);
    memo_set(&p->vars, s->var, name);
}

/* begin + extent; what is not known when the file is written gets a name. */
static Text loop_end(Printer *p, const LStmt *s) {
    int64_t begin, extent;
    bool fixed = lx_is_int(s->begin, &begin), whole = fixed && begin == 0;
    if (fixed && lx_is_int(s->extent, &extent)) {
        return c_text_printf(p, BIND_ATOM, "%lld", (long long)(begin + extent));
    }
    Text end = c_operand(p, s->extent);
    if (!whole) end = c_text_binary(p, BIND_SUM, "+", c_operand(p, s->begin), end);
    return c_name_value(p, ltype(DT_i64, 1), end);
}

static void serial_loop(Printer *p, const LStmt *s) {
    int64_t extent;
    if (lx_is_int(s->extent, &extent) && extent <= 0) return;
    Text begin = c_operand(p, s->begin), end = loop_end(p, s);
    bool narrow = c_var_is_narrow(p, s->var);
    const char *name = c_unique_name(p, s->var->name),
               *type = narrow ? p->dialect->index : c_value_type(p, ltype(DT_i64, 1));
    if (narrow) begin = as_index(p, s->begin, begin);
    memo_set(&p->vars, s->var, name);
    if (p->dialect->keep_loop) c_line(p, "%s", p->dialect->keep_loop);
    c_open_block(p, arena_printf(p->arena, "for (%s %s = %s; %s < %s; %s++)", type, name, begin.s,
                                 name, end.s, name));
    if (s->loop == LOOP_PIPELINE && p->dialect->pipeline) {
        c_line(p, "%s", arena_printf(p->arena, p->dialect->pipeline, s->interval));
    }
    c_block(p, &s->body);
    c_close_block(p, "");
}

/* The work-item's own iteration; a group that is larger than the extent leaves some out. */
static void item_loop(Printer *p, const LStmt *s) {
    int64_t extent, begin;
    require(lx_is_int(s->extent, &extent) && s->axis >= 0 && s->axis < 3);
    const char *name = c_unique_name(p, s->var->name),
               *id = arena_printf(p->arena, p->dialect->item_id, s->axis);
    bool zero = lx_is_int(s->begin, &begin) && begin == 0;
    const char *first = zero ? "" : arena_printf(p->arena, "%s + ", c_operand(p, s->begin).s);
    c_line(p, "const %s %s = %s%s;", p->dialect->index, name, first, id);
    memo_set(&p->vars, s->var, name);
    bool all = extent >= p->items[s->axis];
    if (!all) c_open_block(p, arena_printf(p->arena, "if (%s < %lld)", id, (long long)extent));
    c_block(p, &s->body);
    if (!all) c_close_block(p, "");
}

static void group_loop(Printer *p, const LStmt *s) {
    require(s->axis >= 0 && s->axis < 3);
    int64_t begin;
    const char *name = c_unique_name(p, s->var->name),
               *id = arena_printf(p->arena, p->dialect->group_id, s->axis);
    bool zero = lx_is_int(s->begin, &begin) && begin == 0;
    const char *first = zero ? "" : arena_printf(p->arena, "%s + ", c_operand(p, s->begin).s);
    c_line(p, "const %s %s = %s%s;", p->dialect->index, name, first, id);
    memo_set(&p->vars, s->var, name);
    c_block(p, &s->body);
}

static void loop(Printer *p, const LStmt *s) {
    if (p->function) {
        serial_loop(p, s);
    } else if (s->loop == LOOP_ITEM) {
        item_loop(p, s);
    } else if (s->loop == LOOP_GRID) {
        group_loop(p, s);
    } else {
        serial_loop(p, s);
    }
}

static void condition(Printer *p, const LStmt *s) {
    c_open_block(p, arena_printf(p->arena, "if (%s)", c_expr(p, s->value).s));
    c_block(p, &s->body);
    if (s->otherwise.stmts.len > 0) {
        p->depth--;
        c_open_block(p, "} else");
        c_block(p, &s->otherwise);
    }
    c_close_block(p, "");
}

void c_statement(Printer *p, const LStmt *s) {
    c_statement_begin(p, s);
    switch (s->kind) {
    case LS_LET: let(p, s); return;
    case LS_STORE: c_store(p, s); return;
    case LS_FOR: loop(p, s); return;
    case LS_IF: condition(p, s); return;
    case LS_DECLARE: c_declare(p, s->buffer); return;
    case LS_BARRIER:
        if (!p->dialect->barrier) break;
        c_line(p, "%s", p->dialect->barrier);
        return;
    case LS_COPY: c_copy(p, s); return;
    case LS_PREFETCH:
    case LS_WAIT: return;
    case LS_FIFO_WRITE: c_fifo_write(p, s); return;
    case LS_TILE_STORE: break;
    }
    die("kernel %s: a statement that %s does not have (%d)", p->kernel->name, p->dialect->name,
        (int)s->kind);
}

void c_block(Printer *p, const LBlock *b) {
    for (size_t i = 0; i < b->stmts.len; i++) c_statement(p, b->stmts.data[i]);
}
