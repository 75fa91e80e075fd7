/* What the loop IR's tests share: a program to build kernels in, and running them on arrays. */
#ifndef NNC_TESTS_LOOP_FIXTURE_H
#define NNC_TESTS_LOOP_FIXTURE_H

#include "ir/loop.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct Fixture {
    Arena *arena;
    Diag *diag;
    Module *module;
    LProgram *program;
    LKernel *kernel;
    LBuilder b;
} Fixture;

static inline Fixture start(void) {
    Fixture f = {.arena = arena_create()};
    f.diag = diag_create(f.arena, 0);
    f.module = module_create(f.arena, f.diag);
    f.program = lprogram_create(f.module, 0);
    f.kernel = lkernel_create(f.program, "k", "", &f.b);
    return f;
}

static inline void finish(Fixture *f) {
    arena_destroy(f->arena);
}

static inline LX num(Fixture *f, int64_t value) {
    return lx_int(&f->b, value);
}
static inline LX f32(Fixture *f, double value) {
    return lx_const(&f->b, ltype(DT_f32, 1), value);
}

/* A parameter with constant sizes. */
static inline LBuffer *param(Fixture *f, const char *name, DType dtype, LAccess access, int rank,
                             const int64_t *sizes) {
    Dim dims[MAX_AXES];
    for (int i = 0; i < rank; i++) dims[i] = dim_int(f->module->dims, sizes[i]);
    return lb_param(&f->b, name, SPACE_GLOBAL, dtype, rank, dims, access);
}

static inline LBuffer *param1(Fixture *f, const char *name, DType dtype, LAccess access,
                              int64_t n) {
    return param(f, name, dtype, access, 1, &n);
}

static inline LStmt *loop(Fixture *f, LLoopKind kind, const char *name, int64_t extent) {
    return lb_for(&f->b, kind, name, num(f, 0), num(f, extent));
}

static inline LX at1(Fixture *f, const LBuffer *x, LX i) {
    return lx_load(&f->b, x, (LX[]){i});
}
static inline LX at2(Fixture *f, const LBuffer *x, LX i, LX j) {
    return lx_load(&f->b, x, (LX[]){i, j});
}
static inline void put1(Fixture *f, const LBuffer *x, LX i, LX value) {
    lb_store(&f->b, x, (LX[]){i}, value, 0);
}
static inline void put2(Fixture *f, const LBuffer *x, LX i, LX j, LX value) {
    lb_store(&f->b, x, (LX[]){i, j}, value, 0);
}

static inline LMemory memory(void *data, int64_t elements) {
    return (LMemory){data, 0, elements};
}

/* Memory that counts as unwritten until it is. */
static inline LMemory fresh(Fixture *f, void *data, int64_t elements) {
    return (LMemory){data, arena_array(f->arena, uint8_t, (size_t)elements), elements};
}

static inline LFault run(Fixture *f, const LKernel *kernel, LMemory *params) {
    return lkernel_eval(kernel, f->module->dims, params, 0, f->diag);
}

#endif
