/* -tune=FILE: plans that were measured take the place of the planner's. */
#ifndef NNC_DRIVER_TUNING_H
#define NNC_DRIVER_TUNING_H

#include "codegen/lower/lower.h"
#include "codegen/schedule/tuning.h"
#include "driver/pipeline.h"

/* Reads a tuning file; null after a diagnostic. */
Tuning *tuning_read(const char *path, Arena *arena, Diag *diag);

/* The plans of all files that -tune names, which become sources of the compilation. */
typedef struct TunedPlans {
    PlanSource source;
    struct TunedFile *files;
    size_t count;
} TunedPlans;

/* False after a diagnostic. Where files have a plan for the same contraction the first one's is
 * taken. */
bool tuned_plans_read(Compilation *c, TunedPlans *plans);
/* One warning about each file with plans that were not used. */
void tuned_plans_report(const Compilation *c, const TunedPlans *plans);

#endif
