/* Memory planning: where temporaries lie in the arena and weights in the weight section.
 *
 * A temporary lives from the first call that touches it to the last. Its size is a polynomial,
 * content * unit with unit primitive; temporaries with one unit can be compared for every value of
 * the symbols, so each unit has a region in which offsets, too, are multiples of the unit; pack.c
 * chooses them. */
#include "passes/pack.h"
#include "passes/support.h"

/* One temporary on its way to a place. */
typedef struct Piece {
    LTensor *tensor;
    int first, last; /* calls; -1 where no call touches it */
    int64_t bytes;   /* times the region's unit */
} Piece;

static bool round_up(const LProgram *program, int64_t bytes, int64_t *rounded) {
    int64_t alignment = lprogram_alignment(program);
    if (!checked_add(bytes, alignment - 1, rounded)) return false;
    *rounded -= *rounded % alignment;
    return true;
}

/* ---- lifetimes ------------------------------------------------------------------------------- */

static Piece *find_pieces(const LProgram *program, Arena *arena) {
    Piece *pieces = arena_array(arena, Piece, program->tensors.len);
    for (size_t i = 0; i < program->tensors.len; i++) {
        require(program->tensors.data[i]->id == (int)i);
        pieces[i] = (Piece){.tensor = program->tensors.data[i], .first = -1, .last = -1};
    }
    for (size_t c = 0; c < program->calls.len; c++) {
        const LCall *call = &program->calls.data[c];
        for (int k = 0; k < call->kernel->nparams; k++) {
            Piece *piece = &pieces[call->args[k]->id];
            if (piece->first < 0) piece->first = (int)c;
            piece->last = (int)c;
        }
    }
    return pieces;
}

/* ---- sizes and regions ----------------------------------------------------------------------- */

static bool too_large(const LTensor *tensor, Diag *diag) {
    diag_error(diag, (Span){0}, "the size of '%s' overflows", tensor->name);
    return false;
}

static int region_of(LProgram *program, Dim unit) {
    for (size_t i = 0; i < program->regions.len; i++) {
        if (program->regions.data[i].unit == unit) return (int)i;
    }
    vec_push(program->module->arena, &program->regions, (LRegion){.unit = unit});
    return (int)program->regions.len - 1;
}

/* Splits the piece's size into rounded content and unit. */
static bool size_piece(LProgram *program, Piece *piece, Diag *diag) {
    DimContext *dims = program->module->dims;
    LTensor *tensor = piece->tensor;
    Dim width = dim_int(dims, (int64_t)dtype_bytes(tensor->dtype));
    Dim bytes = dim_mul(dims, tensor->elements, width), unit = NULL;
    if (bytes) unit = dim_primitive(dims, bytes, &piece->bytes);
    if (unit && piece->bytes == 0) unit = dim_int(dims, 1); /* no elements */
    if (!unit || !round_up(program, piece->bytes, &piece->bytes)) return too_large(tensor, diag);
    tensor->region = region_of(program, unit);
    return true;
}

/* ---- offsets --------------------------------------------------------------------------------- */

/* Places those of a region. */
static bool plan_region(LProgram *program, int region, const Piece *pieces, size_t count,
                        Arena *scratch) {
    Block *blocks = arena_array(scratch, Block, count);
    LTensor **tensors = arena_array(scratch, LTensor *, count);
    size_t members = 0;
    for (size_t i = 0; i < count; i++) {
        const Piece *piece = &pieces[i];
        if (piece->tensor->region != region) continue;
        tensors[members] = piece->tensor;
        blocks[members++] =
            (Block){.first = piece->first, .last = piece->last, .bytes = piece->bytes};
    }
    int64_t bytes = pack_blocks(blocks, members, scratch);
    if (bytes == INT64_MAX) return false;
    for (size_t i = 0; i < members; i++) tensors[i]->offset = blocks[i].offset;
    program->regions.data[region].bytes = bytes;
    return true;
}

static bool plan_temporaries(LProgram *program, Arena *scratch, Diag *diag) {
    Piece *pieces = find_pieces(program, scratch);
    size_t count = 0;
    for (size_t i = 0; i < program->tensors.len; i++) {
        if (pieces[i].tensor->role != TENSOR_TEMP) continue;
        pieces[count] = pieces[i];
        if (!size_piece(program, &pieces[count++], diag)) return false;
    }
    int64_t total = 0;
    for (size_t i = 0; i < program->regions.len; i++) {
        if (plan_region(program, (int)i, pieces, count, scratch) &&
            checked_add(total, program->regions.data[i].bytes, &total)) {
            continue;
        }
        diag_error(diag, (Span){0}, "the memory for temporaries overflows");
        return false;
    }
    return true;
}

/* ---- weights --------------------------------------------------------------------------------- */

static bool plan_weights(LProgram *program, Diag *diag) {
    int64_t end = 0;
    for (size_t i = 0; i < program->tensors.len; i++) {
        LTensor *tensor = program->tensors.data[i];
        if (tensor->role != TENSOR_WEIGHT) continue;
        int64_t elements, bytes;
        require(dim_is_int(tensor->elements, &elements));
        tensor->weight_offset = end;
        if (!checked_mul(elements, (int64_t)dtype_bytes(tensor->dtype), &bytes) ||
            !checked_add(end, bytes, &end) || !round_up(program, end, &end)) {
            return too_large(tensor, diag);
        }
    }
    program->weight_bytes = end;
    return true;
}

bool plan_memory(LProgram *program, Diag *diag) {
    Arena *scratch = arena_create();
    program->regions.len = 0;
    bool planned = plan_temporaries(program, scratch, diag) && plan_weights(program, diag);
    arena_destroy(scratch);
    return planned;
}

/* ---- the lower bound ------------------------------------------------------------------------- */

/* INT64_MAX where it overflows. */
static int64_t tensor_size(const LProgram *program, const LTensor *tensor, const int64_t *symbols) {
    int64_t bytes;
    if (!dim_eval(tensor->elements, symbols, &bytes)) return INT64_MAX;
    if (!checked_mul(bytes, (int64_t)dtype_bytes(tensor->dtype), &bytes)) return INT64_MAX;
    return round_up(program, bytes, &bytes) ? bytes : INT64_MAX;
}

int64_t plan_memory_bound(const LProgram *program, const int64_t *symbols) {
    Arena *scratch = arena_create();
    const Piece *pieces = find_pieces(program, scratch);
    Block *blocks = arena_array(scratch, Block, program->tensors.len);
    size_t count = 0;
    for (size_t i = 0; i < program->tensors.len; i++) {
        const Piece *piece = &pieces[i];
        if (piece->tensor->role != TENSOR_TEMP) continue;
        int64_t bytes = tensor_size(program, piece->tensor, symbols);
        blocks[count++] = (Block){.first = piece->first, .last = piece->last, .bytes = bytes};
    }
    int64_t bound = pack_bound(blocks, count, scratch);
    arena_destroy(scratch);
    return bound;
}
