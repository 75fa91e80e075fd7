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

/* The search among `steps` elements, `first` and then each `stride` on. The first stands as long as
 * nothing beats it; none at all give 0. Returns the place; the value goes to result where that is
 * not null. */
static LX search(Kernel *k, Search *s, int stride, LX first, LX steps, LBuffer *result,
                 LX const *cell) {
    LX zero = lx_int(k->b, 0);
    DType type = compute_dtype(s->x->type.dtype);
    LBuffer *best = declare_cell(k, "best", type), *where = declare_cell(k, "where", DT_i64);
    lb_store(k->b, where, &zero, zero, NULL);
    lb_store(k->b, best, &zero, zero_of(k, ltype(type, 1)), NULL);
    Loop loop = {.scope = scope_begin(k)};
    loop.loop = lb_for(k->b, LOOP_SERIAL, "i", zero, steps);
    LX step = lb_loop_var(k->b, loop.loop);
    LX i = s->index[s->axis] = lb_let(k->b, "i", lx_add(k->b, lx_muli(k->b, step, stride), first));
    LX x = lb_let(k->b, "x", emit_element(k, s->x, s->index));
    LX is_first = lx_binary(k->b, LB_EQ, step, zero);
    LX better = lx_binary(k->b, LB_OR, is_first, beats(k, x, lx_load(k->b, best, &zero)));
    better = lb_let(k->b, "better", better);
    lb_store(k->b, where, &zero, lx_select(k->b, better, i, lx_load(k->b, where, &zero)), NULL);
    lb_store(k->b, best, &zero, lx_select(k->b, better, x, lx_load(k->b, best, &zero)), NULL);
    loop_close(k, &loop);
    if (result) lb_store(k->b, result, cell, lx_load(k->b, best, &zero), NULL);
    return lx_load(k->b, where, &zero);
}

/* The anchor's index from that of x. */
static void set_result(Kernel *k, Search *s) {
    const Node *node = k->anchor->def;
    for (int i = 0, to = 0; i < s->x->type.rank; i++) {
        if (i != s->axis)
            s->result[to++] = s->index[i];
        else if (node_attr(node, "keepdims")->i)
            s->result[to++] = lx_int(k->b, 0);
    }
}

/* ---- rows by groups of work-items ------------------------------------------------------------ */

/* Puts the better of two work-items' finds into the first one's cells: of equals the earlier. */
static void keep_better(Kernel *k, LBuffer *best, LBuffer *where, LX const *own, LX const *other) {
    LBuilder *b = k->b;
    LX mine = lb_let(b, "mine", lx_load(b, best, own));
    LX theirs = lb_let(b, "theirs", lx_load(b, best, other));
    LX at = lb_let(b, "at", lx_load(b, where, own));
    LX their_place = lb_let(b, "their_place", lx_load(b, where, other));
    LX earlier = lx_binary(b, LB_AND, lx_unary(b, LU_NOT, beats(k, mine, theirs)),
                           lx_binary(b, LB_LT, their_place, at));
    LX better = lb_let(b, "better", lx_binary(b, LB_OR, beats(k, theirs, mine), earlier));
    lb_store(b, best, own, lx_select(b, better, theirs, mine), NULL);
    lb_store(b, where, own, lx_select(b, better, their_place, at), NULL);
}

/* Every work-item has at least one element: a row is as long as a group is wide. */
static void search_by_groups(Kernel *k, Search *s) {
    LBuilder *b = k->b;
    GroupRows rows = group_rows_open(k, &s->x->type, s->axis, s->index);
    LX own[2] = {rows.group.item[1], rows.group.item[0]}, zero = lx_int(b, 0);
    DType type = compute_dtype(s->x->type.dtype);
    LBuffer *best = group_rows_cells(k, &rows, type), *where = group_rows_cells(k, &rows, DT_i64);
    set_result(k, s);
    LX found = search(k, s, rows.items, rows.group.item[0], rows.steps, best, own);
    lb_store(b, where, own, found, NULL);
    lb_barrier(b);
    for (int half = rows.items / 2; half > 0; half /= 2) {
        LX other[2] = {own[0], lx_addi(b, own[1], half)};
        LStmt *branch = lb_if(b, lx_binary(b, LB_LT, own[1], lx_int(b, half)));
        keep_better(k, best, where, own, other);
        lb_end(b, branch);
        lb_barrier(b);
    }
    LStmt *branch = lb_if(b, both(k, rows.exists, lx_binary(b, LB_EQ, own[1], zero)));
    emit_result(k, s->result, lx_load(b, where, own));
    lb_end(b, branch);
    group_close(k, &rows.group);
}

/* Rows of known length that lie in memory side by side, or few ones. */
static bool is_for_groups(const Kernel *k, const Search *s) {
    const TensorType *type = &s->x->type;
    bool along = true;
    for (int i = s->axis + 1; i < type->rank; i++) along = along && dim_is(type->dims[i], 1);
    return dim_is_int(type->dims[s->axis], NULL) &&
           group_shares_rows(k, type, s->axis, along && !type->layout);
}

bool lower_argmax(const Job *job) {
    Kernel k;
    const Node *node = job->anchor->def;
    Search s = {.x = node->operands[0]};
    const TensorType *type = &s.x->type;
    s.axis = normalize_axis(node_int(node, "axis"), type->rank);
    kernel_begin(&k, job->l, job->root, job->anchor, job->uses);
    k.path = job->path;
    k.path_length = job->path_length;
    if (is_for_groups(&k, &s))
        search_by_groups(&k, &s);
    else
        argmax_rows(&k, job, s.x, s.axis);
    emit_border(&k);
    kernel_end(&k, kernel_name(job), "",
               dim_mul(k.dims, type_elements(k.dims, type), dim_int(k.dims, 2)));
    return true;
}
