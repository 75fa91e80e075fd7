/* Loops whose bounds depend on others' variables get constant ones and a condition inside: tools
 * give such a loop a known number of cycles.
 *
 *     for v in begin .. begin + extent    becomes    for i in 0 .. most
 *                                                      if i < extent { let v = begin + i; ... } */
#include "codegen/hls/bounds.h"

#include "ir/loop/build.h"

/* Moves the statements into another block. */
static void move_into(LBuilder *b, const LBlock *from, LBlock *to) {
    for (size_t i = 0; i < from->stmts.len; i++) {
        from->stmts.data[i]->parent = to;
        vec_push(b->arena, &to->stmts, from->stmts.data[i]);
    }
}

/* Rewrites the loop where it stands; its variable becomes a value. */
static void bound_loop(LBuilder *b, LStmt *s, int64_t most) {
    const LVar *var = s->var;
    LBlock body = s->body, scratch = {0};
    LX begin = s->begin, extent = s->extent;
    b->block = &scratch;
    LStmt *loop = lb_for(b, LOOP_SERIAL, var->name, lx_int(b, 0), lx_int(b, most));
    LX index = lb_loop_var(b, loop);
    LStmt *inner = lb_if(b, lx_binary(b, LB_LT, index, extent));
    LStmt *let = arena_new(b->arena, LStmt);
    let->kind = LS_LET;
    let->var = var;
    let->value = lx_add(b, begin, index);
    let->parent = &inner->body;
    vec_push(b->arena, &inner->body.stmts, let);
    move_into(b, &body, &inner->body);
    LBlock *parent = s->parent;
    *s = *loop;
    s->parent = parent;
    inner->parent = &s->body;
}

static void bound_block(LBuilder *b, LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        LStmt *s = block->stmts.data[i];
        int64_t least, most;
        bound_block(b, &s->body);
        bound_block(b, &s->otherwise);
        if (s->kind != LS_FOR || (lx_is_int(s->begin, NULL) && lx_is_int(s->extent, NULL))) {
            continue;
        }
        lx_range(s->extent, &least, &most);
        if (most < INT64_MAX) bound_loop(b, s, most > 0 ? most : 0);
    }
}

void hls_bound_loops(LProgram *program, LKernel *kernel) {
    LBuilder b = {.program = program, .arena = program->module->arena, .kernel = kernel};
    bound_block(&b, &kernel->body);
}
