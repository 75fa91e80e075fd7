#include "driver/tuning.h"

#include <string.h>

#include "codegen/schedule/plan.h"
#include "driver/setup.h"

typedef enum PlanUse { PLAN_UNUSED, PLAN_USED, PLAN_MISFIT } PlanUse;

typedef struct TunedFile {
    const char *path;
    const Tuning *tuning;
    bool other_machine;
    PlanUse *uses; /* of its plans */
} TunedFile;

Tuning *tuning_read(const char *path, Arena *arena, Diag *diag) {
    enum { MOST_BYTES = 16 << 20 };
    FileBytes bytes;
    if (!file_read(arena, path, MOST_BYTES, &bytes, diag, (Span){0})) return NULL;
    const Source *source = diag_add_source(diag, path, (const char *)bytes.data, bytes.size);
    return tuning_parse(arena, source, diag);
}

/* Takes the plan of one file; false where it has none that fits. */
static bool take_plan(TunedFile *file, const PlanRequest *request, ContractionPlan *plan) {
    TunedPlan *found = file->other_machine ? NULL : tuning_find(file->tuning, request->key);
    if (!found) return false;
    PlanUse *use = &file->uses[found - file->tuning->plans.data];
    bool fits = plan_parse(request->contraction, found->plan, plan) &&
                plan_fits(request->contraction, request->target, request->dims, plan);
    *use = fits ? PLAN_USED : PLAN_MISFIT;
    return fits;
}

static bool find_plan(void *self, const PlanRequest *request, ContractionPlan *plan) {
    TunedPlans *plans = self;
    bool found = false;
    for (size_t i = 0; i < plans->count; i++) {
        ContractionPlan own;
        if (!take_plan(&plans->files[i], request, &own) || found) continue;
        *plan = own;
        found = true;
    }
    return found;
}

bool tuned_plans_read(Compilation *c, TunedPlans *plans) {
    const Options *o = c->options;
    const char *machine = tuning_machine(c->arena, &c->desc);
    *plans = (TunedPlans){.source = {find_plan, plans}};
    plans->files = arena_array(c->arena, TunedFile, o->tunes.len + 1);
    for (size_t i = 0; i < o->tunes.len; i++) {
        TunedFile *file = &plans->files[plans->count++];
        file->path = o->tunes.data[i];
        file->tuning = tuning_read(file->path, c->arena, c->diag);
        if (!file->tuning) return false;
        file->other_machine = strcmp(file->tuning->machine, machine) != 0;
        file->uses = arena_array(c->arena, PlanUse, file->tuning->plans.len + 1);
        setup_source(c, file->path);
    }
    return true;
}

static size_t count_uses(const TunedFile *file, PlanUse use) {
    size_t count = 0;
    for (size_t i = 0; i < file->tuning->plans.len; i++) count += file->uses[i] == use;
    return count;
}

/* Of the first plan that does not fit. */
static Span misfit_place(const TunedFile *file) {
    for (size_t i = 0; i < file->tuning->plans.len; i++)
        if (file->uses[i] == PLAN_MISFIT) return file->tuning->plans.data[i].span;
    return (Span){0};
}

void tuned_plans_report(const Compilation *c, const TunedPlans *plans) {
    for (size_t i = 0; i < plans->count; i++) {
        const TunedFile *file = &plans->files[i];
        size_t unused = count_uses(file, PLAN_UNUSED), misfit = count_uses(file, PLAN_MISFIT);
        size_t all = file->tuning->plans.len;
        if (file->other_machine)
            diag_warning(c->diag, (Span){0},
                         "none of the %zu plans in '%s' is used: they are for '%s', and this is "
                         "for '%s'",
                         all, file->path, file->tuning->machine,
                         tuning_machine(c->arena, &c->desc));
        else if (unused + misfit > 0)
            diag_warning(c->diag, misfit_place(file),
                         "%zu of the %zu plans in '%s' are not used: %zu for contractions that "
                         "this network does not have, %zu that do not fit theirs",
                         unused + misfit, all, file->path, unused, misfit);
    }
}
