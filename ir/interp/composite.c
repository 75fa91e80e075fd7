/* Composites by their definition, not by what they are rewritten into. The global pools share
 * reduction.c. */
#include <math.h>

#include "ir/interp/eval.h"

/* (x - mean) / sqrt(var + eps) * weight + bias along axis 1. */
bool eval_batch_norm(const Eval *e) {
    const Tensor *x = &e->operands[0];
    double eps = node_float(e->node, "eps");
    AxisView view = axis_view(x, 1);
    double *run = arena_array(e->scratch, double, (size_t)view.inner);
    for (int64_t n = 0; n < view.outer; n++) {
        for (int64_t c = 0; c < view.size; c++) {
            double weight = tensor_get(&e->operands[1], c), bias = tensor_get(&e->operands[2], c);
            double mean = tensor_get(&e->operands[3], c), variance = tensor_get(&e->operands[4], c);
            double deviation = sqrt(variance + eps);
            int64_t at = (n * view.size + c) * view.inner;
            load_f64(x, at, 1, view.inner, run);
            for (int64_t i = 0; i < view.inner; i++)
                run[i] = (run[i] - mean) / deviation * weight + bias;
            store_f64(&e->results[0], at, view.inner, run);
        }
    }
    return true;
}

/* (x - mean) / sqrt(var + eps) * weight + bias over the last axes. */
bool eval_layer_norm(const Eval *e) {
    const Tensor *x = &e->operands[0];
    double eps = node_float(e->node, "eps");
    int64_t size = tensor_elements(&e->operands[1]);
    double *run = arena_array(e->scratch, double, (size_t)size + 1);
    for (int64_t at = 0; size > 0 && at < tensor_elements(x); at += size) {
        double mean = 0, variance = 0;
        load_f64(x, at, 1, size, run);
        for (int64_t i = 0; i < size; i++) mean += run[i];
        mean /= (double)size;
        for (int64_t i = 0; i < size; i++) variance += (run[i] - mean) * (run[i] - mean);
        double deviation = sqrt(variance / (double)size + eps);
        for (int64_t i = 0; i < size; i++) {
            double weight = tensor_get(&e->operands[1], i), bias = tensor_get(&e->operands[2], i);
            run[i] = (run[i] - mean) / deviation * weight + bias;
        }
        store_f64(&e->results[0], at, size, run);
    }
    return true;
}
