/* AMX for processors without it, so that generated code for it can be run and compared.
 *
 * The instructions raise SIGILL where a processor does not have them, or the system has not given
 * permission. A handler decodes the one at hand, executes it on tile registers in software, one set
 * a thread, and continues behind it. Semantics are those of Intel's manual (Software Developer's
 * Manual, volume 2; Architecture Instruction Set Extensions, chapter 3): what a processor would
 * refuse with #GP or #UD ends the process with a sentence that says why. */
#ifndef NNC_TESTS_AMX_EMULATOR_H
#define NNC_TESTS_AMX_EMULATOR_H

#include <stdbool.h>
#include <stdint.h>

/* Instructions executed so far by all threads. */
typedef struct AmxCounts {
    uint64_t configurations, loads, stores, products;
} AmxCounts;

/* Installs the handler, for all threads, and from now on keeps SIGILL from being blocked. */
void amx_emulate(void);
AmxCounts amx_counts(void);

#endif
