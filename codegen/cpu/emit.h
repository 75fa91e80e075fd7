/* Private to the cpu target: loop IR to LLVM IR.
 *
 * A Unit is one LLVM module, a Function one function under construction. f16 and bf16 values are
 * kept as i16 and converted explicitly, so that LLVM never reaches for a conversion routine; bool
 * values are i1 and lie in memory as bytes; i4 and u4 values are i8. Indices are i64. */
#ifndef NNC_CODEGEN_CPU_EMIT_H
#define NNC_CODEGEN_CPU_EMIT_H

#include "codegen/abi/abi.h"
#include "codegen/cpu/machine.h"
#include "codegen/cpu/ptrmap.h"
#include "ir/loop.h"
#include <llvm-c/Core.h>

typedef LLVMValueRef LV;
typedef LLVMTypeRef LT;

enum { MAX_LANES = 1024 }; /* of a vector value */

/* The program for one processor. */
typedef struct Version {
    CpuMachine machine;
    const LProgram *program;
    const TargetDesc *desc;
    const char *prefix; /* of the names of its functions that nobody sees */
    bool uses_tiles;
    size_t first; /* of its kernels among those of all versions */
} Version;

/* A kernel of one version, ready to be emitted. */
typedef struct VersionKernel {
    size_t version;
    const LKernel *kernel; /* expanded */
    size_t statements;     /* in it: what its code costs to make */
    bool uses_tiles;
} VersionKernel;

typedef struct Unit {
    Arena *arena;
    LLVMContextRef context;
    LLVMModuleRef module;
    Version *versions; /* those that ask least first; one at least */
    size_t nversions;
    /* Of the version that code is made for now; the interface is made for the first. */
    const CpuMachine *machine;
    const LProgram *program;
    const TargetDesc *desc;
    const char *prefix;
    const LProgram *weights_of; /* holds the weights of all versions */
    const TargetOptions *options;
    AbiSymbols symbols;
    const VersionKernel *kernels; /* of all versions */
    size_t nkernels;
    LV *functions;          /* of those kernels; null: not in this module, and not called there */
    bool has_weights;       /* in the object */
    const uint8_t *weights; /* the weight section; null: a placeholder stands for it (object.c) */
    Interner *texts;        /* string constants, each once */
    PtrMap text_values;
    LT i1, i8, i16, i32, i64, f32, f64, ptr, none;
} Unit;

/* Where a buffer's elements are. */
typedef struct BufferPlace {
    LV pointer;          /* null while its elements are registers, or it is not declared yet */
    int slot, slots;     /* registers: the first of its elements in the slot table; -1: in memory */
    LV stride[MAX_AXES]; /* elements from one index of an axis to the next; null: not computed yet
                          */
    int64_t step[MAX_AXES]; /* the same where it is constant, else -1 */
    bool strides_known, declared;
    unsigned offset_axes; /* a bit for each axis along which accesses differ by constants */
} BufferPlace;

typedef struct Function {
    Unit *unit;
    const LKernel *kernel;
    LV function;
    LLVMBuilderRef b; /* where code goes */
    LLVMBuilderRef
        entry; /* end of the entry block: stack memory and what depends on dimensions only */
    LLVMBasicBlockRef body;
    LV context;     /* nn_context of the run */
    PtrMap vars;    /* LVar -> LV */
    PtrMap buffers; /* LBuffer -> BufferPlace */
    PtrMap dims;    /* Dim -> LV */
    PtrMap memo;    /* LX -> LV within one statement */
    VEC(LV) slots;  /* value of each register element; null: undefined */
    VEC(LType) slot_types;
    int outlined; /* parallel bodies so far; -1: this is one, further ones run serially */
} Function;

/* ---- unit.c: modules, types, small builders ------------------------------------------------- */

LT unit_scalar_type(const Unit *unit, DType dtype); /* of a value */
LT unit_memory_type(const Unit *unit, DType dtype); /* of an element in memory */
LT unit_type(const Unit *unit, LType type);
LT unit_vector(LT element, int lanes); /* the element itself for one lane */
LV unit_int(const Unit *unit, int64_t value);
LV unit_splat(LV scalar_constant, int lanes);
LV unit_const(const Unit *unit, LType type, int64_t value); /* integer types and bool */
LV unit_const_float(const Unit *unit, LT scalar, int lanes, double value);
LLVMAttributeRef unit_attribute(const Unit *unit, const char *name, uint64_t value);
/* A function that nobody outside the module sees. */
LV unit_function(Unit *unit, const char *name, LT result, int nparams, const LT *params);
/* Makes the function's code for every processor of the architecture. */
void unit_any_processor(Unit *unit, LV function);
LV emit_intrinsic(Unit *unit, LLVMBuilderRef b, const char *name, int noverloads,
                  const LT *overloads, int nargs, const LV *args);
LV emit_intrinsic1(Function *f, const char *name, LV x);
LV emit_intrinsic2(Function *f, const char *name, LV x, LV y);
LV emit_splat(Function *f, LV scalar, int lanes);
/* The value of type `to`, whose bits are those of value. */
LV emit_bits(Function *f, LV value, LT to);

/* ---- dim.c: values of dimensions ------------------------------------------------------------ */

/* Arithmetic on dimensions; with overflow set it is ored with whether anything overflowed or a
 * divisor was not positive. */
typedef struct DimEmitter {
    Unit *unit;
    LLVMBuilderRef b;
    LV *symbols;  /* values by position in unit->symbols */
    LV *overflow; /* null: not checked */
} DimEmitter;
LV dim_emit(DimEmitter *e, Dim dim);
LV dim_checked_add(DimEmitter *e, LV x, LV y);
LV dim_checked_mul(DimEmitter *e, LV x, LV y);
/* Least upper bound that interval arithmetic finds for symbols in 0..symbols[i]. */
LV dim_emit_upper(DimEmitter *e, Dim dim);
/* In a kernel: computed once, in the entry block. */
LV emit_dim(Function *f, Dim dim);

/* ---- expr.c and what it is made of ---------------------------------------------------------- */

LV emit_expr(Function *f, LX x);
LV emit_unary(Function *f, LUnary op, LType type, LV x);
LV emit_binary(Function *f, LBinary op, LType type, LV x, LV y); /* type: of the operands */
LV emit_fma(Function *f, LType type, LV x, LV y, LV z);
LV emit_integer_binary(Function *f, LBinary op, LType type, LV x, LV y);
LV emit_floordiv(Function *f, LX x); /* floordiv and mod, which look at the operands' ranges */
LV emit_round_even(Function *f, LV x);
LV emit_wrap(Function *f, LType type, LV x); /* brings a 4-bit value back into its range */
LV emit_cast(Function *f, LCast mode, LType from, LType to, LV x);
LV emit_widen16(Function *f, LType type, LV x);            /* f16 or bf16 to f32 */
LV emit_narrow16(Function *f, LType type, LV x);           /* f32 or f64 to type.dtype */
LV emit_reduce(Function *f, LBinary op, LType type, LV x); /* type: of the vector */
LV emit_dot(Function *f, LX x, LV accumulator, LV a, LV b);
LV emit_math(Function *f, LV value); /* marks float arithmetic as -fp says */

/* ---- memory.c ------------------------------------------------------------------------------- */

LT element_type(Function *f, const LBuffer *buffer);       /* of one element in memory */
BufferPlace *place_of(Function *f, const LBuffer *buffer); /* dies if it is unknown */
LV emit_load(Function *f, LX x);
void emit_store(Function *f, const LStmt *s);
void emit_prefetch(Function *f, const LStmt *s);
/* Address of one element; all indices are scalars. */
LV emit_element_address(Function *f, const LBuffer *buffer, LX const *index);
/* Consecutive elements as they lie in memory; mask null: all. Lanes that are off are poison. */
LV emit_vector_load(Function *f, LV address, LType type, LV mask);
/* The same where lanes are `step` elements apart (spaced.c). */
LV emit_spaced_load(Function *f, LV address, LType type, int step, LV mask);

/* ---- tile.c --------------------------------------------------------------------------------- */

LV emit_tile_zero(Function *f, LType type);
LV emit_tile_load(Function *f, LX x);
LV emit_tile_dot(Function *f, LX x);
void emit_tile_store(Function *f, const LStmt *s);
LT tile_type(const Unit *unit);

/* ---- slots.c: private buffers kept in registers --------------------------------------------- */

/* Decides for every private buffer of the block whether its elements are registers. */
void slots_assign(Function *f, const LBlock *block);
/* The element's position in the slot table, or -1 if the buffer is in memory. */
int slot_of(Function *f, const LBuffer *buffer, LX const *index);
LV slot_read(Function *f, int slot); /* some value where it is undefined */
/* Slots of declared buffers that the block assigns, ascending. */
size_t slots_written(Function *f, const LBlock *block, int **slots);
void buffer_declare(Function *f, const LBuffer *buffer);

/* ---- stmt.c, parallel.c, kernel.c ----------------------------------------------------------- */

void emit_block(Function *f, const LBlock *block);
/* for (var = begin; var < end; var++) body; known: the loop runs at least once. */
void emit_loop(Function *f, const LVar *var, LV begin, LV end, bool known, const LBlock *body);
void emit_parallel(Function *f, const LStmt *loop);
/* A function with its entry and body blocks and empty tables; function_finish joins the two. */
Function function_begin(Unit *unit, const LKernel *kernel, LV function);
void function_finish(Function *f);
/* Parameters: the context, then one pointer for each buffer. */
LV declare_kernel(Unit *unit, const LKernel *kernel);
LV emit_kernel(Unit *unit, const LKernel *kernel);
void mark_pointer_param(Unit *unit, LV function, unsigned index, const LBuffer *buffer);

/* ---- context.c, entry points ---------------------------------------------------------------- */

/* The context in the caller's memory; limits and the symbols of the run follow, then, 64-byte
 * aligned, the arena. */
enum {
    CTX_MAGIC = 0,
    CTX_MESSAGE = 8,
    CTX_PARALLEL_FOR = 16,
    CTX_POOL = 24,
    CTX_WEIGHTS = 32,
    CTX_RELEASE = 40,
    CTX_ALLOCATOR = 48,
    CTX_BYTES = 56,
    CTX_ARENA_BYTES = 64,
    CTX_VERSION = 72, /* number of the version that runs */
    CTX_LIMITS = 80
};
static inline int64_t ctx_symbols(const Unit *unit) {
    return CTX_LIMITS + 8 * (int64_t)unit->symbols.count;
}
static inline int64_t ctx_arena(const Unit *unit) {
    return (ctx_symbols(unit) + 8 * (int64_t)unit->symbols.count + 63) / 64 * 64;
}

/* Functions of the interface, in the order of the table. */
typedef struct EntryPoints {
    LV context_bytes, init, create, run, destroy, message;
} EntryPoints;

/* Everything of the module but the kernels, which are there. */
void emit_entry_points(Unit *unit, uint64_t stack_bytes, bool loadable);
void emit_run(Unit *unit, LV function, const LV *kernels); /* of unit->program */
uint64_t unit_context_magic(const Unit *unit);
uint64_t version_cpu_bits(const Version *version); /* NN_CPU_* bits that its code needs */
void emit_context_functions(Unit *unit, EntryPoints *entry, LV weights);
/* The nn_network; its stack_bytes is the given number. */
LV emit_network_table(Unit *unit, const EntryPoints *entry, uint64_t stack_bytes);

/* ---- versions.c ------------------------------------------------------------------------------- */

void unit_use(Unit *unit, size_t version);
/* The versions of a program, or the one that there is. */
bool versions_make(Unit *unit, Arena *arena, Diag *diag);
const char *versions_text(const Unit *unit); /* "x86-64-v2, x86-64-v3" */
/* run of a network with several versions: hands over to that of the context. */
void emit_run_of_versions(Unit *unit, LV function);
/* Bytes of the arena: what the greediest version needs. */
AbiCode versions_arena_code(const Unit *unit);

/* ---- module.c, compile.c, object.c, join.c, link.c, load.c ------------------------------------- */

/* A file's contents: data, then the parts, which belong to the program. */
typedef struct ObjectCode {
    const uint8_t *data;
    size_t size;
    const OutputPiece *parts;
    size_t nparts;
} ObjectCode;

#define WEIGHT_SECTION ".rodata.weights"
enum { WEIGHT_PLACEHOLDER_BYTES = 64 };

/* Puts the weights where the object of a module has their placeholder. They do not pass through
 * LLVM, which would hold them in memory several times. */
void object_add_weights(ObjectCode *code, const LProgram *program, Arena *arena);

/* One object with what all of them have. Objects find each other's symbols of hidden visibility,
 * which nobody sees in the whole. */
ObjectCode objects_join(const ObjectCode *objects, size_t count, Arena *scratch, Arena *arena);

typedef enum CodeKind { CODE_OBJECT, CODE_ASSEMBLY, CODE_LLVM } CodeKind;

/* What one module holds: kernels first..end-1 of the unit's, and the interface or not. Parts share
 * nothing that they write, so that several threads can compile them. */
typedef struct CodePart {
    size_t first, end;
    bool interface;
    Arena *arena; /* of its own; holds the code */
    ObjectCode code;
    uint64_t frame_bytes; /* most stack of any one function; 0 for CODE_LLVM */
} CodePart;

/* Makes the part's code. program: what there is to compile, which has no module of its own.
 * stack_bytes: what the network's table says. */
void part_compile(const Unit *program, CodePart *part, CodeKind kind, bool loadable,
                  uint64_t stack_bytes);

/* Compiles a program. loadable: only NN_ENTRY_SYMBOL is visible (-emit=so). */
bool cpu_compile(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
                 CodeKind kind, bool loadable, Arena *arena, ObjectCode *code, Diag *diag);
/* Links an object into a loadable file. */
bool cpu_link(const ObjectCode *object, const CpuMachine *machine, Arena *arena, ObjectCode *linked,
              Diag *diag);
bool cpu_load(const LProgram *program, const TargetDesc *desc, const TargetOptions *options,
              LoadedNetwork *loaded, Diag *diag);

#endif
