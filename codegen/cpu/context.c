/* Setting contexts up and down: context_bytes, init, create, destroy, message.
 *
 * What a context holds is laid out in emit.h. init is the only code that knows of the weights. */
#include "codegen/cpu/code.h"

/* ---- context_bytes -------------------------------------------------------------------------- */

static LV load_limits(Code *c, LV limits, LV *values) {
    LV negative = LLVMConstInt(c->unit->i1, 0, false);
    for (size_t i = 0; i < c->unit->symbols.count; i++) {
        values[i] = code_load(c, c->unit->i64, limits, 8 * (int64_t)i);
        LV below = LLVMBuildICmp(c->b, LLVMIntSLT, values[i], unit_int(c->unit, 0), "");
        negative = LLVMBuildOr(c->b, negative, below, "");
    }
    return negative;
}

/* Bytes of the arena for all runs within the limits: every region at the upper bound of its unit.
 */
static LV arena_bound(DimEmitter *e, const LProgram *program) {
    LV total = unit_int(e->unit, 0), zero = total;
    for (size_t i = 0; i < program->regions.len; i++) {
        const LRegion *region = &program->regions.data[i];
        LV unit = dim_emit_upper(e, region->unit);
        unit = emit_intrinsic(e->unit, e->b, "llvm.smax", 1, &e->unit->i64, 2, (LV[]){unit, zero});
        LV bytes = dim_checked_mul(e, unit, unit_int(e->unit, region->bytes));
        total = dim_checked_add(e, total, code_alignment_up(e, bytes));
    }
    return total;
}

static void emit_context_bytes(Unit *unit, LV function) {
    Code c = code_begin(unit, function);
    LV limits = code_param(&c, 0);
    LV *values = arena_array(unit->arena, LV, unit->symbols.count + 1);
    LV bad = LLVMConstInt(unit->i1, 0, false), too_large = unit_int(unit, -1);
    if (unit->symbols.count > 0) {
        LLVMBasicBlockRef none = LLVMAppendBasicBlockInContext(unit->context, function, "");
        LLVMBasicBlockRef some = LLVMAppendBasicBlockInContext(unit->context, function, "");
        LLVMBuildCondBr(c.b, code_is_null(&c, limits), none, some);
        LLVMPositionBuilderAtEnd(c.b, none);
        LLVMBuildRet(c.b, too_large);
        LLVMPositionBuilderAtEnd(c.b, some);
        bad = load_limits(&c, limits, values);
    }
    DimEmitter e = {.unit = unit, .b = c.b, .symbols = values, .overflow = &bad};
    LV arena = unit_int(unit, 0); /* for whichever version needs most */
    for (size_t v = 0; v < unit->nversions; v++) {
        LV own = arena_bound(&e, unit->versions[v].program);
        arena = emit_intrinsic(unit, c.b, "llvm.smax", 1, &unit->i64, 2, (LV[]){arena, own});
    }
    LV total = dim_checked_add(&e, arena, unit_int(unit, ctx_arena(unit)));
    LLVMBuildRet(c.b, LLVMBuildSelect(c.b, bad, too_large, total, ""));
    code_end(&c);
}

/* ---- init ----------------------------------------------------------------------------------- */

static LV option(Code *c, LT type, size_t offset) {
    return code_load(c, type, c->options, (int64_t)offset);
}

/* Faults of the options that init and create refuse alike; options is not null. */
static void check_options(Code *c) {
    Unit *unit = c->unit;
    LV bytes = option(c, unit->i64, offsetof(nn_options, struct_bytes));
    LV options = c->options;
    c->options =
        NULL; /* until the size is known, nothing in there can be trusted, its log included */
    LV too_short = LLVMBuildICmp(c->b, LLVMIntULT, bytes, unit_int(unit, sizeof(nn_options)), "");
    code_fail_if(c, too_short, NN_INVALID, "options: struct_bytes is not sizeof(nn_options)");
    c->options = options;
    if (unit->symbols.count > 0) {
        LV limits = option(c, unit->ptr, offsetof(nn_options, limits));
        code_fail_if(c, code_is_null(c, limits), NN_INVALID, "options: limits is null");
        for (size_t i = 0; i < unit->symbols.count; i++) {
            LV limit = code_load(c, unit->i64, limits, 8 * (int64_t)i);
            LV below = LLVMBuildICmp(c->b, LLVMIntSLT, limit, unit_int(unit, 0), "");
            code_fail_if(c, below, NN_INVALID,
                         arena_printf(unit->arena, "options: the limit of %s is negative",
                                      unit->symbols.names[i]));
        }
    }
}

uint64_t version_cpu_bits(const Version *version) {
    uint64_t bits = cpu_required_bits(&version->machine);
    if (!version->uses_tiles) return bits;
    if (cpu_has(&version->machine, HAS_AMX_INT8)) bits |= NN_CPU_AMX_INT8;
    if (cpu_has(&version->machine, HAS_AMX_BF16)) bits |= NN_CPU_AMX_BF16;
    return bits | NN_CPU_AMX_TILE;
}

/* The number of the last version that the processor can run. Where the caller does not say what it
 * has, the one that asks least. */
static LV choose_version(Code *c) {
    Unit *unit = c->unit;
    LV have = option(c, unit->i64, offsetof(nn_options, cpu_features));
    LV known = LLVMBuildAnd(c->b, have, unit_int(unit, (int64_t)NN_CPU_KNOWN), "");
    LV is_known = LLVMBuildICmp(c->b, LLVMIntNE, known, unit_int(unit, 0), "");
    LV chosen = unit_int(unit, -1);
    for (size_t v = 0; v < unit->nversions; v++) {
        LV need = unit_int(unit, (int64_t)version_cpu_bits(&unit->versions[v]));
        LV fits = LLVMBuildICmp(c->b, LLVMIntEQ, LLVMBuildAnd(c->b, have, need, ""), need, "");
        chosen = LLVMBuildSelect(c->b, fits, unit_int(unit, (int64_t)v), chosen, "");
    }
    LV none = LLVMBuildICmp(c->b, LLVMIntSLT, chosen, unit_int(unit, 0), "");
    code_fail_if(c, LLVMBuildAnd(c->b, is_known, none, ""), NN_UNSUPPORTED,
                 arena_printf(unit->arena, "this processor lacks features that code for %s needs",
                              unit->machine->text));
    return LLVMBuildSelect(c->b, is_known, chosen, unit_int(unit, 0), "");
}

/* The weight section: the caller's if given, else the object's. */
static LV choose_weights(Code *c, LV own) {
    Unit *unit = c->unit;
    LV given = option(c, unit->ptr, offsetof(nn_options, weights));
    LV bytes = option(c, unit->i64, offsetof(nn_options, weights_bytes));
    LV is_null = code_is_null(c, given), is_given = LLVMBuildNot(c->b, is_null, "");
    int64_t expected = unit->program->weight_bytes;
    if (expected == 0) return given;
    if (!own) {
        code_fail_if(c, is_null, NN_INVALID, "options: weights is null, and the object has none");
    }
    LV other = LLVMBuildICmp(c->b, LLVMIntNE, bytes, unit_int(unit, expected), "");
    code_fail_if(c, LLVMBuildAnd(c->b, is_given, other, ""), NN_MISMATCH,
                 "options: weights_bytes is not that of this network's weights");
    LV hash = option(c, unit->i64, offsetof(nn_options, weights_hash));
    LV is_known = LLVMBuildICmp(c->b, LLVMIntNE, hash, unit_int(unit, 0), "");
    LV own_hash = unit_int(unit, (int64_t)unit->options->source_hash);
    other = LLVMBuildAnd(c->b, is_known, LLVMBuildICmp(c->b, LLVMIntNE, hash, own_hash, ""), "");
    code_fail_if(c, LLVMBuildAnd(c->b, is_given, other, ""), NN_MISMATCH,
                 "options: weights were written for another network, or for another processor");
    LV crooked = code_misaligned(c, given, 64);
    code_fail_if(c, LLVMBuildAnd(c->b, is_given, crooked, ""), NN_INVALID,
                 "options: weights is not aligned to 64 bytes");
    return own ? LLVMBuildSelect(c->b, is_null, own, given, "") : given;
}

/* Any context of this program starts with this; another's or a destroyed one does not. */
uint64_t unit_context_magic(const Unit *unit) {
    return abi_interface_hash(unit->program, unit->options->prefix) | 1;
}

static void fill_context(Code *c, LV context, LV weights, LV total, LV version) {
    Unit *unit = c->unit;
    LV null = LLVMConstNull(unit->ptr);
    code_store(c, unit_int(unit, (int64_t)unit_context_magic(unit)), context, CTX_MAGIC);
    code_store(c, code_text(unit, ""), context, CTX_MESSAGE);
    code_store(c, option(c, unit->ptr, offsetof(nn_options, parallel_for)), context,
               CTX_PARALLEL_FOR);
    code_store(c, option(c, unit->ptr, offsetof(nn_options, pool)), context, CTX_POOL);
    code_store(c, weights, context, CTX_WEIGHTS);
    code_store(c, null, context, CTX_RELEASE);
    code_store(c, null, context, CTX_ALLOCATOR);
    code_store(c, total, context, CTX_BYTES);
    LV arena = LLVMBuildSub(c->b, total, unit_int(unit, ctx_arena(unit)), "");
    code_store(c, arena, context, CTX_ARENA_BYTES);
    code_store(c, version, context, CTX_VERSION);
    if (unit->symbols.count == 0) return;
    LV limits = option(c, unit->ptr, offsetof(nn_options, limits));
    for (size_t i = 0; i < unit->symbols.count; i++) {
        int64_t at = 8 * (int64_t)i;
        code_store(c, code_load(c, unit->i64, limits, at), context, CTX_LIMITS + at);
    }
}

static LV total_bytes(Code *c, const EntryPoints *entry) {
    LV limits = option(c, c->unit->ptr, offsetof(nn_options, limits));
    LV total = code_call(c, entry->context_bytes, 1, &limits);
    LV too_large = LLVMBuildICmp(c->b, LLVMIntEQ, total, unit_int(c->unit, -1), "");
    code_fail_if(c, too_large, NN_TOO_LARGE,
                 "options: the limits ask for more memory than there can be");
    return total;
}

static void emit_init(Unit *unit, const EntryPoints *entry, LV own_weights) {
    Code c = code_begin(unit, entry->init);
    LV memory = code_param(&c, 0), bytes = code_param(&c, 1), result = code_param(&c, 3);
    code_fail_if(&c, code_is_null(&c, result), NN_INVALID, "");
    code_store(&c, LLVMConstNull(unit->ptr), result, 0);
    code_fail_if(&c, code_is_null(&c, code_param(&c, 2)), NN_INVALID, "");
    c.options = code_param(&c, 2);
    check_options(&c);
    code_fail_if(&c, code_is_null(&c, memory), NN_INVALID, "init: memory is null");
    code_fail_if(&c, code_misaligned(&c, memory, 64), NN_INVALID,
                 "init: memory is not aligned to 64 bytes");
    LV version = choose_version(&c);
    LV total = total_bytes(&c, entry);
    LV too_small = LLVMBuildICmp(c.b, LLVMIntULT, bytes, total, "");
    code_fail_if(&c, too_small, NN_NO_MEMORY, "init: memory is smaller than context_bytes");
    LV weights = choose_weights(&c, own_weights);
    fill_context(&c, memory, weights, total, version);
    code_store(&c, memory, result, 0);
    LLVMBuildRet(c.b, code_status(unit, NN_OK));
    code_end(&c);
}

/* ---- create, destroy, message --------------------------------------------------------------- */

static LV call_allocate(Code *c, LV allocate, LV allocator, LV bytes) {
    Unit *unit = c->unit;
    LT type = LLVMFunctionType(unit->ptr, (LT[]){unit->ptr, unit->i64, unit->i64}, 3, false);
    LV args[] = {allocator, bytes, unit_int(unit, 64)};
    return LLVMBuildCall2(c->b, type, allocate, args, 3, "");
}

/* release(allocator, memory, bytes) if release is not null. */
static void call_release(Code *c, LV release, LV allocator, LV memory, LV bytes) {
    Unit *unit = c->unit;
    LLVMBasicBlockRef yes = LLVMAppendBasicBlockInContext(unit->context, c->function, "");
    LLVMBasicBlockRef after = LLVMAppendBasicBlockInContext(unit->context, c->function, "");
    LLVMBuildCondBr(c->b, code_is_null(c, release), after, yes);
    LLVMPositionBuilderAtEnd(c->b, yes);
    LT type = LLVMFunctionType(unit->none, (LT[]){unit->ptr, unit->ptr, unit->i64}, 3, false);
    LLVMBuildCall2(c->b, type, release, (LV[]){allocator, memory, bytes}, 3, "");
    LLVMBuildBr(c->b, after);
    LLVMPositionBuilderAtEnd(c->b, after);
}

static void emit_create(Unit *unit, const EntryPoints *entry) {
    Code c = code_begin(unit, entry->create);
    LV options = code_param(&c, 0), result = code_param(&c, 1);
    code_fail_if(&c, code_is_null(&c, result), NN_INVALID, "");
    code_store(&c, LLVMConstNull(unit->ptr), result, 0);
    code_fail_if(&c, code_is_null(&c, options), NN_INVALID, "");
    c.options = options;
    check_options(&c);
    LV total = total_bytes(&c, entry);
    LV allocate = option(&c, unit->ptr, offsetof(nn_options, allocate));
    code_fail_if(&c, code_is_null(&c, allocate), NN_NO_MEMORY, "options: allocate is null");
    LV allocator = option(&c, unit->ptr, offsetof(nn_options, allocator));
    LV release = option(&c, unit->ptr, offsetof(nn_options, release));
    LV memory = call_allocate(&c, allocate, allocator, total);
    code_fail_if(&c, code_is_null(&c, memory), NN_NO_MEMORY, "create: allocate returned null");
    LV status = code_call(&c, entry->init, 4, (LV[]){memory, total, options, result});

    LLVMBasicBlockRef good = LLVMAppendBasicBlockInContext(unit->context, c.function, "");
    LLVMBasicBlockRef bad = LLVMAppendBasicBlockInContext(unit->context, c.function, "");
    LLVMBuildCondBr(c.b, LLVMBuildICmp(c.b, LLVMIntEQ, status, code_status(unit, NN_OK), ""), good,
                    bad);
    LLVMPositionBuilderAtEnd(c.b, bad);
    call_release(&c, release, allocator, memory, total);
    LLVMBuildRet(c.b, status);
    LLVMPositionBuilderAtEnd(c.b, good);
    code_store(&c, release, memory, CTX_RELEASE);
    code_store(&c, allocator, memory, CTX_ALLOCATOR);
    LLVMBuildRet(c.b, status);
    code_end(&c);
}

/* Begins a function of a context, of which a null one makes it return `otherwise` (null: nothing)
 * at once. */
static Code begin_unless_null(Unit *unit, LV function, LV otherwise) {
    Code c = code_begin(unit, function);
    LLVMBasicBlockRef some = LLVMAppendBasicBlockInContext(unit->context, function, "");
    LLVMBasicBlockRef none = LLVMAppendBasicBlockInContext(unit->context, function, "");
    LLVMBuildCondBr(c.b, code_is_null(&c, code_param(&c, 0)), none, some);
    LLVMPositionBuilderAtEnd(c.b, none);
    if (otherwise)
        LLVMBuildRet(c.b, otherwise);
    else
        LLVMBuildRetVoid(c.b);
    LLVMPositionBuilderAtEnd(c.b, some);
    return c;
}

static void emit_destroy(Unit *unit, LV function) {
    Code c = begin_unless_null(unit, function, NULL);
    LV context = code_param(&c, 0);
    LV release = code_load(&c, unit->ptr, context, CTX_RELEASE);
    LV allocator = code_load(&c, unit->ptr, context, CTX_ALLOCATOR);
    LV bytes = code_load(&c, unit->i64, context, CTX_BYTES);
    code_store(&c, unit_int(unit, 0), context, CTX_MAGIC);
    call_release(&c, release, allocator, context, bytes);
    LLVMBuildRetVoid(c.b);
    code_end(&c);
}

static void emit_message(Unit *unit, LV function) {
    Code c = begin_unless_null(unit, function, code_text(unit, ""));
    LLVMBuildRet(c.b, code_load(&c, unit->ptr, code_param(&c, 0), CTX_MESSAGE));
    code_end(&c);
}

void emit_context_functions(Unit *unit, EntryPoints *entry, LV weights) {
    emit_context_bytes(unit, entry->context_bytes);
    emit_init(unit, entry, weights);
    emit_create(unit, entry);
    emit_destroy(unit, entry->destroy);
    emit_message(unit, entry->message);
}
