/* The interface of generated cpu code: what a context does, and what is refused. */
#define _GNU_SOURCE
#include "codegen/cpu/machine.h"
#include "cpu_program.h"
#include "nn/format.h"

#include <ucontext.h>

Test(cpu_abi, stays_within_its_memory) {
    CpuFixture f = load_program();
    for (int64_t n = 2; n < 40; n += 3) {
        run_between_guards(f.loaded.network, n, n);
        run_between_guards(f.loaded.network, n, 50);
    }
    cpu_end(&f);
}

/* ---- what is refused ------------------------------------------------------------------------ */

static int logged;

static void count_log(void *data, const char *message) {
    cr_assert(data == &logged && *message);
    logged++;
}

Test(cpu_abi, init_refuses) {
    CpuFixture f = load_program();
    const nn_network *network = f.loaded.network;
    int64_t limit = 8, negative = -1, huge = INT64_MAX / 8;
    nn_options options = {
        .struct_bytes = sizeof options, .limits = &limit, .log = count_log, .log_data = &logged};
    size_t bytes = network->context_bytes(&limit);
    char *memory = aligned_alloc(64, bytes + 64);
    nn_context *context = NULL;
    cr_expect(network->context_bytes(NULL) == SIZE_MAX);
    cr_expect(network->context_bytes(&negative) == SIZE_MAX);
    cr_expect(network->context_bytes(&huge) == SIZE_MAX);
    cr_expect(network->init(memory, bytes, &options, NULL) == NN_INVALID);
    cr_expect(network->init(memory, bytes, NULL, &context) == NN_INVALID && !context);
    cr_expect(logged == 0);
    cr_expect(network->init(NULL, bytes, &options, &context) == NN_INVALID);
    cr_expect(network->init(memory + 32, bytes, &options, &context) == NN_INVALID);
    cr_expect(network->init(memory, bytes - 1, &options, &context) == NN_NO_MEMORY);
    cr_expect(logged == 3);
    nn_options wrong = options;
    wrong.struct_bytes = sizeof options - 8;
    cr_expect(network->init(memory, bytes, &wrong, &context) == NN_INVALID);
    wrong = options;
    wrong.limits = NULL;
    cr_expect(network->init(memory, bytes, &wrong, &context) == NN_INVALID);
    wrong.limits = &negative;
    cr_expect(network->init(memory, bytes, &wrong, &context) == NN_INVALID);
    wrong.limits = &huge;
    cr_expect(network->init(memory, SIZE_MAX, &wrong, &context) == NN_TOO_LARGE);
    wrong = options;
    wrong.weights = memory;
    wrong.weights_bytes = WEIGHT_BYTES - 1;
    cr_expect(network->init(memory, bytes, &wrong, &context) == NN_MISMATCH);
    wrong.weights_bytes = WEIGHT_BYTES;
    wrong.weights = memory + 4;
    cr_expect(network->init(memory, bytes, &wrong, &context) == NN_INVALID);
    wrong = options;
    wrong.cpu_features = NN_CPU_KNOWN;
    if (network->cpu_features) {
        cr_expect(network->init(memory, bytes, &wrong, &context) == NN_UNSUPPORTED);
    }
    wrong.cpu_features |= network->cpu_features;
    cr_expect(network->init(memory, bytes, &wrong, &context) == NN_OK && context);
    cr_expect_str_eq(network->message(context), "");
    cr_expect_str_eq(network->message(NULL), "");
    free(memory);
    cpu_end(&f);
}

static void expect_refused(const nn_network *network, nn_context *context, Io io, nn_status status,
                           const char *word) {
    float *y = io.y;
    float before = y ? *y : 0;
    nn_status got = network->run(context, &io);
    cr_expect(got == status, "%s: status %d", word, (int)got);
    cr_expect(strstr(network->message(context), word), "'%s' should mention %s",
              network->message(context), word);
    cr_expect(!y || *y == before);
}

Test(cpu_abi, run_refuses) {
    CpuFixture f = load_program();
    const nn_network *network = f.loaded.network;
    int64_t limit = 8;
    nn_context *context = cpu_context(&f, &limit);
    static float x[64], y[64], tail[64];
    Io good = {4, x, y, tail}, io = good;
    cr_expect(network->run(NULL, &good) == NN_INVALID);
    cr_expect(network->run(context, NULL) == NN_INVALID);
    y[0] = 77;
    io.n = -1;
    expect_refused(network, context, io, NN_INVALID, "N is negative");
    io.n = 9;
    expect_refused(network, context, io, NN_TOO_LARGE, "limit");
    io.n = INT64_MAX;
    expect_refused(network, context, io, NN_TOO_LARGE, "N exceeds");
    io.n = 1;
    expect_refused(network, context, io, NN_INVALID, "N - 2");
    io = good;
    io.x = NULL;
    expect_refused(network, context, io, NN_INVALID, "x is null");
    io = good;
    io.tail = NULL;
    expect_refused(network, context, io, NN_INVALID, "tail is null");
    io = good;
    io.x = (const float *)(const void *)((const char *)x + 2);
    expect_refused(network, context, io, NN_INVALID, "aligned");
    io = good;
    io.x = y + 8;
    expect_refused(network, context, io, NN_INVALID, "overlaps");
    io = good;
    io.tail = y + 12;
    expect_refused(network, context, io, NN_INVALID, "overlaps");
    cr_expect(network->run(context, &good) == NN_OK);
    cr_expect_str_eq(network->message(context), "");
    cr_expect(y[0] != 77);
    io = good;
    io.n = 2; /* tail is empty: no memory needed */
    io.tail = NULL;
    cr_expect(network->run(context, &io) == NN_OK);
    network->destroy(context);
    cr_expect(network->run(context, &good) == NN_INVALID);
    network->destroy(NULL);
    free(context);
    cpu_end(&f);
}

/* ---- allocation ----------------------------------------------------------------------------- */

typedef struct Counter {
    size_t bytes;
    int live, allowed;
} Counter;

static void *counting_allocate(void *allocator, size_t bytes, size_t alignment) {
    Counter *counter = allocator;
    cr_assert(alignment == 64);
    if (counter->live == counter->allowed) return NULL;
    counter->live++;
    counter->bytes = bytes;
    return aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static void counting_release(void *allocator, void *memory, size_t bytes) {
    Counter *counter = allocator;
    cr_assert(bytes == counter->bytes);
    counter->live--;
    free(memory);
}

Test(cpu_abi, create_and_destroy) {
    CpuFixture f = load_program();
    const nn_network *network = f.loaded.network;
    int64_t limit = 8;
    Counter counter = {.allowed = 1};
    nn_options options = {.struct_bytes = sizeof options, .limits = &limit};
    nn_context *context = NULL;
    cr_expect(network->create(&options, &context) == NN_NO_MEMORY);
    options.allocate = counting_allocate;
    options.release = counting_release;
    options.allocator = &counter;
    cr_expect(network->create(&options, &context) == NN_OK && counter.live == 1);
    cr_expect(counter.bytes == network->context_bytes(&limit));
    nn_context *second = NULL;
    cr_expect(network->create(&options, &second) == NN_NO_MEMORY && !second);
    network->destroy(context);
    cr_expect(counter.live == 0);
    options.weights = &limit; /* refused by init: the memory must go back */
    options.weights_bytes = 1;
    cr_expect(network->create(&options, &context) == NN_MISMATCH && counter.live == 0);
    cpu_end(&f);
}

/* ---- what it says of itself ----------------------------------------------------------------- */

Test(cpu_abi, table) {
    CpuFixture f = load_program();
    const nn_network *network = f.loaded.network;
    cr_expect(memcmp(network->magic, "nn-net\0\1", 8) == 0);
    cr_expect(network->struct_bytes == sizeof *network && network->abi_version == NN_ABI_VERSION);
    cr_expect(network->interface_hash == abi_interface_hash(f.program, "net"));
    cr_expect_str_eq(network->name, "net");
    cr_expect_str_eq(network->symbols[0], "N");
    cr_expect_str_eq(network->inputs[0].name, "x");
    cr_expect_str_eq(network->outputs[1].name, "tail");
    cr_expect(network->symbol_count == 1 && network->kernel_count == 2 &&
              network->weights_bytes == WEIGHT_BYTES);
    int64_t n = 5, value;
    cr_expect(nn_eval(&network->outputs[1].dims[0], &n, 1, &value) == NN_OK && value == 3);
    cr_expect(nn_eval(&network->operations, &n, 1, &value) == NN_OK && value == 12 * 5 - 8);
    cr_expect(nn_eval(&network->arena_bytes, &n, 1, &value) == NN_OK && value == 128 + 128);
    cr_expect(network->context_bytes(&n) >= (size_t)value &&
              network->context_bytes(&n) <= (size_t)value + 256);
    cpu_end(&f);
}

static ucontext_t back, there;
static const nn_network *stack_network;
static nn_context *stack_context;
static Io stack_io;

static void run_on_stack(void) {
    cr_assert(stack_network->run(stack_context, &stack_io) == NN_OK);
}

/* A painted stack shows how much of it a run used. */
Test(cpu_abi, stack_bytes_hold) {
    CpuFixture f = load_program();
    stack_network = f.loaded.network;
    int64_t limit = 16;
    static float x[64], y[64], tail[64];
    stack_context = cpu_context(&f, &limit);
    stack_io = (Io){16, x, y, tail};
    enum { STACK = 1 << 16, CALLER = 512 }; /* CALLER: the frames of this file */
    static unsigned char stack[STACK];
    memset(stack, 0xa5, STACK);
    getcontext(&there);
    there.uc_stack = (stack_t){.ss_sp = stack, .ss_size = STACK};
    there.uc_link = &back;
    makecontext(&there, run_on_stack, 0);
    swapcontext(&back, &there);
    size_t unused = 0;
    while (unused < STACK && stack[unused] == 0xa5) unused++;
    cr_expect(STACK - unused <= stack_network->stack_bytes + CALLER, "%zu used, %zu promised",
              STACK - unused, stack_network->stack_bytes);
    cr_expect(stack_network->stack_bytes < STACK);
    free(stack_context);
    cpu_end(&f);
}

/* ---- other weights -------------------------------------------------------------------------- */

Test(cpu_abi, external_weights) {
    CpuFixture f = make_program();
    f.options.external_weights = true;
    f.options.source_hash = 0x1234;
    Artifacts files = cpu_emit(&f, "obj");
    cr_assert(files.files.len == 3);
    cr_expect_str_eq(files.files.data[2].path, "dir/net.weights");
    nn_weight_file head;
    memcpy(&head, files.files.data[2].data, sizeof head);
    cr_expect(memcmp(head.magic, NN_WEIGHT_FILE_MAGIC, 8) == 0 && head.header_bytes == 64);
    cr_expect(head.source_hash == 0x1234 && head.weights_bytes == WEIGHT_BYTES);
    cpu_load_network(&f);
    int64_t limit = 8;
    nn_options options = {.struct_bytes = sizeof options, .limits = &limit};
    const nn_network *network = f.loaded.network;
    size_t bytes = network->context_bytes(&limit);
    void *memory = aligned_alloc(64, bytes);
    char *weights = aligned_alloc(64, WEIGHT_BYTES);
    memcpy(weights, (const char *)files.files.data[2].data + sizeof head, WEIGHT_BYTES);
    nn_context *context;
    cr_expect(network->init(memory, bytes, &options, &context) == NN_INVALID);
    options.weights = weights;
    options.weights_bytes = WEIGHT_BYTES;
    cr_expect(network->init(memory, bytes, &options, &context) == NN_OK);
    static float x[32], y[32], tail[32];
    Io io = {3, x, y, tail};
    cr_expect(network->run(context, &io) == NN_OK && y[5] == 20);
    free(memory);
    free(weights);
    cpu_end(&f);
}

/* ---- the processor -------------------------------------------------------------------------- */

static void expect_unknown(TargetOptions options, const char *word) {
    Arena *arena = arena_create();
    Diag *diag = diag_create(arena, NULL);
    TargetDesc desc;
    cr_expect(!target_cpu.describe(&options, &desc, arena, diag));
    cr_expect(strstr(diag_text(diag), word), "%s", diag_text(diag));
    arena_destroy(arena);
}

Test(cpu_abi, processors) {
    expect_unknown((TargetOptions){.cpu = "x86-64-v33", .triple = "x86_64-linux-gnu"},
                   "did you mean 'x86-64-v3'");
    expect_unknown((TargetOptions){.cpu = "neoverse-n1", .triple = "x86_64-linux-gnu"},
                   "-mtriple=aarch64-linux-gnu");
    expect_unknown((TargetOptions){.triple = "sparc-linux-gnu"}, "cannot compile for the triple");
    expect_unknown((TargetOptions){.triple = "x86_64-pc-windows-msvc"}, "ELF");
    expect_unknown((TargetOptions){.triple = "x86_64-linux-gnu", .features = "avx2"},
                   "-mattr=avx2");
    static const struct {
        const char *triple, *cpu;
        int bits;
        bool fma, amx;
    } rows[] = {{"x86_64-linux-gnu", "x86-64-v2", 128, false, false},
                {"x86_64-linux-gnu", "haswell", 256, true, false},
                {"x86_64-linux-gnu", "sapphirerapids", 512, true, true},
                {"aarch64-linux-gnu", NULL, 128, true, false},
                {"riscv64-linux-gnu", NULL, 0, true, false},
                {"riscv64-linux-gnu", "sifive-x280", 128, true, false}};
    Arena *arena = arena_create();
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        TargetOptions options = {.cpu = rows[i].cpu, .triple = rows[i].triple};
        TargetDesc desc;
        cr_assert(target_cpu.describe(&options, &desc, arena, diag_create(arena, NULL)));
        cr_expect(desc.vector_bits == rows[i].bits && desc.fma == rows[i].fma &&
                  desc.amx_int8 == rows[i].amx);
    }
    TargetOptions less = {
        .cpu = "sapphirerapids", .triple = "x86_64-linux-gnu", .features = "-amx-tile,-avx512dq"};
    TargetDesc desc;
    cr_assert(target_cpu.describe(&less, &desc, arena, diag_create(arena, NULL)));
    cr_expect(desc.vector_bits == 256 && !desc.amx_int8 && !desc.amx_bf16);
    arena_destroy(arena);
}

Test(cpu_abi, tiles_that_the_system_refuses_are_not_used) {
    Arena *arena = arena_create();
    TargetOptions options = {.cpu = "sapphirerapids", .triple = "x86_64-linux-gnu"};
    CpuMachine machine;
    cr_assert(cpu_machine(&options, &machine, arena, diag_create(arena, NULL)));
    cpu_drop_refused_tiles(&machine, NN_CPU_KNOWN | NN_CPU_AMX_TILE, arena);
    cr_expect(cpu_has(&machine, HAS_AMX_TILE | HAS_AMX_INT8 | HAS_AMX_BF16));
    cpu_drop_refused_tiles(&machine, NN_CPU_KNOWN | NN_CPU_X86_64_V4, arena);
    cr_expect(!(machine.has & (HAS_AMX_TILE | HAS_AMX_INT8 | HAS_AMX_BF16)));
    cr_expect(cpu_has(&machine, HAS_AVX512BF16));
    cr_expect_not_null(strstr(machine.features, "-amx-tile"));
    arena_destroy(arena);
}

/* Code that this machine cannot execute is refused before it is loaded. */
Test(cpu_abi, foreign_code_is_not_loaded) {
    CpuFixture f = make_program();
    f.diag = diag_create(f.arena, NULL);
#if defined(__aarch64__)
    f.options.triple = "x86_64-linux-gnu";
#else
    f.options.triple = "aarch64-linux-gnu";
#endif
    cpu_describe_target(&f);
    cr_expect(!target_cpu.load(f.program, &f.desc, &f.options, &f.loaded, f.diag));
    cr_expect(strstr(diag_text(f.diag), "cannot run on this machine"));
    cpu_end(&f);
}
