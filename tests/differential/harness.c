#define _GNU_SOURCE
#include "tests/differential/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "codegen/lower/lower.h"
#include "tests/differential/cross.h"

const Way ways[WAY_COUNT] = {
    {.name = "native -O0"},
    {.name = "native -O2", .level = 2},
    {.name = "x86-64-v2 -O2", .cpu = "x86-64-v2", .level = 2},
    {.name = "x86-64-v3 -O2", .cpu = "x86-64-v3", .level = 2},
    {.name = "x86-64-v4 -O2", .cpu = "x86-64-v4", .level = 2},
};
const Way opencl_way = {.name = "opencl -O2", .level = 2, .target = "opencl"};
const Way opencl_gpu_way = {
    .name = "opencl generic-gpu -O2", .level = 2, .target = "opencl", .device = "generic-gpu"};
const Way bf16_way = {.name = "native -O2 bf16", .level = 2, .bf16 = true};
const Way hls_way = {.name = "hls -O2", .level = 2, .target = "hls"};

static const Target *target_of(const Way *way) {
    const Target *target = target_find(way->target ? way->target : "cpu");
    require(target);
    return target;
}

static bool target_runs_here(const Target *target) {
    StrBuf line = {0};
    bool found = target->probe(&line);
    str_free(&line);
    return found;
}

bool way_runs_here(const Way *way) {
    if (way->triple) return cross_tools_exist(way);
    if (way->target) return target_runs_here(target_of(way));
    if (!way->cpu) return true;
#if defined(__x86_64__)
    if (strcmp(way->cpu, "x86-64-v2") == 0) return __builtin_cpu_supports("x86-64-v2");
    if (strcmp(way->cpu, "x86-64-v3") == 0) return __builtin_cpu_supports("x86-64-v3");
    if (strcmp(way->cpu, "x86-64-v4") == 0) return __builtin_cpu_supports("x86-64-v4");
#endif
    return false;
}

/* ---- compiling ---------------------------------------------------------------------------------- */

static bool optimize(Compiled *c, const Way *way, Diag *diag) {
    const Pass *passes[64];
    require(pass_count <= COUNT_OF(passes));
    size_t count = passes_default(way->level, passes);
    PassInspector inspector = {.verify = true};
    PassContext context = {.module = c->graph->module,
                           .target = &c->desc,
                           .options = {.quantize_delta = way->delta, .bf16 = way->bf16},
                           .diag = diag};
    return passes_run(&context, c->graph, passes, count, &inspector);
}

bool compiled_make(Compiled *c, const Graph *source, const Way *way, Arena *arena, Diag *diag) {
    const Target *target = target_of(way);
    TargetOptions options = {.cpu = way->cpu,
                             .triple = way->triple,
                             .device = way->device,
                             .features = way->features,
                             .bf16 = way->bf16,
                             .opt_level = way->level,
                             .prefix = source->name};
    *c = (Compiled){.graph = graph_clone(source, NULL), .emulated = way->emulated};
    if (!target->describe(&options, &c->desc, arena, diag)) return false;
    c->desc.parallel_threshold = 1;
    if (!optimize(c, way, diag)) return false;
    c->program = lower_graph(c->graph, &c->desc, diag);
    if (!c->program || !plan_memory(c->program, diag) || !lprogram_verify(c->program, diag))
        return false;
    if (way->triple) return cross_make(c, way, &options, arena, diag);
    return target->load(c->program, &c->desc, &options, &c->loaded, diag);
}

void compiled_free(Compiled *c) {
    if (c->folder) cross_free(c);
    if (c->loaded.unload) c->loaded.unload(c->loaded.handle);
    c->loaded.unload = NULL;
}

/* ---- guarded memory ------------------------------------------------------------------------------ */

enum { CANARY = 0xa5, POISON = 0xff }; /* poison is NaN in every float type */

typedef struct Guarded {
    uint8_t *pages; /* one unmapped page before and one behind */
    size_t page_bytes, bytes;
    uint8_t *data;
} Guarded;

static Guarded guarded_make(size_t bytes, size_t alignment, Placement placement) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inner = (bytes + page) / page * page;
    uint8_t *all = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    require(all != MAP_FAILED && mprotect(all + page, inner, PROT_READ | PROT_WRITE) == 0);
    size_t room = (bytes + alignment - 1) / alignment * alignment;
    Guarded g = {all + page, inner, bytes, all + page + (placement == AT_END ? inner - room : 0)};
    memset(g.pages, CANARY, inner);
    memset(g.data, POISON, bytes);
    return g;
}

static bool guarded_intact(const Guarded *g) {
    for (uint8_t *p = g->pages; p < g->data; p++)
        if (*p != CANARY) return false;
    for (uint8_t *p = g->data + g->bytes; p < g->pages + g->page_bytes; p++)
        if (*p != CANARY) return false;
    return true;
}

static void guarded_free(const Guarded *g) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    munmap(g->pages - page, g->page_bytes + 2 * page);
}

/* ---- running ------------------------------------------------------------------------------------ */

typedef struct Memory {
    int count;
    Guarded *tensors; /* inputs, outputs, the context */
} Memory;

static Guarded *memory_add(Memory *memory, size_t bytes, size_t alignment, Placement placement) {
    memory->tensors[memory->count] = guarded_make(bytes, alignment, placement);
    return &memory->tensors[memory->count++];
}

static void memory_free(Memory *memory) {
    for (int i = 0; i < memory->count; i++) guarded_free(&memory->tensors[i]);
}

/* A network has those of the module's symbols that its interface names. */
static int64_t *own_symbols(const Compiled *c, Arena *arena, const RunOptions *options) {
    const nn_network *network = c->loaded.network;
    int64_t *values = arena_array(arena, int64_t, network->symbol_count + 1);
    for (uint32_t i = 0; i < network->symbol_count; i++) {
        int index = dim_symbol_find(c->graph->module->dims, network->symbols[i]);
        require(index >= 0);
        values[i] = options->symbols[index];
    }
    return values;
}

/* The generated NETWORK_io. Inputs cannot be written. */
static void **place_tensors(const nn_network *network, Memory *memory, const Tensor *inputs,
                            const Tensor *outputs, const int64_t *symbols, Arena *arena,
                            const RunOptions *options) {
    uint32_t count = network->symbol_count + network->input_count + network->output_count;
    uint64_t *io = arena_array(arena, uint64_t, count + 1), *at = io;
    for (uint32_t i = 0; i < network->symbol_count; i++) *at++ = (uint64_t)symbols[i];
    for (uint32_t i = 0; i < network->input_count; i++) {
        Guarded *g = memory_add(memory, inputs[i].bytes, 1, options->placement);
        if (inputs[i].bytes) memcpy(g->data, inputs[i].data, inputs[i].bytes);
        require(mprotect(g->pages, g->page_bytes, PROT_READ) == 0);
        *at++ = (uint64_t)(uintptr_t)g->data;
    }
    for (uint32_t i = 0; i < network->output_count; i++) {
        Guarded *g = memory_add(memory, outputs[i].bytes, 1, options->placement);
        *at++ = (uint64_t)(uintptr_t)g->data;
    }
    return (void **)(void *)io;
}

static const char *execute(const Compiled *c, Memory *memory, const void *io,
                           const int64_t *symbols, Arena *arena, const RunOptions *options) {
    const nn_network *network = c->loaded.network;
    nn_options own;
    nn_context *context = NULL;
    if (nn_default_options(options->threads, &own) != NN_OK) return "no threads";
    own.limits = symbols;
    own.cpu_features |= c->emulated;
    size_t bytes = network->context_bytes(symbols);
    if (bytes == SIZE_MAX) return "the context is said to be too large";
    Guarded *g = memory_add(memory, bytes, 64, AT_END);
    nn_status status = network->init(g->data, bytes, &own, &context);
    if (status == NN_OK) status = network->run(context, io);
    const char *fault = NULL;
    if (status != NN_OK) {
        fault = arena_printf(arena, "%s: %s", nn_status_text(status),
                             context ? network->message(context) : "init failed");
    }
    nn_release_options(&own);
    return fault;
}

const char *compiled_run(const Compiled *c, const Tensor *inputs, Tensor *outputs, Arena *arena,
                         const RunOptions *options) {
    if (c->folder) return cross_run(c, inputs, outputs, arena, options->symbols);
    const nn_network *network = c->loaded.network;
    uint32_t ports = network->input_count + network->output_count;
    Memory memory = {.tensors = arena_array(arena, Guarded, ports + 1)};
    const int64_t *symbols = own_symbols(c, arena, options);
    void **io = place_tensors(network, &memory, inputs, outputs, symbols, arena, options);
    const char *fault = execute(c, &memory, io, symbols, arena, options);
    for (int i = 0; i < memory.count && !fault; i++) {
        if (!guarded_intact(&memory.tensors[i]))
            fault = arena_printf(arena, "memory beside tensor %d was written", i);
    }
    for (uint32_t i = 0; i < network->output_count; i++) {
        outputs[i].data = arena_alloc(arena, outputs[i].bytes + 1);
        memcpy(outputs[i].data, memory.tensors[network->input_count + i].data, outputs[i].bytes);
    }
    memory_free(&memory);
    return fault;
}

/* ---- comparing ---------------------------------------------------------------------------------- */

double tolerance_of(DType dtype) {
    static const double table[DTYPE_COUNT] = {
        [DT_f32] = 1e-5, [DT_f64] = 1e-12, [DT_f16] = 1e-2, [DT_bf16] = 1e-2};
    return table[dtype];
}

bool same_bits(const Tensor *a, const Tensor *b) {
    return a->bytes == b->bytes && (a->bytes == 0 || memcmp(a->data, b->data, a->bytes) == 0);
}

/* Largest relative error of one element, and what denormals may be off by. */
static void close_bounds(DType dtype, double *relative, double *absolute) {
    static const double relatives[DTYPE_COUNT] = {
        [DT_f32] = 0x1p-20, [DT_f64] = 0x1p-47, [DT_f16] = 0x1p-10, [DT_bf16] = 0x1p-7};
    static const double absolutes[DTYPE_COUNT] = {
        [DT_f32] = 0x1p-147, [DT_f64] = 0x1p-1072, [DT_f16] = 0x1p-24, [DT_bf16] = 0x1p-132};
    *relative = relatives[dtype];
    *absolute = absolutes[dtype];
}

static bool element_matches(const Tensor *result, const Tensor *reference, int64_t i, Match match) {
    if (!dtype_is_float(reference->dtype)) return tensor_int(result, i) == tensor_int(reference, i);
    double x = tensor_get(result, i), r = tensor_get(reference, i), relative, absolute;
    if (isnan(r) || isnan(x)) return isnan(r) && isnan(x);
    if (match == MATCH_BITS) return x == r && signbit(x) == signbit(r);
    if (match == MATCH_EXACT || x == r) return x == r;
    close_bounds(reference->dtype, &relative, &absolute);
    return isfinite(r) && fabs(x - r) <= relative * fabs(r) + absolute;
}

static const char *element_text(const Tensor *result, const Tensor *reference, int64_t i,
                                Arena *arena) {
    if (!dtype_is_float(reference->dtype)) {
        return arena_printf(arena, "element %lld is %lld, expected %lld", (long long)i,
                            (long long)tensor_int(result, i), (long long)tensor_int(reference, i));
    }
    return arena_printf(arena, "element %lld is %.17g, expected %.17g", (long long)i,
                        tensor_get(result, i), tensor_get(reference, i));
}

const char *mismatch(const Tensor *result, const Tensor *reference, Match match, double tol,
                     Arena *arena) {
    if (match == MATCH_AGREES) {
        Agreement a = tensor_agreement(result, reference, tol);
        if (a.agrees) return NULL;
        const char *where =
            a.worst < 0 ? "types differ" : element_text(result, reference, a.worst, arena);
        return arena_printf(arena, "%s (relative error %.3g, largest %.3g, tolerance %g)", where,
                            a.relative_l2, a.max_error, tol);
    }
    int64_t count = tensor_elements(reference), wrong = 0, first = -1;
    for (int64_t i = 0; i < count; i++) {
        if (element_matches(result, reference, i, match)) continue;
        if (wrong++ == 0) first = i;
    }
    if (wrong == 0) return NULL;
    return arena_printf(arena, "%s; %lld of %lld are wrong",
                        element_text(result, reference, first, arena), (long long)wrong,
                        (long long)count);
}

/* ---- inputs ------------------------------------------------------------------------------------- */

static const double special_floats[] = {
    NAN,          INFINITY,     -INFINITY,     0.0,      -0.0,      1.0,       -1.0,       0.5,
    -0.5,         1.5,          2.5,           -2.5,     3.5,       0x1p-24,   0x1p-25,    0x1p-14,
    65504.0,      -65520.0,     0x1p-126,      0x1p-149, -0x1p-140, 0x1p-133,  3.4e38,     -3.4e38,
    1e-40,        88.0,         -88.0,         127.5,    -128.5,    255.5,     32767.5,    -32768.5,
    2147483520.0, 2147483648.0, -2147483904.0, 9.3e18,   -9.3e18,   8388607.5, 0.49999997, 1e300,
    -1e300,       0x1p-1022,    0x1p-1074,     709.0,    -745.0,    10.0,      -10.0,      1e-5,
    -20.0,        0.3,
};

static uint64_t next_word(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return hash_bytes(state, sizeof *state, 0);
}

static double unit(uint64_t word) {
    return (double)(word >> 11) * 0x1p-53;
}

static double float_value(Values values, uint64_t *state) {
    uint64_t word = next_word(state);
    double u = unit(next_word(state)), sign = word & 1 ? -1 : 1;
    switch (values) {
    case VALUES_SMALL: return sqrt(-2 * log(1 - u)) * cos(6.283185307179586 * unit(word));
    case VALUES_WIDE: return sign * exp2(24 * u - 12);
    case VALUES_POSITIVE: return 0.1 + 3 * u;
    case VALUES_SPECIAL: break;
    }
    if (word >> 1 & 1) return sign * exp2(16 * u - 8);
    return special_floats[(word >> 8) % COUNT_OF(special_floats)];
}

static int64_t int_value(DType dtype, Values values, uint64_t *state) {
    int64_t lo = dtype_min(dtype), hi = dtype_max(dtype);
    uint64_t word = next_word(state), range = (uint64_t)hi - (uint64_t)lo;
    int64_t edges[] = {lo, hi, lo + 1, hi - 1, 0, 1, lo < 0 ? -1 : 2, 3};
    if (dtype == DT_bool) return (int64_t)(word >> 40 & 1);
    if (values == VALUES_SMALL) return (int64_t)(word >> 40 & (lo < 0 ? 15 : 7)) - (lo < 0 ? 8 : 0);
    if (values == VALUES_POSITIVE) return 1 + (int64_t)((word >> 40) % (hi < 9 ? 7 : 9));
    if (values == VALUES_SPECIAL && (word & 1)) return edges[word >> 40 & 7];
    return (int64_t)((uint64_t)lo + (range == UINT64_MAX ? word : word % (range + 1)));
}

void fill_values(Tensor *tensor, Values values, uint64_t seed) {
    uint64_t state = seed * 1000003 + (uint64_t)tensor->dtype;
    int64_t count = tensor_elements(tensor);
    for (int64_t i = 0; i < count; i++) {
        if (dtype_is_float(tensor->dtype))
            tensor_set(tensor, i, float_value(values, &state));
        else
            tensor_set_int(tensor, i, int_value(tensor->dtype, values, &state));
    }
}

/* ---- processes ---------------------------------------------------------------------------------- */

int in_child(bool (*check)(void *data), void *data, bool quiet) {
    fflush(stdout);
    fflush(stderr);
    pid_t child = fork();
    require(child >= 0);
    if (child == 0) {
        if (quiet) {
            require(freopen("/dev/null", "w", stdout) != NULL);
            require(freopen("/dev/null", "w", stderr) != NULL);
        }
        bool ok = check(data);
        fflush(stdout);
        fflush(stderr);
        _exit(ok ? 0 : 1);
    }
    int status;
    require(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) <= 1) return WEXITSTATUS(status);
    if (quiet) return 2;
    if (WIFSIGNALED(status))
        printf("died by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        printf("ended with status %d\n", WEXITSTATUS(status));
    return 2;
}
