/* Common subexpressions: operators of one kind, with equal attributes, on the same operands become
 * one; equal constants and readings of one parameter too. Fused nodes are left alone; so are nodes
 * whose annotations differ, since these say how each is to be treated. The earlier of two stays. */
#include <string.h>

#include "passes/support.h"

typedef struct Entry {
    uint64_t hash;
    Node *node;
} Entry;

typedef struct Merger {
    Arena *scratch;
    Value **map; /* by id: the equal value that stays */
    Entry *table;
    size_t mask;
} Merger;

/* ---- equality -------------------------------------------------------------------------------- */

static bool commutes(OpKind op) {
    switch (op) {
    case OP_add:
    case OP_mul:
    case OP_minimum:
    case OP_maximum:
    case OP_eq:
    case OP_ne:
    case OP_and:
    case OP_or: return true;
    default: return false;
    }
}

static bool attr_equal(const Attr *a, const Attr *b) {
    switch (a->kind) {
    case ATTR_FLOAT: return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    case ATTR_STRING: return strcmp(a->s, b->s) == 0;
    case ATTR_DTYPE: return a->dtype == b->dtype;
    case ATTR_LAYOUT: return a->layout == b->layout;
    case ATTR_INTS:
        return a->count == b->count &&
               (a->count == 0 || !memcmp(a->ints, b->ints, (size_t)a->count * sizeof *a->ints));
    case ATTR_DIM:
    case ATTR_DIMS:
        return a->count == b->count &&
               (a->count == 0 || !memcmp(a->dims, b->dims, (size_t)a->count * sizeof *a->dims));
    default: return a->i == b->i;
    }
}

static bool annotations_equal(const Node *a, const Node *b) {
    if (a->nannotations != b->nannotations) return false;
    for (int i = 0; i < a->nannotations; i++) {
        const Annotation *x = &a->annotations[i], *y = &b->annotations[i];
        if (strcmp(x->name, y->name) != 0 || x->count != y->count) return false;
        if (memcmp(x->args, y->args, (size_t)x->count * sizeof x->args[0]) != 0) return false;
    }
    return true;
}

static bool operands_equal(const Node *a, const Node *b) {
    if (a->noperands != b->noperands) return false;
    bool same = true;
    for (int i = 0; i < a->noperands; i++) same = same && a->operands[i] == b->operands[i];
    if (same || !commutes(a->op)) return same;
    return a->operands[0] == b->operands[1] && a->operands[1] == b->operands[0];
}

static bool same_data(const Node *a, const Node *b) {
    if (!a->data || !b->data) return !a->data && !b->data && a->hash == b->hash;
    return a->data->bytes == b->data->bytes &&
           (a->data->bytes == 0 || !memcmp(a->data->data, b->data->data, a->data->bytes));
}

static bool nodes_equal(const Node *a, const Node *b) {
    if (a->op != b->op || a->nresults != b->nresults) return false;
    if (!operands_equal(a, b) || !annotations_equal(a, b)) return false;
    for (int i = 0; i < a->nattrs; i++) {
        if (!attr_equal(&a->attrs[i], &b->attrs[i])) return false;
    }
    for (int i = 0; i < a->nresults; i++) {
        if (!type_equal(&a->results[i]->type, &b->results[i]->type)) return false;
    }
    return a->op != OP_const || same_data(a, b);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Of operator and operands only: attributes seldom tell nodes apart that these do not. */
static uint64_t node_hash(const Node *node) {
    uint64_t hash = hash_bytes(&node->op, sizeof node->op, node->hash);
    uint64_t sum = 0;
    for (int i = 0; i < node->noperands; i++) {
        uint32_t id = node->operands[i]->id;
        if (commutes(node->op))
            sum += hash_bytes(&id, sizeof id, 1);
        else
            hash = hash_bytes(&id, sizeof id, hash);
    }
    if (node->op == OP_param) {
        const char *name = node_attr(node, "name")->s;
        hash = hash_bytes(name, strlen(name), hash);
    }
    return hash ^ sum;
}

/* An equal node that came earlier, or null after node was entered. */
static Node *find_or_enter(Merger *m, Node *node) {
    uint64_t hash = node_hash(node);
    size_t at = hash & m->mask;
    for (; m->table[at].node; at = (at + 1) & m->mask) {
        if (m->table[at].hash == hash && nodes_equal(m->table[at].node, node))
            return m->table[at].node;
    }
    m->table[at] = (Entry){hash, node};
    return NULL;
}

bool pass_cse(PassContext *context, Graph *graph) {
    size_t capacity = 16, values = context->module->value_count;
    while (capacity < 2 * (size_t)graph_node_count(graph)) capacity *= 2;
    Merger m = {.scratch = context->scratch, .mask = capacity - 1};
    m.table = arena_array(m.scratch, Entry, capacity);
    m.map = arena_array(m.scratch, Value *, values);
    bool changed = false;
    graph_each(graph, node) {
        for (int i = 0; i < node->noperands; i++) {
            Value *stays = m.map[node->operands[i]->id];
            if (stays) node->operands[i] = stays;
        }
        Node *earlier = node->op == OP_fused ? NULL : find_or_enter(&m, node);
        for (int i = 0; earlier && i < node->nresults; i++)
            m.map[node->results[i]->id] = earlier->results[i];
        changed |= earlier != NULL;
    }
    graph_replace_all(graph, m.map, values);
    graph_each_safe(graph, node) {
        if (m.map[node->results[0]->id]) node_remove(node);
    }
    return changed;
}
