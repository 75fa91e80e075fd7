#include "codegen/schedule/regions.h"

int64_t parallel_least(const TargetDesc *target, const LStmt *loop) {
    int64_t threshold = target->parallel_threshold, cost = loop->cost;
    int64_t least = cost > 0 ? threshold / cost + (threshold % cost != 0) : 2;
    return least < 2 ? 2 : least;
}

static int64_t block_regions(const LBlock *block, const TargetDesc *target) {
    int64_t count = 0, extent;
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_FOR && s->loop == LOOP_PARALLEL) {
            bool known = lx_is_int(s->extent, &extent);
            count += !known || extent >= parallel_least(target, s);
        } else {
            count += block_regions(&s->body, target) + block_regions(&s->otherwise, target);
        }
    }
    return count;
}

int64_t program_regions(const LProgram *program, const TargetDesc *target) {
    int64_t count = 0;
    for (size_t i = 0; i < program->calls.len; i++)
        count += block_regions(&program->calls.data[i].kernel->body, target);
    return count;
}
