/* What the processor this program runs on can do. */
#ifndef NN_CPU_H
#define NN_CPU_H

#include <stdint.h>

/* NN_CPU_* bits; on x86-64 Linux the system is asked once for permission to use AMX, and the AMX
 * bits are set only if it was given. */
uint64_t nn_detect_cpu(void);

#endif
