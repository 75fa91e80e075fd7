/* The reference interpreter: evaluates graph IR plainly, and is the definition of every operator.
 *
 * Floats accumulate in f64 and round once to the result's type; f16 and bf16 operands are computed
 * on in f32; integers are exact and wrap. It shares no code with lowering. Layouts do not change
 * results. */
#ifndef NNC_IR_INTERP_H
#define NNC_IR_INTERP_H

#include "ir/graph.h"

typedef struct InterpOptions {
    /* Value of each symbol of the module; null: taken from the inputs' shapes. */
    const int64_t *symbols;
    /* Called with every value as it is computed, those inside fused bodies included; null: not. */
    void (*observe)(void *data, const Value *value, const Tensor *tensor);
    void *observe_data;
    size_t memory_limit; /* bytes for all tensors; 0: 8 GiB */
} InterpOptions;

/* Matches the inputs against the graph's input types: element types, ranks, fixed sizes, and one
 * value a symbol. symbols has room for all of the module's symbols (-1 where unknown). Says what is
 * wrong through diag. */
bool interp_bind_inputs(const Graph *graph, const Tensor *inputs, int64_t *symbols, Diag *diag);

/* Runs the graph; outputs[] is filled, data in the arena. Working memory is freed as soon as it
 * is not needed. */
bool interp_run(const Graph *graph, const Tensor *inputs, Tensor *outputs, Arena *arena,
                const InterpOptions *options, Diag *diag);

/* Value of an expression over parameters and constants only; null data and false if weights are
 * missing or a symbol is involved. The result lives in the arena. diag null: the reason stays
 * unsaid. */
bool interp_constant(const Value *value, Tensor *result, Arena *arena, Diag *diag);

#endif
