/* Names of kernels: OPERATORS_SHAPE[_DETAILS][_TYPE], e.g.
 *
 *   conv2d_n1_64x56x56_k3x3s1_c64    anchor, batch, result, kernel and stride, input channels
 *   dense_Nx10_k320                  anchor, result, length of the sums
 *   add_relu_1x64x56x56              the body's operators, result
 *   reduce_mean_1x512_f16            types other than f32 are named
 *
 * C identifiers: whatever a symbolic dimension is made of but letters and digits becomes '_'.
 * Kernels that differ in what the name leaves out get a number behind it (lprogram_call). */
#include "codegen/lower/kernel.h"

#include <ctype.h>
#include <string.h>

enum { MOST_OPERATORS = 4 };

static void append_dim(StrBuf *s, DimContext *ctx, Dim d) {
    StrBuf text = {0};
    dim_print(ctx, d, &text);
    bool gap = false;
    for (const char *c = str_text(&text); *c; c++) {
        if (isalnum((unsigned char)*c)) {
            if (gap) str_putc(s, '_');
            str_putc(s, *c);
        }
        gap = !isalnum((unsigned char)*c) && s->len > 0;
    }
    str_free(&text);
}

static void append_shape(StrBuf *s, DimContext *ctx, int count, const Dim *dims) {
    for (int i = 0; i < count; i++) {
        if (i) str_putc(s, 'x');
        append_dim(s, ctx, dims[i]);
    }
}

/* Operators of the body below value, operands first. */
typedef struct OperatorNames {
    const Job *job;
    StrBuf *out;
    int count;
} OperatorNames;

static void append_operators(OperatorNames *n, const Value *value) {
    bool leaf = value != n->job->root && lowering_tensor(n->job->l, value);
    if (leaf || !value->def || value->def->op == OP_const) return;
    int *seen = lowering_note(n->job->l, value);
    if (*seen) return;
    *seen = true;
    for (int i = 0; i < value->def->noperands; i++) append_operators(n, value->def->operands[i]);
    if (n->count++ < MOST_OPERATORS) str_printf(n->out, "%s_", op_info(value->def->op)->name);
}

static void append_conv(StrBuf *s, DimContext *ctx, const Value *v) {
    const Attr *stride = node_attr(v->def, "stride");
    const Dim *weight = v->def->operands[1]->type.dims;
    str_append(s, "n");
    append_dim(s, ctx, v->type.dims[0]);
    str_putc(s, '_');
    append_shape(s, ctx, 3, v->type.dims + 1);
    str_append(s, "_k");
    append_shape(s, ctx, 2, weight + 2);
    str_printf(s, "s%lld_c", (long long)stride->ints[0]);
    append_dim(s, ctx, weight[1]);
    int64_t groups = node_int(v->def, "groups");
    if (groups > 1) str_printf(s, "_g%lld", (long long)groups);
}

static void append_anchor(StrBuf *s, DimContext *ctx, const Value *v) {
    const Value *x = v->def->operands[0];
    switch (v->def->op) {
    case OP_conv2d: append_conv(s, ctx, v); return;
    case OP_dense:
    case OP_matmul:
        append_shape(s, ctx, v->type.rank, v->type.dims);
        str_append(s, "_k");
        append_dim(s, ctx, x->type.dims[x->type.rank - 1]);
        return;
    case OP_max_pool2d:
    case OP_avg_pool2d: {
        const Attr *kernel = node_attr(v->def, "kernel");
        append_shape(s, ctx, v->type.rank, v->type.dims);
        str_printf(s, "_k%lldx%lld", (long long)kernel->ints[0], (long long)kernel->ints[1]);
        return;
    }
    default: append_shape(s, ctx, x->type.rank, x->type.dims);
    }
}

const char *kernel_name(const Job *job) {
    StrBuf s = {0};
    DimContext *ctx = job->l->dims;
    if (job->anchor) {
        str_printf(&s, "%s_", job->family ? job->family : op_info(job->anchor->def->op)->name);
        append_anchor(&s, ctx, job->anchor);
    } else {
        OperatorNames names = {.job = job, .out = &s};
        lowering_walk(job->l);
        append_operators(&names, job->root);
        append_shape(&s, ctx, job->root->type.rank, job->root->type.dims);
    }
    if (job->root->type.dtype != DT_f32) str_printf(&s, "_%s", dtype_name(job->root->type.dtype));
    while (s.len > 0 && s.data[s.len - 1] == '_') s.data[--s.len] = '\0';
    const char *name = arena_strdup(job->l->arena, str_text(&s));
    str_free(&s);
    return name;
}
