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

void c_print_program(const LProgram *program, const CPrintOptions *options, Arena *arena,
                     CSource *source);

#endif
