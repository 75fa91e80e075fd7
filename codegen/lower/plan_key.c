#include "codegen/lower/plan_key.h"

#include <string.h>

/* Expressions longer than this differ by their beginning alone. */
enum { MOST_NODES = 48 };

typedef struct KeyText {
    const Job *job;
    const Contraction *c;
    DimContext *dims;
    StrBuf *out;
    int nodes;
} KeyText;

static void append_type(const KeyText *t, const TensorType *type) {
    type_print(t->dims, type, t->out);
}

static bool is_in_memory(const KeyText *t, const Value *value) {
    return value != t->job->root && lowering_tensor(t->job->l, value) != NULL;
}

/* Where elements only change place the type says where to. */
static bool shows_type(const Node *node) {
    return op_info(node->op)->family == FAMILY_MOVEMENT || node->op == OP_relayout;
}

static void append_value(KeyText *t, const Value *value) {
    if (value == t->job->anchor) {
        str_append(t->out, "@");
    } else if (t->job->l->immediates[value->id]) {
        str_append(t->out, "constant");
    } else if (is_in_memory(t, value) || !value->def || value->def->op == OP_const) {
        append_type(t, &value->type);
    } else if (++t->nodes > MOST_NODES) {
        str_append(t->out, "...");
    } else {
        const Node *node = value->def;
        str_printf(t->out, "%s(", op_info(node->op)->name);
        for (int i = 0; i < node->noperands; i++) {
            if (i) str_append(t->out, ", ");
            append_value(t, node->operands[i]);
        }
        str_append(t->out, ")");
        if (shows_type(node)) append_type(t, &value->type);
    }
}

static void append_index(const KeyText *t, const AffineIndex *index) {
    const char *plus = "";
    for (int i = 0; i < index->nterms; i++) {
        str_append(t->out, plus);
        if (index->terms[i].scale != 1)
            str_printf(t->out, "%lld*", (long long)index->terms[i].scale);
        str_append(t->out, t->c->axes[index->terms[i].axis].name);
        plus = "+";
    }
    if (index->offset || index->nterms == 0)
        str_printf(t->out, "%s%lld", plus, (long long)index->offset);
    if (index->may_leave) str_append(t->out, "?");
}

static void append_operand(KeyText *t, const Access *access) {
    append_value(t, access->value);
    str_append(t->out, "[");
    for (int i = 0; i < access->value->type.rank; i++) {
        if (i) str_append(t->out, ", ");
        append_index(t, &access->index[i]);
    }
    str_append(t->out, "]");
}

static void append_axes(const KeyText *t, bool reduced) {
    for (int i = 0; i < t->c->naxes; i++) {
        if (t->c->axes[i].reduced != reduced) continue;
        str_printf(t->out, " %s=", t->c->axes[i].name);
        dim_print(t->dims, t->c->axes[i].extent, t->out);
    }
}

const char *plan_key(const Job *job, const Contraction *c) {
    static const char *const combines[] = {[COMBINE_DOT] = "dot",
                                           [COMBINE_SUM] = "sum",
                                           [COMBINE_PRODUCT] = "product",
                                           [COMBINE_MIN] = "min",
                                           [COMBINE_MAX] = "max"};
    StrBuf text = {0};
    KeyText t = {.job = job, .c = c, .dims = job->l->dims, .out = &text};
    str_printf(&text, "%s %s", combines[c->combine], dtype_name(c->dtype));
    append_axes(&t, false);
    str_append(&text, " over");
    append_axes(&t, true);
    for (int i = 0; i < c->noperands; i++) {
        str_append(&text, i ? " * " : " : ");
        append_operand(&t, &c->operands[i]);
    }
    str_append(&text, " : ");
    append_value(&t, job->root);
    str_append(&text, " ");
    append_type(&t, &job->root->type);
    const char *copy = arena_strdup(job->l->arena, str_text(&text));
    str_free(&text);
    return copy;
}
