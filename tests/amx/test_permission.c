/* Permission to use tiles: asked for where a processor has them, and what runs when it is refused.
 *
 * The runtime's detection is compiled here once more, with a processor and a system of this test's
 * making. The networks are objects as nnc writes them: one of two versions, and one for a processor
 * with AMX alone. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "amx_levels.h"
#include "amx_only.h"
#include "tests/amx/emulator.h"
#include "tests/check.h"

/* ---- a processor and a system ---------------------------------------------------------------- */

static struct {
    int has_tiles, grants; /* what they are to say */
    int asked;             /* how often for tiles */
} machine;

static int fake_cpuid(unsigned leaf, unsigned subleaf, unsigned *a, unsigned *b, unsigned *c,
                      unsigned *d) {
    enum { TILES = 1 << 22 | 1 << 24 | 1 << 25 };
    *a = *b = *c = *d = 0;
    if (leaf == 7 && subleaf == 0 && machine.has_tiles) *d = TILES;
    return 1;
}

static long fake_syscall(long number, long code, long component) {
    if (number != SYS_arch_prctl || code != 0x1023 || component != 18) return -1;
    machine.asked++;
    return machine.grants ? 0 : -1;
}

#define __get_cpuid_count fake_cpuid
#define syscall           fake_syscall
#define nn_detect_cpu     detect
uint64_t detect(void);
#include "runtime/cpu.c" // NOLINT: with the names above
#undef nn_detect_cpu
#undef syscall
#undef __get_cpuid_count

/* ---- detection ------------------------------------------------------------------------------- */

static const uint64_t amx = NN_CPU_AMX_TILE | NN_CPU_AMX_INT8 | NN_CPU_AMX_BF16;

static void detection(void) {
    machine.asked = machine.has_tiles = machine.grants = 0;
    CHECK((detect() & amx) == 0 && machine.asked == 0);
    machine.has_tiles = 1;
    CHECK((detect() & amx) == 0 && machine.asked == 1);
    machine.grants = 1;
    CHECK((detect() & amx) == amx && machine.asked == 2);
}

/* ---- networks -------------------------------------------------------------------------------- */

enum { IMAGES = 40, PIXELS = 64, DIGITS = 10 };

static uint8_t image[IMAGES * PIXELS];

static nn_options options_with(uint64_t tiles) {
    nn_options options;
    CHECK(nn_default_options(1, &options) == NN_OK);
    options.cpu_features = (options.cpu_features & ~amx) | tiles;
    return options;
}

/* Products of tiles that a run of the network with two versions took. */
static uint64_t run_levels(uint64_t tiles, float *probs) {
    nn_options options = options_with(tiles);
    nn_context *context;
    uint64_t before = amx_counts().products;
    amx_levels_io io = {.image = image, .probs = probs};
    CHECK(amx_levels_create(&options, &context) == NN_OK);
    CHECK(amx_levels_run(context, &io) == NN_OK);
    amx_levels_destroy(context);
    nn_release_options(&options);
    return amx_counts().products - before;
}

static void versions(void) {
    static float with[IMAGES * DIGITS], without[IMAGES * DIGITS];
    CHECK(run_levels(amx | NN_CPU_AVX512_FP16, with) > 0);
    CHECK(run_levels(NN_CPU_AVX512_FP16, without) == 0);
    for (int i = 0; i < IMAGES * DIGITS; i++) CHECK(fabsf(with[i] - without[i]) < 2e-2f);
}

static void only_version(void) {
    nn_options options = options_with(NN_CPU_AVX512_FP16);
    nn_context *context;
    CHECK(amx_only_create(&options, &context) == NN_UNSUPPORTED);
    options.cpu_features |= amx;
    CHECK(amx_only_create(&options, &context) == NN_OK);
    amx_only_destroy(context);
    nn_release_options(&options);
}

int main(void) {
    if (!__builtin_cpu_supports("x86-64-v4") || !__builtin_cpu_supports("avx512bf16")) {
        printf("skipped: this processor has no AVX512-BF16, which code beside the tiles uses\n");
        return 77;
    }
    for (int i = 0; i < IMAGES * PIXELS; i++) image[i] = (uint8_t)(i * 37 % 17);
    amx_emulate();
    detection();
    versions();
    only_version();
    return checks_end();
}
