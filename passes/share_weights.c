/* One copy of every large weight: where choose-layouts has made a relayout of one for a product, and
 * others read it too as it is, these read the other layout as well. The table that GPT-2 looks
 * tokens up in is also the weight of its last product. Looking up a row in the product's layout costs
 * a cache line an element; the second copy would cost as much memory as the table.
 *
 * Contractions keep what was chosen for them. Runs after choose-layouts. */
#include "passes/body.h"

enum { LEAST_BYTES = 64 << 10 }; /* of a weight that is worth it */

typedef struct Sharer {
    Graph *graph;
    Arena *scratch;
    ConstantMarks constant;
    Value **packed; /* by value id: its relayout; null: none */
} Sharer;

static bool is_large(const Value *value) {
    int64_t dims[MAX_RANK], bytes = (int64_t)dtype_bytes(value->type.dtype);
    if (!type_static_dims(&value->type, dims)) return false;
    for (int i = 0; i < value->type.rank; i++)
        if (!checked_mul(bytes, dims[i], &bytes)) return false;
    return bytes >= LEAST_BYTES;
}

static bool contracts(const Node *node) {
    if (op_info(node->op)->family == FAMILY_CONTRACTION) return true;
    if (node->body) graph_each(node->body, inner) if (contracts(inner)) return true;
    return false;
}

/* Relayouts that come after the first reader of the weight stand before it from now on. */
static void find_packed(Sharer *s) {
    graph_each_safe(s->graph, node) {
        if (node->op != OP_relayout || !is_constant(s->constant, node->results[0])) continue;
        Value *weight = node->operands[0];
        if (weight->type.layout || s->packed[weight->id] || !is_large(weight)) continue;
        s->packed[weight->id] = node->results[0];
        if (weight->def->next != node) node_move_before(node, weight->def->next);
    }
}

static Value *packed_operand(const Sharer *s, const Node *node, int i) {
    return node->operands[i]->id < s->constant.count ? s->packed[node->operands[i]->id] : NULL;
}

static bool reads_packed(const Sharer *s, const Node *node) {
    for (int i = 0; i < node->noperands; i++)
        if (packed_operand(s, node, i)) return true;
    return false;
}

bool pass_share_weights(PassContext *context, Graph *graph) {
    Sharer s = {.graph = graph, .scratch = context->scratch};
    VEC(Node *) readers = {0};
    s.constant = constant_marks(graph, context->scratch);
    s.packed = arena_array(context->scratch, Value *, context->module->value_count);
    find_packed(&s);
    graph_each(graph, node) {
        bool running = node->nresults == 1 && !is_constant(s.constant, node->results[0]);
        if (running && !contracts(node) && reads_packed(&s, node))
            vec_push(context->scratch, &readers, node);
    }
    Encloser encloser = encloser_create(graph, s.constant, context->scratch);
    for (size_t i = 0; i < readers.len; i++) {
        Node *node = readers.data[i];
        if (node->op != OP_fused) node = enclose(&encloser, &node, 1, node);
        for (int o = 0; o < node->noperands; o++) {
            Value *packed = packed_operand(&s, node, o);
            if (!packed) continue;
            node->operands[o] = packed;
            adopt_operand(node, o);
        }
    }
    encloser_finish(&encloser);
    return readers.len > 0;
}
