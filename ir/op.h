/* The operator table: what every operator is called, takes, and yields. One row an operator in
 * ops.def.
 *
 * Parser, verifier, printer, shape inference, reference interpreter, importers and docs/ops.md read
 * this table. It holds no fact about any target. */
#ifndef NNC_IR_OP_H
#define NNC_IR_OP_H

#include "ir/type.h"

/* What decides how an operator is lowered. */
typedef enum OpFamily {
    FAMILY_SOURCE,      /* param, const */
    FAMILY_POINTWISE,   /* one result element from the operands' elements at its index, broadcast */
    FAMILY_MOVEMENT,    /* an element is decided by its index: elements only change their place */
    FAMILY_REDUCTION,   /* along whole axes, softmax and argmax among them */
    FAMILY_CONTRACTION, /* sums of products */
    FAMILY_WINDOW,      /* sliding windows without weights */
    FAMILY_SCAN,        /* along one axis, every element from those before it */
    FAMILY_COMPOSITE,   /* rewritten into other operators before lowering */
    FAMILY_FUSION,      /* a body of operators that becomes one kernel */
} OpFamily;

typedef enum OpKind {
#define OP(name, ...) OP_##name,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} OpKind;

typedef enum AttrKind {
    ATTR_NONE,
    ATTR_INT,
    ATTR_FLOAT,
    ATTR_BOOL,
    ATTR_STRING,
    ATTR_INTS, /* list of integers; the language also takes one number where the rule says so */
    ATTR_DIM,  /* one dimension */
    ATTR_DIMS, /* list of dimensions */
    ATTR_DTYPE,
    ATTR_LAYOUT,
} AttrKind;

/* One attribute's value. Which members count follows from kind. */
typedef struct Attr {
    const char *name;
    AttrKind kind;
    int64_t i; /* int, bool */
    double f;
    const char *s;
    int count; /* ints, dims; 1 for a dim */
    const int64_t *ints;
    const Dim *dims;
    DType dtype;
    LayoutRef layout;
} Attr;

static inline Attr attr_int(const char *name, int64_t value) {
    return (Attr){.name = name, .kind = ATTR_INT, .i = value};
}
static inline Attr attr_float(const char *name, double value) {
    return (Attr){.name = name, .kind = ATTR_FLOAT, .f = value};
}
static inline Attr attr_bool(const char *name, bool value) {
    return (Attr){.name = name, .kind = ATTR_BOOL, .i = value};
}
static inline Attr attr_string(const char *name, const char *value) {
    return (Attr){.name = name, .kind = ATTR_STRING, .s = value};
}
/* The lists are copied by the builder. */
static inline Attr attr_ints(const char *name, int count, const int64_t *values) {
    return (Attr){.name = name, .kind = ATTR_INTS, .count = count, .ints = values};
}
/* Like the lists; a pointer, since the table's rows hold no dimension. */
static inline Attr attr_dim(const char *name, const Dim *value) {
    return (Attr){.name = name, .kind = ATTR_DIM, .count = 1, .dims = value};
}
static inline Attr attr_dims(const char *name, int count, const Dim *values) {
    return (Attr){.name = name, .kind = ATTR_DIMS, .count = count, .dims = values};
}
static inline bool attr_has_dims(const Attr *attr) {
    return attr->kind == ATTR_DIM || attr->kind == ATTR_DIMS;
}
static inline Attr attr_dtype(const char *name, DType value) {
    return (Attr){.name = name, .kind = ATTR_DTYPE, .dtype = value};
}
static inline Attr attr_layout(const char *name, LayoutRef value) {
    return (Attr){.name = name, .kind = ATTR_LAYOUT, .layout = value};
}

/* One attribute an operator takes. Without a default it must be given. */
typedef struct AttrSpec {
    Attr initial; /* name, kind and the default's value; a default list is in initial.ints */
    bool required;
    const char *doc;
} AttrSpec;

enum { MAX_OPERANDS = 64, MAX_RESULTS = 64, MAX_ATTRS = 8 };

/* The question a type rule answers: given operands and attributes, which results? */
typedef struct TypeQuery {
    Arena *arena;
    DimContext *dims;
    OpKind op;
    int noperands;
    const TensorType *operands;
    const Attr *attrs;   /* all of the row's attributes, in the row's order, defaults filled in */
    int nresults;        /* set by the rule */
    TensorType *results; /* room for MAX_RESULTS */
    /* On failure: what is wrong, with both shapes, without place and final dot; which operand or
     * attribute to blame (-1: the call as a whole). */
    const char *error;
    int blamed_operand;
    int blamed_attr;
} TypeQuery;

typedef bool TypeRule(TypeQuery *query);

typedef struct OpInfo {
    const char *name;
    OpFamily family;
    /* Names apart by blanks; trailing "?" optional, trailing "..." any number. */
    const char *operands;
    AttrSpec attrs[MAX_ATTRS + 1]; /* ends with kind ATTR_NONE */
    TypeRule *type_rule;
    const char *onnx; /* counterpart, or "" */
    const char *doc;  /* one line */
} OpInfo;

const OpInfo *op_info(OpKind op);
/* False where no operator has that name. */
bool op_from_name(const char *name, OpKind *op);
int op_min_operands(OpKind op);
int op_max_operands(OpKind op); /* MAX_OPERANDS where variadic */
/* Name of operand i ("x", "weight"), for messages; variadic ones all have the same. */
const char *op_operand_name(OpKind op, int i, char buffer[32]);
int op_attr_count(OpKind op);
int op_attr_index(OpKind op, const char *name); /* -1: none */

const char *attr_kind_name(AttrKind kind); /* for messages: "integer", "element type" */

/* Inside a type rule and elsewhere: the attribute of that name; dies if the row has none. */
const Attr *attr_get(OpKind op, const Attr *attrs, const char *name);

/* Checks the number of operands, runs the row's type rule and checks the results' sizes: no
 * dimension is negative or overflows, elements fit int64 and bytes stay below 2^62. attrs and
 * operands are filled in by the caller; for the rule `given` (const, fused) the results too. */
bool op_infer(TypeQuery *query);
/* Why a tensor of that type cannot exist (a negative dimension, a size that overflows), or null. */
const char *type_fault(DimContext *ctx, Arena *arena, const TensorType *type);

/* ---- attributes as every module reads them --------------------------------------------------- */

/* 0 .. rank-1, negative axes counted from the end; -1 where it is out of range. */
int normalize_axis(int64_t axis, int rank);
/* Bit i set: axis i is in the list; an empty list names all. Entries were checked by
 * the type rule. */
uint32_t axes_bits(const Attr *axes, int rank);
/* Index of the first element and number of elements of start:end:step along an axis of size n,
 * bounds clamped as in NumPy; for a symbolic n an end of INT32_MAX and more means "to the end", of
 * INT32_MIN and less "to the beginning". False where a symbolic n leaves them undecided. */
bool slice_axis(DimContext *ctx, Dim n, int64_t start, int64_t end, int64_t step, Dim *first,
                Dim *count);

/* Writes docs/ops.md, generated from the table. */
void op_table_markdown(StrBuf *out);

#endif
