/* Private: small steps from which the entry points are written. */
#ifndef NNC_CODEGEN_CPU_CODE_H
#define NNC_CODEGEN_CPU_CODE_H

#include "codegen/cpu/emit.h"

typedef struct Check {
    LV failed;
    nn_status status;
    const char *message;
} Check;

typedef struct Code {
    Unit *unit;
    LV function;
    LLVMBuilderRef b;
    LV context;        /* where the message of a failure goes; null: nowhere */
    LV options;        /* whose log hears of a failure; null: none */
    VEC(Check) checks; /* noted, not yet acted on */
} Code;

Code code_begin(Unit *unit, LV function);
void code_end(Code *c);
LV code_param(const Code *c, unsigned index);
LV code_address(Code *c, LV base, int64_t offset);
LV code_load(Code *c, LT type, LV base, int64_t offset);
void code_store(Code *c, LV value, LV base, int64_t offset);
LV code_text(Unit *unit, const char *text); /* pointer to a string constant */
LV code_is_null(Code *c, LV pointer);
/* pointer or integer & (alignment - 1) != 0; alignment is a power of two. */
LV code_misaligned(Code *c, LV pointer, int64_t alignment);
/* Returns status with the message from the function if condition holds, else goes on. */
void code_fail_if(Code *c, LV condition, nn_status status, const char *message);
/* The same for many conditions at once: they are noted first, and the first that holds decides. One
 * branch for all of them keeps functions with hundreds of checks quick to compile. */
void code_note(Code *c, LV condition, nn_status status, const char *message);
void code_fail_if_noted(Code *c);
LV code_status(const Unit *unit, nn_status status);
LV code_call(Code *c, LV function, int nargs, const LV *args);
LV code_alignment_up(DimEmitter *e, LV bytes); /* to 64, with the emitter's overflow check */

#endif
