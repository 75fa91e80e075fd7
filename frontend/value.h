/* What an expression of the source yields: a compile-time value or a tensor of the graph. */
#ifndef NNC_FRONTEND_VALUE_H
#define NNC_FRONTEND_VALUE_H

#include "ir/graph.h"

typedef enum ValKind {
    VAL_ERROR, /* was reported */
    VAL_INT,
    VAL_FLOAT,
    VAL_BOOL,
    VAL_STRING,
    VAL_DTYPE,
    VAL_DIM, /* a size that has symbols; constant ones are VAL_INT */
    VAL_RANGE,
    VAL_LIST,
    VAL_TENSOR,
} ValKind;

typedef struct Val Val;
typedef struct ValList {
    size_t count;
    Val *items;
} ValList;

struct Val {
    ValKind kind;
    union {
        int64_t i; /* int, bool */
        double f;
        const char *s;
        DType dtype;
        Dim dim;
        const ValList *list;
        Value *tensor;
        struct {
            int64_t begin, end;
        } range;
    };
};

static inline Val val_error(void) {
    return (Val){.kind = VAL_ERROR};
}
static inline Val val_int(int64_t i) {
    return (Val){.kind = VAL_INT, .i = i};
}
static inline Val val_float(double f) {
    return (Val){.kind = VAL_FLOAT, .f = f};
}
static inline Val val_bool(bool b) {
    return (Val){.kind = VAL_BOOL, .i = b};
}
static inline Val val_string(const char *s) {
    return (Val){.kind = VAL_STRING, .s = s};
}
static inline Val val_dtype(DType dtype) {
    return (Val){.kind = VAL_DTYPE, .dtype = dtype};
}
static inline Val val_tensor(Value *tensor) {
    return (Val){.kind = VAL_TENSOR, .tensor = tensor};
}
static inline Val val_range(int64_t begin, int64_t end) {
    return (Val){.kind = VAL_RANGE, .range = {begin, end}};
}
/* VAL_INT where the polynomial is a number. */
Val val_dim(Dim dim);
Val val_list(Arena *arena, size_t count, const Val *items); /* items are copied */

static inline bool val_is_number(Val v) {
    return v.kind == VAL_INT || v.kind == VAL_FLOAT;
}
static inline bool val_is_literal(Val v) {
    return val_is_number(v) || v.kind == VAL_BOOL;
}
static inline double val_number(Val v) {
    return v.kind == VAL_INT ? (double)v.i : v.f;
}
/* How many items a list or range has; -1: it is neither. */
int64_t val_length(Val v);
Val val_item(Val v, int64_t index); /* within bounds */
bool val_equal(Val a, Val b);
/* As it appears in a string: numbers, strings, types; false for lists and tensors. */
bool val_text(const DimContext *dims, Val v, StrBuf *out);

#endif
