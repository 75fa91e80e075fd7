/* Quantization by a fixed step: the weight w of a layer is stored as q = round(w / D), halves to
 * even, in the smallest of i8, i16 and i32 that holds every q, and used as q * D. Nothing is
 * clipped.
 *
 * D comes from @delta(D) on the layer's statement or from -quantize=delta:D; @keep_float keeps a
 * layer as it is. Only weights, never biases. For each layer the report has a line: type,
 * signal-to-noise ratio 10 log10(sum w^2 / sum (w - q D)^2), bytes before and after. */
#include <inttypes.h>
#include <math.h>

#include "passes/support.h"

/* What quantizing one weight comes to. */
typedef struct Measure {
    double signal, noise; /* sums of squares */
    double least, most;   /* q */
    int64_t elements;
    DType to;
} Measure;

/* A weight that is done, for layers that share it. */
typedef struct Done {
    const Value *weight;
    double delta;
    Value *decoded;
} Done;

typedef struct Quantizer {
    PassContext *context;
    ConstantMarks constant;
    VEC(Done) done;
    double signal, noise;
    int64_t before, after; /* bytes */
} Quantizer;

/* ---- measuring ------------------------------------------------------------------------------- */

static bool fail_not_finite(Quantizer *q, const Node *layer, double value) {
    diag_error(q->context->diag, layer->span,
               "'%s' cannot be quantized: its weight has an element that is %s; @keep_float keeps "
               "the layer as it is",
               layer->path, isnan(value) ? "NaN" : "infinite");
    return false;
}

static bool fail_too_wide(Quantizer *q, const Node *layer, double delta, double largest) {
    /* The greatest f32 below 2^31, and one step up for the quotient's own rounding. */
    double enough = nextafterf((float)(largest / 2147483520.0), INFINITY);
    StrBuf least = {0}, used = {0};
    str_append_double(&used, delta, false);
    str_append_double(&least, enough, true);
    diag_error(q->context->diag, layer->span,
               "'%s' cannot be quantized by the step %s: its weight would need integers beyond "
               "i32; use a step of at least %s",
               layer->path, str_text(&used), str_text(&least));
    str_free(&used);
    str_free(&least);
    return false;
}

/* The smallest type that holds all of q. */
static bool choose_type(Measure *m) {
    static const DType types[] = {DT_i8, DT_i16, DT_i32};
    for (size_t i = 0; i < COUNT_OF(types); i++) {
        m->to = types[i];
        if (m->least >= (double)dtype_min(m->to) && m->most <= (double)dtype_max(m->to))
            return true;
    }
    return false;
}

/* Computes as the operators quantize and dequantize do: in f32, for f64 weights in f64. */
static bool measure(Quantizer *q, const Node *layer, const Tensor *w, double delta, Measure *m) {
    bool wide = w->dtype == DT_f64;
    double largest = 0, step = wide ? delta : (double)(float)delta;
    *m = (Measure){.elements = tensor_elements(w)};
    for (int64_t i = 0; i < m->elements; i++) {
        double value = tensor_get(w, i), level = 0;
        if (!isfinite(value)) return fail_not_finite(q, layer, value);
        if (value != 0) level = rint(wide ? value / step : (double)((float)value / (float)step));
        largest = fmax(largest, fabs(value));
        m->least = fmin(m->least, level);
        m->most = fmax(m->most, level);
        double error = value - (wide ? level * step : (double)((float)level * (float)step));
        m->signal += value * value;
        m->noise += error * error;
    }
    return choose_type(m) || fail_too_wide(q, layer, delta, largest);
}

/* ---- report ---------------------------------------------------------------------------------- */

static void report_line(StrBuf *out, const char *name, const char *type, double signal,
                        double noise, int64_t before, int64_t after) {
    str_printf(out, "quantize: %-24s %-4s ", name, type);
    if (noise > 0)
        str_printf(out, "SNR %6.2f dB", 10 * log10(signal / noise));
    else
        str_append(out, "exact       ");
    str_printf(out, "  %" PRId64 " -> %" PRId64 " bytes\n", before, after);
}

static void report(Quantizer *q, const Node *layer, DType from, const Measure *m) {
    int64_t before = m->elements * (int64_t)dtype_bytes(from);
    int64_t after = m->elements * (int64_t)dtype_bytes(m->to);
    q->signal += m->signal;
    q->noise += m->noise;
    q->before += before;
    q->after += after;
    if (q->context->report)
        report_line(q->context->report, layer->path, dtype_name(m->to), m->signal, m->noise, before,
                    after);
}

/* ---- the pass -------------------------------------------------------------------------------- */

/* The step asked for, or 0. */
static double step_for(const Quantizer *q, const Node *node) {
    if (op_info(node->op)->family != FAMILY_CONTRACTION) return 0;
    if (node_annotation(node, "keep_float")) return 0;
    const Annotation *delta = node_annotation(node, "delta");
    double step = delta ? delta->args[0] : q->context->options.quantize_delta;
    if (!delta && step == 0) return 0;
    bool sound = !delta || delta->count == 1;
    if (sound && isfinite((float)step) && (float)step > 0) return step;
    diag_error(q->context->diag, node->span,
               "'%s' cannot be quantized: the step must be one f32 number greater than 0",
               node->path);
    return 0;
}

static Value *decoded_weight(Quantizer *q, Node *layer, double delta) {
    Value *weight = layer->operands[1];
    Arena *arena = arena_create();
    Tensor tensor;
    Measure m;
    bool known =
        constant_value(q->context, weight, &tensor, arena) && measure(q, layer, &tensor, delta, &m);
    arena_destroy(arena);
    if (!known) return NULL;
    Builder b = builder_before(layer);
    Value *stored =
        build1(&b, OP_quantize, weight, attr_float("delta", delta), attr_dtype("to", m.to));
    Value *decoded = build1(&b, OP_dequantize, stored, attr_float("delta", delta),
                            attr_dtype("to", weight->type.dtype));
    report(q, layer, weight->type.dtype, &m);
    vec_push(q->context->scratch, &q->done, (Done){weight, delta, decoded});
    return decoded;
}

static bool quantize_layer(Quantizer *q, Node *node) {
    double delta = step_for(q, node);
    if (delta == 0) return false;
    Value *weight = node->operands[1], *decoded = NULL;
    if (!dtype_is_float(weight->type.dtype) || !is_constant(q->constant, weight)) return false;
    for (size_t i = 0; i < q->done.len; i++) {
        const Done *done = &q->done.data[i];
        if (done->weight == weight && done->delta == delta) decoded = done->decoded;
    }
    if (!decoded) decoded = decoded_weight(q, node, delta);
    if (decoded) node->operands[1] = decoded;
    return decoded != NULL;
}

bool pass_quantize(PassContext *context, Graph *graph) {
    Quantizer q = {.context = context, .constant = constant_marks(graph, context->scratch)};
    bool changed = false;
    graph_each(graph, node) {
        if (!is_constant(q.constant, node->results[0])) changed |= quantize_layer(&q, node);
        if (diag_full(context->diag)) return changed;
    }
    if (context->report && (changed || context->options.quantize_delta > 0))
        report_line(context->report, "total", "", q.signal, q.noise, q.before, q.after);
    return changed;
}
