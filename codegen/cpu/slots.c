/* Private buffers as registers. A buffer whose elements are only ever named by constant indices
 * needs no memory: each element is an SSA value in the slot table, which the statements thread
 * through loops and branches. */
#include "codegen/cpu/emit.h"

#include <stdlib.h>

/* A register buffer of more elements than this is memory after all; no register file comes near. */
enum { MAX_SLOTS = 4096 };

/* ---- which buffers qualify ------------------------------------------------------------------ */

static int64_t slot_elements(const LBuffer *buffer) {
    int64_t count = 1, extent;
    for (int i = 0; i < buffer->rank; i++) {
        extent = buffer->fold[i];
        if (extent <= 0 && !dim_is_int(buffer->dims[i], &extent)) return -1;
        if (!checked_mul(count, extent, &count) || count > MAX_SLOTS) return -1;
    }
    return count;
}

static bool constant_position(const LBuffer *buffer, LX const *index, int64_t *position) {
    *position = 0;
    for (int i = 0; i < buffer->rank; i++) {
        int64_t value, extent = buffer->fold[i];
        if (index[i]->type.lanes != 1 || !lx_is_int(index[i], &value)) return false;
        if (extent > 0) {
            value = floor_mod(value, extent);
        } else if (!dim_is_int(buffer->dims[i], &extent)) {
            return false;
        }
        if (value < 0 || value >= extent) return false;
        *position = *position * extent + value;
    }
    return true;
}

typedef struct Scan {
    Function *f;
    PtrMap seen; /* expressions already looked at */
} Scan;

static void disqualify(Scan *scan, const LBuffer *buffer) {
    BufferPlace *place = ptrmap_find(&scan->f->buffers, buffer);
    if (place) place->slots = 0;
}

/* Notes buffers with an access at a constant distance from something that varies. */
static void note_offsets(Scan *scan, const LBuffer *buffer, LX const *index) {
    BufferPlace *place = ptrmap_find(&scan->f->buffers, buffer);
    int64_t value;
    for (int i = 0; place && i < buffer->rank; i++) {
        LX x = index[i];
        if (x->kind == LX_RAMP || x->kind == LX_BROADCAST) x = x->args[0];
        bool sum = x->kind == LX_BINARY && x->binary == LB_ADD && lx_is_int(x->args[1], NULL);
        if (sum || (lx_is_int(x, &value) && value != 0)) place->offset_axes |= 1u << i;
    }
}

static void scan_expr(Scan *scan, LX x) {
    int64_t position;
    if (!x || ptrmap_find(&scan->seen, x)) return;
    ptrmap_set(&scan->seen, x, scan);
    for (int i = 0; i < x->nargs; i++) scan_expr(scan, x->args[i]);
    scan_expr(scan, x->mask);
    scan_expr(scan, x->passthrough);
    if (x->kind == LX_LOAD) note_offsets(scan, x->buffer, x->args);
    if (x->kind == LX_TILE_LOAD) disqualify(scan, x->buffer);
    if (x->kind == LX_LOAD && (x->type.lanes != x->buffer->elem.lanes ||
                               !constant_position(x->buffer, x->args, &position))) {
        disqualify(scan, x->buffer);
    }
}

static void add_candidate(Function *f, const LBuffer *buffer) {
    if (ptrmap_find(&f->buffers, buffer)) return;
    if (buffer->space != SPACE_PRIVATE) {
        die("kernel %s: '%s' is of a memory space that a cpu does not have", f->kernel->name,
            buffer->name);
    }
    BufferPlace *place = arena_new(f->unit->arena, BufferPlace);
    int64_t count = slot_elements(buffer);
    place->slot = -1;
    place->slots = count > 0 ? (int)count : 0;
    ptrmap_set(&f->buffers, buffer, place);
}

static void scan_block(Scan *scan, const LBlock *block);

static void scan_stmt(Scan *scan, const LStmt *s) {
    int64_t position;
    if (s->kind == LS_DECLARE) {
        add_candidate(scan->f, s->buffer);
        return;
    }
    scan_expr(scan, s->value);
    scan_expr(scan, s->mask);
    scan_expr(scan, s->stride);
    scan_expr(scan, s->begin);
    scan_expr(scan, s->extent);
    for (int i = 0; i < MAX_AXES; i++) scan_expr(scan, s->index[i]);
    if (s->kind == LS_STORE) note_offsets(scan, s->buffer, s->index);
    if (s->kind == LS_TILE_STORE) disqualify(scan, s->buffer);
    if (s->kind == LS_STORE && (s->value->type.lanes != s->buffer->elem.lanes ||
                                !constant_position(s->buffer, s->index, &position))) {
        disqualify(scan, s->buffer);
    }
    scan_block(scan, &s->body);
    scan_block(scan, &s->otherwise);
}

static void scan_block(Scan *scan, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) scan_stmt(scan, block->stmts.data[i]);
}

void slots_assign(Function *f, const LBlock *block) {
    Scan scan = {.f = f, .seen = {.arena = f->unit->arena}};
    scan_block(&scan, block);
    for (size_t i = 0; i < f->buffers.used.len; i++) {
        BufferPlace *place = f->buffers.values[f->buffers.used.data[i]];
        if (place->slots == 0 || place->slot >= 0) continue;
        place->slot = (int)f->slots.len;
        const LBuffer *buffer = f->buffers.keys[f->buffers.used.data[i]];
        for (int k = 0; k < place->slots; k++) {
            vec_push(f->unit->arena, &f->slots, NULL);
            vec_push(f->unit->arena, &f->slot_types, buffer->elem);
        }
    }
}

/* ---- reading and declaring ------------------------------------------------------------------ */

int slot_of(Function *f, const LBuffer *buffer, LX const *index) {
    int64_t position;
    BufferPlace *place = place_of(f, buffer);
    if (place->slot < 0) return -1;
    require(constant_position(buffer, index, &position));
    return place->slot + (int)position;
}

LV slot_read(Function *f, int slot) {
    LV value = f->slots.data[slot];
    LType type = f->slot_types.data[slot];
    if (value) return value;
    if (type.rows > 0) return emit_tile_zero(f, type);
    return LLVMGetPoison(unit_type(f->unit, type));
}

void buffer_declare(Function *f, const LBuffer *buffer) {
    BufferPlace *place = place_of(f, buffer);
    place->declared = true;
    if (place->slot >= 0) {
        for (int i = 0; i < place->slots; i++) f->slots.data[place->slot + i] = NULL;
        return;
    }
    if (place->pointer) return;
    if (buffer->elem.rows > 0) {
        die("kernel %s: tiles of '%s' are not indexed by constants", f->kernel->name, buffer->name);
    }
    int64_t count = 1, extent;
    for (int i = 0; i < buffer->rank; i++) {
        extent = buffer->fold[i];
        if (extent <= 0) require(dim_is_int(buffer->dims[i], &extent));
        require(checked_mul(count, extent, &count));
    }
    LT type = LLVMArrayType2(element_type(f, buffer), (uint64_t)count);
    place->pointer = LLVMBuildAlloca(f->entry, type, buffer->name);
    LLVMSetAlignment(place->pointer, buffer->align > 64 ? (unsigned)buffer->align : 64);
}

/* ---- what a block assigns ------------------------------------------------------------------- */

typedef struct SlotSet {
    Function *f;
    VEC(int) list;
    bool *seen;
} SlotSet;

static void collect_written(SlotSet *set, const LBlock *block) {
    Function *f = set->f;
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_STORE && s->buffer->space == SPACE_PRIVATE) {
            BufferPlace *place = place_of(f, s->buffer);
            int slot = place->declared ? slot_of(f, s->buffer, s->index) : -1;
            if (slot >= 0 && !set->seen[slot]) {
                set->seen[slot] = true;
                vec_push(f->unit->arena, &set->list, slot);
            }
        }
        collect_written(set, &s->body);
        collect_written(set, &s->otherwise);
    }
}

static int by_value(const void *a, const void *b) {
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

size_t slots_written(Function *f, const LBlock *block, int **slots) {
    SlotSet set = {.f = f, .seen = arena_array(f->unit->arena, bool, f->slots.len + 1)};
    if (f->slots.len > 0) collect_written(&set, block);
    if (set.list.len > 1) qsort(set.list.data, set.list.len, sizeof(int), by_value);
    *slots = set.list.data;
    return set.list.len;
}
