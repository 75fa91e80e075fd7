/* Chains over rows: a reduction along one axis, what is computed from its result and the rows,
 * further reductions of that, and so on, as long as the shapes are those of the rows or have one
 * element a row. Layer norm in all its spellings, RMS norm and a softmax written out are such
 * chains; each becomes a `fused` node, which lowering turns into one kernel.
 *
 * A chain ends with full rows, and others use its last result only. Of what comes before the first
 * reduction, only that joins which costs nothing to compute again: a conversion from a narrower
 * type, and what a single reduction reads.
 *
 * Only for targets whose kernels can have several stages. Runs before fuse, so that the operators
 * of a chain are not taken as epilogues and producers of others. */
#include "passes/body.h"
#include "passes/fuse_rules.h"

enum {
    MAX_MEMBERS = 64,
    MAX_OUTSIDE = 24, /* operands of a chain, roughly */
    LONGEST_ROW =
        16384, /* elements that stay in a near cache, and that sums are exact enough for */
};

typedef struct Info {
    VEC(Node *) users; /* one entry an operand */
    int position, chain;
    bool is_output;
} Info;

typedef struct Finder {
    Graph *graph;
    Arena *scratch;
    ConstantMarks constant;
    Info *info; /* by value id */
    VEC(Node *) order;
    int chain; /* number of the one at hand */
    int axis;
    const TensorType *rows;
    Node *members[MAX_MEMBERS];
    int count;
} Finder;

static Info *info_of(const Finder *f, const Node *node) {
    return &f->info[node->results[0]->id];
}

static void survey(Finder *f) {
    graph_each(f->graph, node) {
        info_of(f, node)->position = (int)f->order.len;
        vec_push(f->scratch, &f->order, node);
        for (int i = 0; i < node->noperands; i++)
            vec_push(f->scratch, &f->info[node->operands[i]->id].users, node);
    }
    for (int i = 0; i < f->graph->noutputs; i++) f->info[f->graph->outputs[i]->id].is_output = true;
}

/* ---- members --------------------------------------------------------------------------------- */

static bool is_reduction(const Node *node, int *axis) {
    switch (node->op) {
    case OP_reduce_sum:
    case OP_reduce_mean:
    case OP_reduce_max:
    case OP_reduce_min: break;
    default: return false;
    }
    const TensorType *type = &node->operands[0]->type;
    const Attr *axes = node_attr(node, "axes");
    if (!dtype_is_float(type->dtype) || axes->count != 1 || !node_attr(node, "keepdims")->i)
        return false;
    *axis = normalize_axis(axes->ints[0], type->rank);
    return !dim_is(type->dims[*axis], 1);
}

static bool has_one_a_row(const Finder *f, const TensorType *type) {
    if (type->rank != f->rows->rank) return false;
    for (int i = 0; i < type->rank; i++) {
        bool same = i == f->axis ? dim_is(type->dims[i], 1) : type->dims[i] == f->rows->dims[i];
        if (!same) return false;
    }
    return true;
}

static bool is_free(const Finder *f, const Node *node) {
    return node->nresults == 1 && !info_of(f, node)->chain &&
           !is_constant(f->constant, node->results[0]) && !node->results[0]->type.layout;
}

/* A chain ends with the narrow rows: they are what memory should hold and products read. */
static bool can_join(const Finder *f, const Node *node) {
    int axis;
    if (!is_free(f, node) || undoes_narrowing(node)) return false;
    if (fuse_role(node) == ROLE_POINTWISE) {
        const TensorType *type = &node->results[0]->type;
        return type_same_shape(type, f->rows) || has_one_a_row(f, type);
    }
    return is_reduction(node, &axis) && axis == f->axis &&
           type_same_shape(&node->operands[0]->type, f->rows);
}

static bool join(Finder *f, Node *node) {
    int outside = node->noperands;
    for (int i = 0; i < f->count; i++) outside += f->members[i]->noperands;
    /* All but the first operand of a chain's operators comes from the chain, as a rule. */
    if (f->count == MAX_MEMBERS || outside - f->count > MAX_OUTSIDE) return false;
    info_of(f, node)->chain = f->chain;
    f->members[f->count++] = node;
    return true;
}

static void drop_to(Finder *f, int count) {
    while (f->count > count) info_of(f, f->members[--f->count])->chain = 0;
}

static bool is_private(const Finder *f, const Node *node) {
    const Info *info = info_of(f, node);
    if (info->is_output) return false;
    for (size_t i = 0; i < info->users.len; i++)
        if (info_of(f, info->users.data[i])->chain != f->chain) return false;
    return true;
}

/* ---- forwards: what is computed from the reductions ------------------------------------------ */

static Node *next_follower(const Finder *f) {
    Node *first = NULL;
    for (int i = 0; i < f->count; i++) {
        const Info *info = info_of(f, f->members[i]);
        for (size_t k = 0; k < info->users.len; k++) {
            Node *user = info->users.data[k];
            if (!can_join(f, user)) continue;
            if (!first || info_of(f, user)->position < info_of(f, first)->position) first = user;
        }
    }
    return first;
}

/* The reduction that a chain hangs on is its first member, operators join in the graph's order. */
static bool only_last_escapes(const Finder *f) {
    for (int i = 0; i + 1 < f->count; i++)
        if (!is_private(f, f->members[i])) return false;
    return true;
}

/* A second reader of the rows, as in x - mean(x), comes with its users; one that leads nowhere must
 * not. */
static bool take_followers(Finder *f, Node *reduction) {
    int whole = 0;
    f->count = 0;
    join(f, reduction);
    for (Node *node; (node = next_follower(f)) && join(f, node);) {
        bool full = type_same_shape(&node->results[0]->type, f->rows);
        if (full && fuse_role(node) == ROLE_POINTWISE && only_last_escapes(f)) whole = f->count;
    }
    drop_to(f, whole);
    return whole > 0;
}

/* ---- backwards ------------------------------------------------------------------------------- */

static bool is_cheap_producer(const Finder *f, const Node *node) {
    const Info *info = info_of(f, node);
    int axis;
    if (!is_free(f, node) || fuse_role(node) != ROLE_POINTWISE || !is_private(f, node) ||
        !type_same_shape(&node->results[0]->type, f->rows))
        return false;
    if (node->op == OP_cast)
        return dtype_bits(node->operands[0]->type.dtype) < dtype_bits(node->results[0]->type.dtype);
    return info->users.len == 1 && is_reduction(info->users.data[0], &axis);
}

static void take_producers(Finder *f) {
    for (int i = 0; i < f->count; i++)
        for (int k = 0; k < f->members[i]->noperands; k++) {
            Node *def = f->members[i]->operands[k]->def;
            if (def && is_cheap_producer(f, def)) join(f, def);
        }
}

/* ---- the pass -------------------------------------------------------------------------------- */

static bool begin(Finder *f, const Node *node) {
    int64_t extent;
    if (!is_free(f, node) || !is_reduction(node, &f->axis)) return false;
    f->rows = &node->operands[0]->type;
    return !dim_is_int(f->rows->dims[f->axis], &extent) || extent <= LONGEST_ROW;
}

static void sort_members(Finder *f) {
    for (int i = 1; i < f->count; i++)
        for (int k = i;
             k > 0 && info_of(f, f->members[k - 1])->position > info_of(f, f->members[k])->position;
             k--) {
            Node *node = f->members[k];
            f->members[k] = f->members[k - 1];
            f->members[k - 1] = node;
        }
}

bool pass_fuse_rows(PassContext *context, Graph *graph) {
    if (!context->target->multi_stage) return false;
    bool changed = remove_dead(graph, context->scratch);
    Finder f = {.graph = graph, .scratch = context->scratch};
    f.constant = constant_marks(graph, context->scratch);
    f.info = arena_array(context->scratch, Info, context->module->value_count);
    survey(&f);
    Encloser encloser = encloser_create(graph, f.constant, context->scratch);
    for (size_t i = 0; i < f.order.len; i++) {
        f.chain++;
        if (!begin(&f, f.order.data[i]) || !take_followers(&f, f.order.data[i])) continue;
        take_producers(&f);
        sort_members(&f);
        enclose(&encloser, f.members, (size_t)f.count, f.members[f.count - 1]);
        changed = true;
    }
    encloser_finish(&encloser);
    return changed;
}
