#include "driver/peak.h"

#include "driver/dump.h"
#include "driver/execute.h"

enum { PEAK_STEPS = 1 << 20, PEAK_RUNS = 12 };

/* y[r] = (((x * m + a) * m + a) ... ): as many independent chains as registers allow, so that
 * latency does not bind. */
static LProgram *peak_program(Compilation *c, Module *module, int chains, int lanes) {
    LProgram *program = lprogram_create(module, module->graph);
    program->alignment = c->desc.buffer_alignment;
    DimContext *dims = module->dims;
    LBuilder b;
    LKernel *kernel = lkernel_create(program, "peak_f32", "peak", &b);
    Dim input[2] = {dim_int(dims, 3), dim_int(dims, lanes)},
        output[2] = {dim_int(dims, chains), dim_int(dims, lanes)};
    LBuffer *x = lb_param(&b, "x", SPACE_GLOBAL, DT_f32, 2, input, ACCESS_READ);
    LBuffer *y = lb_param(&b, "y", SPACE_GLOBAL, DT_f32, 2, output, ACCESS_WRITE);
    LX lane = lanes > 1 ? lx_ramp(&b, lx_int(&b, 0), 1, lanes) : lx_int(&b, 0);
    LX start = lb_let(&b, "start", lx_load(&b, x, (LX[]){lx_int(&b, 0), lane}));
    LX factor = lb_let(&b, "factor", lx_load(&b, x, (LX[]){lx_int(&b, 1), lane}));
    LX addend = lb_let(&b, "addend", lx_load(&b, x, (LX[]){lx_int(&b, 2), lane}));
    int64_t size = chains;
    LBuffer *acc = lb_declare(&b, "acc", SPACE_PRIVATE, ltype(DT_f32, lanes), 1, &size);
    for (int i = 0; i < chains; i++) {
        LX value = lx_binary(&b, LB_ADD, start, lx_const(&b, ltype(DT_f32, lanes), i));
        lb_store(&b, acc, (LX[]){lx_int(&b, i)}, value, NULL);
    }
    LStmt *loop = lb_for(&b, LOOP_SERIAL, "step", lx_int(&b, 0), lx_int(&b, PEAK_STEPS));
    for (int i = 0; i < chains; i++) {
        LX at[] = {lx_int(&b, i)};
        lb_store(&b, acc, at, lx_fma(&b, lx_load(&b, acc, at), factor, addend), NULL);
    }
    lb_end(&b, loop);
    for (int i = 0; i < chains; i++) {
        LX value = lx_load(&b, acc, (LX[]){lx_int(&b, i)});
        lb_store(&b, y, (LX[]){lx_int(&b, i), lane}, value, NULL);
    }
    LTensor *tensors[2] = {
        lprogram_tensor(program, "x", TENSOR_INPUT, DT_f32, dim_int(dims, 3 * lanes)),
        lprogram_tensor(program, "y", TENSOR_OUTPUT, DT_f32,
                        dim_int(dims, (int64_t)chains * lanes))};
    lprogram_call(program, kernel, tensors, "peak", (Span){0});
    return plan_memory(program, c->diag) ? program : NULL;
}

double peak_f32(Compilation *c) {
    int lanes = target_lanes(&c->desc, 32), chains = c->desc.vector_registers >= 32 ? 24 : 12;
    Module *module = module_create(c->arena, c->diag);
    Graph *graph = module->graph = graph_create(module, "peak");
    Dim input[2] = {dim_int(module->dims, 3), dim_int(module->dims, lanes)};
    Dim output[2] = {dim_int(module->dims, chains), dim_int(module->dims, lanes)};
    TensorType x_type = type_make(DT_f32, 2, input);
    Value *x = graph_add_input(graph, "x", &x_type, (Span){0});
    /* The graph only states the signature; the kernel is written by hand. */
    Builder b = {.graph = graph, .path = "peak"};
    Value *row = build1(&b, OP_slice, x, attr_ints("starts", 1, (int64_t[]){0}),
                        attr_ints("ends", 1, (int64_t[]){1}));
    Value *y = build1(&b, OP_broadcast_to, row, attr_dims("shape", 2, output));
    graph_set_outputs(graph, 1, &y, (const char *const[]){"y"});

    Compilation peak = *c;
    Executable executable = {0};
    peak.program = peak_program(c, module, chains, lanes);
    peak.target_options.prefix = "peak";
    double best = 0;
    Tensor in = tensor_new(c->arena, DT_f32, 2, (int64_t[]){3, lanes});
    for (int i = 0; i < lanes; i++) {
        tensor_set(&in, i, 1.0);
        tensor_set(&in, lanes + i, 0.999);
        tensor_set(&in, 2 * lanes + i, 0.001);
    }
    bool ok = peak.program && executable_compile(&peak, &executable) &&
              executable_bind(&executable, &in, (int64_t[]){0}, 1, c->diag);
    for (int run = 0; ok && run < PEAK_RUNS; run++) {
        double start = dump_clock();
        ok = executable_run(&executable, c->diag);
        double rate = 2.0 * chains * lanes * PEAK_STEPS / (dump_clock() - start);
        if (ok && rate > best) best = rate;
    }
    executable_close(&executable);
    return best;
}
