/* A program to code: its kernels are divided among modules that are compiled side by side, and their
 * objects joined. How they are divided depends on the program alone, so that the bytes are the same
 * for any number of threads. */
#define _GNU_SOURCE
#include "codegen/cpu/emit.h"

#include <string.h>

/* What a network's stack_bytes adds to the frames: return addresses, and memcpy and its like, which
 * are leaves. */
enum { STACK_SLACK = 512 };

/* ---- kernels -------------------------------------------------------------------------------- */

static void count_block(VersionKernel *k, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        k->statements++;
        if (s->value && s->value->type.rows > 0) k->uses_tiles = true;
        count_block(k, &s->body);
        count_block(k, &s->otherwise);
    }
}

/* Of all versions, expanded. */
static void expand_kernels(Unit *unit) {
    for (size_t v = 0; v < unit->nversions; v++) {
        unit->versions[v].first = unit->nkernels;
        unit->nkernels += unit->versions[v].program->kernels.len;
    }
    VersionKernel *next = arena_array(unit->arena, VersionKernel, unit->nkernels + 1);
    unit->kernels = next;
    for (size_t v = 0; v < unit->nversions; v++) {
        Version *version = &unit->versions[v];
        /* Expansion makes new variables; the caller's program keeps its count. */
        LProgram copy = *version->program;
        LExpandOptions expand = {
            .vectors = true, .unroll = true, .masked_tails = version->desc->masked_tails};
        for (size_t i = 0; i < version->program->kernels.len; i++, next++) {
            next->version = v;
            next->kernel = lkernel_expand(&copy, version->program->kernels.data[i], &expand);
            count_block(next, &next->kernel->body);
            version->uses_tiles = version->uses_tiles || next->uses_tiles;
        }
    }
}

/* ---- parts ---------------------------------------------------------------------------------- */

typedef struct Compilation {
    const Unit *unit;
    bool loadable;
    uint64_t marker; /* see choose_marker */
    VEC(CodePart) parts;
} Compilation;

/* A module costs as much as some hundred statements, whatever it holds: a part is worth several
 * times that, and few enough of them go to each of many threads. */
enum { PART_STATEMENTS = 250 };

static void add_part(Compilation *c, CodePart part) {
    part.arena = arena_create();
    vec_push(c->unit->arena, &c->parts, part);
}

/* The interface goes first: alone it takes about as long as a part of kernels. */
static void divide(Compilation *c) {
    const Unit *unit = c->unit;
    size_t all = 0, statements = 0, first = 0;
    for (size_t i = 0; i < unit->nkernels; i++) all += unit->kernels[i].statements;
    if (all <= PART_STATEMENTS) {
        add_part(c, (CodePart){.end = unit->nkernels, .interface = true});
        return;
    }
    add_part(c, (CodePart){.interface = true});
    for (size_t i = 0; i < unit->nkernels; i++) {
        statements += unit->kernels[i].statements;
        if (statements < PART_STATEMENTS && i + 1 < unit->nkernels) continue;
        add_part(c, (CodePart){.first = first, .end = i + 1});
        first = i + 1;
        statements = 0;
    }
}

static void compile_object(void *data, size_t index) {
    Compilation *c = data;
    part_compile(c->unit, &c->parts.data[index], CODE_OBJECT, c->loadable, c->marker);
}

/* The objects of all parts as one. */
static ObjectCode compile_parts(Compilation *c, Arena *arena) {
    size_t count = c->parts.len;
    workers_run(c->unit->program->module->workers, compile_object, c, count);
    ObjectCode *objects = arena_array(c->unit->arena, ObjectCode, count);
    for (size_t i = 0; i < count; i++) objects[i] = c->parts.data[i].code;
    return objects_join(objects, count, c->unit->arena, arena);
}

/* ---- stack_bytes ---------------------------------------------------------------------------- */

/* Known only when the objects are there. Until then the table holds a number that must be found
 * exactly once in the whole, which has no weights yet. */
static uint64_t choose_marker(void) {
    return hash_bytes("stack_bytes", 11, 0) | UINT64_C(1) << 63;
}

static void patch_marker(ObjectCode *code, uint64_t marker, uint64_t value) {
    uint8_t *base = (uint8_t *)(uintptr_t)code->data;
    uint8_t *at = memmem(base, code->size, &marker, sizeof marker);
    require(at);
    size_t after = (size_t)(at - base) + sizeof marker;
    require(!memmem(base + after, code->size - after, &marker, sizeof marker));
    memcpy(at, &value, sizeof value);
}

/* A run calls a kernel, the kernel a part of it; a task of another thread calls a part. create
 * calls init calls context_bytes. With several versions run first calls that of one. */
static uint64_t stack_bytes(const Compilation *c) {
    uint64_t most = 0, depth = c->unit->nversions > 1 ? 4 : 3;
    for (size_t i = 0; i < c->parts.len; i++) {
        uint64_t bytes = c->parts.data[i].frame_bytes;
        if (bytes > most) most = bytes;
    }
    return depth * most + STACK_SLACK;
}

/* ---- the program ---------------------------------------------------------------------------- */

/* More than this does not fit the small code model together with the code. */
static bool check_weights(const LProgram *program, const TargetOptions *options, Diag *diag) {
    const int64_t most = (INT64_C(1) << 31) - (INT64_C(1) << 27);
    if (options->external_weights || program->weight_bytes <= most) return true;
    diag_error(diag, (Span){0}, "%lld MiB of weights are too many for an object file",
               (long long)(program->weight_bytes >> 20));
    diag_note(diag, (Span){0}, "-weights-out=external puts them into a file of their own");
    return false;
}

/* Text is one module, weights and all, and has no fixed width for stack_bytes: the objects have been
 * made only to know them. */
static ObjectCode compile_text(Compilation *c, CodeKind kind, Arena *arena) {
    Unit unit = *c->unit;
    size_t bytes;
    if (unit.has_weights) unit.weights = program_weights(unit.weights_of, unit.arena, &bytes);
    CodePart whole = {.end = unit.nkernels, .interface = true, .arena = arena};
    part_compile(&unit, &whole, kind, c->loadable, stack_bytes(c));
    return whole.code;
}

static ObjectCode compile_unit(const Unit *unit, CodeKind kind, bool loadable, Arena *arena) {
    Compilation c = {.unit = unit, .loadable = loadable, .marker = choose_marker()};
    divide(&c);
    ObjectCode code = compile_parts(&c, arena);
    if (kind == CODE_OBJECT) {
        patch_marker(&code, c.marker, stack_bytes(&c));
        if (unit->has_weights) object_add_weights(&code, unit->weights_of, arena);
    } else {
        code = compile_text(&c, kind, arena);
    }
    for (size_t i = 0; i < c.parts.len; i++) arena_destroy(c.parts.data[i].arena);
    return code;
}

bool cpu_compile(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 CodeKind kind, bool loadable, Arena *arena, ObjectCode *code, Diag *diag) {
    Arena *scratch = arena_create();
    Unit unit = {.arena = scratch,
                 .program = program,
                 .desc = desc,
                 .options = options,
                 .symbols = abi_symbols(program, scratch)};
    bool ok = versions_make(&unit, scratch, diag) && check_weights(program, options, diag);
    if (ok) {
        unit.has_weights = !options->external_weights && program->weight_bytes > 0;
        cpu_initialize_llvm();
        expand_kernels(&unit);
        *code = compile_unit(&unit, kind, loadable, arena);
    }
    arena_destroy(scratch);
    return ok;
}
