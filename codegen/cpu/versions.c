/* Several versions of a network in one module, each for a level of processors: init chooses one. */
#include "codegen/cpu/code.h"

#include <stdlib.h>
#include <string.h>

/* ---- -multiversion ---------------------------------------------------------------------------- */

static const char usual_levels[] = "x86-64-v2,x86-64-v3,x86-64-v4";

typedef struct Level {
    const char *cpu;
    uint64_t bits; /* NN_CPU_* */
    size_t position;
} Level;

static int by_demand(const void *a, const void *b) {
    const Level *x = a, *y = b;
    int more = __builtin_popcountll(x->bits) - __builtin_popcountll(y->bits);
    return more ? more : (x->position > y->position) - (x->position < y->position);
}

/* What init is told of a processor, matrix tiles included. */
static uint64_t level_bits(const CpuMachine *machine) {
    uint64_t bits = cpu_required_bits(machine);
    if (cpu_has(machine, HAS_AMX_TILE)) bits |= NN_CPU_AMX_TILE;
    if (cpu_has(machine, HAS_AMX_INT8)) bits |= NN_CPU_AMX_INT8;
    if (cpu_has(machine, HAS_AMX_BF16)) bits |= NN_CPU_AMX_BF16;
    return bits;
}

static bool read_level(const TargetOptions *options, Level *level, Arena *arena, Diag *diag) {
    TargetOptions own = *options;
    CpuMachine machine;
    if (strcmp(level->cpu, "native") == 0) {
        diag_error(diag, (Span){0}, "-multiversion: 'native' is no level");
        diag_note(diag, (Span){0}, "a list is meant, such as %s", usual_levels);
        return false;
    }
    own.cpu = level->cpu;
    own.checked_features = true;
    if (!cpu_machine(&own, &machine, arena, diag)) return false;
    level->bits = level_bits(&machine);
    return true;
}

static bool check_options(const TargetOptions *options, Arena *arena, Diag *diag) {
    const char *other = options->cpu ? "mcpu" : options->features ? "mattr" : NULL;
    if (other) {
        diag_error(diag, (Span){0}, "-multiversion does not go with -%s", other);
        diag_note(diag, (Span){0}, "it lists the processors itself, as in -multiversion=%s",
                  usual_levels);
        return false;
    }
    TargetOptions own = *options;
    CpuMachine machine;
    if (!cpu_machine(&own, &machine, arena, diag)) return false;
    if (machine.arch == ARCH_X86_64) return true;
    diag_error(diag, (Span){0}, "-multiversion is for x86_64, not for the triple '%s'",
               machine.triple);
    diag_note(diag, (Span){0}, "-mcpu names the processor of other architectures");
    return false;
}

static bool check_distinct(const Level *levels, size_t count, Diag *diag) {
    for (size_t i = 1; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (levels[i].bits != levels[k].bits) continue;
            diag_error(diag, (Span){0}, "-multiversion: '%s' and '%s' cannot be told apart",
                       levels[k].cpu, levels[i].cpu);
            return false;
        }
    }
    return true;
}

bool cpu_levels(const TargetOptions *options, const char *text, Arena *arena, const char ***cpus,
                size_t *count, Diag *diag) {
    enum { MOST_LEVELS = 8 };
    Level levels[MOST_LEVELS];
    *count = 0;
    if (!check_options(options, arena, diag)) return false;
    for (const char *at = text ? text : usual_levels;;) {
        size_t length = strcspn(at, ",");
        if (length == 0 || *count == MOST_LEVELS) {
            diag_error(diag, (Span){0}, "-multiversion takes up to %d processors, as in %s",
                       MOST_LEVELS, usual_levels);
            return false;
        }
        levels[*count] = (Level){arena_strndup(arena, at, length), 0, *count};
        if (!read_level(options, &levels[*count], arena, diag)) return false;
        *count += 1;
        if (!at[length]) break;
        at += length + 1;
    }
    if (!check_distinct(levels, *count, diag)) return false;
    qsort(levels, *count, sizeof(Level), by_demand);
    *cpus = arena_array(arena, const char *, *count);
    for (size_t i = 0; i < *count; i++) (*cpus)[i] = levels[i].cpu;
    return true;
}

/* ---- the unit --------------------------------------------------------------------------------- */

void unit_use(Unit *unit, size_t version) {
    const Version *v = &unit->versions[version];
    unit->machine = &v->machine;
    unit->program = v->program;
    unit->desc = v->desc;
    unit->prefix = v->prefix;
}

bool versions_make(Unit *unit, Arena *arena, Diag *diag) {
    const ProgramVersions *given = unit->options->versions;
    TargetOptions options = *unit->options;
    unit->nversions = given ? given->count : 1;
    unit->versions = arena_array(arena, Version, unit->nversions);
    unit->weights_of = given ? given->weights : unit->program;
    for (size_t i = 0; i < unit->nversions; i++) {
        Version *v = &unit->versions[i];
        v->program = given ? given->list[i].program : unit->program;
        v->desc = given ? &given->list[i].desc : unit->desc;
        if (given) options.cpu = given->list[i].cpu;
        if (!cpu_machine(&options, &v->machine, arena, diag)) return false;
        v->prefix = options.prefix;
        if (unit->nversions > 1)
            v->prefix = arena_printf(arena, "%s.%s", options.prefix, v->machine.text);
    }
    unit_use(unit, 0);
    return true;
}

const char *versions_text(const Unit *unit) {
    const char *text = unit->versions[0].machine.text;
    for (size_t i = 1; i < unit->nversions; i++)
        text = arena_printf(unit->arena, "%s, %s", text, unit->versions[i].machine.text);
    return text;
}

AbiCode versions_arena_code(const Unit *unit) {
    AbiCode code = {0};
    for (size_t i = 0; i < unit->nversions; i++) {
        AbiCode own = abi_arena_code(unit->versions[i].program, &unit->symbols, unit->arena);
        for (size_t k = 0; k < own.code.len; k++)
            vec_push(unit->arena, &code.code, own.code.data[k]);
        if (i > 0) abi_code_op(unit->arena, &code, NN_EXPR_MAX, 0);
    }
    return code;
}

/* ---- run -------------------------------------------------------------------------------------- */

void emit_run_of_versions(Unit *unit, LV function) {
    LV *runs = arena_array(unit->arena, LV, unit->nversions);
    for (size_t i = 0; i < unit->nversions; i++) {
        unit_use(unit, i);
        const char *name = arena_printf(unit->arena, "%s.run", unit->prefix);
        runs[i] = unit_function(unit, name, unit->i32, 2, (LT[]){unit->ptr, unit->ptr});
        emit_run(unit, runs[i], unit->functions + unit->versions[i].first);
    }
    unit_use(unit, 0);
    Code c = code_begin(unit, function);
    LV context = code_param(&c, 0);
    code_fail_if(&c, code_is_null(&c, context), NN_INVALID, "");
    LV magic = code_load(&c, unit->i64, context, CTX_MAGIC);
    LV expected = unit_int(unit, (int64_t)unit_context_magic(unit));
    code_fail_if(&c, LLVMBuildICmp(c.b, LLVMIntNE, magic, expected, ""), NN_INVALID, "");
    LV version = code_load(&c, unit->i64, context, CTX_VERSION);
    LV args[] = {context, code_param(&c, 1)};
    for (size_t i = unit->nversions; i-- > 1;) {
        LLVMBasicBlockRef yes = LLVMAppendBasicBlockInContext(unit->context, function, "");
        LLVMBasicBlockRef no = LLVMAppendBasicBlockInContext(unit->context, function, "");
        LV number = unit_int(unit, (int64_t)i);
        LLVMBuildCondBr(c.b, LLVMBuildICmp(c.b, LLVMIntEQ, version, number, ""), yes, no);
        LLVMPositionBuilderAtEnd(c.b, yes);
        LLVMBuildRet(c.b, code_call(&c, runs[i], 2, args));
        LLVMPositionBuilderAtEnd(c.b, no);
    }
    LLVMBuildRet(c.b, code_call(&c, runs[0], 2, args));
    code_end(&c);
}
