/* Attention as one kernel: softmax(f(q k)) v with whatever is done to the scores on the way, be it a
 * factor, a mask or a bias. The products, the operators between them, and the movement before
 * and behind become a `fused` node, which lowering gives a nest that never writes the scores to
 * memory.
 *
 * What q, k and v are made of by cutting axes, exchanging them and taking slices is read in place;
 * so is what follows written. A mask that depends on positions alone (`range(0, T)` compared with
 * itself, as for causal attention) is copied inside, so that lowering sees its form.
 *
 * Only for targets whose kernels can have several stages. Runs before the other fusions. */
#include "passes/body.h"
#include "passes/fuse_rules.h"

enum {
    MAX_MEMBERS = 96,
    MAX_SCORES = 32,    /* operators between product and softmax */
    MAX_POSITIONS = 16, /* nodes of a mask that is copied inside */
    WIDEST_HEAD =
        256, /* elements of a row of q, k or v: a block of them stays in registers and L1 */
};

typedef struct Info {
    VEC(Node *) users; /* one entry an operand */
    bool is_output;
    bool taken; /* its node is in a body */
} Info;

typedef struct Finder {
    Graph *graph;
    Arena *scratch;
    ConstantMarks constant;
    Info *info; /* by value id */
    /* Of the attention at hand: */
    Node *members[MAX_MEMBERS];
    int count;
    Node *product; /* of q and k */
} Finder;

static void survey(Finder *f) {
    graph_each(f->graph, node) for (int i = 0; i < node->noperands; i++)
        vec_push(f->scratch, &f->info[node->operands[i]->id].users, node);
    for (int i = 0; i < f->graph->noutputs; i++) f->info[f->graph->outputs[i]->id].is_output = true;
}

static bool has_one_use(const Finder *f, const Value *value) {
    const Info *info = &f->info[value->id];
    return !info->is_output && info->users.len == 1;
}

/* Computed while the network runs, for one other node, and in no body yet. */
static bool is_free(const Finder *f, const Value *value) {
    return has_one_use(f, value) && !is_constant(f->constant, value) && !value->type.layout &&
           !f->info[value->id].taken;
}

static bool add(Finder *f, Node *node) {
    if (f->count == MAX_MEMBERS) return false;
    f->members[f->count++] = node;
    return true;
}

/* ---- the products and what is between them --------------------------------------------------- */

/* From the scores to the product that they are made from; all on the way becomes a member. */
static bool find_product(Finder *f, const Value *value, const TensorType *scores, int depth) {
    Node *node = value->def;
    if (!node || !is_free(f, value) || !type_same_shape(&value->type, scores)) return false;
    if (node->op == OP_matmul) {
        f->product = node;
        return add(f, node);
    }
    if (fuse_role(node) != ROLE_POINTWISE || depth == MAX_SCORES) return false;
    for (int i = 0; i < node->noperands; i++)
        if (find_product(f, node->operands[i], scores, depth + 1)) return add(f, node);
    return false;
}

static bool is_narrow(Dim dim) {
    int64_t size;
    return dim_is_int(dim, &size) && size > 0 && size <= WIDEST_HEAD;
}

/* Whether node is the product with v at the end of an attention. */
static bool find_attention(Finder *f, Node *node) {
    f->count = 0;
    f->product = NULL;
    if (node->op != OP_matmul || is_constant(f->constant, node->results[0])) return false;
    Node *softmax = node->operands[0]->def;
    if (!softmax || softmax->op != OP_softmax || !is_free(f, softmax->results[0])) return false;
    const TensorType *scores = &softmax->results[0]->type, *type = &node->results[0]->type;
    bool sound = dtype_is_float(type->dtype) && !type->layout && scores->rank == type->rank &&
                 normalize_axis(node_int(softmax, "axis"), scores->rank) == scores->rank - 1;
    for (int i = 0; sound && i < type->rank - 2; i++) sound = scores->dims[i] == type->dims[i];
    if (!sound || !find_product(f, softmax->operands[0], scores, 0)) return false;
    const TensorType *queries = &f->product->operands[0]->type;
    return is_narrow(queries->dims[queries->rank - 1]) && is_narrow(type->dims[type->rank - 1]) &&
           add(f, softmax) && add(f, node);
}

/* ---- masks by position ----------------------------------------------------------------------- */

/* The number of nodes that value is computed from, if these are numbers of positions and literals
 * alone; MAX_POSITIONS + 1: something else, or too many. */
static int count_positions(const Value *value) {
    double number;
    int count = 1;
    if (value_is_literal(value, &number)) return 0;
    if (!value->def || value->def->nresults != 1) return MAX_POSITIONS + 1;
    const Node *node = value->def;
    bool fits = fuse_role(node) == ROLE_POINTWISE || node->op == OP_range ||
                node->op == OP_reshape || node->op == OP_transpose || node->op == OP_broadcast_to;
    if (!fits || (node->noperands == 0 && node->op != OP_range)) return MAX_POSITIONS + 1;
    for (int i = 0; i < node->noperands && count <= MAX_POSITIONS; i++)
        count += count_positions(node->operands[i]);
    return count;
}

/* A copy of it before place, whose nodes become members. */
static Value *copy_positions(Finder *f, Value *value, Node *place) {
    Value *operands[MAX_OPERANDS];
    double number;
    if (value_is_literal(value, &number)) return value;
    const Node *node = value->def;
    for (int i = 0; i < node->noperands; i++)
        operands[i] = copy_positions(f, node->operands[i], place);
    Builder b = {.graph = f->graph, .before = place, .path = node->path, .span = node->span};
    Value *copy = build_value(&b, node->op, node->noperands, operands, node->nattrs, node->attrs);
    bool added = add(f, copy->def);
    require(added);
    return copy;
}

/* Masks of what the product goes through; members then stand in no order. */
static void copy_masks(Finder *f) {
    int count = f->count;
    for (int m = 0; m < count; m++) {
        Node *node = f->members[m];
        if (fuse_role(node) != ROLE_POINTWISE) continue;
        for (int i = 0; i < node->noperands; i++) {
            int nodes = count_positions(node->operands[i]);
            if (nodes == 0 || nodes > MAX_POSITIONS || f->count + nodes > MAX_MEMBERS) continue;
            node->operands[i] = copy_positions(f, node->operands[i], node);
        }
    }
}

/* ---- movement -------------------------------------------------------------------------------- */

static bool is_free_movement(const Node *node) {
    switch (node->op) {
    case OP_transpose:
    case OP_slice: return true;
    case OP_reshape: return view_only_splits(node);
    default: return false;
    }
}

/* What an operand of a product is read through. */
static void take_movement(Finder *f, const Value *value) {
    while (value->def && value->def->nresults == 1 && is_free(f, value)) {
        if (!is_free_movement(value->def) || !add(f, value->def)) return;
        value = value->def->operands[0];
    }
}

/* How the result is written. A reshape that is not followed by more is a view, and free unless it is
 * an output. */
static void take_followers(Finder *f, const Value *value) {
    int whole = f->count;
    while (has_one_use(f, value)) {
        Node *user = f->info[value->id].users.data[0];
        bool fits = (user->op == OP_transpose || user->op == OP_reshape) && user->nresults == 1 &&
                    !user->results[0]->type.layout;
        if (!fits || !add(f, user)) break;
        value = user->results[0];
        if (user->op == OP_transpose || f->info[value->id].is_output) whole = f->count;
    }
    f->count = whole;
}

/* ---- the pass -------------------------------------------------------------------------------- */

/* Members in the graph's order. */
static void sort_members(Finder *f) {
    int count = 0;
    Node *sorted[MAX_MEMBERS];
    graph_each(f->graph, node) for (int i = 0; i < f->count; i++) if (f->members[i] == node)
        sorted[count++] = node;
    require(count == f->count);
    for (int i = 0; i < count; i++) f->members[i] = sorted[i];
}

bool pass_fuse_attention(PassContext *context, Graph *graph) {
    if (!context->target->multi_stage) return false;
    bool changed = remove_dead(graph, context->scratch);
    VEC(Node *) products = {0};
    Finder f = {.graph = graph, .scratch = context->scratch};
    f.constant = constant_marks(graph, context->scratch);
    size_t values = context->module->value_count; /* copies of masks have no info */
    f.info = arena_array(context->scratch, Info, values);
    survey(&f);
    graph_each(graph, node) if (node->op == OP_matmul) vec_push(context->scratch, &products, node);
    Encloser encloser = encloser_create(graph, f.constant, context->scratch);
    for (size_t i = 0; i < products.len; i++) {
        Node *node = products.data[i];
        if (!find_attention(&f, node)) continue;
        const Node *product = f.product;
        copy_masks(&f);
        take_movement(&f, product->operands[0]);
        take_movement(&f, product->operands[1]);
        take_movement(&f, node->operands[1]);
        take_followers(&f, node->results[0]);
        sort_members(&f);
        for (int m = 0; m < f.count; m++) {
            uint32_t id = f.members[m]->results[0]->id;
            if (id < values) f.info[id].taken = true;
        }
        enclose(&encloser, f.members, (size_t)f.count, node);
        changed = true;
    }
    encloser_finish(&encloser);
    if (changed) remove_dead(graph, context->scratch);
    return changed;
}
