/* Data that artifacts carry: expressions and weights. */
#include "codegen/abi/abi.h"
#include "nn/format.h"

#include <stdlib.h>
#include <string.h>

/* ---- expressions ---------------------------------------------------------------------------- */

void abi_code_op(Arena *arena, AbiCode *code, int64_t opcode, int64_t operand) {
    vec_push(arena, &code->code, opcode);
    vec_push(arena, &code->code, operand);
}

static void code_factor(Arena *arena, AbiCode *code, const AbiSymbols *symbols,
                        const DimFactor *factor) {
    static const int64_t opcodes[] = {[ATOM_FLOORDIV] = NN_EXPR_FLOORDIV,
                                      [ATOM_MOD] = NN_EXPR_MOD,
                                      [ATOM_MIN] = NN_EXPR_MIN,
                                      [ATOM_MAX] = NN_EXPR_MAX};
    if (factor->atom == ATOM_SYMBOL) {
        require(symbols->position[factor->symbol] >= 0);
        abi_code_op(arena, code, NN_EXPR_SYMBOL, symbols->position[factor->symbol]);
        return;
    }
    abi_code_dim(arena, code, symbols, factor->a);
    abi_code_dim(arena, code, symbols, factor->b);
    abi_code_op(arena, code, opcodes[factor->atom], 0);
}

/* Sums and products grow from the left, so that the stack stays flat. */
void abi_code_dim(Arena *arena, AbiCode *code, const AbiSymbols *symbols, Dim dim) {
    if (dim->nterms == 0) abi_code_op(arena, code, NN_EXPR_CONST, 0);
    for (int t = 0; t < dim->nterms; t++) {
        const DimTerm *term = &dim->terms[t];
        bool empty = term->nfactors == 0 || term->coefficient != 1;
        if (empty) abi_code_op(arena, code, NN_EXPR_CONST, term->coefficient);
        for (int i = 0; i < term->nfactors; i++) {
            for (int p = 0; p < term->factors[i].power; p++) {
                code_factor(arena, code, symbols, &term->factors[i]);
                if (empty) abi_code_op(arena, code, NN_EXPR_MUL, 0);
                empty = true;
            }
        }
        if (t > 0) abi_code_op(arena, code, NN_EXPR_ADD, 0);
    }
}

size_t abi_expr(const LProgram *program, Dim dim, Arena *arena, const int64_t **code) {
    AbiSymbols symbols = abi_symbols(program, arena);
    AbiCode list = {0};
    abi_code_dim(arena, &list, &symbols, dim);
    *code = list.code.data;
    return list.code.len;
}

AbiCode abi_regions_code(const LProgram *program, const AbiSymbols *symbols, size_t count,
                         Arena *arena) {
    AbiCode code = {0};
    int64_t alignment = lprogram_alignment(program);
    abi_code_op(arena, &code, NN_EXPR_CONST, 0);
    for (size_t i = 0; i < count; i++) {
        const LRegion *region = &program->regions.data[i];
        abi_code_dim(arena, &code, symbols, region->unit);
        abi_code_op(arena, &code, NN_EXPR_CONST, region->bytes);
        abi_code_op(arena, &code, NN_EXPR_MUL, 0);
        abi_code_op(arena, &code, NN_EXPR_CONST, alignment - 1);
        abi_code_op(arena, &code, NN_EXPR_ADD, 0);
        abi_code_op(arena, &code, NN_EXPR_CONST, alignment);
        abi_code_op(arena, &code, NN_EXPR_FLOORDIV, 0);
        abi_code_op(arena, &code, NN_EXPR_CONST, alignment);
        abi_code_op(arena, &code, NN_EXPR_MUL, 0);
        abi_code_op(arena, &code, NN_EXPR_ADD, 0);
    }
    return code;
}

AbiCode abi_arena_code(const LProgram *program, const AbiSymbols *symbols, Arena *arena) {
    return abi_regions_code(program, symbols, program->regions.len, arena);
}

/* ---- weights -------------------------------------------------------------------------------- */

static int by_weight_offset(const void *a, const void *b) {
    const LTensor *x = *(LTensor *const *)a, *y = *(LTensor *const *)b;
    return (x->weight_offset > y->weight_offset) - (x->weight_offset < y->weight_offset);
}

OutputPiece *program_weight_parts(const LProgram *program, Arena *arena, size_t *count) {
    LTensor **weights = arena_array(arena, LTensor *, program->tensors.len + 1);
    OutputPiece *parts = arena_array(arena, OutputPiece, 2 * program->tensors.len + 1);
    size_t nweights = 0, widest = 0;
    for (size_t i = 0; i < program->tensors.len; i++) {
        LTensor *tensor = program->tensors.data[i];
        if (tensor->role == TENSOR_WEIGHT && tensor->data && tensor->data->bytes > 0)
            weights[nweights++] = tensor;
    }
    if (nweights > 1) qsort(weights, nweights, sizeof(LTensor *), by_weight_offset);
    int64_t at = 0;
    for (size_t i = 0; i <= nweights; i++) {
        int64_t next = i < nweights ? weights[i]->weight_offset : program->weight_bytes;
        require(next >= at);
        parts[2 * i].size = (size_t)(next - at);
        if (parts[2 * i].size > widest) widest = parts[2 * i].size;
        if (i == nweights) break;
        parts[2 * i + 1] = (OutputPiece){weights[i]->data->data, weights[i]->data->bytes};
        require(checked_add(next, (int64_t)weights[i]->data->bytes, &at));
    }
    const uint8_t *zeros = arena_alloc(arena, widest);
    for (size_t i = 0; i <= nweights; i++) parts[2 * i].data = zeros;
    *count = 2 * nweights + 1;
    return parts;
}

uint8_t *program_weights(const LProgram *program, Arena *arena, size_t *bytes) {
    size_t count;
    const OutputPiece *parts = program_weight_parts(program, arena, &count);
    *bytes = (size_t)program->weight_bytes;
    uint8_t *section = arena_alloc(arena, *bytes + 64);
    section += -(uintptr_t)section & 63;
    uint8_t *at = section;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, parts[i].data, parts[i].size);
        at += parts[i].size;
    }
    return section;
}

OutputFile abi_weight_file(const LProgram *program, uint64_t source_hash, const char *path,
                           Arena *arena) {
    nn_weight_file *head = arena_new(arena, nn_weight_file);
    *head = (nn_weight_file){.magic = NN_WEIGHT_FILE_MAGIC,
                             .abi_version = NN_ABI_VERSION,
                             .header_bytes = sizeof *head,
                             .source_hash = source_hash,
                             .weights_bytes = (uint64_t)program->weight_bytes};
    OutputFile file = output_file(path, head, sizeof *head, 0666);
    file.parts = program_weight_parts(program, arena, &file.nparts);
    return file;
}

const char *abi_precision(const LProgram *program) {
    bool bf16 = false, f16 = false, int8 = false;
    for (size_t i = 0; i < program->tensors.len; i++) {
        const LTensor *tensor = program->tensors.data[i];
        if (tensor->role == TENSOR_INPUT || tensor->role == TENSOR_OUTPUT) continue;
        bf16 |= tensor->dtype == DT_bf16;
        f16 |= tensor->dtype == DT_f16;
        int8 |= tensor->role == TENSOR_WEIGHT && (tensor->dtype == DT_i8 || tensor->dtype == DT_u8);
    }
    return int8 ? "int8" : bf16 ? "bf16" : f16 ? "f16" : "f32";
}
