/* Graph IR to loop IR. */
#ifndef NNC_CODEGEN_LOWER_LOWER_H
#define NNC_CODEGEN_LOWER_LOWER_H

#include "ir/loop.h"
#include "ir/target_desc.h"

/* Lowers a graph in which no composite operators and no computation on constants only are left
 * (after `materialize`): one kernel, rarely more, for each node; reshapes of whole buffers become
 * views. Null with a diagnostic that names the value if something cannot be lowered. */
LProgram *lower_graph(const Graph *graph, const TargetDesc *target, Diag *diag);

struct Contraction;
struct ContractionPlan;

/* A contraction that is about to get its plan. */
typedef struct PlanRequest {
    const struct Contraction *contraction;
    const char *key;  /* plan_key.h; lives as long as the program */
    const Node *node; /* of the graph that is lowered */
    size_t call;      /* position in the program of the call that it becomes */
    const TargetDesc *target;
    DimContext *dims;
} PlanRequest;

/* Who is asked for plans before the planner is. */
typedef struct PlanSource {
    bool (*find)(void *self, const PlanRequest *request, struct ContractionPlan *plan);
    void *self;
} PlanSource;

/* The same with a plan of the source (null: none) wherever it has one, which must fit. */
LProgram *lower_graph_planned(const Graph *graph, const TargetDesc *target, const PlanSource *plans,
                              Diag *diag);

#endif
