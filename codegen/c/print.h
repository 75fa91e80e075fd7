/* Kernels of loop IR as C-family text.
 *
 * A kernel becomes one function for each part of it that can be launched: a loop over work-items,
 * or what a single work-item does between such loops. Names are those of the loop IR, made unique;
 * constants are literals. Register tiles become variables. */
#ifndef NNC_CODEGEN_C_PRINT_H
#define NNC_CODEGEN_C_PRINT_H

#include "codegen/c/dialect.h"

/* How iterations of parallel loops become work-items. */
typedef struct CLaunchStyle {
    int most_items;     /* in a group of a parallel loop */
    int64_t group_cost; /* operations that a group should have at least */
} CLaunchStyle;

/* One function: what a launch needs to know. */
typedef struct CPart {
    const char *name;
    const LKernel *kernel; /* as it is in the program */
    int nbuffers, nsymbols;
    const int *buffers; /* parameters in order, as positions among the kernel's */
    const int *symbols; /* then symbols of the module */
    int axes;           /* 1 to 3 */
    Dim groups[3];      /* never negative */
    int items[3];
    int64_t local_bytes;
} CPart;

typedef struct CSource {
    const char *text;
    VEC(CPart) parts; /* those of program->kernels[i] stand together, in order */
} CSource;

/* Prints all kernels; title goes into the first comment. fused: fma is an instruction. */
typedef struct CPrintOptions {
    const CDialect *dialect;
    CLaunchStyle launch;
    const char *title;
    bool fused, fp_fast;
} CPrintOptions;

/* A kernel as one C function: tasks of a design for synthesis. */
typedef struct CFunctionOptions {
    const CDialect *dialect;
    const char *name;   /* of the function */
    const char *title;  /* comment before it */
    const char *frames; /* runs of the body a call makes, an expression; null: one */
    /* By position of the parameter: for constant ones the name of the file-scope array that holds
     * it; with c_array_banks() > 1 arrays name_0, name_1 ... of equal size. */
    const char *const *constants;
    bool is_static;
    bool fused, fp_fast; /* as in CPrintOptions */
} CFunctionOptions;

/* Appends the function to out. All sizes and bounds are constants, no vectors. Parameters: channels
 * in order (pointers). Private buffers are variables or static arrays; nothing is unrolled here, and
 * every loop that is no pipelined one runs serially. */
void c_print_function(const LProgram *program, const LKernel *kernel,
                      const CFunctionOptions *options, Arena *arena, StrBuf *out);
/* Into how many arrays a constant parameter of the function is split: the product of its leading
 * axes that are only ever indexed by constants, the last axis excepted. */
int64_t c_array_banks(const LKernel *kernel, const LBuffer *buffer, Arena *arena);
/* C type of an element in arrays and channels. */
static inline const char *c_element_type(const CDialect *dialect, DType dtype) {
    return dialect->memory[dtype];
}

void c_print_program(const LProgram *program, const CPrintOptions *options, Arena *arena,
                     CSource *source);

#endif
