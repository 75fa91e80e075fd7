/* Values of expressions: lists, equality, text. */
#include "frontend/value.h"

#include <inttypes.h>
#include <string.h>

Val val_dim(Dim dim) {
    int64_t number;
    if (dim_is_int(dim, &number)) return val_int(number);
    return (Val){.kind = VAL_DIM, .dim = dim};
}

Val val_list(Arena *arena, size_t count, const Val *items) {
    ValList *list = arena_new(arena, ValList);
    list->count = count;
    list->items = arena_array(arena, Val, count);
    if (count > 0) memcpy(list->items, items, count * sizeof(Val));
    return (Val){.kind = VAL_LIST, .list = list};
}

int64_t val_length(Val v) {
    if (v.kind == VAL_LIST) return (int64_t)v.list->count;
    if (v.kind != VAL_RANGE) return -1;
    return v.range.end > v.range.begin ? v.range.end - v.range.begin : 0;
}

Val val_item(Val v, int64_t index) {
    require(index >= 0 && index < val_length(v));
    return v.kind == VAL_LIST ? v.list->items[index] : val_int(v.range.begin + index);
}

static bool lists_equal(Val a, Val b) {
    if (val_length(a) != val_length(b)) return false;
    for (int64_t i = 0; i < val_length(a); i++)
        if (!val_equal(val_item(a, i), val_item(b, i))) return false;
    return true;
}

bool val_equal(Val a, Val b) {
    if (val_is_number(a) && val_is_number(b))
        return a.kind == VAL_INT && b.kind == VAL_INT ? a.i == b.i : val_number(a) == val_number(b);
    if (val_length(a) >= 0 && val_length(b) >= 0) return lists_equal(a, b);
    if (a.kind != b.kind) return false;
    switch (a.kind) {
    case VAL_BOOL: return a.i == b.i;
    case VAL_STRING: return strcmp(a.s, b.s) == 0;
    case VAL_DTYPE: return a.dtype == b.dtype;
    case VAL_DIM: return a.dim == b.dim;
    case VAL_TENSOR: return a.tensor == b.tensor;
    default: return false;
    }
}

bool val_text(const DimContext *dims, Val v, StrBuf *out) {
    switch (v.kind) {
    case VAL_INT: str_printf(out, "%" PRId64, v.i); return true;
    case VAL_FLOAT: str_append_double(out, v.f, false); return true;
    case VAL_BOOL: str_append(out, v.i ? "true" : "false"); return true;
    case VAL_STRING: str_append(out, v.s); return true;
    case VAL_DTYPE: str_append(out, dtype_name(v.dtype)); return true;
    case VAL_DIM: dim_print(dims, v.dim, out); return true;
    default: return false;
    }
}
