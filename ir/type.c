/* Tensor types: construction, comparison, broadcasting, text. */
#include "ir/type.h"

TensorType type_make(DType dtype, int rank, const Dim *dims) {
    require(rank >= 0 && rank <= MAX_RANK);
    TensorType type = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++) type.dims[i] = dims[i];
    return type;
}

bool type_same_shape(const TensorType *a, const TensorType *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i]) return false;
    }
    return true;
}

bool type_equal(const TensorType *a, const TensorType *b) {
    return a->dtype == b->dtype && a->layout == b->layout && type_same_shape(a, b);
}

Dim type_elements(DimContext *ctx, const TensorType *type) {
    Dim product = dim_int(ctx, 1);
    for (int i = 0; i < type->rank; i++) product = dim_mul(ctx, product, type->dims[i]);
    return product;
}

bool type_static_dims(const TensorType *type, int64_t dims[MAX_RANK]) {
    for (int i = 0; i < type->rank; i++) {
        if (!dim_is_int(type->dims[i], &dims[i])) return false;
    }
    return true;
}

static void dims_print(const DimContext *ctx, int rank, const Dim *dims, StrBuf *out) {
    str_putc(out, '[');
    for (int i = 0; i < rank; i++) {
        if (i) str_append(out, ", ");
        dim_print(ctx, dims[i], out);
    }
    str_putc(out, ']');
}

void type_print(const DimContext *ctx, const TensorType *type, StrBuf *out) {
    str_append(out, dtype_name(type->dtype));
    dims_print(ctx, type->rank, type->dims, out);
    if (type->layout) {
        str_putc(out, '{');
        layout_print(type->layout, type->rank, out);
        str_putc(out, '}');
    }
}

const char *type_text(const DimContext *ctx, Arena *arena, const TensorType *type) {
    StrBuf text = {0};
    type_print(ctx, type, &text);
    const char *copy = arena_strdup(arena, str_text(&text));
    str_free(&text);
    return copy;
}

const char *dims_text(const DimContext *ctx, Arena *arena, int rank, const Dim *dims) {
    StrBuf text = {0};
    dims_print(ctx, rank, dims, &text);
    const char *copy = arena_strdup(arena, str_text(&text));
    str_free(&text);
    return copy;
}

bool dims_broadcast(DimContext *ctx, int rank_a, const Dim *a, int rank_b, const Dim *b, int *rank,
                    Dim *result) {
    Dim one = dim_int(ctx, 1);
    *rank = rank_a > rank_b ? rank_a : rank_b;
    for (int i = 1; i <= *rank; i++) { /* from the last axis to the first */
        Dim da = i <= rank_a ? a[rank_a - i] : one;
        Dim db = i <= rank_b ? b[rank_b - i] : one;
        if (da != db && !dim_is(da, 1) && !dim_is(db, 1)) return false;
        result[*rank - i] = dim_is(da, 1) ? db : da;
    }
    return true;
}
