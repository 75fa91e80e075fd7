/* Statements. Register buffers (slots.c) are threaded through loops and branches as phis here. */
#include "codegen/cpu/emit.h"

static LLVMBasicBlockRef new_block(Function *f, const char *name) {
    return LLVMAppendBasicBlockInContext(f->unit->context, f->function, name);
}

static void enter(Function *f, LLVMBasicBlockRef block) {
    LLVMPositionBuilderAtEnd(f->b, block);
}

/* ---- slots across control flow -------------------------------------------------------------- */

static LV *slot_values(Function *f, size_t count, const int *slots) {
    LV *values = arena_array(f->unit->arena, LV, count + 1);
    for (size_t i = 0; i < count; i++) values[i] = slot_read(f, slots[i]);
    return values;
}

static LV slot_phi(Function *f, int slot) {
    return LLVMBuildPhi(f->b, unit_type(f->unit, f->slot_types.data[slot]), "");
}

static void add_incoming(LV phi, LV value, LLVMBasicBlockRef from) {
    LLVMAddIncoming(phi, &value, &from, 1);
}

/* At the start of a block that two others reach: each slot is one value or the other. */
static void merge_slots(Function *f, size_t count, const int *slots, const LV *a,
                        LLVMBasicBlockRef from_a, const LV *b, LLVMBasicBlockRef from_b) {
    for (size_t i = 0; i < count; i++) {
        LV phi = slot_phi(f, slots[i]);
        add_incoming(phi, a[i], from_a);
        add_incoming(phi, b[i], from_b);
        f->slots.data[slots[i]] = phi;
    }
}

/* ---- loops ---------------------------------------------------------------------------------- */

void emit_loop(Function *f, const LVar *var, LV begin, LV end, bool known, const LBlock *body) {
    int *slots;
    size_t count = slots_written(f, body, &slots);
    LV *before = slot_values(f, count, slots);
    LLVMBasicBlockRef from = LLVMGetInsertBlock(f->b);
    LLVMBasicBlockRef head = new_block(f, "loop"), done = new_block(f, "done");
    if (known) {
        LLVMBuildBr(f->b, head);
    } else {
        LLVMBuildCondBr(f->b, LLVMBuildICmp(f->b, LLVMIntSLT, begin, end, ""), head, done);
    }
    enter(f, head);
    LV i = LLVMBuildPhi(f->b, f->unit->i64, var->name);
    add_incoming(i, begin, from);
    LV *phis = arena_array(f->unit->arena, LV, count + 1);
    for (size_t k = 0; k < count; k++) {
        phis[k] = f->slots.data[slots[k]] = slot_phi(f, slots[k]);
        add_incoming(phis[k], before[k], from);
    }
    ptrmap_set(&f->vars, var, i);
    emit_block(f, body);
    LV *after = slot_values(f, count, slots);
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(f->b);
    LV next = LLVMBuildNSWAdd(f->b, i, unit_int(f->unit, 1), "");
    LLVMBuildCondBr(f->b, LLVMBuildICmp(f->b, LLVMIntSLT, next, end, ""), head, done);
    add_incoming(i, next, latch);
    for (size_t k = 0; k < count; k++) add_incoming(phis[k], after[k], latch);
    enter(f, done);
    if (!known) merge_slots(f, count, slots, before, from, after, latch);
}

static void emit_for(Function *f, const LStmt *s) {
    if (s->loop == LOOP_GRID || s->loop == LOOP_ITEM) {
        die("kernel %s: a cpu has no work-groups", f->kernel->name);
    }
    int64_t extent;
    bool constant = lx_is_int(s->extent, &extent);
    if (constant && extent <= 0) return;
    LV begin = emit_expr(f, s->begin);
    if (constant && extent == 1) {
        ptrmap_set(&f->vars, s->var, begin);
        emit_block(f, &s->body);
        return;
    }
    LV end = LLVMBuildNSWAdd(f->b, begin, emit_expr(f, s->extent), "");
    emit_loop(f, s->var, begin, end, constant, &s->body);
}

/* ---- conditions ----------------------------------------------------------------------------- */

static void emit_if(Function *f, const LStmt *s) {
    LV condition = emit_expr(f, s->value);
    int *in_body, *in_otherwise;
    size_t count = slots_written(f, &s->body, &in_body);
    size_t more = slots_written(f, &s->otherwise, &in_otherwise);
    size_t total = count + more;
    int *slots = arena_array(f->unit->arena, int, total + 1);
    for (size_t i = 0; i < count; i++) slots[i] = in_body[i];
    for (size_t i = 0, k; i < more; i++) {
        for (k = 0; k < count && slots[k] != in_otherwise[i];) k++;
        if (k == count) slots[count++] = in_otherwise[i];
    }
    LV *before = slot_values(f, count, slots);
    bool has_else = s->otherwise.stmts.len > 0;
    LLVMBasicBlockRef from = LLVMGetInsertBlock(f->b);
    LLVMBasicBlockRef yes = new_block(f, "then"), no = has_else ? new_block(f, "else") : NULL;
    LLVMBasicBlockRef done = new_block(f, "done");
    LLVMBuildCondBr(f->b, condition, yes, has_else ? no : done);
    enter(f, yes);
    emit_block(f, &s->body);
    LV *after_yes = slot_values(f, count, slots), *after_no = before;
    LLVMBasicBlockRef end_yes = LLVMGetInsertBlock(f->b), end_no = from;
    LLVMBuildBr(f->b, done);
    if (has_else) {
        for (size_t i = 0; i < count; i++) f->slots.data[slots[i]] = before[i];
        enter(f, no);
        emit_block(f, &s->otherwise);
        after_no = slot_values(f, count, slots);
        end_no = LLVMGetInsertBlock(f->b);
        LLVMBuildBr(f->b, done);
    }
    enter(f, done);
    merge_slots(f, count, slots, after_yes, end_yes, after_no, end_no);
}

/* ---- blocks --------------------------------------------------------------------------------- */

static void emit_stmt(Function *f, const LStmt *s) {
    ptrmap_clear(&f->memo);
    switch (s->kind) {
    case LS_LET: ptrmap_set(&f->vars, s->var, emit_expr(f, s->value)); return;
    case LS_STORE: emit_store(f, s); return;
    case LS_FOR:
        if (s->loop == LOOP_PARALLEL && f->outlined >= 0) {
            emit_parallel(f, s);
        } else {
            emit_for(f, s);
        }
        return;
    case LS_IF: emit_if(f, s); return;
    case LS_DECLARE: buffer_declare(f, s->buffer); return;
    case LS_PREFETCH: emit_prefetch(f, s); return;
    case LS_TILE_STORE: emit_tile_store(f, s); return;
    case LS_BARRIER:
    case LS_COPY:
    case LS_WAIT:
    case LS_FIFO_WRITE: break;
    }
    die("kernel %s: a statement that a cpu does not have (%d)", f->kernel->name, (int)s->kind);
}

void emit_block(Function *f, const LBlock *block) {
    for (size_t i = 0; i < block->stmts.len; i++) emit_stmt(f, block->stmts.data[i]);
    ptrmap_clear(&f->memo);
    for (size_t i = 0; i < block->stmts.len; i++) {
        const LStmt *s = block->stmts.data[i];
        if (s->kind == LS_DECLARE) place_of(f, s->buffer)->declared = false;
    }
}
