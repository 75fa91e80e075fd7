/* Programs that do one thing as fast as the machine can, made of the same loop IR as any network
 * and compiled by the same target. */
#ifndef NNC_DRIVER_LIMIT_PROGRAMS_H
#define NNC_DRIVER_LIMIT_PROGRAMS_H

#include "driver/execute.h"

/* A program that is ready to run, and what one run of it does. */
typedef struct LimitProgram {
    Executable executable;
    double work; /* operations, or bytes read */
} LimitProgram;

/* Each of the threads runs a loop of independent multiply-adds on registers only; a fused
 * multiply-add counts as two operations. False where it cannot run; nothing is said of it. */
bool limit_program_fma(const Compilation *c, int64_t threads, LimitProgram *program);

/* The same with instructions that add two products of bf16 to a sum in f32: four operations. False
 * also where there are none. */
bool limit_program_dot(const Compilation *c, int64_t threads, LimitProgram *program);

/* Each of the threads reads its own `bytes` of memory as often as makes `least` bytes in all. False
 * where it cannot run or there is no such memory. */
bool limit_program_read(const Compilation *c, int64_t threads, int64_t bytes, int64_t least,
                        LimitProgram *program);

#endif
