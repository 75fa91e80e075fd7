/* Type inference: the entry op_infer and what all rules share. */
#include "ir/type_rules.h"

/* ---- faults ---------------------------------------------------------------------------------- */

static void set_error(TypeQuery *q, const char *format, va_list args) {
    StrBuf text = {0};
    str_vprintf(&text, format, args);
    q->error = arena_strdup(q->arena, str_text(&text));
    str_free(&text);
}

bool rule_fail(TypeQuery *q, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set_error(q, format, args);
    va_end(args);
    return false;
}

bool rule_fail_operand(TypeQuery *q, int operand, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set_error(q, format, args);
    va_end(args);
    q->blamed_operand = operand;
    return false;
}

bool rule_fail_attr(TypeQuery *q, const char *attr, const char *format, ...) {
    va_list args;
    va_start(args, format);
    set_error(q, format, args);
    va_end(args);
    q->blamed_attr = op_attr_index(q->op, attr);
    return false;
}

const Attr *rule_attr(TypeQuery *q, const char *name) {
    return attr_get(q->op, q->attrs, name);
}

const char *rule_type_text(TypeQuery *q, int operand) {
    return type_text(q->dims, q->arena, &q->operands[operand]);
}

const char *rule_op_name(const TypeQuery *q) {
    return op_info(q->op)->name;
}

/* ---- results --------------------------------------------------------------------------------- */

bool rule_result(TypeQuery *q, DType dtype, int rank, const Dim *dims, LayoutRef layout) {
    if (rank > MAX_RANK) {
        return rule_fail(q, "'%s' would yield rank %d, and the limit is %d", rule_op_name(q), rank,
                         MAX_RANK);
    }
    for (int i = 0; i < rank; i++) {
        if (!dims[i]) {
            return rule_fail(q, "'%s': the size of the result's dimension %d overflows",
                             rule_op_name(q), i);
        }
    }
    require(q->nresults < MAX_RESULTS);
    TensorType type = type_make(dtype, rank, dims);
    type.layout = layout;
    q->results[q->nresults++] = type;
    return true;
}

static const int64_t max_bytes = INT64_C(1) << 62;

/* Elements in memory: those of the layout's physical axes, padding included. */
static Dim physical_elements(DimContext *ctx, const TensorType *type) {
    if (!type->layout) return type_elements(ctx, type);
    Dim axes[MAX_AXES];
    int count = layout_physical_dims(ctx, type->layout, type->rank, type->dims, axes);
    Dim product = count < 0 ? NULL : dim_int(ctx, 1);
    for (int i = 0; i < count; i++) product = dim_mul(ctx, product, axes[i]);
    return product;
}

const char *type_fault(DimContext *ctx, Arena *arena, const TensorType *type) {
    for (int i = 0; i < type->rank; i++) {
        int64_t least, greatest;
        dim_range(type->dims[i], &least, &greatest);
        if (greatest < 0) {
            return arena_printf(arena, "dimension %d of %s is negative", i,
                                type_text(ctx, arena, type));
        }
    }
    Dim elements = physical_elements(ctx, type);
    int64_t count, bytes;
    bool fits = elements != NULL;
    if (fits && dim_is_int(elements, &count)) {
        fits = checked_mul(count, (int64_t)dtype_bytes(type->dtype), &bytes) && bytes < max_bytes;
    }
    if (fits) return NULL;
    return arena_printf(arena, "the size of %s overflows", type_text(ctx, arena, type));
}

bool op_infer(TypeQuery *q) {
    int least = op_min_operands(q->op), greatest = op_max_operands(q->op);
    q->error = NULL;
    q->blamed_operand = q->blamed_attr = -1;
    if (q->noperands < least || q->noperands > greatest) {
        const char *bounds = least == greatest
                                 ? arena_printf(q->arena, "%d", least)
                                 : arena_printf(q->arena, "%d to %d", least, greatest);
        return rule_fail(q, "'%s' takes %s operand%s, found %d", rule_op_name(q), bounds,
                         greatest == 1 ? "" : "s", q->noperands);
    }
    if (op_info(q->op)->type_rule != type_given) q->nresults = 0;
    if (!op_info(q->op)->type_rule(q)) return false;
    for (int i = 0; i < q->nresults; i++) {
        const char *fault = type_fault(q->dims, q->arena, &q->results[i]);
        if (fault) return rule_fail(q, "'%s': %s", rule_op_name(q), fault);
    }
    return true;
}

/* ---- requirements ---------------------------------------------------------------------------- */

bool rule_needs_float(TypeQuery *q, int operand) {
    if (dtype_is_float(q->operands[operand].dtype)) return true;
    return rule_fail_operand(q, operand,
                             "'%s' expects floating-point elements, found %s (use cast)",
                             rule_op_name(q), rule_type_text(q, operand));
}

bool rule_needs_number(TypeQuery *q, int operand) {
    if (dtype_class(q->operands[operand].dtype) != DCLASS_BOOL) return true;
    return rule_fail_operand(q, operand, "'%s' expects numbers, found %s (use cast)",
                             rule_op_name(q), rule_type_text(q, operand));
}

bool rule_needs_rank(TypeQuery *q, int operand, int least, int greatest) {
    int rank = q->operands[operand].rank;
    if (rank >= least && rank <= greatest) return true;
    char buffer[32];
    const char *name = op_operand_name(q->op, operand, buffer);
    const char *article = least == 8 ? "an" : "a";
    return rule_fail_operand(q, operand, "'%s' expects %s rank-%d%s '%s', found %s",
                             rule_op_name(q), article, least, greatest > least ? " or higher" : "",
                             name, rule_type_text(q, operand));
}

bool rule_needs_same_dtype(TypeQuery *q, int a, int b) {
    if (q->operands[a].dtype == q->operands[b].dtype) return true;
    return rule_fail_operand(q, b,
                             "'%s' needs operands of one element type, found %s and %s (nothing is "
                             "converted implicitly; use cast)",
                             rule_op_name(q), rule_type_text(q, a), rule_type_text(q, b));
}

bool rule_needs_vector(TypeQuery *q, int operand, Dim length, const char *what) {
    const TensorType *type = &q->operands[operand];
    if (type->rank == 1 && type->dims[0] == length) return true;
    char buffer[32];
    return rule_fail_operand(
        q, operand, "'%s' expects '%s' with one element per %s, %s[%s], found %s", rule_op_name(q),
        op_operand_name(q->op, operand, buffer), what, dtype_name(type->dtype),
        dim_text(q->dims, q->arena, length), rule_type_text(q, operand));
}

bool rule_axis(TypeQuery *q, const char *attr, int64_t axis, int rank, int *normalized) {
    *normalized = normalize_axis(axis, rank);
    if (*normalized >= 0) return true;
    if (rank == 0) {
        return rule_fail_attr(q, attr, "'%s' needs an axis, and %s has none", rule_op_name(q),
                              rule_type_text(q, 0));
    }
    return rule_fail_attr(q, attr, "'%s': axis %lld does not exist in %s; axes go from %d to %d",
                          rule_op_name(q), (long long)axis, rule_type_text(q, 0), -rank, rank - 1);
}

/* ---- sources --------------------------------------------------------------------------------- */

/* The results were given by whoever builds the node. */
bool type_given(TypeQuery *q) {
    if (q->nresults >= 1 && q->nresults <= MAX_RESULTS) return true;
    return rule_fail(q, "'%s' needs 1 to %d results, found %d", rule_op_name(q), MAX_RESULTS,
                     q->nresults);
}

bool type_param(TypeQuery *q) {
    const Attr *shape = rule_attr(q, "shape"), *name = rule_attr(q, "name");
    if (name->s[0] == '\0') return rule_fail_attr(q, "name", "a parameter needs a name");
    if (shape->count > MAX_RANK) {
        return rule_fail_attr(q, "shape", "parameter '%s' has rank %d, and the limit is %d",
                              name->s, shape->count, MAX_RANK);
    }
    for (int i = 0; i < shape->count; i++) {
        if (!dim_is_int(shape->dims[i], NULL)) {
            return rule_fail_attr(q, "shape",
                                  "parameter '%s' would have the shape %s, which depends on a "
                                  "symbol; give its value with -bind",
                                  name->s, dims_text(q->dims, q->arena, shape->count, shape->dims));
        }
    }
    return rule_result(q, rule_attr(q, "dtype")->dtype, shape->count, shape->dims, NULL);
}
