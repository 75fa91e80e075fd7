/* Graph IR to loop IR. */
#ifndef NNC_CODEGEN_LOWER_LOWER_H
#define NNC_CODEGEN_LOWER_LOWER_H

#include "ir/loop.h"
#include "ir/target_desc.h"

/* Lowers a graph in which no composite operators and no computation on constants only are left
 * (after `materialize`): one kernel, rarely more, for each node; reshapes of whole buffers become
 * views. Null with a diagnostic that names the value if something cannot be lowered. */
LProgram *lower_graph(const Graph *graph, const TargetDesc *target, Diag *diag);

#endif
