#define _GNU_SOURCE
#include "cpu.h"

#include "nn/nn.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux: arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA); a process has to ask before it uses
 * tile registers. */
static int amx_permitted(void) {
#if defined(__linux__) && defined(SYS_arch_prctl)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return 0;
#endif
}

/* Leaf 7 of cpuid: where each feature's bit is. */
static const struct {
    uint64_t feature;
    int subleaf, reg, bit; /* reg: 0 eax, 2 ecx, 3 edx */
} features[] = {
    {NN_CPU_AVX512_VNNI, 0, 2, 11}, {NN_CPU_AVX512_BF16, 1, 0, 5}, {NN_CPU_AMX_TILE, 0, 3, 24},
    {NN_CPU_AMX_INT8, 0, 3, 25},    {NN_CPU_AMX_BF16, 0, 3, 22},   {NN_CPU_AVX512_FP16, 0, 3, 23},
};

uint64_t nn_detect_cpu(void) {
    uint64_t found = NN_CPU_KNOWN;
    if (__builtin_cpu_supports("x86-64-v2")) found |= NN_CPU_X86_64_V2;
    if (__builtin_cpu_supports("x86-64-v3")) found |= NN_CPU_X86_64_V3;
    /* The level tells that the system saves the wide registers; without it their features are of no
     * use. */
    if (!__builtin_cpu_supports("x86-64-v4")) return found;
    found |= NN_CPU_X86_64_V4;
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++) {
        unsigned regs[4] = {0};
        if (__get_cpuid_count(7, (unsigned)features[i].subleaf, &regs[0], &regs[1], &regs[2],
                              &regs[3]) &&
            (regs[features[i].reg] >> features[i].bit & 1)) {
            found |= features[i].feature;
        }
    }
    const uint64_t amx = NN_CPU_AMX_TILE | NN_CPU_AMX_INT8 | NN_CPU_AMX_BF16;
    if ((found & amx) && !amx_permitted()) found &= ~amx;
    return found;
}
#else
uint64_t nn_detect_cpu(void) {
    return NN_CPU_KNOWN;
}
#endif
