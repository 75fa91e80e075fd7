/* Names in scope. */
#include "frontend/elaborate.h"

/* ---- maps from interned names ---- */

static size_t slot_of(const NameMap *map, const char *key) {
    size_t i = (size_t)(((uintptr_t)key >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 20);
    for (i &= map->capacity - 1; map->keys[i] && map->keys[i] != key;)
        i = (i + 1) & (map->capacity - 1);
    return i;
}

void *name_map_get(const NameMap *map, const char *key) {
    if (map->capacity == 0) return NULL;
    size_t i = slot_of(map, key);
    return map->keys[i] ? map->values[i] : NULL;
}

static void grow(Arena *arena, NameMap *map) {
    NameMap old = *map;
    map->capacity = old.capacity ? 2 * old.capacity : 8;
    map->keys = arena_array(arena, const char *, map->capacity);
    map->values = arena_array(arena, void *, map->capacity);
    for (size_t i = 0; i < old.capacity; i++) {
        if (!old.keys[i]) continue;
        size_t slot = slot_of(map, old.keys[i]);
        map->keys[slot] = old.keys[i];
        map->values[slot] = old.values[i];
    }
}

void name_map_put(Arena *arena, NameMap *map, const char *key, void *value) {
    if (2 * (map->count + 1) > map->capacity) grow(arena, map);
    size_t i = slot_of(map, key);
    if (!map->keys[i]) map->count++;
    map->keys[i] = key;
    map->values[i] = value;
}

/* ---- scopes ---- */

Scope *scope_create(Elab *e, Scope *outer) {
    Scope *scope = arena_new(e->arena, Scope);
    scope->outer = outer;
    return scope;
}

Binding *scope_find(const Scope *scope, const char *name) {
    for (; scope; scope = scope->outer) {
        Binding *found = name_map_get(&scope->map, name);
        if (found) return found;
    }
    return NULL;
}

void scope_define(Elab *e, Scope *scope, const char *name, Span span, Val value, Target *target) {
    Binding *binding = arena_new(e->arena, Binding);
    *binding = (Binding){name, value, target, span};
    name_map_put(e->arena, &scope->map, name, binding);
    vec_push(e->arena, &scope->order, binding);
}

void scope_assign(Elab *e, Target *target, Val value) {
    Binding *binding = scope_find(e->frame->scope, target->name.text);
    target->bound = true;
    if (value.kind == VAL_ERROR) target->used = true; /* why it has no use is another matter */
    if (!binding) {
        scope_define(e, e->frame->scope, target->name.text, target->name.span, value, target);
        return;
    }
    binding->value = value;
    binding->target = target;
    binding->span = target->name.span;
}

static void poison_targets(Elab *e, const Stmt *stmt) {
    if (stmt->kind == STMT_REPEAT || !stmt->targets) return;
    for (size_t i = 0; i < stmt->targets->len; i++)
        scope_assign(e, &stmt->targets->data[i], val_error());
}

void scope_poison(Elab *e, const StmtList *body) {
    for (size_t i = 0; body && i < body->len; i++) {
        const Stmt *stmt = body->data[i];
        poison_targets(e, stmt);
        scope_poison(e, stmt->body);
        for (size_t k = 0; stmt->arms && k < stmt->arms->len; k++)
            scope_poison(e, stmt->arms->data[k].body);
    }
}

const Target *body_find_bound(const StmtList *body, const char *name) {
    const Target *found = NULL;
    for (size_t i = 0; !found && body && i < body->len; i++) {
        const Stmt *stmt = body->data[i];
        for (size_t k = 0; !found && stmt->targets && k < stmt->targets->len; k++) {
            const Target *target = &stmt->targets->data[k];
            if (target->name.text == name && target->bound) found = target;
        }
        if (!found) found = body_find_bound(stmt->body, name);
        for (size_t k = 0; !found && stmt->arms && k < stmt->arms->len; k++)
            found = body_find_bound(stmt->arms->data[k].body, name);
    }
    return found;
}
