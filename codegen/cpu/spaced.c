/* Loads of elements that lie a few apart, or in reverse order: all elements between the first and
 * the last are loaded as vectors, of which shuffles pick the lanes. The vectors keep within what
 * they span, so that nothing is touched beyond it. */
#include "codegen/cpu/emit.h"

#include <stdlib.h>

typedef struct Spaced {
    Function *f;
    int lanes, step;
} Spaced;

static int part_count(const Spaced *s) {
    return abs(s->step);
}

/* Where a lane lies, from the first element in memory on. */
static int element_of(const Spaced *s, int lane) {
    return s->step > 0 ? lane * s->step : (s->lanes - 1 - lane) * -s->step;
}

/* First element of a part; the last part ends with the last element. */
static int part_begin(const Spaced *s, int part) {
    int last = (s->lanes - 1) * part_count(s) + 1 - s->lanes;
    return part * s->lanes < last ? part * s->lanes : last;
}

static LV shuffle(const Spaced *s, LV x, LV y, LV *map) {
    return LLVMBuildShuffleVector(s->f->b, x, y, LLVMConstVector(map, (unsigned)s->lanes), "");
}

static LV lane_number(const Spaced *s, int lane) {
    return LLVMConstInt(s->f->unit->i32, (uint64_t)lane, false);
}

/* The elements of a part that some lane wants. */
static LV part_mask(const Spaced *s, int part, LV mask) {
    LV map[MAX_LANES];
    LV none = LLVMConstNull(LLVMTypeOf(mask));
    for (int i = 0; i < s->lanes; i++) map[i] = lane_number(s, s->lanes);
    for (int lane = 0; lane < s->lanes; lane++) {
        int at = element_of(s, lane) - part_begin(s, part);
        if (at >= 0 && at < s->lanes) map[at] = lane_number(s, lane);
    }
    return shuffle(s, mask, none, map);
}

/* Result with the lanes that lie in the part. */
static LV take_part(const Spaced *s, LV result, LV loaded, int part) {
    LV map[MAX_LANES];
    for (int lane = 0; lane < s->lanes; lane++) {
        int at = element_of(s, lane) - part_begin(s, part);
        bool here = at >= 0 && at < s->lanes;
        map[lane] = lane_number(s, here ? s->lanes + at : lane);
    }
    return shuffle(s, result, loaded, map);
}

LV emit_spaced_load(Function *f, LV address, LType type, int step, LV mask) {
    Spaced s = {f, type.lanes, step};
    LT element = unit_memory_type(f->unit, type.dtype);
    LV result = LLVMGetPoison(unit_vector(element, type.lanes));
    int first = step > 0 ? 0 : (type.lanes - 1) * step;
    for (int part = 0; part < part_count(&s); part++) {
        LV offset = unit_int(f->unit, first + part_begin(&s, part));
        LV from = LLVMBuildGEP2(f->b, element, address, &offset, 1, "");
        LV loaded = emit_vector_load(f, from, type, mask ? part_mask(&s, part, mask) : NULL);
        result = take_part(&s, result, loaded, part);
    }
    return result;
}
