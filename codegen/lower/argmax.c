/* argmax: index of the first largest element along an axis; NaN counts as largest. */
#include "codegen/lower/kernel.h"

typedef struct Search {
    const Value *x;
    int axis, anchor_rank;
    LX index[MAX_RANK];  /* of x; the searched axis is set in the loop */
    LX result[MAX_RANK]; /* of the anchor */
} Search;

static LBuffer *declare_cell(Kernel *k, const char *name, DType type) {
    int64_t one = 1;
    return lb_declare(k->b, name, SPACE_PRIVATE, ltype(type, 1), 1, &one);
}

/* Whether x comes before best: larger, or the first NaN. */
static LX beats(Kernel *k, LX x, LX best) {
    LX larger = lx_binary(k->b, LB_GT, x, best);
    if (!dtype_is_float(x->type.dtype)) return larger;
    LX only_x = lx_binary(k->b, LB_AND, lx_unary(k->b, LU_IS_NAN, x),
                          lx_unary(k->b, LU_NOT, lx_unary(k->b, LU_IS_NAN, best)));
    return lx_binary(k->b, LB_OR, larger, only_x);
}

/* The search at one place of the result. The first element stands as long as nothing beats it; an
 * empty axis gives 0. */
static void emit_search(Kernel *k, Search *s) {
    LX zero = lx_int(k->b, 0);
    DType type = compute_dtype(s->x->type.dtype);
    LBuffer *best = declare_cell(k, "best", type), *where = declare_cell(k, "where", DT_i64);
    lb_store(k->b, where, &zero, zero, NULL);
    lb_store(k->b, best, &zero, zero_of(k, ltype(type, 1)), NULL);
    Loop loop = {.scope = scope_begin(k)};
    loop.loop = lb_for(k->b, LOOP_SERIAL, "i", zero, lx_dim(k->b, s->x->type.dims[s->axis]));
    LX i = s->index[s->axis] = lb_loop_var(k->b, loop.loop);
    LX x = lb_let(k->b, "x", emit_element(k, s->x, s->index));
    LX first = lx_binary(k->b, LB_EQ, i, zero);
    LX better = lx_binary(k->b, LB_OR, first, beats(k, x, lx_load(k->b, best, &zero)));
    better = lb_let(k->b, "better", better);
    lb_store(k->b, where, &zero, lx_select(k->b, better, i, lx_load(k->b, where, &zero)), NULL);
    lb_store(k->b, best, &zero, lx_select(k->b, better, x, lx_load(k->b, best, &zero)), NULL);
    loop_close(k, &loop);
    emit_result(k, s->result, lx_load(k->b, where, &zero));
}

bool lower_argmax(const Job *job) {
    static const char *const names[MAX_RANK] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    Kernel k;
    const Node *node = job->anchor->def;
    Search s = {.x = node->operands[0]};
    const TensorType *type = &s.x->type;
    Dim extents[MAX_RANK];
    LX vars[MAX_RANK];
    int axes[MAX_RANK], count = 0;
    s.axis = normalize_axis(node_int(node, "axis"), type->rank);
    kernel_begin(&k, job->l, job->root, job->anchor, job->uses);
    k.path = job->path;
    k.path_length = job->path_length;
    for (int i = 0; i < type->rank; i++) {
        if (i == s.axis) continue;
        axes[count] = i;
        extents[count++] = type->dims[i];
    }
    int64_t cost = 4 * dim_estimate(k.dims, type->dims[s.axis]);
    Collapsed loops = loops_open(&k, count, extents, names, cost, vars);
    for (int i = 0; i < count; i++) s.index[axes[i]] = vars[i];
    for (int i = 0, to = 0; i < type->rank; i++) {
        if (i != s.axis)
            s.result[to++] = s.index[i];
        else if (node_attr(node, "keepdims")->i)
            s.result[to++] = lx_int(k.b, 0);
    }
    emit_search(&k, &s);
    loops_close(&k, loops);
    emit_border(&k);
    kernel_end(&k, kernel_name(job), "",
               dim_mul(k.dims, type_elements(k.dims, type), dim_int(k.dims, 2)));
    return true;
}
