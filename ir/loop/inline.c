/* Lets out of indices. */
#include "ir/loop/inline.h"

#include "ir/loop/rewrite.h"

Inliner inliner_create(LProgram *program, Arena *arena) {
    LKernel *nowhere = arena_new(arena, LKernel);
    Inliner in = {.b = {program, arena, nowhere, &nowhere->body}};
    in.lets = arena_array(arena, LX, program->var_count + 1);
    in.done = memo_create(arena);
    return in;
}

void inliner_let(Inliner *in, const LStmt *s) {
    if (s->kind == LS_LET && s->var->is_index && s->value->type.lanes == 1)
        in->lets[s->var->id] = inline_index(in, s->value);
}

LX inline_index(Inliner *in, LX x) {
    if (x->kind == LX_VAR) return in->lets[x->var->id] ? in->lets[x->var->id] : x;
    if (x->nargs == 0) return x;
    LX known = memo_get(&in->done, x);
    if (known) return known;
    LX args[MAX_AXES + 1];
    for (int i = 0; i < x->nargs; i++) args[i] = inline_index(in, x->args[i]);
    LX r = lx_rebuild(&in->b, x, args, x->buffer, x->mask, x->passthrough);
    memo_set(&in->done, x, r);
    return r;
}
