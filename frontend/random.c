/* Random parameters and test inputs: the same bits on every host, in any order of generation.
 *
 * Word i of a stream is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
 * generators, 2014) at counter i:
 *
 *   z = key + (i + 1) * 0x9e3779b97f4a7c15      with key = hash_bytes(path, seed)
 *   z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9
 *   z = (z ^ z >> 27) * 0x94d049bb133111eb
 *   word = z ^ z >> 31
 *
 * From words come, by operations that IEEE 754 rounds exactly (no product is followed by a sum,
 * which a compiler could contract):
 *
 *   symmetric  t = (word >> 11) / 2^52 - 1, uniform in [-1, 1); element i uses word i
 *   normal     n = (sum of twelve 16-bit pieces - 393210) / 65536; element i uses words 3i .. 3i+2
 *
 * The sum is one of integers, its mean is 393210 and its deviation 65536 (to 1e-10): n is normal by
 * the central limit theorem, within [-6, 6]. */
#include <math.h>
#include <string.h>

#include "frontend/dataio_private.h"

static uint64_t word(uint64_t key, uint64_t i) {
    uint64_t z = key + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double symmetric(uint64_t key, uint64_t i) {
    return (double)((int64_t)(word(key, i) >> 11) - ((int64_t)1 << 52)) / 0x1p52;
}

static double normal(uint64_t key, uint64_t i) {
    const uint64_t pieces = UINT64_C(0x0000ffff0000ffff); /* two at a time */
    uint64_t sums = 0;
    for (uint64_t k = 0; k < 3; k++) {
        uint64_t w = word(key, 3 * i + k);
        sums += (w & pieces) + (w >> 16 & pieces);
    }
    int64_t sum = (int64_t)(sums & UINT32_MAX) + (int64_t)(sums >> 32);
    return (double)(sum - 393210) / 65536;
}

/* ---- what a parameter is for ----------------------------------------------------------------- */

typedef enum Role {
    ROLE_WEIGHT,   /* He normal: deviation sqrt(2 / fan_in) */
    ROLE_SCALE,    /* 1 +- 0.1 */
    ROLE_SHIFT,    /* +- 0.1 */
    ROLE_VARIANCE, /* 0.5 to 1.5 */
} Role;

typedef struct Param {
    const char *path;
    uint64_t key;
    Role role;
    int64_t fan_in;
    Tensor tensor; /* data null until it is asked for */
    bool is_static;
} Param;

typedef struct Generator {
    const Module *module;
    Arena *arena;
    size_t count;
    Param *params; /* in path order */
} Generator;

/* Roles by the last component of the path; what is not named is decided by rank. */
static const struct {
    const char *name;
    Role role;
} named_roles[] = {
    {"bias", ROLE_SHIFT}, {"running_mean", ROLE_SHIFT}, {"running_var", ROLE_VARIANCE}};

static Role role_of(const char *path, int rank) {
    const char *dot = strrchr(path, '.'), *last = dot ? dot + 1 : path;
    for (size_t i = 0; i < COUNT_OF(named_roles); i++)
        if (strcmp(last, named_roles[i].name) == 0) return named_roles[i].role;
    /* A weight of one axis scales: that of a normalization. */
    return strcmp(last, "weight") == 0 && rank <= 1 ? ROLE_SCALE : ROLE_WEIGHT;
}

/* Products that one result element sums, where node reads a weight as operand i; 0 where it is no
 * contraction. */
static int64_t fan_in_of_use(const Node *node, int i, const Tensor *weight) {
    const int64_t *dims = weight->dims;
    if (node->op == OP_conv2d && i == 1) return dims[1] * dims[2] * dims[3];
    if (node->op == OP_conv_transpose2d && i == 1) {
        const int64_t *stride = node_attr(node, "stride")->ints;
        int64_t products = dims[0] / node_int(node, "groups") * dims[2] * dims[3];
        return products > stride[0] * stride[1] ? products / (stride[0] * stride[1]) : 1;
    }
    if (node->op == OP_dense && i == 1)
        return strcmp(node_attr(node, "weight_order")->s, "io") == 0 ? dims[0] : dims[1];
    if (node->op == OP_matmul) return dims[weight->rank - (i == 0 ? 1 : 2)];
    return 0;
}

static int64_t fan_in_of_shape(const Tensor *weight) {
    if (weight->rank == 1) return weight->dims[0];
    int64_t product = 1;
    for (int i = 1; i < weight->rank; i++) product *= weight->dims[i];
    return product;
}

static Param *find_param(const Generator *g, const char *path) {
    size_t low = 0, high = g->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(path, g->params[middle].path);
        if (order == 0) return &g->params[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

/* The first contraction that reads a parameter decides its fan-in; where none does, because a pass
 * put something between, it is taken to be in PyTorch's order, [out, in, ...]. */
static void note_uses(const Generator *g, const Graph *graph) {
    graph_each(graph, node) {
        if (node->body) note_uses(g, node->body);
        for (int i = 0; i < node->noperands; i++) {
            if (!value_is_op(node->operands[i], OP_param)) continue;
            Param *param = find_param(g, param_path(node->operands[i]->def));
            if (param->fan_in == 0) param->fan_in = fan_in_of_use(node, i, &param->tensor);
        }
    }
}

/* ---- values ---------------------------------------------------------------------------------- */

static double element(const Param *p, double deviation, uint64_t i) {
    switch (p->role) {
    case ROLE_WEIGHT: return normal(p->key, i) * deviation;
    case ROLE_SCALE: return (10 + symmetric(p->key, i)) / 10;
    case ROLE_SHIFT: return symmetric(p->key, i) / 10;
    case ROLE_VARIANCE: return 1 + symmetric(p->key, i) / 2; /* halving is exact */
    }
    unreachable();
}

static void fill_integers(Tensor *tensor, uint64_t key) {
    int64_t count = tensor_elements(tensor);
    bool is_signed = dtype_class(tensor->dtype) == DCLASS_SIGNED;
    int64_t mask = tensor->dtype == DT_bool ? 1 : 15;
    for (int64_t i = 0; i < count; i++)
        tensor_set_int(tensor, i,
                       ((int64_t)(word(key, (uint64_t)i) >> 32) & mask) - (is_signed ? 8 : 0));
}

enum { BLOCK = 1 << 16 }; /* elements that one thread fills */

static void fill_block(void *data, size_t block) {
    Param *p = data;
    Tensor *t = &p->tensor;
    double deviation = sqrt(2.0 / (double)(p->fan_in > 0 ? p->fan_in : 1));
    int64_t begin = (int64_t)block * BLOCK, rest = tensor_elements(t) - begin;
    int64_t end = begin + (rest < BLOCK ? rest : BLOCK);
    for (int64_t i = begin; i < end; i++) tensor_set(t, i, element(p, deviation, (uint64_t)i));
}

static void fill_param(const Generator *g, Param *p) {
    Tensor *t = &p->tensor;
    t->data = arena_alloc(g->arena, t->bytes);
    if (dtype_is_float(t->dtype))
        workers_run(g->module->workers, fill_block, p, (size_t)ceil_div(tensor_elements(t), BLOCK));
    else
        fill_integers(t, p->key);
}

static bool generate(void *self, const char *path, Tensor *tensor) {
    const Generator *g = self;
    Param *p = find_param(g, path);
    if (!p || !p->is_static) return false;
    if (!p->tensor.data) fill_param(g, p);
    *tensor = p->tensor;
    return true;
}

void params_random(Graph *graph, uint64_t seed) {
    Arena *arena = graph->module->arena;
    Generator *g = arena_new(arena, Generator);
    g->module = graph->module;
    g->arena = arena;
    const Node **nodes = graph_params(graph, arena, &g->count);
    g->params = arena_array(arena, Param, g->count);
    for (size_t i = 0; i < g->count; i++) {
        const TensorType *type = &nodes[i]->results[0]->type;
        const char *path = param_path(nodes[i]);
        Param *p = &g->params[i];
        int64_t dims[MAX_RANK] = {0};
        p->path = path;
        p->key = hash_bytes(path, strlen(path), seed);
        p->role = role_of(path, type->rank);
        p->is_static = type_static_dims(type, dims) &&
                       tensor_shape(&p->tensor, type->dtype, type->rank, dims, 0);
    }
    note_uses(g, graph);
    for (size_t i = 0; i < g->count; i++) {
        Param *p = &g->params[i];
        if (p->fan_in == 0) p->fan_in = fan_in_of_shape(&p->tensor);
    }
    graph->module->params = (ParamSource){generate, g};
}

void tensor_random(Tensor *tensor, uint64_t seed, const char *key) {
    uint64_t hash = hash_bytes(key, strlen(key), seed);
    if (!dtype_is_float(tensor->dtype)) {
        fill_integers(tensor, hash);
        return;
    }
    int64_t count = tensor_elements(tensor);
    for (int64_t i = 0; i < count; i++) tensor_set(tensor, i, normal(hash, (uint64_t)i));
}
