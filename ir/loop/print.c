/* Text of kernels and programs.
 *
 *   program    = "symbols" NAME {"," NAME} | region | tensor | kernel | call, in that order
 *   region     = "region" dim "bytes" INT
 *   tensor     = "tensor" STRING role [INT] dtype "[" dim "]" ["offset" INT "region" INT] ["at"
 * INT] call       = "call" NAME "(" STRING {"," STRING} ")" "path" STRING      arguments are
 * tensors kernel     = "kernel" NAME "(" [buffer {"," buffer}] ")" {"path" STRING | "plan" STRING |
 * "flops" dim | "bytes" dim} block buffer     = NAME ":" space type "[" [dim {"," dim}] "]"
 * [access] {"fold" "(" INT {"," INT} ")" | "align" INT | "depth" INT | "noalias"} block      = "{"
 * {statement} "}" statement  = "let" NAME "=" expr | access "=" expr store; x[i; mask] where a mask
 * is true | loop NAME "in" begin extent {"width" INT | "tail" TAIL | "interval" INT | "cost" INT}
 * block loop = serial, parallel, vector, unroll, grid(AXIS), item(AXIS), pipeline `0..extent`, or
 * `begin +: extent` where it does not begin at 0 | "if" expr block ["else" block] | "declare"
 * buffer | "barrier" | "wait" | "prefetch" access | "copy" access "=" access "count" expr |
 * "tile_store" access "stride" expr "=" expr | "fifo_write" NAME "=" expr expr       = usual
 * precedence of + - * /; comparisons, & | ^ << >> do not associate; primaries: 5  1.5  true i64,
 * f32 and bool;  i8(5)  f32x16(0.0)  other types NAME                       a variable, or a symbol
 * where no variable has the name dim(4*N + 2)               a dimension x[i, j]  x[i, j; mask,
 * passthrough] cast<f32>(x)  cast_sat<i8>(x)  cast_round<i8>(x)  bitcast<i32>(x) neg(x) ...
 * is_nan(x)  min(x, y) ... sub_sat(x, y)  fma(x, y, z)  select(c, x, y) broadcast(x, 16) ramp(base,
 * stride, 16)  extract(x, 3)  shuffle(x, [0, -1])  shuffle(x, y, [0, 9]) reduce(+, x)  dot(acc, x,
 * y) tile_zero(tile<16x16,i32>)  tile_load(tile<16x64,i8>, x[i, j], stride)  tile_dot(acc, x, y)
 *                fifo_read(channel)
 *
 * A name that is visible already gets .2, .3 and so on. */
#include "ir/loop/names.h"

#include <string.h>

typedef struct Printer {
    StrBuf *out;
    DimContext *dims;
    NameScope *names;
    bool *bare; /* by symbol: occurs in the parameters' shapes, so its name stands for it */
    int depth;
} Printer;

static void print_expr(Printer *p, LX x, int precedence);

static void print_string(StrBuf *out, const char *text) {
    str_putc(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            str_printf(out, "\\%c", c);
        else if (c < 32 || c == 127)
            str_printf(out, "\\x%02x", c);
        else
            str_putc(out, *text);
    }
    str_putc(out, '"');
}

static void print_list(Printer *p, LX const *items, int count) {
    for (int i = 0; i < count; i++) {
        if (i) str_append(p->out, ", ");
        print_expr(p, items[i], 0);
    }
}

static void print_access(Printer *p, const LBuffer *buffer, LX const *index, LX mask,
                         LX passthrough) {
    str_printf(p->out, "%s[", buffer->name);
    print_list(p, index, buffer->rank);
    if (mask) {
        str_append(p->out, "; ");
        print_expr(p, mask, 0);
    }
    if (passthrough) {
        str_append(p->out, ", ");
        print_expr(p, passthrough, 0);
    }
    str_putc(p->out, ']');
}

/* ---- expressions ----------------------------------------------------------------------------- */

static void print_int(Printer *p, LX x) {
    bool plain = x->type.lanes == 1 && (x->type.dtype == DT_i64 || x->type.dtype == DT_bool);
    if (!plain) {
        ltype_print(x->type, p->out);
        str_putc(p->out, '(');
    }
    if (x->type.dtype == DT_bool)
        str_append(p->out, x->i ? "true" : "false");
    else
        str_printf(p->out, "%lld", (long long)x->i);
    if (!plain) str_putc(p->out, ')');
}

static void print_float(Printer *p, LX x) {
    StrBuf text = {0};
    str_append_double(&text, x->f, x->type.dtype != DT_f64);
    bool number = !strpbrk(str_text(&text), "in"); /* inf, nan */
    if (number && !strpbrk(str_text(&text), ".e")) str_append(&text, ".0");
    if (number && x->type.dtype == DT_f32 && x->type.lanes == 1) {
        str_append(p->out, str_text(&text));
    } else {
        ltype_print(x->type, p->out);
        str_printf(p->out, "(%s)", str_text(&text));
    }
    str_free(&text);
}

static void print_dim(Printer *p, Dim dim) {
    const DimTerm *t = dim->nterms == 1 ? &dim->terms[0] : 0;
    if (t && t->coefficient == 1 && t->nfactors == 1 && t->factors[0].atom == ATOM_SYMBOL &&
        t->factors[0].power == 1 && p->bare[t->factors[0].symbol]) {
        dim_print(p->dims, dim, p->out);
        return;
    }
    str_append(p->out, "dim(");
    dim_print(p->dims, dim, p->out);
    str_putc(p->out, ')');
}

static void print_binary(Printer *p, LX x, int precedence) {
    const LBinaryName *op = &lbinary_names[x->binary];
    if (op->precedence < 0) {
        str_printf(p->out, "%s(", op->name);
        print_list(p, x->args, 2);
        str_putc(p->out, ')');
        return;
    }
    bool nested = op->precedence < precedence;
    if (nested) str_putc(p->out, '(');
    /* Operators of precedence 0 do not associate: both their operands bind tighter. */
    print_expr(p, x->args[0], op->precedence ? op->precedence : 1);
    str_printf(p->out, " %s ", op->name);
    print_expr(p, x->args[1], op->precedence + 1);
    if (nested) str_putc(p->out, ')');
}

static void print_call(Printer *p, const char *name, LX x) {
    str_printf(p->out, "%s(", name);
    print_list(p, x->args, x->nargs);
    str_putc(p->out, ')');
}

static void print_shuffle(Printer *p, LX x) {
    str_append(p->out, "shuffle(");
    print_list(p, x->args, x->nargs);
    str_append(p->out, ", [");
    for (int i = 0; i < x->type.lanes; i++)
        str_printf(p->out, "%s%d", i ? ", " : "", x->lanes_map[i]);
    str_append(p->out, "])");
}

static void print_tile_load(Printer *p, LX x) {
    str_append(p->out, "tile_load(");
    ltype_print(x->type, p->out);
    str_append(p->out, ", ");
    print_access(p, x->buffer, x->args, 0, 0);
    str_append(p->out, ", ");
    print_expr(p, x->args[x->buffer->rank], 0);
    str_putc(p->out, ')');
}

static void print_converted(Printer *p, const char *name, LX x) {
    str_printf(p->out, "%s<%s>(", name, dtype_name(x->type.dtype));
    print_list(p, x->args, 1);
    str_putc(p->out, ')');
}

/* An expression followed by `, number)`. */
static void print_with_number(Printer *p, const char *name, LX x, int64_t number) {
    str_printf(p->out, "%s(", name);
    print_list(p, x->args, x->nargs);
    str_printf(p->out, ", %lld)", (long long)number);
}

static void print_expr(Printer *p, LX x, int precedence) {
    const char *name;
    switch (x->kind) {
    case LX_INT: print_int(p, x); break;
    case LX_FLOAT: print_float(p, x); break;
    case LX_VAR:
        name = name_scope_of(p->names, x->var);
        str_append(p->out, name ? name : "<not visible>");
        break;
    case LX_DIM: print_dim(p, x->dim); break;
    case LX_UNARY: print_call(p, lunary_names[x->unary], x); break;
    case LX_BINARY: print_binary(p, x, precedence); break;
    case LX_FMA: print_call(p, "fma", x); break;
    case LX_SELECT: print_call(p, "select", x); break;
    case LX_CAST: print_converted(p, lcast_names[x->cast], x); break;
    case LX_BITCAST: print_converted(p, "bitcast", x); break;
    case LX_LOAD: print_access(p, x->buffer, x->args, x->mask, x->passthrough); break;
    case LX_BROADCAST: print_with_number(p, "broadcast", x, x->type.lanes); break;
    case LX_RAMP: print_with_number(p, "ramp", x, x->type.lanes); break;
    case LX_SHUFFLE: print_shuffle(p, x); break;
    case LX_EXTRACT: print_with_number(p, "extract", x, x->i); break;
    case LX_REDUCE:
        str_printf(p->out, "reduce(%s, ", lbinary_names[x->binary].name);
        print_list(p, x->args, 1);
        str_putc(p->out, ')');
        break;
    case LX_DOT: print_call(p, "dot", x); break;
    case LX_TILE_ZERO:
        str_append(p->out, "tile_zero(");
        ltype_print(x->type, p->out);
        str_putc(p->out, ')');
        break;
    case LX_TILE_LOAD: print_tile_load(p, x); break;
    case LX_TILE_DOT: print_call(p, "tile_dot", x); break;
    case LX_FIFO_READ: str_printf(p->out, "fifo_read(%s)", x->buffer->name); break;
    }
}

/* ---- statements ------------------------------------------------------------------------------ */

static void print_buffer(Printer *p, const LBuffer *buffer) {
    StrBuf *out = p->out;
    bool folded = false;
    str_printf(out, "%s: %s ", buffer->name, lspace_names[buffer->space]);
    ltype_print(buffer->elem, out);
    str_putc(out, '[');
    for (int i = 0; i < buffer->rank; i++) {
        if (i) str_append(out, ", ");
        dim_print(p->dims, buffer->dims[i], out);
        folded = folded || buffer->fold[i] > 0;
    }
    str_putc(out, ']');
    if (buffer->param >= 0) str_printf(out, " %s", laccess_names[buffer->access]);
    if (folded) {
        str_append(out, " fold(");
        for (int i = 0; i < buffer->rank; i++)
            str_printf(out, "%s%lld", i ? ", " : "", (long long)buffer->fold[i]);
        str_putc(out, ')');
    }
    if (buffer->align) str_printf(out, " align %d", buffer->align);
    if (buffer->depth) str_printf(out, " depth %lld", (long long)buffer->depth);
    if (buffer->no_alias) str_append(out, " noalias");
}

static void indent(Printer *p) {
    for (int i = 0; i < p->depth; i++) str_append(p->out, "  ");
}

static void print_stmt(Printer *p, const LStmt *s);

/* Statements up to the closing brace, which is written without a newline. */
static void print_block(Printer *p, const LBlock *block) {
    str_append(p->out, " {\n");
    p->depth++;
    for (size_t i = 0; i < block->stmts.len; i++) print_stmt(p, block->stmts.data[i]);
    p->depth--;
    indent(p);
    str_putc(p->out, '}');
}

static void print_scope(Printer *p, const LBlock *block) {
    name_scope_enter(p->names);
    print_block(p, block);
    name_scope_leave(p->names);
}

static void print_for(Printer *p, const LStmt *s) {
    StrBuf bounds = {0}, *out = p->out;
    /* The bounds do not see the variable, whose name comes first. */
    p->out = &bounds;
    if (s->begin->kind == LX_INT && s->begin->i == 0) {
        str_append(&bounds, "0..");
    } else {
        print_expr(p, s->begin, 1);
        str_append(&bounds, " +: ");
    }
    print_expr(p, s->extent, 1);
    p->out = out;
    name_scope_enter(p->names);
    str_append(out, lloop_names[s->loop]);
    if (s->loop == LOOP_GRID || s->loop == LOOP_ITEM) str_printf(out, "(%d)", s->axis);
    str_printf(out, " %s in %s", name_scope_define(p->names, s->var), str_text(&bounds));
    if (s->loop == LOOP_VECTOR)
        str_printf(out, " width %d tail %s", s->width, ltail_names[s->tail]);
    if (s->loop == LOOP_PIPELINE) str_printf(out, " interval %d", s->interval);
    if (s->cost) str_printf(out, " cost %lld", (long long)s->cost);
    print_block(p, &s->body);
    name_scope_leave(p->names);
    str_free(&bounds);
}

static void print_let(Printer *p, const LStmt *s) {
    StrBuf value = {0}, *out = p->out;
    p->out = &value;
    print_expr(p, s->value, 0);
    p->out = out;
    str_printf(out, "let %s = ", name_scope_define(p->names, s->var));
    str_append_n(out, str_text(&value), value.len);
    str_free(&value);
}

static void print_if(Printer *p, const LStmt *s) {
    str_append(p->out, "if ");
    print_expr(p, s->value, 0);
    print_scope(p, &s->body);
    if (s->otherwise.stmts.len == 0) return;
    str_append(p->out, " else");
    print_scope(p, &s->otherwise);
}

static void print_assignment(Printer *p, const LStmt *s) {
    print_access(p, s->buffer, s->index, s->mask, 0);
    if (s->stride) {
        str_append(p->out, " stride ");
        print_expr(p, s->stride, 0);
    }
    str_append(p->out, " = ");
    print_expr(p, s->value, 0);
}

static void print_copy(Printer *p, const LStmt *s) {
    str_append(p->out, "copy ");
    print_access(p, s->buffer, s->index, 0, 0);
    str_append(p->out, " = ");
    print_access(p, s->source, s->source_index, 0, 0);
    str_append(p->out, " count ");
    print_expr(p, s->count, 0);
}

static void print_stmt(Printer *p, const LStmt *s) {
    indent(p);
    switch (s->kind) {
    case LS_LET: print_let(p, s); break;
    case LS_STORE: print_assignment(p, s); break;
    case LS_FOR: print_for(p, s); break;
    case LS_IF: print_if(p, s); break;
    case LS_DECLARE:
        str_append(p->out, "declare ");
        print_buffer(p, s->buffer);
        break;
    case LS_BARRIER: str_append(p->out, "barrier"); break;
    case LS_WAIT: str_append(p->out, "wait"); break;
    case LS_PREFETCH:
        str_append(p->out, "prefetch ");
        print_access(p, s->buffer, s->index, 0, 0);
        break;
    case LS_COPY: print_copy(p, s); break;
    case LS_TILE_STORE:
        str_append(p->out, "tile_store ");
        print_assignment(p, s);
        break;
    case LS_FIFO_WRITE:
        str_printf(p->out, "fifo_write %s = ", s->buffer->name);
        print_expr(p, s->value, 0);
        break;
    }
    str_putc(p->out, '\n');
}

/* ---- kernels and programs -------------------------------------------------------------------- */

static void mark_symbols(Printer *p, Dim dim) {
    for (int i = 0; i < dim->nterms; i++)
        for (int k = 0; k < dim->terms[i].nfactors; k++) {
            const DimFactor *f = &dim->terms[i].factors[k];
            if (f->atom == ATOM_SYMBOL) {
                if (!p->bare[f->symbol])
                    name_scope_reserve(p->names, dim_symbol_name(p->dims, f->symbol));
                p->bare[f->symbol] = true;
                continue;
            }
            mark_symbols(p, f->a);
            mark_symbols(p, f->b);
        }
}

static void print_labelled_string(StrBuf *out, const char *label, const char *text) {
    if (!text || !*text) return;
    str_printf(out, " %s ", label);
    print_string(out, text);
}

static void print_labelled_dim(Printer *p, const char *label, Dim dim) {
    if (!dim) return;
    str_printf(p->out, " %s ", label);
    dim_print(p->dims, dim, p->out);
}

void lkernel_print(const LKernel *kernel, DimContext *dims, StrBuf *out) {
    Arena *arena = arena_create();
    Printer p = {out, dims, name_scope_create(arena), 0, 0};
    p.bare = arena_array(arena, bool, (size_t)dim_symbol_count(dims) + 1);
    str_printf(out, "kernel %s(", kernel->name);
    for (int i = 0; i < kernel->nparams; i++) {
        if (i) str_append(out, ", ");
        print_buffer(&p, kernel->params[i]);
        for (int k = 0; k < kernel->params[i]->rank; k++)
            mark_symbols(&p, kernel->params[i]->dims[k]);
    }
    str_putc(out, ')');
    print_labelled_string(out, "path", kernel->path);
    print_labelled_string(out, "plan", kernel->plan);
    print_labelled_dim(&p, "flops", kernel->flops);
    print_labelled_dim(&p, "bytes", kernel->bytes);
    print_block(&p, &kernel->body);
    str_putc(out, '\n');
    arena_destroy(arena);
}

static void print_tensor(const LTensor *t, bool planned, DimContext *dims, StrBuf *out) {
    str_append(out, "tensor ");
    print_string(out, t->name);
    str_printf(out, " %s", lrole_names[t->role]);
    if (t->role == TENSOR_INPUT || t->role == TENSOR_OUTPUT) str_printf(out, " %d", t->io);
    str_printf(out, " %s[", dtype_name(t->dtype));
    dim_print(dims, t->elements, out);
    str_putc(out, ']');
    if (planned && t->role == TENSOR_TEMP)
        str_printf(out, " offset %lld region %d", (long long)t->offset, t->region);
    if (t->weight_offset) str_printf(out, " at %lld", (long long)t->weight_offset);
    str_putc(out, '\n');
}

static void print_lcall(const LCall *call, StrBuf *out) {
    str_printf(out, "call %s(", call->kernel->name);
    for (int i = 0; i < call->kernel->nparams; i++) {
        if (i) str_append(out, ", ");
        print_string(out, call->args[i]->name);
    }
    str_append(out, ") path ");
    print_string(out, call->path);
    str_putc(out, '\n');
}

void lprogram_print(const LProgram *program, StrBuf *out) {
    DimContext *dims = program->module->dims;
    int symbols = dim_symbol_count(dims);
    for (int i = 0; i < symbols; i++)
        str_printf(out, "%s %s", i ? "," : "symbols", dim_symbol_name(dims, i));
    if (symbols) str_putc(out, '\n');
    for (size_t i = 0; i < program->regions.len; i++) {
        str_append(out, "region ");
        dim_print(dims, program->regions.data[i].unit, out);
        str_printf(out, " bytes %lld\n", (long long)program->regions.data[i].bytes);
    }
    for (size_t i = 0; i < program->tensors.len; i++)
        print_tensor(program->tensors.data[i], program->regions.len > 0, dims, out);
    for (size_t i = 0; i < program->kernels.len; i++) {
        str_putc(out, '\n');
        lkernel_print(program->kernels.data[i], dims, out);
    }
    if (program->calls.len) str_putc(out, '\n');
    for (size_t i = 0; i < program->calls.len; i++) print_lcall(&program->calls.data[i], out);
}
