/* Converting what the source gives to the attributes that operators take. */
#include "frontend/elaborate.h"

#include <inttypes.h>
#include <string.h>

/* Lists of windows, which one number fills. Operators that give no default list are looked up here
 * by name. */
static const struct {
    const char *name;
    int count;
} window_lists[] = {{"kernel", 2}, {"stride", 2}, {"dilation", 2}, {"pad", 4}};

/* How many integers the list must have; 0: any number. */
static int fixed_count(const AttrSpec *spec) {
    if (spec->initial.count > 0) return spec->initial.count;
    for (size_t i = 0; i < COUNT_OF(window_lists); i++)
        if (strcmp(window_lists[i].name, spec->initial.name) == 0) return window_lists[i].count;
    return 0;
}

typedef struct Conversion {
    Elab *e;
    const char *callee;
    const AttrSpec *spec;
    Val value;
    const Expr *source;
    Span span;
} Conversion;

static bool expected(const Conversion *c, const char *what) {
    const char *hint = c->value.kind == VAL_DIM ? elab_bind_hint(c->e, c->value.dim) : "";
    diag_error(c->e->diag, c->span, "'%s' of '%s' must be %s, found %s%s", c->spec->initial.name,
               c->callee, what, elab_describe(c->e, c->value), hint);
    return false;
}

/* ---- lists ---- */

static bool is_pad(const AttrSpec *spec) {
    return strcmp(spec->initial.name, "pad") == 0;
}

static bool wrong_item(const Conversion *c, int i, const char *what) {
    diag_error(c->e->diag, elab_item_source(c->source, i)->span, "'%s' of '%s' takes %s, found %s",
               c->spec->initial.name, c->callee, what, elab_describe(c->e, val_item(c->value, i)));
    return false;
}

static bool take_items(const Conversion *c, int64_t *items, int count) {
    for (int i = 0; i < count; i++) {
        Val item = val_item(c->value, i);
        if (item.kind != VAL_INT) return wrong_item(c, i, "integers");
        items[i] = item.i;
    }
    return true;
}

static bool wrong_count(const Conversion *c, int count) {
    return expected(c, elab_printf(c->e, "a number or a list of %s%d integers",
                                   is_pad(c->spec) ? "2 or " : "", count));
}

static bool to_ints(const Conversion *c, Attr *out) {
    int count = fixed_count(c->spec);
    if (c->value.kind == VAL_INT) {
        int64_t *items = arena_array(c->e->arena, int64_t, (size_t)(count ? count : 1));
        for (int i = 0; i < (count ? count : 1); i++) items[i] = c->value.i;
        *out = attr_ints(out->name, count ? count : 1, items);
        return true;
    }
    if (is_pad(c->spec) && c->value.kind == VAL_STRING && strcmp(c->value.s, "same") == 0) {
        *out = attr_string(out->name, "same");
        return true;
    }
    int64_t length = val_length(c->value);
    if (length < 0) return count ? wrong_count(c, count) : expected(c, "a list of integers");
    bool halves = is_pad(c->spec) && count > 0 && 2 * length == count;
    if (length > MAX_LIST_ITEMS || (count > 0 && length != count && !halves))
        return wrong_count(c, count);
    int64_t *items = arena_array(c->e->arena, int64_t, (size_t)(2 * length + 1));
    if (!take_items(c, items, (int)length)) return false;
    if (halves)
        memcpy(items + length, items,
               (size_t)length * sizeof(*items)); /* [h, w]: both ends alike */
    *out = attr_ints(out->name, halves ? count : (int)length, items);
    return true;
}

static bool to_dim(const Conversion *c, Attr *out) {
    if (c->value.kind != VAL_INT && c->value.kind != VAL_DIM) return expected(c, "a size");
    Dim *dim = arena_new(c->e->arena, Dim);
    bool known = c->value.kind == VAL_INT;
    *dim = known ? dim_int(c->e->module->dims, c->value.i) : c->value.dim;
    *out = attr_dim(out->name, dim);
    return *dim || expected(c, "a size");
}

static bool to_dims(const Conversion *c, Attr *out) {
    bool single = c->value.kind == VAL_INT || c->value.kind == VAL_DIM;
    int64_t length = single ? 1 : val_length(c->value);
    if (length < 0) return expected(c, "a list of sizes");
    if (length > MAX_RANK)
        return expected(c, elab_printf(c->e, "a list of at most %d sizes", MAX_RANK));
    Dim *dims = arena_array(c->e->arena, Dim, (size_t)length);
    for (int i = 0; i < length; i++) {
        Val item = single ? c->value : val_item(c->value, i);
        if (item.kind != VAL_INT && item.kind != VAL_DIM) return wrong_item(c, i, "sizes");
        dims[i] = item.kind == VAL_DIM ? item.dim : dim_int(c->e->module->dims, item.i);
    }
    *out = attr_dims(out->name, (int)length, dims);
    return true;
}

/* ---- any attribute ---- */

static bool convert(const Conversion *c, Attr *out) {
    Val v = c->value;
    const char *name = out->name;
    switch (c->spec->initial.kind) {
    case ATTR_INT:
        if (v.kind != VAL_INT) return expected(c, "an integer");
        *out = attr_int(name, v.i);
        return true;
    case ATTR_FLOAT:
        if (!val_is_number(v)) return expected(c, "a number");
        *out = attr_float(name, val_number(v));
        return true;
    case ATTR_BOOL:
        if (v.kind != VAL_BOOL) return expected(c, "true or false");
        *out = attr_bool(name, v.i != 0);
        return true;
    case ATTR_STRING:
        if (v.kind != VAL_STRING) return expected(c, "a text");
        *out = attr_string(name, v.s);
        return true;
    case ATTR_DTYPE:
        if (v.kind != VAL_DTYPE) return expected(c, "an element type");
        *out = attr_dtype(name, v.dtype);
        return true;
    case ATTR_INTS: return to_ints(c, out);
    case ATTR_DIM: return to_dim(c, out);
    case ATTR_DIMS: return to_dims(c, out);
    case ATTR_LAYOUT:
    case ATTR_NONE: break;
    }
    unreachable(); /* operator_callable() keeps layouts out */
}

bool convert_attributes(Elab *e, const CallSite *call, const Signature *signature,
                        const Actual *actuals, Attr *attrs) {
    bool sound = true;
    for (int i = 0; i < signature->nattrs; i++) {
        const AttrSpec *spec = &signature->attrs[i];
        const Actual *actual = &actuals[signature->noperands + i];
        attrs[i] = spec->initial;
        if (!actual->arg) continue;
        Conversion conversion = {e,           call->callee, spec, actual->value, actual->arg->value,
                                 actual->span};
        sound = convert(&conversion, &attrs[i]) && sound;
    }
    return sound;
}

/* ---- same ---- */

bool same_pad(Elab *e, Span span, const TensorType *x, const int64_t kernel[2],
              const int64_t stride[2], const int64_t dilation[2], int64_t pad[4]) {
    for (int axis = 0; axis < 2 && x->rank >= 2; axis++) {
        Dim size = x->dims[x->rank - 2 + axis];
        int64_t reach, needed, in = 0, last = 0;
        if (stride[axis] != 1 && !dim_is_int(size, &in)) {
            diag_error(e->diag, span, "pad=\"same\" with a stride needs a known size, found %s%s",
                       elab_type_text(e, x), elab_bind_hint(e, size));
            return false;
        }
        /* With stride 1 every position is kept: the window's reach is what is missing. */
        if (stride[axis] > 1) last = in > 0 ? (in - 1) / stride[axis] * stride[axis] + 1 - in : 0;
        bool fits = checked_sub(kernel[axis], 1, &reach) &&
                    checked_mul(reach, dilation[axis], &reach) && checked_add(reach, last, &needed);
        if (!fits || needed < 0) needed = 0; /* the type rule says what is wrong with the window */
        pad[axis] = needed / 2;
        pad[axis + 2] = needed - needed / 2;
    }
    return true;
}

bool same_pad_transposed(Elab *e, Span span, const int64_t kernel[2], const int64_t stride[2],
                         const int64_t dilation[2], const int64_t output_pad[2], int64_t pad[4]) {
    for (int axis = 0; axis < 2; axis++) {
        int64_t reach, cut;
        bool fits = checked_sub(kernel[axis], 1, &reach) &&
                    checked_mul(reach, dilation[axis], &reach) && checked_add(reach, 1, &reach) &&
                    checked_sub(reach, stride[axis], &cut) &&
                    checked_add(cut, output_pad[axis], &cut);
        if (fits && cut < 0) {
            diag_error(e->diag, span,
                       "pad=\"same\" needs a kernel that reaches as far as the stride: %" PRId64
                       " with a stride of %" PRId64 " leaves gaps that output_pad can fill",
                       kernel[axis], stride[axis]);
            return false;
        }
        if (!fits) cut = 0; /* the type rule says what is wrong with the window */
        pad[axis] = cut / 2;
        pad[axis + 2] = cut - cut / 2;
    }
    return true;
}
