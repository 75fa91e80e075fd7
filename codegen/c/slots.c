/* Register tiles: private buffers whose elements are only ever named by constants become a variable
 * an element. */
#include "codegen/c/printer.h"

/* More elements than this are an array; no register file comes near. */
enum { MOST_SLOTS = 1024 };

/* Arrays of a function for synthesis that are larger live as long as the design. */
enum { MOST_ON_STACK = 64 };

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

static void access_array(Scan *scan, const LBuffer *buffer, LX const *index, LType type,
                         bool reads) {
    int64_t position = -1;
    if (buffer->space != SPACE_PRIVATE && buffer->space != SPACE_CONSTANT) return;
    Place *place = (Place *)(uintptr_t)memo_get(&scan->p->places, buffer);
    if (!place) return;
    int fixed = 0;
    while (fixed < place->bank_axes && lx_is_int(index[fixed], NULL)) fixed++;
    place->bank_axes = type.lanes ? fixed : 0;
    place->is_read = place->is_read || reads;
    if (type.lanes != buffer->elem.lanes || !constant_position(buffer, index, &position)) {
        place->count = 0;
    } else if (reads && place->count > 0) {
        place->slot_read[position] = true;
    }
}

static void scan_expr(Scan *scan, LX x) {
    if (!x || memo_get(&scan->seen, x)) return;
    memo_set(&scan->seen, x, x);
    for (int i = 0; i < x->nargs; i++) scan_expr(scan, x->args[i]);
    scan_expr(scan, x->mask);
    scan_expr(scan, x->passthrough);
    if (x->kind == LX_LOAD) access_array(scan, x->buffer, x->args, x->type, true);
}

static void scan_block(Scan *scan, const LBlock *block);

static int most_bank_axes(const LBuffer *buffer) {
    return buffer->rank > 0 ? buffer->rank - 1 : 0;
}

static void scan_declare(Scan *scan, const LBuffer *buffer) {
    Printer *p = scan->p;
    if (buffer->space != SPACE_PRIVATE || memo_get(&p->places, buffer)) return;
    Place *place = arena_new(p->arena, Place);
    int64_t count = c_buffer_elements(buffer);
    place->count = count <= MOST_SLOTS ? count : 0;
    place->slot_read = arena_array(p->arena, bool, (size_t)place->count + 1);
    place->bank_axes = p->function ? most_bank_axes(buffer) : 0;
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
    if (s->kind == LS_STORE) access_array(scan, s->buffer, s->index, s->value->type, false);
    if (s->kind == LS_COPY) {
        LType none = {0};
        access_array(scan, s->buffer, s->index, none, false);
        access_array(scan, s->source, s->source_index, none, true);
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

static int64_t bank_count(const LBuffer *buffer, const Place *place) {
    int64_t count = 1;
    for (int i = 0; i < place->bank_axes; i++) {
        require(checked_mul(count, axis_extent(buffer, i), &count));
    }
    return count > 0 ? count : 1;
}

static const char **name_banks(Printer *p, const char *base, int64_t banks) {
    const char **names = arena_array(p->arena, const char *, (size_t)banks);
    for (int64_t i = 0; i < banks; i++) {
        names[i] = c_unique_name(p, arena_printf(p->arena, "%s_%lld", base, (long long)i));
    }
    return names;
}

const char *c_array_of(Printer *p, const LBuffer *buffer, LX const *index, int *first) {
    const Place *place = c_place_of(p, buffer);
    *first = place->banks ? place->bank_axes : 0;
    if (!place->banks) return place->name;
    int64_t bank = 0;
    for (int i = 0; i < place->bank_axes; i++) {
        int64_t value = 0, extent = axis_extent(buffer, i);
        require(lx_is_int(index[i], &value));
        if (buffer->fold[i] > 0) value = floor_mod(value, extent);
        require(value >= 0 && value < extent);
        bank = bank * extent + value;
    }
    return place->banks[bank];
}

void c_place_constant(Printer *p, const LBuffer *buffer) {
    Place *place = arena_new(p->arena, Place);
    place->bank_axes = most_bank_axes(buffer);
    memo_set(&p->places, buffer, place);
}

void c_name_constant(Printer *p, const LBuffer *buffer, const char *name) {
    Place *place = (Place *)(uintptr_t)c_place_of(p, buffer);
    int64_t banks = bank_count(buffer, place);
    place->name = name;
    if (banks == 1) return;
    place->banks = arena_array(p->arena, const char *, (size_t)banks);
    for (int64_t i = 0; i < banks; i++) {
        place->banks[i] =
            intern(p->interner, arena_printf(p->arena, "%s_%lld", name, (long long)i));
        memo_set(&p->taken, place->banks[i], place->banks[i]);
    }
}

int64_t c_array_banks(const LKernel *kernel, const LBuffer *buffer, Arena *arena) {
    const CFunctionOptions none = {0};
    Printer p = {.arena = arena, .places = memo_create(arena), .function = &none};
    c_place_constant(&p, buffer);
    c_slots_assign(&p, &kernel->body);
    return bank_count(buffer, c_place_of(&p, buffer));
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
    for (int64_t i = 0; p->function && i < place->count; i++) {
        if (!place->slot_read[i]) c_line(p, "(void)%s;", place->slots[i]);
    }
}

void c_declare(Printer *p, const LBuffer *buffer) {
    if (buffer->space == SPACE_LOCAL) return; /* stands at the function's top */
    Place *place = (Place *)(uintptr_t)memo_get(&p->places, buffer);
    require(place);
    if (place->count > 0) {
        declare_slots(p, buffer, place);
        return;
    }
    int64_t banks = bank_count(buffer, place), count = c_buffer_elements(buffer) / banks;
    const char *kept = p->function && count > MOST_ON_STACK ? "static " : "";
    if (banks == 1) {
        place->name = c_unique_name(p, buffer->name);
    } else {
        place->banks = name_banks(p, buffer->name, banks);
    }
    for (int64_t i = 0; i < banks; i++) {
        const char *name = banks == 1 ? place->name : place->banks[i];
        c_line(p, "%s%s %s[%lld];", kept, c_value_type(p, buffer->elem), name,
               (long long)(count ? count : 1));
        if (p->function && !place->is_read) c_line(p, "(void)%s;", name);
    }
}
