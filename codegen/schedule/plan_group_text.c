/* Plans for groups of work-items as text. */
#include "codegen/schedule/plan_group.h"

#include <stdio.h>
#include <string.h>

enum { MOST_ITEMS = 1024, MOST_EACH = 16, MOST_STAGED = 64 };

void group_plan_print(const Contraction *c, const GroupPlan *plan, StrBuf *out) {
    if (plan->kind == GROUP_TREE) str_printf(out, " tree=%dx%d", plan->items[0], plan->items[1]);
    if (plan->kind == GROUP_TILE)
        str_printf(out, " group=%dx%d each=%dx%d chunk=%d inner=%s", plan->items[0], plan->items[1],
                   plan->each[0], plan->each[1], plan->chunk, c->axes[plan->inner].name);
}

static bool is_size(int value, int most) {
    return value >= 1 && value <= most && (value & (value - 1)) == 0;
}

static bool are_items(const GroupPlan *plan) {
    return is_size(plan->items[0], MOST_ITEMS) && is_size(plan->items[1], MOST_ITEMS) &&
           plan->items[0] * plan->items[1] <= MOST_ITEMS;
}

/* The last axis of one of the sides. */
static bool parse_inner(const Contraction *c, const char *name, GroupPlan *plan) {
    GroupAxes axes = group_axes(c);
    if (!axes.count[0] || !axes.count[1] || c->combine != COMBINE_DOT) return false;
    for (int s = 0; s < 2; s++) {
        plan->inner = axes.side[s][axes.count[s] - 1];
        if (strcmp(c->axes[plan->inner].name, name) == 0) return true;
    }
    return false;
}

bool group_plan_parse(const Contraction *c, const char *text, GroupPlan *plan) {
    int end = 0;
    *plan = (GroupPlan){.kind = GROUP_TREE};
    if (sscanf(text, " tree=%4dx%4d%n", &plan->items[0], &plan->items[1], &end) == 2)
        return text[end] == '\0' && are_items(plan);
    plan->kind = GROUP_TILE;
    int found = sscanf(text, " group=%4dx%4d each=%2dx%2d chunk=%2d inner=%n", &plan->items[0],
                       &plan->items[1], &plan->each[0], &plan->each[1], &plan->chunk, &end);
    return found == 5 && end > 0 && are_items(plan) && is_size(plan->each[0], MOST_EACH) &&
           is_size(plan->each[1], MOST_EACH) && is_size(plan->chunk, MOST_STAGED) &&
           parse_inner(c, text + end, plan);
}
