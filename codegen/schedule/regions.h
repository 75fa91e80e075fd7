/* Parallel regions: loops in which threads take part, and after which they meet. */
#ifndef NNC_CODEGEN_SCHEDULE_REGIONS_H
#define NNC_CODEGEN_SCHEDULE_REGIONS_H

#include "ir/loop.h"
#include "ir/target_desc.h"

/* Iterations from which on a parallel loop is spread; at least 2. */
int64_t parallel_least(const TargetDesc *target, const LStmt *loop);

/* Parallel loops that all calls of a run go through; those that are known to be too small to be
 * spread do not count. */
int64_t program_regions(const LProgram *program, const TargetDesc *target);

#endif
