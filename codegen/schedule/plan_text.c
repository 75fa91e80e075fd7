/* Plans as text. */
#include "codegen/schedule/plan.h"

#include <stdlib.h>
#include <string.h>

void plan_print(const Contraction *c, const ContractionPlan *plan, StrBuf *out) {
    if (plan->vector_axis < 0)
        str_append(out, "vector=none");
    else
        str_printf(out, "vector=%s:%dx%d", c->axes[plan->vector_axis].name, plan->lanes,
                   plan->vectors);
    for (int i = 0; i < plan->ntiles; i++)
        str_printf(out, " tile=%s:%d", c->axes[plan->tiles[i].axis].name, plan->tiles[i].size);
    str_printf(out, " unroll=%d", plan->unroll);
    if (plan->parallel_tiles) str_append(out, " parallel=tiles");
    if (plan->dot > 1) str_printf(out, " dot=%d", plan->dot);
    if (plan->prefetch) str_append(out, " prefetch=results");
    matrix_plan_print(&plan->matrix, out);
    group_plan_print(c, &plan->group, out);
    task_plan_print(c, &plan->task, out);
}

static bool accept(const char **text, const char *word) {
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0) return false;
    *text += length;
    return true;
}

static bool parse_number(const char **text, int *value) {
    char *end;
    long n = strtol(*text, &end, 10);
    if (end == *text || n < 1 || n > 1024) return false;
    *value = (int)n;
    *text = end;
    return true;
}

static bool parse_axis(const Contraction *c, const char **text, int *axis) {
    size_t length = strcspn(*text, ": ");
    for (int i = 0; i < c->naxes; i++) {
        const char *name = c->axes[i].name;
        if (strlen(name) != length || strncmp(name, *text, length) != 0) continue;
        *axis = i;
        *text += length;
        return accept(text, ":");
    }
    return false;
}

static bool parse_vector(const Contraction *c, const char **text, ContractionPlan *plan) {
    if (accept(text, "none")) return true;
    return parse_axis(c, text, &plan->vector_axis) && parse_number(text, &plan->lanes) &&
           accept(text, "x") && parse_number(text, &plan->vectors);
}

static bool parse_tile(const Contraction *c, const char **text, ContractionPlan *plan) {
    int axis, size;
    if (plan->ntiles == MAX_TILES || !parse_axis(c, text, &axis) || !parse_number(text, &size))
        return false;
    plan->tiles[plan->ntiles].axis = axis;
    plan->tiles[plan->ntiles++].size = size;
    return axis != plan->vector_axis && !c->axes[axis].reduced;
}

bool plan_parse(const Contraction *c, const char *text, ContractionPlan *plan) {
    *plan = (ContractionPlan){.vector_axis = -1, .lanes = 1, .vectors = 1, .unroll = 1};
    if (!accept(&text, "vector=") || !parse_vector(c, &text, plan)) return false;
    while (accept(&text, " tile="))
        if (!parse_tile(c, &text, plan)) return false;
    if (!accept(&text, " unroll=") || !parse_number(&text, &plan->unroll)) return false;
    plan->parallel_tiles = accept(&text, " parallel=tiles");
    if (accept(&text, " dot=") && (!parse_number(&text, &plan->dot) || plan->dot != c->dot))
        return false;
    plan->prefetch = accept(&text, " prefetch=results");
    if (*text == '\0') return true;
    if (plan->vector_axis >= 0 || plan->ntiles > 0) return false;
    if (strncmp(text, " matrix=", 8) == 0) return matrix_plan_parse(c, text, &plan->matrix);
    return strncmp(text, " lanes=", 7) == 0 ? task_plan_parse(c, text, &plan->task)
                                            : group_plan_parse(c, text, &plan->group);
}
