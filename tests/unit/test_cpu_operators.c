/* Every operator of loop IR on every element type, in scalars and vectors, for several levels of
 * x86: generated code gives the bits that the evaluator gives. */
#include "cpu_cases.h"
#include "elf_symbols.h"

static LStmt *loop_of(Operators *o) {
    LBlock *top = &o->f.b.kernel->body;
    return top->stmts.data[top->stmts.len - 1];
}

static const int lane_counts[] = {1, 4, 16};

static void on_levels(BuildCase *build, bool finite_ints, size_t nlevels) {
    for (size_t l = 0; l < nlevels; l++) {
        if (!level_runs_here(levels[l])) continue;
        for (size_t t = 0; t < COUNT_OF(types); t++) {
            for (size_t n = 0; n < COUNT_OF(lane_counts); n++) {
                if (levels[l] && lane_counts[n] == 4) continue;
                Operators o = operators_start(types[t], lane_counts[n], levels[l]);
                build(&o);
                operators_check(&o, loop_of(&o), finite_ints);
            }
        }
    }
}

Test(cpu_operators, unary) {
    on_levels(build_unary, false, LEVEL_COUNT);
}

Test(cpu_operators, comparisons) {
    on_levels(build_compare, false, 2);
}

Test(cpu_operators, binary) {
    on_levels(build_binary, true, LEVEL_COUNT);
}

Test(cpu_operators, casts) {
    on_levels(build_casts, false, LEVEL_COUNT);
}

Test(cpu_operators, bitcasts) {
    on_levels(build_bitcasts, false, 2);
}

Test(cpu_operators, lanes) {
    on_levels(build_lanes, false, 2);
}

Test(cpu_operators, transcendentals) {
    on_levels(build_math, false, 2);
}

/* ---- what the linker sees ------------------------------------------------------------------- */

static const struct {
    const char *triple, *cpu;
} machines[] = {
    {"x86_64-linux-gnu", NULL},
    {"x86_64-linux-gnu", "x86-64-v2"},
    {"x86_64-linux-gnu", "x86-64-v3"},
    {"x86_64-linux-gnu", "x86-64-v4"},
    {"x86_64-linux-gnu", "sapphirerapids"},
    {"aarch64-linux-gnu", NULL},
    {"aarch64-linux-gnu", "neoverse-n1"},
    {"riscv64-linux-gnu", NULL},
    {"riscv64-linux-gnu", "sifive-x280"},
};

/* On every architecture and level, whatever the operator: nothing but memcpy and its like. */
Test(cpu_operators, objects_are_self_contained) {
    for (size_t m = 0; m < COUNT_OF(machines); m++) {
        for (size_t k = 0; k < COUNT_OF(builders) * COUNT_OF(types); k++) {
            Operators o =
                operators_start(types[k % COUNT_OF(types)], k % 2 ? 4 : 1, machines[m].cpu);
            o.f.options.triple = machines[m].triple;
            o.f.options.opt_level = (int)(k + m) % 4;
            builders[k / COUNT_OF(types)](&o);
            lb_end(&o.f.b, loop_of(&o));
            cpu_call(&o.f);
            Artifacts files = cpu_emit(&o.f, "obj");
            elf_expect_self_contained(files.files.data[0].data, files.files.data[0].size,
                                      machines[m].triple);
            cpu_end(&o.f);
        }
    }
}
