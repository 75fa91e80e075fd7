/* Expressions of the loop IR's text. */
#include "ir/loop/affine.h"
#include "ir/loop/names.h"
#include "ir/loop/parse.h"
#include "ir/loop/scalar.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static LX parse_level(Parser *p, int level);

LX parse_expr(Parser *p) {
    return parse_level(p, 0);
}

static LX nothing(Parser *p) {
    return lx_int(&p->b, 0);
}

static LX make(Parser *p, LExprKind kind, LType type, int nargs, LX const *args) {
    return lx_new(&p->b, kind, type, nargs, args);
}

/* ---- constants ------------------------------------------------------------------------------- */

static LX int_literal(Parser *p, LType type, int64_t value) {
    if (value < dtype_min(type.dtype) || value > dtype_max(type.dtype)) {
        parse_fail(p, "the number does not fit its type");
        return nothing(p);
    }
    return lx_const_int(&p->b, type, value);
}

/* A word that is a number: inf, nan; false: none. */
static bool special_float(Parser *p, double *value) {
    bool minus = parse_peek(p, "-inf");
    if (minus) p->at++;
    if (parse_accept_word(p, "inf"))
        *value = minus ? -HUGE_VAL : HUGE_VAL;
    else if (parse_accept_word(p, "nan"))
        *value = NAN;
    else
        return false;
    return true;
}

static bool has_fraction(const char *text) {
    if (*text == '-') text++;
    while (*text >= '0' && *text <= '9') text++;
    return (text[0] == '.' && text[1] >= '0' && text[1] <= '9') || *text == 'e';
}

static LX float_literal(Parser *p, LType type) {
    double value = 0;
    parse_space(p);
    if (!special_float(p, &value)) {
        char *end;
        const char *start = p->at;
        bool digits = (*start >= '0' && *start <= '9') ||
                      (*start == '-' && start[1] >= '0' && start[1] <= '9');
        /* Hexadecimal is not written; strtod would take it. */
        if (!digits || (start[*start == '-'] == '0' && start[1 + (*start == '-')] == 'x')) {
            parse_fail(p, "expected a number");
            return nothing(p);
        }
        /* Straight to f32: by way of f64 the text would be rounded twice. */
        value = type.dtype == DT_f64 ? strtod(start, &end) : (double)strtof(start, &end);
        p->at = end;
    }
    return lx_const(&p->b, type, value);
}

static LX typed_literal(Parser *p, LType type) {
    LX x;
    if (type.rows) {
        parse_fail(p, "a tile has no constants");
        return nothing(p);
    }
    parse_expect(p, "(");
    if (type.dtype == DT_bool) {
        bool value = parse_accept_word(p, "true");
        if (!value) parse_expect_word(p, "false");
        x = int_literal(p, type, value);
    } else if (dtype_is_float(type.dtype)) {
        x = float_literal(p, type);
    } else {
        x = int_literal(p, type, parse_int(p, INT64_MIN, INT64_MAX));
    }
    parse_expect(p, ")");
    return x;
}

static LX number(Parser *p) {
    if (has_fraction(p->at)) return float_literal(p, ltype(DT_f32, 1));
    return lx_int(&p->b, parse_int(p, INT64_MIN, INT64_MAX));
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void parse_args(Parser *p, LX *args, int count) {
    for (int i = 0; i < count; i++) {
        if (i) parse_expect(p, ",");
        args[i] = parse_expr(p);
    }
}

static int parse_last_number(Parser *p, int64_t least) {
    parse_expect(p, ",");
    return (int)parse_int(p, least, PARSE_LANES);
}

static LX parse_shuffle(Parser *p) {
    LX args[2];
    int map[PARSE_LANES], lanes = 0, nargs = 1;
    args[0] = parse_expr(p);
    parse_expect(p, ",");
    if (!parse_peek(p, "[")) {
        args[nargs++] = parse_expr(p);
        parse_expect(p, ",");
    }
    parse_expect(p, "[");
    do {
        if (lanes == PARSE_LANES) {
            parse_fail(p, "too many lanes");
            break;
        }
        map[lanes++] = (int)parse_int(p, -1, 2 * PARSE_LANES);
    } while (parse_accept(p, ","));
    parse_expect(p, "]");
    LExpr *x = lx_new(&p->b, LX_SHUFFLE, ltype(args[0]->type.dtype, lanes), nargs, args);
    int *copy = arena_array(p->b.arena, int, (size_t)lanes);
    memcpy(copy, map, (size_t)lanes * sizeof *copy);
    x->lanes_map = copy;
    return x;
}

static LX parse_reduce(Parser *p) {
    int op = -1;
    parse_space(p);
    for (int i = 0; i < LB_COUNT; i++) {
        size_t n = strlen(lbinary_names[i].name);
        if (strncmp(p->at, lbinary_names[i].name, n) == 0 && p->at[n] == ',') op = i;
    }
    if (op < 0) {
        parse_fail(p, "expected an operator");
        return nothing(p);
    }
    p->at += strlen(lbinary_names[op].name);
    parse_expect(p, ",");
    LX value = parse_expr(p);
    LExpr *x = lx_new(&p->b, LX_REDUCE, ltype(value->type.dtype, 1), 1, &value);
    x->binary = (LBinary)op;
    return x;
}

static LX parse_tile_load(Parser *p) {
    LX args[MAX_AXES + 1] = {0};
    LType type = parse_type(p);
    parse_expect(p, ",");
    const LBuffer *buffer = parse_access(p, args, 0, 0);
    parse_expect(p, ",");
    LX stride = parse_expr(p);
    if (!buffer) return nothing(p);
    args[buffer->rank] = stride;
    LExpr *x = lx_new(&p->b, LX_TILE_LOAD, type, buffer->rank + 1, args);
    x->buffer = buffer;
    return x;
}

static LX parse_fifo_read(Parser *p) {
    const LBuffer *buffer = parse_buffer_name(p);
    if (!buffer) return nothing(p);
    LExpr *x = lx_new(&p->b, LX_FIFO_READ, buffer->elem, 0, 0);
    x->buffer = buffer;
    return x;
}

static LX parse_special(Parser *p, LX *args, int kind) {
    LExpr *x;
    int lanes;
    switch ((LExprKind)kind) {
    case LX_DIM: return lx_dim(&p->b, parse_dim(p));
    case LX_BROADCAST:
        parse_args(p, args, 1);
        lanes = parse_last_number(p, 2);
        return make(p, LX_BROADCAST, ltype(args[0]->type.dtype, lanes), 1, args);
    case LX_RAMP:
        parse_args(p, args, 2);
        return lx_new_ramp(&p->b, args[0], args[1], parse_last_number(p, 2));
    case LX_EXTRACT:
        parse_args(p, args, 1);
        x = lx_new(&p->b, LX_EXTRACT, ltype(args[0]->type.dtype, 1), 1, args);
        x->i = parse_last_number(p, 0);
        return x;
    case LX_SHUFFLE: return parse_shuffle(p);
    case LX_REDUCE: return parse_reduce(p);
    case LX_TILE_ZERO: return make(p, LX_TILE_ZERO, parse_type(p), 0, 0);
    case LX_TILE_LOAD: return parse_tile_load(p);
    case LX_FIFO_READ: return parse_fifo_read(p);
    case LX_SELECT: parse_args(p, args, 3); return make(p, LX_SELECT, args[1]->type, 3, args);
    default: parse_args(p, args, 3); return make(p, (LExprKind)kind, args[0]->type, 3, args);
    }
}

static const char *const special_names[LX_FIFO_READ + 1] = {
    [LX_DIM] = "dim",
    [LX_FMA] = "fma",
    [LX_SELECT] = "select",
    [LX_BROADCAST] = "broadcast",
    [LX_RAMP] = "ramp",
    [LX_SHUFFLE] = "shuffle",
    [LX_EXTRACT] = "extract",
    [LX_REDUCE] = "reduce",
    [LX_DOT] = "dot",
    [LX_TILE_ZERO] = "tile_zero",
    [LX_TILE_LOAD] = "tile_load",
    [LX_TILE_DOT] = "tile_dot",
    [LX_FIFO_READ] = "fifo_read",
};

static int binary_function(const char *word, size_t n) {
    for (int i = 0; i < LB_COUNT; i++)
        if (lbinary_names[i].precedence < 0 && strlen(lbinary_names[i].name) == n &&
            memcmp(lbinary_names[i].name, word, n) == 0)
            return i;
    return -1;
}

/* The word has been taken and "(" is next. */
static LX parse_call(Parser *p, const char *word, size_t n) {
    LX args[3] = {0}, r = 0;
    int op = lname_find(lunary_names, LUNARY_COUNT, word, n), binary = binary_function(word, n);
    int special = lname_find(special_names, COUNT_OF(special_names), word, n);
    parse_expect(p, "(");
    if (op >= 0) {
        parse_args(p, args, 1);
        LType type = args[0]->type;
        if (op == LU_IS_NAN) type.dtype = DT_bool;
        LExpr *x = lx_new(&p->b, LX_UNARY, type, 1, args);
        x->unary = (LUnary)op;
        r = x;
    } else if (binary >= 0) {
        parse_args(p, args, 2);
        r = lx_new_binary(&p->b, (LBinary)binary, args[0]->type, args[0], args[1]);
    } else if (special >= 0) {
        r = parse_special(p, args, special);
    } else {
        parse_fail(p, "there is no function '%.*s'", (int)n, word);
        return nothing(p);
    }
    parse_expect(p, ")");
    return r;
}

/* cast<f32>(x) and its like; op -1: bitcast. */
static LX parse_cast(Parser *p, int op) {
    parse_expect(p, "<");
    LType type = parse_type(p);
    parse_expect(p, ">");
    parse_expect(p, "(");
    LX value = parse_expr(p);
    parse_expect(p, ")");
    LExpr *x = lx_new(&p->b, op < 0 ? LX_BITCAST : LX_CAST, ltype(type.dtype, value->type.lanes), 1,
                      &value);
    if (op >= 0) x->cast = (LCast)op;
    return x;
}

/* ---- names ----------------------------------------------------------------------------------- */

const LBuffer *parse_buffer_name(Parser *p) {
    const char *name = parse_name(p);
    for (size_t i = p->buffers.len; i > 0; i--)
        if (strcmp(p->buffers.data[i - 1]->name, name) == 0) return p->buffers.data[i - 1];
    parse_fail(p, "there is no buffer '%s'", name);
    return 0;
}

const LBuffer *parse_access(Parser *p, LX *index, LX *mask, LX *passthrough) {
    const LBuffer *buffer = parse_buffer_name(p);
    if (!buffer || !parse_expect(p, "[")) return 0;
    for (int i = 0; i < buffer->rank && !p->failed; i++) {
        if (i) parse_expect(p, ",");
        index[i] = parse_expr(p);
    }
    if (mask && parse_accept(p, ";")) {
        *mask = parse_expr(p);
        if (passthrough && parse_expect(p, ",")) *passthrough = parse_expr(p);
    }
    parse_expect(p, "]");
    return p->failed ? 0 : buffer;
}

static LX parse_load(Parser *p) {
    LX index[MAX_AXES] = {0}, mask = 0, passthrough = 0;
    const LBuffer *buffer = parse_access(p, index, &mask, &passthrough);
    if (!buffer) return nothing(p);
    LType type = buffer->elem;
    for (int i = 0; i < buffer->rank; i++)
        if (index[i]->type.lanes > 1) type.lanes = index[i]->type.lanes;
    LExpr *x = lx_new(&p->b, LX_LOAD, type, buffer->rank, index);
    x->buffer = buffer;
    x->mask = mask;
    x->passthrough = passthrough;
    return x;
}

static LX parse_variable(Parser *p, const char *word, size_t n) {
    for (size_t i = p->vars.len; i > 0; i--) {
        const LVar *var = p->vars.data[i - 1];
        if (strlen(var->name) == n && memcmp(var->name, word, n) == 0) return lx_var(&p->b, var);
    }
    DimContext *dims = p->b.program->module->dims;
    char *name = arena_strndup(p->b.arena, word, n);
    if (dim_symbol_find(dims, name) >= 0) return lx_dim(&p->b, dim_symbol(dims, name));
    p->at = word;
    parse_fail(p, "there is no variable '%s'", name);
    return nothing(p);
}

static bool is_type_word(Parser *p, const char *word, size_t n) {
    const char *x = memchr(word, 'x', n);
    DType dtype;
    return dtype_from_name(arena_strndup(p->b.arena, word, x ? (size_t)(x - word) : n), &dtype);
}

static LX parse_primary(Parser *p) {
    size_t n;
    const char *word = parse_word(p, &n);
    if (n == 0) {
        if (!parse_accept(p, "(")) return number(p);
        LX x = parse_expr(p);
        parse_expect(p, ")");
        return x;
    }
    int cast = lname_find(lcast_names, LCAST_COUNT, word, n);
    bool bitcast = parse_peek_word(p, "bitcast");
    if (word[n] == '[') return parse_load(p);
    if (word[n] == '(' && is_type_word(p, word, n)) return typed_literal(p, parse_type(p));
    p->at += n;
    if (word[n] == '(') return parse_call(p, word, n);
    if (word[n] == '<' && (cast >= 0 || bitcast)) return parse_cast(p, cast);
    if (n == 4 && memcmp(word, "true", 4) == 0) return lx_const_int(&p->b, ltype(DT_bool, 1), 1);
    if (n == 5 && memcmp(word, "false", 5) == 0) return lx_const_int(&p->b, ltype(DT_bool, 1), 0);
    return parse_variable(p, word, n);
}

/* ---- operators ------------------------------------------------------------------------------- */

/* The longest operator of that precedence that is next, or -1. */
static int next_operator(Parser *p, int precedence) {
    int found = -1;
    if (parse_peek(p, "+:")) return -1; /* of a loop's bounds */
    for (int i = 0; i < LB_COUNT; i++) {
        const LBinaryName *op = &lbinary_names[i];
        if (op->precedence != precedence || strncmp(p->at, op->name, strlen(op->name)) != 0)
            continue;
        if (found < 0 || strlen(op->name) > strlen(lbinary_names[found].name)) found = i;
    }
    return found;
}

static LX parse_level(Parser *p, int level) {
    if (p->failed || p->depth >= PARSE_DEPTH) {
        parse_fail(p, "expressions nest too deeply");
        return nothing(p);
    }
    p->depth++;
    LX x = level == 2 ? parse_primary(p) : parse_level(p, level + 1);
    int op;
    while (!p->failed && (op = next_operator(p, level)) >= 0) {
        /* A long sum leans left: its depth is bounded too, since all who walk it recurse. */
        if (++p->operators > PARSE_OPERATORS) parse_fail(p, "the expressions are too long");
        p->at += strlen(lbinary_names[op].name);
        LX y = level == 2 ? parse_primary(p) : parse_level(p, level + 1);
        LType type = op >= LB_EQ ? ltype(DT_bool, x->type.lanes) : x->type;
        x = lx_new_binary(&p->b, (LBinary)op, type, x, y);
        if (level == 0) break;
    }
    p->depth--;
    return x;
}
