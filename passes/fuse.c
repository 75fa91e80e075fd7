/* Fusion: every `fused` node is one kernel.
 *
 * A group of nodes becomes a kernel if others use the result of its last node only: then the kernel
 * can stand in that node's place, and it never depends on itself through nodes outside.
 *
 * 1. Each anchor (contraction, reduction, window) takes the pointwise operators that follow it, on
 * its own shape. Several may use one value, as in x * sigmoid(x); the group ends where all ways
 * meet again, or with a pad behind that.
 * 2. From the last node to the first, what is left starts groups of pointwise and movement
 * operators, and every group takes in producers that only it uses, unless they would be computed
 * over and over for more than a load costs.
 *
 * Needs constants to be known by constant_marks; removes dead nodes first. */
#include "passes/body.h"
#include "passes/channel_blocks.h"
#include "passes/fuse_rules.h"

enum {
    MAX_MEMBERS = 128,  /* of a group */
    MAX_INPUTS = 32,    /* outside values of a group, roughly: see count_inputs */
    MAX_LOOKAHEAD = 48, /* operators after an anchor that are considered */
};

typedef struct Group {
    Node *anchor; /* null: pointwise and movement only */
    Node *root;
    VEC(Node *) members; /* the anchor first, else the root */
    int repeated_cost;   /* of the members that are computed often */
} Group;

/* What the pass knows of a node, by the id of its first result. */
typedef struct Info {
    Group *group;
    VEC(Node *) users; /* one entry an operand */
    int position;
    bool is_output;
    bool repeated; /* its elements are computed more than about once */
    bool moved;    /* its index differs from that of the group's root */
    bool direct;   /* read by a contraction's loops: takes in nothing itself */
} Info;

typedef struct Fuser {
    Graph *graph;
    const TargetDesc *target;
    Arena *scratch;
    ConstantMarks constant;
    Info *info;
    VEC(Node *) order; /* all nodes that run with the network */
} Fuser;

static Info *info_of(const Fuser *f, const Node *node) {
    return &f->info[node->results[0]->id];
}

/* The node that computes value while the network runs, or null. A constant weight's decoder counts
 * as part of its users. */
static Node *running_def(const Fuser *f, const Value *value) {
    if (!value->def || is_constant(f->constant, value) || value->def->nresults != 1) return NULL;
    if (value->def->op == OP_dequantize && is_weight_decoder(f->constant, value)) return NULL;
    return value->def;
}

static void survey(Fuser *f) {
    int position = 0;
    graph_each(f->graph, node) {
        info_of(f, node)->position = position++;
        if (is_constant(f->constant, node->results[0])) continue;
        vec_push(f->scratch, &f->order, node);
        for (int i = 0; i < node->noperands; i++)
            vec_push(f->scratch, &f->info[node->operands[i]->id].users, node);
    }
    for (int i = 0; i < f->graph->noutputs; i++) f->info[f->graph->outputs[i]->id].is_output = true;
}

/* ---- groups ---------------------------------------------------------------------------------- */

static void join(Fuser *f, Group *group, Node *node) {
    vec_push(f->scratch, &group->members, node);
    info_of(f, node)->group = group;
}

static Group *new_group(Fuser *f, Node *first, Node *anchor) {
    Group *group = arena_new(f->scratch, Group);
    group->anchor = anchor;
    group->root = first;
    join(f, group, first);
    return group;
}

/* Operands from outside; one that several members read counts each time. */
static int count_inputs(const Fuser *f, const Group *group) {
    int count = 0;
    for (size_t i = 0; i < group->members.len; i++) {
        const Node *node = group->members.data[i];
        for (int k = 0; k < node->noperands; k++) {
            const Node *def = running_def(f, node->operands[k]);
            count += !def || info_of(f, def)->group != group;
        }
    }
    return count;
}

static bool has_room(const Fuser *f, const Group *group, const Node *node) {
    return group->members.len < MAX_MEMBERS &&
           count_inputs(f, group) + node->noperands <= MAX_INPUTS;
}

/* All users of node's result are in the group. */
static bool is_private(const Fuser *f, const Node *node, const Group *group) {
    const Info *info = info_of(f, node);
    if (info->is_output) return false;
    for (size_t i = 0; i < info->users.len; i++) {
        if (info_of(f, info->users.data[i])->group != group) return false;
    }
    return true;
}

/* ---- 1. what follows an anchor --------------------------------------------------------------- */

static bool feeds_contraction(const Fuser *f, const Node *node) {
    const Info *info = info_of(f, node);
    for (size_t i = 0; i < info->users.len; i++)
        if (op_info(info->users.data[i]->op)->family == FAMILY_CONTRACTION) return true;
    return false;
}

/* Whether node can be computed where the anchor's element is at hand. */
static bool can_follow(const Fuser *f, const Group *group, const Node *node) {
    return fuse_role(node) == ROLE_POINTWISE && !info_of(f, node)->group &&
           !(undoes_narrowing(node) && feeds_contraction(f, node)) &&
           type_same_shape(&node->results[0]->type, &group->anchor->results[0]->type);
}

/* The first operator in the graph's order that uses a member and can follow. */
static Node *next_follower(const Fuser *f, const Group *group) {
    Node *first = NULL;
    for (size_t i = 0; i < group->members.len; i++) {
        const Info *info = info_of(f, group->members.data[i]);
        for (size_t k = 0; k < info->users.len; k++) {
            Node *user = info->users.data[k];
            if (!can_follow(f, group, user)) continue;
            if (!first || info_of(f, user)->position < info_of(f, first)->position) first = user;
        }
    }
    return first;
}

static bool only_last_escapes(const Fuser *f, const Group *group) {
    for (size_t i = 0; i + 1 < group->members.len; i++) {
        if (!is_private(f, group->members.data[i], group)) return false;
    }
    return true;
}

/* Followers join on trial; the group keeps the longest row of them after which only the last one's
 * result is used by others. */
static void take_followers(Fuser *f, Group *group) {
    size_t whole = 1;
    for (int i = 0; i < MAX_LOOKAHEAD; i++) {
        Node *node = next_follower(f, group);
        if (!node || !has_room(f, group, node)) break;
        join(f, group, node);
        if (only_last_escapes(f, group)) whole = group->members.len;
    }
    while (group->members.len > whole) {
        info_of(f, group->members.data[--group->members.len])->group = NULL;
    }
    group->root = group->members.data[whole - 1];
}

/* The border that only the group's result is given is written along with it, and the image is not
 * copied. Not where results leave in memory's order, or work-items share them out. */
static void take_pad(Fuser *f, Group *group) {
    const Info *info = info_of(f, group->root);
    if (f->target->streams || f->target->group_items > 0 || !writes_borders(group->anchor)) return;
    if (info->users.len != 1 || info->is_output) return;
    Node *pad = info->users.data[0];
    if (info_of(f, pad)->group || !pad_keeps_all(pad) || !has_room(f, group, pad)) return;
    join(f, group, pad);
    group->root = pad;
}

/* ---- 2. producers ---------------------------------------------------------------------------- */

/* How node would be computed inside the group: what its users there, which are all it has, do with
 * it. */
typedef struct Fate {
    bool allowed, repeated, moved, direct;
} Fate;

static Fate fate_inside(const Fuser *f, const Node *node, const Group *group) {
    const Info *info = info_of(f, node);
    Fate fate = {.allowed = true};
    for (size_t u = 0; u < info->users.len; u++) {
        const Node *user = info->users.data[u];
        const Info *its = info_of(f, user);
        for (int i = 0; i < user->noperands; i++) {
            if (user->operands[i]->def != node) continue;
            FuseRead reading = operand_reading(user, i);
            fate.allowed = fate.allowed && reading != READ_MEMORY;
            fate.repeated = fate.repeated || reading == READ_OFTEN || its->repeated;
        }
        fate.allowed = fate.allowed && !its->direct;
        fate.direct = fate.direct || op_info(user->op)->family == FAMILY_CONTRACTION;
        fate.moved = fate.moved || its->moved || fuse_role(user) != ROLE_POINTWISE;
    }
    /* Users at different indices do not share what was computed. */
    if (info->users.len > 1 && fate.moved) fate.repeated = true;
    bool movement = fuse_role(node) != ROLE_POINTWISE;
    if (movement && group->anchor) fate.allowed = false;
    return fate;
}

static bool take_producer(Fuser *f, Group *group, Node *node) {
    Info *info = info_of(f, node);
    FuseRole role = fuse_role(node);
    if (info->group || role == ROLE_NONE || role == ROLE_ANCHOR) return false;
    if (!is_private(f, node, group) || !has_room(f, group, node)) return false;
    Fate fate = fate_inside(f, node, group);
    int cost = fate.repeated ? element_cost(node) : 0;
    if (!fate.allowed || group->repeated_cost + cost > REPEATED_COST_LIMIT) return false;
    info->repeated = fate.repeated;
    info->moved = fate.moved;
    info->direct = fate.direct;
    group->repeated_cost += cost;
    join(f, group, node);
    return true;
}

static bool feeds_movement(const Fuser *f, const Node *node) {
    const Info *info = info_of(f, node);
    for (size_t i = 0; i < info->users.len; i++) {
        if (fuse_role(info->users.data[i]) != ROLE_MOVEMENT) return false;
    }
    return true;
}

/* A view of a tensor in memory costs nothing on its own and index arithmetic inside; but where the
 * tensor gets a layout it is a copy. So one whose arithmetic needs no division stays with movement,
 * which computes indices anyway. */
static bool is_better_outside(const Fuser *f, const Group *group, const Node *node) {
    if (fuse_role(node) != ROLE_VIEW) return false;
    const Node *def = running_def(f, node->operands[0]);
    if (def && info_of(f, def)->group == group) return false;
    return !(view_only_splits(node) && feeds_movement(f, node));
}

static void expel_views(Fuser *f, Group *group) {
    for (bool changed = true; changed;) {
        changed = false;
        size_t kept = 0;
        for (size_t i = 0; i < group->members.len; i++) {
            Node *node = group->members.data[i];
            bool goes = is_better_outside(f, group, node);
            if (goes)
                info_of(f, node)->group = NULL;
            else
                group->members.data[kept++] = node;
            changed |= goes;
        }
        group->members.len = kept;
    }
}

static void take_producers(Fuser *f, Group *group) {
    /* Members that join are looked at in their turn. A producer whose last user joins later is met
     * again there. */
    for (size_t i = 0; i < group->members.len; i++) {
        const Node *node = group->members.data[i];
        for (int k = 0; k < node->noperands; k++) {
            Node *def = running_def(f, node->operands[k]);
            if (def) take_producer(f, group, def);
        }
    }
    expel_views(f, group);
}

/* ---- the pass -------------------------------------------------------------------------------- */

/* A view after movement: the memory is the same either way, but where blocks of channels stay whole
 * the kernel can write them as a layout wants them, and a view outside could not. */
static bool weaves_blocks(const Fuser *f, const Node *node) {
    if (fuse_role(node) != ROLE_VIEW) return false;
    const Node *def = running_def(f, node->operands[0]);
    if (!def || fuse_role(def) != ROLE_MOVEMENT || info_of(f, def)->users.len > 1) return false;
    return weaves_channel_blocks(node->results[0], target_panel_lanes(f->target));
}

static void form_groups(Fuser *f) {
    for (size_t i = 0; i < f->order.len; i++) {
        Node *node = f->order.data[i];
        if (fuse_role(node) != ROLE_ANCHOR) continue;
        Group *group = new_group(f, node, node);
        take_followers(f, group);
        take_pad(f, group);
    }
    for (size_t i = f->order.len; i-- > 0;) {
        Node *node = f->order.data[i];
        FuseRole role = fuse_role(node);
        Group *group = info_of(f, node)->group;
        bool starts = role == ROLE_POINTWISE || role == ROLE_MOVEMENT || weaves_blocks(f, node);
        if (!group && starts && running_def(f, node->results[0])) group = new_group(f, node, NULL);
        if (group && group->root == node) take_producers(f, group);
    }
}

/* Whether a kernel of this one node decodes a weight. */
static bool reads_decoder(const Fuser *f, const Node *node) {
    bool contraction = op_info(node->op)->family == FAMILY_CONTRACTION;
    for (int i = 0; i < node->noperands; i++) {
        const Value *x = node->operands[i];
        if (!is_weight_decoder(f->constant, x)) continue;
        if (x->def->op == OP_dequantize || (contraction && i == 1)) return true;
    }
    return false;
}

/* Members in the graph's order. */
static size_t list_members(const Fuser *f, const Group *group, Node **list) {
    size_t count = 0;
    for (size_t i = 0; i < group->members.len; i++) {
        Node *node = group->members.data[i];
        size_t at = count++;
        for (; at > 0 && info_of(f, list[at - 1])->position > info_of(f, node)->position; at--)
            list[at] = list[at - 1];
        list[at] = node;
    }
    return count;
}

bool pass_fuse(PassContext *context, Graph *graph) {
    Node *list[MAX_MEMBERS];
    bool changed = remove_dead(graph, context->scratch);
    Fuser f = {.graph = graph, .target = context->target, .scratch = context->scratch};
    f.constant = constant_marks(graph, context->scratch);
    f.info = arena_array(context->scratch, Info, context->module->value_count);
    survey(&f);
    form_groups(&f);
    Encloser encloser = encloser_create(graph, f.constant, context->scratch);
    bool fused = false;
    for (size_t i = 0; i < f.order.len; i++) {
        Node *node = f.order.data[i];
        const Group *group = info_of(&f, node)->group;
        if (!group || group->root != node) continue;
        if (group->members.len == 1 && !reads_decoder(&f, node)) continue;
        size_t count = list_members(&f, group, list);
        enclose(&encloser, list, count, group->anchor ? group->anchor : node);
        fused = true;
    }
    encloser_finish(&encloser);
    if (fused) remove_dead(graph, context->scratch);
    return changed || fused;
}
