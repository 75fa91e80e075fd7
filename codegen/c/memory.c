/* Addresses, loads and stores. */
#include "codegen/c/printer.h"

typedef enum AccessForm {
    FORM_ONE,    /* one element, whatever type elements have */
    FORM_RUN,    /* consecutive elements */
    FORM_GATHER, /* a position for each lane */
} AccessForm;

typedef struct Access {
    AccessForm form;
    const char *array; /* pointer or array */
    Text at;           /* position of the first element; gather: a vector of positions */
} Access;

const Place *c_place_of(Printer *p, const LBuffer *buffer) {
    const Place *place = memo_get(&p->places, buffer);
    if (!place) die("kernel %s: '%s' is no buffer of it", p->kernel->name, buffer->name);
    return place;
}

/* ---- positions ------------------------------------------------------------------------------- */

/* The scalar that all lanes of an index share, or null. */
static LX shared_index(LX x) {
    if (x->type.lanes == 1) return x;
    return x->kind == LX_BROADCAST ? x->args[0] : NULL;
}

/* Elements from one index of an axis to the next. */
static Dim stride_of(Printer *p, const LBuffer *buffer, int axis) {
    Dim stride = dim_int(p->dims, 1);
    for (int i = axis + 1; i < buffer->rank; i++) {
        Dim extent = buffer->fold[i] > 0 ? dim_int(p->dims, buffer->fold[i]) : buffer->dims[i];
        stride = dim_mul(p->dims, stride, extent);
        if (!stride) die("kernel %s: the strides of '%s' overflow", p->kernel->name, buffer->name);
    }
    return stride;
}

static Text folded(Printer *p, const LBuffer *buffer, int axis, LX x, Text index) {
    int64_t fold = buffer->fold[axis];
    int64_t lo, hi;
    if (fold <= 0) return index;
    if (p->function && (fold & (fold - 1)) == 0) {
        return c_text_printf(p, BIND_AND, "%s & %lld", c_text_in(p, index, BIND_UNARY),
                             (long long)(fold - 1));
    }
    lx_range(x, &lo, &hi);
    if (p->function && lo < 0) {
        const char *mod = helper(p->helpers, HELPER_FLOOR_MOD, ltype(DT_i64, 1), SPACE_PRIVATE);
        return c_text_printf(p, BIND_ATOM, "%s(%s, %lld)", mod, index.s, (long long)fold);
    }
    return c_text_printf(p, BIND_PRODUCT, "%s %% %lld", c_text_in(p, index, BIND_PRODUCT),
                         (long long)fold);
}

/* x = rest + constant; rest is null where nothing is left. */
static LX split_constant(LX x, int64_t *constant) {
    if (lx_is_int(x, constant)) return NULL;
    if (x->kind == LX_BINARY && x->binary == LB_ADD && lx_is_int(x->args[1], constant)) {
        return x->args[0];
    }
    *constant = 0;
    return x;
}

typedef struct Position {
    Text sum;
    int64_t constant;
} Position;

static void add_part(Printer *p, Position *position, Text part, Dim stride) {
    int64_t step;
    if (!dim_is_int(stride, &step) || step != 1) {
        part = c_text_binary(p, BIND_PRODUCT, "*", part, c_dim_value(p, stride));
    }
    position->sum = position->sum.s ? c_text_binary(p, BIND_SUM, "+", position->sum, part) : part;
}

static void add_axis(Printer *p, const LBuffer *buffer, int axis, LX index, Position *position) {
    int64_t constant = 0, step;
    LX shared = shared_index(index), rest = shared ? shared : index;
    Dim stride = stride_of(p, buffer, axis);
    if (shared && (buffer->fold[axis] == 0 || lx_is_int(shared, NULL)) &&
        dim_is_int(stride, &step)) {
        rest = split_constant(shared, &constant);
        if (buffer->fold[axis] > 0) constant = floor_mod(constant, buffer->fold[axis]);
        position->constant += constant * step;
    }
    if (rest) add_part(p, position, folded(p, buffer, axis, rest, c_operand(p, rest)), stride);
}

static Text position_text(Printer *p, const LBuffer *buffer, LX const *index, int first) {
    Position position = {0};
    for (int axis = first; axis < buffer->rank; axis++) {
        add_axis(p, buffer, axis, index[axis], &position);
    }
    long long constant = position.constant;
    if (!position.sum.s) return c_text_printf(p, BIND_ATOM, "%lld", constant);
    if (constant == 0) return position.sum;
    return c_text_printf(p, BIND_SUM, "%s %c %lld", c_text_in(p, position.sum, BIND_SUM),
                         constant < 0 ? '-' : '+', constant < 0 ? -constant : constant);
}

/* ---- accesses -------------------------------------------------------------------------------- */

static Access find_access(Printer *p, const LBuffer *buffer, LX const *index) {
    LX list[MAX_AXES], base;
    int last = buffer->rank - 1;
    bool others_shared = true, all_shared = true;
    for (int axis = 0; axis < buffer->rank; axis++) {
        LX shared = shared_index(index[axis]);
        list[axis] = shared ? shared : index[axis];
        if (!shared) all_shared = false;
        if (!shared && axis != last) others_shared = false;
    }
    int first;
    Access access = {.form = FORM_GATHER, .array = c_array_of(p, buffer, index, &first)};
    if (!access.array) die("kernel %s: '%s' is not in memory", p->kernel->name, buffer->name);
    if (all_shared) {
        access.form = FORM_ONE;
    } else if (others_shared && buffer->fold[last] == 0 && lx_is_consecutive(index[last], &base)) {
        access.form = FORM_RUN;
        list[last] = base;
    }
    access.at = position_text(p, buffer, list, first);
    return access;
}

static Text element_address(Printer *p, const Access *access) {
    if (access->at.s[0] == '0' && !access->at.s[1]) return c_text_atom(access->array);
    return c_text_printf(p, BIND_SUM, "%s + %s", access->array, c_text_in(p, access->at, BIND_SUM));
}

/* Private memory holds values; elsewhere 16-bit floats and bools have a form of their own. */
static bool holds_values(const LBuffer *buffer) {
    return buffer->space == SPACE_PRIVATE;
}

/* All lanes of a position that they share, as a vector of positions. */
static const char *spread(Printer *p, const Access *access, int lanes) {
    if (access->form == FORM_GATHER) return access->at.s;
    const char *type = c_value_type(p, ltype(DT_i64, lanes));
    return arena_printf(p->arena, "(%s)(%s)", type, access->at.s);
}

/* ---- loads ----------------------------------------------------------------------------------- */

/* What memory or a channel holds as a value, and the other way. */
static Text decoded(Printer *p, DType dtype, const char *element) {
    const char *form = p->dialect->decode[dtype];
    if (!form) return c_text_atom(element);
    return (Text){arena_printf(p->arena, form, element), dtype == DT_bool ? BIND_EQUAL : BIND_ATOM};
}

static const char *encoded(Printer *p, DType dtype, Text value) {
    const char *form = p->dialect->encode[dtype];
    return form ? arena_printf(p->arena, form, value.s) : value.s;
}

static Text load_element(Printer *p, const LBuffer *buffer, const Access *access) {
    const char *array = access->array, *at = access->at.s;
    DType dtype = holds_values(buffer) ? DT_f32 : buffer->elem.dtype;
    if (dtype == DT_f16 && p->dialect->load_half) {
        return c_text_atom(arena_printf(p->arena, p->dialect->load_half, at, array));
    }
    return decoded(p, dtype, arena_printf(p->arena, "%s[%s]", array, at));
}

static Text load_run(Printer *p, const LBuffer *buffer, const Access *access, LType type) {
    const char *address = element_address(p, access).s, *value = c_value_type(p, type);
    int n = type.lanes;
    DType dtype = holds_values(buffer) && type.dtype != DT_bool ? DT_f32 : type.dtype;
    switch (dtype) {
    case DT_f16:
        return c_text_printf(p, BIND_ATOM, "%s(%s)",
                             helper(p->helpers, HELPER_LOAD, type, buffer->space), address);
    case DT_bf16:
        return c_text_printf(p, BIND_ATOM, "as_%s(convert_uint%d(vload%d(0, %s)) << 16)", value, n,
                             n, address);
    case DT_bool:
        return c_text_printf(p, BIND_ATOM, "convert_%s(vload%d(0, %s) != (%s%d)(0))", value, n,
                             address, c_memory_type(p, DT_bool), n);
    default: return c_text_printf(p, BIND_ATOM, "vload%d(0, %s)", n, address);
    }
}

static Text zero_of(Printer *p, LType type) {
    return dtype_is_float(type.dtype) ? c_literal_float(p, type, 0) : c_literal_int(p, type, 0);
}

static Text load_masked(Printer *p, const LBuffer *buffer, const Access *access, LType type,
                        Text mask, Text other) {
    LSpace space = buffer->space;
    if (access->form == FORM_RUN) {
        const char *name = helper(p->helpers, HELPER_MASKED_LOAD, type, space);
        return c_text_printf(p, BIND_ATOM, "%s(%s, %s, %s)", name, element_address(p, access).s,
                             mask.s, other.s);
    }
    const char *name = helper(p->helpers, HELPER_MASKED_GATHER, type, space);
    return c_text_printf(p, BIND_ATOM, "%s(%s, %s, %s, %s)", name, access->array,
                         spread(p, access, type.lanes), mask.s, other.s);
}

static Text load_vector(Printer *p, LX x, const Access *access) {
    const LBuffer *buffer = x->buffer;
    LType type = x->type;
    if (x->mask) {
        Text mask = c_expr(p, x->mask);
        Text other = x->passthrough ? c_expr(p, x->passthrough) : zero_of(p, type);
        return load_masked(p, buffer, access, type, mask, other);
    }
    if (access->form == FORM_RUN) return load_run(p, buffer, access, type);
    if (access->form == FORM_ONE) {
        Text one = load_element(p, buffer, access);
        if (type.dtype != DT_bool) return c_splat(p, type, one);
        return c_splat(p, type, c_text_printf(p, BIND_COND, "%s ? -1 : 0", one.s));
    }
    const char *name = helper(p->helpers, HELPER_GATHER, type, buffer->space);
    return c_text_printf(p, BIND_ATOM, "%s(%s, %s)", name, access->array, access->at.s);
}

Text c_load(Printer *p, LX x) {
    const LBuffer *buffer = x->buffer;
    const char *slot = c_slot_of(p, buffer, x->args);
    LType type = x->type;
    bool whole = type.lanes == buffer->elem.lanes;
    Access access = {0};
    if (!slot) access = find_access(p, buffer, x->args);
    if (!slot && !whole) return load_vector(p, x, &access);
    Text value = slot ? c_text_atom(slot) : load_element(p, buffer, &access);
    if (!x->mask) return value;
    Text other = x->passthrough ? c_expr(p, x->passthrough) : zero_of(p, type);
    return c_choose(p, type, c_expr(p, x->mask), value, other);
}

/* ---- stores ---------------------------------------------------------------------------------- */

static void store_element(Printer *p, const LBuffer *buffer, const Access *access, Text value) {
    const char *array = access->array, *at = access->at.s;
    DType dtype = holds_values(buffer) ? DT_f32 : buffer->elem.dtype;
    if (dtype == DT_f16 && p->dialect->store_half) {
        c_line(p, "%s", arena_printf(p->arena, p->dialect->store_half, value.s, at, array));
        return;
    }
    c_line(p, "%s[%s] = %s;", array, at, encoded(p, dtype, value));
}

static void store_run(Printer *p, const LBuffer *buffer, const Access *access, LType type,
                      Text value) {
    const char *address = element_address(p, access).s;
    int n = type.lanes;
    DType dtype = holds_values(buffer) && type.dtype != DT_bool ? DT_f32 : type.dtype;
    switch (dtype) {
    case DT_f16:
        c_line(p, "%s(%s, %s);", helper(p->helpers, HELPER_STORE, type, buffer->space), address,
               value.s);
        return;
    case DT_bf16:
        c_line(p, "vstore%d(convert_ushort%d(as_uint%d(%s) >> 16), 0, %s);", n, n, n, value.s,
               address);
        return;
    case DT_bool:
        c_line(p, "vstore%d(convert_%s%d(%s & 1), 0, %s);", n, c_memory_type(p, DT_bool), n,
               c_text_in(p, value, BIND_UNARY), address);
        return;
    default: c_line(p, "vstore%d(%s, 0, %s);", n, value.s, address); return;
    }
}

static void store_vector(Printer *p, const LStmt *s, const Access *access, Text value) {
    const LBuffer *buffer = s->buffer;
    LType type = s->value->type;
    if (access->form == FORM_RUN && !s->mask) {
        store_run(p, buffer, access, type, value);
        return;
    }
    const char *mask = s->mask ? arena_printf(p->arena, "%s, ", c_expr(p, s->mask).s) : "";
    if (access->form == FORM_RUN) {
        c_line(p, "%s(%s, %s%s);", helper(p->helpers, HELPER_MASKED_STORE, type, buffer->space),
               element_address(p, access).s, mask, value.s);
        return;
    }
    HelperKind kind = s->mask ? HELPER_MASKED_SCATTER : HELPER_SCATTER;
    c_line(p, "%s(%s, %s, %s%s);", helper(p->helpers, kind, type, buffer->space), access->array,
           spread(p, access, type.lanes), mask, value.s);
}

static void store_whole(Printer *p, const LStmt *s, const char *slot, const Access *access) {
    LType type = s->value->type;
    Text value = c_expr(p, s->value);
    if (s->mask && type.lanes > 1) {
        Text old = slot ? c_text_atom(slot) : load_element(p, s->buffer, access);
        value = c_choose(p, type, c_expr(p, s->mask), value, old);
    } else if (s->mask) {
        c_open_block(p, arena_printf(p->arena, "if (%s)", c_expr(p, s->mask).s));
    }
    if (slot) {
        c_line(p, "%s = %s;", slot, value.s);
    } else {
        store_element(p, s->buffer, access, value);
    }
    if (s->mask && type.lanes == 1) c_close_block(p, "");
}

void c_store(Printer *p, const LStmt *s) {
    const char *slot = c_slot_of(p, s->buffer, s->index);
    Access access = {0};
    if (!slot) access = find_access(p, s->buffer, s->index);
    if (slot || s->value->type.lanes == s->buffer->elem.lanes) {
        store_whole(p, s, slot, &access);
    } else {
        store_vector(p, s, &access, c_expr(p, s->value));
    }
}

/* ---- channels -------------------------------------------------------------------------------- */

Text c_fifo_read(Printer *p, LX x) {
    if (!p->dialect->fifo_read)
        die("kernel %s: %s has no channels", p->kernel->name, p->dialect->name);
    const char *name = c_place_of(p, x->buffer)->name;
    return decoded(p, x->buffer->elem.dtype, arena_printf(p->arena, p->dialect->fifo_read, name));
}

void c_fifo_write(Printer *p, const LStmt *s) {
    if (!p->dialect->fifo_write)
        die("kernel %s: %s has no channels", p->kernel->name, p->dialect->name);
    const char *name = c_place_of(p, s->buffer)->name;
    const char *value = encoded(p, s->buffer->elem.dtype, c_expr(p, s->value));
    c_line(p, "%s", arena_printf(p->arena, p->dialect->fifo_write, name, value));
}

/* An asynchronous copy may as well be done at once. */
void c_copy(Printer *p, const LStmt *s) {
    Access to = find_access(p, s->buffer, s->index),
           from = find_access(p, s->source, s->source_index);
    const char *k = c_unique_name(p, "k");
    c_line(p, "for (%s %s = 0; %s < %s; %s++) %s[%s + %s] = %s[%s + %s];", p->dialect->index, k, k,
           c_text_in(p, c_expr(p, s->count), BIND_SUM), k, to.array, to.at.s, k, from.array,
           from.at.s, k);
}
