/* The interface of generated cpu code, on a small program with a symbol, a temporary and weights:
 *   t = x * 2 (kernel "double"), y = t + w, tail = first N - 2 rows of t (kernel "add"). */
#define _GNU_SOURCE
#include "cpu_fixture.h"
#include "elf_symbols.h"
#include "nn/format.h"

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { WEIGHT_OFFSET = 64, WEIGHT_BYTES = 128 };

typedef struct Io {
    int64_t n;
    const float *x;
    float *y, *tail;
} Io;

/* ---- the program -------------------------------------------------------------------------------
 */

static LTensor *make_tensor(CpuFixture *f, const char *name, LTensorRole role,
                            const char *elements) {
    return lprogram_tensor(f->program, name, role, DT_f32, cpu_dim(f, elements));
}

static void rows_loop(CpuFixture *f, const char *extent, const LBuffer *from, const LBuffer *scale,
                      const LBuffer *to, bool vector) {
    LBuilder *b = &f->b;
    LStmt *loop = lb_for(b, vector ? LOOP_VECTOR : LOOP_SERIAL, "i", lx_int(b, 0),
                         lx_dim(b, cpu_dim(f, extent)));
    loop->width = 16;
    loop->tail = TAIL_MASK;
    LX i = lb_loop_var(b, loop), v = lx_load(b, from, &i);
    LX column = lx_binary(b, LB_MOD, i, lx_int(b, 4));
    LX value = scale ? lx_add(b, v, lx_load(b, scale, &column)) : lx_add(b, v, v);
    lb_store(b, to, &i, value, NULL);
    lb_end(b, loop);
}

static LBuffer *param(CpuFixture *f, const char *name, LTensor *tensor, const char *size,
                      LAccess access) {
    TensorType type = cpu_type(f, DT_f32, 1, &size);
    return cpu_param(f, name, tensor, &type, access);
}

static CpuFixture make_program(void) {
    CpuFixture f = cpu_start();
    static const char *const rows[] = {"N", "4"}, *const tail_rows[] = {"N - 2", "4"};
    TensorType x_type = cpu_type(&f, DT_f32, 2, rows),
               tail_type = cpu_type(&f, DT_f32, 2, tail_rows);
    graph_add_input(f.graph, "x", &x_type, (Span){0});
    Value *outputs = arena_array(f.arena, Value, 2);
    outputs[0] = (Value){.type = x_type, .path = "y"};
    outputs[1] = (Value){.type = tail_type, .path = "tail"};
    graph_set_outputs(f.graph, 2, (Value *const[]){&outputs[0], &outputs[1]},
                      (const char *const[]){"y", "tail"});
    LTensor *x = make_tensor(&f, "x", TENSOR_INPUT, "4*N"),
            *y = make_tensor(&f, "y", TENSOR_OUTPUT, "4*N");
    LTensor *tail = make_tensor(&f, "tail", TENSOR_OUTPUT, "4*N - 8");
    LTensor *t = make_tensor(&f, "t", TENSOR_TEMP, "4*N"),
            *w = make_tensor(&f, "w", TENSOR_WEIGHT, "4");
    tail->io = 1;
    int64_t four = 4;
    Tensor *data = arena_new(f.arena, Tensor);
    *data = tensor_new(f.arena, DT_f32, 1, &four);
    for (int i = 0; i < 4; i++) tensor_set(data, i, 10 * (i + 1));
    w->data = data;
    w->weight_offset = WEIGHT_OFFSET;
    f.program->weight_bytes = WEIGHT_BYTES;
    LRegion first = {.unit = dim_int(f.dims, 1), .bytes = 100},
            second = {.unit = cpu_dim(&f, "N"), .bytes = 16};
    vec_push(f.arena, &f.program->regions, first);
    vec_push(f.arena, &f.program->regions, second);
    t->region = 1;

    LBuffer *from = param(&f, "x", x, "4*N", ACCESS_READ),
            *to = param(&f, "t", t, "4*N", ACCESS_WRITE);
    rows_loop(&f, "4*N", from, NULL, to, true);
    f.b.kernel->flops = cpu_dim(&f, "4*N");
    lprogram_call(f.program, f.b.kernel, f.args, "double", (Span){0});

    f.nargs = 0;
    lkernel_create(f.program, "add", "add", &f.b);
    from = param(&f, "t", t, "4*N", ACCESS_READ);
    LBuffer *scale = param(&f, "w", w, "4", ACCESS_READ);
    to = param(&f, "y", y, "4*N", ACCESS_WRITE);
    LBuffer *less = param(&f, "tail", tail, "4*N - 8", ACCESS_WRITE);
    rows_loop(&f, "4*N", from, scale, to, false);
    rows_loop(&f, "4*N - 8", from, scale, less, false);
    f.b.kernel->flops = cpu_dim(&f, "8*N - 8");
    lprogram_call(f.program, f.b.kernel, f.args, "add", (Span){0});
    return f;
}

static CpuFixture load_program(void) {
    CpuFixture f = make_program();
    cpu_load_network(&f);
    return f;
}

/* ---- memory at the edge --------------------------------------------------------------------- */

typedef struct Guarded {
    char *base, *memory;
    size_t bytes;
} Guarded;

/* Memory that ends at an inaccessible page, filled with NaN. */
static Guarded guarded(size_t bytes, size_t alignment) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    Guarded g = {.bytes = inner + 2 * page};
    g.base = mmap(NULL, g.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(g.base != MAP_FAILED);
    if (inner) cr_assert(mprotect(g.base + page, inner, PROT_READ | PROT_WRITE) == 0);
    memset(g.base + page, 0xff, inner);
    g.memory = g.base + page + (inner - bytes) / alignment * alignment;
    return g;
}

static void run_between_guards(const nn_network *network, int64_t n, int64_t limit) {
    nn_options options = {.struct_bytes = sizeof options, .limits = &limit};
    size_t bytes = network->context_bytes(&limit);
    Guarded memory = guarded(bytes, 64), x = guarded((size_t)n * 16, 4),
            y = guarded((size_t)n * 16, 4);
    Guarded tail = guarded((size_t)(n - 2) * 16, 4);
    float *values = (float *)(void *)x.memory, *out = (float *)(void *)y.memory,
          *less = (float *)(void *)tail.memory;
    for (int64_t i = 0; i < 4 * n; i++) values[i] = (float)i;
    nn_context *context;
    cr_assert(network->init(memory.memory, bytes, &options, &context) == NN_OK);
    Io io = {n, values, out, less};
    cr_assert(network->run(context, &io) == NN_OK, "%s", network->message(context));
    for (int64_t i = 0; i < 4 * n; i++) {
        float expected = (float)(2 * i + 10 * (i % 4 + 1));
        cr_assert(out[i] == expected && (i >= 4 * n - 8 || less[i] == expected));
    }
    network->destroy(context);
    munmap(memory.base, memory.bytes);
    munmap(x.base, x.bytes);
    munmap(y.base, y.bytes);
    munmap(tail.base, tail.bytes);
}

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

/* ---- files ---------------------------------------------------------------------------------- */

static void expect_prefixed(void *user, const char *name, const Elf64_Sym *symbol) {
    const char *const *prefix = user;
    if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL || symbol->st_shndx == SHN_UNDEF) return;
    cr_expect(strncmp(name, *prefix, strlen(*prefix)) == 0, "%s is visible", name);
}

Test(cpu_abi, only_the_interface_is_visible) {
    CpuFixture f = make_program();
    const char *prefix = "net_";
    Artifacts files = cpu_emit(&f, "obj");
    elf_symbols(files.files.data[0].data, files.files.data[0].size, false, expect_prefixed,
                &prefix);
    elf_expect_self_contained(files.files.data[0].data, files.files.data[0].size, "obj");
    prefix = NN_ENTRY_SYMBOL;
    files = cpu_emit(&f, "so");
    elf_symbols(files.files.data[0].data, files.files.data[0].size, true, expect_prefixed, &prefix);
    cpu_end(&f);
}

Test(cpu_abi, shared_object_loads) {
    CpuFixture f = make_program();
    Artifacts files = cpu_emit(&f, "so");
    char path[] = "/tmp/nnc-test-XXXXXX";
    int fd = mkstemp(path);
    cr_assert(write(fd, files.files.data[0].data, files.files.data[0].size) ==
              (ssize_t)files.files.data[0].size);
    close(fd);
    nn_library *library;
    const char *reason = "";
    cr_assert(nn_load(path, &library, &reason) == NN_OK, "%s", reason);
    run_between_guards(nn_library_network(library), 7, 9);
    nn_unload(library);
    unlink(path);
    cpu_end(&f);
}

static void write_text(const char *folder, const char *name, const void *data, size_t size) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert(file && fwrite(data, 1, size, file) == size);
    fclose(file);
}

/* The header in C99 and C++11, linked with the object; names that are no identifiers or are words
 * of the languages. */
Test(cpu_abi, header_compiles) {
    if (system("cc --version >/dev/null 2>&1 && c++ --version >/dev/null 2>&1") != 0)
        cr_skip_test("no C and C++ compiler");
    CpuFixture f = cpu_start();
    LBuffer *x = cpu_input1(&f, "class", DT_f32, "N"), *z = cpu_input1(&f, "a.b", DT_f32, "N");
    LBuffer *y = cpu_output1(&f, "a_b", DT_f32, "N"), *k = cpu_output1(&f, "0*/", DT_f32, "3");
    LBuilder *b = &f.b;
    LX at = lx_int(b, 0);
    lb_store(b, k, &at, lx_const(b, ltype(DT_f32, 1), 1), NULL);
    LStmt *loop = lb_for(b, LOOP_SERIAL, "i", lx_int(b, 0), lx_dim(b, cpu_dim(&f, "N")));
    LX i = lb_loop_var(b, loop);
    lb_store(b, y, &i, lx_add(b, lx_load(b, x, &i), lx_load(b, z, &i)), NULL);
    lb_end(b, loop);
    cpu_call(&f);
    Artifacts files = cpu_emit(&f, "obj");
    char folder[] = "/tmp/nnc-test-XXXXXX", command[2048], here[1024];
    cr_assert(getcwd(here, sizeof here)); /* tests run in the source folder */
    cr_assert(mkdtemp(folder));
    write_text(folder, "net.o", files.files.data[0].data, files.files.data[0].size);
    write_text(folder, "net.h", files.files.data[1].data, files.files.data[1].size);
    static const char program[] =
        "#include \"net.h\"\n"
        "#include \"net.h\"\n"
        "static float a[2], b[2], c[2], d[NET_T0_ELEMENTS];\n"
        "static union { char bytes[4096]; double align; } memory;\n"
        "int main(void) {\n"
        "    net_limits limits; nn_options options = {sizeof(nn_options)}; nn_context *context; "
        "net_io io;\n"
        "    char *start = memory.bytes + (64 - (size_t)memory.bytes % 64) % 64;\n"
        "    limits.N = 2; options.limits = &limits; a[1] = 1; b[1] = 2;\n"
        "    io.N = 2; io.class_ = a; io.a_b = b; io.a_b_2 = c; io.t0 = d;\n"
        "    if (net_init(start, net_context_bytes(&limits), &options, &context) != NN_OK) return "
        "1;\n"
        "    if (net_run(context, &io) != NN_OK || net_info()->symbol_count != 1) return 2;\n"
        "    net_destroy(context);\n"
        "    return c[1] == 3 && d[0] == 1 ? 0 : 3;\n"
        "}\n";
    write_text(folder, "main.c", program, sizeof program - 1);
    static const char *const compilers[] = {
        "cc -std=c99 -x c", "c++ -std=c++11 -Wno-missing-field-initializers -x c++"};
    for (int c = 0; c < 2; c++) {
        snprintf(command, sizeof command,
                 "cd %s && %s -Wall -Wextra -Wno-missing-field-initializers -pedantic -Werror "
                 "-I%s/runtime main.c -x none net.o -o main && ./main",
                 folder, compilers[c], here);
        cr_expect(system(command) == 0, "%s", compilers[c]);
    }
    snprintf(command, sizeof command, "rm -r %s", folder);
    cr_expect(system(command) == 0);
    cpu_end(&f);
}

Test(cpu_abi, linker_names_carry_the_interface) {
    CpuFixture f = make_program();
    const char *a = abi_linker_name(f.arena, f.program, "net", "run");
    cr_expect(strncmp(a, "net_run__nn1_", 13) == 0 && strlen(a) == 13 + 16);
    f.graph->inputs[0]->type.dtype = DT_f64;
    cr_expect(strcmp(a, abi_linker_name(f.arena, f.program, "net", "run")) != 0);
    cr_expect(strcmp(a, abi_linker_name(f.arena, f.program, "met", "run")) != 0);
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
        .cpu = "sapphirerapids", .triple = "x86_64-linux-gnu", .features = "-amx-tile,-avx512vl"};
    TargetDesc desc;
    cr_assert(target_cpu.describe(&less, &desc, arena, diag_create(arena, NULL)));
    cr_expect(desc.vector_bits == 256 && !desc.amx_int8 && !desc.amx_bf16);
    arena_destroy(arena);
}
