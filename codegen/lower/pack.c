/* Weights as their layout orders them. */
#include "codegen/lower/kernel.h"

#include <string.h>

/* Layout steps never mix axes but by permuting them, so the position of an element is a sum of one
 * term an axis. */
typedef struct Packer {
    int rank;
    const int64_t *dims;
    int64_t *terms[MAX_RANK];
    const uint8_t *from;
    uint8_t *to;
    size_t size;
} Packer;

static void copy_run(const Packer *p, const uint8_t *from, int64_t base) {
    const int64_t *terms = p->terms[p->rank - 1];
    for (int64_t i = 0; i < p->dims[p->rank - 1]; i++)
        memcpy(p->to + (size_t)(base + terms[i]) * p->size, from + (size_t)i * p->size, p->size);
}

/* Row-major over the logical index; the last axis is one run. */
static void pack_axis(Packer *p, int axis, int64_t base) {
    if (axis == p->rank - 1) {
        copy_run(p, p->from, base);
        p->from += (size_t)p->dims[axis] * p->size;
        return;
    }
    for (int64_t i = 0; i < p->dims[axis]; i++) pack_axis(p, axis + 1, base + p->terms[axis][i]);
}

static int64_t fill_terms(Packer *p, Arena *arena, LayoutRef layout) {
    int64_t index[MAX_RANK] = {0};
    int64_t base = layout_offset(layout, p->rank, p->dims, index);
    for (int a = 0; a < p->rank; a++) {
        p->terms[a] = arena_array(arena, int64_t, (size_t)p->dims[a] + 1);
        for (int64_t i = 0; i < p->dims[a]; i++) {
            index[a] = i;
            p->terms[a][i] = layout_offset(layout, p->rank, p->dims, index) - base;
        }
        index[a] = 0;
    }
    return base;
}

const Tensor *pack_weight(Arena *arena, DimContext *ctx, const TensorType *type,
                          const Tensor *data) {
    if (!type->layout || tensor_elements(data) == 0) return data;
    Dim physical[MAX_AXES];
    int64_t elements;
    int count = layout_physical_dims(ctx, type->layout, type->rank, type->dims, physical);
    bool known = count >= 0 && dim_is_int(dims_product(ctx, count, physical), &elements);
    require(known);
    Tensor *packed = arena_new(arena, Tensor);
    *packed = tensor_new(arena, type->dtype, 1, &elements);
    Packer p = {.rank = type->rank,
                .dims = data->dims,
                .from = data->data,
                .to = packed->data,
                .size = dtype_bytes(type->dtype)};
    Arena *scratch = arena_create();
    int64_t base = fill_terms(&p, scratch, type->layout);
    if (p.rank == 0)
        memcpy(p.to + (size_t)base * p.size, p.from, p.size);
    else
        pack_axis(&p, 0, base);
    arena_destroy(scratch);
    return packed;
}
