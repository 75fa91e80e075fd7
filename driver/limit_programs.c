#include "driver/limit_programs.h"

#include <string.h>

enum {
    FMA_STEPS = 1 << 17,
    READ_CHAINS = 8,           /* streams side by side, as a product reads its weights */
    SPREAD_COST = 1 << 30,     /* operations of an iteration: always worth a thread */
    MOST_ROWS_BYTES = 1 << 30, /* of one thread */
};

static const char fma_names[3][8] = {"start", "factor", "addend"};

typedef struct Draft {
    Compilation compilation;
    Module *module;
    LProgram *program;
    LBuilder b;
    LKernel *kernel;
    LBuffer *x, *y;
    int64_t lanes;
    LX thread;
    LStmt *threads;
} Draft;

static Dim product(DimContext *dims, const Dim *sizes, int rank) {
    Dim all = dim_int(dims, 1);
    for (int i = 0; i < rank; i++) all = dim_mul(dims, all, sizes[i]);
    return all;
}

/* The graph only states the signature, x to y of other sizes; the kernel is written by hand. */
static Graph *signature(Module *module, const Dim *input, const Dim *output) {
    Graph *graph = module->graph = graph_create(module, "limit");
    TensorType type = type_make(DT_f32, 3, input);
    Value *x = graph_add_input(graph, "x", &type, (Span){0});
    Builder b = {.graph = graph, .path = "limit"};
    Value *one = build1(&b, OP_slice, x, attr_ints("starts", 3, (int64_t[]){0, 0, 0}),
                        attr_ints("ends", 3, (int64_t[]){1, 1, 1}));
    Value *y = build1(&b, OP_broadcast_to, one, attr_dims("shape", 3, output));
    graph_set_outputs(graph, 1, &y, (const char *const[]){"y"});
    return graph;
}

static void draft_begin(Draft *d, const Compilation *c, const char *name, const Dim *input,
                        const Dim *output) {
    DimContext *dims = d->module->dims;
    Graph *graph = signature(d->module, input, output);
    d->program = lprogram_create(d->module, graph);
    d->program->alignment = c->desc.buffer_alignment;
    d->kernel = lkernel_create(d->program, name, "limit", &d->b);
    d->x = lb_param(&d->b, "x", SPACE_GLOBAL, DT_f32, 3, input, ACCESS_READ);
    d->y = lb_param(&d->b, "y", SPACE_GLOBAL, DT_f32, 3, output, ACCESS_WRITE);
    d->threads = lb_for(&d->b, LOOP_PARALLEL, "thread", lx_int(&d->b, 0), lx_dim(&d->b, output[0]));
    d->threads->cost = SPREAD_COST;
    d->thread = lb_loop_var(&d->b, d->threads);
    lprogram_tensor(d->program, "x", TENSOR_INPUT, DT_f32, product(dims, input, 3));
    lprogram_tensor(d->program, "y", TENSOR_OUTPUT, DT_f32, product(dims, output, 3));
    d->compilation = *c;
    d->compilation.program = d->program;
    d->compilation.target_options.prefix = "limit";
    d->compilation.target_options.hook = NULL;
}

static LX lane(Draft *d, LX first) {
    return d->lanes > 1 ? lx_ramp(&d->b, first, 1, (int)d->lanes) : first;
}

static bool draft_end(Draft *d, const Tensor *input, int64_t threads, Executable *executable) {
    Compilation *c = &d->compilation;
    lb_end(&d->b, d->threads);
    lprogram_call(d->program, d->kernel, d->program->tensors.data, "limit", (Span){0});
    return plan_memory(d->program, c->diag) && executable_compile(c, executable) &&
           executable_bind(executable, input, (int64_t[]){0}, (size_t)threads, c->diag);
}

/* As many chains as registers allow, so that latency does not bind; each step adds `group` products
 * to every lane. */
static bool chains_program(const Compilation *c, int64_t threads, int group,
                           LimitProgram *program) {
    int chains = c->desc.vector_registers >= 32 ? 24 : 12, lanes = target_lanes(&c->desc, 32);
    int width = lanes * group;
    Draft d = {.module = module_create(c->arena, c->diag), .lanes = lanes};
    DimContext *dims = d.module->dims;
    Dim input[3] = {dim_int(dims, 1), dim_int(dims, 3), dim_int(dims, width)};
    Dim output[3] = {dim_int(dims, threads), dim_int(dims, chains), dim_int(dims, lanes)};
    draft_begin(&d, c, group > 1 ? "dot" : "fma", input, output);
    LBuilder *b = &d.b;
    LX zero = lx_int(b, 0), at_lane = lane(&d, zero), row[3];
    for (int i = 0; i < 3; i++) {
        bool factor = group > 1 && i > 0;
        LX at = factor ? lx_ramp(b, zero, 1, width) : at_lane;
        LX x = lx_load(b, d.x, (LX[]){zero, lx_int(b, i), at});
        row[i] = lb_let(b, fma_names[i], factor ? lx_cast(b, CAST_VALUE, DT_bf16, x) : x);
    }
    int64_t size = chains;
    LBuffer *acc = lb_declare(b, "acc", SPACE_PRIVATE, ltype(DT_f32, lanes), 1, &size);
    for (int i = 0; i < chains; i++) {
        LX value = lx_binary(b, LB_ADD, row[0], lx_const(b, ltype(DT_f32, lanes), i));
        lb_store(b, acc, (LX[]){lx_int(b, i)}, value, NULL);
    }
    LStmt *loop = lb_for(b, LOOP_SERIAL, "step", zero, lx_int(b, FMA_STEPS));
    for (int i = 0; i < chains; i++) {
        LX at[] = {lx_int(b, i)}, sum = lx_load(b, acc, at);
        sum = group > 1 ? lx_dot(b, sum, row[1], row[2]) : lx_fma(b, sum, row[1], row[2]);
        lb_store(b, acc, at, sum, NULL);
    }
    lb_end(b, loop);
    for (int i = 0; i < chains; i++) {
        LX value = lx_load(b, acc, (LX[]){lx_int(b, i)});
        lb_store(b, d.y, (LX[]){d.thread, lx_int(b, i), at_lane}, value, NULL);
    }
    Tensor in = tensor_new(c->arena, DT_f32, 3, (int64_t[]){1, 3, width});
    for (int i = 0; i < width; i++) {
        tensor_set(&in, i, 1.0);
        tensor_set(&in, width + i, 0.999);
        tensor_set(&in, 2 * width + i, 0.001);
    }
    program->work = 2.0 * chains * width * FMA_STEPS * (double)threads;
    return draft_end(&d, &in, threads, &program->executable);
}

bool limit_program_fma(const Compilation *c, int64_t threads, LimitProgram *program) {
    return chains_program(c, threads, 1, program);
}

bool limit_program_dot(const Compilation *c, int64_t threads, LimitProgram *program) {
    int group = target_dot(&c->desc, DT_bf16, DT_bf16);
    return group > 1 && chains_program(c, threads, group, program);
}

static void read_all(Draft *d, int64_t rows, int64_t passes) {
    LBuilder *b = &d->b;
    int64_t size = READ_CHAINS;
    LType type = ltype(DT_f32, (int)d->lanes);
    LBuffer *acc = lb_declare(b, "acc", SPACE_PRIVATE, type, 1, &size);
    for (int i = 0; i < READ_CHAINS; i++)
        lb_store(b, acc, (LX[]){lx_int(b, i)}, lx_const(b, type, 0), NULL);
    LStmt *pass = lb_for(b, LOOP_SERIAL, "pass", lx_int(b, 0), lx_int(b, passes));
    LStmt *loop = lb_for(b, LOOP_SERIAL, "row", lx_int(b, 0), lx_int(b, rows));
    LX row = lb_loop_var(b, loop);
    for (int i = 0; i < READ_CHAINS; i++) {
        LX at[] = {lx_int(b, i)}, index = lane(d, lx_muli(b, row, d->lanes));
        LX value = lx_load(b, d->x, (LX[]){d->thread, lx_int(b, i), index});
        lb_store(b, acc, at, lx_binary(b, LB_ADD, lx_load(b, acc, at), value), NULL);
    }
    lb_end(b, loop);
    lb_end(b, pass);
    for (int i = 0; i < READ_CHAINS; i++) {
        LX value = lx_load(b, acc, (LX[]){lx_int(b, i)});
        lb_store(b, d->y, (LX[]){d->thread, lx_int(b, i), lane(d, lx_int(b, 0))}, value, NULL);
    }
}

bool limit_program_read(const Compilation *c, int64_t threads, int64_t bytes, int64_t least,
                        LimitProgram *program) {
    int64_t lanes = target_lanes(&c->desc, 32), row_bytes = 4 * lanes * READ_CHAINS;
    int64_t rows = (bytes < MOST_ROWS_BYTES ? bytes : MOST_ROWS_BYTES) / row_bytes;
    if (rows < 1) return false;
    rows -= rows > 1 && rows % 2 == 0; /* streams a power of two apart would meet in one set */
    int64_t run = threads * rows * row_bytes, passes = least > run ? least / run : 1;
    Draft d = {.module = module_create(c->arena, c->diag), .lanes = lanes};
    DimContext *dims = d.module->dims;
    Dim input[3] = {dim_int(dims, threads), dim_int(dims, READ_CHAINS),
                    dim_int(dims, rows * lanes)};
    Dim output[3] = {dim_int(dims, threads), dim_int(dims, READ_CHAINS), dim_int(dims, lanes)};
    draft_begin(&d, c, "read", input, output);
    read_all(&d, rows, passes);
    Tensor in = tensor_new(c->arena, DT_f32, 3, (int64_t[]){threads, READ_CHAINS, rows * lanes});
    memset(in.data, 0, in.bytes); /* pages of their own, not the system's one of zeros */
    program->work = (double)run * (double)passes;
    return draft_end(&d, &in, threads, &program->executable);
}
