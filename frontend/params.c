/* Binding a network's parameters to a file of weights. */
#include <stdlib.h>
#include <string.h>

#include "frontend/dataio_private.h"

typedef struct Binder {
    Graph *graph;
    const TensorFile *file;
    const char *path;
    Diag *diag;
    Arena *scratch;
    const Node **params; /* one a path, in path order */
    size_t nparams;
    const Tensor **found; /* of each parameter; null: missing */
    bool *used;           /* by index in the file */
    StrBuf faults;        /* one line for each parameter that is missing or differs */
    size_t nfaults;
} Binder;

/* ---- the parameters of a network ------------------------------------------------------------- */

static int by_path(const void *a, const void *b) {
    return strcmp(param_path(*(const Node *const *)a), param_path(*(const Node *const *)b));
}

typedef const Node *NodeRef;
typedef VEC(NodeRef) NodeList;

static void gather_params(Arena *arena, NodeList *params, const Graph *graph) {
    graph_each(graph, node) {
        if (node->body) gather_params(arena, params, node->body);
        if (node->op == OP_param) vec_push(arena, params, node);
    }
}

const char *param_path(const Node *node) {
    return node_attr(node, "name")->s;
}

const Node **graph_params(const Graph *graph, Arena *arena, size_t *count) {
    NodeList params = {0};
    gather_params(arena, &params, graph);
    if (params.len > 0) qsort(params.data, params.len, sizeof params.data[0], by_path);
    *count = 0;
    for (size_t i = 0; i < params.len; i++)
        if (*count == 0 || by_path(&params.data[*count - 1], &params.data[i]) != 0)
            params.data[(*count)++] = params.data[i];
    return params.data;
}

/* ---- matching -------------------------------------------------------------------------------- */

static bool fits(const Tensor *tensor, const TensorType *type) {
    int64_t dims[MAX_RANK];
    return tensor->dtype == type->dtype && tensor->rank == type->rank &&
           type_static_dims(type, dims) &&
           memcmp(dims, tensor->dims, (size_t)type->rank * sizeof dims[0]) == 0;
}

static void match_param(Binder *b, size_t index) {
    const Node *node = b->params[index];
    const TensorType *type = &node->results[0]->type;
    const char *name = param_path(node),
               *text = type_text(b->graph->module->dims, b->scratch, type);
    const Tensor *tensor = tensor_file_find(b->file, name);
    b->found[index] = tensor;
    if (tensor) b->used[tensor - b->file->tensors] = true;
    if (tensor && fits(tensor, type)) return;
    b->nfaults++;
    if (tensor) {
        str_printf(&b->faults, "\n  %s is %s in the network, %s in the file", name, text,
                   tensor_type_text(b->scratch, tensor));
        return;
    }
    str_printf(&b->faults, "\n  %s %s is missing", name, text);
    /* A proposal costs a look at every name of the file: for the first few only. */
    const char *meant = b->nfaults <= 8 ? diag_suggest(name, b->file->names, b->file->count) : 0;
    if (meant) str_printf(&b->faults, "; did you mean '%s'?", meant);
}

static bool has_prefix(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* What no network uses: PyTorch's counters of batches, and stored test data. */
static bool passed_over(const char *name) {
    const char *last = strrchr(name, '.');
    return strcmp(last ? last + 1 : name, "num_batches_tracked") == 0 || has_prefix(name, "in.") ||
           has_prefix(name, "out.");
}

static bool same_tensor(const Tensor *t, const Tensor *u) {
    if (u->dtype != t->dtype || u->rank != t->rank) return false;
    if (memcmp(u->dims, t->dims, (size_t)t->rank * sizeof t->dims[0]) != 0) return false;
    /* Vectors are alike by chance too, as biases of 0. */
    return u->data == t->data || (t->rank > 1 && memcmp(u->data, t->data, t->bytes) == 0);
}

/* Whether the network uses the tensor by another name: tied weights, stored under each. */
static bool is_second_name(const Binder *b, const Tensor *tensor) {
    for (size_t i = 0; i < b->nparams; i++)
        if (b->found[i] && same_tensor(b->found[i], tensor)) return true;
    return false;
}

static bool report_leftovers(const Binder *b, ExtraWeights extra) {
    enum { SHOWN = 8 };
    StrBuf list = {0};
    size_t count = 0;
    for (size_t i = 0; i < b->file->count; i++) {
        if (b->used[i] || passed_over(b->file->names[i]) || is_second_name(b, &b->file->tensors[i]))
            continue;
        if (count < SHOWN) str_printf(&list, "%s%s", count ? ", " : "", b->file->names[i]);
        count++;
    }
    if (count > SHOWN) str_printf(&list, " and %zu more", count - SHOWN);
    if (count > 0) {
        const char *what = count == 1 ? "tensor that the network does not use"
                                      : "tensors that the network does not use";
        if (extra == EXTRA_ERROR)
            diag_error(b->diag, (Span){0}, "'%s' has %zu %s: %s", b->path, count, what,
                       str_text(&list));
        else
            diag_warning(b->diag, (Span){0}, "'%s' has %zu %s: %s", b->path, count, what,
                         str_text(&list));
    }
    str_free(&list);
    return count == 0 || extra == EXTRA_WARN;
}

static bool find_in_file(void *self, const char *path, Tensor *tensor) {
    const Tensor *found = tensor_file_find(self, path);
    if (found) *tensor = *found;
    return found != 0;
}

bool params_from_file(Graph *graph, const TensorFile *file, const char *path, ExtraWeights extra,
                      Diag *diag) {
    Binder b = {
        .graph = graph, .file = file, .path = path, .diag = diag, .scratch = arena_create()};
    b.params = graph_params(graph, b.scratch, &b.nparams);
    b.found = arena_array(b.scratch, const Tensor *, b.nparams);
    b.used = arena_array(b.scratch, bool, file->count);
    for (size_t i = 0; i < b.nparams; i++) match_param(&b, i);
    if (b.nfaults > 0)
        diag_error(diag, (Span){0}, "the weights in '%s' do not fit the network:%s", path,
                   str_text(&b.faults));
    bool ok = report_leftovers(&b, extra) && b.nfaults == 0;
    str_free(&b.faults);
    arena_destroy(b.scratch);
    if (ok) {
        TensorFile *kept =
            arena_new(graph->module->arena, TensorFile); /* the caller's may be on its stack */
        *kept = *file;
        graph->module->params = (ParamSource){find_in_file, kept};
    }
    return ok;
}
