/* Rebuilding expressions, and walking them. */
#include "ir/loop/rewrite.h"

#include "ir/loop/affine.h"

static LX rebuild_lanes(LBuilder *b, LX x, LX const *args) {
    switch (x->kind) {
    case LX_BROADCAST: return lx_broadcast(b, args[0], x->type.lanes);
    case LX_RAMP:
        if (args[1]->kind == LX_INT) return lx_ramp(b, args[0], args[1]->i, x->type.lanes);
        return lx_new_ramp(b, args[0], args[1], x->type.lanes);
    case LX_SHUFFLE:
        return lx_shuffle(b, args[0], x->nargs > 1 ? args[1] : 0, x->type.lanes, x->lanes_map);
    case LX_EXTRACT: return lx_extract(b, args[0], (int)x->i);
    default: return lx_reduce(b, x->binary, args[0]);
    }
}

LX lx_rebuild(LBuilder *b, LX x, LX const *args, const LBuffer *buffer, LX mask, LX passthrough) {
    switch (x->kind) {
    case LX_INT:
    case LX_FLOAT:
    case LX_VAR:
    case LX_DIM:
    case LX_TILE_ZERO: return x;
    case LX_UNARY: return lx_unary(b, x->unary, args[0]);
    case LX_BINARY: return lx_binary(b, x->binary, args[0], args[1]);
    case LX_FMA: return lx_fma(b, args[0], args[1], args[2]);
    case LX_SELECT: return lx_select(b, args[0], args[1], args[2]);
    case LX_CAST: return lx_cast(b, x->cast, x->type.dtype, args[0]);
    case LX_BITCAST: return lx_bitcast(b, x->type.dtype, args[0]);
    case LX_LOAD: return lx_load_masked(b, buffer, args, mask, passthrough);
    case LX_BROADCAST:
    case LX_RAMP:
    case LX_SHUFFLE:
    case LX_EXTRACT:
    case LX_REDUCE: return rebuild_lanes(b, x, args);
    case LX_DOT: return lx_dot(b, args[0], args[1], args[2]);
    case LX_TILE_LOAD: return lx_tile_load(b, x->type, buffer, args, args[buffer->rank]);
    case LX_TILE_DOT: return lx_tile_dot(b, args[0], args[1], args[2]);
    case LX_FIFO_READ: return lx_fifo_read(b, buffer);
    }
    unreachable();
}

bool lx_each(LX x, bool (*visit)(void *, LX), void *context) {
    for (int i = 0; i < x->nargs; i++)
        if (!lx_each(x->args[i], visit, context)) return false;
    if (x->mask && !lx_each(x->mask, visit, context)) return false;
    if (x->passthrough && !lx_each(x->passthrough, visit, context)) return false;
    return visit(context, x);
}

bool lstmt_each_expr(const LStmt *s, bool (*visit)(void *, LX), void *context) {
    LX single[] = {s->value, s->mask, s->stride, s->begin, s->extent, s->count};
    for (size_t i = 0; i < COUNT_OF(single); i++)
        if (single[i] && !lx_each(single[i], visit, context)) return false;
    for (int i = 0; s->buffer && s->kind != LS_DECLARE && i < s->buffer->rank; i++)
        if (s->index[i] && !lx_each(s->index[i], visit, context)) return false;
    for (int i = 0; s->source && i < s->source->rank; i++)
        if (!lx_each(s->source_index[i], visit, context)) return false;
    return true;
}
