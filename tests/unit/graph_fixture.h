/* A module to build graphs in, shared by the tests of graph IR. */
#ifndef NNC_TESTS_GRAPH_FIXTURE_H
#define NNC_TESTS_GRAPH_FIXTURE_H

#include <criterion/criterion.h>
#include <string.h>

#include "ir/graph.h"

typedef struct Fixture {
    Arena *arena;
    Diag *diag;
    Module *module;
    Builder b;
} Fixture;

static inline Fixture fixture_create(void) {
    Fixture f = {.arena = arena_create()};
    f.diag = diag_create(f.arena, NULL);
    f.module = module_create(f.arena, f.diag);
    f.module->graph = graph_create(f.module, "test");
    f.b = (Builder){.graph = f.module->graph};
    return f;
}

/* "f32[N, 64]", symbols made on first use; layouts are not understood. */
static inline TensorType fixture_type(Fixture *f, const char *text) {
    TensorType type = {0};
    char name[8] = {0};
    size_t length = strcspn(text, "[");
    cr_assert(length < sizeof name);
    memcpy(name, text, length);
    cr_assert(dtype_from_name(name, &type.dtype), "%s", text);
    text += length + 1;
    while (*text != ']') {
        type.dims[type.rank] = dim_parse(f->module->dims, &text, true);
        cr_assert(type.dims[type.rank++], "%s", text);
        text += strspn(text, ", ");
    }
    return type;
}

static inline Value *fixture_input(Fixture *f, const char *name, const char *type) {
    TensorType parsed = fixture_type(f, type);
    return graph_add_input(f->module->graph, name, &parsed, (Span){0});
}

static inline void fixture_output(Fixture *f, Value *value) {
    graph_set_outputs(f->module->graph, 1, &value, (const char *const[]){"y"});
}

static inline const char *fixture_text(Fixture *f, const Value *value) {
    return type_text(f->module->dims, f->arena, &value->type);
}

#endif
