/* Private to the targets: what the generated interface is made of. */
#ifndef NNC_CODEGEN_ABI_ABI_H
#define NNC_CODEGEN_ABI_ABI_H

#include "codegen/target.h"

/* The free symbols of a program in the module's order; their positions here are those of
 * NETWORK_io, NETWORK_limits and nn_expr. */
typedef struct AbiSymbols {
    size_t count;
    const char **names;
    int *module_index; /* position -> symbol of the module's dimensions */
    int *position;     /* symbol of the module -> position, -1: bound */
} AbiSymbols;
AbiSymbols abi_symbols(const LProgram *program, Arena *arena);

/* Members of NETWORK_io: valid and distinct C and C++ identifiers made from the names of symbols,
 * inputs and outputs. */
typedef struct AbiMembers {
    const char **symbols, **inputs, **outputs;
} AbiMembers;
AbiMembers abi_members(const LProgram *program, const AbiSymbols *symbols, Arena *arena);

/* A name made into an identifier. */
const char *abi_identifier(Arena *arena, const char *name);
const char *abi_upper(Arena *arena, const char *name);
nn_type abi_type(DType dtype);
const char *abi_c_type(DType dtype); /* of an element in memory */
/* A C string literal; a byte that is no plain character is written in octal, whose digits end. */
void abi_add_literal(StrBuf *out, const char *text, size_t length);

/* nn_expr code, grown piece by piece. */
typedef struct AbiCode {
    VEC(int64_t) code;
} AbiCode;
void abi_code_op(Arena *arena, AbiCode *code, int64_t opcode, int64_t operand);
void abi_code_dim(Arena *arena, AbiCode *code, const AbiSymbols *symbols, Dim dim);
/* Bytes of the arena, as the memory plan lays it out. */
AbiCode abi_arena_code(const LProgram *program, const AbiSymbols *symbols, Arena *arena);

/* The same of the first `count` regions: where the next begins. */
AbiCode abi_regions_code(const LProgram *program, const AbiSymbols *symbols, size_t count,
                         Arena *arena);

/* "f32", "bf16", "int8": the narrowest arithmetic that the program's data show. */
const char *abi_precision(const LProgram *program);
/* The functions of the interface without their prefix, in header order; ends with null. */
extern const char *const abi_functions[];

/* A weight file as libnnrt maps it (nn/format.h); its parts are the program's own. */
OutputFile abi_weight_file(const LProgram *program, uint64_t source_hash, const char *path,
                           Arena *arena);

#endif
