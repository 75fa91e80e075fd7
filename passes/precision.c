/* Precision: contractions of f32 take operands that are rounded to bf16 and still add up in f32.
 *
 * A rounded value v is kept in memory as cast(v, bf16); whoever reads it, contractions and others,
 * reads cast(cast(v, bf16), f32), with a widening cast of its own that fuses into its kernel. So
 * nothing is stored twice, and graphs mean the same to every target and to the reference. Casts
 * stand above operators that only move elements, which then move half the bytes.
 *
 * A contraction whose sums are too short for that to pay stays as it is, and so does what
 * @keep_float names, a quantized weight feeds or Winograd's method computes. Inputs and outputs of
 * the network keep their type.
 *
 * Attention that is one kernel by now never writes its shares to memory, so that rounding them saves
 * nothing but where dot instructions take them; there its body is treated as the graph is. */
#include <string.h>

#include "passes/support.h"

typedef struct Precision {
    Arena *scratch;
    const TargetDesc *target;
    size_t count;    /* values that there were when the pass began; the arrays' length */
    bool *rounded;   /* by id: is kept in bf16 */
    Value **narrow;  /* by id: the value in bf16 */
    Value **outside; /* by id of an input of a body: the operand that it is */
} Precision;

/* ---- which contractions ---------------------------------------------------------------------- */

static bool is_f32(const Value *value) {
    return value->type.dtype == DT_f32;
}

static bool takes_rounded(const Precision *p, const Node *node) {
    if (op_info(node->op)->family != FAMILY_CONTRACTION || node->noperands < 2) return false;
    if (node_annotation(node, "keep_float")) return false;
    if (!is_f32(node->operands[0]) || !is_f32(node->operands[1])) return false;
    if (value_is_op(node->operands[1], OP_dequantize)) return false;
    if (node->op != OP_conv2d) return true;
    if (node_int(node, "winograd") != 0) return false;
    /* The conversion of the image has to be worth it. */
    return !has_few_channels(node) || sums_column_pairs(p->target, node);
}

/* Whether the contractions in a node's body count as those of the graph do. */
static bool is_opened(const Precision *p, const Node *node) {
    return node->op == OP_fused && wants_bf16_pairs(p->target);
}

/* ---- which values ---------------------------------------------------------------------------- */

/* Operators whose results hold elements of their f32 operands and nothing else, but for a number
 * that bf16 has too: it is the same whether they come before the rounding or after it. */
static bool only_moves(const Node *node) {
    if (!is_f32(node->results[0])) return false;
    switch (node->op) {
    case OP_max_pool2d: return true;
    case OP_range: return false;
    case OP_resize: return strcmp(node_attr(node, "mode")->s, "nearest") == 0;
    case OP_pad: return dtype_represents(DT_bf16, node_float(node, "value"));
    default: return op_info(node->op)->family == FAMILY_MOVEMENT;
    }
}

/* The pass has been here before. */
static bool is_widened(const Value *value) {
    return value_is_op(value, OP_cast) && value->def->operands[0]->type.dtype == DT_bf16;
}

/* What moves a value's elements to it; null where they are computed or come from outside. */
static const Node *mover_of(const Value *value) {
    return value->def && only_moves(value->def) ? value->def : NULL;
}

static void mark_upwards(Precision *p, const Value *value) {
    if (p->rounded[value->id] || !is_f32(value)) return;
    if (is_widened(value)) {
        p->narrow[value->id] = value->def->operands[0];
        return;
    }
    p->rounded[value->id] = true;
    if (p->outside[value->id]) mark_upwards(p, p->outside[value->id]);
    const Node *mover = mover_of(value);
    for (int i = 0; mover && i < mover->nresults; i++) p->rounded[mover->results[i]->id] = true;
    for (int i = 0; mover && i < mover->noperands; i++) mark_upwards(p, mover->operands[i]);
}

/* What moves only rounded elements gives rounded ones. */
static void mark_downwards(Precision *p, const Graph *graph) {
    graph_each(graph, node) {
        bool all = only_moves(node);
        for (int i = 0; all && i < node->noperands; i++)
            all = !is_f32(node->operands[i]) || p->rounded[node->operands[i]->id];
        for (int i = 0; all && i < node->nresults; i++) p->rounded[node->results[i]->id] = true;
    }
}

static bool mark_contractions(Precision *p, const Graph *graph) {
    bool any = false;
    graph_each(graph, node) {
        if (is_opened(p, node)) {
            for (int i = 0; i < node->noperands; i++)
                p->outside[node->body->inputs[i]->id] = node->operands[i];
            any |= mark_contractions(p, node->body);
        }
        if (!takes_rounded(p, node)) continue;
        for (int i = 0; i < 2; i++) {
            mark_upwards(p, node->operands[i]);
            any = any || p->rounded[node->operands[i]->id];
        }
    }
    return any;
}

/* ---- rewriting ------------------------------------------------------------------------------- */

static Value *new_cast(Builder *b, Value *value, DType to) {
    return build1(b, OP_cast, value, attr_dtype("to", to));
}

/* The mover again, on operands in bf16. */
static void move_narrow(Precision *p, const Node *mover, Builder *b) {
    Value *operands[MAX_OPERANDS];
    for (int i = 0; i < mover->noperands; i++) {
        Value *x = mover->operands[i];
        operands[i] = is_f32(x) ? p->narrow[x->id] : x;
    }
    Node *copy =
        build_node(b, mover->op, mover->noperands, operands, mover->nattrs, mover->attrs, NULL);
    for (int i = 0; i < mover->nresults; i++) p->narrow[mover->results[i]->id] = copy->results[i];
}

/* Stands right after the node. */
static void narrow_results(Precision *p, Graph *graph, Node *node) {
    Builder b = {.graph = graph, .before = node->next, .path = node->path, .span = node->span};
    if (only_moves(node) && p->rounded[node->results[0]->id]) {
        move_narrow(p, node, &b);
        return;
    }
    for (int i = 0; i < node->nresults; i++) {
        Value *value = node->results[i];
        if (p->rounded[value->id]) p->narrow[value->id] = new_cast(&b, value, DT_bf16);
    }
}

static void narrow_inputs(Precision *p, Graph *graph) {
    for (int i = 0; i < graph->ninputs; i++) {
        Value *x = graph->inputs[i];
        Builder b = {.graph = graph, .before = graph->first, .path = x->path, .span = x->span};
        if (p->rounded[x->id]) p->narrow[x->id] = new_cast(&b, x, DT_bf16);
    }
}

/* A body's inputs are what its node is given, so these change with the operands. */
static void narrow_operands(Precision *p, Node *node) {
    for (int i = 0; i < node->noperands; i++) {
        Value *input = node->body->inputs[i];
        if (!p->rounded[input->id]) continue;
        node->operands[i] = p->narrow[node->operands[i]->id];
        input->type.dtype = DT_bf16;
        p->narrow[input->id] = input;
    }
}

/* The network's inputs lie in memory as they are: only contractions read them rounded. */
static bool reads_rounded(const Precision *p, const Node *node, const Value *x) {
    if (x->id >= p->count || !p->narrow[x->id]) return false;
    return x->def || p->outside[x->id] || takes_rounded(p, node);
}

static void widen_operands(Precision *p, Graph *graph, Node *node) {
    for (int i = 0; i < node->noperands; i++) {
        Value *x = node->operands[i];
        if (!reads_rounded(p, node, x)) continue;
        Builder b = {.graph = graph, .before = node, .path = x->path, .span = x->span};
        node->operands[i] = new_cast(&b, p->narrow[x->id], DT_f32);
    }
}

static void rewrite(Precision *p, Graph *graph, Node *first) {
    for (Node *node = first, *next; node; node = next) {
        next = node->next;              /* not what is added in between */
        narrow_results(p, graph, node); /* looks at the operands as they were */
        if (is_opened(p, node)) {
            narrow_operands(p, node);
            rewrite(p, node->body, node->body->first);
        }
        widen_operands(p, graph, node);
    }
    remove_dead(graph, p->scratch);
}

bool pass_precision(PassContext *context, Graph *graph) {
    Precision p = {.scratch = context->scratch,
                   .target = context->target,
                   .count = context->module->value_count};
    if (!context->options.bf16) return false;
    p.rounded = arena_array(context->scratch, bool, p.count);
    p.narrow = arena_array(context->scratch, Value *, p.count);
    p.outside = arena_array(context->scratch, Value *, p.count);
    if (!mark_contractions(&p, graph)) return false;
    mark_downwards(&p, graph);
    Node *first = graph->first;
    narrow_inputs(&p, graph);
    rewrite(&p, graph, first);
    return true;
}
