/* Register tiles: private buffers whose elements are only ever named by constants become a variable
 * an element. */
#include "codegen/c/printer.h"

/* More elements than this are an array; no register file comes near. */
enum { MOST_SLOTS = 1024 };

static int64_t axis_extent(const LBuffer *buffer, int axis) {
    int64_t extent = buffer->fold[axis];
    if (extent <= 0) require(dim_is_int(buffer->dims[axis], &extent));
    return extent;
}

int64_t c_buffer_elements(const LBuffer *buffer) {
    int64_t count = 1;
    for (int i = 0; i < buffer->rank; i++) {
        require(checked_mul(count, axis_extent(buffer, i), &count));
    }
    return count;
}

static bool constant_position(const LBuffer *buffer, LX const *index, int64_t *position) {
    *position = 0;
    for (int i = 0; i < buffer->rank; i++) {
        int64_t value, extent = axis_extent(buffer, i);
        if (index[i]->type.lanes != 1 || !lx_is_int(index[i], &value)) return false;
        if (buffer->fold[i] > 0) value = floor_mod(value, extent);
        if (value < 0 || value >= extent) return false;
        *position = *position * extent + value;
    }
    return true;
}

/* ---- which buffers qualify ------------------------------------------------------------------- */

typedef struct Scan {
    Printer *p;
    Memo seen;
} Scan;

static void access_private(Scan *scan, const LBuffer *buffer, LX const *index, LType type) {
    int64_t position;
    if (buffer->space != SPACE_PRIVATE) return;
    Place *place = (Place *)(uintptr_t)memo_get(&scan->p->places, buffer);
    if (!place) return;
    if (type.lanes != buffer->elem.lanes || !constant_position(buffer, index, &position)) {
        place->count = 0;
    }
}

static void scan_expr(Scan *scan, LX x) {
    if (!x || memo_get(&scan->seen, x)) return;
    memo_set(&scan->seen, x, x);
    for (int i = 0; i < x->nargs; i++) scan_expr(scan, x->args[i]);
    scan_expr(scan, x->mask);
    scan_expr(scan, x->passthrough);
    if (x->kind == LX_LOAD) access_private(scan, x->buffer, x->args, x->type);
}

static void scan_block(Scan *scan, const LBlock *block);

static void scan_declare(Scan *scan, const LBuffer *buffer) {
    Printer *p = scan->p;
    if (buffer->space != SPACE_PRIVATE || memo_get(&p->places, buffer)) return;
    Place *place = arena_new(p->arena, Place);
    int64_t count = c_buffer_elements(buffer);
    place->count = count <= MOST_SLOTS ? count : 0;
    memo_set(&p->places, buffer, place);
}

static void scan_stmt(Scan *scan, const LStmt *s) {
    if (s->kind == LS_DECLARE) {
        scan_declare(scan, s->buffer);
        return;
    }
    LX const own[] = {s->value, s->mask, s->stride, s->begin, s->extent, s->count};
    for (size_t i = 0; i < COUNT_OF(own); i++) scan_expr(scan, own[i]);
    for (int i = 0; i < MAX_AXES; i++) {
        scan_expr(scan, s->index[i]);
        scan_expr(scan, s->source_index[i]);
    }
    if (s->kind == LS_STORE) access_private(scan, s->buffer, s->index, s->value->type);
    if (s->kind == LS_COPY) {
        LType none = {0};
        access_private(scan, s->buffer, s->index, none);
        access_private(scan, s->source, s->source_index, none);
    }
    scan_block(scan, &s->body);
    scan_block(scan, &s->otherwise);
}

static void scan_block(Scan *scan, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) scan_stmt(scan, block->stmts.data[i]);
}

void c_slots_assign(Printer *p, const LBlock *block) {
    Scan scan = {.p = p, .seen = memo_create(p->arena)};
    scan_block(&scan, block);
}

/* ---- names ----------------------------------------------------------------------------------- */

const char *c_slot_of(Printer *p, const LBuffer *buffer, LX const *index) {
    int64_t position;
    const Place *place = c_place_of(p, buffer);
    if (!place->slots) return NULL;
    require(constant_position(buffer, index, &position));
    return place->slots[position];
}

/* The buffer's name and the indices along axes of more than one element. */
static const char *slot_name(Printer *p, const LBuffer *buffer, int64_t position) {
    const char *suffix = "";
    for (int i = buffer->rank - 1; i >= 0; i--) {
        int64_t extent = axis_extent(buffer, i);
        if (extent > 1)
            suffix = arena_printf(p->arena, "_%lld%s", (long long)(position % extent), suffix);
        position /= extent;
    }
    return c_unique_name(p, arena_printf(p->arena, "%s%s", buffer->name, suffix));
}

static void declare_slots(Printer *p, const LBuffer *buffer, Place *place) {
    StrBuf s = {0};
    place->slots = arena_array(p->arena, const char *, (size_t)place->count);
    for (int64_t i = 0; i < place->count; i++) {
        place->slots[i] = slot_name(p, buffer, i);
        str_printf(&s, "%s%s", i ? ", " : "", place->slots[i]);
    }
    c_line(p, "%s %s;", c_value_type(p, buffer->elem), str_text(&s));
    str_free(&s);
}

void c_declare(Printer *p, const LBuffer *buffer) {
    if (buffer->space == SPACE_LOCAL) return; /* stands at the function's top */
    Place *place = (Place *)(uintptr_t)memo_get(&p->places, buffer);
    require(place);
    if (place->count > 0) {
        declare_slots(p, buffer, place);
        return;
    }
    place->name = c_unique_name(p, buffer->name);
    int64_t count = c_buffer_elements(buffer);
    c_line(p, "%s %s[%lld];", c_value_type(p, buffer->elem), place->name,
           (long long)(count ? count : 1));
}
