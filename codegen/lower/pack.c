/* Weights as their layout orders them. */
#include "codegen/lower/kernel.h"

#include <string.h>

/* Layout steps never mix axes but by permuting them, so the position of an element is a sum of one
 * term an axis. */
struct Packer {
    int rank;
    const int64_t *dims;
    int64_t base; /* position of the first element */
    int64_t *terms[MAX_RANK];
    const uint8_t *from;
    uint8_t *to;
    size_t size;
};

/* A size that is constant makes one move of each copy. */
static inline void copy_elements(const int64_t *terms, int64_t count, uint8_t *to,
                                 const uint8_t *from, size_t size) {
    for (int64_t i = 0; i < count; i++)
        memcpy(to + (size_t)terms[i] * size, from + (size_t)i * size, size);
}

static void copy_run(const Packer *p, const uint8_t *from, int64_t base) {
    const int64_t *terms = p->terms[p->rank - 1];
    int64_t count = p->dims[p->rank - 1];
    uint8_t *to = p->to + (size_t)base * p->size;
    switch (p->size) {
    case 1: copy_elements(terms, count, to, from, 1); return;
    case 2: copy_elements(terms, count, to, from, 2); return;
    case 4: copy_elements(terms, count, to, from, 4); return;
    default: copy_elements(terms, count, to, from, p->size); return;
    }
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

static void fill_terms(Packer *p, Arena *arena, LayoutRef layout) {
    int64_t index[MAX_RANK] = {0};
    p->base = layout_offset(layout, p->rank, p->dims, index);
    for (int a = 0; a < p->rank; a++) {
        p->terms[a] = arena_array(arena, int64_t, (size_t)p->dims[a] + 1);
        for (int64_t i = 0; i < p->dims[a]; i++) {
            index[a] = i;
            p->terms[a][i] = layout_offset(layout, p->rank, p->dims, index) - p->base;
        }
        index[a] = 0;
    }
}

const Tensor *pack_weight(Lowering *l, const TensorType *type, const Tensor *data) {
    if (!type->layout || tensor_elements(data) == 0) return data;
    Dim physical[MAX_AXES];
    int64_t elements;
    int count = layout_physical_dims(l->dims, type->layout, type->rank, type->dims, physical);
    bool known = count >= 0 && dim_is_int(dims_product(l->dims, count, physical), &elements);
    require(known);
    Tensor *packed = arena_new(l->arena, Tensor);
    *packed = tensor_new(l->arena, type->dtype, 1, &elements);
    Packer *p = arena_new(l->arena, Packer);
    *p = (Packer){.rank = type->rank,
                  .dims = data->dims,
                  .from = data->data,
                  .to = packed->data,
                  .size = dtype_bytes(type->dtype)};
    fill_terms(p, l->arena, type->layout);
    vec_push(l->arena, &l->packers, p);
    return packed;
}

static void pack(void *data, size_t index) {
    Packer p = *((Lowering *)data)->packers.data[index];
    if (p.rank == 0)
        memcpy(p.to + (size_t)p.base * p.size, p.from, p.size);
    else
        pack_axis(&p, 0, p.base);
}

void pack_weights(Lowering *l) {
    workers_run(l->program->module->workers, pack, l, l->packers.len);
}
