/* Rows of a product's image that lie a multiple of a page apart are pushed apart by a line.
 *
 * A register tile reads several rows side by side. L1 caches are indexed by bits of the address
 * within a page, so that such rows meet in one set, and more of them than a set has ways push each
 * other out: a product of 196 rows of 1024 floats then runs at three quarters of its speed.
 *
 * A value that a kernel computes for products only is written with the pad at once; inputs of the
 * network, and what other kernels read too, are copied first where the product is large enough to
 * repay it. Runs after choose-layouts and speaks of layouts in the same way. */
#include "passes/body.h"

enum {
    PAGE_BYTES = 4096,
    LINE_BYTES = 64,
    FEW_ROWS = 8,        /* so many find place in a set */
    ENOUGH_RESULTS = 128 /* of a row, to repay a copy of it */
};

typedef struct Padder {
    PassContext *context;
    Graph *graph;
    ConstantMarks constant;
    int *uses;     /* by value id */
    int *products; /* by value id: uses as the rows of a product */
    bool *repays;  /* by value id: some product repays a copy */
    size_t values; /* known to the arrays */
} Padder;

/* ---- what is a row --------------------------------------------------------------------------- */

/* Whether its rows meet in one set. */
static bool rows_meet(const TensorType *type) {
    int64_t length, rows = 1, extent;
    if (type->rank < 2 || type->layout || !dtype_is_float(type->dtype)) return false;
    if (!dim_is_int(type->dims[type->rank - 1], &length) || length == 0) return false;
    if (length > INT32_MAX || length * (int64_t)dtype_bytes(type->dtype) % PAGE_BYTES) return false;
    for (int i = 0; i < type->rank - 1; i++) {
        if (!dim_is_int(type->dims[i], &extent)) return true;
        rows = rows > FEW_ROWS || extent > FEW_ROWS ? FEW_ROWS + 1 : rows * extent;
    }
    return rows > FEW_ROWS;
}

/* A dense layer, or a product by one matrix. */
static const Node *product_of(const Node *node) {
    const Node *found = NULL;
    if (node->op != OP_fused) {
        found = node;
    } else {
        graph_each(node->body, inner) {
            if (op_info(inner->op)->family != FAMILY_CONTRACTION) continue;
            if (found) return NULL;
            found = inner;
        }
    }
    if (!found) return NULL;
    bool matrix = found->op == OP_matmul && found->operands[1]->type.rank == 2;
    return found->op == OP_dense || matrix ? found : NULL;
}

/* The operand of the node whose rows the product reads, element by element; -1: none. */
static int rows_operand(const Node *node) {
    const Node *product = product_of(node);
    if (!product) return -1;
    if (node->op != OP_fused) return 0;
    const Value *x = product->operands[0];
    while (x->def && x->def->noperands == 1) {
        const Value *from = x->def->operands[0];
        bool same = op_info(x->def->op)->family == FAMILY_POINTWISE || x->def->op == OP_relayout;
        if (!same || !type_same_shape(&from->type, &x->type)) return -1;
        x = from;
    }
    return x->def ? -1 : x->index;
}

static bool repays_copy(const Node *node) {
    const TensorType *type = &product_of(node)->results[0]->type;
    int64_t results;
    return dim_is_int(type->dims[type->rank - 1], &results) && results >= ENOUGH_RESULTS;
}

/* ---- which values ---------------------------------------------------------------------------- */

static void count_uses(Padder *p) {
    Arena *scratch = p->context->scratch;
    p->values = p->context->module->value_count;
    p->uses = graph_use_counts(p->graph, scratch);
    p->products = arena_array(scratch, int, p->values);
    p->repays = arena_array(scratch, bool, p->values);
    graph_each(p->graph, node) {
        int i = rows_operand(node);
        if (i < 0) continue;
        const Value *x = node->operands[i];
        if (is_constant(p->constant, x) || !rows_meet(&x->type)) continue;
        p->products[x->id]++;
        p->repays[x->id] |= repays_copy(node);
    }
}

/* Whether the kernel that computes the value can write it with the pad: nothing else reads it (an
 * output counts as a use), and it is no view. */
static bool is_written_padded(const Padder *p, const Value *x) {
    if (!x->def || x->def->nresults != 1 || p->products[x->id] != p->uses[x->id]) return false;
    return x->def->op != OP_reshape && x->def->op != OP_flatten;
}

static bool is_padded(const Padder *p, const Value *x) {
    if (x->id >= p->values || p->products[x->id] == 0) return false;
    return is_written_padded(p, x) || p->repays[x->id];
}

/* ---- doing it -------------------------------------------------------------------------------- */

/* Kernels that write or read padded rows get a body; values are new after that. */
static bool enclose_touched(Padder *p) {
    Encloser encloser = encloser_create(p->graph, p->constant, p->context->scratch);
    bool any = false;
    for (Node *node = p->graph->first, *next; node; node = next) {
        next = node->next;
        int i = rows_operand(node);
        const Value *result = node->nresults == 1 ? node->results[0] : NULL;
        bool reads = i >= 0 && is_padded(p, node->operands[i]);
        bool writes = result && is_padded(p, result) && is_written_padded(p, result);
        any = any || reads || writes;
        if ((reads || writes) && node->op != OP_fused) enclose(&encloser, &node, 1, node);
    }
    encloser_finish(&encloser);
    return any;
}

static LayoutRef padded_layout(const Padder *p, const TensorType *type) {
    Layout layout = {.nsteps = 1};
    layout.steps[0] = (LayoutStep){.kind = LAYOUT_PAD,
                                   .axis = type->rank - 1,
                                   .hi = LINE_BYTES / (int64_t)dtype_bytes(type->dtype)};
    return module_layout(p->context->module, &layout);
}

/* copies: by value id, those that were made. */
static void read_padded(Padder *p, Node *node, int i, Value **copies) {
    Value *x = node->operands[i];
    if (!x->type.layout) {
        if (!copies[x->id]) {
            Builder b = {.graph = p->graph, .before = node, .path = x->path, .span = x->span};
            Attr layout = attr_layout("layout", padded_layout(p, &x->type));
            copies[x->id] = build1(&b, OP_relayout, x, layout);
        }
        node->operands[i] = copies[x->id];
    }
    adopt_operand(node, i);
}

bool pass_pad_rows(PassContext *context, Graph *graph) {
    const TargetDesc *target = context->target;
    Padder p = {.context = context, .graph = graph};
    if (target->streams || target->group_items > 0 || target_lanes(target, 32) < 2) return false;
    p.constant = constant_marks(graph, context->scratch);
    count_uses(&p);
    if (!enclose_touched(&p)) return false;
    count_uses(&p);
    Value **copies = arena_array(context->scratch, Value *, p.values);
    graph_each(graph, node) {
        /* Before the result gets its layout: what is asked of it is asked of the plain one. */
        int i = rows_operand(node);
        Value *x = i >= 0 ? node->operands[i] : NULL;
        if (x && is_padded(&p, x)) read_padded(&p, node, i, copies);
        Value *result = node->nresults == 1 ? node->results[0] : NULL;
        if (node->op == OP_fused && result && is_padded(&p, result) &&
            is_written_padded(&p, result))
            yield_layout(node, padded_layout(&p, &result->type));
    }
    return true;
}
