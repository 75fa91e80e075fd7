/* A small program with a symbol, a temporary and weights, for tests of the generated interface:
 *   t = x * 2 (kernel "double"), y = t + w, tail = first N - 2 rows of t + w (kernel "add"). */
#ifndef NNC_TESTS_CPU_PROGRAM_H
#define NNC_TESTS_CPU_PROGRAM_H

#include "cpu_fixture.h"

#include <sys/mman.h>
#include <unistd.h>

enum { WEIGHT_OFFSET = 64, WEIGHT_BYTES = 128 };

typedef struct Io {
    int64_t n;
    const float *x;
    float *y, *tail;
} Io;

/* ---- the program -------------------------------------------------------------------------------
 */

static inline LTensor *make_tensor(CpuFixture *f, const char *name, LTensorRole role,
                                   const char *elements) {
    return lprogram_tensor(f->program, name, role, DT_f32, cpu_dim(f, elements));
}

static inline void rows_loop(CpuFixture *f, const char *extent, const LBuffer *from,
                             const LBuffer *scale, const LBuffer *to, bool vector) {
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

static inline LBuffer *param(CpuFixture *f, const char *name, LTensor *tensor, const char *size,
                             LAccess access) {
    TensorType type = cpu_type(f, DT_f32, 1, &size);
    return cpu_param(f, name, tensor, &type, access);
}

static inline CpuFixture make_program(void) {
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

static inline CpuFixture load_program(void) {
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
static inline Guarded guarded(size_t bytes, size_t alignment) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), inner = (bytes + page - 1) / page * page;
    Guarded g = {.bytes = inner + 2 * page};
    g.base = mmap(NULL, g.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert(g.base != MAP_FAILED);
    if (inner) cr_assert(mprotect(g.base + page, inner, PROT_READ | PROT_WRITE) == 0);
    memset(g.base + page, 0xff, inner);
    g.memory = g.base + page + (inner - bytes) / alignment * alignment;
    return g;
}

static inline void run_between_guards(const nn_network *network, int64_t n, int64_t limit) {
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

#endif
